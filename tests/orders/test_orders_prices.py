"""Which price a line has: one, chosen by rule (docs/rules.md)."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from shop.campaigns.actions import set_campaign_prices
from shop.channels.models import Campaign
from shop.kit.clock import beijing_day
from shop.orders.errors import CouponNotForThis
from shop.orders.locks import lines_of, locked_order_by_id
from shop.orders.models import Order
from shop.orders.place import Asked
from tests.factories.sales import NECTARINE, Season


def tier(season: Season, packs: int) -> int:
    price = season.goods().by_sku[season.sku].price_for(packs, beijing_day(season.now))
    assert price is not None
    return price


def shape(season: Season, order: Order) -> list[tuple[str, int | None, int, int]]:
    return [
        (season.sku_of(line.product_id), line.quantity, line.price_fen, line.amount_fen)
        for line in lines_of(season.session, order.id)
    ]


def test_two_lines_of_one_product_are_one_line_at_the_tier_of_the_sum(season: Season) -> None:
    alone, many = tier(season, 6), tier(season, 12)
    assert many < alone
    placed = season.ask("UNIT", [Asked(season.sku, 6), Asked(NECTARINE, 1), Asked(season.sku, 6)])
    order = locked_order_by_id(season.session, placed.order_id)
    nectarine = shape(season, order)[1]
    assert shape(season, order) == [(season.sku, 12, many, 12 * many), nectarine]
    assert (nectarine[0], nectarine[1]) == (NECTARINE, 1)
    assert order.total_fen == 12 * many + nectarine[3]


def test_a_campaign_price_has_its_own_tiers_and_a_coupon_comes_off_a_session_s_price_alone(season: Season) -> None:
    usual = tier(season, 1)
    campaign = season.session.execute(select(Campaign)).scalars().first()
    assert campaign is not None
    set_campaign_prices(
        season.session, campaign, season.product, [(1, usual - 1_000), (12, usual - 1_100)], actor_id=None,
        now=season.now,
    )  # fmt: skip
    # A tier of the ordinary list does not come on top of the campaign's: its own do, where it has some.
    assert season.asked("UNIT", 11).total_fen == 11 * (usual - 1_000)
    assert season.asked("UNIT", 12).total_fen == 12 * (usual - 1_100)
    # A session's price stands for itself, whatever the list of the day says.
    assert season.placed("HOST", 2).total_fen == 2 * 3_000
    # A coupon is of a session: on a list price there is none to take off.
    orders = season.session.scalars(select(Order.id)).all()
    with pytest.raises(CouponNotForThis), season.session.begin_nested():
        season.ask("SHOP", [Asked(season.sku, 2)], season.customer(), coupon="H5")
    assert season.session.scalars(select(Order.id)).all() == orders
    season.now += timedelta(minutes=1)
    assert season.placed("SHOP", 1).total_fen == usual - 1_000
