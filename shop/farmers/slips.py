"""What slips say as they stand: a slip is never edited, its last correction holds. For queries of `Delivery`."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, ScalarSelect, func, select
from sqlalchemy.orm import InstrumentedAttribute

from shop.farmers.models import Delivery, DeliveryCorrection


def _last(column: InstrumentedAttribute[Any], by: datetime | None = None) -> ScalarSelect[Any]:
    """What the last correction of a slip says (of those recorded by then); none where it has none."""
    made = select(column).where(DeliveryCorrection.delivery_id == Delivery.id)
    if by is not None:
        made = made.where(DeliveryCorrection.recorded_at <= by)
    return made.order_by(DeliveryCorrection.position.desc()).limit(1).correlate(Delivery).scalar_subquery()


def standing_fen(by: datetime | None = None) -> ColumnElement[int]:
    """Fen that a slip is worth after its corrections (of those recorded by then); a void one is worth nothing."""
    return func.coalesce(_last(DeliveryCorrection.amount_fen, by), Delivery.amount_fen)


#: Net grams of a slip after its corrections; zero = it is void.
STANDING_G: ColumnElement[int] = func.coalesce(_last(DeliveryCorrection.weight_g), Delivery.weight_g)
#: Why a slip was corrected, the last time that it was.
CORRECTED_BECAUSE: ScalarSelect[str | None] = _last(DeliveryCorrection.reason)
