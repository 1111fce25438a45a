"""A rollup in parts: made from zero or proved by as many workers as there are, on any number of machines.

A part is a row; a worker takes one by locking it and skips those that others hold. Part, effect and mark are one
transaction: a worker that dies leaves the part as it was, for the next.
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import or_, select, text
from sqlalchemy.orm import Session

from shop.catalog.models import Firm
from shop.kit.outbox import WAITS
from shop.kit.types import MAX_CODE
from shop.reports.models import PartWork, Rollup, RollupPart
from shop.reports.plans import PLANS
from shop.reports.rollups import WHOLE, Difference, Part, compare, months_of, rebuild_part

#: What was asked for twice is there once; a part that is done is open again, and one that failed tried at once.
_ASK = text(
    """
    INSERT INTO rollup_parts (rollup, work, month, firm_id, asked_at) VALUES (:rollup, :work, :month, :firm, :now)
    ON CONFLICT (rollup, work, month, firm_id) DO UPDATE
    SET asked_at = excluded.asked_at, done_at = NULL, rows = NULL, took_ms = NULL, differences = NULL, found = NULL,
        attempts = 0, due_at = NULL, error = NULL
    WHERE rollup_parts.done_at IS NOT NULL OR rollup_parts.error IS NOT NULL
    """
)


@dataclass(frozen=True)
class Done:
    """A part that was done: rows made, or the differences that a proof found."""

    rollup: Rollup
    work: PartWork
    differences: list[Difference]


class PartFailed(Exception):
    """A part could not be done; why is its cause. To be noted once the transaction of the try is undone."""

    def __init__(self, part_id: int) -> None:
        super().__init__(f"part {part_id}")
        self.part_id = part_id


def parts_of(session: Session, rollup: Rollup) -> list[Part]:
    """The parts of a rollup: by month, and by firm where its facts are found by month and firm."""
    plan, months = PLANS[rollup], months_of(session, rollup)
    if plan.by_month is None:
        return [WHOLE]
    firms: list[int | None] = [None]
    if plan.by_firm is not None:
        firms = list(session.scalars(select(Firm.id).order_by(Firm.id)))
    return [Part(month, firm) for month in months for firm in firms]


def ask(session: Session, rollup: Rollup, work: PartWork, parts: Iterable[Part], *, now: datetime) -> int:
    """Ask for work on parts of a rollup; those that wait for it already are not asked for again. How many parts."""
    asked = [
        {"rollup": rollup.value, "work": work.value, "month": part.month, "firm": part.firm_id, "now": now}
        for part in parts
    ]
    if asked:
        session.execute(_ASK, asked)
    return len(asked)


def do_next(session: Session, *, now: datetime) -> Done | None:
    """Do the next part that nobody has and that is due, rebuilding before proving; None when there is none.

    A proof that finds a difference asks for the part to be made from zero. Locks the part, then as refreshing. Raises
    PartFailed.
    """
    part = session.scalars(
        select(RollupPart)
        .where(RollupPart.done_at.is_(None), or_(RollupPart.due_at.is_(None), RollupPart.due_at <= now))
        .order_by(RollupPart.work.desc(), RollupPart.due_at.asc().nulls_first(), RollupPart.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    ).one_or_none()
    if part is None:
        return None
    part_id = part.id
    try:
        return _do(session, part, now=now)
    except Exception as error:
        raise PartFailed(part_id) from error


def note_failure(session: Session, failed: PartFailed, *, now: datetime) -> None:
    """A part that failed lets all others go before it, and is tried again after the waits of jobs, the last for ever.

    In a transaction after that of the try.
    """
    part = session.get_one(RollupPart, failed.part_id, with_for_update=True)
    if part.done_at is not None:
        return
    part.error = type(failed.__cause__).__name__[:MAX_CODE]
    part.due_at = now + WAITS[min(part.attempts, len(WAITS) - 1)]
    part.attempts += 1


def _do(session: Session, part: RollupPart, *, now: datetime) -> Done:
    began = time.perf_counter()
    where = Part(part.month, part.firm_id)
    differences: list[Difference] = []
    if part.work is PartWork.REBUILD:
        rows = rebuild_part(session, part.rollup, where)
    else:
        differences = compare(session, part.rollup, where)
        rows = part.differences = len(differences)
        part.found = str(differences[0]) if differences else None
    part.rows, part.done_at, part.error, part.due_at = rows, now, None, None
    part.took_ms = int((time.perf_counter() - began) * 1000)
    session.flush()
    if differences:
        ask(session, part.rollup, PartWork.REBUILD, [where], now=now)
    return Done(part.rollup, part.work, differences)
