"""Settings from the environment, typed and checked once at start; each wrong value is one clear sentence."""

import os
import secrets
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from urllib.parse import parse_qs, urlsplit

T = TypeVar("T")

#: Beginnings of keys that stand in manuals and examples; half the internet knows them.
_FROM_MANUALS = (
    "change", "please-change", "please_change", "replace", "your-", "your_", "django-insecure", "insecure", "secretkey",
    "supersecret", "super-secret", "super_secret", "development", "example",
)  # fmt: skip
_SECRET_BYTES = 32
#: Hosts on which firms show videos of their goods.
VIDEO_HOSTS = ("v.douyin.com", "www.douyin.com", "v.kuaishou.com", "www.bilibili.com", "v.qq.com")


class ConfigError(Exception):
    """A setting is missing or wrong; the message is meant for the person at the terminal."""


@dataclass(frozen=True)
class Settings:
    """Everything the processes need to know. `data_dir` holds embedded servers, secrets and logs.

    `quotes_inbox`: the folder in which files of market quotes are laid, None for none; `quotes_sources`: whose quotes
    are taken from it, empty for any. `metrics_token`: who sends it sees `/metrics`; empty: programs on this machine do.
    """

    database_url: str
    redis_url: str
    data_dir: Path
    host: str
    port: int
    secret_key: str
    payment_secret: str
    trusted_hosts: tuple[str, ...]
    proxy_hops: int
    web_workers: int
    video_hosts: tuple[str, ...] = VIDEO_HOSTS
    quotes_inbox: Path | None = None
    quotes_sources: tuple[str, ...] = ()
    metrics_token: str = ""

    @property
    def base_url(self) -> str:
        """Where this server answers on its own machine."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104  every interface
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ) -> "Settings":
        """Read and check. Raises ConfigError with one sentence for each wrong value, a line each."""
        wrong: list[str] = []

        def read(work: Callable[[], T], instead: T) -> T:
            try:
                return work()
            except ConfigError as error:
                wrong.append(str(error))
                return instead

        data_dir = data_dir_from(environ)
        settings = cls(
            database_url=read(lambda: sqlalchemy_url(_needed(environ, "DATABASE_URL")), ""),
            redis_url=read(lambda: _redis_url(environ), ""),
            data_dir=data_dir,
            host=environ.get("HOST") or "127.0.0.1",
            port=read(lambda: port_from(environ), 0),
            secret_key=read(lambda: _secret(environ, "SECRET_KEY", data_dir), ""),
            payment_secret=read(lambda: _secret(environ, "PAYMENT_SECRET", data_dir), ""),
            trusted_hosts=_several(environ, "TRUSTED_HOSTS"),
            proxy_hops=read(lambda: _number(environ, "PROXY_HOPS", 0, 0, 5), 0),
            web_workers=read(lambda: _number(environ, "WEB_WORKERS", 2, 1, 64), 0),
            video_hosts=_several(environ, "VIDEO_HOSTS") or VIDEO_HOSTS,
            quotes_inbox=read(lambda: _folder(environ, "QUOTES_INBOX"), None),
            quotes_sources=_several(environ, "QUOTES_SOURCES"),
            metrics_token=read(lambda: _token(environ, "METRICS_TOKEN"), ""),
        )
        if settings.secret_key and settings.secret_key == settings.payment_secret:
            wrong.append("SECRET_KEY 与 PAYMENT_SECRET 不能相同 · SECRET_KEY and PAYMENT_SECRET must differ.")
        if wrong:
            raise ConfigError("\n".join(wrong))
        return settings


def data_dir_from(environ: Mapping[str, str]) -> Path:
    """`DATA_DIR`, default `.data` in the working folder."""
    return Path(environ.get("DATA_DIR") or ".data").absolute()


def port_from(environ: Mapping[str, str]) -> int:
    """`PORT`, default 8000. Raises ConfigError."""
    return _number(environ, "PORT", 8000, 1, 65535)


def sqlalchemy_url(url: str) -> str:
    """A PostgreSQL URL as SQLAlchemy wants it. Raises ConfigError for another database."""
    for prefix in ("postgres://", "postgresql://", "postgresql+psycopg://"):
        if url.startswith(prefix):
            _port_readable("DATABASE_URL", url)
            return "postgresql+psycopg://" + url[len(prefix) :]
    raise ConfigError("DATABASE_URL 须是 postgresql:// 地址 · DATABASE_URL must be a postgresql:// address.")


@dataclass(frozen=True)
class RedisUrls:
    """One server, three spellings: kombu, redis-py and flask-limiter each want their own for a unix socket."""

    kombu: str
    redis: str
    limiter: str


def redis_urls(url: str, *, broker_db: int = 0, limits_db: int = 2) -> RedisUrls:
    """Spell `redis://host:port`, or `unix:///path`, for each library. Raises ConfigError for anything else."""
    _port_readable("REDIS_URL", url)
    parts = urlsplit(url)
    if parts.scheme == "unix" and parts.path and not parts.netloc:
        path = parts.path
        return RedisUrls(
            kombu=f"redis+socket://{path}?virtual_host={broker_db}",
            redis=f"unix://{path}?db={limits_db}",
            limiter=f"redis+unix://{path}?db={limits_db}",
        )
    if parts.scheme in ("redis", "rediss") and parts.hostname:
        bare, query = f"{parts.scheme}://{parts.netloc}", f"?{parts.query}" if parts.query else ""
        limits = f"{bare}/{limits_db}{query}"
        return RedisUrls(kombu=f"{bare}/{broker_db}{query}", redis=limits, limiter=limits)
    raise ConfigError("REDIS_URL 须是 redis://主机 或 unix:///路径 · REDIS_URL must be redis://host or unix:///path.")


def _port_readable(name: str, url: str) -> None:
    try:
        _ = urlsplit(url).port
    except ValueError:
        raise ConfigError(f"{name} 地址无法读懂 · {name} is not a readable address.") from None


def _needed(environ: Mapping[str, str], name: str) -> str:
    given = environ.get(name, "")
    if not given:
        raise ConfigError(f"缺少 {name}；用 make run 启动会自带 · {name} is missing; `make run` brings its own.")
    return given


def _several(environ: Mapping[str, str], name: str) -> tuple[str, ...]:
    return tuple(one.strip() for one in environ.get(name, "").split(",") if one.strip())


def _folder(environ: Mapping[str, str], name: str) -> Path | None:
    given = environ.get(name)
    if not given:
        return None
    if not Path(given).is_dir():
        raise ConfigError(f"{name} 不是可读的文件夹 · {name} is not a folder that can be read.")
    return Path(given).absolute()


def _redis_url(environ: Mapping[str, str]) -> str:
    url = _needed(environ, "REDIS_URL")
    redis_urls(url)
    return url


def _number(environ: Mapping[str, str], name: str, default: int, low: int, high: int) -> int:
    text = environ.get(name, "")
    if not text:
        return default
    if not text.isascii() or not text.isdigit() or not low <= int(text) <= high:
        raise ConfigError(f"{name} 须是 {low} 到 {high} 的整数 · {name} must be a whole number from {low} to {high}.")
    return int(text)


def _secret(environ: Mapping[str, str], name: str, data_dir: Path) -> str:
    """From the environment, else made once and kept in `data_dir/secrets`, readable by its owner only.

    Where the database is one that other machines reach, it is said on standard error that one is made.
    """
    given = environ.get(name)
    if given is not None:
        return _strong(name, given)
    file = data_dir / "secrets" / name.lower()
    try:
        if not file.exists():
            _make_secret(file)
            if _on_the_network(environ.get("DATABASE_URL", "")):
                print(
                    f"  ! 未设 {name}，本机自制了一个；若有多台机器共用这一数据库，各机必须设同样的 {name} · "
                    f"{name} is not set: this machine made its own. Machines that share the database need the same.",
                    file=sys.stderr,
                )  # fmt: skip
        return _strong(str(file), file.read_text())
    except OSError as error:
        raise ConfigError(
            f"{file} 不可读写：{error.strerror} · {file} cannot be read or written ({error.strerror})."
        ) from None


def _token(environ: Mapping[str, str], name: str) -> str:
    given = environ.get(name, "")
    return _strong(name, given) if given else ""


def _on_the_network(url: str) -> bool:
    """Whether other machines may use the same database: it is neither on a socket nor on a loopback address."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or next(iter(parse_qs(parts.query).get("host", [])), "")
    except ValueError:
        return False
    return not (host in ("", "localhost", "::1") or host.startswith(("/", "127.")))


def _strong(name: str, secret: str) -> str:
    if len(secret.encode()) < _SECRET_BYTES:
        raise ConfigError(
            f"{name} 太短，至少 {_SECRET_BYTES} 字节 · {name} is too short: {_SECRET_BYTES} bytes at least."
        )
    if len(set(secret)) < 8 or secret.casefold().startswith(_FROM_MANUALS):
        raise ConfigError(f"{name} 太容易猜到，请换随机值 · {name} is easily guessed: use a random one.")
    return secret


def _make_secret(file: Path) -> None:
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = file.with_suffix(f".{os.getpid()}")
    draft.touch(mode=0o600)
    draft.write_text(secrets.token_urlsafe(48))
    # A second process may have been faster: the first link wins and both read the same secret.
    try:
        os.link(draft, file)
    except FileExistsError:
        pass
    except OSError:  # a file system without links
        draft.replace(file)
    draft.unlink(missing_ok=True)
