"""A process of its own that does one thing in a transaction, and is killed: before its commit, or after it."""

import os
import signal
import subprocess
import sys
from datetime import datetime
from pathlib import Path

from flask import Flask

ROOT = Path(__file__).resolve().parents[2]

#: Calls `module function` with a session and the hour, tells, and waits to be killed.
DYING = """
import os, sys, time
from datetime import datetime
from importlib import import_module
from shop.app import create_app
from shop.config import Settings
from shop.kit.db import transaction
act = getattr(import_module(sys.argv[3]), sys.argv[4])
with create_app(Settings.from_env(os.environ)).app_context():
    with transaction() as session:
        assert act(session, now=datetime.fromisoformat(sys.argv[1])) > 0
        if sys.argv[2] == "midway":
            print("done", flush=True)
            time.sleep(600)
    print("done", flush=True)
    time.sleep(600)
"""


def die(app: Flask, tmp_path: Path, now: datetime, when: str, module: str, function: str) -> None:
    """A process that does it is killed: `midway`, or `after` its commit."""
    settings = app.extensions["settings"]
    environ = os.environ | {
        "DATABASE_URL": settings.database_url, "REDIS_URL": settings.redis_url, "DATA_DIR": str(tmp_path),
    }  # fmt: skip
    asked = [sys.executable, "-c", DYING, now.isoformat(), when, module, function]
    with subprocess.Popen(asked, env=environ, cwd=ROOT, stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "done\n"
        worker.send_signal(signal.SIGKILL)
        assert worker.wait() == -signal.SIGKILL
