"""Households over HTTP."""

from dataclasses import asdict
from typing import Any

from flask_smorest import Blueprint
from sqlalchemy import ColumnElement

from shop.access.guard import Role, allow, current_actor
from shop.catalog.models import Firm
from shop.farmers import schemas
from shop.farmers.actions import see_assisted
from shop.farmers.models import Household
from shop.farmers.queries import households, visible_to
from shop.kit.db import db, transaction
from shop.kit.errors import ForbiddenError, NotFoundError
from shop.kit.http import documented, now
from shop.kit.schemas import cursor_key, page
from shop.places.models import Township

blueprint = Blueprint("farmers", __name__, url_prefix="/api/v1", description="农户 · Households")

READERS = (Role.OPERATOR, Role.MANAGER, Role.FIRM_STAFF, Role.HOUSEHOLD)
#: Who may ask whether a household is assisted, and must say why.
COUNTY = (Role.OPERATOR, Role.MANAGER)


@blueprint.route("/households", methods=["GET"])
@allow(*READERS)
@blueprint.arguments(schemas.HouseholdFilter, location="query")
@blueprint.response(200, schemas.HouseholdPage)
def list_households(query: dict[str, Any]) -> dict[str, object]:
    """农户列表 · Households: the county's, your township's, your firm's, or your own."""
    wanted: list[ColumnElement[bool]] = [
        visible_to(current_actor()), Household.id > (cursor_key(query["cursor"]) or 0)
    ]  # fmt: skip
    if query["firm"]:
        wanted.append(Firm.code == query["firm"])
    if query["township"]:
        wanted.append(Township.code == query["township"])
    rows = households(db.session(), *wanted, limit=query["limit"] + 1)
    return page(rows, query["limit"], key=lambda household: household.household_id)


@blueprint.route("/households/<string:code>", methods=["GET"])
@allow(*READERS)
@blueprint.arguments(schemas.HouseholdNeed, location="query")
@blueprint.response(200, schemas.HouseholdOut)
@documented(errors=[NotFoundError, ForbiddenError])
def show_household(query: dict[str, Any], code: str) -> dict[str, object]:
    """农户 · One household; with `need` the county also sees whether it is assisted, and that it looked is kept."""
    actor = current_actor()
    if query["need"] is not None and not actor.has(*COUNTY):
        raise ForbiddenError
    with transaction() as session:
        found = households(session, visible_to(actor), Household.code == code, limit=1)
        if not found:
            raise NotFoundError(what=code)
        seen: dict[str, object] = asdict(found[0])
        if query["need"] is not None:
            seen["is_assisted"] = see_assisted(
                session, found[0].household_id, query["need"], actor_id=actor.person_id, now=now()
            )
    return seen
