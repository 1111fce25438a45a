"""What should have followed by a job and has not: the facts say so, whatever became of the messages."""

from datetime import datetime, timedelta

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from shop.income.jobs import TAKE_BACK
from shop.kit.outbox import ask_again
from shop.orders.jobs import SETTLE_ORDER
from shop.orders.models import Order, OrderStatus

#: The messages get so long to do it by themselves.
PATIENCE = timedelta(minutes=2)

#: Refunds of settled orders, granted after the settlement, that no settlement of their own took back.
_NOT_TAKEN_BACK = text(
    """
    SELECT refunds.id FROM refunds JOIN orders ON orders.id = refunds.order_id AND orders.status = 'settled'
    WHERE refunds.status <> 'failed' AND refunds.requested_at < :before
      AND NOT EXISTS (SELECT FROM settlements WHERE settlements.refund_id = refunds.id)
      AND NOT EXISTS (SELECT FROM journals WHERE source_type = 'refunds' AND source_id = refunds.id AND kind = 'refund')
    ORDER BY refunds.id LIMIT :limit
    """
)


def find_unsettled(session: Session, *, now: datetime, limit: int = 500) -> int:
    """Ask again for accepted orders that are not settled and for refunds that were not taken back; returns how many."""
    accepted = session.scalars(
        select(Order.id)
        .where(Order.status == OrderStatus.ACCEPTED, Order.accepted_at < now - PATIENCE)
        .order_by(Order.id)
        .limit(limit)
    ).all()
    refunds = session.execute(_NOT_TAKEN_BACK, {"limit": limit, "before": now - PATIENCE}).scalars().all()
    return ask_again(session, SETTLE_ORDER, accepted, now=now) + ask_again(session, TAKE_BACK, refunds, now=now)
