"""Turning functions into the work of declared jobs: exactly one for each name."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeVar

from shop.kit.job import Job


class Kind(Enum):
    """How a piece of work is called."""

    JOB = "job"  # act(session, *ids, now=) in one transaction, which also marks its outbox row done
    ERRAND = "errand"  # act(*ids, now=) outside a transaction: it talks to the network and opens its own
    SWEEP = "sweep"  # act(session, now=) -> how many, again in a fresh transaction until nothing is left; None: not now
    DAILY = "daily"  # act(session, day, now=) -> Done; once for each Beijing day


@dataclass(frozen=True)
class Done:
    """What a daily job did, for its row in job_runs."""

    rows: int
    outcome: str = "ok"


@dataclass(frozen=True)
class Work:
    """The work of a job. `by_the_clock`: it rests while somebody plays another time (`kit.pause`).

    `failed(session, error, now=)`, of a sweep: notes what failed, in a transaction of its own, so that the sweep goes
    on with the rest; False for an error that it knows nothing of.
    """

    job: Job
    kind: Kind
    act: Callable[..., Any]
    by_the_clock: bool
    failed: Callable[..., bool] | None = None


F = TypeVar("F", bound=Callable[..., Any])

_works: dict[str, Work] = {}


def runs(
    job: Job, kind: Kind, *, by_the_clock: bool = True, failed: Callable[..., bool] | None = None
) -> Callable[[F], F]:
    """Make a function the work of `job`. Raises ValueError when the job has one already."""

    def register(act: F) -> F:
        if job.name in _works:
            raise ValueError(f"job {job.name} has two pieces of work")
        _works[job.name] = Work(job, kind, act, by_the_clock, failed)
        return act

    return register


def works() -> dict[str, Work]:
    """All work by job name."""
    return dict(_works)
