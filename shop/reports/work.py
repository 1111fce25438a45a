"""How the jobs do, for the operator and for monitors: when each last did its work, how long it took, what waits."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

import shop.agreements.jobs
import shop.catalog.jobs
import shop.links.jobs
import shop.live.jobs
import shop.rounds.jobs
import shop.stock.jobs  # noqa: F401  like those above: a job is known once its room is loaded
from shop.kit.dirty import DirtyKey
from shop.kit.jobs import Outbox, all_jobs
from shop.reports.models import JobFailure, JobRun, PartWork, RollupPart

#: Clocks of two machines may differ by so much. A run that ended later than this is of a clock that had jumped ahead.
_CLOCKS_DIFFER = timedelta(minutes=1)
_NO_RUN = dict.fromkeys(("period", "started_at", "finished_at", "rows", "outcome", "due_by"))
_NOT_ASKED = {"waiting": 0, "given_up": 0, "oldest_waiting_at": None, "trying": 0, "tried": None}
_NO_FAILURE = {"failed_at": None, "error": None, "failures": 0}


class JobState(StrEnum):
    """How a job stands: the first of these that is so."""

    GIVEN_UP = "given_up"  # after its last try: a person has to look
    FAILING = "failing"  # it failed since it last did its work
    OVERDUE = "overdue"  # of the timetable, and not done for too long: nobody looks, or nobody works
    WORKING = "working"  # a run began and has not ended
    WAITING = "waiting"  # asked for and not done
    DONE = "done"
    NEVER = "never"  # nothing was asked of it yet


def jobs_at_work(session: Session, *, now: datetime) -> dict[str, Any]:
    """Every declared job with its last run, its last success, what of it waits; and whether the nightly proof holds.

    A run that is not finished is under way, or was cut off: its row says since when.
    """
    runs = _last_runs(session, now)
    succeeded = dict(
        session.execute(
            select(JobRun.job, func.max(JobRun.finished_at)).where(_not_ahead(now)).group_by(JobRun.job)
        ).all()
    )
    failures = {
        row["job"]: dict(row)
        for row in session.execute(
            select(JobFailure.job, JobFailure.failed_at, JobFailure.error, JobFailure.times.label("failures"))
        ).mappings()
    }
    waits = and_(Outbox.done_at.is_(None), Outbox.dead_at.is_(None))
    asked = {
        job: {"waiting": waiting, "given_up": dead, "oldest_waiting_at": oldest, "trying": trying, "tried": tried}
        for job, waiting, dead, oldest, trying, tried in session.execute(
            select(
                Outbox.job,
                func.count().filter(waits),
                func.count().filter(Outbox.dead_at.is_not(None)),
                func.min(Outbox.created_at).filter(waits),
                func.count(Outbox.error).filter(waits),
                func.max(Outbox.error).filter(waits),
            ).group_by(Outbox.job)
        )
    }
    dirty = [
        {"rollup": rollup, "keys": keys}
        for rollup, keys in session.execute(
            select(DirtyKey.rollup, func.count()).group_by(DirtyKey.rollup).order_by(DirtyKey.rollup)
        )
    ]
    parts = _parts(session)
    return {
        "items": [
            _shown(job, runs.get(job), succeeded.get(job), asked.get(job), failures.get(job), now)
            for job in sorted({*all_jobs(), *runs})
        ],
        "dirty": dirty,
        "parts": parts,
        "rollups_differ": _differ([row for row in parts if row["work"] == PartWork.PROVE]),
    }


def _not_ahead(now: datetime) -> ColumnElement[bool]:
    return func.coalesce(JobRun.finished_at, JobRun.started_at) <= now + _CLOCKS_DIFFER


def _last_runs(session: Session, now: datetime) -> dict[str, dict[str, Any]]:
    """The last run of each job; of runs that a clock ahead of now wrote down, nothing but that the job is overdue."""
    ahead = session.scalars(select(JobRun.job).where(~_not_ahead(now)))
    runs: dict[str, dict[str, Any]] = {job: _NO_RUN | {"due_by": now} for job in ahead}
    last = (
        select(JobRun.job, *(getattr(JobRun, name) for name in _NO_RUN))
        .where(_not_ahead(now))
        .ext(distinct_on(JobRun.job))
        .order_by(JobRun.job, JobRun.id.desc())
    )
    return runs | {row["job"]: dict(row) for row in session.execute(last).mappings()}


def _parts(session: Session) -> list[dict[str, Any]]:
    """How far rollups that are made from zero or proved have come, and the first difference that was found."""
    done = RollupPart.done_at.is_not(None)
    query = select(
        RollupPart.rollup, RollupPart.work, func.count().label("parts"), func.count().filter(done).label("done"),
        func.coalesce(func.sum(RollupPart.rows), 0).label("rows"),
        func.coalesce(func.sum(RollupPart.took_ms), 0).label("took_ms"),
        func.max(RollupPart.done_at).label("last_done_at"),
        func.coalesce(func.sum(RollupPart.differences), 0).label("differences"),
        func.min(RollupPart.found).label("found"),
        func.count(RollupPart.error).label("failed"), func.max(RollupPart.error).label("error"),
        func.min(RollupPart.due_at).label("next_try_at"),
    )  # fmt: skip
    rows = session.execute(query.group_by(RollupPart.rollup, RollupPart.work).order_by("rollup", "work")).mappings()
    return [dict(row) | {name: int(row[name]) for name in ("rows", "took_ms", "differences")} for row in rows]


def _differ(proofs: list[dict[str, Any]]) -> bool | None:
    """Whether the last proof found a difference, as soon as it has; None until all of it was done without."""
    if any(row["differences"] for row in proofs):
        return True
    return None if not proofs or any(row["done"] < row["parts"] for row in proofs) else False


def _shown(
    job: str, run: dict[str, Any] | None, done: Any, asked: dict[str, Any] | None, failure: dict[str, Any] | None,
    now: datetime,
) -> dict[str, Any]:  # fmt: skip
    run = run or _NO_RUN
    took = None
    if run["finished_at"] is not None:
        took = (run["finished_at"] - run["started_at"]).total_seconds() * 1000
    seen: dict[str, Any] = {**run, **(asked or _NOT_ASKED), **(failure or _NO_FAILURE)}
    # Of what was asked for each row remembers its own failure, until it is done.
    seen["failures"] += seen.pop("trying")
    seen["error"] = seen["error"] or seen["tried"]
    del seen["tried"]
    return seen | {
        "job": job,
        "state": _state(seen, now),
        "took_ms": None if took is None else int(took),
        "last_success_at": done,
        "overdue_ms": _overdue_ms(seen, now),
    }


def _overdue_ms(seen: dict[str, Any], now: datetime) -> int:
    due_by = seen["due_by"]
    return 0 if due_by is None or now < due_by else max(int((now - due_by).total_seconds() * 1000), 1)


def _state(seen: dict[str, Any], now: datetime) -> JobState:
    if seen["given_up"]:
        return JobState.GIVEN_UP
    if seen["failures"]:
        return JobState.FAILING
    if _overdue_ms(seen, now):
        return JobState.OVERDUE
    if seen["started_at"] is not None and seen["finished_at"] is None:
        return JobState.WORKING
    if seen["waiting"]:
        return JobState.WAITING
    return JobState.NEVER if seen["started_at"] is None else JobState.DONE


class _Told:
    """The view as gauges."""

    def __init__(self, view: dict[str, Any]) -> None:
        self.view = view

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Every figure that is there."""
        jobs = self.view["items"]
        for name, said, key, scale in (
            ("shop_job_last_success_seconds", "When a job last did its work, as Unix time", "last_success_at", 1),
            ("shop_job_took_seconds", "How long the last run of a job took", "took_ms", 1000),
            ("shop_job_rows", "How much the last run of a job did", "rows", 1),
            ("shop_job_waiting", "Asked for and not done", "waiting", 1),
            ("shop_job_given_up", "Given up on, for a person to see", "given_up", 1),
            ("shop_job_failures", "Failed so often since the job last did its work", "failures", 1),
            ("shop_job_overdue_seconds", "Late by so long with its next run", "overdue_ms", 1000),
        ):
            values = [([row["job"]], _number(row[key]) / scale) for row in jobs if row[key] is not None]
            yield _gauge(name, said, ["job"], values)
        dirty = [([row["rollup"]], row["keys"]) for row in self.view["dirty"]]
        yield _gauge("shop_rollup_dirty_keys", "Keys marked and not recomputed yet", ["rollup"], dirty)
        for state in ("parts", "done", "differences", "failed"):
            parts = [([row["rollup"].value, row["work"].value], row[state]) for row in self.view["parts"]]
            yield _gauge(
                f"shop_rollup_part_{state}", "Parts of a rollup made from zero or proved", ["rollup", "work"], parts
            )


def _number(value: Any) -> float:
    return value.timestamp() if hasattr(value, "timestamp") else float(value)


def _gauge(name: str, said: str, labels: list[str], values: Iterable[tuple[list[str], float]]) -> GaugeMetricFamily:
    gauge = GaugeMetricFamily(name, said, labels=labels)
    for named, value in values:
        gauge.add_metric(named, value)
    return gauge


def gauges(session: Session, *, now: datetime) -> bytes:
    """The view as Prometheus text."""
    registry = CollectorRegistry()
    registry.register(_Told(jobs_at_work(session, now=now)))
    return generate_latest(registry)
