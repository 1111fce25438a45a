"""Channels over HTTP: campaigns, the five channels, partners and links."""

from typing import Any

from flask_smorest import Blueprint
from sqlalchemy import select
from sqlalchemy.orm import Session

from shop.access.actions import ensure_party
from shop.access.guard import ALL, EVERYONE, All, Role, allow, current_actor, must_own, reference_version
from shop.access.models import PartyKind
from shop.catalog.actions import product_by_sku
from shop.catalog.errors import PriceListInThePast, PriceListNotOrdered
from shop.catalog.models import Firm, Product
from shop.channels import actions, errors, prices, queries, schemas
from shop.channels.models import Campaign, NamedPriceList, Occasion, Partner, PartnerKind, SaleLink
from shop.channels.policies import POLICIES, ChannelPolicy, channel_of_partner
from shop.channels.reference import WINDOW_DAYS, selling
from shop.kit.clock import beijing_day
from shop.kit.db import db, transaction
from shop.kit.errors import NotFoundError
from shop.kit.http import documented, now
from shop.kit.schemas import PageQuery, cursor_key, page

blueprint = Blueprint(
    "channels", __name__, url_prefix="/api/v1", description="活动、渠道与伙伴 · Campaigns and channels"
)

#: What kind of party a partner of a kind is.
PARTY_OF: dict[PartnerKind, PartyKind] = {
    PartnerKind.SHOP: PartyKind.SHOP,
    PartnerKind.UNIT: PartyKind.BUYER,
    PartnerKind.CADRE: PartyKind.CADRE,
    PartnerKind.ENTERPRISE: PartyKind.BUYER,
    PartnerKind.HOST: PartyKind.HOST,
}
SHARING = (Role.OPERATOR, Role.HOST, Role.CADRE, Role.BUYER)


def _campaign(campaign: Campaign) -> dict[str, Any]:
    return {
        "code": campaign.code,
        "name_zh": campaign.name_zh,
        "name_en": campaign.name_en,
        "starts_on": campaign.starts_on,
        "ends_on": campaign.ends_on,
        "is_open": campaign.starts_on <= beijing_day(now()) <= campaign.ends_on,
    }


def _channel(policy: ChannelPolicy) -> dict[str, Any]:
    return {
        "kind": policy.kind.value,
        "name_zh": policy.name_zh,
        "name_en": policy.name_en,
        "partner_kind": policy.partner.value,
        "occasion_kind": policy.occasion.value if policy.occasion else None,
        "occasion_required": policy.occasion_required,
        "price": policy.price.value,
        "approval": policy.approval.value,
        "payment": policy.payment.value,
        "term_days": policy.term_days,
        "hold": policy.hold.value,
        "reward": policy.reward.value,
    }


@blueprint.route("/campaigns", methods=["GET"])
@allow(EVERYONE)
@blueprint.response(200, schemas.CampaignList)
def list_campaigns() -> dict[str, Any]:
    """活动列表 · Campaigns, the youngest first."""
    found = db.session.scalars(select(Campaign).order_by(Campaign.starts_on.desc(), Campaign.id.desc()))
    return {"items": [_campaign(campaign) for campaign in found]}


@blueprint.route("/campaigns", methods=["POST"])
@allow(Role.OPERATOR)
@blueprint.arguments(schemas.CampaignAsked)
@blueprint.response(201, schemas.CampaignOut)
@documented(
    errors=[errors.CodeTaken],
    example={
        "code": "C2026", "name_zh": "2026 年五销活动（示例）", "name_en": "Five-channel campaign 2026",
        "starts_on": "2026-01-01", "ends_on": "2026-12-31",
    },
)  # fmt: skip
def add_campaign(body: dict[str, Any]) -> dict[str, Any]:
    """新建活动 · Open a campaign."""
    with transaction() as session:
        campaign = actions.open_campaign(session, **body, actor_id=current_actor().person_id, now=now())
        return _campaign(campaign)


@blueprint.route("/channels", methods=["GET"])
@allow(EVERYONE)
@blueprint.response(200, schemas.ChannelList)
def list_channels() -> dict[str, Any]:
    """渠道列表 · The five channels and how each of them sells."""
    return {"items": [_channel(policy) for policy in POLICIES.values()]}


@blueprint.route("/partners", methods=["GET"])
@allow(EVERYONE)
@blueprint.arguments(schemas.PartnerFilter, location="query")
@blueprint.response(200, schemas.PartnerPage)
def list_partners(query: dict[str, Any]) -> dict[str, object]:
    """伙伴列表 · Admitted partners."""
    after = cursor_key(query["cursor"]) or 0
    known = selling(db.session(), reference_version()).partners_by_id
    wanted = [
        {
            "id": partner.partner_id,
            "code": partner.code,
            "kind": partner.kind.value,
            "channel": channel_of_partner(partner.kind).kind.value,
            "name_zh": partner.name_zh,
        }
        for partner in sorted(known.values(), key=lambda partner: partner.partner_id)
        if partner.partner_id > after and query["kind"] in (None, partner.kind)
    ]
    return page(wanted[: query["limit"] + 1], query["limit"], key=lambda partner: int(partner["id"]))


@blueprint.route("/partners", methods=["POST"])
@allow(Role.OPERATOR)
@blueprint.arguments(schemas.PartnerAsked)
@blueprint.response(201, schemas.PartnerOut)
@documented(
    errors=[errors.CodeTaken, errors.AlreadyPartner, errors.NoStorefront],
    example={"kind": "unit", "code": "U90", "name_zh": "示范中学（示例）", "payment_term_days": 30},
)
def add_partner(body: dict[str, Any]) -> dict[str, Any]:
    """准入伙伴 · Admit a partner."""
    kind: PartnerKind = body["kind"]
    with transaction() as session:
        party_id = ensure_party(session, PARTY_OF[kind], body["code"], body["name_zh"])
        partner = actions.register_partner(
            session, kind, body["code"], party_id, body["name_zh"], payment_term_days=body["payment_term_days"],
            storefront=body["storefront"], actor_id=current_actor().person_id, now=now(),
        )  # fmt: skip
        return {
            "code": partner.code,
            "kind": kind.value,
            "channel": channel_of_partner(kind).kind.value,
            "name_zh": partner.name_zh,
        }


@blueprint.route("/partners/<string:code>/approvers", methods=["POST"])
@allow(Role.OPERATOR)
@blueprint.arguments(schemas.ApproversAsked)
@blueprint.response(201, schemas.ApproversAsked)
@documented(errors=[NotFoundError], example={"logins": []})
def name_approvers(body: dict[str, Any], code: str) -> dict[str, Any]:
    """审批人 · Who approves what the partner buys for itself: its union committee, its canteen's head."""
    with transaction() as session:
        partner = actions.partner_by_code(session, code)
        actions.name_approvers(session, partner, body["logins"], actor_id=current_actor().person_id, now=now())
    return body


@blueprint.route("/partners/<string:code>/fees", methods=["POST"])
@allow(Role.OPERATOR)
@blueprint.arguments(schemas.FeeAsked)
@blueprint.response(201, schemas.FeeAsked)
@documented(
    errors=[NotFoundError, errors.RewardRefused, errors.FeeTaken],
    example={"rate_bp": 200, "valid_from": "2025-08-01"},
)
def set_fee(body: dict[str, Any], code: str) -> dict[str, Any]:
    """技术服务费率 · The fee of an online shop from a day on. Others cannot have one."""
    with transaction() as session:
        partner = actions.partner_by_code(session, code)
        actions.set_fee(
            session, partner, body["rate_bp"], body["valid_from"], category=body["category"],
            actor_id=current_actor().person_id, now=now(),
        )  # fmt: skip
        return body


@blueprint.route("/partners/<string:code>/storefront", methods=["POST"])
@allow(Role.OPERATOR)
@blueprint.arguments(schemas.StorefrontAsked)
@blueprint.response(200, schemas.StorefrontAsked)
@documented(errors=[NotFoundError, errors.NoStorefront], example={"storefront": True})
def set_storefront(body: dict[str, Any], code: str) -> dict[str, Any]:
    """自营店面 · Open or close an online shop's shelf on our own pages."""
    with transaction() as session:
        partner = actions.partner_by_code(session, code)
        actions.set_storefront(session, partner, body["storefront"], actor_id=current_actor().person_id, now=now())
        return body


def _own_partner(session: Session, code: str, *roles: Role) -> Partner:
    """The partner, if the actor is it in one of `roles`. Raises NotFoundError otherwise."""
    partner = actions.partner_by_code(session, code)
    owners: dict[Role, int | All | None] = {role: ALL if role is Role.OPERATOR else partner.party_id for role in roles}
    must_own(current_actor(), owners, what=code)
    return partner


def _own_occasion(session: Session, code: str, partner: Partner) -> Occasion:
    """An occasion of `partner`. Raises NotFoundError, also for another's: what others plan is not for him to know."""
    occasion = actions.occasion_by_code(session, code)
    if occasion.partner_id != partner.id:
        raise NotFoundError(what=code)
    return occasion


def _campaign_named(session: Session, code: str | None) -> int:
    """The campaign by its code, or the present one. Raises NotFoundError, NoCampaign when none is open."""
    if code is None:
        return _campaign_now(session)
    found = session.scalar(select(Campaign.id).where(Campaign.code == code))
    if found is None:
        raise NotFoundError(what=code)
    return found


def _campaign_now(session: Session) -> int:
    today = beijing_day(now())
    found = selling(session, reference_version()).campaign_on(today)
    if found is None:
        raise errors.NoCampaign(day=str(today))
    return found


@blueprint.route("/links", methods=["POST"])
@allow(*SHARING)
@blueprint.arguments(schemas.LinkAsked)
@blueprint.response(201, schemas.LinkOut)
@documented(
    errors=[NotFoundError, errors.NoCampaign, errors.NoLinks],
    example={"partner": "L01", "session": "LIVE-1", "sku": "PL001"},
)
def add_link(body: dict[str, Any]) -> dict[str, Any]:
    """推广链接 · A short link: who orders through it is counted for its partner."""
    with transaction() as session:
        partner = _own_partner(session, body["partner"], *SHARING)
        occasion = _own_occasion(session, body["session"], partner) if body["session"] else None
        product = product_by_sku(session, body["sku"]) if body["sku"] else None
        link = actions.create_link(
            session, partner, occasion.campaign_id if occasion else _campaign_named(session, body["campaign"]),
            occasion_id=occasion.id if occasion else None, product_id=product.id if product else None, now=now(),
        )  # fmt: skip
        return queries.links(session, current_actor(), SaleLink.id == link.id, limit=1)[0]


@blueprint.route("/links", methods=["GET"])
@allow(*SHARING)
@blueprint.arguments(schemas.LinkFilter, location="query")
@blueprint.response(200, schemas.LinkPage)
def list_links(query: dict[str, Any]) -> dict[str, object]:
    """我的链接 · Your links, newest first, and how often they were opened."""
    before = cursor_key(query["cursor"])
    wanted = [] if before is None else [SaleLink.id < before]
    rows = queries.links(db.session(), current_actor(), *wanted, limit=query["limit"] + 1)
    return page(rows, query["limit"], key=lambda row: int(row["id"]))


@blueprint.route("/link-rules", methods=["GET"])
@allow(EVERYONE)
@blueprint.response(200, schemas.LinkRuleList)
def list_link_rules() -> dict[str, Any]:
    """归属期规则 · For how many days an opened link counts for the orders that follow."""
    rules = selling(db.session(), reference_version()).link_rules
    return {
        "items": [
            {"valid_from": day, "window_days": days, "ranking": ranked}
            for day, days, ranked in sorted(rules, reverse=True)
        ],
        "default_window_days": WINDOW_DAYS,
    }


@blueprint.route("/link-rules", methods=["POST"])
@allow(Role.OPERATOR)
@blueprint.arguments(schemas.LinkRuleAsked)
@blueprint.response(201, schemas.LinkRuleAsked)
@documented(errors=[errors.RuleTaken], example={"valid_from": "2026-01-01", "window_days": 7})
def add_link_rule(body: dict[str, Any]) -> dict[str, Any]:
    """设定归属期 · For how many days a link counts, from a day on. Orders of earlier days keep their rule."""
    with transaction() as session:
        actions.set_link_rule(session, **body, actor_id=current_actor().person_id, now=now())
        return body


# -- prices for named buyers -------------------------------------------------------------------------------------------


@blueprint.route("/buyer-groups", methods=["POST"])
@allow(Role.OPERATOR)
@blueprint.arguments(schemas.GroupAsked)
@blueprint.response(201, schemas.GroupAsked)
@documented(errors=[errors.CodeTaken], example={"code": "SCHOOLS", "name_zh": "学校食堂"})
def add_group(body: dict[str, Any]) -> dict[str, Any]:
    """买方分组 · A named list of buyer organisations, for which firms may have prices."""
    with transaction() as session:
        prices.add_group(session, **body, actor_id=current_actor().person_id, now=now())
    return body


@blueprint.route("/buyer-groups", methods=["GET"])
@allow(Role.OPERATOR, Role.FIRM_STAFF)
@blueprint.response(200, schemas.GroupList)
def list_groups() -> dict[str, Any]:
    """买方分组列表 · All groups; who belongs to them only the county reads."""
    found = prices.groups(db.session())
    if not current_actor().has(Role.OPERATOR):
        found = [{name: value for name, value in of.items() if name != "members"} for of in found]
    return {"items": found}


@blueprint.route("/buyer-groups/<string:code>/members", methods=["PUT"])
@allow(Role.OPERATOR)
@blueprint.arguments(schemas.MembersAsked)
@blueprint.response(200, schemas.MembersAsked)
@documented(errors=[NotFoundError, errors.NotABuyer], example={"members": ["U01"]})
def set_members(body: dict[str, Any], code: str) -> dict[str, Any]:
    """分组成员 · Who belongs to the group from now on."""
    with transaction() as session:
        group = prices.group_by_code(session, code)
        prices.set_members(session, group, body["members"], actor_id=current_actor().person_id, now=now())
    return body


@blueprint.route("/products/<string:sku>/named-prices", methods=["POST"])
@allow(Role.FIRM_STAFF)
@blueprint.arguments(schemas.NamedPricesAsked)
@blueprint.response(201, schemas.NamedPricesState)
@documented(
    errors=[NotFoundError, errors.NotABuyer, PriceListNotOrdered, PriceListInThePast],
    example={
        "partner": "U01", "valid_from": "2025-08-01", "valid_until": "2025-10-01",
        "tiers": [{"min_quantity": 1, "price_fen": 3680}],
    },
)  # fmt: skip
def set_named_prices(body: dict[str, Any], sku: str) -> dict[str, Any]:
    """专属价 · Prices of your product for one buyer or one group, with tiers; nobody else sees or gets them."""
    tiers = [(tier["min_quantity"], tier["price_fen"]) for tier in body["tiers"]]
    with transaction() as session:
        product = product_by_sku(session, sku, lock=True)
        must_own(current_actor(), {Role.FIRM_STAFF: session.get_one(Firm, product.firm_id).party_id}, what=sku)
        made = prices.set_named_prices(
            session, product, tiers, body["valid_from"], body["valid_until"], partner=body["partner"],
            group=body["group"], actor_id=current_actor().person_id, now=now(),
        )  # fmt: skip
        return {"id": made.id}


@blueprint.route("/named-prices", methods=["GET"])
@allow(Role.OPERATOR, Role.FIRM_STAFF, Role.BUYER)
@blueprint.arguments(PageQuery, location="query")
@blueprint.response(200, schemas.NamedPricesPage)
def list_named_prices(query: dict[str, Any]) -> dict[str, object]:
    """专属价列表 · Lists for named buyers, newest first: a firm those of its goods, a buyer those for itself."""
    limit = query["limit"]
    rows = prices.named_prices(db.session(), current_actor(), limit=limit + 1, before=cursor_key(query["cursor"]))
    return page(rows, limit, key=lambda row: int(row["id"]))


@blueprint.route("/named-prices/<int:list_id>/end", methods=["POST"])
@allow(Role.FIRM_STAFF)
@blueprint.response(200, schemas.NamedPricesState)
@documented(errors=[NotFoundError])
def end_named_prices(list_id: int) -> dict[str, Any]:
    """停用专属价 · The list holds no more from today on; orders keep what they took from it."""
    with transaction() as session:
        found = session.get(NamedPriceList, list_id, with_for_update=True)
        if found is None:
            raise NotFoundError(what="list_id")
        product = session.get_one(Product, found.product_id)
        owner = session.get_one(Firm, product.firm_id).party_id
        must_own(current_actor(), {Role.FIRM_STAFF: owner}, what="list_id")
        prices.end_named_prices(session, found, product, actor_id=current_actor().person_id, now=now())
    return {"id": list_id}
