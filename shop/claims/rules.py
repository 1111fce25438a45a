"""What the promise 坏果包赔 is worth, and for how long it stands. Pure arithmetic; the rules are in docs/claims.md."""

from datetime import datetime, timedelta

from shop.kit.money import BP_WHOLE, divide_half_up

#: From receipt: the longer end of what the trade promises for fresh fruit (24 to 48 hours).
CLAIM_PERIOD = timedelta(hours=48)
#: The firm's time to answer; afterwards the county decides without it.
ANSWER_TIME = timedelta(hours=24)
#: Above this share of a line the whole line is paid back.
WHOLE_ABOVE_BP = 3_000


def claimable_until(received_at: datetime) -> datetime:
    """The last instant at which what was received at `received_at` can be claimed."""
    return received_at + CLAIM_PERIOD


def worth(line_fen: int, accepted_g: int, damaged_g: int) -> int:
    """Fen that `damaged_g` of `accepted_g` grams are worth, when the line was paid with `line_fen`.

    In proportion, half up; above 30 % of the weight the whole line.
    """
    if damaged_g * BP_WHOLE > accepted_g * WHOLE_ABOVE_BP:
        return line_fen
    return divide_half_up(line_fen * damaged_g, accepted_g)
