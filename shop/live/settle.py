"""The end of a session's money: settled when no order of it is open, slot fees booked once; the host's statement."""

from collections import defaultdict
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from shop.catalog.models import Firm, Product
from shop.channels.models import Coupon, Occasion, Partner
from shop.kit.states import advance
from shop.ledger.actions import account, post
from shop.ledger.models import AccountKind as A
from shop.live.locks import locked_session
from shop.live.models import LiveSession, LiveStatus, ShelfItem
from shop.live.states import LIVE_LIFE
from shop.orders.models import CouponUse, Order, OrderLine, OrderStatus
from shop.payments.models import Refund, RefundLine, RefundStatus
from shop.settlement.models import Settlement, Share, ShareKind
from shop.settlement.shares import Rates, shares_of

#: Orders that nothing will come of any more, or that are shared already.
DONE = (OrderStatus.SETTLED, OrderStatus.CANCELLED, OrderStatus.EXPIRED)


def settle_ended(session: Session, *, now: datetime) -> int:
    """Settle every ended session without an open order; returns how many. Twice is once.

    Its slot fees are booked by one journal: owed by the firms, owed to the host. A session that never went on air has
    none. Refunds that come later are negative commission of their own (room settlement), and change nothing here.
    """
    still_open = (
        select(Order.id).where(Order.occasion_id == LiveSession.occasion_id, Order.status.not_in(DONE)).exists()
    )
    codes = session.scalars(
        select(Occasion.code)
        .join(LiveSession, LiveSession.occasion_id == Occasion.id)
        .where(LiveSession.status == LiveStatus.ENDED, ~still_open)
        .order_by(LiveSession.id)
    ).all()
    settled = 0
    for code in codes:
        live, occasion = locked_session(session, code)
        if not LIVE_LIFE.allows(live.status, "settle"):
            continue
        advance(session, live, LIVE_LIFE, "settle", person_id=None, now=now)
        live.settled_at = now
        session.flush()
        if live.started_at is not None:
            _book_slot_fees(session, live, occasion, now)
        settled += 1
    return settled


def _book_slot_fees(session: Session, live: LiveSession, occasion: Occasion, now: datetime) -> None:
    fees = session.execute(
        select(Firm.party_id, func.sum(ShelfItem.slot_fee_fen))
        .join(Product, Product.id == ShelfItem.product_id)
        .join(Firm, Firm.id == Product.firm_id)
        .where(ShelfItem.occasion_id == occasion.id, ShelfItem.slot_fee_fen > 0)
        .group_by(Firm.party_id)
        .order_by(Firm.party_id)
    ).all()
    if not fees:
        return
    host = session.execute(select(Partner.party_id).where(Partner.id == occasion.partner_id)).scalar_one()
    legs = [(account(session, A.PLEDGED, firm_party), int(fen)) for firm_party, fen in fees]
    legs.append((account(session, A.HOST, host), -sum(fen for _, fen in legs)))
    post(session, "live_sessions", live.id, "slot_fees", legs, booked_at=now)


def statement(session: Session, occasion: Occasion, live: LiveSession) -> dict[str, Any]:
    """What the host gets of a session: commission by product, slot fees, what he promised by coupons. In fen.

    Commission is of paid less refunded of settled orders, line by line, as it was shared; what is refunded after
    settlement is taken back and stands apart. Four statements.
    """
    products = _by_product(session, occasion)
    taken_back = session.scalar(
        select(func.sum(Share.amount_fen))
        .join(Settlement, Settlement.id == Share.settlement_id)
        .join(Order, Order.id == Settlement.order_id)
        .where(
            Order.occasion_id == occasion.id, Share.kind == ShareKind.HOST, Settlement.refund_id.is_not(None)
        )
    )  # fmt: skip
    coupons = session.execute(
        select(Coupon.code, Coupon.payer, func.sum(CouponUse.discount_fen))
        .join(CouponUse, CouponUse.coupon_id == Coupon.id)
        .where(Coupon.occasion_id == occasion.id, CouponUse.released_at.is_(None))
        .group_by(Coupon.id)
        .order_by(Coupon.code)
    ).all()
    host_shares = _shares(session, occasion, ShareKind.HOST)
    slot_fees = sum(row["slot_fee_fen"] for row in products) if live.settled_at and live.started_at else 0
    promised = -_shares(session, occasion, ShareKind.COUPON, of_host=True)
    return {
        "session": occasion.code,
        "status": live.status.value,
        "commission_bp": occasion.commission_bp,
        "base_fen": sum(row["base_fen"] for row in products),
        "commission_fen": host_shares,
        "taken_back_fen": -int(taken_back or 0),
        "slot_fees_fen": slot_fees,
        "coupons_promised_fen": promised,
        "due_fen": host_shares + slot_fees - promised,
        "products": products,
        "coupons": [{"code": code, "payer": payer.value, "used_fen": int(fen)} for code, payer, fen in coupons],
    }


def _shares(session: Session, occasion: Occasion, kind: ShareKind, *, of_host: bool = False) -> int:
    query = (
        select(func.sum(Share.amount_fen))
        .join(Settlement, Settlement.id == Share.settlement_id)
        .join(Order, Order.id == Settlement.order_id)
        .where(Order.occasion_id == occasion.id, Share.kind == kind)
    )
    if of_host:
        query = query.where(
            Share.party_id == select(Partner.party_id).where(Partner.id == occasion.partner_id).scalar_subquery()
        )
    return int(session.scalar(query) or 0)


def _by_product(session: Session, occasion: Occasion) -> list[dict[str, Any]]:
    """Each product of the shelf: packs and fen of settled orders, refunded, base and commission, slot fee."""
    refunded = (
        select(RefundLine.order_line_id, func.sum(RefundLine.amount_fen).label("fen"))
        .join(Refund, Refund.id == RefundLine.refund_id)
        .where(Refund.status != RefundStatus.FAILED)
        .group_by(RefundLine.order_line_id)
        .subquery()
    )
    lines: dict[int, list[tuple[int, int, int]]] = defaultdict(list)
    for product_id, packs, payable, back in session.execute(
        select(
            OrderLine.product_id, OrderLine.quantity, OrderLine.amount_fen - OrderLine.discount_fen,
            func.coalesce(refunded.c.fen, 0),
        )
        .join(Order, Order.id == OrderLine.order_id)
        .outerjoin(refunded, refunded.c.order_line_id == OrderLine.id)
        .where(Order.occasion_id == occasion.id, Order.status == OrderStatus.SETTLED)
    ):  # fmt: skip
        lines[product_id].append((packs or 0, int(payable), int(back)))
    of = Rates(host_bp=occasion.commission_bp)
    shelf = session.execute(
        select(ShelfItem.product_id, ShelfItem.slot_fee_fen, Product.sku, Product.name_zh)
        .join(Product, Product.id == ShelfItem.product_id)
        .where(ShelfItem.occasion_id == occasion.id)
        .order_by(ShelfItem.position)
    )
    return [
        {
            "sku": sku,
            "name_zh": name_zh,
            "packs": sum(packs for packs, _, _ in lines[product_id]),
            "paid_fen": sum(payable for _, payable, _ in lines[product_id]),
            "refunded_fen": sum(back for _, _, back in lines[product_id]),
            "base_fen": sum(payable - back for _, payable, back in lines[product_id]),
            "commission_fen": sum(shares_of(payable - back, of).host_fen for _, payable, back in lines[product_id]),
            "slot_fee_fen": slot_fee,
        }
        for product_id, slot_fee, sku, name_zh in shelf
    ]
