"""What a link brought, from the first opening to the households."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import text

from shop.access.models import Role
from shop.kit.db import db, release
from shop.reports.books import check_books
from tests.factories.access import headers_of, person
from tests.factories.statements import statements
from tests.journeys.conftest import PEACH, Stage, stage
from tests.journeys.test_journeys import finish, reached

__all__ = ["stage"]


@pytest.fixture(autouse=True)
def books_are_right_afterwards(stage: Stage) -> Iterator[None]:
    yield
    assert check_books(db.session(), now=stage.clock.now()) == []
    release()


def funnel(stage: Stage, who: str, code: str) -> dict[str, Any]:
    (found,) = stage.get(who, f"/link-funnels?link={code}")["items"]
    return {
        name: found[name]
        for name in (
            "visitors", "orders", "own_orders", "paid_orders", "paid_fen", "refunded_fen", "net_fen", "weight_g",
            "households",
        )
    }  # fmt: skip


def test_a_funnel_counts_from_visitors_to_households_and_own_orders_apart(stage: Stage) -> None:
    link = stage.post("cadre", "/links", {"partner": "G1", "sku": PEACH})
    code, browser = link["code"], {"User-Agent": "Mozilla/5.0 (Linux; Android 14)"}
    for _ in range(3):
        stage.app.test_client().get(link["path"], headers=browser)
    empty = dict.fromkeys(funnel(stage, "cadre", code), 0)
    assert funnel(stage, "cadre", code) == empty | {"visitors": 1}

    def order(who: str, packs: int) -> dict[str, Any]:
        asked = {"link": code, "lines": [{"sku": PEACH, "quantity": packs}]}
        return dict(stage.post(who, "/orders", asked))

    sold, waiting, unpaid, cancelled = (order("customer", packs) for packs in (2, 3, 4, 5))
    for bought in (sold, waiting, cancelled):
        stage.press_pay(bought["number"], "customer")
    finish(stage, sold, "customer")
    stage.post("firm", f"/orders/{sold['number']}/refunds", {"amount_fen": 1000, "reason": "坏果包赔"})
    stage.post("customer", f"/orders/{cancelled['number']}/cancellation", status=200)
    stage.work()
    parties = dict(db.session.execute(text("SELECT code, id FROM parties WHERE code IN ('G1', 'C1')")).all())
    release()
    himself = person(stage.app, (Role.CADRE, parties["G1"]), (Role.CUSTOMER, parties["C1"]))
    stage.people["himself"] = headers_of(stage.app, himself)
    order("himself", 1)
    assert unpaid["status"] == "placed"
    assert funnel(stage, "cadre", code) == {
        "visitors": 1, "orders": 4, "own_orders": 1, "paid_orders": 2, "paid_fen": 10 * 3980,
        "refunded_fen": 5 * 3980 + 1000, "net_fen": 2 * 3980 - 1000, "weight_g": 5 * 2500,
        "households": len(reached(sold["number"])),
    }  # fmt: skip
    assert funnel(stage, "operator", code) == funnel(stage, "cadre", code)
    assert stage.get("host", "/link-funnels")["items"] == []


def test_a_page_of_funnels_is_narrowed_by_partner_and_session_and_costs_what_one_costs(stage: Stage) -> None:
    stage.post("operator", "/sessions/LIVE-1/opening", status=200)
    live = stage.post("host", "/links", {"partner": "H1", "session": "LIVE-1"})["code"]
    cadre = stage.post("cadre", "/links", {"partner": "G1"})["code"]

    def codes(query: str) -> list[str]:
        return [item["code"] for item in stage.get("operator", f"/link-funnels?{query}")["items"]]

    assert live in codes("session=LIVE-1")
    assert cadre not in codes("session=LIVE-1")
    assert codes("partner=G1") == [cadre]
    assert codes("partner=G1&session=LIVE-1") == []
    costs = []
    for limit in (1, 100):
        with statements() as seen:
            stage.get("operator", f"/link-funnels?limit={limit}")
        costs.append(len(seen))
    assert costs[0] == costs[1] <= 4


def test_pages_of_funnels_hold_every_link_once(stage: Stage) -> None:
    made = [stage.post("cadre", "/links", {"partner": "G1"})["code"] for _ in range(5)]
    seen, cursor = [], ""
    while cursor is not None:
        found = stage.get("cadre", "/link-funnels?limit=2" + (f"&cursor={cursor}" if cursor else ""))
        seen += [item["code"] for item in found["items"]]
        cursor = found["next"]
    assert seen == made[::-1]
