"""The app as all processes need it: settings, database, clock. Workers take it so; `shop.app` adds HTTP."""

from pathlib import Path
from typing import Any

from flask import Flask
from sqlalchemy.orm import configure_mappers

import shop.models  # noqa: F401  every table must be known before the first query
from shop.config import Settings, redis_urls
from shop.kit.clock import Clock, SystemClock
from shop.kit.db import db, engine_options

ROOT = Path(__file__).resolve().parent.parent

MIB = 1024 * 1024


def base_app(settings: Settings, *, clock: Clock | None = None, **engine: Any) -> Flask:
    """An app without a view. `engine` overrides `kit.db.engine_options` (workers ask for longer statements)."""
    app = Flask("shop", root_path=str(ROOT / "shop"), static_folder=None)
    app.config.update(_config(settings, engine))
    app.extensions["settings"] = settings
    app.extensions["clock"] = clock or SystemClock()
    db.init_app(app)
    app.teardown_appcontext(_no_transaction_left)
    configure_mappers()  # before anybody forks, so that it is done and kept once
    return app


def _config(settings: Settings, engine: dict[str, Any]) -> dict[str, Any]:
    return {
        "SECRET_KEY": settings.secret_key,
        "SQLALCHEMY_DATABASE_URI": settings.database_url,
        # Values of statements never reach a message, so no personal data reaches a log.
        "SQLALCHEMY_ENGINE_OPTIONS": engine_options(**engine) | {"hide_parameters": True},
        "BROKER_REDIS_URL": redis_urls(settings.redis_url).redis,
        "MAX_CONTENT_LENGTH": MIB,
        "METRICS_TOKEN": settings.metrics_token,
        "BEHIND_PROXIES": settings.proxy_hops > 0,
        "TRUSTED_HOSTS": list(settings.trusted_hosts) or None,
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
    }


def _no_transaction_left(_: BaseException | None) -> None:
    db.session.remove()
