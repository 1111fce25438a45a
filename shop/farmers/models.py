"""Tables of households and deliveries."""

from datetime import date
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from shop.kit.db import Model, one_of
from shop.kit.types import Code, Fen, Grams, Id, Instant, Ref, Small


class Relation(StrEnum):
    """A member shares in the surplus; a contract grower gets a price only."""

    MEMBER = "member"
    CONTRACT = "contract"


class Grade(StrEnum):
    """Grades of delivered produce."""

    SPECIAL = "特级"
    FIRST = "一级"
    SECOND = "二级"
    OFF = "等外"


class Household(Model):
    """A household by pseudonym. Land in tenths of a mu (0.1 亩). `is_assisted` is sensitive (脱贫户、监测户)."""

    __tablename__ = "households"
    __table_args__ = (
        CheckConstraint("persons > 0", name="has_persons"),
        CheckConstraint("leased_out_mu_tenths BETWEEN 0 AND land_mu_tenths", name="leases_own_land"),
        Index(None, "village_id"),
    )

    id: Mapped[Id]
    code: Mapped[Code] = mapped_column(unique=True)
    party_id: Mapped[Ref] = mapped_column(ForeignKey("parties.id"), unique=True)
    village_id: Mapped[Ref] = mapped_column(ForeignKey("villages.id"))
    persons: Mapped[Small]
    land_mu_tenths: Mapped[int]
    leased_out_mu_tenths: Mapped[int]
    is_assisted: Mapped[bool]


class Membership(Model):
    """A household's relation to a firm, and its capital shares there."""

    __tablename__ = "memberships"
    __table_args__ = (
        one_of("relation", Relation),
        UniqueConstraint("household_id", "firm_id"),
        CheckConstraint("share_units >= 0 AND (relation = 'member' OR share_units = 0)", name="members_hold_shares"),
        Index(None, "firm_id"),
    )

    id: Mapped[Id]
    household_id: Mapped[Ref] = mapped_column(ForeignKey("households.id"))
    firm_id: Mapped[Ref] = mapped_column(ForeignKey("firms.id"))
    relation: Mapped[Relation]
    share_units: Mapped[int]


class Delivery(Model):
    """Produce a household handed to a firm: amount = weight x price per kg, half up. Never edited."""

    __tablename__ = "deliveries"
    __table_args__ = (
        one_of("grade", Grade),
        ForeignKeyConstraint(["household_id", "firm_id"], ["memberships.household_id", "memberships.firm_id"]),
        ForeignKeyConstraint(["product_id", "firm_id"], ["products.id", "products.firm_id"]),
        CheckConstraint("weight_g > 0 AND price_fen_per_kg > 0", name="weighed_and_priced"),
        CheckConstraint("amount_fen = (weight_g * price_fen_per_kg * 2 + 1000) / 2000", name="amount_exact"),
        Index(None, "household_id", "delivered_on"),
        Index(None, "firm_id", "delivered_on"),
        Index(None, "product_id", "delivered_on"),
    )

    id: Mapped[Id]
    code: Mapped[Code] = mapped_column(unique=True)
    household_id: Mapped[Ref] = mapped_column(ForeignKey("households.id"))
    firm_id: Mapped[Ref] = mapped_column(ForeignKey("firms.id"))
    product_id: Mapped[Ref] = mapped_column(ForeignKey("products.id"))
    delivered_on: Mapped[date]
    weight_g: Mapped[Grams]
    grade: Mapped[Grade]
    price_fen_per_kg: Mapped[Fen]
    amount_fen: Mapped[Fen]
    recorded_at: Mapped[Instant]
