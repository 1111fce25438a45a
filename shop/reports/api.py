"""Reports over HTTP: sales by channel, purchase agreements, household income. Each answers from rollups."""

import json
from typing import Any

from flask import Response
from flask_smorest import Blueprint

from shop.access.guard import EVERYONE, Role, allow, current_actor
from shop.kit import outbox
from shop.kit.clock import beijing_day
from shop.kit.db import db, one_moment, release, transaction
from shop.kit.errors import NotFoundError
from shop.kit.http import also_as, asks_for_file, documented, file_response, language, now
from shop.kit.idempotency import idempotent
from shop.kit.schemas import PageQuery, cursor_key, page
from shop.kit.tables import PDF_TYPE, XLSX_TYPE
from shop.orders.errors import DayAhead
from shop.reports import (
    agreement_report,
    errors,
    exports,
    files,
    income_report,
    parts,
    publications,
    queries,
    schemas,
    sent,
)
from shop.reports.agreement_penalties import claimed_penalties, penalties_total
from shop.reports.agreement_stock import agreement_stock as stock_of_agreements
from shop.reports.area import AGREEMENT_READERS, READERS
from shop.reports.errors import PeriodNotBegun, ReportNeedsReason, ReportUnchanged
from shop.reports.explain import explain_income
from shop.reports.explain_agreements import explain_agreements
from shop.reports.explain_periodic import Figure, explain_periodic
from shop.reports.explain_sales import explain_sales
from shop.reports.gain import gain
from shop.reports.models import PartWork
from shop.reports.work import jobs_at_work

blueprint = Blueprint("reports", __name__, url_prefix="/api/v1", description="报表 · Reports")


@blueprint.route("/reports/channels", methods=["GET"])
@allow(*READERS)
@blueprint.arguments(schemas.ChannelsFilter, location="query")
@blueprint.response(200, schemas.ChannelsReport)
@documented(
    answer={
        "from": "2025-07-01", "to": "2025-07-31", "as_of": "2025-08-01T00:30:05+00:00", "source": "…", "basis": "…",
        "items": [{
            "period": None, "channel": "livestream", "name": "直播网销", "orders": 1, "settled_orders": 1,
            "weight_g": 5000, "paid_fen": 6000, "refunded_fen": 0, "net_fen": 6000, "firm_fen": 5520, "host_fen": 480,
            "platform_fen": 0, "carrier_fen": 0, "coupon_fen": 0, "open_fen": 0, "held_fen": 0, "due_fen": 0,
        }],
        "total": {
            "orders": 1, "settled_orders": 1, "weight_g": 5000, "paid_fen": 6000, "refunded_fen": 0, "net_fen": 6000,
            "firm_fen": 5520, "host_fen": 480, "platform_fen": 0, "carrier_fen": 0, "coupon_fen": 0, "open_fen": 0,
            "held_fen": 0, "due_fen": 0,
        },
    }
)  # fmt: skip
def channels(query: dict[str, Any]) -> dict[str, Any]:
    """渠道报表 · Sales by channel: orders, weight, paid, refunded, net, and everybody's share.

    All five channels are always shown. Managers see the firms of their area, firms themselves.
    """
    return queries.sales_by_channel(
        db.session(), current_actor(), query["first"], query["last"], query["by"], language()
    )


@blueprint.route("/reports/agreements", methods=["GET"])
@allow(*AGREEMENT_READERS)
@blueprint.arguments(schemas.AgreementsFilter, location="query")
@blueprint.response(200, schemas.AgreementsReport)
@documented(
    errors=[DayAhead],
    answer={
        "by": "agreement", "day": "2025-07-31", "as_of": "2025-08-01T00:30:05+00:00", "source": "…", "basis": "…",
        "items": [{
            "key": "A001", "name": "运城市区连锁超市乙（示例）", "agreements": 1, "signed_g": 9_700_000,
            "signed_fen": 5_587_200, "due_g": 2_238_462, "called_g": 20_000, "dispatched_g": 20_000,
            "accepted_g": 19_000, "refused_g": 1_000, "shortfall_g": 2_219_462, "executed_fen": 10_944, "rate_bp": 85,
            "firm_short_g": 0, "firm_penalty_fen": 0, "buyer_short_g": 0, "buyer_penalty_fen": 0,
            "receivable_fen": 10_944, "overdue_fen": 0, "forecast_g": 7_461_538, "forecast_fen": 4_297_858,
            "out_of_season_g": 0, "at_risk_g": 0,
        }],
        "next": "A001",
        "total": {
            "agreements": 12, "signed_g": 93_900_000, "signed_fen": 51_811_450, "due_g": 33_183_161,
            "called_g": 20_000, "dispatched_g": 20_000, "accepted_g": 19_000, "refused_g": 1_000,
            "shortfall_g": 33_164_161, "executed_fen": 10_944, "rate_bp": 6,
            "firm_short_g": 0, "firm_penalty_fen": 0, "buyer_short_g": 0, "buyer_penalty_fen": 0,
            "receivable_fen": 10_944, "overdue_fen": 0, "forecast_g": 60_716_839, "forecast_fen": 33_501_327,
            "out_of_season_g": 0, "at_risk_g": 150_000,
        },
    }
)  # fmt: skip
def agreements(query: dict[str, Any]) -> dict[str, Any]:
    """采购协议报表 · Agreements: signed (签约) and executed (履约), due, called off, accepted, short, and the rate.

    Managers see the firms of their area, firms and buyers their own agreements; what is at risk is told to no buyer.
    """
    today = beijing_day(now())
    return agreement_report.agreements_report(
        db.session(), current_actor(), query["by"], query["day"] or today, language(), today=today,
        limit=query["limit"], after=query["after"],
    )  # fmt: skip


@blueprint.route("/reports/agreements/explain", methods=["GET"])
@allow(*AGREEMENT_READERS)
@blueprint.arguments(schemas.AgreementExplainFilter, location="query")
@blueprint.response(200, schemas.AgreementsExplained)
@documented(
    errors=[DayAhead],
    answer={
        "by": "agreement", "day": "2025-07-31", "figure": "accepted_g", "rows": 1, "value": 19_000,
        "total": {"accepted_g": 19_000},
        "items": [{
            "source": "call_offs", "day": "2025-07-15", "agreement": "A001", "partner": "B02", "firm": "F01",
            "sku": "PL001", "parts": {"accepted_g": 19_000}, "scheduled_g": None, "status": "confirmed",
            "called_weight_g": 20_000, "price_fen_per_kg": 576, "schedule_day": "2025-07-15",
            "order": "250715-00000001", "order_line": 1, "accepted_at": "2025-07-16T02:00:00+00:00",
            "invoice_due_on": "2025-08-15", "accepted_fen": 10_944, "paid_fen": 0,
        }],
        "next": None,
    }
)  # fmt: skip
def explain_agreement_figure(query: dict[str, Any]) -> dict[str, Any]:
    """协议数字来源 · The facts behind any figure of the agreements report, down to order lines; they add up to it."""
    today = beijing_day(now())
    found = explain_agreements(
        db.session(), current_actor(), query["by"], query["key"], query["day"] or today, query["figure"], today=today,
        limit=query["limit"], after_id=cursor_key(query["cursor"]),
    )  # fmt: skip
    return found | page(found["items"], query["limit"], lambda row: int(row["id"]))


@blueprint.route("/reports/agreement-stock", methods=["GET"])
@allow(*READERS)
@blueprint.arguments(schemas.AgreementStockFilter, location="query")
@blueprint.response(200, schemas.AgreementStock)
@documented(
    answer={
        "day": "2025-07-15", "days": 14,
        "items": [{
            "firm": "F01", "firm_name_zh": "合作社（示例）", "sku": "PL001", "name_zh": "大桐蜜桃", "asked_g": 400_000,
            "available_g": 250_000, "lacking_g": 150_000,
            "agreements": [{
                "agreement": "A001", "partner_name_zh": "连锁超市（示例）", "lacking_g": 150_000,
                "from_day": "2025-07-21",
            }],
        }],
    }
)  # fmt: skip
def agreement_stock(query: dict[str, Any]) -> dict[str, Any]:
    """协议供货风险 · What agreements ask for in the days ahead, against what nobody holds of the firm's stock."""
    day = beijing_day(now())
    items = stock_of_agreements(db.session(), current_actor(), day, query["days"])
    return {"day": day, "days": query["days"], "items": items}


@blueprint.route("/reports/agreement-penalties", methods=["GET"])
@allow(*AGREEMENT_READERS)
@blueprint.arguments(PageQuery, location="query")
@blueprint.response(200, schemas.ClaimedPenalties)
@documented(
    answer={
        "items": [{
            "agreement": "A001", "number": 1, "side": "firm", "owed_by": "合作社（示例）",
            "owed_to": "连锁超市（示例）", "as_of": "2025-07-31", "claimed_at": "2025-08-01T02:00:00+00:00",
            "last_paid_on": "2025-08-05", "penalty_fen": 30_000, "paid_fen": 20_000, "open_fen": 10_000,
        }],
        "next": None,
        "total": {
            "firm": {"penalty_fen": 30_000, "paid_fen": 20_000, "open_fen": 10_000},
            "buyer": {"penalty_fen": 0, "paid_fen": 0, "open_fen": 0},
        },
    }
)  # fmt: skip
def agreement_penalties(query: dict[str, Any]) -> dict[str, Any]:
    """违约金应收应付 · Claimed penalties: who owes them to whom, what was paid, what is open, as of now."""
    session, actor = db.session(), current_actor()
    rows = claimed_penalties(session, actor, limit=query["limit"] + 1, before_id=cursor_key(query["cursor"]))
    return page(rows, query["limit"], lambda row: int(row["id"])) | {"total": penalties_total(session, actor)}


@blueprint.route("/reports/income", methods=["GET"])
@allow(*READERS)
@blueprint.arguments(schemas.IncomeFilter, location="query")
@blueprint.response(200, schemas.IncomeReport)
@documented(
    answer={
        "by": "township", "from": "2025-01", "to": "2025-12", "place": None,
        "as_of": "2026-01-01T00:30:05+00:00", "source": "…", "basis": "…",
        "items": [{
            "key": "140829101", "name": "常乐镇", "cash_fen": 50_363_563,
            "cash": {
                "sale_gross_fen": 41_298_485, "patronage_fen": 1_751_837, "wage_fen": 5_527_000,
                "land_rent_fen": 730_170, "dividend_fen": 1_056_071, "subsidy_fen": 0,
            },
            "categories": {
                "wage_fen": 5_527_000, "business_gross_fen": 43_050_322, "property_fen": 1_786_241, "transfer_fen": 0,
            },
            "business": {
                "gross_fen": 43_050_322, "covered_fen": 1_751_837, "cost_fen": 0, "net_fen": 1_751_837,
                "uncovered_gross_fen": 41_298_485,
            },
            "weight_g": 114_982_500, "households": 28, "assisted_households": 8, "sales_reached_fen": 0,
            "sales_reached_g": 0,
        }],
        "next": None,
        "gain": {"status": "no_base", "reason": "period_not_over", "reason_text": "期间尚未结束，不作比较"},
    }
)  # fmt: skip
def income(query: dict[str, Any]) -> dict[str, Any]:
    """增收报表 · Household income: cash by kind, households reached, sales reached beside it, gain per household.

    By township all nine are shown. The gain compares only what both periods record in the same way, and names the rest.
    """
    months = _months(query)
    actor = current_actor()
    with one_moment() as session:
        report = income_report.income_report(
            session, actor, query["by"], months, language(), limit=query["limit"], after=query["after"]
        )
        return {**report, "gain": gain(session, actor, months, language(), now=now())}


def _months(query: dict[str, Any]) -> income_report.Months:
    if query["year"] is not None:
        return income_report.whole_year(query["year"], query["place"])
    return income_report.span(query["first"], query["last"], query["place"])


@blueprint.route("/reports/income/explain", methods=["GET"])
@allow(*READERS)
@blueprint.arguments(schemas.ExplainFilter, location="query")
@blueprint.response(200, schemas.Explained)
@documented(
    answer={
        "by": "township", "from": "2025-07", "to": "2025-07", "place": None, "measure": "cash", "kind": "sale",
        "category": None, "rows": 1, "households": 1, "total_fen": 25_200, "total_g": 52_500,
        "items": [{
            "month": "2025-07", "day": "2025-07-15", "household": "农户-0001", "firm": "F01", "sku": "PL001",
            "kind": "sale", "weight_g": 52_500, "amount_fen": 25_200, "source": "deliveries", "source_code": "D90001",
            "corrected_because": None,
        }],
        "next": None,
    }
)  # fmt: skip
def explain(query: dict[str, Any]) -> dict[str, Any]:
    """数字来源 · The rows behind a figure of the income report, down to slips and orders; their sum is the figure."""
    found = explain_income(
        db.session(), current_actor(), query["by"], query["key"], _months(query), query["measure"], query["kind"],
        query["category"], now=now(), limit=query["limit"], before_id=cursor_key(query["cursor"]),
    )  # fmt: skip
    return found | page(found["items"], query["limit"], lambda row: int(row["id"]))


@blueprint.route("/published-income", methods=["POST"])
@allow(Role.OPERATOR)
@blueprint.arguments(schemas.PublicationAsked)
@blueprint.response(201, schemas.PublicationOut)
@documented(
    errors=[
        errors.PeriodNotClosed, errors.FiguresNotReady, errors.TooFewHouseholds, errors.NothingToRestate,
        errors.RestatementNeedsReason, NotFoundError,
    ],
    example={"from": "2025-01", "to": "2025-06", "reason": "合并两户重复登记"},
)  # fmt: skip
def publish_income(body: dict[str, Any]) -> dict[str, Any]:
    """发布增收数字 · Publish the figures of closed months, or re-state them openly as a new version with its reason."""
    with transaction() as session:
        made = publications.publish(
            session, income_report.Months(body["first"], body["last"]), body["reason"],
            actor_id=current_actor().person_id, now=now(),
        )  # fmt: skip
        return publications.publication(session, made.first_month, made.last_month, made.version)


@blueprint.route("/published-income", methods=["GET"])
@allow(EVERYONE)
@blueprint.arguments(PageQuery, location="query")
@blueprint.response(200, schemas.PublicationPage)
def list_published(query: dict[str, Any]) -> dict[str, object]:
    """已发布的数字 · Every version of every published period, newest first; the earlier ones stay readable."""
    rows = publications.publications(db.session(), limit=query["limit"] + 1, before_id=cursor_key(query["cursor"]))
    return page(rows, query["limit"], lambda row: int(row["id"]))


@blueprint.route("/published-income/figures", methods=["GET"])
@allow(EVERYONE)
@blueprint.arguments(schemas.PublicationPeriod, location="query")
@blueprint.response(200, schemas.PublicationOut)
@documented(errors=[NotFoundError])
def show_published(query: dict[str, Any]) -> dict[str, Any]:
    """发布的数字 · The figures of a published period, by township and in total, and what this version changed."""
    return publications.publication(db.session(), query["first"], query["last"], query["version"])


_SENT = {
    "code": "day-2025-07-15-140829-v1", "title": "日报 2025-07-15", "every": "day", "from": "2025-07-15",
    "to": "2025-07-15", "area": "平陆县", "version": 1, "note": None, "confirmed_by": "县五销办（示例）",
    "sent_at": "2025-07-15T10:00:00+00:00",
    "sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "latest": True, "changed": 1,
    "checked_at": "2025-07-16T02:01:00+00:00", "named_in": None,
}  # fmt: skip
_DAY = {"from": "2025-07-15", "to": "2025-07-15"}


@blueprint.route("/reports/periodic", methods=["GET"])
@allow(*READERS)
@blueprint.arguments(schemas.PeriodicFilter, location="query")
@blueprint.response(200, schemas.Periodic)
@blueprint.doc(**also_as(XLSX_TYPE, "text/csv", PDF_TYPE))
@documented(
    answer={
        "every": "day", "title": "日报 2025-07-15", "area": "平陆县", "day": _DAY, "period": _DAY,
        "cumulative": {"from": "2025-01-01", "to": "2025-07-15"},
        "last_year": {"from": "2024-07-15", "to": "2024-07-15"},
        "cut_off": "2025-07-15T10:00:00+00:00", "as_of": "2025-07-15T09:59:58+00:00", "over": False,
        "tax": "金额为含税价。", "basis": "…", "sources": "…", "gain": None,
        "sections": [{
            "code": "sessions", "title": "直播场次（本期）",
            "columns": [{"title": "场次", "path": "name", "measure": "text"},
                        {"title": "净额", "path": "net_fen", "measure": "fen"}],
            "rows": [{"key": "LIVE-1", "name": "鲜桃专场（示例）", "net_fen": 6000}], "total": {"net_fen": 6000},
        }],
    }
)  # fmt: skip
def show_periodic(query: dict[str, Any]) -> Any:
    """日报、旬报、周报、月报 · Daily, ten-day, weekly, monthly report as it is now: JSON, CSV, XLSX or PDF by `Accept`.

    Each figure over the last day, the period, the year so far and the same period a year before.
    """
    moment = now()
    on, actor = query["on"] or beijing_day(moment), current_actor()
    with one_moment() as session:
        report = sent.current_report(session, actor, query["every"], on, now=moment)
    if kind := asks_for_file(PDF_TYPE):
        return file_response(files.periodic_file(kind, report), kind, report["title"])
    return report


@blueprint.route("/reports/sent", methods=["POST"])
@allow(*sent.SENDERS)
@idempotent
@blueprint.arguments(schemas.ReportToSend)
@blueprint.response(201, schemas.Sent)
@documented(
    errors=[PeriodNotBegun, ReportUnchanged, ReportNeedsReason], example={"every": "day", "on": "2025-07-15"},
    answer=_SENT,
)  # fmt: skip
def send(body: dict[str, Any]) -> dict[str, Any]:
    """报送 · Confirm and send a report: its bytes are frozen; a later one of the period is its next version."""
    return sent.send_report(db.session(), current_actor(), body["every"], body["on"], body["note"], now=now())


@blueprint.route("/reports/sent", methods=["GET"])
@allow(*sent.SENDERS)
@blueprint.arguments(schemas.SentFilter, location="query")
@blueprint.response(200, schemas.SentPage)
@documented(answer={"items": [_SENT], "next": None})
def list_sent(query: dict[str, Any]) -> dict[str, Any]:
    """已报送的报表 · Reports that were sent, and whether they still hold; the county sees all, a township its own."""
    rows = sent.list_sent(
        db.session(), current_actor(), now=now(), limit=query["limit"], before_id=cursor_key(query["cursor"]),
        changed=query["changed"],
    )  # fmt: skip
    return page(rows, query["limit"], lambda row: int(row["id"]))


@blueprint.route("/reports/sent/<string:code>", methods=["GET"])
@allow(*sent.SENDERS)
@blueprint.response(200, schemas.Periodic)
@blueprint.doc(**also_as(XLSX_TYPE, "text/csv", PDF_TYPE))
@documented(errors=[NotFoundError])
def show_sent(code: str) -> Any:
    """已报送报表的内容 · The bytes of a sent report, as JSON; or made into CSV, XLSX or PDF by `Accept`."""
    body = sent.body_of(db.session(), current_actor(), code)
    if kind := asks_for_file(PDF_TYPE):
        release()
        return file_response(files.periodic_file(kind, json.loads(body)), kind, code)
    return Response(body, content_type="application/json")


@blueprint.route("/reports/sent/<string:code>/changes", methods=["GET"])
@allow(*sent.SENDERS)
@blueprint.response(200, schemas.SentChanges)
@documented(
    errors=[NotFoundError],
    answer=_SENT | {
        "items": [{
            "section": "summary", "table": "总览", "key": "net_fen", "figure": "summary:net_fen:period_value",
            "name": "销售额（净）（元）", "measure": "fen",
            "sent_value": 75_530, "told_value": 75_530, "now_value": 79_510, "change_value": 3_980,
        }],
    },
)  # fmt: skip
def show_sent_changes(code: str) -> dict[str, Any]:
    """报送后的变动 · Figures of a sent report that are otherwise now: as sent, as told last, as they are."""
    with one_moment() as session:
        return sent.changes_of(session, current_actor(), code, now=now())


@blueprint.route("/reports/channels/explain", methods=["GET"])
@allow(*READERS)
@blueprint.arguments(schemas.SalesExplainFilter, location="query")
@blueprint.response(200, schemas.SalesExplained)
@documented(
    answer={
        "from": "2025-07-01", "to": "2025-07-31", "channel": "livestream", "rows": 1,
        "total": {"orders": 1, "weight_g": 5000, "paid_fen": 6000, "net_fen": 6000, "firm_fen": 5520, "host_fen": 480},
        "items": [{
            "number": "250715-00000004", "day": "2025-07-15", "channel": "livestream", "firm": "F01",
            "partner": "H01", "orders": 1, "weight_g": 5000, "paid_fen": 6000, "net_fen": 6000, "firm_fen": 5520,
            "host_fen": 480,
        }],
        "next": None,
    }
)  # fmt: skip
def explain_channels(query: dict[str, Any]) -> dict[str, Any]:
    """渠道数字来源 · The orders behind a figure of the channels report, each with its part; their sum is the figure."""
    found = explain_sales(
        db.session(), current_actor(), query["first"], query["last"], query["channel"], limit=query["limit"],
        before_id=cursor_key(query["cursor"]),
    )  # fmt: skip
    return found | page(found["items"], query["limit"], lambda row: int(row["id"]))


@blueprint.route("/reports/periodic/explain", methods=["GET"])
@allow(*READERS)
@blueprint.arguments(schemas.PeriodicExplainFilter, location="query")
@blueprint.response(200, schemas.PeriodicExplained)
@documented(
    errors=[NotFoundError],
    answer={
        "every": "day", "section": "channels", "figure": "net_fen", "span": "period",
        "from": "2025-07-15", "to": "2025-07-15", "rows": 1, "value": 6_000,
        "items": [{
            "day": "2025-07-15", "source_code": "250715-00000004", "firm": "F01", "channel": "livestream",
            "partner": "H01", "sku": "PL001", "value": 6_000,
        }],
        "next": None,
    },
)  # fmt: skip
def periodic_sources(query: dict[str, Any]) -> dict[str, Any]:
    """定期报表数字来源 · The order lines, orders, entries or households behind a figure; their values add up to it."""
    asked = Figure(query["section"], query["key"], query["figure"], query["span"])
    found = explain_periodic(
        db.session(), current_actor(), query["every"], query["on"] or beijing_day(now()), asked, now=now(),
        limit=query["limit"], before_id=cursor_key(query["cursor"]),
    )  # fmt: skip
    return found | page(found["items"], query["limit"], lambda row: int(row["id"]))


_FILE = {
    "code": "4yKf0nJtq1r2sJ0V7cQ1dXhM", "report": "income", "file": "xlsx", "title": "农户增收 各农户 2025 年",
    "status": "making", "asked_at": "2025-07-15T10:00:00+00:00", "rows_done": 4000, "rows_total": 10_000,
    "done_at": None, "expires_at": None,
}  # fmt: skip


@blueprint.route("/reports/files", methods=["POST"])
@allow(*AGREEMENT_READERS)
@blueprint.arguments(schemas.ExportAsked)
@blueprint.response(202, schemas.ReportFile)
@documented(
    errors=[errors.TooManyFiles, errors.TooLongForPaper, DayAhead], answer=_FILE,
    example={"report": "income", "file": "xlsx", "by": "household", "from": "2025-01", "to": "2025-12"},
)  # fmt: skip
def ask_file(body: dict[str, Any]) -> dict[str, Any]:
    """生成报表文件 · Have a long table made as a file by a job; what one waits for already is not asked for twice."""
    with transaction() as session:
        made = exports.ask(session, current_actor(), body["wanted"], body["file"], now=now())
        return exports.status_of(session, current_actor(), made.code, now=now())


@blueprint.route("/reports/files", methods=["GET"])
@allow(*AGREEMENT_READERS)
@blueprint.response(200, schemas.ReportFiles)
@documented(answer={"items": [_FILE]})
def list_files() -> dict[str, Any]:
    """我的报表文件 · The latest files that one asked for and can fetch, or will be able to."""
    return {"items": exports.exports_of(db.session(), current_actor(), now=now())}


@blueprint.route("/reports/files/<string:code>", methods=["GET"])
@allow(*AGREEMENT_READERS)
@blueprint.response(200, schemas.ReportFile)
@documented(errors=[NotFoundError], answer=_FILE)
def show_file(code: str) -> dict[str, Any]:
    """文件生成情况 · How far a file is: rows written of all; `ready` until it expires."""
    return exports.status_of(db.session(), current_actor(), code, now=now())


@blueprint.route("/reports/files/<string:code>/content", methods=["GET"])
@allow(*AGREEMENT_READERS)
@blueprint.doc(**also_as(XLSX_TYPE, "text/csv", PDF_TYPE))
@documented(errors=[NotFoundError, errors.FileNotReady])
def fetch_file(code: str) -> Response:
    """取报表文件 · The file, for who asked for it, while he may still see all that is in it."""
    return made_file(code)


def made_file(code: str) -> Response:
    """The file of an export. Raises NotFoundError, FileNotReady."""
    one, body = exports.fetched(db.session(), current_actor(), code, now=now())
    kind, title = exports.TYPES[one.file], one.title
    release()
    return file_response(body, kind, title)


@blueprint.route("/reports/jobs", methods=["GET"])
@allow(Role.OPERATOR)
@blueprint.response(200, schemas.JobsAtWork)
@documented(
    answer={
        "items": [{
            "job": "reports.refresh_sales", "state": "done", "period": "latest",
            "started_at": "2025-07-15T02:00:04+00:00",
            "finished_at": "2025-07-15T02:00:05+00:00", "took_ms": 12, "rows": 3, "outcome": None,
            "last_success_at": "2025-07-15T02:00:05+00:00", "due_by": "2025-07-15T02:05:05+00:00", "overdue_ms": 0,
            "failed_at": None, "error": None, "failures": 0, "waiting": 0, "oldest_waiting_at": None, "given_up": 0,
        }],
        "dirty": [{"rollup": "sales", "keys": 2}],
        "parts": [{
            "rollup": "sales", "work": "prove", "parts": 216, "done": 216, "rows": 0, "took_ms": 900,
            "last_done_at": "2025-07-15T18:30:09+00:00", "differences": 0, "found": None,
            "failed": 0, "error": None, "next_try_at": None,
        }],
        "rollups_differ": False,
    }
)  # fmt: skip
def jobs() -> dict[str, Any]:
    """任务情况 · The jobs: last run, success and failure, what is late, waits or was given up, and the nightly proof.

    Rollups that are made from zero or proved are shown part by part.
    """
    return jobs_at_work(db.session(), now=now())


_GIVEN_UP = {
    "id": 7, "job": "payments.notify", "ids": [41], "attempts": 6, "error": "URLError",
    "asked_at": "2025-07-15T00:10:00+00:00", "given_up_at": "2025-07-15T01:21:11+00:00",
}  # fmt: skip


@blueprint.route("/reports/jobs/given-up", methods=["GET"])
@allow(Role.OPERATOR)
@blueprint.arguments(PageQuery, location="query")
@blueprint.response(200, schemas.JobsGivenUp)
@documented(answer={"items": [_GIVEN_UP], "next": None})
def jobs_given_up(query: dict[str, Any]) -> dict[str, Any]:
    """已放弃的任务 · Jobs that failed at their last try and wait for a person."""
    rows = outbox.given_up(db.session(), limit=query["limit"], before_id=cursor_key(query["cursor"]))
    return page(rows, query["limit"], lambda row: int(row.id))


@blueprint.route("/reports/jobs/given-up/<int:outbox_id>/retry", methods=["POST"])
@allow(Role.OPERATOR)
@blueprint.response(202, schemas.JobGivenUp)
@documented(errors=[NotFoundError], answer=_GIVEN_UP | {"attempts": 0, "error": None, "given_up_at": None})
def retry_job(outbox_id: int) -> Any:
    """重新办理 · Take up a job that was given up: it leaves at once, with all its tries. Who did is recorded."""
    with transaction() as session:
        return outbox.take_up(session, outbox_id, person_id=current_actor().person_id, now=now())


@blueprint.route("/reports/rebuilds", methods=["POST"])
@allow(Role.OPERATOR)
@blueprint.arguments(schemas.RebuildAsked)
@blueprint.response(202, schemas.RebuildBegun)
@documented(example={"rollup": "sales"}, answer={"rollup": "sales", "parts": 216})
def rebuild(body: dict[str, Any]) -> dict[str, Any]:
    """重建汇总 · Make a rollup from zero, in parts that all workers share; twice is once until it is done."""
    with transaction() as session:
        wanted = parts.parts_of(session, body["rollup"])
        return {
            "rollup": body["rollup"],
            "parts": parts.ask(session, body["rollup"], PartWork.REBUILD, wanted, now=now()),
        }
