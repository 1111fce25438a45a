"""A machine gone without a farewell, a line that is cut, a broker away for long: nobody waits for ever."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask
from kombu.exceptions import OperationalError
from psycopg import pq
from psycopg.conninfo import make_conninfo
from sqlalchemy import create_engine, text

from shop.kit.db import db, engine_options
from tasks.broker import bare_celery

LOCK = 7_070
#: A process that holds a lock and waits for a long statement, as a worker does in a part of a rebuild.
HOLDER = """
import json, sys
from sqlalchemy import create_engine, text
url, options = sys.argv[1], json.loads(sys.argv[2])
with create_engine(url, connect_args=options).connect() as connection:
    connection.execute(text("SELECT pg_advisory_xact_lock(7070)"))
    connection.execute(text("SELECT pg_sleep(50)"))
"""


def held() -> bool:
    with db.engine.connect() as connection:
        return not connection.execute(text("SELECT pg_try_advisory_xact_lock(:lock)"), {"lock": LOCK}).scalar()


def came(true: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if true():
            return True
        time.sleep(0.1)
    return False


def in_its_statement() -> bool:
    with db.engine.connect() as connection:
        sleeps = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%pg_sleep(50)%'"
        return int(connection.execute(text(sleeps + " AND pid <> pg_backend_pid()")).scalar_one()) > 0


@pytest.mark.parametrize("looked_after", [True, False], ids=["looked after", "control"])
def test_a_statement_of_a_killed_process_ends_and_lets_go_of_its_locks(committed: Flask, looked_after: bool) -> None:
    options = engine_options(statement_timeout_ms=60_000)["connect_args"]
    if not looked_after:
        options = options | {"options": options["options"] + " -c client_connection_check_interval=0"}
    url = committed.extensions["settings"].database_url
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, url, json.dumps(options)], cwd=Path(__file__).parents[2])
    try:
        assert came(in_its_statement, 30)
        os.kill(holder.pid, signal.SIGKILL)
        holder.wait()
        # Looked at every 5 s; else the statement runs to its end, and the lock with it.
        assert came(lambda: not held(), 12) is looked_after
    finally:
        holder.kill()
        holder.wait()
        with db.engine.connect() as connection:
            ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(50)%'"
            connection.execute(text(ended + " AND pid <> pg_backend_pid()"))


@pytest.fixture
def mute() -> Iterator[int]:
    """The port of a server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield int(server.getsockname()[1])


def silence_of(line: socket.socket) -> tuple[int, int, int, int]:
    """Whether the system asks a silent other end, after how many seconds, how often again, after how many each."""
    return (
        line.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE),
        line.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE),
        line.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT),
        line.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL),
    )


def test_our_end_gives_a_silent_database_up(mute: int) -> None:
    options = engine_options()["connect_args"]
    options = {name: value for name, value in options.items() if name != "prepare_threshold"}
    conninfo = make_conninfo(f"postgresql://shop@127.0.0.1:{mute}/shop", **options)
    connection = pq.PGconn.connect_start(conninfo.encode())
    try:
        assert came(lambda: connection.connect_poll() == pq.PollingStatus.READING, 10)
        with socket.socket(fileno=os.dup(connection.socket)) as line:
            assert silence_of(line) == (1, 20, 3, 5)
            assert line.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 35_000
    finally:
        connection.finish()


def test_the_database_gives_us_up_when_we_are_silent() -> None:
    said = engine_options()["connect_args"]["options"]
    for limit in ("tcp_keepalives_idle=20", "tcp_keepalives_interval=5", "tcp_keepalives_count=3",
                  "tcp_user_timeout=35000"):  # fmt: skip
        assert f" -c {limit}" in said


def test_a_database_takes_our_limits(committed: Flask) -> None:
    engine = create_engine(committed.extensions["settings"].database_url, **engine_options())
    with engine.connect() as connection:
        assert connection.execute(text("SHOW client_connection_check_interval")).scalar() == "5s"
    engine.dispose()


@pytest.mark.parametrize("waits_on", [True, False], ids=["ours", "control"])
def test_worker_and_beat_wait_for_a_broker_however_long_it_is_away(tmp_path: Path, waits_on: bool) -> None:
    celery = bare_celery(f"unix://{tmp_path}/nobody.sock")
    tries = celery.conf.broker_connection_max_retries if waits_on else 100

    class Enough(Exception):
        pass

    seen = 0

    def told(error: Exception, interval: float) -> None:
        nonlocal seen
        seen += 1
        if seen == 300:
            raise Enough

    # As worker and beat ask for it, but without the seconds between two tries.
    with celery.connection() as connection, pytest.raises(Enough if waits_on else OperationalError):
        connection.ensure_connection(told, tries, interval_start=0, interval_step=0, interval_max=0)
    assert seen == (300 if waits_on else 100)
