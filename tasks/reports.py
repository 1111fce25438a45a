"""Jobs about reports."""

from datetime import date, datetime

import structlog
from prometheus_client import Counter
from sqlalchemy.orm import Session

from shop.kit.db import transaction
from shop.reports import adjustments, cuts, jobs, parts, rollups
from shop.reports.models import PartWork, Rollup
from tasks.registry import Done, Kind, runs

log = structlog.get_logger()
DIFFERENCES = Counter("shop_rollup_differences", "Rollup rows that a recount made otherwise", ["rollup"])


def _refresh(session: Session, rollup: Rollup) -> int | None:
    """Marks answered for; None while the rollup is being rebuilt."""
    done = rollups.refresh(session, rollup)
    return None if done.rested else done.marks


@runs(jobs.REFRESH_SALES, Kind.SWEEP, by_the_clock=False)
def refresh_sales(session: Session, *, now: datetime) -> int | None:
    """Sales by day and month, firm, channel, product and partner."""
    return _refresh(session, Rollup.SALES)


@runs(jobs.REFRESH_RECEIVABLES, Kind.SWEEP, by_the_clock=False)
def refresh_receivables(session: Session, *, now: datetime) -> int | None:
    """What was accepted on invoice and is not paid."""
    return _refresh(session, Rollup.RECEIVABLES)


@runs(jobs.REFRESH_INCOME, Kind.SWEEP, by_the_clock=False)
def refresh_income(session: Session, *, now: datetime) -> int | None:
    """What households earned by month, firm, product and kind."""
    return _refresh(session, Rollup.INCOME)


@runs(jobs.REFRESH_REACH, Kind.SWEEP, by_the_clock=False)
def refresh_reach(session: Session, *, now: datetime) -> int | None:
    """Which sales reached which households."""
    return _refresh(session, Rollup.REACH)


@runs(jobs.REFRESH_AGREEMENTS, Kind.SWEEP, by_the_clock=False)
def refresh_agreements(session: Session, *, now: datetime) -> int | None:
    """What agreements made due, and what of it was called off and accepted."""
    return _refresh(session, Rollup.AGREEMENTS)


@runs(jobs.REFRESH_COSTS, Kind.SWEEP, by_the_clock=False)
def refresh_costs(session: Session, *, now: datetime) -> int | None:
    """What households spent, and the sales whose costs are known."""
    return _refresh(session, Rollup.COSTS)


@runs(jobs.REFRESH_CUTS, Kind.SWEEP, by_the_clock=False)
def refresh_cuts(session: Session, *, now: datetime) -> int | None:
    """The months of the county that changed; None while one of their tables is being rebuilt."""
    done = [_refresh(session, rollup) for rollup in cuts.ROLLUPS]
    return None if None in done else sum(marks or 0 for marks in done)


@runs(jobs.CHECK_SENT, Kind.SWEEP, by_the_clock=False)
def check_sent(session: Session, *, now: datetime) -> int:
    """Sent reports whose days were marked: which of their figures are otherwise by now."""
    return adjustments.check_next(session, now=now)


@runs(jobs.LOOK_AT_SENT, Kind.DAILY, by_the_clock=False)
def look_at_sent(session: Session, _: date, *, now: datetime) -> Done:
    """All sent reports of a year wait to be checked; how many."""
    return Done(adjustments.look_again(session, now=now))


@runs(jobs.COMPARE_ROLLUPS, Kind.DAILY, by_the_clock=False)
def compare_rollups(session: Session, _: date, *, now: datetime) -> Done:
    """Ask for a recount of every rollup from its facts, in parts; how many."""
    return Done(
        sum(parts.ask(session, rollup, PartWork.PROVE, parts.parts_of(session, rollup), now=now) for rollup in Rollup)
    )


def _part_failed(session: Session, error: Exception, *, now: datetime) -> bool:
    """One part that fails holds up no other."""
    if not isinstance(error, parts.PartFailed):
        return False
    parts.note_failure(session, error, now=now)
    return True


@runs(jobs.WORK_ON_PARTS, Kind.SWEEP, by_the_clock=False, failed=_part_failed)
def work_on_parts(session: Session, *, now: datetime) -> int:
    """The next part of a rollup that nobody has; a difference found in it is an alarm."""
    done = parts.do_next(session, now=now)
    if done is None:
        return 0
    if done.differences:
        log.error(
            "rollup differs from its facts", rollup=done.rollup.value, first=str(done.differences[0]),
            rows=len(done.differences),
        )  # fmt: skip
        DIFFERENCES.labels(done.rollup.value).inc(len(done.differences))
    return 1


@runs(jobs.MAKE_EXPORT, Kind.ERRAND, by_the_clock=False)
def make_export(export_id: int, *, now: datetime) -> None:
    """A long table as a file: read in one transaction, written outside of any, kept in another."""
    # Here, not above: a worker that makes no file loads no writer of files.
    from shop.reports import exports

    with transaction() as session:
        begun = exports.gather(session, export_id, now=now)
    if begun is None:
        return

    def told(rows: int) -> None:
        with transaction() as session:
            exports.tell(session, export_id, rows)

    body = exports.written(*begun, told)
    with transaction() as session:
        exports.finish(session, export_id, body, now=now)


@runs(jobs.FORGET_EXPORTS, Kind.DAILY, by_the_clock=False)
def forget_exports(session: Session, _: date, *, now: datetime) -> Done:
    """Files whose time is over."""
    from shop.reports import exports

    return Done(exports.forget(session, now=now))
