"""The way of a household's count, over HTTP: delivery, surplus, statement, correction, restatement; the books hold."""

from datetime import date
from typing import Any

from flask import Flask

from shop.kit.clock import WalkingClock
from shop.kit.db import db, release
from shop.kit.money import split
from shop.reports.books import check_books
from tests.factories.office import Office, count_all, scalars

JULY = "2026-07"
#: The worked example of docs/income.md: 400,000 yuan, reserve 10 %, 70 % of the rest by transactions.
TERMS = {
    "firm": "F01", "year": 2026, "surplus_fen": 40_000_000, "prior_loss_fen": 0, "reserve_bp": 1_000,
    "return_bp": 7_000, "share_value_fen": 100_000, "aid_fen": 0,
}  # fmt: skip


def statement(office: Office, code: str, month: str) -> Any:
    return office.get(f"/households/{code}/statement?from={month}&to={month}", office.household(code))


def close_all(office: Office, last: str) -> None:
    """Close every month that has entries, up to `last`."""
    months = scalars("SELECT DISTINCT to_char(month, 'YYYY-MM') FROM income_entries ORDER BY 1")
    for (month,) in months:
        if month <= last:
            office.post("/months", {"month": month})


def test_delivery_surplus_statement_correction_restatement(county: Flask, clock: WalkingClock) -> None:
    office = Office(county, clock)
    members = [
        row[0]
        for row in scalars(
            "SELECT households.code FROM memberships JOIN households ON households.id = household_id JOIN firms"
            " ON firms.id = firm_id WHERE firms.code = 'F01' AND relation = 'member' ORDER BY households.code LIMIT 4"
        )
    ]
    one, two = members[:2]
    # Four members deliver in July: 500, 1,000, 1,500 and 2,000 yuan.
    office.go(date(2026, 7, 15))
    for number, code in enumerate(members, 1):
        slip = {
            "code": f"D9000{number}", "household": code, "sku": "PL001", "delivered_on": "2026-07-15",
            "weight_g": 100_000 * number, "grade": "一级", "price_fen_per_kg": 500,
        }  # fmt: skip
        assert office.post("/deliveries", slip, office.firms["F01"])["amount_fen"] == 50_000 * number
    # The surplus of the year is drafted, laid open, objected to, answered, approved on day 15, booked.
    office.go(date(2027, 1, 10))
    plan = office.post("/surplus-plans", TERMS, office.firms["F01"])
    assert (plan["reserve_fen"], plan["patronage_fen"], plan["dividend_fen"]) == (4_000_000, 25_200_000, 10_800_000)
    address = f"/surplus-plans/{plan['code']}"
    office.post(f"{address}/laying-open", {}, office.firms["F01"], status=200)
    words = {"household": one, "words": "七月的交售少记了一次"}
    office.post(f"{address}/objections", words, office.household(one))
    office.go(date(2027, 1, 24))
    meeting = {"met_on": "2027-01-24", "minutes": "成员大会纪要（示例）"}
    office.post(f"{address}/approval", meeting, office.firms["F01"], status=409)
    office.post(f"{address}/answers", {"position": 1, "words": "已核对，无误"}, office.firms["F01"])
    office.post(f"{address}/approval", meeting, office.firms["F01"], status=409)
    office.go(date(2027, 1, 25))
    office.post(f"{address}/approval", meeting | {"met_on": "2027-01-25"}, office.firms["F01"], status=200)
    office.post(f"{address}/booking", {}, office.firms["F01"])
    # The months are closed; each member's statement has its parts.
    office.go(date(2027, 2, 3))
    close_all(office, "2027-01")
    parts = split(25_200_000, [50_000, 100_000, 150_000, 200_000])
    for code, part in zip(members, parts, strict=True):
        told = {row["kind"]: row["amount_fen"] for row in statement(office, code, "2027-01")["by_kind"]}
        assert told["patronage"] == part
        assert sum(told.values()) == statement(office, code, "2027-01")["received_fen"]
    # July is told to the public.
    count_all()
    told_first = office.post("/published-income", {"from": JULY, "to": JULY})["figures"]
    assert (told_first["total"]["cash_fen"], told_first["total"]["households"]) == (500_000, 4)
    # A slip of the closed July is corrected: July stays, the open month takes the difference with its origin.
    july = statement(office, one, JULY)
    made = office.post(
        "/deliveries/D90001/corrections", {"weight_g": 90_000, "price_fen_per_kg": 500, "reason": "复秤"},
        office.firms["F01"],
    )  # fmt: skip
    assert (made["month"], made["change_fen"]) == ("2027-02", -5_000)
    assert statement(office, one, JULY) == july
    (late,) = statement(office, one, "2027-02")["entries"]
    assert (late["day"], late["slip"], late["corrected_because"], late["amount_fen"]) == (
        "2026-07-15", "D90001", "复秤", -5_000
    )  # fmt: skip
    count_all()
    restated = {"from": JULY, "to": JULY, "reason": "合并重复登记的一户"}
    office.post("/published-income", restated, status=409)
    # Two records prove to be one family: July is re-stated openly, what was told first stays readable.
    office.post(f"/households/{one}/merge", {"into": two, "reason": "同一户"}, status=200)
    second = office.post("/published-income", restated)
    assert (second["version"], second["reason"]) == (2, "合并重复登记的一户")
    assert (second["figures"]["total"]["cash_fen"], second["figures"]["total"]["households"]) == (500_000, 3)
    assert second["changes"] != []
    shown = office.get(f"/published-income/figures?from={JULY}&to={JULY}&version=1")
    assert shown["figures"] == told_first
    count_all()
    assert check_books(db.session(), now=clock.now()) == []
    release()
