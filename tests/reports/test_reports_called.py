"""A firm's income report names the records that it deals with, whoever of a family the others count for."""

from datetime import date
from typing import Any

import pytest
from flask import Flask

from shop.access.models import Role
from shop.income.costs import count_by_rate, set_rate
from shop.income.models import CostBasis
from shop.kit.clock import WalkingClock
from shop.kit.db import db, release, transaction
from shop.reports import rollups
from shop.reports.models import Rollup
from tests.conftest import A_DAY_IN_JULY
from tests.factories.access import headers_of, person
from tests.factories.office import Office, count_all, scalars
from tests.factories.sales import ready

AXES = ("household", "village", "township", "product", "month", "firm", "channel")
#: Households of one firm alone; those whose produce was sold come first.
PAIR = """
    SELECT households.code, villages.code AS village, townships.code AS township FROM households
    JOIN villages ON villages.id = village_id JOIN townships ON townships.id = township_id
    WHERE EXISTS (SELECT FROM income_entries WHERE household_id = households.id AND kind = 'sale')
      AND (SELECT array_agg(DISTINCT firms.code::text ORDER BY firms.code::text) FROM memberships
           JOIN firms ON firms.id = firm_id WHERE household_id = households.id) = ARRAY[CAST(:firm AS text)]
    ORDER BY EXISTS (SELECT FROM sales_reach WHERE household_id = households.id) DESC, households.code
"""

#: Households that never were of a firm, and received something.
STRANGERS = """
    SELECT households.code, townships.code AS township FROM households
    JOIN villages ON villages.id = village_id JOIN townships ON townships.id = township_id
    WHERE NOT EXISTS (SELECT FROM memberships JOIN firms ON firms.id = firm_id
                      WHERE household_id = households.id AND firms.code = :firm)
      AND EXISTS (SELECT FROM income_entries WHERE household_id = households.id)
    ORDER BY households.code
"""


@pytest.fixture
def office(county: Flask, clock: WalkingClock) -> Any:
    """The county after an order was sold and settled, with costs of some of what was delivered."""
    clock.put(A_DAY_IN_JULY)
    with transaction() as session:
        season = ready(session, A_DAY_IN_JULY)
        season.settled(season.paid("SHOP", 2))
        rate = set_rate(
            session, season.product, CostBasis.KG, 150, date(2025, 1, 1), "调查（示例）", actor_id=None,
            now=A_DAY_IN_JULY,
        )  # fmt: skip
        count_by_rate(session, rate.id)
    office = Office(county, clock)
    count_all()
    yield office
    count_all()
    assert [rollups.compare(db.session(), rollup) for rollup in Rollup] == [[]] * len(Rollup)
    release()


def rows(office: Office, by: str, firm: str | None = None, place: str = "") -> dict[str, Any]:
    headers = office.firms[firm] if firm else office.operator
    items: dict[str, Any] = {}
    after = ""
    while True:
        asked = f"/reports/income?year=2025&by={by}&limit=100{after}{place}"
        told = office.get(asked, headers)
        items |= {row["key"]: row for row in told["items"]}
        if told["next"] is None:
            return items | {"": told["total"]}
        after = f"&after={told['next']}"


def explained(office: Office, firm: str, by: str, key: str, measure: str = "cash", place: str = "") -> tuple[int, int]:
    key = f"&key={key}" if key else ""
    asked = f"/reports/income/explain?year=2025&by={by}{key}&measure={measure}&limit=1{place}"
    told = office.get(asked, office.firms[firm])
    return told["total_fen"], told["households"]


def families(firm: str) -> list[Any]:
    return scalars(PAIR, firm=firm)


def merge(office: Office, one: str, into: str) -> None:
    office.post(f"/households/{one}/merge", {"into": into, "reason": "同一户登记两次"}, status=200)


def test_a_firm_reads_of_a_family_the_record_that_it_knows(office: Office) -> None:
    own = families("F01")[0]
    other = next(row for row in scalars(STRANGERS, firm="F01") if row.township != own.township)
    before = {firm: {by: rows(office, by, firm) for by in AXES} for firm in ("F01", "F02")}
    alone = rows(office, "household")
    merge(office, own.code, other.code)
    assert {firm: {by: rows(office, by, firm) for by in AXES} for firm in before} == before
    assert own.code in before["F01"]["household"]
    county = rows(office, "household")
    assert own.code not in county
    assert county[other.code]["cash_fen"] == alone[own.code]["cash_fen"] + alone[other.code]["cash_fen"]
    count_all()  # as kept, as it was when it was counted while it was read
    assert {firm: {by: rows(office, by, firm) for by in AXES} for firm in before} == before
    # A place is that of the record, too, and a firm learns nothing by the code of the record that it does not know.
    for cut, place in (("village", own.village), ("township", own.township)):
        row = {name: value for name, value in before["F01"][cut][place].items() if name not in ("key", "name")}
        for by in AXES[:-1]:
            assert rows(office, by, "F01", f"&place={place}")[""] == row, (by, place)
    assert explained(office, "F01", "household", other.code) == (0, 0)
    assert explained(office, "F01", "household", own.code) == (
        before["F01"]["household"][own.code]["cash_fen"], 1
    )  # fmt: skip
    office.post(f"/households/{own.code}/unmerge", {"reason": "是两户"}, status=200)


def test_a_family_of_two_records_of_one_firm_is_one_row_and_stands_where_each_lives(office: Office) -> None:
    first = families("F01")[0]
    other = next(row for row in families("F01") if row.village != first.village)
    before = {by: rows(office, by, "F01") for by in AXES}
    merge(office, first.code, other.code)
    for counted in (False, True):
        after = {by: rows(office, by, "F01") for by in AXES}
        assert first.code not in after["household"]
        assert after["household"][other.code]["cash_fen"] == sum(
            before["household"][code]["cash_fen"] for code in (first.code, other.code)
        )
        assert after["household"][other.code]["households"] == 1
        assert after["village"][""]["households"] == before["village"][""]["households"] - 1
        for place in (first.village, other.village):
            assert after["village"][place] == before["village"][place]
        for by in AXES:
            for key, row in after[by].items():
                if by == "channel":
                    continue
                asked = explained(office, "F01", by, key)
                assert asked == (row["cash_fen"], row["households"]), (by, key, counted)
                assert explained(office, "F01", by, key, "sales_reached")[0] == row["sales_reached_fen"], (by, key)
        # In one of its villages it is one row, of what was paid to the record there.
        for place, code in ((first.village, first.code), (other.village, other.code)):
            there = rows(office, "household", "F01", f"&place={place}")
            assert there[other.code]["cash_fen"] == before["household"][code]["cash_fen"]
            assert explained(office, "F01", "household", other.code, place=f"&place={place}") == (
                before["household"][code]["cash_fen"], 1
            )  # fmt: skip
            assert rows(office, "product", "F01", f"&place={place}")[""] == there[""]
        count_all()


def test_a_record_that_counts_for_one_of_another_firm_is_called_by_the_first_of_its_own(office: Office) -> None:
    first, second = families("F01")[:2]
    head = families("F02")[0]
    for code in (second.code, first.code):
        merge(office, code, head.code)
    told = rows(office, "household", "F01")
    assert first.code in told
    assert {second.code, head.code} & set(told) == set()
    assert explained(office, "F01", "household", first.code) == (told[first.code]["cash_fen"], 1)
    assert list(rows(office, "household", "F02")) == list(dict.fromkeys(rows(office, "household", "F02")))
    assert head.code in rows(office, "household", "F02")


def test_a_township_manager_who_is_of_a_firm_reads_its_families_of_elsewhere_as_the_firm_knows_them(
    office: Office,
) -> None:
    own = families("F01")[0]
    other = next(row for row in scalars(STRANGERS, firm="F01") if row.township != own.township)
    [[away]] = scalars(
        "SELECT party_id FROM townships WHERE code NOT IN (:one, :two) ORDER BY code LIMIT 1",
        one=own.township, two=other.township,
    )  # fmt: skip
    [[firm]] = scalars("SELECT party_id FROM firms WHERE code = 'F01'")
    office.firms["both"] = headers_of(office.app, person(office.app, (Role.MANAGER, away), (Role.FIRM_STAFF, firm)))
    before = {by: rows(office, by, "both") for by in AXES}
    merge(office, own.code, other.code)
    for _ in range(2):  # as it is counted while it is read, then as it is kept
        after = {by: rows(office, by, "both") for by in AXES}
        assert after["household"] == before["household"]
        assert after["firm"] == before["firm"]
        count_all()
    row = before["household"][own.code]
    assert explained(office, "both", "household", own.code) == (row["cash_fen"], 1)
    for measure in ("cash", "cost", "net_business", "sales_reached"):
        for by, key in (("household", own.code), ("firm", "F01")):
            asked = f"/reports/income/explain?year=2025&by={by}&key={key}&measure={measure}&limit=100"
            named = {item["household"] for item in office.get(asked, office.firms["both"])["items"]}
            assert other.code not in named
            assert own.code in named
    # By the code of the record that he does not know there is nothing.
    assert explained(office, "both", "household", other.code) == (0, 0)
    # In his own township he sees families by the record that the others count for.
    [[there]] = scalars("SELECT party_id FROM townships WHERE code = :code", code=other.township)
    office.firms["there"] = headers_of(office.app, person(office.app, (Role.MANAGER, there), (Role.FIRM_STAFF, firm)))
    seen = rows(office, "household", "there")
    assert own.code not in seen
    assert explained(office, "there", "household", other.code) == (seen[other.code]["cash_fen"], 1)
    office.post(f"/households/{own.code}/unmerge", {"reason": "是两户"}, status=200)
