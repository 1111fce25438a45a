"""Jobs about buying rounds."""

from datetime import date, datetime

from sqlalchemy.orm import Session

from shop.catalog.reference import catalog
from shop.channels.reference import selling
from shop.kit.reference import current_version
from shop.rounds import actions
from shop.rounds.jobs import CLOSE_DUE, FORGET_PEOPLE
from tasks.registry import Done, Kind, runs


@runs(CLOSE_DUE, Kind.SWEEP)
def close_due(session: Session, *, now: datetime) -> int:
    """Rounds whose closing time has come are closed and ordered; those whose order was cancelled are cancelled.

    What was set aside for rounds that took their goods, or never will, goes back to open stock."""
    version = current_version(session)
    closed = actions.close_due(session, goods=catalog(session, version), selling=selling(session, version), now=now)
    followed = actions.follow_cancelled(session, now=now)
    actions.return_asides(session, now=now)
    return closed + followed


@runs(FORGET_PEOPLE, Kind.DAILY)
def forget_people(session: Session, _: date, *, now: datetime) -> Done:
    """Who joined rounds that were over half a year ago is forgotten."""
    return Done(actions.forget_people(session, now=now))
