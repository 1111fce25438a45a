"""Life of an inquiry."""

from shop.inquiries.models import InquiryStatus as S
from shop.kit.states import Life

INQUIRY_LIFE: Life[S] = Life(
    {
        (S.ASKED, "offer"): S.OFFERED,
        (S.ASKED, "decline"): S.DECLINED,
        (S.ASKED, "withdraw"): S.WITHDRAWN,
        (S.OFFERED, "offer"): S.OFFERED,
        (S.OFFERED, "accept"): S.ACCEPTED,
        (S.OFFERED, "decline"): S.DECLINED,
        (S.OFFERED, "withdraw"): S.WITHDRAWN,
    }
)
