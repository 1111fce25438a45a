"""Household income over places, firms, products, months; sales reached beside it, never added to it."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum
from functools import cache
from typing import Any, TypeAlias

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Date,
    Integer,
    Select,
    Subquery,
    and_,
    bindparam,
    case,
    cast,
    column,
    func,
    literal,
    literal_column,
    null,
    or_,
    select,
    text,
    true,
    tuple_,
    union,
    union_all,
)
from sqlalchemy.dialects.postgresql import ARRAY, BIT
from sqlalchemy.orm import Session, aliased

from shop.access.guard import Actor
from shop.catalog.models import Firm, Product
from shop.channels.models import Channel
from shop.farmers.models import Household, HouseholdAlias, HouseholdGroup, HouseholdTie
from shop.income.costs import net_business
from shop.income.models import CATEGORY_OF, Category, ClosedMonth, CostLine, IncomeEntry, IncomeKind, SalesReach
from shop.kit.clock import month_of
from shop.kit.direct import Direct, together
from shop.kit.errors import ForbiddenError
from shop.places.models import Township, TownshipKind, Village
from shop.places.queries import TOWNSHIP_DIGITS
from shop.reports.area import (
    GIVEN_FIRMS,
    area,
    as_of,
    of_reader,
    records_in,
    sees_households,
    township_area,
)
from shop.reports.called import called_by, name_to
from shop.reports.cuts import COSTS, INCOME_PRODUCTS, REACH, Cuts, Source, cuts_in, cuts_of, families_in, records_here
from shop.reports.cuts import INCOME as INCOME_CUTS
from shop.reports.jobs import REFRESH_COSTS, REFRESH_INCOME, REFRESH_REACH
from shop.reports.models import CostRollup, Cut, IncomeMonth, IncomeRollup, ReachMonth, ReachRollup
from shop.reports.paging import key_before
from shop.reports.told import WHOLE, Counts, kept_back, since, untold_places
from shop.reports.wording import BY_CHANNEL, BY_GROUP, INCOME, SOURCE

AnySelect: TypeAlias = Select[*tuple[Any, ...]]

#: Kinds as the report names them: a sale is always called gross.
KIND_NAMES: dict[IncomeKind, str] = {
    IncomeKind.SALE: "sale_gross_fen",
    IncomeKind.PATRONAGE: "patronage_fen",
    IncomeKind.WAGE: "wage_fen",
    IncomeKind.LAND_RENT: "land_rent_fen",
    IncomeKind.DIVIDEND: "dividend_fen",
    IncomeKind.SUBSIDY: "subsidy_fen",
}
CATEGORY_NAMES: dict[Category, str] = {
    Category.WAGE: "wage_fen",
    Category.BUSINESS: "business_gross_fen",
    Category.PROPERTY: "property_fen",
    Category.TRANSFER: "transfer_fen",
}


_NO_CASH = {"cash": None, "categories": None, "business": None, "cash_fen": None, "weight_g": None}


class IncomeBy(StrEnum):
    """What a row of the report is."""

    TOWNSHIP = "township"
    VILLAGE = "village"
    FIRM = "firm"
    PRODUCT = "product"
    CHANNEL = "channel"
    MONTH = "month"
    HOUSEHOLD = "household"
    GROUP = "group"


@dataclass(frozen=True)
class Months:
    """From the first to the last month, both included, each as its first day; perhaps of one township or village.

    `place`: the statistical code of a township (9 digits) or a village (12); None = everything the reader may see.
    """

    first: date
    last: date
    place: str | None = None

    def here(self) -> ColumnElement[bool]:
        """Criterion on `Township` and `Village`."""
        if self.place is None:
            return true()
        return (Township.code if len(self.place) == TOWNSHIP_DIGITS else Village.code) == self.place

    def each(self) -> list[date]:
        """All of them."""
        count = (self.last.year - self.first.year) * 12 + self.last.month - self.first.month + 1
        return [
            date(self.first.year + (self.first.month - 1 + i) // 12, (self.first.month - 1 + i) % 12 + 1, 1)
            for i in range(count)
        ]


def income_report(
    session: Session, actor: Actor, by: IncomeBy, months: Months, language: str, *, limit: int, after: str | None
) -> dict[str, Any]:
    """Cash by kind and category, weight, households reached, and sales reached, for each row and in total.

    At most `limit` rows after that of the key `after`, and after which key the page before these begins (`previous`);
    the total is always of all. All nine townships, all five channels and all months are kept, at zero if need be.
    Groups are shown to who sees households: raises ForbiddenError to a firm.
    """
    only_managers(by, actor)
    kept = cuts_in(session, actor, months.first, months.last, months.place)
    page: dict[str, int] = {}
    previous = None
    if by is IncomeBy.HOUSEHOLD:
        page, previous = _households(session, actor, months, kept, after, limit)
    families = _looked_up(session, kept, by, list(page.values())[:limit])
    cash, spent, reached = _summed(
        session,
        *(_asked(actor, months, kept, rollup, by, families) for rollup in _ROLLUPS),
    )
    people = reached if by is IncomeBy.CHANNEL else cash
    names = _names(session, actor, by, months, language, cash, spent, reached) | {code: code for code in page}
    if by is IncomeBy.CHANNEL:  # the five come in their own order
        every = list(names)
        passed = every[: every.index(after) + 1] if after in every else []
    else:
        every = sorted(names)
        passed = [key for key in every if after is not None and key <= after]
    keys = every[len(passed) :]
    shown = keys[:limit]
    hidden = _untold(session, actor, by, months, people)
    told = hidden is not None and (months.place or WHOLE) not in hidden
    total = _row(cash.total, people.total, reached.total, spent.total, assisted=told)
    if by is IncomeBy.CHANNEL:
        total |= _NO_CASH
    items = []
    for key in shown:
        assisted = hidden is not None and key not in hidden
        row = _row(cash.of(key), people.of(key), reached.of(key), spent.of(key), assisted=assisted)
        if by is IncomeBy.CHANNEL:
            row |= _NO_CASH
        items.append({"key": key, "name": names[key], **row})
    basis = INCOME.in_(language) + (MORE_OF[by].in_(language) if by in MORE_OF else "")
    return {
        "by": by.value,
        "from": months.first,
        "to": months.last,
        "place": months.place,
        "as_of": as_of(session, REFRESH_INCOME.name, REFRESH_REACH.name, REFRESH_COSTS.name),
        "source": SOURCE.in_(language),
        "basis": basis,
        "items": items,
        "next": shown[-1] if len(keys) > len(shown) else None,
        "previous": previous if by is IncomeBy.HOUSEHOLD else key_before(passed, limit),
        "total": total,
    }


def _looked_up(session: Session, kept: Cuts | None, by: IncomeBy, page: Sequence[int]) -> Sequence[int]:
    """Ids of the families of a page, or of all of a village where their rows are read one by one.

    Who sees only firms is given records: those that live where he looks.
    """
    villages = kept.villages if kept is not None and by in _LOOKED_UP else None
    if kept is not None and kept.only_firms and (villages is not None or by is IncomeBy.HOUSEHOLD):
        return records_here(session, kept, page if villages is None else None)
    return page if villages is None else families_in(session, villages)


#: What else is to be said of a way to cut the report.
MORE_OF = {IncomeBy.CHANNEL: BY_CHANNEL, IncomeBy.GROUP: BY_GROUP}


def only_managers(by: IncomeBy, actor: Actor) -> None:
    """Who is in which group is no firm's business. Raises ForbiddenError."""
    if by is IncomeBy.GROUP and not sees_households(actor):
        raise ForbiddenError


_NO_PRODUCT = "-"
_KEYS: dict[IncomeBy, ColumnElement[Any]] = {
    IncomeBy.TOWNSHIP: Township.code.expression,
    IncomeBy.VILLAGE: Village.code.expression,
    IncomeBy.FIRM: func.coalesce(Firm.code, _NO_PRODUCT),
    IncomeBy.PRODUCT: func.coalesce(Product.sku, _NO_PRODUCT),
    IncomeBy.HOUSEHOLD: Household.code.expression,
    IncomeBy.CHANNEL: Channel.kind.expression,
    IncomeBy.GROUP: HouseholdGroup.code.expression,
}

#: What a figure is counted from: a rollup, or the facts behind it.
Counted: TypeAlias = (
    type[IncomeRollup] | type[ReachRollup] | type[CostRollup] | type[IncomeEntry] | type[SalesReach] | type[CostLine]
)


def key_of(by: IncomeBy, counted: Counted) -> ColumnElement[Any]:
    """What `by` groups `counted` by."""
    return func.to_char(counted.month, "YYYY-MM") if by is IncomeBy.MONTH else _KEYS[by]


def family_of(counted: Any) -> ColumnElement[int]:
    """The id of the family of a row that stands beside its `HouseholdAlias`, if it has one."""
    return func.coalesce(HouseholdAlias.counts_for_id, counted.household_id)


def within(query: AnySelect, actor: Actor, counted: Counted, months: Months) -> Any:
    """Join a rollup or its facts to household, place, firm, product, channel; keep the reader's area and months.

    The household is the family's; to who sees only firms, the record that his firm dealt with.
    """
    query = (
        query.select_from(counted)
        .outerjoin(HouseholdAlias, HouseholdAlias.household_id == counted.household_id)
        .join(Household, Household.id == (family_of(counted) if sees_households(actor) else counted.household_id))
        .join(Village, Village.id == Household.village_id)
        .join(Township, Township.id == Village.township_id)
        .outerjoin(Firm, Firm.id == counted.firm_id)
        .outerjoin(Product, Product.id == counted.product_id)
        .where(counted.month.between(months.first, months.last), area(actor), months.here())
    )
    return query.join(Channel, Channel.id == counted.channel_id) if counted in (ReachRollup, SalesReach) else query


def _in_groups(months: Months) -> Select[int, int, date]:
    """Family, group and month of all families that were in a group on any day of a month; under two records, once."""
    theirs = aliased(HouseholdAlias)
    days = func.generate_series(months.first, months.last, text("interval '1 month'"))
    each = select(cast(days, Date).label("month")).subquery("each")
    return (
        select(
            func.coalesce(theirs.counts_for_id, HouseholdTie.household_id).label("family_id"), HouseholdTie.group_id,
            each.c.month,
        )
        .outerjoin(theirs, theirs.household_id == HouseholdTie.household_id)
        .join(
            each,
            (HouseholdTie.starts_on < each.c.month + text("interval '1 month'"))
            & (func.coalesce(HouseholdTie.ends_on, date.max) >= each.c.month),
        )
        .where(HouseholdTie.void_reason.is_(None))
        .distinct()
    )  # fmt: skip


def grouped(query: Any, counted: Counted, months: Months) -> Any:
    """Join the groups in which a family was on any day of a month."""
    ties = _in_groups(months).subquery("in_groups")
    return query.join(ties, (ties.c.family_id == Household.id) & (ties.c.month == counted.month)).join(
        HouseholdGroup, HouseholdGroup.id == ties.c.group_id
    )


def in_its_group(sold: Any, months: Months) -> ColumnElement[bool]:
    """Whether a sale of the month `sold` counts in the row of a group: the family was in it then, too."""
    return tuple_(Household.id, HouseholdGroup.id, sold).in_(_in_groups(months))


Rolled: TypeAlias = type[IncomeMonth] | type[IncomeRollup] | type[CostRollup] | type[ReachMonth] | type[ReachRollup]
#: What a report is made of: income, costs, sales reached.
_ROLLUPS: tuple[Rolled, ...] = (IncomeMonth, CostRollup, ReachMonth)

#: What is read of each rollup: columns that add up.
_READ: dict[Any, tuple[str, ...]] = {
    IncomeMonth: ("weight_g", *(f"{kind}_fen" for kind in IncomeKind)),
    IncomeRollup: ("weight_g", "amount_fen"),
    CostRollup: ("covered_fen", "cost_fen", "own_fen"),
    ReachMonth: ("amount_fen", "weight_g"),
    ReachRollup: ("amount_fen", "weight_g"),
}


def _figures_in(counted: Rolled, columns: Any) -> Mapping[str, ColumnElement[Any]]:
    """What is told of a rollup, from its columns or from sums of them by kind."""
    if counted is IncomeRollup:
        of_kind = {f"{kind}_fen": case((columns["kind"] == kind, columns["amount_fen"])) for kind in IncomeKind}
        return {"weight_g": columns["weight_g"], **of_kind}
    return {name: columns[name] for name in _READ[counted]}


def _read(counted: Rolled, name: str, sold_here: ColumnElement[bool]) -> ColumnElement[Any]:
    """A column of `_READ`; `own_fen`: of the sales that meet `sold_here` what is covered."""
    if name == "own_fen":
        return case((sold_here, CostRollup.covered_fen))
    found: ColumnElement[Any] = getattr(counted, name).expression
    return found


def _figures_of(counted: Rolled) -> tuple[str, ...]:
    """The figures of a rollup: of kinds each its own."""
    return _READ[IncomeMonth if counted is IncomeRollup else counted]


def _told(counted: Rolled, by: IncomeBy) -> tuple[str, ...]:
    """What a report tells of a rollup: its figures, and the families behind them."""
    return (*_figures_of(counted), *(_PEOPLE if _peopled(counted, by) else ()))


#: The column of a rollup that rows are cut by; the others are cut by where the household lives, or by itself.
_OWN = {
    IncomeBy.FIRM: "firm_id", IncomeBy.PRODUCT: "product_id", IncomeBy.CHANNEL: "channel_id", IncomeBy.MONTH: "month",
}  # fmt: skip


#: What is counted of the families that a rollup speaks of.
_PEOPLE = ("households", "assisted")


@dataclass(frozen=True)
class _Sums:
    """The figures of a rollup and its distinct families by key and in total, and what the keys are called."""

    rows: dict[str, Counter[str]]
    total: Counter[str]
    names: dict[str, str | None]

    def of(self, key: str) -> Counter[str]:
        return self.rows.get(key, Counter())


def _read_for(rollup: Rolled, by: IncomeBy) -> Rolled:
    """Only by product, channel and group what is finer than months of a household and firm is read."""
    if by not in (IncomeBy.PRODUCT, IncomeBy.CHANNEL, IncomeBy.GROUP):
        return rollup
    return _FINER.get(rollup, rollup)


_FINER: Mapping[Rolled, Rolled] = {IncomeMonth: IncomeRollup, ReachMonth: ReachRollup}
#: Where a cut of a rollup stands, by what is read.
_SOURCES: dict[Any, Source] = {
    IncomeMonth: INCOME_CUTS, IncomeRollup: INCOME_PRODUCTS, CostRollup: COSTS, ReachMonth: REACH, ReachRollup: REACH,
}  # fmt: skip
#: The cut that a report reads, and the column of its rows that is its key; None = all in one row.
_CUT_OF: dict[IncomeBy | None, tuple[Cut, str | None]] = {
    None: (Cut.PAYER, None),
    IncomeBy.MONTH: (Cut.PAYER, "month"),
    IncomeBy.TOWNSHIP: (Cut.PAYER, "township_id"),
    IncomeBy.VILLAGE: (Cut.VILLAGE, "own_id"),
    IncomeBy.FIRM: (Cut.FIRM, "own_id"),
    IncomeBy.PRODUCT: (Cut.PRODUCT, "own_id"),
    IncomeBy.CHANNEL: (Cut.CHANNEL, "own_id"),
}


def _cut(kept: Cuts | None, counted: Rolled, by: IncomeBy | None) -> tuple[Cut, str | None] | None:
    found = _CUT_OF.get(by)
    if kept is not None and kept.only_firms and by is IncomeBy.TOWNSHIP:
        found = (Cut.VILLAGE, "township_id")  # where the records live that his firms dealt with
    known = kept is not None and found is not None and kept.knows(_SOURCES[counted], found[0])
    return found if known else None


@dataclass(frozen=True, eq=False)
class _Asked:
    """What is asked of a rollup: key, name, what the key is of (NULL = the row is the total), and what is `told`."""

    statement: Direct | AnySelect
    told: Sequence[str]
    values: Mapping[str, Any] = field(default_factory=dict)


def _summed(session: Session, *rollups: Sequence[_Asked]) -> list[_Sums]:
    """What was asked of each rollup. Prepared statements are sent without waiting."""
    every = [one for asked in rollups for one in asked]
    rows = {one: session.execute(one.statement).all() for one in every if not isinstance(one.statement, Direct)}
    with together(session) as sent:
        later = {one: sent.ask(one.statement, one.values) for one in every if isinstance(one.statement, Direct)}
        return [
            _sums((one.told, row) for one in asked for row in (later[one]() if one in later else rows[one]))
            for asked in rollups
        ]


def _sums(rows: Iterable[tuple[Sequence[str], Any]]) -> _Sums:
    found = _Sums({}, Counter(), {})
    for told, (key, name, own, *values) in rows:
        figures = {figure: int(value or 0) for figure, value in zip(told, values, strict=True)}
        if own is None:
            found.total.update(figures)
        else:
            found.rows[key], found.names[key] = Counter(figures), name
    return found


def _asked(
    actor: Actor, months: Months, kept: Cuts | None, rollup: Rolled, by: IncomeBy, families: Sequence[int]
) -> list[_Asked]:
    """A rollup by `by`, of `families` alone when it is by household, and in total."""
    asked = []
    if by is not IncomeBy.CHANNEL or rollup is ReachMonth:
        counted = _read_for(rollup, by)
        if kept is not None and (cut := _cut(kept, counted, by)):
            return [_from_cut(kept, *cut, counted, by)]
        asked = [_rows(actor, months, kept, counted, by, families)]
    if kept is not None and (cut := _cut(kept, rollup, None)):
        return [*asked, _from_cut(kept, *cut, rollup, by)]
    told = _told(rollup, by)
    total = _added(rollup, None, _seen(actor, rollup, months), told, _sold_since(months)).subquery("total")
    return [*asked, _Asked(_named(total, None, told), told)]


def _from_cut(kept: Cuts, cut: Cut, key: str | None, counted: Rolled, by: IncomeBy) -> _Asked:
    """Figures and families by a column of a cut and in total; without one in total only."""
    told = _told(counted, by)
    sql, values = kept.added(_SOURCES[counted], cut, key, _figures_of(counted))
    return _Asked(_named_cut(sql, by if key else None, _figures_of(counted), told), told, values)


@cache
def _named_cut(sql: str, by: IncomeBy | None, figures: tuple[str, ...], told: tuple[str, ...]) -> Direct:
    own = column("own", Date() if by is IncomeBy.MONTH else BigInteger())
    rows = text(sql).columns(own, *(column(name, BigInteger()) for name in (*figures, *_PEOPLE)))
    return Direct.of(_named(rows.subquery("each"), by, told))


def _peopled(counted: Rolled, by: IncomeBy) -> bool:
    """Of costs, and of sales reached but by channel, nobody counts families."""
    return counted in (IncomeMonth, IncomeRollup) or (by is IncomeBy.CHANNEL and counted in (ReachMonth, ReachRollup))


def _rows(
    actor: Actor, months: Months, kept: Cuts | None, counted: Rolled, by: IncomeBy, families: Sequence[int]
) -> _Asked:  # fmt: skip
    """The rows of a rollup itself, where no cut of it says what is asked."""
    told = _told(counted, by)
    if by is IncomeBy.GROUP:
        return _Asked(_by_group(actor, months, counted, told), told)
    sees = kept is not None and (kept.only_firms or not kept.firms)
    if kept is not None and sees and (by is IncomeBy.HOUSEHOLD or kept.villages is not None):
        # Whoever sees no single firms sees a family altogether, and was given none of elsewhere; who sees only firms
        # was given the records.
        values = {"families": list(families), "months": months.each(), "firms": list(kept.firms)}
        return _Asked(_of_families(counted, by, of_firms=kept.only_firms), told, values)
    seen = _seen(actor, counted, months)
    if by is IncomeBy.HOUSEHOLD:
        given = bindparam("families", list(families), ARRAY(BigInteger))
        seen.append(counted.household_id == func.any(text(_GIVEN_RECORDS).bindparams(given)))
    added = _added(counted, by, seen, told, _sold_since(months)).subquery("each")
    return _Asked(_named(added, by, told, key=name_to(actor) if by is IncomeBy.HOUSEHOLD else None), told)


def _sold_since(months: Months) -> ColumnElement[bool]:
    """Of costs that count in the months: whether they are of sales that do, too."""
    return CostRollup.sold >= months.first


#: By what the rows of the families of a village are added: it is not cut further.
_LOOKED_UP = (IncomeBy.FIRM, IncomeBy.PRODUCT, IncomeBy.CHANNEL)
#: Ids of records, of the records of some families, and months, looked up one by one.
_GIVEN = "ARRAY(SELECT unnest(CAST(:families AS bigint[])))"
_GIVEN_RECORDS = (
    "ARRAY(SELECT unnest(CAST(:families AS bigint[])) UNION ALL SELECT household_id FROM household_aliases"
    " WHERE counts_for_id = ANY(CAST(:families AS bigint[])))"
)
_GIVEN_MONTHS = "ARRAY(SELECT unnest(CAST(:months AS date[])))"


@cache
def _of_families(counted: Rolled, by: IncomeBy, *, of_firms: bool) -> Direct:
    """Given families; or given records, of what some firms paid them alone."""
    told = _told(counted, by)
    seen = [
        counted.month == func.any(text(_GIVEN_MONTHS)),
        counted.household_id == func.any(text(_GIVEN if of_firms else _GIVEN_RECORDS)),
        *([counted.firm_id == func.any(text(GIVEN_FIRMS))] if of_firms else []),
    ]
    sold_here = CostRollup.sold == func.any(text(_GIVEN_MONTHS))
    rows = _added(counted, by, seen, told, sold_here).subquery("each")
    return Direct.of(_named(rows, by, told, of_firms=of_firms))


#: The cuts whose rows say how many of their households are assisted: each household is in one row of them.
OF_PLACES = (IncomeBy.TOWNSHIP, IncomeBy.VILLAGE)


def _untold(session: Session, actor: Actor, by: IncomeBy, months: Months, people: _Sums) -> set[str] | None:
    """The places that do not tell how many of their households are assisted, WHOLE among them; None = nothing tells.

    Decided over the reader's whole area, whatever page or place he reads, and beside the year before.
    """
    year = whole_year(months.last.year)
    if not sees_households(actor) or by not in OF_PLACES or replace(months, place=None) != year:
        return None
    if not _closed(session, year):
        return None
    if months.place is not None:  # beside the others of the same size, or of the size of its rows
        by = IncomeBy.VILLAGE if len(months.place) > TOWNSHIP_DIGITS else by
    before = whole_year(year.first.year - 1)
    both = Months(before.first, year.last)
    kept = cuts_of(session, actor, both.first, both.last)
    asked = [before, both] if months.place is None else [before, both, year]
    earlier, either, *rest = _summed(
        session, *(_asked(actor, each, kept.over(each.first, each.last), IncomeMonth, by, ()) for each in asked)
    )
    known, now, in_either = (_people_in(sums) for sums in (earlier, *(rest or [people]), either))
    moved = since(known, now, in_either)
    return untold_places(now, *moved, also=kept_back(untold_places(known), moved[0]))


def _closed(session: Session, months: Months) -> bool:
    """Whether no entry can come to these months any more."""
    return session.scalar(select(ClosedMonth.month).where(ClosedMonth.month >= months.last).limit(1)) is not None


def _people_in(sums: _Sums) -> Counts:
    """Families and the assisted among them, by key."""
    households, assisted = ({key: row[name] for key, row in sums.rows.items()} for name in _PEOPLE)
    return Counts(households, assisted)


def _added(
    counted: Rolled, by: IncomeBy | None, seen: Sequence[ColumnElement[bool]], told: Sequence[str],
    sold_here: ColumnElement[bool],
) -> AnySelect:  # fmt: skip
    """The figures of the rows `seen` of a rollup by `own`, and their families; by None, all in one row.

    Added by record of a family first, and by kind: so only records are joined to where their families live. What of the
    sales of the months is covered (`sold_here`) stands, by month, in the row of the month in which it was sold.
    """
    own_column = [getattr(counted, _OWN[by]).label("own")] if by is not None and by in _OWN else []
    keys = [counted.household_id, *own_column, *([counted.kind] if counted is IncomeRollup else [])]
    reached = func.bool_or(reaches(counted)).label("reached")

    def rows(own: Sequence[ColumnElement[Any]], figures: Sequence[str], *where: ColumnElement[bool]) -> AnySelect:
        nothing: ColumnElement[int] = literal_column("0")
        values = {name: _read(counted, name, sold_here) if name in figures else nothing for name in _READ[counted]}
        sums = (cast(func.sum(value), BigInteger).label(name) for name, value in values.items())
        return select(*own, *sums, reached).where(*seen, *where).group_by(*own)

    if counted is CostRollup and by is IncomeBy.MONTH:
        when_sold = rows([CostRollup.household_id.expression, CostRollup.sold.label("own")], ["own_fen"], sold_here)
        each = union_all(rows(keys, ["covered_fen", "cost_fen"]), when_sold).subquery("each")
    else:
        each = rows(keys, _READ[counted]).subquery("each")
    query = select(*_told_of(counted, each.c, told, each.c.reached)).select_from(each)
    query = query.outerjoin(HouseholdAlias, HouseholdAlias.household_id == each.c.household_id)
    query = query.join(Household, Household.id == func.coalesce(HouseholdAlias.counts_for_id, each.c.household_id))
    if by is None:
        return query
    own = each.c.own if own_column else _lives(by)
    if by is IncomeBy.TOWNSHIP:
        query = query.join(Village, Village.id == Household.village_id)
    return query.add_columns(own.label("own")).group_by(own)


def reaches(counted: Rolled) -> ColumnElement[bool]:
    """Whether a row of a rollup reaches its family, as `Source.counts` says."""
    counts = _SOURCES[counted].counts
    return and_(counted.firm_id > 0, or_(*(getattr(counted, one) != 0 for one in counts))) if counts else true()


def _told_of(
    counted: Rolled, columns: Any, told: Sequence[str], reached: ColumnElement[bool]
) -> list[ColumnElement[Any]]:  # fmt: skip
    """What is told of rows that stand beside their `Household`."""
    families = func.count(Household.id.distinct())
    people = {"households": families.filter(reached), "assisted": families.filter(reached, Household.is_assisted)}
    sums = {name: cast(func.sum(figure), BigInteger) for name, figure in _figures_in(counted, columns).items()}
    return [column.label(name) for name, column in (sums | people).items() if name in told]


def of_families(counted: Rolled, *columns: Any) -> AnySelect:
    """The family of each row of a rollup, and `columns`."""
    family = func.coalesce(HouseholdAlias.counts_for_id, counted.household_id)
    query = select(family.label("family_id"), *columns).select_from(counted)
    return query.outerjoin(HouseholdAlias, HouseholdAlias.household_id == counted.household_id)


def _lives(by: IncomeBy) -> ColumnElement[Any]:
    """The family itself, or the place where it lives."""
    if by is IncomeBy.TOWNSHIP:
        return Village.township_id.expression
    return (Household.id if by is IncomeBy.HOUSEHOLD else Household.village_id).expression


def _named(
    rows: Subquery, by: IncomeBy | None, told: Sequence[str], *, of_firms: bool = False,
    key: ColumnElement[str] | None = None,
) -> AnySelect:  # fmt: skip
    """Rows by `own` as key, name, own and what is told; that of no own stays. Families as `GIVEN_FIRMS` call them, or
    by `key`."""
    columns = [rows.c[name] for name in told]
    if by is None:
        return select(null(), null(), null(), *columns)
    if key is None:
        key = func.to_char(rows.c.own, "YYYY-MM") if by is IncomeBy.MONTH else _KEYS[by]
    query: AnySelect = select(key, _NAMES.get(by, null()), rows.c.own, *columns).select_from(rows)
    match by:
        case IncomeBy.TOWNSHIP:
            query = query.outerjoin(Township, Township.id == rows.c.own)
        case IncomeBy.VILLAGE:
            query = query.outerjoin(Village, Village.id == rows.c.own)
        case IncomeBy.FIRM:
            query = query.outerjoin(Firm, Firm.id == rows.c.own)
        case IncomeBy.PRODUCT:
            query = query.outerjoin(Product, Product.id == rows.c.own)
        case IncomeBy.CHANNEL:
            query = query.outerjoin(Channel, Channel.id == rows.c.own)
        case IncomeBy.HOUSEHOLD:
            query = query.join(Household, Household.id == rows.c.own)
            if of_firms:
                called, code = called_by(literal_column(GIVEN_FIRMS))
                query = query.outerjoin(called, called.c.family_id == Household.id)
                query = query.with_only_columns(code, null(), rows.c.own, *columns)
    return query


def _by_group(actor: Actor, months: Months, counted: Any, told: Sequence[str]) -> AnySelect:
    """By group: a family may be in several, and in one for some of the months only."""
    code, name = HouseholdGroup.code, func.max(HouseholdGroup.name_zh)
    sold_here = in_its_group(CostRollup.sold, months)
    columns = {name: _read(counted, name, sold_here) for name in _READ[counted]} | {
        "kind": IncomeRollup.kind.expression
    }
    query = within(
        select(code, name, code.label("own"), *_told_of(counted, columns, told, reaches(counted))),
        actor,
        counted,
        months,
    )
    found: AnySelect = grouped(query, counted, months).group_by(code)
    return found


def _seen(actor: Actor, counted: Rolled, months: Months) -> list[ColumnElement[bool]]:
    """The rows in the reader's area and months."""
    wanted: list[ColumnElement[bool]] = [counted.month.between(months.first, months.last), of_reader(actor, counted)]
    if months.place is not None:
        wanted.append(counted.household_id.in_(records_in(months.here())))
    return wanted


def _households(
    session: Session, actor: Actor, months: Months, kept: Cuts | None, after: str | None, limit: int
) -> tuple[dict[str, int], str | None]:  # fmt: skip
    """The first `limit` + 1 families after `after` of whom a rollup knows anything: their ids by their codes, in this
    order; and after which code the page before these begins."""
    name = name_to(actor)
    if kept is not None:
        known = kept.families(*(_SOURCES[rollup] for rollup in _ROLLUPS))
        families = known.columns(column("families", BIT(varying=True))).cte("known")
        there = func.get_bit(families.c.families, cast(Household.id, Integer)) == 1
        query = select(name, Household.id).join(families, (Household.id < kept.width) & there)
    else:
        seen = (of_families(rollup).where(*_seen(actor, rollup, months)) for rollup in _ROLLUPS)
        query = select(name, Household.id).where(Household.id.in_(union(*seen)))
    code = name.collate("C")
    if kept is not None and kept.only_firms:
        called, name = called_by(literal(list(kept.firms), ARRAY(BigInteger)))
        code = name.collate("C")
        query = query.outerjoin(called, called.c.family_id == Household.id).with_only_columns(name, Household.id)
    onward, previous = query, None
    if after is not None:
        onward = query.where(code > after)
        passed = query.where(code <= after).order_by(code.desc()).offset(limit).limit(1)
        previous = session.scalar(passed)
    return dict(session.execute(onward.order_by(code).limit(limit + 1)).all()), previous


def _row(
    cash: Counter[str], people: Counter[str], reached: Counter[str], spent: Counter[str], *, assisted: bool
) -> dict[str, Any]:  # fmt: skip
    categories = dict.fromkeys(CATEGORY_NAMES.values(), 0)
    for kind in IncomeKind:
        categories[CATEGORY_NAMES[CATEGORY_OF[kind]]] += cash[f"{kind}_fen"]
    return {
        "cash_fen": sum(categories.values()),
        "cash": {name: cash[f"{kind}_fen"] for kind, name in KIND_NAMES.items()},
        "categories": categories,
        "business": net_business(
            categories[CATEGORY_NAMES[Category.BUSINESS]], cash[f"{IncomeKind.PATRONAGE}_fen"],
            spent["covered_fen"], spent["cost_fen"], spent["covered_fen"] - spent["own_fen"],
        ),
        "weight_g": cash["weight_g"],
        "households": people["households"],
        "assisted_households": people["assisted"] if assisted else None,
        "sales_reached_fen": reached["amount_fen"],
        "sales_reached_g": reached["weight_g"],
    }  # fmt: skip


_NAMES: dict[IncomeBy, ColumnElement[Any]] = {
    IncomeBy.TOWNSHIP: Township.name_zh.expression,
    IncomeBy.VILLAGE: Village.short_zh.expression,
    IncomeBy.FIRM: Firm.name_zh.expression,
    IncomeBy.PRODUCT: Product.name_zh.expression,
}


def _names(
    session: Session, actor: Actor, by: IncomeBy, months: Months, language: str, *counted: _Sums
) -> dict[str, str]:
    """Key and name of every row of the report."""
    if by is IncomeBy.MONTH:
        return {f"{month:%Y-%m}": f"{month:%Y-%m}" for month in months.each()}
    if by is IncomeBy.CHANNEL:
        channels = session.execute(select(Channel.kind, Channel.name_zh, Channel.name_en).order_by(Channel.position))
        return {kind.value: zh if language == "zh" else en for kind, zh, en in channels}
    none = "不分产品、企业" if language == "zh" else "not for one product or firm"
    names = {key: name or none for one in counted for key, name in one.names.items()}
    return names | (_townships(session, actor, months) if by is IncomeBy.TOWNSHIP else {})


def _townships(session: Session, actor: Actor, months: Months) -> dict[str, str]:
    """The townships of the reader's area; the area of urban communities is none, and shows only when it has figures."""
    query = select(Township.code, Township.name_zh).where(Township.kind != TownshipKind.COMMUNITY_AREA)
    if sees_households(actor):
        query = query.where(township_area(actor))
    if months.place is not None:
        query = query.where(Township.code == months.place[:TOWNSHIP_DIGITS])
    return dict(session.execute(query).all())


def latest_year(session: Session) -> int | None:
    """The last year in which anybody received anything; None when nobody ever did."""
    month: date | None = session.scalar(select(func.max(IncomeRollup.month)))
    return month.year if month else None


def whole_year(year: int, place: str | None = None) -> Months:
    """January to December."""
    return Months(date(year, 1, 1), date(year, 12, 1), place)


def span(first: date, last: date, place: str | None = None) -> Months:
    """The months of two days."""
    return Months(month_of(first), month_of(last), place)
