"""Shapes of live sessions on the wire. Prices in fen for a pack, stock in grams, rates in bp."""

from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from shop.catalog.schemas import Flag
from shop.channels.models import CouponPayer
from shop.channels.schemas import Moment
from shop.kit.schemas import MAX_FEN, MAX_GRAMS, Code, Day, PageQuery, StrictSchema, Text, Whole, each_once

MAX_SHELF = 100
MAX_CARD = 1_000


class ItemAsked(StrictSchema):
    """What lies on the shelf: fen for a pack, grams set aside, packs for a buyer, slot fee, certificates by number."""

    sku = Code(required=True)
    price_fen = Whole(low=1, high=MAX_FEN, required=True)
    set_aside_g = Whole(low=0, high=MAX_GRAMS, required=True)
    per_buyer_cap = Whole(low=1, high=10_000, load_default=None, allow_none=True)
    slot_fee_fen = Whole(low=0, high=MAX_FEN, load_default=0)
    talking_points = Text(high=MAX_CARD, load_default=None, allow_none=True)
    certificates = fields.List(Text(high=40), load_default=list, validate=validate.Length(max=10))


class _Shelf(StrictSchema):
    offers = fields.List(fields.Nested(ItemAsked), required=True, validate=validate.Length(min=1, max=MAX_SHELF))

    @validates_schema
    def offers_once(self, data: dict[str, Any], **_: Any) -> None:
        """No product lies on the shelf twice."""
        each_once(data["offers"], "sku", "offers", "A product is offered twice.")


class ShelfAsked(_Shelf):
    """The whole shelf, in its order."""


class SessionAsked(_Shelf):
    """A live session of a host. Commission is capped at 10 % in a public-help campaign.

    `hold_s`: seconds for which an unpaid order holds its stock.
    """

    code = Code(required=True)
    partner = Code(required=True)
    title_zh = Text(required=True)
    starts_at = Moment(required=True)
    ends_at = Moment(required=True)
    commission_bp = Whole(low=0, high=1_000, load_default=0)
    hold_s = Whole(low=60, high=3_600, load_default=None, allow_none=True)
    operator_zh = Text(load_default=None, allow_none=True)
    agency_zh = Text(load_default=None, allow_none=True)
    platform_zh = Text(load_default=None, allow_none=True)

    @validates_schema
    def ends_after_it_began(self, data: dict[str, Any], **_: Any) -> None:
        """The hours are in order."""
        if data["ends_at"] <= data["starts_at"]:
            raise ValidationError("Must be after the start.", "ends_at")


class DetailsAsked(StrictSchema):
    """What to change of a session; what is left out stays. A later end is allowed while live."""

    starts_at = Moment(load_default=None)
    ends_at = Moment(load_default=None)
    operator_zh = Text(load_default=None)
    agency_zh = Text(load_default=None)
    platform_zh = Text(load_default=None)
    recording_ref = Text(load_default=None)


class VerificationAsked(StrictSchema):
    """The check of the host's identity: its day and his full years of age, no birthday and no number of a card."""

    host_verified_on = Day(required=True)
    host_age = Whole(low=0, high=120, required=True)
    guardian_consented = Flag(load_default=False)


class PinAsked(StrictSchema):
    """The product that is spoken of; null for none."""

    sku = Code(required=True, allow_none=True)


class ChangeAsked(StrictSchema):
    """What changes of one product while live: price, cap, or grams added."""

    sku = Code(required=True)
    price_fen = Whole(low=1, high=MAX_FEN, load_default=None)
    per_buyer_cap = Whole(low=1, high=10_000, load_default=None)
    top_up_g = Whole(low=1, high=MAX_GRAMS, load_default=0)

    @validates_schema
    def changes_something(self, data: dict[str, Any], **_: Any) -> None:
        """One of the three is there."""
        if data["price_fen"] is None and data["per_buyer_cap"] is None and not data["top_up_g"]:
            raise ValidationError("Name a price, a cap or a top-up.")


class CouponAsked(StrictSchema):
    """A coupon: fen off, from so many fen of goods on. `payer_code`: of the firm or the online shop that pays it."""

    code = Code(required=True)
    payer = fields.Enum(CouponPayer, by_value=True, required=True)
    payer_code = Code(load_default=None, allow_none=True)
    discount_fen = Whole(low=1, high=MAX_FEN, required=True)
    min_goods_fen = Whole(low=2, high=MAX_FEN, required=True)
    budget_fen = Whole(low=1, high=MAX_FEN, required=True)
    valid_from = Moment(required=True)
    valid_until = Moment(required=True)

    @validates_schema
    def makes_sense(self, data: dict[str, Any], **_: Any) -> None:
        """It is good for a while, for one order at least, and never for goods for nothing."""
        if data["valid_until"] <= data["valid_from"]:
            raise ValidationError("Must be after the first instant.", "valid_until")
        if data["min_goods_fen"] <= data["discount_fen"]:
            raise ValidationError("Must be more than the discount.", "min_goods_fen")
        if data["budget_fen"] < data["discount_fen"]:
            raise ValidationError("Must be enough for one order.", "budget_fen")


class CouponOut(Schema):
    """A coupon and what is left of it, in orders."""

    code = fields.String()
    payer = fields.String()
    discount_fen = fields.Integer()
    min_goods_fen = fields.Integer()
    budget_fen = fields.Integer()
    spent_fen = fields.Integer()
    valid_from = fields.AwareDateTime()
    valid_until = fields.AwareDateTime()


class CouponList(Schema):
    """The coupons of a session."""

    items = fields.List(fields.Nested(CouponOut))


class CommissionOfProduct(Schema):
    """One product of the statement, of settled orders. `base_fen`: paid less refunded."""

    sku = fields.String()
    name_zh = fields.String()
    packs = fields.Integer()
    paid_fen = fields.Integer()
    refunded_fen = fields.Integer()
    base_fen = fields.Integer()
    commission_fen = fields.Integer()
    slot_fee_fen = fields.Integer()


class CouponUsedOut(Schema):
    """What a coupon took off, and who pays it."""

    code = fields.String()
    payer = fields.String()
    used_fen = fields.Integer()


class StatementOut(Schema):
    """What the host gets of a session, in fen. `taken_back_fen`: of the commission, for refunds after settlement."""

    session = fields.String()
    status = fields.String()
    commission_bp = fields.Integer()
    base_fen = fields.Integer()
    commission_fen = fields.Integer()
    taken_back_fen = fields.Integer()
    slot_fees_fen = fields.Integer()
    coupons_promised_fen = fields.Integer()
    due_fen = fields.Integer()
    products = fields.List(fields.Nested(CommissionOfProduct))
    coupons = fields.List(fields.Nested(CouponUsedOut))


class ItemOut(Schema):
    """A shelf item."""

    position = fields.Integer()
    sku = fields.String()
    name_zh = fields.String()
    price_fen = fields.Integer()
    per_buyer_cap = fields.Integer(allow_none=True)
    set_aside_g = fields.Integer()
    slot_fee_fen = fields.Integer()
    talking_points = fields.String(allow_none=True)
    certificates = fields.List(fields.String())


class SessionOut(Schema):
    """A session as its host and the county see it. Planned hours are `starts_at`, `ends_at`; real ones beside them."""

    code = fields.String()
    status = fields.String()
    status_zh = fields.String()
    partner = fields.String()
    title_zh = fields.String()
    starts_at = fields.AwareDateTime()
    ends_at = fields.AwareDateTime()
    started_at = fields.AwareDateTime(allow_none=True)
    ended_at = fields.AwareDateTime(allow_none=True)
    settled_at = fields.AwareDateTime(allow_none=True)
    commission_bp = fields.Integer()
    hold_s = fields.Integer(allow_none=True)
    operator_zh = fields.String(allow_none=True)
    agency_zh = fields.String(allow_none=True)
    platform_zh = fields.String(allow_none=True)
    host_verified_on = fields.Date(allow_none=True)
    host_age = fields.Integer(allow_none=True)
    guardian_consented = fields.Boolean()
    recording_ref = fields.String(allow_none=True)
    recording_keep_until = fields.Date(allow_none=True)
    pinned = fields.String(allow_none=True)
    offers = fields.List(fields.Nested(ItemOut))


class LiveItem(Schema):
    """A product of the shelf as it stands now. `units_left`: whole packs that can still be taken."""

    sku = fields.String()
    name_zh = fields.String()
    unit_zh = fields.String()
    net_weight_g = fields.Integer()
    price_fen = fields.Integer()
    per_buyer_cap = fields.Integer(allow_none=True)
    units_left = fields.Integer()


class LiveCoupon(Schema):
    """A coupon that can be used now. `left`: for so many orders."""

    code = fields.String()
    discount_fen = fields.Integer()
    min_goods_fen = fields.Integer()
    valid_until = fields.AwareDateTime()
    left = fields.Integer()


class LiveShelf(Schema):
    """The shelf for everybody, at most a second old."""

    session = fields.String()
    status = fields.String()
    partner = fields.String()
    title_zh = fields.String()
    starts_at = fields.AwareDateTime()
    ends_at = fields.AwareDateTime()
    pinned = fields.String(allow_none=True)
    coupons = fields.List(fields.Nested(LiveCoupon))
    items = fields.List(fields.Nested(LiveItem))


class SoldItem(LiveItem):
    """The same, and the packs that are held or gone."""

    units_taken = fields.Integer()


class LiveFigures(LiveShelf):
    """What the session sold, at most a second old.

    `orders`: placed, all of them; `waiting`: not yet paid; `lapsed`: expired or cancelled; `gmv_fen`: of all that were
    placed; `refund_rate_bp`: refunded of paid.
    """

    orders = fields.Integer()
    waiting = fields.Integer()
    paid_orders = fields.Integer()
    lapsed = fields.Integer()
    gmv_fen = fields.Integer()
    paid_fen = fields.Integer()
    refunded_fen = fields.Integer()
    refund_rate_bp = fields.Integer()
    items = fields.List(fields.Nested(SoldItem))


class SessionFilter(PageQuery):
    """Your sessions."""


class SessionPage(Schema):
    """A page of sessions, newest first."""

    items = fields.List(fields.Nested(SessionOut))
    next = fields.String(allow_none=True)


class SessionLinkOut(Schema):
    """A link of the session (`sku` null) or of a product on its shelf."""

    code = fields.String()
    path = fields.String()
    sku = fields.String(allow_none=True)


class SessionLinks(Schema):
    """The links of a session, in the order of the shelf."""

    items = fields.List(fields.Nested(SessionLinkOut))
