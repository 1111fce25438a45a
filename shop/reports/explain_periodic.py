"""Why a figure of a periodic report is what it is: the order lines, orders, entries or households that make it.

Counted from the facts, with the days, area and names of the report; the values of the rows add up to the figure.
"""

from dataclasses import dataclass
from datetime import date, datetime
from itertools import pairwise
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, and_, case, cast, false, func, literal, or_, select
from sqlalchemy.orm import Session, aliased

from shop.access.guard import Actor
from shop.catalog.models import Firm, Product
from shop.channels.models import Channel, Occasion, OccasionKind, Partner, PartnerKind
from shop.income.models import IncomeEntry
from shop.kit.clock import beijing_day, month_of
from shop.kit.errors import NotFoundError
from shop.orders.models import Order, OrderLine, OrderStatus, PaymentTerms, PriceBasis
from shop.places.models import Township, Village
from shop.reports.agreement_penalties import FIGURES as PENALTY_SUMS
from shop.reports.agreement_penalties import behind_open_penalties
from shop.reports.area import PARTNER_TOLD, area
from shop.reports.cadre_classes import CLASSES, classes_told
from shop.reports.called import name_to
from shop.reports.explain import entries_with_sources
from shop.reports.income_report import Months, family_of
from shop.reports.paging import rows_from
from shop.reports.periodic import PENALTY_FIGURES, SPANS_ZH, counted_on
from shop.reports.periods import Every, Span, Spans, spans_of
from shop.reports.spanned import pieces_of


@dataclass(frozen=True)
class Figure:
    """A figure of a section: of the row `key` (None = its total), over one of the spans."""

    section: str
    key: str | None
    figure: str
    span: str


_SALES_KEYS: dict[str, ColumnElement[Any]] = {
    "channels": Channel.kind.expression, "townships": Township.code.expression, "firms": Firm.code.expression,
    "products_by_amount": Product.sku.expression, "products_by_weight": Product.sku.expression,
}  # fmt: skip
_PARTNER_SECTIONS = {f"{kind.value}_partners": kind for kind in PartnerKind if kind is not PartnerKind.CADRE}
_OF_LINES = ("net_fen", "weight_g")
_OF_ORDERS = {"orders": literal(1), "paid_fen": Order.paid_fen, "refunded_fen": Order.refunded_fen}
_SALES_FIGURES = (*_OF_LINES, "orders")
_OF_PEOPLE = ("households", "cash_fen")

#: The figures of each section that rows explain. Rates follow from them; who is assisted, and which cadre brought
#: what, is told to nobody.
PERIODIC_FIGURES: dict[str, tuple[str, ...]] = {
    "summary": (*_SALES_FIGURES, "paid_fen", "refunded_fen", *_OF_PEOPLE),
    **dict.fromkeys((*_SALES_KEYS, *_PARTNER_SECTIONS, "cadres", "origins"), _SALES_FIGURES),
    "sessions": ("orders", "ordered_fen", "refunded_fen", "net_fen", "weight_g"),
    "households": _OF_PEOPLE,
    "receivables": ("due_fen", "overdue_fen"),
    "penalties": PENALTY_FIGURES,
}


def figure_at(section: str, path: str, key: str | None) -> Figure | None:
    """The figure that stands in column `path` of the row `key` (None = the total), if rows explain it."""
    match section:
        case "summary":
            found = Figure(section, None, key or "", path.removesuffix("_value"))
        case "sessions":
            found = Figure(section, key, path, "period")
        case "receivables" | "penalties":
            found = Figure(section, key, path, "day")
        case _:
            span = next((span for span in SPANS_ZH if path.startswith(f"{span}_")), "")
            found = Figure(section, key, path.removeprefix(f"{span}_"), span)
    return found if found.span in SPANS_ZH and found.figure in PERIODIC_FIGURES.get(section, ()) else None


def explain_periodic(
    session: Session, actor: Actor, every: Every, on: date, asked: Figure, *, now: datetime, limit: int,
    before_id: int | None,
) -> dict[str, Any]:  # fmt: skip
    """The rows behind a figure, newest first, `limit` + 1 of them, each with its part; and the sum of all.

    Raises NotFoundError when the section has no such figure.
    """
    if asked.figure not in PERIODIC_FIGURES.get(asked.section, ()):
        raise NotFoundError(what=f"{asked.section}.{asked.figure}")
    spans = spans_of(every, on, today=beijing_day(now))
    span: Span = dict(spans.named())[asked.span]
    if asked.section == "receivables":
        query = _owed(actor, asked, beijing_day(now))
    elif asked.section == "penalties":
        query = behind_open_penalties(actor, PENALTY_SUMS[PENALTY_FIGURES.index(asked.figure)], asked.key)
    elif asked.figure in _OF_PEOPLE:
        query = _received(actor, asked, span)
    else:
        query = _sold(session, actor, asked, span, spans)
    found = query.subquery()
    rows, value = session.execute(select(func.count(), func.coalesce(func.sum(found.c.value), 0))).one()
    return {
        "every": every.value,
        "on": on,
        "section": asked.section,
        "figure": asked.figure,
        "span": asked.span,
        "from": span.first,
        "to": span.last,
        "rows": rows,
        "value": int(value),
        **rows_from(session, select(found), found.c.id, limit=limit, start=before_id),
    }


def _of_orders(query: Any, actor: Actor) -> Any:
    return (
        query.select_from(Order)
        .join(Channel, Channel.id == Order.channel_id)
        .join(Partner, Partner.id == Order.partner_id)
        .join(Firm, Firm.id == Order.firm_id)
        .join(Village, Village.id == Firm.village_id)
        .join(Township, Township.id == Village.township_id)
        .where(area(actor))
    )


#: What is said of an order.
_ORDER = (
    Order.placed_on.label("day"), Order.number.label("source_code"), Firm.code.label("firm"),
    Channel.kind.label("channel"), PARTNER_TOLD.label("partner"),
)  # fmt: skip
_LINE = {
    "net_fen": case(
        (
            Order.payment_terms == PaymentTerms.ON_INVOICE,
            func.coalesce(OrderLine.accepted_fen, OrderLine.amount_fen - OrderLine.cancelled_fen),
        ),
        else_=OrderLine.amount_fen - OrderLine.refunded_fen,
    ),
    "weight_g": func.coalesce(OrderLine.accepted_g, OrderLine.weight_g - OrderLine.cancelled_g),
    "ordered_fen": OrderLine.amount_fen,
    "refunded_fen": OrderLine.refunded_fen,
}


def _sold(session: Session, actor: Actor, asked: Figure, span: Span, spans: Spans) -> Any:
    """Order lines, or orders where the figure counts orders or their money."""
    by_order = asked.figure == "orders" or (asked.section == "summary" and asked.figure in _OF_ORDERS)
    if by_order:
        query = _of_orders(select(Order.id, *_ORDER, _OF_ORDERS[asked.figure].label("value")), actor)
    else:
        query = _of_orders(
            select(OrderLine.id, *_ORDER, Product.sku.label("sku"), _LINE[asked.figure].label("value")), actor
        )
        query = query.join(OrderLine, OrderLine.order_id == Order.id).join(Product, Product.id == OrderLine.product_id)
    query = query.where(Order.placed_on.between(span.first, span.last), Order.confirmed_at.is_not(None))
    # What was paid for orders that were cancelled moved all the same.
    if not by_order or asked.figure == "orders":
        query = query.where(Order.status != OrderStatus.CANCELLED)
    return query.where(_in_row(session, actor, asked, spans))


def _in_row(session: Session, actor: Actor, asked: Figure, spans: Spans) -> ColumnElement[bool]:
    """The orders of the section's row."""
    section, key = asked.section, asked.key
    if section in _SALES_KEYS:
        if key is None:
            return Order.id.is_not(None)
        return _SALES_KEYS[section] == key
    if section in _PARTNER_SECTIONS:
        of_kind = Partner.kind == _PARTNER_SECTIONS[section]
        return of_kind if key is None else and_(of_kind, Partner.code == key)
    match section:
        case "cadres":
            of_row = Order.partner_id.in_(_of_class(session, actor, key, spans))
            return and_(Partner.kind == PartnerKind.CADRE, ~Order.is_own, of_row)
        case "origins" if key is not None:
            of_file = aliased(OrderLine)
            lines = select(of_file.id).where(of_file.order_id == Order.id, of_file.price_basis == PriceBasis.LINE)
            return lines.exists() if key == "file" else ~lines.exists()
        case "sessions":
            held = select(Occasion.id).where(Occasion.kind == OccasionKind.SESSION)
            return Order.occasion_id.in_(held if key is None else held.where(Occasion.code == key))
    return Order.id.is_not(None)


def _of_class(session: Session, actor: Actor, key: str | None, spans: Spans) -> Any:
    """Cadres of a row, by the orders that they brought in the year so far; None = of any, nobody where no row is so."""
    brought = func.count().filter(Order.placed_on.between(spans.cumulative.first, spans.cumulative.last))
    each = (
        _of_orders(select(Order.partner_id), actor)
        .where(
            Partner.kind == PartnerKind.CADRE, ~Order.is_own,
            or_(*(Order.placed_on.between(span.first, span.last) for _, span in spans.named())),
            Order.confirmed_at.is_not(None), Order.status != OrderStatus.CANCELLED,
        )
        .group_by(Order.partner_id)
    )  # fmt: skip
    told = classes_told(session.scalars(each.with_only_columns(brought, maintain_column_froms=True)))
    lows = {low for row in told if key in (None, row.key) for low in row.lows}
    below = {low: above for (above, _), (low, _) in pairwise(CLASSES)}
    of_row = [and_(brought >= low, brought < below[low]) if low in below else brought >= low for low in lows]
    return each.having(or_(false(), *of_row))


def _owed(actor: Actor, asked: Figure, today: date) -> Any:
    """Orders accepted on invoice, with what of them is not paid."""
    owed = select(func.sum(OrderLine.accepted_fen)).where(OrderLine.order_id == Order.id).scalar_subquery()
    query = _of_orders(select(Order.id, *_ORDER, cast(owed - Order.paid_fen, BigInteger).label("value")), actor)
    query = query.where(Order.due_on.is_not(None), owed > Order.paid_fen)
    if asked.figure == "overdue_fen":
        query = query.where(Order.due_on < today)
    return query if asked.key is None else query.where(Partner.code == asked.key)


def _received(actor: Actor, asked: Figure, span: Span) -> Any:
    """Income entries with their slips; or the households that they reached, each once."""
    months = Months(month_of(span.first), month_of(span.last))
    query = entries_with_sources(actor, months).where(counted_on().between(span.first, span.last))
    # A row of the head is a figure of its own, of all townships.
    if asked.key is not None and asked.section != "summary":
        query = query.where(Township.code == asked.key)
    if asked.figure == "cash_fen":
        entries = query.subquery()
        return select(entries, entries.c.amount_fen.label("value"))
    # What is counted as reached: months as a whole by kind, the days that are left in money, as cuts have them.
    whole = [piece.first for every, piece in pieces_of(span, (Every.MONTH, Every.DAY)) if every is Every.MONTH]
    of_month, family = IncomeEntry.month.in_(whole), family_of(IncomeEntry)
    units = (
        query.with_only_columns(
            family.label("id"), func.min(name_to(actor)).label("household"),
            func.max(IncomeEntry.earned_on).label("day"),
            func.sum(IncomeEntry.amount_fen).label("amount_fen"),
        )
        .where(IncomeEntry.firm_id.is_not(None))
        .group_by(
            family, IncomeEntry.household_id, IncomeEntry.firm_id,
            case((of_month, IncomeEntry.month), else_=counted_on()), case((of_month, IncomeEntry.kind)),
        )
    )  # fmt: skip
    grams = func.sum(case((of_month, IncomeEntry.weight_g), else_=0))
    reached = units.add_columns(or_(func.sum(IncomeEntry.amount_fen) != 0, grams != 0).label("reached")).subquery()
    return (
        select(
            reached.c.id, func.min(reached.c.household).label("household"), func.max(reached.c.day).label("day"),
            func.sum(reached.c.amount_fen).label("amount_fen"), literal(1).label("value"),
        )
        .group_by(reached.c.id)
        .having(func.bool_or(reached.c.reached))
    )  # fmt: skip
