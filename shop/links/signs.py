"""Signs that the county should look at (docs/links.md): counted by a job, shown to the county, never blocking."""

from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from shop.channels.models import Partner
from shop.channels.policies import sellers_to_consumers
from shop.kit.clock import month_of
from shop.links.models import LinkSign

#: One buyer among fewer orders than this says nothing.
LEAST_ORDERS = 4
#: So many buyers of the same amount, to one address, on one day.
SAME_BUYERS = 5
#: Openings of one link by one visitor in a day.
MANY_OPENINGS = 100

_FIND = text(
    """
    WITH sold AS (
        SELECT orders.*, date_trunc('month', placed_on)::date AS month FROM orders
        WHERE confirmed_at IS NOT NULL AND partner_kind = ANY(:kinds)
          AND placed_on >= :since AND placed_on < :until
    ), counted AS (
        SELECT month, partner_id, count(*) AS orders, count(*) FILTER (WHERE is_own) AS own FROM sold GROUP BY 1, 2
    ), signs (month, partner_id, kind, found, base) AS (
        SELECT month, partner_id, 'own_orders', own, orders FROM counted WHERE own > 0
        UNION ALL
        SELECT month, partner_id, 'one_buyer', max(bought), orders FROM (
            SELECT month, partner_id, count(*) AS bought FROM sold GROUP BY month, partner_id, buyer_party_id
        ) AS buyers JOIN counted USING (month, partner_id)
        GROUP BY month, partner_id, orders HAVING orders >= :least_orders AND max(bought) * 2 > orders
        UNION ALL
        SELECT month, partner_id, 'refunded_later', count(*), orders FROM sold JOIN counted USING (month, partner_id)
        WHERE EXISTS (
            SELECT FROM refunds WHERE refunds.order_id = sold.id AND refunds.status <> 'failed'
              AND (refunds.requested_at AT TIME ZONE 'Asia/Shanghai')::date >= (sold.month + interval '1 month')::date)
        GROUP BY month, partner_id, orders
        UNION ALL
        SELECT month, partner_id, 'same_amount', sum(alike)::bigint, orders FROM (
            SELECT month, partner_id, count(*) AS alike FROM sold WHERE recipient ->> 'address' IS NOT NULL
            GROUP BY month, partner_id, placed_on, total_fen, recipient ->> 'address'
            HAVING count(DISTINCT buyer_party_id) >= :same_buyers
        ) AS days JOIN counted USING (month, partner_id) GROUP BY month, partner_id, orders
        UNION ALL
        SELECT month, partner_id, 'above_list', count(*), orders FROM sold JOIN counted USING (month, partner_id)
        WHERE EXISTS (
            SELECT FROM order_lines WHERE order_lines.order_id = sold.id AND price_basis = 'pack' AND price_fen > (
                SELECT price_tiers.price_fen FROM price_tiers
                WHERE price_tiers.product_id = order_lines.product_id AND min_quantity = 1
                  AND valid_from <= sold.placed_on ORDER BY valid_from DESC LIMIT 1))
        GROUP BY month, partner_id, orders
        UNION ALL
        SELECT month, partner_id, 'one_visitor', max(times), sum(times)::bigint FROM (
            SELECT date_trunc('month', (at AT TIME ZONE 'Asia/Shanghai'))::date AS month, partner_id, times
            FROM link_clicks JOIN sale_links ON sale_links.id = link_id
            WHERE NOT is_bot AND at >= CAST(:since AS date) - 1 AND at < CAST(:until AS date) + 1) AS openings
        WHERE month >= :since AND month < :until
        GROUP BY month, partner_id HAVING max(times) > :many_openings
    ), gone AS (
        DELETE FROM link_signs WHERE month >= :since AND month < :until AND NOT EXISTS (
            SELECT FROM signs WHERE (signs.month, signs.partner_id, signs.kind)
                = (link_signs.month, link_signs.partner_id, link_signs.kind))
    ), put AS (
        INSERT INTO link_signs AS kept (month, partner_id, kind, found, base, first_seen_at)
        SELECT month, partner_id, kind, found, base, :now FROM signs
        ON CONFLICT (month, partner_id, kind) DO UPDATE SET (found, base) = ROW (excluded.found, excluded.base)
        WHERE (kept.found, kept.base) IS DISTINCT FROM (excluded.found, excluded.base)
    )
    SELECT count(*) FROM signs
    """
)


def find_signs(session: Session, day: date, *, now: datetime, last: date | None = None) -> int:
    """Count the signs of this month and the two before anew, whole; returns how many there are. One statement.

    `last`: the day of the run before; had it been long ago, the months since are counted as well. A sign that is no
    longer there goes; one that stays keeps when it was first seen.
    """
    until = month_of(month_of(day) + timedelta(days=32))
    since = month_of(month_of(month_of(min(day, last or day)) - timedelta(days=1)) - timedelta(days=1))
    return int(
        session.execute(
            _FIND,
            {
                "kinds": [kind.value for kind in sellers_to_consumers()], "since": since, "until": until,
                "least_orders": LEAST_ORDERS, "same_buyers": SAME_BUYERS, "many_openings": MANY_OPENINGS, "now": now,
            },
        ).scalar_one()
    )  # fmt: skip


def signs(
    session: Session, *, limit: int, before_id: int | None = None, month: date | None = None
) -> list[dict[str, Any]]:
    """Signs, the latest found first. One statement."""
    query = (
        select(
            LinkSign.id, LinkSign.month, Partner.code.label("partner"), Partner.name_zh.label("partner_name_zh"),
            LinkSign.kind, LinkSign.found, LinkSign.base, LinkSign.first_seen_at,
        )
        .join(Partner, Partner.id == LinkSign.partner_id)
        .order_by(LinkSign.id.desc())
        .limit(limit)
    )  # fmt: skip
    if before_id is not None:
        query = query.where(LinkSign.id < before_id)
    if month is not None:
        query = query.where(LinkSign.month == month)
    return [dict(row) | {"kind": row["kind"].value} for row in session.execute(query).mappings()]
