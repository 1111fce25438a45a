"""Builds the web app: what `base` wires, and extensions of HTTP, blueprints, the error door."""

from typing import Any

from apispec.ext.marshmallow import MarshmallowPlugin
from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from shop.access.api import blueprint as access
from shop.access.attempts import Attempts
from shop.access.guard import assert_guarded
from shop.agreements.api import blueprint as agreements
from shop.base import base_app
from shop.campaigns.api import blueprint as campaigns
from shop.catalog.api import blueprint as catalog
from shop.channels.api import blueprint as channels
from shop.claims.api import blueprint as claims
from shop.collectives.api import blueprint as collectives
from shop.config import Settings, redis_urls
from shop.farmers.api import blueprint as farmers
from shop.imports.api import blueprint as imports
from shop.income.api import blueprint as income
from shop.inquiries.api import blueprint as inquiries
from shop.kit import docs, health, observe, problems
from shop.kit.clock import Clock
from shop.kit.db import db
from shop.kit.http import RowNumber, guard_request
from shop.kit.logs import configure_logging
from shop.kit.openapi import DocumentedApi, schema_name
from shop.kit.revisions import FOLDER as MIGRATIONS
from shop.links.api import blueprint as links
from shop.live.api import blueprint as live
from shop.marketplaces.api import blueprint as marketplaces
from shop.orders.api import blueprint as orders
from shop.payments.api import blueprint as payments
from shop.reports.api import blueprint as reports
from shop.reports.work import gauges
from shop.rounds.api import blueprint as rounds
from shop.settlement.api import blueprint as settlement
from shop.stock.api import blueprint as stock
from shop.tracing.api import blueprint as tracing
from shop.units.api import blueprint as units
from shop.web.api import blueprint as web
from shop.web.api import refusal_page
from shop.web.buying import blueprint as buying
from shop.web.campaigns import blueprint as campaign_page
from shop.web.claiming import blueprint as claiming
from shop.web.collectives import blueprint as collectives_page
from shop.web.dashboard import blueprint as dashboard
from shop.web.desk import blueprint as desk
from shop.web.following import blueprint as following
from shop.web.jobs import blueprint as jobs_page
from shop.web.links import blueprint as sale_links
from shop.web.menu import blueprint as menu
from shop.web.my import blueprint as my
from shop.web.periodic import blueprint as periodic_page
from shop.web.rounds import blueprint as round_pages
from shop.web.signin import blueprint as signin
from shop.web.store import blueprint as store
from shop.web.why import blueprint as why

__all__ = ["configure_logging", "create_app", "with_migrations"]

#: Rooms that answer HTTP, in the order of the documentation.
ROOMS = (
    access, channels, catalog, farmers, collectives, stock, orders, agreements, payments, settlement, income, claims,
    links, live, rounds, units, inquiries, campaigns, marketplaces, tracing, reports, imports,
)  # fmt: skip

ABOUT = """五销模式：平台直销、单位帮销、干部帮销、企业助销、直播网销。金额为整数分（`*_fen`），重量为整数克（`*_g`），
费率为万分之一（`*_bp`），日期与月份为北京时间。每个拒绝都是 problem+json，见 [/docs/errors](/docs/errors)。

One shape for five sales channels. Money is whole fen (`*_fen`), weight whole grams (`*_g`), rates basis points
(`*_bp`), days and months Beijing's. Sign in at `POST /api/v1/auth/tokens`, then press *Authorize*.
Lists give `{"items": [...], "next": cursor}`. Every refusal is problem+json, listed at [/docs/errors](/docs/errors)."""


#: What flask-smorest needs to know for the document.
_API = {
    "API_TITLE": "平陆五销 · Pinglu five-channel sales",
    "API_VERSION": "v1",
    "OPENAPI_VERSION": "3.1.0",
    "OPENAPI_URL_PREFIX": "/api/v1",
    "OPENAPI_JSON_PATH": "openapi.json",
    "API_SPEC_OPTIONS": {
        "info": {"description": ABOUT},
        "components": {"securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}}},
        "security": [{"bearer": []}],
    },
}


def create_app(settings: Settings | None = None, *, clock: Clock | None = None, **engine: Any) -> Flask:
    """The WSGI app. `engine` overrides `kit.db.engine_options` (workers ask for longer statements)."""
    settings = settings or Settings.from_env()
    app = base_app(settings, clock=clock, **engine)
    app.config.update(_API)
    app.json.ensure_ascii = False  # type: ignore[attr-defined]
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.url_map.merge_slashes = False
    app.url_map.converters["int"] = RowNumber
    app.extensions["gauges"] = gauges
    urls = redis_urls(settings.redis_url)
    app.extensions["attempts"] = Attempts(urls.limiter, owner=settings.database_url)
    if settings.proxy_hops:
        app.wsgi_app = ProxyFix(app.wsgi_app, settings.proxy_hops, settings.proxy_hops)  # type: ignore[method-assign]

    problems.install(app, page=refusal_page)
    observe.install(app)
    app.before_request(guard_request)

    plugin = MarshmallowPlugin(schema_name_resolver=schema_name)
    api = DocumentedApi(app, spec_kwargs={"marshmallow_plugin": plugin})
    for room in ROOMS:
        api.register_blueprint(room)
    app.register_blueprint(web)
    app.register_blueprint(round_pages)
    app.register_blueprint(desk)
    app.register_blueprint(my)
    app.register_blueprint(store)
    app.register_blueprint(buying)
    app.register_blueprint(following)
    app.register_blueprint(claiming)
    app.register_blueprint(sale_links)
    app.register_blueprint(menu)
    app.register_blueprint(signin)
    app.register_blueprint(dashboard)
    app.register_blueprint(periodic_page)
    app.register_blueprint(campaign_page)
    app.register_blueprint(collectives_page)
    app.register_blueprint(jobs_page)
    app.register_blueprint(why)
    app.register_blueprint(docs.blueprint)
    app.register_blueprint(health.blueprint)
    assert_guarded(app)
    return app


def with_migrations(app: Flask) -> Flask:
    """The app, ready for Alembic: for the command line only, since a server has no use for its ten megabytes."""
    from flask_migrate import Migrate  # type: ignore[import-untyped]

    Migrate(app, db, directory=str(MIGRATIONS))
    return app
