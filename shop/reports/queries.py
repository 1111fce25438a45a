"""Sales by channel, from the rollup."""

from datetime import date
from enum import StrEnum
from typing import Any, TypeAlias

from sqlalchemy import Date, cast, func, select
from sqlalchemy.orm import Session

from shop.access.guard import Actor
from shop.catalog.models import Firm
from shop.channels.models import Channel
from shop.places.models import Township, Village
from shop.reports import spanned
from shop.reports.area import area, as_of, firms_of
from shop.reports.jobs import REFRESH_SALES
from shop.reports.models import SalesRollup
from shop.reports.periods import Span
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
    found = _whole(session, actor, first, last) if by is None else _by_period(session, actor, first, last, by)
    channels = session.execute(
        select(Channel.id, Channel.kind, Channel.name_zh, Channel.name_en).order_by(Channel.position)
    ).all()
    starts = [None] if by is None else sorted({start for start, _ in found if start is not None})
    nothing = dict.fromkeys(FIGURES, 0)
    items = [
        {
            "period": _label(start, by),
            "channel": channel.kind.value,
            "name": channel.name_zh if language == "zh" else channel.name_en,
            **found.get((start, channel.id), nothing),
        }
        for start in starts
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


#: Figures by the first day of a period (None = not by period) and the channel's id.
_Found: TypeAlias = dict[tuple[date | None, int], dict[str, int]]
_WHOLE = spanned.Sums(spanned.SALES, ("channel_id",), FIGURES, ("all",), told=("channel_id",))


def _whole(session: Session, actor: Actor, first: date, last: date) -> _Found:
    rows = _WHOLE.read(session, {"all": Span(first, last)}, firms_of(session, actor))
    return {(None, channel_id): {name: figures[f"all_{name}"] for name in FIGURES} for (channel_id,), figures in rows}


def _by_period(session: Session, actor: Actor, first: date, last: date, by: Period) -> _Found:
    day = SalesRollup.day
    period = day.expression if by is Period.DAY else cast(func.date_trunc("month", day), Date)
    sums = [func.sum(getattr(SalesRollup, name)) for name in FIGURES]
    rows = session.execute(
        select(period, SalesRollup.channel_id, *sums)
        .join(Firm, Firm.id == SalesRollup.firm_id)
        .join(Village, Village.id == Firm.village_id)
        .join(Township, Township.id == Village.township_id)
        .where(day.between(first, last), area(actor))
        .group_by(period, SalesRollup.channel_id)
    )
    return {(start, channel_id): dict(zip(FIGURES, map(int, sums), strict=True)) for start, channel_id, *sums in rows}


def _label(start: date | None, by: Period | None) -> str | None:
    if start is None:
        return None
    return f"{start:%Y-%m}" if by is Period.MONTH else str(start)
