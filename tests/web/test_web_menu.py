"""The one menu: each reader finds what he may open and nothing else, on every page, with his place marked."""

import html
import re

import pytest
from flask import Flask
from flask.testing import FlaskClient

from shop.web.menu import PLACES
from tests.factories.world import ACTORS, World, build


@pytest.fixture
def world(committed: Flask) -> World:
    return build(committed)


def menu_of(page: str) -> list[tuple[str, str, str]]:
    """(name, address, how it is marked) of each line of the menu."""
    found = re.search(r'<nav aria-label="主菜单">(.*?)</nav>', page, re.DOTALL)
    lines = re.findall(r'<a href="([^"]+)"(?: aria-current="(\w+)")?>([^<]+)</a>', found[1] if found else "")
    return [(name, html.unescape(href), current) for href, current, name in lines]


def opens(client: FlaskClient, address: str) -> bool:
    return client.get(address, follow_redirects=True).status_code != 403


@pytest.mark.parametrize("who", ACTORS)
def test_the_menu_holds_what_the_reader_may_open_and_nothing_else(world: World, who: str) -> None:
    client = world.browser(who)
    with world.app.test_request_context():
        everything = {place.name: world.app.url_for(place.endpoint) for place in PLACES}
    mine = {name: href for name, href, _ in menu_of(client.get("/reports/income").text)}
    assert mine == {name: href for name, href in everything.items() if opens(client, href)}


PAGES = {
    "operator": ["/reports/income", "/reports/agreements", "/reports/periodic", "/reports/campaigns",
                 "/reports/collectives?year=2025", "/desk/agreements", "/desk/agreements/A01", "/desk/quotes",
                 "/reports/jobs", "/reports/income/why?year=2025", "/desk/agreements/none"],
    "buyer": ["/desk/rounds", "/desk/rounds/T01/distribution", "/desk/orders/UNIT1/acceptance-sheet",
              "/desk/agreements", "/reports/income"],
}  # fmt: skip


@pytest.mark.parametrize("who", PAGES)
def test_every_page_has_the_same_menu(world: World, who: str) -> None:
    client = world.browser(who)
    menus = {address: [line[:2] for line in menu_of(client.get(address).text)] for address in PAGES[who]}
    assert len({tuple(menu) for menu in menus.values()}) == 1, menus
    assert len(next(iter(menus.values()))) > 1


@pytest.mark.parametrize(
    ("who", "address", "marked"),
    [
        ("operator", "/reports", [("农户增收", "page")]),
        ("operator", "/reports/income/why?year=2025", [("农户增收", "true")]),
        ("operator", "/desk/agreements", [("协议文件", "page")]),
        ("operator", "/desk/agreements/A01", [("协议文件", "true")]),
        ("operator", "/reports/jobs", [("任务", "page")]),
        ("buyer", "/desk/rounds/T01/distribution", [("我的团购", "true")]),
        ("buyer", "/desk/orders/UNIT1/acceptance-sheet", []),
        ("host", "/desk/rounds", []),
    ],
)
def test_the_place_of_the_page_is_marked(world: World, who: str, address: str, marked: list[tuple[str, str]]) -> None:
    lines = menu_of(world.browser(who).get(address).text)
    assert [(name, current) for name, _, current in lines if current] == marked


def test_who_has_not_signed_in_has_no_menu(world: World) -> None:
    page = world.app.test_client().get("/sign-in").text
    assert menu_of(page) == []
    assert 'action="/sign-out"' not in page


def test_every_page_says_who_reads_it_and_lets_him_sign_out(world: World) -> None:
    client = world.browser("buyer")
    for address in PAGES["buyer"]:
        assert 'action="/sign-out"' in client.get(address).text, address
