"""Periodic reports on paper: A4 landscape, from the tables that make their files. Loaded when one is printed."""

from datetime import datetime
from typing import Any

from shop.kit.clock import beijing_minute
from shop.kit.paper import Grid, Paper
from shop.reports.columns import totalled
from shop.reports.files import columns_of, cover_of


def periodic_pdf(report: dict[str, Any]) -> bytes:
    """A periodic report, as computed or as frozen: the same report makes the same bytes."""
    sent = f"{report['code']}    " if report.get("code") else "未报送    "
    paper = Paper(f"{report['title']}    {sent}截止 {beijing_minute(report['cut_off'])}", landscape=True)
    paper.set_creation_date(datetime.fromisoformat(str(report["cut_off"])))
    paper.set_title(report["title"])
    paper.set_lang("zh-CN")
    paper.add_page()
    paper.line_of(report["title"], 18, height=12, align="C")
    for name, said in cover_of(report)[1:]:
        if said:
            paper.line_of(f"{name}：{said}", 8, height=5)
    paper.ln(3)
    for section in report["sections"]:
        paper.grid_of(_grid(section))
    return bytes(paper.output())


def _grid(section: dict[str, Any]) -> Grid:
    columns = columns_of(section)

    def cells(row: dict[str, Any]) -> list[str]:
        return [column.shown(row) for column in columns]

    total = section["total"]
    return Grid(
        section["title"], [column.head() for column in columns], [cells(row) for row in section["rows"]],
        [column.unit != "text" for column in columns], None if total is None else cells(totalled(columns, total)),
    )  # fmt: skip
