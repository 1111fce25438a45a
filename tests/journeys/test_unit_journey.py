"""A unit's year over HTTP: rule, filing, union goods at the tier, acceptance sheet, invoice; the books afterwards."""

from shop.kit.db import db, release
from shop.reports.books import check_books
from tests.journeys.conftest import PEACH, Stage

RULE = {
    "authority": "县财政局", "valid_from": "2025-01-01", "canteen_bp": 1_000, "union_bp": 2_000,
    "union_cap_fen": 150_000, "file_by": "2025-03-21", "source_zh": "通知（示例）",
}  # fmt: skip
FILING = {"year": 2025, "authority": "县财政局", "canteen_fen": 0, "union_fen": 9_000_000, "members": 25}


def test_a_union_buys_the_same_for_all_and_the_desk_keeps_platform_and_shop_apart(stage: Stage) -> None:
    stage.post("operator", "/reserve-rules", RULE)
    filed = stage.post("unit", "/units/B18/filings", FILING)
    assert (filed["reserve_fen"], filed["completion_bp"], filed["filed_late"]) == (1_800_000, 0, True)
    bought = {"number": "832-1", "bought_on": "2025-06-03", "amount_fen": 450_000, "goods_zh": "苹果"}
    stage.post("unit", "/units/B18/outside-purchases", bought)
    order = stage.post("unit", "/orders", {"partner": "B18", "lines": [{"sku": PEACH, "quantity": 50}]})
    shared = stage.post("unit", f"/orders/{order['number']}/fund", {"fund": "union"})
    assert (shared["members"], shared["per_member_fen"]) == (25, 2 * 3580)
    stage.post("unit", f"/orders/{order['number']}/approval", status=200)
    stage.post("firm", f"/orders/{order['number']}/dispatches")
    stage.post("unit", f"/orders/{order['number']}/acceptance", status=200)
    stage.work()
    sheet = stage.get("unit", f"/orders/{order['number']}/acceptance-sheet")
    assert [(row["certificate_zh"], row["certificate_number"], row["weight_g"]) for row in sheet["batches"]] == [
        ("承诺达标合格证", "HGZ-1", 125_000),
    ]  # fmt: skip
    desk = stage.get("unit", "/units/B18?year=2025")
    assert (desk["on_platform_fen"], desk["completion_bp"], desk["off_union_fen"]) == (450_000, 2_500, 179_000)
    assert (desk["per_member_fen"], desk["member_left_fen"]) == (7_160, 142_840)
    assert [(row["number"], row["due_on"], row["left_fen"]) for row in desk["invoices"]] == [
        (order["number"], "2025-08-14", 179_000),
    ]  # fmt: skip
    stage.post("firm", f"/orders/{order['number']}/payments", {"bank_reference": "YH-1"})
    assert stage.get("operator", "/units/B18?year=2025")["invoices"] == []
    everyone = stage.get("operator", "/units?year=2025")["items"]
    assert [row["code"] for row in everyone if row["reserve_fen"]] == ["B18"]
    assert check_books(db.session(), now=stage.clock.now()) == []
    release()
