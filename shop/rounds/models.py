"""Tables of buying rounds: the round, its products, who joined, what he asked for, who was handed his goods.

No column says what rank somebody has, and no table holds members of a unit: so no minimum by rank can be set and no
list of who did not buy can be made (domain rule: voluntary for staff).
"""

from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, LargeBinary, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from shop.channels.models import OccasionKind
from shop.kit.db import Model, one_of
from shop.kit.types import Code, Id, Instant, Name, Ref, Small


class RoundStatus(StrEnum):
    """Life of a buying round; its bulk order has a life of its own."""

    OPEN = "open"
    CLOSED = "closed"  # nobody joins any more; not ordered yet
    ORDERED = "ordered"
    FINISHED = "finished"  # everybody was handed his goods
    CANCELLED = "cancelled"


class Round(Model):
    """A unit's buying round for products of one firm, joined by `/r/{join_code}` until `closes_at`.

    The round is an occasion of its unit. `contact_*` and `delivery_point_zh` become the recipient of the bulk order.
    `refusal`: code of the error for which the clock could not order.
    """

    __tablename__ = "rounds"
    __table_args__ = (
        one_of("status", RoundStatus),
        ForeignKeyConstraint(["occasion_id", "occasion_kind"], ["occasions.id", "occasions.kind"]),
        ForeignKeyConstraint(["occasion_id", "partner_id"], ["occasions.id", "occasions.partner_id"]),
        CheckConstraint("occasion_kind = 'round'", name="is_a_round"),
        CheckConstraint("closes_at > opened_at", name="times_ordered"),
        CheckConstraint(
            "status = 'cancelled' OR (order_id IS NOT NULL) = (status IN ('ordered', 'finished'))",
            name="ordered_has_order",
        ),
        CheckConstraint(r"contact_phone_e164 ~ '^\+861[3-9][0-9]{9}$'", name="phone_normal"),
        UniqueConstraint("occasion_id"),
        UniqueConstraint("order_id"),
        UniqueConstraint("id", "firm_id"),
        Index(None, "partner_id", "id"),
        Index("ix_rounds_to_close", "closes_at", postgresql_where=text("status = 'open'")),
    )

    id: Mapped[Id]
    code: Mapped[Code] = mapped_column(unique=True)
    join_code: Mapped[Code] = mapped_column(unique=True)
    status: Mapped[RoundStatus]
    occasion_id: Mapped[Ref]
    occasion_kind: Mapped[OccasionKind]
    partner_id: Mapped[Ref]
    firm_id: Mapped[Ref] = mapped_column(ForeignKey("firms.id"))
    title_zh: Mapped[Name]
    delivery_point_zh: Mapped[Name]
    contact_name_zh: Mapped[Name]
    contact_phone_e164: Mapped[Code]
    opened_at: Mapped[Instant]
    closes_at: Mapped[Instant]
    order_id: Mapped[Ref | None] = mapped_column(ForeignKey("orders.id"))
    refusal: Mapped[Code | None]


class RoundProduct(Model):
    """What a round offers: packs for a person who wants it, the same for everybody, and packs in all at most."""

    __tablename__ = "round_products"
    __table_args__ = (
        ForeignKeyConstraint(["round_id", "firm_id"], ["rounds.id", "rounds.firm_id"]),
        ForeignKeyConstraint(["product_id", "firm_id"], ["products.id", "products.firm_id"]),
        UniqueConstraint("round_id", "position"),
        CheckConstraint("least_packs >= 1 AND most_packs >= least_packs", name="bounds_ordered"),
        CheckConstraint("total_packs >= least_packs", name="total_positive"),
    )

    round_id: Mapped[Ref] = mapped_column(primary_key=True)
    product_id: Mapped[Ref] = mapped_column(primary_key=True)
    firm_id: Mapped[Ref]
    position: Mapped[Small]
    least_packs: Mapped[Small]
    most_packs: Mapped[Small]
    total_packs: Mapped[int | None]


class RoundEntry(Model):
    """Somebody who joined, known by phone or staff number; one entry each. Withdrawing deletes the row.

    `secret_hash`: SHA-256 of the secret that only he holds.
    """

    __tablename__ = "round_entries"
    __table_args__ = (
        UniqueConstraint("id", "round_id"),
        UniqueConstraint("round_id", "position"),
        UniqueConstraint("round_id", "phone_e164"),
        UniqueConstraint("round_id", "staff_number"),
        UniqueConstraint("round_id", "secret_hash"),
        CheckConstraint("phone_e164 IS NOT NULL OR staff_number IS NOT NULL", name="known_by_something"),
        CheckConstraint(r"phone_e164 ~ '^\+861[3-9][0-9]{9}$'", name="phone_normal"),
    )

    id: Mapped[Id]
    round_id: Mapped[Ref] = mapped_column(ForeignKey("rounds.id"))
    position: Mapped[Small]
    name_zh: Mapped[Name]
    phone_e164: Mapped[Code | None]
    staff_number: Mapped[Code | None]
    secret_hash: Mapped[bytes] = mapped_column(LargeBinary(32))
    joined_at: Mapped[Instant]
    changed_at: Mapped[Instant]


class EntryLine(Model):
    """Packs of one product that somebody asked for."""

    __tablename__ = "round_entry_lines"
    __table_args__ = (
        ForeignKeyConstraint(["entry_id", "round_id"], ["round_entries.id", "round_entries.round_id"]),
        ForeignKeyConstraint(["round_id", "product_id"], ["round_products.round_id", "round_products.product_id"]),
        CheckConstraint("quantity > 0", name="asks_for_something"),
        Index(None, "round_id", "product_id"),
    )

    entry_id: Mapped[Ref] = mapped_column(primary_key=True)
    product_id: Mapped[Ref] = mapped_column(primary_key=True)
    round_id: Mapped[Ref]
    quantity: Mapped[Small]


class HandOut(Model):
    """Append-only: somebody was handed what is his, once."""

    __tablename__ = "round_hand_outs"
    __table_args__ = (ForeignKeyConstraint(["entry_id", "round_id"], ["round_entries.id", "round_entries.round_id"]),)

    entry_id: Mapped[Ref] = mapped_column(primary_key=True)
    round_id: Mapped[Ref]
    handed_at: Mapped[Instant]
    handed_by_id: Mapped[Ref] = mapped_column(ForeignKey("people.id"))
