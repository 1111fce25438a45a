"""Households in groups and paired with helpers, by dates; each reader his own, and nobody is told who is assisted."""

from datetime import date
from typing import Any

import pytest
from flask import Flask

from shop.access.models import PartyKind, Role
from shop.kit.clock import WalkingClock
from tests.factories.access import headers_of, party, person
from tests.factories.office import Office, scalars


@pytest.fixture
def office(county: Flask, clock: WalkingClock) -> Office:
    office = Office(county, clock)
    office.go(date(2026, 3, 10))
    return office


def tied(office: Office, code: str, status: int = 201, **body: Any) -> Any:
    return office.post(f"/households/{code}/ties", {"starts_on": "2026-01-01"} | body, status=status)


def ended(office: Office, code: str, status: int = 200, **body: Any) -> Any:
    return office.post(
        f"/households/{code}/ties/end", {"ends_on": "2026-02-28", "reason": "调整"} | body, status=status
    )


def why(refusal: Any) -> str:
    return str(refusal["type"]).rpartition("#")[2]


def test_a_household_comes_into_a_group_leaves_it_and_comes_back_and_all_of_it_stays_readable(office: Office) -> None:
    one, other = (row[0] for row in scalars("SELECT code FROM households ORDER BY code LIMIT 2"))
    group = {"code": "Z-001", "name_zh": "一组（示例）"}
    office.post("/household-groups", group)
    assert why(office.post("/household-groups", group, status=409)) == "group-code-taken"
    tied(office, one, 422, group="Z-001", starts_on="2026-03-11")
    assert tied(office, one, group="Z-001")["group_zh"] == "一组（示例）"
    tied(office, other, group="Z-001")
    assert why(tied(office, one, 409, group="Z-001")) == "household-tied"
    assert ended(office, one, group="Z-001")["ends_on"] == "2026-02-28"
    assert why(ended(office, one, 409, group="Z-001")) == "household-not-tied"
    assert why(tied(office, one, 422, group="Z-001", starts_on="2026-02-28")) == "membership-day-impossible"
    tied(office, one, group="Z-001", starts_on="2026-03-01")
    rows = office.get("/household-ties?group=Z-001")["items"]
    assert [(row["household"], row["starts_on"], row["ends_on"]) for row in rows] == [
        (one, "2026-03-01", None), (other, "2026-01-01", None), (one, "2026-01-01", "2026-02-28"),
    ]  # fmt: skip
    tied(office, one, 404, group="Z-002")
    tied(office, one, 422)
    tied(office, one, 422, group="Z-001", helper="G-1")


def test_a_cadre_sees_the_households_paired_with_him_and_not_whether_they_are_assisted(office: Office) -> None:
    assisted, other = (
        scalars("SELECT code FROM households WHERE is_assisted = :so ORDER BY code LIMIT 1", so=so)[0][0]
        for so in (True, False)
    )
    mine, his = (party(office.app, PartyKind.CADRE, code) for code in ("G-1", "G-2"))
    cadre = headers_of(office.app, person(office.app, (Role.CADRE, mine)))
    colleague = headers_of(office.app, person(office.app, (Role.CADRE, his)))
    tied(office, assisted, helper="G-1")
    tied(office, other, helper="G-1")
    seen = office.get("/household-ties", cadre)["items"]
    assert [row["household"] for row in seen] == [other, assisted]
    assert {key for row in seen for key in row} == {
        "household", "group", "group_zh", "helper", "helper_zh", "starts_on", "ends_on",
    }  # fmt: skip
    assert office.get("/household-ties", colleague)["items"] == []
    firm = scalars("SELECT code FROM parties WHERE kind = 'firm' LIMIT 1")[0][0]
    tied(office, other, 404, helper=firm)
    township = scalars(
        "SELECT townships.party_id FROM households JOIN villages ON villages.id = village_id"
        " JOIN townships ON townships.id = township_id WHERE households.code = :code",
        code=other,
    )[0][0]
    manager = headers_of(office.app, person(office.app, (Role.MANAGER, township)))
    assert other in {row["household"] for row in office.get("/household-ties", manager)["items"]}
