"""From the bytes of one CSV file to typed rows: each error with its line and column, and the reading goes on.

A sheet is declared as a frozen dataclass whose fields are the columns, in the order of the header.
"""

import csv
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields
from typing import Any, Generic, Literal, TypeVar

from shop.imports.cells import Refusal, clean
from shop.kit.tables import TableRefused, read_table
from shop.places.gazetteer import Gazetteer

#: More rows than any file of a county has; a larger one is refused before it fills the memory.
MAX_ROWS = 200_000

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
    """A file: its name and the row it is made of."""

    file: str
    row: type[R]

    @property
    def header(self) -> list[str]:
        """The names of the columns as the file must have them."""
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


def read(sheet: Sheet[R], data: bytes, places: Gazetteer, *, workbook: bool = False) -> Read[R]:
    """Read a whole CSV file; a broken row never hides the errors of the next. `workbook`: also GBK and XLSX."""
    result: Read[R] = Read()
    try:
        records = _table(data, len(sheet.header)) if workbook else _records(data)
        _check_header(sheet, next(records, None))
        for count, (line, cells) in enumerate(records):
            if count >= MAX_ROWS:
                raise _Broken(line, f"超过 {MAX_ROWS} 行", f"more than {MAX_ROWS} rows")
            _take(sheet, line, cells, places, result)
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


def _table(data: bytes, columns: int) -> Iterator[tuple[int, list[str]]]:
    """Rows of a CSV or XLSX file that hold something; cells left empty at the end are empty. Raises _Broken."""
    try:
        for line, cells in read_table(data):
            if any(cells):
                yield line, cells + [""] * (columns - len(cells))
    except TableRefused as refused:
        raise _Broken(refused.line, refused.zh, refused.en) from None


def _check_header(sheet: Sheet[R], first: tuple[int, list[str]] | None) -> None:
    if first is None or first[1] != sheet.header:
        named = ",".join(sheet.header)
        raise _Broken(1, f"表头须为 {named}", f"the header must be {named}")


def _take(sheet: Sheet[R], line: int, cells: list[str], places: Gazetteer, result: Read[R]) -> None:
    columns = fields(sheet.row)
    if len(cells) != len(columns):
        zh, en = f"应有 {len(columns)} 列，实有 {len(cells)} 列", f"has {len(cells)} cells, not {len(columns)}"
        result.errors.append(RowError(sheet.file, line, "", zh, en))
        return
    values: dict[str, Any] = {}
    for item, cell in zip(columns, cells, strict=True):
        try:
            values[item.name] = _value(item.metadata, clean(cell), places)
        except Refusal as refusal:
            result.errors.append(RowError(sheet.file, line, _label(item), refusal.zh, refusal.en))
    keys = [item for item in columns if item.metadata["key"]]
    if all(item.name in values for item in keys):
        key = tuple(values[item.name] for item in keys)
        if key in result.lines:
            zh, en = f"与第 {result.lines[key]} 行重复", f"repeats line {result.lines[key]}"
            result.errors.append(RowError(sheet.file, line, _label(keys[0]), zh, en))
            return
        result.lines[key] = line
        if len(values) == len(columns):
            _keep(sheet, line, key, sheet.row(**values), result)


def _value(metadata: Any, cell: str, places: Gazetteer) -> Any:
    if metadata["place"] is None:
        return metadata["parse"](cell)
    found = places.township(cell) if metadata["place"] == "township" else places.village(cell)
    if found is None:
        raise Refusal("没有这个乡镇或村，不会新建", "no such township or village; none is made of it")
    return found


def _keep(sheet: Sheet[R], line: int, key: Key, row: R, result: Read[R]) -> None:
    problems = list(row.problems())
    result.errors.extend(RowError(sheet.file, line, *problem) for problem in problems)
    if not problems:
        result.rows[key] = row
