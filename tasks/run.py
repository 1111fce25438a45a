"""How work is done safely: tries counted, effect and mark in one transaction, each day once. Knows no Celery."""

import random
import time as wall
from datetime import date, datetime, time, timedelta

import structlog
from prometheus_client import Counter, Histogram
from sqlalchemy.exc import DBAPIError

from shop.kit import outbox
from shop.kit.clock import BEIJING, Clock
from shop.kit.db import transaction
from shop.kit.logs import trace_of
from shop.kit.pause import time_is_played
from shop.kit.types import MAX_CODE
from shop.reports import runs
from tasks.registry import Done, Kind, Work
from tasks.schedule import DAILY_TIMES, day_late_from, late_from

log = structlog.get_logger()
JOBS = Counter("shop_jobs", "Jobs run", ["job", "outcome"])
SECONDS = Histogram("shop_job_seconds", "Time a job took", ["job"], buckets=(0.01, 0.1, 1, 10, 60, 300))

#: Serialization failure and deadlock: nothing happened, the same work may simply be done again.
_AGAIN = {"40001", "40P01"}
_TRIES_AT_ONCE = 3
#: A sweep stops after so many transactions and goes on at its next turn: others want the worker too.
_ROUNDS = 200
_SWEEP_SECONDS = 120
#: A job that runs often is remembered as done so often by one process.
_REMEMBERED_S = 4.0
_remembered: dict[str, float] = {}


def do(work: Work, clock: Clock, outbox_id: int | None = None) -> None:
    """Do work, whichever its kind; `outbox_id` is of what asks for it. Raises nothing.

    What goes wrong is counted, remembered as the kind of the error, and logged by kinds and places: the worker's own
    log would tell messages, and the driver's hold whole rows with names, phones and addresses.
    """
    try:
        if outbox_id is not None:
            run_asked(work, outbox_id, clock)
        elif work.kind is Kind.DAILY:
            run_daily(work, clock)
        else:
            run_sweep(work, clock)
    except Exception as error:  # noqa: BLE001  the next look does it again, and the worker lives
        _note(work.job.name, error, clock)


def _kind(error: Exception) -> str:
    """The type only: a message may hold a person's data."""
    return type(error).__name__[:MAX_CODE]


def _note(name: str, error: Exception, clock: Clock) -> None:
    kind = _kind(error)
    log.error("job failed", job=name, error=kind, trace=trace_of(error))
    JOBS.labels(name, "failed").inc()
    try:
        with transaction() as session:
            runs.fail(session, name, error=kind, now=clock.now())
    except Exception as other:  # noqa: BLE001  the database may be what fails
        log.error("failure not remembered", job=name, error=type(other).__name__)


def run_asked(work: Work, outbox_id: int, clock: Clock) -> None:
    """Do what an outbox row asks for, once. Where it fails the row waits for its next try, after the last for a person.

    A row that is done, given up on, or not of this job is left alone, so a forged or doubled message does nothing.
    """
    name = work.job.name
    with transaction() as session:
        if work.by_the_clock and time_is_played(session):
            # The relay sends it again when the player is done.
            outbox.take_back(session, outbox_id)
            return
        started = outbox.start(session, name, outbox_id, now=clock.now())
    if started is None:
        JOBS.labels(name, "nothing to do").inc()
        return
    attempts, ids = started
    began = wall.perf_counter()
    try:
        _act(work, outbox_id, ids, clock)
    except Exception as error:  # noqa: BLE001  whatever went wrong, the row remembers it and the worker lives
        _failed(name, outbox_id, attempts, error, clock)
    else:
        JOBS.labels(name, "done").inc()
        _remember(name, 1, began, clock, always=False)


def _remember(name: str, rows: int, began: float, clock: Clock, *, always: bool) -> None:
    """Keep when a job last did its work, how long it took and how much it did, for the operator's view."""
    took, last = wall.perf_counter() - began, _remembered.get(name)
    SECONDS.labels(name).observe(took)
    if always or last is None or wall.monotonic() - last >= _REMEMBERED_S:
        with transaction() as session:
            now = clock.now()
            runs.touch(session, name, rows=rows, now=now, seconds=took, due_by=late_from(name, now))
        _remembered[name] = wall.monotonic()


def _act(work: Work, outbox_id: int, ids: list[int], clock: Clock) -> None:
    if work.kind is Kind.ERRAND:
        work.act(*ids, now=clock.now())
        with transaction() as session:
            outbox.finish(session, outbox_id, now=clock.now())
        return
    for tries_left in reversed(range(_TRIES_AT_ONCE)):
        try:
            with transaction() as session:
                if outbox.finish(session, outbox_id, now=clock.now()):
                    work.act(session, *ids, now=clock.now())
            return
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) not in _AGAIN or not tries_left:
                raise
            wall.sleep(random.uniform(0.01, 0.1))  # noqa: S311  only spreads two rivals


def _failed(name: str, outbox_id: int, attempts: int, error: Exception, clock: Clock) -> None:
    last, kind = attempts >= outbox.MAX_ATTEMPTS, _kind(error)
    log.error(
        "job failed", job=name, outbox_id=outbox_id, attempts=attempts, error=kind, dead=last, trace=trace_of(error)
    )
    JOBS.labels(name, "dead" if last else "failed").inc()
    with transaction() as session:
        if last:
            outbox.give_up(session, outbox_id, now=clock.now(), error=kind)
        else:
            outbox.wait(session, outbox_id, attempts, error=kind, now=clock.now())


def run_sweep(work: Work, clock: Clock) -> int:
    """Do a sweep in fresh transactions until nothing is left; returns how much was done.

    It is remembered as done only when nothing was left: the cut-off of reports is the end of a refresh.
    """
    total, began = 0, wall.perf_counter()
    for _ in range(_ROUNDS):
        try:
            done = _sweep_once(work, clock)
            total += done or 0
        except Exception as error:
            if not _noted(work, error, clock):
                raise
            done = 1
        if done == 0:
            _remember(work.job.name, total, began, clock, always=total > 0)
        if not done or wall.perf_counter() - began > _SWEEP_SECONDS:
            break
    if total:
        JOBS.labels(work.job.name, "done").inc()
    return total


def _sweep_once(work: Work, clock: Clock) -> int | None:
    """How much one transaction of a sweep did; None when it has to wait for others."""
    with transaction() as session:
        rests = work.by_the_clock and time_is_played(session)
        done: int | None = None if rests else work.act(session, now=clock.now())
        if done is None and (late := late_from(work.job.name, clock.now())):
            runs.rest(session, work.job.name, due_by=late)
        return done


def _noted(work: Work, error: Exception, clock: Clock) -> bool:
    """Whether the sweep itself knows what failed and can go on with the rest."""
    if work.failed is None:
        return False
    with transaction() as session:
        if not work.failed(session, error, now=clock.now()):
            return False
    log.error("part of a sweep failed", job=work.job.name, error=_kind(error), trace=trace_of(error))
    JOBS.labels(work.job.name, "failed").inc()
    return True


def run_daily(work: Work, clock: Clock) -> Done | None:
    """Do a daily job for the last day that is due, unless it was done; claim, work and result are one transaction.

    A worker that dies in it leaves no claim, so the next look does it; a day missed by a stopped beat is made up for.
    """
    now, began = clock.now(), wall.perf_counter()
    day = due_day(now, DAILY_TIMES[work.job.name])
    with transaction() as session:
        if work.by_the_clock and time_is_played(session):
            return None
        run_id = runs.claim(session, work.job.name, str(day), now=now)
        if run_id is None:
            return None
        done: Done = work.act(session, day, now=now)
        late = day_late_from(work.job.name, day)
        runs.close(session, run_id, rows=done.rows, outcome=done.outcome, now=clock.now(), due_by=late)
    SECONDS.labels(work.job.name).observe(wall.perf_counter() - began)
    JOBS.labels(work.job.name, "done").inc()
    return done


def due_day(now: datetime, at: time) -> date:
    """The last Beijing day whose `at` has passed."""
    local = now.astimezone(BEIJING)
    return local.date() if local.time() >= at else local.date() - timedelta(days=1)
