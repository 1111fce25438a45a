"""One supervisor of everything on one machine: servers, then web, worker and beat, stopped in reverse.

It restarts nothing in silence: when a child dies, it says which in one line, stops the rest and ends with status 1.
"""

import errno
import os
import signal
import socket
import sys
import time
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

from shop.local.process import MARK, start, stop
from shop.local.servers import LocalError, Processes

READY_SECONDS = 60


@dataclass(frozen=True)
class Child:
    """A process to keep: its name in messages and logs, and its command."""

    name: str
    command: Sequence[str]


def check_port(host: str, port: int) -> None:
    """Raise LocalError when nobody can listen there: taken, forbidden, or not an address of this machine."""
    try:
        family, kind, proto, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError:
        raise LocalError(f"HOST {host} 不是本机地址 · HOST {host} is not an address of this machine.") from None
    with socket.socket(family, kind, proto) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except PermissionError:
            raise LocalError(
                f"端口 {port} 不许使用，请用 PORT 换一个 · Port {port} is not allowed. Set PORT to another one."
            ) from None
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise LocalError(f"HOST {host} 不是本机地址 · HOST {host} is not an address of this machine.") from None
            raise LocalError(
                f"端口 {port} 已被占用，请用 PORT 换一个 · Port {port} is taken. Set PORT to another one."
            ) from None


class Steps:
    """Calm output: one numbered line a step, with the time it took."""

    def __init__(self) -> None:
        self._number = 0
        self._since = time.monotonic()

    def done(self, label: str) -> None:
        """Say that what was done since the last step is done."""
        now = time.monotonic()
        self._number += 1
        print(f"  {self._number} ✓ {label}  {now - self._since:.1f} s", flush=True)
        self._since = now


class Stopped(Exception):
    """Somebody asked us to stop."""


_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
#: That somebody asked: an exception out of a signal is lost where Python lets none out, as while it forks a child.
_asked = Event()


def _on_signal(number: int, _: object) -> None:
    # Asked once is enough: a second Ctrl-C must not break off the stopping of the servers.
    for each in _SIGNALS:
        signal.signal(each, signal.SIG_IGN)
    _asked.set()
    raise Stopped


def listen_for_stop() -> None:
    """Ctrl-C, SIGTERM and a closed terminal end the run cleanly, wherever it is."""
    for each in _SIGNALS:
        signal.signal(each, _on_signal)


@dataclass
class Supervisor:
    """Everything that runs, by name in order of start. Used as a context: leaving it stops what it started."""

    env: Mapping[str, str]
    logs: Path
    running: Processes
    _stack: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> "Supervisor":
        self.logs.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def start(self, child: Child) -> None:
        """Start a child that is meant to stay."""
        process = start(child.command, log=self.logs / f"{child.name}.log", env=self.env)
        self._stack.callback(stop, process)
        self.running[child.name] = process

    def watch(self) -> None:
        """Raise LocalError naming the first process that has ended; Stopped when somebody asked and was not heard."""
        if _asked.is_set():
            raise Stopped
        for name, process in self.running.items():
            status = process.poll()
            if status is not None:
                log = self.logs / f"{name}.log"
                raise LocalError(f"{name} 意外退出（{status}），见 {log} · {name} ended with {status}, see {log}.")

    def run_to_end(self, command: Sequence[str]) -> None:
        """Run one command of ours, its output on our terminal, its complaints in a log of its own.

        Raises LocalError when it fails or a server ends meanwhile.
        """
        name = command[3]
        log = self.logs / f"{name}.log"
        log.write_bytes(b"")
        child = start(command, log=log, env=self.env, output_to_terminal=True)
        try:
            while child.poll() is None:
                self.watch()
                time.sleep(0.05)
        finally:
            status = stop(child, grace_s=10)
        if status != 0:
            said = log.read_text(errors="replace").strip()
            # What a command says to people is shown; a stack trace stays in the log.
            shown = "" if "Traceback" in said else f"{said}\n"
            raise LocalError(f"{shown}{name} 失败，见 {log} · {name} failed, see {log}.")

    def wait_ready(self, url: str, host_header: str | None) -> None:
        """Wait until `url` answers 200. Raises LocalError when a child ends or nothing answers in time."""
        question = urllib.request.Request(url, headers={"Host": host_header} if host_header else {})  # noqa: S310
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            self.watch()
            try:
                with urllib.request.urlopen(question, timeout=2) as answer:  # noqa: S310  our own address
                    if answer.status == 200:
                        return
            except OSError:
                pass
            time.sleep(0.05)
        raise LocalError(f"服务未能就绪，见 {self.logs} · The service did not become ready, see {self.logs}.")

    def serve(self) -> None:
        """Stay until Stopped. Raises LocalError when a process ends."""
        while True:
            self.watch()
            time.sleep(0.2)


def fail(error: Exception) -> int:
    """One clear line for each thing that is wrong, and status 1."""
    sys.stdout.flush()
    for line in str(error).splitlines():
        print(f"  ✗ {line}", file=sys.stderr, flush=True)
    return 1


def child_env(base: Mapping[str, str], data_dir: Path, database_url: str, redis_url: str, mark: str) -> dict[str, str]:
    """The environment of our children: the two servers, and one folder for their metrics, empty at each start."""
    metrics = data_dir / "metrics"
    metrics.mkdir(parents=True, exist_ok=True)
    for old in metrics.glob("*.db"):
        old.unlink()
    return {
        **base,
        MARK: mark,
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "DATA_DIR": str(data_dir),
        "PROMETHEUS_MULTIPROC_DIR": str(metrics),
        "PYTHONWARNINGS": "ignore",
        "PYTHONUNBUFFERED": "1",
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), base.get("PATH", os.defpath)]),
    }
