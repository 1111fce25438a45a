"""Groups of households, and who was in them from which day to which."""

from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.orm import Session

from shop.access.guard import ALL, Actor, Owner, Role, scope
from shop.farmers.errors import GroupCodeTaken, NotTied, TieAhead, TiedAlready, TieTooEarly
from shop.farmers.models import Household, HouseholdGroup, HouseholdTie
from shop.kit.clock import beijing_day
from shop.kit.errors import NotFoundError
from shop.kit.states import record
from shop.places.models import Township, Village

#: Whose households' ties are whose.
TIE_OWNERS: dict[Role, Owner] = {Role.OPERATOR: ALL, Role.MANAGER: Township.party_id}


def add_group(session: Session, code: str, name_zh: str, *, actor_id: int | None, now: datetime) -> HouseholdGroup:
    """A group of households, empty at first. Raises GroupCodeTaken."""
    if session.scalar(select(HouseholdGroup.id).where(HouseholdGroup.code == code)):
        raise GroupCodeTaken(group=code)
    group = HouseholdGroup(code=code, name_zh=name_zh, recorded_by_id=actor_id, recorded_at=now)
    session.add(group)
    session.flush()
    return group


def groups(session: Session, actor: Actor, *, limit: int, before_id: int | None) -> list[dict[str, Any]]:
    """Groups, newest first, with how many household records are in each now. One statement.

    The county sees all of them; a township those of which it sees a tie, and counts its own households.
    """
    seen = (
        select(HouseholdTie.id)
        .join(Household, Household.id == HouseholdTie.household_id)
        .join(Village, Village.id == Household.village_id)
        .join(Township, Township.id == Village.township_id)
        .where(HouseholdTie.group_id == HouseholdGroup.id, scope(actor, TIE_OWNERS))
        .correlate(HouseholdGroup)
    )
    standing = seen.where(HouseholdTie.ends_on.is_(None), HouseholdTie.void_reason.is_(None))
    there = standing.with_only_columns(func.count()).scalar_subquery()
    query = select(HouseholdGroup.id, HouseholdGroup.code, HouseholdGroup.name_zh, there.label("households"))
    if not actor.sees_county:
        query = query.where(seen.exists())
    if before_id is not None:
        query = query.where(HouseholdGroup.id < before_id)
    return [dict(row) for row in session.execute(query.order_by(HouseholdGroup.id.desc()).limit(limit)).mappings()]


def group_by_code(session: Session, code: str) -> HouseholdGroup:
    """The group. Raises NotFoundError."""
    group = session.scalar(select(HouseholdGroup).where(HouseholdGroup.code == code))
    if group is None:
        raise NotFoundError(what=code)
    return group


def tie(
    session: Session, household: Household, group: HouseholdGroup, starts_on: date, *, actor_id: int | None,
    now: datetime,
) -> HouseholdTie:  # fmt: skip
    """Put a household into a group. Holds the household's lock. Raises TiedAlready, TieAhead, TieTooEarly."""
    before = session.scalars(select(HouseholdTie).where(_of(household, group)).order_by(HouseholdTie.starts_on)).all()
    if before and before[-1].ends_on is None:
        raise TiedAlready(household=household.code, to=group.code)
    _not_ahead(starts_on, now)
    if before and before[-1].ends_on and starts_on <= before[-1].ends_on:
        raise TieTooEarly(day=str(starts_on), earliest=str(before[-1].ends_on + timedelta(days=1)))
    made = HouseholdTie(
        household_id=household.id, group_id=group.id, starts_on=starts_on, ends_on=None, recorded_by_id=actor_id,
        recorded_at=now,
    )  # fmt: skip
    session.add(made)
    session.flush()
    return made


def untie(
    session: Session, household: Household, group: HouseholdGroup, ends_on: date, reason: str, *,
    actor_id: int | None, now: datetime,
) -> HouseholdTie:  # fmt: skip
    """A household leaves a group; `ends_on` is the last day. Holds the household's lock.

    Raises NotTied, TieAhead, TieTooEarly.
    """
    standing = session.scalar(select(HouseholdTie).where(_of(household, group), HouseholdTie.ends_on.is_(None)))
    if standing is None:
        raise NotTied(household=household.code, to=group.code)
    _not_ahead(ends_on, now)
    if ends_on < standing.starts_on:
        raise TieTooEarly(day=str(ends_on), earliest=str(standing.starts_on))
    standing.ends_on = ends_on
    session.flush()
    record(session, household, "untie", person_id=actor_id, now=now, reason=reason, facts={"to": group.code})
    return standing


def void_tie(
    session: Session, household: Household, group: HouseholdGroup, starts_on: date, reason: str, *,
    actor_id: int | None, now: datetime,
) -> HouseholdTie:  # fmt: skip
    """Say that a household never was in a group as from `starts_on` it was said. Holds its lock. Raises NotTied.

    It stays readable; reports count the household in the group no more, in no month.
    """
    wrong = session.scalar(select(HouseholdTie).where(_of(household, group), HouseholdTie.starts_on == starts_on))
    if wrong is None:
        raise NotTied(household=household.code, to=group.code)
    wrong.void_reason = reason
    session.flush()
    facts: dict[str, object] = {"to": group.code, "starts_on": str(starts_on)}
    record(session, household, "void_tie", person_id=actor_id, now=now, reason=reason, facts=facts)
    return wrong


def _of(household: Household, group: HouseholdGroup) -> ColumnElement[bool]:
    """Ties of a household to a group that are not void."""
    return and_(
        HouseholdTie.household_id == household.id, HouseholdTie.group_id == group.id, HouseholdTie.void_reason.is_(None)
    )


def _not_ahead(day: date, now: datetime) -> None:
    if day > beijing_day(now):
        raise TieAhead(day=str(day), latest=str(beijing_day(now)))


def ties(
    session: Session, actor: Actor, *, limit: int, before_id: int | None, household: str | None, group: str | None
) -> list[dict[str, Any]]:
    """Households in groups, newest first: the county sees all, a township its own. One statement."""
    query = (
        select(HouseholdTie, Household.code, HouseholdGroup.code, HouseholdGroup.name_zh)
        .join(Household, Household.id == HouseholdTie.household_id)
        .join(Village, Village.id == Household.village_id)
        .join(Township, Township.id == Village.township_id)
        .join(HouseholdGroup, HouseholdGroup.id == HouseholdTie.group_id)
        .where(scope(actor, TIE_OWNERS))
        .order_by(HouseholdTie.id.desc())
        .limit(limit)
    )
    if before_id is not None:
        query = query.where(HouseholdTie.id < before_id)
    for column, wanted in ((Household.code, household), (HouseholdGroup.code, group)):
        if wanted is not None:
            query = query.where(column == wanted)
    return [
        {
            "id": found.id, "household": of, "group": group_code, "group_zh": group_zh, "starts_on": found.starts_on,
            "ends_on": found.ends_on, "void_reason": found.void_reason,
        }
        for found, of, group_code, group_zh in session.execute(query)
    ]  # fmt: skip
