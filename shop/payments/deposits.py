"""The deposit (定金) of a purchase agreement: received, set off against price, returned, lost, doubled.

It takes effect when it is paid (Civil Code art. 586), and only as far as the terms in force name it: what an amendment
left above that is returned at once, and is neither lost nor doubled. A buyer in breach loses it, a firm in breach
returns it double (art. 587); beside a penalty the side that was let down takes one of the two (art. 588). Every action
here is called with the agreement's lock held.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from shop.agreements import signing
from shop.agreements.models import RUNNING, UNSIGNED, Agreement, AgreementLine, Side
from shop.agreements.pricing import contract_value, deposit_of
from shop.agreements.signing import Hand
from shop.agreements.states import AGREEMENT_LIFE
from shop.catalog.models import Firm
from shop.channels.models import Partner
from shop.kit.db import columns_of
from shop.kit.states import advance
from shop.ledger.actions import account, post
from shop.ledger.models import AccountKind as A
from shop.orders.breach import decide, undecided_of
from shop.orders.models import Order
from shop.payments.actions import record_bank_transfer
from shop.payments.errors import (
    DepositBeyond,
    DepositBeyondAgreed,
    DepositStillBound,
    DepositUsedUp,
    NothingToPay,
    PenaltyUndecided,
    TransferBooked,
)
from shop.payments.models import DepositMove, DepositMoveKind, Payment, Provider

K = DepositMoveKind
MOVES_ZH = {
    K.RECEIVED: "到账", K.SET_OFF: "抵货款", K.RETURNED: "退还", K.FORFEITED: "没收（采购方违约）",
    K.DOUBLED: "双倍返还（供方违约）",
}  # fmt: skip


@dataclass(frozen=True)
class Standing:
    """Where a deposit stands, in fen: agreed, received, and left after what was set off, returned or lost.

    `excess_fen`: of what is left, what lies above what the terms in force name and is no deposit. `open_fen`: what may
    still come in; after the end what is still to be returned or forfeited.
    """

    due_fen: int
    received_fen: int
    left_fen: int
    excess_fen: int
    open_fen: int


def standing(session: Session, agreement: Agreement) -> Standing:
    """The deposit of an agreement: due is its part of the contract value (committed weight at the floor price)."""
    lines = session.execute(
        select(AgreementLine.committed_g, AgreementLine.floor_fen_per_kg).where(
            AgreementLine.agreement_id == agreement.id
        )
    )
    due_fen = deposit_of(contract_value((grams, floor) for grams, floor in lines), agreement.deposit_bp)
    rows = session.execute(
        select(DepositMove.kind, func.sum(DepositMove.amount_fen))
        .where(DepositMove.agreement_id == agreement.id)
        .group_by(DepositMove.kind)
    )
    moved = {kind: int(total) for kind, total in rows}
    received = moved.get(K.RECEIVED, 0)
    left_fen = received - sum(moved.get(kind, 0) for kind in (K.SET_OFF, K.RETURNED, K.FORFEITED))
    open_fen = due_fen - received + moved.get(K.RETURNED, 0)
    if agreement.status not in (*RUNNING, *UNSIGNED):
        open_fen = left_fen
    return Standing(due_fen, received, left_fen, max(left_fen - due_fen, 0), max(open_fen, 0))


def receive(session: Session, agreement: Agreement, amount_fen: int, reference: str, *, by: Hand) -> DepositMove:
    """Money of the deposit came in; the agreement is `deposit_paid` when it is whole.

    Raises DepositBeyondAgreed, also for an agreement that does not run, TransferBooked.
    """
    now_ = standing(session, agreement)
    left_fen = now_.open_fen if agreement.status in RUNNING else 0
    if amount_fen > left_fen:
        raise DepositBeyondAgreed(agreement=agreement.code, left_fen=left_fen, asked_fen=amount_fen)
    move = _move(session, agreement, K.RECEIVED, amount_fen, by.now, reference=reference)
    _book(session, move, [(_clearing(session), amount_fen), (_held(session, agreement), -amount_fen)])
    if amount_fen == left_fen:
        _is_whole(session, agreement, now_.due_fen, by)
    session.flush()
    return move


def sign(session: Session, agreement: Agreement, number: int, signed_hash: str, *, by: Hand) -> bool:
    """`signing.sign`; and an amendment in force by that which asks for no more than came in makes the deposit whole."""
    open_fen = standing(session, agreement).open_fen
    in_force = signing.sign(session, agreement, number, signed_hash, by=by)
    if in_force and open_fen:
        stands = standing(session, agreement)
        if stands.received_fen and not stands.open_fen:
            _is_whole(session, agreement, stands.due_fen, by)
    return in_force


def _is_whole(session: Session, agreement: Agreement, due_fen: int, by: Hand) -> None:
    if AGREEMENT_LIFE.allows(agreement.status, "pay_deposit"):
        facts = by.facts(deposit_fen=due_fen)
        advance(session, agreement, AGREEMENT_LIFE, "pay_deposit", person_id=by.person_id, now=by.now, facts=facts)


def set_off(session: Session, agreement: Agreement, order: Order, amount_fen: int, *, by: Hand) -> DepositMove:
    """Set a part of the deposit off against a settled order of the agreement. The caller holds the order's lock too.

    Raises NothingToPay (another agreement's order, nothing owed), PaymentBeyondOwed, DepositBeyond.
    """
    if order.occasion_id != agreement.occasion_id:
        raise NothingToPay(number=order.number)
    left_fen = standing(session, agreement).left_fen
    if amount_fen > left_fen:
        raise DepositBeyond(agreement=agreement.code, left_fen=left_fen, asked_fen=amount_fen)
    count = session.scalar(select(func.count()).where(DepositMove.agreement_id == agreement.id)) or 0
    payment = record_bank_transfer(
        session, order, amount_fen, f"{agreement.code}-{count + 1}", actor_id=by.person_id, now=by.now,
        provider=Provider.DEPOSIT,
    )  # fmt: skip
    return _move(session, agreement, K.SET_OFF, amount_fen, by.now, payment=payment)


def give_back(
    session: Session, agreement: Agreement, reference: str, *, by: Hand, penalty: int | None = None
) -> DepositMove:
    """Return what is left after the end, before it the excess alone; doubled by the firm for its breach.

    `penalty`: number of the proposal against the firm instead of which the buyer takes the double of what is a deposit.
    Raises DepositStillBound, DepositUsedUp when nothing is left, PenaltyUndecided while the firm may take it for the
    buyer's breach (民法典 587), TransferBooked, and as `breach.decide`.
    """
    stands = standing(session, agreement)
    left_fen = stands.left_fen
    if agreement.status in (*RUNNING, *UNSIGNED):
        left_fen = stands.excess_fen
        if penalty is not None or not left_fen:
            raise DepositStillBound(agreement=agreement.code)
    bound_fen = stands.left_fen - stands.excess_fen
    if not left_fen or (penalty is not None and not bound_fen):
        raise DepositUsedUp(agreement=agreement.code)
    if penalty is None and left_fen > stands.excess_fen:
        undecided = undecided_of(session, agreement, Side.BUYER)
        if undecided is not None:
            raise PenaltyUndecided(agreement=agreement.code, number=undecided.number)
    move = _move(session, agreement, K.RETURNED, left_fen, by.now, reference=reference)
    _book(session, move, [(_held(session, agreement), left_fen), (_clearing(session), -left_fen)])
    if penalty is not None:
        taker = Hand(Side.BUYER, by.person_id, by.now)
        decide(session, agreement, penalty, "take_deposit", by=taker, reason="双倍返还定金")
        doubled = _move(session, agreement, K.DOUBLED, bound_fen, by.now)
        _book(session, doubled, [(_firm(session, agreement), bound_fen), (_clearing(session), -bound_fen)])
    return move


def forfeit(session: Session, agreement: Agreement, penalty: int, *, by: Hand, reason: str) -> DepositMove:
    """The firm keeps what is left of the deposit, but no excess, for the buyer's breach instead of its penalty.

    Raises DepositStillBound, DepositUsedUp when nothing is left, and as `breach.decide`.
    """
    if agreement.status in (*RUNNING, *UNSIGNED):
        raise DepositStillBound(agreement=agreement.code)
    stands = standing(session, agreement)
    left_fen = stands.left_fen - stands.excess_fen
    if not left_fen:
        raise DepositUsedUp(agreement=agreement.code)
    decide(session, agreement, penalty, "take_deposit", by=by, reason=reason)
    move = _move(session, agreement, K.FORFEITED, left_fen, by.now, reason=reason)
    _book(session, move, [(_held(session, agreement), left_fen), (_firm(session, agreement), -left_fen)])
    return move


def moves(session: Session, agreement_id: int) -> list[dict[str, Any]]:
    """All moves of an agreement's deposit, the oldest first; of what was set off against which order."""
    rows = session.execute(
        select(DepositMove, Order.number)
        .outerjoin(Payment, Payment.id == DepositMove.payment_id)
        .outerjoin(Order, Order.id == Payment.order_id)
        .where(DepositMove.agreement_id == agreement_id)
        .order_by(DepositMove.id)
    )
    return [columns_of(move) | {"order": number} for move, number in rows]


def _move(
    session: Session, agreement: Agreement, kind: DepositMoveKind, amount_fen: int, now: datetime, *,
    reference: str | None = None, payment: Payment | None = None, reason: str | None = None,
) -> DepositMove:  # fmt: skip
    move = DepositMove(
        agreement_id=agreement.id, kind=kind, amount_fen=amount_fen, bank_reference=reference,
        payment_id=payment.id if payment else None, moved_at=now, reason=reason,
    )  # fmt: skip
    try:
        with session.begin_nested():
            session.add(move)
    except IntegrityError:
        raise TransferBooked(reference=reference or "") from None
    return move


def _book(session: Session, move: DepositMove, legs: list[tuple[int, int]]) -> None:
    post(session, "deposit_moves", move.id, move.kind.value, legs, booked_at=move.moved_at)


def _clearing(session: Session) -> int:
    return account(session, A.CLEARING)


def _held(session: Session, agreement: Agreement) -> int:
    return account(session, A.DEPOSIT, session.get_one(Partner, agreement.partner_id).party_id)


def _firm(session: Session, agreement: Agreement) -> int:
    return account(session, A.FIRM, session.get_one(Firm, agreement.firm_id).party_id)
