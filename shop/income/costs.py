"""Costs of growing, by rate or entry, so that net business income can be told. Rules: docs/income.md.

Entered costs of a family, product and year go before its area times a rate a mu, and that before rates a kg. What
was counted by a rate before is taken back by a line of its own; in closed months nothing changes. When the last record
of a product and year is void, or no more of the family, its sales are counted by rates again, or are uncovered. By
rates a sale costs what holds on its day, in whatever order they were entered or made void.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Integer, and_, cast, exists, func, select, text
from sqlalchemy.orm import Session, aliased

from shop.catalog.models import Product
from shop.farmers.models import Household, HouseholdAlias
from shop.income.corrected import correct, is_void
from shop.income.errors import (
    AreaRecordedAnew,
    CostCodeTaken,
    CostInTheFuture,
    CostsEntered,
    CostTakenOver,
    NoCostRate,
    NoRateOfDay,
    RateTaken,
)
from shop.income.jobs import COUNT_COSTS
from shop.income.models import CostBasis, CostCorrection, CostKind, CostLine, CostRate, CostRateVoid, CostRecord
from shop.income.months import open_from
from shop.kit.clock import beijing_day, month_of
from shop.kit.codes import way_out
from shop.kit.errors import NotFoundError
from shop.kit.jobs import enqueue
from shop.kit.money import divide_half_up

#: Advisory lock, taken after that of booking: whoever counts the sales that he books takes it shared, whoever records
#: costs of a household or counts anew by rates exclusively.
LOCK = 0x1C057
MU_TENTHS = 10

#: A record that tells the costs of its product and year: neither void, nor an area that was taken over.
_TELLS = """
    cost_records.amount_fen + (
        SELECT coalesce(sum(change_fen), 0) FROM cost_corrections WHERE record_id = cost_records.id) > 0
    AND NOT EXISTS (SELECT FROM cost_lines AS told JOIN cost_lines AS back ON back.corrects_id = told.id
                    WHERE told.record_id = cost_records.id)
"""
_RECORD_TELLS = text(
    f"SELECT EXISTS (SELECT FROM cost_records WHERE household_id = ANY(:family) AND product_id = :product"
    f" AND year = :year AND {_TELLS})"
)
#: The records of the family of a sale.
_FAMILY = """
    SELECT kin.household_id FROM household_aliases AS kin WHERE kin.counts_for_id = head.id UNION ALL SELECT head.id
"""

#: The rate of the day of a sale `sold`.
_RATE = """
    LEFT JOIN LATERAL (
        SELECT id, rate_fen FROM cost_rates
        WHERE cost_rates.product_id = sold.product_id AND basis = 'kg' AND valid_from <= earned_on
            AND NOT EXISTS (SELECT FROM cost_rate_voids WHERE cost_rate_voids.rate_id = cost_rates.id)
        ORDER BY valid_from DESC LIMIT 1) AS rate ON true
"""

#: A line for each sale (or correction of one) that is not covered, by its rate; or none where a record of the family
#: tells. With its corrections a slip costs what it weighs after them: a correction the difference (`before`: the slip
#: without what came later). Each line of a sale but the first undoes or renews the one before: an odd number covers it.
_COUNT = f"""
    INSERT INTO cost_lines (household_id, firm_id, product_id, incurred_on, month, amount_fen, covers_fen,
                            income_entry_id, position, rate_id)
    SELECT sold.household_id, sold.firm_id, sold.product_id, earned_on,
        greatest(sold.month, CAST(:open_from AS date)),
        CASE WHEN recorded.so THEN 0 ELSE ((before.grams + weight_g) * rate_fen * 2 + 1000) / 2000
                                          - (before.grams * rate_fen * 2 + 1000) / 2000 END,
        amount_fen, sold.id, counted.lines, CASE WHEN NOT recorded.so THEN rate.id END
    FROM income_entries AS sold
    {_RATE}
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(slip.weight_g) FILTER (WHERE slip.id < sold.id), 0)::bigint AS grams
        FROM (SELECT id, weight_g FROM income_entries WHERE id = coalesce(sold.corrects_id, sold.id) UNION ALL
              SELECT id, weight_g FROM income_entries WHERE corrects_id = coalesce(sold.corrects_id, sold.id)) AS slip
        ) AS before
    CROSS JOIN LATERAL (SELECT coalesce((
        SELECT counts_for_id FROM household_aliases WHERE household_aliases.household_id = sold.household_id
        ), sold.household_id) AS id) AS head
    CROSS JOIN LATERAL (SELECT EXISTS (
        SELECT FROM cost_records WHERE cost_records.household_id = ANY(ARRAY({_FAMILY}))
            AND cost_records.product_id = sold.product_id AND year = extract(year FROM earned_on)
            AND {_TELLS}) AS so) AS recorded
    CROSS JOIN LATERAL (SELECT count(*) AS lines FROM cost_lines WHERE income_entry_id = sold.id) AS counted
    WHERE kind = 'sale' AND (recorded.so OR rate.id IS NOT NULL) AND counted.lines % 2 = 0 AND {{which}}
"""
_OF_EVENTS = "source_type = :source AND source_id = ANY(:ids)"
_OF_PRODUCT = "product_id = :product AND earned_on >= :since"
_OF_FAMILY = "household_id = ANY(:family) AND product_id = :product AND extract(year FROM earned_on) = :year"

#: Takes back what still stands of a family, product and year: lines by rates, and of records of the kinds named.
_TAKE_BACK = text(
    """
    INSERT INTO cost_lines (household_id, firm_id, product_id, incurred_on, month, amount_fen, covers_fen, corrects_id)
    SELECT lines.household_id, lines.firm_id, lines.product_id, lines.incurred_on,
        greatest(lines.month, CAST(:open_from AS date)), -lines.amount_fen, 0, lines.id
    FROM cost_lines AS lines LEFT JOIN cost_records ON cost_records.id = record_id
    WHERE lines.household_id = ANY(:family) AND lines.product_id = :product
      AND extract(year FROM lines.incurred_on) = :year AND lines.corrects_id IS NULL AND lines.amount_fen <> 0
      AND (lines.rate_id IS NOT NULL OR cost_records.kind = ANY(:kinds) AND NOT EXISTS (
               SELECT FROM cost_corrections WHERE cost_corrections.record_id = cost_records.id))
      AND NOT EXISTS (SELECT FROM cost_lines AS back WHERE back.corrects_id = lines.id)
    """
)

#: Takes back what stands of a product's sales by another rate than that of their day, and uncovers these.
_TAKE_BACK_RATES = text(
    f"""
    WITH wrong AS (
        SELECT lines.id, lines.household_id, lines.firm_id, lines.product_id, lines.incurred_on, lines.month,
            lines.amount_fen, sold.id AS sale_id, sold.amount_fen AS covers_fen
        FROM cost_lines AS lines JOIN income_entries AS sold ON sold.id = lines.income_entry_id
        {_RATE}
        WHERE sold.product_id = :product AND earned_on >= :since AND lines.rate_id <> coalesce(rate.id, 0)
          AND NOT EXISTS (SELECT FROM cost_lines AS back WHERE back.corrects_id = lines.id)
    ), taken_back AS (
        INSERT INTO cost_lines (household_id, firm_id, product_id, incurred_on, month, amount_fen, covers_fen,
                                corrects_id)
        SELECT household_id, firm_id, product_id, incurred_on, greatest(month, CAST(:open_from AS date)), -amount_fen,
            0, id
        FROM wrong
    )
    INSERT INTO cost_lines (household_id, firm_id, product_id, incurred_on, month, amount_fen, covers_fen,
                            income_entry_id, position)
    SELECT household_id, firm_id, product_id, incurred_on, greatest(told.month, CAST(:open_from AS date)), 0,
        -covers_fen, sale_id, told.lines
    FROM wrong CROSS JOIN LATERAL (
        SELECT max(month) AS month, count(*) AS lines FROM cost_lines WHERE income_entry_id = sale_id) AS told
    """
)

#: Uncovers the sales of a family, product and year that a record told: of them nothing stands that a rate counted.
_UNCOVER = text(
    """
    INSERT INTO cost_lines (household_id, firm_id, product_id, incurred_on, month, amount_fen, covers_fen,
                            income_entry_id, position)
    SELECT household_id, firm_id, product_id, incurred_on, greatest(max(month), CAST(:open_from AS date)), 0,
        -sum(covers_fen), income_entry_id, count(*)
    FROM cost_lines AS lines
    WHERE household_id = ANY(:family) AND product_id = :product AND extract(year FROM incurred_on) = :year
      AND income_entry_id IS NOT NULL
    GROUP BY household_id, firm_id, product_id, incurred_on, income_entry_id
    HAVING count(*) % 2 = 1 AND NOT bool_or(rate_id IS NOT NULL AND NOT EXISTS (
        SELECT FROM cost_lines AS back WHERE back.corrects_id = lines.id))
    """
)


def count_costs(session: Session, source: str, ids: Sequence[int] | None) -> int:
    """Count the costs of sales that these events of one source table booked (None = of all); returns lines.

    The caller holds the lock of booking (`months.open_from`).
    """
    session.execute(select(func.pg_advisory_xact_lock_shared(LOCK)))
    which = "source_type = :source" if ids is None else _OF_EVENTS
    bound = {"source": source} | ({} if ids is None else {"ids": list(ids)})
    return _count(session, which, bound)


def count_by_rate(session: Session, rate_id: int) -> int:
    """Count the sales of a rate's product from its first day on by the rate of their day; returns lines.

    What another rate counted, or one that is void, is taken back before. Run twice, it finds nothing. Takes the lock of
    booking shared, then that of costs exclusively: a sale that is being booked was counted by the rates before it.
    """
    rate = session.get_one(CostRate, rate_id)
    of = {"product": rate.product_id, "since": rate.valid_from}
    first = open_from(session)
    session.execute(select(func.pg_advisory_xact_lock(LOCK)))
    session.execute(_TAKE_BACK_RATES, of | {"open_from": first})
    return _count(session, _OF_PRODUCT, of)


def _count(session: Session, which: str, bound: dict[str, Any]) -> int:
    done = session.execute(text(_COUNT.format(which=which)), bound | {"open_from": open_from(session)})
    return int(done.rowcount)  # type: ignore[attr-defined]


def set_rate(
    session: Session, product: Product, basis: CostBasis, rate_fen: int, valid_from: date, source: str, *,
    actor_id: int | None, now: datetime,
) -> CostRate:  # fmt: skip
    """Say what a product costs to grow from a day on: fen a kg, or a mu and year. Asks for the counting of past sales.

    A rate a kg counts the sales from its day on until that of the next one, also those that an earlier rate counted; a
    rate a mu the areas that are recorded after it (`areas_kept`: the others). Raises RateTaken.
    """
    last = session.execute(
        select(CostRate.id, CostRateVoid.rate_id)
        .outerjoin(CostRateVoid, CostRateVoid.rate_id == CostRate.id)
        .where(_of_day(product, basis, valid_from))
        .order_by(CostRate.id.desc())
        .limit(1)
    ).one_or_none()
    if last is not None and last[1] is None:
        raise RateTaken(sku=product.sku, valid_from=str(valid_from))
    rate = CostRate(
        product_id=product.id, basis=basis, rate_fen=rate_fen, valid_from=valid_from, source=source,
        replaces_id=last[1] if last else None, recorded_by_id=actor_id, recorded_at=now,
    )  # fmt: skip
    session.add(rate)
    session.flush()
    if basis is CostBasis.KG:
        enqueue(session, COUNT_COSTS, rate.id, now=now)
    return rate


#: Areas that an answer names; the others it counts.
AREAS_NAMED = 100


def areas_kept(session: Session, rate: CostRate) -> tuple[list[str], int]:
    """Areas that count by the rate a mu they were recorded by, on whose day `rate` holds by now: first codes, number.

    They stay as they are until each is made void and recorded anew: docs/income.md.
    """
    if rate.basis is not CostBasis.MU:
        return [], 0
    other = aliased(CostRate)
    later = exists().where(
        other.product_id == rate.product_id, other.basis == rate.basis, other.valid_from > rate.valid_from,
        other.valid_from <= CostRecord.incurred_on, ~exists().where(CostRateVoid.rate_id == other.id),
    )  # fmt: skip
    kept = select(CostRecord.code).where(
        CostRecord.kind == CostKind.AREA, CostRecord.product_id == rate.product_id, CostRecord.rate_id != rate.id,
        CostRecord.incurred_on >= rate.valid_from, text(_TELLS), ~later,
    )  # fmt: skip
    many = session.scalar(select(func.count()).select_from(kept.subquery()))
    return list(session.scalars(kept.order_by(CostRecord.id).limit(AREAS_NAMED))), many or 0


def void_rate(
    session: Session, product: Product, basis: CostBasis, valid_from: date, reason: str, *, actor_id: int | None,
    now: datetime,
) -> tuple[CostRate, list[str]]:  # fmt: skip
    """Say that the rate of a day was keyed wrong; the rate, and the codes of areas that are void with it.

    It stays as it was and counts nothing any more: asks for the counting of what it counted. Areas that it counts are
    corrected to nothing, to be recorded anew. Locks as `record_cost`. Raises NoRateOfDay.
    """
    open_from(session)
    session.execute(select(func.pg_advisory_xact_lock(LOCK)))
    rate = session.scalar(select(CostRate).where(_of_day(product, basis, valid_from), ~_IS_VOID))
    if rate is None:
        raise NoRateOfDay(sku=product.sku, valid_from=str(valid_from))
    session.add(CostRateVoid(rate_id=rate.id, reason=reason, recorded_by_id=actor_id, recorded_at=now))
    session.flush()
    if basis is CostBasis.KG:
        enqueue(session, COUNT_COSTS, rate.id, now=now)
    areas = session.scalars(
        select(CostRecord.code).where(CostRecord.rate_id == rate.id, text(_TELLS)).order_by(CostRecord.id)
    ).all()
    for code in areas:
        correct_cost(session, code, 0, reason, actor_id=actor_id, now=now)
    return rate, list(areas)


_IS_VOID = exists().where(CostRateVoid.rate_id == CostRate.id)


def _of_day(product: Product, basis: CostBasis, valid_from: date) -> ColumnElement[bool]:
    return and_(CostRate.product_id == product.id, CostRate.basis == basis, CostRate.valid_from == valid_from)


@dataclass(frozen=True)
class Spent:
    """What a household spent: kind, day, fen (or for `area` tenths of a mu), and the paper that says so."""

    code: str
    kind: CostKind
    incurred_on: date
    source: str
    amount_fen: int | None = None
    mu_tenths: int | None = None


def record_cost(
    session: Session, household: Household, product: Product | None, spent: Spent, *, actor_id: int | None,
    now: datetime,
) -> CostRecord:  # fmt: skip
    """Record a cost of a household and year. About a product, it takes the place of what rates counted of its family.

    Takes the lock of booking shared, then that of costs exclusively. Raises CostCodeTaken, CostInTheFuture, NoCostRate,
    CostsEntered.
    """
    first = open_from(session)
    session.execute(select(func.pg_advisory_xact_lock(LOCK)))
    if spent.incurred_on > beijing_day(now):
        raise CostInTheFuture(day=str(spent.incurred_on))
    taken = session.scalar(select(CostRecord).where(CostRecord.code == spent.code))
    if taken is not None:
        void = is_void(session, CostCorrection, CostCorrection.record_id, taken)
        way = way_out(session, CostRecord.code, spent.code, void=void, of_zh="条成本记录", of_en="cost record")
        raise CostCodeTaken(record=spent.code, **way)
    year, rate, amount_fen = spent.incurred_on.year, None, spent.amount_fen
    if spent.kind is CostKind.AREA and product is not None:
        rate, amount_fen = _by_area(session, household, product, spent)
    record = CostRecord(
        code=spent.code, household_id=household.id, product_id=product.id if product else None, kind=spent.kind,
        year=year, incurred_on=spent.incurred_on, mu_tenths=spent.mu_tenths, rate_id=rate.id if rate else None,
        amount_fen=amount_fen, source=spent.source, recorded_by_id=actor_id, recorded_at=now,
    )  # fmt: skip
    session.add(record)
    session.flush()
    if product is not None:
        triple = _triple(session, household.id, product.id, year)
        kinds = [] if spent.kind is CostKind.AREA else [CostKind.AREA.value]
        session.execute(_TAKE_BACK, triple | {"open_from": first, "kinds": kinds})
        _count(session, _OF_FAMILY, triple)
    session.add(
        CostLine(
            household_id=household.id, firm_id=product.firm_id if product else None,
            product_id=product.id if product else None, incurred_on=spent.incurred_on,
            month=max(month_of(spent.incurred_on), first), amount_fen=record.amount_fen, covers_fen=0,
            record_id=record.id,
        )
    )  # fmt: skip
    session.flush()
    return record


def correct_cost(
    session: Session, code: str, amount_fen: int, reason: str, *, actor_id: int | None, now: datetime
) -> tuple[CostCorrection, CostLine]:
    """Say what a cost record should have said (fen; zero = void) and count the difference; the correction, its line.

    It lands in the record's month while that is open, else in the open one. An area is voided and recorded anew. Locks
    as `record_cost`. Raises NotFoundError, AreaRecordedAnew, CostTakenOver, RecordStands.
    """
    first = open_from(session)
    session.execute(select(func.pg_advisory_xact_lock(LOCK)))
    record = session.scalar(select(CostRecord).where(CostRecord.code == code))
    if record is None:
        raise NotFoundError(what=code)
    if record.kind is CostKind.AREA and amount_fen:
        raise AreaRecordedAnew(record=code)
    line = session.scalars(select(CostLine).where(CostLine.record_id == record.id)).one()
    if session.scalar(select(CostLine.id).where(CostLine.corrects_id == line.id)):
        raise CostTakenOver(record=code)
    correction = correct(
        session, CostCorrection, CostCorrection.record_id, record, amount_fen, reason, actor_id=actor_id, now=now
    )
    changed = CostLine(
        household_id=record.household_id, firm_id=line.firm_id, product_id=record.product_id,
        incurred_on=record.incurred_on, month=max(line.month, first), amount_fen=correction.change_fen, covers_fen=0,
        correction_id=correction.id,
    )  # fmt: skip
    session.add(changed)
    session.flush()
    if record.product_id is not None and 0 in (amount_fen, amount_fen - correction.change_fen):
        triple = _triple(session, record.household_id, record.product_id, record.year)
        _tell_anew(session, triple, first, [CostKind.AREA.value])
    return correction, changed


def count_family(session: Session, household_id: int) -> None:
    """Count anew what rates and records tell of a family whose records were merged, or of one that was alone again.

    Sales of the family cost what is entered for any of its records, else what rates say of each; a rate that counted
    them before counts them again. Areas stay: each is of the land of its own record. Run twice, it finds nothing. Takes
    the locks of `record_cost`.
    """
    first = open_from(session)
    session.execute(select(func.pg_advisory_xact_lock(LOCK)))
    family = _family(session, household_id)
    year = cast(func.extract("year", CostLine.incurred_on), Integer)
    told = select(CostLine.product_id, year).where(CostLine.household_id.in_(family), CostLine.product_id.is_not(None))
    for product_id, of in session.execute(told.distinct().order_by(CostLine.product_id, year)).all():
        _tell_anew(session, {"family": family, "product": product_id, "year": of}, first, [])


def _tell_anew(session: Session, triple: dict[str, Any], first: date, kinds: list[str]) -> None:
    """A record became void, is void no more, or came to a family or left it: sales of its product and year are counted
    by rates, or by records, in the place of records of the kinds named."""
    if session.execute(_RECORD_TELLS, triple).scalar_one():
        session.execute(_TAKE_BACK, triple | {"open_from": first, "kinds": kinds})
    else:
        session.execute(_UNCOVER, triple | {"open_from": first})
    _count(session, _OF_FAMILY, triple)


def _triple(session: Session, household_id: int, product_id: int, year: int) -> dict[str, Any]:
    """What costs are told of: the records of a family, a product, a year."""
    return {"family": _family(session, household_id), "product": product_id, "year": year}


def _family(session: Session, household_id: int) -> list[int]:
    """Ids of the records of a household's family, as they are merged now; the caller holds the lock of costs."""
    alias = HouseholdAlias
    head = session.scalar(select(alias.counts_for_id).where(alias.household_id == household_id)) or household_id
    return [head, *session.scalars(select(alias.household_id).where(alias.counts_for_id == head))]


def _by_area(session: Session, household: Household, product: Product, spent: Spent) -> tuple[CostRate, int]:
    """The rate a mu of the day, and the area times it in fen, half up."""
    triple = _triple(session, household.id, product.id, spent.incurred_on.year)
    if session.execute(_RECORD_TELLS, triple).scalar_one():
        raise CostsEntered(household=household.code, sku=product.sku, year=spent.incurred_on.year)
    rate = session.scalar(
        select(CostRate)
        .where(
            CostRate.product_id == product.id, CostRate.basis == CostBasis.MU,
            CostRate.valid_from <= spent.incurred_on, ~_IS_VOID,
        )
        .order_by(CostRate.valid_from.desc())
        .limit(1)
    )  # fmt: skip
    if rate is None:
        raise NoCostRate(sku=product.sku, day=str(spent.incurred_on))
    return rate, divide_half_up((spent.mu_tenths or 0) * rate.rate_fen, MU_TENTHS)


def rates(session: Session, *, limit: int, before_id: int | None, sku: str | None) -> list[dict[str, Any]]:
    """Rates, newest first, void ones with why. One statement."""
    query = (
        select(CostRate, Product.sku, CostRateVoid)
        .join(Product, Product.id == CostRate.product_id)
        .outerjoin(CostRateVoid, CostRateVoid.rate_id == CostRate.id)
        .order_by(CostRate.id.desc())
        .limit(limit)
    )
    if before_id is not None:
        query = query.where(CostRate.id < before_id)
    if sku is not None:
        query = query.where(Product.sku == sku)
    return [rate_told(rate, of, void) for rate, of, void in session.execute(query)]


def rate_told(rate: CostRate, sku: str, void: CostRateVoid | None = None) -> dict[str, Any]:
    """A rate as it is shown."""
    return {
        "id": rate.id, "sku": sku, "basis": rate.basis.value, "rate_fen": rate.rate_fen,
        "valid_from": rate.valid_from, "source": rate.source, "void_reason": void.reason if void else None,
        "voided_at": void.recorded_at if void else None,
    }  # fmt: skip


def net_business(
    gross_fen: int, without_cost_fen: int, covered_fen: int, cost_fen: int, late_fen: int = 0
) -> dict[str, int]:
    """Business income of the statistics office, gross and net apart (fen).

    `gross_fen`: all business income, of which `without_cost_fen` (returned surplus) bears no cost of its own;
    `covered_fen`: sales whose costs became known, of which `late_fen` are of closed months before. Net is told of what
    is covered; the rest of the gross stands apart, uncovered: below zero where a sale of a closed month is corrected
    whose costs are not known. So it adds up over households, products and places.
    """
    known = covered_fen + without_cost_fen
    return {
        "gross_fen": gross_fen, "covered_fen": known, "cost_fen": cost_fen, "net_fen": known - cost_fen,
        "uncovered_gross_fen": gross_fen - (known - late_fen),
    }  # fmt: skip
