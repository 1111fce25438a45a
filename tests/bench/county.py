"""`make bench-county`: a county with years of history, and how long its jobs and reports take (S7 to S12).

History is laid set-based in SQL, without its journals: rollups and reports read the facts alone. Everything that is
measured runs by the product's own code, durable, on servers of its own. `ROWS=1000000,10000000` says how large.
"""

import contextlib
import io
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from statistics import median

import xlsxwriter  # type: ignore[import-untyped]
from rich.console import Console
from sqlalchemy import text
from sqlalchemy.orm import Session

from shop.access.guard import Actor, Grant
from shop.access.models import PartyKind, Role
from shop.catalog.actions import firm_by_code
from shop.imports.slips import take_batch
from shop.income.months import close_month
from shop.kit.db import db, transaction
from shop.kit.tables import Sheet, write_xlsx
from shop.reports import parts, plans, rollups
from shop.reports.agreement_report import AgreementsBy, agreements_report
from shop.reports.income_report import IncomeBy, Months, income_report
from shop.reports.models import PartWork, Rollup
from shop.reports.periodic import periodic
from shop.reports.periods import Every
from shop.reports.queries import sales_by_channel
from tests.bench.quick import Results
from tests.bench.stage import ROOT, environ_of, stage

HOUSEHOLDS = 10_000
#: Entries of a household in a month: a slip every other day or so.
EACH = 16
NEW = 10_000
#: Months that are open: new entries stand in these and never in an earlier one.
OPEN = 2
#: The last day of history.
LAST = date(2025, 12, 31)
SLIPS = 20_000
XLSX_ROWS = 100_000

_HOUSEHOLDS = """
    WITH made AS (
        INSERT INTO parties (kind, code, name_zh)
        SELECT 'household', 'BENCH-' || n, '农户（示例）' FROM generate_series(1, :count) AS n RETURNING id)
    INSERT INTO households (code, party_id, village_id, persons, land_mu_tenths, leased_out_mu_tenths, is_assisted)
    SELECT 'B' || row_number() OVER (ORDER BY id), id, places[1 + id % array_length(places, 1)], 3, 50, 0, id % 5 = 0
    FROM made CROSS JOIN (SELECT array_agg(id) AS places FROM villages) AS of
"""
#: Entries come month by month, households mixed. Each household belongs to one firm and two of its products.
_ENTRIES = """
    INSERT INTO income_entries (household_id, firm_id, product_id, kind, category, earned_on, month, weight_g,
        amount_fen, source_type, source_id, journal_id)
    SELECT households[1 + n % array_length(households, 1)], firm,
        CASE WHEN wage THEN NULL ELSE products[1 + (n / 7) % array_length(products, 1)] END,
        CASE WHEN wage THEN 'wage' ELSE 'sale' END, CASE WHEN wage THEN 'wage' ELSE 'business' END,
        month + (n % 28)::int, month, CASE WHEN wage THEN 0 ELSE 20000 END, 1 + n % 9000, 'bench', n, n
    FROM generate_series(CAST(:first AS bigint), CAST(:last AS bigint)) AS n
    CROSS JOIN (SELECT array_agg(id ORDER BY id) AS households FROM households WHERE code LIKE 'B%') AS of
    CROSS JOIN LATERAL (SELECT n % 16 = 0 AS wage,
        (date '2025-12-01' - make_interval(months => ({back})::int))::date AS month) AS at
    JOIN (SELECT row_number() OVER (ORDER BY firm_id) - 1 AS place, firm_id AS firm, array_agg(id) AS products
          FROM products GROUP BY firm_id) AS grown
        ON grown.place = (n % array_length(households, 1)) % (SELECT count(DISTINCT firm_id) FROM products)
"""
_HISTORY = _ENTRIES.format(back=":months - 1 - (n - 1) * :months / :last")
_NEW = _ENTRIES.format(back="n % :months")
#: What S7 stands beside: the new entries added to what the tables say, which is wrong after the first one told twice.
_ADDED = (
    """
    INSERT INTO income_rollup AS kept
    SELECT month, household_id, coalesce(firm_id, 0), coalesce(product_id, 0), kind, count(*), sum(weight_g),
        sum(amount_fen)
    FROM income_entries WHERE id > :last GROUP BY 1, 2, 3, 4, 5
    ON CONFLICT (month, household_id, firm_id, product_id, kind) DO UPDATE SET
        entries = kept.entries + excluded.entries, weight_g = kept.weight_g + excluded.weight_g,
        amount_fen = kept.amount_fen + excluded.amount_fen
    """,
    """
    INSERT INTO income_months AS kept (month, household_id, firm_id, amount_fen, weight_g, sale_fen, wage_fen)
    SELECT month, household_id, coalesce(firm_id, 0), sum(amount_fen), sum(weight_g),
        sum(amount_fen) FILTER (WHERE kind = 'sale'), sum(amount_fen) FILTER (WHERE kind = 'wage')
    FROM income_entries WHERE id > :last GROUP BY 1, 2, 3
    ON CONFLICT (month, household_id, firm_id) DO UPDATE SET
        amount_fen = kept.amount_fen + excluded.amount_fen, weight_g = kept.weight_g + excluded.weight_g,
        sale_fen = kept.sale_fen + excluded.sale_fen, wage_fen = kept.wage_fen + excluded.wage_fen
    """,
)
#: Two lines an order, over two years, all five channels, settled.
_ORDERS = """
    INSERT INTO orders (number, status, channel_id, channel_kind, campaign_id, partner_id, partner_kind, occasion_id,
        occasion_kind, firm_id, buyer_party_id, payment_terms, placed_at, placed_on, confirmed_at, goods_fen, total_fen,
        paid_fen, due_on)
    SELECT 'B' || n, 'settled', way.channel_id, way.channel_kind, campaign, way.partner_id, way.kind, way.occasion_id,
        way.occasion_kind, firm, buyer, way.terms, day, day, day, 4000, 4000,
        CASE WHEN way.terms = 'in_advance' OR n % 50 > 0 THEN 4000 ELSE 0 END,
        CASE WHEN way.terms = 'on_invoice' THEN day + 60 END
    FROM generate_series(1, CAST(:count AS bigint)) AS n
    CROSS JOIN LATERAL (SELECT date '2025-12-31' - ((n * 730) / :count)::int AS day) AS at
    JOIN bench_ways AS way ON way.place = n % (SELECT count(*) FROM bench_ways)
    JOIN bench_firms ON bench_firms.place = (n / 7) % (SELECT count(*) FROM bench_firms)
    CROSS JOIN (SELECT min(id) AS campaign FROM campaigns) AS of_campaign
    CROSS JOIN (SELECT min(id) AS buyer FROM parties WHERE kind = 'customer') AS of_buyer
"""
_LINES = """
    INSERT INTO order_lines (order_id, firm_id, position, product_id, name_zh, unit_zh, unit_weight_g, quantity,
        weight_g, price_basis, price_fen, amount_fen, dispatched_g, accepted_g, refused_g, accepted_fen)
    SELECT orders.id, orders.firm_id, position, products[1 + (orders.id + position) % array_length(products, 1)],
        '桃', '箱', 2500, 1, 2500, 'pack', 2000, 2000, 2500, 2500, 0, 2000
    FROM orders JOIN bench_firms ON firm = orders.firm_id CROSS JOIN generate_series(1, 2) AS position
    WHERE number LIKE 'B%'
"""
_SETTLED = (
    "INSERT INTO settlements (order_id, net_fen, settled_at, month) SELECT id, 4000, placed_at,"
    " date_trunc('month', placed_on)::date FROM orders WHERE number LIKE 'B%'",
    "INSERT INTO settlement_shares (settlement_id, kind, rate_bp, amount_fen)"
    " SELECT settlements.id, 'firm', 10000, 4000 FROM settlements",
)
#: Of the last year, what stands beside income: the costs of each sale, and what each product of a household made of
#: it in each of the five channels.
_BESIDE = (
    "INSERT INTO cost_lines (household_id, firm_id, product_id, incurred_on, month, amount_fen, covers_fen,"
    " income_entry_id) SELECT household_id, firm_id, product_id, earned_on, month, amount_fen * 2 / 5, amount_fen, id"
    " FROM income_entries WHERE kind = 'sale' AND month >= '2025-01-01'",
    "INSERT INTO sales_reach (settlement_id, order_line_id, lot_id, household_id, firm_id, product_id, channel_id,"
    " month, weight_g, amount_fen, recorded_at)"
    " SELECT row_number() OVER (), 1, 1, household_id, firm_id, product_id, channels.id, month, 4000, 2000, now()"
    " FROM (SELECT DISTINCT month, household_id, firm_id, product_id FROM income_entries WHERE kind = 'sale' AND month"
    " >= '2025-01-01') AS grown CROSS JOIN channels",
)
#: Forty partners of each kind, each with an occasion where its channel needs one.
_WAYS = (
    "INSERT INTO parties (kind, code, name_zh) SELECT CASE channels.kind WHEN 'platform' THEN 'shop' WHEN 'cadre' THEN"
    " 'cadre' WHEN 'livestream' THEN 'host' ELSE 'buyer' END, 'W-' || channels.kind || n, '压测（示例）'"
    " FROM channels CROSS JOIN generate_series(1, 40) AS n",
    "INSERT INTO partners (kind, code, party_id, name_zh, profile) SELECT CASE channels.kind WHEN 'platform' THEN"
    " 'shop' WHEN 'livestream' THEN 'host' ELSE channels.kind END, parties.code, parties.id, parties.name_zh, '{}'"
    " FROM channels JOIN parties ON parties.code LIKE 'W-' || channels.kind || '%'",
    "INSERT INTO occasions (kind, code, campaign_id, partner_id, partner_kind, title_zh, status, starts_at, ends_at)"
    " SELECT CASE partners.kind WHEN 'host' THEN 'session' ELSE 'agreement' END, 'O-' || partners.code,"
    " (SELECT min(id) FROM campaigns), partners.id, partners.kind, '压测（示例）', 'closed', '2024-01-01', '2025-12-31'"
    " FROM partners WHERE code LIKE 'W-%' AND kind IN ('host', 'enterprise')",
    "CREATE TABLE bench_ways AS SELECT row_number() OVER (ORDER BY partners.code) - 1 AS place, channels.id AS"
    " channel_id, channels.kind AS channel_kind, partners.id AS partner_id, partners.kind, occasions.id AS occasion_id,"
    " occasions.kind AS occasion_kind, CASE WHEN channels.kind IN ('unit', 'enterprise') THEN 'on_invoice' ELSE"
    " 'in_advance' END AS terms FROM channels JOIN partners ON partners.code LIKE 'W-' || channels.kind || '%'"
    " LEFT JOIN occasions ON occasions.partner_id = partners.id",
    "CREATE TABLE bench_firms AS SELECT row_number() OVER (ORDER BY firm_id) - 1 AS place, firm_id AS firm,"
    " array_agg(id) AS products FROM products GROUP BY firm_id",
)
#: Ten agreements of each buying enterprise, weekly, a half of them over the year and ended, a half running; of each
#: week before the last day a call-off with its order, of which some came short, some nobody called, some the buyer
#: cancelled.
_AGREED = (
    "INSERT INTO occasions (kind, code, campaign_id, partner_id, partner_kind, title_zh, status, starts_at, ends_at)"
    " SELECT 'agreement', 'A-' || code || '-' || n, (SELECT min(id) FROM campaigns), id, kind, '压测（示例）', 'open',"
    " '2025-01-01', '2026-12-31' FROM partners CROSS JOIN generate_series(1, 10) AS n WHERE code LIKE 'W-enterprise%'",
    "INSERT INTO agreements (code, status, occasion_id, occasion_kind, partner_id, partner_kind, firm_id, starts_on,"
    " ends_on, signed_on, deposit_bp, penalty_bp, buyer_penalty_bp, tolerance_bp, payment_term_days, schedule)"
    " SELECT occasions.code, 'executing', occasions.id, 'agreement', partner_id, partner_kind, firm,"
    " CASE occasions.id % 2 WHEN 0 THEN date '2025-01-01' ELSE '2025-07-01' END,"
    " CASE occasions.id % 2 WHEN 0 THEN date '2025-12-31' ELSE '2026-06-30' END, '2024-12-20', 0, 500, 500, 300, 30,"
    " 'weekly:1' FROM occasions JOIN bench_firms ON place = occasions.id % (SELECT count(*) FROM bench_firms)"
    " WHERE occasions.code LIKE 'A-W-%'",
    "INSERT INTO agreement_lines (agreement_id, product_id, committed_g, floor_fen_per_kg, price_rule, minimum_g,"
    " minimum_date_g) SELECT agreements.id, products[1], 5200000, 600, 'FIXED', 4000000, 80000 FROM agreements"
    " JOIN bench_firms ON firm = firm_id WHERE code LIKE 'A-W-%'",
    "INSERT INTO due_weights (line_id, due_on, weight_g) SELECT agreement_lines.id, starts_on + 6 + 7 * week, 100000"
    " FROM agreement_lines JOIN agreements ON agreements.id = agreement_id CROSS JOIN generate_series(0, 51) AS week"
    " WHERE code LIKE 'A-W-%'",
    "INSERT INTO call_offs (agreement_id, line_id, status, due_on, weight_g, stands_g, again_g, price_fen_per_kg,"
    " schedule_day, cancelled_by, requested_at) SELECT agreement_id, line_id, CASE WHEN nth % 31 = 0 THEN 'cancelled'"
    " ELSE 'confirmed' END, due_on, 100000, CASE WHEN nth % 31 = 0 THEN 0 ELSE 100000 END, 0, 600, due_on, CASE"
    " WHEN nth % 31 = 0 THEN 'buyer' END, due_on - 3"
    " FROM (SELECT due_weights.*, agreement_id, row_number() OVER (ORDER BY line_id, due_on) AS nth FROM due_weights"
    " JOIN agreement_lines ON agreement_lines.id = line_id JOIN agreements ON agreements.id = agreement_id"
    " WHERE code LIKE 'A-W-%' AND due_on <= '2025-12-31') AS days WHERE nth % 37 > 0",
    "INSERT INTO orders (number, status, channel_id, channel_kind, campaign_id, partner_id, partner_kind, occasion_id,"
    " occasion_kind, firm_id, buyer_party_id, payment_terms, placed_at, placed_on, confirmed_at, goods_fen, total_fen,"
    " paid_fen, due_on, call_off_id) SELECT 'A' || call_offs.id, 'settled', way.channel_id, way.channel_kind,"
    " (SELECT min(id) FROM campaigns), agreements.partner_id, agreements.partner_kind, agreements.occasion_id,"
    " 'agreement', firm_id, (SELECT min(id) FROM parties WHERE kind = 'customer'), 'on_invoice', call_offs.due_on,"
    " call_offs.due_on, call_offs.due_on, 60000, 60000, CASE WHEN call_offs.id % 50 = 0 THEN 0 WHEN call_offs.id % 5"
    " = 0 THEN 48000 ELSE 60000 END,"
    " call_offs.due_on + 60, call_offs.id FROM call_offs JOIN agreements ON agreements.id = agreement_id"
    " JOIN (SELECT DISTINCT channel_id, channel_kind FROM bench_ways WHERE channel_kind = 'enterprise') AS way ON true"
    " WHERE code LIKE 'A-W-%' AND call_offs.status = 'confirmed'",
    "INSERT INTO order_lines (order_id, firm_id, position, product_id, name_zh, unit_zh, unit_weight_g, quantity,"
    " weight_g, price_basis, price_fen, amount_fen, dispatched_g, accepted_g, refused_g, accepted_fen)"
    " SELECT orders.id, orders.firm_id, 1, product_id, '桃', '公斤', 1000, NULL, 100000, 'kg', 600, 60000, 100000,"
    " accepted_g, 100000 - accepted_g, accepted_g * 6 / 10 FROM orders JOIN call_offs ON call_offs.id = call_off_id"
    " JOIN agreement_lines ON agreement_lines.id = line_id CROSS JOIN LATERAL (SELECT 100000 - CASE call_offs.id % 5"
    " WHEN 0 THEN 20000 ELSE 0 END AS accepted_g) AS taken WHERE number LIKE 'A%'",
    "UPDATE call_offs SET stands_g = accepted_g FROM orders JOIN order_lines ON order_id = orders.id"
    " WHERE call_off_id = call_offs.id AND accepted_g < stands_g",
)
_FACTS = ("income_entries", "orders", "order_lines", "settlements", "settlement_shares", "cost_lines", "sales_reach")
_SIGNED = ("occasions", "agreements", "agreement_lines", "due_weights", "call_offs")
#: Entries keep all their indexes: slips are booked into them. Of orders those go that neither rollups nor reports read:
#: they would only make laying the history longer.
_THINNED = _FACTS[1:5]
_NEEDED = (
    "pk_", "ix_orders_placed_on_firm_id_channel_id", "uq_orders_call_off_id", "ix_orders_invoiced",
    "uq_orders_id_firm_id", "uq_order_lines_order_id_position", "ix_settlements_order_id",
    "uq_settlement_shares_settlement_id_kind",
)  # fmt: skip


def main() -> None:
    """Run everything; the exit status says that it ran, not that targets were met."""
    results = Results("bench-county")
    sizes = [int(size) for size in os.environ.get("ROWS", "1000000,10000000").split(",")]
    for size in sizes:
        with tempfile.TemporaryDirectory(prefix="bench-") as scratch, stage(Path(scratch) / "shop") as shop:
            _lay(size)
            print(f"  {time.monotonic() - results.began:5.0f} s  laid {size:,} entries and order lines", flush=True)
            _refresh(results, size)
            _rebuild(results, size, environ_of(shop.running, shop.folder))
            _recount(results, size)
            _read(results, size)
            if size == sizes[0]:
                _close(results)
                _import(results)
    _workbook(results)
    Console(width=118).print(results.table)


def _outside(*statements: str) -> None:
    """Statements that run outside a transaction."""
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for statement in statements:
            connection.execute(text(statement))


def _lay(rows: int) -> None:
    months = max(rows // (HOUSEHOLDS * EACH), OPEN + 1)
    entries = months * HOUSEHOLDS * EACH
    with transaction() as session:
        session.execute(text("TRUNCATE income_entries, dirty_keys CASCADE"))
        for table in _FACTS:
            session.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER ALL"))
        _drop_unread(session)
        session.execute(text(_HOUSEHOLDS), {"count": HOUSEHOLDS})
        session.execute(text(_HISTORY), {"months": months, "last": entries, "first": 1})
    with transaction() as session:
        for table in _SIGNED:
            session.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER ALL"))
        for statement in _WAYS:
            session.execute(text(statement))
        session.execute(text(_ORDERS), {"count": rows // 2})
        session.execute(text(_LINES))
        for statement in (*_SETTLED, *_BESIDE, *_AGREED):
            session.execute(text(statement))
    _outside("VACUUM ANALYZE")


def _drop_unread(session: Session) -> None:
    found = session.execute(
        text(
            "SELECT indexrelid::regclass::text AS name, indrelid::regclass::text AS of, conname FROM pg_index"
            " LEFT JOIN pg_constraint ON conindid = indexrelid AND contype IN ('u', 'p')"
            " WHERE indrelid::regclass::text = ANY(:tables)"
        ),
        {"tables": list(_THINNED)},
    ).all()
    for index in found:
        if index.name.startswith(_NEEDED):
            continue
        if index.conname:
            session.execute(text(f"ALTER TABLE {index.of} DROP CONSTRAINT {index.conname} CASCADE"))
        else:
            session.execute(text(f"DROP INDEX {index.name}"))


def _refresh(results: Results, rows: int) -> None:
    """S7: 10,000 new entries in the open months, refreshed; median of three, each after a checkpoint.

    Touched: rows of the rollup's tables that say something else afterwards, which is what a key is where the target was
    set (one rollup by its group-by key); told beside it for each key of a mark, a month of a household, which is
    recounted whole. Beside it what adding the entries would take, undone.
    """
    with transaction() as session:
        for rollup in (Rollup.INCOME,):
            rollups.rebuild(session, rollup)
        session.execute(text("ALTER TABLE income_entries ENABLE TRIGGER income_entries_mark"))
    _outside("VACUUM ANALYZE income_rollup, income_months, dirty_keys")
    with db.engine.connect() as connection:
        each = connection.execute(
            text(
                "SELECT (count(*) + (SELECT count(*) FROM income_months))::float"
                " / count(DISTINCT (month, household_id)) FROM income_rollup"
            )
        ).scalar_one()
    for months, name in ((OPEN, "open months"), (rows // (HOUSEHOLDS * EACH), "all months, which closing forbids")):
        took, cpu, adding, touched = [], [], [], []
        for turn in range(3):
            first = 10**9 + turn * NEW + months * 10**6
            with transaction() as session:
                last = session.execute(text("SELECT max(id) FROM income_entries")).scalar_one()
                session.execute(text(_NEW), {"months": months, "first": first + 1, "last": first + NEW})
            _outside("CHECKPOINT")
            session, began = db.session(), time.perf_counter()
            for statement in _ADDED:
                session.execute(text(statement), {"last": last})
            adding.append((time.perf_counter() - began) * 1e6 / NEW)
            session.rollback()
            _outside("CHECKPOINT")
            began = time.perf_counter()
            with transaction() as session:
                backend = session.execute(text("SELECT pg_backend_pid()")).scalar_one()
                xid = session.execute(text("SELECT CAST(pg_current_xact_id() AS text)")).scalar_one()
                before = _cpu(backend)
                keys = rollups.refresh(session, Rollup.INCOME).keys
            took.append((time.perf_counter() - began) * 1e6 / keys)
            cpu.append((_cpu(backend) - before) * 1e6 / keys)
            touched.append(took[-1] * keys / _written_by(xid))
        results.add("S7", f"{NEW:,} new entries in {name}, {rows:,} rows of history",
                    f"{median(touched):.1f} us a touched row of two tables ({min(touched):.1f} to {max(touched):.1f});"
                    f" {median(took):.1f} us for each of {keys:,} months of a household, recounted whole:"
                    f" {EACH} entries, {each:.1f} rows; {median(cpu):.1f} us of it computing; adding the entries alone"
                    f" {median(adding):.1f}", "<= 15 us a touched key, 10 M within 1.2 of 1 M")  # fmt: skip


def _written_by(xid: str) -> int:
    """Rows of the income rollup's tables that a transaction wrote."""
    with db.engine.connect() as connection:
        return sum(
            connection.execute(
                text(f"SELECT count(*) FROM {table.name} WHERE xmin = CAST(CAST(:xid AS text) AS xid)"), {"xid": xid}
            ).scalar_one()
            for table in plans.PLANS[Rollup.INCOME].tables
        )


def _recount(results: Results, rows: int) -> None:
    """The cuts of the last month, which the job counts anew once a minute while the month goes on."""
    took = []
    for _ in range(3):
        began = time.perf_counter()
        with transaction() as session:
            session.execute(
                text("INSERT INTO dirty_keys (rollup, on_day) VALUES ('income_cuts', :month)"),
                {"month": LAST.replace(day=1)},
            )
            rollups.refresh(session, Rollup.INCOME_CUTS)
        took.append(time.perf_counter() - began)
    results.add("S8", f"the cuts of a month, of {rows:,} rows", f"{median(took):.2f} s", "once a minute")


def _cpu(process: int) -> float:
    """Seconds that a process computed."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


#: A worker without a broker: it waits until there are parts, and works until none is left.
_WORKER = """
import time
from datetime import UTC, datetime
from shop.app import create_app
from shop.kit.db import transaction
from shop.reports.parts import do_next
with create_app(statement_timeout_ms=600_000).app_context():
    begun = False
    while True:
        with transaction() as session:
            done = do_next(session, now=datetime.now(UTC))
        begun = begun or done is not None
        if done is None and begun:
            break
        if done is None:
            print(flush=True)
            time.sleep(0.02)
"""


def _rebuild(results: Results, rows: int, environ: dict[str, str]) -> None:
    """S8: the rollup in parts by two workers, from nothing and once more, against one raw group-by into a table."""
    for rollup in (Rollup.INCOME, Rollup.SALES):
        raw = 0.0
        for table in plans.PLANS[rollup].tables:
            began = time.perf_counter()
            _outside(
                "SET max_parallel_workers_per_gather = 2",  # as a server of its own would
                f"CREATE TABLE bench_raw AS {rollups.rows_of_all(rollup, table.name)}",
                "RESET max_parallel_workers_per_gather",
            )
            raw += time.perf_counter() - began
            _outside("DROP TABLE bench_raw")
        for state in ("emptied", "as it is"):
            if state == "emptied":
                _outside(*(f"TRUNCATE {table.name}" for table in plans.PLANS[rollup].tables))
            asked, took = _by_two_workers(rollup, environ)
            results.add("S8", f"{rollup.value} rebuilt, {state}, {rows:,} rows, {asked} parts, two workers",
                        f"{took / raw:.2f} = {took:.1f} s / {raw:.1f} s raw", "<= 1.5")  # fmt: skip
    beside = (Rollup.RECEIVABLES, Rollup.INCOME_CUTS, Rollup.INCOME_DAYS, Rollup.COSTS, Rollup.REACH, Rollup.AGREEMENTS)
    for rollup in (Rollup.SALES, *beside):
        with transaction() as session:
            rollups.rebuild(session, rollup)
    _outside(*(f"VACUUM ANALYZE {table.name}" for plan in plans.PLANS.values() for table in plan.tables))


def _by_two_workers(rollup: Rollup, environ: dict[str, str]) -> tuple[int, float]:
    """Parts of a rebuild, and the seconds in which two workers did them."""
    command = [sys.executable, "-c", _WORKER]
    workers = [
        subprocess.Popen(command, cwd=ROOT, env={**os.environ, **environ}, stdout=subprocess.PIPE) for _ in range(2)
    ]
    for worker in workers:
        assert worker.stdout is not None
        worker.stdout.readline()
    began = time.perf_counter()
    with transaction() as session:
        asked = parts.ask(session, rollup, PartWork.REBUILD, parts.parts_of(session, rollup), now=datetime.now(UTC))
    for worker in workers:
        worker.communicate()
    return asked, time.perf_counter() - began


def _actors() -> dict[str, Actor]:
    with db.engine.connect() as connection:
        found = connection.execute(
            text("SELECT kind, min(id) FROM parties WHERE kind IN ('county', 'township', 'firm') GROUP BY kind")
        )
        ids = dict(found.all())
    roles = {"county": Role.MANAGER, "township": Role.MANAGER, "firm": Role.FIRM_STAFF}
    return {kind: Actor(1, (Grant(role, ids[kind], PartyKind(kind)),)) for kind, role in roles.items()}


def _read(results: Results, rows: int) -> None:
    """S9: every report for every reader; the slowest of each, the middle of five readings."""
    now = datetime(2026, 1, 2, tzinfo=UTC)
    year = Months(date(2025, 1, 1), date(2025, 12, 1))
    session = db.session()
    asked: dict[str, Callable[[Actor], object]] = {
        f"periodic {every.value}": lambda actor, every=every: periodic(  # type: ignore[misc]
            session, actor, every, date(2025, 12, 20), now=now
        )
        for every in Every
    }
    asked |= {
        "channels, a year": lambda actor: sales_by_channel(session, actor, year.first, LAST, None, "zh"),
    }
    for cut in AgreementsBy:
        asked[f"agreements by {cut.value}"] = lambda actor, cut=cut: agreements_report(  # type: ignore[misc]
            session, actor, cut, LAST, "zh", today=LAST, limit=100, after=None
        )
    for by in IncomeBy:
        asked[f"income by {by.value}, a year"] = lambda actor, by=by: income_report(  # type: ignore[misc]
            session, actor, by, year, "zh", limit=100, after=None
        )
    for name, read in asked.items():
        slowest, whose = 0.0, ""
        for who, actor in _actors().items():
            if who == "firm" and name == f"income by {IncomeBy.GROUP.value}, a year":
                continue  # no firm reads who is in which group
            took = []
            for _ in range(5):
                began = time.perf_counter()
                read(actor)
                took.append(time.perf_counter() - began)
            if median(took) > slowest:
                slowest, whose = median(took), who
        results.add("S9", f"{name}, {rows:,} rows, slowest reader: {whose}", f"{slowest * 1000:.0f} ms", "<= 50 ms")
    db.session.remove()


def _close(results: Results) -> None:
    """S10: a month of a million entries closed by sets, against one transaction a row; undone and done again."""
    month = date(2025, 12, 1)
    with transaction() as session:
        session.execute(text("TRUNCATE income_entries CASCADE"))
        session.execute(text("ALTER TABLE income_entries DISABLE TRIGGER ALL"))
        session.execute(text(_HISTORY), {"months": 1, "last": 1_000_000, "first": 1})
    _outside("VACUUM ANALYZE income_entries")
    digests, now = [], datetime(2026, 1, 2, tzinfo=UTC)
    for kept in (False, True):
        began = time.perf_counter()
        session = db.session()
        close_month(session, month, actor_id=None, now=now)
        digests.append(session.execute(text("SELECT md5(string_agg(s::text, '|' ORDER BY household_id))"
                                            " FROM monthly_statements AS s")).scalar())  # fmt: skip
        session.commit() if kept else session.rollback()
        took = time.perf_counter() - began
    one_by_one = 2_000
    began = time.perf_counter()
    _outside("CREATE TABLE bench_statements (household_id bigint PRIMARY KEY, amount_fen bigint)")
    for number in range(one_by_one):
        with transaction() as session:
            session.execute(
                text(
                    "INSERT INTO bench_statements AS kept SELECT household_id, amount_fen FROM income_entries WHERE"
                    " id = (SELECT min(id) FROM income_entries) + :n ON CONFLICT (household_id) DO UPDATE SET"
                    " amount_fen = kept.amount_fen + excluded.amount_fen"
                ),
                {"n": number},
            )
    each = (time.perf_counter() - began) / one_by_one
    ratio = each * 1_000_000 / took
    same = "same bytes" if len(set(digests)) == 1 else "OTHER BYTES"
    results.add("S10", "a month of 1,000,000 entries closed, undone and closed again",
                f"{ratio:.0f} times a transaction a row = {each * 1e6:.0f} s / {took:.1f} s, {same}",
                ">= 100 times, same bytes")  # fmt: skip


def _import(results: Results) -> None:
    """S11: slips read, checked, written, booked and marked, against COPY of the same rows into a bare table."""
    now = datetime(2026, 7, 20, tzinfo=UTC)
    with db.engine.connect() as connection:
        codes = connection.execute(
            text(
                "SELECT households.code FROM memberships JOIN households ON households.id = household_id"
                " JOIN firms ON firms.id = firm_id WHERE firms.code = 'F01' ORDER BY 1"
            )
        ).scalars().all()  # fmt: skip
    head = "单号,日期,农户,商品,毛重kg,扣重kg,等级,基价分每kg,签字人"
    body = [f"D7{n:06d},2026-07-15,{codes[n % len(codes)]},PL001,52.5,1.5,特级,900,户主（示例）" for n in range(SLIPS)]
    with transaction() as session:
        session.execute(text("ALTER TABLE income_entries ENABLE TRIGGER ALL"))
    began = time.perf_counter()
    with transaction() as session:
        firm = firm_by_code(session, "F01")
        took = take_batch(session, firm, "b.csv", "\n".join([head, *body]).encode(), actor_id=None, now=now)
    ours = SLIPS / (time.perf_counter() - began)
    assert took.new == SLIPS
    _outside("CREATE TABLE bench_slips (LIKE deliveries)")
    with db.engine.connect() as connection:
        raw = connection.connection.driver_connection
        assert raw is not None
        rows = connection.execute(text("SELECT * FROM deliveries WHERE code LIKE 'D7%'")).all()
        began = time.perf_counter()
        with raw.cursor() as cursor, cursor.copy("COPY bench_slips FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
        raw.commit()
        theirs = SLIPS / (time.perf_counter() - began)
    results.add("S11", f"{SLIPS:,} slips of a CSV, priced, booked with journals, marked",
                f"{ours / theirs:.2f} = {ours:,.0f} / {theirs:,.0f} a second", ">= 0.25 of COPY")  # fmt: skip


def _rows() -> Iterator[list[str | int]]:
    return (["农户-0001", "交售", n, 2_500 + n] for n in range(XLSX_ROWS))


def _bare() -> None:
    with xlsxwriter.Workbook(io.BytesIO(), {"constant_memory": True}) as book:
        page = book.add_worksheet()
        for number, row in enumerate(_rows()):
            for column, cell in enumerate(row):
                if isinstance(cell, str):
                    page.write_string(number, column, cell)
                else:
                    page.write_number(number, column, cell)


def _workbook(results: Results) -> None:
    """S12: a workbook of 100,000 rows, against the writer library's bare loop; how memory grows with rows."""
    ours, bare = [], []
    for _ in range(3):
        began = time.perf_counter()
        _bare()
        bare.append(time.perf_counter() - began)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        began = time.perf_counter()
        write_xlsx(Sheet("交售", ["农户", "类别", "序号", "金额"], _rows()))
        ours.append(time.perf_counter() - began)
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    results.add(
        "S12", f"XLSX of {XLSX_ROWS:,} rows, memory grew by {grown / 1024:.0f} MB",
        f"{median(bare) / median(ours):.2f} = {median(bare):.2f} s / {median(ours):.2f} s", ">= 0.8",
    )  # fmt: skip


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
