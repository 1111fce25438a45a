"""Why a figure is what it is: the rows that make it, down to slips, payments and order lines. Their sum is the figure.

The same joins, area and months as the report; counted from the facts, not from the rollup that it is to explain.
"""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import case, func, literal, select, union_all
from sqlalchemy.orm import Session, aliased

from shop.access.guard import Actor
from shop.catalog.models import Firm, Product
from shop.channels.models import Channel
from shop.farmers.models import Delivery, DeliveryCorrection
from shop.income.models import (
    Category,
    CostCorrection,
    CostLine,
    CostRecord,
    GuaranteeContract,
    GuaranteeVoid,
    HouseholdPayment,
    IncomeEntry,
    IncomeKind,
    PaymentCorrection,
    SalesReach,
    SurplusPlan,
    SurplusShare,
)
from shop.income.queries import REVERSED_BECAUSE, with_contracts
from shop.orders.models import AcceptanceCorrection, AttributionChange, Order, OrderLine
from shop.payments.models import Refund
from shop.reports.called import name_to, records_of
from shop.reports.gain import behind_gain
from shop.reports.income_report import (
    IncomeBy,
    Months,
    family_of,
    grouped,
    in_its_group,
    key_of,
    only_managers,
    within,
)
from shop.reports.paging import rows_from
from shop.settlement.models import Settlement
from shop.stock.models import Lot


class Measure(StrEnum):
    """Which measure is explained; they are never added."""

    CASH = "cash"
    COST = "cost"
    SALES_REACHED = "sales_reached"
    COVERED_GROSS = "covered_gross"
    UNCOVERED_GROSS = "uncovered_gross"
    NET_BUSINESS = "net_business"
    GAIN = "gain"


#: Business income, of entries of one kind and of cost lines: which kind, and what a line adds.
_BUSINESS = {
    Measure.COVERED_GROSS: (IncomeKind.PATRONAGE, CostLine.covers_fen.expression),
    Measure.UNCOVERED_GROSS: (IncomeKind.SALE, -CostLine.covers_fen),
    Measure.NET_BUSINESS: (IncomeKind.PATRONAGE, CostLine.covers_fen - CostLine.amount_fen),
}


def explain_income(
    session: Session, actor: Actor, by: IncomeBy, key: str | None, months: Months, measure: Measure,
    kind: IncomeKind | None, category: Category | None, *, now: datetime, limit: int, before_id: int | None,
) -> dict[str, Any]:  # fmt: skip
    """The rows behind one figure of the income report, newest first, `limit` + 1 of them; where the page before
    these begins (`previous`); and the sum of all.

    `key`: the report's row; None = its total. `kind`, `category`: one kind or category of cash. A key that the reader
    may not see has no rows; groups raise ForbiddenError to a firm. `households` are the families reached among those
    behind the rows, as the report counts them.
    """
    only_managers(by, actor)
    asked = {
        "by": by.value,
        "from": months.first,
        "to": months.last,
        "place": months.place,
        "measure": measure.value,
        "kind": kind.value if kind else None,
        "category": category.value if category else None,
    }
    if measure is Measure.GAIN:
        return asked | behind_gain(session, actor, months, now=now, limit=limit, before_id=before_id)
    if measure in _BUSINESS:
        return asked | _business(session, actor, by, key, months, measure, limit=limit, before_id=before_id)
    counted, query = _behind(actor, months, measure)
    wanted = _in_row(session, actor, by, key, counted)
    if kind is not None and measure is Measure.CASH:
        wanted.append(IncomeEntry.kind == kind)
    if category is not None and measure is Measure.CASH:
        wanted.append(IncomeEntry.category == category)
    grams = literal(0) if measure is Measure.COST else func.coalesce(func.sum(counted.weight_g), 0)
    sums = within(select(func.count(), func.coalesce(func.sum(counted.amount_fen), 0), grams), actor, counted, months)
    families = within(select(family_of(counted).label("family_id")), actor, counted, months)
    if by is IncomeBy.GROUP and key is not None:
        sums, families, query = (grouped(one, counted, months) for one in (sums, families, query))
    rows, fen, weight_g = session.execute(sums.where(*wanted)).one()
    if measure is Measure.CASH:
        families = _reached_by(families)
    reached = families.where(*wanted).subquery()
    households = session.scalar(select(func.count(reached.c.family_id.distinct())))
    return asked | {
        "rows": rows,
        "households": households,
        "total_fen": int(fen),
        "total_g": int(weight_g),
        **rows_from(session, query.where(*wanted), counted.id, limit=limit, start=before_id),
    }


def _in_row(session: Session, actor: Actor, by: IncomeBy, key: str | None, counted: Any) -> list[Any]:
    """The facts of a row of the report; None = of all."""
    if key is None:
        return []
    if by is IncomeBy.HOUSEHOLD:
        return [counted.household_id.in_(records_of(session, actor, key))]
    return [key_of(by, counted) == key]


def _business(
    session: Session, actor: Actor, by: IncomeBy, key: str | None, months: Months, measure: Measure, *, limit: int,
    before_id: int | None,
) -> dict[str, Any]:  # fmt: skip
    """Entries and cost lines, each with its part, by an id that tells the two apart."""
    kind, adds = _BUSINESS[measure]
    entries = (
        entries_with_sources(actor, months)
        .where(IncomeEntry.kind == kind)
        .add_columns(IncomeEntry.amount_fen.label("adds"))
    )
    lines = _spent(actor, months).where(adds != 0).add_columns(adds.label("adds"))
    behind: list[tuple[Any, Any]] = [(IncomeEntry, entries), (CostLine, lines)]
    sides = []
    for place, (counted, query) in enumerate(behind):
        if by is IncomeBy.GROUP and key is not None:
            query = grouped(query, counted, months)
        row = IncomeEntry if measure is Measure.UNCOVERED_GROSS else counted
        if measure is Measure.UNCOVERED_GROSS and counted is CostLine:
            query = query.where(_sold_here(by, key, months))
        in_row = _in_row(session, actor, by, key, row)
        each = query.where(*in_row).add_columns(family_of(counted).label("family_id")).subquery()
        sides.append(
            select(
                (each.c.id * 2 + place).label("id"), each.c.month, each.c.day, each.c.household, each.c.firm,
                each.c.sku, literal(0).label("weight_g"), each.c.adds.label("amount_fen"), each.c.source,
                each.c.source_code, each.c.family_id,
            )
        )  # fmt: skip
    found = union_all(*sides).subquery()
    fen, families = func.coalesce(func.sum(found.c.amount_fen), 0), func.count(found.c.family_id.distinct())
    rows, total, households = session.execute(select(func.count(), fen, families)).one()
    page = rows_from(session, select(found), found.c.id, limit=limit, start=before_id)
    return {"rows": rows, "households": households, "total_fen": int(total), "total_g": 0, **page}


def _sold_here(by: IncomeBy, key: str | None, months: Months) -> Any:
    """Of cost lines, those of sales that count in the row and months: others leave nothing of these uncovered."""
    if by is IncomeBy.GROUP and key is not None:
        return in_its_group(IncomeEntry.month, months)
    return IncomeEntry.month >= months.first


def _reached_by(families: Any) -> Any:
    """The families whose entries of a month, firm and kind do not add up to nothing: what is counted as reached."""
    unit = (IncomeEntry.month, IncomeEntry.household_id, IncomeEntry.firm_id, IncomeEntry.kind)
    nothing = (func.sum(IncomeEntry.amount_fen) == 0) & (func.sum(IncomeEntry.weight_g) == 0)
    return families.where(IncomeEntry.firm_id.is_not(None)).group_by(family_of(IncomeEntry), *unit).having(~nothing)


def _behind(actor: Actor, months: Months, measure: Measure) -> tuple[Any, Any]:
    """The facts that a measure is counted from, and the SELECT that shows them."""
    match measure:
        case Measure.CASH:
            return IncomeEntry, entries_with_sources(actor, months)
        case Measure.COST:
            return CostLine, _spent(actor, months)
        case Measure.SALES_REACHED:
            return SalesReach, _reached(actor, months)
        case _:
            raise ValueError(measure)


def _spent(actor: Actor, months: Months) -> Any:
    """Costs with the slip that a rate was applied to, or the record that tells them; what takes back names the same."""
    origin = aliased(CostLine)
    slip = case((IncomeEntry.source_type == "deliveries", IncomeEntry.source_id), else_=DeliveryCorrection.delivery_id)
    query = select(
        CostLine.id, CostLine.month, CostLine.incurred_on.label("day"), name_to(actor).label("household"),
        Firm.code.label("firm"), Product.sku, literal(0).label("weight_g"), CostLine.amount_fen,
        case(
            (origin.correction_id.is_not(None), "cost_corrections"), (origin.record_id.is_not(None), "cost_records"),
            else_="deliveries",
        ).label("source"),
        func.coalesce(CostRecord.code, Delivery.code).label("source_code"),
        CostCorrection.reason.label("corrected_because"),
    )  # fmt: skip
    return (
        within(query, actor, CostLine, months)
        .join(origin, origin.id == func.coalesce(CostLine.corrects_id, CostLine.id))
        .outerjoin(CostCorrection, CostCorrection.id == origin.correction_id)
        .outerjoin(CostRecord, CostRecord.id == func.coalesce(origin.record_id, CostCorrection.record_id))
        .outerjoin(IncomeEntry, IncomeEntry.id == origin.income_entry_id)
        .outerjoin(
            DeliveryCorrection,
            (IncomeEntry.source_type == "delivery_corrections") & (DeliveryCorrection.id == IncomeEntry.source_id),
        )
        .outerjoin(Delivery, Delivery.id == slip)
    )


def entries_with_sources(actor: Actor, months: Months) -> Any:
    """Income entries with the slip, correction, payment or plan that each came from."""
    source = IncomeEntry.source_type
    slip = case((source == "deliveries", IncomeEntry.source_id), else_=DeliveryCorrection.delivery_id)
    paid = case((source == "household_payments", IncomeEntry.source_id), else_=PaymentCorrection.payment_id)
    query = select(
        IncomeEntry.id, IncomeEntry.month, IncomeEntry.earned_on.label("day"), IncomeEntry.kind,
        name_to(actor).label("household"), Firm.code.label("firm"), Product.sku,
        IncomeEntry.weight_g, IncomeEntry.amount_fen, source.label("source"),
        func.coalesce(
            Delivery.code, HouseholdPayment.code, SurplusPlan.code, GuaranteeContract.code
        ).label("source_code"),
        func.coalesce(
            DeliveryCorrection.reason, PaymentCorrection.reason, GuaranteeVoid.reason, REVERSED_BECAUSE
        ).label("corrected_because"),
    )  # fmt: skip
    return (
        with_contracts(within(query, actor, IncomeEntry, months))
        .outerjoin(
            DeliveryCorrection, (source == "delivery_corrections") & (DeliveryCorrection.id == IncomeEntry.source_id)
        )
        .outerjoin(Delivery, Delivery.id == slip)
        .outerjoin(
            PaymentCorrection, (source == "payment_corrections") & (PaymentCorrection.id == IncomeEntry.source_id)
        )
        .outerjoin(HouseholdPayment, HouseholdPayment.id == paid)
        .outerjoin(
            SurplusShare,
            source.in_(("surplus_shares", "surplus_reversals")) & (SurplusShare.id == IncomeEntry.source_id),
        )
        .outerjoin(SurplusPlan, SurplusPlan.id == SurplusShare.plan_id)
    )


def _reached(actor: Actor, months: Months) -> Any:
    """Sales that reached households, with order and lot; why, where they were taken back or written anew."""
    query = select(
        SalesReach.id, SalesReach.month, Order.placed_on.label("day"), name_to(actor).label("household"),
        Firm.code.label("firm"), Product.sku, SalesReach.weight_g, SalesReach.amount_fen,
        literal("order_lines").label("source"), Order.number.label("source_code"), Lot.code.label("lot"),
        Channel.kind.label("channel"),
        func.coalesce(AcceptanceCorrection.reason, AttributionChange.reason, Refund.reason).label("corrected_because"),
    )  # fmt: skip
    return (
        within(query, actor, SalesReach, months)
        .join(Settlement, Settlement.id == SalesReach.settlement_id)
        .outerjoin(AcceptanceCorrection, AcceptanceCorrection.id == Settlement.acceptance_id)
        .outerjoin(AttributionChange, AttributionChange.id == Settlement.correction_id)
        .outerjoin(Refund, Refund.id == Settlement.refund_id)
        .join(OrderLine, OrderLine.id == SalesReach.order_line_id)
        .join(Order, Order.id == OrderLine.order_id)
        .join(Lot, Lot.id == SalesReach.lot_id)
    )
