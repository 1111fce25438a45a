"""Paying, what was refunded, and the door for the provider's notifications; deposits, and signing, which may make one
whole; penalties of agreements and what was paid of them.
"""

from dataclasses import asdict
from typing import Any

from flask import current_app, request
from flask_smorest import Blueprint
from sqlalchemy import select

from shop.access.guard import ALL, EVERYONE, Owned, Role, allow, current_actor, must_own
from shop.agreements import errors as agreement_errors
from shop.agreements import queries as agreement_queries
from shop.agreements import schemas as agreement_schemas
from shop.agreements.models import Agreement
from shop.agreements.owners import locked_agreement
from shop.catalog.models import Firm
from shop.channels.errors import NoCampaign
from shop.kit.clock import beijing_day
from shop.kit.db import db, transaction
from shop.kit.errors import MoveRefusedError, NotFoundError
from shop.kit.http import documented, now
from shop.kit.idempotency import idempotent
from shop.orders import breach
from shop.orders import queries as order_queries
from shop.orders.errors import DayAhead, NoSuchPenalty, NotYoursToDecide, PenaltyOutdated, TakenAlready
from shop.orders.locks import locked_order
from shop.orders.models import Order
from shop.payments import actions, deposits, penalties, schemas
from shop.payments.errors import (
    DepositBeyond,
    DepositBeyondAgreed,
    DepositStillBound,
    DepositUsedUp,
    NoSuchPenaltyPayment,
    NothingToPay,
    NotificationRefused,
    NotYoursToReceive,
    PaymentBeyondOwed,
    PenaltyBeyondClaimed,
    PenaltyPaid,
    PenaltyPaidTooEarly,
    PenaltyPaymentVoided,
    PenaltyUndecided,
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
@documented(errors=[NotFoundError, NothingToPay, PaymentBeyondOwed, TransferBooked], example={})
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


@blueprint.route("/agreements/<string:code>/signatures", methods=["POST"])
@allow(Role.FIRM_STAFF, Role.BUYER)
@blueprint.arguments(agreement_schemas.SignatureAsked)
@blueprint.response(200, agreement_schemas.AgreementDetail)
@documented(
    errors=[
        NotFoundError,
        agreement_errors.DocumentNotCurrent,
        agreement_errors.AgreementNotRunning,
        agreement_errors.FirstDayPast,
        agreement_errors.NotOnSale,
        NoCampaign,
        agreement_errors.NotRenewable,
        agreement_errors.AmendmentRefused,
        agreement_errors.TermsRefused,
        agreement_errors.NeverDue,
        agreement_errors.DaysPassed,
    ],
    example={"version": 1, "document_hash": "0" * 64},
)
def sign(body: dict[str, Any], code: str) -> dict[str, Any]:
    """签署 · Sign the youngest version by its hash; the second signature puts it in force. Twice is once."""
    with transaction() as session:
        agreement, hand = locked_agreement(code, Role.BUYER, Role.FIRM_STAFF)
        deposits.sign(session, agreement, body["version"], body["document_hash"], by=hand)
        session.flush()
        return agreement_queries.agreement(session, current_actor(), code, beijing_day(now()))


def _deposit(agreement: Agreement) -> dict[str, Any]:
    session = db.session()
    stands = deposits.standing(session, agreement)
    return {**asdict(stands), "moves": deposits.moves(session, agreement.id)}


@blueprint.route("/agreements/<string:code>/deposit", methods=["GET"])
@allow(*agreement_queries.READERS)
@blueprint.response(200, schemas.DepositOut)
@documented(errors=[NotFoundError])
def show_deposit(code: str) -> dict[str, Any]:
    """定金 · The deposit of an agreement: agreed, received, left."""
    session = db.session()
    found = agreement_queries.agreement(session, current_actor(), code, beijing_day(now()))
    return _deposit(session.get_one(Agreement, found["id"]))


@blueprint.route("/agreements/<string:code>/deposit", methods=["POST"])
@allow(*SELLERS)
@idempotent
@blueprint.arguments(schemas.DepositReceived)
@blueprint.response(201, schemas.DepositOut)
@documented(
    errors=[NotFoundError, DepositBeyondAgreed, TransferBooked],
    example={"amount_fen": 50_000, "bank_reference": "D20250715001"},
)
def receive_deposit(body: dict[str, Any], code: str) -> dict[str, Any]:
    """定金到账 · Money of the deposit came in; whole, the agreement is `deposit_paid`."""
    agreement, hand = locked_agreement(code, *SELLERS)
    deposits.receive(db.session(), agreement, body["amount_fen"], body["bank_reference"], by=hand)
    return _deposit(agreement)


@blueprint.route("/agreements/<string:code>/deposit/set-off", methods=["POST"])
@allow(*SELLERS)
@idempotent
@blueprint.arguments(schemas.SetOffAsked)
@blueprint.response(201, schemas.DepositOut)
@documented(
    errors=[NotFoundError, NothingToPay, PaymentBeyondOwed, DepositBeyond],
    example={"order": "250715-00000001", "amount_fen": 20_000},
)
def set_off_deposit(body: dict[str, Any], code: str) -> dict[str, Any]:
    """定金抵货款 · Set the deposit off against what the buyer owes of a settled order of the agreement."""
    session = db.session()
    order = locked_order(session, body["order"])
    own_order(order, *SELLERS)
    agreement, hand = locked_agreement(code, *SELLERS)
    amount = body["amount_fen"]
    if amount is None:
        amount = min(actions.owed_fen(session, order), deposits.standing(session, agreement).left_fen)
    deposits.set_off(session, agreement, order, amount, by=hand)
    return _deposit(agreement)


@blueprint.route("/agreements/<string:code>/deposit/return", methods=["POST"])
@allow(Role.OPERATOR)
@idempotent
@blueprint.arguments(schemas.DepositReturn)
@blueprint.response(201, schemas.DepositOut)
@documented(
    errors=[
        NotFoundError, DepositStillBound, DepositUsedUp, PenaltyUndecided, TransferBooked, NoSuchPenalty,
        NotYoursToDecide, TakenAlready, PenaltyOutdated,
    ],
    example={"bank_reference": "D20251231001"},
)  # fmt: skip
def return_deposit(body: dict[str, Any], code: str) -> dict[str, Any]:
    """退还定金 · Return what is left after the end, at once what exceeds the terms; doubled for the firm's breach."""
    agreement, hand = locked_agreement(code, Role.OPERATOR)
    deposits.give_back(db.session(), agreement, body["bank_reference"], by=hand, penalty=body["penalty"])
    return _deposit(agreement)


@blueprint.route("/agreements/<string:code>/deposit/forfeit", methods=["POST"])
@allow(Role.FIRM_STAFF)
@idempotent
@blueprint.arguments(schemas.DepositForfeit)
@blueprint.response(201, schemas.DepositOut)
@documented(
    errors=[
        NotFoundError,
        DepositStillBound,
        DepositUsedUp,
        NoSuchPenalty,
        NotYoursToDecide,
        TakenAlready,
        PenaltyOutdated,
    ],
    example={"penalty": 1, "reason": "买方未按约采购"},
)
def forfeit_deposit(body: dict[str, Any], code: str) -> dict[str, Any]:
    """没收定金 · The firm keeps the deposit for the buyer's breach, instead of the proposed penalty."""
    agreement, hand = locked_agreement(code, Role.FIRM_STAFF)
    deposits.forfeit(db.session(), agreement, body["penalty"], by=hand, reason=body["reason"])
    return _deposit(agreement)


@blueprint.route("/agreements/<string:code>/penalties", methods=["POST"])
@allow(Role.OPERATOR, Role.FIRM_STAFF, Role.BUYER)
@idempotent
@blueprint.arguments(schemas.PenaltyAsked)
@blueprint.response(201, schemas.PenaltyList)
@documented(errors=[NotFoundError, DayAhead], example={"day": "2025-07-15"})
def propose_penalties(body: dict[str, Any], code: str) -> dict[str, Any]:
    """计算违约金 · Compute what each side is behind with on a day and propose the penalty; nothing is booked."""
    session = db.session()
    agreement, hand = locked_agreement(code, Role.BUYER, Role.FIRM_STAFF, Role.OPERATOR)
    if body["day"] > beijing_day(hand.now):
        raise DayAhead(day=str(body["day"]))
    breach.propose_penalties(session, agreement, body["day"], actor_id=hand.person_id, now=hand.now)
    return {"items": penalties.told(session, agreement.id)}


@blueprint.route("/agreements/<string:code>/penalties", methods=["GET"])
@allow(*agreement_queries.READERS)
@blueprint.response(200, schemas.PenaltyList)
@documented(errors=[NotFoundError])
def list_penalties(code: str) -> dict[str, Any]:
    """违约金 · Proposed, claimed and waived penalties of an agreement."""
    session = db.session()
    found = agreement_queries.agreement(session, current_actor(), code, beijing_day(now()))
    return {"items": penalties.told(session, found["id"])}


@blueprint.route("/agreements/<string:code>/penalty-decisions", methods=["POST"])
@allow(Role.FIRM_STAFF, Role.BUYER)
@idempotent
@blueprint.arguments(schemas.PenaltyDecision)
@blueprint.response(200, schemas.PenaltyList)
@documented(
    errors=[
        NoSuchPenalty,
        NotFoundError,
        MoveRefusedError,
        NotYoursToDecide,
        TakenAlready,
        PenaltyOutdated,
        PenaltyPaid,
    ],
    example={"number": 1, "event": "waive", "reason": "双方协商免除"},
)
def decide_penalty(body: dict[str, Any], code: str) -> dict[str, Any]:
    """主张、放弃或撤回违约金 · The side that was let down claims a penalty, waives it, or withdraws its claim."""
    session = db.session()
    agreement, hand = locked_agreement(code, Role.BUYER, Role.FIRM_STAFF)
    penalties.decide(session, agreement, body["number"], body["event"], by=hand, reason=body["reason"])
    return {"items": penalties.told(session, agreement.id)}


@blueprint.route("/agreements/<string:code>/penalty-payments", methods=["POST"])
@allow(Role.OPERATOR, Role.FIRM_STAFF, Role.BUYER)
@idempotent
@blueprint.arguments(schemas.PenaltyReceived)
@blueprint.response(201, schemas.PenaltyList)
@documented(
    errors=[
        NotFoundError, NoSuchPenalty, NotYoursToReceive, MoveRefusedError, DayAhead, PenaltyPaidTooEarly,
        PenaltyBeyondClaimed, TransferBooked,
    ],
    example={"penalty": 1, "amount_fen": 20_000, "bank_reference": "W20250801001", "paid_on": "2025-08-01"},
)  # fmt: skip
def receive_penalty(body: dict[str, Any], code: str) -> dict[str, Any]:
    """违约金到账 · Money of a claimed penalty was paid: said by the side that it is paid to, or by the county."""
    session = db.session()
    agreement, hand = locked_agreement(code, Role.BUYER, Role.FIRM_STAFF, Role.OPERATOR)
    penalties.receive(
        session, agreement, body["penalty"], body["amount_fen"], body["bank_reference"], body["paid_on"], by=hand
    )
    return {"items": penalties.told(session, agreement.id)}


@blueprint.route("/agreements/<string:code>/penalty-payment-voids", methods=["POST"])
@allow(Role.OPERATOR, Role.FIRM_STAFF, Role.BUYER)
@idempotent
@blueprint.arguments(schemas.PenaltyPaymentToVoid)
@blueprint.response(201, schemas.PenaltyList)
@documented(
    errors=[NotFoundError, NoSuchPenaltyPayment, NotYoursToReceive, PenaltyPaymentVoided],
    example={"bank_reference": "W20250801001", "reason": "金额录错"},
)
def void_penalty_payment(body: dict[str, Any], code: str) -> dict[str, Any]:
    """作废违约金付款 · A payment of a penalty that was recorded by mistake counts no more; it stays readable."""
    session = db.session()
    agreement, hand = locked_agreement(code, Role.BUYER, Role.FIRM_STAFF, Role.OPERATOR)
    penalties.void(session, agreement, body["bank_reference"], body["reason"], by=hand)
    return {"items": penalties.told(session, agreement.id)}
