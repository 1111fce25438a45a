"""Documentation, health and metrics: served from the project itself, true, and told only to whom they concern."""

import json
import re
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from shop.access.models import Role
from shop.config import Settings
from shop.kit.docs import OPENAPI_URL
from tests.factories.access import signed_in
from tests.factories.routes import routes


@pytest.fixture
def document(client: FlaskClient) -> dict[str, Any]:
    answer = client.get(OPENAPI_URL)
    assert (answer.status_code, answer.content_type) == (200, "application/json")
    found: dict[str, Any] = answer.get_json()
    return found


def operations(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        f"{method.upper()} {path}": operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if method != "parameters"
    }


def test_every_route_is_in_the_document_and_back(committed: Flask, document: dict[str, Any]) -> None:
    served = {f"{r.method} " + re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", r.rule.rule) for r in routes(committed)}
    assert document["openapi"] == "3.1.0"
    assert set(operations(document)) == served


def test_every_operation_tells_its_problems_as_problem_json(document: dict[str, Any]) -> None:
    shared = document["components"]["responses"]
    for name, operation in operations(document).items():
        assert "default" in operation["responses"], name
        for status, response in operation["responses"].items():
            told = shared[response["$ref"].rpartition("/")[2]] if "$ref" in response else response
            if not status.startswith("2"):
                assert set(told["content"]) == {"application/problem+json"}, (name, status)


def test_every_operation_has_a_summary_in_both_languages_and_says_who_may_call_it(document: dict[str, Any]) -> None:
    for name, operation in operations(document).items():
        assert re.search(r"[\u4e00-\u9fff].* · \w", operation["summary"]), name
        assert operation["x-roles"], name
        assert (operation.get("security") == []) == ("everyone" in operation["x-roles"]), name


def test_every_body_has_a_worked_example(document: dict[str, Any]) -> None:
    bare = [
        name
        for name, operation in operations(document).items()
        for content in operation.get("requestBody", {}).get("content", {}).values()
        if "example" not in content
    ]
    assert bare == []


def test_a_keyed_operation_asks_for_its_key(committed: Flask, document: dict[str, Any]) -> None:
    keyed = {f"{r.method} " + re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", r.rule.rule) for r in routes(committed) if r.keyed}
    asking = {
        name
        for name, operation in operations(document).items()
        if any(parameter["name"] == "Idempotency-Key" for parameter in operation.get("parameters", ()))
    }
    assert asking == keyed


def test_every_reference_of_the_document_leads_somewhere(document: dict[str, Any]) -> None:
    broken = []
    for target in set(re.findall(r'"\$ref": "#/([^"]+)"', json.dumps(document))):
        found: Any = document
        for step in target.split("/"):
            found = found.get(step, {})
        if not found:
            broken.append(target)
    assert broken == []


def test_the_page_loads_nothing_from_elsewhere_and_runs_no_inline_script(client: FlaskClient) -> None:
    page = client.get("/docs/")
    html = page.get_data(as_text=True)
    assert page.status_code == 200
    assert re.findall(r"https?://", html) == []
    assert re.findall(r"<script>", html) == []
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "script-src" not in policy
    assert page.headers["X-Frame-Options"] == "DENY"
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    for address in re.findall(r'(?:src|href)="([^"]+)"', html):
        with client.get(address) as asset:
            assert asset.status_code == 200, address


@pytest.mark.parametrize("name", ["../docs.py", "%2e%2e/__init__.py", "/etc/passwd", "nothing.js"])
def test_only_the_files_of_the_page_are_served(client: FlaskClient, name: str) -> None:
    assert client.get(f"/docs/assets/{name}").status_code == 404


def test_alive_and_ready_are_two_questions(client: FlaskClient) -> None:
    assert client.get("/healthz").get_json() == {"status": "ok"}
    ready = client.get("/readyz")
    assert (ready.status_code, ready.get_json()) == (
        200,
        {"status": "ready", "checks": {"database": True, "migrations": True, "broker": True}},
    )


def test_not_ready_names_what_does_not_answer(committed: Flask) -> None:
    committed.config["BROKER_REDIS_URL"] = "redis://127.0.0.1:1"
    answer = committed.test_client().get("/readyz")
    assert answer.status_code == 503
    assert answer.get_json()["checks"] == {"database": True, "migrations": True, "broker": False}


def test_metrics_count_by_route_and_tell_the_age_of_the_outbox(committed: Flask, client: FlaskClient) -> None:
    client.get("/api/v1/me", headers=signed_in(committed, Role.OPERATOR))
    text = client.get("/metrics").get_data(as_text=True)
    assert re.search(r'^shop_requests_total\{method="GET",route="/api/v1/me",status="200"\} \d', text, re.MULTILINE)
    assert "shop_outbox_oldest_seconds 0.000" in text


def test_metrics_are_for_programs_on_this_machine(client: FlaskClient) -> None:
    assert client.get("/metrics", environ_overrides={"REMOTE_ADDR": "10.0.0.1"}).status_code == 404
    assert client.get("/metrics", environ_overrides={"REMOTE_ADDR": "::1"}).status_code == 200


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "Via"])
def test_metrics_are_not_for_those_whom_a_proxy_on_this_machine_passes_on(client: FlaskClient, header: str) -> None:
    passed_on = client.get("/metrics", headers={header: "203.0.113.9"})
    assert (passed_on.status_code, b"shop_requests" in passed_on.data) == (404, False)
    assert client.get("/metrics").status_code == 200


def test_metrics_behind_a_proxy_are_for_nobody_without_a_token(committed: Flask) -> None:
    committed.config["BEHIND_PROXIES"] = True  # as PROXY_HOPS says; it may say nothing of whom it passes on
    assert committed.test_client().get("/metrics").status_code == 404


def test_metrics_with_a_token_are_for_who_sends_it_from_wherever(committed: Flask) -> None:
    token = "5c0f2d9e71b84a36f5c0f2d9e71b84a36"
    committed.config["METRICS_TOKEN"] = token
    client, elsewhere = committed.test_client(), {"REMOTE_ADDR": "10.0.0.1"}
    for said in ({}, {"Authorization": token}, {"Authorization": f"Bearer {token}x"}, {"Authorization": "Bearer é"}):
        for environ in ({}, elsewhere):
            assert client.get("/metrics", headers=said, environ_overrides=environ).status_code == 404
    sent = client.get("/metrics", headers={"Authorization": f"Bearer {token}"}, environ_overrides=elsewhere)
    assert (sent.status_code, b"shop_requests" in sent.data) == (200, True)


def test_an_unlisted_host_is_refused_when_hosts_are_listed(committed: Flask) -> None:
    committed.config["TRUSTED_HOSTS"] = ["shop.example"]
    client = committed.test_client()
    assert client.get("/healthz", headers={"Host": "shop.example"}).status_code == 200
    refused = client.get("/healthz", headers={"Host": "evil.example"})
    assert (refused.status_code, refused.content_type) == (400, "application/problem+json")


def test_the_app_runs_no_debugger(committed: Flask) -> None:
    settings: Settings = committed.extensions["settings"]
    assert committed.debug is False
    assert len(settings.secret_key.encode()) >= 32
    assert committed.test_client().get("/console").status_code == 404
