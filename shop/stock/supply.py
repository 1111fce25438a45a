"""From which pools an order is taken: those set aside for it, then what is open to all."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import TextClause, text

from shop.channels.models import ChannelKind
from shop.stock.models import PoolKind


@dataclass(frozen=True)
class Supply:
    """The pools set aside for an occasion, those for a channel, and the open one; in this order.

    `last`: the kind of the pool that must have what the others lack. A session's orders are taken from its own pool
    alone: there it is SET_ASIDE.
    """

    occasion_id: int | None = None
    channel: ChannelKind | None = None
    last: PoolKind = PoolKind.OPEN

    def values(self) -> dict[str, object]:
        """What `REACHED` is asked with."""
        return {
            "from_occasion": self.occasion_id,
            "from_channel": self.channel.value if self.channel else None,
            "from_last": self.last.value,
        }


#: What everybody may take from.
TO_ALL = Supply()

#: Whether an order reaches a row of `pools` at `:now`.
REACHED = """(
    pools.kind IN ('set_aside', CAST(:from_last AS varchar))
    AND (pools.kind = 'open' OR pools.occasion_id = CAST(:from_occasion AS bigint)
         OR pools.channel_kind = CAST(:from_channel AS varchar))
    AND pools.ended_at IS NULL AND (pools.until IS NULL OR pools.until > CAST(:now AS timestamptz)))"""


def reached(supply: Supply, now: datetime) -> TextClause:
    """Criterion on `Pool`: an order reaches it."""
    return text(REACHED).bindparams(now=now, **supply.values())
