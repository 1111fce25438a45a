"""Jobs about reports."""

from datetime import date, datetime

import structlog
from prometheus_client import Counter
from sqlalchemy.orm import Session

from shop.kit.job import Job
from shop.reports import jobs, rollups
from shop.reports import runs as job_runs
from shop.reports.models import Rollup
from tasks.registry import Done, Kind, runs

log = structlog.get_logger()
DIFFERENCES = Counter("shop_rollup_differences", "Rollup rows that a recount made otherwise", ["rollup"])


def _refresh(session: Session, rollup: Rollup, job: Job, now: datetime) -> int:
    done = rollups.refresh(session, rollup)
    if done.marks < rollups.BATCH:
        job_runs.touch(session, job.name, rows=done.keys, now=now, seconds=done.seconds)
    return done.marks


@runs(jobs.REFRESH_SALES, Kind.SWEEP, by_the_clock=False)
def refresh_sales(session: Session, *, now: datetime) -> int:
    """Sales by day, firm, channel and product."""
    return _refresh(session, Rollup.SALES, jobs.REFRESH_SALES, now)


@runs(jobs.REFRESH_INCOME, Kind.SWEEP, by_the_clock=False)
def refresh_income(session: Session, *, now: datetime) -> int:
    """What households earned by month, firm, product and kind."""
    return _refresh(session, Rollup.INCOME, jobs.REFRESH_INCOME, now)


@runs(jobs.REFRESH_REACH, Kind.SWEEP, by_the_clock=False)
def refresh_reach(session: Session, *, now: datetime) -> int:
    """Which sales reached which households."""
    return _refresh(session, Rollup.REACH, jobs.REFRESH_REACH, now)


@runs(jobs.REFRESH_AGREEMENTS, Kind.SWEEP, by_the_clock=False)
def refresh_agreements(session: Session, *, now: datetime) -> int:
    """What agreements made due, and what of it was called off and accepted."""
    return _refresh(session, Rollup.AGREEMENTS, jobs.REFRESH_AGREEMENTS, now)


@runs(jobs.REFRESH_COSTS, Kind.SWEEP, by_the_clock=False)
def refresh_costs(session: Session, *, now: datetime) -> int:
    """What households spent, and the sales whose costs are known."""
    return _refresh(session, Rollup.COSTS, jobs.REFRESH_COSTS, now)


@runs(jobs.COMPARE_ROLLUPS, Kind.DAILY, by_the_clock=False)
def compare_rollups(session: Session, _: date, *, now: datetime) -> Done:
    """Recount every rollup from its facts; a difference is an alarm, and the rollup is made anew from zero."""
    found: list[rollups.Difference] = []
    for rollup in Rollup:
        odd = rollups.compare(session, rollup)
        if odd:
            log.error("rollup differs from its facts", rollup=rollup.value, first=str(odd[0]), rows=len(odd))
            DIFFERENCES.labels(rollup.value).inc(len(odd))
            rollups.rebuild(session, rollup)
        found += odd
    return Done(len(found), "; ".join(str(difference) for difference in found[:5]) or "ok")
