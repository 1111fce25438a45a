"""The one menu of the pages for staff: what the reader may open, by the guards of the pages, and where he is."""

from dataclasses import dataclass
from typing import Any

from flask import Blueprint, current_app, g, request, url_for

from shop.access.queries import me
from shop.kit.db import db

blueprint = Blueprint("menu", __name__, template_folder="templates")


@dataclass(frozen=True)
class Place:
    """A page that the menu names, and the pages that lie below it."""

    name: str
    endpoint: str
    below: tuple[str, ...] = ()


PLACES = (
    Place("农户增收", "dashboard.income", ("why.income",)),
    Place("采购协议", "dashboard.agreements", ("why.agreements",)),
    Place("日报 · 旬报 · 周报 · 月报", "periodic_page.show", ("why.periodic", "periodic_page.sent_report")),
    Place("活动进度", "campaign_page.show"),
    Place("村集体", "collectives_page.show", ("collectives_page.why",)),
    Place("协议文件", "desk.list_agreements", ("desk.show_agreement",)),
    Place("我的团购", "desk.list_rounds", ("desk.distribution",)),
    Place("市场行情", "desk.market_quotes"),
    Place("任务", "jobs_page.show"),
    Place("我的收入单", "my.show"),
)


@dataclass(frozen=True)
class Item:
    """A line of the menu; `current`: page, true (a page below it), or nothing."""

    name: str
    href: str
    current: str


@blueprint.app_context_processor
def for_templates() -> dict[str, Any]:
    """What frames ask for: the menu and its reader."""
    return {"menu_of_reader": menu_of_reader, "reader": reader}


def menu_of_reader() -> list[Item]:
    """The places that the visitor may open; none for who has not signed in."""
    visitor = g.get("visitor")
    if visitor is None:
        return []
    views: dict[str, Any] = current_app.view_functions
    return [
        Item(place.name, url_for(place.endpoint), _current(place))
        for place in PLACES if visitor.has(*views[place.endpoint].for_roles)
    ]  # fmt: skip


def _current(place: Place) -> str:
    if request.endpoint == place.endpoint:
        return "page"
    return "true" if request.endpoint in place.below else ""


def reader() -> dict[str, Any] | None:
    """Who has signed in, by name; one statement."""
    visitor = g.get("visitor")
    return None if visitor is None else me(db.session(), visitor)
