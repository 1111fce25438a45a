"""Why stock refuses."""

from shop.kit.errors import DomainError, NotFoundError

__all__ = [
    "BatchPaperMissing",
    "CertificateNotAnew",
    "DeliveryIsVoid",
    "DeliveryNotFree",
    "GradedIntoOther",
    "LotIsHeld",
    "LotIsRecalled",
    "NotEnoughStock",
    "NotFoundError",
    "NotFresh",
    "NotTheFirms",
    "OtherKindOfGoods",
    "PresaleDatesDoNotFit",
    "PresaleFull",
    "PresaleRuns",
    "RecallIsLifted",
    "SetAsideBySession",
    "SetAsideInUse",
    "SetAsideIsOver",
    "SetAsideStands",
    "SetAsideUntil",
]  # fmt: skip


class NotEnoughStock(DomainError):
    """Somebody else was faster, or there never was that much. `short` lists sku, asked_g and left_g."""

    code = "not-enough-stock"
    title_zh, title_en = "库存不足", "Not enough stock"
    zh = "{sku} 需 {asked_g}，仅余 {left_g}。"
    en = "{sku}: {asked_g} asked, {left_g} left."

    def __init__(self, short: list[dict[str, object]]) -> None:
        self.short = short
        super().__init__(short=short)

    def sentence(self, language: str) -> str:
        """One clause for each short product."""
        if language == "zh":
            return "库存不足：" + "；".join(self.said(row, "zh").rstrip("。") for row in self.short) + "。"
        return "Not enough stock: " + "; ".join(self.said(row, "en").rstrip(".") for row in self.short) + "."


class PresaleFull(DomainError):
    """Fewer packs of the pre-sale are left than were asked for."""

    code = "presale-full"
    title_zh, title_en = "预售已满", "Pre-sale full"
    zh = "预售 {presale} 还剩 {left_g}，要求 {asked_g}。"
    en = "Pre-sale {presale}: {left_g} are left, {asked_g} were asked."


class PresaleRuns(DomainError):
    """Another pre-sale of the product takes orders on these days."""

    code = "presale-runs"
    title_zh, title_en = "已有预售", "Another pre-sale runs"
    zh = "该商品在这些天已有预售 {presale}。"
    en = "Pre-sale {presale} of this product takes orders on these days."


class PresaleDatesDoNotFit(DomainError):
    """Opened today or later, closed after that, sent after that, while the product can be good."""

    code = "presale-dates-do-not-fit"
    status = 422
    title_zh, title_en = "预售日期不符", "Days of the pre-sale do not fit"
    zh = "开售、截止、最迟发货日须依次排列，且 {sku} 在 {ship_by} 须在产季与保质期内、一年之内。"
    en = "It opens today or later, closes after that, and {sku} is in season and within a year on {ship_by}."


class DeliveryNotFree(DomainError):
    """A delivery is in another lot, or of another firm or product."""

    code = "delivery-not-free"
    title_zh, title_en = "交售单不可用", "Delivery not free"
    zh = "交售单已编入批次，或不属于该企业该商品：{codes}。"
    en = "These deliveries are in another lot, or of another firm or product: {codes}."


class DeliveryIsVoid(DomainError):
    """A correction says that nothing was delivered by the slip: no lot is made of nothing."""

    code = "delivery-void"
    title_zh, title_en = "交售单已作废", "Delivery void"
    zh = "交售单已作废（更正为 0），不能编入批次：{codes}。"
    en = "These deliveries are void (corrected to 0), so no lot is made of them: {codes}."


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
    zh = "批次 {lot} 现在最多可核减 {free_g}，要求 {asked_g}。"
    en = "{free_g} of lot {lot} can be withdrawn now, {asked_g} were asked."


class OtherKindOfGoods(DomainError):
    """Packing makes no fruit of grain."""

    code = "other-kind-of-goods"
    status = 422
    title_zh, title_en = "品类不同", "Another kind of goods"
    zh = "批次 {lot} 与商品 {sku} 不是同一品类，不能改装。"
    en = "Lot {lot} and product {sku} are not of one category."


class GradedIntoOther(DomainError):
    """What is graded down is sold as another product, and is of a lower grade than it was."""

    code = "graded-into-other"
    status = 422
    title_zh, title_en = "降级须转入另一商品", "Graded down into another product"
    zh = "批次 {lot} 降为{grade}须转入本企业另一商品，且等级须低于原等级。"
    en = "What lot {lot} lost in grade ({grade}) becomes another product of the firm, of a lower grade than before."


class CertificateNotAnew(DomainError):
    """After mixing or repacking the certificate is issued anew (Order 4 of 2025)."""

    code = "certificate-not-anew"
    status = 422
    title_zh, title_en = "合格证须重新开具", "Certificate not issued anew"
    zh = "合格证 {certificate} 已用于其他批次；混装、改装后须重新开具。"
    en = "Certificate {certificate} belongs to another lot; after mixing or repacking it is issued anew."


class LotIsRecalled(DomainError):
    """A recall of it stands."""

    code = "lot-is-recalled"
    title_zh, title_en = "批次已召回", "Lot is recalled"
    zh = "批次 {lot} 已召回。"
    en = "Lot {lot} is recalled."


class RecallIsLifted(DomainError):
    """It was lifted before."""

    code = "recall-is-lifted"
    title_zh, title_en = "召回已解除", "Recall is lifted"
    zh = "召回 {recall} 已经解除。"
    en = "Recall {recall} was lifted before."


class SetAsideBySession(DomainError):
    """Each session of this channel has stock of its own, set aside by its shelf."""

    code = "set-aside-by-session"
    status = 422
    title_zh, title_en = "该渠道按场次预留", "Set aside session by session"
    zh = "{channel}按场次货架预留库存，不能为整个渠道预留。"
    en = "{channel}: stock is set aside by the shelf of each session, not for the channel."


class SetAsideStands(DomainError):
    """Of a product one set-aside for a channel or a round stands at a time: change that one."""

    code = "set-aside-stands"
    title_zh, title_en = "已有预留", "Set aside already"
    zh = "商品 {sku} 已有同一对象的预留 {aside}，请改其重量或截止时间。"
    en = "{sku} is set aside for the same by {aside}: change its weight or its end."


class SetAsideUntil(DomainError):
    """A set-aside ends in the future, within a year."""

    code = "set-aside-until"
    status = 422
    title_zh, title_en = "预留截止时间不符", "End of the set-aside does not fit"
    zh = "预留截止时间须晚于现在，且在 {days} 天之内。"
    en = "A set-aside ends later than now and within {days} days."


class SetAsideIsOver(DomainError):
    """It ended: what is left of it goes back to the open pool."""

    code = "set-aside-is-over"
    title_zh, title_en = "预留已结束", "Set-aside is over"
    zh = "预留 {aside} 已结束，余量退回公开库存。"
    en = "Set-aside {aside} is over; what is left goes back to open stock."


class SetAsideInUse(DomainError):
    """Orders hold or took more of it than would be set aside."""

    code = "set-aside-in-use"
    title_zh, title_en = "预留已被占用", "Set-aside is in use"
    zh = "预留 {aside} 已占用或售出 {least_g}，不能减到 {asked_g}。"
    en = "Orders hold or took {least_g} of set-aside {aside}: it cannot shrink to {asked_g}."
