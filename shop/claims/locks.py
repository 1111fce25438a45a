"""Locking a claim: its order first, then the claim, as everything that moves an order's money."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from shop.claims.models import Claim
from shop.kit.errors import NotFoundError
from shop.orders.locks import locked_order_by_id
from shop.orders.models import Order, OrderLine


def locked_claim(session: Session, number: str) -> tuple[Claim, OrderLine, Order]:
    """The claim, its line and its order, locked to the end of the transaction. Raises NotFoundError."""
    order_id = session.scalar(
        select(OrderLine.order_id).join(Claim, Claim.order_line_id == OrderLine.id).where(Claim.number == number)
    )
    if order_id is None:
        raise NotFoundError(what=number)
    order = locked_order_by_id(session, order_id)
    claim, line = session.execute(
        select(Claim, OrderLine)
        .join(OrderLine, OrderLine.id == Claim.order_line_id)
        .where(Claim.number == number)
        .with_for_update(of=Claim)
    ).one()
    return claim, line, order
