"""Lots made of parts of other lots: graded down into another product, or repacked. Rules: docs/lots.md."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from shop.catalog.models import Firm, Product
from shop.farmers.models import Grade
from shop.kit.clock import beijing_day
from shop.stock.actions import (
    add_to_pool,
    lock_product,
    locked_pools,
    needs_batch_paper,
    open_pool,
    receive_lot,
    take_out,
)
from shop.stock.errors import (
    BatchPaperMissing,
    CertificateNotAnew,
    GradedIntoOther,
    LotIsHeld,
    LotIsRecalled,
    NotFoundError,
    NotFresh,
    NotTheFirms,
    OtherKindOfGoods,
)
from shop.stock.models import Lot, LotPart, Movement, MovementKind, PartKind, Pool, PoolKind
from shop.stock.recalls import LOCK, in_recall

#: From the best to the least.
GRADES = tuple(Grade)
#: Movements by which a part leaves its lot.
MOVES = {PartKind.GRADED: MovementKind.GRADE, PartKind.REPACKED: MovementKind.REPACK}


@dataclass(frozen=True)
class Source:
    """Grams taken out of a lot, of which `lost_g` spoil or dry while working and do not arrive."""

    lot: str
    weight_g: int
    lost_g: int = 0


def remake(
    session: Session, firm: Firm, product: Product, sources: Sequence[Source], *, grade: Grade | None,
    certificate_number: str | None, actor_id: int | None, now: datetime,
) -> Lot:  # fmt: skip
    """A lot of `product` made of parts of the firm's lots: graded down to `grade`, or (None) repacked.

    Locks recalls, shared; the product; the pools by rising id; the lots in pick order. Raises NotTheFirms,
    NotFoundError (a missing or foreign lot), OtherKindOfGoods, GradedIntoOther, LotIsRecalled, NotFresh, LotIsHeld,
    BatchPaperMissing, CertificateNotAnew; the caller's transaction then ends, so nothing is changed.
    """
    session.execute(select(func.pg_advisory_xact_lock_shared(LOCK)))
    lock_product(session, product)
    if product.firm_id != firm.id:
        raise NotTheFirms(sku=product.sku, firm=firm.code)
    lots = _locked_lots(session, firm, product, [source.lot for source in sources])
    today = beijing_day(now)
    for source in sources:
        _may_become(session, lots[source.lot], product, grade)
    harvested_on = min(lot.harvested_on for lot in lots.values())
    expires_on = min(harvested_on + timedelta(days=product.shelf_life_days), *(lot.expires_on for lot in lots.values()))
    if expires_on <= today:
        raise NotFresh(harvested_on=str(harvested_on), expires_on=str(expires_on))
    _certified_anew(session, firm, product, certificate_number)
    kind = PartKind.REPACKED if grade is None else PartKind.GRADED
    for source in sources:
        _take(session, lots[source.lot], source, kind, now)
    made = receive_lot(
        session, product, harvested_on=harvested_on, expires_on=expires_on, certificate_number=certificate_number,
        grade=grade or _common_grade(list(lots.values())),
        weight_g=sum(source.weight_g - source.lost_g for source in sources), actor_id=actor_id, now=now,
    )  # fmt: skip
    session.add_all(
        LotPart(lot_id=made.id, source_id=lots[source.lot].id, kind=kind, weight_g=source.weight_g - source.lost_g)
        for source in sources
    )
    session.flush()
    return made


def _locked_lots(session: Session, firm: Firm, product: Product, codes: Sequence[str]) -> dict[str, Lot]:
    """The firm's lots by code, behind the open pools of their products and of the new lot's. Raises NotFoundError."""
    of_them = select(Lot.product_id).where(Lot.code.in_(codes), Lot.firm_id == firm.id)
    open_pool(session, product.id)
    concerned = Pool.product_id.in_(of_them) | (Pool.product_id == product.id)
    locked_pools(session, concerned & (Pool.kind == PoolKind.OPEN))
    found = {
        lot.code: lot
        for lot in session.scalars(
            select(Lot)
            .where(Lot.code.in_(codes), Lot.firm_id == firm.id)
            .order_by(Lot.product_id, Lot.harvested_on, Lot.id)
            .with_for_update()
        )
    }
    for code in codes:
        if code not in found:
            raise NotFoundError(what=code)
    return found


def _may_become(session: Session, lot: Lot, product: Product, grade: Grade | None) -> None:
    if session.get_one(Product, lot.product_id).category is not product.category:
        raise OtherKindOfGoods(lot=lot.code, sku=product.sku)
    if in_recall(session, lot.id):
        raise LotIsRecalled(lot=lot.code)
    if grade is None:
        return
    lower = lot.grade is None or GRADES.index(grade) > GRADES.index(lot.grade)
    if lot.product_id == product.id or not lower:
        raise GradedIntoOther(lot=lot.code, grade=grade.value)


def _certified_anew(session: Session, firm: Firm, product: Product, number: str | None) -> None:
    """The new batch has a certificate of its own. Raises BatchPaperMissing, CertificateNotAnew."""
    if not number and needs_batch_paper(session, product):
        raise BatchPaperMissing(sku=product.sku)
    if number and session.scalar(
        select(Lot.id).where(Lot.firm_id == firm.id, Lot.certificate_number == number).limit(1)
    ):
        raise CertificateNotAnew(certificate=number)


def _common_grade(lots: Sequence[Lot]) -> Grade | None:
    grades = {lot.grade for lot in lots}
    return grades.pop() if len(grades) == 1 else None


def _take(session: Session, lot: Lot, source: Source, kind: PartKind, now: datetime) -> None:
    """Take a part out of a lot and its pool, both locked; what is lost of it is withdrawn. Raises LotIsHeld."""
    pool_id, in_pool = session.execute(
        select(Pool.id, Pool.available_g).where(Pool.product_id == lot.product_id, Pool.kind == PoolKind.OPEN)
    ).one()
    free_g = min(in_pool, lot.left_g)
    if source.weight_g > free_g:
        raise LotIsHeld(lot=lot.code, free_g=free_g, asked_g=source.weight_g)
    part_g = source.weight_g - source.lost_g
    if source.lost_g:
        take_out(session, pool_id, lot.id, source.lost_g, kind.value, now)
    add_to_pool(session, pool_id, -part_g)
    column = Lot.graded_g if kind is PartKind.GRADED else Lot.repacked_g
    session.execute(update(Lot).where(Lot.id == lot.id).values({column: column + part_g}))
    session.add(Movement(pool_id=pool_id, lot_id=lot.id, kind=MOVES[kind], weight_g=-part_g, at=now))
    session.flush()
