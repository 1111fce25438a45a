"""`make bench-quick`: ratios of docs/speed.md, each taken in one run on this machine, about three minutes.

A ratio compares us with what the same machine can do at best in the same minute, so it means something elsewhere too.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from rich.console import Console
from rich.table import Table
from sqlalchemy import text

from shop.kit.db import db, release
from tests.bench import load, rollup
from tests.bench.stage import ROOT, Stage, environ_of, free_port, stage, wait_for, web
from tests.factories.statements import statements

SECONDS = 8
API = "/api/v1"
#: What one order writes, as one function: key, stock, order, line, hold, history, stored answer.
_SAME_WRITES = """
CREATE FUNCTION bench_order(wanted bigint, own_key text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE pool bigint; made bigint; hold bigint; of record; way record;
BEGIN
    INSERT INTO idempotency_keys (principal, key, fingerprint, created_at)
    VALUES ('bench', own_key, sha256(own_key::bytea), now());
    SELECT * INTO of FROM products WHERE id = wanted;
    SELECT partners.id AS partner_id, parties.id AS buyer_id, channels.id AS channel_id, campaigns.id AS campaign_id
        INTO way FROM partners, parties, channels, campaigns
        WHERE partners.code = 'BENCH' AND parties.kind = 'customer' AND channels.kind = 'platform' LIMIT 1;
    UPDATE pools SET available_g = available_g - of.net_weight_g, reserved_g = reserved_g + of.net_weight_g
        WHERE product_id = wanted AND kind = 'open' AND available_g >= of.net_weight_g RETURNING id INTO pool;
    INSERT INTO orders (number, status, channel_id, channel_kind, campaign_id, partner_id, partner_kind, firm_id,
        buyer_party_id, payment_terms, placed_at, placed_on, expires_at, goods_fen, total_fen)
    VALUES (left(own_key, 40), 'placed', way.channel_id, 'platform', way.campaign_id, way.partner_id, 'shop', of.firm_id,
        way.buyer_id, 'in_advance', now(), current_date, now() + interval '15 minutes', 100, 100) RETURNING id INTO made;
    INSERT INTO reservations (pool_id, weight_g, held_g, created_at, expires_at)
    VALUES (pool, of.net_weight_g, of.net_weight_g, now(), now() + interval '15 minutes') RETURNING id INTO hold;
    INSERT INTO order_lines (order_id, firm_id, position, product_id, name_zh, unit_zh, unit_weight_g, quantity, weight_g,
        price_basis, price_fen, amount_fen, reservation_id)
    VALUES (made, of.firm_id, 1, wanted, of.name_zh, of.unit_zh, of.net_weight_g, 1, of.net_weight_g, 'pack', 100, 100, hold);
    INSERT INTO history (entity_type, entity_id, at, event, to_state) VALUES ('orders', made, now(), 'place', 'placed');
    UPDATE idempotency_keys SET status = 201, content_type = 'application/json', body = repeat('x', 900)::bytea
        WHERE principal = 'bench' AND key = own_key;
END $$
"""  # noqa: E501  SQL reads better unbroken


class Results:
    """Rows of the table, printed as they come."""

    def __init__(self, title: str) -> None:
        self.began = time.monotonic()
        self.table = Table("", "what", "measured", "target", title=title, title_justify="left")

    def add(self, code: str, what: str, measured: str, target: str) -> None:
        """One row; also a line at once, so that one sees it go on."""
        print(f"  {time.monotonic() - self.began:5.0f} s  {code:<4} {what}: {measured}   ({target})", flush=True)
        self.table.add_row(code, what, measured, target)


def main() -> None:
    """Run everything; the exit status says that it ran, not that targets were met."""
    load.need_wrk()
    results = Results("bench-quick")
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        folder = Path(scratch)
        with stage(folder / "shop") as shop:
            with web(environ_of(shop.running, shop.folder)) as base:
                _statements(shop, results)
                _orders(shop, base, results)
                bodies = _bodies(shop, base)
                ours = _reads(base, bodies, folder)
            _against_bare(ours, bodies, folder, results)
            _rollups(results)
        _at_rest(folder / "rest", results)
    Console(width=118).print(results.table)


def _orders(shop: Stage, base: str, results: Results) -> None:
    """S1 and S5: orders over HTTP against pgbench."""
    with db.engine.begin() as connection:
        connection.exec_driver_sql(_SAME_WRITES)
        ids = list(
            connection.execute(text("SELECT id FROM products WHERE sku = ANY(:skus)"), {"skus": shop.skus}).scalars()
        )
        hot = connection.execute(text("SELECT id FROM pools WHERE kind = 'open' ORDER BY id LIMIT 1")).scalar_one()
    spread = load.http(f"{base}{API}/orders", shop.folder, seconds=SECONDS, script=load.orders(shop.skus, shop.token))
    choose = f"\\set n random(0, {len(ids) - 1})\n"
    cases = " ".join(f"WHEN {n} THEN {product}" for n, product in enumerate(ids))
    same = f"{choose}SELECT bench_order(CASE (:n)::int {cases} END, gen_random_uuid()::text);\n"
    writes = load.pgbench(shop.running.database_url, shop.folder, same, seconds=SECONDS)
    results.add("S1", f"orders over HTTP, 16 clients, {len(shop.skus)} products, p95 {spread.p95_ms:.0f} ms",
                _ratio(spread.rate, writes), ">= 0.30 of pgbench, same writes")  # fmt: skip
    one = load.http(f"{base}{API}/orders", shop.folder, seconds=SECONDS, script=load.orders(shop.skus[:1], shop.token))
    update = f"UPDATE pools SET available_g = available_g - 1, reserved_g = reserved_g + 1 WHERE id = {hot};\n"
    row = load.pgbench(shop.running.database_url, shop.folder, update, seconds=SECONDS)
    results.add("S5", f"one hot product over HTTP, p95 {one.p95_ms:.0f} ms",
                _ratio(one.rate, row), ">= 1.0 of pgbench, one row")  # fmt: skip
    for name, measured in (("S1", spread), ("S5", one)):
        if measured.errors:
            results.add(name, "answers that were no order", str(measured.errors), "0")
    with db.engine.begin() as connection:
        connection.execute(text("UPDATE pools SET available_g = available_g + reserved_g, reserved_g = 0"))


def _ratio(ours: float, theirs: float) -> str:
    return f"{ours / theirs:.2f} = {ours:.0f} / {theirs:.0f} a second"


def _bodies(shop: Stage, base: str) -> dict[str, str]:
    """Addresses of list and detail, their answers kept for the bare server."""
    paths = {"list": f"{API}/products?limit=24", "detail": f"{API}/products/{shop.skus[0]}"}
    for name, path in paths.items():
        with urllib.request.urlopen(base + path) as answer:  # noqa: S310  our own address
            (shop.folder.parent / name).write_bytes(answer.read())
    return paths


def _reads(base: str, paths: dict[str, str], folder: Path) -> dict[str, load.Load]:
    return {name: load.http(base + path, folder, seconds=SECONDS // 2) for name, path in paths.items()}


def _against_bare(ours: dict[str, load.Load], paths: dict[str, str], folder: Path, results: Results) -> None:
    """S4: list and detail against the same bytes from a bare Flask answer, on the same server."""
    with web({"BENCH_BODIES": str(folder)}, "tests.bench.bare:app") as base:
        for name in paths:
            bare = load.http(f"{base}/{name}", folder, seconds=SECONDS // 2)
            mine = ours[name]
            results.add("S4", f"product {name}, p95 {mine.p95_ms:.1f} ms",
                        _ratio(mine.rate, bare.rate),
                        ">= 0.40 of bare Flask, p95 <= 5 ms")  # fmt: skip


def _statements(shop: Stage, results: Results) -> None:
    """S3: SQL statements of an order, a list, a detail; the connection's own count, BEGIN and COMMIT left out."""
    counted = {name: count_statements(shop, name) for name in ("order", "list", "detail")}
    results.add("S3", "statements: order / list / detail", " / ".join(str(n) for n in counted.values()), "<= 4 / 1 / 1")


def count_statements(shop: Stage, what: str) -> int:
    """Statements that one warm request of `what` sends to the database."""
    client = shop.app.test_client()
    headers = {"Authorization": f"Bearer {shop.token}"}
    body = {"partner": "BENCH", "lines": [{"sku": shop.skus[0], "quantity": 1}]}

    def ask(key: str) -> int:
        match what:
            case "order":
                answer = client.post(f"{API}/orders", json=body, headers={**headers, "Idempotency-Key": key})
            case "list":
                answer = client.get(f"{API}/products?limit=24")
            case _:
                answer = client.get(f"{API}/products/{shop.skus[0]}")
        return answer.status_code

    ask(f"{what}-warm")
    release()
    with statements() as seen:
        assert ask(f"{what}-counted") in (200, 201)
    return len(seen)


def _rollups(results: Results) -> None:
    """S7: refreshing 10,000 new entries at 1 M and at 5 M rows."""
    small, large = rollup.measure(1_000_000), rollup.measure(5_000_000)
    for found in (small, large):
        results.add("S7", f"refresh of {rollup.NEW:,} new entries at {found.rows:,} rows, {found.keys:,} keys",
                    f"{found.us_per_key:.1f} us a key", "<= 15 us a key")  # fmt: skip
    results.add("S7", "5 M rows against 1 M", f"{large.us_per_key / small.us_per_key:.2f}", "<= 1.2")


def _at_rest(folder: Path, results: Results) -> None:
    """S14 and S13: the second start of the whole stack, and its memory a while later."""
    for start in ("first", "second"):
        port = free_port()
        environ = {**os.environ, "DATA_DIR": str(folder), "PORT": str(port)}
        environ.pop("DATABASE_URL", None)
        began = time.monotonic()
        process = subprocess.Popen(
            [sys.executable, "-m", "shop", "up", "--bare"], cwd=ROOT, env=environ, stdout=subprocess.DEVNULL
        )
        try:
            wait_for(f"http://127.0.0.1:{port}/readyz")
            took = time.monotonic() - began
            if start == "second":
                results.add("S14", "second start until ready", f"{took:.1f} s", "<= 4 s")
                time.sleep(8)
                ours = _memory_mb(process.pid, ("granian", "celery"))
                results.add("S13", "web + worker + beat at rest, PSS", f"{ours:.0f} MB", "<= 300 MB")
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=40)


def _memory_mb(root: int, programs: tuple[str, ...]) -> float:
    """Proportional set size of the descendants of `root` that are one of `programs`, in MB."""
    parents: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    total, todo = 0, [root]
    while todo:
        pid = todo.pop()
        todo += parents.get(pid, [])
        try:
            command = Path(f"/proc/{pid}/cmdline").read_text()
            rollup_lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        if any(program in command for program in programs):
            total += sum(int(line.split()[1]) for line in rollup_lines if line.startswith("Pss:"))
    return total / 1024


if __name__ == "__main__":
    main()
