"""The last packs of a round and the closing of a round, by real threads; and the controls without the lock."""

from collections.abc import Callable
from threading import Barrier

import pytest
from flask import Flask
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from shop.catalog.reference import catalog
from shop.channels.models import OccasionKind
from shop.channels.reference import selling
from shop.kit.db import db, release, transaction
from shop.kit.reference import current_version
from shop.orders.models import Order, OrderLine
from shop.rounds import actions, joining
from shop.rounds.errors import AlreadyJoined
from shop.rounds.locks import locked_round
from shop.rounds.models import EntryLine, Round, RoundEntry
from tests.factories.threads import at_once
from tests.factories.world import NOW, World, build

LINK = "jn2"


@pytest.fixture
def world(committed: Flask) -> World:
    """A round whose total is 10 packs, one of which is taken."""
    made = build(committed)
    with transaction() as session:
        session.execute(text("UPDATE round_products SET total_packs = 10"))
    return made


def joins(number: int, quantity: int, phone: str | None = None) -> Callable[[Session], object]:
    who = joining.Colleague(f"同事{number}（示例）", phone, None if phone else f"X{number}")
    return lambda session: joining.join(session, LINK, who, {"PL001": quantity}, joining.new_secret(), now=NOW)


def closes(session: Session) -> object:
    version = current_version(session)
    goods, channels = catalog(session, version), selling(session, version)
    return actions.close_round(
        session, locked_round(session, "T01"), goods=goods, selling=channels, actor_id=None, now=NOW
    )


def taken() -> int:
    packs = db.session.scalar(
        select(func.sum(EntryLine.quantity)).join(Round, Round.id == EntryLine.round_id).where(Round.join_code == LINK)
    )
    release()
    return int(packs or 0)


def test_t20_the_last_packs_of_a_round_are_sold_once(world: World) -> None:
    answers = at_once(world.app, [joins(number, 2) for number in range(8)])
    assert sorted(answers) == [""] * 4 + ["round-sold-out"] * 4
    assert taken() == 9


def test_one_phone_joins_once_however_often_it_taps(world: World) -> None:
    answers = at_once(world.app, [joins(number, 1, "+8613900000000") for number in range(4)])
    assert sorted(answers) == ["", *[AlreadyJoined.code] * 3]
    assert taken() == 2


def test_whoever_joins_while_the_round_is_closed_is_in_the_order_or_refused(world: World) -> None:
    answers = at_once(world.app, [closes, joins(1, 2), joins(2, 2), closes])
    assert sorted([answers[0], answers[3]]) == ["", "move-refused"]
    assert {answers[1], answers[2]} <= {"", "round-not-open"}
    ordered = db.session.scalar(
        select(OrderLine.quantity).join(Order, Order.id == OrderLine.order_id).join(Round, Round.order_id == Order.id)
    )
    assert ordered == taken()
    release()
    assert (
        db.session.scalar(select(func.count()).select_from(Order).where(Order.occasion_kind == OccasionKind.ROUND)) == 1
    )


def test_the_control_reading_the_round_without_its_lock_oversells_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the lock is for: if this test fails, the races above prove nothing."""
    read = Barrier(2)

    def unlocked(session: Session, join_code: str) -> Round:
        return session.scalars(select(Round).where(Round.join_code == join_code)).one()

    checked = joining._checked

    def slowly(*args: object) -> object:
        packs = checked(*args)  # type: ignore[arg-type]
        read.wait(timeout=10)
        return packs

    monkeypatch.setattr(joining, "locked_by_link", unlocked)
    monkeypatch.setattr(joining, "_checked", slowly)
    with transaction() as session:
        session.execute(text("ALTER TABLE round_entries DROP CONSTRAINT uq_round_entries_round_id_position"))
    assert at_once(world.app, [joins(1, 5), joins(2, 5)]) == ["", ""]
    assert taken() == 11
    assert db.session.scalar(select(func.count()).select_from(RoundEntry)) == 4
