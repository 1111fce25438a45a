"""The inbox of market quotes: each file once, a person's word stays, a killed worker loses nothing."""

import hashlib
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from shop.agreements.models import MarketQuote, QuoteFileTaken
from shop.agreements.quote_inbox import MAX_BYTES, take_next
from shop.kit.clock import SystemClock
from shop.kit.db import db, transaction
from tests.factories.tables import contents
from tests.factories.world import NOW, World, build

ROOT = Path(__file__).resolve().parents[2]
HEAD = "商品编码,日期,来源,市场,等级,单位,价格（元）"
QUOTES = "/api/v1/market-quotes"
#: What a worker does when beat says look, in a process of its own.
LOOK = (
    "from shop.base import base_app; from shop.config import Settings; from tasks.build import make_celery;"
    "from tasks.registry import works; from tasks.run import run_sweep; from shop.kit.clock import SystemClock;"
    "app = base_app(Settings.from_env()); make_celery(app); app.app_context().push();"
    "run_sweep(works()['agreements.fetch_quotes'], SystemClock())"
)


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    folder = tmp_path / "inbox"
    folder.mkdir()
    return folder


@pytest.fixture
def world(committed: Flask, inbox: Path) -> World:
    settings = committed.extensions["settings"]
    committed.extensions["settings"] = replace(settings, quotes_inbox=inbox, quotes_sources=("甲（示例）",))
    return build(committed)


def told(price: str, day: str = "2025-07-15", sku: str = "PL001", source: str = "甲（示例）") -> str:
    return f"{sku},{day},{source},运城（示例）,一级,斤,{price}"


def lay(inbox: Path, name: str, *rows: str) -> None:
    (inbox / name).write_text("\n".join([HEAD, *rows, ""]))


def fetch(world: World) -> int:
    """What the job does until nothing is left; how many files it took."""
    settings = world.app.extensions["settings"]
    for taken in range(100):
        with transaction() as session:
            if not take_next(session, settings.quotes_inbox, settings.quotes_sources, now=NOW):
                return taken
    raise AssertionError("it finds files for ever")


def quoted() -> list[tuple[str, int, int]]:
    with Session(db.engine) as session:
        wanted = select(MarketQuote.quoted_on, MarketQuote.position, MarketQuote.fen_per_kg).order_by(MarketQuote.id)
        return [(str(day), position, price) for day, position, price in session.execute(wanted)]


def files(world: World) -> list[dict[str, object]]:
    answer = world.app.test_client().get(f"{QUOTES}/files", headers=world.headers["operator"])
    return answer.get_json()["items"]  # type: ignore[no-any-return]


def test_files_that_tell_everything_again_undo_no_correction_by_hand(world: World, inbox: Path) -> None:
    lay(inbox, "0715.csv", told("3.20"))
    assert (fetch(world), quoted()) == (1, [("2025-07-15", 1, 640)])
    by_hand = {"sku": "PL001", "quoted_on": "2025-07-15", "source": "甲（示例）", "market": "运城（示例）", "per": "斤",
               "price_fen": 350, "reason": "来源笔误"}  # fmt: skip
    assert world.app.test_client().post(QUOTES, json=by_hand, headers=world.headers["operator"]).status_code == 201
    corrected = [("2025-07-15", 1, 640), ("2025-07-15", 2, 700)]
    before = contents(world.app)
    os.utime(inbox / "0715.csv", (1, 1))  # the same bytes, laid anew
    lay(inbox, "0715-again.csv", told("3.20"))
    assert (fetch(world), quoted(), contents(world.app)) == (0, corrected, before)
    # The file of the next day tells the day before again, as it was first said.
    lay(inbox, "0716.csv", told("3.20"), told("3.30", "2025-07-14"))
    assert (fetch(world), quoted()) == (1, [*corrected, ("2025-07-14", 1, 660)])
    # Another price for what a person said is for a person to decide; what a file said, a file corrects.
    lay(inbox, "0717.csv", told("3.60"), told("3.40", "2025-07-14"))
    assert (fetch(world), quoted()) == (1, [*corrected, ("2025-07-14", 1, 660), ("2025-07-14", 2, 680)])
    assert [(file["name"], file["new"], file["unchanged"], file["corrected"], file["bad_rows"])
            for file in files(world)] == [
        ("0717.csv", 0, 0, 1, 1), ("0716.csv", 1, 1, 0, 0), ("0715.csv", 1, 0, 0, 0),
    ]  # fmt: skip
    assert files(world)[0]["bad"] == [
        {"line": 2, "zh": "2025-07-15 的行情已由人工登记，未改",
         "en": "the quote of 2025-07-15 was entered by a person and stays"},
    ]  # fmt: skip
    assert files(world)[2]["sha256"] == hashlib.sha256((inbox / "0715.csv").read_bytes()).hexdigest()


def test_of_two_prices_of_one_day_in_one_file_the_later_is_left_out(world: World, inbox: Path) -> None:
    lay(inbox, "a.csv", told("3.20"), told("3.30"), told("3.40", "2025-07-14"))
    assert (fetch(world), quoted()) == (1, [("2025-07-15", 1, 640), ("2025-07-14", 1, 680)])
    assert [row["line"] for row in files(world)[0]["bad"]] == [3]  # type: ignore[attr-defined]
    # A file of the next day is news: it corrects.
    lay(inbox, "b.csv", told("3.30"))
    assert (fetch(world), quoted()[-1]) == (1, ("2025-07-15", 2, 660))


def test_bad_rows_are_left_out_and_listed_and_hold_back_no_other(world: World, inbox: Path) -> None:
    lay(inbox, "a.csv", told("3.20", sku="NONE"), told("x"), told("3.00", source="乙（示例）"),
        told("3.10", "2025-07-16"), told("3.20"))  # fmt: skip
    (inbox / "b.csv").write_bytes(b"\xff\xfe" * 9)
    (inbox / "c.csv").write_bytes(b"," * (MAX_BYTES + 1))
    for ignored in (".hidden.csv", "notes.txt", "half.csv.part"):
        lay(inbox, ignored, told("9.90", "2025-07-01"))
    (inbox / "link.csv").symlink_to(inbox / "notes.txt")
    assert (fetch(world), quoted()) == (3, [("2025-07-15", 1, 640)])
    assert [(file["name"], file["bad_rows"], [row["line"] for row in file["bad"]]) for file in files(world)] == [  # type: ignore[attr-defined]
        ("c.csv", 1, [0]), ("b.csv", 1, [1]), ("a.csv", 4, [2, 3, 4, 5]),
    ]  # fmt: skip
    client = world.browser("operator")
    page = client.get("/desk/quotes").text
    for words in ("a.csv", "第 2 行：没有商品 NONE", "来源 乙（示例） 不在设置之内", "文件超过 2 MB", "6.40"):
        assert words in page
    assert world.app.test_client().get(f"{QUOTES}/files", headers=world.headers["buyer"]).status_code == 403


def test_a_file_that_is_still_written_waits_and_one_worker_at_a_time_looks(world: World, inbox: Path) -> None:
    lay(inbox, "a.csv", told("3.20"))
    os.utime(inbox / "a.csv", (NOW.timestamp() - 30, NOW.timestamp() - 30))
    later = NOW + timedelta(seconds=31)
    with transaction() as session:
        assert take_next(session, inbox, (), now=NOW) == 0
    with db.engine.connect() as other:
        other.execute(text("SELECT pg_advisory_lock(hashtext('shop.quote_inbox'))"))
        with transaction() as session:
            assert take_next(session, inbox, (), now=later) is None
        other.execute(text("SELECT pg_advisory_unlock_all()"))
    with transaction() as session:
        assert take_next(session, inbox, (), now=later) == 1
    with pytest.raises(FileNotFoundError), transaction() as session:
        take_next(session, inbox / "gone", (), now=NOW)


def worker(world: World) -> subprocess.Popen[bytes]:
    settings = world.app.extensions["settings"]
    env = os.environ | {
        "DATABASE_URL": settings.database_url, "REDIS_URL": settings.redis_url, "DATA_DIR": str(settings.data_dir),
        "QUOTES_INBOX": str(settings.quotes_inbox),
    }  # fmt: skip
    return subprocess.Popen([sys.executable, "-c", LOOK], cwd=ROOT, env=env)


def waits_for_a_lock() -> bool:
    waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%market_quotes%'"
    with Session(db.engine) as session:
        return int(session.execute(text(waits)).scalar_one()) > 0


def wait_until_killable() -> None:
    deadline = time.monotonic() + 30
    while not waits_for_a_lock():
        assert time.monotonic() < deadline, "it did not come so far"
        time.sleep(0.02)


def test_a_worker_killed_between_the_record_and_the_quotes_loses_and_doubles_nothing(world: World, inbox: Path) -> None:
    lay(inbox, "a.csv", told("3.20"), told("3.30", "2025-07-14"))
    os.utime(inbox / "a.csv", (1, 1))
    with db.engine.connect() as blocker:
        blocker.execute(text("LOCK TABLE market_quotes IN SHARE MODE"))
        killed = worker(world)
        wait_until_killable()
        os.kill(killed.pid, signal.SIGKILL)
        killed.wait()
    assert (quoted(), files(world)) == ([], [])
    assert worker(world).wait() == 0
    assert quoted() == [("2025-07-15", 1, 640), ("2025-07-14", 1, 660)]
    assert worker(world).wait() == 0
    assert (len(quoted()), len(files(world))) == (2, 1)


def test_control_a_record_that_is_kept_before_its_quotes_loses_them(world: World, inbox: Path) -> None:
    lay(inbox, "a.csv", told("3.20"))
    now = SystemClock().now()
    with transaction() as session:  # and then the worker is killed
        session.add(
            QuoteFileTaken(
                sha256=hashlib.sha256((inbox / "a.csv").read_bytes()).hexdigest(), name="a.csv", size_bytes=1,
                modified_at=now, taken_at=now, new_quotes=1, unchanged=0, corrected=0, bad_rows=0, bad=[],
            )
        )  # fmt: skip
    assert (fetch(world), quoted()) == (0, [])
