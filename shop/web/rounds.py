"""The pages of a buying round for a phone: join by the link, change or withdraw by one's own code. No script.

The secret travels in a cookie that only this round's pages receive (HttpOnly, SameSite=Lax, so that no other site can
change an entry), or is typed; it stands in no address. The form carries the secret of the coming entry, so that a
double tap joins once.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from flask import Blueprint, make_response, redirect, render_template, request, url_for
from marshmallow import ValidationError
from werkzeug.wrappers import Response

from shop.access.actions import normal_phone
from shop.access.guard import reference_version
from shop.catalog.reference import catalog
from shop.channels.actions import LINK_ALPHABET
from shop.kit.clock import BEIJING, beijing_day
from shop.kit.db import db, transaction
from shop.kit.errors import DomainError, NotFoundError
from shop.kit.http import now
from shop.kit.money import yuan
from shop.rounds import joining, queries, schemas
from shop.rounds.errors import SecretNotKnown
from shop.web.signin import from_our_page

blueprint = Blueprint("round_pages", __name__, template_folder="templates")

#: How long a browser keeps the code: the longest round, the delivery, and some more.
COOKIE_FOR = timedelta(days=120)
#: Name of the form field of a product's packs: `packs-` and its SKU.
PACKS = "packs-"

SAID_ZH = {
    "name_zh": "请填写姓名，40 字以内。",
    "phone": "请填写手机号或工号，至少一项。",
    "staff_number": "工号只能用字母、数字、汉字、- 和 _。",
    "lines": "请至少选一样，数量填整数；不需要的可以不选。",
    "secret": "请填写修改码。",
}


@blueprint.before_request
def from_our_own_pages_only() -> None:
    """A form is taken from our own pages only. Raises FromElsewhere."""
    if request.method == "POST":
        from_our_page()


@blueprint.errorhandler(NotFoundError)
def no_such_link(_: NotFoundError) -> Response:
    """链接无效 · A kind page for a link that leads nowhere."""
    return _page("round_missing.html", NotFoundError.status)


@blueprint.route("/r/<string:link>", methods=["GET"])
def join_page(link: str) -> Response:
    """团购报名页 · What the round offers, and the form to join it."""
    return _join_page(link, joining.new_secret(), {}, "", 200)


@blueprint.route("/r/<string:link>", methods=["POST"])
def join(link: str) -> Response:
    """报名 · Join, and go on to one's own entry."""
    _known_letters(link)
    form = request.form
    body = {
        "name_zh": form.get("name_zh", ""),
        "phone": form.get("phone", "").strip() or None,
        "staff_number": form.get("staff_number", "").strip() or None,
        "lines": _lines(form),
        "secret": form.get("secret", ""),
    }
    try:
        asked = schemas.Joining().load(body)
        phone = normal_phone(asked["phone"]) if asked["phone"] else None
        who = joining.Colleague(asked["name_zh"], phone, asked["staff_number"])
        with transaction() as session:
            joining.join(session, link, who, _packs(asked), asked["secret"], now=now())
    except ValidationError as error:
        return _join_page(link, joining.new_secret(), form, _said(error), 422)
    except DomainError as refusal:
        return _join_page(link, joining.new_secret(), form, refusal.sentence("zh"), refusal.status)
    return _with_cookie(redirect(url_for("round_pages.mine", link=link), 303), link, asked["secret"])


@blueprint.route("/r/<string:link>/mine", methods=["GET"])
def mine(link: str) -> Response:
    """我的报名 · One's own entry; without the cookie, a field to type the code."""
    return _mine(link, request.cookies.get(_cookie(link), ""), "", 200)


@blueprint.route("/r/<string:link>/mine", methods=["POST"])
def act(link: str) -> Response:
    """修改、退出，或输入修改码 · Change, withdraw, or show the code on another phone."""
    _known_letters(link)
    secret = request.cookies.get(_cookie(link), "")
    wish = request.form.get("wish")
    try:
        if wish == "open":
            secret = schemas.SecretAsked().load({"secret": request.form.get("secret", "")})["secret"]
            joining.entry_of(db.session(), link, secret)
            return _with_cookie(redirect(url_for("round_pages.mine", link=link), 303), link, secret)
        with transaction() as session:
            if wish == "withdraw":
                joining.withdraw(session, link, secret, now=now())
            else:
                asked = schemas.Changing().load({"secret": secret, "lines": _lines(request.form)})
                joining.change(session, link, secret, _packs(asked), now=now())
    except ValidationError as error:
        return _mine(link, request.cookies.get(_cookie(link), ""), _said(error), 422)
    except DomainError as refusal:
        return _mine(link, request.cookies.get(_cookie(link), ""), refusal.sentence("zh"), refusal.status)
    if wish == "withdraw":
        gone = _page("round_gone.html", 200, link=link)
        gone.delete_cookie(_cookie(link), path=_path(link))
        return gone
    return redirect(url_for("round_pages.mine", link=link, saved=1), 303)


def _join_page(link: str, secret: str, form: Mapping[str, str], said: str, status: int) -> Response:
    return _page(
        "round_join.html", status, link=link, round=_round(link), secret=secret, form=form, said=said,
        known=_cookie(link) in request.cookies,
    )  # fmt: skip


def _mine(link: str, secret: str, said: str, status: int) -> Response:
    """The entry of `secret`; the field for the code when no entry has it."""
    shown, person = _round(link), None
    try:
        round_, entry = joining.entry_of(db.session(), link, secret)
    except SecretNotKnown as unknown:
        said = said or (unknown.sentence("zh") if secret else "")
        status = unknown.status if secret else status
    else:
        goods = catalog(db.session(), reference_version())
        found = queries.distribution(db.session(), round_.id, goods=goods, day=beijing_day(now()))
        person = next(person for person in found.people if person.entry_id == entry.id)
    packs = {item.sku: item.asked for item in person.items} if person else {}
    return _page(
        "round_mine.html", status, link=link, round=shown, me=person, packs=packs, secret=secret, said=said,
        saved="saved" in request.args and not said,
    )  # fmt: skip


def _round(link: str) -> dict[str, Any]:
    """The round as the page shows it. Raises NotFoundError."""
    _known_letters(link)
    session, at = db.session(), now()
    goods = catalog(session, reference_version())
    found = queries.round_of_link(session, link, goods=goods, day=beijing_day(at))
    closes_at = found["closes_at"].astimezone(BEIJING)
    open_ = found["status"] == "open" and at < found["closes_at"]
    weekday = "一二三四五六日"[closes_at.weekday()]
    return found | {
        "is_open": open_,
        "closes": f"{closes_at.month}月{closes_at.day}日（周{weekday}）{closes_at:%H:%M}",
    }


def _known_letters(link: str) -> None:
    """Raise NotFoundError for what cannot be a link: NUL would not even reach the database."""
    if not set(link) <= set(LINK_ALPHABET):
        raise NotFoundError(what="link")


def _lines(form: Mapping[str, str]) -> list[dict[str, object]]:
    """Packs asked for; an empty field or 0 is "not wanted". What is no number stays text, which the schema refuses."""
    typed = {name.removeprefix(PACKS): form[name].strip() for name in form if name.startswith(PACKS)}
    return [
        {"sku": sku, "quantity": int(text) if text.isascii() and text.isdigit() and len(text) < 6 else text}
        for sku, text in typed.items()
        if text not in ("", "0")
    ]


def _packs(asked: dict[str, Any]) -> dict[str, int]:
    return {line["sku"]: line["quantity"] for line in asked["lines"]}


def _said(error: ValidationError) -> str:
    return "".join(SAID_ZH[name] for name in SAID_ZH if name in error.messages_dict) or "填写有误，请检查。"


def _cookie(link: str) -> str:
    return f"round-{link}"


def _path(link: str) -> str:
    return url_for("round_pages.join_page", link=link)


def _with_cookie(response: Response, link: str, secret: str) -> Response:
    response.set_cookie(
        _cookie(link), secret, max_age=COOKIE_FOR, path=_path(link), httponly=True, samesite="Lax",
        secure=request.is_secure,
    )  # fmt: skip
    return response


def _page(template: str, status: int, **values: Any) -> Response:
    response = make_response(render_template(template, yuan=yuan, **values), status)
    response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "same-origin"
    return response
