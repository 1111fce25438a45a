"""Tables of village collectives: tiers, pairings, what was earned."""

from datetime import date
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from shop.kit.db import Model, one_of
from shop.kit.types import Bp, Code, Fen, Id, Instant, Name, Prose, Ref, Small


class CollectiveKind(StrEnum):
    """Where a collective's income comes from. Subsidies are shown apart and make no tier."""

    OPERATING = "operating"
    LEASING = "leasing"
    INVESTMENT = "investment"
    SERVICES = "services"
    SUBSIDY = "subsidy"


class CollectiveTier(Model):
    """A tier of net yearly income. All tiers of the latest `from_year` that is not after the year asked hold.

    Of a year that was set again with a reason, those of the last `version`; the ones before stay. Append-only.
    """

    __tablename__ = "collective_tiers"
    __table_args__ = (
        UniqueConstraint("from_year", "version", "floor_fen", postgresql_nulls_not_distinct=True),
        CheckConstraint("version > 0 AND (version = 1) = (reason IS NULL)", name="replaced_with_a_reason"),
        CheckConstraint("from_year BETWEEN 2000 AND 2100", name="year_in_range"),
    )

    id: Mapped[Id]
    from_year: Mapped[Small]
    version: Mapped[Small] = mapped_column(server_default="1")
    reason: Mapped[Prose | None]
    floor_fen: Mapped[Fen | None]
    name_zh: Mapped[Name]
    name_en: Mapped[Name]
    recorded_by_id: Mapped[Ref | None]
    recorded_at: Mapped[Instant]


class VillagePairing(Model):
    """强村带弱村: a project of a strong and a weak village, and how its income is split; the weak one has the rest."""

    __tablename__ = "village_pairings"
    __table_args__ = (
        CheckConstraint("strong_id <> weak_id", name="two_villages"),
        CheckConstraint("strong_bp BETWEEN 0 AND 10000", name="split_in_range"),
        CheckConstraint("starts_on <= ends_on", name="ends_after_start"),
        Index(None, "strong_id"),
        Index(None, "weak_id"),
    )

    id: Mapped[Id]
    code: Mapped[Code] = mapped_column(unique=True)
    strong_id: Mapped[Ref] = mapped_column(ForeignKey("villages.id"))
    weak_id: Mapped[Ref] = mapped_column(ForeignKey("villages.id"))
    project_zh: Mapped[Name]
    strong_bp: Mapped[Bp]
    starts_on: Mapped[date]
    ends_on: Mapped[date]
    document: Mapped[Prose]
    recorded_by_id: Mapped[Ref | None]
    recorded_at: Mapped[Instant]


class VillagePairingVoid(Model):
    """An agreement of two villages that was keyed wrong, and why: it stays readable and earns nothing. Append-only."""

    __tablename__ = "village_pairing_voids"

    pairing_id: Mapped[Ref] = mapped_column(ForeignKey("village_pairings.id"), primary_key=True)
    reason: Mapped[Prose]
    recorded_by_id: Mapped[Ref | None]
    recorded_at: Mapped[Instant]


class CollectiveIncome(Model):
    """One event: what came in and what it cost, of one village or of a joint project. Append-only, reversed by another.

    Its parts by village are `CollectivePart`; they add up to it.
    """

    __tablename__ = "collective_incomes"
    __table_args__ = (
        one_of("kind", CollectiveKind),
        CheckConstraint("income_fen <> 0 OR cost_fen <> 0", name="something_happened"),
        CheckConstraint(
            "(reverses_id IS NULL AND income_fen >= 0 AND cost_fen >= 0) OR"
            " (reverses_id IS NOT NULL AND income_fen <= 0 AND cost_fen <= 0)",
            name="only_reversals_take_back",
        ),
        CheckConstraint("kind <> 'subsidy' OR cost_fen = 0", name="subsidies_cost_nothing"),
        UniqueConstraint("reverses_id"),
    )

    id: Mapped[Id]
    code: Mapped[Code] = mapped_column(unique=True)
    pairing_id: Mapped[Ref | None] = mapped_column(ForeignKey("village_pairings.id"))
    kind: Mapped[CollectiveKind]
    received_on: Mapped[date]
    income_fen: Mapped[Fen]
    cost_fen: Mapped[Fen]
    source: Mapped[Prose]
    reverses_id: Mapped[Ref | None] = mapped_column(ForeignKey("collective_incomes.id"))
    recorded_by_id: Mapped[Ref | None]
    recorded_at: Mapped[Instant]


class CollectivePart(Model):
    """A village's part of an event. Append-only."""

    __tablename__ = "collective_parts"
    __table_args__ = (Index(None, "village_id"),)

    event_id: Mapped[Ref] = mapped_column(ForeignKey("collective_incomes.id"), primary_key=True)
    village_id: Mapped[Ref] = mapped_column(ForeignKey("villages.id"), primary_key=True)
    income_fen: Mapped[Fen]
    cost_fen: Mapped[Fen]
