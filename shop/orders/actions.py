"""What happens to an order after it was placed: confirm, cancel, expire, dispatch, accept.

Each action locks the order first. Reading `policy` axis by axis keeps the channels' names out of here.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, assert_never

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from shop.agreements.actions import let_stand, move_call_off
from shop.agreements.in_force import terms_of_call
from shop.agreements.models import Side
from shop.catalog.models import Product
from shop.channels.actions import may_approve
from shop.channels.models import Partner
from shop.channels.policies import POLICIES, Approval, ChannelPolicy, Hold
from shop.farmers.models import Grade
from shop.kit.clock import beijing_day
from shop.kit.jobs import enqueue
from shop.kit.money import price_of
from shop.kit.states import advance, advance_all
from shop.orders.coupons import give_back_coupons
from shop.orders.errors import (
    AcceptanceDoesNotFit,
    AlreadyOnTheWay,
    DispatchBeyondOrder,
    NotApprovedByYou,
    NotInTheOrder,
    NotTheApprover,
)
from shop.orders.grading import graded
from shop.orders.jobs import REFUND_EXCESS, SETTLE_ORDER
from shop.orders.locks import lines_of
from shop.orders.models import Dispatch, GradedAcceptance, Order, OrderLine, OrderStatus, Pick, PriceBasis
from shop.orders.place import hold_ahead, supply_for
from shop.orders.pricing import accepted_amount
from shop.orders.states import ORDER_LIFE
from shop.stock import actions as stock
from shop.stock.models import Presale
from shop.stock.presales import presale_row


def policy_of(order: Order) -> ChannelPolicy:
    """The policy of the order's channel."""
    return POLICIES[order.channel_kind]


def confirm_paid(session: Session, order: Order, *, now: datetime) -> None:
    """The money is in: the hold no longer lapses. The caller holds the order's lock. Raises MoveRefusedError."""
    advance(session, order, ORDER_LIFE, "pay", person_id=None, now=now)
    order.confirmed_at = now
    order.expires_at = None
    session.flush()


def approve(session: Session, order: Order, *, actor_id: int | None, now: datetime) -> None:
    """Approve an order on invoice: stock is held now, by the policy's hold axis.

    Raises NotApprovedByYou, NotTheApprover, MoveRefusedError, NotEnoughStock; then nothing is changed.
    """
    policy = policy_of(order)
    if policy.approval is Approval.NONE:
        raise NotApprovedByYou(number=order.number)
    if (
        policy.approval is Approval.BUYER
        and actor_id is not None
        and not may_approve(session, order.partner_id, actor_id)
    ):
        raise NotTheApprover(number=order.number)
    advance(session, order, ORDER_LIFE, "approve", person_id=actor_id, now=now)
    order.confirmed_at = now
    session.flush()
    match policy.hold:
        case Hold.WHEN_APPROVED | Hold.FROM_PROMISE:
            _hold_lines(session, order, now)
        case Hold.WHEN_PLACED | Hold.FROM_SET_ASIDE:
            pass
        case _:
            assert_never(policy.hold)
    if order.call_off_id is not None:
        move_call_off(session, order.call_off_id, "confirm", actor_id=actor_id, now=now)


def _hold_lines(session: Session, order: Order, now: datetime) -> None:
    lines = lines_of(session, order.id)
    if order.presale_id is not None:
        presale = presale_row(session.get_one(Presale, order.presale_id))
        hold_ahead(session, order.id, presale, lines[0].weight_g, expires_at=None, now=now)
        return
    wanted = {line.product_id: line.weight_g for line in lines}
    held = stock.reserve(session, wanted, supply_for(policy_of(order), order.occasion_id), expires_at=None, now=now)
    for line in lines:
        line.reservation_id = held[line.product_id]
    session.flush()


def cancel(
    session: Session, order: Order, *, actor_id: int | None, now: datetime, reason: str | None = None,
    by: Side | None = None,
) -> None:  # fmt: skip
    """Cancel before anything was dispatched: holds are released, a call-off goes back to its promise.

    `by`: the side of an agreement that cancels; what the firm was late with is its breach. What was paid
    goes back by a job. Raises AlreadyOnTheWay, MoveRefusedError.
    """
    if order.status in (OrderStatus.PARTLY_DISPATCHED, OrderStatus.DISPATCHED):
        raise AlreadyOnTheWay(number=order.number)
    _end_unfulfilled(session, order, "cancel", actor_id, now, reason, by)


def expire(session: Session, order: Order, *, now: datetime) -> None:
    """An unpaid order lapses and gives its stock back."""
    _end_unfulfilled(session, order, "expire", None, now, None)


def _end_unfulfilled(
    session: Session, order: Order, event: str, actor_id: int | None, now: datetime, reason: str | None,
    by: Side | None = None,
) -> None:  # fmt: skip
    advance(session, order, ORDER_LIFE, event, person_id=actor_id, now=now, reason=reason)
    order.expires_at = None
    session.flush()
    stock.release(session, [line.reservation_id for line in lines_of(session, order.id) if line.reservation_id])
    give_back_coupons(session, [order.id], now=now)
    if order.call_off_id is not None:
        move_call_off(session, order.call_off_id, "cancel", actor_id=actor_id, now=now, by=by)
    if order.paid_fen:
        enqueue(session, REFUND_EXCESS, order.id, now=now)


#: Orders that one run expires at most: a session's burst, and still a fraction of a second under the locks.
EXPIRED_AT_ONCE = 2_000


def expire_unpaid(session: Session, *, now: datetime, limit: int = EXPIRED_AT_ONCE) -> int:
    """Expire placed orders whose hold lapsed, oldest first, all together: six statements, however many they are.

    Locks the orders, skipping those somebody else is working on, then holds, pools and coupons by rising id. Only
    orders paid in advance have a hold that lapses: none is of a call-off, none has money to give back.
    """
    lapsed = session.scalars(
        select(Order.id)
        .where(Order.status == OrderStatus.PLACED, Order.expires_at < now)
        .order_by(Order.expires_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    if not lapsed:
        return 0
    moved = advance_all(session, Order.__tablename__, ORDER_LIFE, "expire", lapsed, person_id=None, now=now)
    session.execute(update(Order).where(Order.id.in_(moved)).values(expires_at=None))
    held = session.scalars(
        select(OrderLine.reservation_id).where(OrderLine.order_id.in_(moved), OrderLine.reservation_id.is_not(None))
    )
    stock.release(session, [hold for hold in held if hold is not None])
    give_back_coupons(session, moved, now=now)
    session.expire_all()  # orders that somebody loaded before are read again
    return len(moved)


def dispatch(
    session: Session, order: Order, weights: Mapping[str, int] | None, *, carrier_zh: str | None,
    tracking_number: str | None, actor_id: int | None, now: datetime,
) -> Dispatch:  # fmt: skip
    """Send one parcel or load: `weights` are grams by SKU, None = all that is left. Lots are picked oldest first.

    Raises MoveRefusedError, NotInTheOrder, DispatchBeyondOrder, NotEnoughStock; then nothing is changed.
    """
    ORDER_LIFE.next(order.status, "dispatch")
    skus = _skus(session, order)
    lines = {skus[line.product_id]: line for line in lines_of(session, order.id)}
    asked = {sku: line.standing_g - line.dispatched_g for sku, line in lines.items()} if weights is None else weights
    _all_in_order(order, asked, lines)
    for sku, grams in asked.items():
        left_g = lines[sku].standing_g - lines[sku].dispatched_g
        if grams > left_g:
            raise DispatchBeyondOrder(sku=sku, left_g=left_g, asked_g=grams)
    number = session.scalar(select(func.count()).where(Dispatch.order_id == order.id)) or 0
    parcel = Dispatch(
        order_id=order.id, position=number + 1, dispatched_at=now, carrier_zh=carrier_zh,
        tracking_number=tracking_number,
    )  # fmt: skip
    session.add(parcel)
    session.flush()
    sent = {lines[sku]: grams for sku, grams in asked.items() if grams}
    _send(session, parcel, sent, now)
    whole = all(line.dispatched_g == line.standing_g for line in lines.values())
    advance(session, order, ORDER_LIFE, "dispatch" if whole else "dispatch_part", person_id=actor_id, now=now)
    session.flush()
    return parcel


def _all_in_order(order: Order, named: Iterable[str], skus: Collection[str]) -> None:
    """Raise NotInTheOrder for the first that is named and is not one of its products."""
    for sku in named:
        if sku not in skus:
            raise NotInTheOrder(number=order.number, sku=sku)


def _send(session: Session, parcel: Dispatch, grams: Mapping[OrderLine, int], now: datetime) -> None:
    holds = {line.reservation_id: line for line in grams if line.reservation_id is not None}
    assert len(holds) == len(grams), "a confirmed line holds stock"  # noqa: S101
    picked = stock.pick(session, {of: grams[line] for of, line in holds.items()}, now=now, day=beijing_day(now))
    session.add_all(
        Pick(dispatch_id=parcel.id, order_line_id=holds[of].id, lot_id=p.lot_id, weight_g=p.weight_g)
        for of, picks in picked.items()
        for p in picks
    )
    for line, sent_g in grams.items():
        line.dispatched_g += sent_g


def _skus(session: Session, order: Order) -> dict[int, str]:
    rows = session.execute(
        select(Product.id, Product.sku)
        .join(OrderLine, OrderLine.product_id == Product.id)
        .where(OrderLine.order_id == order.id)
    )
    return dict(rows.all())


@dataclass(frozen=True)
class Verdict:
    """What the buyer says of a line: grams accepted (by grade, if an agreement prices them), why the rest is not."""

    accepted_g: int
    refused_reason: str | None = None
    grades: Mapping[Grade, int] | None = None

    @classmethod
    def asked(cls, said: Mapping[str, Any]) -> "Verdict":
        """A verdict as it is sent."""
        grades = said["grades"] and {entry["grade"]: entry["weight_g"] for entry in said["grades"]}
        return cls(said["accepted_g"], said["refused_reason"], grades)


def accept(
    session: Session, order: Order, verdicts: Mapping[str, Verdict] | None, *, actor_id: int | None, now: datetime,
    reason: str | None = None, term_from: date | None = None,
) -> None:  # fmt: skip
    """Accept by weight: None = everything as dispatched. Sets what is owed and, on invoice, the day it is due.

    `term_from`: the day from which the term of the invoice counts, today where it is not given.
    Raises MoveRefusedError, NotInTheOrder, AcceptanceDoesNotFit, GradesNotAgreed, GradeNotTaken; then nothing is
    changed. Settlement follows by a job.
    """
    ORDER_LIFE.next(order.status, "accept")
    skus = _skus(session, order)
    lines = lines_of(session, order.id)
    _all_in_order(order, verdicts or (), skus.values())
    for line in lines:
        sku = skus[line.product_id]
        verdict = (verdicts or {}).get(sku, Verdict(line.dispatched_g))
        accepted_fen, graded_rows = judged(session, order, line, sku, verdict)
        session.add_all(graded_rows)
        put_on_line(line, verdict, accepted_fen)
    advance(session, order, ORDER_LIFE, "accept", person_id=actor_id, now=now, reason=reason)
    order.accepted_at = now
    order.due_on = _due_on(session, order, term_from or beijing_day(now))
    session.flush()
    tell_promise(session, order)
    enqueue(session, SETTLE_ORDER, order.id, now=now)


def judged(
    session: Session,
    order: Order,
    line: OrderLine,
    sku: str,
    verdict: Verdict,
    known: Mapping[Grade, int] | None = None,
) -> tuple[int, list[GradedAcceptance]]:
    """What is owed in fen by a verdict, and what it says of each grade; nothing is written.

    `known`: as in `graded`. Raises AcceptanceDoesNotFit, GradesNotAgreed, GradeNotTaken.
    """
    refused = line.dispatched_g - verdict.accepted_g
    by_grade = verdict.grades is None or sum(verdict.grades.values()) == verdict.accepted_g
    if refused < 0 or (refused > 0 and not verdict.refused_reason) or not by_grade:
        raise AcceptanceDoesNotFit(sku=sku, dispatched_g=line.dispatched_g, accepted_g=verdict.accepted_g)
    if verdict.grades is None and line.price_basis is PriceBasis.KG:
        return price_of(verdict.accepted_g, line.price_fen), []  # all of it is 一级
    if verdict.grades is None:
        return accepted_amount(line.standing_fen, line.standing_g, verdict.accepted_g), []
    rows = graded(session, order, line, verdict.grades, known or {})
    return sum(row.amount_fen for row in rows), rows


def put_on_line(line: OrderLine, verdict: Verdict, accepted_fen: int) -> None:
    """Write a verdict on its line."""
    line.accepted_g, line.refused_g = verdict.accepted_g, line.dispatched_g - verdict.accepted_g
    line.refused_reason, line.accepted_fen = verdict.refused_reason, accepted_fen


def tell_promise(session: Session, order: Order) -> None:
    """Of a call-off its promise keeps what its order has still to bring or what was accepted: the rest goes back.

    The caller has flushed the lines and holds the order's lock; locks the call-off.
    """
    if order.call_off_id is not None:
        (line,) = lines_of(session, order.id)
        let_stand(session, order.call_off_id, line.standing_g if line.accepted_g is None else line.accepted_g)


def _due_on(session: Session, order: Order, day: date) -> date | None:
    """The due date of an invoice: by agreement, else by partner, else by policy; None when paid in advance."""
    policy = policy_of(order)
    if not policy.term_days:
        return None
    by_agreement = terms_of_call(session, order.call_off_id).payment_term_days if order.call_off_id else None
    by_partner = session.scalar(select(Partner.payment_term_days).where(Partner.id == order.partner_id))
    term = next(days for days in (by_agreement, by_partner, policy.term_days) if days is not None)
    return day + timedelta(days=term)


def add_refunded(session: Session, order: Order, by_line: Sequence[tuple[int, int]], total_fen: int) -> None:
    """Count a succeeded refund on order and lines (payments calls this under the order's lock)."""
    order.refunded_fen += total_fen
    for line_id, fen in by_line:
        session.execute(
            update(OrderLine).where(OrderLine.id == line_id).values(refunded_fen=OrderLine.refunded_fen + fen)
        )
    session.flush()
