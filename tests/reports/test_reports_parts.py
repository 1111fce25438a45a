"""Rollups in parts: any number of workers, in any order, some of them killed: each part once, and the same bytes."""

import random
from collections.abc import Iterator
from datetime import timedelta
from threading import Barrier, Thread

import pytest
from flask import Flask
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

import tasks.reports  # noqa: F401  its jobs are known once it is loaded
from shop.kit.clock import WalkingClock
from shop.kit.db import db, transaction
from shop.reports import parts, plans, rollups
from shop.reports.models import PartWork, Rollup, RollupPart
from shop.reports.work import gauges, jobs_at_work
from tasks.broker import SETTINGS
from tasks.registry import works
from tasks.run import run_daily, run_sweep
from tests.conftest import A_DAY_IN_JULY, fresh_app
from tests.factories.sales import ready
from tests.reports.test_reports_rollups import contents, refresh_all, sell


@pytest.fixture
def season(urls: tuple[str, str], county_template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    clock = WalkingClock(A_DAY_IN_JULY)
    with fresh_app(urls, county_template, tmp_path_factory.mktemp("parts"), clock) as app:
        with transaction() as session:
            sell(ready(session, clock.now()))
            refresh_all(session)
        yield app


def ask_all(work: PartWork = PartWork.REBUILD) -> int:
    with transaction() as session:
        return sum(
            parts.ask(session, rollup, work, parts.parts_of(session, rollup), now=A_DAY_IN_JULY) for rollup in Rollup
        )


def do_all() -> list[parts.Done]:
    done = []
    while True:
        with transaction() as session:
            one = parts.do_next(session, now=A_DAY_IN_JULY)
        if one is None:
            return done
        done.append(one)


def digest() -> dict[str, str]:
    with transaction() as session:
        refresh_all(session)
        return contents(session)


def open_parts() -> int:
    with Session(db.engine) as session:
        return len(session.scalars(select(RollupPart.id).where(RollupPart.done_at.is_(None))).all())


def test_ten_rebuilds_in_parts_shuffled_and_half_killed_give_the_same_bytes(season: Flask) -> None:
    before = digest()
    for seed in range(10):
        chosen = random.Random(seed)
        asked = ask_all()
        with transaction() as session:
            # The order in which parts are taken is another one each time.
            session.execute(
                text("UPDATE rollup_parts SET id = id + 1000000 * (1 + mod(id * :seed, 7))"), {"seed": seed}
            )
            for table in ("sales_rollup", "income_rollup", "partner_sales_months"):
                session.execute(text(f"DELETE FROM {table} WHERE random() < 0.3"))
        done = 0
        while True:
            with Session(db.engine) as session:
                if parts.do_next(session, now=A_DAY_IN_JULY) is None:
                    break
                if chosen.random() < 0.5:
                    session.commit()
                    done += 1
                # Else the worker dies with it: nothing is committed.
        assert done == asked
        assert digest() == before
        assert open_parts() == 0


def _together(season: Flask, takes: object) -> list[int]:
    """Four workers until nothing is left; which parts each did, in one list."""
    did: list[int] = []
    failed: list[BaseException] = []
    together = Barrier(4)

    def work() -> None:
        with season.app_context():
            together.wait()
            while True:
                try:
                    with transaction() as session:
                        part_id = takes(session)  # type: ignore[operator]
                except IntegrityError as error:
                    failed.append(error)
                    continue
                if part_id is None:
                    return
                did.append(part_id)

    threads = [Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return did


def test_four_workers_at_once_do_each_part_once_and_give_the_same_bytes(season: Flask) -> None:
    before = digest()
    asked = ask_all()

    def takes(session: Session) -> int | None:
        taken = parts.do_next(session, now=A_DAY_IN_JULY)
        return None if taken is None else id(taken)

    assert len(_together(season, takes)) == asked
    assert digest() == before


def test_control_without_the_lock_parts_are_done_more_than_once(season: Flask) -> None:
    with transaction() as session:
        asked = parts.ask(
            session, Rollup.RECEIVABLES, PartWork.PROVE, [rollups.Part(firm_id=n) for n in range(20)], now=A_DAY_IN_JULY
        )

    def takes(session: Session) -> int | None:
        part = session.scalars(
            select(RollupPart).where(RollupPart.done_at.is_(None)).order_by(RollupPart.id).limit(1)
        ).one_or_none()
        if part is None:
            return None
        rollups.compare(session, part.rollup)
        part.done_at, part.rows = A_DAY_IN_JULY, 0
        return part.id

    assert len(_together(season, takes)) > asked


def test_what_was_asked_for_twice_is_there_once(season: Flask) -> None:
    first = ask_all()
    ask_all()
    assert open_parts() == first
    assert len(do_all()) == first
    ask_all()
    assert open_parts() == first


def test_a_refresh_makes_way_for_a_rebuild_and_its_cut_off_stays(season: Flask) -> None:
    with transaction() as session:
        parts.ask(session, Rollup.INCOME, PartWork.REBUILD, parts.parts_of(session, Rollup.INCOME), now=A_DAY_IN_JULY)
        session.execute(text("INSERT INTO dirty_keys (rollup, on_day, a_id) VALUES ('income', '2025-07-01', 1)"))
    refresh = works()["reports.refresh_income"]
    clock = season.extensions["clock"]
    assert run_sweep(refresh, clock) == 0
    with transaction() as session:
        assert rollups.refresh(session, Rollup.INCOME).rested
        assert session.execute(text("SELECT count(*) FROM job_runs")).scalar_one() == 0
    do_all()
    assert run_sweep(refresh, clock) == 1
    with transaction() as session:
        kept = session.execute(text("SELECT job, rows FROM job_runs")).all()
    assert [tuple(row) for row in kept] == [("reports.refresh_income", 1)]


def test_the_nightly_proof_finds_a_planted_fault_alarms_and_heals_it(
    season: Flask, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = season.extensions["clock"]
    nightly, on_parts = works()["reports.compare_rollups"], works()["reports.work_on_parts"]
    before = digest()
    clock.put(A_DAY_IN_JULY.replace(hour=20))
    asked = run_daily(nightly, clock)
    assert asked is not None
    assert asked.rows == open_parts() > 30
    with transaction() as session:
        session.execute(text("UPDATE sales_rollup SET net_fen = net_fen + 1 WHERE channel_id = 1"))
        assert jobs_at_work(session, now=A_DAY_IN_JULY)["rollups_differ"] is None
    assert run_sweep(on_parts, clock) == asked.rows + 1
    assert "rollup differs from its facts" in "".join(capsys.readouterr())
    with transaction() as session:
        view = jobs_at_work(session, now=clock.now())
        told = gauges(session, now=clock.now()).decode()
    proved = {(row["rollup"], row["work"]): row for row in view["parts"]}
    assert view["rollups_differ"] is True
    assert proved[Rollup.SALES, PartWork.PROVE]["differences"] == 2
    assert proved[Rollup.SALES, PartWork.PROVE]["found"].startswith("sales_rollup ")
    assert proved[Rollup.SALES, PartWork.REBUILD]["done"] == 1
    assert 'shop_rollup_part_differences{rollup="sales",work="prove"} 2.0' in told
    assert digest() == before


def test_a_part_that_fails_holds_up_no_other_and_is_tried_again_later(season: Flask) -> None:
    clock, before = season.extensions["clock"], digest()
    on_parts, refresh = works()["reports.work_on_parts"], works()["reports.refresh_income"]
    with transaction() as session:
        month = session.execute(text("SELECT min(month) FROM income_rollup")).scalar_one()
        session.execute(text("DELETE FROM income_rollup WHERE month = :month"), {"month": month})
        session.execute(text(f"ALTER TABLE income_rollup ADD CONSTRAINT never CHECK (month <> '{month}') NOT VALID"))
        asked = [
            parts.ask(session, Rollup.INCOME, work, parts.parts_of(session, Rollup.INCOME), now=clock.now())
            for work in (PartWork.REBUILD, PartWork.PROVE)
        ]
    assert run_sweep(on_parts, clock) >= sum(asked) - 1
    with transaction() as session:
        (failed,) = session.scalars(select(RollupPart).where(RollupPart.error.is_not(None)))
        assert (failed.month, failed.work, failed.done_at) == (month, PartWork.REBUILD, None)
        assert (failed.attempts, failed.error) == (1, "IntegrityError")
        assert failed.due_at == clock.now() + timedelta(seconds=1)
        assert gauges(session, now=clock.now()).decode().count(
            'shop_rollup_part_failed{rollup="income",work="rebuild"} 1.0'
        ) == 1  # fmt: skip
        session.execute(text("INSERT INTO dirty_keys (rollup, on_day, a_id) VALUES ('income', '2025-07-01', 1)"))
    # Nobody waits for it: its rollup is refreshed, and it is not tried before its time.
    assert run_sweep(refresh, clock) == 1
    assert run_sweep(on_parts, clock) == 0
    clock.walk(timedelta(seconds=1))
    assert run_sweep(on_parts, clock) == 0
    with transaction() as session:
        again = session.get_one(RollupPart, failed.id)
        assert (again.attempts, again.due_at) == (2, clock.now() + timedelta(seconds=10))
        session.execute(text("ALTER TABLE income_rollup DROP CONSTRAINT never"))
    clock.walk(timedelta(seconds=10))
    assert run_sweep(on_parts, clock) == 1
    assert (open_parts(), digest()) == (0, before)
    with transaction() as session:
        assert {row["failed"] for row in jobs_at_work(session, now=clock.now())["parts"]} == {0}


def test_a_part_that_failed_is_tried_at_once_when_it_is_asked_for_again(season: Flask) -> None:
    now = A_DAY_IN_JULY
    with transaction() as session:
        parts.ask(session, Rollup.INCOME, PartWork.REBUILD, [rollups.WHOLE], now=now)
        (part_id,) = session.scalars(select(RollupPart.id))
        failed = parts.PartFailed(part_id)
        failed.__cause__ = ValueError()
        for _ in range(7):
            parts.note_failure(session, failed, now=now)
        assert session.get_one(RollupPart, part_id).due_at == now + timedelta(hours=1)
        assert parts.do_next(session, now=now) is None
        parts.ask(session, Rollup.INCOME, PartWork.REBUILD, [rollups.WHOLE], now=now)
        session.expire_all()
        assert (session.get_one(RollupPart, part_id).attempts, session.get_one(RollupPart, part_id).error) == (0, None)


def test_a_statement_of_a_part_ends_before_the_worker_ends_it(season: Flask) -> None:
    with transaction() as session:
        rollups.rebuild_part(session, Rollup.RECEIVABLES, rollups.WHOLE)
        limit = session.execute(
            text("SELECT setting::int FROM pg_settings WHERE name = 'statement_timeout'")
        ).scalar_one()
    assert limit / 1000 < SETTINGS["task_soft_time_limit"]


def test_a_proof_that_finds_nothing_says_so(season: Flask) -> None:
    asked = ask_all(PartWork.PROVE)
    assert [one.differences for one in do_all()] == [[]] * asked
    with transaction() as session:
        assert jobs_at_work(session, now=A_DAY_IN_JULY)["rollups_differ"] is False


def test_every_part_of_a_rollup_together_is_the_whole_of_it(season: Flask) -> None:
    with transaction() as session:
        for rollup in Rollup:
            whole = rollups.rebuild(session, rollup)
            above = plans.PLANS[rollup].above
            assert sum(rollups.rebuild_part(session, rollup, part) for part in parts.parts_of(session, rollup)) == (
                whole - sum(rollups.rebuild(session, one) for one in above)
            )
