"""What a process saw a moment ago and still believes: for at most a tenth of a second, and not past its own commits."""

from time import monotonic
from typing import Any, Generic, TypeVar
from weakref import WeakKeyDictionary

K = TypeVar("K")
V = TypeVar("V")

#: Seconds for which something seen is believed.
TRUST_S = 0.1
#: Keys kept for each database: more are in use only when somebody walks through them all.
KEPT = 500

_all: "list[Moment[Any, Any]]" = []


class Moment(Generic[K, V]):
    """Values by key, seen in a database."""

    def __init__(self) -> None:
        self._seen: WeakKeyDictionary[object, dict[K, tuple[float, V]]] = WeakKeyDictionary()
        _all.append(self)

    def saw(self, database: object, key: K, value: V, began: float) -> None:
        """Remember what was asked for at `began` (monotonic seconds, before the statement that saw it)."""
        values = self._seen.setdefault(database, {})
        if len(values) >= KEPT:
            values.clear()
        values[key] = (began, value)

    def recent(self, database: object, key: K) -> V | None:
        """What was seen, if it was a moment ago."""
        found = self._seen.get(database, {}).get(key)
        return found[1] if found is not None and monotonic() - found[0] < TRUST_S else None

    def forget(self, database: object) -> None:
        """Believe nothing any more."""
        self._seen.pop(database, None)


def forget(database: object) -> None:
    """Look again: this process has just committed something."""
    for moment in _all:
        moment.forget(database)
