"""Deliveries and the income they are, household statements, and refunds that walk the whole way back."""

from typing import Any

from flask_smorest import Blueprint
from sqlalchemy import select
from sqlalchemy.orm import Session

from shop.access.guard import ALL, Owned, Role, allow, current_actor, must_own
from shop.agreements.errors import BelowFarmGateFloor
from shop.agreements.grades import hold_farm_gate_floor
from shop.catalog.actions import firm_by_code, product_by_sku
from shop.catalog.models import Firm, Product
from shop.farmers.actions import Slip, household_by_code, record_delivery
from shop.farmers.actions import correct_household as correct_record
from shop.farmers.errors import (
    AlreadyRelated,
    DeliveredAfterwards,
    DeliveryCodeTaken,
    JoiningStands,
    LeasedBeyondLand,
    LeftSince,
    NoDeparture,
    NoGradeFactor,
    NoJoining,
    NoSharesHere,
    NotADeliveredProduct,
    NothingToChange,
    NotOfThisFirm,
    SlipTooLarge,
    SlipWorthNothing,
    TooEarly,
)
from shop.farmers.families import ever, last_spell, locked_households, membership_of
from shop.farmers.models import Household, Membership
from shop.farmers.queries import HouseholdSeen, households
from shop.farmers.schemas import (
    HouseholdCorrectionAsked,
    HouseholdOut,
    JoinAsked,
    JoiningCorrected,
    LeaveAsked,
    MembershipReason,
    RelationOut,
)
from shop.income import (
    actions,
    contracts,
    costs,
    endings,
    errors,
    guarantees,
    memberships,
    payments,
    plans,
    queries,
    reversals,
    schemas,
    surplus,
)
from shop.income.corrections import correct_slip, locked_slip
from shop.income.models import ClosedMonth, CostRateVoid, GuaranteeContract, SurplusPlan
from shop.income.months import close_month
from shop.kit.clock import beijing_day, beijing_month
from shop.kit.db import db, transaction
from shop.kit.errors import ForbiddenError, MoveRefusedError, NotFoundError
from shop.kit.http import documented, now
from shop.kit.idempotency import idempotent
from shop.kit.schemas import PageQuery, cursor_key, page
from shop.orders import errors as order_errors
from shop.orders.actions import Verdict
from shop.orders.locks import locked_order
from shop.orders.models import OrderLine
from shop.orders.reversals import corrections_of
from shop.orders.schemas import AcceptanceCorrectionList, ReversalAsked
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
    errors=[
        NotFoundError, NotOfThisFirm, NotADeliveredProduct, NoGradeFactor, SlipWorthNothing, SlipTooLarge,
        DeliveryCodeTaken, BelowFarmGateFloor,
    ],
    example={
        "code": "D90001", "household": "农户-0001", "sku": "PL001", "delivered_on": "2025-07-15", "weight_g": 52_500,
        "grade": "一级", "base_price_fen_per_kg": 480, "deduction_g": 1_500, "signer": "户主（示例）",
    },
)  # fmt: skip
def deliver(body: dict[str, Any]) -> dict[str, Any]:
    """登记交售 · Record a slip; the household's income is booked in the same moment."""
    session, actor = db.session(), current_actor()
    sku = body.pop("sku")
    product = product_by_sku(session, sku)
    firm = session.execute(select(Firm).where(Firm.id == product.firm_id)).scalar_one()
    must_own(actor, {Role.FIRM_STAFF: firm.party_id}, what=sku)
    slip = record_delivery(
        session, firm, _grower(session, firm, body.pop("household")), product, Slip(**body),
        actor_id=actor.person_id, now=now(),
    )  # fmt: skip
    hold_farm_gate_floor(session, product.id, slip.delivered_on, slip.grade, slip.price_fen_per_kg)
    actions.book_events(session, "deliveries", [slip.id], now=now())
    return queries.deliveries(session, actor, limit=1, before_id=slip.id + 1)[0]


def _related(session: Session, firm: Firm, code: str) -> Household | None:
    """A household of `firm`, now or before; None for a missing one and another firm's: who grows there is theirs."""
    query = select(Household).join(Membership, Membership.household_id == Household.id)
    own = ever(Membership.household_id.expression, Membership.firm_id.expression)
    return session.scalar(query.where(Household.code == code, Membership.firm_id == firm.id, own))


def _grower(session: Session, firm: Firm, code: str) -> Household:
    """A household that is or was of `firm`. Raises NotOfThisFirm, whether there is another one of that code or not."""
    household = _related(session, firm, code)
    if household is None:
        raise NotOfThisFirm(household=code)
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
    errors=[
        NotFoundError,
        errors.NothingToCorrect,
        SlipWorthNothing,
        SlipTooLarge,
        NotOfThisFirm,
        BelowFarmGateFloor,
    ],
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
    made = correct_slip(session, slip, **body, actor_id=actor.person_id, now=now())
    return queries.correction(session, slip, made)


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


@blueprint.route("/household-payments", methods=["GET"])
@allow(Role.FIRM_STAFF, Role.OPERATOR)
@blueprint.arguments(PageQuery, location="query")
@blueprint.response(200, schemas.PaymentPage)
def list_payments(query: dict[str, Any]) -> dict[str, object]:
    """工资、租金、补贴 · What was recorded as paid beside produce, and what it stands for after corrections."""
    rows = queries.payments(
        db.session(), current_actor(), limit=query["limit"] + 1, before_id=cursor_key(query["cursor"])
    )
    return page(rows, query["limit"], lambda row: row["id"])


@blueprint.route("/household-payments", methods=["POST"])
@allow(Role.FIRM_STAFF, Role.OPERATOR)
@idempotent
@blueprint.arguments(schemas.PaymentAsked)
@blueprint.response(201, schemas.PaymentOut)
@documented(
    errors=[NotFoundError, NotOfThisFirm, errors.PaidInTheFuture, errors.PaymentCodeTaken],
    example={
        "code": "W90001", "household": "农户-0001", "firm": "F01", "kind": "wage", "paid_on": "2025-07-15",
        "amount_fen": 260_000, "source": "七月采摘工资表（示例）",
    },
)  # fmt: skip
def pay_household(body: dict[str, Any]) -> dict[str, Any]:
    """登记工资、租金、补贴 · Record a wage or rent that a firm paid, or (operator) a subsidy out of public money."""
    session, actor = db.session(), current_actor()
    code, firm = body.pop("firm"), None
    if code is not None:
        firm = firm_by_code(session, code)
        must_own(actor, {Role.FIRM_STAFF: firm.party_id, Role.OPERATOR: ALL}, what=code)
        household = _grower(session, firm, body.pop("household"))
    elif not actor.has(Role.OPERATOR):
        raise ForbiddenError
    else:
        household = household_by_code(session, body.pop("household"))
    made = payments.record_payment(session, firm, household, payments.Paid(**body), actor_id=actor.person_id, now=now())
    return {
        "code": made.code, "household": household.code, "firm": code, "kind": made.kind.value,
        "paid_on": made.paid_on, "amount_fen": made.amount_fen,
    }  # fmt: skip


@blueprint.route("/household-payments/<string:code>/corrections", methods=["POST"])
@allow(Role.FIRM_STAFF, Role.OPERATOR)
@idempotent
@blueprint.arguments(schemas.RecordCorrectionAsked)
@blueprint.response(201, schemas.RecordCorrectionOut)
@documented(
    errors=[NotFoundError, errors.RecordStands], example={"amount_fen": 26_000, "reason": "工资表多写一个零（示例）"}
)
def correct_payment(body: dict[str, Any], code: str) -> dict[str, Any]:
    """更正工资、租金、补贴 · Say what a payment should have said. It stays; the difference is an entry of its own.

    It lands in the payment's month, or, when that is closed, in the open one. Zero voids the payment. A firm corrects
    its own; subsidies are the operator's.
    """
    session, actor = db.session(), current_actor()
    payment = payments.locked_payment(session, code)
    firm_party = session.scalar(select(Firm.party_id).where(Firm.id == payment.firm_id))
    owners: dict[Role, Owned] = {Role.OPERATOR: ALL}
    must_own(actor, owners | ({Role.FIRM_STAFF: firm_party} if firm_party else {}), what=code)
    made = payments.correct_payment(session, payment, **body, actor_id=actor.person_id, now=now())
    return queries.payment_correction(session, payment, made)


# -- joinings, departures, and those keyed wrong -----------------------------------------------------------------------


def _at_firm(session: Session, code: str, firm_code: str) -> tuple[Household, Firm]:
    """The household, locked, and the firm. Raises NotFoundError."""
    [household] = locked_households(session, code)
    return household, firm_by_code(session, firm_code)


def _relation(session: Session, household: Household, firm: Firm) -> dict[str, Any]:
    """How the household stands to the firm now; no `relation`: it never was of it."""
    membership = membership_of(session, firm, household)
    spell = last_spell(session, firm, household)
    return {
        "household": household.code, "firm": firm.code, "relation": membership and membership.relation.value,
        "share_units": membership.share_units if membership else 0,
        "joined_on": spell and spell.joined_on, "left_on": spell and spell.left_on,
        "returned_units": spell.returned_units if spell else 0,
    }  # fmt: skip


@blueprint.route("/households/<string:code>/memberships", methods=["POST"])
@allow(Role.OPERATOR)
@blueprint.arguments(JoinAsked)
@blueprint.response(201, RelationOut)
@documented(
    errors=[NotFoundError, AlreadyRelated, NoSharesHere, TooEarly, errors.MembershipCounted],
    example={"firm": "F01", "joined_on": "2025-08-01", "share_units": 5},
)
def join_firm(body: dict[str, Any], code: str) -> dict[str, Any]:
    """加入 · A household joins a co-operative as a member, or another firm as a contract grower; or comes back."""
    with transaction() as session:
        firm = memberships.firm_to_join(session, body.pop("firm"))
        [household] = locked_households(session, code)
        memberships.join(session, firm, household, **body, actor_id=current_actor().person_id, now=now())
        return _relation(session, household, firm)


@blueprint.route("/households/<string:code>/departures", methods=["POST"])
@allow(Role.OPERATOR)
@blueprint.arguments(LeaveAsked)
@blueprint.response(201, RelationOut)
@documented(
    errors=[NotFoundError, NotOfThisFirm, TooEarly, DeliveredAfterwards, errors.MembershipCounted],
    example={"firm": "F01", "left_on": "2025-06-30", "reason": "迁居外地"},
)
def leave_firm(body: dict[str, Any], code: str) -> dict[str, Any]:
    """退出 · A household leaves a firm: its capital shares are paid back; deliveries end with its last day."""
    with transaction() as session:
        household, firm = _at_firm(session, code, body.pop("firm"))
        memberships.leave(session, firm, household, **body, actor_id=current_actor().person_id, now=now())
        return _relation(session, household, firm)


@blueprint.route("/households/<string:code>/departure-voids", methods=["POST"])
@allow(Role.OPERATOR)
@blueprint.arguments(MembershipReason)
@blueprint.response(200, RelationOut)
@documented(
    errors=[NotFoundError, NoDeparture, errors.MembershipCounted], example={"firm": "F01", "reason": "户号录错"}
)
def void_departure(body: dict[str, Any], code: str) -> dict[str, Any]:
    """作废退出 · Say that a household never left a firm: its days, shares and reserves there are what they were.

    Who came back since never was away. Nothing may have been built on the departure.
    """
    with transaction() as session:
        household, firm = _at_firm(session, code, body["firm"])
        memberships.void_departure(
            session, firm, household, body["reason"], actor_id=current_actor().person_id, now=now()
        )
        return _relation(session, household, firm)


@blueprint.route("/households/<string:code>/membership-voids", methods=["POST"])
@allow(Role.OPERATOR)
@blueprint.arguments(MembershipReason)
@blueprint.response(200, RelationOut)
@documented(
    errors=[NotFoundError, NoJoining, LeftSince, errors.MembershipUsed, errors.MembershipCounted],
    example={"firm": "F01", "reason": "户号录错"},
)
def void_joining(body: dict[str, Any], code: str) -> dict[str, Any]:
    """作废加入 · Say that a household never joined a firm, or never came back to it."""
    with transaction() as session:
        household, firm = _at_firm(session, code, body["firm"])
        memberships.void_joining(
            session, firm, household, body["reason"], actor_id=current_actor().person_id, now=now()
        )
        return _relation(session, household, firm)


@blueprint.route("/households/<string:code>/membership-corrections", methods=["POST"])
@allow(Role.OPERATOR)
@blueprint.arguments(JoiningCorrected)
@blueprint.response(200, RelationOut)
@documented(
    errors=[
        NotFoundError, NotOfThisFirm, LeftSince, TooEarly, NoSharesHere, JoiningStands, errors.MembershipUsed,
        errors.MembershipCounted,
    ],
    example={"firm": "F01", "share_units": 5, "reason": "股份多写两个零"},
)  # fmt: skip
def correct_joining(body: dict[str, Any], code: str) -> dict[str, Any]:
    """更正加入 · Say on which day a household really joined a firm, and with how many capital shares."""
    with transaction() as session:
        household, firm = _at_firm(session, code, body.pop("firm"))
        memberships.correct_joining(session, firm, household, **body, actor_id=current_actor().person_id, now=now())
        return _relation(session, household, firm)


# -- sharing a surplus -------------------------------------------------------------------------------------------------


@blueprint.route("/surplus-plans", methods=["GET"])
@allow(Role.OPERATOR, Role.FIRM_STAFF, Role.HOUSEHOLD)
@blueprint.arguments(schemas.PlanFilter, location="query")
@blueprint.response(200, schemas.PlanPage)
def list_plans(query: dict[str, Any]) -> dict[str, object]:
    """盈余分配方案 · Surplus plans that concern you, newest first; a member sees what was laid open."""
    rows = plans.plans(
        db.session(), current_actor(), limit=query["limit"] + 1, before_id=cursor_key(query["cursor"]),
        firm=query["firm"], year=query["year"],
    )  # fmt: skip
    return page(rows, query["limit"], lambda row: row["id"])


@blueprint.route("/surplus-plans", methods=["POST"])
@allow(Role.FIRM_STAFF)
@blueprint.arguments(schemas.PlanAsked)
@blueprint.response(201, schemas.PlanDetail)
@documented(
    errors=[
        NotFoundError, errors.NotACooperative, errors.YearNotOver, errors.SurplusBelowFloor, errors.PlanExists,
    ],
    example={
        "firm": "F01", "year": 2024, "surplus_fen": 40_000_000, "prior_loss_fen": 0, "reserve_bp": 1_000,
        "return_bp": 7_000, "share_value_fen": 100_000, "aid_fen": 0,
    },
)  # fmt: skip
def draft_plan(body: dict[str, Any]) -> dict[str, Any]:
    """起草盈余分配方案 · Draft how the surplus of a year is shared: losses, reserve, at least 60 % by transactions."""
    code, year = body.pop("firm"), body.pop("year")
    actor = current_actor()
    with transaction() as session:
        firm = firm_by_code(session, code, lock=True)
        must_own(actor, {Role.FIRM_STAFF: firm.party_id}, what=code)
        made = surplus.draft_plan(session, firm, year, surplus.Terms(**body), actor_id=actor.person_id, now=now())
        return plans.plan_detail(session, actor, made.code)


@blueprint.route("/surplus-plans/<string:code>", methods=["GET"])
@allow(Role.OPERATOR, Role.FIRM_STAFF, Role.HOUSEHOLD)
@blueprint.response(200, schemas.PlanDetail)
@documented(errors=[NotFoundError])
def show_plan(code: str) -> dict[str, Any]:
    """方案 · One plan: every member's part and objection for the co-operative, a household's own for itself."""
    return plans.plan_detail(db.session(), current_actor(), code)


def _own_plan(session: Session, code: str, *, county: bool = False) -> SurplusPlan:
    """The plan, locked, if it is of the actor's firm, or with `county` the operator's too. Raises NotFoundError."""
    plan = surplus.locked_plan(session, code)
    _own_paper(session, plan.firm_id, code, county=county)
    return plan


def _own_paper(session: Session, firm_id: int, code: str, *, county: bool) -> None:
    """A plan or contract is of the actor's firm, or with `county` the operator's too. Raises NotFoundError."""
    party_id = session.execute(select(Firm.party_id).where(Firm.id == firm_id)).scalar_one()
    owners: dict[Role, Owned] = {Role.FIRM_STAFF: party_id}
    must_own(current_actor(), owners | ({Role.OPERATOR: ALL} if county else {}), what=code)


@blueprint.route("/surplus-plans/<string:code>/laying-open", methods=["POST"])
@allow(Role.FIRM_STAFF)
@blueprint.response(200, schemas.PlanDetail)
@documented(errors=[NotFoundError, MoveRefusedError, errors.LaterPlanStands, errors.NoTransactions])
def lay_plan_open(code: str) -> dict[str, Any]:
    """公示方案 · Lay a draft open: every member's part is fixed and shown to it, for 15 days at least."""
    actor = current_actor()
    with transaction() as session:
        surplus.lay_open(session, _own_plan(session, code), actor_id=actor.person_id, now=now())
        return plans.plan_detail(session, actor, code)


@blueprint.route("/surplus-plans/<string:code>/objections", methods=["POST"])
@allow(Role.FIRM_STAFF, Role.HOUSEHOLD)
@blueprint.arguments(schemas.ObjectionAsked)
@blueprint.response(201, schemas.PlanDetail)
@documented(
    errors=[NotFoundError, errors.ObjectionTooLate, errors.NotAMember],
    example={"household": "农户-0001", "words": "九月的交售少记了一次"},
)
def object_to_plan(body: dict[str, Any], code: str) -> dict[str, Any]:
    """提出异议 · A member objects to a plan that is laid open, by itself or through its co-operative."""
    actor = current_actor()
    with transaction() as session:
        plans.plan_detail(session, actor, code)
        plan = surplus.locked_plan(session, code)
        firm = session.get_one(Firm, plan.firm_id)
        household = _related(session, firm, body["household"])
        if household is None:
            raise NotFoundError(what=body["household"])
        must_own(actor, {Role.HOUSEHOLD: household.party_id, Role.FIRM_STAFF: firm.party_id}, what=household.code)
        surplus.object_to(session, plan, household, body["words"], actor_id=actor.person_id, now=now())
        return plans.plan_detail(session, actor, code)


@blueprint.route("/surplus-plans/<string:code>/answers", methods=["POST"])
@allow(Role.FIRM_STAFF)
@blueprint.arguments(schemas.AnswerAsked)
@blueprint.response(201, schemas.PlanDetail)
@documented(
    errors=[NotFoundError, errors.ObjectionAnswered],
    example={"position": 1, "words": "已核对过磅单，九月共三次，均已计入"},
)
def answer_objection(body: dict[str, Any], code: str) -> dict[str, Any]:
    """答复异议 · Answer an objection, once."""
    actor = current_actor()
    with transaction() as session:
        plan = _own_plan(session, code)
        surplus.answer(session, plan, body["position"], body["words"], actor_id=actor.person_id, now=now())
        return plans.plan_detail(session, actor, code)


@blueprint.route("/surplus-plans/<string:code>/approval", methods=["POST"])
@allow(Role.FIRM_STAFF)
@blueprint.arguments(schemas.PlanApproval)
@blueprint.response(200, schemas.PlanDetail)
@documented(
    errors=[
        NotFoundError, MoveRefusedError, errors.TooEarlyToApprove, errors.ObjectionsUnanswered,
        errors.AnsweredAfterMeeting, errors.LaterPlanStands, errors.PlanOutdated,
    ],
    example={"met_on": "2025-07-15", "minutes": "成员大会纪要 2025 年第 1 号"},
)  # fmt: skip
def approve_plan(body: dict[str, Any], code: str) -> dict[str, Any]:
    """成员大会通过 · Record that the members' meeting approved the plan, 15 days after it was laid open or later."""
    actor = current_actor()
    with transaction() as session:
        surplus.approve_plan(session, _own_plan(session, code), **body, actor_id=actor.person_id, now=now())
        return plans.plan_detail(session, actor, code)


@blueprint.route("/surplus-plans/<string:code>/withdrawal", methods=["POST"])
@allow(Role.FIRM_STAFF)
@blueprint.arguments(schemas.PlanReason)
@blueprint.response(200, schemas.PlanDetail)
@documented(errors=[NotFoundError, MoveRefusedError], example={"reason": "漏计了一位社员的股金"})
def withdraw_plan(body: dict[str, Any], code: str) -> dict[str, Any]:
    """撤回方案 · Take back a plan that is not booked; what was laid open stays readable, another may be drafted."""
    actor = current_actor()
    with transaction() as session:
        surplus.withdraw_plan(session, _own_plan(session, code), body["reason"], actor_id=actor.person_id, now=now())
        return plans.plan_detail(session, actor, code)


@blueprint.route("/surplus-plans/<string:code>/booking", methods=["POST"])
@allow(Role.FIRM_STAFF)
@idempotent
@blueprint.arguments(schemas.PaidOn)
@blueprint.response(201, schemas.PlanDetail)
@documented(
    errors=[
        NotFoundError, MoveRefusedError, errors.PaidInTheFuture, errors.PaidTooEarly, errors.LaterPlanStands,
        errors.PlanOutdated,
    ],
    example={"paid_on": "2025-07-16"},
)  # fmt: skip
def book_plan(body: dict[str, Any], code: str) -> dict[str, Any]:
    """入账 · Book an approved plan: every member's parts become income of the day said, the reserve is set aside."""
    session, actor = db.session(), current_actor()
    surplus.book_approved(session, _own_plan(session, code), **body, actor_id=actor.person_id, now=now())
    return plans.plan_detail(session, actor, code)


@blueprint.route("/surplus-plans/<string:code>/reversal", methods=["POST"])
@allow(Role.FIRM_STAFF, Role.OPERATOR)
@idempotent
@blueprint.arguments(schemas.PlanReason)
@blueprint.response(201, schemas.PlanDetail)
@documented(
    errors=[NotFoundError, MoveRefusedError, errors.SharedElsewhere, errors.LaterPlanStands],
    example={"reason": "盈余多写一个零（示例）"},
)
def reverse_plan(body: dict[str, Any], code: str) -> dict[str, Any]:
    """冲销方案 · Take back a booked plan, by entries of its own; then another one of the year may be drawn up.

    They land in the month of booking, or, when that is closed, in the open one. Reserves credited go back with it.
    """
    session = db.session()
    surplus.reverse_plan(session, _own_plan(session, code, county=True), body["reason"], **_by())
    return plans.plan_detail(session, current_actor(), code)


# -- 保底收益+二次分红 -------------------------------------------------------------------------------------------------


@blueprint.route("/guarantees", methods=["GET"])
@allow(Role.OPERATOR, Role.FIRM_STAFF, Role.HOUSEHOLD)
@blueprint.arguments(PageQuery, location="query")
@blueprint.response(200, schemas.GuaranteePage)
def list_guarantees(query: dict[str, Any]) -> dict[str, object]:
    """保底分红合同 · Contracts that guarantee an income for land, newest first; a household sees its own land."""
    rows = contracts.contracts(
        db.session(), current_actor(), today=beijing_day(now()), limit=query["limit"] + 1,
        before_id=cursor_key(query["cursor"]),
    )  # fmt: skip
    return page(rows, query["limit"], lambda row: row["id"])


@blueprint.route("/guarantees", methods=["POST"])
@allow(Role.FIRM_STAFF)
@blueprint.arguments(schemas.GuaranteeAsked)
@blueprint.response(201, schemas.GuaranteeOut)
@documented(
    errors=[
        NotFoundError, errors.ContractCodeTaken, errors.SignedInTheFuture, errors.LandBeyondHolding,
        errors.FamilyLandBeyondHolding,
    ],
    example={
        "code": "BD-001", "firm": "F01", "guaranteed_fen_per_mu": 90_000, "second_bp": 3_000, "from_year": 2024,
        "to_year": 2028, "signed_on": "2024-01-10", "document": "合同 2024-1 号",
        "lands": [{"household": "农户-0001", "mu_tenths": 35}],
    },
)  # fmt: skip
def sign_guarantee(body: dict[str, Any]) -> dict[str, Any]:
    """登记保底分红合同 · Record a signed contract: so much a mu guaranteed, and a part of the profit on top."""
    actor = current_actor()
    code, firm_code = body.pop("code"), body.pop("firm")
    lands = {land["household"]: land["mu_tenths"] for land in body.pop("lands")}
    with transaction() as session:
        firm = firm_by_code(session, firm_code, lock=True)
        must_own(actor, {Role.FIRM_STAFF: firm.party_id}, what=firm_code)
        guarantees.sign_contract(
            session, firm, code, guarantees.Promise(**body), lands, actor_id=actor.person_id, now=now()
        )
        return _guarantee(session, code)


def _guarantee(session: Session, code: str) -> dict[str, Any]:
    """The contract as the actor sees it. Raises NotFoundError."""
    found = contracts.contracts(session, current_actor(), today=beijing_day(now()), limit=1, code=code)
    if not found:
        raise NotFoundError(what=code)
    return found[0]


def _own_contract(session: Session, code: str, *, county: bool = False) -> GuaranteeContract:
    """The contract, locked, if it is of the actor's firm, or with `county` the operator's too. Raises NotFoundError."""
    contract = guarantees.locked_contract(session, code)
    _own_paper(session, contract.firm_id, code, county=county)
    return contract


def _by() -> dict[str, Any]:
    """Who undoes something, for the county or for a firm, and when."""
    actor = current_actor()
    return {"by_county": actor.has(Role.OPERATOR), "actor_id": actor.person_id, "now": now()}


@blueprint.route("/guarantees/<string:code>", methods=["GET"])
@allow(Role.OPERATOR, Role.FIRM_STAFF, Role.HOUSEHOLD)
@blueprint.response(200, schemas.GuaranteeOut)
@documented(errors=[NotFoundError])
def show_guarantee(code: str) -> dict[str, Any]:
    """合同 · One contract: land, what it paid, which years are still owed."""
    return _guarantee(db.session(), code)


@blueprint.route("/guarantees/<string:code>/guaranteed-payments", methods=["POST"])
@allow(Role.FIRM_STAFF)
@idempotent
@blueprint.arguments(schemas.GuaranteedYear)
@blueprint.response(201, schemas.GuaranteeOut)
@documented(
    errors=[
        NotFoundError, errors.ContractVoid, errors.NotInContract, errors.PaidInTheFuture, errors.PaidTooEarly,
        errors.YearNotBegun, errors.GuaranteePaid,
    ],
    example={"year": 2024, "paid_on": "2025-01-31"},
)  # fmt: skip
def pay_guaranteed(body: dict[str, Any], code: str) -> dict[str, Any]:
    """付保底收益 · Pay a year's guarantee, whatever the year brought: it is income of the day said, or of today."""
    session = db.session()
    contract, actor = _own_contract(session, code), current_actor()
    guarantees.pay_guaranteed(session, contract, **body, actor_id=actor.person_id, now=now())
    return _guarantee(session, code)


@blueprint.route("/guarantees/<string:code>/second-shares", methods=["POST"])
@allow(Role.FIRM_STAFF)
@idempotent
@blueprint.arguments(schemas.SecondShare)
@blueprint.response(201, schemas.GuaranteeOut)
@documented(
    errors=[
        NotFoundError, errors.ContractVoid, errors.NotInContract, errors.PaidInTheFuture, errors.PaidTooEarly,
        errors.YearNotOver, errors.GuaranteedFirst, errors.GuaranteePaid, errors.NoProfit,
    ],
    example={"year": 2024, "distributable_fen": 16_000_000},
)  # fmt: skip
def pay_second(body: dict[str, Any], code: str) -> dict[str, Any]:
    """二次分红 · Pay the part of a past year's profit that comes on top of its guarantee, by land."""
    session = db.session()
    guarantees.pay_second(session, _own_contract(session, code), **body, actor_id=current_actor().person_id, now=now())
    return _guarantee(session, code)


@blueprint.route("/guarantees/<string:code>/payment-voids", methods=["POST"])
@allow(Role.FIRM_STAFF, Role.OPERATOR)
@idempotent
@blueprint.arguments(schemas.GuaranteeVoidAsked)
@blueprint.response(201, schemas.GuaranteeOut)
@documented(
    errors=[NotFoundError, errors.GuaranteeUnpaid, errors.SecondShareStands],
    example={"year": 2024, "kind": "second", "reason": "可分配利润多写一个零（示例）"},
)
def void_guarantee_payment(body: dict[str, Any], code: str) -> dict[str, Any]:
    """作废保底收益或二次分红 · Take back what a year paid, by entries of its own; then it may be paid anew.

    They land in the payment's month, or, when that is closed, in the open one. A guarantee is made void after the
    second share of its year.
    """
    session = db.session()
    endings.void_payment(session, _own_contract(session, code, county=True), **body, **_by())
    return _guarantee(session, code)


@blueprint.route("/guarantees/<string:code>/voiding", methods=["POST"])
@allow(Role.FIRM_STAFF, Role.OPERATOR)
@blueprint.arguments(schemas.GuaranteeReason)
@blueprint.response(200, schemas.GuaranteeOut)
@documented(errors=[NotFoundError, errors.ContractVoid, errors.PaymentsStand], example={"reason": "亩数录错，另行登记"})
def void_guarantee(body: dict[str, Any], code: str) -> dict[str, Any]:
    """作废合同 · Say that a contract was keyed wrong: it stays readable, holds no land, and is recorded anew."""
    with transaction() as session:
        endings.void_contract(session, _own_contract(session, code, county=True), body["reason"], **_by())
        return _guarantee(session, code)


@blueprint.route("/guarantees/<string:code>/ending", methods=["POST"])
@allow(Role.FIRM_STAFF, Role.OPERATOR)
@blueprint.arguments(schemas.GuaranteeEndingAsked)
@blueprint.response(200, schemas.GuaranteeOut)
@documented(
    errors=[
        NotFoundError, errors.ContractVoid, errors.LastYearOutside, errors.EndingStands, errors.PaidAfterwards,
        errors.LandBeyondHolding, errors.FamilyLandBeyondHolding,
    ],
    example={"last_year": 2026, "document": "解除协议 2026-3 号", "reason": "双方协商解除"},
)  # fmt: skip
def end_guarantee(body: dict[str, Any], code: str) -> dict[str, Any]:
    """提前终止合同 · Let a contract end with an earlier year, as both sides agreed; said again, it is corrected."""
    with transaction() as session:
        endings.end_contract(
            session, _own_contract(session, code, county=True), body["last_year"], body["document"], body["reason"],
            **_by(),
        )  # fmt: skip
        return _guarantee(session, code)


@blueprint.route("/households/<string:code>/corrections", methods=["POST"])
@allow(Role.OPERATOR)
@blueprint.arguments(HouseholdCorrectionAsked)
@blueprint.response(201, HouseholdOut)
@documented(
    errors=[NotFoundError, NothingToChange, LeasedBeyondLand, errors.LandPromised],
    example={"persons": 4, "land_mu_tenths": 85, "reason": "确权后土地增加，新生儿一人（示例）"},
)
def correct_household(body: dict[str, Any], code: str) -> HouseholdSeen:
    """更正农户记录 · Say what a record should say: persons, land, what is leased out of it. What it said is kept."""
    reason = body.pop("reason")
    with transaction() as session:
        [household] = locked_households(session, code)
        free = guarantees.free_land(household)
        correct_record(session, household, body, reason, actor_id=current_actor().person_id, now=now())
        guarantees.hold_contracts(session, household, free, beijing_day(now()))
        return households(session, Household.id == household.id, limit=1)[0]


@blueprint.route("/orders/<string:number>/acceptance-corrections", methods=["POST"])
@allow(Role.OPERATOR)
@idempotent
@blueprint.arguments(ReversalAsked)
@blueprint.response(201, AcceptanceCorrectionList)
@documented(
    errors=[
        NotFoundError, order_errors.NotACallOff, order_errors.NothingAccepted, order_errors.AcceptanceSame,
        order_errors.AcceptancePaid, order_errors.PromiseCalledAgain, order_errors.PenaltyStands,
        order_errors.OutcomeStands, order_errors.AcceptanceDoesNotFit, order_errors.GradeNotTaken,
    ],
    example={
        "accepted_g": 4_500, "refused_reason": "压伤 500 克", "grades": [{"grade": "二级", "weight_g": 4_500}],
        "reason": "录入时等级填错，双方已核对磅单",
    },
)  # fmt: skip
def reverse_acceptance(body: dict[str, Any], number: str) -> dict[str, Any]:
    """更正验收 · Reverse a wrong acceptance of a call-off and say it anew; invoice, shares and sales reached follow."""
    session = db.session()
    order = locked_order(session, number)
    actor_id = current_actor().person_id
    reversals.reverse(session, order, Verdict.asked(body), body["reason"], actor_id=actor_id, now=now())
    return {"items": corrections_of(session, order.id)}


# -- costs -------------------------------------------------------------------------------------------------------------


@blueprint.route("/cost-rates", methods=["GET"])
@allow(Role.OPERATOR, Role.MANAGER, Role.FIRM_STAFF)
@blueprint.arguments(schemas.RateFilter, location="query")
@blueprint.response(200, schemas.RatePage)
def list_cost_rates(query: dict[str, Any]) -> dict[str, object]:
    """成本率 · What products cost to grow, by kg or mu, from which day on and by which source, newest first."""
    rows = costs.rates(db.session(), limit=query["limit"] + 1, before_id=cursor_key(query["cursor"]), sku=query["sku"])
    return page(rows, query["limit"], lambda row: row["id"])


@blueprint.route("/cost-rates", methods=["POST"])
@allow(Role.OPERATOR)
@blueprint.arguments(schemas.RateAsked)
@blueprint.response(201, schemas.RateMade)
@documented(
    errors=[NotFoundError, errors.RateTaken],
    example={
        "sku": "PL001", "basis": "kg", "rate_fen": 150, "valid_from": "2025-01-01",
        "source": "县农业农村局 2024 年成本收益调查（示例）",
    },
)  # fmt: skip
def set_cost_rate(body: dict[str, Any]) -> dict[str, Any]:
    """登记成本率 · Say what a product costs to grow: a rate a kg counts the sales from its day until the next rate.

    Past ones are counted by a job, also those that an earlier rate counted: these in the open month where their own is
    closed. A rate a mu counts areas recorded after it: of those recorded before, `areas` names the ones of its days.
    """
    with transaction() as session:
        product = product_by_sku(session, body.pop("sku"))
        rate = costs.set_rate(session, product, **body, actor_id=current_actor().person_id, now=now())
        areas, many = costs.areas_kept(session, rate)
        return costs.rate_told(rate, product.sku) | {"areas": areas, "areas_count": many}


@blueprint.route("/cost-rates/voiding", methods=["POST"])
@allow(Role.OPERATOR)
@idempotent
@blueprint.arguments(schemas.RateVoidAsked)
@blueprint.response(201, schemas.RateVoidOut)
@documented(
    errors=[NotFoundError, errors.NoRateOfDay],
    example={"sku": "PL001", "basis": "kg", "valid_from": "2025-01-01", "reason": "多写两个零（示例）"},
)
def void_cost_rate(body: dict[str, Any]) -> dict[str, Any]:
    """作废成本率 · Say that a rate was keyed wrong: it counts nothing any more, and its day may have the right one.

    What it counted is taken back by a job, in the open month where its own is closed, and counted anew by the rate that
    holds on the day without it; where none does, its costs are unknown. Areas that it counted are void with it.
    """
    session = db.session()
    product = product_by_sku(session, body.pop("sku"))
    rate, areas = costs.void_rate(session, product, **body, actor_id=current_actor().person_id, now=now())
    return costs.rate_told(rate, product.sku, session.get_one(CostRateVoid, rate.id)) | {"areas": areas}


@blueprint.route("/costs", methods=["GET"])
@allow(Role.OPERATOR)
@blueprint.arguments(PageQuery, location="query")
@blueprint.response(200, schemas.CostPage)
def list_costs(query: dict[str, Any]) -> dict[str, object]:
    """成本记录 · What was recorded of costs, and what it stands for after corrections, newest first."""
    rows = queries.cost_records(db.session(), limit=query["limit"] + 1, before_id=cursor_key(query["cursor"]))
    return page(rows, query["limit"], lambda row: row["id"])


@blueprint.route("/costs", methods=["POST"])
@allow(Role.OPERATOR)
@idempotent
@blueprint.arguments(schemas.CostAsked)
@blueprint.response(201, schemas.CostOut)
@documented(
    errors=[
        NotFoundError, errors.CostCodeTaken, errors.CostInTheFuture, errors.NoCostRate, errors.CostsEntered,
    ],
    example={
        "code": "CB-001", "household": "农户-0001", "sku": "PL001", "kind": "materials",
        "incurred_on": "2025-06-30", "amount_fen": 120_000, "source": "入户调查表 2025-1（示例）",
    },
)  # fmt: skip
def record_cost(body: dict[str, Any]) -> dict[str, Any]:
    """登记成本 · Record what a household spent, or its area: it takes the place of the rates a kg of that year."""
    session = db.session()
    household = household_by_code(session, body.pop("household"))
    sku = body.pop("sku")
    product = product_by_sku(session, sku) if sku is not None else None
    made = costs.record_cost(
        session, household, product, costs.Spent(**body), actor_id=current_actor().person_id, now=now()
    )
    return {
        "code": made.code, "household": household.code, "sku": sku, "kind": made.kind.value,
        "incurred_on": made.incurred_on, "amount_fen": made.amount_fen,
    }  # fmt: skip


@blueprint.route("/costs/<string:code>/corrections", methods=["POST"])
@allow(Role.OPERATOR)
@idempotent
@blueprint.arguments(schemas.RecordCorrectionAsked)
@blueprint.response(201, schemas.RecordCorrectionOut)
@documented(
    errors=[NotFoundError, errors.RecordStands, errors.AreaRecordedAnew, errors.CostTakenOver],
    example={"amount_fen": 12_000, "reason": "调查表多写一个零（示例）"},
)
def correct_cost(body: dict[str, Any], code: str) -> dict[str, Any]:
    """更正成本 · Say what a cost record should have said. It stays; the difference is a line of its own.

    It lands in the record's month, or, when that is closed, in the open one. Zero voids it: when it was the last of its
    product and year, sales are counted by rates again, or their costs are unknown.
    """
    made, line = costs.correct_cost(db.session(), code, **body, actor_id=current_actor().person_id, now=now())
    return queries.corrected(code, made, line.month)
