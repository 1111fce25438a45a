"""Shapes of agreements on the wire. Weights in grams, prices in fen per kg, amounts in fen."""

from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from shop.agreements.models import AgreementStatus, PriceRule
from shop.agreements.schedule import parse
from shop.kit.schemas import MAX_FEN, MAX_GRAMS, Code, Day, PageQuery, StrictSchema, Text, Whole


class AgreementFilter(PageQuery):
    """Agreements in a status, of a firm or a buyer (codes)."""

    status = fields.Enum(AgreementStatus, by_value=True, load_default=None)
    firm = Code(load_default=None)
    partner = Code(load_default=None)


class PromiseAsked(StrictSchema):
    """A line: grams over the whole term. For FIXED the floor is the price; `margin_bp` for MARKET_PLUS only."""

    sku = Code(required=True)
    committed_g = Whole(low=1, high=MAX_GRAMS, required=True)
    floor_fen_per_kg = Whole(low=1, high=MAX_FEN, required=True)
    price_rule = fields.Enum(PriceRule, by_value=True, required=True)
    margin_bp = Whole(low=0, high=10_000, load_default=0)

    @validates_schema
    def margin_fits(self, data: dict[str, Any], **_: Any) -> None:
        """Only MARKET_PLUS has a margin."""
        if data["margin_bp"] and data["price_rule"] is not PriceRule.MARKET_PLUS:
            raise ValidationError("Only MARKET_PLUS has a margin.", "margin_bp")


class SignedAgreement(StrictSchema):
    """An agreement as signed. Deposit at most 20 % (Civil Code art. 586), invoices due in 60 days at most.

    `schedule`: `daily`, `weekly:1,4` (1 = Monday), `monthly:5,20`, `once:2026-01-20`.
    """

    code = Code(required=True)
    partner = Code(required=True)
    firm = Code(required=True)
    signed_on = Day(required=True)
    starts_on = Day(required=True)
    ends_on = Day(required=True)
    deposit_bp = Whole(low=0, high=2_000, load_default=0)
    penalty_bp = Whole(low=0, high=3_000, load_default=0)
    payment_term_days = Whole(low=0, high=60, required=True)
    schedule = Text(high=120, required=True)
    lines = fields.List(fields.Nested(PromiseAsked), required=True, validate=validate.Length(min=1, max=50))

    @validates_schema
    def makes_sense(self, data: dict[str, Any], **_: Any) -> None:
        """The term is in order and three years at most, the schedule can be read, no product is promised twice."""
        if not 0 <= (data["ends_on"] - data["starts_on"]).days <= 3 * 366:
            raise ValidationError("Must lie within three years after the first day.", "ends_on")
        try:
            parse(data["schedule"])
        except ValueError:
            raise ValidationError("Not a schedule.", "schedule") from None
        skus = [line["sku"] for line in data["lines"]]
        if len(set(skus)) != len(skus):
            raise ValidationError("A product is promised twice.", "lines")


class QuoteAsked(StrictSchema):
    """A market price of a day from a named source."""

    sku = Code(required=True)
    quoted_on = Day(required=True)
    source = Text(required=True)
    fen_per_kg = Whole(low=1, high=MAX_FEN, required=True)


class PromiseOut(Schema):
    """A promise and where it stands today: due by the schedule so far, called and not cancelled, left to call."""

    sku = fields.String()
    name_zh = fields.String()
    price_rule = fields.String()
    floor_fen_per_kg = fields.Integer()
    margin_bp = fields.Integer()
    committed_g = fields.Integer()
    signed_fen = fields.Integer()
    due_g = fields.Integer()
    called_g = fields.Integer()
    left_g = fields.Integer()


class CallOffOut(Schema):
    """A quantity called for a day, at the price fixed then."""

    sku = fields.String()
    status = fields.String()
    due_on = fields.Date()
    weight_g = fields.Integer()
    price_fen_per_kg = fields.Integer()
    scheduled = fields.Boolean()


class AgreementOut(Schema):
    """An agreement. `signed_fen`: committed weight at the floor price, line by line."""

    code = fields.String()
    status = fields.String()
    partner = fields.String()
    partner_name_zh = fields.String()
    firm = fields.String()
    firm_name_zh = fields.String()
    signed_on = fields.Date(allow_none=True)
    starts_on = fields.Date()
    ends_on = fields.Date()
    deposit_bp = fields.Integer()
    penalty_bp = fields.Integer()
    payment_term_days = fields.Integer()
    schedule = fields.String()
    signed_fen = fields.Integer()
    lines = fields.List(fields.Nested(PromiseOut))


class AgreementDetail(AgreementOut):
    """An agreement with its call-offs, by due date."""

    call_offs = fields.List(fields.Nested(CallOffOut))


class AgreementPage(Schema):
    """A page of agreements."""

    items = fields.List(fields.Nested(AgreementOut))
    next = fields.String(allow_none=True)
