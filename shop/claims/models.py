"""The table of claims. Weights in grams, money in fen."""

from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, text
from sqlalchemy.orm import Mapped, mapped_column

from shop.kit.db import Model, one_of
from shop.kit.types import Code, Fen, Grams, Id, Instant, Name, Prose, Ref

#: Bytes of a photo: more than telephones send.
MAX_PHOTO = 8 * 1024 * 1024


class ClaimStatus(StrEnum):
    """Life of a claim."""

    OPEN = "open"
    ANSWERED = "answered"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"


class ClaimReason(StrEnum):
    """What is wrong with the goods."""

    SPOILED = "spoiled"
    CRUSHED = "crushed"
    SHORT = "short"
    WRONG = "wrong"
    OTHER = "other"


class Claim(Model):
    """A claim about `damaged_g` grams of one order line. `granted_g` and `amount_fen` are what was found right.

    `photo_reference`: the number or name of the buyer's photo; its hash, when he sent it along. `answer_by`: from then
    on the county decides without the firm's answer.
    """

    __tablename__ = "claims"
    __table_args__ = (
        one_of("status", ClaimStatus),
        one_of("reason", ClaimReason),
        CheckConstraint("damaged_g > 0", name="claims_something"),
        CheckConstraint("granted_g BETWEEN 1 AND damaged_g", name="granted_within_claimed"),
        CheckConstraint("amount_fen > 0", name="amount_positive"),
        CheckConstraint(
            "(status = 'accepted') = (refund_id IS NOT NULL) AND (refund_id IS NULL) = (granted_g IS NULL)"
            " AND (refund_id IS NULL) = (amount_fen IS NULL)",
            name="accepted_is_refunded",
        ),
        CheckConstraint("(status IN ('accepted', 'rejected')) = (decided_at IS NOT NULL)", name="decision_is_dated"),
        CheckConstraint("(answered_at IS NULL) = (firm_agrees IS NULL)", name="answer_is_dated"),
        CheckConstraint("status <> 'open' OR answered_at IS NULL", name="open_is_unanswered"),
        CheckConstraint("answer_by > claimed_at", name="times_ordered"),
        Index(
            "uq_claims_open_for_line", "order_line_id", unique=True,
            postgresql_where=text("status IN ('open', 'answered')"),
        ),
        Index(None, "order_line_id"),
        Index(None, "status", "id"),
    )  # fmt: skip

    id: Mapped[Id]
    number: Mapped[Code] = mapped_column(unique=True)
    order_line_id: Mapped[Ref] = mapped_column(ForeignKey("order_lines.id"))
    status: Mapped[ClaimStatus]
    reason: Mapped[ClaimReason]
    damaged_g: Mapped[Grams]
    photo_reference: Mapped[Name]
    told: Mapped[Prose | None]
    claimed_at: Mapped[Instant]
    answer_by: Mapped[Instant]
    firm_agrees: Mapped[bool | None]
    answer: Mapped[Prose | None]
    answered_at: Mapped[Instant | None]
    granted_g: Mapped[Grams | None]
    amount_fen: Mapped[Fen | None]
    decision: Mapped[Prose | None]
    decided_at: Mapped[Instant | None]
    refund_id: Mapped[Ref | None] = mapped_column(ForeignKey("refunds.id"), unique=True)


class ClaimPhoto(Model):
    """The photo of a claim: what draws the picture and nothing else. Append-only."""

    __tablename__ = "claim_photos"
    __table_args__ = (CheckConstraint(f"octet_length(jpeg) <= {MAX_PHOTO}", name="bounded"),)

    claim_id: Mapped[Ref] = mapped_column(ForeignKey("claims.id"), primary_key=True)
    jpeg: Mapped[bytes] = mapped_column(LargeBinary)
