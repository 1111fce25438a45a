"""带动农户: whom firms paid something. Subsidies and slips that came to nothing reach nobody, however it is read."""

from datetime import date
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.orm import Session

from shop.access.guard import Actor, Grant
from shop.access.models import PartyKind, Role
from shop.farmers.families import locked_households, merge
from shop.kit.clock import WalkingClock
from shop.kit.db import db, transaction
from shop.reports import income_report as told
from shop.reports import rollups
from shop.reports.income_report import IncomeBy, Months, income_report
from shop.reports.models import Rollup
from tests.factories.office import Office, scalars

OPERATOR = Actor(None, (Grant(Role.OPERATOR, 0, PartyKind.COUNTY),))
JULY = "from=2026-07&to=2026-07"


@pytest.fixture
def office(county: Flask, clock: WalkingClock) -> Office:
    """In July 2026 one grower is paid a slip, one has a slip that is corrected to nothing, one a subsidy alone."""
    office = Office(county, clock)
    office.go(date(2026, 7, 20))
    paid, void, helped = growers()
    for code, household in (("D97001", paid), ("D97002", void)):
        slip = {"code": code, "household": household, "sku": "PL001", "delivered_on": "2026-07-15",
                "weight_g": 10_000, "grade": "一级", "price_fen_per_kg": 500}  # fmt: skip
        office.post("/deliveries", slip, office.firms["F01"])
    nothing = {"weight_g": 0, "price_fen_per_kg": 500, "reason": "重复"}
    office.post("/deliveries/D97002/corrections", nothing, office.firms["F01"])
    subsidy = {"code": "BT-7", "household": helped, "kind": "subsidy", "paid_on": "2026-07-15", "amount_fen": 60_000,
               "source": "耕地地力保护补贴（示例）"}  # fmt: skip
    office.post("/household-payments", subsidy)
    refresh()
    return office


def growers() -> list[str]:
    """Three households of one village, growers of firm F01."""
    rows = scalars(
        "SELECT households.code FROM households JOIN memberships ON households.id = household_id JOIN firms"
        " ON firms.id = firm_id WHERE firms.code = 'F01' AND households.village_id IN (SELECT h.village_id"
        " FROM memberships m JOIN households h ON h.id = m.household_id JOIN firms f ON f.id = m.firm_id"
        " WHERE f.code = 'F01' GROUP BY 1 HAVING count(*) > 2) ORDER BY households.village_id, 1 LIMIT 3"
    )
    return [row[0] for row in rows]


def refresh() -> None:
    for rollup in Rollup:
        with transaction() as session:
            while rollups.refresh(session, rollup).marks:
                pass


def people(report: Any) -> tuple[int, int]:
    return report["total"]["households"], sum(row["households"] for row in report["items"])


def mark(session: Session) -> None:
    days = (
        "INSERT INTO dirty_keys (rollup, on_day) SELECT :one, generate_series(date '2026-07-01', '2026-07-31', '1 day')"
    )
    for rollup in (Rollup.INCOME_CUTS, Rollup.INCOME_DAYS):
        session.execute(text(days), {"one": rollup})


def test_who_was_paid_by_a_firm_is_reached_and_all_cash_is_told_however_it_is_read(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = (
        "SELECT villages.code FROM households JOIN villages ON villages.id = village_id WHERE households.code = :code"
    )
    ((village,),) = scalars(where, code=growers()[0])
    with Session(db.engine) as session:
        for read in ("kept", "counted when read", "rows"):
            if read == "counted when read":
                mark(session)
            if read == "rows":
                monkeypatch.setattr(told, "cuts_in", lambda *_: None)
            for by in set(IncomeBy) - {IncomeBy.CHANNEL, IncomeBy.GROUP}:
                for place in (None, village[:9], village):
                    here = Months(date(2026, 7, 1), date(2026, 7, 1), place)
                    report = income_report(session, OPERATOR, by, here, "zh", limit=100, after=None)
                    assert people(report) == (1, 1), (read, by, place)
                    assert report["total"]["cash_fen"] == sum(row["cash_fen"] for row in report["items"]) == 65_000
                    if by is IncomeBy.HOUSEHOLD:
                        # All of whom the books say anything stand in the list.
                        assert [row["key"] for row in report["items"]] == growers(), (read, place)
        session.rollback()


def test_the_periodic_report_says_the_same_and_so_do_the_rows_behind(office: Office) -> None:
    for every, on in (("month", "2026-07-01"), ("day", "2026-07-15"), ("week", "2026-07-15")):
        report = office.get(f"/reports/periodic?every={every}&on={on}")
        (section,) = [one for one in report["sections"] if one["code"] == "households"]
        assert (section["total"]["period_households"], section["total"]["period_cash_fen"]) == (1, 65_000)
        why = f"/reports/periodic/explain?every={every}&on={on}&section=households&figure="
        reached = office.get(f"{why}households")
        assert (reached["value"], [row["household"] for row in reached["items"]]) == (1, growers()[:1])
        assert office.get(f"{why}cash_fen")["value"] == 65_000
    found = office.get(f"/reports/income/explain?{JULY}")
    assert (found["households"], found["total_fen"]) == (1, 65_000)


def test_a_slip_that_comes_to_nothing_in_a_later_month_stays_counted_in_its_own(office: Office) -> None:
    office.go(date(2026, 8, 10))
    for month in Months(date(2025, 1, 1), date(2026, 7, 1)).each():
        office.post("/months", {"month": f"{month:%Y-%m}"})
    nothing = {"weight_g": 0, "price_fen_per_kg": 500, "reason": "重复"}
    office.post("/deliveries/D97001/corrections", nothing, office.firms["F01"])
    refresh()
    for month, fen in (("2026-07", 65_000), ("2026-08", -5_000)):
        total = office.get(f"/reports/income?from={month}&to={month}")["total"]
        found = office.get(f"/reports/income/explain?from={month}&to={month}")
        assert (total["households"], total["cash_fen"]) == (found["households"], found["total_fen"]) == (1, fen)


def test_two_records_of_a_family_are_explained_as_one(office: Office) -> None:
    paid, void, _ = growers()
    slip = {"code": "D97003", "household": void, "sku": "PL001", "delivered_on": "2026-07-16", "weight_g": 1_000,
            "grade": "一级", "price_fen_per_kg": 500}  # fmt: skip
    office.post("/deliveries", slip, office.firms["F01"])
    refresh()
    assert office.get(f"/reports/income/explain?{JULY}")["households"] == 2
    with transaction() as session:
        one, other = locked_households(session, paid, void)
        merge(session, other, one, "同一户", actor_id=None, now=office.clock.now())
    refresh()
    for query in (JULY, f"{JULY}&by=household&key={paid}", f"{JULY}&by=firm&key=F01"):
        assert office.get(f"/reports/income/explain?{query}")["households"] == 1
    assert office.get(f"/reports/income?{JULY}")["total"]["households"] == 1
