"""Reminders before an agreement ends: 60 and 30 days, each once for an agreement and its last day."""

from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from shop.agreements.jobs import REMIND_END
from shop.agreements.models import RUNNING, Agreement, AgreementReminder
from shop.kit.jobs import enqueue
from shop.kit.states import record

#: Days before the last day, the later first: what was missed so long that the next is due is left out.
DAYS_BEFORE = (30, 60)


def find_ending(session: Session, day: date, *, now: datetime) -> int:
    """Ask for the reminder that is due on `day` of each running agreement and was not given yet; how many."""
    reminded = {
        (row.agreement_id, row.ends_on, row.days_before)
        for row in session.execute(
            select(AgreementReminder.agreement_id, AgreementReminder.ends_on, AgreementReminder.days_before)
            .join(Agreement, Agreement.id == AgreementReminder.agreement_id)
            .where(Agreement.status.in_(RUNNING))
        )
    }
    ending = session.execute(
        select(Agreement.id, Agreement.ends_on).where(Agreement.status.in_(RUNNING), Agreement.ends_on >= day)
    )
    asked = 0
    for agreement_id, ends_on in ending:
        due = next((days for days in DAYS_BEFORE if (ends_on - day).days <= days), None)
        if due is not None and (agreement_id, ends_on, due) not in reminded:
            enqueue(session, REMIND_END, agreement_id, due, ends_on.toordinal(), now=now)
            asked += 1
    return asked


def remind_end(session: Session, agreement_id: int, days_before: int, last_day: int, *, now: datetime) -> None:
    """Leave the reminder for both to read, once, if the agreement still runs and ends on that day (an ordinal)."""
    agreement = session.get_one(Agreement, agreement_id)
    if agreement.status not in RUNNING or agreement.ends_on.toordinal() != last_day:
        return
    made = session.execute(
        insert(AgreementReminder)
        .values(agreement_id=agreement_id, ends_on=agreement.ends_on, days_before=days_before, reminded_at=now)
        .on_conflict_do_nothing()
        .returning(AgreementReminder.agreement_id)
    ).first()
    if made is not None:
        facts: dict[str, object] = {"ends_on": str(agreement.ends_on), "days_before": days_before}
        record(session, agreement, "remind", person_id=None, now=now, facts=facts)
