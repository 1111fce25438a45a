"""Coupons of a session: who promises what to whom. How they are used at placing is `orders.coupons`."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from shop.catalog.models import Firm, Product
from shop.channels.errors import CodeTaken
from shop.channels.models import Coupon, CouponPayer, Offer, Partner, PartnerKind
from shop.kit.states import record
from shop.live.errors import CouponPayerUnknown, SessionOver
from shop.live.locks import RUNNING, locked_session


@dataclass(frozen=True)
class Promise:
    """A coupon: fen off, from so many fen of goods on, within a budget, from an instant to another."""

    code: str
    payer: CouponPayer
    payer_code: str | None
    discount_fen: int
    min_goods_fen: int
    budget_fen: int
    valid_from: datetime
    valid_until: datetime


def promise_coupon(
    session: Session, session_code: str, promise: Promise, *, actor_id: int | None, now: datetime
) -> Coupon:
    """A coupon of the session, paid by its host, by a firm of its shelf, or by the online shop it is shown in.

    Locks the session. Raises SessionOver, CodeTaken, CouponPayerUnknown; then nothing is changed.
    """
    live, occasion = locked_session(session, session_code)
    if live.status not in RUNNING:
        raise SessionOver(session=session_code)
    if session.scalar(select(Coupon.id).where(Coupon.code == promise.code)):
        raise CodeTaken(taken=promise.code)
    firm_id = None
    payer: int | None
    match promise.payer:
        case CouponPayer.HOST:
            payer = session.scalar(select(Partner.party_id).where(Partner.id == occasion.partner_id))
        case CouponPayer.FIRM:
            firm = _firm_on_shelf(session, occasion.id, promise.payer_code)
            payer, firm_id = (firm.party_id, firm.id) if firm else (None, None)
        case CouponPayer.PLATFORM:
            payer = session.scalar(
                select(Partner.party_id).where(Partner.code == promise.payer_code, Partner.kind == PartnerKind.SHOP)
            )
    if payer is None:
        raise CouponPayerUnknown(payer=promise.payer_code or "")
    coupon = Coupon(
        code=promise.code, occasion_id=occasion.id, payer=promise.payer, payer_party_id=payer, firm_id=firm_id,
        discount_fen=promise.discount_fen, min_goods_fen=promise.min_goods_fen, budget_fen=promise.budget_fen,
        valid_from=promise.valid_from, valid_until=promise.valid_until,
    )  # fmt: skip
    session.add(coupon)
    facts: dict[str, object] = {
        "coupon": promise.code, "payer": promise.payer.value, "discount_fen": promise.discount_fen,
        "budget_fen": promise.budget_fen,
    }  # fmt: skip
    record(session, live, "coupon", person_id=actor_id, now=now, facts=facts)
    session.flush()
    return coupon


def _firm_on_shelf(session: Session, occasion_id: int, code: str | None) -> Firm | None:
    return session.scalar(
        select(Firm)
        .join(Product, Product.firm_id == Firm.id)
        .join(Offer, Offer.product_id == Product.id)
        .where(Firm.code == code, Offer.occasion_id == occasion_id)
        .limit(1)
    )
