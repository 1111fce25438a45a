"""Campaigns, channels, partners, fees, sessions and links over HTTP."""

from datetime import date, timedelta
from typing import Any

import pytest
from flask import Flask

from shop.catalog.models import Category
from shop.channels.actions import open_link, partner_by_code
from shop.channels.reference import selling
from shop.kit.db import db, transaction
from shop.kit.reference import current_version
from tests.factories.tables import contents
from tests.factories.world import NOW, World, build

API = "/api/v1"


@pytest.fixture
def world(committed: Flask) -> World:
    return build(committed)


def get(world: World, path: str, actor: str = "anonymous") -> Any:
    return world.app.test_client().get(API + path, headers=world.headers[actor]).get_json()


def test_anybody_sees_the_campaign_the_five_channels_and_the_partners(world: World) -> None:
    assert [(c["code"], c["is_open"]) for c in get(world, "/campaigns")["items"]] == [("C2025", True)]
    assert [c["name_zh"] for c in get(world, "/channels")["items"]] == [
        "平台直销", "单位帮销", "干部帮销", "企业助销", "直播网销",
    ]  # fmt: skip
    hosts = get(world, "/partners?kind=host")["items"]
    assert hosts == [
        {"code": code, "kind": "host", "channel": "livestream", "name_zh": f"{code}（示例）"} for code in ("L01", "L02")
    ]
    first = get(world, "/partners?limit=3")
    rest = get(world, f"/partners?limit=100&cursor={first['next']}")
    assert len({partner["code"] for partner in first["items"] + rest["items"]}) == 10


def test_a_new_partner_is_known_at_once_and_its_code_is_taken(world: World) -> None:
    client, headers = world.app.test_client(), world.headers["operator"]
    body = {"kind": "unit", "code": "U90", "name_zh": "示范中学（示例）", "payment_term_days": 30}
    assert client.post(f"{API}/partners", json=body, headers=headers).status_code == 201
    assert "U90" in {partner["code"] for partner in get(world, "/partners?kind=unit")["items"]}
    before = contents(world.app)
    assert client.post(f"{API}/partners", json=body, headers=headers).status_code == 409
    assert client.post(f"{API}/partners", json=body | {"payment_term_days": 61}, headers=headers).status_code == 422
    assert contents(world.app) == before


def test_a_fee_holds_from_its_day_on_and_is_not_replaced(world: World) -> None:
    client, headers = world.app.test_client(), world.headers["operator"]
    for rate, day in ((200, "2025-07-01"), (300, "2025-08-01")):
        answer = client.post(f"{API}/partners/S01/fees", json={"rate_bp": rate, "valid_from": day}, headers=headers)
        assert answer.status_code == 201
    again = client.post(f"{API}/partners/S01/fees", json={"rate_bp": 1, "valid_from": "2025-08-01"}, headers=headers)
    assert again.status_code == 409
    known = selling(db.session(), current_version(db.session()))
    shop = known.partners_by_code["S01"].partner_id
    fees = [known.fee_bp(shop, Category.FRUIT, date(2025, *day)) for day in ((6, 30), (7, 1), (7, 31), (8, 1))]
    assert fees == [0, 200, 200, 300]


def test_a_link_counts_openings_and_tells_people_apart_for_a_day_only(world: World) -> None:
    client, headers = world.app.test_client(), world.headers["host"]
    body = {"partner": "L01", "session": "LIVE-1", "sku": "PL001"}
    link = client.post(f"{API}/links", json=body, headers=headers).get_json()
    assert (link["path"], link["clicks"], link["session"]) == (f"/s/{link['code']}", 0, "LIVE-1")
    with transaction() as session:
        for visitor, now in (("a", NOW), ("a", NOW), ("b", NOW), ("a", NOW + timedelta(days=1))):
            open_link(session, link["code"], visitor, "a secret", now=now)
        assert partner_by_code(session, "L01").id
    seen = get(world, "/links", "host")["items"]
    assert [item["code"] for item in seen] == [link["code"], "link1"]
    assert (seen[0]["clicks"], seen[0]["visitors"]) == (4, 3)
    assert get(world, "/links", "cadre")["items"] == []


@pytest.mark.parametrize("body", [{"partner": "L02"}, {"partner": "L01", "session": "LIVE-2"}])
def test_nobody_advertises_in_the_name_of_another_or_for_his_session(world: World, body: dict[str, str]) -> None:
    before = contents(world.app)
    answer = world.app.test_client().post(f"{API}/links", json=body, headers=world.headers["host"])
    assert answer.status_code == 404
    assert contents(world.app) == before
