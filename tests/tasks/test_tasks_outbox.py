"""From the outbox to the broker: what is committed leaves, once or more, never not at all."""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from shop.kit import outbox
from shop.kit.clock import WalkingClock
from shop.kit.db import db, transaction
from shop.kit.errors import NotFoundError
from shop.kit.jobs import Outbox, enqueue
from shop.kit.retention import forget_old
from shop.kit.states import History
from shop.orders.jobs import REFUND_EXCESS, SETTLE_ORDER


class Broker:
    """Takes messages until it is full: a switchable broker of the test's own."""

    def __init__(self, room: int = 1_000) -> None:
        self.room = room
        self.got: list[tuple[str, int]] = []

    def send(self, job: str, outbox_id: int) -> None:
        if len(self.got) >= self.room:
            raise outbox.BrokerDown
        self.got.append((job, outbox_id))


def ask(session: Session, clock: WalkingClock, *ids: int) -> list[int]:
    """Rows that ask for orders to be settled; their ids."""
    for order_id in ids:
        enqueue(session, SETTLE_ORDER, order_id, now=clock.now())
    session.flush()
    return list(session.scalars(select(Outbox.id).order_by(Outbox.id)))


def unsent(session: Session) -> list[int]:
    return list(session.scalars(select(Outbox.id).where(Outbox.sent_at.is_(None)).order_by(Outbox.id)))


def test_what_was_asked_leaves_in_order_and_is_marked(session: Session, clock: WalkingClock) -> None:
    rows, broker = ask(session, clock, 7, 8), Broker()
    assert outbox.relay(session, broker.send, now=clock.now()) == 2
    assert broker.got == [(SETTLE_ORDER.name, rows[0]), (SETTLE_ORDER.name, rows[1])]
    assert unsent(session) == []
    assert outbox.relay(session, broker.send, now=clock.now()) == 0
    assert len(broker.got) == 2


def test_a_broker_that_fails_half_way_leaves_the_rest_for_the_next_second(
    session: Session, clock: WalkingClock
) -> None:
    rows, broker = ask(session, clock, 1, 2, 3), Broker(room=1)
    assert outbox.relay(session, broker.send, now=clock.now()) == 1
    assert unsent(session) == rows[1:]
    broker.room = 1_000
    assert outbox.relay(session, broker.send, now=clock.now()) == 2
    assert [outbox_id for _, outbox_id in broker.got] == rows


def test_a_row_that_commits_late_with_a_low_id_is_not_skipped(committed: Flask, clock: WalkingClock) -> None:
    broker = Broker()
    slow = Session(db.engine)
    enqueue(slow, SETTLE_ORDER, 1, now=clock.now())
    slow.flush()
    low = slow.scalar(select(Outbox.id))
    with transaction() as quick:
        enqueue(quick, SETTLE_ORDER, 2, now=clock.now())
    with transaction() as session:
        assert outbox.relay(session, broker.send, now=clock.now()) == 1
    slow.commit()
    slow.close()
    with transaction() as session:
        assert outbox.relay(session, broker.send, now=clock.now()) == 1
    assert broker.got[1] == (SETTLE_ORDER.name, low)


def test_two_relays_at_once_share_the_rows(committed: Flask, clock: WalkingClock) -> None:
    with transaction() as session:
        ask(session, clock, *range(6))
    broker, other = Broker(), Broker()
    rival = Session(db.engine)
    assert outbox.relay(rival, other.send, now=clock.now(), limit=4) == 4
    with transaction() as session:
        assert outbox.relay(session, broker.send, now=clock.now()) == 2
    rival.commit()
    rival.close()
    assert len({row for _, row in broker.got + other.got}) == 6


def test_a_lost_message_leaves_again_until_its_work_is_done(session: Session, clock: WalkingClock) -> None:
    (row,), broker = ask(session, clock, 5), Broker()
    outbox.relay(session, broker.send, now=clock.now())
    assert outbox.resend(session, broker.send, now=clock.walk(outbox.LOST_AFTER)) == 0
    assert outbox.resend(session, broker.send, now=clock.walk(timedelta(seconds=1))) == 1
    assert outbox.resend(session, broker.send, now=clock.now()) == 0
    assert outbox.finish(session, row, now=clock.now())
    assert outbox.resend(session, broker.send, now=clock.walk(timedelta(days=1))) == 0
    assert broker.got == [(SETTLE_ORDER.name, row)] * 2


def test_a_try_is_counted_before_the_work_and_the_seventh_gives_up(session: Session, clock: WalkingClock) -> None:
    (row,) = ask(session, clock, 5)
    tries = [outbox.start(session, SETTLE_ORDER.name, row, now=clock.now()) for _ in range(8)]
    assert tries == [(1, [5]), (2, [5]), (3, [5]), (4, [5]), (5, [5]), (6, [5]), None, None]
    session.expire_all()
    kept = session.get_one(Outbox, row)
    assert (kept.attempts, kept.dead_at, kept.done_at) == (7, clock.now(), None)


def test_work_is_finished_once(session: Session, clock: WalkingClock) -> None:
    (row,) = ask(session, clock, 5)
    assert outbox.finish(session, row, now=clock.now())
    assert not outbox.finish(session, row, now=clock.now())
    assert outbox.start(session, SETTLE_ORDER.name, row, now=clock.now()) is None


@pytest.mark.parametrize("forged", ["orders.expire_unpaid", "no.such_job", ""])
def test_a_message_under_another_name_starts_nothing(session: Session, clock: WalkingClock, forged: str) -> None:
    (row,) = ask(session, clock, 5)
    assert outbox.start(session, forged, row, now=clock.now()) is None
    assert session.get_one(Outbox, row).attempts == 0


def test_a_sweep_asks_again_only_where_no_row_speaks_of_it(session: Session, clock: WalkingClock) -> None:
    _, dead, done = ask(session, clock, 1, 2, 3)
    outbox.give_up(session, dead, now=clock.now())
    outbox.finish(session, done, now=clock.now())
    assert outbox.ask_again(session, SETTLE_ORDER, [1, 2, 3, 4], now=clock.now()) == 2
    session.flush()
    rows = session.scalars(select(Outbox).where(Outbox.id > done).order_by(Outbox.id))
    assert [row.ids for row in rows] == [[3], [4]]
    assert outbox.ask_again(session, REFUND_EXCESS, [1], now=clock.now()) == 1


def test_what_was_given_up_is_listed_taken_up_once_and_who_did_it_is_recorded(
    session: Session, clock: WalkingClock
) -> None:
    first, second, alive = ask(session, clock, 1, 2, 3)
    for dead in (first, second):
        for _ in range(outbox.MAX_ATTEMPTS):
            outbox.start(session, SETTLE_ORDER.name, dead, now=clock.now())
        outbox.give_up(session, dead, error="ValueError", now=clock.now())
    session.expire_all()
    assert [row.id for row in outbox.given_up(session, limit=1)] == [second, first]
    assert [row.id for row in outbox.given_up(session, limit=1, before_id=second)] == [first]
    outbox.take_up(session, first, person_id=7, now=clock.walk(timedelta(hours=1)))
    (kept,) = session.scalars(select(History).where(History.entity_type == "outbox"))
    assert (kept.entity_id, kept.event, kept.person_id, kept.at) == (first, "retry", 7, clock.now())
    assert kept.facts == {"job": SETTLE_ORDER.name, "error": "ValueError"}
    assert [row.id for row in outbox.given_up(session, limit=5)] == [second]
    broker = Broker()
    outbox.relay(session, broker.send, now=clock.now())
    assert [outbox_id for _, outbox_id in broker.got] == [first, alive]
    assert outbox.start(session, SETTLE_ORDER.name, first, now=clock.now()) == (1, [1])
    for other in (first, alive, 99):
        with pytest.raises(NotFoundError):
            outbox.take_up(session, other, person_id=7, now=clock.now())


def test_done_jobs_are_forgotten_after_a_week_and_dead_ones_are_kept(session: Session, clock: WalkingClock) -> None:
    done, dead, young = ask(session, clock, 1, 2, 3)
    outbox.finish(session, done, now=clock.now())
    outbox.give_up(session, dead, now=clock.now())
    outbox.finish(session, young, now=clock.walk(timedelta(days=7)))
    assert forget_old(session, now=clock.walk(timedelta(seconds=1))) == 1
    assert list(session.scalars(select(Outbox.id).order_by(Outbox.id))) == [dead, young]


def test_a_message_that_comes_before_its_relay_has_committed_is_not_lost(committed: Flask, clock: WalkingClock) -> None:
    """The row of a retry still says when it was due: who starts it then waits for the relay instead of turning away."""
    with transaction() as session:
        (row,) = ask(session, clock, 7)
    with transaction() as session:
        outbox.relay(session, lambda *_: None, now=clock.now())
    with transaction() as session:
        assert outbox.start(session, SETTLE_ORDER.name, row, now=clock.now()) is not None
        outbox.wait(session, row, 1, error="OSError", now=clock.now())
    with transaction() as session:
        # It waits: a message of the first try that comes twice starts nothing.
        assert outbox.start(session, SETTLE_ORDER.name, row, now=clock.now()) is None
    later = clock.now() + timedelta(hours=1)

    def start() -> tuple[int, list[int]] | None:
        with Session(db.engine) as session:
            found = outbox.start(session, SETTLE_ORDER.name, row, now=later)
            session.commit()
            return found

    with ThreadPoolExecutor() as pool:
        with Session(db.engine) as session:
            came: list[Future[tuple[int, list[int]] | None]] = []
            outbox.relay(session, lambda *_: came.append(pool.submit(committed_start, committed, start)), now=later)
            time.sleep(0.5)  # the worker looks before the relay commits
            session.commit()
        assert came[0].result(10) == (2, [7])


def committed_start(app: Flask, start: Callable[[], tuple[int, list[int]] | None]) -> tuple[int, list[int]] | None:
    with app.app_context():
        return start()
