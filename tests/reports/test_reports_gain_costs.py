"""The gain counts business income when no sale of its own months is without known costs: not when sums are equal."""

from collections.abc import Iterator
from datetime import date

import pytest
from flask import Flask

from shop.income.jobs import COUNT_COSTS
from shop.kit.clock import WalkingClock
from shop.kit.db import transaction
from shop.reports.income_report import Months
from shop.reports.kinds import households_by_kind
from tests.factories.office import Office, count_all, good_books, scalars


@pytest.fixture
def office(county: Flask, clock: WalkingClock) -> Iterator[Office]:
    with good_books(county, clock) as office:
        yield office
        office.do_jobs(COUNT_COSTS)


def skus() -> list[str]:
    """What slips of 2025 are about: of firms that speak here first, the product of the fewest slips first."""
    query = (
        "SELECT sku FROM deliveries JOIN products ON products.id = product_id JOIN firms ON firms.id = products.firm_id"
        " GROUP BY 1, firms.code ORDER BY firms.code NOT IN ('F01', 'F02'), count(*), 1"
    )
    return [sku for (sku,) in scalars(query)]


def rated(office: Office, *which: str) -> None:
    for sku in which:
        body = {"sku": sku, "basis": "kg", "rate_fen": 120, "valid_from": "2024-01-01", "source": "调查（示例）"}
        office.post("/cost-rates", body)
    office.do_jobs(COUNT_COSTS)


def of_2024(office: Office, sku: str, fen: int) -> str:
    """A slip of the year before, so many fen; that year is closed then. Its household."""
    [(firm, household, day)] = scalars(
        "SELECT firms.code, min(households.code), min(delivered_on) FROM deliveries"
        " JOIN products ON products.id = product_id JOIN firms ON firms.id = products.firm_id"
        " JOIN households ON households.id = household_id WHERE sku = :sku GROUP BY 1",
        sku=sku,
    )
    body = {"code": "V1", "household": household, "sku": sku, "delivered_on": str(day.replace(year=2024)),
            "weight_g": fen, "grade": "一级", "price_fen_per_kg": 1_000}  # fmt: skip
    office.post("/deliveries", body, office.firms[firm])
    for month in range(day.month, 13):
        office.post("/months", {"month": f"2024-{month:02}"})
    return str(household)


def sold(sku: str) -> int:
    """Fen of all slips of a product of 2025."""
    query = "SELECT sum(amount_fen)::bigint FROM deliveries JOIN products ON products.id = product_id"
    return int(scalars(query + " WHERE sku = :sku AND delivered_on > '2024-12-31'", sku=sku)[0][0])


def left_out(office: Office) -> str | None:
    """Why business income of 2025 is left out, to who sees the county."""
    count_all()
    gain = office.get("/reports/income?year=2025")["gain"]
    [why] = [row["left_out"] for row in gain["categories"] if row["category"] == "business"]
    return why  # type: ignore[no-any-return]


def test_costs_of_an_older_sale_that_become_known_late_hold_up_no_gain(office: Office) -> None:
    every = skus()
    of_2024(office, every[0], 50_000)
    rated(office, *every)
    assert scalars("SELECT month FROM cost_lines WHERE incurred_on < '2025-01-01'") == [(date(2025, 1, 1),)]
    assert left_out(office) is None


def test_costs_of_an_older_sale_stand_in_for_no_sale_of_the_same_sum(office: Office) -> None:
    few, *others = skus()
    of_2024(office, others[0], sold(few))
    rated(office, *others)
    [(covered, gross)] = scalars(
        "SELECT (SELECT sum(covers_fen) FROM cost_lines), (SELECT sum(amount_fen) FROM income_entries"
        " WHERE kind = 'sale' AND month > '2024-12-31')"
    )
    assert covered == gross
    assert left_out(office) == "gross_against_net"


def test_a_correction_of_an_older_sale_without_known_costs_stands_in_for_no_sale_of_the_same_sum(
    office: Office,
) -> None:
    few, *others = skus()
    of_2024(office, few, sold(few))
    office.post("/deliveries/V1/corrections", {"weight_g": 0, "price_fen_per_kg": 1_000, "reason": "作废"})
    rated(office, *others)
    count_all()
    assert office.get("/reports/income?year=2025")["total"]["business"]["uncovered_gross_fen"] == 0
    assert left_out(office) == "gross_against_net"


def test_slips_that_are_void_leave_nothing_uncovered(office: Office) -> None:
    few, *others = skus()
    rated(office, *others)
    assert left_out(office) == "gross_against_net"
    for code, price in scalars(
        "SELECT deliveries.code, price_fen_per_kg FROM deliveries JOIN products ON products.id = product_id"
        " WHERE sku = :sku", sku=few
    ):  # fmt: skip
        office.post(f"/deliveries/{code}/corrections", {"weight_g": 0, "price_fen_per_kg": price, "reason": "作废"})
    assert left_out(office) is None


def test_a_publication_counts_who_is_uncovered_and_who_was_covered_late_apart(office: Office) -> None:
    few, *others = skus()
    household = of_2024(office, others[0], 50_000)
    rated(office, *others)
    count_all()
    with transaction() as session:
        kinds = households_by_kind(session, Months(date(2025, 1, 1), date(2025, 12, 1)))
    [(uncovered,)] = scalars(
        "SELECT count(DISTINCT household_id) FROM deliveries JOIN products ON products.id = product_id"
        " WHERE sku = :sku AND delivered_on > '2024-12-31'", sku=few
    )  # fmt: skip
    assert sum(row["uncovered"] for row in kinds.values()) == uncovered
    [(township,)] = scalars(
        "SELECT townships.code FROM households JOIN villages ON villages.id = village_id"
        " JOIN townships ON townships.id = township_id WHERE households.code = :code", code=household
    )  # fmt: skip
    assert {code: row["covered_late"] for code, row in kinds.items() if row["covered_late"]} == {township: 1}
