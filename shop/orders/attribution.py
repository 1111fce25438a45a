"""Counting an order anew: for another partner, occasion or link, by the county, with a reason. Rules: docs/links.md."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from shop.channels.policies import Payer, channel_of_partner
from shop.channels.reference import LinkRow, OccasionRow, PartnerRow, Selling
from shop.kit.errors import NotFoundError
from shop.kit.states import record
from shop.orders.actions import policy_of
from shop.orders.errors import AttributionSame, OccasionNotOpen, OccasionRequired, PartnerDoesNotFit
from shop.orders.models import AttributionChange, Order
from shop.orders.place import IS_OWN


@dataclass(frozen=True)
class Attribution:
    """For whom an order shall be counted, by their codes."""

    partner: str
    occasion: str | None = None
    link: str | None = None


def change_attribution(
    session: Session, order: Order, to: Attribution, reason: str, *, selling: Selling, actor_id: int | None,
    now: datetime,
) -> AttributionChange:  # fmt: skip
    """Count the order for `to`; prices, stock and terms stay as they were. The caller holds the order's lock.

    Whoever calls moves the money of a settled order (`links.corrections`). Raises NotFoundError, PartnerDoesNotFit,
    OccasionRequired, OccasionNotOpen, AttributionSame; then nothing is changed.
    """
    partner = selling.partners_by_code.get(to.partner)
    if partner is None:
        raise NotFoundError(what=to.partner)
    policy = channel_of_partner(partner.kind)
    # Who buys for himself is his own partner, and owes by his own terms: such an order is nobody else's.
    if policy.payer is not Payer.CONSUMER or policy_of(order).payer is not Payer.CONSUMER:
        raise PartnerDoesNotFit(partner=partner.code, channel=policy.name_zh)
    occasion = _occasion(order, to, partner, selling)
    link = _link(to, partner, occasion, selling)
    before = (order.partner_id, order.occasion_id, order.sale_link_id)
    after = (partner.partner_id, occasion.occasion_id if occasion else None, link.link_id if link else None)
    if before == after:
        raise AttributionSame(number=order.number)
    changes = session.scalar(select(func.count()).where(AttributionChange.order_id == order.id)) or 0
    change = AttributionChange(
        order_id=order.id, position=changes + 1, changed_at=now, changed_by_id=actor_id, reason=reason,
        from_channel_id=order.channel_id, from_partner_id=order.partner_id, from_occasion_id=order.occasion_id,
        from_link_id=order.sale_link_id, to_channel_id=selling.channel_ids[policy.kind], to_partner_id=after[0],
        to_occasion_id=after[1], to_link_id=after[2],
    )  # fmt: skip
    session.add(change)
    order.channel_id, order.channel_kind = selling.channel_ids[policy.kind], policy.kind
    order.partner_id, order.partner_kind = partner.partner_id, partner.kind
    order.occasion_id = occasion.occasion_id if occasion else None
    order.occasion_kind = occasion.kind if occasion else None
    order.sale_link_id = link.link_id if link else None
    order.link_opened_at = order.placed_at if link else None
    order.is_own = _is_own(session, order, partner)
    record(
        session, order, "attribute", person_id=actor_id, now=now, reason=reason,
        facts={"partner": partner.code, "occasion": to.occasion, "link": to.link},
    )  # fmt: skip
    session.flush()
    return change


def _occasion(order: Order, to: Attribution, partner: PartnerRow, selling: Selling) -> OccasionRow | None:
    """The occasion, if the order was placed while it was on."""
    policy = channel_of_partner(partner.kind)
    if to.occasion is None:
        if policy.occasion_required:
            raise OccasionRequired(channel=policy.name_zh)
        return None
    occasion = selling.occasions_by_code.get(to.occasion)
    if occasion is None:
        raise NotFoundError(what=to.occasion)
    fits = occasion.kind is policy.occasion and occasion.partner_id == partner.partner_id
    if not fits or not occasion.starts_at <= order.placed_at < occasion.ends_at:
        raise OccasionNotOpen(occasion=occasion.code)
    return occasion


def _link(to: Attribution, partner: PartnerRow, occasion: OccasionRow | None, selling: Selling) -> LinkRow | None:
    """The link, if it is one of the partner to this occasion."""
    if to.link is None:
        return None
    link = selling.links.get(to.link)
    if link is None or link.partner_id != partner.partner_id:
        raise NotFoundError(what=to.link)
    if link.occasion_id != (occasion.occasion_id if occasion else None):
        raise OccasionNotOpen(occasion=to.occasion or to.link)
    return link


def _is_own(session: Session, order: Order, partner: PartnerRow) -> bool:
    asked = {
        "earner_party_id": partner.party_id, "actor_id": order.placed_by_id,
        "phone": (order.recipient or {}).get("phone"),
    }  # fmt: skip
    return bool(session.execute(text(f"SELECT {IS_OWN}"), asked).scalar_one())
