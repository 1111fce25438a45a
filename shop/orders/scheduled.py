"""Calling off by schedule: what agreements ask for on a day becomes orders."""

from dataclasses import dataclass, field
from datetime import date, datetime

from sqlalchemy.orm import Session

from shop.agreements.actions import DueCall, call_scheduled, due_calls
from shop.catalog.actions import product_by_sku
from shop.catalog.reference import Catalog, catalog
from shop.channels.reference import Selling, selling
from shop.kit.clock import beijing_day
from shop.kit.errors import DomainError
from shop.kit.reference import current_version
from shop.orders.place import Called, place_call_off


@dataclass
class Scheduled:
    """Orders placed, and (agreement, product, refusal) of those that could not be."""

    placed: int = 0
    refused: list[tuple[str, str, DomainError]] = field(default_factory=list)


def place_due(session: Session, day: date, *, now: datetime) -> Scheduled:
    """Call off and order what fell due up to `day` and was not called yet: run twice, the second time finds none.

    Each line has a savepoint of its own, so one that is refused (not for sale, a paper expired) stops no other; it is
    named in the result and tried again on each day after, while the agreement runs.
    """
    # Made up for after midnight, what was meant for yesterday comes today at the earliest.
    comes_on = max(day, beijing_day(now))
    version = current_version(session)
    goods, channels = catalog(session, version), selling(session, version)
    result = Scheduled()
    for due in due_calls(session, day):
        try:
            with session.begin_nested():
                result.placed += _place(session, due, comes_on, goods, channels, now)
        except DomainError as refusal:
            result.refused.append((due.agreement_code, due.sku, refusal))
    return result


def _place(session: Session, due: DueCall, day: date, goods: Catalog, channels: Selling, now: datetime) -> bool:
    """Whether there was anything left to call."""
    called = call_scheduled(session, due, product_by_sku(session, due.sku), day, now=now)
    if called is None:
        return False
    buyer = channels.partners_by_id[channels.occasions_by_code[due.agreement_code].partner_id]
    place_call_off(
        session, Called(called.id, due.agreement_code, due.sku, called.weight_g, called.price_fen_per_kg),
        buyer.party_id, goods=goods, selling=channels, actor_id=None, now=now,
    )  # fmt: skip
    return True
