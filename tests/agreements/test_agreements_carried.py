"""What a version leaves out, what could never be called, renewals after a renewal, and days that bind nobody."""

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from shop.kit.clock import WalkingClock
from shop.kit.db import transaction
from tests.factories.desks import DRAFT, LINE, TERMS, Desk, books_hold, days, desk_of, due, july, plan, status
from tests.factories.tables import contents
from tests.factories.world import World, build

#: Terms that nobody would have by leaving them out.
SAID: dict[str, Any] = {"deposit_bp": 1_000, "penalty_bp": 700, "buyer_penalty_bp": 900, "tolerance_bp": 300}
OF_LINE: dict[str, Any] = {
    "minimum_g": 50_000, "minimum_date_g": 5_000, "farm_gate_floor_fen_per_kg": 400, "special_bp": 12_000,
    "second_bp": 7_000, "off_bp": 0, "quote_source": "农批市场（示例）", "schedule": "weekly:2,4", "margin_bp": 500,
}  # fmt: skip
PLUS = {**LINE, "price_rule": "MARKET_PLUS"}
UNSAID = {"deposit_bp": 0, "penalty_bp": 0, "buyer_penalty_bp": 0, "tolerance_bp": 0}
UNSAID_LINE = {
    "minimum_g": 60_000, "minimum_date_g": 0, "farm_gate_floor_fen_per_kg": 0, "special_bp": 11_500,
    "second_bp": 8_500, "off_bp": 6_000, "quote_source": "", "schedule": None, "margin_bp": 0,
}  # fmt: skip
#: What is said of neither.
SHORT = {name: value for name, value in TERMS.items() if name != "penalty_bp"}
SHORT_DRAFT = {name: value for name, value in DRAFT.items() if name != "penalty_bp"}


@pytest.fixture
def world(committed: Flask) -> World:
    return build(committed)


@pytest.fixture
def desk(world: World, clock: WalkingClock) -> Desk:
    return desk_of(world, clock)


def told(version: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    terms = version["terms"]
    return {name: terms[name] for name in SAID}, {name: terms["lines"][0][name] for name in OF_LINE}


def put(desk: Desk, body: dict[str, Any], path: str = "/agreements/T1/versions", status: int = 201) -> Any:
    return desk.post("buyer", path, body, status)["items"][0]


def rich(desk: Desk) -> None:
    """T1, in force, with every term said."""
    said = {**DRAFT, **SAID, "lines": [{**PLUS, **OF_LINE, "committed_g": 100_000}]}
    version = put(desk, said, "/agreements/drafts")
    assert told(version) == (SAID, OF_LINE)
    desk.sign(version)


def test_an_amendment_leaves_what_it_does_not_name_and_a_first_draft_has_the_defaults(desk: Desk) -> None:
    plus, fixed = ([{**price, "committed_g": 60_000}] for price in (PLUS, LINE))
    assert told(put(desk, {**SHORT_DRAFT, "code": "T0", "lines": plus}, "/agreements/drafts")) == (UNSAID, UNSAID_LINE)
    rich(desk)
    assert told(put(desk, {**SHORT, "lines": plus})) == (SAID, OF_LINE)
    # What is named counts, nothing and null as well.
    named = {"penalty_bp": 0, "buyer_penalty_bp": None}
    of_line = {"minimum_g": None, "minimum_date_g": 1_000, "schedule": None, "quote_source": "", "off_bp": 5_000}
    terms, line = told(put(desk, {**SHORT, **named, "lines": [plus[0] | of_line]}))
    assert terms == SAID | {"penalty_bp": 0, "buyer_penalty_bp": 0}
    assert line == OF_LINE | of_line | {"minimum_g": 60_000}
    # An amendment replaces what is in force, not what was only proposed; a margin is of its rule.
    assert told(put(desk, {**SHORT, "lines": fixed})) == (SAID, OF_LINE | {"margin_bp": 0})


def test_the_next_version_of_a_draft_is_made_of_the_one_before(desk: Desk) -> None:
    put(desk, {**DRAFT, **SAID, "lines": [{**PLUS, **OF_LINE, "committed_g": 100_000}]}, "/agreements/drafts")
    whole = put(desk, {**SHORT, "lines": [{**PLUS, "committed_g": 100_000, "minimum_g": None}]})
    assert told(whole) == (SAID, OF_LINE | {"minimum_g": 100_000})
    # Who takes all goes on to take all.
    assert told(put(desk, {**SHORT, "lines": [{**PLUS, "committed_g": 90_000}]}))[1]["minimum_g"] == 90_000


def test_a_renewal_is_made_of_the_agreement_that_it_renews(desk: Desk) -> None:
    rich(desk)
    after = {"code": "T2", "renews": "T1", "starts_on": "2025-07-25", "ends_on": "2025-08-20"}
    body = {**SHORT_DRAFT, **after, "lines": [{**PLUS, "committed_g": 60_000}]}
    assert told(put(desk, body, "/agreements/drafts")) == (SAID, OF_LINE)


@pytest.mark.parametrize(
    ("changes", "term"),
    [
        ({"committed_g": 40_000}, "minimum_g"),
        ({"committed_g": 100_000, "floor_fen_per_kg": 399}, "farm_gate_floor_fen_per_kg"),
    ],
)
def test_what_is_carried_over_must_still_be_meant(desk: Desk, changes: dict[str, Any], term: str) -> None:
    rich(desk)
    problem = desk.refused("buyer", "/agreements/T1/versions", {**SHORT, "lines": [{**PLUS, **changes}]}, 422)
    assert (problem["code"], problem["term"], problem["pointer"]) == ("terms-refused", term, f"/lines/0/{term}")


def test_a_single_delivery_that_is_carried_into_another_term_is_refused(desk: Desk) -> None:
    desk.signed(lines=[{**LINE, "committed_g": 10_000, "schedule": "once:2025-07-20"}])
    after = {"code": "T2", "renews": "T1", "starts_on": "2025-07-25", "ends_on": "2025-07-31"}
    body = {**DRAFT, **after, "lines": [{**LINE, "committed_g": 10_000}]}
    problem = desk.refused("buyer", "/agreements/drafts", body, 422)
    assert (problem["code"], problem["term"]) == ("terms-refused", "schedule")
    assert put(desk, body | {"lines": [{**body["lines"][0], "schedule": None}]}, "/agreements/drafts")["number"] == 1


def season(first: int, last: int) -> None:
    with transaction() as session:
        session.execute(
            text("UPDATE products SET harvest_start_month = :first, harvest_end_month = :last, shelf_life_days = 3"
                 " WHERE sku = 'PL001'"), {"first": first, "last": last},
        )  # fmt: skip


def test_what_could_never_be_called_is_neither_drafted_nor_recorded_nor_signed(desk: Desk) -> None:
    version = put(desk, DRAFT, "/agreements/drafts")
    season(9, 10)
    asked = {"version": 1, "document_hash": version["document_hash"]}
    problem = desk.refused("buyer", "/agreements/T1/signatures", asked, 422)
    assert (problem["code"], "PL001" in problem["detail"]) == ("never-due", True)
    assert (
        desk.refused("buyer", "/agreements/T1/versions", {**TERMS, "lines": DRAFT["lines"]}, 422)["code"] == "never-due"
    )
    assert desk.refused("buyer", "/agreements/drafts", {**DRAFT, "code": "T2"}, 422)["code"] == "never-due"
    on_paper = {**DRAFT, "code": "T3", "signed_on": "2025-07-15"}
    assert desk.refused("operator", "/agreements", on_paper, 422)["code"] == "never-due"
    season(6, 7)
    desk.sign(version)
    assert due() == days(15, 24, 10_000)


@pytest.mark.parametrize(("schedule", "status"), [("once:2025-08-03", 201), ("once:2025-08-04", 422)])
def test_the_season_is_prolonged_by_the_shelf_life(desk: Desk, schedule: str, status: int) -> None:
    season(6, 7)
    body = {**DRAFT, "ends_on": "2025-08-20", "lines": [{**LINE, "committed_g": 10_000, "schedule": schedule}]}
    desk.post("buyer", "/agreements/drafts", body, status)


def test_each_line_is_judged_for_itself_and_of_an_amendment_where_nothing_of_it_fell_due(desk: Desk) -> None:
    season(6, 7)
    never = {**LINE, "committed_g": 200_000, "schedule": "once:2025-08-10"}
    body = {**DRAFT, "ends_on": "2025-08-20", "lines": [never]}
    assert desk.refused("buyer", "/agreements/drafts", body, 422)["code"] == "never-due"
    desk.signed(starts_on="2025-07-16", ends_on="2025-08-20")
    changed = {**TERMS, "starts_on": "2025-07-16", "ends_on": "2025-08-20", "lines": [never]}
    assert desk.refused("buyer", "/agreements/T1/versions", changed, 422)["code"] == "never-due"
    desk.at(july(16))
    assert put(desk, changed)["number"] == 2


def renewal(desk: Desk, code: str, **changes: object) -> dict[str, Any]:
    body = {**DRAFT, "code": code, "renews": "T1", "starts_on": "2025-07-25", "ends_on": "2025-07-31", **changes}
    return dict(put(desk, body, "/agreements/drafts"))


def end(desk: Desk, code: str, event: str = "terminate") -> None:
    desk.post("operator" if event == "terminate" else "buyer", f"/agreements/{code}/ending",
              {"event": event, "reason": "另签"}, 200)  # fmt: skip


def shown(desk: Desk, code: str = "T1") -> dict[str, Any]:
    answer = desk.world.app.test_client().get(f"/api/v1/agreements/{code}", headers=desk.world.headers["buyer"])
    found: dict[str, Any] = answer.get_json()
    return found


def test_after_a_renewal_that_was_terminated_another_may_renew_and_one_at_a_time(desk: Desk) -> None:
    desk.signed()
    end(desk, "T1")
    desk.sign(renewal(desk, "T2"), code="T2")
    assert (shown(desk)["status"], shown(desk)["renewed_by"]) == ("renewed", "T2")
    body = {**DRAFT, "code": "T3", "renews": "T1", "starts_on": "2025-07-25", "ends_on": "2025-07-31"}
    assert desk.refused("buyer", "/agreements/drafts", body)["code"] == "not-renewable"
    end(desk, "T2")
    assert (shown(desk)["status"], shown(desk)["renewed_by"]) == ("renewed", "T2")  # it did until then
    third, fourth = renewal(desk, "T3"), renewal(desk, "T4")
    end(desk, "T4", "withdraw")
    desk.sign(third, code="T3")
    found = shown(desk)
    assert (found["status"], found["renewed_by"]) == ("renewed", "T3")
    assert [one["event"] for one in found["history"]].count("renew") == 2
    # What was terminated does not run again beside it.
    desk.post("buyer", "/agreements/T2/reopenings", {"reason": "误登记"}, 409)
    problem = desk.refused("firm_staff", "/agreements/T2/reopenings", {"reason": "误登记"})
    assert (problem["code"], "T3" in problem["detail"]) == ("reopening-barred", True)
    assert fourth["number"] == 1
    books_hold()


def test_a_renewal_that_was_terminated_before_the_old_one_ended_renews_nothing(desk: Desk) -> None:
    desk.signed()
    desk.sign(renewal(desk, "T2"), code="T2")
    desk.at(july(20))
    end(desk, "T2")
    assert shown(desk)["renewed_by"] is None
    desk.at(july(21))
    end(desk, "T1")
    found = shown(desk)
    assert (found["status"], found["history"][-1]["event"]) == ("terminated", "terminate")
    assert found["renewed_by"] is None
    for side in ("buyer", "firm_staff"):
        desk.post(side, "/agreements/T1/reopenings", {"reason": "误登记"}, 200)
    assert shown(desk)["status"] == "executing"
    books_hold()


def test_control_one_that_stands_renews_the_old_one_at_its_end_and_bars_its_reopening(desk: Desk) -> None:
    desk.signed()
    desk.sign(renewal(desk, "T2"), code="T2")
    desk.at(july(21))
    end(desk, "T1")
    assert (shown(desk)["status"], shown(desk)["renewed_by"]) == ("renewed", "T2")
    assert desk.refused("buyer", "/agreements/T1/reopenings", {"reason": "误登记"})["code"] == "move-refused"


def test_a_terminated_renewal_does_not_run_again_into_the_old_one_that_was_prolonged(desk: Desk) -> None:
    desk.signed()
    desk.sign(renewal(desk, "T2"), code="T2")
    desk.at(july(17))
    end(desk, "T2")
    desk.sign(desk.version([{**LINE, "committed_g": 100_000}], ends_on="2025-07-26"))
    before = contents(desk.world.app)
    problem = desk.refused("buyer", "/agreements/T2/reopenings", {"reason": "误登记"})
    assert (problem["code"], "T1 仍在履行，到 2025-07-26 才期满" in problem["detail"]) == ("reopening-barred", True)
    assert contents(desk.world.app) == before
    # Shortened again to the day before, they follow on each other.
    desk.at(july(18))
    desk.sign(desk.version([{**LINE, "committed_g": 100_000}], ends_on="2025-07-24"))
    for side in ("buyer", "firm_staff"):
        desk.post(side, "/agreements/T2/reopenings", {"reason": "误登记"}, 200)
    assert (shown(desk, "T2")["status"], shown(desk)["renewed_by"]) == ("executing", "T2")
    books_hold()


@pytest.mark.parametrize("who", ["buyer", "firm_staff"])
def test_a_renewal_of_what_one_does_not_see_answers_as_of_nothing(desk: Desk, who: str) -> None:
    """A02 is the agreement of the other buyer and firm."""
    before = contents(desk.world.app)
    answers = []
    for code in ("A02", "NIX"):
        body = {**DRAFT, "code": "T9", "renews": code}
        answer = desk.post(who, "/agreements/drafts", body, 404)
        answers.append(
            {
                name: str(value).replace(code, "?")
                for name, value in answer.items()
                if name not in ("instance", "request_id")
            }
        )
    assert answers[0] == answers[1]
    assert contents(desk.world.app) == before


def missed(desk: Desk) -> None:
    """T1: 10 kg on each of ten days; three called, then closed for three days by mistake, and open again."""
    desk.signed()
    assert desk.run(15, 16) == 2
    desk.at(july(17))
    end(desk, "T1")
    desk.at(july(19))
    for actor in ("buyer", "firm_staff"):
        desk.post(actor, "/agreements/T1/reopenings", {"reason": "误登记"}, 200)
    assert due() == days(15, 24, 10_000)


def test_missed_days_bind_no_amendment_and_their_weight_goes_to_days_to_come(desk: Desk) -> None:
    missed(desk)
    desk.sign(desk.version([{**LINE, "committed_g": 45_000}]))
    assert due() == days(15, 16, 10_000) | days(20, 24, 5_000)
    assert shown(desk)["lines"][0]["committed_g"] == 45_000
    [asked] = desk.world.app.test_client().get(
        "/api/v1/agreements/T1/reopenings", headers=desk.world.headers["buyer"]
    ).get_json()["items"]  # fmt: skip
    assert [(one["schedule_day"], one["weight_g"]) for one in asked["missed"]] == [
        (str(july(day)), 10_000) for day in (17, 18, 19)
    ]
    assert desk.run(20) == 1
    books_hold()


def test_by_the_weight_of_each_date_missed_days_are_no_part_of_the_whole(desk: Desk) -> None:
    missed(desk)
    version = desk.version([{**LINE, "per_date_g": 4_000}])
    assert version["terms"]["lines"][0]["committed_g"] == 20_000 + 5 * 4_000
    desk.sign(version)
    assert due() == days(15, 16, 10_000) | days(20, 24, 4_000)
    books_hold()


def test_a_missed_day_that_the_buyer_called_since_stays(desk: Desk) -> None:
    missed(desk)
    desk.call(july(17), 10_000, july(19))
    desk.sign(desk.version([{**LINE, "committed_g": 40_000}]))
    assert due() == days(15, 17, 10_000) | days(20, 24, 2_000)
    books_hold()


def test_days_that_nobody_called_yet_give_way_as_far_as_less_is_promised(desk: Desk) -> None:
    """An outage: on the 18th two days of four were called; the schedule makes up for what is left of the others."""
    desk.signed()
    assert desk.run(15, 16) == 2
    desk.at(july(18))
    first = desk.version([{**LINE, "committed_g": 100_000}], tolerance_bp=100)
    desk.sign(first)
    paper = plan(2)
    problem = desk.refused("buyer", "/agreements/T1/versions", {**TERMS, "lines": [{**LINE, "committed_g": 19_999}]})
    assert (problem["code"], "20 公斤" in problem["detail"]) == ("amendment-refused", True)
    desk.sign(desk.version([{**LINE, "committed_g": 33_000}]))
    assert due() == days(15, 17, 10_000) | {18: 3_000}
    assert plan(2) == paper  # what was signed before says what it said
    assert desk.run(18) == 2
    assert status().value == "executing"
    books_hold()
