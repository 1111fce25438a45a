"""Shapes of payments and refunds. Money in fen."""

from marshmallow import Schema, fields, validate

from shop.agreements.models import Side
from shop.kit.schemas import Code, Day, StrictSchema, Text, Whole
from shop.orders.models import PenaltyStatus
from shop.payments.models import DepositMoveKind


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


class DepositReceived(StrictSchema):
    """Money of a deposit that came in."""

    amount_fen = Whole(low=1, required=True)
    bank_reference = Code(required=True)


class SetOffAsked(StrictSchema):
    """Against which settled order of the agreement, and how much; left out: as much as is owed and left."""

    order = Code(required=True)
    amount_fen = Whole(low=1, load_default=None)


class DepositReturn(StrictSchema):
    """The bank's number of the return; `penalty`: the proposal instead of which the buyer takes the double."""

    bank_reference = Code(required=True)
    penalty = Whole(low=1, high=10_000, load_default=None)


class DepositForfeit(StrictSchema):
    """The proposal against the buyer instead of which the firm keeps the deposit, and why."""

    penalty = Whole(low=1, high=10_000, required=True)
    reason = Text(high=500, required=True)


class DepositMoveOut(Schema):
    """A move of a deposit; `order`: what it was set off against."""

    kind = fields.Enum(DepositMoveKind, by_value=True)
    amount_fen = fields.Integer()
    bank_reference = fields.String(allow_none=True)
    order = fields.String(allow_none=True)
    moved_at = fields.DateTime()
    reason = fields.String(allow_none=True)


class DepositOut(Schema):
    """The deposit of an agreement: agreed, received, left, and its moves.

    `excess_fen`: of what is left, what an amendment left above the agreed deposit: it may be returned at once.
    `open_fen`: what may still come in while the agreement runs; after its end what is still to be returned or
    forfeited.
    """

    due_fen = fields.Integer()
    received_fen = fields.Integer()
    left_fen = fields.Integer()
    excess_fen = fields.Integer()
    open_fen = fields.Integer()
    moves = fields.List(fields.Nested(DepositMoveOut))


class PenaltyAsked(StrictSchema):
    """The day on which the breach is looked at: today or before."""

    day = Day(required=True)


class PenaltyDecision(StrictSchema):
    """`claim` or `waive` a proposal, or `withdraw` what was claimed, and why."""

    number = Whole(low=1, high=10_000, required=True)
    event = fields.String(required=True, validate=validate.OneOf(["claim", "waive", "withdraw"]))
    reason = Text(high=500, required=True)


class PenaltyReceived(StrictSchema):
    """Money of a claimed penalty that was paid: left out, the amount is all that is open of it."""

    penalty = Whole(low=1, high=10_000, required=True)
    amount_fen = Whole(low=1, load_default=None)
    bank_reference = Code(required=True)
    paid_on = Day(required=True)


class PenaltyPaymentToVoid(StrictSchema):
    """The bank's number of a payment that was recorded by mistake, or went back, and why."""

    bank_reference = Code(required=True)
    reason = Text(high=500, required=True)


class PenaltyPaymentOut(Schema):
    """What was paid of a penalty, on which day, and which side says so; `voided_at`: since when it counts no more."""

    amount_fen = fields.Integer()
    paid_on = fields.Date()
    bank_reference = fields.String()
    side = fields.Enum(Side, by_value=True)
    recorded_at = fields.DateTime()
    voided_at = fields.DateTime(allow_none=True)
    voided_by = fields.Enum(Side, by_value=True, allow_none=True)
    void_reason = fields.String(allow_none=True)


class PenaltyOut(Schema):
    """A penalty that the contract names: `side` is the one in breach. Nothing is booked but what was paid of it.

    `open_fen`: of what is claimed, what was not paid yet.
    """

    number = fields.Integer()
    side = fields.Enum(Side, by_value=True)
    status = fields.Enum(PenaltyStatus, by_value=True)
    as_of = fields.Date()
    shortfall_g = fields.Integer()
    penalty_fen = fields.Integer()
    proposed_at = fields.DateTime()
    decided_at = fields.DateTime(allow_none=True)
    decision_reason = fields.String(allow_none=True, metadata={"description": "of the side that was let down"})
    withdrawn_at = fields.DateTime(allow_none=True)
    withdrawal_reason = fields.String(allow_none=True, metadata={"description": "of the side that had claimed it"})
    paid_fen = fields.Integer()
    open_fen = fields.Integer()
    payments = fields.List(fields.Nested(PenaltyPaymentOut))


class PenaltyList(Schema):
    """Proposals, the oldest first."""

    items = fields.List(fields.Nested(PenaltyOut))
