"""The life of an order on one screen."""

from shop.kit.states import Life
from shop.orders.models import OrderStatus as S

ORDER_LIFE: Life[S] = Life(
    {
        (S.PLACED, "pay"): S.CONFIRMED,
        (S.PLACED, "approve"): S.CONFIRMED,
        (S.PLACED, "cancel"): S.CANCELLED,
        (S.PLACED, "expire"): S.EXPIRED,
        (S.CONFIRMED, "cancel"): S.CANCELLED,
        (S.CONFIRMED, "dispatch_part"): S.PARTLY_DISPATCHED,
        (S.CONFIRMED, "dispatch"): S.DISPATCHED,
        (S.PARTLY_DISPATCHED, "dispatch_part"): S.PARTLY_DISPATCHED,
        (S.PARTLY_DISPATCHED, "dispatch"): S.DISPATCHED,
        (S.DISPATCHED, "accept"): S.ACCEPTED,
        (S.ACCEPTED, "settle"): S.SETTLED,
    }
)

STATE_ZH = {
    S.PLACED: "已下单",
    S.CONFIRMED: "已确认",
    S.PARTLY_DISPATCHED: "部分发货",
    S.DISPATCHED: "已发货",
    S.ACCEPTED: "已验收",
    S.SETTLED: "已结算",
    S.CANCELLED: "已取消",
    S.EXPIRED: "已过期",
}
