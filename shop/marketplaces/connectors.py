"""Where a shop's facts come from: one contract, and the connector that reads exported files.

A connector knows its marketplace and nothing of our books: it answers with facts, overlapping as it likes, because a
fact counts once by the shop's own numbers. How to add one for an API: docs/marketplaces.md.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, Protocol, TypeVar

from shop.kit.tables import Cell, Sheet, TableRefused, read_table, write_csv, write_xlsx, yuan_cell
from shop.marketplaces import cells
from shop.marketplaces.cells import Refusal
from shop.marketplaces.facts import At, Fact, PaidOut, Problem, RefundedLine, SoldLine, Told
from shop.marketplaces.listing import Offered
from shop.marketplaces.models import FactKind
from shop.marketplaces.profiles import Layout, Profile

T = TypeVar("T")

#: Rows of one file: each new order is placed and traced one by one, so a larger export comes in parts.
MAX_ROWS = 2_000
#: Rows above the headers in which marketplaces tell titles and dates, at most; and how remarks below them begin.
MAX_PREAMBLE, REMARK = 30, "#"
#: Digits of what stands for the number of a row that the file does not number.
REFERENCE_DIGITS = 32
#: A line of an order whose marketplace numbers orders only.
WHOLE = "-"


@dataclass(frozen=True)
class Published:
    """How many SKUs the shop was told of; `document`: the file that somebody uploads there, where there is no API."""

    skus: int
    document: bytes | None


class Connector(Protocol):
    """Speaks with one shop. Called outside any transaction: it may talk to a network."""

    def tell(self, kind: FactKind, *, now: datetime) -> Told:
        """What there is to tell of `kind`, with what could not be read as problems; it never raises for a row."""

    def publish(self, offers: Sequence[Offered]) -> Published:
        """Tell the shop prices and stock."""


class FileConnector:
    """Reads one exported file by the shop's profile, CSV in UTF-8 or GBK, or XLSX; writes the file to be uploaded."""

    def __init__(self, profile: Profile, file: str = "", data: bytes = b"", *, workbook: bool = True) -> None:
        self._profile, self._file, self._data, self._workbook = profile, file, data, workbook

    def tell(self, kind: FactKind, *, now: datetime) -> Told:
        """The rows of the file as facts of `kind`."""
        told = Told(kind)
        layout = self._profile.layouts.get(kind)
        if layout is None:
            told.problems.append(self._whole("店铺没有此类文件的字段对照", "the shop has no profile for such files"))
            return told
        try:
            self._read(kind, layout, told, now)
        except TableRefused as refused:
            told.problems.append(Problem(self._file, refused.line, "", refused.zh, refused.en))
        except _Broken as broken:
            told.problems.append(Problem(self._file, broken.line, broken.column, broken.zh, broken.en))
        return told

    def publish(self, offers: Sequence[Offered]) -> Published:
        """The list as a file, with the headers of the profile; what may not be sold now has no stock."""
        columns = self._profile.listing
        rows: list[list[Cell]] = []
        for offer in offers:
            cells_of: dict[str, Cell] = {
                "sku": offer.shop_sku,
                "name": offer.name_zh,
                "price": None if offer.price_fen is None else yuan_cell(offer.price_fen),
                "stock": offer.stock,
            }
            rows.append([cells_of[name] for name, _ in columns])
        header = [name for _, name in columns]
        written = write_xlsx(Sheet("库存价格", header, rows)) if self._workbook else write_csv(header, rows)
        return Published(len(rows), written)

    def _whole(self, zh: str, en: str) -> Problem:
        return Problem(self._file, 0, "", zh, en)

    def _read(self, kind: FactKind, layout: Layout, told: Told, now: datetime) -> None:
        records = read_table(self._data)
        line, header = _header(records, layout)
        places = _places(header, layout, line)
        columns = {name: places[wanted].header for name, wanted in layout.columns.items()}
        for count, (line, row) in enumerate(records):
            if count >= MAX_ROWS:
                raise _Broken(
                    line, "", f"超过 {MAX_ROWS} 行，请分批导出", f"more than {MAX_ROWS} rows; export in parts"
                )
            if not any(cell.strip() for cell in row) or row[0].lstrip().startswith(REMARK):
                continue
            if len(row) != len(header):
                zh, en = f"应有 {len(header)} 列，实有 {len(row)} 列", f"has {len(row)} cells, not {len(header)}"
                told.problems.append(Problem(self._file, line, "", zh, en))
                continue
            reading = _Row(At(self._file, line, columns), layout, places, row)
            fact = _FACTS[kind](reading, now)
            told.problems.extend(reading.problems)
            if reading.problems:
                continue
            if fact is None:
                told.passed_over += 1
            else:
                told.facts.append(fact)


class _Broken(Exception):
    """The file cannot be read on from `line`."""

    def __init__(self, line: int, column: str, zh: str, en: str) -> None:
        self.line, self.column, self.zh, self.en = line, column, zh, en


@dataclass(frozen=True)
class _Place:
    """Where a column stands, None for one that the file lacks, and what its header says."""

    index: int | None
    header: str


def _named(header: Sequence[str]) -> list[str]:
    return [cell.strip("\ufeff \t\r\n") for cell in header]


def _header(records: Iterator[tuple[int, list[str]]], layout: Layout) -> tuple[int, list[str]]:
    """The row of headers: the first that has all the profile names, else the one among the first that has most.

    Marketplaces put titles and dates above it.
    """
    best: tuple[int, int, list[str]] = (-1, 1, [])
    for line, row in islice(records, MAX_PREAMBLE):
        named = set(_named(row))
        have = sum(not named.isdisjoint(wanted.split("|")) or wanted.endswith("|") for wanted in layout.headers)
        if have > best[0]:
            best = (have, line, row)
        if have == len(layout.headers):
            break
    return best[1:]


def _places(header: Sequence[str], layout: Layout, line: int) -> Mapping[str, _Place]:
    """Where each header that the profile names stands. Others are never looked at: they hold names and phones."""
    named = _named(header)
    places = {}
    for wanted in sorted(layout.headers):
        found = next((name for name in wanted.split("|") if name and name in named), None)
        if found is None and not wanted.endswith("|"):
            raise _Broken(line, wanted, "缺少此列", "is missing")
        if found is not None and named.count(found) > 1:
            raise _Broken(line, found, "此列出现两次", "comes twice")
        places[wanted] = _Place(None if found is None else named.index(found), found or wanted.strip("|"))
    return places


class _Row:
    """One row as its profile reads it; gathers what is wrong in it."""

    def __init__(self, at: At, layout: Layout, places: Mapping[str, _Place], row: Sequence[str]) -> None:
        self.at, self.layout, self._places, self._row = at, layout, places, row
        self.problems: list[Problem] = []

    def _cell(self, wanted: str) -> str:
        index = self._places[wanted].index
        return "" if index is None else cells.clean(self._row[index])

    def _add(self, wanted: str, zh: str, en: str) -> None:
        self.problems.append(self.at.problem(self._places[wanted].header, zh, en))

    def value(self, name: str, parse: Callable[..., T], **how: Any) -> T | None:
        """The value of a column; None, and a problem, when it cannot be read."""
        wanted = self.layout.columns[name]
        try:
            return parse(self._cell(wanted), **how)
        except Refusal as refusal:
            self._add(wanted, refusal.zh, refusal.en)
            return None

    def optional(self, name: str, parse: Callable[..., T], **how: Any) -> T | None:
        """The same for a column that the profile need not have."""
        return self.value(name, parse, **how) if name in self.layout.columns else None

    def total(self, name: str) -> int:
        """The sum of the columns of `name`, in fen; 0 for one that the profile does not have."""
        amount_fen = 0
        for sign, wanted in self.layout.sums.get(name, ()):
            try:
                amount_fen += sign * cells.fen(self._cell(wanted))
            except Refusal as refusal:
                self._add(wanted, refusal.zh, refusal.en)
        return amount_fen

    def state(self) -> str | None:
        """What the state of an order means."""
        word = self.value("state", str) or ""
        meaning = self.layout.states.get(word)
        if meaning is None and not self.problems:
            self._add(self.layout.columns["state"], f"不认识的状态“{word}”", f"has the unknown state {word!r}")
        return meaning

    def word(self, name: str) -> str:
        """A word of the marketplace; empty when the profile has no such column."""
        return self.optional(name, str) or ""

    def line(self) -> str | None:
        """The number of the line in its order."""
        return self.value("line", self._number) if "line" in self.layout.columns else WHOLE

    def number(self) -> str | None:
        """The number of the order."""
        return self.value("number", self._number)

    def _number(self, value: str) -> str:
        for prefix in self.layout.prefixes:
            value = value.removeprefix(prefix)
        return cells.number(value)

    def reference(self) -> str | None:
        """The shop's own number of the row, or what tells it apart where the file numbers none."""
        if not self.layout.reference:
            return self.value("reference", cells.number)
        told = "\n".join(cells.alike(self._cell(wanted)) for wanted in self.layout.reference)
        return hashlib.sha256(told.encode()).hexdigest()[:REFERENCE_DIGITS]

    def above_zero(self, name: str, amount_fen: int) -> None:
        """Add a problem unless an amount is positive."""
        if amount_fen <= 0 and not self.problems:
            self._add(self.layout.sums[name][0][1], "金额须大于 0", "must be above zero")


def _sold(row: _Row, now: datetime) -> Fact | None:
    meaning = row.state()
    if row.problems or meaning == "unpaid":
        return None
    if meaning == "cancelled" and not row.word("sold_at"):
        return None  # closed without having been paid
    number, line = row.number(), row.line()
    sku, quantity = row.value("sku", cells.sku), row.value("quantity", cells.quantity)
    sold_at = row.value("sold_at", cells.moment, now=now)
    shipped_at = row.optional("shipped_at", cells.moment_or_none, now=now)
    received_at = row.optional("received_at", cells.moment_or_none, now=now)
    amount_fen = row.total("amount")
    row.above_zero("amount", amount_fen)
    if row.problems or number is None or line is None or sku is None or quantity is None or sold_at is None:
        return None
    # The state decides; a time that lacks is the last one known.
    received = (received_at or shipped_at or sold_at) if meaning == "received" else None
    shipped = (shipped_at or received or sold_at) if meaning in ("shipped", "received") else None
    if meaning == "cancelled":
        shipped = shipped_at
    cancelled = (shipped_at or sold_at) if meaning == "cancelled" else None
    return SoldLine(row.at, number, line, sku, quantity, amount_fen, sold_at, shipped, received, cancelled)


def _refunded(row: _Row, now: datetime) -> Fact | None:
    done = row.layout.words
    if done and row.word("state") not in done:
        return None
    reference, number = row.reference(), row.number()
    line, refunded_at = row.line(), row.value("refunded_at", cells.moment, now=now)
    amount_fen = row.total("amount")
    row.above_zero("amount", amount_fen)
    if row.problems or reference is None or number is None or line is None or refunded_at is None:
        return None
    return RefundedLine(row.at, reference, number, line, amount_fen, refunded_at)


def _paid_out(row: _Row, now: datetime) -> Fact | None:
    if not row.word("number"):
        return None  # a withdrawal, an insurance: no money of an order
    reference, number = row.reference(), row.number()
    line, paid_on = row.line(), row.value("paid_on", cells.day, now=now)
    received_fen, fee_fen = row.total("received"), row.total("fee")
    if row.word("direction") in row.layout.words:
        received_fen = -abs(received_fen)
    if row.problems or reference is None or number is None or line is None or paid_on is None:
        return None
    return PaidOut(row.at, reference, number, line, received_fen, fee_fen, paid_on)


_FACTS: dict[FactKind, Callable[[_Row, datetime], Fact | None]] = {
    FactKind.ORDERS: _sold,
    FactKind.REFUNDS: _refunded,
    FactKind.PAYOUTS: _paid_out,
}
