"""Households in groups, by dates."""

from datetime import date
from typing import Any

import pytest
from flask import Flask

from shop.access.models import Role
from shop.kit.clock import WalkingClock
from tests.factories.access import headers_of, person
from tests.factories.office import Office, count_all, scalars


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
    refused = tied(office, one, 422, group="Z-001", starts_on="2026-02-28")
    assert (why(refused), refused["earliest"]) == ("tie-day-too-early", "2026-03-01")
    tied(office, one, group="Z-001", starts_on="2026-03-01")
    rows = office.get("/household-ties?group=Z-001")["items"]
    assert [(row["household"], row["starts_on"], row["ends_on"]) for row in rows] == [
        (one, "2026-03-01", None), (other, "2026-01-01", None), (one, "2026-01-01", "2026-02-28"),
    ]  # fmt: skip
    tied(office, one, 404, group="Z-002")
    tied(office, one, 422)
    tied(office, one, 422, group="Z-001", helper="G-1")  # pairings have a home of their own


def test_a_day_to_come_is_told_with_today_and_one_before_the_tie_with_its_first_day(office: Office) -> None:
    [(one,)] = scalars("SELECT min(code) FROM households")
    office.post("/household-groups", {"code": "Z-001", "name_zh": "一组（示例）"})
    tied(office, one, group="Z-001")
    ahead = ended(office, one, 422, group="Z-001", ends_on="2026-03-11")
    assert (why(ahead), ahead["latest"]) == ("tie-day-ahead", "2026-03-10")
    early = ended(office, one, 422, group="Z-001", ends_on="2025-12-31")
    assert (why(early), early["earliest"]) == ("tie-day-too-early", "2026-01-01")


def test_a_tie_keyed_wrong_is_void_as_if_it_had_never_been(office: Office) -> None:
    [(one,)] = scalars("SELECT min(code) FROM households WHERE id IN (SELECT household_id FROM income_entries)")
    count_all()
    office.post("/household-groups", {"code": "Z-001", "name_zh": "一组（示例）"})
    tied(office, one, group="Z-001", starts_on="2025-01-01")
    report = "/reports/income?from=2025-01&to=2025-12&by=group"
    assert [row["key"] for row in office.get(report)["items"]] == ["Z-001"]
    void = {"group": "Z-001", "starts_on": "2025-01-01", "reason": "录错了户"}
    assert office.post(f"/households/{one}/ties/voiding", void, status=200)["void_reason"] == "录错了户"
    assert office.get(report)["items"] == []
    assert why(office.post(f"/households/{one}/ties/voiding", void, status=409)) == "household-not-tied"
    assert why(ended(office, one, 409, group="Z-001")) == "household-not-tied"
    tied(office, one, group="Z-001", starts_on="2025-01-01")
    assert [row["void_reason"] for row in office.get("/household-ties?group=Z-001")["items"]] == [None, "录错了户"]


def test_groups_are_listed_newest_first_and_a_township_sees_those_of_its_households(office: Office) -> None:
    found = scalars(
        "SELECT households.code, townships.party_id FROM households JOIN villages ON villages.id = village_id"
        " JOIN townships ON townships.id = township_id ORDER BY townships.id, households.code"
    )
    own = [row for row in found if row.party_id == found[0].party_id][:2]
    far = next(row for row in found if row.party_id != own[0].party_id)
    for number in (1, 2, 3):
        office.post("/household-groups", {"code": f"Z-00{number}", "name_zh": f"{number}组（示例）"})
    for code, group in ((own[0].code, "Z-001"), (own[1].code, "Z-001"), (far.code, "Z-001"), (far.code, "Z-002")):
        tied(office, code, group=group)
    ended(office, own[1].code, group="Z-001")

    def listed(headers: dict[str, str] | None = None) -> list[tuple[str, int]]:
        return [(row["code"], row["households"]) for row in office.get("/household-groups", headers)["items"]]

    assert listed() == [("Z-003", 0), ("Z-002", 1), ("Z-001", 2)]
    township, other = (
        headers_of(office.app, person(office.app, (Role.MANAGER, one.party_id))) for one in (own[0], far)
    )
    assert listed(township) == [("Z-001", 1)]
    assert listed(other) == [("Z-002", 1), ("Z-001", 1)]
    first = office.get("/household-groups?limit=2")
    assert first["items"][1]["name_zh"] == "2组（示例）"
    rest = office.get(f"/household-groups?limit=2&cursor={first['next']}")
    assert ([row["code"] for row in rest["items"]], rest["next"]) == (["Z-001"], None)
    office.get("/household-groups", office.firms["F01"], 403)
    void = {"group": "Z-001", "starts_on": "2026-01-01", "reason": "录错了户"}
    office.post(f"/households/{own[0].code}/ties/voiding", void, status=200)
    assert listed() == [("Z-003", 0), ("Z-002", 1), ("Z-001", 1)]


def test_a_firm_is_not_told_for_whom_a_household_counts_that_it_does_not_know(office: Office) -> None:
    office.post("/households/农户-0001/merge", {"into": "农户-0002", "reason": "同一户"}, status=200)
    assert office.get("/households/农户-0001")["counts_for"] == "农户-0002"
    assert office.get("/households/农户-0001", office.firms["F01"])["counts_for"] is None
    assert "农户-0002" not in str(office.get("/households?limit=100", office.firms["F01"]))
