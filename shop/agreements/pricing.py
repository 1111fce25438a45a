"""The day's price under an agreement: pure arithmetic, in fen per kg."""

from dataclasses import dataclass
from datetime import date, timedelta

from shop.agreements.models import PriceRule
from shop.kit.money import BP_WHOLE, divide_half_up

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
