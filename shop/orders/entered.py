"""Orders entered from a sheet, or by a clerk of the county or a firm for a buyer: who entered them, and for whom.

Whoever enters for another approves nothing: the buyer does, as for his own orders.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from shop.access.guard import Actor, Role
from shop.catalog.models import Product
from shop.catalog.reference import Catalog
from shop.channels.policies import Payer, channel_of_partner
from shop.channels.reference import PartnerRow, Selling
from shop.kit.errors import NotFoundError
from shop.orders.errors import NotForSale, PartnerDoesNotFit, ReferenceTaken
from shop.orders.models import Order, OrderLine
from shop.orders.place import Asked, Placed, Request, place_order

_ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(hashtextextended(:partner, 1))")


@dataclass(frozen=True)
class Clerk:
    """Who enters. `role` None: the buyer himself. `firm_party_ids`: of a firm's clerk, the firms he may enter for."""

    person_id: int | None
    role: Role | None = None
    firm_party_ids: frozenset[int] | None = None


def clerk_for(actor: Actor, party_id: int, *, what: str) -> Clerk:
    """In which role somebody enters orders of a buyer. Raises NotFoundError for a foreign buyer."""
    if party_id in actor.parties(Role.BUYER):
        return Clerk(actor.person_id)
    if actor.has(Role.OPERATOR):
        return Clerk(actor.person_id, Role.OPERATOR)
    if actor.has(Role.FIRM_STAFF):
        return Clerk(actor.person_id, Role.FIRM_STAFF, frozenset(actor.parties(Role.FIRM_STAFF)))
    raise NotFoundError(what=what)


def partner_who_buys(selling: Selling, code: str) -> PartnerRow | None:
    """The partner of this code, if he buys for himself."""
    partner = selling.partners_by_code.get(code)
    if partner is None or channel_of_partner(partner.kind).payer is not Payer.PARTNER:
        return None
    return partner


def enter_order(
    session: Session, partner: PartnerRow, lines: Sequence[Asked], *, reference: str | None, note: str | None,
    recipient: dict[str, object] | None, by: Clerk, goods: Catalog, selling: Selling, now: datetime,
) -> Placed:  # fmt: skip
    """Place an order of `partner`, under his own reference if he has one. Orders of one partner are entered in turn.

    Raises PartnerDoesNotFit unless he buys for himself, ReferenceTaken, NotForSale for goods of another firm than the
    clerk's, and what `place_order` raises.
    """
    if channel_of_partner(partner.kind).payer is not Payer.PARTNER:
        raise PartnerDoesNotFit(partner=partner.code, channel=channel_of_partner(partner.kind).name_zh)
    session.execute(_ONE_AT_A_TIME, {"partner": f"enter {partner.partner_id}"})
    if reference is not None and (known := order_of(session, partner, reference)) is not None:
        raise ReferenceTaken(reference=reference, number=known.number)
    if by.firm_party_ids is not None:
        for line in lines:
            product = goods.by_sku.get(line.sku)
            if product is None or product.firm_party_id not in by.firm_party_ids:
                raise NotForSale(sku=line.sku)
    request = Request(
        lines, partner.party_id, partner=partner.code, note=note, recipient=recipient, reference=reference,
        entered_as=by.role.value if by.role else None,
    )  # fmt: skip
    return place_order(session, request, goods=goods, selling=selling, actor_id=by.person_id, now=now)


def order_of(session: Session, partner: PartnerRow, reference: str) -> Order | None:
    """The order that a partner placed under a reference of his own."""
    return session.scalar(select(Order).where(Order.partner_id == partner.partner_id, Order.reference == reference))


def packs_of(session: Session, order: Order) -> dict[str, int | None]:
    """Packs by SKU as they were ordered."""
    rows = session.execute(
        select(Product.sku, OrderLine.quantity)
        .join(OrderLine, OrderLine.product_id == Product.id)
        .where(OrderLine.order_id == order.id)
    )
    return dict(rows.all())
