"""Why a delivery is refused."""

from shop.kit.errors import DomainError, NotFoundError

__all__ = ["DeliveredInTheFuture", "DeliveryCodeTaken", "NotADeliveredProduct", "NotFoundError", "NotOfThisFirm"]


class DeliveredInTheFuture(DomainError):
    """Nothing was weighed tomorrow."""

    code = "delivered-in-the-future"
    status = 422
    title_zh, title_en = "交售日期未到", "Delivered in the future"
    zh = "交售日期 {day} 还没有到。"
    en = "{day} is still to come."


class NotOfThisFirm(DomainError):
    """The household has no relation to the firm."""

    code = "household-not-of-firm"
    title_zh, title_en = "农户不属于该企业", "Household not of this firm"
    zh = "{household} 与该企业没有社员或订单关系。"
    en = "{household} is neither a member nor a contract grower of this firm."


class NotADeliveredProduct(DomainError):
    """The firm makes this product itself, or it is another firm's, or it is not harvested then."""

    code = "not-a-delivered-product"
    title_zh, title_en = "不能交售该商品", "Not a delivered product"
    zh = "{sku} 在 {day} 不能向该企业交售。"
    en = "{sku} cannot be delivered to this firm on {day}."


class DeliveryCodeTaken(DomainError):
    """The slip was recorded before: a slip counts once."""

    code = "delivery-code-taken"
    title_zh, title_en = "交售单已登记", "Delivery slip recorded before"
    zh = "交售单 {slip} 已登记过。"
    en = "Slip {slip} was recorded before."
