"""A family that was not recorded before is recorded by itself, and joins a firm on a day; the files know since ever."""

from collections.abc import Iterator
from datetime import date
from threading import Thread
from typing import Any

import pytest
from flask import Flask

from shop.access.models import Role
from shop.imports.files import ImportResult, import_files
from shop.kit.clock import WalkingClock
from shop.kit.db import transaction
from tests.factories.access import headers_of, person
from tests.factories.office import Office, good_books, scalars

FAMILY = {"code": "农户-9001", "village": "140829106202", "persons": 4, "land_mu_tenths": 73}
HEAD = "code,village_code,firm_code,relation,share_units,land_mu,land_leased_out_mu,persons,is_assisted"
#: A co-operative and a firm that is none.
MEMBER, GROWER = "{},140829106202,F01,member,5,7.3,0.0,4,0", "{},140829106202,F08,contract,0,7.3,0.0,4,0"


@pytest.fixture
def office(county: Flask, clock: WalkingClock) -> Iterator[Office]:
    with good_books(county, clock, date(2026, 7, 15)) as office:
        yield office


def sent(office: Office, *rows: str, dry_run: bool = False) -> ImportResult:
    """The households' file of the county with these rows, as it would be read now."""
    file = "\n".join([HEAD, *rows]).encode()
    with transaction() as session:
        return import_files({"households.csv": file}, session=session, now=office.clock.now(), dry_run=dry_run)


def columns(result: ImportResult) -> list[tuple[int, str]]:
    return [(error.line, error.column) for error in result.errors]


def other_village() -> str:
    """A village of another township."""
    found = scalars(
        "SELECT code FROM villages WHERE township_id <> (SELECT township_id FROM villages WHERE code = :own)"
        " ORDER BY code LIMIT 1",
        own=FAMILY["village"],
    )
    return str(found[0][0])


def manager_of(office: Office, village: str) -> dict[str, str]:
    [(party_id,)] = scalars(
        "SELECT party_id FROM townships JOIN villages ON township_id = townships.id WHERE villages.code = :village",
        village=village,
    )
    return headers_of(office.app, person(office.app, (Role.MANAGER, party_id)))


def delivery(code: str, household: str) -> dict[str, Any]:
    return {
        "code": code, "household": household, "sku": "PL001", "delivered_on": "2026-07-15", "weight_g": 10_000,
        "grade": "一级", "price_fen_per_kg": 500,
    }  # fmt: skip


def test_a_new_family_is_recorded_joins_on_a_day_and_delivers(office: Office) -> None:
    seen = office.post("/households", FAMILY)
    assert (seen["code"], seen["persons"], seen["land_mu_tenths"], seen["leased_out_mu_tenths"]) == (
        "农户-9001", 4, 73, 0,
    )  # fmt: skip
    assert seen["memberships"] == []
    assert "is_assisted" not in seen
    assert office.get("/households/农户-9001") == seen
    ours = office.firms["F01"]
    office.get("/households/农户-9001", ours, 404)  # of no firm yet
    office.post("/deliveries", delivery("D91001", "农户-9001"), ours, 409)
    office.post("/households/农户-9001/memberships", {"firm": "F01", "joined_on": "2026-07-01", "share_units": 2})
    office.post("/deliveries", delivery("D91001", "农户-9001"), ours)
    told = office.get("/households/农户-9001", ours)["memberships"]
    assert [(one["firm"], one["joined_on"], one["share_units"]) for one in told] == [("F01", "2026-07-01", 2)]
    statement = office.get("/households/农户-9001/statement?month=2026-07", office.household("农户-9001"))
    assert "5000" in str(statement)


def test_a_code_is_given_once_and_land_is_leased_out_of_what_there_is(office: Office) -> None:
    office.post("/households", FAMILY)
    assert office.post("/households", FAMILY, status=409)["type"].endswith("#household-taken")
    taken = scalars("SELECT code FROM households ORDER BY id LIMIT 1")[0][0]
    assert office.post("/households", FAMILY | {"code": taken}, status=409)["type"].endswith("#household-taken")
    beyond = FAMILY | {"code": "农户-9002", "leased_out_mu_tenths": 74}
    assert office.post("/households", beyond, status=422)["type"].endswith("#leased-beyond-land")
    office.post("/households", FAMILY | {"code": "农户-9002", "village": "140829999999"}, status=404)
    assert scalars("SELECT FROM households WHERE code = '农户-9002'") == []


def test_a_family_whose_joining_never_was_is_still_known_to_the_county(office: Office) -> None:
    office.post("/households", FAMILY)
    office.post("/households/农户-9001/memberships", {"firm": "F01", "joined_on": "2026-07-01", "share_units": 2})
    void = {"firm": "F01", "reason": "录错了农户（示例）"}
    office.post("/households/农户-9001/membership-voids", void, status=200)
    assert office.get("/households/农户-9001")["memberships"] == []
    office.get("/households/农户-9001", office.firms["F01"], 404)
    office.post("/households/农户-9001/village", {"village": other_village(), "reason": "选错了村（示例）"})


def test_a_township_records_its_own_families(office: Office) -> None:
    other = other_village()
    here = manager_of(office, str(FAMILY["village"]))
    office.post("/households", FAMILY | {"village": other}, here, 404)
    office.post("/households", FAMILY, here)
    office.post("/households", FAMILY | {"code": "农户-9003"}, office.firms["F01"], 403)


def test_a_file_says_since_ever_of_no_family_that_was_recorded_by_itself(office: Office) -> None:
    office.post("/households", FAMILY)
    refused = sent(office, MEMBER.format("农户-9001"))
    assert columns(refused) == [(2, "firm_code"), (2, "relation"), (2, "share_units")]
    assert sent(office, MEMBER.format("农户-9002"), dry_run=True).errors == []


def test_a_file_adds_no_member_since_ever_to_a_co_operative_that_shared_its_surplus(office: Office) -> None:
    known = scalars(
        "SELECT households.code FROM memberships JOIN households ON households.id = household_id"
        " JOIN firms ON firms.id = firm_id WHERE firms.code = 'F01' ORDER BY 1"
    )
    office.post("/deliveries", delivery("D91002", known[0][0]), office.firms["F01"])
    office.go(date(2027, 1, 10))
    terms = {
        "firm": "F01", "year": 2026, "surplus_fen": 40_000_000, "prior_loss_fen": 0, "reserve_bp": 1_000,
        "return_bp": 7_000, "share_value_fen": 100_000, "aid_fen": 0,
    }  # fmt: skip
    plan = office.post("/surplus-plans", terms, office.firms["F01"])["code"]
    office.post(f"/surplus-plans/{plan}/laying-open", None, office.firms["F01"], 200)  # type: ignore[arg-type]
    office.go(date(2027, 1, 25))
    minutes = {"met_on": "2027-01-25", "minutes": "纪要（示例）"}
    office.post(f"/surplus-plans/{plan}/approval", minutes, office.firms["F01"], 200)
    rows = [MEMBER.format("农户-9002"), GROWER.format("农户-9003")]
    assert sent(office, *rows, dry_run=True).errors == []
    office.post(f"/surplus-plans/{plan}/booking", None, office.firms["F01"])  # type: ignore[arg-type]
    refused = sent(office, *rows)
    assert columns(refused) == [(2, "firm_code")]
    assert plan in refused.errors[0].zh
    assert plan in refused.errors[0].en
    assert sent(office, rows[1]).counts["households.csv"].new == 1
    # Recorded by itself it joins on a day after the year that was shared.
    office.post("/households", FAMILY | {"code": "农户-9002"})
    joined = {"firm": "F01", "joined_on": "2026-12-31", "share_units": 5}
    assert office.post("/households/农户-9002/memberships", joined, status=409)["type"].endswith("#membership-counted")
    office.post("/households/农户-9002/memberships", joined | {"joined_on": "2027-01-02"})


SLIPS = "code,date,household_code,firm_code,sku,kg,grade,price_fen_per_kg,amount_fen"
WAGES = "code,date,household_code,firm_code,kind,amount_fen"


def file_of(office: Office, name: str, *rows: str) -> ImportResult:
    with transaction() as session:
        data = {name: "\n".join(rows).encode()}
        return import_files(data, session=session, now=office.clock.now(), dry_run=True)


def test_a_file_books_for_the_firms_of_a_family_and_on_its_days(office: Office) -> None:
    office.post("/households", FAMILY)
    office.post("/households/农户-9001/memberships", {"firm": "F01", "joined_on": "2026-07-01", "share_units": 2})
    office.post("/households/农户-9001/membership-voids", {"firm": "F01", "reason": "录错了社（示例）"}, status=200)
    office.post("/households/农户-9001/memberships", {"firm": "F02", "joined_on": "2026-07-10", "share_units": 0})
    [(peach,)], [(other,)] = (
        scalars("SELECT min(sku) FROM products JOIN firms ON firms.id = firm_id WHERE firms.code = :firm"
                " AND farm_gate_fen_per_kg IS NOT NULL AND harvest_start_month <= 7 AND harvest_end_month >= 7",
                firm=firm)
        for firm in ("F01", "F02")
    )  # fmt: skip
    slip = "D9200{},2026-07-{},农户-9001,{},{},10.0,一级,500,5000"
    never = file_of(office, "deliveries.csv", SLIPS, slip.format(1, 14, "F01", peach))
    assert columns(never) == [(2, "firm_code")]
    paid = file_of(office, "household_payments.csv", WAGES, "P92001,2026-07-14,农户-9001,F01,wage,5000")
    assert columns(paid) == [(2, "firm_code")]
    rows = [slip.format(day, f"{day:02}", "F02", other) for day in (9, 10)]
    early = file_of(office, "deliveries.csv", SLIPS, *rows)
    assert columns(early) == [(2, "date")]
    assert file_of(office, "deliveries.csv", SLIPS, rows[1]).errors == []
    assert file_of(office, "household_payments.csv", WAGES, "P92002,2026-07-14,农户-9001,F02,wage,5000").errors == []


def test_no_family_is_recorded_while_a_file_is_written_that_may_bring_it(office: Office) -> None:
    answers: list[int] = []

    def meanwhile(label: str, done: int, steps: int) -> None:
        if label == "households.csv" and done > steps // 2:  # what is known was read, the rows are not written
            register = Thread(target=registered, args=(office, answers))
            register.start()
            register.join()

    with transaction() as session:
        file = "\n".join([HEAD, GROWER.format("农户-9001")]).encode()
        result = import_files(
            {"households.csv": file}, session=session, now=office.clock.now(), progress=meanwhile
        )  # fmt: skip
    assert result.errors == []
    assert answers == [503]  # it waited for as long as anything waits for a lock
    office.post("/households", FAMILY, status=409)


def registered(office: Office, answers: list[int]) -> None:
    sent = office.operator | {"Idempotency-Key": "meanwhile"}
    answers.append(office.app.test_client().post("/api/v1/households", json=FAMILY, headers=sent).status_code)
