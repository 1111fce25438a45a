"""户均增收: gain per household, over households and kinds of income that both periods record in the same way.

Rules (statistics practice, and what made reports false before): no period that is not over; an annual base is compared
with a whole year only; gross sales are never compared with net income; new households stand apart; without a base there
is no figure.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Subquery, cast, func, or_, select, union
from sqlalchemy.orm import Session, aliased

from shop.access.guard import Actor
from shop.farmers.models import Household, HouseholdAlias
from shop.income.models import CATEGORY_OF, BaselineIncome, Category
from shop.kit.clock import beijing_month
from shop.kit.money import divide_half_up
from shop.places.models import Township, Village
from shop.reports.area import records_in, sees_all, sees_households, township_area
from shop.reports.income_report import Months
from shop.reports.models import CostRollup, IncomeMonth
from shop.reports.wording import LEFT_OUT, NO_BASE, SAME_COVERAGE, WIDER_BASE


@dataclass(frozen=True)
class Record:
    """What a period recorded: for each household fen by category, and whether its business income is gross of costs.

    A category of which a household has no record is NULL.
    """

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
    if session.scalar(select(IncomeMonth.household_id).where(*_seen(actor, before)).limit(1)) is not None:
        name = f"{before.first:%Y-%m}" if before.first == before.last else f"{before.first:%Y-%m}..{before.last:%Y-%m}"
        return Record(_entries(actor, before), True, name)
    annual = _baseline(actor, year, months)
    if session.scalar(select(annual.c.household_id).limit(1)) is None:
        return "no_record"
    whole_year = months.first.month == 1 and months.last.month == 12
    return Record(annual, False, str(year)) if whole_year else "part_of_a_year"


def _year_before(month: date) -> date:
    return month.replace(year=month.year - 1)


def _seen(actor: Actor, months: Months) -> list[ColumnElement[bool]]:
    """The rows of the reader's area, of the months and the place."""
    wanted: list[ColumnElement[bool]] = [IncomeMonth.month.between(months.first, months.last)]
    if not sees_all(actor):
        wanted.append(IncomeMonth.household_id.in_(records_in(township_area(actor))))
    if months.place is not None:
        wanted.append(IncomeMonth.household_id.in_(records_in(months.here())))
    return wanted


def _entries(actor: Actor, months: Months) -> Subquery:
    family = func.coalesce(HouseholdAlias.counts_for_id, IncomeMonth.household_id)
    query = select(family.label("household_id"), *(_of_category(category) for category in Category))
    query = query.outerjoin(HouseholdAlias, HouseholdAlias.household_id == IncomeMonth.household_id)
    return query.where(*_seen(actor, months)).group_by(family).subquery()


def _of_category(category: Category) -> ColumnElement[Any]:
    kinds = [getattr(IncomeMonth, f"{kind}_fen") for kind, of in CATEGORY_OF.items() if of is category]
    added = sum((func.coalesce(kind, 0) for kind in kinds[1:]), func.coalesce(kinds[0], 0))
    return cast(func.sum(added).filter(func.num_nonnulls(*kinds) > 0), BigInteger).label(category.value)


def _baseline(actor: Actor, year: int, months: Months) -> Subquery:
    columns: Mapping[Category, ColumnElement[int]] = {
        Category.WAGE: BaselineIncome.wage_fen.expression,
        Category.BUSINESS: BaselineIncome.business_net_fen.expression,
        Category.PROPERTY: BaselineIncome.property_net_fen.expression,
        Category.TRANSFER: BaselineIncome.transfer_net_fen.expression,
    }
    family = func.coalesce(HouseholdAlias.counts_for_id, BaselineIncome.household_id)
    return (
        select(Household.id.label("household_id"), *(columns[category].label(category.value) for category in Category))
        .select_from(BaselineIncome)
        .outerjoin(HouseholdAlias, HouseholdAlias.household_id == BaselineIncome.household_id)
        .join(Household, Household.id == family)
        .join(Village, Village.id == Household.village_id)
        .join(Township, Township.id == Village.township_id)
        .where(BaselineIncome.year == year, township_area(actor), months.here(), _first_survey())
        .subquery()
    )


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
    ours, theirs = period.rows, base.rows
    here, there = ours.c.household_id.is_not(None), theirs.c.household_id.is_not(None)
    sums = [func.sum(side.c[category.value]).filter(here, there) for side in (ours, theirs) for category in Category]
    in_both, new, gone, *found = session.execute(
        select(func.count().filter(here, there), func.count().filter(~there), func.count().filter(~here), *sums)
        .select_from(ours.join(theirs, theirs.c.household_id == ours.c.household_id, full=True))
    ).one()  # fmt: skip
    if not in_both:
        return _none("nobody_in_both", language)
    now_fen, before_fen = _recorded(found[: len(Category)]), _recorded(found[len(Category) :])
    if period.business_gross and not base.business_gross:
        both = select(ours.c.household_id).join(theirs, theirs.c.household_id == ours.c.household_id)
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
        select(func.coalesce(func.sum(IncomeMonth.sale_fen), 0)).where(
            IncomeMonth.month.between(months.first, months.last), IncomeMonth.household_id.in_(records)
        )
    )
    covered, cost = session.execute(
        select(
            func.coalesce(func.sum(CostRollup.covered_fen), 0), func.coalesce(func.sum(CostRollup.cost_fen), 0)
        ).where(CostRollup.month.between(months.first, months.last), CostRollup.household_id.in_(records))
    ).one()
    return int(cost) if int(sold or 0) == int(covered) else None


def _recorded(sums: Sequence[int | None]) -> dict[Category, int]:
    """Fen of the households in both periods, by category; a category that nobody has is not recorded."""
    return {category: int(fen) for category, fen in zip(Category, sums, strict=True) if fen is not None}


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
