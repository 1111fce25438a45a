"""Why something about an inquiry is refused."""

from shop.kit.errors import DomainError


class NothingToOffer(DomainError):
    """The partner's channel sells neither in bulk nor by agreement: its prices are those of the list."""

    code = "no-offers-here"
    title_zh, title_en = "该渠道不询价", "No offers in this channel"
    zh = "{partner} 所在渠道按标价销售，不询价。"
    en = "The channel of {partner} sells at list prices: there is nothing to offer."


class InquiryDoesNotFit(DomainError):
    """A unit asks for packs, an enterprise for grams; each product once, of the firm that is asked."""

    code = "inquiry-does-not-fit"
    status = 422
    title_zh, title_en = "询价内容不合适", "Inquiry does not fit"
    zh = "商品 {sku}：单位按包装数询价，企业按重量询价，且须为该企业的商品、每种一次。"
    en = "{sku}: units ask for packs, enterprises for grams; each product once, of the firm that is asked."


class OfferIncomplete(DomainError):
    """An offer names a price for each product that is asked for, and no other."""

    code = "offer-incomplete"
    status = 422
    title_zh, title_en = "报价不完整", "Offer incomplete"
    zh = "报价须恰好包含所询的每种商品：{skus}。"
    en = "An offer has a price for each product asked for and no other: {skus}."


class OfferExpired(DomainError):
    """The last day of the offer has passed, or the day that the firm names has."""

    code = "offer-expired"
    title_zh, title_en = "报价已过期", "Offer expired"
    zh = "报价有效至 {day}，已过期，请企业重新报价。"
    en = "The offer was good until {day}; ask the firm for another."
