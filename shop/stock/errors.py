"""Why stock refuses."""

from shop.kit.errors import DomainError, NotFoundError

__all__ = [
    "BatchPaperMissing", "DeliveryNotFree", "LotIsHeld", "NotEnoughStock", "NotFoundError",
    "NotFresh", "NotTheFirms",
]  # fmt: skip


class NotEnoughStock(DomainError):
    """Somebody else was faster, or there never was that much. `short` lists sku, asked_g and left_g."""

    code = "not-enough-stock"
    title_zh, title_en = "库存不足", "Not enough stock"
    zh = "{sku} 需 {asked_g} 克，仅余 {left_g} 克。"
    en = "{sku}: {asked_g} g asked, {left_g} g left."

    def __init__(self, short: list[dict[str, object]]) -> None:
        self.short = short
        super().__init__(short=short)

    def sentence(self, language: str) -> str:
        """One clause for each short product."""
        if language == "zh":
            return "库存不足：" + "；".join(self.zh.format(**row).rstrip("。") for row in self.short) + "。"
        return "Not enough stock: " + "; ".join(self.en.format(**row).rstrip(".") for row in self.short) + "."


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


class NotFresh(DomainError):
    """Harvested tomorrow, or expired today."""

    code = "lot-not-fresh"
    status = 422
    title_zh, title_en = "采收日期不符", "Lot not fresh"
    zh = "{harvested_on} 采收、{expires_on} 到期的批次今天不能入库。"
    en = "A lot harvested on {harvested_on} that expires on {expires_on} cannot be received today."


class NotTheFirms(DomainError):
    """A firm makes lots of its own products."""

    code = "not-the-firms-product"
    status = 422
    title_zh, title_en = "不是该企业的商品", "Not the firm's product"
    zh = "{sku} 不是企业 {firm} 的商品。"
    en = "{sku} is not a product of {firm}."


class LotIsHeld(DomainError):
    """Held for buyers, set aside, or gone already: that much cannot be withdrawn."""

    code = "lot-is-held"
    title_zh, title_en = "库存已被占用", "Lot is held"
    zh = "批次 {lot} 现在最多可核减 {free_g} 克，要求 {asked_g} 克。"
    en = "{free_g} g of lot {lot} can be withdrawn now, {asked_g} g were asked."
