"""Prices of lines: pure arithmetic on reference data, nothing read, nothing written."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from shop.kit.money import price_of
from shop.orders.models import PriceBasis, PriceSource


@dataclass(frozen=True)
class PricedLine:
    """A line with everything the order keeps of it. Amount in fen, weights in grams."""

    product_id: int
    sku: str
    name_zh: str
    unit_zh: str
    unit_weight_g: int
    quantity: int | None
    weight_g: int
    price_basis: PriceBasis
    price_fen: int
    amount_fen: int
    source: PriceSource
    price_list_id: int | None = None


@dataclass(frozen=True)
class Packed:
    """What pricing needs to know of a product."""

    product_id: int
    sku: str
    name_zh: str
    unit_zh: str
    net_weight_g: int


def _line(
    product: Packed,
    quantity: int | None,
    weight_g: int,
    basis: PriceBasis,
    price: int,
    total: int,
    source: PriceSource,
    list_id: int | None = None,
) -> PricedLine:
    return PricedLine(
        product_id=product.product_id, sku=product.sku, name_zh=product.name_zh, unit_zh=product.unit_zh,
        unit_weight_g=product.net_weight_g, quantity=quantity, weight_g=weight_g, price_basis=basis, price_fen=price,
        amount_fen=total, source=source, price_list_id=list_id,
    )  # fmt: skip


def by_the_pack(
    product: Packed, quantity: int, price_fen: int, source: PriceSource, list_id: int | None = None
) -> PricedLine:
    """`quantity` packs at `price_fen` a pack: amount = quantity x price, exactly."""
    weight_g, total = quantity * product.net_weight_g, quantity * price_fen
    return _line(product, quantity, weight_g, PriceBasis.PACK, price_fen, total, source, list_id)


def by_the_kg(product: Packed, weight_g: int, fen_per_kg: int) -> PricedLine:
    """`weight_g` grams at `fen_per_kg`: amount half up to the fen (purchase agreements)."""
    total = price_of(weight_g, fen_per_kg)
    return _line(product, None, weight_g, PriceBasis.KG, fen_per_kg, total, PriceSource.AGREEMENT)


def by_the_line(product: Packed, quantity: int, amount_fen: int) -> PricedLine:
    """`quantity` packs that were paid with `amount_fen` elsewhere: the amount need not be a multiple of anything."""
    weight_g = quantity * product.net_weight_g
    return _line(product, quantity, weight_g, PriceBasis.LINE, amount_fen, amount_fen, PriceSource.OUTSIDE)


def accepted_amount(line_amount_fen: int, line_weight_g: int, accepted_g: int) -> int:
    """What the buyer owes of a line of which `accepted_g` of `line_weight_g` were accepted, half up.

    The whole line accepted costs exactly its amount, nothing accepted costs nothing.
    """
    if not line_weight_g:
        return 0  # all of it was taken off before it was sent
    return (line_amount_fen * accepted_g * 2 + line_weight_g) // (line_weight_g * 2)


class _Sold(Protocol):
    """A line as it was sold."""

    price_basis: Any
    quantity: Any
    unit_weight_g: Any
    discount_fen: Any


def standing_amount(line: _Sold, standing_g: int, price_fen: int) -> int:
    """What the buyer pays when `standing_g` grams of a line stand, at `price_fen` for its pack or kg.

    By the pack each pack has its fen of the coupon, the first ones the odd fen, and the last packs go first: so in
    whatever steps packs are taken off, what they were worth adds up. A pack that came in part is worth that part of it,
    half up.
    """
    if line.price_basis is PriceBasis.KG:
        return price_of(standing_g, price_fen)
    packs, loose_g = divmod(standing_g, line.unit_weight_g)
    each, odd = divmod(line.discount_fen, line.quantity)
    begun = accepted_amount(price_fen - each - (packs < odd), line.unit_weight_g, loose_g)
    return int(packs * price_fen - (packs * each + min(packs, odd)) + begun)


def goods_total(lines: Sequence[PricedLine]) -> int:
    """Sum of the lines in fen."""
    return sum(line.amount_fen for line in lines)
