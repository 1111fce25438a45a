"""Which households a sale reached: a settled line's amount follows the lots it was picked from, in each lot the value
that each household delivered. Exact to the fen by largest remainder; lots the firm made itself reach nobody.
"""

from collections import defaultdict
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from shop.farmers.models import Delivery
from shop.income.models import SalesReach
from shop.kit.money import split
from shop.orders.models import Order, OrderLine, PaymentTerms, Pick
from shop.payments.models import Refund, RefundLine, RefundStatus
from shop.settlement.models import Settlement
from shop.stock.models import LotDelivery


def write_reach(session: Session, settlement: Settlement, *, now: datetime) -> int:
    """Write the reach of one settlement (negative for a refund taken back); returns the rows written."""
    order = session.execute(select(Order).where(Order.id == settlement.order_id)).scalar_one()
    rows: list[SalesReach] = []
    for line in session.scalars(select(OrderLine).where(OrderLine.order_id == order.id).order_by(OrderLine.position)):
        amount = _line_amount(session, order, line, settlement)
        grams = (line.accepted_g or 0) if settlement.refund_id is None else 0
        rows += _rows_of_line(session, settlement, order, line, amount, grams, now)
    session.add_all(rows)
    session.flush()
    return len(rows)


def _line_amount(session: Session, order: Order, line: OrderLine, settlement: Settlement) -> int:
    if settlement.refund_id is not None:
        part = session.scalar(
            select(RefundLine.amount_fen).where(
                RefundLine.refund_id == settlement.refund_id, RefundLine.order_line_id == line.id
            )
        )
        return -(part or 0)
    if order.payment_terms is PaymentTerms.ON_INVOICE:
        return line.accepted_fen or 0
    # Written in the settlement's own transaction, under the order's lock: every refund there is came before it.
    before = session.scalar(
        select(func.sum(RefundLine.amount_fen))
        .join(Refund, Refund.id == RefundLine.refund_id)
        .where(
            RefundLine.order_line_id == line.id,
            Refund.status != RefundStatus.FAILED,
        )
    )
    return line.amount_fen - int(before or 0)


def _rows_of_line(
    session: Session, settlement: Settlement, order: Order, line: OrderLine, amount: int, grams: int, now: datetime
) -> list[SalesReach]:
    picked = session.execute(
        select(Pick.lot_id, func.sum(Pick.weight_g))
        .where(Pick.order_line_id == line.id)
        .group_by(Pick.lot_id)
        .order_by(Pick.lot_id)
    ).all()
    if not picked or not amount:
        return []
    weights = [int(weight) for _, weight in picked]
    growers = _growers(session, [lot_id for lot_id, _ in picked])
    rows = []
    for (lot_id, _), lot_fen, lot_g in zip(picked, split(amount, weights), split(grams, weights), strict=True):
        if not growers[lot_id]:
            continue
        values = [value for _, value in growers[lot_id]]
        shares = zip(growers[lot_id], split(lot_fen, values), split(lot_g, values), strict=True)
        rows += [
            SalesReach(
                settlement_id=settlement.id, order_line_id=line.id, lot_id=lot_id, household_id=household_id,
                firm_id=order.firm_id, product_id=line.product_id, channel_id=order.channel_id, month=settlement.month,
                weight_g=share_g, amount_fen=share_fen, recorded_at=now,
            )
            for (household_id, _), share_fen, share_g in shares
            if share_fen or share_g
        ]  # fmt: skip
    return rows


def _growers(session: Session, lot_ids: list[int]) -> dict[int, list[tuple[int, int]]]:
    """(household id, fen delivered) of each lot, by household id."""
    growers: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for lot_id, household_id, value in session.execute(
        select(LotDelivery.lot_id, Delivery.household_id, func.sum(Delivery.amount_fen))
        .join(Delivery, Delivery.id == LotDelivery.delivery_id)
        .where(LotDelivery.lot_id.in_(lot_ids))
        .group_by(LotDelivery.lot_id, Delivery.household_id)
        .order_by(LotDelivery.lot_id, Delivery.household_id)
    ):
        growers[lot_id].append((household_id, int(value)))
    return growers
