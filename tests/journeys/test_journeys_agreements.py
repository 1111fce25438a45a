"""A purchase agreement over HTTP, from the first draft to the household and the last fen of its deposit."""

from datetime import timedelta
from typing import Any

from sqlalchemy import func, select

from shop.agreements.models import AgreementStatus
from shop.agreements.reminders import find_ending
from shop.farmers.models import Household
from shop.income.models import SalesReach
from shop.kit.clock import beijing_day
from shop.kit.db import db, release, transaction
from shop.ledger.models import Journal
from shop.orders.scheduled import place_due
from shop.reports import rollups
from shop.reports.books import check_books
from shop.reports.models import Rollup
from tests.factories.scans import sends
from tests.journeys.conftest import PEACH, Stage

LINE = {
    "sku": PEACH, "per_date_g": 100_000, "minimum_date_g": 50_000, "floor_fen_per_kg": 500,
    "price_rule": "FLOOR_OR_MARKET", "farm_gate_floor_fen_per_kg": 300, "off_bp": 0,
}  # fmt: skip


def signed(stage: Stage, terms: dict[str, Any]) -> str:
    """Asked for by the buyer, offered and answered by the firm, signed by both: the code."""
    term = {name: terms[name] for name in ("starts_on", "ends_on", "schedule")}
    asked = {"partner": "B02", "firm": "F01", **term, "lines": [{"sku": PEACH, "weight_g": 500_000}]}
    code = str(stage.post("market", "/inquiries", asked)["code"])
    offer = {"valid_until": term["starts_on"], "prices": [{"sku": PEACH, "price_fen": 520}], "deposit_bp": 500}
    stage.post("firm", f"/inquiries/{code}/offer", offer, status=200)
    assert stage.post("market", f"/inquiries/{code}/acceptance", status=200)["agreement"] == code
    [second, first] = stage.post("firm", f"/agreements/{code}/versions", terms)["items"]
    assert (first["terms"]["lines"][0]["floor_fen_per_kg"], second["number"]) == (520, 2)
    sign(stage, code, second)
    return code


def booked() -> int:
    """Journals in the books."""
    found = db.session.scalar(select(func.count(Journal.id)))
    release()
    return found or 0


def sign(stage: Stage, code: str, version: dict[str, Any]) -> None:
    """Both sides sign the version."""
    signature = {"version": version["number"], "document_hash": version["document_hash"]}
    stage.post("market", f"/agreements/{code}/signatures", signature, status=200)
    assert stage.post("firm", f"/agreements/{code}/signatures", signature, status=200)["status"] == "signed"


def test_from_the_draft_to_the_last_fen_of_the_deposit(stage: Stage) -> None:
    today = beijing_day(stage.clock.now())
    terms = {
        "starts_on": str(today), "ends_on": str(today.replace(month=today.month + 1)), "deposit_bp": 1_000,
        "penalty_bp": 500, "tolerance_bp": 0, "payment_term_days": 30, "lines": [LINE],
        "schedule": f"weekly:{today.isoweekday()}",
    }  # fmt: skip
    code = signed(stage, terms)
    contract = stage.app.test_client().get(f"/api/v1/agreements/{code}/contract", headers=stage.people["market"])
    assert (contract.status_code, contract.data[:5]) == (200, b"%PDF-")
    due_fen = stage.get("firm", f"/agreements/{code}/deposit")["due_fen"]
    assert due_fen == 5 * 100 * 500 * 1_000 // 10_000
    stage.post("firm", f"/agreements/{code}/deposit", {"amount_fen": due_fen, "bank_reference": "J1-D"})
    assert stage.get("market", f"/agreements/{code}")["status"] == AgreementStatus.DEPOSIT_PAID

    stage.post("operator", "/market-quotes", {"sku": PEACH, "quoted_on": str(today), "source": "行情（示例）",
                                              "market": "运城（示例）", "per": "斤", "price_fen": 300})  # fmt: skip
    with transaction() as session:
        place_due(session, today, now=stage.clock.now())
    [order] = [
        row for row in stage.get("market", "/orders?status=placed")["items"]
        if row["occasion"] == code
    ]  # fmt: skip
    assert (order["lines"][0]["weight_g"], order["lines"][0]["price_fen"]) == (100_000, 600)
    number = order["number"]
    stage.post("market", f"/orders/{number}/call-off", {"weight_g": 80_000, "due_on": str(today + timedelta(days=1))},
               status=200)  # fmt: skip
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

    left = stage.post("firm", f"/agreements/{code}/deposit/set-off", {"order": number})["left_fen"]
    assert left == max(due_fen - owed, 0)
    assert stage.get("market", f"/orders/{number}")["paid_fen"] == min(due_fen, owed)
    households = db.session.scalars(
        select(Household.code).join(SalesReach, SalesReach.household_id == Household.id).distinct()
    ).all()
    release()
    statements = [stage.get("operator", f"/households/{one}/statement?month=2025-07") for one in households]
    reached = [row for told in statements for row in told["sales_reached"]]
    assert {row["channel"] for row in reached} == {"enterprise"}
    assert sum(row["amount_fen"] for row in reached) == owed
    assert sum(row["weight_g"] for row in reached) == 78_000

    stage.later(timedelta(days=3))
    before = booked()
    [proposed] = stage.post("market", f"/agreements/{code}/penalties", {"day": str(today + timedelta(days=3))})["items"]
    assert (proposed["side"], proposed["status"], proposed["shortfall_g"], proposed["penalty_fen"]) == (
        "firm", "proposed", 2_000, 50,
    )  # fmt: skip
    paper = sends(stage.app.test_client(), stage.people["firm"], code).get_json()
    notice = {"from_day": str(today), "to_day": str(today + timedelta(days=2)), "reason": "冰雹",
              "paper": paper["code"]}  # fmt: skip
    stage.post("firm", f"/agreements/{code}/force-majeure", notice)
    told_until = today + timedelta(days=3)

    def behind() -> tuple[int, int]:
        with transaction() as session:
            rollups.refresh(session, Rollup.AGREEMENTS)
        [row] = [
            one
            for one in stage.get("operator", f"/reports/agreements?as_of={told_until}")["items"]
            if one["key"] == code
        ]
        return row["firm_short_g"], row["firm_penalty_fen"]

    assert behind() == (2_000, 50)
    decided = {"number": 1, "event": "recognise", "reason": "证明属实"}
    [told] = stage.post("operator", f"/agreements/{code}/force-majeure-decisions", decided, status=200)["items"]
    assert [told[name] for name in ("status", "proof", "proof_hash", "paper")] == [
        "recognised", "灾情证明（示例）", paper["sha256"], paper["code"],
    ]  # fmt: skip
    [read] = stage.get("market", f"/agreements/{code}/force-majeure")["items"]
    assert (read["decision_reason"], read["decided_at"]) == ("证明属实", told["decided_at"])
    assert behind() == (0, 0)
    waived = {"number": proposed["number"], "event": "waive", "reason": "不可抗力"}
    stage.post("market", f"/agreements/{code}/penalty-decisions", waived, status=200)
    [once] = stage.post("market", f"/agreements/{code}/penalties", {"day": str(today + timedelta(days=3))})["items"]
    assert once["status"] == "waived"
    assert booked() == before

    with transaction() as session:
        find_ending(session, beijing_day(stage.clock.now()), now=stage.clock.now())
    stage.work()
    [reminder] = [one for one in stage.get("firm", "/agreement-reminders")["items"] if one["agreement"] == code]
    assert reminder["ends_on"] == terms["ends_on"]
    ended = stage.post(
        "operator", f"/agreements/{code}/ending", {"event": "terminate", "reason": "双方解除"}, status=200
    )
    assert ended["status"] == "terminated"
    starts_on = today + timedelta(days=4)
    renewal = {"code": "J2", "partner": "B02", "firm": "F01", "renews": code, **terms, "starts_on": str(starts_on)}
    [first] = stage.post("market", "/agreements/drafts", renewal)["items"]
    sign(stage, "J2", first)
    assert stage.get("market", f"/agreements/{code}")["status"] == "renewed"
    with transaction() as session:
        rollups.refresh(session, Rollup.AGREEMENTS)
    report = stage.get("operator", "/reports/agreements?limit=100")
    [row] = [item for item in report["items"] if item["key"] == code]
    assert (row["signed_fen"], row["accepted_g"], row["executed_fen"]) == (250_000, 78_000, owed)
    assert row["receivable_fen"] == owed - min(due_fen, owed)
    assert check_books(db.session(), now=stage.clock.now()) == []
    release()


def called_and_accepted(stage: Stage, code: str, grams: int, verdict: dict[str, Any]) -> str:
    """The market calls, the firm sends, the market accepts as `verdict` says, and the money is shared: the number."""
    asked = {"sku": PEACH, "weight_g": grams, "due_on": str(beijing_day(stage.clock.now()))}
    number = str(stage.post("market", f"/agreements/{code}/call-offs", asked)["number"])
    stage.post("firm", f"/orders/{number}/approval", status=200)
    stage.post("firm", f"/orders/{number}/dispatches")
    stage.post("market", f"/orders/{number}/acceptance", {"lines": [{"sku": PEACH, **verdict}]}, status=200)
    stage.work()
    return number


def statements(stage: Stage, month: str) -> list[dict[str, Any]]:
    """What each household that the sale reached is told of a month."""
    households = db.session.scalars(
        select(Household.code).join(SalesReach, SalesReach.household_id == Household.id).distinct()
    ).all()
    release()
    return [stage.get("operator", f"/households/{one}/statement?month={month}") for one in households]


def reached(stage: Stage, month: str) -> tuple[int, int]:
    """Grams and fen of the sales that reached households in a month."""
    rows = [row for told in statements(stage, month) for row in told["sales_reached"]]
    return sum(row["weight_g"] for row in rows), sum(row["amount_fen"] for row in rows)


def test_a_wrong_acceptance_is_reversed_in_a_later_month_and_the_closed_one_stays(stage: Stage) -> None:
    today = beijing_day(stage.clock.now())
    terms = {
        "starts_on": str(today), "ends_on": str(today + timedelta(days=60)), "deposit_bp": 0, "tolerance_bp": 0,
        "penalty_bp": 500, "payment_term_days": 30, "lines": [LINE | {"price_rule": "FIXED"}],
        "schedule": f"weekly:{today.isoweekday()}",
    }  # fmt: skip
    code = signed(stage, terms)
    wrong = {"accepted_g": 100_000, "grades": [{"grade": "一级", "weight_g": 100_000}]}
    number = called_and_accepted(stage, code, 100_000, wrong)
    assert stage.get("market", f"/orders/{number}")["lines"][0]["accepted_fen"] == 50_000
    stage.later(timedelta(days=20))
    for month in range(1, 8):
        stage.post("operator", "/months", {"month": f"2025-{month:02}"})
    july = statements(stage, "2025-07")
    assert (reached(stage, "2025-07"), reached(stage, "2025-08")) == ((100_000, 50_000), (0, 0))

    # 8 kg were crushed, and 20 kg of what came were second grade.
    right = {
        "accepted_g": 92_000, "refused_reason": "压伤", "reason": "等级填错，双方核对磅单",
        "grades": [{"grade": "一级", "weight_g": 72_000}, {"grade": "二级", "weight_g": 20_000}],
    }  # fmt: skip
    for nobody in ("market", "firm", "customer"):
        stage.post(nobody, f"/orders/{number}/acceptance-corrections", right, status=403)
    owed = 72 * 500 + 20 * 425
    [told] = stage.post("operator", f"/orders/{number}/acceptance-corrections", right)["items"]
    assert (told["was_g"], told["was_fen"], told["accepted_g"], told["accepted_fen"]) == (100_000, 50_000, 92_000, owed)
    line = stage.get("firm", f"/orders/{number}")["lines"][0]
    assert (line["accepted_g"], line["refused_g"], line["accepted_fen"]) == (92_000, 8_000, owed)
    for side in ("market", "firm"):
        assert stage.get(side, f"/orders/{number}/acceptance-corrections")["items"] == [told]
    assert statements(stage, "2025-07") == july
    assert reached(stage, "2025-08") == (92_000 - 100_000, owed - 50_000)
    whys = {
        month: {
            (row["source_code"], row["corrected_because"]): row["amount_fen"] > 0
            for row in stage.get("operator", f"/reports/income/explain?by=firm&key=F01&from={month}&to={month}"
                                 "&measure=sales_reached&limit=100")["items"] if row["source_code"] == number
        }
        for month in ("2025-07", "2025-08")
    }  # fmt: skip
    assert [set(named) for named in whys.values()] == [{(number, None)}, {(number, right["reason"])}]
    stage.post("operator", f"/orders/{number}/acceptance-corrections", right, status=409)

    # The buyer pays what is owed now, and not a fen more; then no correction may leave him owed anything.
    stage.post("firm", f"/orders/{number}/payments", {"bank_reference": "J1", "amount_fen": 50_000}, status=409)
    stage.post("firm", f"/orders/{number}/payments", {"bank_reference": "J1", "amount_fen": owed})
    less = right | {"accepted_g": 72_000, "grades": right["grades"][:1]}
    refused = stage.post("operator", f"/orders/{number}/acceptance-corrections", less, status=409)
    assert (refused["type"].rpartition("#")[2], refused["paid_fen"]) == ("acceptance-paid", owed)
    more = right | {"accepted_g": 93_000, "grades": [{"grade": "一级", "weight_g": 93_000}]}
    second = stage.post("operator", f"/orders/{number}/acceptance-corrections", more)["items"][1]
    assert (second["position"], second["was_g"], second["accepted_fen"]) == (2, 92_000, 46_500)
    for rollup in Rollup:
        with transaction() as session:
            rollups.refresh(session, rollup)
    [row] = [item for item in stage.get("operator", "/reports/agreements?limit=100")["items"] if item["key"] == code]
    assert (row["accepted_g"], row["executed_fen"], row["receivable_fen"]) == (93_000, 46_500, 46_500 - owed)
    assert check_books(db.session(), now=stage.clock.now()) == []
    release()
