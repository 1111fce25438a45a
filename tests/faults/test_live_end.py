"""A worker that dies while it ends a live session: nothing of it is half done, and the next one ends it."""

from datetime import timedelta
from pathlib import Path

from flask import Flask
from sqlalchemy import text

from shop.kit.clock import WalkingClock
from shop.kit.db import db, release, transaction
from shop.live import actions
from shop.reports.books import check_books
from tests.factories.killed import die
from tests.factories.sales import ready


def state() -> tuple[str, int, int]:
    """Of LIVE-1: its status, and grams of its product that are open to all and set aside."""
    found = db.session.execute(
        text(
            "SELECT live_sessions.status, sum(available_g) FILTER (WHERE pools.occasion_id IS NULL)::bigint,"
            " sum(available_g) FILTER (WHERE pools.occasion_id = occasions.id)::bigint"
            " FROM live_sessions JOIN occasions ON occasions.id = live_sessions.occasion_id JOIN offers"
            " ON offers.occasion_id = occasions.id JOIN pools ON pools.product_id = offers.product_id"
            " WHERE occasions.code = 'LIVE-1' GROUP BY 1"
        )
    ).one()
    release()
    return found[0], found[1], found[2]


def test_stock_comes_back_though_the_host_forgot_and_the_worker_died_midway(
    county: Flask, clock: WalkingClock, tmp_path: Path
) -> None:
    with transaction() as session:
        season = ready(session, clock.now())
        season.settled(season.paid("HOST"))
        ends_at = session.scalar(text("SELECT ends_at FROM occasions WHERE code = 'LIVE-1'"))
        session.execute(text("UPDATE outbox SET sent_at = :now, done_at = :now"), {"now": clock.now()})
    assert ends_at is not None
    late = ends_at + timedelta(minutes=1)
    before = state()
    assert before[0] == "live"
    assert before[2] > 0

    die(county, tmp_path, late, "midway", "shop.live.actions", "end_overdue")
    assert state() == before

    with transaction() as session:
        assert actions.end_overdue(session, now=late) == 1
    assert state() == ("ended", before[1] + before[2], 0)
    found = check_books(db.session(), now=late)
    assert [str(violation) for violation in found if not violation.check.code.startswith("I23")] == []
    release()


def test_control_a_worker_that_died_after_its_commit_has_ended_it(
    county: Flask, clock: WalkingClock, tmp_path: Path
) -> None:
    with transaction() as session:
        ready(session, clock.now())
        ends_at = session.scalar(text("SELECT ends_at FROM occasions WHERE code = 'LIVE-1'"))
    assert ends_at is not None
    _, open_g, aside_g = state()
    die(county, tmp_path, ends_at + timedelta(minutes=1), "after", "shop.live.actions", "end_overdue")
    assert state() == ("ended", open_g + aside_g, 0)
