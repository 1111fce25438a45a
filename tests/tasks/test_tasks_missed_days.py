"""A daily job that missed days: what it leaves is what it would have left, had it run on each of them."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.orm import Session

from shop.kit.clock import WalkingClock
from shop.kit.db import db, transaction
from shop.orders.jobs import CALL_OFF_DUE
from tasks.build import make_celery
from tasks.registry import Kind, works
from tasks.run import run_daily
from tests.conftest import A_DAY_IN_JULY, fresh_app
from tests.factories.sales import ready

DAYS = 20
#: What daily jobs change, without the moments at which they did.
LEFT = (
    "SELECT id, received_g, dispatched_g, withdrawn_g FROM lots",
    "SELECT id, available_g, withdrawn_g FROM pools",
    "SELECT id, status FROM agreements",
    "SELECT agreement_id, ends_on, days_before FROM agreement_reminders",
    "SELECT month, partner_id, kind, found, base FROM link_signs",
    "SELECT DISTINCT job, ids FROM outbox WHERE done_at IS NULL",
    "SELECT rollup, work, month, firm_id FROM rollup_parts",
    "SELECT id, name_zh, staff_number FROM round_entries",
)


@contextmanager
def season(urls: tuple[str, str], county_template: str, folder: Path) -> Iterator[WalkingClock]:
    clock = WalkingClock(A_DAY_IN_JULY)
    with fresh_app(urls, county_template, folder, clock) as app:
        make_celery(app)
        with transaction() as session:
            made = ready(session, clock.now())
            for _ in range(5):
                made.accepted(made.paid(quantity=1))
            session.flush()
            # Lots that expire one after the other.
            session.execute(text("UPDATE lots SET expires_on = date '2025-07-15' + (id % 18)::int"))
            session.execute(text("UPDATE outbox SET done_at = :now"), {"now": clock.now()})
        yield clock


def look(clock: WalkingClock) -> int:
    """What beat does at noon of the day, for every daily job but calling off, which has a day of its own."""
    done = [
        run_daily(work, clock)
        for name, work in sorted(works().items())
        if work.kind is Kind.DAILY and name != CALL_OFF_DUE.name
    ]
    return len([one for one in done if one is not None])


def left() -> list[list[str]]:
    with Session(db.engine) as session:
        return [sorted(map(str, session.execute(text(query)))) for query in LEFT]


def test_days_that_were_missed_leave_nothing_undone(
    urls: tuple[str, str], county_template: str, tmp_path: Path
) -> None:
    with season(urls, county_template, tmp_path / "each") as clock:
        untouched = left()
        for day in range(1, DAYS + 1):
            clock.put(A_DAY_IN_JULY + timedelta(days=day))
            assert look(clock) >= 7
        each = left()
    with season(urls, county_template, tmp_path / "last") as clock:
        assert left() == untouched
        clock.put(A_DAY_IN_JULY + timedelta(days=DAYS))
        assert look(clock) >= 7
        assert left() == each
    assert each != untouched


def test_signs_of_months_that_were_missed_are_found_all_the_same(
    urls: tuple[str, str], county_template: str, tmp_path: Path
) -> None:
    with season(urls, county_template, tmp_path / "months") as clock:
        look(clock)
        with transaction() as session:
            session.execute(text("DELETE FROM link_signs"))
            session.execute(text("UPDATE orders SET is_own = true"))
        clock.put(A_DAY_IN_JULY + timedelta(days=150))
        look(clock)
        with Session(db.engine) as session:
            found = session.execute(text("SELECT month::text, kind, found FROM link_signs WHERE kind = 'own_orders'"))
            assert [tuple(row) for row in found] == [("2025-07-01", "own_orders", 5)]
