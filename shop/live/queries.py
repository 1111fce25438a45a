"""Reading live sessions, each host his own."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.orm import Session

from shop.access.guard import ALL, Actor, Owner, Role, scope
from shop.catalog.models import Certificate, Product
from shop.channels.models import Occasion, Offer, Partner, SaleLink
from shop.kit.errors import NotFoundError
from shop.live.models import LiveSession, LiveStatus, ShelfCertificate, ShelfItem
from shop.live.states import STATE_ZH

OWNERS: dict[Role, Owner] = {Role.OPERATOR: ALL, Role.HOST: Partner.party_id}


def sessions(session: Session, actor: Actor, *wanted: ColumnElement[bool], limit: int) -> list[dict[str, Any]]:
    """Up to `limit` sessions that `actor` sees, newest first, with their shelves. Three statements."""
    found = session.execute(
        select(LiveSession, Occasion, Partner.code, Product.sku)
        .join(Occasion, Occasion.id == LiveSession.occasion_id)
        .join(Partner, Partner.id == Occasion.partner_id)
        .outerjoin(Product, Product.id == LiveSession.pinned_product_id)
        .where(scope(actor, OWNERS), *wanted)
        .order_by(LiveSession.id.desc())
        .limit(limit)
    ).all()
    shelves = _shelves(session, [live.occasion_id for live, *_ in found])
    return [
        {
            "id": live.id,
            "code": occasion.code,
            "status": live.status.value,
            "status_zh": STATE_ZH[live.status],
            "partner": partner,
            "title_zh": occasion.title_zh,
            "starts_at": occasion.starts_at,
            "ends_at": occasion.ends_at,
            "commission_bp": occasion.commission_bp,
            "hold_s": occasion.hold_s,
            "pinned": pinned,
            "offers": shelves[occasion.id],
        }
        | {
            name: getattr(live, name)
            for name in (
                "operator_zh", "agency_zh", "platform_zh", "host_verified_on", "host_age", "guardian_consented",
                "started_at", "ended_at", "settled_at", "recording_ref", "recording_keep_until",
            )
        }
        for live, occasion, partner, pinned in found
    ]  # fmt: skip


def live_session(session: Session, actor: Actor, code: str) -> dict[str, Any]:
    """One session with its shelf. Raises NotFoundError for a missing and for a foreign one."""
    found = sessions(session, actor, Occasion.code == code, limit=1)
    if not found:
        raise NotFoundError(what=code)
    return found[0]


def _shelves(session: Session, occasion_ids: list[int]) -> dict[int, list[dict[str, Any]]]:
    """The shelf of each occasion in its order, certificates by number."""
    numbers: dict[tuple[int, int], list[str]] = defaultdict(list)
    for occasion_id, product_id, number in session.execute(
        select(ShelfCertificate.occasion_id, ShelfCertificate.product_id, Certificate.number)
        .join(Certificate, Certificate.id == ShelfCertificate.certificate_id)
        .where(ShelfCertificate.occasion_id.in_(occasion_ids))
        .order_by(Certificate.number)
    ):
        numbers[occasion_id, product_id].append(number)
    shelves: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for offer, item, sku, name_zh in session.execute(
        select(Offer, ShelfItem, Product.sku, Product.name_zh)
        .join(ShelfItem, (ShelfItem.occasion_id == Offer.occasion_id) & (ShelfItem.product_id == Offer.product_id))
        .join(Product, Product.id == Offer.product_id)
        .where(Offer.occasion_id.in_(occasion_ids))
        .order_by(Offer.occasion_id, ShelfItem.position)
    ):
        shelves[offer.occasion_id].append(
            {
                "position": item.position,
                "sku": sku,
                "name_zh": name_zh,
                "price_fen": offer.price_fen,
                "per_buyer_cap": offer.per_buyer_cap,
                "set_aside_g": offer.set_aside_g,
                "slot_fee_fen": item.slot_fee_fen,
                "talking_points": item.talking_points,
                "certificates": numbers[offer.occasion_id, offer.product_id],
            }
        )
    return shelves


def links(session: Session, occasion_code: str) -> list[dict[str, Any]]:
    """The links of a session: its own first, then its products' in the order of the shelf."""
    rows = session.execute(
        select(SaleLink.code, Product.sku)
        .join(Occasion, Occasion.id == SaleLink.occasion_id)
        .outerjoin(Product, Product.id == SaleLink.product_id)
        .outerjoin(
            ShelfItem,
            (ShelfItem.occasion_id == SaleLink.occasion_id) & (ShelfItem.product_id == SaleLink.product_id),
        )
        .where(Occasion.code == occasion_code)
        .order_by(ShelfItem.position.nulls_first(), SaleLink.id)
    )
    return [{"code": code, "path": f"/s/{code}", "sku": sku} for code, sku in rows]


@dataclass(frozen=True)
class PublicShelf:
    """What everybody may know of a session that the county reviewed: its shelf as product ids in order."""

    title_zh: str
    status: LiveStatus
    starts_at: datetime
    operator_zh: str | None
    platform_zh: str | None
    host_verified: bool
    pinned_product_id: int | None
    product_ids: tuple[int, ...]


def public_shelf(session: Session, code: str) -> PublicShelf:
    """The shelf that a link to a session leads to. One statement. Raises NotFoundError before the review, too."""
    shelf = (
        select(func.array_agg(aggregate_order_by(ShelfItem.product_id, ShelfItem.position)))
        .where(ShelfItem.occasion_id == Occasion.id)
        .scalar_subquery()
    )
    found = session.execute(
        select(LiveSession, Occasion, shelf)
        .join(Occasion, Occasion.id == LiveSession.occasion_id)
        .where(Occasion.code == code, LiveSession.status != LiveStatus.PLANNED)
    ).first()
    if found is None:
        raise NotFoundError(what=code)
    live, occasion, items = found
    return PublicShelf(
        occasion.title_zh, live.status, occasion.starts_at, live.operator_zh, live.platform_zh,
        live.host_verified_on is not None, live.pinned_product_id, tuple(items or ()),
    )  # fmt: skip
