"""How many statements an operation may send to the database: an order three, a list one, a detail one."""

import time

import pytest
from flask import Flask
from sqlalchemy import text

from shop.access.models import PartyKind, Role
from shop.kit.clock import WalkingClock
from shop.kit.db import db, release, transaction
from shop.kit.moment import TRUST_S
from tests.factories.access import headers_of, party, person
from tests.factories.sales import ready
from tests.factories.statements import statements


@pytest.fixture
def shop(county: Flask, clock: WalkingClock) -> Flask:
    with transaction() as session:
        ready(session, clock.now())
    return county


def test_the_counter_counts_what_is_sent_below_and_above_sqlalchemy(shop: Flask) -> None:
    with statements() as seen:
        db.session.execute(text("SELECT 1"))
        release()
        pooled = db.engine.raw_connection()
        assert pooled.driver_connection is not None
        pooled.driver_connection.execute("SELECT 2")
        pooled.close()
    assert seen == ["SELECT 1", "SELECT 2"]


def test_s3_an_order_costs_three_statements(shop: Flask) -> None:
    customer = headers_of(shop, person(shop, (Role.CUSTOMER, party(shop, PartyKind.CUSTOMER))))
    partner = db.session.execute(text("SELECT code FROM partners WHERE kind = 'shop' LIMIT 1")).scalar_one()
    release()
    body = {"partner": partner, "lines": [{"sku": "PL001", "quantity": 2}]}
    for key in ("warm", "counted"):
        with statements() as seen:
            answer = shop.test_client().post("/api/v1/orders", json=body, headers=customer | {"Idempotency-Key": key})
        assert answer.status_code == 201, answer.text
    assert len(seen) == 3, seen


@pytest.mark.parametrize("path", ["/api/v1/products?limit=24", "/api/v1/products/PL001"])
def test_s3_a_hot_read_costs_one_statement_and_none_a_moment_later(shop: Flask, path: str) -> None:
    assert shop.test_client().get(path).status_code == 200
    for pause, expected in ((2 * TRUST_S, 1), (0, 0)):
        time.sleep(pause)
        with statements() as seen:
            assert shop.test_client().get(path).status_code == 200
        assert len(seen) == expected, seen


def test_what_this_process_commits_is_read_at_once(shop: Flask) -> None:
    read = shop.test_client().get
    assert read("/api/v1/products/PL001").get_json()["name_zh"] == "大桐蜜桃"
    with transaction() as session:
        session.execute(text("UPDATE products SET name_zh = '改名（示例）' WHERE sku = 'PL001'"))
    assert read("/api/v1/products/PL001").get_json()["name_zh"] == "改名（示例）"


def test_what_another_process_commits_is_sold_at_at_once_and_read_a_tenth_of_a_second_later(shop: Flask) -> None:
    """The order is priced by the version that its own first statement reads, so a stale page sells nothing cheaper."""
    customer = headers_of(shop, person(shop, (Role.CUSTOMER, party(shop, PartyKind.CUSTOMER))))
    partner = db.session.execute(text("SELECT code FROM partners WHERE kind = 'shop' LIMIT 1")).scalar_one()
    release()
    read = shop.test_client().get
    before = read("/api/v1/products/PL001").get_json()["price_fen"]
    with db.engine.connect() as other, other.begin():
        other.execute(text("UPDATE price_tiers SET price_fen = price_fen + 100 WHERE product_id ="
                           " (SELECT id FROM products WHERE sku = 'PL001')"))  # fmt: skip
    body = {"partner": partner, "lines": [{"sku": "PL001", "quantity": 1}]}
    placed = shop.test_client().post("/api/v1/orders", json=body, headers=customer | {"Idempotency-Key": "now"})
    assert placed.get_json()["total_fen"] == before + 100
    time.sleep(2 * TRUST_S)
    assert read("/api/v1/products/PL001").get_json()["price_fen"] == before + 100
