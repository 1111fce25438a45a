"""`make check` sees also what Alembic does not compare."""

import re
from pathlib import Path

from flask_migrate import upgrade
from sqlalchemy import text
from sqlalchemy.orm import Session

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


def test_the_papers_name_every_append_only_table(session: Session) -> None:
    guarded = session.scalars(
        text(
            "SELECT DISTINCT relname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid"
            " JOIN pg_proc ON pg_proc.oid = tgfoid WHERE proname = 'refuse_change' ORDER BY relname"
        )
    ).all()
    paper = (Path(__file__).resolve().parents[2] / "docs" / "architecture.md").read_text()
    named = re.findall(r"`(\w+)`", paper.partition("Append-only by trigger:")[2].partition(".\n")[0])
    assert named == list(guarded)
    assert len(named) > 30


def test_there_is_one_head() -> None:
    assert len(heads()) == 1
