"""What stands behind a sale link: counted, remembered for the order to come, and led on to what it shows."""

from datetime import datetime

from flask import Blueprint, current_app, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from shop.catalog.reference import Catalog
from shop.channels.actions import count_opening
from shop.channels.reference import LinkRow, OccasionRow, Selling
from shop.kit.clock import BEIJING
from shop.kit.db import transaction
from shop.kit.http import now
from shop.web import via
from shop.web.store import known

blueprint = Blueprint("links", __name__)


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
    occasion = sales.occasions_by_id.get(link.occasion_id) if link.occasion_id else None
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
    if product is not None:
        return url_for("store.product", sku=product.sku)
    partner = sales.partners_by_id.get(link.partner_id)
    return url_for("store.shop", code=partner.code if partner and partner.storefront else None)


def _not_on(occasion: OccasionRow, moment: datetime) -> str:
    if moment < occasion.starts_at:
        begins = occasion.starts_at.astimezone(BEIJING)
        return _kind_page("还没有开始", f"{begins:%-m 月 %-d 日 %H:%M} 开始，到时候再来。")
    return _kind_page("这一场已经结束", "谢谢您来捧场，场上的商品平时也能买到。")


def _kind_page(title: str, sentence: str) -> str:
    return render_template("store/refused.html", title=title, sentence=sentence)
