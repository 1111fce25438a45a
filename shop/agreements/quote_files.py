"""Market quotes from outside: what a connector must tell, the one that reads a file, and taking in what it tells.

What a source said before is unchanged; another price of it for the same day is a logged correction. A file that a
person sends is taken whole or not at all; of what comes while nobody looks on, what can be taken is.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Protocol

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from shop.agreements.models import MarketQuote
from shop.agreements.quotes import QuoteUnit, per_kg
from shop.catalog.models import Product
from shop.farmers.models import Grade
from shop.kit.clock import beijing_day
from shop.kit.schemas import MAX_FEN_PER_KG
from shop.kit.tables import TableRefused, day_of, read_table

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
        quoted_on = day_of(day)
    except ValueError:
        raise _Broken("日期须为 2025-07-15 的格式", "the day must be YYYY-MM-DD") from None
    if not all(name and len(name) <= 120 and name.isprintable() for name in (source, market)):
        raise _Broken("来源与市场必填，至多 120 字", "source and market are needed, 120 characters at most")
    if grade not in {known.value for known in Grade} or unit not in {known.value for known in QuoteUnit}:
        raise _Broken("等级或单位不认识", "an unknown grade or unit")
    if not _YUAN.fullmatch(price):
        raise _Broken("价格须为元，至多两位小数", "the price must be yuan with two decimals at most")
    fen_per_kg = per_kg(int(Decimal(price).scaleb(2)), QuoteUnit(unit))
    if not 1 <= fen_per_kg <= MAX_FEN_PER_KG:
        raise _Broken("每公斤价格须在 0.01 至 100,000 元之间", "must be 0.01 to 100,000 yuan per kg")
    return Told(line, sku, quoted_on, source, market, Grade(grade), fen_per_kg)


@dataclass
class TakenIn:
    """How many quotes were new, known, or corrected; and what could not be taken."""

    new: int = 0
    unchanged: int = 0
    corrected: int = 0
    problems: tuple[Problem, ...] = ()


_Key = tuple[int, date, str, str, Grade]


@dataclass
class _Said:
    """What was said of a day so far, each price in its turn; whether a person had the last word."""

    prices: list[int] = field(default_factory=list)
    by_person: bool = False


def take_in(session: Session, connector: QuoteConnector, *, actor_id: int | None, now: datetime) -> TakenIn:
    """Record what a connector tells, in three statements. Nothing is where it says two prices of one day."""
    told, problems = connector.tell()
    products = _products(session, told)
    today = beijing_day(now)
    otherwise = _said_otherwise(told)
    wrong = (_unknown(quote, products) or _ahead(quote, today) or otherwise.get(quote.line) for quote in told)
    problems = [*problems, *filter(None, wrong)]
    if problems:
        return TakenIn(problems=tuple(sorted(problems)))
    result = TakenIn()
    words = _words(session, {_key(quote, products) for quote in told})
    rows = [row for quote in told if (row := _word(quote, _key(quote, products), words, result, actor_id, now))]
    if rows:
        session.execute(insert(MarketQuote), rows)
    return result


def take_fetched(
    session: Session, connector: QuoteConnector, *, sources: Sequence[str], today: date, now: datetime
) -> TakenIn:
    """Record what can be taken of what a connector tells while nobody looks on; the rest stands in `problems`.

    Left out beside what cannot be read: another source than `sources` (empty: any), a day to come, and another price
    than the one that a person entered or an earlier row says. What a source said of a day before and followed since is
    not news: files that say everything again undo no correction.
    """
    told, broken = connector.tell()
    products = _products(session, told)
    problems, result = list(broken), TakenIn()
    words = _words(session, {_key(quote, products) for quote in told if quote.sku in products})
    otherwise = _said_otherwise(told)
    rows = []
    for quote in told:
        wrong = _unknown(quote, products) or _unwanted(quote, sources, today) or otherwise.get(quote.line)
        if wrong is not None:
            problems.append(wrong)
            continue
        key = _key(quote, products)
        said = words[key]
        if quote.fen_per_kg in said.prices:
            result.unchanged += 1
        elif said.by_person:
            problems.append(
                Problem(
                    quote.line, f"{quote.quoted_on} 的行情已由人工登记，未改",
                    f"the quote of {quote.quoted_on} was entered by a person and stays",
                )
            )  # fmt: skip
        elif row := _word(quote, key, words, result, None, now):
            rows.append(row)
    if rows:
        session.execute(insert(MarketQuote), rows)
    result.problems = tuple(sorted(problems))
    return result


def _said_otherwise(told: Iterable[Told]) -> dict[int, Problem]:
    """By line, the rows that say another price than an earlier row of the same file: nobody knows which is right."""
    first: dict[tuple[object, ...], Told] = {}
    problems = {}
    for quote in told:
        same = first.setdefault((quote.sku, quote.quoted_on, quote.source, quote.market, quote.grade), quote)
        if same.fen_per_kg != quote.fen_per_kg:
            zh = f"与第 {same.line} 行是同一报价，价格却不同"
            en = f"says another price than line {same.line} of the same source, market, grade and day"
            problems[quote.line] = Problem(quote.line, zh, en)
    return problems


def _unknown(quote: Told, products: dict[str, int]) -> Problem | None:
    if quote.sku in products:
        return None
    return Problem(quote.line, f"没有商品 {quote.sku}", f"no product {quote.sku}")


def _unwanted(quote: Told, sources: Sequence[str], today: date) -> Problem | None:
    if sources and quote.source not in sources:
        return Problem(quote.line, f"来源 {quote.source} 不在设置之内", f"{quote.source} is not a source that is set")
    return _ahead(quote, today)


def _ahead(quote: Told, today: date) -> Problem | None:
    if quote.quoted_on > today:
        return Problem(quote.line, f"{quote.quoted_on} 还没有到", f"{quote.quoted_on} is still to come")
    return None


def _word(
    quote: Told, key: _Key, words: dict[_Key, _Said], result: TakenIn, actor_id: int | None, now: datetime
) -> dict[str, object] | None:
    """The row of what is said, counted in `result`; None when nothing new is."""
    said = words[key]
    if said.prices[-1:] == [quote.fen_per_kg]:
        result.unchanged += 1
        return None
    follows = bool(said.prices)
    result.corrected += follows
    result.new += not follows
    said.prices.append(quote.fen_per_kg)
    return {
        "product_id": key[0], "quoted_on": quote.quoted_on, "source": quote.source, "market": quote.market,
        "grade": quote.grade, "position": len(said.prices), "fen_per_kg": quote.fen_per_kg, "recorded_at": now,
        "recorded_by_id": actor_id, "reason": _CORRECTED_ZH if follows else None,
    }  # fmt: skip


def _products(session: Session, told: Iterable[Told]) -> dict[str, int]:
    skus = {quote.sku for quote in told}
    return dict(session.execute(select(Product.sku, Product.id).where(Product.sku.in_(skus))).all())


def _key(quote: Told, products: dict[str, int]) -> _Key:
    return products[quote.sku], quote.quoted_on, quote.source, quote.market, quote.grade


def _words(session: Session, keys: set[_Key]) -> dict[_Key, _Said]:
    """What each source said of these before; nothing yet for what is new."""
    words: dict[_Key, _Said] = defaultdict(_Said)
    if not keys:
        return words
    days = [key[1] for key in keys]
    rows = session.execute(
        select(
            MarketQuote.product_id, MarketQuote.quoted_on, MarketQuote.source, MarketQuote.market, MarketQuote.grade,
            MarketQuote.fen_per_kg, MarketQuote.recorded_by_id,
        )
        .where(
            MarketQuote.product_id.in_({key[0] for key in keys}), MarketQuote.quoted_on.between(min(days), max(days))
        )
        .order_by(MarketQuote.position)
    )  # fmt: skip
    for product_id, quoted_on, source, market, grade, fen_per_kg, person_id in rows:
        said = words[product_id, quoted_on, source, market, grade]
        said.prices.append(fen_per_kg)
        said.by_person = person_id is not None
    return words
