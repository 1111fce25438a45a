"""Village collectives over HTTP."""

from typing import Any

from flask_smorest import Blueprint
from sqlalchemy import select

from shop.access.guard import Role, allow, current_actor
from shop.collectives import actions, errors, queries, schemas
from shop.collectives.models import VillagePairing
from shop.kit.db import db, transaction
from shop.kit.errors import NotFoundError
from shop.kit.http import documented, language, now
from shop.kit.idempotency import idempotent
from shop.kit.schemas import PageQuery, cursor_key, page

blueprint = Blueprint("collectives", __name__, url_prefix="/api/v1", description="村集体 · Village collectives")


@blueprint.route("/village-collectives", methods=["GET"])
@allow(Role.OPERATOR, Role.MANAGER)
@blueprint.arguments(schemas.YearAsked, location="query")
@blueprint.response(200, schemas.YearOut)
def list_collectives(query: dict[str, Any]) -> dict[str, Any]:
    """村集体收入 · What village collectives netted in a year, subsidies apart, and their tiers; zero rows are kept."""
    return queries.yearly(
        db.session(), current_actor(), query["year"], township=query["township"], limit=query["limit"],
        after=query["after"], language=language(),
    )  # fmt: skip


@blueprint.route("/village-collectives/<string:code>", methods=["GET"])
@allow(Role.OPERATOR, Role.MANAGER)
@blueprint.arguments(schemas.VillageYearAsked, location="query")
@blueprint.response(200, schemas.VillageYear)
@documented(errors=[NotFoundError])
def show_collective(query: dict[str, Any], code: str) -> dict[str, Any]:
    """一个村的集体收入 · One village's year, and the events that make it; their parts add up to its figures."""
    found = queries.village_year(
        db.session(), current_actor(), code, query["year"], limit=query["limit"],
        before_id=cursor_key(query["cursor"]), language=language(),
    )  # fmt: skip
    return found | page(found["items"], query["limit"], lambda row: int(row["id"]))


@blueprint.route("/collective-incomes", methods=["POST"])
@allow(Role.OPERATOR)
@idempotent
@blueprint.arguments(schemas.EarnedAsked)
@blueprint.response(201, schemas.EventOut)
@documented(
    errors=[
        NotFoundError, errors.CollectiveCodeTaken, errors.EarnedInTheFuture, errors.OutsideAgreement,
        errors.PairingIsVoid,
    ],
    example={
        "code": "JT-001", "village": "140829101001", "kind": "leasing", "received_on": "2025-06-30",
        "income_fen": 6_000_000, "cost_fen": 400_000, "source": "冷库租赁合同 2025-1（示例）",
    },
)  # fmt: skip
def record_income(body: dict[str, Any]) -> dict[str, Any]:
    """登记村集体收入 · Record what a village earned, or a joint project: it counts once, split by agreement."""
    session = db.session()
    village, code = body.pop("village"), body.pop("pairing")
    if village is not None:
        of: Any = actions.village_by_code(session, village)
    else:
        of = session.scalar(select(VillagePairing).where(VillagePairing.code == code))
        if of is None:
            raise NotFoundError(what=code)
    event = actions.record_income(session, of, actions.Earned(**body), actor_id=current_actor().person_id, now=now())
    return queries.event_told(session, event)


@blueprint.route("/collective-incomes/<string:code>/reversal", methods=["POST"])
@allow(Role.OPERATOR)
@idempotent
@blueprint.arguments(schemas.ReversalAsked)
@blueprint.response(201, schemas.EventOut)
@documented(errors=[NotFoundError, errors.ReversedAlready], example={"reason": "重复登记"})
def reverse_income(body: dict[str, Any], code: str) -> dict[str, Any]:
    """冲销 · Take an event back by its mirror image; what was recorded stays readable."""
    session = db.session()
    mirror = actions.reverse_income(session, code, body["reason"], actor_id=current_actor().person_id, now=now())
    return queries.event_told(session, mirror)


@blueprint.route("/village-pairings", methods=["GET"])
@allow(Role.OPERATOR, Role.MANAGER)
@blueprint.arguments(PageQuery, location="query")
@blueprint.response(200, schemas.PairingPage)
def list_village_pairings(query: dict[str, Any]) -> dict[str, object]:
    """强村带弱村结对记录 · Joint projects with a village of your area, newest first."""
    rows = queries.village_pairings(
        db.session(), current_actor(), limit=query["limit"] + 1, before_id=cursor_key(query["cursor"])
    )
    return page(rows, query["limit"], lambda row: int(row["id"]))


@blueprint.route("/village-pairings", methods=["POST"])
@allow(Role.OPERATOR)
@blueprint.arguments(schemas.PairingAsked)
@blueprint.response(201, schemas.PairingOut)
@documented(
    errors=[NotFoundError, errors.CollectiveCodeTaken, errors.NotAVillage],
    example={
        "code": "JD-001", "strong": "140829101001", "weak": "140829102001", "project_zh": "联建冷库（示例）",
        "strong_bp": 6_000, "starts_on": "2025-01-01", "ends_on": "2027-12-31", "document": "结对协议 2025-1（示例）",
    },
)  # fmt: skip
def pair_villages(body: dict[str, Any]) -> dict[str, Any]:
    """强村带弱村结对 · Record a joint project of a strong and a weak village, and how its income is split."""
    told = dict(body)
    code, strong, weak = body.pop("code"), body.pop("strong"), body.pop("weak")
    with transaction() as session:
        actions.pair_villages(
            session, code, actions.village_by_code(session, strong), actions.village_by_code(session, weak),
            actions.Agreed(**body), actor_id=current_actor().person_id, now=now(),
        )  # fmt: skip
    return told


@blueprint.route("/village-pairings/<string:code>/voiding", methods=["POST"])
@allow(Role.OPERATOR)
@blueprint.arguments(schemas.ReversalAsked)
@blueprint.response(201, schemas.PairingOut)
@documented(errors=[NotFoundError, errors.PairingIsVoid, errors.PairingEarned], example={"reason": "强村录错（示例）"})
def void_village_pairing(body: dict[str, Any], code: str) -> dict[str, Any]:
    """作废结对 · Say that a joint project was keyed wrong: it stays readable; what it shared is reversed first."""
    with transaction() as session:
        pairing = session.scalar(select(VillagePairing).where(VillagePairing.code == code))
        if pairing is None:
            raise NotFoundError(what=code)
        actions.void_pairing(session, pairing, body["reason"], actor_id=current_actor().person_id, now=now())
        [told] = queries.village_pairings(session, current_actor(), limit=1, before_id=pairing.id + 1)
        return told


@blueprint.route("/collective-tiers", methods=["GET"])
@allow(Role.OPERATOR, Role.MANAGER)
@blueprint.arguments(PageQuery, location="query")
@blueprint.response(200, schemas.TierSetPage)
def list_tiers(query: dict[str, Any]) -> dict[str, object]:
    """分档设定记录 · Every tier that was set, newest first, with the versions that were replaced and why."""
    rows = queries.tiers_set(db.session(), limit=query["limit"] + 1, before_id=cursor_key(query["cursor"]))
    return page(rows, query["limit"], lambda row: int(row["id"]))


@blueprint.route("/collective-tiers", methods=["POST"])
@allow(Role.OPERATOR)
@blueprint.arguments(schemas.TiersAsked)
@blueprint.response(201, schemas.TiersAsked)
@documented(
    errors=[errors.TiersTaken, errors.TiersOfThePast, errors.TiersNotSet],
    example={
        "from_year": 2026,
        "tiers": [
            {"name_zh": "20 万元以下", "name_en": "below 200,000 yuan"},
            {"floor_fen": 20_000_000, "name_zh": "超二", "name_en": "200,000 yuan or more"},
        ],
    },
)  # fmt: skip
def set_tiers(body: dict[str, Any]) -> dict[str, Any]:
    """设定分档 · Set the tiers of net yearly income that hold from a year on; with a reason, anew."""
    with transaction() as session:
        actions.set_tiers(
            session, body["from_year"],
            [(tier["floor_fen"], tier["name_zh"], tier["name_en"]) for tier in body["tiers"]], body["reason"],
            actor_id=current_actor().person_id, now=now(),
        )  # fmt: skip
    return body
