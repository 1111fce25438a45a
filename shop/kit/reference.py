"""Reference data kept in the process: loaded once, loaded again when the version counter moved.

The version is read before the data, so a copy may be newer than its label and is then only loaded once more; it is
never older. Who changes reference data does not read the kept copy in the same transaction.
"""

from collections.abc import Callable
from threading import Lock
from time import monotonic
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from shop.kit.direct import Direct
from shop.kit.moment import Moment

T = TypeVar("T")

#: A page may show a price that changed a moment ago; no order is placed at it.
_recent: Moment[None, int] = Moment()


_VERSION = Direct("SELECT version FROM reference_version")


def current_version(session: Session) -> int:
    """The version now: one statement."""
    return int(session.execute(text("SELECT version FROM reference_version")).scalar_one())


def committed_version(engine: Engine) -> int:
    """The version as committed, in one round trip: the only statement of a hot read."""
    return int(_VERSION.alone(engine, {})[0][0])


def recent_version(engine: Engine) -> int:
    """The version as committed at most `moment.TRUST_S` ago: for reads that show, never for what is booked.

    What this process commits itself is seen at once, what others commit a tenth of a second later.
    """
    version = _recent.recent(engine, None)
    if version is None:
        began = monotonic()
        version = committed_version(engine)
        _recent.saw(engine, None, version, began)
    return version


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
