"""Starting a child that dies with its parent, as root or as an ordinary user."""

import ctypes
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

PR_SET_PDEATHSIG = 1


def _die_with_parent(sig: int) -> None:
    """Ask the kernel to send `sig` when the parent dies; a session of its own keeps Ctrl-C with the supervisor."""
    os.setsid()
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, sig, 0, 0, 0)


def start(
    command: Sequence[str],
    *,
    log: Path,
    env: Mapping[str, str] | None = None,
    death_signal: int = signal.SIGTERM,
) -> subprocess.Popen[bytes]:
    """Start `command`, its output appended to `log`."""
    with log.open("ab") as out:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env=env,
            preexec_fn=lambda: _die_with_parent(death_signal),
        )


def stop(child: subprocess.Popen[bytes], sig: int = signal.SIGTERM, *, grace_s: float = 30) -> int:
    """Ask `child` to stop, wait `grace_s` seconds, then kill it. Returns its exit status."""
    if child.poll() is None:
        child.send_signal(sig)
        try:
            child.wait(grace_s)
        except subprocess.TimeoutExpired:
            child.kill()
    return child.wait()
