"""A sheet of orders of one buyer: previewed, all or nothing, each order counted once by the buyer's own number."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.orm import Session

from shop.catalog.reference import Catalog
from shop.channels.reference import PartnerRow, Selling
from shop.imports import cells
from shop.imports.errors import TooManyLines
from shop.imports.table import Row, RowError, Sheet, column, read
from shop.kit.errors import DomainError
from shop.orders.entered import Clerk, enter_order, order_of, packs_of
from shop.orders.place import Asked, Placed
from shop.orders.schemas import MAX_LINES, MAX_PACKS
from shop.places.gazetteer import Gazetteer

#: Orders of one sheet: the pools of all of them are locked together.
MOST_ORDERS = 200


@dataclass(frozen=True)
class OrderRow(Row):
    """One product of one order. Phones and names are no cells: the delivery point stands in the note."""

    reference: str = column(cells.code, header="单号", key=True)
    sku: str = column(cells.code, header="商品", key=True)
    quantity: int = column(cells.whole(1, MAX_PACKS), header="件数")
    note: str | None = column(cells.blank_or(cells.text(200)), header="备注")


SHEET: Sheet[OrderRow] = Sheet("orders", OrderRow)


@dataclass
class SheetResult:
    """What the sheet makes: orders by reference, references that were taken before, or the errors: nothing was done."""

    placed: list[tuple[str, Placed]] = field(default_factory=list)
    known: list[str] = field(default_factory=list)
    errors: list[RowError] = field(default_factory=list)


class _Only(Exception):
    """A dry run is over, or something was wrong: undo it."""


def take_sheet(
    session: Session, partner: PartnerRow, file_name: str, data: bytes, *, by: Clerk, goods: Catalog, selling: Selling,
    now: datetime, dry_run: bool = False,
) -> SheetResult:  # fmt: skip
    """Place the orders of a CSV or XLSX file for a buyer, by the real placing; all of them or none.

    The same order again is known; another one under its number is an error. Flushes, never commits; a dry run and a
    sheet with errors leave nothing.
    """
    got = read(SHEET, data, Gazetteer(), workbook=True)
    result = SheetResult(errors=[RowError(file_name, e.line, e.column, e.zh, e.en) for e in got.errors])
    orders: dict[str, dict[str, OrderRow]] = {}
    lines: dict[tuple[str, str], int] = {}
    for key, row in got.rows.items():
        orders.setdefault(row.reference, {})[row.sku] = row
        lines[row.reference, row.sku] = got.lines[key]
    if len(orders) > MOST_ORDERS:
        zh, en = f"一张表最多 {MOST_ORDERS} 张订单", f"holds more than {MOST_ORDERS} orders"
        result.errors.append(RowError(file_name, 1, "单号", zh, en))
        return result
    try:
        with session.begin_nested():
            for reference, rows in orders.items():
                try:
                    _take(session, partner, reference, rows, result, by, goods, selling, now)
                except DomainError as refusal:
                    line, label = _where(refusal, reference, rows, lines)
                    zh, en = refusal.sentence("zh"), refusal.sentence("en")
                    result.errors.append(RowError(file_name, line, label, zh, en))
            if dry_run or result.errors:
                raise _Only
    except _Only:
        pass
    result.errors.sort()
    return result


def _take(
    session: Session, partner: PartnerRow, reference: str, rows: Mapping[str, OrderRow], result: SheetResult, by: Clerk,
    goods: Catalog, selling: Selling, now: datetime,
) -> None:  # fmt: skip
    packs = {row.sku: row.quantity for row in rows.values()}
    known = order_of(session, partner, reference)
    if known is not None and packs_of(session, known) == packs:
        result.known.append(reference)
        return
    if len(packs) > MAX_LINES:
        raise TooManyLines(reference=reference, most=MAX_LINES)
    notes = [row.note for row in rows.values() if row.note]
    with session.begin_nested():
        placed = enter_order(
            session, partner, [Asked(*line) for line in packs.items()], reference=reference,
            note=notes[0] if notes else None, recipient=None, by=by, goods=goods, selling=selling, now=now,
        )  # fmt: skip
    result.placed.append((reference, placed))


def _where(
    refusal: DomainError, reference: str, rows: Mapping[str, OrderRow], lines: Mapping[tuple[str, str], int]
) -> tuple[int, str]:
    """The line and column of what was refused: its product's, else the first line of its order."""
    sku = refusal.facts.get("sku")
    if isinstance(sku, str) and (reference, sku) in lines:
        return lines[reference, sku], "商品"
    return min(lines[reference, name] for name in rows), "单号"
