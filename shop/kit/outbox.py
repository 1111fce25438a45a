"""From the outbox to the broker: send what was committed, send again what got lost, and do each message's work once.

A message is a nudge: it may be lost (the broker came back empty) or come twice (sent, and the mark was lost). The row
decides: `start()` counts a try before the work begins, `finish()` marks the row done in the transaction of the effect.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, select, text
from sqlalchemy.orm import Session

from shop.kit.errors import NotFoundError
from shop.kit.jobs import Job, Outbox, enqueue
from shop.kit.states import record

#: How long a job that failed waits for its next try: an hour and a quarter in all, so that a restart or a short
#: trouble of somebody else gives nothing up.
WAITS = (
    timedelta(seconds=1), timedelta(seconds=10), timedelta(minutes=1), timedelta(minutes=10), timedelta(hours=1),
)  # fmt: skip
#: A job is given up on after so many starts; one that kills its worker counts as well.
MAX_ATTEMPTS = len(WAITS) + 1
#: A job that was sent and is not done after this is sent again. Too early costs a message, never an effect.
LOST_AFTER = timedelta(seconds=90)

#: Hands a message to the broker: job name, outbox id. The ids of the work stay in the row. Raises BrokerDown.
Send = Callable[[str, int], None]


class BrokerDown(Exception):
    """The broker takes no message now."""


_UNSENT = text(
    "SELECT id, job FROM outbox WHERE sent_at IS NULL AND dead_at IS NULL AND done_at IS NULL"
    # A wait longer than the longest is of a clock that had jumped ahead.
    " AND (due_at IS NULL OR due_at <= :now OR due_at > :longest)"
    " ORDER BY id LIMIT :limit FOR UPDATE SKIP LOCKED"
)
_LOST = text(
    "SELECT id, job FROM outbox WHERE sent_at < :before AND done_at IS NULL AND dead_at IS NULL"
    " ORDER BY sent_at, id LIMIT :limit FOR UPDATE SKIP LOCKED"
)
_SENT = text("UPDATE outbox SET sent_at = :now, due_at = NULL WHERE id = ANY(:ids)")


def relay(session: Session, send: Send, *, now: datetime, limit: int = 500) -> int:
    """Send unsent jobs, oldest first, then mark them; returns how many.

    Picks whatever is unsent (an "id above the last one seen" would skip late commits) and skips rows another relay has.
    The rows stay locked while they are sent: nobody else waits for them, and a crash before the mark only sends twice.
    When the broker is down, what was sent is marked and the rest stays for the next second.
    """
    due = {"limit": limit, "now": now, "longest": now + 2 * WAITS[-1]}
    return _pass_on(session, send, session.execute(_UNSENT, due).all(), now)


def resend(session: Session, send: Send, *, now: datetime, limit: int = 500) -> int:
    """Send again what was sent before `LOST_AFTER` and is not done: the broker lost it, or a worker died with it."""
    return _pass_on(session, send, session.execute(_LOST, {"before": now - LOST_AFTER, "limit": limit}).all(), now)


def _pass_on(session: Session, send: Send, rows: Sequence[Row[Any]], now: datetime) -> int:
    sent: list[int] = []
    for row in rows:
        try:
            send(row.job, row.id)
        except BrokerDown:
            break
        sent.append(row.id)
    if sent:
        session.execute(_SENT, {"ids": sent, "now": now})
    return len(sent)


def start(session: Session, job: str, outbox_id: int, *, now: datetime) -> tuple[int, list[int]] | None:
    """Count a try: (tries so far, ids of the work); None when it is done, waits, was given up, or no such row of `job`.

    Committed before the work begins, so that a job which kills its worker cannot come for ever: the start after
    `MAX_ATTEMPTS` gives it up.
    """
    row = session.execute(
        text(
            "UPDATE outbox SET attempts = attempts + 1,"
            " dead_at = CASE WHEN attempts >= :most THEN CAST(:now AS timestamptz) END"
            " WHERE id = :id AND job = :job AND done_at IS NULL AND dead_at IS NULL"
            # A message may come before its relay has committed that it left: due it is all the same.
            " AND (due_at IS NULL OR due_at <= :now) RETURNING attempts, ids"
        ),
        {"id": outbox_id, "job": job, "most": MAX_ATTEMPTS, "now": now},
    ).first()
    if row is None or row.attempts > MAX_ATTEMPTS:
        return None
    return row.attempts, list(row.ids)


def finish(session: Session, outbox_id: int, *, now: datetime) -> bool:
    """Mark the job done, in the transaction of its effect and before it: False when somebody else has done it.

    Locks the row, so that the same message handled twice at once is handled once. A row that was given up on while this
    run was under way (many copies of one message count as many tries) is done after all.
    """
    return (
        session.execute(
            text("UPDATE outbox SET done_at = :now, dead_at = NULL WHERE id = :id AND done_at IS NULL RETURNING 1"),
            {"id": outbox_id, "now": now},
        ).scalar()
        is not None
    )


def wait(session: Session, outbox_id: int, attempts: int, *, error: str, now: datetime) -> None:
    """After so many tries, unsend a job that failed, by an `error` of this kind, until its next one is due."""
    session.execute(
        text(
            "UPDATE outbox SET sent_at = NULL, due_at = :due, error = :error"
            " WHERE id = :id AND done_at IS NULL AND dead_at IS NULL"
        ),
        {"id": outbox_id, "due": now + WAITS[attempts - 1], "error": error},
    )


def give_up(session: Session, outbox_id: int, *, now: datetime, error: str | None = None) -> None:
    """Keep a job that failed `MAX_ATTEMPTS` times for a person to see; check-books and the metrics show it."""
    session.execute(
        text("UPDATE outbox SET dead_at = :now, error = :error WHERE id = :id AND done_at IS NULL AND dead_at IS NULL"),
        {"id": outbox_id, "now": now, "error": error},
    )


def given_up(session: Session, *, limit: int, before_id: int | None = None) -> list[Outbox]:
    """What was given up, the latest asked first: `limit` + 1 rows before an id."""
    query = select(Outbox).where(Outbox.dead_at.is_not(None)).order_by(Outbox.id.desc()).limit(limit + 1)
    return list(session.scalars(query if before_id is None else query.where(Outbox.id < before_id)))


def take_up(session: Session, outbox_id: int, *, person_id: int | None, now: datetime) -> Outbox:
    """A person has a job that was given up tried again, from its first try on; who, is recorded. Locks the row.

    Raises NotFoundError for one that was not given up, or is taken up already.
    """
    row = session.scalar(select(Outbox).where(Outbox.id == outbox_id, Outbox.dead_at.is_not(None)).with_for_update())
    if row is None:
        raise NotFoundError(what=str(outbox_id))
    record(session, row, "retry", person_id=person_id, now=now, facts={"job": row.job, "error": row.error})
    row.attempts, row.dead_at, row.sent_at, row.due_at, row.error = 0, None, None, None, None
    session.flush()
    return row


def take_back(session: Session, outbox_id: int) -> None:
    """Unsend a job that came at a wrong time: it leaves again with the next relay."""
    session.execute(
        text("UPDATE outbox SET sent_at = NULL WHERE id = :id AND done_at IS NULL AND dead_at IS NULL"),
        {"id": outbox_id},
    )


def ask_again(session: Session, job: Job, candidates: Sequence[int], *, now: datetime) -> int:
    """Enqueue `job` for those ids that no open and no dead row of it speaks of; returns how many.

    For sweeps: the fact in the database is what is to be done, and a message of it may never have been written. What
    was given up waits for a person, who takes it up again.
    """
    if not candidates:
        return 0
    known = session.execute(
        text("SELECT DISTINCT (ids ->> 0)::bigint FROM outbox WHERE job = :job AND done_at IS NULL"), {"job": job.name}
    )
    new = sorted(set(candidates) - set(known.scalars()))
    for id_ in new:
        enqueue(session, job, id_, now=now)
    return len(new)
