"""`make check` sees also what Alembic does not compare."""

from flask_migrate import upgrade
from sqlalchemy import text

from shop.cli import _differing_checks, _throw_away_app
from shop.kit.db import db
from shop.kit.revisions import FOLDER, heads


def test_a_check_that_only_the_models_know_is_found() -> None:
    with _throw_away_app():
        upgrade(directory=str(FOLDER))
        with db.engine.begin() as connection:
            connection.execute(text("ALTER TABLE orders DROP CONSTRAINT ck_orders_amounts_not_negative"))
        [missing] = _differing_checks()
        assert missing.startswith("orders ck_orders_amounts_not_negative: 只在模型")


def test_there_is_one_head() -> None:
    assert len(heads()) == 1
