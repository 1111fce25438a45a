"""Jobs about live sessions."""

from datetime import date, datetime

from sqlalchemy.orm import Session

from shop.live import actions, settle
from shop.live.jobs import END_OVERDUE, FORGET_RECORDINGS, SETTLE_ENDED
from tasks.registry import Done, Kind, runs


@runs(END_OVERDUE, Kind.SWEEP)
def end_overdue(session: Session, *, now: datetime) -> int:
    """Sessions past their planned end are ended, and their stock goes back."""
    return actions.end_overdue(session, now=now)


@runs(SETTLE_ENDED, Kind.SWEEP)
def settle_ended(session: Session, *, now: datetime) -> int:
    """Ended sessions whose orders are all done are settled."""
    return settle.settle_ended(session, now=now)


@runs(FORGET_RECORDINGS, Kind.DAILY)
def forget_recordings(session: Session, _: date, *, now: datetime) -> Done:
    """References of recordings whose three years are over are forgotten."""
    return Done(actions.forget_recordings(session, now=now))
