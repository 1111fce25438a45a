"""From a link on a phone to the household, for somebody without an account: pages, receipt by the clock, a claim."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text

from shop.kit.clock import at_beijing
from shop.kit.db import db, release
from shop.orders.jobs import FIND_UNRECEIVED
from shop.reports.books import check_books
from tasks.orders import find_unreceived
from tasks.registry import Kind, Work
from tasks.run import run_daily
from tests.journeys.conftest import DAY, PEACH, Stage
from tests.journeys.test_journeys import reached, shares
from tests.web.conftest import Form, Reader, read
from tests.web.test_web_claims import sends

PHONE = "Mozilla/5.0 (Linux; Android 14) MicroMessenger/8.0"
TO = {"quantity": "2", "name": "李四（示例）", "phone": "13900000000", "address": "山西省运城市平陆县某街 2 号（示例）"}


@pytest.fixture(autouse=True)
def books_are_right_afterwards(stage: Stage) -> Iterator[None]:
    yield
    assert check_books(db.session(), now=stage.clock.now()) == []
    release()


@pytest.fixture(autouse=True)
def our_own_shop(stage: Stage) -> None:
    stage.post("operator", "/partners/S1/storefront", {"storefront": True}, status=200)


def button(client: FlaskClient, number: str, verb: str) -> Form:
    return next(form for form in read(client.get(f"/o/{number}")).forms if form.action.endswith(f"/{verb}"))


def ordered(stage: Stage, client: FlaskClient, product_page: Reader) -> str:
    """Two screens and the provider's page; the number of the paid order."""
    chosen = product_page.forms[-1]
    first = read(client.get(chosen.action, query_string=chosen.fields | {"quantity": "2"})).forms[0]
    second = read(client.post(first.action, data=first.fields | TO)).forms[0]
    to = client.post(second.action, data=second.fields).headers["Location"]
    assert client.post(to).status_code == 200
    stage.work()
    number = db.session.execute(text("SELECT number FROM orders ORDER BY id DESC LIMIT 1")).scalar_one()
    release()
    return str(number)


def received_by_the_clock(stage: Stage, number: str) -> None:
    """The parcel is signed for, and seven days later nobody has said a word."""
    stage.post("firm", f"/orders/{number}/dispatches", {"carrier_zh": "顺丰冷链", "tracking_number": "SF1"})
    stage.later(timedelta(days=1))
    signed = {"position": 1, "signed_on": str(DAY + timedelta(days=1))}
    assert stage.post("firm", f"/orders/{number}/signatures", signed, status=200)["items"][0]["signed_on"] == str(
        DAY + timedelta(days=1)
    )
    work = Work(FIND_UNRECEIVED, Kind.DAILY, find_unreceived, by_the_clock=True)
    stage.later(at_beijing(DAY + timedelta(days=7), 9, 30) - stage.clock.now())
    done = run_daily(work, stage.clock)
    assert done is not None
    assert done.rows == 0
    stage.later(timedelta(days=1))
    done = run_daily(work, stage.clock)
    assert done is not None
    assert done.rows == 1
    assert run_daily(work, stage.clock) is None
    stage.work()
    assert stage.get("operator", f"/orders/{number}")["status"] == "settled"


def funnel(stage: Stage, code: str) -> dict[str, Any]:
    (found,) = stage.get("operator", f"/link-funnels?link={code}")["items"]
    return dict(found)


def test_from_a_cadres_link_to_the_growers_with_a_claim_in_between(stage: Stage) -> None:
    link, client = stage.post("cadre", "/links", {"partner": "G1", "sku": PEACH}), stage.app.test_client()
    opened = client.get(link["path"], headers={"User-Agent": PHONE})
    number = ordered(stage, client, read(client.get(opened.headers["Location"])))
    assert stage.get("operator", f"/orders/{number}")["link"] == link["code"]
    received_by_the_clock(stage, number)
    assert shares(stage, number) == {"firm": 7_960}
    page = read(client.get(f"/o/{number}"))
    assert f"/o/{number}/claim" in page.links
    form = read(client.get(f"/o/{number}/claim")).forms[0]
    told = {"ticket": form.fields["ticket"], "sku": PEACH, "reason": "spoiled", "measure": "jin", "amount": "1"}
    assert sends(client, number, told).status_code == 303
    (claim,) = stage.get("firm", "/claims")["items"]
    assert claim["has_photo"] is True
    stage.post("firm", f"/claims/{claim['number']}/answer", {"agrees": True, "words": "属实"}, status=200)
    decision = {"event": "accept", "words": "按比例"}
    stage.post("operator", f"/claims/{claim['number']}/decision", decision, status=200)
    stage.work()
    # 500 g of 5 kg that cost 79.60
    assert "退回 ¥ 7.96" in read(client.get(f"/o/{number}")).text
    assert shares(stage, number) == {"firm": 7_960 - 796}
    households = reached(number)
    assert sum(households.values()) == 7_960 - 796
    told_of = funnel(stage, link["code"])
    assert (told_of["visitors"], told_of["orders"], told_of["paid_orders"]) == (1, 1, 1)
    assert (told_of["paid_fen"], told_of["refunded_fen"], told_of["net_fen"]) == (7_960, 796, 7_164)
    assert (told_of["weight_g"], told_of["households"]) == (5_000, len(households))


def test_our_own_shop_sells_to_a_guest_who_follows_from_another_phone(stage: Stage) -> None:
    client = stage.app.test_client()
    assert f"/p/{PEACH}" in read(client.get("/shop")).links
    number = ordered(stage, client, read(client.get(f"/p/{PEACH}")))
    other = stage.app.test_client()
    form = read(other.get(f"/o?number={number}")).forms[0]
    assert other.post("/o", data=form.fields | {"phone": TO["phone"]}).status_code == 303
    stage.post("firm", f"/orders/{number}/dispatches")
    assert "7月25日前没有确认的，届时自动确认收货" in read(other.get(f"/o/{number}")).text
    pressed = button(other, number, "receipt")
    assert other.post(pressed.action, data=pressed.fields).status_code == 303
    stage.work()
    assert shares(stage, number) == {"firm": 7_801, "platform": 159}
    code, fen = next(iter(reached(number).items()))
    statement = stage.get("operator", f"/households/{code}/statement?month=2025-07")
    assert {row["channel"]: row["amount_fen"] for row in statement["sales_reached"]} == {"platform": fen}
