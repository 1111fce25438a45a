"""The supervisor: it names who died, stops all it started with all that they started, and keeps the terminal calm."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from shop.local import LocalError
from shop.local.process import start, stop
from shop.local.supervisor import Child, Supervisor, check_port

SLEEP = "import time; time.sleep(60)"
FORK = "import os, time\nif os.fork() == 0:\n    print(os.getpid(), flush=True)\ntime.sleep(60)"


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def command(code: str) -> list[str]:
    """A command as the supervisor runs them: its fourth word is its name."""
    return [sys.executable, "-c", code, "chore"]


def supervisor(folder: Path) -> Supervisor:
    return Supervisor(dict(os.environ), folder / "logs", {})


def running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def first_line(log: Path) -> str:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if log.exists() and "\n" in (text := log.read_text()):
            return text.splitlines()[0]
        time.sleep(0.02)
    raise AssertionError(f"{log} stays empty")


def test_a_taken_port_is_one_line_and_a_free_one_none() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(LocalError) as refused:
            check_port("127.0.0.1", port)
    assert str(refused.value) == (
        f"端口 {port} 已被占用，请用 PORT 换一个 · Port {port} is taken. Set PORT to another one."
    )
    check_port("127.0.0.1", port)


def test_a_foreign_address_is_not_called_a_taken_port() -> None:
    with pytest.raises(LocalError, match=r"HOST 192\.0\.2\.1 is not an address of this machine"):
        check_port("192.0.2.1", 8000)


def test_a_dead_child_is_named_and_the_others_are_stopped(tmp_path: Path) -> None:
    with supervisor(tmp_path) as held:
        held.start(Child("worker", python(SLEEP)))
        held.watch()
        held.start(Child("beat", python("raise SystemExit(7)")))
        with pytest.raises(LocalError, match=r"beat ended with 7, see .*beat\.log"):
            held.serve()
        worker = held.running["worker"]
        assert worker.poll() is None
    assert worker.returncode == -15


def test_a_dead_server_is_noticed_while_a_command_runs(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    server = start(python("import time; time.sleep(0.5)"), log=tmp_path / "server.log")
    with supervisor(tmp_path) as held:
        held.running["postgres"] = server
        began = time.monotonic()
        with pytest.raises(LocalError, match="postgres ended with 0"):
            held.run_to_end(command(SLEEP))
        assert time.monotonic() - began < 30


def test_what_a_child_started_ends_with_it_even_when_it_was_killed(tmp_path: Path) -> None:
    log = tmp_path / "web.log"
    web = start(python(FORK), log=log)
    grandchild = int(first_line(log))
    assert running(grandchild)
    web.kill()
    stop(web)
    deadline = time.monotonic() + 5
    while running(grandchild) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not running(grandchild)


def test_a_child_that_does_not_listen_is_killed_after_its_grace(tmp_path: Path) -> None:
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(60)"
    child = start([sys.executable, "-uc", deaf], log=tmp_path / "deaf.log")
    first_line(tmp_path / "deaf.log")
    assert stop(child, grace_s=0.3) == -9


def test_what_a_failed_command_says_is_shown(tmp_path: Path) -> None:
    says = "import sys; print('deliveries.csv:7 [weight] is not a number', file=sys.stderr); sys.exit(1)"
    with supervisor(tmp_path) as held, pytest.raises(LocalError) as refused:
        held.run_to_end(command(says))
    first, last = str(refused.value).splitlines()
    assert first == "deliveries.csv:7 [weight] is not a number"
    assert last.endswith(f"chore failed, see {tmp_path}/logs/chore.log.")


def test_a_stack_trace_stays_in_the_log(tmp_path: Path) -> None:
    with supervisor(tmp_path) as held, pytest.raises(LocalError) as refused:
        held.run_to_end(command("raise ValueError('a bug')"))
    assert str(refused.value).count("\n") == 0
    assert "Traceback" not in str(refused.value)
    assert "ValueError: a bug" in (tmp_path / "logs" / "chore.log").read_text()


ANSWERS = """
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
class Answer(BaseHTTPRequestHandler):
    asked = 0
    def do_GET(self):
        Answer.asked += 1
        ok = Answer.asked > 2 and self.headers["Host"] == "shop.example"
        self.send_response(200 if ok else 503)
        self.end_headers()
HTTPServer(("127.0.0.1", int(sys.argv[1])), Answer).serve_forever()
"""


def test_ready_means_that_the_address_answers_200_to_a_trusted_host(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with supervisor(tmp_path) as held:
        held.start(Child("web", [*python(ANSWERS), str(port)]))
        held.wait_ready(f"http://127.0.0.1:{port}/readyz", "shop.example")
        log = (held.logs / "web.log").read_text()
    assert log.count('"GET /readyz HTTP/1.1" 503') == 2
    assert log.count('"GET /readyz HTTP/1.1" 200') == 1


#: A signal that comes where Python lets no exception out: in a finalizer, as in what runs while it forks.
_UNHEARD = """
import os, pathlib, signal
from shop.local.supervisor import Stopped, Supervisor, listen_for_stop
class Closing:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGTERM)
        sum(range(1000))
listen_for_stop()
closing = Closing()
del closing
print("still here", flush=True)
try:
    Supervisor({}, pathlib.Path(), {}).watch()
except Stopped:
    print("stopped", flush=True)
"""


def test_a_stop_that_python_swallows_is_heard_at_the_next_look(tmp_path: Path) -> None:
    done = subprocess.run(python(_UNHEARD), capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout.split("\n"), done.returncode) == (["still here", "stopped", ""], 0)
    assert "Exception ignored in" in done.stderr
