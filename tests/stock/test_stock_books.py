"""Whatever happens to stock, in whatever order: pools add up, counters equal the log and the holds (I01 to I04)."""

from datetime import date, timedelta

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from shop.catalog.actions import firm_by_code, product_by_sku
from shop.channels.actions import occasion_by_code
from shop.channels.models import ChannelKind
from shop.kit.db import db
from shop.kit.errors import DomainError
from shop.stock import actions, asides, recalls
from shop.stock.models import Lot, Movement, MovementKind, Pool, PoolKind, Recall, Reservation
from shop.stock.remaking import Source, remake
from shop.stock.supply import TO_ALL, Supply
from tests.factories.world import NOW, TODAY, World, build

KINDS = [
    "repack",
    "recall",
    "lift",
    "receive",
    "reserve",
    "reserve_aside",
    "aside",
    "reserve_cadre",
    "change_aside",
    "return_asides",
    "release_part",
    "release",
    "pick",
    "set_aside",
    "return",
    "withdraw",
    "retire",
]
STEPS = st.lists(st.tuples(st.sampled_from(KINDS), st.integers(1, 60_000), st.integers(0, 5)), max_size=14)


@pytest.fixture
def world(committed: Flask) -> World:
    return build(committed)


def supply(kind: str, occasion_id: int) -> Supply:
    """From where an order is taken: the open pool, a session's alone, or the one of the cadres first."""
    if kind == "reserve_aside":
        return Supply(occasion_id, last=PoolKind.SET_ASIDE)
    return Supply(channel=ChannelKind.CADRE) if kind == "reserve_cadre" else TO_ALL


def step(session: Session, kind: str, grams: int, which: int) -> None:
    """One thing that may happen to stock; the real action, with its own refusals."""
    product, occasion_id = product_by_sku(session, "PL001"), occasion_by_code(session, "LIVE-1").id
    of_lines = select(Reservation.line_hold_id).where(Reservation.held_g > 0).distinct()
    holds = session.scalars(of_lines.order_by(Reservation.line_hold_id)).all()
    hold = holds[which % len(holds)] if holds else None
    match kind:
        case "receive":
            firm = firm_by_code(session, "F01")
            actions.open_lot(
                session, firm, product, harvested_on=TODAY - timedelta(days=which), certificate_number=None,
                made_g=grams, actor_id=None, now=NOW,
            )  # fmt: skip
        case "reserve" | "reserve_aside" | "reserve_cadre":
            actions.reserve(session, {product.id: grams}, supply(kind, occasion_id), expires_at=None, now=NOW)
        case "aside":
            until = NOW + timedelta(hours=1 + which)
            asides.start(session, product, grams, until, channel=ChannelKind.CADRE, actor_id=None, now=NOW)
        case "change_aside":
            pool = session.scalars(select(Pool).where(Pool.code.is_not(None)).order_by(Pool.id.desc())).first()
            if pool:
                asides.change(session, pool, weight_g=grams, until=None, actor_id=None, now=NOW)
        case "return_asides":
            asides.return_due(session, now=NOW + timedelta(hours=which))
        case "release_part" if hold:
            lines = Reservation.line_hold_id == hold
            left = session.scalar(select(func.sum(Reservation.held_g)).where(lines)) or 0
            actions.release_part(session, {hold: min(grams, left)})
        case "release" if hold:
            actions.release(session, [hold, hold])
        case "pick" if hold:
            left = session.scalar(select(func.sum(Reservation.held_g)).where(Reservation.line_hold_id == hold)) or 0
            actions.pick(session, {hold: min(grams, left)}, now=NOW, day=TODAY)
        case "set_aside":
            actions.set_aside(session, occasion_id, {product.id: grams}, now=NOW)
        case "return":
            actions.return_set_aside(session, occasion_id, now=NOW)
        case "withdraw":
            lot = session.scalars(select(Lot).where(Lot.product_id == product.id).order_by(Lot.id)).first()
            assert lot is not None
            actions.withdraw(session, lot.id, product.id, grams, reason="腐损", now=NOW)
        case "repack":
            firm = firm_by_code(session, "F01")
            lots = session.scalars(select(Lot).where(Lot.product_id == product.id).order_by(Lot.id)).all()
            source = Source(lots[which % len(lots)].code, grams, lost_g=grams // 7)
            remake(session, firm, product, [source], grade=None, certificate_number=None, actor_id=None, now=NOW)
        case "recall":
            lots = session.scalars(select(Lot).where(Lot.product_id == product.id).order_by(Lot.id)).all()
            code = lots[which % len(lots)].code
            recalls.recall(session, code, "抽检", by_county=False, actor_id=None, now=NOW)
        case "lift":
            stand = session.scalars(select(Recall).where(Recall.lifted_at.is_(None)).order_by(Recall.id)).all()
            code = stand[which % len(stand)].code if stand else "ZH-0-0"
            recalls.lift(session, code, "复检合格", by_county=False, actor_id=None, now=NOW)
        case "retire":
            actions.retire_lots(session, day=TODAY + timedelta(days=58 + which), now=NOW)


def the_books_hold(session: Session) -> None:
    session.expire_all()
    for pool in session.scalars(select(Pool)):
        counters = (pool.available_g, pool.reserved_g, pool.sold_g, pool.withdrawn_g)
        assert min(counters) >= 0  # I01
        assert sum(counters) == pool.received_g  # I02
        moved = dict.fromkeys(MovementKind, 0)
        for kind, grams in session.execute(
            select(Movement.kind, func.sum(Movement.weight_g))
            .where(Movement.pool_id == pool.id)
            .group_by(Movement.kind)
        ):
            moved[kind] = int(grams)
        into_lots = moved[MovementKind.GRADE] + moved[MovementKind.REPACK]
        assert pool.received_g == moved[MovementKind.RECEIVE] + moved[MovementKind.TRANSFER] + into_lots  # I03
        assert (pool.sold_g, pool.withdrawn_g) == (-moved[MovementKind.DISPATCH], -moved[MovementKind.WITHDRAW])
        held = session.scalar(select(func.sum(Reservation.held_g)).where(Reservation.pool_id == pool.id)) or 0
        assert pool.reserved_g == held  # I04
    in_lots = session.scalar(select(func.sum(Lot.left_g)))
    in_pools = session.scalar(select(func.sum(Pool.available_g + Pool.reserved_g)))
    assert in_lots == in_pools


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_i01_to_i04_hold_after_any_sequence(world: World, steps: list[tuple[str, int, int]]) -> None:
    with db.engine.connect() as connection, connection.begin() as outer:
        session = Session(bind=connection, join_transaction_mode="create_savepoint")
        for kind, grams, which in steps:
            try:
                with session.begin_nested():
                    step(session, kind, grams, which)
            except DomainError:
                pass
            the_books_hold(session)
        session.close()
        outer.rollback()


def test_lots_are_picked_by_oldest_harvest_and_expired_ones_never(world: World) -> None:
    session = db.session()
    product, firm = product_by_sku(session, "PL001"), firm_by_code(session, "F01")
    older, oldest = (
        actions.open_lot(
            session, firm, product, harvested_on=TODAY - timedelta(days=days), certificate_number=None, made_g=10_000,
            actor_id=None, now=NOW,
        )
        for days in (20, 50)
    )  # fmt: skip
    (hold,) = actions.reserve(session, {product.id: 30_000}, TO_ALL, expires_at=None, now=NOW).values()
    assert oldest.expires_on == date(2025, 7, 25)
    picked = actions.pick(session, {hold: 15_000}, now=NOW, day=TODAY)[hold]
    assert [(pick.lot_id, pick.weight_g) for pick in picked] == [(oldest.id, 10_000), (older.id, 5_000)]
    session.rollback()


def test_expiry_takes_what_is_free_and_leaves_what_is_held(world: World) -> None:
    session = db.session()
    product = product_by_sku(session, "PL001")
    actions.reserve(session, {product.id: 70_000}, TO_ALL, expires_at=None, now=NOW)
    assert actions.retire_lots(session, day=date(2025, 9, 14), now=NOW) == 0
    assert actions.retire_lots(session, day=date(2025, 9, 15), now=NOW) == 30_000 + 100_000
    assert actions.retire_lots(session, day=date(2025, 9, 15), now=NOW) == 0
    pool = session.scalars(select(Pool).where(Pool.product_id == product.id)).one()
    assert (pool.available_g, pool.reserved_g, pool.withdrawn_g) == (0, 70_000, 30_000)
    session.rollback()
