"""户均增收: gain per household, over households and kinds of income that both periods record in the same way.

Rules (statistics practice, and what made reports false before): no period that is not over; an annual base is compared
with a whole year only; months that were recorded in part are no base, and a kind that is recorded of few of those who
had it by the survey is not compared; gross sales are never compared with net income;
a household is in a period that reached it, as the report counts; new ones stand apart; without a base there is no
figure. What kind of base there is, is decided over the whole county, whoever reads.
"""

import operator
import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import partial, reduce
from typing import Any, TypeAlias

from sqlalchemy import BigInteger, ColumnElement, Select, cast, exists, func, literal, not_, or_, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session, aliased

from shop.access.guard import Actor
from shop.farmers.families import with_merged
from shop.farmers.models import Household, HouseholdAlias
from shop.income.models import CATEGORY_OF, BaselineIncome, Category, CostLine, IncomeEntry, IncomeKind
from shop.kit.clock import beijing_month
from shop.kit.money import divide_half_up
from shop.places.models import Township, Village
from shop.reports.area import records_in, sees_all, sees_households, township_area
from shop.reports.cuts import COSTS, INCOME, Cuts, Source, county_cuts, cuts_in
from shop.reports.income_report import Months, of_families, reaches
from shop.reports.models import CostRollup, IncomeMonth
from shop.reports.wording import LEFT_OUT, NO_BASE, SAME_COVERAGE, WIDER_BASE

#: Ids of families.
Families: TypeAlias = Set[int]
#: The figures of each of some families.
Each: TypeAlias = Mapping[int, Mapping[str, int | None]]


@dataclass(frozen=True)
class Record:
    """What a period recorded: of whom, the figures of some of them, and whether business income is gross of costs.

    `categories`: the figures that are incomes. One of which none of them has a record is None. `each_of`: the figures
    of each of some families.
    """

    families: Families
    figures_of: Callable[[Families], dict[str, int | None]]
    each_of: Callable[[Families], Each]
    categories: Mapping[str, Category]
    business_gross: bool
    name: str

    @property
    def surveyed(self) -> bool:
        """Whether it is what households were asked: 0 is an answer then, and nothing says who else had it."""
        return self.categories is _SURVEYED


@dataclass(frozen=True)
class _Seen:
    """The months of a reader's area. The sums of some families are those of all less those of the others, who are few.

    `kept`: the cuts that know the sums of all; None where every family is looked at: in a place, to who sees a township
    and firms elsewhere. `own`: of costs only what is of sales of these months.
    """

    session: Session
    actor: Actor
    months: Months
    kept: Cuts | None
    own: bool = False

    def recorded(self, source: Source) -> tuple[Families, Callable[[Families], dict[str, int | None]]]:
        """The families reached, as the report counts them, and how to know the figures of some of them."""
        if self.kept is None:
            return self._families(source), lambda some: self._sums(some, source)
        *sums, reached, others = self.session.execute(self.kept.altogether(source, own=self.own)).one()
        all_of = dict(zip(source.figures, sums, strict=True))
        families = {family for family, bit in enumerate(reached or "") if bit == "1"}
        everybody = families | {found.start() for found in re.finditer("1", others or "")}  # few: not bit by bit
        return families, lambda some: self._less(all_of, everybody - some, some, source)

    def _less(
        self, all_of: dict[str, int | None], others: Families, some: Families, source: Source
    ) -> dict[str, int | None]:
        """The figures of `some`: those of all less those of the others; None where none of them has a record."""
        if not others:
            return all_of
        if len(some) <= len(others):
            return self._sums(some, source)
        less = self._sums(others, source)
        # What others have a record of, these may have none of, or one of nothing.
        known = self._known([figure for figure, fen in less.items() if fen is not None], others, source)
        return {
            figure: None if fen is None or not known.get(figure, True) else fen - (less[figure] or 0)
            for figure, fen in all_of.items()
        }

    def _families(self, source: Source) -> Families:
        rows = _ROWS[source.table]
        return set(self.session.scalars(of_families(rows).where(*self._here(rows), reaches(rows)).distinct()))

    def _sums(self, families: Families, source: Source) -> dict[str, int | None]:
        rows = _ROWS[source.table]
        sums = (cast(func.sum(getattr(rows, figure)), BigInteger).label(figure) for figure in source.figures)
        found = self.session.execute(select(*sums).where(*self._here(rows), _under(rows, families)))
        return dict(found.mappings().one())

    def each(self, families: Families, source: Source) -> Each:
        """The figures of each of the families."""
        rows = _ROWS[source.table]
        sums = (cast(func.sum(getattr(rows, figure)), BigInteger).label(figure) for figure in source.figures)
        query = of_families(rows, *sums).where(*self._here(rows), _under(rows, families))
        found = self.session.execute(query.group_by(text("family_id"))).mappings()
        return {row["family_id"]: dict(row) for row in found}

    def _known(self, figures: Sequence[str], others: Families, source: Source) -> dict[str, bool]:
        """Whether anybody but the others has a record of a figure."""
        if not figures:
            return {}
        rows = _ROWS[source.table]
        here = (*self._here(rows), not_(_under(rows, others)))
        each = (exists().where(*here, getattr(rows, figure).is_not(None)).label(figure) for figure in figures)
        return dict(self.session.execute(select(*each)).mappings().one())

    def below_zero(self, families: Families) -> bool:
        """Whether of a slip of the families something below zero is not known: corrections of a sale of before."""
        changed = select(IncomeEntry.corrects_id.label("slip_id")).where(
            *self._here(IncomeEntry), _under(IncomeEntry, families), IncomeEntry.kind == IncomeKind.SALE,
            IncomeEntry.corrects_id.is_not(None), IncomeEntry.amount_fen < 0,
        ).distinct().cte("changed")  # fmt: skip
        # A sale that has an even number of lines is not covered by them.
        lines = select(func.count()).where(
            CostLine.income_entry_id == IncomeEntry.id, CostLine.month <= self.months.last
        ).scalar_subquery()  # fmt: skip
        unknown = select(func.sum(IncomeEntry.amount_fen)).where(
            or_(IncomeEntry.id == changed.c.slip_id, IncomeEntry.corrects_id == changed.c.slip_id),
            IncomeEntry.month.in_(self.months.each()), lines % 2 == 0,
        ).correlate(changed).scalar_subquery()  # fmt: skip
        return bool(self.session.scalar(select(exists().where(changed.c.slip_id.is_not(None), unknown < 0))))

    def _here(self, rows: Any) -> list[ColumnElement[bool]]:
        """The rows of the reader's area, of the months and the place."""
        wanted: list[ColumnElement[bool]] = [rows.month.in_(self.months.each())]
        if self.own:
            wanted.append(rows.sold >= self.months.first)
        if not sees_all(self.actor):
            wanted.append(rows.household_id.in_(records_in(township_area(self.actor))))
        if self.months.place is not None:
            wanted.append(rows.household_id.in_(records_in(self.months.here())))
        return wanted


#: Figures that are incomes: by kind as rollups have them, by category as households were asked.
_KINDS = {f"{kind}_fen": CATEGORY_OF[kind] for kind in IncomeKind}
_SURVEYED = {category.value: category for category in Category}
#: The rows of families behind a cut.
_ROWS: Mapping[str, Any] = {INCOME.table: IncomeMonth, COSTS.table: CostRollup}


def _under(rows: Any, families: Families) -> ColumnElement[bool]:
    """Rows of the families, under whatever record."""
    ids = select(func.unnest(literal(sorted(families), ARRAY(BigInteger))))
    return rows.household_id.in_(with_merged(ids))


def gain(session: Session, actor: Actor, months: Months, language: str, *, now: datetime) -> dict[str, Any]:
    """The gain over the same months a year before, or over the year before as a whole; or why there is none."""
    found = _found(session, actor, months, now)
    if isinstance(found, str):
        return {"status": "no_base", "reason": found, "reason_text": NO_BASE[found].in_(language)}
    return found.told(language)


def behind_gain(
    session: Session, actor: Actor, months: Months, *, now: datetime, limit: int, before_id: int | None
) -> dict[str, Any]:  # fmt: skip
    """The households of the gain, `limit` + 1 of them, each with both periods' sums of what is compared; none without a
    base. `amount_fen` is what a household has more: their sum is what the gain is divided from.
    """
    found = _found(session, actor, months, now)
    each = [] if isinstance(found, str) else found.each()
    total = sum(row["amount_fen"] for row in each)
    page = [row for row in each if before_id is None or row["id"] < before_id][: limit + 1]
    codes = dict(
        session.execute(select(Household.id, Household.code).where(Household.id.in_(row["id"] for row in page))).all()
    )
    items = [row | {"household": codes[row["id"]]} for row in page]
    earlier = [row["id"] for row in each if before_id is not None and row["id"] >= before_id]
    return {
        "rows": len(each), "households": len(each), "total_fen": total, "total_g": 0, "items": items,
        "previous": earlier[-limit - 1] if len(earlier) > limit else None,
    }  # fmt: skip


def _found(session: Session, actor: Actor, months: Months, now: datetime) -> "_Compared | str":
    """The two periods, or why they are not compared."""
    if not sees_households(actor):
        return "not_for_this_reader"
    if months.first.year != months.last.year:
        return "one_year_only"
    if months.last >= beijing_month(now):
        return "period_not_over"
    seen, before = _seen(session, actor, months)
    base = _base(seen, before)
    return base if isinstance(base, str) else _compare(_recorded(seen, ""), base, seen)


def _seen(session: Session, actor: Actor, months: Months) -> tuple[_Seen, _Seen]:
    """The months, and the same a year before."""
    before = replace(months, first=_year_before(months.first), last=_year_before(months.last))
    kept = cuts_in(session, actor, before.first, months.last, months.place)
    # What his firms paid elsewhere is no income of his townships.
    ours, theirs = (
        None if kept is None else replace(kept.over(which.first, which.last), firms=()) for which in (months, before)
    )
    return _Seen(session, actor, months, ours), _Seen(session, actor, before, theirs)


def _year_before(month: date) -> date:
    return month.replace(year=month.year - 1)


def _base(seen: _Seen, before: _Seen) -> Record | str:
    """The same months a year before if they were fully recorded, else the annual base of a whole year, else why not."""
    first, last = before.months.first, before.months.last
    begun = seen.session.scalar(select(func.min(IncomeMonth.month)))
    if begun is not None and begun <= first and covers(seen.session, before.months.each(), seen.months.each()):
        recorded = _recorded(before, f"{first:%Y-%m}" if first == last else f"{first:%Y-%m}..{last:%Y-%m}")
        return recorded if recorded.families else "no_record"
    annual = _baseline(seen.session, seen.actor, first.year, seen.months)
    if not annual.families:
        return "no_record" if begun is None or begun > last else "recorded_in_part"
    whole_year = seen.months.first.month == 1 and seen.months.last.month == 12
    return annual if whole_year else "part_of_a_year"


def covers(session: Session, earlier: Sequence[date], later: Sequence[date]) -> bool:
    """Whether of the county's families of the later months no fewer were recorded in the earlier ones, a year before,
    than were surveyed of that year. Months in their order."""
    county = county_cuts(session, earlier[0], later[-1])
    family = "coalesce(counts_for_id, household_id)"
    surveyed = (
        f"(SELECT count(DISTINCT {family}) FROM baseline_incomes"
        f" LEFT JOIN household_aliases USING (household_id) WHERE year = :year AND get_bit(later, {family}::int) = 1)"
    )
    told = f"coalesce(bit_count(earlier & later), 0) >= {surveyed}"
    query = county.in_two(INCOME, earlier, later, told)
    return bool(session.scalar(query.bindparams(year=earlier[0].year)))


def _recorded(seen: _Seen, name: str) -> Record:
    families, figures_of = seen.recorded(INCOME)
    return Record(families, figures_of, lambda some: seen.each(some, INCOME), _KINDS, True, name)


def _baseline(session: Session, actor: Actor, year: int, months: Months) -> Record:
    query = (
        _surveyed(year)
        .join(Village, Village.id == Household.village_id)
        .join(Township, Township.id == Village.township_id)
        .where(township_area(actor), months.here())
    )
    surveyed = {household: fen for household, *fen in session.execute(query)}

    def figures_of(some: Families) -> dict[str, int | None]:
        found: dict[str, int | None] = dict.fromkeys(_SURVEYED)
        for household in some:
            for figure, fen in zip(_SURVEYED, surveyed[household], strict=True):
                if fen is not None:
                    found[figure] = (found[figure] or 0) + fen
        return found

    def each_of(some: Families) -> Each:
        return {household: dict(zip(_SURVEYED, surveyed[household], strict=True)) for household in some}

    return Record(set(surveyed), figures_of, each_of, _SURVEYED, False, str(year))


def _surveyed(year: int) -> Select[*tuple[Any, ...]]:
    """Each surveyed family and its fen by category, as they are listed."""
    columns: Mapping[Category, ColumnElement[int]] = {
        Category.WAGE: BaselineIncome.wage_fen.expression,
        Category.BUSINESS: BaselineIncome.business_net_fen.expression,
        Category.PROPERTY: BaselineIncome.property_net_fen.expression,
        Category.TRANSFER: BaselineIncome.transfer_net_fen.expression,
    }
    return (
        select(Household.id, *(columns[category].label(category) for category in Category))
        .select_from(BaselineIncome)
        .outerjoin(HouseholdAlias, HouseholdAlias.household_id == BaselineIncome.household_id)
        .join(Household, Household.id == func.coalesce(HouseholdAlias.counts_for_id, BaselineIncome.household_id))
        .where(BaselineIncome.year == year, _first_survey())
    )


def _of_few(seen: _Seen, year: int) -> frozenset[Category]:
    """Categories of which less than a half of the families have anything now, of the county's families of these months
    that had it by the survey: of the others these months say nothing."""
    surveyed, kinds = _surveyed(year).subquery("surveyed"), defaultdict[Category, list[Any]](list)
    for kind, category in CATEGORY_OF.items():
        kinds[category].append(func.coalesce(getattr(IncomeMonth, f"{kind}_fen"), 0))
    sums = (func.sum(reduce(operator.add, kinds[category])).label(category) for category in Category)
    now = (
        of_families(IncomeMonth, *sums)
        .where(IncomeMonth.month.in_(seen.months.each()))
        .group_by(text("family_id"))
        .having(func.bool_or(reaches(IncomeMonth)))
        .subquery("now")
    )
    counts = (
        (2 * func.count().filter(surveyed.c[one] != 0, now.c[one] != 0) < func.count().filter(surveyed.c[one] != 0))
        for one in Category
    )  # fmt: skip
    few = seen.session.execute(select(*counts).select_from(surveyed.join(now, now.c.family_id == surveyed.c.id))).one()
    return frozenset(category for category, is_few in zip(Category, few, strict=True) if is_few)


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


@dataclass(frozen=True)
class _Compared:
    """Two periods, and of the families of both the fen of each category in both of them.

    `cost`: what the business income of the period is net of, by family; None where it is not. `of_few`: categories that
    the period recorded of few of those who had it before.
    """

    period: Record
    base: Record
    both: Families
    now_fen: Mapping[Category, int]
    before_fen: Mapping[Category, int]
    cost: Callable[[Families], Each] | None
    of_few: Set[Category]

    def left_out(self, category: Category) -> str | None:
        """Why a category is not compared; None where it is."""
        if category not in self.now_fen:
            return "not_recorded_now"
        if category not in self.before_fen:
            return "not_recorded_before"
        if category in self.of_few:
            return "recorded_of_few"
        if category is Category.BUSINESS and self.period.business_gross != self.base.business_gross:
            return "gross_against_net"
        return None

    def told(self, language: str) -> dict[str, Any]:
        """The gain as the report has it."""
        categories = [self._category(category, language) for category in Category]
        compared = [row for row in categories if row["compared"]]
        change = sum(row["period_fen"] - row["base_fen"] for row in compared)
        return {
            "status": "compared",
            "base": self.base.name,
            "households": len(self.both),
            "households_new": len(self.period.families - self.both),
            "households_without_income_now": len(self.base.families - self.both),
            "base_fen": sum(row["base_fen"] for row in compared),
            "period_fen": sum(row["period_fen"] for row in compared),
            "change_fen": change,
            "per_household_fen": divide_half_up(change, len(self.both)),
            "note": (SAME_COVERAGE if self.base.business_gross else WIDER_BASE).in_(language),
            "categories": categories,
        }

    def each(self) -> list[dict[str, Any]]:
        """Each family's sums of what is compared, the latest registered first."""
        sums = []
        for record in (self.period, self.base):
            figures = [name for name, category in record.categories.items() if self.left_out(category) is None]
            each = record.each_of(self.both)
            sums.append({family: sum(own[name] or 0 for name in figures) for family, own in each.items()})
        ours, theirs = sums
        if self.cost is not None and self.left_out(Category.BUSINESS) is None:
            for family, spent in self.cost(self.both).items():
                ours[family] -= spent["cost_fen"] or 0
        return [
            {"id": family, "period_fen": ours[family], "base_fen": theirs[family],
             "amount_fen": ours[family] - theirs[family]}
            for family in sorted(self.both, reverse=True)
        ]  # fmt: skip

    def _category(self, category: Category, language: str) -> dict[str, Any]:
        why = self.left_out(category)
        return {
            "category": category.value,
            "period_fen": self.now_fen.get(category),
            "base_fen": self.before_fen.get(category),
            "gross": category is Category.BUSINESS and self.period.business_gross,
            "compared": why is None,
            "left_out": why,
            "left_out_text": LEFT_OUT[why].in_(language) if why else None,
        }


def _compare(period: Record, base: Record, seen: _Seen) -> _Compared | str:
    both = period.families & base.families
    if not both:
        return "nobody_in_both"
    ours, theirs = period.figures_of(both), base.figures_of(both)
    now_fen, before_fen = _by_category(ours, period), _by_category(theirs, base)
    net_of = None
    if period.business_gross and not base.business_gross:
        cost = _costs_if_all_known(seen, both, ours[f"{IncomeKind.SALE}_fen"])
        if cost is not None and Category.BUSINESS in now_fen:
            period = replace(period, business_gross=False)
            now_fen[Category.BUSINESS] -= cost
            net_of = partial(seen.each, source=COSTS)
    of_few = _of_few(seen, seen.months.first.year - 1) if base.surveyed else frozenset[Category]()
    found = _Compared(period, base, both, now_fen, before_fen, net_of, of_few)
    return found if any(found.left_out(category) is None for category in Category) else "nothing_in_common"


def _by_category(figures: Mapping[str, int | None], of: Record) -> dict[Category, int]:
    """Fen by category; one that is not recorded is not there, nor one of entries that came to nothing since.

    A survey that says 0 has asked: that household had none.
    """
    found: dict[Category, int] = {}
    for figure, category in of.categories.items():
        fen = figures[figure]
        if fen or (of.surveyed and fen is not None):
            found[category] = found.get(category, 0) + fen
    return found


def _costs_if_all_known(seen: _Seen, families: Families, sold_fen: int | None) -> int | None:
    """Costs of the families, if the costs of every sale of theirs are known by the end of the months; else None.

    Sales that are not known come to nothing where there are none, or where some slip's are below zero.
    """
    _, own_of = replace(seen, own=True).recorded(COSTS)
    if (sold_fen or 0) != (own_of(families)["covered_fen"] or 0) or seen.below_zero(families):
        return None
    _, figures_of = seen.recorded(COSTS)
    return figures_of(families)["cost_fen"] or 0
