"""The stock of a live session: set aside when it opens, given back when it closes."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from shop.channels.actions import move_occasion
from shop.channels.models import Occasion, OccasionStatus, Offer
from shop.stock.actions import return_set_aside, set_aside


def open_session(session: Session, occasion: Occasion, *, actor_id: int | None, now: datetime) -> OccasionStatus:
    """Open it with what its offers promised set aside. The caller holds the occasion's lock.

    Raises MoveRefusedError, NotEnoughStock; the caller's transaction then ends, so nothing is changed.
    """
    status = move_occasion(session, occasion, "open", actor_id=actor_id, now=now)
    of_it = (Offer.occasion_id == occasion.id, Offer.set_aside_g > 0)
    promised = session.execute(select(Offer.product_id, Offer.set_aside_g).where(*of_it).order_by(Offer.product_id))
    set_aside(session, occasion.id, dict(promised.all()), now=now)
    return status


def close_session(session: Session, occasion: Occasion, *, actor_id: int | None, now: datetime) -> OccasionStatus:
    """Close it and give back what was neither sold nor held. What is still held comes back by the daily sweep.

    The caller holds the occasion's lock. Raises MoveRefusedError.
    """
    status = move_occasion(session, occasion, "close", actor_id=actor_id, now=now)
    session.flush()
    return_set_aside(session, occasion.id, now=now)
    return status
