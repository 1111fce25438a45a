"""Tables of inquiries and their lines."""

from datetime import date
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index
from sqlalchemy.orm import Mapped, mapped_column

from shop.channels.models import PartnerKind
from shop.kit.db import Model, one_of
from shop.kit.types import Code, Fen, Grams, Id, Instant, Json, Name, Prose, Ref, Small


class InquiryStatus(StrEnum):
    """Life of an inquiry; an offer that ran out stays `offered` and is accepted no more."""

    ASKED = "asked"
    OFFERED = "offered"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"


class Inquiry(Model):
    """What a buyer asks a firm for, from the first to the last day of delivery, and what became of it.

    `terms`: what the firm offers beside prices (deposit, penalty, tolerance, payment term). `valid_until`: the last day
    on which the offer may be accepted. An accepted one names its order or its draft agreement.
    """

    __tablename__ = "inquiries"
    __table_args__ = (
        one_of("status", InquiryStatus),
        ForeignKeyConstraint(["partner_id", "partner_kind"], ["partners.id", "partners.kind"]),
        CheckConstraint("ends_on >= starts_on", name="days_ordered"),
        CheckConstraint("(status = 'accepted') = (num_nonnulls(order_id, agreement_id) = 1)", name="accepted_once"),
        CheckConstraint("status NOT IN ('offered', 'accepted') OR valid_until IS NOT NULL", name="offers_expire"),
        Index(None, "partner_id"),
        Index(None, "firm_id"),
    )

    id: Mapped[Id]
    code: Mapped[Code] = mapped_column(unique=True)
    status: Mapped[InquiryStatus]
    partner_id: Mapped[Ref]
    partner_kind: Mapped[PartnerKind]
    firm_id: Mapped[Ref] = mapped_column(ForeignKey("firms.id"))
    starts_on: Mapped[date]
    ends_on: Mapped[date]
    schedule: Mapped[Name]
    note: Mapped[Prose | None]
    asked_at: Mapped[Instant]
    asked_by_id: Mapped[Ref | None] = mapped_column(ForeignKey("people.id"))
    valid_until: Mapped[date | None]
    terms: Mapped[Json | None]
    order_id: Mapped[Ref | None] = mapped_column(ForeignKey("orders.id"), unique=True)
    agreement_id: Mapped[Ref | None] = mapped_column(ForeignKey("agreements.id"), unique=True)


class InquiryLine(Model):
    """A product that is asked for: packs for an order, grams over the term for an agreement; its price once offered.

    `price_fen`: of a pack, or of a kilogram of 一级. `schedule`: of grams, its own days; None: those of the inquiry.
    """

    __tablename__ = "inquiry_lines"
    __table_args__ = (
        CheckConstraint("num_nonnulls(quantity, weight_g) = 1", name="packs_or_grams"),
        CheckConstraint("quantity > 0 OR weight_g > 0", name="asks_for_something"),
        CheckConstraint("price_fen > 0", name="price_positive"),
        CheckConstraint("schedule IS NULL OR (schedule <> '' AND quantity IS NULL)", name="schedule_of_grams"),
    )

    inquiry_id: Mapped[Ref] = mapped_column(ForeignKey("inquiries.id"), primary_key=True)
    position: Mapped[Small] = mapped_column(primary_key=True)
    product_id: Mapped[Ref] = mapped_column(ForeignKey("products.id"))
    quantity: Mapped[int | None]
    weight_g: Mapped[Grams | None]
    price_fen: Mapped[Fen | None]
    schedule: Mapped[Name | None]
