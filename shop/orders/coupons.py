"""Coupons at placing: one for an order, once for a buyer, within its dates and its budget; given back with the order.

Read first, so that the order is written at the right total; then taken by one guarded statement under the coupon's row
lock, after the pools. Whoever loses the race is refused and his whole order with him.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from shop.channels.models import Coupon
from shop.kit.money import split
from shop.orders.errors import CouponNotForThis, CouponSpent, CouponUsed

_TAKE = text(
    """
    WITH spent AS (
        UPDATE coupons SET spent_fen = spent_fen + discount_fen
        WHERE id = :coupon_id AND spent_fen + discount_fen <= budget_fen RETURNING id, discount_fen
    )
    INSERT INTO coupon_uses (order_id, coupon_id, buyer_party_id, discount_fen, used_at)
    SELECT :order_id, id, :buyer_id, discount_fen, :now FROM spent
    ON CONFLICT (coupon_id, buyer_party_id) WHERE released_at IS NULL DO NOTHING
    RETURNING order_id
    """
)
_GIVE_BACK = text(
    """
    WITH freed AS (
        UPDATE coupon_uses SET released_at = :now
        WHERE order_id = ANY(CAST(:orders AS bigint[])) AND released_at IS NULL
        RETURNING coupon_id, discount_fen
    ), sums AS (SELECT coupon_id, sum(discount_fen) AS fen FROM freed GROUP BY coupon_id),
    locked AS MATERIALIZED (SELECT id FROM coupons WHERE id IN (SELECT coupon_id FROM sums) ORDER BY id FOR UPDATE)
    UPDATE coupons SET spent_fen = spent_fen - sums.fen FROM sums JOIN locked ON locked.id = sums.coupon_id
    WHERE coupons.id = sums.coupon_id
    """
)


@dataclass(frozen=True)
class Discount:
    """What a coupon takes off an order: fen in all, and of each line, in proportion to its amount.

    `left_fen`: what was left of its budget.
    """

    coupon_id: int
    code: str
    fen: int
    by_line: tuple[int, ...]
    left_fen: int


def discount_of(
    session: Session, code: str, *, occasion_id: int | None, firm_id: int, amounts: Sequence[int], now: datetime
) -> Discount:
    """What the coupon takes off lines of these amounts (fen). One statement. Raises CouponNotForThis.

    Of another occasion, of another firm, before or after its dates, below its sum: one refusal, which tells the sum.
    What is left of its budget is what was read: `take_coupon` decides.
    """
    coupon = session.scalar(select(Coupon).where(Coupon.code == code, Coupon.occasion_id == occasion_id))
    fits = (
        coupon is not None
        and coupon.firm_id in (None, firm_id)
        and coupon.valid_from <= now < coupon.valid_until
        and sum(amounts) >= coupon.min_goods_fen
    )
    if coupon is None or not fits:
        raise CouponNotForThis(coupon=code, min_goods_fen=coupon.min_goods_fen if coupon else 0)
    by_line = tuple(split(coupon.discount_fen, list(amounts)))
    return Discount(coupon.id, code, coupon.discount_fen, by_line, coupon.budget_fen - coupon.spent_fen)


def good_now(session: Session, occasion_id: int, *, now: datetime) -> Sequence[Coupon]:
    """The coupons of an occasion that an order could use now, the oldest first. One statement."""
    return session.scalars(
        select(Coupon)
        .where(
            Coupon.occasion_id == occasion_id,
            Coupon.valid_from <= now,
            Coupon.valid_until > now,
            Coupon.spent_fen + Coupon.discount_fen <= Coupon.budget_fen,
        )
        .order_by(Coupon.id)
    ).all()


def take_coupon(session: Session, discount: Discount, order_id: int, buyer_party_id: int, *, now: datetime) -> None:
    """Use the coupon for a placed order. Locks the coupon. Raises CouponUsed, CouponSpent; then nothing is changed."""
    taken = session.execute(
        _TAKE,
        {"coupon_id": discount.coupon_id, "order_id": order_id, "buyer_id": buyer_party_id, "now": now},
    ).first()
    if taken is not None:
        return
    used = session.execute(
        text("SELECT 1 FROM coupon_uses WHERE coupon_id = :id AND buyer_party_id = :buyer AND released_at IS NULL"),
        {"id": discount.coupon_id, "buyer": buyer_party_id},
    ).first()
    raise CouponUsed(coupon=discount.code) if used else CouponSpent(coupon=discount.code)


def give_back_coupons(session: Session, order_ids: Sequence[int], *, now: datetime) -> None:
    """Orders that came to nothing give their coupons back, to budget and buyer; twice is once. Locks by rising id."""
    session.execute(_GIVE_BACK, {"orders": list(order_ids), "now": now})
