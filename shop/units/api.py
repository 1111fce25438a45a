"""A unit's desk over HTTP: rules, filings, purchases on and off the 832 platform, union goods, acceptance sheets."""

from typing import Any

from flask_smorest import Blueprint
from sqlalchemy import select
from sqlalchemy.orm import Session

from shop.access.guard import Role, allow, current_actor, must_own, reference_version
from shop.catalog.reference import catalog
from shop.channels.actions import partner_by_code
from shop.channels.models import Partner
from shop.kit.clock import beijing_day
from shop.kit.db import db, transaction
from shop.kit.errors import NotFoundError
from shop.kit.http import documented, now
from shop.kit.idempotency import idempotent
from shop.kit.schemas import MAX_PAGE
from shop.orders.locks import locked_order
from shop.units import actions, errors, queries, schemas
from shop.units.models import ReserveRule

blueprint = Blueprint("units", __name__, url_prefix="/api/v1", description="单位采购 · Desk of a unit")


def _own(session: Session, code: str) -> Partner:
    """The unit, if the actor buys for it. Raises NotFoundError otherwise."""
    partner = partner_by_code(session, code)
    must_own(current_actor(), {Role.BUYER: partner.party_id}, what=code)
    return partner


def _desk(code: str, year: int) -> dict[str, Any]:
    """A unit's year. Raises NotFoundError for a missing and for a foreign one."""
    session = db.session()
    found = queries.years(session, current_actor(), year, Partner.code == code)
    if not found:
        raise NotFoundError(what=code)
    return found[0] | {"invoices": queries.invoices(session, code, day=beijing_day(now()), limit=MAX_PAGE)}


@blueprint.route("/reserve-rules", methods=["GET"])
@allow(Role.OPERATOR, Role.BUYER, Role.MANAGER)
@blueprint.response(200, schemas.RuleList)
def list_rules() -> dict[str, Any]:
    """预留规定 · Rules of authorities, the youngest first, each with its source."""
    return {"items": db.session.scalars(select(ReserveRule).order_by(ReserveRule.valid_from.desc()).limit(MAX_PAGE))}


@blueprint.route("/reserve-rules", methods=["POST"])
@allow(Role.OPERATOR)
@blueprint.arguments(schemas.RuleAsked)
@blueprint.response(201, schemas.RuleAsked)
@documented(
    errors=[errors.RuleTaken],
    example={
        "authority": "县财政局", "valid_from": "2025-01-01", "canteen_bp": 1_000, "union_bp": 2_000,
        "union_cap_fen": 150_000, "file_by": "2025-03-21", "source_zh": "2025 年预留份额通知（示例）",
    },
)  # fmt: skip
def add_rule(body: dict[str, Any]) -> dict[str, Any]:
    """录入规定 · Enter what a notice says: percent, cap and date are settings, never assumed."""
    terms = actions.RuleTerms(
        **{name: body[name] for name in ("canteen_bp", "union_bp", "union_cap_fen", "file_by", "source_zh")}
    )
    with transaction() as session:
        actions.set_rule(
            session, body["authority"], body["valid_from"], terms, actor_id=current_actor().person_id, now=now()
        )
    return body


@blueprint.route("/units", methods=["GET"])
@allow(Role.OPERATOR, Role.MANAGER, Role.BUYER)
@blueprint.arguments(schemas.YearQuery, location="query")
@blueprint.response(200, schemas.YearList)
def list_units(query: dict[str, Any]) -> dict[str, Any]:
    """各单位完成情况 · Reserved, bought on the platform and off it, by unit."""
    return {"items": queries.years(db.session(), current_actor(), query["year"])}


@blueprint.route("/units/<string:code>", methods=["GET"])
@allow(Role.OPERATOR, Role.BUYER)
@blueprint.arguments(schemas.YearQuery, location="query")
@blueprint.response(200, schemas.DeskOut)
@documented(errors=[NotFoundError])
def show_unit(query: dict[str, Any], code: str) -> dict[str, Any]:
    """单位年度情况 · One unit's year: reserve, completion, union cap, and what it owes by due date."""
    return _desk(code, query["year"])


@blueprint.route("/units/<string:code>/filings", methods=["POST"])
@allow(Role.BUYER)
@idempotent
@blueprint.arguments(schemas.FilingAsked)
@blueprint.response(201, schemas.DeskOut)
@documented(
    errors=[NotFoundError, errors.NotAUnit, errors.NoRule],
    example={
        "year": 2025, "authority": "县财政局", "canteen_fen": 50_000_000, "union_fen": 9_000_000, "members": 60,
    },
)  # fmt: skip
def file_year(body: dict[str, Any], code: str) -> dict[str, Any]:
    """填报预留份额 · File the year; filing again counts from then on, the earlier filing stays."""
    session = db.session()
    actions.file_year(session, _own(session, code), **body, actor_id=current_actor().person_id, now=now())
    return _desk(code, body["year"])


@blueprint.route("/units/<string:code>/outside-purchases", methods=["POST"])
@allow(Role.BUYER)
@idempotent
@blueprint.arguments(schemas.OutsideAsked)
@blueprint.response(201, schemas.DeskOut)
@documented(
    errors=[NotFoundError, errors.NotAUnit, errors.PurchaseTaken],
    example={"number": "832-0001", "bought_on": "2025-06-03", "amount_fen": 1_200_000, "goods_zh": "苹果 300 箱"},
)
def record_outside(body: dict[str, Any], code: str) -> dict[str, Any]:
    """登记 832 采购 · Record a purchase on the 832 platform by its order number there: it counts once."""
    session = db.session()
    actions.record_outside(session, _own(session, code), **body, actor_id=current_actor().person_id, now=now())
    return _desk(code, body["bought_on"].year)


@blueprint.route("/units/<string:code>/outside-voids", methods=["POST"])
@allow(Role.BUYER)
@idempotent
@blueprint.arguments(schemas.VoidAsked)
@blueprint.response(201, schemas.DeskOut)
@documented(errors=[NotFoundError, errors.PurchaseTaken], example={"number": "832-0009", "reason": "金额录错"})
def void_outside(body: dict[str, Any], code: str) -> dict[str, Any]:
    """撤销登记 · Take a purchase on the 832 platform back; both rows stay."""
    session = db.session()
    void = actions.void_outside(session, _own(session, code), **body, actor_id=current_actor().person_id, now=now())
    return _desk(code, void.bought_on.year)


@blueprint.route("/orders/<string:number>/fund", methods=["POST"])
@allow(Role.BUYER)
@idempotent
@blueprint.arguments(schemas.FundAsked)
@blueprint.response(201, schemas.FundOut)
@documented(
    errors=[
        NotFoundError, errors.AlreadyDeclared, errors.NotFiled, errors.NotEqualForAll, errors.UnionCapExceeded,
    ],
    example={"fund": "union"},
)  # fmt: skip
def declare(body: dict[str, Any], number: str) -> dict[str, Any]:
    """登记用途 · Say whether canteen or union buys it; union goods are equal for all members and within the cap."""
    session = db.session()
    order = locked_order(session, number)
    must_own(current_actor(), {Role.BUYER: order.buyer_party_id}, what=number)
    purchase = actions.declare(session, order, body["fund"], actor_id=current_actor().person_id, now=now())
    return {
        "order": number, "fund": purchase.fund.value, "members": purchase.members,
        "per_member_fen": purchase.per_member_fen,
    }  # fmt: skip


@blueprint.route("/orders/<string:number>/acceptance-sheet", methods=["GET"])
@allow(Role.OPERATOR, Role.FIRM_STAFF, Role.BUYER)
@blueprint.response(200, schemas.SheetOut)
@documented(errors=[NotFoundError])
def show_sheet(number: str) -> dict[str, Any]:
    """验收单 · What came, by lot, with certificate and licences."""
    session = db.session()
    return queries.acceptance_sheet(session, current_actor(), number, goods=catalog(session, reference_version()))
