"""Income figures of closed months are published, and re-stated openly: each version stays, with reason and changes."""

from typing import Any

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from shop.income.models import IncomeKind
from shop.kit.clock import WalkingClock
from shop.kit.db import db, release, transaction
from shop.reports.books import check_books
from shop.reports.kinds import untold_kinds
from shop.reports.told import FEW, Counts, untold
from tests.factories.office import Office, count_all, scalars

MARCH = {"from": "2025-01", "to": "2025-03"}
FIGURES = "/published-income/figures?from=2025-01&to=2025-03"


@pytest.fixture
def office(county: Flask, clock: WalkingClock) -> Any:
    office = Office(county, clock)
    count_all()
    yield office
    count_all()
    assert check_books(db.session(), now=office.clock.now()) == []
    release()


def why(refusal: dict[str, Any]) -> str:
    return str(refusal["type"]).rpartition("#")[2]


def merged(office: Office) -> None:
    """Two households of one township, both with income in the first quarter, become one family."""
    one, other = scalars(
        "SELECT households.code FROM households JOIN villages ON villages.id = village_id WHERE EXISTS ("
        "SELECT FROM income_entries WHERE household_id = households.id AND month <= '2025-03-01')"
        " ORDER BY township_id, households.code LIMIT 2"
    )
    office.post(f"/households/{one.code}/merge", {"into": other.code, "reason": "同一户"}, status=200)


def here(publication: dict[str, Any], township: str) -> dict[str, Any]:
    """The row of a township."""
    [row] = [row for row in publication["figures"]["townships"] if row["key"] == township]
    return dict(row)


def test_only_closed_months_whose_figures_are_counted_are_published(office: Office) -> None:
    office.close_through(2)
    assert why(office.post("/published-income", MARCH, status=409)) == "period-not-closed"
    office.post("/months", {"month": "2025-03"})
    with transaction() as session:
        session.execute(text("INSERT INTO dirty_keys (rollup, on_day, a_id) VALUES ('income', '2025-02-01', 1)"))
    assert office.post("/published-income", MARCH, status=409)["waiting"] == 1
    assert scalars("SELECT count(*) FROM publications") == [(0,)]
    count_all()
    made = office.post("/published-income", MARCH)
    report = office.get("/reports/income?from=2025-01&to=2025-03&by=township&limit=100")
    assert (made["version"], made["reason"], made["changes"]) == (1, None, [])
    assert made["figures"]["total"]["cash_fen"] == report["total"]["cash_fen"]
    told = {row["key"]: row for row in made["figures"]["townships"]}
    hidden = untold(Counts({row["key"]: row["households"] for row in report["items"]}))
    for row in report["items"]:
        withheld = row["key"] in hidden
        assert told[row["key"]]["withheld"] is withheld
        assert told[row["key"]].get("cash_fen") == (None if withheld else row["cash_fen"])


def test_a_published_figure_is_restated_only_as_a_new_version_that_says_what_changed_and_why(office: Office) -> None:
    office.close_through(3)
    first = office.post("/published-income", MARCH)
    assert why(office.post("/published-income", MARCH | {"reason": "无"}, status=409)) == "nothing-to-restate"
    merged(office)
    assert why(office.post("/published-income", MARCH, status=422)) == "restatement-needs-a-reason"
    second = office.post("/published-income", MARCH | {"reason": "合并重复登记的一户"})
    households = first["figures"]["total"]["households"]
    [township] = {row["key"] for row in first["figures"]["townships"]} & {
        row["key"] for row in second["figures"]["townships"] if row not in first["figures"]["townships"]
        and row["households"] < here(first, row["key"])["households"]
    }  # fmt: skip
    of_township = here(first, township)["households"]
    assert second["changes"] == [
        {"township": None, "figure": "households", "before": households, "after": households - 1},
        {"township": township, "figure": "households", "before": of_township, "after": of_township - 1},
    ]
    assert (second["version"], second["reason"]) == (2, "合并重复登记的一户")
    public = office.app.test_client()
    assert public.get(f"/api/v1{FIGURES}&version=1").json["figures"] == first["figures"]
    assert public.get(f"/api/v1{FIGURES}").json == second
    assert [row["version"] for row in public.get("/api/v1/published-income").json["items"]] == [2, 1]
    assert public.get(f"/api/v1{FIGURES}&version=3").status_code == 404


def test_what_is_published_names_no_household_and_does_not_tell_who_is_assisted(office: Office) -> None:
    office.close_through(3)
    office.post("/published-income", MARCH)
    told = office.app.test_client().get(f"/api/v1{FIGURES}").get_data(as_text=True)
    assert "农户-" not in told
    assert "assisted" not in told


def paid(office: Office, code: str, household: str, day: str, fen: int = 30_000, kind: str = "wage") -> None:
    """A wage or rent, in a month that may have nothing else."""
    [(firm,)] = scalars(
        "SELECT firms.code FROM memberships JOIN households ON households.id = household_id"
        " JOIN firms ON firms.id = firm_id WHERE households.code = :code ORDER BY 1 LIMIT 1",
        code=household,
    )
    body = {"code": code, "household": household, "firm": firm, "kind": kind, "paid_on": day, "amount_fen": fen}
    office.post("/household-payments", body)


def by_township(least: int) -> list[list[str]]:
    """Codes of households of townships that have at least so many, by township."""
    rows = scalars(
        "SELECT array_agg(households.code ORDER BY households.code) FROM households"
        " JOIN villages ON villages.id = village_id WHERE EXISTS (SELECT FROM memberships"
        " WHERE household_id = households.id) GROUP BY township_id HAVING count(*) >= :least ORDER BY township_id",
        least=least,
    )
    return [row[0] for row in rows]


def told(publication: dict[str, Any]) -> dict[str, bool]:
    """Townships of any household, and whether they are told."""
    rows = publication["figures"]["townships"]
    return {row["key"]: not row["withheld"] for row in rows if row["households"]}


def test_a_period_of_one_or_two_households_is_not_published(office: Office) -> None:
    [one, two, *_], [three, *_] = by_township(2)[:2]
    july = {"from": "2024-07", "to": "2024-07"}
    for code, household in (("W1", one), ("W2", two)):
        paid(office, code, household, "2024-07-10")
        paid(office, f"{code}-6", household, "2024-06-10")
    paid(office, "W3-6", three, "2024-06-10")
    count_all()
    for month in ("2024-06", "2024-07"):
        office.post("/months", {"month": month})
    refused = office.post("/published-income", july, status=409)
    assert (why(refused), refused["households"], refused["least"]) == ("too-few-households", 2, 3)
    made = office.post("/published-income", {"from": "2024-06", "to": "2024-06"})
    assert set(told(made).values()) == {False}
    # Two months less one of them are the other one.
    assert why(office.post("/published-income", july | {"from": "2024-06"}, status=409)) == "too-few-households"
    assert scalars("SELECT count(*) FROM publications") == [(1,)]
    with transaction() as session:  # as it could be before this rule
        session.execute(
            text("INSERT INTO publications (first_month, last_month, version, figures, published_at)"
                 " SELECT '2024-07-01', '2024-07-01', 1, figures, published_at FROM publications")
        )  # fmt: skip
    assert set(told(office.post("/published-income", july | {"from": "2024-06"})).values()) == {False}


def test_a_township_that_periods_less_one_another_would_tell_of_is_withheld(office: Office) -> None:
    first, second, third = by_township(3)[:3]
    for month in ("06", "07"):
        for n, household in enumerate(first[:3] + second[:3] + third[: 3 if month == "06" else 1]):
            paid(office, f"W{month}-{n}", household, f"2024-{month}-10")
    count_all()
    for month in ("2024-06", "2024-07"):
        office.post("/months", {"month": month})
    assert set(told(office.post("/published-income", {"from": "2024-06", "to": "2024-06"})).values()) == {True}
    both = told(office.post("/published-income", {"from": "2024-06", "to": "2024-07"}))
    assert sorted(both.values()) == [False, False, True]  # the third, and the smallest with it


def test_a_restatement_does_not_tell_the_sums_of_the_family_that_moved(office: Office) -> None:
    office.close_through(3)
    before = told(office.post("/published-income", MARCH))
    moved = scalars(
        "SELECT min(households.code), townships.code FROM households JOIN villages ON villages.id = village_id"
        " JOIN townships ON townships.id = township_id WHERE EXISTS (SELECT FROM income_entries"
        " WHERE household_id = households.id AND month <= '2025-03-01') GROUP BY 2 ORDER BY 2"
    )
    (one, here), (other, there) = [row for row in moved if before[row[1]]][:2]
    office.post(f"/households/{one}/merge", {"into": other, "reason": "同一户"}, status=200)
    after = told(office.post("/published-income", MARCH | {"reason": "合并重复登记的一户"}))
    assert (after[here], after[there]) == (False, False)
    assert {key for key in after if before[key] and not after[key]} == {here, there}
    office.post(f"/households/{one}/unmerge", {"reason": "核实为两户"}, status=200)
    assert told(office.post("/published-income", MARCH | {"reason": "撤销合并"})) == before


WAGE, RENT, SALE = IncomeKind.WAGE.value, IncomeKind.LAND_RENT.value, IncomeKind.SALE.value
KINDS = st.lists(st.dictionaries(st.sampled_from([kind.value for kind in IncomeKind]), st.integers(0, 6)), max_size=5)


@given(KINDS)
def test_no_row_tells_a_kind_that_few_of_its_households_had_nor_leaves_one_open(rows: list[dict[str, int]]) -> None:
    hidden = untold_kinds(rows)
    for row in rows:
        assert all(count == 0 or count >= FEW for kind, count in row.items() if kind not in hidden)
        left = [count for kind, count in row.items() if kind in hidden and count]
        everything = all(kind in hidden for kind, count in row.items() if count)
        assert not left or max(left) >= FEW or everything
    assert bool(hidden) == any(0 < count < FEW for row in rows for count in row.values())


def test_the_least_common_kind_is_withheld_with_one_of_few() -> None:
    assert untold_kinds([{WAGE: 1, RENT: 4, SALE: 5}, {RENT: 0, SALE: 9}]) == {WAGE, RENT}
    # What was withheld before stays so.
    assert untold_kinds([{WAGE: 4, RENT: 4}], {SALE}) == {SALE}


def test_a_kind_of_income_that_one_household_of_a_township_had_is_not_published(office: Office) -> None:
    first, second = by_township(4)[:2]
    for n, household in enumerate([*first[:4], *second[:4]]):
        paid(office, f"W-{n}", household, "2024-07-10")
        if n > 0:
            paid(office, f"R-{n}", household, "2024-07-10", kind="land_rent")
    subsidy = {"code": "S-1", "household": first[0], "kind": "subsidy", "paid_on": "2024-07-10", "amount_fen": 12_345,
               "source": "到户补贴"}  # fmt: skip
    office.post("/household-payments", subsidy)
    count_all()
    office.post("/months", {"month": "2024-07"})
    made = office.post("/published-income", {"from": "2024-07", "to": "2024-07"})
    assert made["figures"]["withheld_kinds"] == {
        "total": ["land_rent", "subsidy"],
        "townships": ["land_rent", "subsidy"],
    }
    rows = [row for row in made["figures"]["townships"] if row["households"]]
    assert [row["withheld"] for row in rows] == [False, False]
    for row in (*rows, made["figures"]["total"]):
        assert (row["cash"]["subsidy_fen"], row["cash"]["land_rent_fen"]) == (None, None)
        assert (row["categories"]["transfer_fen"], row["categories"]["property_fen"]) == (None, None)
        assert row["cash"]["wage_fen"] == row["categories"]["wage_fen"] == 30_000 * row["households"]


def test_versions_are_read_page_by_page(office: Office) -> None:
    office.close_through(3)
    for last in ("01", "02", "03"):
        office.post("/published-income", {"from": "2025-01", "to": f"2025-{last}"})
    public, seen, after = office.app.test_client(), [], ""
    while len(seen) < 4:
        page = public.get(f"/api/v1/published-income?limit=2{after}").json
        seen += [row["to"] for row in page["items"]]
        if page["next"] is None:
            break
        after = f"&cursor={page['next']}"
    assert seen == ["2025-03", "2025-02", "2025-01"]


def test_a_version_never_changes(office: Office) -> None:
    office.close_through(3)
    office.post("/published-income", MARCH)
    for change in ("UPDATE publications SET figures = '{}'", "DELETE FROM publications"):
        with pytest.raises(IntegrityError, match="append-only"), transaction() as session:
            session.execute(text(change))
