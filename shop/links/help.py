"""Reading what cadres helped: by name, in classes, or ranked where the county turned that on."""

from datetime import date
from enum import StrEnum
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from shop.channels.models import Partner
from shop.channels.policies import unpaid_helpers


class HelpBy(StrEnum):
    """In what order cadres are listed."""

    NAME = "name"
    CLASS = "class"
    RANK = "rank"


#: Classes by orders helped, the lower bound of each and its name.
CLASSES: tuple[tuple[int, str], ...] = ((50, "50 单及以上"), (10, "10 至 49 单"), (1, "1 至 9 单"), (0, "暂无"))

#: One row for each cadre. Own orders help nobody; a ranking leaves out what his own unit's people bought.
_HELP = text(
    """
    SELECT partners.id, partners.code, partners.name_zh, units.code AS unit_code,
        coalesce(helped.orders, 0) AS orders, coalesce(helped.outside, 0) AS outside_orders,
        coalesce(helped.net_fen, 0)::bigint AS net_fen,
        (SELECT count(*) FROM (
            SELECT FROM sales_reach JOIN order_lines ON order_lines.id = order_line_id
            JOIN orders ON orders.id = order_lines.order_id
            WHERE orders.partner_id = partners.id AND NOT orders.is_own
              AND orders.placed_on BETWEEN :first AND :last
            GROUP BY household_id HAVING sum(sales_reach.amount_fen) <> 0) AS reached) AS households,
        (SELECT count(DISTINCT product_id) FROM sale_links WHERE sale_links.partner_id = partners.id) AS products
    FROM partners
    LEFT JOIN helper_units ON helper_units.partner_id = partners.id
    LEFT JOIN partners AS units ON units.id = helper_units.unit_id
    LEFT JOIN LATERAL (
        SELECT count(*) AS orders,
            count(*) FILTER (WHERE buyer_party_id IS DISTINCT FROM units.party_id AND NOT EXISTS (
                SELECT FROM grants WHERE grants.person_id = placed_by_id AND grants.party_id = units.party_id)
            ) AS outside,
            sum((SELECT sum(net_fen) FROM settlements WHERE order_id = orders.id)) AS net_fen
        FROM orders WHERE orders.partner_id = partners.id AND NOT is_own AND confirmed_at IS NOT NULL
          AND status <> 'cancelled' AND placed_on BETWEEN :first AND :last) AS helped ON true
    WHERE partners.kind = ANY(:kinds) AND (:everybody OR partners.party_id = ANY(:parties))
    ORDER BY partners.name_zh COLLATE "C", partners.code
    """
)


def helped(
    session: Session, *, first: date, last: date, parties: tuple[int, ...] | None = None
) -> list[dict[str, Any]]:
    """What cadres helped by orders placed from `first` to `last`, by name; all, or those of `parties`."""
    rows = session.execute(
        _HELP,
        {
            "first": first, "last": last, "kinds": [kind.value for kind in unpaid_helpers()],
            "everybody": parties is None, "parties": list(parties or ()),
        },
    ).mappings()  # fmt: skip
    return [dict(row) | {"class_zh": _class_of(row["orders"])} for row in rows]


def _class_of(orders: int) -> str:
    return next(name for least, name in CLASSES if orders >= least)


def listed(rows: list[dict[str, Any]], by: HelpBy) -> list[dict[str, Any]]:
    """The list as it may be shown: a class tells no number inside it, a rank counts help outside the own unit only."""
    if by is HelpBy.CLASS:
        order = [name for _, name in CLASSES]
        shown = [{name: row[name] for name in ("code", "name_zh", "unit_code", "class_zh")} for row in rows]
        return sorted(shown, key=lambda row: order.index(str(row["class_zh"])))
    if by is HelpBy.RANK:
        best = sorted(rows, key=lambda row: -int(row["outside_orders"]))
        numbers = [int(row["outside_orders"]) for row in best]
        names = ("code", "name_zh", "unit_code", "class_zh", "outside_orders")
        return [
            {name: row[name] for name in names} | {"rank": numbers.index(int(row["outside_orders"])) + 1}
            for row in best
        ]
    return rows


def party_of(session: Session, code: str) -> int | None:
    """Whose a cadre is; None for nobody by that code."""
    return session.scalar(select(Partner.party_id).where(Partner.code == code, Partner.kind.in_(unpaid_helpers())))
