"""The managers' page of village collectives: each village's year with its tier, and the events that make it."""

from typing import Any

from flask import Blueprint, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from shop.access.guard import Role, current_actor
from shop.collectives import queries
from shop.collectives.models import CollectiveKind
from shop.collectives.schemas import VillageYearAsked
from shop.kit.clock import beijing_day
from shop.kit.db import db
from shop.kit.errors import NotFoundError
from shop.kit.http import file_response, now
from shop.kit.schemas import cursor_key, page
from shop.reports.area import area_zh
from shop.reports.columns import Column, sheet, written
from shop.reports.files import as_bytes, cover, cover_sheet, cut_off_zh
from shop.web.dashboard import FILE_KINDS, FILE_NAMES, ROWS, asked_of, here, page_of
from shop.web.dashboard import refused as refused_page
from shop.web.panels import Card, no_link, table
from shop.web.signin import page_for
from shop.web.steps import Step, years_beside

blueprint = Blueprint("collectives_page", __name__, template_folder="templates")
blueprint.register_error_handler(NotFoundError, refused_page)

KIND_ZH = {
    CollectiveKind.OPERATING: "经营", CollectiveKind.LEASING: "租赁", CollectiveKind.INVESTMENT: "投资",
    CollectiveKind.SERVICES: "服务", CollectiveKind.SUBSIDY: "补贴",
}  # fmt: skip
#: Subsidies stand behind the tier: they make none.
COLUMNS = [
    Column("村", "village"), Column("名称", "name_zh"), Column("乡镇", "township_zh"),
    *(Column(name, f"income.{kind}", "fen") for kind, name in KIND_ZH.items() if kind is not CollectiveKind.SUBSIDY),
    Column("成本", "cost_fen", "fen"), Column("净收入", "net_fen", "fen"), Column("分档", "tier"),
    Column("补贴（另列）", "subsidy_fen", "fen"),
]  # fmt: skip
TIERS = [Column("分档", "name"), Column("净收入不低于", "floor_fen", "fen"), Column("村数", "villages", "count")]
EVENTS = [
    Column("日期", "received_on"), Column("编号", "code"), Column("类别", "kind_zh"), Column("结对项目", "project_zh"),
    Column("收入", "income_fen", "fen"), Column("成本", "cost_fen", "fen"), Column("凭据或原因", "source"),
    Column("冲销", "reverses"),
]  # fmt: skip
#: What the figures mean, and where they come from.
BASIS = (
    "净收入 = 经营、租赁、投资、服务收入减成本；补贴另列，不计入分档。强村带弱村的结对项目按协议分给两村，"
    "各村之和等于该笔收入，全县只计一次。记错的用一笔相反的冲销，原记录保留。"
)
SOURCE = "系统内登记的村集体各笔收入与成本，附凭据"
#: More villages than a county has.
ALL = 1_000


def _asked() -> tuple[dict[str, Any], str]:
    """The year and page that the address names, else the latest year; what of the address makes no sense."""
    return asked_of(VillageYearAsked(), lambda: {"year": str(_latest_year())})


def _latest_year() -> int:
    """The last year in which somebody whom the reader sees earned something, else this year."""
    return queries.latest_year(db.session(), current_actor()) or beijing_day(now()).year


def _year(year: int) -> dict[str, Any]:
    return queries.yearly(db.session(), current_actor(), year, township=None, limit=ALL, after=None, language="zh")


def _steps(named: dict[str, Any], year: int) -> list[Step]:
    return years_beside(named, year, beijing_day(now()), here)


@blueprint.route("/reports/collectives")
@page_for(Role.OPERATOR, Role.MANAGER)
def show() -> str | AnyResponse:
    """村集体收入 · Villages of the reader's area in a year, at zero if need be, and how many stand in each tier.

    Asked for no year it leads to the latest, so that the address always names the year that is shown.
    """
    if not request.args:
        return redirect(url_for("collectives_page.show", year=_latest_year()))
    query, wrong = _asked()
    year = query["year"]
    found = _year(year)
    total = found["total"]

    def leads(column: Column, row: dict[str, Any] | None) -> str | None:
        if row is None or column.path != "name_zh":
            return None
        return url_for("collectives_page.why", code=row["village"], year=year)

    return page_of(
        "collectives", "村集体", year=year, wrong=wrong, basis=BASIS, steps=_steps({}, year),
        cards=[
            Card("村集体", written("count", total["villages"]), "个", "没有收入的村也列出"),
            Card("净收入", written("fen", total["net_fen"]), "元", "收入减成本，不含补贴；结对项目只计一次"),
            Card("补贴", written("fen", total["subsidy_fen"]), "元", "另列，不计入分档"),
        ],
        tables=[
            table("分档", TIERS, found["tiers"], None, no_link),
            table(
                f"各村：{year} 年", COLUMNS, found["items"], None, leads,
                files=[(name, url_for("collectives_page.file", kind=kind, year=year))
                       for kind, name in FILE_NAMES.items()],
            ),
        ],
    )  # fmt: skip


@blueprint.route("/reports/collectives.<any(xlsx, csv):kind>")
@page_for(Role.OPERATOR, Role.MANAGER)
def file(kind: str) -> AnyResponse:
    """村集体收入表文件 · The villages of the page as a file."""
    year = _asked()[0]["year"]
    said = cover(
        f"村集体收入 {year} 年", area_zh(db.session(), current_actor()),
        ("本期", f"{year} 年"),
        ("截止时间", cut_off_zh(now())), ("口径", BASIS), ("来源", SOURCE),
    )  # fmt: skip
    sheets = [cover_sheet(said), sheet("村集体收入", COLUMNS, _year(year)["items"])]
    return file_response(as_bytes(FILE_KINDS[kind], sheets), FILE_KINDS[kind], f"村集体收入 {year} 年")


@blueprint.route("/reports/collectives/<string:code>")
@page_for(Role.OPERATOR, Role.MANAGER)
def why(code: str) -> str:
    """一个村的集体收入 · The events that make a village's year. Raises NotFoundError."""
    query, wrong = _asked()
    year = query["year"]
    found = queries.village_year(
        db.session(), current_actor(), code, year, limit=ROWS, before_id=cursor_key(query["cursor"]), language="zh"
    )
    rows = page(found["items"], ROWS, lambda row: int(row["id"]))
    more = url_for("collectives_page.why", code=code, year=year, cursor=rows["next"]) if rows["next"] else None
    return page_of(
        "collectives", "村集体", year=year, wrong=wrong, basis=BASIS, village=found, steps=_steps({"code": code}, year),
        cards=[
            Card("净收入", written("fen", found["net_fen"]), "元", found["tier"] or ""),
            Card("补贴", written("fen", found["subsidy_fen"]), "元", "另列，不计入分档"),
        ],
        tables=[
            table(
                f"{found['township_zh']}{found['name_zh']}：{year} 年各笔", EVENTS,
                [row | {"kind_zh": KIND_ZH[row["kind"]]} for row in rows["items"]],  # type: ignore[attr-defined]
                None, no_link, more=more,
            )
        ],
    )  # fmt: skip
