"""Shapes of village collectives. Money in fen."""

from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from shop.collectives.models import CollectiveKind
from shop.kit.schemas import MAX_FEN, MAX_PAGE, Code, Day, PageQuery, QueryWhole, StrictSchema, Text, Whole


class EarnedAsked(StrictSchema):
    """What came in and what it cost: of a village, or of a joint project (`pairing`)."""

    code = Code(required=True)
    village = Code(load_default=None)
    pairing = Code(load_default=None)
    kind = fields.Enum(CollectiveKind, by_value=True, required=True)
    received_on = Day(required=True)
    income_fen = Whole(required=True)
    cost_fen = Whole(load_default=0)
    source = Text(high=200, required=True)

    @validates_schema
    def of_one(self, data: dict[str, Any], **_: Any) -> None:
        """Of a village or of a pairing; something happened; a subsidy costs nothing."""
        if (data["village"] is None) == (data["pairing"] is None):
            raise ValidationError({"village": ["Name a village or a pairing."]})
        if not data["income_fen"] and not data["cost_fen"]:
            raise ValidationError({"income_fen": ["Nothing came in and nothing was spent."]})
        if data["kind"] is CollectiveKind.SUBSIDY and data["cost_fen"]:
            raise ValidationError({"cost_fen": ["A subsidy has no cost."]})


class PartOut(Schema):
    """A village's part of an event."""

    village = fields.String()
    income_fen = fields.Integer()
    cost_fen = fields.Integer()


class EventOut(Schema):
    """An event and its parts; they add up to it."""

    code = fields.String()
    pairing = fields.String(allow_none=True)
    kind = fields.String()
    received_on = fields.Date()
    income_fen = fields.Integer()
    cost_fen = fields.Integer()
    parts = fields.List(fields.Nested(PartOut))


class ReversalAsked(StrictSchema):
    """Why an event is taken back."""

    reason = Text(high=200, required=True)


class PairingAsked(StrictSchema):
    """A joint project of a strong and a weak village; `strong_bp` of its income is the strong one's."""

    code = Code(required=True)
    strong = Code(required=True)
    weak = Code(required=True)
    project_zh = Text(high=60, required=True)
    strong_bp = Whole(high=10_000, required=True)
    starts_on = Day(required=True)
    ends_on = Day(required=True)
    document = Text(high=200, required=True)

    @validates_schema
    def ends_after_it_begins(self, data: dict[str, Any], **_: Any) -> None:
        """In their order."""
        if data["ends_on"] < data["starts_on"]:
            raise ValidationError({"ends_on": ["Must not lie before starts_on."]})


class PairingOut(Schema):
    """A joint project; `void_reason`: why it is void."""

    code = fields.String()
    strong = fields.String()
    weak = fields.String()
    project_zh = fields.String()
    strong_bp = fields.Integer()
    starts_on = fields.Date()
    ends_on = fields.Date()
    void_reason = fields.String(allow_none=True)


class PairingPage(Schema):
    """A page of joint projects, newest first."""

    items = fields.List(fields.Nested(PairingOut))
    next = fields.String(allow_none=True)


class TierIn(StrictSchema):
    """A tier: who nets as much or more in a year; no floor: everybody else."""

    floor_fen = Whole(low=-MAX_FEN, load_default=None)
    name_zh = Text(high=40, required=True)
    name_en = Text(high=60, required=True)


class TiersAsked(StrictSchema):
    """The tiers that hold from a year on; one has no floor, so that every village is in one. `reason`: set anew."""

    from_year = Whole(low=2000, high=2100, required=True)
    reason = Text(high=200, load_default=None)
    tiers = fields.List(fields.Nested(TierIn), required=True, validate=validate.Length(min=1, max=20))

    @validates_schema
    def floors_differ(self, data: dict[str, Any], **_: Any) -> None:
        """Each floor once, and a tier of everybody else."""
        floors = {tier["floor_fen"] for tier in data["tiers"]}
        if len(floors) != len(data["tiers"]):
            raise ValidationError({"tiers": ["Give each floor once."]})
        if None not in floors:
            raise ValidationError({"tiers": ["Give a lowest tier, without a floor."]})


class TierSet(Schema):
    """A tier as it was set; `reason`: why this version took the place of the one before."""

    from_year = fields.Integer()
    version = fields.Integer()
    reason = fields.String(allow_none=True)
    floor_fen = fields.Integer(allow_none=True)
    name_zh = fields.String()
    name_en = fields.String()
    recorded_at = fields.DateTime()


class TierSetPage(Schema):
    """A page of tiers, newest first."""

    items = fields.List(fields.Nested(TierSet))
    next = fields.String(allow_none=True)


class TierOut(Schema):
    """A tier and how many villages stand in it."""

    name = fields.String()
    floor_fen = fields.Integer(allow_none=True)
    villages = fields.Integer()


class YearAsked(StrictSchema):
    """Villages of a year, of a township; at most `limit` after the code `after`."""

    year = QueryWhole(low=2000, high=2100, required=True)
    township = Code(load_default=None)
    limit = QueryWhole(low=1, high=MAX_PAGE, load_default=24)
    after = Code(load_default=None)


class VillageOut(Schema):
    """A village's year: income by kind, cost, net without subsidies, subsidies apart, tier."""

    village = fields.String()
    name_zh = fields.String()
    township = fields.String()
    township_zh = fields.String()
    income = fields.Dict(keys=fields.String(), values=fields.Integer())
    cost_fen = fields.Integer()
    net_fen = fields.Integer()
    subsidy_fen = fields.Integer()
    tier = fields.String(allow_none=True)


class VillageYearAsked(PageQuery):
    """The year."""

    year = QueryWhole(low=2000, high=2100, required=True)


class VillageEvent(Schema):
    """What of an event is the village's; `reverses`: the event that it takes back, and then why as its `source`."""

    code = fields.String()
    pairing = fields.String(allow_none=True)
    project_zh = fields.String(allow_none=True)
    kind = fields.Enum(CollectiveKind, by_value=True)
    received_on = fields.Date()
    income_fen = fields.Integer()
    cost_fen = fields.Integer()
    source = fields.String()
    reverses = fields.String(allow_none=True)


class VillageYear(VillageOut):
    """A village's year and the events that make it, newest first."""

    year = fields.Integer()
    items = fields.List(fields.Nested(VillageEvent))
    next = fields.String(allow_none=True)


class YearTotal(Schema):
    """Of all villages that the reader sees."""

    villages = fields.Integer()
    net_fen = fields.Integer()
    subsidy_fen = fields.Integer()


class YearOut(Schema):
    """Village collectives in a year."""

    year = fields.Integer()
    items = fields.List(fields.Nested(VillageOut))
    next = fields.String(allow_none=True)
    tiers = fields.List(fields.Nested(TierOut))
    total = fields.Nested(YearTotal)
