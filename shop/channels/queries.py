"""Reading links, each partner its own."""

from typing import Any

from sqlalchemy import BigInteger, ColumnElement, func, select
from sqlalchemy.orm import Session

from shop.access.guard import ALL, Actor, Owner, Role, scope
from shop.catalog.models import Product
from shop.channels.models import Campaign, LinkClick, Occasion, Partner, SaleLink

#: Whose a link is, by role.
OWNERS: dict[Role, Owner] = {
    Role.OPERATOR: ALL,
    Role.HOST: Partner.party_id,
    Role.CADRE: Partner.party_id,
    Role.BUYER: Partner.party_id,
}


def links(session: Session, actor: Actor, *wanted: ColumnElement[bool], limit: int) -> list[dict[str, Any]]:
    """Up to `limit` links that `actor` sees, newest first, with how often they were opened. One statement."""
    people = LinkClick.is_bot.is_(False)
    clicks = (
        select(
            func.coalesce(func.sum(LinkClick.times).filter(people), 0).cast(BigInteger).label("clicks"),
            func.count().filter(people).label("visitors"),
            func.coalesce(func.sum(LinkClick.times).filter(LinkClick.is_bot), 0).cast(BigInteger).label("bots"),
        )
        .where(LinkClick.link_id == SaleLink.id)
        .lateral()
    )
    rows = session.execute(
        select(
            SaleLink.id, SaleLink.code, Partner.code.label("partner"), Campaign.code.label("campaign"),
            Occasion.code.label("session"), Product.sku, clicks.c.clicks, clicks.c.visitors,
            (clicks.c.clicks - clicks.c.visitors).label("repeats"), clicks.c.bots,
        )
        .join(Partner, Partner.id == SaleLink.partner_id)
        .join(Campaign, Campaign.id == SaleLink.campaign_id)
        .outerjoin(Occasion, Occasion.id == SaleLink.occasion_id)
        .outerjoin(Product, Product.id == SaleLink.product_id)
        .join(clicks, Partner.id == SaleLink.partner_id)
        .where(scope(actor, OWNERS), *wanted)
        .order_by(SaleLink.id.desc())
        .limit(limit)
    ).mappings()  # fmt: skip
    return [dict(row) | {"path": f"/s/{row['code']}"} for row in rows]
