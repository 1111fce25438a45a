"""Tables of live sessions and their shelves. A session is an occasion with a life of its own."""

from datetime import date
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from shop.channels.models import OccasionKind
from shop.kit.db import Model, one_of
from shop.kit.types import Fen, Id, Instant, Name, Prose, Ref, Small


class LiveStatus(StrEnum):
    """Life of a live session."""

    PLANNED = "planned"
    REVIEWED = "reviewed"
    LIVE = "live"
    ENDED = "ended"
    SETTLED = "settled"


class LiveSession(Model):
    """What a live session is beside an occasion. Planned hours stand in the occasion, real ones here.

    `host_age`: full years on the day the identity was checked, never a birthday or a number of an identity card; below
    18 a guardian consented. `recording_keep_until`: three years after the end.
    """

    __tablename__ = "live_sessions"
    __table_args__ = (
        one_of("status", LiveStatus),
        ForeignKeyConstraint(["occasion_id", "occasion_kind"], ["occasions.id", "occasions.kind"]),
        ForeignKeyConstraint(
            ["occasion_id", "pinned_product_id"], ["shelf_items.occasion_id", "shelf_items.product_id"]
        ),
        UniqueConstraint("occasion_id"),
        CheckConstraint("occasion_kind = 'session'", name="is_a_session"),
        CheckConstraint("host_age >= 16", name="host_old_enough"),
        CheckConstraint("host_age >= 18 OR guardian_consented", name="minor_has_consent"),
        CheckConstraint("(host_age IS NULL) = (host_verified_on IS NULL)", name="verification_whole"),
        CheckConstraint("ended_at >= started_at", name="times_ordered"),
        CheckConstraint("(ended_at IS NULL) = (recording_keep_until IS NULL)", name="kept_from_the_end"),
        CheckConstraint("(status IN ('ended', 'settled')) = (ended_at IS NOT NULL)", name="end_is_dated"),
        CheckConstraint("status <> 'live' OR started_at IS NOT NULL", name="start_is_dated"),
        CheckConstraint("(status = 'settled') = (settled_at IS NOT NULL)", name="settlement_is_dated"),
        Index("ix_live_sessions_running", "status", postgresql_where=text("status IN ('planned', 'reviewed', 'live')")),
    )

    id: Mapped[Id]
    occasion_id: Mapped[Ref]
    occasion_kind: Mapped[OccasionKind]
    status: Mapped[LiveStatus]
    operator_zh: Mapped[Name | None]
    agency_zh: Mapped[Name | None]
    platform_zh: Mapped[Name | None]
    host_verified_on: Mapped[date | None]
    host_age: Mapped[Small | None]
    guardian_consented: Mapped[bool] = mapped_column(server_default="false")
    started_at: Mapped[Instant | None]
    ended_at: Mapped[Instant | None]
    settled_at: Mapped[Instant | None]
    recording_ref: Mapped[Name | None]
    recording_keep_until: Mapped[date | None]
    pinned_product_id: Mapped[Ref | None]


class ShelfItem(Model):
    """What stands beside an offer on the shelf (小黄车): its place, slot fee (fen) and talking-point card."""

    __tablename__ = "shelf_items"
    __table_args__ = (
        ForeignKeyConstraint(["occasion_id", "product_id"], ["offers.occasion_id", "offers.product_id"]),
        UniqueConstraint("occasion_id", "position"),
        CheckConstraint("position >= 1", name="position_from_one"),
        CheckConstraint("slot_fee_fen >= 0", name="slot_fee_not_negative"),
    )

    occasion_id: Mapped[Ref] = mapped_column(primary_key=True)
    product_id: Mapped[Ref] = mapped_column(primary_key=True)
    position: Mapped[Small]
    slot_fee_fen: Mapped[Fen] = mapped_column(server_default="0")
    talking_points: Mapped[Prose | None]


class ShelfCertificate(Model):
    """A certificate that is shown with a shelf item; whether it is still held is asked when it is shown."""

    __tablename__ = "shelf_certificates"
    __table_args__ = (
        ForeignKeyConstraint(["occasion_id", "product_id"], ["shelf_items.occasion_id", "shelf_items.product_id"]),
    )

    occasion_id: Mapped[Ref] = mapped_column(primary_key=True)
    product_id: Mapped[Ref] = mapped_column(primary_key=True)
    certificate_id: Mapped[Ref] = mapped_column(ForeignKey("certificates.id"), primary_key=True)
