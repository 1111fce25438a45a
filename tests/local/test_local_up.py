"""`shop up` as a person at a terminal meets it: one line for what is wrong, a clean stop, recovery from a kill."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from shop.local.process import MARK
from shop.local.servers import socket_folder

ROOT = Path(__file__).resolve().parents[2]
UP = [sys.executable, "-m", "shop", "up", "--bare"]
#: What the machine of whoever runs the tests happens to set must not reach the command.
OURS = ("DATABASE_URL", "REDIS_URL", "DATA_DIR", "PORT", "HOST", "SECRET_KEY", "PAYMENT_SECRET", "TRUSTED_HOSTS")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def environment(data_dir: Path, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in OURS}
    return {**kept, "DATA_DIR": str(data_dir), **more}


def refusal(command: list[str], **env: str) -> str:
    """The one line of a command that fails with status 1."""
    done = subprocess.run(
        command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60, check=False
    )  # fmt: skip
    assert done.returncode == 1
    assert "Traceback" not in done.stdout + done.stderr
    lines = done.stderr.splitlines()
    assert len(lines) == 1
    return lines[0]


@contextmanager
def shop(data_dir: Path, port: int) -> Iterator[subprocess.Popen[str]]:
    """A started shop that serves."""
    output = data_dir.parent / "output.txt"
    with output.open("w") as out:
        process = subprocess.Popen(
            UP, cwd=ROOT, env=environment(data_dir, PORT=str(port)), stdout=out, stderr=out, text=True
        )
    try:
        deadline = time.monotonic() + 100
        while "服务中" not in output.read_text():
            assert process.poll() is None, output.read_text()
            assert time.monotonic() < deadline, output.read_text()
            time.sleep(0.05)
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def ready(port: int) -> int:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=10) as answer:
        return int(answer.status)


def family(data_dir: Path) -> dict[int, str]:
    """Every living process of the shop on `data_dir`, by what it runs: by mark or, for PostgreSQL, by folder."""
    mark, found = f"{MARK}={(data_dir / 'lock').read_text()}".encode(), {}
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ")
            marked = mark in (folder / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if command and (marked or str(data_dir / "pg").encode() in command):
            found[int(folder.name)] = command.decode()
    return found


def empty_within(data_dir: Path, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while family(data_dir) and time.monotonic() < deadline:
        time.sleep(0.1)
    return not family(data_dir)


def database(data_dir: Path) -> str:
    return f"postgresql://shop@/postgres?host={socket_folder(data_dir)}"


def test_it_starts_refuses_a_second_and_stops_cleanly(tmp_path: Path) -> None:
    data_dir, port = tmp_path / "data", free_port()
    with shop(data_dir, port) as process:
        assert ready(port) == 200
        commands = " ".join(family(data_dir).values())
        for program in ("postgres", "valkey-server", "granian", "tasks.app:celery worker", "tasks.beat:celery beat"):
            assert program in commands
        second = refusal(UP, **environment(data_dir, PORT=str(free_port())))
        assert second == f"  ✗ {data_dir} 已有一个实例在运行 · Another instance is running on {data_dir}."
        taken = refusal(UP, **environment(tmp_path / "other", PORT=str(port)))
        assert taken == f"  ✗ 端口 {port} 已被占用，请用 PORT 换一个 · Port {port} is taken. Set PORT to another one."
        assert ready(port) == 200
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
    assert family(data_dir) == {}
    said = (tmp_path / "output.txt").read_text()
    assert re.findall(r"^  (\d) ✓ .*  \d+\.\d s$", said, re.MULTILINE) == ["1", "2", "3"]
    assert f"http://127.0.0.1:{port}/docs" in said
    assert said.endswith("已全部停止 · everything stopped\n")
    assert "arning" not in said


@pytest.mark.timeout(300)  # three starts of everything, on a machine that tests something else as well
def test_after_a_kill_of_everything_the_next_start_has_all_that_was_committed(tmp_path: Path) -> None:
    data_dir, port = tmp_path / "data", free_port()
    with shop(data_dir, port):
        with psycopg.connect(database(data_dir)) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 'peaches' AS what")
        for pid in [*family(data_dir)]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
    with shop(data_dir, port) as process:
        assert ready(port) == 200
        with psycopg.connect(database(data_dir)) as connection:
            assert connection.execute("SELECT what FROM kept").fetchone() == ("peaches",)
        # A killed supervisor takes all of them along, and nothing keeps the port.
        process.kill()
        process.wait()
        assert empty_within(data_dir, 45)
    with shop(data_dir, port) as process:
        web = next(pid for pid, command in family(data_dir).items() if "granian" in command)
        os.kill(web, signal.SIGKILL)
        assert process.wait(60) == 1
    assert family(data_dir) == {}
    said = (tmp_path / "output.txt").read_text()
    assert re.findall(r"✗ (\w+) 意外退出", said) == ["web"]


@pytest.mark.parametrize(
    ("setting", "value", "said"),
    [
        ("PORT", "eight thousand", "PORT must be a whole number from 1 to 65535."),
        ("DATABASE_URL", "mysql://localhost/shop", "DATABASE_URL must be a postgresql:// address."),
        ("DATABASE_URL", "postgresql://127.0.0.1:9/shop", "The database at DATABASE_URL cannot be used: "),
        ("REDIS_URL", "redis://127.0.0.1:9", "The broker at REDIS_URL cannot be used: "),
        ("SECRET_KEY", "short", "SECRET_KEY is too short: 32 bytes at least."),
    ],
)
def test_a_wrong_setting_is_one_line(tmp_path: Path, setting: str, value: str, said: str) -> None:
    line = refusal(UP, **environment(tmp_path / "data", **{setting: value}))
    assert line.startswith("  ✗ ")
    assert said in line


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    line = refusal(UP, **environment(tmp_path / "file" / "data"))
    assert line == (
        f"  ✗ 数据目录 {tmp_path}/file/data 不可写：Not a directory · "
        f"{tmp_path}/file/data cannot be written (Not a directory)."
    )


def test_a_command_without_a_database_says_how_to_get_one(tmp_path: Path) -> None:
    line = refusal([sys.executable, "-m", "shop", "check-books"], **environment(tmp_path / "data"))
    assert line.endswith("No database is running: start `make run` first, or set DATABASE_URL.")
