"""What the families of an income report are called: to who sees only firms, by a record that his firm knows."""

from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Subquery, func, literal, select, union
from sqlalchemy.dialects.postgresql import ARRAY, distinct_on
from sqlalchemy.orm import Session, aliased

from shop.access.guard import Actor
from shop.farmers.families import ever, with_merged
from shop.farmers.models import Household, HouseholdAlias, Membership
from shop.reports.area import firms_of, sees_households


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


def records_of(session: Session, actor: Actor, code: str) -> Any:
    """Ids of the records of the family that a reader's report calls by a code."""
    if sees_households(actor):
        return with_merged(select(Household.id).where(Household.code == code))
    called, name = called_by(literal(firms_of(session, actor) or [], ARRAY(BigInteger)))
    families = select(Household.id).outerjoin(called, called.c.family_id == Household.id).where(name == code)
    return with_merged(families.where(Household.id.not_in(select(HouseholdAlias.household_id))))
