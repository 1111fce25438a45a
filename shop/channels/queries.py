"""Reading sessions and links, each partner its own."""

from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from shop.access.guard import ALL, Actor, Owner, Role, scope
from shop.catalog.models import Product
from shop.channels.models import LinkClick, Occasion, OccasionKind, Offer, Partner, SaleLink
from shop.kit.errors import NotFoundError

#: Whose a session or a link is, by role.
OWNERS: dict[Role, Owner] = {Role.OPERATOR: ALL, Role.HOST: Partner.party_id, Role.CADRE: Partner.party_id}


def live_session(session: Session, actor: Actor, code: str) -> dict[str, Any]:
    """A live session with its offers. Raises NotFoundError for a missing and for a foreign one."""
    found = session.execute(
        select(Occasion, Partner.code)
        .join(Partner, Partner.id == Occasion.partner_id)
        .where(Occasion.code == code, Occasion.kind == OccasionKind.SESSION, scope(actor, OWNERS))
    ).first()
    if found is None:
        raise NotFoundError(what=code)
    occasion, partner = found
    offers = session.execute(
        select(Product.sku, Product.name_zh, Offer.price_fen, Offer.per_buyer_cap, Offer.set_aside_g)
        .join(Product, Product.id == Offer.product_id)
        .where(Offer.occasion_id == occasion.id)
        .order_by(Product.sku)
    ).mappings()
    return {
        "code": occasion.code,
        "status": occasion.status.value,
        "partner": partner,
        "title_zh": occasion.title_zh,
        "starts_at": occasion.starts_at,
        "ends_at": occasion.ends_at,
        "commission_bp": occasion.commission_bp,
        "offers": [dict(offer) for offer in offers],
    }


def links(session: Session, actor: Actor, *wanted: ColumnElement[bool], limit: int) -> list[dict[str, Any]]:
    """Up to `limit` links that `actor` sees, newest first, with how often they were opened. One statement."""
    clicks = (
        select(
            func.count().label("clicks"),
            func.count(LinkClick.visitor_hash.distinct()).label("visitors"),
        )
        .where(LinkClick.link_id == SaleLink.id)
        .lateral()
    )
    rows = session.execute(
        select(
            SaleLink.id, SaleLink.code, Partner.code.label("partner"), Occasion.code.label("session"), Product.sku,
            clicks.c.clicks, clicks.c.visitors,
        )
        .join(Partner, Partner.id == SaleLink.partner_id)
        .outerjoin(Occasion, Occasion.id == SaleLink.occasion_id)
        .outerjoin(Product, Product.id == SaleLink.product_id)
        .join(clicks, Partner.id == SaleLink.partner_id)
        .where(scope(actor, OWNERS), *wanted)
        .order_by(SaleLink.id.desc())
        .limit(limit)
    ).mappings()  # fmt: skip
    return [dict(row) | {"path": f"/s/{row['code']}"} for row in rows]
