"""Whose an agreement is, for views of this room and of those above it: who may act, and for which side."""

from shop.access.guard import ALL, Owned, Role, current_actor, may_see, must_own
from shop.agreements.actions import agreement_by_code
from shop.agreements.models import Agreement, Side
from shop.agreements.signing import Hand
from shop.catalog.models import Firm
from shop.channels.models import Partner
from shop.kit.db import db
from shop.kit.http import now

_SIDES = {Role.BUYER: Side.BUYER, Role.FIRM_STAFF: Side.FIRM, Role.OPERATOR: Side.COUNTY}


def hand_of(owners: dict[Role, Owned]) -> Hand:
    """For which side the caller speaks: the first of his roles that owns the agreement."""
    actor = current_actor()
    mine = [role for role, owner in owners.items() if may_see(actor, {role: owner})]
    return Hand(_SIDES[mine[0]], actor.person_id, now())


def locked_agreement(code: str, *roles: Role) -> tuple[Agreement, Hand]:
    """The agreement, locked, if one of `roles` is the caller's and owns it. Raises NotFoundError otherwise."""
    session = db.session()
    agreement = agreement_by_code(session, code, lock=True)
    owners: dict[Role, Owned] = {
        Role.BUYER: session.get_one(Partner, agreement.partner_id).party_id,
        Role.FIRM_STAFF: session.get_one(Firm, agreement.firm_id).party_id,
        Role.OPERATOR: ALL,
    }
    asked = {role: owner for role, owner in owners.items() if role in roles}
    must_own(current_actor(), asked, what=code)
    return agreement, hand_of(asked)
