"""Jobs on a real worker and a real broker: killed workers, a broker that comes back empty, poison (F02 to F05, F07)."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from shop.kit.clock import SystemClock, WalkingClock
from shop.kit.db import db, transaction
from shop.kit.jobs import Outbox, enqueue
from shop.kit.outbox import LOST_AFTER, MAX_ATTEMPTS, relay, resend
from shop.local.process import start, stop
from shop.local.servers import valkey
from shop.orders.jobs import SETTLE_ORDER
from shop.orders.models import Order
from shop.reports import parts
from shop.reports.jobs import WORK_ON_PARTS
from shop.reports.models import PartWork, Rollup, SalesRollup
from shop.settlement.models import Settlement
from tasks.broker import bare_celery
from tasks.build import make_celery
from tests.factories.sales import ready
from tests.reports.test_reports_rollups import contents, refresh_all

ROOT = Path(__file__).resolve().parents[2]
NO_ORDER = 999_999_999

Program = Callable[[str], AbstractContextManager[subprocess.Popen[bytes]]]


@pytest.fixture
def broker(county: Flask, tmp_path: Path) -> Iterator[None]:
    """A broker of this test's own, that it may kill; the app sends to it."""
    with valkey(tmp_path, durable=False) as url:
        _use(county, url)
        yield


def _use(app: Flask, url: str) -> None:
    settings = app.extensions["settings"]
    app.extensions["settings"] = type(settings)(**{**vars(settings), "redis_url": url})
    make_celery(app)


@pytest.fixture
def program(county: Flask, tmp_path: Path) -> Program:
    """Runs `celery worker` or `celery beat` as `make run` does."""

    @contextmanager
    def run(*arguments: str) -> Iterator[subprocess.Popen[bytes]]:
        settings = county.extensions["settings"]
        env = os.environ | {
            "DATABASE_URL": settings.database_url,
            "REDIS_URL": settings.redis_url,
            "DATA_DIR": str(tmp_path),
        }
        command = [sys.executable, "-m", "celery", "--workdir", str(ROOT), "-A", "tasks.app:celery", *arguments]
        child = start(command, log=tmp_path / f"{arguments[0]}.log", env=env)
        try:
            yield child
        finally:
            stop(child, grace_s=20)

    return run


WORKER = ("worker", "--concurrency", "1", "--without-gossip", "--without-mingle", "--without-heartbeat")


def accepted_orders(clock: WalkingClock, count: int) -> list[int]:
    """Orders that wait to be settled; each left its message in the outbox."""
    with transaction() as session:
        season = ready(session, clock.now())
        orders = [season.accepted(season.paid(quantity=1)).id for _ in range(count)]
        # Notices of payments have arrived already; nobody serves the web here.
        session.flush()
        session.execute(text("UPDATE outbox SET done_at = :now WHERE job = 'payments.notify'"), {"now": clock.now()})
        return orders


def send_all() -> int:
    with transaction() as session:
        return relay(session, app_sender(), now=SystemClock().now())


def send_without_waiting() -> bool:
    """The hours between two tries have passed."""
    with transaction() as session:
        session.execute(text("UPDATE outbox SET due_at = :now WHERE due_at > :now"), {"now": SystemClock().now()})
    send_all()
    return True


def resend_all() -> int:
    """What the sweep does once the messages are old enough."""
    with transaction() as session:
        return resend(session, app_sender(), now=SystemClock().now() + LOST_AFTER)


def app_sender() -> Callable[[str, int], None]:
    from flask import current_app

    send: Callable[[str, int], None] = current_app.extensions["send_job"]
    return send


def settlements() -> list[int]:
    with Session(db.engine) as session:
        return list(session.scalars(select(Settlement.order_id).order_by(Settlement.order_id)))


def wait_until(true: Callable[[], bool], seconds: float = 40) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)


def outbox_row(order_id: int) -> Outbox:
    with Session(db.engine, expire_on_commit=False) as session:
        return next(row for row in session.scalars(select(Outbox).order_by(Outbox.id.desc())) if row.ids == [order_id])


def test_poison_dies_after_its_last_try_and_holds_up_nobody(
    county: Flask, clock: WalkingClock, broker: None, program: Program
) -> None:
    with transaction() as session:
        enqueue(session, SETTLE_ORDER, NO_ORDER, now=clock.now())
    orders = accepted_orders(clock, 2)
    assert send_all() == 3
    with program(*WORKER):
        wait_until(lambda: settlements() == orders)
        assert outbox_row(NO_ORDER).dead_at is None
        wait_until(lambda: send_without_waiting() and outbox_row(NO_ORDER).dead_at is not None)
    assert outbox_row(NO_ORDER).attempts == MAX_ATTEMPTS
    assert settlements() == orders


def test_a_message_that_comes_ten_times_takes_effect_once(
    county: Flask, clock: WalkingClock, broker: None, program: Program
) -> None:
    orders = accepted_orders(clock, 1)
    row = outbox_row(orders[0])
    for _ in range(10):
        app_sender()(SETTLE_ORDER.name, row.id)
    with program(*WORKER):
        wait_until(lambda: settlements() == orders)
        wait_until(queue_is_empty)
    assert settlements() == orders
    assert outbox_row(orders[0]).attempts == 1


def queue_is_empty() -> bool:
    import redis
    from flask import current_app

    url = current_app.extensions["settings"].redis_url
    client = redis.Redis.from_url(url)
    try:
        return client.llen("celery") == 0 and client.hlen("unacked") == 0
    finally:
        client.close()


def test_a_broker_that_comes_back_empty_loses_nothing(
    county: Flask, clock: WalkingClock, tmp_path: Path, program: Program
) -> None:
    orders = accepted_orders(clock, 3)
    with valkey(tmp_path / "first", durable=False) as url:
        _use(county, url)
        assert send_all() == 3
    assert send_all() == 0
    with valkey(tmp_path / "second", durable=False) as url:
        _use(county, url)
        assert resend_all() == 3
        with program(*WORKER):
            wait_until(lambda: settlements() == orders)


def test_a_worker_killed_in_its_work_leaves_it_to_the_next(
    county: Flask, clock: WalkingClock, broker: None, program: Program
) -> None:
    orders = accepted_orders(clock, 1)
    blocker = db.engine.connect()
    blocker.execute(select(Order.id).where(Order.id == orders[0]).with_for_update())
    send_all()
    with program(*WORKER) as worker:
        wait_until(lambda: outbox_row(orders[0]).attempts == 1)
        os.killpg(worker.pid, signal.SIGKILL)
        worker.wait()
    blocker.rollback()
    blocker.close()
    assert settlements() == []
    # PostgreSQL notices only then that nobody is there any more, and lets go of the row.
    wait_until(lambda: resend_all() == 1)
    with program(*WORKER):
        wait_until(lambda: settlements() == orders)
    assert outbox_row(orders[0]).attempts == 2


def test_with_beat_everything_follows_by_itself(
    county: Flask, clock: WalkingClock, broker: None, program: Program
) -> None:
    orders = accepted_orders(clock, 2)
    with program(*WORKER), program("beat", "--pidfile="):
        wait_until(lambda: settlements() == orders)
        wait_until(lambda: _settled_in_rollup() == 2)


def _settled_in_rollup() -> int:
    with Session(db.engine) as session:
        return sum(session.scalars(select(SalesRollup.settled_orders)))


def test_a_worker_killed_in_a_rebuild_changes_nothing_and_two_others_end_it(
    county: Flask, clock: WalkingClock, broker: None, tmp_path: Path, program: Program
) -> None:
    with transaction() as session:
        season = ready(session, clock.now())
        season.settled(season.paid())
        refresh_all(session)
        before = contents(session)
        asked = parts.ask(
            session, Rollup.INCOME, PartWork.REBUILD, parts.parts_of(session, Rollup.INCOME), now=clock.now()
        )
        # Its third part has something to mend, for of what is right nothing is written.
        session.execute(text("UPDATE income_rollup SET entries = entries + 1 WHERE month = '2025-03-01'"))
        spoiled = contents(session)
    assert spoiled != before
    blocker = db.engine.connect()
    # And it cannot go on: the worker is killed while it holds it.
    blocker.execute(text("SELECT FROM income_rollup WHERE month = '2025-03-01' FOR UPDATE"))
    with program(*WORKER) as worker:
        look_at_parts()
        wait_until(lambda: done_parts() == 2 and waits_for_a_lock())
        os.killpg(worker.pid, signal.SIGKILL)
        worker.wait()
    blocker.rollback()
    blocker.close()
    with transaction() as session:
        assert contents(session) == spoiled
    assert 2 <= done_parts() < asked
    with program(*WORKER), program(*WORKER, "--hostname", "second@%h"):
        for _ in range(2):
            look_at_parts()
        wait_until(lambda: done_parts() == asked)
    with transaction() as session:
        assert contents(session) == before


def look_at_parts() -> None:
    """What beat says every few seconds."""
    from flask import current_app

    bare_celery(current_app.extensions["settings"].redis_url).send_task(WORK_ON_PARTS.name)


def done_parts() -> int:
    with Session(db.engine) as session:
        return int(session.execute(text("SELECT count(*) FROM rollup_parts WHERE done_at IS NOT NULL")).scalar_one())


def waits_for_a_lock() -> bool:
    with Session(db.engine) as session:
        waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%income_rollup%'"
        return int(session.execute(text(waits)).scalar_one()) > 0
