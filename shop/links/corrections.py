"""Counting an order for somebody else: by the county, with a reason, and the money follows in the same transaction."""

from datetime import datetime

from sqlalchemy.orm import Session

from shop.channels.reference import Selling
from shop.income.reach import move_reach
from shop.orders.attribution import Attribution, change_attribution
from shop.orders.models import AttributionChange, Order, OrderStatus
from shop.settlement.actions import settle_anew, take_all_back


def correct(
    session: Session, order: Order, to: Attribution, reason: str, *, selling: Selling, actor_id: int | None,
    now: datetime,
) -> AttributionChange:  # fmt: skip
    """Count the order for `to`. When it is settled, what was shared is taken back and shared anew.

    The caller holds the order's lock. Raises as `change_attribution`; then nothing is changed.
    """
    change = change_attribution(session, order, to, reason, selling=selling, actor_id=actor_id, now=now)
    if order.status is OrderStatus.SETTLED:
        back = take_all_back(session, order, change, now=now)
        if back is not None:
            move_reach(session, order, back, settle_anew(session, order, change, now=now), now=now)
    return change
