"""The unit a cadre belongs to. With whom he is paired is the room farmers' to know."""

from datetime import datetime

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from shop.channels.actions import partner_by_code
from shop.channels.models import Partner
from shop.channels.policies import Approval, channel_of_partner, unpaid_helpers
from shop.kit.errors import NotFoundError
from shop.kit.states import record
from shop.links.models import HelperUnit


def helper_by_code(session: Session, code: str) -> Partner:
    """The cadre. Raises NotFoundError, also for a partner who earns by what he sells."""
    partner = partner_by_code(session, code)
    if partner.kind not in unpaid_helpers():
        raise NotFoundError(what=code)
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
