"""The Celery app for beat: `celery -A tasks.beat:celery beat`. It only sends names, so it loads no web app."""

from shop.config import Settings
from shop.kit.logs import configure_logging
from tasks.broker import bare_celery

configure_logging()
celery = bare_celery(Settings.from_env().redis_url)
