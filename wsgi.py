"""The WSGI app for any server: `granian --interface wsgi wsgi:app`."""

from shop.app import create_app
from shop.kit.logs import configure_logging

configure_logging()
app = create_app()
