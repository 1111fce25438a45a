"""What was paid of a claimed penalty (违约金): recorded by whoever it is paid to, void where it was keyed wrong.

The side in breach pays it by bank to the other (Civil Code art. 585); the claim itself books nothing. Every action here
is called with the agreement's lock held.
"""

from collections import defaultdict
from datetime import date
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from shop.agreements.models import Agreement, Side
from shop.agreements.signing import Hand
from shop.catalog.models import Firm
from shop.kit.clock import beijing_day
from shop.kit.db import columns_of
from shop.ledger.actions import account, post
from shop.ledger.models import AccountKind as A
from shop.ledger.models import Journal
from shop.orders import breach
from shop.orders.errors import DayAhead
from shop.orders.models import PenaltyProposal, PenaltyStatus
from shop.orders.states import PENALTY_LIFE
from shop.payments.errors import (
    NoSuchPenaltyPayment,
    NotYoursToReceive,
    PenaltyBeyondClaimed,
    PenaltyPaid,
    PenaltyPaidTooEarly,
    PenaltyPaymentVoided,
    TransferBooked,
)
from shop.payments.models import PenaltyPayment, PenaltyPaymentVoid

#: What the journals are about.
_SOURCE = "penalty_payments"


def paid_fen(session: Session, proposal: PenaltyProposal) -> int:
    """Fen that were paid of a penalty; what is void does not count."""
    return int(
        session.scalar(
            select(func.sum(PenaltyPayment.amount_fen))
            .outerjoin(PenaltyPaymentVoid, PenaltyPaymentVoid.payment_id == PenaltyPayment.id)
            .where(PenaltyPayment.proposal_id == proposal.id, PenaltyPaymentVoid.payment_id.is_(None))
        )
        or 0
    )


def receive(
    session: Session, agreement: Agreement, number: int, amount_fen: int | None, reference: str, paid_on: date, *,
    by: Hand,
) -> PenaltyPayment:  # fmt: skip
    """Money of a claimed penalty was paid on a day, by the bank's number; without an amount, all that is open of it.

    Said by the side that was let down, which has the money, or by the county. Raises NoSuchPenalty, NotYoursToReceive,
    MoveRefusedError for what is not claimed, DayAhead, PenaltyPaidTooEarly (before the agreement was signed),
    PenaltyBeyondClaimed, TransferBooked for a number that was booked and is not void.
    """
    found = breach.numbered(agreement, breach.proposals(session, agreement.id), number)
    _receives(agreement, found, by)
    if found.status is not PenaltyStatus.CLAIMED:
        raise PENALTY_LIFE.refusal(found.status, "pay")
    if paid_on > beijing_day(by.now):
        raise DayAhead(day=str(paid_on))
    if paid_on < (agreement.signed_on or date.max):
        raise PenaltyPaidTooEarly(agreement=agreement.code, day=str(paid_on), signed_on=str(agreement.signed_on))
    left_fen = found.penalty_fen - paid_fen(session, found)
    asked_fen = left_fen if amount_fen is None else amount_fen
    if not 0 < asked_fen <= left_fen:
        raise PenaltyBeyondClaimed(agreement=agreement.code, number=number, left_fen=left_fen, asked_fen=asked_fen)
    payment = PenaltyPayment(
        proposal_id=found.id, amount_fen=asked_fen, paid_on=paid_on, bank_reference=reference,
        take=_take(session, reference), side=by.side, recorded_by_id=by.person_id, recorded_at=by.now,
    )  # fmt: skip
    try:
        with session.begin_nested():
            session.add(payment)
    except IntegrityError:  # said by another at the same time
        raise TransferBooked(reference=reference) from None
    legs = _legs(session, agreement, found, asked_fen)
    post(session, _SOURCE, payment.id, "paid", legs, booked_at=by.now)
    return payment


def void(session: Session, agreement: Agreement, reference: str, reason: str, *, by: Hand) -> PenaltyPaymentVoid:
    """What was recorded by mistake counts no more, and is open again; its number may be booked anew.

    It stays readable, with the reason; the books get the same journal the other way round. Raises NoSuchPenaltyPayment,
    NotYoursToReceive, PenaltyPaymentVoided.
    """
    row = session.execute(
        select(PenaltyPayment, PenaltyProposal)
        .join(PenaltyProposal, PenaltyProposal.id == PenaltyPayment.proposal_id)
        .where(PenaltyProposal.agreement_id == agreement.id, PenaltyPayment.bank_reference == reference)
        .order_by(PenaltyPayment.take.desc())
        .limit(1)
    ).first()
    if row is None:
        raise NoSuchPenaltyPayment(agreement=agreement.code, reference=reference)
    payment, found = row
    _receives(agreement, found, by)
    if session.get(PenaltyPaymentVoid, payment.id) is not None:
        raise PenaltyPaymentVoided(reference=reference)
    made = PenaltyPaymentVoid(
        payment_id=payment.id, reason=reason, side=by.side, recorded_by_id=by.person_id, recorded_at=by.now
    )
    session.add(made)
    session.flush()
    booked = session.execute(
        select(Journal.id).where(Journal.source_type == _SOURCE, Journal.source_id == payment.id)
    ).scalar_one()
    legs = _legs(session, agreement, found, -payment.amount_fen)
    post(session, _SOURCE, payment.id, "voided", legs, booked_at=by.now, reverses_id=booked)
    return made


def decide(
    session: Session, agreement: Agreement, number: int, event: str, *, by: Hand, reason: str
) -> PenaltyProposal:
    """As `breach.decide`; a claim of which something was paid is not withdrawn. Raises PenaltyPaid."""
    if event == "withdraw":
        found = breach.numbered(agreement, breach.proposals(session, agreement.id), number)
        paid = 0 if by.side is found.side else paid_fen(session, found)
        if paid:
            raise PenaltyPaid(agreement=agreement.code, number=number, paid_fen=paid)
    return breach.decide(session, agreement, number, event, by=by, reason=reason)


def told(session: Session, agreement_id: int) -> list[dict[str, Any]]:
    """Proposals as `breach.proposals_told`, with what was paid of each, what is open of what was claimed, and how."""
    known = breach.proposals_told(session, agreement_id)
    rows = session.execute(
        select(PenaltyPayment, PenaltyPaymentVoid)
        .outerjoin(PenaltyPaymentVoid, PenaltyPaymentVoid.payment_id == PenaltyPayment.id)
        .where(PenaltyPayment.proposal_id.in_([one["id"] for one in known]))
        .order_by(PenaltyPayment.id)
    ).all()
    payments: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for payment, undone in rows:
        payments[payment.proposal_id].append(
            columns_of(payment)
            | {"voided_at": undone and undone.recorded_at, "void_reason": undone and undone.reason,
               "voided_by": undone and undone.side}
        )  # fmt: skip
    for one in known:
        one["payments"] = payments[one["id"]]
        one["paid_fen"] = sum(paid["amount_fen"] for paid in one["payments"] if paid["voided_at"] is None)
        claimed = one["penalty_fen"] if one["status"] is PenaltyStatus.CLAIMED else 0
        one["open_fen"] = claimed - one["paid_fen"]
    return known


def _receives(agreement: Agreement, found: PenaltyProposal, by: Hand) -> None:
    if by.side is found.side:
        raise NotYoursToReceive(agreement=agreement.code)


def _take(session: Session, reference: str) -> int:
    """Which record of this bank number it is. Raises TransferBooked while an earlier one is not void."""
    rows = session.execute(
        select(PenaltyPayment.take, PenaltyPaymentVoid.payment_id)
        .outerjoin(PenaltyPaymentVoid, PenaltyPaymentVoid.payment_id == PenaltyPayment.id)
        .where(PenaltyPayment.bank_reference == reference)
    ).all()
    if any(undone is None for _, undone in rows):
        raise TransferBooked(reference=reference)
    return len(rows) + 1


def _legs(session: Session, agreement: Agreement, found: PenaltyProposal, amount_fen: int) -> list[tuple[int, int]]:
    """What the buyer pays comes in and is the firm's; what the firm pays goes out of what it has."""
    comes_in = amount_fen if found.side is Side.BUYER else -amount_fen
    firm = account(session, A.FIRM, session.get_one(Firm, agreement.firm_id).party_id)
    return [(account(session, A.CLEARING), comes_in), (firm, -comes_in)]
