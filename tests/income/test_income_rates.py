"""Rates a kg: each sale costs the rate that holds on its day, whichever was entered first and whenever the job came."""

from collections.abc import Iterator
from datetime import date
from itertools import permutations
from threading import Barrier, Thread
from typing import Any

import pytest
from flask import Flask
from flask_migrate import downgrade, upgrade
from sqlalchemy import text

from shop.app import with_migrations
from shop.catalog.actions import product_by_sku
from shop.catalog.models import Firm
from shop.farmers.actions import Slip, household_by_code, record_delivery
from shop.farmers.models import Grade
from shop.income import costs
from shop.income.actions import book_events
from shop.income.costs import count_by_rate, set_rate
from shop.income.jobs import COUNT_COSTS
from shop.income.models import CostBasis
from shop.kit.clock import WalkingClock
from shop.kit.db import db, release, transaction
from shop.kit.revisions import FOLDER
from shop.reports.books import run_checks
from shop.reports.checks import CHECKS
from tests.factories.office import MARCH_2026, Office, good_books, scalars

SKU = "PL003"
NEW_YEAR, MID_JULY = "2025-01-01", "2025-07-16"
STANDS = (
    "SELECT coalesce(sum(amount_fen), 0)::bigint AS cost, coalesce(sum(covers_fen), 0)::bigint AS covered"
    " FROM cost_lines"
)


@pytest.fixture
def office(county: Flask, clock: WalkingClock) -> Iterator[Office]:
    with good_books(county, clock) as office:
        yield office
        office.do_jobs(COUNT_COSTS)


def enter(office: Office, fen: int, since: str, status: int = 201) -> Any:
    body = {"sku": SKU, "basis": "kg", "rate_fen": fen, "valid_from": since, "source": "成本收益调查（示例）"}
    return office.post("/cost-rates", body, status=status)


def void(office: Office, since: str) -> None:
    office.post("/cost-rates/voiding", {"sku": SKU, "basis": "kg", "valid_from": since, "reason": "录错"})


def by_day(rates: dict[str, int]) -> tuple[int, int]:
    """Costs and covered sales of all slips, each by the last of the rates that holds on its day, in integers."""
    slips = scalars(
        "SELECT delivered_on, weight_g, amount_fen FROM deliveries JOIN products ON products.id = product_id"
        " WHERE sku = :sku",
        sku=SKU,
    )
    cost = covered = 0
    for day, grams, fen in slips:
        held = [since for since in rates if date.fromisoformat(since) <= day]
        if held:
            cost += (grams * rates[max(held)] * 2 + 1_000) // 2_000
            covered += fen
    return cost, covered


def stands() -> tuple[int, int]:
    [(cost, covered)] = scalars(STANDS)
    return cost, covered


@pytest.mark.parametrize("between", [True, False], ids=["job between", "jobs at the end"])
@pytest.mark.parametrize("order", list(permutations([(151, NEW_YEAR), (333, MID_JULY), (90, "2025-08-01")])))
def test_each_sale_costs_the_rate_of_its_day_in_whatever_order_rates_were_entered(
    office: Office, order: tuple[tuple[int, str], ...], between: bool
) -> None:
    for fen, since in order:
        enter(office, fen, since)
        if between:
            office.do_jobs(COUNT_COSTS)
    office.do_jobs(COUNT_COSTS)
    assert stands() == by_day({since: fen for fen, since in order})
    assert by_day({NEW_YEAR: 151})[1] == by_day({NEW_YEAR: 1, MID_JULY: 1})[1] > by_day({MID_JULY: 1})[1] > 0
    lines = scalars("SELECT count(*) FROM cost_lines")
    with transaction() as session:
        assert [count_by_rate(session, rate_id) for rate_id in (1, 2, 3)] == [0, 0, 0]
    assert scalars("SELECT count(*) FROM cost_lines") == lines


@pytest.mark.parametrize("between", [True, False], ids=["job between", "jobs at the end"])
def test_a_rate_of_an_earlier_day_entered_anew_displaces_no_later_one(office: Office, between: bool) -> None:
    def job() -> None:
        if between:
            office.do_jobs(COUNT_COSTS)

    enter(office, 151, NEW_YEAR)
    job()
    void(office, NEW_YEAR)
    job()
    enter(office, 500, MID_JULY)
    job()
    enter(office, 60, NEW_YEAR)
    office.do_jobs(COUNT_COSTS)
    assert stands() == by_day({NEW_YEAR: 60, MID_JULY: 500})
    void(office, MID_JULY)
    office.do_jobs(COUNT_COSTS)
    assert stands() == by_day({NEW_YEAR: 60})


def test_a_rate_of_mid_year_that_is_entered_late_corrects_the_open_month_and_leaves_closed_ones(office: Office) -> None:
    enter(office, 151, NEW_YEAR)
    office.do_jobs(COUNT_COSTS)
    office.close_through(9)
    closed = scalars("SELECT * FROM cost_lines WHERE month < '2025-10-01' ORDER BY id")
    enter(office, 333, MID_JULY)
    office.do_jobs(COUNT_COSTS)
    assert stands() == by_day({NEW_YEAR: 151, MID_JULY: 333})
    assert scalars("SELECT * FROM cost_lines WHERE month < '2025-10-01' ORDER BY id") == closed
    late = " WHERE month = '2025-10-01' AND incurred_on < '2025-10-01'"
    gained = by_day({NEW_YEAR: 151, MID_JULY: 333})[0] - by_day({NEW_YEAR: 151})[0]
    assert scalars(STANDS + late) == [(gained, 0)]
    void(office, MID_JULY)
    office.do_jobs(COUNT_COSTS)
    assert stands() == by_day({NEW_YEAR: 151})
    assert scalars(STANDS + late) == [(0, 0)]


def test_rates_that_are_entered_and_counted_at_once_come_to_the_rates_of_the_days(office: Office) -> None:
    rates = {NEW_YEAR: 151, MID_JULY: 333, "2025-08-01": 90, "2025-09-01": 60}
    began, broken = Barrier(len(rates)), []

    def work(since: str) -> None:
        with office.app.app_context():
            began.wait()
            try:
                with transaction() as session:
                    product = product_by_sku(session, SKU)
                    made = set_rate(
                        session, product, CostBasis.KG, rates[since], date.fromisoformat(since), "调查（示例）",
                        actor_id=None, now=office.clock.now(),
                    )  # fmt: skip
                    rate_id = made.id
                with transaction() as session:
                    count_by_rate(session, rate_id)
            except Exception as error:  # noqa: BLE001  told below
                broken.append(error)

    threads = [Thread(target=work, args=(since,)) for since in rates]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert broken == []
    assert stands() == by_day(rates)


def booked_meanwhile(office: Office, count: Any) -> int:
    """Lines of a sale whose transaction is open while a rate is entered and its past sales are counted by `count`."""
    began = Barrier(2)

    def work() -> None:
        with office.app.app_context():
            began.wait()
            with transaction() as session:
                session.execute(
                    text("INSERT INTO cost_rates (product_id, basis, rate_fen, valid_from, source, recorded_at)"
                         " SELECT id, 'kg', 151, '2025-01-01', '调查（示例）', now() FROM products WHERE sku = :sku"),
                    {"sku": SKU},
                )  # fmt: skip
            with transaction() as session:
                count(session)

    [(household,)] = scalars(
        "SELECT min(households.code) FROM deliveries JOIN households ON households.id = household_id"
        " JOIN products ON products.id = product_id WHERE sku = :sku",
        sku=SKU,
    )
    counter = Thread(target=work)
    counter.start()
    with transaction() as session:
        product = product_by_sku(session, SKU)
        sale = Slip("R1", date(2025, 7, 20), 10_000, Grade.FIRST, 500)
        firm = session.get_one(Firm, product.firm_id)
        made = record_delivery(
            session, firm, household_by_code(session, household), product, sale, actor_id=None, now=office.clock.now()
        )
        book_events(session, "deliveries", [made.id], now=office.clock.now())
        began.wait()
        counter.join(timeout=0.7)
        slip_id = made.id
    counter.join()
    return int(
        scalars(
            "SELECT count(*) FROM cost_lines JOIN income_entries AS sale ON sale.id = income_entry_id"
            " WHERE source_type = 'deliveries' AND source_id = :slip", slip=slip_id
        )[0][0]
    )  # fmt: skip


def test_a_sale_that_is_booked_while_its_rate_is_entered_is_counted(office: Office) -> None:
    assert booked_meanwhile(office, lambda session: count_by_rate(session, 1)) == 1


def test_control_who_counts_without_the_lock_of_costs_misses_the_sale(office: Office) -> None:
    of = {"product": scalars("SELECT id FROM products WHERE sku = :sku", sku=SKU)[0][0], "since": date(2025, 1, 1)}
    assert booked_meanwhile(office, lambda session: costs._count(session, costs._OF_PRODUCT, of)) == 0
    with transaction() as session:
        assert count_by_rate(session, 1) == 1


@pytest.mark.parametrize(
    ("fault", "what"),
    [("INSERT INTO cost_rates (product_id, basis, rate_fen, valid_from, source, recorded_at)"
      " SELECT product_id, basis, 333, '2025-07-16', source, recorded_at FROM cost_rates", "rate"),
     ("DELETE FROM cost_lines WHERE id = (SELECT max(id) FROM cost_lines)", "unknown")],
)  # fmt: skip
def test_check_books_finds_a_sale_that_does_not_cost_the_rate_of_its_day(office: Office, fault: str, what: str) -> None:
    enter(office, 151, NEW_YEAR)
    office.do_jobs(COUNT_COSTS)
    with db.engine.connect() as connection:
        connection.execute(text("ALTER TABLE cost_lines DISABLE TRIGGER USER"))
        connection.execute(text(fault))
        found = run_checks(connection, [check for check in CHECKS if check.code == "I22-costs"], now=MARCH_2026)
        connection.rollback()
    assert {one.row["what"] for one in found} == {what}


def test_what_an_older_version_counted_by_another_rate_is_counted_anew_after_the_upgrade(office: Office) -> None:
    enter(office, 151, NEW_YEAR)
    office.do_jobs(COUNT_COSTS)
    enter(office, 333, MID_JULY)
    with transaction() as session:  # that version counted nothing by the second one
        session.execute(text("UPDATE outbox SET done_at = now() WHERE job = 'income.count_costs'"))
    release()
    with_migrations(office.app)
    downgrade(directory=str(FOLDER), revision="0082")
    upgrade(directory=str(FOLDER))
    db.engine.dispose()
    assert stands() == by_day({NEW_YEAR: 151})
    office.do_jobs(COUNT_COSTS)
    assert stands() == by_day({NEW_YEAR: 151, MID_JULY: 333})
