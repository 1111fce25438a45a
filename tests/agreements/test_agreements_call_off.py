"""Calling off: never beyond the promise, never outside the term, whoever asks at the same time (T34, T35)."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, datetime, timedelta
from threading import Barrier

import pytest
from flask import Flask
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from shop.agreements import actions, signing
from shop.agreements.errors import (
    AgreementNotRunning,
    BelowMinimum,
    DueDayPast,
    NotScheduled,
    OutsideTerm,
    ProductNotPromised,
    PromiseExceeded,
)
from shop.agreements.models import Agreement, AgreementLine, CallOff, CallOffStatus, PriceRule
from shop.agreements.quotes import Quoted, record_quote
from shop.catalog.actions import firm_by_code, product_by_sku
from shop.catalog.errors import OutOfSeason
from shop.channels.actions import partner_by_code
from shop.channels.models import Campaign
from shop.kit.clock import at_beijing
from shop.kit.db import db, transaction
from shop.kit.errors import DomainError, MoveRefusedError
from tests.factories.agreements import line, recorded, terms
from tests.factories.tables import contents
from tests.factories.world import NOW, TODAY, World, build

#: Agreement A01 of the world: 1 t promised from 1 July to 1 December, 10 kg called already.
COMMITTED_G, CALLED_G = 1_000_000, 10_000
LEFT_G = COMMITTED_G - CALLED_G


@pytest.fixture
def world(committed: Flask) -> World:
    return build(committed)


def call(
    session: Session, weight_g: int, due_on: date = TODAY, code: str = "A01", sku: str = "PL001", now: datetime = NOW
) -> CallOff:
    return actions.call_off(session, code, product_by_sku(session, sku), weight_g, due_on, actor_id=None, now=now)


def refused(world: World, error: type[DomainError], *args: object, **kwargs: object) -> DomainError:
    before = contents(world.app)
    with pytest.raises(error) as caught, transaction() as session:
        call(session, *args, **kwargs)  # type: ignore[arg-type]
    assert contents(world.app) == before
    return caught.value


def called() -> int:
    return int(
        db.session.scalar(
            select(func.sum(CallOff.weight_g))
            .join(Agreement, Agreement.id == CallOff.agreement_id)
            .where(Agreement.code == "A01", CallOff.status != CallOffStatus.CANCELLED)
        )
        or 0
    )


def test_t34_one_call_beyond_the_promise_is_refused_and_the_exact_rest_is_not(world: World) -> None:
    error = refused(world, PromiseExceeded, LEFT_G + 1)
    assert error.facts == {"agreement": "A01", "left_g": LEFT_G, "asked_g": LEFT_G + 1}
    with transaction() as session:
        call(session, LEFT_G)
    assert called() == COMMITTED_G
    refused(world, PromiseExceeded, 1)


def test_t34_many_calls_add_up(world: World) -> None:
    for _ in range(3):
        with transaction() as session:
            call(session, 330_000)
    assert called() == COMMITTED_G
    refused(world, PromiseExceeded, 1)


def test_t34_fifty_at_once_reach_the_limit_and_not_one_gram_more(world: World) -> None:
    def ask(_: int) -> bool:
        with world.app.app_context():
            try:
                with transaction() as session:
                    call(session, 50_000)
            except PromiseExceeded:
                return False
            return True

    with ThreadPoolExecutor(5) as threads:
        answers = list(threads.map(ask, range(50)))
    assert answers.count(True) == LEFT_G // 50_000 == 19
    assert called() == CALLED_G + 19 * 50_000


def test_a_cancelled_call_gives_its_grams_back_once(world: World) -> None:
    with transaction() as session:
        made = call(session, LEFT_G).id
    with transaction() as session:
        actions.move_call_off(session, made, "cancel", actor_id=None, now=NOW)
    with pytest.raises(DomainError), transaction() as session:
        actions.move_call_off(session, made, "cancel", actor_id=None, now=NOW)
    assert called() == CALLED_G


@pytest.mark.parametrize("day", [date(2025, 6, 30), date(2025, 12, 2)])
def test_t35_before_the_first_and_after_the_last_day_is_refused(world: World, day: date) -> None:
    refused(world, OutsideTerm, 1_000, day)


@pytest.mark.parametrize("day", [date(2025, 7, 1), date(2025, 12, 1)])
def test_t35_the_first_and_the_last_day_belong_to_the_term(world: World, day: date) -> None:
    with transaction() as session:
        assert call(session, 1_000, day, now=at_beijing(day, 23)).due_on == day


def test_nothing_is_called_for_a_day_that_is_past_so_that_the_firm_is_not_behind_at_once(world: World) -> None:
    refused(world, DueDayPast, 1_000, TODAY - timedelta(days=1))


def test_nothing_is_called_for_a_day_on_which_the_harvest_cannot_be_good_any_more(world: World) -> None:
    with transaction() as session:
        product = product_by_sku(session, "PL001")
        product.harvest_start_month, product.harvest_end_month, product.shelf_life_days = 6, 8, 7
    last, after = date(2025, 9, 7), date(2025, 9, 8)
    assert refused(world, OutOfSeason, 1_000, after).facts == {"sku": "PL001", "day": "2025-09-08"}
    with transaction() as session:
        made = call(session, 1_000, last).id
    before = contents(world.app)
    with pytest.raises(OutOfSeason), transaction() as session:
        actions.change_call_off(session, made, due_on=after, weight_g=1_000, actor_id=None, now=NOW)
    assert contents(world.app) == before


def test_t35_a_terminated_agreement_is_not_called_off(world: World) -> None:
    with transaction() as session:
        agreement = actions.agreement_by_code(session, "A01", lock=True)
        actions.advance(session, agreement, actions.AGREEMENT_LIFE, "terminate", person_id=None, now=NOW)
    refused(world, AgreementNotRunning, 1_000)
    before = contents(world.app)
    waits = select(CallOff.id).join(Agreement).where(Agreement.code == "A01")
    with pytest.raises(AgreementNotRunning), transaction() as session:
        actions.move_call_off(session, session.scalars(waits).one(), "confirm", actor_id=None, now=NOW)
    assert contents(world.app) == before


def test_a_product_that_was_not_promised_is_refused(world: World) -> None:
    refused(world, ProductNotPromised, 1_000, sku="PL002")


def test_t35_the_agreement_of_another_buyer_is_not_there(world: World) -> None:
    before = contents(world.app)
    answer = world.app.test_client().post(
        "/api/v1/agreements/A02/call-offs",
        json={"sku": "PL002", "weight_g": 1_000, "due_on": "2025-07-17"},
        headers=world.headers["buyer"] | {"Idempotency-Key": "foreign"},
    )
    assert answer.status_code == 404
    assert contents(world.app) == before


def test_a_price_is_fixed_when_called_and_no_later_quote_moves_it(world: World) -> None:
    with transaction() as session:
        recorded(session, line(price_rule=PriceRule.FLOOR_OR_MARKET))
        product_id = product_by_sku(session, "PL001").id
        said = Quoted(product_id, TODAY, "甲（示例）", "运城（示例）", 640)
        record_quote(session, said, actor_id=None, now=NOW)
        first = call(session, 1_000, code="A50")
        record_quote(session, replace(said, source="乙（示例）", fen_per_kg=900), actor_id=None, now=NOW)
        record_quote(session, replace(said, fen_per_kg=700), actor_id=None, now=NOW, correction="更正笔误")
        assert call(session, 1_000, code="A50").price_fen_per_kg == 700
        assert session.get_one(CallOff, first.id, populate_existing=True).price_fen_per_kg == 640


def test_what_is_called_far_ahead_is_priced_by_the_market_of_the_day_of_the_call_not_by_the_floor(
    world: World,
) -> None:
    with transaction() as session:
        recorded(session, line(price_rule=PriceRule.FLOOR_OR_MARKET))
        said = Quoted(product_by_sku(session, "PL001").id, TODAY - timedelta(days=7), "甲（示例）", "运城（示例）", 640)
        record_quote(session, said, actor_id=None, now=NOW)
        made = call(session, 1_000, TODAY + timedelta(days=30), code="A50")
        assert made.price_fen_per_kg == 640
        later = NOW + timedelta(days=1)
        assert call(session, 1_000, TODAY + timedelta(days=30), code="A50", now=later).price_fen_per_kg == 500
        record_quote(session, replace(said, quoted_on=TODAY, fen_per_kg=710), actor_id=None, now=NOW)
        moved = actions.change_call_off(
            session, made.id, due_on=TODAY + timedelta(days=40), weight_g=1_000, actor_id=None, now=later
        )
        assert moved.price_fen_per_kg == 710


def scheduled(session: Session, day: date) -> list[tuple[date, date, int]]:
    """Run the schedule on a day: (day of the schedule, due on, grams) of each call-off made."""
    product = product_by_sku(session, "PL001")
    made = [
        actions.call_scheduled(session, due, product, day, now=at_beijing(day, 6))
        for due in actions.due_calls(session, day)
    ]
    return [(call.schedule_day or day, call.due_on, call.weight_g) for call in made if call is not None]


@pytest.fixture
def weekly(world: World) -> World:
    """Agreement A50: 10 kg each Tuesday from today on, ten times; at least 4 kg each time."""
    with transaction() as session:
        recorded(session, line(minimum_date_g=4_000))
    return world


def test_the_schedule_calls_once_for_a_line_and_a_day_whatever_is_run_again(weekly: World) -> None:
    days = [TODAY, TODAY, TODAY - timedelta(days=30), TODAY, TODAY + timedelta(days=7), TODAY]
    with transaction() as session:
        made = [entry for day in days for entry in scheduled(session, day)]
    next_week = TODAY + timedelta(days=7)
    assert made == [(TODAY, TODAY, 10_000), (next_week, next_week, 10_000)]


@pytest.mark.parametrize("days", [3, 8, 40, 63])
def test_after_an_outage_of_any_length_every_day_of_the_schedule_is_called_once_for_the_day_of_the_run(
    weekly: World, days: int
) -> None:
    run = TODAY + timedelta(days=days)
    missed = [TODAY + timedelta(days=7 * week) for week in range(days // 7 + 1)]
    with transaction() as session:
        assert scheduled(session, run) == [(day, run, 10_000) for day in missed]
        assert scheduled(session, run) == []


def test_a_clock_that_jumps_ahead_and_back_calls_no_day_twice_and_loses_none(weekly: World) -> None:
    ahead = TODAY + timedelta(days=21)
    with transaction() as session:
        made = scheduled(session, ahead)
        for day in range(64):
            made += scheduled(session, TODAY + timedelta(days=day))
    assert [entry[0] for entry in made] == [TODAY + timedelta(days=7 * week) for week in range(10)]
    assert sum(entry[2] for entry in made) == 100_000


def test_what_the_last_day_overtakes_is_called_no_more(weekly: World) -> None:
    with transaction() as session:
        assert scheduled(session, date(2025, 9, 17)) == []


def test_what_fell_due_before_the_paper_was_recorded_here_is_not_called(world: World) -> None:
    asked = terms(line(minimum_date_g=4_000), starts_on=TODAY - timedelta(days=28))
    with transaction() as session:
        signing.record_signed(
            session, "A50", partner_by_code(session, "B01"), firm_by_code(session, "F01"),
            session.execute(select(Campaign.id)).scalar_one(), asked, signed_on=TODAY - timedelta(days=28),
            actor_id=None, now=NOW,
        )  # fmt: skip
        assert [entry[0] for entry in scheduled(session, TODAY + timedelta(days=7))] == [
            TODAY, TODAY + timedelta(days=7),
        ]  # fmt: skip


def test_parallel_runs_of_the_schedule_call_once(weekly: World) -> None:
    start = Barrier(4)

    def run(_: int) -> int:
        with weekly.app.app_context(), transaction() as session:
            due = actions.due_calls(session, TODAY)
            product = product_by_sku(session, "PL001")
            start.wait(timeout=10)
            return int(actions.call_scheduled(session, due[0], product, TODAY, now=NOW) is not None)

    with ThreadPoolExecutor(4) as threads:
        assert sum(threads.map(run, range(4))) == 1


def test_the_control_a_second_call_of_a_day_is_refused_by_the_database_itself(weekly: World) -> None:
    """What the constraint is for: without it the row below, written past the actions, would be there twice."""
    with transaction() as session:
        scheduled(session, TODAY)
    again = "INSERT INTO call_offs (agreement_id, line_id, status, due_on, weight_g, stands_g, again_g," \
            " price_fen_per_kg, schedule_day, requested_at) SELECT agreement_id, line_id, status, due_on, weight_g," \
            " stands_g, again_g, price_fen_per_kg, schedule_day, requested_at" \
            " FROM call_offs WHERE schedule_day IS NOT NULL"  # fmt: skip
    with pytest.raises(DBAPIError, match="uq_call_offs_line_id_schedule_day"), transaction() as session:
        session.execute(text(again))
    with transaction() as session:
        session.execute(text("ALTER TABLE call_offs DROP CONSTRAINT uq_call_offs_line_id_schedule_day"))
        session.execute(text(again))
    count = select(func.count()).select_from(CallOff).where(CallOff.schedule_day.is_not(None))
    assert db.session.scalar(count) == 2


def test_t34_the_control_without_the_lock_two_callers_call_more_than_was_promised(world: World) -> None:
    """What the agreement's lock is for: if this test fails, the race above proves nothing."""
    read = Barrier(2)

    def careless(_: int) -> None:
        with world.app.app_context(), transaction() as session:
            promised = session.scalars(select(AgreementLine).join(Agreement).where(Agreement.code == "A01")).one()
            left_g = actions.left_g(session, promised.id)
            read.wait(timeout=10)
            session.add(CallOff(agreement_id=promised.agreement_id, line_id=promised.id, weight_g=left_g,
                                stands_g=left_g, again_g=0, due_on=TODAY, status=CallOffStatus.REQUESTED,
                                price_fen_per_kg=500, requested_at=NOW))  # fmt: skip

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(careless, range(2)))
    assert called() == CALLED_G + 2 * LEFT_G > COMMITTED_G


def test_a_day_that_the_buyer_brought_forward_is_not_called_again(weekly: World) -> None:
    later = TODAY + timedelta(days=14)
    with transaction() as session:
        product = product_by_sku(session, "PL001")
        early = actions.call_off(
            session, "A50", product, 6_000, TODAY + timedelta(days=1), schedule_day=later, actor_id=None, now=NOW
        )
        assert (early.schedule_day, early.weight_g) == (later, 6_000)
        missed = [TODAY, later - timedelta(days=7)]
        assert scheduled(session, later) == [(day, later, 10_000) for day in missed]
    for day, grams, error in (
        (later, 6_000, NotScheduled),
        (TODAY + timedelta(days=1), 6_000, NotScheduled),
        (TODAY + timedelta(days=21), 10_001, NotScheduled),
        (TODAY + timedelta(days=21), 3_999, BelowMinimum),
    ):
        with pytest.raises(error), transaction() as session:
            actions.call_off(session, "A50", product_by_sku(session, "PL001"), grams, TODAY, schedule_day=day,
                             actor_id=None, now=NOW)  # fmt: skip


def test_the_last_call_of_the_schedule_is_what_is_left_of_the_promise(weekly: World) -> None:
    with transaction() as session:
        call(session, 93_000, code="A50")
        assert scheduled(session, TODAY) == [(TODAY, TODAY, 7_000)]
        assert scheduled(session, TODAY + timedelta(days=7)) == []


def test_a_call_off_is_moved_and_reduced_within_the_terms_and_priced_for_its_day(world: World) -> None:
    monday = TODAY + timedelta(days=6)
    with transaction() as session:
        recorded(session, line(price_rule=PriceRule.FLOOR_OR_MARKET, minimum_date_g=4_000))
        product_id = product_by_sku(session, "PL001").id
        scheduled(session, TODAY)
        record_quote(session, Quoted(product_id, TODAY, "甲（示例）", "运城（示例）", 640), actor_id=None, now=NOW)
    made = db.session.scalars(select(CallOff.id).where(CallOff.schedule_day == TODAY)).one()

    def change(day: date, grams: int) -> CallOff:
        with transaction() as session:
            return actions.change_call_off(session, made, due_on=day, weight_g=grams, actor_id=None, now=NOW)

    assert change(TODAY, 9_000).price_fen_per_kg == 500
    moved = change(monday, 4_000)
    assert (moved.due_on, moved.weight_g, moved.price_fen_per_kg, moved.schedule_day) == (monday, 4_000, 640, TODAY)
    for day, grams, error in (
        (monday, 3_999, BelowMinimum),
        (monday, 4_001, PromiseExceeded),
        (TODAY - timedelta(days=1), 4_000, OutsideTerm),
        (date(2025, 9, 17), 4_000, OutsideTerm),
    ):
        with pytest.raises(error):
            change(day, grams)
    with transaction() as session:
        actions.move_call_off(session, made, "confirm", actor_id=None, now=NOW)
    with pytest.raises(MoveRefusedError):
        change(monday, 4_000)
