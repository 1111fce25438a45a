"""Life of an occasion."""

from shop.channels.models import OccasionStatus as S
from shop.kit.states import Life

STATE_ZH = {S.PLANNED: "未开放", S.OPEN: "开放中", S.CLOSED: "已关闭"}

OCCASION_LIFE: Life[S] = Life(
    {
        (S.PLANNED, "open"): S.OPEN,
        (S.OPEN, "close"): S.CLOSED,
        (S.PLANNED, "close"): S.CLOSED,
        (S.CLOSED, "reopen"): S.OPEN,
    },
    STATE_ZH,
    {"open": "开放", "close": "关闭", "reopen": "重新开放"},
)
