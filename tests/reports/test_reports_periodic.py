"""日报, 旬报, 周报, 月报: their days, figures that add up every way, files, and sent reports that never change."""

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from python_calamine import CalamineWorkbook
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from shop.access.models import Role
from shop.kit.clock import WalkingClock
from shop.kit.db import db, transaction
from shop.kit.tables import CSV_TYPE, XLSX_TYPE
from shop.reports import adjustments, api, periodic, rollups, runs, sent
from shop.reports.books import check_books
from shop.reports.explain_periodic import Figure, figure_at
from shop.reports.models import Rollup
from shop.reports.periods import Every, Span, period_of, spans_of, title_zh
from tests.conftest import A_DAY_IN_JULY, fresh_app
from tests.factories.access import headers_of, person
from tests.factories.sales import Season, agreement_of, ready

EVENING = datetime(2025, 7, 15, 12, 0, tzinfo=UTC)
DAYS = st.dates(date(2001, 1, 1), date(2099, 12, 31))


@pytest.mark.parametrize(
    ("every", "on", "first", "last", "year_ago", "title"),
    [
        ("day", "2025-07-15", "2025-07-15", "2025-07-15", "2024-07-15..2024-07-15", "日报 2025-07-15"),
        ("day", "2024-02-29", "2024-02-29", "2024-02-29", "2023-02-28..2023-02-28", "日报 2024-02-29"),
        ("ten_days", "2025-02-25", "2025-02-21", "2025-02-28", "2024-02-21..2024-02-29", "旬报 2025年2月下旬"),
        ("ten_days", "2025-07-10", "2025-07-01", "2025-07-10", "2024-07-01..2024-07-10", "旬报 2025年7月上旬"),
        ("ten_days", "2025-07-31", "2025-07-21", "2025-07-31", "2024-07-21..2024-07-31", "旬报 2025年7月下旬"),
        ("week", "2025-07-15", "2025-07-14", "2025-07-20", "2024-07-15..2024-07-21", "周报 2025-07-14 至 2025-07-20"),
        ("week", "2025-01-01", "2024-12-30", "2025-01-05", "2024-01-01..2024-01-07", "周报 2024-12-30 至 2025-01-05"),
        ("month", "2025-02-01", "2025-02-01", "2025-02-28", "2024-02-01..2024-02-29", "月报 2025年2月"),
    ],
)
def test_a_period_and_the_one_a_year_before(
    every: str, on: str, first: str, last: str, year_ago: str, title: str
) -> None:
    spans = spans_of(Every(every), date.fromisoformat(on), today=date(2030, 1, 1))
    assert spans.period == Span(date.fromisoformat(first), date.fromisoformat(last))
    assert f"{spans.last_year.first}..{spans.last_year.last}" == year_ago
    assert spans.cumulative == Span(date(spans.period.last.year, 1, 1), spans.period.last)
    assert title_zh(Every(every), spans.period) == title


@given(every=st.sampled_from(Every), day=DAYS)
def test_every_day_lies_in_one_period_and_the_periods_follow_each_other(every: Every, day: date) -> None:
    period = period_of(every, day)
    assert period.first <= day <= period.last
    assert period_of(every, period.first) == period_of(every, period.last) == period
    assert period_of(every, period.first - timedelta(days=1)).last == period.first - timedelta(days=1)


def test_the_day_of_a_period_that_is_not_over_is_today() -> None:
    spans = spans_of(Every.MONTH, date(2025, 7, 1), today=date(2025, 7, 15))
    assert spans.day == Span(date(2025, 7, 15), date(2025, 7, 15))


@pytest.mark.parametrize(
    ("every", "today", "before", "year"),
    [
        ("month", "2025-07-15", "2024-07-01..2024-07-15", "2025-01-01..2025-07-31"),
        ("month", "2025-07-31", "2024-07-01..2024-07-31", "2025-01-01..2025-07-31"),
        ("month", "2025-08-01", "2024-07-01..2024-07-31", "2025-01-01..2025-07-31"),
        ("ten_days", "2025-02-28", "2024-02-21..2024-02-29", "2025-01-01..2025-02-28"),
        ("ten_days", "2024-02-28", "2023-02-21..2023-02-28", "2024-01-01..2024-02-29"),
        ("week", "2025-12-30", "2024-12-30..2024-12-31", "2025-01-01..2025-12-31"),
        ("week", "2026-01-01", "2024-12-30..2025-01-02", "2026-01-01..2026-01-04"),
        ("week", "2026-03-01", "2024-12-30..2025-01-05", "2026-01-01..2026-01-04"),
    ],
)
def test_a_part_of_a_period_stands_beside_as_many_days_of_the_one_before(
    every: str, today: str, before: str, year: str
) -> None:
    """A week across the year has the year so far of its day: the old one until it is over."""
    day = date.fromisoformat(today)
    on = {"week": date(2025, 12, 31), "month": date(2025, 7, 1)}.get(every, day)
    spans = spans_of(Every(every), on, today=day)
    assert f"{spans.last_year.first}..{spans.last_year.last}" == before
    assert f"{spans.cumulative.first}..{spans.cumulative.last}" == year


@dataclass
class Desk:
    """The app, the clock, and who reads and sends."""

    app: Flask
    clock: WalkingClock
    people: dict[str, dict[str, str]]
    ids: dict[str, int]
    keys: int = 0

    def go(self, moment: datetime) -> None:
        """Another moment, at which everybody has signed in anew."""
        self.clock.put(moment)
        self.people = {name: headers_of(self.app, who) for name, who in self.ids.items()}

    def get(self, url: str, who: str = "county", accept: str = "application/json") -> TestResponse:
        answer = self.app.test_client().get(f"/api/v1{url}", headers=self.people[who] | {"Accept": accept})
        assert answer.status_code == 200, answer.text
        return answer

    def report(self, every: str, on: str, who: str = "county") -> dict[str, Any]:
        body: dict[str, Any] = self.get(f"/reports/periodic?every={every}&on={on}", who).get_json()
        return body

    def send(self, every: str, on: str, who: str = "county", note: str | None = None) -> TestResponse:
        self.keys += 1
        headers = self.people[who] | {"Idempotency-Key": f"send-{self.keys}", "Accept-Language": "zh"}
        body = {"every": every, "on": on} | ({"note": note} if note else {})
        return self.app.test_client().post("/api/v1/reports/sent", json=body, headers=headers)

    def why(self, every: str, asked: Figure, who: str = "county") -> int:
        """What the rows behind a figure add up to."""
        given = {name: value for name, value in vars(asked).items() if value is not None}
        url = f"/reports/periodic/explain?{urlencode({'every': every, 'on': '2025-07-15', 'limit': 1, **given})}"
        return int(self.get(url, who).get_json()["value"])

    def refresh(self) -> None:
        for rollup in Rollup:
            with transaction() as session:
                rollups.refresh(session, rollup)
                runs.touch(session, f"reports.refresh_{rollup.value}", rows=0, now=self.clock.now())
        self.check()

    def check(self) -> None:
        """The job that holds sent reports against the books."""
        looked = 1
        while looked:
            with transaction() as session:
                looked = adjustments.check_next(session, now=self.clock.now())

    def sql(self, query: str, **bound: object) -> Any:
        with db.engine.connect() as connection:
            return connection.execute(text(query), bound).one()


def sell(season: Season) -> None:
    season.settled(season.paid())
    season.settled(season.paid(quantity=3), refused_g=700)
    season.settled(season.paid("CADRE"))
    season.settled(season.paid("HOST"))
    season.settled(season.approved("UNIT", 5))
    season.approved("UNIT", 2)
    season.settled(season.called(agreement_of(season), 20_000), refused_g=1_000)
    season.paid(quantity=1)
    season.placed(quantity=4)


@pytest.fixture
def desk(county: Flask, clock: WalkingClock) -> Desk:
    return opened(county, clock)


@pytest.fixture(scope="module")
def year(urls: tuple[str, str], county_template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """The same for tests that change nothing."""
    clock = WalkingClock(A_DAY_IN_JULY)
    with fresh_app(urls, county_template, tmp_path_factory.mktemp("periodic"), clock) as app:
        yield opened(app, clock)


def opened(app: Flask, clock: WalkingClock) -> Desk:
    with transaction() as session:
        sell(ready(session, clock.now()))
    with db.engine.connect() as connection:
        parties = {
            (kind, code): found for kind, code, found in connection.execute(text("SELECT kind, code, id FROM parties"))
        }
    grants = {
        "county": (Role.MANAGER, parties["county", "140829"]),
        "peaches": (Role.MANAGER, parties["township", "140829106"]),
        "other": (Role.MANAGER, parties["township", "140829101"]),
        "firm": (Role.FIRM_STAFF, parties["firm", "F01"]),
        "office": (Role.OPERATOR, parties["county", "140829"]),
    }
    ids = {name: person(app, grant) for name, grant in grants.items()}
    made = Desk(app, clock, {name: headers_of(app, who) for name, who in ids.items()}, ids)
    made.refresh()
    clock.put(EVENING)
    return made


def section(report: dict[str, Any], code: str) -> dict[str, Any]:
    (found,) = (section for section in report["sections"] if section["code"] == code)
    return dict(found)


def figure(report: dict[str, Any], name: str, span: str = "period") -> int:
    (row,) = (row for row in section(report, "summary")["rows"] if row["key"] == name)
    return int(row[f"{span}_value"])


CUTS = ("channels", "townships", "firms", "products_by_amount", "products_by_weight", "origins")

INDEPENDENT = """
    SELECT coalesce(sum(CASE WHEN o.payment_terms = 'on_invoice' THEN coalesce(l.accepted_fen, l.amount_fen)
                             ELSE l.amount_fen - l.refunded_fen END), 0) AS fen,
           coalesce(sum(coalesce(l.accepted_g, l.weight_g)), 0) AS grams, count(DISTINCT o.id) AS orders
    FROM orders o JOIN order_lines l ON l.order_id = o.id
    WHERE o.confirmed_at IS NOT NULL AND o.status <> 'cancelled' AND o.placed_on BETWEEN :first AND :last
"""


@pytest.mark.parametrize("every", ["day", "ten_days", "week", "month"])
def test_sales_add_up_by_channel_township_firm_product_and_origin_and_equal_an_independent_sum(
    year: Desk, every: str
) -> None:
    report = year.report(every, "2025-07-15")
    truth = year.sql(INDEPENDENT, first=report["period"]["from"], last=report["period"]["to"])
    assert (truth.fen, truth.grams, truth.orders) == (75_530, 60_800, 8)
    assert (figure(report, "net_fen"), figure(report, "weight_g"), figure(report, "orders")) == tuple(truth)
    for code in CUTS:
        cut = section(report, code)
        for name, whole in (("period_net_fen", truth.fen), ("period_weight_g", truth.grams)):
            assert sum(row[name] for row in cut["rows"]) == cut["total"][name] == whole, (code, name)


def test_2025_adds_up_by_township_firm_product_and_month_and_equals_an_independent_sum(year: Desk) -> None:
    """What households received in the county's files, each cut of the income report against the entries."""
    truth = year.sql("SELECT sum(amount_fen) AS fen, sum(weight_g) AS grams FROM income_entries")
    for by in ("township", "village", "firm", "product", "month"):
        rows, after = [], ""
        while True:
            report = year.get(f"/reports/income?year=2025&by={by}{after}").get_json()
            rows += report["items"]
            if report["next"] is None:
                break
            after = f"&after={report['next']}"
        assert sum(row["cash_fen"] for row in rows) == report["total"]["cash_fen"] == truth.fen
        assert sum(row["weight_g"] for row in rows) == truth.grams
    december = year.report("month", "2025-12-31")
    assert figure(december, "cash_fen", "cumulative") == truth.fen
    assert sum(row["cumulative_cash_fen"] for row in section(december, "households")["rows"]) == truth.fen


def test_the_days_of_a_month_add_up_to_the_month_for_sales_and_income(year: Desk) -> None:
    month = year.report("month", "2025-07-15")
    days = [year.report("ten_days", f"2025-07-{day:02d}") for day in (1, 11, 21)]
    for name in ("net_fen", "weight_g", "orders", "cash_fen"):
        assert sum(figure(part, name) for part in days) == figure(month, name)
    assert max(figure(part, "households") for part in days) <= figure(month, "households")


def test_all_nine_townships_and_all_five_channels_are_kept_at_zero(year: Desk) -> None:
    report = year.report("day", "2025-03-01")
    assert [len(section(report, code)["rows"]) for code in ("townships", "households", "channels")] == [9, 9, 5]
    assert {row["period_net_fen"] for row in section(report, "townships")["rows"]} == {0}


def test_without_a_year_before_there_is_no_base_and_with_one_there_is_a_change(desk: Desk) -> None:
    before = desk.report("month", "2025-07-15")
    assert {row["change_bp"] for row in section(before, "channels")["rows"]} == {None}
    # A month that has not begun is compared with nothing; one that goes on with as many days as have passed.
    assert section(desk.report("month", "2026-07-15"), "channels")["total"]["change_bp"] is None
    for day, ordered in ((14, 0), (15, 8), (31, 8)):
        desk.go(datetime(2026, 7, day, 2, tzinfo=UTC))
        report = desk.report("month", "2026-07-15")
        assert figure(report, "orders", "last_year") == ordered, day
        assert section(report, "channels")["total"]["change_bp"] == (-10_000 if ordered else None)
    assert figure(report, "net_fen", "last_year") == figure(before, "net_fen")


def test_one_slip_of_the_year_before_is_no_base_of_what_households_received(desk: Desk) -> None:
    """A slip whose year was mistyped made 109 households of one: what they received is compared where as many were
    recorded a year before as were surveyed."""

    def households(months: str) -> tuple[int | None, int]:
        with transaction() as session:
            session.execute(
                text(
                    "INSERT INTO income_entries (household_id, firm_id, kind, category, earned_on, month, weight_g,"
                    " amount_fen, source_type, source_id, journal_id)"
                    " SELECT household_id, min(firm_id), 'wage', 'wage', '2024-07-15', '2024-07-01', 0, 500, 'told',"
                    " household_id, min(journal_id) FROM income_entries"
                    f" WHERE {months} GROUP BY household_id ON CONFLICT DO NOTHING"
                )
            )  # fmt: skip
        desk.refresh()
        report = desk.report("month", "2025-07-15")
        total = section(report, "households")["total"]
        (cash,) = (row for row in section(report, "summary")["rows"] if row["key"] == "cash_fen")
        assert cash["change_bp"] == total["change_bp"]
        return total["change_bp"], total["last_year_households"]

    with transaction() as session:
        session.execute(text("ALTER TABLE income_entries DISABLE TRIGGER USER"))
        session.execute(text("ALTER TABLE income_entries ENABLE TRIGGER income_entries_mark"))
    first = "household_id = (SELECT min(household_id) FROM income_entries WHERE month = '2025-07-01')"
    assert households(first) == (None, 1)
    change, all_of = households("month = '2025-07-01'")
    assert all_of > 1
    assert change is not None


def test_a_channel_has_its_share_and_what_a_cadre_buys_himself_counts_for_nobody(desk: Desk) -> None:
    (before_,) = (row for row in section(desk.report("day", "2025-07-15"), "cadres")["rows"] if row["key"] == "other")
    assert (before_["cadres"], before_["period_orders"], before_["period_net_fen"]) == (1, 1, 7_960)
    with transaction() as session:
        session.execute(text("UPDATE orders SET is_own = true WHERE partner_kind = 'cadre'"))
    desk.refresh()
    report = desk.report("day", "2025-07-15")
    assert section(report, "cadres")["total"]["period_orders"] == 0
    assert figure(report, "orders") == 8
    shares = [row["share_bp"] for row in section(report, "channels")["rows"]]
    assert abs(sum(shares) - 10_000) <= len(shares)


def test_cadres_stand_in_classes_without_a_name_or_a_code(year: Desk) -> None:
    cadres = section(year.report("month", "2025-07-15"), "cadres")
    assert [row["name"] for row in cadres["rows"]] == [
        "50 单及以上", "10 至 49 单", "其他（不足 3 人的档合并）",
    ]  # fmt: skip
    assert "CADRE" not in json.dumps(cadres)


def test_cadres_who_brought_nothing_this_year_are_in_the_figures_of_the_year_before(desk: Desk) -> None:
    """The table adds up to its channel in every span, so that a change is not one over those alone who sell again."""
    desk.go(datetime(2026, 8, 1, 2, tzinfo=UTC))
    report = desk.report("month", "2026-07-15")
    cadres = section(report, "cadres")
    (channel,) = (row for row in section(report, "channels")["rows"] if row["key"] == "cadre")
    for name in ("orders", "net_fen", "weight_g"):
        for span in ("day", "period", "cumulative", "last_year"):
            assert cadres["total"][f"{span}_{name}"] == channel[f"{span}_{name}"], (span, name)
    assert channel["last_year_orders"] == 1
    (other,) = (row for row in cadres["rows"] if row["key"] == "other")
    assert (other["cadres"], other["change_bp"]) == (1, -10_000)
    asked = {"every": "month", "on": "2026-07-15", "section": "cadres", "span": "last_year", "figure": "net_fen"}
    behind = desk.get(f"/reports/periodic/explain?{urlencode(asked | {'key': 'other'})}").get_json()
    assert behind["value"] == other["last_year_net_fen"] > 0


def test_the_rows_behind_a_class_that_is_put_together_are_told_of_all_of_it_alone(year: Desk) -> None:
    asked = "every=month&on=2025-07-15&section=cadres&figure=net_fen&span=cumulative"
    found = {
        key: year.get(f"/reports/periodic/explain?{asked}&key={key}").get_json() for key in ("1", "10", "50", "other")
    }
    (row,) = (row for row in section(year.report("month", "2025-07-15"), "cadres")["rows"] if row["key"] == "other")
    assert {key: one["rows"] for key, one in found.items() if key != "other"} == {"1": 0, "10": 0, "50": 0}
    assert found["other"]["value"] == row["cumulative_net_fen"] > 0


def test_what_is_owed_on_invoice_and_what_is_late(desk: Desk) -> None:
    owed = section(desk.report("day", "2025-07-15"), "receivables")
    assert owed["total"] == {"due_fen": 30_844, "overdue_fen": 0}
    desk.clock.put(datetime(2025, 8, 20, tzinfo=UTC))
    with db.engine.connect() as connection:
        county = connection.execute(text("SELECT id FROM parties WHERE kind = 'county'")).scalar_one()
    desk.people["county"] = headers_of(desk.app, person(desk.app, (Role.MANAGER, county)))
    late = section(desk.report("day", "2025-08-20"), "receivables")
    assert late["total"] == {"due_fen": 30_844, "overdue_fen": 30_844}


def test_sessions_show_what_was_ordered_refunded_and_left(year: Desk) -> None:
    (live,) = section(year.report("day", "2025-07-15"), "sessions")["rows"]
    assert (live["key"], live["ordered_fen"], live["refunded_fen"], live["net_fen"]) == ("LIVE-1", 6_000, 0, 6_000)


@pytest.mark.parametrize(("who", "net"), [("county", 75_530), ("peaches", 75_530), ("other", 0), ("firm", 75_530)])
def test_everybody_reads_the_report_of_his_area(year: Desk, who: str, net: int) -> None:
    assert figure(year.report("day", "2025-07-15", who), "net_fen") == net


def test_a_firm_reads_nothing_of_whole_households(year: Desk) -> None:
    report = year.report("month", "2025-07-15", "firm")
    codes = {section["code"] for section in report["sections"]}
    assert codes & {"households", "adjustments"} == set()


def test_no_report_that_grows_by_the_day_says_how_many_households_are_assisted(year: Desk) -> None:
    for who in ("county", "peaches", "firm"):
        assert "assisted" not in json.dumps(year.report("day", "2025-07-15", who))
        assert "帮扶户" not in json.dumps(year.report("month", "2025-07-15", who), ensure_ascii=False)


def test_a_report_says_where_it_comes_from_and_until_when(year: Desk) -> None:
    report = year.report("day", "2025-07-15")
    assert report["cut_off"] == "2025-07-15T20:00:00+08:00"
    assert (report["over"], report["tax"]) == (False, "金额为含税价。")
    assert "无基数" in report["basis"]


#: Columns that no rows explain: rates follow from figures, and which cadre it was is told to nobody.
UNEXPLAINED = ("_bp", "cadres", "name", "key", "oldest_due_on")


@pytest.mark.parametrize("who", ["county", "peaches", "other", "firm"])
@pytest.mark.parametrize("every", ["ten_days", "month"])
def test_every_figure_of_every_reader_is_the_sum_of_the_rows_behind_it(year: Desk, every: str, who: str) -> None:
    report = year.report(every, "2025-07-15", who)
    explained = 0
    for part in report["sections"]:
        if part["code"] in ("agreements", "adjustments"):
            continue
        rows = [(row["key"], row) for row in part["rows"]] + ([(None, part["total"])] if part["total"] else [])
        for key, row in rows:
            for path in (column["path"] for column in part["columns"]):
                asked = figure_at(part["code"], path, key)
                if path.endswith(UNEXPLAINED):
                    assert asked is None, (part["code"], path)
                    continue
                assert asked is not None, (part["code"], path)
                assert year.why(every, asked, who) == row[path], (part["code"], key, path)
                explained += 1
    assert explained > 300


def test_rows_behind_a_figure_lead_down_to_lines_and_slips_page_by_page(year: Desk) -> None:
    asked = "every=month&on=2025-07-15&section=channels&figure=net_fen&limit=3"
    first = year.get(f"/reports/periodic/explain?{asked}").get_json()
    second = year.get(f"/reports/periodic/explain?{asked}&cursor={first['next']}").get_json()
    last = year.get(f"/reports/periodic/explain?{asked}&cursor={second['next']}").get_json()
    items = [*first["items"], *second["items"], *last["items"]]
    assert (first["rows"], len(items), last["next"]) == (8, 8, None)
    assert sum(item["value"] for item in items) == first["value"] == 75_530
    assert {item["sku"] for item in items} == {"PL001"}
    slips = year.get("/reports/periodic/explain?every=month&on=2025-07-15&section=households&figure=cash_fen&limit=3")
    assert {item["source"] for item in slips.get_json()["items"]} <= {"deliveries", "household_payments"}


def test_which_cadre_brought_an_order_stands_nowhere(year: Desk) -> None:
    for asked in ("section=cadres&figure=orders", "section=channels&key=cadre&figure=net_fen"):
        found = year.get(f"/reports/periodic/explain?every=month&on=2025-07-15&{asked}").get_json()
        assert found["rows"] == 1
        assert {item.get("partner") for item in found["items"]} == {None}


@pytest.mark.parametrize("asked", ["section=households&figure=orders", "section=sessions&figure=cash_fen"])
def test_a_figure_that_a_section_has_not_is_not_found(year: Desk, asked: str) -> None:
    answer = year.app.test_client().get(
        f"/api/v1/reports/periodic/explain?{asked}", headers=year.people["county"] | {"Accept": "application/json"}
    )
    assert answer.status_code == 404


def test_the_workbook_has_a_sheet_for_each_section_with_numbers_and_a_chinese_head(year: Desk) -> None:
    answer = year.get("/reports/periodic?every=day&on=2025-07-15", accept=XLSX_TYPE)
    assert answer.content_type == XLSX_TYPE
    book = CalamineWorkbook.from_filelike(io.BytesIO(answer.data))
    report = year.report("day", "2025-07-15")
    assert len(book.sheet_names) == len(report["sections"]) + 1
    rows = book.get_sheet_by_name("五条渠道").to_python()
    assert rows[0][:3] == ["渠道", "本期占比（%）", "当日销售额（元）"]
    assert (rows[-1][0], rows[-1][2]) == ("合计", 755.3)
    # Each sheet says what it lists, and until when; a change over nothing says so; the cover names the area.
    assert book.sheet_names[1:] == [one["title"] for one in report["sections"]]
    assert {"商品（按本期销售额前 20，合计为全部商品）", "应收账款（2025-07-15 提取时的余额）"} < set(book.sheet_names)
    assert (rows[0][-1], rows[-1][-1]) == ("同比（%）", "无基数")
    assert ["区域", "平陆县"] in book.get_sheet_by_name("封面").to_python()


def test_csv_has_the_same_figures(year: Desk) -> None:
    answer = year.get("/reports/periodic?every=day&on=2025-07-15", accept="text/csv")
    assert answer.content_type == CSV_TYPE
    assert "合计,,755.30" in answer.data.decode("utf-8-sig")


def test_a_sent_report_keeps_its_bytes_whatever_happens_afterwards(desk: Desk) -> None:
    mine = desk.send("day", "2025-07-15").get_json()
    assert (mine["code"], mine["version"], mine["area"]) == ("day-2025-07-15-140829-v1", 1, "平陆县")
    body = desk.get(f"/reports/sent/{mine['code']}").data
    assert sha256(body).hexdigest() == mine["sha256"]
    late_sale(desk)
    assert desk.get(f"/reports/sent/{mine['code']}").data == body
    assert figure(desk.report("day", "2025-07-15"), "net_fen") == figure(json.loads(body), "net_fen") + 3_980


@contextmanager
def whatever_is_there() -> Iterator[Session]:
    """What `one_moment` keeps out."""
    yield db.session()


@pytest.mark.parametrize("guarded", [True, False], ids=["one moment", "the control"])
def test_a_report_says_what_was_there_at_one_moment(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, *, guarded: bool
) -> None:
    first = periodic._PARTNERS_BY

    class Overtaken:
        """A job commits when the first statement was run and the next was not sent yet."""

        def ask(self, *asked: Any) -> Any:
            rows = list(first.ask(*asked)())
            with db.engine.begin() as job:
                job.execute(text("UPDATE product_sales_rollup SET net_fen = net_fen + 1"))
            return lambda: rows

    monkeypatch.setattr(periodic, "_PARTNERS_BY", Overtaken())
    if not guarded:
        for room in (api, sent):
            monkeypatch.setattr(room, "one_moment", whatever_is_there)

    def frozen() -> dict[str, Any]:
        code = desk.send("day", "2025-07-15").get_json()["code"]
        body: dict[str, Any] = desk.get(f"/reports/sent/{code}").get_json()
        return body

    for read_now in (lambda: desk.report("day", "2025-07-15"), frozen):
        report = read_now()
        origins, channels = (section(report, code)["total"]["period_net_fen"] for code in ("origins", "channels"))
        assert (origins == channels) is guarded
        with transaction() as session:
            rollups.rebuild(session, Rollup.SALES)


def late_sale(desk: Desk) -> None:
    """An order of the same day that came after the report was sent."""
    with transaction() as session:
        order = Season(session, A_DAY_IN_JULY, "PL001").placed(quantity=1)
        Season(session, A_DAY_IN_JULY, "PL001").pays(order)
    desk.refresh()


def test_a_sent_report_is_never_changed_in_the_database(desk: Desk) -> None:
    desk.send("day", "2025-07-15")
    for change in ("UPDATE sent_reports SET note = 'x'", "DELETE FROM sent_reports"):
        with pytest.raises(IntegrityError, match="append-only"), transaction() as session:
            session.execute(text(change))


def test_another_version_needs_new_figures_and_a_reason(desk: Desk) -> None:
    assert desk.send("day", "2025-07-15").status_code == 201
    same = desk.send("day", "2025-07-15", note="再报一次")
    assert (same.status_code, same.get_json()["type"]) == (409, "/docs/errors#report-unchanged")
    late_sale(desk)
    bare = desk.send("day", "2025-07-15")
    assert (bare.status_code, bare.get_json()["type"]) == (422, "/docs/errors#report-needs-reason")
    again = desk.send("day", "2025-07-15", note="补记一单").get_json()
    assert (again["version"], again["note"]) == (2, "补记一单")
    codes = [row["code"] for row in desk.get("/reports/sent").get_json()["items"]]
    assert codes == ["day-2025-07-15-140829-v2", "day-2025-07-15-140829-v1"]


def test_the_next_report_names_what_changed_in_the_one_that_was_sent(desk: Desk) -> None:
    desk.send("day", "2025-07-15")
    assert section(desk.report("day", "2025-07-16"), "adjustments")["rows"] == []
    late_sale(desk)
    rows = section(desk.report("day", "2025-07-16"), "adjustments")["rows"]
    sold = [("销售额（元）", 3_980), ("重量（kg）", 2_500), ("订单", 1)]
    assert [(row["table"], row["name"], row["change_value"]) for row in rows] == [
        *(("总览", *told) for told in (("销售额（净）（元）", 3_980), ("销售重量（kg）", 2_500), ("订单数", 1))),
        ("总览", "实收（元）", 3_980),
        *(("五条渠道", f"平台直销：{figure}", change) for figure, change in sold),
        *(("各乡镇（按企业所在地）", f"部官镇：{figure}", change) for figure, change in sold),
        *(("各网店", f"SHOP（示例）：{figure}", change) for figure, change in sold),
    ]
    assert {(row["report"], row["on"]) for row in rows} == {("day-2025-07-15-140829-v1", "2025-07-15")}


def test_a_report_of_days_to_come_is_not_sent(desk: Desk) -> None:
    answer = desk.send("day", "2025-07-16")
    assert (answer.status_code, answer.get_json()["type"]) == (409, "/docs/errors#period-not-begun")
    assert desk.get("/reports/sent").get_json()["items"] == []


def test_a_township_sends_its_own_report_and_reads_no_other(desk: Desk) -> None:
    mine = desk.send("day", "2025-07-15", "peaches").get_json()
    theirs = desk.send("day", "2025-07-15", "other").get_json()
    assert (mine["area"], theirs["area"]) == ("部官镇", "常乐镇")
    assert [row["code"] for row in desk.get("/reports/sent", "peaches").get_json()["items"]] == [mine["code"]]
    foreign = desk.app.test_client().get(f"/api/v1/reports/sent/{theirs['code']}", headers=desk.people["peaches"])
    assert foreign.status_code == 404
    assert len(desk.get("/reports/sent").get_json()["items"]) == 2


def test_the_journey_of_a_report_ends_with_clean_books(desk: Desk) -> None:
    sent = desk.send("month", "2025-07-15").get_json()
    workbook = desk.get(f"/reports/sent/{sent['code']}", accept=XLSX_TYPE).data
    cover = CalamineWorkbook.from_filelike(io.BytesIO(workbook)).get_sheet_by_name("封面").to_python()
    assert ["版本", "1"] in cover
    assert any(row[0] == "确认人" and row[1] != "未报送" for row in cover)
    with transaction() as session:
        session.execute(text("UPDATE outbox SET sent_at = :now, done_at = :now"), {"now": A_DAY_IN_JULY})
    assert check_books(db.session(), now=A_DAY_IN_JULY) == []
