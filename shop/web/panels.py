"""What a page of figures is made of: cards, charts, tables."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from shop.reports.columns import Column, totalled


@dataclass(frozen=True)
class Cell:
    """A shown value, perhaps with a link."""

    text: str
    number: bool
    href: str | None = None


@dataclass(frozen=True)
class Table:
    """A table with its total, the links to the rows before and after these, and its files."""

    title: str
    heads: list[Cell]
    rows: list[list[Cell]]
    total: list[Cell] | None = None
    back: str | None = None
    more: str | None = None
    files: list[tuple[str, str]] = field(default_factory=list)


#: Which link a cell has: by its column and its row (None = the total).
Link = Callable[[Column, dict[str, Any] | None], str | None]


def no_link(column: Column, row: dict[str, Any] | None) -> None:
    """Nothing leads anywhere."""


def table(
    title: str, columns: Sequence[Column], rows: Sequence[dict[str, Any]], total: dict[str, Any] | None, link: Link,
    *, back: str | None = None, more: str | None = None, files: list[tuple[str, str]] | None = None,
) -> Table:  # fmt: skip
    """A table of `rows` by `columns`; the total's first cell says so."""

    def cells(row: dict[str, Any], key: dict[str, Any] | None) -> list[Cell]:
        return [Cell(column.shown(row), column.unit != "text", link(column, key)) for column in columns]

    heads = [Cell(column.head(), column.unit != "text") for column in columns]
    foot = None if total is None else cells(totalled(columns, total), None)
    return Table(title, heads, [cells(row, row) for row in rows], foot, back, more, files or [])


@dataclass(frozen=True)
class Chart:
    """A chart of whole numbers: `scale` of them make one shown unit, so that only the drawing divides.

    `beside`: the series that stand beside the stack, as what does not add up to it.
    """

    title: str
    labels: list[str]
    series: list[tuple[str, list[int]]]
    unit: str
    scale: int
    stacked: bool = True
    beside: Collection[str] = ()

    @property
    def said(self) -> list[tuple[str, list[str]]]:
        """The same in words: each label with the values of the series, to two decimals as the drawing shows them."""
        return [
            (label, [f"{Decimal(values[place]) / self.scale:,.2f}" for _, values in self.series])
            for place, label in enumerate(self.labels)
        ]

    @property
    def drawn(self) -> dict[str, Any]:
        """As the script reads it."""
        return {
            "labels": self.labels,
            "series": [
                {"name": name, "values": values, "stacked": self.stacked and name not in self.beside}
                for name, values in self.series
            ],
            "shown_in": self.unit, "scale": self.scale,
        }  # fmt: skip


@dataclass(frozen=True)
class Card:
    """One figure in large; `alarm`: it wants a person's look."""

    title: str
    value: str
    unit: str
    note: str = ""
    alarm: bool = False
