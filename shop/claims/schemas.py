"""Shapes of claims on the wire. Weights in grams, money in fen."""

from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from shop.catalog.schemas import Flag
from shop.claims.models import ClaimReason, ClaimStatus
from shop.kit.schemas import MAX_GRAMS, Code, PageQuery, StrictSchema, Text, Whole
from shop.orders.schemas import MAX_PACKS


class ClaimAsked(StrictSchema):
    """What is wrong with a product of an order: `packs` or `weight_g`, one of them."""

    sku = Code(required=True)
    reason = fields.Enum(ClaimReason, by_value=True, required=True)
    packs = Whole(low=1, high=MAX_PACKS, load_default=None)
    weight_g = Whole(low=1, high=MAX_GRAMS, load_default=None)
    photo_reference = Text(high=120, required=True, metadata={"description": "number or name of the photo"})
    words = Text(high=200, load_default=None)

    @validates_schema
    def _one_measure(self, data: dict[str, Any], **_: Any) -> None:
        if (data["packs"] is None) == (data["weight_g"] is None):
            raise ValidationError("Give packs or weight_g, one of them.", "weight_g")


class AnswerAsked(StrictSchema):
    """What the firm says."""

    agrees = Flag(required=True)
    words = Text(high=200, required=True)


class DecisionAsked(StrictSchema):
    """What the county finds. `granted_g`: grams found right, all that was claimed when it is left out."""

    event = fields.String(required=True, validate=validate.OneOf(["accept", "reject"]))
    granted_g = Whole(low=1, high=MAX_GRAMS, load_default=None)
    words = Text(high=200, required=True)

    @validates_schema
    def _nothing_granted_when_rejected(self, data: dict[str, Any], **_: Any) -> None:
        if data["event"] == "reject" and data["granted_g"] is not None:
            raise ValidationError("Unknown field.", "granted_g")


class ClaimFilter(PageQuery):
    """Narrow the list of claims."""

    status = fields.Enum(ClaimStatus, by_value=True, load_default=None)
    order = Code(load_default=None)


class ClaimOut(Schema):
    """A claim."""

    number = fields.String()
    status = fields.String()
    status_zh = fields.String()
    order = fields.String()
    firm = fields.String()
    sku = fields.String()
    name_zh = fields.String()
    reason = fields.String()
    reason_zh = fields.String()
    damaged_g = fields.Integer()
    accepted_g = fields.Integer()
    photo_reference = fields.String()
    has_photo = fields.Boolean(metadata={"description": "GET /claims/{number}/photo shows it"})
    told = fields.String(allow_none=True)
    claimed_at = fields.DateTime()
    answer_by = fields.DateTime()
    firm_agrees = fields.Boolean(allow_none=True)
    answer = fields.String(allow_none=True)
    answered_at = fields.DateTime(allow_none=True)
    granted_g = fields.Integer(allow_none=True)
    amount_fen = fields.Integer(allow_none=True)
    decision = fields.String(allow_none=True)
    decided_at = fields.DateTime(allow_none=True)
    refund = fields.String(allow_none=True)
    refund_status = fields.String(allow_none=True)


class ClaimPage(Schema):
    """A page of claims, newest first."""

    items = fields.List(fields.Nested(ClaimOut))
    next = fields.String(allow_none=True)
