"""Lots in, holds, picks out, what expires. A race is decided by one guarded statement; pools first, then lots."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from time import monotonic

from sqlalchemy import ColumnElement, Select, func, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from shop.catalog.models import BATCH_PAPERS, Firm, Product, RequiredPaper
from shop.channels.models import Occasion, OccasionStatus
from shop.farmers.actions import normal_slip
from shop.farmers.models import Delivery, Grade
from shop.farmers.slips import STANDING_G
from shop.kit.clock import beijing_day
from shop.kit.moment import Moment
from shop.kit.states import record
from shop.stock.errors import (
    BatchPaperMissing,
    DeliveryIsVoid,
    DeliveryNotFree,
    NotEnoughStock,
    NotFresh,
    NotTheFirms,
)
from shop.stock.models import Lot, LotDelivery, Movement, MovementKind, Pool, PoolKind
from shop.stock.serving import serve
from shop.stock.supply import REACHED, Supply


def open_pool(session: Session, product_id: int, occasion_id: int | None = None) -> int:
    """The id of a product's pool: the open one, or that of a session; made empty when it is new."""
    kind = PoolKind.OPEN if occasion_id is None else PoolKind.SET_ASIDE
    session.execute(
        insert(Pool).values(kind=kind, product_id=product_id, occasion_id=occasion_id).on_conflict_do_nothing()
    )
    same = (Pool.product_id == product_id, Pool.kind == kind, Pool.occasion_id.is_not_distinct_from(occasion_id))
    return session.execute(select(Pool.id).where(*same)).scalar_one()


def open_lot(
    session: Session, firm: Firm, product: Product, *, harvested_on: date, certificate_number: str | None,
    delivery_codes: Sequence[str] = (), made_g: int = 0, actor_id: int | None, now: datetime,
) -> Lot:  # fmt: skip
    """A lot of deliveries (`delivery_codes`), or of what the firm made itself (`made_g` grams), into open stock.

    Each slip fills it with its weight after corrections. Pre-sale orders that wait for the product are served from it
    first. Locks the product, so that two lots of a day do not get one number, then the slips by rising id. Raises
    NotTheFirms, NotFresh, BatchPaperMissing, DeliveryNotFree, DeliveryIsVoid; then nothing is changed.
    """
    lock_product(session, product)
    today, expires_on = beijing_day(now), harvested_on + timedelta(days=product.shelf_life_days)
    if product.firm_id != firm.id:
        raise NotTheFirms(sku=product.sku, firm=firm.code)
    if not harvested_on <= today < expires_on:
        raise NotFresh(harvested_on=str(harvested_on), expires_on=str(expires_on))
    if needs_batch_paper(session, product) and not certificate_number:
        raise BatchPaperMissing(sku=product.sku)
    deliveries = _free_deliveries(session, firm, product, [normal_slip(code) for code in delivery_codes])
    weights = _weights(session, deliveries)
    grades = {slip.grade for slip in deliveries}
    lot = receive_lot(
        session, product, harvested_on=harvested_on, expires_on=expires_on, certificate_number=certificate_number,
        grade=grades.pop() if len(grades) == 1 else None,
        weight_g=sum(weights.values()) if deliveries else made_g, actor_id=actor_id, now=now,
    )  # fmt: skip
    session.add_all(LotDelivery(delivery_id=of, lot_id=lot.id, weight_g=weight_g) for of, weight_g in weights.items())
    session.flush()
    return lot


def lock_product(session: Session, product: Product) -> None:
    """Lock a product, so that two lots of a day do not get one number."""
    session.execute(select(Product.id).where(Product.id == product.id).with_for_update(key_share=True))


def needs_batch_paper(session: Session, product: Product) -> bool:
    """Whether each batch of the product needs a certificate of its own."""
    needed = (RequiredPaper.product_id == product.id, RequiredPaper.kind.in_(BATCH_PAPERS))
    return session.scalar(select(RequiredPaper.kind).where(*needed).limit(1)) is not None


def receive_lot(
    session: Session, product: Product, *, harvested_on: date, expires_on: date, certificate_number: str | None,
    grade: Grade | None, weight_g: int, actor_id: int | None, now: datetime,
) -> Lot:  # fmt: skip
    """A new lot of a product into open stock; what it is made of, the caller writes. He has locked the product."""
    number = session.scalar(select(func.count()).select_from(Lot).where(Lot.product_id == product.id)) or 0
    lot = Lot(
        code=f"{product.sku}-{harvested_on:%y%m%d}-{number + 1:03d}",
        firm_id=product.firm_id,
        product_id=product.id,
        harvested_on=harvested_on,
        expires_on=expires_on,
        certificate_number=certificate_number,
        grade=grade,
        opened_at=now,
        received_g=weight_g,
        dispatched_g=0,
        withdrawn_g=0,
        graded_g=0,
        repacked_g=0,
    )
    session.add(lot)
    session.flush()
    pool_id = open_pool(session, product.id)
    add_to_pool(session, pool_id, weight_g)
    session.add(Movement(pool_id=pool_id, lot_id=lot.id, kind=MovementKind.RECEIVE, weight_g=weight_g, at=now))
    record(session, lot, "open", person_id=actor_id, now=now)
    session.flush()
    serve(session, pool_id)
    return lot


def _free_deliveries(session: Session, firm: Firm, product: Product, codes: Sequence[str]) -> Sequence[Delivery]:
    """The deliveries, locked. Raises DeliveryNotFree unless all are the firm's, the product's, free."""
    rows = session.scalars(
        select(Delivery)
        .outerjoin(LotDelivery, LotDelivery.delivery_id == Delivery.id)
        .where(
            Delivery.code.in_(codes),
            Delivery.firm_id == firm.id,
            Delivery.product_id == product.id,
            LotDelivery.delivery_id.is_(None),
        )
        .order_by(Delivery.id)
        .with_for_update(of=Delivery)
    ).all()
    missing = sorted(set(codes) - {row.code for row in rows})
    if missing:
        raise DeliveryNotFree(codes=", ".join(missing))
    return rows


def _weights(session: Session, slips: Sequence[Delivery]) -> dict[int, int]:
    """Grams of each slip after its corrections, by id. Raises DeliveryIsVoid.

    Asked behind the slips' locks, so that a correction is either seen here or comes after the lot.
    """
    query = select(Delivery.id, STANDING_G).where(Delivery.id.in_([slip.id for slip in slips])).order_by(Delivery.id)
    weights = dict(session.execute(query).all())
    void = sorted(slip.code for slip in slips if not weights[slip.id])
    if void:
        raise DeliveryIsVoid(codes=", ".join(void))
    return weights


def add_to_pool(session: Session, pool_id: int, weight_g: int) -> None:
    """Put grams into a pool (negative takes available ones out; the caller made sure there are)."""
    session.execute(
        update(Pool)
        .where(Pool.id == pool_id)
        .values(received_g=Pool.received_g + weight_g, available_g=Pool.available_g + weight_g)
    )


def set_aside(session: Session, occasion_id: int, weights: Mapping[int, int], *, now: datetime) -> None:
    """Move available grams (by product id) from open stock into an occasion's own pools. Raises NotEnoughStock.

    All pools are locked by rising id before the first gram moves.
    """
    for product_id in weights:
        open_pool(session, product_id)
        open_pool(session, product_id, occasion_id)
    pools = _pools_of(session, occasion_id, weights)
    for product_id, weight_g in weights.items():
        move(session, pools[product_id, None], pools[product_id, occasion_id], weight_g, now)


def return_set_aside(session: Session, occasion_id: int, *, now: datetime) -> int:
    """Move what an occasion did not sell or hold back into open stock; returns the grams.

    All pools are locked by rising id before the first gram moves.
    """
    products = session.scalars(select(Pool.product_id).where(Pool.occasion_id == occasion_id)).all()
    for product_id in products:
        open_pool(session, product_id)
    pools = _pools_of(session, occasion_id, products)
    back = 0
    for product_id in products:
        source = pools[product_id, occasion_id]
        left_g = session.execute(select(Pool.available_g).where(Pool.id == source)).scalar_one()
        if left_g:
            move(session, source, pools[product_id, None], left_g, now)
            back += left_g
    return back


def _left_behind() -> Select[int | None]:
    """The closed sessions in whose pools something came free (an unpaid order lapsed after the end)."""
    return (
        select(Pool.occasion_id)
        .join(Occasion, Occasion.id == Pool.occasion_id)
        .where(Occasion.status == OccasionStatus.CLOSED, Pool.until.is_(None), Pool.available_g > 0)
        .distinct()
        .order_by(Pool.occasion_id)
    )


def return_left_behind(session: Session, *, now: datetime) -> int:
    """Return what came free in the pools of closed occasions; the grams."""
    closed = session.scalars(_left_behind()).all()
    return sum(return_set_aside(session, occasion_id, now=now) for occasion_id in closed if occasion_id is not None)


def _pools_of(session: Session, occasion_id: int, product_ids: Collection[int]) -> dict[tuple[int, int | None], int]:
    """The open pools of the products and those of the occasion, locked by rising id: ids by (product, occasion)."""
    rows = session.execute(
        select(Pool.id, Pool.product_id, Pool.occasion_id)
        .where(Pool.product_id.in_(product_ids), or_(Pool.kind == PoolKind.OPEN, Pool.occasion_id == occasion_id))
        .order_by(Pool.id)
        .with_for_update()
    )
    return {(row.product_id, row.occasion_id): row.id for row in rows}


def locked_pools(session: Session, which: ColumnElement[bool]) -> dict[int, int]:
    """Lock pools by rising id; the available grams of each, in that order."""
    rows = session.execute(select(Pool.id, Pool.available_g).where(which).order_by(Pool.id).with_for_update())
    return dict(rows.all())


def move(session: Session, source: int, target: int, weight_g: int, now: datetime) -> None:
    """Move grams between two pools that are locked. Raises NotEnoughStock."""
    left_g, product_id = session.execute(select(Pool.available_g, Pool.product_id).where(Pool.id == source)).one()
    if left_g < weight_g:
        sku = session.execute(select(Product.sku).where(Product.id == product_id)).scalar_one()
        raise NotEnoughStock([{"sku": sku, "asked_g": weight_g, "left_g": left_g}])
    for pool_id, signed in ((source, -weight_g), (target, weight_g)):
        add_to_pool(session, pool_id, signed)
        session.add(Movement(pool_id=pool_id, kind=MovementKind.TRANSFER, weight_g=signed, at=now))
    session.flush()


#: The guard of every hold: all pools of a product together have what is asked, or none of it is taken; and each has its
#: part in the row that is changed: before a row is read again behind its lock, its CHECKs judge the one that was seen.
ENOUGH = "shares.left_g >= shares.asked_g AND pools.available_g >= weight_g"

#: What takes grams of a product for an order: the pools that it reaches in turn, as far as they have them, the last one
#: for the rest. All are locked by rising id first, so that two orders of the same products in opposite order wait for
#: each other instead of dying together, and nobody changes what the guard has read.
TAKE_CTE = f"""
    asked AS (
        SELECT * FROM unnest(CAST(:product_ids AS bigint[]), CAST(:weights AS bigint[])) AS asked (product_id, asked_g)
    ), locked AS MATERIALIZED (
        SELECT id, kind, product_id, channel_kind, available_g FROM pools
        WHERE product_id = ANY(CAST(:product_ids AS bigint[])) AND {REACHED} ORDER BY id FOR UPDATE
    ), turns AS (
        SELECT id, product_id, asked_g, available_g, lead(id) OVER turn IS NULL AS last,
            sum(available_g) OVER (PARTITION BY product_id) AS left_g,
            (sum(available_g) OVER turn - available_g)::bigint AS before_g
        FROM locked JOIN asked USING (product_id)
        WINDOW turn AS (PARTITION BY product_id ORDER BY kind = 'open', channel_kind NULLS FIRST)
    ), shares AS (
        SELECT id, product_id, asked_g, left_g, before_g,
            CASE WHEN last THEN asked_g - before_g ELSE least(available_g, asked_g - before_g) END AS weight_g
        FROM turns WHERE asked_g > before_g AND (available_g > 0 OR last)
    ), taken AS (
        UPDATE pools SET available_g = pools.available_g - weight_g, reserved_g = reserved_g + weight_g
        FROM shares WHERE pools.id = shares.id AND {ENOUGH}
        RETURNING pools.id AS pool_id, shares.product_id, weight_g, before_g
    ), enough AS (
        SELECT 1 WHERE (SELECT coalesce(sum(weight_g), 0) FROM taken) = (SELECT coalesce(sum(asked_g), 0) FROM asked)
    )
"""

#: The holds of what was taken, numbered in the order of taking; the first of a product is the one that a line names.
HOLDS_CTE = """
    numbered AS MATERIALIZED (
        SELECT nextval(pg_get_serial_sequence('reservations', 'id')) AS id, parts.*
        FROM (SELECT taken.* FROM taken, enough ORDER BY product_id, before_g) AS parts
    ), holds AS (
        SELECT id, nullif(min(id) OVER (PARTITION BY product_id), id) AS beside_id, pool_id, product_id, weight_g
        FROM numbered
    ), held AS (
        INSERT INTO reservations (id, beside_id, pool_id, weight_g, held_g, created_at, expires_at)
        SELECT id, beside_id, pool_id, weight_g, weight_g, :now, :expires_at FROM holds
    )
"""

_RESERVE = text(f"WITH {TAKE_CTE}, {HOLDS_CTE} SELECT id, product_id FROM holds WHERE beside_id IS NULL")


def reserve(
    session: Session, wanted: dict[int, int], supply: Supply, *, expires_at: datetime | None, now: datetime
) -> dict[int, int]:
    """Hold grams by product id; returns the reservation id of each product. All or nothing.

    Raises NotEnoughStock; the caller's transaction then ends, so nothing is changed.
    """
    rows = session.execute(
        _RESERVE,
        {
            "product_ids": list(wanted),
            "weights": list(wanted.values()),
            "now": now,
            "expires_at": expires_at,
            **supply.values(),
        },
    ).all()
    if len(rows) != len(wanted):
        raise shortage(session, wanted, supply, now=now)
    return {row.product_id: row.id for row in rows}


_LEFT = text(
    f"""
    SELECT products.id, sku, coalesce(sum(available_g), 0)::bigint AS left_g,
        coalesce(bool_or(pools.xmin = CAST(pg_current_xact_id_if_assigned() AS xid)), false) AS taken_here
    FROM products LEFT JOIN pools ON pools.product_id = products.id AND {REACHED}
    WHERE products.id = ANY(:ids) GROUP BY products.id, sku ORDER BY sku
    """
)
#: By product and supply: its sku, and the grams that were left.
_left: Moment[tuple[int, Supply], tuple[str, int]] = Moment()


def shortage(session: Session, wanted: dict[int, int], supply: Supply, *, now: datetime) -> NotEnoughStock:
    """The refusal that says which product is short, and by how much. The pools are still locked by who was refused.

    What this transaction took itself is not short, and is no news for others: it goes back when the transaction ends.
    """
    began = monotonic()
    rows = session.execute(_LEFT, {"ids": list(wanted), "now": now, **supply.values()}).all()
    if not any(row.taken_here for row in rows):
        for row in rows:
            _left.saw(session.get_bind(), (row.id, supply), (row.sku, row.left_g), began)
    untouched = {row.id: (row.sku, row.left_g) for row in rows if not row.taken_here}
    return _short(untouched, wanted) or NotEnoughStock(
        [{"sku": row.sku, "asked_g": wanted[row.id], "left_g": row.left_g} for row in rows]
    )


def known_shortage(database: object, wanted: Mapping[int, int], supply: Supply) -> NotEnoughStock | None:
    """The same refusal without a statement, if this process was told so a moment ago (`kit.moment`); else None.

    It may be late to see what came back, by a tenth of a second; it never lets anybody have what is not there.
    """
    seen = {product_id: _left.recent(database, (product_id, supply)) for product_id in wanted}
    left = {product_id: found for product_id, found in seen.items() if found is not None}
    return _short(left, wanted) if len(left) == len(wanted) else None


def _short(left: Mapping[int, tuple[str, int]], wanted: Mapping[int, int]) -> NotEnoughStock | None:
    rows: list[dict[str, object]] = [
        {"sku": sku, "asked_g": wanted[product_id], "left_g": left_g}
        for product_id, (sku, left_g) in left.items()
        if left_g < wanted[product_id]
    ]
    return NotEnoughStock(rows) if rows else None


#: What comes free goes to its pool, and what a pre-sale's hold gives up to the cap; after `freed` (pool, presale, held,
#: gone) is known. Holds are locked before pools, pools before pre-sales, each by rising id.
_GIVE_BACK = """
    sums AS (SELECT pool_id, sum(held_g) AS weight_g FROM freed GROUP BY pool_id),
    pooled AS MATERIALIZED (SELECT id FROM pools WHERE id IN (SELECT pool_id FROM sums) ORDER BY id FOR UPDATE),
    filled AS (
        UPDATE pools SET available_g = available_g + sums.weight_g, reserved_g = reserved_g - sums.weight_g
        FROM sums JOIN pooled ON pooled.id = sums.pool_id WHERE pools.id = sums.pool_id RETURNING pools.id
    ),
    ahead AS (
        SELECT presale_id, sum(gone_g) AS weight_g FROM freed WHERE presale_id IS NOT NULL GROUP BY presale_id
    ),
    capped AS MATERIALIZED (
        SELECT id FROM presales WHERE id IN (SELECT presale_id FROM ahead) AND (SELECT count(*) FROM filled) >= 0
        ORDER BY id FOR UPDATE
    )
    UPDATE presales SET taken_g = taken_g - ahead.weight_g FROM ahead JOIN capped ON capped.id = ahead.presale_id
    WHERE presales.id = ahead.presale_id
"""

_RELEASE = text(
    f"""
    WITH freed AS (
        UPDATE reservations SET held_g = 0, awaited_g = 0, released_g = released_g + held_g + awaited_g
        FROM (
            SELECT id, held_g AS held, awaited_g AS awaited FROM reservations
            WHERE (id = ANY(:ids) OR beside_id = ANY(:ids)) AND held_g + awaited_g > 0 ORDER BY id FOR UPDATE
        ) AS r
        WHERE reservations.id = r.id RETURNING pool_id, presale_id, r.held AS held_g, r.held + r.awaited AS gone_g
    ), {_GIVE_BACK}
    """
)


def release(session: Session, reservation_ids: Sequence[int]) -> None:
    """Give back what the holds of these lines still hold, each to its pool; releasing twice gives back once."""
    session.execute(_RELEASE, {"ids": sorted(reservation_ids)})


_RELEASE_PART = text(
    f"""
    WITH asked AS (
        SELECT * FROM unnest(CAST(:ids AS bigint[]), CAST(:weights AS bigint[])) AS asked (line_hold_id, asked_g)
    ), holds AS MATERIALIZED (
        SELECT id, coalesce(beside_id, id) AS line_hold_id, held_g + awaited_g AS stands_g, awaited_g AS awaited
        FROM reservations WHERE id = ANY(CAST(:ids AS bigint[])) OR beside_id = ANY(CAST(:ids AS bigint[]))
        ORDER BY id FOR UPDATE
    ), turns AS (
        SELECT holds.*, asked_g - (sum(stands_g) OVER (PARTITION BY line_hold_id ORDER BY id DESC) - stands_g) AS rest_g
        FROM holds JOIN asked USING (line_hold_id)
    ), parts AS (
        SELECT id, awaited, least(stands_g, rest_g)::bigint AS weight_g FROM turns WHERE least(stands_g, rest_g) > 0
    ), freed AS (
        UPDATE reservations SET awaited_g = awaited_g - least(awaited, parts.weight_g),
            held_g = held_g - (parts.weight_g - least(awaited, parts.weight_g)),
            released_g = released_g + parts.weight_g
        FROM parts WHERE reservations.id = parts.id
        RETURNING pool_id, presale_id, parts.weight_g - least(awaited, parts.weight_g) AS held_g,
            parts.weight_g AS gone_g
    ), {_GIVE_BACK}
    """
)


def release_part(session: Session, weights: Mapping[int, int]) -> None:
    """Give back so many grams of the holds of these lines (by reservation id): first what still waits for a harvest.

    Of several pools the one that was taken from last gets them first, as if less had been ordered. The caller knows
    that there is so much.
    """
    session.execute(_RELEASE_PART, {"ids": list(weights), "weights": list(weights.values())})


@dataclass(frozen=True)
class Picked:
    """Grams taken from a lot."""

    lot_id: int
    weight_g: int


def pick(session: Session, wanted: Mapping[int, int], *, now: datetime, day: date) -> dict[int, list[Picked]]:
    """Take grams of lines (by the id of their hold) out of lots: oldest harvest first, expired and recalled ones never.

    Of several holds of a line the one that was taken first goes first. Locks the pools by rising id, then the lots of
    all products in pick order. Raises NotEnoughStock when the lots of a product hold less than the counters say
    (something perished and the sweep has not run yet); the caller's transaction then ends.
    """
    holds = session.execute(
        text(
            "SELECT reservations.id, coalesce(beside_id, reservations.id) AS line_hold_id, pool_id, product_id, sku,"
            " held_g FROM reservations JOIN pools ON pools.id = pool_id JOIN products ON products.id = product_id"
            " WHERE reservations.id = ANY(:ids) OR beside_id = ANY(:ids)"
            " ORDER BY pool_id, reservations.id FOR UPDATE OF pools"
        ),
        {"ids": list(wanted)},
    ).all()
    missing = dict(wanted)
    parts: dict[int, int] = {}
    for hold in sorted(holds, key=lambda hold: hold.id):
        parts[hold.id] = min(hold.held_g, missing[hold.line_hold_id])
        missing[hold.line_hold_id] -= parts[hold.id]
    for hold in holds:
        of_line = hold.line_hold_id
        if missing[of_line]:  # ordered in a pre-sale, and not all of it has come
            asked_g = wanted[of_line]
            raise NotEnoughStock([{"sku": hold.sku, "asked_g": asked_g, "left_g": asked_g - missing[of_line]}])
    holds = [hold for hold in holds if parts[hold.id]]
    left = _lots_in_pick_order(session, {hold.product_id for hold in holds}, day)
    picked = {hold.id: _from_oldest(left[hold.product_id], parts[hold.id], hold.sku) for hold in holds}
    session.execute(
        text("UPDATE lots SET dispatched_g = dispatched_g + :take WHERE id = :id"),
        [{"id": pick.lot_id, "take": pick.weight_g} for picks in picked.values() for pick in picks],
    )
    session.execute(
        text("UPDATE reservations SET held_g = held_g - :w, sold_g = sold_g + :w WHERE id = :id"),
        [{"id": hold.id, "w": parts[hold.id]} for hold in holds],
    )
    session.execute(
        text("UPDATE pools SET reserved_g = reserved_g - :w, sold_g = sold_g + :w WHERE id = :id"),
        [{"id": hold.pool_id, "w": parts[hold.id]} for hold in holds],
    )
    session.add_all(
        Movement(pool_id=hold.pool_id, lot_id=p.lot_id, kind=MovementKind.DISPATCH, weight_g=-p.weight_g, at=now)
        for hold in holds
        for p in picked[hold.id]
    )
    session.flush()
    by_line: dict[int, Counter[int]] = {of_line: Counter() for of_line in wanted}
    for hold in holds:
        by_line[hold.line_hold_id].update({p.lot_id: p.weight_g for p in picked[hold.id]})
    return {of_line: [Picked(*lot) for lot in lots.items()] for of_line, lots in by_line.items()}


def _lots_in_pick_order(session: Session, product_ids: Collection[int], day: date) -> dict[int, dict[int, int]]:
    """By product the grams left in each fresh lot, oldest harvest first; the lots are locked."""
    left: dict[int, dict[int, int]] = {product_id: {} for product_id in product_ids}
    for product_id, lot_id, left_g in session.execute(
        text(
            "SELECT product_id, id, received_g - dispatched_g - withdrawn_g - graded_g - repacked_g FROM lots"
            " WHERE product_id = ANY(:products) AND expires_on > :day"
            " AND received_g > dispatched_g + withdrawn_g + graded_g + repacked_g AND NOT EXISTS ("
            "   SELECT FROM recall_lots JOIN recalls ON recalls.id = recall_id"
            "   WHERE recall_lots.lot_id = lots.id AND lifted_at IS NULL)"
            " ORDER BY product_id, harvested_on, id FOR UPDATE"
        ),
        {"products": list(product_ids), "day": day},
    ):
        left[product_id][lot_id] = left_g
    return left


def _from_oldest(left: dict[int, int], weight_g: int, sku: str) -> list[Picked]:
    """Grams out of the lots in their order, which `left` then lacks. Raises NotEnoughStock."""
    picks, missing = [], weight_g
    for lot_id, left_g in left.items():
        take = min(missing, left_g)
        if take:
            picks.append(Picked(lot_id, take))
            left[lot_id] -= take
            missing -= take
    if missing:
        raise NotEnoughStock([{"sku": sku, "asked_g": weight_g, "left_g": weight_g - missing}])
    return picks


def retire_lots(session: Session, *, day: date, now: datetime) -> int:
    """Take expired lots out of stock; returns the grams. Never takes what is held for somebody.

    What closed sessions left behind comes back to open stock first. A lot whose grams are all held stays until the
    holds are dispatched or released; the daily sweep comes again. All pools are locked before the first lot.
    """
    expired = (Lot.expires_on <= day) & (Lot.left_g > 0)
    closed = select(Pool.product_id).where(Pool.occasion_id.in_(_left_behind()))
    locked_pools(session, Pool.product_id.in_(select(Lot.product_id).where(expired).union(closed)))
    return_left_behind(session, now=now)
    return take_free(session, expired, lambda _: "expired", now)


def take_free(session: Session, which: ColumnElement[bool], reason: Callable[[int], str], now: datetime) -> int:
    """Take what is free of some lots out of all pools of their products, open stock first; returns the grams.

    `reason`: by the id of a lot. Locks all pools of the products by rising id (an open one is older than what was set
    aside out of it), then the lots in pick order.
    """
    products = session.scalars(select(Lot.product_id).where(which).distinct()).all()
    if not products:
        return 0
    free = locked_pools(session, Pool.product_id.in_(products))
    of_product = dict(session.execute(select(Pool.id, Pool.product_id).where(Pool.id.in_(free))).all())
    gone = 0
    for lot_id, product_id, left_g in session.execute(
        select(Lot.id, Lot.product_id, Lot.left_g)
        .where(which)
        .order_by(Lot.product_id, Lot.harvested_on, Lot.id)
        .with_for_update()
    ).all():
        missing = left_g
        for pool_id, available_g in free.items():
            taken = min(missing, available_g) if of_product[pool_id] == product_id else 0
            if taken:
                take_out(session, pool_id, lot_id, taken, reason(lot_id), now)
                free[pool_id] -= taken
                missing -= taken
        gone += left_g - missing
    return gone


def withdraw(session: Session, lot_id: int, product_id: int, weight_g: int, *, reason: str, now: datetime) -> int:
    """Take up to `weight_g` available grams of a lot out of open stock (loss, expiry); returns what was taken.

    Locks the pool, then the lot: the order of `pick`.
    """
    pool_id = open_pool(session, product_id)
    in_pool = locked_pools(session, Pool.id == pool_id)[pool_id]
    in_lot = session.execute(select(Lot.left_g).where(Lot.id == lot_id).with_for_update()).scalar_one()
    taken = min(in_pool, in_lot, weight_g)
    if taken:
        take_out(session, pool_id, lot_id, taken, reason, now)
    return taken


def take_out(session: Session, pool_id: int, lot_id: int, weight_g: int, reason: str, now: datetime) -> None:
    """Take available grams out of stock for good; negative ones come back. Pool and lot are locked."""
    session.execute(
        update(Pool)
        .where(Pool.id == pool_id)
        .values(available_g=Pool.available_g - weight_g, withdrawn_g=Pool.withdrawn_g + weight_g)
    )
    session.execute(update(Lot).where(Lot.id == lot_id).values(withdrawn_g=Lot.withdrawn_g + weight_g))
    session.add(
        Movement(pool_id=pool_id, lot_id=lot_id, kind=MovementKind.WITHDRAW, weight_g=-weight_g, at=now, reason=reason)
    )
    session.flush()
