"""Closing a round into one order, by hand and by the clock; sharing what came; handing it out."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select, text

from shop.catalog.reference import catalog
from shop.channels.models import Occasion, OccasionStatus
from shop.channels.reference import selling
from shop.kit.errors import MoveRefusedError, NotFoundError
from shop.kit.reference import current_version
from shop.orders.actions import cancel
from shop.orders.errors import NotForSale, OneSellerPerOrder
from shop.orders.locks import lines_of
from shop.orders.models import Order
from shop.rounds import actions, queries
from shop.rounds.errors import ClosesTooLate, NobodyJoined, NoRoundsHere, NothingToHandOut
from shop.rounds.models import HandOut, Round, RoundEntry, RoundStatus
from tests.factories.rounds import closed, delivered_round, joined, open_round
from tests.factories.sales import NECTARINE, Season


def orders(season: Season) -> int:
    return season.session.scalar(select(func.count()).select_from(Order)) or 0


def list_of(season: Season, round_: Round) -> queries.Distribution:
    session = season.session
    session.flush()
    goods = catalog(session, current_version(session))
    return queries.distribution(session, round_.id, goods=goods, day=season.now.date())


def by_the_clock(season: Season, hours: int) -> int:
    season.session.flush()
    version = current_version(season.session)
    return actions.close_due(
        season.session, goods=catalog(season.session, version), selling=selling(season.session, version),
        now=season.now + timedelta(hours=hours),
    )  # fmt: skip


def test_a_round_orders_the_sum_at_the_tier_of_the_sum(season: Season) -> None:
    product = catalog(season.session, current_version(season.session)).by_sku[season.sku]
    tier = product.tiers_on(season.now.date())[1]
    assert tier.price_fen < product.price_for(1, season.now.date())  # type: ignore[operator]
    people = tier.min_quantity // 5 + 1
    round_ = open_round(season)
    for number in range(people):
        joined(season, round_, number, {season.sku: 5})
    before = orders(season)
    order = closed(season, round_)
    (line,) = lines_of(season.session, order.id)
    assert (line.quantity, line.price_fen) == (people * 5, tier.price_fen)
    assert orders(season) == before + 1
    assert (round_.status, round_.order_id) == (RoundStatus.ORDERED, order.id)
    assert order.recipient == {
        "name": "王组织（示例）", "phone": "+8613800000000", "address": "一楼大厅（示例）",
    }  # fmt: skip
    occasion = season.session.get_one(Occasion, round_.occasion_id)
    assert (occasion.status, order.occasion_id) == (OccasionStatus.CLOSED, occasion.id)
    with pytest.raises(MoveRefusedError):
        closed(season, round_)
    assert orders(season) == before + 1


def test_an_empty_round_orders_nothing_and_stays_open(season: Season) -> None:
    round_, before = open_round(season), orders(season)
    with pytest.raises(NobodyJoined), season.session.begin_nested():
        closed(season, round_)
    assert (round_.status, orders(season)) == (RoundStatus.OPEN, before)


def test_the_clock_closes_what_is_due_cancels_what_is_empty_and_leaves_the_rest(season: Season) -> None:
    due, empty, later = open_round(season, hours=1), open_round(season, hours=1), open_round(season, hours=3)
    for round_ in (due, later):
        joined(season, round_, 1, {season.sku: 2})
    assert by_the_clock(season, 0) == 0
    assert by_the_clock(season, 1) == 2
    assert [row.status for row in (due, empty, later)] == [
        RoundStatus.ORDERED, RoundStatus.CANCELLED, RoundStatus.OPEN,
    ]  # fmt: skip
    assert by_the_clock(season, 1) == 0


def test_what_the_clock_cannot_order_stays_closed_with_the_reason_and_stops_no_other(season: Season) -> None:
    bad, good = open_round(season, hours=1), open_round(season, actions.Terms(NECTARINE, 1, 5), hours=1)
    joined(season, bad, 1, {season.sku: 2})
    joined(season, good, 1, {NECTARINE: 2})
    season.session.execute(text("UPDATE products SET status = 'withdrawn' WHERE sku = :sku"), {"sku": season.sku})
    assert by_the_clock(season, 1) == 2
    assert (bad.status, bad.refusal, bad.order_id) == (RoundStatus.CLOSED, NotForSale.code, None)
    assert good.status is RoundStatus.ORDERED
    season.session.execute(text("UPDATE products SET status = 'listed' WHERE sku = :sku"), {"sku": season.sku})
    closed(season, bad)
    assert (bad.status, bad.refusal) == (RoundStatus.ORDERED, None)


def test_a_round_is_for_one_firm_of_a_unit_and_closes_in_time(season: Season) -> None:
    session = season.session
    foreign = session.execute(
        text(
            "SELECT sku FROM products WHERE is_food AND NOT is_fresh AND status = 'listed' AND firm_id <> :firm LIMIT 1"
        ),
        {"firm": season.product.firm_id},
    ).scalar_one()  # fmt: skip
    with pytest.raises(OneSellerPerOrder):
        open_round(season, actions.Terms(season.sku, 1, 5), actions.Terms(foreign, 1, 5))
    with pytest.raises(NoRoundsHere):
        open_round(season, partner="SHOP")
    for hours in (0, 24 * 61):
        with pytest.raises(ClosesTooLate):
            open_round(season, hours=hours)
    assert session.scalar(select(func.count()).select_from(Round)) == 0


def test_before_the_order_a_round_is_called_off_and_afterwards_not(season: Season) -> None:
    round_ = open_round(season)
    actions.cancel_round(season.session, round_, actor_id=None, now=season.now, reason="货源有变")
    assert round_.status is RoundStatus.CANCELLED
    ordered = open_round(season)
    joined(season, ordered, 1, {season.sku: 1})
    closed(season, ordered)
    with pytest.raises(MoveRefusedError):
        actions.cancel_round(season.session, ordered, actor_id=None, now=season.now)


def test_a_round_whose_order_was_cancelled_is_cancelled_and_no_other(season: Season) -> None:
    fallen, standing = open_round(season), open_round(season)
    for number, round_ in enumerate((fallen, standing), 1):
        joined(season, round_, number, {season.sku: 1})
    order = closed(season, fallen)
    closed(season, standing)
    assert actions.follow_cancelled(season.session, now=season.now) == 0
    cancel(season.session, order, actor_id=None, now=season.now)
    assert [actions.follow_cancelled(season.session, now=season.now) for _ in range(2)] == [1, 0]
    assert (fallen.status, fallen.order_id, standing.status) == (RoundStatus.CANCELLED, order.id, RoundStatus.ORDERED)


def test_an_entry_is_taken_out_with_a_reason_and_without_a_name(season: Season) -> None:
    round_ = open_round(season)
    joined(season, round_, 1, {season.sku: 1})
    actions.remove_entry(season.session, round_, 1, "不是本单位人员", actor_id=None, now=season.now)
    assert season.session.scalar(select(func.count()).select_from(RoundEntry)) == 0
    kept = season.session.execute(
        text("SELECT reason, facts::text FROM history WHERE entity_type = 'rounds' AND event = 'remove'")
    ).one()
    assert tuple(kept) == ("不是本单位人员", '{"position": 1}')
    with pytest.raises(NotFoundError):
        actions.remove_entry(season.session, round_, 1, "再来一次", actor_id=None, now=season.now)


def test_what_came_whole_is_what_was_asked(season: Season) -> None:
    round_ = delivered_round(season, (2, 3, 1))
    found = list_of(season, round_)
    assert [(p.position, p.items[0].asked, p.items[0].received) for p in found.people] == [
        (1, 2, 2), (2, 3, 3), (3, 1, 1),
    ]  # fmt: skip
    (line,) = lines_of(season.session, round_.order_id or 0)
    assert sum(person.amount_fen for person in found.people) == line.accepted_fen
    assert found.loose == []
    assert [(box["box"], box["position"]) for box in queries.boxes(found.people)] == [
        (1, 1), (2, 1), (3, 2), (4, 2), (5, 2), (6, 3),
    ]  # fmt: skip


def test_a_short_delivery_is_shared_by_what_was_asked_and_adds_up_to_the_fen(season: Season) -> None:
    pack_g = season.product.net_weight_g
    round_ = delivered_round(season, (4, 4, 2), refused_g=2 * pack_g + pack_g // 2)
    found = list_of(season, round_)
    # Ten packs were asked for, seven and a half came: 4·7/10 = 2.8, 2.8, 1.4.
    assert [person.items[0].received for person in found.people] == [3, 3, 1]
    (line,) = lines_of(season.session, round_.order_id or 0)
    (rest,) = found.loose
    assert rest.weight_g == pack_g // 2
    assert sum(person.amount_fen for person in found.people) + rest.amount_fen == line.accepted_fen


def test_goods_are_handed_out_once_they_came_and_once_each(season: Season) -> None:
    waiting = open_round(season)
    joined(season, waiting, 1, {season.sku: 1})
    closed(season, waiting)
    who = season.session.execute(
        text(
            "INSERT INTO people (login, name_zh, password_hash, created_at)"
            " VALUES ('organiser', '某人（示例）', 'x', now()) RETURNING id"
        )
    ).scalar_one()  # fmt: skip
    with pytest.raises(NothingToHandOut):
        actions.hand_out(season.session, waiting, [1], actor_id=who, now=season.now)
    round_ = delivered_round(season, (1, 1))
    with pytest.raises(NotFoundError):
        actions.hand_out(season.session, round_, [1, 9], actor_id=who, now=season.now)
    assert season.session.scalar(select(func.count()).select_from(HandOut)) == 0
    for _ in range(2):
        actions.hand_out(season.session, round_, [2], actor_id=who, now=season.now)
    assert [person.handed_at is not None for person in list_of(season, round_).people] == [False, True]
    assert round_.status is RoundStatus.ORDERED
    actions.hand_out(season.session, round_, [1, 2], actor_id=who, now=season.now)
    assert round_.status is RoundStatus.FINISHED


def test_half_a_year_after_a_round_is_over_nobody_who_joined_is_known_and_packs_stay(season: Season) -> None:
    over, running = delivered_round(season, (2, 3)), open_round(season)
    joined(season, running, 7, {season.sku: 1})
    season.session.execute(text("UPDATE rounds SET status = 'finished' WHERE id = :id"), {"id": over.id})
    season.session.flush()
    for days, known in ((181, 2), (182 + 2, 0)):
        actions.forget_people(season.session, now=season.now + timedelta(days=days))
        names = season.session.scalars(select(RoundEntry.name_zh).where(RoundEntry.round_id == over.id)).all()
        assert sum(name != actions.FORGOTTEN_ZH for name in names) == known
    rows = season.session.execute(
        select(RoundEntry.phone_e164, RoundEntry.staff_number).where(RoundEntry.round_id == over.id)
    ).all()
    assert sorted(map(tuple, rows)) == [(None, "#1"), (None, "#2")]
    assert actions.forget_people(season.session, now=season.now + timedelta(days=400)) == 0
    season.session.expire_all()
    assert [person.items[0].asked for person in list_of(season, over).people] == [2, 3]
    assert season.session.scalar(select(RoundEntry.name_zh).where(RoundEntry.round_id == running.id)) == "同事7（示例）"
