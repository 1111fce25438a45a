"""Tables of settlements and their shares."""

from datetime import date
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from shop.kit.db import Model, one_of
from shop.kit.types import Bp, Fen, Id, Instant, Ref


class ShareKind(StrEnum):
    """Who takes part. A coupon is negative: what host or platform promised to add to what the buyer paid."""

    FIRM = "firm"
    HOST = "host"
    PLATFORM = "platform"
    CARRIER = "carrier"
    COUPON = "coupon"


class Settlement(Model):
    """The sharing of one order's net amount, or (with `refund_id`) the taking back of a part after it was shared.

    With `correction_id` or `acceptance_id`: all that was shared taken back (`reverses`), or shared anew, because the
    order is counted for somebody else since, or its acceptance was corrected.
    """

    __tablename__ = "settlements"
    __table_args__ = (
        UniqueConstraint("refund_id"),
        Index(
            "uq_settlements_order_first",
            "order_id",
            unique=True,
            postgresql_where=text("refund_id IS NULL AND correction_id IS NULL AND acceptance_id IS NULL"),
        ),
        CheckConstraint(
            "CASE WHEN num_nonnulls(correction_id, acceptance_id) = 1"
            " THEN refund_id IS NULL AND (net_fen = 0 OR (net_fen < 0) = reverses)"
            " WHEN refund_id IS NOT NULL THEN net_fen < 0 AND NOT reverses ELSE net_fen >= 0 AND NOT reverses END",
            name="sign",
        ),
        CheckConstraint("num_nonnulls(refund_id, correction_id, acceptance_id) <= 1", name="one_cause"),
        UniqueConstraint("correction_id", "reverses"),
        UniqueConstraint("acceptance_id", "reverses"),
        CheckConstraint("extract(day FROM month) = 1", name="month_first_day"),
        Index(None, "order_id"),
        Index(None, "month"),
    )

    id: Mapped[Id]
    order_id: Mapped[Ref] = mapped_column(ForeignKey("orders.id"))
    refund_id: Mapped[Ref | None] = mapped_column(ForeignKey("refunds.id"))
    correction_id: Mapped[Ref | None] = mapped_column(ForeignKey("attribution_changes.id"))
    acceptance_id: Mapped[Ref | None] = mapped_column(ForeignKey("acceptance_corrections.id"))
    reverses: Mapped[bool] = mapped_column(server_default="false")
    net_fen: Mapped[Fen]
    settled_at: Mapped[Instant]
    month: Mapped[date]
    journal_id: Mapped[Ref | None] = mapped_column(ForeignKey("journals.id"), unique=True)


class Share(Model):
    """One party's part of a settlement; `rate_bp` as agreed, amounts by largest remainder."""

    __tablename__ = "settlement_shares"
    __table_args__ = (one_of("kind", ShareKind), UniqueConstraint("settlement_id", "kind"), Index(None, "party_id"))

    id: Mapped[Id]
    settlement_id: Mapped[Ref] = mapped_column(ForeignKey("settlements.id"))
    kind: Mapped[ShareKind]
    party_id: Mapped[Ref | None] = mapped_column(ForeignKey("parties.id"))
    rate_bp: Mapped[Bp]
    amount_fen: Mapped[Fen]
