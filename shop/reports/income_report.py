"""Household income over places, firms, products, months; sales reached beside it, never added to it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, Date, Select, cast, func, literal, select, text, true, union
from sqlalchemy.orm import Session, aliased

from shop.access.guard import Actor
from shop.catalog.models import Firm, Product
from shop.channels.models import Channel
from shop.farmers.models import Household, HouseholdAlias, HouseholdGroup, HouseholdTie
from shop.income.costs import net_business
from shop.income.models import CATEGORY_OF, Category, CostLine, IncomeEntry, IncomeKind, SalesReach
from shop.kit.clock import month_of
from shop.kit.errors import ForbiddenError
from shop.places.models import Township, TownshipKind, Village
from shop.reports.area import area, as_of, sees_households, township_area
from shop.reports.jobs import REFRESH_COSTS, REFRESH_INCOME, REFRESH_REACH
from shop.reports.models import CostRollup, IncomeRollup, ReachRollup
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


#: Fewer households than this are counted without saying how many of them are assisted.
FEW = 3
#: Digits of a township's code; a village's has three more.
TOWNSHIP_DIGITS = 9
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

    At most `limit` rows with a key above `after`; the total is always of all. All nine townships, all five channels and
    all months are kept, at zero if need be. Groups are shown to who sees households: raises ForbiddenError to a firm.
    """
    only_managers(by, actor)
    names = _names(session, actor, by, months, language)
    # The five channels come in their own order; they always fit.
    keys = list(names) if by is IncomeBy.CHANNEL else sorted(key for key in names if after is None or key > after)
    shown = keys[:limit]
    cash = {} if by is IncomeBy.CHANNEL else _cash(session, actor, months, key_of(by, IncomeRollup), shown)
    spent = {} if by is IncomeBy.CHANNEL else _spent(session, actor, months, key_of(by, CostRollup), shown)
    reached = _reached(session, actor, months, key_of(by, ReachRollup), shown)
    households = (
        _people(session, actor, months, ReachRollup, key_of(by, ReachRollup), shown)
        if by is IncomeBy.CHANNEL
        else _people(session, actor, months, IncomeRollup, key_of(by, IncomeRollup), shown)
    )
    whole = literal("").label("key")
    total = _row(
        _cash(session, actor, months, whole, None).get("", {}),
        _people(session, actor, months, IncomeRollup, whole, None).get("", (0, 0)),
        _reached(session, actor, months, whole, None).get("", (0, 0)),
        _spent(session, actor, months, whole, None).get("", (0, 0)),
        assisted=sees_households(actor),
    )
    if by is IncomeBy.CHANNEL:
        total |= _NO_CASH
    items = []
    for key in shown:
        people = households.get(key, (0, 0))
        # A row of very few households would tell which of them is an assisted one.
        assisted = sees_households(actor) and (people[0] >= FEW or not people[0])
        row = _row(cash.get(key, {}), people, reached.get(key, (0, 0)), spent.get(key, (0, 0)), assisted=assisted)
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
        "total": total,
    }


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


def within(query: AnySelect, actor: Actor, counted: Counted, months: Months) -> Any:
    """Join a rollup or its facts to household, place, firm, product, channel; keep the reader's area and months."""
    query = (
        query.select_from(counted)
        .outerjoin(HouseholdAlias, HouseholdAlias.household_id == counted.household_id)
        .join(Household, Household.id == func.coalesce(HouseholdAlias.counts_for_id, counted.household_id))
        .join(Village, Village.id == Household.village_id)
        .join(Township, Township.id == Village.township_id)
        .outerjoin(Firm, Firm.id == counted.firm_id)
        .outerjoin(Product, Product.id == counted.product_id)
        .where(counted.month.between(months.first, months.last), area(actor), months.here())
    )
    return query.join(Channel, Channel.id == counted.channel_id) if counted in (ReachRollup, SalesReach) else query


def grouped(query: Any, counted: Counted, months: Months) -> Any:
    """Join the groups in which a family was on any day of a month; under two records of it, once."""
    theirs = aliased(HouseholdAlias)
    days = func.generate_series(months.first, months.last, text("interval '1 month'"))
    each = select(cast(days, Date).label("month")).subquery("each")
    ties = (
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
        .where(HouseholdTie.group_id.is_not(None))
        .distinct()
        .subquery("in_groups")
    )  # fmt: skip
    return query.join(ties, (ties.c.family_id == Household.id) & (ties.c.month == counted.month)).join(
        HouseholdGroup, HouseholdGroup.id == ties.c.group_id
    )


def records_of(codes: Sequence[str]) -> Any:
    """Ids of the households of these codes and of the records that count for them."""
    own = select(Household.id).where(Household.code.in_(codes))
    return union(own, select(HouseholdAlias.household_id).where(HouseholdAlias.counts_for_id.in_(own)))


def _only(query: Any, key: ColumnElement[str], shown: Sequence[str] | None, counted: Counted, months: Months) -> Any:
    """Group by `key`, for the rows that are shown; `shown` None = one row of everything."""
    if key is _KEYS[IncomeBy.GROUP]:
        query = grouped(query, counted, months)
    if shown is not None:
        query = query.where(key.in_(shown))
        if key is _KEYS[IncomeBy.HOUSEHOLD]:
            query = query.where(counted.household_id.in_(records_of(shown)))
    return query.group_by(key)


def _cash(
    session: Session, actor: Actor, months: Months, key: ColumnElement[str], shown: Sequence[str] | None
) -> dict[str, dict[IncomeKind, tuple[int, int]]]:
    """(fen, grams) by key and kind."""
    query = select(key, IncomeRollup.kind, func.sum(IncomeRollup.amount_fen), func.sum(IncomeRollup.weight_g))
    query = _only(within(query, actor, IncomeRollup, months), key, shown, IncomeRollup, months).group_by(
        IncomeRollup.kind
    )
    found: dict[str, dict[IncomeKind, tuple[int, int]]] = {}
    for name, kind, fen, grams in session.execute(query):
        found.setdefault(str(name), {})[kind] = (int(fen), int(grams))
    return found


def _people(
    session: Session, actor: Actor, months: Months, rollup: type[IncomeRollup] | type[ReachRollup],
    key: ColumnElement[str], shown: Sequence[str] | None,
) -> dict[str, tuple[int, int]]:  # fmt: skip
    """(distinct households, assisted among them) by key."""
    distinct = func.count(Household.id.distinct())
    query = select(key, distinct, distinct.filter(Household.is_assisted))
    rows = session.execute(_only(within(query, actor, rollup, months), key, shown, rollup, months))
    return {str(name): (int(all_), int(assisted)) for name, all_, assisted in rows}


def _reached(
    session: Session, actor: Actor, months: Months, key: ColumnElement[str], shown: Sequence[str] | None
) -> dict[str, tuple[int, int]]:
    """(fen, grams) of sales that reached households, by key."""
    query = select(key, func.sum(ReachRollup.amount_fen), func.sum(ReachRollup.weight_g))
    rows = session.execute(_only(within(query, actor, ReachRollup, months), key, shown, ReachRollup, months))
    return {str(name): (int(fen), int(grams)) for name, fen, grams in rows}


def _spent(
    session: Session, actor: Actor, months: Months, key: ColumnElement[str], shown: Sequence[str] | None
) -> dict[str, tuple[int, int]]:
    """(sales whose costs are known, costs) in fen, by key."""
    query = select(key, func.sum(CostRollup.covered_fen), func.sum(CostRollup.cost_fen))
    rows = session.execute(_only(within(query, actor, CostRollup, months), key, shown, CostRollup, months))
    return {str(name): (int(covered), int(cost)) for name, covered, cost in rows}


def _row(
    cash: dict[IncomeKind, tuple[int, int]], people: tuple[int, int], reached: tuple[int, int],
    spent: tuple[int, int], *, assisted: bool,
) -> dict[str, Any]:  # fmt: skip
    categories = dict.fromkeys(CATEGORY_NAMES.values(), 0)
    for kind, (fen, _) in cash.items():
        categories[CATEGORY_NAMES[CATEGORY_OF[kind]]] += fen
    return {
        "cash_fen": sum(fen for fen, _ in cash.values()),
        "cash": {name: cash.get(kind, (0, 0))[0] for kind, name in KIND_NAMES.items()},
        "categories": categories,
        "business": net_business(
            categories[CATEGORY_NAMES[Category.BUSINESS]], cash.get(IncomeKind.PATRONAGE, (0, 0))[0], *spent
        ),
        "weight_g": sum(grams for _, grams in cash.values()),
        "households": people[0],
        "assisted_households": people[1] if assisted else None,
        "sales_reached_fen": reached[0],
        "sales_reached_g": reached[1],
    }


def _names(session: Session, actor: Actor, by: IncomeBy, months: Months, language: str) -> dict[str, str]:
    """Key and name of every row of the report."""
    if by is IncomeBy.MONTH:
        return {f"{month:%Y-%m}": f"{month:%Y-%m}" for month in months.each()}
    if by is IncomeBy.CHANNEL:
        channels = session.execute(select(Channel.kind, Channel.name_zh, Channel.name_en).order_by(Channel.position))
        return {kind.value: zh if language == "zh" else en for kind, zh, en in channels}
    name = {
        IncomeBy.TOWNSHIP: Township.name_zh,
        IncomeBy.VILLAGE: Village.short_zh,
        IncomeBy.FIRM: Firm.name_zh,
        IncomeBy.PRODUCT: Product.name_zh,
        IncomeBy.HOUSEHOLD: Household.code,
        IncomeBy.GROUP: HouseholdGroup.name_zh,
    }[by]

    def named(rollup: type[IncomeRollup] | type[ReachRollup] | type[CostRollup]) -> Any:
        query = within(select(key_of(by, rollup), name), actor, rollup, months)
        return grouped(query, rollup, months) if by is IncomeBy.GROUP else query

    found = session.execute(union(named(IncomeRollup), named(ReachRollup), named(CostRollup)))
    none = "不分产品、企业" if language == "zh" else "not for one product or firm"
    names = {str(key): str(name or none) for key, name in found}
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
