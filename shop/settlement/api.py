"""Statements of firms and hosts."""

from typing import Any

from flask_smorest import Blueprint
from marshmallow import Schema, fields

from shop.access.guard import Role, allow, current_actor
from shop.kit.db import db
from shop.kit.schemas import Code, Month, PageQuery, cursor_key, page
from shop.settlement import queries

blueprint = Blueprint("settlement", __name__, url_prefix="/api/v1", description="结算 · Settlement")


class ShareFilter(PageQuery):
    """Narrow the lines to one order."""

    order = Code(load_default=None)


class ShareOut(Schema):
    """One party's part of one order."""

    order = fields.String()
    kind = fields.String(metadata={"description": "firm, host, platform or carrier"})
    party = fields.String()
    party_name_zh = fields.String()
    rate_bp = fields.Integer()
    amount_fen = fields.Integer()
    settled_at = fields.DateTime()
    month = Month()
    takes_back = fields.Boolean(metadata={"description": "a refund after settlement"})


class SharePage(Schema):
    """A page of share lines, newest first."""

    items = fields.List(fields.Nested(ShareOut))
    next = fields.String(allow_none=True)


@blueprint.route("/settlements", methods=["GET"])
@allow(Role.OPERATOR, Role.FIRM_STAFF, Role.HOST)
@blueprint.arguments(ShareFilter, location="query")
@blueprint.response(200, SharePage)
def list_shares(query: dict[str, Any]) -> dict[str, object]:
    """结算明细 · What you got of which order; a host's commission statement."""
    rows = queries.shares(
        db.session(), current_actor(), limit=query["limit"] + 1, before_id=cursor_key(query["cursor"]),
        number=query["order"],
    )  # fmt: skip
    return page(rows, query["limit"], lambda row: row["id"])
