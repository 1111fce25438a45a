"""Two union orders for the last yuan of the cap, by real threads; and the control without the lock."""

from collections.abc import Callable
from threading import Barrier

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from shop.catalog.actions import product_by_sku
from shop.channels.actions import partner_by_code
from shop.channels.models import Campaign, ChannelKind
from shop.kit.db import db, release, transaction
from shop.orders.locks import locked_order
from shop.units import actions
from shop.units.models import Fund, Purchase
from tests.factories.threads import at_once
from tests.factories.world import NOW, World, _Writer, build

#: Each order is 6,000 fen for two members; the cap leaves room for one of them.
CAP_FEN = 150_000


@pytest.fixture
def world(committed: Flask) -> World:
    made = build(committed)
    with transaction() as session:
        unit, product = partner_by_code(session, "U01"), product_by_sku(session, "PL001")
        actions.file_year(
            session, unit, 2025, "县财政局", canteen_fen=0, union_fen=1_000_000, members=2, actor_id=None, now=NOW
        )
        writer, campaign = _Writer(session), session.scalars(select(Campaign)).one()
        for number in range(60):
            writer.order(f"UN{number}", ChannelKind.UNIT, campaign, unit, product, unit.party_id)
    with transaction() as session:
        for number in range(49):
            declares(number)(session)
    return made


def declares(number: int) -> Callable[[Session], object]:
    return lambda session: actions.declare(
        session, locked_order(session, f"UN{number}"), Fund.UNION, actor_id=None, now=NOW
    )


def given() -> int:
    found = db.session.scalar(select(func.sum(Purchase.per_member_fen)))
    release()
    return int(found or 0)


def test_four_union_orders_for_the_last_yuan_of_the_cap_are_one(world: World) -> None:
    assert given() == 147_000
    answers = at_once(world.app, [declares(number) for number in range(50, 54)])
    assert sorted(answers) == ["", *["union-cap-exceeded"] * 3]
    assert given() == CAP_FEN


def test_the_control_without_the_lock_gives_more_than_the_cap(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    read = Barrier(2)
    parts = actions._equal_parts

    def slowly(*args: object) -> object:
        found = parts(*args)  # type: ignore[arg-type]
        read.wait(timeout=10)
        return found

    monkeypatch.setattr(actions, "_lock", lambda *_: None)
    monkeypatch.setattr(actions, "_equal_parts", slowly)
    assert at_once(world.app, [declares(50), declares(51)]) == ["", ""]
    assert given() == 153_000 > CAP_FEN
