"""How the jobs do, for the operator and for monitors: when each last did its work, how long it took, what waits."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from sqlalchemy import func, select
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
from shop.reports.models import JobRun, PartWork, RollupPart


class JobState(StrEnum):
    """How a job stands: the first of these that is so."""

    GIVEN_UP = "given_up"  # after its last try: a person has to look
    WORKING = "working"  # a run began and has not ended
    WAITING = "waiting"  # asked for and not done
    DONE = "done"
    NEVER = "never"  # nothing was asked of it yet


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
    parts = _parts(session)
    return {
        "items": [
            _shown(job, runs.get(job), succeeded.get(job), asked.get(job)) for job in sorted({*all_jobs(), *runs})
        ],
        "dirty": dirty,
        "parts": parts,
        "rollups_differ": _differ([row for row in parts if row["work"] == PartWork.PROVE]),
    }


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
    )  # fmt: skip
    rows = session.execute(query.group_by(RollupPart.rollup, RollupPart.work).order_by("rollup", "work")).mappings()
    return [dict(row) | {name: int(row[name]) for name in ("rows", "took_ms", "differences")} for row in rows]


def _differ(proofs: list[dict[str, Any]]) -> bool | None:
    """Whether the last proof found a difference, as soon as it has; None until all of it was done without."""
    if any(row["differences"] for row in proofs):
        return True
    return None if not proofs or any(row["done"] < row["parts"] for row in proofs) else False


def _shown(job: str, run: dict[str, Any] | None, done: Any, asked: dict[str, Any] | None) -> dict[str, Any]:
    run = run or {"period": None, "started_at": None, "finished_at": None, "rows": None, "outcome": None}
    took = None
    if run["finished_at"] is not None:
        took = (run["finished_at"] - run["started_at"]).total_seconds() * 1000
    asked = asked or {"waiting": 0, "given_up": 0, "oldest_waiting_at": None}
    return {
        **run,
        "job": job,
        "state": _state(run, asked),
        "took_ms": None if took is None else int(took),
        "last_success_at": done,
        **asked,
    }


def _state(run: dict[str, Any], asked: dict[str, Any]) -> JobState:
    if asked["given_up"]:
        return JobState.GIVEN_UP
    if run["started_at"] is not None and run["finished_at"] is None:
        return JobState.WORKING
    if asked["waiting"]:
        return JobState.WAITING
    return JobState.NEVER if run["started_at"] is None else JobState.DONE


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
        ):
            values = [([row["job"]], _number(row[key]) / scale) for row in jobs if row[key] is not None]
            yield _gauge(name, said, ["job"], values)
        dirty = [([row["rollup"]], row["keys"]) for row in self.view["dirty"]]
        yield _gauge("shop_rollup_dirty_keys", "Keys marked and not recomputed yet", ["rollup"], dirty)
        for state in ("parts", "done", "differences"):
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


def gauges(session: Session) -> bytes:
    """The view as Prometheus text."""
    registry = CollectorRegistry()
    registry.register(_Told(jobs_at_work(session)))
    return generate_latest(registry)
