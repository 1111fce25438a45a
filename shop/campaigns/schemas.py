"""Shapes of campaigns on the wire. Money in fen, rates in basis points."""

from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from shop.catalog.schemas import MAX_TIERS, TierAsked
from shop.channels.models import ChannelKind
from shop.kit.schemas import MAX_FEN, Code, Day, StrictSchema, Whole


class GoalAsked(StrictSchema):
    """A goal of the whole campaign, or of one channel, township or unit: fen settled, households reached."""

    channel = fields.Enum(ChannelKind, by_value=True, load_default=None, allow_none=True)
    township = Code(load_default=None, allow_none=True)
    partner = Code(load_default=None, allow_none=True)
    amount_fen = Whole(low=1, high=MAX_FEN, load_default=None, allow_none=True)
    households = Whole(low=1, high=1_000_000, load_default=None, allow_none=True)

    @validates_schema
    def of_one_thing(self, data: dict[str, Any], **_: Any) -> None:
        """One thing at most, and something wanted of it."""
        if sum(data[name] is not None for name in ("channel", "township", "partner")) > 1:
            raise ValidationError("Name one thing only.", "channel")
        if data["amount_fen"] is None and data["households"] is None:
            raise ValidationError("Give at least one of amount_fen, households.", "amount_fen")


class ProductsAsked(StrictSchema):
    """What the campaign is about; an empty list = all products."""

    skus = fields.List(Code(), required=True, validate=validate.Length(max=500))


class CampaignPrices(StrictSchema):
    """A product's prices during the campaign: from 1 pack, quantities rise, prices fall."""

    sku = Code(required=True)
    tiers = fields.List(fields.Nested(TierAsked), required=True, validate=validate.Length(min=1, max=MAX_TIERS))


class ProgressQuery(StrictSchema):
    """`compare`: another campaign than the one before. `day`: up to this day instead of today."""

    compare = Code(load_default=None)
    day = Day(load_default=None)


class RowOut(Schema):
    """One row: so far, its goal, and the campaign before after as many days."""

    code = fields.String(allow_none=True)
    name_zh = fields.String()
    amount_fen = fields.Integer()
    households = fields.Integer()
    goal_fen = fields.Integer(allow_none=True)
    goal_households = fields.Integer(allow_none=True)
    amount_bp = fields.Integer(allow_none=True)
    households_bp = fields.Integer(allow_none=True)
    before_fen = fields.Integer(allow_none=True)
    before_households = fields.Integer(allow_none=True)


class ProgressOut(Schema):
    """A campaign so far. Of a township, fen are those of its households' produce; of the others, those settled."""

    campaign = fields.String()
    name_zh = fields.String()
    until = fields.Date()
    days = fields.Integer()
    compared_with = fields.String(allow_none=True)
    compared_until = fields.Date(allow_none=True)
    total = fields.Nested(RowOut, allow_none=True)
    channels = fields.List(fields.Nested(RowOut))
    townships = fields.List(fields.Nested(RowOut))
    units = fields.List(fields.Nested(RowOut))
