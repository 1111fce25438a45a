"""Reading what links brought."""

from typing import Any

from sqlalchemy import ColumnElement, select, text
from sqlalchemy.orm import Session, aliased

from shop.access.guard import Actor
from shop.channels.models import Occasion, Partner, SaleLink
from shop.channels.queries import links
from shop.orders.models import AttributionChange

#: Figures of a link that come from its orders; the words are those of the reports.
FIGURES = (
    "orders", "own_orders", "paid_orders", "paid_fen", "refunded_fen", "net_fen", "weight_g", "households",
)  # fmt: skip

#: One row for each link that has orders. Own orders are counted and are in no other figure.
_SOLD = text(
    """
    SELECT sale_link_id, count(*) FILTER (WHERE NOT is_own) AS orders, count(*) FILTER (WHERE is_own) AS own_orders,
        count(*) FILTER (WHERE NOT is_own AND counts) AS paid_orders,
        coalesce(sum(paid_fen) FILTER (WHERE NOT is_own), 0)::bigint AS paid_fen,
        coalesce(sum(refunded_fen) FILTER (WHERE NOT is_own), 0)::bigint AS refunded_fen,
        coalesce(sum(settled.net_fen) FILTER (WHERE NOT is_own), 0)::bigint AS net_fen,
        coalesce(sum(sold.weight_g) FILTER (WHERE NOT is_own AND counts), 0)::bigint AS weight_g,
        (SELECT count(*) FROM (
            SELECT FROM sales_reach JOIN order_lines ON order_lines.id = order_line_id
            JOIN orders AS helped ON helped.id = order_lines.order_id
            WHERE helped.sale_link_id = orders.sale_link_id AND NOT helped.is_own
            GROUP BY household_id HAVING sum(sales_reach.amount_fen) <> 0) AS reached) AS households
    FROM orders
    CROSS JOIN LATERAL (SELECT confirmed_at IS NOT NULL AND status <> 'cancelled' AS counts) AS state
    CROSS JOIN LATERAL (SELECT sum(net_fen) AS net_fen FROM settlements WHERE order_id = orders.id) AS settled
    CROSS JOIN LATERAL (
        SELECT sum(coalesce(accepted_g, weight_g - cancelled_g)) AS weight_g FROM order_lines
        WHERE order_id = orders.id) AS sold
    WHERE sale_link_id = ANY(:links)
    GROUP BY sale_link_id
    """
)


def funnels(session: Session, actor: Actor, *wanted: ColumnElement[bool], limit: int) -> list[dict[str, Any]]:
    """Up to `limit` links that `actor` sees, newest first, from the first opening to the households. Two statements."""
    shown = links(session, actor, *wanted, limit=limit)
    rows = session.execute(_SOLD, {"links": [link["id"] for link in shown]}).mappings()
    sold = {row["sale_link_id"]: {figure: row[figure] for figure in FIGURES} for row in rows}
    return [link | sold.get(link["id"], dict.fromkeys(FIGURES, 0)) for link in shown]


def corrections(session: Session, order_id: int) -> list[dict[str, Any]]:
    """How an order came to be counted as it is, oldest first. One statement."""
    before, after = aliased(Partner), aliased(Partner)
    rows = session.execute(
        select(
            AttributionChange.changed_at, AttributionChange.changed_by_id, AttributionChange.reason,
            before.code.label("from_partner"), after.code.label("to_partner"), Occasion.code.label("to_occasion"),
            SaleLink.code.label("to_link"),
        )
        .join(before, before.id == AttributionChange.from_partner_id)
        .join(after, after.id == AttributionChange.to_partner_id)
        .outerjoin(Occasion, Occasion.id == AttributionChange.to_occasion_id)
        .outerjoin(SaleLink, SaleLink.id == AttributionChange.to_link_id)
        .where(AttributionChange.order_id == order_id)
        .order_by(AttributionChange.position)
    ).mappings()  # fmt: skip
    return [dict(row) for row in rows]
