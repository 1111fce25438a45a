"""The managers' pages of periodic reports: as they are now, as they were sent, and what became otherwise since."""

import json
from datetime import date
from typing import Any

from flask import Blueprint, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from shop.access.guard import Actor, current_actor
from shop.kit.clock import beijing_day
from shop.kit.db import db, one_moment, release, transaction
from shop.kit.errors import DomainError
from shop.kit.http import file_response, now
from shop.kit.tables import PDF_TYPE
from shop.reports import schemas
from shop.reports.agreement_report import AgreementsBy
from shop.reports.area import READERS
from shop.reports.columns import BY_ROW, Column
from shop.reports.explain_periodic import figure_at
from shop.reports.files import columns_of, cover_of
from shop.reports.files import periodic_file as as_file
from shop.reports.periods import NAMES_ZH, Every, period_of, reached
from shop.reports.sent import SENDERS, body_of, changes_of, current_report, list_sent, office_of, send_report
from shop.web.dashboard import (
    FILE_KINDS,
    PAPER_NAMES,
    agreement_link,
    asked_of,
    exactly,
    here,
    page_of,
    refused,
)
from shop.web.panels import Link, no_link, table
from shop.web.signin import from_our_page, page_for
from shop.web.steps import periods_beside

blueprint = Blueprint("periodic_page", __name__, template_folder="templates")
blueprint.register_error_handler(DomainError, refused)

#: A periodic report also comes as it is printed.
PERIODIC_KINDS = FILE_KINDS | {"pdf": PDF_TYPE}


@blueprint.route("/reports/periodic")
@page_for(*READERS)
def show() -> str:
    """日报、旬报、周报、月报 · A report on paper: as it is now, to be printed or saved as PDF."""
    actor, moment = current_actor(), now()
    query, wrong = asked_of(schemas.PeriodicFilter(), lambda: {"on": str(beijing_day(moment))})
    on = query["on"] or beijing_day(moment)
    with one_moment() as session:
        report = current_report(session, actor, query["every"], on, now=moment)
    return page_of(
        "periodic", report["title"], wrong=wrong, report=report, every=query["every"], on=on, cover=cover_of(report),
        begun=report["period"]["from"] <= beijing_day(moment),
        kinds=[(kind.value, NAMES_ZH[kind]) for kind in Every],
        steps=periods_beside(query, query["every"], on, beijing_day(moment), here),
        files=[
            (name, url_for("periodic_page.file", every=query["every"].value, on=str(on), kind=kind))
            for kind, name in PAPER_NAMES.items()
        ],
        tables=[
            table(section["title"], columns_of(section), section["rows"], section["total"],
                  _adjusted_link(query["every"], beijing_day(moment)) if section["code"] == "adjustments"
                  else _periodic_link(query["every"], on, section["code"], beijing_day(moment)))
            for section in report["sections"]
        ],
        **_sent(actor),
    )  # fmt: skip


def _adjusted_link(every: Every, today: date) -> Link:
    """What is named of an earlier report leads to that one, and its figure as it is now to the rows that make it."""

    def link(column: Column, row: dict[str, Any] | None) -> str | None:
        if row is None or "on" not in row:
            return None
        if column.path == "title":
            return url_for("periodic_page.sent_report", code=row["report"])
        return _now_link(every, date.fromisoformat(row["on"]), today)(column, row)

    return link


def _now_link(every: Every, on: date, today: date) -> Link:
    """A figure of the period around `on`, as it is now, leads to the rows that make it."""

    def link(column: Column, row: dict[str, Any] | None) -> str | None:
        if row is None or column.path != "now_value":
            return None
        section, key, path = row["figure"].split(":", 2)
        return _periodic_link(every, on, section, today)(Column("", path), {"key": key})

    return link


def _periodic_link(every: Every, on: date, section: str, today: date) -> Link:
    """Each figure leads to the rows that make it; what agreements kept, to their facts up to the day of the report."""
    if section == "agreements":
        return agreement_link({"by": AgreementsBy.AGREEMENT}, reached(period_of(every, on), today))

    def link(column: Column, row: dict[str, Any] | None) -> str | None:
        asked = figure_at(section, column.path, None if row is None else row["key"])
        if asked is None:
            return None
        named = {name: value for name, value in vars(asked).items() if value is not None}
        return url_for("why.periodic", every=every.value, on=str(on), **named)

    return link


@blueprint.route("/reports/periodic.<any(xlsx, csv, pdf):kind>")
@page_for(*READERS)
def file(kind: str) -> AnyResponse:
    """报表文件 · The same report as a file."""
    moment = now()
    query = exactly(schemas.PeriodicFilter(), lambda: {"on": str(beijing_day(moment))})
    on, actor = query["on"] or beijing_day(moment), current_actor()
    with one_moment() as session:
        report = current_report(session, actor, query["every"], on, now=moment)
    return file_response(as_file(PERIODIC_KINDS[kind], report), PERIODIC_KINDS[kind], report["title"])


#: A figure of a sent report that is otherwise now.
_CHANGED = [
    Column("表", "table"), Column("指标", "name"), Column("本报表报送数", "sent_value", BY_ROW),
    Column("最近告知数", "told_value", BY_ROW), Column("现在数", "now_value", BY_ROW),
    Column("与报送数相差", "change_value", BY_ROW),
]  # fmt: skip


@blueprint.route("/reports/sent/<string:code>")
@page_for(*SENDERS)
def sent_report(code: str) -> str:
    """已报送 · A report as it was sent, for printing; and, on the screen alone, what of it is otherwise now."""
    actor = current_actor()
    with one_moment() as session:
        report = json.loads(body_of(session, actor, code))
        changes = changes_of(session, actor, code, now=now())
    today = beijing_day(now())
    return page_of(
        "sent", report["title"], report=report, changes=changes, today=today, cover=cover_of(report),
        resends=changes["latest"] and office_of(actor).party_id == changes["party_id"],
        changed=table(
            "报送后的变动", _CHANGED, changes["items"], None, _now_link(changes["every"], changes["first_on"], today)
        ),
        tables=[
            table(section["title"], columns_of(section), section["rows"], section["total"], no_link)
            for section in report["sections"]
        ],
    )  # fmt: skip


@blueprint.route("/reports/sent/<string:code>.<any(xlsx, csv, pdf):kind>")
@page_for(*SENDERS)
def sent_file(code: str, kind: str) -> AnyResponse:
    """已报送的文件 · A report as it was sent, as a file or on paper; called by its title and version."""
    report = json.loads(body_of(db.session(), current_actor(), code))
    release()
    called_so = f"{report['title']} {report['area']} 第{report['version']}版"
    return file_response(as_file(PERIODIC_KINDS[kind], report), PERIODIC_KINDS[kind], called_so)


@blueprint.route("/reports/sent", methods=["POST"])
@page_for(*SENDERS)
def send() -> AnyResponse:
    """报送 · Confirm and send the report that is shown; a double tap finds it sent already."""
    from_our_page()
    given = schemas.ReportToSend().load({name: value for name, value in request.form.items() if value})
    with transaction() as session:
        made = send_report(session, current_actor(), given["every"], given["on"], given["note"], now=now())
    return redirect(url_for("periodic_page.sent_report", code=made["code"]), 303)


#: Reports that the page lists: the latest, and those that no longer hold.
_LATEST, _CHANGED_ONES = 12, 20


def _sent(actor: Actor) -> dict[str, Any]:
    """For who sends: the latest reports, and those whose figures are otherwise now."""
    if not actor.has(*SENDERS):
        return {"sends": False}
    session, moment = db.session(), now()
    latest = list_sent(session, actor, now=moment, limit=_LATEST, before_id=None)
    changed = list_sent(session, actor, now=moment, limit=_CHANGED_ONES, before_id=None, changed=True)
    return {
        "sends": True, "sent": latest[:_LATEST], "changed": changed[:_CHANGED_ONES],
        "more_changed": len(changed) > _CHANGED_ONES,
    }  # fmt: skip
