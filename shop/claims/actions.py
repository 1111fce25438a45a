"""A claim is raised, answered, decided or withdrawn. Each locks the order, so that two claims cannot pass one check."""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from shop.catalog.models import Product
from shop.channels.policies import Payer
from shop.claims.errors import (
    AnswerAwaited,
    ClaimBeyondReceived,
    ClaimOpen,
    ClaimTooLate,
    NotClaimable,
    NotFoundError,
    NothingLeft,
    NotReceived,
    PhotoRefused,
)
from shop.claims.locks import locked_claim
from shop.claims.models import MAX_PHOTO, Claim, ClaimPhoto, ClaimReason, ClaimStatus
from shop.claims.rules import ANSWER_TIME, claimable_until, worth
from shop.claims.states import CLAIM_LIFE
from shop.income.actions import grant_refund
from shop.kit.clock import BEIJING
from shop.kit.jpeg import NotAPhoto, plain
from shop.kit.states import advance, record
from shop.orders.actions import policy_of
from shop.orders.models import Order, OrderLine
from shop.payments.actions import refundable, refunded_by_line

#: Claims that are not decided yet.
UNDECIDED = (ClaimStatus.OPEN, ClaimStatus.ANSWERED)


@dataclass(frozen=True)
class Told:
    """What the buyer says of a product of his order: grams or packs (one of them), why, his photo or its reference."""

    sku: str
    reason: ClaimReason
    photo_reference: str
    weight_g: int | None = None
    packs: int | None = None
    words: str | None = None
    photo: bytes | None = field(default=None, repr=False)


def told_photo(sent: bytes) -> tuple[str, bytes]:
    """The reference of a photo that was sent along, and the picture without anything else. Raises PhotoRefused."""
    if len(sent) > MAX_PHOTO:
        raise PhotoRefused
    try:
        picture = plain(sent)
    except NotAPhoto:
        raise PhotoRefused from None
    return hashlib.sha256(picture).hexdigest()[:16], picture


def claimable(order: Order, *, now: datetime) -> bool:
    """Whether something of the order can be claimed at `now`, as far as order and time go."""
    received = order.accepted_at
    return policy_of(order).payer is Payer.CONSUMER and received is not None and now <= claimable_until(received)


def raise_claim(session: Session, order: Order, told: Told, *, actor_id: int | None, now: datetime) -> Claim:
    """A claim about one product of a received order. The caller holds the order's lock.

    Raises NotClaimable, NotReceived, ClaimTooLate, NotFoundError, ClaimOpen, ClaimBeyondReceived; then nothing is
    changed.
    """
    if policy_of(order).payer is not Payer.CONSUMER:
        raise NotClaimable(number=order.number)
    if order.accepted_at is None:
        raise NotReceived(number=order.number)
    if now > (until := claimable_until(order.accepted_at)):
        raise ClaimTooLate(until=until.astimezone(BEIJING).isoformat(timespec="minutes"))
    line = session.scalar(
        select(OrderLine)
        .join(Product, Product.id == OrderLine.product_id)
        .where(OrderLine.order_id == order.id, Product.sku == told.sku)
    )
    if line is None:
        raise NotFoundError(what=told.sku)
    asked_g = told.weight_g if told.weight_g is not None else (told.packs or 0) * line.unit_weight_g
    left_g = (line.accepted_g or 0) - _claimed(session, line.id)
    if asked_g > left_g:
        raise ClaimBeyondReceived(sku=told.sku, left_g=left_g, asked_g=asked_g)
    count = session.scalar(
        select(func.count(Claim.id))
        .join(OrderLine, OrderLine.id == Claim.order_line_id)
        .where(OrderLine.order_id == order.id)
    )
    claim = Claim(
        number=f"Q{order.number}-{(count or 0) + 1}", order_line_id=line.id, status=ClaimStatus.OPEN,
        reason=told.reason, damaged_g=asked_g, photo_reference=told.photo_reference, told=told.words, claimed_at=now,
        answer_by=now + ANSWER_TIME,
    )  # fmt: skip
    try:
        with session.begin_nested():
            session.add(claim)
    except IntegrityError:
        raise ClaimOpen(sku=told.sku) from None
    if told.photo is not None:
        session.add(ClaimPhoto(claim_id=claim.id, jpeg=told.photo))
    record(session, claim, "claim", person_id=actor_id, now=now, to_state=ClaimStatus.OPEN)
    session.flush()
    return claim


def _claimed(session: Session, line_id: int) -> int:
    """Grams of a line that were granted."""
    granted = session.scalar(select(func.sum(Claim.granted_g)).where(Claim.order_line_id == line_id))
    return int(granted or 0)


def answer(session: Session, number: str, *, agrees: bool, words: str, actor_id: int | None, now: datetime) -> Claim:
    """The firm says what it has to say, once. Locks order and claim. Raises NotFoundError, MoveRefusedError."""
    claim, _, _ = locked_claim(session, number)
    advance(session, claim, CLAIM_LIFE, "answer", person_id=actor_id, now=now, facts={"agrees": agrees})
    claim.firm_agrees, claim.answer, claim.answered_at = agrees, words, now
    session.flush()
    return claim


def accept(
    session: Session, number: str, *, granted_g: int | None, words: str, actor_id: int | None, now: datetime
) -> Claim:
    """The county finds `granted_g` grams right (None = all that was claimed): what they are worth is refunded.

    Locks order and claim. Raises NotFoundError, MoveRefusedError, AnswerAwaited, ClaimBeyondReceived, NothingLeft,
    NotReceived; then nothing is changed.
    """
    claim, line, order = locked_claim(session, number)
    CLAIM_LIFE.next(claim.status, "accept")
    _answer_was_possible(claim, now)
    sku = session.execute(select(Product.sku).where(Product.id == line.product_id)).scalar_one()
    grams = claim.damaged_g if granted_g is None else granted_g
    if grams > claim.damaged_g:
        raise ClaimBeyondReceived(sku=sku, left_g=claim.damaged_g, asked_g=grams)
    amount_fen = _award(session, order, line, grams)
    if amount_fen <= 0:
        raise NothingLeft(sku=sku)
    refund = grant_refund(
        session, order, amount_fen, f"质量赔付 {claim.number}", line_ids=[line.id], actor_id=actor_id, now=now
    )
    claim.granted_g, claim.amount_fen, claim.refund_id = grams, amount_fen, refund.id
    claim.decision, claim.decided_at = words, now
    advance(
        session, claim, CLAIM_LIFE, "accept", person_id=actor_id, now=now, reason=words,
        facts={"granted_g": grams, "amount_fen": amount_fen},
    )  # fmt: skip
    session.flush()
    return claim


def _answer_was_possible(claim: Claim, now: datetime) -> None:
    if claim.status is ClaimStatus.OPEN and now < claim.answer_by:
        raise AnswerAwaited(answer_by=claim.answer_by.astimezone(BEIJING).isoformat(timespec="minutes"))


def _award(session: Session, order: Order, line: OrderLine, grams: int) -> int:
    """Fen for `grams` more of a line: what all that was granted is worth, less what was awarded before.

    At most what is left of the line and of the payment: what went back in another way is not paid twice.
    """
    if line.accepted_g is None or line.accepted_fen is None:
        raise NotReceived(number=order.number)
    before = session.scalar(select(func.sum(Claim.amount_fen)).where(Claim.order_line_id == line.id))
    due = worth(line.accepted_fen, line.accepted_g, _claimed(session, line.id) + grams) - int(before or 0)
    left = line.payable_fen - refunded_by_line(session, order.id).get(line.id, 0)
    return min(due, left, refundable(session, order))


def reject(session: Session, number: str, *, words: str, actor_id: int | None, now: datetime) -> Claim:
    """The county finds nothing right. Locks order and claim. Raises NotFoundError, MoveRefusedError, AnswerAwaited."""
    claim, _, _ = locked_claim(session, number)
    CLAIM_LIFE.next(claim.status, "reject")
    _answer_was_possible(claim, now)
    advance(session, claim, CLAIM_LIFE, "reject", person_id=actor_id, now=now, reason=words)
    claim.decision, claim.decided_at = words, now
    session.flush()
    return claim


def withdraw(session: Session, number: str, *, actor_id: int | None, now: datetime) -> Claim:
    """The buyer takes it back. Locks order and claim. Raises NotFoundError, MoveRefusedError."""
    claim, _, _ = locked_claim(session, number)
    advance(session, claim, CLAIM_LIFE, "withdraw", person_id=actor_id, now=now)
    session.flush()
    return claim
