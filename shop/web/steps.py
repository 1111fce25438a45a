"""The periods before and after the one that a page shows: links that keep all other filters, none into the future."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from shop.kit.clock import month_of
from shop.reports.income_report import Months
from shop.reports.lists import span_zh
from shop.reports.periods import Every, period_of, title_zh

#: No page knows anything before.
EARLIEST = date(2000, 1, 1)
_ONE_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Step:
    """A link to the period before (`rel` prev) or after (next), and what that period is called."""

    rel: str
    name: str
    href: str


#: The filters of a page to its address.
Address = Callable[[dict[str, Any]], str]


def _steps(found: Iterable[tuple[str, date, date, str, dict[str, Any]]], today: date, address: Address) -> list[Step]:
    """Of (rel, first day, last day, name, filters) those that have begun and of which something may be known."""
    return [
        Step(rel, name, address(filters)) for rel, first, last, name, filters in found
        if first <= today and last >= EARLIEST
    ]  # fmt: skip


def periods_beside(query: dict[str, Any], every: Every, on: date, today: date, address: Address) -> list[Step]:
    """The report of the same kind before and after the one around `on`."""
    now = period_of(every, on)
    beside = [
        (rel, period_of(every, day)) for rel, day in (("prev", now.first - _ONE_DAY), ("next", now.last + _ONE_DAY))
    ]
    return _steps(
        ((rel, span.first, span.last, title_zh(every, span), query | {"on": span.last if span.last <= today else today})
         for rel, span in beside),
        today, address,
    )  # fmt: skip


def months_beside(query: dict[str, Any], months: Months, today: date, address: Address) -> list[Step]:
    """As many months before and after as are shown; a year that is asked for as such leads to years."""
    count, found = len(months.each()), []
    for rel, by in (("prev", -count), ("next", count)):
        moved = replace(months, first=_moved(months.first, by), last=_moved(months.last, by))
        asked: dict[str, Any] = {"first": moved.first, "last": moved.last}
        if query["year"] is not None:
            asked = {"year": moved.first.year}
        found.append((rel, moved.first, moved.last, span_zh(moved), query | asked | {"after": None}))
    return _steps(found, today, address)


def month_ends_beside(query: dict[str, Any], day: date, today: date, address: Address) -> list[Step]:
    """The end of the month before `day`, and that of its own month or, at its end, of the next; today at the latest."""
    before, end = month_of(day) - _ONE_DAY, _month_end(day)
    after = min(_month_end(day + _ONE_DAY) if day == end else end, today)
    found = [("prev", before, before, f"截至 {before}", query | {"day": before, "after": None})]
    if after > day:
        found.append(("next", after, after, f"截至 {after}", query | {"day": after, "after": None}))
    return _steps(found, today, address)


def years_beside(query: dict[str, Any], year: int, today: date, address: Address) -> list[Step]:
    """The year before and after."""
    return _steps(
        ((rel, date(beside, 1, 1), date(beside, 12, 31), f"{beside} 年", query | {"year": beside})
         for rel, beside in (("prev", year - 1), ("next", year + 1))),
        today, address,
    )  # fmt: skip


def _month_end(day: date) -> date:
    return period_of(Every.MONTH, day).last


def _moved(month: date, by: int) -> date:
    """The month that lies `by` months later."""
    number = month.year * 12 + month.month - 1 + by
    return date(number // 12, number % 12 + 1, 1)
