"""Two records of one family, and who belongs to which firm from when to when."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, CompoundSelect, Select, and_, exists, func, literal, not_, or_, select, union
from sqlalchemy.orm import Session, aliased

from shop.catalog.models import CO_OPERATIVES, Firm
from shop.farmers.errors import (
    AlreadyRelated,
    DeliveredAfterwards,
    HasMergedRecords,
    JoiningStands,
    LeftSince,
    MergedAlready,
    NoDeparture,
    NoJoining,
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


def heads_of(*which: ColumnElement[bool]) -> Select[int]:
    """Ids of the records that those of `Household` count for: perhaps they themselves."""
    families = select(func.coalesce(HouseholdAlias.counts_for_id, Household.id)).select_from(Household)
    return families.outerjoin(HouseholdAlias, HouseholdAlias.household_id == Household.id).where(*which).correlate(None)


def with_merged(families: Any) -> CompoundSelect[int]:
    """Ids of families, which `families` selects, and of the records that count for them."""
    return union(families, select(HouseholdAlias.household_id).where(HouseholdAlias.counts_for_id.in_(families)))


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
        ~MembershipSpell.void,
    )
    any_at_all, one = (exists().where(own, *more).correlate_except(MembershipSpell) for more in ((), (then,)))
    return or_(not_(any_at_all), one)


def ever(household_id: ColumnElement[int], firm_id: ColumnElement[int]) -> ColumnElement[bool]:
    """Whether a relation stands or ever stood. The columns name a membership."""
    return stood_within(household_id, firm_id, date.min, date.max)


#: Whether a `Membership` stands or ever stood.
EVER = ever(Membership.household_id.expression, Membership.firm_id.expression)


def days_of(session: Session, *which: ColumnElement[bool]) -> dict[tuple[str, str], list[tuple[date, date]]]:
    """When households were of a firm: first and last days by household and firm, both codes.

    `which`: criteria on `Household` and `Firm`. What has no days was always so; of what never was there are none.
    """
    spell = and_(
        MembershipSpell.household_id == Membership.household_id, MembershipSpell.firm_id == Membership.firm_id
    )  # fmt: skip
    rows = session.execute(
        select(Household.code, Firm.code, MembershipSpell.joined_on, MembershipSpell.left_on, MembershipSpell.void)
        .select_from(Membership)
        .join(Household, Household.id == Membership.household_id)
        .join(Firm, Firm.id == Membership.firm_id)
        .outerjoin(MembershipSpell, spell)
        .where(*which)
    )
    found: dict[tuple[str, str], list[tuple[date, date]]] = {}
    for household, firm, joined_on, left_on, void in rows:
        days = found.setdefault((household, firm), [])
        if not void:
            days.append((joined_on or date.min, left_on or date.max))
    return found


def stands(household_id: ColumnElement[int], firm_id: ColumnElement[int]) -> ColumnElement[bool]:
    """Whether a relation stands now: nobody leaves on a day to come. The columns name a membership."""
    own = and_(MembershipSpell.household_id == household_id, MembershipSpell.firm_id == firm_id)
    return or_(not_(exists().where(own)), exists().where(own, MembershipSpell.left_on.is_(None), ~MembershipSpell.void))


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
    membership, spells = membership_of(session, firm, household), _spells(session, firm, household)
    if membership is not None and (not spells or spells[-1].left_on is None):
        raise AlreadyRelated(household=household.code, firm=firm.code)
    _after_leaving(joined_on, spells)
    if membership is None:  # a row is there of a joining that never was
        membership = session.scalar(_rows(firm, household)) or Membership(
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
    membership = membership_of(session, firm, household)
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


def void_departure(
    session: Session, firm: Firm, household: Household, reason: str, *, actor_id: int | None, now: datetime
) -> MembershipSpell:
    """Say that the household's last departure from the firm never was: it has the shares of before it.

    Who came back since never was away: that joining goes with it. The caller holds the household's lock and looks at
    what was built on it (room income). Raises NoDeparture.
    """
    membership, spells = membership_of(session, firm, household), _spells(session, firm, household)
    left = [spell for spell in spells if spell.left_on is not None]
    if membership is None or not left:
        raise NoDeparture(household=household.code, firm=firm.code)
    spell = left[-1]
    facts: dict[str, object] = {
        "firm": firm.code, "on": str(spell.left_on), "returned_units": spell.returned_units
    }  # fmt: skip
    for back in spells[spells.index(spell) + 1 :]:
        facts |= {"back_on": str(back.joined_on), "share_units": membership.share_units}
        back.void = True
    session.flush()
    membership.share_units, spell.returned_units, spell.left_on = spell.returned_units, 0, None
    session.flush()
    record(session, household, "void_leave", person_id=actor_id, now=now, reason=reason, facts=facts)
    return spell


def void_joining(
    session: Session, firm: Firm, household: Household, reason: str, *, actor_id: int | None, now: datetime
) -> MembershipSpell | None:
    """Say that the household's last joining never was; returns the spell before it, None = it never was of the firm.

    The caller holds the household's lock and looks at what was built on it (room income). Raises NoJoining, LeftSince.
    """
    membership, spells = membership_of(session, firm, household), _spells(session, firm, household)
    if membership is None or not spells or spells[-1].joined_on is None:
        raise NoJoining(household=household.code, firm=firm.code)
    _not_left(firm, household, spells[-1])
    facts: dict[str, object] = {
        "firm": firm.code, "on": str(spells[-1].joined_on), "share_units": membership.share_units
    }  # fmt: skip
    spells[-1].void, membership.share_units = True, 0
    session.flush()
    record(session, household, "void_join", person_id=actor_id, now=now, reason=reason, facts=facts)
    return spells[-2] if len(spells) > 1 else None


def correct_joining(
    session: Session, firm: Firm, household: Household, joined_on: date | None, share_units: int | None, reason: str, *,
    actor_id: int | None, now: datetime,
) -> Membership:  # fmt: skip
    """Say when the household really joined, and with how many capital shares; None leaves it as it is.

    The caller holds the household's lock and looks at what was built on it (room income). Raises NotOfThisFirm,
    LeftSince, TooEarly, NoSharesHere, JoiningStands.
    """
    membership, spells = membership_of(session, firm, household), _spells(session, firm, household)
    if membership is None:
        raise NotOfThisFirm(household=household.code)
    spell = spells[-1] if spells else MembershipSpell(household_id=household.id, firm_id=firm.id, returned_units=0)
    _not_left(firm, household, spell)
    was, units = spell.joined_on, membership.share_units
    day = was if joined_on is None else joined_on
    held = units if share_units is None else share_units
    if (day, held) == (was, units):
        raise JoiningStands(household=household.code, firm=firm.code)
    if joined_on is not None:
        _not_ahead(joined_on, now)
        _after_leaving(joined_on, spells[:-1])
    if held and membership.relation is not Relation.MEMBER:
        raise NoSharesHere(firm=firm.code)
    membership.share_units = held
    if day != was:
        spell.joined_on = day
        session.add(spell)
    session.flush()
    facts: dict[str, object] = {
        "firm": firm.code, "on": day and str(day), "share_units": held, "was_on": was and str(was), "was_units": units
    }  # fmt: skip
    record(session, household, "correct_join", person_id=actor_id, now=now, reason=reason, facts=facts)
    return membership


def last_spell(session: Session, firm: Firm, household: Household) -> MembershipSpell | None:
    """The last time that the household was of the firm; None: since ever, or never."""
    spells = _spells(session, firm, household)
    return spells[-1] if spells else None


def _not_left(firm: Firm, household: Household, spell: MembershipSpell) -> None:
    if spell.left_on is not None:
        raise LeftSince(household=household.code, firm=firm.code, left_on=str(spell.left_on))


def _after_leaving(joined_on: date, spells: Sequence[MembershipSpell]) -> None:
    """Who comes back has left before. Raises TooEarly."""
    if spells and spells[-1].left_on is not None and joined_on <= spells[-1].left_on:
        raise TooEarly(earliest=str(spells[-1].left_on))


def _not_ahead(day: date, now: datetime) -> None:
    if day > beijing_day(now):
        raise TooEarly(earliest=str(day))


def _rows(firm: Firm, household: Household) -> Select[Membership]:
    return select(Membership).where(Membership.household_id == household.id, Membership.firm_id == firm.id)


def membership_of(session: Session, firm: Firm, household: Household) -> Membership | None:
    """The household's relation to the firm, now or before; None where it never was of it."""
    return session.scalar(
        _rows(firm, household).where(ever(Membership.household_id.expression, Membership.firm_id.expression))
    )


def _spells(session: Session, firm: Firm, household: Household) -> list[MembershipSpell]:
    """By their days, the last one last."""
    rows = session.scalars(
        select(MembershipSpell)
        .where(MembershipSpell.household_id == household.id, MembershipSpell.firm_id == firm.id, ~MembershipSpell.void)
        .order_by(MembershipSpell.id)
    )
    return list(rows)
