"""Recording what households hand in."""

import unicodedata
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from shop.catalog.models import Firm, Product
from shop.catalog.season import in_harvest
from shop.farmers.errors import (
    DeliveredInTheFuture,
    DeliveryCodeTaken,
    NotADeliveredProduct,
    NotFoundError,
    NotOfThisFirm,
)
from shop.farmers.models import Delivery, Grade, Household, Membership
from shop.kit.clock import beijing_day
from shop.kit.money import price_of
from shop.kit.states import record


def household_by_code(session: Session, code: str) -> Household:
    """The household. Raises NotFoundError."""
    household = session.scalar(select(Household).where(Household.code == code))
    if household is None:
        raise NotFoundError(what=code)
    return household


def see_assisted(session: Session, household_id: int, need: str, *, actor_id: int | None, now: datetime) -> bool:
    """Whether the household is assisted, for somebody who needs to know: that he looked, and why, is kept."""
    household = session.get_one(Household, household_id)
    record(session, household, "see_assisted", person_id=actor_id, now=now, reason=need)
    return household.is_assisted


def normal_slip(code: str) -> str:
    """One form of a slip number: full-width digits and blanks make no second slip of it."""
    return "".join(unicodedata.normalize("NFKC", code).split()).upper()


def record_delivery(
    session: Session, firm: Firm, household: Household, product: Product, *, code: str, delivered_on: date,
    weight_g: int, grade: Grade, price_fen_per_kg: int, actor_id: int | None, now: datetime,
) -> Delivery:  # fmt: skip
    """One slip: amount = weight x price, half up. Booking the income is the caller's (room income).

    Raises DeliveredInTheFuture, NotOfThisFirm, NotADeliveredProduct, DeliveryCodeTaken; then nothing is changed.
    """
    slip = normal_slip(code)
    if delivered_on > beijing_day(now):
        raise DeliveredInTheFuture(day=str(delivered_on))
    related = session.scalar(
        select(Membership.id).where(Membership.household_id == household.id, Membership.firm_id == firm.id)
    )
    if related is None:
        raise NotOfThisFirm(household=household.code)
    harvested = in_harvest(product.harvest_start_month, product.harvest_end_month, delivered_on)
    if product.firm_id != firm.id or product.farm_gate_fen_per_kg is None or not harvested:
        raise NotADeliveredProduct(sku=product.sku, day=str(delivered_on))
    if session.scalar(select(Delivery.id).where(Delivery.code == slip)):
        raise DeliveryCodeTaken(slip=slip)
    delivery = Delivery(
        code=slip, household_id=household.id, firm_id=firm.id, product_id=product.id, delivered_on=delivered_on,
        weight_g=weight_g, grade=grade, price_fen_per_kg=price_fen_per_kg,
        amount_fen=price_of(weight_g, price_fen_per_kg), recorded_at=now,
    )  # fmt: skip
    session.add(delivery)
    session.flush()
    record(session, delivery, "record", person_id=actor_id, now=now)
    return delivery
