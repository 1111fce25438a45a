"""What changes a buying round: open, close into one order, cancel, remove somebody, hand out."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from shop.catalog.models import Product
from shop.catalog.reference import Catalog
from shop.channels.actions import LINK_ALPHABET, move_occasion, plan_occasion
from shop.channels.models import Occasion, OccasionKind, Partner
from shop.channels.policies import channel_of_partner
from shop.channels.reference import Selling
from shop.kit.clock import beijing_day
from shop.kit.errors import DomainError, NotFoundError
from shop.kit.states import advance, record
from shop.orders.errors import NotForSale, OneSellerPerOrder
from shop.orders.models import Order, OrderStatus
from shop.orders.place import Asked, Placed, Request, place_order, sellable_product
from shop.rounds.errors import ClosesTooLate, NobodyJoined, NoRoundsHere, NothingToHandOut
from shop.rounds.models import EntryLine, HandOut, Round, RoundEntry, RoundProduct, RoundStatus
from shop.rounds.states import ROUND_LIFE
from shop.stock import asides
from shop.stock.models import Pool

#: A round is open for two months at most: prices and harvest move on.
LONGEST = timedelta(days=60)
#: After the closing time, a round that could not be ordered at once may be ordered for so long.
ORDER_WITHIN = timedelta(days=7)

#: How long after its closing a round that is over still knows who joined: delivery, claims, the unit's own accounts.
KNOWN_FOR = timedelta(days=180)
FORGOTTEN_ZH = "（已隐去）"


@dataclass(frozen=True)
class Terms:
    """Packs of one product for a person who wants it, and for all together (None = as many as they want)."""

    sku: str
    least_packs: int
    most_packs: int
    total_packs: int | None = None


@dataclass(frozen=True)
class Where:
    """Where the goods of a round go, and who receives them there. `phone_e164` in its normal form."""

    delivery_point_zh: str
    contact_name_zh: str
    contact_phone_e164: str


def open_round(
    session: Session, partner: Partner, campaign_id: int, title_zh: str, closes_at: datetime, where: Where,
    products: Sequence[Terms], *, goods: Catalog, actor_id: int | None, now: datetime,
) -> Round:  # fmt: skip
    """Open a round of `partner` for products of one firm, each sellable on the closing day.

    Raises NoRoundsHere, ClosesTooLate, OneSellerPerOrder and what `orders.place.sellable_product` raises.
    """
    policy = channel_of_partner(partner.kind)
    if policy.occasion is not OccasionKind.ROUND:
        raise NoRoundsHere(partner=partner.code)
    if not now < closes_at <= now + LONGEST:
        raise ClosesTooLate(days=LONGEST.days)
    day = beijing_day(closes_at)
    chosen = [sellable_product(goods, terms.sku, policy, day) for terms in products]
    for product in chosen:
        if product.price_for(1, day) is None:
            raise NotForSale(sku=product.sku)
    firms = {product.firm_id: product.firm_code for product in chosen}
    if len(firms) != 1:
        raise OneSellerPerOrder(firms=", ".join(sorted(firms.values())))
    code = f"T{beijing_day(now):%y%m%d}-{_letters(5)}"
    occasion = plan_occasion(
        session, OccasionKind.ROUND, code, campaign_id, partner, title_zh, now, closes_at + ORDER_WITHIN, [],
        actor_id=actor_id, now=now,
    )  # fmt: skip
    move_occasion(session, occasion, "open", actor_id=actor_id, now=now)
    round_ = Round(
        code=code, join_code=_letters(10), status=RoundStatus.OPEN, occasion_id=occasion.id,
        occasion_kind=occasion.kind, partner_id=partner.id, firm_id=next(iter(firms)), title_zh=title_zh,
        delivery_point_zh=where.delivery_point_zh, contact_name_zh=where.contact_name_zh,
        contact_phone_e164=where.contact_phone_e164, opened_at=now, closes_at=closes_at,
    )  # fmt: skip
    session.add(round_)
    session.flush()
    session.add_all(
        RoundProduct(
            round_id=round_.id, product_id=product.product_id, firm_id=round_.firm_id, position=position,
            least_packs=terms.least_packs, most_packs=terms.most_packs, total_packs=terms.total_packs,
        )
        for position, (product, terms) in enumerate(zip(chosen, products, strict=True), 1)
    )  # fmt: skip
    record(session, round_, "open", person_id=actor_id, now=now, to_state=RoundStatus.OPEN)
    session.flush()
    return round_


def _letters(number: int) -> str:
    return "".join(secrets.choice(LINK_ALPHABET) for _ in range(number))


def close_round(
    session: Session, round_: Round, *, goods: Catalog, selling: Selling, actor_id: int | None, now: datetime
) -> Placed:
    """End the joining and place the ONE bulk order of what everybody asked for. The caller holds the round's lock.

    A round that the clock closed and could not order is ordered now. Raises MoveRefusedError, NobodyJoined and what
    `orders.place.place_order` raises; then nothing is changed.
    """
    if round_.status is not RoundStatus.CLOSED:
        advance(session, round_, ROUND_LIFE, "close", person_id=actor_id, now=now)
    placed = _order(session, round_, goods, selling, actor_id, now)
    round_.order_id, round_.refusal = placed.order_id, None
    advance(session, round_, ROUND_LIFE, "order", person_id=actor_id, now=now, facts={"order": placed.number})
    _end_occasion(session, round_, actor_id, now)
    return placed


def _order(
    session: Session, round_: Round, goods: Catalog, selling: Selling, actor_id: int | None, now: datetime
) -> Placed:
    totals = session.execute(
        select(EntryLine.product_id, func.sum(EntryLine.quantity))
        .join(RoundProduct, (RoundProduct.round_id == EntryLine.round_id)
              & (RoundProduct.product_id == EntryLine.product_id))
        .where(EntryLine.round_id == round_.id)
        .group_by(EntryLine.product_id, RoundProduct.position)
        .order_by(RoundProduct.position)
    ).all()  # fmt: skip
    if not totals:
        raise NobodyJoined(round=round_.code)
    partner = selling.partners_by_id[round_.partner_id]
    request = Request(
        lines=[Asked(goods.by_id[product_id].sku, int(packs)) for product_id, packs in totals],
        buyer_party_id=partner.party_id,
        partner=partner.code,
        occasion=round_.code,
        recipient={
            "name": round_.contact_name_zh, "phone": round_.contact_phone_e164, "address": round_.delivery_point_zh,
        },
    )  # fmt: skip
    return place_order(session, request, goods=goods, selling=selling, actor_id=actor_id, now=now)


def _end_occasion(session: Session, round_: Round, actor_id: int | None, now: datetime) -> None:
    occasion = session.get_one(Occasion, round_.occasion_id, with_for_update=True)
    move_occasion(session, occasion, "close", actor_id=actor_id, now=now)
    session.flush()


def cancel_round(
    session: Session, round_: Round, *, actor_id: int | None, now: datetime, reason: str | None = None
) -> None:
    """Call a round off before it was ordered. The caller holds the round's lock. Raises MoveRefusedError."""
    advance(session, round_, ROUND_LIFE, "cancel", person_id=actor_id, now=now, reason=reason)
    _end_occasion(session, round_, actor_id, now)


def close_due(session: Session, *, goods: Catalog, selling: Selling, now: datetime, limit: int = 20) -> int:
    """Close and order the rounds whose time has come; returns how many. Skips those somebody else is working on.

    An empty round is cancelled. One that cannot be ordered (out of season, a paper expired) stays closed, with the code
    of the refusal, for its organiser to order or cancel; it stops no other.
    """
    due = session.scalars(
        select(Round)
        .where(Round.status == RoundStatus.OPEN, Round.closes_at <= now)
        .order_by(Round.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    for round_ in due:
        try:
            with session.begin_nested():
                close_round(session, round_, goods=goods, selling=selling, actor_id=None, now=now)
        except NobodyJoined:
            cancel_round(session, round_, actor_id=None, now=now)
        except DomainError as refusal:
            advance(session, round_, ROUND_LIFE, "close", person_id=None, now=now, facts={"refusal": refusal.code})
            round_.refusal = refusal.code
    session.flush()
    return len(due)


def follow_cancelled(session: Session, *, now: datetime) -> int:
    """Cancel the rounds whose bulk order was cancelled; returns how many. Skips those somebody else is working on."""
    fallen = session.execute(
        select(Round, Order.number)
        .join(Order, Order.id == Round.order_id)
        .where(Round.status == RoundStatus.ORDERED, Order.status == OrderStatus.CANCELLED)
        .order_by(Round.id)
        .with_for_update(of=Round, skip_locked=True)
    ).all()
    for round_, number in fallen:
        advance(session, round_, ROUND_LIFE, "lose_order", person_id=None, now=now, facts={"order": number})
    session.flush()
    return len(fallen)


def set_aside(
    session: Session, round_: Round, product: Product, weight_g: int, until: datetime, *, actor_id: int | None,
    now: datetime,
) -> Pool:  # fmt: skip
    """The firm sets stock aside for a round that is not ordered yet. The caller holds the round's lock.

    Raises MoveRefusedError, NotFoundError for a product that the round does not offer, and what `asides.start` raises.
    """
    if round_.status not in (RoundStatus.OPEN, RoundStatus.CLOSED):
        raise ROUND_LIFE.refusal(round_.status, "set_aside")
    if session.get(RoundProduct, (round_.id, product.id)) is None:
        raise NotFoundError(what=product.sku)
    return asides.start(session, product, weight_g, until, occasion_id=round_.occasion_id, actor_id=actor_id, now=now)


def return_asides(session: Session, *, now: datetime) -> int:
    """Return what was set aside for rounds whose bulk order holds its goods, and for cancelled ones; the grams.

    An order that waits for its approval holds nothing yet: until then its goods stay set aside.
    """
    over = or_(Round.status.in_((RoundStatus.FINISHED, RoundStatus.CANCELLED)), Order.status != OrderStatus.PLACED)
    occasions = session.scalars(
        select(Round.occasion_id)
        .join(Pool, Pool.occasion_id == Round.occasion_id)
        .outerjoin(Order, Order.id == Round.order_id)
        .where(Pool.ended_at.is_(None), over)
    ).all()
    return asides.end_for(session, occasions, now=now) if occasions else 0


def remove_entry(
    session: Session, round_: Round, position: int, reason: str, *, actor_id: int | None, now: datetime
) -> None:
    """The organiser takes out an entry (a stranger, somebody twice) while the round is not ordered.

    The row goes; the round's history keeps the reason and no name. Raises NotFoundError, MoveRefusedError.
    """
    if round_.status not in (RoundStatus.OPEN, RoundStatus.CLOSED):
        raise ROUND_LIFE.refusal(round_.status, "remove")
    entry = session.scalar(select(RoundEntry).where(RoundEntry.round_id == round_.id, RoundEntry.position == position))
    if entry is None:
        raise NotFoundError(what=str(position))
    delete_entry(session, entry)
    record(session, round_, "remove", person_id=actor_id, now=now, reason=reason, facts={"position": position})
    session.flush()


def forget_people(session: Session, *, now: datetime) -> int:
    """Take names, phones and staff numbers out of rounds that are over since `KNOWN_FOR`; packs stay. One statement.

    PIPL, arts 19 and 47: kept no longer than the purpose needs, then deleted or de-identified. Returns how many people.
    """
    over = select(Round.id).where(
        Round.status.in_((RoundStatus.FINISHED, RoundStatus.CANCELLED)), Round.closes_at < now - KNOWN_FOR
    )
    nobody = func.concat("#", RoundEntry.position)
    gone = session.execute(
        update(RoundEntry)
        .where(RoundEntry.round_id.in_(over), RoundEntry.staff_number.is_distinct_from(nobody))
        .values(name_zh=FORGOTTEN_ZH, phone_e164=None, staff_number=nobody)
        .execution_options(synchronize_session=False)
    )
    return int(gone.rowcount)  # type: ignore[attr-defined]


def delete_entry(session: Session, entry: RoundEntry) -> None:
    """Take an entry and its lines away: no row says that somebody did not buy."""
    session.execute(delete(EntryLine).where(EntryLine.entry_id == entry.id))
    session.execute(delete(RoundEntry).where(RoundEntry.id == entry.id))
    session.expunge(entry)


def hand_out(session: Session, round_: Round, positions: Sequence[int], *, actor_id: int, now: datetime) -> None:
    """Record who was handed his goods; doing it twice does it once. After the last one the round is finished.

    The caller holds the round's lock. Raises NothingToHandOut before the goods were accepted, NotFoundError for a
    position that is not in the round; then nothing is changed.
    """
    if round_.order_id is None or session.scalar(select(Order.accepted_at).where(Order.id == round_.order_id)) is None:
        raise NothingToHandOut(round=round_.code)
    entries = dict(
        session.execute(select(RoundEntry.position, RoundEntry.id).where(RoundEntry.round_id == round_.id)).all()
    )
    missing = [position for position in positions if position not in entries]
    if missing:
        raise NotFoundError(what=str(missing[0]))
    rows = [
        {"entry_id": entries[position], "round_id": round_.id, "handed_at": now, "handed_by_id": actor_id}
        for position in positions
    ]
    session.execute(insert(HandOut).values(rows).on_conflict_do_nothing())
    handed = session.scalar(select(func.count()).where(HandOut.round_id == round_.id))
    if handed == len(entries) and round_.status is RoundStatus.ORDERED:
        advance(session, round_, ROUND_LIFE, "finish", person_id=actor_id, now=now)
    session.flush()
