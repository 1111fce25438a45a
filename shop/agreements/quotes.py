"""Market quotes: from a named source and market, for a grade, on a day. What was quoted stays and is only followed.

A correction is another row for the same day, with its reason; it moves no price that was fixed before it.
"""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from shop.agreements.errors import QuoteAhead, QuoteExists, QuoteMissing, QuoteSame
from shop.agreements.models import AgreementLine, MarketQuote
from shop.agreements.pricing import QUOTE_LIFE, Quote, day_price
from shop.farmers.models import Grade
from shop.kit.clock import beijing_day
from shop.kit.money import divide_half_up


class QuoteUnit(StrEnum):
    """What a quoted price is for."""

    KG = "公斤"
    JIN = "斤"
    TONNE = "吨"


def per_kg(price_fen: int, unit: QuoteUnit) -> int:
    """Fen per kg of a price for a unit, half up for a tonne."""
    match unit:
        case QuoteUnit.KG:
            return price_fen
        case QuoteUnit.JIN:
            return price_fen * 2
        case QuoteUnit.TONNE:
            return divide_half_up(price_fen, 1_000)


@dataclass(frozen=True)
class Quoted:
    """What a source says a product of a grade cost in a market on a day, in fen per kg."""

    product_id: int
    quoted_on: date
    source: str
    market: str
    fen_per_kg: int
    grade: Grade = Grade.FIRST


def record_quote(
    session: Session, said: Quoted, *, actor_id: int | None, now: datetime, correction: str | None = None
) -> MarketQuote:
    """Record a quote, or with a reason its correction.

    Raises QuoteAhead for a day to come; QuoteExists for a second quote of the same source, market, grade and day that
    has no reason; QuoteMissing for a correction of nothing, QuoteSame for one that changes nothing. Of two at once one
    is refused by the unique constraint.
    """
    if said.quoted_on > beijing_day(now):
        raise QuoteAhead(day=str(said.quoted_on))
    same = {name: getattr(said, name) for name in ("product_id", "quoted_on", "source", "market", "grade")}
    before = session.execute(
        select(MarketQuote.position, MarketQuote.fen_per_kg)
        .filter_by(**same)
        .order_by(MarketQuote.position.desc())
        .limit(1)
    ).first()
    if before is None and correction is not None:
        raise QuoteMissing(source=said.source, day=str(said.quoted_on))
    if before is not None and correction is None:
        raise QuoteExists(source=said.source)
    if before is not None and before.fen_per_kg == said.fen_per_kg:
        raise QuoteSame(source=said.source, day=str(said.quoted_on), fen_per_kg=said.fen_per_kg)
    quote = MarketQuote(
        **same, position=before.position + 1 if before else 1, fen_per_kg=said.fen_per_kg, recorded_at=now,
        recorded_by_id=actor_id, reason=correction,
    )  # fmt: skip
    try:
        with session.begin_nested():
            session.add(quote)
    except IntegrityError:
        raise QuoteExists(source=said.source) from None
    return quote


def price_on(session: Session, line: AgreementLine, day: date) -> int:
    """Fen per kg of 一级 of a line on `day`, by its rule and the last quote of at most seven days.

    Counts the line's own source if it names one. Of several quotes of one day the source that spoke first counts, and
    of that source its last word.
    """
    wanted = [
        MarketQuote.product_id == line.product_id,
        MarketQuote.grade == Grade.FIRST,
        MarketQuote.quoted_on.between(day - QUOTE_LIFE, day),
    ]
    if line.quote_source:
        wanted.append(MarketQuote.source == line.quote_source)
    rows = session.execute(
        select(MarketQuote.quoted_on, MarketQuote.source, MarketQuote.market, MarketQuote.fen_per_kg)
        .where(*wanted)
        .order_by(MarketQuote.quoted_on.desc(), MarketQuote.id)
    ).all()
    quote = None
    if rows:
        first = rows[0]
        words = [row for row in rows if (row.quoted_on, row.source, row.market) == tuple(first[:3])]
        quote = Quote(first.quoted_on, words[-1].fen_per_kg)
    return day_price(line.price_rule, line.floor_fen_per_kg, line.margin_bp, quote, day)
