"""Signing in and out over HTTP, and what a token is worth."""

import hashlib
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, text

from shop.access.models import AccessToken, PartyKind, Role
from shop.kit.clock import WalkingClock
from shop.kit.db import db
from tests.factories.access import PASSWORD, headers_of, party, person, signed_in
from tests.factories.statements import statements

TOKENS = "/api/v1/auth/tokens"
ME = "/api/v1/me"


def test_signing_in_gives_a_token_that_says_who_i_am(committed: Flask, client: FlaskClient) -> None:
    firm = party(committed, PartyKind.FIRM, "F99")
    person(committed, (Role.FIRM_STAFF, firm), login="clerk")
    made = client.post(TOKENS, json={"login": " Clerk", "password": PASSWORD})
    assert made.status_code == 201
    body = made.get_json()
    assert (body["token_type"], body["expires_in_s"], len(body["token"])) == ("Bearer", 43_200, 43)
    me = client.get(ME, headers={"Authorization": f"Bearer {body['token']}"})
    assert me.get_json() == {
        "login": "clerk",
        "name_zh": "某人（示例）",
        "grants": [{"role": "firm_staff", "party_kind": "firm", "party_code": "F99", "party_name_zh": "某方（示例）"}],
    }
    assert me.headers["Cache-Control"] == "no-store"


def test_only_the_hash_of_a_token_is_kept(committed: Flask, client: FlaskClient) -> None:
    person(committed, login="clerk")
    token = client.post(TOKENS, json={"login": "clerk", "password": PASSWORD}).get_json()["token"]
    kept = db.session.scalars(select(AccessToken)).one()
    assert kept.token_hash == hashlib.sha256(token.encode()).digest()


@pytest.mark.parametrize("sent", [{"login": "clerk", "password": "wrong"}, {"login": "nobody", "password": PASSWORD}])
def test_t58_a_wrong_password_and_an_unknown_login_read_the_same(
    committed: Flask, client: FlaskClient, sent: dict[str, str]
) -> None:
    person(committed, login="clerk")
    refused = client.post(TOKENS, json=sent)
    body = refused.get_json(force=True)
    assert refused.status_code == 401
    assert refused.headers["WWW-Authenticate"] == "Bearer"
    assert body | {"request_id": ""} == {
        "type": "/docs/errors#sign-in-refused",
        "title": "登录失败",
        "status": 401,
        "detail": "账号或密码不对。",
        "request_id": "",
    }
    assert db.session.scalars(select(AccessToken)).all() == []


def test_a_disabled_person_neither_signs_in_nor_keeps_a_token(committed: Flask, client: FlaskClient) -> None:
    clerk = person(committed, login="clerk")
    headers = headers_of(committed, clerk)
    assert client.get(ME, headers=headers).status_code == 200
    db.session.execute(text("UPDATE people SET disabled_at = now() WHERE id = :id"), {"id": clerk})
    db.session.commit()
    assert client.get(ME, headers=headers).status_code == 401
    assert client.post(TOKENS, json={"login": "clerk", "password": PASSWORD}).status_code == 401


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", "Bearer wrong", "Basic Y2xlcms6cHc=", "bearer\t", "Bearer " + "x" * 5_000]
)
def test_without_a_good_token_nobody_is_let_in(client: FlaskClient, header: str) -> None:
    refused = client.get(ME, headers={"Authorization": header})
    assert (refused.status_code, refused.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert refused.get_json(force=True)["type"] == "/docs/errors#unauthorized"


def test_a_bad_token_is_refused_even_where_none_is_needed(client: FlaskClient) -> None:
    refused = client.post(
        TOKENS, json={"login": "clerk", "password": PASSWORD}, headers={"Authorization": "Bearer wrong"}
    )
    assert refused.get_json(force=True)["type"] == "/docs/errors#unauthorized"


def test_a_token_ends_after_twelve_hours(committed: Flask, client: FlaskClient, clock: WalkingClock) -> None:
    headers = signed_in(committed, Role.OPERATOR)
    clock.walk(timedelta(hours=12) - timedelta(seconds=1))
    assert client.get(ME, headers=headers).status_code == 200
    clock.walk(timedelta(seconds=1))
    assert client.get(ME, headers=headers).status_code == 401


def test_t53_signing_out_ends_this_token_and_no_other(committed: Flask, client: FlaskClient) -> None:
    clerk = person(committed)
    here, there = headers_of(committed, clerk), headers_of(committed, clerk)
    out = client.delete(TOKENS, headers=here)
    assert (out.status_code, out.get_data()) == (204, b"")
    assert client.get(ME, headers=here).status_code == 401
    assert client.get(ME, headers=there).status_code == 200


def test_knowing_who_speaks_costs_one_statement(committed: Flask, client: FlaskClient) -> None:
    headers = signed_in(committed, Role.OPERATOR)
    with statements() as seen:
        client.get(ME, headers=headers)
    asked = [" ".join(statement.split()[:3]) for statement in seen]
    assert asked == ["SELECT people.id, reference_version.version,", "SELECT people.login, people.name_zh,"]
