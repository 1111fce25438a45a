"""Statements of the hottest paths, handed to libpq as they are, each prepared once on each connection.

What SQLAlchemy and the driver do around a statement costs thirty times what libpq does. For the few statements of every
order and every sign-in that is most of an order, and some of a report take longer to plan than to run; all others go
through the session.
"""

import re
from collections.abc import Mapping
from datetime import date
from typing import Any, cast

import psycopg
from psycopg import pq
from psycopg.adapt import Transformer
from psycopg.errors import error_from_result
from sqlalchemy import Engine, PoolProxiedConnection, Select
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

_GOOD = (pq.ExecStatus.COMMAND_OK, pq.ExecStatus.TUPLES_OK)


def _written(value: Any) -> bytes | None:
    """A parameter as PostgreSQL reads it from text. Raises psycopg.DataError for NUL, TypeError for other kinds."""
    if value is None:
        return None
    if isinstance(value, str):
        if "\0" in value:
            raise psycopg.DataError("PostgreSQL text fields cannot contain NUL (0x00) bytes")
        return value.encode()
    if isinstance(value, int) and not isinstance(value, bool):
        return b"%d" % value
    if isinstance(value, bytes):
        return b"\\x" + value.hex().encode()
    if isinstance(value, date):
        return value.isoformat().encode()
    if isinstance(value, list):
        return b"{" + b",".join(_element(each) for each in value) + b"}"
    raise TypeError(f"no parameter of a direct statement: {type(value).__name__}")


def _element(value: int | str | date | None) -> bytes:
    """An element of an array."""
    raw = _written(value)
    if raw is None:
        return b"NULL"
    return b'"' + raw.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"' if isinstance(value, str) else raw


class Direct:
    """A statement with `:names`; its rows are tuples. It raises what SQLAlchemy would raise.

    `fixed`: values that are the same each time.
    """

    def __init__(self, sql: str, fixed: Mapping[str, Any] | None = None) -> None:
        names: dict[str, int] = {}
        self.sql = sql
        numbered = re.sub(
            r"(?<!:):([a-z_][a-z_0-9]*)", lambda found: f"${names.setdefault(found[1], len(names) + 1)}", sql
        )
        self._names, self._numbered = tuple(names), numbered.encode()
        self._name = b"direct-%x" % id(self)
        self._fixed = fixed or {}

    @classmethod
    def of(cls, statement: "Select[*tuple[Any, ...]]") -> "Direct":
        """A SELECT, compiled once: what it binds without a value is asked for each time."""
        compiled = statement.compile(dialect=postgresql.dialect(paramstyle="named"))  # type: ignore[no-untyped-call]
        return cls(str(compiled), {name: value for name, value in compiled.params.items() if value is not None})

    def run(self, session: Session, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """The rows, in the session's transaction."""
        connection = session.connection()
        try:
            return self._rows(connection.connection, values, begin=True)
        except psycopg.Error as error:
            lost = self._is_lost(connection.connection)
            if lost:
                connection.invalidate(error)
            raise self._as_sqlalchemy(error, lost=lost) from error

    def alone(self, engine: Engine, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """The rows of a read, in no transaction: one round trip without BEGIN and ROLLBACK.

        A connection that turns out to be broken is thrown away and another one asked, once.
        """
        try:
            return self._read(engine, values)
        except DBAPIError as error:
            if not error.connection_invalidated:
                raise
            return self._read(engine, values)

    def _read(self, engine: Engine, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        pooled = engine.raw_connection()
        try:
            return self._rows(pooled, values, begin=False)
        except psycopg.Error as error:
            lost = self._is_lost(pooled)
            if lost:
                pooled.invalidate(error)
            raise self._as_sqlalchemy(error, lost=lost) from error
        finally:
            pooled.close()

    def _rows(self, pooled: PoolProxiedConnection, values: Mapping[str, Any], *, begin: bool) -> list[tuple[Any, ...]]:
        libpq = _libpq(pooled)
        given = {**self._fixed, **values}
        parameters: list[Any] = [_written(given[name]) for name in self._names]
        if begin and libpq.transaction_status == pq.TransactionStatus.IDLE:
            _checked(libpq.exec_(_begun(pooled)))
        prepared: set[bytes] = pooled.info.setdefault("direct", set())
        if self._name not in prepared:
            _checked(libpq.prepare(self._name, self._numbered))
            prepared.add(self._name)
        result = _checked(libpq.exec_prepared(self._name, parameters))
        # What the driver itself reads its rows with.
        loaded = Transformer(_driver(pooled))
        loaded.set_pgresult(result)
        return loaded.load_rows(0, result.ntuples, tuple)

    @staticmethod
    def _is_lost(pooled: PoolProxiedConnection) -> bool:
        return pooled.dbapi_connection is None or _libpq(pooled).status == pq.ConnStatus.BAD

    def _as_sqlalchemy(self, error: psycopg.Error, *, lost: bool) -> BaseException:
        """The same kind of exception as from the session; it holds no value of a parameter."""
        if lost and not isinstance(error, psycopg.OperationalError):
            error = psycopg.OperationalError(str(error))  # libpq itself gives it no kind
        return DBAPIError.instance(
            self.sql, None, error, psycopg.Error, hide_parameters=True, connection_invalidated=lost
        )


def _driver(pooled: PoolProxiedConnection) -> psycopg.Connection[Any]:
    return cast("psycopg.Connection[Any]", pooled.driver_connection)


def _libpq(pooled: PoolProxiedConnection) -> pq.abc.PGconn:
    return _driver(pooled).pgconn


def _begun(pooled: PoolProxiedConnection) -> bytes:
    """How a transaction of this connection begins, with what was asked of it."""
    driver = _driver(pooled)
    level = driver.isolation_level
    isolation = b"" if level is None else b" ISOLATION LEVEL " + level.name.replace("_", " ").encode()
    return b"BEGIN" + isolation + (b" READ ONLY" if driver.read_only else b"")


def _checked(result: pq.abc.PGresult) -> pq.abc.PGresult:
    if result.status not in _GOOD:
        raise error_from_result(result)
    return result
