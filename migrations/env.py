"""Alembic's environment: one lock, time limits, one transaction for each revision."""

import logging

from alembic import context
from flask import current_app
from sqlalchemy import text

#: Any constant: starters that migrate at the same time wait for each other here.
MIGRATION_LOCK = 140829

migrate = current_app.extensions["migrate"]
database = migrate.db
logging.getLogger("alembic").setLevel(logging.WARNING)


def run() -> None:
    """Migrate the app's database."""
    with database.engine.connect() as connection:
        connection.execute(text("SET lock_timeout = '10s'"))
        connection.execute(text("SET statement_timeout = '10min'"))
        connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": MIGRATION_LOCK})
        connection.commit()
        try:
            context.configure(
                connection=connection,
                target_metadata=database.metadata,
                compare_type=True,
                transaction_per_migration=True,
                **{k: v for k, v in migrate.configure_args.items() if k != "compare_type"},
            )
            with context.begin_transaction():
                context.run_migrations()
        finally:
            connection.rollback()
            connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": MIGRATION_LOCK})
            connection.commit()


if context.is_offline_mode():
    raise SystemExit("offline migrations are not supported: the guards need a live database")
run()
