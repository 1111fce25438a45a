"""A wrong acceptance, reversed: by counter-entries only, and never what cannot be undone."""

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from shop.agreements.actions import agreement_by_code
from shop.agreements.models import CallOff, Side
from shop.agreements.signing import Hand, end
from shop.income.actions import settle_and_reach
from shop.kit.db import db, transaction
from shop.orders import breach
from shop.orders.actions import approve, dispatch
from shop.orders.locks import locked_order_by_id
from shop.orders.models import GradedAcceptance, Order
from shop.orders.scheduled import place_due
from shop.reports.books import CHECKS, run_checks
from shop.settlement.models import Settlement
from tests.factories.agreements import line, recorded
from tests.factories.tables import contents
from tests.factories.world import NOW, TODAY, World, build

GRADES = {"first": "一级", "second": "二级"}


@pytest.fixture
def world(committed: Flask) -> World:
    """Agreement A50: 10 kg each Tuesday at 5 yuan a kg, second grade at 80 %; the first of them is on its way."""
    return on_its_way(committed)


def on_its_way(app: Flask, schedule: str = "weekly:2", **promise: Any) -> World:
    built = build(app)
    with transaction() as session:
        recorded(session, line(second_bp=8_000, off_bp=0, **promise), schedule=schedule)
        place_due(session, TODAY, now=NOW)
        session.flush()
        order = locked_order_by_id(session, the_order().id)
        approve(session, order, actor_id=None, now=NOW)
        dispatch(session, order, None, carrier_zh=None, tracking_number=None, actor_id=None, now=NOW)
    return built


def the_order() -> Order:
    return db.session.scalars(select(Order).join(CallOff).where(CallOff.schedule_day == TODAY)).one()


def said(**grades: int) -> dict[str, Any]:
    listed = [{"grade": GRADES[name], "weight_g": grams} for name, grams in grades.items()]
    return {"accepted_g": sum(grades.values()), "refused_reason": "压伤", "grades": listed}


def post(world: World, who: str, path: str, body: dict[str, Any], language: str = "en") -> Any:
    post.count += 1  # type: ignore[attr-defined]
    headers = world.headers[who] | {"Idempotency-Key": str(post.count)}  # type: ignore[attr-defined]
    headers["Accept-Language"] = language
    return world.app.test_client().post(f"/api/v1/orders/{the_order().number}{path}", json=body, headers=headers)


post.count = 0  # type: ignore[attr-defined]


def accepted(world: World, *, settled: bool = True, **grades: int) -> None:
    answer = post(world, "buyer", "/acceptance", {"lines": [{"sku": "PL001", **said(**grades)}]})
    assert answer.status_code == 200, answer.text
    if settled:
        with transaction() as session:
            settle_and_reach(session, the_order().id, now=NOW)


def reverse(world: World, **grades: int) -> Any:
    return post(world, "operator", "/acceptance-corrections", said(**grades) | {"reason": "填错"})


def refusal(world: World, **grades: int) -> str:
    """The kind of a refusal that changed nothing."""
    before = contents(world.app)
    answer = reverse(world, **grades)
    assert (answer.status_code, contents(world.app)) == (409, before), answer.text
    return str(answer.get_json()["type"]).rpartition("#")[2]


def rows() -> list[tuple[str, int, int, bool]]:
    of = GradedAcceptance
    found = db.session.execute(select(of.grade, of.weight_g, of.amount_fen, of.reverses).order_by(of.id))
    return [(grade.value, grams, fen, reverses) for grade, grams, fen, reverses in found]


def test_t36_what_was_accepted_stays_and_counter_entries_follow(world: World) -> None:
    accepted(world, first=10_000)
    first = rows()
    assert reverse(world, first=6_000, second=3_000).status_code == 201
    assert rows() == [
        *first,
        ("一级", -10_000, -5_000, True),
        ("一级", 6_000, 3_000, False),
        ("二级", 3_000, 1_200, False),
    ]
    nets = db.session.execute(
        select(Settlement.net_fen, Settlement.reverses, Settlement.acceptance_id.is_not(None)).order_by(Settlement.id)
    ).all()
    assert [tuple(net) for net in nets] == [(5_000, False, False), (-5_000, True, True), (4_200, False, True)]
    for change in ("UPDATE acceptance_corrections SET was_g = 1", "DELETE FROM graded_acceptances"):
        with pytest.raises(DBAPIError, match="append-only"), transaction() as session:
            session.execute(text(change))


def test_an_acceptance_without_grades_and_without_money_yet_is_reversed_as_well(world: World) -> None:
    answer = post(world, "buyer", "/acceptance", {})
    assert answer.status_code == 200
    assert reverse(world, second=9_000).status_code == 201
    assert rows() == [("二级", 9_000, 3_600, False)]
    with transaction() as session:
        settle_and_reach(session, the_order().id, now=NOW)
    assert [s.net_fen for s in db.session.scalars(select(Settlement))] == [3_600]
    db.session.rollback()
    # All of it was bad: nobody has anything of it, and it may still turn out to be good.
    body = {"accepted_g": 0, "refused_reason": "全部变质", "reason": "填错"}
    assert post(world, "operator", "/acceptance-corrections", body).status_code == 201
    # A line that was booked by grade stays so: what is said without a grade is 一级.
    body = {"accepted_g": 10_000, "refused_reason": None, "reason": "填错"}
    assert post(world, "operator", "/acceptance-corrections", body).status_code == 201
    assert rows()[-1] == ("一级", 10_000, 5_000, False)
    grades = [check for check in CHECKS if check.code == "I20-grades"]
    assert run_checks(db.session.connection(), grades, now=NOW) == []
    assert [s.net_fen for s in db.session.scalars(select(Settlement).order_by(Settlement.id))] == [
        3_600, -3_600, 0, 5_000,
    ]  # fmt: skip


def test_what_is_accepted_without_grades_costs_to_the_fen_what_first_grade_costs(committed: Flask) -> None:
    world = on_its_way(committed, f"once:{TODAY}", committed_g=10_001, minimum_g=0, floor_fen_per_kg=333)
    body = {"lines": [{"sku": "PL001", "accepted_g": 9_603, "refused_reason": "压伤"}]}
    [line_] = post(world, "buyer", "/acceptance", body).get_json()["lines"]
    assert line_["accepted_fen"] == 3_198  # 3,197.8, not 9,603 parts in 10,001 of the 3,330 fen of all of it
    assert reverse(world, first=9_603).get_json()["items"][0]["accepted_fen"] == 3_198


def test_what_cannot_be_walked_back_is_refused_and_says_what_to_do(world: World) -> None:
    assert refusal(world, first=1_000) == "nothing-accepted"
    accepted(world, first=4_000)
    assert refusal(world, first=4_000) == "acceptance-same"
    assert refusal(world, first=10_001) == "acceptance-does-not-fit"
    day = TODAY + timedelta(days=1)
    with transaction() as session:
        agreement = agreement_by_code(session, "A50", lock=True)
        [proposal] = breach.propose_penalties(session, agreement, day, actor_id=None, now=NOW)
        assert (proposal.side, proposal.shortfall_g) == (Side.FIRM, 1_000)
    assert reverse(world, first=4_500).status_code == 201  # proposed is not taken: it is proposed anew by what stands
    with transaction() as session:
        agreement = agreement_by_code(session, "A50", lock=True)
        again = breach.propose_penalties(session, agreement, day, actor_id=None, now=NOW)
        assert [(one.number, one.shortfall_g) for one in again] == [(2, 500)]
        breach.decide(session, agreement, 2, "claim", by=Hand(Side.BUYER, None, NOW), reason="少交")
    assert refusal(world, first=10_000) == "penalty-stands"
    told = post(world, "operator", "/acceptance-corrections", said(first=10_000) | {"reason": "填错"}, language="zh")
    assert "主张方先撤回主张" in told.get_json()["detail"]
    with transaction() as session:
        agreement = agreement_by_code(session, "A50", lock=True)
        breach.decide(session, agreement, 2, "withdraw", by=Hand(Side.BUYER, None, NOW), reason="验收填错")
    assert reverse(world, first=10_000).status_code == 201  # and so it is free again


def test_an_agreement_that_was_judged_keeps_its_outcome(committed: Flask) -> None:
    world = on_its_way(committed, schedule=f"once:{TODAY}", committed_g=10_000, minimum_g=0)
    accepted(world, first=10_000)
    with transaction() as session:
        end(session, agreement_by_code(session, "A50", lock=True), "fulfil", actor_id=None, now=NOW, reason=None)
    assert refusal(world, first=9_000) == "outcome-stands"
    assert reverse(world, first=9_000, second=800).status_code == 201  # within the tolerance it stays fulfilled
