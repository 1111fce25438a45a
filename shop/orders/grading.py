"""Acceptance by grade under an agreement: each grade at its factor of the call-off's price."""

from collections.abc import Mapping

from sqlalchemy.orm import Session

from shop.agreements.grades import factors_of_call, graded_price
from shop.farmers.models import Grade
from shop.orders.errors import GradeNotTaken, GradesNotAgreed
from shop.orders.models import GradedAcceptance, Order, OrderLine


def graded(
    session: Session, order: Order, line: OrderLine, grades: Mapping[Grade, int], known: Mapping[Grade, int]
) -> list[GradedAcceptance]:
    """What is accepted of each grade and owed for it, to be kept by the caller. Weights in grams, amounts in fen.

    `known`: factors in basis points that stand whatever the agreement says now. Raises GradesNotAgreed for an order
    that is not a call-off, GradeNotTaken for a grade the agreement does not take.
    """
    if order.call_off_id is None:
        raise GradesNotAgreed(number=order.number)
    agreed = {**factors_of_call(session, order.call_off_id), **known}
    rows = []
    for grade, weight_g in sorted(grades.items()):
        if not weight_g:
            continue
        if not agreed[grade]:
            raise GradeNotTaken(grade=grade.value)
        rows.append(
            GradedAcceptance(
                order_line_id=line.id, grade=grade, weight_g=weight_g, fen_per_kg=line.price_fen,
                factor_bp=agreed[grade], amount_fen=graded_price(weight_g, line.price_fen, agreed[grade]),
            )
        )  # fmt: skip
    return rows
