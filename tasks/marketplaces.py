"""Jobs about marketplaces."""

from datetime import datetime

from sqlalchemy.orm import Session

from shop.marketplaces import follow as following
from shop.marketplaces.jobs import FOLLOW, FOLLOW_AGAIN
from tasks.registry import Kind, runs


@runs(FOLLOW, Kind.JOB)
def follow(session: Session, line_id: int, *, now: datetime) -> None:
    """The order of a line goes as far as the marketplace has told."""
    following.follow(session, line_id, now=now)


@runs(FOLLOW_AGAIN, Kind.SWEEP)
def follow_again(session: Session, *, now: datetime) -> int:
    """Lines that are behind are followed again."""
    return following.follow_again(session, now=now)
