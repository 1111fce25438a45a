"""Starting a child that dies with its parent, as root or as an ordinary user; stopping it with all it started."""

import ctypes
import os
import secrets
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

PR_SET_PDEATHSIG = 1
#: Marks every process of one start, so that the next start finds what a kill -9 of the parents left behind.
MARK = "SHOP_INSTANCE"
LEFTOVER_GRACE_S = 5.0

_libc = ctypes.CDLL(None)


def _die_with_parent(sig: int, parent: int) -> None:
    """Ask the kernel to send `sig` when the parent dies; a session of its own keeps Ctrl-C with the supervisor."""
    os.setsid()
    _libc.prctl(PR_SET_PDEATHSIG, sig, 0, 0, 0)
    if os.getppid() != parent:  # it died before we asked
        os._exit(1)


def start(
    command: Sequence[str],
    *,
    log: Path,
    env: Mapping[str, str] | None = None,
    death_signal: int = signal.SIGTERM,
    output_to_terminal: bool = False,
) -> subprocess.Popen[bytes]:
    """Start `command`, its output appended to `log`; `output_to_terminal` leaves only its standard error there."""
    parent = os.getpid()
    with log.open("ab") as file:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=None if output_to_terminal else file,
            stderr=file,
            env=env,
            preexec_fn=lambda: _die_with_parent(death_signal, parent),
        )


def stop(child: subprocess.Popen[bytes], sig: int = signal.SIGTERM, *, grace_s: float = 30) -> int:
    """Ask `child` to stop, wait `grace_s` seconds, then kill it. Returns its exit status.

    What it started goes with it: a killed web server leaves workers that would keep the port.
    """
    if child.poll() is None:
        child.send_signal(sig)
        with suppress(subprocess.TimeoutExpired):
            child.wait(grace_s)
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    return child.wait()


def new_mark() -> str:
    """A mark for the environment of all processes of one start."""
    return secrets.token_hex(16)


def end_leftovers(mark: str) -> None:
    """End the processes that carry `mark`: first asked, after some seconds killed. Our own process is spared."""
    if not (left := _carrying(mark)):
        return
    for pid in left:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + LEFTOVER_GRACE_S
    while left and time.monotonic() < deadline:
        time.sleep(0.05)
        left = _carrying(mark)
    for pid in left:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    while _carrying(mark) and time.monotonic() < deadline + LEFTOVER_GRACE_S:
        time.sleep(0.02)


def _carrying(mark: str) -> list[int]:
    """Processes with `mark` in their environment: a pid alone may have been given to somebody else since."""
    entry, found = f"{MARK}={mark}".encode(), []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit() or int(folder.name) == os.getpid():
            continue
        with suppress(OSError):
            if entry in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
    return found
