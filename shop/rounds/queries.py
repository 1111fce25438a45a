"""Reading rounds: what a colleague may see of one, what its organiser sees, and who gets what of what came."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, case, func, select, true
from sqlalchemy.orm import Session

from shop.access.actions import masked_phone
from shop.access.guard import ALL, Actor, Owner, Role, scope
from shop.catalog.models import Firm
from shop.catalog.reference import Catalog, Rungs, reached
from shop.channels.models import Partner
from shop.channels.reference import selling
from shop.kit.errors import NotFoundError
from shop.kit.money import per_jin, split
from shop.orders.models import Order, OrderLine
from shop.orders.states import STATE_ZH as ORDER_ZH
from shop.rounds.models import EntryLine, HandOut, Round, RoundEntry, RoundProduct
from shop.rounds.states import STATE_ZH

#: Who is told the link of a round, by which colleagues join: the unit that buys. The county sees all of them.
ORGANISERS: dict[Role, Owner] = {Role.OPERATOR: ALL, Role.BUYER: Partner.party_id}
#: Whose a round is: also the firm's that sells. County and firm see figures, never names.
OWNERS: dict[Role, Owner] = {**ORGANISERS, Role.FIRM_STAFF: Firm.party_id}


def rounds(
    session: Session, actor: Actor, *wanted: ColumnElement[bool], goods: Catalog, day: date, limit: int
) -> list[dict[str, Any]]:
    """Up to `limit` rounds that `actor` sees, newest first, with totals and no names. Three statements.

    By which link colleagues join is not told to the firm.
    """
    told = scope(actor, ORGANISERS)
    return _rounds(session, scope(actor, OWNERS), *wanted, told=told, goods=goods, day=day, limit=limit)


def own_round(session: Session, actor: Actor, code: str, *, goods: Catalog, day: date) -> dict[str, Any]:
    """One round. Raises NotFoundError for a missing and for a foreign one."""
    found = rounds(session, actor, Round.code == code, goods=goods, day=day, limit=1)
    if not found:
        raise NotFoundError(what=code)
    return found[0]


def round_of_link(session: Session, join_code: str, *, goods: Catalog, day: date) -> dict[str, Any]:
    """What whoever has the link sees of the round. Raises NotFoundError."""
    found = _rounds(session, Round.join_code == join_code, told=true(), goods=goods, day=day, limit=1)
    if not found:
        raise NotFoundError(what=join_code)
    return found[0]


def _rounds(
    session: Session, *wanted: ColumnElement[bool], told: ColumnElement[bool], goods: Catalog, day: date, limit: int
) -> list[dict[str, Any]]:
    people = (
        select(func.count()).select_from(RoundEntry).where(RoundEntry.round_id == Round.id).correlate(Round)
    ).scalar_subquery()
    rows = session.execute(
        select(Round, Partner.code, Partner.name_zh, Order.number, Order.status, people, case((told, Round.join_code)))
        .join(Partner, Partner.id == Round.partner_id)
        .join(Firm, Firm.id == Round.firm_id)
        .outerjoin(Order, Order.id == Round.order_id)
        .where(*wanted)
        .order_by(Round.id.desc())
        .limit(limit)
    ).all()
    products = _products(session, [row[0].id for row in rows], goods, day)
    return [
        {
            "id": round_.id,
            "code": round_.code,
            "status": round_.status.value,
            "status_zh": STATE_ZH[round_.status],
            "partner": partner,
            "partner_name_zh": partner_name,
            "firm_name_zh": _firm_name(goods, round_.firm_id),
            "title_zh": round_.title_zh,
            "delivery_point_zh": round_.delivery_point_zh,
            "contact_name_zh": round_.contact_name_zh,
            "opened_at": round_.opened_at,
            "closes_at": round_.closes_at,
            "join_code": link,
            "join_path": link and f"/r/{link}",
            "people": joined,
            "products": products[round_.id],
            "amount_fen": sum(product["amount_fen"] for product in products[round_.id]),
            "order": number,
            "order_status_zh": ORDER_ZH[status] if status else None,
            "refusal": round_.refusal,
        }
        for round_, partner, partner_name, number, status, joined, link in rows
    ]


def _firm_name(goods: Catalog, firm_id: int) -> str:
    return next(firm.name_zh for firm in goods.firms if firm.firm_id == firm_id)


def _products(session: Session, round_ids: Sequence[int], goods: Catalog, day: date) -> dict[int, list[dict[str, Any]]]:
    """What each round offers and how far it has come: price at the tier reached, and the next tier."""
    asked = (
        select(EntryLine.round_id, EntryLine.product_id, func.sum(EntryLine.quantity).label("packs"))
        .where(EntryLine.round_id.in_(round_ids))
        .group_by(EntryLine.round_id, EntryLine.product_id)
        .subquery()
    )
    rows = session.execute(
        select(RoundProduct, func.coalesce(asked.c.packs, 0), OrderLine.price_fen, Round.partner_id)
        .join(Round, Round.id == RoundProduct.round_id)
        .outerjoin(asked, (asked.c.round_id == RoundProduct.round_id) & (asked.c.product_id == RoundProduct.product_id))
        .outerjoin(
            OrderLine, (OrderLine.order_id == Round.order_id) & (OrderLine.product_id == RoundProduct.product_id)
        )
        .where(RoundProduct.round_id.in_(round_ids))
        .order_by(RoundProduct.round_id, RoundProduct.position)
    )
    found: dict[int, list[dict[str, Any]]] = defaultdict(list)
    sales = selling(session, goods.version)
    for offered, packs, ordered_fen, partner_id in rows:
        product = goods.by_id[offered.product_id]
        rungs = sales.rungs_for(product, partner_id, max(int(packs), 1), day)
        price_fen = ordered_fen or reached(rungs, max(int(packs), 1)) or 0
        found[offered.round_id].append(
            {
                "sku": product.sku,
                "name_zh": product.name_zh,
                "spec_zh": product.spec_zh,
                "unit_zh": product.unit_zh,
                "least_packs": offered.least_packs,
                "most_packs": offered.most_packs,
                "left_packs": None if offered.total_packs is None else max(offered.total_packs - int(packs), 0),
                "packs": int(packs),
                "price_fen": price_fen,
                "price_per_jin_fen": per_jin(price_fen, product.net_weight_g),
                "amount_fen": int(packs) * price_fen,
                "next_tier": None if ordered_fen else _next_tier(rungs, int(packs)),
            }
        )
    return found


def _next_tier(rungs: Rungs, packs: int) -> dict[str, int] | None:
    """The tier above: packs still missing, and its price in fen."""
    above = [(least, fen) for least, fen in rungs if least > max(packs, 1)]
    return {"missing_packs": above[0][0] - packs, "price_fen": above[0][1]} if above else None


@dataclass
class Item:
    """One product of somebody: packs asked for and, once the goods were accepted, packs he gets. Price in fen."""

    sku: str
    name_zh: str
    unit_zh: str
    asked: int
    received: int | None
    price_fen: int

    @property
    def amount_fen(self) -> int:
        """What it costs: the packs he gets, or would get."""
        return (self.asked if self.received is None else self.received) * self.price_fen


@dataclass
class Person:
    """One row of the distribution list."""

    entry_id: int
    position: int
    name_zh: str
    phone: str | None
    staff_number: str | None
    joined_at: datetime
    changed_at: datetime
    handed_at: datetime | None
    items: list[Item] = field(default_factory=list)

    @property
    def amount_fen(self) -> int:
        """Sum of his items."""
        return sum(item.amount_fen for item in self.items)


@dataclass(frozen=True)
class Loose:
    """What was accepted of a product beyond whole packs: grams and fen that no person gets."""

    sku: str
    weight_g: int
    amount_fen: int


@dataclass(frozen=True)
class Distribution:
    """Who gets what. Persons and loose rest add up to what was accepted, to the fen, once it was."""

    people: list[Person]
    loose: list[Loose]
    accepted: bool


def distribution(session: Session, round_id: int, *, goods: Catalog, day: date) -> Distribution:
    """The distribution list by position. A short delivery is shared in proportion to what was asked.

    By largest remainder over whole packs, ties to who joined earlier (`kit.money.split`). Four statements.
    """
    people = {
        entry.id: Person(
            entry.id, entry.position, entry.name_zh, entry.phone_e164 and masked_phone(entry.phone_e164),
            entry.staff_number, entry.joined_at,
            entry.changed_at, handed_at,
        )
        for entry, handed_at in session.execute(
            select(RoundEntry, HandOut.handed_at)
            .outerjoin(HandOut, HandOut.entry_id == RoundEntry.id)
            .where(RoundEntry.round_id == round_id)
            .order_by(RoundEntry.position)
        )
    }  # fmt: skip
    asked: dict[int, dict[int, int]] = defaultdict(dict)
    rows = session.execute(
        select(EntryLine.product_id, EntryLine.entry_id, EntryLine.quantity)
        .join(RoundEntry, RoundEntry.id == EntryLine.entry_id)
        .where(EntryLine.round_id == round_id)
        .order_by(RoundEntry.position)
    )
    for product_id, entry_id, quantity in rows:
        asked[product_id][entry_id] = quantity
    ordered = {
        line.product_id: line
        for line in session.scalars(
            select(OrderLine).join(Round, Round.order_id == OrderLine.order_id).where(Round.id == round_id)
        )
    }
    offered = session.scalars(
        select(RoundProduct.product_id).where(RoundProduct.round_id == round_id).order_by(RoundProduct.position)
    ).all()
    sales = selling(session, goods.version)
    partner_id = session.execute(select(Round.partner_id).where(Round.id == round_id)).scalar_one()
    loose = []
    for product_id in offered:
        product, line, wanted = goods.by_id[product_id], ordered.get(product_id), asked[product_id]
        accepted = line is not None and line.accepted_g is not None
        packs = sum(wanted.values())
        rungs = sales.rungs_for(product, partner_id, max(packs, 1), day)
        price_fen = line.price_fen if line else reached(rungs, max(packs, 1)) or 0
        got = _shared(wanted, line) if line is not None and accepted else {}
        for entry_id, quantity in wanted.items():
            received = got.get(entry_id, 0) if accepted else None
            people[entry_id].items.append(
                Item(product.sku, product.name_zh, product.unit_zh, quantity, received, price_fen)
            )
        if line is not None and accepted:
            packs = sum(got.values())
            rest_g = (line.accepted_g or 0) - packs * line.unit_weight_g
            if rest_g:
                rest_fen = (line.accepted_fen or 0) - packs * line.price_fen
                loose.append(Loose(product.sku, rest_g, rest_fen))
    is_accepted = any(line.accepted_g is not None for line in ordered.values())
    return Distribution(list(people.values()), loose, is_accepted)


def _shared(wanted: Mapping[int, int], line: OrderLine) -> dict[int, int]:
    """Whole packs accepted of a line, shared over who asked for them."""
    packs = (line.accepted_g or 0) // line.unit_weight_g
    return dict(zip(wanted, split(packs, list(wanted.values())), strict=True))


def boxes(people: Sequence[Person]) -> list[dict[str, Any]]:
    """One row for each pack, in the order of the people: number, product, whose it is."""
    rows: list[dict[str, Any]] = []
    for person in people:
        for item in person.items:
            packs = item.asked if item.received is None else item.received
            rows += [
                {
                    "box": len(rows) + nth, "sku": item.sku, "name_zh": item.name_zh, "position": person.position,
                    "person_zh": person.name_zh,
                }
                for nth in range(1, packs + 1)
            ]  # fmt: skip
    return rows


def person_row(person: Person) -> dict[str, Any]:
    """A person as the organiser reads him."""
    return {
        "position": person.position,
        "name_zh": person.name_zh,
        "phone": person.phone,
        "staff_number": person.staff_number,
        "joined_at": person.joined_at,
        "changed_at": person.changed_at,
        "handed_at": person.handed_at,
        "items": person.items,
        "amount_fen": person.amount_fen,
    }
