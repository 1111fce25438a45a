"""Why a shop's file is refused."""

from shop.kit.errors import DomainError


class FileRefused(DomainError):
    """Some rows cannot be taken; nothing was. `rows` lists them by file, line and column."""

    code = "marketplace-file-refused"
    status = 422
    title_zh, title_en = "平台文件未通过", "Marketplace file refused"
    zh = "共有 {errors_total} 处问题，没有导入任何内容；请按 rows 逐行处理后重新提交。"
    en = "{errors_total} problems, nothing was taken; see to the rows listed and send the file again."


class ProfileRefused(DomainError):
    """The mapping of columns cannot be used."""

    code = "marketplace-profile-refused"
    status = 422
    title_zh, title_en = "字段对照不可用", "Profile refused"
    zh = "字段对照不可用：{where} {reason_zh}。"
    en = "The profile cannot be used: {where} {reason_en}."


class NotSetUp(DomainError):
    """The shop has no profile yet: nobody knows how to read its files."""

    code = "marketplace-not-set-up"
    title_zh, title_en = "店铺尚未设置", "Shop not set up"
    zh = "店铺 {shop} 尚未设置字段对照。"
    en = "Shop {shop} has no profile yet."


class NotAMarketplace(DomainError):
    """Only an online shop, whose fee comes from a dated table, can be a shop on a marketplace."""

    code = "not-a-marketplace"
    title_zh, title_en = "不是网店", "Not an online shop"
    zh = "{partner} 不是网店，不能导入平台文件。"
    en = "{partner} is not an online shop; it has no marketplace files."


class ItemTaken(DomainError):
    """The shop's SKU stands for another product, and orders were taken by it."""

    code = "marketplace-item-taken"
    title_zh, title_en = "店铺货号已有订单", "Shop SKU in use"
    zh = "店铺货号 {sku} 已按原对照导入过订单，不能改指另一商品；请在店铺换用新货号。"
    en = "Orders were taken by shop SKU {sku} as it stands; it cannot become another product."
