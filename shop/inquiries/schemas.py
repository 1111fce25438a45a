"""Shapes of inquiries on the wire. Weights in grams, prices in fen of a pack (orders) or of a kg (agreements)."""

from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from shop.agreements.schemas import a_schedule, once_within_the_term
from shop.inquiries.models import InquiryStatus
from shop.kit.schemas import MAX_FEN, MAX_GRAMS, Code, Day, PageQuery, StrictSchema, Text, Whole, each_once


class WantedLine(StrictSchema):
    """A product: packs (`quantity`) for a bulk order of a unit, or grams over the term for an agreement.

    `schedule`: of grams, its own days; left out: those of the inquiry.
    """

    sku = Code(required=True)
    quantity = Whole(low=1, high=100_000, load_default=None)
    weight_g = Whole(low=1, high=MAX_GRAMS, load_default=None)
    schedule = Text(load_default=None, validate=a_schedule)

    @validates_schema
    def one_of_them(self, data: dict[str, Any], **_: Any) -> None:
        """Packs, delivered at once, or grams."""
        if (data["quantity"] is None) == (data["weight_g"] is None):
            raise ValidationError("Give either quantity or weight_g.", "quantity")
        if data["quantity"] is not None and data["schedule"] is not None:
            raise ValidationError("Only grams have a schedule.", "schedule")


class InquiryAsked(StrictSchema):
    """What is asked of which firm, for which days: `starts_on` to `ends_on` by `schedule` (left out: one delivery)."""

    partner = Code(required=True)
    firm = Code(required=True)
    starts_on = Day(required=True)
    ends_on = Day(load_default=None)
    schedule = Text(load_default=None, validate=a_schedule)
    note = Text(high=500, load_default=None)
    lines = fields.List(fields.Nested(WantedLine), required=True, validate=validate.Length(min=1, max=50))

    @validates_schema
    def makes_sense(self, data: dict[str, Any], **_: Any) -> None:
        """The days are in order, three years at most, a single delivery among them."""
        last = data["ends_on"] or data["starts_on"]
        if not 0 <= (last - data["starts_on"]).days <= 3 * 366:
            raise ValidationError("Must lie within three years after the first day.", "ends_on")
        once_within_the_term(data, last=last)


class OfferedPrice(StrictSchema):
    """A price of a pack, or of a kilogram for an agreement."""

    sku = Code(required=True)
    price_fen = Whole(low=1, high=MAX_FEN, required=True)


class OfferMade(StrictSchema):
    """Prices until a day, and the terms of an agreement: rates in basis points, deposit 20 % at most.

    `buyer_penalty_bp` left out is the firm's rate, as in the terms of an agreement.
    """

    valid_until = Day(required=True)
    prices = fields.List(fields.Nested(OfferedPrice), required=True, validate=validate.Length(min=1, max=50))
    deposit_bp = Whole(low=0, high=2_000, load_default=0)
    penalty_bp = Whole(low=0, high=3_000, load_default=0)
    buyer_penalty_bp = Whole(low=0, high=3_000, load_default=None)
    tolerance_bp = Whole(low=0, high=2_000, load_default=0)
    payment_term_days = Whole(low=0, high=60, load_default=30)

    @validates_schema
    def each_product_once(self, data: dict[str, Any], **_: Any) -> None:
        """No product has two prices."""
        each_once(data["prices"], "sku", "prices", "A product is named twice.")


class InquiryEnding(StrictSchema):
    """`withdraw` (the buyer) or `decline` (the firm), and why."""

    event = fields.String(required=True, validate=validate.OneOf(["withdraw", "decline"]))
    reason = Text(high=500, required=True)


class InquiryFilter(PageQuery):
    """Inquiries in a status."""

    status = fields.Enum(InquiryStatus, by_value=True, load_default=None)


class InquiryLineOut(Schema):
    """A product that is asked for, its price once offered."""

    sku = fields.String()
    name_zh = fields.String()
    quantity = fields.Integer(allow_none=True)
    weight_g = fields.Integer(allow_none=True)
    schedule = fields.String(allow_none=True)
    price_fen = fields.Integer(allow_none=True)


class InquiryOut(Schema):
    """An inquiry, its offer, and the order or draft agreement that an accepted one became."""

    code = fields.String()
    status = fields.String()
    partner = fields.String()
    firm = fields.String()
    starts_on = fields.Date()
    ends_on = fields.Date()
    schedule = fields.String()
    note = fields.String(allow_none=True)
    asked_at = fields.DateTime()
    valid_until = fields.Date(allow_none=True)
    expired = fields.Boolean()
    terms = fields.Raw(allow_none=True)
    order = fields.String(allow_none=True)
    agreement = fields.String(allow_none=True)
    lines = fields.List(fields.Nested(InquiryLineOut))


class InquiryPage(Schema):
    """A page of inquiries, newest first."""

    items = fields.List(fields.Nested(InquiryOut))
    next = fields.String(allow_none=True)
