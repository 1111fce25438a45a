"""Delivery schedules: pure calendar arithmetic.

Written as in the contract: `daily` | `weekly:1,4` (1 = Monday) | `monthly:5,20` | `once:2026-01-20`, in ASCII digits, a
day without a leading zero. A monthly day that a month does not have means its last day. A day outside the product's
harvest window, prolonged by its shelf life, asks for nothing: there is nothing to deliver then. A line may have a
schedule of its own (`schedule_of`).
"""

import re
from calendar import monthrange
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from shop.kit.money import split

_WEEKDAY, _MONTH_DAY = "[1-7]", "(?:[1-9]|[12][0-9]|3[01])"
_WRITTEN = re.compile(
    rf"daily|weekly:{_WEEKDAY}(?:,{_WEEKDAY})*|monthly:{_MONTH_DAY}(?:,{_MONTH_DAY})*|once:[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}"
)


@dataclass(frozen=True)
class Schedule:
    """A parsed schedule: `kind` daily, weekly, monthly or once; `days` for weekly and monthly; `on` for once."""

    kind: str
    days: frozenset[int]
    on: date | None

    def falls_on(self, day: date) -> bool:
        """Whether the schedule names `day`."""
        match self.kind:
            case "daily":
                return True
            case "weekly":
                return day.isoweekday() in self.days
            case "monthly":
                last = monthrange(day.year, day.month)[1]
                return day.day in self.days or (day.day == last and any(asked > last for asked in self.days))
            case _:
                return day == self.on


def parse(written: str) -> Schedule:
    """Read a schedule, also one of an older document that is written less strictly. Raises ValueError."""
    kind, _, rest = written.partition(":")
    if kind == "daily" and not rest:
        return Schedule(kind, frozenset(), None)
    if kind == "once":
        return Schedule(kind, frozenset(), date.fromisoformat(rest))
    limit = {"weekly": 7, "monthly": 31}.get(kind)
    if limit is None:
        raise ValueError(f"not a schedule: {written}")
    days = [int(day) for day in rest.split(",")]
    if len(set(days)) != len(days) or not all(1 <= day <= limit for day in days):
        raise ValueError(f"days out of range: {written}")
    return Schedule(kind, frozenset(days), None)


def well_written(written: str) -> None:
    """Raise ValueError for what is not a schedule as contracts write it."""
    if not _WRITTEN.fullmatch(written):
        raise ValueError(f"not a schedule: {written}")
    parse(written)


def schedule_of(line: str | None, agreement: str) -> str:
    """The schedule of a line, as written: its own, or where it has none that of its agreement."""
    return line or agreement


def readable(agreement: str, lines: Iterable[str | None]) -> None:
    """Raise ValueError for a schedule, of the agreement or of one of its lines, that is not well written."""
    for line in (None, *lines):
        well_written(schedule_of(line, agreement))


def _days(first: date, last: date) -> Iterator[date]:
    day = first
    while day <= last:
        yield day
        day += timedelta(days=1)


def due_days(schedule: Schedule, first: date, last: date, deliverable: Callable[[date], bool]) -> list[date]:
    """The days from `first` to `last` on which something is due.

    `deliverable(day)` says whether the product can be delivered then. When no schedule day is deliverable the whole is
    due on the last day.
    """
    return [day for day in _days(first, last) if schedule.falls_on(day) and deliverable(day)] or [last]


def ever_due(schedule: Schedule, first: date, last: date, deliverable: Callable[[date], bool]) -> bool:
    """Whether anything could ever be called by it: where no day is deliverable, the last is not either."""
    return deliverable(due_days(schedule, first, last, deliverable)[0])


def due_weights(
    schedule: Schedule, first: date, last: date, committed_g: int, deliverable: Callable[[date], bool]
) -> dict[date, int]:
    """What is due when: grams spread over `due_days` by largest remainder; they add up to it exactly."""
    due = due_days(schedule, first, last, deliverable)
    return dict(zip(due, split(committed_g, [1] * len(due)), strict=True))
