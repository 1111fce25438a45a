"""Stock that a firm sets aside for a channel or a buying round until an hour, changes, and ends, or the clock does.

Rules: docs/lots.md. A session's stock is set aside by its shelf (`sessions.py`).
"""

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from shop.catalog.models import Product
from shop.channels.models import ChannelKind
from shop.channels.policies import POLICIES, Hold
from shop.kit.errors import NotFoundError
from shop.kit.states import record
from shop.stock.actions import lock_product, move, open_pool
from shop.stock.errors import SetAsideBySession, SetAsideInUse, SetAsideIsOver, SetAsideStands, SetAsideUntil
from shop.stock.models import Pool, PoolKind

#: A harvest is set aside for a year at most.
LONGEST = timedelta(days=366)


def start(
    session: Session, product: Product, weight_g: int, until: datetime, *, channel: ChannelKind | None = None,
    occasion_id: int | None = None, actor_id: int | None, now: datetime,
) -> Pool:  # fmt: skip
    """Set grams of open stock aside for a channel or for an occasion (one of them), until an hour.

    Locks the product, then its open pool and the new one. Raises SetAsideBySession for a channel whose occasions have
    stock of their own, SetAsideUntil, SetAsideStands, NotEnoughStock.
    """
    if channel is not None and POLICIES[channel].hold is Hold.FROM_SET_ASIDE:
        raise SetAsideBySession(channel=POLICIES[channel].name_zh)
    _must_lie_ahead(until, now)
    lock_product(session, product)
    named = (Pool.product_id == product.id, Pool.code.is_not(None))
    number = session.scalar(select(func.count()).select_from(Pool).where(*named)) or 0
    open_pool(session, product.id)
    made = session.scalar(
        insert(Pool)
        .values(
            kind=PoolKind.SET_ASIDE, product_id=product.id, occasion_id=occasion_id, channel_kind=channel,
            code=f"Z{product.sku}-{number + 1}", until=until,
        )
        .on_conflict_do_nothing()
        .returning(Pool.id)
    )  # fmt: skip
    if made is None:
        same = (Pool.occasion_id.is_not_distinct_from(occasion_id), Pool.channel_kind.is_not_distinct_from(channel))
        standing = session.scalar(select(Pool.code).where(*named, *same, Pool.ended_at.is_(None)))
        raise SetAsideStands(sku=product.sku, aside=standing)
    pools, opens = _locked(session, [made])
    move(session, opens[product.id], made, weight_g, now)
    _record(session, pools[made], "set_aside", actor_id, now)
    return pools[made]


def _must_lie_ahead(until: datetime, now: datetime) -> None:
    if not now < until <= now + LONGEST:
        raise SetAsideUntil(days=LONGEST.days)


def change(
    session: Session, pool: Pool, *, weight_g: int | None, until: datetime | None, actor_id: int | None, now: datetime
) -> None:
    """Set aside more or less, or until another hour; None = as it was. `weight_g`: all of it, held and sold included.

    Locks the pool and the open one by rising id. Raises SetAsideIsOver, SetAsideUntil, SetAsideInUse for less than
    orders hold or took, NotEnoughStock; then nothing is changed.
    """
    pools, opens = _locked(session, [pool.id])
    pool, open_id = pools[pool.id], opens[pool.product_id]
    if pool.ended_at is not None or _until(pool) <= now:
        raise SetAsideIsOver(aside=pool.code)
    if until is not None:
        _must_lie_ahead(until, now)
        pool.until = until
    more_g = 0 if weight_g is None else weight_g - (pool.available_g + pool.reserved_g + pool.sold_g)
    if -more_g > pool.available_g:
        raise SetAsideInUse(aside=pool.code, least_g=pool.reserved_g + pool.sold_g, asked_g=weight_g)
    if more_g > 0:
        move(session, open_id, pool.id, more_g, now)
    elif more_g < 0:
        move(session, pool.id, open_id, -more_g, now)
    _record(session, pool, "change", actor_id, now)


def end(session: Session, pool: Pool, *, actor_id: int | None, now: datetime) -> None:
    """End it before its hour: what is free goes back to the open pool. Twice is once. Locks as `change`."""
    _end_all(session, Pool.id == pool.id, actor_id, now)


def return_due(session: Session, *, now: datetime) -> int:
    """End what is past its hour, and return what came free after an end; the grams. Run twice it finds nothing.

    Locks the pools and the open ones of their products by rising id.
    """
    return _end_all(session, or_(Pool.until <= now, Pool.ended_at.is_not(None)), None, now)


def end_for(session: Session, occasion_ids: Collection[int], *, now: datetime) -> int:
    """End what was set aside for these occasions; the grams that went back. Locks as `return_due`."""
    return _end_all(session, Pool.occasion_id.in_(occasion_ids), None, now)


def _end_all(session: Session, which: ColumnElement[bool], actor_id: int | None, now: datetime) -> int:
    to_do = or_(Pool.ended_at.is_(None), Pool.available_g > 0)
    over = select(Pool.id).where(which, Pool.until.is_not(None), to_do)
    pools, opens = _locked(session, session.scalars(over).all())
    back = 0
    for pool_id in session.scalars(over.where(Pool.id.in_(pools))).all():  # asked again: somebody may have prolonged it
        pool = pools[pool_id]
        left_g = pool.available_g
        if left_g:
            move(session, pool.id, opens[pool.product_id], left_g, now)
        event = "end" if pool.ended_at is None else "return"
        pool.ended_at = pool.ended_at or now
        _record(session, pool, event, actor_id, now, back_g=left_g)
        back += left_g
    return back


def _locked(session: Session, ids: Collection[int]) -> tuple[dict[int, Pool], dict[int, int]]:
    """These pools by id and the ids of the open ones by product, all locked by rising id and read again."""
    of_them = select(Pool.product_id).where(Pool.id.in_(ids))
    rows = session.scalars(
        select(Pool)
        .where(or_(Pool.id.in_(ids), (Pool.kind == PoolKind.OPEN) & Pool.product_id.in_(of_them)))
        .order_by(Pool.id)
        .with_for_update()
    ).all()
    opens = {pool.product_id: pool.id for pool in rows if pool.kind is PoolKind.OPEN}
    return {pool.id: pool for pool in rows if pool.id in ids}, opens


def _until(pool: Pool) -> datetime:
    assert pool.until is not None, "a set-aside has its hour"  # noqa: S101
    return pool.until


def _record(session: Session, pool: Pool, event: str, actor_id: int | None, now: datetime, **more: object) -> None:
    session.flush()
    session.refresh(pool)
    weight_g = pool.available_g + pool.reserved_g + pool.sold_g
    facts: dict[str, object] = {"weight_g": weight_g, "until": _until(pool).isoformat(), **more}
    record(session, pool, event, person_id=actor_id, now=now, facts=facts)
    session.flush()


def aside_by_code(session: Session, code: str) -> Pool:
    """A set-aside by its code. Raises NotFoundError."""
    pool = session.scalar(select(Pool).where(Pool.code == code))
    if pool is None:
        raise NotFoundError(what=code)
    return pool
