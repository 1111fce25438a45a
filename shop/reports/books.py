"""Proving the books: runs the checks of `checks.py` on one snapshot and names every row that should not be."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy.orm import Session

from shop.reports.checks import CHECKS, Check

__all__ = ["CHECKS", "Check", "Violation", "check_books", "run_checks"]

#: Rows of one check that are shown: one is enough for an alarm, some help to find the cause.
SHOWN = 20


@dataclass(frozen=True)
class Violation:
    """A row that should not be."""

    check: Check
    row: dict[str, Any]

    @property
    def facts(self) -> str:
        """The row in one line."""
        return " ".join(f"{name}={value}" for name, value in self.row.items())

    def __str__(self) -> str:
        return f"{self.check.code} {self.check.zh} · {self.check.en}: {self.facts}"


def check_books(session: Session, *, now: datetime | None = None) -> list[Violation]:
    """Run every check on a connection of its own, in one REPEATABLE READ transaction that writes nothing.

    `now` judges what is late; the present unless a test says otherwise. Never run it on a replica.
    """
    engine = session.get_bind().engine
    with engine.connect() as plain:
        connection = plain.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        connection.execute(text("SET LOCAL statement_timeout = '10min'"))
        return run_checks(connection, CHECKS, now=now or datetime.now(UTC))


def run_checks(connection: Connection, checks: Iterable[Check], *, now: datetime) -> list[Violation]:
    """The violations of `checks` as `connection` sees them."""
    found = []
    for check in checks:
        bound: dict[str, object] = {"limit": SHOWN}
        bound |= {"now": now} if ":now" in check.sql else {}
        bound |= {"rollup": check.rollup} if check.rollup else {}
        statement = check.sql if ":limit" in check.sql else f"SELECT * FROM ({check.sql}) AS violations LIMIT :limit"
        found += [Violation(check, dict(row)) for row in connection.execute(text(statement), bound).mappings()]
    return found
