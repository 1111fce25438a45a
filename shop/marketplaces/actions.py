"""Setting up shops on marketplaces: profile, clock, what each shop SKU stands for."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from shop.catalog.models import Product
from shop.channels.actions import partner_by_code
from shop.channels.models import Partner
from shop.channels.policies import Reward, channel_of_partner
from shop.kit.errors import NotFoundError
from shop.kit.states import record
from shop.marketplaces.errors import ItemTaken, NotAMarketplace, NotSetUp
from shop.marketplaces.models import Marketplace, MarketplaceItem, MarketplaceOrder
from shop.marketplaces.profiles import profile_of, templates


def set_up(
    session: Session, partner: Partner, told: Mapping[str, Any], *, receipt_days: int | None = None,
    settle_days: int | None = None, actor_id: int | None, now: datetime,
) -> Marketplace:  # fmt: skip
    """Say how a shop's files are read (`told`: a profile) and its clock in days; doing it again replaces both.

    Lines that were received keep their due dates. Raises NotAMarketplace, ProfileRefused.
    """
    if channel_of_partner(partner.kind).reward is not Reward.PLATFORM_FEE:
        raise NotAMarketplace(partner=partner.code)
    profile = profile_of(told)
    receipt = profile.receipt_days if receipt_days is None else receipt_days
    settle = profile.settle_days if settle_days is None else settle_days
    shop = session.scalar(select(Marketplace).where(Marketplace.partner_id == partner.id).with_for_update())
    if shop is None:
        shop = Marketplace(partner_id=partner.id, partner_kind=partner.kind, set_up_at=now)
        session.add(shop)
    shop.profile, shop.receipt_days, shop.settle_days = dict(told), receipt, settle
    session.flush()
    facts: dict[str, object] = {"profile": profile.code, "receipt_days": receipt, "settle_days": settle}
    record(session, shop, "set_up", person_id=actor_id, now=now, facts=facts)
    return shop


def template(code: str) -> dict[str, Any]:
    """The profile that ships under `code`. Raises NotFoundError."""
    if code not in templates():
        raise NotFoundError(what=code)
    return templates()[code]


def shop_by_code(session: Session, code: str, *, lock: bool = False) -> Marketplace:
    """The shop of a partner. `lock`: imports of one shop wait for each other. Raises NotFoundError, NotSetUp."""
    partner = partner_by_code(session, code)
    query = select(Marketplace).where(Marketplace.partner_id == partner.id)
    shop = session.scalar(query.with_for_update() if lock else query)
    if shop is None:
        raise NotSetUp(shop=code)
    return shop


def map_item(
    session: Session, shop: Marketplace, sku: str, product: Product, packs: int, *, actor_id: int | None, now: datetime
) -> MarketplaceItem:
    """Say what a shop's SKU stands for: `packs` packs of a product. Raises ItemTaken once it was sold as another."""
    item = session.scalar(
        select(MarketplaceItem)
        .where(MarketplaceItem.marketplace_id == shop.id, MarketplaceItem.sku == sku)
        .with_for_update()
    )
    if item is not None and (item.product_id, item.packs) != (product.id, packs):
        sold = select(MarketplaceOrder.id).where(
            MarketplaceOrder.marketplace_id == shop.id, MarketplaceOrder.sku == sku
        )
        if session.scalar(sold.limit(1)):
            raise ItemTaken(sku=sku)
    if item is None:
        item = MarketplaceItem(marketplace_id=shop.id, sku=sku)
        session.add(item)
    item.product_id, item.packs = product.id, packs
    session.flush()
    record(session, item, "map", person_id=actor_id, now=now, facts={"product": product.sku, "packs": packs})
    return item
