"""Shared fixtures: a throw-away PostgreSQL built by the migrations, the app, a clock, a client, a small world.

`session` is for tests of actions: everything is rolled back. `committed` is for real commits, threads and HTTP: its
database is a fresh copy of the migrated template (0.05 s), dropped afterwards.
"""

import gc
import os
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import Context
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session
from werkzeug.routing import Rule

from shop.app import create_app, with_migrations
from shop.config import Settings
from shop.kit.clock import WalkingClock
from shop.kit.db import db, transaction
from shop.local import servers
from tests.factories.sales import NECTARINE, Season, ready, undone
from tests.factories.world import World, build

#: Tests happen in a peach season, in the middle of a Beijing working day.
A_DAY_IN_JULY = datetime(2025, 7, 15, 2, 0, tzinfo=UTC)
ROOT = Path(__file__).resolve().parent.parent
#: What a run leaves free of the memory that it may use as a disk; it needs some hundred megabytes.
ROOM_BYTES = 4 * 2**30


@pytest.fixture(scope="session")
def urls() -> Iterator[tuple[str, str]]:
    """Database and broker for the whole run of this process; in memory, where copying is five times faster."""
    memory = Path("/dev/shm")  # noqa: S108  a folder of its own is made in it
    roomy = memory.is_dir() and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > ROOM_BYTES
    with (
        tempfile.TemporaryDirectory(prefix="shop-tests-", dir=memory if roomy else None) as folder,
        servers(Path(folder), durable=False) as running,
    ):
        yield running.database_url, running.redis_url
        _administration(running.database_url).dispose()


def settings_for(database_url: str, redis_url: str, data_dir: Path) -> Settings:
    """Settings as `make run` would have them, for a given database."""
    return Settings.from_env(
        {
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
            "DATA_DIR": str(data_dir),
            "SECRET_KEY": "a test key that is long enough to be accepted",
            "PAYMENT_SECRET": "another test key that is long enough to pass",
        }
    )


class _OnceCompiled(Rule):
    """A rule whose URL builders are compiled once for all apps of a run: three quarters of what making an app takes."""

    _compiled: ClassVar[dict[tuple[object, ...], Any]] = {}

    def _compile_builder(self, append_unknown: bool = True) -> Any:
        key = (self.rule, tuple(self._trace), repr(self.defaults), append_unknown)
        if key not in self._compiled:
            self._compiled[key] = super()._compile_builder(append_unknown)
        return self._compiled[key]


Flask.url_rule_class = _OnceCompiled


@cache
def _administration(database_url: str) -> Engine:
    return create_engine(database_url, isolation_level="AUTOCOMMIT")


@contextmanager
def _autocommit(database_url: str) -> Iterator[Connection]:
    with _administration(database_url).connect() as connection:
        yield connection


def _other_database(database_url: str, name: str) -> str:
    return make_url(database_url).set(database=name).render_as_string(hide_password=False)


@pytest.fixture(scope="session")
def template(urls: tuple[str, str], tmp_path_factory: pytest.TempPathFactory) -> str:
    """A database brought up by the migrations, to be copied."""
    from flask_migrate import upgrade

    database_url, redis_url = urls
    with _autocommit(database_url) as connection:
        connection.execute(text("CREATE DATABASE template_shop"))
    migrated = _other_database(database_url, "template_shop")
    app = with_migrations(create_app(settings_for(migrated, redis_url, tmp_path_factory.mktemp("data"))))
    with app.app_context():
        upgrade(directory=str(ROOT / "migrations"))
        db.engine.dispose()
    return "template_shop"


def _alone(wsgi_app: Callable[..., Iterable[bytes]]) -> Callable[..., Iterable[bytes]]:
    """Run each request with no context of the caller."""
    return lambda environ, start_response: Context().run(wsgi_app, environ, start_response)


@contextmanager
def fresh_app(urls: tuple[str, str], template: str, data_dir: Path, clock: WalkingClock) -> Iterator[Flask]:
    """An app on its own copy of `template`, inside its context; the copy is dropped at the end.

    Requests still get a context of their own, as on a server: Flask would lend them the one pushed here, and with it
    one session and one `g` for all requests of a test.
    """
    database_url, redis_url = urls
    name = f"shop_{uuid.uuid4().hex[:12]}"
    with _autocommit(database_url) as connection:
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY"))
    app = create_app(settings_for(_other_database(database_url, name), redis_url, data_dir), clock=clock)
    app.testing = True
    app.wsgi_app = _alone(app.wsgi_app)  # type: ignore[method-assign]
    try:
        with app.app_context():
            yield app
            db.session.remove()
            db.engine.dispose()
    finally:
        with _autocommit(database_url) as connection:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture
def clock() -> WalkingClock:
    """A clock that stands on a day in July 2025 until a test moves it."""
    return WalkingClock(A_DAY_IN_JULY)


@pytest.fixture(scope="session")
def shared_app(urls: tuple[str, str], template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """One app for all tests that roll back."""
    with fresh_app(urls, template, tmp_path_factory.mktemp("shared"), WalkingClock(A_DAY_IN_JULY)) as app:
        yield app


@pytest.fixture
def session(shared_app: Flask) -> Iterator[Session]:
    """A session whose work is undone at the end: for tests of actions and queries."""
    with shared_app.app_context():
        connection = db.engine.connect()
        outer = connection.begin()
        inner = Session(bind=connection, join_transaction_mode="create_savepoint", expire_on_commit=False)
        try:
            yield inner
        finally:
            inner.close()
            outer.rollback()
            connection.close()


@pytest.fixture(scope="session")
def world_template(urls: tuple[str, str], template: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, World]:
    """The template with a small world in it: writing that takes longer than everything else of a short test."""
    database_url, redis_url = urls
    name = "template_world"
    with _autocommit(database_url) as connection:
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {template}"))
    settings = settings_for(_other_database(database_url, name), redis_url, tmp_path_factory.mktemp("world"))
    app = create_app(settings, clock=WalkingClock(A_DAY_IN_JULY))
    app.wsgi_app = _alone(app.wsgi_app)  # type: ignore[method-assign]
    world = build(app)
    with app.app_context():
        db.session.remove()
        db.engine.dispose()
    return name, world


@pytest.fixture
def committed(
    request: pytest.FixtureRequest, urls: tuple[str, str], template: str, tmp_path: Path, clock: WalkingClock
) -> Iterator[Flask]:
    """An app on a database of its own with real commits. Where a `world` is built in it, it is there already."""
    world = None
    if "world" in request.fixturenames and clock.now() == A_DAY_IN_JULY:
        template, world = request.getfixturevalue("world_template")
    with fresh_app(urls, template, tmp_path, clock) as app:
        app.extensions["world"] = world
        yield app


@pytest.fixture
def client(committed: Flask) -> FlaskClient:
    """An HTTP client of `committed`."""
    return committed.test_client()


@pytest.fixture(scope="session")
def county_template(urls: tuple[str, str], template: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The template with the county's own files imported: what journeys start from."""
    from shop.imports.files import import_directory

    database_url, redis_url = urls
    with _autocommit(database_url) as connection:
        connection.execute(text("CREATE DATABASE template_county TEMPLATE template_shop"))
    county = _other_database(database_url, "template_county")
    clock = WalkingClock(datetime(2025, 1, 1, tzinfo=UTC))
    app = create_app(settings_for(county, redis_url, tmp_path_factory.mktemp("county")), clock=clock)
    with app.app_context():
        with transaction() as session:
            result = import_directory(ROOT / "data" / "pinglu", session=session, now=clock.now())
            assert result.errors == []
        db.session.remove()
        db.engine.dispose()
    return "template_county"


@pytest.fixture
def county(urls: tuple[str, str], county_template: str, tmp_path: Path, clock: WalkingClock) -> Iterator[Flask]:
    """An app on a copy of the imported county, with real commits."""
    with fresh_app(urls, county_template, tmp_path, clock) as app:
        yield app


@pytest.fixture(scope="session")
def market(urls: tuple[str, str], county_template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """A county that is ready to sell, shared by all tests that undo what they sell: see `season`."""
    with fresh_app(urls, county_template, tmp_path_factory.mktemp("market"), WalkingClock(A_DAY_IN_JULY)) as app:
        with transaction() as session:
            made = ready(session, A_DAY_IN_JULY)
            made.made(NECTARINE, 500_000)
            app.extensions["sku"] = made.sku
        yield app


@pytest.fixture
def season(market: Flask) -> Iterator[Season]:
    """Sales on the county's own data, undone at the end."""
    with market.app_context(), undone(market.extensions["sku"], A_DAY_IN_JULY) as season:
        yield season


def pytest_collection_finish() -> None:
    """What was loaded stays, and is looked at no more: looking took a seventh of a run."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


os.environ.pop("DATABASE_URL", None)
os.environ.pop("REDIS_URL", None)
