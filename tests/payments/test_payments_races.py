"""Two who give back at once never give back more than was paid (T29), and the control: without the lock they do."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from flask import Flask
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from shop.income.actions import grant_refund
from shop.kit.db import db, transaction
from shop.orders.locks import locked_order_by_id
from shop.orders.models import Order
from shop.payments.actions import record_bank_transfer, request_refund
from shop.payments.errors import NothingToPay, RefundBeyondPaid
from shop.payments.models import Payment, Refund
from tests.conftest import A_DAY_IN_JULY as NOW
from tests.factories.sales import Season, ready


@pytest.fixture
def sku(county: Flask) -> str:
    with transaction() as session:
        return ready(session, NOW).sku


def at_once(app: Flask, tasks: list[Callable[[Session], object]]) -> list[bool]:
    """Run each in a thread and a transaction of its own, all starting together; whether it was served."""
    start = Barrier(len(tasks))

    def run(task: Callable[[Session], object]) -> bool:
        with app.app_context():
            start.wait()
            try:
                with transaction() as session:
                    task(session)
            except (RefundBeyondPaid, NothingToPay):
                return False
            return True

    with ThreadPoolExecutor(len(tasks)) as threads:
        return list(threads.map(run, tasks))


def granted(order_id: int) -> int:
    total = db.session.scalar(select(func.sum(Refund.amount_fen)).where(Refund.order_id == order_id))
    db.session.rollback()
    return int(total or 0)


def locked(order_id: int, fen: int) -> Callable[[Session], object]:
    def refund(session: Session) -> object:
        order = locked_order_by_id(session, order_id)
        return grant_refund(session, order, fen, "坏果", line_ids=None, actor_id=None, now=NOW)

    return refund


def test_t29_two_refunds_of_sixty_percent_at_once_are_one(county: Flask, sku: str) -> None:
    for settled in (False, True, False, True):
        with transaction() as session:
            season = Season(session, NOW, sku)
            order = season.settled(season.paid()) if settled else season.paid()
            order_id, fen = order.id, order.paid_fen * 6 // 10
        assert sorted(at_once(county, [locked(order_id, fen)] * 2)) == [False, True]
        assert granted(order_id) == fen


def test_t29_eight_refunds_of_a_fifth_at_once_are_five(county: Flask, sku: str) -> None:
    with transaction() as session:
        order = Season(session, NOW, sku).paid(quantity=5)
        order_id, paid_fen = order.id, order.paid_fen
    assert at_once(county, [locked(order_id, paid_fen // 5)] * 8).count(True) == 5
    assert granted(order_id) == paid_fen


def test_the_control_two_refunds_without_the_lock_of_the_order_give_back_more_than_was_paid(
    county: Flask, sku: str
) -> None:
    """What the lock is for: if this test fails, the races above prove nothing."""
    with transaction() as session:
        season = Season(session, NOW, sku)
        season.refunded(season.paid(), 1)  # opens the accounts, for which the two would wait otherwise
        order = season.paid()
        order_id, paid_fen = order.id, order.paid_fen
        # The numbers that two refunds of a moment share are the second line of defence: off, to see the first alone.
        session.execute(text("ALTER TABLE refunds DROP CONSTRAINT uq_refunds_number"))
        session.execute(text("ALTER TABLE simulated_charges DROP CONSTRAINT uq_simulated_charges_kind_out_number"))
    both_granted = Barrier(2)

    def careless(session: Session) -> object:
        order = session.get_one(Order, order_id)
        refund = request_refund(session, order, paid_fen * 6 // 10, "坏果", actor_id=None, now=NOW)
        both_granted.wait(timeout=10)
        return refund

    assert at_once(county, [careless, careless]) == [True, True]
    assert granted(order_id) == 2 * (paid_fen * 6 // 10) > paid_fen


def test_two_transfers_at_once_never_pay_an_invoice_twice(county: Flask, sku: str) -> None:
    with transaction() as session:
        season = Season(session, NOW, sku)
        order = season.settled(season.approved("UNIT", 5))
        order_id, owed = order.id, order.total_fen

    def transfer(reference: str) -> Callable[[Session], object]:
        def pay(session: Session) -> object:
            order = locked_order_by_id(session, order_id)
            return record_bank_transfer(session, order, owed, reference, actor_id=None, now=NOW)

        return pay

    assert sorted(at_once(county, [transfer("YH-1"), transfer("YH-2")])) == [False, True]
    came_in = db.session.scalar(select(func.sum(Payment.amount_fen)).where(Payment.order_id == order_id))
    assert came_in == owed
