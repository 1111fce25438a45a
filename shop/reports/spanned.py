"""Several spans of days in one look: whole months from a rollup by month, the days that are left from one by day."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import BigInteger, BindParameter, Date, Subquery, bindparam, column, text
from sqlalchemy.dialects.postgresql import ARRAY

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


def added(
    tables: tuple[Any, Any], keys: Sequence[str], figures: Sequence[str], spans: Mapping[str, Span], *,
    firms: Sequence[int] | None,
) -> Subquery:  # fmt: skip
    """The sums of `figures` over a rollup by `keys`, a column `span_figure` for each span; of `firms`, None = of all.

    A row that counts in several spans is read for each: each span is a look at an index. Names are joined to what comes
    out, not to the rows.
    """
    by_day, by_month = (table.__tablename__ for table in tables)
    key = ", ".join(keys)
    sums = ", ".join(f"sum({figure}) AS {figure}" for figure in figures)
    bound: dict[str, BindParameter[Any]] = {}
    own = ""
    if firms is not None:
        own, bound["firms"] = "firm_id = ANY(:firms) AND ", bindparam("firms", list(firms), ARRAY(BigInteger))
    looks = []
    for name, span in spans.items():
        pieces = pieces_of(span)
        found = []
        for number, days in enumerate(pieces.days):
            first, last = f"{name}{number}a", f"{name}{number}z"
            found.append((by_day, f"day BETWEEN :{first} AND :{last}"))
            bound |= {first: bindparam(first, days.first, Date), last: bindparam(last, days.last, Date)}
        if pieces.months:
            found.append((by_month, f"month = ANY(:{name})"))
            bound[name] = bindparam(name, list(pieces.months), ARRAY(Date))
        looks += [
            f"SELECT '{name}' AS span, {key}, {sums} FROM {table} WHERE {own}{within} GROUP BY {key}"
            for table, within in found
        ]
    columns = spanned(spans, figures)
    each = ", ".join(
        f"coalesce(sum({figure}) FILTER (WHERE span = '{name}'), 0)::bigint AS {name}_{figure}"
        for figure in figures
        for name in spans
    )
    sql = f"SELECT {key}, {each} FROM ({' UNION ALL '.join(looks)}) AS pieces GROUP BY {key}"
    types = tables[0].__table__.columns
    return (
        text(sql)
        .bindparams(*bound.values())
        .columns(*(column(name, types[name].type) for name in keys), *(column(name, BigInteger) for name in columns))
        .subquery("added")
    )


def spanned(spans: Iterable[str], figures: Sequence[str]) -> list[str]:
    """The names of figures over some spans, in the order in which `added` has them."""
    spans = list(spans)
    return [f"{name}_{figure}" for figure in figures for name in spans]
