"""A campaign over HTTP: opened, filled, priced, given goals; an order at its price; progress; the books."""

from shop.kit.db import db, release
from shop.reports.books import check_books
from tests.journeys.conftest import PEACH, Stage


def test_a_peach_campaign_sells_at_its_price_and_says_how_far_it_has_come(stage: Stage) -> None:
    days = {"starts_on": "2025-07-10", "ends_on": "2025-07-20"}
    stage.post("operator", "/campaigns", {"code": "TAO", "name_zh": "桃子节（示例）", "name_en": "Peach days", **days})
    stage.post("operator", "/campaigns/TAO/products", {"skus": [PEACH]})
    stage.post("operator", "/campaigns/TAO/goals", {"amount_fen": 150_000, "households": 20})
    stage.post("operator", "/campaigns/TAO/goals", {"partner": "B18", "amount_fen": 300_000})
    stage.post("operator", "/campaigns/TAO/goals", {"partner": "G1", "amount_fen": 1}, status=422)
    prices = [{"min_quantity": 1, "price_fen": 3_500}, {"min_quantity": 10, "price_fen": 3_000}]
    stage.post("firm", "/campaigns/TAO/prices", {"sku": PEACH, "tiers": prices})
    shown = stage.get("customer", f"/products/{PEACH}")
    assert (shown["price_fen"], [tier["price_fen"] for tier in shown["tiers"]]) == (3_500, [3_500, 3_000])
    order = stage.post("unit", "/orders", {"partner": "B18", "lines": [{"sku": PEACH, "quantity": 50}]})
    assert order["total_fen"] == 150_000
    stage.post("unit", f"/orders/{order['number']}/approval", status=200)
    stage.post("firm", f"/orders/{order['number']}/dispatches")
    stage.post("unit", f"/orders/{order['number']}/acceptance", status=200)
    stage.work()
    found = stage.get("operator", "/campaigns/TAO/progress")
    assert (found["total"]["amount_fen"], found["total"]["amount_bp"]) == (150_000, 10_000)
    assert [(row["code"], row["amount_bp"]) for row in found["units"]] == [("B18", 5_000)]
    assert found["total"]["households"] == sum(row["households"] for row in found["townships"]) > 1
    year = stage.get("operator", "/campaigns")["items"][-1]["code"]
    assert stage.get("operator", f"/campaigns/{year}/progress")["total"]["amount_fen"] == 0
    assert check_books(db.session(), now=stage.clock.now()) == []
    release()
