"""A wrong acceptance, reversed: the order by its room, its money and the sales it reached in the same transaction."""

from datetime import datetime

from sqlalchemy.orm import Session

from shop.income.reach import take_reach_back, write_reach
from shop.orders.actions import Verdict
from shop.orders.models import AcceptanceCorrection, Order, OrderStatus
from shop.orders.reversals import reverse_acceptance
from shop.settlement.actions import settle_anew, take_all_back


def reverse(
    session: Session, order: Order, verdict: Verdict, reason: str, *, actor_id: int | None, now: datetime
) -> AcceptanceCorrection:
    """Accept a call-off anew. When it is settled, what was shared and reached is taken back and written anew.

    Both sides stand in the month of the correction: closed months stay as they were. What households were paid for
    their produce stays; a wrong slip has a correction of its own. The caller holds the order's lock. Raises as
    `reverse_acceptance`.
    """
    correction = reverse_acceptance(session, order, verdict, reason, actor_id=actor_id, now=now)
    if order.status is OrderStatus.SETTLED:
        back = take_all_back(session, order, correction, now=now)
        if back is not None:
            take_reach_back(session, order, back, now=now)
        write_reach(session, settle_anew(session, order, correction, now=now), now=now)
    return correction
