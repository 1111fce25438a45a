"""One contract, kept by each of the five channels: read from the policy table, so a sixth is held to it as well."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from shop.channels.models import ChannelKind, PartnerKind
from shop.channels.policies import POLICIES, Approval, Goods, Hold, Payer, Payment, Price, Reward, channel_of_partner
from shop.kit.db import db, release
from shop.reports.books import check_books
from shop.settlement.shares import rates, shares_of
from tests.factories.tables import contents
from tests.journeys.conftest import DAY, PEACH, Stage, stage
from tests.journeys.test_journeys import finish, reached, shares

__all__ = ["stage"]

ALL_FIVE = pytest.mark.parametrize("kind", list(ChannelKind))


def test_the_table_has_one_row_for_each_kind_and_each_partner_kind_one_channel() -> None:
    assert set(POLICIES) == set(ChannelKind)
    assert sorted(policy.partner for policy in POLICIES.values()) == sorted(PartnerKind)


@ALL_FIVE
def test_a_partner_kind_leads_back_to_its_channel(kind: ChannelKind) -> None:
    assert channel_of_partner(POLICIES[kind].partner).kind is kind


@ALL_FIVE
def test_an_order_is_either_paid_or_approved_before_goods_leave(kind: ChannelKind) -> None:
    policy = POLICIES[kind]
    assert (policy.payment is Payment.IN_ADVANCE) == (policy.approval is Approval.NONE)
    assert (policy.payment is Payment.ON_INVOICE) == (policy.term_days > 0)
    assert policy.term_days <= 60


@ALL_FIVE
def test_stock_of_its_own_or_a_price_of_its_own_needs_an_occasion(kind: ChannelKind) -> None:
    policy = POLICIES[kind]
    needs = policy.hold in (Hold.FROM_SET_ASIDE, Hold.FROM_PROMISE) or policy.price in (Price.OFFER, Price.AGREEMENT)
    assert policy.occasion_required == needs
    assert not policy.occasion_required or policy.occasion is not None


@ALL_FIVE
def test_who_buys_for_himself_earns_no_reward(kind: ChannelKind) -> None:
    policy = POLICIES[kind]
    assert policy.payer is Payer.CONSUMER or policy.reward is Reward.NONE


@ALL_FIVE
def test_the_shares_of_any_amount_add_up_and_go_where_the_reward_axis_says(kind: ChannelKind) -> None:
    reward = POLICIES[kind].reward
    of = rates(reward, commission_bp=777, fee_bp=333)
    for net_fen in (0, 1, 2, 99, 3980, 123_457):
        shares = shares_of(net_fen, of)
        assert shares.firm_fen + shares.host_fen + shares.platform_fen == net_fen
    assert (of.host_bp > 0) == (reward is Reward.COMMISSION)
    assert (of.platform_bp > 0) == (reward is Reward.PLATFORM_FEE)


def test_a_cadre_can_never_be_paid() -> None:
    assert POLICIES[ChannelKind.CADRE].reward is Reward.NONE


# -- and by a real order, over HTTP ------------------------------------------------------------------------------------

#: A medicinal material: no food.
ROOT = "PL059"
PACKS, PACK_G, LIST_FEN, TIER_FEN, OFFER_FEN = 50, 2_500, 3_980, 3_580, 3_500
#: The journeys' agreement on peaches: what a pack weighs, at its floor a kg.
AGREED_FEN_PER_KG = 576
#: What each partner of the journeys is called, on which occasion he sells, and who buys by way of him.
ROADS = {
    ChannelKind.PLATFORM: ("S1", None, "customer"),
    ChannelKind.UNIT: ("B18", None, "unit"),
    ChannelKind.CADRE: ("G1", None, "customer"),
    ChannelKind.ENTERPRISE: ("B02", "A001", "market"),
    ChannelKind.LIVESTREAM: ("H1", "LIVE-1", "customer"),
}


class Road:
    """One channel of the journeys: its policy, its partner, who buys."""

    def __init__(self, stage: Stage, kind: ChannelKind) -> None:
        self.stage, self.policy = stage, POLICIES[kind]
        self.partner, self.occasion, self.buyer = ROADS[kind]
        if self.policy.hold is Hold.FROM_SET_ASIDE:
            stage.post("operator", f"/sessions/{self.occasion}/opening", status=200)

    def order(self, packs: int = 5, status: int = 201, buyer: str | None = None, **changes: object) -> Any:
        """Ask for peaches as this channel asks for them."""
        if self.policy.price is Price.AGREEMENT and not changes:
            asked: dict[str, Any] = {"sku": PEACH, "weight_g": packs * PACK_G, "due_on": "2025-07-17"}
            return self.stage.post(buyer or self.buyer, f"/agreements/{self.occasion}/call-offs", asked, status)
        asked = {"partner": self.partner, "lines": [{"sku": PEACH, "quantity": packs}]}
        if self.occasion is not None:
            asked["occasion"] = self.occasion
        asked = {name: value for name, value in (asked | changes).items() if value is not None}
        return self.stage.post(buyer or self.buyer, "/orders", asked, status)

    def refused(self, **asked: Any) -> str:
        """The code of a refusal that changes nothing."""
        before = contents(self.stage.app)
        answer = self.order(**asked)
        assert contents(self.stage.app) == before
        return str(answer["type"]).rpartition("#")[2]

    def confirm(self, number: str) -> None:
        """Whoever must, pays or agrees."""
        match self.policy.approval:
            case Approval.NONE:
                self.stage.press_pay(number, self.buyer)
            case Approval.BUYER:
                self.stage.post("firm", f"/orders/{number}/approval", status=403)
                self.stage.post(self.buyer, f"/orders/{number}/approval", status=200)
            case Approval.FIRM:
                self.stage.post(self.buyer, f"/orders/{number}/approval", status=403)
                self.stage.post("firm", f"/orders/{number}/approval", status=200)


def free_g(occasion: str | None) -> int:
    """Grams of peaches that are free: open to all, or of an occasion."""
    found = db.session.scalar(
        text(
            "SELECT sum(available_g)::bigint FROM pools JOIN products ON products.id = product_id"
            " LEFT JOIN occasions ON occasions.id = occasion_id"
            " WHERE sku = :sku AND occasions.code IS NOT DISTINCT FROM :occasion"
        ),
        {"sku": PEACH, "occasion": occasion},
    )
    release()
    return int(found or 0)


@pytest.fixture
def road(stage: Stage, kind: ChannelKind) -> Iterator[Road]:
    yield Road(stage, kind)
    assert check_books(db.session(), now=stage.clock.now()) == []
    release()


@ALL_FIVE
def test_an_order_goes_the_way_that_the_table_says_from_its_price_to_the_households(road: Road) -> None:
    stage, policy = road.stage, road.policy
    pool = road.occasion if policy.hold is Hold.FROM_SET_ASIDE else None
    free = free_g(pool), free_g(None)
    order = road.order()
    number, weight_g = order["number"], 5 * PACK_G
    assert (order["channel"], order["partner"]) == (policy.kind.value, road.partner)

    price = {
        Price.LIST: 5 * LIST_FEN, Price.TIERS: 5 * LIST_FEN, Price.OFFER: 5 * OFFER_FEN,
        Price.AGREEMENT: weight_g * AGREED_FEN_PER_KG // 1_000,
    }  # fmt: skip
    assert order["total_fen"] == price[policy.price]
    assert (order["expires_at"] is not None) == (policy.payment is Payment.IN_ADVANCE)

    at_once = policy.hold in (Hold.WHEN_PLACED, Hold.FROM_SET_ASIDE)
    assert free[0] - free_g(pool) == (weight_g if at_once else 0)
    stage.post("firm", f"/orders/{number}/dispatches", status=409)  # neither paid nor approved
    road.confirm(number)
    assert free[0] - free_g(pool) == weight_g
    assert (free[1] - free_g(None) == 0) == (policy.hold is Hold.FROM_SET_ASIDE)

    settled = finish(stage, order, road.buyer)
    on_invoice = policy.payment is Payment.ON_INVOICE
    term_days = policy.term_days
    if policy.price is Price.AGREEMENT:  # its own term goes before the table's
        term_days = stage.get(road.buyer, f"/agreements/{road.occasion}")["payment_term_days"]
    assert settled["due_on"] == (str(DAY + timedelta(days=term_days)) if on_invoice else None)
    assert settled["paid_fen"] == (0 if on_invoice else order["total_fen"])
    earned = shares(stage, number)
    others = {Reward.NONE: set(), Reward.PLATFORM_FEE: {"platform"}, Reward.COMMISSION: {"host"}}[policy.reward]
    assert set(earned) == {"firm"} | others
    assert sum(earned.values()) == order["total_fen"] == sum(reached(number).values())


@ALL_FIVE
def test_many_packs_are_cheaper_where_the_table_says_tiers_and_nowhere_else(stage: Stage, kind: ChannelKind) -> None:
    policy = POLICIES[kind]
    if policy.price in (Price.OFFER, Price.AGREEMENT):
        assert policy.occasion_required  # a price of its own, capped per buyer or drawn from a promise
        return
    order = Road(stage, kind).order(packs=PACKS)
    assert order["total_fen"] == PACKS * (TIER_FEN if policy.price is Price.TIERS else LIST_FEN)


@ALL_FIVE
def test_an_occasion_is_asked_for_where_the_table_requires_it_and_refused_where_it_knows_none(road: Road) -> None:
    policy = road.policy
    if policy.occasion_required:
        assert road.refused(status=409, occasion=None, channel=policy.kind.value) == "occasion-required"
    else:
        number = road.order()["number"]
        assert road.stage.get(road.buyer, f"/orders/{number}")["occasion"] is None
    foreign = "LIVE-1" if road.occasion != "LIVE-1" else "A001"
    by_call_off = policy.price is Price.AGREEMENT
    assert road.refused(status=409, occasion=foreign) == ("occasion-required" if by_call_off else "occasion-not-open")


@ALL_FIVE
def test_a_partner_buys_for_himself_alone_and_no_partner_is_a_way_into_another_channel(road: Road) -> None:
    policy = road.policy
    if policy.payer is Payer.PARTNER:
        status, code = (403, "forbidden") if policy.price is Price.AGREEMENT else (409, "partner-does-not-fit")
        assert road.refused(status=status, buyer="customer") == code
    for kind, (partner, _, _) in ROADS.items():
        if kind is not policy.kind:
            asked = {"channel": policy.kind.value, "partner": partner}
            assert road.refused(status=409, **asked) == "partner-does-not-fit"


@ALL_FIVE
def test_a_medicinal_material_is_sold_where_the_table_says_anything_and_never_as_food(road: Road) -> None:
    refusal = road.refused(status=409, lines=[{"sku": ROOT, "quantity": 1}])
    assert (refusal == "not-for-this-channel") == (road.policy.goods is Goods.FOOD)
