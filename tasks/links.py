"""Jobs about links."""

from datetime import date, datetime

from sqlalchemy.orm import Session

from shop.links.jobs import FIND_SIGNS
from shop.links.signs import find_signs
from shop.reports.runs import last_day
from tasks.registry import Done, Kind, runs


@runs(FIND_SIGNS, Kind.DAILY)
def look_for_signs(session: Session, day: date, *, now: datetime) -> Done:
    """Signs about partners, counted anew for this month and the two before, and for months that were missed."""
    return Done(find_signs(session, day, now=now, last=last_day(session, FIND_SIGNS.name)))
