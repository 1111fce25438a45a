"""The pages behind a figure: the rows that make it, with names beside their codes, paged both ways, and as a file."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Blueprint, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from shop.access.guard import Role, current_actor
from shop.channels.policies import POLICIES
from shop.income.models import IncomeKind
from shop.kit.clock import beijing_day
from shop.kit.db import db
from shop.kit.errors import DomainError
from shop.kit.http import file_response, now
from shop.kit.schemas import cursor_key, cursor_of, page
from shop.places.queries import place_zh
from shop.reports import schemas
from shop.reports.area import AGREEMENT_READERS, READERS, area_zh
from shop.reports.columns import Column, sheet, written
from shop.reports.errors import TooManyRowsForFile
from shop.reports.explain import Measure, explain_income
from shop.reports.explain_agreements import explain_agreements
from shop.reports.explain_periodic import Figure, explain_periodic
from shop.reports.files import as_bytes, cover, cover_sheet, cut_off_zh
from shop.reports.lists import CATEGORY_ZH, KEPT, OPEN, span_zh
from shop.reports.periodic import SPANS_ZH, SUMMARY
from shop.reports.periods import period_of, title_zh
from shop.web.called import called, with_names
from shop.web.dashboard import (
    FILE_KINDS,
    FILE_NAMES,
    ROWS,
    exactly,
    here,
    months_of,
    page_of,
    refused,
    turned,
    whole_latest_year,
)
from shop.web.panels import no_link, table
from shop.web.signin import page_for

blueprint = Blueprint("why", __name__, template_folder="templates")
blueprint.register_error_handler(DomainError, refused)

#: Rows of a file, which is written while its reader waits.
MOST_ROWS = 10_000

MEASURES_ZH = {
    Measure.CASH: "农户现金收入", Measure.SALES_REACHED: "触达农户的销售", Measure.COST: "经营成本",
    Measure.COVERED_GROSS: "已核成本毛额（含返还）", Measure.UNCOVERED_GROSS: "未核成本毛额",
    Measure.NET_BUSINESS: "经营净收入", Measure.GAIN: "户均增收：逐户本期减基期（可比部分）",
}  # fmt: skip
KIND_ZH = {
    IncomeKind.SALE: "交售", IncomeKind.PATRONAGE: "交易量返还", IncomeKind.WAGE: "工资",
    IncomeKind.LAND_RENT: "土地租金", IncomeKind.DIVIDEND: "按股分红", IncomeKind.SUBSIDY: "补贴",
}  # fmt: skip
#: What figures of a periodic report are called.
PERIODIC_ZH = {name: title for name, (title, _) in SUMMARY.items()} | {
    "ordered_fen": "下单额", "due_fen": "应收", "overdue_fen": "逾期应收",
    "penalty_claimed_fen": "未付清的违约金：已主张", "penalty_paid_fen": "未付清的违约金：已付",
    "penalty_open_fen": "未付的违约金",
}  # fmt: skip
UNITS_ZH = {"fen": "元", "g": "kg"}


@dataclass(frozen=True)
class Wanted:
    """Which rows: so many of them, beyond the id `start`."""

    limit: int
    start: int | None


@dataclass(frozen=True)
class Behind:
    """What is behind a figure. `counted`: (word, number, unit) of each sum; `follows`: how the rows make the figure."""

    figure: str
    span: str
    whose: str
    counted: list[tuple[str, str, str]]
    follows: str
    columns: Sequence[Column]
    rows: list[dict[str, Any]]
    total: dict[str, Any] | None
    found: dict[str, Any]
    #: What the page leads back to, and its address.
    back: tuple[str, str] = ("返回报表", "")
    place: str | None = None

    @property
    def title(self) -> str:
        """What its file is called."""
        return " ".join(filter(None, ("数字来源", self.figure, self.span, self.whose)))


def _wanted(query: dict[str, Any]) -> Wanted:
    """The page that the address asks for: of a hundred rows unless it says how many."""
    return Wanted(query["limit"] if "limit" in request.args else ROWS, cursor_key(query["cursor"]))


def _page(behind: Behind, query: dict[str, Any], wanted: Wanted) -> str:
    """A page of the rows, with the pages before and after it, and their files."""
    endpoint, previous = str(request.endpoint), behind.found["previous"]
    rows = page(behind.rows, wanted.limit, lambda row: int(row["id"]))
    asked, before = query | {"limit": wanted.limit}, None if previous is None else cursor_of(previous)
    return page_of(
        "why", "数字来源", behind=behind,
        table=table(
            "明细", behind.columns, rows["items"], behind.total, no_link,  # type: ignore[arg-type]
            **turned(asked, "cursor", before, rows["next"], endpoint),  # type: ignore[arg-type]
            files=[
                (name, here(query | {"limit": None, "cursor": None, "file": kind}, f"{endpoint}_file"))
                for kind, name in FILE_NAMES.items()
            ],
        ),
    )  # fmt: skip


def _file(behind: Behind, file: str, moment: datetime, readers: Collection[Role] = READERS) -> AnyResponse:
    """All rows as a file, with what they are on its cover. Raises TooManyRowsForFile."""
    if behind.found["rows"] > MOST_ROWS:
        raise TooManyRowsForFile(rows=behind.found["rows"], most=MOST_ROWS)
    session = db.session()
    said = cover(
        f"数字来源：{behind.figure}，{behind.span}",
        place_zh(session, behind.place) or area_zh(session, current_actor(), readers), ("所属", behind.whose),
        # A cell that begins with a minus and ends with a word would be taken for a formula.
        *((word or "行数", f"{'共 ' * number.startswith('-')}{number} {unit}".strip())
          for word, number, unit in behind.counted),
        ("截止时间", cut_off_zh(moment)), ("口径", f"{behind.follows}。"),
    )  # fmt: skip
    sheets = [cover_sheet(said), sheet("明细", behind.columns, behind.rows, behind.total)]
    return file_response(as_bytes(FILE_KINDS[file], sheets), FILE_KINDS[file], behind.title)


def source_zh(row: dict[str, Any]) -> dict[str, Any]:
    """A row behind a figure, its words in Chinese."""
    said = dict(row)
    if row.get("kind"):
        said["category_zh"] = KIND_ZH[row["kind"]]
    if "channel" in row:
        said["channel_zh"] = POLICIES[row["channel"]].name_zh
    if row.get("source") in _FACTS_ZH:
        said["source_zh"] = _FACTS_ZH[row["source"]]
    return said


def _shown(found: dict[str, Any]) -> list[dict[str, Any]]:
    return with_names(db.session(), [source_zh(row) for row in found["items"]])


@blueprint.route("/reports/income/why")
@page_for(*READERS)
def income() -> str:
    """数字来源 · The rows that make one figure of the income page; their sum is the figure."""
    query = exactly(schemas.ExplainFilter(), whole_latest_year)
    wanted = _wanted(query)
    return _page(_income(query, wanted), query, wanted)


@blueprint.route("/reports/income/why.<any(xlsx, csv):file>")
@page_for(*READERS)
def income_file(file: str) -> AnyResponse:
    """数字来源文件 · The same rows, all of them, as a file."""
    return _file(_income(exactly(schemas.ExplainFilter(), whole_latest_year), _ALL), file, now())


def _income(query: dict[str, Any], wanted: Wanted) -> Behind:
    actor, session, months, measure = current_actor(), db.session(), months_of(query), query["measure"]
    found = explain_income(
        session, actor, query["by"], query["key"], months, measure, query["kind"], query["category"],
        now=now(), limit=wanted.limit, before_id=wanted.start,
    )  # fmt: skip
    counted = [
        ("", written("count", found["rows"]), "笔"),
        ("带动" if measure is Measure.CASH else "农户", written("count", found["households"]), "户"),
        ("合计", written("fen", found["total_fen"]), "元"),
    ]
    if found["total_g"]:
        counted.append(("重量", written("g", found["total_g"]), "kg"))
    gained = measure is Measure.GAIN
    return Behind(
        _measured(query), span_zh(months),
        called(session, query["by"].value, query["key"] or months.place, found["rows"]), counted,
        "下列各笔相加即为该数字，除以户数即户均增收" if gained else "下列各笔相加即为该数字",
        _income_columns(measure), _shown(found),
        {"weight_g": found["total_g"], "amount_fen": found["total_fen"]}, found,
        ("返回报表", here({name: query[name] for name in _OF_THE_REPORT}, "dashboard.income")), months.place,
    )  # fmt: skip


#: Filters of the income report, to which its figures lead back.
_OF_THE_REPORT = ("year", "first", "last", "place", "by")


def _measured(query: dict[str, Any]) -> str:
    """What figure is explained: of cash perhaps one category or kind."""
    if query["category"] is not None:
        return CATEGORY_ZH[query["category"]]
    return KIND_ZH[query["kind"]] if query["kind"] is not None else MEASURES_ZH[query["measure"]]


_HOUSEHOLD = [Column("农户", "household"), Column("村", "village_zh")]
_AMOUNT, _WEIGHT = Column("金额", "amount_fen", "fen"), Column("重量", "weight_g", "g")
_BECAUSE = Column("更正原因", "corrected_because")


def _income_columns(measure: Measure) -> list[Column]:
    if measure is Measure.GAIN:
        return [
            *_HOUSEHOLD, Column("本期", "period_fen", "fen"), Column("基期", "base_fen", "fen"),
            Column("增收", "amount_fen", "fen"),
        ]  # fmt: skip
    facts = [
        Column("日期", "day"), *_HOUSEHOLD, Column("企业", "firm"), Column("商品", "sku"),
        Column("凭据", "source_code"),
    ]  # fmt: skip
    if measure is Measure.SALES_REACHED:
        return [*facts, Column("批次", "lot"), Column("渠道", "channel_zh"), _BECAUSE, _WEIGHT, _AMOUNT]
    if measure is Measure.CASH:
        return [*facts, Column("类别", "category_zh"), _BECAUSE, _WEIGHT, _AMOUNT]
    return [*facts, _BECAUSE, _AMOUNT]


@blueprint.route("/reports/agreements/why")
@page_for(*AGREEMENT_READERS)
def agreements() -> str:
    """协议数字来源 · The facts that make one figure of the agreements page; their sum is the figure."""
    query = _agreements_asked()
    wanted = _wanted(query)
    return _page(_agreements(query, wanted), query, wanted)


@blueprint.route("/reports/agreements/why.<any(xlsx, csv):file>")
@page_for(*AGREEMENT_READERS)
def agreements_file(file: str) -> AnyResponse:
    """协议数字来源文件 · The same facts, all of them, as a file."""
    return _file(_agreements(_agreements_asked(), _ALL), file, now(), AGREEMENT_READERS)


def _agreements_asked() -> dict[str, Any]:
    today = beijing_day(now())
    query = exactly(schemas.AgreementExplainFilter(), lambda: {"as_of": str(today)})
    return query | {"day": query["day"] or today}


def _agreements(query: dict[str, Any], wanted: Wanted) -> Behind:
    session, day, figure = db.session(), query["day"], query["figure"]
    found = explain_agreements(
        session, current_actor(), query["by"], query["key"], day, figure, today=beijing_day(now()),
        limit=wanted.limit, after_id=wanted.start,
    )  # fmt: skip
    named = {column.path: column for column in (*KEPT, *OPEN)}
    unit, rate = named[figure].unit, figure == "rate_bp"
    return Behind(
        named[figure].title, f"截至 {day}", called(session, query["by"].value, query["key"], found["rows"]),
        [("", written("count", found["rows"]), "笔"),
         ("得" if rate else "合计", written(unit, found["value"]), UNITS_ZH.get(unit, ""))],
        "验收与应交各自相加，相除即为该数字" if rate else "下列各笔相加即为该数字",
        [*_FACT_COLUMNS, *(Column(named[name].title, f"parts.{name}", named[name].unit) for name in found["total"])],
        _shown(found), {"parts": found["total"]}, found,
        ("返回报表", here({"by": query["by"], "day": day}, "dashboard.agreements")),
    )  # fmt: skip


_FACT_COLUMNS = [
    Column("日期", "day"), Column("协议", "agreement"), Column("采购方", "partner"), Column("企业", "firm"),
    Column("商品", "sku"), Column("凭据", "source_zh"), Column("订单", "order"), Column("发票到期", "invoice_due_on"),
]  # fmt: skip
_FACTS_ZH = {"agreement_lines": "签约", "due_weights": "排期", "call_offs": "要货", "minimum": "最低采购量"}


@blueprint.route("/reports/periodic/why")
@page_for(*READERS)
def periodic() -> str:
    """数字来源 · The rows that make one figure of a periodic report; their sum is the figure."""
    query = _periodic_asked()
    wanted = _wanted(query)
    return _page(_periodic(query, wanted), query, wanted)


@blueprint.route("/reports/periodic/why.<any(xlsx, csv):file>")
@page_for(*READERS)
def periodic_file(file: str) -> AnyResponse:
    """数字来源文件 · The same rows, all of them, as a file."""
    return _file(_periodic(_periodic_asked(), _ALL), file, now())


def _periodic_asked() -> dict[str, Any]:
    today = beijing_day(now())
    asked = {"on": str(today), "section": "channels", "figure": "net_fen"}
    query = exactly(schemas.PeriodicExplainFilter(), lambda: asked)
    return query | {"on": query["on"] or today}


def _periodic(query: dict[str, Any], wanted: Wanted) -> Behind:
    session, moment, every, on = db.session(), now(), query["every"], query["on"]
    asked = Figure(query["section"], query["key"], query["figure"], query["span"])
    found = explain_periodic(
        session, current_actor(), every, on, asked, now=moment, limit=wanted.limit, before_id=wanted.start
    )
    rows = _shown(found)
    there = {name for row in rows[:1] for name in row}
    owed = asked.section in ("receivables", "penalties")  # a balance, of no span
    unit = {"fen": "fen", "g": "g"}.get(asked.figure.rpartition("_")[2], "count")
    return Behind(
        PERIODIC_ZH[asked.figure] if owed else f"{SPANS_ZH[asked.span]}{PERIODIC_ZH[asked.figure]}",
        f"{beijing_day(moment)} 的余额" if owed else f"{found['from']} 至 {found['to']}",
        called(session, asked.section, asked.key, found["rows"]),
        [("", written("count", found["rows"]), "笔"),
         ("合计", written(unit, found["value"]), UNITS_ZH.get(unit, ""))], "下列各笔相加即为该数字",
        [*(column for column in _SOURCES if column.path in there), Column("计入", "value", unit)], rows,
        {"value": found["value"]} if there else None, found,
        (f"返回{title_zh(every, period_of(every, on))}",
         url_for("periodic_page.show", every=every.value, on=str(on))),
    )  # fmt: skip


_SOURCES = [
    Column("日期", "day"), Column("单号或凭据", "source_code"), *_HOUSEHOLD, Column("企业", "firm"),
    Column("渠道", "channel_zh"), Column("经手", "partner"), Column("商品", "sku"), Column("类别", "category_zh"),
]  # fmt: skip
#: All rows, of which a file is made if they are not too many.
_ALL = Wanted(MOST_ROWS, None)
