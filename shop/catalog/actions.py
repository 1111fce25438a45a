"""Admission, listing, prices, papers."""

from collections.abc import Sequence
from datetime import date, datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from shop.catalog.errors import NotFoundError, PriceListNotOrdered, SkuTaken
from shop.catalog.models import (
    Certificate,
    Firm,
    FirmStatus,
    PaperKind,
    PriceTier,
    Product,
    ProductStatus,
    RequiredPaper,
)
from shop.catalog.states import FIRM_LIFE, LISTING_LIFE
from shop.kit.states import advance, record


def firm_by_code(session: Session, code: str) -> Firm:
    """The firm. Raises NotFoundError."""
    firm = session.scalar(select(Firm).where(Firm.code == code))
    if firm is None:
        raise NotFoundError(what=code)
    return firm


def product_by_sku(session: Session, sku: str, *, lock: bool = False) -> Product:
    """The product, locked if it is to be changed. Raises NotFoundError."""
    query = select(Product).where(Product.sku == sku)
    product = session.scalar(query.with_for_update() if lock else query)
    if product is None:
        raise NotFoundError(what=sku)
    return product


def move_firm(session: Session, firm: Firm, event: str, *, actor_id: int | None, now: datetime) -> FirmStatus:
    """Admit or suspend a firm. Raises MoveRefusedError."""
    return advance(session, firm, FIRM_LIFE, event, person_id=actor_id, now=now)


def draft_product(
    session: Session, firm: Firm, values: dict[str, object], required: Sequence[PaperKind], *,
    actor_id: int | None, now: datetime,
) -> Product:  # fmt: skip
    """A new listing as a draft. Raises SkuTaken."""
    if session.scalar(select(Product.id).where(Product.sku == values["sku"])):
        raise SkuTaken(sku=values["sku"])
    product = Product(firm_id=firm.id, status=ProductStatus.DRAFT, **values)
    session.add(product)
    session.flush()
    session.add_all(RequiredPaper(product_id=product.id, kind=kind) for kind in required)
    record(session, product, "draft", person_id=actor_id, now=now, to_state=ProductStatus.DRAFT)
    return product


def move_listing(
    session: Session, product: Product, event: str, *, actor_id: int | None, now: datetime, reason: str | None = None
) -> ProductStatus:
    """Submit, approve, send back or withdraw a listing. Raises MoveRefusedError."""
    return advance(session, product, LISTING_LIFE, event, person_id=actor_id, now=now, reason=reason)


def set_prices(
    session: Session, product: Product, valid_from: date, tiers: Sequence[tuple[int, int]], *,
    actor_id: int | None, now: datetime,
) -> None:  # fmt: skip
    """A new price list from a day on: (min quantity, fen per pack). Replaces one of the same day, ends the one before.

    Raises PriceListNotOrdered unless it starts at one pack, quantities rise and prices fall.
    """
    rising = all(a[0] < b[0] and a[1] > b[1] for a, b in zip(tiers, tiers[1:], strict=False))
    if not tiers or tiers[0][0] != 1 or not rising:
        raise PriceListNotOrdered
    same_day = select(PriceTier).where(PriceTier.product_id == product.id, PriceTier.valid_from == valid_from)
    for old in session.scalars(same_day):
        session.delete(old)
    session.flush()
    session.execute(
        update(PriceTier)
        .where(PriceTier.product_id == product.id, PriceTier.valid_from < valid_from, PriceTier.valid_until.is_(None))
        .values(valid_until=valid_from)
    )
    session.add_all(
        PriceTier(product_id=product.id, valid_from=valid_from, min_quantity=quantity, price_fen=price)
        for quantity, price in tiers
    )
    facts: dict[str, object] = {"valid_from": str(valid_from), "tiers": [list(tier) for tier in tiers]}
    record(session, product, "price", person_id=actor_id, now=now, facts=facts)
    session.flush()


def add_certificate(
    session: Session, product: Product, kind: PaperKind, number: str, issued_on: date, expires_on: date, *,
    actor_id: int | None, now: datetime,
) -> Certificate:  # fmt: skip
    """Register a paper: only claimed until somebody of the county verifies it."""
    paper = Certificate(product_id=product.id, kind=kind, number=number, issued_on=issued_on, expires_on=expires_on)
    session.add(paper)
    session.flush()
    record(session, paper, "claim", person_id=actor_id, now=now, facts={"kind": kind.value, "number": number})
    return paper


def verify_certificate(session: Session, paper: Certificate, *, actor_id: int | None, now: datetime) -> None:
    """The county saw the paper: from now on it is shown as held while it is valid."""
    paper.verified_at = now
    record(session, paper, "verify", person_id=actor_id, now=now)
    session.flush()
