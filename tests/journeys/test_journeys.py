"""The five ways of a yuan, over HTTP, from order to household statement; the books are proved after each."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import text

from shop.kit.db import db, release
from shop.reports.books import check_books
from tests.journeys.conftest import PEACH, Stage


@pytest.fixture(autouse=True)
def books_are_right_afterwards(stage: Stage) -> Iterator[None]:
    yield
    assert check_books(db.session(), now=stage.clock.now()) == []
    release()


def shares(stage: Stage, order: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for line in stage.get("operator", f"/settlements?order={order}")["items"]:
        found[line["kind"]] = found.get(line["kind"], 0) + line["amount_fen"]
    return found


def reached(order: str) -> dict[str, int]:
    """Fen of the order that reached each household."""
    rows = db.session.execute(
        text(
            "SELECT households.code, sum(sales_reach.amount_fen) FROM sales_reach"
            " JOIN households ON households.id = household_id JOIN order_lines ON order_lines.id = order_line_id"
            " JOIN orders ON orders.id = order_id WHERE number = :number"
            " GROUP BY 1 HAVING sum(sales_reach.amount_fen) <> 0"
        ),
        {"number": order},
    )
    found = {code: int(fen) for code, fen in rows}
    release()
    return found


def finish(stage: Stage, order: dict[str, Any], buyer: str) -> dict[str, Any]:
    stage.post("firm", f"/orders/{order['number']}/dispatches")
    stage.post(buyer, f"/orders/{order['number']}/acceptance", status=200)
    stage.work()
    settled: dict[str, Any] = stage.get(buyer, f"/orders/{order['number']}")
    assert settled["status"] == "settled"
    return settled


def statement_shows(stage: Stage, household: str, channel: str, amount_fen: int) -> None:
    statement = stage.get("operator", f"/households/{household}/statement?month=2025-07")
    assert {row["channel"]: row["amount_fen"] for row in statement["sales_reached"]} == {channel: amount_fen}
    assert statement["received_fen"] == sum(entry["amount_fen"] for entry in statement["entries"])


def test_a_shop_sale_pays_firm_and_platform_and_reaches_the_growers(stage: Stage) -> None:
    order = stage.post("customer", "/orders", {"partner": "S1", "lines": [{"sku": PEACH, "quantity": 3}]})
    assert (order["channel"], order["total_fen"]) == ("platform", 3 * 3980)
    stage.press_pay(order["number"], "customer")
    finish(stage, order, "customer")
    assert shares(stage, order["number"]) == {"firm": 11_701, "platform": 239}
    households = reached(order["number"])
    assert sum(households.values()) == 11_940
    assert len(households) > 1
    code, fen = next(iter(households.items()))
    statement_shows(stage, code, "platform", fen)


def test_a_canteen_orders_at_the_tier_of_its_total_and_owes_after_acceptance(stage: Stage) -> None:
    order = stage.post("unit", "/orders", {"partner": "B18", "lines": [{"sku": PEACH, "quantity": 50}]})
    assert (order["channel"], order["total_fen"], order["expires_at"]) == ("unit", 50 * 3580, None)
    stage.post("unit", f"/orders/{order['number']}/approval", status=200)
    settled = finish(stage, order, "unit")
    assert (settled["paid_fen"], settled["due_on"]) == (0, "2025-08-14")
    assert shares(stage, order["number"]) == {"firm": 179_000}
    paid = stage.post("firm", f"/orders/{order['number']}/payments", {"bank_reference": "YH-1"})
    assert (paid["status"], paid["amount_fen"]) == ("succeeded", 179_000)
    assert sum(reached(order["number"]).values()) == 179_000


def test_a_cadre_brings_an_order_and_earns_nothing(stage: Stage) -> None:
    order = stage.post("customer", "/orders", {"partner": "G1", "lines": [{"sku": PEACH, "quantity": 1}]})
    assert order["channel"] == "cadre"
    stage.press_pay(order["number"], "customer")
    finish(stage, order, "customer")
    assert shares(stage, order["number"]) == {"firm": 3980}
    seen = stage.get("cadre", f"/orders/{order['number']}")
    assert (seen["number"], seen["recipient"]) == (order["number"], None)


def test_a_call_off_is_confirmed_by_the_firm_and_priced_by_the_agreement(stage: Stage) -> None:
    call = {"sku": PEACH, "weight_g": 100_000, "due_on": "2025-07-17"}
    order = stage.post("market", "/agreements/A001/call-offs", call)
    assert (order["channel"], order["total_fen"]) == ("enterprise", 57_600)
    assert order["lines"][0]["price_basis"] == "kg"
    stage.post("firm", f"/orders/{order['number']}/approval", status=200)
    stage.post("firm", f"/orders/{order['number']}/dispatches")
    verdict = {"lines": [{"sku": PEACH, "accepted_g": 95_000, "refused_reason": "过熟"}]}
    stage.post("market", f"/orders/{order['number']}/acceptance", verdict, status=200)
    stage.work()
    settled = stage.get("market", f"/orders/{order['number']}")
    assert (settled["status"], settled["lines"][0]["accepted_fen"]) == ("settled", 54_720)
    assert shares(stage, order["number"]) == {"firm": 54_720}
    assert sum(reached(order["number"]).values()) == 54_720


def test_a_live_sale_pays_commission_on_what_was_not_refunded(stage: Stage) -> None:
    stage.post("operator", "/sessions/LIVE-1/opening", status=200)
    asked = {"partner": "H1", "occasion": "LIVE-1", "lines": [{"sku": PEACH, "quantity": 2}]}
    order = stage.post("customer", "/orders", asked)
    assert (order["channel"], order["total_fen"]) == ("livestream", 7000)
    stage.press_pay(order["number"], "customer")
    finish(stage, order, "customer")
    assert shares(stage, order["number"]) == {"firm": 6650, "host": 350}
    stage.post("firm", f"/orders/{order['number']}/refunds", {"amount_fen": 1000, "reason": "坏果包赔"})
    stage.work()
    assert shares(stage, order["number"]) == {"firm": 5700, "host": 300}
    assert stage.get("customer", f"/orders/{order['number']}")["refunded_fen"] == 1000
    assert sum(reached(order["number"]).values()) == 6000
    stage.post("host", "/sessions/LIVE-1/closing", status=200)


def test_what_a_paid_order_did_not_get_goes_back_by_itself(stage: Stage) -> None:
    order = stage.post("customer", "/orders", {"partner": "S1", "lines": [{"sku": PEACH, "quantity": 2}]})
    stage.press_pay(order["number"], "customer")
    stage.post("customer", f"/orders/{order['number']}/cancellation", {"reason": "不要了"}, status=200)
    stage.work()
    cancelled = stage.get("customer", f"/orders/{order['number']}")
    assert (cancelled["status"], cancelled["paid_fen"], cancelled["refunded_fen"]) == ("cancelled", 7960, 7960)
