"""Closing months. A closed month never changes: what comes later for it lands in the open month, with its origin.

Whoever books takes a shared lock, whoever closes an exclusive one, so that no entry slips into a month while its
statements are made. A trigger refuses entries of closed months whoever writes them.
"""

from datetime import date, datetime

from sqlalchemy import ColumnElement, Select, func, literal, select, text, union
from sqlalchemy.orm import Session

from shop.farmers.models import HouseholdAlias
from shop.income.errors import EarlierMonthOpen, MonthClosed, MonthNotOver
from shop.income.models import ClosedFamily, ClosedMonth, CostLine, IncomeEntry, SalesReach
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

_FAMILIES = text("INSERT INTO closed_families SELECT :month, household_id, counts_for_id FROM household_aliases")


def open_from(session: Session) -> date:
    """The first month that takes entries; no month closes before this transaction ends."""
    session.execute(select(func.pg_advisory_xact_lock_shared(LOCK)))
    last = session.scalar(select(func.max(ClosedMonth.month)))
    return date.min if last is None else next_month(last)


def next_month(month: date) -> date:
    """The month after."""
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)


def close_month(session: Session, month: date, *, actor_id: int | None, now: datetime) -> ClosedMonth:
    """Make every household's statement of `month` (its first day) by category, for good, and for whom it counts.

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
    session.execute(_FAMILIES, {"month": month})
    return closed


def told_of(counted: type[IncomeEntry | CostLine | SalesReach], household_id: int) -> ColumnElement[bool]:
    """Whether a row is told in a household's statement: in open months as records are merged now.

    In closed months as they were merged when the month was closed (or the next one that was: no month before a closed
    one is open).
    """
    closing = (
        select(func.min(ClosedMonth.month)).where(ClosedMonth.month >= counted.month).correlate(counted)
    ).scalar_subquery()
    then = select(ClosedFamily.counts_for_id).where(
        ClosedFamily.household_id == counted.household_id, ClosedFamily.month == closing
    )
    now = select(HouseholdAlias.counts_for_id).where(
        HouseholdAlias.household_id == counted.household_id, closing.is_(None)
    )
    family = func.coalesce(
        then.correlate(counted).scalar_subquery(), now.correlate(counted).scalar_subquery(), counted.household_id
    )
    return counted.household_id.in_(records_of(household_id)) & (family == household_id)


def records_of(household_id: int) -> Select[tuple[int]]:
    """The household's record, and every one that counts for it or did when a month was closed."""
    merged = [select(of.household_id).where(of.counts_for_id == household_id) for of in (HouseholdAlias, ClosedFamily)]
    every = union(select(literal(household_id)), *merged).subquery()
    return select(every.c[0])
