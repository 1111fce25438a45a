"""The Celery app for workers: `celery -A tasks.app:celery worker`. Beat has its own, `tasks.beat`."""

from shop.base import base_app
from shop.config import Settings
from shop.kit.logs import configure_logging
from tasks.build import make_celery

configure_logging()
#: Jobs may take longer than requests: a minute a statement, unless one asks for more.
celery = make_celery(base_app(Settings.from_env(), statement_timeout_ms=60_000, pool_size=2))
