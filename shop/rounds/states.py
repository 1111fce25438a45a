"""Life of a buying round."""

from shop.kit.states import Life
from shop.rounds.models import RoundStatus as S

STATE_ZH = {
    S.OPEN: "报名中",
    S.CLOSED: "已截止，未下单",
    S.ORDERED: "已下单",
    S.FINISHED: "已发完",
    S.CANCELLED: "已取消",
}

ROUND_LIFE: Life[S] = Life(
    {
        (S.OPEN, "close"): S.CLOSED,
        (S.OPEN, "cancel"): S.CANCELLED,
        (S.CLOSED, "order"): S.ORDERED,
        (S.CLOSED, "cancel"): S.CANCELLED,
        (S.ORDERED, "finish"): S.FINISHED,
        (S.ORDERED, "lose_order"): S.CANCELLED,
    },
    STATE_ZH,
    {
        "close": "截止", "cancel": "取消", "order": "下单", "finish": "发完", "lose_order": "随订单取消",
        "set_aside": "预留库存", "remove": "移出报名",
    },
)  # fmt: skip
