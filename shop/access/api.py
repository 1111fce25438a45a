"""Sign in, sign out, who am I."""

from typing import Any

from flask import current_app, g, request
from flask_smorest import Blueprint

from shop.access import actions, queries, schemas
from shop.access.attempts import Attempts
from shop.access.errors import SignInRefused, TooManyAttempts
from shop.access.guard import EVERYONE, SIGNED_IN, allow, current_actor
from shop.kit.db import db, transaction
from shop.kit.http import documented, now

blueprint = Blueprint("access", __name__, url_prefix="/api/v1", description="登录与身份 · Sign-in and identity")


@blueprint.route("/auth/tokens", methods=["POST"])
@allow(EVERYONE)
@blueprint.arguments(schemas.SignIn)
@blueprint.response(201, schemas.Token)
@documented(
    errors=[SignInRefused, TooManyAttempts],
    example={"login": "operator", "password": "the one that make run printed"},
    answer={"token": "3q2-7wAAc0Yx0sM9uJr0a5oZb1Z4kQm7n1d2e3f4g5h", "token_type": "Bearer", "expires_in_s": 43200},
)
def sign_in(body: dict[str, str]) -> dict[str, object]:
    """登录，取得令牌 · Sign in for a bearer token.

    The token is good for 12 hours and is shown this once. 10 tries in 15 minutes for an account, 30 for an address.
    """
    attempts: Attempts = current_app.extensions["attempts"]
    attempts.count(actions.normal_login(body["login"]), request.remote_addr or "unknown")
    with transaction() as session:
        token = actions.sign_in(session, body["login"], body["password"], now=now())
    return {"token": token, "token_type": "Bearer", "expires_in_s": int(actions.TOKEN_LIFE.total_seconds())}


@blueprint.route("/auth/tokens", methods=["DELETE"])
@allow(SIGNED_IN)
@blueprint.response(204)
def sign_out() -> None:
    """退出登录 · Revoke the token this request came with."""
    with transaction() as session:
        actions.sign_out(session, g.token_hash, now=now())


@blueprint.route("/me", methods=["GET"])
@allow(SIGNED_IN)
@blueprint.response(200, schemas.Me)
@documented(
    answer={
        "login": "heping",
        "name_zh": "和平社工作人员（示例）",
        "grants": [
            {"role": "firm_staff", "party_kind": "firm", "party_code": "F01", "party_name_zh": "和平合作社（示例）"}
        ],
    }
)
def me() -> dict[str, Any]:
    """我是谁 · Who I am and whom I act for."""
    return queries.me(db.session(), current_actor())
