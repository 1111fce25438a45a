"""What is forgotten after a week: idempotency keys and done jobs. Effects on money keep their own constraints."""

from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.orm import Session

#: Longer than anybody repeats a request.
KEPT_FOR = timedelta(days=7)


def forget_old(session: Session, *, now: datetime) -> int:
    """Delete keys and done jobs older than `KEPT_FOR`; returns how many. Jobs given up on stay for a person to see."""
    before = {"before": now - KEPT_FOR}
    keys = session.execute(text("DELETE FROM idempotency_keys WHERE created_at < :before"), before)
    jobs = session.execute(text("DELETE FROM outbox WHERE done_at < :before"), before)
    return int(keys.rowcount + jobs.rowcount)  # type: ignore[attr-defined]
