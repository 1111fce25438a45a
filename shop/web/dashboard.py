"""The managers' pages: household income and purchase agreements, from the queries that answer the API.

The filters stand in the address, so that a page can be sent to a colleague, who sees it for his own area.
"""

from collections.abc import Callable
from datetime import date
from typing import Any

from flask import Blueprint, make_response, redirect, render_template, request, url_for
from marshmallow import Schema
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from shop.access.guard import Actor, current_actor
from shop.agreements.queries import PARTIES
from shop.income.models import Category
from shop.kit.clock import beijing_day
from shop.kit.db import db, one_moment, transaction
from shop.kit.errors import DomainError
from shop.kit.http import file_response, now
from shop.kit.problems import sentences
from shop.kit.tables import CSV_TYPE, XLSX_TYPE
from shop.orders.errors import DayAhead
from shop.places.queries import TOWNSHIP_DIGITS, place_names, place_zh
from shop.reports import exports, schemas
from shop.reports.agreement_penalties import claimed_penalties, penalties_total
from shop.reports.agreement_report import AgreementsBy, agreements_report
from shop.reports.api import made_file
from shop.reports.area import AGREEMENT_READERS, READERS, sees_households
from shop.reports.columns import Column, written
from shop.reports.explain import Measure
from shop.reports.gain import gain
from shop.reports.income_report import CATEGORY_NAMES, IncomeBy, Months, income_report, latest_year
from shop.reports.lists import (
    AGREEMENT_TABLES,
    AGREEMENTS_BY_ZH,
    CATEGORY_ZH,
    GROSS,
    INCOME_BY_ZH,
    NET,
    PENALTIES,
    gain_said,
    income_columns,
    span_zh,
    told_columns,
    whose,
)
from shop.reports.models import Exported, ExportFile
from shop.reports.periodic import SPANS_ZH
from shop.web.panels import Card, Chart, Link, Table, no_link, table
from shop.web.signin import from_our_page, page_for
from shop.web.steps import month_ends_beside, months_beside

blueprint = Blueprint("dashboard", __name__, template_folder="templates")

#: Households or agreements on a page.
ROWS = 100
FILE_KINDS = {"xlsx": XLSX_TYPE, "csv": CSV_TYPE}
FILE_NAMES = {"xlsx": "Excel", "csv": "CSV"}
PAPER_NAMES = FILE_NAMES | {"pdf": "PDF"}
#: Columns that a link explains: by path, what the rows behind it are asked by.
EXPLAINED: dict[str, dict[str, str]] = {
    "households": {}, "cash_fen": {}, "weight_g": {},
    "sales_reached_fen": {"measure": "sales_reached"},
    "business.cost_fen": {"measure": Measure.COST.value},
    "business.net_fen": {"measure": Measure.NET_BUSINESS.value},
    GROSS: {"measure": Measure.UNCOVERED_GROSS.value},
    **{f"categories.{CATEGORY_NAMES[category]}": {"category": category.value} for category in Category},
}  # fmt: skip


@blueprint.errorhandler(DomainError)
def refused(error: DomainError) -> tuple[str, int]:
    """A refusal as a page."""
    return render_template("dashboard/refused.html", title=error.title_zh, text=error.sentence("zh")), error.status


@blueprint.app_template_filter("shown")
def shown(value: Any, unit: str) -> str:
    """A value in its unit, for templates."""
    return written(unit, value)


@blueprint.app_template_filter("headed")
def headed(text: str) -> tuple[str, str]:
    """The head of a column in two, of which the first may be nothing: too narrow for one line, it is broken there."""
    span = next((span for span in SPANS_ZH.values() if text.startswith(span) and text != span), "")
    return span, text.removeprefix(span)


#: Filters that name a period: the defaults stand in for all of them or for none.
_PERIOD = ("year", "from", "to", "as_of", "on")


def _given(defaults: Callable[[], dict[str, str]]) -> dict[str, str]:
    given = request.args.to_dict()
    return given if any(name in given for name in _PERIOD) else defaults() | given


def asked_of(schema: Schema, defaults: Callable[[], dict[str, str]]) -> tuple[dict[str, Any], str]:
    """The filters of the address; of those that make no sense the defaults, and what is wrong with them.

    Without a period the default one is meant.
    """
    given = _given(defaults)
    errors = schema.validate(given)
    if not errors:
        return schema.load(given), ""
    right = {name: value for name, value in given.items() if name not in errors}
    others = defaults() | {name: value for name, value in right.items() if name not in _PERIOD}
    kept = next(one for one in (right, others, defaults()) if not schema.validate(one))
    return schema.load(kept), "".join(sentences(errors))


def exactly(schema: Schema, defaults: Callable[[], dict[str, str]]) -> dict[str, Any]:
    """What an address asks for, without a period of the default one.

    Raises ValidationError: of a wrong one no other figure is explained, and no other file made.
    """
    loaded: dict[str, Any] = schema.load(_given(defaults))
    return loaded


def page_of(template: str, title: str, **parts: Any) -> str:
    """A page with the files that its reader asked for."""
    actor = current_actor()
    mine = exports.exports_of(db.session(), actor, now=now()) if actor.has(*AGREEMENT_READERS) else []
    return render_template(f"dashboard/{template}.html", title=title, exports=mine, **parts)


@blueprint.route("/reports")
@blueprint.route("/reports/income")
@page_for(*READERS)
def income() -> str:
    """增收 · Households reached, income by category and month, by place down to the household, and the gain."""
    actor = current_actor()
    query, wrong = asked_of(schemas.IncomeFilter(), whole_latest_year)
    months, by = months_of(query), query["by"]
    with one_moment() as session:
        report = income_report(session, actor, by, months, "zh", limit=query["limit"], after=query["after"])
        by_month = income_report(session, actor, IncomeBy.MONTH, months, "zh", limit=ROWS, after=None)
        gained = gain(session, actor, months, "zh", now=now())
        where = " ".join(filter(None, (place_zh(session, months.place), span_zh(months))))
    return page_of(
        "income", "农户增收", wrong=wrong, months=months, where=where, by=by, tabs=_tabs(query, _ways(actor)),
        steps=months_beside(query, months, beijing_day(now()), here), trail=_trail(actor, months, query),
        report=report, cards=_income_cards(by_month["total"], gained, months),
        charts=_income_charts(report, by_month, by), gain=gained, gain_said=gain_said(gained),
        gain_why=here({name: query[name] for name in ("year", "first", "last", "place")} | {"measure": Measure.GAIN},
                       "why.income"),
        gain_rows=[
            (CATEGORY_ZH[Category(row["category"])], row) for row in gained.get("categories", ())
        ],
        table=table(
            f"{INCOME_BY_ZH[by]}：{where}", told_columns(income_columns(by, sees_households(actor)), report),
            report["items"], report["total"], _income_link(query, months, by),
            **turned(query, "after", report["previous"], report["next"]),
            files=_files("dashboard.income_file", query),
        ),
    )  # fmt: skip


@blueprint.route("/reports/income.<any(xlsx, csv, pdf):kind>")
@page_for(*READERS)
def income_file(kind: str) -> AnyResponse:
    """增收表文件 · All rows of the income page's table as a file."""
    query = exactly(schemas.IncomeFilter(), whole_latest_year)
    months = months_of(query)
    return _file(exports.Wanted(Exported.INCOME, query["by"], months.first, months.last, months.place), kind)


@blueprint.route("/reports/agreements")
@page_for(*AGREEMENT_READERS)
def agreements() -> str:
    """采购协议 · Signed against executed, due, and short."""
    actor, session = current_actor(), db.session()
    today = beijing_day(now())
    query, wrong = asked_of(schemas.AgreementsFilter(), lambda: {"as_of": str(today)})
    day, by = query["day"] or today, query["by"]
    if day > today:
        day, wrong = today, DayAhead(day=str(day)).sentence("zh")
        query = query | {"day": day}
    report = agreements_report(session, actor, by, day, "zh", today=today, limit=query["limit"], after=query["after"])
    total = report["total"]
    labels = [row["key" if by is AgreementsBy.AGREEMENT else "name"] for row in report["items"]]
    return page_of(
        "agreements", "采购协议", wrong=wrong, by=by, day=day, tabs=_tabs(query, AGREEMENTS_BY_ZH), report=report,
        steps=month_ends_beside(query, day, today, here),
        cards=[
            Card("签约协议", written("count", total["agreements"]), "份", "截至当日已签约"),
            Card("签约金额", written("fen", total["signed_fen"]), "元", "按保底价"),
            Card("履约金额", written("fen", total["executed_fen"]), "元", "按验收重量与当日价"),
            Card("应交", written("g", total["due_g"]), "kg", "截至当日到期"),
            Card("验收", written("g", total["accepted_g"]), "kg"),
            Card("履约率", written("bp", total["rate_bp"]), "", "验收 ÷ 应交"),
            Card("缺口", written("g", total["shortfall_g"]), "kg", "逐品种计，多交不抵"),
            Card(
                "应收逾期", written("fen", total["overdue_fen"]), "元",
                f"应收共 {written('fen', total['receivable_fen'])} 元",
            ),
            *(
                [Card("供货风险", written("g", total["at_risk_g"]), "kg", "今后 14 天内空闲库存不够，只列今天的")]
                if total["at_risk_g"] is not None
                else []
            ),
        ],
        charts=[
            Chart("签约与履约，不相加", labels,
                  [("签约金额", [row["signed_fen"] for row in report["items"]]),
                   ("履约金额", [row["executed_fen"] for row in report["items"]])], "万元", 1_000_000, stacked=False),
            Chart("应交、验收与缺口", labels,
                  [("应交", [row["due_g"] for row in report["items"]]),
                   ("验收", [row["accepted_g"] for row in report["items"]]),
                   ("缺口", [row["shortfall_g"] for row in report["items"]])], "吨", 1_000_000, stacked=False),
        ],
        tables=[
            table(
                f"{AGREEMENTS_BY_ZH[by]}：{what}，截至 {day}", [*whose(by), *told_columns(columns, report)],
                report["items"], total, agreement_link(query, day),
                **turned(query, "after", report["previous"], report["next"]),
                files=_files("dashboard.agreements_file", query),
            )
            for what, columns in AGREEMENT_TABLES
        ],
        penalties=_penalties(session, actor),
    )  # fmt: skip


#: Claimed penalties on the page, the last proposed first; the API has them all.
_PENALTIES = 50


def _penalties(session: Session, actor: Actor) -> Table | None:
    """Claimed and not wholly paid, whatever day the page is of; None where there is none."""
    found = claimed_penalties(session, actor, limit=_PENALTIES, open_only=True)
    if not found:
        return None
    by_side = penalties_total(session, actor)
    title = "，".join(
        f"{zh}未付 {written('fen', by_side[side]['open_fen'])} 元"
        for side, zh in (("firm", "企业"), ("buyer", "采购方"))
    )

    def to_its_page(column: Column, row: dict[str, Any] | None) -> str | None:
        return url_for("desk.show_agreement", code=row["agreement"]) if row and column.path == "agreement" else None

    readable = actor.has(*PARTIES)
    return table(f"已主张未付清的违约金（目前）：{title}", PENALTIES, found, None, to_its_page if readable else no_link)


@blueprint.route("/reports/agreements.<any(xlsx, csv, pdf):kind>")
@page_for(*AGREEMENT_READERS)
def agreements_file(kind: str) -> AnyResponse:
    """协议表文件 · All rows of the agreements page's table as a file."""
    today = beijing_day(now())
    query = exactly(schemas.AgreementsFilter(), lambda: {"as_of": str(today)})
    day = query["day"] or today
    return _file(exports.Wanted(Exported.AGREEMENTS, query["by"], day, day), kind)


def _file(wanted: exports.Wanted, kind: str) -> AnyResponse:
    """A short table at once; of a long one a page that offers to have it made."""
    actor, file = current_actor(), ExportFile(kind)
    most = exports.at_once(file)
    with one_moment() as session:
        found = exports.listed(session, actor, wanted, now=now(), limit=most)
    if found.is_long:
        asked = schemas.export_form(wanted, kind)
        return make_response(page_of("export_offer", found.title, asked=asked, most=most))
    return file_response(exports.written(found, file), exports.TYPES[file], found.title)


@blueprint.route("/reports/exports", methods=["POST"])
@page_for(*AGREEMENT_READERS)
def ask_export() -> AnyResponse:
    """生成文件 · Have a long table made as a file; then where it shows how far it is."""
    from_our_page()
    given = schemas.ExportAsked().load({name: value for name, value in request.form.items() if value})
    with transaction() as session:
        made = exports.ask(session, current_actor(), given["wanted"], given["file"], now=now())
        code = made.code
    return redirect(url_for("dashboard.export", code=code), 303)


@blueprint.route("/reports/exports/<string:code>")
@page_for(*AGREEMENT_READERS)
def export(code: str) -> AnyResponse:
    """文件生成情况 · How far a file is; the page looks again by itself until it can be fetched."""
    one = exports.status_of(db.session(), current_actor(), code, now=now())
    return make_response(page_of("export", one["title"], one=one), 202 if one["status"] == "making" else 200)


@blueprint.route("/reports/exports/<string:code>/file")
@page_for(*AGREEMENT_READERS)
def export_file(code: str) -> AnyResponse:
    """取文件 · The file, for who asked for it."""
    return made_file(code)


def agreement_link(query: dict[str, Any], day: date) -> Link:
    """Every figure leads to what it is made of; an agreement to its page, for who has it on his desk."""
    desk = query["by"] is AgreementsBy.AGREEMENT and current_actor().has(*PARTIES)

    def link(column: Column, row: dict[str, Any] | None) -> str | None:
        if column.path == "key" and row is not None and desk:
            return url_for("desk.show_agreement", code=row["key"])
        if column.unit == "text":
            return None
        asked = {"by": query["by"], "day": day, "figure": column.path, "key": row["key"] if row else None}
        return here(asked, "why.agreements")

    return link


def whole_latest_year() -> dict[str, str]:
    """The latest year that has figures, as filters."""
    return {"year": str(latest_year(db.session()) or beijing_day(now()).year)}


def months_of(query: dict[str, Any]) -> Months:
    """The months and the place that filters name."""
    first, last = query["first"], query["last"]
    if query["year"] is not None:
        first, last = date(query["year"], 1, 1), date(query["year"], 12, 1)
    return Months(first, last, query["place"])


#: How a filter is called in the address.
_NAMES = {"first": "from", "last": "to", "day": "as_of"}


def here(query: dict[str, Any], endpoint: str | None = None) -> str:
    """The address of a page with these filters, those at their default left out."""
    given = {}
    for name, value in query.items():
        if value is None or (name == "limit" and value == ROWS):
            continue
        if isinstance(value, date):
            value = f"{value:%Y-%m}" if name in ("first", "last") else str(value)
        given[_NAMES.get(name, name)] = getattr(value, "value", value)
    return url_for(endpoint or request.endpoint, **given)  # type: ignore[arg-type]


def turned(
    query: dict[str, Any], cursor: str, previous: str | None, following: str | None, endpoint: str | None = None
) -> dict[str, str | None]:
    """The addresses of the pages before and after one whose start the filter `cursor` says; none, as `table` takes
    them, before the first and after the last."""
    back = None if query[cursor] is None else here(query | {cursor: previous}, endpoint)
    return {"back": back, "more": here(query | {cursor: following}, endpoint) if following else None}


def _files(endpoint: str, query: dict[str, Any]) -> list[tuple[str, str]]:
    """(name, address) of the files beside a table."""
    return [(name, here(query | {"kind": kind, "after": None}, endpoint)) for kind, name in PAPER_NAMES.items()]


def _ways(actor: Actor) -> dict[IncomeBy, str]:
    """The ways to cut the report that a reader has: groups of households are shown to who sees households."""
    return {by: name for by, name in INCOME_BY_ZH.items() if by is not IncomeBy.GROUP or sees_households(actor)}


def _tabs(query: dict[str, Any], names: dict[Any, str]) -> list[tuple[str, str, bool]]:
    """(name, address, whether it is this one) of each way to cut the report."""
    return [(name, here(query | {"by": by, "after": None}), by is query["by"]) for by, name in names.items()]


def _trail(actor: Actor, months: Months, query: dict[str, Any]) -> list[tuple[str, str]]:
    """The way down: county, township, village, each with its address."""
    place = months.place or ""
    whole = "全部乡镇" if actor.sees_county else "本辖区" if sees_households(actor) else "本企业"
    steps = [(whole, query | {"place": None, "by": IncomeBy.TOWNSHIP})]
    names = place_names(db.session(), [place[:TOWNSHIP_DIGITS], place]) if place else {}
    if place:
        code = place[:TOWNSHIP_DIGITS]
        steps.append((names.get(code, code), query | {"place": code, "by": IncomeBy.VILLAGE}))
    if len(place) > TOWNSHIP_DIGITS:
        steps.append((names.get(place, place), query | {"place": place, "by": IncomeBy.HOUSEHOLD}))
    return [(name, here(to | {"after": None})) for name, to in steps]


def _income_cards(total: dict[str, Any], gained: dict[str, Any], months: Months) -> list[Card]:
    compared = gained["status"] == "compared"
    return [
        Card("带动农户", written("count", total["households"]), "户", "期内有交售、工资、租金、返还或分红，按户去重"),
        Card("农户现金收入", written("fen", total["cash_fen"]), "元", "企业所付和补贴；产品销售为毛额，未扣成本"),
        Card(
            "户均增收", written("fen", gained["per_household_fen"]) if compared else "无基数", "元" if compared else "",
            f"{gained['households']} 户两期可比；{gained['note']}" if compared else gained["reason_text"],
        ),
        Card("触达农户的销售", written("fen", total["sales_reached_fen"]), "元", "不是收入，不与现金相加"),
    ]  # fmt: skip


def _income_charts(report: dict[str, Any], by_month: dict[str, Any], by: IncomeBy) -> list[Chart]:
    def stacked(title: str, rows: list[dict[str, Any]]) -> Chart:
        titles = {column.path: column.title for column in NET} | {GROSS: "未核成本毛额（另列，不与净收入相加）"}
        series = [(title, [Column(title, path).of(row) for row in rows]) for path, title in titles.items()]
        return Chart(title, [row["name"] for row in rows], series, "万元", 1_000_000, beside=[titles[GROSS]])

    charts = [stacked("分月收入构成", by_month["items"])]
    if by is IncomeBy.CHANNEL:
        rows = report["items"]
        reached = ("触达农户的销售", [row["sales_reached_fen"] for row in rows])
        charts.append(Chart("各渠道触达农户的销售", [row["name"] for row in rows], [reached], "万元", 1_000_000))
    elif by not in (IncomeBy.MONTH, IncomeBy.HOUSEHOLD):  # a page of households says nothing of the whole
        charts.append(stacked(f"{INCOME_BY_ZH[by]}收入构成", report["items"]))
    return charts


#: What lies below a place.
_BELOW = {IncomeBy.TOWNSHIP: IncomeBy.VILLAGE, IncomeBy.VILLAGE: IncomeBy.HOUSEHOLD}


def _income_link(query: dict[str, Any], months: Months, by: IncomeBy) -> Link:
    """A place leads down, a figure leads to what it is made of."""
    base = {name: query[name] for name in ("year", "first", "last")}

    def link(column: Column, row: dict[str, Any] | None) -> str | None:
        if column.path == "name" and row is not None and by in _BELOW:
            return here({**base, "place": row["key"], "by": _BELOW[by]})
        asked = EXPLAINED.get(column.path)
        if asked is None or (by is IncomeBy.CHANNEL and asked.get("measure") != Measure.SALES_REACHED):
            return None
        key = None if row is None else row["key"]
        return here({**base, "place": months.place, "by": by, "key": key, **asked}, "why.income")

    return link
