"""Where agreements stand beside what was signed and kept: who is behind, what it may cost, what is owed, what comes."""

from datetime import date
from typing import Any

from sqlalchemy import BigInteger, Subquery, column, text

from shop.kit.money import price_of
from shop.orders.breach import BEHIND, beyond

#: What a row tells of it, in grams and fen; each adds up over lines.
NAMES = (
    "firm_short_g", "firm_penalty_fen", "buyer_short_g", "buyer_penalty_fen", "receivable_fen", "overdue_fen",
    "forecast_g", "forecast_fen",
)  # fmt: skip

#: Grams each side is behind with, fen owed and overdue, grams that the schedule still asks for: of each line.
RAW = ("firm_g", "buyer_g", "owed_fen", "overdue_fen", "ahead_g")

_LINES = f"""
    SELECT behind.line_id, firm_g, buyer_g, coalesce(owed_fen, 0) AS owed_fen, coalesce(overdue_fen, 0) AS overdue_fen,
        coalesce(ahead_g, 0) AS ahead_g
    FROM ({BEHIND}) AS behind
    LEFT JOIN (
        SELECT line_id, sum(owed_fen)::bigint AS owed_fen,
            coalesce(sum(owed_fen) FILTER (WHERE due_on < :day), 0)::bigint AS overdue_fen
        FROM (
            SELECT call_offs.line_id, orders.due_on, sum(accepted_fen) - orders.paid_fen AS owed_fen
            FROM call_offs JOIN orders ON orders.call_off_id = call_offs.id JOIN order_lines ON order_id = orders.id
            WHERE orders.status IN ('accepted', 'settled') GROUP BY call_offs.line_id, orders.id
        ) AS invoices GROUP BY line_id
    ) AS owed USING (line_id)
    LEFT JOIN (
        SELECT line_id, sum(weight_g)::bigint AS ahead_g
        FROM due_weights JOIN agreement_lines ON agreement_lines.id = line_id
        JOIN agreements ON agreements.id = agreement_id
        WHERE due_on > :day AND agreements.status IN ('signed', 'deposit_paid', 'executing')
        GROUP BY line_id
    ) AS ahead USING (line_id)
"""


def raw_standing(day: date) -> Subquery:
    """A row a line of `RAW`, by `line_id`, up to `day`: for the statement of a report to join.

    What is ahead is what the schedules of running agreements ask for after the day, within the harvest windows.
    """
    columns = [column(name, BigInteger) for name in ("line_id", *RAW)]
    return text(_LINES).bindparams(day=day).columns(*columns).subquery("standing")


def standing(row: Any) -> dict[str, int]:
    """`NAMES` of a line from its row: shortfalls beyond the tolerance, penalties by contract, forecast at the floor."""
    terms = row.committed_g, row.tolerance_bp
    firm_g, firm_fen = beyond(row.firm_g, *terms, row.penalty_bp, row.floor_fen_per_kg)
    buyer_g, buyer_fen = beyond(row.buyer_g, *terms, row.buyer_penalty_bp, row.floor_fen_per_kg)
    ahead_fen = price_of(row.ahead_g, row.floor_fen_per_kg)
    figures = (firm_g, firm_fen, buyer_g, buyer_fen, row.owed_fen, row.overdue_fen, row.ahead_g, ahead_fen)
    return dict(zip(NAMES, figures, strict=True))
