"""Tracing lots, orders and slips: one statement for each step, however often a lot was worked on."""

from collections import defaultdict
from collections.abc import Sequence
from enum import StrEnum
from typing import Any

from sqlalchemy import CTE, BigInteger, ColumnElement, Select, case, cast, func, or_, select
from sqlalchemy.orm import Session

from shop.access.actions import masked_name, masked_phone
from shop.access.guard import ALL, Actor, Owner, Role, may_see, scope
from shop.catalog.models import Firm, Product
from shop.channels.models import Partner
from shop.channels.policies import POLICIES, Payer
from shop.farmers.actions import normal_slip
from shop.farmers.models import Delivery, DeliveryCorrection, Household
from shop.farmers.queries import of_family
from shop.farmers.slips import STANDING_G, standing_fen
from shop.income.models import SalesReach
from shop.income.queries import reached_by_channel
from shop.kit.errors import NotFoundError
from shop.orders import queries as orders
from shop.orders.models import Dispatch, Order, OrderLine, OrderStatus, Pick
from shop.places.models import Township, Village
from shop.stock import queries as stock
from shop.stock.models import Lot, LotDelivery, LotPart, Movement, MovementKind, Pool, Recall, RecallLot, Reservation
from shop.stock.recalls import made_of, sources_of, standing

#: An order in one of these has been received.
RECEIVED = (OrderStatus.ACCEPTED, OrderStatus.SETTLED)
#: Rows of a file of orders.
ROWS_OF_A_FILE = 200_000


class Whether(StrEnum):
    """Whether goods of an order have left."""

    SENT = "sent"
    WAITING = "waiting"


def lot_trace(session: Session, actor: Actor, code: str) -> dict[str, Any]:
    """One lot: what it is made of, what was made of it, its identity, what was lost and why, recalls, orders by state.

    Raises NotFoundError for a missing and for a foreign one.
    """
    found = stock.lot(session, actor, code)
    lot_id = int(found["id"])
    tree = made_of([lot_id])
    states = session.execute(
        select(_STATE, func.count(Order.id.distinct()), func.sum(Pick.weight_g))
        .select_from(Pick)
        .join(OrderLine, OrderLine.id == Pick.order_line_id)
        .join(Order, Order.id == OrderLine.order_id)
        .where(Pick.lot_id.in_(select(tree.c.id)))
        .group_by(_STATE)
        .order_by(_STATE)
    )
    return found | {
        "slips": slips_of(session, actor, [lot_id]),
        "losses": _losses(session, lot_id),
        "recalls": stock.recalls(session, actor, Recall.id.in_(_recalls_of(lot_id)), limit=100),
        "orders": [{"state": state, "orders": number, "weight_g": int(grams)} for state, number, grams in states],
    }


_STATE = case((Order.status.in_(RECEIVED), "received"), else_="on_the_way").label("state")


def _recalls_of(lot_id: int) -> Select[Any]:
    return select(RecallLot.recall_id).where(RecallLot.lot_id == lot_id)


def _losses(session: Session, lot_id: int) -> list[dict[str, Any]]:
    """Grams lost of a lot, by reason."""
    lost = -func.sum(Movement.weight_g)
    rows = session.execute(
        select(Movement.reason, lost)
        .where(Movement.lot_id == lot_id, Movement.kind == MovementKind.WITHDRAW)
        .group_by(Movement.reason)
        .having(lost != 0)
        .order_by(Movement.reason)
    )
    return [{"reason": reason, "weight_g": int(grams)} for reason, grams in rows]


#: Who sees a household's code beside its slip, besides its family.
_SEES_CODE: dict[Role, Owner] = {
    Role.OPERATOR: ALL, Role.MANAGER: Township.party_id, Role.FIRM_STAFF: Firm.party_id,
}  # fmt: skip


def _sees_code(actor: Actor) -> ColumnElement[bool]:
    return or_(scope(actor, _SEES_CODE), of_family(actor, Household.id))


def slips_of(session: Session, actor: Actor, lot_ids: Sequence[int]) -> list[dict[str, Any]]:
    """The slips that lots, and all they were made of, consist of; households by code for who may see them."""
    tree = sources_of(lot_ids)
    rows = session.execute(
        select(
            Lot.code.label("lot"), Delivery.code.label("slip"),
            case((_sees_code(actor), Household.code)).label("household"), Village.short_zh.label("village_zh"),
            Township.name_zh.label("township_zh"), Delivery.delivered_on, Delivery.grade,
            LotDelivery.weight_g, Delivery.amount_fen, STANDING_G.label("standing_weight_g"),
            standing_fen().label("standing_amount_fen"),
        )
        .join(LotDelivery, LotDelivery.delivery_id == Delivery.id)
        .join(Lot, Lot.id == LotDelivery.lot_id)
        .join(Firm, Firm.id == Lot.firm_id)
        .join(Household, Household.id == Delivery.household_id)
        .join(Village, Village.id == Household.village_id)
        .join(Township, Township.id == Village.township_id)
        .where(LotDelivery.lot_id.in_(select(tree.c.id)))
        .order_by(Lot.id, Delivery.id)
    ).mappings()  # fmt: skip
    return [dict(row) for row in rows]


def lot_orders(
    session: Session, actor: Actor, code: str, whether: Whether, *, limit: int, before_id: int | None
) -> list[dict[str, Any]]:
    """Orders that a lot, or a lot made of it, went into (or might, `waiting`), newest first; buyers masked.

    Raises NotFoundError for a missing and for a foreign lot.
    """
    tree = made_of([int(stock.lot(session, actor, code)["id"])])
    query = _sent(tree) if whether is Whether.SENT else _waiting(tree)
    columns = query.subquery()
    wanted = select(columns).order_by(columns.c.id.desc()).limit(limit)
    if before_id is not None:
        wanted = wanted.where(columns.c.id < before_id)
    return [_shown(dict(row)) for row in session.execute(wanted).mappings()]


def _of_order(*columns: Any) -> Select[Any]:
    return (
        select(
            Order.number.label("order"), Order.channel_kind, Partner.name_zh.label("partner_name_zh"), Product.sku,
            Order.recipient, *columns,
        )
        .select_from(OrderLine)
        .join(Order, Order.id == OrderLine.order_id)
        .join(Partner, Partner.id == Order.partner_id)
        .join(Product, Product.id == OrderLine.product_id)
    )  # fmt: skip


def _sent(tree: CTE) -> Select[Any]:
    """Parcels with goods of the lots: on the way, or received."""
    return (
        _of_order(
            Pick.id, Lot.code.label("lot"), _STATE, Dispatch.dispatched_at, Dispatch.tracking_number, Pick.weight_g,
        )
        .join(Pick, Pick.order_line_id == OrderLine.id)
        .join(Dispatch, Dispatch.id == Pick.dispatch_id)
        .join(Lot, Lot.id == Pick.lot_id)
        .where(Pick.lot_id.in_(select(tree.c.id)))
    )  # fmt: skip


def _waiting(tree: CTE) -> Select[Any]:
    """Lines that hold the lots' products and have not left whole; `short_g`: what lots in no recall cannot fill.

    Who confirmed first is filled first, over all pools of a product.
    """
    products = select(Lot.product_id).where(Lot.id.in_(select(tree.c.id)))
    good = (
        select(Lot.product_id, func.sum(Lot.left_g).label("left_g"))
        .where(Lot.product_id.in_(products), ~standing(Lot.id))
        .group_by(Lot.product_id)
        .subquery("good")
    )
    holds = (
        select(Reservation.line_hold_id.label("id"), cast(func.sum(Reservation.held_g), BigInteger).label("held_g"))
        .join(Pool, Pool.id == Reservation.pool_id)
        .where(Pool.product_id.in_(products), Reservation.held_g > 0)
        .group_by(Reservation.line_hold_id)
        .subquery("holds")
    )
    before_g = func.sum(holds.c.held_g).over(partition_by=OrderLine.product_id, order_by=holds.c.id)
    missing_g = before_g - func.coalesce(good.c.left_g, 0)
    return (
        _of_order(
            holds.c.id, holds.c.held_g.label("weight_g"),
            func.greatest(func.least(missing_g, holds.c.held_g), 0).label("short_g"),
        )
        .join(holds, holds.c.id == OrderLine.reservation_id)
        .outerjoin(good, good.c.product_id == OrderLine.product_id)
    )  # fmt: skip


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    """A row with its channel, and its buyer as far as he may be seen: a consumer masked, others by their partner."""
    policy, recipient = POLICIES[row.pop("channel_kind")], row.pop("recipient") or {}
    consumer = policy.payer is Payer.CONSUMER
    return {"state": Whether.WAITING.value, "lot": None, "short_g": 0, "dispatched_at": None, **row} | {
        "channel": policy.kind.value,
        "channel_zh": policy.name_zh,
        "buyer": masked_name(str(recipient.get("name", ""))) if consumer else row["partner_name_zh"],
        "phone": masked_phone(str(recipient["phone"])) if recipient.get("phone") else None,
    }


def order_trace(session: Session, actor: Actor, number: str) -> dict[str, Any]:
    """An order, line by line: the lots it was picked from, where these grew; households for those who know the lots.

    Raises NotFoundError for a missing and for a foreign one.
    """
    found = orders.order(session, actor, number)
    firm_party = session.execute(select(Firm.party_id).where(Firm.id == found["firm_id"])).scalar_one()
    knows = may_see(actor, {Role.OPERATOR: ALL, Role.FIRM_STAFF: firm_party})
    rows = session.execute(
        select(OrderLine.position, Lot, func.sum(Pick.weight_g), Village.short_zh)
        .join(Pick, Pick.order_line_id == OrderLine.id)
        .join(Lot, Lot.id == Pick.lot_id)
        .join(Product, Product.id == OrderLine.product_id)
        .join(Village, Village.id == Product.origin_village_id)
        .where(OrderLine.order_id == found["id"])
        .group_by(OrderLine.position, Lot.id, Village.short_zh)
        .order_by(OrderLine.position, Lot.id)
    ).all()
    reached = _reached(session, int(found["id"])) if knows else {}
    recalled = {row["lot"]: row["reason"] for row in orders.recalls_of(session, int(found["id"]))}
    by_line: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for position, lot, grams, origin_zh in rows:
        slips = slips_of(session, actor, [lot.id])
        by_line[position].append(
            {
                "lot": lot.code, "weight_g": int(grams), "harvested_on": lot.harvested_on,
                "expires_on": lot.expires_on, "certificate_number": lot.certificate_number,
                "recalled_because": recalled.get(lot.code),
                "villages": sorted({f"{slip['township_zh']}{slip['village_zh']}" for slip in slips}) or [origin_zh],
                "slips": slips if knows else None,
                "reached": reached.get((position, lot.id), []) if knows else None,
            }
        )  # fmt: skip
    return {
        "order": number, "status": found["status"], "firm_name_zh": found["firm_name_zh"],
        "lines": [
            {"sku": line["sku"], "name_zh": line["name_zh"], "weight_g": line["weight_g"],
             "dispatched_g": line["dispatched_g"], "lots": by_line[line["position"]]}
            for line in found["lines"]
        ],
    }  # fmt: skip


def _reached(session: Session, order_id: int) -> dict[tuple[int, int], list[dict[str, Any]]]:
    """What an order's lines reached, by line and lot: household and fen, after all refunds."""
    found: dict[tuple[int, int], list[dict[str, Any]]] = defaultdict(list)
    for position, lot_id, household, fen in session.execute(
        select(OrderLine.position, SalesReach.lot_id, Household.code, func.sum(SalesReach.amount_fen))
        .join(OrderLine, OrderLine.id == SalesReach.order_line_id)
        .join(Household, Household.id == SalesReach.household_id)
        .where(OrderLine.order_id == order_id)
        .group_by(OrderLine.position, SalesReach.lot_id, Household.code)
        .order_by(OrderLine.position, SalesReach.lot_id, Household.code)
    ):
        found[position, lot_id].append({"household": household, "amount_fen": int(fen)})
    return found


def slip_trace(session: Session, actor: Actor, code: str) -> dict[str, Any]:
    """One slip: how its amount came about, corrections, the lots it went into, what their sales brought its household.

    Raises NotFoundError for a missing and for a foreign one.
    """
    found = session.execute(
        select(Delivery, Household.code, Firm.name_zh, Product.sku, Product.name_zh, LotDelivery.lot_id)
        .join(Household, Household.id == Delivery.household_id)
        .join(Village, Village.id == Household.village_id)
        .join(Township, Township.id == Village.township_id)
        .join(Firm, Firm.id == Delivery.firm_id)
        .join(Product, Product.id == Delivery.product_id)
        .outerjoin(LotDelivery, LotDelivery.delivery_id == Delivery.id)
        .where(Delivery.code == normal_slip(code), _sees_code(actor))
    ).first()
    if found is None:
        raise NotFoundError(what=code)
    slip, household, firm_zh, sku, name_zh, lot_id = found
    tree = made_of([lot_id] if lot_id else [])
    corrections = session.scalars(
        select(DeliveryCorrection)
        .where(DeliveryCorrection.delivery_id == slip.id)
        .order_by(DeliveryCorrection.position)
    )
    return {
        "slip": slip.code, "household": household, "firm_name_zh": firm_zh, "sku": sku, "name_zh": name_zh,
        "delivered_on": slip.delivered_on, "gross_g": slip.weight_g + slip.deduction_g,
        "deduction_g": slip.deduction_g, "weight_g": slip.weight_g, "grade": slip.grade,
        "base_price_fen_per_kg": slip.base_price_fen_per_kg, "factor_bp": slip.factor_bp,
        "price_fen_per_kg": slip.price_fen_per_kg, "amount_fen": slip.amount_fen, "signer": slip.signer,
        "corrections": [
            {"weight_g": made.weight_g, "price_fen_per_kg": made.price_fen_per_kg, "amount_fen": made.amount_fen,
             "change_fen": made.change_fen, "reason": made.reason, "recorded_at": made.recorded_at}
            for made in corrections
        ],
        "lots": _lots(session, tree, lot_id),
        "sales_reached": reached_by_channel(
            session, SalesReach.household_id == slip.household_id, SalesReach.lot_id.in_(select(tree.c.id))
        ),
    }  # fmt: skip


def _lots(session: Session, tree: CTE, first: int | None) -> list[dict[str, Any]]:
    """The lots of a tree; `kind`: delivered for the first, else how it was made of another."""
    kind: ColumnElement[str] = func.min(LotPart.kind)
    rows = session.execute(
        select(Lot.id, Lot.code, Lot.harvested_on, Lot.certificate_number, Product.name_zh, standing(Lot.id), kind)
        .join(Product, Product.id == Lot.product_id)
        .outerjoin(LotPart, LotPart.lot_id == Lot.id)
        .where(Lot.id.in_(select(tree.c.id)))
        .group_by(Lot.id, Product.name_zh)
        .order_by(Lot.id)
    )
    return [
        {
            "lot": code, "harvested_on": harvested_on, "certificate_number": certificate, "name_zh": name_zh,
            "recalled": recalled, "kind": "delivered" if lot_id == first else how,
        }
        for lot_id, code, harvested_on, certificate, name_zh, recalled, how in rows
    ]  # fmt: skip
