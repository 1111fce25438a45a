"""Tables of cadres and of signs that the county should look at."""

from datetime import date
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from shop.channels.models import PartnerKind
from shop.channels.policies import unpaid_helpers
from shop.kit.db import Model, one_of
from shop.kit.types import Id, Instant, Ref

_HELPERS = ", ".join(f"'{kind}'" for kind in unpaid_helpers())


class HelperUnit(Model):
    """The unit that a cadre belongs to: what its people buy never ranks him."""

    __tablename__ = "helper_units"
    __table_args__ = (
        ForeignKeyConstraint(["partner_id", "partner_kind"], ["partners.id", "partners.kind"]),
        CheckConstraint(f"partner_kind IN ({_HELPERS})", name="only_unpaid_helpers"),
    )

    partner_id: Mapped[Ref] = mapped_column(primary_key=True)
    partner_kind: Mapped[PartnerKind]
    unit_id: Mapped[Ref] = mapped_column(ForeignKey("partners.id"))


class Sign(StrEnum):
    """What the county should look at; none of them blocks anything (docs/links.md)."""

    ONE_BUYER = "one_buyer"  # one buyer is more than half of a partner's orders
    REFUNDED_LATER = "refunded_later"  # refunded after the month they were counted in
    SAME_AMOUNT = "same_amount"  # the same amount, one day, one address, many buyers
    ABOVE_LIST = "above_list"  # dearer than the price list for the same product
    OWN_ORDERS = "own_orders"  # ordered by the partner himself
    ONE_VISITOR = "one_visitor"  # one visitor opened a link again and again


class LinkSign(Model):
    """A sign about a partner in a month: `found` of `base` (orders; openings for ONE_VISITOR). Recomputed whole."""

    __tablename__ = "link_signs"
    __table_args__ = (
        one_of("kind", Sign),
        UniqueConstraint("month", "partner_id", "kind"),
        CheckConstraint("extract(day FROM month) = 1", name="month_first_day"),
        CheckConstraint("found > 0 AND base >= found", name="found_of_base"),
        Index(None, "partner_id"),
    )

    id: Mapped[Id]
    month: Mapped[date]
    partner_id: Mapped[Ref] = mapped_column(ForeignKey("partners.id"))
    kind: Mapped[Sign]
    found: Mapped[int]
    base: Mapped[int]
    first_seen_at: Mapped[Instant]
