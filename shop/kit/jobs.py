"""Jobs leave by the outbox: `enqueue()` writes a row in the caller's transaction; a relay sends it after the commit.

The row is the to-do item, the message is a nudge, a sweep is the guarantee. A job takes ids only and may run twice.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import CheckConstraint, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, Session, mapped_column

from shop.kit.db import Model
from shop.kit.types import Code, Id, Instant, Small

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


class Outbox(Model):
    """A job to be done once its transaction is committed: sent at least once, done once.

    `done_at` is written in the transaction of the job's effect, so that a repeated message finds it and stops.
    `attempts` counts starts, each committed before the work begins; `dead_at` marks a job given up on, for a person to
    see.
    """

    __tablename__ = "outbox"
    __table_args__ = (
        Index("ix_outbox_unsent", "id", postgresql_where=text("sent_at IS NULL AND dead_at IS NULL")),
        Index(
            "ix_outbox_undone",
            "sent_at",
            postgresql_where=text("sent_at IS NOT NULL AND done_at IS NULL AND dead_at IS NULL"),
        ),
        CheckConstraint("attempts >= 0", name="attempts_counted"),
        CheckConstraint("done_at IS NULL OR dead_at IS NULL", name="done_or_dead"),
    )

    id: Mapped[Id]
    job: Mapped[Code]
    ids: Mapped[list[int]] = mapped_column(JSONB)
    created_at: Mapped[Instant]
    sent_at: Mapped[Instant | None]
    attempts: Mapped[Small] = mapped_column(server_default="0")
    done_at: Mapped[Instant | None]
    dead_at: Mapped[Instant | None]


def enqueue(session: Session, job: Job, *ids: int, now: datetime) -> None:
    """Ask for `job(*ids)` after this transaction commits; nothing leaves if it does not."""
    session.add(Outbox(job=job.name, ids=list(ids), created_at=now))


#: Every second: committed jobs leave for the broker.
RELAY_OUTBOX = Job("kit.relay_outbox")
#: Every half minute: jobs that were sent and not done leave again.
RESEND_LOST = Job("kit.resend_lost")
#: Nightly: done jobs and used idempotency keys are forgotten after a week.
FORGET_OLD = Job("kit.forget_old")
