"""Settling an accepted order, and taking back a part when it is refunded afterwards."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from shop.catalog.models import Firm, Product
from shop.channels.models import Coupon, CouponPayer, FeeRate, Occasion, Partner
from shop.channels.policies import POLICIES
from shop.kit.clock import beijing_month
from shop.kit.money import BP_WHOLE, divide_half_up
from shop.kit.states import advance
from shop.ledger.actions import account, post
from shop.ledger.models import AccountKind as A
from shop.ledger.models import Journal
from shop.orders.locks import lines_of, locked_order_by_id
from shop.orders.models import (
    AcceptanceCorrection,
    AttributionChange,
    CouponUse,
    Order,
    OrderLine,
    OrderStatus,
    PaymentTerms,
)
from shop.orders.states import ORDER_LIFE
from shop.payments.actions import refunded_by_line
from shop.payments.models import Refund, RefundLine
from shop.settlement.models import Settlement, Share, ShareKind
from shop.settlement.shares import Rates, Shares, coupon_left, rates, shares_of, with_coupon


def settle_order(session: Session, order_id: int, *, now: datetime) -> Settlement | None:
    """Share an accepted order's net amount and book it in one journal; ACCEPTED becomes SETTLED.

    Net = paid - refunds granted (in advance) or the accepted amount (on invoice). Locks the order. Settling twice
    settles once: None when there is nothing to do.
    """
    order = locked_order_by_id(session, order_id)
    if not ORDER_LIFE.allows(order.status, "settle"):
        return None
    settlement = _write(session, order, _parts_now(session, order), _Source("orders", order.id, "settlement"), now=now)
    advance(session, order, ORDER_LIFE, "settle", person_id=None, now=now)
    order.settled_at = now
    session.flush()
    return settlement


def _parts_now(session: Session, order: Order) -> "list[_Part]":
    """The exact sharing of what remains of an order after all refunds, by its present attribution."""
    refunded = refunded_by_line(session, order.id)
    total = Shares()
    promised_by = _coupon_promised_by(session, order)
    for line in lines_of(session, order.id):
        net = _line_net(order, line, refunded.get(line.id, 0))
        total += _line_shares(line, net, _rates(session, order, line), promised_by)
    return _parts(session, order, total, promised_by)


#: Why an order is shared anew: it is counted for somebody else, or its acceptance was reversed.
Correction: TypeAlias = AttributionChange | AcceptanceCorrection


def take_all_back(session: Session, order: Order, correction: Correction, *, now: datetime) -> Settlement | None:
    """Take back what everybody has of a settled order, before it is shared anew; None when nobody has anything.

    The reversal of all its settlements in one journal. The caller holds the order's lock.
    """
    held = session.execute(
        select(Share.kind, Share.party_id, func.sum(Share.amount_fen))
        .join(Settlement, Settlement.id == Share.settlement_id)
        .where(Settlement.order_id == order.id)
        .group_by(Share.kind, Share.party_id)
        .having(func.sum(Share.amount_fen) != 0)
        .order_by(Share.kind)
    )
    parts = [(ShareKind(kind), party_id, -int(fen)) for kind, party_id, fen in held]
    if not parts:
        return None
    last = session.scalar(
        select(Settlement.journal_id)
        .where(Settlement.order_id == order.id, Settlement.refund_id.is_(None), Settlement.reverses.is_(False))
        .order_by(Settlement.id.desc())
        .limit(1)
    )
    source = _Source(correction.__tablename__, correction.id, "reversal", reverses_id=last)
    return _write(session, order, parts, source, now=now)


def settle_anew(session: Session, order: Order, correction: Correction, *, now: datetime) -> Settlement:
    """Share what remains of an order by its new attribution or acceptance, after `take_all_back`."""
    source = _Source(correction.__tablename__, correction.id, "settlement")
    return _write(session, order, _parts_now(session, order), source, now=now)


def adjust_for_refund(session: Session, refund_id: int, *, now: datetime) -> Settlement | None:
    """Take a refund of a settled order out of the shares: shares of the net after, less shares of the net before.

    Everybody gives back his part, so the sum of all settlements is again the exact sharing of what remains. None when
    the refund was granted before settlement, or was taken back already.
    """
    refund = session.execute(select(Refund).where(Refund.id == refund_id)).scalar_one()
    order = locked_order_by_id(session, refund.order_id)
    done = session.scalar(select(Settlement.id).where(Settlement.refund_id == refund_id))
    if order.status is not OrderStatus.SETTLED or done is not None:
        return None
    # A refund granted before settlement was booked against the advances then, and the settlement left it out.
    # (Its being paid back is another journal, and may come before or after this.)
    granted_before = select(Journal.id).where(
        Journal.source_type == "refunds", Journal.source_id == refund_id, Journal.kind == "refund"
    )
    if session.scalar(granted_before):
        return None
    refunded = refunded_by_line(session, order.id)
    back = dict(
        session.execute(
            select(RefundLine.order_line_id, RefundLine.amount_fen).where(RefundLine.refund_id == refund_id)
        ).all()
    )
    change = Shares()
    promised_by = _coupon_promised_by(session, order)
    for line in lines_of(session, order.id):
        after = _line_net(order, line, refunded.get(line.id, 0))
        before = after + back.get(line.id, 0)
        of = _rates(session, order, line)
        change += _line_shares(line, after, of, promised_by) - _line_shares(line, before, of, promised_by)
    parts = _parts(session, order, change, promised_by)
    return _write(session, order, parts, _Source("refunds", refund.id, "refund"), now=now)


def _line_net(order: Order, line: OrderLine, refunded_fen: int) -> int:
    if order.payment_terms is PaymentTerms.ON_INVOICE:
        return line.accepted_fen or 0
    return line.payable_fen - refunded_fen


def _line_shares(line: OrderLine, net_fen: int, of: Rates, promised_by: int | None) -> Shares:
    shares = shares_of(net_fen, of)
    if promised_by is None:
        return shares
    return with_coupon(shares, coupon_left(line.discount_fen, net_fen, line.payable_fen))


def _coupon_promised_by(session: Session, order: Order) -> int | None:
    """The party that bears the order's coupon; None without one, and when the firm bears it: its part is smaller."""
    if not order.discount_fen:
        return None
    return session.scalar(
        select(Coupon.payer_party_id)
        .join(CouponUse, CouponUse.coupon_id == Coupon.id)
        .where(CouponUse.order_id == order.id, Coupon.payer != CouponPayer.FIRM)
    )


def _rates(session: Session, order: Order, line: OrderLine) -> Rates:
    """The rates that held on the day of the order, by the reward axis of its channel; none for who buys himself."""
    commission = 0
    if not order.is_own:
        commission = session.scalar(select(Occasion.commission_bp).where(Occasion.id == order.occasion_id)) or 0
    category = select(Product.category).where(Product.id == line.product_id).scalar_subquery()
    fee = session.scalar(
        select(FeeRate.rate_bp)
        .where(
            FeeRate.partner_id == order.partner_id,
            FeeRate.valid_from <= order.placed_on,
            FeeRate.category.is_(None) | (FeeRate.category == category),
        )
        .order_by(FeeRate.category.is_(None), FeeRate.valid_from.desc())
        .limit(1)
    )
    return rates(POLICIES[order.channel_kind].reward, commission_bp=commission, fee_bp=fee or 0)


@dataclass(frozen=True)
class _Source:
    """What the journal of a settlement comes from."""

    type: str
    id: int
    event: str
    reverses_id: int | None = None


#: Whose part, of which party, how many fen.
_Part = tuple[ShareKind, int | None, int]

#: The account in which a part stands.
_ACCOUNTS = {
    ShareKind.FIRM: A.FIRM, ShareKind.HOST: A.HOST, ShareKind.PLATFORM: A.PLATFORM, ShareKind.CARRIER: A.CARRIER,
    ShareKind.COUPON: A.PLEDGED,
}  # fmt: skip


def _parts(session: Session, order: Order, shares: Shares, promised_by: int | None) -> list[_Part]:
    firm_party = session.execute(select(Firm.party_id).where(Firm.id == order.firm_id)).scalar_one()
    partner_party = session.execute(select(Partner.party_id).where(Partner.id == order.partner_id)).scalar_one()
    parts = [
        (ShareKind.FIRM, firm_party, shares.firm_fen),
        (ShareKind.HOST, partner_party, shares.host_fen),
        (ShareKind.PLATFORM, partner_party, shares.platform_fen),
        (ShareKind.COUPON, promised_by, shares.coupon_fen),
    ]
    return [part for part in parts if part[2] or part[0] is ShareKind.FIRM]


def _write(session: Session, order: Order, parts: Sequence[_Part], source: _Source, *, now: datetime) -> Settlement:
    """A settlement with its shares and its journal."""
    total_fen = sum(fen for _, _, fen in parts)
    causes = {"refund_id": Refund, "correction_id": AttributionChange, "acceptance_id": AcceptanceCorrection}
    settlement = Settlement(
        order_id=order.id,
        **{name: source.id for name, cause in causes.items() if cause.__tablename__ == source.type},
        reverses=source.event == "reversal", net_fen=total_fen, settled_at=now, month=beijing_month(now),
    )  # fmt: skip
    session.add(settlement)
    session.flush()
    legs = []
    for kind, party_id, fen in parts:
        rate = divide_half_up(abs(fen) * BP_WHOLE, abs(total_fen)) if total_fen else 0
        session.add(Share(settlement_id=settlement.id, kind=kind, party_id=party_id, rate_bp=rate, amount_fen=fen))
        legs.append((account(session, _ACCOUNTS[kind], party_id), -fen))
    if any(fen for _, fen in legs):
        legs.append((_other_side(session, order, settlement), total_fen))
        settlement.journal_id = post(
            session, source.type, source.id, source.event, legs, booked_at=now, reverses_id=source.reverses_id
        )
    session.flush()
    return settlement


def _other_side(session: Session, order: Order, settlement: Settlement) -> int:
    if settlement.refund_id is not None:
        return account(session, A.REFUNDS_DUE)
    if order.payment_terms is PaymentTerms.ON_INVOICE:
        return account(session, A.RECEIVABLE, order.buyer_party_id)
    return account(session, A.ADVANCES)
