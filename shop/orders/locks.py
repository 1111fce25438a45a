"""Locking orders: one order by its row, before anything below it."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from shop.kit.errors import NotFoundError
from shop.orders.models import Order, OrderLine


def locked_order(session: Session, number: str) -> Order:
    """The order, locked to the end of the transaction. Raises NotFoundError."""
    order = session.scalar(select(Order).where(Order.number == number).with_for_update())
    if order is None:
        raise NotFoundError(what=number)
    return order


def locked_order_by_id(session: Session, order_id: int) -> Order:
    """The order by id, locked. Raises NotFoundError."""
    order = session.scalar(select(Order).where(Order.id == order_id).with_for_update())
    if order is None:
        raise NotFoundError(what=str(order_id))
    return order


def lines_of(session: Session, order_id: int) -> list[OrderLine]:
    """The order's lines by position."""
    return list(
        session.scalars(
            select(OrderLine)
            .where(OrderLine.order_id == order_id)
            .order_by(OrderLine.position)
            .execution_options(populate_existing=True)
        )
    )
