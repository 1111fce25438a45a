"""Less than was ordered, over HTTP: a canteen takes packs off, the firm sends fewer, a consumer has his money back."""

from shop.kit.db import db, transaction
from shop.reports import rollups
from shop.reports.books import check_books
from shop.reports.models import Rollup
from tests.journeys.conftest import PEACH, Stage


def proved(stage: Stage) -> list[str]:
    for rollup in Rollup:
        with transaction() as session:
            rollups.refresh(session, rollup)
    return [str(found) for found in check_books(db.session(), now=stage.clock.now())]


def test_a_canteen_takes_packs_off_and_pays_for_the_tier_of_what_it_still_wants(stage: Stage) -> None:
    order = stage.post("unit", "/orders", {"partner": "B18", "lines": [{"sku": PEACH, "quantity": 50}]})
    number = order["number"]
    stage.post("unit", f"/orders/{number}/approval", status=200)
    asked = {"lines": [{"sku": PEACH, "packs": 45}], "reason": "人数减少"}
    dry = stage.post("unit", f"/orders/{number}/cuts", asked | {"dry_run": True}, status=200)
    assert [(row["amount_fen"], row["position"]) for row in dry["items"]] == [(50 * 3580 - 5 * 3980, None)]
    assert stage.get("unit", f"/orders/{number}/cuts")["items"] == []
    stage.post("unit", f"/orders/{number}/cuts", asked, status=200)
    stage.post("firm", f"/orders/{number}/cuts", {"lines": [{"sku": PEACH, "packs": 1}], "reason": "缺货"}, status=200)
    told = stage.get("unit", f"/orders/{number}/cuts")["items"]
    assert [(row["side"], row["packs"], row["amount_fen"]) for row in told] == [
        ("buyer", 45, 50 * 3580 - 5 * 3980), ("firm", 1, 3980),
    ]  # fmt: skip
    stage.post("firm", f"/orders/{number}/dispatches")
    stage.post("unit", f"/orders/{number}/acceptance", status=200)
    stage.work()
    shown = stage.get("unit", f"/orders/{number}")
    assert (shown["status"], shown["lines"][0]["accepted_fen"]) == ("settled", 4 * 3980)
    assert proved(stage) == []


def test_a_consumer_takes_a_pack_off_and_has_its_money_back_and_no_stranger_does(stage: Stage) -> None:
    order = stage.post("customer", "/orders", {"partner": "S1", "lines": [{"sku": PEACH, "quantity": 3}]})
    number, asked = order["number"], {"lines": [{"sku": PEACH, "packs": 1}], "reason": "少要一箱"}
    stage.press_pay(number, "customer")
    stage.post("unit", f"/orders/{number}/cuts", asked, status=404)
    stage.post("customer", f"/orders/{number}/cuts", asked, status=200)
    stage.work()
    shown = stage.get("customer", f"/orders/{number}")
    assert (shown["status"], shown["paid_fen"], shown["refunded_fen"]) == ("confirmed", 11_940, 3_980)
    assert (shown["lines"][0]["cancelled_g"], shown["lines"][0]["cancelled_fen"]) == (2_500, 3_980)
    stage.post("firm", f"/orders/{number}/dispatches")
    stage.post("customer", f"/orders/{number}/acceptance", status=200)
    stage.work()
    assert stage.get("customer", f"/orders/{number}")["status"] == "settled"
    assert proved(stage) == []
