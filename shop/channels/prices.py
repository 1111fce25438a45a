"""Prices of a product for a named buyer or a group of buyers, and the groups. Which one holds: `Selling.named_for`."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from shop.access.guard import ALL, Actor, Role, scope
from shop.catalog.actions import check_tiers
from shop.catalog.models import Firm, Product
from shop.channels.actions import partner_by_code
from shop.channels.errors import CodeTaken, NotABuyer, NotFoundError
from shop.channels.models import BuyerGroup, BuyerGroupMember, NamedPriceList, NamedPriceTier, Partner
from shop.channels.policies import Price, channel_of_partner
from shop.kit.clock import beijing_day
from shop.kit.states import record


def _buyer(session: Session, code: str) -> Partner:
    """A partner who buys for itself by price lists. Raises NotFoundError, NotABuyer."""
    partner = partner_by_code(session, code)
    if channel_of_partner(partner.kind).price is not Price.TIERS:
        raise NotABuyer(partner=code)
    return partner


def group_by_code(session: Session, code: str) -> BuyerGroup:
    """The group, locked. Raises NotFoundError."""
    group = session.scalar(select(BuyerGroup).where(BuyerGroup.code == code).with_for_update())
    if group is None:
        raise NotFoundError(what=code)
    return group


def add_group(session: Session, code: str, name_zh: str, *, actor_id: int | None, now: datetime) -> BuyerGroup:
    """A group without members yet. Raises CodeTaken."""
    if session.scalar(select(BuyerGroup.id).where(BuyerGroup.code == code)):
        raise CodeTaken(taken=code)
    group = BuyerGroup(code=code, name_zh=name_zh)
    session.add(group)
    session.flush()
    record(session, group, "add", person_id=actor_id, now=now)
    return group


def set_members(
    session: Session, group: BuyerGroup, codes: Sequence[str], *, actor_id: int | None, now: datetime
) -> None:
    """Who belongs to the group from now on. The caller holds its lock. Raises NotFoundError, NotABuyer."""
    ids = {_buyer(session, code).id for code in codes}
    session.execute(delete(BuyerGroupMember).where(BuyerGroupMember.group_id == group.id))
    session.add_all(BuyerGroupMember(group_id=group.id, partner_id=id_) for id_ in sorted(ids))
    record(session, group, "members", person_id=actor_id, now=now, facts={"members": sorted(codes)})
    session.flush()


def groups(session: Session) -> list[dict[str, Any]]:
    """All groups with their members, by code."""
    members: dict[int, list[str]] = {}
    for group_id, code in session.execute(
        select(BuyerGroupMember.group_id, Partner.code)
        .join(Partner, Partner.id == BuyerGroupMember.partner_id)
        .order_by(Partner.code)
    ):
        members.setdefault(group_id, []).append(code)
    found = session.scalars(select(BuyerGroup).order_by(BuyerGroup.code))
    return [{"code": of.code, "name_zh": of.name_zh, "members": members.get(of.id, [])} for of in found]


def set_named_prices(
    session: Session, product: Product, tiers: Sequence[tuple[int, int]], valid_from: date, valid_until: date | None,
    *, partner: str | None, group: str | None, actor_id: int | None, now: datetime,
) -> NamedPriceList:  # fmt: skip
    """Prices for one buyer or one group, from a day until a day (excluded). The caller holds the product's lock.

    Raises NotFoundError, NotABuyer, PriceListNotOrdered, PriceListInThePast.
    """
    check_tiers(tiers, valid_from, now=now)
    made = NamedPriceList(
        product_id=product.id, partner_id=_buyer(session, partner).id if partner else None,
        group_id=group_by_code(session, group).id if group else None, valid_from=valid_from, valid_until=valid_until,
        set_at=now,
    )  # fmt: skip
    session.add(made)
    session.flush()
    session.add_all(NamedPriceTier(list_id=made.id, min_quantity=packs, price_fen=fen) for packs, fen in tiers)
    facts: dict[str, object] = {"list": made.id, "tiers": [list(tier) for tier in tiers]}
    record(session, product, "named_prices", person_id=actor_id, now=now, facts=facts)
    session.flush()
    return made


def end_named_prices(
    session: Session, prices: NamedPriceList, product: Product, *, actor_id: int | None, now: datetime
) -> None:
    """The list holds from today on no more; orders keep what they took from it. Done twice it stays as it was."""
    ends = max(beijing_day(now), prices.valid_from)
    if prices.valid_until is None or prices.valid_until > ends:
        prices.valid_until = ends
        record(session, product, "end_named_prices", person_id=actor_id, now=now, facts={"list": prices.id})
    session.flush()


def named_prices(session: Session, actor: Actor, *, limit: int, before: int | None) -> list[dict[str, Any]]:
    """Lists that the actor may see, newest first: a firm those of its goods, a buyer those that are for it.

    Which group a list is for only firm and county read.
    """
    mine = select(BuyerGroupMember.group_id).join(Partner, Partner.id == BuyerGroupMember.partner_id)
    buyer_parties = actor.parties(Role.BUYER)
    for_me = NamedPriceList.group_id.in_(
        mine.where(Partner.party_id.in_(buyer_parties))
    ) | NamedPriceList.partner_id.in_(select(Partner.id).where(Partner.party_id.in_(buyer_parties)))
    seen = scope(actor, {Role.OPERATOR: ALL, Role.FIRM_STAFF: Firm.party_id}) | for_me
    query = (
        select(NamedPriceList, Product.sku, Firm.code, Partner.code, BuyerGroup.code)
        .join(Product, Product.id == NamedPriceList.product_id)
        .join(Firm, Firm.id == Product.firm_id)
        .outerjoin(Partner, Partner.id == NamedPriceList.partner_id)
        .outerjoin(BuyerGroup, BuyerGroup.id == NamedPriceList.group_id)
        .where(seen, *([] if before is None else [NamedPriceList.id < before]))
        .order_by(NamedPriceList.id.desc())
        .limit(limit)
    )
    rows = session.execute(query).all()
    rungs: dict[int, list[dict[str, int]]] = {}
    for tier in session.scalars(
        select(NamedPriceTier)
        .where(NamedPriceTier.list_id.in_([prices.id for prices, *_ in rows]))
        .order_by(NamedPriceTier.min_quantity)
    ):
        rungs.setdefault(tier.list_id, []).append({"min_quantity": tier.min_quantity, "price_fen": tier.price_fen})
    told = actor.has(Role.OPERATOR, Role.FIRM_STAFF)
    return [
        {
            "id": prices.id, "sku": sku, "firm": firm, "audience": "group" if prices.group_id else "buyer",
            "partner": partner, "group": group if told else None, "valid_from": prices.valid_from,
            "valid_until": prices.valid_until, "tiers": rungs[prices.id],
        }
        for prices, sku, firm, partner, group in rows
    ]  # fmt: skip
