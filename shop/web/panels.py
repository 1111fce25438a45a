"""What a page of figures is made of: cards, charts, tables. Amounts stay whole fen and grams until they are shown."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from shop.kit.money import GRAMS_PER_KG, yuan

#: A figure that is not there: not zero.
NONE = "—"


def kilograms(weight_g: int) -> str:
    """`1234567` grams as `1,234.567`, zeros at the end left out."""
    sign = "-" if weight_g < 0 else ""
    whole, grams = divmod(abs(weight_g), GRAMS_PER_KG)
    return sign + (f"{whole:,}.{grams:03d}".rstrip("0").rstrip(".") if grams else f"{whole:,}")


def percent(rate_bp: int) -> str:
    """`8512` basis points as `85.12%`."""
    sign = "-" if rate_bp < 0 else ""
    whole, hundredths = divmod(abs(rate_bp), 100)
    return f"{sign}{whole}.{hundredths:02d}%"


#: How a value of each unit is written.
WRITTEN: dict[str, Callable[[Any], str]] = {
    "text": str, "count": lambda value: f"{value:,}", "fen": yuan, "g": kilograms, "bp": percent,
}  # fmt: skip
#: What the head of a column says of its unit.
UNITS = {"text": "", "count": "", "fen": "元", "g": "kg", "bp": ""}


def written(unit: str, value: Any) -> str:
    """A value as it is shown; `—` where there is none."""
    return NONE if value is None else WRITTEN[unit](value)


@dataclass(frozen=True)
class Column:
    """A column of a table: where its value is found in a row (by dotted path), and its unit."""

    title: str
    path: str
    unit: str = "text"

    def of(self, row: dict[str, Any]) -> Any:
        """The value in `row`; None where a part of the path is None."""
        value: Any = row
        for name in self.path.split("."):
            value = None if value is None else value[name]
        return value


@dataclass(frozen=True)
class Cell:
    """A shown value, perhaps with a link."""

    text: str
    number: bool
    href: str | None = None


@dataclass(frozen=True)
class Table:
    """A table with its total, the link to its next rows, and its files."""

    title: str
    heads: list[Cell]
    rows: list[list[Cell]]
    total: list[Cell] | None = None
    more: str | None = None
    files: list[tuple[str, str]] = field(default_factory=list)


#: Which link a cell has: by its column and its row (None = the total).
Link = Callable[[Column, dict[str, Any] | None], str | None]


def table(
    title: str, columns: Sequence[Column], rows: Sequence[dict[str, Any]], total: dict[str, Any] | None, link: Link,
    *, more: str | None = None, files: list[tuple[str, str]] | None = None,
) -> Table:  # fmt: skip
    """A table of `rows` by `columns`; the total's first cell says so."""

    def cells(row: dict[str, Any], key: dict[str, Any] | None) -> list[Cell]:
        return [
            Cell(written(column.unit, column.of(row)), column.unit != "text", link(column, key)) for column in columns
        ]

    heads = [
        Cell(f"{column.title}（{UNITS[column.unit]}）" if UNITS[column.unit] else column.title, column.unit != "text")
        for column in columns
    ]
    foot = None
    if total is not None:
        named = {column.path: "合计" if at == 0 else "" for at, column in enumerate(columns) if column.unit == "text"}
        foot = cells(named | total, None)
    return Table(title, heads, [cells(row, row) for row in rows], foot, more, files or [])


@dataclass(frozen=True)
class Chart:
    """A chart of whole numbers: `scale` of them make one shown unit, so that only the drawing divides."""

    title: str
    labels: list[str]
    series: list[tuple[str, list[int]]]
    unit: str
    scale: int
    stacked: bool = True

    @property
    def drawn(self) -> dict[str, Any]:
        """As the script reads it."""
        return {
            "labels": self.labels, "series": [{"name": name, "values": values} for name, values in self.series],
            "shown_in": self.unit, "scale": self.scale, "stacked": self.stacked,
        }  # fmt: skip


@dataclass(frozen=True)
class Card:
    """One figure in large."""

    title: str
    value: str
    unit: str
    note: str = ""
    href: str | None = None
