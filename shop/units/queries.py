"""Reading a unit's desk: reserve and completion, union cap, invoices by due date, the acceptance sheet."""

from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from shop.access.guard import ALL, Actor, Owner, Role, scope
from shop.catalog.models import BATCH_PAPERS
from shop.catalog.reference import PAPER_ZH, Catalog
from shop.channels.models import Partner, PartnerKind
from shop.channels.policies import POLICIES, Approval, Payer
from shop.kit.clock import at_beijing, beijing_day
from shop.kit.money import BP_WHOLE, divide_half_up
from shop.orders.models import Dispatch, Order, OrderLine, OrderStatus, Pick
from shop.orders.queries import order as seen_order
from shop.stock.models import Lot
from shop.units.actions import ENDED
from shop.units.models import Filing, Fund, OutsidePurchase, Purchase, ReserveRule

#: Whose a desk is: the unit's own; the county sees all. A township has no units and sees none.
OWNERS: dict[Role, Owner] = {Role.OPERATOR: ALL, Role.MANAGER: Partner.party_id, Role.BUYER: Partner.party_id}
#: Kinds of partners that have a desk: they buy for themselves and approve their own orders.
DESKS: tuple[PartnerKind, ...] = tuple(
    policy.partner
    for policy in POLICIES.values()
    if policy.payer is Payer.PARTNER and policy.approval is Approval.BUYER
)
ACCEPTED = (OrderStatus.ACCEPTED, OrderStatus.SETTLED)


def years(session: Session, actor: Actor, year: int, *wanted: ColumnElement[bool]) -> list[dict[str, Any]]:
    """Reserve, purchases on and off the platform, and union cap of each unit that `actor` sees. One statement.

    Off the platform: accepted by this shop in the year, by what it was bought for. The completion rate counts the
    platform's orders alone, in basis points; None without a filing.
    """
    first, after = date(year, 1, 1), date(year + 1, 1, 1)
    latest = (
        select(Filing.partner_id, Filing, ReserveRule.authority, ReserveRule.file_by)
        .join(ReserveRule, ReserveRule.id == Filing.rule_id)
        .where(Filing.year == year)
        .ext(distinct_on(Filing.partner_id))
        .order_by(Filing.partner_id, Filing.position.desc())
        .subquery()
    )
    outside = (
        select(OutsidePurchase.partner_id, func.sum(OutsidePurchase.amount_fen).label("fen"))
        .where(OutsidePurchase.bought_on >= first, OutsidePurchase.bought_on < after)
        .group_by(OutsidePurchase.partner_id)
        .subquery()
    )
    fen = func.sum(OrderLine.accepted_fen)
    inside = (
        select(
            Order.partner_id,
            func.coalesce(fen.filter(Purchase.fund == Fund.CANTEEN), 0).label("canteen_fen"),
            func.coalesce(fen.filter(Purchase.fund == Fund.UNION), 0).label("union_fen"),
            func.coalesce(fen.filter(Order.occasion_id.is_not(None)), 0).label("rounds_fen"),
            func.coalesce(fen.filter(Order.occasion_id.is_(None), Purchase.order_id.is_(None)), 0).label("other_fen"),
        )
        .join(OrderLine, OrderLine.order_id == Order.id)
        .outerjoin(Purchase, Purchase.order_id == Order.id)
        .where(Order.accepted_at >= at_beijing(first), Order.accepted_at < at_beijing(after))
        .group_by(Order.partner_id)
        .subquery()
    )
    given = (
        select(Order.partner_id, func.sum(Purchase.per_member_fen).label("fen"))
        .join(Purchase, Purchase.order_id == Order.id)
        .where(Order.placed_on >= first, Order.placed_on < after, Order.status.not_in(ENDED))
        .group_by(Order.partner_id)
        .subquery()
    )
    rows = session.execute(
        select(
            Partner.code, Partner.name_zh, latest.c.authority, latest.c.file_by, latest.c.filed_at,
            latest.c.canteen_fen.label("planned_canteen_fen"), latest.c.union_fen.label("planned_union_fen"),
            latest.c.members, latest.c.reserve_fen, latest.c.union_cap_fen,
            func.coalesce(outside.c.fen, 0).label("on_platform_fen"),
            func.coalesce(inside.c.canteen_fen, 0).label("off_canteen_fen"),
            func.coalesce(inside.c.union_fen, 0).label("off_union_fen"),
            func.coalesce(inside.c.rounds_fen, 0).label("rounds_fen"),
            func.coalesce(inside.c.other_fen, 0).label("off_undeclared_fen"),
            func.coalesce(given.c.fen, 0).label("per_member_fen"),
        )
        .outerjoin(latest, latest.c.partner_id == Partner.id)
        .outerjoin(outside, outside.c.partner_id == Partner.id)
        .outerjoin(inside, inside.c.partner_id == Partner.id)
        .outerjoin(given, given.c.partner_id == Partner.id)
        .where(scope(actor, OWNERS), Partner.kind.in_(DESKS), *wanted)
        .order_by(Partner.code)
    ).mappings()  # fmt: skip
    return [_year(dict(row), year) for row in rows]


def _year(row: dict[str, Any], year: int) -> dict[str, Any]:
    reserve, filed_at = row["reserve_fen"], row["filed_at"]
    return row | {
        "year": year,
        "completion_bp": divide_half_up(row["on_platform_fen"] * BP_WHOLE, reserve) if reserve else None,
        "missing_fen": None if reserve is None else max(reserve - row["on_platform_fen"], 0),
        "filed_late": filed_at is not None and beijing_day(filed_at) > row["file_by"],
        "member_left_fen": None if filed_at is None else row["union_cap_fen"] - row["per_member_fen"],
    }


def invoices(session: Session, partner_code: str, *, day: date, limit: int) -> list[dict[str, Any]]:
    """Accepted orders of a unit that are not paid, by due date; `overdue_days` on `day`."""
    owed = (
        select(OrderLine.order_id, func.sum(OrderLine.accepted_fen).label("fen"))
        .group_by(OrderLine.order_id)
        .subquery()
    )
    rows = session.execute(
        select(Order.number, Order.due_on, owed.c.fen.label("accepted_fen"), Order.paid_fen)
        .join(owed, owed.c.order_id == Order.id)
        .join(Partner, Partner.id == Order.partner_id)
        .where(Partner.code == partner_code, Order.status.in_(ACCEPTED), Order.due_on.is_not(None),
               owed.c.fen > Order.paid_fen)
        .order_by(Order.due_on, Order.id)
        .limit(limit)
    ).mappings()  # fmt: skip
    return [
        dict(row)
        | {"left_fen": row["accepted_fen"] - row["paid_fen"], "overdue_days": max((day - row["due_on"]).days, 0)}
        for row in rows
    ]


def acceptance_sheet(session: Session, actor: Actor, number: str, *, goods: Catalog) -> dict[str, Any]:
    """验收单: what came of an order by lot, with the lot's certificate and the product's licences of the day it left.

    Raises NotFoundError for a missing and for a foreign order. One statement beside those of the order.
    """
    order = seen_order(session, actor, number)
    rows = session.execute(
        select(
            Dispatch.position, Dispatch.dispatched_at, OrderLine.product_id, Lot.code, Lot.harvested_on, Lot.expires_on,
            Lot.certificate_number, Pick.weight_g,
        )
        .join(Dispatch, Dispatch.id == Pick.dispatch_id)
        .join(OrderLine, OrderLine.id == Pick.order_line_id)
        .join(Lot, Lot.id == Pick.lot_id)
        .where(Dispatch.order_id == order["id"])
        .order_by(Dispatch.position, Pick.id)
    ).all()  # fmt: skip
    batches = []
    for row in rows:
        product, day = goods.by_id[row.product_id], beijing_day(row.dispatched_at)
        wanted = sorted(product.required & BATCH_PAPERS)
        batches.append(
            {
                "parcel": row.position, "dispatched_on": day, "sku": product.sku, "name_zh": product.name_zh,
                "origin_zh": product.origin_zh, "lot": row.code, "harvested_on": row.harvested_on,
                "expires_on": row.expires_on, "weight_g": row.weight_g,
                "certificate_zh": PAPER_ZH[wanted[0]] if wanted else None,
                "certificate_number": row.certificate_number,
                "licences": [
                    {"name_zh": PAPER_ZH[paper.kind], "number": paper.number, "expires_on": paper.expires_on}
                    for paper in product.papers
                    if paper.held(day)
                ],
            }
        )  # fmt: skip
    return {
        "order": number, "partner_name_zh": order["partner_name_zh"], "firm_name_zh": order["firm_name_zh"],
        "accepted_at": order["accepted_at"], "due_on": order["due_on"], "lines": order["lines"], "batches": batches,
        "accepted_fen": sum(line["accepted_fen"] or 0 for line in order["lines"]),
    }  # fmt: skip
