"""Beat goes on whatever is done to the machine's clock."""

import time
from collections.abc import Iterator
from datetime import timedelta

import pytest
from celery import Celery
from celery.beat import ScheduleEntry, Scheduler
from celery.schedules import schedule

from tasks.broker import bare_celery

SECOND = "kit.relay_outbox"


@pytest.fixture
def beat() -> Iterator[Scheduler]:
    """Beat as it runs, with the whole timetable."""
    celery = bare_celery("redis://127.0.0.1:1/0")
    yield Scheduler(celery)
    celery.close()


def clock_set_back(celery: Celery, by: timedelta, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two seconds pass, and somebody sets the clock on the wall."""
    passed, wall = time.monotonic() + 2, celery.now() - by
    monkeypatch.setattr(time, "monotonic", lambda: passed)
    monkeypatch.setattr(Celery, "now", lambda _: wall)


def test_a_clock_that_is_set_back_holds_nothing_up(beat: Scheduler, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not beat.schedule[SECOND].is_due().is_due
    clock_set_back(beat.app, timedelta(days=100), monkeypatch)
    assert beat.schedule[SECOND].is_due().is_due
    assert beat.schedule[SECOND].is_due().next == 1


def test_the_control_that_reads_the_wall_waits_for_a_hundred_days(
    beat: Scheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_the_wall = ScheduleEntry(SECOND, SECOND, schedule=schedule(timedelta(seconds=1), app=beat.app), app=beat.app)
    clock_set_back(beat.app, timedelta(days=100), monkeypatch)
    due, wait_s = by_the_wall.is_due()
    assert not due
    assert timedelta(seconds=wait_s) > timedelta(days=99)
