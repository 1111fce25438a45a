"""A purchase agreement over HTTP, from the first draft to the household and the last fen of its deposit."""

from typing import Any

from shop.agreements.models import AgreementStatus
from shop.kit.clock import beijing_day
from shop.kit.db import db, release, transaction
from shop.orders.scheduled import place_due
from shop.reports import rollups
from shop.reports.books import check_books
from shop.reports.models import Rollup
from tests.journeys.conftest import PEACH, Stage

LINE = {
    "sku": PEACH, "per_date_g": 100_000, "minimum_date_g": 50_000, "floor_fen_per_kg": 500,
    "price_rule": "FLOOR_OR_MARKET", "farm_gate_floor_fen_per_kg": 300, "off_bp": 0,
}  # fmt: skip


def signed(stage: Stage, terms: dict[str, Any]) -> None:
    """Drafted by the buyer, answered by the firm, signed by both."""
    draft = {"code": "J1", "partner": "B02", "firm": "F01", **terms}
    stage.post("market", "/agreements/drafts", draft | {"deposit_bp": 500})
    [second, _] = stage.post("firm", "/agreements/J1/versions", terms)["items"]
    signature = {"version": second["number"], "document_hash": second["document_hash"]}
    stage.post("market", "/agreements/J1/signatures", signature, status=200)
    assert stage.post("firm", "/agreements/J1/signatures", signature, status=200)["status"] == "signed"


def test_from_the_draft_to_the_last_fen_of_the_deposit(stage: Stage) -> None:
    today = beijing_day(stage.clock.now())
    terms = {
        "starts_on": str(today), "ends_on": str(today.replace(month=today.month + 1)), "deposit_bp": 1_000,
        "penalty_bp": 500, "tolerance_bp": 0, "payment_term_days": 30, "lines": [LINE],
        "schedule": f"weekly:{today.isoweekday()}",
    }  # fmt: skip
    signed(stage, terms)
    due_fen = stage.get("firm", "/agreements/J1/deposit")["due_fen"]
    assert due_fen == 5 * 100 * 500 * 1_000 // 10_000
    stage.post("firm", "/agreements/J1/deposit", {"amount_fen": due_fen, "bank_reference": "J1-D"})
    assert stage.get("market", "/agreements/J1")["status"] == AgreementStatus.DEPOSIT_PAID

    stage.post("operator", "/market-quotes", {"sku": PEACH, "quoted_on": str(today), "source": "行情（示例）",
                                              "market": "运城（示例）", "per": "斤", "price_fen": 300})  # fmt: skip
    with transaction() as session:
        place_due(session, today, now=stage.clock.now())
    [order] = [
        row for row in stage.get("market", "/orders?status=placed")["items"]
        if row["occasion"] == "J1"
    ]  # fmt: skip
    assert (order["lines"][0]["weight_g"], order["lines"][0]["price_fen"]) == (100_000, 600)
    number = order["number"]
    stage.post("market", f"/orders/{number}/call-off", {"weight_g": 80_000}, status=200)
    assert stage.get("firm", f"/orders/{number}/stock")["lines"][0]["needed_g"] == 80_000
    stage.post("firm", f"/orders/{number}/approval", status=200)
    stage.post("firm", f"/orders/{number}/dispatches")
    verdict = {
        "sku": PEACH, "accepted_g": 78_000, "refused_reason": "压伤",
        "grades": [{"grade": "一级", "weight_g": 70_000}, {"grade": "二级", "weight_g": 8_000}],
    }  # fmt: skip
    stage.post("market", f"/orders/{number}/acceptance", {"lines": [verdict]}, status=200)
    stage.work()
    owed = 70 * 600 + 8 * 510
    accepted = stage.get("market", f"/orders/{number}")
    assert (accepted["status"], accepted["lines"][0]["accepted_fen"]) == ("settled", owed)

    left = stage.post("firm", "/agreements/J1/deposit/set-off", {"order": number})["left_fen"]
    assert left == max(due_fen - owed, 0)
    assert stage.get("market", f"/orders/{number}")["paid_fen"] == min(due_fen, owed)
    ended = stage.post("operator", "/agreements/J1/ending", {"event": "terminate", "reason": "双方解除"}, status=200)
    assert ended["status"] == "terminated"
    assert stage.get("market", "/agreements/J1/penalties")["items"] == []
    with transaction() as session:
        rollups.refresh(session, Rollup.AGREEMENTS)
    report = stage.get("operator", "/reports/agreements?limit=100")
    [row] = [item for item in report["items"] if item["key"] == "J1"]
    assert (row["signed_fen"], row["accepted_g"], row["executed_fen"]) == (250_000, 78_000, owed)
    assert row["receivable_fen"] == owed - min(due_fen, owed)
    assert check_books(db.session(), now=stage.clock.now()) == []
    release()
