"""A wrong acceptance of a call-off, reversed openly by the county: what was written stays, a correction follows.

Counter-entries for every grade that was booked, then the acceptance as it should have been. The money of a settled
order follows in the same transaction (`income.reversals`).
"""

from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from shop.agreements.actions import left_g
from shop.agreements.models import RUNNING, Agreement, AgreementStatus, CallOff, Side
from shop.catalog.models import Product
from shop.farmers.models import Grade
from shop.kit.db import columns_of
from shop.kit.states import record
from shop.orders.actions import Verdict, judged, put_on_line, tell_promise
from shop.orders.calls import outcomes
from shop.orders.errors import (
    AcceptancePaid,
    AcceptanceSame,
    NotACallOff,
    NothingAccepted,
    OutcomeStands,
    PenaltyStands,
    PromiseCalledAgain,
)
from shop.orders.locks import lines_of
from shop.orders.models import (
    AcceptanceCorrection,
    GradedAcceptance,
    Order,
    OrderLine,
    OrderStatus,
    PenaltyProposal,
    PenaltyStatus,
)


def reverse_acceptance(
    session: Session, order: Order, verdict: Verdict, reason: str, *, actor_id: int | None, now: datetime
) -> AcceptanceCorrection:
    """Accept a call-off anew, as `verdict` says, by an open correction; the invoice stays due when it was.

    The caller holds the order's lock; locks the agreement, then the call-off. Raises NotACallOff, NothingAccepted,
    AcceptanceSame, AcceptancePaid, PromiseCalledAgain, PenaltyStands, OutcomeStands, AcceptanceDoesNotFit,
    GradeNotTaken; then nothing may be kept.
    """
    if order.call_off_id is None:
        raise NotACallOff(number=order.number)
    if order.status not in (OrderStatus.ACCEPTED, OrderStatus.SETTLED):
        raise NothingAccepted(number=order.number)
    call = session.get_one(CallOff, order.call_off_id)
    agreement = session.scalars(select(Agreement).where(Agreement.id == call.agreement_id).with_for_update()).one()
    _no_penalty_taken(session, agreement, call)
    (line,) = lines_of(session, order.id)
    sku = session.execute(select(Product.sku).where(Product.id == line.product_id)).scalar_one()
    written = _written(session, line.id)
    booked = [row for row in written if row.weight_g]
    if written and verdict.grades is None:
        verdict = replace(verdict, grades={Grade.FIRST: verdict.accepted_g})
    # A grade that was booked keeps its factor, also when the agreement was amended since.
    agreed = {row.grade: row.factor_bp for row in booked}
    accepted_fen, graded = judged(session, order, line, sku, verdict, agreed)
    if (line.accepted_g, _by_grade(booked)) == (verdict.accepted_g, _by_grade(graded)):
        raise AcceptanceSame(number=order.number)
    if accepted_fen < order.paid_fen:
        raise AcceptancePaid(number=order.number, paid_fen=order.paid_fen, owed_fen=accepted_fen)
    more_g, left = verdict.accepted_g - (line.accepted_g or 0), left_g(session, call.line_id)
    if more_g > left:
        raise PromiseCalledAgain(agreement=agreement.code, left_g=left, asked_g=more_g)
    kept = _kept(session, agreement)
    correction = AcceptanceCorrection(
        order_id=order.id, position=_count(session, order.id) + 1, order_line_id=line.id, was_g=line.accepted_g,
        was_fen=line.accepted_fen, was_refused_reason=line.refused_reason, accepted_g=verdict.accepted_g,
        accepted_fen=accepted_fen, refused_reason=verdict.refused_reason, reason=reason, corrected_at=now,
        corrected_by_id=actor_id,
    )  # fmt: skip
    session.add(correction)
    session.flush()
    for row in (*map(_written_off, booked), *graded):
        row.correction_id = correction.id
        session.add(row)
    put_on_line(line, verdict, accepted_fen)
    session.flush()
    tell_promise(session, order)
    if _kept(session, agreement) is not kept:
        raise OutcomeStands(agreement=agreement.code)
    facts: dict[str, object] = {
        "accepted_g": [correction.was_g, correction.accepted_g], "accepted_fen": [correction.was_fen, accepted_fen],
    }  # fmt: skip
    record(session, order, "reverse_acceptance", person_id=actor_id, now=now, reason=reason, facts=facts)
    session.flush()
    return correction


def corrections_of(session: Session, order_id: int) -> list[dict[str, Any]]:
    """The corrections of an order's acceptance, the first first: what was accepted before and after, and why."""
    rows = session.execute(
        select(AcceptanceCorrection, Product.sku)
        .join(OrderLine, OrderLine.id == AcceptanceCorrection.order_line_id)
        .join(Product, Product.id == OrderLine.product_id)
        .where(AcceptanceCorrection.order_id == order_id)
        .order_by(AcceptanceCorrection.position)
    )
    return [columns_of(made) | {"sku": sku} for made, sku in rows]


def reversals_under(session: Session, agreement_id: int) -> list[dict[str, Any]]:
    """All corrections of acceptances under an agreement, the first first, with the number of the order."""
    rows = session.execute(
        select(AcceptanceCorrection, Order.number)
        .join(Order, Order.id == AcceptanceCorrection.order_id)
        .join(CallOff, CallOff.id == Order.call_off_id)
        .where(CallOff.agreement_id == agreement_id)
        .order_by(AcceptanceCorrection.id)
    )
    columns = [column.key for column in AcceptanceCorrection.__table__.columns]
    return [{name: getattr(made, name) for name in columns} | {"order": number} for made, number in rows]


def _count(session: Session, order_id: int) -> int:
    return session.scalar(select(func.count()).where(AcceptanceCorrection.order_id == order_id)) or 0


def _no_penalty_taken(session: Session, agreement: Agreement, call: CallOff) -> None:
    """Raise PenaltyStands when a penalty of the firm that counts this call-off was claimed, or the deposit taken."""
    taken = session.scalar(
        select(PenaltyProposal.number)
        .where(
            PenaltyProposal.agreement_id == agreement.id,
            PenaltyProposal.side == Side.FIRM,
            PenaltyProposal.as_of > call.due_on,
            PenaltyProposal.status.in_((PenaltyStatus.CLAIMED, PenaltyStatus.DEPOSIT_TAKEN)),
        )
        .limit(1)
    )
    if taken is not None:
        raise PenaltyStands(agreement=agreement.code, number=taken)


def _kept(session: Session, agreement: Agreement) -> bool | None:
    """Whether an agreement that was judged at its end kept its promise, by what is accepted now; None for others."""
    if agreement.status in (*RUNNING, AgreementStatus.TERMINATED):
        return None
    return all(outcome.kept for outcome in outcomes(session, agreement))


def _by_grade(rows: list[GradedAcceptance]) -> dict[Grade, int]:
    return {row.grade: row.weight_g for row in rows}


def _written(session: Session, line_id: int) -> list[GradedAcceptance]:
    """What was accepted by grade less what was written off, as rows of its own; none for a line without grades.

    A grade of which nothing stands has a row of 0 g: what is accepted of such a line is booked by grade ever after.
    """
    price = GradedAcceptance.grade, GradedAcceptance.fen_per_kg, GradedAcceptance.factor_bp
    grams, fen = func.sum(GradedAcceptance.weight_g), func.sum(GradedAcceptance.amount_fen)
    rows = session.execute(select(*price, grams, fen).where(GradedAcceptance.order_line_id == line_id).group_by(*price))
    return [
        GradedAcceptance(
            order_line_id=line_id, grade=grade, fen_per_kg=fen_per_kg, factor_bp=factor_bp, weight_g=int(weight_g),
            amount_fen=int(amount_fen),
        )
        for grade, fen_per_kg, factor_bp, weight_g, amount_fen in rows
    ]  # fmt: skip


def _written_off(booked: GradedAcceptance) -> GradedAcceptance:
    """The counter-entry of what stands."""
    return GradedAcceptance(
        order_line_id=booked.order_line_id, grade=booked.grade, fen_per_kg=booked.fen_per_kg,
        factor_bp=booked.factor_bp, weight_g=-booked.weight_g, amount_fen=-booked.amount_fen, reverses=True,
    )  # fmt: skip
