"""Grades under an agreement: factors of the price of 一级, and the farm-gate floor that must reach the household."""

from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from shop.agreements.errors import BelowFarmGateFloor
from shop.agreements.models import RUNNING, Agreement, AgreementLine, CallOff
from shop.farmers.models import Grade
from shop.kit.money import BP_WHOLE, GRAMS_PER_KG, divide_half_up, part


def factors(line: AgreementLine) -> dict[Grade, int]:
    """The price of each grade in basis points of 一级; 0: the grade is not taken."""
    return {
        Grade.SPECIAL: line.special_bp, Grade.FIRST: BP_WHOLE, Grade.SECOND: line.second_bp, Grade.OFF: line.off_bp,
    }  # fmt: skip


def factors_of_call(session: Session, call_off_id: int) -> dict[Grade, int]:
    """The factors of the line that a call-off is of."""
    line = session.scalars(
        select(AgreementLine).join(CallOff, CallOff.line_id == AgreementLine.id).where(CallOff.id == call_off_id)
    ).one()
    return factors(line)


def graded_price(weight_g: int, fen_per_kg: int, factor_bp: int) -> int:
    """Fen for `weight_g` grams of a grade, rounded once, half up; `fen_per_kg` is the price of 一级."""
    return divide_half_up(weight_g * fen_per_kg * factor_bp, GRAMS_PER_KG * BP_WHOLE)


def hold_farm_gate_floor(session: Session, product_id: int, day: date, grade: Grade, fen_per_kg: int) -> None:
    """Raise BelowFarmGateFloor when a household would be paid less than a running agreement promises it.

    The floor is that of 一级; a grade's floor is the floor times its factor, half up. The highest of all agreements
    counts, because nobody knows yet which of them the produce will serve.
    """
    lines = session.scalars(
        select(AgreementLine)
        .join(Agreement, Agreement.id == AgreementLine.agreement_id)
        .where(
            AgreementLine.product_id == product_id,
            AgreementLine.farm_gate_floor_fen_per_kg > 0,
            Agreement.status.in_(RUNNING),
            Agreement.starts_on <= day,
            Agreement.ends_on >= day,
        )
    ).all()
    floor = max((part(line.farm_gate_floor_fen_per_kg, factors(line)[grade]) for line in lines), default=0)
    if fen_per_kg < floor:
        raise BelowFarmGateFloor(floor_fen_per_kg=floor, asked_fen_per_kg=fen_per_kg)
