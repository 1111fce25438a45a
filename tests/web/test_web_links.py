"""`/s/{code}`: counted, remembered, led on (T44, T45, T47, T70)."""

from collections.abc import Iterator
from datetime import timedelta
from threading import Thread
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text
from werkzeug.test import EnvironBuilder, TestResponse
from werkzeug.wrappers import Request

from shop.channels.models import LinkClick
from shop.channels.reference import selling
from shop.kit.clock import WalkingClock
from shop.kit.db import db, release, transaction
from shop.kit.reference import current_version
from shop.kit.seal import seal
from shop.web import via
from tests.factories.tables import contents
from tests.factories.world import NOW, World, build

PHONE = "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 MicroMessenger/8.0"


@pytest.fixture
def world(committed: Flask) -> Iterator[World]:
    made = build(committed)
    with transaction() as session:
        session.execute(text("UPDATE partners SET storefront = true WHERE code = 'S01'"))
        session.execute(text("UPDATE occasions SET ends_at = :ends"), {"ends": NOW + timedelta(days=3)})
    yield made
    release()


def link(world: World, who: str, partner: str, **more: str) -> str:
    made = world.app.test_client().post(
        "/api/v1/links", json={"partner": partner} | more, headers=world.headers[who]
    )  # fmt: skip
    assert made.status_code == 201, made.text
    return str(made.get_json()["code"])


def opened(client: FlaskClient, code: str, agent: str = PHONE, **kwargs: Any) -> TestResponse:
    kwargs["headers"] = {"User-Agent": agent} | kwargs.get("headers", {})
    return client.open(f"/s/{code}", **kwargs)


def figures(world: World, who: str) -> dict[str, tuple[int, int, int, int]]:
    items = world.app.test_client().get("/api/v1/links", headers=world.headers[who]).get_json()["items"]
    return {item["code"]: (item["clicks"], item["visitors"], item["repeats"], item["bots"]) for item in items}


def came_by(client: FlaskClient, **kwargs: Any) -> str | None:
    """The link that an order of this browser is counted for."""
    cookie = client.get_cookie(via.COOKIE)
    environ = EnvironBuilder(headers={"Cookie": f"via={cookie.value if cookie else ''}"}).get_environ()
    now = kwargs.pop("now", NOW)
    with client.application.app_context():
        known = selling(db.session(), current_version(db.session()))
        found = via.came_by(Request(environ), known, product_ids=[1], buyer_party_id=None, now=now)
    return found.code if found else None


def test_a_link_leads_to_its_product_and_is_remembered_for_a_week(world: World) -> None:
    code = link(world, "cadre", "G01", sku="PL001")
    client = world.app.test_client()
    answer = opened(client, code)
    assert (answer.status_code, answer.headers["Cache-Control"]) == (302, "no-store")
    assert answer.headers["Location"].endswith("PL001")
    flags = answer.headers["Set-Cookie"]
    assert "HttpOnly" in flags
    assert "SameSite=Lax" in flags
    assert "Max-Age=604800" in flags
    assert (came_by(client), came_by(client, now=NOW + timedelta(days=8))) == (code, None)


def test_a_cookie_over_tls_stays_on_tls(world: World) -> None:
    answer = opened(world.app.test_client(), "link1", base_url="https://localhost")
    assert "; Secure" in answer.headers["Set-Cookie"]


def test_the_cookie_holds_codes_and_times_and_nothing_of_the_person(world: World) -> None:
    client = world.app.test_client()
    answer = opened(client, "link1", environ_base={"REMOTE_ADDR": "203.0.113.9"})
    assert answer.headers["Set-Cookie"].startswith(f"via={seal(_secret(world), 'via', [['link1', _at(NOW)]])};")
    rows = db.session.query(LinkClick).all()
    assert [(row.times, row.is_bot, len(row.visitor_hash)) for row in rows] == [(1, False, 16)]
    assert b"203" not in rows[0].visitor_hash


def _secret(world: World) -> str:
    return str(world.app.config["SECRET_KEY"])


def _at(moment: Any) -> int:
    return int(moment.timestamp())


@pytest.mark.parametrize(
    "cookie",
    ["", "x", "x.y", "W1siZm9yZ2VkIiwxXV0.0000", "é", seal("another secret", "via", [["link1", _at(NOW)]])],
)
def test_t47_a_cookie_that_is_not_ours_names_nobody(world: World, cookie: str) -> None:
    client = world.app.test_client()
    client.set_cookie(via.COOKIE, cookie)
    assert came_by(client) is None
    assert opened(client, "link1").status_code == 302
    assert came_by(client) == "link1"


def test_t47_a_seal_made_for_another_purpose_names_nobody(world: World) -> None:
    client = world.app.test_client()
    client.set_cookie(via.COOKIE, seal(_secret(world), "guest", [["link1", _at(NOW)]]))
    assert came_by(client) is None
    client.set_cookie(via.COOKIE, seal(_secret(world), "via", [["link1", _at(NOW)]]))
    assert came_by(client) == "link1"


def test_a_browser_keeps_the_last_eight_links_each_once(world: World, clock: WalkingClock) -> None:
    codes = [link(world, "cadre", "G01") for _ in range(10)]
    client = world.app.test_client()
    for code in [*codes, codes[5]]:
        clock.walk(timedelta(seconds=1))
        opened(client, code)
    kept = Request(EnvironBuilder(headers={"Cookie": f"via={client.get_cookie('via').value}"}).get_environ())
    assert [opening.code for opening in via.openings(kept)] == [*codes[2:5], *codes[6:], codes[5]]


def test_t45_ten_thousand_openings_by_one_address_are_one_visitor(world: World) -> None:
    """Six hundred here, from six threads at once; every one of them is counted, and one row is written."""
    client = world.app.test_client
    readers = [Thread(target=lambda: [opened(client(), "link1") for _ in range(100)]) for _ in range(6)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    assert figures(world, "host")["link1"] == (600, 1, 599, 0)
    assert db.session.query(LinkClick).count() == 1


@pytest.mark.parametrize(
    ("agent", "method", "headers"),
    [
        (PHONE, "HEAD", {}),
        (PHONE, "GET", {"Sec-Purpose": "prefetch;prerender"}),
        (PHONE, "GET", {"X-Moz": "prefetch"}),
        (PHONE, "GET", {"Purpose": "preview"}),
        ("Mozilla/5.0 (compatible; Baiduspider/2.0)", "GET", {}),
        ("curl/8.5.0", "GET", {}),
        ("", "GET", {}),
    ],
)
def test_t45_programs_are_counted_apart_and_carry_no_attribution(
    world: World, agent: str, method: str, headers: dict[str, str]
) -> None:
    answer = opened(world.app.test_client(), "link1", agent, method=method, headers=headers)
    assert answer.status_code == 302
    assert "Set-Cookie" not in answer.headers
    assert figures(world, "host")["link1"] == (0, 0, 0, 1)


def test_a_phone_whose_name_ends_in_bot_is_a_phone(world: World) -> None:
    opened(world.app.test_client(), "link1", "Mozilla/5.0 (Linux; Android 9; CUBOT_P40)")
    assert figures(world, "host")["link1"] == (1, 1, 0, 0)


@pytest.mark.parametrize("code", ["/evil.example", "%5C%5Cevil", "https:evil", "javascript:1", "a%0D%0AX-A:1", "%00"])
def test_t44_a_link_that_nobody_made_leads_nowhere(world: World, code: str) -> None:
    before = contents(world.app)
    answer = opened(world.app.test_client(), code)
    assert (answer.status_code, answer.headers.get("Location")) == (404, None)
    assert contents(world.app) == before


def test_t44_t70_a_link_leads_to_an_address_of_ours_whatever_host_is_claimed(world: World) -> None:
    answer = opened(
        world.app.test_client(), "link1", headers={"Host": "evil.example", "X-Forwarded-Host": "evil.example"}
    )
    assert answer.headers["Location"].startswith("/")
    assert not answer.headers["Location"].startswith(("//", "/\\"))


def test_a_link_to_goods_that_are_gone_leads_to_a_kind_page_and_counts(world: World) -> None:
    code = link(world, "cadre", "G01", sku="PL001")
    with transaction() as session:
        session.execute(text("UPDATE products SET status = 'withdrawn' WHERE sku = 'PL001'"))
    client = world.app.test_client()
    page = client.get(opened(client, code).headers["Location"])
    assert page.status_code == 410
    assert "苹果2（示例）" in page.text
    assert figures(world, "cadre")[code] == (1, 1, 0, 0)
    assert came_by(client) == code


def test_a_link_to_no_product_leads_to_the_shelf(world: World) -> None:
    client = world.app.test_client()
    page = client.get(opened(client, link(world, "cadre", "G01")).headers["Location"])
    assert page.status_code == 200
    assert "苹果1（示例）" in page.text


def test_a_link_of_a_session_says_when_it_begins_and_that_it_is_over(world: World, clock: WalkingClock) -> None:
    with transaction() as session:
        session.execute(text("UPDATE occasions SET starts_at = :at"), {"at": NOW + timedelta(hours=1)})
    assert "7 月 15 日 11:00 开始" in opened(world.app.test_client(), "link1").text
    clock.walk(timedelta(hours=2))
    assert opened(world.app.test_client(), "link1").status_code == 302
    clock.walk(timedelta(days=3))
    assert "这一场已经结束" in opened(world.app.test_client(), "link1").text


def test_a_link_of_a_session_leads_to_its_own_counter(world: World) -> None:
    assert opened(world.app.test_client(), "link1").headers["Location"] == "/p/PL001?live=LIVE-1"
    shelf = link(world, "host", "L01", session="LIVE-1")
    assert opened(world.app.test_client(), shelf).headers["Location"] == "/live/LIVE-1"
