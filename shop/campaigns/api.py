"""Campaigns over HTTP: goals, products, prices, progress."""

from typing import Any

from flask_smorest import Blueprint

from shop.access.guard import Role, allow, current_actor, must_own
from shop.campaigns import actions, errors, queries, schemas
from shop.catalog.actions import product_by_sku
from shop.catalog.errors import PriceListNotOrdered
from shop.catalog.models import Firm
from shop.channels.actions import campaign_by_code
from shop.kit.clock import beijing_day
from shop.kit.db import db, transaction
from shop.kit.errors import NotFoundError
from shop.kit.http import documented, now

blueprint = Blueprint(
    "campaigns", __name__, url_prefix="/api/v1", description="活动 · Goals, products, prices, progress"
)


@blueprint.route("/campaigns/<string:code>/goals", methods=["POST"])
@allow(Role.OPERATOR)
@blueprint.arguments(schemas.GoalAsked)
@blueprint.response(201, schemas.GoalAsked)
@documented(
    errors=[NotFoundError, errors.NoGoalForThis],
    example={"partner": "U01", "amount_fen": 30_000_000, "households": 40},
)
def set_goal(body: dict[str, Any], code: str) -> dict[str, Any]:
    """设目标 · A goal of the campaign, a channel, a township or a unit. Nobody else has one."""
    with transaction() as session:
        campaign = campaign_by_code(session, code)
        actions.set_goal(session, campaign, actions.Wanted(**body), actor_id=current_actor().person_id, now=now())
    return body


@blueprint.route("/campaigns/<string:code>/products", methods=["POST"])
@allow(Role.OPERATOR)
@blueprint.arguments(schemas.ProductsAsked)
@blueprint.response(201, schemas.ProductsAsked)
@documented(errors=[NotFoundError, errors.CampaignOver], example={"skus": ["PL001"]})
def set_products(body: dict[str, Any], code: str) -> dict[str, Any]:
    """活动商品 · What the campaign is about: orders of these products count for it while it is open."""
    with transaction() as session:
        actions.set_products(
            session, campaign_by_code(session, code), body["skus"], actor_id=current_actor().person_id, now=now()
        )
    return body


@blueprint.route("/campaigns/<string:code>/prices", methods=["POST"])
@allow(Role.FIRM_STAFF)
@blueprint.arguments(schemas.CampaignPrices)
@blueprint.response(201, schemas.CampaignPrices)
@documented(
    errors=[NotFoundError, errors.CampaignOver, errors.NotOfThisCampaign, PriceListNotOrdered],
    example={"sku": "PL001", "tiers": [{"min_quantity": 1, "price_fen": 2_800}]},
)
def set_prices(body: dict[str, Any], code: str) -> dict[str, Any]:
    """活动价 · The firm's prices on the campaign's days; afterwards the ordinary list holds again by itself."""
    tiers = [(tier["min_quantity"], tier["price_fen"]) for tier in body["tiers"]]
    with transaction() as session:
        campaign = campaign_by_code(session, code)
        product = product_by_sku(session, body["sku"])
        firm = session.get_one(Firm, product.firm_id)
        must_own(current_actor(), {Role.FIRM_STAFF: firm.party_id}, what=body["sku"])
        actions.set_campaign_prices(session, campaign, product, tiers, actor_id=current_actor().person_id, now=now())
    return body


@blueprint.route("/campaigns/<string:code>/progress", methods=["GET"])
@allow(Role.OPERATOR, Role.MANAGER)
@blueprint.arguments(schemas.ProgressQuery, location="query")
@blueprint.response(200, schemas.ProgressOut)
@documented(errors=[NotFoundError])
def show_progress(query: dict[str, Any], code: str) -> dict[str, Any]:
    """活动进度 · Fen and households so far, by channel, township and unit, beside the goals and the campaign before."""
    session = db.session()
    campaign = campaign_by_code(session, code)
    before = queries.compared(session, campaign, query["compare"])
    return queries.progress(session, current_actor(), campaign, before, day=query["day"] or beijing_day(now()))
