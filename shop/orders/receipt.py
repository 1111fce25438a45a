"""Goods of which a buyer never says that he has them: a consumer's count as received by the clock, a unit's or an
agreement's are accepted for it by the county. Rules: docs/storefront.md, docs/agreements.md.
"""

from collections.abc import Iterable
from datetime import date, datetime

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from shop.channels.models import ChannelKind
from shop.channels.policies import POLICIES, consumer_channels
from shop.kit.clock import BEIJING, beijing_day, beijing_minute
from shop.kit.outbox import ask_again
from shop.kit.states import record
from shop.orders.actions import accept
from shop.orders.errors import GoodsRecalled, NotForItsBuyer, ReceiptRuleTaken, SignatureDoesNotFit, StillToInspect
from shop.orders.jobs import RECEIVE_OVERDUE
from shop.orders.locks import locked_order_by_id
from shop.orders.models import Dispatch, Order, OrderLine, OrderStatus, Pick, PriceBasis, ReceiptRule
from shop.orders.states import ORDER_LIFE
from shop.stock.recalls import standing

#: Days after dispatch where the county has set no rule: signed for, and not.
SIGNED_DAYS, DAYS = 7, 10
#: What the history of an order says when it was received by the clock.
BY_THE_CLOCK_ZH = "自动收货"

#: When the time is over in which a buyer of these channels says what he received: so many days after `{since}`. What
#: was sold and paid elsewhere is received when that shop says so.
_DUE = """
    SELECT orders.id, {since} + make_interval(days => CASE WHEN parcels.signed
        THEN coalesce(rule.signed_days, :signed_days) ELSE coalesce(rule.days, :days) END) AS due_at
    FROM orders CROSS JOIN LATERAL (
        SELECT max(dispatched_at) AS sent_at, bool_and(signed_on IS NOT NULL) AS signed, max(signed_on) AS signed_on
        FROM dispatches WHERE order_id = orders.id
    ) AS parcels LEFT JOIN LATERAL (
        SELECT signed_days, days FROM receipt_rules WHERE valid_from <= placed_on ORDER BY valid_from DESC LIMIT 1
    ) AS rule ON true
    WHERE orders.status = 'dispatched' AND channel_kind = ANY(:channels)
        AND NOT EXISTS (SELECT FROM order_lines WHERE order_id = orders.id AND price_basis = :elsewhere)
"""
#: A consumer's days count from the last parcel.
_CLOCK = _DUE.format(since="parcels.sent_at")
_OVERDUE = text(f"SELECT id FROM ({_CLOCK}) AS waiting WHERE due_at <= :now ORDER BY id")
_DUE_OF = text(f"SELECT due_at FROM ({_CLOCK} AND orders.id = :order_id) AS waiting")
#: A buyer's on invoice from the day on which the last parcel was signed for, where all were; for a call-off not before
#: its day, since he need not take it earlier (民法典 530).
_INSPECTION = _DUE.format(
    since=f"""greatest(
        parcels.sent_at,
        CASE WHEN parcels.signed THEN parcels.signed_on::timestamp AT TIME ZONE '{BEIJING.key}' END,
        (SELECT call_offs.due_on::timestamp AT TIME ZONE '{BEIJING.key}' FROM call_offs
            WHERE call_offs.id = orders.call_off_id))"""
)
_INSPECTED = text(f"SELECT due_at FROM ({_INSPECTION} AND orders.id = :order_id) AS waiting")
_RECALLED = select(Pick.id).join(OrderLine, OrderLine.id == Pick.order_line_id).where(standing(Pick.lot_id)).limit(1)


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

    Who does not object within the time counts as having found weight and quality as agreed (民法典 621). The term
    of the invoice counts from the end of that time, however late the county comes (保障中小企业款项支付条例: so it does
    where the inspection is delayed). The caller holds the order's lock. Raises MoveRefusedError, NotForItsBuyer,
    StillToInspect, GoodsRecalled; then nothing is changed.
    """
    ORDER_LIFE.next(order.status, "accept")
    until = inspected_by(session, order.id)
    if until is None:
        raise NotForItsBuyer(number=order.number)
    if now < until:
        raise StillToInspect(number=order.number, until=beijing_minute(until))
    if session.scalar(_RECALLED.where(OrderLine.order_id == order.id)):
        raise GoodsRecalled(number=order.number)
    accept(session, order, None, actor_id=actor_id, now=now, reason=reason, term_from=beijing_day(until))


def inspected_by(session: Session, order_id: int) -> datetime | None:
    """Until when a buyer on invoice says what he found of goods that were sent whole; None for every other order."""
    on_invoice = set(POLICIES) - set(consumer_channels())
    until: datetime | None = session.scalar(_INSPECTED, _facts(on_invoice) | {"order_id": order_id})
    return until
