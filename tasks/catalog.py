"""Jobs about the catalogue."""

from datetime import date, datetime

from sqlalchemy.orm import Session

from shop.catalog import reminders
from shop.catalog.jobs import FIND_EXPIRING
from tasks.registry import Done, Kind, runs


@runs(FIND_EXPIRING, Kind.DAILY)
def find_expiring(session: Session, day: date, *, now: datetime) -> Done:
    """Remind firms and county of papers that expire soon; how many."""
    return Done(reminders.find_expiring(session, day, now=now))
