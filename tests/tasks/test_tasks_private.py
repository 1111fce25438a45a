"""What goes wrong in a job is logged by kinds and places: the driver's own message holds rows with people in them."""

import io
import logging
import re
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime

import pytest
from celery import Task
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from shop.kit.clock import WalkingClock
from shop.kit.db import transaction
from shop.kit.job import Job
from shop.orders.jobs import SETTLE_ORDER
from shop.reports import runs
from shop.stock.jobs import RETIRE_EXPIRED, TAKE_RECALLED
from tasks.broker import bare_celery
from tasks.build import task_of
from tasks.registry import Done, Kind, Work
from tasks.run import do
from tests.tasks.test_tasks_run import asked

PERSON = "张小花（示例） 13812345678 圣人涧镇 12 号"


def fails(session: Session) -> None:
    """A row that a constraint refuses: PostgreSQL's DETAIL quotes all of it."""
    session.execute(
        text("INSERT INTO parties (kind, code, name_zh) VALUES ('nobody', 'p1', :person)"), {"person": PERSON}
    )


def asked_for(session: Session, order_id: int, *, now: datetime) -> None:
    fails(session)


def sweep(session: Session, *, now: datetime) -> int:
    fails(session)
    return 0


def daily(session: Session, day: date, *, now: datetime) -> Done:
    fails(session)
    return Done(0)


KINDS = [
    (SETTLE_ORDER, Kind.JOB, asked_for),
    (TAKE_RECALLED, Kind.SWEEP, sweep),
    (RETIRE_EXPIRED, Kind.DAILY, daily),
]


def as_task(job: Job, act: Callable[..., None]) -> Task:
    task: Task = bare_celery("redis://localhost:1").task(name=job.name)(act)
    return task


@contextmanager
def logged() -> Iterator[io.StringIO]:
    """What a worker writes to its log of its own accord."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    celery = logging.getLogger("celery")
    celery.addHandler(handler)
    try:
        yield written
    finally:
        celery.removeHandler(handler)


@pytest.mark.parametrize(("job", "kind", "act"), KINDS)
def test_a_failing_job_of_any_kind_tells_of_nobody(
    committed: Flask, clock: WalkingClock, capsys: pytest.CaptureFixture[str], job: Job, kind: Kind,
    act: Callable[..., object],
) -> None:  # fmt: skip
    arguments = [asked(clock)] if kind is Kind.JOB else []
    with logged() as written:
        as_task(job, task_of(Work(job, kind, act, by_the_clock=True), committed)).apply(args=arguments)
    told = "".join(capsys.readouterr()) + written.getvalue()
    assert "IntegrityError" in told
    assert job.name in told
    assert "张小花" not in told
    assert "13812345678" not in told


def too_long(session: Session, *, now: datetime) -> int:
    """Our own code asks for what the database refuses, below many frames of its driver."""
    runs.fail(session, "x" * 500, error="KeyError", now=now)
    return 0


def test_what_the_database_refuses_is_traced_to_our_own_code(
    committed: Flask, clock: WalkingClock, capsys: pytest.CaptureFixture[str]
) -> None:
    do(Work(TAKE_RECALLED, Kind.SWEEP, too_long, by_the_clock=True), clock)
    told = "".join(capsys.readouterr())
    assert re.search(r"/shop/reports/runs\.py:\d+ fail\b", told)
    assert re.search(r"/tasks/run\.py:\d+ _sweep_once\b", told)
    assert re.search(r"/psycopg/\S+:\d+ ", told)
    assert "x" * 500 not in told


def test_control_the_deepest_frames_of_what_the_database_refuses_are_all_of_others(
    committed: Flask, clock: WalkingClock
) -> None:
    with pytest.raises(DBAPIError) as refused, transaction() as session:
        too_long(session, now=clock.now())
    deepest = traceback.extract_tb(refused.value.__traceback__)[-8:]
    assert [frame.filename for frame in deepest if "/shop/" in frame.filename] == []


def test_control_what_a_task_raises_the_worker_logs_with_the_person(committed: Flask) -> None:
    def bare() -> None:
        with committed.app_context(), transaction() as session:
            fails(session)

    with logged() as written:
        as_task(TAKE_RECALLED, bare).apply()
    assert "张小花" in written.getvalue()
