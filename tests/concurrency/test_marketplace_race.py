"""The same file of a shop taken by two at once sells once, and the controls: without the guards it sells twice."""

import time
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from shop.catalog.reference import catalog
from shop.channels.reference import selling
from shop.kit.db import db, release, transaction
from shop.kit.reference import current_version
from shop.marketplaces.actions import shop_by_code, template
from shop.marketplaces.connectors import FileConnector
from shop.marketplaces.models import FactKind
from shop.marketplaces.profiles import profile_of
from shop.marketplaces.taking import take
from tests.factories.shopfiles import ORDERS, sheet, sold
from tests.factories.world import NOW, World, build

#: Of 100 kg that there are.
FILE = sheet(ORDERS, [sold("6901", "PL001", packs=8, yuan="240.00"), sold("6902", "PL001", packs=8, yuan="240.00")])


@pytest.fixture
def world(committed: Flask) -> World:
    return build(committed)


def taken_twice(world: World, *, lock: bool) -> list[int]:
    """How many lines were new to each: the second begins when the first has taken the file and not yet committed."""
    first_is_in = Event()

    def run(second: bool) -> int:
        with world.app.app_context():
            if second:
                first_is_in.wait(10)
            with transaction() as session:
                shop = shop_by_code(session, "S01", lock=lock)
                told = FileConnector(profile_of(template("douyin")), "a.csv", FILE).tell(FactKind.ORDERS, now=NOW)
                version = current_version(session)
                taken = take(
                    session, shop, told, goods=catalog(session, version), selling=selling(session, version),
                    actor_id=None, now=NOW,
                )  # fmt: skip
                assert taken.problems == ()
                if not second:
                    first_is_in.set()
                    time.sleep(0.5)
            return taken.new

    with ThreadPoolExecutor(2) as threads:
        return list(threads.map(run, (False, True)))


def left_g() -> int:
    found = int(db.session.execute(text("SELECT min(available_g) FROM pools")).scalar_one())
    release()
    return found


def test_a_file_taken_by_two_at_once_sells_once(world: World) -> None:
    assert taken_twice(world, lock=True) == [2, 0]
    assert left_g() == 60_000


def test_without_the_lock_of_the_shop_the_unique_numbers_refuse_the_second(world: World) -> None:
    with pytest.raises(IntegrityError):
        taken_twice(world, lock=False)
    assert left_g() == 60_000


def test_control_without_lock_and_unique_numbers_the_file_sells_twice(world: World) -> None:
    with transaction() as session:
        session.execute(
            text("ALTER TABLE marketplace_orders DROP CONSTRAINT uq_marketplace_orders_marketplace_id_number_line")
        )
    assert taken_twice(world, lock=False) == [2, 2]
    assert left_g() == 20_000
