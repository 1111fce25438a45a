"""Reading claims: the buyer his own, the firm those about its goods, the county all."""

from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from shop.access.guard import ALL, Actor, Owner, Role, scope
from shop.catalog.models import Firm, Product
from shop.claims.models import Claim, ClaimPhoto
from shop.claims.states import REASON_ZH, STATE_ZH
from shop.kit.db import columns_of
from shop.kit.errors import NotFoundError
from shop.orders.models import Order, OrderLine
from shop.payments.models import Refund

OWNERS: dict[Role, Owner] = {
    Role.OPERATOR: ALL,
    Role.FIRM_STAFF: Firm.party_id,
    Role.CUSTOMER: Order.buyer_party_id,
}


def claims(session: Session, actor: Actor, *wanted: ColumnElement[bool], limit: int) -> list[dict[str, Any]]:
    """Up to `limit` claims that `actor` sees, newest first. One statement."""
    rows = session.execute(
        select(
            Claim, Order.number, Product.sku, OrderLine.name_zh, OrderLine.accepted_g, Firm.code,
            Refund.number, Refund.status, select(ClaimPhoto.claim_id).where(ClaimPhoto.claim_id == Claim.id).exists(),
        )
        .join(OrderLine, OrderLine.id == Claim.order_line_id)
        .join(Order, Order.id == OrderLine.order_id)
        .join(Product, Product.id == OrderLine.product_id)
        .join(Firm, Firm.id == Order.firm_id)
        .outerjoin(Refund, Refund.id == Claim.refund_id)
        .where(scope(actor, OWNERS), *wanted)
        .order_by(Claim.id.desc())
        .limit(limit)
    )  # fmt: skip
    return [
        columns_of(claim)
        | {
            "status": claim.status.value,
            "status_zh": STATE_ZH[claim.status],
            "reason": claim.reason.value,
            "reason_zh": REASON_ZH[claim.reason],
            "order": order,
            "sku": sku,
            "name_zh": name_zh,
            "accepted_g": accepted_g,
            "firm": firm,
            "has_photo": has_photo,
            "refund": refund,
            "refund_status": refund_status.value if refund_status else None,
        }
        for claim, order, sku, name_zh, accepted_g, firm, refund, refund_status, has_photo in rows
    ]


def photo(session: Session, actor: Actor, number: str) -> bytes:
    """The photo of a claim. Raises NotFoundError for one without, and for a missing or a foreign claim."""
    found = session.scalar(
        select(ClaimPhoto.jpeg)
        .join(Claim, Claim.id == ClaimPhoto.claim_id)
        .join(OrderLine, OrderLine.id == Claim.order_line_id)
        .join(Order, Order.id == OrderLine.order_id)
        .join(Firm, Firm.id == Order.firm_id)
        .where(scope(actor, OWNERS), Claim.number == number)
    )
    if found is None:
        raise NotFoundError(what=number)
    return found


def claim(session: Session, actor: Actor, number: str) -> dict[str, Any]:
    """One claim. Raises NotFoundError for a missing and for a foreign one."""
    found = claims(session, actor, Claim.number == number, limit=1)
    if not found:
        raise NotFoundError(what=number)
    return found[0]
