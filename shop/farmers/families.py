"""Two records of one family, and who belongs to which firm from when to when."""

from datetime import date, datetime

from sqlalchemy import ColumnElement, Select, and_, exists, func, literal, not_, or_, select
from sqlalchemy.orm import Session, aliased

from shop.catalog.models import CO_OPERATIVES, Firm
from shop.farmers.errors import (
    AlreadyRelated,
    DeliveredAfterwards,
    HasMergedRecords,
    MergedAlready,
    NoSharesHere,
    NotMerged,
    NotOfThisFirm,
    TooEarly,
)
from shop.farmers.jobs import COUNT_FAMILY_COSTS
from shop.farmers.models import Delivery, Household, HouseholdAlias, Membership, MembershipSpell, Relation
from shop.farmers.slips import STANDING_G
from shop.kit.clock import beijing_day
from shop.kit.errors import NotFoundError
from shop.kit.jobs import enqueue
from shop.kit.states import record


def locked_households(session: Session, *codes: str) -> list[Household]:
    """The households, locked by rising id, in the order asked for. Raises NotFoundError."""
    found = {
        household.code: household
        for household in session.scalars(
            select(Household).where(Household.code.in_(codes)).order_by(Household.id).with_for_update()
        )
    }
    for code in codes:
        if code not in found:
            raise NotFoundError(what=code)
    return [found[code] for code in codes]


def merge(
    session: Session, household: Household, into: Household, reason: str, *, actor_id: int | None, now: datetime
) -> None:
    """Count what `household` earned for `into`: one family, two records. The caller holds both locks.

    No fact is moved, so nothing is lost and nothing doubled. What was entered for one goes before rates for both: asks
    for the counting of their costs. Raises MergedAlready, HasMergedRecords.
    """
    if household.id == into.id or _alias(session, into.id) is not None or _alias(session, household.id) is not None:
        raise MergedAlready(household=household.code, into=into.code)
    if session.scalar(select(exists().where(HouseholdAlias.counts_for_id == household.id))):
        raise HasMergedRecords(household=household.code)
    session.add(HouseholdAlias(household_id=household.id, counts_for_id=into.id, merged_at=now))
    session.flush()
    enqueue(session, COUNT_FAMILY_COSTS, into.id, now=now)
    record(session, household, "merge", person_id=actor_id, now=now, reason=reason, facts={"into": into.code})


def unmerge(session: Session, household: Household, reason: str, *, actor_id: int | None, now: datetime) -> None:
    """Let `household` count for itself again, exactly as before. The caller holds its lock. Raises NotMerged.

    Asks for the counting of the costs of both.
    """
    alias = _alias(session, household.id)
    if alias is None:
        raise NotMerged(household=household.code)
    session.delete(alias)
    session.flush()
    for each in (household.id, alias.counts_for_id):
        enqueue(session, COUNT_FAMILY_COSTS, each, now=now)
    record(session, household, "unmerge", person_id=actor_id, now=now, reason=reason)


def _alias(session: Session, household_id: int) -> HouseholdAlias | None:
    return session.get(HouseholdAlias, household_id, populate_existing=True)


def counts_for(household_id: int | ColumnElement[int]) -> Select[str]:
    """The code of the household for which a record counts; none where it counts for itself."""
    other = aliased(Household)
    return (
        select(other.code)
        .join(HouseholdAlias, HouseholdAlias.counts_for_id == other.id)
        .where(HouseholdAlias.household_id == household_id)
    )


def stood_on(household_id: ColumnElement[int], firm_id: ColumnElement[int], day: date) -> ColumnElement[bool]:
    """Whether a relation stood on a day. `household_id` and `firm_id` name a membership."""
    return stood_within(household_id, firm_id, day, day)


def stood_within(
    household_id: ColumnElement[int], firm_id: ColumnElement[int], first: date | ColumnElement[date],
    last: date | ColumnElement[date],
) -> ColumnElement[bool]:  # fmt: skip
    """Whether a relation stood on any day from `first` to `last`, both included."""
    own = and_(MembershipSpell.household_id == household_id, MembershipSpell.firm_id == firm_id)
    then = and_(
        func.coalesce(MembershipSpell.joined_on, literal(date.min)) <= last,
        func.coalesce(MembershipSpell.left_on, literal(date.max)) >= first,
    )
    return or_(not_(exists().where(own)), exists().where(own, then).correlate_except(MembershipSpell))


def stands(household_id: ColumnElement[int], firm_id: ColumnElement[int]) -> ColumnElement[bool]:
    """Whether a relation stands now: nobody leaves on a day to come. The columns name a membership."""
    own = and_(MembershipSpell.household_id == household_id, MembershipSpell.firm_id == firm_id)
    return or_(not_(exists().where(own)), exists().where(own, MembershipSpell.left_on.is_(None)))


def join(
    session: Session, firm: Firm, household: Household, joined_on: date, share_units: int, *, actor_id: int | None,
    now: datetime,
) -> Membership:  # fmt: skip
    """Let a household join a firm, or come back: member of a co-operative, contract grower of any other firm.

    The caller holds the household's lock. Raises AlreadyRelated, NoSharesHere, TooEarly (before it left, or in the
    future).
    """
    _not_ahead(joined_on, now)
    member = firm.kind in CO_OPERATIVES
    if share_units and not member:
        raise NoSharesHere(firm=firm.code)
    membership = _membership(session, firm, household)
    spells = _spells(session, firm, household)
    if membership is not None and (not spells or spells[-1].left_on is None):
        raise AlreadyRelated(household=household.code, firm=firm.code)
    if spells and spells[-1].left_on is not None and joined_on <= spells[-1].left_on:
        raise TooEarly(earliest=str(spells[-1].left_on))
    if membership is None:
        membership = Membership(
            household_id=household.id, firm_id=firm.id, relation=Relation.MEMBER if member else Relation.CONTRACT,
            share_units=0,
        )  # fmt: skip
        session.add(membership)
    membership.share_units = share_units
    session.flush()
    session.add(
        MembershipSpell(household_id=household.id, firm_id=firm.id, joined_on=joined_on, left_on=None, returned_units=0)
    )
    session.flush()
    facts: dict[str, object] = {"firm": firm.code, "on": str(joined_on), "share_units": membership.share_units}
    record(session, household, "join", person_id=actor_id, now=now, facts=facts)
    return membership


def leave(
    session: Session, firm: Firm, household: Household, left_on: date, reason: str, *, actor_id: int | None,
    now: datetime,
) -> MembershipSpell:  # fmt: skip
    """Let a household leave a firm; `left_on` is its last day. Its capital shares are paid back.

    It still shares by transactions in the surplus of the years in which it was a member. The caller holds the
    household's lock. Raises NotOfThisFirm, TooEarly, DeliveredAfterwards (by a slip that is not void).
    """
    _not_ahead(left_on, now)
    membership = _membership(session, firm, household)
    spells = _spells(session, firm, household)
    if membership is None or (spells and spells[-1].left_on is not None):
        raise NotOfThisFirm(household=household.code)
    if spells and spells[-1].joined_on is not None and left_on < spells[-1].joined_on:
        raise TooEarly(earliest=str(spells[-1].joined_on))
    last = session.scalar(
        select(func.max(Delivery.delivered_on)).where(
            Delivery.household_id == household.id, Delivery.firm_id == firm.id, STANDING_G > 0
        )
    )
    if last is not None and last > left_on:
        raise DeliveredAfterwards(household=household.code, last=str(last))
    spell = spells[-1] if spells else MembershipSpell(household_id=household.id, firm_id=firm.id)
    spell.left_on, spell.returned_units = left_on, membership.share_units
    session.add(spell)
    membership.share_units = 0
    session.flush()
    facts: dict[str, object] = {"firm": firm.code, "on": str(left_on), "returned_units": spell.returned_units}
    record(session, household, "leave", person_id=actor_id, now=now, reason=reason, facts=facts)
    return spell


def _not_ahead(day: date, now: datetime) -> None:
    if day > beijing_day(now):
        raise TooEarly(earliest=str(day))


def _membership(session: Session, firm: Firm, household: Household) -> Membership | None:
    return session.scalar(
        select(Membership).where(Membership.household_id == household.id, Membership.firm_id == firm.id)
    )


def _spells(session: Session, firm: Firm, household: Household) -> list[MembershipSpell]:
    """By their days, the last one last."""
    rows = session.scalars(
        select(MembershipSpell)
        .where(MembershipSpell.household_id == household.id, MembershipSpell.firm_id == firm.id)
        .order_by(MembershipSpell.id)
    )
    return list(rows)
