"""Tables of firms, products, prices and certificates."""

from datetime import date
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, UniqueConstraint, false
from sqlalchemy.orm import Mapped, mapped_column

from shop.kit.db import Model, one_of
from shop.kit.types import Bp, Code, Fen, Grams, Id, Instant, Name, Prose, Ref, Small


class FirmKind(StrEnum):
    """Kinds of seller."""

    COOPERATIVE = "cooperative"
    VILLAGE_COLLECTIVE = "village_collective"
    LEADING_ENTERPRISE = "leading_enterprise"
    FAMILY_FARM = "family_farm"


#: They have members, who share in the surplus; the others have contract growers, who get a price only.
CO_OPERATIVES = frozenset({FirmKind.COOPERATIVE, FirmKind.VILLAGE_COLLECTIVE})


class FirmStatus(StrEnum):
    """Admission of a firm to the campaign."""

    APPLIED = "applied"
    ADMITTED = "admitted"
    SUSPENDED = "suspended"


class ProductStatus(StrEnum):
    """Life of a listing."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    LISTED = "listed"
    WITHDRAWN = "withdrawn"


class Category(StrEnum):
    """The eleven product categories of the campaign."""

    FRUIT = "fruit"
    VEGETABLE = "vegetable"
    NUT_DRIED_FRUIT = "nut_dried_fruit"
    GRAIN = "grain"
    HERB_TEA = "herb_tea"
    PROCESSED = "processed"
    OIL = "oil"
    FUNGUS = "fungus"
    LIVESTOCK_EGG_HONEY = "livestock_egg_honey"
    BEAN = "bean"
    HANDICRAFT = "handicraft"


class PaperKind(StrEnum):
    """Papers that must accompany a product, or marks it may carry.

    Batch papers (conformity, quarantine) belong to a lot; licences and marks to a product, with number and expiry.
    """

    CONFORMITY_CERTIFICATE = "conformity_certificate"
    QUARANTINE_CERTIFICATE = "quarantine_certificate"
    FOOD_PRODUCTION_LICENCE = "food_production_licence"
    WORKSHOP_LICENCE = "workshop_licence"
    GI_MARK = "gi_mark"


#: Papers issued for each batch: kept on the lot (承诺达标合格证, Order 4 of 2025; quarantine certificates for meat).
BATCH_PAPERS = frozenset({PaperKind.CONFORMITY_CERTIFICATE, PaperKind.QUARANTINE_CERTIFICATE})
#: Marks: never a condition of sale, shown only while verified and valid.
MARKS = frozenset({PaperKind.GI_MARK})


class Firm(Model):
    """A seller. `reserve_bp` and `member_return_bp` (of distributable surplus; >= 60 % by law) where it is a co-op."""

    __tablename__ = "firms"
    __table_args__ = (
        one_of("kind", FirmKind),
        one_of("status", FirmStatus),
        CheckConstraint("member_return_bp BETWEEN 6000 AND 10000", name="member_return_lawful"),
        CheckConstraint("reserve_bp BETWEEN 0 AND 10000", name="reserve_in_range"),
        UniqueConstraint("id", "party_id"),
    )

    id: Mapped[Id]
    code: Mapped[Code] = mapped_column(unique=True)
    party_id: Mapped[Ref] = mapped_column(ForeignKey("parties.id"), unique=True)
    name_zh: Mapped[Name]
    kind: Mapped[FirmKind]
    status: Mapped[FirmStatus]
    village_id: Mapped[Ref] = mapped_column(ForeignKey("villages.id"))
    reserve_bp: Mapped[Bp | None]
    member_return_bp: Mapped[Bp | None]


class Product(Model):
    """One SKU: one pack of one firm. Sold by whole packs of `net_weight_g`; stocked in grams.

    `farm_gate_fen_per_kg` is the price of grade 一级 to households, None where the firm makes the product itself.
    Months are 1..12; an end below the start runs over the new year. `is_food` False = medicinal material: never to a
    canteen, no health claim. Published and ordered from one day until another, both included; None = no bound.
    `video_url`: where a video of it is shown; never the video itself.
    """

    __tablename__ = "products"
    __table_args__ = (
        one_of("category", Category),
        one_of("status", ProductStatus),
        UniqueConstraint("id", "firm_id"),
        CheckConstraint("net_weight_g > 0", name="weighs_something"),
        CheckConstraint("farm_gate_fen_per_kg > 0", name="farm_gate_positive"),
        CheckConstraint("harvest_start_month BETWEEN 1 AND 12", name="harvest_start_is_month"),
        CheckConstraint("harvest_end_month BETWEEN 1 AND 12", name="harvest_end_is_month"),
        CheckConstraint("shelf_life_days > 0", name="shelf_life_positive"),
        CheckConstraint("published_until >= published_from", name="publication_ordered"),
        CheckConstraint("orders_until >= orders_from", name="order_window_ordered"),
        Index(None, "firm_id"),
    )

    id: Mapped[Id]
    sku: Mapped[Code] = mapped_column(unique=True)
    firm_id: Mapped[Ref] = mapped_column(ForeignKey("firms.id"))
    name_zh: Mapped[Name]
    name_en: Mapped[Name]
    category: Mapped[Category]
    status: Mapped[ProductStatus]
    spec_zh: Mapped[Name]
    net_weight_g: Mapped[Grams]
    unit_zh: Mapped[Code]
    origin_village_id: Mapped[Ref] = mapped_column(ForeignKey("villages.id"))
    farm_gate_fen_per_kg: Mapped[Fen | None]
    harvest_start_month: Mapped[Small]
    harvest_end_month: Mapped[Small]
    shelf_life_days: Mapped[Small]
    storage_zh: Mapped[Name]
    is_fresh: Mapped[bool]
    is_food: Mapped[bool] = mapped_column(server_default="true")
    gi_claimed: Mapped[bool] = mapped_column(server_default="false")
    published_from: Mapped[date | None]
    published_until: Mapped[date | None]
    orders_from: Mapped[date | None]
    orders_until: Mapped[date | None]
    video_url: Mapped[Prose | None]


class PriceTier(Model):
    """Price per pack from `min_quantity` packs on, valid from a day (inclusive) until a day (exclusive).

    Two lines of one product in an order share their tier: the tier is chosen by the product's total quantity.
    `special`: a list for certain days only; on them it holds over the ordinary list, which goes on afterwards.
    """

    __tablename__ = "price_tiers"
    __table_args__ = (
        UniqueConstraint("product_id", "special", "valid_from", "min_quantity"),
        CheckConstraint("min_quantity >= 1", name="min_quantity_positive"),
        CheckConstraint("price_fen > 0", name="price_positive"),
        CheckConstraint("valid_until > valid_from", name="validity_ordered"),
        CheckConstraint("NOT special OR valid_until IS NOT NULL", name="special_ends"),
    )

    id: Mapped[Id]
    product_id: Mapped[Ref] = mapped_column(ForeignKey("products.id"))
    valid_from: Mapped[date]
    valid_until: Mapped[date | None]
    min_quantity: Mapped[int]
    price_fen: Mapped[Fen]
    special: Mapped[bool] = mapped_column(server_default=false())


class RequiredPaper(Model):
    """A paper without which the product may not be sold."""

    __tablename__ = "required_papers"
    __table_args__ = (one_of("kind", PaperKind),)

    product_id: Mapped[Ref] = mapped_column(ForeignKey("products.id"), primary_key=True)
    kind: Mapped[PaperKind] = mapped_column(primary_key=True)


class Certificate(Model):
    """A licence or mark with number and expiry. Held from `verified_at` until `revoked_at`, while it is valid.

    Both are facts: once set they never change (trigger), so what was held on a day can be answered for ever.
    """

    __tablename__ = "certificates"
    __table_args__ = (
        one_of("kind", PaperKind),
        UniqueConstraint("kind", "number", "product_id"),
        CheckConstraint("expires_on >= issued_on", name="validity_ordered"),
        CheckConstraint("(revoked_at IS NULL) = (revoked_because IS NULL)", name="revoked_with_a_reason"),
        CheckConstraint("revoked_at >= verified_at", name="revoked_after_verified"),
        CheckConstraint("revoked_at IS NULL OR verified_at IS NOT NULL", name="revoked_was_verified"),
        Index(None, "product_id"),
    )

    id: Mapped[Id]
    product_id: Mapped[Ref] = mapped_column(ForeignKey("products.id"))
    kind: Mapped[PaperKind]
    number: Mapped[Code]
    issued_on: Mapped[date]
    expires_on: Mapped[date]
    verified_at: Mapped[Instant | None]
    revoked_at: Mapped[Instant | None]
    revoked_because: Mapped[Prose | None]
    note: Mapped[Prose | None]


class CertificateReminder(Model):
    """Firm and county were reminded, once, that a paper expires in `days_before` days or fewer. Append-only."""

    __tablename__ = "certificate_reminders"
    __table_args__ = (CheckConstraint("days_before > 0", name="before_the_end"),)

    certificate_id: Mapped[Ref] = mapped_column(ForeignKey("certificates.id"), primary_key=True)
    days_before: Mapped[Small] = mapped_column(primary_key=True)
    reminded_at: Mapped[Instant]


#: Bytes of a picture as it is sent, as a page and as a list shows it.
MAX_PICTURE, MAX_PAGE_PICTURE, MAX_THUMB = 10 * 1024 * 1024, 60_000, 10_000


class ProductPicture(Model):
    """A picture of a product, drawn anew in two sizes. `name`: the hash of its bytes. The first by `place` leads."""

    __tablename__ = "product_pictures"
    __table_args__ = (
        UniqueConstraint("product_id", "name"),
        CheckConstraint(f"octet_length(page) <= {MAX_PAGE_PICTURE}", name="page_bounded"),
        CheckConstraint(f"octet_length(thumb) <= {MAX_THUMB}", name="thumb_bounded"),
        CheckConstraint("width > 0 AND height > 0", name="has_size"),
        Index(None, "name"),
    )

    id: Mapped[Id]
    product_id: Mapped[Ref] = mapped_column(ForeignKey("products.id"))
    place: Mapped[Small]
    name: Mapped[Code]
    page: Mapped[bytes] = mapped_column(LargeBinary)
    thumb: Mapped[bytes] = mapped_column(LargeBinary)
    width: Mapped[Small]
    height: Mapped[Small]
    added_at: Mapped[Instant]


class Requirement(Model):
    """One item of the checklist by which a firm is admitted. `masked`: only the last four digits are kept."""

    __tablename__ = "requirements"

    id: Mapped[Id]
    code: Mapped[Code] = mapped_column(unique=True)
    name_zh: Mapped[Name]
    name_en: Mapped[Name]
    masked: Mapped[bool] = mapped_column(server_default=false())


class RequirementScope(Model):
    """Where an item is needed to sell, and from which day on: in one channel, or (None) in all."""

    __tablename__ = "requirement_scopes"
    __table_args__ = (UniqueConstraint("requirement_id", "channel_kind", postgresql_nulls_not_distinct=True),)

    id: Mapped[Id]
    requirement_id: Mapped[Ref] = mapped_column(ForeignKey("requirements.id"))
    channel_kind: Mapped[str | None] = mapped_column(ForeignKey("channels.kind"))
    required_from: Mapped[date]


class FirmItem(Model):
    """What a firm showed for an item of the checklist, and what was found. The last one that was checked counts.

    `told`: a number, or words. `office_zh`: which office looked at it. `implied`: nobody looked; the firm had been
    admitted before there was a checklist.
    """

    __tablename__ = "firm_items"
    __table_args__ = (
        CheckConstraint("(checked_at IS NULL) = (accepted IS NULL)", name="finding_is_dated"),
        CheckConstraint("accepted IS NOT FALSE OR reason IS NOT NULL", name="rejected_with_a_reason"),
        CheckConstraint("implied OR checked_at IS NULL OR office_zh IS NOT NULL", name="checked_by_an_office"),
        Index(None, "firm_id", "requirement_id"),
    )

    id: Mapped[Id]
    firm_id: Mapped[Ref] = mapped_column(ForeignKey("firms.id"))
    requirement_id: Mapped[Ref] = mapped_column(ForeignKey("requirements.id"))
    told: Mapped[Prose]
    expires_on: Mapped[date | None]
    submitted_at: Mapped[Instant]
    checked_at: Mapped[Instant | None]
    checked_by_id: Mapped[Ref | None] = mapped_column(ForeignKey("people.id"))
    office_zh: Mapped[Name | None]
    accepted: Mapped[bool | None]
    reason: Mapped[Prose | None]
    implied: Mapped[bool] = mapped_column(server_default=false())
