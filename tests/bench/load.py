"""Load by wrk and pgbench, bounded in connections and seconds, against 127.0.0.1 only."""

import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from shop.local.servers import postgres_binaries

CONNECTIONS = 16

#: Prints what wrk's own summary lacks, and sends what `prepare` says for each request.
_DONE = """
done = function(summary, latency)
  io.write(string.format("p95_us %d\\nerrors %d\\n", latency:percentile(95.0),
    summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.write
    + summary.errors.timeout))
end
"""


@dataclass(frozen=True)
class Load:
    """Answers a second, the 95th percentile in milliseconds, answers that were no success."""

    rate: float
    p95_ms: float
    errors: int


def need_wrk() -> None:
    """Exit with one clear line when the load client is not there."""
    if shutil.which("wrk") is None:
        print("缺少压测工具 wrk，请先安装：apt-get install wrk · The load client wrk is missing: apt-get install wrk")
        sys.exit(1)


def http(url: str, folder: Path, *, seconds: int, script: str = "", connections: int = CONNECTIONS) -> Load:
    """Ask `url` over 16 connections, or so many, for so many seconds."""
    lua = folder / "bench.lua"
    lua.write_text(script + _DONE)
    command = ["wrk", "-t2", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", "-s", str(lua), url]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return Load(_number(r"Requests/sec:\s+([\d.]+)", out), _number(r"p95_us (\d+)", out) / 1000,
                int(_number(r"errors (\d+)", out)))  # fmt: skip


def orders(skus: list[str], token: str) -> str:
    """A script that orders one pack of a product by turns, each with an Idempotency-Key of its own."""
    quoted = ", ".join(f'"{sku}"' for sku in skus)
    return f"""
local skus = {{{quoted}}}
local threads = 0
function setup(thread) thread:set("id", threads); threads = threads + 1 end
function init() n = 0; math.randomseed(id + 1); mark = tostring(os.time()) end
function request()
  n = n + 1
  wrk.headers["Content-Type"] = "application/json"
  wrk.headers["Authorization"] = "Bearer {token}"
  wrk.headers["Idempotency-Key"] = mark .. "-" .. id .. "-" .. n .. "-{len(skus)}"
  local body = '{{"partner": "BENCH", "lines": [{{"sku": "' .. skus[math.random(#skus)] .. '", "quantity": 1}}]}}'
  return wrk.format("POST", nil, nil, body)
end
"""


def pgbench(database_url: str, folder: Path, sql: str, *, seconds: int) -> float:
    """Transactions a second of `sql` by 16 clients over 2 threads, prepared."""
    script = folder / "bench.sql"
    script.write_text(sql)
    plain = database_url.replace("postgresql+psycopg://", "postgresql://")
    command = [
        str(postgres_binaries() / "pgbench"), "-n", "-M", "prepared", "-c", str(CONNECTIONS), "-j", "2", "-T",
        str(seconds), "-f", str(script), plain,
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr)
    out = done.stdout
    return _number(r"tps = ([\d.]+)", out)


def _number(pattern: str, out: str) -> float:
    found = re.search(pattern, out)
    if found is None:
        raise ValueError(f"{pattern} is not in: {out}")
    return float(found[1])
