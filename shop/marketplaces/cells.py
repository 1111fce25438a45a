"""What may stand in a cell of a shop's file: text in, value out, or a Refusal that a clerk understands."""

import re
import unicodedata
from datetime import date, datetime

from shop.kit.clock import BEIJING, beijing_day
from shop.kit.schemas import MAX_FEN


class Refusal(ValueError):
    """A cell cannot be taken, with the reason in Chinese and English."""

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(en)
        self.zh, self.en = zh, en


#: How the marketplaces write "nothing".
_NOTHING = {"", "-", "--", "无", "null", "NULL", "\\N"}
#: Marks that keep a spreadsheet from reading a long number as one: a tab, an apostrophe, ="…".
_AS_TEXT = re.compile(r'="(.*)"')
_NUMBER = re.compile(r"[0-9A-Za-z_\-]{1,64}")
_SCIENTIFIC = re.compile(r"[0-9]+(?:\.[0-9]+)?[eE]\+?[0-9]+")
_YUAN = re.compile(r"([+-]?)([0-9]{1,9})(?:\.([0-9]{1,2})0*)?")
_TIME = re.compile(r"(\d{4})[-/](\d{1,2})[-/](\d{1,2})(?:[ T](\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d+)?)?)?", re.ASCII)
MAX_PACKS = 100_000


def clean(cell: str) -> str:
    """The cell without the marks that spreadsheets and marketplaces put around values; empty for nothing.

    Refuses unseen characters inside.
    """
    value = unicodedata.normalize("NFC", cell).strip("\ufeff \t\r\n\u3000'`")
    written = _AS_TEXT.fullmatch(value)
    value = written[1].strip() if written else value
    if any(unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp") for char in value):
        raise Refusal("含有换行或不可见字符", "holds a line break or an unseen character")
    return "" if value in _NOTHING else value


def number(value: str) -> str:
    """An order's or transaction's number: letters, digits, - and _, 64 at most."""
    if _SCIENTIFIC.fullmatch(value) and not value.isdigit():
        raise Refusal(
            "编号被表格软件改成了科学计数，请按文本重新导出",
            "a spreadsheet has turned this number into scientific notation; export it as text",
        )
    if not _NUMBER.fullmatch(value):
        raise Refusal("编号须为 1 至 64 位字母、数字、- 或 _", "must be 1 to 64 letters, digits, - or _")
    return value


def sku(value: str) -> str:
    """The shop's SKU as it was typed there, 64 characters at most."""
    if not 1 <= len(value) <= 64:
        raise Refusal("货号须为 1 至 64 个字", "a SKU has 1 to 64 characters")
    return value


def quantity(value: str) -> int:
    """A count above zero."""
    found = re.fullmatch(r"([0-9]{1,6})(?:\.0+)?", value, re.ASCII)
    if not found or not 1 <= int(found[1]) <= MAX_PACKS:
        raise Refusal(f"数量须为 1 至 {MAX_PACKS} 的整数", f"must be a whole number of 1 to {MAX_PACKS}")
    return int(found[1])


def fen(value: str) -> int:
    """An amount of yuan with at most two decimals, as fen; empty is nothing; thousands marks and ¥ are allowed."""
    if not value:
        return 0
    plain = re.sub(r"(?<=[0-9]),(?=[0-9]{3}(?:[.,]|$))", "", value.lstrip("¥￥").removesuffix("元"))
    found = _YUAN.fullmatch(plain)
    if not found or not plain.isascii():
        raise Refusal("金额须为元，最多两位小数", "must be yuan with at most two decimals")
    amount = int(found[2]) * 100 + int((found[3] or "").ljust(2, "0"))
    if amount > MAX_FEN:
        raise Refusal("金额过大", "is too large an amount")
    return -amount if found[1] == "-" else amount


def moment(value: str, *, now: datetime) -> datetime:
    """A Beijing time `2025-07-14 10:20:30` (seconds or the time of day may lack), not after `now`."""
    found = _TIME.fullmatch(value)
    try:
        if not found:
            raise ValueError
        year, month, day, hour, minute, second = (int(part or 0) for part in found.groups())
        told = datetime(year, month, day, hour, minute, second, tzinfo=BEIJING)
    except ValueError:
        raise Refusal("时间须写作 2025-07-14 10:20:30", "must be a time as 2025-07-14 10:20:30") from None
    if told.year < 2000 or told > now:
        raise Refusal("时间不在合理范围（不能晚于现在）", "lies in the future or far in the past")
    return told


def alike(value: str) -> str:
    """The value in one way of writing: a workbook writes an amount or a time otherwise than a text file does."""
    try:
        return str(fen(value))
    except Refusal:
        found = _TIME.fullmatch(value)
        return "-".join(str(int(part or 0)) for part in found.groups()) if found else value


def moment_or_none(value: str, *, now: datetime) -> datetime | None:
    """The same; None for nothing."""
    return moment(value, now=now) if value else None


def day(value: str, *, now: datetime) -> date:
    """The Beijing day of a time."""
    return beijing_day(moment(value, now=now))
