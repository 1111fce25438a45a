"""The catalogue over HTTP: what everybody sees, what a firm writes, what the county decides."""

from datetime import UTC, datetime
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, text

from shop.access.models import Role
from shop.catalog.models import Firm
from shop.kit.clock import WalkingClock
from shop.kit.db import db
from tests.factories.access import signed_in
from tests.factories.statements import statements
from tests.factories.tables import contents

PRODUCTS = "/api/v1/products"
FIRMS = "/api/v1/firms"
A_DRAFT: dict[str, Any] = {
    "sku": "PL101", "firm": "F01", "name_zh": "晚桃", "name_en": "late peach", "category": "fruit",
    "spec_zh": "5kg/箱", "net_weight_g": 5000, "unit_zh": "箱", "origin_village": "邵官镇西太村",
    "farm_gate_fen_per_kg": 400, "harvest_start_month": 8, "harvest_end_month": 9, "shelf_life_days": 7,
    "storage_zh": "冷藏0-4℃", "is_fresh": True, "is_food": True, "required_papers": ["conformity_certificate"],
}  # fmt: skip


@pytest.fixture
def shop(county: Flask) -> FlaskClient:
    return county.test_client()


def party_of(code: str) -> int:
    return db.session.execute(select(Firm.party_id).where(Firm.code == code)).scalar_one()


@pytest.fixture
def staff(county: Flask) -> dict[str, str]:
    return signed_in(county, Role.FIRM_STAFF, party_of("F01"))


@pytest.fixture
def other_staff(county: Flask) -> dict[str, str]:
    return signed_in(county, Role.FIRM_STAFF, party_of("F02"))


@pytest.fixture
def operator(county: Flask) -> dict[str, str]:
    return signed_in(county, Role.OPERATOR)


def skus(answer: Any) -> list[str]:
    return [product["sku"] for product in answer.get_json()["items"]]


def everything(shop: FlaskClient, query: str = "", headers: dict[str, str] | None = None) -> list[str]:
    found, cursor = [], ""
    while True:
        answer = shop.get(f"{PRODUCTS}?limit=24{query}{cursor}", headers=headers)
        found += skus(answer)
        if answer.get_json()["next"] is None:
            return found
        cursor = f"&cursor={answer.get_json()['next']}"


def test_everybody_sees_79_products_page_by_page(shop: FlaskClient) -> None:
    found = everything(shop)
    assert found == [f"PL{number:03d}" for number in range(1, 80)]


def test_a_product_shows_prices_with_their_units_tiers_and_season(shop: FlaskClient) -> None:
    peach = shop.get(f"{PRODUCTS}/PL001?on=2025-07-15").get_json()
    assert (peach["price_fen"], peach["price_per_jin_fen"], peach["price_per_kg_fen"]) == (3980, 796, 1592)
    assert [(tier["min_quantity"], tier["price_fen"]) for tier in peach["tiers"]] == [
        (1, 3980), (10, 3780), (50, 3580), (200, 3380),
    ]  # fmt: skip
    assert (peach["in_season"], peach["harvest_months"], peach["origin_zh"]) == (True, [7, 8], "部官镇西太村")
    assert shop.get(f"{PRODUCTS}/PL001?on=2025-06-30").get_json()["in_season"] is False
    assert "status" not in peach


def test_today_is_the_day_of_the_apps_clock_in_beijing(shop: FlaskClient, clock: WalkingClock) -> None:
    assert shop.get(f"{PRODUCTS}/PL001").get_json()["in_season"] is True
    clock.put(datetime(2025, 8, 31, 15, 59, tzinfo=UTC))
    assert shop.get(f"{PRODUCTS}/PL001").get_json()["in_season"] is True
    clock.put(datetime(2025, 8, 31, 16, 0, tzinfo=UTC))
    assert shop.get(f"{PRODUCTS}/PL001").get_json()["in_season"] is False


def test_a_list_and_a_detail_cost_no_statement_but_the_one_for_the_version(county: Flask, shop: FlaskClient) -> None:
    for path in (PRODUCTS, f"{PRODUCTS}/PL001", f"{PRODUCTS}?firm=F01&in_season=true", FIRMS):
        shop.get(path)
        with statements() as seen:
            assert shop.get(path).status_code == 200
        assert set(seen) <= {"SELECT version FROM reference_version"}


def test_somebody_signed_in_costs_one_statement(county: Flask, shop: FlaskClient, staff: dict[str, str]) -> None:
    for path in (PRODUCTS, f"{PRODUCTS}/PL001"):
        shop.get(path, headers=staff)
        with statements() as seen:
            assert shop.get(path, headers=staff).status_code == 200
        assert len(seen) == 1, seen
        assert "reference_version" in seen[0]


def test_a_version_is_told_also_after_the_connections_were_cut(county: Flask, shop: FlaskClient) -> None:
    assert shop.get(f"{PRODUCTS}/PL001").status_code == 200
    db.session.remove()
    with db.engine.connect() as connection:
        others = "datname = current_database() AND pid <> pg_backend_pid()"
        connection.execute(text(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}"))
        connection.detach()
    assert [shop.get(f"{PRODUCTS}/PL001").status_code for _ in range(5)] == [200] * 5


def test_filters_narrow_the_list(shop: FlaskClient) -> None:
    assert everything(shop, "&firm=F01") == ["PL001", "PL002", "PL003"]
    assert len(everything(shop, "&category=fruit")) == 22
    assert everything(shop, "&q=%E8%9C%9C%E6%A1%83&firm=F01") == ["PL001"]
    assert everything(shop, "&q=pl001") == ["PL001"]
    july = everything(shop, "&in_season=true&on=2025-07-15")
    rest = everything(shop, "&in_season=false&on=2025-07-15")
    assert "PL001" in july
    assert sorted(july + rest) == everything(shop)
    assert everything(shop, "&firm=F99") == []


def test_a_claimed_mark_is_never_shown_as_held(shop: FlaskClient) -> None:
    kinds = {
        paper["kind"] for sku in everything(shop) for paper in shop.get(f"{PRODUCTS}/{sku}").get_json()["certificates"]
    }
    assert kinds == {"food_production_licence", "workshop_licence"}


def test_a_licence_is_shown_until_it_expires(shop: FlaskClient) -> None:
    last = shop.get(f"{PRODUCTS}/PL051?on=2027-05-31").get_json()["certificates"]
    assert [paper["kind"] for paper in last] == ["workshop_licence"]
    assert shop.get(f"{PRODUCTS}/PL051?on=2027-06-01").get_json()["certificates"] == []


def test_a_listing_goes_from_draft_to_sale_and_back(
    county: Flask, shop: FlaskClient, staff: dict[str, str], operator: dict[str, str]
) -> None:
    def move(headers: dict[str, str], event_name: str) -> tuple[int, str]:
        answer = shop.post(f"{PRODUCTS}/PL101/listing", json={"event": event_name}, headers=headers)
        return answer.status_code, answer.get_json(force=True).get("status", "")

    made = shop.post(PRODUCTS, json=A_DRAFT, headers=staff)
    assert (made.status_code, made.get_json()) == (201, {"sku": "PL101", "status": "draft"})
    assert shop.get(f"{PRODUCTS}/PL101").status_code == 404
    assert shop.get(f"{PRODUCTS}/PL101", headers=staff).get_json()["status"] == "draft"
    assert move(staff, "submit")[0] == 409  # no price yet
    tiers = [{"min_quantity": 1, "price_fen": 5000}, {"min_quantity": 10, "price_fen": 4500}]
    priced = shop.post(f"{PRODUCTS}/PL101/prices", json={"valid_from": "2025-07-15", "tiers": tiers}, headers=staff)
    assert priced.status_code == 201
    assert move(staff, "submit") == (200, "submitted")
    assert move(staff, "approve")[0] == 403
    assert shop.get(f"{PRODUCTS}/PL101").status_code == 404
    assert move(operator, "approve") == (200, "listed")
    shown = shop.get(f"{PRODUCTS}/PL101").get_json()
    assert (shown["price_fen"], shown["price_per_kg_fen"], shown["origin_zh"]) == (5000, 1000, "部官镇西太村")
    assert len(everything(shop)) == 80
    changed = shop.patch(f"{PRODUCTS}/PL101", json={"name_zh": "更晚的桃"}, headers=staff)
    assert changed.status_code == 409
    assert move(staff, "withdraw") == (200, "withdrawn")
    assert shop.get(f"{PRODUCTS}/PL101").status_code == 404
    assert shop.patch(f"{PRODUCTS}/PL101", json={"name_zh": "更晚的桃"}, headers=staff).get_json()["status"] == "draft"
    assert shop.get(f"{PRODUCTS}/PL101", headers=staff).get_json()["name_zh"] == "更晚的桃"


def test_another_firm_neither_sees_a_draft_nor_touches_it(
    county: Flask, shop: FlaskClient, staff: dict[str, str], other_staff: dict[str, str]
) -> None:
    shop.post(PRODUCTS, json=A_DRAFT, headers=staff)
    before = contents(county)
    calls = [
        shop.get(f"{PRODUCTS}/PL101", headers=other_staff),
        shop.patch(f"{PRODUCTS}/PL101", json={"name_zh": "抢"}, headers=other_staff),
        shop.post(f"{PRODUCTS}/PL101/listing", json={"event": "withdraw"}, headers=other_staff),
        shop.post(
            f"{PRODUCTS}/PL001/prices",
            json={"valid_from": "2025-07-15", "tiers": [{"min_quantity": 1, "price_fen": 1}]},
            headers=other_staff,
        ),
        shop.get(f"{PRODUCTS}/PL001/certificates", headers=other_staff),
        shop.post(PRODUCTS, json=A_DRAFT | {"sku": "PL102"}, headers=other_staff),
    ]
    assert [answer.status_code for answer in calls] == [404] * 6
    assert "PL101" not in everything(shop, headers=other_staff)
    assert contents(county) == before


def test_a_new_price_list_holds_from_its_day_and_never_back(
    county: Flask, shop: FlaskClient, staff: dict[str, str]
) -> None:
    asked = {"valid_from": "2025-08-01", "tiers": [{"min_quantity": 1, "price_fen": 3000}]}
    assert shop.post(f"{PRODUCTS}/PL001/prices", json=asked, headers=staff).status_code == 201
    prices = [shop.get(f"{PRODUCTS}/PL001?on={day}").get_json()["price_fen"] for day in ("2025-07-31", "2025-08-01")]
    assert prices == [3980, 3000]
    before = contents(county)
    late = shop.post(f"{PRODUCTS}/PL001/prices", json=asked | {"valid_from": "2025-07-14"}, headers=staff)
    assert (late.status_code, late.get_json(force=True)["type"]) == (422, "/docs/errors#price-list-in-the-past")
    rising = [{"min_quantity": 1, "price_fen": 3000}, {"min_quantity": 5, "price_fen": 3000}]
    for tiers in (rising, [{"min_quantity": 2, "price_fen": 3000}]):
        wrong = shop.post(f"{PRODUCTS}/PL001/prices", json=asked | {"tiers": tiers}, headers=staff)
        assert (wrong.status_code, wrong.get_json(force=True)["type"]) == (422, "/docs/errors#price-list-not-ordered")
    assert contents(county) == before


def test_a_mark_is_shown_only_after_the_county_has_seen_it(
    shop: FlaskClient, staff: dict[str, str], operator: dict[str, str]
) -> None:
    path = f"{PRODUCTS}/PL001/certificates"
    mark = {"kind": "gi_mark", "number": "AGI-1"}
    dated = mark | {"issued_on": "2025-01-01", "expires_on": "2025-12-31"}
    claimed = shop.post(path, json=dated, headers=staff)
    assert (claimed.status_code, claimed.get_json()["verified"]) == (201, False)
    assert shop.post(path, json=dated, headers=staff).status_code == 409
    assert shop.get(f"{PRODUCTS}/PL001").get_json()["certificates"] == []
    assert shop.post(f"{path}/verification", json=mark, headers=staff).status_code == 403
    seen = shop.post(f"{path}/verification", json=mark, headers=operator)
    assert (seen.status_code, seen.get_json()["verified"]) == (200, True)
    assert [paper["number"] for paper in shop.get(f"{PRODUCTS}/PL001").get_json()["certificates"]] == ["AGI-1"]
    assert shop.get(f"{PRODUCTS}/PL001?on=2026-01-01").get_json()["certificates"] == []
    assert shop.get(path, headers=staff).get_json()["items"] == [
        dated
        | {
            "verified": True, "verified_at": "2025-07-15T02:00:00+00:00", "revoked_at": None, "revoked_because": None
        }
    ]  # fmt: skip
    other = {"kind": "gi_mark", "number": "AGI-2"}
    assert shop.post(f"{path}/verification", json=other, headers=operator).status_code == 404


def test_a_paper_of_a_batch_is_no_paper_of_a_product(shop: FlaskClient, staff: dict[str, str]) -> None:
    batch = {"kind": "quarantine_certificate", "number": "Q1", "issued_on": "2025-01-01", "expires_on": "2025-12-31"}
    assert shop.post(f"{PRODUCTS}/PL001/certificates", json=batch, headers=staff).status_code == 422


def test_a_firm_applies_is_admitted_and_suspended_and_then_sells_nothing(
    shop: FlaskClient, operator: dict[str, str]
) -> None:
    asked = {
        "code": "F19", "name_zh": "新社（示例）", "kind": "cooperative", "village": "杜村", "reserve_bp": 1000,
        "member_return_bp": 6000,
    }  # fmt: skip
    assert shop.post(FIRMS, json=asked, headers=operator).get_json() == {"code": "F19", "status": "applied"}
    assert shop.post(FIRMS, json=asked, headers=operator).status_code == 409
    assert shop.get(f"{FIRMS}/F19").status_code == 404
    admitted = shop.post(f"{FIRMS}/F19/admission", json={"event": "admit"}, headers=operator)
    assert admitted.get_json() == {"code": "F19", "status": "admitted"}
    assert shop.get(f"{FIRMS}/F19").get_json() == {
        "code": "F19", "name_zh": "新社（示例）", "kind": "cooperative", "status": "admitted", "township_zh": "杜马乡",
        "village_zh": "杜村",
    }  # fmt: skip
    assert shop.post(f"{FIRMS}/F19/admission", json={"event": "admit"}, headers=operator).status_code == 409
    shop.post(f"{FIRMS}/F01/admission", json={"event": "suspend", "reason": "抽检不合格"}, headers=operator)
    assert shop.get(f"{FIRMS}/F01").status_code == 404
    assert shop.get(f"{PRODUCTS}/PL001").status_code == 404
    assert everything(shop, "&firm=F01") == []


def test_only_a_co_operative_says_how_it_shares_and_never_below_the_law(
    county: Flask, shop: FlaskClient, operator: dict[str, str]
) -> None:
    asked = {"code": "F19", "name_zh": "新社（示例）", "kind": "cooperative", "village": "杜村", "reserve_bp": 1000}
    before = contents(county)
    for more in ({}, {"member_return_bp": 5999}, {"kind": "family_farm", "member_return_bp": 6000}):
        assert shop.post(FIRMS, json=asked | more, headers=operator).status_code == 422
    unknown = shop.post(FIRMS, json=asked | {"member_return_bp": 6000, "village": "没有村"}, headers=operator)
    assert unknown.status_code == 404
    assert contents(county) == before


def test_everybody_sees_the_eighteen_admitted_firms(shop: FlaskClient) -> None:
    first = shop.get(f"{FIRMS}?limit=10").get_json()
    rest = shop.get(f"{FIRMS}?limit=10&cursor={first['next']}").get_json()
    assert [firm["code"] for firm in first["items"] + rest["items"]] == [f"F{number:02d}" for number in range(1, 19)]
    assert rest["next"] is None


def test_a_kept_answer_never_outlives_a_change(shop: FlaskClient, staff: dict[str, str]) -> None:
    assert shop.get(f"{PRODUCTS}/PL001").get_json()["price_fen"] == 3980
    asked = {"valid_from": "2025-07-15", "tiers": [{"min_quantity": 1, "price_fen": 3333}]}
    shop.post(f"{PRODUCTS}/PL001/prices", json=asked, headers=staff)
    assert shop.get(f"{PRODUCTS}/PL001").get_json()["price_fen"] == 3333
    shop.post(f"{PRODUCTS}/PL001/listing", json={"event": "withdraw"}, headers=staff)
    assert shop.get(f"{PRODUCTS}/PL001").status_code == 404


def test_what_an_insider_sees_is_kept_for_nobody_else(shop: FlaskClient, staff: dict[str, str]) -> None:
    shop.post(PRODUCTS, json=A_DRAFT, headers=staff)
    assert "PL101" in skus(shop.get(f"{PRODUCTS}?firm=F01", headers=staff))
    assert "PL101" not in skus(shop.get(f"{PRODUCTS}?firm=F01"))
    assert "PL101" in skus(shop.get(f"{PRODUCTS}?firm=F01", headers=staff))
