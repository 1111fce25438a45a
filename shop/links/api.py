"""What links brought and whom cadres help, over HTTP."""

from datetime import date
from typing import Any

from flask_smorest import Blueprint

from shop.access.guard import ALL, Role, allow, current_actor, must_own, reference_version
from shop.channels.api import SHARING
from shop.channels.models import Occasion, Partner, SaleLink
from shop.channels.reference import selling
from shop.farmers.models import Pairing
from shop.farmers.pairings import pairings
from shop.kit.clock import beijing_day
from shop.kit.db import db, transaction
from shop.kit.errors import NotFoundError
from shop.kit.http import documented, now
from shop.kit.idempotency import idempotent
from shop.kit.schemas import MAX_PAGE, cursor_key, page
from shop.links import cadres, help, queries, schemas, signs
from shop.links import errors as refusals
from shop.links.corrections import correct
from shop.orders import errors
from shop.orders import queries as order_queries
from shop.orders.attribution import Attribution
from shop.orders.locks import locked_order

blueprint = Blueprint("links", __name__, url_prefix="/api/v1", description="推广成效 · What links brought")


@blueprint.route("/link-funnels", methods=["GET"])
@allow(*SHARING)
@blueprint.arguments(schemas.FunnelFilter, location="query")
@blueprint.response(200, schemas.FunnelPage)
def list_funnels(query: dict[str, Any]) -> dict[str, object]:
    """推广成效 · Your links, newest first: visitors, orders, paid, refunded, net, weight, households reached."""
    wanted = []
    before = cursor_key(query["cursor"])
    if before is not None:
        wanted.append(SaleLink.id < before)
    if query["partner"]:
        wanted.append(Partner.code == query["partner"])
    if query["session"]:
        wanted.append(Occasion.code == query["session"])
    if query["link"]:
        wanted.append(SaleLink.code == query["link"])
    rows = queries.funnels(db.session(), current_actor(), *wanted, limit=query["limit"] + 1)
    return page(rows, query["limit"], key=lambda row: int(row["id"]))


def _attribution(number: str) -> dict[str, Any]:
    session = db.session()
    found = order_queries.order(session, current_actor(), number)
    return found | {"corrections": queries.corrections(session, found["id"])}


@blueprint.route("/orders/<string:number>/attribution", methods=["GET"])
@allow(Role.OPERATOR)
@blueprint.response(200, schemas.AttributionOut)
@documented(errors=[NotFoundError])
def show_attribution(number: str) -> dict[str, Any]:
    """订单归属 · For whom an order is counted, and every correction of it."""
    return _attribution(number)


@blueprint.route("/orders/<string:number>/attribution", methods=["POST"])
@allow(Role.OPERATOR)
@idempotent
@blueprint.arguments(schemas.CorrectionAsked)
@blueprint.response(200, schemas.AttributionOut)
@documented(
    errors=[
        NotFoundError, errors.PartnerDoesNotFit, errors.OccasionRequired, errors.OccasionNotOpen,
        errors.AttributionSame,
    ],
    example={"partner": "G01", "reason": "顾客确认由干部链接下单"},
)  # fmt: skip
def correct_attribution(body: dict[str, Any], number: str) -> dict[str, Any]:
    """更正归属 · Count an order for another partner, with a reason. The shares of a settled order follow at once."""
    session = db.session()
    order = locked_order(session, number)
    correct(
        session, order, Attribution(body["partner"], body["occasion"], body["link"]), body["reason"],
        selling=selling(session, reference_version()), actor_id=current_actor().person_id, now=now(),
    )  # fmt: skip
    return _attribution(number)


def _days(query: dict[str, Any]) -> tuple[date, date]:
    """From the first of January to today, unless others are asked for."""
    today = beijing_day(now())
    last: date = query["last"] or today
    return query["first"] or last.replace(month=1, day=1), last


def _cadre(code: str, first: date, last: date) -> dict[str, Any]:
    """A cadre as he and the county see him. Raises NotFoundError for anybody else."""
    session = db.session()
    party_id = help.party_of(session, code)
    must_own(current_actor(), {Role.OPERATOR: ALL if party_id else None, Role.CADRE: party_id}, what=code)
    (found,) = help.helped(session, first=first, last=last, parties=(int(party_id or 0),))
    paired = pairings(session, current_actor(), Pairing.helper_id == party_id, limit=MAX_PAGE)
    return found | {"pairings": paired}


@blueprint.route("/cadres", methods=["GET"])
@allow(Role.OPERATOR)
@blueprint.arguments(schemas.HelpListFilter, location="query")
@blueprint.response(200, schemas.HelpList)
@documented(errors=[refusals.RankingOff])
def list_cadres(query: dict[str, Any]) -> dict[str, Any]:
    """干部帮销 · What cadres helped, by name or in classes; ranked only where the county turned that on."""
    first, last = _days(query)
    if query["by"] is help.HelpBy.RANK and not selling(db.session(), reference_version()).ranking(beijing_day(now())):
        raise refusals.RankingOff
    return {"items": help.listed(help.helped(db.session(), first=first, last=last), query["by"])}


@blueprint.route("/cadres/<string:code>", methods=["GET"])
@allow(Role.OPERATOR, Role.CADRE)
@blueprint.arguments(schemas.HelpFilter, location="query")
@blueprint.response(200, schemas.CadreOut)
@documented(errors=[NotFoundError])
def show_cadre(query: dict[str, Any], code: str) -> dict[str, Any]:
    """我的帮销 · Orders and households a cadre helped, and with whom he is paired."""
    return _cadre(code, *_days(query))


@blueprint.route("/cadres/<string:code>/unit", methods=["PUT"])
@allow(Role.OPERATOR)
@blueprint.arguments(schemas.UnitAsked)
@blueprint.response(200, schemas.CadreOut)
@documented(errors=[NotFoundError], example={"unit_code": "U01"})
def belong(body: dict[str, Any], code: str) -> dict[str, Any]:
    """所属单位 · The unit a cadre belongs to: what its people buy never ranks him."""
    with transaction() as session:
        helper = cadres.helper_by_code(session, code)
        cadres.belong_to(session, helper, body["unit_code"], actor_id=current_actor().person_id, now=now())
    return _cadre(code, *_days({"first": None, "last": None}))


@blueprint.route("/link-signs", methods=["GET"])
@allow(Role.OPERATOR)
@blueprint.arguments(schemas.SignFilter, location="query")
@blueprint.response(200, schemas.SignPage)
def list_signs(query: dict[str, Any]) -> dict[str, object]:
    """异常迹象 · What the county should look at. A sign proves nothing and blocks nothing."""
    rows = signs.signs(
        db.session(), limit=query["limit"] + 1, before_id=cursor_key(query["cursor"]), month=query["month"]
    )
    return page(rows, query["limit"], key=lambda row: int(row["id"]))
