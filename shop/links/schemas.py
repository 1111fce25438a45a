"""Shapes of what links brought."""

from typing import Any

from marshmallow import Schema, ValidationError, fields, validates_schema

from shop.channels.schemas import LinkOut
from shop.farmers.schemas import PairingOut
from shop.kit.schemas import Code, Day, Month, PageQuery, StrictSchema, Text
from shop.links.help import HelpBy


class FunnelFilter(PageQuery):
    """Links of a partner, a session, or one link."""

    partner = Code(load_default=None)
    session = Code(load_default=None)
    link = Code(load_default=None)


class FunnelOut(LinkOut):
    """A link from its first opening to the households. Own orders stand in `own_orders` and in no other figure."""

    orders = fields.Integer(metadata={"description": "placed, whatever became of them"})
    own_orders = fields.Integer(metadata={"description": "by the partner himself"})
    paid_orders = fields.Integer(metadata={"description": "paid or approved, and not cancelled"})
    paid_fen = fields.Integer()
    refunded_fen = fields.Integer()
    net_fen = fields.Integer(metadata={"description": "settled, less what was refunded afterwards"})
    weight_g = fields.Integer(metadata={"description": "of paid orders; what was accepted, once it is"})
    households = fields.Integer(metadata={"description": "distinct, reached by settled orders"})


class FunnelPage(Schema):
    """A page of links."""

    items = fields.List(fields.Nested(FunnelOut))
    next = fields.String(allow_none=True)


class CorrectionAsked(StrictSchema):
    """For whom the order shall be counted, and why."""

    partner = Code(required=True)
    occasion = Code(load_default=None, allow_none=True)
    link = Code(load_default=None, allow_none=True)
    reason = Text(required=True, low=2, high=200)


class CorrectionOut(Schema):
    """One correction. `changed_by_id`: the person of the county office."""

    changed_at = fields.DateTime()
    changed_by_id = fields.Integer(allow_none=True)
    reason = fields.String()
    from_partner = fields.String()
    to_partner = fields.String()
    to_occasion = fields.String(allow_none=True)
    to_link = fields.String(allow_none=True)


class AttributionOut(Schema):
    """How an order is counted, and how it came to be."""

    number = fields.String()
    channel = fields.String()
    partner = fields.String()
    occasion = fields.String(allow_none=True)
    link = fields.String(allow_none=True)
    link_opened_at = fields.DateTime(allow_none=True)
    is_own = fields.Boolean(metadata={"description": "ordered by the partner himself: earns no commission"})
    corrections = fields.List(fields.Nested(CorrectionOut))


class HelpFilter(StrictSchema):
    """Orders placed from a day to a day, both included; the year so far by default."""

    first = Day(data_key="from", load_default=None)
    last = Day(data_key="to", load_default=None)

    @validates_schema
    def days_in_order(self, data: dict[str, Any], **_: Any) -> None:
        """The days are in order."""
        if data["first"] and data["last"] and data["last"] < data["first"]:
            raise ValidationError("Must not be before the first day.", "to")


class HelpListFilter(HelpFilter):
    """How the list is ordered: by name, in classes, or ranked where the county turned that on."""

    by = fields.Enum(HelpBy, by_value=True, load_default=HelpBy.NAME)


class HelpOut(Schema):
    """What a cadre helped. Orders of others that came by him, paid and not cancelled; he earns nothing by them.

    In classes only the class is shown; in a ranking only help to buyers outside his own unit.
    """

    code = fields.String()
    name_zh = fields.String()
    unit_code = fields.String(allow_none=True)
    class_zh = fields.String()
    orders = fields.Integer()
    outside_orders = fields.Integer(metadata={"description": "from buyers outside his own unit"})
    rank = fields.Integer()
    net_fen = fields.Integer()
    households = fields.Integer(metadata={"description": "distinct, reached by settled orders"})
    products = fields.Integer(metadata={"description": "that his links show"})


class HelpList(Schema):
    """All cadres."""

    items = fields.List(fields.Nested(HelpOut))


class UnitAsked(StrictSchema):
    """The unit that a cadre belongs to."""

    unit_code = Code(required=True)


class CadreOut(HelpOut):
    """A cadre: what he helped, and with whom he is paired."""

    pairings = fields.List(fields.Nested(PairingOut))


class SignFilter(PageQuery):
    """Signs of a month."""

    month = Month(load_default=None)


class SignOut(Schema):
    """Something to look at, proving nothing: `found` of `base` orders (openings for one_visitor) in a month."""

    month = Month()
    partner = fields.String()
    partner_name_zh = fields.String()
    kind = fields.String(
        metadata={
            "description": "one_buyer, refunded_later, same_amount, above_list, own_orders, one_visitor: docs/links.md"
        }
    )
    found = fields.Integer()
    base = fields.Integer()
    first_seen_at = fields.DateTime()


class SignPage(Schema):
    """A page of signs."""

    items = fields.List(fields.Nested(SignOut))
    next = fields.String(allow_none=True)
