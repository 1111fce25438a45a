"""What the bench runs on: servers of its own in a temporary folder, the county, plenty of stock, and a buyer."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from flask import Flask
from sqlalchemy import text

from shop.access import actions as access
from shop.access.models import PartyKind, Role
from shop.app import create_app, with_migrations
from shop.catalog.models import Firm, Product
from shop.catalog.reference import catalog
from shop.channels.actions import register_partner
from shop.channels.models import PartnerKind
from shop.config import Settings
from shop.imports.files import import_directory
from shop.kit.clock import SystemClock, beijing_day
from shop.kit.db import db, release, transaction
from shop.kit.reference import current_version
from shop.kit.revisions import FOLDER as MIGRATIONS
from shop.local.servers import Running, servers
from shop.stock.actions import open_lot

ROOT = Path(__file__).resolve().parents[2]
#: Grams of stock of each product: more than a bench can sell.
PLENTY_G = 10**12


@dataclass
class Stage:
    """A shop that is ready to sell, and how to reach its servers."""

    app: Flask
    running: Running
    folder: Path
    skus: list[str]
    token: str


@contextmanager
def stage(folder: Path) -> Iterator[Stage]:
    """The county's shop with every product sellable today. Durable: a commit waits for the disk, as in earnest."""
    with servers(folder, durable=True) as running:
        app = with_migrations(create_app(Settings.from_env(environ_of(running, folder)), statement_timeout_ms=600_000))
        with app.app_context():
            yield Stage(app, running, folder, *_ready())
            db.session.remove()
            db.engine.dispose()


def environ_of(running: Running, folder: Path) -> dict[str, str]:
    """The environment of a process of this stage."""
    return {"DATABASE_URL": running.database_url, "REDIS_URL": running.redis_url, "DATA_DIR": str(folder)}


def _ready() -> tuple[list[str], str]:
    from flask_migrate import upgrade

    upgrade(directory=str(MIGRATIONS))
    now = SystemClock().now()
    with transaction() as session:
        result = import_directory(ROOT / "data" / "pinglu", session=session, now=now, progress=lambda *_: None)
        assert result.errors == []
    with transaction() as session:
        # Every season is now: the bench asks how fast, not what is ripe.
        session.execute(text("UPDATE products SET harvest_start_month = 1, harvest_end_month = 12"))
    with transaction() as session:
        day = beijing_day(now)
        goods = catalog(session, current_version(session))
        sellable = [p for p in goods.listed() if p.sellable_on(day) and p.missing_paper(day) is None]
        for product in sellable:
            open_lot(
                session, session.get_one(Firm, product.firm_id), session.get_one(Product, product.product_id),
                harvested_on=day, certificate_number=f"BENCH-{product.sku}", made_g=PLENTY_G, actor_id=None, now=now,
            )  # fmt: skip
        shop = access.ensure_party(session, PartyKind.SHOP, "BENCH", "压测店（示例）")
        register_partner(session, PartnerKind.SHOP, "BENCH", shop, "压测店（示例）", actor_id=None, now=now)
        buyer = access.ensure_party(session, PartyKind.CUSTOMER, "BENCH", "压测顾客（示例）")
        person = access.create_person(
            session, login="bench", name_zh="压测顾客（示例）", password="long enough to remember", now=now
        )
        access.grant(session, person.id, buyer, Role.CUSTOMER, now=now)
        token = access.issue_token(session, person.id, now=now)
    release()
    return [product.sku for product in sellable], token


@contextmanager
def web(environ: dict[str, str], target: str = "wsgi:app") -> Iterator[str]:
    """The web server as `make run` starts it, on a free port; yields its address."""
    port = free_port()
    command = [
        sys.executable, "-m", "shop.local.granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port),
        "--workers", "2", "--blocking-threads", "1", "--backlog", "1024", "--no-access-log", "--log-level", "warning",
        "--workers-kill-timeout", "5", "--working-dir", str(ROOT), target,
    ]  # fmt: skip
    process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **environ}, stdout=subprocess.DEVNULL)
    base = f"http://127.0.0.1:{port}"
    try:
        wait_for(base + "/healthz")
        yield base
    finally:
        process.terminate()
        process.wait(timeout=30)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(url: str, *, seconds: float = 60) -> float:
    """Seconds until `url` answers 200. Raises TimeoutError."""
    began = time.monotonic()
    while time.monotonic() - began < seconds:
        try:
            with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310  our own address
                if answer.status == 200:
                    return time.monotonic() - began
        except OSError:
            pass
        time.sleep(0.02)
    raise TimeoutError(url)
