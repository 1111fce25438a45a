"""Sales reach the households whose produce was sold: by lot, in the lot by value delivered, exactly, refunds too."""

from datetime import timedelta

import pytest
from flask import Flask
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, text
from sqlalchemy.exc import IntegrityError

from shop.farmers.models import Delivery
from shop.income.corrections import correct_slip
from shop.income.models import IncomeEntry, SalesReach
from shop.kit.money import split
from shop.orders.models import Order, OrderLine, Pick
from shop.reports.books import CHECKS, run_checks
from shop.settlement.models import Settlement
from shop.stock.models import Lot, LotDelivery
from tests.conftest import A_DAY_IN_JULY
from tests.factories.sales import NECTARINE, Season, undone


def reached(season: Season, order: Order) -> dict[int, int]:
    """Fen of the order by household."""
    rows = season.session.execute(
        select(SalesReach.household_id, func.sum(SalesReach.amount_fen))
        .join(Settlement, Settlement.id == SalesReach.settlement_id)
        .where(Settlement.order_id == order.id)
        .group_by(SalesReach.household_id)
    )
    return {household: int(fen) for household, fen in rows}


def grown(season: Season) -> list[tuple[int, int]]:
    """(household, fen delivered) of the one lot of the season's product, by household."""
    rows = season.session.execute(
        select(Delivery.household_id, func.sum(Delivery.amount_fen))
        .join(LotDelivery, LotDelivery.delivery_id == Delivery.id)
        .join(Lot, Lot.id == LotDelivery.lot_id)
        .where(Lot.product_id == season.product.id)
        .group_by(Delivery.household_id)
        .order_by(Delivery.household_id)
    )
    return [(household, int(fen)) for household, fen in rows]


def by_value(season: Season, fen: int) -> dict[int, int]:
    growers = grown(season)
    parts = split(fen, [value for _, value in growers])
    return {household: part for (household, _), part in zip(growers, parts, strict=True)}


@pytest.mark.parametrize(("way", "fen"), [("SHOP", 7_960), ("HOST", 6_000), ("CADRE", 7_960)])
def test_the_whole_net_amount_reaches_the_growers_by_value(season: Season, way: str, fen: int) -> None:
    order = season.settled(season.paid(way))
    assert len(grown(season)) > 1
    assert reached(season, order) == by_value(season, fen)
    grams = season.session.scalar(
        select(func.sum(SalesReach.weight_g)).join(Settlement).where(Settlement.order_id == order.id)
    )
    assert grams == 5_000


def test_an_invoice_reaches_by_what_was_accepted(season: Season) -> None:
    order = season.settled(season.approved("UNIT", 5), refused_g=2_500)
    assert reached(season, order) == by_value(season, 15_920)
    grams = season.session.scalar(
        select(func.sum(SalesReach.weight_g)).join(Settlement).where(Settlement.order_id == order.id)
    )
    assert grams == 10_000


def test_what_the_firm_made_itself_reaches_nobody(season: Season) -> None:
    order = season.settled(season.pays(season.several({season.sku: 1, NECTARINE: 2})))
    assert reached(season, order) == by_value(season, 3_980)


def test_a_line_picked_from_two_lots_is_split_by_weight_first(season: Season) -> None:
    season.made(season.sku, 1_000_000)
    delivered = season.session.execute(
        select(Lot).where(Lot.product_id == season.product.id).order_by(Lot.id).limit(1)
    ).scalar_one()
    left_g = delivered.received_g - delivered.dispatched_g
    season.session.execute(text("UPDATE lots SET harvested_on = harvested_on - 1 WHERE id = :id"), {"id": delivered.id})
    packs = left_g // 2_500 - 20  # the session has 20 packs set aside
    season.settled(season.paid(quantity=packs - 1))
    order = season.paid(quantity=30)
    season.settled(order)
    line_id = season.session.execute(select(OrderLine.id).where(OrderLine.order_id == order.id)).scalar_one()
    picks = season.session.execute(select(Pick.lot_id, Pick.weight_g).where(Pick.order_line_id == line_id)).all()
    assert len(picks) == 2
    own_g = dict(picks)[delivered.id]
    lot_fen = split(order.total_fen, [own_g, 75_000 - own_g])[0]
    assert reached(season, order) == by_value(season, lot_fen)


def test_a_refund_walks_the_same_way_back(season: Season) -> None:
    order = season.settled(season.paid("HOST"))
    before = reached(season, order)
    season.refunded(order, 1_000)
    assert reached(season, order) == by_value(season, 5_000)
    assert sum(before.values()) - sum(reached(season, order).values()) == 1_000
    season.refunded(order, 5_000)
    assert set(reached(season, order).values()) == {0}


@settings(max_examples=4, deadline=None, database=None)
@given(st.lists(st.integers(1, 900), min_size=2, max_size=4))
def test_however_many_refunds_come_what_reaches_a_household_is_its_exact_part_of_what_remains(
    market: Flask, refunds: list[int]
) -> None:
    with market.app_context(), undone(market.extensions["sku"], A_DAY_IN_JULY) as season:
        order = season.settled(season.paid())
        for fen in refunds:
            season.refunded(order, fen)
        assert reached(season, order) == by_value(season, 7_960 - sum(refunds))


def test_a_dozen_refunds_of_a_fen_are_not_all_taken_from_the_same_household(season: Season) -> None:
    order = season.settled(season.paid())
    for _ in range(12):
        season.refunded(order, 1)
    assert reached(season, order) == by_value(season, 7_948)
    assert min(reached(season, order).values()) > 0


def test_sales_reached_are_no_income_and_are_never_changed(season: Season) -> None:
    entries = season.session.scalar(select(func.count()).select_from(IncomeEntry))
    season.settled(season.paid())
    assert season.session.scalar(select(func.count()).select_from(IncomeEntry)) == entries
    for change in ("UPDATE sales_reach SET amount_fen = 0", "DELETE FROM sales_reach"):
        with pytest.raises(IntegrityError, match="append-only"), season.session.begin_nested():
            season.session.execute(text(change))


def test_what_was_given_back_before_settlement_reaches_nobody(season: Season) -> None:
    order = season.paid()
    season.refunded(order, 960)
    season.now += timedelta(minutes=1)
    season.settled(order, refused_g=2_500)
    # One of two boxes refused: 3980 owed; 960 given back before count towards it.
    assert reached(season, order) == by_value(season, 3_980)


def slips_of_lot(season: Season) -> list[Delivery]:
    rows = season.session.scalars(
        select(Delivery)
        .join(LotDelivery, LotDelivery.delivery_id == Delivery.id)
        .where(Delivery.product_id == season.product.id)
        .order_by(Delivery.id)
    )
    return list(rows)


def corrected(season: Season, slip: Delivery, weight_g: int) -> None:
    season.now += timedelta(minutes=2)
    price = slip.price_fen_per_kg
    correct_slip(season.session, slip, weight_g, price, "过磅误读", actor_id=None, now=season.now)
    season.now += timedelta(minutes=2)


def faults(season: Season) -> list[str]:
    """What the checks of lots and of sales reached find."""
    checks = [check for check in CHECKS if check.code in ("I03-made", "S1", "S2", "S2-corrected")]
    return [str(found) for found in run_checks(season.session.connection(), checks, now=season.now)]


def test_a_sale_is_shared_by_the_slips_as_they_were_corrected_by_then(season: Season) -> None:
    before = season.settled(season.paid())
    then = reached(season, before)
    void, halved, *_ = slips = slips_of_lot(season)
    assert len({slip.household_id for slip in (void, halved)}) == 2
    for slip in slips:
        if slip.household_id == void.household_id:
            corrected(season, slip, 0)
    corrected(season, halved, halved.weight_g // 2)
    worth = dict(grown(season))
    del worth[void.household_id]
    worth[halved.household_id] -= halved.amount_fen
    worth[halved.household_id] += (halved.weight_g // 2 * halved.price_fen_per_kg * 2 + 1_000) // 2_000
    order = season.settled(season.paid())
    assert reached(season, order) == dict(zip(worth, split(7_960, list(worth.values())), strict=True))
    assert reached(season, before) == then
    assert faults(season) == []


def test_a_refund_takes_back_what_a_sale_reached_before_the_slip_was_corrected(season: Season) -> None:
    order = season.settled(season.paid())
    corrected(season, slips_of_lot(season)[0], 0)
    season.refunded(order, 1_000)
    assert reached(season, order) == by_value(season, 6_960)
    season.refunded(order, 6_960)
    assert set(reached(season, order).values()) == {0}
    assert faults(season) == []


def test_what_is_sold_of_a_lot_whose_slips_are_all_void_reaches_nobody(season: Season) -> None:
    before = season.settled(season.paid())
    slips = slips_of_lot(season)
    for slip in slips:
        corrected(season, slip, 0)
    order = season.settled(season.paid())
    assert reached(season, order) == {}
    season.refunded(order, 1_000)
    assert reached(season, order) == {}
    assert reached(season, before) == by_value(season, 7_960)
    corrected(season, slips[0], 1_000)
    assert reached(season, season.settled(season.paid())) == {slips[0].household_id: 7_960}
    assert faults(season) == []
