"""Runs of jobs: a period is claimed once, and a rollup remembers when it was up to date."""

from sqlalchemy.orm import Session

from shop.kit.clock import WalkingClock
from shop.reports import runs
from shop.reports.area import as_of


def test_a_drained_rollup_remembers_when(session: Session, clock: WalkingClock) -> None:
    assert as_of(session, "reports.refresh_sales") is None
    for _ in range(2):
        runs.touch(session, "reports.refresh_sales", rows=3, now=clock.now())
    assert as_of(session, "reports.refresh_sales") == clock.now()


def test_a_period_is_claimed_once(session: Session, clock: WalkingClock) -> None:
    run = runs.claim(session, "stock.retire_expired", "2025-07-15", now=clock.now())
    assert run is not None
    assert runs.claim(session, "stock.retire_expired", "2025-07-15", now=clock.now()) is None
    assert runs.claim(session, "stock.retire_expired", "2025-07-16", now=clock.now()) is not None
