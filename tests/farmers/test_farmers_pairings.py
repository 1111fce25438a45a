"""Cadres and units paired with villages and households, by dates; each reader his own, nobody told who is assisted."""

import re
import threading
from datetime import date
from typing import Any

import pytest
from flask import Flask
from flask_migrate import downgrade, upgrade
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, ProgrammingError

from shop.access.models import PartyKind, Role
from shop.app import with_migrations
from shop.kit.clock import WalkingClock
from shop.kit.db import db, release, transaction
from shop.kit.revisions import FOLDER
from tests.factories.access import headers_of, party, person
from tests.factories.office import Office, scalars
from tests.factories.tables import contents


@pytest.fixture
def office(county: Flask, clock: WalkingClock) -> Office:
    """The county, with two cadres beside the unit B18 of the data."""
    office = Office(county, clock)
    office.go(date(2026, 3, 10))
    for code in ("G-1", "G-2"):
        party(county, PartyKind.CADRE, code)
    return office


def homes(number: int = 2) -> list[tuple[str, str]]:
    """Households with their villages, each of another village."""
    return [
        (row[0], row[1])
        for row in scalars(
            "SELECT min(households.code), villages.code FROM households JOIN villages ON villages.id = village_id"
            " GROUP BY villages.code ORDER BY 1 LIMIT :n",
            n=number,
        )
    ]


def paired(office: Office, helper: str, status: int = 201, **body: Any) -> Any:
    return office.post("/pairings", {"helper": helper, "starts_on": "2026-01-01"} | body, status=status)


def ended(office: Office, helper: str, status: int = 200, **body: Any) -> Any:
    asked = {"helper": helper, "ends_on": "2026-02-28", "reason": "调整"}
    return office.post("/pairings/ending", asked | body, status=status)


def why(refusal: Any) -> str:
    return str(refusal["type"]).rpartition("#")[2]


def test_a_pairing_begins_ends_and_begins_again_and_all_of_it_stays_readable(office: Office) -> None:
    [(household, village)] = homes(1)
    assert paired(office, "G-1", household=household) == {
        "helper": "G-1", "helper_zh": "某方（示例）", "village": village, "village_zh": scalars(
            "SELECT short_zh FROM villages WHERE code = :code", code=village)[0][0],
        "household": household, "starts_on": "2026-01-01", "ends_on": None,
    }  # fmt: skip
    assert why(paired(office, "G-1", 409, household=household, starts_on="2026-06-01")) == "already-paired"
    assert why(ended(office, "G-1", 409, household=household, ends_on="2025-12-31")) == "not-paired"
    assert ended(office, "G-1", household=household)["ends_on"] == "2026-02-28"
    assert why(ended(office, "G-1", 409, household=household)) == "not-paired"
    assert why(paired(office, "G-1", 409, household=household, starts_on="2026-02-28")) == "already-paired"
    paired(office, "G-1", household=household, starts_on="2026-03-01")
    rows = office.get(f"/pairings?helper=G-1&household={household}")["items"]
    assert [(row["starts_on"], row["ends_on"]) for row in rows] == [("2026-03-01", None), ("2026-01-01", "2026-02-28")]
    on = [office.get(f"/pairings?on={day}")["items"] for day in ("2025-12-31", "2026-02-28", "2026-03-01")]
    assert [[row["starts_on"] for row in found] for found in on] == [[], ["2026-01-01"], ["2026-03-01"]]


def test_cadres_and_units_are_paired_with_villages_and_with_households_side_by_side(office: Office) -> None:
    (one, village), (other, _) = homes()
    paired(office, "G-1", village=village)
    paired(office, "G-1", household=one)
    paired(office, "G-2", household=one)
    paired(office, "B18", village=village)
    paired(office, "B18", household=other)
    assert {(row["helper"], row["household"]) for row in office.get(f"/pairings?village={village}")["items"]} == {
        ("G-1", None), ("G-1", one), ("G-2", one), ("B18", None),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("helper", "body", "status", "code"),
    [
        ("F01", {}, 422, "not-a-helper"),
        ("NOBODY", {}, 404, "not-found"),
        ("G-1", {"household": "农户-9999"}, 404, "not-found"),
        ("G-1", {"household": None, "village": "999999999999"}, 404, "not-found"),
        ("G-1", {"household": None}, 422, "invalid"),
        ("G-1", {"village": "140829101001"}, 422, "invalid"),
        ("G-1", {}, 409, "already-paired"),
        ("G-2", {"quota_fen": 5000}, 422, "invalid"),
        ("G-2", {"minimum_packs": 1}, 422, "invalid"),
        ("G-2", {"screenshot": "x.jpg"}, 422, "invalid"),
    ],
)
def test_a_pairing_that_does_not_fit_and_any_quota_or_proof_is_refused_and_changes_nothing(
    office: Office, helper: str, body: dict[str, Any], status: int, code: str
) -> None:
    [(household, _)] = homes(1)
    paired(office, "G-1", household=household)
    before = contents(office.app)
    asked = {name: value for name, value in ({"household": household} | body).items() if value is not None}
    assert why(paired(office, helper, status, **asked)) == code
    assert contents(office.app) == before


def test_each_reader_sees_his_own_pairings_and_nobody_is_told_who_is_assisted(office: Office) -> None:
    assisted, other = (
        scalars("SELECT code FROM households WHERE is_assisted = :so ORDER BY code LIMIT 1", so=so)[0][0]
        for so in (True, False)
    )
    for helper, household in (("G-1", assisted), ("G-1", other), ("B18", other)):
        paired(office, helper, household=household)
    keys = {code: scalars("SELECT id FROM parties WHERE code = :code", code=code)[0][0] for code in ("G-1", "G-2")}
    cadre, colleague = (headers_of(office.app, person(office.app, (Role.CADRE, keys[code]))) for code in keys)
    seen = office.get("/pairings", cadre)["items"]
    assert [(row["helper"], row["household"]) for row in seen] == [("G-1", other), ("G-1", assisted)]
    assert {key for row in seen for key in row} == {
        "helper", "helper_zh", "village", "village_zh", "household", "starts_on", "ends_on",
    }  # fmt: skip
    assert office.get("/pairings", colleague)["items"] == []
    unit = scalars("SELECT id FROM parties WHERE code = 'B18' AND kind = 'buyer'")[0][0]
    organiser = headers_of(office.app, person(office.app, (Role.BUYER, unit)))
    assert [row["helper"] for row in office.get("/pairings", organiser)["items"]] == ["B18"]
    own, foreign = (
        scalars(
            "SELECT party_id FROM townships WHERE id " + sign + " (SELECT township_id FROM households"
            " JOIN villages ON villages.id = village_id WHERE households.code = :code) ORDER BY id LIMIT 1",
            code=other,
        )[0][0]
        for sign in ("=", "<>")
    )
    manager, stranger = (headers_of(office.app, person(office.app, (Role.MANAGER, its))) for its in (own, foreign))
    assert other in {row["household"] for row in office.get("/pairings", manager)["items"]}
    assert other not in {row["household"] for row in office.get("/pairings", stranger)["items"]}
    office.get("/pairings", office.firms["F01"], 403)
    office.get("/pairings", office.household(other), 403)


@pytest.mark.parametrize("kind", ["host", "shop", "firm", "customer"])
def test_who_earns_by_a_sale_or_buys_for_himself_is_not_paired_even_in_sql(office: Office, kind: str) -> None:
    party(office.app, PartyKind(kind), f"{kind}-1")
    with pytest.raises(IntegrityError, match="only_helpers"), transaction() as session:
        session.execute(
            text(
                "INSERT INTO pairings (helper_id, helper_kind, village_id, starts_on, recorded_at)"
                " SELECT parties.id, parties.kind, villages.id, '2025-01-01', now() FROM parties, villages"
                " WHERE parties.code = :code LIMIT 1"
            ),
            {"code": f"{kind}-1"},
        )


def test_two_clerks_at_once_pair_once(office: Office) -> None:
    [(household, _)] = homes(1)
    answers = []
    start = threading.Barrier(4)

    def clerk(number: int) -> None:
        start.wait()
        body = {"helper": "G-1", "household": household, "starts_on": f"2026-01-0{number}"}
        answers.append(
            office.app.test_client().post("/api/v1/pairings", json=body, headers=office.operator).status_code
        )

    clerks = [threading.Thread(target=clerk, args=(number,)) for number in range(1, 5)]
    for one in clerks:
        one.start()
    for one in clerks:
        one.join()
    assert sorted(answers) == [201, 409, 409, 409]
    assert scalars("SELECT count(*) FROM pairings")[0][0] == 1


# -- from two tables to one, and back ----------------------------------------------------------------------------------

[_ONE_TABLE] = (FOLDER / "versions").glob("*_one_table_of_pairings.py")
#: The revision that knew two tables.
BEFORE = re.findall(r'^down_revision = "(\w+)"', _ONE_TABLE.read_text(), re.M)[0]

SPELLS = """
    SELECT parties.code, coalesce(households.code, villages.code), starts_on::text, ends_on::text FROM pairings
    JOIN parties ON parties.id = helper_id LEFT JOIN households ON households.id = household_id
    LEFT JOIN villages ON villages.id = pairings.village_id ORDER BY 1, 2, 3
"""
FIRST = """
    SELECT partners.code, coalesce(households.code, villages.code), starts_on::text, ends_on::text FROM pairings
    JOIN partners ON partners.id = partner_id LEFT JOIN households ON households.id = household_id
    JOIN villages ON villages.id = pairings.village_id ORDER BY 1, 2, 3
"""
SECOND = """
    SELECT coalesce(parties.code, household_groups.code), households.code, starts_on::text, ends_on::text
    FROM household_ties JOIN households ON households.id = household_id
    LEFT JOIN parties ON parties.id = helper_id LEFT JOIN household_groups ON household_groups.id = group_id
    ORDER BY 1, 2, 3
"""


def moved(app: Flask, step: Any, revision: str) -> None:
    release()
    with_migrations(app)
    step(directory=str(FOLDER), revision=revision)
    db.engine.dispose()


def test_what_both_tables_knew_is_in_one_and_goes_back_where_it_came_from(office: Office) -> None:
    (one, village), (other, _) = homes()
    office.post("/partners", {"kind": "cadre", "code": "G-9", "name_zh": "干部九（示例）"})
    office.post("/household-groups", {"code": "Z-1", "name_zh": "一组（示例）"})
    office.post(f"/households/{one}/ties", {"group": "Z-1", "starts_on": "2026-01-01"})
    moved(office.app, downgrade, BEFORE)
    with transaction() as session:
        ids = {"one": one, "other": other, "village": village}
        first = (
            "INSERT INTO pairings (partner_id, partner_kind, village_id, household_id, starts_on, ends_on)"
            " SELECT partners.id, partners.kind, villages.id, (SELECT id FROM households WHERE code = :{who}),"
            " '{start}', {end} FROM partners, villages WHERE partners.code = 'G-9' AND villages.code = :village"
        )
        second = (
            "INSERT INTO household_ties (household_id, helper_id, starts_on, ends_on, recorded_at)"
            " SELECT households.id, parties.id, '{start}', {end}, now() FROM households, parties"
            " WHERE households.code = :{who} AND parties.code = '{helper}' AND parties.kind IN ('cadre', 'buyer')"
        )
        for line in (
            first.format(who="nobody", start="2025-03-01", end="NULL"),
            first.format(who="one", start="2025-05-01", end="'2025-06-30'"),
            first.format(who="one", start="2025-09-01", end="NULL"),
            # The second table knew the same pair too: overlapping, touching neither, and the one that runs.
            second.format(who="one", helper="G-9", start="2025-06-15", end="'2025-07-31'"),
            second.format(who="one", helper="G-9", start="2025-01-01", end="'2025-02-28'"),
            second.format(who="one", helper="G-9", start="2025-10-01", end="NULL"),
            second.format(who="other", helper="B18", start="2025-04-01", end="NULL"),
            second.format(who="other", helper="G-1", start="2025-04-01", end="'2025-04-30'"),
        ):
            session.execute(text(line), ids | {"nobody": ""})
    moved(office.app, upgrade, "head")
    spells = sorted(
        [
            ("G-9", village, "2025-03-01", None),
            ("G-9", one, "2025-01-01", "2025-02-28"),
            ("G-9", one, "2025-05-01", "2025-07-31"),
            ("G-9", one, "2025-09-01", None),
            ("B18", other, "2025-04-01", None),
            ("G-1", other, "2025-04-01", "2025-04-30"),
        ],
        key=lambda row: row[:3],
    )
    assert [tuple(row) for row in scalars(SPELLS)] == spells
    assert scalars("SELECT count(*) FROM household_ties")[0][0] == 1

    moved(office.app, downgrade, BEFORE)
    assert [tuple(row) for row in scalars(FIRST)] == [row for row in spells if row[0] == "G-9"]
    assert [tuple(row) for row in scalars(SECOND)] == [
        ("B18", other, "2025-04-01", None), ("G-1", other, "2025-04-01", "2025-04-30"),
        ("Z-1", one, "2026-01-01", None),
    ]  # fmt: skip
    moved(office.app, upgrade, "head")
    assert [tuple(row) for row in scalars(SPELLS)] == spells


def test_going_back_is_refused_where_it_would_lose_a_pairing(office: Office) -> None:
    [(_, village)] = homes(1)
    paired(office, "B18", village=village)
    with pytest.raises(ProgrammingError, match="have no place in the tables before"):
        moved(office.app, downgrade, BEFORE)
    assert [tuple(row) for row in scalars(SPELLS)] == [("B18", village, "2026-01-01", None)]
