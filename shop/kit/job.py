"""The names of jobs, and nothing else: beat reads the timetable and need not load a database's library for it."""

from dataclasses import dataclass

_known: dict[str, "Job"] = {}


@dataclass(frozen=True)
class Job:
    """The name of a job: rooms declare theirs in `jobs.py`, `tasks/` has exactly one task for each."""

    name: str

    def __post_init__(self) -> None:
        if self.name in _known:
            raise ValueError(f"job {self.name} is declared twice")
        _known[self.name] = self


def all_jobs() -> list[str]:
    """Names of all declared jobs, sorted."""
    return sorted(_known)


#: Every second: committed jobs leave for the broker.
RELAY_OUTBOX = Job("kit.relay_outbox")
#: Every half minute: jobs that were sent and not done leave again.
RESEND_LOST = Job("kit.resend_lost")
#: Nightly: done jobs and used idempotency keys are forgotten after a week.
FORGET_OLD = Job("kit.forget_old")
