"""Closing months. A closed month never changes: what comes later for it lands in the open month, with its origin.

Whoever books takes a shared lock, whoever closes an exclusive one, so that no entry slips into a month while its
statements are made. A trigger refuses entries of closed months whoever writes them.
"""

from datetime import date, datetime

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from shop.income.errors import EarlierMonthOpen, MonthClosed, MonthNotOver
from shop.income.models import ClosedMonth, IncomeEntry
from shop.kit.clock import beijing_month

#: Advisory lock of booking and closing; migration 0004 names the same number.
LOCK = 0x1C0DE

_STATEMENTS = text(
    """
    INSERT INTO monthly_statements (
        month, household_id, entries, wage_fen, business_gross_fen, property_fen, transfer_fen)
    SELECT :month, household_id, count(*),
        coalesce(sum(amount_fen) FILTER (WHERE category = 'wage'), 0),
        coalesce(sum(amount_fen) FILTER (WHERE category = 'business'), 0),
        coalesce(sum(amount_fen) FILTER (WHERE category = 'property'), 0),
        coalesce(sum(amount_fen) FILTER (WHERE category = 'transfer'), 0)
    FROM income_entries WHERE month = :month GROUP BY household_id
    """
)


def open_from(session: Session) -> date:
    """The first month that takes entries; no month closes before this transaction ends."""
    session.execute(select(func.pg_advisory_xact_lock_shared(LOCK)))
    last = session.scalar(select(func.max(ClosedMonth.month)))
    return date.min if last is None else next_month(last)


def next_month(month: date) -> date:
    """The month after."""
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)


def close_month(session: Session, month: date, *, actor_id: int | None, now: datetime) -> ClosedMonth:
    """Make every household's statement of `month` (its first day) by category, for good.

    Months close in their order. Waits for bookings under way. Raises MonthNotOver, MonthClosed, EarlierMonthOpen.
    """
    name = f"{month:%Y-%m}"
    if month >= beijing_month(now):
        raise MonthNotOver(month=name)
    session.execute(select(func.pg_advisory_xact_lock(LOCK)))
    last = session.scalar(select(func.max(ClosedMonth.month)))
    if last is not None and month <= last:
        raise MonthClosed(month=name)
    earlier = session.scalar(
        select(func.min(IncomeEntry.month)).where(
            IncomeEntry.month < month, IncomeEntry.month > (last if last is not None else date.min)
        )
    )
    if earlier is not None:
        raise EarlierMonthOpen(earlier=f"{earlier:%Y-%m}")
    households, entries, amount_fen = session.execute(
        select(
            func.count(IncomeEntry.household_id.distinct()),
            func.count(),
            func.coalesce(func.sum(IncomeEntry.amount_fen), 0),
        ).where(IncomeEntry.month == month)
    ).one()
    closed = ClosedMonth(
        month=month, closed_at=now, closed_by_id=actor_id, households=households, entries=entries,
        amount_fen=int(amount_fen),
    )  # fmt: skip
    session.add(closed)
    session.flush()
    session.execute(_STATEMENTS, {"month": month})
    return closed
