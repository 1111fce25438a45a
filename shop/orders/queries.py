"""Reading orders: one statement for orders, one for all their lines, one for the grades of call-offs among them."""

from collections import defaultdict
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, cast, func, select
from sqlalchemy.orm import Session

from shop.access.actions import masked_phone
from shop.access.guard import ALL, Actor, Owner, Role, scope
from shop.agreements.models import CallOff
from shop.catalog.models import Firm, Product
from shop.catalog.reference import PAPER_ZH, Catalog
from shop.channels.models import Occasion, Partner, SaleLink
from shop.channels.policies import POLICIES
from shop.kit.clock import beijing_day
from shop.kit.db import columns_of
from shop.kit.errors import NotFoundError
from shop.kit.states import history_of
from shop.orders.models import Dispatch, GradedAcceptance, Order, OrderLine, Pick
from shop.orders.place import supply_for
from shop.orders.states import STATE_ZH
from shop.stock.models import Lot, Pool, Presale, Recall, RecallLot
from shop.stock.recalls import standing
from shop.stock.supply import reached

#: Whose an order is, by role. The needed joins are in `_orders`.
OWNERS: dict[Role, Owner] = {
    Role.OPERATOR: ALL,
    Role.FIRM_STAFF: Firm.party_id,
    Role.BUYER: Order.buyer_party_id,
    Role.CUSTOMER: Order.buyer_party_id,
    Role.HOST: Partner.party_id,
    Role.CADRE: Partner.party_id,
}
#: Roles that need to know where the goods go.
SEES_RECIPIENT = (Role.OPERATOR, Role.FIRM_STAFF, Role.BUYER, Role.CUSTOMER)
#: Events of an order that have a reason, and what it is called; a buyer who accepts by himself gives none.
_SAID = {"cancel": "cancelled_because", "accept": "accepted_because"}
UNSAID: dict[str, str | None] = dict.fromkeys(_SAID.values())


def call_offs_ordered(session: Session, call_offs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Call-offs of an agreement, with number and status of its order, and why that was cancelled or accepted so."""
    found = select(Order.call_off_id, Order.id, Order.number, Order.status).where(
        Order.call_off_id.in_([call["id"] for call in call_offs])
    )
    of_call = {order.call_off_id: order for order in session.execute(found)}
    why = reasons(session, [order.id for order in of_call.values()])
    nothing = {"order": None, "order_status": None, **UNSAID}
    named = {
        call: nothing | {"order": order.number, "order_status": order.status.value} | why.get(order.id, {})
        for call, order in of_call.items()
    }
    return [call | named.get(call["id"], nothing) for call in call_offs]


def reasons(session: Session, order_ids: list[int]) -> dict[int, dict[str, str | None]]:
    """Why orders were cancelled, or accepted by another than their buyer, as it was said then, by their ids."""
    found: dict[int, dict[str, str | None]] = {order_id: dict(UNSAID) for order_id in order_ids}
    for one in history_of(session, Order.__tablename__, order_ids, *_SAID) if order_ids else []:
        found[one.entity_id][_SAID[one.event]] = one.reason
    return found


def orders(
    session: Session, actor: Actor, *, limit: int, before_id: int | None = None,
    filters: tuple[ColumnElement[bool], ...] = (),
) -> list[dict[str, Any]]:  # fmt: skip
    """Orders that `actor` sees, newest first, `limit` at most, older than `before_id`."""
    query = (
        select(
            Order,
            Firm.code,
            Firm.name_zh,
            Partner.code,
            Partner.name_zh,
            Occasion.code,
            SaleLink.code,
            Presale,
            CallOff,
        )
        .join(Firm, Firm.id == Order.firm_id)
        .join(Partner, Partner.id == Order.partner_id)
        .outerjoin(Occasion, Occasion.id == Order.occasion_id)
        .outerjoin(SaleLink, SaleLink.id == Order.sale_link_id)
        .outerjoin(Presale, Presale.id == Order.presale_id)
        .outerjoin(CallOff, CallOff.id == Order.call_off_id)
        .where(scope(actor, OWNERS), *filters)
        .order_by(Order.id.desc())
        .limit(limit)
    )
    if before_id is not None:
        query = query.where(Order.id < before_id)
    rows = session.execute(query).all()
    lines = _lines(session, [row[0].id for row in rows])
    graded = _grades(session, [row[0].id for row in rows if row[0].call_off_id is not None])
    with_recipient = actor.has(*SEES_RECIPIENT)
    return [
        {
            **columns_of(order),
            "status": order.status.value,
            "status_zh": STATE_ZH[order.status],
            "channel": order.channel_kind.value,
            "channel_zh": POLICIES[order.channel_kind].name_zh,
            "payment_terms": order.payment_terms.value,
            "firm": firm,
            "firm_name_zh": firm_name,
            "partner": partner,
            "partner_name_zh": partner_name,
            "occasion": occasion,
            "link": link,
            "presale": presale and presale.code,
            "ship_by": presale and presale.ship_by,
            # The occasion of a call-off is its agreement, under the same code.
            "call_off": call and {"agreement": occasion, "due_on": call.due_on, "schedule_day": call.schedule_day},
            "lines": [line | {"grades": graded[line["id"]]} for line in lines[order.id]],
            "recipient": masked(order.recipient) if with_recipient else None,
        }
        for order, firm, firm_name, partner, partner_name, occasion, link, presale, call in rows
    ]


def order(session: Session, actor: Actor, number: str) -> dict[str, Any]:
    """One order. Raises NotFoundError for a missing and for a foreign one."""
    found = orders(session, actor, limit=1, filters=(Order.number == number,))
    if not found:
        raise NotFoundError(what=number)
    return found[0]


def masked(recipient: dict[str, Any] | None) -> dict[str, Any] | None:
    """The recipient with the phone as 138****5678."""
    return recipient and {**recipient, "phone": masked_phone(str(recipient["phone"]))}


def _lines(session: Session, order_ids: list[int]) -> dict[int, list[dict[str, Any]]]:
    lines: dict[int, list[dict[str, Any]]] = defaultdict(list)
    rows = session.execute(
        select(OrderLine, Product.sku)
        .join(Product, Product.id == OrderLine.product_id)
        .where(OrderLine.order_id.in_(order_ids))
        .order_by(OrderLine.order_id, OrderLine.position)
    )
    for line, sku in rows:
        shown = columns_of(line)
        lines[line.order_id].append(
            shown
            | {
                "sku": sku,
                "price_basis": line.price_basis.value,
                "price_source": line.price_source and line.price_source.value,
            }
        )
    return lines


def _grades(session: Session, order_ids: list[int]) -> dict[int, list[dict[str, Any]]]:
    """What stands as accepted by grade, by line: acceptances less what was written off. No statement without ids."""
    grades: dict[int, list[dict[str, Any]]] = defaultdict(list)
    if not order_ids:
        return grades
    of = GradedAcceptance
    grams, fen = func.sum(of.weight_g), func.sum(of.amount_fen)
    rows = session.execute(
        select(of.order_line_id, of.grade, of.fen_per_kg, of.factor_bp, grams, fen)
        .join(OrderLine, OrderLine.id == of.order_line_id)
        .where(OrderLine.order_id.in_(order_ids))
        .group_by(of.order_line_id, of.grade, of.fen_per_kg, of.factor_bp)
        .having(grams > 0)
        .order_by(of.order_line_id, of.factor_bp.desc())
    )
    for line_id, grade, fen_per_kg, factor_bp, weight_g, amount_fen in rows:
        grades[line_id].append(
            {
                "grade": grade.value, "weight_g": int(weight_g), "fen_per_kg": fen_per_kg, "factor_bp": factor_bp,
                "amount_fen": int(amount_fen),
            }
        )  # fmt: skip
    return grades


def dispatches(session: Session, order_id: int) -> list[dict[str, Any]]:
    """The parcels of an order with the lots picked: from a sale towards the households."""
    parcels: dict[int, dict[str, Any]] = {
        parcel.id: {
            "position": parcel.position,
            "dispatched_at": parcel.dispatched_at,
            "carrier_zh": parcel.carrier_zh,
            "tracking_number": parcel.tracking_number,
            "signed_on": parcel.signed_on,
            "picks": [],
        }
        for parcel in session.scalars(select(Dispatch).where(Dispatch.order_id == order_id).order_by(Dispatch.position))
    }
    rows = session.execute(
        select(Pick.dispatch_id, Lot.code, Product.sku, Pick.weight_g, Lot.certificate_number)
        .join(Lot, Lot.id == Pick.lot_id)
        .join(Product, Product.id == Lot.product_id)
        .where(Pick.dispatch_id.in_(parcels))
        .order_by(Pick.id)
    )
    for parcel_id, lot, sku, weight_g, certificate in rows:
        parcels[parcel_id]["picks"].append(
            {"lot": lot, "sku": sku, "weight_g": weight_g, "certificate_number": certificate}
        )
    return list(parcels.values())


def recalls_of(session: Session, order_id: int) -> list[dict[str, Any]]:
    """Recalls that stand of lots that went into an order: what its buyer has of them, and why they were recalled."""
    rows = session.execute(
        select(
            Recall.code, Lot.code.label("lot"), Product.sku, Product.name_zh, func.sum(Pick.weight_g).label("weight_g"),
            Recall.reason, Recall.announced_at,
        )
        .join(OrderLine, OrderLine.id == Pick.order_line_id)
        .join(Product, Product.id == OrderLine.product_id)
        .join(Lot, Lot.id == Pick.lot_id)
        .join(RecallLot, RecallLot.lot_id == Lot.id)
        .join(Recall, Recall.id == RecallLot.recall_id)
        .where(OrderLine.order_id == order_id, Recall.lifted_at.is_(None))
        .group_by(Recall.id, Lot.code, Product.sku, Product.name_zh)
        .order_by(Recall.id, Lot.code)
    ).mappings()  # fmt: skip
    return [dict(row) | {"weight_g": int(row["weight_g"])} for row in rows]


def stock_in_view(session: Session, found: dict[str, Any], *, now: datetime) -> dict[str, Any]:
    """For a shown order: what each line still needs and what is free of its product, and the lots, oldest first."""
    needed = {line["sku"]: line["weight_g"] - line["dispatched_g"] for line in found["lines"]}
    supply = supply_for(POLICIES[found["channel_kind"]], found["occasion_id"])
    free = session.execute(
        select(Product.sku, cast(func.sum(Pool.available_g), BigInteger))
        .join(Pool, Pool.product_id == Product.id)
        .where(Product.sku.in_(needed), reached(supply, now))
        .group_by(Product.sku)
    )
    available = dict(free.all())
    lots = session.execute(
        select(
            Product.sku, Lot.code.label("lot"), Lot.harvested_on, Lot.expires_on, Lot.certificate_number,
            Lot.left_g.label("left_g"),
        )
        .join(Product, Product.id == Lot.product_id)
        .where(Product.sku.in_(needed), Lot.expires_on > beijing_day(now), Lot.left_g > 0, ~standing(Lot.id))
        .order_by(Product.sku, Lot.harvested_on, Lot.id)
        .limit(200)
    )  # fmt: skip
    return {
        "lines": [
            {"sku": sku, "needed_g": grams, "available_g": available.get(sku, 0)} for sku, grams in needed.items()
        ],
        "lots": [dict(row) for row in lots.mappings()],
    }


def papers_then(order: dict[str, Any], goods: Catalog) -> list[dict[str, Any]]:
    """Licences and marks of an order's products that were held at the moment at which it was placed, no statement."""
    return [
        {
            "sku": product.sku, "kind": paper.kind.value, "name_zh": PAPER_ZH[paper.kind], "number": paper.number,
            "issued_on": paper.issued_on, "expires_on": paper.expires_on, "verified_at": paper.verified_at,
            "revoked_at": paper.revoked_at,
        }
        for product in (goods.by_sku[line["sku"]] for line in order["lines"])
        for paper in product.papers
        if paper.held_at(order["placed_at"])
    ]  # fmt: skip
