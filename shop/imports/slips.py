"""Slips written without a line, brought in later by file: all or nothing, each slip counted once."""
# ruff: noqa: RUF009  `column()` declares a dataclass field: called once, on purpose

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ARRAY, String, any_, literal, select, text
from sqlalchemy.orm import Session

from shop.agreements.errors import BelowFarmGateFloor
from shop.agreements.grades import hold_farm_gate_floor
from shop.catalog.models import Firm, Product
from shop.catalog.season import in_harvest
from shop.farmers.actions import GradeFactors, normal_slip, worth_of
from shop.farmers.errors import SlipTooLarge, SlipWorthNothing
from shop.farmers.families import days_of
from shop.farmers.locks import IMPORTS
from shop.farmers.models import Delivery, DeliveryBatch, Grade, Household, Membership
from shop.imports import cells
from shop.imports.table import Problem, Read, Row, RowError, Sheet, column, read
from shop.income.actions import book_events
from shop.income.corrections import voided
from shop.kit.clock import beijing_day
from shop.kit.codes import next_free
from shop.kit.db import hold
from shop.kit.money import part, price_of, yuan
from shop.kit.schemas import MAX_FEN
from shop.places.gazetteer import Gazetteer

#: Batches wait for one another and for imports: two at once could each find the other's slips missing.


def _slip(cell: str) -> str:
    return cells.code(normal_slip(cell))


@dataclass(frozen=True)
class SlipRow(Row):
    """A slip as the collection point wrote it: gross weight, deduction, grade, base price, who signed."""

    code: str = column(_slip, header="单号", key=True)
    delivered_on: date = column(cells.day, header="日期")
    household_code: str = column(cells.code, header="农户")
    sku: str = column(cells.code, header="商品")
    gross_g: int = column(cells.kg, header="毛重kg")
    deduction_g: int = column(cells.kg_or_none, header="扣重kg")
    grade: Grade = column(cells.one_of(Grade), header="等级")
    base_price_fen_per_kg: int = column(cells.fen_per_kg, header="基价分每kg")
    signer: str = column(cells.text(60), header="签字人")

    @property
    def weight_g(self) -> int:
        """Net grams."""
        return self.gross_g - self.deduction_g

    def problems(self) -> Iterator[Problem]:
        """Something is left after the deduction."""
        if self.weight_g <= 0:
            yield "扣重kg", "扣重不小于毛重", "is not less than the gross weight"


SHEET: Sheet[SlipRow] = Sheet("slips", SlipRow, repeats=True)


@dataclass(frozen=True)
class BatchResult:
    """New and known slips, what the new ones weigh (net grams) and are worth (fen), or the errors: nothing was done.

    `voided`: those of the known ones that were voided since and count for nothing.
    """

    new: int
    known: int
    weight_g: int
    amount_fen: int
    errors: list[RowError]
    voided: list[str]


@dataclass(frozen=True)
class _Known:
    """What the rows name: households and products of the firm, when who was its own, slips recorded before.

    `void`: those of the slips that were voided since. `codes`: all that the file names.
    """

    households: dict[str, int]
    days: dict[str, list[tuple[date, date]]]
    products: dict[str, Product]
    slips: dict[str, Delivery]
    void: set[int]
    codes: set[str]
    factors: GradeFactors


def take_batch(
    session: Session, firm: Firm, file_name: str, data: bytes, *, actor_id: int | None, now: datetime,
    dry_run: bool = False,
) -> BatchResult:  # fmt: skip
    """Take a CSV or XLSX file of slips of one firm; their income is booked in the same moment.

    A slip recorded before with the same content is counted as known, also when it was corrected or voided since, or
    another floor, factor or season holds by now; with other content it is an error. Takes the lock of imports. Flushes,
    never commits.
    """
    hold(session, IMPORTS)
    got = read(SHEET, data, Gazetteer(), workbook=True)
    known = _known(session, firm, got)
    errors, fresh = [RowError(file_name, row.line, row.column, row.zh, row.en) for row in got.errors], []
    floors: dict[tuple[object, ...], bool] = {}
    for key, row in got.rows.items():
        slip = known.slips.get(row.code)
        if slip is not None and _same(row, slip, known):
            continue  # what held when it was recorded is not asked again
        wrong = list(_wrong(session, row, firm, known, beijing_day(now))) or list(
            _below_floor(session, row, known, floors)
        )
        errors += [RowError(file_name, got.lines[key], *problem) for problem in wrong]
        if not wrong:
            fresh.append(_written(row, firm, known))
    if errors:
        return BatchResult(0, 0, 0, 0, sorted(errors), [])
    if not dry_run and fresh:
        _write(session, firm, file_name, data, fresh, len(got.rows) - len(fresh), actor_id, now)
    return BatchResult(
        len(fresh), len(got.rows) - len(fresh), sum(row["weight_g"] for row in fresh),
        sum(row["amount_fen"] for row in fresh), [],
        [code for code, slip in known.slips.items() if slip.id in known.void],
    )  # fmt: skip


def _known(session: Session, firm: Firm, got: Read[SlipRow]) -> _Known:
    rows = got.rows.values()

    def among(names: set[str]) -> Any:
        return any_(literal(sorted(names), ARRAY(String)))

    households = session.execute(
        select(Household.code, Household.id)
        .join(Membership, Membership.household_id == Household.id)
        .where(Membership.firm_id == firm.id, Household.code == among({row.household_code for row in rows}))
    )
    products = session.scalars(
        select(Product).where(Product.firm_id == firm.id, Product.sku == among({row.sku for row in rows}))
    )
    codes = {row.code for row in rows}
    slips = {slip.code: slip for slip in session.scalars(select(Delivery).where(Delivery.code == among(codes)))}
    ids = dict(households.all())
    days = days_of(session, Firm.id == firm.id, Household.code == among(set(ids)))
    return _Known(
        ids, {code: own for (code, _), own in days.items()}, {product.sku: product for product in products}, slips,
        voided(session, [slip.id for slip in slips.values()]), codes, GradeFactors(session, firm.id),
    )  # fmt: skip


def _wrong(session: Session, row: SlipRow, firm: Firm, known: _Known, today: date) -> Iterator[Problem]:
    """What the business does not allow of a row that is not recorded as it stands.

    Another firm's slip tells nothing but that its number is taken; the firm's own that is void a number that is free.
    """
    if row.delivered_on > today:
        yield "日期", "日期还没有到", "is still to come"
    if not _related(row, known):
        yield "农户", "当日与该企业没有社员或订单关系", "is no household of this firm on that day"
    product = known.products.get(row.sku)
    if product is None:
        yield "商品", "不是该企业的商品", "is not a product of this firm"
    elif product.farm_gate_fen_per_kg is None or not in_harvest(
        product.harvest_start_month, product.harvest_end_month, row.delivered_on
    ):
        yield "商品", "当日不收购该商品", "is not taken on that day"
    factor_bp = known.factors.of(row.grade, row.delivered_on)
    if factor_bp is None:
        yield "等级", "没有该等级的系数", "has no factor"
    else:
        try:
            worth_of(row.code, row.weight_g, part(row.base_price_fen_per_kg, factor_bp))
        except SlipWorthNothing:
            yield "基价分每kg", "重量乘单价不足一分", "times the weight is less than half a fen"
        except SlipTooLarge:
            most = yuan(MAX_FEN)
            yield "基价分每kg", f"重量乘单价超过上限 {most} 元", f"times the weight is more than {most} yuan"
    slip = known.slips.get(row.code)
    if slip is not None and slip.firm_id == firm.id and slip.id in known.void:
        free = next_free(session, Delivery.code, row.code, known.codes)
        yield (
            "单号",
            f"该单号已登记，但已作废，重新登记请用 {free}",
            f"is that of a void slip, record it anew as {free}",
        )
    elif slip is not None:
        yield "单号", "该单号已登记，内容不同", "is the number of another slip"


def _below_floor(
    session: Session, row: SlipRow, known: _Known, seen: dict[tuple[object, ...], bool]
) -> Iterator[Problem]:
    """Whether the household would be paid less than a running agreement promises it; asked once for each price."""
    product = known.products[row.sku]
    price = part(row.base_price_fen_per_kg, known.factors.of(row.grade, row.delivered_on) or 0)
    asked = (product.id, row.delivered_on, row.grade, price)
    if asked not in seen:
        try:
            hold_farm_gate_floor(session, *asked)
            seen[asked] = False
        except BelowFarmGateFloor:
            seen[asked] = True
    if seen[asked]:
        yield "基价分每kg", "低于协议约定的农户保底价", "is below the farm-gate floor of an agreement"


def _related(row: SlipRow, known: _Known) -> bool:
    """Whether the household was of the firm on the day."""
    return any(first <= row.delivered_on <= last for first, last in known.days.get(row.household_code, ()))


def _same(row: SlipRow, slip: Delivery, known: _Known) -> bool:
    product = known.products.get(row.sku)
    said = (
        known.households.get(row.household_code), product.id if product else None, row.delivered_on, row.weight_g,
        row.deduction_g, row.grade, row.base_price_fen_per_kg, row.signer,
    )  # fmt: skip
    return said == (
        slip.household_id, slip.product_id, slip.delivered_on, slip.weight_g, slip.deduction_g, slip.grade,
        slip.base_price_fen_per_kg, slip.signer,
    )  # fmt: skip


def _written(row: SlipRow, firm: Firm, known: _Known) -> dict[str, Any]:
    factor_bp = known.factors.of(row.grade, row.delivered_on) or 0
    price_fen_per_kg = part(row.base_price_fen_per_kg, factor_bp)
    return {
        "code": row.code, "household_id": known.households[row.household_code], "firm_id": firm.id,
        "product_id": known.products[row.sku].id, "delivered_on": row.delivered_on, "deduction_g": row.deduction_g,
        "weight_g": row.weight_g, "grade": row.grade, "base_price_fen_per_kg": row.base_price_fen_per_kg,
        "factor_bp": factor_bp, "price_fen_per_kg": price_fen_per_kg, "signer": row.signer,
        "amount_fen": price_of(row.weight_g, price_fen_per_kg),
    }  # fmt: skip


def _write(
    session: Session, firm: Firm, file_name: str, data: bytes, fresh: list[dict[str, Any]], known: int,
    actor_id: int | None, now: datetime,
) -> None:  # fmt: skip
    batch = DeliveryBatch(
        firm_id=firm.id, file_name=file_name, sha256=hashlib.sha256(data).hexdigest(), new_slips=len(fresh),
        known_slips=known, recorded_by_id=actor_id, recorded_at=now,
    )  # fmt: skip
    session.add(batch)
    session.flush()
    columns = ", ".join(fresh[0])
    # One statement: a driver that sends row after row takes twice as long.
    ids = session.scalars(
        text(
            f"INSERT INTO deliveries ({columns}, batch_id, recorded_at) SELECT {columns}, :batch_id, :now"
            " FROM json_populate_recordset(NULL::deliveries, CAST(:slips AS json)) RETURNING id"
        ),
        {"batch_id": batch.id, "now": now, "slips": json.dumps(fresh, default=str)},
    ).all()
    book_events(session, "deliveries", ids, now=now)
