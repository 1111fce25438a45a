"""From a link to settlement and household, over HTTP; the books are proved after each."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from shop.access.models import Role
from shop.kit.db import db, release, transaction
from shop.reports.books import check_books
from tests.factories.access import headers_of, person
from tests.journeys.conftest import PEACH, Stage
from tests.journeys.test_journeys import finish, reached, shares

PHONE = "Mozilla/5.0 (Linux; Android 14) MicroMessenger/8.0"


@pytest.fixture(autouse=True)
def books_are_right_afterwards(stage: Stage) -> Iterator[None]:
    yield
    assert check_books(db.session(), now=stage.clock.now()) == []
    release()


def live_order(stage: Stage, buyer: str = "customer", phone: str = "13800000000") -> dict[str, Any]:
    """Two packs bought by the host's link while his session is on, paid and settled."""
    stage.post("operator", "/sessions/LIVE-1/opening", status=200)
    link = stage.post("host", "/links", {"partner": "H1", "session": "LIVE-1", "sku": PEACH})
    followed = stage.app.test_client().get(link["path"], headers={"User-Agent": PHONE})
    assert followed.status_code == 302
    stage.clock.walk(timedelta(minutes=5))
    recipient = {"name": "张三（示例）", "phone": phone, "address": "平陆县（示例）"}
    lines = [{"sku": PEACH, "quantity": 2}]
    order = stage.post(buyer, "/orders", {"link": link["code"], "lines": lines, "recipient": recipient})
    stage.press_pay(order["number"], buyer)
    settled = finish(stage, order, buyer)
    assert (settled["link"], settled["partner"], settled["occasion"]) == (link["code"], "H1", "LIVE-1")
    assert settled["link_opened_at"] == settled["placed_at"]
    return settled


def test_an_order_by_a_link_keeps_link_partner_session_and_time_and_pays_the_host(stage: Stage) -> None:
    order = live_order(stage)
    assert shares(stage, order["number"]) == {"firm": 6650, "host": 350}
    assert sum(reached(order["number"]).values()) == 7000


def test_t46_a_host_who_orders_by_his_own_link_gets_his_goods_and_no_commission(stage: Stage) -> None:
    parties = dict(db.session.execute(text("SELECT code, id FROM parties WHERE code IN ('H1', 'C1')")).all())
    release()
    both = person(stage.app, (Role.HOST, parties["H1"]), (Role.CUSTOMER, parties["C1"]))
    stage.people["himself"] = headers_of(stage.app, both)
    order = live_order(stage, "himself")
    assert shares(stage, order["number"]) == {"firm": 7000}


def test_t46_nor_by_another_account_to_his_own_phone(stage: Stage) -> None:
    with transaction() as session:
        session.execute(
            text(
                "UPDATE people SET phone_e164 = '+8613912345678' WHERE id IN (SELECT person_id FROM grants"
                " WHERE role = 'host')"
            )
        )
    order = live_order(stage, phone="139 1234 5678")
    assert shares(stage, order["number"]) == {"firm": 7000}
    stage.post("firm", f"/orders/{order['number']}/refunds", {"amount_fen": 1000, "reason": "坏果包赔"})
    stage.work()
    assert shares(stage, order["number"]) == {"firm": 6000}


def test_an_order_by_a_link_of_a_campaign_belongs_to_it_while_it_is_open(stage: Stage) -> None:
    numbers = []
    for code, last_day in (("PEACH", "2025-07-15"), ("BLOSSOM", "2025-07-14")):
        stage.post(
            "operator", "/campaigns",
            {"code": code, "name_zh": "桃花节（示例）", "name_en": "Fair", "starts_on": "2024-12-01",
             "ends_on": last_day},
        )  # fmt: skip
        link = stage.post("cadre", "/links", {"partner": "G1", "campaign": code, "sku": PEACH})
        assert link["campaign"] == code
        asked = {"link": link["code"], "lines": [{"sku": PEACH, "quantity": 1}]}
        numbers.append(stage.post("customer", "/orders", asked)["number"])
    rows = db.session.execute(
        text(
            "SELECT campaigns.code FROM orders JOIN campaigns ON campaigns.id = campaign_id"
            " WHERE number = ANY(:numbers) ORDER BY orders.id"
        ),
        {"numbers": numbers},
    )
    assert [code for (code,) in rows] == ["PEACH", "WX2025"]


def test_an_enterprise_has_no_links_and_a_campaign_that_is_not_there_none_either(stage: Stage) -> None:
    assert stage.post("market", "/links", {"partner": "B02"}, status=422)["type"].endswith("no-links")
    stage.post("cadre", "/links", {"partner": "G1", "campaign": "NONE"}, status=404)
    stage.post("unit", "/links", {"partner": "B18"})


def test_the_county_sets_for_how_long_a_link_counts_once_for_each_day(stage: Stage) -> None:
    rule = {"valid_from": "2025-07-15", "window_days": 3}
    stage.post("operator", "/link-rules", rule)
    assert stage.get("customer", "/link-rules") == {
        "items": [rule | {"ranking": False}], "default_window_days": 7,
    }  # fmt: skip
    taken = stage.post("operator", "/link-rules", rule | {"window_days": 4}, status=409)
    assert taken["type"].endswith("link-rule-taken")
    stage.post("host", "/link-rules", {"valid_from": "2025-08-01", "window_days": 30}, status=403)
    assert stage.get("customer", "/link-rules")["items"] == [rule | {"ranking": False}]
