"""The database door: the declarative base, the session, and `transaction()` with the only commit.

Isolation is READ COMMITTED; races are decided by guarded single statements, constraints and locked rows, which are read
anew, never by read-decide-write.
Reports of several statements read in `one_moment()`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import BigInteger, CheckConstraint, Date, DateTime, Enum, MetaData, Select, String, event, func, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, ORMExecuteState, Session, registry

from shop.kit import moment

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """All tables: constraints named by convention, instants with a zone, enums kept by value."""

    registry = registry(
        metadata=MetaData(naming_convention=NAMING),
        type_annotation_map={
            datetime: DateTime(timezone=True),
            date: Date,
            int: BigInteger,
            str: String,
            dict[str, object]: JSONB,
            StrEnum: Enum(StrEnum, native_enum=False, length=32, values_callable=lambda kind: [m.value for m in kind]),
        },
    )


db = SQLAlchemy(model_class=Base, disable_autonaming=True)

# Type checkers do not know that `db.Model` is `Base`; at run time they are the same family.
if TYPE_CHECKING:
    Model = Base
else:
    Model = db.Model


def columns_of(row: Base) -> dict[str, Any]:
    """Every column of a row by its name, as it was read: what a query shows of it and adds to."""
    return {column.key: getattr(row, column.key) for column in row.__table__.columns}


def one_of(column: str, kind: type[StrEnum]) -> CheckConstraint:
    """CHECK that `column` holds a value of `kind`, named after the column."""
    values = ", ".join(f"'{member.value}'" for member in kind)
    return CheckConstraint(f"{column} IN ({values})", name=f"{column}_known")


#: Seconds after which a connection over TCP whose other end is silent is given up: 20, then 3 times 5.
_SILENT_S, _ASK_AGAIN_S, _ASKED = 20, 5, 3
_SILENT_MS = (_SILENT_S + _ASKED * _ASK_AGAIN_S) * 1000
#: Milliseconds after which the server looks whether who waits for a statement is still there.
_STILL_THERE_MS = 5_000
#: Either end notices the other's going by itself, for a machine that lost its power or its line says no farewell: the
#: server lets go of its locks, and a web process or worker does not wait for ever. Sockets of one machine ignore it.
_LIMITS_OF_SILENCE = (
    f" -c tcp_keepalives_idle={_SILENT_S} -c tcp_keepalives_interval={_ASK_AGAIN_S} -c tcp_keepalives_count={_ASKED}"
    f" -c tcp_user_timeout={_SILENT_MS} -c client_connection_check_interval={_STILL_THERE_MS}"
)
_OUR_END = {
    "keepalives_idle": _SILENT_S,
    "keepalives_interval": _ASK_AGAIN_S,
    "keepalives_count": _ASKED,
    "tcp_user_timeout": _SILENT_MS,
}


def engine_options(*, pool_size: int = 10, statement_timeout_ms: int = 5_000) -> dict[str, Any]:
    """Engine options for one process. Time limits hold for every connection, so no statement waits for ever.

    No JIT and no parallel workers: a report reads thousands of rows, starting either takes longer than reading them.

    `statement_timeout_ms`: milliseconds; web requests keep 5 s, jobs ask for more.
    """
    limits = (
        f"-c statement_timeout={statement_timeout_ms} -c lock_timeout=3000"
        " -c idle_in_transaction_session_timeout=30000 -c timezone=UTC -c jit=off -c max_parallel_workers_per_gather=0"
        + _LIMITS_OF_SILENCE
    )
    return {
        "pool_size": pool_size,
        "max_overflow": 0,
        "pool_timeout": 3,
        "pool_pre_ping": False,
        # The driver forgets at each ROLLBACK what it prepared, and every read ends with one: `kit.direct` prepares.
        "connect_args": {"options": limits, "connect_timeout": 3, "prepare_threshold": None, **_OUR_END},
    }


@event.listens_for(Session, "do_orm_execute")
def _locked_is_anew(state: ORMExecuteState) -> None:
    """A row that is locked is taken as it is then: what the session read of it before may have been changed since."""
    if isinstance(state.statement, Select) and state.statement._for_update_arg is not None:
        state.update_execution_options(populate_existing=True)


class NestedTransactionError(RuntimeError):
    """`transaction()` was opened inside another one: an action tried to commit."""


def hold(session: Session, what: str, *, shared: bool = False) -> None:
    """Wait for the lock called `what` and keep it until the transaction ends; several may share it."""
    take = func.pg_advisory_xact_lock_shared if shared else func.pg_advisory_xact_lock
    session.execute(select(take(func.hashtext(what))))


@contextmanager
def transaction() -> Iterator[Session]:
    """Commit what the block did, or nothing. Only `api.py`, `web/`, `tasks/`, `cli.py` and the demo open one.

    Raises NestedTransactionError when one is open already.
    """
    session = db.session()
    if session.info.get("in_transaction"):
        raise NestedTransactionError("transaction() is already open: actions never commit")
    session.info["in_transaction"] = True
    try:
        yield session
        session.commit()
        moment.forget(session.get_bind())
    except BaseException:
        session.rollback()
        raise
    finally:
        session.info["in_transaction"] = False


@contextmanager
def one_moment() -> Iterator[Session]:
    """A session that reads as of one moment, however many statements it sends: for reports whose parts must add up.

    It writes nothing, and does not see what an open `transaction()` has not committed. Outside of one the request's
    connection goes back first.
    """
    if not db.session().info.get("in_transaction"):
        release()
    with Session(db.engine) as session:
        session.connection(execution_options={"isolation_level": "REPEATABLE READ", "postgresql_readonly": True})
        yield session


def release() -> None:
    """End a read outside `transaction()`: the connection goes back before something slow, or before writing."""
    db.session.rollback()
