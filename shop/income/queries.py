"""A household's statement, and deliveries."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, case, exists, func, or_, select
from sqlalchemy.orm import Session, aliased

from shop.access.guard import ALL, Actor, Owned, Owner, Role, may_see, scope
from shop.catalog.models import Firm, Product
from shop.channels.models import Channel
from shop.channels.policies import POLICIES
from shop.farmers.families import counts_for
from shop.farmers.models import Delivery, DeliveryCorrection, Household
from shop.farmers.queries import known_to, of_family
from shop.farmers.slips import CORRECTED_BECAUSE, STANDING_G, standing_fen
from shop.income.corrected import standing
from shop.income.costs import net_business
from shop.income.guarantees import IS_VOID
from shop.income.models import (
    CATEGORY_OF,
    ClosedMonth,
    CostCorrection,
    CostLine,
    CostRecord,
    GuaranteeContract,
    GuaranteePayment,
    GuaranteeVoid,
    HouseholdPayment,
    IncomeEntry,
    IncomeKind,
    PaymentCorrection,
    PlanStatus,
    SalesReach,
    SurplusPlan,
    SurplusShare,
)
from shop.income.months import told_of
from shop.income.moved import moved
from shop.kit.errors import NotFoundError
from shop.kit.states import History
from shop.places.models import Township, Village
from shop.stock.models import Lot, LotDelivery

KIND_ZH = {
    IncomeKind.SALE: "交售收入（未扣成本）",
    IncomeKind.PATRONAGE: "交易量返还",
    IncomeKind.WAGE: "务工工资",
    IncomeKind.LAND_RENT: "土地流转租金",
    IncomeKind.DIVIDEND: "按股分红",
    IncomeKind.SUBSIDY: "补贴",
}


def statement(session: Session, actor: Actor, code: str, first: date, last: date) -> dict[str, Any]:
    """What a household received from `first` to `last` (both months' days included), and which sales it reached.

    Two measures that are never added: cash received, and sales of what it had delivered. Of a family with several
    records, the statement of the one they count for holds them all, and the others' hold nothing; closed months stay as
    they were told, and the open one moves what was told of a record that counts for another since (`moved`, no part of
    what was received); `of_family` says whether the reader is the family of an entry as records are merged now, and may
    open its slip. The household itself, managers of its area and the operator see it. Raises NotFoundError for a
    missing and for a foreign one.
    """
    found = session.execute(
        select(Household.id, Household.party_id, Village.short_zh, Township.name_zh, Township.party_id)
        .join(Village, Village.id == Household.village_id)
        .join(Township, Township.id == Village.township_id)
        .where(Household.code == code)
    ).first()
    owners: dict[Role, Owned] = {}
    if found:
        owners = {Role.OPERATOR: ALL, Role.HOUSEHOLD: found[1], Role.MANAGER: found[4]}
    if found is None or not may_see(actor, owners):
        raise NotFoundError(what=code)
    query = (
        select(
            IncomeEntry.earned_on, IncomeEntry.month, IncomeEntry.kind, IncomeEntry.amount_fen, IncomeEntry.weight_g,
            Firm.name_zh, Product.name_zh, Delivery.code,
            func.coalesce(HouseholdPayment.code, GuaranteeContract.code),
            func.coalesce(DeliveryCorrection.reason, PaymentCorrection.reason, GuaranteeVoid.reason, REVERSED_BECAUSE),
            of_family(actor, IncomeEntry.household_id),
        )
        .outerjoin(Firm, Firm.id == IncomeEntry.firm_id)
        .outerjoin(Product, Product.id == IncomeEntry.product_id)
        .outerjoin(
            DeliveryCorrection,
            (IncomeEntry.source_type == "delivery_corrections") & (DeliveryCorrection.id == IncomeEntry.source_id),
        )
        .outerjoin(
            Delivery,
            Delivery.id
            == case(
                (IncomeEntry.source_type == "deliveries", IncomeEntry.source_id), else_=DeliveryCorrection.delivery_id
            ),
        )
        .outerjoin(
            PaymentCorrection,
            (IncomeEntry.source_type == "payment_corrections") & (PaymentCorrection.id == IncomeEntry.source_id),
        )
        .outerjoin(
            HouseholdPayment,
            HouseholdPayment.id
            == case(
                (IncomeEntry.source_type == "household_payments", IncomeEntry.source_id),
                else_=PaymentCorrection.payment_id,
            ),
        )
    )  # fmt: skip
    entries = session.execute(
        with_contracts(query)
        .where(told_of(IncomeEntry, found[0]), IncomeEntry.month.between(first, last))
        .order_by(IncomeEntry.month, IncomeEntry.earned_on, IncomeEntry.id)
    ).all()
    by_kind: dict[IncomeKind, int] = {}
    for row in entries:
        by_kind[row.kind] = by_kind.get(row.kind, 0) + row.amount_fen
    lines = moved(session, actor, found[0], first, last)
    return {
        "household": code,
        "counts_for": next(iter(known_to(session, actor, {session.scalar(counts_for(found[0]))})), None),
        "township_zh": found[3],
        "village_zh": found[2],
        "from": first,
        "to": last,
        "closed_through": session.scalar(select(func.max(ClosedMonth.month))),
        "received_fen": sum(by_kind.values()),
        "by_kind": [
            {"kind": kind.value, "name_zh": KIND_ZH[kind], "category": CATEGORY_OF[kind].value, "amount_fen": fen}
            for kind, fen in sorted(by_kind.items())
        ],
        "entries": [
            {
                "day": day, "month": month, "kind": kind.value, "amount_fen": fen, "weight_g": grams,
                "firm_name_zh": firm, "product_name_zh": product, "slip": slip, "payment": payment,
                "corrected_because": reason, "of_family": own,
            }
            for day, month, kind, fen, grams, firm, product, slip, payment, reason, own in entries
        ],
        "moved": lines,
        "moved_fen": sum(line["received_fen"] for line in lines),
        "business": net_business(
            by_kind.get(IncomeKind.SALE, 0) + by_kind.get(IncomeKind.PATRONAGE, 0),
            by_kind.get(IncomeKind.PATRONAGE, 0),
            *_costs(session, found[0], first, last),
        ),
        "sales_reached": reached_by_channel(
            session, told_of(SalesReach, found[0]), SalesReach.month.between(first, last)
        ),
        "note_zh": "“收到”与“带动销售”是两个口径，不相加；收到的是毛额，经营净收入另列，只算成本已知的部分。",
        "note_en": "Received and sales reached are two measures, never added. What was received is gross; net business"
        " income stands apart and speaks of sales whose costs are known.",
    }  # fmt: skip


#: Why the surplus plan was reversed of which an entry of income takes a part back.
REVERSED_BECAUSE = (
    select(History.reason)
    .join(SurplusShare, SurplusShare.plan_id == History.entity_id)
    .where(
        History.entity_type == SurplusPlan.__tablename__, History.to_state == PlanStatus.REVERSED,
        IncomeEntry.source_type == "surplus_reversals", SurplusShare.id == IncomeEntry.source_id,
    )
    .correlate(IncomeEntry)
    .scalar_subquery()
)  # fmt: skip


def with_contracts(entries: Any) -> Any:
    """Income entries with the guarantee contract that paid them, and what made the payment void, if they come of it."""
    source = IncomeEntry.source_type
    paid = source.in_(("guarantee_payments", "guarantee_voids"))
    return (
        entries.outerjoin(GuaranteePayment, paid & (GuaranteePayment.id == IncomeEntry.source_id))
        .outerjoin(GuaranteeContract, GuaranteeContract.id == GuaranteePayment.contract_id)
        .outerjoin(GuaranteeVoid, (source == "guarantee_voids") & IS_VOID)
    )


def latest_month(session: Session, actor: Actor, code: str) -> date | None:
    """The last month in which a household received anything, or its statement moves anything; None when none does."""
    household_id = session.scalar(select(Household.id).where(Household.code == code))
    if household_id is None:
        return None
    received = session.scalar(select(func.max(IncomeEntry.month)).where(IncomeEntry.household_id == household_id))
    lines = moved(session, actor, household_id, date.min, date.max)
    return max((month for month in (received, *(line["month"] for line in lines)) if month), default=None)


def _costs(session: Session, household_id: int, first: date, last: date) -> tuple[int, int, int]:
    """(sales whose costs became known, costs, of those sales what was sold in months before `first`) in fen."""
    covered, cost, late = session.execute(
        select(
            func.coalesce(func.sum(CostLine.covers_fen), 0),
            func.coalesce(func.sum(CostLine.amount_fen), 0),
            func.coalesce(func.sum(CostLine.covers_fen).filter(IncomeEntry.month < first), 0),
        )
        .outerjoin(IncomeEntry, IncomeEntry.id == CostLine.income_entry_id)
        .where(told_of(CostLine, household_id), CostLine.month.between(first, last))
    ).one()
    return int(covered), int(cost), int(late)


def reached_by_channel(session: Session, *which: ColumnElement[bool]) -> list[dict[str, Any]]:
    """Sales that reached households, by channel."""
    rows = session.execute(
        select(Channel.kind, func.sum(SalesReach.amount_fen), func.sum(SalesReach.weight_g))
        .join(Channel, Channel.id == SalesReach.channel_id)
        .where(*which)
        .group_by(Channel.kind, Channel.position)
        .order_by(Channel.position)
    )
    return [
        {"channel": kind.value, "channel_zh": POLICIES[kind].name_zh, "amount_fen": int(fen), "weight_g": int(grams)}
        for kind, fen, grams in rows
    ]


#: Whose deliveries are whose; a household reads those of its family.
DELIVERY_OWNERS: dict[Role, Owner] = {Role.OPERATOR: ALL, Role.FIRM_STAFF: Firm.party_id}


def deliveries(
    session: Session, actor: Actor, *, limit: int, before_id: int | None = None, household: str | None = None,
    sku: str | None = None, unlotted: bool = False,
) -> list[dict[str, Any]]:  # fmt: skip
    """Slips that `actor` sees, newest first, as they were written and as they stand; `unlotted`: only those of which a
    lot can be made yet."""
    query = (
        select(
            Delivery, Household.code, Firm.code, Product.sku, Lot.code, STANDING_G, standing_fen(), CORRECTED_BECAUSE
        )
        .join(Household, Household.id == Delivery.household_id)
        .join(Firm, Firm.id == Delivery.firm_id)
        .join(Product, Product.id == Delivery.product_id)
        .outerjoin(LotDelivery, LotDelivery.delivery_id == Delivery.id)
        .outerjoin(Lot, Lot.id == LotDelivery.lot_id)
        .where(or_(scope(actor, DELIVERY_OWNERS), of_family(actor, Household.id)))
        .order_by(Delivery.id.desc())
        .limit(limit)
    )
    if before_id is not None:
        query = query.where(Delivery.id < before_id)
    if household is not None:
        query = query.where(Household.code == household)
    if sku is not None:
        query = query.where(Product.sku == sku)
    if unlotted:
        query = query.where(LotDelivery.delivery_id.is_(None), STANDING_G > 0)
    return [
        {
            "id": slip.id, "code": slip.code, "delivered_on": slip.delivered_on, "household": owner, "firm": firm,
            "sku": sold, "weight_g": slip.weight_g, "grade": slip.grade.value,
            "price_fen_per_kg": slip.price_fen_per_kg, "amount_fen": slip.amount_fen, "lot": lot,
            "deduction_g": slip.deduction_g, "base_price_fen_per_kg": slip.base_price_fen_per_kg,
            "factor_bp": slip.factor_bp, "signer": slip.signer, "standing_weight_g": standing_g,
            "standing_amount_fen": fen, "void": not standing_g, "corrected_because": reason,
        }
        for slip, owner, firm, sold, lot, standing_g, fen, reason in session.execute(query)
    ]  # fmt: skip


def correction(session: Session, slip: Delivery, made: Sequence[DeliveryCorrection]) -> dict[str, Any]:
    """A correction of one entry or two, what it changes in all, and the month in which it counts."""
    last = made[-1]
    return {
        "code": slip.code, "weight_g": last.weight_g, "price_fen_per_kg": last.price_fen_per_kg,
        "amount_fen": last.amount_fen, "change_g": sum(one.change_g for one in made),
        "change_fen": sum(one.change_fen for one in made), "reason": last.reason,
        "month": _counts_in(session, "delivery_corrections", last.id),
    }  # fmt: skip


def payment_correction(session: Session, payment: HouseholdPayment, made: PaymentCorrection) -> dict[str, Any]:
    """A correction, and the month in which its entry counts."""
    return corrected(payment.code, made, _counts_in(session, "payment_corrections", made.id))


def corrected(code: str, made: PaymentCorrection | CostCorrection, month: date) -> dict[str, Any]:
    """A correction of a record, and the month in which what it changes counts."""
    return {
        "code": code, "amount_fen": made.amount_fen, "change_fen": made.change_fen, "reason": made.reason,
        "month": month,
    }  # fmt: skip


def _counts_in(session: Session, source: str, event_id: int) -> date:
    """The month of the entry of an event."""
    found = select(IncomeEntry.month).where(IncomeEntry.source_type == source, IncomeEntry.source_id == event_id)
    return session.execute(found).scalar_one()


def closed_months(session: Session, *, limit: int, before: date | None) -> dict[str, Any]:
    """Closed months, the youngest first."""
    query = select(ClosedMonth).order_by(ClosedMonth.month.desc()).limit(limit + 1)
    if before is not None:
        query = query.where(ClosedMonth.month < before)
    found = session.scalars(query).all()
    return {"items": found[:limit], "next": found[limit - 1].month if len(found) > limit else None}


def payments(session: Session, actor: Actor, *, limit: int, before_id: int | None) -> list[dict[str, Any]]:
    """Wages, rents and subsidies, newest first, with what they stand for: a firm's own. One statement."""
    of = HouseholdPayment
    stands, because = standing(PaymentCorrection, PaymentCorrection.payment_id, of)
    query = (
        select(
            of.id, of.code, Household.code.label("household"), Firm.code.label("firm"), of.kind, of.paid_on,
            of.amount_fen, of.source, stands.label("standing_fen"), because.label("corrected_because"),
        )
        .join(Household, Household.id == of.household_id)
        .outerjoin(Firm, Firm.id == of.firm_id)
        .where(scope(actor, {Role.OPERATOR: ALL, Role.FIRM_STAFF: Firm.party_id}))
        .order_by(of.id.desc())
        .limit(limit)
    )  # fmt: skip
    if before_id is not None:
        query = query.where(of.id < before_id)
    return [dict(row) for row in session.execute(query).mappings()]


def cost_records(session: Session, *, limit: int, before_id: int | None) -> list[dict[str, Any]]:
    """Recorded costs, newest first, with what they stand for after corrections. One statement.

    `taken_over`: an area in whose place others were entered; it counts no more.
    """
    of, back = CostRecord, aliased(CostLine)
    taken = exists().where(CostLine.record_id == of.id, back.corrects_id == CostLine.id)
    stands, because = standing(CostCorrection, CostCorrection.record_id, of)
    query = (
        select(
            of.id, of.code, Household.code.label("household"), Product.sku, of.kind, of.incurred_on, of.amount_fen,
            of.source, stands.label("standing_fen"), because.label("corrected_because"), taken.label("taken_over"),
        )
        .join(Household, Household.id == of.household_id)
        .outerjoin(Product, Product.id == of.product_id)
        .order_by(of.id.desc())
        .limit(limit)
    )  # fmt: skip
    if before_id is not None:
        query = query.where(of.id < before_id)
    return [dict(row) for row in session.execute(query).mappings()]
