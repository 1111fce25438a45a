"""Lives of firms and listings."""

from shop.catalog.models import FirmStatus as F
from shop.catalog.models import ProductStatus as P
from shop.kit.states import Life

FIRM_ZH = {F.APPLIED: "待准入", F.ADMITTED: "已准入", F.SUSPENDED: "已暂停"}
LISTING_ZH = {P.DRAFT: "草稿", P.SUBMITTED: "待审核", P.LISTED: "已上架", P.WITHDRAWN: "已下架"}

FIRM_LIFE: Life[F] = Life(
    {
        (F.APPLIED, "admit"): F.ADMITTED,
        (F.ADMITTED, "suspend"): F.SUSPENDED,
        (F.SUSPENDED, "admit"): F.ADMITTED,
    },
    FIRM_ZH,
    {"admit": "准入", "suspend": "暂停"},
)

#: Who sells a listed product knows what was approved: to change it, withdraw it first.
LISTING_LIFE: Life[P] = Life(
    {
        (P.DRAFT, "edit"): P.DRAFT,
        (P.WITHDRAWN, "edit"): P.DRAFT,
        (P.DRAFT, "submit"): P.SUBMITTED,
        (P.SUBMITTED, "approve"): P.LISTED,
        (P.SUBMITTED, "send_back"): P.DRAFT,
        (P.LISTED, "withdraw"): P.WITHDRAWN,
        (P.WITHDRAWN, "submit"): P.SUBMITTED,
    },
    LISTING_ZH,
    {"edit": "修改", "submit": "提交审核", "approve": "批准上架", "send_back": "退回修改", "withdraw": "下架"},
)
