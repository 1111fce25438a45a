"""Market quotes from outside: what a connector must tell, the one that reads a file, and taking in what it tells.

All or nothing. What a source said before is unchanged; another price of it for the same day is a logged correction.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Protocol

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from shop.agreements.models import MarketQuote
from shop.agreements.quotes import QuoteUnit, per_kg
from shop.catalog.models import Product
from shop.farmers.models import Grade
from shop.kit.schemas import MAX_FEN
from shop.kit.tables import TableRefused, read_table

HEADER = ("商品编码", "日期", "来源", "市场", "等级", "单位", "价格（元）")
MAX_ROWS = 5_000
_YUAN = re.compile(r"[0-9]{1,8}(\.[0-9]{1,2})?")
_CORRECTED_ZH = "来源更正"


@dataclass(frozen=True)
class Told:
    """One quote as a source tells it, per kg, with the line of the file it stands in (0: no file)."""

    line: int
    sku: str
    quoted_on: date
    source: str
    market: str
    grade: Grade
    fen_per_kg: int


@dataclass(frozen=True, order=True)
class Problem:
    """What is wrong in which line, in both languages; line 0: the whole file."""

    line: int
    zh: str
    en: str


class QuoteConnector(Protocol):
    """The contract of whatever brings quotes: a file, a market's service. It tells; it writes nothing."""

    def tell(self) -> tuple[Sequence[Told], Sequence[Problem]]:
        """The quotes, and what could not be read."""


class QuoteFile:
    """A CSV or XLSX file with the columns of `HEADER`."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def tell(self) -> tuple[list[Told], list[Problem]]:
        """The rows of the file; every broken row is a problem and hides no other."""
        told: list[Told] = []
        problems: list[Problem] = []
        try:
            rows = read_table(self._data)
            first = next(rows, (1, []))
            if tuple(cell.strip() for cell in first[1]) != HEADER:
                return [], [
                    Problem(first[0], f"表头须为 {'、'.join(HEADER)}", f"the header must be {', '.join(HEADER)}")
                ]
            for line, cells in rows:
                if len(told) + len(problems) >= MAX_ROWS:
                    return [], [Problem(line, f"超过 {MAX_ROWS} 行", f"more than {MAX_ROWS} rows")]
                try:
                    told.append(_read(line, [cell.strip() for cell in cells]))
                except _Broken as broken:
                    problems.append(Problem(line, broken.zh, broken.en))
        except TableRefused as refused:
            problems.append(Problem(refused.line, refused.zh, refused.en))
        return told, problems


class _Broken(Exception):
    """A row cannot be read."""

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(en)
        self.zh, self.en = zh, en


def _read(line: int, cells: list[str]) -> Told:
    if len(cells) != len(HEADER):
        raise _Broken(f"应有 {len(HEADER)} 列", f"must have {len(HEADER)} cells")
    sku, day, source, market, grade, unit, price = cells
    try:
        quoted_on = date.fromisoformat(day[:10])
    except ValueError:
        raise _Broken("日期须为 2025-07-15 的格式", "the day must be YYYY-MM-DD") from None
    if not source or not market or len(source) > 120 or len(market) > 120:
        raise _Broken("来源与市场必填，至多 120 字", "source and market are needed, 120 characters at most")
    if grade not in {known.value for known in Grade} or unit not in {known.value for known in QuoteUnit}:
        raise _Broken("等级或单位不认识", "an unknown grade or unit")
    if not _YUAN.fullmatch(price):
        raise _Broken("价格须为元，至多两位小数", "the price must be yuan with two decimals at most")
    fen_per_kg = per_kg(int(Decimal(price).scaleb(2)), QuoteUnit(unit))
    if not 1 <= fen_per_kg <= MAX_FEN:
        raise _Broken("每公斤价格须在一分以上", "less than one fen per kg")
    return Told(line, sku, quoted_on, source, market, Grade(grade), fen_per_kg)


@dataclass
class TakenIn:
    """How many quotes were new, known, or corrected; and what stopped it: with problems nothing is written."""

    new: int = 0
    unchanged: int = 0
    corrected: int = 0
    problems: tuple[Problem, ...] = ()


_Key = tuple[int, date, str, str, Grade]


def take_in(session: Session, connector: QuoteConnector, *, actor_id: int | None, now: datetime) -> TakenIn:
    """Record what a connector tells, in three statements. A later row of the same file for the same day corrects it."""
    told, problems = connector.tell()
    products = _products(session, told)
    unknown = [
        Problem(quote.line, f"没有商品 {quote.sku}", f"no product {quote.sku}")
        for quote in told
        if quote.sku not in products
    ]
    if problems or unknown:
        return TakenIn(problems=tuple(sorted([*problems, *unknown])))
    words = _last_words(session, {_key(quote, products) for quote in told})
    result = TakenIn()
    rows = []
    for quote in told:
        key = _key(quote, products)
        position, price = words.get(key, (0, 0))
        if price == quote.fen_per_kg:
            result.unchanged += 1
            continue
        result.corrected += bool(position)
        result.new += not position
        words[key] = position + 1, quote.fen_per_kg
        rows.append(
            {
                "product_id": key[0], "quoted_on": quote.quoted_on, "source": quote.source, "market": quote.market,
                "grade": quote.grade, "position": position + 1, "fen_per_kg": quote.fen_per_kg, "recorded_at": now,
                "recorded_by_id": actor_id, "reason": _CORRECTED_ZH if position else None,
            }
        )  # fmt: skip
    if rows:
        session.execute(insert(MarketQuote), rows)
    return result


def _products(session: Session, told: Iterable[Told]) -> dict[str, int]:
    skus = {quote.sku for quote in told}
    return dict(session.execute(select(Product.sku, Product.id).where(Product.sku.in_(skus))).all())


def _key(quote: Told, products: dict[str, int]) -> _Key:
    return products[quote.sku], quote.quoted_on, quote.source, quote.market, quote.grade


def _last_words(session: Session, keys: set[_Key]) -> dict[_Key, tuple[int, int]]:
    """Position and price of what each source said last of these."""
    columns = (
        MarketQuote.product_id, MarketQuote.quoted_on, MarketQuote.source, MarketQuote.market, MarketQuote.grade,
    )  # fmt: skip
    if not keys:
        return {}
    days = [key[1] for key in keys]
    rows = session.execute(
        select(*columns, MarketQuote.position, MarketQuote.fen_per_kg)
        .where(
            MarketQuote.product_id.in_({key[0] for key in keys}), MarketQuote.quoted_on.between(min(days), max(days))
        )
        .order_by(MarketQuote.position)
    )
    words: dict[_Key, tuple[int, int]] = {}
    for product_id, quoted_on, source, market, grade, position, fen_per_kg in rows:
        words[product_id, quoted_on, source, market, grade] = position, fen_per_kg
    return words
