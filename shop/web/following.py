"""A guest follows an order by its number and phone: pays it, cancels it, says that it has come.

A browser that placed or followed an order remembers its number; any other must know the phone. A wrong number and a
wrong phone get one answer, and tries are counted.
"""

import hmac
from datetime import date
from typing import Any

from flask import Blueprint, Response, current_app, redirect, render_template, request, url_for
from limits import RateLimitItemPerMinute
from sqlalchemy import select
from sqlalchemy.orm import Session

from shop.access.actions import masked_name, normal_phone
from shop.access.attempts import Attempts
from shop.access.errors import PhoneNotValid
from shop.access.guard import Actor
from shop.channels.policies import consumer_channels
from shop.claims.actions import UNDECIDED
from shop.claims.queries import claims
from shop.claims.rules import CLAIM_PERIOD, claimable_until
from shop.kit.clock import BEIJING, beijing_day
from shop.kit.db import db, transaction
from shop.kit.errors import DomainError
from shop.kit.http import now
from shop.kit.money import kilograms, yuan
from shop.kit.schemas import MAX_PAGE
from shop.orders import actions, queries
from shop.orders.locks import locked_order
from shop.orders.models import Order, OrderStatus
from shop.orders.receipt import receipt_due
from shop.orders.states import ORDER_LIFE
from shop.payments.actions import start_payment
from shop.web import shown
from shop.web.errors import FormExpired, OrderNotFollowed, TooManyTries
from shop.web.forms import Followed, Pressed, filled
from shop.web.guest import Guest, buyer, from_our_page, guest_of, new_guest, opened, remember, ticket
from shop.web.store import refused

blueprint = Blueprint("following", __name__, template_folder="templates")
blueprint.register_error_handler(DomainError, refused)

#: Tries for one order, and from one address, in a quarter of an hour.
PER_ORDER, PER_ADDRESS = RateLimitItemPerMinute(10, 15), RateLimitItemPerMinute(30, 15)
#: What a buyer may do, and the event of the order's life that must be possible.
BUTTONS = {"payment": "pay", "cancellation": "cancel", "receipt": "accept"}
STEPS = ("下单", "付款", "发货", "收货")
#: How many steps are done in a state; an order that ended without goods has none.
DONE = {
    OrderStatus.PLACED: 1, OrderStatus.CONFIRMED: 2, OrderStatus.PARTLY_DISPATCHED: 3, OrderStatus.DISPATCHED: 3,
    OrderStatus.ACCEPTED: 4, OrderStatus.SETTLED: 4, OrderStatus.CANCELLED: 0, OrderStatus.EXPIRED: 0,
}  # fmt: skip
#: What a state means for the buyer.
SAYS = {
    OrderStatus.PLACED: "待付款",
    OrderStatus.CONFIRMED: "已付款，等待发货",
    OrderStatus.PARTLY_DISPATCHED: "部分已发货",
    OrderStatus.DISPATCHED: "已发货，请查收",
    OrderStatus.ACCEPTED: "已收货",
    OrderStatus.SETTLED: "已完成",
    OrderStatus.CANCELLED: "已取消",
    OrderStatus.EXPIRED: "超时未付款，已关闭",
}


def private(answer: Any, guest: Guest | None = None) -> Response:
    """An answer for one person, kept by nobody. A new browser gets its cookie."""
    response = current_app.make_response(answer)
    response.headers["Cache-Control"] = "no-store"
    return remember(response, guest, secure=request.is_secure) if guest else response


@blueprint.route("/o", methods=["GET"])
def ask() -> Response:
    """查订单 · Which order, and with which phone?"""
    known = guest_of(request)
    guest = known or new_guest()
    return private(_form(guest, request.args.get("number", "")[:40], ""), None if known else guest)


def _form(guest: Guest, number: str, wrong: str) -> str:
    return render_template(
        "store/follow.html", number=number, wrong=wrong, mine=tuple(reversed(guest.orders)),
        ticket=ticket(guest, "follow", now=now()),
    )  # fmt: skip


@blueprint.route("/o", methods=["POST"])
def follow() -> Response:
    """查订单 · Number and phone fit: this browser may see the order from now on."""
    guest = from_our_page(request)
    asked, wrong = filled(Followed, request.form)
    number = request.form.get("number", "")[:40]
    if not wrong:
        opened(asked["ticket"], guest, "follow", now=now())
        _not_too_often(asked["number"])
        if _placed_with(db.session(), asked["number"], asked["phone"]):
            return private(
                redirect(url_for("following.show", number=asked["number"]), 303), guest.sees(asked["number"])
            )
    return private((_form(guest, number, OrderNotFollowed().sentence("zh")), OrderNotFollowed.status))


def _not_too_often(number: str) -> None:
    attempts: Attempts = current_app.extensions["attempts"]
    address = request.remote_addr or "unknown"
    wait = attempts.wait((PER_ORDER, "follow-order", number), (PER_ADDRESS, "follow-address", address))
    if wait is not None:
        raise TooManyTries(retry_after_s=wait)


def _placed_with(session: Session, number: str, phone: str) -> bool:
    """Whether the consumer's order `number` goes to `phone`; a missing order takes the same comparison."""
    try:
        asked = normal_phone(phone)
    except PhoneNotValid:
        asked = ""
    found = session.scalar(
        select(Order.recipient["phone"].astext).where(
            Order.number == number, Order.channel_kind.in_(consumer_channels())
        )
    )
    return hmac.compare_digest((found or "none").encode(), asked.encode())


def mine(number: str) -> Guest:
    """The browser, if it may see the order. Raises OrderNotFollowed."""
    guest = guest_of(request)
    if guest is None or number not in guest.orders:
        raise OrderNotFollowed
    return guest


@blueprint.route("/o/<string:number>", methods=["GET"])
def show(number: str) -> Response:
    """我的订单 · How far it is, what it cost, what went back, and what can be done now."""
    guest = guest_of(request)
    if guest is None or number not in guest.orders:
        return private(redirect(url_for("following.ask", number=number)))
    session = db.session()
    actor, order = buyer_of(session, number)
    status = OrderStatus(order["status"])
    buttons = {
        verb: ticket(guest, f"{verb} {number}", now=now())
        for verb, event in BUTTONS.items()
        if ORDER_LIFE.allows(status, event)
    }
    page = render_template(
        "store/followed.html", order=order, says=SAYS[status], steps=STEPS, done=DONE[status], buttons=buttons,
        lines=[shown.line(line) for line in order["lines"]],
        total=yuan(order["total_fen"]), paid=yuan(order["paid_fen"]) if order["paid_fen"] else "",
        discount=yuan(order["discount_fen"]) if order["discount_fen"] else "",
        refunded=yuan(order["refunded_fen"]) if order["refunded_fen"] else "",
        parcels=queries.dispatches(session, order["id"]), recalls=queries.recalls_of(session, order["id"]),
        to=_short(order["recipient"] or {}),
        placed_at=order["placed_at"].astimezone(BEIJING),
        waiting="paid" in request.args and status is OrderStatus.PLACED,
        until=order["expires_at"].astimezone(BEIJING) if order["expires_at"] else None,
        received_on=_received_on(session, order["id"], status), claims=_claims(session, actor, guest, number),
        claim_hours=CLAIM_PERIOD.days * 24,
        claimable=order["accepted_at"] is not None and now() <= claimable_until(order["accepted_at"]),
    )  # fmt: skip
    return private(page)


def _received_on(session: Session, order_id: int, status: OrderStatus) -> date | None:
    """The Beijing day on which the order counts as received if nobody says so before."""
    due = receipt_due(session, order_id) if status is OrderStatus.DISPATCHED else None
    return due and beijing_day(due)


def buyer_of(session: Session, number: str) -> tuple[Actor, dict[str, Any]]:
    """Who bought the order, and the order as he sees it. The caller made sure that this browser may."""
    actor = buyer(session.execute(select(Order.buyer_party_id).where(Order.number == number)).scalar_one())
    return actor, queries.order(session, actor, number)


def _claims(session: Session, actor: Actor, guest: Guest, number: str) -> list[dict[str, Any]]:
    """Claims of an order as its page shows them, with a ticket to take back what is not decided."""
    found = claims(session, actor, Order.number == number, limit=MAX_PAGE)
    return [
        claim
        | {
            "weight": f"{kilograms(claim['damaged_g'])} kg",
            "amount": yuan(claim["amount_fen"]) if claim["amount_fen"] else "",
            "ticket": ticket(guest, f"withdraw {claim['number']}", now=now()) if claim["status"] in UNDECIDED else "",
        }
        for claim in found
    ]


def _short(recipient: dict[str, Any]) -> dict[str, str]:
    """As much of the recipient as tells him that it is his."""
    name, address = str(recipient.get("name", "")), str(recipient.get("address", ""))
    hidden = "…" if len(address) > 9 else ""
    return {"name": masked_name(name), "phone": str(recipient.get("phone", "")), "address": address[:9] + hidden}


@blueprint.route("/o/<string:number>/<any(payment, cancellation, receipt):verb>", methods=["POST"])
def press(number: str, verb: str) -> Response:
    """付款、取消、确认收货 · The buyer's buttons. Pressed twice, or too late: the page says how it stands."""
    guest = from_our_page(request)
    mine(number)
    asked, wrong = filled(Pressed, request.form)
    if wrong:
        raise FormExpired
    opened(asked["ticket"], guest, f"{verb} {number}", now=now())
    with transaction() as session:
        order = locked_order(session, number)
        to = url_for("following.show", number=number)
        if ORDER_LIFE.allows(order.status, BUTTONS[verb]):
            match verb:
                case "payment":
                    to = start_payment(session, order, now=now()).pay_url or to
                case "cancellation":
                    actions.cancel(session, order, actor_id=None, now=now(), reason="买家取消")
                case _:
                    actions.accept(session, order, None, actor_id=None, now=now())
    return private(redirect(to, 303))
