"""How we speak with the broker, and the timetable as beat reads it. Needs neither the web app nor a database."""

import time
from datetime import UTC, datetime
from typing import Any

from celery import Celery
from celery.schedules import schedule

from shop.config import redis_urls
from tasks.schedule import TIMETABLE, look_after

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
    # When a look was last taken is not worth a file: the database knows what was done.
    "beat_scheduler": "celery.beat:Scheduler",
    "broker_connection_retry_on_startup": True,
    # For ever: after Celery's own hundred tries (some 46 min) worker and beat would end, and `make run` with them.
    "broker_connection_max_retries": None,
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


def _steadily() -> datetime:
    """A clock that nobody sets: it runs on from 1970 by the seconds since the machine started."""
    return datetime.fromtimestamp(time.monotonic(), UTC)


def bare_celery(redis_url: str) -> Celery:
    """A Celery app without tasks, with a beat entry for each line of the timetable."""
    celery = Celery("shop", broker=redis_urls(redis_url).kombu, set_as_current=False)
    celery.conf.update(SETTINGS)
    celery.conf.beat_schedule = {
        entry.job.name: {
            "task": entry.job.name,
            # Not by the clock on the wall: set back a day, it would leave everything undone for a day.
            "schedule": schedule(look_after(entry), nowfun=_steadily),
            # A worker that was away is not flooded with old looks.
            "options": {"expires": max(look_after(entry).total_seconds(), 10)},
        }
        for entry in TIMETABLE
    }
    return celery
