"""One contract, kept by each of the five channels: read from the policy table, so a sixth is held to it as well."""

import pytest

from shop.channels.models import ChannelKind, PartnerKind
from shop.channels.policies import POLICIES, Approval, Hold, Payer, Payment, Price, Reward, channel_of_partner
from shop.settlement.shares import rates, shares_of

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
