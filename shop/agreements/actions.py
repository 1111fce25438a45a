"""Quoting markets, calling off. What leads to a signed agreement is in `signing.py`."""

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from shop.agreements.errors import (
    AgreementNotRunning,
    NotFoundError,
    OutsideTerm,
    ProductNotPromised,
    PromiseExceeded,
    QuoteExists,
)
from shop.agreements.models import (
    RUNNING,
    Agreement,
    AgreementLine,
    AgreementStatus,
    CallOff,
    CallOffStatus,
    DueWeight,
    MarketQuote,
)
from shop.agreements.pricing import Quote, day_price
from shop.agreements.states import AGREEMENT_LIFE, CALL_OFF_LIFE
from shop.catalog.models import Product
from shop.kit.states import advance, record


def agreement_by_code(session: Session, code: str, *, lock: bool = False) -> Agreement:
    """The agreement. Raises NotFoundError."""
    query = select(Agreement).where(Agreement.code == code)
    agreement = session.scalar(query.with_for_update() if lock else query)
    if agreement is None:
        raise NotFoundError(what=code)
    return agreement


def record_quote(
    session: Session, product_id: int, quoted_on: date, source: str, fen_per_kg: int, *, now: datetime
) -> MarketQuote:
    """A market price of a day from a named source. Raises QuoteExists: a correction is a change of its own."""
    if session.scalar(
        select(MarketQuote.id).where(
            MarketQuote.product_id == product_id, MarketQuote.quoted_on == quoted_on, MarketQuote.source == source
        )
    ):
        raise QuoteExists(source=source)
    quote = MarketQuote(
        product_id=product_id, quoted_on=quoted_on, source=source, fen_per_kg=fen_per_kg, recorded_at=now
    )
    session.add(quote)
    session.flush()
    return quote


def price_on(session: Session, line: AgreementLine, day: date) -> int:
    """Fen per kg of a line on `day`, by its rule and the last quote."""
    row = session.execute(
        select(MarketQuote.quoted_on, MarketQuote.fen_per_kg)
        .where(MarketQuote.product_id == line.product_id, MarketQuote.quoted_on <= day)
        .order_by(MarketQuote.quoted_on.desc(), MarketQuote.id)
        .limit(1)
    ).first()
    quote = Quote(row.quoted_on, row.fen_per_kg) if row else None
    return day_price(line.price_rule, line.floor_fen_per_kg, line.margin_bp, quote, day)


def called_g(session: Session, line_id: int) -> int:
    """Grams called off and not cancelled: summed, never counted by hand."""
    called = session.scalar(
        select(func.sum(CallOff.weight_g)).where(CallOff.line_id == line_id, CallOff.status != CallOffStatus.CANCELLED)
    )
    return int(called or 0)


def call_off(
    session: Session, agreement_code: str, product: Product, weight_g: int, due_on: date, *, scheduled: bool,
    actor_id: int | None, now: datetime,
) -> CallOff:  # fmt: skip
    """Call `weight_g` grams for `due_on`, at the price of that day's rule.

    Locks the agreement, so that parallel calls add up. Raises NotFoundError, AgreementNotRunning, OutsideTerm,
    ProductNotPromised, PromiseExceeded; then nothing is changed.
    """
    agreement = agreement_by_code(session, agreement_code, lock=True)
    if not AGREEMENT_LIFE.allows(agreement.status, "call_off"):
        raise AgreementNotRunning(agreement=agreement.code)
    if not agreement.starts_on <= due_on <= agreement.ends_on:
        raise OutsideTerm(day=str(due_on), agreement=agreement.code)
    line = session.scalar(
        select(AgreementLine).where(AgreementLine.agreement_id == agreement.id, AgreementLine.product_id == product.id)
    )
    if line is None:
        raise ProductNotPromised(agreement=agreement.code, sku=product.sku)
    left_g = line.committed_g - called_g(session, line.id)
    if weight_g > left_g:
        raise PromiseExceeded(agreement=agreement.code, left_g=left_g, asked_g=weight_g)
    call = CallOff(
        agreement_id=agreement.id, line_id=line.id, status=CallOffStatus.REQUESTED, due_on=due_on, weight_g=weight_g,
        price_fen_per_kg=price_on(session, line, due_on), scheduled=scheduled, requested_at=now,
    )  # fmt: skip
    session.add(call)
    session.flush()
    record(session, call, "request", person_id=actor_id, now=now, to_state=CallOffStatus.REQUESTED)
    if agreement.status is not AgreementStatus.EXECUTING:
        advance(session, agreement, AGREEMENT_LIFE, "call_off", person_id=actor_id, now=now)
    return call


def move_call_off(session: Session, call_off_id: int, event: str, *, actor_id: int | None, now: datetime) -> None:
    """Confirm or cancel a call-off; a cancelled one gives its grams back to the promise."""
    call = session.scalar(select(CallOff).where(CallOff.id == call_off_id).with_for_update())
    if call is None:
        raise NotFoundError(what="call-off")
    advance(session, call, CALL_OFF_LIFE, event, person_id=actor_id, now=now)


@dataclass(frozen=True)
class DueCall:
    """What the schedule asks of a line on a day and was not called yet."""

    agreement_code: str
    sku: str
    product_id: int
    weight_g: int


def due_calls(session: Session, day: date) -> list[DueCall]:
    """Scheduled call-offs of `day` that do not exist yet, by agreement: run twice, the second finds none."""
    rows = session.execute(
        select(Agreement.code, Product.sku, Product.id, DueWeight.weight_g)
        .join(AgreementLine, AgreementLine.id == DueWeight.line_id)
        .join(Agreement, Agreement.id == AgreementLine.agreement_id)
        .join(Product, Product.id == AgreementLine.product_id)
        .outerjoin(
            CallOff, (CallOff.line_id == DueWeight.line_id) & (CallOff.due_on == DueWeight.due_on) & CallOff.scheduled
        )
        .where(
            DueWeight.due_on == day,
            DueWeight.weight_g > 0,
            CallOff.id.is_(None),
            Agreement.status.in_(RUNNING),
        )
        .order_by(Agreement.code)
    )
    return [DueCall(*row) for row in rows]
