"""What pages show of products, offers and orders: words made of facts, no rule of the business."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from shop.catalog.errors import OutOfSeason
from shop.catalog.models import Category, ProductStatus
from shop.catalog.reference import Catalog, CatalogProduct
from shop.channels.attribution import Opening
from shop.channels.models import Coupon, OccasionKind
from shop.channels.reference import OccasionRow, PartnerRow, Selling
from shop.kit.errors import DomainError, NotFoundError
from shop.kit.money import per_jin, per_kg, yuan
from shop.orders.errors import (
    CampaignClosed,
    CouponNotForThis,
    NotForSale,
    OccasionNotOpen,
    OrderingClosed,
)
from shop.orders.place import Asked, Preview, Request, preview_order
from shop.stock.presales import PresaleRow

CATEGORY_ZH = {
    Category.FRUIT: "水果", Category.VEGETABLE: "蔬菜", Category.NUT_DRIED_FRUIT: "坚果干果", Category.GRAIN: "粮食",
    Category.HERB_TEA: "药材与茶", Category.PROCESSED: "加工食品", Category.OIL: "食用油", Category.FUNGUS: "菌菇",
    Category.LIVESTOCK_EGG_HONEY: "肉蛋蜜", Category.BEAN: "豆类", Category.HANDICRAFT: "手工艺",
}  # fmt: skip
MONTHS = 12


@dataclass(frozen=True)
class Counter:
    """Where a page sells: an online shop of ours, the occasion of a partner, or whose link the buyer came by.

    Nobody's while we have no shop.
    """

    partner: PartnerRow | None
    occasion: OccasionRow | None = None
    #: Whether an address without a word about the counter means this one.
    usual: bool = True
    #: The link that the buyer came by, where an order is counted for it.
    opening: Opening | None = None
    #: The pre-sale that is ordered from here.
    presale: PresaleRow | None = None

    @property
    def params(self) -> dict[str, str]:
        """How an address names this counter."""
        ahead = {"presale": self.presale.code} if self.presale else {}
        if self.usual or self.partner is None:
            return ahead
        return ahead | ({"shop": self.partner.code} if self.occasion is None else {"live": self.occasion.code})

    @property
    def live(self) -> str | None:
        """The code of the live session that sells here."""
        return self.occasion.code if self.occasion and self.occasion.kind is OccasionKind.SESSION else None

    def offered_fen(self, product: CatalogProduct, day: date) -> int | None:
        """What a pack is announced for here, whether or not it can be ordered now."""
        if self.occasion is None:
            return product.price_for(1, day)
        offer = self.occasion.offers.get(product.product_id)
        return offer.price_fen if offer else None

    def cap(self, product: CatalogProduct) -> int | None:
        """Packs that one buyer may take, where that is limited."""
        offer = self.occasion.offers.get(product.product_id) if self.occasion else None
        return offer.per_buyer_cap if offer else None

    def request(self, sku: str, quantity: int, buyer_party_id: int = 0, **more: Any) -> Request:
        """The order that the page would place."""
        return Request(
            [Asked(sku, quantity)], buyer_party_id, partner=self.partner.code if self.partner else None,
            occasion=self.occasion.code if self.occasion else None, link=self.opening.code if self.opening else None,
            link_opened_at=self.opening.at if self.opening else None, presale=self.presale, **more,
        )  # fmt: skip


def months(product: CatalogProduct) -> str:
    """The harvest window in words."""
    first, last = product.harvest_start_month, product.harvest_end_month
    if first == last:
        return f"{first} 月"
    if (last - first) % MONTHS == MONTHS - 1:
        return "全年"
    return f"{first} 月至{'次年 ' if last < first else ' '}{last} 月"


def price(fen: int, product: CatalogProduct) -> dict[str, str]:
    """A price for a pack, a jin and a kg, each rounded for itself."""
    return {
        "pack": yuan(fen),
        "jin": yuan(per_jin(fen, product.net_weight_g)),
        "kg": yuan(per_kg(fen, product.net_weight_g)),
        "each": product.unit_zh,
    }


def _short(fen: int) -> str:
    """Yuan for a sentence: without decimals where there are none."""
    return yuan(fen).removesuffix(".00")


def coupons(good: Iterable[Coupon]) -> list[tuple[str, str]]:
    """(code, what it is worth) of each coupon."""
    return [
        (coupon.code, f"满 {_short(coupon.min_goods_fen)} 元减 {_short(coupon.discount_fen)} 元") for coupon in good
    ]


def coupon_refused(refusal: DomainError) -> str:
    """Why a coupon takes nothing off, in yuan. A code of nothing here is told alike, whatever it is elsewhere."""
    if not isinstance(refusal, CouponNotForThis):
        return refusal.sentence("zh")
    least_fen = int(str(refusal.facts["min_goods_fen"]))
    told = f"满 {_short(least_fen)} 元、在有效期内才能用" if least_fen else "本场没有这张券"
    return f"优惠券 {refusal.facts['coupon']}：{told}。"


def packs(product: CatalogProduct, left_g: int) -> int:
    """Whole packs in `left_g` grams."""
    return left_g // product.net_weight_g


def preview(
    counter: Counter, product: CatalogProduct, quantity: int, *, goods: Catalog, selling: Selling, now: Any
) -> Preview | DomainError:
    """What an order of `quantity` packs would be, or why it would be refused."""
    try:
        return preview_order(counter.request(product.sku, quantity), goods=goods, selling=selling, now=now)
    except DomainError as refusal:
        return refusal


def why_not(product: CatalogProduct, refusal: DomainError | None, left: int) -> str | None:
    """Why nobody can order now, for a buyer; None when he can."""
    if isinstance(refusal, OutOfSeason):
        return f"现在不在产季，{months(product)}采收上市"
    if isinstance(refusal, OrderingClosed):
        return order_days(product)
    if isinstance(refusal, NotFoundError):
        return "网店还未开张，暂不能下单"
    if isinstance(refusal, CampaignClosed):
        return "现在没有进行中的活动，开季再见"
    if isinstance(refusal, OccasionNotOpen):
        return "这一场现在没有开卖"
    if isinstance(refusal, NotForSale):
        return "这里暂不出售这件商品"
    if refusal is not None:
        return refusal.sentence("zh").rstrip("。")
    return None if left else "已售完，新货到仓后恢复销售"


def line(of: dict[str, Any]) -> dict[str, Any]:
    """A line of an order in yuan, with what was taken off it before it was sent."""
    off = {"off": of["cancelled_g"] // of["unit_weight_g"], "off_fen": yuan(of["cancelled_fen"])}
    return of | off | {"amount": yuan(of["amount_fen"])}


def ahead(presale: PresaleRow, product: CatalogProduct) -> dict[str, Any]:
    """A pre-sale of a product as its page shows it."""
    return {
        "code": presale.code,
        "left": packs(product, presale.left_g),
        "ship_by": f"{presale.ship_by:%-m 月 %-d 日}",
        "closes_on": f"{presale.closes_on:%-m 月 %-d 日}",
    }


def order_days(product: CatalogProduct) -> str:
    """When it is ordered, in words."""
    first, last = product.orders_from, product.orders_until
    begins = f"{first:%-m 月 %-d 日}起" if first else ""
    return f"接受下单：{begins}{f'至 {last:%-m 月 %-d 日}' if last else ''}"


def gone(product: CatalogProduct) -> bool:
    """Whether it was on sale once and is withdrawn, or its firm is suspended: a draft was never there."""
    return not product.for_sale and product.status in (ProductStatus.LISTED, ProductStatus.WITHDRAWN)


def card(
    product: CatalogProduct, counter: Counter, left: int, refusal: DomainError | None, day: date
) -> dict[str, Any]:
    """A product on the shelf of `counter`; `left` is how many packs there are, `usual` a list price that is higher."""
    fen, usual = counter.offered_fen(product, day), product.price_for(1, day)
    return {
        "product": product,
        "category": product.category.value,
        "category_zh": CATEGORY_ZH[product.category],
        "price": price(fen, product) if fen else None,
        "usual": yuan(usual) if fen and usual and usual > fen else None,
        "cap": counter.cap(product),
        "left": left,
        "most": min(left, counter.cap(product) or left),
        "closed": why_not(product, refusal, left),
        "in_season": product.in_season(day),
    }


def told(card: dict[str, Any]) -> str:
    """What the card of a shared page says of a product: price with its unit, where it is from, or why not now."""
    product, fen = card["product"], card["price"]
    costs = f"¥{fen['pack']}/{fen['each']}（¥{fen['jin']}/斤）" if fen else ""
    facts = [f"{product.name_zh} {product.spec_zh}", costs, f"平陆县{product.origin_zh}", card["closed"] or ""]
    return " · ".join(fact for fact in facts if fact)
