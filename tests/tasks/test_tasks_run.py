"""How work is done: effect and mark together, tries counted, each day once, and rest while another time is played."""

from datetime import UTC, date, datetime, time, timedelta
from threading import Barrier, Thread

import pytest
from flask import Flask
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from shop.kit.clock import WalkingClock, at_beijing
from shop.kit.db import db, transaction
from shop.kit.jobs import Outbox, enqueue
from shop.kit.outbox import MAX_ATTEMPTS, relay
from shop.kit.pause import playing_time
from shop.orders.jobs import SETTLE_ORDER
from shop.reports.models import JobRun
from shop.stock.jobs import RETIRE_EXPIRED
from tasks.registry import Done, Kind, Work
from tasks.run import due_day, run_asked, run_daily, run_sweep


def effect(session: Session, order_id: int, *, now: datetime) -> None:
    """An effect that shows how often it took place."""
    session.execute(
        text("INSERT INTO parties (kind, code, name_zh) VALUES ('customer', gen_random_uuid(), '（示例）')")
    )


def effects() -> int:
    with db.engine.connect() as connection:
        return int(connection.execute(text("SELECT count(*) FROM parties")).scalar_one())


def asked(clock: WalkingClock) -> int:
    with transaction() as session:
        enqueue(session, SETTLE_ORDER, 1, now=clock.now())
        session.flush()
        return session.scalars(select(Outbox.id)).one()


def row(outbox_id: int) -> Outbox:
    with Session(db.engine, expire_on_commit=False) as session:
        return session.get_one(Outbox, outbox_id)


def sent(clock: WalkingClock) -> int:
    """How many messages left, to a broker that takes them all."""
    with transaction() as session:
        return relay(session, lambda job, outbox_id: None, now=clock.now())


def job(act: object, *, by_the_clock: bool = True) -> Work:
    return Work(SETTLE_ORDER, Kind.JOB, act, by_the_clock)  # type: ignore[arg-type]


def daily(act: object) -> Work:
    return Work(RETIRE_EXPIRED, Kind.DAILY, act, by_the_clock=True)  # type: ignore[arg-type]


def test_the_same_message_ten_times_has_one_effect(committed: Flask, clock: WalkingClock) -> None:
    outbox_id = asked(clock)
    for _ in range(10):
        run_asked(job(effect), outbox_id, clock)
    assert effects() == 1
    assert row(outbox_id).done_at == clock.now()


def test_the_same_message_eight_times_at_once_has_one_effect(committed: Flask, clock: WalkingClock) -> None:
    outbox_id, together = asked(clock), Barrier(8)

    def work() -> None:
        with committed.app_context():
            together.wait()
            run_asked(job(effect), outbox_id, clock)

    threads = [Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert effects() == 1


def test_control_without_the_mark_the_same_message_has_eight_effects(committed: Flask, clock: WalkingClock) -> None:
    asked(clock)
    for _ in range(8):
        with transaction() as session:
            effect(session, 1, now=clock.now())
    assert effects() == 8


def test_work_that_fails_leaves_no_effect_and_is_tried_again_later_and_later(
    committed: Flask, clock: WalkingClock
) -> None:
    outbox_id = asked(clock)

    def fails(session: Session, order_id: int, *, now: datetime) -> None:
        effect(session, order_id, now=now)
        raise RuntimeError("secret of a person")

    waits = []
    assert sent(clock) == 1
    for tries in range(1, MAX_ATTEMPTS):
        run_asked(job(fails), outbox_id, clock)
        waiting = row(outbox_id)
        assert waiting.due_at is not None
        assert (waiting.attempts, waiting.error, waiting.sent_at) == (tries, "RuntimeError", None)
        waits.append((waiting.due_at - clock.now()).total_seconds())
        # Neither the relay nor a message that comes twice begins it before its time.
        clock.put(waiting.due_at - timedelta(microseconds=1))
        assert sent(clock) == 0
        run_asked(job(effect), outbox_id, clock)
        assert row(outbox_id).attempts == tries
        clock.put(waiting.due_at)
        assert sent(clock) == 1
    assert waits == [1, 10, 60, 600, 3600]
    run_asked(job(fails), outbox_id, clock)
    assert effects() == 0
    kept = row(outbox_id)
    assert (kept.attempts, kept.dead_at, kept.done_at) == (MAX_ATTEMPTS, clock.now(), None)
    assert kept.error == "RuntimeError"
    run_asked(job(effect), outbox_id, clock)
    assert effects() == 0


def test_a_wait_from_a_clock_that_had_jumped_ahead_is_over(committed: Flask, clock: WalkingClock) -> None:
    outbox_id, truly = asked(clock), clock.now()
    sent(clock)
    clock.walk(timedelta(days=30))
    run_asked(job(lambda session, order_id, now: 1 // 0), outbox_id, clock)
    clock.put(truly)
    assert sent(clock) == 1
    run_asked(job(effect), outbox_id, clock)
    assert effects() == 1


def test_what_is_logged_of_a_failure_holds_no_message(
    committed: Flask, clock: WalkingClock, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(session: Session, order_id: int, *, now: datetime) -> None:
        raise RuntimeError("13812345678")

    run_asked(job(fails), asked(clock), clock)
    told = capsys.readouterr()
    assert "RuntimeError" in told.out + told.err
    assert "13812345678" not in told.out + told.err


def test_a_deadlock_is_tried_again_at_once(committed: Flask, clock: WalkingClock) -> None:
    outbox_id, tries = asked(clock), []

    def deadlocks_once(session: Session, order_id: int, *, now: datetime) -> None:
        tries.append(1)
        if len(tries) == 1:
            session.execute(text("DO $$ BEGIN RAISE EXCEPTION 'deadlock' USING ERRCODE = '40P01'; END $$"))
        effect(session, order_id, now=now)

    run_asked(job(deadlocks_once), outbox_id, clock)
    assert (len(tries), effects(), row(outbox_id).attempts) == (2, 1, 1)


def test_a_worker_that_died_in_its_work_counts_as_a_try(committed: Flask, clock: WalkingClock) -> None:
    outbox_id = asked(clock)

    def dies(session: Session, order_id: int, *, now: datetime) -> None:
        raise SystemExit(9)

    for _ in range(MAX_ATTEMPTS):
        with pytest.raises(SystemExit):
            run_asked(job(dies), outbox_id, clock)
    run_asked(job(effect), outbox_id, clock)
    assert effects() == 0
    assert row(outbox_id).dead_at == clock.now()


def test_a_sweep_goes_on_until_nothing_is_left(committed: Flask, clock: WalkingClock) -> None:
    left = [3, 2, 1, 0]
    work = Work(RETIRE_EXPIRED, Kind.SWEEP, lambda session, now: left.pop(0), by_the_clock=True)
    assert run_sweep(work, clock) == 6
    assert left == []


@pytest.mark.parametrize(
    ("beijing", "day"),
    [
        ((2025, 7, 15, 0, 29), date(2025, 7, 14)),
        ((2025, 7, 15, 0, 30), date(2025, 7, 15)),
        ((2025, 1, 1, 0, 0), date(2024, 12, 31)),
    ],
)
def test_the_day_that_is_due_turns_at_its_time_in_beijing(beijing: tuple[int, ...], day: date) -> None:
    year, month, of_month, hour, minute = beijing
    assert due_day(at_beijing(date(year, month, of_month), hour, minute), time(0, 30)) == day


def test_a_day_is_done_once_however_often_beat_looks(committed: Flask, clock: WalkingClock) -> None:
    days: list[date] = []

    def act(session: Session, day: date, *, now: datetime) -> Done:
        days.append(day)
        return Done(17, "ok")

    clock.put(datetime(2025, 7, 14, 16, 30, tzinfo=UTC))
    for _ in range(3):
        run_daily(daily(act), clock)
    clock.walk(timedelta(days=2))
    run_daily(daily(act), clock)
    assert days == [date(2025, 7, 15), date(2025, 7, 17)]
    with Session(db.engine) as session:
        runs = session.execute(select(JobRun.period, JobRun.rows, JobRun.outcome).order_by(JobRun.id)).all()
    assert [tuple(run) for run in runs] == [("2025-07-15", 17, "ok"), ("2025-07-17", 17, "ok")]


def test_two_schedulers_at_once_do_a_day_once(committed: Flask, clock: WalkingClock) -> None:
    days: list[date] = []
    together = Barrier(4)

    def act(session: Session, day: date, *, now: datetime) -> Done:
        days.append(day)
        return Done(1)

    def look() -> None:
        with committed.app_context():
            together.wait()
            run_daily(daily(act), clock)

    threads = [Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert days == [date(2025, 7, 15)]


def test_a_day_that_failed_leaves_no_claim_and_is_done_at_the_next_look(committed: Flask, clock: WalkingClock) -> None:
    def fails(session: Session, day: date, *, now: datetime) -> Done:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        run_daily(daily(fails), clock)
    assert run_daily(daily(lambda session, day, now: Done(1)), clock) == Done(1)


def test_work_by_the_clock_rests_while_another_time_is_played(committed: Flask, clock: WalkingClock) -> None:
    outbox_id = asked(clock)
    with transaction() as session:
        session.execute(text("UPDATE outbox SET sent_at = :now"), {"now": clock.now()})
    sweep = Work(RETIRE_EXPIRED, Kind.SWEEP, lambda session, now: 1 // 0, by_the_clock=True)
    with playing_time(db.engine):
        run_asked(job(effect), outbox_id, clock)
        assert run_sweep(sweep, clock) == 0
        assert run_daily(daily(lambda session, day, now: Done(1)), clock) is None
        kept = row(outbox_id)
        assert (effects(), kept.sent_at, kept.attempts) == (0, None, 0)
    run_asked(job(effect), outbox_id, clock)
    assert effects() == 1


def test_refreshing_does_not_rest_while_another_time_is_played(committed: Flask, clock: WalkingClock) -> None:
    done = [2, 0]
    with playing_time(db.engine):
        assert (
            run_sweep(Work(RETIRE_EXPIRED, Kind.SWEEP, lambda session, now: done.pop(0), by_the_clock=False), clock)
            == 2
        )
