"""Tracing over HTTP."""

from typing import Any

from flask_smorest import Blueprint

from shop.access.guard import Role, allow, current_actor
from shop.kit.db import db
from shop.kit.errors import NotFoundError
from shop.kit.http import AS_FILES, asks_for_file, documented, file_response
from shop.kit.schemas import cursor_key, page
from shop.orders.api import READERS as ORDER_READERS
from shop.stock.api import READERS as LOT_READERS
from shop.tracing import papers, queries, schemas

blueprint = Blueprint("tracing", __name__, url_prefix="/api/v1", description="追溯 · Tracing")


@blueprint.route("/lots/<string:code>/trace", methods=["GET"])
@allow(*LOT_READERS)
@blueprint.response(200, schemas.LotTrace)
@documented(errors=[NotFoundError])
def trace_lot(code: str) -> dict[str, Any]:
    """批次追溯 · One lot: the slips and lots it is made of, lots made of it, losses, recalls, its orders by state."""
    return queries.lot_trace(db.session(), current_actor(), code)


@blueprint.route("/lots/<string:code>/orders", methods=["GET"])
@allow(*LOT_READERS)
@blueprint.arguments(schemas.LotOrdersFilter, location="query")
@blueprint.response(200, schemas.LotOrderPage)
@blueprint.doc(**AS_FILES)
@documented(errors=[NotFoundError])
def list_lot_orders(query: dict[str, Any], code: str) -> Any:
    """批次去向 · The orders a lot went into, as JSON, or whole as CSV or XLSX by `Accept`, what waits below."""
    session, actor = db.session(), current_actor()
    if kind := asks_for_file():
        return file_response(papers.orders_of_lot(session, actor, code, kind), kind, f"批次去向-{code}")
    rows = queries.lot_orders(
        session, actor, code, query["whether"], limit=query["limit"] + 1, before_id=cursor_key(query["cursor"])
    )
    return page(rows, query["limit"], key=lambda row: int(row["id"]))


@blueprint.route("/orders/<string:number>/trace", methods=["GET"])
@allow(*ORDER_READERS)
@blueprint.response(200, schemas.OrderTrace)
@documented(errors=[NotFoundError])
def trace_order(number: str) -> dict[str, Any]:
    """订单追溯 · An order line by line: lots, certificates, recalls, villages; slips for the county and the firm."""
    return queries.order_trace(db.session(), current_actor(), number)


@blueprint.route("/deliveries/<string:code>/trace", methods=["GET"])
@allow(Role.OPERATOR, Role.MANAGER, Role.FIRM_STAFF, Role.HOUSEHOLD)
@blueprint.response(200, schemas.SlipTrace)
@documented(errors=[NotFoundError])
def trace_slip(code: str) -> dict[str, Any]:
    """交售单追溯 · A slip: how its amount came about, its lots, and what their sales brought its household."""
    return queries.slip_trace(db.session(), current_actor(), code)
