"""A draft from a workbook: the template that is filled in, and what was filled in, as the form would send it.

The schema of the form judges every cell; each refusal names sheet, row and column.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from marshmallow import Schema, ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from shop.access.guard import Actor
from shop.agreements.errors import NeverDue, NotABulkBuyer, NotOnSale, NotRenewable, TermsRefused
from shop.agreements.models import Agreement, PriceRule
from shop.agreements.queries import visible
from shop.agreements.schemas import MOST_LINES, DraftAsked, PromiseAsked
from shop.catalog.models import Firm, Product
from shop.channels.errors import NoCampaign
from shop.channels.models import Partner
from shop.kit.errors import DomainError, NotFoundError
from shop.kit.tables import Sheet, TableRefused, read_sheets, write_xlsx

_NUMBER = re.compile(r"[0-9]{1,12}(\.[0-9]{1,3})?")
_RULES = {
    "固定价": PriceRule.FIXED.value,
    "保底或行情": PriceRule.FLOOR_OR_MARKET.value,
    "行情加成": PriceRule.MARKET_PLUS.value,
}


def _scaled(per: int) -> Callable[[str], int]:
    """A number in a larger unit, of `per` smaller ones, which it must give exactly. Raises ValueError."""

    def parse(cell: str) -> int:
        if not _NUMBER.fullmatch(cell):
            raise ValueError(cell)
        number = Decimal(cell) * per
        if number != int(number):
            raise ValueError(cell)
        return int(number)

    return parse


def _percent(cell: str) -> int:
    return _scaled(100)(cell.removesuffix("%"))


def _day(cell: str) -> str:
    return cell.removesuffix(" 00:00:00")


def _rule(cell: str) -> str:
    return _RULES.get(cell, cell)


@dataclass(frozen=True)
class Column:
    """A column: its field of the form, its header, how a cell becomes the field's value, what may stand in it."""

    name: str
    header: str
    parse: Callable[[str], object]
    zh: str
    en: str


_SCHEDULES_ZH = "daily、weekly:1,4（1 为周一）、monthly:5,20（当月没有该日的为月末）或 once:2026-01-20"
_SCHEDULES = "daily, weekly:1,4 (1 = Monday), monthly:5,20 (a day that a month lacks is its last) or once:2026-01-20"
_kilograms, _yuan, _days = _scaled(1_000), _scaled(100), _scaled(1)
TERMS_SHEET, LINES_SHEET, HELP_SHEET = "条款", "商品", "填写说明"
TERMS = (
    Column("code", "协议编号", str, "须填新编号：字母、数字、-、_ 或汉字，至多 40 字", "a new code, needed"),
    Column("partner", "买方编码", str, "须填可签协议的买方编码", "code of an enterprise that signs agreements, needed"),
    Column("firm", "企业编码", str, "须填供方企业编码", "code of the firm, needed"),
    Column("starts_on", "首日", _day, "须填日期，如 2025-07-16，当日有活动", "YYYY-MM-DD, needed; in a campaign"),
    Column("ends_on", "末日", _day, "须填日期，不早于首日，至多三年", "YYYY-MM-DD, needed; within three years"),
    Column("schedule", "交货计划", str, f"须填 {_SCHEDULES_ZH}", f"{_SCHEDULES}, needed"),
    Column("payment_term_days", "付款期限（天）", _days, "须填 0 至 60 的整数", "whole days, 60 at most, needed"),
    Column("deposit_bp", "定金（%）", _percent, "0 至 20，至多两位小数；不填为 0", "0 to 20, two decimals; blank: 0"),
    Column(
        "penalty_bp", "企业违约金（%）", _percent, "0 至 30，至多两位小数；不填为 0", "0 to 30, two decimals; blank: 0"
    ),
    Column(
        "buyer_penalty_bp",
        "买方违约金（%）",
        _percent,
        "0 至 30，至多两位小数；不填同企业",
        "0 to 30, two decimals; blank: as the firm's",
    ),
    Column(
        "tolerance_bp", "允许偏差（%）", _percent, "0 至 20，至多两位小数；不填为 0", "0 to 20, two decimals; blank: 0"
    ),
    Column(
        "renews",
        "续签的协议",
        str,
        "已结束的同双方协议编号，可不填；续签时其他不填的栏同原协议",
        "code of the agreement that it renews, or blank; what is blank elsewhere is then as in that one",
    ),
    Column("note", "备注", str, "至多 500 字，可不填", "500 characters at most, or blank"),
)
LINES = (
    Column("sku", "商品编码", str, "须填供方的商品编码，每种商品一行", "a product of the firm, each once, needed"),
    Column(
        "committed_g", "总量（kg）", _kilograms, "总量与每次量填且只填一项，至多三位小数", "either this or each time's"
    ),
    Column(
        "per_date_g", "每次量（kg）", _kilograms, "总量与每次量填且只填一项，至多三位小数", "either this or the total"
    ),
    Column(
        "minimum_g", "买方最低总量（kg）", _kilograms, "不多于总量；不填同总量", "at most the total; blank: the total"
    ),
    Column(
        "minimum_date_g", "买方每次最低量（kg）", _kilograms, "不多于每次量；不填为 0", "at most each time's; blank: 0"
    ),
    Column("floor_fen_per_kg", "保底价（元/kg）", _yuan, "须填正数，至多两位小数", "above 0, two decimals, needed"),
    Column("price_rule", "定价方式", _rule, f"须填 {'、'.join(_RULES)} 之一", f"one of {', '.join(_RULES)}, needed"),
    Column("margin_bp", "加成（%）", _percent, "0 至 100；仅行情加成可填", "0 to 100; of 行情加成 only"),
    Column(
        "farm_gate_floor_fen_per_kg",
        "农户保底收购价（元/kg）",
        _yuan,
        "至多两位小数；不填为 0",
        "two decimals; blank: 0",
    ),
    Column("special_bp", "特级（%）", _percent, "100 至 200；不填为 115", "100 to 200; blank: 115"),
    Column("second_bp", "二级（%）", _percent, "0 至 100，0 为不收；不填为 85", "0 to 100, 0: not taken; blank: 85"),
    Column("off_bp", "等外（%）", _percent, "0 至 100，0 为不收；不填为 60", "0 to 100, 0: not taken; blank: 60"),
    Column("quote_source", "行情来源", str, "至多 120 字；不填为任何来源", "120 characters at most; blank: any"),
    Column(
        "schedule", "交货计划", str, f"{_SCHEDULES_ZH}；不填同条款", f"{_SCHEDULES}; blank: as on the sheet of terms"
    ),
)
SHEETS = {TERMS_SHEET: (TERMS, 1), LINES_SHEET: (LINES, MOST_LINES)}


def template() -> bytes:
    """The workbook to fill in: its cells are text, so that a spreadsheet changes nothing that is typed."""
    told = [
        [title, column.header, column.zh, column.en] for title, (columns, _) in SHEETS.items() for column in columns
    ]
    filled = [
        Sheet(title, [column.header for column in columns], [[""] * len(columns)] * most)
        for title, (columns, most) in SHEETS.items()
    ]
    return write_xlsx(*filled, Sheet(HELP_SHEET, ["表", "列", "怎么填", "What to fill in"], told))


@dataclass(frozen=True, order=True)
class BadCell:
    """A cell that cannot be taken, in both languages; row 0: the whole sheet, without a column: the whole row."""

    sheet: str
    line: int
    column: str
    zh: str
    en: str


@dataclass
class Filled:
    """What was filled in: the body of the form, the rows of terms and lines, every cell that is wrong."""

    body: dict[str, Any]
    line: int
    lines: list[int]
    bad: list[BadCell]


def filled_in(data: bytes) -> Filled:
    """A filled workbook as the form's body, loaded by the form's schema unless a cell is bad.

    A cell that is judged beside others of its row is judged when all of them can be read.
    """
    try:
        sheets = read_sheets(data, [TERMS_SHEET, LINES_SHEET])
    except TableRefused as refused:
        return Filled({}, 0, [], [BadCell("", refused.line, "", refused.zh, refused.en)])
    bad: list[BadCell] = []
    heads = list(_rows(TERMS_SHEET, sheets[TERMS_SHEET], DraftAsked(exclude=("lines",)), bad))
    lines = list(_rows(LINES_SHEET, sheets[LINES_SHEET], PromiseAsked(), bad))
    seen: set[object] = set()
    for line, row in lines:
        if row.get("sku") in seen:
            bad.append(_at(LINES_SHEET, line, LINES[0], "重复", "twice"))
        seen.add(row.get("sku"))
    filled = Filled({}, heads[0][0] if heads else 0, [line for line, _ in lines], sorted(bad))
    if not bad:
        try:
            filled.body = DraftAsked().load(heads[0][1] | {"lines": [row for _, row in lines]})
        except ValidationError as refused:
            # What only both sheets together tell: a line's own schedule beside the term.
            told: Any = refused.messages
            filled.bad = [
                _at(LINES_SHEET, lines[place][0], column, "有误", " ".join(said[column.name]))
                for place, said in sorted(told["lines"].items())
                for column in LINES
                if column.name in said
            ]
    return filled


def _rows(
    title: str, rows: Sequence[tuple[int, list[str]]], schema: Schema, bad: list[BadCell]
) -> Iterator[tuple[int, dict[str, object]]]:
    """The rows of a sheet that are not blank, as fields of the form; what is wrong with them goes to `bad`."""
    columns, most = SHEETS[title]
    headers = [column.header for column in columns]
    if not rows or [cell.strip() for cell in rows[0][1]] != headers:
        bad.append(BadCell(title, 1, "", f"表头须为 {'、'.join(headers)}", f"the header must be {', '.join(headers)}"))
        return
    given = [(line, [cell.strip() for cell in cells]) for line, cells in rows[1:]]
    given = [(line, cells) for line, cells in given if any(cells)]
    if not 1 <= len(given) <= most:
        bad.append(BadCell(title, 0, "", f"须填 1 至 {most} 行", f"must have 1 to {most} rows"))
        return
    for line, cells in given:
        row: dict[str, object] = {}
        wrong: dict[str, str] = {}
        for column, cell in zip(columns, cells, strict=True):
            if cell:
                try:
                    row[column.name] = column.parse(cell)
                except ValueError:
                    wrong[column.name] = "not such a number"
        for name, said in _refused(schema, row).items():
            wrong.setdefault(name, " ".join(said))
        bad += [_at(title, line, column, "有误", wrong[column.name]) for column in columns if column.name in wrong]
        yield line, row


def _refused(schema: Schema, row: dict[str, object]) -> dict[str, list[str]]:
    """What the form's schema says of each field of a row; the schemas are flat here."""
    return schema.validate(row)


def _at(title: str, line: int, column: Column, zh: str, en: str) -> BadCell:
    return BadCell(title, line, column.header, f"{zh}：{column.zh}", f"{en} Wanted: {column.en}.")


def unknown(session: Session, filled: Filled, actor: Actor) -> list[BadCell]:
    """The cells that name no such buyer or firm, no agreement that `actor` sees, or no product of the firm."""
    named = {"partner": select(Partner.id).where(Partner.code == filled.body["partner"])}
    named["firm"] = select(Firm.id).where(Firm.code == filled.body["firm"])
    if filled.body["renews"] is not None:
        named["renews"] = visible(select(Agreement.id), actor).where(Agreement.code == filled.body["renews"])
    bad = [_missing(filled, name) for name, one in named.items() if session.scalar(one) is None]
    skus = [line["sku"] for line in filled.body["lines"]]
    firms = select(Product.sku).join(Firm, Firm.id == Product.firm_id).where(Firm.code == filled.body["firm"])
    known = set(session.scalars(firms.where(Product.sku.in_(skus))))
    bad += [
        _at(LINES_SHEET, line, LINES[0], f"企业没有商品 {sku}", f"The firm has no product {sku}.")
        for line, sku in zip(filled.lines, skus, strict=True)
        if sku not in known
    ]
    return sorted(bad)


def _missing(filled: Filled, name: str) -> BadCell:
    code = filled.body[name]
    return _of_terms(filled, name, f"没有找到 {code}", f"No such thing, or not visible to you: {code}.")


def blamed(refusal: DomainError, filled: Filled) -> BadCell | None:
    """The cell that a refusal of the action is about, if it is about one. What is another's is as if it were not."""
    match refusal:
        case NotFoundError():
            for name in ("partner", "firm"):
                if filled.body[name] == refusal.facts["what"]:
                    return _missing(filled, name)
        case NotABulkBuyer():
            return _of_terms(filled, "partner", refusal.sentence("zh"), refusal.sentence("en"))
        case NoCampaign():
            return _of_terms(filled, "starts_on", refusal.sentence("zh"), refusal.sentence("en"))
        case NotRenewable():
            return _of_terms(filled, "renews", refusal.sentence("zh"), refusal.sentence("en"))
        case NotOnSale():
            return _of_line(filled, "sku", refusal)
        case NeverDue():
            return _of_line(filled, "schedule", refusal)
        case TermsRefused():
            return _of_line(filled, str(refusal.facts["term"]), refusal)
    return None


def _of_line(filled: Filled, name: str, refusal: DomainError) -> BadCell:
    """The cell of the product that is refused; of its weight, which is given in one of two columns, the one that is."""
    place = [line["sku"] for line in filled.body["lines"]].index(refusal.facts["sku"])
    if name == "committed_g" and filled.body["lines"][place][name] is None:
        name = "per_date_g"
    column = next(column for column in LINES if column.name == name)
    return _at(LINES_SHEET, filled.lines[place], column, refusal.sentence("zh").rstrip("。"), refusal.sentence("en"))


def _of_terms(filled: Filled, name: str, zh: str, en: str) -> BadCell:
    column = next(column for column in TERMS if column.name == name)
    return _at(TERMS_SHEET, filled.line, column, zh.rstrip("。"), en)
