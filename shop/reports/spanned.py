"""Several spans of days in one look: whole months from a rollup by month, the days that are left from one by day."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, String, Subquery, cast, func, literal_column, select, union_all

from shop.kit.clock import month_of
from shop.reports.models import (
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


def disjoint(spans: Sequence[Span]) -> list[Span]:
    """The days of some spans in parts that do not overlap: each lies in a span whole or not at all."""
    cuts = sorted({cut for span in spans for cut in (span.first, span.last + timedelta(days=1))})
    parts = [Span(first, after - timedelta(days=1)) for first, after in pairwise(cuts)]
    return [part for part in parts if any(span.first <= part.first <= span.last for span in spans)]


def labelled(span: str) -> Any:
    """The name of a span, as the column `span` of rows that count in it."""
    return literal_column(f"'{span}'", String).label("span")


def added(
    tables: tuple[Any, Any], keys: Sequence[str], figures: Sequence[str], spans: Mapping[str, Span], *,
    firms: ColumnElement[Any] | None,
) -> Subquery:  # fmt: skip
    """The sums of `figures` over a rollup by span and `keys`; of `firms` alone, if they are given.

    A row that counts in several spans is there for each: sums need no condition, and each span is a look at an index.
    Names are joined to what comes out, not to the rows.
    """
    by_day, by_month = tables
    found = []
    for name, span in spans.items():
        pieces = pieces_of(span)
        looks = [(by_day, by_day.day.between(days.first, days.last)) for days in pieces.days]
        if pieces.months:
            looks.append((by_month, by_month.month.in_(pieces.months)))
        found += [_summed(table, keys, figures, labelled(name)).where(within, *of(table, firms))
                  for table, within in looks]  # fmt: skip
    pieces_added = union_all(*found).subquery()
    return _summed(pieces_added.c, ("span", *keys), figures).subquery()


def _summed(rows: Any, keys: Sequence[str], figures: Sequence[str], *also: Any) -> Any:
    sums = (cast(func.sum(getattr(rows, figure)), BigInteger).label(figure) for figure in figures)
    by = [getattr(rows, key) for key in keys]
    return select(*also, *by, *sums).group_by(*by)


def of(table: Any, firms: ColumnElement[Any] | None) -> list[ColumnElement[bool]]:
    """The condition that a row is of one of `firms`, if they are given."""
    return [] if firms is None else [table.firm_id == func.any(firms)]
