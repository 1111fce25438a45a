"""Households over HTTP."""

from dataclasses import asdict
from typing import Any

from flask_smorest import Blueprint
from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from shop.access.guard import ALL, Actor, Role, allow, current_actor, must_own, scope
from shop.access.models import Party
from shop.catalog.actions import firm_by_code
from shop.catalog.models import Firm
from shop.farmers import errors, families, pairings, schemas, ties
from shop.farmers.actions import register_household, see_assisted, set_assisted, set_grade_factor
from shop.farmers.actions import set_village as move_to_village
from shop.farmers.errors import FactorTaken
from shop.farmers.models import GradeFactor, Household, Pairing
from shop.farmers.queries import HouseholdSeen, corrections, households, told_to, visible_to
from shop.kit.db import db, transaction
from shop.kit.errors import ForbiddenError, NotFoundError
from shop.kit.http import documented, now
from shop.kit.schemas import PageQuery, cursor_key, page
from shop.places.models import Township, Village

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
    session = db.session()
    rows = told_to(session, current_actor(), households(session, *wanted, limit=query["limit"] + 1))
    return page(rows, query["limit"], key=lambda household: household.household_id)


@blueprint.route("/households", methods=["POST"])
@allow(*COUNTY)
@blueprint.arguments(schemas.HouseholdAsked)
@blueprint.response(201, schemas.HouseholdOut)
@documented(
    errors=[NotFoundError, errors.HouseholdTaken, errors.LeasedBeyondLand],
    example={"code": "农户-0241", "village": "140829106202", "persons": 3, "land_mu_tenths": 52},
)
def add_household(body: dict[str, Any]) -> HouseholdSeen:
    """登记农户 · Record a family that was not recorded before: the county, or a township within itself.

    It belongs to no firm until it joins one on a day; the files of the county record who was there since ever.
    """
    actor = current_actor()
    with transaction() as session:
        village = _village(session, actor, Village.code == body["village"], body.pop("village"))
        made = register_household(session, village=village, **body, actor_id=actor.person_id, now=now())
        return households(session, Household.id == made.id, limit=1)[0]


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
        seen: dict[str, object] = asdict(told_to(session, actor, found)[0])
        if query["need"] is not None:
            seen["is_assisted"] = see_assisted(
                session, found[0].household_id, query["need"], actor_id=actor.person_id, now=now()
            )
    return seen


@blueprint.route("/households/<string:code>/corrections", methods=["GET"])
@allow(*COUNTY, Role.HOUSEHOLD)
@blueprint.arguments(schemas.HouseholdCorrectionFilter, location="query")
@blueprint.response(200, schemas.HouseholdCorrectionPage)
@documented(errors=[NotFoundError, ForbiddenError])
def list_household_corrections(query: dict[str, Any], code: str) -> dict[str, object]:
    """农户记录的更正 · What was changed in a household's record and why, newest first.

    With `need` the county also sees when it was said whether the household is assisted, and that it looked is kept.
    """
    actor, need = current_actor(), query["need"]
    if need is not None and not actor.has(*COUNTY):
        raise ForbiddenError
    with transaction() as session:
        found = households(session, visible_to(actor), Household.code == code, limit=1)
        if not found:
            raise NotFoundError(what=code)
        if need is not None:
            see_assisted(session, found[0].household_id, need, actor_id=actor.person_id, now=now())
        rows = corrections(
            session, found[0].household_id, limit=query["limit"] + 1, before_id=cursor_key(query["cursor"]),
            assisted=need is not None,
        )  # fmt: skip
    return page(rows, query["limit"], key=lambda row: int(row["id"]))


@blueprint.route("/households/<string:code>/assistance", methods=["POST"])
@allow(Role.OPERATOR)
@blueprint.arguments(schemas.AssistanceAsked)
@blueprint.response(201, schemas.AssistanceOut)
@documented(errors=[NotFoundError], example={"is_assisted": True, "reason": "县级认定为监测户（示例）"})
def set_assistance(body: dict[str, Any], code: str) -> dict[str, Any]:
    """登记帮扶身份 · Say whether a household is assisted from now on, with the reason that is kept."""
    with transaction() as session:
        [household] = families.locked_households(session, code)
        set_assisted(session, household, **body, actor_id=current_actor().person_id, now=now())
    return {"household": code, "is_assisted": body["is_assisted"]}


@blueprint.route("/households/<string:code>/village", methods=["POST"])
@allow(*COUNTY)
@blueprint.arguments(schemas.VillageAsked)
@blueprint.response(201, schemas.HouseholdOut)
@documented(
    errors=[NotFoundError, errors.NothingToChange],
    example={"village": "140829106202", "reason": "登记时选错了村（示例）"},
)
def set_village(body: dict[str, Any], code: str) -> HouseholdSeen:
    """更正所在村 · Say in which village a household lives: the county, or a township within itself.

    Reports count there all that it ever had; what was published, sent or told in statements stays, and is restated.
    """
    actor = current_actor()
    with transaction() as session:
        [household] = families.locked_households(session, code)
        _village(session, actor, Village.id == household.village_id, code)
        village = _village(session, actor, Village.code == body["village"], body["village"])
        move_to_village(session, household, village, body["reason"], actor_id=actor.person_id, now=now())
        return households(session, Household.id == household.id, limit=1)[0]


def _village(session: Session, actor: Actor, which: ColumnElement[bool], what: str) -> Village:
    """A village of the reader's area. Raises NotFoundError."""
    here = scope(actor, {Role.OPERATOR: ALL, Role.MANAGER: Township.party_id})
    found = session.scalar(select(Village).join(Township, Township.id == Village.township_id).where(which, here))
    if found is None:
        raise NotFoundError(what=what)
    return found


@blueprint.route("/grade-factors", methods=["GET"])
@allow(Role.OPERATOR, Role.MANAGER, Role.FIRM_STAFF)
@blueprint.arguments(schemas.FactorFilter, location="query")
@blueprint.response(200, schemas.FactorPage)
def list_grade_factors(query: dict[str, Any]) -> dict[str, object]:
    """等级系数 · What grades are paid of the base price, from which day on, newest first: a firm's, or the county's."""
    actor = current_actor()
    wanted = [GradeFactor.id < (cursor_key(query["cursor"]) or 2**62)]
    if query["firm"] is None:
        wanted.append(GradeFactor.firm_id.is_(None))
    else:
        own = scope(actor, {Role.OPERATOR: ALL, Role.MANAGER: ALL, Role.FIRM_STAFF: Firm.party_id})
        wanted += [Firm.code == query["firm"], own]
    rows = db.session().execute(
        select(GradeFactor, Firm.code)
        .outerjoin(Firm, Firm.id == GradeFactor.firm_id)
        .where(*wanted)
        .order_by(GradeFactor.id.desc())
        .limit(query["limit"] + 1)
    )
    return page([_factor(factor, firm) for factor, firm in rows], query["limit"], lambda row: int(row["id"]))


def _factor(factor: GradeFactor, firm: str | None) -> dict[str, Any]:
    return {
        "id": factor.id, "firm": firm, "grade": factor.grade, "valid_from": factor.valid_from,
        "factor_bp": factor.factor_bp,
    }  # fmt: skip


@blueprint.route("/grade-factors", methods=["POST"])
@allow(Role.OPERATOR, Role.FIRM_STAFF)
@blueprint.arguments(schemas.FactorAsked)
@blueprint.response(201, schemas.FactorOut)
@documented(
    errors=[NotFoundError, ForbiddenError, FactorTaken],
    example={"firm": "F01", "grade": "特级", "valid_from": "2025-06-01", "factor_bp": 12_000},
)
def add_grade_factor(body: dict[str, Any]) -> dict[str, Any]:
    """登记等级系数 · Say what a grade is paid of the base price: a firm for itself, the operator for the county."""
    actor, code = current_actor(), body.pop("firm")
    if code is None and not actor.has(Role.OPERATOR):
        raise ForbiddenError
    with transaction() as session:
        firm = None
        if code is not None:
            firm = firm_by_code(session, code)
            must_own(actor, {Role.OPERATOR: ALL, Role.FIRM_STAFF: firm.party_id}, what=code)
        made = set_grade_factor(session, firm, **body, actor_id=actor.person_id, now=now())
        return _factor(made, code)


# -- two records of one family -----------------------------------------------------------------------------------------


@blueprint.route("/households/<string:code>/merge", methods=["POST"])
@allow(Role.OPERATOR)
@blueprint.arguments(schemas.MergeAsked)
@blueprint.response(200, schemas.MergeOut)
@documented(
    errors=[NotFoundError, errors.MergedAlready, errors.HasMergedRecords],
    example={"into": "农户-0002", "reason": "同一户登记了两次"},
)
def merge_household(body: dict[str, Any], code: str) -> dict[str, Any]:
    """合并农户记录 · Count a record for another one of the same family. No fact is moved; it can be undone exactly."""
    with transaction() as session:
        if code == body["into"]:
            raise errors.MergedAlready(household=code, into=code)
        household, into = families.locked_households(session, code, body["into"])
        families.merge(session, household, into, body["reason"], actor_id=current_actor().person_id, now=now())
    return {"household": code, "counts_for": body["into"]}


@blueprint.route("/households/<string:code>/unmerge", methods=["POST"])
@allow(Role.OPERATOR)
@blueprint.arguments(schemas.ReasonAsked)
@blueprint.response(200, schemas.MergeOut)
@documented(errors=[NotFoundError, errors.NotMerged], example={"reason": "核实为两户"})
def unmerge_household(body: dict[str, Any], code: str) -> dict[str, Any]:
    """撤销合并 · Let a record count for itself again, exactly as before."""
    with transaction() as session:
        [household] = families.locked_households(session, code)
        families.unmerge(session, household, body["reason"], actor_id=current_actor().person_id, now=now())
    return {"household": code, "counts_for": None}


# -- groups ------------------------------------------------------------------------------------------------------------


@blueprint.route("/household-groups", methods=["GET"])
@allow(*COUNTY)
@blueprint.arguments(PageQuery, location="query")
@blueprint.response(200, schemas.GroupPage)
def list_groups(query: dict[str, Any]) -> dict[str, object]:
    """分组列表 · Groups of households, newest first: the county's, or those in which your township has households."""
    rows = ties.groups(
        db.session(), current_actor(), limit=query["limit"] + 1, before_id=cursor_key(query["cursor"])
    )  # fmt: skip
    return page(rows, query["limit"], key=lambda row: int(row["id"]))


@blueprint.route("/household-groups", methods=["POST"])
@allow(Role.OPERATOR)
@blueprint.arguments(schemas.GroupAsked)
@blueprint.response(201, schemas.GroupAsked)
@documented(errors=[errors.GroupCodeTaken], example={"code": "Z-001", "name_zh": "西太村桃业一组（示例）"})
def add_group(body: dict[str, Any]) -> dict[str, Any]:
    """新建分组 · Make a group of households."""
    with transaction() as session:
        ties.add_group(session, **body, actor_id=current_actor().person_id, now=now())
    return body


@blueprint.route("/household-ties", methods=["GET"])
@allow(*COUNTY)
@blueprint.arguments(schemas.TieFilter, location="query")
@blueprint.response(200, schemas.TiePage)
def list_ties(query: dict[str, Any]) -> dict[str, object]:
    """分组 · Which household was in which group from when to when, newest first."""
    rows = ties.ties(
        db.session(), current_actor(), limit=query["limit"] + 1, before_id=cursor_key(query["cursor"]),
        household=query["household"], group=query["group"],
    )  # fmt: skip
    return page(rows, query["limit"], key=lambda row: int(row["id"]))


def _tied(session: Session, code: str, before_id: int | None = None) -> dict[str, Any]:
    """The newest tie of a household, or the newest before another."""
    [newest] = ties.ties(session, current_actor(), limit=1, before_id=before_id, household=code, group=None)
    return newest


@blueprint.route("/households/<string:code>/ties", methods=["POST"])
@allow(Role.OPERATOR)
@blueprint.arguments(schemas.TieAsked)
@blueprint.response(201, schemas.TieOut)
@documented(
    errors=[NotFoundError, errors.TiedAlready, errors.TieAhead, errors.TieTooEarly],
    example={"group": "Z-001", "starts_on": "2025-07-01"},
)
def tie_household(body: dict[str, Any], code: str) -> dict[str, Any]:
    """入组 · Put a household into a group, from a day on."""
    with transaction() as session:
        [household] = families.locked_households(session, code)
        group = ties.group_by_code(session, body["group"])
        ties.tie(session, household, group, body["starts_on"], actor_id=current_actor().person_id, now=now())
        return _tied(session, code)


@blueprint.route("/households/<string:code>/ties/end", methods=["POST"])
@allow(Role.OPERATOR)
@blueprint.arguments(schemas.UntieAsked)
@blueprint.response(200, schemas.TieOut)
@documented(
    errors=[NotFoundError, errors.NotTied, errors.TieAhead, errors.TieTooEarly],
    example={"group": "Z-001", "ends_on": "2025-07-15", "reason": "迁居外地"},
)
def untie_household(body: dict[str, Any], code: str) -> dict[str, Any]:
    """出组 · A household leaves a group; what was stays readable."""
    with transaction() as session:
        [household] = families.locked_households(session, code)
        group = ties.group_by_code(session, body["group"])
        ended = ties.untie(
            session, household, group, body["ends_on"], body["reason"], actor_id=current_actor().person_id, now=now()
        )
        return _tied(session, code, ended.id + 1)


@blueprint.route("/households/<string:code>/ties/voiding", methods=["POST"])
@allow(Role.OPERATOR)
@blueprint.arguments(schemas.TieVoidAsked)
@blueprint.response(200, schemas.TieOut)
@documented(
    errors=[NotFoundError, errors.NotTied],
    example={"group": "Z-001", "starts_on": "2025-07-01", "reason": "录错了户（示例）"},
)
def void_tie(body: dict[str, Any], code: str) -> dict[str, Any]:
    """作废入组 · Say that a household never was in a group: it counts there in no month; the record stays readable."""
    with transaction() as session:
        [household] = families.locked_households(session, code)
        group = ties.group_by_code(session, body.pop("group"))
        void = ties.void_tie(session, household, group, **body, actor_id=current_actor().person_id, now=now())
        return _tied(session, code, void.id + 1)


# -- pairings ----------------------------------------------------------------------------------------------------------


@blueprint.route("/pairings", methods=["GET"])
@allow(Role.OPERATOR, Role.MANAGER, Role.CADRE, Role.BUYER)
@blueprint.arguments(schemas.PairingFilter, location="query")
@blueprint.response(200, schemas.PairingPage)
def list_pairings(query: dict[str, Any]) -> dict[str, object]:
    """结对 · Who helps which village or household, newest first; a cadre or unit sees its own."""
    wanted = [Pairing.id < (cursor_key(query["cursor"]) or 2**62)]
    for column, code in ((Party.code, "helper"), (Village.code, "village"), (Household.code, "household")):
        if query[code] is not None:
            wanted.append(column == query[code])
    if query["on"] is not None:
        wanted.append(pairings.stands_on(query["on"]))
    rows = pairings.pairings(db.session(), current_actor(), *wanted, limit=query["limit"] + 1)
    return page(rows, query["limit"], key=lambda row: int(row["id"]))


def _paired(session: Session, pairing: Pairing) -> dict[str, Any]:
    [found] = pairings.pairings(session, current_actor(), Pairing.id == pairing.id, limit=1)
    return found


@blueprint.route("/pairings", methods=["POST"])
@allow(Role.OPERATOR)
@blueprint.arguments(schemas.PairingAsked)
@blueprint.response(201, schemas.PairingOut)
@documented(
    errors=[NotFoundError, errors.NotAHelper, errors.AlreadyPaired],
    example={"helper": "G01", "household": "农户-0001", "starts_on": "2025-07-01"},
)
def pair(body: dict[str, Any]) -> dict[str, Any]:
    """结对 · Pair a cadre or unit with a village or a household. No quota, minimum or proof of purchase is recorded."""
    with transaction() as session:
        helper = pairings.locked_helper(session, body["helper"])
        whom = pairings.helped(session, body["village"], body["household"])
        made = pairings.pair(session, helper, whom, body["starts_on"], actor_id=current_actor().person_id, now=now())
        return _paired(session, made)


@blueprint.route("/pairings/ending", methods=["POST"])
@allow(Role.OPERATOR)
@blueprint.arguments(schemas.PairingEnded)
@blueprint.response(200, schemas.PairingOut)
@documented(
    errors=[NotFoundError, errors.NotAHelper, errors.NotPaired],
    example={"helper": "G01", "household": "农户-0001", "ends_on": "2025-12-31", "reason": "干部调离"},
)
def end_pairing(body: dict[str, Any]) -> dict[str, Any]:
    """结束结对 · A pairing ends with a day; it stays on record."""
    with transaction() as session:
        helper = pairings.locked_helper(session, body["helper"])
        whom = pairings.helped(session, body["village"], body["household"])
        ended = pairings.end_pairing(
            session, helper, whom, body["ends_on"], body["reason"], actor_id=current_actor().person_id, now=now()
        )
        return _paired(session, ended)
