"""Tables of a unit's desk: dated rules, yearly filings, purchases elsewhere, what an order was bought for."""

from datetime import date
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from shop.kit.db import Model, one_of
from shop.kit.types import Bp, Code, Fen, Id, Instant, Name, Ref, Small


class Fund(StrEnum):
    """Whose money a unit's order is bought with. A buying round is the colleagues' own and has none of these."""

    CANTEEN = "canteen"
    UNION = "union"


class ReserveRule(Model):
    """What an authority asks of its units from a day on: no rule is built in, each is entered with its source.

    `canteen_bp`: of the year's food purchases of a canteen; `union_bp`: of a union's goods money, for units without a
    canteen. `union_cap_fen`: goods for one member in one year.
    """

    __tablename__ = "reserve_rules"
    __table_args__ = (
        UniqueConstraint("authority", "valid_from"),
        CheckConstraint("canteen_bp BETWEEN 0 AND 10000 AND union_bp BETWEEN 0 AND 10000", name="rates_in_range"),
        CheckConstraint("union_cap_fen >= 0", name="cap_not_negative"),
    )

    id: Mapped[Id]
    authority: Mapped[Code]
    valid_from: Mapped[date]
    canteen_bp: Mapped[Bp]
    union_bp: Mapped[Bp]
    union_cap_fen: Mapped[Fen]
    file_by: Mapped[date]
    source_zh: Mapped[Name]
    recorded_at: Mapped[Instant]


class Filing(Model):
    """Append-only: what a unit filed for a year; the highest position counts. Reserve and cap as they were then."""

    __tablename__ = "unit_filings"
    __table_args__ = (
        UniqueConstraint("partner_id", "year", "position"),
        CheckConstraint("year BETWEEN 2000 AND 2100 AND position >= 1", name="numbered"),
        CheckConstraint("canteen_fen >= 0 AND union_fen >= 0 AND reserve_fen >= 0", name="amounts_not_negative"),
        CheckConstraint("members >= 1", name="somebody_works_there"),
    )

    id: Mapped[Id]
    partner_id: Mapped[Ref] = mapped_column(ForeignKey("partners.id"))
    year: Mapped[Small]
    position: Mapped[Small]
    rule_id: Mapped[Ref] = mapped_column(ForeignKey("reserve_rules.id"))
    canteen_fen: Mapped[Fen]
    union_fen: Mapped[Fen]
    members: Mapped[int]
    reserve_fen: Mapped[Fen]
    union_cap_fen: Mapped[Fen]
    filed_at: Mapped[Instant]
    filed_by_id: Mapped[Ref | None] = mapped_column(ForeignKey("people.id"))


class OutsidePurchase(Model):
    """Append-only: what a unit bought on the 832 platform, by its order number there.

    A void is a row that names what it takes back; then the number may be recorded again, at the next position.
    """

    __tablename__ = "unit_outside_purchases"
    __table_args__ = (
        CheckConstraint("amount_fen <> 0 AND (amount_fen > 0) = (voids_id IS NULL)", name="void_is_negative"),
        UniqueConstraint("voids_id"),
        Index(
            "uq_unit_outside_purchases_number", "partner_id", "number", "position", unique=True,
            postgresql_where=text("voids_id IS NULL"),
        ),
        Index(None, "partner_id", "bought_on"),
    )  # fmt: skip

    id: Mapped[Id]
    partner_id: Mapped[Ref] = mapped_column(ForeignKey("partners.id"))
    number: Mapped[Code]
    position: Mapped[Small]
    bought_on: Mapped[date]
    amount_fen: Mapped[Fen]
    goods_zh: Mapped[Name]
    voids_id: Mapped[Ref | None] = mapped_column(ForeignKey("unit_outside_purchases.id"))
    recorded_at: Mapped[Instant]
    recorded_by_id: Mapped[Ref | None] = mapped_column(ForeignKey("people.id"))


class Purchase(Model):
    """Append-only: what an order was bought for. A union's order is shared equally, so its part for one is exact."""

    __tablename__ = "unit_purchases"
    __table_args__ = (
        one_of("fund", Fund),
        CheckConstraint(
            "(fund = 'union') = (members IS NOT NULL) AND (members IS NULL) = (per_member_fen IS NULL)",
            name="union_is_shared",
        ),
        CheckConstraint("members >= 1 AND per_member_fen >= 1", name="shared_with_somebody"),
    )

    order_id: Mapped[Ref] = mapped_column(ForeignKey("orders.id"), primary_key=True)
    fund: Mapped[Fund]
    members: Mapped[int | None]
    per_member_fen: Mapped[Fen | None]
    declared_at: Mapped[Instant]
    declared_by_id: Mapped[Ref | None] = mapped_column(ForeignKey("people.id"))
