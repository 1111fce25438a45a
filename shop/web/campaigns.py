"""The managers' page of a campaign: how far it has come, day by day beside the last one, by channel, township, unit."""

from datetime import date
from typing import Any

from flask import Blueprint, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from shop.access.guard import Actor, Role, current_actor
from shop.campaigns import queries
from shop.campaigns.schemas import ProgressQuery
from shop.channels.actions import campaign_by_code
from shop.channels.models import Campaign
from shop.kit.clock import beijing_day
from shop.kit.db import db
from shop.kit.errors import NotFoundError
from shop.kit.http import file_response, now
from shop.reports.area import area_zh
from shop.reports.columns import Column, sheet, written
from shop.reports.files import as_bytes, cover, cover_sheet, cut_off_zh
from shop.reports.wording import SOURCE, TAX
from shop.web.dashboard import FILE_KINDS, FILE_NAMES, page_of
from shop.web.dashboard import refused as refused_page
from shop.web.panels import Card, Chart, no_link, table
from shop.web.signin import page_for

blueprint = Blueprint("campaign_page", __name__, template_folder="templates")
blueprint.register_error_handler(NotFoundError, refused_page)

COLUMNS = [
    Column("名称", "name_zh"), Column("已结算", "amount_fen", "fen"), Column("目标", "goal_fen", "fen"),
    Column("完成率", "amount_bp", "bp"), Column("上次同期", "before_fen", "fen"),
    Column("触达农户", "households", "count"), Column("目标户数", "goal_households", "count"),
    Column("完成率", "households_bp", "bp"), Column("上次同期户数", "before_households", "count"),
]  # fmt: skip

#: What the figures mean.
BASIS = (
    "已结算 = 已付减退款，或按发票验收，均为已结算的订单，按下单日计入。乡镇的金额是该乡镇农户产品的销售。"
    "触达农户是产品在活动中卖出的农户，在每一行内按户去重，不能相加。目标只设给活动、渠道、乡镇和采购单位，从不设给干部。"
)

#: From a hundred thousand yuan on a chart counts in ten thousands.
MUCH_FEN = 10_000_000
#: Parts of the progress, and what they are called.
PARTS = {"channels": "按渠道", "townships": "按乡镇", "units": "按采购单位"}


def _columns(part: str) -> list[Column]:
    """Of units the code too: canteens of two places may have one name."""
    return [COLUMNS[0], Column("编号", "code"), *COLUMNS[1:]] if part == "units" else COLUMNS


@blueprint.route("/reports/campaigns")
@page_for(Role.OPERATOR, Role.MANAGER)
def show() -> str:
    """活动进度 · A campaign against its goals, day by day beside the last one."""
    actor, session = current_actor(), db.session()
    campaigns = queries.campaigns(session)
    campaign, before, day, wrong = _asked(campaigns)
    if campaign is None:
        return page_of("campaign", "活动进度", campaign=None, wrong=wrong)
    found = queries.progress(session, actor, campaign, before, day=day)
    named: dict[str, Any] = {"campaign": campaign.code, "day": str(day)}
    if before is not None:
        named["compare"] = before.code
    return page_of(
        "campaign", "活动进度", campaign=campaign, campaigns=campaigns, before=before, day=day, wrong=wrong,
        basis=BASIS, found=found, cards=_cards(found["total"], campaign, day) if found["total"] else [],
        charts=_charts(actor, campaign, before, found),
        tables=[
            table(
                title, _columns(part), found[part], None, no_link,
                files=[(name, url_for("campaign_page.file", part=part, kind=kind, **named))
                       for kind, name in FILE_NAMES.items()],
            )
            for part, title in PARTS.items() if found[part]
        ],
    )  # fmt: skip


@blueprint.route("/reports/campaigns/<any(channels, townships, units):part>.<any(xlsx, csv):kind>")
@page_for(Role.OPERATOR, Role.MANAGER)
def file(part: str, kind: str) -> AnyResponse:
    """活动进度表文件 · A table of the page as a file. Raises NotFoundError."""
    session = db.session()
    campaign, before, day, _ = _asked(queries.campaigns(session))
    if campaign is None:
        raise NotFoundError(what="campaign")
    found = queries.progress(session, current_actor(), campaign, before, day=day)
    title = f"{campaign.name_zh} {PARTS[part]} 截至 {found['until']}"
    beside = f"{before.name_zh}，截至 {found['compared_until']}" if before else "无基数"
    said = cover(
        f"{campaign.name_zh} 活动进度", area_zh(session, current_actor()),
        ("活动期间", f"{campaign.starts_on} 至 {campaign.ends_on}"), ("截至", str(found["until"])),
        ("上次同期", beside), ("截止时间", cut_off_zh(now())), ("税", TAX.zh), ("口径", BASIS), ("来源", SOURCE.zh),
    )  # fmt: skip
    sheets = [cover_sheet(said), sheet(PARTS[part], _columns(part), found[part])]
    written_as = as_bytes(FILE_KINDS[kind], sheets)
    return file_response(written_as, FILE_KINDS[kind], title)


def _asked(campaigns: list[Campaign]) -> tuple[Campaign | None, Campaign | None, date, bool]:
    """The campaign that the address names, the one beside it, the day; whether the address made no sense.

    Without a name: the open one that started last, else the one that started last. Raises NotFoundError.
    """
    today, given = beijing_day(now()), request.args.to_dict()
    code = given.pop("campaign", None)
    wrong = bool(ProgressQuery().validate(given))
    query: dict[str, Any] = ProgressQuery().load({} if wrong else given)
    day = query["day"] or today
    if code is not None:
        campaign: Campaign | None = campaign_by_code(db.session(), code)
    else:
        begun = [one for one in campaigns if one.starts_on <= today]
        campaign = next((one for one in begun if today <= one.ends_on), next(iter(begun), None))
    before = queries.compared(db.session(), campaign, query["compare"]) if campaign else None
    return campaign, before, day, wrong


def _cards(total: dict[str, Any], campaign: Campaign, day: date) -> list[Card]:
    left = (campaign.ends_on - day).days
    goal_fen, goal, before_fen = total["goal_fen"], total["goal_households"], total["before_fen"]
    wanted_fen = f"目标 {written('fen', goal_fen)} 元" if goal_fen else "未设目标"
    return [
        Card("已结算", written("fen", total["amount_fen"]), "元", wanted_fen),
        Card("完成率", written("bp", total["amount_bp"]), "", "已结算 ÷ 目标"),
        Card("触达农户", written("count", total["households"]), "户", f"目标 {goal} 户" if goal else "未设目标"),
        Card("上次同期", written("fen", before_fen), "" if before_fen is None else "元", "开幕后同样天数"),
        Card("还有", str(max(left, 0)), "天", f"{campaign.starts_on} 至 {campaign.ends_on}"),
    ]  # fmt: skip


def _charts(actor: Actor, campaign: Campaign, before: Campaign | None, found: dict[str, Any]) -> list[Chart]:
    """What was settled up to each day, beside the campaign before after as many days."""
    session, days = db.session(), found["days"]
    if not days:
        return []
    series = [(campaign.name_zh, queries.by_day(session, actor, campaign, days))]
    if before is not None:
        series.append((before.name_zh, queries.by_day(session, actor, before, days)))
    labels = [f"第 {number} 天" for number in range(1, days + 1)]
    unit, scale = ("万元", 1_000_000) if series[0][1][-1] >= MUCH_FEN else ("元", 100)
    return [Chart("逐日累计（按下单日）", labels, series, unit, scale, stacked=False)]
