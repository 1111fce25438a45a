"""Lives of what income comes from."""

from shop.income.models import PlanStatus as P
from shop.kit.states import Life

STATE_ZH = {
    P.DRAFT: "草案", P.OPEN: "公示中", P.APPROVED: "社员大会已通过", P.BOOKED: "已分配入账", P.WITHDRAWN: "已撤回",
    P.REVERSED: "已冲销",
}  # fmt: skip

#: A plan that was laid open is never edited: it is withdrawn, after booking reversed, and another one is drafted.
PLAN_LIFE: Life[P] = Life(
    {
        (P.DRAFT, "lay_open"): P.OPEN,
        (P.OPEN, "approve"): P.APPROVED,
        (P.APPROVED, "book"): P.BOOKED,
        (P.DRAFT, "withdraw"): P.WITHDRAWN,
        (P.OPEN, "withdraw"): P.WITHDRAWN,
        (P.APPROVED, "withdraw"): P.WITHDRAWN,
        (P.BOOKED, "reverse"): P.REVERSED,
    },
    STATE_ZH,
    {"lay_open": "公示", "approve": "登记社员大会通过", "book": "分配入账", "withdraw": "撤回", "reverse": "冲销"},
)
