"""The tables of the reports as lists: how they are cut and called, their columns, and what stands in a file of them."""

from collections.abc import Iterable
from typing import Any

from shop.income.models import Category
from shop.kit.tables import Cell, Sheet
from shop.reports.agreement_report import AgreementsBy
from shop.reports.columns import CELLS, NO_BASE, Column, counted_until, sheet
from shop.reports.income_report import OF_PLACES, IncomeBy, Months

INCOME_BY_ZH = {
    IncomeBy.TOWNSHIP: "按乡镇", IncomeBy.VILLAGE: "按村", IncomeBy.HOUSEHOLD: "按农户", IncomeBy.FIRM: "按企业",
    IncomeBy.GROUP: "按分组", IncomeBy.PRODUCT: "按产品", IncomeBy.MONTH: "按月",
    IncomeBy.CHANNEL: "按渠道（触达销售）",
}  # fmt: skip
AGREEMENTS_BY_ZH = {
    AgreementsBy.AGREEMENT: "按协议", AgreementsBy.BUYER: "按采购方", AgreementsBy.FIRM: "按企业",
    AgreementsBy.PRODUCT: "按产品", AgreementsBy.TOWNSHIP: "按乡镇", AgreementsBy.MONTH: "按月",
}  # fmt: skip
CATEGORY_ZH = {
    Category.WAGE: "工资性收入", Category.BUSINESS: "经营收入", Category.PROPERTY: "财产性收入",
    Category.TRANSFER: "转移性收入",
}  # fmt: skip
#: Sales whose costs nobody knows: gross, never added to what is net.
GROSS = "business.uncovered_gross_fen"
#: What households received by category; business is gross, its costs and what is net of them stand beside it.
CASH = [
    Column("工资性收入", "categories.wage_fen", "fen"), Column("经营毛额", "categories.business_gross_fen", "fen"),
    Column("其中成本", "business.cost_fen", "fen"), Column("经营净收入", "business.net_fen", "fen"),
    Column("未核成本毛额", GROSS, "fen"),
    Column("财产性收入", "categories.property_fen", "fen"), Column("转移性收入", "categories.transfer_fen", "fen"),
]  # fmt: skip
#: The same with business net of its costs: what adds up.
NET = [column for column in CASH if column.path not in ("categories.business_gross_fen", "business.cost_fen", GROSS)]
#: What was signed, asked for and taken.
KEPT = [
    Column("协议数", "agreements", "count"), Column("签约重量", "signed_g", "g"),
    Column("签约金额", "signed_fen", "fen"), Column("应交", "due_g", "g"),
    Column("要货", "called_g", "g"), Column("发货", "dispatched_g", "g"),
    Column("验收", "accepted_g", "g"), Column("拒收", "refused_g", "g"), Column("履约金额", "executed_fen", "fen"),
    Column("履约率", "rate_bp", "bp"), Column("缺口", "shortfall_g", "g"),
]  # fmt: skip
#: What is still open: by whose fault, at what price, what is owed, what is to come.
OPEN = [
    Column("企业欠量", "firm_short_g", "g"), Column("企业违约金测算（含已作决定的）", "firm_penalty_fen", "fen"),
    Column("采购方欠量", "buyer_short_g", "g"), Column("采购方违约金测算（含已作决定的）", "buyer_penalty_fen", "fen"),
    Column("应收（目前）", "receivable_fen", "fen"), Column("其中逾期", "overdue_fen", "fen"),
    Column("预计", "forecast_g", "g"), Column("预计金额", "forecast_fen", "fen"),
    Column("产季外", "out_of_season_g", "g"), Column("供货风险", "at_risk_g", "g"),
]  # fmt: skip
#: Claimed penalties and what was paid of them.
PENALTIES = [
    Column("协议", "agreement"), Column("第几号", "number", "count"), Column("应付方", "owed_by"),
    Column("应收方", "owed_to"), Column("违约截至", "as_of"), Column("已主张", "penalty_fen", "fen"),
    Column("其中已付", "paid_fen", "fen"), Column("未付", "open_fen", "fen"),
]  # fmt: skip
#: The two tables of a page; the file beside them holds both.
AGREEMENT_TABLES = [("签约与履约", KEPT), ("欠量、违约、应收与预计", OPEN)]


def whose(by: AgreementsBy) -> list[Column]:
    """What a row of an agreements report is called: a month by itself, all else by code and name."""
    return [Column("月份", "key")] if by is AgreementsBy.MONTH else [Column("编号", "key"), Column("名称", "name")]


def income_columns(by: IncomeBy, managers: bool) -> list[Column]:
    """The columns of the income table; who sees households also sees how many of a place are assisted."""
    codes = [Column("编号", "key")] if by in (IncomeBy.FIRM, IncomeBy.PRODUCT) else []
    assisted = [Column("其中帮扶户", "assisted_households", "count")] if managers and by in OF_PLACES else []
    # By channel those count whose produce was sold in it: another thing than those whom a firm paid.
    people = "触达农户" if by is IncomeBy.CHANNEL else "带动农户"
    return [
        *codes, Column("名称", "name"), Column(people, "households", "count"), *assisted, *CASH,
        Column("现金合计", "cash_fen", "fen"), Column("交售", "weight_g", "g"),
        Column("触达农户的销售", "sales_reached_fen", "fen"),
    ]  # fmt: skip


def told_columns(columns: list[Column], report: dict[str, Any]) -> list[Column]:
    """Those that say something: no cash by channel, and no assisted households where no row may tell of them."""
    rows = [*report["items"], report["total"]]
    return [column for column in columns if column.unit == "text" or any(column.of(row) is not None for row in rows)]


def span_zh(months: Months) -> str:
    """Months as a title names them."""
    if (months.first.year, months.first.month, months.last.month) == (months.last.year, 1, 12):
        return f"{months.first.year} 年"
    if months.first == months.last:
        return f"{months.first:%Y-%m}"
    return f"{months.first:%Y-%m} 至 {months.last:%Y-%m}"


def gain_said(gained: dict[str, Any]) -> str:
    """What the gain is compared with, in a sentence; or why there is none."""
    if gained["status"] != "compared":
        return f"{NO_BASE}：{gained['reason_text']}。"
    return (
        f"与 {gained['base']} 相比：{gained['households']} 户两期都有记录，另有新增 {gained['households_new']} 户、"
        f"本期未带动 {gained['households_without_income_now']} 户，不计入。{gained['note']}。"
    )


def gain_sheet(gained: dict[str, Any]) -> Sheet:
    """户均增收 by category as the page shows it, and what it is compared with."""
    header = ["收入类别", "本期（元）", "基期（元）", "是否比较"]
    if gained["status"] != "compared":
        return Sheet("户均增收", header, [[gain_said(gained), None, None, None]])
    fen = CELLS["fen"]
    rows: list[list[Cell]] = [
        [CATEGORY_ZH[Category(row["category"])],
         *(None if row[name] is None else fen(row[name]) for name in ("period_fen", "base_fen")),
         "比较" if row["compared"] else f"不比较：{row['left_out_text']}"]
        for row in gained["categories"]
    ]  # fmt: skip
    rows += [
        ["可比合计", fen(gained["period_fen"]), fen(gained["base_fen"]), ""],
        ["户均增收", fen(gained["per_household_fen"]), None, gain_said(gained)],
    ]
    return Sheet("户均增收", header, rows)


def sheets_of(
    title: str, columns: list[Column], report: dict[str, Any], rows: Iterable[dict[str, Any]], area: str
) -> list[Sheet]:  # fmt: skip
    """A table with its total, the gain if it has one, and what the report says of itself on a sheet of its own."""
    said: list[list[Cell]] = [
        ["区域", area], ["截止", counted_until(report)], ["来源", report["source"]], ["口径", report["basis"]],
    ]  # fmt: skip
    grown = [gain_sheet(report["gain"])] if "gain" in report else []
    return [sheet(title, columns, rows, report["total"]), *grown, Sheet("说明", ["项目", "内容"], said)]
