"""Prices for a named buyer or a group: which holds, that it is frozen, and that nobody else sees it."""

import re
from datetime import date, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from shop.access.models import Role
from shop.agreements.models import Side
from shop.catalog.models import Firm
from shop.channels.models import NamedPriceList
from shop.channels.prices import add_group, end_named_prices, set_members, set_named_prices
from shop.kit.clock import WalkingClock, beijing_day
from shop.kit.db import db, transaction
from shop.orders.cuts import Less, plan_cut
from shop.orders.locks import lines_of
from shop.orders.models import Order
from tests.factories.access import headers_of, person, signed_in
from tests.factories.sales import Season, ready
from tests.factories.tables import contents

PEACH, DAY = "PL001", timedelta(days=1)


def prices(season: Season, *tiers: tuple[int, int], days: int | None = None, **audience: str) -> NamedPriceList:
    first = beijing_day(season.now)
    return set_named_prices(
        season.session, season.product, tiers, first, None if days is None else first + days * DAY,
        partner=audience.get("partner"), group=audience.get("group"), actor_id=None, now=season.now,
    )  # fmt: skip


def grouped(season: Season, code: str, *members: str) -> None:
    group = add_group(season.session, code, f"{code}（示例）", actor_id=None, now=season.now)
    set_members(season.session, group, members, actor_id=None, now=season.now)


def line(season: Season, order: Order) -> tuple[int, str | None, int | None]:
    (only,) = lines_of(season.session, order.id)
    return only.price_fen, only.price_source and only.price_source.value, only.price_list_id


def test_the_buyer_s_own_price_goes_before_his_group_s_and_that_before_the_general_one(season: Season) -> None:
    assert line(season, season.asked("UNIT", 2)) == (3_980, "general", None)
    grouped(season, "DEAR", "UNIT")
    grouped(season, "CHEAP", "UNIT")
    dear = prices(season, (1, 3_900), (20, 3_000), group="DEAR")
    cheap = prices(season, (1, 3_800), (10, 3_700), group="CHEAP")
    assert line(season, season.asked("UNIT", 2)) == (3_800, "group", cheap.id)
    assert line(season, season.asked("UNIT", 10)) == (3_700, "group", cheap.id)
    assert line(season, season.asked("UNIT", 20)) == (3_000, "group", dear.id)
    own = prices(season, (1, 3_850), (5, 3_750), partner="UNIT", days=2)  # dearer than a group's, and yet it holds
    assert line(season, season.asked("UNIT", 4)) == (3_850, "buyer", own.id)
    assert line(season, season.asked("UNIT", 20)) == (3_750, "buyer", own.id)
    later = prices(season, (1, 3_600), partner="UNIT", days=1)
    assert line(season, season.asked("UNIT", 4)) == (3_600, "buyer", later.id)
    assert line(season, season.placed("SHOP", 2)) == (3_980, "general", None)
    assert line(season, season.placed("HOST", 2)) == (3_000, "offer", None)
    season.now += DAY
    assert line(season, season.asked("UNIT", 4)) == (3_850, "buyer", own.id)
    season.now += DAY
    assert line(season, season.asked("UNIT", 4)) == (3_800, "group", cheap.id)


def test_an_order_keeps_the_list_that_it_was_bought_by_also_when_packs_are_taken_off(season: Season) -> None:
    named = prices(season, (1, 3_500), (10, 3_000), partner="UNIT")
    order = season.approved("UNIT", 12)
    assert line(season, order) == (3_000, "buyer", named.id)
    end_named_prices(season.session, named, season.product, actor_id=None, now=season.now)
    assert line(season, season.asked("UNIT", 12)) == (3_780, "general", None)
    assert line(season, order) == (3_000, "buyer", named.id)
    # Two packs are left: by the list's first tier, not by the general one of 3,980.
    (taken,) = plan_cut(
        season.session, order, [Less(PEACH, packs=10)], by=Side.BUYER, goods=season.goods(), actor_id=None
    )
    assert taken.amount_fen == 12 * 3_000 - 2 * 3_500
    for sql in ("UPDATE named_price_tiers SET price_fen = 1", "DELETE FROM named_price_tiers"):
        with pytest.raises(DBAPIError), season.session.begin_nested():
            season.session.execute(text(sql))
    with pytest.raises(DBAPIError), season.session.begin_nested():
        season.session.execute(text("UPDATE order_lines SET price_list_id = NULL WHERE price_source = 'buyer'"))


def test_a_firm_prices_for_a_buyer_over_http_and_nobody_else_sees_it(county: Flask, clock: WalkingClock) -> None:
    client = county.test_client()
    with transaction() as session:
        ready(session, clock.now())
        firm = session.execute(select(Firm.party_id).where(Firm.code == "F01")).scalar_one()
        other = session.execute(select(Firm.party_id).where(Firm.code == "F02")).scalar_one()
        units = session.execute(text("SELECT code, party_id FROM partners WHERE kind = 'unit' ORDER BY code LIMIT 2"))
        (unit, party), (_, stranger_party) = units.all()
    staff, rival = signed_in(county, Role.FIRM_STAFF, firm), signed_in(county, Role.FIRM_STAFF, other)
    operator = signed_in(county, Role.OPERATOR)
    mine, theirs = (headers_of(county, person(county, (Role.BUYER, id_))) for id_ in (party, stranger_party))

    def post(path: str, body: dict[str, Any], headers: dict[str, str]) -> Any:
        return client.post(f"/api/v1{path}", json=body, headers=headers)

    before_public = client.get(f"/api/v1/products/{PEACH}").data
    asked = {
        "partner": unit,
        "valid_from": "2025-07-15",
        "valid_until": None,
        "tiers": [{"min_quantity": 1, "price_fen": 3_333}],
    }
    path = f"/products/{PEACH}/named-prices"
    assert post(path, asked, rival).status_code == 404
    made = post(path, asked, staff)
    assert made.status_code == 201, made.text
    assert post("/buyer-groups", {"code": "ALL", "name_zh": "全部（示例）"}, operator).status_code == 201
    put = client.put("/api/v1/buyer-groups/ALL/members", json={"members": [unit]}, headers=operator)
    assert put.status_code == 200
    grouped_list = post(path, asked | {"partner": None, "group": "ALL"}, staff).get_json()["id"]

    def seen(headers: dict[str, str]) -> list[tuple[int, str | None]]:
        items = client.get("/api/v1/named-prices", headers=headers).get_json()["items"]
        return [(item["id"], item["group"]) for item in items]

    first = made.get_json()["id"]
    assert seen(staff) == seen(operator) == [(grouped_list, "ALL"), (first, None)]
    assert seen(mine) == [(grouped_list, None), (first, None)]
    assert (seen(theirs), seen(rival)) == ([], [])
    assert client.get("/api/v1/buyer-groups", headers=staff).get_json()["items"] == [
        {"code": "ALL", "name_zh": "全部（示例）"}
    ]
    assert client.get(f"/api/v1/products/{PEACH}").data == before_public
    for public in (f"/p/{PEACH}", "/", "/shop", "/api/v1/products"):
        assert not re.search(r"33\.33|3333", client.get(public).get_data(as_text=True)), public
    before = contents(county)
    lines = {"partner": unit, "lines": [{"sku": PEACH, "quantity": 2}]}
    foreign = post("/orders", lines, theirs | {"Idempotency-Key": "as-another"})
    assert (foreign.status_code, "3333" in foreign.text) == (409, False)
    refused = {
        "not-a-buyer": post(path, asked | {"partner": "SHOP"}, staff),
        "price-list-in-the-past": post(path, asked | {"valid_from": "2025-07-14"}, staff),
        "price-list-not-ordered": post(path, asked | {"tiers": [{"min_quantity": 2, "price_fen": 1}]}, staff),
    }
    assert {code: answer.get_json()["type"].rpartition("#")[2] for code, answer in refused.items()} == {
        code: code for code in refused
    }
    assert post(path, asked | {"group": "ALL"}, staff).status_code == 422
    assert contents(county) == before
    placed = post("/orders", lines, mine | {"Idempotency-Key": "own"})
    assert placed.status_code == 201, placed.text
    shown_order = client.get(f"/api/v1/orders/{placed.get_json()['number']}", headers=mine).get_json()
    assert [(of["price_fen"], of["price_source"], of["price_list_id"]) for of in shown_order["lines"]] == [
        (3_333, "buyer", first)
    ]
    assert post(f"/named-prices/{first}/end", {}, rival).status_code == 404
    assert client.post(f"/api/v1/named-prices/{first}/end", headers=staff).status_code == 200
    db.session.rollback()
    assert db.session.get_one(NamedPriceList, first).valid_until == date(2025, 7, 15)
