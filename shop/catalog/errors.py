"""Why the catalogue refuses."""

from shop.kit.errors import DomainError, MoveRefusedError, NotFoundError

__all__ = ["MoveRefusedError", "NotFoundError", "PriceListNotOrdered", "SkuTaken"]


class SkuTaken(DomainError):
    """Another product has this SKU."""

    code = "sku-taken"
    title_zh, title_en = "SKU 已存在", "SKU taken"
    zh = "SKU {sku} 已存在。"
    en = "SKU {sku} exists already."


class PriceListNotOrdered(DomainError):
    """Tiers start at one pack, quantities rise and prices fall."""

    code = "price-list-not-ordered"
    status = 422
    title_zh, title_en = "价格阶梯有误", "Price list not ordered"
    zh = "价格阶梯须从 1 件起，数量递增、单价递减。"
    en = "Tiers start at 1 pack; quantities rise and prices fall."
