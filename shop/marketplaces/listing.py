"""What a shop can offer: price and stock of each of its SKUs, to be uploaded there."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from shop.catalog.reference import Catalog
from shop.channels.policies import channel_of_partner
from shop.kit.clock import beijing_day
from shop.kit.errors import DomainError
from shop.marketplaces.models import Marketplace, MarketplaceItem
from shop.orders.place import sellable_product, supply_for
from shop.stock.queries import left

WHOLE_PERCENT = 100


@dataclass(frozen=True)
class Offered:
    """One SKU of the shop: fen for one of it, how many there are, and the code of what forbids its sale."""

    shop_sku: str
    sku: str
    name_zh: str
    packs: int
    price_fen: int | None
    stock: int
    why_not: str | None


def offered(
    session: Session, shop: Marketplace, *, goods: Catalog, now: datetime, percent: int, only_mapped: bool
) -> list[Offered]:
    """All that the shop can offer now, by its SKU; two statements.

    A mapped SKU stands for so many packs; any other product on sale stands by its own SKU, unless `only_mapped`.
    Stock is whole units of `percent` of the grams that the channel can take: the shops share one stock. What the
    channel may not sell today is offered with none, so that an upload takes it down.
    """
    items = session.execute(
        select(MarketplaceItem.sku, MarketplaceItem.product_id, MarketplaceItem.packs)
        .where(MarketplaceItem.marketplace_id == shop.id)
        .order_by(MarketplaceItem.sku)
    ).all()
    mapped = {sku: (product_id, packs) for sku, product_id, packs in items}
    own = {} if only_mapped else {product.sku: (product.product_id, 1) for product in goods.listed()}
    skus = own | mapped
    policy, day = channel_of_partner(shop.partner_kind), beijing_day(now)
    free_g = left(session, {product_id for product_id, _ in skus.values()}, supply_for(policy, None), now=now)
    found = []
    for shop_sku, (product_id, packs) in sorted(skus.items()):
        product = goods.by_id[product_id]
        price_fen = product.price_for(1, day)
        try:
            sellable_product(goods, product.sku, policy, day)
            why_not = None if price_fen is not None else "not-for-sale"
        except DomainError as refused:
            why_not = refused.code
        grams = free_g[product_id] * percent // WHOLE_PERCENT
        found.append(
            Offered(
                shop_sku=shop_sku, sku=product.sku, name_zh=product.name_zh, packs=packs,
                price_fen=None if price_fen is None else price_fen * packs,
                stock=0 if why_not else grams // (product.net_weight_g * packs), why_not=why_not,
            )
        )  # fmt: skip
    return found
