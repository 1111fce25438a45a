"""Jobs leave by the outbox: `enqueue()` writes a row in the caller's transaction; a relay sends it after the commit.

The row is the to-do item, the message is a nudge, a sweep is the guarantee. A job takes ids only and may run twice.
"""

from datetime import datetime

from sqlalchemy import CheckConstraint, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, Session, mapped_column

from shop.kit.db import Model
from shop.kit.job import Job, all_jobs
from shop.kit.types import Code, Id, Instant, Small

__all__ = ["Job", "Outbox", "all_jobs", "enqueue"]


class Outbox(Model):
    """A job to be done once its transaction is committed: sent at least once, done once.

    `done_at` is written in the transaction of the job's effect, so that a repeated message finds it and stops.
    `attempts` counts starts, each committed before the work begins; `dead_at` marks a job given up on, for a person to
    see. One that failed is unsent again and waits until `due_at`; `error` is the kind of what it failed by, no message.
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
    due_at: Mapped[Instant | None]
    error: Mapped[Code | None]


def enqueue(session: Session, job: Job, *ids: int, now: datetime) -> None:
    """Ask for `job(*ids)` after this transaction commits; nothing leaves if it does not."""
    session.add(Outbox(job=job.name, ids=list(ids), created_at=now))
