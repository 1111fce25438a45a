"""The second way to learn what happened at the provider, for notices that never came."""

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from shop.kit.outbox import ask_again
from shop.payments.jobs import NOTIFY
from shop.payments.models import SimulatedCharge

#: A notice gets so long to come by itself.
PATIENCE = timedelta(minutes=2)


def notify_again(session: Session, *, now: datetime, limit: int = 500) -> int:
    """Ask the provider to tell again of charges it has done and we were not told of; returns how many."""
    untold = session.scalars(
        select(SimulatedCharge.id)
        .where(SimulatedCharge.notified_at.is_(None), SimulatedCharge.done_at < now - PATIENCE)
        .order_by(SimulatedCharge.id)
        .limit(limit)
    ).all()
    return ask_again(session, NOTIFY, untold, now=now)
