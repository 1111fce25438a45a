"""The Celery app, made from the web app: same settings, same engine, same clock."""

from collections.abc import Callable
from importlib import import_module
from typing import Any

import structlog
from celery import Celery, Task
from celery.signals import worker_process_init
from flask import Flask
from kombu.exceptions import OperationalError

from shop.config import redis_urls
from shop.kit.clock import Clock
from shop.kit.db import db
from shop.kit.outbox import BrokerDown, Send
from tasks.registry import Kind, Work, works
from tasks.run import TryAgain, run_asked, run_daily, run_sweep
from tasks.schedule import TIMETABLE, look_after

ROOMS_OF_WORK = ("agreements", "kit", "orders", "payments", "reports", "settlement", "stock")

log = structlog.get_logger()

#: Late acknowledgement, so that a dying worker loses nothing; a time limit below the visibility timeout, so that a long
#: task is not handed out twice. Redelivery is looked for every 10 s (the transport's own default takes 100 s).
SETTINGS: dict[str, Any] = {
    "task_acks_late": True,
    "task_reject_on_worker_lost": True,
    "worker_prefetch_multiplier": 1,
    "task_ignore_result": True,
    "task_time_limit": 300,
    "task_soft_time_limit": 270,
    "task_serializer": "json",
    "accept_content": ["json"],
    "timezone": "Asia/Shanghai",
    "enable_utc": True,
    "broker_connection_retry_on_startup": True,
    "worker_hijack_root_logger": False,
    "worker_soft_shutdown_timeout": 30,
    "worker_send_task_events": False,
    "worker_enable_remote_control": False,
    "broker_transport_options": {
        "visibility_timeout": 900,
        "unacked_restore_interval": 10,
        "unacked_restore_throttle": 1,
        "socket_timeout": 30,
        "socket_connect_timeout": 5,
        "socket_keepalive": True,
    },
}


def make_celery(app: Flask) -> Celery:
    """A Celery app with a task for each job, a beat entry for each line of the timetable."""
    for room in ROOMS_OF_WORK:
        import_module(f"tasks.{room}")
    celery = Celery("shop", broker=redis_urls(app.extensions["settings"].redis_url).kombu, set_as_current=False)
    celery.conf.update(SETTINGS)
    celery.conf.beat_schedule = {
        entry.job.name: {
            "task": entry.job.name,
            "schedule": look_after(entry),
            # A worker that was away is not flooded with old looks.
            "options": {"expires": max(look_after(entry).total_seconds(), 10)},
        }
        for entry in TIMETABLE
    }
    app.extensions["send_job"] = _sender(celery)
    for work in works().values():
        celery.task(name=work.job.name, bind=True, max_retries=None)(_task_of(work, app))
    _fresh_connections_after_fork(app)
    return celery


def _task_of(work: Work, app: Flask) -> Callable[..., None]:
    clock: Clock = app.extensions["clock"]

    def asked(self: Task, outbox_id: int) -> None:
        with app.app_context():
            try:
                run_asked(work, int(outbox_id), clock)
            except TryAgain as later:
                raise self.retry(countdown=later.seconds) from None

    def look(self: Task) -> None:
        with app.app_context():
            (run_daily if work.kind is Kind.DAILY else run_sweep)(work, clock)

    return asked if work.kind in (Kind.JOB, Kind.ERRAND) else look


def _sender(celery: Celery) -> Send:
    def send(job: str, outbox_id: int) -> None:
        try:
            celery.send_task(job, args=[outbox_id], retry=True, retry_policy={"max_retries": 1, "interval_start": 0})
        except OperationalError as error:
            log.warning("broker down", error=type(error).__name__)
            raise BrokerDown from error

    return send


def _fresh_connections_after_fork(app: Flask) -> None:
    """A worker child never shares a database connection with its parent."""

    def dispose(**_: object) -> None:
        with app.app_context():
            db.engine.dispose(close=False)

    worker_process_init.connect(dispose, weak=False)
