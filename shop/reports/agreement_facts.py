"""What the agreements report is counted from: one row for each fact, with its part of every figure.

Every figure is a sum over these rows, so whatever they are cut by (agreement, buyer, firm, product, township, month)
adds up to the same, and the rows behind a figure are its explanation. `KEPT_BY_MONTH`, `KEPT_BY_LINE` read what was due
and kept from the rollup, `KEPT_FACTS` from the schedule and the call-offs themselves.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import BigInteger, Date, String, Subquery, bindparam, column, text

from shop.agreements.in_force import AGREED_THEN
from shop.agreements.models import FALLS_DUE
from shop.channels.policies import POLICIES, Hold
from shop.orders.breach import BEHIND, BREACHES, CALLED, CALLED_ROLLED
from shop.reports.plans import PROMISE_FIGURES, PROMISE_SUMS

#: In grams and fen; each adds up over rows.
FIGURES = (
    "signed_g", "signed_fen", "due_g", "called_g", "dispatched_g", "accepted_g", "refused_g", "executed_fen",
    "shortfall_g", "firm_short_g", "firm_penalty_fen", "buyer_short_g", "buyer_penalty_fen", "receivable_fen",
    "overdue_fen", "forecast_g", "forecast_fen", "out_of_season_g", "at_risk_g",
)  # fmt: skip
#: Those of a past day: nobody keeps what stock was free then.
OF_A_PAST_DAY = tuple(name for name in FIGURES if name != "at_risk_g")
#: Days ahead for which stock is looked at.
RISK_DAYS = 14


@dataclass(frozen=True)
class Facts:
    """Facts of one kind. `told`: the figures that it speaks of, as expressions; all others are zero.

    `over`: relations that stand before the statement and that it reads. `added`: one of a line and day already.
    """

    source: str
    fact_id: str
    line_id: str
    day: str
    origin: str
    told: Mapping[str, str]
    over: tuple[str, ...]
    added: bool = False

    def speaks_of(self, figures: Collection[str]) -> bool:
        """Whether any of `figures` is told."""
        return not self.told.keys().isdisjoint(figures)

    def sql(self, figures: Collection[str], days: str | None) -> str:
        """The SELECT of them with `figures`; `days`: added by line and by this of their `{day}`."""
        told = {name: self.told.get(name, "0") for name in figures}
        fact_id, day, whole = self.fact_id, self.day, ""
        if days is not None and not self.added:
            told = {name: one if one == "0" else f"sum({one})" for name, one in told.items()}
            fact_id, day, whole = self.line_id, days.format(day=self.day), "GROUP BY 1, 3, 4"
        sums = "".join(f", ({one})::bigint AS {name}" for name, one in told.items())
        return (
            f"SELECT {self.source} AS source, {fact_id} AS fact_id, {self.line_id} AS line_id, {day} AS day{sums}"
            f" {self.origin} {whole}"
        )


def _facts(
    source: str, fact_id: str, line_id: str, day: str, origin: str, over: tuple[str, ...] = (), added: bool = False, /,
    **told: str,
) -> Facts:  # fmt: skip
    return Facts(source, fact_id, line_id, day, origin, told, over, added)


#: Of what fell due the oldest is made up for first: what is short is the youngest part of it.
_SHORT = (
    "greatest(least(due_g, sum(due_g) OVER (PARTITION BY line_id ORDER BY due_on)"
    " - sum(accepted_g) OVER (PARTITION BY line_id)), 0)"
)

#: What was promised on the day, and at what floor price, where it is not what is in force now.
_WAS = f"""was AS MATERIALIZED (
    SELECT line_id, coalesce(committed_g, 0) AS was_g, coalesce(floor_fen_per_kg, 0) AS was_fen
    FROM {AGREED_THEN} AS agreed
)"""
_SIGNED = _facts(
    "'agreement_lines'", "agreement_lines.id", "agreement_lines.id", "signed_on",
    "FROM read JOIN agreements ON agreements.id = read.id JOIN agreement_lines ON agreement_id = agreements.id"
    " LEFT JOIN was ON was.line_id = agreement_lines.id"
    " WHERE signed_on <= :day AND coalesce(was_g, committed_g) > 0", ("was",),
    signed_g="coalesce(was_g, committed_g)",
    signed_fen="(coalesce(was_g, committed_g) * coalesce(was_fen, floor_fen_per_kg) * 2 + 1000) / 2000",
)  # fmt: skip

_BY_SIDE = {
    f"{side}_{name}": f"CASE side WHEN '{side}' THEN {figure} ELSE 0 END"
    for side in ("firm", "buyer")
    for name, figure in (("short_g", "short_g"), ("penalty_fen", "penalty_fen"))
}
_BREACHES = _facts("source", "fact_id", "line_id", "day", f"FROM ({BREACHES}) AS breaches", ("calls",), **_BY_SIDE)


@dataclass(frozen=True)
class Kept:
    """How it is counted what became of promises: its facts, and the relations that they and others read (`CALLED`).

    `days`: facts of each kind are added by line and by this of their `{day}`; None: each stands for itself.
    """

    facts: tuple[Facts, ...]
    called: str
    days: str | None = None


def _rolled(behind: Facts, days: str) -> Kept:
    """From the rollups. What is short of days that are added is as of one day: the youngest part of them."""
    each, this_month = ", ".join(PROMISE_FIGURES), "date_trunc('month', CAST(:day AS timestamp))::date"
    added = f"""
        SELECT line_id, {days.format(day="due_on")} AS due_on, {PROMISE_SUMS} FROM (
            SELECT line_id, month AS due_on, {each} FROM read JOIN agreement_months ON agreement_id = read.id
            WHERE month < {this_month}
            UNION ALL
            SELECT line_id, due_on, {each} FROM read JOIN agreement_rollup ON agreement_id = read.id
            WHERE due_on >= {this_month} AND due_on <= :day
        ) AS upto GROUP BY 1, 2
    """
    kept = _facts(
        "'due_weights'", "line_id", "line_id", "due_on",
        f"FROM (SELECT added.*, {_SHORT} AS short_g FROM ({added}) AS added) AS rolled", (), True,
        shortfall_g="short_g", **{name: name for name in PROMISE_FIGURES},
    )  # fmt: skip
    return Kept((kept, behind), CALLED_ROLLED, days)


KEPT_BY_MONTH = _rolled(_BREACHES, "date_trunc('month', {day}::timestamp)::date")
KEPT_BY_LINE = _rolled(
    _facts(
        "'call_offs'", "line_id", "line_id", "CAST(:day AS date)", f"FROM ({BEHIND}) AS behind", ("calls",), **_BY_SIDE
    ),
    "CAST(:day AS date)",
)

_CALLS = """
    FROM call_offs LEFT JOIN orders ON orders.call_off_id = call_offs.id
    LEFT JOIN order_lines ON order_lines.order_id = orders.id
"""
KEPT_FACTS = Kept((
    _facts(
        "'due_weights'", "line_id", "line_id", "due_on",
        f"""FROM (
            SELECT line_id, due_on, weight_g AS due_g, 0 AS accepted_g
            FROM due_weights JOIN agreement_lines ON agreement_lines.id = line_id
            JOIN agreements ON agreements.id = agreement_id WHERE due_on <= :day AND {FALLS_DUE}
            UNION ALL
            SELECT call_offs.line_id, NULL, 0, order_lines.accepted_g
            FROM call_offs JOIN orders ON orders.call_off_id = call_offs.id
            JOIN order_lines ON order_lines.order_id = orders.id
            WHERE call_offs.status <> 'cancelled' AND call_offs.due_on <= :day
        ) AS fell_due""",
        due_g="due_g", shortfall_g=_SHORT.replace("ORDER BY due_on", "ORDER BY due_on NULLS FIRST"),
    ),
    _facts(
        "'call_offs'", "call_offs.id", "call_offs.line_id", "call_offs.due_on",
        f"{_CALLS} WHERE call_offs.status <> 'cancelled' AND call_offs.due_on <= :day",
        called_g="call_offs.weight_g", dispatched_g="coalesce(order_lines.dispatched_g, 0)",
        accepted_g="coalesce(order_lines.accepted_g, 0)", refused_g="coalesce(order_lines.refused_g, 0)",
        executed_fen="coalesce(order_lines.accepted_fen, 0)",
    ),
    _BREACHES,
), CALLED)  # fmt: skip

_RECEIVABLE = _facts(
    "'call_offs'", "id", "line_id", "due_on",
    "FROM calls WHERE order_status IN ('accepted', 'settled') AND accepted_fen <> paid_fen", ("calls",),
    receivable_fen="accepted_fen - paid_fen",
    overdue_fen="CASE WHEN owed_on < :day THEN accepted_fen - paid_fen ELSE 0 END",
)  # fmt: skip

#: Whether a day lies in a product's harvest window, prolonged by its shelf life: as `catalog.season.sellable`.
_IN_SEASON = """(
    CASE WHEN harvest_start_month <= harvest_end_month
        THEN extract(month FROM day) BETWEEN harvest_start_month AND harvest_end_month
        ELSE extract(month FROM day) >= harvest_start_month OR extract(month FROM day) <= harvest_end_month END
    OR day < (make_date(extract(year FROM day)::int
            - (extract(month FROM day) <= harvest_end_month)::int, harvest_end_month, 1) + interval '1 month')::date
        + shelf_life_days
)"""

#: What is asked for: of call-offs what stands, and from the day on days of the schedules of what had not ended on it,
#: that nobody called nor missed, as far as the promise reaches; the earliest take from it first. `waits`: no stock is
#: held for it yet.
_ASKED = """asked AS MATERIALIZED (
    SELECT 'call_offs' AS source, call_offs.id AS fact_id, line_id, due_on AS day, stands_g AS weight_g,
        price_fen_per_kg AS fen_per_kg, call_offs.status = 'requested' AS waits
    FROM read JOIN call_offs ON agreement_id = read.id
    WHERE stands_g > 0 AND (due_on > :day OR call_offs.status = 'requested')
    UNION ALL
    SELECT 'due_weights', line_id, line_id, due_on,
        greatest(least(weight_g, left_g - upto_g + weight_g), 0)::bigint, floor_fen_per_kg, true
    FROM (
        SELECT due_weights.line_id, due_on, weight_g, floor_fen_per_kg,
            sum(weight_g) OVER (PARTITION BY due_weights.line_id ORDER BY due_on) AS upto_g,
            committed_g - on_paper_g - coalesce(stands_g, 0) AS left_g
        FROM read JOIN agreements ON agreements.id = read.id JOIN agreement_lines ON agreement_id = agreements.id
        JOIN due_weights ON line_id = agreement_lines.id
        LEFT JOIN (
            SELECT line_id, sum(stands_g) AS stands_g FROM call_offs GROUP BY line_id
        ) AS called ON called.line_id = due_weights.line_id
        WHERE (agreements.status IN ('signed', 'deposit_paid', 'executing') OR ended_on > :day) AND due_on >= :day
            AND NOT EXISTS (SELECT FROM call_offs
                WHERE call_offs.line_id = due_weights.line_id AND schedule_day = due_weights.due_on)
            AND NOT EXISTS (SELECT FROM missed_days
                WHERE missed_days.line_id = due_weights.line_id AND missed_days.due_on = due_weights.due_on)
    ) AS uncalled
)"""
_AHEAD = _facts(
    "source", "fact_id", "line_id", "day",
    f"""FROM (
        SELECT asked.*, {_IN_SEASON} AS in_season
        FROM asked JOIN agreement_lines ON agreement_lines.id = line_id
        JOIN products ON products.id = product_id WHERE day > :day
    ) AS ahead""",
    ("asked",),
    forecast_g="CASE WHEN in_season THEN weight_g ELSE 0 END",
    forecast_fen="CASE WHEN in_season THEN (weight_g * fen_per_kg * 2 + 1000) / 2000 ELSE 0 END",
    out_of_season_g="CASE WHEN in_season THEN 0 ELSE weight_g END",
)  # fmt: skip

_CHANNELS = ", ".join(f"'{policy.kind.value}'" for policy in POLICIES.values() if policy.hold is Hold.FROM_PROMISE)
#: What waits for stock up to `:risk_days` after the day, with the part of it that the stock of the product, open or set
#: aside for agreements, does not reach: the earliest are served first.
_AT_RISK = f"""
    SELECT waiting.*, greatest(least(weight_g, upto_g - coalesce(available_g, 0)), 0)::bigint AS lacking_g,
        coalesce(available_g, 0)::bigint AS available_g
    FROM (
        SELECT asked.*, product_id,
            sum(weight_g) OVER (PARTITION BY product_id ORDER BY day, line_id, source, fact_id) AS upto_g
        FROM asked JOIN agreement_lines ON agreement_lines.id = line_id
        WHERE waits AND day <= CAST(:day AS date) + CAST(:risk_days AS integer) AND weight_g > 0
    ) AS waiting LEFT JOIN (
        SELECT product_id, sum(available_g)::bigint AS available_g FROM pools
        WHERE ended_at IS NULL AND (kind = 'open' OR channel_kind IN ({_CHANNELS})) GROUP BY product_id
    ) AS pools ON pools.product_id = waiting.product_id
"""
_RISK = _facts(
    "source", "fact_id", "line_id", "day", f"FROM ({_AT_RISK}) AS risk WHERE lacking_g > 0", ("asked",),
    at_risk_g="lacking_g",
)  # fmt: skip
#: The ids of all agreements.
ALL = "SELECT id FROM agreements"
#: What waits, of all agreements.
AT_RISK = f"WITH read AS ({ALL}), {_ASKED} {_AT_RISK}"


def facts(day: date | None, kept: Kept, figures: Collection[str] = FIGURES, *, of: str = ALL) -> Subquery:
    """The rows up to `day` (and what lies ahead of it), as a relation to join: `kept` is one of `KEPT_BY_MONTH`,
    `KEPT_BY_LINE`, `KEPT_FACTS`.

    Of what is signed all rows; of the rest those that speak of any of `figures`. `of`: a SELECT of the ids of the
    agreements that are read, all of a firm or none: its stock serves the earliest of them first. Without a day the
    statement asks for `:day` when it runs.
    """
    columns: list[Any] = [column("source", String), column("fact_id", BigInteger), column("line_id", BigInteger)]
    columns += [column("day", Date), *(column(name, BigInteger) for name in figures)]
    told = [one for one in (*kept.facts, _RECEIVABLE, _AHEAD, _RISK) if one.speaks_of(figures)]
    relations = {"was": _WAS, "calls": kept.called, "asked": _ASKED}
    over = [f"read AS ({of})"]
    over += [relations[name] for name in relations if any(name in one.over for one in (_SIGNED, *told))]
    rows = f"WITH {', '.join(over)} " + " UNION ALL ".join(one.sql(figures, kept.days) for one in (_SIGNED, *told))
    wanted = {"day": bindparam("day", day, Date, required=day is None), "risk_days": bindparam("risk_days", RISK_DAYS)}
    bound = text(rows).bindparams(*(wanted[name] for name in wanted if f":{name}" in rows))
    return bound.columns(*columns).subquery("facts")
