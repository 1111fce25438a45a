"""From the bytes of one file to typed rows: each error with its line and column, and the reading goes on.

A sheet is declared as a frozen dataclass whose fields are the columns. A file names them in its header, in any order;
beside them it may have a column of remarks, which is not kept, and empty columns at its end.
"""

import csv
import io
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields
from typing import Any, Generic, Literal, TypeVar

from shop.imports.cells import Refusal, clean
from shop.kit.tables import TableRefused, read_table
from shop.places.gazetteer import Gazetteer

#: More rows than any file of a county has; a larger one is refused before it fills the memory.
MAX_ROWS = 200_000
#: A column that people add for themselves.
REMARK = "备注"
_EMPTY = Refusal("没有填", "is empty")

Place = Literal["township", "village"]
#: A column with what is wrong there, in Chinese and in English.
Problem = tuple[str, str, str]


@dataclass(frozen=True, order=True)
class RowError:
    """What is wrong where: `line` as an editor counts it, `column` empty for a whole line."""

    file: str
    line: int
    column: str
    zh: str
    en: str


@dataclass(frozen=True)
class Row:
    """A parsed row of some file; its fields are declared by `column`."""

    def problems(self) -> Iterator[Problem]:
        """What contradicts within the row itself; nothing unless a row says so."""
        return iter(())


R = TypeVar("R", bound=Row)
Key = tuple[object, ...]


def column(
    parse: Callable[[str], Any] | None = None, *, header: str | None = None, place: Place | None = None,
    key: bool = False, compare: bool = True,
) -> Any:  # fmt: skip
    """A column: how its cells are read, its name in the header if the field has another, whether it is part of the key.

    `place`: the cell names a township or a village by code, name or known misprint; the row holds its code.
    `compare`: False for a column that is read but not kept, so that it cannot differ from what is recorded.
    """
    return field(metadata={"parse": parse, "header": header, "place": place, "key": key}, compare=compare)


@dataclass(frozen=True)
class Sheet(Generic[R]):
    """A file: its name and the row it is made of. `repeats`: a row that stands in it twice counts once."""

    file: str
    row: type[R]
    repeats: bool = False

    @property
    def header(self) -> list[str]:
        """The names of the columns."""
        return [_label(item) for item in fields(self.row)]

    def key(self, row: R) -> Key:
        """What tells one row from another."""
        return tuple(getattr(row, item.name) for item in fields(self.row) if item.metadata["key"])

    def differing(self, row: R, known: R) -> list[str]:
        """The columns in which two rows of the same key differ."""
        return [
            _label(item)
            for item in fields(self.row)
            if item.compare and getattr(row, item.name) != getattr(known, item.name)
        ]


@dataclass
class Read(Generic[R]):
    """What was read of a file: good rows by key, the lines of all keys seen (also of bad rows), and the errors."""

    rows: dict[Key, R] = field(default_factory=dict)
    lines: dict[Key, int] = field(default_factory=dict)
    errors: list[RowError] = field(default_factory=list)


def _label(item: Any) -> str:
    return str(item.metadata["header"] or item.name)


class _Broken(Exception):
    """The file cannot be read on from `line`."""

    def __init__(self, line: int, zh: str, en: str) -> None:
        self.line, self.zh, self.en = line, zh, en


@dataclass(frozen=True)
class _Column:
    """Where a column stands in the file, its name, how a cell is read, the field that it fills (None: not kept)."""

    at: int
    label: str
    parse: Callable[[str], Any]
    field: str | None = None
    key: bool = False


def read(sheet: Sheet[R], data: bytes, places: Gazetteer, *, workbook: bool = False) -> Read[R]:
    """Read a whole file; a broken row never hides the errors of the next.

    `workbook`: a table that somebody filled in. It may also be GBK or XLSX, cells and lines that are left empty at the
    end are empty, and one without any row is an error.
    """
    result: Read[R] = Read()
    try:
        records = _table(data) if workbook else _records(data)
        columns, width = _columns(sheet, next(records, None), places)
        count = -1
        for count, (line, cells) in enumerate(records):
            if count >= MAX_ROWS:
                raise _Broken(line, f"超过 {MAX_ROWS} 行", f"more than {MAX_ROWS} rows")
            if workbook:
                cells += [""] * (width - len(cells))
            _take(sheet, columns, width, line, cells, result)
        if workbook and count < 0:
            raise _Broken(1, "只有表头，没有数据行", "holds a header and no row")
    except _Broken as broken:
        result.errors.append(RowError(sheet.file, broken.line, "", broken.zh, broken.en))
    return result


def _records(data: bytes) -> Iterator[tuple[int, list[str]]]:
    """Each record with the line on which it starts. Raises _Broken for what is not UTF-8 or not CSV."""
    try:
        decoded = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise _Broken(line, "不是 UTF-8 编码", "is not UTF-8") from None
    reader = csv.reader(io.StringIO(decoded, newline=""), strict=True)
    line = 1
    while True:
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise _Broken(line, "引号没有成对，或该行过长", f"is not CSV: {error}") from None
        if cells is None:
            return
        yield line, cells
        line = reader.line_num + 1


def _table(data: bytes) -> Iterator[tuple[int, list[str]]]:
    """Rows of a CSV or XLSX file that hold something. Raises _Broken."""
    try:
        for line, cells in read_table(data):
            if any(map(str.strip, cells)):
                yield line, cells
    except TableRefused as refused:
        raise _Broken(refused.line, refused.zh, refused.en) from None


def _columns(sheet: Sheet[R], first: tuple[int, list[str]] | None, places: Gazetteer) -> tuple[list[_Column], int]:
    """The columns in the order of the sheet, then one of remarks, and how many the header names. Raises _Broken."""
    line, cells = first or (1, [])
    names = [unicodedata.normalize("NFKC", cell).strip() for cell in cells]
    while names and not names[-1]:
        names.pop()
    known = {_label(item): item for item in fields(sheet.row)}
    missing = [name for name in known if name not in names]
    strange = [name or "（空）" for name in dict.fromkeys(names) if name not in known and name != REMARK]
    twice = [name for name in dict.fromkeys(names) if name and names.count(name) > 1]
    if missing or strange or twice:
        zh, en = f"表头须为 {','.join(known)}", f"the header must be {','.join(known)}"
        for wrong, why_zh, why_en in (
            (missing, "缺少", "missing"), (strange, "不认识", "not known"), (twice, "重复", "twice"),
        ):  # fmt: skip
            if wrong:
                zh, en = f"{zh}；{why_zh} {'、'.join(wrong)[:200]}", f"{en}; {why_en}: {', '.join(wrong)[:200]}"
        raise _Broken(line, zh, en)
    found = [
        _Column(names.index(label), label, _parser(item.metadata, places), item.name, key=item.metadata["key"])
        for label, item in known.items()
    ]
    if REMARK in names and REMARK not in known:
        found.append(_Column(names.index(REMARK), REMARK, str))
    return found, len(names)


def _parser(metadata: Any, places: Gazetteer) -> Callable[[str], Any]:
    place = metadata["place"]
    if place is None:
        parse: Callable[[str], Any] = metadata["parse"]
        return parse

    def parse_place(cell: str) -> str:
        found = places.township(cell) if place == "township" else places.village(cell)
        if found is None:
            raise Refusal("没有这个乡镇或村，不会新建", "no such township or village; none is made of it")
        return found

    return parse_place


def _take(sheet: Sheet[R], columns: list[_Column], width: int, line: int, cells: list[str], result: Read[R]) -> None:
    if len(cells) < width or any(map(str.strip, cells[width:])):
        zh, en = f"应有 {width} 列，实有 {len(cells)} 列", f"has {len(cells)} cells, not {width}"
        result.errors.append(RowError(sheet.file, line, "", zh, en))
        return
    values: dict[str, Any] = {}
    good = True
    for column in columns:
        cell = cells[column.at]
        try:
            value = column.parse(clean(cell))
        except Refusal as refusal:
            good = False
            why = refusal if cell.strip() else _EMPTY
            result.errors.append(RowError(sheet.file, line, column.label, why.zh, why.en))
        else:
            if column.field is not None:
                values[column.field] = value
    keys = [column for column in columns if column.key]
    if all(column.field in values for column in keys):
        key = tuple(values[column.field] for column in keys if column.field)
        if key in result.lines:
            if good and sheet.repeats and sheet.row(**values) == result.rows.get(key):
                return
            zh, en = f"与第 {result.lines[key]} 行重复", f"repeats line {result.lines[key]}"
            if sheet.repeats:
                zh, en = f"{zh}，内容不同", f"{en} with other content"
            result.errors.append(RowError(sheet.file, line, keys[0].label, zh, en))
            return
        result.lines[key] = line
        if good:
            _keep(sheet, line, key, sheet.row(**values), result)


def _keep(sheet: Sheet[R], line: int, key: Key, row: R, result: Read[R]) -> None:
    problems = list(row.problems())
    result.errors.extend(RowError(sheet.file, line, *problem) for problem in problems)
    if not problems:
        result.rows[key] = row
