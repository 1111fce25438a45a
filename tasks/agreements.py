"""Jobs about purchase agreements."""

from datetime import date, datetime

from sqlalchemy.orm import Session

from shop.orders.jobs import CALL_OFF_DUE
from shop.orders.scheduled import place_due
from tasks.registry import Done, Kind, runs


@runs(CALL_OFF_DUE, Kind.DAILY)
def call_off_due(session: Session, day: date, *, now: datetime) -> Done:
    """What the schedules ask for on `day` is called off and ordered; a line that cannot be stops no other."""
    result = place_due(session, day, now=now)
    return Done(result.placed, "; ".join(f"{code}: {why}" for code, why in result.refused) or "ok")
