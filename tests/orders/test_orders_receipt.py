"""Goods that nobody says to have received: by the clock, by the rule of the order's day, each order once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from threading import Barrier
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from shop.kit.clock import WalkingClock, beijing_day, beijing_minute
from shop.kit.db import db, release, transaction
from shop.kit.errors import MoveRefusedError
from shop.kit.jobs import Outbox
from shop.kit.states import History
from shop.orders import receipt
from shop.orders.actions import accept, approve, dispatch
from shop.orders.errors import NotForItsBuyer, ReceiptRuleTaken, SignatureDoesNotFit, StillToInspect
from shop.orders.jobs import RECEIVE_OVERDUE, SETTLE_ORDER
from shop.orders.locks import lines_of, locked_order
from shop.orders.models import Order, OrderStatus
from tests.factories.sales import Season, ready
from tests.factories.shopfiles import desk, sold

DAY = timedelta(days=1)


def sent(season: Season, partner: str = "SHOP", grams: int | None = None) -> Order:
    """A paid order, sent now: the whole, or so many grams of it."""
    order = season.paid(partner)
    send(season, order, grams)
    return order


def send(season: Season, order: Order, grams: int | None = None) -> None:
    weights = None if grams is None else {season.sku: grams}
    dispatch(season.session, order, weights, carrier_zh=None, tracking_number=None, actor_id=None, now=season.now)


def signed(season: Season, order: Order, position: int = 1, on: date | None = None) -> None:
    receipt.sign(
        season.session,
        order,
        position,
        on or beijing_day(season.now),
        actor_id=None,
        now=season.now + timedelta(days=1),
    )


def received_after(season: Season, order: Order, passed: timedelta) -> bool:
    """Whether the clock receives the order so long after now, the job that looks and the job that receives."""
    now = season.now + passed
    found = receipt.find_overdue(season.session, now=now)
    asked = season.session.scalars(
        select(Outbox).where(Outbox.job == RECEIVE_OVERDUE.name, Outbox.done_at.is_(None))
    ).all()
    assert len(asked) == found
    done = [receipt.receive_overdue(season.session, row.ids[0], now=now) for row in asked]
    for row in asked:
        row.done_at = now
    season.session.flush()
    season.session.refresh(order)
    assert done == [True] * found
    assert (order.status is OrderStatus.ACCEPTED) == bool(found)
    return bool(found)


@pytest.mark.parametrize(("with_signature", "days"), [(False, 10), (True, 7)])
def test_it_is_received_so_many_days_after_dispatch_and_not_a_second_before(
    season: Season, with_signature: bool, days: int
) -> None:
    order = sent(season)
    if with_signature:
        signed(season, order)
    assert receipt.receipt_due(season.session, order.id) == season.now + days * DAY
    assert not received_after(season, order, days * DAY - timedelta(seconds=1))
    assert received_after(season, order, days * DAY)
    assert order.accepted_at == season.now + days * DAY
    (line,) = lines_of(season.session, order.id)
    assert (line.accepted_g, line.refused_g, line.accepted_fen) == (line.dispatched_g, 0, line.amount_fen)
    assert season.jobs()[-1] == SETTLE_ORDER.name
    said = season.session.scalars(select(History).where(History.entity_id == order.id).order_by(History.id.desc()))
    found = said.first()
    assert found is not None
    assert (found.event, found.reason, found.person_id) == ("accept", "自动收货", None)


def test_days_count_from_the_last_parcel_and_sooner_only_when_all_were_signed_for(season: Season) -> None:
    order = sent(season, grams=2_500)
    assert receipt.receipt_due(season.session, order.id) is None
    season.now += DAY
    send(season, order)
    signed(season, order, 1)
    assert receipt.receipt_due(season.session, order.id) == season.now + 10 * DAY
    signed(season, order, 2)
    assert receipt.receipt_due(season.session, order.id) == season.now + 7 * DAY


def test_an_order_goes_by_the_rule_of_its_own_day(season: Season) -> None:
    order, today = sent(season), beijing_day(season.now)
    receipt.set_receipt_rule(season.session, today + DAY, 2, 3, actor_id=None, now=season.now)
    assert receipt.receipt_due(season.session, order.id) == season.now + 10 * DAY
    receipt.set_receipt_rule(season.session, today, 3, 5, actor_id=None, now=season.now)
    assert receipt.receipt_due(season.session, order.id) == season.now + 5 * DAY
    signed(season, order)
    assert receipt.receipt_due(season.session, order.id) == season.now + 3 * DAY
    with pytest.raises(ReceiptRuleTaken):
        receipt.set_receipt_rule(season.session, today, 4, 5, actor_id=None, now=season.now)
    assert receipt.receipt_due(season.session, order.id) == season.now + 3 * DAY


@pytest.mark.parametrize(("signed_days", "days"), [(0, 5), (6, 5), (5, 61)])
def test_a_rule_that_makes_no_sense_is_refused_by_the_database(season: Season, signed_days: int, days: int) -> None:
    with pytest.raises(IntegrityError), season.session.begin_nested():
        receipt.set_receipt_rule(season.session, date(2025, 8, 1), signed_days, days, actor_id=None, now=season.now)


@pytest.mark.parametrize("partner", ["CADRE", "HOST"])
def test_orders_of_cadres_and_live_sessions_are_received_by_the_clock_too(season: Season, partner: str) -> None:
    assert received_after(season, sent(season, partner), 10 * DAY)


def test_what_is_paid_on_invoice_or_was_sold_elsewhere_no_clock_receives(season: Season) -> None:
    unit = season.approved("UNIT")
    send(season, unit)
    call = season.asked_for_by_agreement(1_000)
    approve(season.session, call, actor_id=None, now=season.now)
    send(season, call)
    shop = desk(season)
    shop.orders(sold("6901", season.sku, state="已发货", shipped="2025-07-14 15:00:00"))
    there = season.session.scalars(select(Order).where(Order.status == OrderStatus.DISPATCHED)).all()
    assert len(there) == 3
    assert [receipt.receipt_due(season.session, order.id) for order in there] == [None] * len(there)
    assert receipt.find_overdue(season.session, now=season.now + 60 * DAY) == 0


def test_for_a_unit_the_county_accepts_when_its_time_is_over_and_for_no_consumer(season: Season) -> None:
    session, reason = season.session, "多次提醒没有答复"
    unit = season.approved("UNIT")
    send(season, unit)
    for number, other in enumerate([sent(season), sent(season, "CADRE")]):
        with pytest.raises(NotForItsBuyer):
            receipt.accept_for_buyer(session, other, reason, actor_id=None, now=season.now + 60 * DAY)
        assert other.status is OrderStatus.DISPATCHED, number
    with pytest.raises(StillToInspect) as early:
        receipt.accept_for_buyer(session, unit, reason, actor_id=None, now=season.now + 9 * DAY)
    assert beijing_minute(season.now + 10 * DAY) in str(early.value)
    receipt.accept_for_buyer(session, unit, reason, actor_id=None, now=season.now + 10 * DAY)
    (line,) = lines_of(session, unit.id)
    assert (unit.status, line.accepted_g, line.accepted_fen) == (OrderStatus.ACCEPTED, line.weight_g, line.amount_fen)
    assert season.jobs()[-1] == SETTLE_ORDER.name


def test_who_received_it_himself_is_not_received_again(season: Season) -> None:
    order = sent(season)
    accept(season.session, order, None, actor_id=None, now=season.now)
    before = season.session.scalar(text("SELECT count(*) FROM history"))
    assert not receipt.receive_overdue(season.session, order.id, now=season.now + 11 * DAY)
    assert season.session.scalar(text("SELECT count(*) FROM history")) == before


def test_a_job_that_comes_too_early_or_twice_receives_once(season: Season) -> None:
    order = sent(season)
    assert not receipt.receive_overdue(season.session, order.id, now=season.now + 9 * DAY)
    late = season.now + 10 * DAY
    assert [receipt.receive_overdue(season.session, order.id, now=late) for _ in range(2)] == [True, False]
    assert receipt.find_overdue(season.session, now=late) == 0


def test_what_is_asked_for_already_is_not_asked_for_again(season: Season) -> None:
    sent(season)
    late = season.now + 10 * DAY
    assert [receipt.find_overdue(season.session, now=late) for _ in range(2)] == [1, 0]


@pytest.mark.parametrize("days", [-1, 2])
def test_a_parcel_is_signed_for_between_its_dispatch_and_today(season: Season, days: int) -> None:
    order = sent(season)
    with pytest.raises(SignatureDoesNotFit), season.session.begin_nested():
        signed(season, order, on=beijing_day(season.now) + days * DAY)
    assert receipt.receipt_due(season.session, order.id) == season.now + 10 * DAY


def test_a_parcel_is_signed_for_once_and_one_that_was_not_sent_never(season: Season) -> None:
    order = sent(season)
    signed(season, order)
    with pytest.raises(SignatureDoesNotFit):
        signed(season, order)
    with pytest.raises(MoveRefusedError):
        signed(season, order, 2)


# -- at the same moment, with real commits ------------------------------------------------------------------------


@pytest.fixture
def order_id(county: Flask, clock: WalkingClock) -> int:
    with transaction() as session:
        return sent(ready(session, clock.now())).id


def both_at_once(app: Flask, order_id: int, now: Any) -> list[tuple[str]]:
    """The buyer presses his button while the clock receives; the steps of the order's history that say so."""

    def presses() -> None:
        with app.app_context(), transaction() as session:
            order = locked_order(session, session.get_one(Order, order_id).number)
            if order.status is OrderStatus.DISPATCHED:
                accept(session, order, None, actor_id=None, now=now)

    def ticks() -> None:
        with app.app_context(), transaction() as session:
            receipt.receive_overdue(session, order_id, now=now)

    with ThreadPoolExecutor(2) as pool:
        for job in [pool.submit(presses), pool.submit(ticks)]:
            job.result(30)
    found = db.session.execute(
        text("SELECT event FROM history WHERE entity_type = 'orders' AND entity_id = :id AND event = 'accept'"),
        {"id": order_id},
    ).all()
    release()
    return [tuple(row) for row in found]


def test_the_buyer_and_the_clock_at_once_receive_once(county: Flask, clock: WalkingClock, order_id: int) -> None:
    assert both_at_once(county, order_id, clock.now() + 10 * DAY) == [("accept",)]


def test_the_control_without_the_lock_receives_twice(
    county: Flask, clock: WalkingClock, order_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both have read that it is on its way before either writes."""
    seen, due_of = Barrier(2), receipt.receipt_due

    def unlocked(session: Session, which: int | str) -> Order:
        return session.scalars(select(Order).where(Order.id == order_id)).one()

    def waits(session: Session, which: int | str) -> Order:
        order = unlocked(session, which)
        seen.wait(20)
        return order

    def due_and_waits(session: Session, which: int) -> datetime | None:
        due = due_of(session, which)
        seen.wait(20)
        return due

    monkeypatch.setattr(receipt, "locked_order_by_id", unlocked)
    monkeypatch.setattr(receipt, "receipt_due", due_and_waits)
    monkeypatch.setitem(globals(), "locked_order", waits)
    assert both_at_once(county, order_id, clock.now() + 10 * DAY) == [("accept",), ("accept",)]
