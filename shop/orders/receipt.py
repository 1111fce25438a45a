"""Goods of which a buyer never says that he has them: a consumer's count as received by the clock, a unit's or an
agreement's are accepted for it by the county. Rules: docs/storefront.md, docs/agreements.md.
"""

from collections.abc import Iterable
from datetime import date, datetime

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from shop.channels.models import ChannelKind
from shop.channels.policies import POLICIES, consumer_channels
from shop.kit.clock import beijing_day, beijing_minute
from shop.kit.outbox import ask_again
from shop.kit.states import record
from shop.orders.actions import accept
from shop.orders.errors import NotForItsBuyer, ReceiptRuleTaken, SignatureDoesNotFit, StillToInspect
from shop.orders.jobs import RECEIVE_OVERDUE
from shop.orders.locks import locked_order_by_id
from shop.orders.models import Dispatch, Order, OrderStatus, PriceBasis, ReceiptRule
from shop.orders.states import ORDER_LIFE

#: Days after dispatch where the county has set no rule: signed for, and not.
SIGNED_DAYS, DAYS = 7, 10
#: What the history of an order says when it was received by the clock.
BY_THE_CLOCK_ZH = "自动收货"

#: When the time is over in which a buyer of these channels says what he received. What was sold and paid elsewhere is
#: received when that shop says so.
_DUE = """
    SELECT orders.id, parcels.sent_at + make_interval(days => CASE WHEN parcels.signed
        THEN coalesce(rule.signed_days, :signed_days) ELSE coalesce(rule.days, :days) END) AS due_at
    FROM orders CROSS JOIN LATERAL (
        SELECT max(dispatched_at) AS sent_at, bool_and(signed_on IS NOT NULL) AS signed
        FROM dispatches WHERE order_id = orders.id
    ) AS parcels LEFT JOIN LATERAL (
        SELECT signed_days, days FROM receipt_rules WHERE valid_from <= placed_on ORDER BY valid_from DESC LIMIT 1
    ) AS rule ON true
    WHERE orders.status = 'dispatched' AND channel_kind = ANY(:channels)
        AND NOT EXISTS (SELECT FROM order_lines WHERE order_id = orders.id AND price_basis = :elsewhere)
"""
_OVERDUE = text(f"SELECT id FROM ({_DUE}) AS waiting WHERE due_at <= :now ORDER BY id")
_DUE_OF = text(f"SELECT due_at FROM ({_DUE} AND orders.id = :order_id) AS waiting")


def _facts(channels: Iterable[ChannelKind]) -> dict[str, object]:
    return {
        "signed_days": SIGNED_DAYS, "days": DAYS, "channels": [kind.value for kind in channels],
        "elsewhere": PriceBasis.LINE.value,
    }  # fmt: skip


def set_receipt_rule(
    session: Session, valid_from: date, signed_days: int, days: int, *, actor_id: int | None, now: datetime
) -> ReceiptRule:
    """After how many days goods count as received, for orders from a day on. Raises ReceiptRuleTaken."""
    if session.scalar(select(ReceiptRule.id).where(ReceiptRule.valid_from == valid_from)):
        raise ReceiptRuleTaken(valid_from=str(valid_from))
    rule = ReceiptRule(valid_from=valid_from, signed_days=signed_days, days=days)
    session.add(rule)
    session.flush()
    record(session, rule, "set", person_id=actor_id, now=now, facts={"signed_days": signed_days, "days": days})
    return rule


def sign(
    session: Session, order: Order, position: int, signed_on: date, *, actor_id: int | None, now: datetime
) -> Dispatch:
    """Note the day on which a parcel was signed for, once. The caller holds the order's lock.

    Raises MoveRefusedError when no such parcel was sent, SignatureDoesNotFit; then nothing is changed.
    """
    parcel = session.scalar(
        select(Dispatch)
        .where(Dispatch.order_id == order.id, Dispatch.position == position)
        .execution_options(populate_existing=True)
    )
    if parcel is None:
        raise ORDER_LIFE.refusal(order.status, "sign")
    sent_on, today = beijing_day(parcel.dispatched_at), beijing_day(now)
    if parcel.signed_on is not None or not sent_on <= signed_on <= today:
        raise SignatureDoesNotFit(position=position, sent_on=str(sent_on), today=str(today))
    parcel.signed_on = signed_on
    record(
        session, order, "sign", person_id=actor_id, now=now,
        facts={"position": position, "signed_on": str(signed_on)},
    )  # fmt: skip
    session.flush()
    return parcel


def receipt_due(session: Session, order_id: int) -> datetime | None:
    """When an order that was sent counts as received by the clock; None for one that no clock receives."""
    due: datetime | None = session.scalar(_DUE_OF, _facts(consumer_channels()) | {"order_id": order_id})
    return due


def find_overdue(session: Session, *, now: datetime) -> int:
    """Ask for the receipt of every order whose time is over; how many. One statement to find them."""
    found = session.scalars(_OVERDUE, _facts(consumer_channels()) | {"now": now}).all()
    return ask_again(session, RECEIVE_OVERDUE, list(found), now=now)


def receive_overdue(session: Session, order_id: int, *, now: datetime) -> bool:
    """Receive an order whole as it was sent, if its time is over and nobody did before. Locks the order."""
    order = locked_order_by_id(session, order_id)
    due = receipt_due(session, order_id) if order.status is OrderStatus.DISPATCHED else None
    if due is None or due > now:
        return False
    accept(session, order, None, actor_id=None, now=now, reason=BY_THE_CLOCK_ZH)
    return True


def accept_for_buyer(session: Session, order: Order, reason: str, *, actor_id: int | None, now: datetime) -> None:
    """Accept an order on invoice whole, as it was sent, for a buyer who let the time pass in which he may object.

    Who does not object within the time counts as having found weight and quality as agreed (民法典 621). The time is
    that of the clock for consumers. The caller holds the order's lock. Raises MoveRefusedError, NotForItsBuyer,
    StillToInspect; then nothing is changed.
    """
    ORDER_LIFE.next(order.status, "accept")
    on_invoice = set(POLICIES) - set(consumer_channels())
    until: datetime | None = session.scalar(_DUE_OF, _facts(on_invoice) | {"order_id": order.id})
    if until is None:
        raise NotForItsBuyer(number=order.number)
    if now < until:
        raise StillToInspect(number=order.number, until=beijing_minute(until))
    accept(session, order, None, actor_id=actor_id, now=now, reason=reason)
