"""Call-offs through their orders: changed before the firm confirms, and the outcome of an agreement at its end."""

from datetime import date, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

import tasks.agreements  # noqa: F401  registers the morning's job
from shop.access.guard import Actor, Grant
from shop.access.models import PartyKind, Role
from shop.agreements.actions import agreement_by_code, call_off
from shop.agreements.models import Agreement, AgreementStatus, CallOff, Side
from shop.agreements.queries import agreement
from shop.agreements.signing import Hand, propose
from shop.catalog.actions import product_by_sku
from shop.catalog.reference import catalog
from shop.channels.reference import selling
from shop.kit.clock import WalkingClock, at_beijing
from shop.kit.db import db, release, transaction
from shop.kit.reference import current_version
from shop.kit.states import History
from shop.orders.actions import Verdict, accept, approve, dispatch
from shop.orders.breach import behind
from shop.orders.calls import change_call, close_ended, terminate
from shop.orders.jobs import CALL_OFF_DUE
from shop.orders.locks import locked_order_by_id
from shop.orders.models import Order, OrderLine, OrderStatus
from shop.orders.place import Called, place_call_off
from shop.orders.reopening import reopen
from shop.orders.scheduled import place_due
from shop.reports import rollups
from shop.reports.books import run_checks
from shop.reports.checks import CHECKS
from shop.reports.models import Rollup
from tasks.registry import Done, works
from tasks.run import run_daily
from tests.factories.agreements import line, once_called, sign_by, terms
from tests.factories.tables import contents
from tests.factories.threads import at_once
from tests.factories.world import NOW, TODAY, World, operator_on

AFTER = date(2025, 9, 17)
OPERATOR = Actor(1, (Grant(Role.OPERATOR, 0, PartyKind.COUNTY),))


@pytest.fixture
def world(committed: Flask) -> World:
    """Agreement A50: 10 kg each Tuesday, ten times; the first is called and ordered."""
    return once_called(committed)


def order_of(day: date = TODAY) -> Order:
    return db.session.scalars(select(Order).join(CallOff).where(CallOff.schedule_day == day)).one()


def change(world: World, actor: str, body: dict[str, Any], key: str = "1") -> Any:
    return world.app.test_client().post(
        f"/api/v1/orders/{order_of().number}/call-off", json=body,
        headers=world.headers[actor] | {"Idempotency-Key": key},
    )  # fmt: skip


def test_a_call_off_is_moved_and_reduced_and_its_order_follows(world: World) -> None:
    answer = change(world, "buyer", {"due_on": "2025-07-18", "weight_g": 8_000})
    assert answer.status_code == 200, answer.text
    assert (answer.get_json()["total_fen"], answer.get_json()["lines"][0]["weight_g"]) == (4_000, 8_000)
    again = change(world, "buyer", {"due_on": "2025-07-18", "weight_g": 8_000})
    assert (again.get_json(), again.headers["Idempotency-Replayed"]) == (answer.get_json(), "true")
    call = db.session.scalars(select(CallOff).where(CallOff.schedule_day == TODAY)).one()
    assert (call.due_on, call.weight_g) == (date(2025, 7, 18), 8_000)
    told = db.session.scalars(select(History.facts).where(History.event == "change").order_by(History.id)).all()
    assert [facts["weight_g"] for facts in told if facts] == [10_000, 10_000]
    own = [check for check in CHECKS if check.code in ("I07", "I19", "I20", "I20-floor", "I30-call-offs")]
    assert [found.row for found in run_checks(db.session.connection(), own, now=NOW) if found.row != {}] == [
        {"entity_id": 1, "event": "status", "from_state": None, "to_state": "requested"},
        {"entity_id": 2, "event": "status", "from_state": None, "to_state": "requested"},
    ]  # the world's own two call-offs are written without a history


@pytest.mark.parametrize(
    ("body", "status", "kind"),
    [
        ({"weight_g": 3_999}, 409, "below-minimum"),
        ({"weight_g": 10_001}, 409, "promise-exceeded"),
        ({"due_on": "2025-07-14"}, 409, "outside-term"),
        ({}, 422, None),
    ],
)
def test_a_change_outside_the_terms_changes_nothing(
    world: World, body: dict[str, Any], status: int, kind: str | None
) -> None:
    before = contents(world.app)
    answer = change(world, "buyer", body)
    assert answer.status_code == status, answer.text
    assert kind is None or answer.get_json()["type"].endswith(kind)
    assert contents(world.app) == before


def test_what_the_firm_confirmed_is_changed_no_more_and_its_stock_was_in_view(world: World) -> None:
    seen = world.app.test_client().get(
        f"/api/v1/orders/{order_of().number}/stock", headers=world.headers["firm_staff"]
    ).get_json()  # fmt: skip
    assert seen["lines"] == [{"sku": "PL001", "needed_g": 10_000, "available_g": 100_000}]
    assert [(lot["lot"], lot["left_g"]) for lot in seen["lots"]] == [("LOT-1", 100_000)]
    with transaction() as session:
        approve(session, locked_order_by_id(session, order_of().id), actor_id=None, now=NOW)
    answer = change(world, "buyer", {"weight_g": 8_000})
    assert (answer.status_code, answer.get_json()["type"].rpartition("#")[2]) == (409, "move-refused")


def test_when_the_harvest_is_over_neither_the_buyer_nor_the_schedule_calls_and_nobody_is_behind(world: World) -> None:
    with transaction() as session:
        session.execute(text("UPDATE products SET harvest_end_month = 8, shelf_life_days = 7 WHERE sku = 'PL001'"))
    before = contents(world.app)
    answer = change(world, "buyer", {"due_on": "2025-09-09"})
    assert (answer.status_code, answer.get_json()["type"].rpartition("#")[2]) == (409, "out-of-season")
    assert contents(world.app) == before
    deliver(TODAY)
    with transaction() as session:
        run = place_due(session, date(2025, 9, 9), now=at_beijing(date(2025, 9, 9), 6))
    refused = {(code, sku, why.code) for code, sku, why in run.refused}
    assert (run.placed, refused) == (0, {("A50", "PL001", "out-of-season")})
    assert behind(db.session(), AFTER, [agreement_by_code(db.session(), "A50").id]) == []


def told(world: World, day: date) -> tuple[int, int, int]:
    """What was due by a day: of the agreement itself, in the report by the rollup, and by the facts that explain it."""
    client, headers, asked = world.app.test_client(), operator_on(world, day), f"as_of={day}"
    with transaction() as session:
        rollups.refresh(session, Rollup.AGREEMENTS)
        assert rollups.compare(session, Rollup.AGREEMENTS) == []
        [own] = agreement(session, OPERATOR, "A50", day)["lines"]
    [row] = [row for row in client.get(f"/api/v1/reports/agreements?{asked}", headers=headers).get_json()["items"]
             if row["key"] == "A50"]  # fmt: skip
    why = client.get(f"/api/v1/reports/agreements/explain?{asked}&key=A50&figure=due_g", headers=headers).get_json()
    return own["due_g"], row["due_g"], why["value"]


def test_after_a_termination_nothing_falls_due_and_what_the_firm_did_not_confirm_is_cancelled(world: World) -> None:
    ended = TODAY + timedelta(days=8)
    with transaction() as session:
        approve(session, locked_order_by_id(session, order_of().id), actor_id=None, now=NOW)
        assert place_due(session, TODAY + timedelta(days=7), now=at_beijing(TODAY + timedelta(days=7), 6)).placed == 1
        product, later = product_by_sku(session, "PL001"), at_beijing(ended, 8)
        ahead = call_off(session, "A50", product, 10_000, ended, schedule_day=AFTER - timedelta(days=1), actor_id=None,
                         now=later)  # fmt: skip
        place_call_off(
            session, Called(ahead.id, "A50", "PL001", 10_000, 500), order_of().buyer_party_id,
            goods=catalog(session, current_version(session)), selling=selling(session, current_version(session)),
            actor_id=None, now=later,
        )  # fmt: skip
    assert told(world, AFTER) == (100_000, 100_000, 100_000)
    with transaction() as session:
        terminate(session, agreement_by_code(session, "A50", lock=True), "供方停产", actor_id=None, now=later)
    rows = db.session.execute(
        select(CallOff.status, CallOff.cancelled_by, Order.status).join(Order).order_by(CallOff.schedule_day)
    ).all()
    confirmed, was_due, was_ahead = (tuple(row) for row in rows if row[0] != "requested")
    assert confirmed == ("confirmed", None, "confirmed")
    assert (was_due, was_ahead) == (("cancelled", "firm", "cancelled"), ("cancelled", None, "cancelled"))
    assert told(world, AFTER) == (20_000, 20_000, 20_000)
    assert told(world, TODAY) == (10_000, 10_000, 10_000)
    with transaction() as session:  # ... and what was confirmed is still carried out
        order = locked_order_by_id(session, order_of().id)
        dispatch(session, order, None, carrier_zh=None, tracking_number=None, actor_id=None, now=later)
        accept(session, order, None, actor_id=None, now=later)
        [late] = behind(session, AFTER, [agreement_by_code(session, "A50").id])
    assert (late.side, late.shortfall_g) == (Side.FIRM, 10_000 - 5_000)
    with transaction() as session:
        asked = agreement_by_code(session, "A50", lock=True)
        assert [reopen(session, asked, "误", by=Hand(side, None, later)) for side in (Side.BUYER, Side.FIRM)][-1]
    assert told(world, AFTER) == (100_000, 100_000, 100_000)


def test_the_county_s_termination_cancels_what_waits_and_nobody_else_s_word_does(world: World) -> None:
    client, body = world.app.test_client(), {"event": "terminate", "reason": "双方解除"}
    before = contents(world.app)
    for actor in ("buyer", "firm_staff"):
        answer = client.post("/api/v1/agreements/A50/ending", json=body, headers=world.headers[actor])
        assert (answer.status_code, contents(world.app)) == (403, before)
    number = order_of().number
    answer = client.post("/api/v1/agreements/A50/ending", json=body, headers=world.headers["operator"])
    assert [(one["status"], one["weight_g"]) for one in answer.get_json()["call_offs"]] == [("cancelled", 10_000)]
    told = client.get("/api/v1/agreements/A50", headers=world.headers["firm_staff"]).get_json()
    assert (told["ended_on"], told["renews"], told["renewed_by"]) == (str(TODAY), None, None)
    assert [(one["event"], one["side"], one["reason"]) for one in told["history"]] == [
        ("draft", "county", None), ("sign", "county", None), ("call_off", None, None),
        ("terminate", "county", "双方解除"),
    ]  # fmt: skip
    assert answer.get_json()["history"] == told["history"]
    [call] = told["call_offs"]
    assert (call["cancelled_by"], call["cancelled_because"]) == (None, "协议解除：双方解除")
    shown = client.get(f"/api/v1/orders/{number}", headers=world.headers["buyer"]).get_json()
    assert shown["cancelled_because"] == "协议解除：双方解除"
    client.set_cookie("signed_in", world.headers["buyer"]["Authorization"].removeprefix("Bearer "))
    page = client.get("/desk/agreements/A50").text
    for words in (f"结束日：{TODAY}", "<td>解除</td><td>县里</td><td>已解除</td><td class=\"words\">双方解除</td>",
                  "<td>已取消<br><small>协议解除：双方解除</small></td>"):  # fmt: skip
        assert words in page
    refused = client.post(
        f"/api/v1/orders/{number}/approval", headers=world.headers["firm_staff"] | {"Idempotency-Key": "1"}
    )
    assert (refused.status_code, refused.get_json()["type"].rpartition("#")[2]) == (409, "move-refused")


def test_who_cancelled_a_call_off_and_why_is_told_to_who_sees_the_agreement(world: World) -> None:
    number, client = order_of().number, world.app.test_client()
    headers = world.headers["firm_staff"] | {"Idempotency-Key": "1"}
    done = client.post(f"/api/v1/orders/{number}/cancellation", json={"reason": "停电，冷库坏了"}, headers=headers)
    assert done.status_code == 200, done.text
    for actor in ("buyer", "township_manager"):
        [call] = client.get("/api/v1/agreements/A50", headers=world.headers[actor]).get_json()["call_offs"]
        assert (call["cancelled_by"], call["cancelled_because"]) == ("firm", "停电，冷库坏了")


def deliver(day: date, accepted_g: int = 10_000) -> None:
    """The firm sends what was called for a day, the buyer takes so much of it."""
    now = at_beijing(day, 9)
    with transaction() as session:
        order = locked_order_by_id(session, order_of(day).id)
        approve(session, order, actor_id=None, now=now)
        dispatch(session, order, None, carrier_zh=None, tracking_number=None, actor_id=None, now=now)
        reason = None if accepted_g == 10_000 else "压伤"
        accept(session, order, {"PL001": Verdict(accepted_g, reason)}, actor_id=None, now=now)


def play(clock: WalkingClock, accepted_g: int, *, weeks: int = 10) -> None:
    """So many weeks of the agreement, each delivered; the last one accepted in part."""
    for week in range(weeks):
        day = TODAY + timedelta(days=7 * week)
        clock.put(at_beijing(day, 6))
        with transaction() as session:
            place_due(session, day, now=clock.now())
        deliver(day, accepted_g if week == weeks - 1 else 10_000)


def outcome(day: date = AFTER) -> tuple[AgreementStatus, int]:
    with transaction() as session:
        closed = close_ended(session, day, now=at_beijing(day, 1))
    status = db.session.execute(select(Agreement.status).where(Agreement.code == "A50")).scalar_one()
    return status, closed


@pytest.mark.parametrize(
    ("last_g", "status"),
    [(10_000, AgreementStatus.FULFILLED), (5_000, AgreementStatus.FULFILLED), (4_999, AgreementStatus.SHORT)],
)
def test_an_agreement_is_fulfilled_within_its_tolerance_and_else_short(
    world: World, clock: WalkingClock, last_g: int, status: AgreementStatus
) -> None:
    play(clock, last_g)
    assert outcome(AFTER - timedelta(days=1))[1] == 0
    assert outcome() == (status, 1)
    assert outcome() == (status, 0)
    facts = db.session.scalars(select(History.facts).where(History.event.in_(["fulfil", "fall_short"]))).one()
    assert facts == {"committed_g": 100_000, "on_paper_g": 0, "accepted_g": 90_000 + last_g}


def test_an_agreement_with_an_order_on_the_way_waits_for_it(world: World) -> None:
    with transaction() as session:
        session.execute(text("UPDATE orders SET status = 'cancelled' WHERE call_off_id IS NULL"))
    assert outcome() == (AgreementStatus.EXECUTING, 0)
    deliver(TODAY)
    assert outcome() == (AgreementStatus.SHORT, 1)


def test_what_fell_due_while_a_line_was_refused_is_ordered_later(world: World) -> None:
    later = TODAY + timedelta(days=7)
    with transaction() as session:
        session.execute(text("UPDATE products SET status = 'withdrawn'"))
    with transaction() as session:
        result = place_due(session, later, now=at_beijing(later, 6))
        refused = [(code, sku, why.code) for code, sku, why in result.refused]
        assert (result.placed, refused) == (0, [("A50", "PL001", "not-for-sale")])
    with transaction() as session:
        session.execute(text("UPDATE products SET status = 'listed'"))
    with transaction() as session:
        assert place_due(session, later + timedelta(days=2), now=at_beijing(later, 6)).placed == 1
    line_ = db.session.scalars(select(OrderLine).where(OrderLine.order_id == order_of(later).id)).one()
    assert (line_.weight_g, order_of(later).status) == (10_000, OrderStatus.PLACED)


def run_schedule(clock: WalkingClock) -> object:
    """The morning's job as a scheduler starts it, whichever process that is."""
    return run_daily(works()[CALL_OFF_DUE.name], clock)


def called_days() -> list[tuple[date | None, date, int]]:
    rows = db.session.execute(
        select(CallOff.schedule_day, CallOff.due_on, func.count(Order.id))
        .join(Order, Order.call_off_id == CallOff.id)
        .where(CallOff.schedule_day.is_not(None))
        .group_by(CallOff.schedule_day, CallOff.due_on)
        .order_by(CallOff.schedule_day)
    ).all()
    release()
    return [tuple(row) for row in rows]


def test_a_morning_on_which_every_call_off_was_refused_says_so(world: World, clock: WalkingClock) -> None:
    with transaction() as session:
        session.execute(text("UPDATE products SET status = 'withdrawn'"))
    clock.put(at_beijing(TODAY + timedelta(days=14), 7))
    said = "2 项全部未能下单 · all 2 refused：A50 PL001：商品 PL001 目前不出售（not-for-sale）"
    assert run_schedule(clock) == Done(0, said)


def test_a_scheduler_that_was_away_for_six_weeks_orders_each_missed_day_once(world: World, clock: WalkingClock) -> None:
    back = TODAY + timedelta(days=42)
    clock.put(at_beijing(back, 7))
    assert run_schedule(clock) == Done(6)
    assert run_schedule(clock) is None
    missed = [(TODAY + timedelta(days=7 * week), back, 1) for week in range(1, 7)]
    assert called_days() == [(TODAY, TODAY, 1), *missed]


def test_a_day_that_is_made_up_for_after_midnight_comes_on_the_new_day(world: World, clock: WalkingClock) -> None:
    clock.put(at_beijing(TODAY + timedelta(days=8), 2))
    assert run_schedule(clock) == Done(1)
    assert called_days()[-1] == (TODAY + timedelta(days=7), TODAY + timedelta(days=8), 1)


def test_a_clock_that_jumps_ahead_and_back_orders_no_day_twice(world: World, clock: WalkingClock) -> None:
    for days in (21, 0, 1, 14, 22, 3, 28):
        clock.put(at_beijing(TODAY + timedelta(days=days), 7))
        run_schedule(clock)
    assert [(day, count) for day, _, count in called_days()] == [
        (TODAY + timedelta(days=7 * week), 1) for week in range(5)
    ]


def test_schedulers_that_run_at_once_order_each_day_once(world: World) -> None:
    later = TODAY + timedelta(days=14)
    answers = at_once(world.app, [lambda session: place_due(session, later, now=at_beijing(later, 6))] * 4)
    assert answers == [""] * 4
    assert [(day, count) for day, _, count in called_days()] == [
        (TODAY + timedelta(days=7 * week), 1) for week in range(3)
    ]


def test_a_run_that_dies_midway_leaves_nothing_and_the_next_makes_up_for_it(world: World, clock: WalkingClock) -> None:
    later = TODAY + timedelta(days=14)
    clock.put(at_beijing(later, 7))
    before = contents(world.app)

    def die(session: Session) -> None:
        assert place_due(session, later, now=clock.now()).placed == 2
        session.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))

    with pytest.raises(DBAPIError), transaction() as session:
        die(session)
    assert contents(world.app) == before
    assert run_schedule(clock) == Done(2)
    assert [count for *_, count in called_days()] == [1, 1, 1]


def test_a_floor_that_was_raised_later_makes_no_earlier_price_wrong_and_one_below_its_own_floor_is_found(
    world: World,
) -> None:
    amended(600, NOW + timedelta(days=1))
    assert below_the_floor() == []
    call = db.session.scalars(select(CallOff.id).where(CallOff.schedule_day == TODAY)).one()
    release()
    for price_fen in (499, 501):  # FIXED at 500
        with transaction() as session:
            session.execute(
                text("UPDATE call_offs SET price_fen_per_kg = :fen WHERE id = :id"), {"fen": price_fen, "id": call}
            )
        assert below_the_floor() == [{"call_off_id": call}]


def amended(floor_fen_per_kg: int, now: datetime) -> None:
    """Both sign another floor."""
    with transaction() as session:
        buyer, firm = (Hand(side, None, now) for side in (Side.BUYER, Side.FIRM))
        asked = terms(line(minimum_date_g=4_000, floor_fen_per_kg=floor_fen_per_kg))
        propose(session, agreement_by_code(session, "A50", lock=True), asked, by=buyer)
        assert sign_by(session, "A50", buyer, firm)


def below_the_floor() -> list[Any]:
    floors = [check for check in CHECKS if check.code == "I20-floor"]
    below = [row.row for row in run_checks(db.session.connection(), floors, now=NOW)]
    release()
    return below


def test_the_proof_of_floors_goes_by_what_was_written_first_however_the_clock_was_set(world: World) -> None:
    late = TODAY + timedelta(days=7)
    with transaction() as session:
        assert place_due(session, late, now=at_beijing(late, 6)).placed == 1
    amended(600, NOW)  # signed after that call by a clock that was set back to before it
    assert below_the_floor() == []


def test_a_call_off_that_was_moved_is_held_to_the_floor_of_the_day_on_which_it_was_moved(world: World) -> None:
    amended(450, NOW + timedelta(hours=1))
    with transaction() as session:
        order = locked_order_by_id(session, order_of().id)
        moved = NOW + timedelta(hours=2)
        change_call(session, order, due_on=TODAY + timedelta(days=2), weight_g=None, actor_id=None, now=moved)
    amended(600, NOW + timedelta(hours=3))
    assert db.session.scalars(select(CallOff.price_fen_per_kg).where(CallOff.schedule_day == TODAY)).one() == 450
    release()
    assert below_the_floor() == []
