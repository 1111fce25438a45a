"""Correcting a slip: the slip stays as it was written, the difference is an entry of its own that names it."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import ARRAY, BigInteger, any_, literal, select
from sqlalchemy.orm import Session

from shop.agreements.grades import hold_farm_gate_floor
from shop.farmers.actions import hold_relation, normal_slip, worth_of
from shop.farmers.models import Delivery, DeliveryCorrection, Household
from shop.farmers.slips import STANDING_G
from shop.income.actions import book_events
from shop.income.errors import NothingToCorrect
from shop.kit.errors import NotFoundError


def locked_slip(session: Session, code: str) -> Delivery:
    """The slip, locked: two corrections of it come one after the other; its number as people write it.

    Raises NotFoundError.
    """
    slip = session.scalar(select(Delivery).where(Delivery.code == normal_slip(code)).with_for_update())
    if slip is None:
        raise NotFoundError(what=code)
    return slip


def voided(session: Session, slip_ids: Collection[int]) -> set[int]:
    """The slips among these that are void as things stand: the last correction says zero grams."""
    among = Delivery.id == any_(literal(sorted(slip_ids), ARRAY(BigInteger)))
    return set(session.scalars(select(Delivery.id).where(among, STANDING_G == 0)))


def correct_slip(
    session: Session, slip: Delivery, weight_g: int, price_fen_per_kg: int, reason: str, *, actor_id: int | None,
    now: datetime,
) -> list[DeliveryCorrection]:  # fmt: skip
    """Say what the slip should have said (grams, fen per kg; zero grams = void) and book the difference.

    No entry is of nothing: where the weight changes and the amount does not, two are made, of which the first takes the
    slip back. It lands in the slip's month while that is open, else in the open one. The caller holds the slip's lock.
    The weight of the slip's lot and what it already reached by sales stay; later sales are shared by what it says now.
    What is priced anew keeps the farm-gate floor of the slip's day, a void slip that counts again too; of that one the
    household is still of the firm on its day. Raises NothingToCorrect, SlipWorthNothing, SlipTooLarge, NotOfThisFirm,
    BelowFarmGateFloor; then nothing is changed.
    """
    before = session.scalar(
        select(DeliveryCorrection)
        .where(DeliveryCorrection.delivery_id == slip.id)
        .order_by(DeliveryCorrection.position.desc())
        .limit(1)
    )
    held: Delivery | DeliveryCorrection = before or slip
    amount_fen = worth_of(slip.code, weight_g, price_fen_per_kg) if weight_g else 0
    if amount_fen == held.amount_fen and (weight_g == held.weight_g or not amount_fen):
        raise NothingToCorrect(slip=slip.code, weight_g=weight_g, amount_fen=amount_fen)
    if weight_g and not held.weight_g:
        hold_relation(session, session.get_one(Household, slip.household_id), slip.firm_id, slip.delivered_on)
    if weight_g and (price_fen_per_kg != held.price_fen_per_kg or not held.weight_g):
        hold_farm_gate_floor(session, slip.product_id, slip.delivered_on, slip.grade, price_fen_per_kg)
    said = [(weight_g, price_fen_per_kg, amount_fen)]
    if amount_fen == held.amount_fen:
        said.insert(0, (0, held.price_fen_per_kg, 0))
    made: list[DeliveryCorrection] = []
    for position, (grams, fen_per_kg, fen) in enumerate(said, before.position + 1 if before else 1):
        correction = DeliveryCorrection(
            delivery_id=slip.id, position=position, weight_g=grams, price_fen_per_kg=fen_per_kg, amount_fen=fen,
            change_g=grams - held.weight_g, change_fen=fen - held.amount_fen, reason=reason, recorded_by_id=actor_id,
            recorded_at=now,
        )  # fmt: skip
        made.append(correction)
        held = correction
    session.add_all(made)
    session.flush()
    book_events(session, "deliveries", [slip.id], now=now)  # nothing is corrected before it was booked
    book_events(session, "delivery_corrections", [correction.id for correction in made], now=now)
    return made
