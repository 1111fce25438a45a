"""A guest orders in two screens and pays: where it goes, then look at it and confirm. Sent twice it is one order."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from flask import Blueprint, Response, current_app, render_template, request
from limits import RateLimitItemPerMinute
from sqlalchemy import func, select

from shop.access.actions import normal_phone
from shop.access.attempts import Attempts
from shop.access.errors import PhoneNotValid
from shop.catalog.reference import Catalog, CatalogProduct
from shop.channels.reference import Selling
from shop.kit.db import db
from shop.kit.errors import DomainError
from shop.kit.http import now
from shop.kit.idempotency import once
from shop.kit.money import kilograms, yuan
from shop.kit.states import record
from shop.orders.errors import CouponNotForThis, CouponSpent, CouponUsed
from shop.orders.locks import locked_order_by_id
from shop.orders.models import Order, OrderStatus
from shop.orders.place import HOLD_TIME, Preview, hold_time, place_order, preview_discount, preview_order, supply_of
from shop.payments.actions import start_payment
from shop.stock.errors import NotEnoughStock
from shop.stock.queries import left as left_in_stock
from shop.web import shown
from shop.web.errors import FormExpired, TooManyOrders
from shop.web.forms import Addressed, At, Chosen, Confirmed, filled
from shop.web.guest import Guest, from_our_page, guest_of, guest_party, new_guest, opened, remember, ticket
from shop.web.shown import Counter
from shop.web.store import counter_for, coupons_at, known, product_of, refused

blueprint = Blueprint("buying", __name__, template_folder="templates")

#: Orders of a phone, and from an address, in a quarter of an hour. Behind one address stands a whole village at times.
PER_PHONE, PER_ADDRESS = RateLimitItemPerMinute(10, 15), RateLimitItemPerMinute(300, 15)
#: Orders of one buyer that hold stock and wait for their payment (T21).
MOST_UNPAID = 3


def short(error: NotEnoughStock) -> tuple[str, int]:
    """Somebody was faster: how many packs are left, and a way to take fewer."""
    goods, _ = known()
    row = error.short[0]
    product = goods.by_sku[str(row["sku"])]
    left = shown.packs(product, int(str(row["left_g"])))
    counter = {name: value for name in ("live", "shop", "presale") if (value := request.form.get(name))}
    page = render_template("store/short.html", product=product, left=left, params=counter)
    return page, error.status


blueprint.register_error_handler(NotEnoughStock, short)
blueprint.register_error_handler(DomainError, refused)


def _purpose(sku: str, asked: dict[str, Any]) -> str:
    """What a ticket confirms: these packs of this product at this counter."""
    counter = f"{asked['live']} {asked['shop']} {asked['presale']}"
    return f"order {sku} {asked['quantity']} {counter} {asked['coupon']}"


def _left(preview: Preview, product: CatalogProduct) -> int:
    if preview.presale is not None:
        return shown.packs(product, preview.presale.left_g)
    grams = left_in_stock(db.session(), [product.product_id], supply_of(preview.way), now=now())
    return shown.packs(product, grams[product.product_id])


def _private(page: str, status: int = 200, guest: Guest | None = None) -> Response:
    """A page for one person: kept by nobody. A new browser gets its cookie."""
    response = current_app.make_response((page, status))
    response.headers["Cache-Control"] = "no-store"
    return remember(response, guest, secure=request.is_secure) if guest else response


def _ask(
    product: CatalogProduct, counter: Counter, quantity: int, values: dict[str, Any], wrong: dict[str, str],
    goods: Catalog, sales: Selling,
) -> Response:  # fmt: skip
    """The first screen. Raises why nothing can be ordered here."""
    one = preview_order(counter.request(product.sku, 1), goods=goods, selling=sales, now=now())
    page = render_template(
        "store/order.html", product=product, counter=counter, quantity=quantity, values=values, wrong=wrong,
        price=shown.price(one.lines[0].price_fen, product), weight=f"{kilograms(product.net_weight_g)} kg",
        coupons=coupons_at(counter),
    )  # fmt: skip
    return _private(page, 422 if wrong else 200, None if guest_of(request) else new_guest())


@blueprint.route("/p/<string:sku>/order", methods=["GET"])
def address(sku: str) -> Response:
    """下单第一屏 · Where it goes: name, phone, address."""
    goods, sales = known()
    product = product_of(goods, sku)
    asked, wrong = filled(Chosen, request.args)
    counter = _counter_of(request.args, sales, product)
    return _ask(product, counter, asked.get("quantity", 1), {}, wrong, goods, sales)


def _counter_of(form: Mapping[str, str], sales: Selling, product: CatalogProduct) -> Counter:
    """The counter that a form or an address names, whatever else of it does not fit."""
    at, _ = filled(At, {name: form[name] for name in At().fields if name in form})
    return counter_for(sales, product, at.get("live"), at.get("shop"), at.get("presale"))


@blueprint.route("/p/<string:sku>/order", methods=["POST"])
def confirm(sku: str) -> Response:
    """下单第二屏 · Look at it: what, how much, whereto, and that fresh produce is not returned."""
    guest = from_our_page(request)
    goods, sales = known()
    product = product_of(goods, sku)
    asked, wrong = filled(Addressed, request.form)
    if not wrong:
        wrong = _unfit_phone(asked)
    if wrong:
        counter = _counter_of(request.form, sales, product)
        return _ask(product, counter, 1, request.form.to_dict(), wrong, goods, sales)
    try:
        return _look(product, asked, guest, goods, sales)
    except (CouponNotForThis, CouponSpent) as refusal:
        counter = _counter_of(request.form, sales, product)
        said = {"coupon": shown.coupon_refused(refusal)}
        return _ask(product, counter, asked["quantity"], request.form.to_dict(), said, goods, sales)


def _unfit_phone(asked: dict[str, Any]) -> dict[str, str]:
    try:
        asked["phone"] = normal_phone(asked["phone"])
    except PhoneNotValid as refusal:
        return {"phone": refusal.sentence("zh")}
    return {}


def _look(
    product: CatalogProduct, asked: dict[str, Any], guest: Guest, goods: Catalog, sales: Selling, *, why: str = ""
) -> Response:
    """The second screen, with a ticket for what it shows. `why`: it was sent once and must be looked at again.

    Raises NotEnoughStock, CouponNotForThis, CouponSpent, and why nothing can be ordered here.
    """
    counter = counter_for(sales, product, asked["live"], asked["shop"], asked["presale"])
    preview = preview_order(counter.request(product.sku, asked["quantity"]), goods=goods, selling=sales, now=now())
    left = _left(preview, product)
    if left < asked["quantity"]:
        weight = preview.lines[0].weight_g
        raise NotEnoughStock([{"sku": product.sku, "asked_g": weight, "left_g": left * product.net_weight_g}])
    off = preview_discount(db.session(), preview, asked["coupon"], now=now()) if asked["coupon"] else 0
    total = preview.total_fen - off
    page = render_template(
        "store/confirm.html", product=product, counter=counter, asked=asked, why=why,
        price=shown.price(preview.lines[0].price_fen, product), total=yuan(total), off=yuan(off) if off else "",
        goods_total=yuan(preview.total_fen),
        minutes=hold_time(preview.way) // timedelta(minutes=1), weight=f"{kilograms(preview.lines[0].weight_g)} kg",
        ticket=ticket(guest, _purpose(product.sku, asked), total_fen=total, now=now()),
    )  # fmt: skip
    return _private(page, 409 if why else 200)


@blueprint.route("/p/<string:sku>/order/confirmation", methods=["POST"])
def place(sku: str) -> Response:
    """提交订单 · Place it and go to the payment page. The ticket makes a double tap one order."""
    guest = from_our_page(request)
    goods, sales = known()
    product = product_of(goods, sku)
    asked, wrong = filled(Confirmed, request.form)
    if not wrong:
        wrong = _unfit_phone(asked)
    if wrong:
        raise FormExpired
    counter = counter_for(sales, product, asked["live"], asked["shop"], asked["presale"])
    try:
        good = opened(asked["ticket"], guest, _purpose(sku, asked), now=now())
    except FormExpired as expired:
        return _look(product, asked, guest, goods, sales, why=expired.sentence("zh"))
    if product.is_fresh and not asked["agreed"]:
        return _look(product, asked, guest, goods, sales, why="请先勾选已知悉退货规则。")
    _not_too_often(asked["phone"])
    fields = ("name", "phone", "address", "quantity", "live", "shop", "presale", "coupon")
    said = "\n".join(str(asked[name]) for name in fields)
    try:
        response = once(
            f"guest:{guest.name}", good.nonce, f"{sku}\n{said}".encode(),
            lambda: _place(product, counter, asked, good.total_fen, goods, sales),
        )  # fmt: skip
    except (CouponUsed, CouponSpent, CouponNotForThis) as refusal:
        without = asked | {"coupon": None}
        return _look(product, without, guest, goods, sales, why=f"{shown.coupon_refused(refusal)}以下是不用券的价格。")
    except FormExpired as changed:
        return _look(product, asked, guest, goods, sales, why=changed.sentence("zh"))
    return remember(response, guest.sees(response.get_data(as_text=True)), secure=request.is_secure)


def _not_too_often(phone: str) -> None:
    """Raises TooManyOrders. Counted outside the transaction: the counter stands on another server."""
    attempts: Attempts = current_app.extensions["attempts"]
    address = request.remote_addr or "unknown"
    wait = attempts.wait((PER_PHONE, "order-phone", phone), (PER_ADDRESS, "order-address", address))
    if wait is not None:
        raise TooManyOrders(retry_after_s=wait)


def _place(
    product: CatalogProduct, counter: Counter, asked: dict[str, Any], shown_fen: int, goods: Catalog, sales: Selling
) -> Response:
    """Order and payment page in one transaction. Locks the buyer, so that his open orders are counted one by one.

    Raises FormExpired when the total is no longer the one that was shown (T15), TooManyOrders, and what placing raises.
    """
    session, instant = db.session(), now()
    buyer = guest_party(session, asked["phone"])
    waiting = select(func.count()).where(Order.buyer_party_id == buyer, Order.status == OrderStatus.PLACED)
    if session.execute(waiting).scalar_one() >= MOST_UNPAID:
        raise TooManyOrders(retry_after_s=int(HOLD_TIME.total_seconds()))
    recipient = {name: asked[name] for name in ("name", "phone", "address")}
    placed = place_order(
        session,
        counter.request(product.sku, asked["quantity"], buyer, recipient=recipient, coupon=asked["coupon"]),
        goods=goods, selling=sales, actor_id=None, now=instant,
    )  # fmt: skip
    if placed.total_fen != shown_fen:
        raise FormExpired
    order = locked_order_by_id(session, placed.order_id)
    if asked["agreed"]:
        record(session, order, "no_return_agreed", person_id=None, now=instant)
    payment = start_payment(session, order, now=instant)
    response = current_app.make_response((placed.number, 303))
    response.content_type = "text/plain; charset=utf-8"
    response.headers["Location"] = payment.pay_url or ""
    return response
