"""What changes about a campaign: its goals, its products, its prices."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from shop.campaigns.errors import CampaignOver, NoGoalForThis, NotOfThisCampaign
from shop.campaigns.models import WITH_GOALS, Goal
from shop.catalog.actions import set_prices
from shop.catalog.models import Product
from shop.channels.actions import choose_products
from shop.channels.models import Campaign, CampaignProduct, Channel, ChannelKind, Partner
from shop.kit.clock import beijing_day
from shop.kit.errors import NotFoundError
from shop.kit.states import record
from shop.places.models import Township


@dataclass(frozen=True)
class Wanted:
    """A goal: of the campaign, or of one channel, township (code) or partner (code)."""

    amount_fen: int | None
    households: int | None
    channel: ChannelKind | None = None
    township: str | None = None
    partner: str | None = None


def set_goal(session: Session, campaign: Campaign, wanted: Wanted, *, actor_id: int | None, now: datetime) -> None:
    """Set a goal, instead of the one that was set for the same thing. One guarded statement.

    Raises NotFoundError, NoGoalForThis; then nothing is changed.
    """
    channel_id = _id(session, Channel, Channel.kind == wanted.channel, wanted.channel)
    township_id = _id(session, Township, Township.code == wanted.township, wanted.township)
    partner = None
    if wanted.partner is not None:
        partner = session.scalar(select(Partner).where(Partner.code == wanted.partner))
        if partner is None:
            raise NotFoundError(what=wanted.partner)
        if partner.kind not in WITH_GOALS:
            raise NoGoalForThis(partner=wanted.partner)
    values = {
        "campaign_id": campaign.id, "channel_id": channel_id, "township_id": township_id,
        "partner_id": partner.id if partner else None, "partner_kind": partner.kind if partner else None,
        "amount_fen": wanted.amount_fen, "households": wanted.households, "set_at": now,
    }  # fmt: skip
    changed = {name: values[name] for name in ("amount_fen", "households", "set_at")}
    session.execute(
        insert(Goal)
        .values(values)
        .on_conflict_do_update(
            constraint="uq_campaign_goals_campaign_id_channel_id_township_id_partner_id", set_=changed
        )
    )
    facts: dict[str, object] = {
        "channel": wanted.channel.value if wanted.channel else None, "township": wanted.township,
        "partner": wanted.partner, "amount_fen": wanted.amount_fen, "households": wanted.households,
    }  # fmt: skip
    record(session, campaign, "goal", person_id=actor_id, now=now, facts=facts)
    session.flush()


def _id(session: Session, table: type[Channel] | type[Township], which: object, what: object) -> int | None:
    """The id of what is named; None when nothing is. Raises NotFoundError."""
    if what is None:
        return None
    found: int | None = session.scalar(select(table.id).where(which))  # type: ignore[arg-type]
    if found is None:
        raise NotFoundError(what=str(what))
    return found


def set_products(
    session: Session, campaign: Campaign, skus: Sequence[str], *, actor_id: int | None, now: datetime
) -> None:
    """What the campaign is about from now on; no SKU = all products. Raises NotFoundError, CampaignOver."""
    _not_over(campaign, now)
    known = dict(session.execute(select(Product.sku, Product.id).where(Product.sku.in_(skus))).all())
    for sku in skus:
        if sku not in known:
            raise NotFoundError(what=sku)
    choose_products(session, campaign, sorted(known.values()), actor_id=actor_id, now=now)


def set_campaign_prices(
    session: Session, campaign: Campaign, product: Product, tiers: Sequence[tuple[int, int]], *, actor_id: int | None,
    now: datetime,
) -> None:  # fmt: skip
    """A special price list (packs, fen) for the campaign's days that are left: the ordinary one holds again after.

    Raises CampaignOver, NotOfThisCampaign, PriceListNotOrdered; then nothing is changed.
    """
    _not_over(campaign, now)
    about = set(session.scalars(select(CampaignProduct.product_id).where(CampaignProduct.campaign_id == campaign.id)))
    if about and product.id not in about:
        raise NotOfThisCampaign(sku=product.sku, campaign=campaign.code)
    first = max(campaign.starts_on, beijing_day(now))
    set_prices(
        session, product, first, tiers, valid_until=campaign.ends_on + timedelta(days=1), actor_id=actor_id, now=now
    )


def _not_over(campaign: Campaign, now: datetime) -> None:
    if campaign.ends_on < beijing_day(now):
        raise CampaignOver(campaign=campaign.code, ends_on=str(campaign.ends_on))
