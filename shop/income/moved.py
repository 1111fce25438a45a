"""What closed months told of a record on one statement, and the open month moves to that of the family it is of since.

A closed month stays as it was told. Where a record counts for another household when the next month is closed (or now),
that month's statements move all that was told of it before: taken from the one, given to the other. So all statements
of a household up to any month add up to what the records had that counted for it then. No entry is booked by it.
"""

from collections.abc import Iterable
from datetime import date
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from shop.access.guard import Actor, Role, may_see
from shop.farmers.models import Household
from shop.farmers.queries import known_to
from shop.income.months import records_of

#: A span of months is closed together: those after `told_through` up to `closing`; the last one is open.
_MOVED = text(
    """
    WITH spans AS (
        SELECT month AS closing, lag(month) OVER (ORDER BY month) AS told_through FROM closed_months
        UNION ALL SELECT NULL, max(month) FROM closed_months
    ), counted AS (
        SELECT records.id, closing, told_through,
            coalesce(CASE WHEN closing IS NULL THEN household_aliases.counts_for_id
                          ELSE closed_families.counts_for_id END, records.id) AS family_id
        FROM unnest(CAST(:records AS bigint[])) AS records (id) CROSS JOIN spans
        LEFT JOIN closed_families ON closed_families.month = closing AND closed_families.household_id = records.id
        LEFT JOIN household_aliases ON household_aliases.household_id = records.id
    ), changes AS (
        SELECT id, told_through, family_id AS into_id,
            lag(family_id) OVER (PARTITION BY id ORDER BY closing NULLS LAST) AS from_id
        FROM counted
    ), moves AS (
        SELECT id, told_through, (told_through + interval '1 month')::date AS month,
            CASE CAST(:household AS bigint) WHEN into_id THEN 1 ELSE -1 END AS sign,
            CASE CAST(:household AS bigint) WHEN into_id THEN from_id ELSE into_id END AS other_id
        FROM changes WHERE into_id <> from_id AND CAST(:household AS bigint) IN (into_id, from_id)
    )
    SELECT moves.month, told.month AS of_month, households.code AS household,
        CASE sign WHEN 1 THEN 'in' ELSE 'out' END AS direction,
        sum(sign * wage_fen)::bigint AS wage_fen, sum(sign * business_fen)::bigint AS business_gross_fen,
        sum(sign * property_fen)::bigint AS property_fen, sum(sign * transfer_fen)::bigint AS transfer_fen,
        sum(sign * (patronage_fen + covers_fen))::bigint AS covered_fen, sum(sign * cost_fen)::bigint AS cost_fen,
        sum(sign * reached_fen)::bigint AS sales_reached_fen
    FROM moves JOIN households ON households.id = other_id
    CROSS JOIN LATERAL (
        SELECT month, CASE category WHEN 'wage' THEN amount_fen ELSE 0 END AS wage_fen,
            CASE category WHEN 'business' THEN amount_fen ELSE 0 END AS business_fen,
            CASE category WHEN 'property' THEN amount_fen ELSE 0 END AS property_fen,
            CASE category WHEN 'transfer' THEN amount_fen ELSE 0 END AS transfer_fen,
            CASE kind WHEN 'patronage' THEN amount_fen ELSE 0 END AS patronage_fen,
            0 AS covers_fen, 0 AS cost_fen, 0 AS reached_fen
        FROM income_entries WHERE household_id = moves.id AND month <= told_through
        UNION ALL SELECT month, 0, 0, 0, 0, 0, covers_fen, amount_fen, 0
        FROM cost_lines WHERE household_id = moves.id AND month <= told_through
        UNION ALL SELECT month, 0, 0, 0, 0, 0, 0, 0, amount_fen
        FROM sales_reach WHERE household_id = moves.id AND month <= told_through
    ) AS told
    WHERE moves.month BETWEEN :first AND :last
    GROUP BY moves.month, told.month, households.code, sign
    ORDER BY moves.month, told.month, households.code, sign
    """
)
_CATEGORIES = ("wage_fen", "business_gross_fen", "property_fen", "transfer_fen")


def moved(session: Session, actor: Actor, household_id: int, first: date, last: date) -> list[dict[str, Any]]:
    """What the statements of the months from `first` to `last` move to a household (+) or away from it (-), in fen.

    A line for each month that was told before, for the household on whose statement it stood or stands since, and for
    each `direction`: "in" from that one's, "out" to it, whatever the sums. That one's code is None where the reader may
    not see it: on his own statement he reads also those that are of his family no more.
    """
    records = list(session.scalars(records_of(household_id)))
    asked = {"records": records, "household": household_id, "first": first, "last": last}
    rows = [row for row in map(_line, session.execute(_MOVED, asked).mappings()) if any(_figures(row))]
    others = {row["household"] for row in rows}
    known = others if _is_own(session, actor, household_id) else known_to(session, actor, others)
    return [row | {"household": row["household"] if row["household"] in known else None} for row in rows]


def _is_own(session: Session, actor: Actor, household_id: int) -> bool:
    if not actor.has(Role.HOUSEHOLD):
        return False
    party = session.scalar(select(Household.party_id).where(Household.id == household_id))
    return may_see(actor, {Role.HOUSEHOLD: party})


def _line(row: Any) -> dict[str, Any]:
    return dict(row) | {
        "received_fen": sum(row[name] for name in _CATEGORIES),
        "net_fen": row["covered_fen"] - row["cost_fen"],
    }


def _figures(row: dict[str, Any]) -> Iterable[int]:
    return (fen for name, fen in row.items() if name.endswith("_fen"))
