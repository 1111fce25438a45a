"""Time: instants are UTC inside, days and months are Beijing's. Actions take `now`; only the edges ask a clock."""

from datetime import UTC, date, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

BEIJING = ZoneInfo("Asia/Shanghai")


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> datetime:
        """The present instant, with a zone."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The present instant in UTC."""
        return datetime.now(UTC)


class WalkingClock:
    """A clock that stands where it was put: for tests and for playing a season."""

    def __init__(self, start: datetime) -> None:
        self._now = start

    def now(self) -> datetime:
        """The instant it was last put at."""
        return self._now

    def put(self, instant: datetime) -> None:
        """Stand at `instant`."""
        self._now = instant

    def walk(self, step: timedelta) -> datetime:
        """Go on by `step` and tell the new time."""
        self._now += step
        return self._now


def beijing_minute(at: datetime | str) -> str:
    """An instant, or what a document kept of one, as a wall clock in Beijing shows it."""
    moment = datetime.fromisoformat(at) if isinstance(at, str) else at
    return f"{moment.astimezone(BEIJING):%Y-%m-%d %H:%M}"


def beijing_day(instant: datetime) -> date:
    """The calendar day in Beijing at `instant`, whatever the server's zone."""
    return instant.astimezone(BEIJING).date()


def month_of(day: date) -> date:
    """The first day of the month of `day`: how months are kept in the database."""
    return day.replace(day=1)


def beijing_month(instant: datetime) -> date:
    """The first day of the Beijing month at `instant`."""
    return month_of(beijing_day(instant))


def at_beijing(day: date, hour: int = 0, minute: int = 0) -> datetime:
    """The instant of a wall-clock time in Beijing."""
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=BEIJING).astimezone(UTC)
