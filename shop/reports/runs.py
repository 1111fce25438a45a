"""Which job ran for which period: claimed by a row, so that two schedulers, or one that comes back, do it once."""

from datetime import date, datetime, timedelta

from sqlalchemy import delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from shop.reports.models import JobFailure, JobRun

#: The one row of a job that runs all the time: when it last did all there was to do.
LATEST = "latest"


#: Held until the end of the transaction that claims. It is tried, not waited for: whoever has it may work for minutes,
#: and to wait in vain (lock_timeout) is a failure of nothing.
_AT_IT = text("SELECT pg_try_advisory_xact_lock(hashtextextended(:run, 2))")


def claim(session: Session, job: str, period: str, *, now: datetime) -> int | None:
    """The id of the new run, or None when the period has one or a rival is at it: without its work it leaves none."""
    if not session.scalar(_AT_IT, {"run": f"{job} {period}"}):
        return None
    return session.execute(
        insert(JobRun).values(job=job, period=period, started_at=now).on_conflict_do_nothing().returning(JobRun.id)
    ).scalar()


def close(
    session: Session, run_id: int, *, rows: int, outcome: str, now: datetime, due_by: datetime | None = None
) -> None:
    """Write down what a claimed run did, and that its job fails no longer."""
    done = {"finished_at": now, "rows": rows, "outcome": outcome, "due_by": due_by}
    job = session.scalar(update(JobRun).where(JobRun.id == run_id).values(done).returning(JobRun.job))
    session.execute(delete(JobFailure).where(JobFailure.job == job))


def touch(
    session: Session, job: str, *, rows: int, now: datetime, seconds: float = 0, due_by: datetime | None = None
) -> None:
    """Remember that `job` had done everything at `now`, in `seconds`, and fails no longer."""
    session.execute(delete(JobFailure).where(JobFailure.job == job))
    values = {"started_at": now - timedelta(seconds=seconds), "finished_at": now, "rows": rows, "due_by": due_by}
    session.execute(
        insert(JobRun)
        .values(job=job, period=LATEST, **values)
        .on_conflict_do_update(index_elements=["job", "period"], set_=values)
    )


def rest(session: Session, job: str, *, due_by: datetime) -> None:
    """`job` was looked at and has to wait for others: it is not late, though it did nothing."""
    session.execute(update(JobRun).where(JobRun.job == job, JobRun.period == LATEST).values(due_by=due_by))


def fail(session: Session, job: str, *, error: str, now: datetime) -> None:
    """Remember that `job` failed, with the kind of the error."""
    again = {"failed_at": now, "error": error, "times": JobFailure.times + 1}
    session.execute(
        insert(JobFailure)
        .values(job=job, failed_at=now, error=error, times=1)
        .on_conflict_do_update(index_elements=["job"], set_=again)
    )


def last_day(session: Session, job: str) -> date | None:
    """The last day for which a daily job was done, or None if never."""
    done = select(func.max(JobRun.period)).where(JobRun.job == job, JobRun.finished_at.is_not(None))
    day = session.scalar(done)
    return None if day is None else date.fromisoformat(day)
