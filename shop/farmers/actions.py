"""Recording what households hand in, and what a record of one should have said."""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from shop.access.actions import ensure_party
from shop.access.models import PartyKind
from shop.catalog.models import Firm, Product
from shop.catalog.season import in_harvest
from shop.farmers.errors import (
    DeliveredInTheFuture,
    DeliveryCodeTaken,
    FactorTaken,
    HouseholdTaken,
    LeasedBeyondLand,
    NoGradeFactor,
    NotADeliveredProduct,
    NotFoundError,
    NothingToChange,
    NotOfThisFirm,
    SlipTooLarge,
    SlipWorthNothing,
)
from shop.farmers.families import stood_on
from shop.farmers.locks import IMPORTS
from shop.farmers.models import Delivery, Grade, GradeFactor, Household, Membership
from shop.farmers.slips import STANDING_G
from shop.kit.clock import beijing_day
from shop.kit.codes import way_out
from shop.kit.db import hold
from shop.kit.money import part, price_of
from shop.kit.schemas import MAX_FEN
from shop.kit.states import record
from shop.places.models import Village


def household_by_code(session: Session, code: str) -> Household:
    """The household. Raises NotFoundError."""
    household = session.scalar(select(Household).where(Household.code == code))
    if household is None:
        raise NotFoundError(what=code)
    return household


def register_household(
    session: Session, code: str, village: Village, persons: int, land_mu_tenths: int, leased_out_mu_tenths: int, *,
    actor_id: int | None, now: datetime,
) -> Household:  # fmt: skip
    """A family that was not recorded before, by its pseudonym; land in tenths of a mu. It belongs to no firm yet.

    Waits for an import. Raises HouseholdTaken, LeasedBeyondLand.
    """
    hold(session, IMPORTS, shared=True)
    household = Household(
        code=code, party_id=ensure_party(session, PartyKind.HOUSEHOLD, code, code), village_id=village.id,
        persons=persons, land_mu_tenths=land_mu_tenths, leased_out_mu_tenths=leased_out_mu_tenths, is_assisted=False,
    )  # fmt: skip
    _leases_its_own(household)
    try:
        with session.begin_nested():
            session.add(household)
    except IntegrityError:
        raise HouseholdTaken(household=code) from None
    record(session, household, "register", person_id=actor_id, now=now, facts={"village": village.code})
    return household


def see_assisted(session: Session, household_id: int, need: str, *, actor_id: int | None, now: datetime) -> bool:
    """Whether the household is assisted, for somebody who needs to know: that he looked, and why, is kept."""
    household = session.get_one(Household, household_id)
    record(session, household, "see_assisted", person_id=actor_id, now=now, reason=need)
    return household.is_assisted


def correct_household(
    session: Session, household: Household, said: Mapping[str, int], reason: str, *, actor_id: int | None, now: datetime
) -> None:
    """Say what a record should say: persons, tenths of a mu of land and of what is leased out of it.

    What it said is kept with the reason. The caller holds the household's lock and knows what its land is needed for.
    Raises NothingToChange, LeasedBeyondLand.
    """
    changed: dict[str, object] = {
        name: [getattr(household, name), value] for name, value in said.items() if value != getattr(household, name)
    }
    if not changed:
        raise NothingToChange(household=household.code)
    for name, value in said.items():
        setattr(household, name, value)
    _leases_its_own(household)
    session.flush()
    record(session, household, "correct", person_id=actor_id, now=now, reason=reason, facts=changed)


def _leases_its_own(household: Household) -> None:
    """Raises LeasedBeyondLand."""
    land, leased_out = household.land_mu_tenths, household.leased_out_mu_tenths
    if leased_out > land:
        raise LeasedBeyondLand(household=household.code, land_mu_tenths=land, leased_out_mu_tenths=leased_out)


def set_village(
    session: Session, household: Household, village: Village, reason: str, *, actor_id: int | None, now: datetime
) -> None:
    """Say in which village the household lives: reports count all that it ever had there. The caller holds its lock.

    Where it was said to live is kept with the reason. Raises NothingToChange.
    """
    if village.id == household.village_id:
        raise NothingToChange(household=household.code)
    before = session.get_one(Village, household.village_id)
    household.village_id = village.id
    session.flush()
    facts: dict[str, object] = {"village": [before.code, village.code]}
    record(session, household, "set_village", person_id=actor_id, now=now, reason=reason, facts=facts)


def set_assisted(
    session: Session, household: Household, is_assisted: bool, reason: str, *, actor_id: int | None, now: datetime
) -> None:
    """Say whether the household is assisted from now on; the caller holds its lock.

    Said again it is kept again, and refused never: a refusal would tell what it is without a need that is kept.
    """
    household.is_assisted = is_assisted
    session.flush()
    facts: dict[str, object] = {"is_assisted": is_assisted}
    record(session, household, "set_assisted", person_id=actor_id, now=now, reason=reason, facts=facts)


def normal_slip(code: str) -> str:
    """One form of a slip number: full-width digits and blanks make no second slip of it."""
    return "".join(unicodedata.normalize("NFKC", code).split()).upper()


@dataclass(frozen=True)
class Slip:
    """What a slip says. `weight_g`: net, after the deduction. A price as agreed, or a base price for the grade."""

    code: str
    delivered_on: date
    weight_g: int
    grade: Grade
    price_fen_per_kg: int | None = None
    base_price_fen_per_kg: int | None = None
    deduction_g: int = 0
    signer: str | None = None


def set_grade_factor(
    session: Session, firm: Firm | None, grade: Grade, valid_from: date, factor_bp: int, *, actor_id: int | None,
    now: datetime,
) -> GradeFactor:  # fmt: skip
    """What a grade is paid of the base price from a day on, at a firm or (None) in the county. Raises FactorTaken."""
    same = GradeFactor.firm_id.is_(None) if firm is None else GradeFactor.firm_id == firm.id
    taken = select(GradeFactor.id).where(same, GradeFactor.grade == grade, GradeFactor.valid_from == valid_from)
    if session.scalar(taken):
        raise FactorTaken(grade=grade.value, valid_from=str(valid_from))
    factor = GradeFactor(
        firm_id=firm.id if firm else None, grade=grade, valid_from=valid_from, factor_bp=factor_bp,
        recorded_by_id=actor_id, recorded_at=now,
    )  # fmt: skip
    session.add(factor)
    session.flush()
    return factor


class GradeFactors:
    """The factors of a firm's grades, read once: its own of the day where it has one, else the county's."""

    def __init__(self, session: Session, firm_id: int) -> None:
        rows = session.scalars(
            select(GradeFactor)
            .where(or_(GradeFactor.firm_id.is_(None), GradeFactor.firm_id == firm_id))
            .order_by(GradeFactor.firm_id.is_not(None).desc(), GradeFactor.valid_from.desc())
        )
        self._rows = [(row.grade, row.valid_from, row.factor_bp) for row in rows]

    def of(self, grade: Grade, day: date) -> int | None:
        """Basis points of the base price on that day; None where nobody set any."""
        return next((factor_bp for of, since, factor_bp in self._rows if of is grade and since <= day), None)


def price_of_grade(slip: Slip, factors: GradeFactors) -> tuple[int, int | None]:
    """(fen per kg, factor) of a slip: base price x factor, half up, or the agreed price. Raises NoGradeFactor."""
    if slip.base_price_fen_per_kg is None:
        return slip.price_fen_per_kg or 0, None
    factor = factors.of(slip.grade, slip.delivered_on)
    if factor is None:
        raise NoGradeFactor(grade=slip.grade.value, day=str(slip.delivered_on))
    return part(slip.base_price_fen_per_kg, factor), factor


def worth_of(slip: str, weight_g: int, price_fen_per_kg: int) -> int:
    """Fen of a slip: weight x price, half up; something, and no more than may be paid at once.

    Raises SlipWorthNothing, SlipTooLarge.
    """
    amount_fen = price_of(weight_g, price_fen_per_kg)
    if not amount_fen:
        raise SlipWorthNothing(slip=slip)
    if amount_fen > MAX_FEN:
        raise SlipTooLarge(slip=slip, amount_fen=amount_fen, most_fen=MAX_FEN)
    return amount_fen


def hold_relation(session: Session, household: Household, firm_id: int, day: date) -> None:
    """Who delivers on a day is of the firm then. Raises NotOfThisFirm."""
    related = session.scalar(
        select(Membership.id).where(
            Membership.household_id == household.id, Membership.firm_id == firm_id,
            stood_on(Membership.household_id.expression, Membership.firm_id.expression, day),
        )
    )  # fmt: skip
    if related is None:
        raise NotOfThisFirm(household=household.code)


def record_delivery(
    session: Session, firm: Firm, household: Household, product: Product, slip: Slip, *, actor_id: int | None,
    now: datetime,
) -> Delivery:  # fmt: skip
    """One slip: amount = net weight x price, half up. Booking the income is the caller's (room income).

    Raises DeliveredInTheFuture, NotOfThisFirm, NotADeliveredProduct, NoGradeFactor, SlipWorthNothing, SlipTooLarge,
    DeliveryCodeTaken; then nothing is changed.
    """
    code = normal_slip(slip.code)
    if slip.delivered_on > beijing_day(now):
        raise DeliveredInTheFuture(day=str(slip.delivered_on))
    hold_relation(session, household, firm.id, slip.delivered_on)
    harvested = in_harvest(product.harvest_start_month, product.harvest_end_month, slip.delivered_on)
    if product.firm_id != firm.id or product.farm_gate_fen_per_kg is None or not harvested:
        raise NotADeliveredProduct(sku=product.sku, day=str(slip.delivered_on))
    taken = session.execute(select(Delivery.firm_id, STANDING_G).where(Delivery.code == code)).one_or_none()
    if taken is not None:
        void = tuple(taken) == (firm.id, 0)
        way = way_out(session, Delivery.code, code, void=void, of_zh="张交售单", of_en="slip")
        raise DeliveryCodeTaken(slip=code, **way)
    price_fen_per_kg, factor_bp = price_of_grade(slip, GradeFactors(session, firm.id))
    amount_fen = worth_of(code, slip.weight_g, price_fen_per_kg)
    delivery = Delivery(
        code=code, household_id=household.id, firm_id=firm.id, product_id=product.id, delivered_on=slip.delivered_on,
        deduction_g=slip.deduction_g, weight_g=slip.weight_g, grade=slip.grade,
        base_price_fen_per_kg=slip.base_price_fen_per_kg, factor_bp=factor_bp, price_fen_per_kg=price_fen_per_kg,
        signer=slip.signer, amount_fen=amount_fen, recorded_at=now,
    )  # fmt: skip
    session.add(delivery)
    session.flush()
    record(session, delivery, "record", person_id=actor_id, now=now)
    return delivery
