"""Reading lots, each firm its own."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from shop.access.guard import ALL, Actor, Owner, Role, scope
from shop.catalog.models import Firm, Product
from shop.farmers.models import Delivery, Household
from shop.kit.db import columns_of
from shop.kit.errors import NotFoundError
from shop.places.models import Township, Village
from shop.stock.models import Lot, LotDelivery, LotPart, Pool, Recall
from shop.stock.recalls import standing

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
        select(Delivery, Household.code)
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
            "weight_g": slip.weight_g,
            "grade": slip.grade.value,
        }
        for slip, household in rows
    ]


def left(session: Session, product_ids: Collection[int], occasion_id: int | None) -> dict[int, int]:
    """Grams that can still be sold, by product id: of open stock, or of an occasion's pool. One statement."""
    rows = session.execute(
        select(Pool.product_id, Pool.available_g).where(
            Pool.product_id.in_(product_ids), Pool.occasion_id.is_not_distinct_from(occasion_id)
        )
    )
    found = dict(rows.all())
    return {product_id: found.get(product_id, 0) for product_id in product_ids}
