"""Tables of orders, lines, dispatches and acceptances."""

from datetime import date
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from shop.agreements.models import Side
from shop.channels.models import ChannelKind, OccasionKind, PartnerKind
from shop.farmers.models import Grade
from shop.kit.db import Model, one_of
from shop.kit.types import Bp, Code, Fen, Grams, Id, Instant, Name, Prose, Ref, Small


class OrderStatus(StrEnum):
    """Life of an order; payment and dispatch have lives of their own."""

    PLACED = "placed"  # waits for payment (paid in advance) or approval (on invoice)
    CONFIRMED = "confirmed"  # paid or approved, stock held until dispatched
    PARTLY_DISPATCHED = "partly_dispatched"
    DISPATCHED = "dispatched"
    ACCEPTED = "accepted"
    SETTLED = "settled"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class PaymentTerms(StrEnum):
    """When an order is paid; copied from the policy when it is placed."""

    IN_ADVANCE = "in_advance"
    ON_INVOICE = "on_invoice"


class PenaltyStatus(StrEnum):
    """Life of a proposed penalty: the other side claims it, takes the deposit instead, or waives it.

    What was claimed it may withdraw.
    """

    PROPOSED = "proposed"
    CLAIMED = "claimed"
    DEPOSIT_TAKEN = "deposit_taken"
    WAIVED = "waived"
    WITHDRAWN = "withdrawn"


class PriceBasis(StrEnum):
    """What `price_fen` of a line is for: a pack, a kilogram (agreements), or the line (sold and paid elsewhere)."""

    PACK = "pack"
    KG = "kg"
    LINE = "line"


class PriceSource(StrEnum):
    """Where the price of a line came from, frozen with the line. None on lines of before this was recorded."""

    GENERAL = "general"  # the list of the day, a campaign's included
    BUYER = "buyer"  # a list for this buyer
    GROUP = "group"  # a list for a group of buyers
    OFFER = "offer"  # the occasion's own price
    QUOTE = "quote"  # a firm's offer that the buyer accepted
    AGREEMENT = "agreement"
    OUTSIDE = "outside"  # paid elsewhere


_FITTING_KINDS = " OR ".join(
    f"(channel_kind = '{channel}' AND partner_kind = '{partner}')"
    for channel, partner in (
        (ChannelKind.PLATFORM, PartnerKind.SHOP),
        (ChannelKind.UNIT, PartnerKind.UNIT),
        (ChannelKind.CADRE, PartnerKind.CADRE),
        (ChannelKind.ENTERPRISE, PartnerKind.ENTERPRISE),
        (ChannelKind.LIVESTREAM, PartnerKind.HOST),
    )
)


class Order(Model):
    """A sale of one firm to one buyer through one channel by way of one partner.

    `paid_fen`/`refunded_fen` mirror the succeeded payments and refunds (checked by check-books). `expires_at`: when an
    unpaid hold lapses. `due_on`: when an invoice is due. `recipient`: name, phone, address; never in reports or logs.
    `sale_link_id`, `link_opened_at`: the link it is counted for. `is_own`: a consumer's order placed by somebody who
    acts for the partner, or sent to his phone; it earns no commission and counts as nobody's help. `reference`: the
    buyer's own number. `entered_as`: the role of who entered it for the buyer; None = the buyer himself.
    """

    __tablename__ = "orders"
    __table_args__ = (
        one_of("status", OrderStatus),
        one_of("payment_terms", PaymentTerms),
        ForeignKeyConstraint(["channel_id", "channel_kind"], ["channels.id", "channels.kind"]),
        ForeignKeyConstraint(["partner_id", "partner_kind"], ["partners.id", "partners.kind"]),
        ForeignKeyConstraint(["occasion_id", "occasion_kind"], ["occasions.id", "occasions.kind"]),
        ForeignKeyConstraint(["occasion_id", "partner_id"], ["occasions.id", "occasions.partner_id"]),
        ForeignKeyConstraint(["sale_link_id", "partner_id"], ["sale_links.id", "sale_links.partner_id"]),
        CheckConstraint("(sale_link_id IS NULL) = (link_opened_at IS NULL)", name="link_has_its_time"),
        CheckConstraint(_FITTING_KINDS, name="partner_fits_channel"),
        CheckConstraint("channel_kind <> 'enterprise' OR occasion_kind = 'agreement'", name="enterprise_has_agreement"),
        CheckConstraint("channel_kind <> 'livestream' OR occasion_kind = 'session'", name="livestream_has_session"),
        CheckConstraint("total_fen = goods_fen + freight_fen - discount_fen", name="total_adds_up"),
        CheckConstraint("total_fen >= 0 AND freight_fen >= 0 AND discount_fen >= 0", name="amounts_not_negative"),
        CheckConstraint("refunded_fen >= 0 AND refunded_fen <= paid_fen", name="refunds_within_paid"),
        UniqueConstraint("id", "firm_id"),
        Index(None, "buyer_party_id", "id"),
        Index(None, "firm_id", "id"),
        Index(None, "partner_id", "id"),
        Index(None, "occasion_id"),
        Index(None, "campaign_id"),
        Index(None, "placed_on", "firm_id", "channel_id"),
        Index("ix_orders_sale_link_id", "sale_link_id", postgresql_where=text("sale_link_id IS NOT NULL")),
        Index("ix_orders_invoiced", "due_on", "firm_id", "partner_id", postgresql_where=text("due_on IS NOT NULL")),
        Index("ix_orders_presale_id", "presale_id", postgresql_where=text("presale_id IS NOT NULL")),
        Index(
            "uq_orders_reference",
            "partner_id",
            "reference",
            unique=True,
            postgresql_where=text("reference IS NOT NULL"),
        ),
        Index("ix_orders_unpaid", "expires_at", postgresql_where=text("status = 'placed'")),
        Index("ix_orders_to_receive", "id", postgresql_where=text("status = 'dispatched'")),
        Index("ix_orders_to_settle", "id", postgresql_where=text("status = 'accepted'")),
    )

    id: Mapped[Id]
    number: Mapped[Code] = mapped_column(unique=True)
    status: Mapped[OrderStatus]
    channel_id: Mapped[Ref]
    channel_kind: Mapped[ChannelKind]
    campaign_id: Mapped[Ref] = mapped_column(ForeignKey("campaigns.id"))
    partner_id: Mapped[Ref]
    partner_kind: Mapped[PartnerKind]
    occasion_id: Mapped[Ref | None]
    occasion_kind: Mapped[OccasionKind | None]
    sale_link_id: Mapped[Ref | None]
    link_opened_at: Mapped[Instant | None]
    is_own: Mapped[bool] = mapped_column(server_default="false")
    call_off_id: Mapped[Ref | None] = mapped_column(ForeignKey("call_offs.id"), unique=True)
    presale_id: Mapped[Ref | None] = mapped_column(ForeignKey("presales.id"))
    firm_id: Mapped[Ref] = mapped_column(ForeignKey("firms.id"))
    buyer_party_id: Mapped[Ref] = mapped_column(ForeignKey("parties.id"))
    placed_by_id: Mapped[Ref | None] = mapped_column(ForeignKey("people.id"))
    payment_terms: Mapped[PaymentTerms]
    placed_at: Mapped[Instant]
    placed_on: Mapped[date]
    expires_at: Mapped[Instant | None]
    confirmed_at: Mapped[Instant | None]
    accepted_at: Mapped[Instant | None]
    settled_at: Mapped[Instant | None]
    due_on: Mapped[date | None]
    goods_fen: Mapped[Fen]
    freight_fen: Mapped[Fen] = mapped_column(server_default="0")
    discount_fen: Mapped[Fen] = mapped_column(server_default="0")
    total_fen: Mapped[Fen]
    paid_fen: Mapped[Fen] = mapped_column(server_default="0")
    refunded_fen: Mapped[Fen] = mapped_column(server_default="0")
    recipient: Mapped[dict[str, object] | None] = mapped_column(JSONB)
    note: Mapped[Prose | None]
    reference: Mapped[Code | None]
    entered_as: Mapped[Code | None]


class OrderLine(Model):
    """One product of an order: copies name, unit and price as they were; `discount_fen` is its part of a coupon.

    By the pack: amount = quantity x price, weight = quantity x unit weight. By the kg (agreements): `quantity` is None
    and amount = weight x price per kg, half up. By the line (what was paid elsewhere): amount = price. `cancelled_g`
    and `cancelled_fen`: what was taken off before it was sent (`OrderCut`). `accepted_g` and `accepted_fen` say what
    the buyer took and owes.
    """

    __tablename__ = "order_lines"
    __table_args__ = (
        one_of("price_basis", PriceBasis),
        one_of("price_source", PriceSource),
        CheckConstraint(
            "(price_list_id IS NOT NULL) = (coalesce(price_source, 'general') IN ('buyer', 'group'))",
            name="named_list_for_named_price",
        ),
        ForeignKeyConstraint(["order_id", "firm_id"], ["orders.id", "orders.firm_id"]),
        ForeignKeyConstraint(["product_id", "firm_id"], ["products.id", "products.firm_id"]),
        UniqueConstraint("order_id", "product_id"),
        UniqueConstraint("order_id", "position"),
        CheckConstraint(
            "(price_basis = 'pack' AND quantity > 0 AND amount_fen = quantity * price_fen"
            " AND weight_g = quantity * unit_weight_g) OR "
            "(price_basis = 'kg' AND quantity IS NULL AND amount_fen = (weight_g * price_fen * 2 + 1000) / 2000) OR "
            "(price_basis = 'line' AND quantity > 0 AND amount_fen = price_fen"
            " AND weight_g = quantity * unit_weight_g)",
            name="amount_exact",
        ),
        CheckConstraint("weight_g > 0 AND price_fen > 0", name="weighed_and_priced"),
        CheckConstraint(
            "dispatched_g >= 0 AND cancelled_g >= 0 AND dispatched_g + cancelled_g <= weight_g",
            name="dispatched_within",
        ),
        CheckConstraint("cancelled_fen BETWEEN 0 AND amount_fen - discount_fen", name="cancelled_within_line"),
        CheckConstraint("accepted_g + refused_g = dispatched_g OR accepted_g IS NULL", name="acceptance_adds_up"),
        CheckConstraint("refunded_fen BETWEEN 0 AND amount_fen", name="refund_within_line"),
        CheckConstraint("discount_fen BETWEEN 0 AND amount_fen", name="discount_within_line"),
        Index(None, "product_id"),
    )

    id: Mapped[Id]
    order_id: Mapped[Ref]
    firm_id: Mapped[Ref]
    position: Mapped[Small]
    product_id: Mapped[Ref]
    name_zh: Mapped[Name]
    unit_zh: Mapped[Code]
    unit_weight_g: Mapped[Grams]
    quantity: Mapped[int | None]
    weight_g: Mapped[Grams]
    price_basis: Mapped[PriceBasis]
    price_source: Mapped[PriceSource | None]
    price_list_id: Mapped[Ref | None] = mapped_column(ForeignKey("named_price_lists.id"))
    price_fen: Mapped[Fen]
    amount_fen: Mapped[Fen]
    discount_fen: Mapped[Fen] = mapped_column(server_default="0")
    reservation_id: Mapped[Ref | None] = mapped_column(ForeignKey("reservations.id"), unique=True)
    dispatched_g: Mapped[Grams] = mapped_column(server_default="0")
    cancelled_g: Mapped[Grams] = mapped_column(server_default="0")
    cancelled_fen: Mapped[Fen] = mapped_column(server_default="0")
    accepted_g: Mapped[Grams | None]
    refused_g: Mapped[Grams | None]
    refused_reason: Mapped[Prose | None]
    accepted_fen: Mapped[Fen | None]
    refunded_fen: Mapped[Fen] = mapped_column(server_default="0")

    @property
    def payable_fen(self) -> int:
        """What the buyer pays for the line as it was sold: its amount, less its part of a coupon."""
        return self.amount_fen - self.discount_fen

    @property
    def standing_g(self) -> int:
        """Grams that are to be sent, or were: all but what was taken off."""
        return self.weight_g - self.cancelled_g

    @property
    def standing_fen(self) -> int:
        """What these grams cost the buyer."""
        return self.payable_fen - self.cancelled_fen


class OrderCut(Model):
    """What one side took off a line of a confirmed order before it was sent: by how much, and what it costs less.

    Append-only. `packs` is None where the line is sold by the kg, or a pack of it had been sent in part.
    """

    __tablename__ = "order_cuts"
    __table_args__ = (
        CheckConstraint("side IN ('buyer', 'firm')", name="side_known"),
        CheckConstraint("weight_g > 0 AND amount_fen >= 0", name="takes_something_off"),
        CheckConstraint("length(btrim(reason)) > 0", name="has_a_reason"),
        UniqueConstraint("order_id", "position"),
        Index(None, "order_line_id"),
    )

    id: Mapped[Id]
    order_id: Mapped[Ref] = mapped_column(ForeignKey("orders.id"))
    position: Mapped[Small]
    order_line_id: Mapped[Ref] = mapped_column(ForeignKey("order_lines.id"))
    side: Mapped[Side]
    weight_g: Mapped[Grams]
    packs: Mapped[int | None]
    amount_fen: Mapped[Fen]
    reason: Mapped[Prose]
    cut_at: Mapped[Instant]
    cut_by_id: Mapped[Ref | None] = mapped_column(ForeignKey("people.id"))


class CouponUse(Model):
    """A coupon used for an order. `released_at`: the order came to nothing, the coupon is free again."""

    __tablename__ = "coupon_uses"
    __table_args__ = (
        CheckConstraint("discount_fen > 0", name="discounts_something"),
        Index(
            "uq_coupon_uses_once", "coupon_id", "buyer_party_id", unique=True,
            postgresql_where=text("released_at IS NULL"),
        ),
    )  # fmt: skip

    order_id: Mapped[Ref] = mapped_column(ForeignKey("orders.id"), primary_key=True)
    coupon_id: Mapped[Ref] = mapped_column(ForeignKey("coupons.id"))
    buyer_party_id: Mapped[Ref] = mapped_column(ForeignKey("parties.id"))
    discount_fen: Mapped[Fen]
    used_at: Mapped[Instant]
    released_at: Mapped[Instant | None]


class Dispatch(Model):
    """One parcel or truck load of an order. `signed_on`: the day it was signed for, once the firm knows."""

    __tablename__ = "dispatches"
    __table_args__ = (UniqueConstraint("order_id", "position"),)

    id: Mapped[Id]
    order_id: Mapped[Ref] = mapped_column(ForeignKey("orders.id"))
    position: Mapped[Small]
    dispatched_at: Mapped[Instant]
    carrier_zh: Mapped[Name | None]
    tracking_number: Mapped[Code | None]
    signed_on: Mapped[date | None]


class ReceiptRule(Model):
    """For orders from a day on: days after dispatch until goods count as received, when signed for, and when not."""

    __tablename__ = "receipt_rules"
    __table_args__ = (CheckConstraint("1 <= signed_days AND signed_days <= days AND days <= 60", name="days_sensible"),)

    id: Mapped[Id]
    valid_from: Mapped[date] = mapped_column(unique=True)
    signed_days: Mapped[Small]
    days: Mapped[Small]


class Pick(Model):
    """Which lot went into which line of a dispatch, in grams: the step from a sale to the households."""

    __tablename__ = "picks"
    __table_args__ = (
        UniqueConstraint("dispatch_id", "order_line_id", "lot_id"),
        CheckConstraint("weight_g > 0", name="picks_something"),
        Index(None, "order_line_id"),
        Index(None, "lot_id"),
    )

    id: Mapped[Id]
    dispatch_id: Mapped[Ref] = mapped_column(ForeignKey("dispatches.id"))
    order_line_id: Mapped[Ref] = mapped_column(ForeignKey("order_lines.id"))
    lot_id: Mapped[Ref] = mapped_column(ForeignKey("lots.id"))
    weight_g: Mapped[Grams]


class AcceptanceCorrection(Model):
    """The acceptance of a call-off, keyed wrong, reversed by the county and said anew. Append-only.

    `was_g`, `was_fen`: what stood before; grams and fen of the line. Its counter-entries by grade, the settlements that
    take back and share anew, and the sales reached that follow name it.
    """

    __tablename__ = "acceptance_corrections"
    __table_args__ = (
        UniqueConstraint("order_id", "position"),
        CheckConstraint("length(btrim(reason)) > 0", name="has_a_reason"),
        CheckConstraint("least(was_g, was_fen, accepted_g, accepted_fen) >= 0", name="not_negative"),
        Index(None, "order_line_id"),
    )

    id: Mapped[Id]
    order_id: Mapped[Ref] = mapped_column(ForeignKey("orders.id"))
    position: Mapped[Small]
    order_line_id: Mapped[Ref] = mapped_column(ForeignKey("order_lines.id"))
    was_g: Mapped[Grams]
    was_fen: Mapped[Fen]
    was_refused_reason: Mapped[Prose | None]
    accepted_g: Mapped[Grams]
    accepted_fen: Mapped[Fen]
    refused_reason: Mapped[Prose | None]
    reason: Mapped[Prose]
    corrected_at: Mapped[Instant]
    corrected_by_id: Mapped[Ref | None] = mapped_column(ForeignKey("people.id"))


class GradedAcceptance(Model):
    """What was accepted of a line in one grade, at its factor of the price of 一级; amounts half up. Append-only.

    `correction_id`: the correction that accepted it anew, or with `reverses` wrote off what stood before: a negative
    row.
    """

    __tablename__ = "graded_acceptances"
    __table_args__ = (
        one_of("grade", Grade),
        CheckConstraint("(weight_g < 0) = reverses AND weight_g <> 0 AND factor_bp > 0", name="accepts_something"),
        CheckConstraint("NOT reverses OR correction_id IS NOT NULL", name="reversed_by_correction"),
        CheckConstraint(
            "abs(amount_fen) = (abs(weight_g) * fen_per_kg * factor_bp * 2 + 10000000) / 20000000"
            " AND amount_fen * weight_g >= 0",
            name="amount_exact",
        ),
        UniqueConstraint(
            "order_line_id", "grade", "correction_id", "reverses", name="uq_graded_acceptances_said",
            postgresql_nulls_not_distinct=True,
        ),
    )  # fmt: skip

    id: Mapped[Id]
    order_line_id: Mapped[Ref] = mapped_column(ForeignKey("order_lines.id"))
    correction_id: Mapped[Ref | None] = mapped_column(ForeignKey("acceptance_corrections.id"))
    reverses: Mapped[bool] = mapped_column(server_default="false")
    grade: Mapped[Grade]
    weight_g: Mapped[Grams]
    fen_per_kg: Mapped[Fen]
    factor_bp: Mapped[Bp]
    amount_fen: Mapped[Fen]


class PenaltyProposal(Model):
    """A penalty that the contract names for a side's breach as it stood on a day. Not booked: claimed or waived."""

    __tablename__ = "penalty_proposals"
    __table_args__ = (
        one_of("status", PenaltyStatus),
        CheckConstraint("side IN ('buyer', 'firm')", name="side_known"),
        CheckConstraint("shortfall_g > 0 AND penalty_fen >= 0", name="falls_short"),
        CheckConstraint("number > 0", name="number_counted"),
        UniqueConstraint("agreement_id", "number"),
    )

    id: Mapped[Id]
    agreement_id: Mapped[Ref] = mapped_column(ForeignKey("agreements.id"))
    number: Mapped[Small]
    side: Mapped[Side]
    status: Mapped[PenaltyStatus]
    as_of: Mapped[date]
    shortfall_g: Mapped[Grams]
    penalty_fen: Mapped[Fen]
    proposed_at: Mapped[Instant]


class AttributionChange(Model):
    """An order counted anew by the county: from whom to whom, by whom, when and why. Append-only.

    Neither prices nor stock change by it; the shares of a settled order follow in the same transaction.
    """

    __tablename__ = "attribution_changes"
    __table_args__ = (
        UniqueConstraint("order_id", "position"),
        CheckConstraint("length(btrim(reason)) > 0", name="has_a_reason"),
        ForeignKeyConstraint(["to_link_id", "to_partner_id"], ["sale_links.id", "sale_links.partner_id"]),
        ForeignKeyConstraint(["to_occasion_id", "to_partner_id"], ["occasions.id", "occasions.partner_id"]),
    )

    id: Mapped[Id]
    order_id: Mapped[Ref] = mapped_column(ForeignKey("orders.id"))
    position: Mapped[Small]
    changed_at: Mapped[Instant]
    changed_by_id: Mapped[Ref | None] = mapped_column(ForeignKey("people.id"))
    reason: Mapped[Prose]
    from_channel_id: Mapped[Ref] = mapped_column(ForeignKey("channels.id"))
    from_partner_id: Mapped[Ref] = mapped_column(ForeignKey("partners.id"))
    from_occasion_id: Mapped[Ref | None] = mapped_column(ForeignKey("occasions.id"))
    from_link_id: Mapped[Ref | None] = mapped_column(ForeignKey("sale_links.id"))
    to_channel_id: Mapped[Ref] = mapped_column(ForeignKey("channels.id"))
    to_partner_id: Mapped[Ref] = mapped_column(ForeignKey("partners.id"))
    to_occasion_id: Mapped[Ref | None]
    to_link_id: Mapped[Ref | None]
