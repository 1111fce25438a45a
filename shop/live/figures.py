"""What a session sells while it sells: for its host every second, for those who watch the same.

One statement for a session and a second in each process; whoever asks in between is handed the same bytes. Nothing is
counted up: the figures are read from orders and pools, so they are right whatever happened.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from shop.kit.errors import NotFoundError
from shop.kit.money import BP_WHOLE, divide_half_up
from shop.kit.ready import Ready
from shop.live.models import LiveStatus

#: Seconds for which figures are believed. Who asks every second sees what happened less than two seconds ago.
BELIEVED_S = 1.0

_FIGURES = text(
    """
    SELECT occasions.code, live_sessions.status, partners.party_id, partners.code AS partner, title_zh, starts_at,
        ends_at, pinned.sku AS pinned, sums.*, (
            SELECT coalesce(json_agg(json_build_object(
                'sku', products.sku, 'name_zh', products.name_zh, 'unit_zh', products.unit_zh,
                'net_weight_g', products.net_weight_g, 'price_fen', offers.price_fen,
                'per_buyer_cap', offers.per_buyer_cap,
                'units_left', coalesce(pools.available_g, offers.set_aside_g) / products.net_weight_g,
                'units_taken', coalesce(pools.reserved_g + pools.sold_g, 0) / products.net_weight_g
            ) ORDER BY shelf_items.position), '[]')
            FROM offers JOIN shelf_items USING (occasion_id, product_id) JOIN products ON products.id = product_id
            LEFT JOIN pools ON pools.product_id = offers.product_id AND pools.occasion_id = offers.occasion_id
            WHERE offers.occasion_id = occasions.id
        ) AS items, (
            SELECT coalesce(json_agg(json_build_object(
                'code', code, 'discount_fen', discount_fen, 'min_goods_fen', min_goods_fen, 'valid_until', valid_until,
                'left', (budget_fen - spent_fen) / discount_fen) ORDER BY id), '[]')
            FROM coupons WHERE coupons.occasion_id = occasions.id AND valid_from <= :now AND valid_until > :now
        ) AS coupons
    FROM occasions JOIN live_sessions ON live_sessions.occasion_id = occasions.id
    JOIN partners ON partners.id = occasions.partner_id
    LEFT JOIN products AS pinned ON pinned.id = pinned_product_id
    CROSS JOIN LATERAL (
        SELECT count(*) AS orders, count(*) FILTER (WHERE orders.status = 'placed') AS waiting,
            count(*) FILTER (WHERE paid_fen > 0) AS paid_orders,
            count(*) FILTER (WHERE orders.status IN ('expired', 'cancelled')) AS lapsed,
            coalesce(sum(total_fen), 0)::bigint AS gmv_fen, coalesce(sum(paid_fen), 0)::bigint AS paid_fen,
            coalesce(sum(refunded_fen), 0)::bigint AS refunded_fen
        FROM orders WHERE orders.occasion_id = occasions.id
    ) AS sums
    WHERE occasions.code = :code
    """
)


@dataclass(frozen=True)
class Figures:
    """Answers ready to be sent: the host's, and the public's (None before the county has reviewed the session)."""

    party_id: int
    for_host: bytes
    for_all: bytes | None


_ready: Ready[Figures] = Ready(BELIEVED_S)


def figures(session: Session, code: str, *, now: datetime) -> Figures:
    """The figures of a session, at most `BELIEVED_S` old. Raises NotFoundError."""
    database = session.get_bind()
    assert isinstance(database, Engine), "figures are read outside of a test's own connection"  # noqa: S101
    return _ready.get(database, code, lambda: read(session, code, now=now))


def read(session: Session, code: str, *, now: datetime) -> Figures:
    """The figures as they are now: one statement. Raises NotFoundError."""
    row = session.execute(_FIGURES, {"code": code, "now": now}).mappings().first()
    if row is None:
        raise NotFoundError(what=code)
    session_now = {
        "session": row["code"],
        "status": row["status"],
        "partner": row["partner"],
        "title_zh": row["title_zh"],
        "starts_at": row["starts_at"].isoformat(),
        "ends_at": row["ends_at"].isoformat(),
        "pinned": row["pinned"],
        "coupons": row["coupons"],
    }
    paid, refunded = row["paid_fen"], row["refunded_fen"]
    money = {
        name: row[name]
        for name in ("orders", "waiting", "paid_orders", "lapsed", "gmv_fen", "paid_fen", "refunded_fen")
    }
    money["refund_rate_bp"] = divide_half_up(refunded * BP_WHOLE, paid) if paid else 0
    shown = [{name: value for name, value in item.items() if name != "units_taken"} for item in row["items"]]
    return Figures(
        row["party_id"],
        _bytes(session_now | money | {"items": row["items"]}),
        None if row["status"] == LiveStatus.PLANNED else _bytes(session_now | {"items": shown}),
    )


def _bytes(payload: dict[str, Any]) -> bytes:
    return json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()
