"""Agreements of the world, made by the real actions."""

from dataclasses import replace
from datetime import date

from flask import Flask
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from shop.agreements import signing
from shop.agreements.actions import agreement_by_code
from shop.agreements.models import Agreement, PriceRule, Side
from shop.agreements.signing import Hand
from shop.agreements.terms import LineTerms, Terms
from shop.catalog.actions import firm_by_code, product_by_sku
from shop.catalog.models import Product
from shop.channels.actions import partner_by_code
from shop.channels.models import Campaign
from shop.kit.db import transaction
from shop.orders.scheduled import place_due
from tests.factories.world import NOW, TODAY, World, build

BUYER, FIRM = Hand(Side.BUYER, None, NOW), Hand(Side.FIRM, None, NOW)

#: Two months of Tuesdays in the middle of the season, ten kilograms for each.
TERMS = Terms(
    starts_on=TODAY, ends_on=date(2025, 9, 16), schedule="weekly:2", deposit_bp=1_000, penalty_bp=500,
    buyer_penalty_bp=800, tolerance_bp=500, payment_term_days=30,
    lines=(LineTerms("PL001", 100_000, 500, PriceRule.FIXED, minimum_g=60_000),),
)  # fmt: skip


def line(**changes: object) -> LineTerms:
    """The usual promise, changed."""
    return replace(TERMS.lines[0], **changes)  # type: ignore[arg-type]


def terms(*lines: LineTerms, **changes: object) -> Terms:
    """The usual terms, changed."""
    return replace(TERMS, **({"lines": lines} if lines else {}), **changes)  # type: ignore[arg-type]


def second_product(session: Session, sku: str) -> None:
    """Another product of the same firm, like the first."""
    first = product_by_sku(session, "PL001")
    names = [column.key for column in Product.__table__.columns if column.key not in ("id", "sku")]
    session.add(Product(sku=sku, **{name: getattr(first, name) for name in names}))
    session.flush()


def _campaign(session: Session) -> int:
    return session.execute(select(Campaign.id)).scalar_one()


def drafted(session: Session, asked: Terms = TERMS, code: str = "A50", renews: Agreement | None = None) -> Agreement:
    """A draft by the buyer of side A to its firm."""
    return signing.draft(
        session, code, partner_by_code(session, "B01"), firm_by_code(session, "F01"), _campaign(session), asked,
        by=BUYER, renews=renews,
    )  # fmt: skip


def recorded(session: Session, *lines: LineTerms, code: str = "A50", **changes: object) -> Agreement:
    """An agreement that the county records as signed on paper today."""
    return signing.record_signed(
        session, code, partner_by_code(session, "B01"), firm_by_code(session, "F01"), _campaign(session),
        terms(*lines, **changes), signed_on=TODAY, actor_id=None, now=NOW,
    )  # fmt: skip


def sign_by(session: Session, code: str, *hands: Hand) -> bool:
    """These sides sign the youngest version; whether it is in force by that."""
    agreement = agreement_by_code(session, code, lock=True)
    version = signing.youngest(session, agreement)
    signed = [signing.sign(session, agreement, version.number, version.document_hash, by=hand) for hand in hands]
    return signed[-1]


def amended(session: Session, code: str, asked: Terms, by: Hand = BUYER) -> None:
    """The buyer puts other terms and both sign them."""
    signing.propose(session, agreement_by_code(session, code, lock=True), asked, by=by)
    sign_by(session, code, BUYER, FIRM)


def once_called(app: Flask) -> World:
    """The world with agreement A50: 10 kg each Tuesday, ten times; the first is called and waits for the firm."""
    built = build(app)
    with transaction() as session:
        recorded(session, line(minimum_date_g=4_000))
        session.execute(text("UPDATE lots SET expires_on = '2025-10-01'"))
        assert place_due(session, TODAY, now=NOW).placed == 1
    return built
