"""A worker that dies while it returns what was set aside: nothing of it is half done, and the next one returns it."""

from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text

from shop.catalog.actions import product_by_sku
from shop.channels.models import ChannelKind
from shop.kit.db import db, release, transaction
from shop.stock import asides
from tests.factories.killed import die
from tests.factories.world import NOW, World, build


@pytest.fixture
def world(committed: Flask) -> World:
    """Of two products a part is set aside for an hour."""
    made = build(committed)
    with transaction() as session:
        for sku in ("PL001", "PL002"):
            asides.start(
                session, product_by_sku(session, sku), 30_000, NOW + timedelta(hours=1), channel=ChannelKind.CADRE,
                actor_id=None, now=NOW,
            )  # fmt: skip
    return made


def state() -> list[tuple[str, int, bool]]:
    rows = db.session.execute(
        text("SELECT kind, sum(available_g)::bigint, bool_and(ended_at IS NOT NULL) FROM pools GROUP BY 1 ORDER BY 1")
    ).all()
    release()
    return [(kind, grams, ended) for kind, grams, ended in rows]


def test_what_was_set_aside_comes_back_once_though_the_worker_died_midway(world: World, tmp_path: Path) -> None:
    late = NOW + timedelta(hours=1)
    before = [("open", 140_000, False), ("set_aside", 60_000, False)]
    assert state() == before
    die(world.app, tmp_path, late, "midway", "shop.stock.asides", "return_due")
    assert state() == before
    with transaction() as session:
        assert asides.return_due(session, now=late - timedelta(seconds=1)) == 0
        assert asides.return_due(session, now=late) == 60_000
    with transaction() as session:
        assert asides.return_due(session, now=late) == 0
    assert state() == [("open", 200_000, False), ("set_aside", 0, True)]


def test_control_a_worker_that_died_after_its_commit_has_returned_it(world: World, tmp_path: Path) -> None:
    die(world.app, tmp_path, NOW + timedelta(hours=1), "after", "shop.stock.asides", "return_due")
    assert state() == [("open", 200_000, False), ("set_aside", 0, True)]
