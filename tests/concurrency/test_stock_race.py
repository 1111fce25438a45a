"""The last units and two real threads (T20), and the control: without the guard they sell more than there is."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from flask import Flask
from sqlalchemy import select, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from shop.catalog.actions import product_by_sku
from shop.channels.actions import occasion_by_code
from shop.kit.db import db, transaction
from shop.stock import actions
from shop.stock.errors import NotEnoughStock
from shop.stock.models import Movement, MovementKind, Pool, PoolKind, Reservation
from shop.stock.supply import TO_ALL
from tests.factories.world import NOW, World, build

#: The open pool of each product of the world.
THERE_G = 100_000


@pytest.fixture
def world(committed: Flask) -> World:
    return build(committed)


def product_id(session: Session, sku: str = "PL001") -> int:
    return product_by_sku(session, sku).id


def held(sku: str = "PL001") -> int:
    pool = select(Pool.id).where(Pool.product_id == product_id(db.session(), sku)).scalar_subquery()
    return sum(db.session.scalars(select(Reservation.held_g).where(Reservation.pool_id == pool)))


def at_once(world: World, tasks: list[Callable[[Session], object]]) -> list[bool]:
    """Run each in a thread and a transaction of its own, all starting together; whether it was served."""
    start = Barrier(len(tasks))

    def run(task: Callable[[Session], object]) -> bool:
        with world.app.app_context():
            start.wait()
            try:
                with transaction() as session:
                    task(session)
            except NotEnoughStock:
                return False
            return True

    with ThreadPoolExecutor(len(tasks)) as threads:
        return list(threads.map(run, tasks))


def guarded(weight_g: int) -> Callable[[Session], object]:
    def take(session: Session) -> object:
        return actions.reserve(session, {product_id(session): weight_g}, TO_ALL, expires_at=None, now=NOW)

    return take


def test_t20_two_buyers_of_the_last_box_are_one_buyer(world: World) -> None:
    for _ in range(5):
        answers = at_once(world, [guarded(60_000), guarded(60_000)])
        assert sorted(answers) == [False, True]
        assert held() == 60_000
        with transaction() as session:
            actions.release(session, session.scalars(select(Reservation.id)).all())


def test_t20_eight_buyers_of_five_boxes_are_five(world: World) -> None:
    answers = at_once(world, [guarded(20_000)] * 8)
    assert answers.count(True) == 5
    assert held() == THERE_G


def test_t20_two_products_in_opposite_order_wait_and_do_not_die(world: World) -> None:
    def take(skus: list[str]) -> Callable[[Session], object]:
        def both(session: Session) -> object:
            wanted = {product_id(session, sku): 1_000 for sku in skus}
            return actions.reserve(session, wanted, TO_ALL, expires_at=None, now=NOW)

        return both

    for _ in range(10):
        assert at_once(world, [take(["PL001", "PL002"]), take(["PL002", "PL001"])] * 2) == [True] * 4
    assert (held("PL001"), held("PL002")) == (40_000, 40_000)


def test_the_control_read_decide_write_without_the_guard_oversells(world: World) -> None:
    """What the guarded statement is for: if this test fails, the race above proves nothing."""
    with transaction() as session:
        # The CHECKs are the second line of defence: off, so that the control shows the first line alone.
        session.execute(text("ALTER TABLE pools DROP CONSTRAINT ck_pools_adds_up"))
    read = Barrier(2)

    def careless(session: Session) -> object:
        pool = session.scalars(select(Pool).where(Pool.product_id == product_id(session))).one()
        available = pool.available_g
        read.wait(timeout=10)
        if available < 60_000:
            raise NotEnoughStock([{"sku": "PL001", "asked_g": 60_000, "left_g": available}])
        session.execute(
            text("UPDATE pools SET available_g = :left, reserved_g = reserved_g + 60000 WHERE id = :id"),
            {"left": available - 60_000, "id": pool.id},
        )
        session.add(Reservation(pool_id=pool.id, weight_g=60_000, held_g=60_000, created_at=NOW))
        return session.flush()

    assert at_once(world, [careless, careless]) == [True, True]
    assert held() == 120_000 > THERE_G


def test_two_dispatches_never_take_one_gram_of_a_lot_twice(world: World) -> None:
    with transaction() as session:
        holds = [
            next(iter(guarded(50_000)(session).values()))  # type: ignore[attr-defined]
            for _ in range(2)
        ]

    def send(hold: int) -> Callable[[Session], object]:
        return lambda session: actions.pick(session, {hold: 50_000}, now=NOW, day=NOW.date())

    assert at_once(world, [send(hold) for hold in holds]) == [True, True]
    pool = db.session.scalars(select(Pool).where(Pool.product_id == product_id(db.session()))).one()
    assert (pool.kind, pool.sold_g, pool.reserved_g) == (PoolKind.OPEN, 100_000, 0)
    sent = db.session.scalars(select(Movement.weight_g).where(Movement.kind == MovementKind.DISPATCH)).all()
    assert sum(sent) == -100_000


def two_loads(session: Session) -> list[dict[int, int]]:
    """Two orders of two products, each a hold of a kilogram by reservation id, named in opposite order."""
    loads = []
    for skus in (["PL001", "PL002"], ["PL002", "PL001"]):
        wanted = {product_id(session, sku): 1_000 for sku in skus}
        holds = actions.reserve(session, wanted, TO_ALL, expires_at=None, now=NOW)
        loads.append({holds[of]: 1_000 for of in wanted})
    return loads


def test_two_dispatches_of_two_products_in_opposite_order_wait_and_do_not_die(world: World) -> None:
    def send(load: dict[int, int]) -> Callable[[Session], object]:
        return lambda session: actions.pick(session, load, now=NOW, day=NOW.date())

    def lose(sku: str) -> Callable[[Session], object]:
        def some(session: Session) -> object:
            of = product_id(session, sku)
            lot = session.execute(text("SELECT id FROM lots WHERE product_id = :of ORDER BY id"), {"of": of}).scalar()
            return actions.withdraw(session, lot, of, 10, reason="loss", now=NOW)

        return some

    for _ in range(10):
        with transaction() as session:
            loads = two_loads(session)
        tasks = [send(loads[0]), send(loads[1]), lose("PL001"), lose("PL002")]
        tasks.append(lambda session: actions.retire_lots(session, day=NOW.date(), now=NOW))
        assert at_once(world, tasks) == [True] * 5


def test_the_control_dispatching_product_by_product_dies(world: World) -> None:
    """What locking all pools first is for: if this test fails, the one above proves nothing."""
    with transaction() as session:
        loads = two_loads(session)
    first_is_out = Barrier(2)

    def one_by_one(load: dict[int, int]) -> Callable[[Session], object]:
        def send(session: Session) -> object:
            for position, (hold, grams) in enumerate(load.items()):
                if position:
                    first_is_out.wait(timeout=10)
                actions.pick(session, {hold: grams}, now=NOW, day=NOW.date())
            return None

        return send

    with pytest.raises(OperationalError, match="deadlock detected"):
        at_once(world, [one_by_one(load) for load in loads])


def test_a_session_that_ends_while_another_begins_does_not_deadlock(world: World) -> None:
    with transaction() as session:
        occasion_id = occasion_by_code(session, "LIVE-1").id
        actions.set_aside(session, occasion_id, {product_id(session): 10_000}, now=NOW)

    def give_back(session: Session) -> object:
        time.sleep(0.01)
        return actions.return_set_aside(session, occasion_id, now=NOW)

    def set_more(session: Session) -> object:
        return actions.set_aside(session, occasion_id, {product_id(session): 1_000}, now=NOW)

    for _ in range(5):
        assert at_once(world, [give_back, set_more, give_back, set_more]) == [True] * 4
    total = sum(db.session.scalars(select(Pool.available_g).where(Pool.product_id == product_id(db.session()))))
    assert total == THERE_G
