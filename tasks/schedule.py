"""The whole timetable, in one table. Beat only says "look": what is to be done, the database decides."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from shop.agreements.jobs import FETCH_QUOTES, FIND_ENDING
from shop.catalog.jobs import FIND_EXPIRING
from shop.income.jobs import FIND_UNSETTLED
from shop.kit.clock import at_beijing
from shop.kit.job import FORGET_OLD, RELAY_OUTBOX, RESEND_LOST, Job
from shop.links.jobs import FIND_SIGNS
from shop.live.jobs import END_OVERDUE, FORGET_RECORDINGS, SETTLE_ENDED
from shop.marketplaces.jobs import FOLLOW_AGAIN
from shop.orders.jobs import CALL_OFF_DUE, CLOSE_AGREEMENTS, END_PRESALES, EXPIRE_UNPAID, FIND_UNRECEIVED
from shop.payments.jobs import NOTIFY_AGAIN
from shop.reports.jobs import (
    CHECK_SENT,
    COMPARE_ROLLUPS,
    FORGET_EXPORTS,
    LOOK_AT_SENT,
    REFRESH_AGREEMENTS,
    REFRESH_COSTS,
    REFRESH_CUTS,
    REFRESH_INCOME,
    REFRESH_REACH,
    REFRESH_RECEIVABLES,
    REFRESH_SALES,
    WORK_ON_PARTS,
)
from shop.rounds.jobs import CLOSE_DUE, FORGET_PEOPLE
from shop.stock.jobs import RETIRE_EXPIRED, RETURN_ASIDES, SERVE_PRESALES, TAKE_RECALLED


@dataclass(frozen=True)
class Every:
    """Look again after `period`."""

    job: Job
    period: timedelta


@dataclass(frozen=True)
class DailyAt:
    """Once for each Beijing day, from this time of the day on."""

    job: Job
    at: time


#: How often beat looks whether a daily job is due: also how soon one is made up for that was missed.
DAILY_LOOK = timedelta(minutes=1)

TIMETABLE: tuple[Every | DailyAt, ...] = (
    Every(RELAY_OUTBOX, timedelta(seconds=1)),
    Every(RESEND_LOST, timedelta(seconds=30)),
    Every(REFRESH_SALES, timedelta(seconds=5)),
    Every(REFRESH_RECEIVABLES, timedelta(seconds=5)),
    Every(REFRESH_INCOME, timedelta(seconds=5)),
    Every(REFRESH_REACH, timedelta(seconds=5)),
    Every(REFRESH_AGREEMENTS, timedelta(seconds=5)),
    Every(REFRESH_COSTS, timedelta(seconds=5)),
    Every(REFRESH_CUTS, timedelta(minutes=1)),
    Every(CHECK_SENT, timedelta(minutes=1)),
    Every(WORK_ON_PARTS, timedelta(seconds=5)),
    Every(EXPIRE_UNPAID, timedelta(seconds=10)),
    Every(END_OVERDUE, timedelta(minutes=1)),
    Every(SETTLE_ENDED, timedelta(minutes=1)),
    Every(FIND_UNSETTLED, timedelta(minutes=1)),
    Every(NOTIFY_AGAIN, timedelta(minutes=1)),
    Every(CLOSE_DUE, timedelta(minutes=1)),
    Every(FOLLOW_AGAIN, timedelta(minutes=1)),
    Every(TAKE_RECALLED, timedelta(minutes=1)),
    Every(RETURN_ASIDES, timedelta(minutes=1)),
    Every(SERVE_PRESALES, timedelta(minutes=1)),
    Every(FETCH_QUOTES, timedelta(minutes=5)),
    DailyAt(RETIRE_EXPIRED, time(0, 30)),
    DailyAt(END_PRESALES, time(0, 45)),
    DailyAt(CALL_OFF_DUE, time(6, 0)),
    DailyAt(CLOSE_AGREEMENTS, time(1, 0)),
    DailyAt(FIND_ENDING, time(6, 30)),
    DailyAt(FIND_UNRECEIVED, time(9, 0)),
    DailyAt(FIND_EXPIRING, time(6, 20)),
    DailyAt(COMPARE_ROLLUPS, time(2, 30)),
    DailyAt(LOOK_AT_SENT, time(3, 15)),
    DailyAt(FIND_SIGNS, time(4, 30)),
    DailyAt(FORGET_OLD, time(3, 30)),
    DailyAt(FORGET_EXPORTS, time(3, 35)),
    DailyAt(FORGET_PEOPLE, time(3, 40)),
    DailyAt(FORGET_RECORDINGS, time(3, 50)),
)

#: When each daily job is due.
DAILY_TIMES: dict[str, time] = {entry.job.name: entry.at for entry in TIMETABLE if isinstance(entry, DailyAt)}


#: When each other one is looked at again.
_PERIODS: dict[str, timedelta] = {entry.job.name: entry.period for entry in TIMETABLE if isinstance(entry, Every)}
#: A look may have to wait for a long one before it: it is late after three periods, but not before this.
_LATE_AFTER = timedelta(minutes=5)
#: A daily job is late when its day is not done so long after its hour.
_LATE_ON_DAY = timedelta(hours=1)


def late_from(job: str, now: datetime) -> datetime | None:
    """From when on a job that is not daily and was looked at `now` is late; None where the timetable lacks it."""
    period = _PERIODS.get(job)
    return None if period is None else now + max(3 * period, _LATE_AFTER)


def day_late_from(job: str, done: date) -> datetime:
    """From when on a daily job that was done for a day is late with the next one."""
    at = DAILY_TIMES[job]
    return at_beijing(done + timedelta(days=1), at.hour, at.minute) + _LATE_ON_DAY


def look_after(entry: Every | DailyAt) -> timedelta:
    """How often beat says "look" for an entry."""
    return entry.period if isinstance(entry, Every) else DAILY_LOOK
