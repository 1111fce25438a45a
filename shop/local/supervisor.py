"""One supervisor of everything on one machine: servers, then web, worker and beat, stopped in reverse.

It restarts nothing in silence: when a child dies, it says which in one line, stops the rest and ends with status 1.
"""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from shop.local.process import start, stop
from shop.local.servers import LocalError

READY_SECONDS = 60


@dataclass(frozen=True)
class Child:
    """A process to keep: its name in messages and logs, and its command."""

    name: str
    command: Sequence[str]


def check_port(host: str, port: int) -> None:
    """Raise LocalError when somebody listens there already."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            raise LocalError(
                f"端口 {port} 已被占用，请用 PORT 换一个 · Port {port} is taken, set PORT to another one."
            ) from None


class Steps:
    """Calm output: one line a step, with the time it took."""

    def __init__(self) -> None:
        self.began = time.monotonic()

    def run(self, label: str, work: Callable[[], object]) -> None:
        """Do one step and say so."""
        started = time.monotonic()
        work()
        self.say(label, time.monotonic() - started)

    def say(self, label: str, seconds: float | None = None) -> None:
        """One line."""
        took = "" if seconds is None else f"  {seconds:.1f} s"
        print(f"  ✓ {label}{took}", flush=True)


class Stopped(Exception):
    """Somebody asked us to stop."""


def _on_signal(number: int, _: object) -> None:
    raise Stopped


def listen_for_stop() -> None:
    """Ctrl-C and SIGTERM end the run cleanly, wherever it is."""
    signal.signal(signal.SIGTERM, _on_signal)
    signal.signal(signal.SIGINT, _on_signal)


def run_to_end(command: Sequence[str], env: Mapping[str, str]) -> None:
    """Run one command of ours in the foreground. Raises LocalError with its last line when it fails."""
    child = subprocess.Popen(command, env=dict(env), start_new_session=True)
    try:
        status = child.wait()
    except Stopped:
        stop(child)
        raise
    if status != 0:
        raise LocalError(f"{' '.join(command[2:])} 失败 · failed with status {status}.")


def keep(
    children: Sequence[Child], *, env: Mapping[str, str], logs: Path, ready_url: str, steps: Steps,
    once_ready: Callable[[], None],
) -> None:  # fmt: skip
    """Start the children, wait until `ready_url` answers, do `once_ready`, and serve until Stopped.

    Raises LocalError when a child dies or nothing answers in time. All children are stopped in any case.
    """
    logs.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        started = time.monotonic()
        running: dict[str, subprocess.Popen[bytes]] = {}
        for child in children:
            running[child.name] = start(child.command, log=logs / f"{child.name}.log", env=env)
            stack.callback(stop, running[child.name])
        _wait_ready(ready_url, running, logs)
        steps.say("网站、任务与定时 · web, worker and beat", time.monotonic() - started)
        once_ready()
        while True:
            _say_who_died(running, logs)
            time.sleep(0.2)


def _wait_ready(url: str, running: Mapping[str, subprocess.Popen[bytes]], logs: Path) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        _say_who_died(running, logs)
        try:
            with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310  our own address
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    raise LocalError(f"服务未能就绪，见 {logs} · The service did not become ready, see {logs}.")


def _say_who_died(running: Mapping[str, subprocess.Popen[bytes]], logs: Path) -> None:
    for name, process in running.items():
        status = process.poll()
        if status is not None:
            log = logs / f"{name}.log"
            raise LocalError(f"{name} 意外退出（{status}），见 {log} · {name} ended with {status}, see {log}.")


def fail(error: Exception) -> int:
    """One clear line and status 1."""
    sys.stdout.flush()
    print(f"  ✗ {error}", file=sys.stderr, flush=True)
    return 1


def child_env(base: Mapping[str, str], data_dir: Path, database_url: str, redis_url: str) -> dict[str, str]:
    """The environment of our children: the two servers, and one folder for their metrics, empty at each start."""
    metrics = data_dir / "metrics"
    metrics.mkdir(parents=True, exist_ok=True)
    for old in metrics.glob("*.db"):
        old.unlink()
    return {
        **base,
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "DATA_DIR": str(data_dir),
        "PROMETHEUS_MULTIPROC_DIR": str(metrics),
        "PYTHONWARNINGS": "ignore",
        "PYTHONUNBUFFERED": "1",
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), base.get("PATH", os.defpath)]),
    }
