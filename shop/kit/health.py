"""Is it alive, is it ready, how is it doing: for supervisors and monitors, not for the public."""

import functools
import hmac
from ipaddress import ip_address

import redis
from flask import Blueprint, Response, abort, current_app, request
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from shop.kit.db import db
from shop.kit.http import json_bytes, now
from shop.kit.observe import metrics
from shop.kit.revisions import heads

blueprint = Blueprint("health", __name__)

_BROKER_SECONDS = 1.0
#: What proxies add to a request that they pass on.
_PASSED_ON = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-IP", "Via")


@blueprint.route("/healthz")
def healthz() -> Response:
    """The process answers."""
    return json_bytes({"status": "ok"})


@blueprint.route("/readyz")
def readyz() -> Response:
    """Database, migrations and broker answer: 200, else 503 naming what does not."""
    checks = {"database": _database_ready(), "migrations": _migrated(), "broker": _broker_ready()}
    ready = all(checks.values())
    return json_bytes({"status": "ready" if ready else "not ready", "checks": checks}, 200 if ready else 503)


@blueprint.route("/metrics")
def metrics_page() -> Response:
    """Prometheus text, for who may see it: others are told that there is no such page."""
    if not _may_see_metrics():
        abort(404)
    told = current_app.extensions["gauges"](db.session(), now=now())
    return Response(metrics() + _outbox_age() + told, content_type="text/plain; version=0.0.4; charset=utf-8")


def _may_see_metrics() -> bool:
    """With METRICS_TOKEN who sends it as a bearer, from wherever; else programs on this machine.

    A request that a proxy on this machine passed on comes from it as well: most say so, and behind `PROXY_HOPS` nobody
    is believed without a token.
    """
    token: str = current_app.config["METRICS_TOKEN"]
    if token:
        given = request.headers.get("Authorization", "")
        return hmac.compare_digest(f"Bearer {token}".encode(), given.encode("utf-8", "replace"))
    if current_app.config["BEHIND_PROXIES"] or any(name in request.headers for name in _PASSED_ON):
        return False
    return ip_address(request.remote_addr or "0.0.0.0").is_loopback  # noqa: S104  stands for "unknown"


def _database_ready() -> bool:
    return _ask("SELECT 1") == [1]


def _migrated() -> bool:
    return _ask("SELECT version_num FROM alembic_version ORDER BY 1") == _heads()


def _ask(question: str) -> list[object] | None:
    """The first column of the answer on a connection of its own, None when there is no answer."""
    try:
        with db.engine.connect() as connection:
            return list(connection.execute(text(question)).scalars())
    except SQLAlchemyError:
        return None


@functools.cache
def _heads() -> list[str]:
    """What the code expects; read once, it does not change while the process lives."""
    return heads()


def _broker_ready() -> bool:
    url = current_app.config["BROKER_REDIS_URL"]
    client = redis.Redis.from_url(url, socket_connect_timeout=_BROKER_SECONDS, socket_timeout=_BROKER_SECONDS)
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False
    finally:
        client.close()


def _outbox_age() -> bytes:
    """Seconds since the oldest unsent message should have left: above 60 the relay is not doing its work."""
    oldest = db.session.execute(
        text("SELECT min(coalesce(due_at, created_at)) FROM outbox WHERE sent_at IS NULL AND dead_at IS NULL")
    ).scalar()
    age = max((now() - oldest).total_seconds(), 0.0) if oldest else 0.0
    return (
        "# HELP shop_outbox_oldest_seconds Age of the oldest unsent message\n"
        "# TYPE shop_outbox_oldest_seconds gauge\n"
        f"shop_outbox_oldest_seconds {age:.3f}\n"
    ).encode()
