"""Papers to be read, printed or kept: a unit's rounds, distribution list, acceptance sheet; agreements; quotes.

Signed in by cookie; the same queries as the API decide what one sees. No script: the browser prints.
"""

from typing import Any

from flask import Blueprint, current_app, redirect, render_template, request, url_for
from marshmallow import ValidationError
from werkzeug.wrappers import Response

from shop.access.guard import Role, current_actor, reference_version
from shop.agreements import papers
from shop.agreements import queries as agreements
from shop.agreements.api import contract_response, paper_response
from shop.agreements.contract import price_zh, schedule_zh
from shop.agreements.models import MAX_PAPER, RUNNING, Agreement, PriceRule, Side
from shop.agreements.owners import locked_agreement
from shop.agreements.schemas import PaperQuery
from shop.agreements.states import CALL_OFF_ZH, DECIDED_ZH, PAPER_ZH, STATE_ZH
from shop.catalog.reference import Catalog, catalog
from shop.kit.clock import beijing_day, beijing_minute
from shop.kit.db import db, transaction
from shop.kit.errors import DomainError, NotFoundError
from shop.kit.http import accepts_upload, file_response, now, sent_file
from shop.kit.money import kilograms, percent, yuan
from shop.kit.schemas import cursor_key, page
from shop.kit.tables import XLSX_TYPE
from shop.orders.queries import call_offs_ordered
from shop.orders.reopening import reopenings
from shop.orders.reversals import reversals_under
from shop.orders.states import PENALTY_ZH
from shop.orders.states import STATE_ZH as ORDER_ZH
from shop.payments import penalties
from shop.payments.deposits import MOVES_ZH, moves, standing
from shop.rounds import queries as rounds
from shop.rounds.papers import workbook
from shop.units import queries as units
from shop.web.signin import from_our_page, page_for

blueprint = Blueprint("desk", __name__, template_folder="templates")

#: Rounds on the page, the newest first.
ROUNDS = 50
#: Files of quotes, rows shown of those that a file lost, and quotes on the page, the last first.
FILES, BAD_ROWS, QUOTES = 30, 20, 50
#: Agreements on a page, the newest first.
AGREEMENTS = 100
#: Call-offs on the page of an agreement, the last ones by their day.
CALLS = 200


blueprint.add_app_template_filter(kilograms)
blueprint.add_app_template_filter(schedule_zh)
blueprint.add_app_template_filter(percent, "percent_of_bp")


@blueprint.app_template_filter("moment")
def moment(value: Any) -> str:
    """An instant as a wall clock in Beijing shows it."""
    return beijing_minute(value) if value else ""


@blueprint.app_template_filter("price_zh")
def priced(line: dict[str, Any]) -> str:
    """The price rule of a line of an agreement, in words."""
    return price_zh(PriceRule(line["price_rule"]), line["floor_fen_per_kg"], line["margin_bp"])


@blueprint.errorhandler(NotFoundError)
def missing(_: NotFoundError) -> tuple[str, int]:
    """没有找到 · Nothing there, or nothing of his."""
    return render_template("desk/missing.html"), NotFoundError.status


def _goods() -> Catalog:
    return catalog(db.session(), reference_version())


@blueprint.route("/desk/rounds", methods=["GET"])
@page_for(Role.BUYER)
def list_rounds() -> str:
    """我的团购 · Rounds of the unit: how far each is, its link to pass on, its list."""
    found = rounds.rounds(db.session(), current_actor(), goods=_goods(), day=beijing_day(now()), limit=ROUNDS)
    links = {row["code"]: url_for("round_pages.join_page", link=row["join_code"], _external=True) for row in found}
    return render_template("desk/rounds.html", rounds=found, links=links, yuan=yuan)


def _distribution(code: str) -> tuple[dict[str, Any], rounds.Distribution]:
    session, goods, day = db.session(), _goods(), beijing_day(now())
    shown = rounds.own_round(session, current_actor(), code, goods=goods, day=day)
    return shown, rounds.distribution(session, shown["id"], goods=goods, day=day)


@blueprint.route("/desk/rounds/<string:code>/distribution", methods=["GET"])
@page_for(Role.BUYER)
def distribution(code: str) -> str:
    """分发清单 · The distribution list for the printer: by person with a column to sign, then by box."""
    shown, found = _distribution(code)
    return render_template(
        "desk/distribution.html", round=shown, found=found, boxes=rounds.boxes(found.people), yuan=yuan,
        total_fen=sum(person.amount_fen for person in found.people), printed_at=now(),
    )  # fmt: skip


@blueprint.route("/desk/rounds/<string:code>/distribution.xlsx", methods=["GET"])
@page_for(Role.BUYER)
def distribution_file(code: str) -> Response:
    """分发清单下载 · The same as a workbook."""
    shown, found = _distribution(code)
    return file_response(workbook(found), XLSX_TYPE, f"{shown['title_zh']}-分发清单")


@blueprint.route("/desk/quotes", methods=["GET"])
@page_for(Role.OPERATOR)
def market_quotes() -> str:
    """市场行情 · What markets quoted last, the files that the job took in, and the rows that it left out."""
    session, settings = db.session(), current_app.extensions["settings"]
    return render_template(
        "desk/quotes.html", files=agreements.quote_files(session, limit=FILES), shown=BAD_ROWS,
        quotes=agreements.quotes(session, limit=QUOTES), inbox=settings.quotes_inbox, sources=settings.quotes_sources,
        yuan=yuan,
    )  # fmt: skip


#: Sides and what they are called on pages.
SIDES_ZH = {Side.BUYER: "采购方", Side.FIRM: "供方", Side.COUNTY: "县里"}


@blueprint.route("/desk/agreements", methods=["GET"])
@page_for(*papers.READERS)
def list_agreements() -> str:
    """采购协议 · Agreements that concern the reader, newest first."""
    session, actor, before = db.session(), current_actor(), cursor_key(request.args.get("cursor"))
    wanted = [agreements.of_a_party(actor), *([] if before is None else [Agreement.id < before])]
    found = agreements.agreements(session, actor, *wanted, limit=AGREEMENTS + 1, day=beijing_day(now()))
    shown = page(found, AGREEMENTS, key=lambda row: int(row["id"]))
    return render_template(
        "desk/agreements.html", agreements=shown["items"], older=shown["next"], newer=before is not None,
        reminded=_reminded(), states=STATE_ZH, yuan=yuan,
    )  # fmt: skip


def _reminded() -> dict[str, dict[str, Any]]:
    """The youngest reminder of each running agreement whose end is near, by its code."""
    told = agreements.reminders(db.session(), current_actor())
    return {one["agreement"]: one for one in sorted(told, key=lambda one: one["days_before"], reverse=True)}


@blueprint.route("/desk/agreements/<string:code>", methods=["GET"])
@page_for(*papers.READERS)
def show_agreement(code: str) -> str:
    """一份协议 · Where the promises stand, its papers, and what became of it: notices, penalties, corrections."""
    return _agreement(code)


def _agreement(code: str, told: str | None = None) -> str:
    session, actor = db.session(), current_actor()
    sent = papers.papers_of(session, actor, code)
    found = agreements.agreement(session, actor, code, beijing_day(now()))
    return render_template(
        "desk/agreement.html", a=found, papers=sent, kinds=PAPER_ZH, told=told,
        deposit=standing(session, session.get_one(Agreement, found["id"])), deposit_moves=moves(session, found["id"]),
        moved=MOVES_ZH,
        calls=call_offs_ordered(session, found["call_offs"][-CALLS:]), call_states=CALL_OFF_ZH, order_states=ORDER_ZH,
        running=RUNNING,
        versions=agreements.versions(session, actor, code),
        majeures=agreements.majeures(session, found["id"]), decided=DECIDED_ZH, states=STATE_ZH, sides=SIDES_ZH,
        reversals=reversals_under(session, found["id"]), reopenings=reopenings(session, found["id"]),
        penalties=penalties.told(session, found["id"]), penalty_states=PENALTY_ZH, reminder=_reminded().get(code),
        yuan=yuan,
    )  # fmt: skip


@blueprint.route("/desk/agreements/<string:code>/versions/<int:number>.pdf", methods=["GET"])
@page_for(*papers.READERS)
def contract(code: str, number: int) -> Response:
    """合同文本 · The contract of a version, to read and print."""
    return contract_response(code, number)


@blueprint.route("/desk/agreements/<string:code>/papers", methods=["POST"])
@page_for(*papers.READERS)
@accepts_upload(MAX_PAPER + 64 * 1024)
def send_paper(code: str) -> Response | tuple[str, int]:
    """上传协议文件 · Add a paper by the form of the page."""
    from_our_page()
    try:
        asked = PaperQuery().load({name: request.form.get(name, "") for name in ("kind", "title")})
        with transaction() as session:
            agreement, hand = locked_agreement(code, *papers.READERS)
            papers.add_paper(session, agreement, papers.Sent(**asked, data=sent_file("file")), by=hand)
    except ValidationError:
        return _agreement(code, "请选择类别，并填写不超过 120 字的名称。"), 422
    except DomainError as refusal:
        return _agreement(code, refusal.sentence("zh")), refusal.status
    return redirect(url_for("desk.show_agreement", code=code), 303)


@blueprint.route("/desk/agreement-papers/<string:code>", methods=["GET"])
@page_for(*papers.READERS)
def agreement_paper(code: str) -> Response:
    """下载协议文件 · One paper."""
    return paper_response(papers.content_of(db.session(), current_actor(), code))


@blueprint.route("/desk/orders/<string:number>/acceptance-sheet", methods=["GET"])
@page_for(Role.BUYER, Role.FIRM_STAFF, Role.OPERATOR)
def acceptance_sheet(number: str) -> str:
    """验收单 · What came, by lot with its certificate, for the printer and two signatures."""
    sheet = units.acceptance_sheet(db.session(), current_actor(), number, goods=_goods())
    return render_template("desk/sheet.html", sheet=sheet, yuan=yuan, percent=percent, printed_at=now())
