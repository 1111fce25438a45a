"""Shapes of shops on marketplaces and of what their files brought."""

from typing import Any

from marshmallow import Schema, ValidationError, fields, validates_schema

from shop.kit.schemas import Code, Day, PageQuery, QueryWhole, StrictSchema, Text, Whole
from shop.marketplaces.models import FactKind
from shop.marketplaces.reconciling import Why

#: A profile written out is a few kilobytes.
MAX_PROFILE_PARTS = 20


class SetUpAsked(StrictSchema):
    """A profile that ships (`template`) or one's own (`profile`); days replace those of the profile."""

    template = Code(load_default=None, allow_none=True)
    profile = fields.Dict(keys=fields.String(), load_default=None, allow_none=True)
    receipt_days = Whole(low=0, high=60, load_default=None, allow_none=True)
    settle_days = Whole(low=0, high=60, load_default=None, allow_none=True)

    @validates_schema
    def _one_of_both(self, data: dict[str, Any], **_: Any) -> None:
        if (data["template"] is None) == (data["profile"] is None):
            raise ValidationError("Name a template or write a profile, not both.", "template")
        if data["profile"] is not None and len(data["profile"]) > MAX_PROFILE_PARTS:
            raise ValidationError("Too many members.", "profile")


class ShopOut(Schema):
    """A shop on a marketplace. `profile`: how its files are read."""

    partner = fields.String()
    name_zh = fields.String()
    profile = fields.Dict()
    receipt_days = fields.Integer()
    settle_days = fields.Integer()
    items = fields.Integer(metadata={"description": "shop SKUs that are mapped"})
    orders = fields.Integer(metadata={"description": "lines told of"})
    behind = fields.Integer(metadata={"description": "lines whose order is not yet where the marketplace is"})


class ItemAsked(StrictSchema):
    """What a shop's SKU stands for."""

    shop_sku = Text(high=64, required=True)
    sku = Code(required=True)
    packs = Whole(low=1, high=1000, load_default=1)


class ItemOut(Schema):
    """A mapped SKU."""

    shop_sku = fields.String()
    sku = fields.String()
    name_zh = fields.String()
    packs = fields.Integer()


class ItemPage(Schema):
    """A page of mapped SKUs."""

    items = fields.List(fields.Nested(ItemOut))
    next = fields.String(allow_none=True)


class ImportQuery(StrictSchema):
    """What the file holds. `dry_run`: try everything, tell what would be taken, take nothing."""

    kind = fields.Enum(FactKind, by_value=True, required=True)
    dry_run = fields.Boolean(load_default=False)


class ImportOut(Schema):
    """What was taken; with `dry_run` what would be."""

    kind = fields.String()
    dry_run = fields.Boolean()
    facts = fields.Integer(metadata={"description": "rows that say something of ours"})
    new = fields.Integer(metadata={"description": "facts not told before"})
    changed = fields.Integer(metadata={"description": "known lines that have come further"})
    passed_over = fields.Integer(metadata={"description": "rows not paid yet, refunds not made, money of no order"})


class ItemFilter(PageQuery):
    """SKUs that are mapped."""


class LineFilter(PageQuery):
    """Narrow to an order at the marketplace, or to lines that are held up."""

    number = Text(high=64, load_default=None)
    held_up = fields.Boolean(load_default=False)


class LineOut(Schema):
    """A line as the marketplace told it, and our order."""

    number = fields.String()
    line = fields.String()
    shop_sku = fields.String()
    sku = fields.String()
    packs = fields.Integer()
    amount_fen = fields.Integer()
    sold_at = fields.AwareDateTime()
    shipped_at = fields.AwareDateTime(allow_none=True)
    received_at = fields.AwareDateTime(allow_none=True)
    cancelled_at = fields.AwareDateTime(allow_none=True)
    due_on = fields.Date(allow_none=True, metadata={"description": "when the marketplace owes the money"})
    order = fields.String(allow_none=True)
    status = fields.String(allow_none=True)
    held_up = fields.String(allow_none=True, metadata={"description": "code of the refusal that keeps our order"})


class LinePage(Schema):
    """A page of lines, newest first."""

    items = fields.List(fields.Nested(LineOut))
    next = fields.String(allow_none=True)


class AsOf(StrictSchema):
    """As of a day; today when it is left out."""

    day = Day(load_default=None)


class DifferenceFilter(PageQuery):
    """As of a day, and of one reason."""

    day = Day(load_default=None)
    why = fields.Enum(
        Why, by_value=True, load_default=None, metadata={"description": "agreed and not_due are no differences"}
    )


class DifferenceOut(Schema):
    """A line on which the shop and our ledger differ. Fen; difference = received - expected."""

    number = fields.String()
    line = fields.String()
    order = fields.String(allow_none=True)
    due_on = fields.Date(allow_none=True)
    paid_fen = fields.Integer()
    refunded_fen = fields.Integer()
    fee_fen = fields.Integer(metadata={"description": "by our rate table"})
    expected_fen = fields.Integer(metadata={"description": "paid - refunded - fee, by our ledger"})
    received_fen = fields.Integer(metadata={"description": "by the shop's files"})
    told_fee_fen = fields.Integer(metadata={"description": "what the shop says it kept"})
    told_refunds_fen = fields.Integer(metadata={"description": "refunds told of by the shop"})
    difference_fen = fields.Integer()
    why = fields.String()


class DifferencePage(Schema):
    """A page of differences, newest first."""

    items = fields.List(fields.Nested(DifferenceOut))
    next = fields.String(allow_none=True)


class ReasonOut(Schema):
    """The lines of one reason together."""

    why = fields.String()
    lines = fields.Integer()
    expected_fen = fields.Integer()
    received_fen = fields.Integer()
    difference_fen = fields.Integer()


class ReconciliationOut(Schema):
    """Both sides in sums: received = expected + difference, expected = paid - refunded - fee."""

    day = fields.Date()
    lines = fields.Integer()
    paid_fen = fields.Integer()
    refunded_fen = fields.Integer()
    fee_fen = fields.Integer()
    expected_fen = fields.Integer()
    received_fen = fields.Integer()
    difference_fen = fields.Integer()
    by_reason = fields.List(fields.Nested(ReasonOut))


class ListingQuery(StrictSchema):
    """`percent` of what is free, because the shops share one stock; `only_mapped` leaves out SKUs that are not."""

    percent = QueryWhole(low=0, high=100, load_default=100)
    only_mapped = fields.Boolean(load_default=False)


class OfferedOut(Schema):
    """A SKU of the shop, what it costs and how many there are."""

    shop_sku = fields.String()
    sku = fields.String()
    name_zh = fields.String()
    packs = fields.Integer()
    price_fen = fields.Integer(allow_none=True)
    stock = fields.Integer()
    why_not = fields.String(allow_none=True, metadata={"description": "code of what forbids its sale now"})


class ListingOut(Schema):
    """All that the shop can offer."""

    items = fields.List(fields.Nested(OfferedOut))


class TakenFilter(PageQuery):
    """Files that were taken."""


class TakenOut(Schema):
    """A file that was taken."""

    kind = fields.String()
    file = fields.String()
    sha256 = fields.String()
    facts = fields.Integer()
    new = fields.Integer()
    changed = fields.Integer()
    imported_at = fields.AwareDateTime()


class TakenPage(Schema):
    """A page of files, newest first."""

    items = fields.List(fields.Nested(TakenOut))
    next = fields.String(allow_none=True)
