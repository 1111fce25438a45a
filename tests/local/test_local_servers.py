"""The embedded servers: they answer, keep what was committed through every kind of death, and leave nothing behind."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
import redis

from shop.config import redis_urls
from shop.local import LocalError, Running, servers
from shop.local.process import MARK, new_mark, start
from shop.local.servers import SOCKET_PATH_LIMIT, plain_user_ways, postgres, postgres_binaries, socket_folder

ROOT = Path(__file__).resolve().parents[2]


def ask(database_url: str, question: str) -> object:
    with psycopg.connect(database_url) as connection:
        row = connection.execute(question).fetchone()
    return row[0] if row else None


def keep_a_row(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute("CREATE TABLE kept (what text)")
        connection.execute("INSERT INTO kept VALUES ('peaches')")


def kept(database_url: str) -> object:
    return ask(database_url, "SELECT what FROM kept")


def broker_answers(running: Running) -> bool:
    with redis.Redis.from_url(redis_urls(running.redis_url).redis) as client:
        return bool(client.ping())


def alive(pid: int) -> bool:
    """Whether `pid` runs; a zombie nobody has collected yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def gone_within(pids: list[int], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not any(alive(pid) for pid in pids):
            return True
        time.sleep(0.02)
    return False


@contextmanager
def somebody_else() -> Iterator[subprocess.Popen[bytes]]:
    """A process that has nothing to do with us."""
    process = subprocess.Popen(["sleep", "60"])
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_both_servers_answer_and_end_with_the_block(tmp_path: Path) -> None:
    with servers(tmp_path, durable=False) as running:
        assert ask(running.database_url, "SHOW server_encoding") == "UTF8"
        assert ask(running.database_url, "SHOW timezone") == "UTC"
        assert broker_answers(running)
        processes = dict(running.processes)
        assert [process.poll() for process in processes.values()] == [None, None]
    assert {name: process.returncode for name, process in processes.items()} == {"postgres": 0, "valkey": 0}
    with pytest.raises(psycopg.OperationalError):
        ask(running.database_url, "SELECT 1")


def test_the_log_of_postgres_holds_no_row_that_was_refused(tmp_path: Path) -> None:
    with servers(tmp_path, durable=False) as running, psycopg.connect(running.database_url) as connection:
        connection.execute("CREATE TABLE kept (what text, kilograms int CHECK (kilograms > 0))")
        with pytest.raises(psycopg.errors.CheckViolation) as refused:
            connection.execute("INSERT INTO kept VALUES (%s, %s)", ["13812345678", -1])
        assert "13812345678" in str(refused.value)
    log = (tmp_path / "logs" / "postgres.log").read_text()
    assert "kept_kilograms_check" in log
    assert "13812345678" not in log


def test_a_given_server_is_used_and_not_started(tmp_path: Path) -> None:
    with servers(tmp_path, durable=False, database_url="postgresql://elsewhere/shop") as running:
        assert running.database_url == "postgresql://elsewhere/shop"
        assert list(running.processes) == ["valkey"]
    assert not (tmp_path / "pg").exists()


def test_data_stays_when_the_servers_stop(tmp_path: Path) -> None:
    with servers(tmp_path, durable=True) as running:
        keep_a_row(running.database_url)
        with redis.Redis.from_url(redis_urls(running.redis_url).redis) as client:
            client.set("waiting", "message")
    with servers(tmp_path, durable=True) as running:
        assert kept(running.database_url) == "peaches"
        with redis.Redis.from_url(redis_urls(running.redis_url).redis) as client:
            assert client.get("waiting") == b"message"


def test_a_folder_has_one_owner(tmp_path: Path) -> None:
    with servers(tmp_path, durable=False) as running:
        with pytest.raises(LocalError) as refused, servers(tmp_path, durable=False):
            pass
        assert str(refused.value) == f"{tmp_path} 已有一个实例在运行 · Another instance is running on {tmp_path}."
        assert ask(running.database_url, "SELECT 1") == 1
        assert broker_answers(running)


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("not a folder")
    with pytest.raises(LocalError) as refused, servers(file / "data", durable=False):
        pass
    assert "不可写" in str(refused.value)
    assert "cannot be written (Not a directory)" in str(refused.value)
    assert str(refused.value).count("\n") == 0


def test_a_killed_postgres_comes_back_with_what_was_committed(tmp_path: Path) -> None:
    with servers(tmp_path, durable=True) as running:
        keep_a_row(running.database_url)
        running.processes["postgres"].kill()
    began = time.monotonic()
    with servers(tmp_path, durable=True) as running:
        assert kept(running.database_url) == "peaches"
    assert time.monotonic() - began < 30


def test_a_lock_file_whose_pid_belongs_to_somebody_else_does_not_keep_postgres_away(tmp_path: Path) -> None:
    with servers(tmp_path, durable=True) as running:
        keep_a_row(running.database_url)
        postmaster = running.processes["postgres"]
        postmaster.kill()
        postmaster.wait()
    with somebody_else() as stranger:
        lock = tmp_path / "pg" / "postmaster.pid"
        lines = lock.read_text().splitlines(keepends=True)
        lock.write_text("".join([f"{stranger.pid}\n", *lines[1:]]))
        # The control: left alone, PostgreSQL takes the stranger for a running server.
        log = tmp_path / "control.log"
        by_itself = start(
            [*plain_user_ways()[0].prefix, str(postgres_binaries() / "postgres"), "-D", str(tmp_path / "pg")], log=log
        )
        assert by_itself.wait(20) != 0
        assert "already exists" in log.read_text()
        with servers(tmp_path, durable=True) as running:
            assert kept(running.database_url) == "peaches"
        assert stranger.poll() is None


def test_a_path_that_no_address_of_a_socket_can_hold_still_works(tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="我 50% ") as named:
        assert len(str(Path(named) / "sockets").encode()) <= SOCKET_PATH_LIMIT
        for folder in (tmp_path / ("long-" * 20), Path(named)):
            assert len(str(socket_folder(folder)).encode()) <= SOCKET_PATH_LIMIT
            with servers(folder, durable=False) as running:
                assert ask(running.database_url, "SELECT 1") == 1
                assert broker_answers(running)


def test_every_way_to_be_a_plain_user_serves_the_same_cluster(tmp_path: Path) -> None:
    with postgres(tmp_path, durable=False) as url:
        keep_a_row(url)
    ways = plain_user_ways()
    for way in [*ways, *reversed(ways)]:
        with postgres(tmp_path, durable=False, way=way) as url:
            assert kept(url) == "peaches"
            assert (tmp_path / "pg").stat().st_uid == way.owner


OWNER = """
import sys, time
from pathlib import Path
from shop.local import servers
with servers(Path(sys.argv[1]), durable=True) as running:
    print(running.database_url, *(p.pid for p in running.processes.values()), flush=True)
    time.sleep(120)
"""


def test_servers_die_with_a_killed_owner_and_the_next_one_starts(tmp_path: Path) -> None:
    owner = subprocess.Popen([sys.executable, "-c", OWNER, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    with owner.stdout:
        url, *pids = owner.stdout.readline().split()
        children = [int(pid) for pid in pids]
        assert len(children) == 2
        keep_a_row(url)
        owner.kill()
        owner.wait()
    assert gone_within(children, 15)
    with servers(tmp_path, durable=True) as running:
        assert kept(running.database_url) == "peaches"


def test_what_a_killed_start_left_running_is_ended_and_nobody_else(tmp_path: Path) -> None:
    mark = new_mark()
    (tmp_path / "lock").write_text(mark)
    # It ignores being asked, as a stuck web server would.
    stuck = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(60)"
    left = subprocess.Popen([sys.executable, "-c", stuck], env={**os.environ, MARK: mark}, stdout=subprocess.PIPE)
    assert left.stdout is not None
    with somebody_else() as stranger, left.stdout:
        left.stdout.readline()
        with servers(tmp_path, durable=False, database_url="postgresql://elsewhere/shop"):
            assert gone_within([left.pid], 1)
            assert alive(stranger.pid)
    assert left.wait() == -signal.SIGKILL
