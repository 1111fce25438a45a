"""What rows are called: of a report by the key in an address, of those behind a figure beside the codes they hold."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import String, cast, literal, select, union_all
from sqlalchemy.orm import Session

from shop.catalog.models import Firm, Product
from shop.channels.models import Channel, Occasion, Partner
from shop.farmers.models import Household
from shop.places.models import Township, Village
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


#: Of what a row behind a figure holds a code, where its name stands. Households have none: they appear by code alone.
_BESIDE: dict[str, tuple[Any, Any]] = {
    "firm": (Firm.code, Firm.name_zh), "sku": (Product.sku, Product.name_zh),
    "partner": (Partner.code, Partner.name_zh),
}  # fmt: skip


def with_names(session: Session, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows with firm, product and partner called by name and code, and the village of a household.

    One statement; a reader who sees a row may see what it is of.
    """
    kinds = {kind: sorted({row[kind] for row in rows if row.get(kind)}) for kind in (*_BESIDE, "household")}
    asked = [
        select(literal(kind, String), code, name).where(code.in_(kinds[kind]))
        for kind, (code, name) in _BESIDE.items() if kinds[kind]
    ]  # fmt: skip
    if kinds["household"]:
        asked.append(
            select(literal("household", String), Household.code, cast(Township.name_zh + Village.short_zh, String))
            .join(Village, Village.id == Household.village_id)
            .join(Township, Township.id == Village.township_id)
            .where(Household.code.in_(kinds["household"]))
        )
    names = {(kind, code): name for kind, code, name in session.execute(union_all(*asked))} if asked else {}
    return [_named(dict(row), names) for row in rows]


def _named(row: dict[str, Any], names: dict[tuple[str, str], str]) -> dict[str, Any]:
    if row.get("household"):
        row["village_zh"] = names.get(("household", row["household"]))
    for kind in _BESIDE:
        name = names.get((kind, row.get(kind) or ""))
        if name is not None:
            row[kind] = f"{name}（{row[kind]}）"
    return row
