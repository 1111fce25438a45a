"""The last packs of what is set aside and of what is open, wanted by both kinds of buyers at once; with the control."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.orm import Session

from shop.catalog.actions import product_by_sku
from shop.catalog.reference import catalog
from shop.channels.models import ChannelKind
from shop.channels.reference import selling
from shop.kit.db import db, release, transaction
from shop.kit.direct import Direct
from shop.kit.reference import current_version
from shop.orders import place
from shop.orders.place import Asked, Request, place_order
from shop.stock import asides
from shop.stock.actions import ENOUGH
from tests.factories.threads import at_once
from tests.factories.world import NOW, World, build

#: Packs of 2.5 kg: 40 in all, 12 of them set aside for orders through cadres.
ASIDE_G, OPEN_G = 30_000, 70_000
UNTIL = NOW + timedelta(hours=1)


@pytest.fixture
def world(committed: Flask) -> World:
    made = build(committed)
    with transaction() as session:
        product = product_by_sku(session, "PL001")
        asides.start(session, product, ASIDE_G, UNTIL, channel=ChannelKind.CADRE, actor_id=None, now=NOW)
    return made


def buys(partner: str, packs: int) -> Callable[[Session], object]:
    def buy(session: Session) -> object:
        version = current_version(session)
        buyer = session.execute(text("SELECT id FROM parties WHERE kind = 'customer' ORDER BY id LIMIT 1")).scalar_one()
        return place_order(
            session, Request([Asked("PL001", packs)], buyer, partner=partner), goods=catalog(session, version),
            selling=selling(session, version), actor_id=None, now=NOW,
        )  # fmt: skip

    return buy


def pools() -> dict[str, tuple[int, int]]:
    """Grams that are free and held, by kind of pool."""
    rows = db.session.execute(
        text(
            "SELECT kind, available_g,"
            " (SELECT coalesce(sum(held_g), 0) FROM reservations WHERE pool_id = pools.id)::bigint"
            " FROM pools JOIN products ON products.id = product_id AND sku = 'PL001'"
        )
    ).all()
    release()
    return {kind: (free, held) for kind, free, held in rows}


def test_no_order_of_either_kind_sells_more_than_its_pools_have(world: World) -> None:
    tasks = [buys("G01", 7), buys("S01", 6)] * 4
    answers = at_once(world.app, tasks)
    helped, general = answers[::2].count(""), answers[1::2].count("")
    assert set(answers) == {"", "not-enough-stock"}
    found = pools()
    assert found["set_aside"][0] + found["open"][0] == ASIDE_G + OPEN_G - 17_500 * helped - 15_000 * general
    assert found["set_aside"][1] + found["open"][1] == 17_500 * helped + 15_000 * general
    # Others never took of what is set aside, and whoever was refused would not have fitted.
    assert found["set_aside"][1] == min(ASIDE_G, 17_500 * helped)
    assert general <= OPEN_G // 15_000
    assert found["open"][0] < 15_000 or general == 4
    assert sum(grams for grams, _ in found.values()) < 17_500 or helped == 4


def test_orders_and_the_end_of_the_set_aside_at_once_lose_no_gram(world: World) -> None:
    tasks: list[Callable[[Session], object]] = [buys("G01", 8)] * 3
    tasks += [lambda session: asides.return_due(session, now=UNTIL)] * 2 + [buys("S01", 4)] * 2
    answers = at_once(world.app, tasks)
    assert answers[3:5] == ["", ""]
    sold = 20_000 * answers[:3].count("") + 10_000 * answers[5:].count("")
    found = pools()
    assert sum(held for _, held in found.values()) == sold
    assert (found["set_aside"][0], found["open"][0]) == (0, ASIDE_G + OPEN_G - sold)


def test_the_control_without_the_guard_sells_too_much(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the guard is for: if this test fails, the races above prove nothing."""
    with transaction() as session:  # the CHECKs are the second line of defence
        session.execute(text("ALTER TABLE pools DROP CONSTRAINT ck_pools_never_below_zero"))
    guard = f" AND {ENOUGH}"
    assert guard in place.PLACE.sql
    monkeypatch.setattr(place, "PLACE", Direct(place.PLACE.sql.replace(guard, "")))
    assert at_once(world.app, [buys("G01", 15), buys("S01", 14)] * 2) == [""] * 4
    assert sum(free for free, _ in pools().values()) == ASIDE_G + OPEN_G - 145_000 < 0
