"""A job that fails, or that nobody looks at, shows as such until it did its work again."""

from datetime import date, datetime, timedelta
from threading import Event, Thread
from typing import Any

import pytest
from flask import Flask
from prometheus_client import REGISTRY
from sqlalchemy import text
from sqlalchemy.orm import Session

from shop.kit.clock import WalkingClock, at_beijing
from shop.kit.db import db, transaction
from shop.kit.pause import playing_time
from shop.reports import runs
from shop.reports.work import gauges, jobs_at_work
from shop.stock.jobs import RETIRE_EXPIRED, TAKE_RECALLED
from tasks import run
from tasks.registry import Done, Kind, Work
from tasks.run import do

SWEEP, DAILY = TAKE_RECALLED.name, RETIRE_EXPIRED.name


@pytest.fixture(autouse=True)
def _remembers_every_look(monkeypatch: pytest.MonkeyPatch) -> None:
    """What happens within seconds here happens minutes apart."""
    monkeypatch.setattr(run, "_REMEMBERED_S", 0)


def sweep(*answers: int | Exception | None) -> Work:
    left = list(answers)

    def act(session: Session, *, now: datetime) -> int | None:
        answer = left.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return Work(TAKE_RECALLED, Kind.SWEEP, act, by_the_clock=True)


def daily(fails: bool = False) -> Work:
    def act(session: Session, day: date, *, now: datetime) -> Done:
        return Done(1 // (not fails))

    return Work(RETIRE_EXPIRED, Kind.DAILY, act, by_the_clock=True)


def shown(job: str, now: datetime) -> dict[str, Any]:
    with Session(db.engine) as session:
        return next(row for row in jobs_at_work(session, now=now)["items"] if row["job"] == job)


def gauge(name: str, job: str, now: datetime) -> str:
    with Session(db.engine) as session:
        told = gauges(session, now=now).decode()
    (line,) = [line for line in told.splitlines() if line.startswith(f'{name}{{job="{job}"}}')]
    return line.rpartition(" ")[2]


def counted(job: str) -> float:
    return REGISTRY.get_sample_value("shop_jobs_total", {"job": job, "outcome": "failed"}) or 0.0


def test_a_sweep_that_fails_is_counted_and_remembered_until_it_did_its_work(
    committed: Flask, clock: WalkingClock
) -> None:
    began, before = clock.now(), counted(SWEEP)
    do(sweep(0), clock)
    assert (shown(SWEEP, clock.now())["state"], shown(SWEEP, clock.now())["failures"]) == ("done", 0)
    do(sweep(ValueError("13812345678")), clock)
    do(sweep(KeyError("13812345678")), clock)
    row = shown(SWEEP, clock.now())
    assert (row["state"], row["error"], row["failures"], row["failed_at"]) == ("failing", "KeyError", 2, began)
    assert row["last_success_at"] == began
    assert counted(SWEEP) == before + 2
    assert gauge("shop_job_failures", SWEEP, clock.now()) == "2.0"
    do(sweep(3, 0), clock)
    row = shown(SWEEP, clock.now())
    assert (row["state"], row["error"], row["failures"], row["rows"]) == ("done", None, 0, 3)


def test_a_daily_job_that_fails_shows_and_is_done_at_the_next_look(committed: Flask, clock: WalkingClock) -> None:
    before = counted(DAILY)
    do(daily(fails=True), clock)
    row = shown(DAILY, clock.now())
    assert (row["state"], row["error"], row["started_at"]) == ("failing", "ZeroDivisionError", None)
    assert counted(DAILY) == before + 1
    do(daily(), clock)
    row = shown(DAILY, clock.now())
    assert (row["state"], row["failures"], row["period"]) == ("done", 0, "2025-07-15")


def look_twice(app: Flask, clock: WalkingClock) -> tuple[str, str]:
    """How the daily job shows after a second worker looked for it while the first works, and when that is done."""
    begun, goes_on = Event(), Event()

    def act(session: Session, day: date, *, now: datetime) -> Done:
        begun.set()
        assert goes_on.wait(30)
        return Done(1)

    def look() -> None:
        with app.app_context():
            do(Work(RETIRE_EXPIRED, Kind.DAILY, act, by_the_clock=True), clock)

    first = Thread(target=look)
    first.start()
    assert begun.wait(30)
    do(daily(), clock)
    meanwhile = shown(DAILY, clock.now())["state"]
    goes_on.set()
    first.join()
    return meanwhile, shown(DAILY, clock.now())["state"]


def test_a_daily_job_that_works_for_long_does_not_show_as_failing(committed: Flask, clock: WalkingClock) -> None:
    before = counted(DAILY)
    assert look_twice(committed, clock) == ("never", "done")
    assert counted(DAILY) == before


def test_control_whoever_waits_for_a_rival_s_claim_fails(
    committed: Flask, clock: WalkingClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "_AT_IT", text("SELECT :run <> ''"))
    before = counted(DAILY)
    assert look_twice(committed, clock) == ("failing", "done")
    assert counted(DAILY) == before + 1


def test_a_sweep_that_nobody_looks_at_is_overdue(committed: Flask, clock: WalkingClock) -> None:
    do(sweep(0), clock)
    assert shown(SWEEP, clock.walk(timedelta(minutes=4, seconds=59)))["state"] == "done"
    row = shown(SWEEP, clock.walk(timedelta(seconds=31)))
    assert (row["state"], row["overdue_ms"]) == ("overdue", 30_000)
    assert gauge("shop_job_overdue_seconds", SWEEP, clock.now()) == "30.0"
    do(sweep(0), clock)
    assert (shown(SWEEP, clock.now())["state"], gauge("shop_job_overdue_seconds", SWEEP, clock.now())) == (
        "done",
        "0.0",
    )


def test_a_daily_job_is_overdue_an_hour_after_its_hour(committed: Flask, clock: WalkingClock) -> None:
    do(daily(), clock)
    due = at_beijing(date(2025, 7, 16), 1, 30)
    assert shown(DAILY, due - timedelta(seconds=1))["state"] == "done"
    assert shown(DAILY, due)["state"] == "overdue"


def test_a_sweep_that_rests_is_not_overdue(committed: Flask, clock: WalkingClock) -> None:
    """For others it waits: for who plays another time, or for a rebuild."""
    do(sweep(0), clock)
    clock.walk(timedelta(minutes=4))
    do(sweep(None), clock)
    assert shown(SWEEP, clock.walk(timedelta(minutes=4)))["state"] == "done"
    with playing_time(db.engine):
        do(sweep(0), clock)
    assert shown(SWEEP, clock.walk(timedelta(minutes=4)))["state"] == "done"
    assert shown(SWEEP, clock.walk(timedelta(minutes=2)))["state"] == "overdue"


def test_a_run_from_a_clock_that_had_jumped_ahead_hides_no_dead_job(committed: Flask, clock: WalkingClock) -> None:
    do(daily(), clock)
    truly = clock.now()
    clock.walk(timedelta(days=30))
    do(sweep(0), clock)
    do(daily(), clock)
    clock.put(truly)
    row = shown(SWEEP, clock.now())
    assert (row["state"], row["last_success_at"], row["finished_at"]) == ("overdue", None, None)
    row = shown(DAILY, clock.now())
    assert (row["state"], row["period"], row["last_success_at"]) == ("done", "2025-07-15", truly)
    assert shown(DAILY, truly + timedelta(days=1))["state"] == "overdue"
    do(sweep(0), clock)
    assert shown(SWEEP, clock.now())["state"] == "done"


def test_a_database_that_is_away_stops_no_worker(committed: Flask, clock: WalkingClock) -> None:
    with transaction() as session:
        session.execute(text("ALTER TABLE job_failures RENAME TO job_failures_away"))
    do(sweep(ValueError()), clock)
