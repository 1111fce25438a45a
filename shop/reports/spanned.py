"""Several spans of days in one look: whole months from a rollup by month, the days that are left from one by day."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import Any

from sqlalchemy.orm import Session

from shop.kit.clock import month_of
from shop.kit.direct import Direct
from shop.reports.area import GIVEN_FIRMS, OfFirms
from shop.reports.models import (
    PartnerDay,
    PartnerMonth,
    PartnerSalesMonth,
    PartnerSalesRollup,
    ProductSalesMonth,
    ProductSalesRollup,
    SalesMonth,
    SalesRollup,
)
from shop.reports.periods import Every, Span, period_of

#: Rollups by day with the months of each.
SALES = (SalesRollup, SalesMonth)
PRODUCTS = (ProductSalesRollup, ProductSalesMonth)
PARTNERS = (PartnerSalesRollup, PartnerSalesMonth)
PARTNERS_OF_ALL_FIRMS = (PartnerDay, PartnerMonth)


@dataclass(frozen=True)
class Pieces:
    """A span as its whole months and the days before and after them."""

    months: tuple[date, ...]
    days: tuple[Span, ...]


def pieces_of(span: Span) -> Pieces:
    """Cut a span at its months."""
    months: list[date] = []
    days: list[Span] = []
    first = span.first
    while first <= span.last:
        month = period_of(Every.MONTH, first)
        last = min(month.last, span.last)
        if (first, last) == (month.first, month.last):
            months.append(month_of(first))
        else:
            days.append(Span(first, last))
        first = date.fromordinal(month.last.toordinal() + 1)
    return Pieces(tuple(months), tuple(days))


@dataclass(frozen=True)
class Look:
    """Days that are read once, and in which spans they count: bit n stands for the span of place n."""

    days: Span
    counts: int


def looks_at(spans: Iterable[Span]) -> tuple[list[Look], list[Look]]:
    """What to read by month and what by day, so that nothing is read twice."""
    pieces = [pieces_of(span) for span in spans]
    whole = [[Span(one.months[0], period_of(Every.MONTH, one.months[-1]).last)] if one.months else [] for one in pieces]
    return _cut(whole), _cut([one.days for one in pieces])


def _cut(spans: Sequence[Sequence[Span]]) -> list[Look]:
    """Days cut at the ends of each other, where any of them counts."""
    each = [day for parts in spans for part in parts for day in (part.first.toordinal(), part.last.toordinal() + 1)]
    looks = []
    for first, after in pairwise(sorted(set(each))):
        days = Span(date.fromordinal(first), date.fromordinal(after - 1))
        counts = sum(1 << place for place, parts in enumerate(spans) if any(days.first in part for part in parts))
        if counts:
            looks.append(Look(days, counts))
    return looks


class Sums:
    """Sums of the figures of a rollup over some spans, by its keys or by several sets of them.

    `told`: what of the joined tables stands before the figures. `of_all_firms`: where they are read for whoever sees
    all firms. Prepared once on each connection, and read look by look, whatever the planner thinks of a span.
    """

    def __init__(
        self, tables: tuple[Any, Any], keys: Sequence[str], figures: Sequence[str], spans: Sequence[str], *,
        told: Sequence[str], joins: str = "", by: Sequence[str] | None = None,
        of_all_firms: tuple[Any, Any] | None = None,
    ) -> None:  # fmt: skip
        self._spans, self._told = spans, len(told)
        self._names = [f"{span}_{figure}" for figure in figures for span in spans]
        key = ", ".join(keys)
        sums = ", ".join(f"sum({figure}) AS {figure}" for figure in figures)
        each = ", ".join(
            f"coalesce(sum({figure}) FILTER (WHERE (counts & {1 << place}) > 0), 0)::bigint AS {span}_{figure}"
            for figure in figures
            for place, span in enumerate(spans)
        )

        def look(table: Any, when: str, own: str) -> str:
            # SELECT: looked up as it runs, so that it is planned alike however many looks there are.
            given = ", ".join(
                f"(SELECT CAST(:{when}_{name} AS {kind}[]))"
                for name, kind in (("firsts", "date"), ("lasts", "date"), ("counts", "integer"))
            )
            return (
                f"SELECT counts, found.* FROM unnest({given}) AS looks (first, last, counts) CROSS JOIN LATERAL"
                f" (SELECT {key}, {sums} FROM {table.__tablename__} WHERE {own}{when} BETWEEN first AND last"
                f" GROUP BY {key}) AS found"
            )

        def sql(tables: tuple[Any, Any], own: str) -> str:
            by_day, by_month = tables
            groups = f"GROUPING SETS ({', '.join(f'({one})' for one in by)})" if by else key
            return (
                f"SELECT {', '.join((*told, *self._names))} FROM (SELECT {key}, {each} FROM ({look(by_day, 'day', own)}"
                f" UNION ALL {look(by_month, 'month', own)}) AS looked GROUP BY {groups}) AS added {joins}"
            )

        self._rows = OfFirms(
            Direct(sql(of_all_firms or tables, "")), Direct(sql(tables, f"firm_id = ANY({GIVEN_FIRMS}) AND "))
        )

    def read(
        self, session: Session, spans: Mapping[str, Span], firms: Sequence[int] | None
    ) -> Iterator[tuple[tuple[Any, ...], dict[str, int]]]:
        """What is told of each row, and its figures as `span_figure`; of `firms`, None = of all."""
        months, days = looks_at(spans[name] for name in self._spans)
        values: dict[str, Any] = {}
        for when, looks in (("month", months), ("day", days)):
            values |= {
                f"{when}_firsts": [look.days.first for look in looks],
                f"{when}_lasts": [look.days.last for look in looks],
                f"{when}_counts": [look.counts for look in looks],
            }
        for row in self._rows.run(session, values, firms):
            yield row[: self._told], dict(zip(self._names, row[self._told :], strict=True))
