"""An amendment acts from its signing on: what was called before stands under the terms it was called by."""

import importlib.util
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, text

from shop.agreements import signing
from shop.agreements.actions import agreement_by_code, call_off, change_call_off
from shop.agreements.errors import BelowMinimum
from shop.agreements.models import AgreementVersion, CallOff, Side
from shop.agreements.signing import Hand
from shop.agreements.terms import LineTerms
from shop.catalog.actions import product_by_sku
from shop.farmers.models import Grade
from shop.kit.db import db, transaction
from shop.kit.revisions import FOLDER
from shop.orders.actions import approve, cancel, dispatch
from shop.orders.breach import behind
from shop.orders.locks import locked_order_by_id
from shop.orders.models import Order
from shop.orders.scheduled import place_due
from shop.reports.books import CHECKS, run_checks
from tests.factories.agreements import amended, line, recorded, second_product, sign_by, terms
from tests.factories.tables import contents
from tests.factories.world import NOW, TODAY, World, build

#: The day after the second call.
AFTER = TODAY + timedelta(days=8)
V1 = {"minimum_date_g": 4_000, "second_bp": 8_000, "off_bp": 0}
V2 = {"minimum_date_g": 2_000, "second_bp": 5_000, "off_bp": 4_000, "floor_fen_per_kg": 800}
PROOFS = [check for check in CHECKS if check.code.startswith(("I19", "I20"))]


@pytest.fixture
def world(committed: Flask) -> World:
    """A50: 10 kg each Tuesday at 5 yuan, tolerance 5 % of 100 kg, penalties 5 and 8 %; the first is called."""
    built = build(committed)
    with transaction() as session:
        recorded(session, line(**V1))
        assert place_due(session, TODAY, now=NOW).placed == 1
    return built


def agree(promise: LineTerms, **changes: object) -> None:
    with transaction() as session:
        amended(session, "A50", terms(promise, **changes))


def call(week: int, grams: int = 10_000) -> None:
    """What the schedule asks for so many weeks later, called today: the buyer brings it forward."""
    day = TODAY + timedelta(weeks=week)
    with transaction() as session:
        product = product_by_sku(session, "PL001")
        call_off(session, "A50", product, grams, day, schedule_day=day, actor_id=None, now=NOW)


def called(week: int) -> CallOff:
    return db.session.scalars(select(CallOff).where(CallOff.schedule_day == TODAY + timedelta(weeks=week))).one()


def version_of(week: int) -> int:
    found = select(AgreementVersion.number).where(AgreementVersion.id == called(week).version_id)
    return db.session.execute(found).scalar_one()


def found(day: date) -> list[tuple[str, int, int]]:
    rows = behind(db.session(), day, [agreement_by_code(db.session(), "A50").id])
    return [(row.side.value, row.shortfall_g, row.penalty_fen) for row in rows]


def send(world: World) -> str:
    with transaction() as session:
        wanted = select(Order.id).where(Order.call_off_id == called(0).id)
        order = locked_order_by_id(session, session.execute(wanted).scalar_one())
        approve(session, order, actor_id=None, now=NOW)
        dispatch(session, order, None, carrier_zh=None, tracking_number=None, actor_id=None, now=NOW)
        return order.number


def accept(world: World, number: str, grade: str) -> Any:
    said = {"sku": "PL001", "accepted_g": 10_000, "grades": [{"grade": grade, "weight_g": 10_000}]}
    headers = world.headers["buyer"] | {"Idempotency-Key": str(Grade(grade).name)}
    path = f"/api/v1/orders/{number}/acceptance"
    return world.app.test_client().post(path, json={"lines": [said]}, headers=headers)


def test_goods_on_the_way_are_graded_and_paid_by_the_terms_they_were_called_by(world: World) -> None:
    number = send(world)
    agree(line(**V2), payment_term_days=0)
    before = contents(world.app)
    refused = accept(world, number, "等外")  # not taken then, whatever is now
    assert refused.get_json()["type"].endswith("grade-not-taken")
    assert contents(world.app) == before
    answer = accept(world, number, "二级").get_json()
    assert (answer["lines"][0]["accepted_fen"], answer["due_on"]) == (4_000, str(TODAY + timedelta(days=30)))


def test_a_breach_keeps_floor_rate_and_tolerance_and_what_is_called_later_has_its_own(world: World) -> None:
    assert found(AFTER) == [("firm", 5_000, 125)]  # 10 kg less 5, at 5 yuan, 5 %
    agree(line(**V2), penalty_bp=2_000, tolerance_bp=0)
    assert found(AFTER) == [("firm", 5_000, 125)]
    call(1)
    assert found(AFTER) == [("firm", 15_000, 125 + 1_600)]  # nothing of it is tolerated: 10 kg at 8 yuan, 20 %
    told = world.app.test_client().get("/api/v1/agreements/A50", headers=world.headers["buyer"]).get_json()
    assert [one["version"] for one in told["call_offs"]] == [1, 2]
    page = world.browser("buyer")
    assert page.get("/desk/agreements/A50").text.count("<small>按第 1 版</small>") == 1


def test_a_tolerance_that_was_used_up_is_not_used_again_and_more_of_it_covers_what_comes_later(world: World) -> None:
    agree(line(**V1), tolerance_bp=1_200)
    assert found(AFTER) == [("firm", 5_000, 125)]
    call(1)
    assert found(AFTER) == [("firm", 5_000 + 10_000 - 7_000, 125 + 75)]  # 12 kg, of which 5 were used
    agree(line(**V1, minimum_g=1), tolerance_bp=0)
    assert found(AFTER) == [("firm", 8_000, 200)]


def test_a_promise_that_is_lowered_makes_no_breach_undone(world: World) -> None:
    with transaction() as session:
        order = session.scalars(select(Order).where(Order.call_off_id == called(0).id)).one()
        cancel(session, locked_order_by_id(session, order.id), actor_id=None, now=NOW, by=Side.FIRM)
    assert found(AFTER) == [("firm", 5_000, 125)]
    agree(line(committed_g=10_000, minimum_g=0))
    assert found(AFTER) == [("firm", 5_000, 125)]


def test_the_buyer_s_day_counts_by_the_least_that_was_agreed_when_he_called_it(world: World) -> None:
    for week in (1, 2):
        call(week)
    with transaction() as session:
        session.execute(text("UPDATE call_offs SET status = 'cancelled', cancelled_by = 'buyer', stands_g = 0"
                             " WHERE schedule_day > :day"), {"day": TODAY})  # fmt: skip
    last = TODAY + timedelta(weeks=2)
    buyer = ("buyer", 2 * 4_000 - 5_000, 120)
    assert [row for row in found(last) if row[0] == "buyer"] == [buyer]
    agree(line(committed_g=100_000, minimum_date_g=0), buyer_penalty_bp=3_000)
    assert [row for row in found(last) if row[0] == "buyer"] == [buyer]


def test_moved_a_call_stands_under_the_terms_of_today_and_reduced_under_its_own(world: World) -> None:
    for week in (1, 2):
        call(week)
    agree(line(**V2))
    assert [version_of(week) for week in (0, 1, 2)] == [1, 1, 1]

    with transaction() as session:
        same = called(1)
        with pytest.raises(BelowMinimum):  # the least of its own terms
            change_call_off(session, same.id, due_on=same.due_on, weight_g=3_999, actor_id=None, now=NOW)
        change_call_off(session, same.id, due_on=same.due_on, weight_g=4_000, actor_id=None, now=NOW)
        moved = called(2)
        next_day = moved.due_on + timedelta(days=1)
        change_call_off(session, moved.id, due_on=next_day, weight_g=2_000, actor_id=None, now=NOW)
    assert [(version_of(week), called(week).price_fen_per_kg) for week in (0, 1, 2)] == [(1, 500), (1, 500), (2, 800)]
    before = dict(db.session.execute(select(CallOff.id, CallOff.version_id)).all())
    with transaction() as session:  # as the migration tells it from the history
        session.execute(text("UPDATE call_offs SET version_id = NULL"))
        session.execute(text(migration("0079_terms_of_calls").FILL))
    after = dict(db.session.execute(select(CallOff.id, CallOff.version_id)).all())
    told = {called(week).id for week in (0, 1, 2)}
    assert {known: after[known] for known in told} == {known: before[known] for known in told}
    assert misread(told) == set()
    # Each under the other's version: that which it was reduced under, and that from which it was moved.
    with transaction() as session:
        reduced, moved = (session.get_one(CallOff, called(week).id) for week in (1, 2))
        reduced.version_id, moved.version_id = moved.version_id, reduced.version_id
        wrong = {reduced.id, moved.id}
    assert {call_off for code, call_off in misread(told) if code == "I20-version"} == wrong


def misread(told: set[int]) -> set[tuple[str, int]]:
    """What the proofs say of these call-offs and their versions: the code of each with the call-off."""
    flaws = run_checks(db.session.connection(), PROOFS, now=NOW)
    return {(one.check.code, one.row["call_off_id"]) for one in flaws if one.row["call_off_id"] in told}


def migration(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, Path(FOLDER) / "versions" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(("floor", "price", "status"), [(400, 399, 201), (0, 199, 409), (0, 200, 201)])
def test_a_delivery_is_held_to_the_farm_gate_floor_of_its_own_day(
    world: World, floor: int, price: int, status: int
) -> None:
    """The first agreement promises 2 yuan; from tomorrow on another floor: the slip is of today."""
    tomorrow = NOW + timedelta(days=1)
    with transaction() as session:
        recorded(session, line(farm_gate_floor_fen_per_kg=200), code="A51")
    with transaction() as session:
        agreement = agreement_by_code(session, "A51", lock=True)
        asked = terms(line(farm_gate_floor_fen_per_kg=floor), starts_on=TODAY)
        hands = [Hand(side, None, tomorrow) for side in (Side.BUYER, Side.FIRM)]
        signing.propose(session, agreement, asked, by=hands[0])
        sign_by(session, "A51", *hands)
    slip = {"code": "D90009", "household": "农户-0001", "sku": "PL001", "delivered_on": str(TODAY),
            "weight_g": 52_500, "grade": "一级", "price_fen_per_kg": price}  # fmt: skip
    headers = world.headers["firm_staff"] | {"Idempotency-Key": "1"}
    answer = world.app.test_client().post("/api/v1/deliveries", json=slip, headers=headers)
    assert answer.status_code == status, answer.text


@pytest.mark.parametrize(("dropped", "status"), [(False, 409), (True, 201)])
def test_a_product_that_an_amendment_dropped_binds_no_delivery(world: World, dropped: bool, status: int) -> None:
    """Its line stays with nothing promised, and its floor of before on it."""
    with transaction() as session:
        second_product(session, "PL901")
        recorded(session, line(farm_gate_floor_fen_per_kg=200), line(sku="PL901"), code="A51")
    if dropped:
        with transaction() as session:
            amended(session, "A51", terms(line(sku="PL901"), starts_on=TODAY))
    slip = {"code": "D90009", "household": "农户-0001", "sku": "PL001", "delivered_on": str(TODAY),
            "weight_g": 52_500, "grade": "一级", "price_fen_per_kg": 199}  # fmt: skip
    headers = world.headers["firm_staff"] | {"Idempotency-Key": "1"}
    answer = world.app.test_client().post("/api/v1/deliveries", json=slip, headers=headers)
    assert answer.status_code == status, answer.text
