"""Settings: every wrong value is said in a sentence, all at once; secrets are strong and for their owner only."""

from pathlib import Path

import pytest

from shop.config import ConfigError, Settings, redis_urls, sqlalchemy_url


def given(tmp_path: Path, **more: str) -> dict[str, str]:
    return {
        "DATABASE_URL": "postgres://shop@db/shop",
        "REDIS_URL": "redis://broker:6379",
        "DATA_DIR": str(tmp_path),
        **more,
    }


def test_nothing_but_the_servers_needs_to_be_said(tmp_path: Path) -> None:
    settings = Settings.from_env(given(tmp_path))
    assert settings.database_url == "postgresql+psycopg://shop@db/shop"
    assert (settings.host, settings.port, settings.base_url) == ("127.0.0.1", 8000, "http://127.0.0.1:8000")
    assert (settings.web_workers, settings.proxy_hops, settings.trusted_hosts) == (2, 0, ())


def test_secrets_are_made_once_and_kept_for_their_owner_only(tmp_path: Path) -> None:
    first, second = Settings.from_env(given(tmp_path)), Settings.from_env(given(tmp_path))
    assert first.secret_key == second.secret_key
    assert first.payment_secret == second.payment_secret
    assert first.secret_key != first.payment_secret
    assert len(first.secret_key) >= 32
    files = sorted((tmp_path / "secrets").iterdir())
    assert [(file.name, oct(file.stat().st_mode & 0o777)) for file in files] == [
        ("payment_secret", "0o600"),
        ("secret_key", "0o600"),
    ]
    assert oct((tmp_path / "secrets").stat().st_mode & 0o777) == "0o700"


@pytest.mark.parametrize(
    ("database_url", "said"),
    [
        ("postgresql://shop@db/shop", True),
        ("postgresql://shop@10.0.0.7:5432/shop", True),
        ("postgresql://shop@/shop?host=db", True),
        ("postgresql://shop@/postgres?host=/srv/shop/sockets", False),
        ("postgresql://shop@localhost/shop", False),
        ("postgresql://shop@127.0.0.1:5432/shop", False),
        ("postgresql://shop@[::1]/shop", False),
    ],
)
def test_a_machine_that_makes_its_own_secrets_for_a_database_of_others_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], database_url: str, said: bool
) -> None:
    Settings.from_env(given(tmp_path, DATABASE_URL=database_url))
    told = capsys.readouterr().err
    assert [name in told for name in ("SECRET_KEY is not set", "PAYMENT_SECRET is not set")] == [said, said]
    Settings.from_env(given(tmp_path, DATABASE_URL=database_url))
    assert capsys.readouterr().err == ""


def test_every_wrong_value_is_said_at_once_a_line_each(tmp_path: Path) -> None:
    wrong = given(
        tmp_path,
        DATABASE_URL="mysql://db/shop",
        REDIS_URL="amqp://broker",
        PORT="99999",
        WEB_WORKERS="0",
        PROXY_HOPS="-1",
        SECRET_KEY="short",
        QUOTES_INBOX=str(tmp_path / "none"),
        METRICS_TOKEN="short",
    )
    with pytest.raises(ConfigError) as refused:
        Settings.from_env(wrong)
    lines = str(refused.value).splitlines()
    assert [line.rpartition(" · ")[2].split()[0] for line in lines] == [
        "DATABASE_URL", "REDIS_URL", "PORT", "SECRET_KEY", "PROXY_HOPS", "WEB_WORKERS", "QUOTES_INBOX",
        "METRICS_TOKEN",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "secret",
    ["x" * 64, "changeme-changeme-changeme-changeme", "django-insecure-0123456789abcdefghijklmnop", "ABABABAB" * 8],
)
def test_a_key_that_everybody_knows_is_refused(tmp_path: Path, secret: str) -> None:
    with pytest.raises(ConfigError, match="SECRET_KEY is easily guessed"):
        Settings.from_env(given(tmp_path, SECRET_KEY=secret))


def test_one_secret_does_not_serve_two_purposes(tmp_path: Path) -> None:
    same = "one and the same secret of 32 bytes or more"
    with pytest.raises(ConfigError, match="must differ"):
        Settings.from_env(given(tmp_path, SECRET_KEY=same, PAYMENT_SECRET=same))


def test_a_secret_never_stands_in_a_refusal(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        Settings.from_env(given(tmp_path, SECRET_KEY="hunter2"))
    assert "hunter2" not in str(refused.value)


def test_secrets_that_cannot_be_kept_are_one_line(tmp_path: Path) -> None:
    (tmp_path / "secrets").write_text("a file where the folder should be")
    with pytest.raises(ConfigError) as refused:
        Settings.from_env(given(tmp_path))
    assert [line.rpartition("cannot be read or written ")[2] for line in str(refused.value).splitlines()] == [
        "(File exists).",
        "(File exists).",
    ]


def test_a_server_on_every_address_is_reached_on_this_machine(tmp_path: Path) -> None:
    assert Settings.from_env(given(tmp_path, HOST="0.0.0.0")).base_url == "http://127.0.0.1:8000"  # noqa: S104
    assert Settings.from_env(given(tmp_path, HOST="::1", PORT="81")).base_url == "http://[::1]:81"


def test_a_database_address_gets_the_driver_in_every_spelling() -> None:
    for spelling in ("postgres", "postgresql", "postgresql+psycopg"):
        assert sqlalchemy_url(f"{spelling}://shop:pw@db:5433/shop?sslmode=require") == (
            "postgresql+psycopg://shop:pw@db:5433/shop?sslmode=require"
        )
    with pytest.raises(ConfigError):
        sqlalchemy_url("postgresql+asyncpg://db/shop")
    with pytest.raises(ConfigError, match="not a readable address"):
        sqlalchemy_url("postgresql://db:port/shop")


def test_one_socket_is_spelled_for_each_library() -> None:
    urls = redis_urls("unix:///var/run/v.sock")
    assert urls.kombu == "redis+socket:///var/run/v.sock?virtual_host=0"
    assert urls.redis == "unix:///var/run/v.sock?db=2"
    assert urls.limiter == "redis+unix:///var/run/v.sock?db=2"


def test_broker_and_limits_of_one_server_keep_password_and_options_but_not_a_database() -> None:
    urls = redis_urls("rediss://:pw@broker:6380/7?ssl_cert_reqs=required")
    assert urls.kombu == "rediss://:pw@broker:6380/0?ssl_cert_reqs=required"
    assert urls.redis == urls.limiter == "rediss://:pw@broker:6380/2?ssl_cert_reqs=required"


@pytest.mark.parametrize("url", ["unix://", "unix://:pw@/v.sock", "redis://", "http://broker", "broker:6379"])
def test_a_broker_address_that_would_lose_a_part_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="REDIS_URL"):
        redis_urls(url)
