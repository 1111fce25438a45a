"""Paying, notifications, refunds, bank transfers. Each locks the order before anything else."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from shop.channels.models import Partner
from shop.kit.errors import NotFoundError
from shop.kit.http import parse_json
from shop.kit.jobs import enqueue
from shop.kit.money import split
from shop.kit.states import record
from shop.ledger.actions import account, post
from shop.ledger.models import AccountKind as A
from shop.orders.actions import add_refunded, confirm_paid
from shop.orders.jobs import REFUND_EXCESS
from shop.orders.locks import lines_of, locked_order_by_id
from shop.orders.models import Order, OrderStatus, PaymentTerms
from shop.orders.states import ORDER_LIFE
from shop.payments import simulated
from shop.payments.errors import (
    NothingToPay,
    NotificationRefused,
    PaymentBeyondOwed,
    RefundBeyondPaid,
    RefundByBank,
    RefundByMarketplace,
    TransferBooked,
)
from shop.payments.models import (
    Notification,
    Payment,
    PaymentStatus,
    Provider,
    Refund,
    RefundLine,
    RefundStatus,
    SimulatedCharge,
)

#: Orders that end without goods: whatever was paid for them goes back.
_NOTHING_OWED = (OrderStatus.CANCELLED, OrderStatus.EXPIRED)


def start_payment(session: Session, order: Order, *, now: datetime) -> Payment:
    """A payment page for an order that waits for its money; asking again gives the same page.

    Raises NothingToPay. The caller holds the order's lock.
    """
    if order.payment_terms is not PaymentTerms.IN_ADVANCE or not ORDER_LIFE.allows(order.status, "pay"):
        raise NothingToPay(number=order.number)
    pending = session.scalar(
        select(Payment).where(Payment.order_id == order.id, Payment.status == PaymentStatus.PENDING)
    )
    if pending is not None:
        return pending
    payment = Payment(
        number=f"P{order.number}", order_id=order.id, provider=Provider.SIMULATED, status=PaymentStatus.PENDING,
        amount_fen=order.total_fen, created_at=now,
    )  # fmt: skip
    asked = simulated.charge(session, "pay", payment.number, payment.amount_fen, now=now)
    payment.pay_url = f"/simulated-pay/{asked.txn}"
    session.add(payment)
    session.flush()
    return payment


def receive_notification(
    session: Session, body: bytes, headers: Mapping[str, str], secret: str, *, now: datetime
) -> None:
    """Take a provider's notice: verified on its raw bytes, stored once, effective once.

    Raises SignatureRefused, NotificationRefused; then nothing is changed.
    """
    simulated.verify(
        body, headers.get("Pay-Timestamp", ""), headers.get("Pay-Nonce", ""), headers.get("Pay-Signature", ""), secret,
        now=now,
    )  # fmt: skip
    event = _event(parse_json(body))
    fresh = session.execute(
        insert(Notification)
        .values(
            provider=Provider.SIMULATED, event_id=event.event_id, kind=event.kind,
            body_sha256=hashlib.sha256(body).digest(), received_at=now, handled_at=now,
        )
        .on_conflict_do_nothing()
        .returning(Notification.id)
    ).scalar()  # fmt: skip
    if fresh is None:
        return
    match event.kind:
        case "pay":
            _payment_succeeded(session, event, now)
        case "refund":
            _refund_succeeded(session, event, now)
        case _:
            raise NotificationRefused(why="kind")


@dataclass(frozen=True)
class _Event:
    """What a notice says happened at the provider: `txn` moved `amount_fen` for our `out_number`."""

    event_id: str
    kind: str
    out_number: str
    txn: str
    amount_fen: int


def _event(told: object) -> _Event:
    """The notice, read strictly. Raises NotificationRefused for another shape or currency."""
    match told:
        case {
            "event_id": str(event_id), "kind": str(kind), "out_number": str(number), "txn": str(txn),
            "amount_fen": int(amount_fen), "currency": str(currency),
        } if not isinstance(amount_fen, bool):  # fmt: skip
            if currency != "CNY":
                raise NotificationRefused(why="currency")
            return _Event(event_id, kind, number, txn, amount_fen)
    raise NotificationRefused(why="shape")


def _known(event: _Event, booked: Payment | Refund, *, succeeded: bool) -> bool:
    """Whether this success was booked before, told again as another event. Raises NotificationRefused where the notice
    does not fit what we asked for."""
    if booked.amount_fen != event.amount_fen:
        raise NotificationRefused(why="amount")
    if succeeded and booked.provider_txn != event.txn:
        raise NotificationRefused(why="txn")
    return succeeded


def _payment_succeeded(session: Session, event: _Event, now: datetime) -> None:
    order_id = session.scalar(select(Payment.order_id).where(Payment.number == event.out_number))
    if order_id is None:
        raise NotificationRefused(why="number")
    order = locked_order_by_id(session, order_id)
    payment = session.execute(select(Payment).where(Payment.number == event.out_number)).scalar_one()
    if _known(event, payment, succeeded=payment.status is PaymentStatus.SUCCEEDED):
        return
    payment.status, payment.provider_txn, payment.succeeded_at = PaymentStatus.SUCCEEDED, event.txn, now
    order.paid_fen += payment.amount_fen
    record(session, payment, "succeed", person_id=None, now=now, to_state=PaymentStatus.SUCCEEDED)
    session.flush()
    legs = [(account(session, A.CLEARING), payment.amount_fen), (account(session, A.ADVANCES), -payment.amount_fen)]
    post(session, "payments", payment.id, "payment", legs, booked_at=now)
    if ORDER_LIFE.allows(order.status, "pay"):
        confirm_paid(session, order, now=now)
    else:
        # Too late: the hold lapsed or the order was cancelled. The money is booked, and goes back by itself.
        enqueue(session, REFUND_EXCESS, order.id, now=now)


def money_account(session: Session, order: Order, provider: Provider) -> int:
    """The account that stands for the money while `provider` has it: ours, or what a marketplace owes us."""
    match provider:
        case Provider.SIMULATED | Provider.BANK_TRANSFER:
            return account(session, A.CLEARING)
        case Provider.DEPOSIT:
            return account(session, A.DEPOSIT, order.buyer_party_id)
        case Provider.MARKETPLACE:
            party_id = session.execute(select(Partner.party_id).where(Partner.id == order.partner_id)).scalar_one()
            return account(session, A.MARKETPLACE, party_id)
        case _:
            assert_never(provider)


def record_collected(session: Session, order: Order, reference: str, *, now: datetime) -> Payment:
    """A marketplace took the buyer's money for an order in advance: from now on it owes us the amount.

    Raises NothingToPay. The caller holds the order's lock.
    """
    if order.payment_terms is not PaymentTerms.IN_ADVANCE or not ORDER_LIFE.allows(order.status, "pay"):
        raise NothingToPay(number=order.number)
    payment = Payment(
        number=f"P{order.number}", order_id=order.id, provider=Provider.MARKETPLACE, status=PaymentStatus.SUCCEEDED,
        amount_fen=order.total_fen, provider_txn=reference, created_at=now, succeeded_at=now,
    )  # fmt: skip
    session.add(payment)
    order.paid_fen += payment.amount_fen
    session.flush()
    record(session, payment, "succeed", person_id=None, now=now, to_state=PaymentStatus.SUCCEEDED)
    owed = money_account(session, order, payment.provider)
    legs = [(owed, payment.amount_fen), (account(session, A.ADVANCES), -payment.amount_fen)]
    post(session, "payments", payment.id, "payment", legs, booked_at=now)
    confirm_paid(session, order, now=now)
    return payment


def refundable(session: Session, order: Order) -> int:
    """Fen that can still be given back: paid, less refunds done or under way."""
    promised = session.scalar(
        select(func.sum(Refund.amount_fen)).where(Refund.order_id == order.id, Refund.status != RefundStatus.FAILED)
    )
    return order.paid_fen - int(promised or 0)


def refunded_by_line(session: Session, order_id: int) -> dict[int, int]:
    """Fen of refunds done or under way, by line id."""
    rows = session.execute(
        select(RefundLine.order_line_id, func.sum(RefundLine.amount_fen))
        .join(Refund, Refund.id == RefundLine.refund_id)
        .where(Refund.order_id == order_id, Refund.status != RefundStatus.FAILED)
        .group_by(RefundLine.order_line_id)
    )
    return {line_id: int(total) for line_id, total in rows}


def request_refund(
    session: Session, order: Order, amount_fen: int, reason: str, *, line_ids: Sequence[int] | None = None,
    actor_id: int | None, now: datetime,
) -> Refund:  # fmt: skip
    """Grant a refund, to the payment it came from; shared over the lines (or the named ones) by what is left of them.

    Of a settled order everybody gives back his part: use
    `income.actions.grant_refund`, which does both. What was paid at a marketplace is refunded there: no person
    (`actor_id`) can grant it here. Raises RefundByBank, RefundByMarketplace, RefundBeyondPaid; the caller holds the
    order's lock, so two refunds at once cannot give back more than was paid.
    """
    if order.payment_terms is not PaymentTerms.IN_ADVANCE:
        raise RefundByBank(number=order.number)
    left_by_line = {
        line.id: line.payable_fen - refunded_by_line(session, order.id).get(line.id, 0)
        for line in lines_of(session, order.id)
        if line_ids is None or line.id in line_ids
    }
    left_fen = min(refundable(session, order), sum(left_by_line.values()))
    if amount_fen > left_fen:
        raise RefundBeyondPaid(left_fen=left_fen, asked_fen=amount_fen)
    payment = session.execute(
        select(Payment).where(Payment.order_id == order.id, Payment.status == PaymentStatus.SUCCEEDED)
    ).scalar_one()
    if payment.provider is Provider.MARKETPLACE and actor_id is not None:
        raise RefundByMarketplace(number=order.number)
    count = session.scalar(select(func.count()).where(Refund.order_id == order.id)) or 0
    refund = Refund(
        number=f"R{order.number}-{count + 1}", order_id=order.id, payment_id=payment.id, status=RefundStatus.PENDING,
        amount_fen=amount_fen, reason=reason, requested_at=now,
    )  # fmt: skip
    session.add(refund)
    session.flush()
    parts = split(amount_fen, list(left_by_line.values()))
    session.add_all(
        RefundLine(refund_id=refund.id, order_line_id=line_id, amount_fen=part)
        for line_id, part in zip(left_by_line, parts, strict=True)
        if part
    )
    record(session, refund, "grant", person_id=actor_id, now=now, to_state=RefundStatus.PENDING, reason=reason)
    if order.status is not OrderStatus.SETTLED:
        legs = [(account(session, A.ADVANCES), amount_fen), (account(session, A.REFUNDS_DUE), -amount_fen)]
        post(session, "refunds", refund.id, "refund", legs, booked_at=now)
    match payment.provider:
        case Provider.SIMULATED:
            asked = simulated.charge(session, "refund", refund.number, amount_fen, now=now)
            simulated.complete(session, asked.txn, now=now)
        case Provider.MARKETPLACE:
            # It tells us of refunds that are done.
            _paid_back(session, order, refund, refund.number, payment.provider, now)
        case Provider.BANK_TRANSFER | Provider.DEPOSIT:
            raise RefundByBank(number=order.number)
        case _:
            assert_never(payment.provider)
    session.flush()
    return refund


def _refund_succeeded(session: Session, event: _Event, now: datetime) -> None:
    order_id = session.scalar(select(Refund.order_id).where(Refund.number == event.out_number))
    if order_id is None:
        raise NotificationRefused(why="number")
    order = locked_order_by_id(session, order_id)
    refund = session.execute(select(Refund).where(Refund.number == event.out_number)).scalar_one()
    if _known(event, refund, succeeded=refund.status is RefundStatus.SUCCEEDED):
        return
    _paid_back(session, order, refund, event.txn, Provider.SIMULATED, now)


def _paid_back(session: Session, order: Order, refund: Refund, txn: str, provider: Provider, now: datetime) -> None:
    refund.status, refund.provider_txn, refund.succeeded_at = RefundStatus.SUCCEEDED, txn, now
    lines = session.execute(
        select(RefundLine.order_line_id, RefundLine.amount_fen)
        .where(RefundLine.refund_id == refund.id)
        .order_by(RefundLine.order_line_id)
    ).all()
    record(session, refund, "succeed", person_id=None, now=now, to_state=RefundStatus.SUCCEEDED)
    add_refunded(session, order, [(line_id, fen) for line_id, fen in lines], refund.amount_fen)
    source = money_account(session, order, provider)
    legs = [(account(session, A.REFUNDS_DUE), refund.amount_fen), (source, -refund.amount_fen)]
    post(session, "refunds", refund.id, "paid_back", legs, booked_at=now)


def refund_excess(session: Session, order_id: int, *, now: datetime) -> Refund | None:
    """Give back what was paid beyond what is owed, before settlement. None without excess; safe to run twice."""
    order = locked_order_by_id(session, order_id)
    if order.payment_terms is not PaymentTerms.IN_ADVANCE or order.status is OrderStatus.SETTLED:
        return None
    lines = lines_of(session, order.id)
    by_line = refunded_by_line(session, order.id)
    excess: dict[int, int] = {}
    for line in lines:
        if order.status in _NOTHING_OWED:
            owed = 0
        elif line.accepted_fen is not None:
            owed = line.accepted_fen
        else:
            owed = line.standing_fen
        excess[line.id] = max(0, line.payable_fen - by_line.get(line.id, 0) - owed)
    back = {line_id: fen for line_id, fen in excess.items() if fen}
    if not back or not refundable(session, order):
        return None
    reason = "部分取消退款" if order.accepted_at is None else "验收拒收退款"
    if order.status in _NOTHING_OWED:
        reason = "订单未成交退款"
    if len(back) == 1 or order.status in _NOTHING_OWED:
        return request_refund(session, order, sum(back.values()), reason, line_ids=list(back), actor_id=None, now=now)
    refunds = [
        request_refund(session, order, fen, reason, line_ids=[line_id], actor_id=None, now=now)
        for line_id, fen in back.items()
    ]
    return refunds[-1]


def owed_fen(session: Session, order: Order) -> int:
    """What an invoiced order's buyer still owes: accepted, less what came in."""
    accepted = sum(line.accepted_fen or 0 for line in lines_of(session, order.id))
    return accepted - order.paid_fen


def record_bank_transfer(
    session: Session, order: Order, amount_fen: int, reference: str, *, actor_id: int | None, now: datetime,
    provider: Provider = Provider.BANK_TRANSFER,
) -> Payment:  # fmt: skip
    """Money that came in against an invoice, or a deposit that is set off against it.

    Raises NothingToPay, PaymentBeyondOwed, TransferBooked; the caller holds the order's lock.
    """
    left_fen = owed_fen(session, order)
    settled = order.payment_terms is PaymentTerms.ON_INVOICE and order.status is OrderStatus.SETTLED
    if not settled or amount_fen <= 0 or not left_fen:
        raise NothingToPay(number=order.number)
    if amount_fen > left_fen:
        raise PaymentBeyondOwed(number=order.number, owed_fen=left_fen, asked_fen=amount_fen)
    count = session.scalar(select(func.count()).where(Payment.order_id == order.id)) or 0
    payment = Payment(
        number=f"P{order.number}-{count + 1}", order_id=order.id, provider=provider,
        status=PaymentStatus.SUCCEEDED, amount_fen=amount_fen, provider_txn=reference, created_at=now, succeeded_at=now,
    )  # fmt: skip
    try:
        with session.begin_nested():
            session.add(payment)
    except IntegrityError:
        raise TransferBooked(reference=reference) from None
    order.paid_fen += amount_fen
    record(session, payment, "succeed", person_id=actor_id, now=now, to_state=PaymentStatus.SUCCEEDED)
    session.flush()
    legs = [
        (money_account(session, order, provider), amount_fen),
        (account(session, A.RECEIVABLE, order.buyer_party_id), -amount_fen),
    ]
    post(session, "payments", payment.id, "payment", legs, booked_at=now)
    return payment


def payment_of(session: Session, txn: str) -> tuple[Payment, Order]:
    """The payment behind a provider's page. Raises NotFoundError."""
    charge = session.scalar(select(SimulatedCharge).where(SimulatedCharge.txn == txn))
    row = session.execute(
        select(Payment, Order)
        .join(Order, Order.id == Payment.order_id)
        .where(Payment.number == (charge.out_number if charge else ""))
    ).first()
    if row is None:
        raise NotFoundError(what=txn)
    return row[0], row[1]
