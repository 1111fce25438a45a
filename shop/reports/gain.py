"""户均增收: gain per household, over households and kinds of income that both periods record in the same way.

Rules (statistics practice, and what made reports false before): no period that is not over; an annual base is compared
with a whole year only; gross sales are never compared with net income; new households stand apart; without a base there
is no figure.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Subquery, case, func, literal, or_, select, union, union_all
from sqlalchemy.orm import Session, aliased

from shop.access.guard import Actor
from shop.farmers.models import Household, HouseholdAlias
from shop.income.models import CATEGORY_OF, BaselineIncome, Category, IncomeKind
from shop.kit.clock import beijing_month
from shop.kit.money import divide_half_up
from shop.places.models import Township, Village
from shop.reports.area import sees_households, township_area
from shop.reports.income_report import Months
from shop.reports.models import CostRollup, IncomeRollup
from shop.reports.wording import LEFT_OUT, NO_BASE, SAME_COVERAGE, WIDER_BASE

#: The household that a record of the rollup counts for.
_FAMILY = func.coalesce(HouseholdAlias.counts_for_id, IncomeRollup.household_id)
_CATEGORY = case({kind: category.value for kind, category in CATEGORY_OF.items()}, value=IncomeRollup.kind)


@dataclass(frozen=True)
class Record:
    """What a period recorded: rows of (household, category, fen), and whether its business income is gross of costs."""

    rows: Subquery
    business_gross: bool
    name: str


def gain(session: Session, actor: Actor, months: Months, language: str, *, now: datetime) -> dict[str, Any]:
    """The gain over the same months a year before, or over the year before as a whole; or why there is none."""
    if not sees_households(actor):
        return _none("not_for_this_reader", language)
    if months.first.year != months.last.year:
        return _none("one_year_only", language)
    if months.last >= beijing_month(now):
        return _none("period_not_over", language)
    base = _base(session, actor, months)
    if isinstance(base, str):
        return _none(base, language)
    return _compared(session, Record(_entries(actor, months), True, ""), base, months, language)


def _none(reason: str, language: str) -> dict[str, Any]:
    return {"status": "no_base", "reason": reason, "reason_text": NO_BASE[reason].in_(language)}


def _base(session: Session, actor: Actor, months: Months) -> Record | str:
    """The same months a year before if they are recorded, else the annual base for a whole year, else why not."""
    before = replace(months, first=_year_before(months.first), last=_year_before(months.last))
    year = before.first.year
    entries = _entries(actor, before)
    if session.scalar(select(entries.c.household_id).limit(1)) is not None:
        name = f"{before.first:%Y-%m}" if before.first == before.last else f"{before.first:%Y-%m}..{before.last:%Y-%m}"
        return Record(entries, True, name)
    annual = _baseline(actor, year, months)
    if session.scalar(select(annual.c.household_id).limit(1)) is None:
        return "no_record"
    whole_year = months.first.month == 1 and months.last.month == 12
    return Record(annual, False, str(year)) if whole_year else "part_of_a_year"


def _year_before(month: date) -> date:
    return month.replace(year=month.year - 1)


def _entries(actor: Actor, months: Months) -> Subquery:
    return (
        select(
            _FAMILY.label("household_id"),
            _CATEGORY.label("category"),
            func.sum(IncomeRollup.amount_fen).label("amount_fen"),
        )
        .outerjoin(HouseholdAlias, HouseholdAlias.household_id == IncomeRollup.household_id)
        .join(Household, Household.id == _FAMILY)
        .join(Village, Village.id == Household.village_id)
        .join(Township, Township.id == Village.township_id)
        .where(IncomeRollup.month.between(months.first, months.last), township_area(actor), months.here())
        .group_by(_FAMILY, _CATEGORY)
        .subquery()
    )


def _baseline(actor: Actor, year: int, months: Months) -> Subquery:
    columns: Mapping[Category, ColumnElement[int]] = {
        Category.WAGE: BaselineIncome.wage_fen.expression,
        Category.BUSINESS: BaselineIncome.business_net_fen.expression,
        Category.PROPERTY: BaselineIncome.property_net_fen.expression,
        Category.TRANSFER: BaselineIncome.transfer_net_fen.expression,
    }
    parts = [
        select(
            Household.id.label("household_id"), literal(category.value).label("category"), column.label("amount_fen")
        )
        .outerjoin(HouseholdAlias, HouseholdAlias.household_id == BaselineIncome.household_id)
        .join(Household, Household.id == func.coalesce(HouseholdAlias.counts_for_id, BaselineIncome.household_id))
        .join(Village, Village.id == Household.village_id)
        .join(Township, Township.id == Village.township_id)
        .where(BaselineIncome.year == year, township_area(actor), months.here(), _first_survey())
        for category, column in columns.items()
    ]
    return union_all(*parts).subquery()


def _first_survey() -> ColumnElement[bool]:
    """Of a family surveyed under several records, one survey counts: its own, else the first of the merged records."""
    other, theirs = aliased(BaselineIncome), aliased(HouseholdAlias)
    family = func.coalesce(HouseholdAlias.counts_for_id, BaselineIncome.household_id)
    before = or_(
        other.household_id == family,
        (BaselineIncome.household_id != family) & (other.household_id < BaselineIncome.household_id),
    )
    return ~(
        select(other.household_id)
        .outerjoin(theirs, theirs.household_id == other.household_id)
        .where(
            other.year == BaselineIncome.year, other.household_id != BaselineIncome.household_id, before,
            func.coalesce(theirs.counts_for_id, other.household_id) == family,
        )
        .correlate(BaselineIncome, HouseholdAlias)
        .exists()
    )  # fmt: skip


def _compared(session: Session, period: Record, base: Record, months: Months, language: str) -> dict[str, Any]:
    ours, theirs = _households(period), _households(base)
    both = select(ours.c.household_id).join(theirs, theirs.c.household_id == ours.c.household_id)
    counts = session.execute(
        select(
            func.count().filter(ours.c.household_id.is_not(None), theirs.c.household_id.is_not(None)),
            func.count().filter(theirs.c.household_id.is_(None)),
            func.count().filter(ours.c.household_id.is_(None)),
        ).select_from(ours.join(theirs, theirs.c.household_id == ours.c.household_id, full=True))
    ).one()
    in_both, new, gone = (int(count) for count in counts)
    if not in_both:
        return _none("nobody_in_both", language)
    now_fen, before_fen = (_by_category(session, record, both) for record in (period, base))
    if period.business_gross and not base.business_gross:
        cost = _costs_if_all_known(session, both, months)
        if cost is not None:
            period = replace(period, business_gross=False)
            now_fen[Category.BUSINESS] = now_fen.get(Category.BUSINESS, 0) - cost
    categories = [_category(category, now_fen, before_fen, period, base, language) for category in Category]
    compared = [row for row in categories if row["compared"]]
    if not compared:
        return _none("nothing_in_common", language)
    change = sum(row["period_fen"] - row["base_fen"] for row in compared)
    return {
        "status": "compared",
        "base": base.name,
        "households": in_both,
        "households_new": new,
        "households_without_income_now": gone,
        "base_fen": sum(row["base_fen"] for row in compared),
        "period_fen": sum(row["period_fen"] for row in compared),
        "change_fen": change,
        "per_household_fen": divide_half_up(change, in_both),
        "note": (SAME_COVERAGE if base.business_gross else WIDER_BASE).in_(language),
        "categories": categories,
    }


def _costs_if_all_known(session: Session, both: Any, months: Months) -> int | None:
    """Costs of the households in both periods, if the costs of every sale of theirs are known; else None."""
    records = union(both, select(HouseholdAlias.household_id).where(HouseholdAlias.counts_for_id.in_(both)))
    sold = session.scalar(
        select(func.coalesce(func.sum(IncomeRollup.amount_fen), 0)).where(
            IncomeRollup.month.between(months.first, months.last), IncomeRollup.kind == IncomeKind.SALE,
            IncomeRollup.household_id.in_(records),
        )
    )  # fmt: skip
    covered, cost = session.execute(
        select(
            func.coalesce(func.sum(CostRollup.covered_fen), 0), func.coalesce(func.sum(CostRollup.cost_fen), 0)
        ).where(CostRollup.month.between(months.first, months.last), CostRollup.household_id.in_(records))
    ).one()
    return int(cost) if int(sold or 0) == int(covered) else None


def _households(record: Record) -> Subquery:
    return select(record.rows.c.household_id).distinct().subquery()


def _by_category(session: Session, record: Record, both: Any) -> dict[Category, int]:
    """Fen of the households in both periods, by category; a category that nobody has is not recorded."""
    rows = record.rows
    found = session.execute(
        select(rows.c.category, func.sum(rows.c.amount_fen))
        .where(rows.c.household_id.in_(both))
        .group_by(rows.c.category)
    )
    return {Category(category): int(total) for category, total in found}


def _category(
    category: Category, now_fen: Mapping[Category, int], before_fen: Mapping[Category, int], period: Record,
    base: Record, language: str,
) -> dict[str, Any]:  # fmt: skip
    gross = category is Category.BUSINESS and period.business_gross
    why = None
    if category not in now_fen:
        why = "not_recorded_now"
    elif category not in before_fen:
        why = "not_recorded_before"
    elif category is Category.BUSINESS and period.business_gross != base.business_gross:
        why = "gross_against_net"
    return {
        "category": category.value,
        "period_fen": now_fen.get(category),
        "base_fen": before_fen.get(category),
        "gross": gross,
        "compared": why is None,
        "left_out": why,
        "left_out_text": LEFT_OUT[why].in_(language) if why else None,
    }
