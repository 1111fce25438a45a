"""Why a figure of the channels report is what it is: the orders that make it, each with its part of every figure.

The figures of an order are computed by the very text that makes the rollup, so the two cannot disagree.
"""

from datetime import date
from typing import Any

from sqlalchemy import BigInteger, Date, column, func, select, text
from sqlalchemy.orm import Session

from shop.access.guard import Actor
from shop.catalog.models import Firm
from shop.channels.models import Channel, ChannelKind, Partner
from shop.places.models import Township, Village
from shop.reports.area import PARTNER_TOLD, area
from shop.reports.plans import SALES_FACTS, SALES_FIGURES
from shop.reports.queries import FIGURES

#: One row for each confirmed order of the days, with its figures.
_ORDERS = (
    f"SELECT orders.id, number, placed_on AS day, orders.firm_id, channel_id, partner_id, {SALES_FIGURES}"
    f" FROM orders {SALES_FACTS} AND placed_on BETWEEN :first AND :last GROUP BY orders.id"
)


def explain_sales(
    session: Session, actor: Actor, first: date, last: date, channel: ChannelKind | None, *, limit: int,
    before_id: int | None,
) -> dict[str, Any]:  # fmt: skip
    """The orders behind the figures of one channel (None = all five), newest first, `limit` + 1; and the sum of all."""
    numbers = [column(name, BigInteger) for name in ("id", "firm_id", "channel_id", "partner_id", *FIGURES)]
    made = text(_ORDERS).bindparams(first=first, last=last)
    sold = made.columns(column("number"), column("day", Date), *numbers).subquery("sold")
    wanted = [area(actor)] if channel is None else [area(actor), Channel.kind == channel]

    def joined(query: Any) -> Any:
        return (
            query.select_from(sold)
            .join(Channel, Channel.id == sold.c.channel_id)
            .join(Partner, Partner.id == sold.c.partner_id)
            .join(Firm, Firm.id == sold.c.firm_id)
            .join(Village, Village.id == Firm.village_id)
            .join(Township, Township.id == Village.township_id)
            .where(*wanted)
        )

    sums = (func.coalesce(func.sum(sold.c[name]), 0) for name in FIGURES)
    rows, *total = session.execute(joined(select(func.count(), *sums))).one()
    shown = select(
        sold.c.id, sold.c.number, sold.c.day, Channel.kind.label("channel"), Firm.code.label("firm"),
        PARTNER_TOLD.label("partner"), *(sold.c[name] for name in FIGURES),
    )  # fmt: skip
    page = joined(shown).order_by(sold.c.id.desc()).limit(limit + 1)
    if before_id is not None:
        page = page.where(sold.c.id < before_id)
    return {
        "from": first,
        "to": last,
        "channel": channel.value if channel else None,
        "rows": rows,
        "total": dict(zip(FIGURES, map(int, total), strict=True)),
        "items": [dict(row) for row in session.execute(page).mappings()],
    }
