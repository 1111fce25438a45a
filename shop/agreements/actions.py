"""Calling off. What leads to a signed agreement is in `signing.py`."""

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Date, cast, func, select
from sqlalchemy.orm import Session

from shop.agreements.errors import (
    BelowMinimum,
    DueDayPast,
    NotFoundError,
    NotScheduled,
    OutsideTerm,
    ProductNotPromised,
    PromiseExceeded,
)
from shop.agreements.in_force import terms_of_call
from shop.agreements.models import (
    RUNNING,
    Agreement,
    AgreementLine,
    AgreementSignature,
    AgreementStatus,
    AgreementVersion,
    CallOff,
    CallOffStatus,
    DueWeight,
    MissedDay,
    Side,
)
from shop.agreements.quotes import price_on
from shop.agreements.states import AGREEMENT_LIFE, CALL_OFF_LIFE, not_running
from shop.agreements.terms import deliverable
from shop.catalog.errors import OutOfSeason
from shop.catalog.models import Product
from shop.kit.clock import BEIJING, beijing_day
from shop.kit.states import advance, record


def agreement_by_code(session: Session, code: str, *, lock: bool = False) -> Agreement:
    """The agreement. Raises NotFoundError."""
    query = select(Agreement).where(Agreement.code == code)
    agreement = session.scalar(query.with_for_update() if lock else query)
    if agreement is None:
        raise NotFoundError(what=code)
    return agreement


def stands_g(session: Session, line_id: int) -> int:
    """Grams of the promise that were called and are still to come or were accepted: summed, never counted by hand.

    What was cancelled, cut, not delivered or refused is the promise's again.
    """
    return int(session.scalar(select(func.sum(CallOff.stands_g)).where(CallOff.line_id == line_id)) or 0)


def left_g(session: Session, line_id: int) -> int:
    """Grams of the promise that may still be called: nobody takes them from who holds the agreement's lock.

    What fell due on paper before the agreement was recorded here is called no more.
    """
    promised = select(AgreementLine.committed_g - AgreementLine.on_paper_g).where(AgreementLine.id == line_id)
    return session.execute(promised).scalar_one() - stands_g(session, line_id)


def _again_g(session: Session, line_id: int, weight_g: int, left: int, *, by_schedule: bool) -> int:
    """Grams of a call for `weight_g` that the firm left open of earlier ones: refused, cut, or cancelled by it.

    A call beside the schedule asks for these first, one by the schedule for what else is left of the promise.
    """
    owed = (CallOff.status != CallOffStatus.CANCELLED) | (CallOff.cancelled_by == Side.FIRM)
    back = func.sum(CallOff.weight_g - CallOff.stands_g - CallOff.again_g)
    open_g = max(int(session.scalar(select(back).where(CallOff.line_id == line_id, owed)) or 0), 0)
    return min(weight_g, open_g, max(weight_g - left + open_g, 0) if by_schedule else weight_g)


def call_off(
    session: Session, agreement_code: str, product: Product, weight_g: int, due_on: date, *,
    schedule_day: date | None = None, actor_id: int | None, now: datetime,
) -> CallOff:  # fmt: skip
    """Call `weight_g` grams for `due_on`, at the price of that day, or while it lies ahead of the day of the call.

    `schedule_day`: what the schedule asks for on that day, brought forward, moved or reduced; the schedule does not
    call it again. Locks the agreement, so that parallel calls add up. Raises NotFoundError, AgreementNotRunning,
    OutsideTerm, DueDayPast, OutOfSeason, ProductNotPromised, PromiseExceeded, NotScheduled, BelowMinimum; then nothing
    is changed.
    """
    agreement = agreement_by_code(session, agreement_code, lock=True)
    if not AGREEMENT_LIFE.allows(agreement.status, "call_off"):
        raise not_running(agreement, "call_off")
    _can_come(agreement, product, due_on, now)
    line = session.scalar(
        select(AgreementLine).where(AgreementLine.agreement_id == agreement.id, AgreementLine.product_id == product.id)
    )
    if line is None:
        raise ProductNotPromised(agreement=agreement.code, sku=product.sku)
    if schedule_day is not None:
        _within_schedule(session, agreement, line, schedule_day, weight_g)
    if weight_g > (left := left_g(session, line.id)):
        raise PromiseExceeded(agreement=agreement.code, left_g=left, asked_g=weight_g)
    again_g = _again_g(session, line.id, weight_g, left, by_schedule=schedule_day is not None)
    call = CallOff(
        agreement_id=agreement.id, line_id=line.id, status=CallOffStatus.REQUESTED, due_on=due_on, weight_g=weight_g,
        stands_g=weight_g, again_g=again_g, price_fen_per_kg=_price(session, line, due_on, now),
        version_id=agreement.version_id, schedule_day=schedule_day, requested_at=now,
    )  # fmt: skip
    session.add(call)
    session.flush()
    record(session, call, "request", person_id=actor_id, now=now, to_state=CallOffStatus.REQUESTED)
    if agreement.status is not AgreementStatus.EXECUTING:
        # Who calls is the buyer; nobody does what the schedule calls.
        facts: dict[str, object] | None = {"side": Side.BUYER.value} if actor_id is not None else None
        advance(session, agreement, AGREEMENT_LIFE, "call_off", person_id=actor_id, now=now, facts=facts)
    return call


def _can_come(agreement: Agreement, product: Product, due_on: date, now: datetime) -> None:
    """Goods can come on that day: else who calls would put the firm in breach by that.

    Raises OutsideTerm, DueDayPast, OutOfSeason for a day outside the harvest window, prolonged by the shelf life.
    """
    if not agreement.starts_on <= due_on <= agreement.ends_on:
        raise OutsideTerm(day=str(due_on), agreement=agreement.code)
    if due_on < beijing_day(now):
        raise DueDayPast(day=str(due_on))
    if not deliverable(product)(due_on):
        raise OutOfSeason(sku=product.sku, day=str(due_on))


def _price(session: Session, line: AgreementLine, due_on: date, now: datetime) -> int:
    """Fen per kg of what is called now for `due_on`: what the market will quote on a later day nobody can know yet."""
    return price_on(session, line, min(due_on, beijing_day(now)))


def _within_schedule(
    session: Session, agreement: Agreement, line: AgreementLine, schedule_day: date, weight_g: int
) -> None:
    """The day is one of the schedule, was not called yet, and no less is asked than the buyer committed to.

    The promise may end within the day's weight: then what is left of it is enough. Raises NotScheduled, BelowMinimum.
    """
    due_g = session.scalar(
        select(DueWeight.weight_g).where(DueWeight.line_id == line.id, DueWeight.due_on == schedule_day)
    )
    if not due_g or weight_g > due_g or _is_called(session, line.id, schedule_day):
        raise NotScheduled(agreement=agreement.code, day=str(schedule_day), due_g=due_g or 0)
    _at_least(agreement, min(line.minimum_date_g, left_g(session, line.id), due_g), weight_g)


def _is_called(session: Session, line_id: int, schedule_day: date) -> bool:
    called = select(CallOff.id).where(CallOff.line_id == line_id, CallOff.schedule_day == schedule_day)
    return session.scalar(called) is not None


def _at_least(agreement: Agreement, least_g: int, weight_g: int) -> None:
    if weight_g < least_g:
        raise BelowMinimum(agreement=agreement.code, least_g=least_g, asked_g=weight_g)


def change_call_off(
    session: Session, call_off_id: int, *, due_on: date, weight_g: int, actor_id: int | None, now: datetime
) -> CallOff:
    """Move a call-off that the firm has not confirmed to another day of the term, or reduce it.

    Moved it is priced anew, under the terms in force now; only reduced it stays under those that it was called by.

    Locks the agreement, then the call-off. Raises MoveRefusedError, AgreementNotRunning, OutsideTerm, DueDayPast,
    OutOfSeason, PromiseExceeded for more than was called, BelowMinimum.
    """
    found = session.execute(select(CallOff.agreement_id).where(CallOff.id == call_off_id)).scalar_one()
    agreement = session.execute(select(Agreement).where(Agreement.id == found).with_for_update()).scalar_one()
    call = session.execute(select(CallOff).where(CallOff.id == call_off_id).with_for_update()).scalar_one()
    line = session.get_one(AgreementLine, call.line_id)
    if not AGREEMENT_LIFE.allows(agreement.status, "call_off"):
        raise not_running(agreement, "call_off")
    _can_come(agreement, session.get_one(Product, line.product_id), due_on, now)
    if weight_g > call.weight_g:
        raise PromiseExceeded(agreement=agreement.code, left_g=call.weight_g, asked_g=weight_g)
    moved = due_on != call.due_on
    if call.schedule_day is not None:
        agreed = line if moved else terms_of_call(session, call.id).line
        _at_least(agreement, min(agreed.minimum_date_g, call.weight_g), weight_g)
    facts: dict[str, object] = {
        "due_on": str(call.due_on),
        "weight_g": call.weight_g,
        "fen_per_kg": call.price_fen_per_kg,
    }
    advance(session, call, CALL_OFF_LIFE, "change", person_id=actor_id, now=now, facts=facts)
    if moved:
        call.price_fen_per_kg, call.version_id = _price(session, line, due_on, now), agreement.version_id
    call.due_on, call.weight_g, call.stands_g = due_on, weight_g, weight_g
    call.again_g = min(call.again_g, weight_g)
    session.flush()
    return call


def move_call_off(
    session: Session, call_off_id: int, event: str, *, actor_id: int | None, now: datetime, by: Side | None = None
) -> None:
    """Confirm or cancel a call-off; a cancelled one gives its grams back to the promise and keeps `by` which side.

    Who cancels what the firm was late with takes no breach on himself: after its day it is the firm's. Nothing is
    confirmed of an agreement that has ended: raises AgreementNotRunning.
    """
    call = session.scalar(select(CallOff).where(CallOff.id == call_off_id).with_for_update())
    if call is None:
        raise NotFoundError(what="call-off")
    if event == "confirm":
        agreement = session.get_one(Agreement, call.agreement_id)
        if agreement.status not in RUNNING:
            raise not_running(agreement, "call_off")
    advance(session, call, CALL_OFF_LIFE, event, person_id=actor_id, now=now)
    if call.status is CallOffStatus.CANCELLED:
        call.cancelled_by = Side.FIRM if call.due_on < beijing_day(now) else by
        call.stands_g = 0


def let_stand(session: Session, call_off_id: int, weight_g: int) -> None:
    """So many grams of a call-off are still to come or were accepted; the rest is the promise's again.

    Locks the call-off. Who lets more stand than before holds the agreement's lock and has seen that it is left.
    """
    call = session.execute(select(CallOff).where(CallOff.id == call_off_id).with_for_update()).scalar_one()
    call.stands_g = weight_g
    session.flush()


@dataclass(frozen=True)
class DueCall:
    """What the schedule asks of a line on a day and was not called yet."""

    agreement_code: str
    sku: str
    product_id: int
    line_id: int
    schedule_day: date
    weight_g: int


def due_calls(session: Session, day: date) -> list[DueCall]:
    """Scheduled call-offs of `day` and all days before it that do not exist yet, oldest first.

    Run twice, the second finds none; run late by however long, no day of a running agreement is lost. Of a paper no day
    before it was recorded here is made up for; what was missed while it was closed is the buyer's to call.
    """
    recorded_at = (
        select(func.max(AgreementSignature.signed_at))
        .join(AgreementVersion, AgreementVersion.id == AgreementSignature.version_id)
        .where(AgreementVersion.agreement_id == Agreement.id, AgreementSignature.on_paper)
        .scalar_subquery()
    )
    recorded_on = func.coalesce(cast(func.timezone(BEIJING.key, recorded_at), Date), Agreement.starts_on)
    rows = session.execute(
        select(Agreement.code, Product.sku, Product.id, AgreementLine.id, DueWeight.due_on, DueWeight.weight_g)
        .join(AgreementLine, AgreementLine.id == DueWeight.line_id)
        .join(Agreement, Agreement.id == AgreementLine.agreement_id)
        .join(Product, Product.id == AgreementLine.product_id)
        .outerjoin(CallOff, (CallOff.line_id == DueWeight.line_id) & (CallOff.schedule_day == DueWeight.due_on))
        .outerjoin(MissedDay, (MissedDay.line_id == DueWeight.line_id) & (MissedDay.due_on == DueWeight.due_on))
        .where(
            MissedDay.line_id.is_(None),
            DueWeight.due_on.between(func.least(recorded_on, day), day),
            DueWeight.weight_g > 0,
            CallOff.id.is_(None),
            Agreement.status.in_(RUNNING),
            Agreement.ends_on >= day,
        )
        .order_by(DueWeight.due_on, Agreement.code, Product.sku)
    )
    return [DueCall(*row) for row in rows]


def call_scheduled(session: Session, due: DueCall, product: Product, day: date, *, now: datetime) -> CallOff | None:
    """The call-off of a day of the schedule, made on `day`; of the last one, what is left of the promise.

    None when the promise was used up by earlier calls, or another run called the day meanwhile. Raises as `call_off`.
    """
    agreement_by_code(session, due.agreement_code, lock=True)
    if _is_called(session, due.line_id, due.schedule_day):
        return None
    weight_g = min(due.weight_g, left_g(session, due.line_id))
    if weight_g <= 0:
        return None
    return call_off(
        session, due.agreement_code, product, weight_g, day, schedule_day=due.schedule_day, actor_id=None, now=now
    )
