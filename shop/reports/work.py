"""The operator's view of the jobs: when each last did its work, how long it took, what waits, what was given up."""

from typing import Any

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from shop.kit.dirty import DirtyKey
from shop.kit.jobs import Outbox, all_jobs
from shop.reports.jobs import COMPARE_ROLLUPS
from shop.reports.models import JobRun


def jobs_at_work(session: Session) -> dict[str, Any]:
    """Every declared job with its last run, its last success, what of it waits; and whether the nightly proof holds.

    A run that is not finished is under way, or was cut off: its row says since when.
    """
    last = (
        select(JobRun.job, JobRun.period, JobRun.started_at, JobRun.finished_at, JobRun.rows, JobRun.outcome)
        .ext(distinct_on(JobRun.job))
        .order_by(JobRun.job, JobRun.started_at.desc())
    )
    runs = {row["job"]: dict(row) for row in session.execute(last).mappings()}
    succeeded = dict(session.execute(select(JobRun.job, func.max(JobRun.finished_at)).group_by(JobRun.job)).all())
    asked = {
        job: {"waiting": waiting, "given_up": dead, "oldest_waiting_at": oldest}
        for job, waiting, dead, oldest in session.execute(
            select(
                Outbox.job,
                func.count().filter(Outbox.done_at.is_(None), Outbox.dead_at.is_(None)),
                func.count().filter(Outbox.dead_at.is_not(None)),
                func.min(Outbox.created_at).filter(Outbox.done_at.is_(None), Outbox.dead_at.is_(None)),
            ).group_by(Outbox.job)
        )
    }
    dirty = [
        {"rollup": rollup, "keys": keys}
        for rollup, keys in session.execute(
            select(DirtyKey.rollup, func.count()).group_by(DirtyKey.rollup).order_by(DirtyKey.rollup)
        )
    ]
    proof = runs.get(COMPARE_ROLLUPS.name)
    return {
        "items": [
            _shown(job, runs.get(job), succeeded.get(job), asked.get(job)) for job in sorted({*all_jobs(), *runs})
        ],
        "dirty": dirty,
        "rollups_differ": None if proof is None or proof["outcome"] is None else proof["outcome"] != "ok",
    }


def _shown(job: str, run: dict[str, Any] | None, done: Any, asked: dict[str, Any] | None) -> dict[str, Any]:
    run = run or {"period": None, "started_at": None, "finished_at": None, "rows": None, "outcome": None}
    took = None
    if run["finished_at"] is not None:
        took = (run["finished_at"] - run["started_at"]).total_seconds() * 1000
    return {
        **run,
        "job": job,
        "took_ms": None if took is None else int(took),
        "last_success_at": done,
        **(asked or {"waiting": 0, "given_up": 0, "oldest_waiting_at": None}),
    }
