"""Reading settlements: what each party got of an order."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from shop.access.guard import ALL, Actor, Owner, Role, scope
from shop.access.models import Party
from shop.orders.models import Order
from shop.settlement.models import Settlement, Share

#: A firm sees its own shares, a host his commission, the operator all.
OWNERS: dict[Role, Owner] = {Role.OPERATOR: ALL, Role.FIRM_STAFF: Share.party_id, Role.HOST: Share.party_id}


def shares(
    session: Session, actor: Actor, *, limit: int, before_id: int | None = None, number: str | None = None
) -> list[dict[str, Any]]:
    """Share lines that `actor` sees, newest first. A negative line takes back a part of an earlier one."""
    query = (
        select(
            Share.id, Share.kind, Share.rate_bp, Share.amount_fen, Settlement.settled_at, Settlement.month,
            Settlement.refund_id, Order.number, Party.code, Party.name_zh,
        )
        .join(Settlement, Settlement.id == Share.settlement_id)
        .join(Order, Order.id == Settlement.order_id)
        .join(Party, Party.id == Share.party_id)
        .where(scope(actor, OWNERS))
        .order_by(Share.id.desc())
        .limit(limit)
    )  # fmt: skip
    if before_id is not None:
        query = query.where(Share.id < before_id)
    if number is not None:
        query = query.where(Order.number == number)
    return [
        {
            "id": row.id,
            "order": row.number,
            "kind": row.kind.value,
            "party": row.code,
            "party_name_zh": row.name_zh,
            "rate_bp": row.rate_bp,
            "amount_fen": row.amount_fen,
            "settled_at": row.settled_at,
            "month": row.month,
            "takes_back": row.refund_id is not None,
        }
        for row in session.execute(query)
    ]
