"""Tables of agreements, their lines, quotes and call-offs. Weights in grams, prices in fen per kg."""

from datetime import date
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from shop.channels.models import OccasionKind, PartnerKind
from shop.kit.db import Model, one_of
from shop.kit.types import Bp, Code, Fen, Grams, Id, Instant, Name, Ref, Small


class AgreementStatus(StrEnum):
    """Life of an agreement."""

    DRAFT = "draft"
    SIGNED = "signed"
    EXECUTING = "executing"
    FULFILLED = "fulfilled"
    SHORT = "short"
    TERMINATED = "terminated"


class PriceRule(StrEnum):
    """How the day's price follows from floor and market."""

    FIXED = "FIXED"
    FLOOR_OR_MARKET = "FLOOR_OR_MARKET"
    MARKET_PLUS = "MARKET_PLUS"


class CallOffStatus(StrEnum):
    """Life of a call-off; what was delivered and accepted stands on its order."""

    REQUESTED = "requested"
    CONFIRMED = "confirmed"
    CANCELLED = "cancelled"


class Agreement(Model):
    """A long-term purchase agreement between a buyer and a firm, both days of the term included.

    Deposit (定金) at most 20 % of the contract value (Civil Code art. 586). `schedule` is kept as written: daily,
    weekly:d,d (1 = Monday), monthly:d,d, once:date.
    """

    __tablename__ = "agreements"
    __table_args__ = (
        one_of("status", AgreementStatus),
        ForeignKeyConstraint(["occasion_id", "occasion_kind"], ["occasions.id", "occasions.kind"]),
        ForeignKeyConstraint(["occasion_id", "partner_id"], ["occasions.id", "occasions.partner_id"]),
        ForeignKeyConstraint(["partner_id", "partner_kind"], ["partners.id", "partners.kind"]),
        CheckConstraint("occasion_kind = 'agreement' AND partner_kind = 'enterprise'", name="kinds_fit"),
        CheckConstraint("ends_on >= starts_on", name="term_ordered"),
        CheckConstraint("deposit_bp BETWEEN 0 AND 2000", name="deposit_lawful"),
        CheckConstraint("penalty_bp BETWEEN 0 AND 3000", name="penalty_in_range"),
        CheckConstraint("payment_term_days BETWEEN 0 AND 60", name="term_lawful"),
        UniqueConstraint("occasion_id"),
        Index(None, "partner_id"),
        Index(None, "firm_id"),
    )

    id: Mapped[Id]
    code: Mapped[Code] = mapped_column(unique=True)
    status: Mapped[AgreementStatus]
    occasion_id: Mapped[Ref]
    occasion_kind: Mapped[OccasionKind]
    partner_id: Mapped[Ref]
    partner_kind: Mapped[PartnerKind]
    firm_id: Mapped[Ref] = mapped_column(ForeignKey("firms.id"))
    starts_on: Mapped[date]
    ends_on: Mapped[date]
    signed_on: Mapped[date | None]
    deposit_bp: Mapped[Bp]
    penalty_bp: Mapped[Bp]
    payment_term_days: Mapped[Small]
    schedule: Mapped[Name]


class AgreementLine(Model):
    """What is promised of one product over the whole term, and at what price.

    `floor_fen_per_kg`: for FIXED it is the price. `margin_bp`: MARKET_PLUS only.
    """

    __tablename__ = "agreement_lines"
    __table_args__ = (
        one_of("price_rule", PriceRule),
        UniqueConstraint("agreement_id", "product_id"),
        CheckConstraint("committed_g > 0 AND floor_fen_per_kg > 0", name="promises_something"),
        CheckConstraint("margin_bp >= 0 AND (margin_bp = 0 OR price_rule = 'MARKET_PLUS')", name="margin_fits_rule"),
        Index(None, "product_id"),
    )

    id: Mapped[Id]
    agreement_id: Mapped[Ref] = mapped_column(ForeignKey("agreements.id"))
    product_id: Mapped[Ref] = mapped_column(ForeignKey("products.id"))
    committed_g: Mapped[Grams]
    floor_fen_per_kg: Mapped[Fen]
    price_rule: Mapped[PriceRule]
    margin_bp: Mapped[Bp] = mapped_column(server_default="0")


class MarketQuote(Model):
    """The market price of a product on a day, from a named source. A later quote for a day moves no fixed price."""

    __tablename__ = "market_quotes"
    __table_args__ = (
        UniqueConstraint("product_id", "quoted_on", "source"),
        CheckConstraint("fen_per_kg > 0", name="price_positive"),
    )

    id: Mapped[Id]
    product_id: Mapped[Ref] = mapped_column(ForeignKey("products.id"))
    quoted_on: Mapped[date]
    source: Mapped[Name]
    fen_per_kg: Mapped[Fen]
    recorded_at: Mapped[Instant]


class DueWeight(Model):
    """What the schedule asks of a line on a day: written once when the agreement is signed.

    The days of the schedule that fall in the product's harvest window (prolonged by its shelf life) share the committed
    weight by largest remainder, so they add up to it exactly.
    """

    __tablename__ = "due_weights"
    __table_args__ = (CheckConstraint("weight_g >= 0", name="not_negative"),)

    line_id: Mapped[Ref] = mapped_column(ForeignKey("agreement_lines.id"), primary_key=True)
    due_on: Mapped[date] = mapped_column(primary_key=True)
    weight_g: Mapped[Grams]


class CallOff(Model):
    """A quantity called under an agreement line for a day, at the price fixed when it was called.

    `scheduled`: made by the schedule, once per line and due date whatever is rerun.
    """

    __tablename__ = "call_offs"
    __table_args__ = (
        one_of("status", CallOffStatus),
        CheckConstraint("weight_g > 0 AND price_fen_per_kg > 0", name="weighed_and_priced"),
        Index("uq_call_offs_scheduled", "line_id", "due_on", unique=True, postgresql_where=text("scheduled")),
        Index(None, "agreement_id", "due_on"),
    )

    id: Mapped[Id]
    agreement_id: Mapped[Ref] = mapped_column(ForeignKey("agreements.id"))
    line_id: Mapped[Ref] = mapped_column(ForeignKey("agreement_lines.id"))
    status: Mapped[CallOffStatus]
    due_on: Mapped[date]
    weight_g: Mapped[Grams]
    price_fen_per_kg: Mapped[Fen]
    scheduled: Mapped[bool]
    requested_at: Mapped[Instant]
