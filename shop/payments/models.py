"""Tables of payments, refunds, notifications, and the simulated provider's own book."""

from datetime import date
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from shop.agreements.models import Side
from shop.kit.db import Model, one_of
from shop.kit.types import Code, Fen, Id, Instant, Prose, Ref, Small


class Provider(StrEnum):
    """Where money moves."""

    SIMULATED = "simulated"
    BANK_TRANSFER = "bank_transfer"
    DEPOSIT = "deposit"  # 定金 of a purchase agreement, set off against an invoice
    MARKETPLACE = "marketplace"  # the buyer paid a marketplace, which pays us when it settles


class PaymentStatus(StrEnum):
    """Life of a payment."""

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    CLOSED = "closed"


class RefundStatus(StrEnum):
    """Life of a refund."""

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class DepositMoveKind(StrEnum):
    """What happens to a deposit: it comes in, is set off against price, goes back, is lost, or is doubled."""

    RECEIVED = "received"
    SET_OFF = "set_off"
    RETURNED = "returned"
    FORFEITED = "forfeited"
    DOUBLED = "doubled"


class Payment(Model):
    """An attempt to pay an order in full, or (bank transfer) a sum that came in for it."""

    __tablename__ = "payments"
    __table_args__ = (
        one_of("provider", Provider),
        one_of("status", PaymentStatus),
        CheckConstraint("amount_fen > 0", name="pays_something"),
        CheckConstraint("(status = 'succeeded') = (succeeded_at IS NOT NULL)", name="success_is_dated"),
        UniqueConstraint("provider", "provider_txn"),
        Index(None, "order_id"),
    )

    id: Mapped[Id]
    number: Mapped[Code] = mapped_column(unique=True)
    order_id: Mapped[Ref] = mapped_column(ForeignKey("orders.id"))
    provider: Mapped[Provider]
    status: Mapped[PaymentStatus]
    amount_fen: Mapped[Fen]
    provider_txn: Mapped[Code | None]
    pay_url: Mapped[Prose | None]
    created_at: Mapped[Instant]
    succeeded_at: Mapped[Instant | None]


class Refund(Model):
    """Money on its way back to the payment it came from."""

    __tablename__ = "refunds"
    __table_args__ = (
        one_of("status", RefundStatus),
        CheckConstraint("amount_fen > 0", name="refunds_something"),
        Index(None, "order_id"),
        Index(None, "payment_id"),
    )

    id: Mapped[Id]
    number: Mapped[Code] = mapped_column(unique=True)
    order_id: Mapped[Ref] = mapped_column(ForeignKey("orders.id"))
    payment_id: Mapped[Ref] = mapped_column(ForeignKey("payments.id"))
    status: Mapped[RefundStatus]
    amount_fen: Mapped[Fen]
    reason: Mapped[Prose]
    provider_txn: Mapped[Code | None] = mapped_column(unique=True)
    requested_at: Mapped[Instant]
    succeeded_at: Mapped[Instant | None]


class RefundLine(Model):
    """How much of a refund belongs to which order line; the lines add up to the refund."""

    __tablename__ = "refund_lines"
    __table_args__ = (CheckConstraint("amount_fen > 0", name="refunds_something"),)

    refund_id: Mapped[Ref] = mapped_column(ForeignKey("refunds.id"), primary_key=True)
    order_line_id: Mapped[Ref] = mapped_column(ForeignKey("order_lines.id"), primary_key=True)
    amount_fen: Mapped[Fen]


class Notification(Model):
    """A verified notice from a provider: its event takes effect once, however often it comes."""

    __tablename__ = "notifications"
    __table_args__ = (one_of("provider", Provider), UniqueConstraint("provider", "event_id"))

    id: Mapped[Id]
    provider: Mapped[Provider]
    event_id: Mapped[Code]
    kind: Mapped[Code]
    body_sha256: Mapped[bytes] = mapped_column(LargeBinary(32))
    received_at: Mapped[Instant]
    handled_at: Mapped[Instant | None]


class SimulatedCharge(Model):
    """The simulated provider's own book: one row for each charge (`kind` pay) or refund it was asked for."""

    __tablename__ = "simulated_charges"
    __table_args__ = (
        CheckConstraint("kind IN ('pay', 'refund')", name="kind_known"),
        CheckConstraint("amount_fen > 0", name="moves_something"),
        UniqueConstraint("kind", "out_number"),
    )

    id: Mapped[Id]
    txn: Mapped[Code] = mapped_column(unique=True)
    kind: Mapped[Code]
    out_number: Mapped[Code]
    amount_fen: Mapped[Fen]
    created_at: Mapped[Instant]
    done_at: Mapped[Instant | None]
    notified_at: Mapped[Instant | None]


class DepositMove(Model):
    """One move of an agreement's deposit (定金, Civil Code art. 586 to 588). Append-only.

    What is left of it = received - set off - returned - forfeited. `doubled` is the firm's own money beside it.
    """

    __tablename__ = "deposit_moves"
    __table_args__ = (
        one_of("kind", DepositMoveKind),
        CheckConstraint("amount_fen > 0", name="moves_something"),
        CheckConstraint("(kind = 'set_off') = (payment_id IS NOT NULL)", name="set_off_pays"),
        CheckConstraint("(kind IN ('received', 'returned')) = (bank_reference IS NOT NULL)", name="money_is_referred"),
        UniqueConstraint("kind", "bank_reference"),
        Index(None, "agreement_id"),
    )

    id: Mapped[Id]
    agreement_id: Mapped[Ref] = mapped_column(ForeignKey("agreements.id"))
    kind: Mapped[DepositMoveKind]
    amount_fen: Mapped[Fen]
    bank_reference: Mapped[Code | None]
    payment_id: Mapped[Ref | None] = mapped_column(ForeignKey("payments.id"), unique=True)
    moved_at: Mapped[Instant]
    reason: Mapped[Prose | None]


class PenaltyPayment(Model):
    """A sum that was paid of a claimed penalty (违约金) on a day, by the bank's number. Append-only.

    `side`: who says so, the side that was let down or the county. `take`: which record of this number it is,
    the first being 1; earlier ones are void.
    """

    __tablename__ = "penalty_payments"
    __table_args__ = (
        one_of("side", Side),
        CheckConstraint("amount_fen > 0 AND take > 0", name="pays_something"),
        UniqueConstraint("bank_reference", "take"),
        Index(None, "proposal_id"),
    )

    id: Mapped[Id]
    proposal_id: Mapped[Ref] = mapped_column(ForeignKey("penalty_proposals.id"))
    amount_fen: Mapped[Fen]
    paid_on: Mapped[date]
    bank_reference: Mapped[Code]
    take: Mapped[Small]
    side: Mapped[Side]
    recorded_by_id: Mapped[Ref | None] = mapped_column(ForeignKey("people.id"))
    recorded_at: Mapped[Instant]


class PenaltyPaymentVoid(Model):
    """A payment of a penalty that was recorded by mistake: it stays readable and counts no more. Append-only."""

    __tablename__ = "penalty_payment_voids"
    __table_args__ = (one_of("side", Side), CheckConstraint("length(btrim(reason)) > 0", name="has_a_reason"))

    payment_id: Mapped[Ref] = mapped_column(ForeignKey("penalty_payments.id"), primary_key=True)
    reason: Mapped[Prose]
    side: Mapped[Side]
    recorded_by_id: Mapped[Ref | None] = mapped_column(ForeignKey("people.id"))
    recorded_at: Mapped[Instant]
