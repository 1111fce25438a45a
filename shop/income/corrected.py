"""A payment or a cost record that was keyed wrong: it stays as it was, a correction says what it should have said."""

from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, ScalarSelect, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from shop.income.errors import RecordStands
from shop.income.models import CostCorrection, CostRecord, HouseholdPayment, PaymentCorrection

C = TypeVar("C", PaymentCorrection, CostCorrection)


def correct(
    session: Session, kind: type[C], of: InstrumentedAttribute[int], record: HouseholdPayment | CostRecord,
    amount_fen: int, reason: str, *, actor_id: int | None, now: datetime,
) -> C:  # fmt: skip
    """The next correction of a record, in `of` of its kind: fen that it should have said, zero = void.

    What it changes is for the caller to count, who holds the lock. Raises RecordStands.
    """
    before = _last(session, kind, of, record)
    held_fen = before.amount_fen if before else record.amount_fen
    if amount_fen == held_fen:
        raise RecordStands(record=record.code, amount_fen=amount_fen)
    whose: dict[str, Any] = {of.key: record.id}
    made = kind(
        **whose, position=before.position + 1 if before else 1, amount_fen=amount_fen,
        change_fen=amount_fen - held_fen, reason=reason, recorded_by_id=actor_id, recorded_at=now,
    )  # fmt: skip
    session.add(made)
    session.flush()
    return made


def _last(
    session: Session, kind: type[C], of: InstrumentedAttribute[int], record: HouseholdPayment | CostRecord
) -> C | None:
    return session.scalar(select(kind).where(of == record.id).order_by(kind.position.desc()).limit(1))


def standing(
    kind: type[C], of: InstrumentedAttribute[int], record: type[HouseholdPayment] | type[CostRecord]
) -> tuple[ColumnElement[int], ColumnElement[str | None]]:
    """For queries of `record`: the fen that it stands for after its corrections, and why it was corrected last."""

    def last(column: InstrumentedAttribute[Any]) -> ScalarSelect[Any]:
        made = select(column).where(of == record.id).order_by(kind.position.desc()).limit(1)
        return made.correlate(record).scalar_subquery()

    return func.coalesce(last(kind.amount_fen), record.amount_fen), last(kind.reason)


def is_void(
    session: Session, kind: type[C], of: InstrumentedAttribute[int], record: HouseholdPayment | CostRecord
) -> bool:
    """Whether the last correction of a record, in `of` of its kind, says zero."""
    last = _last(session, kind, of, record)
    return last is not None and not last.amount_fen
