"""Recording what households are paid beside their produce: wages and rents by firms, subsidies out of public money."""

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from shop.catalog.models import Firm
from shop.farmers.models import Household
from shop.income.actions import book_events
from shop.income.corrected import correct, is_void
from shop.income.errors import PaidInTheFuture, PaidTooEarly, PaymentCodeTaken
from shop.income.models import HouseholdPayment, PaymentCorrection, PaymentKind
from shop.kit.clock import beijing_day
from shop.kit.codes import way_out
from shop.kit.errors import NotFoundError
from shop.kit.states import record


@dataclass(frozen=True)
class Paid:
    """What was paid: the paper's code, kind, day, fen, and the list or programme it stands in."""

    code: str
    kind: PaymentKind
    paid_on: date
    amount_fen: int
    source: str | None


def day_paid(paid_on: date | None, earliest: date, *, now: datetime) -> date:
    """The Beijing day of a payment that is owed since `earliest`: the one that is said, else today.

    Raises PaidInTheFuture, PaidTooEarly.
    """
    day = beijing_day(now) if paid_on is None else paid_on
    if day > beijing_day(now):
        raise PaidInTheFuture(day=str(day))
    if day < earliest:
        raise PaidTooEarly(day=str(day), earliest=str(earliest))
    return day


def record_payment(
    session: Session, firm: Firm | None, household: Household, paid: Paid, *, actor_id: int | None, now: datetime
) -> HouseholdPayment:
    """Record a payment and book it as income; `firm` None = public money. Raises PaidInTheFuture, PaymentCodeTaken."""
    day_paid(paid.paid_on, date.min, now=now)
    taken = session.scalar(select(HouseholdPayment).where(HouseholdPayment.code == paid.code))
    if taken is not None:
        own = taken.firm_id == (firm.id if firm else None)
        void = own and is_void(session, PaymentCorrection, PaymentCorrection.payment_id, taken)
        way = way_out(session, HouseholdPayment.code, paid.code, void=void, of_zh="笔支付", of_en="payment")
        raise PaymentCodeTaken(payment=paid.code, **way)
    payment = HouseholdPayment(
        code=paid.code, household_id=household.id, firm_id=firm.id if firm else None, kind=paid.kind,
        paid_on=paid.paid_on, amount_fen=paid.amount_fen, source=paid.source, recorded_at=now,
    )  # fmt: skip
    session.add(payment)
    session.flush()
    record(session, payment, "record", person_id=actor_id, now=now)
    book_events(session, "household_payments", [payment.id], now=now)
    return payment


def locked_payment(session: Session, code: str) -> HouseholdPayment:
    """The payment, locked: two corrections of it come one after the other. Raises NotFoundError."""
    payment = session.scalar(select(HouseholdPayment).where(HouseholdPayment.code == code).with_for_update())
    if payment is None:
        raise NotFoundError(what=code)
    return payment


def correct_payment(
    session: Session, payment: HouseholdPayment, amount_fen: int, reason: str, *, actor_id: int | None, now: datetime
) -> PaymentCorrection:
    """Say what the payment should have said (fen; zero = void) and book the difference.

    It lands in the payment's month while that is open, else in the open one. The caller holds the payment's lock.
    Raises RecordStands.
    """
    correction = correct(
        session,
        PaymentCorrection,
        PaymentCorrection.payment_id,
        payment,
        amount_fen,
        reason,
        actor_id=actor_id,
        now=now,
    )
    book_events(session, "household_payments", [payment.id], now=now)  # nothing is corrected before it was booked
    book_events(session, "payment_corrections", [correction.id], now=now)
    return correction
