"""Packs taken off before they are sent: exact money, the tier by who took them off (T16, T18)."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from shop.access.actions import create_person
from shop.agreements.models import Side
from shop.catalog.actions import set_prices
from shop.channels.models import Approver, Coupon, CouponPayer
from shop.income.actions import settle_and_reach
from shop.kit.clock import WalkingClock, beijing_day
from shop.kit.db import release, transaction
from shop.kit.errors import DomainError, MoveRefusedError, NotFoundError
from shop.kit.money import split
from shop.kit.states import History
from shop.orders import cuts
from shop.orders.actions import Verdict, accept, approve, cancel, dispatch
from shop.orders.cuts import Less
from shop.orders.errors import (
    CouponWouldNotHold,
    CutBeyondOrder,
    NotACallOff,
    NotCutHere,
    NothingWouldBeLeft,
    NotTheApprover,
    NotWholePacks,
)
from shop.orders.locks import lines_of, locked_order
from shop.orders.models import Order, OrderCut, OrderStatus, PriceBasis
from shop.orders.pricing import standing_amount
from shop.payments.actions import refund_excess
from shop.reports.books import CHECKS, run_checks
from shop.stock.models import Pool
from tests.factories.rounds import closed, joined, open_round
from tests.factories.sales import NECTARINE, Season, agreement_of, ready
from tests.factories.shopfiles import desk, sold
from tests.live.test_live_coupons import order as ordered
from tests.live.test_live_coupons import promise

S = OrderStatus
#: The checks of orders, stock and money that need no job to have run.
BOOKS = [check for check in CHECKS if check.code in ("I02", "I03", "I04", "I04-lines", "I06", "I07", "I07-cuts", "I08",
                                                      "I08-lines", "I09", "I13", "I14", "I14-orders", "I30",
                                                      "I30-facts", "L3", "S1", "S2", "S3")]  # fmt: skip


def off(season: Season, order: Order, *asked: Less, by: Side = Side.BUYER) -> list[cuts.Taken]:
    taken = cuts.cut(
        season.session, order, asked, by=by, reason="少要", goods=season.goods(), actor_id=None, now=season.now
    )
    season.session.flush()
    return taken


def paid_back(season: Season, order: Order) -> int:
    """Fen that the job gives back, and the provider tells of it."""
    before = order.refunded_fen
    refund_excess(season.session, order.id, now=season.now)
    season.tell_refunds()
    season.session.refresh(order)
    return order.refunded_fen - before


def free(season: Season, sku: str) -> int:
    season.session.flush()
    product_id = season.goods().by_sku[sku].product_id
    where = (Pool.product_id == product_id, Pool.occasion_id.is_(None))
    return season.session.execute(select(Pool.available_g).where(*where)).scalar_one()


def books(season: Season) -> list[str]:
    season.session.flush()
    return [str(found) for found in run_checks(season.session.connection(), BOOKS, now=season.now)]


def everything(season: Season) -> object:
    season.session.flush()
    tables = ("orders", "order_lines", "order_cuts", "pools", "reservations", "history", "outbox")
    return season.session.execute(
        text(
            "SELECT " + ", ".join(f"(SELECT md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {t} t)" for t in tables)
        )
    ).one()


def test_a_buyer_takes_packs_off_and_has_their_money_and_the_firm_its_stock(season: Season) -> None:
    before = free(season, season.sku)
    order = season.paid(quantity=5)
    price = lines_of(season.session, order.id)[0].price_fen
    (taken,) = off(season, order, Less(season.sku, packs=2))
    assert (taken.weight_g, taken.packs, taken.amount_fen) == (5_000, 2, 2 * price)
    assert (order.status, order.total_fen, order.paid_fen) == (S.CONFIRMED, 5 * price, 5 * price)
    assert free(season, season.sku) == before - 3 * 2_500
    assert paid_back(season, order) == 2 * price
    assert paid_back(season, order) == 0
    season.settled(order)
    line = lines_of(season.session, order.id)[0]
    assert (line.dispatched_g, line.accepted_g, line.accepted_fen) == (7_500, 7_500, 3 * price)
    assert books(season) == []


def test_the_firm_sends_less_of_what_it_has_begun_to_send(season: Season) -> None:
    order = season.pays(season.several({season.sku: 3, NECTARINE: 2}))
    peach, nectarine = lines_of(season.session, order.id)
    dispatch(
        season.session, order, {season.sku: 7_500}, carrier_zh=None, tracking_number=None, actor_id=None, now=season.now
    )
    off(season, order, Less(NECTARINE, packs=1), by=Side.FIRM)
    assert order.status is S.PARTLY_DISPATCHED
    off(season, order, Less(NECTARINE, packs=1), by=Side.FIRM)
    assert order.status is S.DISPATCHED, "all that stands was sent"
    assert paid_back(season, order) == nectarine.amount_fen
    accept(season.session, order, None, actor_id=None, now=season.now)
    assert [line.accepted_fen for line in lines_of(season.session, order.id)] == [peach.amount_fen, 0]
    assert paid_back(season, order) == 0
    assert books(season) == []


@pytest.mark.parametrize(
    ("wanted", "by", "each"), [(10, Side.BUYER, 3_880), (10, Side.FIRM, 3_680), (100, Side.BUYER, 3_780)]
)
def test_t16_who_orders_a_thousand_and_takes_nearly_all_off_pays_the_tier_of_what_he_wants(
    season: Season, wanted: int, by: Side, each: int
) -> None:
    season.made(season.sku, 3_000_000)
    tiers = [(1, 3_880), (100, 3_780), (1_000, 3_680)]
    set_prices(season.session, season.product, beijing_day(season.now), tiers, actor_id=None, now=season.now)
    order = season.approved("UNIT", 1_000)
    assert order.total_fen == 3_680_000
    (taken,) = off(season, order, Less(season.sku, packs=1_000 - wanted), by=by)
    assert taken.amount_fen == 3_680_000 - wanted * each
    season.settled(order)
    assert lines_of(season.session, order.id)[0].accepted_fen == wanted * each
    assert books(season) == []


def test_fewer_packs_never_cost_more_and_what_the_firm_could_not_send_counts_for_the_buyer(season: Season) -> None:
    tiers = [(1, 4_000), (10, 3_000)]
    set_prices(season.session, season.product, beijing_day(season.now), tiers, actor_id=None, now=season.now)
    order = season.approved("UNIT", 12)
    assert off(season, order, Less(season.sku, packs=2), by=Side.FIRM)[0].amount_fen == 6_000
    # He still wants 11 of 12: the tier of 10 is his, though 9 come.
    assert off(season, order, Less(season.sku, packs=1))[0].amount_fen == 3_000
    # 9 wanted, 7 come at 40.00: 28,000 would be more than the 27,000 that the 9 before cost.
    assert off(season, order, Less(season.sku, packs=2))[0].amount_fen == 0
    assert off(season, order, Less(season.sku, packs=1))[0].amount_fen == 27_000 - 6 * 4_000
    assert lines_of(season.session, order.id)[0].standing_fen == 24_000
    assert books(season) == []


class Line:
    """A line by the pack: packs of 500 g."""

    price_basis = PriceBasis.PACK
    unit_weight_g = 500

    def __init__(self, quantity: int, discount_fen: int) -> None:
        self.quantity, self.discount_fen = quantity, discount_fen


@given(st.integers(1, 40), st.integers(100, 9_999), st.integers(0, 99), st.lists(st.integers(1, 9), max_size=12))
def test_packs_taken_off_in_any_steps_give_back_what_was_paid_for_them(
    packs: int, price: int, percent: int, steps: list[int]
) -> None:
    discount = packs * price * percent // 100
    line, left, back = Line(packs, discount), packs, 0
    parts = split(discount, [1] * packs)
    for step in steps:
        going = min(step, left)
        worth = standing_amount(line, left * 500, price) - standing_amount(line, (left - going) * 500, price)
        assert worth == sum(price - parts[place] for place in range(left - going, left))
        left, back = left - going, back + worth
    assert back + standing_amount(line, left * 500, price) == packs * price - discount


def test_with_a_coupon_each_pack_has_its_part_of_it_and_who_promised_it_its_part_back(season: Season) -> None:
    promise(season, "H5", CouponPayer.HOST, None)
    order = season.pays(ordered(season, "H5", quantity=3))
    assert order.total_fen == 9_000 - 500
    # 500 over three packs: 167, 167, 166. Two packs stay worth 6,000, more than the 5,000 that the coupon asks for.
    assert off(season, order, Less(season.sku, packs=1))[0].amount_fen == 3_000 - 166
    before = everything(season)
    with pytest.raises(CouponWouldNotHold):
        off(season, order, Less(season.sku, packs=1))
    assert everything(season) == before
    assert off(season, order, Less(season.sku, packs=1), by=Side.FIRM)[0].amount_fen == 3_000 - 167
    assert paid_back(season, order) == 6_000 - 333
    season.settled(order)
    assert lines_of(season.session, order.id)[0].accepted_fen == 3_000 - 167
    assert season.session.scalar(select(Coupon.spent_fen).where(Coupon.code == "H5")) == 500
    assert books(season) == []


REFUSED: list[tuple[str, Callable[[Season], Order], Less, type[DomainError]]] = [
    ("all of it", lambda season: season.paid(), Less("PEACH", packs=2), NothingWouldBeLeft),
    ("more than there is", lambda season: season.paid(), Less("PEACH", packs=3), CutBeyondOrder),
    ("half a pack", lambda season: season.paid(), Less("PEACH", weight_g=1_250), NotWholePacks),
    ("what was not ordered", lambda season: season.paid(), Less("PL079", packs=1), NotFoundError),
    ("not paid yet", lambda season: season.placed(), Less("PEACH", packs=1), MoveRefusedError),
    ("not approved yet", lambda season: season.asked("UNIT"), Less("PEACH", packs=1), MoveRefusedError),
    ("sent", lambda season: sent(season), Less("PEACH", packs=1), MoveRefusedError),
    ("called by an agreement", lambda season: season.called(agreement_of(season), 9_000), Less("PEACH", weight_g=1_000),
     NotCutHere),
]  # fmt: skip


def sent(season: Season) -> Order:
    order = season.paid()
    dispatch(season.session, order, None, carrier_zh=None, tracking_number=None, actor_id=None, now=season.now)
    return order


@pytest.mark.parametrize(
    ("what", "reach", "less", "why"), REFUSED, ids=lambda value: value if isinstance(value, str) else ""
)
def test_what_cannot_be_taken_off_changes_nothing(
    season: Season, what: str, reach: Callable[[Season], Order], less: Less, why: type[DomainError]
) -> None:
    order = reach(season)
    asked = Less(season.sku, less.packs, less.weight_g) if less.sku == "PEACH" else less
    before = everything(season)
    with pytest.raises(why):
        off(season, order, asked)
    assert everything(season) == before, what


def test_a_round_and_a_marketplace_are_refused_to_the_buyer_and_a_round_not_to_the_firm(season: Season) -> None:
    round_ = open_round(season)
    joined(season, round_, 1, {season.sku: 3})
    order = closed(season, round_)
    approve(season.session, order, actor_id=None, now=season.now)
    desk(season).orders(sold("7001", season.sku, packs=2, yuan="79.60"))
    there = season.session.scalars(select(Order).order_by(Order.id.desc())).first()
    assert there is not None
    before = everything(season)
    for refused, by in ((order, Side.BUYER), (there, Side.BUYER), (there, Side.FIRM)):
        with pytest.raises(NotCutHere):
            off(season, refused, Less(season.sku, packs=1), by=by)
    assert everything(season) == before
    off(season, order, Less(season.sku, packs=1), by=Side.FIRM)
    assert books(season) == []


def part_sent(season: Season, order: Order, grams: int) -> Order:
    dispatch(
        season.session, order, {season.sku: grams}, carrier_zh=None, tracking_number=None, actor_id=None, now=season.now
    )
    return order


def closes(season: Season, order: Order, by: Side) -> list[cuts.Taken]:
    return cuts.close_rest(
        season.session, order, by=by, reason="企业不再发货", goods=season.goods(), actor_id=None, now=season.now
    )


def test_the_county_closes_what_never_came_where_the_coupon_lets_the_buyer_cut_nothing(season: Season) -> None:
    promise(season, "H5", CouponPayer.HOST, None)
    order = part_sent(season, season.pays(ordered(season, "H5", quantity=2)), 2_500)
    before = everything(season)
    for why, attempt in (
        (CouponWouldNotHold, lambda: off(season, order, Less(season.sku, packs=1))),
        (NotACallOff, lambda: closes(season, order, Side.BUYER)),
        (MoveRefusedError, lambda: accept(season.session, order, None, actor_id=None, now=season.now)),
    ):
        with pytest.raises(why):
            attempt()
    assert everything(season) == before
    [taken] = closes(season, order, Side.COUNTY)
    assert (taken.packs, taken.amount_fen, order.status) == (1, 3_000 - 250, S.DISPATCHED)
    told = season.session.scalars(select(History.facts).where(History.event == "cut_rest")).one()
    assert (told["by"], told["closed_by"]) == ("firm", "county")
    assert paid_back(season, order) == 3_000 - 250
    accept(season.session, order, None, actor_id=None, now=season.now)
    settle_and_reach(season.session, order.id, now=season.now)
    assert lines_of(season.session, order.id)[0].accepted_fen == 3_000 - 250
    assert books(season) == []


@pytest.mark.parametrize("grams", [600, 3_100])
def test_a_pack_that_came_in_part_is_paid_in_part_when_the_county_closes_the_rest(season: Season, grams: int) -> None:
    order = season.paid(quantity=2)
    [line] = lines_of(season.session, order.id)
    price, free_g = line.price_fen, free(season, season.sku)
    part_sent(season, order, grams)
    with pytest.raises(NotWholePacks):
        off(season, order, Less(season.sku, weight_g=5_000 - grams), by=Side.FIRM)
    [taken] = closes(season, order, Side.COUNTY)
    packs, loose_g = divmod(grams, 2_500)
    kept = packs * price + (price * loose_g * 2 + 2_500) // 5_000
    assert (taken.packs, taken.weight_g, taken.amount_fen) == (None, 5_000 - grams, 2 * price - kept)
    assert free(season, season.sku) == free_g + 5_000 - grams
    accept(season.session, order, None, actor_id=None, now=season.now)
    assert lines_of(season.session, order.id)[0].accepted_fen == kept
    assert paid_back(season, order) == 2 * price - kept
    settle_and_reach(season.session, order.id, now=season.now)
    assert books(season) == []


def test_what_a_round_ordered_and_never_came_is_closed_by_the_county(season: Season) -> None:
    round_ = open_round(season)
    joined(season, round_, 1, {season.sku: 3})
    order = closed(season, round_)
    approve(season.session, order, actor_id=None, now=season.now)
    goods = lines_of(season.session, order.id)[0]
    part_sent(season, order, goods.unit_weight_g)
    with pytest.raises(NotCutHere):
        off(season, order, Less(season.sku, packs=1))
    closes(season, order, Side.COUNTY)
    accept(season.session, order, None, actor_id=None, now=season.now)
    assert (order.status, books(season)) == (S.ACCEPTED, [])


def test_who_may_not_approve_for_a_unit_takes_nothing_off_for_it(season: Season) -> None:
    order = season.approved("UNIT", 3)
    chief, clerk = (
        create_person(
            season.session, login=login, name_zh="某人（示例）", password="long enough to remember", now=season.now
        )
        for login in ("chief", "clerk")
    )
    season.session.add(Approver(partner_id=order.partner_id, person_id=chief.id, named_at=season.now))
    before = everything(season)
    less = [Less(season.sku, packs=1)]
    with pytest.raises(NotTheApprover):
        cuts.plan_cut(season.session, order, less, by=Side.BUYER, goods=season.goods(), actor_id=clerk.id)
    assert everything(season) == before
    assert len(cuts.plan_cut(season.session, order, less, by=Side.BUYER, goods=season.goods(), actor_id=chief.id)) == 1


def test_what_is_called_by_the_kg_is_sent_short_by_the_gram_and_the_firm_is_behind(season: Season) -> None:
    order = season.called(agreement_of(season), 10_000)
    line = lines_of(season.session, order.id)[0]
    (taken,) = off(season, order, Less(season.sku, weight_g=1_234), by=Side.FIRM)
    assert (taken.weight_g, taken.packs) == (1_234, None)
    season.settled(order)
    line = lines_of(season.session, order.id)[0]
    assert line.accepted_fen == (8_766 * line.price_fen * 2 + 1_000) // 2_000
    assert line.cancelled_fen == line.amount_fen - line.accepted_fen
    assert books(season) == []


def test_an_order_that_was_cut_is_cancelled_whole_and_each_fen_goes_back_once(season: Season) -> None:
    before = free(season, season.sku)
    order = season.paid(quantity=3)
    off(season, order, Less(season.sku, packs=1))
    cancel(season.session, order, actor_id=None, now=season.now)
    assert paid_back(season, order) == order.paid_fen
    assert free(season, season.sku) == before
    assert books(season) == []


def test_what_was_refused_of_the_rest_is_owed_by_weight(season: Season) -> None:
    order = season.paid(quantity=4)
    price = lines_of(season.session, order.id)[0].price_fen
    off(season, order, Less(season.sku, packs=2), by=Side.FIRM)
    dispatch(season.session, order, None, carrier_zh=None, tracking_number=None, actor_id=None, now=season.now)
    accept(season.session, order, {season.sku: Verdict(2_500, "压伤")}, actor_id=None, now=season.now)
    assert paid_back(season, order) == 3 * price
    assert books(season) == []


def test_a_cut_is_kept_as_it_was(season: Season) -> None:
    off(season, season.paid(), Less(season.sku, packs=1))
    for change in ("UPDATE order_cuts SET reason = 'other'", "DELETE FROM order_cuts"):
        with pytest.raises(Exception, match="append-only"), season.session.begin_nested():
            season.session.execute(text(change))


def test_two_who_take_packs_off_at_once_never_take_more_than_there_is(county: Flask, clock: WalkingClock) -> None:
    with transaction() as session:
        season = ready(session, clock.now())
        order = season.paid(quantity=5)
        number, sku = order.number, season.sku
    assert at_once(county, number, sku, lock=True) == [False, True]
    with transaction() as session:
        (line,) = lines_of(session, locked_order(session, number).id)
        assert (line.cancelled_g, line.standing_g) == (7_500, 5_000)


def test_the_control_without_the_lock_of_the_order_takes_more_off_than_there_is(
    county: Flask, clock: WalkingClock
) -> None:
    """What the lock is for: without it both find enough left."""
    with transaction() as session:
        season = ready(session, clock.now())
        order = season.paid(quantity=5)
        number, sku = order.number, season.sku
        loose = {
            "order_lines": ["dispatched_within", "cancelled_within_line"], "reservations": ["adds_up"],
            "pools": ["never_below_zero"], "order_cuts": ["takes_something_off"],
        }  # fmt: skip
        for table, name in [(table, name) for table, names in loose.items() for name in names]:
            session.execute(text(f"ALTER TABLE {table} DROP CONSTRAINT ck_{table}_{name}"))
        session.execute(text("ALTER TABLE order_cuts DROP CONSTRAINT uq_order_cuts_order_id_position"))
    assert at_once(county, number, sku, lock=False) == [True, True]
    with transaction() as session:
        order_id = locked_order(session, number).id
        total = sum(session.scalars(select(OrderCut.packs).where(OrderCut.order_id == order_id)))
    assert total == 6 > 5


def at_once(app: Flask, number: str, sku: str, *, lock: bool) -> list[bool]:
    """Two take three of five packs off at the same moment; who was served."""
    start = Barrier(2)

    def take() -> bool:
        with app.app_context():
            try:
                with transaction() as session:
                    season = Season(session, app.extensions["clock"].now(), sku)
                    order = read(session, number, lock=lock, start=start)
                    plan = off_planned(season, order, start if not lock else None)
                    return bool(plan)
            except (CutBeyondOrder, NothingWouldBeLeft):
                return False
            finally:
                release()

    with ThreadPoolExecutor(2) as threads:
        return sorted(future.result() for future in [threads.submit(take) for _ in range(2)])


def read(session: Session, number: str, *, lock: bool, start: Barrier) -> Order:
    start.wait(timeout=20)
    if lock:
        return locked_order(session, number)
    return session.execute(select(Order).where(Order.number == number)).scalar_one()


def off_planned(season: Season, order: Order, both_read: Barrier | None) -> list[cuts.Taken]:
    """The cut, with both threads past their reading before either writes."""
    if both_read is not None:
        cuts.plan_cut(
            season.session, order, [Less(season.sku, packs=3)], by=Side.BUYER, goods=season.goods(), actor_id=None
        )
        both_read.wait(timeout=20)
    return off(season, order, Less(season.sku, packs=3))
