"""Shapes of rounds on the wire. Quantities in packs, money in fen."""

from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from shop.channels.schemas import Moment
from shop.kit.schemas import Code, PageQuery, StrictSchema, Text, Whole, each_once
from shop.orders.schemas import MAX_LINES, MAX_PACKS, LineAsked
from shop.rounds.models import RoundStatus

#: Packs of one product for one person: a household, not a shop.
MOST_FOR_ONE = 100


class ProductTerms(StrictSchema):
    """A product of the round. The bounds are the same for everybody; who does not want it leaves it out."""

    sku = Code(required=True)
    least_packs = Whole(low=1, high=MOST_FOR_ONE, load_default=1)
    most_packs = Whole(low=1, high=MOST_FOR_ONE, required=True)
    total_packs = Whole(low=1, high=MAX_PACKS, load_default=None, allow_none=True)

    @validates_schema
    def in_order(self, data: dict[str, Any], **_: Any) -> None:
        """The bounds are in order."""
        if data["most_packs"] < data["least_packs"]:
            raise ValidationError("Must not be less than least_packs.", "most_packs")
        if data["total_packs"] is not None and data["total_packs"] < data["least_packs"]:
            raise ValidationError("Must not be less than least_packs.", "total_packs")


class RoundAsked(StrictSchema):
    """A buying round of a unit."""

    partner = Code(required=True)
    title_zh = Text(required=True, high=60)
    closes_at = Moment(required=True)
    delivery_point_zh = Text(required=True)
    contact_name_zh = Text(required=True, high=40)
    contact_phone = Text(required=True, high=20)
    products = fields.List(fields.Nested(ProductTerms), required=True, validate=validate.Length(min=1, max=MAX_LINES))

    @validates_schema
    def each_product_once(self, data: dict[str, Any], **_: Any) -> None:
        """No product is named twice."""
        each_once(data["products"], "sku", "products")


class RoundFilter(PageQuery):
    """Rounds in a status."""

    status = fields.Enum(RoundStatus, by_value=True, load_default=None)


class TierOut(Schema):
    """The next tier: packs missing to it, and its price."""

    missing_packs = fields.Integer()
    price_fen = fields.Integer()


class OfferedOut(Schema):
    """A product of a round and how far it has come. `price_fen`: a pack at the tier reached so far."""

    sku = fields.String()
    name_zh = fields.String()
    spec_zh = fields.String()
    unit_zh = fields.String()
    least_packs = fields.Integer()
    most_packs = fields.Integer()
    left_packs = fields.Integer(allow_none=True)
    packs = fields.Integer()
    price_fen = fields.Integer()
    price_per_jin_fen = fields.Integer()
    amount_fen = fields.Integer()
    next_tier = fields.Nested(TierOut, allow_none=True)


class OpenRoundOut(Schema):
    """What whoever has the link sees: no name of anybody who joined."""

    title_zh = fields.String()
    status = fields.String()
    status_zh = fields.String()
    partner_name_zh = fields.String()
    firm_name_zh = fields.String()
    delivery_point_zh = fields.String()
    contact_name_zh = fields.String()
    closes_at = fields.AwareDateTime()
    people = fields.Integer()
    products = fields.List(fields.Nested(OfferedOut))


class RoundOut(OpenRoundOut):
    """A round as its unit and the county see it. `refusal`: why the clock could not order it."""

    code = fields.String()
    partner = fields.String()
    opened_at = fields.AwareDateTime()
    join_code = fields.String(allow_none=True, metadata={"description": "null to the firm"})
    join_path = fields.String(allow_none=True)
    amount_fen = fields.Integer()
    order = fields.String(allow_none=True)
    order_status_zh = fields.String(allow_none=True)
    refusal = fields.String(allow_none=True)


class RoundPage(Schema):
    """A page of rounds, newest first."""

    items = fields.List(fields.Nested(RoundOut))
    next = fields.String(allow_none=True)


class ItemOut(Schema):
    """Packs asked for and, once the goods were accepted, packs received."""

    sku = fields.String()
    name_zh = fields.String()
    unit_zh = fields.String()
    asked = fields.Integer()
    received = fields.Integer(allow_none=True)
    price_fen = fields.Integer()
    amount_fen = fields.Integer()


class PersonOut(Schema):
    """Who ordered what. The phone is masked."""

    position = fields.Integer()
    name_zh = fields.String()
    phone = fields.String(allow_none=True)
    staff_number = fields.String(allow_none=True)
    joined_at = fields.AwareDateTime()
    changed_at = fields.AwareDateTime()
    handed_at = fields.AwareDateTime(allow_none=True)
    items = fields.List(fields.Nested(ItemOut))
    amount_fen = fields.Integer()


class BoxOut(Schema):
    """One pack and whose it is."""

    box = fields.Integer()
    sku = fields.String()
    name_zh = fields.String()
    position = fields.Integer()
    person_zh = fields.String()


class LooseOut(Schema):
    """Accepted beyond whole packs: nobody's, for the organiser to decide."""

    sku = fields.String()
    weight_g = fields.Integer()
    amount_fen = fields.Integer()


class DistributionOut(Schema):
    """Who gets what, by person and by box. `accepted`: what stands there is what came, not what was asked."""

    round = fields.String()
    accepted = fields.Boolean()
    people = fields.List(fields.Nested(PersonOut))
    boxes = fields.List(fields.Nested(BoxOut))
    loose = fields.List(fields.Nested(LooseOut))
    amount_fen = fields.Integer()


class Cancellation(StrictSchema):
    """Why a round is called off."""

    reason = Text(low=2, high=200, required=True)


class Removal(StrictSchema):
    """Which entry is taken out, and why."""

    position = Whole(low=1, high=30_000, required=True)
    reason = Text(low=2, high=200, required=True)


class HandedOut(StrictSchema):
    """To whom goods were handed: positions of the distribution list."""

    positions = fields.List(Whole(low=1, high=30_000), required=True, validate=validate.Length(min=1, max=1_000))


class SecretAsked(StrictSchema):
    """The secret that was given when joining."""

    secret = Text(low=16, high=64, required=True)


class Wanted(StrictSchema):
    """Packs by product: those left out are not wanted."""

    lines = fields.List(fields.Nested(LineAsked), required=True, validate=validate.Length(min=1, max=MAX_LINES))

    @validates_schema
    def each_product_once(self, data: dict[str, Any], **_: Any) -> None:
        """No product is named twice."""
        each_once(data["lines"], "sku", "lines")


class Joining(Wanted):
    """Joining: a name, a phone or staff number. `secret`: the joiner's own, so that sending twice joins once."""

    name_zh = Text(required=True, high=40)
    phone = Text(high=20, load_default=None, allow_none=True)
    staff_number = Code(load_default=None, allow_none=True)
    secret = Text(low=16, high=64, load_default=None, allow_none=True)

    @validates_schema
    def known_by_something(self, data: dict[str, Any], **_: Any) -> None:
        """A phone or a staff number."""
        if not data["phone"] and not data["staff_number"]:
            raise ValidationError("Give at least one of phone, staff_number.", "phone")


class Changing(Wanted):
    """Other packs than before."""

    secret = Text(low=16, high=64, required=True)


class MineOut(Schema):
    """One's own entry. `secret` stands in the answer to joining only."""

    secret = fields.String()
    name_zh = fields.String()
    position = fields.Integer()
    items = fields.List(fields.Nested(ItemOut))
    amount_fen = fields.Integer()
    closes_at = fields.AwareDateTime()
    handed_at = fields.AwareDateTime(allow_none=True)
