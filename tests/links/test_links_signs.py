"""Signs that the county should look at: counted by a job, shown to the county, never blocking (T45, T46)."""

from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from shop.access.models import PartyKind, Role
from shop.channels.actions import open_link
from shop.kit.clock import beijing_day
from shop.kit.db import db, release, transaction
from shop.links.signs import MANY_OPENINGS, find_signs
from tests.factories.access import headers_of, party, person
from tests.factories.tables import contents
from tests.journeys.conftest import PEACH, Stage, stage

__all__ = ["stage"]

HOME = {"name": "张三（示例）", "phone": "13800000000", "address": "某单位家属院（示例）"}


def looked(stage: Stage, day: date | None = None) -> dict[tuple[str, str], tuple[int, int]]:
    """(partner, sign) -> (found, base), after the job of the day."""
    with transaction() as session:
        find_signs(session, day or beijing_day(stage.clock.now()), now=stage.clock.now())
    items = stage.get("operator", "/link-signs")["items"]
    return {(item["partner"], item["kind"]): (item["found"], item["base"]) for item in items}


def customer(stage: Stage, name: str) -> str:
    owner = party(stage.app, PartyKind.CUSTOMER, f"C-{name}")
    stage.people[name] = headers_of(stage.app, person(stage.app, (Role.CUSTOMER, owner)))
    return name


def bought(stage: Stage, who: str = "customer", partner: str = "G1", **more: Any) -> str:
    asked = {"partner": partner, "lines": [{"sku": PEACH, "quantity": 1}]} | more
    number = str(stage.post(who, "/orders", asked)["number"])
    stage.press_pay(number, who)
    return number


def test_a_quiet_month_shows_nothing(stage: Stage) -> None:
    for name in ("a", "b", "c"):
        bought(stage, customer(stage, name))
    assert looked(stage) == {}


def test_one_buyer_of_more_than_half_is_a_sign_and_of_half_is_none(stage: Stage) -> None:
    for name in ("a", "b"):
        bought(stage, customer(stage, name))
    for _ in range(2):
        bought(stage)
    assert looked(stage) == {}
    bought(stage)
    assert looked(stage) == {("G1", "one_buyer"): (3, 5)}


def test_three_orders_of_one_buyer_say_nothing_yet(stage: Stage) -> None:
    for _ in range(3):
        bought(stage)
    assert looked(stage) == {}


def test_a_refund_after_the_month_it_was_counted_in_is_a_sign_and_within_it_is_none(stage: Stage) -> None:
    first, second = bought(stage, customer(stage, "a")), bought(stage, customer(stage, "b"))
    stage.post("a", f"/orders/{first}/cancellation", status=200)
    stage.work()
    assert looked(stage) == {}
    stage.clock.walk(timedelta(hours=1))
    stage.post("b", f"/orders/{second}/cancellation", status=200)
    stage.work()
    with transaction() as session:
        session.execute(text("UPDATE refunds SET requested_at = '2025-08-01T00:00:00+08:00' WHERE id IN"
                             " (SELECT max(id) FROM refunds)"))  # fmt: skip
    assert looked(stage, date(2025, 8, 2)) == {("G1", "refunded_later"): (1, 2)}


def test_five_buyers_of_one_amount_at_one_address_on_one_day_are_a_sign_and_four_are_none(stage: Stage) -> None:
    for name in ("a", "b", "c", "d"):
        bought(stage, customer(stage, name), recipient=HOME)
    bought(stage, customer(stage, "e"), recipient=HOME | {"address": "别处（示例）"})
    assert looked(stage) == {}
    bought(stage, customer(stage, "f"), recipient=HOME)
    assert looked(stage) == {("G1", "same_amount"): (5, 6)}


def test_a_price_above_the_list_is_a_sign(stage: Stage) -> None:
    stage.post("operator", "/sessions/LIVE-1/opening", status=200)
    bought(stage, partner="H1", occasion="LIVE-1")
    assert looked(stage) == {}
    with transaction() as session:
        session.execute(text("UPDATE price_tiers SET price_fen = 3499 WHERE min_quantity = 1"))
    assert looked(stage) == {("H1", "above_list"): (1, 1)}


def test_t46_orders_of_the_partner_himself_are_a_sign(stage: Stage) -> None:
    parties = dict(db.session.execute(text("SELECT code, id FROM parties WHERE code IN ('G1', 'C1')")).all())
    release()
    both = person(stage.app, (Role.CADRE, parties["G1"]), (Role.CUSTOMER, parties["C1"]))
    stage.people["himself"] = headers_of(stage.app, both)
    bought(stage, "himself")
    assert looked(stage) == {("G1", "own_orders"): (1, 1)}


def test_t45_a_visitor_who_opens_a_link_again_and_again_is_a_sign(stage: Stage) -> None:
    code = stage.post("cadre", "/links", {"partner": "G1"})["code"]

    def opens(times: int) -> None:
        with transaction() as session:
            for _ in range(times):
                open_link(session, code, "one and the same", "secret", now=stage.clock.now())

    opens(MANY_OPENINGS)
    assert looked(stage) == {}
    opens(1)
    assert looked(stage) == {("G1", "one_visitor"): (101, 101)}


def test_signs_are_recomputed_whole_and_one_that_is_no_more_goes(stage: Stage) -> None:
    for _ in range(4):
        bought(stage)
    assert looked(stage) == {("G1", "one_buyer"): (4, 4)}
    before = contents(stage.app)
    assert looked(stage) == {("G1", "one_buyer"): (4, 4)}
    assert contents(stage.app) == before
    for name in ("a", "b", "c", "d"):
        bought(stage, customer(stage, name))
    assert looked(stage) == {}


def test_a_sign_blocks_nothing_and_nobody_but_the_county_sees_it(stage: Stage) -> None:
    for _ in range(4):
        bought(stage)
    assert looked(stage) != {}
    assert bought(stage)
    for who in ("cadre", "host", "firm", "customer"):
        stage.get(who, "/link-signs", 403)
    assert "one_buyer" not in str(stage.get("cadre", "/cadres/G1"))


@pytest.mark.parametrize(("month", "expected"), [("2025-07", 1), ("2025-06", 0)])
def test_signs_are_read_by_month(stage: Stage, month: str, expected: int) -> None:
    for _ in range(4):
        bought(stage)
    looked(stage)
    assert len(stage.get("operator", f"/link-signs?month={month}")["items"]) == expected
