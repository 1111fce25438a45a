"""Tables as files: CSV and XLSX in, bounded and strict; CSV and XLSX out, in which no cell is ever run as a formula.

Out: text is text (long numbers keep their digits), whole numbers are numbers, money is yuan. In: every cell comes as
the text that a clerk sees, 0.1 in a cell of percent as 10%.
"""

import csv
import html
import io
import re
import unicodedata
import zipfile
import zlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import xlsxwriter  # type: ignore[import-untyped]
from python_calamine import CalamineError, CalamineWorkbook

XLSX_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
CSV_TYPE = "text/csv; charset=utf-8"
PDF_TYPE = "application/pdf"

#: A workbook as it is when unpacked, and how many cells its sheet may span: a few bytes can claim 17 thousand million.
MAX_UNPACKED = 64 * 1024 * 1024
MAX_CELLS = 5_000_000
#: Digits of the number of a row at most.
MOST_DIGITS = 7
#: Digits that a number of a spreadsheet keeps.
EXACT_DIGITS = 15

Cell = str | int | Decimal | date | None

_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, ValueError)
_REFERENCE = re.compile(rb'<(?:\w+:)?(?:c|row)\b[^>]*?\br="([A-Z]{0,3})([0-9]{1,7})"')
#: A tag, and what styles say of the numbers in cells: formats by number, and of each style its format.
_TAG = r"<(?:\w+:)?{}\b[^>]*>"
_FORMATS, _STYLES = re.compile(_TAG.format("numFmt")), re.compile(_TAG.format("xf"))
_OF_CELLS = re.compile(r"<(?:\w+:)?cellXfs\b.*?</(?:\w+:)?cellXfs>", re.DOTALL)
_SHEETS, _PARTS = re.compile(_TAG.format("sheet")), re.compile(_TAG.format("Relationship"))
_PLACES = re.compile(_TAG.format("(row|c)"))
#: The formats 0% and 0.00%, which have no code, and what in a code is printed as it stands.
_PERCENT_BUILT_IN = {"9", "10"}
_AS_IT_STANDS = re.compile(r'"[^"]*"|\\.|\[[^]]*]')
#: A day, as a workbook has it, as Excel in Chinese writes it into a CSV, or as people write it; a time may follow.
_DAY = re.compile(r"(\d{4})([-/年])(\d{1,2})([-/月])(\d{1,2})(日?)(?: \d{1,2}:\d{2}(?::\d{2})?)?", re.ASCII)
_DAY_MARKS = (("-", "-", ""), ("/", "/", ""), ("年", "月", "日"))
_RUNS = ("=", "+", "-", "@", "\t", "\r", "\n")


class TableRefused(Exception):
    """A file cannot be read, or not on from `line` (0: the whole of it), with the reason in both languages."""

    def __init__(self, line: int, zh: str, en: str) -> None:
        super().__init__(en)
        self.line, self.zh, self.en = line, zh, en


def yuan_cell(amount_fen: int) -> Decimal:
    """Fen as a number of yuan for a cell, exactly."""
    return Decimal(amount_fen).scaleb(-2)


def day_of(cell: str) -> date:
    """The day that a cell names: 2025-07-05, 2025/7/5 or 2025年7月5日, also with a time of day. Raises ValueError."""
    found = _DAY.fullmatch(cell)
    if found is None or found.group(2, 4, 6) not in _DAY_MARKS:
        raise ValueError(cell)
    return date(int(found[1]), int(found[3]), int(found[5]))


def read_table(data: bytes) -> Iterator[tuple[int, list[str]]]:
    """The rows of a CSV (UTF-8 or GBK) or of the first sheet of an XLSX file, each with the line on which it starts.

    Raises TableRefused. Nothing is unpacked to disk; a reader that has had enough rows may stop.
    """
    if data[:4] == b"PK\x03\x04":
        return _sheet_rows(data)
    return _csv_rows(data)


def _csv_rows(data: bytes) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(_decoded(data), newline=""), strict=True)
    line = 1
    while True:
        try:
            row = next(reader, None)
        except csv.Error:
            raise TableRefused(line, "引号没有成对，或该行过长", "is not CSV: a quote is not closed") from None
        if row is None:
            return
        yield line, row
        line = reader.line_num + 1


def _decoded(data: bytes) -> str:
    if b"\x00" in data:
        raise TableRefused(0, "不是文字文件", "is not a text file")
    readable = 0
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError as error:
            readable = max(readable, error.start)
    line = data.count(b"\n", 0, readable) + 1
    raise TableRefused(line, "编码既不是 UTF-8 也不是 GBK", "is neither UTF-8 nor GBK")


def read_sheets(data: bytes, titles: Sequence[str]) -> dict[str, list[tuple[int, list[str]]]]:
    """The rows of these sheets of an XLSX file, by title. Raises TableRefused, also when one is missing."""
    _bounded(data)
    book = _opened(data)
    for title in titles:
        if title not in book.sheet_names:
            raise TableRefused(0, f"缺少工作表“{title}”", f"the sheet {title} is missing")
    places = {title: book.sheet_names.index(title) for title in titles}
    return {title: list(_rows_of(book, place, _percents(data, place))) for title, place in places.items()}


def _sheet_rows(data: bytes) -> Iterator[tuple[int, list[str]]]:
    _bounded(data)
    return _rows_of(_opened(data), 0, _percents(data, 0))


def _opened(data: bytes) -> CalamineWorkbook:
    try:
        return CalamineWorkbook.from_filelike(io.BytesIO(data))
    except (CalamineError, *_DAMAGED):
        raise _damaged() from None


def _damaged() -> TableRefused:
    return TableRefused(0, "表格文件已损坏或格式不支持", "the workbook is damaged or of another kind")


def _attribute(tag: str, name: str) -> str:
    found = re.search(rf"""\s(?:\w+:)?{name}\s*=\s*("[^"]*"|'[^']*')""", tag)
    return html.unescape(found[1][1:-1]) if found else ""


def _percents(data: bytes, index: int) -> set[tuple[int, int]]:
    """The cells of a sheet, as (row, column) from 0, whose number is shown as percent: the reader does not tell."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:

        def part(name: str) -> str:
            return archive.read(name).decode("utf-8", "replace") if name in archive.namelist() else ""

        styles = part("xl/styles.xml")
        codes = {_attribute(tag, "numFmtId"): _attribute(tag, "formatCode") for tag in _FORMATS.findall(styles)}
        percent = {number for number, code in codes.items() if "%" in _AS_IT_STANDS.sub("", code)} | _PERCENT_BUILT_IN
        cells = _STYLES.findall("".join(_OF_CELLS.findall(styles)))
        shown = {str(style) for style, tag in enumerate(cells) if _attribute(tag, "numFmtId") in percent}
        if not shown:
            return set()
        sheets = _SHEETS.findall(part("xl/workbook.xml"))
        wanted = _attribute(sheets[index], "id") if index < len(sheets) else ""
        named = _PARTS.findall(part("xl/_rels/workbook.xml.rels"))
        target = next((_attribute(tag, "Target") for tag in named if _attribute(tag, "Id") == wanted), "")
        sheet = part(target[1:] if target.startswith("/") else f"xl/{target}")
    found, row, column = set(), -1, -1
    for tag in _PLACES.finditer(sheet):
        place = _attribute(tag[0], "r")
        if tag[1] == "row":
            row, column = int(place) - 1 if place.isdecimal() and len(place) <= MOST_DIGITS else row + 1, -1
            continue
        letters = place.rstrip("0123456789")
        column = _column(letters.encode()) - 1 if letters else column + 1
        if _attribute(tag[0], "s") in shown:
            found.add((row, column))
    return found


def _column(letters: bytes) -> int:
    """The column that is called so, from 1: A, B, … Z, AA."""
    column = 0
    for letter in letters:
        column = column * 26 + letter - 64
    return column


def _rows_of(
    book: CalamineWorkbook, index: int, percents: Collection[tuple[int, int]]
) -> Iterator[tuple[int, list[str]]]:
    try:
        sheet = book.get_sheet_by_index(index)
        start = sheet.start
        rows = sheet.to_python(skip_empty_area=True)
    except (CalamineError, *_DAMAGED):
        raise _damaged() from None
    first, left = start or (0, 0)
    for line, row in enumerate(rows, first):
        yield line + 1, [_as_text(cell, (line, place) in percents) for place, cell in enumerate(row, left)]


def _bounded(data: bytes) -> None:
    """Refuse a workbook that grows beyond all measure: its parts are unpacked here first, bounded."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            left = MAX_UNPACKED
            for entry in archive.infolist():
                if entry.flag_bits & 0x1:
                    raise TableRefused(0, "表格文件已加密", "the workbook is encrypted")
                with archive.open(entry) as opened:
                    content = opened.read(left + 1)
                left -= len(content)
                if left < 0:
                    raise TableRefused(0, "表格解压后过大", "the workbook is too large when unpacked")
                if b"<!DOCTYPE" in content or b"<!ENTITY" in content:
                    raise TableRefused(0, "表格文件含有不允许的内容", "the workbook holds a document type")
                if entry.filename.startswith("xl/worksheets/"):
                    _few_cells(content)
    except _DAMAGED:
        raise _damaged() from None


def _few_cells(sheet: bytes) -> None:
    rows = columns = 1
    for letters, number in _REFERENCE.findall(sheet):
        rows = max(rows, int(number))
        columns = max(columns, _column(letters))
    if rows * columns > MAX_CELLS:
        raise TableRefused(0, "表格范围过大", "the sheet spans too many cells")


def _as_text(cell: object, percent: bool = False) -> str:
    """A cell as a clerk sees it. A number of more digits than a spreadsheet keeps shows that they are lost."""
    if percent and isinstance(cell, int | float) and not isinstance(cell, bool):
        return f"{_as_text(cell * 100)}%"
    match cell:
        case str():
            return cell
        case bool():
            return "TRUE" if cell else "FALSE"
        case float() if cell.is_integer() and abs(cell) < 10**EXACT_DIGITS:
            return str(int(cell))
        case float() | int():
            return f"{cell:.{EXACT_DIGITS}g}"
        case datetime():
            return cell.strftime("%Y-%m-%d %H:%M:%S")
        case date():
            return cell.isoformat()
        case time() | timedelta():
            return str(cell)
    return ""


def _inert(text: str) -> str:
    """Text of which a spreadsheet runs nothing, whatever form its first character has."""
    bare = unicodedata.normalize("NFKC", text.lstrip("'\"")[:1])
    return f"'{text}" if bare in _RUNS and bare else text


def write_csv(header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> bytes:
    """A CSV file that spreadsheets open with its Chinese as written: UTF-8 with a mark, text made inert."""
    written = io.StringIO()
    writer = csv.writer(written)
    writer.writerow(header)
    for row in rows:
        writer.writerow([_inert(cell) if isinstance(cell, str) else "" if cell is None else str(cell) for cell in row])
    return written.getvalue().encode("utf-8-sig")


@dataclass(frozen=True)
class Sheet:
    """A sheet to be written: its title, its header (which stays in view), its rows."""

    title: str
    header: Sequence[str]
    rows: Iterable[Sequence[Cell]]


def _places(number: Decimal) -> int:
    """Decimals with which a number is shown: those that it has, two at least, three at most."""
    exponent = number.as_tuple().exponent
    return min(max(2, -exponent), 3) if isinstance(exponent, int) else 2


#: A4, as workbooks number papers.
_A4 = 9
#: Widths in digits: of a head that is not wrapped, of a column where there are many, of the paper; rows measured.
_HEAD, _WIDEST, _ACROSS, _MEASURED = 14, 42, 140, 500


def _width(text: str) -> int:
    """The width of a text's longest line in digits: what UTF-8 writes in three bytes is as wide as two."""
    return max(((len(line) + len(line.encode())) // 2 for line in text.splitlines()), default=0)


def _shown_width(cell: Cell) -> int:
    """How wide a cell is when nothing of it is wrapped."""
    match cell:
        case Decimal():
            return len(f"{cell:,.{_places(cell)}f}")
        case str():
            return _width(cell)
        case int():
            return len(str(cell))
        case date():
            return 10
    return 0


def _set_up(page: Any) -> None:
    """A4 across, all columns on one sheet of paper, the head on each, pages numbered; the head stays in view."""
    page.freeze_panes(1, 0)
    page.set_landscape()
    page.set_paper(_A4)
    page.set_margins(left=0.4, right=0.4, top=0.5, bottom=0.6)
    page.fit_to_pages(1, 0)
    page.repeat_rows(0)
    page.set_footer("&L&A&R&P / &N")


def write_xlsx(*sheets: Sheet, made_at: datetime | None = None) -> bytes:
    """A workbook, row by row, so that memory does not grow with it. Text is never a formula or a link.

    Columns are as wide as their first rows ask for, long texts are wrapped, and it prints as it is. `made_at`: the
    moment that it tells as its making, the present unless given; the same cells then make the same bytes.
    """
    target = io.BytesIO()
    safe = {
        "constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False,
    }  # fmt: skip
    with xlsxwriter.Workbook(target, safe) as book:
        if made_at is not None:
            book.set_properties({"created": made_at.astimezone(UTC).replace(tzinfo=None)})
        head = book.add_format({"bold": True, "text_wrap": True, "valign": "vcenter", "bottom": 1})
        top = {"valign": "top"}
        text = book.add_format(top | {"num_format": "@", "text_wrap": True})
        day, whole = book.add_format(top | {"num_format": "yyyy-mm-dd"}), book.add_format(top)
        # A number is shown with the decimals that it came with: yuan with two, kilograms with three.
        exact = {places: book.add_format(top | {"num_format": f"#,##0.{'0' * places}"}) for places in (2, 3)}
        for sheet in sheets:
            page = book.add_worksheet(re.sub(r"[\[\]:*?/\\]", " ", sheet.title)[:31])
            _set_up(page)
            widths = [min(_width(name), _HEAD) for name in sheet.header]
            for column, name in enumerate(sheet.header):
                page.write_string(0, column, name, head)
            for number, row in enumerate(sheet.rows, 1):
                if number <= _MEASURED:
                    widths[: len(row)] = map(max, widths, map(_shown_width, row))
                for column, cell in enumerate(row):
                    match cell:
                        case str():
                            page.write_string(number, column, cell, text)
                        case Decimal():
                            page.write_number(number, column, cell, exact[_places(cell)])
                        case int():
                            page.write_number(number, column, cell, whole)
                        case date():
                            page.write_datetime(number, column, cell, day)
            widest = max(_WIDEST, _ACROSS // len(widths))
            for column, width in enumerate(widths):
                page.set_column(column, column, min(width, widest) + 2)
    return target.getvalue()
