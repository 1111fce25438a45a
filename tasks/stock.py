"""Jobs about stock."""

from datetime import date, datetime

from sqlalchemy.orm import Session

from shop.stock import actions
from shop.stock.jobs import RETIRE_EXPIRED
from tasks.registry import Done, Kind, runs


@runs(RETIRE_EXPIRED, Kind.DAILY)
def retire_expired(session: Session, day: date, *, now: datetime) -> Done:
    """Lots that expired leave open stock; grams gone."""
    return Done(actions.retire_lots(session, day=day, now=now))
