"""The life of an order: the moves that are possible, those that are not, and what each leaves behind (T24)."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select, text

from shop.kit.errors import MoveRefusedError
from shop.kit.states import History
from shop.orders.actions import Verdict, accept, approve, cancel, dispatch, expire, expire_unpaid
from shop.orders.errors import (
    AcceptanceDoesNotFit,
    AlreadyOnTheWay,
    DispatchBeyondOrder,
    NotApprovedByYou,
    NotInTheOrder,
)
from shop.orders.jobs import REFUND_EXCESS, SETTLE_ORDER
from shop.orders.locks import lines_of
from shop.orders.models import Dispatch, Order, OrderStatus, Pick
from shop.orders.place import HOLD_TIME
from shop.orders.states import ORDER_LIFE, STATE_ZH
from shop.stock.errors import NotEnoughStock
from shop.stock.models import Pool, Reservation
from tests.factories.sales import NECTARINE, Season

S = OrderStatus
EVENTS = sorted({event for _, event in ORDER_LIFE.moves})


def send(season: Season, order: Order, weights: dict[str, int] | None = None) -> Dispatch:
    return dispatch(
        season.session, order, weights, carrier_zh=None, tracking_number=None, actor_id=None, now=season.now
    )


def take(season: Season, order: Order, verdicts: dict[str, Verdict] | None = None) -> None:
    accept(season.session, order, verdicts, actor_id=None, now=season.now)


def stock(season: Season, order: Order) -> list[tuple[int, int, int]]:
    """(available, reserved, sold) grams of the pools of the order's products."""
    season.session.flush()
    products = [line.product_id for line in lines_of(season.session, order.id)]
    rows = season.session.execute(
        select(Pool.available_g, Pool.reserved_g, Pool.sold_g).where(Pool.product_id.in_(products)).order_by(Pool.id)
    )
    return [(row[0], row[1], row[2]) for row in rows]


def everything(season: Season) -> object:
    season.session.flush()
    tables = ("orders", "order_lines", "pools", "reservations", "dispatches", "picks", "history", "outbox", "call_offs")
    return season.session.execute(
        text(
            "SELECT " + ", ".join(f"(SELECT md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {t} t)" for t in tables)
        )
    ).one()


#: How an order comes to each state.
REACH: dict[OrderStatus, Callable[[Season], Order]] = {
    S.PLACED: lambda season: season.placed(),
    S.CONFIRMED: lambda season: season.paid(),
    S.PARTLY_DISPATCHED: lambda season: partly(season),
    S.DISPATCHED: lambda season: whole(season),
    S.ACCEPTED: lambda season: season.accepted(season.paid()),
    S.SETTLED: lambda season: season.settled(season.paid()),
    S.CANCELLED: lambda season: ended(season, "cancel"),
    S.EXPIRED: lambda season: ended(season, "expire"),
}


def partly(season: Season) -> Order:
    order = season.paid()
    send(season, order, {season.sku: 1_000})
    return order


def whole(season: Season) -> Order:
    order = season.paid()
    send(season, order)
    return order


def ended(season: Season, event: str) -> Order:
    order = season.placed()
    if event == "cancel":
        cancel(season.session, order, actor_id=None, now=season.now)
    else:
        expire(season.session, order, now=season.now)
    return order


#: What people may try in any state, and the event it stands for.
TRIES: dict[str, Callable[[Season, Order], object]] = {
    "cancel": lambda season, order: cancel(season.session, order, actor_id=None, now=season.now),
    "expire": lambda season, order: expire(season.session, order, now=season.now),
    "dispatch": lambda season, order: send(season, order),
    "accept": lambda season, order: take(season, order),
}


@pytest.mark.parametrize("event", TRIES)
@pytest.mark.parametrize("state", list(S))
def test_t24_a_move_that_the_table_has_not_is_refused_and_changes_nothing(
    season: Season, state: OrderStatus, event: str
) -> None:
    order = REACH[state](season)
    assert order.status is state
    if ORDER_LIFE.allows(state, event):
        TRIES[event](season, order)
        assert order.status is ORDER_LIFE.next(state, event)
        return
    before = everything(season)
    with pytest.raises((MoveRefusedError, AlreadyOnTheWay)):
        TRIES[event](season, order)
    assert everything(season) == before
    assert order.status is state


def test_every_state_has_a_chinese_name_and_a_way_to_it() -> None:
    assert set(STATE_ZH) == set(REACH) == set(S)
    reached = {S.PLACED} | set(ORDER_LIFE.moves.values())
    assert reached == set(S)
    over = {state for state in S if not any(ORDER_LIFE.allows(state, event) for event in EVENTS)}
    assert over == {S.SETTLED, S.CANCELLED, S.EXPIRED}


def test_every_move_leaves_its_line_of_history(season: Season) -> None:
    order = season.settled(season.paid())
    told = season.session.execute(
        select(History.event, History.from_state, History.to_state)
        .where(History.entity_type == "orders", History.entity_id == order.id)
        .order_by(History.id)
    ).all()
    assert [tuple(row) for row in told] == [
        ("place", None, "placed"), ("pay", "placed", "confirmed"), ("dispatch", "confirmed", "dispatched"),
        ("accept", "dispatched", "accepted"), ("settle", "accepted", "settled"),
    ]  # fmt: skip


@pytest.mark.parametrize("event", ["cancel", "expire"])
def test_what_ends_unfulfilled_gives_its_stock_back(season: Season, event: str) -> None:
    season.placed(quantity=1)
    before = stock(season, season.placed(quantity=1))
    order = ended(season, event)
    assert stock(season, order) == before
    held = season.session.scalar(
        select(Reservation.held_g).where(Reservation.id == lines_of(season.session, order.id)[0].reservation_id)
    )
    assert held == 0


def test_a_paid_order_that_is_cancelled_asks_for_its_money_back_and_an_unpaid_one_does_not(season: Season) -> None:
    ended(season, "cancel")
    assert REFUND_EXCESS.name not in season.jobs()
    cancel(season.session, season.paid(), actor_id=None, now=season.now)
    assert season.jobs().count(REFUND_EXCESS.name) == 1


def test_only_holds_that_lapsed_expire_oldest_first_and_bounded(season: Season) -> None:
    old, older_paid = season.placed(), season.paid()
    unit = season.asked("UNIT")
    season.now += timedelta(minutes=1)
    young = season.placed()
    assert expire_unpaid(season.session, now=season.now + HOLD_TIME - timedelta(minutes=1)) == 0
    at_last = season.now + HOLD_TIME
    assert expire_unpaid(season.session, now=at_last, limit=1) == 1
    assert (old.status, older_paid.status, unit.status, young.status) == (S.EXPIRED, S.CONFIRMED, S.PLACED, S.PLACED)
    assert expire_unpaid(season.session, now=at_last + timedelta(seconds=1)) == 1
    assert expire_unpaid(season.session, now=at_last + timedelta(days=9)) == 0


def test_a_unit_s_order_holds_stock_from_its_approval_on(season: Season) -> None:
    order = season.asked("UNIT", 5)
    available, reserved, sold = stock(season, order)[0]
    approve(season.session, order, actor_id=None, now=season.now)
    assert stock(season, order)[0] == (available - 12_500, reserved + 12_500, sold)
    assert order.confirmed_at == season.now
    with pytest.raises(MoveRefusedError):
        approve(season.session, order, actor_id=None, now=season.now)


def test_an_order_that_is_paid_in_advance_is_approved_by_nobody(season: Season) -> None:
    order = season.placed()
    with pytest.raises(NotApprovedByYou):
        approve(season.session, order, actor_id=None, now=season.now)
    assert order.status is S.PLACED


def test_approving_more_than_there_is_says_how_much_is_short_and_changes_nothing(season: Season) -> None:
    available = stock(season, season.placed(quantity=1))[0][0]
    order = season.asked("UNIT", available // 2_500 + 1)
    before = everything(season)
    with pytest.raises(NotEnoughStock) as refused, season.session.begin_nested():
        approve(season.session, order, actor_id=None, now=season.now)
    assert refused.value.facts["short"] == [
        {"sku": season.sku, "asked_g": order_weight(season, order), "left_g": available}
    ]
    assert everything(season) == before


def order_weight(season: Season, order: Order) -> int:
    return sum(line.weight_g for line in lines_of(season.session, order.id))


def test_an_order_goes_out_in_parcels_until_all_is_sent(season: Season) -> None:
    order = season.pays(season.several({season.sku: 2, NECTARINE: 1}))
    send(season, order, {season.sku: 1_000})
    send(season, order, {season.sku: 4_000, NECTARINE: 500})
    assert order.status is S.PARTLY_DISPATCHED
    before = everything(season)
    with pytest.raises(DispatchBeyondOrder) as refused:
        send(season, order, {NECTARINE: 2_001})
    assert refused.value.facts == {"sku": NECTARINE, "left_g": 2_000, "asked_g": 2_001}
    with pytest.raises(NotInTheOrder):
        send(season, order, {"PL079": 1})
    assert everything(season) == before
    last = send(season, order)
    assert (order.status, last.position) == (S.DISPATCHED, 3)
    picked = season.session.execute(
        select(Dispatch.position, Pick.weight_g)
        .join(Pick, Pick.dispatch_id == Dispatch.id)
        .where(Dispatch.order_id == order.id)
        .order_by(Dispatch.position, Pick.order_line_id)
    )
    assert [tuple(row) for row in picked] == [(1, 1_000), (2, 4_000), (2, 500), (3, 2_000)]


@pytest.mark.parametrize(
    ("verdict", "why"),
    [
        (Verdict(5_001), "more than was sent"),
        (Verdict(4_999), "no reason"),
        (Verdict(0), "no reason"),
        (Verdict(4_999, ""), "an empty reason"),
    ],
)
def test_an_acceptance_that_does_not_fit_changes_nothing(season: Season, verdict: Verdict, why: str) -> None:
    order = whole(season)
    before = everything(season)
    with pytest.raises(AcceptanceDoesNotFit):
        take(season, order, {season.sku: verdict})
    with pytest.raises(NotInTheOrder):
        take(season, order, {"PL079": Verdict(1)})
    assert everything(season) == before, why


@pytest.mark.parametrize(("accepted_g", "fen"), [(5_000, 7_960), (4_999, 7_958), (2_500, 3_980), (1, 2), (0, 0)])
def test_what_is_accepted_is_owed_by_weight(season: Season, accepted_g: int, fen: int) -> None:
    order = whole(season)
    take(season, order, {season.sku: Verdict(accepted_g, None if accepted_g == 5_000 else "压伤")})
    (line,) = lines_of(season.session, order.id)
    assert (line.accepted_g, line.refused_g, line.accepted_fen) == (accepted_g, 5_000 - accepted_g, fen)
    assert season.jobs().count(SETTLE_ORDER.name) == 1
    assert (order.accepted_at, order.due_on) == (season.now, None)


def test_an_invoice_is_due_as_the_partner_agreed(season: Season) -> None:
    order = season.accepted(season.approved("UNIT", 5))
    assert order.due_on is not None
    assert (order.due_on - season.now.date()).days == 30
