"""Paying, what was refunded, and the door for the provider's notifications."""

from typing import Any

from flask import current_app, request
from flask_smorest import Blueprint
from sqlalchemy import select

from shop.access.guard import ALL, EVERYONE, Owned, Role, allow, current_actor, must_own
from shop.catalog.models import Firm
from shop.kit.db import db, transaction
from shop.kit.errors import NotFoundError
from shop.kit.http import documented, now
from shop.kit.idempotency import idempotent
from shop.orders import queries as order_queries
from shop.orders.locks import locked_order
from shop.orders.models import Order
from shop.payments import actions, schemas
from shop.payments.errors import (
    NothingToPay,
    NotificationRefused,
    SignatureRefused,
    TransferBooked,
)
from shop.payments.models import Payment, Refund

blueprint = Blueprint("payments", __name__, url_prefix="/api/v1", description="付款与退款 · Payments and refunds")

PAYERS = (Role.BUYER, Role.CUSTOMER)
SELLERS = (Role.FIRM_STAFF, Role.OPERATOR)


def own_order(order: Order, *roles: Role) -> None:
    """Raise NotFoundError unless one of `roles` owns the order."""
    firm_party = db.session.execute(select(Firm.party_id).where(Firm.id == order.firm_id)).scalar_one()
    owners: dict[Role, Owned] = {
        Role.OPERATOR: ALL, Role.FIRM_STAFF: firm_party, Role.BUYER: order.buyer_party_id,
        Role.CUSTOMER: order.buyer_party_id,
    }  # fmt: skip
    must_own(current_actor(), {role: owners[role] for role in roles}, what=order.number)


@blueprint.route("/orders/<string:number>/payments", methods=["POST"])
@allow(*PAYERS, *SELLERS)
@idempotent
@blueprint.arguments(schemas.PaymentAsked)
@blueprint.response(201, schemas.PaymentOut)
@documented(errors=[NotFoundError, NothingToPay, TransferBooked], example={})
def pay(body: dict[str, Any], number: str) -> Payment:
    """付款 · Pay: a prepaid order gets its payment page; a transfer that came in is booked against the invoice."""
    session = db.session()
    order = locked_order(session, number)
    if body["bank_reference"] is None:
        own_order(order, *PAYERS)
        return actions.start_payment(session, order, now=now())
    own_order(order, *SELLERS)
    amount = body["amount_fen"] or actions.owed_fen(session, order)
    return actions.record_bank_transfer(
        session, order, amount, body["bank_reference"], actor_id=current_actor().person_id, now=now()
    )


@blueprint.route("/orders/<string:number>/payments", methods=["GET"])
@allow(*PAYERS, *SELLERS)
@blueprint.response(200, schemas.PaymentList)
@documented(errors=[NotFoundError])
def list_payments(number: str) -> dict[str, Any]:
    """付款记录 · Payments of an order."""
    found = order_queries.order(db.session(), current_actor(), number)
    rows = db.session.scalars(select(Payment).where(Payment.order_id == found["id"]).order_by(Payment.id))
    return {"items": rows.all()}


@blueprint.route("/orders/<string:number>/refunds", methods=["GET"])
@allow(*PAYERS, *SELLERS)
@blueprint.response(200, schemas.RefundList)
@documented(errors=[NotFoundError])
def list_refunds(number: str) -> dict[str, Any]:
    """退款记录 · Refunds of an order."""
    found = order_queries.order(db.session(), current_actor(), number)
    rows = db.session.scalars(select(Refund).where(Refund.order_id == found["id"]).order_by(Refund.id))
    return {"items": rows.all()}


@blueprint.route("/payments/notifications/simulated", methods=["POST"])
@allow(EVERYONE)
@blueprint.response(200, schemas.Taken)
@documented(errors=[SignatureRefused, NotificationRefused])
def notification() -> dict[str, str]:
    """支付通知 · The provider's door: verified on the raw bytes, within five minutes, effective once."""
    secret = current_app.extensions["settings"].payment_secret
    with transaction() as session:
        actions.receive_notification(session, request.get_data(), dict(request.headers), secret, now=now())
    return {"code": "SUCCESS"}
