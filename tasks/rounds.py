"""Jobs about buying rounds."""

from datetime import datetime

from sqlalchemy.orm import Session

from shop.catalog.reference import catalog
from shop.channels.reference import selling
from shop.kit.reference import current_version
from shop.rounds import actions
from shop.rounds.jobs import CLOSE_DUE
from tasks.registry import Kind, runs


@runs(CLOSE_DUE, Kind.SWEEP)
def close_due(session: Session, *, now: datetime) -> int:
    """Rounds whose closing time has come are closed and ordered."""
    version = current_version(session)
    return actions.close_due(session, goods=catalog(session, version), selling=selling(session, version), now=now)
