"""Why the catalogue refuses."""

from shop.kit.errors import DomainError, MoveRefusedError, NotFoundError

__all__ = [
    "CertificateTaken",
    "FirmTaken",
    "MoveRefusedError",
    "NotFoundError",
    "NothingToSell",
    "PriceListInThePast",
    "PriceListNotOrdered",
    "SkuTaken",
]


class FirmTaken(DomainError):
    """Another firm has this code."""

    code = "firm-taken"
    title_zh, title_en = "企业编号已存在", "Firm code taken"
    zh = "企业编号 {firm} 已存在。"
    en = "The firm code {firm} exists already."


class SkuTaken(DomainError):
    """Another product has this SKU."""

    code = "sku-taken"
    title_zh, title_en = "SKU 已存在", "SKU taken"
    zh = "SKU {sku} 已存在。"
    en = "SKU {sku} exists already."


class CertificateTaken(DomainError):
    """The product has this paper already."""

    code = "certificate-taken"
    title_zh, title_en = "证书已登记", "Certificate registered before"
    zh = "证书 {number} 已登记过。"
    en = "The certificate {number} is registered already."


class PriceListNotOrdered(DomainError):
    """Tiers start at one pack, quantities rise and prices fall."""

    code = "price-list-not-ordered"
    status = 422
    title_zh, title_en = "价格阶梯有误", "Price list not ordered"
    zh = "价格阶梯须从 1 件起，数量递增、单价递减。"
    en = "Tiers start at 1 pack; quantities rise and prices fall."


class PriceListInThePast(DomainError):
    """A price changes from today on at the earliest: what was sold keeps its price."""

    code = "price-list-in-the-past"
    status = 422
    title_zh, title_en = "价格不得追溯", "Price list in the past"
    zh = "新价格最早从 {today} 起生效。"
    en = "A new price list holds from {today} at the earliest."


class NothingToSell(DomainError):
    """A listing without any price cannot be submitted."""

    code = "listing-without-price"
    title_zh, title_en = "尚未定价", "Listing without price"
    zh = "{sku} 还没有价格，不能提交上架。"
    en = "{sku} has no price yet and cannot be submitted."
