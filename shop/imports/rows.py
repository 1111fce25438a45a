"""Reading CSV files strictly: bytes to typed rows, every fault kept with its place."""

import csv
import io
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

Parser = Callable[[str], Any]

#: Eleven or more digits in a row that no column of ours needs: a phone, ID or card number went astray.
_PERSONAL = re.compile(r"(?<!\d)(1[3-9]\d{9}|\d{17}[\dXx]|\d{15}|\d{16,19})(?!\d)")


@dataclass(frozen=True)
class RowError:
    """One fault: `line` counts from 1 with the header, `column` is the header's name."""

    file: str
    line: int
    column: str
    reason_zh: str
    reason_en: str

    def as_dict(self) -> dict[str, object]:
        """For a problem's `errors`."""
        return {
            "file": self.file,
            "line": self.line,
            "column": self.column,
            "detail_zh": self.reason_zh,
            "detail": self.reason_en,
        }


class Bad(Exception):
    """A value that cannot be taken, with the reason in both languages."""

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(en)
        self.zh, self.en = zh, en


@dataclass
class Row:
    """A parsed row and its place."""

    line: int
    values: dict[str, Any]

    def __getitem__(self, column: str) -> Any:
        return self.values[column]


@dataclass
class Table:
    """The rows of one file and the faults found in it so far."""

    file: str
    rows: list[Row] = field(default_factory=list)
    errors: list[RowError] = field(default_factory=list)

    def fault(self, row: Row, column: str, zh: str, en: str) -> None:
        """Note a fault of a row."""
        self.errors.append(RowError(self.file, row.line, column, zh, en))


def whole(low: int = 0, high: int = 10**12) -> Parser:
    """A whole number in ASCII digits."""

    def parse(text: str) -> int:
        if not re.fullmatch(r"\d{1,13}", text, re.ASCII) or not low <= int(text) <= high:
            raise Bad(f"须是 {low} 到 {high} 的整数", f"must be a whole number from {low} to {high}")
        return int(text)

    return parse


def optional(parser: Parser) -> Parser:
    """Empty means None."""
    return lambda text: None if text == "" else parser(text)


def word(text: str) -> str:
    """Some text, without blanks around it."""
    if not text or text != text.strip() or len(text) > 120 or any(ord(char) < 32 for char in text):
        raise Bad("不能为空、不能带首尾空格或控制字符", "must not be empty, padded or hold control characters")
    if _PERSONAL.search(text):
        raise Bad("疑似手机号、证件号或卡号，不得导入", "looks like a phone, ID or card number; never import one")
    return text


def code(pattern: str) -> Parser:
    """A code of the given form."""

    def parse(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise Bad(f"编号格式须为 {pattern}", f"must look like {pattern}")
        return text

    return parse


def one_of(*known: str) -> Parser:
    """One of the known words."""

    def parse(text: str) -> str:
        if text not in known:
            raise Bad(f"须为 {'、'.join(known)} 之一", f"must be one of {', '.join(known)}")
        return text

    return parse


def tenths(text: str) -> int:
    """A number with at most one decimal, in tenths."""
    if not re.fullmatch(r"\d{1,9}(\.\d)?", text, re.ASCII):
        raise Bad("须是最多一位小数的数", "must be a number with at most one decimal")
    try:
        return int(Decimal(text) * 10)
    except InvalidOperation:
        raise Bad("不是数", "is not a number") from None


def kilograms(text: str) -> int:
    """Kilograms with at most one decimal, in grams."""
    grams = tenths(text) * 100
    if grams == 0:
        raise Bad("重量须大于 0", "weight must be above 0")
    return grams


def day(text: str) -> date:
    """An ISO day in 2000..2100."""
    try:
        if not re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.ASCII):
            raise ValueError
        value = date.fromisoformat(text)
    except ValueError:
        raise Bad("日期须为 YYYY-MM-DD", "must be YYYY-MM-DD") from None
    if not 2000 <= value.year <= 2100:
        raise Bad("年份须在 2000 到 2100 之间", "year must lie in 2000..2100")
    return value


def read_table(file: str, raw: bytes, columns: Mapping[str, Parser], key: str | None) -> Table:
    """Parse `raw` by `columns`. Faults of form (encoding, header, quoting, width, values, repeated keys) are noted."""
    table = Table(file)
    whole_file = Row(1, {})
    try:
        text = raw.decode("utf-8-sig")
        lines = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except UnicodeDecodeError:
        table.fault(whole_file, "", "须是 UTF-8 编码", "must be UTF-8")
        return table
    except csv.Error as error:
        table.fault(whole_file, "", f"CSV 格式有误：{error}", f"is not well-formed CSV: {error}")
        return table
    header = lines[0] if lines else []
    if header != list(columns):
        expected = ",".join(columns)
        table.fault(whole_file, "", f"表头须为 {expected}", f"the header must be {expected}")
        return table
    seen: set[str] = set()
    for number, cells in enumerate(lines[1:], start=2):
        row = Row(number, {})
        if len(cells) != len(header):
            table.fault(row, "", f"须有 {len(header)} 列", f"must have {len(header)} columns")
            continue
        before = len(table.errors)
        for (column, parser), cell in zip(columns.items(), cells, strict=True):
            try:
                row.values[column] = parser(cell)
            except Bad as bad:
                table.fault(row, column, bad.zh, bad.en)
        if len(table.errors) > before:
            continue
        if key is not None and row[key] in seen:
            table.fault(row, key, f"{row[key]} 重复", f"{row[key]} appears twice")
            continue
        seen.add(row[key] if key else "")
        table.rows.append(row)
    return table
