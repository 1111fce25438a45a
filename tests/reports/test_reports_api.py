"""Reports over HTTP: exact figures, everybody's own area, and what each figure says of itself."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from shop.access.guard import Actor, Grant
from shop.access.models import PartyKind, Role
from shop.catalog.season import sellable
from shop.income.models import IncomeEntry
from shop.income.months import close_month
from shop.kit import outbox
from shop.kit.clock import WalkingClock, beijing_day
from shop.kit.db import db, release, transaction
from shop.kit.jobs import Outbox, all_jobs
from shop.kit.money import part, price_of
from shop.kit.tables import read_table
from shop.reports import exports, rollups, runs
from shop.reports import gain as gains
from shop.reports.agreement_facts import FIGURES, OF_A_PAST_DAY
from shop.reports.agreement_report import AgreementsBy
from shop.reports.gain import gain
from shop.reports.income_report import span, whole_year
from shop.reports.models import ReportExport, Rollup
from tests.conftest import A_DAY_IN_JULY, fresh_app
from tests.factories.access import headers_of, person, signed_in
from tests.factories.sales import Season, agreement_of, ready
from tests.factories.statements import statements

JULY = "/api/v1/reports/channels?from=2025-07-01&to=2025-07-31"
YEAR = "/api/v1/reports/income?year=2025"
AGREEMENTS = "/api/v1/reports/agreements"
AFTER_THE_YEAR = datetime(2026, 3, 1, tzinfo=UTC)
OPERATOR = Actor(1, (Grant(Role.OPERATOR, 1, PartyKind.COUNTY),))

#: Deliveries of 2025 by township, from the README of the county's files.
BY_TOWNSHIP = {
    "140829100": 61_381_664, "140829101": 41_298_485, "140829102": 36_909_474, "140829103": 19_119_610,
    "140829104": 38_131_713, "140829105": 39_091_156, "140829106": 41_852_027, "140829107": 42_915_482,
    "140829201": 22_959_340,
}  # fmt: skip


@dataclass
class Reports:
    """The app, and who asks."""

    app: Flask
    operator: dict[str, str]
    firm: dict[str, str]
    other_firm: dict[str, str]
    township: dict[str, str]
    other_township: dict[str, str]
    buyer: dict[str, str]
    supermarket: dict[str, str]

    def get(self, url: str, headers: dict[str, str] | None = None) -> dict[str, Any]:
        answer = self.app.test_client().get(url, headers={**(headers or self.operator), "Accept-Language": "zh"})
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.get_json()
        return body

    def status(self, url: str, headers: dict[str, str] | None = None) -> int:
        return self.app.test_client().get(url, headers=headers or self.operator).status_code


@pytest.fixture(scope="module")
def reports(urls: tuple[str, str], county_template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reports]:
    """A county in which each channel has sold peaches of firm F01, of the township with code 140829106."""
    clock = WalkingClock(A_DAY_IN_JULY)
    with fresh_app(urls, county_template, tmp_path_factory.mktemp("reports"), clock) as app:
        with transaction() as session:
            sell(ready(session, clock.now()))
        for rollup in Rollup:
            with transaction() as session:
                rollups.refresh(session, rollup)
                runs.touch(session, f"reports.refresh_{rollup.value}", rows=0, now=clock.now())
        clock.put(AFTER_THE_YEAR)
        with transaction() as session:
            for month in session.scalars(select(IncomeEntry.month).distinct().order_by(IncomeEntry.month)).all():
                close_month(session, month, actor_id=None, now=clock.now())

        def staff(role: Role, kind: str, code: str) -> dict[str, str]:
            with db.engine.connect() as connection:
                found = text("SELECT id FROM parties WHERE kind = :kind AND code = :code")
                party_id = connection.execute(found, {"kind": kind, "code": code}).scalar_one()
            return headers_of(app, person(app, (role, party_id)))

        yield Reports(
            app,
            signed_in(app, Role.OPERATOR),
            staff(Role.FIRM_STAFF, "firm", "F01"),
            staff(Role.FIRM_STAFF, "firm", "F02"),
            staff(Role.MANAGER, "township", "140829106"),
            staff(Role.MANAGER, "township", "140829101"),
            signed_in(app, Role.BUYER),
            staff(Role.BUYER, "buyer", "B02"),
        )


def sell(season: Season) -> None:
    season.settled(season.paid())
    season.settled(season.paid(quantity=3), refused_g=700)
    season.settled(season.paid("CADRE"))
    season.settled(season.paid("HOST"))
    season.settled(season.approved("UNIT", 5))
    season.settled(season.called(agreement_of(season), 20_000), refused_g=1_000)
    season.paid(quantity=1)


def test_all_five_channels_and_their_total(reports: Reports) -> None:
    report = reports.get(JULY)
    figures = ("orders", "weight_g", "paid_fen", "refunded_fen", "net_fen", "firm_fen", "host_fen", "platform_fen")
    assert [(row["channel"], row["name"], *(row[name] for name in figures)) for row in report["items"]] == [
        ("platform", "平台直销", 3, 14_300, 23_880, 1_114, 18_786, 18_410, 0, 376),
        ("unit", "单位帮销", 1, 12_500, 0, 0, 19_900, 19_900, 0, 0),
        ("cadre", "干部帮销", 1, 5_000, 7_960, 0, 7_960, 7_960, 0, 0),
        ("enterprise", "企业助销", 1, 19_000, 0, 0, 10_944, 10_944, 0, 0),
        ("livestream", "直播网销", 1, 5_000, 6_000, 0, 6_000, 5_520, 480, 0),
    ]
    assert report["total"] == {
        "orders": 7, "settled_orders": 6, "weight_g": 55_800, "paid_fen": 37_840, "refunded_fen": 1_114,
        "net_fen": 63_590, "firm_fen": 62_734, "host_fen": 480, "platform_fen": 376, "carrier_fen": 0, "coupon_fen": 0,
        "open_fen": 3_980, "held_fen": 3_980, "due_fen": 30_844,
    }  # fmt: skip
    assert (report["from"], report["to"]) == ("2025-07-01", "2025-07-31")
    assert report["as_of"] == A_DAY_IN_JULY.isoformat()
    assert "已确认的订单" in report["basis"]
    assert "不含手工填报" in report["source"]


def test_five_channels_at_zero_where_nothing_was_sold(reports: Reports) -> None:
    report = reports.get("/api/v1/reports/channels?from=2024-07-01&to=2024-07-31")
    assert [(row["channel"], row["orders"], row["net_fen"]) for row in report["items"]] == [
        ("platform", 0, 0), ("unit", 0, 0), ("cadre", 0, 0), ("enterprise", 0, 0), ("livestream", 0, 0),
    ]  # fmt: skip


@pytest.mark.parametrize(("by", "period"), [("day", "2025-07-15"), ("month", "2025-07")])
def test_periods_with_sales_show_all_five_channels(reports: Reports, by: str, period: str) -> None:
    report = reports.get(f"{JULY}&by={by}")
    assert [row["period"] for row in report["items"]] == [period] * 5
    assert sum(row["net_fen"] for row in report["items"]) == report["total"]["net_fen"] == 63_590


def test_days_are_counted_from_the_first_to_the_last_both_included(reports: Reports) -> None:
    for span_of_days, orders in (("from=2025-07-15&to=2025-07-15", 7), ("from=2025-07-16&to=2025-07-31", 0)):
        assert reports.get(f"/api/v1/reports/channels?{span_of_days}")["total"]["orders"] == orders


@pytest.mark.parametrize(
    ("who", "orders"),
    [("operator", 7), ("firm", 7), ("other_firm", 0), ("township", 7), ("other_township", 0)],
)
def test_everybody_sees_the_sales_of_his_area(reports: Reports, who: str, orders: int) -> None:
    report = reports.get(JULY, getattr(reports, who))
    assert report["total"]["orders"] == orders
    assert len(report["items"]) == 5


@pytest.mark.parametrize("url", [JULY, YEAR, "/api/v1/reports/agreement-stock", "/api/v1/reports/periodic"])
def test_a_buyer_reads_no_report_but_that_of_agreements(reports: Reports, url: str) -> None:
    assert (reports.status(url, reports.buyer), reports.status(url, reports.supermarket)) == (403, 403)


@pytest.mark.parametrize(
    "url",
    [
        "/api/v1/reports/channels",
        "/api/v1/reports/channels?from=2025-07-02&to=2025-07-01",
        "/api/v1/reports/channels?from=2025-01-01&to=2026-01-02&by=day",
        "/api/v1/reports/channels?from=2000-01-01&to=2025-01-01",
        "/api/v1/reports/channels?from=2025-07-01&to=2025-07-31&by=week",
        "/api/v1/reports/income",
        "/api/v1/reports/income?year=2025&from=2025-01&to=2025-02",
        "/api/v1/reports/income?from=2025-02",
        "/api/v1/reports/income?from=2025-02&to=2025-01",
        "/api/v1/reports/income?from=2010-01&to=2025-01",
        "/api/v1/reports/income?year=2025&by=county",
        "/api/v1/reports/income?year=2025&limit=101",
        "/api/v1/reports/agreements?by=nobody",
        "/api/v1/reports/agreements?as_of=2025-02-30",
    ],
)
def test_a_span_or_row_that_makes_no_sense_is_refused(reports: Reports, url: str) -> None:
    assert reports.status(url) == 422


def test_signed_and_kept_stand_apart(reports: Reports) -> None:
    report = reports.get(f"{AGREEMENTS}?as_of=2025-07-31&limit=2")
    assert report["items"][0] == {
        "key": "A001", "name": "运城市区连锁超市乙（示例）", "agreements": 1, "signed_g": 9_700_000,
        "signed_fen": 5_587_200, "due_g": 2_238_462, "called_g": 20_000, "dispatched_g": 20_000, "accepted_g": 19_000,
        "refused_g": 1_000, "shortfall_g": 2_219_462, "executed_fen": 10_944, "rate_bp": 85,
        "firm_short_g": 1_000, "firm_penalty_fen": 86, "buyer_short_g": 0, "buyer_penalty_fen": 0,
        "receivable_fen": 10_944, "overdue_fen": 0, "forecast_g": 7_461_538, "forecast_fen": 4_297_858,
        "out_of_season_g": 0, "at_risk_g": None,
    }  # fmt: skip
    # Those that begin later, too: a paper is recorded when both have signed it.
    assert report["total"]["agreements"] == 20
    assert (report["total"]["signed_fen"], report["total"]["executed_fen"]) == (96_731_700, 10_944)
    assert (report["next"], report["day"], report["as_of"]) == ("A002", "2025-07-31", A_DAY_IN_JULY.isoformat())


def test_pages_of_a_report_hold_every_row_once(reports: Reports) -> None:
    keys: list[str] = []
    after = ""
    while True:
        page = reports.get(f"{AGREEMENTS}?limit=3{after}")
        keys += [row["key"] for row in page["items"]]
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    assert keys == [f"A{number:03d}" for number in range(1, 21)]


def test_before_a_day_is_due_there_is_no_rate(reports: Reports) -> None:
    (row,) = reports.get(f"{AGREEMENTS}?as_of=2025-01-01&by=product")["items"][:1]
    assert (row["due_g"], row["rate_bp"]) == (0, None)


AXES = ("agreement", "buyer", "firm", "product", "township", "month")


@pytest.mark.parametrize("day", ["2025-07-31", "2025-12-31"])
@pytest.mark.parametrize("by", AXES)
def test_rows_of_agreements_add_up_to_the_total_on_every_axis(reports: Reports, by: str, day: str) -> None:
    report = reports.get(f"{AGREEMENTS}?as_of={day}&by={by}")
    assert set(report["total"]) == {"agreements", *FIGURES, "rate_bp"}
    for name in OF_A_PAST_DAY:
        assert sum(row[name] for row in report["items"]) == report["total"][name], name
    assert report["total"] == reports.get(f"{AGREEMENTS}?as_of={day}")["total"]
    if by != "product":  # an agreement over two products counts in both
        assert sum(row["agreements"] for row in report["items"]) == report["total"]["agreements"]


@pytest.mark.parametrize("day", [date(2025, 7, 10), date(2025, 7, 31), date(2025, 12, 31)])
def test_where_agreements_stand_is_what_is_counted_by_hand(reports: Reports, day: date) -> None:
    """From the tables alone, line by line, in plain Python: none of the report's statements."""
    total = reports.get(f"{AGREEMENTS}?as_of={day}")["total"]
    lines = db.session.execute(
        text(
            "SELECT l.id, committed_g, floor_fen_per_kg, minimum_g, tolerance_bp, penalty_bp, buyer_penalty_bp,"
            " ends_on, a.status, harvest_start_month, harvest_end_month, shelf_life_days FROM agreement_lines l"
            " JOIN agreements a ON a.id = agreement_id JOIN products p ON p.id = product_id WHERE signed_on <= :day"
        ),
        {"day": day},
    ).all()
    due = db.session.execute(text("SELECT line_id, due_on, weight_g FROM due_weights")).all()
    calls = db.session.execute(
        text(
            "SELECT c.line_id, c.due_on, schedule_day, c.weight_g, price_fen_per_kg, c.status, accepted_g,"
            " accepted_fen, paid_fen, o.due_on AS invoice, o.status AS order_status FROM call_offs c"
            " LEFT JOIN orders o ON o.call_off_id = c.id LEFT JOIN order_lines ON order_id = o.id"
        )
    ).all()
    release()
    sums = dict.fromkeys(FIGURES, 0)
    for line in lines:
        mine = [call for call in calls if call.line_id == line.id]
        fell = sum(row.weight_g for row in due if row.line_id == line.id and row.due_on <= day)
        got = sum(call.accepted_g or 0 for call in mine if call.due_on <= day)
        late = sum(call.weight_g - (call.accepted_g or 0) for call in mine if call.due_on < day)
        allowed = part(line.committed_g, line.tolerance_bp)
        missing = line.committed_g - sum(call.accepted_g or 0 for call in mine)
        firm_g = max(min(late, missing) - allowed, 0)
        known = {call.schedule_day for call in mine}
        never = sum(row.weight_g for row in due if row.line_id == line.id and row.due_on not in known)
        uncalled = line.minimum_g - never - sum(call.weight_g for call in mine) if line.ends_on <= day else 0
        buyer_g = max(uncalled - allowed, 0)
        stands = [call.weight_g if call.accepted_g is None else call.accepted_g for call in mine]
        left = line.committed_g - sum(stands)
        ahead = [
            (call.due_on, grams, call.price_fen_per_kg)
            for call, grams in zip(mine, stands, strict=True)
            if call.due_on > day
        ]
        for row in sorted((row for row in due if row.line_id == line.id and row.due_on >= day), key=lambda r: r.due_on):
            if row.due_on not in known and line.status in ("signed", "deposit_paid", "executing"):
                if row.due_on > day:
                    ahead.append((row.due_on, min(row.weight_g, left), line.floor_fen_per_kg))
                left -= min(row.weight_g, left)
        season = (line.harvest_start_month, line.harvest_end_month, line.shelf_life_days)
        owed = [call for call in mine if call.order_status in ("accepted", "settled")]
        for name, figure in {
            "signed_g": line.committed_g, "signed_fen": price_of(line.committed_g, line.floor_fen_per_kg),
            "due_g": fell, "shortfall_g": max(fell - got, 0), "accepted_g": got, "firm_short_g": firm_g,
            "firm_penalty_fen": part(price_of(firm_g, line.floor_fen_per_kg), line.penalty_bp),
            "buyer_short_g": buyer_g,
            "buyer_penalty_fen": part(price_of(buyer_g, line.floor_fen_per_kg), line.buyer_penalty_bp),
            "receivable_fen": sum(call.accepted_fen - call.paid_fen for call in owed),
            "overdue_fen": sum(call.accepted_fen - call.paid_fen for call in owed if call.invoice < day),
            "forecast_g": sum(grams for on, grams, _ in ahead if sellable(*season, on)),
            "forecast_fen": sum(price_of(grams, fen) for on, grams, fen in ahead if sellable(*season, on)),
            "out_of_season_g": sum(grams for on, grams, _ in ahead if not sellable(*season, on)),
        }.items():  # fmt: skip
            sums[name] += figure
    others = ("called_g", "dispatched_g", "refused_g", "executed_fen", "at_risk_g")
    assert {name: total[name] for name in FIGURES if name not in others} == {
        name: sums[name] for name in FIGURES if name not in others
    }
    assert total["forecast_g"] > 0 or day.month == 12
    assert (total["firm_short_g"] > 0) == (day > date(2025, 7, 15))


def test_what_is_at_risk_is_what_the_stock_report_lacks(reports: Reports) -> None:
    today = beijing_day(AFTER_THE_YEAR)
    lacking = sum(row["lacking_g"] for row in reports.get("/api/v1/reports/agreement-stock")["items"])
    assert reports.get(f"{AGREEMENTS}?as_of={today}")["total"]["at_risk_g"] == lacking


def facts_behind(reports: Reports, query: str, who: dict[str, str] | None = None) -> dict[str, Any]:
    """Every page of an explanation: its rows add up to its total, to the fen and gram."""
    found = reports.get(f"{AGREEMENTS}/explain?limit=40&{query}", who)
    items, following = list(found["items"]), found["next"]
    while following:
        page = reports.get(f"{AGREEMENTS}/explain?limit=40&{query}&cursor={following}", who)
        items, following = items + page["items"], page["next"]
    assert len(items) == found["rows"]
    for name, value in found["total"].items():
        assert sum(item["parts"][name] for item in items) == value, query
    return found | {"items": items}


@pytest.mark.parametrize("reader", ["operator", "firm", "other_firm", "township", "other_township", "supermarket"])
def test_every_figure_of_every_reader_is_explained_exactly(reports: Reports, reader: str) -> None:
    who = getattr(reports, reader)
    query = "as_of=2025-07-31&by=agreement"
    report = reports.get(f"{AGREEMENTS}?{query}", who)
    for figure in ("agreements", *FIGURES, "rate_bp"):
        found = facts_behind(reports, f"{query}&figure={figure}", who)
        assert found["value"] == report["total"][figure], figure
        assert {item["agreement"] for item in found["items"]} <= {row["key"] for row in report["items"]}
    for row in report["items"]:
        for figure in ("agreements", *FIGURES, "rate_bp"):
            if row[figure]:
                found = facts_behind(reports, f"{query}&key={row['key']}&figure={figure}", who)
                assert found["value"] == row[figure], (row["key"], figure)


@pytest.mark.parametrize("by", ["buyer", "firm", "product", "township", "month"])
def test_every_row_of_every_axis_is_explained_exactly(reports: Reports, by: str) -> None:
    query = f"as_of=2025-12-31&by={by}"
    for row in reports.get(f"{AGREEMENTS}?{query}")["items"]:
        for figure in ("agreements", *FIGURES, "rate_bp"):
            if row[figure]:
                found = facts_behind(reports, f"{query}&key={row['key']}&figure={figure}")
                assert found["value"] == row[figure], (row["key"], figure)


def test_an_accepted_weight_opens_to_its_order_line_and_a_foreign_row_to_nothing(reports: Reports) -> None:
    query = "as_of=2025-07-31&figure=accepted_g&key=A001"
    [item] = facts_behind(reports, query, reports.firm)["items"]
    assert (item["source"], item["parts"], item["order_line"]) == ("call_offs", {"accepted_g": 19_000}, 1)
    order = reports.get(f"/api/v1/orders/{item['order']}", reports.firm)
    assert order["lines"][0]["accepted_g"] == 19_000
    foreign = facts_behind(reports, query, reports.other_firm)
    assert (foreign["value"], foreign["items"]) == (0, [])


def test_by_month_due_stands_in_its_month(reports: Reports) -> None:
    rows = {row["key"]: row for row in reports.get(f"{AGREEMENTS}?as_of=2025-12-31&by=month")["items"]}
    assert (rows["2025-07"]["called_g"], rows["2025-07"]["accepted_g"]) == (20_000, 19_000)
    assert sum(row["called_g"] for key, row in rows.items() if key != "2025-07") == 0


def test_a_firm_sees_its_own_agreements_only(reports: Reports) -> None:
    assert {row["key"] for row in reports.get(f"{AGREEMENTS}?by=firm", reports.firm)["items"]} == {"F01"}
    assert {row["key"] for row in reports.get(f"{AGREEMENTS}?by=firm", reports.other_firm)["items"]} == {"F02"}


def seen_by_county(reports: Reports, day: date, codes: set[str]) -> dict[str, dict[str, Any]]:
    """The rows of these agreements as the county reads them."""
    rows = reports.get(f"{AGREEMENTS}?as_of={day}&limit=100")["items"]
    return {row["key"]: row for row in rows if row["key"] in codes}


@pytest.mark.parametrize("day", [date(2025, 7, 31), beijing_day(AFTER_THE_YEAR)])
@pytest.mark.parametrize("by", [by.value for by in AgreementsBy])
def test_a_buyer_reads_his_own_agreements_and_no_other(reports: Reports, by: str, day: date) -> None:
    listed = reports.get("/api/v1/agreements?limit=100&partner=B02", reports.operator)["items"]
    own = {row["code"] for row in listed if date.fromisoformat(row["signed_on"]) <= day}
    assert 0 < len(own) < 20
    county = seen_by_county(reports, day, own)
    report = reports.get(f"{AGREEMENTS}?as_of={day}&by={by}", reports.supermarket)
    assert report["total"]["agreements"] == len(own) == len(county)
    for figure in FIGURES:
        told = None if figure == "at_risk_g" else sum(row[figure] for row in county.values())
        assert report["total"][figure] == told, figure
    if by == "agreement":
        assert {row["key"] for row in report["items"]} == own
    if by == "buyer":
        assert [row["key"] for row in report["items"]] == ["B02"]
    if by != "month":  # several lines of an agreement count in each product
        assert sum(row["signed_g"] for row in report["items"]) == report["total"]["signed_g"]
    nobody = reports.get(f"{AGREEMENTS}?as_of={day}&by={by}", reports.buyer)
    assert (nobody["items"], nobody["total"]["agreements"]) == ([], 0)


def test_what_is_at_risk_and_a_foreign_row_are_explained_to_no_buyer(reports: Reports) -> None:
    today = beijing_day(AFTER_THE_YEAR)
    risk = facts_behind(reports, f"as_of={today}&figure=at_risk_g", reports.supermarket)
    assert (risk["value"], risk["items"]) == (None, [])
    every = {row["key"] for row in reports.get(f"{AGREEMENTS}?limit=100&as_of={today}")["items"]}
    own = {row["key"] for row in reports.get(f"{AGREEMENTS}?limit=100&as_of={today}", reports.supermarket)["items"]}
    for key in sorted(every - own):
        found = facts_behind(reports, f"as_of={today}&figure=signed_g&key={key}", reports.supermarket)
        assert (found["value"], found["items"]) == (0, []), key


def test_who_is_both_buyer_and_firm_reads_both(reports: Reports) -> None:
    with reports.app.app_context(), db.engine.connect() as connection:
        parties = {
            kind: connection.execute(
                text("SELECT id FROM parties WHERE kind = :kind AND code = :code"), {"kind": kind, "code": code}
            ).scalar_one()
            for kind, code in (("buyer", "B02"), ("firm", "F02"))
        }
    both = (Role.BUYER, parties["buyer"]), (Role.FIRM_STAFF, parties["firm"])
    who = headers_of(reports.app, person(reports.app, *both))
    query = f"{AGREEMENTS}?limit=100&as_of=2025-12-31"
    keys = [
        {row["key"] for row in reports.get(query, one)["items"]} for one in (reports.supermarket, reports.other_firm)
    ]
    assert {row["key"] for row in reports.get(query, who)["items"]} == keys[0] | keys[1]


def test_a_buyer_has_the_page_its_files_and_no_other_page(reports: Reports) -> None:
    client = reports.app.test_client()
    client.set_cookie("signed_in", reports.supermarket["Authorization"].removeprefix("Bearer "))
    page = client.get("/reports/agreements?as_of=2025-07-31&by=product")
    assert (page.status_code, "供货风险" in page.text, "农户增收" in page.text) == (200, False, False)
    assert client.get("/reports/agreements/why?as_of=2025-07-31&figure=signed_g").status_code == 200
    own = {row["key"] for row in reports.get(f"{AGREEMENTS}?as_of=2025-07-31", reports.supermarket)["items"]}
    sheet = client.get("/reports/agreements.csv?as_of=2025-07-31&by=agreement")
    [header, *rows] = read_table(sheet.data)
    assert "供货风险（kg）" not in header[1]
    assert {cells[0] for _, cells in rows if cells and re.fullmatch(r"A[0-9]{3}", cells[0])} == own
    for kind in ("xlsx", "pdf"):
        assert client.get(f"/reports/agreements.{kind}?as_of=2025-07-31&by=month").status_code == 200
    for path in ("/reports", "/reports/income", "/reports/income.csv", "/reports/periodic"):
        assert client.get(path).status_code in (302, 303, 403, 404), path
    asked = {"report": "income", "file": "csv", "by": "township", "from": "2025-01", "to": "2025-06"}
    answer = reports.app.test_client().post("/api/v1/reports/files", json=asked, headers=reports.supermarket)
    assert answer.status_code == 403
    asked = {"report": "agreements", "file": "csv", "by": "agreement", "as_of": "2025-07-31"}
    made = reports.app.test_client().post("/api/v1/reports/files", json=asked, headers=reports.supermarket).get_json()
    with reports.app.app_context(), transaction() as session:
        export = session.scalars(select(ReportExport).where(ReportExport.code == made["code"])).one()
        gathered = exports.gather(session, export.id, now=AFTER_THE_YEAR)
    assert gathered is not None
    assert {row["key"] for row in gathered[0].report["items"]} == own


def test_the_county_s_totals_are_reproduced_by_township(reports: Reports) -> None:
    report = reports.get(YEAR)
    assert {row["key"]: row["cash"]["sale_gross_fen"] for row in report["items"]} == BY_TOWNSHIP
    assert report["total"] == {
        "cash_fen": 421_577_521,
        "cash": {
            "sale_gross_fen": 343_658_951, "patronage_fen": 14_246_248, "wage_fen": 49_216_000,
            "land_rent_fen": 6_193_722, "dividend_fen": 8_262_600, "subsidy_fen": 0,
        },
        "categories": {
            "wage_fen": 49_216_000, "business_gross_fen": 357_905_199, "property_fen": 14_456_322, "transfer_fen": 0,
        },
        "business": {
            "gross_fen": 357_905_199, "covered_fen": 14_246_248, "cost_fen": 0, "net_fen": 14_246_248,
            "uncovered_gross_fen": 343_658_951,
        },
        "weight_g": 663_083_500, "households": 240, "assisted_households": 66, "sales_reached_fen": 63_590,
        "sales_reached_g": 53_300,
    }  # fmt: skip


def test_all_nine_townships_are_kept_at_zero(reports: Reports) -> None:
    report = reports.get("/api/v1/reports/income?from=2023-01&to=2023-02")
    assert {row["key"]: (row["cash_fen"], row["households"]) for row in report["items"]} == dict.fromkeys(
        BY_TOWNSHIP, (0, 0)
    )


@pytest.mark.parametrize("by", ["township", "village", "firm", "product", "month", "household"])
def test_rows_of_income_add_up_to_the_total(reports: Reports, by: str) -> None:
    cash = reached = 0
    after = ""
    while True:
        page = reports.get(f"{YEAR}&by={by}{after}")
        cash += sum(row["cash_fen"] for row in page["items"])
        reached += sum(row["sales_reached_fen"] for row in page["items"])
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    assert (cash, reached) == (421_577_521, 63_590)


def test_households_are_counted_once_however_many_rows_they_stand_in(reports: Reports) -> None:
    report = reports.get(f"{YEAR}&by=month")
    assert [row["key"] for row in report["items"]] == [f"2025-{month:02d}" for month in range(1, 13)]
    assert sum(row["households"] for row in report["items"]) > report["total"]["households"] == 240


def test_by_channel_shows_sales_reached_and_no_cash(reports: Reports) -> None:
    report = reports.get(f"{YEAR}&by=channel")
    shown = [(row["key"], row["sales_reached_fen"], row["cash_fen"], row["cash"]) for row in report["items"]]
    assert shown == [
        ("platform", 18_786, None, None), ("unit", 19_900, None, None), ("cadre", 7_960, None, None),
        ("enterprise", 10_944, None, None), ("livestream", 6_000, None, None),
    ]  # fmt: skip
    assert (report["total"]["cash_fen"], report["total"]["sales_reached_fen"]) == (None, 63_590)
    assert "与销售渠道无关" in report["basis"]


def test_a_manager_sees_his_township_and_its_households_only(reports: Reports) -> None:
    report = reports.get(YEAR, reports.other_township)
    assert [row["key"] for row in report["items"]] == ["140829101"]
    assert report["total"]["cash"]["sale_gross_fen"] == 41_298_485
    assert report["total"]["assisted_households"] == 8
    codes = {row["key"] for row in reports.get(f"{YEAR}&by=household", reports.other_township)["items"]}
    assert len(codes) == 28
    assert codes.isdisjoint(row["key"] for row in reports.get(f"{YEAR}&by=household", reports.township)["items"])


def test_a_firm_sees_what_it_paid_and_not_who_is_assisted(reports: Reports) -> None:
    report = reports.get(YEAR, reports.firm)
    assert report["total"]["cash_fen"] == 25_507_908
    assert report["total"]["assisted_households"] is None
    assert {row["assisted_households"] for row in report["items"]} == {None}
    assert report["gain"]["reason"] == "not_for_this_reader"


def test_a_row_of_few_households_does_not_tell_who_is_assisted(reports: Reports) -> None:
    rows = reports.get(f"{YEAR}&by=village")["items"]
    few = [row for row in rows if 0 < row["households"] < 3]
    assert few
    assert {row["assisted_households"] for row in few} == {None}
    assert {row["assisted_households"] for row in rows} != {None}


def test_by_channel_page_by_page_are_the_five_in_their_order(reports: Reports) -> None:
    found, after = [], ""
    while len(found) < 6:
        page = reports.get(f"{YEAR}&by=channel&limit=2{after}")
        found += [row["key"] for row in page["items"]]
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    assert found == ["platform", "unit", "cadre", "enterprise", "livestream"]


@pytest.mark.parametrize("who", ["operator", "township", "firm"])
def test_which_cadre_brought_an_order_is_told_to_nobody(reports: Reports, who: str) -> None:
    asked = "/api/v1/reports/channels/explain?from=2025-01-01&to=2025-12-31&channel="
    items = reports.get(f"{asked}cadre", getattr(reports, who))["items"]
    assert items
    assert {item["partner"] for item in items} == {None}
    assert None not in {item["partner"] for item in reports.get(f"{asked}livestream", getattr(reports, who))["items"]}


def test_the_gain_compares_like_with_like_and_names_the_rest(reports: Reports) -> None:
    found = reports.get(YEAR)["gain"]
    assert (found["status"], found["base"], found["households"]) == ("compared", "2024", 240)
    assert (found["period_fen"], found["base_fen"]) == (63_672_322, 449_303_545)
    assert found["change_fen"] == 63_672_322 - 449_303_545
    # -385,631,223 / 240 = -1,606,796.76: half away from zero.
    assert found["per_household_fen"] == -1_606_797
    rows = {row["category"]: row for row in found["categories"]}
    assert {name: row["compared"] for name, row in rows.items()} == {
        "wage": True, "business": False, "property": True, "transfer": False,
    }  # fmt: skip
    assert (rows["business"]["left_out"], rows["business"]["gross"]) == ("gross_against_net", True)
    assert rows["transfer"]["left_out"] == "not_recorded_now"
    assert "毛额" in rows["business"]["left_out_text"]
    assert "不等于农户减收" in found["note"]


def readers_of(session: Session) -> list[Actor]:
    """The county, and the townships that have households."""
    of_townships = text("SELECT party_id FROM townships WHERE code = ANY(:codes)")
    parties = session.scalars(of_townships, {"codes": [*BY_TOWNSHIP]})
    return [OPERATOR, *(Actor(1, (Grant(Role.MANAGER, party, PartyKind.TOWNSHIP),)) for party in parties)]


@pytest.mark.parametrize(
    ("households", "fen", "left_out"), [(1, 100, "recorded_of_few"), (1, 0, "not_recorded_now"), (240, 100, None)]
)
def test_a_kind_is_compared_where_a_half_of_those_who_had_it_are_recorded_whoever_reads(
    reports: Reports, households: int, fen: int, left_out: str | None
) -> None:
    """One subsidy of a yuan, and its void, moved the gain of the whole county by thousands a household."""
    with reports.app.app_context(), Session(db.engine) as session:
        session.execute(
            text(
                "INSERT INTO income_months (month, household_id, firm_id, amount_fen, weight_g, subsidy_fen)"
                " SELECT '2025-07-01', household_id, 0, :fen, 0, :fen FROM baseline_incomes ORDER BY 2 LIMIT :most"
            ),
            {"fen": fen, "most": households},
        )
        rollups.rebuild(session, Rollup.INCOME_CUTS)
        county, *townships = (
            gain(session, reader, whole_year(2025), "zh", now=AFTER_THE_YEAR) for reader in readers_of(session)
        )
        session.rollback()
    for found in (county, *townships):
        (transfer,) = (row for row in found["categories"] if row["category"] == "transfer")
        # Townships without a subsidy have none to compare.
        assert transfer["left_out"] in ({left_out, "not_recorded_now"} if left_out else {None})
        assert found is not county or transfer["left_out"] == left_out
    assert (county["per_household_fen"] == -1_606_797) == (left_out is not None)


def test_a_survey_that_found_none_is_a_base_of_zero(reports: Reports) -> None:
    """The first rent or dividend of a household is what a gain is about."""
    with reports.app.app_context(), Session(db.engine) as session:
        session.execute(
            text("UPDATE baseline_incomes SET property_net_fen = 0, total_fen = total_fen - property_net_fen")
        )
        found = gain(session, OPERATOR, whole_year(2025), "zh", now=AFTER_THE_YEAR)
        session.rollback()
    (rent,) = (row for row in found["categories"] if row["category"] == "property")
    assert (rent["base_fen"], rent["compared"], rent["left_out"]) == (0, True, None)


def test_households_without_a_sale_have_no_business_income_to_compare(reports: Reports) -> None:
    """Wages and rents alone: what the survey said of their business was compared with nothing at all."""
    with reports.app.app_context(), Session(db.engine) as session:
        session.execute(text("UPDATE income_months SET sale_fen = NULL, patronage_fen = NULL"))
        rollups.rebuild(session, Rollup.INCOME_CUTS)
        found = gain(session, OPERATOR, whole_year(2025), "zh", now=AFTER_THE_YEAR)
        session.rollback()
    (business,) = (row for row in found["categories"] if row["category"] == "business")
    assert (business["period_fen"], business["left_out"]) == (None, "not_recorded_now")


@pytest.mark.parametrize(
    "given", [{"place": "140829101"}, {"from": "2025-01"}, {"to": "2025-06"}], ids=["place", "from", "to"]
)
def test_a_file_of_agreements_takes_no_place_and_no_months(reports: Reports, given: dict[str, str]) -> None:
    """It told the whole county under one township's name."""
    asked = {"report": "agreements", "file": "csv", "by": "agreement", "as_of": "2025-07-31", **given}
    answer = reports.app.test_client().post("/api/v1/reports/files", json=asked, headers=reports.supermarket)
    assert answer.status_code == 422
    assert next(iter(given)) in answer.text


@pytest.mark.parametrize("which", ["year=2025", "year=2025&place=140829101"])
def test_the_households_behind_the_gain_add_up_to_its_two_sums(reports: Reports, which: str) -> None:
    told = reports.get(f"/api/v1/reports/income?{which}")["gain"]
    rows: list[dict[str, Any]] = []
    cursor = ""
    while True:
        page = reports.get(f"/api/v1/reports/income/explain?{which}&measure=gain&limit=100{cursor}")
        rows += page["items"]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert len({row["household"] for row in rows}) == len(rows) == page["rows"] == told["households"]
    assert page["total_fen"] == told["change_fen"]
    for name, whole in (("period_fen", "period_fen"), ("base_fen", "base_fen"), ("amount_fen", "change_fen")):
        assert sum(row[name] for row in rows) == told[whole], name


def test_a_gain_that_is_not_there_has_no_rows_and_none_of_one_row_is_asked(reports: Reports) -> None:
    why = "/api/v1/reports/income/explain?measure=gain"
    for query, who in (("from=2025-01&to=2025-06", reports.operator), ("year=2025", reports.firm)):
        found = reports.get(f"{why}&{query}", who)
        assert (found["rows"], found["items"], found["total_fen"]) == (0, [], 0)
    assert reports.status(f"{why}&year=2025&key=140829101") == 422


@pytest.mark.parametrize(
    ("months", "now", "reason"),
    [
        (whole_year(2025), datetime(2025, 12, 31, 15, 59, tzinfo=UTC), "period_not_over"),
        (span(date(2025, 1, 1), date(2025, 6, 1)), AFTER_THE_YEAR, "part_of_a_year"),
        (span(date(2024, 7, 1), date(2025, 6, 1)), AFTER_THE_YEAR, "one_year_only"),
        (whole_year(2024), AFTER_THE_YEAR, "no_record"),
        (whole_year(2026), datetime(2027, 1, 1, tzinfo=UTC), "nobody_in_both"),
    ],
)  # fmt: skip
def test_without_a_base_there_is_no_gain(reports: Reports, months: Any, now: datetime, reason: str) -> None:
    with reports.app.app_context():
        found = gain(db.session(), OPERATOR, months, "zh", now=now)
    assert (found["status"], found["reason"]) == ("no_base", reason)
    assert "per_household_fen" not in found


@pytest.mark.parametrize("read", ["kept cuts", "months counted when read", "rows of households"])
def test_the_same_months_a_year_before_are_compared_gross_with_gross(
    reports: Reports, monkeypatch: pytest.MonkeyPatch, read: str
) -> None:
    with reports.app.app_context(), Session(db.engine) as session:
        session.execute(text("DELETE FROM income_months"))
        session.execute(
            text(
                """
                INSERT INTO income_months
                    (month, household_id, firm_id, amount_fen, weight_g, sale_fen, wage_fen, land_rent_fen)
                VALUES
                    ('2025-02-01', 1, 1, 1000, 1000, 1000, NULL, NULL), ('2025-02-01', 2, 1, 700, 0, NULL, 700, NULL),
                    ('2025-02-01', 4, 1, 50, 0, NULL, NULL, 50), ('2026-02-01', 1, 1, 1801, 1000, 1501, 300, NULL),
                    ('2026-02-01', 3, 1, 9000, 0, NULL, 9000, NULL), ('2026-02-01', 3, 2, 40, 0, NULL, NULL, 40),
                    ('2026-02-01', 2, 1, 700, 0, NULL, 700, NULL), ('2026-03-01', 2, 1, 5000, 0, NULL, 5000, NULL),
                    ('2025-02-01', 5, 1, 100, 0, NULL, 100, NULL), ('2026-02-01', 5, 1, 0, 0, 0, NULL, NULL)
                """
            )
        )
        match read:
            case "kept cuts":
                rollups.rebuild(session, Rollup.INCOME_CUTS)
            case "months counted when read":
                session.execute(
                    text(
                        "INSERT INTO dirty_keys (rollup, on_day)"
                        " SELECT 'income_cuts', generate_series(date '2025-01-01', '2026-12-01', '1 month')"
                    )
                )
            case _:
                monkeypatch.setattr(gains, "cuts_in", lambda *_: None)
        february = span(date(2026, 2, 1), date(2026, 2, 1))
        found = gain(session, OPERATOR, february, "en", now=AFTER_THE_YEAR)
        behind = gains.behind_gain(session, OPERATOR, february, now=AFTER_THE_YEAR, limit=9, before_id=None)
        session.rollback()
    assert (found["base"], found["households"], found["households_new"]) == ("2025-02", 2, 1)
    # Household 4 had nothing, and the only slip of household 5 was void in its month: neither is reached.
    assert found["households_without_income_now"] == 2
    # Household 3 is new and stands apart: (1501 + 300 + 700) - (1000 + 700) = 801, for two households.
    assert (found["change_fen"], found["per_household_fen"]) == (801, 401)
    assert [(row["id"], row["period_fen"], row["base_fen"]) for row in behind["items"]] == [
        (2, 700, 700), (1, 1801, 1000),
    ]  # fmt: skip
    assert [row["category"] for row in found["categories"] if row["compared"]] == ["wage", "business"]
    # Rent had only who came and who went: of who was there both times none is recorded.
    rent = next(row for row in found["categories"] if row["category"] == "property")
    assert (rent["left_out"], rent["period_fen"], rent["base_fen"]) == ("not_recorded_now", None, None)


#: Of so many households each month is recorded from the first one on, beside those of 2025.
EARLIER = """
    INSERT INTO income_months (month, household_id, firm_id, amount_fen, weight_g, land_rent_fen)
    SELECT month, household_id, 1, 100, 0, 100 FROM (SELECT DISTINCT household_id FROM income_months) AS households,
        generate_series(CAST(:since AS date), date '2024-12-01', '1 month') AS month
    WHERE household_id <= (SELECT household_id FROM (SELECT DISTINCT household_id FROM income_months ORDER BY 1
        LIMIT :households) AS first ORDER BY 1 DESC LIMIT 1)
"""


@pytest.mark.parametrize(
    ("since", "households", "surveyed", "base"),
    [
        ("2024-12-01", 1, True, "2024"), ("2024-01-01", 1, True, "2024"), ("2024-01-01", 239, True, "2024"),
        ("2024-10-01", 240, True, "2024"), ("2024-10-01", 240, False, "recorded_in_part"),
        ("2024-01-01", 240, True, "2024-01..2024-12"), ("2024-01-01", 1, False, "2024-01..2024-12"),
    ],
)  # fmt: skip
def test_months_that_were_recorded_in_part_are_no_base_whoever_reads(
    reports: Reports, since: str, households: int, surveyed: bool, base: str
) -> None:
    with reports.app.app_context(), Session(db.engine) as session:
        session.execute(text(EARLIER), {"since": since, "households": households})
        if not surveyed:
            session.execute(text("DELETE FROM baseline_incomes"))
        rollups.rebuild(session, Rollup.INCOME_CUTS)
        found = [gain(session, reader, whole_year(2025), "zh", now=AFTER_THE_YEAR) for reader in readers_of(session)]
        found.append(gain(session, OPERATOR, whole_year(2025, "140829101"), "zh", now=AFTER_THE_YEAR))
        session.rollback()
    assert {one.get("base") or one["reason"] for one in found} - {"no_record"} == {base}
    assert (found[0].get("base") or found[0]["reason"]) == base


def test_a_report_speaks_the_reader_s_language(reports: Reports) -> None:
    client = reports.app.test_client()
    english = client.get(YEAR, headers={**reports.operator, "Accept-Language": "en"}).get_json()
    assert "not net income" in english["basis"]
    assert "gross sales before costs" in str(english["gain"]["categories"])


@pytest.mark.parametrize(
    ("url", "most"), [(JULY, 4), (AGREEMENTS, 4), (f"{YEAR}&by=township", 20), (f"{YEAR}&by=household", 20)]
)
def test_a_report_takes_few_statements_whatever_it_covers(reports: Reports, url: str, most: int) -> None:
    with statements() as seen:
        reports.get(url)
    assert len(seen) <= most
    assert [name for name in seen if "FROM income_entries" in name or "FROM order_lines" in name] == []


def test_a_rollup_that_was_never_refreshed_says_so(county: Flask) -> None:
    headers = signed_in(county, Role.OPERATOR)
    report = county.test_client().get(YEAR, headers=headers).get_json()
    assert (report["as_of"], report["total"]["cash_fen"]) == (None, 0)


def test_a_place_is_its_villages_and_a_village_its_households(reports: Reports) -> None:
    whole = reports.get(f"{YEAR}&by=township&place=140829101")
    (town,) = whole["items"]
    villages = reports.get(f"{YEAR}&by=village&place=140829101")
    assert (whole["place"], town["cash_fen"], villages["total"]) == ("140829101", 50_363_563, whole["total"])
    assert sum(row["cash_fen"] for row in villages["items"]) == town["cash_fen"]
    village = villages["items"][0]
    households = reports.get(f"{YEAR}&by=household&place={village['key']}")
    assert len(households["items"]) == village["households"]
    assert households["total"]["cash_fen"] == village["cash_fen"]


def test_the_gain_of_a_place_is_that_of_its_own_households(reports: Reports) -> None:
    gains = [reports.get(f"{YEAR}&place={code}")["gain"] for code in BY_TOWNSHIP]
    county = reports.get(YEAR)["gain"]
    assert all(0 < gain["households"] < county["households"] for gain in gains)
    for name in ("households", "base_fen", "period_fen", "change_fen"):
        assert sum(gain[name] for gain in gains) == county[name]


def test_a_foreign_place_has_no_rows_and_no_total(reports: Reports) -> None:
    report = reports.get(f"{YEAR}&by=village&place=140829106", reports.other_township)
    assert (report["items"], report["total"]["cash_fen"], report["total"]["households"]) == ([], 0, 0)


@pytest.mark.parametrize("place", ["14082910", "140829101x", "1408291010000"])
def test_a_place_that_is_no_code_is_refused(reports: Reports, place: str) -> None:
    assert reports.status(f"{YEAR}&place={place}") == 422


@pytest.mark.parametrize("category", ["wage", "business", "property", "transfer"])
def test_a_category_is_explained_by_rows_that_add_up_to_it(reports: Reports, category: str) -> None:
    (town,) = reports.get(f"{YEAR}&place=140829101")["items"]
    name = {"business": "business_gross_fen"}.get(category, f"{category}_fen")
    explain = f"/api/v1/reports/income/explain?year=2025&place=140829101&category={category}&limit=100"
    found, fen, cursor = reports.get(explain), 0, ""
    while True:
        answer = reports.get(explain + cursor)
        fen += sum(row["amount_fen"] for row in answer["items"])
        if answer["next"] is None:
            break
        cursor = f"&cursor={answer['next']}"
    assert fen == found["total_fen"] == town["categories"][name]


def test_the_rows_behind_a_count_of_households_are_theirs(reports: Reports) -> None:
    (town,) = reports.get(f"{YEAR}&place=140829101")["items"]
    found = reports.get("/api/v1/reports/income/explain?year=2025&place=140829101")
    assert found["households"] == town["households"] == 28


def orders_behind(reports: Reports, query: str, who: dict[str, str] | None = None) -> list[dict[str, Any]]:
    """All pages of the orders behind figures of the channels report."""
    found: list[dict[str, Any]] = []
    cursor = ""
    while True:
        page = reports.get(f"/api/v1/reports/channels/explain?{query}&limit=2{cursor}", who)
        found += page["items"]
        assert page["rows"] >= len(found)
        if page["next"] is None:
            assert page["rows"] == len(found)
            return found
        cursor = f"&cursor={page['next']}"


@pytest.mark.parametrize("who", ["operator", "township", "other_township", "firm", "other_firm"])
def test_every_figure_of_every_channel_is_the_sum_of_the_orders_behind_it(reports: Reports, who: str) -> None:
    headers = getattr(reports, who)
    report = reports.get(JULY, headers)
    days = JULY.partition("?")[2]
    for row in report["items"]:
        behind = orders_behind(reports, f"{days}&channel={row['channel']}", headers)
        for name in report["total"]:
            assert sum(order[name] for order in behind) == row[name], (row["channel"], name)
    assert len(orders_behind(reports, days, headers)) == report["total"]["orders"]


def test_the_total_of_an_explanation_is_the_total_of_the_report(reports: Reports) -> None:
    explained = reports.get("/api/v1/reports/channels/explain?from=2025-07-01&to=2025-07-31&limit=1")
    assert explained["total"] == reports.get(JULY)["total"]


def test_an_explanation_of_endless_or_reversed_days_is_refused(reports: Reports) -> None:
    for days in ("from=2025-07-02&to=2025-07-01", "from=2024-01-01&to=2025-07-01", "from=2025-07-01"):
        assert reports.status(f"/api/v1/reports/channels/explain?{days}") == 422


def test_an_operator_takes_up_what_was_given_up(reports: Reports) -> None:
    with reports.app.app_context(), transaction() as session:
        (dead,) = session.scalars(select(Outbox).where(Outbox.done_at.is_(None)).limit(1))
        outbox.give_up(session, dead.id, error="URLError", now=A_DAY_IN_JULY)
        expected = {"id": dead.id, "job": dead.job, "ids": dead.ids, "error": "URLError"}
    given_up = "/api/v1/reports/jobs/given-up"
    (row,) = reports.get(given_up)["items"]
    assert expected.items() <= row.items()
    retry, client = f"{given_up}/{row['id']}/retry", reports.app.test_client()
    assert client.post(retry, headers=reports.township).status_code == 403
    answers = [client.post(retry, headers=reports.operator) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [202, 404]
    assert answers[0].get_json()["given_up_at"] is None
    for beyond in (2**63 - 1, 2**63, 10**20 - 1):  # the last that a table can hold, and what none holds
        assert client.post(f"{given_up}/{beyond}/retry", headers=reports.operator).status_code == 404
    assert reports.get(given_up) == {"items": [], "next": None}


def test_an_operator_sees_every_job_and_what_waits(reports: Reports) -> None:
    found = reports.get("/api/v1/reports/jobs")
    jobs = {row["job"]: row for row in found["items"]}
    assert set(all_jobs()) <= set(jobs)
    assert jobs["reports.refresh_sales"]["last_success_at"] == A_DAY_IN_JULY.isoformat()
    assert jobs["settlement.settle_order"]["waiting"] == 6
    assert (found["rollups_differ"], found["dirty"], found["parts"]) == (None, [], [])
    client, wanted = reports.app.test_client(), {"rollup": "income"}
    once, twice = (
        client.post("/api/v1/reports/rebuilds", json=wanted, headers=reports.operator).get_json() for _ in range(2)
    )
    assert once == twice
    (part,) = reports.get("/api/v1/reports/jobs")["parts"]
    assert (part["rollup"], part["work"], part["parts"], part["done"]) == ("income", "rebuild", once["parts"], 0)
    assert reports.status("/api/v1/reports/jobs", reports.township) == 403
    told = reports.app.test_client().get("/metrics").get_data(as_text=True)
    assert f'shop_rollup_part_parts{{rollup="income",work="rebuild"}} {float(once["parts"])}' in told
    assert 'shop_job_waiting{job="settlement.settle_order"} 6.0' in told
    (last,) = re.findall(r'shop_job_last_success_seconds{job="reports.refresh_sales"} (\S+)', told)
    assert float(last) == A_DAY_IN_JULY.timestamp()
