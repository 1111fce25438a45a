"""What the shop's settlement files say beside what our ledger says: line by line, to the fen."""

from datetime import date
from enum import StrEnum
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from shop.marketplaces.models import Marketplace


class Why(StrEnum):
    """Why a line is not the same on both sides, or not yet."""

    AGREED = "agreed"
    NOT_DUE = "not_due"  # nothing paid out, and it is not due yet
    OVERDUE = "overdue"  # nothing paid out, and it is due
    UNKNOWN_ORDER = "unknown_order"  # money or a refund of a line that no order file has told of
    NOT_SETTLED = "not_settled"  # paid out, and here it is not received or not settled yet
    REFUND = "refund"  # refunds that were told are not those that were booked
    FEE = "fee"  # another fee than that of the rate table, and nothing else
    AMOUNT = "amount"  # anything else


#: Goods that were sent count as received after the shop's `receipt_days`, also where no file has said so yet.
#: Each line of the shop, or money of a line nobody told of: ours = paid - refunded - fee, theirs = what arrived.
#: `key` is unique among all three sources: orders, payouts, refunds.
_LINES = """
    WITH came AS (
        SELECT number, line, min(id) AS id, sum(received_fen) AS received_fen, sum(fee_fen) AS fee_fen
        FROM marketplace_payouts WHERE marketplace_id = :shop AND paid_on <= :day GROUP BY number, line
    ), back AS (
        SELECT number, line, min(id) AS id, sum(amount_fen) AS told_fen
        FROM marketplace_refunds WHERE marketplace_id = :shop GROUP BY number, line
    ), fees AS (
        SELECT settlements.order_id, sum(settlement_shares.amount_fen) FILTER (WHERE kind = 'platform') AS fee_fen
        FROM marketplace_orders JOIN settlements USING (order_id)
        JOIN settlement_shares ON settlement_id = settlements.id
        WHERE marketplace_id = :shop GROUP BY settlements.order_id
    ), lines AS (
        SELECT marketplace_orders.id, number, line, order_id, cancelled_at,
            coalesce(due_on, (shipped_at AT TIME ZONE 'Asia/Shanghai')::date + receipt_days + settle_days) AS due_on
        FROM marketplace_orders JOIN marketplaces ON marketplaces.id = marketplace_id WHERE marketplace_id = :shop
    ), both_sides AS (
        SELECT coalesce(lines.id * 4, came.id * 4 + 1, back.id * 4 + 2) AS key, number, line,
            our_number, status, lines.id IS NOT NULL AS known, cancelled_at IS NOT NULL AS closed,
            due_on, coalesce(ours.paid_fen, 0) AS paid_fen, coalesce(ours.refunded_fen, 0) AS refunded_fen,
            coalesce(fees.fee_fen, 0) AS fee_fen, coalesce(back.told_fen, 0) AS told_refunds_fen,
            coalesce(came.received_fen, 0) AS received_fen, coalesce(came.fee_fen, 0) AS told_fee_fen,
            came.id IS NOT NULL AS paid_out
        FROM lines FULL JOIN came USING (number, line) FULL JOIN back USING (number, line)
        LEFT JOIN (SELECT id, number AS our_number, status, paid_fen, refunded_fen FROM orders) AS ours
            ON ours.id = lines.order_id
        LEFT JOIN fees ON fees.order_id = lines.order_id
    ), measured AS (
        SELECT *, (paid_fen - refunded_fen - fee_fen)::bigint AS expected_fen,
            (received_fen - (paid_fen - refunded_fen - fee_fen))::bigint AS difference_fen FROM both_sides
    ), judged AS (
        SELECT *, CASE
            WHEN NOT known THEN 'unknown_order'
            WHEN NOT closed AND told_refunds_fen <> refunded_fen THEN 'refund'
            WHEN NOT paid_out AND expected_fen = 0 THEN 'agreed'
            WHEN NOT paid_out THEN CASE WHEN due_on <= :day THEN 'overdue' ELSE 'not_due' END
            WHEN our_number IS NOT NULL AND status <> 'settled' AND difference_fen <> 0 THEN 'not_settled'
            WHEN difference_fen = 0 THEN 'agreed'
            WHEN difference_fen = fee_fen - told_fee_fen THEN 'fee'
            ELSE 'amount' END AS why
        FROM measured
    )
"""

_DIFFERENCES = text(
    _LINES
    + """
    SELECT key, number, line, our_number, due_on, paid_fen, refunded_fen, fee_fen, expected_fen, received_fen,
        told_fee_fen, told_refunds_fen, difference_fen, why
    FROM judged WHERE why <> 'agreed' AND why <> 'not_due' AND (CAST(:why AS text) IS NULL OR why = :why)
        AND (CAST(:before AS bigint) IS NULL OR key < :before)
    ORDER BY key DESC LIMIT :limit
    """
)

_SUMMARY = text(
    _LINES
    + """
    SELECT why, count(*) AS lines, sum(expected_fen)::bigint AS expected_fen, sum(received_fen)::bigint AS received_fen,
        sum(difference_fen)::bigint AS difference_fen,
        sum(paid_fen)::bigint AS paid_fen, sum(refunded_fen)::bigint AS refunded_fen, sum(fee_fen)::bigint AS fee_fen
    FROM judged GROUP BY why ORDER BY why
    """
)


def differences(
    session: Session, shop: Marketplace, day: date, *, limit: int, before_key: int | None, why: Why | None
) -> list[dict[str, Any]]:
    """Lines on which the shop and our ledger do not say the same as of `day`, newest first; one statement."""
    rows = session.execute(
        _DIFFERENCES,
        {"shop": shop.id, "day": day, "limit": limit, "before": before_key, "why": why.value if why else None},
    )
    return [
        {
            "id": row.key, "number": row.number, "line": row.line, "order": row.our_number, "due_on": row.due_on,
            "paid_fen": row.paid_fen, "refunded_fen": row.refunded_fen, "fee_fen": row.fee_fen,
            "expected_fen": row.expected_fen, "received_fen": int(row.received_fen),
            "told_fee_fen": int(row.told_fee_fen), "told_refunds_fen": int(row.told_refunds_fen),
            "difference_fen": row.difference_fen, "why": row.why,
        }
        for row in rows
    ]  # fmt: skip


def reconciliation(session: Session, shop: Marketplace, day: date) -> dict[str, Any]:
    """Both sides in sums as of `day`. Always: received = expected + difference; expected = paid - refunded - fee."""
    rows = [dict(row._mapping) for row in session.execute(_SUMMARY, {"shop": shop.id, "day": day})]
    totals = {
        name: sum(int(row[name]) for row in rows)
        for name in ("lines", "paid_fen", "refunded_fen", "fee_fen", "expected_fen", "received_fen", "difference_fen")
    }
    return totals | {"day": day, "by_reason": rows}
