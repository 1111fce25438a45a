"""Lots over HTTP."""

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from werkzeug.test import TestResponse

from shop.kit.db import db
from shop.stock.models import Pool, PoolKind
from tests.factories.tables import contents
from tests.factories.world import World, build

LOTS = "/api/v1/lots"
SLIP = {
    "code": "D90001", "household": "农户-0001", "sku": "PL001", "delivered_on": "2025-07-15", "weight_g": 52_500,
    "grade": "一级", "price_fen_per_kg": 480,
}  # fmt: skip
LOT = {"sku": "PL001", "harvested_on": "2025-07-15", "certificate_number": "HGZ-1", "deliveries": ["D90001"]}


@pytest.fixture
def world(committed: Flask) -> World:
    return build(committed)


def post(world: World, actor: str, url: str, body: dict[str, Any] | None = None, key: str = "k") -> TestResponse:
    headers = world.headers[actor] | {"Idempotency-Key": f"{key} {url}"}
    return world.app.test_client().post(url, json=body, headers=headers)


def available(kind: PoolKind = PoolKind.OPEN) -> int:
    query = select(Pool.available_g).where(Pool.kind == kind).order_by(Pool.product_id).limit(1)
    return db.session.scalar(query) or 0


def test_a_lot_is_made_of_deliveries_once_and_shows_households_by_code(world: World) -> None:
    assert post(world, "firm_staff", "/api/v1/deliveries", SLIP).status_code == 201
    made = post(world, "firm_staff", LOTS, LOT)
    assert made.status_code == 201, made.text
    lot = made.get_json()
    assert (lot["received_g"], lot["left_g"], lot["expires_on"]) == (52_500, 52_500, "2025-09-13")
    assert [(slip["code"], slip["household"]) for slip in lot["deliveries"]] == [("D90001", "农户-0001")]
    assert available() == 152_500
    before = contents(world.app)
    again = post(world, "firm_staff", LOTS, LOT, key="another")
    assert (again.status_code, again.get_json()["codes"]) == (409, "D90001")
    assert contents(world.app) == before


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"deliveries": ["D00002"]}, 409),
        ({"deliveries": []}, 422),
        ({"made_g": 5}, 422),
        ({"sku": "PL002"}, 404),
        ({"harvested_on": "2025-07-16"}, 422),
        ({"harvested_on": "2025-05-16"}, 422),
    ],
)
def test_a_lot_of_foreign_missing_or_spoiled_goods_is_refused(
    world: World, change: dict[str, Any], status: int
) -> None:
    assert post(world, "firm_staff", "/api/v1/deliveries", SLIP).status_code == 201
    before = contents(world.app)
    assert post(world, "firm_staff", LOTS, LOT | change).status_code == status
    assert contents(world.app) == before


def test_a_firm_sees_its_own_lots(world: World) -> None:
    client = world.app.test_client()
    own = client.get(LOTS, headers=world.headers["firm_staff"]).get_json()["items"]
    assert [lot["code"] for lot in own] == ["OLD-1", "LOT-1"]
    assert client.get(f"{LOTS}/LOT-2", headers=world.headers["firm_staff"]).status_code == 404


def test_what_spoiled_is_withdrawn_and_never_more_than_is_free(world: World) -> None:
    left = post(world, "firm_staff", f"{LOTS}/LOT-1/withdrawals", {"weight_g": 40_000, "reason": "腐损"})
    assert left.get_json()["left_g"] == available() == 60_000
    before = contents(world.app)
    more = post(world, "firm_staff", f"{LOTS}/LOT-1/withdrawals", {"weight_g": 60_001, "reason": "腐损"}, key="2")
    assert (more.status_code, more.get_json()["free_g"]) == (409, 60_000)
    assert contents(world.app) == before
