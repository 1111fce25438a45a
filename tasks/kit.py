"""Jobs about jobs."""

from datetime import date, datetime

from flask import current_app
from sqlalchemy.orm import Session

from shop.kit.job import FORGET_OLD, RELAY_OUTBOX, RESEND_LOST
from shop.kit.outbox import relay, resend
from shop.kit.retention import forget_old
from tasks.registry import Done, Kind, runs


@runs(RELAY_OUTBOX, Kind.SWEEP)
def relay_outbox(session: Session, *, now: datetime) -> int:
    """Send what was committed."""
    return relay(session, current_app.extensions["send_job"], now=now)


@runs(RESEND_LOST, Kind.SWEEP)
def resend_lost(session: Session, *, now: datetime) -> int:
    """Send again what was sent and is not done."""
    return resend(session, current_app.extensions["send_job"], now=now)


@runs(FORGET_OLD, Kind.DAILY)
def forget(session: Session, _: date, *, now: datetime) -> Done:
    """Forget keys and done jobs after a week."""
    return Done(forget_old(session, now=now))
