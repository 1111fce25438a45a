"""Reading households, each reader only his own."""

from collections.abc import Iterator, Set
from dataclasses import dataclass, replace
from datetime import date
from itertools import groupby
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, false, func, or_, select, union_all
from sqlalchemy.orm import InstrumentedAttribute, Session

from shop.access.guard import ALL, Actor, Role, scope
from shop.catalog.models import Firm
from shop.farmers.families import EVER, counts_for, heads_of, with_merged
from shop.farmers.models import Household, HouseholdAlias, Membership, MembershipSpell, Relation
from shop.kit.states import History
from shop.places.models import Township, Village


@dataclass(frozen=True)
class MembershipSeen:
    """A household's relation to a firm; its first day and its last one, when it `left`; null = none was recorded."""

    firm: str
    firm_name_zh: str
    relation: Relation
    share_units: int
    joined_on: date | None
    left_on: date | None
    left: bool


@dataclass(frozen=True)
class HouseholdSeen:
    """A household as its readers see it: never whether it is assisted. `counts_for`: another record of its family."""

    household_id: int
    code: str
    counts_for: str | None
    village_zh: str
    township_zh: str
    persons: int
    land_mu_tenths: int
    leased_out_mu_tenths: int
    memberships: tuple[MembershipSeen, ...]


def visible_to(actor: Actor) -> ColumnElement[bool]:
    """The county sees all, a township its own, a firm its members and growers, a household itself."""
    return scope(
        actor,
        {
            Role.OPERATOR: ALL,
            Role.MANAGER: Township.party_id,
            Role.FIRM_STAFF: Firm.party_id,
            Role.HOUSEHOLD: Household.party_id,
        },
    )


def of_family(actor: Actor, household_id: ColumnElement[int] | InstrumentedAttribute[int]) -> ColumnElement[bool]:
    """Whether a record is the reading household's own, or counts for it as records are merged now."""
    if not actor.has(Role.HOUSEHOLD):
        return false()
    own = {Role.HOUSEHOLD: Household.party_id}
    merged = (
        select(HouseholdAlias.household_id)
        .join(Household, Household.id == HouseholdAlias.counts_for_id)
        .where(scope(actor, own))
    )
    every = union_all(select(Household.id).where(scope(actor, own)), merged).subquery()
    return household_id.in_(select(every.c[0]))


def _joined(query: Select[*tuple[Any, ...]]) -> Select[*tuple[Any, ...]]:
    """With places, memberships and firms; who is of no firm, too."""
    return (
        query.select_from(Household)
        .join(Village, Village.id == Household.village_id)
        .join(Township, Township.id == Village.township_id)
        .join(Membership, and_(Membership.household_id == Household.id, EVER), isouter=True)
        .join(Firm, Firm.id == Membership.firm_id, isouter=True)
    )


_MERGED = counts_for(Household.id.expression).correlate(Household).scalar_subquery()
#: The last time that a household was of a firm, by membership.
_LAST_SPELL = and_(
    MembershipSpell.household_id == Membership.household_id, MembershipSpell.firm_id == Membership.firm_id,
    MembershipSpell.id.in_(
        select(func.max(MembershipSpell.id))
        .where(~MembershipSpell.void)
        .group_by(MembershipSpell.household_id, MembershipSpell.firm_id)
    ),
)  # fmt: skip


def households(session: Session, *wanted: ColumnElement[bool], limit: int) -> list[HouseholdSeen]:
    """Up to `limit` households by id, each with those of its memberships that `wanted` lets through."""
    ids = _joined(select(Household.id)).where(*wanted).distinct().order_by(Household.id).limit(limit)
    told = select(
        Household, Village.short_zh, Township.name_zh, Membership, Firm.code, Firm.name_zh, _MERGED,
        MembershipSpell.joined_on, MembershipSpell.left_on,
    )  # fmt: skip
    rows = session.execute(
        _joined(told)
        .outerjoin(MembershipSpell, _LAST_SPELL)
        .where(Household.id.in_(ids), *wanted)
        .order_by(Household.id, Membership.id)
    )
    return list(_seen(rows))


def known_to(session: Session, actor: Actor, codes: Set[str | None]) -> Set[str | None]:
    """Of the codes of records of one family those that the reader may know: he sees them, or they are of his own."""
    if not codes - {None}:
        return codes
    may = or_(visible_to(actor), _of_own_family(actor))
    return set(session.scalars(_joined(select(Household.code)).where(Household.code.in_(codes), may)))


def _of_own_family(actor: Actor) -> ColumnElement[bool]:
    """Whether a record is of the reading household's family: one counts for the other, or both for a third one."""
    if not actor.has(Role.HOUSEHOLD):
        return false()
    return Household.id.in_(with_merged(heads_of(Household.party_id.in_(actor.parties(Role.HOUSEHOLD)))))


def told_to(session: Session, actor: Actor, seen: list[HouseholdSeen]) -> list[HouseholdSeen]:
    """Without the record that one counts for, where the reader may not know that household."""
    known = known_to(session, actor, {household.counts_for for household in seen})
    return [one if one.counts_for in known else replace(one, counts_for=None) for one in seen]


def _seen(rows: Any) -> Iterator[HouseholdSeen]:
    for _, group in groupby(rows, key=lambda row: row[0].id):
        own = list(group)
        household, village_zh, township_zh = own[0][:3]
        yield HouseholdSeen(
            household.id,
            household.code,
            own[0][6],
            village_zh,
            township_zh,
            household.persons,
            household.land_mu_tenths,
            household.leased_out_mu_tenths,
            tuple(
                MembershipSeen(firm, name, its.relation, its.share_units, joined_on, left_on, left_on is not None)
                for _, _, _, its, firm, name, _, joined_on, left_on in own
                if its is not None
            ),
        )


def corrections(
    session: Session, household_id: int, *, limit: int, before_id: int | None, assisted: bool
) -> list[dict[str, Any]]:
    """What was changed in a household's record and why, newest first; with `assisted` also whether it is assisted."""
    query = (
        select(History)
        .where(
            History.entity_type == Household.__tablename__, History.entity_id == household_id,
            History.event.in_(["correct", "set_village", *(["set_assisted"] if assisted else [])]),
        )
        .order_by(History.id.desc())
        .limit(limit)
    )  # fmt: skip
    if before_id is not None:
        query = query.where(History.id < before_id)
    return [
        {"id": row.id, "at": row.at, "reason": row.reason}
        | ({"changed": row.facts} if row.event == "correct" else row.facts or {})
        for row in session.scalars(query)
    ]
