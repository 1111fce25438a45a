"""Grades under an agreement: factors of the price of 一级, and the farm-gate floor that must reach the household."""

from datetime import date
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from shop.agreements.errors import BelowFarmGateFloor
from shop.agreements.in_force import AGREED_THEN, GRADES, terms_of_call
from shop.agreements.models import RUNNING
from shop.agreements.terms import LineTerms
from shop.farmers.models import Grade
from shop.kit.money import BP_WHOLE, GRAMS_PER_KG, divide_half_up, part

#: The farm-gate floors of a product in agreements that run on a day, with the factors of its grades: as agreed then. A
#: product that an amendment dropped is promised no more.
_FLOORS = f"""
    WITH read AS (
        SELECT DISTINCT agreements.id FROM agreements JOIN agreement_lines ON agreement_id = agreements.id
        WHERE product_id = :product_id AND status = ANY(:running) AND :day BETWEEN starts_on AND ends_on
    )
    SELECT * FROM (
        SELECT {
    ", ".join(
        f"CASE WHEN was.line_id IS NULL THEN line.{name} ELSE was.{name} END AS {name}"
        for name in ("committed_g", "farm_gate_floor_fen_per_kg", *GRADES)
    )
}
        FROM read JOIN agreement_lines AS line ON line.agreement_id = read.id AND line.product_id = :product_id
        LEFT JOIN {AGREED_THEN} AS was ON was.line_id = line.id
    ) AS agreed WHERE farm_gate_floor_fen_per_kg > 0 AND committed_g > 0
"""


def factors(line: LineTerms | Row[Any]) -> dict[Grade, int]:
    """The price of each grade in basis points of 一级; 0: the grade is not taken."""
    return {
        Grade.SPECIAL: line.special_bp, Grade.FIRST: BP_WHOLE, Grade.SECOND: line.second_bp, Grade.OFF: line.off_bp,
    }  # fmt: skip


def factors_of_call(session: Session, call_off_id: int) -> dict[Grade, int]:
    """The factors that were agreed when the price of a call-off was fixed."""
    return factors(terms_of_call(session, call_off_id).line)


def graded_price(weight_g: int, fen_per_kg: int, factor_bp: int) -> int:
    """Fen for `weight_g` grams of a grade, rounded once, half up; `fen_per_kg` is the price of 一级."""
    return divide_half_up(weight_g * fen_per_kg * factor_bp, GRAMS_PER_KG * BP_WHOLE)


def hold_farm_gate_floor(session: Session, product_id: int, day: date, grade: Grade, fen_per_kg: int) -> None:
    """Raise BelowFarmGateFloor when a household would be paid less than a running agreement promises it.

    The floor is that of 一级; a grade's floor is the floor times its factor, half up. The highest of all agreements
    counts, because nobody knows yet which of them the produce will serve; of each the terms in force on `day`.
    """
    running = [status.value for status in RUNNING]
    lines = session.execute(text(_FLOORS), {"product_id": product_id, "day": day, "running": running}).all()
    floor = max((part(line.farm_gate_floor_fen_per_kg, factors(line)[grade]) for line in lines), default=0)
    if fen_per_kg < floor:
        raise BelowFarmGateFloor(floor_fen_per_kg=floor, asked_fen_per_kg=fen_per_kg)
