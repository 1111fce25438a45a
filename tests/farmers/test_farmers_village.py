"""Where a household lives is put right: reports follow with all that it had, what was told stays and is restated."""

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask

from shop.access.models import Role
from shop.kit.clock import WalkingClock
from tests.factories.access import headers_of, person
from tests.factories.office import Office, count_all, good_books, scalars

AXES = ("household", "village", "township", "firm", "product", "month")


@pytest.fixture
def office(county: Flask, clock: WalkingClock) -> Iterator[Office]:
    with good_books(county, clock) as office:
        count_all()
        yield office


def households() -> list[Any]:
    """Households that delivered to F01, by code, with their places."""
    return scalars(
        "SELECT households.code, villages.code AS village, short_zh, townships.code AS township, townships.party_id"
        " FROM households JOIN villages ON villages.id = village_id JOIN townships ON townships.id = township_id"
        " WHERE households.id IN (SELECT household_id FROM income_entries JOIN firms ON firms.id = firm_id"
        " WHERE firms.code = 'F01') ORDER BY 1"
    )


def moved(office: Office, code: str, village: str, headers: Any = None, status: int = 201) -> Any:
    return office.post(f"/households/{code}/village", {"village": village, "reason": "登记时选错了村"}, headers, status)


def rows(office: Office, by: str, headers: dict[str, str]) -> dict[str, Any]:
    items, after = {}, ""
    while True:
        told = office.get(f"/reports/income?year=2025&by={by}&limit=100{after}", headers)
        items |= {row["key"]: row for row in told["items"]}
        if told["next"] is None:
            return items | {"": told["total"]}
        after = f"&after={told['next']}"


def manager(office: Office, party_id: int) -> dict[str, str]:
    return headers_of(office.app, person(office.app, (Role.MANAGER, party_id)))


def test_all_that_a_household_had_counts_where_it_lives_by_its_record(office: Office) -> None:
    one = households()[0]
    other = scalars(
        "SELECT villages.code AS village, short_zh, townships.code AS township FROM villages"
        " JOIN townships ON townships.id = township_id WHERE townships.code <> :own ORDER BY 1 LIMIT 1",
        own=one.township,
    )[0]
    readers = {"county": office.operator, "F01": office.firms["F01"]}
    before = {reader: {by: rows(office, by, headers) for by in AXES} for reader, headers in readers.items()}
    own = {reader: told["household"][one.code] for reader, told in before.items()}
    statement = office.get(f"/households/{one.code}/statement?month=2025-06")
    office.close_through(6)
    seen = moved(office, one.code, other.village)
    assert (seen["village_zh"], office.get(f"/households/{one.code}")) == (other.short_zh, seen)
    for counted in (False, True):  # while a report counts what changed itself, and as it is kept
        for reader, headers in readers.items():
            after = {by: rows(office, by, headers) for by in AXES}
            for by in ("household", "firm", "product", "month"):
                assert after[by] == before[reader][by], (by, reader, counted)
            for by, here, there in (
                ("village", one.village, other.village),
                ("township", one.township, other.township),
            ):
                nothing = {"cash_fen": 0, "households": 0, "weight_g": 0}
                for key, sign in ((here, -1), (there, 1)):
                    was, now = (told[by].get(key, nothing) for told in (before[reader], after))
                    for name in nothing:
                        assert now[name] == was[name] + sign * own[reader][name], (by, key, name, reader, counted)
                assert after[by][""] == before[reader][by][""]
                asked = f"/reports/income/explain?year=2025&by={by}&key={there}&limit=1"
                why = office.get(asked, headers)
                row = after[by][there]
                assert (why["total_fen"], why["households"]) == (row["cash_fen"], row["households"])
        count_all()
    told = office.get(f"/households/{one.code}/statement?month=2025-06")
    places = ("village_zh", "township_zh", "closed_through")
    assert {name: told[name] for name in told if name not in places} == {
        name: statement[name] for name in statement if name not in places
    }  # fmt: skip
    assert told["village_zh"] == other.short_zh


def test_what_it_said_and_why_stays_readable(office: Office) -> None:
    one = households()[0]
    [(there,)] = scalars("SELECT min(code) FROM villages WHERE code <> :own", own=one.village)
    moved(office, one.code, there)
    [kept] = office.get(f"/households/{one.code}/corrections", office.household(one.code))["items"]
    assert (kept["village"], kept["reason"]) == ([one.village, there], "登记时选错了村")
    assert moved(office, one.code, there, status=422)["type"].endswith("household-stands")


def test_a_township_moves_its_own_within_itself_and_nobody_else_any(office: Office) -> None:
    one = households()[0]
    [(near,)] = scalars(
        "SELECT min(code) FROM villages WHERE code <> :own AND left(code, 9) = :township",
        own=one.village, township=one.township,
    )  # fmt: skip
    [(far,)] = scalars("SELECT min(code) FROM villages WHERE left(code, 9) <> :township", township=one.township)
    [(stranger,)] = scalars("SELECT party_id FROM townships WHERE code = left(:far, 9)", far=far)
    own, foreign = manager(office, one.party_id), manager(office, stranger)
    moved(office, one.code, far, own, 404)
    moved(office, one.code, far, foreign, 404)
    moved(office, one.code, "140829999999", own, 404)
    moved(office, one.code, near, office.firms["F01"], 403)
    moved(office, one.code, near, office.household(one.code), 403)
    assert office.get(f"/households/{one.code}")["village_zh"] == one.short_zh
    assert office.get(f"/households/{one.code}/corrections")["items"] == []
    moved(office, one.code, near, own)
    assert scalars("SELECT left(villages.code, 9) FROM households JOIN villages ON villages.id = village_id"
                   " WHERE households.code = :code", code=one.code) == [(one.township,)]  # fmt: skip


def test_published_figures_stay_and_are_restated(office: Office) -> None:
    office.close_through(6)
    span = {"from": "2025-06", "to": "2025-06"}
    first = office.post("/published-income", span)["figures"]
    one = households()[0]
    [(far,)] = scalars("SELECT min(code) FROM villages WHERE left(code, 9) <> :township", township=one.township)
    moved(office, one.code, far)
    shown = "/published-income/figures?from=2025-06&to=2025-06&version="
    assert office.get(f"{shown}1")["figures"] == first
    second = office.post("/published-income", span | {"reason": "更正一户所在村"})
    assert second["version"] == 2
    assert second["figures"]["total"]["cash_fen"] == first["total"]["cash_fen"]
    assert second["figures"] != first
    assert office.get(f"{shown}1")["figures"] == first
