"""T48 to T53, T56: who is let in, how often he may try, and what a token is worth. T48 and T49 in full: the matrix."""

import statistics
import time

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from shop.access import actions
from shop.access.attempts import PER_ACCOUNT, PER_ADDRESS, Attempts
from shop.access.errors import TooManyAttempts
from shop.access.models import PartyKind, Role
from shop.kit.db import db
from tests.factories.access import PASSWORD, headers_of, party, person, signed_in
from tests.factories.routes import routes

TOKENS = "/api/v1/auth/tokens"
ME = "/api/v1/me"


def test_t49_no_route_of_the_api_answers_without_saying_whom_it_is_for(committed: Flask) -> None:
    client = committed.test_client()
    answers = {route.name: client.open(route.url(), method=route.method).status_code for route in routes(committed)
               if not route.public}  # fmt: skip
    assert answers
    assert {name: status for name, status in answers.items() if status != 401} == {}


def test_t49_a_role_without_the_function_is_told_so(committed: Flask) -> None:
    client = committed.test_client()
    tokens = {role: signed_in(committed, role) for role in Role}
    wrong = [
        (route.name, role, status)
        for route in routes(committed)
        for role in set(Role) - route.roles
        if (status := client.open(route.url(), method=route.method, headers=tokens[role]).status_code) != 403
    ]
    assert wrong == []


def test_t49_another_verb_opens_nothing(committed: Flask) -> None:
    client = committed.test_client()
    known = {}
    for route in routes(committed):
        known.setdefault(route.url(), set()).add(route.method)
    headers = signed_in(committed, Role.OPERATOR)
    paths = committed.url_map.bind("localhost")
    opened = [
        (url, verb)
        for url, verbs in known.items()
        for verb in {"GET", "POST", "PUT", "PATCH", "DELETE"} - verbs
        # `/agreements/drafts` is also an agreement that could be called so: a route of its own in the matrix.
        if not (verb == "GET" and url.endswith("/drafts") and paths.test(url, verb))
        if client.open(url, method=verb, headers=headers).status_code != 405
    ]
    assert opened == []


def test_t52_a_grant_taken_away_ends_with_the_next_request(committed: Flask, client: FlaskClient) -> None:
    firm = party(committed, PartyKind.FIRM)
    clerk = person(committed, (Role.FIRM_STAFF, firm))
    headers = headers_of(committed, clerk)
    assert [g["role"] for g in client.get(ME, headers=headers).get_json()["grants"]] == ["firm_staff"]
    with db.engine.begin() as connection:
        connection.execute(text("DELETE FROM grants WHERE person_id = :id"), {"id": clerk})
    assert client.get(ME, headers=headers).get_json()["grants"] == []
    closed = [
        (route.name, status)
        for route in routes(committed)
        if Role.FIRM_STAFF in route.roles and len(route.roles) < len(Role)
        if (status := client.open(route.url(), method=route.method, headers=headers).status_code) != 403
    ]
    assert closed == []


def test_t53_the_api_knows_no_cookies(committed: Flask, client: FlaskClient) -> None:
    person(committed, login="clerk")
    made = client.post(TOKENS, json={"login": "clerk", "password": PASSWORD})
    token = made.get_json()["token"]
    assert "Set-Cookie" not in made.headers
    client.set_cookie("session", token)
    client.set_cookie("Authorization", f"Bearer {token}")
    assert client.get(ME).status_code == 401
    assert "Set-Cookie" not in client.get(ME, headers={"Authorization": f"Bearer {token}"}).headers


def test_t53_each_sign_in_gives_another_token_and_signing_out_ends_it(committed: Flask, client: FlaskClient) -> None:
    person(committed, login="clerk")
    tokens = [client.post(TOKENS, json={"login": "clerk", "password": PASSWORD}).get_json()["token"] for _ in range(2)]
    first, second = ({"Authorization": f"Bearer {token}"} for token in tokens)
    assert tokens[0] != tokens[1]
    assert client.delete(TOKENS, headers=first).status_code == 204
    assert (client.get(ME, headers=first).status_code, client.get(ME, headers=second).status_code) == (401, 200)


def guess(client: FlaskClient, login: str, address: str, *, right: bool = False) -> int:
    sent = {"login": login, "password": PASSWORD if right else "wrong"}
    return client.post(TOKENS, json=sent, environ_overrides={"REMOTE_ADDR": address}).status_code


def test_t56_an_account_is_guessed_at_ten_times_from_however_many_addresses(
    committed: Flask, client: FlaskClient
) -> None:
    person(committed, login="clerk")
    person(committed, login="other")
    answers = [guess(client, "clerk", f"10.0.0.{n}") for n in range(14)]
    assert answers == [401] * PER_ACCOUNT.amount + [429] * 4
    refused = client.post(TOKENS, json={"login": " CLERK", "password": PASSWORD})
    body = refused.get_json(force=True)
    assert (refused.status_code, body["type"]) == (429, "/docs/errors#too-many-attempts")
    assert 0 < int(refused.headers["Retry-After"]) <= 15 * 60
    assert body["retry_after_s"] == int(refused.headers["Retry-After"])
    assert guess(client, "other", "10.0.0.99", right=True) == 201


def test_t56_an_address_guesses_thirty_times_at_however_many_accounts(committed: Flask, client: FlaskClient) -> None:
    person(committed, login="clerk")
    answers = [guess(client, f"nobody{n}", "10.0.1.1") for n in range(33)]
    assert answers == [401] * PER_ADDRESS.amount + [429] * 3
    assert guess(client, "clerk", "10.0.1.1", right=True) == 429
    assert guess(client, "clerk", "10.0.1.2", right=True) == 201


def test_t56_a_forwarded_address_counts_only_behind_a_known_proxy(committed: Flask, client: FlaskClient) -> None:
    for n in range(PER_ADDRESS.amount + 1):
        sent, spoofed = {"login": f"nobody{n}", "password": "x"}, {"X-Forwarded-For": f"9.9.9.{n}"}
        last = client.post(TOKENS, json=sent, headers=spoofed)
    assert last.status_code == 429


def test_t56_counting_goes_on_without_a_broker() -> None:
    attempts = Attempts("redis://127.0.0.1:1", owner="a test")
    for _ in range(PER_ACCOUNT.amount):
        attempts.count("clerk", "10.0.0.1")
    with pytest.raises(TooManyAttempts) as refused:
        attempts.count("clerk", "10.0.0.1")
    assert 0 < int(str(refused.value.facts["retry_after_s"])) <= 15 * 60


def test_t56_two_shops_on_one_broker_do_not_count_for_each_other(urls: tuple[str, str]) -> None:
    from shop.config import redis_urls

    uri = redis_urls(urls[1]).limiter
    one, two = Attempts(uri, owner="one"), Attempts(uri, owner="two")
    for _ in range(PER_ACCOUNT.amount):
        one.count("clerk", "10.0.0.1")
    two.count("clerk", "10.0.0.1")
    with pytest.raises(TooManyAttempts):
        one.count("clerk", "10.0.0.1")


def test_t58_an_unknown_login_takes_as_long_as_a_wrong_password(committed: Flask) -> None:
    person(committed, login="clerk")

    def seconds(login: str) -> float:
        started = time.perf_counter()
        with committed.app_context(), pytest.raises(actions.SignInRefused):
            actions.sign_in(db.session(), login, "wrong", now=committed.extensions["clock"].now())
        return time.perf_counter() - started

    seconds("nobody")
    known, unknown = (statistics.median(seconds(login) for _ in range(7)) for login in ("clerk", "nobody"))
    assert 0.5 < known / unknown < 2
