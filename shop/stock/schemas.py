"""Shapes of lots on the wire. Weights in grams."""

from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from shop.kit.schemas import MAX_GRAMS, Code, Day, PageQuery, StrictSchema, Text, Whole


class LotFilter(PageQuery):
    """Lots of a product."""

    sku = Code(load_default=None)


class OpenLot(StrictSchema):
    """A lot is made of deliveries (slip numbers), or of what the firm made itself (`made_g`): one of the two."""

    sku = Code(required=True)
    harvested_on = Day(required=True)
    certificate_number = Code(load_default=None, allow_none=True)
    deliveries = fields.List(Code(), load_default=list, validate=validate.Length(max=1_000))
    made_g = Whole(low=1, high=MAX_GRAMS, load_default=None, allow_none=True)

    @validates_schema
    def made_of_one_thing(self, data: dict[str, Any], **_: Any) -> None:
        """Exactly one of the two, and no slip twice."""
        if bool(data["deliveries"]) == (data["made_g"] is not None):
            raise ValidationError("Give either deliveries or made_g.", "deliveries")
        if len(set(data["deliveries"])) != len(data["deliveries"]):
            raise ValidationError("A delivery is named twice.", "deliveries")


class Withdrawal(StrictSchema):
    """What leaves a lot without being sold, and why."""

    weight_g = Whole(low=1, high=MAX_GRAMS, required=True)
    reason = Text(low=2, high=40, required=True)


class LotDeliveryOut(Schema):
    """A slip that the lot is made of; the household by its code only."""

    code = fields.String()
    household = fields.String()
    delivered_on = fields.Date()
    weight_g = fields.Integer()
    grade = fields.String()


class LotOut(Schema):
    """A lot: left = received - dispatched - withdrawn."""

    code = fields.String()
    firm = fields.String()
    sku = fields.String()
    name_zh = fields.String()
    harvested_on = fields.Date()
    expires_on = fields.Date()
    certificate_number = fields.String(allow_none=True)
    opened_at = fields.AwareDateTime()
    received_g = fields.Integer()
    dispatched_g = fields.Integer()
    withdrawn_g = fields.Integer()
    left_g = fields.Integer()


class LotDetail(LotOut):
    """A lot with what it is made of."""

    deliveries = fields.List(fields.Nested(LotDeliveryOut))


class LotPage(Schema):
    """A page of lots."""

    items = fields.List(fields.Nested(LotOut))
    next = fields.String(allow_none=True)
