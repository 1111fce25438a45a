"""Tables of lots, what they are made of, recalls, pools, reservations and movements. All weights in grams."""

from datetime import date
from enum import StrEnum

from sqlalchemy import (
    CheckConstraint,
    ColumnElement,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    func,
    text,
)
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import Mapped, mapped_column

from shop.channels.models import ChannelKind
from shop.farmers.models import Grade
from shop.kit.db import Model, one_of
from shop.kit.types import Code, Grams, Id, Instant, Prose, Ref


class Lot(Model):
    """A batch of one product of one firm. received = dispatched + withdrawn + graded down + repacked out + left.

    `certificate_number`: the batch's conformity or quarantine certificate where the product needs one. `grade`: where
    all of it is of one.
    """

    __tablename__ = "lots"
    __table_args__ = (
        ForeignKeyConstraint(["product_id", "firm_id"], ["products.id", "products.firm_id"]),
        CheckConstraint("received_g > 0", name="received_something"),
        CheckConstraint(
            "dispatched_g >= 0 AND withdrawn_g >= 0 AND graded_g >= 0 AND repacked_g >= 0"
            " AND dispatched_g + withdrawn_g + graded_g + repacked_g <= received_g",
            name="never_below_zero",
        ),
        CheckConstraint("expires_on > harvested_on", name="days_ordered"),
        one_of("grade", Grade),
        Index("ix_lots_pick", "product_id", "harvested_on", "id"),
    )

    id: Mapped[Id]
    code: Mapped[Code] = mapped_column(unique=True)
    firm_id: Mapped[Ref] = mapped_column(ForeignKey("firms.id"))
    product_id: Mapped[Ref] = mapped_column(ForeignKey("products.id"))
    harvested_on: Mapped[date]
    expires_on: Mapped[date]
    certificate_number: Mapped[Code | None]
    grade: Mapped[Grade | None]
    opened_at: Mapped[Instant]
    received_g: Mapped[Grams]
    dispatched_g: Mapped[Grams] = mapped_column(server_default="0")
    withdrawn_g: Mapped[Grams] = mapped_column(server_default="0")
    graded_g: Mapped[Grams] = mapped_column(server_default="0")
    repacked_g: Mapped[Grams] = mapped_column(server_default="0")

    @hybrid_property
    def left_g(self) -> int:
        """What is still there."""
        return self.received_g - self.dispatched_g - self.withdrawn_g - self.graded_g - self.repacked_g


class LotDelivery(Model):
    """What a lot was made of: a delivery belongs to one lot at most. Decides which households a sale reaches.

    `weight_g`: what the slip weighed, after its corrections, when the lot was opened.
    """

    __tablename__ = "lot_deliveries"
    __table_args__ = (CheckConstraint("weight_g > 0", name="weighs_something"), Index(None, "lot_id"))

    delivery_id: Mapped[Ref] = mapped_column(ForeignKey("deliveries.id"), primary_key=True)
    lot_id: Mapped[Ref] = mapped_column(ForeignKey("lots.id"))
    weight_g: Mapped[Grams]


class PartKind(StrEnum):
    """How a part of a lot came into another one."""

    GRADED = "graded"  # 降级
    REPACKED = "repacked"  # 改装


class LotPart(Model):
    """A part of a lot that another lot was made of; what was lost while working is not in it. Append-only.

    A lot is younger than what it is made of, so that no lot is made of itself.
    """

    __tablename__ = "lot_parts"
    __table_args__ = (
        one_of("kind", PartKind),
        CheckConstraint("source_id < lot_id", name="of_older_lots"),
        CheckConstraint("weight_g > 0", name="takes_something"),
        Index(None, "source_id"),
    )

    lot_id: Mapped[Ref] = mapped_column(ForeignKey("lots.id"), primary_key=True)
    source_id: Mapped[Ref] = mapped_column(ForeignKey("lots.id"), primary_key=True)
    kind: Mapped[PartKind]
    weight_g: Mapped[Grams]


class Recall(Model):
    """A lot called back, with all lots made of it (`RecallLot`). While it stands, none of them is sold or worked on.

    Its code is the reason of the movements by which its goods left stock.
    """

    __tablename__ = "recalls"
    __table_args__ = (
        CheckConstraint("(lifted_at IS NULL) = (lifted_because IS NULL)", name="lifted_with_a_reason"),
        Index(None, "lot_id"),
    )

    id: Mapped[Id]
    code: Mapped[Code] = mapped_column(unique=True)
    lot_id: Mapped[Ref] = mapped_column(ForeignKey("lots.id"))
    reason: Mapped[Prose]
    by_county: Mapped[bool]
    announced_at: Mapped[Instant]
    announced_by_id: Mapped[Ref | None]
    lifted_at: Mapped[Instant | None]
    lifted_by_id: Mapped[Ref | None]
    lifted_because: Mapped[Prose | None]


class RecallLot(Model):
    """A lot that a recall is about: the one that was named, and every lot made of it. Append-only."""

    __tablename__ = "recall_lots"
    __table_args__ = (Index(None, "lot_id"),)

    recall_id: Mapped[Ref] = mapped_column(ForeignKey("recalls.id"), primary_key=True)
    lot_id: Mapped[Ref] = mapped_column(ForeignKey("lots.id"), primary_key=True)


class PoolKind(StrEnum):
    """Who may take from a pool: everybody, or one occasion or channel."""

    OPEN = "open"
    SET_ASIDE = "set_aside"


class Pool(Model):
    """Stock of a product that is sold together. received = available + reserved + sold + withdrawn, always.

    A firm's set-aside for a channel or a buying round has a `code`, and `until` when it holds; after `ended_at` what
    comes free in it goes back to the open pool. A session's pool has neither: it ends with its session.
    """

    __tablename__ = "pools"
    __table_args__ = (
        one_of("kind", PoolKind),
        CheckConstraint(
            "available_g >= 0 AND reserved_g >= 0 AND sold_g >= 0 AND withdrawn_g >= 0", name="never_below_zero"
        ),
        CheckConstraint("received_g = available_g + reserved_g + sold_g + withdrawn_g", name="adds_up"),
        CheckConstraint(
            "num_nonnulls(occasion_id, channel_kind) = CASE kind WHEN 'open' THEN 0 ELSE 1 END",
            name="set_aside_for_somebody",
        ),
        CheckConstraint(
            "(code IS NULL) = (until IS NULL) AND (kind = 'set_aside' OR code IS NULL)"
            " AND (channel_kind IS NULL OR code IS NOT NULL) AND (ended_at IS NULL OR code IS NOT NULL)",
            name="set_aside_until",
        ),
        Index(
            "ix_pools_standing", "product_id", "occasion_id", "channel_kind", unique=True,
            postgresql_nulls_not_distinct=True, postgresql_where=text("ended_at IS NULL"),
        ),
        Index("ix_pools_until", "until", postgresql_where=text("until IS NOT NULL")),
    )  # fmt: skip

    id: Mapped[Id]
    kind: Mapped[PoolKind]
    product_id: Mapped[Ref] = mapped_column(ForeignKey("products.id"))
    occasion_id: Mapped[Ref | None] = mapped_column(ForeignKey("occasions.id"))
    channel_kind: Mapped[ChannelKind | None] = mapped_column(ForeignKey("channels.kind"))
    code: Mapped[Code | None] = mapped_column(unique=True)
    until: Mapped[Instant | None]
    ended_at: Mapped[Instant | None]
    received_g: Mapped[Grams] = mapped_column(server_default="0")
    available_g: Mapped[Grams] = mapped_column(server_default="0")
    reserved_g: Mapped[Grams] = mapped_column(server_default="0")
    sold_g: Mapped[Grams] = mapped_column(server_default="0")
    withdrawn_g: Mapped[Grams] = mapped_column(server_default="0")


class Presale(Model):
    """Packs of a harvest to come: ordered from one day to another, sent by a third, `cap_g` at most.

    `taken_g`: what was ordered and stands, sent or not. `ended_at`: it takes no more orders.
    """

    __tablename__ = "presales"
    __table_args__ = (
        CheckConstraint("cap_g > 0 AND taken_g BETWEEN 0 AND cap_g", name="within_cap"),
        CheckConstraint("opens_on <= closes_on AND closes_on <= ship_by", name="days_ordered"),
        Index(None, "product_id", "closes_on"),
    )

    id: Mapped[Id]
    code: Mapped[Code] = mapped_column(unique=True)
    product_id: Mapped[Ref] = mapped_column(ForeignKey("products.id"))
    cap_g: Mapped[Grams]
    taken_g: Mapped[Grams] = mapped_column(server_default="0")
    opens_on: Mapped[date]
    closes_on: Mapped[date]
    ship_by: Mapped[date]
    opened_at: Mapped[Instant]
    ended_at: Mapped[Instant | None]


class Reservation(Model):
    """A hold on a pool for one order line: held + awaited + sold + released = weight.

    `expires_at` None = until dispatched. `awaited_g`: ordered in a pre-sale and not there yet. `beside_id`: of a line
    that is taken from several pools, the hold that the line names; holds of a line are numbered as they were taken.
    """

    __tablename__ = "reservations"
    __table_args__ = (
        CheckConstraint("weight_g > 0", name="holds_something"),
        CheckConstraint(
            "held_g >= 0 AND awaited_g >= 0 AND sold_g >= 0 AND released_g >= 0"
            " AND held_g + awaited_g + sold_g + released_g = weight_g",
            name="adds_up",
        ),
        CheckConstraint("awaited_g = 0 OR presale_id IS NOT NULL", name="only_a_presale_waits"),
        CheckConstraint("beside_id < id", name="beside_an_older"),
        Index("ix_reservations_beside_id", "beside_id", postgresql_where=text("beside_id IS NOT NULL")),
        Index("ix_reservations_awaited", "pool_id", "id", postgresql_where=text("awaited_g > 0")),
        Index("ix_reservations_presale_id", "presale_id", postgresql_where=text("presale_id IS NOT NULL")),
        Index("ix_reservations_held", "pool_id", postgresql_where=text("held_g > 0")),
    )

    id: Mapped[Id]
    pool_id: Mapped[Ref] = mapped_column(ForeignKey("pools.id"))
    presale_id: Mapped[Ref | None] = mapped_column(ForeignKey("presales.id"))
    beside_id: Mapped[Ref | None] = mapped_column(ForeignKey("reservations.id"))
    weight_g: Mapped[Grams]
    held_g: Mapped[Grams]
    awaited_g: Mapped[Grams] = mapped_column(server_default="0")
    sold_g: Mapped[Grams] = mapped_column(server_default="0")
    released_g: Mapped[Grams] = mapped_column(server_default="0")
    created_at: Mapped[Instant]
    expires_at: Mapped[Instant | None]

    @hybrid_property
    def line_hold_id(self) -> int:
        """The hold that the order line names."""
        return self.id if self.beside_id is None else self.beside_id

    @line_hold_id.inplace.expression
    @classmethod
    def _line_hold_id(cls) -> ColumnElement[int]:
        return func.coalesce(cls.beside_id, cls.id)


class MovementKind(StrEnum):
    """Why grams moved: in from a lot, between pools, into another lot, out to a buyer, out for loss or expiry."""

    RECEIVE = "receive"
    TRANSFER = "transfer"
    GRADE = "grade"
    REPACK = "repack"
    DISPATCH = "dispatch"
    WITHDRAW = "withdraw"


class Movement(Model):
    """Append-only log of physical moves of a pool: `weight_g` is signed, positive into the pool."""

    __tablename__ = "movements"
    __table_args__ = (
        one_of("kind", MovementKind),
        CheckConstraint("weight_g <> 0", name="moves_something"),
        Index(None, "pool_id", "id"),
        Index(None, "lot_id"),
    )

    id: Mapped[Id]
    pool_id: Mapped[Ref] = mapped_column(ForeignKey("pools.id"))
    lot_id: Mapped[Ref | None] = mapped_column(ForeignKey("lots.id"))
    kind: Mapped[MovementKind]
    weight_g: Mapped[Grams]
    at: Mapped[Instant]
    reason: Mapped[Code | None]
