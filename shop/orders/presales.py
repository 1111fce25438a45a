"""What becomes of pre-sale orders that were not sent by their day: as far as they were not, the money goes back."""

from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from shop.agreements.models import Side
from shop.catalog.reference import catalog
from shop.kit.reference import current_version
from shop.orders.actions import cancel
from shop.orders.cuts import Less, cut
from shop.orders.locks import lines_of, locked_order_by_id
from shop.orders.models import Order, OrderStatus
from shop.stock.models import Presale

LATE_ZH = "预售逾期未发货，自动取消并退款"
_NOT_SENT = (OrderStatus.PLACED, OrderStatus.CONFIRMED, OrderStatus.PARTLY_DISPATCHED)


def end_overdue(session: Session, day: date, *, now: datetime) -> int:
    """Cancel pre-sale orders whose last day of sending is before `day`, or what was not sent of them; how many.

    Whole packs go; a pack of which a part was sent stays to be sent. Locks the orders by rising id, then what `cancel`
    and `cut` lock. Run twice, the second time finds none.
    """
    ended = 0
    late = session.scalars(
        select(Order.id)
        .join(Presale, Presale.id == Order.presale_id)
        .where(Presale.ship_by < day, Order.status.in_(_NOT_SENT))
        .order_by(Order.id)
    ).all()
    goods = catalog(session, current_version(session))
    for order_id in late:
        order = locked_order_by_id(session, order_id)
        if order.status is OrderStatus.PARTLY_DISPATCHED:
            (line,) = lines_of(session, order.id)
            packs = (line.standing_g - line.dispatched_g) // line.unit_weight_g
            if not packs:
                continue
            rest = Less(goods.by_id[line.product_id].sku, packs=packs)
            cut(session, order, [rest], by=Side.FIRM, reason=LATE_ZH, goods=goods, actor_id=None, now=now)
        elif order.status in _NOT_SENT:
            cancel(session, order, actor_id=None, now=now, reason=LATE_ZH)
        else:
            continue
        ended += 1
    return ended
