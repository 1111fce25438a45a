"""Pre-sales: a cap that is never oversold, lots that serve who ordered first, money back when it is late."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from threading import Barrier

import pytest
from flask import Flask
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from shop.agreements.models import Side
from shop.kit.clock import WalkingClock, at_beijing, beijing_day
from shop.kit.db import release, transaction
from shop.kit.errors import DomainError
from shop.orders.actions import approve, cancel, dispatch, expire_unpaid
from shop.orders.cuts import Less, cut
from shop.orders.errors import PresaleNotOpen
from shop.orders.locks import lines_of, locked_order_by_id
from shop.orders.models import Order, OrderStatus
from shop.orders.place import HOLD_TIME, Asked
from shop.orders.presales import LATE_ZH, end_overdue
from shop.payments.actions import refund_excess
from shop.reports.books import CHECKS, run_checks
from shop.stock.errors import NotEnoughStock, PresaleDatesDoNotFit, PresaleFull, PresaleRuns
from shop.stock.models import Pool, Presale, Reservation
from shop.stock.presales import PresaleRow, end_presale, open_presale, presale_row, take
from shop.stock.serving import serve_waiting
from tests.factories.sales import NECTARINE, Season, ready

S = OrderStatus
PROVED = {
    "I01", "I02", "I03", "I04", "I04-lines", "I04-presales", "I06", "I07", "I07-cuts", "I08", "I13", "I30", "I30-facts",
}  # fmt: skip
BOOKS = [check for check in CHECKS if check.code in PROVED]
PACK = 2_500


def opened(season: Season, packs: int = 10) -> Presale:
    """A pre-sale from today for ten days, sent within twenty."""
    day = beijing_day(season.now)
    return open_presale(
        season.session, season.product, packs, day, day + timedelta(days=10), day + timedelta(days=20), actor_id=None,
        now=season.now,
    )  # fmt: skip


def ordered(season: Season, presale: Presale, packs: int, partner: str = "SHOP") -> Order:
    season.session.refresh(presale)
    buyer = None if partner == "UNIT" else season.customer()
    placed = season.ask(partner, [Asked(season.sku, packs)], buyer, presale=presale_row(presale))
    return locked_order_by_id(season.session, placed.order_id)


def taken(season: Season, presale: Presale) -> int:
    season.session.flush()
    season.session.refresh(presale)
    return presale.taken_g // PACK


def hold(season: Season, order: Order) -> tuple[int, int]:
    """Grams that are there for an order, and those that it still waits for."""
    season.session.flush()
    (line,) = lines_of(season.session, order.id)
    found = season.session.execute(
        select(Reservation.held_g, Reservation.awaited_g).where(Reservation.id == line.reservation_id)
    ).one()
    return found[0], found[1]


def free(season: Season) -> int:
    season.session.flush()
    return season.session.execute(
        select(Pool.available_g).where(Pool.product_id == season.product.id, Pool.occasion_id.is_(None))
    ).scalar_one()


def sold_out(season: Season) -> None:
    """Everything that is there is asked for by a unit."""
    packs = free(season) // PACK
    order = season.asked("UNIT", packs)
    approve(season.session, order, actor_id=None, now=season.now)


def books(season: Season) -> list[str]:
    season.session.flush()
    return [str(found) for found in run_checks(season.session.connection(), BOOKS, now=season.now)]


def test_an_order_is_taken_from_the_cap_and_not_from_what_is_there(season: Season) -> None:
    there, presale = free(season), opened(season, 3)
    order = season.pays(ordered(season, presale, 2))
    assert (taken(season, presale), free(season), hold(season, order)) == (2, there, (0, 2 * PACK))
    with pytest.raises(PresaleFull) as refused, season.session.begin_nested():
        ordered(season, presale, 2)
    assert refused.value.facts == {"presale": presale.code, "left_g": PACK, "asked_g": 2 * PACK}
    assert taken(season, presale) == 2
    ordered(season, presale, 1)
    assert taken(season, presale) == 3
    with pytest.raises(NotEnoughStock), season.session.begin_nested():
        dispatch(season.session, order, None, carrier_zh=None, tracking_number=None, actor_id=None, now=season.now)
    assert books(season) == []


def test_a_unit_orders_at_its_tier_and_takes_the_cap_when_it_approves(season: Season) -> None:
    presale = opened(season, 20)
    order = ordered(season, presale, 12, "UNIT")
    tier = season.goods().by_sku[season.sku].price_for(12, beijing_day(season.now))
    assert (order.total_fen, taken(season, presale)) == (12 * (tier or 0), 0)
    approve(season.session, order, actor_id=None, now=season.now)
    assert (taken(season, presale), hold(season, order)) == (12, (0, 12 * PACK))
    assert books(season) == []


def test_what_comes_to_nothing_gives_its_part_of_the_cap_back(season: Season) -> None:
    presale = opened(season, 10)
    lapsed, paid, fewer = (ordered(season, presale, packs) for packs in (2, 3, 4))
    season.pays(paid)
    season.pays(fewer)
    assert taken(season, presale) == 9
    cancel(season.session, paid, actor_id=None, now=season.now)
    cut(season.session, fewer, [Less(season.sku, packs=1)], by=Side.BUYER, reason="少要", goods=season.goods(),
        actor_id=None, now=season.now)  # fmt: skip
    assert taken(season, presale) == 5
    expire_unpaid(season.session, now=season.now + HOLD_TIME + timedelta(seconds=1))
    assert (taken(season, presale), locked_order_by_id(season.session, lapsed.id).status) == (3, S.EXPIRED)
    assert books(season) == []


def test_lots_that_come_serve_who_ordered_first_and_only_then_everybody(season: Season) -> None:
    sold_out(season)
    presale = opened(season, 20)
    first, second, third = (season.pays(ordered(season, presale, packs)) for packs in (4, 2, 3))
    rest = free(season)  # less than a pack, which is for them too
    season.made(season.sku, 3 * PACK)
    assert [hold(season, order) for order in (first, second, third)] == [
        (3 * PACK + rest, PACK - rest), (0, 2 * PACK), (0, 3 * PACK),
    ]  # fmt: skip
    assert free(season) == 0
    assert books(season) == []
    season.made(season.sku, 4 * PACK)
    assert [hold(season, order) for order in (first, second, third)] == [
        (4 * PACK, 0), (2 * PACK, 0), (PACK + rest, 2 * PACK - rest),
    ]  # fmt: skip
    cancel(season.session, second, actor_id=None, now=season.now)
    assert serve_waiting(season.session) == 2 * PACK - rest, "what came free goes to who waits"
    assert hold(season, third) == (3 * PACK, 0)
    assert serve_waiting(season.session) == 0
    season.made(season.sku, 5 * PACK)
    assert free(season) == 5 * PACK + rest
    season.settled(first)
    assert books(season) == []


def test_what_is_not_sent_by_its_day_is_cancelled_and_its_money_goes_back(season: Season) -> None:
    sold_out(season)
    presale = opened(season, 20)
    half, never = season.pays(ordered(season, presale, 4)), season.pays(ordered(season, presale, 2))
    unit = ordered(season, presale, 3, "UNIT")
    approve(season.session, unit, actor_id=None, now=season.now)
    season.made(season.sku, 3 * PACK)
    dispatch(
        season.session,
        half,
        {season.sku: 3 * PACK},
        carrier_zh=None,
        tracking_number=None,
        actor_id=None,
        now=season.now,
    )
    assert end_overdue(season.session, presale.ship_by, now=season.now) == 0, "that day it may still be sent"
    late = presale.ship_by + timedelta(days=1)
    assert end_overdue(season.session, late, now=season.now) == 3
    assert end_overdue(season.session, late, now=season.now) == 0
    assert [order.status for order in (half, never, unit)] == [S.DISPATCHED, S.CANCELLED, S.CANCELLED]
    for order in (half, never):
        refund_excess(season.session, order.id, now=season.now)
    season.tell_refunds()
    price = lines_of(season.session, half.id)[0].price_fen
    for order in (half, never):
        season.session.refresh(order)
    assert (half.refunded_fen, never.refunded_fen) == (price, 2 * price)
    reasons = season.session.scalars(
        text("SELECT DISTINCT reason FROM history WHERE entity_type = 'orders' AND event IN ('cancel', 'cut_rest')")
    ).all()
    assert reasons == [LATE_ZH]
    assert taken(season, presale) == 3
    assert books(season) == []


def test_an_early_end_takes_no_more_orders_and_keeps_those_that_stand(season: Season) -> None:
    presale = opened(season)
    order = season.pays(ordered(season, presale, 1))
    end_presale(season.session, presale, actor_id=None, now=season.now)
    with pytest.raises(PresaleNotOpen):
        ordered(season, presale, 1)
    assert order.status is S.CONFIRMED
    opened(season)  # another one may follow


WRONG: list[tuple[str, Callable[[date], tuple[date, date, date]], type[DomainError]]] = [
    ("opened yesterday", lambda day: (day - timedelta(1), day, day), PresaleDatesDoNotFit),
    ("closed before it opens", lambda day: (day + timedelta(2), day, day + timedelta(5)), PresaleDatesDoNotFit),
    ("sent before it closes", lambda day: (day, day + timedelta(5), day + timedelta(4)), PresaleDatesDoNotFit),
    ("sent in winter", lambda day: (day, day, date(2025, 12, 24)), PresaleDatesDoNotFit),
    ("more than a year ahead", lambda day: (day, day, day + timedelta(370)), PresaleDatesDoNotFit),
]


@pytest.mark.parametrize(("what", "days", "why"), WRONG, ids=[row[0] for row in WRONG])
def test_days_that_do_not_fit_open_no_presale(
    season: Season, what: str, days: Callable[[date], tuple[date, date, date]], why: type[DomainError]
) -> None:
    with pytest.raises(why):
        open_presale(season.session, season.product, 5, *days(beijing_day(season.now)), actor_id=None, now=season.now)
    assert season.session.scalars(select(Presale.id)).all() == [], what


def test_one_presale_of_a_product_takes_orders_on_a_day(season: Season) -> None:
    running = opened(season)
    with pytest.raises(PresaleRuns):
        opened(season)
    assert season.session.scalars(select(Presale.code)).all() == [running.code]


def test_a_presale_order_holds_its_product_alone_in_channels_that_sell_from_stock(season: Season) -> None:
    row = presale_row(opened(season))
    customer = season.customer()
    for lines, way in (
        ([Asked(season.sku, 1), Asked(NECTARINE, 1)], {"partner": "SHOP"}),
        ([Asked(NECTARINE, 1)], {"partner": "SHOP"}),
        ([Asked(season.sku, 1)], {"partner": "HOST", "occasion": "LIVE-1"}),
    ):
        with pytest.raises(PresaleNotOpen):
            season.ask(way["partner"], lines, customer, presale=row, **{k: v for k, v in way.items() if k != "partner"})
    season.now += timedelta(days=11)
    with pytest.raises(PresaleNotOpen):
        season.ask("SHOP", [Asked(season.sku, 1)], customer, presale=row)
    assert season.session.scalars(select(Order.id).where(Order.presale_id.is_not(None))).all() == []


def test_a_harvest_is_sold_before_its_season(season: Season) -> None:
    season.now = at_beijing(date(2025, 4, 1), 10)
    with pytest.raises(DomainError):
        season.placed("SHOP", 1)
    presale = open_presale(
        season.session, season.product, 5, date(2025, 4, 1), date(2025, 4, 30), date(2025, 7, 31), actor_id=None,
        now=season.now,
    )  # fmt: skip
    assert ordered(season, presale, 2).status is S.PLACED
    assert taken(season, presale) == 2


def test_eight_buyers_of_the_last_five_packs_are_five(county: Flask, clock: WalkingClock) -> None:
    with transaction() as session:
        season = ready(session, clock.now())
        row = presale_row(opened(season, 5))
    assert at_once(county, [lambda session: take(session, row, PACK, expires_at=None, now=clock.now())] * 8) == 5
    with transaction() as session:
        assert session.execute(select(Presale.taken_g)).scalar_one() == 5 * PACK


def test_the_control_read_then_write_sells_more_than_the_cap(county: Flask, clock: WalkingClock) -> None:
    """What the guarded statement is for: without it two buyers of the last pack are two."""
    with transaction() as session:
        row = presale_row(opened(ready(session, clock.now()), 1))
        session.execute(text("ALTER TABLE presales DROP CONSTRAINT ck_presales_within_cap"))
    both_read = Barrier(2)

    def careless(session: Session) -> object:
        found = session.execute(select(Presale)).scalar_one()
        left_g = found.cap_g - found.taken_g
        both_read.wait(timeout=20)
        if left_g < PACK:
            raise PresaleFull(presale=row.code, left_g=left_g, asked_g=PACK)
        session.execute(text("UPDATE presales SET taken_g = taken_g + :pack"), {"pack": PACK})
        return None

    assert at_once(county, [careless] * 2) == 2
    with transaction() as session:
        assert session.execute(select(Presale.taken_g)).scalar_one() == 2 * PACK > row.cap_g


def at_once(app: Flask, tasks: list[Callable[[Session], object]]) -> int:
    """Run each in a thread of its own, all starting together; how many were served."""
    start = Barrier(len(tasks))

    def run(task: Callable[[Session], object]) -> bool:
        with app.app_context():
            start.wait(timeout=20)
            try:
                with transaction() as session:
                    task(session)
            except PresaleFull:
                return False
            finally:
                release()
            return True

    with ThreadPoolExecutor(len(tasks)) as threads:
        return sum(threads.map(run, tasks))


def test_the_row_of_a_presale_is_what_stands(season: Season) -> None:
    presale = opened(season, 4)
    ordered(season, presale, 1)
    season.session.refresh(presale)
    row: PresaleRow = presale_row(presale)
    assert (row.left_g, row.open_on(presale.closes_on), row.open_on(presale.closes_on + timedelta(days=1))) == (
        3 * PACK, True, False,
    )  # fmt: skip
