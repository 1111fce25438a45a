"""The life of a live session on one screen."""

from shop.kit.states import Life
from shop.live.models import LiveStatus as S

STATE_ZH = {S.PLANNED: "已策划", S.REVIEWED: "已审核", S.LIVE: "直播中", S.ENDED: "已下播", S.SETTLED: "已结算"}

LIVE_LIFE: Life[S] = Life(
    {
        (S.PLANNED, "review"): S.REVIEWED,
        (S.REVIEWED, "revise"): S.PLANNED,
        (S.REVIEWED, "go_live"): S.LIVE,
        (S.LIVE, "end"): S.ENDED,
        (S.PLANNED, "end"): S.ENDED,
        (S.REVIEWED, "end"): S.ENDED,
        (S.ENDED, "settle"): S.SETTLED,
    },
    STATE_ZH,
    {"review": "审核", "revise": "修改", "go_live": "开播", "end": "下播", "settle": "结算"},
)
