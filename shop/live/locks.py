"""Locking a live session: its row, then its occasion, before the pools below."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from shop.channels.models import Occasion
from shop.kit.errors import NotFoundError
from shop.live.models import LiveSession, LiveStatus

RUNNING = (LiveStatus.PLANNED, LiveStatus.REVIEWED, LiveStatus.LIVE)


def locked_session(session: Session, code: str) -> tuple[LiveSession, Occasion]:
    """The session and its occasion, locked to the end of the transaction. Raises NotFoundError."""
    found = session.execute(
        select(LiveSession, Occasion)
        .join(Occasion, Occasion.id == LiveSession.occasion_id)
        .where(Occasion.code == code)
        .with_for_update()
    ).first()
    if found is None:
        raise NotFoundError(what=code)
    return found[0], found[1]


def overdue(session: Session, *, now: datetime) -> list[str]:
    """Codes of sessions that should have ended by `now` and did not, the oldest first."""
    return list(
        session.scalars(
            select(Occasion.code)
            .join(LiveSession, LiveSession.occasion_id == Occasion.id)
            .where(LiveSession.status.in_(RUNNING), Occasion.ends_at <= now)
            .order_by(Occasion.ends_at, Occasion.id)
        )
    )
