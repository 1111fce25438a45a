"""A table of figures as people read it: columns with their unit, shown on a page or written to a file.

Amounts stay whole fen and grams until they are shown; a figure that is not there is not zero.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import chain
from typing import Any

from shop.kit.clock import beijing_minute
from shop.kit.money import kilograms, yuan
from shop.kit.tables import Cell, Sheet, yuan_cell

#: A figure that is not there: not zero.
NONE = "—"
#: A change over a year before of which nothing is known to compare with.
NO_BASE = "无基数"


def percent(rate_bp: int) -> str:
    """`8512` basis points as `85.12%`."""
    sign = "-" if rate_bp < 0 else ""
    whole, hundredths = divmod(abs(rate_bp), 100)
    return f"{sign}{whole}.{hundredths:02d}%"


#: How a value of each unit is shown.
WRITTEN: dict[str, Callable[[Any], str]] = {
    "text": str, "count": lambda value: f"{value:,}", "fen": yuan, "g": kilograms, "bp": percent,
}  # fmt: skip
#: How it stands in a cell of a file: a number, exactly.
CELLS: dict[str, Callable[[Any], Cell]] = {
    "text": str, "count": int, "fen": yuan_cell, "g": lambda value: Decimal(value).scaleb(-3),
    "bp": lambda value: Decimal(value).scaleb(-2),
}  # fmt: skip
#: The unit of a column whose rows have a unit each, named in the row.
BY_ROW = "by_row"
#: What the head of a column says of its unit, on a page and in a file.
SHOWN_UNITS = {"text": "", "count": "", "fen": "元", "g": "kg", "bp": "", BY_ROW: ""}
FILE_UNITS = SHOWN_UNITS | {"bp": "%"}


def written(unit: str, value: Any) -> str:
    """A value as it is shown; `—` where there is none."""
    return NONE if value is None else WRITTEN[unit](value)


@dataclass(frozen=True)
class Column:
    """A column of a table: where its value is found in a row (by dotted path), and its unit.

    `base`: of a change, where what it is a change of is found.
    """

    title: str
    path: str
    unit: str = "text"
    base: str | None = None

    def of(self, row: dict[str, Any]) -> Any:
        """The value in `row`; None where a part of the path is None or missing."""
        value: Any = row
        for name in self.path.split("."):
            value = None if value is None else value.get(name)
        return value

    def unit_in(self, row: dict[str, Any]) -> str:
        """The unit of its value in `row`."""
        return str(row["measure"]) if self.unit == BY_ROW else self.unit

    def shown(self, row: dict[str, Any]) -> str:
        """The value as people read it; a change of nothing has no base."""
        value = self.of(row)
        return NO_BASE if value is None and self._has_no_base(row) else written(self.unit_in(row), value)

    def cell(self, row: dict[str, Any]) -> Cell:
        """The value as a file has it; empty where there is none."""
        value = self.of(row)
        if value is None:
            return NO_BASE if self._has_no_base(row) else None
        return CELLS[self.unit_in(row)](value)

    def _has_no_base(self, row: dict[str, Any]) -> bool:
        return self.base is not None and row.get(self.base) is not None

    def head(self, units: dict[str, str] = SHOWN_UNITS) -> str:
        """Its title with its unit."""
        return f"{self.title}（{units[self.unit]}）" if units[self.unit] else self.title


def totalled(columns: Sequence[Column], total: dict[str, Any]) -> dict[str, Any]:
    """A total as the last row of a table: its first text says what it is."""
    texts = [column.path for column in columns if column.unit == "text"]
    return dict.fromkeys(texts, "") | {texts[0]: "合计"} | total


def counted_until(report: dict[str, Any]) -> str:
    """Until when the rollups of a report were brought up to date, as a file says it."""
    return beijing_minute(report["as_of"]) if report["as_of"] else "尚未汇总"


def sheet(
    title: str, columns: Sequence[Column], rows: Iterable[dict[str, Any]], total: dict[str, Any] | None = None
) -> Sheet:
    """A table for a file: money in yuan, weight in kg, rates in percent, as exact numbers. Rows are read as written."""

    def cells(row: dict[str, Any]) -> list[Cell]:
        return [column.cell(row) for column in columns]

    last = [] if total is None else [totalled(columns, total)]
    return Sheet(title, [column.head(FILE_UNITS) for column in columns], map(cells, chain(rows, last)))
