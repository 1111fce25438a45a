"""A joining or a departure keyed wrong: put right while nothing was built on it, openly, without loss of an account."""

from collections.abc import Callable
from datetime import date
from io import BytesIO
from threading import Thread
from typing import Any

import pytest
from flask import Flask

from shop.income.models import SurplusPlan
from shop.income.surplus import book_approved, drifted, hold_members, locked_plan
from shop.kit.clock import WalkingClock
from shop.kit.db import transaction
from tests.factories.office import Office, good_books, scalars

JULY = date(2026, 7, 25)
TERMS = {
    "firm": "F01", "surplus_fen": 1_000_000, "prior_loss_fen": 0, "reserve_bp": 2_000, "return_bp": 7_000,
    "share_value_fen": 1_000,
}  # fmt: skip


@pytest.fixture
def office(county: Flask, clock: WalkingClock) -> Any:
    with good_books(county, clock, JULY) as office:
        yield office


def a_member() -> tuple[str, int]:
    """A member of F01 that was there before any record, and its capital shares."""
    code, units = scalars(
        "SELECT households.code, share_units FROM memberships JOIN households ON households.id = household_id"
        " JOIN firms ON firms.id = firm_id WHERE firms.code = 'F01' AND share_units > 0 ORDER BY 1 LIMIT 1"
    )[0]
    return code, units


def a_stranger() -> str:
    """A household that was never of F01."""
    return str(
        scalars(
            "SELECT min(code) FROM households WHERE NOT EXISTS (SELECT FROM memberships JOIN firms ON firms.id ="
            " firm_id WHERE household_id = households.id AND firms.code = 'F01')"
        )[0][0]
    )


def at_firm(office: Office, household: str, move: str, status: int = 200, **body: Any) -> Any:
    return office.post(f"/households/{household}/{move}", {"firm": "F01"} | body, status=status)


def left(office: Office, household: str, day: str) -> None:
    at_firm(office, household, "departures", 201, left_on=day, reason="户号录错")


def joined(office: Office, household: str, day: str, units: int) -> None:
    at_firm(office, household, "memberships", 201, joined_on=day, share_units=units)


def slip(office: Office, household: str, day: str, code: str, status: int = 201) -> Any:
    body = {"code": code, "household": household, "sku": "PL001", "delivered_on": day, "weight_g": 100_000,
            "grade": "一级", "price_fen_per_kg": 500}  # fmt: skip
    return office.post("/deliveries", body, office.firms["F01"], status)


def voided(office: Office, code: str) -> None:
    body = {"weight_g": 0, "price_fen_per_kg": 500, "reason": "重复"}
    office.post(f"/deliveries/{code}/corrections", body, office.firms["F01"])


def plan(office: Office, year: int, **terms: int) -> str:
    """The code of a plan that is laid open."""
    made = office.post("/surplus-plans", TERMS | {"year": year} | terms, office.firms["F01"])["code"]
    office.post(f"/surplus-plans/{made}/laying-open", {}, office.firms["F01"], 200)
    return str(made)


def book(office: Office, code: str, met_on: date) -> None:
    office.go(met_on)
    body = {"met_on": str(met_on), "minutes": "纪要（示例）"}
    office.post(f"/surplus-plans/{code}/approval", body, office.firms["F01"], 200)
    office.post(f"/surplus-plans/{code}/booking", {}, office.firms["F01"])


def account(office: Office, code: str, household: str) -> int:
    parts = office.get(f"/surplus-plans/{code}", office.firms["F01"])["parts"]
    return int(next(part["account_fen"] for part in parts if part["household"] == household))


def sent(office: Office, sheet: str) -> str:
    """What a file of slips is told."""
    answer = office.app.test_client().post(
        "/api/v1/delivery-batches?firm=F01&dry_run=true",
        data={"slips": (BytesIO(sheet.encode()), "slips.csv")},
        headers=office.firms["F01"] | {"Idempotency-Key": "sheet"},
    )
    return answer.get_data().decode()


def relation(office: Office, household: str) -> Any:
    """What the co-operative reads of a household of its own."""
    [seen] = office.get(f"/households/{household}", office.firms["F01"])["memberships"]
    return seen["share_units"], seen["joined_on"], seen["left_on"], seen["left"]


def events(household: str) -> list[tuple[str, Any]]:
    return [
        tuple(row)
        for row in scalars(
            "SELECT event, reason FROM history JOIN households ON entity_type = 'households' AND entity_id ="
            " households.id WHERE code = :code ORDER BY history.id",
            code=household,
        )
    ]


def kept(household: str) -> list[Any]:
    return scalars(
        "SELECT share_units, joined_on, left_on, returned_units FROM memberships JOIN households ON households.id ="
        " household_id LEFT JOIN membership_spells USING (household_id, firm_id) WHERE code = :code"
        " AND firm_id = (SELECT id FROM firms WHERE code = 'F01') AND void IS NOT TRUE ORDER BY membership_spells.id",
        code=household,
    )


@pytest.mark.parametrize("back", [False, True])
def test_a_departure_that_never_was_costs_nobody_his_capital_account(office: Office, back: bool) -> None:
    household, units = a_member()
    slip(office, household, "2026-07-10", "D98001")
    office.go(date(2027, 1, 10))
    book(office, plan(office, 2026), date(2027, 1, 25))
    office.go(date(2027, 7, 20))
    left(office, household, "2027-03-01")
    assert relation(office, household) == (0, None, "2027-03-01", True)
    if back:  # he came back, and delivered, before anybody saw it
        joined(office, household, "2027-07-01", units)
        slip(office, household, "2027-07-02", "D98002")
    told = at_firm(office, household, "departure-voids", reason="户号录错")
    assert (told["share_units"], told["left_on"], told["returned_units"]) == (units, None, 0)
    assert relation(office, household) == (units, None, None, False)
    assert [event for event, _ in events(household)] == ["leave", *(["join"] if back else []), "void_leave"]
    assert events(household)[-1] == ("void_leave", "户号录错")
    slip(office, household, "2027-07-03", "D98003")
    office.go(date(2028, 1, 10))
    assert account(office, plan(office, 2027), household) == units * 1_000 + 200_000


def test_a_void_is_of_what_was_recorded_last(office: Office) -> None:
    household, units = a_member()
    assert at_firm(office, household, "departure-voids", 409, reason="无")["type"].endswith("no-departure")
    assert at_firm(office, household, "membership-voids", 409, reason="无")["type"].endswith("no-joining")
    left(office, household, "2026-07-10")
    refused = at_firm(office, household, "membership-corrections", 409, share_units=1, reason="更正")
    assert refused["detail"] == f"{household} 已于 2026-07-10 退出 F01：请先作废退出，再作废或更正加入。"
    joined(office, household, "2026-07-15", 3)
    at_firm(office, household, "membership-voids", reason="没有回来")
    assert [tuple(row) for row in kept(household)] == [(0, None, date(2026, 7, 10), units)]
    at_firm(office, household, "departure-voids", reason="户号录错")
    assert [tuple(row) for row in kept(household)] == [(units, None, None, 0)]
    assert at_firm(office, household, "departure-voids", 409, reason="无")["type"].endswith("no-departure")


def test_a_joining_says_its_right_day_and_shares(office: Office) -> None:
    household = a_stranger()
    assert at_firm(office, household, "membership-corrections", 409, share_units=1, reason="更正")["type"].endswith(
        "household-not-of-firm"
    )
    joined(office, household, "2026-07-20", 500)
    slip(office, household, "2026-07-21", "D98001")
    slip(office, household, "2026-07-10", "D98002", 409)
    told = at_firm(office, household, "membership-corrections", joined_on="2026-07-01", share_units=5, reason="录错")
    assert (told["joined_on"], told["share_units"], told["left_on"]) == ("2026-07-01", 5, None)
    assert relation(office, household) == (5, "2026-07-01", None, False)
    slip(office, household, "2026-07-10", "D98002")
    same = at_firm(office, household, "membership-corrections", 422, share_units=5, reason="录错")
    assert same["type"].endswith("joining-stands")
    for day in ("2026-07-26", "2030-01-01"):
        at_firm(office, household, "membership-corrections", 422, joined_on=day, reason="还没有到")
    assert events(household) == [("join", None), ("correct_join", "录错")]


def test_who_came_back_did_so_after_he_left(office: Office) -> None:
    household, _ = a_member()
    left(office, household, "2026-07-10")
    joined(office, household, "2026-07-15", 3)
    refused = at_firm(office, household, "membership-corrections", 422, joined_on="2026-07-10", reason="更正")
    assert (refused["type"].rpartition("#")[2], refused["earliest"]) == ("membership-day-impossible", "2026-07-10")
    at_firm(office, household, "membership-corrections", joined_on="2026-07-11", reason="更正")


def test_slips_that_would_be_of_no_membership_are_named_and_void_first(office: Office) -> None:
    household = a_stranger()
    joined(office, household, "2026-07-01", 5)
    for day, code in (("2026-07-02", "D98001"), ("2026-07-03", "D98002"), ("2026-07-20", "D98003")):
        slip(office, household, day, code)
    before = kept(household)
    late = at_firm(office, household, "membership-corrections", 409, joined_on="2026-07-10", reason="录错")
    assert (late["type"].rpartition("#")[2], late["papers"]) == ("membership-in-use", ["D98001", "D98002"])
    assert "2 份有效单据将不在社员或订单关系之内：D98001、D98002；" in late["detail"]
    assert at_firm(office, household, "membership-voids", 409, reason="录错")["count"] == 3
    assert (kept(household), events(household)) == (before, [("join", None)])
    voided(office, "D98001")
    voided(office, "D98002")
    at_firm(office, household, "membership-corrections", joined_on="2026-07-10", reason="录错")
    voided(office, "D98003")
    told = at_firm(office, household, "membership-voids", reason="户号录错")
    assert (told["relation"], told["share_units"], told["joined_on"]) == (None, 0, None)
    assert kept(household) == []
    assert scalars("SELECT joined_on, left_on FROM membership_spells WHERE void") == [(date(2026, 7, 10), None)]
    office.get(f"/households/{household}", office.firms["F01"], 404)
    slip(office, household, "2026-07-20", "D98004", 409)
    sheet = "单号,日期,农户,商品,毛重kg,扣重kg,等级,基价分每kg,签字人\n"
    sheet += f"D98004,2026-07-20,{household},PL001,100,0,一级,500,户主\n"
    assert "当日与该企业没有社员或订单关系" in sent(office, sheet)
    assert at_firm(office, household, "departures", 409, left_on="2026-07-20", reason="迁居")["type"].endswith(
        "household-not-of-firm"
    )
    joined(office, household, "2026-07-01", 2)
    assert relation(office, household) == (2, "2026-07-01", None, False)
    slip(office, household, "2026-07-20", "D98004")


def test_a_household_that_was_never_of_a_firm_has_no_wage_and_no_contract_of_it(office: Office) -> None:
    household = a_stranger()
    joined(office, household, "2026-07-01", 5)
    wage = {"code": "W98001", "household": household, "firm": "F01", "kind": "wage", "paid_on": "2026-07-05",
            "amount_fen": 10_000}  # fmt: skip
    office.post("/household-payments", wage, office.firms["F01"])
    contract = {
        "code": "BD-901", "firm": "F01", "guaranteed_fen_per_mu": 90_000, "second_bp": 0, "from_year": 2026,
        "to_year": 2027, "signed_on": "2026-07-05", "document": "合同",
        "lands": [{"household": household, "mu_tenths": 1}],
    }  # fmt: skip
    office.post("/guarantees", contract, office.firms["F01"])
    assert at_firm(office, household, "membership-voids", 409, reason="录错")["papers"] == ["W98001", "BD-901"]
    office.post("/household-payments/W98001/corrections", {"amount_fen": 0, "reason": "录错"}, office.firms["F01"])
    office.post("/guarantees/BD-901/voiding", {"reason": "录错"}, office.firms["F01"], 200)
    assert at_firm(office, household, "membership-voids", reason="录错")["relation"] is None


def test_what_a_plan_counted_is_put_right_after_the_plan_is_withdrawn(office: Office) -> None:
    household = a_stranger()
    joined(office, household, "2026-07-01", 500)
    slip(office, household, "2026-07-02", "D98001")
    member, _ = a_member()
    left(office, member, "2026-07-20")
    office.go(date(2027, 1, 10))
    code = plan(office, 2026)
    for who, move, body in (
        (household, "membership-corrections", {"share_units": 5}), (member, "departure-voids", {}),
    ):  # fmt: skip
        before = kept(who)
        refused = at_firm(office, who, move, 409, reason="录错", **body)
        assert (refused["type"].rpartition("#")[2], refused["plans"]) == ("membership-counted", [code])
        assert f"盈余分配方案 {code} 已按 {who} 现在的社员关系计算" in refused["detail"]
        assert kept(who) == before
    # The day moves within the year: the same members, the same accounts.
    at_firm(office, household, "membership-corrections", joined_on="2026-06-01", reason="录错")
    office.post(f"/surplus-plans/{code}/withdrawal", {"reason": "社员录错"}, office.firms["F01"], 200)
    at_firm(office, household, "membership-corrections", share_units=5, reason="录错")
    at_firm(office, member, "departure-voids", reason="录错")
    assert account(office, plan(office, 2026), household) == 5_000


def test_a_departure_recorded_after_a_plan_was_laid_open_is_void_and_the_plan_holds_again(office: Office) -> None:
    household, units = a_member()
    slip(office, household, "2026-07-02", "D98001")
    office.go(date(2027, 1, 10))
    code = plan(office, 2026)
    left(office, household, "2026-12-01")
    assert at_firm(office, household, "departure-voids", reason="户号录错")["share_units"] == units
    assert account(office, code, household) == units * 1_000


@pytest.mark.parametrize("approved", [False, True])
def test_who_left_before_the_years_end_takes_no_account_from_a_plan_that_was_laid_open_before(
    office: Office, approved: bool
) -> None:
    household, _ = a_member()
    slip(office, household, "2026-07-02", "D98001")
    office.go(date(2027, 1, 10))
    code = plan(office, 2026)
    office.go(date(2027, 1, 25))
    meeting = {"met_on": "2027-01-25", "minutes": "纪要（示例）"}
    if approved:
        office.post(f"/surplus-plans/{code}/approval", meeting, office.firms["F01"], 200)
    left(office, household, "2026-12-01")
    move, body = ("booking", {}) if approved else ("approval", meeting)
    refused = office.post(f"/surplus-plans/{code}/{move}", body, office.firms["F01"], 409)
    assert (refused["type"].rpartition("#")[2], refused["households"]) == ("surplus-plan-outdated", [household])
    assert f"{household} 等 1 户的社员关系或成员账户有变动：请撤回方案，重新拟定" in refused["detail"]
    assert office.get(f"/surplus-plans/{code}")["status"] == ("approved" if approved else "open")
    assert scalars("SELECT FROM income_entries WHERE source_type = 'surplus_shares' AND month > '2026-12-01'") == []
    office.post(f"/surplus-plans/{code}/withdrawal", {"reason": "社员已退出"}, office.firms["F01"], 200)
    again = plan(office, 2026)
    assert account(office, again, household) == 0
    book(office, again, date(2027, 2, 9))


def test_who_left_with_an_empty_account_is_told_by_the_reserve_and_who_joined_late_in_the_records_by_name(
    office: Office,
) -> None:
    household, newcomer = a_member()[0], a_stranger()
    slip(office, household, "2026-07-02", "D98001")
    at_firm(office, household, "membership-corrections", share_units=0, reason="股金已退")
    office.go(date(2027, 1, 10))
    code = plan(office, 2026)
    assert account(office, code, household) == 0
    office.go(date(2027, 1, 25))

    def outdated() -> Any:
        meeting = {"met_on": "2027-01-25", "minutes": "纪要（示例）"}
        return office.post(f"/surplus-plans/{code}/approval", meeting, office.firms["F01"], 409)["households"]

    left(office, household, "2026-12-01")
    assert household in outdated()
    at_firm(office, household, "departure-voids", reason="录错")
    joined(office, newcomer, "2026-11-01", 5)
    assert outdated() == [newcomer]
    at_firm(office, newcomer, "membership-voids", reason="录错")
    # A slip corrected since, and who leaves after the year's end, change nothing of what was laid open.
    voided(office, "D98001")
    left(office, household, "2027-01-20")
    book(office, code, date(2027, 1, 25))


def while_the_plan_is_booked(
    office: Office, hold: Callable[[Any, SurplusPlan], object], moves: Callable[[], object]
) -> list[str]:
    """What comes of a move that is recorded after the plan was looked at and before it is committed."""
    slip(office, a_member()[0], "2026-07-02", "D98001")
    office.go(date(2027, 1, 10))
    code = plan(office, 2026)
    outcome: list[str] = []

    def move_now() -> None:
        with office.app.app_context():
            moves()
            outcome.append("moved")

    second = Thread(target=move_now)
    with transaction() as session:
        hold(session, locked_plan(session, code))
        second.start()
        second.join(0.7)
        outcome.append("decided")
    second.join()
    return outcome


def leaves(office: Office) -> None:
    left(office, a_member()[0], "2026-12-01")


def joins(office: Office) -> None:
    """A household that was never of the firm: there is no row of it that a plan could hold."""
    joined(office, a_stranger(), "2026-12-01", 5)


@pytest.mark.parametrize("moves", [leaves, joins])
def test_nobody_leaves_or_joins_between_the_look_at_the_members_and_the_decision(
    office: Office, moves: Callable[[Office], None]
) -> None:
    assert while_the_plan_is_booked(office, hold_members, lambda: moves(office)) == ["decided", "moved"]


@pytest.mark.parametrize("moves", [leaves, joins])
def test_control_without_the_lock_a_member_leaves_or_joins_in_between(
    office: Office, moves: Callable[[Office], None]
) -> None:
    assert while_the_plan_is_booked(office, drifted, lambda: moves(office)) == ["moved", "decided"]


def test_who_joins_for_the_first_time_while_a_plan_is_booked_is_refused(office: Office) -> None:
    slip(office, a_member()[0], "2026-07-02", "D98001")
    office.go(date(2027, 1, 10))
    code = plan(office, 2026)
    office.go(date(2027, 1, 25))
    meeting = {"met_on": "2027-01-25", "minutes": "纪要（示例）"}
    office.post(f"/surplus-plans/{code}/approval", meeting, office.firms["F01"], 200)
    refused: list[str] = []

    def join_now() -> None:
        with office.app.app_context():
            told = at_firm(office, a_stranger(), "memberships", 409, joined_on="2026-12-01", share_units=5)
            refused.extend([told["type"].rpartition("#")[2], *told["plans"]])

    second = Thread(target=join_now)
    with transaction() as session:
        book_approved(session, locked_plan(session, code), actor_id=None, now=office.clock.now())
        second.start()
        second.join(0.7)
    second.join()
    assert refused == ["membership-counted", code]


def test_shares_that_a_booked_plan_counted_are_corrected_after_it_was_reversed(office: Office) -> None:
    household = a_stranger()
    joined(office, household, "2026-07-01", 500)
    slip(office, household, "2026-07-02", "D98001")
    office.go(date(2027, 1, 10))
    code = plan(office, 2026)
    book(office, code, date(2027, 1, 25))
    correct = {"share_units": 5, "reason": "多写两个零"}
    assert at_firm(office, household, "membership-corrections", 409, **correct)["plans"] == [code]
    office.post(f"/surplus-plans/{code}/reversal", {"reason": "股份录错"}, office.firms["F01"])
    at_firm(office, household, "membership-corrections", **correct)
    assert account(office, plan(office, 2026), household) == 5_000


def test_nobody_leaves_or_joins_in_a_year_that_was_shared_otherwise_before_its_plan_is_reversed(
    office: Office,
) -> None:
    household, units = a_member()
    stranger = a_stranger()
    slip(office, household, "2026-07-10", "D98001")
    office.go(date(2027, 1, 10))
    code = plan(office, 2026)
    book(office, code, date(2027, 1, 25))
    before = kept(household), events(household)
    told = at_firm(office, household, "departures", 409, left_on="2026-12-30", reason="迁居外地")
    assert told["type"].endswith("membership-counted")
    assert (told["household"], told["plans"]) == (household, [code])
    assert code in told["detail"]
    assert (kept(household), events(household)) == before
    told = at_firm(office, stranger, "memberships", 409, joined_on="2026-12-31", share_units=5)
    assert told["type"].endswith("membership-counted")
    assert kept(stranger) == []
    # The last day of the year was counted as it is, and a later departure too.
    at_firm(office, stranger, "memberships", 201, joined_on="2027-01-01", share_units=5)
    left(office, household, "2026-12-31")
    at_firm(office, household, "departure-voids", 200, reason="户号录错")
    # The way out is the reversal; the year is shared anew after it.
    office.post(f"/surplus-plans/{code}/reversal", {"reason": "少算一户退社"})
    left(office, household, "2026-12-30")
    assert kept(household)[-1].returned_units == units
    anew = plan(office, 2026)
    assert account(office, anew, household) == 0


def test_a_departure_under_a_plan_that_is_not_booked_is_recorded_and_the_plan_drawn_up_anew(office: Office) -> None:
    household, _ = a_member()
    slip(office, household, "2026-07-10", "D98001")
    office.go(date(2027, 1, 10))
    code = plan(office, 2026)
    left(office, household, "2026-12-30")
    office.go(date(2027, 1, 25))
    body = {"met_on": "2027-01-25", "minutes": "纪要（示例）"}
    told = office.post(f"/surplus-plans/{code}/approval", body, office.firms["F01"], 409)
    assert told["type"].endswith("plan-outdated")


@pytest.mark.parametrize("aid_fen", [0, 240_000])
def test_a_departure_that_never_was_is_void_under_a_plan_that_counted_none(office: Office, aid_fen: int) -> None:
    household, _ = a_member()
    slip(office, household, "2026-07-10", "D98001")
    office.go(date(2027, 1, 10))
    code = plan(office, 2026, aid_fen=aid_fen, reserve_bp=0)
    left(office, household, "2026-12-30")
    at_firm(office, household, "departure-voids", 200, reason="户号录错")
    office.go(date(2027, 1, 25))
    body = {"met_on": "2027-01-25", "minutes": "纪要（示例）"}
    office.post(f"/surplus-plans/{code}/approval", body, office.firms["F01"], 200)


def test_merging_records_after_a_plan_with_state_aid_was_booked_lets_nobody_leave_or_join_in_its_year(
    office: Office,
) -> None:
    household, newcomer = a_member()[0], a_stranger()
    [[first], [second]] = scalars(
        "SELECT households.code FROM memberships JOIN households ON households.id = household_id JOIN firms"
        " ON firms.id = firm_id WHERE firms.code = 'F01' AND households.code > :code ORDER BY 1 LIMIT 2", code=household
    )  # fmt: skip
    slip(office, household, "2026-07-10", "D98001")
    office.go(date(2027, 1, 10))
    code = plan(office, 2026, aid_fen=500_000)
    book(office, code, date(2027, 1, 25))
    # The family takes one part of the aid from now on: no account is any more what the plan counted.
    office.post(f"/households/{second}/merge", {"into": first, "reason": "同一户"}, status=200)
    moves: list[tuple[str, str, dict[str, Any]]] = [
        (household, "departures", {"left_on": "2026-12-30", "reason": "迁居外地"}),
        (newcomer, "memberships", {"joined_on": "2026-12-31", "share_units": 5}),
        (household, "membership-corrections", {"share_units": 999, "reason": "股份录错"}),
    ]
    for who, move, body in moves:
        assert at_firm(office, who, move, 409, **body)["plans"] == [code]
    at_firm(office, newcomer, "memberships", 201, joined_on="2027-01-01", share_units=5)
    left(office, household, "2026-12-31")
