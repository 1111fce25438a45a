"""保底收益+二次分红 over HTTP: the guarantee whatever the year brought, and a part of the profit on top, by land."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from shop.kit.clock import WalkingClock
from shop.kit.db import transaction
from shop.kit.money import split
from tests.factories.guarantees import lands, paid, signed, told
from tests.factories.office import Office, good_books, scalars


@pytest.fixture
def office(county: Flask, clock: WalkingClock) -> Iterator[Office]:
    with good_books(county, clock) as office:
        yield office


def income(kind: str) -> dict[str, int]:
    rows = scalars(
        "SELECT households.code, income_entries.amount_fen FROM income_entries"
        " JOIN households ON households.id = household_id WHERE source_type = 'guarantee_payments' AND kind = :kind",
        kind=kind,
    )
    return {code: int(fen) for code, fen in rows}


def test_the_guarantee_is_paid_in_a_year_of_loss_and_nothing_comes_on_top(office: Office) -> None:
    assert signed(office)["unpaid_years"] == [2024, 2025]
    assert told(paid(office, "second-shares", 409, year=2025, distributable_fen=-500_000)) == "guaranteed-first"
    after = paid(office, "guaranteed-payments", year=2025)
    assert after["unpaid_years"] == [2024]
    assert list(income("land_rent").values()) == [315_004, 63_001, 99_001]  # 3.5, 0.7, 1.1 mu at 900.01 yuan, half up
    for profit in (-500_000, 0):
        assert told(paid(office, "second-shares", 409, year=2025, distributable_fen=profit)) == "no-profit-to-share"
    assert income("dividend") == {}
    assert sum(income("land_rent").values()) == 477_006


def test_the_second_share_goes_by_land_to_the_fen_and_stands_in_the_statement(office: Office) -> None:
    signed(office)
    paid(office, "guaranteed-payments", year=2025)
    after = paid(office, "second-shares", year=2025, distributable_fen=16_000_001)
    by_land = dict(zip(sorted(lands()), split(4_800_000, list(lands().values())), strict=True))
    assert income("dividend") == by_land
    assert after["paid"] == [
        {"year": 2025, "kind": "guaranteed", "amount_fen": 477_006},
        {"year": 2025, "kind": "second", "amount_fen": 4_800_000},
    ]
    first = min(lands())
    statement = office.get(f"/households/{first}/statement?month=2026-03")
    assert statement["received_fen"] == 315_004 + by_land[first]
    why = office.get(f"/reports/income/explain?year=2026&by=household&key={first}")
    assert {row["source_code"] for row in why["items"]} == {"BD-001"}


def test_a_year_is_paid_once_of_each_kind_and_only_within_the_contract(office: Office) -> None:
    signed(office)
    paid(office, "guaranteed-payments", year=2025)
    assert told(paid(office, "guaranteed-payments", 409, year=2025)) == "guarantee-paid"
    paid(office, "second-shares", year=2025, distributable_fen=1_000)
    assert told(paid(office, "second-shares", 409, year=2025, distributable_fen=1_000)) == "guarantee-paid"
    assert told(paid(office, "guaranteed-payments", 409, year=2027)) == "year-not-in-contract"
    paid(office, "guaranteed-payments", year=2026)
    assert told(paid(office, "second-shares", 409, year=2026, distributable_fen=1_000)) == "year-not-over"
    signed(office, code="BD-002", to_year=2030)
    early = office.post("/guarantees/BD-002/guaranteed-payments", {"year": 2027}, office.firms["F01"], 409)
    assert (told(early), early["detail"]) == ("year-not-begun", "2027 年尚未开始，保底收益还不能付。")
    assert len(income("land_rent")) == 3
    with pytest.raises(IntegrityError, match="append-only"), transaction() as session:
        session.execute(text("UPDATE guarantee_payments SET amount_fen = amount_fen + 1"))


def test_a_household_puts_in_land_that_it_has_and_each_of_it_once_a_year(office: Office) -> None:
    first = min(lands())
    [(held,)] = scalars("SELECT land_mu_tenths FROM households WHERE code = :code", code=first)
    assert told(signed(office, 422, signed_on="2026-03-11")) == "signed-in-the-future"
    refused = signed(office, 409, lands=[{"household": first, "mu_tenths": held + 1}])
    assert (told(refused), refused["land_mu_tenths"], refused["year"]) == ("land-beyond-holding", held, 2024)
    assert scalars("SELECT count(*) FROM guarantee_contracts") == [(0,)]
    signed(office)  # 35 of it, from 2024 to 2026
    rest = [{"household": first, "mu_tenths": held - 35}]
    beyond = [{"household": first, "mu_tenths": held - 34}]
    assert signed(office, 409, code="BD-002", from_year=2026, to_year=2027, lands=beyond)["year"] == 2026
    signed(office, code="BD-002", from_year=2027, to_year=2027, lands=beyond)
    signed(office, code="BD-003", from_year=2026, to_year=2026, lands=rest)


def test_land_that_a_household_leased_out_is_in_no_contract(office: Office) -> None:
    [(household, held, leased)] = scalars(
        "SELECT households.code, land_mu_tenths, leased_out_mu_tenths FROM households JOIN memberships"
        " ON household_id = households.id JOIN firms ON firms.id = firm_id WHERE firms.code = 'F01'"
        " AND leased_out_mu_tenths BETWEEN 1 AND land_mu_tenths - 1 ORDER BY 1 LIMIT 1"
    )
    refused = signed(office, 409, lands=[{"household": household, "mu_tenths": held - leased + 1}])
    assert (told(refused), refused["leased_out_mu_tenths"]) == ("land-beyond-holding", leased)
    assert f"其中已流转 {leased / 10:g} 亩" in refused["detail"]
    signed(office, lands=[{"household": household, "mu_tenths": held - leased}])


def two() -> list[Any]:
    """Two households of F01 with land that they lease to nobody, the second with more of it: code, tenths of a mu."""
    found = scalars(
        "SELECT households.code, land_mu_tenths FROM households JOIN memberships ON household_id = households.id"
        " JOIN firms ON firms.id = firm_id WHERE firms.code = 'F01' AND leased_out_mu_tenths = 0 AND land_mu_tenths > 9"
        " ORDER BY land_mu_tenths, code"
    )
    return [found[0], found[-1]]


def test_two_records_of_a_family_put_in_one_land_and_the_head_reads_what_both_were_paid(office: Office) -> None:
    one, head = two()
    assert one.land_mu_tenths < head.land_mu_tenths
    office.post(f"/households/{one.code}/merge", {"into": head.code, "reason": "同一户登记两次"}, status=200)
    both = [{"household": one.code, "mu_tenths": 3}, {"household": head.code, "mu_tenths": head.land_mu_tenths - 2}]
    refused = signed(office, 409, lands=both)
    assert told(refused) == "family-land-beyond-holding"
    own = {land["household"]: land["mu_tenths"] for land in both}
    assert refused["mu_tenths"] == own[refused["household"]]
    assert scalars("SELECT count(*) FROM guarantee_contracts") == [(0,)]
    both[1]["mu_tenths"] = head.land_mu_tenths - 4
    signed(office, lands=both)
    for code, refusal in ((one.code, "family-land-beyond-holding"), (head.code, "land-beyond-holding")):
        # One tenth is left of the family's, under either record.
        assert told(signed(office, 409, code="BD-002", lands=[{"household": code, "mu_tenths": 2}])) == refusal
    signed(office, code="BD-002", lands=[{"household": one.code, "mu_tenths": 1}])
    # What is paid goes by the land of each record, and the family has and reads it all.
    paid(office, "guaranteed-payments", year=2025)
    paid(office, "second-shares", year=2025, distributable_fen=1_000_000)
    of_year = office.get(f"/households/{head.code}/statement?month=2026-03")
    whole = {row["kind"]: row["amount_fen"] for row in of_year["by_kind"]}
    tenths = head.land_mu_tenths - 4
    assert whole["land_rent"] == sum((each * 90_001 + 5) // 10 for each in (3, tenths))
    assert whole["dividend"] == 300_000
    assert office.get(f"/households/{one.code}/statement?month=2026-03")["received_fen"] == 0
    read = office.get("/guarantees/BD-001", office.household(head.code))
    assert {land["household"] for land in read["lands"]} == {one.code, head.code}
    assert {row["kind"]: row["amount_fen"] for row in read["paid"]} == {
        "guaranteed": whole["land_rent"], "second": whole["dividend"],
    }  # fmt: skip
    [own] = [row for row in office.get("/guarantees", office.household(one.code))["items"] if row["code"] == "BD-001"]
    assert own["lands"] == [{"household": one.code, "mu_tenths": 3}]
    # Undone, each has its own again, and what was paid is of the record that it was paid to.
    office.post(f"/households/{one.code}/unmerge", {"reason": "核实为两户"}, status=200)
    read = office.get("/guarantees/BD-001", office.household(head.code))
    assert read["lands"] == [{"household": head.code, "mu_tenths": tenths}]
    signed(office, code="BD-003", lands=[{"household": head.code, "mu_tenths": 4}])
    assert told(signed(office, 409, code="BD-004", lands=[{"household": head.code, "mu_tenths": 1}])) == (
        "land-beyond-holding"
    )
    theirs = [
        {row["kind"]: row["amount_fen"] for row in office.get(f"/households/{code}/statement?month=2026-03")["by_kind"]}
        for code in (one.code, head.code)
    ]
    assert theirs[0]["land_rent"] == (3 * 90_001 + 5) // 10
    assert {kind: sum(of[kind] for of in theirs) for kind in whole} == whole


def test_contracts_that_a_merging_left_beyond_the_land_hold_up_no_other_correction(office: Office) -> None:
    one, head = two()
    for code, contract in ((one, "BD-001"), (head, "BD-002")):
        signed(office, code=contract, lands=[{"household": code.code, "mu_tenths": code.land_mu_tenths}])
    office.post(f"/households/{one.code}/merge", {"into": head.code, "reason": "同一户登记两次"}, status=200)
    path = f"/households/{head.code}/corrections"
    office.post(path, {"persons": 9, "reason": "入户核实"})
    less = {"land_mu_tenths": head.land_mu_tenths - 1, "reason": "入户核实"}
    refused = office.post(path, less, status=409)
    assert (told(refused), refused["held_mu_tenths"]) == (
        "land-in-contracts", one.land_mu_tenths + head.land_mu_tenths,
    )  # fmt: skip
    office.post(path, {"land_mu_tenths": one.land_mu_tenths + head.land_mu_tenths, "reason": "两块地"})
    assert told(signed(office, 409, code="BD-003", lands=[{"household": one.code, "mu_tenths": 1}])) == (
        "family-land-beyond-holding"
    )


def test_a_refused_firm_is_told_nothing_of_the_land_of_another_record_of_the_family(office: Office) -> None:
    one = two()[0]
    head = scalars(
        "SELECT code, land_mu_tenths FROM households WHERE leased_out_mu_tenths = 0 AND land_mu_tenths > 0 AND NOT"
        " EXISTS (SELECT FROM memberships JOIN firms ON firms.id = firm_id WHERE household_id = households.id"
        " AND firms.code = 'F01') ORDER BY land_mu_tenths DESC, code LIMIT 1"
    )[0]
    far = [{"household": one.code, "mu_tenths": 9_000}]
    alone = signed(office, 409, lands=far)
    assert (told(alone), alone["land_mu_tenths"]) == ("land-beyond-holding", one.land_mu_tenths)
    office.post(f"/households/{one.code}/merge", {"into": head.code, "reason": "同一户登记两次"}, status=200)
    refused = signed(office, 409, lands=far)
    assert told(refused) == "family-land-beyond-holding"
    assert refused["detail"] == f"{one.code} 与其他记录为同一户，该户 2024 年可入的土地不足以再放 900.0 亩。"
    assert {name for name in refused if name.endswith("mu_tenths")} == {"mu_tenths"}
    assert head.code not in str(refused)
    signed(office, lands=[{"household": one.code, "mu_tenths": head.land_mu_tenths}])


def test_a_contract_is_its_firm_s_and_a_household_sees_its_own_land_alone(office: Office) -> None:
    signed(office)
    first, second, _ = sorted(lands())
    assert [land["household"] for land in office.get("/guarantees/BD-001", office.household(first))["lands"]] == [first]
    assert len(office.get("/guarantees")["items"][0]["lands"]) == 3
    office.get("/guarantees/BD-001", office.firms["F02"], 404)
    assert office.get("/guarantees", office.firms["F02"])["items"] == []
    paid(office, "guaranteed-payments", year=2025)
    [seen] = office.get("/guarantees", office.household(second))["items"]
    assert (seen["paid"], seen["unpaid_years"]) == (
        [{"year": 2025, "kind": "guaranteed", "amount_fen": 63_001}],
        [2024],
    )
    assert told(signed(office, 409)) == "contract-code-taken"
    stranger = scalars(
        "SELECT households.code FROM memberships JOIN households ON households.id = household_id"
        " JOIN firms ON firms.id = firm_id WHERE firms.code = 'F02' ORDER BY 1 LIMIT 1"
    )[0][0]
    signed(office, 404, code="BD-002", lands=[{"household": stranger, "mu_tenths": 1}])
    signed(office, 422, code="BD-002", lands=[{"household": first, "mu_tenths": 1}] * 2)
    signed(office, 422, code="BD-002", to_year=2023)
    assert scalars("SELECT count(*) FROM guarantee_contracts") == [(1,)]


def entries(kind: str) -> list[Any]:
    """The (day, month) of what guarantees paid."""
    return scalars(
        "SELECT DISTINCT earned_on, month FROM income_entries WHERE source_type LIKE 'guarantee%' AND kind = :kind"
        " ORDER BY 1, 2",
        kind=kind,
    )


def test_a_payment_entered_a_day_late_is_of_the_month_in_which_it_was_paid(office: Office) -> None:
    signed(office, signed_on="2025-12-20")
    for day, why in (("2026-03-11", "paid-in-the-future"), ("2025-12-19", "paid-too-early")):
        assert told(paid(office, "guaranteed-payments", 422, year=2025, paid_on=day)) == why
    assert told(paid(office, "guaranteed-payments", 409, year=2026, paid_on="2025-12-31")) == "year-not-begun"
    paid(office, "guaranteed-payments", year=2025, paid_on="2026-02-10")
    assert entries("land_rent") == [(date(2026, 2, 10), date(2026, 2, 1))]
    second = {"year": 2025, "distributable_fen": 1_000_000}
    refused = paid(office, "second-shares", 409, **second, paid_on="2025-12-31")
    assert (told(refused), refused["detail"]) == ("year-not-over", "2025 年到 2025-12-31 尚未结束，还不能分配。")
    early = paid(office, "second-shares", 422, **second, paid_on="2026-02-09")
    assert (told(early), early["earliest"]) == ("paid-too-early", "2026-02-10")
    assert told(paid(office, "second-shares", 422, **second, paid_on="2026-03-11")) == "paid-in-the-future"
    paid(office, "second-shares", **second, paid_on="2026-02-28")
    assert entries("dividend") == [(date(2026, 2, 28), date(2026, 2, 1))]
    paid(office, "guaranteed-payments", year=2026)
    assert entries("land_rent")[-1] == (date(2026, 3, 10), date(2026, 3, 1))


def test_a_payment_of_a_closed_month_lands_in_the_open_one_and_a_wrong_day_is_paid_anew(office: Office) -> None:
    signed(office)
    office.close_through(12)
    paid(office, "guaranteed-payments", year=2025, paid_on="2025-11-30")
    assert entries("land_rent") == [(date(2025, 11, 30), date(2026, 1, 1))]
    void = {"year": 2025, "kind": "guaranteed", "reason": "日期录错"}
    office.post("/guarantees/BD-001/payment-voids", void, office.firms["F01"])
    paid(office, "guaranteed-payments", year=2025, paid_on="2026-02-28")
    assert entries("land_rent") == [
        (date(2025, 11, 30), date(2026, 1, 1)), (date(2026, 2, 28), date(2026, 2, 1)),
    ]  # fmt: skip
