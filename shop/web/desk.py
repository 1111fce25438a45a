"""Papers to be read, printed or kept: a unit's rounds, distribution list, acceptance sheet; the county's quotes.

Signed in by cookie; the same queries as the API decide what one sees. No script: the browser prints.
"""

from typing import Any

from flask import Blueprint, current_app, render_template, url_for
from werkzeug.wrappers import Response

from shop.access.guard import Role, current_actor, reference_version
from shop.agreements import queries as agreements
from shop.catalog.reference import Catalog, catalog
from shop.kit.clock import beijing_day, beijing_minute
from shop.kit.db import db
from shop.kit.errors import NotFoundError
from shop.kit.http import file_response, now
from shop.kit.money import kilograms, yuan
from shop.kit.tables import XLSX_TYPE
from shop.rounds import queries as rounds
from shop.rounds.papers import workbook
from shop.units import queries as units
from shop.web.signin import page_for

blueprint = Blueprint("desk", __name__, template_folder="templates")

#: Rounds on the page, the newest first.
ROUNDS = 50
#: Files of quotes, rows shown of those that a file lost, and quotes on the page, the last first.
FILES, BAD_ROWS, QUOTES = 30, 20, 50


blueprint.add_app_template_filter(kilograms)


@blueprint.app_template_filter("moment")
def moment(value: Any) -> str:
    """An instant as a wall clock in Beijing shows it."""
    return beijing_minute(value) if value else ""


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


@blueprint.route("/desk/orders/<string:number>/acceptance-sheet", methods=["GET"])
@page_for(Role.BUYER, Role.FIRM_STAFF, Role.OPERATOR)
def acceptance_sheet(number: str) -> str:
    """验收单 · What came, by lot with its certificate, for the printer and two signatures."""
    sheet = units.acceptance_sheet(db.session(), current_actor(), number, goods=_goods())
    return render_template("desk/sheet.html", sheet=sheet, yuan=yuan, printed_at=now())
