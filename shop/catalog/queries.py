"""Reading the catalogue as kept in the process: filters and pages without a statement."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date

from shop.catalog.models import Category
from shop.catalog.reference import CatalogProduct


@dataclass(frozen=True)
class Wanted:
    """What a list asks for; None asks for nothing in particular. `words`: part of a name or SKU."""

    day: date
    firm: str | None = None
    category: Category | None = None
    in_season: bool | None = None
    words: str | None = None

    def fits(self, product: CatalogProduct) -> bool:
        """Whether the product is one of those."""
        return (
            self.firm in (None, product.firm_code)
            and self.category in (None, product.category)
            and self.in_season in (None, product.in_season(self.day))
            and (self.words is None or self._named(product, self.words.casefold()))
        )

    @staticmethod
    def _named(product: CatalogProduct, words: str) -> bool:
        return any(words in name.casefold() for name in (product.name_zh, product.name_en, product.sku))


def products_after(
    products: Iterable[CatalogProduct], after: int | None, limit: int, *, wanted: Wanted,
    visible: Callable[[CatalogProduct], bool],
) -> list[CatalogProduct]:  # fmt: skip
    """Up to `limit + 1` visible products that fit, in the order in which they were drafted, after the id `after`."""
    fitting = (p for p in products if p.product_id > (after or 0) and visible(p) and wanted.fits(p))
    return sorted(fitting, key=lambda product: product.product_id)[: limit + 1]
