"""Which households a sale reached: a settled line's amount follows the lots it was picked from, in each lot the lots it
was made of, by weight, or the value that each household delivered, as slips were corrected by then. Exact to the fen by
largest remainder at every step; lots the firm made itself, or whose slips are all void, reach nobody.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import exists, func, select, text
from sqlalchemy.orm import Session

from shop.farmers.models import Delivery
from shop.farmers.slips import standing_fen
from shop.income.models import SalesReach
from shop.kit.money import split
from shop.ledger.models import Journal
from shop.orders.models import Order, OrderLine, PaymentTerms, Pick
from shop.payments.models import Refund, RefundLine, RefundStatus
from shop.settlement.models import Settlement
from shop.stock.models import LotDelivery, LotPart
from shop.stock.recalls import sources_of


def write_reach(session: Session, settlement: Settlement, *, now: datetime) -> int:
    """Write the reach of one settlement; returns the rows written.

    A refund taken back writes the difference between what reaches each household now and what did before, so that all
    rows of a line are the exact sharing of what remains, however many refunds came. What remains is shared by the slips
    as they stood when the sale was: a later correction does not rewrite it.
    """
    order = session.execute(select(Order).where(Order.id == settlement.order_id)).scalar_one()
    by = None if settlement.refund_id is None else _shared_at(session, order)
    rows: list[SalesReach] = []
    for line in session.scalars(select(OrderLine).where(OrderLine.order_id == order.id).order_by(OrderLine.position)):
        rows += _rows_of_line(session, settlement, order, line, by, now)
    session.add_all(rows)
    session.flush()
    return len(rows)


_HELD = """
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
"""
_TAKE_BACK = text(_HELD)
_MOVE = text(
    f"""{_HELD}
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


def take_reach_back(session: Session, order: Order, back: Settlement, *, now: datetime) -> None:
    """Take back all that an order reached, in the month of the correction, before its new acceptance is written."""
    session.execute(_TAKE_BACK, {"order_id": order.id, "back_id": back.id, "month": back.month, "now": now})


def _shared_at(session: Session, order: Order) -> datetime:
    """When the order's sale was shared out, the last time that it was shared whole."""
    whole = (Settlement.refund_id.is_(None), Settlement.correction_id.is_(None), ~Settlement.reverses)
    last = select(func.max(Settlement.settled_at)).where(Settlement.order_id == order.id, *whole)
    return session.execute(last).scalar_one()


def _net(session: Session, order: Order, line: OrderLine) -> int:
    """Fen of the line that reach households as things stand, under the order's lock.

    Every refund counts that was booked: one that was granted and is not taken back yet writes its own difference.
    """
    if order.payment_terms is PaymentTerms.ON_INVOICE:
        return line.accepted_fen or 0
    booked = (Journal.source_type == "refunds", Journal.source_id == Refund.id, Journal.kind == "refund")
    refunded = session.scalar(
        select(func.sum(RefundLine.amount_fen))
        .join(Refund, Refund.id == RefundLine.refund_id)
        .where(RefundLine.order_line_id == line.id, Refund.status != RefundStatus.FAILED, exists().where(*booked))
    )
    return line.payable_fen - int(refunded or 0)


def _written(session: Session, line: OrderLine) -> dict[tuple[int, int], int]:
    """Fen that the line reached so far, by (lot, household)."""
    rows = session.execute(
        select(SalesReach.lot_id, SalesReach.household_id, func.sum(SalesReach.amount_fen))
        .where(SalesReach.order_line_id == line.id)
        .group_by(SalesReach.lot_id, SalesReach.household_id)
    )
    return {(lot_id, household_id): int(fen) for lot_id, household_id, fen in rows}


def _rows_of_line(
    session: Session, settlement: Settlement, order: Order, line: OrderLine, by: datetime | None, now: datetime
) -> list[SalesReach]:
    picked = [
        (lot_id, int(weight))
        for lot_id, weight in session.execute(
            select(Pick.lot_id, func.sum(Pick.weight_g))
            .where(Pick.order_line_id == line.id)
            .group_by(Pick.lot_id)
            .order_by(Pick.lot_id)
        )
    ]
    if not picked:
        return []
    first = settlement.refund_id is None
    origins = origins_of(session, [lot_id for lot_id, _ in picked], by)
    then = {} if first else _written(session, line)
    since = _shared(_net(session, order, line), picked, origins)
    grams = _shared((line.accepted_g or 0) if first else 0, picked, origins)
    return [
        SalesReach(
            settlement_id=settlement.id, order_line_id=line.id, lot_id=lot_id, household_id=household_id,
            firm_id=order.firm_id, product_id=line.product_id, channel_id=order.channel_id, month=settlement.month,
            weight_g=grams.get((lot_id, household_id), 0), amount_fen=changed, recorded_at=now,
        )
        for lot_id, household_id in dict.fromkeys([*since, *then])
        if (changed := since.get((lot_id, household_id), 0) - then.get((lot_id, household_id), 0))
        or grams.get((lot_id, household_id))
    ]  # fmt: skip


@dataclass(frozen=True)
class Origins:
    """Of lots and of all they were made of: (source lot, grams) by lot, and (household, fen delivered) by lot."""

    parts: dict[int, list[tuple[int, int]]] = field(default_factory=lambda: defaultdict(list))
    growers: dict[int, list[tuple[int, int]]] = field(default_factory=lambda: defaultdict(list))

    def shared(self, amount: int, lot_id: int) -> dict[int, int]:
        """`amount` (fen or grams) of a lot by household, down its sources; what no slip stands for is nobody's."""
        found: dict[int, int] = defaultdict(int)
        if parts := self.parts.get(lot_id):
            for (source_id, _), of_it in zip(parts, split(amount, [grams for _, grams in parts]), strict=True):
                for household_id, part in self.shared(of_it, source_id).items():
                    found[household_id] += part
        elif growers := self.growers.get(lot_id):
            for (household_id, _), part in zip(growers, split(amount, [value for _, value in growers]), strict=True):
                found[household_id] += part
        return found


def _shared(amount: int, picked: list[tuple[int, int]], origins: Origins) -> dict[tuple[int, int], int]:
    """`amount` (fen or grams) by (lot, household): by weight picked of each lot, in it by what it is made of."""
    return {
        (lot_id, household_id): part
        for (lot_id, _), of_lot in zip(picked, split(amount, [weight for _, weight in picked]), strict=True)
        for household_id, part in origins.shared(of_lot, lot_id).items()
    }


def origins_of(session: Session, lot_ids: Sequence[int], by: datetime | None = None) -> Origins:
    """What lots were made of, down to the slips that stand, as corrected now or by then. Two statements."""
    origins, tree = Origins(), sources_of(lot_ids)
    for lot_id, source_id, grams in session.execute(
        select(LotPart.lot_id, LotPart.source_id, LotPart.weight_g)
        .where(LotPart.lot_id.in_(select(tree.c.id)))
        .order_by(LotPart.lot_id, LotPart.source_id)
    ):
        origins.parts[lot_id].append((source_id, grams))
    value = func.sum(standing_fen(by))
    for lot_id, household_id, fen in session.execute(
        select(LotDelivery.lot_id, Delivery.household_id, value)
        .join(Delivery, Delivery.id == LotDelivery.delivery_id)
        .where(LotDelivery.lot_id.in_(select(tree.c.id)))
        .group_by(LotDelivery.lot_id, Delivery.household_id)
        .having(value > 0)
        .order_by(LotDelivery.lot_id, Delivery.household_id)
    ):
        origins.growers[lot_id].append((household_id, int(fen)))
    return origins
