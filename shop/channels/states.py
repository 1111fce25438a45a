"""Life of an occasion."""

from shop.channels.models import OccasionStatus as S
from shop.kit.states import Life

OCCASION_LIFE: Life[S] = Life(
    {
        (S.PLANNED, "open"): S.OPEN,
        (S.OPEN, "close"): S.CLOSED,
        (S.PLANNED, "close"): S.CLOSED,
        (S.CLOSED, "reopen"): S.OPEN,
    }
)
