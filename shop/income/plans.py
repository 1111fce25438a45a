"""Reading surplus plans: co-operative and county all of a plan, a member what was laid open and its own part."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, false, func, or_, select
from sqlalchemy.orm import Session

from shop.access.guard import ALL, Actor, Role, scope
from shop.catalog.models import Firm
from shop.farmers.families import stands, stood_within
from shop.farmers.models import Household, Membership, Relation
from shop.income.models import PlanStatus, SurplusAnswer, SurplusObjection, SurplusPlan, SurplusShare
from shop.income.surplus import LAID_OPEN_DAYS
from shop.kit.errors import NotFoundError
from shop.kit.states import History

_AS_WRITTEN = (
    "code", "year", "historical", "surplus_fen", "prior_loss_fen", "reserve_bp", "return_bp", "share_value_fen",
    "aid_fen", "reserve_fen", "distributable_fen", "patronage_fen", "dividend_fen", "laid_open_on", "met_on", "minutes",
    "booked_on",
)  # fmt: skip


def _whole(actor: Actor) -> ColumnElement[bool]:
    """Plans of which the reader sees everything: the county all, a co-operative its own."""
    return scope(actor, {Role.OPERATOR: ALL, Role.FIRM_STAFF: Firm.party_id})


def _own_household(actor: Actor) -> ColumnElement[bool]:
    return scope(actor, {Role.HOUSEHOLD: Household.party_id})


def _visible(actor: Actor) -> ColumnElement[bool]:
    """Also a household what was laid open: by the co-operatives it is a member of, and of years in which it was one."""
    membership = (Membership.household_id.expression, Membership.firm_id.expression)
    first, last = (func.make_date(SurplusPlan.year, *day) for day in ((1, 1), (12, 31)))
    member = (
        exists()
        .where(Membership.firm_id == SurplusPlan.firm_id, Membership.relation == Relation.MEMBER)
        .where(Household.id == Membership.household_id, _own_household(actor))
        .where(or_(stands(*membership), stood_within(*membership, first, last)))
    )
    laid_open = or_(SurplusPlan.laid_open_on.is_not(None), SurplusPlan.historical)
    return or_(_whole(actor), and_(laid_open, member) if actor.has(Role.HOUSEHOLD) else false())


def plans(
    session: Session, actor: Actor, *, limit: int, before_id: int | None, firm: str | None, year: int | None
) -> list[dict[str, Any]]:
    """Plans that the reader sees, newest first. One statement."""
    query = _plans(actor).order_by(SurplusPlan.id.desc()).limit(limit)
    if before_id is not None:
        query = query.where(SurplusPlan.id < before_id)
    if firm is not None:
        query = query.where(Firm.code == firm)
    if year is not None:
        query = query.where(SurplusPlan.year == year)
    return [_told(*row) for row in session.execute(query)]


def plan_detail(session: Session, actor: Actor, code: str) -> dict[str, Any]:
    """One plan with parts and objections. Raises NotFoundError. Three statements."""
    found = session.execute(_plans(actor).where(SurplusPlan.code == code)).first()
    if found is None:
        raise NotFoundError(what=code)
    return _detailed(session, actor, [found])[0]


def plan_details(session: Session, actor: Actor, *, limit: int) -> list[dict[str, Any]]:
    """The newest plans that the reader sees, with parts and objections. Three statements for any number of plans."""
    return _detailed(session, actor, session.execute(_plans(actor).order_by(SurplusPlan.id.desc()).limit(limit)).all())


def _detailed(session: Session, actor: Actor, found: Sequence[Any]) -> list[dict[str, Any]]:
    ids = [plan.id for plan, *_ in found]
    mine = or_(_whole(actor), _own_household(actor))
    parts: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for share, household in session.execute(
        select(SurplusShare, Household.code)
        .join(SurplusPlan, SurplusPlan.id == SurplusShare.plan_id)
        .join(Firm, Firm.id == SurplusPlan.firm_id)
        .join(Household, Household.id == SurplusShare.household_id)
        .where(SurplusShare.plan_id.in_(ids), mine)
        .order_by(Household.code)
    ):
        parts[share.plan_id].append(
            {
                "household": household, "delivered_fen": share.delivered_fen, "account_fen": share.account_fen,
                "patronage_fen": share.patronage_fen, "dividend_fen": share.dividend_fen,
                "reserve_credit_fen": share.reserve_fen,
            }
        )  # fmt: skip
    objections: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for said, household, answered in session.execute(
        select(SurplusObjection, Household.code, SurplusAnswer.words)
        .join(SurplusPlan, SurplusPlan.id == SurplusObjection.plan_id)
        .join(Firm, Firm.id == SurplusPlan.firm_id)
        .join(Household, Household.id == SurplusObjection.household_id)
        .outerjoin(SurplusAnswer, SurplusAnswer.objection_id == SurplusObjection.id)
        .where(SurplusObjection.plan_id.in_(ids), mine)
        .order_by(SurplusObjection.position)
    ):
        objections[said.plan_id].append(
            {
                "position": said.position, "household": household, "words": said.words, "raised_on": said.raised_on,
                "answer": answered,
            }
        )  # fmt: skip
    return [_told(*row) | {"parts": parts[row[0].id], "objections": objections[row[0].id]} for row in found]


def _plans(actor: Actor) -> Any:
    return (
        select(SurplusPlan, Firm.code, Firm.name_zh, _because(PlanStatus.WITHDRAWN), _because(PlanStatus.REVERSED))
        .join(Firm, Firm.id == SurplusPlan.firm_id)
        .where(_visible(actor))
    )


def _because(state: PlanStatus) -> Any:
    """Why a plan came to be undone in this way; null = it was not."""
    return (
        select(History.reason)
        .where(History.entity_type == SurplusPlan.__tablename__, History.entity_id == SurplusPlan.id)
        .where(History.to_state == state)
        .scalar_subquery()
    )


def _told(
    plan: SurplusPlan, firm: str, firm_name_zh: str, withdrawn_because: str | None, reversed_because: str | None
) -> dict[str, Any]:
    laid_open = plan.laid_open_on
    waits = plan.status is PlanStatus.OPEN and laid_open is not None
    return {name: getattr(plan, name) for name in _AS_WRITTEN} | {
        "id": plan.id,
        "firm": firm,
        "firm_name_zh": firm_name_zh,
        "status": plan.status.value,
        "withdrawn_because": withdrawn_because,
        "reversed_because": reversed_because,
        "approvable_from": laid_open + timedelta(LAID_OPEN_DAYS) if waits and laid_open else None,
    }
