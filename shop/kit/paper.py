"""Paper: A4 pages in Chinese, their font embedded. Loaded when something is printed: 20 MB that nothing else needs."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import noto_cjk_sans_otc  # type: ignore[import-untyped]
from fpdf import FPDF
from fpdf.enums import TableBordersLayout, XPos, YPos
from fpdf.fonts import FontFace

_FONT = Path(noto_cjk_sans_otc.__file__).parent / "NotoSansCJK-Regular.ttc"
#: Simplified Chinese in the collection of the font.
_SIMPLIFIED = 2
#: What is never torn apart at the end of a line: a number or word with the marks that open before and close after it.
_UNBROKEN = re.compile(r"[（“]*(?:[0-9A-Za-z.,%\-]+|[\s\S])[，。；：、）”]*")
#: Millimetres of a title, and those that it needs from its head on: no table begins at the foot of a page.
_TITLE, _TITLE_ROOM = 8, 30
_SMALLEST, _LARGEST = 4.5, 8.0
#: Millimetres above and below what a row says, and the part of a page up to which a table is kept on one.
_ROW_ROOM, _TOGETHER = 1.2, 0.5


@dataclass(frozen=True)
class Grid:
    """A table on paper: `numbers` says which columns stand to the right, `total` is its last row."""

    title: str
    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    numbers: Sequence[bool]
    total: Sequence[str] | None = None


class Paper(FPDF):
    """Pages with a line and their number at the foot."""

    def __init__(self, foot: str, *, landscape: bool = False) -> None:
        super().__init__(format="A4", orientation="landscape" if landscape else "portrait")
        self.foot = foot
        side = 12 if landscape else 22
        self.set_margins(side, 16, side)
        self.set_auto_page_break(auto=True, margin=18)
        self.add_font("Noto", fname=_FONT, collection_font_number=_SIMPLIFIED)

    def footer(self) -> None:
        """The line at the foot of a page."""
        self.set_y(-16)
        self.set_font("Noto", size=7)
        self.cell(0, 4, f"{self.foot}    第 {self.page_no()} 页", align="C")

    def line_of(self, text: str, size: int, *, height: int = 6, align: str = "L", indent: int = 0) -> None:
        """A paragraph, broken as Chinese is: no line begins with a closing mark, no number is torn apart."""
        self.set_font("Noto", size=size)
        for line in self._broken(text, self.epw - indent):
            self.set_x(self.l_margin + indent)
            self.cell(0, height, line, align=align, new_x=XPos.LMARGIN, new_y=YPos.NEXT)

    def grid_of(self, grid: Grid) -> None:
        """A table under its title; its head stands on every page that it reaches, no row is torn apart.

        A short one is not torn apart either: up to half a page it begins on the next one where this has no room.
        """
        if self.will_page_break(self._room_of(grid)):
            self.add_page()
        self.line_of(grid.title, 11, height=_TITLE)
        if not grid.rows:
            self.line_of("没有记录", 8)
            return
        widths = self._fitted(grid)
        lined = FontFace(fill_color=(240, 240, 236))
        with self.table(
            col_widths=widths, width=min(sum(widths), self.epw), align="L", line_height=self.font_size * 1.5,
            text_align=["RIGHT" if number else "LEFT" for number in grid.numbers], headings_style=lined,
            borders_layout=TableBordersLayout.HORIZONTAL_LINES, padding=(0.6, 0.8),
        ) as table:  # fmt: skip
            for cells in (self._heads(grid, widths), *grid.rows, *([grid.total] if grid.total else [])):
                table.row(cells, style=lined if cells is grid.total else None)
        self.ln(4)

    def _room_of(self, grid: Grid) -> float:
        """Millimetres without which the table begins on the next page."""
        if not grid.rows:
            return _TITLE_ROOM
        widths = self._fitted(grid)
        lines = max(head.count("\n") + 1 for head in self._heads(grid, widths)) + len(grid.rows) + bool(grid.total)
        rows = 1 + len(grid.rows) + bool(grid.total)
        whole = _TITLE + lines * self.font_size * 1.5 + rows * _ROW_ROOM
        return max(whole, _TITLE_ROOM) if whole <= self.eph * _TOGETHER else _TITLE_ROOM

    def _heads(self, grid: Grid, widths: Sequence[float]) -> list[str]:
        return ["\n".join(self._broken(head, width - 0.6)) for head, width in zip(grid.heads, widths, strict=True)]

    def _fitted(self, grid: Grid) -> list[float]:
        """The widths that the values need, in the largest letters with which all columns fit on the page."""
        size = _LARGEST
        while True:
            self.set_font("Noto", size=size)
            widths = [
                max(map(self.get_string_width, (*values, head[: max(4, (len(head) + 1) // 2)]))) + 4.4
                for head, *values in zip(grid.heads, *grid.rows, *([grid.total] if grid.total else []), strict=True)
            ]
            if sum(widths) <= self.epw:
                return widths
            if size <= _SMALLEST:
                return [width * self.epw / sum(widths) for width in widths]
            size -= 0.25

    def _broken(self, text: str, width: float) -> Iterable[str]:
        line = ""
        for unit in _UNBROKEN.findall(text):
            if line and self.get_string_width(line + unit) > width - 2 * self.c_margin:
                yield line
                line = ""
            line += unit
        yield line
