"""Stock over HTTP: lots of a firm."""

from typing import Any

from flask_smorest import Blueprint

from shop.access.guard import ALL, EVERYONE, Role, allow, current_actor, must_own
from shop.catalog.actions import product_by_sku
from shop.catalog.models import Firm, FirmStatus, Product
from shop.kit.clock import beijing_day
from shop.kit.db import db
from shop.kit.errors import ForbiddenError, NotFoundError
from shop.kit.http import documented, now
from shop.kit.idempotency import idempotent
from shop.kit.schemas import cursor_key, page
from shop.stock import actions, asides, errors, presales, queries, recalls, remaking, schemas
from shop.stock.models import Lot, Pool, Presale, Recall

blueprint = Blueprint("stock", __name__, url_prefix="/api/v1", description="批次与库存 · Lots and stock")

READERS = (Role.OPERATOR, Role.MANAGER, Role.FIRM_STAFF)


@blueprint.route("/lots", methods=["GET"])
@allow(*READERS)
@blueprint.arguments(schemas.LotFilter, location="query")
@blueprint.response(200, schemas.LotPage)
def list_lots(query: dict[str, Any]) -> dict[str, object]:
    """批次列表 · A firm's lots, newest first; the county sees all, a township its firms'."""
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
    errors=[
        NotFoundError, errors.BatchPaperMissing, errors.DeliveryNotFree, errors.DeliveryIsVoid, errors.NotFresh,
    ],
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


@blueprint.route("/remade-lots", methods=["POST"])
@allow(Role.FIRM_STAFF)
@idempotent
@blueprint.arguments(schemas.RemadeLot)
@blueprint.response(201, schemas.LotDetail)
@documented(
    errors=[
        NotFoundError, errors.OtherKindOfGoods, errors.GradedIntoOther, errors.LotIsRecalled, errors.LotIsHeld,
        errors.NotFresh, errors.BatchPaperMissing, errors.CertificateNotAnew,
    ],
    example={
        "sku": "PL001", "certificate_number": "HGZ-20250715-002",
        "sources": [{"lot": "LOT-1", "weight_g": 20_000, "lost_g": 300}],
    },
)  # fmt: skip
def remake_lot(body: dict[str, Any]) -> dict[str, Any]:
    """改装、降级 · Make a lot of parts of others: repacked, or (`grade`) graded down into another product."""
    session, actor = db.session(), current_actor()
    product = product_by_sku(session, body["sku"])
    firm = session.get_one(Firm, product.firm_id)
    must_own(actor, {Role.FIRM_STAFF: firm.party_id}, what=body["sku"])
    lot = remaking.remake(
        session, firm, product, [remaking.Source(**source) for source in body["sources"]], grade=body["grade"],
        certificate_number=body["certificate_number"], actor_id=actor.person_id, now=now(),
    )  # fmt: skip
    return queries.lot(session, actor, lot.code)


@blueprint.route("/lots/<string:code>/recalls", methods=["POST"])
@allow(Role.FIRM_STAFF, Role.OPERATOR)
@idempotent
@blueprint.arguments(schemas.RecallAsked)
@blueprint.response(201, schemas.RecallOut)
@documented(errors=[NotFoundError, errors.LotIsRecalled], example={"reason": "农残抽检不合格（示例）"})
def recall_lot(body: dict[str, Any], code: str) -> dict[str, Any]:
    """召回 · Recall a lot and every lot made of it: from now on none of them is sold; buyers see the reason."""
    session, actor = db.session(), current_actor()
    queries.lot(session, actor, code)
    made = recalls.recall(
        session, code, body["reason"], by_county=actor.has(Role.OPERATOR), actor_id=actor.person_id, now=now()
    )
    return queries.recalls(session, actor, Recall.id == made.id, limit=1)[0]


@blueprint.route("/recalls", methods=["GET"])
@allow(*READERS)
@blueprint.arguments(schemas.RecallFilter, location="query")
@blueprint.response(200, schemas.RecallPage)
def list_recalls(query: dict[str, Any]) -> dict[str, object]:
    """召回列表 · Recalls, newest first: of a firm's lots; the county sees all."""
    wanted = [Recall.id < (cursor_key(query["cursor"]) or 2**62)]
    if query["standing"]:
        wanted.append(Recall.lifted_at.is_(None))
    rows = queries.recalls(db.session(), current_actor(), *wanted, limit=query["limit"] + 1)
    return page(rows, query["limit"], key=lambda row: int(row["id"]))


@blueprint.route("/recalls/<string:code>/lifting", methods=["POST"])
@allow(Role.FIRM_STAFF, Role.OPERATOR)
@idempotent
@blueprint.arguments(schemas.RecallAsked)
@blueprint.response(200, schemas.RecallOut)
@documented(errors=[NotFoundError, ForbiddenError, errors.RecallIsLifted], example={"reason": "复检合格（示例）"})
def lift_recall(body: dict[str, Any], code: str) -> dict[str, Any]:
    """解除召回 · Lift a recall that proved wrong: what left stock for it comes back."""
    session, actor = db.session(), current_actor()
    if not queries.recalls(session, actor, Recall.code == code, limit=1):
        raise NotFoundError(what=code)
    recalls.lift(session, code, body["reason"], by_county=actor.has(Role.OPERATOR), actor_id=actor.person_id, now=now())
    return queries.recalls(session, actor, Recall.code == code, limit=1)[0]


@blueprint.route("/stock", methods=["GET"])
@allow(*READERS)
@blueprint.arguments(schemas.LotFilter, location="query")
@blueprint.response(200, schemas.StockPage)
def list_stock(query: dict[str, Any]) -> dict[str, object]:
    """库存 · Product by product: what is open to all, what is set aside for whom until when, what orders hold."""
    wanted = [Product.id < (cursor_key(query["cursor"]) or 2**62)]
    if query["sku"]:
        wanted.append(Product.sku == query["sku"])
    rows = queries.stock(db.session(), current_actor(), *wanted, limit=query["limit"] + 1)
    return page(rows, query["limit"], key=lambda row: int(row["id"]))


@blueprint.route("/set-asides", methods=["POST"])
@allow(Role.FIRM_STAFF)
@idempotent
@blueprint.arguments(schemas.ChannelAside)
@blueprint.response(201, schemas.AsideOut)
@documented(
    errors=[
        NotFoundError, errors.SetAsideBySession, errors.SetAsideUntil, errors.SetAsideStands, errors.NotEnoughStock,
    ],
    example={"sku": "PL001", "channel": "cadre", "weight_g": 10_000, "until": "2025-07-20T18:00:00+08:00"},
)  # fmt: skip
def set_aside(body: dict[str, Any]) -> dict[str, Any]:
    """渠道预留 · Set stock aside for a channel: its orders are taken from it first, no other order can be."""
    session, actor = db.session(), current_actor()
    product = product_by_sku(session, body["sku"])
    firm = session.get_one(Firm, product.firm_id)
    must_own(actor, {Role.FIRM_STAFF: firm.party_id}, what=body["sku"])
    pool = asides.start(
        session, product, body["weight_g"], body["until"], channel=body["channel"], actor_id=actor.person_id, now=now()
    )
    return queries.aside(session, pool.id)


def _own_aside(code: str) -> Pool:
    """A set-aside of the actor's firm. Raises NotFoundError."""
    pool = asides.aside_by_code(db.session(), code)
    firm = db.session().get_one(Firm, db.session().get_one(Product, pool.product_id).firm_id)
    must_own(current_actor(), {Role.FIRM_STAFF: firm.party_id}, what=code)
    return pool


@blueprint.route("/set-asides/<string:code>/changes", methods=["POST"])
@allow(Role.FIRM_STAFF)
@idempotent
@blueprint.arguments(schemas.AsideChange)
@blueprint.response(200, schemas.AsideOut)
@documented(
    errors=[
        NotFoundError, errors.SetAsideIsOver, errors.SetAsideUntil, errors.SetAsideInUse, errors.NotEnoughStock,
    ],
    example={"weight_g": 8_000},
)  # fmt: skip
def change_aside(body: dict[str, Any], code: str) -> dict[str, Any]:
    """改预留 · Set aside more or less (never less than orders hold or took), or until another hour."""
    pool = _own_aside(code)
    asides.change(db.session(), pool, **body, actor_id=current_actor().person_id, now=now())
    return queries.aside(db.session(), pool.id)


@blueprint.route("/set-asides/<string:code>/end", methods=["POST"])
@allow(Role.FIRM_STAFF)
@idempotent
@blueprint.response(200, schemas.AsideOut)
@documented(errors=[NotFoundError])
def end_aside(code: str) -> dict[str, Any]:
    """结束预留 · End it now: what is free goes back to open stock, what orders hold stays theirs."""
    pool = _own_aside(code)
    asides.end(db.session(), pool, actor_id=current_actor().person_id, now=now())
    return queries.aside(db.session(), pool.id)


@blueprint.route("/presales", methods=["GET"])
@allow(EVERYONE)
@blueprint.arguments(schemas.PresaleFilter, location="query")
@blueprint.response(200, schemas.PresalePage)
def list_presales(query: dict[str, Any]) -> dict[str, object]:
    """预售列表 · Pre-sales of admitted firms, newest first; how far they are served, for firm and county."""
    wanted = [Firm.status == FirmStatus.ADMITTED]
    after = cursor_key(query["cursor"])
    if after is not None:
        wanted.append(Presale.id < after)
    if query["sku"]:
        wanted.append(Product.sku == query["sku"])
    rows = presales.presales(db.session(), current_actor(), *wanted, day=beijing_day(now()), limit=query["limit"] + 1)
    return page(rows, query["limit"], key=lambda row: int(row["id"]))


@blueprint.route("/presales", methods=["POST"])
@allow(Role.FIRM_STAFF)
@idempotent
@blueprint.arguments(schemas.PresaleAsked)
@blueprint.response(201, schemas.PresaleOut)
@documented(
    errors=[NotFoundError, errors.PresaleRuns, errors.PresaleDatesDoNotFit],
    example={
        "sku": "PL001",
        "packs": 500,
        "opens_on": "2025-07-20",
        "closes_on": "2025-08-01",
        "ship_by": "2025-08-20",
    },
)
def open_presale(body: dict[str, Any]) -> dict[str, Any]:
    """开预售 · Sell packs of a harvest to come, up to a cap, sent by a day."""
    session, actor = db.session(), current_actor()
    product = product_by_sku(session, body["sku"])
    firm = session.get_one(Firm, product.firm_id)
    must_own(actor, {Role.FIRM_STAFF: firm.party_id}, what=body["sku"])
    presale = presales.open_presale(
        session, product, body["packs"], body["opens_on"], body["closes_on"], body["ship_by"],
        actor_id=actor.person_id, now=now(),
    )  # fmt: skip
    return _presale(presale.code)


@blueprint.route("/presales/<string:code>/end", methods=["POST"])
@allow(Role.FIRM_STAFF, Role.OPERATOR)
@idempotent
@blueprint.response(200, schemas.PresaleOut)
@documented(errors=[NotFoundError])
def end_presale(code: str) -> dict[str, Any]:
    """停预售 · Take no more orders; those that stand are sent by their day."""
    session, actor = db.session(), current_actor()
    presale = presales.presale_by_code(session, code, lock=True)
    firm = session.get_one(Firm, session.get_one(Product, presale.product_id).firm_id)
    must_own(actor, {Role.FIRM_STAFF: firm.party_id, Role.OPERATOR: ALL}, what=code)
    presales.end_presale(session, presale, actor_id=actor.person_id, now=now())
    return _presale(code)


def _presale(code: str) -> dict[str, Any]:
    found = presales.presales(db.session(), current_actor(), Presale.code == code, day=beijing_day(now()), limit=1)
    return found[0]
