"""Call-offs seen from their orders: changed before the firm confirms, and what comes of them when an agreement ends."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from shop.agreements.actions import change_call_off
from shop.agreements.models import RUNNING, Agreement, AgreementLine, CallOff, Side
from shop.agreements.signing import Hand, end
from shop.catalog.models import Product
from shop.kit.money import part
from shop.kit.states import record
from shop.orders.actions import cancel
from shop.orders.errors import NotACallOff
from shop.orders.locks import lines_of
from shop.orders.models import Order, OrderLine, OrderStatus
from shop.orders.pricing import Packed, by_the_kg

#: Orders of which something can still be accepted.
_OPEN = (OrderStatus.PLACED, OrderStatus.CONFIRMED, OrderStatus.PARTLY_DISPATCHED, OrderStatus.DISPATCHED)


def change_call(
    session: Session, order: Order, *, due_on: date | None, weight_g: int | None, actor_id: int | None, now: datetime
) -> None:
    """Move a call-off that waits for the firm to another day, or reduce it; its order follows in weight and price.

    The caller holds the order's lock; locks the agreement, then the call-off. Raises NotACallOff and as
    `agreements.actions.change_call_off`.
    """
    if order.call_off_id is None:
        raise NotACallOff(number=order.number)
    (line,) = lines_of(session, order.id)
    before: dict[str, object] = {"weight_g": line.weight_g, "fen_per_kg": line.price_fen}
    called = session.get_one(CallOff, order.call_off_id)
    call = change_call_off(
        session, order.call_off_id, due_on=due_on or called.due_on, weight_g=weight_g or called.weight_g,
        actor_id=actor_id, now=now,
    )  # fmt: skip
    product = session.get_one(Product, line.product_id)
    packed = Packed(product.id, product.sku, line.name_zh, line.unit_zh, line.unit_weight_g)
    priced = by_the_kg(packed, call.weight_g, call.price_fen_per_kg)
    line.weight_g, line.price_fen, line.amount_fen = priced.weight_g, priced.price_fen, priced.amount_fen
    order.goods_fen = priced.amount_fen
    order.total_fen = order.goods_fen + order.freight_fen - order.discount_fen
    record(session, order, "change", person_id=actor_id, now=now, facts=before)
    session.flush()


def waiting(session: Session, agreement_code: str) -> Sequence[Order]:
    """Orders of call-offs that the firm has not confirmed, locked by rising id."""
    return session.scalars(
        select(Order)
        .join(CallOff, CallOff.id == Order.call_off_id)
        .join(Agreement, Agreement.id == CallOff.agreement_id)
        .where(Agreement.code == agreement_code, Order.status == OrderStatus.PLACED)
        .order_by(Order.id)
        .with_for_update(of=Order)
    ).all()


def terminate(session: Session, agreement: Agreement, reason: str, *, actor_id: int | None, now: datetime) -> None:
    """End a running agreement: what waits for the firm is cancelled, what it confirmed is still carried out.

    The firm stays behind with what was due before; the rest counts against nobody. The caller holds the locks of
    `waiting`, then the agreement's; what was called between the two is locked after it. Raises MoveRefusedError.
    """
    for order in waiting(session, agreement.code):
        cancel(session, order, actor_id=actor_id, now=now, reason=f"协议解除：{reason}")
    by_county = Hand(Side.COUNTY, actor_id, now)
    end(session, agreement, "terminate", actor_id=actor_id, now=now, reason=reason, facts=by_county.facts())


@dataclass(frozen=True)
class Outcome:
    """What came of a line: grams promised, accepted, and how much less may be accepted without a breach.

    `on_paper_g`: of what is promised, what fell due before it was recorded here: as far as is known here it was kept.
    """

    committed_g: int
    on_paper_g: int
    accepted_g: int
    tolerance_bp: int

    @property
    def kept(self) -> bool:
        """Whether what was accepted is the promise, within its tolerance (half up)."""
        return self.on_paper_g + self.accepted_g >= self.committed_g - part(self.committed_g, self.tolerance_bp)


def outcomes(session: Session, agreement: Agreement) -> list[Outcome]:
    """The outcome of each line, by its id."""
    rows = session.execute(
        select(AgreementLine.committed_g, AgreementLine.on_paper_g, func.coalesce(func.sum(OrderLine.accepted_g), 0))
        .outerjoin(CallOff, CallOff.line_id == AgreementLine.id)
        .outerjoin(Order, Order.call_off_id == CallOff.id)
        .outerjoin(OrderLine, OrderLine.order_id == Order.id)
        .where(AgreementLine.agreement_id == agreement.id)
        .group_by(AgreementLine.id)
        .order_by(AgreementLine.id)
    )
    return [
        Outcome(committed, on_paper, int(accepted or 0), agreement.tolerance_bp)
        for committed, on_paper, accepted in rows
    ]


def close_ended(session: Session, day: date, *, now: datetime) -> int:
    """Agreements whose last day lies before `day` are fulfilled or fell short, by what was accepted; how many.

    One with an order on the way waits for it. Locks each agreement, by rising id.
    """
    on_the_way = select(Order.id).where(Order.occasion_id == Agreement.occasion_id, Order.status.in_(_OPEN)).exists()
    ended = session.scalars(
        select(Agreement)
        .where(Agreement.status.in_(RUNNING), Agreement.ends_on < day, ~on_the_way)
        .order_by(Agreement.id)
        .with_for_update()
    ).all()
    for agreement in ended:
        found = outcomes(session, agreement)
        kept = all(outcome.kept for outcome in found)
        facts: dict[str, object] = {
            "committed_g": sum(outcome.committed_g for outcome in found),
            "on_paper_g": sum(outcome.on_paper_g for outcome in found),
            "accepted_g": sum(outcome.accepted_g for outcome in found),
        }
        event = "fulfil" if kept else "fall_short"
        end(session, agreement, event, actor_id=None, now=now, reason=None, facts=facts)
    return len(ended)
