"""Whose figures a reader sees: the county, his township, or his firm; decided by `access.guard`."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, case, func, or_, select, true
from sqlalchemy.orm import Session, aliased

from shop.access.guard import ALL, Actor, scope
from shop.access.models import Party, PartyKind, Role
from shop.catalog.models import Firm
from shop.channels.models import Partner, PartnerKind
from shop.farmers.models import Household, HouseholdAlias
from shop.kit.direct import Direct, Later, Row, Together
from shop.places.models import Township, Village
from shop.reports.runs import LATEST

_FINISHED = Direct(
    "SELECT finished_at FROM job_runs WHERE job = ANY(CAST(:jobs AS varchar[])) AND period = :latest ORDER BY 1"
)
#: The ids of some firms, `:firms`, in a prepared statement. Looked up as it runs, so that it is planned alike whatever
#: firms they are: once.
GIVEN_FIRMS = "ARRAY(SELECT unnest(CAST(:firms AS bigint[])))"


@dataclass(frozen=True)
class OfFirms:
    """A prepared statement in two forms: for whoever sees all firms, and for who sees `GIVEN_FIRMS`."""

    of_all: Direct
    of_given: Direct

    def run(self, session: Session, values: Mapping[str, Any], firms: Sequence[int] | None) -> list[Row]:
        """The rows of some firms, as `firms_of` tells them: None = of all."""
        return self._for(firms).run(session, _with(values, firms))

    def ask(self, asked: Together, values: Mapping[str, Any], firms: Sequence[int] | None) -> Later:
        """The same, together with others."""
        return asked.ask(self._for(firms), _with(values, firms))

    def _for(self, firms: Sequence[int] | None) -> Direct:
        return self.of_all if firms is None else self.of_given


def _with(values: Mapping[str, Any], firms: Sequence[int] | None) -> Mapping[str, Any]:
    return values if firms is None else {**values, "firms": list(firms)}


#: Who reads reports; and who reads those of agreements: a buyer his own.
READERS = (Role.OPERATOR, Role.MANAGER, Role.FIRM_STAFF)
AGREEMENT_READERS = (*READERS, Role.BUYER)

#: For whom an order counts, as reports tell it: which cadre brought one is told to nobody. Of `Partner`.
PARTNER_TOLD: ColumnElement[str | None] = case((Partner.kind == PartnerKind.CADRE, None), else_=Partner.code)


def area(actor: Actor) -> ColumnElement[bool]:
    """Criterion on `Township` and `Firm`: which township a row counts in is up to the report that joins it."""
    return scope(actor, {Role.OPERATOR: ALL, Role.MANAGER: Township.party_id, Role.FIRM_STAFF: Firm.party_id})


def township_area(actor: Actor) -> ColumnElement[bool]:
    """Criterion on `Township` alone, for what is counted over whole households: nothing for firms."""
    return scope(actor, {Role.OPERATOR: ALL, Role.MANAGER: Township.party_id})


def sees_all(actor: Actor) -> bool:
    """Whether his area is everything: where `area` and `township_area` are true."""
    return actor.has(Role.OPERATOR) or (actor.has(Role.MANAGER) and actor.sees_county)


def firms_of(session: Session, actor: Actor) -> list[int] | None:
    """The ids of his firms, for a look at an index by firm before anything is joined; None for all."""
    if sees_all(actor):
        return None
    ids = select(Firm.id).join(Village, Village.id == Firm.village_id)
    return list(session.scalars(ids.join(Township, Township.id == Village.township_id).where(area(actor))))


def records_in(where: ColumnElement[bool]) -> Any:
    """Ids of the records of families who live where the criterion on `Township` and `Village` says."""
    record = aliased(Household)
    query = select(record.id).outerjoin(HouseholdAlias, HouseholdAlias.household_id == record.id)
    query = query.join(Household, Household.id == func.coalesce(HouseholdAlias.counts_for_id, record.id))
    query = query.join(Village, Village.id == Household.village_id).join(Township, Township.id == Village.township_id)
    return query.where(where).correlate(None)


def of_reader(actor: Actor, counted: Any) -> ColumnElement[bool]:
    """What of `counted`, which names household and firm, is in the reader's area: as `area`, with nothing joined."""
    if sees_all(actor):
        return true()
    ids = select(Firm.id).where(scope(actor, {Role.FIRM_STAFF: Firm.party_id})).correlate(None)
    own: ColumnElement[bool] = counted.firm_id == func.any(func.array(ids.scalar_subquery()))
    return or_(own, counted.household_id.in_(records_in(township_area(actor)))) if sees_households(actor) else own


def area_zh(session: Session, actor: Actor, roles: Collection[Role] = READERS) -> str:
    """Whose area it is, by name: the county, his townships, his firms, of agreements the buyer that he is."""
    readers = [grant for grant in actor.grants if grant.role in roles]
    county = [grant for grant in readers if grant.party_kind is PartyKind.COUNTY]
    ids = {grant.party_id for grant in county or readers}
    return "、".join(session.scalars(select(Party.name_zh).where(Party.id.in_(ids)).order_by(Party.code)))


def sees_households(actor: Actor) -> bool:
    """Whether he may see what households have altogether: managers may, a firm knows only what it paid itself."""
    return actor.has(Role.OPERATOR, Role.MANAGER)


def as_of(session: Session, *jobs: str) -> datetime | None:
    """The cut-off of figures from several rollups: the oldest of their last refreshes; None if one was never made."""
    times = _FINISHED.run(session, {"jobs": list(jobs), "latest": LATEST})
    return times[0][0] if len(times) == len(jobs) else None
