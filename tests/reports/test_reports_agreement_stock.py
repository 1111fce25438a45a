"""What agreements ask of stock in the days ahead, counted from the schedule and from what waits for the firm."""

import pytest
from flask import Flask
from sqlalchemy import select

from shop.agreements.actions import agreement_by_code
from shop.agreements.models import CallOff
from shop.agreements.signing import end
from shop.kit.db import db, transaction
from shop.orders.actions import approve
from shop.orders.locks import locked_order_by_id
from shop.orders.models import Order
from shop.orders.reopening import reopen
from shop.orders.scheduled import place_due
from tests.factories.agreements import BUYER, FIRM, line, recorded
from tests.factories.world import NOW, TODAY, World, build

#: The world's own agreement A01 has a call-off of 10 kg that waits, 100 kg lie free.
WAITING_G, FREE_G = 10_000, 100_000


@pytest.fixture
def world(committed: Flask) -> World:
    """Beside it A50: 60 kg each Tuesday."""
    built = build(committed)
    with transaction() as session:
        recorded(session, line(committed_g=600_000, minimum_g=0))
    return built


def row(world: World, days: int, actor: str = "firm_staff") -> dict[str, int]:
    answer = world.app.test_client().get(f"/api/v1/reports/agreement-stock?days={days}", headers=world.headers[actor])
    assert answer.status_code == 200, answer.text
    [only] = answer.get_json()["items"]
    assert (only["firm"], only["sku"]) == ("F01", "PL001")
    return {name: only[name] for name in ("asked_g", "available_g", "lacking_g")}


def test_what_the_schedule_asks_for_is_set_against_what_is_free(world: World) -> None:
    assert row(world, 0) == {"asked_g": 60_000, "available_g": FREE_G, "lacking_g": 0}
    assert row(world, 7) == {"asked_g": 120_000 + WAITING_G, "available_g": FREE_G, "lacking_g": 30_000}


def test_a_call_counts_once_and_not_when_the_firm_holds_stock_for_it(world: World) -> None:
    with transaction() as session:
        place_due(session, TODAY, now=NOW)
    assert row(world, 7)["asked_g"] == 120_000 + WAITING_G
    order = db.session.scalars(select(Order.id).join(CallOff).where(CallOff.schedule_day == TODAY)).one()
    with transaction() as session:
        approve(session, locked_order_by_id(session, order), actor_id=None, now=NOW)
    assert row(world, 7) == {"asked_g": 60_000 + WAITING_G, "available_g": FREE_G - 60_000, "lacking_g": 30_000}


def test_a_day_that_was_missed_while_the_agreement_was_closed_is_not_asked_for(world: World) -> None:
    with transaction() as session:
        agreement = agreement_by_code(session, "A50", lock=True)
        end(session, agreement, "terminate", actor_id=None, now=NOW, reason="误")
        assert [reopen(session, agreement, "误", by=hand) for hand in (BUYER, FIRM)] == [False, True]
    # Today was missed; on the next Tuesday the schedule calls again.
    assert row(world, 7) == {"asked_g": 60_000 + WAITING_G, "available_g": FREE_G, "lacking_g": 0}


def test_the_county_sees_both_firms_and_the_largest_lack_first(world: World) -> None:
    client = world.app.test_client()
    items = client.get("/api/v1/reports/agreement-stock?days=30", headers=world.headers["operator"]).get_json()["items"]
    assert [item["firm"] for item in items] == ["F01", "F02"]
    assert items[0]["lacking_g"] > items[1]["lacking_g"] == 0


def test_the_agreements_that_the_stock_does_not_reach_are_named_from_which_day_on(world: World) -> None:
    answer = world.app.test_client().get(
        "/api/v1/reports/agreement-stock?days=14", headers=world.headers["operator"]
    ).get_json()  # fmt: skip
    assert answer["items"][0]["agreements"] == [
        {
            "agreement": "A50", "partner_name_zh": answer["items"][0]["agreements"][0]["partner_name_zh"],
            "lacking_g": 180_000 + WAITING_G - FREE_G, "from_day": "2025-07-22",
        }
    ]  # fmt: skip
    assert all(item["agreements"] == [] for item in answer["items"] if not item["lacking_g"])
