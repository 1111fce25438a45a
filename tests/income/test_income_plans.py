"""Sharing a surplus as the law wants it, over HTTP: drafted, laid open, objected to, approved, booked."""

from datetime import date
from threading import Thread
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from shop.catalog.actions import firm_by_code
from shop.income.actions import book_pending
from shop.income.surplus import Member, Pools, Terms, draft_plan, parts
from shop.kit.clock import WalkingClock
from shop.kit.db import transaction
from shop.kit.errors import DomainError
from shop.kit.money import split, yuan
from tests.factories.office import Office, good_books, scalars

JULY, JANUARY = date(2026, 7, 15), date(2027, 1, 10)
TERMS = {
    "firm": "F01", "year": 2026, "surplus_fen": 40_000_001, "prior_loss_fen": 1, "reserve_bp": 1_000,
    "return_bp": 7_000, "share_value_fen": 100_000, "aid_fen": 0,
}  # fmt: skip


@pytest.fixture
def office(county: Flask, clock: WalkingClock) -> Any:
    with good_books(county, clock, JULY) as office:
        yield office


def members() -> list[Any]:
    """(code, capital shares) of the members of F01, by code."""
    return scalars(
        "SELECT households.code, share_units FROM memberships JOIN households ON households.id = household_id"
        " JOIN firms ON firms.id = firm_id WHERE firms.code = 'F01' AND relation = 'member' ORDER BY households.code"
    )


def delivered(office: Office) -> dict[str, int]:
    """Two members deliver in July 2026, one slip is voided later; fen by household."""
    ours = office.firms["F01"]
    fen = {}
    for n, (code, _) in enumerate(members()[:2], 1):
        slip = office.post(
            "/deliveries",
            {"code": f"D9000{n}", "household": code, "sku": "PL001", "delivered_on": "2026-07-15",
             "weight_g": 100_000 * n, "grade": "一级", "price_fen_per_kg": 500},
            ours,
        )  # fmt: skip
        fen[code] = slip["amount_fen"]
    lost = office.post(
        "/deliveries",
        {"code": "D90009", "household": members()[0][0], "sku": "PL001", "delivered_on": "2026-07-15",
         "weight_g": 77_000, "grade": "一级", "price_fen_per_kg": 500},
        ours,
    )  # fmt: skip
    office.post(
        f"/deliveries/{lost['code']}/corrections", {"weight_g": 0, "price_fen_per_kg": 500, "reason": "重复"}, ours
    )
    return fen


def drafted(office: Office, **other: Any) -> dict[str, Any]:
    made: dict[str, Any] = office.post("/surplus-plans", TERMS | other, office.firms["F01"])
    return made


def moved(office: Office, code: str, move: str, status: int = 200, **body: Any) -> Any:
    return office.post(f"/surplus-plans/{code}/{move}", body or None, office.firms["F01"], status)


def laid_open(office: Office) -> str:
    """The code of a plan that was laid open on 10 January 2027, of a year in which members delivered."""
    if not scalars("SELECT FROM deliveries WHERE delivered_on = '2026-07-15'"):
        delivered(office)
    office.go(JANUARY)
    code = str(drafted(office)["code"])
    moved(office, code, "laying-open")
    return code


def income_of(code: str) -> dict[str, int]:
    """Fen by kind of income of January 2027 and later."""
    return {
        kind: int(fen)
        for kind, fen in scalars(
            "SELECT kind, sum(amount_fen) FROM income_entries JOIN households ON households.id = household_id"
            " WHERE households.code = :code AND month >= '2027-01-01' GROUP BY kind",
            code=code,
        )
    }


def test_from_deliveries_to_the_statement_every_fen_of_a_surplus_finds_its_member(office: Office) -> None:
    traded = delivered(office)
    code = laid_open(office)
    told = office.get(f"/surplus-plans/{code}", office.firms["F01"])
    assert (told["reserve_fen"], told["distributable_fen"]) == (4_000_000, 36_000_000)
    assert (told["patronage_fen"], told["dividend_fen"]) == (25_200_000, 10_800_000)
    shares = dict(members())
    by_trade = [traded.get(member, 0) for member in sorted(shares)]
    by_account = [shares[member] * 100_000 for member in sorted(shares)]
    assert [part["household"] for part in told["parts"]] == sorted(shares)
    assert [part["patronage_fen"] for part in told["parts"]] == split(25_200_000, by_trade)
    assert [part["dividend_fen"] for part in told["parts"]] == split(10_800_000, by_account)
    assert [part["reserve_credit_fen"] for part in told["parts"]] == split(4_000_000, by_trade)
    assert [part["account_fen"] for part in told["parts"]] == by_account

    office.go(date(2027, 1, 25))
    moved(office, code, "approval", met_on="2027-01-25", minutes="纪要 1 号（示例）")
    booked = moved(office, code, "booking", 201)
    assert (booked["status"], booked["booked_on"]) == ("booked", "2027-01-25")
    for part in told["parts"]:
        expected = {"patronage": part["patronage_fen"], "dividend": part["dividend_fen"]}
        assert income_of(part["household"]) == {kind: fen for kind, fen in expected.items() if fen}
    first = told["parts"][0]
    statement = office.get(f"/households/{first['household']}/statement?month=2027-01")
    assert statement["received_fen"] == first["patronage_fen"] + first["dividend_fen"]


def test_the_reserve_of_one_year_moves_the_capital_accounts_of_the_next_and_aid_is_equal(office: Office) -> None:
    delivered(office)
    code = laid_open(office)
    credits = {
        part["household"]: part["reserve_credit_fen"]
        for part in office.get(f"/surplus-plans/{code}", office.firms["F01"])["parts"]
    }
    office.go(date(2027, 1, 25))
    moved(office, code, "approval", met_on="2027-01-25", minutes="纪要（示例）")
    moved(office, code, "booking", 201)
    office.go(date(2027, 7, 15))
    slip = {"code": "D90011", "household": members()[0][0], "sku": "PL001", "delivered_on": "2027-07-15",
            "weight_g": 1_000, "grade": "一级", "price_fen_per_kg": 500}  # fmt: skip
    office.post("/deliveries", slip, office.firms["F01"])
    office.go(date(2028, 1, 10))
    shares = members()
    following = drafted(office, year=2027, aid_fen=len(shares) * 70)["code"]
    told = moved(office, following, "laying-open")
    assert {part["household"]: part["account_fen"] for part in told["parts"]} == {
        member: units * 100_000 + credits[member] + 70 for member, units in shares
    }


def accounts(office: Office, code: str) -> dict[str, int]:
    return {part["household"]: part["account_fen"] for part in moved(office, code, "laying-open")["parts"]}


def test_a_plan_of_a_year_without_slips_is_not_laid_open(office: Office) -> None:
    office.go(JANUARY)
    code = drafted(office)["code"]
    refused = moved(office, code, "laying-open", 409)
    assert (refused["type"].rpartition("#")[2], refused["year"]) == ("no-transactions", 2026)
    assert scalars("SELECT status, laid_open_on FROM surplus_plans WHERE year = 2026") == [("draft", None)]


def test_accounts_are_those_of_the_last_day_of_the_year(office: Office) -> None:
    delivered(office)
    (gone, left_units), (back, units) = members()[-2:]
    for household, day in ((gone, "2026-07-15"), (back, "2026-07-10")):
        office.post(f"/households/{household}/departures", {"firm": "F01", "left_on": day, "reason": "迁居"})
    office.post(f"/households/{back}/memberships", {"firm": "F01", "joined_on": "2026-07-12", "share_units": 10})
    office.go(date(2027, 1, 5))
    office.post(f"/households/{back}/departures", {"firm": "F01", "left_on": "2027-01-04", "reason": "迁居"})
    office.post(f"/households/{back}/memberships", {"firm": "F01", "joined_on": "2027-01-05", "share_units": 3})
    office.go(JANUARY)
    then = accounts(office, drafted(office, aid_fen=(len(members()) - 1) * 70)["code"])
    assert (then[gone], then[back]) == (0, 10 * 100_000 + 70)
    with transaction() as session:  # slips of a year before they left
        session.execute(
            text("INSERT INTO deliveries (code, household_id, firm_id, product_id, delivered_on, deduction_g, weight_g,"
                 " grade, price_fen_per_kg, amount_fen, recorded_at) SELECT 'D90024', household_id, firm_id,"
                 " product_id, '2024-07-15', 0, weight_g, grade, price_fen_per_kg, amount_fen, recorded_at"
                 " FROM deliveries WHERE code = 'D90001'")
        )  # fmt: skip
        book_pending(session, now=office.clock.now())
    before = accounts(office, drafted(office, year=2024)["code"])
    assert (before[gone], before[back]) == (left_units * 100_000, units * 100_000)


def test_a_family_takes_one_part_of_the_aid_and_a_surplus_that_is_all_reserve_is_credited(office: Office) -> None:
    delivered(office)
    head, other = members()[1][0], members()[0][0]
    office.post(f"/households/{other}/merge", {"into": head, "reason": "同一户"}, status=200)
    office.go(JANUARY)
    code = drafted(office, reserve_bp=10_000, aid_fen=(len(members()) - 1) * 70)["code"]
    parts = {part["household"]: part for part in moved(office, code, "laying-open")["parts"]}
    shares = dict(members())
    assert parts[head]["account_fen"] == shares[head] * 100_000 + 70
    assert parts[other]["account_fen"] == shares[other] * 100_000
    assert sum(part["reserve_credit_fen"] for part in parts.values()) == 40_000_000
    assert {part["patronage_fen"] + part["dividend_fen"] for part in parts.values()} == {0}


def test_a_plan_below_the_legal_floor_is_refused_and_nothing_is_kept_of_it(office: Office) -> None:
    office.go(JANUARY)
    refused = office.post("/surplus-plans", TERMS | {"return_bp": 5_999}, office.firms["F01"], 422)
    assert refused["type"].endswith("surplus-below-floor")
    assert scalars("SELECT count(*) FROM surplus_plans WHERE year = 2026")[0][0] == 0
    assert drafted(office, return_bp=6_000)["status"] == "draft"


@pytest.mark.parametrize(
    ("other", "why"),
    [({"year": 2027}, "year-not-over"), ({"year": 2025}, "surplus-plan-exists")],
)
def test_a_year_that_runs_and_a_year_that_was_shared_take_no_plan(
    office: Office, other: dict[str, Any], why: str
) -> None:
    office.go(JANUARY)
    assert office.post("/surplus-plans", TERMS | other, office.firms["F01"], 409)["type"].endswith(why)


def test_the_meeting_decides_after_fifteen_days_and_not_on_the_fourteenth(office: Office) -> None:
    code = laid_open(office)
    office.go(date(2027, 1, 26))
    body = {"minutes": "纪要（示例）"}
    early = moved(office, code, "approval", 409, met_on="2027-01-24", **body)
    assert (early["type"].rpartition("#")[2], early["earliest"]) == ("too-early-to-approve", "2027-01-25")
    assert moved(office, code, "approval", 409, met_on="2027-01-27", **body)["today"] == "2027-01-26"
    assert moved(office, code, "booking", 409)["type"].endswith("move-refused")
    assert office.get(f"/surplus-plans/{code}")["status"] == "open"
    assert moved(office, code, "approval", met_on="2027-01-25", **body)["status"] == "approved"


def test_objections_are_recorded_and_answered_before_the_meeting_decides(office: Office) -> None:
    code = laid_open(office)
    member, other = (row[0] for row in members()[:2])
    own = office.household(member)
    said = office.post(f"/surplus-plans/{code}/objections", {"household": member, "words": "少记一次"}, own)
    assert [(row["household"], row["words"], row["answer"]) for row in said["objections"]] == [
        (member, "少记一次", None)
    ]
    assert {part["household"] for part in said["parts"]} == {member}
    office.post(f"/surplus-plans/{code}/objections", {"household": other, "words": "不是我的"}, own, 404)
    office.post(f"/surplus-plans/{code}/objections", {"household": other, "words": "代社员口述"}, office.firms["F01"])
    office.go(date(2027, 1, 25))
    refused = moved(office, code, "approval", 409, met_on="2027-01-25", minutes="纪要（示例）")
    assert (refused["type"].rpartition("#")[2], refused["positions"]) == ("objections-unanswered", [1, 2])
    assert refused["detail"] == f"方案 {code} 还有未答复的异议：1、2。"
    for position in (1, 2):
        moved(office, code, "answers", 201, position=position, words="已核对")
    assert moved(office, code, "answers", 409, position=1, words="改口")["type"].endswith("objection-answered")
    assert moved(office, code, "answers", 404, position=3, words="没有这条")["type"].endswith("not-found")
    told = moved(office, code, "approval", met_on="2027-01-25", minutes="纪要（示例）")
    assert [row["answer"] for row in told["objections"]] == ["已核对", "已核对"]
    late = office.post(
        f"/surplus-plans/{code}/objections", {"household": member, "words": "迟了"}, office.household(member), 409
    )
    assert late["type"].endswith("plan-not-laid-open")


def test_a_meeting_decides_on_what_was_answered_by_its_day(office: Office) -> None:
    code = laid_open(office)
    member = members()[0][0]
    body = {"household": member, "words": "少记一次"}
    office.post(f"/surplus-plans/{code}/objections", body, office.household(member))
    office.go(date(2027, 1, 25))
    moved(office, code, "answers", 201, position=1, words="已核对")
    office.go(date(2027, 1, 28))
    office.post(f"/surplus-plans/{code}/objections", body, office.household(member))
    moved(office, code, "answers", 201, position=2, words="已核对")
    refused = moved(office, code, "approval", 409, met_on="2027-01-25", minutes="纪要（示例）")
    assert (refused["type"].rpartition("#")[2], refused["positions"]) == ("answered-after-meeting", [2])
    assert (refused["earliest"], office.get(f"/surplus-plans/{code}")["status"]) == ("2027-01-28", "open")
    assert moved(office, code, "approval", met_on="2027-01-28", minutes="纪要（示例）")["status"] == "approved"


def test_a_member_reads_and_objects_on_its_phone(office: Office) -> None:
    code = laid_open(office)
    own, phone = office.household(members()[0][0]), office.app.test_client()

    def sign_in() -> None:
        phone.set_cookie("signed_in", office.household(members()[0][0])["Authorization"].removeprefix("Bearer "))

    sign_in()
    part = office.get(f"/surplus-plans/{code}", own)["parts"][0]
    page = phone.get("/my/surplus").text
    for words in ("2026 年 · 公示中", "2027-01-10 起公示，2027-01-25 起可开社员大会", "公积金（10.00%）",
                  yuan(part["patronage_fen"] + part["dividend_fen"])):  # fmt: skip
        assert words in page
    address = f"/my/surplus/{code}/objections"
    assert phone.post(address, data={"words": "少记"}, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    empty = phone.post(address, data={"words": " "})
    assert (empty.status_code, "请写明异议" in empty.text) == (422, True)
    assert phone.post("/my/surplus/F02-2026-1/objections", data={"words": "少记"}).status_code == 404
    assert scalars("SELECT count(*) FROM surplus_objections") == [(0,)]
    sent = phone.post(address, data={"words": "<b>少记一次</b>"})
    assert (sent.status_code, sent.headers["Location"]) == (303, "/my/surplus")
    moved(office, code, "answers", 201, position=1, words="已核对")
    page = phone.get("/my/surplus").text
    assert ["&lt;b&gt;少记一次" in page, "<b>少记" in page, "答复：已核对" in page] == [True, False, True]
    office.go(date(2027, 1, 25))
    moved(office, code, "approval", met_on="2027-01-25", minutes="纪要（示例）")
    sign_in()
    late = phone.post(address, data={"words": "迟了"})
    assert (late.status_code, "提出异议</button>" in late.text, "社员大会已通过" in late.text) == (409, False, True)


def test_who_is_no_member_shares_nothing_objects_to_nothing_and_sees_no_draft(office: Office) -> None:
    stranger = scalars(
        "SELECT households.code FROM memberships JOIN households ON households.id = household_id"
        " JOIN firms ON firms.id = firm_id WHERE firms.code = 'F02' ORDER BY 1 LIMIT 1"
    )[0][0]
    delivered(office)
    office.go(JANUARY)
    code = drafted(office)["code"]
    member = office.household(members()[0][0])
    office.get(f"/surplus-plans/{code}", member, 404)
    assert code not in {row["code"] for row in office.get("/surplus-plans?year=2026", member)["items"]}
    moved(office, code, "laying-open")
    assert office.get(f"/surplus-plans/{code}", member)["status"] == "open"
    office.get(f"/surplus-plans/{code}", office.household(stranger), 404)
    office.get(f"/surplus-plans/{code}", office.firms["F02"], 404)
    body = {"household": stranger, "words": "我不是社员"}
    office.post(f"/surplus-plans/{code}/objections", body, office.firms["F01"], 404)
    grower = {"household": members()[1][0], "words": "我只交售"}
    with transaction() as session:
        session.execute(
            text(
                "UPDATE memberships SET relation = 'contract', share_units = 0 FROM households, firms WHERE"
                " households.id = household_id AND firms.id = firm_id AND firms.code = 'F01' AND households.code = :who"
            ),
            {"who": grower["household"]},
        )
    refused = office.post(f"/surplus-plans/{code}/objections", grower, office.firms["F01"], 409)
    assert refused["type"].endswith("not-a-member")


def test_a_withdrawn_plan_makes_room_for_another_and_a_booked_one_is_never_withdrawn(office: Office) -> None:
    code = laid_open(office)
    standing = office.post("/surplus-plans", TERMS, office.firms["F01"], 409)
    assert (standing["plan"], standing["detail"]) == (code, f"该年度已有方案 {code}，要改动请先撤回。")
    assert moved(office, code, "withdrawal", reason="漏计股金")["status"] == "withdrawn"
    again = drafted(office)["code"]
    assert again == "F01-2026-2"
    moved(office, again, "laying-open")
    office.go(date(2027, 2, 1))
    moved(office, again, "approval", met_on="2027-02-01", minutes="纪要（示例）")
    moved(office, again, "booking", 201)
    assert moved(office, again, "withdrawal", 409, reason="反悔")["type"].endswith("move-refused")
    assert moved(office, again, "booking", 409)["detail"] == "当前是“已分配入账”，不能分配入账。"
    booked = office.post("/surplus-plans", TERMS, office.firms["F01"], 409)
    assert booked["detail"] == f"该年度已有方案 {again}，已分配入账，要另拟请先冲销。"


def booked(office: Office) -> str:
    """The code of a plan that was laid open on 10 January 2027 and booked on the 25th."""
    code = laid_open(office)
    office.go(date(2027, 1, 25))
    moved(office, code, "approval", met_on="2027-01-25", minutes="纪要（示例）")
    moved(office, code, "booking", 201)
    return code


def reserve_fen() -> int:
    """What stands on the reserve account of F01."""
    return int(
        scalars(
            "SELECT coalesce(-sum(amount_fen), 0) FROM postings JOIN accounts ON accounts.id = account_id JOIN firms"
            " USING (party_id) WHERE accounts.kind = 'reserve' AND firms.code = 'F01'"
        )[0][0]
    )


@pytest.mark.parametrize("by", ["firm", "county"])
def test_a_booked_plan_is_reversed_to_the_fen_and_the_year_is_shared_anew(office: Office, by: str) -> None:
    before = reserve_fen()
    code = booked(office)
    part = office.get(f"/surplus-plans/{code}")["parts"][0]
    member, fen = part["household"], part["patronage_fen"] + part["dividend_fen"]
    other, phone = members()[-1][0], office.app.test_client()
    assert reserve_fen() == before + 4_000_000
    again = office.post("/surplus-plans", TERMS, office.firms["F01"], 409)
    assert again["detail"] == f"该年度已有方案 {code}，已分配入账，要另拟请先冲销。"
    who = office.operator if by == "county" else office.firms["F01"]
    told = office.post(f"/surplus-plans/{code}/reversal", {"reason": "盈余多写一个<零>"}, who)
    assert (told["status"], told["reversed_because"], told["booked_on"]) == (
        "reversed", "盈余多写一个<零>", "2027-01-25"
    )  # fmt: skip
    assert (told["parts"][0], reserve_fen()) == (part, before)
    assert (
        scalars(
            "SELECT household_id, kind FROM income_entries WHERE month > '2026-12-01'"
            " AND source_type LIKE 'surplus%' GROUP BY household_id, kind HAVING sum(amount_fen) <> 0 OR count(*) <> 2"
        )
        == []
    )
    assert scalars(
        "SELECT DISTINCT back.kind = first.kind, back.household_id = first.household_id, back.amount_fen ="
        " -first.amount_fen, back.month, back.earned_on FROM income_entries AS back JOIN income_entries AS first"
        " ON first.id = back.corrects_id WHERE back.source_type = 'surplus_reversals'"
    ) == [(True, True, True, date(2027, 1, 1), date(2027, 1, 25))]
    assert scalars(
        "SELECT first.kind FROM journals AS back JOIN journals AS first ON first.id = back.reverses_id"
        " WHERE back.kind = 'reserve_reversal'"
    ) == [("reserve",)]
    statement = office.get(f"/households/{member}/statement?month=2027-01")
    assert statement["received_fen"] == 0
    assert [row["corrected_because"] for row in statement["entries"] if row["amount_fen"] < 0] == [
        "盈余多写一个<零>"
    ] * 2
    why = office.get(f"/reports/income/explain?year=2027&by=household&key={member}&limit=100")
    assert {(row["source"], row["source_code"], row["corrected_because"]) for row in why["items"]} == {
        ("surplus_shares", code, None), ("surplus_reversals", code, "盈余多写一个<零>"),
    }  # fmt: skip
    phone.set_cookie("signed_in", office.household(member)["Authorization"].removeprefix("Bearer "))
    page = phone.get("/my/surplus").text
    own = page[page.index("2026 年") :].split("</section>")[0]
    assert ["已冲销" in own, "盈余多写一个&lt;零&gt;" in own, "您家" in own] == [True, True, False]
    assert moved(office, code, "withdrawal", 409, reason="反悔")["type"].endswith("move-refused")
    assert office.post(f"/surplus-plans/{code}/reversal", {"reason": "再冲"}, who, 409)["detail"] == (
        "当前是“已冲销”，不能冲销。"
    )
    second = drafted(office, surplus_fen=4_000_001)["code"]
    assert second == "F01-2026-2"
    moved(office, second, "laying-open")
    office.go(date(2027, 2, 9))
    moved(office, second, "approval", met_on="2027-02-09", minutes="纪要（示例）")
    shared = next(
        each for each in moved(office, second, "booking", 201)["parts"] if each["household"] == member
    )  # fmt: skip
    assert (reserve_fen(), income_of(member)) == (
        before + 400_000, {"patronage": shared["patronage_fen"], "dividend": shared["dividend_fen"]}
    )  # fmt: skip
    assert 0 < sum(income_of(member).values()) < fen
    assert income_of(other) != {}


def test_a_plan_booked_in_a_closed_month_is_taken_back_in_the_open_one(office: Office) -> None:
    code = booked(office)
    member = members()[0][0]
    office.go(date(2027, 2, 3))
    for year, month in scalars(
        "SELECT DISTINCT extract(year FROM month)::int, extract(month FROM month)::int FROM income_entries"
        " WHERE month < '2027-02-01' ORDER BY 1, 2"
    ):
        office.post("/months", {"month": f"{year}-{month:02}"})
    told = office.get(f"/households/{member}/statement?month=2027-01")
    moved(office, code, "reversal", 201, reason="盈余算错")
    assert office.get(f"/households/{member}/statement?month=2027-01") == told
    later = office.get(f"/households/{member}/statement?month=2027-02")
    assert later["received_fen"] == -told["received_fen"] < 0
    assert {(row["day"], row["month"]) for row in later["entries"]} == {("2027-01-25", "2027-02")}
    assert scalars("SELECT month FROM journals WHERE kind = 'reserve_reversal'") == [(date(2027, 2, 1),)]


def test_a_plan_entered_a_day_late_is_income_of_the_day_on_which_it_was_paid(office: Office) -> None:
    code = laid_open(office)
    office.go(date(2027, 2, 1))
    moved(office, code, "approval", met_on="2027-01-25", minutes="纪要（示例）")
    for day, why in (("2027-02-02", "paid-in-the-future"), ("2027-01-24", "paid-too-early")):
        assert moved(office, code, "booking", 422, paid_on=day)["type"].endswith(why)
    assert moved(office, code, "booking", 201, paid_on="2027-01-31")["booked_on"] == "2027-01-31"
    days = "SELECT DISTINCT earned_on, month FROM income_entries WHERE source_type = 'surplus_shares' AND month > :last"
    assert scalars(days, last=date(2026, 12, 1)) == [(date(2027, 1, 31), date(2027, 1, 1))]
    assert scalars("SELECT max(month) FROM journals WHERE kind = 'reserve'") == [(date(2027, 1, 1),)]


def test_a_plan_is_not_reversed_below_a_later_one_and_what_it_credited_goes_with_it(office: Office) -> None:
    code = booked(office)
    (member, units), *_ = members()
    office.go(date(2027, 7, 15))
    slip = {"code": "D90011", "household": member, "sku": "PL001", "delivered_on": "2027-07-15",
            "weight_g": 1_000, "grade": "一级", "price_fen_per_kg": 500}  # fmt: skip
    office.post("/deliveries", slip, office.firms["F01"])
    office.go(date(2028, 1, 10))
    following = drafted(office, year=2027)["code"]
    assert accounts(office, following)[member] > units * 100_000
    refused = moved(office, code, "reversal", 409, reason="盈余算错")
    assert (refused["type"].rpartition("#")[2], refused["plans"]) == ("later-plan-stands", [following])
    assert office.get(f"/surplus-plans/{code}")["status"] == "booked"
    moved(office, following, "withdrawal", reason="上年算错")
    moved(office, code, "reversal", 201, reason="盈余算错")
    assert accounts(office, drafted(office, year=2027)["code"])[member] == units * 100_000


def test_an_earlier_year_is_not_shared_with_a_reserve_once_a_later_one_is_booked(office: Office) -> None:
    earlier = laid_open(office)
    office.go(date(2027, 7, 15))
    slip = {"code": "D90011", "household": members()[0][0], "sku": "PL001", "delivered_on": "2027-07-15",
            "weight_g": 1_000, "grade": "一级", "price_fen_per_kg": 500}  # fmt: skip
    office.post("/deliveries", slip, office.firms["F01"])
    office.go(date(2028, 1, 10))
    later = str(drafted(office, year=2027)["code"])
    moved(office, later, "laying-open")
    office.go(date(2028, 1, 25))
    meeting = {"met_on": "2028-01-25", "minutes": "纪要（示例）"}
    moved(office, later, "approval", **meeting)
    moved(office, later, "booking", 201)
    refused = moved(office, earlier, "approval", 409, **meeting)
    assert (refused["type"].rpartition("#")[2], refused["plans"]) == ("later-plan-stands", [later])
    assert f"以后年度的方案 {later}" in refused["detail"]
    moved(office, earlier, "withdrawal", reason="次年已分配")
    again = str(drafted(office)["code"])
    assert moved(office, again, "laying-open", 409)["plans"] == [later]
    assert office.get(f"/surplus-plans/{again}")["status"] == "draft"
    moved(office, again, "withdrawal", reason="次年已分配")
    # Without a reserve no account of the later year is another one.
    moved(office, str(drafted(office, reserve_bp=0)["code"]), "laying-open")


def test_a_reserve_moves_no_later_year_that_compared_members_by_shares_alone(office: Office) -> None:
    earlier = laid_open(office)
    office.go(date(2027, 7, 15))
    slip = {"code": "D90011", "household": members()[0][0], "sku": "PL001", "delivered_on": "2027-07-15",
            "weight_g": 1_000, "grade": "一级", "price_fen_per_kg": 500}  # fmt: skip
    office.post("/deliveries", slip, office.firms["F01"])
    office.go(date(2028, 1, 10))
    later = str(drafted(office, year=2027, share_value_fen=0)["code"])
    moved(office, later, "laying-open")
    office.go(date(2028, 1, 25))
    meeting = {"met_on": "2028-01-25", "minutes": "纪要（示例）"}
    moved(office, later, "approval", **meeting)
    moved(office, later, "booking", 201)
    moved(office, earlier, "approval", **meeting)
    moved(office, earlier, "booking", 201)


def test_a_plan_that_is_not_booked_or_was_shared_elsewhere_is_not_reversed(office: Office) -> None:
    code = laid_open(office)
    before = scalars("SELECT count(*) FROM income_entries")
    assert moved(office, code, "reversal", 409, reason="算错")["detail"] == "当前是“公示中”，不能冲销。"
    office.post(f"/surplus-plans/{code}/reversal", {"reason": "算错"}, office.firms["F02"], 404)
    assert moved(office, "F01-2025-1", "reversal", 409, reason="算错")["type"].endswith("plan-shared-elsewhere")
    assert scalars("SELECT count(*) FROM income_entries") == before


def test_a_withdrawn_plan_says_why_and_promises_nothing_any_more(office: Office) -> None:
    code = laid_open(office)
    member, phone = members()[0][0], office.app.test_client()
    phone.set_cookie("signed_in", office.household(member)["Authorization"].removeprefix("Bearer "))
    assert "您家可分得" in phone.get("/my/surplus").text
    assert office.get(f"/surplus-plans/{code}")["withdrawn_because"] is None
    told = moved(office, code, "withdrawal", reason="漏计<股金>")
    assert (told["status"], told["withdrawn_because"]) == ("withdrawn", "漏计<股金>")
    assert office.get("/surplus-plans?year=2026", office.household(member))["items"][0]["withdrawn_because"] == (
        "漏计<股金>"
    )
    page = phone.get("/my/surplus").text
    own = page[page.index("2026 年") :].split("</section>")[0]
    assert ["漏计&lt;股金&gt;" in own, "您家" in own] == [True, False]


def test_who_left_reads_the_plans_of_its_own_years_alone_and_who_comes_back_reads_all(office: Office) -> None:
    delivered(office)
    (gone, _), (late, _) = members()[-2:]
    office.post(f"/households/{gone}/departures", {"firm": "F01", "left_on": "2025-12-31", "reason": "迁居"})
    office.post(f"/households/{late}/departures", {"firm": "F01", "left_on": "2026-07-15", "reason": "迁居"})
    code = laid_open(office)
    earlier = "F01-2025-1"

    def read(household: str) -> set[str]:
        return {plan["code"] for plan in office.get("/surplus-plans", office.household(household))["items"]}

    assert (code in read(gone), earlier in read(gone)) == (False, True)
    office.get(f"/surplus-plans/{code}", office.household(gone), 404)
    assert {code, earlier} <= read(late)
    assert [part["household"] for part in office.get(f"/surplus-plans/{code}", office.household(late))["parts"]] == [
        late
    ]
    office.post(f"/households/{gone}/memberships", {"firm": "F01", "joined_on": "2027-01-10", "share_units": 1})
    assert {code, earlier} <= read(gone)


def test_who_left_within_the_year_shares_by_transactions_and_is_credited_no_reserve(office: Office) -> None:
    traded = delivered(office)
    leaves, stays = sorted(traded)
    office.post(f"/households/{leaves}/departures", {"firm": "F01", "left_on": "2026-07-15", "reason": "迁居"})
    told = {part["household"]: part for part in office.get(f"/surplus-plans/{laid_open(office)}")["parts"]}
    assert told[leaves]["patronage_fen"] == split(25_200_000, [traded[leaves], traded[stays]])[0] > 0
    assert (told[leaves]["account_fen"], told[leaves]["reserve_credit_fen"]) == (0, 0)
    assert told[stays]["reserve_credit_fen"] == 4_000_000


def test_a_reserve_of_members_who_delivered_nothing_follows_accounts_or_is_equal() -> None:
    of = Pools(101, 10, 10, 0)
    left = Member(1, 500, 0, stays=False)
    by_account = parts(of, [left, Member(2, 0, 1), Member(3, 0, 3)])
    assert [part.reserve_fen for part in by_account] == [0, 25, 76]
    equal = parts(of, [left, Member(2, 0, 0), Member(3, 0, 0)])
    assert [part.reserve_fen for part in equal] == [0, 51, 50]
    assert [part.reserve_fen for part in parts(of, [left])] == [101]  # nobody is left to be credited instead


def test_what_was_laid_open_does_not_change_when_a_slip_is_corrected_afterwards(office: Office) -> None:
    delivered(office)
    code = laid_open(office)
    before = office.get(f"/surplus-plans/{code}")["parts"]
    office.post(
        "/deliveries/D90001/corrections", {"weight_g": 1_000, "price_fen_per_kg": 500, "reason": "误读"},
        office.firms["F01"],
    )  # fmt: skip
    assert office.get(f"/surplus-plans/{code}")["parts"] == before
    with pytest.raises(IntegrityError, match="append-only"), transaction() as session:
        session.execute(text("UPDATE surplus_shares SET patronage_fen = 0"))


def second_draft(office: Office, *, lock: bool) -> str:
    """What becomes of a draft that is begun while another one of the same year is not committed yet."""
    outcome = []

    def draft(locked: bool) -> None:
        with transaction() as session:
            firm = firm_by_code(session, "F01", lock=locked)
            draft_plan(session, firm, 2026, Terms(1_000, 0, 1_000, 6_000), actor_id=None, now=office.clock.now())
            if not outcome:
                outcome.append("first")
                second.start()
                second.join(0.5)

    def follow() -> None:
        with office.app.app_context():
            try:
                draft(lock)
            except (DomainError, IntegrityError) as refused:
                outcome.append(type(refused).__name__)

    second = Thread(target=follow)
    draft(True)
    second.join()
    assert scalars("SELECT count(*) FROM surplus_plans WHERE year = 2026") == [(1,)]
    return str(outcome[-1])


def test_of_two_drafts_at_once_the_second_is_told_of_the_first(office: Office) -> None:
    office.go(JANUARY)
    assert second_draft(office, lock=True) == "PlanExists"


def test_control_without_the_lock_only_the_index_stops_the_second(office: Office) -> None:
    office.go(JANUARY)
    assert second_draft(office, lock=False) == "IntegrityError"
