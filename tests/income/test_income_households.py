"""What a household's record should say: persons, land, whether it is assisted; what contracts hold stays its own."""

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask

from shop.access.models import Role
from shop.kit.clock import WalkingClock
from tests.factories.access import signed_in
from tests.factories.guarantees import lands, signed, told
from tests.factories.office import Office, count_all, good_books, scalars


@pytest.fixture
def office(county: Flask, clock: WalkingClock) -> Iterator[Office]:
    with good_books(county, clock) as office:
        yield office


def corrected(office: Office, code: str, status: int = 201, **said: Any) -> Any:
    return office.post(f"/households/{code}/corrections", said | {"reason": "入户核实"}, status=status)


def assisted(office: Office, code: str, is_assisted: bool) -> Any:
    return office.post(
        f"/households/{code}/assistance", {"is_assisted": is_assisted, "reason": "县级认定（示例）"}, status=201
    )


def test_a_record_says_what_it_should_and_keeps_what_it_said(office: Office) -> None:
    code = min(lands())
    [(persons, land)] = scalars("SELECT persons, land_mu_tenths FROM households WHERE code = :code", code=code)
    assert told(corrected(office, code, 422, persons=persons)) == "household-stands"
    assert told(corrected(office, code, 422, leased_out_mu_tenths=land + 1)) == "leased-beyond-land"
    corrected(office, code, 422, share_units=9)
    corrected(office, "农户-9999", 404, persons=3)
    assert office.get(f"/households/{code}/corrections")["items"] == []
    seen = corrected(office, code, persons=persons + 1, land_mu_tenths=land + 12, leased_out_mu_tenths=5)
    assert (seen["persons"], seen["land_mu_tenths"], seen["leased_out_mu_tenths"]) == (persons + 1, land + 12, 5)
    assert office.get(f"/households/{code}", office.firms["F01"]) == seen
    [kept] = office.get(f"/households/{code}/corrections", office.household(code))["items"]
    assert kept["changed"] == {
        "persons": [persons, persons + 1], "land_mu_tenths": [land, land + 12], "leased_out_mu_tenths": [0, 5],
    }  # fmt: skip
    assert kept["reason"] == "入户核实"


def test_land_that_contracts_hold_is_not_corrected_away(office: Office) -> None:
    code = min(lands())
    [(land,)] = scalars("SELECT land_mu_tenths FROM households WHERE code = :code", code=code)
    signed(office)  # 35 of it, from 2024 to 2026
    refused = corrected(office, code, 409, land_mu_tenths=34)
    assert (told(refused), refused["held_mu_tenths"], refused["year"]) == ("land-in-contracts", 35, 2026)
    assert told(corrected(office, code, 409, leased_out_mu_tenths=land - 34)) == "land-in-contracts"
    assert scalars("SELECT land_mu_tenths FROM households WHERE code = :code", code=code) == [(land,)]
    corrected(office, code, leased_out_mu_tenths=land - 35)
    office.post("/guarantees/BD-001/voiding", {"reason": "录错"}, status=200)
    corrected(office, code, land_mu_tenths=34, leased_out_mu_tenths=34)


def test_who_is_assisted_is_said_by_the_county_and_read_on_need_alone(office: Office) -> None:
    code = min(lands())
    flag = f"/households/{code}?need=核对帮扶名单"
    before = office.get(flag)["is_assisted"]
    assert assisted(office, code, not before) == {"household": code, "is_assisted": not before}
    assert office.get(flag)["is_assisted"] is not before
    assisted(office, code, not before)  # said again: no refusal tells what it was
    assert office.get(f"/households/{code}/corrections")["items"] == []
    seen = office.get(f"/households/{code}/corrections?need=核对帮扶名单")["items"]
    assert [(row["is_assisted"], row["reason"]) for row in seen] == [(not before, "县级认定（示例）")] * 2
    looked = "SELECT count(*) FROM history WHERE event = 'see_assisted' AND reason = '核对帮扶名单'"
    assert scalars(looked) == [(3,)]
    office.get(f"/households/{code}/corrections?need=核对", office.household(code), 403)
    office.post(f"/households/{code}/assistance", {"is_assisted": True, "reason": "x"}, office.firms["F01"], 403)
    manager = signed_in(office.app, Role.MANAGER, scalars("SELECT id FROM parties WHERE kind = 'county'")[0][0])
    office.post(f"/households/{code}/assistance", {"is_assisted": True, "reason": "x"}, manager, 403)


def test_a_closed_year_tells_how_many_are_assisted_as_they_stand_now(office: Office) -> None:
    office.close_through(12)
    count_all()
    whole = "/reports/income?year=2025&by=township&limit=100"
    before = office.get(whole)["total"]["assisted_households"]
    others = "SELECT code FROM households WHERE NOT is_assisted AND id IN (SELECT household_id FROM deliveries)"
    for (code,) in scalars(f"{others} ORDER BY 1 LIMIT 5"):
        assisted(office, code, True)
    assert office.get(whole)["total"]["assisted_households"] == before + 5
