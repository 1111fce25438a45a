"""Shapes of traces. Weights in grams, money in fen."""

from marshmallow import Schema, fields

from shop.farmers.models import Grade
from shop.kit.schemas import PageQuery
from shop.stock.schemas import LotDetail, RecallOut
from shop.tracing.queries import Whether


class LotOrdersFilter(PageQuery):
    """Parcels that left, or orders that wait."""

    whether = fields.Enum(Whether, by_value=True, load_default=Whether.SENT)


class SlipOf(Schema):
    """A slip that a lot consists of; the household by code, for who may see it.

    `weight_g`: what it filled the lot with. `amount_fen`: as it was written. `standing_…`: after its corrections.
    """

    lot = fields.String()
    slip = fields.String()
    household = fields.String(allow_none=True)
    village_zh = fields.String()
    township_zh = fields.String()
    delivered_on = fields.Date()
    grade = fields.Enum(Grade, by_value=True)
    weight_g = fields.Integer()
    amount_fen = fields.Integer()
    standing_weight_g = fields.Integer()
    standing_amount_fen = fields.Integer()


class Loss(Schema):
    """Grams lost for a reason: a word of the firm, `expired`, `graded`, `repacked`, or the code of a recall."""

    reason = fields.String(allow_none=True)
    weight_g = fields.Integer()


class OrdersInState(Schema):
    """How many orders are on the way or received, and grams of the lot in them."""

    state = fields.String()
    orders = fields.Integer()
    weight_g = fields.Integer()


class LotTrace(LotDetail):
    """A lot with all its slips, what was lost, its recalls, and its orders by state."""

    slips = fields.List(fields.Nested(SlipOf))
    losses = fields.List(fields.Nested(Loss))
    recalls = fields.List(fields.Nested(RecallOut))
    orders = fields.List(fields.Nested(OrdersInState))


class LotOrder(Schema):
    """An order that a lot went into, or might go into: waiting, on_the_way, received. Consumers are masked."""

    order = fields.String()
    state = fields.String()
    lot = fields.String(allow_none=True)
    sku = fields.String()
    weight_g = fields.Integer()
    short_g = fields.Integer(metadata={"description": "of a waiting order: what lots in no recall cannot fill"})
    channel = fields.String()
    channel_zh = fields.String()
    partner_name_zh = fields.String()
    buyer = fields.String()
    phone = fields.String(allow_none=True)
    dispatched_at = fields.AwareDateTime(allow_none=True)
    tracking_number = fields.String(allow_none=True)


class LotOrderPage(Schema):
    """A page of orders of a lot."""

    items = fields.List(fields.Nested(LotOrder))
    next = fields.String(allow_none=True)


class Reached(Schema):
    """What a household was reached by, in fen."""

    household = fields.String()
    amount_fen = fields.Integer()


class LotOfLine(Schema):
    """A lot that an order line was picked from. `slips` and `reached`: for the county and the firm alone."""

    lot = fields.String()
    weight_g = fields.Integer()
    harvested_on = fields.Date()
    expires_on = fields.Date()
    certificate_number = fields.String(allow_none=True)
    recalled_because = fields.String(allow_none=True)
    villages = fields.List(fields.String())
    slips = fields.List(fields.Nested(SlipOf), allow_none=True)
    reached = fields.List(fields.Nested(Reached), allow_none=True)


class LineTrace(Schema):
    """A line of an order, and the lots it was picked from."""

    sku = fields.String()
    name_zh = fields.String()
    weight_g = fields.Integer()
    dispatched_g = fields.Integer()
    lots = fields.List(fields.Nested(LotOfLine))


class OrderTrace(Schema):
    """An order, back to where it grew."""

    order = fields.String()
    status = fields.String()
    firm_name_zh = fields.String()
    lines = fields.List(fields.Nested(LineTrace))


class CorrectionOf(Schema):
    """What a slip should have said, and what that changed."""

    weight_g = fields.Integer()
    price_fen_per_kg = fields.Integer()
    amount_fen = fields.Integer()
    change_fen = fields.Integer()
    reason = fields.String()
    recorded_at = fields.AwareDateTime()


class LotOfSlip(Schema):
    """A lot that a slip is in: delivered for it, or graded or repacked out of another."""

    lot = fields.String()
    kind = fields.String()
    name_zh = fields.String()
    harvested_on = fields.Date()
    certificate_number = fields.String(allow_none=True)
    recalled = fields.Boolean()


class ReachedBy(Schema):
    """Sales of a channel that reached a household."""

    channel = fields.String()
    channel_zh = fields.String()
    amount_fen = fields.Integer()
    weight_g = fields.Integer()


class SlipTrace(Schema):
    """A slip: gross - deduction = weight; base price x factor = price; weight x price = amount. And where it went."""

    slip = fields.String()
    household = fields.String()
    firm_name_zh = fields.String()
    sku = fields.String()
    name_zh = fields.String()
    delivered_on = fields.Date()
    gross_g = fields.Integer()
    deduction_g = fields.Integer()
    weight_g = fields.Integer()
    grade = fields.Enum(Grade, by_value=True)
    base_price_fen_per_kg = fields.Integer(allow_none=True)
    factor_bp = fields.Integer(allow_none=True)
    price_fen_per_kg = fields.Integer()
    amount_fen = fields.Integer()
    signer = fields.String(allow_none=True)
    corrections = fields.List(fields.Nested(CorrectionOf))
    lots = fields.List(fields.Nested(LotOfSlip))
    sales_reached = fields.List(fields.Nested(ReachedBy))
