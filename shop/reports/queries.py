"""Sales by channel, from the rollup."""

from datetime import date
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Date, cast, func, literal, select
from sqlalchemy.orm import Session

from shop.access.guard import Actor
from shop.catalog.models import Firm
from shop.channels.models import Channel
from shop.places.models import Township, Village
from shop.reports.area import area, as_of
from shop.reports.jobs import REFRESH_SALES
from shop.reports.models import SalesRollup
from shop.reports.wording import CHANNELS, SOURCE

FIGURES = (
    "orders", "settled_orders", "weight_g", "paid_fen", "refunded_fen", "net_fen", "firm_fen", "host_fen",
    "platform_fen", "carrier_fen", "coupon_fen", "open_fen", "held_fen", "due_fen",
)  # fmt: skip


class Period(StrEnum):
    """What a row covers."""

    DAY = "day"
    MONTH = "month"


def sales_by_channel(
    session: Session, actor: Actor, first: date, last: date, by: Period | None, language: str
) -> dict[str, Any]:
    """Figures of each of the five channels from `first` to `last`, both included; for each period when `by` is given.

    All five channels are there for every period, at zero if need be. Periods in which nothing was sold are left out.
    """
    period = _period(by)
    sums = [func.sum(getattr(SalesRollup, name)) for name in FIGURES]
    rows = session.execute(
        select(period, SalesRollup.channel_id, *sums)
        .join(Firm, Firm.id == SalesRollup.firm_id)
        .join(Village, Village.id == Firm.village_id)
        .join(Township, Township.id == Village.township_id)
        .where(SalesRollup.day.between(first, last), area(actor))
        .group_by(period, SalesRollup.channel_id)
    ).all()
    found = {(row[0], row[1]): dict(zip(FIGURES, map(int, row[2:]), strict=True)) for row in rows}
    channels = session.execute(
        select(Channel.id, Channel.kind, Channel.name_zh, Channel.name_en).order_by(Channel.position)
    ).all()
    nothing = dict.fromkeys(FIGURES, 0)
    items = [
        {
            "period": _label(start, by),
            "channel": channel.kind.value,
            "name": channel.name_zh if language == "zh" else channel.name_en,
            **found.get((start, channel.id), nothing),
        }
        for start in sorted({key for key, _ in found}) or [None] * (by is None)
        for channel in channels
    ]
    return {
        "from": first,
        "to": last,
        "as_of": as_of(session, REFRESH_SALES.name),
        "source": SOURCE.in_(language),
        "basis": CHANNELS.in_(language),
        "items": items,
        "total": {name: sum(figures[name] for figures in found.values()) for name in FIGURES},
    }


def _period(by: Period | None) -> ColumnElement[Any]:
    match by:
        case None:
            return literal(None, Date)
        case Period.DAY:
            return SalesRollup.day.expression
        case Period.MONTH:
            return cast(func.date_trunc("month", SalesRollup.day), Date)


def _label(start: date | None, by: Period | None) -> str | None:
    if start is None:
        return None
    return f"{start:%Y-%m}" if by is Period.MONTH else str(start)
