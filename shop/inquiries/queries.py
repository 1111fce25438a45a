"""Reading inquiries, each side its own."""

from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from shop.access.guard import ALL, Actor, Owner, Role, scope
from shop.agreements.models import Agreement
from shop.catalog.models import Firm, Product
from shop.channels.models import Partner
from shop.inquiries.models import Inquiry, InquiryLine, InquiryStatus
from shop.kit.db import columns_of
from shop.kit.errors import NotFoundError
from shop.orders.models import Order

READERS = (Role.OPERATOR, Role.FIRM_STAFF, Role.BUYER)
OWNERS: dict[Role, Owner] = {Role.OPERATOR: ALL, Role.FIRM_STAFF: Firm.party_id, Role.BUYER: Partner.party_id}


def inquiries(
    session: Session, actor: Actor, *wanted: ColumnElement[bool], limit: int, day: date
) -> list[dict[str, Any]]:
    """Up to `limit` inquiries that concern `actor`, newest first: two statements. `expired` as of `day`."""
    rows = session.execute(
        select(Inquiry, Partner.code, Firm.code, Order.number, Agreement.code)
        .join(Partner, Partner.id == Inquiry.partner_id)
        .join(Firm, Firm.id == Inquiry.firm_id)
        .outerjoin(Order, Order.id == Inquiry.order_id)
        .outerjoin(Agreement, Agreement.id == Inquiry.agreement_id)
        .where(scope(actor, OWNERS), *wanted)
        .order_by(Inquiry.id.desc())
        .limit(limit)
    ).all()
    lines: dict[int, list[dict[str, Any]]] = {row[0].id: [] for row in rows}
    found = session.execute(
        select(InquiryLine, Product.sku, Product.name_zh)
        .join(Product, Product.id == InquiryLine.product_id)
        .where(InquiryLine.inquiry_id.in_(lines))
        .order_by(InquiryLine.inquiry_id, InquiryLine.position)
    )
    for line, sku, name_zh in found:
        lines[line.inquiry_id].append(
            {
                "sku": sku, "name_zh": name_zh, "quantity": line.quantity, "weight_g": line.weight_g,
                "schedule": line.schedule, "price_fen": line.price_fen,
            }
        )  # fmt: skip
    return [
        {
            **columns_of(inquiry),
            "status": inquiry.status.value, "partner": partner, "firm": firm, "order": number, "agreement": agreement,
            "expired": inquiry.status is InquiryStatus.OFFERED and (inquiry.valid_until or day) < day,
            "lines": lines[inquiry.id],
        }
        for inquiry, partner, firm, number, agreement in rows
    ]  # fmt: skip


def inquiry(session: Session, actor: Actor, code: str, day: date) -> dict[str, Any]:
    """One of them. Raises NotFoundError for a missing and for a foreign one."""
    found = inquiries(session, actor, Inquiry.code == code, limit=1, day=day)
    if not found:
        raise NotFoundError(what=code)
    return found[0]
