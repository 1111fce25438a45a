"""Joining a round, changing and withdrawing, by whoever holds the link and a secret of his own: no account."""

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from shop.catalog.models import Product
from shop.channels.actions import LINK_ALPHABET
from shop.kit.clock import BEIJING
from shop.kit.errors import NotFoundError
from shop.kit.states import record
from shop.rounds.actions import delete_entry
from shop.rounds.errors import (
    AlreadyJoined,
    NotInThisRound,
    PacksOutOfBounds,
    RoundFull,
    RoundNotOpen,
    RoundSoldOut,
    SecretNotKnown,
)
from shop.rounds.locks import locked_by_link
from shop.rounds.models import EntryLine, Round, RoundEntry, RoundProduct, RoundStatus

#: People in a round at most: above that a unit opens another.
MOST_PEOPLE = 1_000
#: Letters of a secret: 30^16, which nobody guesses.
SECRET_LETTERS = 16


@dataclass(frozen=True)
class Colleague:
    """Who joins. `phone_e164` in its normal form; at least one of phone and staff number."""

    name_zh: str
    phone_e164: str | None
    staff_number: str | None


def new_secret() -> str:
    """A secret that can be read out and typed, `abcd-efgh-jkmn-pqrs`."""
    letters = "".join(secrets.choice(LINK_ALPHABET) for _ in range(SECRET_LETTERS))
    return "-".join(letters[at : at + 4] for at in range(0, SECRET_LETTERS, 4))


def hashed(secret: str) -> bytes:
    """What is kept of a secret: the same however it was typed."""
    typed = "".join(char for char in secret.lower() if char.isalnum())
    return hashlib.sha256(typed.encode()).digest()


def join(
    session: Session, join_code: str, who: Colleague, wanted: Mapping[str, int], secret: str, *, now: datetime
) -> RoundEntry:
    """Join with packs by SKU. Locks the round, so that the total holds and nobody slips in after the closing.

    The same person with the same secret again changes his entry: a double tap joins once. Raises NotFoundError,
    RoundNotOpen, RoundFull, AlreadyJoined, NotInThisRound, PacksOutOfBounds, RoundSoldOut; then nothing is changed.
    """
    round_ = _open(session, join_code, now)
    mine = _entry(session, round_, secret)
    if mine is not None:
        if (mine.phone_e164, mine.staff_number) != (who.phone_e164, who.staff_number):
            raise AlreadyJoined
        return _rewritten(session, round_, mine, wanted, now)
    people, last = session.execute(
        select(func.count(), func.max(RoundEntry.position)).where(RoundEntry.round_id == round_.id)
    ).one()
    if people >= MOST_PEOPLE:
        raise RoundFull(people=MOST_PEOPLE)
    entry = RoundEntry(
        round_id=round_.id, position=(last or 0) + 1, name_zh=who.name_zh, phone_e164=who.phone_e164,
        staff_number=who.staff_number, secret_hash=hashed(secret), joined_at=now, changed_at=now,
    )  # fmt: skip
    packs = _checked(session, round_, wanted, None)
    try:
        with session.begin_nested():
            session.add(entry)
    except IntegrityError:
        raise AlreadyJoined from None
    _write(session, entry, packs)
    record(session, entry, "join", person_id=None, now=now, facts={"packs": dict(wanted)})
    session.flush()
    return entry


def change(session: Session, join_code: str, secret: str, wanted: Mapping[str, int], *, now: datetime) -> RoundEntry:
    """Ask for other packs than before. Locks the round.

    Raises SecretNotKnown, and as `join`; then nothing is changed.
    """
    round_ = _open(session, join_code, now)
    entry = _entry(session, round_, secret)
    if entry is None:
        raise SecretNotKnown
    return _rewritten(session, round_, entry, wanted, now)


def withdraw(session: Session, join_code: str, secret: str, *, now: datetime) -> None:
    """Leave the round: the row goes, and with it name and phone. Locks the round.

    Raises NotFoundError, RoundNotOpen, SecretNotKnown.
    """
    round_ = _open(session, join_code, now)
    entry = _entry(session, round_, secret)
    if entry is None:
        raise SecretNotKnown
    record(session, entry, "withdraw", person_id=None, now=now)
    delete_entry(session, entry)
    session.flush()


def entry_of(session: Session, join_code: str, secret: str) -> tuple[Round, RoundEntry]:
    """The round and the entry whose secret this is. Raises NotFoundError for no such link, SecretNotKnown."""
    found = session.execute(
        select(Round, RoundEntry)
        .outerjoin(RoundEntry, (RoundEntry.round_id == Round.id) & (RoundEntry.secret_hash == hashed(secret)))
        .where(Round.join_code == join_code)
    ).first()
    if found is None:
        raise NotFoundError(what=join_code)
    if found[1] is None:
        raise SecretNotKnown
    return found[0], found[1]


def _open(session: Session, join_code: str, now: datetime) -> Round:
    round_ = locked_by_link(session, join_code)
    if round_.status is not RoundStatus.OPEN or now >= round_.closes_at:
        raise RoundNotOpen(closes_at=f"{round_.closes_at.astimezone(BEIJING):%Y-%m-%d %H:%M}")
    return round_


def _entry(session: Session, round_: Round, secret: str) -> RoundEntry | None:
    return session.scalar(
        select(RoundEntry).where(RoundEntry.round_id == round_.id, RoundEntry.secret_hash == hashed(secret))
    )


def _rewritten(
    session: Session, round_: Round, entry: RoundEntry, wanted: Mapping[str, int], now: datetime
) -> RoundEntry:
    packs = _checked(session, round_, wanted, entry.id)
    session.execute(delete(EntryLine).where(EntryLine.entry_id == entry.id))
    _write(session, entry, packs)
    entry.changed_at = now
    record(session, entry, "change", person_id=None, now=now, facts={"packs": dict(wanted)})
    session.flush()
    return entry


def _checked(session: Session, round_: Round, wanted: Mapping[str, int], entry_id: int | None) -> dict[int, int]:
    """Packs by product id, within the bounds for a person and the total of the round. One statement."""
    others = (
        select(EntryLine.product_id, func.sum(EntryLine.quantity).label("packs"))
        .where(EntryLine.round_id == round_.id, EntryLine.entry_id != (entry_id or 0))
        .group_by(EntryLine.product_id)
        .subquery()
    )
    rows = session.execute(
        select(RoundProduct, Product.sku, Product.unit_zh, func.coalesce(others.c.packs, 0))
        .join(Product, Product.id == RoundProduct.product_id)
        .outerjoin(others, others.c.product_id == RoundProduct.product_id)
        .where(RoundProduct.round_id == round_.id)
    ).all()
    offered = {sku: (product, unit, int(taken)) for product, sku, unit, taken in rows}
    packs: dict[int, int] = {}
    for sku, quantity in wanted.items():
        if sku not in offered:
            raise NotInThisRound(sku=sku)
        product, unit, taken = offered[sku]
        if not product.least_packs <= quantity <= product.most_packs:
            raise PacksOutOfBounds(sku=sku, least=product.least_packs, most=product.most_packs, unit=unit)
        if product.total_packs is not None and taken + quantity > product.total_packs:
            raise RoundSoldOut(sku=sku, left=max(product.total_packs - taken, 0), unit=unit)
        packs[product.product_id] = quantity
    return packs


def _write(session: Session, entry: RoundEntry, packs: Mapping[int, int]) -> None:
    session.add_all(
        EntryLine(entry_id=entry.id, product_id=product_id, round_id=entry.round_id, quantity=quantity)
        for product_id, quantity in packs.items()
    )
