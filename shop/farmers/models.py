"""Tables of households and deliveries."""

from datetime import date
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from shop.access.models import PartyKind
from shop.kit.db import Model, one_of
from shop.kit.types import Bp, Code, Fen, Grams, Id, Instant, Name, Prose, Ref, Small


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
        # Every report that counts families asks who of them is assisted.
        Index("ix_households_assisted", "id", postgresql_where=text("is_assisted")),
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


class HouseholdAlias(Model):
    """Two records of one family: what `household_id` earned counts for `counts_for_id` while this row is there.

    Facts stay with the record they were written for, so taking the row away undoes the merging exactly. Neither a chain
    nor a circle: a record that others count for counts for nobody else.
    """

    __tablename__ = "household_aliases"
    __table_args__ = (
        CheckConstraint("household_id <> counts_for_id", name="two_records"),
        Index(None, "counts_for_id"),
    )

    household_id: Mapped[Ref] = mapped_column(ForeignKey("households.id"), primary_key=True)
    counts_for_id: Mapped[Ref] = mapped_column(ForeignKey("households.id"))
    merged_at: Mapped[Instant]


class HouseholdGroup(Model):
    """Households that work together or are looked after together: a production group, a village group."""

    __tablename__ = "household_groups"

    id: Mapped[Id]
    code: Mapped[Code] = mapped_column(unique=True)
    name_zh: Mapped[Name]
    recorded_by_id: Mapped[Ref | None]
    recorded_at: Mapped[Instant]


class HouseholdTie(Model):
    """A household is in a group, from which to which day, both included; `void_reason`: keyed wrong, it never was."""

    __tablename__ = "household_ties"
    __table_args__ = (
        CheckConstraint("ends_on >= starts_on", name="ends_after_start"),
        Index(
            "uq_household_ties_standing", "household_id", "group_id", unique=True,
            postgresql_where=text("ends_on IS NULL AND void_reason IS NULL"),
        ),
        Index(None, "group_id"),
    )  # fmt: skip

    id: Mapped[Id]
    household_id: Mapped[Ref] = mapped_column(ForeignKey("households.id"))
    group_id: Mapped[Ref] = mapped_column(ForeignKey("household_groups.id"))
    starts_on: Mapped[date]
    ends_on: Mapped[date | None]
    void_reason: Mapped[Prose | None]
    recorded_by_id: Mapped[Ref | None]
    recorded_at: Mapped[Instant]


#: Who may be paired with a village or household: a cadre, or who buys for a unit or enterprise.
HELPERS = (PartyKind.CADRE, PartyKind.BUYER)


class Pairing(Model):
    """Who helps a village or one household (结对帮扶), from which to which day, both included.

    It says whom he helps, and nothing of what he must sell or buy: no column holds an amount, a target or a proof. Nor
    does it say whether the household is assisted: that is seen on need alone.
    """

    __tablename__ = "pairings"
    __table_args__ = (
        ForeignKeyConstraint(["helper_id", "helper_kind"], ["parties.id", "parties.kind"]),
        CheckConstraint(f"helper_kind IN {tuple(kind.value for kind in HELPERS)}", name="only_helpers"),
        CheckConstraint("num_nonnulls(village_id, household_id) = 1", name="village_or_household"),
        CheckConstraint("ends_on >= starts_on", name="days_ordered"),
        Index(
            "uq_pairings_running", "helper_id", "village_id", "household_id", unique=True,
            postgresql_nulls_not_distinct=True, postgresql_where=text("ends_on IS NULL"),
        ),
        Index(None, "village_id"),
        Index(None, "household_id"),
    )  # fmt: skip

    id: Mapped[Id]
    helper_id: Mapped[Ref]
    helper_kind: Mapped[PartyKind]
    village_id: Mapped[Ref | None] = mapped_column(ForeignKey("villages.id"))
    household_id: Mapped[Ref | None] = mapped_column(ForeignKey("households.id"))
    starts_on: Mapped[date]
    ends_on: Mapped[date | None]
    recorded_by_id: Mapped[Ref | None]
    recorded_at: Mapped[Instant]


class MembershipSpell(Model):
    """From which to which day a relation to a firm stood, both included; null = since before, or still.

    A relation without spells has always stood; where all of them are void, it never did. `returned_units`: capital
    shares paid back on leaving. `void`: the joining was keyed wrong and never was, or never was left before it.
    """

    __tablename__ = "membership_spells"
    __table_args__ = (
        ForeignKeyConstraint(["household_id", "firm_id"], ["memberships.household_id", "memberships.firm_id"]),
        CheckConstraint("left_on >= joined_on", name="leaves_after_joining"),
        CheckConstraint("returned_units >= 0", name="units_not_negative"),
        Index(
            "uq_membership_spells_standing",
            "household_id",
            "firm_id",
            unique=True,
            postgresql_where=text("left_on IS NULL AND NOT void"),
        ),
        Index(None, "household_id", "firm_id"),
    )

    id: Mapped[Id]
    household_id: Mapped[Ref]
    firm_id: Mapped[Ref]
    joined_on: Mapped[date | None]
    left_on: Mapped[date | None]
    returned_units: Mapped[int]
    void: Mapped[bool] = mapped_column(server_default=text("false"))


class GradeFactor(Model):
    """What a grade is paid of the base price (basis points) from a day on: at a firm, or in the county. Append-only."""

    __tablename__ = "grade_factors"
    __table_args__ = (
        one_of("grade", Grade),
        UniqueConstraint("firm_id", "grade", "valid_from", postgresql_nulls_not_distinct=True),
        CheckConstraint("factor_bp BETWEEN 1 AND 30000", name="factor_in_range"),
    )

    id: Mapped[Id]
    firm_id: Mapped[Ref | None] = mapped_column(ForeignKey("firms.id"))
    grade: Mapped[Grade]
    valid_from: Mapped[date]
    factor_bp: Mapped[Bp]
    recorded_by_id: Mapped[Ref | None]
    recorded_at: Mapped[Instant]


class DeliveryBatch(Model):
    """A file of slips from a collection point that was without a line: who sent which bytes when. Append-only."""

    __tablename__ = "delivery_batches"
    __table_args__ = (CheckConstraint("new_slips >= 0 AND known_slips >= 0", name="counts_not_negative"),)

    id: Mapped[Id]
    firm_id: Mapped[Ref] = mapped_column(ForeignKey("firms.id"))
    file_name: Mapped[Name]
    sha256: Mapped[str] = mapped_column(String(64))
    new_slips: Mapped[int]
    known_slips: Mapped[int]
    recorded_by_id: Mapped[Ref | None]
    recorded_at: Mapped[Instant]


class Delivery(Model):
    """Produce a household handed to a firm: amount = net weight x price per kg, half up. Never edited.

    `weight_g` is what is left after the deduction (杂质、水分). Where a base price stands, price = base x factor of the
    grade, half up; else the price was agreed as it is. `signer`: who signed the slip for the household.
    """

    __tablename__ = "deliveries"
    __table_args__ = (
        one_of("grade", Grade),
        ForeignKeyConstraint(["household_id", "firm_id"], ["memberships.household_id", "memberships.firm_id"]),
        ForeignKeyConstraint(["product_id", "firm_id"], ["products.id", "products.firm_id"]),
        CheckConstraint("weight_g > 0 AND price_fen_per_kg > 0", name="weighed_and_priced"),
        CheckConstraint("deduction_g >= 0", name="deduction_not_negative"),
        CheckConstraint("amount_fen > 0", name="worth_something"),
        CheckConstraint(
            "(base_price_fen_per_kg IS NULL) = (factor_bp IS NULL) AND (base_price_fen_per_kg IS NULL OR"
            " price_fen_per_kg = (base_price_fen_per_kg * factor_bp * 2 + 10000) / 20000)",
            name="price_by_grade",
        ),
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
    deduction_g: Mapped[Grams] = mapped_column(server_default="0")
    weight_g: Mapped[Grams]
    grade: Mapped[Grade]
    base_price_fen_per_kg: Mapped[Fen | None]
    factor_bp: Mapped[Bp | None]
    price_fen_per_kg: Mapped[Fen]
    signer: Mapped[Name | None]
    batch_id: Mapped[Ref | None] = mapped_column(ForeignKey("delivery_batches.id"))
    amount_fen: Mapped[Fen]
    recorded_at: Mapped[Instant]


class DeliveryCorrection(Model):
    """What a slip should have said: weight and price that are right, and what that changes. The slip stays as it was.

    `weight_g` zero = the slip was void. Append-only; the last one holds.
    """

    __tablename__ = "delivery_corrections"
    __table_args__ = (
        UniqueConstraint("delivery_id", "position"),
        CheckConstraint("position > 0", name="position_counted"),
        CheckConstraint("weight_g >= 0 AND price_fen_per_kg > 0", name="weighed_and_priced"),
        CheckConstraint("amount_fen = (weight_g * price_fen_per_kg * 2 + 1000) / 2000", name="amount_exact"),
        CheckConstraint("change_fen <> 0", name="changes_something"),
    )

    id: Mapped[Id]
    delivery_id: Mapped[Ref] = mapped_column(ForeignKey("deliveries.id"))
    position: Mapped[Small]
    weight_g: Mapped[Grams]
    price_fen_per_kg: Mapped[Fen]
    amount_fen: Mapped[Fen]
    change_g: Mapped[Grams]
    change_fen: Mapped[Fen]
    reason: Mapped[Prose]
    recorded_by_id: Mapped[Ref | None]
    recorded_at: Mapped[Instant]
