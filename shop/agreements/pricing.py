"""The day's price under an agreement, its value and its deposit: pure arithmetic, in fen and fen per kg."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from shop.agreements.models import PriceRule
from shop.kit.money import BP_WHOLE, divide_half_up, price_of

#: Without a quote on the day the last one counts for a week, then the floor.
QUOTE_LIFE = timedelta(days=7)


@dataclass(frozen=True)
class Quote:
    """A market price of a day."""

    quoted_on: date
    fen_per_kg: int


def day_price(rule: PriceRule, floor_fen_per_kg: int, margin_bp: int, quote: Quote | None, day: date) -> int:
    """Price of `day`, never below the floor.

    FIXED: the floor itself; FLOOR_OR_MARKET: the higher; MARKET_PLUS: market plus margin, half up.
    """
    usable = quote is not None and timedelta(0) <= day - quote.quoted_on <= QUOTE_LIFE
    market = quote.fen_per_kg if quote is not None and usable else 0
    match rule:
        case PriceRule.FIXED:
            return floor_fen_per_kg
        case PriceRule.FLOOR_OR_MARKET:
            return max(floor_fen_per_kg, market)
        case PriceRule.MARKET_PLUS:
            return max(floor_fen_per_kg, divide_half_up(market * (BP_WHOLE + margin_bp), BP_WHOLE))


def contract_value(lines: Iterable[tuple[int, int]]) -> int:
    """Fen that an agreement is worth: of each line its committed grams at its floor price per kg."""
    return sum(price_of(committed_g, floor_fen_per_kg) for committed_g, floor_fen_per_kg in lines)


def deposit_of(value_fen: int, deposit_bp: int) -> int:
    """The deposit in fen, rounded down: 20 % of the value is the most that can be one (Civil Code art. 586)."""
    return value_fen * deposit_bp // BP_WHOLE
