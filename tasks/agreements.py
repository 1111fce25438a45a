"""Jobs about purchase agreements."""

from datetime import date, datetime

from flask import current_app
from sqlalchemy.orm import Session

from shop.agreements import reminders
from shop.agreements.jobs import FETCH_QUOTES, FIND_ENDING, REMIND_END
from shop.agreements.quote_inbox import take_next
from shop.orders.calls import close_ended
from shop.orders.jobs import CALL_OFF_DUE, CLOSE_AGREEMENTS
from shop.orders.scheduled import Scheduled, place_due
from tasks.registry import Done, Kind, runs


@runs(CALL_OFF_DUE, Kind.DAILY)
def call_off_due(session: Session, day: date, *, now: datetime) -> Done:
    """What the schedules ask for on `day` is called off and ordered; a line that cannot be stops no other."""
    result = place_due(session, day, now=now)
    return Done(result.placed, _told(result))


def _told(result: Scheduled) -> str:
    """What of the morning a person has to look at, Chinese first; "ok" where all was ordered."""
    if not result.refused:
        return "ok"
    many = len(result.refused)
    said = f"{many} 项未能下单 · {many} refused" if result.placed else f"{many} 项全部未能下单 · all {many} refused"
    lines = dict.fromkeys(
        f"{agreement} {sku}：{why.sentence('zh').removesuffix('。')}（{why.code}）"
        for agreement, sku, why in result.refused
    )
    return f"{said}：{'；'.join(lines)}"


@runs(FETCH_QUOTES, Kind.SWEEP)
def fetch_quotes(session: Session, *, now: datetime) -> int | None:
    """One file of the inbox is taken in; None where no inbox is set."""
    settings = current_app.extensions["settings"]
    if settings.quotes_inbox is None:
        return None
    return take_next(session, settings.quotes_inbox, settings.quotes_sources, now=now)


@runs(FIND_ENDING, Kind.DAILY)
def find_ending(session: Session, day: date, *, now: datetime) -> Done:
    """Ask for reminders of agreements that end soon; how many."""
    return Done(reminders.find_ending(session, day, now=now))


@runs(REMIND_END, Kind.JOB)
def remind_end(session: Session, agreement_id: int, days_before: int, last_day: int, *, now: datetime) -> None:
    """Leave one reminder for both sides."""
    reminders.remind_end(session, agreement_id, days_before, last_day, now=now)


@runs(CLOSE_AGREEMENTS, Kind.DAILY)
def close_agreements(session: Session, day: date, *, now: datetime) -> Done:
    """Agreements whose term is over get their outcome."""
    return Done(close_ended(session, day, now=now))
