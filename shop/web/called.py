"""What the row of a report is called, by its key, where only the key stands in an address."""

from typing import Any

from sqlalchemy import String, literal, select
from sqlalchemy.orm import Session

from shop.catalog.models import Firm, Product
from shop.channels.models import Channel, Occasion, Partner
from shop.places.queries import place_names

#: By the cut or section that a row stands in, where its key and its name stand; of all others those of partners.
_NAMED: dict[str, tuple[Any, Any]] = {
    **dict.fromkeys(("firm", "firms"), (Firm.code, Firm.name_zh)),
    **dict.fromkeys(("product", "products_by_amount", "products_by_weight"), (Product.sku, Product.name_zh)),
    **dict.fromkeys(("channel", "channels"), (Channel.kind, Channel.name_zh)),
    "sessions": (Occasion.code, Occasion.title_zh),
}


def called(session: Session, row: str, key: str | None, seen: int) -> str:
    """Name and key of a row of this cut or section, nothing of a total.

    The key alone where it has no name, and where the reader has `seen` no rows of it: whose it is, is not for him.
    """
    if key is None or not seen:
        return key or ""
    code, name = _NAMED.get(row, (Partner.code, Partner.name_zh))
    found = place_names(session, [key]).get(key) or session.scalar(select(name).where(code == literal(key, String)))
    if found is None:
        return key
    return found if row in ("channel", "channels") else f"{found}（{key}）"
