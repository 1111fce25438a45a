"""Why a figure of the agreements report is what it is: the facts that make it, down to order lines; their sum is it.

Counted from the schedule, the call-offs and their orders, not from the rollup that it is to explain.
"""

from datetime import date
from typing import Any

from sqlalchemy import BigInteger, Date, case, cast, func, literal, or_, select
from sqlalchemy.orm import Session

from shop.access.guard import Actor, scope
from shop.agreements.models import Agreement, CallOff, DueWeight
from shop.agreements.queries import OWNERS
from shop.catalog.models import Firm, Product
from shop.channels.models import Partner
from shop.orders.models import Order, OrderLine
from shop.reports.agreement_facts import FIGURES, KEPT_FACTS, facts
from shop.reports.agreement_report import (
    AgreementsBy,
    key_of,
    not_ahead,
    rate_bp,
    signed_agreement,
    signed_by,
    told_figures,
)
from shop.reports.paging import rows_from

#: What may be asked: every figure of a row.
EXPLAINED = ("agreements", *FIGURES, "rate_bp")

#: Rows are shown by day, then kind, then number: all three in one number, for the cursor.
_SOURCES = ("agreement_lines", "due_weights", "call_offs", "minimum")
_FIRST_DAY = date(2000, 1, 1)


def explain_agreements(
    session: Session, actor: Actor, by: AgreementsBy, key: str | None, day: date, figure: str, *,
    today: date, limit: int, after_id: int | None,
) -> dict[str, Any]:  # fmt: skip
    """The facts behind one figure of the report, oldest first, `limit` + 1 of them after `after_id`, and its value.

    `key`: the report's row; None = its total. A key that the reader may not see has no rows. The rate is explained by
    what was due and what was accepted. Of an agreement with several lines the first stands for the agreement. What is
    not told, of a past day or to a buyer, has no rows and no value. Raises DayAhead.
    """
    not_ahead(day, today)
    if figure in set(FIGURES) - set(told_figures(actor, day, today)):
        told: dict[str, Any] = {"by": by.value, "day": day, "figure": figure}
        return told | {"rows": 0, "value": None, "total": {figure: 0}, "items": [], "previous": None}
    asked = ("due_g", "accepted_g") if figure == "rate_bp" else (figure,)
    counted = [name for name in asked if name in FIGURES]
    made = facts(day, KEPT_FACTS, counted)
    place = case(*((made.c.source == source, index) for index, source in enumerate(_SOURCES)))
    signed = signed_agreement(made)
    first = func.row_number().over(partition_by=signed, order_by=made.c.line_id) == 1
    query = select(
        ((cast(made.c.day - cast(literal(_FIRST_DAY), Date), BigInteger) * 4 + place) * 2**44 + made.c.fact_id)
        .label("id"),
        made.c.source, made.c.fact_id, made.c.line_id, made.c.day, Agreement.code.label("agreement"),
        Partner.code.label("partner"), Firm.code.label("firm"), Product.sku,
        case((signed.is_not(None) & first, 1), else_=0).label("agreements"), *(made.c[name] for name in counted),
    )  # fmt: skip
    query = signed_by(query, made, day).where(made.c.day.is_not(None), scope(actor, OWNERS))
    if key is not None:
        query = query.where(key_of(by, made)[0] == key)
    rows = query.subquery("behind")
    counts = or_(*(rows.c[name] != 0 for name in asked))
    sums = (func.coalesce(func.sum(rows.c[name]), 0) for name in asked)
    number, *values = session.execute(select(func.count(), *sums).where(counts)).one()
    total = dict(zip(asked, map(int, values), strict=True))
    page = (
        select(
            rows, CallOff.status, CallOff.weight_g.label("called_weight_g"), CallOff.price_fen_per_kg,
            CallOff.schedule_day, DueWeight.weight_g.label("scheduled_g"), Order.number.label("order"),
            OrderLine.position.label("order_line"), Order.accepted_at, Order.due_on.label("invoice_due_on"),
            OrderLine.accepted_fen, Order.paid_fen,
        )
        .outerjoin(CallOff, (rows.c.source == "call_offs") & (CallOff.id == rows.c.fact_id))
        .outerjoin(
            DueWeight,
            (rows.c.source == "due_weights") & (DueWeight.line_id == rows.c.fact_id) & (DueWeight.due_on == rows.c.day),
        )
        .outerjoin(Order, Order.call_off_id == CallOff.id)
        .outerjoin(OrderLine, OrderLine.order_id == Order.id)
        .where(counts)
    )  # fmt: skip
    found = rows_from(session, page, rows.c.id, limit=limit, start=after_id, ascending=True)
    return {
        "by": by.value,
        "day": day,
        "figure": figure,
        "rows": number,
        "value": rate_bp(total) if figure == "rate_bp" else total[figure],
        "total": total,
        "items": [_shown(row, asked) for row in found["items"]],
        "previous": found["previous"],
    }


def _shown(row: dict[str, Any], asked: tuple[str, ...]) -> dict[str, Any]:
    """A fact with its part of what was asked, and none of the other figures."""
    parts = {name: int(row[name]) for name in asked}
    kept = {name: value for name, value in row.items() if name not in ("agreements", *asked)}
    return kept | {"status": row["status"].value if row["status"] else None, "parts": parts}
