"""Taking packs off a confirmed order before they are sent: the buyer wants fewer, or the firm has fewer.

Who takes them off decides the price of what stands (docs/orders.md): the firm keeps its word, the buyer pays for the
tier that his quantity reaches. Nothing of the order as it was sold is edited; what is taken off stands beside it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from shop.agreements.models import CallOff, Side
from shop.catalog.reference import Catalog
from shop.channels.actions import may_approve
from shop.channels.models import Coupon, NamedPriceTier
from shop.channels.policies import Approval, Payer, Price
from shop.kit.clock import beijing_day
from shop.kit.errors import NotFoundError
from shop.kit.jobs import enqueue
from shop.kit.states import advance
from shop.orders.actions import policy_of, tell_promise
from shop.orders.errors import (
    CouponWouldNotHold,
    CutBeyondOrder,
    NotACallOff,
    NotCutHere,
    NothingWouldBeLeft,
    NotTheApprover,
    NotWholePacks,
    RestNotLate,
)
from shop.orders.jobs import REFUND_EXCESS
from shop.orders.locks import lines_of
from shop.orders.models import CouponUse, Order, OrderCut, OrderLine, PriceBasis
from shop.orders.pricing import standing_amount
from shop.orders.states import ORDER_LIFE
from shop.stock import actions as stock


@dataclass(frozen=True)
class Less:
    """So many packs of a product less, or grams of it (one of them)."""

    sku: str
    packs: int | None = None
    weight_g: int | None = None


@dataclass(frozen=True)
class Taken:
    """What is taken off a line: grams, packs (None by the kg, and where one was begun), fen by which it costs less."""

    line: OrderLine
    sku: str
    weight_g: int
    packs: int | None
    amount_fen: int


def plan_cut(
    session: Session, order: Order, asked: Sequence[Less], *, by: Side, goods: Catalog, actor_id: int | None,
    whole: bool = True,
) -> list[Taken]:  # fmt: skip
    """What taking this off would change; nothing is written. Not `whole`: a pack may have been sent in part.

    Raises NotFoundError, MoveRefusedError, NotCutHere, NotTheApprover, CutBeyondOrder, NotWholePacks,
    NothingWouldBeLeft, CouponWouldNotHold.
    """
    ORDER_LIFE.next(order.status, "cut")
    lines = lines_of(session, order.id)
    _may_cut(session, order, lines, by, actor_id)
    by_sku = {goods.by_id[line.product_id].sku: line for line in lines}
    mine = _taken_by_buyer(session, order) if policy_of(order).price is Price.TIERS else {}
    taken = []
    for less in asked:
        sku, line = less.sku, by_sku.get(less.sku)
        if line is None:
            raise NotFoundError(what=sku)
        unit_g, left_g = line.unit_weight_g, line.standing_g - line.dispatched_g
        weight_g = less.weight_g if less.weight_g is not None else (less.packs or 0) * unit_g
        if weight_g > left_g:
            raise CutBeyondOrder(sku=sku, left_g=left_g, asked_g=weight_g)
        packs = None
        if line.price_basis is PriceBasis.PACK:
            packs, loose = divmod(weight_g, unit_g)
            if loose and whole:
                raise NotWholePacks(sku=sku, unit_weight_g=unit_g)
            packs = None if loose else packs
        price_fen = line.price_fen
        gone = mine.get(line.id, 0) + (packs or 0 if by is Side.BUYER else 0)
        if gone and policy_of(order).price is Price.TIERS:
            tier = _tier(session, line, goods, max((line.quantity or 0) - gone, 1), order)
            price_fen = max(price_fen, tier or 0)
        cost = standing_amount(line, line.standing_g - weight_g, price_fen)
        # Fewer packs never cost more than more packs did.
        taken.append(Taken(line, sku, weight_g, packs, max(line.standing_fen - cost, 0)))
    _something_stands(order, lines, taken)
    if by is Side.BUYER:
        _coupon_holds(session, order, lines, taken)
    return taken


def _tier(session: Session, line: OrderLine, goods: Catalog, packs: int, order: Order) -> int | None:
    """Fen for a pack of `packs` by the list from which the line's price came."""
    if line.price_list_id is None:
        return goods.by_id[line.product_id].price_for(packs, order.placed_on)
    return session.scalar(
        select(NamedPriceTier.price_fen)
        .where(NamedPriceTier.list_id == line.price_list_id, NamedPriceTier.min_quantity <= packs)
        .order_by(NamedPriceTier.min_quantity.desc())
        .limit(1)
    )


def cut(
    session: Session, order: Order, asked: Sequence[Less], *, by: Side, reason: str, goods: Catalog,
    actor_id: int | None, now: datetime, closed_by: Side | None = None,
) -> list[Taken]:  # fmt: skip
    """Take this off and give their hold back; what was paid for them goes back by a job.

    The caller holds the order's lock; locks the holds, then their pools, then the call-off. When all that stands was
    sent already, the order is dispatched. `closed_by`: as in `close_rest`. Raises as `plan_cut`; then nothing is
    changed.
    """
    taken = plan_cut(session, order, asked, by=by, goods=goods, actor_id=actor_id, whole=closed_by is None)
    before = session.scalar(select(func.count()).select_from(OrderCut).where(OrderCut.order_id == order.id)) or 0
    for position, part in enumerate(taken, before + 1):
        session.add(
            OrderCut(
                order_id=order.id, position=position, order_line_id=part.line.id, side=by, weight_g=part.weight_g,
                packs=part.packs, amount_fen=part.amount_fen, reason=reason, cut_at=now, cut_by_id=actor_id,
            )
        )  # fmt: skip
        part.line.cancelled_g += part.weight_g
        part.line.cancelled_fen += part.amount_fen
    session.flush()
    stock.release_part(session, {part.line.reservation_id: part.weight_g for part in taken if part.line.reservation_id})
    tell_promise(session, order)
    whole = all(line.dispatched_g == line.standing_g for line in lines_of(session, order.id))
    facts: dict[str, object] = {"by": by.value, "weights": {part.sku: part.weight_g for part in taken}}
    if closed_by is not None:
        facts["closed_by"] = closed_by.value
    event = "cut_rest" if whole else "cut"
    advance(session, order, ORDER_LIFE, event, person_id=actor_id, now=now, reason=reason, facts=facts)
    if order.paid_fen:
        enqueue(session, REFUND_EXCESS, order.id, now=now)
    session.flush()
    return taken


def close_rest(
    session: Session, order: Order, *, by: Side, reason: str, goods: Catalog, actor_id: int | None, now: datetime
) -> list[Taken]:
    """Close what the firm has not sent of an order that is on its way in part, as if the firm had taken it off itself.

    Else nobody but the firm could let it go on. Of a call-off its buyer or the county may from the day after the due
    day on, of any other order the county. The caller holds the order's lock; locks as `cut`. Raises MoveRefusedError,
    RestNotLate, NotACallOff, NotCutHere; then nothing is changed.
    """
    ORDER_LIFE.next(order.status, "cut_rest")
    if order.call_off_id is not None:
        due_on = session.execute(select(CallOff.due_on).where(CallOff.id == order.call_off_id)).scalar_one()
        if beijing_day(now) <= due_on:
            raise RestNotLate(number=order.number, due_on=str(due_on))
    elif by is not Side.COUNTY:
        raise NotACallOff(number=order.number)
    rest = {line: line.standing_g - line.dispatched_g for line in lines_of(session, order.id)}
    asked = [Less(goods.by_id[line.product_id].sku, weight_g=left_g) for line, left_g in rest.items() if left_g]
    return cut(
        session, order, asked, by=Side.FIRM, reason=reason, goods=goods, actor_id=actor_id, now=now, closed_by=by
    )


def _may_cut(session: Session, order: Order, lines: Sequence[OrderLine], by: Side, actor_id: int | None) -> None:
    """What was sold elsewhere is cut there. What a round or an agreement asked for is not its buyer's to cut."""
    policy = policy_of(order)
    together = policy.payer is Payer.PARTNER and order.occasion_id is not None
    if any(line.price_basis is PriceBasis.LINE for line in lines) or (by is Side.BUYER and together):
        raise NotCutHere(number=order.number)
    approves = by is Side.BUYER and policy.approval is Approval.BUYER and actor_id is not None
    if approves and not may_approve(session, order.partner_id, actor_id or 0):
        raise NotTheApprover(number=order.number)


def _taken_by_buyer(session: Session, order: Order) -> dict[int, int]:
    """Packs that the buyer took off before, by line id."""
    rows = session.execute(
        select(OrderCut.order_line_id, func.sum(OrderCut.packs))
        .where(OrderCut.order_id == order.id, OrderCut.side == Side.BUYER)
        .group_by(OrderCut.order_line_id)
    )
    return {line_id: int(packs or 0) for line_id, packs in rows}


def _something_stands(order: Order, lines: Sequence[OrderLine], taken: Sequence[Taken]) -> None:
    if sum(line.standing_g for line in lines) == sum(part.weight_g for part in taken):
        raise NothingWouldBeLeft(number=order.number)


def _coupon_holds(session: Session, order: Order, lines: Sequence[OrderLine], taken: Sequence[Taken]) -> None:
    """What a coupon asks for must stand, or the whole order is cancelled and the coupon goes back with it."""
    coupon = session.execute(
        select(Coupon.code, Coupon.min_goods_fen)
        .join(CouponUse, CouponUse.coupon_id == Coupon.id)
        .where(CouponUse.order_id == order.id)
    ).first()
    if coupon is None:
        return
    off = {part.line.id: part.weight_g for part in taken}
    goods_fen = sum((line.standing_g - off.get(line.id, 0)) // line.unit_weight_g * line.price_fen for line in lines)
    if goods_fen < coupon.min_goods_fen:
        raise CouponWouldNotHold(coupon=coupon.code, min_goods_fen=coupon.min_goods_fen)


def cuts_of(session: Session, order_id: int, goods: Catalog) -> list[dict[str, object]]:
    """What was taken off an order, in order: which side, how much, why, when."""
    rows = session.execute(
        select(OrderCut, OrderLine.product_id)
        .join(OrderLine, OrderLine.id == OrderCut.order_line_id)
        .where(OrderCut.order_id == order_id)
        .order_by(OrderCut.position)
    )
    return [
        {
            "position": row.position, "sku": goods.by_id[product_id].sku, "side": row.side.value,
            "weight_g": row.weight_g, "packs": row.packs, "amount_fen": row.amount_fen, "reason": row.reason,
            "cut_at": row.cut_at,
        }
        for row, product_id in rows
    ]  # fmt: skip
