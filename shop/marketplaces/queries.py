"""Reading what marketplaces told."""

from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from shop.catalog.models import Product
from shop.channels.models import Partner
from shop.marketplaces.models import Marketplace, MarketplaceImport, MarketplaceItem, MarketplaceOrder
from shop.orders.models import Order


def shop(session: Session, found: Marketplace) -> dict[str, Any]:
    """A shop, how its files are read, and how many of its lines are behind."""
    lines = select(func.count()).where(MarketplaceOrder.marketplace_id == found.id)
    row = session.execute(
        select(
            Partner.code,
            Partner.name_zh,
            lines.scalar_subquery().label("orders"),
            lines.where(MarketplaceOrder.followed_at.is_(None)).scalar_subquery().label("behind"),
            select(func.count()).where(MarketplaceItem.marketplace_id == found.id).scalar_subquery().label("items"),
        ).where(Partner.id == found.partner_id)
    ).one()
    return {
        "partner": row.code,
        "name_zh": row.name_zh,
        "profile": found.profile,
        "receipt_days": found.receipt_days,
        "settle_days": found.settle_days,
        "items": row.items,
        "orders": row.orders,
        "behind": row.behind,
    }


def items(session: Session, found: Marketplace, *, limit: int, after_id: int | None) -> list[dict[str, Any]]:
    """SKUs that are mapped, in the order in which they were."""
    rows = session.execute(
        select(MarketplaceItem.id, MarketplaceItem.sku, MarketplaceItem.packs, Product.sku, Product.name_zh)
        .join(Product, Product.id == MarketplaceItem.product_id)
        .where(MarketplaceItem.marketplace_id == found.id, MarketplaceItem.id > (after_id or 0))
        .order_by(MarketplaceItem.id)
        .limit(limit)
    )
    return [
        {"id": id_, "shop_sku": shop_sku, "sku": sku, "name_zh": name_zh, "packs": packs}
        for id_, shop_sku, packs, sku, name_zh in rows
    ]


def lines(
    session: Session, found: Marketplace, *, limit: int, before_id: int | None, number: str | None, held_up: bool
) -> list[dict[str, Any]]:
    """Lines as they were told, newest first, each with our order."""
    query = (
        select(MarketplaceOrder, Product.sku, Order.number, Order.status)
        .join(Product, Product.id == MarketplaceOrder.product_id)
        .outerjoin(Order, Order.id == MarketplaceOrder.order_id)
        .where(MarketplaceOrder.marketplace_id == found.id)
        .order_by(MarketplaceOrder.id.desc())
        .limit(limit)
    )
    if before_id is not None:
        query = query.where(MarketplaceOrder.id < before_id)
    if number is not None:
        query = query.where(MarketplaceOrder.number == number)
    if held_up:
        query = query.where(MarketplaceOrder.held_up.is_not(None))
    return [
        {
            "id": line.id, "number": line.number, "line": line.line, "shop_sku": line.sku, "sku": sku,
            "packs": line.packs, "amount_fen": line.amount_fen, "sold_at": line.sold_at,
            "shipped_at": line.shipped_at, "received_at": line.received_at, "cancelled_at": line.cancelled_at,
            "due_on": line.due_on, "order": order, "status": status.value if status else None,
            "held_up": line.held_up,
        }
        for line, sku, order, status in session.execute(query)
    ]  # fmt: skip


def imports(session: Session, found: Marketplace, *, limit: int, before_id: int | None) -> list[dict[str, Any]]:
    """Files that were taken, newest first."""
    query = (
        select(MarketplaceImport)
        .where(MarketplaceImport.marketplace_id == found.id)
        .order_by(MarketplaceImport.id.desc())
        .limit(limit)
    )
    if before_id is not None:
        query = query.where(MarketplaceImport.id < before_id)
    return [
        {
            "id": row.id, "kind": row.kind.value, "file": row.file, "sha256": bytes(row.sha256).hex(),
            "facts": row.rows, "new": row.new, "changed": row.changed, "imported_at": row.imported_at,
        }
        for row in session.scalars(query)
    ]  # fmt: skip
