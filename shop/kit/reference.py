"""Reference data kept in the process: loaded once, loaded again when the version counter moved.

The version is read before the data, so a copy may be newer than its label and is then only loaded once more; it is
never older. Who changes reference data does not read the kept copy in the same transaction.
"""

from collections.abc import Callable
from threading import Lock
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

from sqlalchemy import text
from sqlalchemy.orm import Session

T = TypeVar("T")


def current_version(session: Session) -> int:
    """The version now: one statement."""
    return int(session.execute(text("SELECT version FROM reference_version")).scalar_one())


class Kept(Generic[T]):
    """A frozen value of each database, by version."""

    def __init__(self, load: Callable[[Session, int], T]) -> None:
        self._load = load
        self._lock = Lock()
        self._values: WeakKeyDictionary[object, tuple[int, T]] = WeakKeyDictionary()

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
