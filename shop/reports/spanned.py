"""Several spans of days in one look: whole months from a rollup by month, the days that are left from one by day."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, String, Subquery, func, literal_column, select, union_all

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


def labelled(span: str) -> Any:
    """The name of a span, as the column `span` of rows that count in it."""
    return literal_column(f"'{span}'", String).label("span")


def rows_of(
    tables: tuple[Any, Any], names: Sequence[str], spans: Mapping[str, Span], *, firms: ColumnElement[Any] | None
) -> Subquery:
    """The rows of a rollup that count in each span, with its name and the columns `names`; of `firms` alone, if given.

    A row that counts in several spans is there for each: sums need no condition, and each span is a look at an index.
    """
    by_day, by_month = tables
    found = []
    for name, span in spans.items():
        pieces = pieces_of(span)
        if pieces.months:
            wanted = (getattr(by_month, column) for column in names)
            found.append(select(labelled(name), *wanted).where(by_month.month.in_(pieces.months), *of(by_month, firms)))
        for days in pieces.days:
            wanted = (getattr(by_day, column) for column in names)
            within = by_day.day.between(days.first, days.last)
            found.append(select(labelled(name), *wanted).where(within, *of(by_day, firms)))
    return union_all(*found).subquery()


def of(table: Any, firms: ColumnElement[Any] | None) -> list[ColumnElement[bool]]:
    """The condition that a row is of one of `firms`, if they are given."""
    return [] if firms is None else [table.firm_id == func.any(firms)]


def sums(rows: Subquery, names: Sequence[str]) -> list[ColumnElement[int]]:
    """The sum of each figure; to be grouped by `span` as well."""
    return [func.sum(rows.c[name]).label(name) for name in names]
