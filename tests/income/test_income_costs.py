"""Costs by rate a kg, by area, as entered: net business income stands apart from gross and speaks of what is known."""

from datetime import date
from threading import Barrier, Thread
from typing import Any

import pytest
from flask import Flask
from flask_migrate import downgrade, upgrade
from sqlalchemy import func, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from shop.app import with_migrations
from shop.catalog.actions import product_by_sku
from shop.farmers.actions import household_by_code
from shop.farmers.jobs import COUNT_FAMILY_COSTS
from shop.income import costs
from shop.income.costs import Spent, count_by_rate, record_cost
from shop.income.jobs import COUNT_COSTS
from shop.income.models import CostKind
from shop.kit.clock import WalkingClock
from shop.kit.db import db, release, transaction
from shop.kit.revisions import FOLDER
from shop.reports import rollups
from shop.reports.books import check_books, run_checks
from shop.reports.checks import CHECKS
from shop.reports.models import Rollup
from tests.factories.office import MARCH_2026, Office, scalars

YEAR = "from=2025-01&to=2025-12"


def refreshed(*which: Rollup) -> None:
    """These rollups, or every one, until nothing is dirty."""
    for rollup in which or Rollup:
        with transaction() as session:
            while rollups.refresh(session, rollup).keys:
                pass


@pytest.fixture
def office(county: Flask, clock: WalkingClock) -> Any:
    office = Office(county, clock)
    yield office
    refreshed()
    with transaction() as session:
        session.execute(text("UPDATE outbox SET sent_at = :now, done_at = :now"), {"now": office.clock.now()})
    assert check_books(db.session(), now=office.clock.now()) == []
    release()


def rate(office: Office, sku: str, fen: int, basis: str = "kg", since: str = "2025-01-01", status: int = 201) -> Any:
    """A rate; what its job does is done at once."""
    body = {"sku": sku, "basis": basis, "rate_fen": fen, "valid_from": since, "source": "成本收益调查（示例）"}
    made = office.post("/cost-rates", body, status=status)
    if status == 201 and basis == "kg":
        with transaction() as session:
            [(rate_id,)] = session.execute(text("SELECT max(id) FROM cost_rates")).all()
            count_by_rate(session, rate_id)
    return made


def unrated(office: Office, sku: str, basis: str = "kg", since: str = "2025-01-01", status: int = 201) -> Any:
    """A rate is made void; what its job does is done at once."""
    body = {"sku": sku, "basis": basis, "valid_from": since, "reason": "多写两个零"}
    void = office.post("/cost-rates/voiding", body, status=status)
    office.do_jobs(COUNT_COSTS)
    return void


def spent(office: Office, household: str, status: int = 201, **body: Any) -> Any:
    told = {"code": "CB-001", "household": household, "kind": "materials", "incurred_on": "2025-06-30",
            "source": "入户调查（示例）"}  # fmt: skip
    return office.post("/costs", told | body, status=status)


def sold(sku: str) -> dict[str, list[tuple[int, int]]]:
    """(grams, fen) of a product's slips of 2025, by household."""
    found: dict[str, list[tuple[int, int]]] = {}
    for household, grams, fen in scalars(
        "SELECT households.code, weight_g, amount_fen FROM deliveries JOIN households ON households.id = household_id"
        " JOIN products ON products.id = product_id WHERE sku = :sku ORDER BY deliveries.id",
        sku=sku,
    ):
        found.setdefault(household, []).append((grams, fen))
    return found


def business(office: Office, household: str) -> dict[str, int]:
    told: dict[str, int] = office.get(f"/households/{household}/statement?{YEAR}")["business"]
    return told


def by_hand(slips: list[tuple[int, int]], fen_per_kg: int) -> int:
    """Each slip's weight times the rate, half up, in integers."""
    return sum((grams * fen_per_kg * 2 + 1_000) // 2_000 for grams, _ in slips)


def test_without_a_rate_nothing_is_called_net(office: Office) -> None:
    household = min(sold("PL001"))
    told = business(office, household)
    [(sales,)] = scalars(
        "SELECT sum(amount_fen) FROM deliveries JOIN households ON households.id = household_id"
        " WHERE households.code = :code",
        code=household,
    )
    assert told["uncovered_gross_fen"] == sales
    assert (told["cost_fen"], told["net_fen"]) == (0, told["covered_fen"])
    assert told["gross_fen"] == told["covered_fen"] + told["uncovered_gross_fen"]


def test_a_rate_a_kg_counts_every_slip_of_its_product_once_and_the_rest_stays_uncovered(office: Office) -> None:
    slips = sold("PL001")
    before = {household: business(office, household) for household in slips}
    rate(office, "PL001", 151)
    with transaction() as session:
        assert count_by_rate(session, 1) == 0
    for household, own in slips.items():
        cost, gross = by_hand(own, 151), sum(fen for _, fen in own)
        told = business(office, household)
        assert told == {
            "gross_fen": before[household]["gross_fen"],
            "covered_fen": before[household]["covered_fen"] + gross,
            "cost_fen": cost,
            "net_fen": before[household]["net_fen"] + gross - cost,
            "uncovered_gross_fen": before[household]["uncovered_gross_fen"] - gross,
        }
    refreshed()
    report = office.get("/reports/income?year=2025&by=product&limit=100")
    [row] = [row for row in report["items"] if row["key"] == "PL001"]
    whole = sum(by_hand(own, 151) for own in slips.values())
    assert row["business"]["cost_fen"] == whole == report["total"]["business"]["cost_fen"]
    assert row["business"]["uncovered_gross_fen"] == 0
    why = office.get("/reports/income/explain?year=2025&by=product&key=PL001&measure=cost&limit=100")
    assert (why["total_fen"], why["rows"]) == (whole, sum(len(own) for own in slips.values()))
    assert {item["source"] for item in why["items"]} == {"deliveries"}
    behind(office, "", report["total"]["business"])
    behind(office, "&by=product&key=PL001", row["business"])
    for one in office.get("/reports/income?year=2025")["items"]:
        behind(office, f"&by=township&key={one['key']}", one["business"])


def behind(office: Office, which: str, figures: dict[str, int]) -> None:
    """The rows behind each figure of business income add up to it, page by page."""
    for measure, figure in (("covered_gross", "covered_fen"), ("uncovered_gross", "uncovered_gross_fen"),
                            ("net_business", "net_fen"), ("cost", "cost_fen")):  # fmt: skip
        url, fen, rows, cursor = f"/reports/income/explain?year=2025&measure={measure}&limit=100{which}", 0, 0, ""
        while cursor is not None:
            found = office.get(url + cursor)
            fen, rows = fen + sum(item["amount_fen"] for item in found["items"]), rows + len(found["items"])
            cursor = found["next"] and f"&cursor={found['next']}"
        assert (fen, found["total_fen"], found["rows"]) == (figures[figure], figures[figure], rows), (which, measure)


def test_a_new_slip_bears_its_cost_at_once_by_the_rate_of_its_day_and_a_corrected_slip_corrects_it(
    office: Office,
) -> None:
    office.go(date(2026, 7, 20))
    rate(office, "PL001", 100, since="2026-01-01")
    rate(office, "PL001", 200, since="2026-07-16")
    household = min(sold("PL001"))
    for n, day in enumerate(("2026-07-15", "2026-07-16"), 1):
        body = {"code": f"D9100{n}", "household": household, "sku": "PL001", "delivered_on": day, "weight_g": 10_005,
                "grade": "一级", "price_fen_per_kg": 500}  # fmt: skip
        office.post("/deliveries", body, office.firms["F01"])
    cost = "SELECT amount_fen FROM cost_lines ORDER BY id"
    assert scalars(cost) == [(1_001,), (2_001,)]  # 1000.5 and 2001 fen
    office.post("/deliveries/D91002/corrections", {"weight_g": 0, "price_fen_per_kg": 500, "reason": "作废"})
    assert scalars(cost) == [(1_001,), (2_001,), (-2_001,)]
    assert business(office, household)["cost_fen"] == 0  # of 2025
    july = office.get(f"/households/{household}/statement?month=2026-07")["business"]
    assert (july["gross_fen"], july["cost_fen"], july["net_fen"]) == (5_003, 1_001, 4_002)


def slip(office: Office, code: str, household: str, day: str, grams: int, sku: str = "PL003") -> Any:
    body = {"code": code, "household": household, "sku": sku, "delivered_on": day, "weight_g": grams,
            "grade": "一级", "price_fen_per_kg": 500}  # fmt: skip
    firm = scalars("SELECT firms.code FROM products JOIN firms ON firms.id = firm_id WHERE sku = :sku", sku=sku)[0][0]
    return office.post("/deliveries", body, office.firms[firm])


def weighs(office: Office, code: str, grams: int) -> None:
    office.post(f"/deliveries/{code}/corrections", {"weight_g": grams, "price_fen_per_kg": 500, "reason": "过磅误读"})


def july_of(office: Office, household: str) -> dict[str, int]:
    told: dict[str, int] = office.get(f"/households/{household}/statement?month=2026-07")["business"]
    return told


def test_a_corrected_slip_costs_what_it_weighs_at_the_rate_of_its_day(office: Office) -> None:
    office.go(date(2026, 7, 20))
    rate(office, "PL001", 100, since="2026-01-01")
    household = min(sold("PL001"))
    slip(office, "Q1", household, "2026-07-12", 100_000, "PL001")
    assert july_of(office, household)["cost_fen"] == 10_000
    weighs(office, "Q1", 50_000)
    assert july_of(office, household)["cost_fen"] == 5_000
    rate(office, "PL001", 50, since="2026-07-10")
    assert july_of(office, household)["cost_fen"] == 2_500
    weighs(office, "Q1", 0)
    told = july_of(office, household)
    assert (told["gross_fen"], told["cost_fen"], told["net_fen"]) == (0, 0, 0)
    weighs(office, "Q1", 30_000)
    assert july_of(office, household)["cost_fen"] == 1_500
    spent(office, household, sku="PL001", incurred_on="2026-07-13", amount_fen=7)
    assert july_of(office, household)["cost_fen"] == 7
    rate(office, "PL001", 70, since="2026-07-11")
    assert july_of(office, household)["cost_fen"] == 7
    corrected(office, "CB-001", 0)
    assert july_of(office, household)["cost_fen"] == 2_100


def test_what_a_slip_costs_is_rounded_once_however_often_it_is_corrected(office: Office) -> None:
    office.go(date(2026, 7, 20))
    rate(office, "PL001", 35, since="2026-01-01")
    household = min(sold("PL001"))
    slip(office, "Q1", household, "2026-07-12", 52_500, "PL001")
    weighs(office, "Q1", 52_410)
    assert july_of(office, household)["cost_fen"] == by_hand([(52_410, 0)], 35) == 1_834


@pytest.mark.parametrize(
    "fault",
    ["UPDATE cost_lines SET amount_fen = amount_fen + 1 WHERE amount_fen < 0",
     "UPDATE cost_lines SET rate_id = (SELECT max(id) FROM cost_rates), amount_fen = -2500 WHERE amount_fen < 0"],
)  # fmt: skip
def test_check_books_finds_a_correction_whose_cost_is_not_that_of_its_slip(office: Office, fault: str) -> None:
    office.go(date(2026, 7, 20))
    rate(office, "PL001", 100, since="2026-01-01")
    rate(office, "PL001", 50, since="2026-07-13")
    slip(office, "Q1", min(sold("PL001")), "2026-07-12", 100_000, "PL001")
    weighs(office, "Q1", 50_000)
    office.do_jobs(COUNT_COSTS)
    with db.engine.connect() as connection:
        connection.execute(text("ALTER TABLE cost_lines DISABLE TRIGGER USER"))
        assert connection.execute(text(fault)).rowcount == 1
        found = run_checks(connection, [check for check in CHECKS if check.code == "I22-costs"], now=MARCH_2026)
        connection.rollback()
    assert len(found) == 1


def family(office: Office, move: str, one: str, other: str = "") -> None:
    """Two records are merged or undone; what its job does is done at once."""
    body = {"reason": "同一户"} | ({"into": other} if other else {})
    office.post(f"/households/{one}/{move}", body, status=200)
    office.do_jobs(COUNT_FAMILY_COSTS)


@pytest.mark.parametrize("first", ["merged", "entered"])
def test_what_is_entered_for_one_record_of_a_family_goes_before_rates_for_all_until_it_is_undone(
    office: Office, first: str
) -> None:
    office.go(date(2026, 7, 20))
    rate(office, "PL001", 100, since="2026-01-01")
    one, other = sorted(sold("PL001"))[:2]
    slip(office, "Q1", one, "2026-07-12", 50_000, "PL001")
    slip(office, "Q2", other, "2026-07-12", 20_000, "PL001")
    rate(office, "PL001", 70, since="2026-07-13")
    before = {household: july_of(office, household) for household in (one, other)}
    assert [told["cost_fen"] for told in before.values()] == [5_000, 2_000]
    if first == "merged":
        family(office, "merge", one, other)
        assert july_of(office, other)["cost_fen"] == 7_000
    spent(office, other, sku="PL001", incurred_on="2026-07-13", amount_fen=9_000)
    if first == "entered":
        assert july_of(office, one) == before[one]
        family(office, "merge", one, other)
    gross = sum(told["gross_fen"] for told in before.values())
    assert july_of(office, other) == {
        "gross_fen": gross, "covered_fen": gross, "cost_fen": 9_000, "net_fen": gross - 9_000,
        "uncovered_gross_fen": 0,
    }  # fmt: skip
    slip(office, "Q3", one, "2026-07-12", 10_000, "PL001")
    assert july_of(office, other)["cost_fen"] == 9_000
    weighs(office, "Q3", 0)
    family(office, "unmerge", one)
    assert july_of(office, one) == before[one]
    assert july_of(office, other)["cost_fen"] == 9_000
    corrected(office, "CB-001", 0)
    assert july_of(office, other) == before[other]
    assert july_of(office, one) == before[one]


def test_what_was_entered_goes_before_an_area_and_that_before_a_rate_a_kg(office: Office) -> None:
    household, own = min(sold("PL001").items())
    rate(office, "PL001", 151)
    plain = business(office, household)
    assert spent(office, household, 409, sku="PL001", kind="area", mu_tenths=35)["type"].endswith("no-cost-rate")
    rate(office, "PL001", 100_001, basis="mu")
    area = spent(office, household, sku="PL001", kind="area", mu_tenths=35)
    assert area["amount_fen"] == 350_004  # 3.5 mu at 1000.01 yuan, half up
    told = business(office, household)
    assert (told["cost_fen"], told["covered_fen"]) == (350_004, plain["covered_fen"])
    for n, fen in enumerate((120_000, 33_000), 2):
        spent(office, household, code=f"CB-00{n}", sku="PL001", amount_fen=fen)
    assert business(office, household)["cost_fen"] == 153_000
    spent(office, household, code="CB-004", kind="depreciation", amount_fen=7_000)
    told = business(office, household)
    assert (told["cost_fen"], told["net_fen"]) == (160_000, plain["covered_fen"] - 160_000)
    again = spent(office, household, 409, code="CB-005", sku="PL001", kind="area", mu_tenths=35)
    assert again["type"].endswith("costs-recorded-before")
    assert spent(office, household, 409, amount_fen=1, code="CB-002")["type"].endswith("cost-record-taken")
    refreshed()
    why = office.get(f"/reports/income/explain?year=2025&by=household&key={household}&measure=cost&limit=100")
    assert why["total_fen"] == 160_000
    assert {"CB-001", "CB-002", "CB-003", "CB-004"} <= {item["source_code"] for item in why["items"]}
    assert len(own) * 2 + 5 == why["rows"]
    (mine,) = [
        row["business"] for row in office.get("/reports/income?year=2025&by=household&limit=100")["items"]
        if row["key"] == household
    ]  # fmt: skip
    behind(office, f"&by=household&key={household}", mine)


def test_costs_of_a_closed_month_land_in_the_open_one_and_the_closed_one_says_what_it_said(office: Office) -> None:
    rate(office, "PL001", 151)
    office.close_through(7)
    household = scalars(
        "SELECT households.code FROM cost_lines JOIN households ON households.id = household_id"
        " WHERE month = '2025-07-01' ORDER BY 1 LIMIT 1"
    )[0][0]
    july = office.get(f"/households/{household}/statement?month=2025-07")
    spent(office, household, sku="PL001", amount_fen=50_000)
    assert office.get(f"/households/{household}/statement?month=2025-07") == july
    assert business(office, household)["cost_fen"] == 50_000
    with pytest.raises(IntegrityError, match="are closed"), transaction() as session:
        session.execute(
            text("INSERT INTO cost_lines (household_id, incurred_on, month, amount_fen, covers_fen, corrects_id)"
                 " SELECT household_id, incurred_on, '2025-07-01', 0, 0, id FROM cost_lines WHERE corrects_id IS NULL"
                 " AND id NOT IN (SELECT corrects_id FROM cost_lines WHERE corrects_id IS NOT NULL) LIMIT 1")
        )  # fmt: skip


def ripe(office: Office) -> None:
    """It is July 2026, the year before is closed, and PL001 and PL003 are taken all year."""
    office.close_through(12)
    office.go(date(2026, 7, 20))
    with transaction() as session:
        session.execute(
            text("UPDATE products SET harvest_start_month = 1, harvest_end_month = 12 WHERE sku IN ('PL001', 'PL003')")
        )


def uncovered(office: Office, url: str) -> tuple[dict[str, int], int]:
    """The uncovered sales of each row of a report and of its total; the rows behind each figure add up to it."""
    found, cursor, total = {}, "", 0
    while cursor is not None:
        page = office.get(f"/reports/income?{url}&limit=100{cursor}")
        total = page["total"]["business"]["uncovered_gross_fen"]
        found |= {row["key"]: row["business"]["uncovered_gross_fen"] for row in page["items"]}
        cursor = page["next"] and f"&after={page['next']}"
    for key, fen in (("", total), *((f"&key={key}", fen) for key, fen in found.items())):
        if fen or not key:
            why = office.get(f"/reports/income/explain?{url}&measure=uncovered_gross&limit=100{key}")
            assert why["total_fen"] == fen, (url, key)
            assert why["next"] or sum(item["amount_fen"] for item in why["items"]) == fen
    return found, total


CUT = ("product", "township", "household", "firm", "month", "village")


def test_sales_whose_costs_come_late_leave_those_of_the_months_uncovered_however_they_are_cut(office: Office) -> None:
    ripe(office)
    rate(office, "PL025", 60)  # of closed months: it lands in January 2026
    covered = min(sold("PL025"))
    known = scalars(
        "SELECT households.code, firms.code AS firm FROM memberships JOIN households ON households.id = household_id"
        " JOIN firms ON firms.id = firm_id JOIN products ON products.firm_id = firms.id WHERE sku = 'PL003'"
        " AND households.code <> :code ORDER BY 1 LIMIT 1",
        code=covered,
    )[0][0]
    for code, day, grams in (("Q20", "2026-01-05", 20_800), ("Q21", "2026-02-05", 10_000), ("Q22", "2026-07-05", 400)):
        slip(office, code, known, day, grams)
    for cuts in ("counted when read", "kept"):
        refreshed(*([Rollup.INCOME, Rollup.COSTS] if cuts == "counted when read" else Rollup))
        for by in CUT:
            rows, total = uncovered(office, f"from=2026-01&to=2026-01&by={by}")
            assert sum(rows.values()) == total == 10_400, by
            rows, total = uncovered(office, f"from=2026-01&to=2026-07&by={by}")
            assert sum(rows.values()) == total == 15_600, by
        assert {month: fen for month, fen in rows_of(office, "month").items() if fen} == {
            "2026-01": 10_400, "2026-02": 5_000, "2026-07": 200,
        }  # fmt: skip
        [told] = [office.get(f"/households/{known}/statement?month=2026-01")["business"]]
        assert told["uncovered_gross_fen"] == 10_400
    office.post("/months", {"month": "2026-01"})
    rate(office, "PL003", 100, since="2026-02-01")  # nothing of the span is left but January's
    refreshed()
    assert {month: fen for month, fen in rows_of(office, "month").items() if fen} == {"2026-01": 10_400}


def rows_of(office: Office, by: str) -> dict[str, int]:
    return uncovered(office, f"from=2026-01&to=2026-07&by={by}")[0]


def test_costs_that_become_unknown_again_make_no_sale_of_other_months_uncovered(office: Office) -> None:
    household = min(sold("PL001"))
    office.close_through(12)
    spent(office, household, code="LC1", sku="PL001", amount_fen=9_000)
    office.post("/months", {"month": "2026-01"})
    office.go(date(2026, 7, 20))
    corrected(office, "LC1", 0)
    refreshed()
    [told] = [office.get(f"/households/{household}/statement?month=2026-02")["business"]]
    assert (told["gross_fen"], told["uncovered_gross_fen"]) == (0, 0)
    assert told["covered_fen"] < 0
    for by in CUT:
        assert uncovered(office, f"from=2026-02&to=2026-02&by={by}")[1] == 0


def test_a_correction_of_a_closed_sale_whose_cost_is_unknown_stands_below_zero_and_rows_add_up(office: Office) -> None:
    household = min(sold("PL001"))
    ripe(office)
    slip(office, "Q1", household, "2026-01-05", 1_000, "PL001")
    office.post("/months", {"month": "2026-01"})
    spent(office, household, sku="PL001", incurred_on="2026-02-01", amount_fen=100)
    old = scalars(
        "SELECT deliveries.code, weight_g, price_fen_per_kg, amount_fen FROM deliveries JOIN products"
        " ON products.id = product_id JOIN households ON households.id = household_id"
        " WHERE sku = 'PL001' AND households.code = :code ORDER BY deliveries.id LIMIT 1",
        code=household,
    )[0]
    office.post(
        f"/deliveries/{old.code}/corrections",
        {"weight_g": 0, "price_fen_per_kg": old.price_fen_per_kg, "reason": "重复"},
    )
    slip(office, "Q2", household, "2026-02-05", 1_000, "PL001")
    refreshed()
    told = office.get(f"/households/{household}/statement?month=2026-02")["business"]
    assert told["uncovered_gross_fen"] == -old.amount_fen
    assert told["gross_fen"] == 500 - old.amount_fen
    for by in CUT:
        rows, total = uncovered(office, f"from=2026-02&to=2026-02&by={by}")
        assert sum(rows.values()) == total == -old.amount_fen, by


def test_a_group_leaves_uncovered_what_was_sold_while_the_family_was_in_it(office: Office) -> None:
    household = min(sold("PL001"))
    ripe(office)
    slip(office, "Q1", household, "2026-01-05", 1_000, "PL001")
    slip(office, "Q2", household, "2026-02-05", 2_000, "PL001")
    slip(office, "Q3", household, "2026-03-05", 4_000, "PL001")
    office.post("/household-groups", {"code": "GA", "name_zh": "示范组"})
    office.post(f"/households/{household}/ties", {"group": "GA", "starts_on": "2026-02-01"})
    office.post("/months", {"month": "2026-01"})
    rate(office, "PL001", 10, since="2026-01-01")
    refreshed()
    rows, _ = uncovered(office, "from=2026-01&to=2026-03&by=group")
    assert rows == {"GA": 0}
    assert uncovered(office, "from=2026-01&to=2026-01&by=month")[0] == {"2026-01": 500}


def test_costs_from_before_the_upgrade_are_told_by_the_month_of_their_sales_after_it(office: Office) -> None:
    ripe(office)
    slip(office, "Q1", min(sold("PL001")), "2026-01-05", 1_000, "PL001")
    rate(office, "PL025", 60)
    refreshed()
    url = "/reports/income?from=2026-01&to=2026-01&by=product&limit=100"
    before = office.get(url)["total"]["business"]
    assert before["uncovered_gross_fen"] == 500 < before["covered_fen"]
    release()
    with_migrations(office.app)
    downgrade(directory=str(FOLDER), revision="0066")
    upgrade(directory=str(FOLDER))
    db.engine.dispose()
    assert office.get(url)["total"]["business"] == before  # cuts are counted when they are read
    refreshed()
    assert office.get(url)["total"]["business"] == before


def test_costs_of_a_closed_month_make_nothing_of_the_open_one_less_than_uncovered(office: Office) -> None:
    office.close_through(7)
    household = min(sold("PL001"))
    months = scalars(
        "SELECT sum(amount_fen) FILTER (WHERE delivered_on < '2025-08-01') AS before, sum(amount_fen) FILTER"
        " (WHERE delivered_on BETWEEN '2025-08-01' AND '2025-08-31') AS own FROM deliveries"
        " JOIN households ON households.id = household_id JOIN products ON products.id = product_id"
        " WHERE sku = 'PL001' AND households.code = :code",
        code=household,
    )[0]
    august = f"/households/{household}/statement?month=2025-08"
    before = office.get(august)["business"]
    spent(office, household, sku="PL001", incurred_on="2025-07-01", amount_fen=100)
    told = office.get(august)["business"]
    assert months.before > 0
    assert told["covered_fen"] == before["covered_fen"] + months.before + (months.own or 0)
    assert told["uncovered_gross_fen"] == before["uncovered_gross_fen"] - (months.own or 0) >= 0
    assert told["net_fen"] == told["covered_fen"] - 100
    refreshed()
    report = office.get("/reports/income?from=2025-08&to=2025-08&by=household&limit=100")
    assert all(row["business"]["uncovered_gross_fen"] >= 0 for row in report["items"])


def corrected(office: Office, code: str, fen: int, status: int = 201) -> Any:
    return office.post(f"/costs/{code}/corrections", {"amount_fen": fen, "reason": "多写一个零"}, status=status)


def test_a_cost_with_a_zero_too_many_is_corrected_in_the_open_month_with_its_origin(office: Office) -> None:
    household = min(sold("PL001"))
    spent(office, household, sku="PL001", amount_fen=1_200_000)
    spent(office, household, code="CB-002", kind="depreciation", amount_fen=7_000)
    office.close_through(7)
    june = office.get(f"/households/{household}/statement?month=2025-06")
    assert corrected(office, "CB-001", 120_000) == {
        "code": "CB-001", "amount_fen": 120_000, "change_fen": -1_080_000, "reason": "多写一个零", "month": "2025-08",
    }  # fmt: skip
    assert office.get(f"/households/{household}/statement?month=2025-06") == june
    assert business(office, household)["cost_fen"] == 127_000
    assert corrected(office, "CB-001", 120_000, 422)["type"].endswith("record-stands")
    assert corrected(office, "CB-009", 1, 404)["type"].endswith("not-found")
    corrected(office, "CB-002", 0)
    assert business(office, household)["cost_fen"] == 120_000
    refreshed()
    why = office.get(f"/reports/income/explain?year=2025&by=household&key={household}&measure=cost&limit=100")
    assert why["total_fen"] == 120_000
    rows = [row for row in why["items"] if row["source"] == "cost_corrections"]
    assert {(row["source_code"], row["day"], row["corrected_because"]) for row in rows} == {
        (code, "2025-06-30", "多写一个零") for code in ("CB-001", "CB-002")
    }


def test_when_the_last_record_of_a_year_is_void_its_sales_are_counted_by_rates_again_or_uncovered(
    office: Office,
) -> None:
    household, own = min(sold("PL001").items())
    unknown = business(office, household)
    spent(office, household, sku="PL001", amount_fen=50_000)
    corrected(office, "CB-001", 0)
    assert business(office, household) == unknown
    rate(office, "PL001", 151)
    by_rate = business(office, household)
    assert by_rate["cost_fen"] == by_hand(own, 151)
    for code, fen in (("CB-002", 20_000), ("CB-003", 30_000)):
        spent(office, household, code=code, sku="PL001", amount_fen=fen)
    corrected(office, "CB-002", 0)
    assert business(office, household)["cost_fen"] == 30_000
    corrected(office, "CB-003", 0)
    assert business(office, household) == by_rate
    corrected(office, "CB-001", 40_000)
    assert business(office, household)["cost_fen"] == 40_000
    assert business(office, household)["covered_fen"] == by_rate["covered_fen"]


def test_a_wrong_area_is_voided_and_recorded_anew_and_one_taken_over_takes_no_correction(office: Office) -> None:
    household, own = min(sold("PL001").items())
    rate(office, "PL001", 151)
    by_rate = business(office, household)
    rate(office, "PL001", 100_000, basis="mu")
    spent(office, household, sku="PL001", kind="area", mu_tenths=350)
    assert corrected(office, "CB-001", 350_000, 422)["type"].endswith("area-recorded-anew")
    corrected(office, "CB-001", 0)
    assert business(office, household) == by_rate
    assert by_rate["cost_fen"] == by_hand(own, 151)
    again = spent(office, household, 409, sku="PL001", kind="area", mu_tenths=35)
    assert again["detail"] == "成本记录 CB-001 已登记过，但已作废，重新登记请用 CB-001-2。"
    spent(office, household, code="CB-002", sku="PL001", kind="area", mu_tenths=35)
    again = spent(office, household, 409, code="CB-002", sku="PL001", kind="area", mu_tenths=35)
    assert again["detail"] == "成本记录 CB-002 已登记过，另一条成本记录请用它自己的编号。"
    assert business(office, household)["cost_fen"] == 350_000
    spent(office, household, code="CB-003", sku="PL001", amount_fen=9_000)
    assert business(office, household)["cost_fen"] == 9_000
    assert corrected(office, "CB-002", 0, 409)["type"].endswith("cost-taken-over")
    corrected(office, "CB-003", 0)
    assert business(office, household) == by_rate


def test_rates_and_records_say_where_they_come_from_and_never_change(office: Office) -> None:
    rate(office, "PL001", 151)
    assert rate(office, "PL001", 152, status=409)["type"].endswith("cost-rate-taken")
    assert office.get("/cost-rates?sku=PL001", office.firms["F01"])["items"] == [
        {"sku": "PL001", "basis": "kg", "rate_fen": 151, "valid_from": "2025-01-01", "source": "成本收益调查（示例）",
         "void_reason": None, "voided_at": None}
    ]  # fmt: skip
    household = min(sold("PL001"))
    spent(office, household, 422, sku="PL001", amount_fen=1, incurred_on="2026-03-11")
    for body in ({"kind": "area", "amount_fen": 1}, {"kind": "area", "mu_tenths": 1}, {"mu_tenths": 1}, {}):
        spent(office, household, 422, **body)
    assert scalars("SELECT count(*) FROM cost_records") == [(0,)]
    for change in ("UPDATE cost_rates SET rate_fen = 1", "DELETE FROM cost_lines"):
        with pytest.raises(IntegrityError, match="append-only"), transaction() as session:
            session.execute(text(change))


def test_a_rate_with_two_zeros_too_many_is_void_and_the_right_one_of_its_day_counts_what_it_counted(
    office: Office,
) -> None:
    slips = sold("PL001")
    unknown = {household: business(office, household) for household in slips}
    rate(office, "PL001", 15_100)
    office.close_through(7)
    household = min(slips)
    july = office.get(f"/households/{household}/statement?month=2025-07")
    assert unrated(office, "PL001")["areas"] == []
    assert {household: business(office, household) for household in slips} == unknown
    assert unrated(office, "PL001", status=409)["type"].endswith("no-cost-rate-of-day")
    rate(office, "PL001", 151)
    lines = scalars("SELECT count(*) FROM cost_lines")
    with transaction() as session:
        assert [count_by_rate(session, rate_id) for rate_id in (1, 2)] == [0, 0]
    assert scalars("SELECT count(*) FROM cost_lines") == lines
    for code, own in slips.items():
        assert business(office, code)["cost_fen"] == by_hand(own, 151)
        assert business(office, code)["uncovered_gross_fen"] == unknown[code]["uncovered_gross_fen"] - sum(
            fen for _, fen in own
        )
    assert office.get(f"/households/{household}/statement?month=2025-07") == july
    assert [(row["rate_fen"], row["void_reason"]) for row in office.get("/cost-rates?sku=PL001")["items"]] == [
        (151, None), (15_100, "多写两个零")
    ]  # fmt: skip
    assert rate(office, "PL001", 152, status=409)["type"].endswith("cost-rate-taken")
    refreshed()
    report = office.get("/reports/income?year=2025&by=product&limit=100")
    behind(office, "", report["total"]["business"])
    assert report["total"]["business"]["cost_fen"] == sum(by_hand(own, 151) for own in slips.values())


def test_what_a_void_rate_counted_costs_by_an_earlier_one_until_its_day_has_the_right_one(office: Office) -> None:
    office.go(date(2026, 7, 20))
    household = min(sold("PL001"))
    rate(office, "PL001", 100, since="2026-01-01")
    slip(office, "Q1", household, "2026-07-09", 10_000, "PL001")
    rate(office, "PL001", 15_000, since="2026-07-10")
    slip(office, "Q2", household, "2026-07-12", 20_000, "PL001")
    weighs(office, "Q2", 30_000)
    assert july_of(office, household)["cost_fen"] == 1_000 + 450_000
    unrated(office, "PL001", since="2026-07-10")
    assert july_of(office, household)["cost_fen"] == 1_000 + 3_000
    weighs(office, "Q2", 40_000)
    assert july_of(office, household)["cost_fen"] == 1_000 + 4_000
    rate(office, "PL001", 150, since="2026-07-10")
    assert july_of(office, household)["cost_fen"] == 1_000 + 6_000
    spent(office, household, sku="PL001", incurred_on="2026-07-13", amount_fen=7)
    assert july_of(office, household)["cost_fen"] == 7
    unrated(office, "PL001", since="2026-07-10")
    assert july_of(office, household)["cost_fen"] == 7
    corrected(office, "CB-001", 0)
    assert july_of(office, household)["cost_fen"] == 1_000 + 4_000
    weighs(office, "Q2", 0)
    assert july_of(office, household)["cost_fen"] == 1_000


def test_areas_of_a_void_rate_are_void_with_it_and_recorded_anew_by_the_right_one(office: Office) -> None:
    one, other = sorted(sold("PL001"))[:2]
    rate(office, "PL001", 151)
    by_rate = [business(office, household) for household in (one, other)]
    rate(office, "PL001", 10_000_000, basis="mu")
    spent(office, one, sku="PL001", kind="area", mu_tenths=35)
    spent(office, other, code="CB-002", sku="PL001", kind="area", mu_tenths=10)
    spent(office, other, code="CB-003", sku="PL001", amount_fen=9_000)
    assert unrated(office, "PL001", "mu")["areas"] == ["CB-001"]  # the other one was taken over
    assert business(office, one) == by_rate[0]
    assert business(office, other)["cost_fen"] == 9_000
    spent(office, one, 409, code="CB-004", sku="PL001", kind="area", mu_tenths=35)
    rate(office, "PL001", 100_000, basis="mu")
    spent(office, one, code="CB-004", sku="PL001", kind="area", mu_tenths=35)
    assert business(office, one)["cost_fen"] == 350_000


def test_a_new_rate_a_mu_names_the_areas_of_its_days_that_keep_the_rate_they_were_recorded_by(office: Office) -> None:
    one, other = sorted(sold("PL001"))[:2]
    assert rate(office, "PL001", 80_000, basis="mu")["areas"] == []
    spent(office, one, sku="PL001", kind="area", mu_tenths=35)  # of 30 June
    spent(office, other, code="CB-002", sku="PL001", kind="area", mu_tenths=10)
    spent(office, other, code="CB-003", sku="PL001", amount_fen=9_000)  # takes the area over
    assert rate(office, "PL001", 90_000, "mu", "2025-07-01")["areas"] == []
    assert rate(office, "PL001", 70_000, "mu", "2025-06-01")["areas"] == ["CB-001"]
    # The rate of June holds on the area's day, so an earlier one changes nothing; nor do rates a kg.
    assert rate(office, "PL001", 60_000, "mu", "2025-05-01")["areas"] == []
    assert rate(office, "PL001", 151)["areas"] == []
    assert business(office, one)["cost_fen"] == 280_000
    office.post("/costs/CB-001/corrections", {"amount_fen": 0, "reason": "按新成本率重记（示例）"})
    spent(office, one, code="CB-004", sku="PL001", kind="area", mu_tenths=35)
    assert business(office, one)["cost_fen"] == 245_000


def test_check_books_finds_what_a_void_rate_still_counts(office: Office) -> None:
    rate(office, "PL001", 151)
    office.do_jobs(COUNT_COSTS)
    with db.engine.connect() as connection:
        connection.execute(text("INSERT INTO cost_rate_voids (rate_id, reason, recorded_at) VALUES (1, 'x', now())"))
        found = run_checks(connection, [check for check in CHECKS if check.code == "I22-costs"], now=MARCH_2026)
        connection.rollback()
    assert {one.row["what"] for one in found} == {"rate"}


def test_the_gain_counts_business_income_once_the_costs_of_every_sale_are_known(office: Office) -> None:
    refreshed()
    before = office.get("/reports/income?year=2025")["gain"]
    assert [row["left_out"] for row in before["categories"] if row["category"] == "business"] == ["gross_against_net"]
    skus = [row[0] for row in scalars("SELECT DISTINCT sku FROM deliveries JOIN products ON products.id = product_id")]
    for sku in skus[1:]:
        rate(office, sku, 120)
    refreshed()
    still = office.get("/reports/income?year=2025")["gain"]
    assert [row["left_out"] for row in still["categories"] if row["category"] == "business"] == ["gross_against_net"]
    rate(office, skus[0], 120)
    refreshed()
    report = office.get("/reports/income?year=2025")
    [row] = [row for row in report["gain"]["categories"] if row["category"] == "business"]
    assert (row["compared"], row["gross"]) == (True, False)
    assert row["period_fen"] == report["total"]["business"]["net_fen"]
    change = row["period_fen"] - row["base_fen"]
    assert report["gain"]["change_fen"] == before["change_fen"] + change
    why = office.get("/reports/income/explain?year=2025&measure=gain&limit=1")
    assert why["total_fen"] == report["gain"]["change_fen"]


def counts_during(office: Office, work: Any) -> bool:
    """Whether a rate is counted while a transaction that did `work` is still open; afterwards it is in any case."""
    began, done = Barrier(2), []

    def count() -> None:
        with office.app.app_context():
            began.wait()
            with transaction() as session:
                done.append(count_by_rate(session, 1))

    counter = Thread(target=count)
    with transaction() as session:
        session.execute(
            text("INSERT INTO cost_rates (product_id, basis, rate_fen, valid_from, source, recorded_at)"
                 " SELECT id, 'kg', 151, '2025-01-01', '调查（示例）', now() FROM products WHERE sku = 'PL001'")
        )  # fmt: skip
    counter.start()
    with transaction() as session:
        work(session)
        began.wait()
        counter.join(timeout=0.7)
        early = bool(done)
    counter.join()
    return early


def test_who_counts_by_rate_waits_for_who_records_so_that_no_sale_bears_both(office: Office) -> None:
    household, own = min(sold("PL001").items())

    def work(session: Session) -> None:
        record_cost(
            session, household_by_code(session, household), product_by_sku(session, "PL001"),
            Spent("CB-009", CostKind.MATERIALS, date(2025, 6, 30), "调查（示例）", amount_fen=9_000), actor_id=None,
            now=office.clock.now(),
        )  # fmt: skip

    assert not counts_during(office, work)
    assert business(office, household)["cost_fen"] == 9_000
    assert len(own) > 0


def test_control_a_transaction_without_the_lock_of_costs_is_not_waited_for(office: Office) -> None:
    assert counts_during(
        office, lambda session: session.execute(select(func.pg_try_advisory_xact_lock(costs.LOCK + 1)))
    )
