"""Groups of households, and who is paired with which household, from which day to which."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from shop.access.guard import ALL, Actor, Role, scope
from shop.access.models import Party, PartyKind
from shop.farmers.errors import GroupCodeTaken, NotTied, TiedAlready, TooEarly
from shop.farmers.models import Household, HouseholdGroup, HouseholdTie
from shop.kit.clock import beijing_day
from shop.kit.errors import NotFoundError
from shop.kit.states import record
from shop.places.models import Township, Village

#: Who may be paired with a household: a cadre, or a unit.
HELPERS = (PartyKind.CADRE, PartyKind.BUYER)


def add_group(session: Session, code: str, name_zh: str, *, actor_id: int | None, now: datetime) -> HouseholdGroup:
    """A group of households, empty at first. Raises GroupCodeTaken."""
    if session.scalar(select(HouseholdGroup.id).where(HouseholdGroup.code == code)):
        raise GroupCodeTaken(group=code)
    group = HouseholdGroup(code=code, name_zh=name_zh, recorded_by_id=actor_id, recorded_at=now)
    session.add(group)
    session.flush()
    return group


def other_end(session: Session, group: str | None, helper: str | None) -> HouseholdGroup | Party:
    """The group, or the cadre or unit, of a code. Raises NotFoundError."""
    found: HouseholdGroup | Party | None
    if group is not None:
        found = session.scalar(select(HouseholdGroup).where(HouseholdGroup.code == group))
    else:
        found = session.scalar(select(Party).where(Party.code == helper, Party.kind.in_(HELPERS)).limit(1))
    if found is None:
        raise NotFoundError(what=group or helper)
    return found


def _to(end: HouseholdGroup | Party) -> ColumnElement[bool]:
    return HouseholdTie.group_id == end.id if isinstance(end, HouseholdGroup) else HouseholdTie.helper_id == end.id


def tie(
    session: Session, household: Household, end: HouseholdGroup | Party, starts_on: date, *, actor_id: int | None,
    now: datetime,
) -> HouseholdTie:  # fmt: skip
    """Put a household into a group, or pair it. The caller holds the household's lock. Raises TiedAlready, TooEarly."""
    before = session.scalars(
        select(HouseholdTie).where(HouseholdTie.household_id == household.id, _to(end)).order_by(HouseholdTie.id)
    ).all()
    if before and before[-1].ends_on is None:
        raise TiedAlready(household=household.code, to=end.code)
    if starts_on > beijing_day(now) or (before and before[-1].ends_on and starts_on <= before[-1].ends_on):
        raise TooEarly(earliest=str(before[-1].ends_on if before else beijing_day(now)))
    grouped = isinstance(end, HouseholdGroup)
    made = HouseholdTie(
        household_id=household.id, group_id=end.id if grouped else None, helper_id=None if grouped else end.id,
        starts_on=starts_on, ends_on=None, recorded_by_id=actor_id, recorded_at=now,
    )  # fmt: skip
    session.add(made)
    session.flush()
    return made


def untie(
    session: Session, household: Household, end: HouseholdGroup | Party, ends_on: date, reason: str, *,
    actor_id: int | None, now: datetime,
) -> HouseholdTie:  # fmt: skip
    """End what ties a household; `ends_on` is the last day. Holds the household's lock. Raises NotTied, TooEarly."""
    standing = session.scalar(
        select(HouseholdTie).where(HouseholdTie.household_id == household.id, _to(end), HouseholdTie.ends_on.is_(None))
    )
    if standing is None:
        raise NotTied(household=household.code, to=end.code)
    if not standing.starts_on <= ends_on <= beijing_day(now):
        raise TooEarly(earliest=str(standing.starts_on))
    standing.ends_on = ends_on
    session.flush()
    record(session, household, "untie", person_id=actor_id, now=now, reason=reason, facts={"to": end.code})
    return standing


def ties(
    session: Session, actor: Actor, *, limit: int, before_id: int | None, household: str | None, group: str | None,
    helper: str | None,
) -> list[dict[str, Any]]:  # fmt: skip
    """Ties that the reader sees, newest first: the county all, a township its own, helpers theirs. One statement."""
    paired = {Role.CADRE: HouseholdTie.helper_id, Role.BUYER: HouseholdTie.helper_id}
    query = (
        select(HouseholdTie, Household.code, HouseholdGroup.code, HouseholdGroup.name_zh, Party.code, Party.name_zh)
        .join(Household, Household.id == HouseholdTie.household_id)
        .join(Village, Village.id == Household.village_id)
        .join(Township, Township.id == Village.township_id)
        .outerjoin(HouseholdGroup, HouseholdGroup.id == HouseholdTie.group_id)
        .outerjoin(Party, Party.id == HouseholdTie.helper_id)
        .where(or_(scope(actor, {Role.OPERATOR: ALL, Role.MANAGER: Township.party_id}), scope(actor, paired)))
        .order_by(HouseholdTie.id.desc())
        .limit(limit)
    )
    if before_id is not None:
        query = query.where(HouseholdTie.id < before_id)
    for column, wanted in ((Household.code, household), (HouseholdGroup.code, group), (Party.code, helper)):
        if wanted is not None:
            query = query.where(column == wanted)
    return [
        {
            "id": found.id, "household": of, "group": group_code, "group_zh": group_zh, "helper": helper_code,
            "helper_zh": helper_zh, "starts_on": found.starts_on, "ends_on": found.ends_on,
        }
        for found, of, group_code, group_zh, helper_code, helper_zh in session.execute(query)
    ]  # fmt: skip
