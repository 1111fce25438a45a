"""Shapes of orders on the wire. Money in fen, weights in grams, quantities in packs."""

from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from shop.agreements.schemas import AgreementTold, CallOffOut
from shop.channels.models import ChannelKind
from shop.farmers.models import Grade
from shop.kit.schemas import MAX_GRAMS, Code, Day, PageQuery, StrictSchema, Text, Whole, each_once
from shop.orders.models import OrderStatus

#: Packs of one product in one order.
MAX_PACKS = 10_000
MAX_LINES = 50


class Recipient(StrictSchema):
    """Where the goods go. Never in reports, logs or exports."""

    name = Text(required=True, high=40)
    phone = Text(required=True, high=20)
    address = Text(required=True, high=200)


class LineAsked(StrictSchema):
    """One product, in packs."""

    sku = Code(required=True)
    quantity = Whole(low=1, high=MAX_PACKS, required=True)


class PlaceOrder(StrictSchema):
    """A new order: `link` names partner and occasion, else `partner` (and `occasion`) do. Prices are the server's."""

    lines = fields.List(fields.Nested(LineAsked), required=True, validate=validate.Length(min=1, max=MAX_LINES))
    link = Code(load_default=None)
    channel = fields.Enum(ChannelKind, by_value=True, load_default=None)
    partner = Code(load_default=None)
    occasion = Code(load_default=None)
    recipient = fields.Nested(Recipient, load_default=None)
    note = Text(high=200, load_default=None)
    coupon = Code(load_default=None)
    presale = Code(load_default=None)


class OrderEntered(StrictSchema):
    """An order entered for a buyer. `reference`: his own number, once."""

    lines = fields.List(fields.Nested(LineAsked), required=True, validate=validate.Length(min=1, max=MAX_LINES))
    reference = Code(load_default=None)
    recipient = fields.Nested(Recipient, load_default=None)
    note = Text(high=200, load_default=None)


class CallOffAsked(StrictSchema):
    """Grams of a promised product for a day.

    `schedule_day`: the day of the schedule that is brought forward, moved or reduced by this call; the schedule does
    not call it again.
    """

    sku = Code(required=True)
    weight_g = Whole(low=1, high=MAX_GRAMS, required=True)
    due_on = Day(required=True)
    schedule_day = Day(load_default=None)


class CallOffOrdered(CallOffOut):
    """A call-off with its order."""

    order = fields.String(allow_none=True)
    order_status = fields.String(allow_none=True)
    cancelled_because = fields.String(allow_none=True)
    accepted_because = fields.String(allow_none=True)


class AgreementWithOrders(AgreementTold):
    """An agreement with its call-offs, by due date, and their orders."""

    call_offs = fields.List(fields.Nested(CallOffOrdered))


class CallOffChange(StrictSchema):
    """Another day, or fewer grams, or both."""

    due_on = Day(load_default=None)
    weight_g = Whole(low=1, high=MAX_GRAMS, load_default=None)

    @validates_schema
    def changes_something(self, data: dict[str, Any], **_: Any) -> None:
        """One of the two is given."""
        if data["due_on"] is None and data["weight_g"] is None:
            raise ValidationError("Give due_on or weight_g.", "due_on")


class LotInView(Schema):
    """A lot that may be picked for the order, the oldest first."""

    sku = fields.String()
    lot = fields.String()
    harvested_on = fields.Date()
    expires_on = fields.Date()
    certificate_number = fields.String(allow_none=True)
    left_g = fields.Integer()


class StockLine(Schema):
    """A line: grams it still needs, grams nobody holds."""

    sku = fields.String()
    needed_g = fields.Integer()
    available_g = fields.Integer()


class StockInView(Schema):
    """What the firm has for an order."""

    lines = fields.List(fields.Nested(StockLine))
    lots = fields.List(fields.Nested(LotInView))


class WeightAsked(StrictSchema):
    """Grams of a product."""

    sku = Code(required=True)
    weight_g = Whole(low=1, high=MAX_GRAMS, required=True)


class _OfProducts(StrictSchema):
    """`lines` of which each says something of a product of the order."""

    @validates_schema
    def each_product_once(self, data: dict[str, Any], **_: Any) -> None:
        """No product is named twice."""
        each_once(data["lines"] or (), "sku", "lines", "A product is named twice.")


class DispatchAsked(_OfProducts):
    """A parcel or load; without `lines` everything that is left."""

    lines = fields.List(fields.Nested(WeightAsked), load_default=None, validate=validate.Length(min=1, max=MAX_LINES))
    carrier_zh = Text(high=40, load_default=None)
    tracking_number = Code(load_default=None)


class SignatureAsked(StrictSchema):
    """Which parcel of the order, and the day on which it was signed for."""

    position = Whole(low=1, high=1_000, required=True)
    signed_on = Day(required=True)


class ReceiptRuleAsked(StrictSchema):
    """For orders from a day on: days after dispatch until goods count as received, when signed for, and when not."""

    valid_from = Day(required=True)
    signed_days = Whole(low=1, high=60, required=True)
    days = Whole(low=1, high=60, required=True)

    @validates_schema
    def signed_is_sooner(self, data: dict[str, Any], **_: Any) -> None:
        """What was signed for waits no longer than what was not."""
        if data["signed_days"] > data["days"]:
            raise ValidationError("Must not be less than signed_days.", "days")


class ReceiptRuleList(Schema):
    """All rules, the youngest first, and the days without any."""

    items = fields.List(fields.Nested(ReceiptRuleAsked))
    default_signed_days = fields.Integer()
    default_days = fields.Integer()


class GradeAsked(StrictSchema):
    """Grams accepted of a grade."""

    grade = fields.Enum(Grade, by_value=True, required=True)
    weight_g = Whole(low=1, high=MAX_GRAMS, required=True)


class _Weighed(StrictSchema):
    """What is accepted, and why the rest is refused.

    `grades`, under an agreement: what was accepted of each grade, at its factor; they add up to `accepted_g`. Left out:
    all is 一级.
    """

    accepted_g = Whole(low=0, high=MAX_GRAMS, required=True)
    refused_reason = Text(high=200, load_default=None)
    grades = fields.List(fields.Nested(GradeAsked), load_default=None, validate=validate.Length(min=1, max=4))

    @validates_schema
    def each_grade_once(self, data: dict[str, Any], **_: Any) -> None:
        """No grade is named twice."""
        each_once(data["grades"] or (), "grade", "grades", "A grade is named twice.")


class VerdictAsked(_Weighed):
    """What is accepted of a line, and why the rest is refused."""

    sku = Code(required=True)


class ReversalAsked(_Weighed):
    """What should have been accepted of a call-off, and why what was written is wrong."""

    reason = Text(high=500, required=True)


class AcceptanceCorrectionOut(Schema):
    """An acceptance that was reversed: grams and fen before and after, why, when."""

    position = fields.Integer()
    sku = fields.String()
    was_g = fields.Integer()
    was_fen = fields.Integer()
    was_refused_reason = fields.String(allow_none=True)
    accepted_g = fields.Integer()
    accepted_fen = fields.Integer()
    refused_reason = fields.String(allow_none=True)
    reason = fields.String()
    corrected_at = fields.DateTime()


class AcceptanceCorrectionList(Schema):
    """Corrections of an order's acceptance, the first first."""

    items = fields.List(fields.Nested(AcceptanceCorrectionOut))


class AcceptanceAsked(_OfProducts):
    """An acceptance; without `lines` everything as dispatched."""

    lines = fields.List(fields.Nested(VerdictAsked), load_default=None, validate=validate.Length(min=1, max=MAX_LINES))


class Cancellation(StrictSchema):
    """Why."""

    reason = Text(high=200, load_default=None)


class CutLine(StrictSchema):
    """So many packs of a product, or grams where it is sold by the kg."""

    sku = Code(required=True)
    packs = Whole(low=1, high=MAX_PACKS, load_default=None)
    weight_g = Whole(low=1, high=MAX_GRAMS, load_default=None)

    @validates_schema
    def packs_or_grams(self, data: dict[str, Any], **_: Any) -> None:
        """One of the two."""
        if (data["packs"] is None) == (data["weight_g"] is None):
            raise ValidationError("Give packs or weight_g.", "packs")


class CutAsked(_OfProducts):
    """What is taken off, and why. `dry_run`: only tell what it would change."""

    lines = fields.List(fields.Nested(CutLine), required=True, validate=validate.Length(min=1, max=MAX_LINES))
    reason = Text(high=200, required=True)
    dry_run = fields.Boolean(load_default=False)


class AcceptanceForBuyer(StrictSchema):
    """Why somebody else accepts than the buyer."""

    reason = Text(high=200, required=True)


class RestClosed(StrictSchema):
    """Why what was not sent is not waited for any more."""

    reason = Text(high=200, required=True)


class CutOut(Schema):
    """What was taken off a line: by the buyer or the firm, and what the line costs less by it."""

    position = fields.Integer(allow_none=True, metadata={"description": "null in a dry run"})
    sku = fields.String()
    side = fields.String()
    weight_g = fields.Integer()
    packs = fields.Integer(allow_none=True)
    amount_fen = fields.Integer()
    reason = fields.String()
    cut_at = fields.DateTime(allow_none=True)


class CutList(Schema):
    """All that was taken off an order, in order."""

    items = fields.List(fields.Nested(CutOut))


class OrderFilter(PageQuery):
    """Narrow the list of orders."""

    status = fields.Enum(OrderStatus, by_value=True, load_default=None)
    channel = fields.Enum(ChannelKind, by_value=True, load_default=None)


class GradeOut(Schema):
    """What stands as accepted of a grade: `fen_per_kg` is the price of 一级, `factor_bp` what is paid of it."""

    grade = fields.String()
    weight_g = fields.Integer()
    fen_per_kg = fields.Integer()
    factor_bp = fields.Integer()
    amount_fen = fields.Integer()


class LineOut(Schema):
    """A line as it was sold."""

    sku = fields.String()
    name_zh = fields.String()
    quantity = fields.Integer(allow_none=True, metadata={"description": "packs; null when sold by weight"})
    unit_zh = fields.String()
    weight_g = fields.Integer()
    price_basis = fields.String(metadata={"description": "pack, kg or line: what price_fen is for"})
    price_source = fields.String(
        allow_none=True, metadata={"description": "which list the price came from; null: not recorded then"}
    )
    price_list_id = fields.Integer(allow_none=True, metadata={"description": "the list for a named buyer or group"})
    price_fen = fields.Integer()
    amount_fen = fields.Integer()
    dispatched_g = fields.Integer()
    cancelled_g = fields.Integer(metadata={"description": "taken off before it was sent"})
    cancelled_fen = fields.Integer()
    accepted_g = fields.Integer(allow_none=True)
    refused_g = fields.Integer(allow_none=True)
    refused_reason = fields.String(allow_none=True)
    accepted_fen = fields.Integer(allow_none=True)
    refunded_fen = fields.Integer()
    grades = fields.List(fields.Nested(GradeOut), metadata={"description": "of a call-off accepted by grade"})


class CallOffOfOrder(Schema):
    """The agreement that an order is called under, the day its goods are due, the day of the schedule it serves."""

    agreement = fields.String()
    due_on = fields.Date()
    schedule_day = fields.Date(allow_none=True)


class OrderOut(Schema):
    """An order."""

    number = fields.String()
    status = fields.String()
    status_zh = fields.String()
    channel = fields.String()
    channel_zh = fields.String()
    partner = fields.String()
    partner_name_zh = fields.String()
    occasion = fields.String(allow_none=True)
    presale = fields.String(allow_none=True)
    ship_by = fields.Date(
        allow_none=True, metadata={"description": "of a pre-sale order: not sent by then it is refunded"}
    )
    reference = fields.String(allow_none=True, metadata={"description": "the buyer's own number"})
    entered_as = fields.String(allow_none=True, metadata={"description": "role of who entered it for the buyer"})
    link = fields.String(allow_none=True)
    link_opened_at = fields.DateTime(allow_none=True)
    firm = fields.String()
    firm_name_zh = fields.String()
    payment_terms = fields.String()
    placed_at = fields.DateTime()
    expires_at = fields.DateTime(allow_none=True)
    confirmed_at = fields.DateTime(allow_none=True)
    accepted_at = fields.DateTime(allow_none=True)
    settled_at = fields.DateTime(allow_none=True)
    due_on = fields.Date(allow_none=True, metadata={"description": "of the invoice"})
    call_off = fields.Nested(CallOffOfOrder, allow_none=True)
    goods_fen = fields.Integer()
    freight_fen = fields.Integer()
    discount_fen = fields.Integer()
    total_fen = fields.Integer()
    paid_fen = fields.Integer()
    refunded_fen = fields.Integer()
    lines = fields.List(fields.Nested(LineOut))
    recipient = fields.Dict(allow_none=True, metadata={"description": "for buyer, firm and operator; phone masked"})


class RecallOfOrder(Schema):
    """Goods of an order that are recalled, and why."""

    code = fields.String()
    lot = fields.String()
    sku = fields.String()
    name_zh = fields.String()
    weight_g = fields.Integer()
    reason = fields.String()
    announced_at = fields.AwareDateTime()


class OrderShown(OrderOut):
    """One order, with what of it is recalled, and why it was cancelled or accepted by another than its buyer.

    Why is told to buyer, firm and operator.
    """

    cancelled_because = fields.String(allow_none=True)
    accepted_because = fields.String(allow_none=True)
    inspected_by = fields.AwareDateTime(
        allow_none=True,
        metadata={"description": "On invoice: until when the buyer says what he found; then the county may accept"},
    )
    recalls = fields.List(fields.Nested(RecallOfOrder))


class OrderPage(Schema):
    """A page of orders, newest first."""

    items = fields.List(fields.Nested(OrderOut))
    next = fields.String(allow_none=True)


class DispatchOut(Schema):
    """A parcel, and the lots that went into it."""

    position = fields.Integer()
    dispatched_at = fields.DateTime()
    carrier_zh = fields.String(allow_none=True)
    tracking_number = fields.String(allow_none=True)
    signed_on = fields.Date(allow_none=True)
    picks = fields.List(fields.Dict())


class DispatchList(Schema):
    """All parcels of an order."""

    items = fields.List(fields.Nested(DispatchOut))


class PaperThen(Schema):
    """A licence or mark as it stood when the order was placed; `revoked_at`: when it was revoked later."""

    sku = fields.String()
    kind = fields.String()
    name_zh = fields.String()
    number = fields.String()
    issued_on = fields.Date()
    expires_on = fields.Date()
    verified_at = fields.DateTime()
    revoked_at = fields.DateTime(allow_none=True)


class PapersThen(Schema):
    """What an order relied on at `placed_at`."""

    number = fields.String()
    placed_at = fields.DateTime()
    items = fields.List(fields.Nested(PaperThen))


class PlacedOut(Schema):
    """An order as it was placed."""

    number = fields.String()
    status = fields.String()
    channel = fields.String()
    partner = fields.String()
    total_fen = fields.Integer()
    expires_at = fields.String(allow_none=True, metadata={"description": "pay until then"})
    lines = fields.List(fields.Dict())


class ReopeningAsked(StrictSchema):
    """Why an ended agreement shall run again; the other side consents by asking too."""

    reason = Text(high=500, required=True)


class MissedOut(Schema):
    """A day of the schedule that passed while the agreement was closed; whether the buyer has called it since."""

    sku = fields.String()
    schedule_day = fields.Date()
    weight_g = fields.Integer()
    called = fields.Boolean()


class ReopeningOut(Schema):
    """Who asked, until when the other side may consent, when it did, and what was missed meanwhile."""

    number = fields.Integer()
    ended_at = fields.DateTime()
    ended_as = fields.Function(lambda row: row["ended_as"].value)
    until = fields.Date()
    asked_by = fields.Function(lambda row: row["asked_by"].value)
    asked_at = fields.DateTime()
    reason = fields.String()
    consented_at = fields.DateTime(allow_none=True)
    missed = fields.List(fields.Nested(MissedOut))


class ReopeningList(Schema):
    """Reopenings, the oldest first."""

    items = fields.List(fields.Nested(ReopeningOut))
