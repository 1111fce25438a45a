"""Lives of firms and listings."""

from shop.catalog.models import FirmStatus as F
from shop.catalog.models import ProductStatus as P
from shop.kit.states import Life

FIRM_LIFE: Life[F] = Life(
    {
        (F.APPLIED, "admit"): F.ADMITTED,
        (F.ADMITTED, "suspend"): F.SUSPENDED,
        (F.SUSPENDED, "admit"): F.ADMITTED,
    }
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
    }
)
