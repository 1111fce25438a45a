"""Life of an inquiry."""

from shop.inquiries.models import InquiryStatus as S
from shop.kit.states import Life

STATE_ZH = {
    S.ASKED: "待报价", S.OFFERED: "已报价", S.ACCEPTED: "已成交", S.DECLINED: "企业已谢绝", S.WITHDRAWN: "买方已撤回",
}  # fmt: skip

INQUIRY_LIFE: Life[S] = Life(
    {
        (S.ASKED, "offer"): S.OFFERED,
        (S.ASKED, "decline"): S.DECLINED,
        (S.ASKED, "withdraw"): S.WITHDRAWN,
        (S.OFFERED, "offer"): S.OFFERED,
        (S.OFFERED, "accept"): S.ACCEPTED,
        (S.OFFERED, "decline"): S.DECLINED,
        (S.OFFERED, "withdraw"): S.WITHDRAWN,
    },
    STATE_ZH,
    {"offer": "报价", "accept": "接受报价", "decline": "谢绝", "withdraw": "撤回"},
)
