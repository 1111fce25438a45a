"""What the database holds, as a hash of each table: a refusal changes none of them."""

from flask import Flask
from sqlalchemy import text

import shop.models  # noqa: F401
from shop.kit.db import db

#: Signing in for a test adds rows here; they are no business data.
APART = {"access_tokens", "people", "grants", "parties"}


def contents(app: Flask) -> dict[str, str]:
    """A hash of every business table."""
    with app.app_context(), db.engine.connect() as connection:
        return {
            name: str(
                connection.execute(
                    text(f"SELECT md5(coalesce(string_agg(t::text, '' ORDER BY t::text), '')) FROM {name} t")
                ).scalar()
            )
            for name in sorted(set(db.metadata.tables) - APART)
        }
