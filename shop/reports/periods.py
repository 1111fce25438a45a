"""日报, 旬报, 周报, 月报: which days a report is about. Pure; days are Beijing's."""

from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum


class Every(StrEnum):
    """How often a report is made."""

    DAY = "day"
    TEN_DAYS = "ten_days"
    WEEK = "week"
    MONTH = "month"


NAMES_ZH = {Every.DAY: "日报", Every.TEN_DAYS: "旬报", Every.WEEK: "周报", Every.MONTH: "月报"}

#: A week is compared with the same weekdays a year before.
_YEAR_OF_WEEKS = timedelta(days=364)


@dataclass(frozen=True)
class Span:
    """From the first to the last day, both included."""

    first: date
    last: date

    def __contains__(self, day: object) -> bool:
        return isinstance(day, date) and self.first <= day <= self.last

    def __iter__(self) -> Iterator[date]:
        """Each of its days."""
        return map(date.fromordinal, range(self.first.toordinal(), self.last.toordinal() + 1))

    def __str__(self) -> str:
        return f"{self.first}" if self.first == self.last else f"{self.first} 至 {self.last}"


@dataclass(frozen=True)
class Spans:
    """What each figure is counted over: the last day, the period, the year so far, the period a year before."""

    day: Span
    period: Span
    cumulative: Span
    last_year: Span

    def named(self) -> Iterator[tuple[str, Span]]:
        """Each with its name."""
        yield from (
            ("day", self.day), ("period", self.period), ("cumulative", self.cumulative), ("last_year", self.last_year),
        )  # fmt: skip

    @property
    def this_year(self) -> Span:
        """The period and the year so far as one: a week may begin in the year before."""
        return Span(min(self.period.first, self.cumulative.first), self.period.last)


def period_of(every: Every, on: date) -> Span:
    """The period around `on`: the day, a third of the month (1-10, 11-20, 21-end), Monday to Sunday, the month."""
    match every:
        case Every.DAY:
            return Span(on, on)
        case Every.TEN_DAYS:
            first = min((on.day - 1) // 10, 2) * 10 + 1
            return Span(on.replace(day=first), on.replace(day=first + 9) if first < 21 else _month_end(on))
        case Every.WEEK:
            monday = on - timedelta(days=on.weekday())
            return Span(monday, monday + timedelta(days=6))
        case Every.MONTH:
            return Span(on.replace(day=1), _month_end(on))


def reached(period: Span, today: date) -> date:
    """The day for which a report of a period tells where things stand: its last, or today while that is to come."""
    return min(period.last, today)


def spans_of(every: Every, on: date, *, today: date) -> Spans:
    """What the report of the period around `on` counts. Its day is the last, or today while it is not over.

    While it is not over, the period a year before is as many days of it as this one has: a part is not compared with a
    whole. The year so far is that of its day.
    """
    period = period_of(every, on)
    last = max(reached(period, today), period.first)
    year = Span(date(last.year, 1, 1), min(period.last, date(last.year, 12, 31)))
    before = _year_before(every, period)
    if last < period.last:
        before = Span(before.first, min(before.first + (last - period.first), before.last))
    return Spans(Span(last, last), period, year, before)


def title_zh(every: Every, period: Span) -> str:
    """What the report is called: `月报 2025年7月`."""
    day = period.first
    match every:
        case Every.TEN_DAYS:
            third = {1: "上旬", 11: "中旬", 21: "下旬"}[day.day]
            return f"旬报 {day.year}年{day.month}月{third}"
        case Every.MONTH:
            return f"月报 {day.year}年{day.month}月"
    return f"{NAMES_ZH[every]} {period}"


def _year_before(every: Every, period: Span) -> Span:
    match every:
        case Every.WEEK:
            return Span(period.first - _YEAR_OF_WEEKS, period.last - _YEAR_OF_WEEKS)
        case Every.DAY:
            # 29 February is compared with the 28th.
            year = period.first.year - 1
            day = period.first.replace(year=year, day=min(period.first.day, monthrange(year, period.first.month)[1]))
            return Span(day, day)
    return period_of(every, period.first.replace(year=period.first.year - 1))


def _month_end(day: date) -> date:
    return day.replace(day=monthrange(day.year, day.month)[1])
