"""Asking, offering, accepting. Each action on an inquiry locks it first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from shop.agreements import signing
from shop.agreements.models import Agreement, PriceRule
from shop.agreements.schedule import readable
from shop.agreements.signing import Hand
from shop.agreements.terms import LineTerms, Terms
from shop.catalog.models import Firm, Product
from shop.catalog.reference import Catalog
from shop.channels.errors import NoCampaign
from shop.channels.models import Partner
from shop.channels.policies import Price, channel_of_partner
from shop.channels.reference import Selling
from shop.inquiries.errors import InquiryDoesNotFit, NothingToOffer, OfferExpired, OfferIncomplete
from shop.inquiries.models import Inquiry, InquiryLine, InquiryStatus
from shop.inquiries.states import INQUIRY_LIFE
from shop.kit.clock import beijing_day
from shop.kit.errors import NotFoundError
from shop.kit.states import advance, record
from shop.orders.place import Asked, Placed, Request, place_order


@dataclass(frozen=True)
class Wanted:
    """A product that is asked for: packs or grams, and days of its own if it has them (grams only)."""

    sku: str
    quantity: int | None
    weight_g: int | None
    schedule: str | None = None


def ask(
    session: Session, partner: Partner, firm: Firm, wanted: Sequence[Wanted], starts_on: date, ends_on: date,
    schedule: str, *, note: str | None, actor_id: int | None, now: datetime,
) -> Inquiry:  # fmt: skip
    """Ask a firm for its prices.

    Raises NothingToOffer for a channel of list prices, InquiryDoesNotFit; ValueError for a schedule that is none.
    """
    readable(schedule, (line.schedule for line in wanted))
    price = channel_of_partner(partner.kind).price
    if price not in (Price.TIERS, Price.AGREEMENT):
        raise NothingToOffer(partner=partner.code)
    skus = [line.sku for line in wanted]
    products = {
        product.sku: product.id
        for product in session.scalars(select(Product).where(Product.sku.in_(skus), Product.firm_id == firm.id))
    }
    for line in wanted:
        in_packs = line.quantity is not None
        if line.sku not in products or skus.count(line.sku) > 1 or in_packs != (price is Price.TIERS):
            raise InquiryDoesNotFit(sku=line.sku)
    number = session.scalar(select(func.nextval("order_numbers")))
    inquiry = Inquiry(
        code=f"XJ{beijing_day(now):%y%m%d}-{number:08d}", status=InquiryStatus.ASKED, partner_id=partner.id,
        partner_kind=partner.kind, firm_id=firm.id, starts_on=starts_on, ends_on=ends_on, schedule=schedule, note=note,
        asked_at=now, asked_by_id=actor_id,
    )  # fmt: skip
    session.add(inquiry)
    session.flush()
    record(session, inquiry, "ask", person_id=actor_id, now=now, to_state=InquiryStatus.ASKED)
    session.add_all(
        InquiryLine(
            inquiry_id=inquiry.id, position=position, product_id=products[line.sku], quantity=line.quantity,
            weight_g=line.weight_g, schedule=line.schedule,
        )
        for position, line in enumerate(wanted, 1)
    )  # fmt: skip
    session.flush()
    return inquiry


def locked_inquiry(session: Session, code: str) -> Inquiry:
    """The inquiry, locked to the end of the transaction. Raises NotFoundError."""
    query = select(Inquiry).where(Inquiry.code == code).with_for_update()
    inquiry = session.scalar(query)
    if inquiry is None:
        raise NotFoundError(what=code)
    return inquiry


def lines_of(session: Session, inquiry: Inquiry) -> list[tuple[InquiryLine, str]]:
    """The lines with their SKUs, in order."""
    rows = session.execute(
        select(InquiryLine, Product.sku)
        .join(Product, Product.id == InquiryLine.product_id)
        .where(InquiryLine.inquiry_id == inquiry.id)
        .order_by(InquiryLine.position)
    )
    return [(line, sku) for line, sku in rows]


def offer(
    session: Session, inquiry: Inquiry, prices: Mapping[str, int], valid_until: date, terms: dict[str, Any], *,
    actor_id: int | None, now: datetime,
) -> None:  # fmt: skip
    """The firm offers prices that may be accepted until a day, or others than before. The caller holds the lock.

    Raises OfferExpired for a day that has passed, OfferIncomplete, MoveRefusedError.
    """
    lines = lines_of(session, inquiry)
    if set(prices) != {sku for _, sku in lines}:
        raise OfferIncomplete(skus="、".join(sku for _, sku in lines))
    if valid_until < beijing_day(now):
        raise OfferExpired(day=str(valid_until))
    facts: dict[str, object] = {"prices": dict(prices), "valid_until": str(valid_until), **terms}
    inquiry.valid_until, inquiry.terms = valid_until, terms
    advance(session, inquiry, INQUIRY_LIFE, "offer", person_id=actor_id, now=now, facts=facts)
    for line, sku in lines:
        line.price_fen = prices[sku]
    session.flush()


def accept(
    session: Session, inquiry: Inquiry, *, goods: Catalog, selling: Selling, by: Hand
) -> Placed | Agreement:  # fmt: skip
    """The buyer accepts: a bulk order at the offered prices, or a draft agreement of them, exactly one.

    The caller holds the inquiry's lock, so of two who accept at once the second finds it accepted. Raises
    MoveRefusedError, OfferExpired, NoCampaign, and as `place_order` or `signing.draft`; then nothing is changed.
    """
    INQUIRY_LIFE.next(inquiry.status, "accept")
    if inquiry.valid_until is None or inquiry.valid_until < beijing_day(by.now):
        raise OfferExpired(day=str(inquiry.valid_until))
    partner = session.get_one(Partner, inquiry.partner_id)
    made: Placed | Agreement
    if channel_of_partner(partner.kind).price is Price.TIERS:
        made = _ordered(session, inquiry, partner, goods, selling, by)
        inquiry.order_id = made.order_id
    else:
        made = _drafted(session, inquiry, partner, selling, by)
        inquiry.agreement_id = made.id
    advance(session, inquiry, INQUIRY_LIFE, "accept", person_id=by.person_id, now=by.now)
    session.flush()
    return made


def end(
    session: Session, inquiry: Inquiry, event: str, *, actor_id: int | None, now: datetime, reason: str | None
) -> None:
    """The buyer withdraws, or the firm declines. The caller holds the lock. Raises MoveRefusedError."""
    advance(session, inquiry, INQUIRY_LIFE, event, person_id=actor_id, now=now, reason=reason)
    session.flush()


def _ordered(
    session: Session, inquiry: Inquiry, partner: Partner, goods: Catalog, selling: Selling, by: Hand
) -> Placed:
    lines = lines_of(session, inquiry)
    request = Request(
        lines=[Asked(sku, line.quantity or 0) for line, sku in lines], buyer_party_id=partner.party_id,
        partner=partner.code, offered={sku: line.price_fen or 0 for line, sku in lines},
        note=f"报价 {inquiry.code}，交货 {inquiry.starts_on}",
    )  # fmt: skip
    return place_order(session, request, goods=goods, selling=selling, actor_id=by.person_id, now=by.now)


def _drafted(session: Session, inquiry: Inquiry, partner: Partner, selling: Selling, by: Hand) -> Agreement:
    campaign_id = selling.campaign_on(inquiry.starts_on)
    if campaign_id is None:
        raise NoCampaign(day=str(inquiry.starts_on))
    lines = tuple(
        LineTerms(
            sku, line.weight_g or 0, line.price_fen or 0, PriceRule.FIXED, minimum_g=line.weight_g or 0,
            schedule=line.schedule,
        )
        for line, sku in lines_of(session, inquiry)
    )  # fmt: skip
    offered: dict[str, Any] = inquiry.terms or {}
    terms = Terms(inquiry.starts_on, inquiry.ends_on, inquiry.schedule, lines=lines, **offered)
    firm = session.get_one(Firm, inquiry.firm_id)
    note = f"由报价 {inquiry.code} 起草"
    return signing.draft(session, inquiry.code, partner, firm, campaign_id, terms, by=by, note=note)
