"""Months of a county by one thing more than its townships, each with the set of families that it is about.

A family that received something all year has twelve rows in a rollup and is to be counted once: over a county that is
a look at each row of each family. Here a month has a row for each village, firm, product, channel: its figures, and its
families as a bit string, one bit for the id of each. Figures of months are added, sets are joined by OR, and how many
families a set has is the number of its bits. That costs the same whether a family has one entry or a thousand.

Days are kept in the same way, for reports over parts of months.

A month or day that changed is counted anew once a minute. Until then it is counted when it is read, so that no reader
sees anything but what the rollups say.
"""

from collections.abc import Collection, Container, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from sqlalchemy import BigInteger, Date, TextClause, bindparam, func, literal, select, text, true
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from shop.access.guard import Actor, scope
from shop.access.models import Role
from shop.catalog.models import Firm
from shop.farmers.models import Household, HouseholdAlias
from shop.income.models import COUNTED_ON, IncomeKind
from shop.kit.direct import Direct, Later, Together, prepared
from shop.places.models import Township, Village
from shop.places.queries import TOWNSHIP_DIGITS
from shop.reports.area import sees_all, township_area
from shop.reports.models import Cut, Rollup
from shop.reports.periods import Every, Span, period_of
from shop.reports.spanned import pieces_of

#: Bits of a set that are put together at once: the whole is as long as the highest id, and most of it is zero.
WORD = 512
#: Households that may be registered between the question how many there are and the report that asks it.
SLACK = 1024
#: The rollups of cuts.
ROLLUPS = (Rollup.INCOME_CUTS, Rollup.COST_CUTS, Rollup.REACH_CUTS, Rollup.INCOME_DAYS)
#: A row stands for the whole county, where township_id is 0, or for a township. A village's own row is both.
COUNTY, TOWNSHIP = "0::bigint", "township_id"
#: A row counts whoever paid, where firm_id is 0, or one firm in one township.
ANYBODY, FIRM = "0::bigint", "firm_id"


def name_of(facts: str) -> str:
    """What a table, or a SELECT in brackets with its name, is called."""
    return facts.rpartition(" ")[2]


@dataclass(frozen=True)
class Source:
    """A table of cuts: what it is counted from, its figures as expressions over that, and its cuts.

    `when`: what a row is about and what marks name, a month (by its first day) or a day. `by_firm`: the cuts that are
    kept for each firm too. `counts`: a fact reaches its family when a firm paid it and one of these columns is not
    zero; none = every fact does. Rows of one firm stand where the record lives that it dealt with, all others where the
    family does. `unit`: by what facts are added up before; none = as they are. `others`: whether a row
    names the families of its other facts, too. `split`: what else of the facts a row is about. `told`: how `{rows}` of
    some months from `:first` on are told in a report, where not as they are.
    """

    table: str
    rollup: Rollup
    facts: str
    figures: Mapping[str, str]
    cuts: Mapping[Cut, str]
    when: str = "month"
    by_firm: Collection[Cut] = ()
    counts: Collection[str] = ()
    unit: Collection[str] = ()
    others: bool = False
    split: Collection[str] = ()
    told: str = "{rows}"

    @property
    def sets(self) -> tuple[str, ...]:
        """Its columns that are sets of families."""
        return "families", *(["others"] if self.others else [])

    @property
    def key(self) -> tuple[str, ...]:
        """The key of the table."""
        return self.when, "cut", *(["firm_id"] if self.by_firm else []), "township_id", "own_id", *self.split

    @property
    def name(self) -> str:
        """What the facts are called."""
        return name_of(self.facts)

    def rows(self, cuts: Collection[Cut] = (), area: str = "", payer: str = ANYBODY) -> str:
        """The SELECT of all rows, or those of some cuts, one area and payer, from `{facts}`: whatever is so called.

        Of one cut the facts are read once, and a condition on a township or an own id reaches them.
        """
        sums = ", ".join(f"sum({told})::bigint AS {figure}" for figure, told in self.figures.items())
        firms = self.by_firm if payer == FIRM or not area else ()
        reaches = f"firm_id > 0 AND ({' OR '.join(f'{one} <> 0' for one in self.counts)})" if self.counts else "true"
        whose = {"families": f"({reaches})", "others": f"({reaches}) IS NOT TRUE"}
        bits = ", ".join(f"{_BITS} FILTER (WHERE {whose[one]}) AS {one}" for one in self.sets)
        when = ", ".join((self.when, *self.split))
        firm_rows, whole = payer == FIRM and bool(area), not area and bool(firms)

        def words(one: Cut, own: str) -> str:
            firm = FIRM if one in firms else ANYBODY
            # What a firm dealt with is a record, and stands where that lives.
            own_there = own.replace("village_id", "record_village_id")
            township = "record_township_id" if firm_rows else TOWNSHIP
            keys = {"township_id": township, "own_id": own_there if firm_rows else own, "firm_id": firm}
            if whole:
                keys |= {"record_township_id": "record_township_id", "record_own_id": own_there}
            told = ", ".join(f"{key} AS {name}" for name, key in keys.items())
            return (
                f"SELECT {when}, '{one}' AS cut, {told}, {_WORD_OF} AS word, {sums}, {bits} FROM placed"
                f" GROUP BY {when}, {', '.join(keys.values())}, {_WORD_OF}"
            )

        each = " UNION ALL ".join(words(one, own) for one, own in self.cuts.items() if not cuts or one in cuts)
        added = ", ".join(f"sum({figure})::bigint AS {figure}" for figure in self.figures)
        own, group, having = "own_id", f"own_id, {area}, {payer}", ""
        if not area:
            sets, wanted = [f"(own_id, {TOWNSHIP})", "(own_id)"], f"{TOWNSHIP} > 0 OR cut <> '{Cut.VILLAGE}'"
            area, payer = f"coalesce({TOWNSHIP}, {COUNTY})", ANYBODY
            if firms:
                sets.append(f"({FIRM}, record_own_id, record_township_id)")
                wanted = f"CASE WHEN {FIRM} IS NULL THEN {wanted} ELSE {FIRM} > 0 END"
                own = "coalesce(own_id, record_own_id)"
                area, payer = f"coalesce({TOWNSHIP}, record_township_id, {COUNTY})", f"coalesce({FIRM}, {ANYBODY})"
            group, having = f"GROUPING SETS ({', '.join(sets)})", f"HAVING {wanted}"
        firm = f"{payer} AS firm_id, " if self.by_firm else ""
        sets_of_words = ", ".join(_set(one) for one in self.sets)
        facts = "{facts}"
        if self.unit:
            unit = ", ".join(self.unit)
            facts = f"(SELECT {unit}, {sums} FROM {facts} GROUP BY {unit}) AS {self.name}"
        record, record_place = ("", "") if not self.by_firm else (
            f"""JOIN households AS records ON records.id = {self.name}.household_id
                JOIN villages AS record_villages ON record_villages.id = records.village_id""",
            ", records.village_id AS record_village_id, record_villages.township_id AS record_township_id",
        )  # fmt: skip
        return f"""
            WITH placed AS (
                SELECT {self.name}.*, households.village_id, villages.township_id, households.id AS family_id
                    {record_place}
                FROM {facts}
                LEFT JOIN household_aliases ON household_aliases.household_id = {self.name}.household_id
                JOIN households ON households.id = coalesce(counts_for_id, {self.name}.household_id)
                JOIN villages ON villages.id = households.village_id
                {record}
            )
            SELECT {when}, cut, {firm}{area} AS township_id, {own} AS own_id, {added}, {sets_of_words}
            FROM ({each}) AS words CROSS JOIN {_EMPTY}
            GROUP BY {when}, cut, {group}
            {having}
        """


_WORD_OF = f"(family_id / {WORD})::int"
_BITS = f"bit_or(set_bit(B'0'::bit({WORD}), (family_id % {WORD})::int, 1))"
#: A set of no families, as long as the longest can be.
_EMPTY = f"(SELECT repeat('0', {WORD} * (max(id) / {WORD} + 1)::int)::varbit AS nobody FROM households) AS longest"


def _set(bits: str) -> str:
    """Words as one set: up to its last word, so that a set is the same whoever was registered since."""
    return (
        f"coalesce(substring(bit_or(substring(nobody FROM 1 FOR {WORD} * word) || {bits} || substring(nobody FROM"
        f" {WORD} * (word + 1) + 1)) FROM 1 FOR {WORD} * (max(word) FILTER (WHERE {bits} IS NOT NULL) + 1)), B'')"
        f" AS {bits}"
    )


#: The assisted households as a set.
_ASSISTED = f"""
    SELECT {_set("families")}
    FROM (SELECT {_WORD_OF} AS word, {_BITS} AS families FROM (SELECT id AS family_id FROM households WHERE is_assisted)
          AS assisted GROUP BY {_WORD_OF}) AS words CROSS JOIN {_EMPTY}
"""

_PLACES = {Cut.PAYER: "(firm_id > 0)::int::bigint", Cut.VILLAGE: "village_id", Cut.FIRM: "firm_id"}
_KINDS = [f"{kind}_fen" for kind in IncomeKind]

INCOME = Source(
    "income_cuts", Rollup.INCOME_CUTS, "income_months",
    {name: name for name in ("amount_fen", "weight_g", *_KINDS)}, _PLACES, by_firm={Cut.VILLAGE},
    counts=("weight_g", *_KINDS), others=True,
)  # fmt: skip
INCOME_PRODUCTS = Source(
    "income_product_cuts", Rollup.INCOME_CUTS, "income_rollup",
    {"amount_fen": "amount_fen", "weight_g": "weight_g"}
    | {f"{kind}_fen": f"CASE kind WHEN '{kind}' THEN amount_fen END" for kind in IncomeKind},
    {Cut.PRODUCT: "product_id"}, by_firm={Cut.PRODUCT}, counts=("amount_fen", "weight_g"),
)  # fmt: skip
COSTS = Source(
    "cost_cuts", Rollup.COST_CUTS, "cost_rollup",
    {"covered_fen": "covered_fen", "cost_fen": "cost_fen"}, {**_PLACES, Cut.PRODUCT: "product_id"},
    by_firm={Cut.VILLAGE, Cut.PRODUCT}, split=("sold",),
    # `own_fen`: of the sales of these months what is covered, in the row of the month in which they were sold.
    told="SELECT each.month, township_id, own_id, each.covered_fen, each.cost_fen, own_fen, families"
    " FROM ({rows}) AS rows CROSS JOIN LATERAL (VALUES (month, covered_fen, cost_fen, 0), (sold, 0, 0, covered_fen))"
    " AS each (month, covered_fen, cost_fen, own_fen) WHERE each.month >= :first",
)  # fmt: skip
REACH = Source(
    "reach_cuts", Rollup.REACH_CUTS, "reach_rollup",
    {"amount_fen": "amount_fen", "weight_g": "weight_g"},
    {**_PLACES, Cut.PRODUCT: "product_id", Cut.CHANNEL: "channel_id"},
    by_firm={Cut.VILLAGE, Cut.PRODUCT, Cut.CHANNEL},
)  # fmt: skip
INCOME_DAYS = Source(
    "income_days", Rollup.INCOME_DAYS,
    f"(SELECT {COUNTED_ON} AS day, household_id, firm_id, amount_fen FROM income_entries) AS paid_on",
    {"amount_fen": "amount_fen"},
    {Cut.PAYER: "(firm_id IS NOT NULL)::int::bigint", Cut.FIRM: "coalesce(firm_id, 0)"}, "day",
    counts=("amount_fen",), unit=("day", "household_id", "firm_id"),
)  # fmt: skip


#: What a statement over cuts binds; all else it binds are days.
_TYPES: dict[str, Any] = {"first": Date, "ends": Date} | dict.fromkeys(
    ("townships", "firms", "of_firms_in", "villages"), ARRAY(BigInteger)
)


@dataclass(frozen=True)
class Cuts:
    """The cuts of some months and of a reader's area, as they are now.

    `townships`: ids, None = all; `firms`: ids of those of which he sees what they paid elsewhere, too. `width`: bits of
    a set. `changed`: by rollup the months or days that are counted when they are read. `of_firms_in`: the townships in
    which he looks at what his firms paid, `villages`: those at which he looks, None = at all of his area.
    """

    first: date
    last: date
    townships: Sequence[int] | None
    firms: Sequence[int]
    width: int
    changed: Mapping[str, Sequence[date]]
    of_firms_in: Sequence[int] | None = None
    villages: Sequence[int] | None = None

    @property
    def only_firms(self) -> bool:
        """Whether nothing is seen but what `firms` paid."""
        return self.townships is not None and not self.townships

    def over(self, first: date, last: date) -> "Cuts":
        """The same of fewer months."""
        return replace(self._of(Span(first, _ends(last))), first=first, last=last)

    def _of(self, needed: Container[date]) -> "Cuts":
        """The same, counting nothing when it is read but what is needed."""
        changed = {rollup: [one for one in known if one in needed] for rollup, known in self.changed.items()}
        return replace(self, changed=changed)

    def knows(self, source: Source, cut: Cut) -> bool:
        """Whether the cut is kept for this area: a village is not cut further, nor a firm beside a township."""
        if self.villages is not None:
            return cut in (Cut.PAYER, Cut.VILLAGE)
        return not self.firms or cut in (Cut.PAYER, Cut.FIRM) or self._of_firms(source, cut)

    def rows(self, source: Source, cut: Cut, by: str | None = None, *, known: bool = False) -> str:
        """The rows of a cut, to be added by the column `by`: kept ones, and those of the months that changed since.

        Who paid (`own_id`) is a firm's id where only firms of the reader are seen. Families are those reached, or
        (`known`) all of whom the rows know anything.
        """
        cut, own = self._kept_as(source, cut)
        whole = self.townships is None and by != "township_id" and cut is not Cut.VILLAGE
        columns, here = self._columns(source, own, known=known), self._here(source, cut, whole=whole)
        kept = f"SELECT {columns} FROM {source.table} WHERE {source.when} BETWEEN :first AND :ends AND {here}"
        if not self.changed.get(source.rollup):
            return kept
        among = f"{source.when} = ANY(:changed_{source.rollup})"
        counted = source.rows(
            self._needed(source, cut),
            COUNTY if whole else TOWNSHIP, FIRM if self._of_firms(source, cut) else ANYBODY,
        ).format(facts=f"(SELECT * FROM {source.facts} WHERE {among}) AS {source.name}")  # fmt: skip
        return f"{kept} AND NOT {among} UNION ALL SELECT {columns} FROM ({counted}) AS counted WHERE {here}"

    def _needed(self, source: Source, cut: Cut) -> set[Cut]:
        """The cuts of which `_here` reads rows."""
        if not self.firms or self._of_firms(source, cut):
            return {cut}
        return {Cut.FIRM} if self.only_firms else {cut, Cut.FIRM}

    def _of_firms(self, source: Source, cut: Cut) -> bool:
        """Whether rows of single firms are read."""
        return self.only_firms and cut in source.by_firm

    def _kept_as(self, source: Source, cut: Cut) -> tuple[Cut, str]:
        """The cut that is read for another one, and its own id: of a village, and of a place to who sees only firms.

        What his firms paid there is known by its villages: where the records live that they dealt with.
        """
        if self.villages is not None:
            return Cut.VILLAGE, "own_id"
        if self.only_firms and self.of_firms_in is not None and cut in (Cut.PAYER, Cut.FIRM):
            return Cut.VILLAGE, "firm_id AS own_id"
        return cut, "own_id"

    def _columns(self, source: Source, own: str, *, known: bool) -> str:
        figures = ", ".join(source.figures)
        families = " | ".join(f"{one}::bit({self.width})" for one in (source.sets if known else source.sets[:1]))
        keys = ", ".join((source.when, "township_id", own, *source.split))
        return f"{keys}, {figures}, {families} AS families"

    def _here(self, source: Source, cut: Cut, *, whole: bool) -> str:
        """The rows of a cut in this area; `whole`: the one row of the county."""
        anybody = " AND firm_id = 0" if source.by_firm else ""
        if self._of_firms(source, cut):
            here = f"cut = '{cut}' AND firm_id = ANY(:firms) AND township_id > 0"
        elif self.only_firms:
            here = f"cut = '{Cut.FIRM}'{anybody} AND own_id = ANY(:firms) AND township_id > 0"
        else:
            here = f"cut = '{cut}' AND township_id {'=' if whole else '>'} 0"
            if self.townships is not None:
                here += " AND township_id = ANY(:townships)"
            if self.firms:
                elsewhere = "township_id > 0 AND NOT township_id = ANY(:townships)"
                here = f"({here} OR cut = '{Cut.FIRM}' AND own_id = ANY(:firms) AND {elsewhere})"
            here += anybody
        if self.of_firms_in is not None:
            here += " AND township_id = ANY(:of_firms_in)"
        return here if self.villages is None else here + " AND own_id = ANY(:villages)"

    def _people(self) -> str:
        """Households and the assisted among them, of a set and one that is called `assisted`."""
        return (
            "coalesce(bit_count(families), 0) AS households,"
            f" coalesce(bit_count(families & (SELECT families::bit({self.width}) FROM assisted)), 0) AS assisted"
        )

    def paid(self, asked: Together, spans: Mapping[str, Span]) -> Later:
        """What was paid in each span: its name, township_id, amount_fen, households reached.

        Whole months and the days that are left are each a row of a cut.
        """
        counts: dict[Every, list[tuple[str, date]]] = {Every.MONTH: [], Every.DAY: []}
        for name, span in spans.items():
            for every, piece in pieces_of(span, tuple(counts)):
                counts[every].append((name, piece.first))
        needed = self._of({first for each in counts.values() for _, first in each})
        rows = " UNION ALL ".join(
            f"SELECT span, township_id, amount_fen, families FROM ({needed.rows(source, Cut.PAYER, 'township_id')})"
            f" AS rows JOIN unnest(CAST(:{every}_spans AS text[]), CAST(:{every}_firsts AS date[]))"
            f" AS counts (span, counted) ON counted = {source.when}"
            for every, source in ((Every.MONTH, INCOME), (Every.DAY, INCOME_DAYS))
        )
        values = needed._values()
        for every, each in counts.items():
            values |= {f"{every}_spans": [name for name, _ in each], f"{every}_firsts": [day for _, day in each]}
        return asked.ask(
            prepared(
                "SELECT span, township_id, amount_fen, coalesce(bit_count(families), 0) AS households"
                " FROM (SELECT span, township_id,"
                f" sum(amount_fen)::bigint AS amount_fen, bit_or(families) AS families FROM ({rows}) AS rows"
                " GROUP BY span, township_id) AS found"
            ),
            values,
        )

    def added(self, source: Source, cut: Cut, by: str | None, figures: Sequence[str]) -> tuple[str, dict[str, Any]]:
        """Own, `figures`, households and the assisted among them, by the column `by` of the rows; own NULL is all.

        A statement, and the values that it asks for.
        """
        groups = f" GROUP BY GROUPING SETS ({by}, ())" if by else ""
        sums = ", ".join(f"sum({figure})::bigint AS {figure}" for figure in figures)
        rows = source.told.format(rows=self.rows(source, cut, by))
        sql = (
            f"WITH assisted AS MATERIALIZED ({_ASSISTED}) SELECT own, {', '.join(figures)}, {self._people()}"
            f" FROM (SELECT {by or 'NULL::bigint'} AS own, {sums}, bit_or(families) AS families"
            f" FROM ({rows}) AS rows{groups}) AS found"
        )
        return sql, self._values()

    def altogether(self, source: Source, *, own: bool = False) -> TextClause:
        """The figures of all, the sets of families reached and of others behind them; NULL if there are none.

        `own`: of costs only what is of sales of these months.
        """
        sums = ", ".join(f"sum({figure})::bigint AS {figure}" for figure in source.figures)
        rows, reached = (self.rows(source, Cut.PAYER, known=known) for known in (True, False))
        where = " WHERE sold >= :first" if own else ""
        return self.bound(
            f"SELECT {', '.join(source.figures)}, reached::text, (families # reached)::text AS others"
            f" FROM (SELECT {sums}, bit_or(families) AS families,"
            f" (SELECT bit_or(families) FROM ({reached}) AS rows{where}) AS reached"
            f" FROM ({rows}) AS rows{where}) AS found"
        )

    def families(self, *sources: Source) -> TextClause:
        """The set of all families of whom one of the sources knows anything; NULL if of none."""
        rows = " UNION ALL ".join(
            f"SELECT families FROM ({self.rows(one, Cut.PAYER, known=True)}) AS rows" for one in sources
        )
        return self.bound(f"SELECT bit_or(families) AS families FROM ({rows}) AS known")

    def in_two(self, source: Source, earlier: Collection[date], later: Collection[date], told: str) -> TextClause:
        """`told` of the sets `earlier` and `later`: the families of a source in some months; NULL of none."""
        needed = self._of({*earlier, *later})
        sets = ", ".join(
            f"bit_or(families) FILTER (WHERE {source.when} = ANY(:{name}_months)) AS {name}"
            for name in ("earlier", "later")
        )
        sql = f"SELECT {told} FROM (SELECT {sets} FROM ({needed.rows(source, Cut.PAYER, known=True)}) AS rows) AS sets"
        months = {"earlier_months": list(earlier), "later_months": list(later)}
        return needed.bound(sql).bindparams(*(bindparam(name, each, ARRAY(Date)) for name, each in months.items()))

    def bound(self, sql: str) -> TextClause:
        """A statement over `rows`, with what it binds of them."""
        values = {name: value for name, value in self._values().items() if f":{name}" in sql}
        return text(sql).bindparams(
            *(bindparam(name, value, _TYPES.get(name, ARRAY(Date))) for name, value in values.items())
        )

    def _values(self) -> dict[str, Any]:
        """What `rows` bind."""
        changed = {f"changed_{rollup}": list(known) for rollup, known in self.changed.items()}
        areas = {
            name: list(getattr(self, name) or ()) for name in ("townships", "firms", "of_firms_in", "villages")
        }  # fmt: skip
        return {"first": self.first, "ends": _ends(self.last), **areas, **changed}


def _ends(last: date) -> date:
    """The last day of a month."""
    return period_of(Every.MONTH, last).last


_HIGHEST = Direct("SELECT coalesce(max(id), 0) FROM households")
_CHANGED = Direct(
    "SELECT DISTINCT rollup, on_day FROM dirty_keys WHERE rollup = ANY(CAST(:rollups AS varchar[]))"
    " AND on_day BETWEEN :first AND :last ORDER BY rollup, on_day"
)


def county_cuts(session: Session, first: date, last: date) -> Cuts:
    """The cuts of the months from `first` to `last`, both included, of the whole county."""
    ((highest,),) = _HIGHEST.run(session, {})
    changed: dict[str, list[date]] = {}
    for rollup, day in _CHANGED.run(session, {"rollups": list(ROLLUPS), "first": first, "last": _ends(last)}):
        changed.setdefault(rollup, []).append(day)
    return Cuts(first, last, None, [], (highest // SLACK + 2) * SLACK, changed)


def cuts_of(session: Session, actor: Actor, first: date, last: date) -> Cuts:
    """The same, in the reader's area."""
    found = county_cuts(session, first, last)
    if sees_all(actor):
        return found
    firms = list(session.scalars(select(Firm.id).where(scope(actor, {Role.FIRM_STAFF: Firm.party_id}))))
    townships = list(session.scalars(select(Township.id).where(township_area(actor))))
    return replace(found, townships=townships, firms=firms)


def cuts_in(session: Session, actor: Actor, first: date, last: date, place: str | None) -> Cuts | None:
    """The same, in one township or village of it. None where cuts are no help: in a place to who sees single firms."""
    found = cuts_of(session, actor, first, last)
    if place is None:
        return found
    if found.firms and not found.only_firms:
        return None
    seen = true() if found.only_firms else township_area(actor)
    if len(place) != TOWNSHIP_DIGITS:
        here = select(Village.id).join(Township, Township.id == Village.township_id).where(Village.code == place, seen)
        return replace(found, villages=list(session.scalars(here)))
    here = select(Township.id).where(Township.code == place, seen)
    ids = list(session.scalars(here))
    return replace(found, of_firms_in=ids) if found.only_firms else replace(found, townships=ids)


def families_in(session: Session, villages: Sequence[int]) -> list[int]:
    """Ids of the families who live in some villages."""
    merged = select(HouseholdAlias.household_id)
    here = select(Household.id).where(Household.village_id.in_(villages), Household.id.not_in(merged))
    return list(session.scalars(here))


def records_here(session: Session, kept: Cuts, families: Sequence[int] | None) -> list[int]:
    """Ids of the records that live where who sees only firms looks, of some families or (None) of all."""
    family = func.coalesce(HouseholdAlias.counts_for_id, Household.id)
    query = select(Household.id).outerjoin(HouseholdAlias, HouseholdAlias.household_id == Household.id)
    if families is not None:
        query = query.where(family == func.any(literal(list(families), ARRAY(BigInteger))))
    if kept.villages is not None:
        query = query.where(Household.village_id.in_(kept.villages))
    if kept.of_firms_in is not None:
        there = select(Village.id).where(Village.township_id.in_(kept.of_firms_in))
        query = query.where(Household.village_id.in_(there))
    return list(session.scalars(query))
