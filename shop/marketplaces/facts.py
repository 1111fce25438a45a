"""What a shop tells, whoever brings it: typed facts with the place they were read at, and what could not be read."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from shop.marketplaces.models import FactKind


@dataclass(frozen=True, order=True)
class Problem:
    """What is wrong where: `line` as a spreadsheet counts it (0: the whole), `column` empty for a whole line."""

    file: str
    line: int
    column: str
    zh: str
    en: str


@dataclass(frozen=True)
class At:
    """Where a fact was read; `columns`: how the file calls what we call number, sku and so on."""

    file: str
    line: int
    columns: Mapping[str, str] = field(default_factory=dict, compare=False)

    def problem(self, column: str, zh: str, en: str) -> Problem:
        """Something is wrong with it, in a column by our name or the file's."""
        return Problem(self.file, self.line, self.columns.get(column, column), zh, en)


@dataclass(frozen=True)
class SoldLine:
    """A paid line of an order: shop's SKU and quantity, fen paid to the shop for it, and how far it came."""

    at: At = field(compare=False)
    number: str
    line: str
    sku: str
    quantity: int
    amount_fen: int
    sold_at: datetime
    shipped_at: datetime | None = None
    received_at: datetime | None = None
    cancelled_at: datetime | None = None


@dataclass(frozen=True)
class RefundedLine:
    """A refund that was made: its own reference, the line, fen."""

    at: At = field(compare=False)
    reference: str
    number: str
    line: str
    amount_fen: int
    refunded_at: datetime


@dataclass(frozen=True)
class PaidOut:
    """Money that reached the shop's account (negative: left it) for a line, and the fee kept of it, in fen."""

    at: At = field(compare=False)
    reference: str
    number: str
    line: str
    received_fen: int
    fee_fen: int
    paid_on: date


Fact = SoldLine | RefundedLine | PaidOut


@dataclass
class Told:
    """Facts of one kind; rows `passed_over` because they are none of ours (not paid yet, refund refused, no order)."""

    kind: FactKind
    facts: list[Fact] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    passed_over: int = 0
