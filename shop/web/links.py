"""What stands behind a sale link: counted, remembered for the order to come, and led on to what it shows.

And what a partner hands out: its QR code, a sheet of labels to print, a picture for a post. They hold nothing that the
link itself does not tell everybody.
"""

from datetime import datetime
from typing import Any

from flask import Blueprint, current_app, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from shop.catalog.reference import Catalog
from shop.channels.actions import count_opening
from shop.channels.reference import LinkRow, OccasionRow, Selling
from shop.kit.clock import BEIJING, beijing_day
from shop.kit.db import transaction
from shop.kit.errors import NotFoundError
from shop.kit.http import now
from shop.kit.qr import qr_path, qr_png, qr_svg
from shop.web import shown, via
from shop.web.store import known, refused

blueprint = Blueprint("link_pages", __name__)
blueprint.register_error_handler(NotFoundError, refused)

#: Labels on one sheet to print: five pages of twelve.
MOST_LABELS = 60


@blueprint.route("/s/<code>")
def follow(code: str) -> Response | tuple[str, int]:
    """推广链接 · Count the opening, remember it for the order to come, and lead on. Programs are counted apart."""
    moment = now()
    goods, sales = known()
    link = sales.links.get(code)
    if link is None:
        return _kind_page("没有这个链接", "链接可能抄错了一个字，看看店里的当季好货吧。"), 404
    program = via.is_program(request)
    with transaction() as session:
        secret = current_app.config["SECRET_KEY"]
        count_opening(session, link.link_id, via.visitor(request), secret, is_bot=program, now=moment)
    occasion = sales.occasion_of(code)
    if occasion is None or occasion.selling(moment):
        answer: Response = redirect(_target(link, goods, sales))
    else:
        answer = Response(_not_on(occasion, moment), mimetype="text/html")
    answer.headers["Cache-Control"] = "no-store"
    return answer if program else via.remember(answer, request, code, sales, now=moment)


def _target(link: LinkRow, goods: Catalog, sales: Selling) -> str:
    """Where a link leads: always an address of ours, made from codes that we gave out (T44).

    The page of a product that cannot be had says why and shows what can.
    """
    product = goods.by_id.get(link.product_id) if link.product_id else None
    on_air = sales.counter_of(link.code)
    if product is not None:
        return url_for("store.product", sku=product.sku, live=on_air.code if on_air else None)
    if on_air is not None:
        return url_for("store.live", code=on_air.code)
    partner = sales.partners_by_id.get(link.partner_id)
    return url_for("store.shop", code=partner.code if partner and partner.storefront else None)


def _not_on(occasion: OccasionRow, moment: datetime) -> str:
    if moment < occasion.starts_at:
        begins = occasion.starts_at.astimezone(BEIJING)
        return _kind_page("还没有开始", f"{begins:%-m 月 %-d 日 %H:%M} 开始，到时候再来。")
    return _kind_page("这一场已经结束", "谢谢您来捧场，场上的商品平时也能买到。")


def _kind_page(title: str, sentence: str) -> str:
    return render_template("store/refused.html", title=title, sentence=sentence)


def _address(code: str) -> str:
    """What the code says to a phone. The host is the one asked for, which `TRUSTED_HOSTS` limits (T70)."""
    return f"{request.url_root.rstrip('/')}{url_for('link_pages.follow', code=code)}"


def _link(code: str) -> LinkRow:
    """The link. Raises NotFoundError."""
    link = known()[1].links.get(code)
    if link is None:
        raise NotFoundError(what=code)
    return link


def _picture(body: str | bytes, kind: str) -> Response:
    """A picture that one browser may keep, and no shared cache: it holds the host that was asked for."""
    return Response(body, content_type=kind, headers={"Cache-Control": "private, max-age=3600"})


@blueprint.route("/s/<code>/qr.svg")
def code_svg(code: str) -> Response:
    """二维码 SVG · The code of a link, for any size."""
    return _picture(qr_svg(_address(_link(code).code)), "image/svg+xml")


@blueprint.route("/s/<code>/qr.png")
def code_png(code: str) -> Response:
    """二维码 PNG · The code of a link as a picture."""
    return _picture(qr_png(_address(_link(code).code)), "image/png")


@blueprint.route("/s/<code>/poster.svg")
def poster(code: str) -> Response:
    """海报 · A picture ready for a post: product, price and a code that leads to its origin and papers."""
    return _picture(render_template("links/poster.svg", label=_label(_link(code))), "image/svg+xml")


@blueprint.route("/s/<code>/poster.png")
def poster_picture(code: str) -> Response:
    """海报图片 · The same as a picture that chats and moments take."""
    from shop.web.poster import Told, poster_png

    label = _label(_link(code))
    product, price, begins = label["product"], label["price"], label["begins"]
    told = Told(
        address=_address(code),
        name=product.name_zh if product else "平陆好物",
        below=f"平陆县{product.origin_zh}" if product else "每一分钱都有去处",
        spec=product.spec_zh if product else "",
        price=(price["pack"], price["each"]) if price else None,
        unit_prices=f"¥{price['jin']}/斤 · ¥{price['kg']}/kg" if price else "",
        begins=f"直播 {begins:%-m 月 %-d 日 %H:%M}" if begins else "",
        partner=label["partner"],
    )
    return _picture(poster_png(told), "image/png")


@blueprint.route("/links/sheet")
def sheet() -> str:
    """打印页 · Labels of up to sixty links to cut out, `?links=code,code`."""
    codes = [code for code in request.args.get("links", "").split(",") if code][:MOST_LABELS]
    if not codes:
        raise NotFoundError(what="links")
    return render_template("links/sheet.html", labels=[_label(_link(code)) for code in codes])


def _label(link: LinkRow) -> dict[str, Any]:
    """What stands beside a code: whose link, what it sells, and at which price today."""
    goods, sales = known()
    partner = sales.partners_by_id.get(link.partner_id)
    occasion = sales.occasion_of(link.code)
    product = goods.by_id.get(link.product_id) if link.product_id else None
    offer = occasion.offers.get(product.product_id) if occasion and product else None
    fen = None
    if product is not None:
        fen = offer.price_fen if offer else product.price_for(1, beijing_day(now()))
    path, side = qr_path(_address(link.code))
    return {
        "code": link.code,
        "path": path,
        "side": side,
        "partner": partner.name_zh if partner else "",
        "product": product,
        "price": shown.price(fen, product) if product and fen else None,
        "begins": occasion.starts_at.astimezone(BEIJING) if occasion else None,
    }
