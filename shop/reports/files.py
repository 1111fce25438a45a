"""Periodic reports as tables of a file: a cover, then a table for each section."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from shop.kit.clock import beijing_minute
from shop.kit.tables import PDF_TYPE, XLSX_TYPE, Cell, Sheet, write_csv, write_xlsx
from shop.reports.columns import Column, counted_until, sheet, written


def cover(title: str, area: str, *said: tuple[str, str]) -> list[tuple[str, str]]:
    """What a file says of itself: what it is, whose area, and the rest; what has no words is left out."""
    return [("报表", title), ("区域", area or "—"), *(one for one in said if one[1])]


def cut_off_zh(at: datetime | str) -> str:
    """Until when figures were counted."""
    return f"{beijing_minute(at)}（北京时间）"


def cover_sheet(said: Sequence[tuple[str, str]]) -> Sheet:
    """A cover as the first sheet of a file."""
    return Sheet("封面", ["项目", "内容"], said)


def cover_of(report: dict[str, Any]) -> list[tuple[str, str]]:
    """What a periodic report, as computed or as frozen, says of itself: on its page, in its files, on paper."""

    def days(span: str) -> str:
        return f"{report[span]['from']} 至 {report[span]['to']}"

    return cover(
        report["title"],
        report.get("area") or "",
        ("本期", days("period")),
        ("当日", str(report["day"]["from"])),
        ("本年累计", days("cumulative")),
        ("上年同期", days("last_year")),
        ("户均增收", _gain_said(report.get("gain"))),
        ("截止时间", cut_off_zh(report["cut_off"])),
        ("汇总时间", counted_until(report)),
        ("确认人", _confirmed(report)),
        ("版本", str(report.get("version") or "")),
        ("说明", report.get("note") or ""),
        ("税", report["tax"]),
        ("口径", report["basis"]),
        ("来源", report["sources"]),
    )


def _gain_said(gain: dict[str, Any] | None) -> str:
    if gain is None:
        return ""
    if gain["status"] != "compared":
        return f"无基数：{gain['reason_text']}"
    of = f"{gain['households']} 户，与 {gain['base']} 相比；{gain['note']}"
    return f"{written('fen', gain['per_household_fen'])} 元（{of}）"


def _confirmed(report: dict[str, Any]) -> str:
    """Who confirmed a report; of one that is computed now which version of it was sent."""
    sent = report.get("sent")
    if sent is None:
        return report.get("confirmed_by") or "未报送"
    when = beijing_minute(sent["sent_at"])
    return f"{sent['confirmed_by']} 于 {when} 已报送第 {sent['version']} 版；本表是现在的数字"


def periodic_sheets(report: dict[str, Any]) -> list[Sheet]:
    """A periodic report as a workbook: its cover, then its sections."""
    return [cover_sheet(cover_of(report))] + [
        sheet(section["title"], columns_of(section), section["rows"], section["total"])
        for section in report["sections"]
    ]


def periodic_file(kind: str, report: dict[str, Any]) -> bytes:
    """A periodic report as a file of that media type."""
    if kind == PDF_TYPE:
        # Here, not above: the printer and its font are loaded when somebody prints.
        from shop.reports.printed import periodic_pdf

        return periodic_pdf(report)
    return as_bytes(kind, periodic_sheets(report), made_at=datetime.fromisoformat(str(report["cut_off"])))


def columns_of(section: dict[str, Any]) -> list[Column]:
    """The columns of a section of a periodic report."""
    # A change is over the figure of which the report says it: of what was sold its money.
    paths = [column["path"] for column in section["columns"]]
    base = next(
        (path for path in ("last_year_value", "last_year_net_fen", "last_year_cash_fen") if path in paths), None
    )
    return [
        Column(column["title"], column["path"], column["measure"], base if column["path"] == "change_bp" else None)
        for column in section["columns"]
    ]


def as_bytes(kind: str, sheets: Iterable[Sheet], *, made_at: datetime | None = None) -> bytes:
    """A workbook of `sheets`; as CSV, which knows none, they stand below each other, each under its title.

    `made_at`: the moment that a workbook tells as its making, the present unless given.
    """
    named = _named_apart(sheets)
    if kind == XLSX_TYPE:
        return write_xlsx(*named, made_at=made_at)
    rows: list[list[Cell]] = []
    for position, one in enumerate(named):
        rows += [[], [one.title]] * (position > 0)
        rows += [list(one.header), *(list(row) for row in one.rows)]
    return write_csv([named[0].title], rows)


def _named_apart(sheets: Iterable[Sheet]) -> list[Sheet]:
    """A workbook holds no two sheets of one name."""
    seen: dict[str, int] = {}
    apart = []
    for one in sheets:
        seen[one.title] = seen.get(one.title, 0) + 1
        title = one.title if seen[one.title] == 1 else f"{one.title} {seen[one.title]}"
        apart.append(Sheet(title, one.header, one.rows))
    return apart
