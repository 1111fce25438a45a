"""Shapes of firms, products, prices and papers on the wire. Prices in fen per pack, weights in grams, rates in bp."""

from enum import StrEnum
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from shop.catalog.models import BATCH_PAPERS, CO_OPERATIVES, Category, FirmKind, PaperKind
from shop.catalog.pictures import MOST_PICTURES
from shop.kit.schemas import MAX_FEN, Code, Day, PageQuery, StrictSchema, Text, Whole

MAX_TIERS = 10
MAX_PACKS = 1_000_000
#: Papers of a batch belong to its lot.
OF_PRODUCT = validate.NoneOf(BATCH_PAPERS, error="A paper of a batch belongs to its lot.")


class FirmEvent(StrEnum):
    """What the county may decide about a firm."""

    ADMIT = "admit"
    SUSPEND = "suspend"


class ListingEvent(StrEnum):
    """What may happen to a listing."""

    SUBMIT = "submit"
    APPROVE = "approve"
    SEND_BACK = "send_back"
    WITHDRAW = "withdraw"


class Flag(fields.Boolean):
    """true or false, and nothing that resembles them."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if not isinstance(value, bool):
            raise ValidationError("Not a valid boolean.")
        return value


class ApplyFirm(StrictSchema):
    """A firm that asks to take part. `village`: code or name. Rates only for co-operatives and collectives."""

    code = Code(required=True)
    name_zh = Text(required=True)
    kind = fields.Enum(FirmKind, by_value=True, required=True)
    village = Text(required=True, high=40)
    reserve_bp = Whole(low=0, high=10_000, load_default=None)
    member_return_bp = Whole(
        low=6_000, high=10_000, load_default=None, metadata={"description": "of the surplus; 60 % at least by law"}
    )

    @validates_schema
    def shares_surplus_or_not(self, data: dict[str, Any], **_: Any) -> None:
        """Co-operatives say how they share their surplus, others have none to share."""
        shares = data["kind"] in CO_OPERATIVES
        for name in ("reserve_bp", "member_return_bp"):
            if shares != (data[name] is not None):
                raise ValidationError("Only for co-operatives and collectives, and needed there.", name)


class FirmDecision(StrictSchema):
    """Admit or suspend, and why."""

    event = fields.Enum(FirmEvent, by_value=True, required=True)
    reason = Text(high=200, load_default=None)


class FirmFilter(PageQuery):
    """All firms."""


class FirmOut(Schema):
    """A firm."""

    code = fields.String()
    name_zh = fields.String()
    kind = fields.Enum(FirmKind, by_value=True)
    status = fields.String()
    township_zh = fields.String()
    village_zh = fields.String()


class FirmPage(Schema):
    """A page of firms."""

    items = fields.List(fields.Nested(FirmOut))
    next = fields.String(allow_none=True)


class FirmState(Schema):
    """A firm's admission after the decision."""

    code = fields.String()
    status = fields.String()


class TierAsked(StrictSchema):
    """A price per pack from a number of packs on."""

    min_quantity = Whole(low=1, high=MAX_PACKS, required=True)
    price_fen = Whole(low=1, high=MAX_FEN, required=True)


class PriceListAsked(StrictSchema):
    """A price list from a day on: from 1 pack, quantities rise, prices fall."""

    valid_from = Day(required=True)
    tiers = fields.List(fields.Nested(TierAsked), required=True, validate=validate.Length(min=1, max=MAX_TIERS))


class ProductFields(StrictSchema):
    """What a firm says of a product. `origin_village`: code or name. An end month below the start means next year."""

    name_zh = Text(required=True)
    name_en = Text(required=True)
    category = fields.Enum(Category, by_value=True, required=True)
    spec_zh = Text(required=True)
    net_weight_g = Whole(low=1, high=1_000_000, required=True)
    unit_zh = Text(required=True, high=8)
    origin_village = Text(required=True, high=40)
    farm_gate_fen_per_kg = Whole(
        low=1, required=True, allow_none=True, metadata={"description": "grade 一级; null where the firm makes it"}
    )
    harvest_start_month = Whole(low=1, high=12, required=True)
    harvest_end_month = Whole(low=1, high=12, required=True)
    shelf_life_days = Whole(low=1, high=3_650, required=True)
    storage_zh = Text(required=True)
    is_fresh = Flag(required=True)
    is_food = Flag(required=True, metadata={"description": "false: a medicinal material, never for canteens"})
    required_papers = fields.List(
        fields.Enum(PaperKind, by_value=True), required=True, validate=validate.Length(max=len(PaperKind))
    )


class DraftProduct(ProductFields):
    """A new listing of a firm."""

    sku = Code(required=True)
    firm = Code(required=True)


class ProductFilter(PageQuery):
    """Products by firm, category, season and words; `on`: as seen on a day, today unless given."""

    firm = Code(load_default=None)
    category = fields.Enum(Category, by_value=True, load_default=None)
    in_season = fields.Boolean(load_default=None)
    q = Text(high=40, load_default=None, metadata={"description": "part of a name or SKU"})
    on = Day(load_default=None)


class ProductOn(StrictSchema):
    """`on`: as seen on a day, today unless given."""

    on = Day(load_default=None)


class BareTier(Schema):
    """A price per pack from a number of packs on."""

    min_quantity = fields.Integer()
    price_fen = fields.Integer()


class TierOut(BareTier):
    """A price per pack, with the price per 斤 (500 g) and per kg beside it."""

    price_per_jin_fen = fields.Integer()
    price_per_kg_fen = fields.Integer()


class CertificateOut(Schema):
    """A paper held on the day: verified and not expired."""

    kind = fields.String()
    name_zh = fields.String()
    number = fields.String()
    expires_on = fields.String()


class PictureOut(Schema):
    """A picture: its addresses on a page (JPEG of `width` x `height`) and in a list (a square), good for ever."""

    name = fields.String()
    page = fields.String()
    thumb = fields.String()
    width = fields.Integer()
    height = fields.Integer()


class PictureOrderAsked(StrictSchema):
    """The names of the pictures that a product keeps, the leading one first."""

    pictures = fields.List(Code(), required=True, validate=validate.Length(max=MOST_PICTURES))


class PictureList(Schema):
    """The names of a product's pictures, the leading one first."""

    sku = fields.String()
    pictures = fields.List(fields.String())


class VideoAsked(StrictSchema):
    """Where a video of a product is shown; null takes it off."""

    url = Text(high=300, required=True, allow_none=True)


class VideoOut(Schema):
    """Where a video of a product is shown."""

    sku = fields.String()
    video_url = fields.String(allow_none=True)


class ProductOut(Schema):
    """A product as seen on a day. `status` only for its firm and the county."""

    sku = fields.String()
    name_zh = fields.String()
    name_en = fields.String()
    category = fields.String()
    firm = fields.String()
    firm_name_zh = fields.String()
    origin_zh = fields.String()
    spec_zh = fields.String()
    unit_zh = fields.String()
    net_weight_g = fields.Integer()
    price_fen = fields.Integer(allow_none=True, metadata={"description": "of one pack; null without a price list"})
    price_per_jin_fen = fields.Integer(allow_none=True)
    price_per_kg_fen = fields.Integer(allow_none=True)
    tiers = fields.List(fields.Nested(TierOut))
    harvest_months = fields.List(fields.Integer(), metadata={"description": "first and last month, both included"})
    in_season = fields.Boolean()
    order_days = fields.List(
        fields.String(allow_none=True),
        metadata={"description": "first and last day on which it is ordered, null = any"},
    )
    takes_orders = fields.Boolean()
    shelf_life_days = fields.Integer()
    storage_zh = fields.String()
    is_fresh = fields.Boolean()
    is_food = fields.Boolean()
    pictures = fields.List(fields.Nested(PictureOut), metadata={"description": "the leading one first"})
    video_url = fields.String(allow_none=True)
    returns_zh = fields.String()
    certificates = fields.List(fields.Nested(CertificateOut))
    status = fields.String()


class ProductPage(Schema):
    """A page of products."""

    items = fields.List(fields.Nested(ProductOut))
    next = fields.String(allow_none=True)


class WindowsAsked(StrictSchema):
    """From which day until which, both included, a product is shown and ordered; null = no bound."""

    published_from = Day(required=True, allow_none=True)
    published_until = Day(required=True, allow_none=True)
    orders_from = Day(required=True, allow_none=True)
    orders_until = Day(required=True, allow_none=True)

    @validates_schema
    def in_order(self, data: dict[str, Any], **_: Any) -> None:
        """Nothing ends before it begins."""
        for name in ("published", "orders"):
            first, last = data[f"{name}_from"], data[f"{name}_until"]
            if first is not None and last is not None and last < first:
                raise ValidationError("Must not be before the first day.", f"{name}_until")


class WindowsOut(Schema):
    """The days of a product."""

    sku = fields.String()
    published_from = fields.Date(allow_none=True)
    published_until = fields.Date(allow_none=True)
    orders_from = fields.Date(allow_none=True)
    orders_until = fields.Date(allow_none=True)


class CertificateReminderOut(Schema):
    """A paper expires in `days_before` days or fewer; `stops_sale`: without it the product is not sold."""

    sku = fields.String()
    product_zh = fields.String()
    firm = fields.String()
    kind = fields.String()
    name_zh = fields.String()
    number = fields.String()
    expires_on = fields.Date()
    days_before = fields.Integer()
    reminded_at = fields.DateTime()
    stops_sale = fields.Boolean()


class CertificateReminderList(Schema):
    """The nearest end first."""

    items = fields.List(fields.Nested(CertificateReminderOut))


class ListingMove(StrictSchema):
    """Submit and withdraw (the firm), approve, send back and withdraw (the county)."""

    event = fields.Enum(ListingEvent, by_value=True, required=True)
    reason = Text(high=200, load_default=None)


class ListingState(Schema):
    """A listing's state."""

    sku = fields.String()
    status = fields.String()


class PriceListOut(Schema):
    """A price list as recorded."""

    sku = fields.String()
    valid_from = fields.Date()
    tiers = fields.List(fields.Nested(BareTier))


class CertificateAsked(StrictSchema):
    """A licence or mark as printed."""

    kind = fields.Enum(PaperKind, by_value=True, required=True, validate=OF_PRODUCT)
    number = Code(required=True)
    issued_on = Day(required=True)
    expires_on = Day(required=True)

    @validates_schema
    def ends_after_it_began(self, data: dict[str, Any], **_: Any) -> None:
        """The dates are in order."""
        if data["expires_on"] < data["issued_on"]:
            raise ValidationError("Must not be before the day of issue.", "expires_on")


class CertificateNamed(StrictSchema):
    """Which paper the county has seen."""

    kind = fields.Enum(PaperKind, by_value=True, required=True, validate=OF_PRODUCT)
    number = Code(required=True)


class CertificateRevoked(CertificateNamed):
    """Which paper is good no more, and why."""

    reason = Text(high=200, required=True)


class CertificateState(Schema):
    """A paper as registered: only claimed until verified."""

    kind = fields.String()
    number = fields.String()
    issued_on = fields.Date()
    expires_on = fields.Date()
    verified = fields.Boolean()
    verified_at = fields.DateTime(allow_none=True)
    revoked_at = fields.DateTime(allow_none=True)
    revoked_because = fields.String(allow_none=True)


class CertificateList(Schema):
    """All papers of a product, also claimed and expired ones."""

    items = fields.List(fields.Nested(CertificateState))


class ScopeAsked(StrictSchema):
    """Where an item is needed: in a channel, or (null) in all, from a day on."""

    channel = Text(high=20, required=True, allow_none=True)
    required_from = Day(required=True)


class ScopesAsked(StrictSchema):
    """All places where an item is needed; an empty list = nowhere."""

    scopes = fields.List(fields.Nested(ScopeAsked), required=True, validate=validate.Length(max=10))


class ScopeOut(Schema):
    """Where an item is needed."""

    channel = fields.String(allow_none=True)
    required_from = fields.Date()


class RequirementOut(Schema):
    """An item of the checklist."""

    code = fields.String()
    name_zh = fields.String()
    name_en = fields.String()
    scopes = fields.List(fields.Nested(ScopeOut))


class RequirementList(Schema):
    """All items."""

    items = fields.List(fields.Nested(RequirementOut))


class ItemAsked(StrictSchema):
    """What a firm shows for an item: a number or words, and until when it is good."""

    requirement = Code(required=True)
    told = Text(high=200, required=True)
    expires_on = Day(load_default=None, allow_none=True)


class CheckAsked(StrictSchema):
    """What an office found; a rejection has a reason."""

    requirement = Code(required=True)
    accepted = Flag(required=True)
    office_zh = Text(high=60, required=True)
    reason = Text(high=200, load_default=None)

    @validates_schema
    def a_rejection_has_a_reason(self, data: dict[str, Any], **_: Any) -> None:
        """The firm is told why."""
        if not data["accepted"] and data["reason"] is None:
            raise ValidationError("Say why.", "reason")


class ItemShown(Schema):
    """What was shown and found, once."""

    told = fields.String()
    expires_on = fields.Date(allow_none=True)
    submitted_at = fields.DateTime()
    checked_at = fields.DateTime(allow_none=True)
    checked_by = fields.String(allow_none=True)
    office_zh = fields.String(allow_none=True)
    accepted = fields.Boolean(allow_none=True)
    reason = fields.String(allow_none=True)
    implied = fields.Boolean(metadata={"description": "admitted before there was a checklist; nobody looked"})


class ChecklistItem(RequirementOut):
    """An item of a firm. `stops`: without it the firm does not sell where it is needed."""

    state = fields.String()
    says_zh = fields.String()
    stops = fields.Boolean()
    shown = fields.List(fields.Nested(ItemShown))


class Checklist(Schema):
    """The checklist of a firm."""

    firm = fields.String()
    items = fields.List(fields.Nested(ChecklistItem))
