"""Several campaigns in a year: which order counts for which, at what price, how far each has come."""

from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import IntegrityError

from shop.access.guard import Actor, Grant, Role
from shop.access.models import PartyKind
from shop.campaigns import actions, queries
from shop.campaigns.errors import CampaignOver, NoGoalForThis, NotOfThisCampaign
from shop.campaigns.models import Goal
from shop.catalog.actions import set_prices
from shop.catalog.errors import PriceListNotOrdered
from shop.catalog.reference import catalog
from shop.channels.actions import campaign_by_code, open_campaign
from shop.channels.models import Campaign, ChannelKind, PartnerKind
from shop.kit.clock import at_beijing, beijing_day
from shop.kit.errors import NotFoundError
from shop.kit.reference import current_version
from shop.orders.errors import CampaignClosed
from shop.orders.models import Order
from shop.places.models import Township
from tests.factories.sales import NECTARINE, Season

COUNTY = Actor(1, (Grant(Role.OPERATOR, 1, PartyKind.COUNTY),))
FIRST, LAST = date(2025, 7, 10), date(2025, 7, 20)


def opened(season: Season, code: str = "TAO", first: date = FIRST, last: date = LAST, *skus: str) -> Campaign:
    """A campaign of some days, about these products."""
    campaign = open_campaign(
        season.session, code, "桃子节（示例）", "Peach days", first, last, actor_id=None, now=season.now
    )
    actions.set_products(season.session, campaign, skus, actor_id=None, now=season.now)
    return campaign


def campaign_of(season: Season, order: Order) -> str:
    return season.session.execute(select(Campaign.code).where(Campaign.id == order.campaign_id)).scalar_one()


def price_on(season: Season, day: date, packs: int = 1) -> int | None:
    season.session.flush()
    return catalog(season.session, current_version(season.session)).by_sku[season.sku].price_for(packs, day)


def progress(season: Season, campaign: Campaign, before: Campaign | None = None, actor: Actor = COUNTY) -> Any:
    season.session.flush()
    return queries.progress(season.session, actor, campaign, before, day=beijing_day(season.now))


def test_an_order_counts_for_the_campaign_about_its_products_that_started_last(season: Season) -> None:
    year = campaign_of(season, season.placed())
    opened(season, "TAO", FIRST, LAST, season.sku)
    season.made(NECTARINE, 50_000)
    assert campaign_of(season, season.placed()) == "TAO"
    assert campaign_of(season, season.several({NECTARINE: 1})) == year
    assert campaign_of(season, season.several({season.sku: 1, NECTARINE: 1})) == year
    opened(season, "XIA", FIRST + timedelta(days=1), LAST)
    assert campaign_of(season, season.placed()) == "XIA"


def test_a_campaign_about_other_products_alone_sells_nothing_else(season: Season) -> None:
    season.session.execute(text("UPDATE campaigns SET ends_on = '2025-06-30'"))
    opened(season, "YOU", FIRST, LAST, NECTARINE)
    with pytest.raises(CampaignClosed):
        season.placed()


def test_it_opens_and_closes_by_the_clock_on_its_beijing_days(season: Season) -> None:
    year = campaign_of(season, season.placed())
    opened(season)
    for moment, code in (
        (at_beijing(FIRST) - timedelta(seconds=1), year),
        (at_beijing(FIRST), "TAO"),
        (at_beijing(LAST, 23, 59), "TAO"),
        (at_beijing(LAST + timedelta(days=1)), year),
    ):
        assert campaign_of(season, Season(season.session, moment, season.sku).asked("UNIT")) == code


def test_its_prices_hold_on_its_days_and_the_ordinary_list_afterwards(season: Season) -> None:
    campaign = opened(season)
    ordinary = price_on(season, LAST)
    actions.set_campaign_prices(
        season.session, campaign, season.product, [(1, 2_000), (10, 1_900)], actor_id=None, now=season.now
    )
    today = beijing_day(season.now)
    assert [price_on(season, day) for day in (FIRST, today, LAST, LAST + timedelta(days=1))] == [
        ordinary, 2_000, 2_000, ordinary,
    ]  # fmt: skip
    assert price_on(season, today, 10) == 1_900
    assert season.placed(quantity=2).total_fen == 4_000
    assert season.asked("UNIT", 10).total_fen == 19_000
    set_prices(season.session, season.product, today + timedelta(days=1), [(1, 5_000)], actor_id=None, now=season.now)
    assert [price_on(season, day) for day in (LAST, LAST + timedelta(days=1))] == [2_000, 5_000]
    actions.set_campaign_prices(season.session, campaign, season.product, [(1, 2_100)], actor_id=None, now=season.now)
    assert [price_on(season, today, packs) for packs in (1, 10)] == [2_100, 2_100]


def test_a_special_price_list_that_began_with_the_ordinary_one_leaves_it_alone(season: Season) -> None:
    today = beijing_day(season.now)
    set_prices(season.session, season.product, today, [(1, 4_500)], actor_id=None, now=season.now)
    campaign = opened(season)
    actions.set_campaign_prices(season.session, campaign, season.product, [(1, 2_000)], actor_id=None, now=season.now)
    assert [price_on(season, day) for day in (today, LAST + timedelta(days=1))] == [2_000, 4_500]


def test_prices_are_for_its_products_its_days_and_in_order(season: Season) -> None:
    campaign = opened(season, "YOU", FIRST, LAST, NECTARINE)
    yesterday = beijing_day(season.now) - timedelta(days=1)
    over = open_campaign(
        season.session, "OLD", "旧活动（示例）", "Old", FIRST, yesterday, actor_id=None, now=season.now
    )
    before = season.session.scalar(text("SELECT count(*) FROM price_tiers"))
    for which, tiers, kind in (
        (campaign, [(1, 2_000)], NotOfThisCampaign),
        (over, [(1, 2_000)], CampaignOver),
        (opened(season), [(2, 2_000)], PriceListNotOrdered),
        (campaign_by_code(season.session, "TAO"), [(1, 2_000), (5, 2_100)], PriceListNotOrdered),
    ):
        with pytest.raises(kind):
            actions.set_campaign_prices(season.session, which, season.product, tiers, actor_id=None, now=season.now)
    with pytest.raises(CampaignOver):
        actions.set_products(season.session, over, [season.sku], actor_id=None, now=season.now)
    with pytest.raises(NotFoundError):
        actions.set_products(season.session, campaign, ["NONE"], actor_id=None, now=season.now)
    assert season.session.scalar(text("SELECT count(*) FROM price_tiers")) == before


def test_goals_stand_on_campaign_channel_township_and_unit_and_are_replaced(season: Season) -> None:
    campaign = opened(season)
    township = season.session.scalars(select(Township.code).order_by(Township.code)).first()
    for wanted in (
        actions.Wanted(1_000, 10),
        actions.Wanted(2_000, None, channel=ChannelKind.CADRE),
        actions.Wanted(None, 30, township=township),
        actions.Wanted(4_000, None, partner="UNIT"),
        actions.Wanted(5_000, None, partner="UNIT"),
        actions.Wanted(6_000, 11),
    ):
        actions.set_goal(season.session, campaign, wanted, actor_id=None, now=season.now)
    assert season.session.scalar(select(func.count()).select_from(Goal)) == 4
    found = progress(season, campaign)
    assert (found["total"]["goal_fen"], found["total"]["goal_households"]) == (6_000, 11)
    assert {row["code"]: row["goal_fen"] for row in found["units"]} == {"UNIT": 5_000}
    assert [row["goal_fen"] for row in found["channels"]] == [None, None, 2_000, None, None]
    assert found["townships"][0]["goal_households"] == 30


@pytest.mark.parametrize("partner", ["CADRE", "HOST", "SHOP"])
def test_nobody_who_passes_sales_on_is_given_a_goal(season: Season, partner: str) -> None:
    campaign = opened(season)
    with pytest.raises(NoGoalForThis):
        actions.set_goal(
            season.session, campaign, actions.Wanted(1, None, partner=partner), actor_id=None, now=season.now
        )
    with pytest.raises(IntegrityError, match="never_of_a_cadre"), season.session.begin_nested():
        season.session.execute(
            text(
                "INSERT INTO campaign_goals (campaign_id, partner_id, partner_kind, amount_fen, set_at)"
                " SELECT :campaign, id, kind, 1, now() FROM partners WHERE code = :partner"
            ),
            {"campaign": campaign.id, "partner": partner},
        )
    assert season.session.scalar(select(func.count()).select_from(Goal)) == 0
    assert set(PartnerKind) - set(actions.WITH_GOALS) == {PartnerKind.CADRE, PartnerKind.HOST, PartnerKind.SHOP}


def test_progress_adds_up_and_counts_each_household_once(season: Season) -> None:
    campaign = opened(season)
    first = season.settled(season.paid(quantity=3))
    second = season.settled(season.approved("UNIT", 5))
    cadre = season.settled(season.paid("CADRE"))
    season.paid()
    actions.set_goal(
        season.session, campaign, actions.Wanted(second.total_fen * 2, None, partner="UNIT"), actor_id=None,
        now=season.now,
    )  # fmt: skip
    found = progress(season, campaign)
    total = first.total_fen + second.total_fen + cadre.total_fen
    assert found["total"]["amount_fen"] == total == sum(row["amount_fen"] for row in found["channels"])
    assert [row["amount_fen"] for row in found["channels"]] == [
        first.total_fen, second.total_fen, cadre.total_fen, 0, 0,
    ]  # fmt: skip
    households = season.session.scalar(text("SELECT count(DISTINCT household_id) FROM sales_reach"))
    assert found["total"]["households"] == households == sum(row["households"] for row in found["townships"])
    assert found["channels"][0]["households"] == households
    assert sum(row["amount_fen"] for row in found["townships"]) == total
    assert len(found["townships"]) == 9
    (unit,) = found["units"]
    assert (unit["code"], unit["amount_fen"], unit["amount_bp"]) == ("UNIT", second.total_fen, 5_000)
    assert (found["compared_with"], found["total"]["before_fen"]) == (None, None)


def test_what_is_refunded_does_not_count_and_whose_goods_all_came_back_is_not_reached(season: Season) -> None:
    campaign = opened(season)
    order = season.settled(season.paid())
    season.refunded(order, order.total_fen)
    season.tell_refunds()
    found = progress(season, campaign)
    assert (found["total"]["amount_fen"], found["total"]["households"]) == (0, 0)


def test_the_campaign_before_is_compared_after_as_many_days(season: Season) -> None:
    before = open_campaign(season.session, "CHUN", "春节（示例）", "Spring", date(2025, 6, 1), date(2025, 6, 30),
                           actor_id=None, now=season.now)  # fmt: skip
    earlier = [season.settled(season.paid()) for _ in range(2)]
    for order, day in zip(earlier, (date(2025, 6, 6), date(2025, 6, 7)), strict=True):
        season.session.execute(
            text("UPDATE orders SET campaign_id = :campaign, placed_on = :day WHERE id = :id"),
            {"campaign": before.id, "day": day, "id": order.id},
        )
    campaign = opened(season)
    order = season.settled(season.paid(quantity=3))
    assert queries.compared(season.session, campaign, None) == before
    found = progress(season, campaign, before)
    # 10 to 15 July are six days: 1 to 6 June.
    assert (found["days"], found["compared_until"]) == (6, date(2025, 6, 6))
    assert (found["total"]["amount_fen"], found["total"]["before_fen"]) == (order.total_fen, earlier[0].total_fen)


def test_a_townships_manager_sees_the_row_of_his_township_alone(season: Season) -> None:
    campaign = opened(season)
    season.settled(season.paid())
    code, party_id = season.session.execute(select(Township.code, Township.party_id).limit(1)).one()
    manager = Actor(2, (Grant(Role.MANAGER, party_id, PartyKind.TOWNSHIP),))
    found = progress(season, campaign, actor=manager)
    assert [row["code"] for row in found["townships"]] == [code]
    assert (found["total"], found["channels"], found["units"]) == (None, [], [])
