"""Reading lots and stock, each firm its own."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session

from shop.access.guard import ALL, Actor, Owner, Role, scope
from shop.catalog.models import Firm, Product
from shop.channels.models import Occasion
from shop.channels.policies import POLICIES
from shop.farmers.models import Delivery, Household
from shop.kit.db import columns_of
from shop.kit.errors import NotFoundError
from shop.places.models import Township, Village
from shop.stock.models import Lot, LotDelivery, LotPart, Pool, PoolKind, Recall
from shop.stock.recalls import standing
from shop.stock.supply import Supply, reached

OPEN_ZH = "公开库存"
#: Whose lots are whose.
OWNERS: dict[Role, Owner] = {Role.OPERATOR: ALL, Role.MANAGER: Township.party_id, Role.FIRM_STAFF: Firm.party_id}


def lots(session: Session, actor: Actor, *wanted: ColumnElement[bool], limit: int) -> list[dict[str, Any]]:
    """Up to `limit` lots that `actor` sees, newest first. One statement."""
    rows = session.execute(
        select(Lot, Firm.code, Product.sku, Product.name_zh, standing(Lot.id))
        .join(Firm, Firm.id == Lot.firm_id)
        .join(Product, Product.id == Lot.product_id)
        .join(Village, Village.id == Firm.village_id)
        .join(Township, Township.id == Village.township_id)
        .where(scope(actor, OWNERS), *wanted)
        .order_by(Lot.id.desc())
        .limit(limit)
    )
    return [
        columns_of(lot)
        | {
            "firm": firm,
            "sku": sku,
            "name_zh": name_zh,
            "left_g": lot.left_g,
            "recalled": recalled,
        }
        for lot, firm, sku, name_zh, recalled in rows
    ]


def lot(session: Session, actor: Actor, code: str) -> dict[str, Any]:
    """One lot with the slips it is made of. Raises NotFoundError for a missing and for a foreign one."""
    found = lots(session, actor, Lot.code == code, limit=1)
    if not found:
        raise NotFoundError(what=code)
    lot_id = int(found[0]["id"])
    return found[0] | {
        "deliveries": _deliveries(session, lot_id),
        "made_of": parts(session, LotPart.lot_id == lot_id, LotPart.source_id),
        "made_into": parts(session, LotPart.source_id == lot_id, LotPart.lot_id),
    }


def parts(session: Session, which: ColumnElement[bool], shown: Any) -> list[dict[str, Any]]:
    """Parts of lots: the lot at the end `shown`, how it came to be, and grams."""
    rows = session.execute(
        select(Lot.code.label("lot"), Product.sku, LotPart.kind, LotPart.weight_g)
        .join(Lot, Lot.id == shown)
        .join(Product, Product.id == Lot.product_id)
        .where(which)
        .order_by(LotPart.lot_id, LotPart.source_id)
    )
    return [{"lot": lot, "sku": sku, "kind": kind.value, "weight_g": grams} for lot, sku, kind, grams in rows]


def recalls(session: Session, actor: Actor, *wanted: ColumnElement[bool], limit: int) -> list[dict[str, Any]]:
    """Up to `limit` recalls of lots that `actor` sees, newest first. One statement."""
    rows = session.execute(
        select(Recall, Lot.code, Firm.code, Product.sku, Product.name_zh)
        .join(Lot, Lot.id == Recall.lot_id)
        .join(Firm, Firm.id == Lot.firm_id)
        .join(Product, Product.id == Lot.product_id)
        .join(Village, Village.id == Firm.village_id)
        .join(Township, Township.id == Village.township_id)
        .where(scope(actor, OWNERS), *wanted)
        .order_by(Recall.id.desc())
        .limit(limit)
    )
    return [
        columns_of(made) | {"lot": lot_code, "firm": firm, "sku": sku, "name_zh": name_zh}
        for made, lot_code, firm, sku, name_zh in rows
    ]


def _deliveries(session: Session, lot_id: int) -> list[dict[str, Any]]:
    rows = session.execute(
        select(Delivery, Household.code, LotDelivery.weight_g)
        .join(LotDelivery, LotDelivery.delivery_id == Delivery.id)
        .join(Household, Household.id == Delivery.household_id)
        .where(LotDelivery.lot_id == lot_id)
        .order_by(Delivery.id)
    )
    return [
        {
            "code": slip.code,
            "household": household,
            "delivered_on": slip.delivered_on,
            "weight_g": weight_g,
            "grade": slip.grade.value,
        }
        for slip, household, weight_g in rows
    ]


def stock(session: Session, actor: Actor, *wanted: ColumnElement[bool], limit: int) -> list[dict[str, Any]]:
    """The stock of up to `limit` products that `actor` sees, newest first, pool by pool. Two statements."""
    products = session.execute(
        select(Product.id, Product.sku, Product.name_zh, Firm.code)
        .join(Firm, Firm.id == Product.firm_id)
        .join(Village, Village.id == Firm.village_id)
        .join(Township, Township.id == Village.township_id)
        .where(scope(actor, OWNERS), *wanted)
        .order_by(Product.id.desc())
        .limit(limit)
    ).all()
    of_products: dict[int, list[dict[str, Any]]] = {product.id: [] for product in products}
    stands = (
        Pool.kind == PoolKind.OPEN,
        Pool.available_g + Pool.reserved_g > 0,
        Pool.code.is_not(None) & Pool.ended_at.is_(None),
    )
    for product_id, pool in _pools(session, Pool.product_id.in_(of_products), or_(*stands)):
        of_products[product_id].append(pool)
    return [
        {
            "id": product_id,
            "sku": sku,
            "name_zh": name_zh,
            "firm": firm,
            "in_stock_g": sum(pool["left_g"] + pool["held_g"] for pool in of_products[product_id]),
            "pools": of_products[product_id],
        }
        for product_id, sku, name_zh, firm in products
    ]


def aside(session: Session, pool_id: int) -> dict[str, Any]:
    """One pool as the firm sees it."""
    ((_, found),) = _pools(session, Pool.id == pool_id)
    return found


def _pools(session: Session, *wanted: ColumnElement[bool]) -> list[tuple[int, dict[str, Any]]]:
    """Pools by product id, the open one first, then as they were set aside."""
    rows = session.execute(
        select(Pool, Occasion.code, Occasion.title_zh)
        .outerjoin(Occasion, Occasion.id == Pool.occasion_id)
        .where(*wanted)
        .order_by(Pool.product_id, Pool.kind, Pool.id)
    )
    return [
        (
            pool.product_id,
            {
                "code": pool.code,
                "kind": pool.kind.value,
                "channel": pool.channel_kind and pool.channel_kind.value,
                "occasion": occasion,
                "for_zh": title_zh or (POLICIES[pool.channel_kind].name_zh if pool.channel_kind else OPEN_ZH),
                "until": pool.until,
                "ended_at": pool.ended_at,
                "set_aside_g": pool.code and pool.available_g + pool.reserved_g + pool.sold_g,
                "left_g": pool.available_g,
                "held_g": pool.reserved_g,
                "sold_g": pool.sold_g,
            },
        )
        for pool, occasion, title_zh in rows
    ]


def left(session: Session, product_ids: Collection[int], supply: Supply, *, now: datetime) -> dict[int, int]:
    """Grams that can still be sold, by product id, of the pools that an order reaches. One statement."""
    rows = session.execute(
        select(Pool.product_id, func.sum(Pool.available_g))
        .where(Pool.product_id.in_(product_ids), reached(supply, now))
        .group_by(Pool.product_id)
    )
    found = {product_id: int(grams) for product_id, grams in rows}
    return {product_id: found.get(product_id, 0) for product_id in product_ids}
