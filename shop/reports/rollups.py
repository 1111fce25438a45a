"""Keeping rollups: whole keys recomputed, set-based, for the keys that were marked dirty. Never `+=`, never a loop.

What its rows are, `plans` says in one SELECT for each table. Refreshing runs it for each dirty key, rebuilding and
comparing run it for all: the three cannot disagree about what a row is.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from shop.reports import cuts
from shop.reports.models import SENT_REPORTS, Rollup
from shop.reports.plans import PLANS, Plan, Table

#: Dirty marks answered for in one transaction.
BATCH = 20_000
#: A part of a rebuild, or a first batch after a long pause, may take longer than a job's usual minute; less than the
#: 270 s after which the worker ends it (`tasks/broker.py`).
_LONG = (
    "SELECT set_config('statement_timeout', '4min', true), set_config('lock_timeout', '1min', true),"
    " set_config('work_mem', '64MB', true)"
)
#: All of a rollup in one go is no job's work.
_LONGER = "SELECT set_config('statement_timeout', '15min', true)"


@dataclass(frozen=True)
class Refreshed:
    """What a refresh did: marks answered for, keys recomputed, seconds it took; whether it made way for a rebuild."""

    marks: int
    keys: int
    seconds: float
    rested: bool = False


@dataclass(frozen=True)
class Part:
    """What of a rollup is meant: all of it, a month of it, or a month of one firm."""

    month: date | None = None
    firm_id: int | None = None


WHOLE = Part()


def refresh(session: Session, rollup: Rollup, *, limit: int = BATCH) -> Refreshed:
    """Answer for up to `limit` dirty marks, oldest first: recompute their keys, drop rows that are no more.

    One statement on one snapshot: marks and facts are committed together, so a fact that it does not see leaves a mark
    that it does not delete. One refresh of a rollup at a time (advisory lock), none while parts of it are rebuilt; a
    part that failed holds it up no longer. A rollup that follows is refreshed in the same transaction: no reader sees
    the days without their month.
    """
    began = time.perf_counter()
    if session.scalar(_IN_PARTS, {"rollup": rollup.value}):
        return Refreshed(0, 0, 0, rested=True)
    _alone(session, rollup)
    plan = PLANS[rollup]
    marks, keys = session.execute(text(_refresh_sql(plan)), {"rollup": rollup.value, "limit": limit}).one()
    for above in plan.above:
        if PLANS[above].follows:
            refresh(session, above, limit=limit)
    return Refreshed(marks, keys, time.perf_counter() - began)


def rebuild(session: Session, rollup: Rollup) -> int:
    """Make a rollup from zero, and those above it, and return its rows: the same bytes as refreshing gives."""
    _alone(session, rollup)
    session.execute(text(_LONGER))
    # Marks first: a fact committed from here on leaves a mark, whether the recount below sees it or not.
    session.execute(text("DELETE FROM dirty_keys WHERE rollup = :rollup"), {"rollup": rollup.value})
    rows = _make(session, PLANS[rollup], WHOLE)
    return rows + sum(rebuild(session, above) for above in PLANS[rollup].above)


def rebuild_part(session: Session, rollup: Rollup, part: Part) -> int:
    """Make one part of a rollup from zero and return its rows. Parts may be made at once; a refresh waits for them.

    Marks stay: whoever refreshes next answers for them, by then perhaps finding nothing to change.
    """
    session.execute(text(_LONG))
    session.execute(text("SELECT pg_advisory_xact_lock_shared(hashtext(:name))"), {"name": f"rollup {rollup.value}"})
    plan = PLANS[rollup]
    _mark_above(session, plan, part)
    rows = _make(session, plan, part)
    _mark_above(session, plan, part)
    return rows


def _make(session: Session, plan: Plan, part: Part) -> int:
    """Recount a part, write the rows that differ, and return how many it has.

    One statement: a table that counts the one before it counts the rows that were just made, not those it wrote.
    """
    parts = []
    for table in plan.tables:
        name, columns = table.name, _columns(table)
        fresh = _rows_of_fresh(plan, table) or _rows(plan, table, part)
        there = f"FROM {name}{_within(plan, part, name)}"
        if session.scalar(text(f"SELECT EXISTS (SELECT {there})"), _bound(part)):
            parts += [*_written(table, fresh, f"SELECT {columns} {there}"), _gone(table)]
        else:
            # Nothing to compare nor to conflict with. The rows of a day lie together, as if they had come day by day.
            ordered = f"SELECT {columns} FROM ({fresh}) AS fresh ORDER BY {', '.join(table.key)}"
            parts.append(f"fresh_{name} AS MATERIALIZED ({ordered})")
            parts.append(f"put_{name} AS (INSERT INTO {name} ({columns}) TABLE fresh_{name})")
    rows = " + ".join(f"(SELECT count(*) FROM fresh_{table.name})" for table in plan.tables)
    return int(session.execute(text(f"WITH {', '.join(parts)} SELECT {rows}"), _bound(part)).scalar_one())


def _mark_above(session: Session, plan: Plan, part: Part) -> None:
    kept = plan.tables[0].name
    for above in plan.above:
        session.execute(text(_raise(plan, above, plan.whose, f"{kept}{_within(plan, part, kept)}")), _bound(part))


def months_of(session: Session, rollup: Rollup) -> list[date]:
    """The months in which a rollup has facts or rows; none where it is not kept by month."""
    plan = PLANS[rollup]
    if plan.by_month is None:
        return []
    of_facts, of_rows = plan.by_month
    sides = [(plan.facts, of_facts), *((table.name, of_rows) for table in plan.tables)]
    ends = " UNION ALL ".join(f"SELECT min({column}), max({column}) FROM {name}" for name, column in sides)
    return list(
        session.execute(
            text(
                "SELECT generate_series(date_trunc('month', min(low)), date_trunc('month', max(high)), '1 month')::date"
                f" FROM ({ends}) AS ends (low, high)"
            )
        ).scalars()
    )


@dataclass(frozen=True)
class Difference:
    """A row of a rollup that a recount makes otherwise: `kept` in the table, or `recounted` from the facts."""

    table: str
    side: str
    row: dict[str, Any]

    def __str__(self) -> str:
        facts = " ".join(f"{name}={value}" for name, value in self.row.items())
        return f"{self.table} {self.side}: {facts}"


def compare(session: Session, rollup: Rollup, part: Part = WHOLE, *, limit: int = 20) -> list[Difference]:
    """Recount a rollup from its facts and return where it differs, at most `limit` rows of each table.

    One snapshot for each table; keys with a mark still waiting are left out, for nobody has answered for them yet.
    """
    session.execute(text(_LONG))
    found: list[Difference] = []
    for table in PLANS[rollup].tables:
        rows = session.execute(
            text(_compare_sql(PLANS[rollup], table, part)),
            {"rollup": rollup.value, "limit": limit} | _bound(part),
        ).mappings()
        for row in rows:
            facts = dict(row)
            found.append(Difference(table.name, facts.pop("side"), facts))
    return found


def proofs() -> list[tuple[Rollup, str, str]]:
    """(rollup, table, SELECT of its differences) of every table: for check-books. Binds `rollup` and `limit`."""
    return [(rollup, table.name, _compare_sql(plan, table)) for rollup, plan in PLANS.items() for table in plan.tables]


def rows_of_all(rollup: Rollup, table: str) -> str:
    """The SELECT of all rows of a table, counted from the facts."""
    plan = PLANS[rollup]
    return next(_rows(plan, one, WHOLE) for one in plan.tables if one.name == table)


def _alone(session: Session, rollup: Rollup) -> None:
    session.execute(text(_LONG))
    session.execute(text("SELECT pg_advisory_xact_lock(hashtext(:name))"), {"name": f"rollup {rollup.value}"})


#: Whether parts of a rollup wait to be made from zero, other than such as failed.
_IN_PARTS = text(
    "SELECT EXISTS (SELECT FROM rollup_parts"
    " WHERE rollup = :rollup AND work = 'rebuild' AND done_at IS NULL AND error IS NULL)"
)


def _facts(plan: Plan, table: Table) -> tuple[str, str]:
    """What a table counts, and the name by which it is called."""
    facts = table.facts or plan.facts
    return facts, cuts.name_of(facts)


def _rows(plan: Plan, table: Table, part: Part) -> str:
    """The rows of a part, counted from the facts."""
    facts, name = _facts(plan, table)
    within = _within(plan, part, None)
    return table.rows.format(facts=f"(SELECT * FROM {facts}{within}) AS {name}" if within else facts)


def _rows_of_fresh(plan: Plan, table: Table) -> str | None:
    """The rows of a table that counts another of its plan, from the rows of that which were just made."""
    facts, name = _facts(plan, table)
    counts_another = facts in [one.name for one in plan.tables]
    return table.rows.format(facts=f"fresh_{facts} AS {name}") if counts_another else None


def _within(plan: Plan, part: Part, table: str | None) -> str:
    """The WHERE that a part makes, over the facts or over `table`."""
    side = 0 if table is None else 1
    wanted = []
    if part.month is not None and plan.by_month:
        day = plan.by_month[side]
        wanted.append(f"{day} >= :month AND {day} < CAST(CAST(:month AS date) + interval '1 month' AS date)")
    if part.firm_id is not None and plan.by_firm:
        wanted.append(f"{plan.by_firm[side]} = :firm")
    return f" WHERE {' AND '.join(wanted)}" if wanted else ""


def _bound(part: Part) -> dict[str, object]:
    bound = {"month": part.month, "firm": part.firm_id}
    return {name: value for name, value in bound.items() if value is not None}


def _raise(plan: Plan, above: Rollup, columns: Sequence[str], rows: str) -> str:
    """Mark for a rollup above what `rows` touch; `columns`: what the plan's mark is called there."""
    called = dict(zip(plan.mark, columns, strict=True))
    mark, grouping = PLANS[above].mark, PLANS[above].grouping
    if grouping:
        called["on_day"] = grouping.first.format(day=called["on_day"])
    key = ", ".join(called[column] for column in mark)
    return f"INSERT INTO dirty_keys (rollup, {', '.join(mark)}) SELECT DISTINCT '{above}', {key} FROM {rows}"


def _dirty_rows(plan: Plan, table: Table) -> str:
    """The rows of the keys in the relation `keys`.

    LATERAL behind OFFSET 0: one index scan for each key, whatever the planner thinks of their number, so that the cost
    follows the keys and not the history. Each key is counted by itself: twenty facts are added faster than 200,000.
    """
    if again := _rows_of_fresh(plan, table):
        return again
    facts, name = _facts(plan, table)
    if plan.grouping:
        day, first = f"{name}.{plan.own[0]}", f"keys.{plan.mark[0]}"
        same = f"{_same(name, plan.own[1:], 'keys', plan.mark[1:])} AND {day} >= {first}"
        same += f" AND {day} < {plan.grouping.after.format(first=first)}"
    else:
        same = _same(name, plan.own, "keys", plan.mark)
    own = f"(SELECT * FROM {facts} WHERE {same} OFFSET 0) AS {name}"
    return f"SELECT counted.* FROM keys CROSS JOIN LATERAL ({table.rows.format(facts=own)}) AS counted"


def _refresh_sql(plan: Plan) -> str:
    """Take marks, and for each table: recount their keys, delete what is no more, write what changed."""
    mark = ", ".join(plan.mark)
    parts = [
        # Up to the id of the last one wanted: a range, which needs no guess of how many rows a queue holds just now.
        "taken AS (DELETE FROM dirty_keys WHERE rollup = :rollup AND id <= (SELECT max(id) FROM (SELECT id"
        f" FROM dirty_keys WHERE rollup = :rollup ORDER BY id LIMIT :limit) AS first) RETURNING {mark})",
        f"keys AS MATERIALIZED (SELECT DISTINCT {mark} FROM taken ORDER BY {mark})",
    ]
    parts += [f"raised_{above} AS ({_raise(plan, above, plan.mark, 'keys')})" for above in plan.above]
    if plan.reported:
        parts.append(
            f"reported AS (INSERT INTO dirty_keys (rollup, on_day) SELECT DISTINCT '{SENT_REPORTS}', on_day FROM keys"
            " WHERE EXISTS (SELECT FROM sent_reports))"
        )
    for table in plan.tables:
        # Looked up key by key, as the facts are.
        same = _same(table.name, plan.whose, "keys", plan.mark)
        own = f"SELECT {_columns(table)} FROM {table.name} WHERE {same} OFFSET 0"
        kept = f"SELECT kept.* FROM keys CROSS JOIN LATERAL ({own}) AS kept"
        parts += [*_written(table, _dirty_rows(plan, table), kept), *([_gone(table)] if plan.vanish else [])]
    return "WITH " + ", ".join(parts) + " SELECT (SELECT count(*) FROM taken), (SELECT count(*) FROM keys)"


def _columns(table: Table) -> str:
    return ", ".join(table.key + table.figures)


def _written(table: Table, fresh: str, kept: str) -> list[str]:
    """Of the rows that a table shall have and those it has, write what differs: the others are not even locked."""
    name, columns = table.name, _columns(table)
    excluded = ", ".join(f"excluded.{figure}" for figure in table.figures)
    return [
        f"fresh_{name} AS MATERIALIZED ({fresh})",
        f"kept_{name} AS MATERIALIZED ({kept})",
        f"put_{name} AS (INSERT INTO {name} ({columns})"
        f" SELECT {columns} FROM fresh_{name} EXCEPT SELECT {columns} FROM kept_{name}"
        f" ON CONFLICT ({', '.join(table.key)}) DO UPDATE SET ({', '.join(table.figures)}) = ROW ({excluded}))",
    ]


def _gone(table: Table) -> str:
    """Delete the rows that are no more."""
    name, key = table.name, ", ".join(table.key)
    return (
        f"gone_{name} AS (DELETE FROM {name} AS old USING"
        f" (SELECT {key} FROM kept_{name} EXCEPT SELECT {key} FROM fresh_{name}) AS gone"
        f" WHERE {_same('old', table.key, 'gone', table.key)})"
    )


def _compare_sql(plan: Plan, table: Table, part: Part = WHOLE) -> str:
    columns = _columns(table)
    quiet = (
        "NOT EXISTS (SELECT FROM dirty_keys WHERE rollup = :rollup AND "
        f"{_same('dirty_keys', plan.mark, 'odd', plan.whose)})"
    )
    return f"""
        WITH recounted AS (SELECT {columns} FROM ({_rows(plan, table, part)}) AS odd WHERE {quiet}),
        kept AS (SELECT {columns} FROM (SELECT * FROM {table.name}{_within(plan, part, table.name)}) AS odd
            WHERE {quiet})
        (SELECT 'recounted' AS side, * FROM (TABLE recounted EXCEPT TABLE kept) AS missing LIMIT :limit)
        UNION ALL
        (SELECT 'kept' AS side, * FROM (TABLE kept EXCEPT TABLE recounted) AS wrong LIMIT :limit)
    """


def _same(left: str, left_columns: Sequence[str], right: str, right_columns: Sequence[str]) -> str:
    pairs = zip(left_columns, right_columns, strict=True)
    return " AND ".join(f"{left}.{one} = {right}.{other}" for one, other in pairs)
