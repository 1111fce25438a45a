"""Table of goals. Campaigns and their products are in the room of channels, prices in the catalogue."""

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from shop.channels.models import PartnerKind
from shop.channels.policies import POLICIES, Payer
from shop.kit.db import Model
from shop.kit.types import Fen, Id, Instant, Ref

#: Partners that may have a goal: those that buy for themselves. Who only passes sales on (a cadre, a host) has none.
WITH_GOALS: tuple[PartnerKind, ...] = tuple(
    policy.partner for policy in POLICIES.values() if policy.payer is Payer.PARTNER
)
_KINDS = ", ".join(f"'{kind.value}'" for kind in WITH_GOALS)


class Goal(Model):
    """What a campaign wants: fen settled, households reached; of all, or of one channel, township or unit."""

    __tablename__ = "campaign_goals"
    __table_args__ = (
        ForeignKeyConstraint(["partner_id", "partner_kind"], ["partners.id", "partners.kind"]),
        CheckConstraint("num_nonnulls(channel_id, township_id, partner_id) <= 1", name="of_one_thing"),
        CheckConstraint("(partner_id IS NULL) = (partner_kind IS NULL)", name="partner_has_kind"),
        CheckConstraint(f"partner_kind IN ({_KINDS})", name="never_of_a_cadre"),
        CheckConstraint("amount_fen > 0 AND households > 0", name="positive"),
        CheckConstraint("num_nonnulls(amount_fen, households) >= 1", name="wants_something"),
        UniqueConstraint(
            "campaign_id", "channel_id", "township_id", "partner_id", postgresql_nulls_not_distinct=True,
        ),
    )  # fmt: skip

    id: Mapped[Id]
    campaign_id: Mapped[Ref] = mapped_column(ForeignKey("campaigns.id"))
    channel_id: Mapped[Ref | None] = mapped_column(ForeignKey("channels.id"))
    township_id: Mapped[Ref | None] = mapped_column(ForeignKey("townships.id"))
    partner_id: Mapped[Ref | None]
    partner_kind: Mapped[PartnerKind | None]
    amount_fen: Mapped[Fen | None]
    households: Mapped[int | None]
    set_at: Mapped[Instant]
