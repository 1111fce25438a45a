"""Jobs about orders."""

from datetime import date, datetime

from sqlalchemy.orm import Session

from shop.orders import actions, receipt
from shop.orders.jobs import END_PRESALES, EXPIRE_UNPAID, FIND_UNRECEIVED, RECEIVE_OVERDUE
from shop.orders.presales import end_overdue
from tasks.registry import Done, Kind, runs


@runs(EXPIRE_UNPAID, Kind.SWEEP)
def expire_unpaid(session: Session, *, now: datetime) -> int:
    """Unpaid orders whose hold lapsed give their stock back."""
    return actions.expire_unpaid(session, now=now)


@runs(FIND_UNRECEIVED, Kind.DAILY)
def find_unreceived(session: Session, day: date, *, now: datetime) -> Done:
    """Ask for the receipt of what was sent long enough ago; how many orders."""
    return Done(receipt.find_overdue(session, now=now))


@runs(RECEIVE_OVERDUE, Kind.JOB)
def receive_overdue(session: Session, order_id: int, *, now: datetime) -> None:
    """One consumer's order is received by the clock."""
    receipt.receive_overdue(session, order_id, now=now)


@runs(END_PRESALES, Kind.DAILY)
def end_presales(session: Session, day: date, *, now: datetime) -> Done:
    """Pre-sale orders not sent by their day give their money back; how many."""
    return Done(end_overdue(session, day, now=now))
