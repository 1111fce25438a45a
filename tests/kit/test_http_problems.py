"""Whatever goes wrong leaves as problem+json, in the reader's language, with nothing that is nobody's business."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Blueprint, Flask
from flask.testing import FlaskClient
from sqlalchemy import text
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.test import TestResponse

from shop.access.guard import EVERYONE, allow
from shop.kit.db import db
from shop.kit.errors import MoveRefusedError
from shop.kit.problems import errors_markdown

CARD = "6222021234567890123"


def sql(statement: str, **values: object) -> Callable[[], None]:
    return lambda: db.session.execute(text(statement), values) and None


def slow_statement() -> None:
    db.session.execute(text("SET LOCAL statement_timeout = 10"))
    db.session.execute(text("SELECT pg_sleep(1)"))


def pool_used_up() -> None:
    raise PoolTimeout(CARD)


def bug() -> None:
    raise KeyError(CARD)


def move_refused() -> None:
    raise MoveRefusedError(state="paid", event="pay", state_zh="已付款", event_zh="付款")


RAISE_AS = "DO $$ BEGIN RAISE EXCEPTION 'card {card}' USING ERRCODE = '{code}'; END $$"

CASES: dict[str, Callable[[], None]] = {
    "unique": sql("INSERT INTO parties (kind, code, name_zh) VALUES ('firm', :c, 'x'), ('firm', :c, 'x')", c=CARD),
    "check": sql("INSERT INTO parties (kind, code, name_zh) VALUES (:c, 'x', 'x')", c="nobody"),
    "foreign": sql("INSERT INTO grants (person_id, party_id, party_kind, role, granted_at)"
                   " VALUES (0, 0, 'firm', 'firm_staff', now())"),
    "range": sql("SELECT CAST(:c AS bigint)", c="9" * 30),
    "nul": sql("SELECT CAST(:c AS text)", c="a\x00"),
    "surrogate": sql("SELECT CAST(:c AS text)", c="\ud800"),
    "slow": slow_statement,
    "locked": sql(RAISE_AS.format(card=CARD, code="55P03")),
    "deadlock": sql(RAISE_AS.format(card=CARD, code="40P01")),
    "serial": sql(RAISE_AS.format(card=CARD, code="40001")),
    "syntax": sql("SELEC 1"),
    "pool": pool_used_up,
    "bug": bug,
    "domain": move_refused,
}  # fmt: skip


@pytest.fixture
def probe(committed: Flask) -> FlaskClient:
    room = Blueprint("probe", __name__, url_prefix="/api/v1/probe")

    @room.route("/<case>")
    @allow(EVERYONE)
    def fail(case: str) -> str:
        CASES[case]()
        return "no refusal"

    committed.register_blueprint(room)
    committed.testing = False
    return committed.test_client()


def body_of(response: TestResponse) -> dict[str, Any]:
    assert response.content_type == "application/problem+json"
    body: dict[str, Any] = response.get_json(force=True)
    assert body["status"] == response.status_code
    assert body["request_id"] == response.headers["X-Request-Id"]
    assert body["title"]
    assert body["detail"]
    assert CARD not in response.get_data(as_text=True)
    return body


@pytest.mark.parametrize(
    ("case", "status", "code"),
    [
        ("unique", 409, "conflict"),
        ("check", 409, "conflict"),
        ("foreign", 409, "conflict"),
        ("range", 409, "conflict"),
        ("nul", 422, "invalid"),
        ("surrogate", 422, "invalid"),
        ("slow", 503, "busy"),
        ("locked", 503, "busy"),
        ("deadlock", 503, "busy"),
        ("serial", 503, "busy"),
        ("pool", 503, "busy"),
        ("syntax", 500, "internal"),
        ("bug", 500, "internal"),
        ("domain", 409, "move-refused"),
    ],
)
def test_what_fails_below_is_answered_with_a_stable_type(
    probe: FlaskClient, case: str, status: int, code: str, capfd: pytest.CaptureFixture[str]
) -> None:
    response = probe.get(f"/api/v1/probe/{case}")
    body = body_of(response)
    assert (response.status_code, body["type"]) == (status, f"/docs/errors#{code}")
    assert ("Retry-After" in response.headers) == (status == 503)
    logged = capfd.readouterr()
    assert CARD not in logged.out + logged.err


def test_an_unexpected_failure_says_nothing_of_its_cause(probe: FlaskClient) -> None:
    body = body_of(probe.get("/api/v1/probe/bug"))
    assert set(body) == {"type", "title", "status", "detail", "request_id"}
    assert "KeyError" not in str(body)


def test_facts_of_a_refusal_are_members_a_program_can_read(probe: FlaskClient) -> None:
    body = body_of(probe.get("/api/v1/probe/domain"))
    assert (body["state"], body["event"]) == ("paid", "pay")


@pytest.mark.parametrize(
    ("language", "title", "detail"),
    [
        ("zh-CN,zh;q=0.9,en;q=0.8", "当前状态不允许", "当前是“已付款”，不能付款。"),
        ("zh", "当前状态不允许", "当前是“已付款”，不能付款。"),
        ("en", "The state does not allow it", "It is in state paid; pay is not possible now."),
        ("zh-CN,en;q=0.9", "当前状态不允许", "当前是“已付款”，不能付款。"),
        ("en-US,zh;q=0.9", "The state does not allow it", "It is in state paid; pay is not possible now."),
        ("fr", "当前状态不允许", "当前是“已付款”，不能付款。"),
        ("*", "当前状态不允许", "当前是“已付款”，不能付款。"),
        ("", "当前状态不允许", "当前是“已付款”，不能付款。"),
    ],
)
def test_a_refusal_speaks_english_to_who_prefers_it_and_chinese_otherwise(
    probe: FlaskClient, language: str, title: str, detail: str
) -> None:
    body = body_of(probe.get("/api/v1/probe/domain", headers={"Accept-Language": language}))
    assert (body["title"], body["detail"]) == (title, detail)


@pytest.mark.parametrize("path", ["/nothing", "/api/v1/nothing", "/api/v1//me", "/api/v1/me/", "/api/v1/%2e%2e%2fme"])
def test_an_address_that_does_not_exist_is_a_problem_too(client: FlaskClient, path: str) -> None:
    assert body_of(client.get(path))["type"] == "/docs/errors#not-found"


def test_another_method_is_told_which_ones_there_are(client: FlaskClient) -> None:
    response = client.put("/api/v1/me")
    assert (response.status_code, body_of(response)["type"]) == (405, "/docs/errors#method-not-allowed")
    assert set(response.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS"}


def test_a_method_in_a_header_overrides_nothing(client: FlaskClient) -> None:
    response = client.post("/api/v1/me", headers={"X-HTTP-Method-Override": "GET"})
    assert response.status_code == 405


@pytest.mark.parametrize(
    ("given", "kept"), [("order-7.A_b", True), ("", False), ("a b", False), ("x" * 65, False), ("苹果", False)]
)
def test_a_request_id_is_echoed_when_it_is_one(client: FlaskClient, given: str, kept: bool) -> None:
    answered = client.get("/healthz", headers={"X-Request-Id": given.encode().decode("latin-1")}).headers[
        "X-Request-Id"
    ]
    assert (answered == given) == kept
    assert answered


def test_every_refusal_of_a_field_names_it_and_speaks_the_reader_s_language(client: FlaskClient) -> None:
    sent = {"login": "a\x00b", "a/b~c": 1}
    response = client.post("/api/v1/auth/tokens", json=sent, headers={"Accept-Language": "zh-CN"})
    assert response.status_code == 422
    assert sorted((row["pointer"], row["detail"]) for row in body_of(response)["errors"]) == [
        ("/a~1b~0c", "没有这个字段。"),
        ("/login", "含有不允许的控制字符。"),
        ("/password", "必填。"),
    ]


def test_the_page_of_errors_holds_an_anchor_for_each_type(client: FlaskClient) -> None:
    page = client.get("/docs/errors").get_data(as_text=True)
    codes = [line.split("`")[1] for line in errors_markdown().splitlines() if line.startswith("| <a")]
    assert len(codes) > 15
    assert [code for code in codes if f'id="{code}"' not in page] == []
