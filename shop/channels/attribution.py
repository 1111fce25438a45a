"""Which opened link an order is counted for. The rules stand in docs/links.md and in no other code."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from shop.channels.policies import Payer, channel_of_partner
from shop.channels.reference import LinkRow, PartnerRow, Selling
from shop.kit.clock import beijing_day


@dataclass(frozen=True)
class Opening:
    """Somebody opened a link at an instant."""

    code: str
    at: datetime


def winner(
    openings: Iterable[Opening], selling: Selling, *, product_ids: Collection[int], buyer_party_id: int | None,
    now: datetime,
) -> Opening | None:  # fmt: skip
    """The opening that an order of these products is counted for; None when it came by no link.

    A session's link while the session sells them, else the last one; neither is older than the window of the day.
    """
    oldest = now - timedelta(days=selling.window_days(beijing_day(now)))
    counting: list[tuple[bool, datetime, int, Opening]] = []
    for position, opening in enumerate(openings):
        link = selling.links.get(opening.code)
        partner = selling.partners_by_id.get(link.partner_id) if link else None
        if link is None or partner is None or not oldest <= opening.at <= now:
            continue
        if _applies(link, partner, selling, product_ids, buyer_party_id, now):
            live = channel_of_partner(partner.kind).occasion_required
            counting.append((live, opening.at, position, opening))
    return max(counting)[3] if counting else None


def _applies(
    link: LinkRow, partner: PartnerRow, selling: Selling, product_ids: Collection[int], buyer_party_id: int | None,
    now: datetime,
) -> bool:  # fmt: skip
    """Whether an order of these products can come by this link now."""
    policy = channel_of_partner(partner.kind)
    if policy.payer is Payer.PARTNER and partner.party_id != buyer_party_id:
        return False
    if link.occasion_id is None:
        return not policy.occasion_required
    occasion = selling.occasions_by_id[link.occasion_id]
    if not occasion.selling(now):
        return False
    return not policy.occasion_required or all(product_id in occasion.offers for product_id in product_ids)
