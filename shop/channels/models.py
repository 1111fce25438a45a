"""Tables of campaigns, channels, partners, occasions, fee rates and links."""

from datetime import date
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, LargeBinary, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from shop.catalog.models import Category
from shop.kit.db import Model, one_of
from shop.kit.types import Bp, Code, Fen, Grams, Id, Instant, Json, Name, Ref, Small


class ChannelKind(StrEnum):
    """五销模式: the five sales channels."""

    PLATFORM = "platform"  # 平台直销
    UNIT = "unit"  # 单位帮销
    CADRE = "cadre"  # 干部帮销
    ENTERPRISE = "enterprise"  # 企业助销
    LIVESTREAM = "livestream"  # 直播网销


class PartnerKind(StrEnum):
    """By way of whom a channel sells."""

    SHOP = "shop"
    UNIT = "unit"
    CADRE = "cadre"
    ENTERPRISE = "enterprise"
    HOST = "host"


class OccasionKind(StrEnum):
    """On what occasion an order was placed."""

    PROMOTION = "promotion"
    ROUND = "round"
    AGREEMENT = "agreement"
    SESSION = "session"


class OccasionStatus(StrEnum):
    """Life of an occasion."""

    PLANNED = "planned"
    OPEN = "open"
    CLOSED = "closed"


class Campaign(Model):
    """A selling campaign, open from its first to its last day (Beijing), both included."""

    __tablename__ = "campaigns"
    __table_args__ = (CheckConstraint("ends_on >= starts_on", name="days_ordered"),)

    id: Mapped[Id]
    code: Mapped[Code] = mapped_column(unique=True)
    name_zh: Mapped[Name]
    name_en: Mapped[Name]
    starts_on: Mapped[date]
    ends_on: Mapped[date]


class CampaignProduct(Model):
    """A product that a campaign is about. A campaign without any is about all."""

    __tablename__ = "campaign_products"
    __table_args__ = (Index(None, "product_id"),)

    campaign_id: Mapped[Ref] = mapped_column(ForeignKey("campaigns.id"), primary_key=True)
    product_id: Mapped[Ref] = mapped_column(ForeignKey("products.id"), primary_key=True)


class Channel(Model):
    """One of the five; its behaviour is the policy of its kind."""

    __tablename__ = "channels"
    __table_args__ = (one_of("kind", ChannelKind), UniqueConstraint("id", "kind"))

    id: Mapped[Id]
    kind: Mapped[ChannelKind] = mapped_column(unique=True)
    name_zh: Mapped[Name]
    name_en: Mapped[Name]
    position: Mapped[Small]


class Partner(Model):
    """By way of whom we sell. `party_id` is who it is; one party may be partner in two channels by two rows.

    `storefront`: an online shop of our own, whose shelf is our pages `/shop` and `/p/...`; others sell on their sites.
    """

    __tablename__ = "partners"
    __table_args__ = (
        one_of("kind", PartnerKind),
        UniqueConstraint("id", "kind"),
        UniqueConstraint("party_id", "kind"),
        CheckConstraint("payment_term_days BETWEEN 0 AND 60", name="term_lawful"),
        CheckConstraint("NOT storefront OR kind = 'shop'", name="only_shops_have_a_storefront"),
    )

    id: Mapped[Id]
    code: Mapped[Code] = mapped_column(unique=True)
    kind: Mapped[PartnerKind]
    party_id: Mapped[Ref] = mapped_column(ForeignKey("parties.id"))
    name_zh: Mapped[Name]
    payment_term_days: Mapped[Small | None]
    profile: Mapped[Json]
    admitted_at: Mapped[Instant | None]
    storefront: Mapped[bool] = mapped_column(server_default="false")


class Approver(Model):
    """Who approves what a partner buys for itself; a partner without any lets each of its buyers approve."""

    __tablename__ = "partner_approvers"

    partner_id: Mapped[Ref] = mapped_column(ForeignKey("partners.id"), primary_key=True)
    person_id: Mapped[Ref] = mapped_column(ForeignKey("people.id"), primary_key=True)
    named_at: Mapped[Instant]


class FeeRate(Model):
    """Dated technical fee of an online shop, by category or for all. Only a shop can have one."""

    __tablename__ = "fee_rates"
    __table_args__ = (
        ForeignKeyConstraint(["partner_id", "partner_kind"], ["partners.id", "partners.kind"]),
        CheckConstraint("partner_kind = 'shop'", name="only_shops_charge"),
        CheckConstraint("rate_bp BETWEEN 0 AND 3000", name="rate_in_range"),
        one_of("category", Category),
        UniqueConstraint("partner_id", "category", "valid_from", postgresql_nulls_not_distinct=True),
    )

    id: Mapped[Id]
    partner_id: Mapped[Ref]
    partner_kind: Mapped[PartnerKind]
    category: Mapped[Category | None]
    valid_from: Mapped[date]
    rate_bp: Mapped[Bp]


class Occasion(Model):
    """A promotion, a buying round, a live session, or a purchase agreement seen as an occasion.

    `commission_bp` is the host's share of (paid - refunded) at settlement: sessions only, at most 10 % in a public
    campaign. `hold_s`: seconds for which its unpaid orders hold their stock; None = as everywhere.
    """

    __tablename__ = "occasions"
    __table_args__ = (
        one_of("kind", OccasionKind),
        one_of("status", OccasionStatus),
        ForeignKeyConstraint(["partner_id", "partner_kind"], ["partners.id", "partners.kind"]),
        UniqueConstraint("id", "kind"),
        UniqueConstraint("id", "partner_id"),
        CheckConstraint("commission_bp BETWEEN 0 AND 1000", name="commission_capped"),
        CheckConstraint("commission_bp = 0 OR (kind = 'session' AND partner_kind = 'host')", name="only_hosts_earn"),
        CheckConstraint("ends_at > starts_at", name="times_ordered"),
        CheckConstraint("hold_s BETWEEN 60 AND 3600", name="hold_in_range"),
        Index(None, "partner_id"),
    )

    id: Mapped[Id]
    code: Mapped[Code] = mapped_column(unique=True)
    kind: Mapped[OccasionKind]
    status: Mapped[OccasionStatus]
    campaign_id: Mapped[Ref] = mapped_column(ForeignKey("campaigns.id"))
    partner_id: Mapped[Ref]
    partner_kind: Mapped[PartnerKind]
    title_zh: Mapped[Name]
    starts_at: Mapped[Instant]
    ends_at: Mapped[Instant]
    commission_bp: Mapped[Bp] = mapped_column(server_default="0")
    hold_s: Mapped[int | None]


class Offer(Model):
    """What an occasion sells: its own price per pack, a cap per buyer, and how much was set aside for it (grams)."""

    __tablename__ = "offers"
    __table_args__ = (
        UniqueConstraint("occasion_id", "product_id"),
        CheckConstraint("price_fen > 0", name="price_positive"),
        CheckConstraint("per_buyer_cap > 0", name="cap_positive"),
        CheckConstraint("set_aside_g >= 0", name="set_aside_not_negative"),
    )

    id: Mapped[Id]
    occasion_id: Mapped[Ref] = mapped_column(ForeignKey("occasions.id"))
    product_id: Mapped[Ref] = mapped_column(ForeignKey("products.id"))
    price_fen: Mapped[Fen]
    per_buyer_cap: Mapped[int | None]
    set_aside_g: Mapped[Grams]


class CouponPayer(StrEnum):
    """Who bears what a coupon takes off the price."""

    HOST = "host"
    FIRM = "firm"
    PLATFORM = "platform"


class Coupon(Model):
    """So many fen off an order of an occasion, from a sum of goods on, while its dates and its budget last.

    `payer_party_id` bears it; a firm's coupon (`firm_id`) counts for orders of that firm only. `spent_fen`: of orders
    that stand, never above `budget_fen`.
    """

    __tablename__ = "coupons"
    __table_args__ = (
        one_of("payer", CouponPayer),
        CheckConstraint("discount_fen > 0", name="discounts_something"),
        CheckConstraint("min_goods_fen > discount_fen", name="never_for_nothing"),
        CheckConstraint("spent_fen BETWEEN 0 AND budget_fen", name="within_budget"),
        CheckConstraint("valid_until > valid_from", name="validity_ordered"),
        CheckConstraint("(payer = 'firm') = (firm_id IS NOT NULL)", name="firm_pays_for_its_own"),
        Index(None, "occasion_id"),
    )

    id: Mapped[Id]
    code: Mapped[Code] = mapped_column(unique=True)
    occasion_id: Mapped[Ref] = mapped_column(ForeignKey("occasions.id"))
    payer: Mapped[CouponPayer]
    payer_party_id: Mapped[Ref] = mapped_column(ForeignKey("parties.id"))
    firm_id: Mapped[Ref | None] = mapped_column(ForeignKey("firms.id"))
    discount_fen: Mapped[Fen]
    min_goods_fen: Mapped[Fen]
    budget_fen: Mapped[Fen]
    spent_fen: Mapped[Fen] = mapped_column(server_default="0")
    valid_from: Mapped[Instant]
    valid_until: Mapped[Instant]


class SaleLink(Model):
    """A short link of a partner, `/s/{code}`: opening it names partner, occasion and product of the coming order."""

    __tablename__ = "sale_links"
    __table_args__ = (
        ForeignKeyConstraint(["partner_id", "partner_kind"], ["partners.id", "partners.kind"]),
        ForeignKeyConstraint(["occasion_id", "partner_id"], ["occasions.id", "occasions.partner_id"]),
        UniqueConstraint("id", "partner_id"),
        Index(None, "partner_id"),
    )

    id: Mapped[Id]
    code: Mapped[Code] = mapped_column(unique=True)
    campaign_id: Mapped[Ref] = mapped_column(ForeignKey("campaigns.id"))
    partner_id: Mapped[Ref]
    partner_kind: Mapped[PartnerKind]
    occasion_id: Mapped[Ref | None]
    product_id: Mapped[Ref | None] = mapped_column(ForeignKey("products.id"))
    created_at: Mapped[Instant]


class LinkClick(Model):
    """One visitor of a link on one day, and how often he opened it; programs (`is_bot`) apart from people.

    `visitor_hash` is a keyed hash that changes daily: repeats show, persons do not. `at` is the first opening.
    """

    __tablename__ = "link_clicks"
    __table_args__ = (
        UniqueConstraint("link_id", "visitor_hash", "is_bot"),
        CheckConstraint("times > 0", name="opened_at_least_once"),
    )

    id: Mapped[Id]
    link_id: Mapped[Ref] = mapped_column(ForeignKey("sale_links.id"))
    at: Mapped[Instant]
    visitor_hash: Mapped[bytes] = mapped_column(LargeBinary(16))
    is_bot: Mapped[bool] = mapped_column(server_default="false")
    times: Mapped[int] = mapped_column(server_default="1")


class LinkRule(Model):
    """From a day on: for how many days an opened link counts, and whether cadres are ranked (by default not)."""

    __tablename__ = "link_rules"
    __table_args__ = (CheckConstraint("window_days BETWEEN 1 AND 90", name="window_sensible"),)

    id: Mapped[Id]
    valid_from: Mapped[date] = mapped_column(unique=True)
    window_days: Mapped[Small]
    ranking: Mapped[bool] = mapped_column(server_default="false")


class BuyerGroup(Model):
    """A named list of buyer organisations, kept by the county, for which firms may have prices."""

    __tablename__ = "buyer_groups"

    id: Mapped[Id]
    code: Mapped[Code] = mapped_column(unique=True)
    name_zh: Mapped[Name]


class BuyerGroupMember(Model):
    """A partner who buys for itself belongs to a group of buyers."""

    __tablename__ = "buyer_group_members"
    __table_args__ = (Index(None, "partner_id"),)

    group_id: Mapped[Ref] = mapped_column(ForeignKey("buyer_groups.id"), primary_key=True)
    partner_id: Mapped[Ref] = mapped_column(ForeignKey("partners.id"), primary_key=True)


class NamedPriceList(Model):
    """Prices of a product for one buyer or one group, from a day (inclusive) until a day (exclusive; None = open).

    Its tiers never change, so what an order took from it can be read for ever; another price is another list.
    """

    __tablename__ = "named_price_lists"
    __table_args__ = (
        CheckConstraint("num_nonnulls(partner_id, group_id) = 1", name="for_one_audience"),
        CheckConstraint("valid_until >= valid_from", name="validity_ordered"),
        Index(None, "product_id"),
    )

    id: Mapped[Id]
    product_id: Mapped[Ref] = mapped_column(ForeignKey("products.id"))
    partner_id: Mapped[Ref | None] = mapped_column(ForeignKey("partners.id"))
    group_id: Mapped[Ref | None] = mapped_column(ForeignKey("buyer_groups.id"))
    valid_from: Mapped[date]
    valid_until: Mapped[date | None]
    set_at: Mapped[Instant]


class NamedPriceTier(Model):
    """Fen for a pack from `min_quantity` packs on, in a list for a named buyer or group. Append-only."""

    __tablename__ = "named_price_tiers"
    __table_args__ = (
        CheckConstraint("min_quantity >= 1", name="min_quantity_positive"),
        CheckConstraint("price_fen > 0", name="price_positive"),
    )

    list_id: Mapped[Ref] = mapped_column(ForeignKey("named_price_lists.id"), primary_key=True)
    min_quantity: Mapped[int] = mapped_column(primary_key=True)
    price_fen: Mapped[Fen]
