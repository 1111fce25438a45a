"""Several spans of days in one look: whole months and dekads from rollups of these, the days that are left by day."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, TypeAlias

from sqlalchemy.orm import Session

from shop.kit.direct import Direct, Row, Together
from shop.reports.area import GIVEN_FIRMS, OfFirms
from shop.reports.models import (
    PartnerDay,
    PartnerDekad,
    PartnerMonth,
    PartnerSalesDekad,
    PartnerSalesMonth,
    PartnerSalesRollup,
    ProductSalesDekad,
    ProductSalesMonth,
    ProductSalesRollup,
    SalesDekad,
    SalesMonth,
    SalesRollup,
)
from shop.reports.periods import Every, Span, period_of

#: The days that a row of each of these tables stands for, named by the first of them.
Tables: TypeAlias = Mapping[Every, Any]
#: What a span is read by, the longest first.
WHOLE = (Every.MONTH, Every.TEN_DAYS, Every.DAY)
SALES: Tables = dict(zip(WHOLE, (SalesMonth, SalesDekad, SalesRollup), strict=True))
PRODUCTS: Tables = dict(zip(WHOLE, (ProductSalesMonth, ProductSalesDekad, ProductSalesRollup), strict=True))
PARTNERS: Tables = dict(zip(WHOLE, (PartnerSalesMonth, PartnerSalesDekad, PartnerSalesRollup), strict=True))
PARTNERS_OF_ALL_FIRMS: Tables = dict(zip(WHOLE, (PartnerMonth, PartnerDekad, PartnerDay), strict=True))
#: The column that names them.
_NAMED = {Every.MONTH: "month", Every.TEN_DAYS: "dekad", Every.DAY: "day"}
_NEXT = timedelta(days=1)


def pieces_of(span: Span, whole: Sequence[Every] = WHOLE) -> Iterator[tuple[Every, Span]]:
    """A span as months, dekads and days: the longest that lie in it altogether. `whole`: which of these, days last."""
    first = span.first
    while first <= span.last:
        every, piece = next(
            (every, piece)
            for every in whole
            if (piece := period_of(every, first)).first == first and piece.last <= span.last
        )
        yield every, piece
        first = piece.last + _NEXT


@dataclass(frozen=True)
class Look:
    """Days that are read once, and in which spans they count: bit n stands for the span of place n."""

    days: Span
    counts: int


def looks_at(spans: Iterable[Span]) -> dict[Every, list[Look]]:
    """What to read of each table, so that no row of it is read twice and no day counts twice in a span."""
    counts: Counter[tuple[Every, Span]] = Counter()
    for place, span in enumerate(spans):
        counts.update(dict.fromkeys(pieces_of(span), 1 << place))
    looks: dict[Every, list[Look]] = {every: [] for every in WHOLE}
    for (every, days), counted in sorted(counts.items(), key=lambda one: one[0][1].first):
        known = looks[every]
        if known and known[-1].counts == counted and known[-1].days.last + _NEXT == days.first:
            known[-1] = replace(known[-1], days=Span(known[-1].days.first, days.last))
        else:
            known.append(Look(days, counted))
    return looks


class Sums:
    """Sums of the figures of a rollup over some spans, by its keys or by several sets of them.

    `told`: what of the joined tables stands before the figures. `of_all_firms`: where they are read for whoever sees
    all firms. Prepared once on each connection, and read look by look, whatever the planner thinks of a span.
    """

    def __init__(
        self, tables: Tables, keys: Sequence[str], figures: Sequence[str], spans: Sequence[str], *,
        told: Sequence[str], joins: str = "", by: Sequence[str] | None = None,
        of_all_firms: Tables | None = None,
    ) -> None:  # fmt: skip
        self._spans, self._told = spans, len(told)
        self._names = [f"{span}_{figure}" for figure in figures for span in spans]
        key = ", ".join(keys)
        sums = ", ".join(f"sum({figure})::bigint AS {figure}" for figure in figures)
        each = ", ".join(
            f"coalesce(sum({figure}) FILTER (WHERE (counts & {1 << place}) > 0), 0)::bigint AS {span}_{figure}"
            for figure in figures
            for place, span in enumerate(spans)
        )

        def look(every: Every, table: Any, own: str) -> str:
            # SELECT: looked up as it runs, so that it is planned alike however many looks there are.
            given = ", ".join(
                f"(SELECT CAST(:{every}_{name} AS {kind}[]))"
                for name, kind in (("firsts", "date"), ("lasts", "date"), ("counts", "integer"))
            )
            when = _NAMED[every]
            return (
                f"SELECT counts, found.* FROM unnest({given}) AS looks (first, last, counts) CROSS JOIN LATERAL"
                f" (SELECT {key}, {sums} FROM {table.__tablename__} WHERE {own}{when} BETWEEN first AND last"
                f" GROUP BY {key}) AS found"
            )

        def sql(tables: Tables, own: str) -> str:
            groups = f"GROUPING SETS ({', '.join(f'({one})' for one in by)})" if by else key
            looked = " UNION ALL ".join(look(every, table, own) for every, table in tables.items())
            return (
                f"SELECT {', '.join((*told, *self._names))} FROM (SELECT {key}, {each} FROM ({looked}) AS looked"
                f" GROUP BY {groups}) AS added {joins}"
            )

        self._rows = OfFirms(
            Direct(sql(of_all_firms or tables, "")), Direct(sql(tables, f"firm_id = ANY({GIVEN_FIRMS}) AND "))
        )

    def read(
        self, session: Session, spans: Mapping[str, Span], firms: Sequence[int] | None
    ) -> Iterator[tuple[Row, dict[str, int]]]:
        """What is told of each row, and its figures as `span_figure`; of `firms`, None = of all."""
        return self._read(self._rows.run(session, self._values(spans), firms))

    def ask(
        self, asked: Together, spans: Mapping[str, Span], firms: Sequence[int] | None
    ) -> Callable[[], Iterator[tuple[Row, dict[str, int]]]]:
        """The same, together with others."""
        rows = self._rows.ask(asked, self._values(spans), firms)
        return lambda: self._read(rows())

    def _values(self, spans: Mapping[str, Span]) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for every, looks in looks_at(spans[name] for name in self._spans).items():
            values |= {
                f"{every}_firsts": [look.days.first for look in looks],
                f"{every}_lasts": [look.days.last for look in looks],
                f"{every}_counts": [look.counts for look in looks],
            }
        return values

    def _read(self, rows: Iterable[Row]) -> Iterator[tuple[Row, dict[str, int]]]:
        for row in rows:
            yield row[: self._told], dict(zip(self._names, row[self._told :], strict=True))
