"""A recall while a parcel of the same lot is packed, and the control: were the pools left alone, it would go out."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from shop.catalog.actions import product_by_sku
from shop.kit.db import db, transaction
from shop.stock import actions, recalls
from shop.stock.errors import NotEnoughStock
from shop.stock.models import Lot, Movement, MovementKind
from shop.stock.supply import TO_ALL
from tests.factories.world import NOW, World, build

HELD_G = 60_000
#: How long whoever comes second is left waiting.
A_WHILE_S = 0.5


@pytest.fixture
def world(committed: Flask) -> World:
    """Products with a fresh lot each."""
    return build(committed)


def hold(session: Session) -> int:
    product_id = product_by_sku(session, "PL001").id
    made = actions.reserve(session, {product_id: HELD_G}, TO_ALL, expires_at=None, now=NOW)
    return made[product_id]


def first_to_go(session: Session) -> str:
    """The lot that a parcel is packed from."""
    product_id = product_by_sku(session, "PL001").id
    lots = actions._lots_in_pick_order(session, [product_id], NOW.date())[product_id]
    return session.get_one(Lot, next(iter(lots))).code


def race(world: World) -> bool:
    """The recall has named the lot and not committed when the parcel is packed; whether it is sent."""
    with transaction() as session:
        held = hold(session)
        code = first_to_go(session)
    named, packed = Event(), Event()

    def recall() -> None:
        with world.app.app_context(), transaction() as session:
            recalls.recall(session, code, "农残抽检不合格（示例）", by_county=False, actor_id=None, now=NOW)
            named.set()
            packed.wait(A_WHILE_S)

    def pack() -> bool:
        with world.app.app_context():
            named.wait(10)
            try:
                with transaction() as session:
                    actions.pick(session, {held: HELD_G}, now=NOW, day=NOW.date())
            except NotEnoughStock:
                return False
            finally:
                packed.set()
            return True

    with ThreadPoolExecutor(2) as threads:
        recalled, sent = threads.submit(recall), threads.submit(pack)
        recalled.result()
        return sent.result()


def sent_g() -> int:
    moves = select(Movement.weight_g).where(Movement.kind == MovementKind.DISPATCH)
    return -sum(db.session.scalars(moves))


def test_what_is_recalled_while_it_is_packed_stays(world: World) -> None:
    assert race(world) is False
    assert sent_g() == 0


def test_what_was_packed_before_the_recall_is_found_by_it(world: World) -> None:
    with transaction() as session:
        held = hold(session)
        actions.pick(session, {held: HELD_G}, now=NOW, day=NOW.date())
    with transaction() as session:
        lot_id = session.scalars(select(Movement.lot_id).where(Movement.kind == MovementKind.DISPATCH)).first()
        code = session.get_one(Lot, lot_id).code
        recalls.recall(session, code, "农残抽检不合格（示例）", by_county=False, actor_id=None, now=NOW)
    assert db.session.scalars(select(Lot.left_g).where(Lot.code == code)).one() == 0
    assert sent_g() == HELD_G


def test_the_control_that_leaves_the_pools_alone_sends_recalled_goods(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What taking the goods out in the same transaction is for: a job that took them later would come too late."""
    monkeypatch.setattr(recalls, "take_recalled", lambda session, now: 0)
    assert race(world) is True
    assert sent_g() == HELD_G
