"""What changes at a unit's desk: rules, filings, purchases elsewhere, what an order was bought for."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, aliased

from shop.catalog.models import Product
from shop.channels.models import Partner
from shop.channels.policies import Approval, Payer, channel_of_partner
from shop.kit.clock import beijing_day
from shop.kit.errors import NotFoundError
from shop.kit.money import BP_WHOLE, divide_up
from shop.kit.states import record
from shop.orders.models import Order, OrderLine, OrderStatus
from shop.units.errors import (
    AlreadyDeclared,
    NoRule,
    NotAUnit,
    NotEqualForAll,
    NotFiled,
    PurchaseTaken,
    RuleTaken,
    UnionCapExceeded,
)
from shop.units.models import Filing, Fund, OutsidePurchase, Purchase, ReserveRule

#: An order that ended without goods uses up nothing.
ENDED = (OrderStatus.CANCELLED, OrderStatus.EXPIRED)


def is_unit(partner: Partner) -> bool:
    """Whether it buys for itself and approves its own orders."""
    policy = channel_of_partner(partner.kind)
    return policy.payer is Payer.PARTNER and policy.approval is Approval.BUYER


@dataclass(frozen=True)
class RuleTerms:
    """Rates in basis points, cap in fen for a member and year, the last day to file, and where it is written."""

    canteen_bp: int
    union_bp: int
    union_cap_fen: int
    file_by: date
    source_zh: str


def set_rule(
    session: Session, authority: str, valid_from: date, terms: RuleTerms, *, actor_id: int | None, now: datetime
) -> ReserveRule:
    """A rule of an authority from a day on. Raises RuleTaken."""
    rule = ReserveRule(
        authority=authority, valid_from=valid_from, canteen_bp=terms.canteen_bp, union_bp=terms.union_bp,
        union_cap_fen=terms.union_cap_fen, file_by=terms.file_by, source_zh=terms.source_zh, recorded_at=now,
    )  # fmt: skip
    try:
        with session.begin_nested():
            session.add(rule)
    except IntegrityError:
        raise RuleTaken(authority=authority, valid_from=str(valid_from)) from None
    record(session, rule, "set", person_id=actor_id, now=now)
    session.flush()
    return rule


def rule_on(session: Session, authority: str, day: date) -> ReserveRule:
    """The youngest rule of the authority that holds on `day`. Raises NoRule."""
    rule = session.scalar(
        select(ReserveRule)
        .where(ReserveRule.authority == authority, ReserveRule.valid_from <= day)
        .order_by(ReserveRule.valid_from.desc())
        .limit(1)
    )
    if rule is None:
        raise NoRule(authority=authority, day=str(day))
    return rule


def file_year(
    session: Session, partner: Partner, year: int, authority: str, *, canteen_fen: int, union_fen: int, members: int,
    actor_id: int | None, now: datetime,
) -> Filing:  # fmt: skip
    """File a year's food purchases, union goods money and members; filing again is a new row that counts from then on.

    The reserve is the canteen's percentage, or the union's where there is no canteen, rounded up: "at least". Locks the
    partner. Raises NotAUnit, NoRule.
    """
    if not is_unit(partner):
        raise NotAUnit(partner=partner.code)
    rule = rule_on(session, authority, beijing_day(now))
    _lock(session, partner.id)
    base_fen, rate_bp = (canteen_fen, rule.canteen_bp) if canteen_fen else (union_fen, rule.union_bp)
    last = session.scalar(select(func.max(Filing.position)).where(Filing.partner_id == partner.id, Filing.year == year))
    filing = Filing(
        partner_id=partner.id, year=year, position=(last or 0) + 1, rule_id=rule.id, canteen_fen=canteen_fen,
        union_fen=union_fen, members=members, reserve_fen=divide_up(base_fen * rate_bp, BP_WHOLE),
        union_cap_fen=rule.union_cap_fen, filed_at=now, filed_by_id=actor_id,
    )  # fmt: skip
    session.add(filing)
    session.flush()
    return filing


def _lock(session: Session, partner_id: int) -> None:
    """One desk at a time; orders of the partner are placed meanwhile (their foreign keys do not wait for this)."""
    session.execute(select(Partner.id).where(Partner.id == partner_id).with_for_update(key_share=True))


def filing_of(session: Session, partner_id: int, year: int) -> Filing | None:
    """The filing that counts for a year."""
    return session.scalar(
        select(Filing)
        .where(Filing.partner_id == partner_id, Filing.year == year)
        .order_by(Filing.position.desc())
        .limit(1)
    )


def record_outside(
    session: Session, partner: Partner, number: str, bought_on: date, amount_fen: int, goods_zh: str, *,
    actor_id: int | None, now: datetime,
) -> OutsidePurchase:  # fmt: skip
    """A purchase on the 832 platform, by its order number there. Raises NotAUnit, PurchaseTaken."""
    if not is_unit(partner):
        raise NotAUnit(partner=partner.code)
    first, position = _standing(session, partner, number)
    if first is not None:
        raise PurchaseTaken(number=number)
    purchase = OutsidePurchase(
        partner_id=partner.id, number=number, position=position + 1, bought_on=bought_on,
        amount_fen=amount_fen, goods_zh=goods_zh, recorded_at=now, recorded_by_id=actor_id,
    )  # fmt: skip
    try:
        with session.begin_nested():
            session.add(purchase)
    except IntegrityError:
        raise PurchaseTaken(number=number) from None
    return purchase


def _standing(session: Session, partner: Partner, number: str) -> tuple[OutsidePurchase | None, int]:
    """The purchase of this number that is not taken back, and the last position used (0 for none)."""
    void = aliased(OutsidePurchase)
    row = session.execute(
        select(OutsidePurchase, void.id)
        .outerjoin(void, void.voids_id == OutsidePurchase.id)
        .where(
            OutsidePurchase.partner_id == partner.id, OutsidePurchase.number == number,
            OutsidePurchase.voids_id.is_(None),
        )
        .order_by(OutsidePurchase.position.desc())
        .limit(1)
    ).first()  # fmt: skip
    if row is None:
        return None, 0
    return (None if row[1] is not None else row[0]), row[0].position


def void_outside(
    session: Session, partner: Partner, number: str, reason: str, *, actor_id: int | None, now: datetime
) -> OutsidePurchase:
    """Take a purchase elsewhere back by a row that names it. Raises NotFoundError when nothing of it stands."""
    first, position = _standing(session, partner, number)
    if first is None:
        raise NotFoundError(what=number)
    void = OutsidePurchase(
        partner_id=partner.id, number=number, position=position, bought_on=first.bought_on,
        amount_fen=-first.amount_fen, goods_zh=first.goods_zh, voids_id=first.id, recorded_at=now,
        recorded_by_id=actor_id,
    )  # fmt: skip
    try:
        with session.begin_nested():
            session.add(void)
    except IntegrityError:
        raise PurchaseTaken(number=number) from None
    record(session, first, "void", person_id=actor_id, now=now, reason=reason)
    session.flush()
    return void


def declare(session: Session, order: Order, fund: Fund, *, actor_id: int | None, now: datetime) -> Purchase:
    """Say what an order that waits for approval is bought for. The caller holds the order's lock; locks the partner.

    A union's order is the same for each filed member and stays within the year's cap, counted on the day of ordering.
    Raises AlreadyDeclared, NotFiled, NotEqualForAll, UnionCapExceeded; then nothing is changed.
    """
    if (
        order.status is not OrderStatus.PLACED
        or order.occasion_id is not None
        or session.get(Purchase, order.id) is not None
    ):
        raise AlreadyDeclared(number=order.number)
    purchase = Purchase(order_id=order.id, fund=fund, declared_at=now, declared_by_id=actor_id)
    if fund is Fund.UNION:
        _lock(session, order.partner_id)
        purchase.members, purchase.per_member_fen = _equal_parts(session, order)
    session.add(purchase)
    session.flush()
    return purchase


def _equal_parts(session: Session, order: Order) -> tuple[int, int]:
    """Members, and fen for each. Raises NotFiled, NotEqualForAll, UnionCapExceeded."""
    year = order.placed_on.year
    filing = filing_of(session, order.partner_id, year)
    if filing is None:
        code = session.execute(select(Partner.code).where(Partner.id == order.partner_id)).scalar_one()
        raise NotFiled(partner=code, year=year)
    lines = session.execute(
        select(Product.sku, OrderLine.quantity)
        .join(OrderLine, OrderLine.product_id == Product.id)
        .where(OrderLine.order_id == order.id)
        .order_by(OrderLine.position)
    )
    for sku, packs in lines:
        if (packs or 0) % filing.members:
            raise NotEqualForAll(sku=sku, packs=packs, members=filing.members)
    asked_fen = order.total_fen // filing.members
    used_fen = session.scalar(union_used(order.partner_id, year)) or 0
    if used_fen + asked_fen > filing.union_cap_fen:
        raise UnionCapExceeded(cap_fen=filing.union_cap_fen, used_fen=used_fen, asked_fen=asked_fen)
    return filing.members, asked_fen


def union_used(partner_id: int, year: int) -> Select[Any]:
    """What each member of a unit was given by orders of a year, in fen."""
    return (
        select(func.coalesce(func.sum(Purchase.per_member_fen), 0))
        .join(Order, Order.id == Purchase.order_id)
        .where(
            Order.partner_id == partner_id, Order.placed_on >= date(year, 1, 1), Order.placed_on <= date(year, 12, 31),
            Order.status.not_in(ENDED),
        )
    )  # fmt: skip
