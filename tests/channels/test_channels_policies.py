"""The policy table covers the five channels, and nobody is paid who may not be."""

from datetime import date

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from shop.channels import actions
from shop.channels.errors import RewardRefused
from shop.channels.models import ChannelKind, OccasionKind, PartnerKind
from shop.channels.policies import POLICIES, Hold, Payment, Price, Reward, channel_of_partner
from shop.kit.db import db, transaction
from tests.factories.tables import contents
from tests.factories.world import NOW, World, build


@pytest.fixture
def world(committed: Flask) -> World:
    return build(committed)


def test_every_channel_has_a_policy_and_every_kind_of_partner_one_channel() -> None:
    assert set(POLICIES) == set(ChannelKind)
    assert sorted(policy.partner for policy in POLICIES.values()) == sorted(PartnerKind)
    assert all(channel_of_partner(policy.partner) is policy for policy in POLICIES.values())


def test_the_table_says_what_the_county_agreed() -> None:
    rewards = {kind.value: policy.reward for kind, policy in POLICIES.items()}
    assert rewards == {
        "platform": Reward.PLATFORM_FEE, "unit": Reward.NONE, "cadre": Reward.NONE, "enterprise": Reward.NONE,
        "livestream": Reward.COMMISSION,
    }  # fmt: skip
    live = POLICIES[ChannelKind.LIVESTREAM]
    assert (live.price, live.hold, live.occasion_required) == (Price.OFFER, Hold.FROM_SET_ASIDE, True)
    on_invoice = {k.value: p.term_days for k, p in POLICIES.items() if p.payment is Payment.ON_INVOICE}
    assert on_invoice == {"unit": 30, "enterprise": 60}


@pytest.mark.parametrize("code", ["G01", "U01", "B01", "L01"])
def test_only_a_shop_has_a_fee(world: World, code: str) -> None:
    before = contents(world.app)
    partner = actions.partner_by_code(db.session(), code)
    with pytest.raises(RewardRefused), transaction() as session:
        actions.set_fee(session, partner, 100, date(2025, 1, 1), actor_id=None, now=NOW)
    assert contents(world.app) == before


@pytest.mark.parametrize(("code", "bp"), [("G01", 1), ("U01", 1), ("B01", 1), ("S01", 1), ("L01", 1_001)])
def test_only_a_host_has_a_commission_and_ten_per_cent_at_most(world: World, code: str, bp: int) -> None:
    before = contents(world.app)
    partner = actions.partner_by_code(db.session(), code)
    with pytest.raises(RewardRefused), transaction() as session:
        actions.plan_occasion(
            session, OccasionKind.SESSION, "X", 1, partner, "场次（示例）", NOW, NOW.replace(hour=20), [],
            actor_id=None, now=NOW, commission_bp=bp,
        )  # fmt: skip
    assert contents(world.app) == before


def test_the_database_itself_refuses_to_pay_a_cadre(world: World) -> None:
    for statement in (
        "INSERT INTO fee_rates (partner_id, partner_kind, valid_from, rate_bp)"
        " SELECT id, kind, '2025-01-01', 1 FROM partners WHERE code = 'G01'",
        "UPDATE occasions SET partner_kind = 'cadre', partner_id = (SELECT id FROM partners WHERE code = 'G01')"
        " WHERE code = 'LIVE-1'",
    ):
        with pytest.raises(IntegrityError), transaction() as session:
            session.execute(text(statement))
    assert db.session.scalar(text("SELECT count(*) FROM fee_rates")) == 0
