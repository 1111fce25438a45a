"""An order counted anew by the county, and the money that follows (T47)."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from shop.access.models import Role
from shop.kit.db import db, release, transaction
from shop.reports import rollups
from shop.reports.books import check_books
from shop.reports.models import Rollup
from tests.factories.access import headers_of, person
from tests.factories.tables import contents
from tests.journeys.conftest import PEACH, Stage, stage
from tests.journeys.test_journeys import finish, reached

__all__ = ["stage"]

REASON = "顾客来电确认由主播链接下单"
LIVE = {"partner": "H1", "occasion": "LIVE-1", "reason": REASON}


@pytest.fixture(autouse=True)
def books_and_rollups_are_right_afterwards(stage: Stage) -> Iterator[None]:
    yield
    with transaction() as session:
        for rollup in Rollup:
            rollups.refresh(session, rollup)
            assert rollups.compare(session, rollup) == []
    assert check_books(db.session(), now=stage.clock.now()) == []
    release()


def paid(stage: Stage, partner: str = "S1", packs: int = 2, **more: Any) -> str:
    """A paid order of peaches, 3980 fen a pack."""
    asked = {"partner": partner, "lines": [{"sku": PEACH, "quantity": packs}]} | more
    number = str(stage.post("customer", "/orders", asked)["number"])
    stage.press_pay(number, "customer")
    return number


def settled(stage: Stage, **more: Any) -> str:
    number = paid(stage, **more)
    finish(stage, {"number": number}, "customer")
    return number


def correct(stage: Stage, number: str, to: dict[str, Any], status: int = 200) -> Any:
    return stage.post("operator", f"/orders/{number}/attribution", to, status)


def by_channel(number: str) -> dict[str, int]:
    """Fen that reached households, by the channel they are counted for."""
    rows = db.session.execute(
        text(
            "SELECT channels.kind, sum(sales_reach.amount_fen) FROM sales_reach"
            " JOIN channels ON channels.id = channel_id"
            " JOIN order_lines ON order_lines.id = order_line_id JOIN orders ON orders.id = order_id"
            " WHERE number = :number GROUP BY 1 HAVING sum(sales_reach.amount_fen) <> 0"
        ),
        {"number": number},
    )
    found = {str(kind): int(fen) for kind, fen in rows}
    release()
    return found


def earned(number: str) -> dict[str, int]:
    """What is left to each party of an order."""
    rows = db.session.execute(
        text(
            "SELECT parties.code, sum(settlement_shares.amount_fen) FROM settlement_shares"
            " JOIN settlements ON settlements.id = settlement_id JOIN orders ON orders.id = order_id"
            " JOIN parties ON parties.id = party_id WHERE number = :number GROUP BY 1"
            " HAVING sum(settlement_shares.amount_fen) <> 0"
        ),
        {"number": number},
    )
    found = {str(code): int(fen) for code, fen in rows}
    release()
    return found


def test_before_settlement_the_money_simply_goes_the_new_way(stage: Stage) -> None:
    number = paid(stage)
    shown = correct(stage, number, LIVE)
    assert (shown["channel"], shown["partner"], shown["occasion"]) == ("livestream", "H1", "LIVE-1")
    finish(stage, {"number": number}, "customer")
    assert earned(number) == {"F01": 7562, "H1": 398}
    assert by_channel(number) == {"livestream": 7960}


def test_after_settlement_what_was_shared_is_taken_back_and_shared_anew(stage: Stage) -> None:
    number = settled(stage)
    assert earned(number) == {"F01": 7801, "S1": 159}
    households = reached(number)
    correct(stage, number, LIVE)
    assert earned(number) == {"F01": 7562, "H1": 398}
    assert by_channel(number) == {"livestream": 7960}
    assert reached(number) == households
    rows = db.session.execute(
        text("SELECT kind, reverses_id IS NOT NULL FROM journals WHERE source_type = 'attribution_changes' ORDER BY id")
    ).all()
    release()
    assert [tuple(row) for row in rows] == [("reversal", True), ("settlement", False)]


def test_t47_the_commission_of_an_order_that_was_a_cadres_goes_back_and_he_gets_none(stage: Stage) -> None:
    stage.post("operator", "/sessions/LIVE-1/opening", status=200)
    number = settled(stage, partner="H1", occasion="LIVE-1")
    assert earned(number) == {"F01": 6650, "H1": 350}
    correct(stage, number, {"partner": "G1", "reason": "顾客先由干部推荐"})
    assert earned(number) == {"F01": 7000}
    assert by_channel(number) == {"cadre": 7000}


def test_t47_of_two_hosts_who_claim_an_order_the_last_correction_counts_and_each_step_is_kept(stage: Stage) -> None:
    number = settled(stage)
    for to in (LIVE, {"partner": "G1", "reason": "干部申诉"}, LIVE | {"reason": "复核主播录屏"}):
        correct(stage, number, to)
    assert earned(number) == {"F01": 7562, "H1": 398}
    shown = stage.get("operator", f"/orders/{number}/attribution")
    assert [(c["from_partner"], c["to_partner"], c["reason"]) for c in shown["corrections"]] == [
        ("S1", "H1", REASON), ("H1", "G1", "干部申诉"), ("G1", "H1", "复核主播录屏"),
    ]  # fmt: skip
    assert all(c["changed_by_id"] for c in shown["corrections"])


@pytest.mark.parametrize("refunded_before", [True, False])
def test_t47_a_refund_is_taken_from_those_who_have_the_money_now(stage: Stage, refunded_before: bool) -> None:
    number = settled(stage)

    def refund() -> None:
        stage.post("firm", f"/orders/{number}/refunds", {"amount_fen": 1000, "reason": "坏果包赔"})
        stage.work()

    if refunded_before:
        refund()
    correct(stage, number, LIVE)
    if not refunded_before:
        refund()
    assert earned(number) == {"F01": 6612, "H1": 348}
    assert by_channel(number) == {"livestream": 6960}


def test_an_order_that_was_refunded_whole_moves_without_money(stage: Stage) -> None:
    number = settled(stage)
    stage.post("firm", f"/orders/{number}/refunds", {"amount_fen": 7960, "reason": "全部坏果"})
    stage.work()
    correct(stage, number, LIVE)
    assert (earned(number), by_channel(number)) == ({}, {})
    assert stage.get("operator", f"/orders/{number}/attribution")["partner"] == "H1"


def test_an_order_counted_for_the_one_who_placed_it_earns_him_nothing(stage: Stage) -> None:
    parties = dict(db.session.execute(text("SELECT code, id FROM parties WHERE code IN ('H1', 'C1')")).all())
    release()
    both = person(stage.app, (Role.HOST, parties["H1"]), (Role.CUSTOMER, parties["C1"]))
    stage.people["customer"] = headers_of(stage.app, both)
    number = settled(stage)
    assert correct(stage, number, LIVE)["is_own"] is True
    assert earned(number) == {"F01": 7960}


def test_a_correction_to_a_link_is_in_the_funnel_of_that_link(stage: Stage) -> None:
    number = settled(stage)
    link = stage.post("cadre", "/links", {"partner": "G1"})["code"]
    correct(stage, number, {"partner": "G1", "link": link, "reason": "顾客出示链接"})
    (funnel,) = stage.get("cadre", f"/link-funnels?link={link}")["items"]
    assert (funnel["orders"], funnel["net_fen"]) == (1, 7960)


@pytest.mark.parametrize(
    ("to", "status", "code"),
    [
        ({"partner": "B18"}, 409, "partner-does-not-fit"),
        ({"partner": "B02"}, 409, "partner-does-not-fit"),
        ({"partner": "H1"}, 409, "occasion-required"),
        ({"partner": "H1", "occasion": "NONE"}, 404, "not-found"),
        ({"partner": "G1", "occasion": "LIVE-1"}, 409, "occasion-not-open"),
        ({"partner": "NONE"}, 404, "not-found"),
        ({"partner": "G1", "link": "none"}, 404, "not-found"),
        ({"partner": "S1"}, 409, "attribution-same"),
        ({"partner": "G1", "reason": ""}, 422, "invalid"),
        ({"partner": "G1", "reason": None}, 422, "invalid"),
    ],
)
def test_a_correction_that_does_not_fit_changes_nothing(
    stage: Stage, to: dict[str, Any], status: int, code: str
) -> None:
    number = settled(stage)
    before = contents(stage.app)
    refused = correct(stage, number, {"reason": REASON} | to, status)
    assert refused["type"].endswith(f"#{code}")
    assert contents(stage.app) == before


def test_an_order_placed_when_the_session_was_not_on_is_not_the_sessions(stage: Stage) -> None:
    stage.clock.walk(timedelta(hours=5))
    number = paid(stage)
    assert correct(stage, number, LIVE, 409)["type"].endswith("#occasion-not-open")


def test_what_a_unit_bought_is_its_own(stage: Stage) -> None:
    order = stage.post("unit", "/orders", {"partner": "B18", "lines": [{"sku": PEACH, "quantity": 5}]})
    refused = correct(stage, order["number"], {"partner": "G1", "reason": REASON}, 409)
    assert refused["type"].endswith("#partner-does-not-fit")


@pytest.mark.parametrize("who", ["host", "cadre", "firm", "customer"])
def test_t47_nobody_but_the_county_counts_an_order_anew(stage: Stage, who: str) -> None:
    number = paid(stage)
    before = contents(stage.app)
    stage.post(who, f"/orders/{number}/attribution", LIVE, 403)
    stage.get(who, f"/orders/{number}/attribution", 403)
    assert contents(stage.app) == before


@pytest.mark.parametrize("sql", ["UPDATE attribution_changes SET reason = 'x'", "DELETE FROM attribution_changes"])
def test_a_correction_is_kept_as_it_was(stage: Stage, sql: str) -> None:
    correct(stage, paid(stage), LIVE)
    with pytest.raises(IntegrityError, match="append-only"), transaction() as session:
        session.execute(text(sql))
