"""A storefront in the peach season, as a browser meets it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from threading import Thread

import pytest
from flask import Flask
from werkzeug.serving import make_server
from werkzeug.test import TestResponse

from shop.kit.clock import WalkingClock
from shop.kit.db import transaction
from shop.orders.actions import dispatch
from shop.orders.locks import locked_order
from tests.factories.sales import NECTARINE, ready
from tests.journeys.conftest import Stage
from tests.web.browser import installed


@dataclass
class Form:
    """A form of a page: where it goes, and what a browser would send for its fields."""

    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)


class Reader(HTMLParser):
    """What a page says: words in reading order, links, forms, and addresses that a browser loads for it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.links: list[str] = []
        self.forms: list[Form] = []
        self.loads: list[str] = []
        self._hidden = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        of = {name: value or "" for name, value in attrs}
        self._hidden = tag in ("style", "script", "title")
        if tag == "a":
            self.links.append(of["href"])
        elif tag == "form":
            self.forms.append(Form(of.get("action", ""), of.get("method", "get")))
        elif tag in ("input", "textarea", "button") and of.get("name"):
            self.forms[-1].fields[of["name"]] = of.get("value", "")
        elif tag == "link" or "src" in of:
            self.loads.append(of.get("href") or of["src"])

    def handle_data(self, data: str) -> None:
        if data.strip() and not self._hidden:
            self.words.append(re.sub(r"\s+", " ", data.strip()))

    @property
    def text(self) -> str:
        """All words in one line."""
        return " ".join(self.words)


def read(answer: TestResponse, status: int = 200) -> Reader:
    """The page of an answer that must have `status`."""
    html = answer.get_data(as_text=True)
    assert answer.status_code == status, html
    return Reader(html)


@dataclass
class Store:
    """The county's app with a lot of peaches and one of nectarines, its shop open."""

    app: Flask
    clock: WalkingClock

    def work(self) -> None:
        """Do what the outbox asks for."""
        Stage(self.app, self.clock).work()

    def dispatch(self, number: str) -> None:
        """The firm sends the whole order."""
        with transaction() as session:
            order = locked_order(session, number)
            dispatch(
                session, order, None, carrier_zh="顺丰冷链", tracking_number="SF1", actor_id=None, now=self.clock.now()
            )


@pytest.fixture
def store(county: Flask, clock: WalkingClock) -> Store:
    """A shop that is open, with lots of peaches and nectarines."""
    with transaction() as session:
        ready(session, clock.now()).made(NECTARINE, 500_000)
    return Store(county, clock)


@pytest.fixture
def site(store: Store) -> Iterator[str]:
    """The same behind a real port: its address."""
    server = make_server("127.0.0.1", 0, store.app, threaded=True)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def pytest_report_header() -> str | None:
    """Say in one line what cannot be tried here."""
    return None if installed() else "no Chromium on this machine: tests/web/test_web_phone.py is left out"


collect_ignore = [] if installed() else ["test_web_phone.py"]
