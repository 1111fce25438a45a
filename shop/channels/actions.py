"""Campaigns, partners, occasions, fee rates and links."""

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from shop.access.models import Grant, Person, Role
from shop.channels.errors import (
    AlreadyPartner,
    CodeTaken,
    FeeTaken,
    NoLinks,
    NoStorefront,
    NotFoundError,
    OccasionOfAnother,
    RewardRefused,
    RuleTaken,
)
from shop.channels.models import (
    Approver,
    Campaign,
    CampaignProduct,
    FeeRate,
    LinkClick,
    LinkRule,
    Occasion,
    OccasionKind,
    OccasionStatus,
    Offer,
    Partner,
    PartnerKind,
    SaleLink,
)
from shop.channels.policies import Price, Reward, channel_of_partner
from shop.channels.states import OCCASION_LIFE
from shop.kit.clock import beijing_day
from shop.kit.states import advance, record

#: Commission of a public-help campaign is capped at 10 %.
COMMISSION_CAP_BP = 1_000
#: No look-alikes (0/O, 1/l/I): links are read out and typed.
LINK_ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"


def open_campaign(
    session: Session, code: str, name_zh: str, name_en: str, starts_on: date, ends_on: date, *,
    actor_id: int | None, now: datetime,
) -> Campaign:  # fmt: skip
    """A campaign, open from `starts_on` to `ends_on`. Raises CodeTaken."""
    if session.scalar(select(Campaign.id).where(Campaign.code == code)):
        raise CodeTaken(taken=code)
    campaign = Campaign(code=code, name_zh=name_zh, name_en=name_en, starts_on=starts_on, ends_on=ends_on)
    session.add(campaign)
    session.flush()
    record(session, campaign, "open", person_id=actor_id, now=now)
    return campaign


def campaign_by_code(session: Session, code: str) -> Campaign:
    """The campaign. Raises NotFoundError."""
    campaign = session.scalar(select(Campaign).where(Campaign.code == code))
    if campaign is None:
        raise NotFoundError(what=code)
    return campaign


def choose_products(
    session: Session, campaign: Campaign, product_ids: Sequence[int], *, actor_id: int | None, now: datetime
) -> None:
    """What a campaign is about, instead of what it was about before; nothing = all products.

    Orders placed before keep their campaign.
    """
    session.execute(delete(CampaignProduct).where(CampaignProduct.campaign_id == campaign.id))
    session.add_all(CampaignProduct(campaign_id=campaign.id, product_id=product_id) for product_id in product_ids)
    record(session, campaign, "products", person_id=actor_id, now=now, facts={"products": sorted(product_ids)})
    session.flush()


def register_partner(
    session: Session, kind: PartnerKind, code: str, party_id: int, name_zh: str, *, actor_id: int | None, now: datetime,
    payment_term_days: int | None = None, profile: dict[str, object] | None = None, storefront: bool = False,
) -> Partner:  # fmt: skip
    """Admit a partner. Raises NoStorefront unless a storefront is a shop's, CodeTaken, AlreadyPartner."""
    if storefront and kind is not PartnerKind.SHOP:
        raise NoStorefront(partner=code)
    if session.scalar(select(Partner.id).where(Partner.code == code)):
        raise CodeTaken(taken=code)
    if session.scalar(select(Partner.id).where(Partner.party_id == party_id, Partner.kind == kind)):
        raise AlreadyPartner
    partner = Partner(
        kind=kind, code=code, party_id=party_id, name_zh=name_zh, payment_term_days=payment_term_days,
        profile=profile or {}, admitted_at=now, storefront=storefront,
    )  # fmt: skip
    session.add(partner)
    session.flush()
    record(session, partner, "admit", person_id=actor_id, now=now)
    return partner


def set_storefront(session: Session, partner: Partner, opened: bool, *, actor_id: int | None, now: datetime) -> None:
    """Open or close the partner's shelf on our pages. Raises NoStorefront for who is no online shop."""
    if opened and partner.kind is not PartnerKind.SHOP:
        raise NoStorefront(partner=partner.code)
    partner.storefront = opened
    record(session, partner, "open_storefront" if opened else "close_storefront", person_id=actor_id, now=now)
    session.flush()


def partner_by_code(session: Session, code: str) -> Partner:
    """The partner. Raises NotFoundError."""
    partner = session.scalar(select(Partner).where(Partner.code == code))
    if partner is None:
        raise NotFoundError(what=code)
    return partner


def name_approvers(
    session: Session, partner: Partner, logins: Sequence[str], *, actor_id: int | None, now: datetime
) -> None:
    """Who approves the partner's orders from now on, instead of who did before; nobody = each of its buyers.

    Raises NotFoundError for a login that is no buyer of this partner.
    """
    buyers = dict(
        session.execute(
            select(Person.login, Person.id)
            .join(Grant, Grant.person_id == Person.id)
            .where(Grant.party_id == partner.party_id, Grant.role == Role.BUYER, Person.login.in_(logins))
        ).all()
    )
    for login in logins:
        if login not in buyers:
            raise NotFoundError(what=login)
    session.execute(delete(Approver).where(Approver.partner_id == partner.id))
    session.add_all(Approver(partner_id=partner.id, person_id=id_, named_at=now) for id_ in sorted(buyers.values()))
    facts: dict[str, object] = {"people": sorted(buyers.values())}
    record(session, partner, "approvers", person_id=actor_id, now=now, facts=facts)
    session.flush()


def may_approve(session: Session, partner_id: int, person_id: int) -> bool:
    """Whether a buyer of the partner is one of its approvers, or it has named none. One statement."""
    named = select(Approver.person_id).where(Approver.partner_id == partner_id)
    return bool(session.scalar(select(~named.exists() | named.where(Approver.person_id == person_id).exists())))


def set_fee(
    session: Session, partner: Partner, rate_bp: int, valid_from: date, *, actor_id: int | None, now: datetime,
    category: str | None = None,
) -> None:  # fmt: skip
    """The technical fee of a shop from a day on. Raises RewardRefused for a partner that earns none, FeeTaken."""
    if channel_of_partner(partner.kind).reward is not Reward.PLATFORM_FEE:
        raise RewardRefused(cap_bp=0)
    same = FeeRate.category.is_(None) if category is None else FeeRate.category == category
    of_day = select(FeeRate.id).where(FeeRate.partner_id == partner.id, FeeRate.valid_from == valid_from, same)
    if session.scalar(of_day):
        raise FeeTaken(partner=partner.code, valid_from=str(valid_from))
    session.add(
        FeeRate(
            partner_id=partner.id, partner_kind=partner.kind, category=category, valid_from=valid_from, rate_bp=rate_bp
        )
    )
    facts: dict[str, object] = {"rate_bp": rate_bp, "from": str(valid_from), "category": category}
    record(session, partner, "fee", person_id=actor_id, now=now, facts=facts)


@dataclass(frozen=True)
class OfferTerms:
    """What an occasion will sell: price in fen per pack, cap in packs, set-aside in grams."""

    product_id: int
    price_fen: int
    set_aside_g: int
    per_buyer_cap: int | None = None


def plan_occasion(
    session: Session, kind: OccasionKind, code: str, campaign_id: int, partner: Partner, title_zh: str,
    starts_at: datetime, ends_at: datetime, offers: Sequence[OfferTerms], *, actor_id: int | None, now: datetime,
    commission_bp: int = 0,
) -> Occasion:  # fmt: skip
    """Plan a session, round or promotion. Raises RewardRefused for a commission that this partner may not earn."""
    cap = COMMISSION_CAP_BP if channel_of_partner(partner.kind).reward is Reward.COMMISSION else 0
    if commission_bp > cap:
        raise RewardRefused(cap_bp=cap)
    if session.scalar(select(Occasion.id).where(Occasion.code == code)):
        raise CodeTaken(taken=code)
    occasion = Occasion(
        code=code, kind=kind, status=OccasionStatus.PLANNED, campaign_id=campaign_id, partner_id=partner.id,
        partner_kind=partner.kind, title_zh=title_zh, starts_at=starts_at, ends_at=ends_at, commission_bp=commission_bp,
    )  # fmt: skip
    session.add(occasion)
    session.flush()
    add_offers(session, occasion, offers)
    record(session, occasion, "plan", person_id=actor_id, now=now, to_state=OccasionStatus.PLANNED)
    session.flush()
    return occasion


def add_offers(session: Session, occasion: Occasion, offers: Sequence[OfferTerms]) -> None:
    """What the occasion will sell. The caller made sure that no product is offered twice."""
    session.add_all(
        Offer(
            occasion_id=occasion.id, product_id=offer.product_id, price_fen=offer.price_fen,
            per_buyer_cap=offer.per_buyer_cap, set_aside_g=offer.set_aside_g,
        )
        for offer in offers
    )  # fmt: skip
    session.flush()


def occasion_by_code(session: Session, code: str, *, lock: bool = False) -> Occasion:
    """The occasion. Raises NotFoundError."""
    query = select(Occasion).where(Occasion.code == code)
    occasion = session.scalar(query.with_for_update() if lock else query)
    if occasion is None:
        raise NotFoundError(what=code)
    return occasion


def move_occasion(
    session: Session, occasion: Occasion, event: str, *, actor_id: int | None, now: datetime
) -> OccasionStatus:
    """Open or close it. Raises MoveRefusedError. The set-aside stock is moved by whoever calls (stock is above)."""
    return advance(session, occasion, OCCASION_LIFE, event, person_id=actor_id, now=now)


def create_link(
    session: Session, partner: Partner, campaign_id: int, *, occasion_id: int | None = None,
    product_id: int | None = None, now: datetime,
) -> SaleLink:  # fmt: skip
    """A short link of a partner: eight letters, 30^8 of them, drawn at random. Raises NoLinks, OccasionOfAnother."""
    if channel_of_partner(partner.kind).price is Price.AGREEMENT:
        raise NoLinks(partner=partner.code)
    if occasion_id is not None:
        host_id = session.execute(select(Occasion.partner_id).where(Occasion.id == occasion_id)).scalar_one()
        if host_id != partner.id:
            raise OccasionOfAnother(partner=partner.code)
    link = SaleLink(
        code="".join(secrets.choice(LINK_ALPHABET) for _ in range(8)), campaign_id=campaign_id, partner_id=partner.id,
        partner_kind=partner.kind, occasion_id=occasion_id, product_id=product_id, created_at=now,
    )  # fmt: skip
    session.add(link)
    session.flush()
    return link


def visitor_hash(secret: str, visitor: str, day: date) -> bytes:
    """16 bytes that tell repeats of one visitor on one day and nothing about the person."""
    return hmac.new(secret.encode(), f"{day}|{visitor}".encode(), hashlib.sha256).digest()[:16]


def open_link(session: Session, code: str, visitor: str, secret: str, *, now: datetime) -> SaleLink:
    """Count an opening by a person and say where the link leads. Raises NotFoundError."""
    link = session.scalar(select(SaleLink).where(SaleLink.code == code))
    if link is None:
        raise NotFoundError(what=code)
    count_opening(session, link.id, visitor, secret, is_bot=False, now=now)
    return link


def count_opening(session: Session, link_id: int, visitor: str, secret: str, *, is_bot: bool, now: datetime) -> None:
    """Count an opening: a row for each visitor and day, however often he comes. One statement."""
    hashed = visitor_hash(secret, visitor, beijing_day(now))
    made = insert(LinkClick).values(link_id=link_id, at=now, visitor_hash=hashed, is_bot=is_bot)
    session.execute(
        made.on_conflict_do_update(
            index_elements=[LinkClick.link_id, LinkClick.visitor_hash, LinkClick.is_bot],
            set_={LinkClick.times: LinkClick.times + 1},
        )
    )


def set_link_rule(
    session: Session, valid_from: date, window_days: int, *, actor_id: int | None, now: datetime, ranking: bool = False
) -> LinkRule:
    """For how many days a link counts, and whether cadres are ranked, from a day on.

    Raises RuleTaken: orders may have been attributed by it.
    """
    if session.scalar(select(LinkRule.id).where(LinkRule.valid_from == valid_from)):
        raise RuleTaken(valid_from=str(valid_from))
    rule = LinkRule(valid_from=valid_from, window_days=window_days, ranking=ranking)
    session.add(rule)
    session.flush()
    record(session, rule, "set", person_id=actor_id, now=now, facts={"window_days": window_days, "ranking": ranking})
    return rule
