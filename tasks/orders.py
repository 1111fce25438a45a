"""Jobs about orders."""

from datetime import datetime

from sqlalchemy.orm import Session

from shop.orders import actions
from shop.orders.jobs import EXPIRE_UNPAID
from tasks.registry import Kind, runs


@runs(EXPIRE_UNPAID, Kind.SWEEP)
def expire_unpaid(session: Session, *, now: datetime) -> int:
    """Unpaid orders whose hold lapsed give their stock back."""
    return actions.expire_unpaid(session, now=now)
