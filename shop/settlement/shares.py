"""Sharing a line's net amount: pure arithmetic."""

from dataclasses import dataclass
from typing import assert_never

from shop.channels.policies import Reward
from shop.kit.money import BP_WHOLE, split


@dataclass(frozen=True)
class Rates:
    """Basis points of the host and of the platform; the firm has the rest."""

    host_bp: int = 0
    platform_bp: int = 0


@dataclass(frozen=True)
class Shares:
    """Fen of each; they add up to the net amount exactly."""

    firm_fen: int = 0
    host_fen: int = 0
    platform_fen: int = 0

    def __add__(self, other: "Shares") -> "Shares":
        return Shares(
            self.firm_fen + other.firm_fen, self.host_fen + other.host_fen, self.platform_fen + other.platform_fen
        )

    def __sub__(self, other: "Shares") -> "Shares":
        return Shares(
            self.firm_fen - other.firm_fen, self.host_fen - other.host_fen, self.platform_fen - other.platform_fen
        )

    @property
    def total_fen(self) -> int:
        """The net amount."""
        return self.firm_fen + self.host_fen + self.platform_fen


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
