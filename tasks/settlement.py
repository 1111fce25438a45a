"""Jobs about settling and what follows from it."""

from datetime import datetime

from sqlalchemy.orm import Session

from shop.income import actions, sweeps
from shop.income.jobs import FIND_UNSETTLED, TAKE_BACK
from shop.orders.jobs import SETTLE_ORDER
from tasks.registry import Kind, runs


@runs(SETTLE_ORDER, Kind.JOB)
def settle_order(session: Session, order_id: int, *, now: datetime) -> None:
    """An accepted order is shared, booked, and traced to the households it reached."""
    actions.settle_and_reach(session, order_id, now=now)


@runs(TAKE_BACK, Kind.JOB)
def take_back(session: Session, refund_id: int, *, now: datetime) -> None:
    """A refund of a settled order walks the same way back."""
    actions.take_back(session, refund_id, now=now)


@runs(FIND_UNSETTLED, Kind.SWEEP)
def find_unsettled(session: Session, *, now: datetime) -> int:
    """What should have been settled or taken back and was not is asked for again."""
    return sweeps.find_unsettled(session, now=now)
