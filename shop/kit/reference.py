"""Reference data kept in the process: loaded once, loaded again when the version counter moved.

The version is read before the data, so a copy may be newer than its label and is then only loaded once more; it is
never older. Who changes reference data does not read the kept copy in the same transaction.
"""

from collections.abc import Callable
from threading import Lock
from time import monotonic
from typing import Generic, TypeVar, cast
from weakref import WeakKeyDictionary

import psycopg
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

T = TypeVar("T")

#: Seconds for which a version is believed. A page may show a price that changed in this time; no order is placed at it.
TRUST_S = 0.1
_seen: WeakKeyDictionary[object, tuple[float, int]] = WeakKeyDictionary()


def current_version(session: Session) -> int:
    """The version now: one statement."""
    return int(session.execute(text("SELECT version FROM reference_version")).scalar_one())


def committed_version(engine: Engine) -> int:
    """The version as committed, in one round trip: the only statement of a hot read needs no BEGIN and ROLLBACK.

    A broken connection is thrown away; the next way in tells the caller as any other statement would.
    """
    pooled = engine.raw_connection()
    connection = cast("psycopg.Connection[tuple[int]]", pooled.driver_connection)
    try:
        connection.autocommit = True
        row = connection.execute("SELECT version FROM reference_version").fetchone()
        connection.autocommit = False
    except psycopg.Error:
        pooled.invalidate()
        with Session(engine) as session:
            return current_version(session)
    finally:
        pooled.close()
    return row[0] if row else 0


def recent_version(engine: Engine) -> int:
    """The version as committed at most `TRUST_S` ago: for reads that show, never for what is booked.

    What this process commits itself is seen at once (`forget`), what others commit a tenth of a second later.
    """
    seen = _seen.get(engine)
    began = monotonic()
    if seen is not None and began - seen[0] < TRUST_S:
        return seen[1]
    version = committed_version(engine)
    _seen[engine] = (began, version)
    return version


def forget(engine: object) -> None:
    """Ask again at the next read: this process has just committed something."""
    _seen.pop(engine, None)


class Kept(Generic[T]):
    """A frozen value of each database, by version."""

    def __init__(self, load: Callable[[Session, int], T]) -> None:
        self._load = load
        self._lock = Lock()
        self._values: WeakKeyDictionary[object, tuple[int, T]] = WeakKeyDictionary()

    def held(self, database: Engine, version: int) -> T | None:
        """The value at `version` if it is the one kept."""
        kept = self._values.get(database)
        return kept[1] if kept is not None and kept[0] == version else None

    def get(self, session: Session, version: int) -> T:
        """The value at `version`; loads it when the kept one is another."""
        database = session.get_bind()
        kept = self._values.get(database)
        if kept is not None and kept[0] == version:
            return kept[1]
        with self._lock:
            kept = self._values.get(database)
            if kept is not None and kept[0] == version:
                return kept[1]
            value = self._load(session, version)
            self._values[database] = (version, value)
            return value
