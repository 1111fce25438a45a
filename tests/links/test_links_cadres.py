"""Cadres: whom they help, how it is shown, and what the data model refuses (domain: Civil Servants Law art. 59)."""

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

import shop.models  # noqa: F401
from shop.access.models import PartyKind, Role
from shop.channels.actions import OfferTerms, partner_by_code, plan_occasion, set_fee
from shop.channels.errors import RewardRefused
from shop.channels.models import OccasionKind
from shop.farmers.models import Pairing
from shop.kit.db import db, release, transaction
from shop.ledger.actions import account
from shop.ledger.models import AccountKind
from shop.links.models import HelperUnit
from shop.reports.books import check_books
from tests.factories.access import headers_of, party, person
from tests.factories.tables import contents
from tests.journeys.conftest import DAY, PEACH, Stage, stage
from tests.journeys.test_journeys import finish, reached

__all__ = ["stage"]

VILLAGE = "SELECT villages.code FROM villages JOIN households ON village_id = villages.id WHERE households.code = :code"


@pytest.fixture(autouse=True)
def books_are_right_afterwards(stage: Stage) -> Iterator[None]:
    yield
    assert check_books(db.session(), now=stage.clock.now()) == []
    release()


def one(sql: str, **values: Any) -> Any:
    found = db.session.execute(text(sql), values).scalar_one()
    release()
    return found


def bought(stage: Stage, who: str = "customer", partner: str = "G1", packs: int = 1) -> str:
    """A paid order by way of a cadre."""
    number = str(
        stage.post(who, "/orders", {"partner": partner, "lines": [{"sku": PEACH, "quantity": packs}]})["number"]
    )
    stage.press_pay(number, who)
    return number


def another_cadre(stage: Stage, code: str, name: str) -> None:
    stage.post("operator", "/partners", {"kind": "cadre", "code": code, "name_zh": name})


def test_a_cadre_sees_whom_he_helped_and_with_whom_he_is_paired(stage: Stage) -> None:
    number = bought(stage, packs=2)
    finish(stage, {"number": number}, "customer")
    household = next(iter(reached(number)))
    village = one(VILLAGE, code=household)
    stage.post("operator", "/pairings", {"helper": "G1", "village": village, "starts_on": "2025-03-01"})
    asked = {"helper": "G1", "household": household, "starts_on": "2025-07-01"}
    stage.post("operator", "/pairings", asked)
    stage.post("cadre", "/links", {"partner": "G1", "sku": PEACH})
    seen = stage.get("cadre", "/cadres/G1")
    assert (seen["orders"], seen["net_fen"], seen["households"], seen["products"]) == (1, 7960, len(reached(number)), 1)
    assert [(p["household"], p["starts_on"], p["ends_on"]) for p in seen["pairings"]] == [
        (household, "2025-07-01", None), (None, "2025-03-01", None),
    ]  # fmt: skip
    assert stage.get("operator", "/cadres/G1") == seen
    stage.get("host", "/cadres/G1", 403)
    ended = {"helper": "G1", "household": household, "ends_on": "2025-07-15", "reason": "轮换"}
    stage.post("operator", "/pairings/ending", ended, 200)
    assert stage.get("cadre", "/cadres/G1")["pairings"][0]["ends_on"] == "2025-07-15"


def test_what_a_cadre_buys_himself_is_no_help(stage: Stage) -> None:
    parties = dict(db.session.execute(text("SELECT code, id FROM parties WHERE code IN ('G1', 'C1')")).all())
    release()
    both = person(stage.app, (Role.CADRE, parties["G1"]), (Role.CUSTOMER, parties["C1"]))
    stage.people["himself"] = headers_of(stage.app, both)
    bought(stage, "himself", packs=9)
    seen = stage.get("cadre", "/cadres/G1")
    assert (seen["orders"], seen["net_fen"], seen["class_zh"]) == (0, 0, "暂无")


def test_cadres_are_listed_by_name_or_in_classes_that_tell_no_number(stage: Stage) -> None:
    another_cadre(stage, "G2", "安干部（示例）")
    bought(stage)
    names = [row["name_zh"] for row in stage.get("operator", "/cadres")["items"]]
    assert names == sorted(names)
    assert stage.get("operator", "/cadres?by=class")["items"] == [
        {"code": "G1", "name_zh": "干部（示例）", "unit_code": None, "class_zh": "1 至 9 单"},
        {"code": "G2", "name_zh": "安干部（示例）", "unit_code": None, "class_zh": "暂无"},
    ]
    stage.get("cadre", "/cadres", 403)


def test_ranking_is_off_until_the_county_turns_it_on_and_then_counts_help_outside_the_own_unit_only(
    stage: Stage,
) -> None:
    another_cadre(stage, "G2", "安干部（示例）")
    refused = stage.get("operator", "/cadres?by=rank", 409)
    assert refused["type"].endswith("#ranking-off")
    headers = stage.people["operator"]
    belongs = stage.app.test_client().put("/api/v1/cadres/G1/unit", json={"unit_code": "B18"}, headers=headers)
    assert (belongs.status_code, belongs.get_json()["unit_code"]) == (200, "B18")
    unit = one("SELECT party_id FROM partners WHERE code = 'B18'")
    colleague = person(
        stage.app, (Role.BUYER, unit), (Role.CUSTOMER, party(stage.app, PartyKind.CUSTOMER, "COLLEAGUE"))
    )
    stage.people["colleague"] = headers_of(stage.app, colleague)
    for _ in range(3):
        asked = {"partner": "G1", "lines": [{"sku": PEACH, "quantity": 1}]}
        number = stage.post("colleague", "/orders", asked)["number"]
        with transaction() as session:
            session.execute(
                text(
                    "UPDATE orders SET buyer_party_id = (SELECT id FROM parties WHERE code = 'COLLEAGUE')"
                    " WHERE number = :n"
                ),
                {"n": number},
            )
        stage.press_pay(number, "colleague")
    bought(stage, partner="G2")
    stage.post("operator", "/link-rules", {"valid_from": "2025-07-15", "window_days": 7, "ranking": True})
    ranked = stage.get("operator", "/cadres?by=rank")["items"]
    shown = {row["code"]: (row["rank"], row["outside_orders"]) for row in ranked}
    assert (shown["G2"], shown["G1"][1]) == ((1, 1), 0)
    assert all("orders" not in row and "net_fen" not in row for row in ranked)
    assert stage.get("operator", "/cadres/G1")["orders"] == 3


def test_the_database_opens_no_account_for_a_cadre_whoever_asks(stage: Stage) -> None:
    cadre = one("SELECT party_id FROM partners WHERE code = 'G1'")
    for kind in (AccountKind.HOST, AccountKind.PLATFORM, AccountKind.FIRM):
        with pytest.raises(IntegrityError, match="never paid"), transaction() as session:
            account(session, kind, cadre)
    host = one("SELECT party_id FROM partners WHERE code = 'H1'")
    with transaction() as session:
        assert account(session, AccountKind.HOST, host)
    with pytest.raises(IntegrityError, match="never paid"), transaction() as session:
        session.execute(text("UPDATE accounts SET party_id = :cadre WHERE party_id = :host"), locals())


def test_no_commission_and_no_fee_can_be_set_for_a_cadre(stage: Stage) -> None:
    campaign = one("SELECT min(id) FROM campaigns")
    product = one("SELECT id FROM products WHERE sku = :sku", sku=PEACH)
    now = stage.clock.now()
    with pytest.raises(RewardRefused), transaction() as session:
        set_fee(session, partner_by_code(session, "G1"), 1, DAY, actor_id=None, now=now)
    with pytest.raises(RewardRefused), transaction() as session:
        plan_occasion(
            session, OccasionKind.SESSION, "LIVE-G", campaign, partner_by_code(session, "G1"), "干部直播（示例）", now,
            now.replace(hour=23), [OfferTerms(product, 3500, 0)], actor_id=None, now=now, commission_bp=1,
        )  # fmt: skip
    with pytest.raises(IntegrityError, match="only_shops_charge"), transaction() as session:
        session.execute(
            text(
                "INSERT INTO fee_rates (partner_id, partner_kind, valid_from, rate_bp)"
                " SELECT id, kind, '2025-01-01', 1 FROM partners WHERE code = 'G1'"
            )
        )


@pytest.mark.parametrize("code", ["H1", "S1", "B18"])
def test_only_who_helps_for_nothing_belongs_to_a_unit_as_a_cadre_even_in_sql(stage: Stage, code: str) -> None:
    headers = stage.people["operator"]
    before = contents(stage.app)
    belongs = stage.app.test_client().put(f"/api/v1/cadres/{code}/unit", json={"unit_code": "B18"}, headers=headers)
    assert belongs.status_code == 404
    with pytest.raises(IntegrityError, match="only_unpaid_helpers"), transaction() as session:
        session.execute(
            text(
                "INSERT INTO helper_units (partner_id, partner_kind, unit_id)"
                " SELECT id, kind, id FROM partners WHERE code = :code"
            ),
            {"code": code},
        )
    assert contents(stage.app) == before


def test_no_table_about_cadres_has_a_column_for_a_target_a_purchase_or_a_picture() -> None:
    tables = (Pairing.__table__, HelperUnit.__table__)
    columns = {column.name for table in tables for column in table.columns}
    assert columns == {
        "id", "helper_id", "helper_kind", "village_id", "household_id", "starts_on", "ends_on", "recorded_by_id",
        "recorded_at", "partner_id", "partner_kind", "unit_id",
    }  # fmt: skip
    wide = (sa.LargeBinary, sa.Text, sa.JSON)
    assert not [column for table in tables for column in table.columns if isinstance(column.type, wide)]
