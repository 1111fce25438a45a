"""An agreement whose lines have schedules of their own: each is due, called, forecast and amended on its own days."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, text

from shop.agreements.models import Agreement, AgreementLine, DueWeight
from shop.catalog.models import Product
from shop.kit.clock import at_beijing
from shop.kit.db import db, release, transaction
from shop.orders.scheduled import place_due
from shop.reports.books import CHECKS, run_checks
from tests.factories.agreements import BUYER, FIRM, second_product, sign_by
from tests.factories.world import NOW, World, build, operator_on

PEACH, APPLE = "PL001", "PL009"
FIRST, LAST = date(2025, 8, 29), date(2025, 10, 1)
DAILY = [FIRST + timedelta(days=number) for number in range(34)]
#: The 31st of August, and of September, which has none, the last day.
MONTHLY = [date(2025, 8, 31), date(2025, 9, 30)]
LINE = {"floor_fen_per_kg": 500, "price_rule": "FIXED"}
ASKED = {
    "code": "A60", "partner": "B01", "firm": "F01", "signed_on": "2025-07-15", "starts_on": str(FIRST),
    "ends_on": str(LAST), "payment_term_days": 30, "schedule": "daily",
    "lines": [
        {"sku": PEACH, "per_date_g": 1_000, **LINE},
        {"sku": APPLE, "per_date_g": 15_000, "minimum_date_g": 10_000, "schedule": "monthly:31", **LINE},
    ],
}  # fmt: skip
PROOFS = [check for check in CHECKS if check.code in ("I19", "I19-due", "I19-terms", "I20")]


@pytest.fixture
def world(committed: Flask) -> World:
    """Peaches daily by the agreement's schedule, apples on the 31st by their own."""
    built = build(committed)
    with transaction() as session:
        second_product(session, APPLE)
    answer = built.app.test_client().post("/api/v1/agreements", json=ASKED, headers=built.headers["operator"])
    assert answer.status_code == 201, answer.text
    return built


def get(world: World, path: str, actor: str = "buyer") -> Any:
    answer = world.app.test_client().get(f"/api/v1{path}", headers=world.headers[actor])
    assert answer.status_code == 200, answer.text
    return answer.get_json()


def due(sku: str) -> dict[date, int]:
    rows = db.session.execute(
        select(DueWeight.due_on, DueWeight.weight_g)
        .join(AgreementLine, AgreementLine.id == DueWeight.line_id)
        .join(Agreement, Agreement.id == AgreementLine.agreement_id)
        .join(Product, Product.id == AgreementLine.product_id)
        .where(Agreement.code == "A60", Product.sku == sku, DueWeight.weight_g > 0)
    )
    found = dict(rows.all())  # type: ignore[arg-type]
    release()
    return found


def called(world: World) -> list[tuple[str, str, str, int]]:
    calls = get(world, "/agreements/A60")["call_offs"]
    return sorted((call["schedule_day"], call["sku"], call["due_on"], call["weight_g"]) for call in calls)


def ordered(day: date) -> int:
    """Orders that a run of the schedule on that day places."""
    with transaction() as session:
        result = place_due(session, day, now=at_beijing(day, 6))
    assert result.refused == []
    return result.placed


def test_each_line_is_called_on_its_own_days_whatever_is_run_again_missed_or_jumped(world: World) -> None:
    """A rerun, an outage over both rhythms, a clock that jumps back: on each day the lines that are due, once."""
    lines = get(world, "/agreements/A60")["lines"]
    assert [(line["sku"], line["schedule"], line["committed_g"]) for line in lines] == [
        (PEACH, None, 34_000), (APPLE, "monthly:31", 30_000),
    ]  # fmt: skip
    assert (due(PEACH), due(APPLE)) == (dict.fromkeys(DAILY, 1_000), dict.fromkeys(MONTHLY, 15_000))

    def asked_ahead(grams: int, schedule_day: str) -> str:
        answer = world.app.test_client().post(
            "/api/v1/agreements/A60/call-offs", headers=world.headers["buyer"] | {"Idempotency-Key": schedule_day},
            json={"sku": APPLE, "weight_g": grams, "due_on": str(FIRST), "schedule_day": schedule_day},
        )  # fmt: skip
        return str(answer.get_json()["type"].rpartition("#")[2])

    assert asked_ahead(15_000, "2025-08-30") == "not-scheduled"  # a day of the peaches
    assert asked_ahead(9_999, "2025-08-31") == "below-minimum"

    scheduled = [(day, PEACH, 1_000) for day in DAILY] + [(day, APPLE, 15_000) for day in MONTHLY]
    expected: list[tuple[str, str, str, int]] = []
    since = date.min
    runs = {FIRST: 1, date(2025, 9, 2): 5, date(2025, 9, 30): 29, LAST: 1}
    for run, placed in runs.items():
        expected += [(str(day), sku, str(run), grams) for day, sku, grams in scheduled if since < day <= run]
        since = run
        assert [ordered(run), ordered(run), ordered(run - timedelta(days=3))] == [placed, 0, 0]
        assert called(world) == sorted(expected)
        if run == date(2025, 9, 2):
            figures_on(world, run)
    assert len(expected) == 36
    assert run_checks(db.session.connection(), PROOFS, now=NOW) == []


def figures_on(world: World, day: date) -> None:
    """Of each product what fell due, was called, is behind and is forecast up to the promise, by hand; with its facts.

    The first day's peaches alone were called for a day before; what the outage missed is due on the day of the run.
    """
    clock = world.app.extensions["clock"]
    before = clock.now()
    client, headers = world.app.test_client(), operator_on(world, day)
    for sku, figures, ahead in (
        (PEACH, {"signed_g": 34_000, "due_g": 5_000, "called_g": 5_000, "shortfall_g": 5_000, "firm_short_g": 1_000,
                 "forecast_g": 29_000}, DAILY[5:]),
        (APPLE, {"signed_g": 30_000, "due_g": 15_000, "called_g": 15_000, "shortfall_g": 15_000, "firm_short_g": 0,
                 "forecast_g": 15_000}, MONTHLY[1:]),
    ):  # fmt: skip
        for figure, grams in figures.items():
            path = f"/api/v1/reports/agreements/explain?by=product&as_of={day}&key={sku}&figure={figure}&limit=100"
            told = client.get(path, headers=headers).get_json()["items"]
            items = [item for item in told if item["agreement"] == "A60"]
            assert sum(item["parts"][figure] for item in items) == grams, (sku, figure)
            if figure == "forecast_g":
                assert [item["day"] for item in items] == [str(day) for day in ahead]
    clock.put(before)


def test_the_page_of_the_agreement_shows_each_rhythm_in_words(world: World) -> None:
    client = world.browser("buyer")
    page = client.get("/desk/agreements/A60").text
    assert "<span>排期：每日</span>" in page
    assert ["同协议" in row for row in page.split("<tr>")[2:4]] == [True, False]
    assert "<td>每月31日（当月没有该日的，为当月最后一日）</td>" in page


def test_an_amendment_moves_the_days_of_one_line_and_keeps_what_fell_due(world: World) -> None:
    """Apples come on Wednesdays from the third of September on, peaches as before; the contract follows by version."""
    signed_at = at_beijing(date(2025, 9, 2), 10)
    assert ordered(date(2025, 9, 2)) == 6

    def propose(apple: dict[str, Any]) -> Any:
        terms = {name: value for name, value in ASKED.items() if name not in ("code", "partner", "firm", "signed_on")}
        return world.app.test_client().post(
            "/api/v1/agreements/A60/versions", headers=world.headers["buyer"],
            json=terms | {"lines": [{"sku": PEACH, "per_date_g": 1_000, **LINE}, {"sku": APPLE, **LINE, **apple}]},
        )  # fmt: skip

    # 15 kg were called for the 31st of August; five Wednesdays are left, at 6,001 g each.
    apple = {"per_date_g": 6_001, "schedule": "weekly:3"}
    # The least of a day, 10 kg, is carried over where nothing is said of it: no day asks for so much any more.
    assert propose(apple).get_json()["term"] == "minimum_date_g"
    assert propose(apple | {"minimum_date_g": 0}).status_code == 201
    with transaction() as session:
        assert sign_by(session, "A60", *(replace(hand, now=signed_at) for hand in (BUYER, FIRM)))
    wednesdays = [date(2025, 9, 3) + timedelta(days=7 * number) for number in range(5)]
    assert due(APPLE) == {date(2025, 8, 31): 15_000, **dict.fromkeys(wednesdays, 6_001)}
    assert due(PEACH) == dict.fromkeys(DAILY, 1_000)
    assert ordered(date(2025, 9, 10)) == 8 + 2
    assert called(world)[-2:] == [
        ("2025-09-10", PEACH, "2025-09-10", 1_000), ("2025-09-10", APPLE, "2025-09-10", 6_001),
    ]  # fmt: skip
    assert propose({"committed_g": 27_001}).get_json()["type"].endswith("amendment-refused")  # 27,002 g were called
    papers = [
        world.app.test_client().get(f"/api/v1/agreements/A60/contract?version={number}", headers=world.headers["buyer"])
        for number in (1, 2)
    ]
    assert [paper.status_code for paper in papers] == [200, 200]
    assert papers[0].data != papers[1].data
    assert run_checks(db.session.connection(), PROOFS, now=NOW) == []
    release()
    with transaction() as session:
        session.execute(text("ALTER TABLE agreement_lines DISABLE TRIGGER agreement_lines_terms"))
        session.execute(text("UPDATE agreement_lines SET schedule = 'daily' WHERE schedule = 'weekly:3'"))
    assert [found.check.code for found in run_checks(db.session.connection(), PROOFS, now=NOW)] == ["I19-terms"]
