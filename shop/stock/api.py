"""Stock over HTTP: lots of a firm."""

from typing import Any

from flask_smorest import Blueprint

from shop.access.guard import Role, allow, current_actor, must_own
from shop.catalog.actions import product_by_sku
from shop.catalog.models import Firm, Product
from shop.kit.db import db
from shop.kit.errors import NotFoundError
from shop.kit.http import documented, now
from shop.kit.idempotency import idempotent
from shop.kit.schemas import cursor_key, page
from shop.stock import actions, errors, queries, schemas
from shop.stock.models import Lot

blueprint = Blueprint("stock", __name__, url_prefix="/api/v1", description="批次与库存 · Lots and stock")

READERS = (Role.OPERATOR, Role.FIRM_STAFF)


@blueprint.route("/lots", methods=["GET"])
@allow(*READERS)
@blueprint.arguments(schemas.LotFilter, location="query")
@blueprint.response(200, schemas.LotPage)
def list_lots(query: dict[str, Any]) -> dict[str, object]:
    """批次列表 · A firm's lots, newest first; the county sees all."""
    wanted = []
    after = cursor_key(query["cursor"])
    if after is not None:
        wanted.append(Lot.id < after)
    if query["sku"]:
        wanted.append(Product.sku == query["sku"])
    rows = queries.lots(db.session(), current_actor(), *wanted, limit=query["limit"] + 1)
    return page(rows, query["limit"], key=lambda row: int(row["id"]))


@blueprint.route("/lots", methods=["POST"])
@allow(Role.FIRM_STAFF)
@idempotent
@blueprint.arguments(schemas.OpenLot)
@blueprint.response(201, schemas.LotDetail)
@documented(
    errors=[NotFoundError, errors.BatchPaperMissing, errors.DeliveryNotFree, errors.NotFresh],
    example={
        "sku": "PL001", "harvested_on": "2025-07-15", "certificate_number": "HGZ-20250715-001",
        "deliveries": ["D00001"],
    },
)  # fmt: skip
def open_lot(body: dict[str, Any]) -> dict[str, Any]:
    """建批次 · Make a lot of deliveries, or of what the firm made itself; it goes into open stock."""
    session, actor = db.session(), current_actor()
    product = product_by_sku(session, body["sku"])
    firm = session.get_one(Firm, product.firm_id)
    must_own(actor, {Role.FIRM_STAFF: firm.party_id}, what=body["sku"])
    lot = actions.open_lot(
        session, firm, product, harvested_on=body["harvested_on"], certificate_number=body["certificate_number"],
        delivery_codes=body["deliveries"], made_g=body["made_g"] or 0, actor_id=actor.person_id, now=now(),
    )  # fmt: skip
    return queries.lot(session, actor, lot.code)


@blueprint.route("/lots/<string:code>", methods=["GET"])
@allow(*READERS)
@blueprint.response(200, schemas.LotDetail)
@documented(errors=[NotFoundError])
def show_lot(code: str) -> dict[str, Any]:
    """批次 · One lot, and the slips of the households it is made of."""
    return queries.lot(db.session(), current_actor(), code)


@blueprint.route("/lots/<string:code>/withdrawals", methods=["POST"])
@allow(Role.FIRM_STAFF)
@idempotent
@blueprint.arguments(schemas.Withdrawal)
@blueprint.response(200, schemas.LotDetail)
@documented(errors=[NotFoundError, errors.LotIsHeld], example={"weight_g": 500, "reason": "腐损"})
def withdraw(body: dict[str, Any], code: str) -> dict[str, Any]:
    """核减 · Take spoiled goods out of a lot; what is held for buyers stays."""
    session, actor = db.session(), current_actor()
    seen = queries.lot(session, actor, code)
    taken = actions.withdraw(
        session, seen["id"], seen["product_id"], body["weight_g"], reason=body["reason"], now=now(),
    )  # fmt: skip
    if taken < body["weight_g"]:
        raise errors.LotIsHeld(lot=code, free_g=taken, asked_g=body["weight_g"])
    return queries.lot(session, actor, code)
