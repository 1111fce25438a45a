"""What host and public see while a session sells: right, at most a second old, and without a statement in between."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from shop.kit.clock import WalkingClock
from shop.kit.db import db, release, transaction
from shop.live import figures as live_figures
from shop.live.actions import Change, change_item, pin
from tests.factories.sales import Season, ready
from tests.factories.statements import statements
from tests.factories.world import World, build

API = "/api/v1/sessions/LIVE-1"


@pytest.fixture
def season(county: Flask, clock: WalkingClock) -> Iterator[Season]:
    with transaction() as session:
        yield ready(session, clock.now())


@pytest.fixture
def world(committed: Flask) -> World:
    return build(committed)


def read(season: Season) -> tuple[dict[str, Any], dict[str, Any]]:
    season.session.flush()
    found = live_figures.read(season.session, "LIVE-1", now=season.now)
    assert found.for_all is not None
    return json.loads(found.for_host), json.loads(found.for_all)


def test_the_figures_say_what_was_placed_paid_refunded_and_what_is_left(season: Season) -> None:
    paid = season.settled(season.paid("HOST", quantity=3))
    season.placed("HOST", quantity=2)
    season.refunded(paid, 1_500)
    season.tell_refunds()
    host, public = read(season)
    told = ("orders", "waiting", "paid_orders", "lapsed", "gmv_fen", "paid_fen", "refunded_fen", "refund_rate_bp")
    assert [host[name] for name in told] == [2, 1, 1, 0, 15_000, 9_000, 1_500, 1_667]
    (item,) = host["items"]
    assert (item["units_left"], item["units_taken"], item["price_fen"]) == (15, 5, 3_000)
    (item,) = public["items"]
    assert item["units_left"] == 15
    assert "units_taken" not in item
    assert not {"orders", "gmv_fen", "paid_fen"} & set(public)


def test_the_shelf_shows_the_new_price_the_new_stock_and_what_is_spoken_of(season: Season) -> None:
    product = season.product
    change = Change(price_fen=2_500, top_up_g=product.net_weight_g)
    change_item(season.session, "LIVE-1", product.id, product.sku, change, actor_id=None, now=season.now)
    pin(season.session, "LIVE-1", product.id, product.sku, actor_id=None, now=season.now)
    _, public = read(season)
    (item,) = public["items"]
    assert (public["pinned"], item["price_fen"], item["units_left"]) == (product.sku, 2_500, 21)


def test_a_session_that_sold_nothing_has_no_refund_rate(season: Season) -> None:
    host, _ = read(season)
    assert (host["orders"], host["gmv_fen"], host["refund_rate_bp"]) == (0, 0, 0)


def test_s3_a_shelf_costs_one_statement_and_none_for_a_second(world: World) -> None:
    client = world.app.test_client()
    for expected in (1, 0, 0):
        with statements() as seen:
            assert client.get(f"{API}/shelf").status_code == 200
        assert len(seen) == expected, seen
    time.sleep(live_figures.BELIEVED_S)
    with statements() as seen:
        assert client.get(f"{API}/shelf").status_code == 200
    assert len(seen) == 1, seen


def test_s3_figures_cost_who_asks_and_nothing_else_for_a_second(world: World) -> None:
    client = world.app.test_client()
    for expected in (2, 1, 1):
        with statements() as seen:
            assert client.get(f"{API}/figures", headers=world.headers["host"]).status_code == 200
        assert len(seen) == expected, seen


def test_what_happens_is_seen_in_less_than_two_seconds(world: World) -> None:
    client = world.app.test_client()
    assert client.get(f"{API}/shelf").get_json()["pinned"] is None
    with db.engine.begin() as another_process:
        another_process.execute(
            text("UPDATE live_sessions SET pinned_product_id = (SELECT id FROM products WHERE sku = 'PL001')"
                 " WHERE occasion_id = (SELECT id FROM occasions WHERE code = 'LIVE-1')")
        )  # fmt: skip
    began = time.monotonic()
    while client.get(f"{API}/shelf").get_json()["pinned"] != "PL001":
        assert time.monotonic() - began < 2
        time.sleep(0.05)


def test_the_figures_of_another_host_read_like_a_missing_session_also_when_they_are_ready(world: World) -> None:
    client = world.app.test_client()
    assert client.get(f"{API}/figures", headers=world.headers["operator"]).status_code == 200
    foreign = client.get("/api/v1/sessions/LIVE-2/figures", headers=world.headers["host"])
    assert foreign.status_code == 404
    client.get("/api/v1/sessions/LIVE-2/figures", headers=world.headers["operator"])
    again = client.get("/api/v1/sessions/LIVE-2/figures", headers=world.headers["host"])
    assert (again.status_code, again.get_json()["type"]) == (404, foreign.get_json()["type"])


def test_a_shelf_is_shown_to_nobody_before_the_county_has_reviewed_it(world: World) -> None:
    with transaction() as session:
        session.execute(text("UPDATE live_sessions SET status = 'planned', started_at = NULL"))
    assert world.app.test_client().get(f"{API}/shelf").status_code == 404
    release()
