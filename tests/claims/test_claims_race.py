"""Two claims of one product at once are one claim, two decisions one refund; the controls lack the guards."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from threading import Barrier

import pytest
from flask import Flask
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from shop.claims import actions, locks
from shop.claims.actions import Told, accept, raise_claim
from shop.claims.models import Claim, ClaimReason
from shop.kit.clock import WalkingClock
from shop.kit.db import db, transaction
from shop.kit.errors import DomainError
from shop.orders.locks import locked_order
from shop.orders.models import Order, OrderLine
from shop.payments.models import Refund
from tests.factories.claims import answered
from tests.factories.sales import ready

AT_ONCE = 4
#: Seconds that one decision may take before the next begins.
TURN_S = 0.5


@pytest.fixture
def received(county: Flask, clock: WalkingClock) -> str:
    """The number of a received order."""
    with transaction() as session:
        season = ready(session, clock.now())
        return season.settled(season.paid()).number


def together(app: Flask, task: Callable[[Session], object]) -> int:
    """Run the task in several threads, each in a transaction of its own, starting together; how many were served."""
    start = Barrier(AT_ONCE)

    def run(_: int) -> bool:
        with app.app_context():
            start.wait()
            try:
                with transaction() as session:
                    task(session)
            except DomainError:
                return False
            return True

    with ThreadPoolExecutor(AT_ONCE) as threads:
        return sum(threads.map(run, range(AT_ONCE)))


def claims(clock: WalkingClock, number: str, lock: Callable[[Session, str], Order]) -> Callable[[Session], object]:
    told = Told("PL001", ClaimReason.SPOILED, "IMG", weight_g=3_000)
    return lambda session: raise_claim(session, lock(session, number), told, actor_id=None, now=clock.now())


def raised() -> int:
    found = len(db.session.scalars(select(Claim.id)).all())
    db.session.rollback()
    return found


def test_claims_of_one_product_at_once_are_one_claim(county: Flask, clock: WalkingClock, received: str) -> None:
    assert together(county, claims(clock, received, locked_order)) == 1
    assert raised() == 1


def test_the_control_without_lock_and_index_takes_more_than_was_received(
    county: Flask, clock: WalkingClock, received: str
) -> None:
    """Three kilograms each of five: two claims are more than there was."""
    with transaction() as session:
        session.execute(text("DROP INDEX uq_claims_open_for_line"))
        session.execute(text("ALTER TABLE claims DROP CONSTRAINT uq_claims_number"))

    def unlocked(session: Session, number: str) -> Order:
        return session.execute(select(Order).where(Order.number == number)).scalar_one()

    assert together(county, claims(clock, received, unlocked)) > 1
    assert raised() > 1


@pytest.fixture
def claim(county: Flask, clock: WalkingClock) -> str:
    """The number of a claim that waits for the county."""
    with transaction() as session:
        season = ready(session, clock.now())
        return answered(season, season.settled(season.paid()), 600).number


def refunds_of_decisions(county: Flask, clock: WalkingClock, claim: str) -> int:
    """How many refunds there are after several decisions at once."""
    together(county, lambda session: accept(session, claim, granted_g=None, words="可", actor_id=None, now=clock.now()))
    with transaction() as session:
        return len(session.scalars(select(Refund.id)).all())


def test_decisions_at_once_are_one_refund(county: Flask, clock: WalkingClock, claim: str) -> None:
    assert refunds_of_decisions(county, clock, claim) == 1


def test_the_control_without_the_locks_pays_again_and_again(
    county: Flask, clock: WalkingClock, claim: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All read the claim before any of them decides; then they decide one after the other."""
    with transaction() as session:
        session.execute(text("DROP TRIGGER claims_keep ON claims"))
    all_have_read, turns = Barrier(AT_ONCE), count()

    def unlocked(session: Session, number: str) -> tuple[Claim, OrderLine, Order]:
        found, line, order = session.execute(
            select(Claim, OrderLine, Order)
            .join(OrderLine, OrderLine.id == Claim.order_line_id)
            .join(Order, Order.id == OrderLine.order_id)
            .where(Claim.number == number)
        ).one()
        all_have_read.wait(10)
        time.sleep(next(turns) * TURN_S)
        return found, line, order

    assert actions.locked_claim is locks.locked_claim
    monkeypatch.setattr(actions, "locked_claim", unlocked)
    assert refunds_of_decisions(county, clock, claim) > 1
