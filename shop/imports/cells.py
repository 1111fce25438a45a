"""What may stand in one cell: text in, value out, or a Refusal that a clerk understands.

However the cell is written, its meaning is certain or it is refused: blanks around it, full-width digits and a
thousands mark in its place change no number. Nothing is guessed.
"""

import re
import unicodedata
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from enum import StrEnum
from itertools import pairwise
from typing import TypeVar

from shop.agreements.models import PriceRule
from shop.agreements.schedule import well_written
from shop.catalog.models import PaperKind
from shop.kit.plain import unfit
from shop.kit.schemas import MAX_FEN, MAX_FEN_PER_KG, MAX_GRAMS
from shop.kit.tables import day_of

E = TypeVar("E", bound=StrEnum)
T = TypeVar("T")


class Refusal(ValueError):
    """A cell cannot be taken, with the reason in Chinese and English."""

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(en)
        self.zh, self.en = zh, en


#: Full-width forms of ASCII, as an input method for Chinese writes them.
_NARROW = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
#: A whole number: no sign, no leading zero, thousands marked everywhere or nowhere.
_WHOLE = r"(0|[1-9][0-9]{0,11}|[1-9][0-9]{0,2}(?:,[0-9]{3}){1,3})"
_whole = re.compile(_WHOLE)
#: Control, format, surrogate and line-separating characters: no name or code needs them.
_UNSEEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def clean(cell: str) -> str:
    """The cell without blanks around it, if it may be looked at further.

    Refuses unseen characters, other than Unicode form NFC, what a spreadsheet would run as a formula, and anything
    that looks like a phone, identity or bank card number: such numbers are never kept.
    """
    cell = cell.strip()
    if not cell.isascii() or not cell.isprintable():
        if any(unicodedata.category(char) in _UNSEEN for char in cell if not " " <= char <= "~"):
            raise Refusal("含有换行或不可见字符", "holds a line break or an unseen character")
        if not unicodedata.is_normalized("NFC", cell):
            raise Refusal("文字编码不规范（须为 Unicode NFC）", "is not in Unicode form NFC")
    why = unfit(cell)
    if why is not None:
        raise Refusal(*why)
    return cell


def _narrow(cell: str) -> str:
    """The cell with full-width digits, letters and marks as plain ones: for numbers, days and codes, not for names."""
    return cell if cell.isascii() else cell.translate(_NARROW)


def text(high: int = 120) -> Callable[[str], str]:
    """A name of 1 to `high` characters."""

    def parse(cell: str) -> str:
        if not 1 <= len(cell) <= high:
            raise Refusal(f"须填 1 至 {high} 个字", f"must have 1 to {high} characters")
        return cell

    return parse


def code(cell: str) -> str:
    """A code as printed on papers: capitals, digits, Chinese, - and _; 40 at most."""
    cell = _narrow(cell)
    if not re.fullmatch(r"[0-9A-Z_\-\u4e00-\u9fff]{1,40}", cell):
        raise Refusal("编号只能用大写字母、数字、汉字、- 和 _", "a code is capitals, digits, Chinese, - and _")
    return cell


def digits(length: int) -> Callable[[str], str]:
    """A statistical code of exactly `length` digits."""

    def parse(cell: str) -> str:
        cell = _narrow(cell)
        if not re.fullmatch(rf"[0-9]{{{length}}}", cell):
            raise Refusal(f"须为 {length} 位数字", f"must be {length} digits")
        return cell

    return parse


def whole(low: int, high: int) -> Callable[[str], int]:
    """A whole number in `low..high`, without sign or leading zero."""

    def parse(cell: str) -> int:
        found = _whole.fullmatch(_narrow(cell))
        if not found:
            raise Refusal("须为整数", "must be a whole number")
        value = int(found[1].replace(",", ""))
        if not low <= value <= high:
            raise Refusal(f"须在 {low} 至 {high} 之间", f"must lie in {low} to {high}")
        return value

    return parse


fen = whole(0, MAX_FEN)
fen_above_zero = whole(1, MAX_FEN)
fen_per_kg = whole(1, MAX_FEN_PER_KG)


def decimal(places: int, low: int, high: int) -> Callable[[str], int]:
    """A number with at most `places` decimals, in units of the last of them, in `low..high`."""
    pattern = re.compile(rf"{_WHOLE}(?:\.([0-9]{{1,{places}}})0*)?")
    least, most = (f"{Decimal(bound).scaleb(-places).normalize():f}" for bound in (low, high))

    def parse(cell: str) -> int:
        found = pattern.fullmatch(_narrow(cell))
        if not found:
            raise Refusal(f"须为数字，最多 {places} 位小数", f"must be a number, decimals: {places} at most")
        value = int(found[1].replace(",", "") + (found[2] or "").ljust(places, "0"))
        if not low <= value <= high:
            raise Refusal(f"须在 {least} 至 {most} 之间", f"must lie in {least} to {most}")
        return value

    return parse


mu = decimal(1, 0, 100_000)
#: Kilograms to the gram, above zero, as grams.
kg = decimal(3, 1, MAX_GRAMS)
_kg_from_zero = decimal(3, 0, MAX_GRAMS)


def kg_or_none(cell: str) -> int:
    """Kilograms to the gram, or an empty cell for none, as grams."""
    return _kg_from_zero(cell or "0")


def percent(low: int, high: int) -> Callable[[str], int]:
    """Whole percent in `low..high`, with or without its sign, as basis points."""
    number = whole(low, high)

    def parse(cell: str) -> int:
        return number(cell.removesuffix("%")) * 100

    return parse


def blank_or(parse: Callable[[str], T]) -> Callable[[str], T | None]:
    """An empty cell is None."""

    def parse_or_none(cell: str) -> T | None:
        return parse(cell) if cell else None

    return parse_or_none


def day(cell: str) -> date:
    """A calendar day in 2000..2100."""
    try:
        found = day_of(_narrow(cell))
    except ValueError:
        raise Refusal("日期须写作 YYYY-MM-DD", "must be a day as YYYY-MM-DD") from None
    if not 2000 <= found.year <= 2100:
        raise Refusal("年份须在 2000 至 2100 之间", "must lie in 2000 to 2100")
    return found


def one_of(kind: type[E]) -> Callable[[str], E]:
    """One of the values of `kind`."""

    def parse(cell: str) -> E:
        try:
            return kind(cell)
        except ValueError:
            known = " | ".join(member.value for member in kind)
            raise Refusal(f"须为以下之一：{known}", f"must be one of {known}") from None

    return parse


def yes_no(cell: str) -> bool:
    """1 or 0."""
    cell = _narrow(cell)
    if cell not in ("0", "1"):
        raise Refusal("须为 0 或 1", "must be 0 or 1")
    return cell == "1"


def tiers(cell: str) -> tuple[tuple[int, int], ...]:
    """`min_qty:price_fen;...` as pairs: quantities from 2 on rise, prices fall. An empty cell has no tiers."""
    pairs = [part.partition(":") for part in cell.split(";")] if cell else []
    quantity = whole(2, 1_000_000)
    found = tuple((quantity(many), fen_above_zero(price)) for many, _, price in pairs)
    for (many, price), (more, cheaper) in pairwise(found):
        if more <= many or cheaper >= price:
            raise Refusal("阶梯数量须递增、单价须递减", "quantities must rise and prices must fall")
    return found


#: How the files name the papers; a claimed mark is no paper.
PAPERS = {
    "conformity_certificate": PaperKind.CONFORMITY_CERTIFICATE,
    "quarantine_certificate": PaperKind.QUARANTINE_CERTIFICATE,
    "food_production_licence": PaperKind.FOOD_PRODUCTION_LICENCE,
    "workshop_licence": PaperKind.WORKSHOP_LICENCE,
}
GI_CLAIMED = "gi_claimed"


def papers(cell: str) -> frozenset[str]:
    """Papers that must accompany a product, and `gi_claimed`; `none` alone for no paper."""
    names = cell.split(";")
    if names == ["none"]:
        return frozenset()
    if len(set(names)) != len(names) or not set(names) <= {*PAPERS, GI_CLAIMED}:
        known = " | ".join([*PAPERS, GI_CLAIMED, "none"])
        raise Refusal(
            f"须为以下各项（以 ; 分隔，不重复）：{known}", f"must be a list, by ;, without repeats, of {known}"
        )
    return frozenset(names)


def price_rule(cell: str) -> tuple[PriceRule, int]:
    """FIXED, FLOOR_OR_MARKET or MARKET_PLUS:n, with n in basis points (0 for the others)."""
    name, colon, margin = cell.partition(":")
    if cell in (PriceRule.FIXED, PriceRule.FLOOR_OR_MARKET):
        return PriceRule(cell), 0
    if name == PriceRule.MARKET_PLUS and colon:
        return PriceRule.MARKET_PLUS, whole(0, 10_000)(margin)
    raise Refusal(
        "须为 FIXED、FLOOR_OR_MARKET 或 MARKET_PLUS:n（n 为基点）",
        "must be FIXED, FLOOR_OR_MARKET or MARKET_PLUS:n (n in basis points)",
    )


def schedule(cell: str) -> str:
    """A delivery schedule as the contract writes it: daily, weekly:1,4, monthly:5,20, once:2026-01-20."""
    try:
        well_written(cell)
    except ValueError:
        raise Refusal(
            "须为 daily、weekly:1,4（1 为周一）、monthly:5,20 或 once:2026-01-20",
            "must be daily, weekly:1,4 (1 = Monday), monthly:5,20 or once:2026-01-20",
        ) from None
    return text(120)(cell)
