"""Campaigns, channels, partners, occasions, fees and links kept in the process, so that placing an order reads none."""

from dataclasses import dataclass, field
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from shop.catalog.models import Category
from shop.catalog.reference import CatalogProduct, Rungs, reached
from shop.channels.models import (
    BuyerGroupMember,
    Campaign,
    CampaignProduct,
    Channel,
    ChannelKind,
    FeeRate,
    LinkRule,
    NamedPriceList,
    NamedPriceTier,
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


@dataclass(frozen=True)
class NamedPrices:
    """A price list for one buyer (`partner_id`) or one group."""

    list_id: int
    partner_id: int | None
    group_id: int | None
    valid_from: date
    valid_until: date | None
    rungs: Rungs

    def holds(self, day: date) -> bool:
        """Whether it is valid on `day`."""
        return self.valid_from <= day and (self.valid_until is None or day < self.valid_until)

    def price_for(self, quantity: int) -> int:
        """Fen for a pack when `quantity`, one at least, are bought."""
        return reached(self.rungs, quantity) or self.rungs[0][1]


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
    named_prices: dict[int, tuple[NamedPrices, ...]] = field(default_factory=dict)
    groups_of: dict[int, frozenset[int]] = field(default_factory=dict)

    def named_for(self, product_id: int, partner_id: int, quantity: int, day: date) -> NamedPrices | None:
        """The list by which this buyer buys `quantity` packs on `day`: his own, else that of a group of his.

        The youngest of each audience; of several groups the one that is cheapest for the quantity. None = the general
        list.
        """
        holding = [prices for prices in self.named_prices.get(product_id, ()) if prices.holds(day)]
        own = [prices for prices in holding if prices.partner_id == partner_id]
        if own:
            return max(own, key=lambda prices: (prices.valid_from, prices.list_id))
        youngest: dict[int, NamedPrices] = {}
        groups = self.groups_of.get(partner_id, frozenset())
        for prices in sorted(holding, key=lambda prices: (prices.valid_from, prices.list_id)):
            if prices.group_id is not None and prices.group_id in groups:
                youngest[prices.group_id] = prices
        cheapest = sorted(youngest.values(), key=lambda prices: (prices.price_for(quantity), prices.list_id))
        return cheapest[0] if cheapest else None

    def rungs_for(self, product: CatalogProduct, partner_id: int, quantity: int, day: date) -> Rungs:
        """The rungs by which this buyer buys."""
        named = self.named_for(product.product_id, partner_id, quantity, day)
        return named.rungs if named else product.rungs_on(day)

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
    groups_of: dict[int, set[int]] = {}
    for group_id, partner_id in session.execute(select(BuyerGroupMember.group_id, BuyerGroupMember.partner_id)):
        groups_of.setdefault(partner_id, set()).add(group_id)
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
        named_prices=_named_prices(session),
        groups_of={partner_id: frozenset(ids) for partner_id, ids in groups_of.items()},
        link_rules=tuple(
            (rule.valid_from, rule.window_days, rule.ranking) for rule in session.scalars(select(LinkRule))
        ),
    )


def _named_prices(session: Session) -> dict[int, tuple[NamedPrices, ...]]:
    rungs: dict[int, list[tuple[int, int]]] = {}
    for tier in session.scalars(select(NamedPriceTier).order_by(NamedPriceTier.min_quantity)):
        rungs.setdefault(tier.list_id, []).append((tier.min_quantity, tier.price_fen))
    found: dict[int, list[NamedPrices]] = {}
    for of in session.scalars(select(NamedPriceList)):
        found.setdefault(of.product_id, []).append(
            NamedPrices(of.id, of.partner_id, of.group_id, of.valid_from, of.valid_until, tuple(rungs[of.id]))
        )
    return {product_id: tuple(lists) for product_id, lists in found.items()}


kept = Kept(_load)


def selling(session: Session, version: int) -> Selling:
    """Channels, partners and occasions at `version`: no statement unless the version moved."""
    return kept.get(session, version)
