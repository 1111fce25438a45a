"""Jobs about live sessions."""

from datetime import datetime

from sqlalchemy.orm import Session

from shop.live import actions, settle
from shop.live.jobs import END_OVERDUE, SETTLE_ENDED
from tasks.registry import Kind, runs


@runs(END_OVERDUE, Kind.SWEEP)
def end_overdue(session: Session, *, now: datetime) -> int:
    """Sessions past their planned end are ended, and their stock goes back."""
    return actions.end_overdue(session, now=now)


@runs(SETTLE_ENDED, Kind.SWEEP)
def settle_ended(session: Session, *, now: datetime) -> int:
    """Ended sessions whose orders are all done are settled."""
    return settle.settle_ended(session, now=now)
