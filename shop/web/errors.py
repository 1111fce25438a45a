"""Why a page refuses."""

from shop.kit.errors import DomainError, NotFoundError

__all__ = ["FormExpired", "FromElsewhere", "NotFoundError", "OrderNotFollowed", "TooManyOrders", "TooManyTries"]


class FromElsewhere(DomainError):
    """A form that another site sent, or that was not given to this browser."""

    code = "from-elsewhere"
    status = 403
    title_zh, title_en = "请从本站页面提交", "Not sent from our page"
    zh = "请从本站页面重新提交；若浏览器禁用了 Cookie，请先允许。"
    en = "Send the form from our own page again; allow cookies if they are off."


class FormExpired(DomainError):
    """The page was open for too long, or the price changed meanwhile: the buyer confirms anew."""

    code = "form-expired"
    title_zh, title_en = "请重新核对", "Please confirm again"
    zh = "价格或页面已更新，请核对后再次提交。"
    en = "The price or the page has changed; look at it and confirm again."


class OrderNotFollowed(DomainError):
    """No such order, or another phone: the two are never told apart."""

    code = "order-not-followed"
    status = 404
    title_zh, title_en = "没有找到订单", "Order not found"
    zh = "没有找到这张订单，请核对订单号与下单手机号。"
    en = "No order has this number and this phone."


class TooManyTries(DomainError):
    """Too many tries to follow an order, of one number or from one address."""

    code = "too-many-tries"
    status = 429
    title_zh, title_en = "查询过于频繁", "Too many tries"
    zh = "查询次数过多，请 {retry_after_s} 秒后再试。"
    en = "Too many tries; try again in {retry_after_s} seconds."


class TooManyOrders(DomainError):
    """Too many orders of one phone or from one address, or too many that wait for their payment (hoarding)."""

    code = "too-many-orders"
    status = 429
    title_zh, title_en = "下单过于频繁", "Too many orders"
    zh = "下单次数过多，或有多张订单未付款；请先付款，或 {retry_after_s} 秒后再试。"
    en = "Too many orders, or several that wait for payment: pay them, or try again in {retry_after_s} seconds."
