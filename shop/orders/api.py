"""Orders over HTTP: place, approve, dispatch, accept, cancel, and calling off agreements."""

from typing import Any, assert_never

from flask import Response
from flask_smorest import Blueprint
from sqlalchemy import select
from sqlalchemy.orm import Session

from shop.access.actions import normal_phone
from shop.access.errors import PhoneNotValid
from shop.access.guard import ALL, EVERYONE, Owned, Role, allow, current_actor, must_own, reference_version
from shop.agreements import errors as agreement_errors
from shop.agreements import queries as agreement_queries
from shop.agreements.actions import agreement_by_code, call_off
from shop.agreements.models import Side
from shop.agreements.owners import locked_agreement
from shop.agreements.schemas import AgreementDetail, EndingAsked
from shop.agreements.signing import end
from shop.catalog.actions import product_by_sku
from shop.catalog.errors import OutOfSeason
from shop.catalog.models import Firm
from shop.catalog.reference import catalog
from shop.channels.models import Partner
from shop.channels.policies import Approval
from shop.channels.reference import selling
from shop.kit.clock import beijing_day
from shop.kit.db import db, transaction
from shop.kit.errors import ForbiddenError, MoveRefusedError, NotFoundError
from shop.kit.http import documented, json_bytes, now
from shop.kit.idempotency import idempotent
from shop.kit.schemas import cursor_key, page
from shop.orders import actions, cuts, errors, queries, receipt, reopening, schemas
from shop.orders.calls import change_call, terminate, waiting
from shop.orders.entered import clerk_for, enter_order, partner_who_buys
from shop.orders.locks import locked_order
from shop.orders.models import Order, OrderStatus, ReceiptRule
from shop.orders.place import Asked, Called, Placed, Request, place_call_off, place_order
from shop.orders.reversals import corrections_of
from shop.stock.errors import NotEnoughStock, PresaleFull
from shop.stock.presales import presale_by_code, presale_row

blueprint = Blueprint("orders", __name__, url_prefix="/api/v1", description="订单 · Orders")

PLACING = [
    errors.CampaignClosed, errors.PartnerDoesNotFit, errors.OccasionRequired, errors.OccasionNotOpen,
    errors.NotForSale, errors.OrderingClosed,
    OutOfSeason, errors.FirmLacksItems, errors.PaperMissing, errors.NotForThisChannel, errors.OneSellerPerOrder,
    errors.PerBuyerCap, errors.OrderTooLarge, errors.CouponNotForThis, errors.CouponUsed, errors.CouponSpent,
    errors.PresaleNotOpen, NotEnoughStock, PresaleFull, NotFoundError, PhoneNotValid,
]  # fmt: skip
AGREEMENT_READERS = agreement_queries.READERS
READERS = (Role.OPERATOR, Role.FIRM_STAFF, Role.BUYER, Role.CUSTOMER, Role.HOST, Role.CADRE)


def _shown(placed: Placed) -> Response:
    """The placed order straight from what was written: no statement more."""
    body = {
        "number": placed.number,
        "status": placed.status.value,
        "channel": placed.way.policy.kind.value,
        "partner": placed.way.partner.code,
        "total_fen": placed.total_fen,
        "expires_at": placed.expires_at.isoformat() if placed.expires_at else None,
        "lines": [
            {
                "sku": line.sku, "name_zh": line.name_zh, "quantity": line.quantity, "weight_g": line.weight_g,
                "price_basis": line.price_basis.value, "price_fen": line.price_fen, "amount_fen": line.amount_fen,
            }
            for line in placed.lines
        ],
    }  # fmt: skip
    response = json_bytes(body, 201)
    response.headers["Location"] = f"/api/v1/orders/{placed.number}"
    return response


@blueprint.route("/orders", methods=["POST"])
@allow(Role.CUSTOMER, Role.BUYER)
@idempotent
@blueprint.arguments(schemas.PlaceOrder())  # made once, not for each request
@blueprint.alt_response(201, schema=schemas.PlacedOut, success=True)
@documented(
    errors=PLACING,
    example={
        "partner": "S01",
        "lines": [{"sku": "PL001", "quantity": 2}],
        "recipient": {"name": "张三（示例）", "phone": "13800000000", "address": "山西省运城市平陆县（示例）"},
    },
)
def place(body: dict[str, Any]) -> Response:
    """下单 · Place an order; the same Idempotency-Key takes effect once."""
    session, actor = db.session(), current_actor()
    recipient = body["recipient"]
    if recipient is not None:
        recipient = {**recipient, "phone": normal_phone(recipient["phone"])}
    request = Request(
        lines=[Asked(line["sku"], line["quantity"]) for line in body["lines"]],
        buyer_party_id=actor.parties(Role.CUSTOMER, Role.BUYER)[0],
        link=body["link"],
        channel=body["channel"],
        partner=body["partner"],
        occasion=body["occasion"],
        recipient=recipient,
        note=body["note"],
        coupon=body["coupon"],
        presale=presale_row(presale_by_code(session, body["presale"])) if body["presale"] else None,
    )
    version = reference_version()
    placed = place_order(
        session, request, goods=catalog(session, version), selling=selling(session, version),
        actor_id=actor.person_id, now=now(),
    )  # fmt: skip
    return _shown(placed)


@blueprint.route("/partners/<string:code>/orders", methods=["POST"])
@allow(Role.OPERATOR, Role.FIRM_STAFF, Role.BUYER)
@idempotent
@blueprint.arguments(schemas.OrderEntered)
@blueprint.alt_response(201, schema=schemas.PlacedOut, success=True)
@documented(
    errors=[errors.ReferenceTaken, *PLACING],
    example={"reference": "CG-2025-018", "lines": [{"sku": "PL001", "quantity": 12}], "note": "送到食堂后门"},
)
def enter(body: dict[str, Any], code: str) -> Response:
    """代客下单 · Enter an order of a unit, as itself or for it: who entered it is kept, the unit approves it."""
    session, version = db.session(), reference_version()
    sales = selling(session, version)
    partner = partner_who_buys(sales, code)
    if partner is None:
        raise NotFoundError(what=code)
    clerk, recipient = clerk_for(current_actor(), partner.party_id, what=code), body["recipient"]
    if recipient is not None:
        recipient = {**recipient, "phone": normal_phone(recipient["phone"])}
    placed = enter_order(
        session, partner, [Asked(line["sku"], line["quantity"]) for line in body["lines"]],
        reference=body["reference"], note=body["note"], recipient=recipient, by=clerk,
        goods=catalog(session, version), selling=sales, now=now(),
    )  # fmt: skip
    return _shown(placed)


@blueprint.route("/agreements/<string:code>", methods=["GET"])
@allow(*AGREEMENT_READERS)
@blueprint.response(200, schemas.AgreementWithOrders)
@documented(errors=[NotFoundError])
def show_agreement(code: str) -> dict[str, Any]:
    """协议 · One agreement: signed amount, due, called, left, and the order of each call-off."""
    session = db.session()
    found = agreement_queries.agreement(session, current_actor(), code, beijing_day(now()))
    return found | {"call_offs": queries.call_offs_ordered(session, found["call_offs"])}


@blueprint.route("/agreements/<string:code>/call-offs", methods=["POST"])
@allow(Role.BUYER)
@idempotent
@blueprint.arguments(schemas.CallOffAsked)
@blueprint.alt_response(201, schema=schemas.PlacedOut, success=True)
@documented(
    errors=[
        agreement_errors.AgreementNotRunning, agreement_errors.OutsideTerm, agreement_errors.DueDayPast,
        agreement_errors.ProductNotPromised, agreement_errors.PromiseExceeded, agreement_errors.NotScheduled,
        agreement_errors.BelowMinimum, *PLACING,
    ],
    example={"sku": "PL001", "weight_g": 100_000, "due_on": "2025-07-17"},
)  # fmt: skip
def call(body: dict[str, Any], code: str) -> Response:
    """要货 · Call off under an agreement: draws on its promise and places the order."""
    session, actor = db.session(), current_actor()
    agreement = agreement_by_code(session, code)
    buyer_party = _party_of_partner(session, agreement.partner_id)
    must_own(actor, {Role.BUYER: buyer_party}, what=code)
    product = product_by_sku(session, body["sku"])
    called = call_off(
        session, code, product, body["weight_g"], body["due_on"], schedule_day=body["schedule_day"],
        actor_id=actor.person_id, now=now(),
    )  # fmt: skip
    version = reference_version()
    placed = place_call_off(
        session, Called(called.id, code, product.sku, called.weight_g, called.price_fen_per_kg), buyer_party,
        goods=catalog(session, version), selling=selling(session, version), actor_id=actor.person_id, now=now(),
    )  # fmt: skip
    return _shown(placed)


def _party_of_partner(session: Session, partner_id: int) -> int:
    return session.execute(select(Partner.party_id).where(Partner.id == partner_id)).scalar_one()


@blueprint.route("/orders", methods=["GET"])
@allow(*READERS)
@blueprint.arguments(schemas.OrderFilter, location="query")
@blueprint.response(200, schemas.OrderPage)
def list_orders(query: dict[str, Any]) -> dict[str, object]:
    """订单列表 · Orders that concern you, newest first."""
    filters = []
    if query["status"]:
        filters.append(Order.status == query["status"])
    if query["channel"]:
        filters.append(Order.channel_kind == query["channel"])
    rows = queries.orders(
        db.session(), current_actor(), limit=query["limit"] + 1, before_id=cursor_key(query["cursor"]),
        filters=tuple(filters),
    )  # fmt: skip
    return page(rows, query["limit"], lambda row: row["id"])


@blueprint.route("/orders/<string:number>", methods=["GET"])
@allow(*READERS)
@blueprint.response(200, schemas.OrderShown)
@documented(errors=[NotFoundError])
def show(number: str) -> dict[str, Any]:
    """订单详情 · One order, and which of its goods are recalled."""
    session, actor = db.session(), current_actor()
    found = queries.order(session, actor, number)
    order_id = int(found["id"])
    told = queries.reasons(session, [order_id])[order_id] if actor.has(*queries.SEES_RECIPIENT) else queries.UNSAID
    waits = found["status"] == OrderStatus.DISPATCHED.value
    return found | told | {
        "recalls": queries.recalls_of(session, order_id),
        "inspected_by": receipt.inspected_by(session, order_id) if waits else None,
    }  # fmt: skip


def _locked(number: str, *roles: Role) -> Order:
    """The order, locked, if one of `roles` owns it. Raises NotFoundError otherwise."""
    session = db.session()
    order = locked_order(session, number)
    firm_party = session.execute(select(Firm.party_id).where(Firm.id == order.firm_id)).scalar_one()
    owners: dict[Role, Owned] = {
        Role.OPERATOR: ALL, Role.FIRM_STAFF: firm_party, Role.BUYER: order.buyer_party_id,
        Role.CUSTOMER: order.buyer_party_id,
    }  # fmt: skip
    must_own(current_actor(), {role: owners[role] for role in roles}, what=number)
    return order


@blueprint.route("/orders/<string:number>/call-off", methods=["POST"])
@allow(Role.BUYER)
@idempotent
@blueprint.arguments(schemas.CallOffChange)
@blueprint.response(200, schemas.OrderOut)
@documented(
    errors=[
        NotFoundError, MoveRefusedError, errors.NotACallOff, agreement_errors.AgreementNotRunning,
        agreement_errors.OutsideTerm, agreement_errors.DueDayPast, OutOfSeason, agreement_errors.PromiseExceeded,
        agreement_errors.BelowMinimum,
    ],
    example={"due_on": "2025-07-21", "weight_g": 80_000},
)  # fmt: skip
def change_call_off(body: dict[str, Any], number: str) -> dict[str, Any]:
    """改期或减量 · Move a call-off to another day of the term, or reduce it, before the firm confirms it."""
    order, actor = _locked(number, Role.BUYER), current_actor()
    change_call(
        db.session(), order, due_on=body["due_on"], weight_g=body["weight_g"], actor_id=actor.person_id, now=now()
    )
    return queries.order(db.session(), actor, number)


@blueprint.route("/orders/<string:number>/stock", methods=["GET"])
@allow(Role.FIRM_STAFF, Role.OPERATOR)
@blueprint.response(200, schemas.StockInView)
@documented(errors=[NotFoundError])
def stock_in_view(number: str) -> dict[str, Any]:
    """可供批次 · What the firm has for an order before it confirms: free grams, and the lots, oldest first."""
    session = db.session()
    return queries.stock_in_view(session, queries.order(session, current_actor(), number), now=now())


@blueprint.route("/orders/<string:number>/approval", methods=["POST"])
@allow(Role.BUYER, Role.FIRM_STAFF)
@idempotent
@blueprint.response(200, schemas.OrderOut)
@documented(
    errors=[
        NotFoundError,
        ForbiddenError,
        MoveRefusedError,
        errors.NotApprovedByYou,
        errors.NotTheApprover,
        agreement_errors.AgreementNotRunning,
        NotEnoughStock,
        PresaleFull,
    ]
)
def approve(number: str) -> dict[str, Any]:
    """审批 · Approve: the unit's organiser, or the firm for a call-off. Stock is held from now on."""
    order, actor = _locked(number, Role.BUYER, Role.FIRM_STAFF), current_actor()
    match actions.policy_of(order).approval:
        case Approval.BUYER:
            allowed = order.buyer_party_id in actor.parties(Role.BUYER)
        case Approval.FIRM:
            allowed = actor.has(Role.FIRM_STAFF)
        case Approval.NONE:
            allowed = True  # the action refuses it with its own reason
        case other:
            assert_never(other)
    if not allowed:
        raise ForbiddenError
    actions.approve(db.session(), order, actor_id=actor.person_id, now=now())
    return queries.order(db.session(), actor, number)


@blueprint.route("/orders/<string:number>/dispatches", methods=["POST"])
@allow(Role.FIRM_STAFF)
@idempotent
@blueprint.arguments(schemas.DispatchAsked)
@blueprint.response(201, schemas.DispatchList)
@documented(
    errors=[NotFoundError, MoveRefusedError, errors.NotInTheOrder, errors.DispatchBeyondOrder, NotEnoughStock],
    example={"carrier_zh": "顺丰冷链", "tracking_number": "SF0000000001"},
)
def dispatch(body: dict[str, Any], number: str) -> dict[str, Any]:
    """发货 · Send a parcel: lots are picked oldest first."""
    order = _locked(number, Role.FIRM_STAFF)
    weights = None if body["lines"] is None else {line["sku"]: line["weight_g"] for line in body["lines"]}
    actions.dispatch(
        db.session(), order, weights, carrier_zh=body["carrier_zh"], tracking_number=body["tracking_number"],
        actor_id=current_actor().person_id, now=now(),
    )  # fmt: skip
    return {"items": queries.dispatches(db.session(), order.id)}


@blueprint.route("/orders/<string:number>/dispatches", methods=["GET"])
@allow(*READERS)
@blueprint.response(200, schemas.DispatchList)
@documented(errors=[NotFoundError])
def list_dispatches(number: str) -> dict[str, Any]:
    """发货记录 · The parcels of an order and the lots they came from."""
    found = queries.order(db.session(), current_actor(), number)
    return {"items": queries.dispatches(db.session(), found["id"])}


@blueprint.route("/orders/<string:number>/papers", methods=["GET"])
@allow(*READERS)
@blueprint.response(200, schemas.PapersThen)
@documented(errors=[NotFoundError])
def show_papers(number: str) -> dict[str, Any]:
    """下单时的证照 · Licences and marks that were held when the order was placed, whatever came later."""
    session = db.session()
    found = queries.order(session, current_actor(), number)
    goods = catalog(session, reference_version())
    return {"number": number, "placed_at": found["placed_at"], "items": queries.papers_then(found, goods)}


@blueprint.route("/orders/<string:number>/signatures", methods=["POST"])
@allow(Role.FIRM_STAFF)
@blueprint.arguments(schemas.SignatureAsked)
@blueprint.response(200, schemas.DispatchList)
@documented(
    errors=[NotFoundError, MoveRefusedError, errors.SignatureDoesNotFit],
    example={"position": 1, "signed_on": "2025-07-18"},
)
def sign(body: dict[str, Any], number: str) -> dict[str, Any]:
    """签收 · The day on which a parcel was signed for, once: a consumer's order then counts as received sooner."""
    with transaction() as session:
        order = _locked(number, Role.FIRM_STAFF)
        receipt.sign(session, order, **body, actor_id=current_actor().person_id, now=now())
        return {"items": queries.dispatches(session, order.id)}


@blueprint.route("/receipt-rules", methods=["GET"])
@allow(EVERYONE)
@blueprint.response(200, schemas.ReceiptRuleList)
def list_receipt_rules() -> dict[str, Any]:
    """自动收货规则 · How many days after dispatch goods count as received that nobody confirmed."""
    rules = db.session().scalars(select(ReceiptRule).order_by(ReceiptRule.valid_from.desc())).all()
    return {"items": rules, "default_signed_days": receipt.SIGNED_DAYS, "default_days": receipt.DAYS}


@blueprint.route("/receipt-rules", methods=["POST"])
@allow(Role.OPERATOR)
@blueprint.arguments(schemas.ReceiptRuleAsked)
@blueprint.response(201, schemas.ReceiptRuleAsked)
@documented(errors=[errors.ReceiptRuleTaken], example={"valid_from": "2026-01-01", "signed_days": 7, "days": 10})
def add_receipt_rule(body: dict[str, Any]) -> dict[str, Any]:
    """设定自动收货 · Days until goods count as received, for orders from a day on; earlier ones keep their rule."""
    with transaction() as session:
        receipt.set_receipt_rule(session, **body, actor_id=current_actor().person_id, now=now())
        return body


@blueprint.route("/orders/<string:number>/acceptance", methods=["POST"])
@allow(Role.BUYER, Role.CUSTOMER)
@idempotent
@blueprint.arguments(schemas.AcceptanceAsked)
@blueprint.response(200, schemas.OrderOut)
@documented(
    errors=[
        NotFoundError,
        MoveRefusedError,
        errors.NotInTheOrder,
        errors.AcceptanceDoesNotFit,
        errors.GradesNotAgreed,
        errors.GradeNotTaken,
    ],
    example={"lines": [{"sku": "PL001", "accepted_g": 4500, "refused_reason": "压伤 500 克"}]},
)
def accept(body: dict[str, Any], number: str) -> dict[str, Any]:
    """验收 · Accept by weight; what is refused needs a reason. Settlement follows by itself."""
    order = _locked(number, Role.BUYER, Role.CUSTOMER)
    verdicts = None
    if body["lines"] is not None:
        verdicts = {line["sku"]: actions.Verdict.asked(line) for line in body["lines"]}
    actions.accept(db.session(), order, verdicts, actor_id=current_actor().person_id, now=now())
    return queries.order(db.session(), current_actor(), number)


@blueprint.route("/orders/<string:number>/acceptance-for-buyer", methods=["POST"])
@allow(Role.OPERATOR)
@idempotent
@blueprint.arguments(schemas.AcceptanceForBuyer)
@blueprint.response(200, schemas.OrderOut)
@documented(
    errors=[
        NotFoundError,
        MoveRefusedError,
        errors.NotForItsBuyer,
        errors.StillToInspect,
        errors.GoodsRecalled,
    ],
    example={"reason": "采购方收货后一直没有验收，多次提醒没有答复"},
)
def accept_for_buyer(body: dict[str, Any], number: str) -> dict[str, Any]:
    """视为验收 · Accept whole, as it was sent, for a unit or a buyer of an agreement who said nothing in time."""
    session, actor = db.session(), current_actor()
    order = _locked(number, Role.OPERATOR)
    receipt.accept_for_buyer(session, order, body["reason"], actor_id=actor.person_id, now=now())
    return queries.order(session, actor, number)


@blueprint.route("/orders/<string:number>/acceptance-corrections", methods=["GET"])
@allow(*READERS)
@blueprint.response(200, schemas.AcceptanceCorrectionList)
@documented(errors=[NotFoundError])
def list_acceptance_corrections(number: str) -> dict[str, Any]:
    """验收更正记录 · Acceptances of a call-off that the county reversed: what stood, what stands, why."""
    session = db.session()
    found = queries.order(session, current_actor(), number)
    return {"items": corrections_of(session, found["id"])}


@blueprint.route("/orders/<string:number>/cancellation", methods=["POST"])
@allow(Role.BUYER, Role.CUSTOMER, Role.FIRM_STAFF, Role.OPERATOR)
@idempotent
@blueprint.arguments(schemas.Cancellation)
@blueprint.response(200, schemas.OrderOut)
@documented(errors=[NotFoundError, MoveRefusedError, errors.AlreadyOnTheWay], example={"reason": "不需要了"})
def cancel(body: dict[str, Any], number: str) -> dict[str, Any]:
    """取消 · Cancel before anything was dispatched; what was paid goes back by itself."""
    order = _locked(number, Role.BUYER, Role.CUSTOMER, Role.FIRM_STAFF, Role.OPERATOR)
    actor = current_actor()
    by = None
    if order.call_off_id is not None and order.buyer_party_id in actor.parties(Role.BUYER):
        by = Side.BUYER
    elif order.call_off_id is not None and actor.has(Role.FIRM_STAFF):
        by = Side.FIRM
    actions.cancel(db.session(), order, actor_id=actor.person_id, now=now(), reason=body["reason"], by=by)
    return queries.order(db.session(), current_actor(), number)


@blueprint.route("/orders/<string:number>/cuts", methods=["POST"])
@allow(Role.BUYER, Role.CUSTOMER, Role.FIRM_STAFF)
@idempotent
@blueprint.arguments(schemas.CutAsked)
@blueprint.response(200, schemas.CutList)
@documented(
    errors=[
        NotFoundError, MoveRefusedError, errors.CutBeyondOrder, errors.NotWholePacks, errors.NothingWouldBeLeft,
        errors.NotCutHere, errors.NotTheApprover, errors.CouponWouldNotHold,
    ],
    example={"lines": [{"sku": "PL001", "packs": 1}], "reason": "少要一箱"},
)  # fmt: skip
def cut(body: dict[str, Any], number: str) -> dict[str, Any]:
    """部分取消 · Take packs off a confirmed order before they are sent; what was paid for them goes back by itself."""
    session, actor = db.session(), current_actor()
    order = _locked(number, Role.BUYER, Role.CUSTOMER, Role.FIRM_STAFF)
    by = Side.BUYER if order.buyer_party_id in actor.parties(Role.BUYER, Role.CUSTOMER) else Side.FIRM
    goods = catalog(session, reference_version())
    asked = [cuts.Less(**line) for line in body["lines"]]
    if not body["dry_run"]:
        cuts.cut(session, order, asked, by=by, reason=body["reason"], goods=goods, actor_id=actor.person_id, now=now())
        return {"items": cuts.cuts_of(session, order.id, goods)}
    plan = cuts.plan_cut(session, order, asked, by=by, goods=goods, actor_id=actor.person_id)
    return {
        "items": [
            {
                "position": None, "sku": part.sku, "side": by.value, "weight_g": part.weight_g, "packs": part.packs,
                "amount_fen": part.amount_fen, "reason": body["reason"], "cut_at": None,
            }
            for part in plan
        ]
    }  # fmt: skip


@blueprint.route("/orders/<string:number>/undelivered", methods=["POST"])
@allow(Role.BUYER, Role.OPERATOR)
@idempotent
@blueprint.arguments(schemas.RestClosed)
@blueprint.response(200, schemas.CutList)
@documented(
    errors=[NotFoundError, MoveRefusedError, errors.RestNotLate, errors.NotACallOff, errors.NotCutHere],
    example={"reason": "企业一直没有发余下的货"},
)
def close_rest(body: dict[str, Any], number: str) -> dict[str, Any]:
    """余货按未交关闭 · Close what the firm did not send of an order that came in part; what came is then accepted.

    Of a call-off by its buyer or the county once the due day has passed, of other orders by the county.
    """
    session, actor = db.session(), current_actor()
    order = _locked(number, Role.BUYER, Role.OPERATOR)
    by = Side.BUYER if order.buyer_party_id in actor.parties(Role.BUYER) else Side.COUNTY
    goods = catalog(session, reference_version())
    cuts.close_rest(session, order, by=by, reason=body["reason"], goods=goods, actor_id=actor.person_id, now=now())
    return {"items": cuts.cuts_of(session, order.id, goods)}


@blueprint.route("/orders/<string:number>/cuts", methods=["GET"])
@allow(*READERS)
@blueprint.response(200, schemas.CutList)
@documented(errors=[NotFoundError])
def list_cuts(number: str) -> dict[str, Any]:
    """部分取消记录 · What was taken off an order before it was sent: by whom, how much, why."""
    session = db.session()
    found = queries.order(session, current_actor(), number)
    return {"items": cuts.cuts_of(session, found["id"], catalog(session, reference_version()))}


@blueprint.route("/agreements/<string:code>/ending", methods=["POST"])
@allow(Role.OPERATOR, Role.FIRM_STAFF, Role.BUYER)
@blueprint.arguments(EndingAsked)
@blueprint.response(200, AgreementDetail)
@documented(
    errors=[NotFoundError, ForbiddenError, MoveRefusedError],
    example={"event": "withdraw", "reason": "双方未谈妥"},
)
def end_agreement(body: dict[str, Any], code: str) -> dict[str, Any]:
    """撤回或解除 · Withdraw a draft; the county records that a running agreement was terminated, with the reason.

    Call-offs that the firm has not confirmed are cancelled by the termination.
    """
    terminated, actor = body["event"] == "terminate", current_actor()
    with transaction() as session:
        if terminated and actor.has(Role.OPERATOR):
            waiting(session, code)
        agreement, hand = locked_agreement(code, Role.BUYER, Role.FIRM_STAFF, Role.OPERATOR)
        if terminated and hand.side is not Side.COUNTY:
            raise ForbiddenError
        if terminated:
            terminate(session, agreement, body["reason"], actor_id=hand.person_id, now=hand.now)
        else:
            end(
                session, agreement, body["event"], actor_id=hand.person_id, now=hand.now, reason=body["reason"],
                facts=hand.facts(),
            )  # fmt: skip
        return agreement_queries.agreement(session, actor, code, beijing_day(now()))


@blueprint.route("/agreements/<string:code>/reopenings", methods=["POST"])
@allow(Role.FIRM_STAFF, Role.BUYER)
@blueprint.arguments(schemas.ReopeningAsked)
@blueprint.response(200, schemas.ReopeningList)
@documented(
    errors=[NotFoundError, MoveRefusedError, errors.ReopenTooLate, errors.ReopeningBarred],
    example={"reason": "误登记为解除，双方继续履行"},
)
def reopen(body: dict[str, Any], code: str) -> dict[str, Any]:
    """重开协议 · Ask that an ended agreement run again, or consent to what the other side asked; within 30 days."""
    with transaction() as session:
        agreement, hand = locked_agreement(code, Role.BUYER, Role.FIRM_STAFF)
        reopening.reopen(session, agreement, body["reason"], by=hand)
        return {"items": reopening.reopenings(session, agreement.id)}


@blueprint.route("/agreements/<string:code>/reopenings", methods=["GET"])
@allow(*AGREEMENT_READERS)
@blueprint.response(200, schemas.ReopeningList)
@documented(errors=[NotFoundError])
def list_reopenings(code: str) -> dict[str, Any]:
    """重开记录 · Who asked that an ended agreement run again, who consented, and which days were missed."""
    session = db.session()
    found = agreement_queries.agreement(session, current_actor(), code, beijing_day(now()))
    return {"items": reopening.reopenings(session, found["id"])}
