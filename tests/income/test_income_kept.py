"""Lists of what was recorded of payments and costs: as written, and as it stands after corrections."""

from typing import Any

import pytest
from flask import Flask

from shop.kit.clock import WalkingClock
from tests.factories.office import Office, scalars


@pytest.fixture
def office(county: Flask, clock: WalkingClock) -> Office:
    return Office(county, clock)


def listed(office: Office, path: str, who: dict[str, str] | None = None) -> list[dict[str, Any]]:
    """All pages of a list, three rows each."""
    items: list[dict[str, Any]] = []
    cursor = ""
    while True:
        answer = office.get(f"{path}?limit=3{cursor}", who) if who else office.get(f"{path}?limit=3{cursor}")
        items += answer["items"]
        if answer["next"] is None or len(items) >= 12:
            return items
        cursor = f"&cursor={answer['next']}"


def test_payments_are_listed_as_they_stand_and_to_a_firm_its_own(office: Office) -> None:
    [(own,)] = scalars(
        "SELECT households.code FROM memberships JOIN households ON households.id = household_id JOIN firms ON firms.id"
        " = firm_id WHERE firms.code = 'F01' ORDER BY households.code LIMIT 1"
    )
    for code, fen in (("W90001", 26_000), ("W90002", 30_000)):
        paid = {"code": code, "household": own, "firm": "F01", "kind": "wage", "paid_on": "2026-02-01",
                "amount_fen": fen, "source": "工资表（示例）"}  # fmt: skip
        office.post("/household-payments", paid)
    office.post("/household-payments", {"code": "BZ90001", "household": own, "firm": None, "kind": "subsidy",
                "paid_on": "2026-02-01", "amount_fen": 5_000, "source": "补贴（示例）"})  # fmt: skip
    office.post("/household-payments/W90001/corrections", {"amount_fen": 2_600, "reason": "多写一个零"})
    office.post("/household-payments/W90001/corrections", {"amount_fen": 0, "reason": "没有这笔"})
    rows = [(row["code"], row["amount_fen"], row["standing_fen"], row["corrected_because"], row["firm"])
            for row in listed(office, "/household-payments")[:3]]  # fmt: skip
    assert rows == [
        ("BZ90001", 5_000, 5_000, None, None), ("W90002", 30_000, 30_000, None, "F01"),
        ("W90001", 26_000, 0, "没有这笔", "F01"),
    ]  # fmt: skip
    firms = listed(office, "/household-payments", office.firms["F01"])
    assert {row["firm"] for row in firms} == {"F01"}
    assert [row["code"] for row in firms[:2]] == ["W90002", "W90001"]


def test_costs_are_listed_as_they_stand_and_an_area_that_was_taken_over_says_so(office: Office) -> None:
    rate = {"sku": "PL001", "basis": "mu", "rate_fen": 90_000, "valid_from": "2025-01-01", "source": "调查（示例）"}
    office.post("/cost-rates", rate)
    area = {"code": "CB-1", "household": "农户-0001", "sku": "PL001", "kind": "area", "incurred_on": "2025-06-01",
            "mu_tenths": 10, "source": "调查表（示例）"}  # fmt: skip
    office.post("/costs", area)
    spent = {"code": "CB-2", "household": "农户-0001", "sku": "PL001", "kind": "materials",
             "incurred_on": "2025-07-01", "amount_fen": 12_000, "source": "调查表（示例）"}  # fmt: skip
    office.post("/costs", spent)
    office.post("/costs/CB-2/corrections", {"amount_fen": 1_200, "reason": "多写一个零"})
    rows = [
        (row["code"], row["amount_fen"], row["standing_fen"], row["taken_over"]) for row in listed(office, "/costs")
    ]
    assert rows == [("CB-2", 12_000, 1_200, False), ("CB-1", 90_000, 90_000, True)]
