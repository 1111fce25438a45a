"""Acceptance by grade, and what each side of an agreement is behind with: computed, proposed, never booked alone."""

from datetime import date, timedelta
from typing import Any

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, text

from shop.agreements.actions import agreement_by_code, call_off, move_call_off
from shop.agreements.grades import graded_price
from shop.agreements.models import CallOff, Side
from shop.agreements.signing import Hand
from shop.catalog.actions import product_by_sku
from shop.farmers.models import Grade
from shop.kit.clock import at_beijing
from shop.kit.db import db, transaction
from shop.kit.money import price_of
from shop.orders.actions import Verdict, accept, approve, dispatch
from shop.orders.breach import Behind, behind, decide, propose_penalties
from shop.orders.locks import locked_order_by_id
from shop.orders.models import GradedAcceptance, Order, PenaltyStatus
from shop.orders.scheduled import place_due
from shop.reports import rollups
from shop.reports.models import Rollup
from tests.factories.agreements import line, recorded
from tests.factories.scans import sends
from tests.factories.tables import contents
from tests.factories.world import NOW, TODAY, World, build, operator_on

LAST = date(2025, 9, 16)
TERM = {"minimum_g": 100_000, "minimum_date_g": 4_000, "second_bp": 8_000, "off_bp": 0}


@pytest.fixture
def world(committed: Flask) -> World:
    """Agreement A50: 10 kg each Tuesday, ten times, at 5 yuan a kg; tolerance 5 %, penalties 5 and 8 %; one called."""
    built = build(committed)
    with transaction() as session:
        recorded(session, line(**TERM))
        place_due(session, TODAY, now=NOW)
    return built


def order_of(day: date = TODAY) -> Order:
    return db.session.scalars(select(Order).join(CallOff).where(CallOff.schedule_day == day)).one()


def send(day: date = TODAY) -> str:
    with transaction() as session:
        order = locked_order_by_id(session, order_of(day).id)
        approve(session, order, actor_id=None, now=NOW)
        dispatch(session, order, None, carrier_zh=None, tracking_number=None, actor_id=None, now=NOW)
        return order.number


def post(world: World, actor: str, path: str, body: dict[str, Any], key: str = "1") -> Any:
    headers = world.headers[actor] | {"Idempotency-Key": f"{path}{key}"}
    return world.app.test_client().post(f"/api/v1{path}", json=body, headers=headers)


def proof(world: World, actor: str) -> str:
    sent = sends(world.app.test_client(), world.headers[actor], "A50")
    assert sent.status_code == 201, sent.text
    return str(sent.get_json()["code"])


def verdict(**grades: int) -> dict[str, Any]:
    named = {"special": "特级", "first": "一级", "second": "二级", "off": "等外"}
    listed = [{"grade": named[name], "weight_g": grams} for name, grams in grades.items()]
    return {"lines": [{"sku": "PL001", "accepted_g": sum(grades.values()), "refused_reason": "压伤", "grades": listed}]}


def test_each_grade_is_paid_at_its_factor_of_the_price(world: World) -> None:
    answer = post(world, "buyer", f"/orders/{send()}/acceptance", verdict(special=2_000, first=5_000, second=1_001))
    assert answer.status_code == 200, answer.text
    line_ = answer.get_json()["lines"][0]
    assert (line_["accepted_g"], line_["refused_g"], line_["accepted_fen"]) == (8_001, 1_999, 1_150 + 2_500 + 400)
    kept = db.session.execute(select(GradedAcceptance.grade, GradedAcceptance.amount_fen)).all()
    assert dict(kept) == {Grade.SPECIAL: 1_150, Grade.FIRST: 2_500, Grade.SECOND: 400}  # type: ignore[arg-type]


def test_order_and_sheet_tell_what_stands_of_each_grade_and_under_which_call(world: World) -> None:
    number, client = send(), world.app.test_client()

    def told(path: str) -> Any:
        return client.get(f"/api/v1/orders/{number}{path}", headers=world.headers["buyer"]).get_json()

    assert [line["grades"] for line in told("")["lines"]] == [[]]
    post(world, "buyer", f"/orders/{number}/acceptance", verdict(special=2_000, first=5_000, second=1_001))
    first = {"grade": "一级", "weight_g": 5_000, "fen_per_kg": 500, "factor_bp": 10_000, "amount_fen": 2_500}
    special = {"grade": "特级", "weight_g": 2_000, "fen_per_kg": 500, "factor_bp": 11_500, "amount_fen": 1_150}
    second = {"grade": "二级", "weight_g": 1_001, "fen_per_kg": 500, "factor_bp": 8_000, "amount_fen": 400}
    for path in ("", "/acceptance-sheet"):
        assert told(path)["lines"][0]["grades"] == [special, first, second]
    assert told("")["call_off"] == {"agreement": "A50", "due_on": str(TODAY), "schedule_day": str(TODAY)}
    client.set_cookie("signed_in", world.headers["buyer"]["Authorization"].removeprefix("Bearer "))
    page = client.get(f"/desk/orders/{number}/acceptance-sheet").text
    row = '<td class="n">1.001 kg</td><td></td><td></td><td class="n">5.00 × 80%</td><td class="n">4.00</td>'
    assert [words in page for words in ("5.00/公斤", "<td>其中二级</td>", row)] == [True] * 3
    said = verdict(special=1_000, first=7_001)["lines"][0]
    del said["sku"]
    again = post(world, "operator", f"/orders/{number}/acceptance-corrections", said | {"reason": "等级填错"})
    assert again.status_code == 201, again.text
    assert told("")["lines"][0]["grades"] == [
        special | {"weight_g": 1_000, "amount_fen": 575}, first | {"weight_g": 7_001, "amount_fen": 3_501},
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("body", "status", "kind"),
    [
        (verdict(off=1_000), 409, "grade-not-taken"),
        (verdict(first=9_000, second=1_001), 409, "acceptance-does-not-fit"),
        ({"lines": [verdict(first=9_000)["lines"][0] | {"accepted_g": 8_999}]}, 409, "acceptance-does-not-fit"),
        ({"lines": [verdict()["lines"][0] | {"grades": [{"grade": "一级", "weight_g": 1}] * 2}]}, 422, None),
    ],
)
def test_grades_that_do_not_fit_change_nothing(
    world: World, body: dict[str, Any], status: int, kind: str | None
) -> None:
    number = send()
    before = contents(world.app)
    answer = post(world, "buyer", f"/orders/{number}/acceptance", body)
    assert answer.status_code == status, answer.text
    assert kind is None or answer.get_json()["type"].endswith(kind)
    assert contents(world.app) == before


@pytest.mark.parametrize("amounts", [(4_000, 1_000), (4_000, 4_000)])
def test_a_product_that_is_named_twice_is_neither_sent_nor_accepted(world: World, amounts: tuple[int, int]) -> None:
    with transaction() as session:
        approve(session, locked_order_by_id(session, order_of().id), actor_id=None, now=NOW)
    number = order_of().number

    def refused(actor: str, path: str, name: str) -> None:
        lines = [{"sku": "PL001", name: grams} for grams in amounts]
        before = contents(world.app)
        answer = post(world, actor, f"/orders/{number}/{path}", {"lines": lines}, key="twice")
        assert (answer.status_code, answer.get_json().get("errors")) == (
            422, [{"pointer": "/lines", "detail": "同一商品重复出现。"}]
        ), answer.text  # fmt: skip
        assert contents(world.app) == before

    refused("firm_staff", "dispatches", "weight_g")
    sent = post(world, "firm_staff", f"/orders/{number}/dispatches", {"lines": [{"sku": "PL001", "weight_g": 10_000}]})
    assert sent.status_code == 201, sent.text
    refused("buyer", "acceptance", "accepted_g")


def test_what_is_not_in_the_order_is_not_accepted_and_the_reason_says_so(world: World) -> None:
    number = send()
    before = contents(world.app)
    answer = post(world, "buyer", f"/orders/{number}/acceptance", {"lines": [{"sku": "PL009", "accepted_g": 0}]})
    problem = answer.get_json()
    assert (answer.status_code, problem["type"].rpartition("#")[2]) == (422, "not-in-the-order"), answer.text
    assert problem["detail"] == f"订单 {number} 没有商品 PL009。"
    assert contents(world.app) == before


@given(st.integers(1, 10**8), st.integers(1, 10**5))
def test_first_grade_costs_what_the_weight_costs(weight_g: int, fen_per_kg: int) -> None:
    assert graded_price(weight_g, fen_per_kg, 10_000) == price_of(weight_g, fen_per_kg)


def found(day: date) -> list[tuple[str, int, int]]:
    wanted = db.session.execute(text("SELECT id FROM agreements WHERE code = 'A50'")).scalar_one()
    rows: list[Behind] = behind(db.session(), day, [wanted])
    return [(row.side.value, row.shortfall_g, row.penalty_fen) for row in rows]


def test_the_firm_is_behind_with_what_was_called_and_not_accepted_less_the_tolerance(world: World) -> None:
    assert found(TODAY) == []
    assert found(TODAY + timedelta(days=1)) == [("firm", 5_000, 125)]
    with transaction() as session:
        order = locked_order_by_id(session, order_of().id)
        approve(session, order, actor_id=None, now=NOW)
        dispatch(session, order, None, carrier_zh=None, tracking_number=None, actor_id=None, now=NOW)
        accept(session, order, {"PL001": Verdict(4_000, "压伤")}, actor_id=None, now=NOW)
    assert found(TODAY + timedelta(days=1)) == [("firm", 1_000, 25)]


def test_the_buyer_is_behind_with_his_minimum_on_the_last_day_and_not_before(world: World) -> None:
    post(world, "buyer", f"/orders/{send()}/acceptance", {})
    least_each_day()
    assert of_buyer(LAST - timedelta(days=1)) == []
    assert of_buyer(LAST) == [("buyer", 100_000 - 10_000 - 9 * 4_000 - 5_000, 1_960)]


def least_each_day() -> None:
    """The buyer calls every day of the schedule that is left, and no more of it than he must."""
    with transaction() as session:
        product = product_by_sku(session, "PL001")
        for week in range(1, 10):
            day = TODAY + timedelta(weeks=week)
            call_off(session, "A50", product, 4_000, day, schedule_day=day, actor_id=None, now=NOW)


def of_buyer(day: date) -> list[tuple[str, int, int]]:
    return [breach for breach in found(day) if breach[0] == "buyer"]


def test_days_that_an_outage_ran_over_count_against_nobody(world: World) -> None:
    post(world, "buyer", f"/orders/{send()}/acceptance", {})
    assert found(LAST) == []  # nine days of the schedule were never called
    with transaction() as session:  # ... and one of them is called after all, late
        call_off(
            session, "A50", product_by_sku(session, "PL001"), 10_000, LAST, schedule_day=LAST - timedelta(weeks=1),
            actor_id=None, now=NOW,
        )  # fmt: skip
    assert found(LAST + timedelta(days=1)) == [("firm", 5_000, 125)]


def test_what_the_buyer_called_beside_the_schedule_and_cancelled_is_not_excused(world: World) -> None:
    post(world, "buyer", f"/orders/{send()}/acceptance", {})
    with transaction() as session:
        whole = call_off(session, "A50", product_by_sku(session, "PL001"), 90_000, LAST, actor_id=None, now=NOW)
        assert place_due(session, LAST, now=at_beijing(LAST, 6)).placed == 0  # the promise is used up
        move_call_off(session, whole.id, "cancel", actor_id=None, now=NOW, by=Side.BUYER)
    assert found(LAST) == [("buyer", 85_000, 3_400)]


@pytest.mark.parametrize(
    ("actor", "behind_with"),
    # The buyer committed to 4 kg each time, the firm to the whole 10 kg; 5 kg are tolerated.
    [("buyer", [("buyer", 3_000, 120)]), ("firm_staff", [("firm", 15_000, 375)]), ("operator", [])],
)
def test_who_cancels_a_call_off_is_behind_with_it_and_the_county_s_word_counts_against_nobody(
    world: World, actor: str, behind_with: list[tuple[str, int, int]]
) -> None:
    with transaction() as session:
        place_due(session, TODAY + timedelta(days=7), now=at_beijing(TODAY + timedelta(days=7), 6))
    for day in (TODAY, TODAY + timedelta(days=7)):
        answer = post(world, actor, f"/orders/{order_of(day).number}/cancellation", {"reason": "不要了"})
        assert answer.status_code == 200, answer.text
    assert found(TODAY + timedelta(days=8)) == behind_with
    # At the end the 20 kg that the buyer did not want are more than the least of two days.
    assert found(LAST) == ([("buyer", 15_000, 600)] if actor == "buyer" else behind_with)


@pytest.mark.parametrize(("event", "left"), [("recognise", []), ("reject", [("firm", 5_000, 125)])])
def test_what_fell_due_in_recognised_force_majeure_is_no_breach(
    world: World, event: str, left: list[tuple[str, int, int]]
) -> None:
    told = {"from_day": "2025-07-15", "to_day": "2025-07-16", "reason": "冰雹", "paper": proof(world, "firm_staff")}
    assert post(world, "firm_staff", "/agreements/A50/force-majeure", told).status_code == 201
    assert found(TODAY + timedelta(days=1)) == [("firm", 5_000, 125)]
    decision = {"number": 1, "event": event, "reason": "核实"}
    assert post(world, "firm_staff", "/agreements/A50/force-majeure-decisions", decision).status_code == 403
    decided = post(world, "operator", "/agreements/A50/force-majeure-decisions", decision)
    assert decided.status_code == 200, decided.text
    assert found(TODAY + timedelta(days=1)) == left
    assert post(world, "operator", "/agreements/A50/force-majeure-decisions", decision, "2").status_code == 409
    again = post(world, "operator", "/agreements/A50/force-majeure-decisions", decision | {"number": 2}, "3")
    assert again.get_json()["type"].endswith("no-such-notice")


def test_force_majeure_lowers_the_buyer_s_minimum_by_what_the_schedule_asked_for_then(world: World) -> None:
    post(world, "buyer", f"/orders/{send()}/acceptance", {})
    least_each_day()
    told = {"from_day": "2025-07-20", "to_day": "2025-08-05", "reason": "停电", "paper": proof(world, "buyer")}
    assert post(world, "buyer", "/agreements/A50/force-majeure", told).status_code == 201
    post(world, "operator", "/agreements/A50/force-majeure-decisions",
         {"number": 1, "event": "recognise", "reason": "核实"})  # fmt: skip
    assert of_buyer(LAST) == [("buyer", 100_000 - 10_000 - 9 * 4_000 - 3 * 10_000 - 5_000, 760)]


def test_a_penalty_is_proposed_once_and_decided_by_the_side_that_was_let_down(world: World) -> None:
    with transaction() as session:
        session.execute(text("UPDATE call_offs SET due_on = due_on - 1 WHERE schedule_day IS NOT NULL"))
    books = "SELECT count(*) FROM journals"
    asked = {"day": str(TODAY)}
    for key in ("1", "2"):
        answer = post(world, "buyer", "/agreements/A50/penalties", asked, key)
        assert answer.status_code == 201, answer.text
    [proposal] = answer.get_json()["items"]
    assert proposal == {
        "number": 1, "side": "firm", "status": "proposed", "as_of": asked["day"], "shortfall_g": 5_000,
        "penalty_fen": 125, "proposed_at": proposal["proposed_at"], "decided_at": None, "decision_reason": None,
        "withdrawn_at": None, "withdrawal_reason": None, "paid_fen": 0, "open_fen": 0, "payments": [],
    }  # fmt: skip
    waive = {"number": 1, "event": "waive", "reason": "协商免除"}
    refused = post(world, "firm_staff", "/agreements/A50/penalty-decisions", waive)
    assert refused.get_json()["type"].endswith("not-yours-to-decide")
    decided = post(world, "buyer", "/agreements/A50/penalty-decisions", waive)
    [told] = decided.get_json()["items"]
    assert (told["status"], told["decision_reason"], told["decided_at"] is None) == ("waived", "协商免除", False)
    listed = world.app.test_client().get("/api/v1/agreements/A50/penalties", headers=world.headers["township_manager"])
    assert listed.get_json()["items"] == [told]
    page = world.browser("firm_staff")
    told = page.get("/desk/agreements/A50").text
    row = f'<td>1</td><td>供方</td><td>{TODAY}</td><td class="n">5</td><td class="n">1.25</td>'
    assert [words in told for words in (row, "<td>已放弃<br>", "<small>协商免除</small>")] == [True] * 3
    assert post(world, "buyer", "/agreements/A50/penalty-decisions", waive, "2").status_code == 409
    ahead = post(world, "buyer", "/agreements/A50/penalties", {"day": "2025-09-16"}, "3")
    assert ahead.status_code == 422
    assert db.session.execute(text(books)).scalar_one() == 0


def test_a_claim_is_withdrawn_by_the_side_that_made_it_openly_and_may_be_made_anew(world: World) -> None:
    next_day = TODAY + timedelta(days=1)
    with transaction() as session:
        propose_penalties(session, agreement_by_code(session, "A50", lock=True), next_day, actor_id=None, now=NOW)
    path, books = "/agreements/A50/penalty-decisions", "SELECT count(*) FROM journals"
    withdraw = {"number": 1, "event": "withdraw", "reason": "已协商补货"}
    assert post(world, "buyer", path, withdraw, "early").get_json()["type"].endswith("move-refused")
    post(world, "buyer", path, {"number": 1, "event": "claim", "reason": "未交货"})
    before = contents(world.app)
    assert post(world, "firm_staff", path, withdraw, "firm").get_json()["type"].endswith("not-yours-to-decide")
    assert post(world, "operator", path, withdraw, "county").status_code == 403
    assert contents(world.app) == before
    answer = post(world, "buyer", path, withdraw, "own")
    assert answer.status_code == 200, answer.text
    [told] = answer.get_json()["items"]
    assert (told["status"], told["decision_reason"], told["withdrawal_reason"]) == ("withdrawn", "未交货", "已协商补货")
    assert told["decided_at"] is not None
    assert told["withdrawn_at"] is not None
    for actor in ("firm_staff", "township_manager"):  # read by the other side as well
        listed = world.app.test_client().get("/api/v1/agreements/A50/penalties", headers=world.headers[actor])
        assert listed.get_json()["items"] == [told]
    page = world.browser("firm_staff")
    shown = page.get("/desk/agreements/A50").text
    assert [words in shown for words in ("主张已撤回", "<small>未交货</small>", "<small>已协商补货</small>")] == [
        True
    ] * 3
    for event in ("withdraw", "claim", "waive"):
        again = post(world, "buyer", path, {"number": 1, "event": event, "reason": "再"}, f"again {event}")
        assert again.get_json()["type"].endswith("move-refused")
    with transaction() as session:
        agreement = agreement_by_code(session, "A50", lock=True)
        [anew] = propose_penalties(session, agreement, next_day + timedelta(days=1), actor_id=None, now=NOW)
        decide(session, agreement, anew.number, "claim", by=Hand(Side.BUYER, None, NOW), reason="仍未交货")
        assert (anew.number, anew.penalty_fen, anew.status) == (2, 125, PenaltyStatus.CLAIMED)
    assert db.session.execute(text(books)).scalar_one() == 0


def test_what_was_waived_of_one_day_is_named_anew_of_the_next_and_the_report_says_that_it_counts_it(
    world: World,
) -> None:
    with transaction() as session:
        agreement = agreement_by_code(session, "A50", lock=True)
        propose_penalties(session, agreement, TODAY + timedelta(days=1), actor_id=None, now=NOW)
        decide(session, agreement, 1, "waive", by=Hand(Side.BUYER, None, NOW), reason="协商免除")
        [anew] = propose_penalties(session, agreement, TODAY + timedelta(days=2), actor_id=None, now=NOW)
        assert (anew.number, anew.penalty_fen, anew.status) == (2, 125, PenaltyStatus.PROPOSED)
        rollups.refresh(session, Rollup.AGREEMENTS)
    client, headers = world.app.test_client(), operator_on(world, TODAY + timedelta(days=3))
    asked = f"as_of={TODAY + timedelta(days=2)}"
    told = client.get(f"/api/v1/reports/agreements?{asked}", headers=headers | {"Accept-Language": "zh"}).get_json()
    why = client.get(f"/api/v1/reports/agreements/explain?{asked}&figure=firm_penalty_fen", headers=headers).get_json()
    assert (told["total"]["firm_penalty_fen"], why["value"]) == (125, 125)
    assert "已主张、放弃、撤回或适用定金罚则的都在内" in told["basis"]
    client.set_cookie("signed_in", headers["Authorization"].removeprefix("Bearer "))
    page = client.get(f"/reports/agreements?{asked}").text
    assert [f"{side}违约金测算（含已作决定的）" in page for side in ("企业", "采购方")] == [True, True]


@pytest.mark.parametrize(("grade", "price", "status"), [("一级", 399, 409), ("一级", 400, 201), ("二级", 319, 409),
                                                        ("二级", 320, 201)])  # fmt: skip
def test_no_household_is_paid_below_the_farm_gate_floor_of_a_running_agreement(
    world: World, grade: str, price: int, status: int
) -> None:
    with transaction() as session:
        recorded(session, line(**TERM, farm_gate_floor_fen_per_kg=400), code="A51")
    before = contents(world.app)
    slip = {"code": "D90009", "household": "农户-0001", "sku": "PL001", "delivered_on": "2025-07-15",
            "weight_g": 52_500, "grade": grade, "price_fen_per_kg": price}  # fmt: skip
    answer = post(world, "firm_staff", "/deliveries", slip)
    assert answer.status_code == status, answer.text
    if status == 409:
        assert answer.get_json()["type"].endswith("below-farm-gate-floor")
        assert contents(world.app) == before


def test_a_correction_that_prices_a_slip_anew_keeps_the_floor_and_one_of_its_weight_alone_is_free(world: World) -> None:
    slip = {"code": "D90009", "household": "农户-0001", "sku": "PL001", "delivered_on": "2025-07-15",
            "weight_g": 52_500, "grade": "二级", "price_fen_per_kg": 300}  # fmt: skip
    assert post(world, "firm_staff", "/deliveries", slip).status_code == 201
    with transaction() as session:
        recorded(session, line(**TERM, farm_gate_floor_fen_per_kg=400), code="A51")
    for weight_g, price, status in (
        (52_500, 319, 409), (50_000, 300, 201), (50_000, 320, 201), (0, 1, 201), (50_000, 1, 409), (50_000, 319, 409),
        (50_000, 321, 201),
    ):  # fmt: skip
        before = contents(world.app)
        said = {"weight_g": weight_g, "price_fen_per_kg": price, "reason": "价格填错"}
        answer = post(world, "firm_staff", "/deliveries/D90009/corrections", said, f"{weight_g}-{price}")
        assert answer.status_code == status, answer.text
        if status == 409:
            assert answer.get_json()["type"].endswith("below-farm-gate-floor")
            assert contents(world.app) == before
