"""Agreements over HTTP: record what was signed and what markets quote, and read where each promise stands.

Calling off places an order and is therefore in the room of orders.
"""

from typing import Any

from flask_smorest import Blueprint

from shop.access.guard import Role, allow, current_actor
from shop.agreements import actions, errors, queries, schemas
from shop.agreements.models import Agreement
from shop.catalog.actions import firm_by_code, product_by_sku
from shop.catalog.models import Firm
from shop.channels.actions import partner_by_code
from shop.channels.errors import CodeTaken, NoCampaign
from shop.channels.models import Partner
from shop.channels.reference import selling
from shop.kit.clock import beijing_day
from shop.kit.db import db, transaction
from shop.kit.errors import NotFoundError
from shop.kit.http import documented, now
from shop.kit.reference import current_version
from shop.kit.schemas import cursor_key, page

blueprint = Blueprint("agreements", __name__, url_prefix="/api/v1", description="采购协议 · Purchase agreements")

READERS = (Role.OPERATOR, Role.MANAGER, Role.FIRM_STAFF, Role.BUYER)


@blueprint.route("/agreements", methods=["GET"])
@allow(*READERS)
@blueprint.arguments(schemas.AgreementFilter, location="query")
@blueprint.response(200, schemas.AgreementPage)
def list_agreements(query: dict[str, Any]) -> dict[str, object]:
    """协议列表 · Agreements that concern you, newest first."""
    wanted = []
    before = cursor_key(query["cursor"])
    if before is not None:
        wanted.append(Agreement.id < before)
    if query["status"]:
        wanted.append(Agreement.status == query["status"])
    if query["firm"]:
        wanted.append(Firm.code == query["firm"])
    if query["partner"]:
        wanted.append(Partner.code == query["partner"])
    rows = queries.agreements(db.session(), current_actor(), *wanted, limit=query["limit"] + 1, day=beijing_day(now()))
    return page(rows, query["limit"], key=lambda row: int(row["id"]))


@blueprint.route("/agreements", methods=["POST"])
@allow(Role.OPERATOR)
@blueprint.arguments(schemas.SignedAgreement)
@blueprint.response(201, schemas.AgreementDetail)
@documented(
    errors=[NotFoundError, CodeTaken, NoCampaign, errors.NotABulkBuyer, errors.NotTheSellers],
    example={
        "code": "A90", "partner": "B01", "firm": "F01", "signed_on": "2025-07-15", "starts_on": "2025-07-16",
        "ends_on": "2025-12-31", "deposit_bp": 1_000, "penalty_bp": 500, "payment_term_days": 30,
        "schedule": "weekly:1,4",
        "lines": [
            {"sku": "PL001", "committed_g": 5_000_000, "floor_fen_per_kg": 520, "price_rule": "FLOOR_OR_MARKET"}
        ],
    },
)  # fmt: skip
def record_signed(body: dict[str, Any]) -> dict[str, Any]:
    """登记协议 · Record a signed agreement; what is due when follows from its schedule."""
    with transaction() as session:
        actor = current_actor()
        partner, firm = partner_by_code(session, body["partner"]), firm_by_code(session, body["firm"])
        campaign_id = selling(session, current_version(session)).campaign_on(body["starts_on"])
        if campaign_id is None:
            raise NoCampaign
        promises = [
            actions.Promise(
                product_by_sku(session, line["sku"]), line["committed_g"], line["floor_fen_per_kg"],
                line["price_rule"], line["margin_bp"],
            )
            for line in body["lines"]
        ]  # fmt: skip
        actions.sign(
            session, body["code"], partner, firm.id, campaign_id, starts_on=body["starts_on"],
            ends_on=body["ends_on"], deposit_bp=body["deposit_bp"], penalty_bp=body["penalty_bp"],
            payment_term_days=body["payment_term_days"], schedule=body["schedule"], promises=promises,
            signed_on=body["signed_on"], actor_id=actor.person_id, now=now(),
        )  # fmt: skip
        return queries.agreement(session, actor, body["code"], beijing_day(now()))


@blueprint.route("/agreements/<string:code>", methods=["GET"])
@allow(*READERS)
@blueprint.response(200, schemas.AgreementDetail)
@documented(errors=[NotFoundError])
def show_agreement(code: str) -> dict[str, Any]:
    """协议 · One agreement: signed amount, due, called, left."""
    return queries.agreement(db.session(), current_actor(), code, beijing_day(now()))


@blueprint.route("/market-quotes", methods=["POST"])
@allow(Role.OPERATOR)
@blueprint.arguments(schemas.QuoteAsked)
@blueprint.response(201, schemas.QuoteAsked)
@documented(
    errors=[NotFoundError, errors.QuoteExists],
    example={"sku": "PL001", "quoted_on": "2025-07-15", "source": "运城果品批发市场（示例）", "fen_per_kg": 560},
)
def quote(body: dict[str, Any]) -> dict[str, Any]:
    """市场行情 · Record a market price; it moves no price that was fixed before."""
    with transaction() as session:
        product = product_by_sku(session, body["sku"])
        actions.record_quote(session, product.id, body["quoted_on"], body["source"], body["fen_per_kg"], now=now())
        return body
