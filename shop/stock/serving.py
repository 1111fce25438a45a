"""Who ordered in a pre-sale is served first: free grams of a pool go to those who wait, in order of placing."""

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from shop.stock.models import Reservation

#: Grams of the open pool for those who wait, the first placed first. A hold that somebody works on is not waited for
#: (he may hold it and wait for the pool): who comes after it has to wait for the next run, so nobody is overtaken.
_SERVE = text(
    """
    WITH waiting AS (
        SELECT id, awaited_g FROM reservations WHERE pool_id = :pool_id AND awaited_g > 0
    ), mine AS MATERIALIZED (
        SELECT id, awaited_g FROM reservations WHERE pool_id = :pool_id AND awaited_g > 0
        ORDER BY id FOR UPDATE SKIP LOCKED
    ), queue AS (
        SELECT id, awaited_g, sum(awaited_g) OVER (ORDER BY id) AS upto FROM mine
        WHERE id < coalesce((SELECT min(id) FROM waiting WHERE id NOT IN (SELECT id FROM mine)), 9223372036854775807)
    ), given AS (
        SELECT queue.id, least(awaited_g, available_g - (upto - awaited_g))::bigint AS weight_g
        FROM queue, pools WHERE pools.id = :pool_id AND available_g > upto - awaited_g
    ), served AS (
        UPDATE reservations SET awaited_g = awaited_g - given.weight_g, held_g = held_g + given.weight_g
        FROM given WHERE reservations.id = given.id RETURNING given.weight_g
    )
    UPDATE pools SET available_g = available_g - sums.weight_g, reserved_g = reserved_g + sums.weight_g
    FROM (SELECT sum(weight_g)::bigint AS weight_g FROM served) AS sums
    WHERE pools.id = :pool_id AND sums.weight_g > 0 RETURNING sums.weight_g
    """
)


def serve(session: Session, pool_id: int) -> int:
    """Give what is free in an open pool to pre-sale orders, in order of placing; the grams. Locks the pool first."""
    session.execute(text("SELECT FROM pools WHERE id = :id FOR UPDATE"), {"id": pool_id})
    return int(session.execute(_SERVE, {"pool_id": pool_id}).scalar() or 0)


def serve_waiting(session: Session) -> int:
    """The same for every product that somebody waits for: stock also comes free when others cancel. Grams given."""
    pools = session.scalars(
        select(Reservation.pool_id).where(Reservation.awaited_g > 0).distinct().order_by(Reservation.pool_id)
    ).all()
    return sum(serve(session, pool_id) for pool_id in pools)
