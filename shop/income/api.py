"""Deliveries and the income they are, household statements, and refunds that walk the whole way back."""

from typing import Any

from flask_smorest import Blueprint
from sqlalchemy import select
from sqlalchemy.orm import Session

from shop.access.guard import ALL, Role, allow, current_actor, must_own
from shop.catalog.actions import product_by_sku
from shop.catalog.models import Firm, Product
from shop.farmers.actions import record_delivery
from shop.farmers.errors import DeliveryCodeTaken, NotADeliveredProduct
from shop.farmers.models import Household, Membership
from shop.income import actions, errors, queries, schemas
from shop.income.corrections import correct_slip, locked_slip
from shop.income.models import ClosedMonth
from shop.income.months import close_month
from shop.kit.clock import beijing_month
from shop.kit.db import db, transaction
from shop.kit.errors import NotFoundError
from shop.kit.http import documented, now
from shop.kit.idempotency import idempotent
from shop.kit.schemas import cursor_key, page
from shop.orders.locks import locked_order
from shop.orders.models import OrderLine
from shop.payments.api import own_order
from shop.payments.errors import RefundBeyondPaid, RefundByBank
from shop.payments.models import Refund
from shop.payments.schemas import RefundOut

blueprint = Blueprint("income", __name__, url_prefix="/api/v1", description="交售与增收 · Deliveries and income")


@blueprint.route("/deliveries", methods=["POST"])
@allow(Role.FIRM_STAFF)
@idempotent
@blueprint.arguments(schemas.DeliveryAsked)
@blueprint.response(201, schemas.DeliveryOut)
@documented(
    errors=[NotFoundError, NotADeliveredProduct, DeliveryCodeTaken],
    example={
        "code": "D90001", "household": "农户-0001", "sku": "PL001", "delivered_on": "2025-07-15", "weight_g": 52_500,
        "grade": "一级", "price_fen_per_kg": 480,
    },
)  # fmt: skip
def deliver(body: dict[str, Any]) -> dict[str, Any]:
    """登记交售 · Record a slip; the household's income is booked in the same moment."""
    session, actor = db.session(), current_actor()
    product = product_by_sku(session, body["sku"])
    firm = session.execute(select(Firm).where(Firm.id == product.firm_id)).scalar_one()
    must_own(actor, {Role.FIRM_STAFF: firm.party_id}, what=body["sku"])
    slip = record_delivery(
        session, firm, _grower(session, firm, body["household"]), product, code=body["code"],
        delivered_on=body["delivered_on"], weight_g=body["weight_g"], grade=body["grade"],
        price_fen_per_kg=body["price_fen_per_kg"], actor_id=actor.person_id, now=now(),
    )  # fmt: skip
    actions.book_events(session, "deliveries", [slip.id], now=now())
    return queries.deliveries(session, actor, limit=1, before_id=slip.id + 1)[0]


def _grower(session: Session, firm: Firm, code: str) -> Household:
    """A household that delivers to `firm`. Raises NotFoundError, also for another firm's: who grows there is theirs."""
    query = select(Household).join(Membership, Membership.household_id == Household.id)
    household = session.scalar(query.where(Household.code == code, Membership.firm_id == firm.id))
    if household is None:
        raise NotFoundError(what=code)
    return household


@blueprint.route("/deliveries", methods=["GET"])
@allow(Role.OPERATOR, Role.FIRM_STAFF, Role.HOUSEHOLD)
@blueprint.arguments(schemas.DeliveryFilter, location="query")
@blueprint.response(200, schemas.DeliveryPage)
def list_deliveries(query: dict[str, Any]) -> dict[str, object]:
    """交售记录 · Slips that concern you, newest first."""
    rows = queries.deliveries(
        db.session(), current_actor(), limit=query["limit"] + 1, before_id=cursor_key(query["cursor"]),
        household=query["household"], sku=query["sku"], unlotted=query["unlotted"],
    )  # fmt: skip
    return page(rows, query["limit"], lambda row: row["id"])


@blueprint.route("/deliveries/<string:code>/corrections", methods=["POST"])
@allow(Role.FIRM_STAFF, Role.OPERATOR)
@idempotent
@blueprint.arguments(schemas.CorrectionAsked)
@blueprint.response(201, schemas.CorrectionOut)
@documented(
    errors=[NotFoundError, errors.NothingToCorrect],
    example={"weight_g": 50_000, "price_fen_per_kg": 480, "reason": "过磅时误读"},
)
def correct(body: dict[str, Any], code: str) -> dict[str, Any]:
    """更正交售单 · Say what a slip should have said. The slip stays; the difference is an entry of its own.

    It lands in the slip's month, or, when that is closed, in the open one. A weight of zero voids the slip.
    """
    session, actor = db.session(), current_actor()
    slip = locked_slip(session, code)
    firm_party = session.execute(select(Firm.party_id).where(Firm.id == slip.firm_id)).scalar_one()
    must_own(actor, {Role.FIRM_STAFF: firm_party, Role.OPERATOR: ALL}, what=code)
    correction = correct_slip(session, slip, **body, actor_id=actor.person_id, now=now())
    return queries.correction(session, slip, correction)


@blueprint.route("/months", methods=["POST"])
@allow(Role.OPERATOR)
@blueprint.arguments(schemas.MonthAsked)
@blueprint.response(201, schemas.ClosedMonthOut)
@documented(errors=[errors.MonthNotOver, errors.MonthClosed, errors.EarlierMonthOpen], example={"month": "2025-06"})
def close(body: dict[str, Any]) -> ClosedMonth:
    """月末结账 · Close a month: every household's statement is made, and nothing of it changes any more."""
    with transaction() as session:
        return close_month(session, body["month"], actor_id=current_actor().person_id, now=now())


@blueprint.route("/months", methods=["GET"])
@allow(Role.OPERATOR, Role.MANAGER)
@blueprint.arguments(schemas.MonthsFilter, location="query")
@blueprint.response(200, schemas.ClosedMonths)
def list_months(query: dict[str, Any]) -> dict[str, Any]:
    """已结账月份 · Closed months, the youngest first."""
    return queries.closed_months(db.session(), limit=query["limit"], before=query["before"])


@blueprint.route("/households/<string:code>/statement", methods=["GET"])
@allow(Role.HOUSEHOLD, Role.MANAGER, Role.OPERATOR)
@blueprint.arguments(schemas.Period, location="query")
@blueprint.response(200, schemas.Statement)
@documented(errors=[NotFoundError])
def statement(query: dict[str, Any], code: str) -> dict[str, Any]:
    """收入单 · What a household received, entry by entry, and which sales its produce reached."""
    this_month = beijing_month(now())
    first = query["month"] or query["first"] or this_month
    last = query["month"] or query["last"] or max(first, this_month)
    return queries.statement(db.session(), current_actor(), code, first, last)


@blueprint.route("/orders/<string:number>/refunds", methods=["POST"])
@allow(Role.FIRM_STAFF, Role.OPERATOR)
@idempotent
@blueprint.arguments(schemas.RefundAsked)
@blueprint.response(201, RefundOut)
@documented(errors=[NotFoundError, RefundBeyondPaid, RefundByBank], example={"amount_fen": 500, "reason": "坏果包赔"})
def refund(body: dict[str, Any], number: str) -> Refund:
    """退款 · Give money back to the payment it came from. After settlement everybody gives back his part."""
    session = db.session()
    order = locked_order(session, number)
    own_order(order, Role.FIRM_STAFF, Role.OPERATOR)
    line_ids = None
    if body["skus"] is not None:
        rows = session.execute(
            select(Product.sku, OrderLine.id)
            .join(Product, Product.id == OrderLine.product_id)
            .where(OrderLine.order_id == order.id, Product.sku.in_(body["skus"]))
        )
        by_sku = dict(rows.all())
        missing = sorted(set(body["skus"]) - set(by_sku))
        if missing:
            raise NotFoundError(what=", ".join(missing))
        line_ids = list(by_sku.values())
    return actions.grant_refund(
        session, order, body["amount_fen"], body["reason"], line_ids=line_ids, actor_id=current_actor().person_id,
        now=now(),
    )  # fmt: skip
