"""Acceptance by grade under an agreement: each grade at its factor of the call-off's price."""

from collections.abc import Mapping

from sqlalchemy.orm import Session

from shop.agreements.grades import factors_of_call, graded_price
from shop.farmers.models import Grade
from shop.orders.errors import GradeNotTaken, GradesNotAgreed
from shop.orders.models import GradedAcceptance, Order, OrderLine


def accept_graded(session: Session, order: Order, line: OrderLine, grades: Mapping[Grade, int]) -> int:
    """Keep what was accepted of each grade and tell what is owed for it in fen. Weights in grams.

    Raises GradesNotAgreed for an order that is not a call-off, GradeNotTaken for a grade the agreement does not take.
    """
    if order.call_off_id is None:
        raise GradesNotAgreed(number=order.number)
    agreed = factors_of_call(session, order.call_off_id)
    owed_fen = 0
    for grade, weight_g in sorted(grades.items()):
        if not weight_g:
            continue
        if not agreed[grade]:
            raise GradeNotTaken(grade=grade.value)
        amount_fen = graded_price(weight_g, line.price_fen, agreed[grade])
        owed_fen += amount_fen
        session.add(
            GradedAcceptance(
                order_line_id=line.id, grade=grade, weight_g=weight_g, fen_per_kg=line.price_fen,
                factor_bp=agreed[grade], amount_fen=amount_fen,
            )
        )  # fmt: skip
    return owed_fen
