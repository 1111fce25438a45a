"""What the row of a report is called, by its key, where only the key stands in an address."""

from typing import Any

from sqlalchemy import String, literal, select
from sqlalchemy.orm import Session

from shop.catalog.models import Firm, Product
from shop.channels.models import Channel, Occasion, Partner
from shop.places.models import Township, Village

_PLACES = (Township.code, Township.name_zh), (Village.code, Village.name_zh)
_PARTNERS = ((Partner.code, Partner.name_zh),)
#: By the cut or section that a row stands in: where its key and its name stand.
_NAMED: dict[str, tuple[tuple[Any, Any], ...]] = {
    **dict.fromkeys(("township", "village", "month", "household", "townships", "households"), _PLACES),
    **dict.fromkeys(("firm", "firms"), ((Firm.code, Firm.name_zh),)),
    **dict.fromkeys(("product", "products_by_amount", "products_by_weight"), ((Product.sku, Product.name_zh),)),
    **dict.fromkeys(("channel", "channels"), ((Channel.kind, Channel.name_zh),)),
    "sessions": ((Occasion.code, Occasion.title_zh),),
}


def called(session: Session, row: str, key: str | None) -> str:
    """Name and key of a row of this cut or section; the key alone where it has no name, nothing of a total."""
    if key is None:
        return ""
    for code, name in _NAMED.get(row, _PARTNERS):
        found = session.scalar(select(name).where(code == literal(key, String)))
        if found is not None:
            return found if row in ("channel", "channels") else f"{found}（{key}）"
    return key
