"""What each rollup is counted from, and what its rows are: one SELECT for each table.

`rollups` keeps them: refreshing runs that SELECT for each dirty key, rebuilding and comparing run it for all, so that
the three cannot disagree about what a row is.
"""

from dataclasses import dataclass

from shop.agreements.models import FALLS_DUE
from shop.income.models import IncomeKind
from shop.orders.breach import CALL_OFFS, OF_LINES
from shop.reports import cuts
from shop.reports.models import Rollup


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
