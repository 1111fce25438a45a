"""Signing in to the pages: the bearer token in a cookie that no script reads, for as long as the token is good.

A page is guarded by `page_for`, which asks `access.guard` as the API does. Forms are taken from our own pages only.
"""

import functools
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, current_app, g, make_response, redirect, render_template, request, url_for
from werkzeug.exceptions import Unauthorized
from werkzeug.wrappers import Response as AnyResponse

from shop.access import actions
from shop.access.attempts import Attempts
from shop.access.errors import ForbiddenError, SignInRefused, TooManyAttempts
from shop.access.guard import Actor, Role, admitted, recognised
from shop.kit.db import transaction
from shop.kit.http import now
from shop.reports.area import READERS
from shop.web.errors import FromElsewhere

COOKIE = "signed_in"

blueprint = Blueprint("signin", __name__, template_folder="templates")


def from_our_page() -> None:
    """Refuse a form that another site sent. Raises FromElsewhere."""
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if site not in (None, "same-origin") or (origin is not None and urlsplit(origin).netloc != request.host):
        raise FromElsewhere


def visitor() -> Actor | None:
    """Who looks at the page, by his cookie; None for nobody, and for a token that is no longer good."""
    token = request.cookies.get(COOKIE)
    if not token:
        return None
    try:
        return recognised(token)
    except Unauthorized:
        return None


def page_for(*roles: Role) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Show the page to these roles: others are asked to sign in, or told that it is not for them. Never cached."""

    def guard(view: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(view)
        def wrapper(*args: Any, **kwargs: Any) -> AnyResponse:
            actor = visitor()
            if actor is None:
                return redirect(url_for("signin.form", next=request.full_path.rstrip("?")), 303)
            g.principal, g.visitor = f"person:{actor.person_id}", actor
            try:
                g.actor = admitted(actor, frozenset(roles))
            except ForbiddenError as refused:
                told = render_template(
                    "dashboard/refused.html", title=refused.title_zh, text=refused.sentence("zh"), other=True
                )
                response = make_response(told, 403)
            else:
                response = make_response(view(*args, **kwargs))
            response.headers["Cache-Control"] = "no-store"
            return response

        # The menu reads it.
        wrapper.for_roles = frozenset(roles)  # type: ignore[attr-defined]
        return wrapper

    return guard


@blueprint.route("/sign-in", methods=["GET"])
def form() -> str:
    """登录页 · Where one signs in."""
    return render_template("dashboard/sign_in.html", next=_back(request.args.get("next")), told=None)


@blueprint.route("/sign-in", methods=["POST"])
def enter() -> AnyResponse:
    """登录 · Sign in, and go where one wanted to go."""
    from_our_page()
    login, password = request.form.get("login", "")[:200], request.form.get("password", "")[:200]
    back = _back(request.form.get("next"))
    attempts: Attempts = current_app.extensions["attempts"]
    try:
        attempts.count(actions.normal_login(login), request.remote_addr or "unknown")
        with transaction() as session:
            token = actions.sign_in(session, login, password, now=now())
    except (SignInRefused, TooManyAttempts) as refused:
        page = render_template("dashboard/sign_in.html", next=back, told=refused.sentence("zh"))
        return make_response(page, refused.status)
    response = redirect(back or _home(recognised(token)), 303)
    response.set_cookie(
        COOKIE, token, max_age=actions.TOKEN_LIFE, httponly=True, samesite="Lax", secure=request.is_secure
    )
    return response


@blueprint.route("/sign-out", methods=["POST"])
def leave() -> AnyResponse:
    """退出 · Sign out: the token is revoked, and the cookie forgotten."""
    from_our_page()
    if visitor() is not None:
        with transaction() as session:
            actions.sign_out(session, g.token_hash, now=now())
    response = redirect(url_for("signin.form"), 303)
    response.delete_cookie(COOKIE)
    return response


def _back(wanted: str | None) -> str:
    """The page he wanted to see before he signed in: one of ours, never an address elsewhere; else nothing."""
    here = wanted or ""
    return "" if not here.startswith("/") or here.startswith("//") or "\\" in here or not here.isprintable() else here


def _home(actor: Actor) -> str:
    """Where his own work is, for who came by no page."""
    roles = {grant.role for grant in actor.grants}
    if roles.intersection(READERS):
        return url_for("dashboard.income")
    if Role.HOUSEHOLD in roles:
        return url_for("my.show")
    return url_for("desk.list_rounds") if Role.BUYER in roles else url_for("web.front")
