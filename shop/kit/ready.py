"""Ready bytes: an answer that is made at most once in a while and then handed out as it stands, without a statement.

For what very many ask for at the same moment and may be a moment old. Each process keeps its own.
"""

from collections.abc import Callable
from threading import Lock
from time import monotonic
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

from sqlalchemy import Engine

T = TypeVar("T")

#: Keys kept for each database: more are in use only when somebody walks through them all.
KEPT = 500


class Ready(Generic[T]):
    """Values by key, each believed for `seconds`; a value that could not be made is not kept."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._lock = Lock()
        self._values: WeakKeyDictionary[Engine, dict[str, tuple[float, T]]] = WeakKeyDictionary()

    def get(self, database: Engine, key: str, make: Callable[[], T]) -> T:
        """The value of `key`, made by `make` when there is none or it is too old. Raises what `make` raises."""
        found = self._values.setdefault(database, {}).get(key)
        if found is not None and monotonic() - found[0] < self.seconds:
            return found[1]
        with self._lock:
            values = self._values[database]
            found = values.get(key)
            began = monotonic()
            if found is not None and began - found[0] < self.seconds:
                return found[1]
            made = make()
            if len(values) >= KEPT:
                values.clear()
            values[key] = (began, made)
            return made
