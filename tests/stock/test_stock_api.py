"""Lots over HTTP."""

from typing import Any
from urllib.parse import quote

import pytest
from flask import Flask
from sqlalchemy import select
from werkzeug.test import TestResponse

from shop.kit.db import db
from shop.reports.books import CHECKS, run_checks
from shop.stock.models import Pool, PoolKind
from tests.conftest import A_DAY_IN_JULY
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


def corrected(world: World, slip: str, weight_g: int) -> None:
    body = {"weight_g": weight_g, "price_fen_per_kg": 480, "reason": "过磅误读"}
    assert post(world, "firm_staff", f"/api/v1/deliveries/{quote(slip)}/corrections", body).status_code == 201


def test_a_slip_fills_a_lot_with_what_it_weighs_after_its_corrections(world: World) -> None:
    for code in ("D90001", "D90002"):
        assert post(world, "firm_staff", "/api/v1/deliveries", SLIP | {"code": code}, key=code).status_code == 201
    corrected(world, "D90001", 10_000)
    made = post(world, "firm_staff", LOTS, LOT | {"deliveries": ["D90001", "D90002"]}).get_json()
    assert (made["received_g"], [slip["weight_g"] for slip in made["deliveries"]]) == (62_500, [10_000, 52_500])
    assert available() == 162_500
    corrected(world, "D90002", 1_000)
    trace = world.app.test_client().get(f"{LOTS}/{made['code']}/trace", headers=world.headers["firm_staff"]).get_json()
    told = [(slip["weight_g"], slip["standing_weight_g"], slip["standing_amount_fen"]) for slip in trace["slips"]]
    assert told == [(10_000, 10_000, 4_800), (52_500, 1_000, 480)]


def test_a_correction_leaves_the_weight_of_the_lot_to_which_the_slip_went(world: World) -> None:
    assert post(world, "firm_staff", "/api/v1/deliveries", SLIP).status_code == 201
    made = post(world, "firm_staff", LOTS, LOT).get_json()
    corrected(world, "D90001", 0)
    lot = world.app.test_client().get(f"{LOTS}/{made['code']}", headers=world.headers["firm_staff"]).get_json()
    assert (lot["received_g"], lot["left_g"], lot["deliveries"][0]["weight_g"]) == (52_500, 52_500, 52_500)
    made_of_slips = [check for check in CHECKS if check.code == "I03-made"]
    assert list(run_checks(db.session.connection(), made_of_slips, now=A_DAY_IN_JULY)) == []


def test_a_slip_is_found_by_its_number_however_it_is_written(world: World) -> None:
    client, headers = world.app.test_client(), world.headers["firm_staff"]
    assert post(world, "firm_staff", "/api/v1/deliveries", SLIP | {"code": "b3"}).get_json()["code"] == "B3"
    corrected(world, "b3", 10_000)
    corrected(world, "ｂ３", 20_000)
    traces = [client.get(f"/api/v1/deliveries/{code}/trace", headers=headers) for code in ("b3", "ｂ３", "B3")]
    assert [trace.get_json()["slip"] for trace in traces] == ["B3"] * 3
    assert client.get("/api/v1/deliveries/b4/trace", headers=headers).status_code == 404
    made = post(world, "firm_staff", LOTS, LOT | {"deliveries": ["b3"]}).get_json()
    assert (made["received_g"], [slip["code"] for slip in made["deliveries"]]) == (20_000, ["B3"])


def test_a_void_slip_is_not_offered_for_a_lot_and_refused(world: World) -> None:
    client, headers = world.app.test_client(), world.headers["firm_staff"]
    for code in ("D90001", "D90002"):
        assert post(world, "firm_staff", "/api/v1/deliveries", SLIP | {"code": code}, key=code).status_code == 201
    corrected(world, "D90001", 0)
    free = client.get("/api/v1/deliveries?unlotted=true", headers=headers).get_json()["items"]
    assert [slip["code"] for slip in free] == ["D90002"]
    before = contents(world.app)
    refused = post(world, "firm_staff", LOTS, LOT | {"deliveries": ["D90001", "D90002"]})
    assert (refused.status_code, refused.get_json()["codes"]) == (409, "D90001")
    assert refused.get_json()["type"].endswith("delivery-void")
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
