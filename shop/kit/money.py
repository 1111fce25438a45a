"""Money is an integer of fen whose name ends in `_fen`; this module holds the only arithmetic that can lose a fen.

One rounding rule: half up, away from zero for refunds (negative amounts), as traders do by hand.
"""

from collections.abc import Sequence

BP_WHOLE = 10_000
GRAMS_PER_KG = 1_000
GRAMS_PER_JIN = 500


def divide_half_up(numerator: int, denominator: int) -> int:
    """`numerator / denominator` rounded half up (half away from zero when negative).

    Raises ValueError unless `denominator` is positive.
    """
    if denominator <= 0:
        raise ValueError("denominator must be positive")
    sign = -1 if numerator < 0 else 1
    return sign * ((abs(numerator) * 2 + denominator) // (denominator * 2))


def divide_up(numerator: int, denominator: int) -> int:
    """Quotient rounded up: for shares that may never fall below a legal floor (co-operative law, art. 44)."""
    return -(-numerator // denominator)


def part(amount_fen: int, rate_bp: int) -> int:
    """`rate_bp` basis points of `amount_fen`, half up, in fen."""
    return divide_half_up(amount_fen * rate_bp, BP_WHOLE)


def price_of(weight_g: int, fen_per_kg: int) -> int:
    """Price in fen of `weight_g` grams at `fen_per_kg`, half up."""
    return divide_half_up(weight_g * fen_per_kg, GRAMS_PER_KG)


def per_kg(price_fen: int, weight_g: int) -> int:
    """Price per kilogram in fen of a pack of `weight_g` grams, half up (for display beside the pack price)."""
    return divide_half_up(price_fen * GRAMS_PER_KG, weight_g)


def per_jin(price_fen: int, weight_g: int) -> int:
    """Price per 斤 (500 g) in fen of a pack of `weight_g` grams, half up (for display beside the pack price)."""
    return divide_half_up(price_fen * GRAMS_PER_JIN, weight_g)


def split(amount: int, weights: Sequence[int]) -> list[int]:
    """Share a whole `amount` (fen or grams) by `weights`; the parts add up to it exactly.

    Largest remainder; a tie goes to the earlier place. Weights are >= 0 and not all zero; a negative amount (a refund)
    is split as its mirror image. Each part is within one unit of its exact share.
    Raises ValueError for no weights, a negative weight, or a zero sum.
    """
    total = sum(weights)
    if total <= 0 or any(weight < 0 for weight in weights):
        raise ValueError("weights must be >= 0 with a positive sum")
    if amount < 0:
        return [-share for share in split(-amount, weights)]
    shares = [amount * weight // total for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda i: (-(amount * weights[i] % total), i))
    for i in by_remainder[: amount - sum(shares)]:
        shares[i] += 1
    return shares


def percent(rate_bp: int) -> str:
    """`1050` basis points as `10.5%`: exactly, without idle zeros."""
    sign = "-" if rate_bp < 0 else ""
    whole, rest = divmod(abs(rate_bp), BP_WHOLE // 100)
    return f"{sign}{whole}" + (f".{rest:02d}".rstrip("0") if rest else "") + "%"


def yuan(amount_fen: int) -> str:
    """`123456` fen as `1,234.56`: for pages and tables, never for sums."""
    sign = "-" if amount_fen < 0 else ""
    whole, fen = divmod(abs(amount_fen), 100)
    return f"{sign}{whole:,}.{fen:02d}"


def kilograms(weight_g: int) -> str:
    """`1234500` grams as `1,234.5`: exactly, without idle zeros; for pages and tables, never for sums."""
    sign = "-" if weight_g < 0 else ""
    whole, grams = divmod(abs(weight_g), GRAMS_PER_KG)
    return f"{sign}{whole:,}" + (f".{grams:03d}".rstrip("0") if grams else "")
