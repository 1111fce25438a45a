"""Live sessions over HTTP: the host plans and steers, the county reviews."""

from typing import Any

from flask import Response
from flask_smorest import Blueprint
from sqlalchemy import select
from sqlalchemy.orm import Session

from shop.access.guard import ALL, EVERYONE, Owned, Role, allow, current_actor, must_own, reference_version
from shop.catalog.actions import product_by_sku
from shop.channels import errors as channel_errors
from shop.channels.actions import partner_by_code
from shop.channels.models import Coupon, CouponPayer, Occasion, Partner
from shop.channels.reference import selling
from shop.kit.clock import beijing_day
from shop.kit.db import db, transaction
from shop.kit.errors import ForbiddenError
from shop.kit.http import documented, now
from shop.kit.idempotency import idempotent
from shop.kit.schemas import cursor_key, page
from shop.live import actions, coupons, errors, queries, schemas
from shop.live.actions import About, Change, Item, Verification
from shop.live.figures import figures
from shop.live.models import LiveSession
from shop.live.settle import statement
from shop.stock.errors import NotEnoughStock

blueprint = Blueprint("live", __name__, url_prefix="/api/v1", description="直播 · Live sessions")

BOTH = (Role.HOST, Role.OPERATOR)
SHELF_EXAMPLE = [
    {
        "sku": "PL001", "price_fen": 2_800, "set_aside_g": 5_000, "per_buyer_cap": 5, "slot_fee_fen": 0,
        "talking_points": "早上采摘，冷链次日达", "certificates": [],
    }
]  # fmt: skip


def _own(session: Session, code: str) -> None:
    """Raises NotFoundError unless the actor is the session's host or the county: foreign looks like missing."""
    party = session.scalar(
        select(Partner.party_id)
        .join(Occasion, Occasion.partner_id == Partner.id)
        .join(LiveSession, LiveSession.occasion_id == Occasion.id)
        .where(Occasion.code == code)
    )
    owners: dict[Role, Owned] = {} if party is None else {Role.OPERATOR: ALL, Role.HOST: party}
    must_own(current_actor(), owners, what=code)


def _items(session: Session, offers: list[dict[str, Any]]) -> list[Item]:
    return [
        Item(
            product_by_sku(session, offer["sku"]).id, offer["sku"], offer["price_fen"], offer["set_aside_g"],
            offer["per_buyer_cap"], offer["slot_fee_fen"], offer["talking_points"], tuple(offer["certificates"]),
        )
        for offer in offers
    ]  # fmt: skip


def _shown(session: Session, code: str) -> dict[str, Any]:
    return queries.live_session(session, current_actor(), code)


@blueprint.route("/sessions", methods=["POST"])
@allow(*BOTH)
@blueprint.arguments(schemas.SessionAsked)
@blueprint.response(201, schemas.SessionOut)
@documented(
    errors=[
        errors.NotFoundError, channel_errors.CodeTaken, channel_errors.RewardRefused, channel_errors.NoCampaign,
        errors.CertificateNotHeld,
    ],
    example={
        "code": "LIVE-900", "partner": "L01", "title_zh": "鲜桃专场（示例）", "starts_at": "2025-07-16T19:00:00+08:00",
        "ends_at": "2025-07-16T21:30:00+08:00", "commission_bp": 500, "hold_s": 300,
        "operator_zh": "平陆助农直播间（示例）", "agency_zh": "示例经纪公司（示例）", "platform_zh": "抖音",
        "offers": SHELF_EXAMPLE,
    },
)  # fmt: skip
def plan_session(body: dict[str, Any]) -> dict[str, Any]:
    """策划直播 · Plan a session with its shelf; it sells when the county has reviewed it and it is live."""
    with transaction() as session:
        actor = current_actor()
        partner = partner_by_code(session, body["partner"])
        must_own(actor, {Role.OPERATOR: ALL, Role.HOST: partner.party_id}, what=body["partner"])
        today = beijing_day(now())
        campaign_id = selling(session, reference_version()).campaign_on(today)
        if campaign_id is None:
            raise channel_errors.NoCampaign(day=str(today))
        about = About(body["operator_zh"], body["agency_zh"], body["platform_zh"])
        actions.plan_session(
            session, body["code"], campaign_id, partner, body["title_zh"], body["starts_at"], body["ends_at"],
            _items(session, body["offers"]), about, commission_bp=body["commission_bp"], hold_s=body["hold_s"],
            actor_id=actor.person_id, now=now(),
        )  # fmt: skip
        return _shown(session, body["code"])


@blueprint.route("/sessions", methods=["GET"])
@allow(*BOTH)
@blueprint.arguments(schemas.SessionFilter, location="query")
@blueprint.response(200, schemas.SessionPage)
def list_sessions(query: dict[str, Any]) -> dict[str, object]:
    """直播场次列表 · Your sessions, newest first; the county sees all."""
    before = cursor_key(query["cursor"])
    wanted = [] if before is None else [LiveSession.id < before]
    rows = queries.sessions(db.session(), current_actor(), *wanted, limit=query["limit"] + 1)
    return page(rows, query["limit"], key=lambda row: int(row["id"]))


@blueprint.route("/sessions/<string:code>", methods=["GET"])
@allow(*BOTH)
@blueprint.response(200, schemas.SessionOut)
@documented(errors=[errors.NotFoundError])
def show_session(code: str) -> dict[str, Any]:
    """直播场次 · One session with its shelf."""
    return _shown(db.session(), code)


@blueprint.route("/sessions/<string:code>", methods=["PATCH"])
@allow(*BOTH)
@blueprint.arguments(schemas.DetailsAsked)
@blueprint.response(200, schemas.SessionOut)
@documented(
    errors=[errors.NotFoundError, errors.MoveRefusedError, errors.RecordingKept],
    example={"recording_ref": "https://example.org/replay/LIVE-1"},
)
def describe_session(body: dict[str, Any], code: str) -> dict[str, Any]:
    """修改场次 · Names, hours, recording. Names and hours undo a review; a later end is allowed while live."""
    with transaction() as session:
        _own(session, code)
        about = About(body["operator_zh"], body["agency_zh"], body["platform_zh"], body["recording_ref"])
        actions.describe(
            session, code, about, starts_at=body["starts_at"], ends_at=body["ends_at"],
            actor_id=current_actor().person_id, now=now(),
        )  # fmt: skip
        return _shown(session, code)


@blueprint.route("/sessions/<string:code>/shelf", methods=["PUT"])
@allow(*BOTH)
@blueprint.arguments(schemas.ShelfAsked)
@blueprint.response(200, schemas.SessionOut)
@documented(
    errors=[errors.NotFoundError, errors.MoveRefusedError, errors.CertificateNotHeld],
    example={"offers": SHELF_EXAMPLE},
)
def build_shelf(body: dict[str, Any], code: str) -> dict[str, Any]:
    """上架小黄车 · Lay the whole shelf out anew, before the session is live; it is then to be reviewed again."""
    with transaction() as session:
        _own(session, code)
        items = _items(session, body["offers"])
        actions.build_shelf(session, code, items, actor_id=current_actor().person_id, now=now())
        return _shown(session, code)


@blueprint.route("/sessions/<string:code>/links", methods=["PUT"])
@allow(*BOTH)
@blueprint.response(200, schemas.SessionLinks)
@documented(errors=[errors.NotFoundError])
def make_links(code: str) -> dict[str, Any]:
    """直播链接 · The links of the session and of every product on its shelf, made where there is none yet."""
    with transaction() as session:
        _own(session, code)
        actions.make_links(session, code, now=now())
        return {"items": queries.links(session, code)}


@blueprint.route("/sessions/<string:code>/review", methods=["POST"])
@allow(Role.OPERATOR)
@idempotent
@blueprint.arguments(schemas.VerificationAsked)
@blueprint.response(200, schemas.SessionOut)
@documented(
    errors=[errors.NotFoundError, errors.HostTooYoung, errors.HostNotVerified, errors.MoveRefusedError],
    example={"host_verified_on": "2025-07-01", "host_age": 28},
)
def review_session(body: dict[str, Any], code: str) -> dict[str, Any]:
    """审核直播 · The county agrees to prices, commission and shelf, and records the check of the host's identity."""
    session = db.session()
    _own(session, code)
    verified = Verification(body["host_verified_on"], body["host_age"], body["guardian_consented"])
    actions.review(session, code, verified, actor_id=current_actor().person_id, now=now())
    return _shown(session, code)


@blueprint.route("/sessions/<string:code>/opening", methods=["POST"])
@allow(*BOTH)
@idempotent
@blueprint.response(200, schemas.SessionOut)
@documented(errors=[errors.NotFoundError, errors.MoveRefusedError, NotEnoughStock])
def start_session(code: str) -> dict[str, Any]:
    """开播 · Go live: the set-aside stock leaves open stock."""
    session = db.session()
    _own(session, code)
    actions.go_live(session, code, actor_id=current_actor().person_id, now=now())
    return _shown(session, code)


@blueprint.route("/sessions/<string:code>/closing", methods=["POST"])
@allow(*BOTH)
@idempotent
@blueprint.response(200, schemas.SessionOut)
@documented(errors=[errors.NotFoundError, errors.MoveRefusedError])
def end_session(code: str) -> dict[str, Any]:
    """下播 · End a session; what it did not sell goes back into open stock. The clock does it when the host forgets."""
    session = db.session()
    _own(session, code)
    actions.end_session(session, code, actor_id=current_actor().person_id, now=now())
    return _shown(session, code)


@blueprint.route("/sessions/<string:code>/pin", methods=["PUT"])
@allow(*BOTH)
@blueprint.arguments(schemas.PinAsked)
@blueprint.response(200, schemas.SessionOut)
@documented(
    errors=[errors.NotFoundError, errors.SessionNotLive, errors.NotOnShelf],
    example={"sku": "PL001"},
)
def pin_product(body: dict[str, Any], code: str) -> dict[str, Any]:
    """讲解中 · Say which product is spoken of now; null for none."""
    with transaction() as session:
        _own(session, code)
        sku = body["sku"] or ""
        product_id = product_by_sku(session, sku).id if sku else None
        actions.pin(session, code, product_id, sku, actor_id=current_actor().person_id, now=now())
        return _shown(session, code)


@blueprint.route("/sessions/<string:code>/shelf-changes", methods=["POST"])
@allow(*BOTH)
@idempotent
@blueprint.arguments(schemas.ChangeAsked)
@blueprint.response(200, schemas.SessionOut)
@documented(
    errors=[errors.NotFoundError, errors.SessionNotLive, errors.NotOnShelf, NotEnoughStock],
    example={"sku": "PL001", "price_fen": 2_600, "top_up_g": 2_500},
)
def change_item(body: dict[str, Any], code: str) -> dict[str, Any]:
    """改价加货 · Change a price or cap, or add stock, while live: from the next order on, kept in the history."""
    session = db.session()
    _own(session, code)
    product = product_by_sku(session, body["sku"])
    change = Change(body["price_fen"], body["per_buyer_cap"], body["top_up_g"])
    actions.change_item(session, code, product.id, product.sku, change, actor_id=current_actor().person_id, now=now())
    return _shown(session, code)


@blueprint.route("/sessions/<string:code>/figures", methods=["GET"])
@allow(*BOTH)
@blueprint.alt_response(200, schema=schemas.LiveFigures, success=True)
@documented(errors=[errors.NotFoundError])
def show_figures(code: str) -> Response:
    """实时战报 · Orders, paid, units left, GMV, refund rate: ready bytes, at most a second old. Ask every second."""
    found = figures(db.session(), code, now=now())
    must_own(current_actor(), {Role.OPERATOR: ALL, Role.HOST: found.party_id}, what=code)
    return _ready(found.for_host, "private, max-age=1")


@blueprint.route("/sessions/<string:code>/shelf", methods=["GET"])
@allow(EVERYONE)
@blueprint.alt_response(200, schema=schemas.LiveShelf, success=True)
@documented(errors=[errors.NotFoundError])
def show_shelf(code: str) -> Response:
    """小黄车 · The shelf for everybody: what is spoken of, prices, units left. Ready bytes, at most a second old."""
    found = figures(db.session(), code, now=now())
    if found.for_all is None:
        raise errors.NotFoundError(what=code)
    return _ready(found.for_all, "public, max-age=1")


def _ready(body: bytes, caching: str) -> Response:
    response = Response(body, content_type="application/json")
    response.headers["Cache-Control"] = caching
    return response


@blueprint.route("/sessions/<string:code>/coupons", methods=["POST"])
@allow(*BOTH)
@blueprint.arguments(schemas.CouponAsked)
@blueprint.response(201, schemas.CouponOut)
@documented(
    errors=[
        errors.NotFoundError, ForbiddenError, errors.SessionOver, channel_errors.CodeTaken, errors.CouponPayerUnknown,
    ],
    example={
        "code": "JIAN5", "payer": "host", "discount_fen": 500, "min_goods_fen": 5_000, "budget_fen": 50_000,
        "valid_from": "2025-07-15T09:00:00+08:00", "valid_until": "2025-07-15T21:30:00+08:00",
    },
)  # fmt: skip
def promise_coupon(body: dict[str, Any], code: str) -> Coupon:
    """发优惠券 · A coupon of the session. A host promises his own money; for firms and shops the county records."""
    with transaction() as session:
        _own(session, code)
        actor = current_actor()
        if body["payer"] is not CouponPayer.HOST and not actor.has(Role.OPERATOR):
            raise ForbiddenError
        return coupons.promise_coupon(session, code, coupons.Promise(**body), actor_id=actor.person_id, now=now())


@blueprint.route("/sessions/<string:code>/coupons", methods=["GET"])
@allow(*BOTH)
@blueprint.response(200, schemas.CouponList)
@documented(errors=[errors.NotFoundError])
def list_coupons(code: str) -> dict[str, Any]:
    """优惠券列表 · The coupons of a session, and what is spent of their budgets."""
    session = db.session()
    _own(session, code)
    found = session.scalars(
        select(Coupon)
        .join(Occasion, Occasion.id == Coupon.occasion_id)
        .where(Occasion.code == code)
        .order_by(Coupon.id)
    ).all()
    return {"items": found}


@blueprint.route("/sessions/<string:code>/statement", methods=["GET"])
@allow(*BOTH)
@blueprint.response(200, schemas.StatementOut)
@documented(errors=[errors.NotFoundError])
def show_statement(code: str) -> dict[str, Any]:
    """佣金结算单 · Commission of paid less refunded, slot fees, coupons promised: what the host gets of a session."""
    session = db.session()
    _own(session, code)
    live, occasion = session.execute(
        select(LiveSession, Occasion)
        .join(Occasion, Occasion.id == LiveSession.occasion_id)
        .where(Occasion.code == code)
    ).one()
    return statement(session, occasion, live)
