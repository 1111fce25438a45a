"""Which households a sale reached: a settled line's amount follows the lots it was picked from, in each lot the value
that each household delivered. Exact to the fen by largest remainder; lots the firm made itself reach nobody.
"""

from collections import defaultdict
from datetime import datetime

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from shop.farmers.models import Delivery
from shop.income.models import SalesReach
from shop.kit.money import split
from shop.orders.models import Order, OrderLine, PaymentTerms, Pick
from shop.payments.models import Refund, RefundLine, RefundStatus
from shop.settlement.models import Settlement
from shop.stock.models import LotDelivery


def write_reach(session: Session, settlement: Settlement, *, now: datetime) -> int:
    """Write the reach of one settlement; returns the rows written.

    A refund taken back writes the difference between what reaches each household now and what did before, so that all
    rows of a line are the exact sharing of what remains, however many refunds came.
    """
    order = session.execute(select(Order).where(Order.id == settlement.order_id)).scalar_one()
    rows: list[SalesReach] = []
    for line in session.scalars(select(OrderLine).where(OrderLine.order_id == order.id).order_by(OrderLine.position)):
        rows += _rows_of_line(session, settlement, order, line, now)
    session.add_all(rows)
    session.flush()
    return len(rows)


_MOVE = text(
    """
    WITH held AS (
        SELECT order_line_id, lot_id, household_id, sales_reach.firm_id, sales_reach.product_id,
            sales_reach.channel_id, sum(sales_reach.weight_g)::bigint AS weight_g,
            sum(sales_reach.amount_fen)::bigint AS amount_fen
        FROM sales_reach JOIN order_lines ON order_lines.id = order_line_id
        WHERE order_id = :order_id
        GROUP BY order_line_id, lot_id, household_id, sales_reach.firm_id, sales_reach.product_id,
            sales_reach.channel_id
        HAVING sum(sales_reach.amount_fen) <> 0 OR sum(sales_reach.weight_g) <> 0
    )
    INSERT INTO sales_reach (settlement_id, order_line_id, lot_id, household_id, firm_id, product_id, channel_id, month,
                             weight_g, amount_fen, recorded_at)
    SELECT :back_id, order_line_id, lot_id, household_id, firm_id, product_id, channel_id, CAST(:month AS date),
        -weight_g, -amount_fen, :now FROM held
    UNION ALL
    SELECT :anew_id, order_line_id, lot_id, household_id, firm_id, product_id, :channel_id, :month,
        weight_g, amount_fen, :now FROM held
    """
)


def move_reach(session: Session, order: Order, back: Settlement, anew: Settlement, *, now: datetime) -> None:
    """Count what an order reached for its new channel: taken back under the old one, written under the new one.

    The households and their amounts stay what they were; both sides stand in the month of the correction.
    """
    session.execute(
        _MOVE,
        {
            "order_id": order.id, "back_id": back.id, "anew_id": anew.id, "channel_id": order.channel_id,
            "month": anew.month, "now": now,
        },
    )  # fmt: skip


def _nets(session: Session, order: Order, line: OrderLine, settlement: Settlement) -> tuple[int, int]:
    """Fen of the line that reached households before this settlement, and after it.

    Written in the settlement's own transaction, under the order's lock: every refund there is came before it.
    """
    if order.payment_terms is PaymentTerms.ON_INVOICE:
        return 0, line.accepted_fen or 0
    refunded = session.scalar(
        select(func.sum(RefundLine.amount_fen))
        .join(Refund, Refund.id == RefundLine.refund_id)
        .where(RefundLine.order_line_id == line.id, Refund.status != RefundStatus.FAILED)
    )
    after = line.payable_fen - int(refunded or 0)
    if settlement.refund_id is None:
        return 0, after
    back = session.scalar(
        select(RefundLine.amount_fen).where(
            RefundLine.refund_id == settlement.refund_id, RefundLine.order_line_id == line.id
        )
    )
    return after + (back or 0), after


def _rows_of_line(
    session: Session, settlement: Settlement, order: Order, line: OrderLine, now: datetime
) -> list[SalesReach]:
    before, after = _nets(session, order, line, settlement)
    picked = [
        (lot_id, int(weight))
        for lot_id, weight in session.execute(
            select(Pick.lot_id, func.sum(Pick.weight_g))
            .where(Pick.order_line_id == line.id)
            .group_by(Pick.lot_id)
            .order_by(Pick.lot_id)
        )
    ]
    if not picked or before == after:
        return []
    growers = _growers(session, [lot_id for lot_id, _ in picked])
    then, since = _shared(before, picked, growers), _shared(after, picked, growers)
    grams = _shared((line.accepted_g or 0) if settlement.refund_id is None else 0, picked, growers)
    return [
        SalesReach(
            settlement_id=settlement.id, order_line_id=line.id, lot_id=lot_id, household_id=household_id,
            firm_id=order.firm_id, product_id=line.product_id, channel_id=order.channel_id, month=settlement.month,
            weight_g=grams[lot_id, household_id], amount_fen=fen - then[lot_id, household_id], recorded_at=now,
        )
        for (lot_id, household_id), fen in since.items()
        if fen != then[lot_id, household_id] or grams[lot_id, household_id]
    ]  # fmt: skip


def _shared(
    amount: int, picked: list[tuple[int, int]], growers: dict[int, list[tuple[int, int]]]
) -> dict[tuple[int, int], int]:
    """`amount` (fen or grams) by (lot, household): by weight picked of each lot, in it by value delivered."""
    shared: dict[tuple[int, int], int] = {}
    for (lot_id, _), of_lot in zip(picked, split(amount, [weight for _, weight in picked]), strict=True):
        of_growers = growers[lot_id]
        if of_growers:
            parts = split(of_lot, [value for _, value in of_growers])
            shared |= {(lot_id, household_id): part for (household_id, _), part in zip(of_growers, parts, strict=True)}
    return shared


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
