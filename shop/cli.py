"""The command line. Each command imports what it needs itself, so that `up` starts quickly."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from shop.config import ConfigError, Settings, data_dir_from, redis_urls, sqlalchemy_url
from shop.kit.revisions import FOLDER as MIGRATIONS
from shop.kit.revisions import heads
from shop.local import LocalError, servers
from shop.local import supervisor as sup
from shop.local.servers import socket_folder

if TYPE_CHECKING:
    from flask import Flask
    from sqlalchemy import URL

ROOT = Path(__file__).resolve().parent.parent
COUNTY = ROOT / "data" / "pinglu"
#: The county's agreements are kept from the first day of the season that `demo` plays.
SEASON_FROM = "2025-01-01"
REACH_SECONDS = 3


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """平陆五销 · the county's five-channel shop."""


@main.command()
@click.option("--bare", is_flag=True, help="no county data and no demo season: an empty shop")
def up(bare: bool) -> None:
    """Start everything on this machine, play the demo season once, and serve."""
    sup.listen_for_stop()
    try:
        _up(bare=bare)
    except sup.Stopped:
        print("\n  已全部停止 · everything stopped", flush=True)
    except (LocalError, ConfigError) as error:
        sys.exit(sup.fail(error))


def _up(*, bare: bool) -> None:
    data_dir, given = data_dir_from(os.environ), _given_servers()
    steps = sup.Steps()
    with servers(data_dir, durable=True, **given) as running:
        env = sup.child_env(os.environ, data_dir, running.database_url, running.redis_url, running.mark)
        # The settings are read once here, so that a wrong one is told before anything is done.
        settings = Settings.from_env(env)
        sup.check_port(settings.host, settings.port)
        steps.done("数据库与消息队列 · database and broker")
        with sup.Supervisor(env, data_dir / "logs", running.processes) as supervisor:
            try:
                _run(supervisor, settings, steps, bare=bare)
            except LocalError as error:
                # Said at once: stopping the others may take a while.
                sys.exit(sup.fail(error))


def _run(supervisor: sup.Supervisor, settings: Settings, steps: sup.Steps, *, bare: bool) -> None:
    us = (sys.executable, "-m", "shop")
    version, imported = _database_state(settings)
    if version != ",".join(heads()):
        supervisor.run_to_end([*us, "migrate", "--quiet"])
    steps.done("数据表 · tables")
    if not imported and not bare:
        supervisor.run_to_end([*us, "import-data", str(COUNTY), "--agreements-since", SEASON_FROM])
        steps.done("县里的数据 · the county's data")
    web, *others = _children(settings)
    supervisor.start(web)
    supervisor.wait_ready(f"{settings.base_url}/readyz", settings.trusted_hosts[0] if settings.trusted_hosts else None)
    # After the web server, so that the first page does not wait for three programs that load at once.
    for child in others:
        supervisor.start(child)
    steps.done("网站、任务与定时 · web, worker and beat")
    print(f"\n  网址 · open  {settings.base_url}\n  文档 · docs  {settings.base_url}/docs\n", flush=True)
    if not bare:
        # Plays what is missing of the season: nothing at a second start, the rest of it after a kill.
        supervisor.run_to_end([*us, "demo"])
        steps.done("演示季 · the demo season")
    print(f"\n  服务中，Ctrl-C 停止 · serving at {settings.base_url}, Ctrl-C stops\n", flush=True)
    supervisor.serve()


def _children(settings: Settings) -> list[sup.Child]:
    folder = Path(sys.executable).parent
    celery = [str(folder / "celery"), "--quiet", "--workdir", str(ROOT), "-A"]
    return [
        sup.Child("web", [
            sys.executable, "-m", "shop.local.granian", "--interface", "wsgi", "--host", settings.host,
            "--port", str(settings.port), "--workers", str(settings.web_workers), "--blocking-threads", "1",
            "--backlog", "1024", "--no-access-log", "--log-level", "warning", "--workers-kill-timeout", "20",
            "--working-dir", str(ROOT), "wsgi:app",
        ]),
        sup.Child("worker", [
            *celery, "tasks.app:celery", "worker", "--concurrency", "2", "--without-gossip", "--without-mingle",
            "--without-heartbeat", "--loglevel", "WARNING",
        ]),
        sup.Child("beat", [
            *celery, "tasks.beat:celery", "beat", "--pidfile=", "--loglevel", "WARNING",
        ]),
    ]  # fmt: skip


def _given_servers() -> dict[str, str | None]:
    """Real servers that were named, after they have answered. Raises LocalError and ConfigError."""
    given = {"database_url": os.environ.get("DATABASE_URL"), "redis_url": os.environ.get("REDIS_URL")}
    _check_reachable(given["database_url"], given["redis_url"])
    return given


def _database_state(settings: Settings) -> tuple[str, bool]:
    """The revision of the database, and whether the county's files are in: a second start need not do either again."""
    import psycopg

    with psycopg.connect(settings.database_url.replace("+psycopg", ""), autocommit=True) as connection:
        tables = connection.execute("SELECT to_regclass('alembic_version'), to_regclass('baseline_incomes')").fetchone()
        version = imported = None
        if tables and tables[0]:
            version = connection.execute("SELECT string_agg(version_num, ',') FROM alembic_version").fetchone()
        if tables and tables[1]:
            imported = connection.execute("SELECT EXISTS (SELECT FROM baseline_incomes)").fetchone()
    return (version[0] or "" if version else ""), bool(imported and imported[0])


def _check_reachable(database_url: str | None, redis_url: str | None) -> None:
    """Raises LocalError with one line for each server that was named and does not answer."""
    silent = []
    if database_url:
        import psycopg

        try:
            plain = sqlalchemy_url(database_url).replace("+psycopg", "")
            psycopg.connect(plain, connect_timeout=REACH_SECONDS).close()
        except psycopg.Error as error:
            why = (str(error).strip().splitlines() or [type(error).__name__])[-1]
            silent.append(f"DATABASE_URL 指向的数据库连不上 · The database at DATABASE_URL cannot be used: {why}")
    if redis_url:
        import redis

        try:
            client = redis.Redis.from_url(redis_urls(redis_url).redis, socket_connect_timeout=REACH_SECONDS)
            client.ping()
            client.close()
        except redis.RedisError as error:
            why = (str(error).strip().splitlines() or [type(error).__name__])[-1]
            silent.append(f"REDIS_URL 指向的服务连不上 · The broker at REDIS_URL cannot be used: {why}")
    if silent:
        raise LocalError("\n".join(silent))


def _check_running(database_url: str) -> None:
    """A command needs a database. Raises LocalError with one line that says how to get one."""
    if os.environ.get("DATABASE_URL"):
        _check_reachable(database_url, None)
        return
    try:
        _check_reachable(database_url, None)
    except LocalError:
        raise LocalError(
            "没有运行中的数据库：请先 make run，或设置 DATABASE_URL · "
            "No database is running: start `make run` first, or set DATABASE_URL."
        ) from None


@contextmanager
def _app() -> Iterator["Flask"]:
    """The app, for one command. Uses DATABASE_URL and REDIS_URL, else the servers that `up` runs in DATA_DIR."""
    try:
        sockets = socket_folder(data_dir_from(os.environ))
        environ = {
            **os.environ,
            "DATABASE_URL": os.environ.get("DATABASE_URL") or f"postgresql://shop@/postgres?host={sockets}",
            "REDIS_URL": os.environ.get("REDIS_URL") or f"unix://{sockets}/valkey.sock",
        }
        _check_running(environ["DATABASE_URL"])

        from shop.app import configure_logging, create_app

        configure_logging()
        app = create_app(Settings.from_env(environ), statement_timeout_ms=600_000)
    except (ConfigError, LocalError) as error:
        sys.exit(sup.fail(error))
    with app.app_context():
        yield app


@main.command()
@click.option("--quiet", is_flag=True)
def migrate(quiet: bool) -> None:
    """Bring the database up to date; two at once do it once."""
    import logging

    from flask_migrate import upgrade  # type: ignore[import-untyped]

    from shop.app import with_migrations

    with _app() as app:
        with_migrations(app)
        logging.getLogger("alembic").setLevel(logging.WARNING)
        upgrade(directory=str(MIGRATIONS))
    if not quiet:
        click.echo("数据表已是最新 · the tables are up to date")


@main.command("import-data")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--agreements-since", type=click.DateTime(["%Y-%m-%d"]),
    help="from which day on agreements are kept here; what fell due before was kept on paper (default: today)",
)  # fmt: skip
def import_data(folder: Path, agreements_since: datetime | None) -> None:
    """Import a folder of county files: all or nothing."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from shop.imports.files import import_directory
    from shop.kit.clock import SystemClock
    from shop.kit.db import transaction

    with _app():
        bar = Progress(
            TextColumn("  导入数据 · import"), BarColumn(), TextColumn("{task.percentage:>3.0f}%"), TimeElapsedColumn()
        )
        with bar, transaction() as session:
            task = bar.add_task("", total=1)

            def progress(_: str, done: int, steps: int) -> None:
                bar.update(task, completed=done, total=steps)

            since = agreements_since.date() if agreements_since else None
            result = import_directory(folder, session=session, now=SystemClock().now(), progress=progress, since=since)
            bar.update(task, completed=1, total=1)
        for error in result.errors:
            click.echo(f"  {error.file}:{error.line} [{error.column}] {error.zh} · {error.en}", err=True)
        if result.errors:
            sys.exit(1)
        new = sum(count.new for count in result.counts.values())
        same = sum(count.unchanged for count in result.counts.values())
        click.echo(f"  ✓ 新增 {new} 行，未变 {same} 行 · {new} rows added, {same} unchanged")


@main.command()
@click.option("--orders", default=1600, show_default=True, help="orders to play")
@click.option("--summary", is_flag=True, help="play nothing, only print the results again")
def demo(orders: int, summary: bool) -> None:
    """Play the demo season of 2025 once, then print its results and the demo logins."""
    from shop.demo.season import ensure_played
    from shop.demo.summary import print_summary

    with _app() as app:
        if not summary:
            ensure_played(app, orders=orders)
        print_summary()


@main.command("check-books")
def check_books() -> None:
    """Prove the books: prints every check with its count and its violations; status 1 if there is any."""
    from collections import defaultdict

    from shop.kit.db import db
    from shop.reports.books import CHECKS, Violation, check_books

    with _app():
        violations = check_books(db.session())
        found: dict[str, list[Violation]] = defaultdict(list)
        for violation in violations:
            found[violation.check.code].append(violation)
        for check in CHECKS:
            rows = found[check.code]
            click.echo(f"  {'✗' if rows else '✓'} {len(rows):>2}  {check.code:<8} {check.zh} · {check.en}")
            for violation in rows:
                click.echo(f"        {violation.facts}", err=True)
        click.echo(
            f"  {len(CHECKS)} 项检查，{len(violations)} 处不符 · {len(CHECKS)} checks, {len(violations)} violations"
        )
        sys.exit(1 if violations else 0)


@contextmanager
def _throw_away_app() -> Iterator["Flask"]:
    """The app on a database of its own, empty and gone afterwards."""
    from shop.app import create_app, with_migrations
    from shop.kit.db import db

    with tempfile.TemporaryDirectory(prefix="shop-") as scratch, servers(Path(scratch), durable=False) as running:
        environ = {"DATABASE_URL": running.database_url, "REDIS_URL": running.redis_url, "DATA_DIR": scratch}
        app = with_migrations(create_app(Settings.from_env(environ)))
        with app.app_context():
            yield app
            db.session.remove()
            db.engine.dispose()


@main.command("check-migrations")
def check_migrations() -> None:
    """Up, no drift against the models, down to nothing, up again: on a throw-away database."""
    from flask_migrate import check, downgrade, upgrade

    folder = str(MIGRATIONS)
    with _throw_away_app():
        upgrade(directory=folder)
        check(directory=folder)
        differing = _differing_checks()
        for line in differing:
            click.echo(f"  ✗ {line}", err=True)
        if differing:
            sys.exit(1)
        downgrade(directory=folder, revision="base")
        upgrade(directory=folder)
    click.echo("迁移与模型一致，往返皆可 · migrations match the models, both ways")


def _differing_checks() -> list[str]:
    """CHECK constraints that migrations and models define differently: Alembic itself does not compare them."""
    from sqlalchemy import create_engine, text

    from shop.kit.db import Base, db

    def checks(url: "URL") -> set[tuple[str, str, str]]:
        engine = create_engine(url)
        with engine.connect() as connection:
            found = connection.execute(
                text(
                    "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint"
                    " WHERE contype = 'c' AND connamespace = 'public'::regnamespace"
                )
            )
            rows = {(str(table), str(name), str(definition)) for table, name, definition in found}
        engine.dispose()
        return rows

    migrated = db.engine.url
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("CREATE DATABASE from_models"))
    modelled = migrated.set(database="from_models")
    fresh = create_engine(modelled)
    Base.metadata.create_all(fresh)
    fresh.dispose()
    ours, theirs = checks(migrated), checks(modelled)
    return [
        f"{table} {name}: 只在{where} · only in the {which}: {definition}"
        for rows, where, which in ((ours - theirs, "迁移", "migrations"), (theirs - ours, "模型", "models"))
        for table, name, definition in sorted(rows)
    ]


@main.command("new-migration")
@click.argument("what")
def new_migration(what: str) -> None:
    """Write the next numbered revision from what differs between models and migrations; read it before you keep it."""
    from flask_migrate import revision, upgrade

    folder = str(MIGRATIONS)
    number = f"{int(heads()[-1]) + 1:04}"
    with _throw_away_app():
        upgrade(directory=folder)
        revision(directory=folder, message=what, autogenerate=True, rev_id=number)


@main.command()
def openapi() -> None:
    """Print the OpenAPI document as the app serves it."""
    with _throw_away_app() as app:
        answer = app.test_client().get("/api/v1/openapi.json")
        click.echo(answer.get_data(as_text=True))


@main.command("errors-doc")
def errors_doc() -> None:
    """Print docs/errors.md: every refusal with its code, status and sentences."""
    from shop.kit.problems import errors_markdown

    click.echo(errors_markdown(), nl=False)
