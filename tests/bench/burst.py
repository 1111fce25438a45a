"""`make bench-burst`: very many buyers of few packs at a session's price, over HTTP, on servers of its own.

BURSTS=20 does what the target asks for (every second one with the web server killed in the middle); BUYERS and UNITS
say how many and of how many. Each buyer is a person of his own with a token of his own, and asks once.
"""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from rich.console import Console
from sqlalchemy import select, text

from shop.access import actions as access
from shop.access.models import PartyKind
from shop.catalog.actions import product_by_sku
from shop.channels.actions import partner_by_code, register_partner
from shop.channels.models import Campaign, PartnerKind
from shop.kit.clock import SystemClock, beijing_day
from shop.kit.db import db, release, transaction
from shop.live import actions as live
from shop.orders.actions import expire_unpaid
from shop.reports.books import check_books
from tests.bench import load
from tests.bench.quick import API, Results
from tests.bench.stage import Stage, environ_of, stage, web

BURSTS = int(os.environ.get("BURSTS", "2"))
BUYERS = int(os.environ.get("BUYERS", "10000"))
UNITS = int(os.environ.get("UNITS", "1000"))
CONNECTIONS = 64
THREADS = 2

#: Each buyer asks once: buyer n of thread k is person n * THREADS + k + 1. What is asked beyond the last is no order.
_SCRIPT = """
local threads = {}
function setup(thread) thread:set("id", #threads); table.insert(threads, thread) end
-- wrk asks the first thread once for a request that it does not send
function init() n = id == 0 and -1 or 0; sold = 0; out = 0; other = 0 end
function request()
  local buyer = n * %(threads)d + id + 1
  n = n + 1
  if buyer < 1 or buyer > %(buyers)d then return wrk.format("GET", "/healthz") end
  return wrk.format("POST", "%(path)s", {
    ["Content-Type"] = "application/json", ["Authorization"] = "Bearer burst-" .. buyer,
    ["Idempotency-Key"] = "%(session)s-" .. buyer}, '%(body)s')
end
function response(status, headers, body)
  if status == 201 then sold = sold + 1
  elseif status == 409 and string.find(body, "not%%-enough%%-stock") then out = out + 1
  elseif status ~= 200 then other = other + 1 end
  if sold + out + other == %(mine)d and not told then told = true; io.write("answered\\n"); io.flush() end
end
done = function(summary, latency)
  local sold, out, other = 0, 0, 0
  for _, thread in ipairs(threads) do
    sold = sold + thread:get("sold"); out = out + thread:get("out"); other = other + thread:get("other")
  end
  local broken = summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout
  local told = "sold %%d\\nout %%d\\nother %%d\\nbroken %%d\\np50_us %%d\\np95_us %%d\\nmax_us %%d\\nus %%d\\n"
  io.write(string.format(told, sold, out, other, broken, latency:percentile(50.0), latency:percentile(95.0),
    latency.max, summary.duration))
end
"""


@dataclass(frozen=True)
class Burst:
    """Answers of one burst: sold, sold out, anything else, broken connections; milliseconds, and seconds of it all."""

    sold: int
    out: int
    other: int
    broken: int
    p50_ms: float
    p95_ms: float
    max_ms: float
    seconds: float

    @property
    def rate(self) -> float:
        """Answers a second."""
        return (self.sold + self.out) / self.seconds


def burst(base: str, shop: Stage, session: str, *, buyers: int, seconds: int = 600) -> Burst:
    """All buyers ask for one pack of the hot product at once, over 64 connections."""
    body = f'{{"partner": "BURST", "occasion": "{session}", "lines": [{{"sku": "{shop.skus[0]}", "quantity": 1}}]}}'
    script = shop.folder / "burst.lua"
    script.write_text(
        _SCRIPT % {"threads": THREADS, "buyers": buyers, "mine": buyers // THREADS, "path": f"{API}/orders",
                   "session": session, "body": body}
    )  # fmt: skip
    command = ["wrk", f"-t{THREADS}", f"-c{CONNECTIONS}", f"-d{seconds}s", "--timeout", "10s", "-s", str(script), base]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as wrk:
        assert wrk.stdout is not None
        lines = []
        for line in wrk.stdout:
            lines.append(line)
            if lines.count("answered\n") == THREADS:
                wrk.send_signal(signal.SIGINT)  # wrk would go on to the end of its seconds
                lines.remove("answered\n")
        out = "".join(lines)
    told = {name: int(value) for name, value in re.findall(r"^(\w+) (\d+)$", out, re.MULTILINE)}
    return Burst(
        told["sold"], told["out"], told["other"], told["broken"], told["p50_us"] / 1000, told["p95_us"] / 1000,
        told["max_us"] / 1000, told["us"] / 1_000_000,
    )  # fmt: skip


def sign_up(buyers: int) -> None:
    """So many customers, each with a token, by one statement for each table."""
    now = SystemClock().now()
    of = {"n": buyers, "now": now, "until": now + timedelta(hours=12)}
    with transaction() as session:
        for statement in (
            "INSERT INTO parties (kind, code, name_zh) SELECT 'customer', 'BURST-' || n, '压测顾客（示例）'"
            " FROM generate_series(1, :n) AS n",
            "INSERT INTO people (login, name_zh, password_hash, created_at)"
            " SELECT 'burst-' || n, '压测顾客（示例）', '-', :now FROM generate_series(1, :n) AS n",
            "INSERT INTO grants (person_id, party_id, party_kind, role, granted_at)"
            " SELECT people.id, parties.id, parties.kind, 'customer', :now FROM people"
            " JOIN parties ON parties.code = upper(people.login) WHERE login LIKE 'burst-%'",
            "INSERT INTO access_tokens (token_hash, person_id, created_at, expires_at)"
            " SELECT sha256(login::bytea), id, :now, :until FROM people WHERE login LIKE 'burst-%'",
            "ANALYZE parties, people, grants, access_tokens",
        ):
            session.execute(text(statement), {k: v for k, v in of.items() if f":{k}" in statement})
        host = access.ensure_party(session, PartyKind.HOST, "BURST", "压测主播（示例）")
        register_partner(session, PartnerKind.HOST, "BURST", host, "压测主播（示例）", actor_id=None, now=now)


def on_air(shop: Stage, session_code: str) -> None:
    """A session that sells UNITS packs of the hot product."""
    now = SystemClock().now()
    with transaction() as session:
        product = product_by_sku(session, shop.skus[0])
        partner = partner_by_code(session, "BURST")
        campaign = session.scalars(select(Campaign.id).order_by(Campaign.ends_on.desc())).first()
        assert campaign is not None
        item = live.Item(product.id, product.sku, 100, UNITS * product.net_weight_g)
        live.plan_session(
            session, session_code, campaign, partner, "压测专场（示例）", now, now + timedelta(hours=2), [item],
            live.About("压测直播间（示例）"), commission_bp=0, hold_s=60, actor_id=None, now=now,
        )  # fmt: skip
        live.review(session, session_code, live.Verification(beijing_day(now), 30), actor_id=None, now=now)
        live.go_live(session, session_code, actor_id=None, now=now)


def standing(session_code: str) -> int:
    """Orders of a session that stand."""
    count = db.session.execute(
        text(
            "SELECT count(*) FROM orders JOIN occasions ON occasions.id = occasion_id WHERE occasions.code = :code"
            " AND orders.status NOT IN ('cancelled', 'expired')"
        ),
        {"code": session_code},
    ).scalar_one()
    release()
    return int(count)


def main() -> None:
    """Bursts, what comes back on sale, the other products, the control; the exit status says whether all was exact."""
    load.need_wrk()
    results = Results("bench-burst")
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch, stage(Path(scratch) / "shop") as shop:
        sign_up(BUYERS)
        environ = environ_of(shop.running, shop.folder)
        exact = True
        for number in range(1, BURSTS + 1):
            measure = killed_burst if number % 2 == 0 else whole_burst
            exact &= measure(environ, shop, results, f"BURST-{number}")
        exact &= back_on_sale(results)
        with web(environ) as base:
            other_products(base, shop, results)
        exact &= books(results)
        exact &= control(environ, shop, results)
    Console(width=118).print(results.table)
    sys.exit(0 if exact else 1)


def whole_burst(environ: dict[str, str], shop: Stage, results: Results, code: str) -> bool:
    """One burst, from the first buyer to the last."""
    on_air(shop, code)
    with web(environ) as base:
        found = burst(base, shop, code, buyers=BUYERS)
    return told(results, f"{BUYERS:,} buyers of {UNITS:,} packs", code, found)


def told(results: Results, what: str, code: str, found: Burst) -> bool:
    """A row for a burst; whether it was exact."""
    sold = standing(code)
    times = f"p50 {found.p50_ms:.0f}, p95 {found.p95_ms:.0f}, max {found.max_ms:.0f} ms"
    results.add("S5", f"{what}: {found.out:,} sold out, {found.other} else, {times}, {found.rate:.0f} a second",
                f"{sold:,} sold", f"exactly {UNITS:,}")  # fmt: skip
    return sold == UNITS == found.sold and found.out == BUYERS - UNITS and found.other == 0


def killed_burst(environ: dict[str, str], shop: Stage, results: Results, code: str) -> bool:
    """The web server killed when half is sold; started again, everybody asks again with his key."""
    on_air(shop, code)
    with ThreadPoolExecutor(1) as buyers:
        with web(environ) as base:
            first = buyers.submit(burst, base, shop, code, buyers=BUYERS, seconds=5)
            while standing(code) < UNITS // 2:
                time.sleep(0.01)
            kill_web_servers()
        first.result()
    before = standing(code)
    with web(environ) as base:
        found = burst(base, shop, code, buyers=BUYERS)
    return told(results, f"killed at {before:,} sold, all asked again with their keys", code, found)


def kill_web_servers() -> None:
    """SIGKILL to every granian that this process started, at once."""
    ours = {os.getpid()}
    found = []
    for _ in range(3):
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                parent = int(stat.read_text().rpartition(")")[2].split()[1])
                command = (stat.parent / "cmdline").read_text()
            except OSError:
                continue
            pid = int(stat.parent.name)
            if parent in ours and pid not in ours and "granian" in command + Path(f"/proc/{pid}/comm").read_text():
                ours.add(pid)
                found.append(pid)
    for pid in found:
        os.kill(pid, signal.SIGKILL)


def back_on_sale(results: Results) -> bool:
    """Nobody paid: how long it takes until everything is on sale again."""
    now = SystemClock().now() + timedelta(hours=1)
    began = time.monotonic()
    expired = 0
    while True:
        with transaction() as session:
            some = expire_unpaid(session, now=now)
        if not some:
            break
        expired += some
    took = time.monotonic() - began
    left = db.session.execute(
        text("SELECT bool_and(available_g = received_g) FROM pools JOIN occasions ON occasions.id = occasion_id"
             " WHERE occasions.code LIKE 'BURST-%'")
    ).scalar_one()  # fmt: skip
    release()
    results.add("", f"{expired:,} unpaid orders expired, their packs on sale again", f"{took * 1000:.0f} ms", "<= 10 s")
    return bool(left) and expired == UNITS * BURSTS


def other_products(base: str, shop: Stage, results: Results) -> None:
    """S6: four buyers of other products, while sixteen all want one product, or each another one."""
    others, elsewhere = shop.skus[1:30], shop.skus[30:]
    p95 = {}
    for name, pressed in (("spread", elsewhere), ("hot", shop.skus[:1])):
        folders = [shop.folder / name / who for who in ("others", "press")]
        for folder in folders:
            folder.mkdir(parents=True)
        with ThreadPoolExecutor(1) as press:
            pressing = press.submit(
                load.http, f"{base}{API}/orders", folders[1], seconds=6, script=load.orders(pressed, shop.token)
            )
            found = load.http(
                f"{base}{API}/orders", folders[0], seconds=6, script=load.orders(others, shop.token), connections=4
            )
            pressing.result()
        p95[name] = found.p95_ms
    results.add("S6", f"p95 of other products: {p95['hot']:.0f} ms beside a hot one, {p95['spread']:.0f} ms beside the"
                " same load spread", f"{p95['hot'] / p95['spread']:.2f}", "<= 1.5")  # fmt: skip


def books(results: Results) -> bool:
    """Nothing is wrong in the books after all that."""
    found = [str(violation) for violation in check_books(db.session())]
    release()
    results.add("", "check-books", "clean" if not found else found[0], "clean")
    return not found


def control(environ: dict[str, str], shop: Stage, results: Results) -> bool:
    """The same burst without the guard of the statement and the CHECK behind it: it must sell too much."""
    buyers = min(BUYERS, 2 * UNITS)
    with db.engine.begin() as connection:
        connection.execute(text("ALTER TABLE pools DROP CONSTRAINT ck_pools_never_below_zero"))
    on_air(shop, "CONTROL")
    with web(environ, "tests.bench.unguarded:app") as base:
        burst(base, shop, "CONTROL", buyers=buyers)
    sold = standing("CONTROL")
    results.add("S5", f"control: {buyers:,} buyers of {UNITS:,} packs without the guard", f"{sold:,} sold",
                f"more than {UNITS:,}")  # fmt: skip
    return sold > UNITS


if __name__ == "__main__":
    main()
