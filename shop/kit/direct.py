"""Statements that are handed to libpq as they are, each prepared once on each connection.

What SQLAlchemy and the driver do around a statement costs thirty times what libpq does: most of the time of the few
statements of an order or a sign-in. Statements of reports would be built and planned anew each time, and wait for each
other's answers. All others go through the session.
"""

import re
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import date
from functools import cache
from itertools import count
from typing import Any, TypeAlias, cast

import psycopg
from psycopg import pq
from psycopg.adapt import Transformer
from psycopg.errors import AdminShutdown, CrashShutdown, error_from_result
from sqlalchemy import Connection, Engine, PoolProxiedConnection, Select, event
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

_FAREWELLS = (AdminShutdown, CrashShutdown)
_GOOD = (pq.ExecStatus.COMMAND_OK, pq.ExecStatus.TUPLES_OK)
_NUMBERS = count(1)

Row: TypeAlias = tuple[Any, ...]
#: What was asked together with others: the rows, waiting for them if need be.
Later: TypeAlias = Callable[[], list[Row]]


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
        self._name = b"direct-%d" % next(_NUMBERS)
        self._fixed = fixed or {}

    @classmethod
    def of(cls, statement: "Select[*tuple[Any, ...]]") -> "Direct":
        """A SELECT, compiled once: what it binds without a value is asked for each time."""
        compiled = statement.compile(dialect=postgresql.dialect(paramstyle="named"))  # type: ignore[no-untyped-call]
        return cls(str(compiled), {name: value for name, value in compiled.params.items() if value is not None})

    def run(self, session: Session, values: Mapping[str, Any]) -> list[Row]:
        """The rows, in the session's transaction."""
        connection = session.connection()
        try:
            return self._rows(connection.connection, values, begin=True)
        except psycopg.Error as error:
            raise _failed(connection, error, self.sql) from error

    def alone(self, engine: Engine, values: Mapping[str, Any]) -> list[Row]:
        """The rows of a read, in no transaction: one round trip without BEGIN and ROLLBACK.

        A connection that turns out to be broken is thrown away and another one asked, once.
        """
        try:
            return self._read(engine, values)
        except DBAPIError as error:
            if not error.connection_invalidated:
                raise
            return self._read(engine, values)

    def _read(self, engine: Engine, values: Mapping[str, Any]) -> list[Row]:
        pooled = engine.raw_connection()
        try:
            return self._rows(pooled, values, begin=False)
        except psycopg.Error as error:
            lost = _is_lost(pooled)
            if lost:
                pooled.invalidate(error)
            raise _as_sqlalchemy(error, self.sql, lost=lost) from error
        finally:
            pooled.close()

    def _rows(self, pooled: PoolProxiedConnection, values: Mapping[str, Any], *, begin: bool) -> list[Row]:
        libpq = _libpq(pooled)
        parameters = self._parameters(values)
        if begin:
            _begin(pooled)
        prepared = _prepared(pooled)
        if self._name not in prepared:
            _checked(libpq.prepare(self._name, self._numbered))
            prepared.add(self._name)
        return _loaded(pooled, _checked(libpq.exec_prepared(self._name, parameters)))

    def _parameters(self, values: Mapping[str, Any]) -> list[Any]:
        given = {**self._fixed, **values}
        return [_written(given[name]) for name in self._names]


def _is_lost(pooled: PoolProxiedConnection) -> bool:
    return pooled.dbapi_connection is None or _libpq(pooled).status == pq.ConnStatus.BAD


def _failed(connection: Connection, error: psycopg.Error, sql: str) -> BaseException:
    """What to raise; a connection that is lost is given up."""
    # Together with others the server's farewell is read before it hangs up.
    lost = _is_lost(connection.connection) or isinstance(error, _FAREWELLS)
    if lost:
        connection.invalidate(error)
    return _as_sqlalchemy(error, sql, lost=lost)


def _as_sqlalchemy(error: psycopg.Error, sql: str, *, lost: bool) -> BaseException:
    """The same kind of exception as from the session; it holds no value of a parameter."""
    if lost and not isinstance(error, psycopg.OperationalError):
        error = psycopg.OperationalError(str(error))  # libpq itself gives it no kind
    return DBAPIError.instance(sql, None, error, psycopg.Error, hide_parameters=True, connection_invalidated=lost)


@cache
def prepared(sql: str) -> Direct:
    """A statement that is written as it is needed, in one of few ways: it is kept as long as the process lives."""
    return Direct(sql)


_PLANNED_ONCE = Direct("SET LOCAL plan_cache_mode = force_generic_plan")
_PLANNED_AS_USUAL = Direct("SET LOCAL plan_cache_mode = auto")


class Together:
    """Statements that are sent one after the other without waiting: the server runs one while Python reads another.

    `planned_once`: each is planned when it is first run on a connection, for any values; else in its first five runs,
    for these. Nothing else may be asked of the session meanwhile (RuntimeError). After one that failed the others are
    not run.
    """

    def __init__(self, connection: Connection, *, planned_once: bool = False) -> None:
        self._planned_once = planned_once
        self._connection, self._pooled = connection, connection.connection
        self._libpq = _libpq(self._pooled)
        self._sent: deque[tuple[Direct, bool, list[list[Row]]]] = deque()
        self._error: BaseException | None = None
        try:
            _begin(self._pooled)
            self._libpq.enter_pipeline_mode()
        except psycopg.Error as error:
            raise _failed(connection, error, "BEGIN") from error
        # Waiting to write, libpq then reads: neither side waits for the other, however much both have to say.
        self._nonblocking, self._libpq.nonblocking = self._libpq.nonblocking, 0
        self._pooled.info[_TOGETHER] = True
        if planned_once:
            self.ask(_PLANNED_ONCE, {})

    def ask(self, statement: Direct, values: Mapping[str, Any]) -> Later:
        """Send a statement. Its rows may be read while others run; what goes wrong is raised when they are read."""
        libpq, name = self._libpq, statement._name
        answer: list[list[Row]] = []
        try:
            parameters = statement._parameters(values)
            new = name not in _prepared(self._pooled) and all(one is not statement for one, _, _ in self._sent)
            if new:
                libpq.send_prepare(name, statement._numbered)
            libpq.send_query_prepared(name, parameters)
            libpq.send_flush_request()
            libpq.flush()
        except psycopg.Error as error:
            self._error = _failed(self._connection, error, statement.sql)
            raise self._error from error
        self._sent.append((statement, new, answer))

        def later() -> list[Row]:
            while not answer:
                self._read()
            return answer[0]

        return later

    def _read(self) -> None:
        """The answer that comes next."""
        if self._error is not None:
            raise self._error
        statement, new, answer = self._sent.popleft()
        try:
            if new:
                self._result()
                _prepared(self._pooled).add(statement._name)
            answer.append(_loaded(self._pooled, self._result()))
        except psycopg.Error as error:
            self._error = _failed(self._connection, error, statement.sql)
            raise self._error from error

    def _result(self) -> pq.abc.PGresult:
        result = self._libpq.get_result()
        if result is None:
            raise psycopg.OperationalError("the connection was lost")
        self._libpq.get_result()  # each statement has one result, and then none
        return _checked(result)

    def end(self) -> None:
        """Read what nobody read, and leave the connection as it was."""
        with suppress(DBAPIError):
            if self._planned_once and self._error is None:
                self.ask(_PLANNED_AS_USUAL, {})
            while self._sent:
                self._read()
        libpq = self._libpq
        self._pooled.info.pop(_TOGETHER, None)
        try:
            libpq.pipeline_sync()
            while (result := libpq.get_result()) is None or result.status != pq.ExecStatus.PIPELINE_SYNC:
                if libpq.status != pq.ConnStatus.OK:
                    raise psycopg.OperationalError("the connection was lost")
            libpq.exit_pipeline_mode()
            libpq.nonblocking = self._nonblocking
        except psycopg.OperationalError as error:
            # Who read an answer was told. A transaction of it cannot be committed any more.
            self._connection.invalidate(error)


_TOGETHER = "together"


@event.listens_for(Engine, "before_cursor_execute")
def _alone(connection: Connection, *_: Any) -> None:
    if _TOGETHER in connection.connection.info:
        raise RuntimeError("a statement of the session among statements that are sent together")


@contextmanager
def together(session: Session, *, planned_once: bool = False) -> Iterator[Together]:
    """Prepared statements to be asked at once, in the session's transaction. `planned_once` as of `Together`."""
    asked = Together(session.connection(), planned_once=planned_once)
    try:
        yield asked
    finally:
        asked.end()


def _prepared(pooled: PoolProxiedConnection) -> set[bytes]:
    """Names of the statements that the connection knows."""
    known: set[bytes] = pooled.info.setdefault("direct", set())
    return known


def _begin(pooled: PoolProxiedConnection) -> None:
    libpq = _libpq(pooled)
    if libpq.transaction_status == pq.TransactionStatus.IDLE:
        _checked(libpq.exec_(_begun(pooled)))


def _loaded(pooled: PoolProxiedConnection, result: pq.abc.PGresult) -> list[Row]:
    """The rows, by what the driver itself reads its rows with."""
    loaded = Transformer(_driver(pooled))
    loaded.set_pgresult(result)
    return loaded.load_rows(0, result.ntuples, tuple)


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
