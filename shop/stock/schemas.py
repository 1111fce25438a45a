"""Shapes of lots on the wire. Weights in grams."""

from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from shop.channels.models import ChannelKind
from shop.channels.schemas import Moment
from shop.farmers.models import Grade
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


class SourceAsked(StrictSchema):
    """A part of a lot: `lost_g` of `weight_g` spoil or dry while working."""

    lot = Code(required=True)
    weight_g = Whole(low=1, high=MAX_GRAMS, required=True)
    lost_g = Whole(low=0, high=MAX_GRAMS, load_default=0)

    @validates_schema
    def something_is_left(self, data: dict[str, Any], **_: Any) -> None:
        """All of a part lost is a loss: it has an address of its own."""
        if data["lost_g"] >= data["weight_g"]:
            raise ValidationError("Less than what is taken.", "lost_g")


class RemadeLot(StrictSchema):
    """A lot made of parts of other lots: graded down to `grade`, or repacked."""

    sku = Code(required=True)
    sources = fields.List(fields.Nested(SourceAsked), required=True, validate=validate.Length(min=1, max=50))
    grade = fields.Enum(Grade, by_value=True, load_default=None, allow_none=True)
    certificate_number = Code(load_default=None, allow_none=True)

    @validates_schema
    def each_lot_once(self, data: dict[str, Any], **_: Any) -> None:
        """No lot twice; grading down is of one lot."""
        lots = [source["lot"] for source in data["sources"]]
        if len(set(lots)) != len(lots):
            raise ValidationError("A lot is named twice.", "sources")
        if data["grade"] is not None and len(lots) != 1:
            raise ValidationError("Grade down one lot at a time.", "sources")


class RecallAsked(StrictSchema):
    """Why a lot is recalled: buyers read it."""

    reason = Text(low=2, high=200, required=True)


class RecallFilter(PageQuery):
    """Recalls that stand, or all."""

    standing = fields.Boolean(load_default=False)


class RecallOut(Schema):
    """A recall; it stands until it is lifted."""

    code = fields.String()
    lot = fields.String()
    firm = fields.String()
    sku = fields.String()
    name_zh = fields.String()
    reason = fields.String()
    by_county = fields.Boolean()
    announced_at = fields.AwareDateTime()
    lifted_at = fields.AwareDateTime(allow_none=True)
    lifted_because = fields.String(allow_none=True)


class RecallPage(Schema):
    """A page of recalls, newest first."""

    items = fields.List(fields.Nested(RecallOut))
    next = fields.String(allow_none=True)


class PartOut(Schema):
    """A part of a lot that another one was made of: graded (降级) or repacked (改装)."""

    lot = fields.String()
    sku = fields.String()
    kind = fields.String()
    weight_g = fields.Integer()


class RoundAside(StrictSchema):
    """Grams of a product that are set aside until an hour."""

    sku = Code(required=True)
    weight_g = Whole(low=1, high=MAX_GRAMS, required=True)
    until = Moment(required=True)


class ChannelAside(RoundAside):
    """The same for a channel."""

    channel = fields.Enum(ChannelKind, by_value=True, required=True)


class AsideChange(StrictSchema):
    """All grams that shall be set aside, held and sold ones included, or another hour, or both."""

    weight_g = Whole(low=1, high=MAX_GRAMS, load_default=None)
    until = Moment(load_default=None)

    @validates_schema
    def changes_something(self, data: dict[str, Any], **_: Any) -> None:
        """At least one of the two."""
        if data["weight_g"] is None and data["until"] is None:
            raise ValidationError("Give weight_g or until.", "weight_g")


class AsideOut(Schema):
    """Grams of a product that a channel, a round or a session may take, or (`open`) everybody."""

    code = fields.String(allow_none=True)
    kind = fields.String()
    channel = fields.String(allow_none=True)
    occasion = fields.String(allow_none=True)
    for_zh = fields.String()
    until = fields.AwareDateTime(allow_none=True)
    ended_at = fields.AwareDateTime(allow_none=True)
    set_aside_g = fields.Integer(allow_none=True, metadata={"description": "left + held + sold"})
    left_g = fields.Integer(metadata={"description": "free for who may take it"})
    held_g = fields.Integer(metadata={"description": "held by orders, not sent"})
    sold_g = fields.Integer()


class StockOut(Schema):
    """The stock of a product: `in_stock_g` is left in its lots, all of it in one of its pools."""

    sku = fields.String()
    name_zh = fields.String()
    firm = fields.String()
    in_stock_g = fields.Integer()
    pools = fields.List(fields.Nested(AsideOut))


class StockPage(Schema):
    """A page of products, newest first."""

    items = fields.List(fields.Nested(StockOut))
    next = fields.String(allow_none=True)


class PresaleAsked(StrictSchema):
    """Packs of a harvest to come: ordered from `opens_on` to `closes_on`, sent by `ship_by`, all days included."""

    sku = Code(required=True)
    packs = Whole(low=1, high=1_000_000, required=True)
    opens_on = Day(required=True)
    closes_on = Day(required=True)
    ship_by = Day(required=True)


class PresaleFilter(PageQuery):
    """Pre-sales of a product."""

    sku = Code(load_default=None)


class PresaleOut(Schema):
    """A pre-sale. `waiting_g` and `served_g` are for its firm and the county."""

    code = fields.String()
    sku = fields.String()
    name_zh = fields.String()
    firm = fields.String()
    opens_on = fields.Date()
    closes_on = fields.Date()
    ship_by = fields.Date()
    open = fields.Boolean()
    cap_packs = fields.Integer()
    left_packs = fields.Integer()
    waiting_g = fields.Integer(allow_none=True)
    served_g = fields.Integer(allow_none=True)


class PresalePage(Schema):
    """A page of pre-sales, newest first."""

    items = fields.List(fields.Nested(PresaleOut))
    next = fields.String(allow_none=True)


class LotDeliveryOut(Schema):
    """A slip that the lot is made of, and the weight that it filled it with; the household by its code only."""

    code = fields.String()
    household = fields.String()
    delivered_on = fields.Date()
    weight_g = fields.Integer()
    grade = fields.String()


class LotOut(Schema):
    """A lot: received = dispatched + withdrawn + graded + repacked + left."""

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
    withdrawn_g = fields.Integer(metadata={"description": "lost: spoiled, expired, recalled"})
    graded_g = fields.Integer(metadata={"description": "graded down into other lots"})
    repacked_g = fields.Integer(metadata={"description": "repacked into other lots"})
    left_g = fields.Integer()
    grade = fields.Enum(Grade, by_value=True, allow_none=True)
    recalled = fields.Boolean()


class LotDetail(LotOut):
    """A lot with what it is made of."""

    deliveries = fields.List(fields.Nested(LotDeliveryOut))
    made_of = fields.List(fields.Nested(PartOut))
    made_into = fields.List(fields.Nested(PartOut))


class LotPage(Schema):
    """A page of lots."""

    items = fields.List(fields.Nested(LotOut))
    next = fields.String(allow_none=True)
