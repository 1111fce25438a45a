"""A storefront in the peach season, as a browser meets it."""

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html.parser import HTMLParser
from threading import Thread

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text
from werkzeug.serving import make_server
from werkzeug.test import TestResponse

from shop.access.actions import issue_token
from shop.access.models import Role
from shop.kit.clock import WalkingClock
from shop.kit.db import db, transaction
from shop.kit.tables import read_sheets, read_table
from shop.orders.actions import dispatch
from shop.orders.locks import locked_order
from shop.reports import rollups, runs
from shop.reports.models import Rollup
from tests.conftest import A_DAY_IN_JULY, fresh_app
from tests.factories.access import person
from tests.factories.sales import NECTARINE, agreement_of, ready
from tests.journeys.conftest import Stage
from tests.web.browser import installed

AFTER_THE_YEAR = datetime(2026, 3, 1, tzinfo=UTC)
#: 常乐镇.
CHANGLE = "140829101"
#: The browser of this machine, if it has one.
CHROMIUM = [found for found in [installed()] if found]


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


def staff(app: Flask) -> dict[tuple[str, str], int]:
    """The county office, a township and a firm that read pages; ids of all parties by kind and code."""
    with db.engine.connect() as connection:
        found = connection.execute(text("SELECT kind, code, id FROM parties"))
        parties = {(kind, code): party_id for kind, code, party_id in found}
    person(app, (Role.OPERATOR, parties["county", "140829"]), login="office")
    person(app, (Role.MANAGER, parties["township", CHANGLE]), login="changle")
    person(app, (Role.FIRM_STAFF, parties["firm", "F01"]), login="f01")
    return parties


def rollups_made(clock: WalkingClock) -> None:
    """What the jobs do."""
    for rollup in Rollup:
        with transaction() as session:
            rollups.refresh(session, rollup)
            runs.touch(session, f"reports.refresh_{rollup.value}", rows=0, now=clock.now())


@dataclass
class Pages:
    """The app, and logins of those who come."""

    app: Flask

    def browser(self, login: str | None = None) -> FlaskClient:
        """A browser, with the cookie of a sign-in: tries at the form are counted."""
        browser = self.app.test_client()
        if login:
            browser.set_cookie("signed_in", self.token(login))
        return browser

    def token(self, login: str) -> str:
        with self.app.app_context(), transaction() as session:
            found = session.execute(text("SELECT id FROM people WHERE login = :login"), {"login": login}).scalar_one()
            return issue_token(session, found, now=self.app.extensions["clock"].now())

    def page(self, login: str, address: str, status: int = 200) -> str:
        answer = self.browser(login).get(address)
        assert answer.status_code == status, answer.text
        return answer.text


@pytest.fixture(scope="module")
def pages(urls: tuple[str, str], county_template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    """The county after a year in which peaches were sold, one of them called off under an agreement."""
    clock = WalkingClock(A_DAY_IN_JULY)
    with fresh_app(urls, county_template, tmp_path_factory.mktemp("pages"), clock) as app:
        with transaction() as session:
            season = ready(session, clock.now())
            season.settled(season.paid())
            season.settled(season.called(agreement_of(season), 20_000), refused_g=1_000)
        rollups_made(clock)
        clock.put(AFTER_THE_YEAR)
        parties = staff(app)
        person(app, (Role.HOUSEHOLD, next(v for k, v in parties.items() if k[0] == "household")), login="family")
        yield Pages(app)


@contextmanager
def served(app: Flask, cookie: str) -> Iterator[str]:
    """The app on a port of this machine, for a browser that is signed in."""

    def signed_in(environ: dict[str, object], start: Callable[..., object]) -> Iterable[bytes]:
        environ["HTTP_COOKIE"] = f"signed_in={cookie}"
        return app.wsgi_app(environ, start)  # type: ignore[arg-type]

    server = make_server("127.0.0.1", 0, signed_in, threaded=True)  # type: ignore[arg-type]
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def sheet_of(data: bytes, title: str) -> list[list[str]]:
    """The rows of a sheet of a workbook; of a CSV those that stand below its title."""
    if data.startswith(b"PK"):
        return [row for _, row in read_sheets(data, [title])[title]]
    rows = [row for _, row in read_table(data)]
    return rows[next(place for place, row in enumerate(rows) if row == [title]) + 1 :]
