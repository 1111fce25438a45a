"""The season that `make run` plays, whole: what it prints is what both READMEs tell, and its books hold."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text

from shop.cli import COUNTY, SEASON_FROM
from shop.demo import summary
from shop.demo.season import ensure_played
from shop.imports.files import import_directory
from shop.kit.clock import WalkingClock
from shop.kit.db import db, transaction
from shop.reports.books import check_books
from tests.conftest import ROOT, fresh_app

#: The season is played long after it, as by everybody who runs it.
LATER = WalkingClock(datetime(2026, 11, 30, 2, 0, tzinfo=UTC))


@pytest.fixture
def played(urls: tuple[str, str], template: str, tmp_path: Path) -> Iterator[Flask]:
    """The county's files and the whole season of 2025, as the first `make run` makes them."""
    with fresh_app(urls, template, tmp_path, LATER) as app:
        with transaction() as session:
            since = date.fromisoformat(SEASON_FROM)
            assert import_directory(COUNTY, session=session, now=LATER.now(), since=since).errors == []
        assert ensure_played(app, orders=1600)
        yield app


@pytest.mark.timeout(900)
def test_the_season_prints_what_both_readmes_tell(
    played: Flask, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(summary, "PATIENCE_S", 0)  # no worker is there to wait for
    capsys.readouterr()
    summary.print_summary()
    printed = [line.rstrip() for line in capsys.readouterr().out.splitlines() if line.strip()]
    assert len(printed) > 25
    for readme in ("README.md", "README.zh-CN.md"):
        told = {line.rstrip() for line in (ROOT / readme).read_text().splitlines()}
        assert [line for line in printed if line not in told] == [], readme
    assert check_books(db.session()) == []
    # Of each agreement whose term the season reaches something was called, sent and accepted.
    idle = text(
        "SELECT code FROM agreements WHERE starts_on < '2025-12-01' AND NOT EXISTS (SELECT FROM call_offs JOIN orders"
        " ON orders.call_off_id = call_offs.id WHERE agreement_id = agreements.id AND orders.status = 'settled')"
    )
    assert db.session.scalars(idle).all() == []
    assert ensure_played(played, orders=1600)  # the second start plays nothing
