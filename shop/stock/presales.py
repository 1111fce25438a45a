"""Pre-sales: packs of a harvest to come, sold against a cap; lots that come serve them first, in order of placing.

What was ordered is a hold that still waits for its grams (`awaited_g`). The cap is one counter row, raised by one
guarded statement, so that it is never oversold; what comes to nothing gives its part of the cap back.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, cast, func, select, text
from sqlalchemy.orm import Session

from shop.access.guard import ALL, Actor, Role, may_see
from shop.catalog.models import Firm, Product
from shop.catalog.season import sellable
from shop.kit.clock import beijing_day
from shop.kit.errors import NotFoundError
from shop.kit.states import record
from shop.stock.actions import open_pool
from shop.stock.errors import PresaleDatesDoNotFit, PresaleFull, PresaleRuns
from shop.stock.models import Pool, Presale, Reservation
from shop.stock.supply import Supply, reached

#: A harvest is sold a year ahead at most.
LONGEST_DAYS = 366


@dataclass(frozen=True)
class PresaleRow:
    """A pre-sale as an order or a page needs it. Grams; days are Beijing's, all included."""

    presale_id: int
    code: str
    product_id: int
    cap_g: int
    taken_g: int
    opens_on: date
    closes_on: date
    ship_by: date
    ended: bool

    def open_on(self, day: date) -> bool:
        """Whether packs can be ordered on `day`."""
        return not self.ended and self.opens_on <= day <= self.closes_on

    @property
    def left_g(self) -> int:
        """Grams of the cap that nobody ordered."""
        return self.cap_g - self.taken_g


def open_presale(
    session: Session, product: Product, packs: int, opens_on: date, closes_on: date, ship_by: date, *,
    actor_id: int | None, now: datetime,
) -> Presale:  # fmt: skip
    """Sell `packs` of a harvest to come, ordered from one day to another, sent by a third. Locks the product.

    Raises PresaleDatesDoNotFit unless the days are in order, from today on, and the product can be good on the last;
    PresaleRuns while another one takes orders on any of these days.
    """
    session.execute(select(Product.id).where(Product.id == product.id).with_for_update(key_share=True))
    today = beijing_day(now)
    in_order = today <= opens_on <= closes_on <= ship_by and (ship_by - today).days <= LONGEST_DAYS
    months = (product.harvest_start_month, product.harvest_end_month, product.shelf_life_days)
    if not in_order or (product.is_fresh and not sellable(*months, ship_by)):
        raise PresaleDatesDoNotFit(sku=product.sku, ship_by=str(ship_by))
    others = select(Presale.code).where(
        Presale.product_id == product.id, Presale.ended_at.is_(None), Presale.opens_on <= closes_on,
        Presale.closes_on >= opens_on,
    )  # fmt: skip
    if (running := session.scalar(others)) is not None:
        raise PresaleRuns(presale=running)
    number = session.scalar(select(func.count()).select_from(Presale).where(Presale.product_id == product.id)) or 0
    open_pool(session, product.id)
    presale = Presale(
        code=f"Y{product.sku}-{number + 1}", product_id=product.id, cap_g=packs * product.net_weight_g, taken_g=0,
        opens_on=opens_on, closes_on=closes_on, ship_by=ship_by, opened_at=now,
    )  # fmt: skip
    session.add(presale)
    session.flush()
    facts: dict[str, object] = {"packs": packs, "ship_by": str(ship_by)}
    record(session, presale, "open", person_id=actor_id, now=now, facts=facts)
    session.flush()
    return presale


def end_presale(session: Session, presale: Presale, *, actor_id: int | None, now: datetime) -> None:
    """Take no more orders from now on; those that stand are sent. Done twice it stays as it was."""
    if presale.ended_at is None:
        presale.ended_at = now
        record(session, presale, "end", person_id=actor_id, now=now)
        session.flush()


def presale_by_code(session: Session, code: str, *, lock: bool = False) -> Presale:
    """The pre-sale. Raises NotFoundError."""
    query = select(Presale).where(Presale.code == code)
    presale = session.scalar(query.with_for_update() if lock else query)
    if presale is None:
        raise NotFoundError(what=code)
    return presale


def presale_row(presale: Presale) -> PresaleRow:
    """The pre-sale as it stands."""
    return PresaleRow(
        presale.id, presale.code, presale.product_id, presale.cap_g, presale.taken_g, presale.opens_on,
        presale.closes_on, presale.ship_by, presale.ended_at is not None,
    )  # fmt: skip


def left_and_presales(
    session: Session, product_id: int, supply: Supply, *, now: datetime
) -> tuple[int, list[PresaleRow]]:
    """Grams of a product that an order can be taken from, and its pre-sales that take orders today. One statement."""
    day = beijing_day(now)
    there = select(func.coalesce(func.sum(Pool.available_g), 0)).where(
        Pool.product_id == product_id, reached(supply, now)
    )
    rows = session.execute(
        select(cast(there.scalar_subquery(), BigInteger), Presale)
        .select_from(Product)
        .outerjoin(Presale, (Presale.product_id == Product.id) & (Presale.closes_on >= day))
        .where(Product.id == product_id)
        .order_by(Presale.id)
    ).all()
    found = [presale_row(presale) for _, presale in rows if presale is not None]
    return rows[0][0], [row for row in found if row.open_on(day)]


_TAKE = text(
    """
    WITH taken AS (
        UPDATE presales SET taken_g = taken_g + :weight_g
        WHERE id = :presale_id AND taken_g + :weight_g <= cap_g RETURNING id, product_id
    )
    INSERT INTO reservations (pool_id, presale_id, weight_g, held_g, awaited_g, created_at, expires_at)
    SELECT pools.id, taken.id, :weight_g, 0, :weight_g, :now, :expires_at
    FROM taken JOIN pools ON pools.product_id = taken.product_id AND pools.kind = 'open'
    RETURNING id
    """
)


def take(session: Session, presale: PresaleRow, weight_g: int, *, expires_at: datetime | None, now: datetime) -> int:
    """Order grams of the harvest to come: the hold that waits for them. Locks the pre-sale. Raises PresaleFull."""
    found = session.execute(
        _TAKE,
        {"presale_id": presale.presale_id, "weight_g": weight_g, "now": now, "expires_at": expires_at},
    ).scalar()
    if found is None:
        left_g = session.scalar(select(Presale.cap_g - Presale.taken_g).where(Presale.id == presale.presale_id))
        raise PresaleFull(presale=presale.code, left_g=left_g or 0, asked_g=weight_g)
    return int(found)


def presales(
    session: Session, actor: Actor, *wanted: ColumnElement[bool], day: date, limit: int
) -> list[dict[str, Any]]:
    """Pre-sales, newest first: everybody sees those of admitted products; how far they are served, firm and county."""
    rows = session.execute(
        select(Presale, Product, Firm, _sums(Reservation.awaited_g), _sums(Reservation.held_g + Reservation.sold_g))
        .join(Product, Product.id == Presale.product_id)
        .join(Firm, Firm.id == Product.firm_id)
        .where(*wanted)
        .order_by(Presale.id.desc())
        .limit(limit)
    )
    return [
        _shown(presale, product, firm, (waiting, served), actor, day)
        for presale, product, firm, waiting, served in rows
    ]


def _sums(column: Any) -> Any:
    of_it = Reservation.presale_id == Presale.id
    return select(func.coalesce(func.sum(column), 0)).where(of_it).scalar_subquery()


def _shown(
    presale: Presale, product: Product, firm: Firm, grams: Sequence[int], actor: Actor, day: date
) -> dict[str, Any]:
    row = presale_row(presale)
    inside = may_see(actor, {Role.OPERATOR: ALL, Role.FIRM_STAFF: firm.party_id})
    return {
        "id": presale.id,
        "code": presale.code,
        "sku": product.sku,
        "name_zh": product.name_zh,
        "firm": firm.code,
        "opens_on": presale.opens_on,
        "closes_on": presale.closes_on,
        "ship_by": presale.ship_by,
        "open": row.open_on(day),
        "cap_packs": presale.cap_g // product.net_weight_g,
        "left_packs": row.left_g // product.net_weight_g,
        "waiting_g": int(grams[0]) if inside else None,
        "served_g": int(grams[1]) if inside else None,
    }
