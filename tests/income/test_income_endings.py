"""A guarantee contract undone over HTTP: a payment made void and paid anew, a contract keyed wrong, one ended early."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from flask import Flask
from flask_migrate import downgrade, upgrade
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, ProgrammingError

from shop.app import with_migrations
from shop.kit.clock import WalkingClock
from shop.kit.db import db, release, transaction
from shop.kit.money import split
from shop.kit.revisions import FOLDER
from shop.web.signin import COOKIE
from tests.factories.guarantees import lands, paid, signed, told
from tests.factories.office import Office, count_all, good_books, scalars

MARCH = "from=2026-03&to=2026-03"
GUARANTEED_FEN = 477_006  # 3.5, 0.7 and 1.1 mu at 900.01 yuan, half up


@pytest.fixture
def office(county: Flask, clock: WalkingClock) -> Iterator[Office]:
    with good_books(county, clock) as office:
        yield office


def void(office: Office, kind: str, status: int = 201, year: int = 2025, who: str = "F01", **other: Any) -> Any:
    headers = office.operator if who == "operator" else office.firms[who]
    body = {"year": year, "kind": kind, "reason": "利润多写一个零"} | other
    return office.post("/guarantees/BD-001/payment-voids", body, headers, status)


def voided(office: Office, status: int = 200, code: str = "BD-001", who: str = "F01") -> Any:
    headers = office.operator if who == "operator" else office.firms[who]
    return office.post(f"/guarantees/{code}/voiding", {"reason": "亩数录错"}, headers, status)


def ended(office: Office, last_year: int, status: int = 200, who: str = "F01") -> Any:
    body = {"last_year": last_year, "document": "解除协议（示例）", "reason": "双方协商解除"}
    headers = office.operator if who == "operator" else office.firms[who]
    return office.post("/guarantees/BD-001/ending", body, headers, status)


def entries(office: Office, household: str, month: str) -> list[tuple[str, str, int, str | None]]:
    """(kind, day, fen, why corrected) of what the contract paid a household."""
    told = office.get(f"/households/{household}/statement?month={month}")["entries"]
    return [
        (row["kind"], row["day"], row["amount_fen"], row["corrected_because"])
        for row in told
        if row["payment"] == "BD-001"
    ]


def facts() -> list[Any]:
    """How many of each there are that an action here writes."""
    tables = ("guarantee_payments", "guarantee_voids", "guarantee_endings", "income_entries", "journals", "history")
    return scalars("SELECT " + ", ".join(f"(SELECT count(*) FROM {table})" for table in tables))


def test_a_second_share_of_a_wrong_profit_is_taken_back_from_each_household_and_paid_anew(office: Office) -> None:
    signed(office)
    paid(office, "guaranteed-payments", year=2025)
    paid(office, "second-shares", year=2025, distributable_fen=160_000_010)
    after = void(office, "second")
    guarantee = {"year": 2025, "kind": "guaranteed", "amount_fen": GUARANTEED_FEN}
    assert after["paid"] == [guarantee]
    [back] = after["voided"]
    assert back.pop("recorded_at").startswith("2026-03-10")
    assert back == {
        "year": 2025, "kind": "second", "amount_fen": 48_000_003, "reason": "利润多写一个零", "by_county": False,
        "month": "2026-03",
    }  # fmt: skip
    named = scalars(
        "SELECT households.code, back.amount_fen, first.amount_fen, back.kind = first.kind FROM income_entries AS back"
        " JOIN income_entries AS first ON first.id = back.corrects_id AND first.source_id = back.source_id"
        " AND first.source_type = 'guarantee_payments' JOIN households ON households.id = back.household_id"
        " WHERE back.source_type = 'guarantee_voids' ORDER BY 1"
    )
    by_land = split(48_000_003, list(lands().values()))
    assert [tuple(row) for row in named] == [
        (code, -fen, fen, True) for code, fen in zip(lands(), by_land, strict=True)
    ]  # fmt: skip
    after = paid(office, "second-shares", year=2025, distributable_fen=16_000_001)
    assert after["paid"] == [guarantee, {"year": 2025, "kind": "second", "amount_fen": 4_800_000}]
    assert [row["amount_fen"] for row in after["voided"]] == [48_000_003]
    first, right = min(lands()), split(4_800_000, list(lands().values()))[0]
    assert entries(office, first, "2026-03") == [
        ("land_rent", "2026-03-10", 315_004, None), ("dividend", "2026-03-10", by_land[0], None),
        ("dividend", "2026-03-10", -by_land[0], "利润多写一个零"), ("dividend", "2026-03-10", right, None),
    ]  # fmt: skip
    assert told(paid(office, "second-shares", 409, year=2025, distributable_fen=1)) == "guarantee-paid"
    again = void(office, "second", who="operator", reason="又错")
    assert [(row["amount_fen"], row["reason"], row["by_county"]) for row in again["voided"]] == [
        (48_000_003, "利润多写一个零", False), (4_800_000, "又错", True),
    ]  # fmt: skip
    positions = "SELECT DISTINCT position, follows FROM guarantee_payments WHERE kind = 'second' ORDER BY 1"
    assert [tuple(row) for row in scalars(positions)] == [(1, None), (2, 1)]


def test_reports_count_what_was_taken_back_as_if_it_had_never_been_paid_and_explain_it_to_the_fen(
    office: Office,
) -> None:
    signed(office)
    paid(office, "guaranteed-payments", year=2024)
    count_all()
    before = {by: office.get(f"/reports/income?{MARCH}&by={by}") for by in ("township", "firm", "household")}
    paid(office, "guaranteed-payments", year=2025)
    count_all()
    assert office.get(f"/reports/income?{MARCH}&by=township")["total"]["cash_fen"] == 2 * GUARANTEED_FEN
    void(office, "guaranteed", reason="年度付错")
    count_all()
    after = {by: office.get(f"/reports/income?{MARCH}&by={by}") for by in before}
    assert [after[by]["total"]["cash_fen"] for by in after] == [GUARANTEED_FEN] * 3
    assert after == before
    first = min(lands())
    why = office.get(f"/reports/income/explain?{MARCH}&by=household&key={first}&measure=cash")
    assert (why["total_fen"], why["rows"]) == (315_004, 3)
    told = [(row["source"], row["source_code"], row["amount_fen"], row["corrected_because"]) for row in why["items"]]
    assert told == [
        ("guarantee_voids", "BD-001", -315_004, "年度付错"), ("guarantee_payments", "BD-001", 315_004, None),
        ("guarantee_payments", "BD-001", 315_004, None),
    ]  # fmt: skip
    why = office.get(f"/reports/income/explain?{MARCH}&by=township&measure=cash")
    assert (why["total_fen"], sum(row["amount_fen"] for row in why["items"])) == (GUARANTEED_FEN, GUARANTEED_FEN)


def test_nobody_is_reached_by_what_was_taken_back(office: Office) -> None:
    signed(office)
    paid(office, "guaranteed-payments", year=2025)
    count_all()
    assert office.get(f"/reports/income?{MARCH}&by=township")["total"]["households"] == 3
    void(office, "guaranteed")
    count_all()
    total = office.get(f"/reports/income?{MARCH}&by=township")["total"]
    assert (total["households"], total["cash_fen"]) == (0, 0)
    why = office.get(f"/reports/income/explain?{MARCH}&by=township&measure=cash")
    assert (why["households"], why["total_fen"], why["rows"]) == (0, 0, 6)


def test_a_payment_of_a_closed_month_is_taken_back_in_the_open_one_with_its_origin(office: Office) -> None:
    signed(office)
    paid(office, "guaranteed-payments", year=2025)
    paid(office, "second-shares", year=2025, distributable_fen=16_000_001)
    first = min(lands())
    office.go(date(2026, 4, 6))
    office.close_through(12)
    office.post("/months", {"month": "2026-03"})
    march = office.get(f"/households/{first}/statement?month=2026-03")
    [back] = void(office, "second")["voided"]
    assert (back["month"], back["recorded_at"][:10]) == ("2026-04", "2026-04-06")
    assert office.get(f"/households/{first}/statement?month=2026-03") == march
    fen = split(4_800_000, list(lands().values()))[0]
    assert entries(office, first, "2026-04") == [("dividend", "2026-03-10", -fen, "利润多写一个零")]
    assert office.get(f"/households/{first}/statement?month=2026-04")["received_fen"] == -fen
    why = office.get(f"/reports/income/explain?from=2026-04&to=2026-04&by=household&key={first}&kind=dividend")
    [row] = why["items"]
    assert (row["day"], row["source_code"], row["amount_fen"], why["total_fen"]) == ("2026-03-10", "BD-001", -fen, -fen)
    phone = office.app.test_client()
    phone.set_cookie(COOKIE, office.household(first)["Authorization"].removeprefix("Bearer "))
    page = phone.get("/my?month=2026-04").text
    assert "BD-001" in page
    assert "属于 2026-03-10，那个月已结账，记入本月。原因：利润多写一个零" in page


def test_a_guarantee_is_taken_back_after_its_second_share_and_only_what_stands(office: Office) -> None:
    signed(office)
    assert told(void(office, "guaranteed", 409)) == "guarantee-unpaid"
    paid(office, "guaranteed-payments", year=2024)
    paid(office, "guaranteed-payments", year=2025)
    refused = void(office, "second", 409)
    assert (told(refused), refused["detail"]) == (
        "guarantee-unpaid", "合同 BD-001 的 2025 年度没有有效的二次分红，无可作废。",
    )  # fmt: skip
    paid(office, "second-shares", year=2025, distributable_fen=1_000)
    before = facts()
    assert told(void(office, "guaranteed", 409)) == "second-share-stands"
    assert facts() == before
    void(office, "second")
    after = void(office, "guaranteed")
    assert (after["paid"], after["unpaid_years"]) == (
        [{"year": 2024, "kind": "guaranteed", "amount_fen": GUARANTEED_FEN}], [2025],
    )  # fmt: skip
    assert told(void(office, "guaranteed", 409)) == "guarantee-unpaid"
    assert told(paid(office, "second-shares", 409, year=2025, distributable_fen=1_000)) == "guaranteed-first"
    assert paid(office, "guaranteed-payments", year=2025)["unpaid_years"] == []
    paid(office, "second-shares", year=2025, distributable_fen=2_000)


def test_the_firm_that_paid_or_the_county_undoes_and_nobody_else(office: Office) -> None:
    signed(office)
    paid(office, "guaranteed-payments", year=2025)
    before, own = facts(), office.household(min(lands()))
    void(office, "guaranteed", 404, who="F02")
    void(office, "guaranteed", 422, reason=" ")
    void(office, "third", 422)
    voided(office, 404, who="F02")
    ended(office, 2025, 404, who="F02")
    office.post("/guarantees/BD-001/voiding", {"reason": ""}, status=422)
    office.post("/guarantees/BD-001/ending", {"last_year": 2025, "reason": "无协议"}, status=422)
    for path, body in (
        ("payment-voids", {"year": 2025, "kind": "guaranteed", "reason": "误"}), ("voiding", {"reason": "误"}),
        ("ending", {"last_year": 2025, "document": "无", "reason": "误"}),
    ):  # fmt: skip
        office.post(f"/guarantees/BD-001/{path}", body, own, 403)
        office.post(f"/guarantees/BD-009/{path}", body, status=404)
    assert facts() == before
    assert [row["by_county"] for row in void(office, "guaranteed", who="operator")["voided"]] == [True]
    assert [row["by_county"] for row in voided(office, who="operator")["endings"]] == [True]
    [seen] = office.get("/guarantees", own)["items"]
    assert [(row["amount_fen"], row["reason"]) for row in seen["voided"]] == [(315_004, "利润多写一个零")]
    assert (seen["last_year"], seen["endings"][0]["reason"]) == (None, "亩数录错")


def test_a_repeated_request_takes_back_once(office: Office) -> None:
    signed(office)
    paid(office, "guaranteed-payments", year=2025)
    body = {"year": 2025, "kind": "guaranteed", "reason": "误"}
    headers = office.firms["F01"] | {"Idempotency-Key": "once"}
    client = office.app.test_client()
    answers = [client.post("/api/v1/guarantees/BD-001/payment-voids", json=body, headers=headers) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].data == answers[1].data
    assert scalars("SELECT count(*) FROM income_entries WHERE source_type = 'guarantee_voids'") == [(3,)]


def test_a_contract_keyed_wrong_is_void_once_it_paid_nothing_and_is_keyed_anew(office: Office) -> None:
    first = min(lands())
    [(held,)] = scalars("SELECT land_mu_tenths FROM households WHERE code = :code", code=first)
    whole = [{"household": first, "mu_tenths": held}]
    signed(office, lands=[{"household": first, "mu_tenths": held - 1}])
    paid(office, "guaranteed-payments", year=2024)
    paid(office, "guaranteed-payments", year=2025)
    refused = voided(office, 409)
    assert (told(refused), refused["years"]) == ("guarantee-payments-stand", "2024, 2025")
    void(office, "guaranteed", year=2024)
    assert voided(office, 409)["years"] == "2025"
    assert told(signed(office, 409, code="BD-001-2", lands=whole)) == "land-beyond-holding"
    void(office, "guaranteed", year=2025)
    after = voided(office)
    assert (after["last_year"], after["paid"], after["unpaid_years"]) == (None, [], [])
    [why] = after["endings"]
    assert why["recorded_at"].startswith("2026-03-10")
    assert {name: why[name] for name in why if name != "recorded_at"} == {
        "last_year": None,
        "document": None,
        "reason": "亩数录错",
        "by_county": False,
    }
    assert (after["from_year"], after["to_year"], after["lands"][0]["mu_tenths"]) == (2024, 2026, held - 1)
    assert office.get("/guarantees/BD-001") == after
    before = facts()
    for refused in (
        voided(office, 409), ended(office, 2025, 409), paid(office, "guaranteed-payments", 409, year=2025),
        paid(office, "second-shares", 409, year=2025, distributable_fen=1),
    ):  # fmt: skip
        assert told(refused) == "contract-void"
    taken = signed(office, 409, lands=whole)
    assert (told(taken), taken["detail"]) == (
        "contract-code-taken", "合同编号 BD-001 已用，但已作废，重新登记请用 BD-001-2。",
    )  # fmt: skip
    assert facts() == before
    assert signed(office, code="BD-001-2", lands=whole)["unpaid_years"] == [2024, 2025]
    assert signed(office, 409, lands=whole)["detail"].endswith("重新登记请用 BD-001-3。")
    assert signed(office, 409, code="BD-001-2")["detail"].endswith("已用，另一份合同请用它自己的编号。")


def test_another_firm_is_not_told_that_a_contract_is_void(office: Office) -> None:
    signed(office)
    voided(office)
    member = scalars(
        "SELECT households.code FROM memberships JOIN households ON households.id = household_id"
        " JOIN firms ON firms.id = firm_id WHERE firms.code = 'F02' ORDER BY 1 LIMIT 1"
    )[0][0]
    body = {
        "code": "BD-001", "firm": "F02", "guaranteed_fen_per_mu": 1, "second_bp": 0, "from_year": 2025,
        "to_year": 2025, "signed_on": "2025-01-10", "document": "合同（示例）",
        "lands": [{"household": member, "mu_tenths": 1}],
    }  # fmt: skip
    refused = office.post("/guarantees", body, office.firms["F02"], 409)
    assert refused["detail"] == "合同编号 BD-001 已用，另一份合同请用它自己的编号。"


def test_a_contract_that_both_sides_end_owes_nothing_and_holds_no_land_afterwards(office: Office) -> None:
    first = min(lands())
    [(held,)] = scalars("SELECT land_mu_tenths FROM households WHERE code = :code", code=first)
    whole = [{"household": first, "mu_tenths": held}]
    assert signed(office, from_year=2023, to_year=2030, lands=whole)["unpaid_years"] == [2023, 2024, 2025]
    paid(office, "guaranteed-payments", year=2023)
    before = facts()
    for last, refusal, status in (
        (2021, "last-year-outside", 422), (2031, "last-year-outside", 422), (2030, "ending-stands", 422),
        (2022, "guarantee-paid-afterwards", 409),
    ):  # fmt: skip
        assert told(ended(office, last, status)) == refusal
    assert facts() == before
    after = ended(office, 2024)
    assert (after["last_year"], after["to_year"], after["unpaid_years"]) == (2024, 2030, [2024])
    assert told(paid(office, "guaranteed-payments", 409, year=2025)) == "year-not-in-contract"
    paid(office, "guaranteed-payments", year=2024)
    assert told(ended(office, 2023, 409)) == "guarantee-paid-afterwards"
    assert told(signed(office, 409, code="BD-002", from_year=2024, lands=whole)) == "land-beyond-holding"
    signed(office, code="BD-002", from_year=2026, to_year=2026, lands=whole)
    refused = ended(office, 2026, 409, who="operator")
    assert (told(refused), refused["year"]) == ("land-beyond-holding", 2026)
    after = ended(office, 2025, who="operator")
    assert (after["last_year"], after["unpaid_years"]) == (2025, [2025])
    assert [(row["last_year"], row["document"], row["reason"], row["by_county"]) for row in after["endings"]] == [
        (2024, "解除协议（示例）", "双方协商解除", False), (2025, "解除协议（示例）", "双方协商解除", True),
    ]  # fmt: skip
    assert told(ended(office, 2025, 422)) == "ending-stands"


def test_a_contract_may_end_before_it_began_and_still_be_void(office: Office) -> None:
    signed(office)
    after = ended(office, 2023)
    assert (after["last_year"], after["unpaid_years"]) == (2023, [])
    assert told(paid(office, "guaranteed-payments", 409, year=2024)) == "year-not-in-contract"
    after = voided(office)
    assert [row["last_year"] for row in after["endings"]] == [2023, None]
    signed(office, code="BD-002")


def test_what_was_taken_back_counts_for_the_family_of_a_merged_record_and_goes_back_with_it(office: Office) -> None:
    signed(office)
    paid(office, "guaranteed-payments", year=2025)
    one, other, _ = sorted(lands())
    office.post(f"/households/{one}/merge", {"into": other, "reason": "同一户登记两次"}, status=200)
    void(office, "guaranteed")
    count_all()
    fen = (315_004, 63_001)
    assert sorted(entries(office, other, "2026-03")) == sorted(
        ("land_rent", "2026-03-10", sign * each, "利润多写一个零" if sign < 0 else None)
        for sign in (1, -1)
        for each in fen
    )
    assert entries(office, one, "2026-03") == []
    why = office.get(f"/reports/income/explain?{MARCH}&by=household&key={other}&measure=cash")
    assert (why["total_fen"], why["rows"], why["households"]) == (0, 4, 0)
    paid(office, "guaranteed-payments", year=2025)
    assert office.get(f"/households/{other}/statement?month=2026-03")["received_fen"] == sum(fen)
    office.post(f"/households/{one}/unmerge", {"reason": "是两户"}, status=200)
    assert [
        office.get(f"/households/{code}/statement?month=2026-03")["received_fen"] for code in (one, other)
    ] == list(fen)  # fmt: skip
    assert len(entries(office, one, "2026-03")) == len(entries(office, other, "2026-03")) == 3


INSERT = (
    "INSERT INTO guarantee_payments (contract_id, household_id, year, kind, position, distributable_fen, amount_fen,"
    " paid_on, recorded_at) SELECT contract_id, household_id, year, kind, {position}, 0, amount_fen, paid_on,"
    " recorded_at FROM guarantee_payments LIMIT 1"
)


def test_the_database_itself_lets_a_year_be_paid_again_only_where_the_payment_before_is_void(office: Office) -> None:
    signed(office)
    paid(office, "guaranteed-payments", year=2025)
    for position, refusal in ((1, "uq_guarantee_payments_position"), (2, "follows"), (3, "follows"), (0, "counted")):
        with pytest.raises(IntegrityError, match=refusal), transaction() as session:
            session.execute(text(INSERT.format(position=position)))
    void(office, "guaranteed")
    ended(office, 2025)
    for table in ("guarantee_voids", "guarantee_endings", "guarantee_contracts"):
        for change in (f"UPDATE {table} SET recorded_at = now()", f"DELETE FROM {table}"):
            with pytest.raises(IntegrityError, match="append-only"), transaction() as session:
                session.execute(text(change))


def test_what_was_paid_before_the_upgrade_is_taken_back_and_paid_anew_after_it(office: Office) -> None:
    signed(office)
    paid(office, "guaranteed-payments", year=2025)
    release()
    with_migrations(office.app)
    downgrade(directory=str(FOLDER), revision="0065")
    upgrade(directory=str(FOLDER))
    db.engine.dispose()
    assert void(office, "guaranteed")["unpaid_years"] == [2024, 2025]
    assert paid(office, "guaranteed-payments", year=2025)["unpaid_years"] == [2024]


def test_going_back_is_refused_where_it_would_lose_a_void(office: Office) -> None:
    signed(office)
    paid(office, "guaranteed-payments", year=2025)
    void(office, "guaranteed")
    release()
    with_migrations(office.app)
    with pytest.raises(ProgrammingError, match="have no place in the tables before"):
        downgrade(directory=str(FOLDER), revision="0065")
    assert scalars("SELECT version_num FROM alembic_version") == [("0066",)]
    upgrade(directory=str(FOLDER))
    db.engine.dispose()
    assert scalars("SELECT count(*) FROM guarantee_voids") == [(1,)]
