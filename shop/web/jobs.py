"""The operator's page of the jobs: how each stands, how far rollups have come, and what the nightly proof found."""

from contextlib import suppress
from typing import Any

from flask import Blueprint, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from shop.access.guard import Role, current_actor
from shop.kit import outbox
from shop.kit.db import db, transaction
from shop.kit.errors import NotFoundError
from shop.kit.http import now
from shop.reports.columns import NONE, written
from shop.reports.models import PartWork, Rollup
from shop.reports.work import JobState, jobs_at_work
from shop.web.dashboard import page_of
from shop.web.panels import Card
from shop.web.signin import from_our_page, page_for

blueprint = Blueprint("jobs_page", __name__, template_folder="templates")

#: Seconds after which the page looks again by itself.
LOOK_AGAIN_S = 30

JOBS_ZH = {
    "agreements.fetch_quotes": "读取行情文件", "agreements.find_ending": "查找将到期的协议",
    "agreements.remind_end": "提醒协议到期", "catalog.find_expiring": "查找将到期的证照",
    "income.count_costs": "按新成本率计成本", "income.count_family_costs": "按合并的农户重计成本",
    "income.find_unsettled": "查找未入账的结算", "income.take_back": "从分配中扣回退款",
    "kit.forget_old": "清理办完的任务", "kit.relay_outbox": "发出任务", "kit.resend_lost": "重发未办的任务",
    "links.find_signs": "查找异常的点击", "live.end_overdue": "结束超时的直播",
    "live.forget_recordings": "清理直播回放", "live.settle_ended": "结算结束的直播",
    "marketplaces.follow": "跟进平台订单", "marketplaces.follow_again": "再次跟进平台订单",
    "orders.call_off_due": "按排期要货", "orders.close_agreements": "结束到期的协议",
    "orders.end_presales": "结束预售", "orders.expire_unpaid": "取消未付款订单",
    "orders.find_unreceived": "查找未确认收货的订单", "orders.receive_overdue": "到期自动收货",
    "payments.notify": "通知收付款", "payments.notify_again": "再次通知收付款",
    "payments.refund_excess": "退还多付款", "reports.check_sent": "核对已报送的报表",
    "reports.compare_rollups": "夜间核对汇总", "reports.forget_exports": "清理过期文件",
    "reports.look_at_sent": "复查一年内报送的报表", "reports.make_export": "生成报表文件",
    "reports.refresh_agreements": "汇总协议", "reports.refresh_costs": "汇总成本",
    "reports.refresh_cuts": "汇总全县各月", "reports.refresh_income": "汇总农户收入",
    "reports.refresh_reach": "汇总触达销售", "reports.refresh_receivables": "汇总应收",
    "reports.refresh_sales": "汇总销售", "reports.work_on_parts": "分段重算与核对",
    "rounds.close_due": "截止到期的团购", "rounds.forget_people": "清理团购人员信息",
    "settlement.settle_order": "结算订单", "stock.retire_expired": "下架过期批次",
    "stock.return_asides": "退回到期预留", "stock.serve_presales": "向预售分配库存",
    "stock.take_recalled": "收回召回的货",
}  # fmt: skip
#: What is remembered as a run, but is no job.
RUNS_ZH = {"demo.season": "演示季"}
ROLLUPS_ZH = {
    Rollup.SALES: "销售（日）", Rollup.SALES_DEKADS: "销售（旬）", Rollup.SALES_MONTHS: "销售（月）",
    Rollup.PARTNER_DAYS: "经手（日）", Rollup.PARTNER_DEKADS: "经手（旬）", Rollup.PARTNER_MONTHS: "经手（月）",
    Rollup.RECEIVABLES: "应收", Rollup.INCOME: "农户收入", Rollup.REACH: "触达销售", Rollup.AGREEMENTS: "协议",
    Rollup.COSTS: "成本", Rollup.INCOME_CUTS: "全县各月收入", Rollup.COST_CUTS: "全县各月成本",
    Rollup.REACH_CUTS: "全县各月触达", Rollup.INCOME_DAYS: "各日收入",
}  # fmt: skip
#: What is shown in red.
ALARMING = (JobState.GIVEN_UP, JobState.FAILING, JobState.OVERDUE)
WORK_ZH = {PartWork.REBUILD: "重算", PartWork.PROVE: "核对"}
STATES_ZH = {
    JobState.GIVEN_UP: "已放弃，须人工处理", JobState.FAILING: "失败", JobState.OVERDUE: "逾期未运行",
    JobState.WORKING: "进行中", JobState.WAITING: "等待中",
    JobState.DONE: "正常", JobState.NEVER: "还没有运行",
}  # fmt: skip

#: What a run says of itself in one word; whatever else it says is for people already.
OUTCOMES_ZH = {"ok": "已办完", "played": "已演完"}


def took_zh(milliseconds: int | None) -> str:
    """How long something took, in two units at most."""
    if milliseconds is None:
        return NONE
    seconds, rest = divmod(milliseconds, 1000)
    if seconds < 60:
        return f"{seconds}.{rest // 100} 秒" if seconds else f"{rest} 毫秒"
    minutes, seconds = divmod(seconds, 60)
    return f"{minutes} 分 {seconds} 秒" if minutes < 60 else f"{minutes // 60} 小时 {minutes % 60} 分"


#: Jobs that were given up and are shown; the API has them all.
_GIVEN_UP_SHOWN = 50


@blueprint.route("/reports/jobs")
@page_for(Role.OPERATOR)
def show() -> str:
    """任务 · The jobs, what wants a person's look first; the page looks again by itself unless it is told to rest."""
    view = jobs_at_work(db.session(), now=now())
    rests = "still" in request.args
    order = list(JobState)
    return page_of(
        "jobs", "任务", view=view, jobs=sorted(view["items"], key=lambda job: order.index(job["state"])),
        cards=_cards(view), names=JOBS_ZH | RUNS_ZH, rollups=ROLLUPS_ZH,
        works=WORK_ZH,
        dead=outbox.given_up(db.session(), limit=_GIVEN_UP_SHOWN)[:_GIVEN_UP_SHOWN],
        states=STATES_ZH, outcomes=OUTCOMES_ZH, alarming=ALARMING, took=took_zh, again=None if rests else LOOK_AGAIN_S,
        other=url_for("jobs_page.show", still=None if rests else 1),
    )  # fmt: skip


@blueprint.route("/reports/jobs/given-up/<int:outbox_id>/retry", methods=["POST"])
@page_for(Role.OPERATOR)
def retry(outbox_id: int) -> AnyResponse:
    """重新办理 · Take a job up again by the button of the page; one that somebody else took up is no longer there."""
    from_our_page()
    with suppress(NotFoundError), transaction() as session:
        outbox.take_up(session, outbox_id, person_id=current_actor().person_id, now=now())
    return redirect(url_for("jobs_page.show"), 303)


def _cards(view: dict[str, Any]) -> list[Card]:
    jobs, differ = view["items"], view["rollups_differ"]
    proof = {True: "有差异", False: "一致", None: "未核对完"}[differ]
    return [
        Card("夜间核对", proof, "", "汇总与原始记录逐行相比", alarm=differ is True),
        _counted("须人工处理", sum(job["given_up"] for job in jobs), "件", "试过六次仍未办成", alarm=True),
        _counted(
            "失败或逾期",
            sum(job["failures"] > 0 or job["overdue_ms"] > 0 for job in jobs),
            "项",
            "上次成功之后又失败，或到时未运行",
            alarm=True,
        ),
        _counted("等待", sum(job["waiting"] for job in jobs), "件", "已要求、尚未办成"),
        _counted("待重算", sum(row["keys"] for row in view["dirty"]), "项", "原始记录已变、汇总尚未更新"),
    ]


def _counted(title: str, number: int, unit: str, note: str, *, alarm: bool = False) -> Card:
    return Card(title, written("count", number), unit, note, alarm=alarm and number > 0)
