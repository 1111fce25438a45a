"""An ended agreement runs again by the consent of both sides: within thirty days, and nothing is made up in silence.

The first side asks, the second consents by asking too. What the schedule asked for while it was closed is stated as
missed: it is called no more by itself, and counts against nobody unless the buyer calls it.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from shop.agreements.models import (
    RUNNING,
    Agreement,
    AgreementLine,
    AgreementReopening,
    AgreementStatus,
    CallOff,
    DueWeight,
    MissedDay,
)
from shop.agreements.renewing import renewal_of, renewed_by
from shop.agreements.signing import Hand
from shop.agreements.states import AGREEMENT_LIFE
from shop.catalog.models import Product
from shop.channels.actions import move_occasion
from shop.channels.models import Occasion
from shop.kit.clock import beijing_day
from shop.kit.db import columns_of
from shop.kit.states import History, advance
from shop.orders.errors import ReopeningBarred, ReopenTooLate
from shop.orders.models import PenaltyProposal, PenaltyStatus

#: Days after the end until which both must have consented [A].
REOPENED_WITHIN = timedelta(days=30)
#: A successor in one of these states bars nothing.
_CAME_TO_NOTHING = (AgreementStatus.WITHDRAWN, AgreementStatus.TERMINATED)


@dataclass(frozen=True)
class _End:
    """How and when an agreement ended, the last time."""

    at: datetime
    status: AgreementStatus


def reopen(session: Session, agreement: Agreement, reason: str, *, by: Hand) -> bool:
    """One side asks, or consents to what the other asked; True when it runs again by that. Twice is once.

    It runs again as executing, its occasion open; one whose last day has passed is judged anew the night after, unless
    it was amended. The caller holds the agreement's lock. Raises MoveRefusedError for one that runs or was renewed,
    ReopenTooLate, ReopeningBarred.
    """
    AGREEMENT_LIFE.next(agreement.status, "reopen")
    ended, today = _end(session, agreement), beijing_day(by.now)
    until = beijing_day(ended.at) + REOPENED_WITHIN
    if today > until:
        raise ReopenTooLate(agreement=agreement.code, until=str(until))
    _not_barred(session, agreement)
    asked = session.scalar(
        select(AgreementReopening).where(
            AgreementReopening.agreement_id == agreement.id, AgreementReopening.ended_at == ended.at
        )
    )
    if asked is None:
        session.add(
            AgreementReopening(
                agreement_id=agreement.id, number=_count(session, agreement) + 1, ended_at=ended.at,
                ended_as=ended.status, until=until, asked_by=by.side, asked_by_id=by.person_id, asked_at=by.now,
                reason=reason,
            )
        )  # fmt: skip
        session.flush()
        return False
    if asked.asked_by is by.side:
        return False
    asked.consented_at, asked.consented_by_id = by.now, by.person_id
    missed = _missed(session, agreement, beijing_day(ended.at), today)
    session.add_all(
        MissedDay(line_id=line_id, due_on=day, weight_g=grams, reopening_id=asked.id) for line_id, day, grams in missed
    )
    facts = by.facts(asked_by=asked.asked_by.value, missed_days=len(missed))
    agreement.ended_on = None
    advance(
        session, agreement, AGREEMENT_LIFE, "reopen", person_id=by.person_id, now=by.now, reason=reason, facts=facts
    )
    occasion = session.get_one(Occasion, agreement.occasion_id)
    move_occasion(session, occasion, "reopen", actor_id=by.person_id, now=by.now)
    session.flush()
    return True


def reopenings(session: Session, agreement_id: int) -> list[dict[str, Any]]:
    """What was asked and consented to, the oldest first, with the days that were missed and those called since."""
    rows = session.execute(
        select(
            MissedDay.reopening_id, Product.sku, MissedDay.due_on, MissedDay.weight_g, CallOff.id.is_not(None)
        )
        .join(AgreementLine, AgreementLine.id == MissedDay.line_id)
        .join(Product, Product.id == AgreementLine.product_id)
        .outerjoin(CallOff, (CallOff.line_id == MissedDay.line_id) & (CallOff.schedule_day == MissedDay.due_on))
        .where(AgreementLine.agreement_id == agreement_id)
        .order_by(MissedDay.due_on, Product.sku)
    )  # fmt: skip
    missed: dict[int, list[dict[str, Any]]] = {}
    for reopening_id, sku, day, weight_g, called in rows:
        told = {"sku": sku, "schedule_day": day, "weight_g": weight_g, "called": called}
        missed.setdefault(reopening_id, []).append(told)
    asked = session.scalars(
        select(AgreementReopening)
        .where(AgreementReopening.agreement_id == agreement_id)
        .order_by(AgreementReopening.number)
    )
    return [columns_of(one) | {"missed": missed.get(one.id, [])} for one in asked]


def _end(session: Session, agreement: Agreement) -> _End:
    """The last end as it was written, not by time: a clock that was set back would name an end that was taken back."""
    at = session.execute(
        select(History.at)
        .where(
            History.entity_type == Agreement.__tablename__, History.entity_id == agreement.id,
            History.to_state == agreement.status, History.from_state != agreement.status,
        )
        .order_by(History.id.desc())
        .limit(1)
    ).scalar_one()  # fmt: skip
    return _End(at, agreement.status)


def _count(session: Session, agreement: Agreement) -> int:
    count = select(func.count()).where(AgreementReopening.agreement_id == agreement.id)
    return session.scalar(count) or 0


def _not_barred(session: Session, agreement: Agreement) -> None:
    """Raise ReopeningBarred where something was built on the end: a penalty taken, a successor under way."""
    taken = session.scalar(
        select(PenaltyProposal.number)
        .where(
            PenaltyProposal.agreement_id == agreement.id,
            PenaltyProposal.status.in_((PenaltyStatus.CLAIMED, PenaltyStatus.DEPOSIT_TAKEN)),
        )
        .limit(1)
    )
    if taken is not None:
        raise ReopeningBarred(
            agreement=agreement.code,
            bar_zh=f"第 {taken} 号违约金已主张，或为它适用了定金罚则：主张的一方可撤回主张，否则请另签协议",
            bar_en=f"penalty {taken} was claimed, which may be withdrawn, or the deposit taken: sign another agreement",
        )  # fmt: skip
    successor = session.scalar(
        select(Agreement.code)
        .where(Agreement.renews_id == agreement.id, Agreement.status.not_in(_CAME_TO_NOTHING))
        .limit(1)
    )
    if successor is not None:
        raise ReopeningBarred(
            agreement=agreement.code, bar_zh=f"续签的 {successor} 已起草，请先撤回",
            bar_en=f"{successor} is drafted to renew it; withdraw that first",
        )  # fmt: skip
    if agreement.renews_id is not None:
        _in_turn(session, agreement, renewed_by(session, agreement))


def _in_turn(session: Session, agreement: Agreement, old: Agreement) -> None:
    """Raise ReopeningBarred where another renews now what this one renewed, or that runs again into its term."""
    other = renewal_of(session, old)
    if other is not None:
        raise ReopeningBarred(
            agreement=agreement.code, bar_zh=f"它所续签的协议已改由 {other.code} 续签",
            bar_en=f"{other.code} renews now what it renewed",
        )  # fmt: skip
    if old.status in RUNNING and old.ends_on >= agreement.starts_on:
        raise ReopeningBarred(
            agreement=agreement.code,
            bar_zh=f"它所续签的 {old.code} 仍在履行，到 {old.ends_on} 才期满，与它的期限重叠",
            bar_en=f"{old.code}, which it renewed, runs until {old.ends_on}, into its term",
        )  # fmt: skip


def _missed(session: Session, agreement: Agreement, first: date, last: date) -> list[tuple[int, date, int]]:
    """Days of the schedule from `first` to `last` that nobody called, by line, with their grams."""
    rows = session.execute(
        select(DueWeight.line_id, DueWeight.due_on, DueWeight.weight_g)
        .join(AgreementLine, AgreementLine.id == DueWeight.line_id)
        .outerjoin(CallOff, (CallOff.line_id == DueWeight.line_id) & (CallOff.schedule_day == DueWeight.due_on))
        .outerjoin(MissedDay, (MissedDay.line_id == DueWeight.line_id) & (MissedDay.due_on == DueWeight.due_on))
        .where(
            AgreementLine.agreement_id == agreement.id, DueWeight.weight_g > 0, DueWeight.due_on.between(first, last),
            CallOff.id.is_(None), MissedDay.line_id.is_(None),
        )
        .order_by(DueWeight.due_on, DueWeight.line_id)
    )  # fmt: skip
    return [(line_id, day, grams) for line_id, day, grams in rows]
