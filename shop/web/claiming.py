"""A guest reports spoiled goods of an order that he follows, sees what became of it, and may take it back."""

from flask import Blueprint, Response, current_app, redirect, render_template, request, url_for

from shop.claims import queries
from shop.claims.actions import Told, raise_claim, told_photo, withdraw
from shop.claims.errors import NotReceived, PhotoRefused
from shop.claims.models import MAX_PHOTO
from shop.claims.rules import CLAIM_PERIOD, WHOLE_ABOVE_BP, claimable_until
from shop.claims.states import REASON_ZH
from shop.kit.clock import BEIJING
from shop.kit.db import db, transaction
from shop.kit.errors import DomainError
from shop.kit.http import accepts_upload, now, sent_file
from shop.kit.idempotency import once
from shop.kit.money import GRAMS_PER_JIN
from shop.orders.locks import locked_order
from shop.web.errors import FormExpired
from shop.web.following import buyer_of, mine, private
from shop.web.forms import Claimed, Pressed, filled
from shop.web.guest import from_our_page, opened, ticket
from shop.web.store import refused

blueprint = Blueprint("claiming", __name__, template_folder="templates")
blueprint.register_error_handler(DomainError, refused)

#: Bytes of the other fields of a form, and of what stands between them.
MAX_FIELDS = 64 * 1024
#: Grams of what the buyer measures in; a pack weighs what the order line says.
MEASURES = {"jin": GRAMS_PER_JIN, "gram": 1}


@blueprint.route("/o/<string:number>/claim", methods=["GET"])
def ask(number: str) -> Response:
    """申请赔付 · What is wrong, how much, and which photo shows it. Raises NotReceived before the receipt."""
    mine(number)
    return private(_form(number, {}, {}))


def _form(number: str, values: dict[str, str], wrong: dict[str, str]) -> str:
    _, order = buyer_of(db.session(), number)
    if order["accepted_at"] is None:
        raise NotReceived(number=number)
    return render_template(
        "store/claim.html", order=order, reasons=REASON_ZH, values=values, wrong=wrong,
        until=claimable_until(order["accepted_at"]).astimezone(BEIJING), hours=CLAIM_PERIOD.days * 24,
        percent=WHOLE_ABOVE_BP // 100, ticket=ticket(mine(number), f"claim {number}", now=now()),
    )  # fmt: skip


@blueprint.route("/o/<string:number>/claim", methods=["POST"])
@accepts_upload(MAX_PHOTO + MAX_FIELDS)
def claim(number: str) -> Response:
    """提交申请 · Raise the claim; sent twice it is one."""
    guest = from_our_page(request)
    mine(number)
    asked, wrong = filled(Claimed, request.form)
    try:
        reference, picture = told_photo(sent_file("photo"))
    except PhotoRefused as refusal:
        wrong["photo"] = refusal.sentence("zh")
    if wrong:
        return private((_form(number, request.form.to_dict(), wrong), 422))
    good = opened(asked["ticket"], guest, f"claim {number}", now=now())
    measure, amount = asked["measure"], asked["amount"]
    told = Told(
        asked["sku"], asked["reason"], reference, words=asked["words"] or None, photo=picture,
        weight_g=amount * MEASURES[measure] if measure in MEASURES else None,
        packs=None if measure in MEASURES else amount,
    )  # fmt: skip
    response = once(f"guest:{guest.name}", good.nonce, repr((number, told)).encode(), lambda: _raised(number, told))
    return private(response)


def _raised(number: str, told: Told) -> Response:
    session = db.session()
    raise_claim(session, locked_order(session, number), told, actor_id=None, now=now())
    return current_app.make_response(redirect(url_for("following.show", number=number), 303))


@blueprint.route("/o/<string:number>/claims/<string:which>/withdrawal", methods=["POST"])
def take_back(number: str, which: str) -> Response:
    """撤回申请 · The buyer takes his claim back. Raises NotFoundError for a claim of another order."""
    guest = from_our_page(request)
    mine(number)
    asked, wrong = filled(Pressed, request.form)
    if wrong:
        raise FormExpired
    opened(asked["ticket"], guest, f"withdraw {which}", now=now())
    with transaction() as session:
        actor, order = buyer_of(session, number)
        found = queries.claim(session, actor, which)
        if found["order"] == order["number"] and found["decided_at"] is None and found["status"] != "withdrawn":
            withdraw(session, which, actor_id=None, now=now())
    return private(redirect(url_for("following.show", number=number), 303))
