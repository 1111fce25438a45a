"""What families of an income report are called: to whom only his firms tell of them, by a record that these know."""

from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Subquery, case, func, literal, select, union
from sqlalchemy.dialects.postgresql import ARRAY, distinct_on
from sqlalchemy.orm import Session, aliased

from shop.access.guard import Actor, Role, scope
from shop.catalog.models import Firm
from shop.farmers.families import ever, with_merged
from shop.farmers.models import Household, HouseholdAlias, Membership
from shop.places.models import Township, Village
from shop.reports.area import firms_of, sees_all, sees_households, township_area


def called_by(firms: ColumnElement[Any]) -> tuple[Subquery, ColumnElement[str]]:
    """What families with several records are called to some firms, by `family_id`, and the name of a `Household` by it.

    The record that the others count for, where that belongs or belonged to one of them; else their own first by code.
    """
    record = aliased(Household)
    records = union(
        select(HouseholdAlias.counts_for_id.label("family_id"), HouseholdAlias.household_id.label("record_id")),
        select(HouseholdAlias.counts_for_id, HouseholdAlias.counts_for_id),
    ).subquery("records")
    belongs = ever(Membership.household_id.expression, Membership.firm_id.expression)
    called = (
        select(records.c.family_id, record.code.label("code"))
        .ext(distinct_on(records.c.family_id))
        .join(record, record.id == records.c.record_id)
        .join(Membership, (Membership.household_id == record.id) & (Membership.firm_id == func.any(firms)))
        .order_by(
            records.c.family_id, belongs.desc(), (record.id == records.c.family_id).desc(), record.code.collate("C")
        )
        .subquery("called")
    )
    return called, func.coalesce(called.c.code, Household.code)


def name_to(actor: Actor) -> ColumnElement[str]:
    """What a family, which is the `Household` of a query, is called to who sees households of an area.

    Where his firms alone tell him of it, for it lives in none of his townships, as they call it: by `called_by`.
    """
    if not _knows_both(actor):
        return Household.code.expression
    own = select(Firm.id).where(scope(actor, {Role.FIRM_STAFF: Firm.party_id})).correlate(None)
    called, _ = called_by(func.array(own.scalar_subquery()))
    told = select(called.c.code).where(called.c.family_id == Household.id).correlate(Household).scalar_subquery()
    here = select(Village.id).join(Township, Township.id == Village.township_id).where(township_area(actor))
    lives_here = Household.village_id.in_(here.correlate(None))
    return case((lives_here, Household.code), else_=func.coalesce(told, Household.code))


def _knows_both(actor: Actor) -> bool:
    """Whether he sees households of a township, and others as a firm of his knows them."""
    return sees_households(actor) and not sees_all(actor) and actor.has(Role.FIRM_STAFF)


def records_of(session: Session, actor: Actor, code: str) -> Any:
    """Ids of the records of the family that a reader's report calls by a code."""
    if sees_households(actor) and not _knows_both(actor):
        return with_merged(select(Household.id).where(Household.code == code))
    if sees_households(actor):
        heads = Household.id.not_in(select(HouseholdAlias.household_id))
        return with_merged(select(Household.id).where(name_to(actor) == code, heads))
    called, name = called_by(literal(firms_of(session, actor) or [], ARRAY(BigInteger)))
    families = select(Household.id).outerjoin(called, called.c.family_id == Household.id).where(name == code)
    return with_merged(families.where(Household.id.not_in(select(HouseholdAlias.household_id))))
