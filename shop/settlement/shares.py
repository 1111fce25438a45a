"""Sharing a line's net amount: pure arithmetic."""

from dataclasses import dataclass
from typing import assert_never

from shop.channels.policies import Reward
from shop.kit.money import BP_WHOLE, divide_half_up, split


@dataclass(frozen=True)
class Rates:
    """Basis points of the host and of the platform; the firm has the rest."""

    host_bp: int = 0
    platform_bp: int = 0


@dataclass(frozen=True)
class Shares:
    """Fen of each; they add up to the net amount exactly. `coupon_fen` is negative: what a host or shop promised."""

    firm_fen: int = 0
    host_fen: int = 0
    platform_fen: int = 0
    coupon_fen: int = 0

    def __add__(self, other: "Shares") -> "Shares":
        return Shares(
            self.firm_fen + other.firm_fen, self.host_fen + other.host_fen, self.platform_fen + other.platform_fen,
            self.coupon_fen + other.coupon_fen,
        )  # fmt: skip

    def __sub__(self, other: "Shares") -> "Shares":
        return Shares(
            self.firm_fen - other.firm_fen, self.host_fen - other.host_fen, self.platform_fen - other.platform_fen,
            self.coupon_fen - other.coupon_fen,
        )  # fmt: skip

    @property
    def total_fen(self) -> int:
        """The net amount."""
        return self.firm_fen + self.host_fen + self.platform_fen + self.coupon_fen


def rates(reward: Reward, *, commission_bp: int, fee_bp: int) -> Rates:
    """The rates that a channel's reward axis gives: a channel without reward pays nobody but the firm."""
    match reward:
        case Reward.NONE:
            return Rates()
        case Reward.COMMISSION:
            return Rates(host_bp=commission_bp)
        case Reward.PLATFORM_FEE:
            return Rates(platform_bp=fee_bp)
        case _:
            assert_never(reward)


def shares_of(net_fen: int, of: Rates) -> Shares:
    """Split `net_fen` by the rates: largest remainder, the firm first in a tie, then host, then platform."""
    firm_bp = BP_WHOLE - of.host_bp - of.platform_bp
    return Shares(*split(net_fen, [firm_bp, of.host_bp, of.platform_bp]))


def coupon_left(discount_fen: int, net_fen: int, payable_fen: int) -> int:
    """The part of a line's discount that stands when `net_fen` of the payable amount stands: in proportion, half up."""
    return divide_half_up(discount_fen * net_fen, payable_fen) if payable_fen else discount_fen


def with_coupon(shares: Shares, discount_fen: int) -> Shares:
    """The firm gets what host or platform promised to take off the price; the net amount stays what the buyer paid."""
    return shares + Shares(firm_fen=discount_fen, coupon_fen=-discount_fen)
