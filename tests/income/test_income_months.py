"""Closing months, correcting slips, and explaining figures, over HTTP on the county's own data."""

import time
from collections.abc import Callable
from datetime import date, timedelta
from threading import Barrier, Thread
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from shop.income.actions import book_events
from shop.income.corrections import correct_slip, locked_slip
from shop.income.months import close_month, next_month
from shop.kit.clock import WalkingClock, at_beijing
from shop.kit.db import db, release, transaction
from shop.reports import rollups
from shop.reports.books import CHECKS, check_books, run_checks
from shop.reports.models import Rollup
from tests.factories.office import MARCH_2026, Office, scalars

#: An entry that somebody writes into January past every action.
FORGED = (
    "INSERT INTO income_entries (household_id, firm_id, kind, category, earned_on, month, weight_g, amount_fen,"
    " source_type, source_id, journal_id) SELECT household_id, firm_id, kind, category, earned_on, '2025-01-01',"
    " weight_g, amount_fen, 'forged', id, journal_id FROM income_entries LIMIT 1"
)


def slip_of(firm: str, month: str) -> Any:
    """A slip of a firm in a month: code, household, weight, price, amount, kind of rest."""
    return scalars(
        "SELECT deliveries.code, households.code AS household, weight_g, price_fen_per_kg, amount_fen FROM deliveries"
        " JOIN firms ON firms.id = firm_id JOIN households ON households.id = household_id"
        " WHERE firms.code = :firm AND to_char(delivered_on, 'YYYY-MM') = :month ORDER BY deliveries.code LIMIT 1",
        firm=firm, month=month,
    )[0]  # fmt: skip


@pytest.fixture
def office(county: Flask, clock: WalkingClock) -> Office:
    return Office(county, clock)


@pytest.fixture(autouse=True)
def books_are_right_afterwards(office: Office) -> Any:
    yield
    for rollup in Rollup:
        with transaction() as session:
            rollups.refresh(session, rollup)
    assert check_books(db.session(), now=office.clock.now()) == []
    release()


@pytest.fixture(params=["America/New_York", "Asia/Shanghai", "Pacific/Kiritimati"])
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The zone of the machine."""
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield request.param
    monkeypatch.undo()
    time.tzset()


def test_beijing_says_when_a_month_is_over_whatever_zone_a_machine_is_in(office: Office, zone: str) -> None:
    office.close_through(6)
    midnight = at_beijing(date(2025, 8, 1))
    # Here its own calendar would say otherwise: in New York it is still July then, on Kiritimati August long before.
    assert (midnight.astimezone().month == 8) is (zone != "America/New_York")
    office.clock.put(midnight - timedelta(seconds=1))
    refused = office.post("/months", {"month": "2025-07"}, status=409)
    assert refused["type"].endswith("month-not-over")
    office.clock.put(midnight)
    assert office.post("/months", {"month": "2025-07"})["month"] == "2025-07"
    office.clock.put(MARCH_2026)


def test_closing_a_month_makes_a_statement_for_every_household_that_received_something(office: Office) -> None:
    office.close_through(6)
    closed = office.post("/months", {"month": "2025-07"})
    told = scalars(
        "SELECT count(*), sum(entries), sum(wage_fen + business_gross_fen + property_fen + transfer_fen)"
        " FROM monthly_statements WHERE month = '2025-07-01'"
    )[0]
    recorded = scalars(
        "SELECT count(DISTINCT household_id), count(*), sum(amount_fen) FROM income_entries WHERE month = '2025-07-01'"
    )[0]
    assert tuple(told) == tuple(recorded)
    assert (closed["households"], closed["entries"], closed["amount_fen"]) == tuple(map(int, recorded))
    assert [row["month"] for row in office.get("/months?limit=2")["items"]] == ["2025-07", "2025-06"]
    assert office.get("/months?limit=2")["next"] == "2025-06"
    assert [row["month"] for row in office.get("/months?before=2025-03")["items"]] == ["2025-02", "2025-01"]


def test_a_month_that_runs_a_closed_one_and_one_out_of_order_are_not_closed(office: Office) -> None:
    assert office.post("/months", {"month": "2026-03"}, status=409)["type"].endswith("month-not-over")
    assert office.post("/months", {"month": "2025-02"}, status=409)["type"].endswith("earlier-month-open")
    office.close_through(2)
    assert office.post("/months", {"month": "2025-02"}, status=409)["type"].endswith("month-closed")
    assert [row["month"] for row in office.get("/months")["items"]] == ["2025-02", "2025-01"]


def test_a_correction_of_an_open_month_lands_in_it(office: Office) -> None:
    slip = slip_of("F01", "2025-07")
    body = {"weight_g": slip.weight_g - 1_000, "price_fen_per_kg": slip.price_fen_per_kg, "reason": "过磅时误读"}
    made = office.post(f"/deliveries/{slip.code}/corrections", body, office.firms["F01"])
    assert (made["month"], made["change_g"]) == ("2025-07", -1_000)
    assert made["amount_fen"] == slip.amount_fen + made["change_fen"]


def test_a_correction_of_a_closed_month_lands_in_the_open_one_with_its_origin(office: Office) -> None:
    office.close_through(7)
    slip = slip_of("F01", "2025-07")
    path = f"/households/{slip.household}/statement?month="
    july, august = office.get(path + "2025-07"), office.get(path + "2025-08")
    body = {"weight_g": 0, "price_fen_per_kg": slip.price_fen_per_kg, "reason": "重复登记"}
    made = office.post(f"/deliveries/{slip.code}/corrections", body, office.firms["F01"])
    assert (made["month"], made["change_fen"]) == ("2025-08", -slip.amount_fen)
    assert office.get(path + "2025-07") == july
    after = office.get(path + "2025-08")
    assert after["received_fen"] == august["received_fen"] - slip.amount_fen
    assert after["closed_through"] == "2025-07"
    [entry] = [entry for entry in after["entries"] if entry["corrected_because"]]
    assert (entry["slip"], entry["month"], entry["day"][:7]) == (slip.code, "2025-08", "2025-07")
    assert (entry["amount_fen"], entry["corrected_because"]) == (-slip.amount_fen, "重复登记")


def test_a_slip_that_comes_late_lands_in_the_open_month(office: Office) -> None:
    office.close_through(12)
    household = slip_of("F01", "2025-07").household
    body = {
        "code": "D90777", "household": household, "sku": "PL001", "delivered_on": "2025-07-15", "weight_g": 10_000,
        "grade": "一级", "price_fen_per_kg": 500,
    }  # fmt: skip
    office.post("/deliveries", body, office.firms["F01"])
    assert scalars("SELECT month FROM income_entries WHERE earned_on = '2025-07-15' AND month > '2025-12-31'") == [
        (date(2026, 1, 1),)
    ]


@pytest.mark.parametrize("signer", ['=HYPERLINK("x")', "@SUM(1)", "13800000000", "户主 138-0000-0000"])
def test_who_signed_is_a_name_online_as_in_files(office: Office, signer: str) -> None:
    body = {
        "code": "D90778", "household": slip_of("F01", "2025-07").household, "sku": "PL001", "weight_g": 10_000,
        "delivered_on": "2025-07-15", "grade": "一级", "price_fen_per_kg": 500, "signer": signer,
    }  # fmt: skip
    refused = office.post("/deliveries", body, office.firms["F01"], status=422)
    assert [error["pointer"] for error in refused["errors"]] == ["/signer"]
    assert (
        office.post("/deliveries", body | {"signer": "户主（示例）"}, office.firms["F01"])["signer"] == "户主（示例）"
    )


def test_each_correction_follows_the_one_before(office: Office) -> None:
    slip = slip_of("F01", "2025-07")
    path, price = f"/deliveries/{slip.code}/corrections", slip.price_fen_per_kg
    first = office.post(path, {"weight_g": 1_000, "price_fen_per_kg": price, "reason": "一"})
    second = office.post(path, {"weight_g": slip.weight_g, "price_fen_per_kg": price, "reason": "二"})
    assert first["change_fen"] + second["change_fen"] == 0
    same = office.post(path, {"weight_g": slip.weight_g, "price_fen_per_kg": price, "reason": "三"}, status=422)
    assert same["type"].endswith("nothing-to-correct")
    assert scalars("SELECT count(*) FROM delivery_corrections") == [(2,)]


def test_a_weight_is_corrected_though_the_amount_stays_by_what_is_taken_back_and_booked_anew(office: Office) -> None:
    slip = slip_of("F01", "2025-07")
    path, price = f"/deliveries/{slip.code}/corrections", slip.price_fen_per_kg
    halved = {"weight_g": 5_000, "price_fen_per_kg": price * 2, "reason": "重量填成两倍"}
    office.post(path, {"weight_g": 10_000, "price_fen_per_kg": price, "reason": "过磅"})
    made = office.post(path, halved)
    assert (made["weight_g"], made["change_g"], made["change_fen"]) == (5_000, -5_000, 0)
    rows = (
        "SELECT sum(entry.weight_g), sum(entry.amount_fen), count(*) FROM income_entries AS entry"
        " JOIN income_entries AS first ON first.id = coalesce(entry.corrects_id, entry.id)"
        " JOIN deliveries ON first.source_type = 'deliveries' AND first.source_id = deliveries.id WHERE code = :code"
    )
    assert scalars(rows, code=slip.code) == [(5_000, price * 10, 4)]
    same = office.post(path, halved, status=422)
    assert (same["type"].rpartition("#")[2], same["weight_g"]) == ("nothing-to-correct", 5_000)


def test_a_correction_is_worth_something_and_no_more_than_is_ever_paid_unless_it_voids(office: Office) -> None:
    slip = slip_of("F01", "2025-07")
    path = f"/deliveries/{slip.code}/corrections"
    for weight_g, price, refusal in (
        (1, 499, "slip-worth-nothing"), (10_000_000_000, 10_000_000, "slip-too-large"),
        (10_000_000, 1_000_001, "slip-too-large"),
    ):  # fmt: skip
        body = {"weight_g": weight_g, "price_fen_per_kg": price, "reason": "误"}
        assert office.post(path, body, status=422)["type"].rpartition("#")[2] == refusal
    assert scalars("SELECT count(*) FROM delivery_corrections") == [(0,)]
    most = {"weight_g": 10_000_000, "price_fen_per_kg": 1_000_000, "reason": "误"}
    assert office.post(path, most)["amount_fen"] == 10_000_000_000
    assert office.post(path, most | {"weight_g": 0})["amount_fen"] == 0


def test_two_corrections_at_once_come_one_after_the_other(office: Office) -> None:
    slip, together = slip_of("F01", "2025-07"), Barrier(2)

    def correct(grams: int) -> None:
        with office.app.app_context():
            together.wait()
            with transaction() as session:
                row = locked_slip(session, slip.code)
                correct_slip(session, row, grams, row.price_fen_per_kg, "误读", actor_id=None, now=MARCH_2026)

    threads = [Thread(target=correct, args=(grams,)) for grams in (2_000, 3_000)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert scalars("SELECT position FROM delivery_corrections ORDER BY position") == [(1,), (2,)]


def wage(office: Office, code: str, kind: str = "wage", fen: int = 2_600_000) -> str:
    """A wage or rent of F01 (or a subsidy), paid on 15 July 2025; who was paid."""
    household = str(slip_of("F01", "2025-07").household)
    body = {"code": code, "household": household, "kind": kind, "paid_on": "2025-07-15", "amount_fen": fen,
            "source": "名单（示例）"} | ({} if kind == "subsidy" else {"firm": "F01"})  # fmt: skip
    office.post("/household-payments", body)
    return household


@pytest.mark.parametrize("kind", ["wage", "land_rent", "subsidy"])
def test_a_payment_with_a_zero_too_many_is_corrected_in_the_open_month_with_its_origin(
    office: Office, kind: str
) -> None:
    household = wage(office, "W90001", kind)
    office.close_through(7)
    path = f"/households/{household}/statement?month="
    july, august = office.get(path + "2025-07"), office.get(path + "2025-08")
    says, address = {"amount_fen": 260_000, "reason": "多写一个零"}, "/household-payments/W90001/corrections"
    made = office.post(address, says)
    assert made == {"code": "W90001", "change_fen": -2_340_000, "month": "2025-08"} | says
    assert office.get(path + "2025-07") == july
    after = office.get(path + "2025-08")
    assert after["received_fen"] == august["received_fen"] - 2_340_000
    [entry] = [entry for entry in after["entries"] if entry["corrected_because"]]
    assert (entry["day"], entry["payment"], entry["kind"]) == ("2025-07-15", "W90001", kind)
    assert entry["corrected_because"] == "多写一个零"
    why = office.get(f"/reports/income/explain?from=2025-08&to=2025-08&by=household&key={household}&kind={kind}")
    [row] = [row for row in why["items"] if row["source"] == "payment_corrections"]
    assert (row["day"], row["source_code"], row["corrected_because"]) == ("2025-07-15", "W90001", "多写一个零")
    assert office.post(address, says, status=422)["type"].endswith("record-stands")
    assert office.post(address, {"amount_fen": 0, "reason": "作废"})["change_fen"] == -260_000
    assert office.get(path + "2025-08")["received_fen"] == august["received_fen"] - 2_600_000
    assert scalars("SELECT position FROM payment_corrections ORDER BY position") == [(1,), (2,)]
    corrected = "SELECT DISTINCT corrects.source_type FROM income_entries JOIN income_entries AS corrects"
    assert scalars(f"{corrected} ON corrects.id = income_entries.corrects_id") == [("household_payments",)]


def test_a_firm_corrects_what_it_paid_itself_and_nothing_else(office: Office) -> None:
    wage(office, "W90001")
    wage(office, "W90002", "subsidy")
    body = {"amount_fen": 1, "reason": "误录"}
    office.post("/household-payments/W90001/corrections", body, office.firms["F02"], 404)
    office.post("/household-payments/W90002/corrections", body, office.firms["F01"], 404)
    office.post("/household-payments/W90001/corrections", body | {"amount_fen": -1}, status=422)
    assert scalars("SELECT count(*) FROM payment_corrections") == [(0,)]
    assert office.post("/household-payments/W90001/corrections", body, office.firms["F01"])["month"] == "2025-07"


def test_who_is_paid_belongs_to_the_firm_whoever_records_it(office: Office) -> None:
    stranger = slip_of("F02", "2025-07").household
    body = {"code": "W90003", "household": stranger, "firm": "F01", "kind": "wage", "paid_on": "2025-07-15",
            "amount_fen": 1}  # fmt: skip
    for speaker in (office.operator, office.firms["F01"]):
        for code in (stranger, "农户-9999"):
            refused = office.post("/household-payments", body | {"household": code}, speaker, 409)
            assert refused["type"].endswith("household-not-of-firm")
    assert scalars("SELECT count(*) FROM household_payments WHERE code = 'W90003'") == [(0,)]


@pytest.mark.parametrize("span", ["from=2025-08&to=2025-07", "to=2025-07", "month=2025-07&to=2025-08"])
def test_a_statement_of_no_span_or_of_two_is_refused(office: Office, span: str) -> None:
    office.get(f"/households/{slip_of('F01', '2025-07').household}/statement?{span}", status=422)


def test_another_firms_slip_is_a_missing_one(office: Office) -> None:
    slip = slip_of("F01", "2025-07")
    body = {"weight_g": 1, "price_fen_per_kg": 1, "reason": "不是我的"}
    office.post(f"/deliveries/{slip.code}/corrections", body, office.firms["F02"], status=404)
    assert scalars("SELECT count(*) FROM delivery_corrections") == [(0,)]


def test_the_database_itself_refuses_an_entry_of_a_closed_month_and_a_changed_statement(office: Office) -> None:
    office.close_through(1)
    for sql, why in ((FORGED, "are closed"), ("DELETE FROM monthly_statements", "append-only")):
        with pytest.raises(IntegrityError, match=why):
            db.session.execute(text(sql))
        db.session.rollback()


def closes_during(office: Office, work: Callable[[Session], object]) -> bool:
    """Whether July closes while a transaction that did `work` is still open; it is closed afterwards in any case."""
    began, done = Barrier(2), []

    def close() -> None:
        with office.app.app_context():
            began.wait()
            with transaction() as session:
                close_month(session, date(2025, 7, 1), actor_id=None, now=MARCH_2026)
            done.append("closed")

    closer = Thread(target=close)
    closer.start()
    with transaction() as session:
        work(session)
        began.wait()
        closer.join(timeout=0.5)
        early = bool(done)
    closer.join()
    assert done == ["closed"]
    return early


def test_who_closes_waits_for_who_books(office: Office) -> None:
    """The booking reads the open month first: a closing in between would put its entry into a closed month."""
    office.close_through(6)
    slip = slip_of("F01", "2025-07")

    def void(session: Session) -> None:
        row = locked_slip(session, slip.code)
        correct_slip(session, row, 0, row.price_fen_per_kg, "作废", actor_id=None, now=MARCH_2026)

    assert not closes_during(office, void)
    assert scalars("SELECT month FROM income_entries WHERE corrects_id IS NOT NULL") == [(date(2025, 7, 1),)]
    stated = scalars("SELECT sum(entries) FROM monthly_statements WHERE month = '2025-07-01'")
    assert stated == scalars("SELECT count(*) FROM income_entries WHERE month = '2025-07-01'")


def test_control_a_transaction_that_does_not_take_the_lock_is_not_waited_for(office: Office) -> None:
    office.close_through(6)
    assert closes_during(office, lambda session: session.execute(text("SELECT max(month) FROM closed_months")))


def test_check_books_finds_an_entry_that_got_into_a_closed_month(office: Office) -> None:
    office.close_through(1)
    with db.engine.connect() as connection:
        connection.execute(text("ALTER TABLE income_entries DISABLE TRIGGER USER"))
        connection.execute(text(FORGED))
        found = run_checks(connection, [check for check in CHECKS if check.code == "I22-closed"], now=MARCH_2026)
        connection.rollback()
    assert len(found) == 1


def test_booking_one_slip_books_nothing_else(office: Office) -> None:
    with transaction() as session:
        assert book_events(session, "deliveries", [1, 2, 3], now=MARCH_2026) == 0


def test_december_is_followed_by_january() -> None:
    assert [next_month(date(2025, month, 1)) for month in (1, 11, 12)] == [
        date(2025, 2, 1), date(2025, 12, 1), date(2026, 1, 1),
    ]  # fmt: skip


@pytest.mark.parametrize("by", ["township", "village", "firm", "product", "month", "household"])
def test_every_cash_figure_is_the_sum_of_its_explanation(office: Office, by: str) -> None:
    slip = slip_of("F01", "2025-07")
    office.post(
        f"/deliveries/{slip.code}/corrections", {"weight_g": 5_000, "price_fen_per_kg": 77, "reason": "等级写错"}
    )
    with transaction() as session:
        while rollups.refresh(session, Rollup.INCOME).keys:
            pass
    report = office.get(f"/reports/income?year=2025&by={by}&limit=12")
    for row in report["items"]:
        told = office.get(f"/reports/income/explain?year=2025&by={by}&key={row['key']}&limit=1")
        assert (told["total_fen"], told["total_g"]) == (row["cash_fen"], row["weight_g"]), row["key"]
    whole = office.get(f"/reports/income/explain?year=2025&by={by}&kind=sale")
    assert whole["total_fen"] == report["total"]["cash"]["sale_gross_fen"]


def test_an_explanation_goes_page_by_page_down_to_the_slip_and_adds_up(office: Office) -> None:
    slip = slip_of("F01", "2025-07")
    path = f"/reports/income/explain?from=2025-07&to=2025-07&by=household&key={slip.household}&kind=sale&limit=2"
    pages, cursor = [], ""
    for _ in range(50):
        told = office.get(path + cursor)
        pages.append(told["items"])
        if told["next"] is None:
            break
        cursor = f"&cursor={told['next']}"
    rows = [row for items in pages for row in items]
    assert len(rows) == told["rows"]
    assert sum(row["amount_fen"] for row in rows) == told["total_fen"]
    assert slip.code in {row["source_code"] for row in rows}
    assert {row["source"] for row in rows} == {"deliveries"}


def test_a_firm_explains_its_own_figures_only_and_cash_has_no_channel(office: Office) -> None:
    own = office.get("/reports/income/explain?year=2025&by=firm&key=F01", office.firms["F01"])
    foreign = office.get("/reports/income/explain?year=2025&by=firm&key=F02", office.firms["F01"])
    assert own["total_fen"] > 0
    assert (foreign["rows"], foreign["total_fen"], foreign["items"]) == (0, 0, [])
    office.get("/reports/income/explain?year=2025&by=channel&key=unit", status=422)
