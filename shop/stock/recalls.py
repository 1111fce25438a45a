"""Recalling lots: from then on neither they nor lots made of them are sold or worked on. Rules: docs/lots.md."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import CTE, Select, exists, func, select, text
from sqlalchemy.orm import Session

from shop.kit.clock import beijing_day
from shop.kit.errors import ForbiddenError, NotFoundError
from shop.kit.states import record
from shop.stock.actions import locked_pools, take_free, take_out
from shop.stock.errors import LotIsRecalled, RecallIsLifted
from shop.stock.models import Lot, LotPart, Pool, Recall, RecallLot

#: Advisory lock of recalling (exclusive) and remaking (shared): no lot is made of one that is being recalled.
LOCK = 0x1C0DF


def made_of(lot_ids: Sequence[int] | Select[Any]) -> CTE:
    """Ids of these lots and of every lot that was made of them, however often it was worked on."""
    found = select(Lot.id).where(Lot.id.in_(lot_ids)).cte("made_of", recursive=True)
    return found.union(select(LotPart.lot_id).join(found, LotPart.source_id == found.c.id))


def sources_of(lot_ids: Sequence[int] | Select[Any]) -> CTE:
    """Ids of these lots and of every lot that they were made of."""
    found = select(Lot.id).where(Lot.id.in_(lot_ids)).cte("sources_of", recursive=True)
    return found.union(select(LotPart.source_id).join(found, LotPart.lot_id == found.c.id))


def in_recall(session: Session, lot_id: int) -> bool:
    """Whether a recall of the lot stands."""
    return bool(session.scalar(select(standing(lot_id))))


def standing(lot_id: Any) -> Any:
    """Criterion: a recall of the lot stands."""
    return exists().where(RecallLot.lot_id == lot_id, Recall.id == RecallLot.recall_id, Recall.lifted_at.is_(None))


def recall(
    session: Session, lot_code: str, reason: str, *, by_county: bool, actor_id: int | None, now: datetime
) -> Recall:
    """Recall a lot and all lots made of it; what is free of them leaves stock at once.

    Locks recalling, exclusive; all pools of the products by rising id; the lots in pick order. Raises NotFoundError,
    LotIsRecalled.
    """
    session.execute(select(func.pg_advisory_xact_lock(LOCK)))
    lot = session.scalar(select(Lot).where(Lot.code == lot_code))
    if lot is None:
        raise NotFoundError(what=lot_code)
    named = select(Recall.id).where(Recall.lot_id == lot.id)
    if session.scalar(named.where(Recall.lifted_at.is_(None))):
        raise LotIsRecalled(lot=lot.code)
    number = len(session.scalars(named).all()) + 1
    made = Recall(
        code=f"ZH-{lot.id}-{number}", lot_id=lot.id, reason=reason, by_county=by_county, announced_at=now,
        announced_by_id=actor_id,
    )  # fmt: skip
    session.add(made)
    session.flush()
    tree = made_of([lot.id])
    session.add_all(RecallLot(recall_id=made.id, lot_id=one) for one in session.scalars(select(tree.c.id)))
    session.flush()
    record(session, lot, "recall", person_id=actor_id, now=now, reason=reason, facts={"recall": made.code})
    take_recalled(session, now=now)
    return made


def take_recalled(session: Session, *, now: datetime) -> int:
    """Take what is free of recalled lots out of stock, set aside or not; returns the grams.

    What orders hold stays in the counters until it is filled from other lots or given back; then this takes the rest.
    Locks all pools of the products by rising id, then the lots in pick order.
    """
    named = (
        select(RecallLot.lot_id, func.min(Recall.code))
        .join(Recall, Recall.id == RecallLot.recall_id)
        .where(Recall.lifted_at.is_(None))
        .group_by(RecallLot.lot_id)
    )
    codes: dict[int, str] = dict(session.execute(named).all())
    return take_free(session, standing(Lot.id) & (Lot.left_g > 0), codes.__getitem__, now)


#: What left stock for a recall of these lots and stands in no recall any more, by lot and pool.
_BACK = text(
    """
    SELECT lots.id, pool_id, movements.reason, -sum(movements.weight_g)::bigint AS weight_g
    FROM recall_lots JOIN lots ON lots.id = recall_lots.lot_id JOIN movements ON movements.lot_id = lots.id
    JOIN recall_lots AS any_of ON any_of.lot_id = lots.id
    JOIN recalls ON recalls.id = any_of.recall_id AND recalls.code = movements.reason
    WHERE recall_lots.recall_id = :recall AND movements.kind = 'withdraw' AND expires_on > :day AND NOT EXISTS (
        SELECT FROM recall_lots AS still JOIN recalls AS standing ON standing.id = still.recall_id
        WHERE still.lot_id = lots.id AND standing.lifted_at IS NULL)
    GROUP BY lots.product_id, lots.harvested_on, lots.id, pool_id, movements.reason
    HAVING sum(movements.weight_g) < 0
    ORDER BY lots.product_id, lots.harvested_on, lots.id, pool_id
    """
)


def lift(session: Session, code: str, because: str, *, by_county: bool, actor_id: int | None, now: datetime) -> Recall:
    """Lift a recall that proved wrong: what left stock for it comes back, but for expired lots and other recalls.

    Locks as `recall` does. Raises NotFoundError, RecallIsLifted, ForbiddenError (the county's by somebody else).
    """
    session.execute(select(func.pg_advisory_xact_lock(LOCK)))
    found = session.scalar(select(Recall).where(Recall.code == code).execution_options(populate_existing=True))
    if found is None:
        raise NotFoundError(what=code)
    if found.by_county and not by_county:
        raise ForbiddenError
    if found.lifted_at is not None:
        raise RecallIsLifted(recall=code)
    found.lifted_at, found.lifted_by_id, found.lifted_because = now, actor_id, because
    session.flush()
    of_it = select(RecallLot.lot_id).where(RecallLot.recall_id == found.id)
    locked_pools(session, Pool.product_id.in_(select(Lot.product_id).where(Lot.id.in_(of_it))))
    lots = select(Lot).where(Lot.id.in_(of_it)).order_by(Lot.product_id, Lot.harvested_on, Lot.id)
    session.scalars(lots.with_for_update()).all()
    for lot_id, pool_id, reason, weight_g in session.execute(
        _BACK, {"recall": found.id, "day": beijing_day(now)}
    ).all():
        take_out(session, pool_id, lot_id, -weight_g, reason, now)
    lot = session.get_one(Lot, found.lot_id)
    take_recalled(session, now=now)  # what others hold may now come from these lots
    record(session, lot, "lift_recall", person_id=actor_id, now=now, reason=because, facts={"recall": code})
    return found
