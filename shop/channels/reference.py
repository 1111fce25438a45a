"""Campaigns, channels, partners, occasions, fees and links kept in the process, so that placing an order reads none."""

from dataclasses import dataclass, field
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from shop.catalog.models import Category
from shop.channels.models import (
    Campaign,
    CampaignProduct,
    Channel,
    ChannelKind,
    FeeRate,
    LinkRule,
    Occasion,
    OccasionKind,
    OccasionStatus,
    Offer,
    Partner,
    PartnerKind,
    SaleLink,
)
from shop.channels.policies import channel_of_partner
from shop.kit.reference import Kept


@dataclass(frozen=True)
class PartnerRow:
    """A partner."""

    partner_id: int
    code: str
    kind: PartnerKind
    party_id: int
    name_zh: str
    payment_term_days: int | None
    storefront: bool


@dataclass(frozen=True)
class OfferRow:
    """An offer: fen per pack, cap in packs."""

    price_fen: int
    per_buyer_cap: int | None


@dataclass(frozen=True)
class OccasionRow:
    """An occasion and its offers by product id."""

    occasion_id: int
    code: str
    kind: OccasionKind
    status: OccasionStatus
    campaign_id: int
    partner_id: int
    starts_at: datetime
    ends_at: datetime
    commission_bp: int
    hold_s: int | None
    offers: dict[int, OfferRow]

    def selling(self, now: datetime) -> bool:
        """Open, and within its hours."""
        return self.status is OccasionStatus.OPEN and self.starts_at <= now < self.ends_at


@dataclass(frozen=True)
class LinkRow:
    """Where a link leads."""

    link_id: int
    code: str
    campaign_id: int
    partner_id: int
    occasion_id: int | None
    product_id: int | None


#: Days for which an opened link counts where the county has set no rule.
WINDOW_DAYS = 7


@dataclass(frozen=True)
class Selling:
    """Everything about channels at one version."""

    version: int
    channel_ids: dict[ChannelKind, int]
    campaigns: tuple[tuple[int, str, date, date], ...]
    partners_by_code: dict[str, PartnerRow]
    partners_by_id: dict[int, PartnerRow]
    occasions_by_code: dict[str, OccasionRow]
    occasions_by_id: dict[int, OccasionRow]
    links: dict[str, LinkRow]
    fees: tuple[tuple[int, Category | None, date, int], ...]
    link_rules: tuple[tuple[date, int, bool], ...]
    campaign_products: dict[int, frozenset[int]] = field(default_factory=dict)

    def window_days(self, day: date) -> int:
        """For how many days an opened link counts for an order of `day`: the youngest rule."""
        return self._rule(day)[1]

    def ranking(self, day: date) -> bool:
        """Whether the county ranks cadres on `day`; it does not unless it said so."""
        return self._rule(day)[2]

    def _rule(self, day: date) -> tuple[date, int, bool]:
        return max((rule for rule in self.link_rules if rule[0] <= day), default=(day, WINDOW_DAYS, False))

    def storefronts(self) -> tuple[PartnerRow, ...]:
        """Our own online shops by code; the first is the one that pages fall back on."""
        return tuple(partner for _, partner in sorted(self.partners_by_code.items()) if partner.storefront)

    def campaign_on(self, day: date, products: frozenset[int] | None = None) -> int | None:
        """The id of the campaign open on `day`; the one that started last when several are.

        With `products` (ids), one that is about all of them, or about no product in particular.
        """
        open_ones = [
            (starts, id_)
            for id_, _, starts, ends in self.campaigns
            if starts <= day <= ends and (products is None or products <= self.campaign_products.get(id_, products))
        ]
        return max(open_ones)[1] if open_ones else None

    def occasion_of(self, code: str) -> OccasionRow | None:
        """The occasion that a link leads to; None when it leads to none."""
        link = self.links.get(code)
        return self.occasions_by_id.get(link.occasion_id) if link and link.occasion_id else None

    def counter_of(self, code: str) -> OccasionRow | None:
        """The occasion with a counter and prices of its own that a link leads to: a session, not a promotion."""
        occasion = self.occasion_of(code)
        if occasion is None or not channel_of_partner(self.partners_by_id[occasion.partner_id].kind).occasion_required:
            return None
        return occasion

    def campaign_of(self, link: LinkRow | None, day: date) -> int | None:
        """The campaign that a link was made for, if it is open on `day`."""
        return next(
            (
                id_
                for id_, _, starts, ends in self.campaigns
                if link is not None and id_ == link.campaign_id and starts <= day <= ends
            ),
            None,
        )

    def fee_bp(self, partner_id: int, category: Category, day: date) -> int:
        """The shop's technical fee on `day`: of the category if it has one, else of all; the youngest; 0 without."""
        fitting = [
            (known is not None, valid_from, rate)
            for partner, known, valid_from, rate in self.fees
            if partner == partner_id and known in (None, category) and valid_from <= day
        ]
        return max(fitting)[2] if fitting else 0


def _load(session: Session, version: int) -> Selling:
    partners = [
        PartnerRow(p.id, p.code, p.kind, p.party_id, p.name_zh, p.payment_term_days, p.storefront)
        for p in session.scalars(select(Partner).where(Partner.admitted_at.is_not(None)))
    ]
    offers: dict[int, dict[int, OfferRow]] = {}
    for offer in session.scalars(select(Offer)):
        offers.setdefault(offer.occasion_id, {})[offer.product_id] = OfferRow(offer.price_fen, offer.per_buyer_cap)
    occasions = [
        OccasionRow(
            o.id, o.code, o.kind, o.status, o.campaign_id, o.partner_id, o.starts_at, o.ends_at, o.commission_bp,
            o.hold_s, offers.get(o.id, {}),
        )
        for o in session.scalars(select(Occasion))
    ]  # fmt: skip
    about: dict[int, set[int]] = {}
    for campaign_id, product_id in session.execute(select(CampaignProduct.campaign_id, CampaignProduct.product_id)):
        about.setdefault(campaign_id, set()).add(product_id)
    return Selling(
        version=version,
        channel_ids={c.kind: c.id for c in session.scalars(select(Channel))},
        campaigns=tuple((c.id, c.code, c.starts_on, c.ends_on) for c in session.scalars(select(Campaign))),
        partners_by_code={p.code: p for p in partners},
        partners_by_id={p.partner_id: p for p in partners},
        occasions_by_code={o.code: o for o in occasions},
        occasions_by_id={o.occasion_id: o for o in occasions},
        links={
            link.code: LinkRow(link.id, link.code, link.campaign_id, link.partner_id, link.occasion_id, link.product_id)
            for link in session.scalars(select(SaleLink))
        },
        fees=tuple((f.partner_id, f.category, f.valid_from, f.rate_bp) for f in session.scalars(select(FeeRate))),
        campaign_products={campaign_id: frozenset(ids) for campaign_id, ids in about.items()},
        link_rules=tuple(
            (rule.valid_from, rule.window_days, rule.ranking) for rule in session.scalars(select(LinkRule))
        ),
    )


kept = Kept(_load)


def selling(session: Session, version: int) -> Selling:
    """Channels, partners and occasions at `version`: no statement unless the version moved."""
    return kept.get(session, version)
