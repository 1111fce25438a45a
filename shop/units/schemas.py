"""Shapes of a unit's desk on the wire. Money in fen, rates in basis points, weights in grams."""

from typing import Any

from marshmallow import Schema, ValidationError, fields, validates_schema

from shop.kit.schemas import MAX_FEN, Code, Day, QueryWhole, StrictSchema, Text, Whole
from shop.orders.schemas import LineOut
from shop.units.models import Fund


class RuleAsked(StrictSchema):
    """A rule of an authority from a day on, as its notice says it."""

    authority = Code(required=True)
    valid_from = Day(required=True)
    canteen_bp = Whole(low=0, high=10_000, required=True)
    union_bp = Whole(low=0, high=10_000, required=True)
    union_cap_fen = Whole(low=0, high=MAX_FEN, required=True)
    file_by = Day(required=True)
    source_zh = Text(required=True)


class RuleList(Schema):
    """Rules, the youngest first."""

    items = fields.List(fields.Nested(RuleAsked))


class FilingAsked(StrictSchema):
    """What a unit files for a year: food purchases of its canteen, goods money of its union, members."""

    year = Whole(low=2000, high=2100, required=True)
    authority = Code(required=True)
    canteen_fen = Whole(low=0, high=MAX_FEN, required=True)
    union_fen = Whole(low=0, high=MAX_FEN, required=True)
    members = Whole(low=1, high=100_000, required=True)

    @validates_schema
    def buys_something(self, data: dict[str, Any], **_: Any) -> None:
        """A canteen or a union."""
        if not data["canteen_fen"] and not data["union_fen"]:
            raise ValidationError("Give at least one of canteen_fen, union_fen.", "canteen_fen")


class YearQuery(StrictSchema):
    """Which year."""

    year = QueryWhole(low=2000, high=2100, required=True)


class YearOut(Schema):
    """A unit's year. On the platform and off it are two figures: only the first counts for the reserve."""

    code = fields.String()
    name_zh = fields.String()
    year = fields.Integer()
    authority = fields.String(allow_none=True)
    file_by = fields.Date(allow_none=True)
    filed_at = fields.AwareDateTime(allow_none=True)
    filed_late = fields.Boolean()
    planned_canteen_fen = fields.Integer(allow_none=True)
    planned_union_fen = fields.Integer(allow_none=True)
    members = fields.Integer(allow_none=True)
    reserve_fen = fields.Integer(allow_none=True)
    on_platform_fen = fields.Integer()
    completion_bp = fields.Integer(allow_none=True)
    missing_fen = fields.Integer(allow_none=True)
    off_canteen_fen = fields.Integer()
    off_union_fen = fields.Integer()
    off_undeclared_fen = fields.Integer()
    rounds_fen = fields.Integer(metadata={"description": "colleagues' own money: in neither figure"})
    union_cap_fen = fields.Integer(allow_none=True)
    per_member_fen = fields.Integer()
    member_left_fen = fields.Integer(allow_none=True)


class InvoiceOut(Schema):
    """An accepted order that is not paid."""

    number = fields.String()
    due_on = fields.Date()
    accepted_fen = fields.Integer()
    paid_fen = fields.Integer()
    left_fen = fields.Integer()
    overdue_days = fields.Integer()


class DeskOut(YearOut):
    """A unit's year with what it owes: up to 100 invoices, the earliest due first."""

    invoices = fields.List(fields.Nested(InvoiceOut))


class YearList(Schema):
    """The year of each unit, by code."""

    items = fields.List(fields.Nested(YearOut))


class OutsideAsked(StrictSchema):
    """A purchase on the 832 platform."""

    number = Code(required=True)
    bought_on = Day(required=True)
    amount_fen = Whole(low=1, high=MAX_FEN, required=True)
    goods_zh = Text(required=True)


class VoidAsked(StrictSchema):
    """Which purchase was recorded wrongly, and why."""

    number = Code(required=True)
    reason = Text(low=2, high=200, required=True)


class FundAsked(StrictSchema):
    """What an order is bought for."""

    fund = fields.Enum(Fund, by_value=True, required=True)


class FundOut(Schema):
    """What an order is bought for; of a union also its equal part for each member."""

    order = fields.String()
    fund = fields.String()
    members = fields.Integer(allow_none=True)
    per_member_fen = fields.Integer(allow_none=True)


class LicenceOut(Schema):
    """A licence or mark that was held on the day the goods left."""

    name_zh = fields.String()
    number = fields.String()
    expires_on = fields.Date()


class BatchOut(Schema):
    """What came of one lot."""

    parcel = fields.Integer()
    dispatched_on = fields.Date()
    sku = fields.String()
    name_zh = fields.String()
    origin_zh = fields.String()
    lot = fields.String()
    harvested_on = fields.Date()
    expires_on = fields.Date()
    weight_g = fields.Integer()
    certificate_zh = fields.String(allow_none=True)
    certificate_number = fields.String(allow_none=True)
    licences = fields.List(fields.Nested(LicenceOut))


class SheetOut(Schema):
    """An acceptance sheet."""

    order = fields.String()
    partner_name_zh = fields.String()
    firm_name_zh = fields.String()
    accepted_at = fields.AwareDateTime(allow_none=True)
    due_on = fields.Date(allow_none=True)
    accepted_fen = fields.Integer()
    lines = fields.List(fields.Nested(LineOut))
    batches = fields.List(fields.Nested(BatchOut))
