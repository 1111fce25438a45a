"""Work that goes by the clock rests while somebody plays another time on the same database.

Playing a season walks a clock of its own through a past year. A job that reads today's clock would meanwhile expire
every order and retire every lot of that year. The player holds an advisory lock; PostgreSQL lets go of it when he ends,
however he ends.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine, func, select, text
from sqlalchemy.orm import Session

_TIME_IS_PLAYED = 0x5EA50


@contextmanager
def playing_time(engine: Engine) -> Iterator[None]:
    """Hold back the jobs that go by the clock for as long as the block lasts; waits for those under way."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        # Of its own: the pool that it came from may be replaced meanwhile. It is closed at the end, and so unlocks.
        connection.detach()
        connection.execute(text("SET lock_timeout = '60s'"))
        connection.execute(select(func.pg_advisory_lock(_TIME_IS_PLAYED)))
        yield
        # Not left to the closing of the connection, which the server notices a moment later.
        connection.execute(select(func.pg_advisory_unlock(_TIME_IS_PLAYED)))


def time_is_played(session: Session) -> bool:
    """Whether somebody plays; if not, nobody can begin before this transaction ends."""
    return not session.scalar(select(func.pg_try_advisory_xact_lock_shared(_TIME_IS_PLAYED)))
