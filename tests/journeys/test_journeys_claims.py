"""Spoiled peaches, over HTTP: claimed, answered by the firm, decided by the county, paid back to the fen."""

from collections.abc import Iterator
from typing import Any

import pytest

from shop.kit.db import db, release
from shop.reports.books import check_books
from tests.journeys.conftest import PEACH, Stage

CLAIM = {"sku": PEACH, "reason": "spoiled", "weight_g": 600, "photo_reference": "IMG_0001", "words": "坏了三个"}


@pytest.fixture(autouse=True)
def books_are_right_afterwards(stage: Stage) -> Iterator[None]:
    yield
    assert check_books(db.session(), now=stage.clock.now()) == []
    release()


def received(stage: Stage, **asked: Any) -> str:
    """The number of an order of two packs that was paid, sent, received and settled."""
    placed = stage.post("customer", "/orders", {"partner": "S1", "lines": [{"sku": PEACH, "quantity": 2}]} | asked)
    number = str(placed["number"])
    stage.press_pay(number, "customer")
    stage.post("firm", f"/orders/{number}/dispatches")
    stage.post("customer", f"/orders/{number}/acceptance", status=200)
    stage.work()
    return number


def shares(stage: Stage, number: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for share in stage.get("operator", f"/settlements?order={number}")["items"]:
        found[share["kind"]] = found.get(share["kind"], 0) + share["amount_fen"]
    return found


def test_spoiled_goods_of_the_shop_are_paid_back_and_everybody_gives_his_part(stage: Stage) -> None:
    number = received(stage)
    before = shares(stage, number)
    claim = stage.post("customer", f"/orders/{number}/claims", CLAIM)
    assert (claim["status"], claim["damaged_g"], claim["accepted_g"]) == ("open", 600, 5_000)
    assert [found["number"] for found in stage.get("firm", "/claims?status=open")["items"]] == [claim["number"]]
    stage.post("firm", f"/claims/{claim['number']}/answer", {"agrees": True, "words": "照片属实"}, status=200)
    decided = stage.post(
        "operator", f"/claims/{claim['number']}/decision", {"event": "accept", "words": "按比例"}, status=200
    )
    assert (decided["status"], decided["amount_fen"], decided["refund_status"]) == ("accepted", 955, "pending")
    stage.work()
    seen = stage.get("customer", f"/claims/{claim['number']}")
    assert (seen["refund_status"], seen["firm_agrees"], seen["decision"]) == ("succeeded", True, "按比例")
    assert stage.get("customer", f"/orders/{number}")["refunded_fen"] == 955
    assert sum(before.values()) - sum(shares(stage, number).values()) == 955


def test_a_claim_of_a_live_order_lowers_the_commission_too(stage: Stage) -> None:
    stage.post("operator", "/sessions/LIVE-1/opening", status=200)
    number = received(stage, partner="H1", occasion="LIVE-1")
    assert shares(stage, number) == {"firm": 6650, "host": 350}
    claim = stage.post("customer", f"/orders/{number}/claims", CLAIM | {"weight_g": 2_000})
    stage.post("firm", f"/claims/{claim['number']}/answer", {"agrees": False, "words": "运输所致"}, status=200)
    stage.post("operator", f"/claims/{claim['number']}/decision", {"event": "accept", "words": "全额"}, status=200)
    stage.work()
    assert shares(stage, number) == {"firm": 0, "host": 0}
    stage.post("host", "/sessions/LIVE-1/closing", status=200)


def test_a_refused_and_a_withdrawn_claim_move_no_fen(stage: Stage) -> None:
    number = received(stage)
    before = shares(stage, number)
    first = stage.post("customer", f"/orders/{number}/claims", CLAIM)["number"]
    stage.post("firm", f"/claims/{first}/answer", {"agrees": False, "words": "不是本单"}, status=200)
    stage.post("operator", f"/claims/{first}/decision", {"event": "reject", "words": "照片不符"}, status=200)
    second = stage.post("customer", f"/orders/{number}/claims", CLAIM)["number"]
    assert stage.post("customer", f"/claims/{second}/withdrawal", status=200)["status"] == "withdrawn"
    stage.work()
    assert shares(stage, number) == before
    assert stage.get("customer", f"/orders/{number}")["refunded_fen"] == 0


def test_a_claim_needs_packs_or_grams_and_not_both(stage: Stage) -> None:
    number = received(stage)
    for measures in ({"packs": 1}, {"weight_g": None}):
        stage.post("customer", f"/orders/{number}/claims", CLAIM | measures, status=422)
    assert stage.get("operator", "/claims")["items"] == []
