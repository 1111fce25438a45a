"""The command line. Each command imports what it needs itself, so that `up` starts quickly."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from shop.config import ConfigError, Settings, data_dir_from, port_from, redis_urls, sqlalchemy_url
from shop.local import LocalError, servers
from shop.local import supervisor as sup

if TYPE_CHECKING:
    from flask import Flask

ROOT = Path(__file__).resolve().parent.parent
COUNTY = ROOT / "data" / "pinglu"


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """平陆五销 · the county's five-channel shop."""


@main.command()
def up() -> None:
    """Start everything on this machine, play the demo season once, and serve."""
    sup.listen_for_stop()
    steps = sup.Steps()
    try:
        _up(steps)
    except sup.Stopped:
        print("\n  已全部停止 · everything stopped", flush=True)
    except (LocalError, ConfigError) as error:
        sys.exit(sup.fail(error))


def _up(steps: sup.Steps) -> None:
    host, port, data_dir = os.environ.get("HOST", "127.0.0.1"), port_from(os.environ), data_dir_from(os.environ)
    given = {"database_url": os.environ.get("DATABASE_URL"), "redis_url": os.environ.get("REDIS_URL")}
    _check_reachable(given["database_url"], given["redis_url"])
    sup.check_port(host, port)
    with servers(data_dir, durable=True, **given) as running:
        steps.say("数据库与消息队列 · database and broker")
        env = sup.child_env(os.environ, data_dir, running.database_url, running.redis_url)
        # The settings are read once here, so that a wrong one is told before anything is done.
        settings = Settings.from_env(env)
        us = [sys.executable, "-m", "shop"]
        fresh = not _imported(settings)
        steps.run("数据表 · tables", lambda: sup.run_to_end([*us, "migrate", "--quiet"], env))
        if fresh:
            sup.run_to_end([*us, "import-data", str(COUNTY)], env)

        def once_ready() -> None:
            print(f"\n  网址 · open   {settings.base_url}\n  文档 · docs   {settings.base_url}/docs\n", flush=True)
            sup.run_to_end([*us, "demo"], env)
            print(f"  服务中，Ctrl-C 停止 · serving at {settings.base_url}, Ctrl-C stops\n", flush=True)

        sup.keep(
            _children(settings), env=env, logs=data_dir / "logs", ready_url=f"{settings.base_url}/readyz",
            steps=steps, once_ready=once_ready,
        )  # fmt: skip


def _children(settings: Settings) -> list[sup.Child]:
    folder = Path(sys.executable).parent
    return [
        sup.Child("web", [
            str(folder / "granian"), "--interface", "wsgi", "--host", settings.host, "--port", str(settings.port),
            "--workers", str(settings.web_workers), "--blocking-threads", "1", "--backlog", "1024", "--no-access-log",
            "--log-level", "warning", "--working-dir", str(ROOT), "wsgi:app",
        ]),
        sup.Child("worker", [
            str(folder / "celery"), "--workdir", str(ROOT), "-A", "tasks.app:celery", "worker", "--concurrency", "2",
            "--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel", "WARNING",
        ]),
        sup.Child("beat", [
            str(folder / "celery"), "--workdir", str(ROOT), "-A", "tasks.app:celery", "beat", "--pidfile=",
            "--schedule", str(settings.data_dir / "beat-schedule"), "--loglevel", "WARNING",
        ]),
    ]  # fmt: skip


def _check_reachable(database_url: str | None, redis_url: str | None) -> None:
    """Real servers that were named must answer. Raises LocalError with one line."""
    if database_url:
        import sqlalchemy

        engine = sqlalchemy.create_engine(sqlalchemy_url(database_url), connect_args={"connect_timeout": 3})
        try:
            engine.connect().close()
        except sqlalchemy.exc.SQLAlchemyError:
            raise LocalError("DATABASE_URL 指向的数据库连不上 · The database at DATABASE_URL does not answer.") from None
        finally:
            engine.dispose()
    if redis_url:
        import redis

        try:
            redis.Redis.from_url(redis_urls(redis_url).redis, socket_connect_timeout=3).ping()
        except redis.RedisError:
            raise LocalError("REDIS_URL 指向的服务连不上 · The broker at REDIS_URL does not answer.") from None


def _imported(settings: Settings) -> bool:
    """Whether the county's files are in already: a second start need not read them again."""
    import psycopg

    with psycopg.connect(settings.database_url.replace("+psycopg", "")) as connection:
        known = connection.execute("SELECT to_regclass('baseline_incomes')").fetchone()
        if known is None or known[0] is None:
            return False
        found = connection.execute("SELECT EXISTS (SELECT FROM baseline_incomes)").fetchone()
        return bool(found and found[0])


@contextmanager
def _app() -> Iterator["Flask"]:
    """The app, for one command. Uses DATABASE_URL and REDIS_URL, else the servers that `up` runs in DATA_DIR."""
    from shop.app import configure_logging, create_app
    from shop.local.servers import socket_folder

    sockets = socket_folder(data_dir_from(os.environ))
    environ = {
        "DATABASE_URL": f"postgresql://shop@/postgres?host={sockets}",
        "REDIS_URL": f"unix://{sockets}/valkey.sock",
        **os.environ,
    }
    try:
        configure_logging()
        app = create_app(Settings.from_env(environ), statement_timeout_ms=600_000)
    except ConfigError as error:
        sys.exit(sup.fail(error))
    with app.app_context():
        yield app


@main.command()
@click.option("--quiet", is_flag=True)
def migrate(quiet: bool) -> None:
    """Bring the database up to date; two at once do it once."""
    import logging

    from flask_migrate import upgrade

    with _app():
        logging.getLogger("alembic").setLevel(logging.WARNING)
        upgrade(directory=str(ROOT / "migrations"))
    if not quiet:
        click.echo("数据表已是最新 · the tables are up to date")


@main.command("import-data")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
def import_data(folder: Path) -> None:
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

            result = import_directory(folder, session=session, now=SystemClock().now(), progress=progress)
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
def demo(orders: int) -> None:
    """Play the demo season of 2025 once, then print its results and the demo logins."""
    from shop.demo.season import ensure_played
    from shop.demo.summary import print_summary

    with _app() as app:
        ensure_played(app, orders=orders)
        print_summary()


@main.command("check-books")
def check_books() -> None:
    """Prove the books: prints each invariant with its violations; status 1 if there is any."""
    from shop.kit.db import db
    from shop.reports.books import CHECKS, check_books

    with _app():
        violations = check_books(db.session())
        for violation in violations:
            click.echo(f"  ✗ {violation}", err=True)
        click.echo(f"  {len(CHECKS)} 项检查，{len(violations)} 处不符 · {len(CHECKS)} checks, {len(violations)} violations")
        sys.exit(1 if violations else 0)


@main.command("check-migrations")
def check_migrations() -> None:
    """Up, no drift against the models, down to nothing, up again: on a throw-away database."""
    from flask_migrate import check, downgrade, upgrade

    from shop.app import create_app

    folder = str(ROOT / "migrations")
    with tempfile.TemporaryDirectory(prefix="shop-") as scratch, servers(Path(scratch), durable=False) as running:
        environ = {"DATABASE_URL": running.database_url, "REDIS_URL": running.redis_url, "DATA_DIR": scratch}
        app = create_app(Settings.from_env(environ))
        with app.app_context():
            from shop.kit.db import db

            upgrade(directory=folder)
            check(directory=folder)
            downgrade(directory=folder, revision="base")
            upgrade(directory=folder)
            db.engine.dispose()
    click.echo("迁移与模型一致，往返皆可 · migrations match the models, both ways")


@main.command("errors-doc")
def errors_doc() -> None:
    """Print docs/errors.md: every refusal with its code, status and sentences."""
    from shop.kit.problems import errors_markdown

    click.echo(errors_markdown(), nl=False)
