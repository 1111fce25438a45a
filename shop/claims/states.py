"""The life of a claim on one screen."""

from shop.claims.models import ClaimReason as R
from shop.claims.models import ClaimStatus as S
from shop.kit.states import Life

STATE_ZH = {
    S.OPEN: "等待商家答复",
    S.ANSWERED: "等待县里裁定",
    S.ACCEPTED: "已同意赔付",
    S.REJECTED: "未获支持",
    S.WITHDRAWN: "已撤回",
}

CLAIM_LIFE: Life[S] = Life(
    {
        (S.OPEN, "answer"): S.ANSWERED,
        (S.OPEN, "accept"): S.ACCEPTED,
        (S.OPEN, "reject"): S.REJECTED,
        (S.OPEN, "withdraw"): S.WITHDRAWN,
        (S.ANSWERED, "accept"): S.ACCEPTED,
        (S.ANSWERED, "reject"): S.REJECTED,
        (S.ANSWERED, "withdraw"): S.WITHDRAWN,
    },
    STATE_ZH,
    {"answer": "答复", "accept": "同意赔付", "reject": "驳回", "withdraw": "撤回"},
)

REASON_ZH = {R.SPOILED: "腐烂变质", R.CRUSHED: "压伤破损", R.SHORT: "缺斤少两", R.WRONG: "发错商品", R.OTHER: "其他"}
