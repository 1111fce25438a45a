"""五销模式 as data: what differs between the five channels, axis by axis. Nobody outside this room names a channel.

Other rooms interpret one axis each with an exhaustive match. To add a channel see docs/add-a-channel.md.
Sources of the values: reward of cadres zero (Civil Servants Law art. 59: no profit-making activity); invoices due in 30
days, 60 at most (State Council Decree 802 on paying small enterprises); medicinal materials are not canteen food.
"""

from dataclasses import dataclass
from enum import Enum

from shop.channels.models import ChannelKind, OccasionKind, PartnerKind


class Price(Enum):
    """Where the price of a line comes from."""

    LIST = "list"  # the price of one pack
    TIERS = "tiers"  # the price list with its bulk tiers
    AGREEMENT = "agreement"  # the agreement's price rule, per kg
    OFFER = "offer"  # the occasion's own price per pack


class Approval(Enum):
    """Who must agree before an order is confirmed."""

    NONE = "none"
    BUYER = "buyer"  # the unit's organiser
    FIRM = "firm"  # the seller confirms the call-off


class Payment(Enum):
    """When the buyer pays."""

    IN_ADVANCE = "in_advance"
    ON_INVOICE = "on_invoice"


class Hold(Enum):
    """When and from where stock is held."""

    WHEN_PLACED = "when_placed"
    WHEN_APPROVED = "when_approved"
    FROM_PROMISE = "from_promise"  # drawn from the agreement's promise when called, from open stock when approved
    FROM_SET_ASIDE = "from_set_aside"  # the occasion's own pool, when placed


class Reward(Enum):
    """What the partner earns."""

    NONE = "none"
    PLATFORM_FEE = "platform_fee"
    COMMISSION = "commission"


class Payer(Enum):
    """Who buys."""

    CONSUMER = "consumer"
    PARTNER = "partner"  # the partner buys for itself


class Goods(Enum):
    """What may be sold."""

    ANY = "any"
    FOOD = "food"  # no medicinal materials: this channel feeds canteens and union members


@dataclass(frozen=True)
class ChannelPolicy:
    """One row of the table. `term_days`: default days from acceptance to the due date of an invoice."""

    kind: ChannelKind
    name_zh: str
    name_en: str
    partner: PartnerKind
    occasion: OccasionKind | None
    occasion_required: bool
    payer: Payer
    price: Price
    approval: Approval
    payment: Payment
    term_days: int
    hold: Hold
    reward: Reward
    goods: Goods


K, P, O = ChannelKind, PartnerKind, OccasionKind  # noqa: E741  the table below reads by column

POLICIES: dict[ChannelKind, ChannelPolicy] = {
    policy.kind: policy
    for policy in (
        ChannelPolicy(
            K.PLATFORM, "平台直销", "Platform", P.SHOP, O.PROMOTION, False, Payer.CONSUMER,
            Price.LIST, Approval.NONE, Payment.IN_ADVANCE, 0, Hold.WHEN_PLACED, Reward.PLATFORM_FEE, Goods.ANY,
        ),
        ChannelPolicy(
            K.UNIT, "单位帮销", "Unit", P.UNIT, O.ROUND, False, Payer.PARTNER,
            Price.TIERS, Approval.BUYER, Payment.ON_INVOICE, 30, Hold.WHEN_APPROVED, Reward.NONE, Goods.FOOD,
        ),
        ChannelPolicy(
            K.CADRE, "干部帮销", "Cadre", P.CADRE, None, False, Payer.CONSUMER,
            Price.LIST, Approval.NONE, Payment.IN_ADVANCE, 0, Hold.WHEN_PLACED, Reward.NONE, Goods.ANY,
        ),
        ChannelPolicy(
            K.ENTERPRISE, "企业助销", "Enterprise", P.ENTERPRISE, O.AGREEMENT, True, Payer.PARTNER,
            Price.AGREEMENT, Approval.FIRM, Payment.ON_INVOICE, 60, Hold.FROM_PROMISE, Reward.NONE, Goods.ANY,
        ),
        ChannelPolicy(
            K.LIVESTREAM, "直播网销", "Livestream", P.HOST, O.SESSION, True, Payer.CONSUMER,
            Price.OFFER, Approval.NONE, Payment.IN_ADVANCE, 0, Hold.FROM_SET_ASIDE, Reward.COMMISSION, Goods.ANY,
        ),
    )
}  # fmt: skip


def channel_of_partner(kind: PartnerKind) -> ChannelPolicy:
    """The policy of the channel that sells by way of partners of `kind`: each kind belongs to exactly one."""
    return next(policy for policy in POLICIES.values() if policy.partner is kind)


def consumer_channels() -> tuple[ChannelKind, ...]:
    """Channels in which consumers buy and pay in advance."""
    return tuple(policy.kind for policy in POLICIES.values() if policy.payer is Payer.CONSUMER)


def unpaid_helpers() -> tuple[PartnerKind, ...]:
    """Kinds of partners who bring orders of others and earn nothing by them."""
    return tuple(
        policy.partner
        for policy in POLICIES.values()
        if policy.payer is Payer.CONSUMER and policy.reward is Reward.NONE
    )


def sellers_to_consumers() -> tuple[PartnerKind, ...]:
    """Kinds of partners through whom consumers buy."""
    return tuple(policy.partner for policy in POLICIES.values() if policy.payer is Payer.CONSUMER)
