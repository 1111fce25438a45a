"""The lives of an order and of a proposed penalty on one screen."""

from shop.kit.states import Life
from shop.orders.models import OrderStatus as S
from shop.orders.models import PenaltyStatus as P

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

ORDER_LIFE: Life[S] = Life(
    {
        (S.PLACED, "pay"): S.CONFIRMED,
        (S.PLACED, "approve"): S.CONFIRMED,
        (S.PLACED, "cancel"): S.CANCELLED,
        (S.PLACED, "expire"): S.EXPIRED,
        (S.CONFIRMED, "cancel"): S.CANCELLED,
        (S.CONFIRMED, "cut"): S.CONFIRMED,
        (S.CONFIRMED, "dispatch_part"): S.PARTLY_DISPATCHED,
        (S.CONFIRMED, "dispatch"): S.DISPATCHED,
        (S.PARTLY_DISPATCHED, "dispatch_part"): S.PARTLY_DISPATCHED,
        (S.PARTLY_DISPATCHED, "dispatch"): S.DISPATCHED,
        (S.PARTLY_DISPATCHED, "cut"): S.PARTLY_DISPATCHED,
        (S.PARTLY_DISPATCHED, "cut_rest"): S.DISPATCHED,
        (S.DISPATCHED, "accept"): S.ACCEPTED,
        (S.ACCEPTED, "settle"): S.SETTLED,
    },
    STATE_ZH,
    {
        "pay": "付款", "approve": "审批", "cancel": "取消", "expire": "作过期处理", "cut": "部分取消",
        "cut_rest": "取消余下的", "dispatch_part": "部分发货", "dispatch": "发货", "accept": "验收", "settle": "结算",
        "sign": "登记该包裹的签收",
    },
)  # fmt: skip

PENALTY_ZH = {P.PROPOSED: "待决定", P.CLAIMED: "已主张", P.DEPOSIT_TAKEN: "已适用定金罚则", P.WAIVED: "已放弃",
    P.WITHDRAWN: "主张已撤回",
}  # fmt: skip

PENALTY_LIFE: Life[P] = Life(
    {
        (P.PROPOSED, "claim"): P.CLAIMED,
        (P.PROPOSED, "take_deposit"): P.DEPOSIT_TAKEN,
        (P.PROPOSED, "waive"): P.WAIVED,
        (P.CLAIMED, "withdraw"): P.WITHDRAWN,
    },
    PENALTY_ZH,
    {
        "claim": "主张",
        "take_deposit": "适用定金罚则",
        "waive": "放弃",
        "withdraw": "撤回主张",
        "pay": "登记违约金付款",
    },
)
