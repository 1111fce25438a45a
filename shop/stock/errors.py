"""Why stock refuses."""

from shop.kit.errors import DomainError, NotFoundError

__all__ = ["BatchPaperMissing", "DeliveryNotFree", "NotEnoughStock", "NotFoundError"]


class NotEnoughStock(DomainError):
    """Somebody else was faster, or there never was that much. `short` lists sku, asked_g and left_g."""

    code = "not-enough-stock"
    title_zh, title_en = "库存不足", "Not enough stock"
    zh = "库存不足：{list_zh}。"
    en = "Not enough stock: {list_en}."

    def __init__(self, short: list[dict[str, object]]) -> None:
        super().__init__(
            short=short,
            list_zh="；".join(f"{row['sku']} 需 {row['asked_g']} 克，仅余 {row['left_g']} 克" for row in short),
            list_en="; ".join(f"{row['sku']} asked {row['asked_g']} g, left {row['left_g']} g" for row in short),
        )


class DeliveryNotFree(DomainError):
    """A delivery is in another lot, or of another firm or product."""

    code = "delivery-not-free"
    title_zh, title_en = "交售单不可用", "Delivery not free"
    zh = "交售单已编入批次，或不属于该企业该商品：{codes}。"
    en = "These deliveries are in another lot, or of another firm or product: {codes}."


class BatchPaperMissing(DomainError):
    """The product needs a conformity or quarantine certificate for each batch (Order 4 of 2025 for fresh produce)."""

    code = "batch-paper-missing"
    status = 422
    title_zh, title_en = "批次缺少合格证", "Batch paper missing"
    zh = "商品 {sku} 的每个批次都须有合格证或检疫证编号。"
    en = "Each batch of {sku} needs its certificate number."
