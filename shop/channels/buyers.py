"""Kinds of buyer as the county's papers name them, and by way of which kind of partner each of them buys."""

from enum import StrEnum

from shop.channels.models import OccasionKind, PartnerKind
from shop.channels.policies import POLICIES


class BuyerKind(StrEnum):
    """Who buys in bulk."""

    SUPERMARKET = "supermarket"
    ENTERPRISE = "enterprise"
    UNIT = "unit"
    SCHOOL = "school"
    HOSPITAL = "hospital"
    WHOLESALE = "wholesale"


#: Organs, schools and hospitals feed their own people: they buy as units, in bulk and from the price list.
PARTNER_KIND: dict[BuyerKind, PartnerKind] = {
    BuyerKind.SUPERMARKET: PartnerKind.ENTERPRISE,
    BuyerKind.ENTERPRISE: PartnerKind.ENTERPRISE,
    BuyerKind.WHOLESALE: PartnerKind.ENTERPRISE,
    BuyerKind.UNIT: PartnerKind.UNIT,
    BuyerKind.SCHOOL: PartnerKind.UNIT,
    BuyerKind.HOSPITAL: PartnerKind.UNIT,
}

#: The kind of partner that buys under purchase agreements, whatever kind of buyer it is.
AGREEMENT_PARTNER: PartnerKind = next(
    policy.partner for policy in POLICIES.values() if policy.occasion is OccasionKind.AGREEMENT
)


def feeds_people(kind: BuyerKind) -> bool:
    """Whether the buyer is a canteen or a union: no medicinal materials for them."""
    return PARTNER_KIND[kind] is not AGREEMENT_PARTNER
