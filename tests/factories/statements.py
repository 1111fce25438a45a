"""Counting what is sent to the database, whoever sends it: at the driver's cursor, below SQLAlchemy, and at `Direct`.

BEGIN, COMMIT and ROLLBACK are not counted: the driver sends them along with the first statement or after the last.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from shop.kit.direct import Direct


@contextmanager
def statements() -> Iterator[list[str]]:
    """Every statement that this process sends while the block lasts, in order."""
    seen: list[str] = []
    plain, many, direct = psycopg.Cursor.execute, psycopg.Cursor.executemany, Direct._rows

    def execute(cursor: Any, query: Any, *args: Any, **named: Any) -> Any:
        seen.append(str(query))
        return plain(cursor, query, *args, **named)

    def executemany(cursor: Any, query: Any, *args: Any, **named: Any) -> Any:
        seen.append(str(query))
        return many(cursor, query, *args, **named)

    def rows(statement: Direct, *args: Any, **named: Any) -> Any:
        seen.append(statement.sql)
        return direct(statement, *args, **named)

    psycopg.Cursor.execute, psycopg.Cursor.executemany = execute, executemany  # type: ignore[method-assign]
    Direct._rows = rows  # type: ignore[method-assign]
    try:
        yield seen
    finally:
        psycopg.Cursor.execute, psycopg.Cursor.executemany = plain, many  # type: ignore[method-assign]
        Direct._rows = direct  # type: ignore[method-assign]
