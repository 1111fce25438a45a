"""Bringing our order to where the marketplace is: a line at a time, by the actions that everybody uses."""

from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from shop.catalog.models import Product
from shop.income.actions import grant_refund
from shop.kit.errors import DomainError
from shop.kit.outbox import ask_again
from shop.marketplaces.jobs import FOLLOW
from shop.marketplaces.models import MarketplaceOrder, MarketplaceRefund
from shop.orders.actions import Verdict, accept, cancel, dispatch
from shop.orders.locks import lines_of, locked_order_by_id
from shop.orders.models import Order, OrderStatus
from shop.orders.states import ORDER_LIFE
from shop.payments.actions import record_collected, refundable

#: What keeps an order back (no stock in its lots) may be gone after so long.
PATIENCE = timedelta(minutes=10)
#: Why a line that was closed after it was sent is refused.
RETURNED_ZH = "平台已关闭订单并退款"


def follow(session: Session, line_id: int, *, now: datetime) -> bool:
    """Pay, dispatch, accept, cancel and refund our order as far as the marketplace has told; True when it is there.

    Safe to run twice. What refuses (too little in the lots) leaves the order as it was and is noted on the line. Locks
    the line, then its order.
    """
    line = session.execute(
        select(MarketplaceOrder).where(MarketplaceOrder.id == line_id).with_for_update()
    ).scalar_one()
    if line.order_id is None:
        return True
    try:
        with session.begin_nested():
            _bring(session, line, locked_order_by_id(session, line.order_id), now)
    except DomainError as refused:
        line.held_up, line.tried_at = refused.code[:40], now
        session.flush()
        return False
    line.followed_at, line.held_up = now, None
    session.flush()
    return True


def _bring(session: Session, line: MarketplaceOrder, order: Order, now: datetime) -> None:
    if ORDER_LIFE.allows(order.status, "pay"):
        record_collected(session, order, f"MP{line.id}", now=now)
    if line.cancelled_at is not None and line.shipped_at is None and ORDER_LIFE.allows(order.status, "cancel"):
        cancel(session, order, actor_id=None, now=now, reason=RETURNED_ZH)
    if line.shipped_at is not None and ORDER_LIFE.allows(order.status, "dispatch"):
        # Lots are picked as of the day on which the goods left.
        dispatch(session, order, None, carrier_zh=None, tracking_number=None, actor_id=None, now=line.shipped_at)
    if order.status is OrderStatus.DISPATCHED and line.cancelled_at is not None:
        accept(session, order, _nothing(session, order), actor_id=None, now=now)
    elif order.status is OrderStatus.DISPATCHED and line.received_at is not None:
        accept(session, order, None, actor_id=None, now=now)
    _refund(session, line, order, now)


def _nothing(session: Session, order: Order) -> dict[str, Verdict]:
    """The verdict that takes nothing."""
    products = [row.product_id for row in lines_of(session, order.id)]
    skus = session.scalars(select(Product.sku).where(Product.id.in_(products)))
    return {sku: Verdict(0, RETURNED_ZH) for sku in skus}


def _refund(session: Session, line: MarketplaceOrder, order: Order, now: datetime) -> None:
    """Grant what the marketplace gave back and we did not yet: all of a cancelled line, else the refunds told of."""
    told = session.scalar(
        select(func.sum(MarketplaceRefund.amount_fen)).where(
            MarketplaceRefund.marketplace_id == line.marketplace_id,
            MarketplaceRefund.number == line.number,
            MarketplaceRefund.line == line.line,
        )
    )
    whole = line.cancelled_at is not None
    back_fen = order.paid_fen if whole else min(int(told or 0), order.paid_fen)
    missing_fen = back_fen - (order.paid_fen - refundable(session, order))
    if missing_fen > 0:
        grant_refund(session, order, missing_fen, "平台退款", line_ids=None, actor_id=None, now=now)


def follow_again(session: Session, *, now: datetime, limit: int = 500) -> int:
    """Ask again for lines that are behind: a message was lost, or what held them up may be gone."""
    behind = session.scalars(
        select(MarketplaceOrder.id)
        .where(
            MarketplaceOrder.followed_at.is_(None),
            func.coalesce(MarketplaceOrder.tried_at, MarketplaceOrder.told_at) < now - PATIENCE,
        )
        .order_by(MarketplaceOrder.id)
        .limit(limit)
    ).all()
    return ask_again(session, FOLLOW, behind, now=now)
