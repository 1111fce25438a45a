"""Two workers that settle one order at once settle it once, and the control: without the lock they share it twice."""

from collections.abc import Callable
from threading import Barrier, Thread

import pytest
from flask import Flask
from sqlalchemy import func, select, text, update
from sqlalchemy.orm import Session

from shop.income.actions import settle_and_reach, take_back
from shop.income.models import SalesReach
from shop.kit.db import db, release, transaction
from shop.orders.locks import lines_of
from shop.orders.models import Order, OrderStatus
from shop.payments.actions import request_refund
from shop.settlement.models import Settlement, Share, ShareKind
from shop.settlement.shares import Rates, shares_of
from tests.conftest import A_DAY_IN_JULY as NOW
from tests.factories.sales import Season, ready


@pytest.fixture
def sku(county: Flask) -> str:
    with transaction() as session:
        return ready(session, NOW).sku


def accepted(sku: str) -> int:
    with transaction() as session:
        season = Season(session, NOW, sku)
        return season.accepted(season.paid("HOST")).id


def at_once(app: Flask, task: Callable[[Session], object], times: int = 2) -> list[object]:
    """Run `task` in threads and transactions of their own that start together; what each returned or raised."""
    start, answers = Barrier(times), []

    def run() -> None:
        with app.app_context():
            start.wait()
            try:
                with transaction() as session:
                    answers.append(task(session))
            except Exception as error:  # noqa: BLE001  whatever happens in a thread is told to the test
                answers.append(error)

    threads = [Thread(target=run) for _ in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def settled(order_id: int) -> tuple[int, int]:
    """Settlements of the order, and fen shared."""
    found = db.session.execute(
        select(func.count(Settlement.id.distinct()), func.coalesce(func.sum(Share.amount_fen), 0))
        .join(Share, Share.settlement_id == Settlement.id)
        .where(Settlement.order_id == order_id)
    ).one()
    release()
    return int(found[0]), int(found[1])


def test_an_order_that_several_workers_settle_at_once_is_settled_once(county: Flask, sku: str) -> None:
    for _ in range(4):
        order_id = accepted(sku)
        answers = at_once(county, lambda session: bool(settle_and_reach(session, order_id, now=NOW)), 3)  # noqa: B023
        assert sorted(answers) == [False, False, True]  # type: ignore[type-var]
        assert settled(order_id) == (1, 6_000)
        reached = db.session.scalar(
            select(func.sum(SalesReach.amount_fen))
            .join(Settlement, Settlement.id == SalesReach.settlement_id)
            .where(Settlement.order_id == order_id)
        )
        release()
        assert reached == 6_000


def test_a_refund_that_several_workers_take_back_at_once_is_taken_back_once(county: Flask, sku: str) -> None:
    with transaction() as session:
        season = Season(session, NOW, sku)
        order = season.settled(season.paid("HOST"))
        refund_id = request_refund(session, order, 1_000, "坏果", actor_id=None, now=NOW).id
        order_id = order.id
    answers = at_once(county, lambda session: bool(take_back(session, refund_id, now=NOW)), 3)
    assert sorted(answers) == [False, False, True]  # type: ignore[type-var]
    assert settled(order_id) == (2, 5_000)


def test_the_control_settling_without_the_lock_of_the_order_shares_it_twice(county: Flask, sku: str) -> None:
    """What the lock is for: if this test fails, the races above prove nothing."""
    order_id, read = accepted(sku), Barrier(2)
    with transaction() as session:
        # The index is the second line of defence: off, so that the control shows the first line alone.
        session.execute(text("DROP INDEX uq_settlements_order_first"))

    def careless(session: Session) -> bool:
        order = session.get_one(Order, order_id)
        status, lines = order.status, lines_of(session, order_id)
        read.wait(timeout=10)
        if status is not OrderStatus.ACCEPTED:
            return False
        shared = shares_of(sum(line.amount_fen for line in lines), Rates(host_bp=800))
        made = Settlement(order_id=order_id, net_fen=shared.total_fen, settled_at=NOW, month=NOW.date().replace(day=1))
        session.add(made)
        session.flush()
        session.add(Share(settlement_id=made.id, kind=ShareKind.FIRM, rate_bp=10_000, amount_fen=shared.total_fen))
        session.execute(update(Order).where(Order.id == order_id).values(note="settled"))
        return True

    assert at_once(county, careless) == [True, True]
    assert settled(order_id) == (2, 12_000)
