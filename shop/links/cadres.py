"""Pairing cadres with villages and households, and the unit a cadre belongs to."""

from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from shop.channels.actions import partner_by_code
from shop.channels.models import Partner
from shop.channels.policies import Approval, channel_of_partner, unpaid_helpers
from shop.farmers.models import Household
from shop.kit.errors import NotFoundError
from shop.kit.states import record
from shop.links.errors import AlreadyPaired, NotAHelper, NotPaired
from shop.links.models import HelperUnit, Pairing
from shop.places.models import Village


def helper_by_code(session: Session, code: str) -> Partner:
    """The cadre. Raises NotFoundError, NotAHelper."""
    partner = partner_by_code(session, code)
    if partner.kind not in unpaid_helpers():
        raise NotAHelper(partner=code)
    return partner


def belong_to(session: Session, helper: Partner, unit_code: str, *, actor_id: int | None, now: datetime) -> None:
    """Note the unit of a cadre; said again, it is the new one. Raises NotFoundError for a partner that is no unit."""
    unit = partner_by_code(session, unit_code)
    if channel_of_partner(unit.kind).approval is not Approval.BUYER:
        raise NotFoundError(what=unit_code)
    row = insert(HelperUnit).values(partner_id=helper.id, partner_kind=helper.kind, unit_id=unit.id)
    session.execute(
        row.on_conflict_do_update(index_elements=[HelperUnit.partner_id], set_={HelperUnit.unit_id: unit.id})
    )
    record(session, helper, "belong", person_id=actor_id, now=now, facts={"unit_code": unit_code})


def pair(
    session: Session, helper: Partner, village: str, household: str | None, starts_on: date, *, actor_id: int | None,
    now: datetime,
) -> Pairing:  # fmt: skip
    """Pair a cadre with a village, or a household of it, from a day on. Raises NotFoundError, AlreadyPaired."""
    village_id, household_id = _whom(session, village, household)
    made = session.execute(
        insert(Pairing)
        .values(
            partner_id=helper.id, partner_kind=helper.kind, village_id=village_id, household_id=household_id,
            starts_on=starts_on,
        )
        .on_conflict_do_nothing()
        .returning(Pairing)
    ).scalar()  # fmt: skip
    if made is None:
        raise AlreadyPaired(partner=helper.code, with_whom=household or village)
    record(session, helper, "pair", person_id=actor_id, now=now, facts={"village": village, "household": household})
    return made


def end_pairing(
    session: Session, helper: Partner, village: str, household: str | None, ends_on: date, *, actor_id: int | None,
    now: datetime,
) -> Pairing:  # fmt: skip
    """A running pairing ends with a day. Raises NotFoundError, NotPaired. Locks its row."""
    village_id, household_id = _whom(session, village, household)
    running = session.scalar(
        select(Pairing)
        .where(
            Pairing.partner_id == helper.id, Pairing.village_id == village_id, Pairing.ends_on.is_(None),
            Pairing.household_id.is_not_distinct_from(household_id), Pairing.starts_on <= ends_on,
        )
        .with_for_update()
    )  # fmt: skip
    if running is None:
        raise NotPaired(partner=helper.code, with_whom=household or village)
    running.ends_on = ends_on
    facts: dict[str, object] = {"village": village, "household": household}
    record(session, helper, "end_pairing", person_id=actor_id, now=now, facts=facts)
    session.flush()
    return running


def _whom(session: Session, village: str, household: str | None) -> tuple[int, int | None]:
    village_id = session.scalar(select(Village.id).where(Village.code == village))
    if village_id is None:
        raise NotFoundError(what=village)
    if household is None:
        return village_id, None
    household_id = session.scalar(
        select(Household.id).where(Household.code == household, Household.village_id == village_id)
    )
    if household_id is None:
        raise NotFoundError(what=household)
    return village_id, household_id
