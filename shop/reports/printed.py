"""Reports on paper: A4 landscape, from the tables that make their files. Loaded when one is printed."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from shop.kit.clock import beijing_minute
from shop.kit.paper import Grid, Paper
from shop.reports.columns import Column, counted_until, totalled
from shop.reports.files import columns_of, cover_of
from shop.reports.lists import gain_said, gain_sheet


def periodic_pdf(report: dict[str, Any]) -> bytes:
    """A periodic report, as computed or as frozen: the same report makes the same bytes."""
    sent = f"{report['code']}    " if report.get("code") else "未报送    "
    foot = f"{report['title']}    {sent}截止 {beijing_minute(report['cut_off'])}"
    paper = _paper(report["title"], foot, cover_of(report)[1:])
    paper.set_creation_date(datetime.fromisoformat(str(report["cut_off"])))
    for section in report["sections"]:
        paper.grid_of(_grid(section["title"], columns_of(section), section["rows"], section["total"]))
    return bytes(paper.output())


def table_pdf(
    title: str, parts: Sequence[Sequence[Column]], report: dict[str, Any], rows: Iterable[dict[str, Any]], area: str
) -> bytes:  # fmt: skip
    """The table of a report, its columns in `parts` that fit on a page each, the gain if it has one."""
    until = counted_until(report)
    said = [("区域", area), ("截止", until), ("来源", report["source"]), ("口径", report["basis"])]
    paper, told = _paper(title, f"{title}    截止 {until}", said), list(rows)
    for columns in parts:
        paper.grid_of(_grid(title, columns, told, report["total"]))
    if "gain" in report:
        paper.grid_of(_gain(report["gain"]))
        paper.line_of(gain_said(report["gain"]), 8, height=5)
    return bytes(paper.output())


def _gain(gained: dict[str, Any]) -> Grid:
    """The gain by category; what it is compared with is said below it."""
    grown = gain_sheet(gained)
    rows = [
        ["" if cell is None else cell if isinstance(cell, str) else f"{cell:,}" for cell in row] for row in grown.rows
    ]
    rows[-1][-1] = ""
    compared = gained["status"] == "compared"
    return Grid(grown.title, grown.header, rows if compared else [], [False, True, True, False])


def _paper(title: str, foot: str, said: Iterable[tuple[str, str]]) -> Paper:
    """A first page with its title and what the report says of itself."""
    paper = Paper(foot, landscape=True)
    paper.set_title(title)
    paper.set_lang("zh-CN")
    paper.add_page()
    paper.line_of(title, 18, height=12, align="C")
    for name, text in said:
        if text:
            paper.line_of(f"{name}：{text}", 8, height=5)
    paper.ln(3)
    return paper


def _grid(
    title: str, columns: Sequence[Column], rows: Iterable[dict[str, Any]], total: dict[str, Any] | None
) -> Grid:  # fmt: skip
    def cells(row: dict[str, Any]) -> list[str]:
        return [column.shown(row) for column in columns]

    return Grid(
        title, [column.head() for column in columns], [cells(row) for row in rows],
        [column.unit != "text" for column in columns], None if total is None else cells(totalled(columns, total)),
    )  # fmt: skip
