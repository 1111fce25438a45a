"""The Celery app for workers: `celery -A tasks.app:celery worker`. Beat has its own, `tasks.beat`."""

from shop.app import create_app
from shop.kit.observe import configure_logging
from tasks.build import make_celery

configure_logging()
#: Jobs may take longer than requests: a minute a statement, unless one asks for more.
celery = make_celery(create_app(statement_timeout_ms=60_000, pool_size=2))
