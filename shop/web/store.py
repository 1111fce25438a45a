"""The storefront on a phone: shelf, product page, an order in two screens, and following it. No script, no account.

Every page asks `preview_order` what an order would be, so it shows the price and the refusals of the real placing.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from flask import Blueprint, Response, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from shop.access.guard import reference_version
from shop.catalog.pictures import picture as picture_bytes
from shop.catalog.reference import Catalog, CatalogProduct, catalog
from shop.channels.policies import Payer, channel_of_partner
from shop.channels.reference import Selling, selling
from shop.kit.clock import BEIJING, beijing_day
from shop.kit.db import db
from shop.kit.errors import DomainError, NotFoundError
from shop.kit.http import now
from shop.kit.money import kilograms
from shop.live.models import LiveStatus
from shop.live.queries import public_shelf
from shop.orders.coupons import good_now
from shop.orders.place import Preview, supply_of
from shop.stock.presales import left_and_presales, presale_by_code, presale_row
from shop.stock.queries import left as left_in_stock
from shop.stock.supply import TO_ALL
from shop.web import shown
from shop.web.forms import At, filled
from shop.web.shown import Counter
from shop.web.via import came_by

blueprint = Blueprint("store", __name__, template_folder="templates")

#: Other goods that a page proposes when its own cannot be had.
MOST_ALTERNATIVES = 4
#: Goods of a live shelf that its card in a chat names.
MOST_TOLD = 3


def known() -> tuple[Catalog, Selling]:
    """Catalogue and channels of one version."""
    version, session = reference_version(), db.session()
    return catalog(session, version), selling(session, version)


def counter_named(sales: Selling, live: str | None = None, shop: str | None = None) -> Counter:
    """The counter that an address names: a session's, one of our own shops, or the first of them.

    Raises NotFoundError for an occasion where consumers do not buy, and for a shop that is not ours.
    """
    if live is not None:
        occasion = sales.occasions_by_code.get(live)
        partner = sales.partners_by_id.get(occasion.partner_id) if occasion else None
        if partner is None or channel_of_partner(partner.kind).payer is not Payer.CONSUMER:
            raise NotFoundError(what=live)
        return Counter(partner, occasion, usual=False)
    fronts = sales.storefronts()
    if shop is None:
        return Counter(fronts[0] if fronts else None)
    found = next((place for place, front in enumerate(fronts) if front.code == shop), None)
    if found is None:
        raise NotFoundError(what=shop)
    return Counter(fronts[found], usual=found == 0)


def counter_for(
    sales: Selling, product: CatalogProduct, live: str | None, shop: str | None, presale: str | None = None
) -> Counter:
    """Where this browser buys the product, and of which pre-sale. Raises NotFoundError as `_counter_for`."""
    counter = _counter_for(sales, product, live, shop)
    if presale is None:
        return counter
    return replace(counter, presale=presale_row(presale_by_code(db.session(), presale)))


def _counter_for(sales: Selling, product: CatalogProduct, live: str | None, shop: str | None) -> Counter:
    """Where this browser buys the product: at the counter that the address names, else by the link that it came by.

    The link of a session that the address names is kept with it. Raises NotFoundError as `counter_named`.
    """
    named = counter_named(sales, live, shop)
    opening = came_by(request, sales, product_ids=[product.product_id], buyer_party_id=None, now=now())
    link = sales.links.get(opening.code) if opening else None
    if link is None:
        return named
    if live is not None:
        fits = named.occasion is not None and link.occasion_id == named.occasion.occasion_id
        return replace(named, opening=opening) if fits else named
    occasion = sales.occasions_by_id.get(link.occasion_id) if link.occasion_id else None
    return Counter(sales.partners_by_id[link.partner_id], occasion, opening=opening)


def product_of(goods: Catalog, sku: str) -> CatalogProduct:
    """A product that is or was on sale. Raises NotFoundError: nobody sees a draft."""
    product = goods.by_sku.get(sku)
    if product is None or not (product.published(beijing_day(now())) or shown.gone(product)):
        raise NotFoundError(what=sku)
    return product


def shelf(products: Iterable[CatalogProduct], counter: Counter, goods: Catalog, sales: Selling) -> list[dict[str, Any]]:
    """Cards of products at a counter, with what is left of each. One statement."""
    instant, day, cards = now(), beijing_day(now()), []
    asked = [(p, shown.preview(counter, p, 1, goods=goods, selling=sales, now=instant)) for p in products]
    way = next((found.way for _, found in asked if isinstance(found, Preview)), None)
    supply = supply_of(way) if way else TO_ALL
    grams = left_in_stock(db.session(), [p.product_id for p, _ in asked], supply, now=instant)
    for product, found in asked:
        refusal = found if isinstance(found, DomainError) else None
        cards.append(shown.card(product, counter, shown.packs(product, grams[product.product_id]), refusal, day))
    return cards


def coupons_at(counter: Counter) -> list[tuple[str, str]]:
    """The coupons that are good at a counter now. One statement, where an occasion sells."""
    if counter.occasion is None:
        return []
    return shown.coupons(good_now(db.session(), counter.occasion.occasion_id, now=now()))


def alternatives(product: CatalogProduct, counter: Counter, goods: Catalog, sales: Selling) -> list[dict[str, Any]]:
    """Goods that can be had now, the same kind first."""
    others = sorted(
        (p for p in goods.listed(beijing_day(now())) if p.sku != product.sku),
        key=lambda p: (p.category is not product.category, p.firm_id != product.firm_id, p.sku),
    )
    return [found for found in shelf(others, counter, goods, sales) if not found["closed"]][:MOST_ALTERNATIVES]


def refused(error: DomainError) -> tuple[str, int]:
    """A refusal as a page."""
    return render_template("store/refused.html", title=error.title("zh"), sentence=error.sentence("zh")), error.status


blueprint.register_error_handler(DomainError, refused)


@blueprint.route("/shop")
@blueprint.route("/shop/<string:code>")
def shop(code: str | None = None) -> str:
    """自营店 · The shelf of our own shop: what can be had now first."""
    goods, sales = known()
    counter = counter_named(sales, shop=code)
    cards = shelf(goods.listed(beijing_day(now())), counter, goods, sales)
    sections: dict[str, list[dict[str, Any]]] = {}
    for found in cards:
        if not found["closed"]:
            sections.setdefault(found["category_zh"], []).append(found)
    waiting = [found for found in cards if found["closed"]]
    lead = next((found["product"] for found in cards if found["product"].pictures), None)
    return render_template("store/shop.html", counter=counter, sections=sections, waiting=waiting, lead=lead)


@blueprint.route("/p/<string:sku>")
def product(sku: str) -> AnyResponse | str | tuple[str, int]:
    """商品页 · One product: prices, season, stock, papers held, origin; what else there is when it cannot be had."""
    goods, sales = known()
    found = product_of(goods, sku)
    asked, _ = filled(At, request.args)
    counter = counter_for(sales, found, asked.get("live"), asked.get("shop"))
    store, day = counter_named(sales), beijing_day(now())
    if shown.gone(found):
        others = alternatives(found, store, goods, sales)
        return render_template("store/gone.html", product=found, others=others, counter=store), 410
    preview = shown.preview(counter, found, 1, goods=goods, selling=sales, now=now())
    refusal, supply = (preview, TO_ALL) if isinstance(preview, DomainError) else (None, supply_of(preview.way))
    grams, ahead = left_and_presales(db.session(), found.product_id, supply, now=now())
    card = shown.card(found, counter, shown.packs(found, grams), refusal, day)
    return render_template(
        "store/product.html", counter=counter, card=card, product=found, facts=found.card(day),
        months=shown.months(found),
        order_days=shown.order_days(found).partition("：")[2] if found.orders_from or found.orders_until else "",
        weight=f"{kilograms(found.net_weight_g)} kg",
        tiers=[(tier.min_quantity, shown.price(tier.price_fen, found)) for tier in found.tiers_on(day)[1:]],
        others=alternatives(found, store, goods, sales) if card["closed"] else [],
        coupons=coupons_at(counter) if not card["closed"] else [],
        told=shown.told(card), presales=[shown.ahead(row, found) for row in ahead if row.left_g],
    )  # fmt: skip


@blueprint.route("/pictures/<string(length=32):name>.jpg")
@blueprint.route("/pictures/<string(length=32):name>.s.jpg", defaults={"thumb": True})
def picture(name: str, thumb: bool = False) -> Response:
    """商品图片 · A picture of a page or (`.s.jpg`) of a list. Named by the hash of its bytes, it may be kept."""
    response = Response(picture_bytes(db.session(), name, thumb=thumb), content_type="image/jpeg")
    response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
    return response


@blueprint.route("/live/<string:code>")
def live(code: str) -> str:
    """直播货架 · The shelf of a live session; after its end what the shop still has of it."""
    goods, sales = known()
    session = public_shelf(db.session(), code)
    products = [goods.by_id[product_id] for product_id in session.product_ids]
    on_air, over = session.status is LiveStatus.LIVE, session.status in (LiveStatus.ENDED, LiveStatus.SETTLED)
    counter = counter_named(sales) if over else counter_named(sales, live=code)
    cards = shelf([p for p in products if not shown.gone(p)], counter, goods, sales)
    cards.sort(key=lambda card: card["product"].product_id != session.pinned_product_id)
    return render_template(
        "store/live.html", session=session, counter=counter, cards=cards, on_air=on_air, over=over,
        told="；".join(shown.told(card) for card in cards[:MOST_TOLD]),
        starts_at=session.starts_at.astimezone(BEIJING), coupons=coupons_at(counter) if on_air else [],
    )  # fmt: skip
