"""Admission, listing, prices, papers."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from itertools import pairwise

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from shop.access.actions import ensure_party
from shop.access.models import PartyKind
from shop.catalog.errors import (
    CertificateNotVerified,
    CertificateRevoked,
    CertificateTaken,
    FirmTaken,
    NotFoundError,
    NothingToSell,
    PriceListInThePast,
    PriceListNotOrdered,
    SkuTaken,
)
from shop.catalog.models import (
    Certificate,
    Firm,
    FirmKind,
    FirmStatus,
    PaperKind,
    PriceTier,
    Product,
    ProductStatus,
    RequiredPaper,
)
from shop.catalog.states import FIRM_LIFE, LISTING_LIFE
from shop.kit.clock import beijing_day
from shop.kit.states import advance, record


def firm_by_code(session: Session, code: str, *, lock: bool = False) -> Firm:
    """The firm, locked if it is to be changed. Raises NotFoundError."""
    query = select(Firm).where(Firm.code == code)
    firm = session.scalar(query.with_for_update() if lock else query)
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


def apply_firm(
    session: Session, code: str, name_zh: str, kind: FirmKind, village_id: int, *, reserve_bp: int | None,
    member_return_bp: int | None, actor_id: int | None, now: datetime,
) -> Firm:  # fmt: skip
    """A firm asks to take part: it and its party are recorded, nothing is for sale yet. Raises FirmTaken."""
    if session.scalar(select(Firm.id).where(Firm.code == code)):
        raise FirmTaken(firm=code)
    firm = Firm(
        code=code, party_id=ensure_party(session, PartyKind.FIRM, code, name_zh), name_zh=name_zh, kind=kind,
        status=FirmStatus.APPLIED, village_id=village_id, reserve_bp=reserve_bp, member_return_bp=member_return_bp,
    )  # fmt: skip
    session.add(firm)
    session.flush()
    record(session, firm, "apply", person_id=actor_id, now=now, to_state=FirmStatus.APPLIED)
    return firm


def move_firm(
    session: Session, firm: Firm, event: str, *, actor_id: int | None, now: datetime, reason: str | None = None
) -> FirmStatus:
    """Admit or suspend a firm; a suspended one sells nothing. Raises MoveRefusedError."""
    return advance(session, firm, FIRM_LIFE, event, person_id=actor_id, now=now, reason=reason)


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


def edit_product(
    session: Session, product: Product, values: dict[str, object], required: Iterable[PaperKind] | None, *,
    actor_id: int | None, now: datetime,
) -> None:  # fmt: skip
    """Change a draft, or a withdrawn listing, which becomes a draft again. The history keeps what it was before.

    Raises MoveRefusedError for a product that is submitted or on sale: people rely on what was approved.
    """
    before = {name: getattr(product, name) for name in values}
    facts = {name: [str(before[name]), str(value)] for name, value in values.items() if before[name] != value}
    advance(session, product, LISTING_LIFE, "edit", person_id=actor_id, now=now, facts={"changed": facts})
    for name, value in values.items():
        setattr(product, name, value)
    if required is not None:
        session.execute(delete(RequiredPaper).where(RequiredPaper.product_id == product.id))
        session.add_all(RequiredPaper(product_id=product.id, kind=kind) for kind in required)
    session.flush()


def move_listing(
    session: Session, product: Product, event: str, *, actor_id: int | None, now: datetime, reason: str | None = None
) -> ProductStatus:
    """Submit, approve, send back or withdraw a listing. Raises MoveRefusedError, NothingToSell (no price yet)."""
    priced = select(PriceTier.id).where(PriceTier.product_id == product.id).limit(1)
    if event == "submit" and session.scalar(priced) is None:
        raise NothingToSell(sku=product.sku)
    return advance(session, product, LISTING_LIFE, event, person_id=actor_id, now=now, reason=reason)


def check_tiers(tiers: Sequence[tuple[int, int]], valid_from: date, *, now: datetime) -> None:
    """Raises PriceListNotOrdered unless it starts at one pack, quantities rise and prices fall; PriceListInThePast."""
    rising = all(few < many and price > cheaper for (few, price), (many, cheaper) in pairwise(tiers))
    if not tiers or tiers[0][0] != 1 or not rising:
        raise PriceListNotOrdered
    today = beijing_day(now)
    if valid_from < today:
        raise PriceListInThePast(today=str(today))


def set_prices(
    session: Session, product: Product, valid_from: date, tiers: Sequence[tuple[int, int]], *,
    actor_id: int | None, now: datetime, valid_until: date | None = None,
) -> None:  # fmt: skip
    """A new price list from a day on: (min quantity, fen per pack). Replaces one of the same day, ends the one before.

    With `valid_until` (that day excluded) it is a special list for those days: the ordinary one goes on beside it.

    Raises PriceListNotOrdered unless it starts at one pack, quantities rise and prices fall; PriceListInThePast.
    """
    check_tiers(tiers, valid_from, now=now)
    special = valid_until is not None
    of_product = (PriceTier.product_id == product.id) & (PriceTier.special.is_(special))
    session.execute(delete(PriceTier).where(of_product, PriceTier.valid_from == valid_from))
    if not special:
        session.execute(
            update(PriceTier)
            .where(of_product, PriceTier.valid_from < valid_from, PriceTier.valid_until.is_(None))
            .values(valid_until=valid_from)
        )
    session.add_all(
        PriceTier(
            product_id=product.id, valid_from=valid_from, valid_until=valid_until, min_quantity=quantity,
            price_fen=price, special=special,
        )
        for quantity, price in tiers
    )  # fmt: skip
    facts: dict[str, object] = {"valid_from": str(valid_from), "tiers": [list(tier) for tier in tiers]}
    if special:
        facts["valid_until"] = str(valid_until)
    record(session, product, "price", person_id=actor_id, now=now, facts=facts)
    session.flush()


def set_windows(
    session: Session, product: Product, windows: dict[str, date | None], *, actor_id: int | None, now: datetime
) -> None:
    """From which day until which a product is shown and ordered. The caller holds the product's lock."""
    for name, day in windows.items():
        setattr(product, name, day)
    facts: dict[str, object] = {name: day and str(day) for name, day in windows.items()}
    record(session, product, "windows", person_id=actor_id, now=now, facts=facts)
    session.flush()


def certificate_of(session: Session, product: Product, kind: PaperKind, number: str) -> Certificate | None:
    """A paper of a product by its kind and number."""
    return session.scalar(
        select(Certificate).where(
            Certificate.product_id == product.id, Certificate.kind == kind, Certificate.number == number
        )
    )


def add_certificate(
    session: Session, product: Product, kind: PaperKind, number: str, issued_on: date, expires_on: date, *,
    actor_id: int | None, now: datetime,
) -> Certificate:  # fmt: skip
    """Register a paper: only claimed until somebody of the county verifies it. Raises CertificateTaken."""
    if certificate_of(session, product, kind, number) is not None:
        raise CertificateTaken(number=number)
    paper = Certificate(product_id=product.id, kind=kind, number=number, issued_on=issued_on, expires_on=expires_on)
    session.add(paper)
    session.flush()
    record(session, paper, "claim", person_id=actor_id, now=now, facts={"kind": kind.value, "number": number})
    return paper


def verify_certificate(session: Session, paper: Certificate, *, actor_id: int | None, now: datetime) -> None:
    """The county saw the paper: from now on it is shown as held while it is valid. Done twice it stays as it was.

    Raises CertificateRevoked.
    """
    if paper.revoked_at is not None:
        raise CertificateRevoked(number=paper.number)
    if paper.verified_at is not None:
        return
    paper.verified_at = now
    record(session, paper, "verify", person_id=actor_id, now=now)
    session.flush()


def revoke_certificate(
    session: Session, paper: Certificate, reason: str, *, actor_id: int | None, now: datetime
) -> None:
    """The paper is good no more (withdrawn by its office, or found false): from now on it is not held, and stays so.

    What was sold before relied on it; that stays on record. Done twice it stays as it was.

    Raises CertificateNotVerified.
    """
    if paper.revoked_at is not None:
        return
    if paper.verified_at is None:
        raise CertificateNotVerified(number=paper.number)
    paper.revoked_at, paper.revoked_because = now, reason
    record(session, paper, "revoke", person_id=actor_id, now=now, reason=reason)
    session.flush()
