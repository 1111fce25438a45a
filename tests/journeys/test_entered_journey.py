"""Orders of a unit from a sheet, and entered for it by a clerk: who entered them is kept, the unit approves."""

from typing import Any

from sqlalchemy import func, select

from shop.kit.db import db, release
from shop.kit.tables import Sheet, write_xlsx
from shop.orders.models import Order
from tests.journeys.conftest import PEACH, Stage

HEADER = ["单号", "商品", "件数", "备注"]
ROWS: list[list[Any]] = [
    ["CG-1", PEACH, 50, "食堂后门（示例）"],
    ["CG-2", PEACH, 4, ""],
]


def sheet(rows: list[list[Any]]) -> bytes:
    return "\n".join(",".join(str(cell) for cell in row) for row in [HEADER, *rows]).encode()


def orders() -> int:
    found = db.session.scalar(select(func.count()).select_from(Order)) or 0
    release()
    return found


def send(stage: Stage, who: str, data: bytes, status: int = 200, *, dry_run: bool = False) -> Any:
    return stage.upload(who, f"/order-sheets?partner=B18&dry_run={str(dry_run).lower()}", data, status)


def test_a_sheet_is_previewed_then_places_all_its_orders_once(stage: Stage) -> None:
    seen = send(stage, "unit", sheet(ROWS), dry_run=True)
    assert [(row["reference"], row["number"], row["total_fen"]) for row in seen["orders"]] == [
        ("CG-1", None, 50 * 3580), ("CG-2", None, 4 * 3980),
    ]  # fmt: skip
    assert orders() == 0
    placed = send(stage, "unit", sheet(ROWS))
    numbers = [row["number"] for row in placed["orders"]]
    assert (len(numbers), orders()) == (2, 2)
    workbook = write_xlsx(Sheet("订单", HEADER, [*ROWS, ["CG-3", PEACH, 1, ""]]))
    again = stage.upload("unit", "/order-sheets?partner=B18", workbook)
    assert (again["unchanged"], [row["reference"] for row in again["orders"]]) == (["CG-1", "CG-2"], ["CG-3"])
    assert orders() == 3
    first = stage.get("unit", f"/orders/{numbers[0]}")
    assert (first["reference"], first["entered_as"], first["status"]) == ("CG-1", None, "placed")
    stage.post("unit", f"/orders/{numbers[0]}/approval", status=200)


def test_a_sheet_with_errors_places_nothing_and_names_every_line(stage: Stage) -> None:
    send(stage, "unit", sheet(ROWS[:1]))
    wrong = [
        ["CG-1", PEACH, 60, ""],  # another order under a number that was used
        ["CG-4", "PL999", 1, ""],  # no such product
        ["CG-5", PEACH, 0, ""],  # no packs
        ["CG-6", PEACH, 2, "=1+1"],  # a formula
        ["CG-7", PEACH, 2, ""],
    ]
    refused = send(stage, "unit", sheet(wrong), 422)
    assert [(row["line"], row["column"]) for row in refused["rows"]] == [
        (2, "单号"), (3, "商品"), (4, "件数"), (5, "备注"),
    ]  # fmt: skip
    assert orders() == 1


def test_a_clerk_enters_for_a_unit_and_approves_nothing(stage: Stage) -> None:
    body = {"reference": "DH-1", "lines": [{"sku": PEACH, "quantity": 12}]}
    placed = stage.post("operator", "/partners/B18/orders", body)
    assert (placed["partner"], placed["total_fen"]) == ("B18", 12 * 3780)
    shown = stage.get("unit", f"/orders/{placed['number']}")
    assert (shown["reference"], shown["entered_as"]) == ("DH-1", "operator")
    stage.post("operator", f"/orders/{placed['number']}/approval", status=403)
    stage.post("firm", f"/orders/{placed['number']}/approval", status=403)
    stage.post("unit", f"/orders/{placed['number']}/approval", status=200)
    assert stage.post("operator", "/partners/B18/orders", body, status=409)["number"] == placed["number"]
    by_firm = stage.post("firm", "/partners/B18/orders", body | {"reference": "DH-2"})
    assert stage.get("unit", f"/orders/{by_firm['number']}")["entered_as"] == "firm_staff"
    foreign = {"lines": [{"sku": "PL079", "quantity": 1}]}
    stage.post("firm", "/partners/B18/orders", foreign, status=409)
    stage.post("market", "/partners/B18/orders", body | {"reference": "DH-3"}, status=404)
    stage.post("operator", "/partners/B02/orders", body | {"reference": "DH-4"}, status=409)
    send(stage, "market", sheet(ROWS), 404)
    assert orders() == 2
