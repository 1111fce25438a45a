"""Claims over HTTP."""

from typing import Any

from flask import Response
from flask_smorest import Blueprint
from sqlalchemy.orm import Session

from shop.access.guard import Role, allow, current_actor, must_own
from shop.claims import actions, errors, queries, schemas
from shop.claims.actions import Told
from shop.claims.models import Claim
from shop.kit.db import db
from shop.kit.http import documented, now
from shop.kit.idempotency import idempotent
from shop.kit.schemas import cursor_key, page
from shop.orders.locks import locked_order
from shop.orders.models import Order
from shop.payments.errors import RefundByMarketplace

blueprint = Blueprint("claims", __name__, url_prefix="/api/v1", description="质量赔付 · Claims")

READERS = (Role.OPERATOR, Role.FIRM_STAFF, Role.CUSTOMER)


def _own_order(session: Session, number: str) -> Order:
    """The buyer's order, locked. Raises NotFoundError for a missing and for a foreign one."""
    order = locked_order(session, number)
    must_own(current_actor(), {Role.CUSTOMER: order.buyer_party_id}, what=number)
    return order


def _seen(number: str) -> None:
    """Raises NotFoundError unless the actor sees the claim."""
    queries.claim(db.session(), current_actor(), number)


@blueprint.route("/orders/<string:number>/claims", methods=["POST"])
@allow(Role.CUSTOMER)
@idempotent
@blueprint.arguments(schemas.ClaimAsked)
@blueprint.response(201, schemas.ClaimOut)
@documented(
    errors=[
        errors.NotFoundError, errors.NotClaimable, errors.NotReceived, errors.ClaimTooLate, errors.ClaimOpen,
        errors.ClaimBeyondReceived,
    ],
    example={"sku": "PL001", "reason": "spoiled", "weight_g": 600, "photo_reference": "IMG_0001", "words": "坏了三个"},
)  # fmt: skip
def raise_claim(body: dict[str, Any], number: str) -> dict[str, Any]:
    """申请赔付 · Claim spoiled goods within 48 hours of the receipt."""
    session, actor = db.session(), current_actor()
    claim = actions.raise_claim(session, _own_order(session, number), Told(**body), actor_id=actor.person_id, now=now())
    return queries.claim(session, actor, claim.number)


@blueprint.route("/claims", methods=["GET"])
@allow(*READERS)
@blueprint.arguments(schemas.ClaimFilter, location="query")
@blueprint.response(200, schemas.ClaimPage)
def list_claims(query: dict[str, Any]) -> dict[str, object]:
    """赔付申请列表 · Claims that concern you, newest first."""
    before = cursor_key(query["cursor"])
    wanted = [] if before is None else [Claim.id < before]
    if query["status"]:
        wanted.append(Claim.status == query["status"])
    if query["order"]:
        wanted.append(Order.number == query["order"])
    rows = queries.claims(db.session(), current_actor(), *wanted, limit=query["limit"] + 1)
    return page(rows, query["limit"], key=lambda row: int(row["id"]))


@blueprint.route("/claims/<string:number>", methods=["GET"])
@allow(*READERS)
@blueprint.response(200, schemas.ClaimOut)
@documented(errors=[errors.NotFoundError])
def show_claim(number: str) -> dict[str, Any]:
    """赔付申请 · One claim."""
    return queries.claim(db.session(), current_actor(), number)


@blueprint.route("/claims/<string:number>/photo", methods=["GET"])
@allow(*READERS)
@blueprint.alt_response(200, success=True, content_type="image/jpeg", schema={"type": "string", "format": "binary"})
@documented(errors=[errors.NotFoundError])
def show_photo(number: str) -> Response:
    """赔付照片 · The photo that was sent along with a claim."""
    response = Response(queries.photo(db.session(), current_actor(), number), content_type="image/jpeg")
    response.headers["Cache-Control"] = "private, no-store"
    return response


@blueprint.route("/claims/<string:number>/answer", methods=["POST"])
@allow(Role.FIRM_STAFF)
@idempotent
@blueprint.arguments(schemas.AnswerAsked)
@blueprint.response(200, schemas.ClaimOut)
@documented(
    errors=[errors.NotFoundError, errors.MoveRefusedError], example={"agrees": True, "words": "照片属实，同意赔付"}
)
def answer(body: dict[str, Any], number: str) -> dict[str, Any]:
    """商家答复 · The firm answers, once."""
    session, actor = db.session(), current_actor()
    _seen(number)
    actions.answer(session, number, **body, actor_id=actor.person_id, now=now())
    return queries.claim(session, actor, number)


@blueprint.route("/claims/<string:number>/decision", methods=["POST"])
@allow(Role.OPERATOR)
@idempotent
@blueprint.arguments(schemas.DecisionAsked)
@blueprint.response(200, schemas.ClaimOut)
@documented(
    errors=[
        errors.NotFoundError, errors.MoveRefusedError, errors.AnswerAwaited, errors.ClaimBeyondReceived,
        errors.NothingLeft, errors.NotReceived, RefundByMarketplace,
    ],
    example={"event": "accept", "words": "照片清楚，按坏果比例赔付"},
)  # fmt: skip
def decide(body: dict[str, Any], number: str) -> dict[str, Any]:
    """县里裁定 · The county decides; what it accepts is refunded by the formula."""
    session, actor = db.session(), current_actor()
    if body["event"] == "accept":
        actions.accept(
            session, number, granted_g=body["granted_g"], words=body["words"], actor_id=actor.person_id, now=now()
        )
    else:
        actions.reject(session, number, words=body["words"], actor_id=actor.person_id, now=now())
    return queries.claim(session, actor, number)


@blueprint.route("/claims/<string:number>/withdrawal", methods=["POST"])
@allow(Role.CUSTOMER)
@idempotent
@blueprint.response(200, schemas.ClaimOut)
@documented(errors=[errors.NotFoundError, errors.MoveRefusedError])
def withdraw(number: str) -> dict[str, Any]:
    """撤回申请 · The buyer takes his claim back."""
    session, actor = db.session(), current_actor()
    _seen(number)
    actions.withdraw(session, number, actor_id=actor.person_id, now=now())
    return queries.claim(session, actor, number)
