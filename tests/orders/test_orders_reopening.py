"""An ended agreement runs again: by both, in time, with what was missed stated and not made up in silence."""

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from shop.agreements.actions import agreement_by_code
from shop.agreements.models import CallOff, Side
from shop.agreements.signing import Hand, end
from shop.kit.clock import WalkingClock
from shop.kit.db import db, transaction
from shop.orders import breach
from shop.orders.actions import cancel
from shop.orders.breach import behind
from shop.orders.calls import close_ended
from shop.orders.models import Order
from shop.orders.reopening import reopen
from shop.orders.scheduled import place_due
from shop.reports.books import CHECKS, run_checks
from tests.factories.access import headers_of, person
from tests.factories.agreements import drafted, line, recorded, terms
from tests.factories.tables import contents
from tests.factories.world import ACTORS, NOW, TODAY, World, build

URL = "/api/v1/agreements/A50/reopenings"


@pytest.fixture
def world(committed: Flask) -> World:
    """Agreement A50: 10 kg each Tuesday until 16 September; the first was called, then it was terminated by mistake."""
    built = build(committed)
    with transaction() as session:
        recorded(session, line(minimum_g=100_000))
        place_due(session, TODAY, now=NOW)
        end(session, agreement_by_code(session, "A50", lock=True), "terminate", actor_id=None, now=NOW, reason="误")
    return built


def later(world: World, clock: WalkingClock, days: int) -> None:
    clock.walk(timedelta(days=days))
    for who in ("buyer", "firm_staff", "operator"):
        role, kind = ACTORS[who]
        world.headers[who] = headers_of(world.app, person(world.app, (role, world.a.parties[kind])))


def ask(world: World, who: str) -> Any:
    return world.app.test_client().post(URL, json={"reason": "误登记为解除"}, headers=world.headers[who])


def status() -> str:
    with transaction() as session:
        return agreement_by_code(session, "A50").status.value


def called() -> list[str]:
    wanted = select(CallOff.schedule_day).where(CallOff.schedule_day.is_not(None)).order_by(CallOff.schedule_day)
    return [str(day) for day in db.session.scalars(wanted)]


def test_both_consent_and_what_was_missed_is_stated_and_not_made_up(world: World, clock: WalkingClock) -> None:
    later(world, clock, 15)  # Wednesday, 30 July
    first = ask(world, "buyer")
    [asked] = first.get_json()["items"]
    assert (asked["asked_by"], asked["ended_as"], asked["until"], asked["consented_at"], asked["missed"]) == (
        "buyer", "terminated", "2025-08-14", None, [],
    )  # fmt: skip
    assert (ask(world, "buyer").get_json(), status()) == (first.get_json(), "terminated")
    [done] = ask(world, "firm_staff").get_json()["items"]
    assert (done["consented_at"] is not None, status()) == (True, "executing")
    assert done["missed"] == [
        {"sku": "PL001", "schedule_day": day, "weight_g": 10_000, "called": False}
        for day in ("2025-07-22", "2025-07-29")
    ]
    now, day = clock.now(), TODAY + timedelta(days=21)
    with transaction() as session:
        assert place_due(session, day, now=now).placed == 1
    assert called() == ["2025-07-15", "2025-08-05"]
    with transaction() as session:
        agreement = agreement_by_code(session, "A50")
        found = behind(session, agreement.ends_on, [agreement.id])
        assert [one.side for one in found] == [Side.FIRM]  # nothing against the buyer: nobody called those days
    # One of the missed days the buyer calls himself, late.
    asked_for = {"sku": "PL001", "weight_g": 10_000, "due_on": "2025-08-06", "schedule_day": "2025-07-22"}
    answer = world.app.test_client().post(
        "/api/v1/agreements/A50/call-offs", json=asked_for, headers=world.headers["buyer"] | {"Idempotency-Key": "1"}
    )
    assert answer.status_code == 201, answer.text
    [shown] = world.app.test_client().get(URL, headers=world.headers["operator"]).get_json()["items"]
    assert [one["called"] for one in shown["missed"]] == [True, False]
    codes = [check for check in CHECKS if check.code in ("I30-agreements", "I19", "I19-due", "I20")]
    with db.engine.connect() as connection:
        assert [str(one.row) for one in run_checks(connection, codes, now=now) if "A50" in str(one.row)] == []
    again = ask(world, "buyer")
    assert (again.status_code, again.get_json()["type"].rpartition("#")[2]) == (409, "move-refused")


@pytest.mark.parametrize("days", [30, 31])
def test_the_last_day_of_consent_is_the_thirtieth(world: World, clock: WalkingClock, days: int) -> None:
    later(world, clock, 29)
    assert ask(world, "firm_staff").status_code == 200
    later(world, clock, days - 29)
    before = contents(world.app)
    answer = ask(world, "buyer")
    if days == 30:
        assert (answer.status_code, status()) == (200, "executing")
    else:
        assert (answer.get_json()["type"].rpartition("#")[2], answer.get_json()["until"]) == (
            "reopen-too-late", "2025-08-14",
        )  # fmt: skip
        assert contents(world.app) == before


def test_what_was_built_on_the_end_bars_it_and_nobody_asks_for_others(world: World) -> None:
    assert ask(world, "operator").status_code == 403
    with transaction() as session:
        old = agreement_by_code(session, "A50")
        drafted(session, terms(starts_on=TODAY + timedelta(days=1)), code="A51", renews=old)
    answer = ask(world, "buyer")
    assert (answer.status_code, answer.get_json()["type"].rpartition("#")[2]) == (409, "reopening-barred")
    with transaction() as session:
        follower = agreement_by_code(session, "A51", lock=True)
        end(session, follower, "withdraw", actor_id=None, now=NOW, reason="不续")
        agreement = agreement_by_code(session, "A50", lock=True)
        breach.propose_penalties(session, agreement, TODAY + timedelta(days=1), actor_id=None, now=NOW)
    assert ask(world, "buyer").status_code == 200  # proposed is not taken
    with transaction() as session:
        agreement = agreement_by_code(session, "A50", lock=True)
        breach.decide(session, agreement, 1, "claim", by=Hand(Side.BUYER, None, NOW), reason="少交")
    before = contents(world.app)
    answer = ask(world, "firm_staff")
    assert (answer.status_code, answer.get_json()["type"].rpartition("#")[2]) == (409, "reopening-barred")
    assert "主张的一方可撤回主张" in answer.get_json()["bar_zh"]
    assert (contents(world.app), status()) == (before, "terminated")
    with transaction() as session:
        agreement = agreement_by_code(session, "A50", lock=True)
        breach.decide(session, agreement, 1, "withdraw", by=Hand(Side.BUYER, None, NOW), reason="误登记")
    assert (ask(world, "firm_staff").status_code, status()) == (200, "executing")


def test_one_whose_term_is_over_is_judged_anew_the_night_after(world: World, clock: WalkingClock) -> None:
    assert [ask(world, who).status_code for who in ("buyer", "firm_staff")] == [200, 200]
    with transaction() as session:
        order = session.scalars(select(Order).where(Order.call_off_id.is_not(None), Order.occasion_kind == "agreement"))
        cancel(session, order.one(), actor_id=None, now=NOW, by=Side.FIRM)
        clock.walk(timedelta(days=70))
        assert close_ended(session, TODAY + timedelta(days=70), now=clock.now()) == 1
    assert status() == "short"
    later(world, clock, 1)
    assert [ask(world, who).status_code for who in ("firm_staff", "buyer")] == [200, 200]
    shown = world.app.test_client().get(URL, headers=world.headers["buyer"]).get_json()["items"]
    assert [(one["number"], one["ended_as"], one["missed"]) for one in shown] == [
        (1, "terminated", []), (2, "short", []),
    ]  # fmt: skip
    with transaction() as session:
        assert close_ended(session, TODAY + timedelta(days=72), now=clock.now()) == 1
    assert status() == "short"


def test_one_word_is_never_both_sides_however_the_clock_was_set_between_two_ends(
    world: World, clock: WalkingClock
) -> None:
    later(world, clock, 2)
    now = clock.now()
    with transaction() as session:
        agreement = agreement_by_code(session, "A50", lock=True)
        reopen(session, agreement, "误登记", by=Hand(Side.BUYER, None, now))
        assert reopen(session, agreement, "误登记", by=Hand(Side.FIRM, None, now))
        end(session, agreement, "terminate", actor_id=None, now=now - timedelta(days=3), reason="再次解除")
    later(world, clock, 1)
    assert (ask(world, "firm_staff").status_code, status()) == (200, "terminated")
    shown = world.app.test_client().get(URL, headers=world.headers["buyer"]).get_json()["items"]
    assert [(one["number"], one["asked_by"], one["consented_at"] is None) for one in shown] == [
        (1, "buyer", False), (2, "firm", True),
    ]  # fmt: skip
    assert (ask(world, "buyer").status_code, status()) == (200, "executing")


def test_the_second_word_stands_though_the_clock_was_set_back_since_the_first(
    world: World, clock: WalkingClock
) -> None:
    later(world, clock, 2)
    assert ask(world, "buyer").status_code == 200
    clock.walk(timedelta(minutes=-1))
    assert (ask(world, "firm_staff").status_code, status()) == (200, "executing")
    [shown] = world.app.test_client().get(URL, headers=world.headers["buyer"]).get_json()["items"]
    assert shown["consented_at"] < shown["asked_at"]
