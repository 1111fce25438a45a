"""Inquiries over HTTP: ask, offer, accept."""

from typing import Any

from flask_smorest import Blueprint

from shop.access.guard import Owned, Role, allow, current_actor, must_own, reference_version
from shop.agreements.errors import NeverDue, NotABulkBuyer, NotOnSale, NotTheSellers, TermsRefused
from shop.agreements.models import Side
from shop.agreements.signing import Hand
from shop.catalog.actions import firm_by_code
from shop.catalog.models import Firm
from shop.catalog.reference import catalog
from shop.channels.actions import partner_by_code
from shop.channels.errors import NoCampaign
from shop.channels.models import Partner
from shop.channels.reference import selling
from shop.inquiries import actions, errors, queries, schemas
from shop.inquiries.models import Inquiry
from shop.kit.clock import beijing_day
from shop.kit.db import db
from shop.kit.errors import ForbiddenError, MoveRefusedError, NotFoundError
from shop.kit.http import documented, now
from shop.kit.idempotency import idempotent
from shop.kit.schemas import cursor_key, page
from shop.orders.api import PLACING

blueprint = Blueprint("inquiries", __name__, url_prefix="/api/v1", description="询价报价 · Inquiries and offers")


@blueprint.route("/inquiries", methods=["POST"])
@allow(Role.BUYER)
@idempotent
@blueprint.arguments(schemas.InquiryAsked)
@blueprint.response(201, schemas.InquiryOut)
@documented(
    errors=[NotFoundError, errors.NothingToOffer, errors.InquiryDoesNotFit],
    example={
        "partner": "U01", "firm": "F01", "starts_on": "2025-07-20", "note": "中秋福利，含送货",
        "lines": [{"sku": "PL001", "quantity": 100}],
    },
)  # fmt: skip
def ask(body: dict[str, Any]) -> dict[str, Any]:
    """询价 · Ask a firm for its prices: packs for a bulk order, grams over a term for an agreement."""
    session, actor, moment = db.session(), current_actor(), now()
    partner = partner_by_code(session, body["partner"])
    must_own(actor, {Role.BUYER: partner.party_id}, what=body["partner"])
    wanted = [actions.Wanted(**line) for line in body["lines"]]
    made = actions.ask(
        session, partner, firm_by_code(session, body["firm"]), wanted, body["starts_on"],
        body["ends_on"] or body["starts_on"], body["schedule"] or f"once:{body['starts_on']}", note=body["note"],
        actor_id=actor.person_id, now=moment,
    )  # fmt: skip
    return queries.inquiry(session, actor, made.code, beijing_day(moment))


@blueprint.route("/inquiries", methods=["GET"])
@allow(*queries.READERS)
@blueprint.arguments(schemas.InquiryFilter, location="query")
@blueprint.response(200, schemas.InquiryPage)
def list_inquiries(query: dict[str, Any]) -> dict[str, object]:
    """询价列表 · Inquiries that concern you, newest first."""
    wanted = [Inquiry.status == query["status"]] if query["status"] else []
    before = cursor_key(query["cursor"])
    if before is not None:
        wanted.append(Inquiry.id < before)
    rows = queries.inquiries(
        db.session(), current_actor(), *wanted, limit=query["limit"] + 1, day=beijing_day(now())
    )  # fmt: skip
    return page(rows, query["limit"], lambda row: int(row["id"]))


@blueprint.route("/inquiries/<string:code>", methods=["GET"])
@allow(*queries.READERS)
@blueprint.response(200, schemas.InquiryOut)
@documented(errors=[NotFoundError])
def show_inquiry(code: str) -> dict[str, Any]:
    """询价 · One inquiry with its offer, and what became of it."""
    return queries.inquiry(db.session(), current_actor(), code, beijing_day(now()))


def _locked(code: str, *roles: Role) -> Inquiry:
    """The inquiry, locked, if one of `roles` owns it. Raises NotFoundError otherwise."""
    session = db.session()
    inquiry = actions.locked_inquiry(session, code)
    owners: dict[Role, Owned] = {
        Role.BUYER: session.get_one(Partner, inquiry.partner_id).party_id,
        Role.FIRM_STAFF: session.get_one(Firm, inquiry.firm_id).party_id,
    }
    must_own(current_actor(), {role: owners[role] for role in roles}, what=code)
    return inquiry


@blueprint.route("/inquiries/<string:code>/offer", methods=["POST"])
@allow(Role.FIRM_STAFF)
@idempotent
@blueprint.arguments(schemas.OfferMade)
@blueprint.response(200, schemas.InquiryOut)
@documented(
    errors=[NotFoundError, MoveRefusedError, errors.OfferIncomplete, errors.OfferExpired],
    example={"valid_until": "2025-07-18", "prices": [{"sku": "PL001", "price_fen": 3_300}]},
)
def offer(body: dict[str, Any], code: str) -> dict[str, Any]:
    """报价 · Offer prices that may be accepted until a day; another offer takes the place of the one before."""
    session, actor, moment = db.session(), current_actor(), now()
    inquiry = _locked(code, Role.FIRM_STAFF)
    prices = {line["sku"]: line["price_fen"] for line in body["prices"]}
    terms = {name: value for name, value in body.items() if name not in ("valid_until", "prices")}
    if terms["buyer_penalty_bp"] is None:
        terms["buyer_penalty_bp"] = terms["penalty_bp"]
    actions.offer(session, inquiry, prices, body["valid_until"], terms, actor_id=actor.person_id, now=moment)
    return queries.inquiry(session, actor, code, beijing_day(moment))


@blueprint.route("/inquiries/<string:code>/acceptance", methods=["POST"])
@allow(Role.BUYER)
@idempotent
@blueprint.response(200, schemas.InquiryOut)
@documented(
    errors=[
        MoveRefusedError, errors.OfferExpired, NoCampaign, NotABulkBuyer, NotTheSellers, NotOnSale, TermsRefused,
        NeverDue,
        *PLACING,
    ]
)  # fmt: skip
def accept(code: str) -> dict[str, Any]:
    """接受报价 · Accept an offer, once: it becomes a bulk order at its prices, or a draft agreement to be signed."""
    session, actor, moment = db.session(), current_actor(), now()
    inquiry, version = _locked(code, Role.BUYER), reference_version()
    actions.accept(
        session, inquiry, goods=catalog(session, version), selling=selling(session, version),
        by=Hand(Side.BUYER, actor.person_id, moment),
    )  # fmt: skip
    return queries.inquiry(session, actor, code, beijing_day(moment))


@blueprint.route("/inquiries/<string:code>/ending", methods=["POST"])
@allow(Role.BUYER, Role.FIRM_STAFF)
@idempotent
@blueprint.arguments(schemas.InquiryEnding)
@blueprint.response(200, schemas.InquiryOut)
@documented(
    errors=[NotFoundError, ForbiddenError, MoveRefusedError], example={"event": "withdraw", "reason": "已另行采购"}
)
def end(body: dict[str, Any], code: str) -> dict[str, Any]:
    """撤回或谢绝 · The buyer withdraws an inquiry, or the firm declines it."""
    session, actor, moment = db.session(), current_actor(), now()
    inquiry = _locked(code, Role.BUYER, Role.FIRM_STAFF)
    if not actor.has(Role.BUYER if body["event"] == "withdraw" else Role.FIRM_STAFF):
        raise ForbiddenError
    actions.end(session, inquiry, body["event"], actor_id=actor.person_id, now=moment, reason=body["reason"])
    return queries.inquiry(session, actor, code, beijing_day(moment))
