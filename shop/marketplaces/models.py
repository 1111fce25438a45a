"""Tables of shops on marketplaces: how to read their files, and what they told us."""

from datetime import date
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, LargeBinary, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from shop.channels.models import PartnerKind
from shop.kit.db import Model, one_of
from shop.kit.types import Code, Fen, Id, Instant, Json, Name, Ref, Small


class FactKind(StrEnum):
    """What the rows of a file are."""

    ORDERS = "orders"
    REFUNDS = "refunds"
    PAYOUTS = "payouts"


class Marketplace(Model):
    """A shop on a marketplace: how its files are read (`profile`) and its clock.

    `receipt_days`: days after dispatch on which the marketplace counts goods as received by itself. `settle_days`: days
    from receipt to the day on which the money is due.
    """

    __tablename__ = "marketplaces"
    __table_args__ = (
        ForeignKeyConstraint(["partner_id", "partner_kind"], ["partners.id", "partners.kind"]),
        CheckConstraint("partner_kind = 'shop'", name="only_shops"),
        CheckConstraint("receipt_days BETWEEN 0 AND 60 AND settle_days BETWEEN 0 AND 90", name="days_in_range"),
    )

    id: Mapped[Id]
    partner_id: Mapped[Ref] = mapped_column(unique=True)
    partner_kind: Mapped[PartnerKind]
    profile: Mapped[Json]
    receipt_days: Mapped[Small]
    settle_days: Mapped[Small]
    set_up_at: Mapped[Instant]


class MarketplaceItem(Model):
    """What a shop's SKU is: so many packs of a product."""

    __tablename__ = "marketplace_items"
    __table_args__ = (
        UniqueConstraint("marketplace_id", "sku"),
        CheckConstraint("packs BETWEEN 1 AND 1000", name="packs_in_range"),
    )

    id: Mapped[Id]
    marketplace_id: Mapped[Ref] = mapped_column(ForeignKey("marketplaces.id"))
    sku: Mapped[Name]
    product_id: Mapped[Ref] = mapped_column(ForeignKey("products.id"))
    packs: Mapped[Small]


class MarketplaceOrder(Model):
    """A paid line of an order at the marketplace (子订单), and how far it has come there.

    It is an order of ours, `order_id`, unless it was cancelled before we heard of it and before anything was sent.
    `amount_fen`: what is paid to the shop for the line, before the fee. `followed_at`: when our order was last brought
    to where the marketplace is; None when it has to be. `held_up`: the code of the refusal that keeps it, since
    `tried_at`.
    """

    __tablename__ = "marketplace_orders"
    __table_args__ = (
        UniqueConstraint("marketplace_id", "number", "line"),
        CheckConstraint("packs > 0 AND amount_fen > 0", name="sells_something"),
        CheckConstraint("received_at IS NULL OR shipped_at IS NOT NULL", name="received_was_shipped"),
        CheckConstraint(
            "order_id IS NOT NULL OR (cancelled_at IS NOT NULL AND shipped_at IS NULL)", name="sold_is_an_order"
        ),
        CheckConstraint("(due_on IS NULL) = (received_at IS NULL)", name="received_is_due"),
        Index("ix_marketplace_orders_to_follow", "id", postgresql_where=text("followed_at IS NULL")),
        Index(None, "marketplace_id", "due_on"),
    )

    id: Mapped[Id]
    marketplace_id: Mapped[Ref] = mapped_column(ForeignKey("marketplaces.id"))
    number: Mapped[Name]
    line: Mapped[Name]
    sku: Mapped[Name]
    product_id: Mapped[Ref] = mapped_column(ForeignKey("products.id"))
    packs: Mapped[int]
    amount_fen: Mapped[Fen]
    sold_at: Mapped[Instant]
    shipped_at: Mapped[Instant | None]
    received_at: Mapped[Instant | None]
    cancelled_at: Mapped[Instant | None]
    due_on: Mapped[date | None]
    told_at: Mapped[Instant]
    order_id: Mapped[Ref | None] = mapped_column(ForeignKey("orders.id"), unique=True)
    followed_at: Mapped[Instant | None]
    tried_at: Mapped[Instant | None]
    held_up: Mapped[Code | None]


class MarketplaceRefund(Model):
    """A refund that the marketplace made. It may be told before its order is."""

    __tablename__ = "marketplace_refunds"
    __table_args__ = (
        UniqueConstraint("marketplace_id", "reference"),
        CheckConstraint("amount_fen > 0", name="refunds_something"),
        Index(None, "marketplace_id", "number", "line"),
    )

    id: Mapped[Id]
    marketplace_id: Mapped[Ref] = mapped_column(ForeignKey("marketplaces.id"))
    reference: Mapped[Name]
    number: Mapped[Name]
    line: Mapped[Name]
    amount_fen: Mapped[Fen]
    refunded_at: Mapped[Instant]
    told_at: Mapped[Instant]


class MarketplacePayout(Model):
    """Money of a line that reached the shop's account, by the marketplace's settlement file; negative: taken back.

    `fee_fen`: what the marketplace says it kept. The journal of a payout has it as its source.
    """

    __tablename__ = "marketplace_payouts"
    __table_args__ = (
        UniqueConstraint("marketplace_id", "reference"),
        Index(None, "marketplace_id", "number", "line"),
    )

    id: Mapped[Id]
    marketplace_id: Mapped[Ref] = mapped_column(ForeignKey("marketplaces.id"))
    reference: Mapped[Name]
    number: Mapped[Name]
    line: Mapped[Name]
    received_fen: Mapped[Fen]
    fee_fen: Mapped[Fen]
    paid_on: Mapped[date]
    told_at: Mapped[Instant]


class MarketplaceImport(Model):
    """One file that was taken: who brought what, how many rows of it were new."""

    __tablename__ = "marketplace_imports"
    __table_args__ = (one_of("kind", FactKind), Index(None, "marketplace_id", "id"))

    id: Mapped[Id]
    marketplace_id: Mapped[Ref] = mapped_column(ForeignKey("marketplaces.id"))
    kind: Mapped[FactKind]
    file: Mapped[Name]
    sha256: Mapped[bytes] = mapped_column(LargeBinary(32))
    rows: Mapped[int]
    new: Mapped[int]
    changed: Mapped[int]
    imported_at: Mapped[Instant]
    person_id: Mapped[Ref | None] = mapped_column(ForeignKey("people.id"))
