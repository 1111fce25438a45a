"""Jobs about stock."""

from datetime import date, datetime

from sqlalchemy.orm import Session

from shop.stock import actions, asides, recalls
from shop.stock.jobs import RETIRE_EXPIRED, RETURN_ASIDES, SERVE_PRESALES, TAKE_RECALLED
from shop.stock.serving import serve_waiting
from tasks.registry import Done, Kind, runs


@runs(RETIRE_EXPIRED, Kind.DAILY)
def retire_expired(session: Session, day: date, *, now: datetime) -> Done:
    """Lots that expired leave open stock; grams gone."""
    return Done(actions.retire_lots(session, day=day, now=now))


@runs(TAKE_RECALLED, Kind.SWEEP)
def take_recalled(session: Session, *, now: datetime) -> int:
    """What orders gave back of recalled lots leaves stock; grams gone."""
    return recalls.take_recalled(session, now=now)


@runs(RETURN_ASIDES, Kind.SWEEP)
def return_asides(session: Session, *, now: datetime) -> int:
    """What was set aside until an hour that is past goes back to open stock; grams returned."""
    return asides.return_due(session, now=now)


@runs(SERVE_PRESALES, Kind.SWEEP)
def serve_presales(session: Session, *, now: datetime) -> int:
    """Free stock goes to pre-sale orders, the first placed first; grams given."""
    return serve_waiting(session)
