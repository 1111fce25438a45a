"""The Celery app, made from the web app: same settings, same engine, same clock."""

import gc
from collections.abc import Callable
from importlib import import_module

import structlog
from celery import Celery
from celery.signals import celeryd_after_setup, worker_process_init
from flask import Flask
from kombu.exceptions import OperationalError

from shop.kit.clock import Clock
from shop.kit.db import db
from shop.kit.outbox import BrokerDown, Send
from tasks.broker import bare_celery
from tasks.registry import Kind, Work, works
from tasks.run import do

ROOMS_OF_WORK = (
    "agreements",
    "catalog",
    "income",
    "kit",
    "links",
    "live",
    "marketplaces",
    "orders",
    "payments",
    "reports",
    "rounds",
    "settlement",
    "stock",
)

log = structlog.get_logger()


def make_celery(app: Flask) -> Celery:
    """A Celery app with a task for each job."""
    for room in ROOMS_OF_WORK:
        import_module(f"tasks.{room}")
    celery = bare_celery(app.extensions["settings"].redis_url)
    app.extensions["send_job"] = _sender(celery)
    for work in works().values():
        celery.task(name=work.job.name)(task_of(work, app))
    _fresh_connections_after_fork(app)
    celeryd_after_setup.connect(_keep_pages_shared, weak=False)
    return celery


def task_of(work: Work, app: Flask) -> Callable[..., None]:
    """What the worker calls for `work`: it raises nothing that the worker would log."""
    clock: Clock = app.extensions["clock"]

    def asked(outbox_id: int) -> None:
        with app.app_context():
            do(work, clock, int(outbox_id))

    def look() -> None:
        with app.app_context():
            do(work, clock)

    return asked if work.kind in (Kind.JOB, Kind.ERRAND) else look


def _sender(celery: Celery) -> Send:
    def send(job: str, outbox_id: int) -> None:
        try:
            celery.send_task(job, args=[outbox_id], retry=True, retry_policy={"max_retries": 1, "interval_start": 0})
        except OperationalError as error:
            log.warning("broker down", error=type(error).__name__)
            raise BrokerDown from error

    return send


def _keep_pages_shared(**_: object) -> None:
    """Before the worker forks: the collectors of its children would write into every page of what is loaded."""
    gc.collect()
    gc.freeze()


def _fresh_connections_after_fork(app: Flask) -> None:
    """A worker child never shares a database connection with its parent."""

    def dispose(**_: object) -> None:
        with app.app_context():
            db.engine.dispose(close=False)

    worker_process_init.connect(dispose, weak=False)
