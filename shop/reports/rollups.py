"""Keeping rollups: whole keys recomputed, set-based, for the keys that were marked dirty. Never `+=`, never a loop.

One SELECT for each table says what its rows are. Refreshing runs it for each dirty key, rebuilding and comparing run it
for all: the three cannot disagree about what a row is.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from shop.agreements.models import FALLS_DUE
from shop.income.models import IncomeKind
from shop.orders.breach import CALL_OFFS, OF_LINES
from shop.reports import cuts
from shop.reports.models import SENT_REPORTS, Rollup

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
class Table:
    """A rollup table. `rows` selects `key` and `figures` from `{facts}`: all of them, or those of the dirty keys.

    `facts`: what is counted, where it is another than the plan's: perhaps the table before it, of the same key.
    """

    name: str
    key: tuple[str, ...]
    figures: tuple[str, ...]
    rows: str
    facts: str | None = None


@dataclass(frozen=True)
class Grouping:
    """Days that are counted together. `first`: the first of them, from `{day}`; `after`: the day after, from that."""

    name: str
    first: str
    after: str


MONTH = Grouping("month", "date_trunc('month', {day})::date", "({first} + interval '1 month')::date")
#: A third of a month: its days 1 to 10, 11 to 20, 21 to the end.
DEKAD = Grouping(
    "dekad",
    "date_trunc('month', {day})::date + least((extract(day FROM {day})::int - 1) / 10, 2) * 10",
    "CASE WHEN extract(day FROM {first}) > 20 THEN (date_trunc('month', {first}) + interval '1 month')::date"
    " ELSE {first} + 10 END",
)


@dataclass(frozen=True)
class Plan:
    """How a rollup is kept.

    `mark`: the columns of a dirty mark that are its key; `whose`: the same in the rollup's tables; `own`: in its facts.
    `vanish`: whether a row may be there no more after a recount; never where facts are append-only. `above`: rollups
    that count the rows of this one; their marks are columns of its mark. `follows`: it is refreshed with the one below,
    not by a job of its own. `grouping`: the first own column is a day, and a mark names the days it is counted with.
    `by_month`, `by_firm`: the columns of facts and of tables by which a rebuild is split into parts. `reported`: sent
    reports tell figures of the day that a mark names, so whoever refreshes it marks that day for them (`adjustments`).
    """

    facts: str
    mark: tuple[str, ...]
    own: tuple[str, ...]
    whose: tuple[str, ...]
    vanish: bool
    tables: tuple[Table, ...]
    above: tuple[Rollup, ...] = ()
    follows: bool = False
    grouping: Grouping | None = None
    by_month: tuple[str, str] | None = None
    by_firm: tuple[str, str] | None = None
    reported: bool = False


#: The figures of a set of orders, and where they are read: by day, firm and channel they are the rollup, by order they
#: are what makes a figure of it.
SALES_FIGURES = """
                count(*) FILTER (WHERE status <> 'cancelled') AS orders,
                count(*) FILTER (WHERE status = 'settled') AS settled_orders,
                coalesce(sum(sold.weight_g) FILTER (WHERE status <> 'cancelled'), 0)::bigint AS weight_g,
                sum(paid_fen)::bigint AS paid_fen, sum(refunded_fen)::bigint AS refunded_fen,
                sum(shared.net_fen)::bigint AS net_fen, sum(shared.firm_fen)::bigint AS firm_fen,
                sum(shared.host_fen)::bigint AS host_fen, sum(shared.platform_fen)::bigint AS platform_fen,
                sum(shared.carrier_fen)::bigint AS carrier_fen, sum(shared.coupon_fen)::bigint AS coupon_fen,
                coalesce(sum(total_fen - sold.cancelled_fen)
                         FILTER (WHERE status NOT IN ('settled', 'cancelled')), 0)::bigint AS open_fen,
                sum(greatest(paid_fen - refunded_fen - shared.net_fen, 0))::bigint AS held_fen,
                sum(greatest(shared.net_fen - paid_fen + refunded_fen, 0))::bigint AS due_fen
"""
SALES_FACTS = """
            CROSS JOIN LATERAL (
                SELECT sum(coalesce(accepted_g, order_lines.weight_g - cancelled_g)) AS weight_g,
                    sum(cancelled_fen) AS cancelled_fen
                FROM order_lines WHERE order_lines.order_id = orders.id) AS sold
            CROSS JOIN LATERAL (
                SELECT coalesce(sum(amount_fen), 0) AS net_fen,
                    coalesce(sum(amount_fen) FILTER (WHERE kind = 'firm'), 0) AS firm_fen,
                    coalesce(sum(amount_fen) FILTER (WHERE kind = 'host'), 0) AS host_fen,
                    coalesce(sum(amount_fen) FILTER (WHERE kind = 'platform'), 0) AS platform_fen,
                    coalesce(sum(amount_fen) FILTER (WHERE kind = 'carrier'), 0) AS carrier_fen,
                    coalesce(sum(amount_fen) FILTER (WHERE kind = 'coupon'), 0) AS coupon_fen
                FROM settlements JOIN settlement_shares ON settlement_id = settlements.id
                WHERE settlements.order_id = orders.id) AS shared
            WHERE confirmed_at IS NOT NULL
"""

_SALES = Plan(
    facts="orders",
    mark=("on_day", "a_id", "b_id"),
    own=("placed_on", "firm_id", "channel_id"),
    whose=("day", "firm_id", "channel_id"),
    vanish=True,
    tables=(
        Table(
            "sales_rollup",
            ("day", "firm_id", "channel_id"),
            (
                "orders", "settled_orders", "weight_g", "paid_fen", "refunded_fen", "net_fen", "firm_fen", "host_fen",
                "platform_fen", "carrier_fen", "coupon_fen", "open_fen", "held_fen", "due_fen",
            ),
            """
            SELECT placed_on AS day, firm_id, channel_id,
            """ + SALES_FIGURES + "FROM {facts}" + SALES_FACTS + """
            GROUP BY placed_on, firm_id, channel_id
            """,
        ),
        Table(
            "product_sales_rollup",
            ("day", "firm_id", "channel_id", "product_id"),
            ("lines", "weight_g", "amount_fen", "refunded_fen", "net_fen"),
            """
            SELECT placed_on AS day, orders.firm_id, channel_id, product_id, count(*) AS lines,
                sum(coalesce(accepted_g, weight_g - cancelled_g))::bigint AS weight_g,
                sum(amount_fen)::bigint AS amount_fen,
                sum(order_lines.refunded_fen)::bigint AS refunded_fen,
                sum(CASE payment_terms WHEN 'on_invoice' THEN coalesce(accepted_fen, amount_fen - cancelled_fen)
                    ELSE amount_fen - order_lines.refunded_fen END)::bigint AS net_fen
            FROM {facts} JOIN order_lines ON order_lines.order_id = orders.id
            WHERE confirmed_at IS NOT NULL AND status <> 'cancelled'
            GROUP BY placed_on, orders.firm_id, channel_id, product_id
            """,
        ),
        Table(
            "partner_sales_rollup",
            ("day", "firm_id", "channel_id", "partner_id", "occasion_id", "is_own", "from_file"),
            ("orders", "weight_g", "amount_fen", "refunded_fen", "net_fen"),
            """
            SELECT placed_on AS day, firm_id, channel_id, partner_id, coalesce(occasion_id, 0) AS occasion_id, is_own,
                from_file, count(*) AS orders, sum(weight_g)::bigint AS weight_g, sum(amount_fen)::bigint AS amount_fen,
                sum(back_fen)::bigint AS refunded_fen,
                sum(CASE payment_terms WHEN 'on_invoice' THEN owed_fen ELSE amount_fen - back_fen END)::bigint
                    AS net_fen
            FROM {facts} CROSS JOIN LATERAL (
                SELECT sum(coalesce(accepted_g, order_lines.weight_g - cancelled_g)) AS weight_g,
                    sum(amount_fen) AS amount_fen,
                    sum(order_lines.refunded_fen) AS back_fen,
                    sum(coalesce(accepted_fen, amount_fen - cancelled_fen)) AS owed_fen,
                    bool_or(price_basis = 'line') AS from_file
                FROM order_lines WHERE order_lines.order_id = orders.id) AS sold
            WHERE confirmed_at IS NOT NULL AND status <> 'cancelled'
            GROUP BY placed_on, firm_id, channel_id, partner_id, coalesce(occasion_id, 0), is_own, from_file
            """,
        ),
    ),
    above=(Rollup.SALES_DEKADS, Rollup.SALES_MONTHS, Rollup.PARTNER_DAYS),
    by_month=("placed_on", "day"),
    by_firm=("firm_id", "firm_id"),
    reported=True,
)  # fmt: skip


def _counted(of: Table, days: Grouping) -> Table:
    """The days of a table, counted together."""
    columns = ", ".join(of.key[1:])
    sums = ", ".join(f"sum({figure})::bigint AS {figure}" for figure in of.figures)
    first = days.first.format(day="day")
    return Table(
        of.name.replace("_rollup", f"_{days.name}s"), (days.name, *of.key[1:]), of.figures,
        f"SELECT {first} AS {days.name}, {columns}, {sums} FROM {{facts}} GROUP BY {first}, {columns}",
        facts=of.name,
    )  # fmt: skip


def _sales(days: Grouping, above: Rollup) -> Plan:
    """What was sold, by dekad or by month."""
    return Plan(
        facts="sales_rollup",
        mark=("on_day", "a_id", "b_id"),
        own=("day", "firm_id", "channel_id"),
        whose=(days.name, "firm_id", "channel_id"),
        vanish=True,
        tables=tuple(_counted(table, days) for table in _SALES.tables),
        above=(above,),
        follows=True,
        grouping=days,
        by_month=("day", days.name),
    )


_SALES_DEKADS = _sales(DEKAD, Rollup.PARTNER_DEKADS)
_SALES_MONTHS = _sales(MONTH, Rollup.PARTNER_MONTHS)


def _of_all_firms(of: Table, name: str) -> Plan:
    """A table by firm, counted for all firms together: rows as many as partners, not as pairs of firm and partner."""
    key = tuple(column for column in of.key if column != "firm_id")
    when, columns = key[0], ", ".join(key)
    sums = ", ".join(f"sum({figure})::bigint AS {figure}" for figure in of.figures)
    return Plan(
        facts=of.name,
        mark=("on_day", "b_id"),
        own=(when, "channel_id"),
        whose=(when, "channel_id"),
        vanish=True,
        tables=(Table(name, key, of.figures, f"SELECT {columns}, {sums} FROM {{facts}} GROUP BY {columns}"),),
        follows=True,
        by_month=(when, when),
    )


_RECEIVABLES = Plan(
    facts="orders",
    mark=("on_day", "a_id", "b_id"),
    own=("due_on", "firm_id", "partner_id"),
    whose=("due_on", "firm_id", "partner_id"),
    vanish=True,
    tables=(
        Table(
            "receivable_rollup",
            ("due_on", "firm_id", "partner_id"),
            ("orders", "due_fen"),
            """
            SELECT due_on, firm_id, partner_id, count(*) AS orders, sum(owed_fen - paid_fen)::bigint AS due_fen
            FROM {facts} CROSS JOIN LATERAL (
                SELECT sum(accepted_fen) AS owed_fen FROM order_lines WHERE order_lines.order_id = orders.id) AS owed
            WHERE due_on IS NOT NULL AND owed_fen > paid_fen
            GROUP BY due_on, firm_id, partner_id
            """,
        ),
    ),
    by_month=("due_on", "due_on"),
)

_INCOME = Plan(
    facts="income_entries",
    mark=("on_day", "a_id"),
    own=("month", "household_id"),
    whose=("month", "household_id"),
    vanish=False,
    above=(Rollup.INCOME_CUTS,),
    by_month=("month", "month"),
    tables=(
        Table(
            "income_rollup",
            ("month", "household_id", "firm_id", "product_id", "kind"),
            ("entries", "weight_g", "amount_fen"),
            """
            SELECT month, household_id, coalesce(firm_id, 0) AS firm_id, coalesce(product_id, 0) AS product_id, kind,
                count(*) AS entries,
                sum(weight_g)::bigint AS weight_g, sum(amount_fen)::bigint AS amount_fen
            FROM {facts}
            GROUP BY month, household_id, coalesce(firm_id, 0), coalesce(product_id, 0), kind
            """,
        ),
        Table(
            "income_months",
            ("month", "household_id", "firm_id"),
            ("amount_fen", "weight_g", *(f"{kind}_fen" for kind in IncomeKind)),
            "SELECT month, household_id, firm_id, sum(amount_fen)::bigint AS amount_fen,"
            " sum(weight_g)::bigint AS weight_g, "
            + ", ".join(f"sum(amount_fen) FILTER (WHERE kind = '{kind}')::bigint AS {kind}_fen" for kind in IncomeKind)
            + " FROM {facts} GROUP BY month, household_id, firm_id",
            facts="income_rollup",
        ),
    ),
)

_REACH = Plan(
    facts="sales_reach",
    mark=("on_day", "a_id"),
    own=("month", "household_id"),
    whose=("month", "household_id"),
    vanish=False,
    above=(Rollup.REACH_CUTS,),
    by_month=("month", "month"),
    tables=(
        Table(
            "reach_rollup",
            ("month", "household_id", "firm_id", "product_id", "channel_id"),
            ("lines", "weight_g", "amount_fen"),
            """
            SELECT month, household_id, firm_id, product_id, channel_id, count(DISTINCT order_line_id) AS lines,
                sum(weight_g)::bigint AS weight_g, sum(amount_fen)::bigint AS amount_fen
            FROM {facts}
            GROUP BY month, household_id, firm_id, product_id, channel_id
            """,
        ),
        Table(
            "reach_months",
            ("month", "household_id", "firm_id"),
            ("weight_g", "amount_fen"),
            "SELECT month, household_id, firm_id, sum(weight_g)::bigint AS weight_g,"
            " sum(amount_fen)::bigint AS amount_fen FROM {facts} GROUP BY month, household_id, firm_id",
            facts="reach_rollup",
        ),
    ),
)

_COSTS = Plan(
    facts="cost_lines",
    mark=("on_day", "a_id"),
    own=("month", "household_id"),
    whose=("month", "household_id"),
    vanish=False,
    above=(Rollup.COST_CUTS,),
    by_month=("month", "month"),
    tables=(
        Table(
            "cost_rollup",
            ("month", "household_id", "firm_id", "product_id", "sold"),
            ("lines", "cost_fen", "covered_fen"),
            """
            SELECT cost_lines.month, cost_lines.household_id, coalesce(cost_lines.firm_id, 0) AS firm_id,
                coalesce(cost_lines.product_id, 0) AS product_id, coalesce(sale.month, cost_lines.month) AS sold,
                count(*) AS lines, sum(cost_lines.amount_fen)::bigint AS cost_fen,
                sum(covers_fen)::bigint AS covered_fen
            FROM {facts} LEFT JOIN income_entries AS sale ON sale.id = income_entry_id
            GROUP BY cost_lines.month, cost_lines.household_id, coalesce(cost_lines.firm_id, 0),
                coalesce(cost_lines.product_id, 0), coalesce(sale.month, cost_lines.month)
            """,
        ),
    ),
)

_PROMISES = (
    """(
                SELECT line_id, due_on, agreement_id, weight_g AS due_g, 0 AS called_g, 0 AS dispatched_g,
                    0 AS accepted_g, 0 AS refused_g, 0 AS executed_fen
                FROM due_weights JOIN agreement_lines ON agreement_lines.id = line_id
                JOIN agreements ON agreements.id = agreement_id WHERE """
    + FALLS_DUE
    + """
                UNION ALL
                SELECT line_id, call_offs.due_on, agreement_id, 0, call_offs.weight_g,
                    coalesce(order_lines.dispatched_g, 0), coalesce(order_lines.accepted_g, 0),
                    coalesce(order_lines.refused_g, 0), coalesce(order_lines.accepted_fen, 0)
                FROM call_offs
                LEFT JOIN orders ON orders.call_off_id = call_offs.id
                LEFT JOIN order_lines ON order_lines.order_id = orders.id
                WHERE call_offs.status <> 'cancelled'
            ) AS promises"""
)

#: Of a promise: what fell due, and what became of it.
PROMISE_FIGURES = ("due_g", "called_g", "dispatched_g", "accepted_g", "refused_g", "executed_fen")
PROMISE_SUMS = ", ".join(f"sum({figure})::bigint AS {figure}" for figure in PROMISE_FIGURES)

_OF_CALL_OFFS = (
    "agreement_id", "line_id", "status", "cancelled_by", "due_on", "schedule_day", "version_id", "weight_g", "stands_g",
    "again_g", "order_status", "owed_on", "paid_fen", "accepted_g", "accepted_fen",
)  # fmt: skip
_AGREEMENTS = Plan(
    facts=_PROMISES,
    mark=("a_id",),
    own=("agreement_id",),
    whose=("agreement_id",),
    vanish=True,
    tables=(
        Table(
            "agreement_rollup",
            ("line_id", "due_on"),
            ("agreement_id", *PROMISE_FIGURES),
            f"SELECT line_id, due_on, agreement_id, {PROMISE_SUMS} FROM {{facts}}"
            " GROUP BY line_id, due_on, agreement_id",
        ),
        Table(
            "agreement_months", ("line_id", "month"), ("agreement_id", *PROMISE_FIGURES),
            f"SELECT line_id, {MONTH.first.format(day='due_on')} AS month, agreement_id, {PROMISE_SUMS} FROM {{facts}}"
            f" GROUP BY line_id, {MONTH.first.format(day='due_on')}, agreement_id",
            facts="agreement_rollup",
        ),
        Table(
            "call_off_rollup", ("id",), _OF_CALL_OFFS,
            f"SELECT id, {', '.join(_OF_CALL_OFFS)} FROM {{facts}}", facts=f"{CALL_OFFS} AS taken",
        ),
        Table(
            "call_off_lines", ("line_id",), ("agreement_id", "recalled_g", "taken_g", "beside_g"),
            OF_LINES, facts="call_off_rollup",
        ),
    ),
)  # fmt: skip


def _cut(*sources: cuts.Source, reported: bool = False) -> Plan:
    """Months or days of a county: a mark is one of them, whatever changed in it."""
    when = sources[0].when
    return Plan(
        facts=sources[0].facts,
        mark=("on_day",),
        own=(when,),
        whose=(when,),
        vanish=True,
        by_month=(when, when),
        reported=reported,
        tables=tuple(
            Table(one.table, one.key, (*one.figures, *one.sets), one.rows(), facts=one.facts) for one in sources
        ),
    )


PLANS: dict[Rollup, Plan] = {
    Rollup.SALES: _SALES,
    Rollup.SALES_DEKADS: _SALES_DEKADS,
    Rollup.SALES_MONTHS: _SALES_MONTHS,
    Rollup.PARTNER_DAYS: _of_all_firms(_SALES.tables[-1], "partner_days"),
    Rollup.PARTNER_DEKADS: _of_all_firms(_SALES_DEKADS.tables[-1], "partner_dekads"),
    Rollup.PARTNER_MONTHS: _of_all_firms(_SALES_MONTHS.tables[-1], "partner_months"),
    Rollup.RECEIVABLES: _RECEIVABLES,
    Rollup.INCOME: _INCOME,
    Rollup.REACH: _REACH,
    Rollup.AGREEMENTS: _AGREEMENTS,
    Rollup.COSTS: _COSTS,
    Rollup.INCOME_CUTS: _cut(cuts.INCOME, cuts.INCOME_PRODUCTS, reported=True),
    Rollup.COST_CUTS: _cut(cuts.COSTS),
    Rollup.REACH_CUTS: _cut(cuts.REACH),
    Rollup.INCOME_DAYS: _cut(cuts.INCOME_DAYS, reported=True),
}


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
    """Recount a part, write the rows that differ, and return how many it has."""
    rows = 0
    for table in plan.tables:
        columns, fresh = _columns(table), _rows(plan, table, part)
        there = f"FROM {table.name}{_within(plan, part, table.name)}"
        if session.scalar(text(f"SELECT EXISTS (SELECT {there})"), _bound(part)):
            written = ", ".join([*_written(table, fresh, f"SELECT {columns} {there}"), _gone(table)])
            made = f"WITH {written} SELECT count(*) FROM fresh_{table.name}"
        else:
            # Nothing to compare nor to conflict with. The rows of a day lie together, as if they had come day by day.
            order = ", ".join(table.key)
            made = f"INSERT INTO {table.name} ({columns}) SELECT {columns} FROM ({fresh}) AS fresh ORDER BY {order}"
        done = session.execute(text(made), _bound(part))
        rows += done.scalar_one() if done.returns_rows else done.rowcount  # type: ignore[attr-defined]
    return rows


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
    facts, name = _facts(plan, table)
    if facts in [one.name for one in plan.tables]:
        return table.rows.format(facts=f"fresh_{facts} AS {name}")
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
