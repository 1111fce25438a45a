"""Settings from the environment, typed and checked once at start; each wrong value is one clear sentence."""

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit


class ConfigError(Exception):
    """A setting is missing or wrong; the message is meant for the person at the terminal."""


@dataclass(frozen=True)
class Settings:
    """Everything the processes need to know. `data_dir` holds embedded servers, secrets and logs."""

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

    @property
    def base_url(self) -> str:
        """Where this server answers on its own machine."""
        return f"http://{self.host}:{self.port}"

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ) -> "Settings":
        """Read and check. Raises ConfigError with one sentence for the first wrong value."""
        data_dir = data_dir_from(environ)
        database_url = environ.get("DATABASE_URL", "")
        redis_url = environ.get("REDIS_URL", "")
        if not database_url or not redis_url:
            raise ConfigError(
                "缺少 DATABASE_URL 或 REDIS_URL；用 make run 启动会自带 · DATABASE_URL or REDIS_URL is missing; "
                "`make run` brings its own."
            )
        return cls(
            database_url=sqlalchemy_url(database_url),
            redis_url=redis_url,
            data_dir=data_dir,
            host=environ.get("HOST", "127.0.0.1"),
            port=_number(environ, "PORT", 8000, 1, 65535),
            secret_key=_secret(environ, "SECRET_KEY", data_dir),
            payment_secret=_secret(environ, "PAYMENT_SECRET", data_dir),
            trusted_hosts=tuple(h for h in environ.get("TRUSTED_HOSTS", "").split(",") if h),
            proxy_hops=_number(environ, "PROXY_HOPS", 0, 0, 5),
            web_workers=_number(environ, "WEB_WORKERS", 2, 1, 64),
        )


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
    parts = urlsplit(url)
    if parts.scheme == "unix":
        path = parts.path
        return RedisUrls(
            kombu=f"redis+socket://{path}?virtual_host={broker_db}",
            redis=f"unix://{path}?db={limits_db}",
            limiter=f"redis+unix://{path}?db={limits_db}",
        )
    if parts.scheme in ("redis", "rediss"):
        bare = f"{parts.scheme}://{parts.netloc}"
        return RedisUrls(kombu=f"{bare}/{broker_db}", redis=f"{bare}/{limits_db}", limiter=f"{bare}/{limits_db}")
    raise ConfigError("REDIS_URL 须是 redis:// 或 unix:// 地址 · REDIS_URL must be a redis:// or unix:// address.")


def _number(environ: Mapping[str, str], name: str, default: int, low: int, high: int) -> int:
    text = environ.get(name, "")
    if not text:
        return default
    if not text.isascii() or not text.isdigit() or not low <= int(text) <= high:
        raise ConfigError(f"{name} 须是 {low} 到 {high} 的整数 · {name} must be a whole number from {low} to {high}.")
    return int(text)


def _secret(environ: Mapping[str, str], name: str, data_dir: Path) -> str:
    """From the environment, else made once and kept in `data_dir/secrets`, readable by its owner only."""
    given = environ.get(name)
    if given is not None:
        if len(given.encode()) < 32:
            raise ConfigError(f"{name} 太短，至少 32 字节 · {name} is too short: 32 bytes at least.")
        return given
    file = data_dir / "secrets" / name.lower()
    try:
        return file.read_text()
    except FileNotFoundError:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = secrets.token_urlsafe(48)
        draft = file.with_suffix(f".{os.getpid()}")
        draft.touch(mode=0o600)
        draft.write_text(fresh)
        # A second process may have been faster: the first link wins and both read the same secret.
        try:
            os.link(draft, file)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
        return file.read_text()
