"""Shapes of payments and refunds. Money in fen."""

from marshmallow import Schema, fields

from shop.kit.schemas import Code, StrictSchema, Whole


class PaymentAsked(StrictSchema):
    """Pay: by the payment page (prepaid orders), or a bank transfer that came in (invoices; firm and operator only)."""

    amount_fen = Whole(low=1, load_default=None, metadata={"description": "bank transfers only"})
    bank_reference = Code(load_default=None, metadata={"description": "the bank's own number; booked once"})


class PaymentOut(Schema):
    """A payment."""

    number = fields.String()
    provider = fields.String()
    status = fields.String()
    amount_fen = fields.Integer()
    pay_url = fields.String(allow_none=True, metadata={"description": "open it to pay; the result comes by itself"})
    created_at = fields.DateTime()
    succeeded_at = fields.DateTime(allow_none=True)


class PaymentList(Schema):
    """All payments of an order."""

    items = fields.List(fields.Nested(PaymentOut))


class RefundOut(Schema):
    """A refund on its way, or there."""

    number = fields.String()
    status = fields.String()
    amount_fen = fields.Integer()
    reason = fields.String()
    requested_at = fields.DateTime()
    succeeded_at = fields.DateTime(allow_none=True)


class RefundList(Schema):
    """All refunds of an order."""

    items = fields.List(fields.Nested(RefundOut))


class Taken(Schema):
    """A notification was taken."""

    code = fields.String()
