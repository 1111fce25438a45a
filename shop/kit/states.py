"""Lives as data: a table of (state, event) -> state, and `advance()`, the only code that writes a status.

Every move leaves a history row with actor and time; the same table keeps changes that are not moves (a price, an
attribution), so that "who changed what" is one question.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Generic, Protocol, TypeVar

from sqlalchemy import Index, select, text
from sqlalchemy.orm import Mapped, Session

from shop.kit.db import Model
from shop.kit.errors import MoveRefusedError
from shop.kit.types import Code, Id, Instant, Json, Prose, Ref


class History(Model):
    """Append-only: what happened to a row, who did it, when. A trigger refuses update and delete."""

    __tablename__ = "history"
    __table_args__ = (Index(None, "entity_type", "entity_id", "id"),)

    id: Mapped[Id]
    entity_type: Mapped[Code]
    entity_id: Mapped[Ref]
    at: Mapped[Instant]
    person_id: Mapped[Ref | None]
    event: Mapped[Code]
    from_state: Mapped[Code | None]
    to_state: Mapped[Code | None]
    facts: Mapped[Json | None]
    reason: Mapped[Prose | None]


class HasHistory(Protocol):
    """A row about which something can be recorded."""

    id: Any
    __tablename__: Any


class HasStatus(HasHistory, Protocol):
    """A row with a life."""

    status: Any


S = TypeVar("S", bound=StrEnum)

_ADVANCE_ALL = """
    WITH moves AS (
        SELECT * FROM unnest(CAST(:befores AS text[]), CAST(:afters AS text[])) AS moves (before, after)
    ), chosen AS MATERIALIZED (
        SELECT id, status FROM {table} WHERE id = ANY(CAST(:ids AS bigint[])) AND status = ANY(CAST(:befores AS text[]))
        ORDER BY id FOR UPDATE
    ), moved AS (
        UPDATE {table} SET status = moves.after FROM chosen JOIN moves ON moves.before = chosen.status
        WHERE {table}.id = chosen.id RETURNING {table}.id, moves.before, moves.after
    )
    INSERT INTO history (entity_type, entity_id, at, person_id, event, from_state, to_state)
    SELECT :table, id, :now, CAST(:person_id AS bigint), :event, before, after FROM moved ORDER BY id
    RETURNING entity_id
"""


@dataclass(frozen=True)
class Life(Generic[S]):
    """A lifecycle that fits a screen: `moves[(state, event)]` is the next state.

    `states_zh`, `events_zh`: how people call them, 当前是“<state>”，不能<event>.
    """

    moves: Mapping[tuple[S, str], S]
    states_zh: Mapping[S, str]
    events_zh: Mapping[str, str]

    def next(self, state: S, event: str) -> S:
        """The state after `event`. Raises MoveRefusedError when the table has no such move."""
        try:
            return self.moves[state, event]
        except KeyError:
            raise self.refusal(state, event) from None

    def refusal(self, state: S, event: str) -> MoveRefusedError:
        """That `event` is not possible in `state`, to be raised; also an event of some states that moves none."""
        return MoveRefusedError(**self.facts(state, event))

    def facts(self, state: S, event: str) -> dict[str, str]:
        """What a refusal of `event` in `state` says of both."""
        return {
            "state": str(state), "event": event, "state_zh": self.states_zh[state], "event_zh": self.events_zh[event],
        }  # fmt: skip

    def allows(self, state: S, event: str) -> bool:
        """Whether `event` is possible in `state`."""
        return (state, event) in self.moves


def record(
    session: Session,
    entity: HasHistory,
    event: str,
    *,
    person_id: int | None,
    now: datetime,
    from_state: str | None = None,
    to_state: str | None = None,
    facts: dict[str, object] | None = None,
    reason: str | None = None,
) -> None:
    """Append one history row about `entity`."""
    session.add(
        History(
            entity_type=entity.__tablename__,
            entity_id=entity.id,
            at=now,
            person_id=person_id,
            event=event,
            from_state=from_state,
            to_state=to_state,
            facts=facts,
            reason=reason,
        )
    )


def advance(
    session: Session,
    entity: HasStatus,
    life: Life[S],
    event: str,
    *,
    person_id: int | None,
    now: datetime,
    facts: dict[str, object] | None = None,
    reason: str | None = None,
) -> S:
    """Move `entity` by `event` and record it. The caller holds the row's lock (see the room's `locks.py`).

    Raises MoveRefusedError and changes nothing when the table has no such move.
    """
    before = entity.status
    after = life.next(before, event)
    entity.status = after
    record(
        session,
        entity,
        event,
        person_id=person_id,
        now=now,
        from_state=str(before),
        to_state=str(after),
        facts=facts,
        reason=reason,
    )
    return after


def history_of(session: Session, table: str, ids: Collection[int], *events: str) -> Sequence[History]:
    """What happened to these rows of `table`, the oldest first; of `events` only, where any are named."""
    wanted = select(History).where(History.entity_type == table, History.entity_id.in_(ids))
    if events:
        wanted = wanted.where(History.event.in_(events))
    return session.scalars(wanted.order_by(History.id)).all()


def advance_all(
    session: Session, table: str, life: Life[S], event: str, ids: Sequence[int], *, person_id: int | None, now: datetime
) -> list[int]:
    """Move many rows of `table` by one event, in one statement, each with its history row; the ids that moved.

    A row whose state has no such move is left as it is. Rows are locked by rising id.
    """
    moves = {str(before): str(after) for (before, of), after in life.moves.items() if of == event}
    rows = session.execute(
        text(_ADVANCE_ALL.format(table=table)),
        {
            "ids": list(ids),
            "befores": list(moves),
            "afters": list(moves.values()),
            "table": table,
            "event": event,
            "person_id": person_id,
            "now": now,
        },
    )
    return sorted(rows.scalars())
