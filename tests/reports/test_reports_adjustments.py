"""Figures of sent reports that are no longer so: found whenever they change, named once, in the next report sent."""

import io
import json
from contextlib import suppress
from datetime import UTC, datetime
from threading import Barrier, BrokenBarrierError
from typing import Any

import pytest
from flask import Flask
from flask_migrate import downgrade, upgrade
from python_calamine import CalamineWorkbook
from sqlalchemy import text
from sqlalchemy.orm import Session

from shop.access.guard import Actor, Grant
from shop.access.models import PartyKind, Role
from shop.app import with_migrations
from shop.kit.clock import WalkingClock
from shop.kit.db import db, release, transaction
from shop.kit.paper import Grid, Paper
from shop.kit.revisions import FOLDER
from shop.kit.tables import PDF_TYPE, XLSX_TYPE
from shop.reports import adjustments, rollups, sent
from shop.reports.adjustments import Figure, comparable
from shop.reports.explain_periodic import figure_at
from shop.reports.models import Rollup
from tests.conftest import A_DAY_IN_JULY
from tests.factories.sales import Season
from tests.factories.statements import statements
from tests.factories.threads import at_once
from tests.reports.test_reports_periodic import Desk, late_sale, opened, section

FIRST = "day-2025-07-15-140829-v1"


def evening(day: int) -> datetime:
    return datetime(2025, 7, day, 12, 0, tzinfo=UTC)


@pytest.fixture
def desk(county: Flask, clock: WalkingClock) -> Desk:
    return opened(county, clock)


def sent_daily(desk: Desk, *days: int, who: str = "county") -> None:
    """The report of each of these days, sent in its evening."""
    for day in days:
        desk.go(evening(day))
        answer = desk.send("day", f"2025-07-{day}", who)
        assert answer.status_code == 201, answer.text
        desk.check()


def named(desk: Desk, day: int, who: str = "county", every: str = "day") -> list[dict[str, Any]]:
    """What the report of a day names of earlier ones."""
    rows: list[dict[str, Any]] = section(desk.report(every, f"2025-07-{day}", who), "adjustments")["rows"]
    return rows


def net(rows: list[dict[str, Any]]) -> list[tuple[str, int, int]]:
    """Of which report, told and now, the sales at its head."""
    return [
        (row["report"], row["sent_value"], row["now_value"])
        for row in rows
        if row["figure"] == "summary:net_fen:period_value"
    ]


def changed(desk: Desk, who: str = "county") -> dict[str, int]:
    """Reports with figures that are otherwise now and named nowhere, and how many."""
    return {row["code"]: row["changed"] for row in desk.get("/reports/sent?changed=true", who).get_json()["items"]}


def test_a_figure_that_changed_days_ago_is_named_once_in_the_next_report(desk: Desk) -> None:
    sent_daily(desk, 15, 16, 17)
    desk.go(evening(18))
    assert (named(desk, 18), changed(desk)) == ([], {})
    late_sale(desk)
    # It is of the 15th, and the reports of the 16th and 17th have been sent without it.
    assert net(named(desk, 18)) == [(FIRST, 75_530, 79_510)]
    assert changed(desk) == {FIRST: 13}
    sent_daily(desk, 18)
    assert changed(desk) == {}
    assert net(named(desk, 18)) == [(FIRST, 75_530, 79_510)]
    sent_daily(desk, 19)
    assert named(desk, 19) == []
    (old,) = (row for row in desk.get("/reports/sent").get_json()["items"] if row["code"] == FIRST)
    assert (old["changed"], old["named_in"]) == (0, "day-2025-07-18-140829-v1")


def test_what_changes_again_is_told_from_what_was_told_last(desk: Desk) -> None:
    sent_daily(desk, 15, 16)
    late_sale(desk)
    sent_daily(desk, 17)
    late_sale(desk)
    assert net(named(desk, 18)) == [(FIRST, 79_510, 83_490)]
    items = desk.get(f"/reports/sent/{FIRST}/changes").get_json()["items"]
    (head,) = (row for row in items if (row["section"], row["key"]) == ("summary", "net_fen"))
    assert (head["sent_value"], head["told_value"], head["now_value"], head["change_value"]) == (
        75_530, 79_510, 83_490, 7_960,
    )  # fmt: skip


def test_another_version_of_the_report_that_named_it_names_it_still(desk: Desk) -> None:
    sent_daily(desk, 15, 16)
    desk.go(evening(17))
    late_sale(desk)
    sent_daily(desk, 17)
    same = desk.send("day", "2025-07-17", note="再报")
    assert (same.status_code, same.get_json()["type"]) == (409, "/docs/errors#report-unchanged")
    late_sale(desk)
    assert net(named(desk, 17)) == [(FIRST, 75_530, 83_490)]
    again = desk.send("day", "2025-07-17", note="又补记一单").get_json()
    desk.check()
    frozen = desk.get(f"/reports/sent/{again['code']}").get_json()
    assert net(section(frozen, "adjustments")["rows"]) == [(FIRST, 75_530, 83_490)]
    assert (named(desk, 18), changed(desk)) == ([], {})


def counted_for(desk: Desk, number: str, partner: str) -> None:
    """The county counts an order for another partner."""
    desk.keys += 1
    answer = desk.app.test_client().post(
        f"/api/v1/orders/{number}/attribution",
        json={"partner": partner, "reason": "顾客确认由该伙伴链接下单"},
        headers=desk.people["office"] | {"Idempotency-Key": f"attribute-{desk.keys}"},
    )
    assert answer.status_code == 200, answer.text
    desk.refresh()


def told_for_the_shop(desk: Desk) -> str:
    """The number of an order of the 15th that two reports counted for the shop; it is the evening of the 17th."""
    with transaction() as session:
        number = Season(session, A_DAY_IN_JULY, "PL001").paid(quantity=1).number
    desk.refresh()
    sent_daily(desk, 15, 16)
    desk.go(evening(17))
    return number


def moved(rows: list[dict[str, Any]]) -> dict[tuple[str, str], int]:
    """By how much sales changed, by section and key."""
    return {(row["section"], row["key"]): row["change_value"] for row in rows if "net_fen" in row["figure"]}


FOR_THE_CADRE = {
    ("channels", "platform"): -3_980, ("channels", "cadre"): 3_980, ("shop_partners", "SHOP"): -3_980,
    ("cadres", "other"): 3_980,
}  # fmt: skip


def test_what_a_version_named_and_is_as_before_again_is_named_no_more(desk: Desk) -> None:
    number = told_for_the_shop(desk)
    counted_for(desk, number, "CADRE")
    sent_daily(desk, 17)
    assert moved(named(desk, 17)) == FOR_THE_CADRE
    counted_for(desk, number, "SHOP")
    assert named(desk, 17) == []
    assert len(changed(desk)) == 1
    assert desk.send("day", "2025-07-17", note="归属更正撤回").status_code == 201
    desk.check()
    assert (named(desk, 18), changed(desk)) == ([], {})


def test_a_new_version_of_the_period_itself_tells_it_and_no_other_report_needs_to(desk: Desk) -> None:
    sent_daily(desk, 15, 16, 17)
    late_sale(desk)
    assert net(named(desk, 18)) == [(FIRST, 75_530, 79_510)]
    assert desk.send("day", "2025-07-15", note="补记一单").status_code == 201
    desk.check()
    assert (named(desk, 18), changed(desk)) == ([], {})
    heads = {row["code"]: row for row in desk.get("/reports/sent").get_json()["items"]}
    assert (heads[FIRST]["latest"], heads[FIRST]["changed"]) == (False, None)
    assert heads["day-2025-07-15-140829-v2"]["changed"] == 0


def test_a_report_older_than_the_last_one_sent_names_nothing_new(desk: Desk) -> None:
    sent_daily(desk, 15, 16, 17)
    late_sale(desk)
    assert named(desk, 16) == []
    # Its year so far is another now, so it may be sent again; what changed of the 15th is for the next one to name.
    again = desk.send("day", "2025-07-16", note="累计数更正").get_json()
    assert section(desk.get(f"/reports/sent/{again['code']}").get_json(), "adjustments")["rows"] == []
    desk.check()
    assert net(named(desk, 18)) == [(FIRST, 75_530, 79_510)]


def test_an_order_that_is_counted_for_another_partner_shows_though_the_head_is_the_same(desk: Desk) -> None:
    number = told_for_the_shop(desk)
    counted_for(desk, number, "CADRE")
    assert moved(named(desk, 17)) == FOR_THE_CADRE


def test_a_corrected_slip_shows_in_each_kind_of_report(desk: Desk) -> None:
    slip = desk.sql(
        "SELECT deliveries.code, price_fen_per_kg AS price, weight_g, delivered_on AS day FROM deliveries"
        " WHERE delivered_on BETWEEN '2025-07-11' AND '2025-07-14'"
        " AND NOT EXISTS (SELECT FROM lot_deliveries WHERE delivery_id = deliveries.id) ORDER BY deliveries.id LIMIT 1"
    )
    day = slip.day.day
    desk.go(evening(15))
    for every in ("day", "ten_days", "week"):
        assert desk.send(every, f"2025-07-{day}").status_code == 201
    desk.go(evening(31))
    answer = desk.app.test_client().post(
        f"/api/v1/deliveries/{slip.code}/corrections",
        json={"weight_g": slip.weight_g + 1_000, "price_fen_per_kg": slip.price, "reason": "过磅时误读"},
        headers=desk.people["office"] | {"Idempotency-Key": "slip"},
    )
    assert answer.status_code == 201, answer.text
    desk.refresh()
    for every in ("day", "ten_days", "week"):
        cash = [
            row["change_value"] for row in named(desk, 31, every=every)
            if row["figure"] == "summary:cash_fen:period_value"
        ]  # fmt: skip
        assert cash == [slip.price], every
    assert len(changed(desk)) == 3


@pytest.mark.parametrize(("who", "rows"), [("county", 1), ("peaches", 1), ("other", 0)])
def test_each_office_names_what_it_told_itself(desk: Desk, who: str, rows: int) -> None:
    sent_daily(desk, 15, 16, who=who)
    desk.go(evening(17))
    late_sale(desk)
    assert len(net(named(desk, 17, who))) == rows
    assert len(changed(desk, who)) == rows
    others = {"county": "peaches", "peaches": "other", "other": "peaches"}[who]
    assert (named(desk, 17, others), changed(desk, others)) == ([], {})
    # The county sees of every office whether its reports hold.
    assert len(changed(desk)) == rows


def test_who_did_not_send_it_reads_no_changes(desk: Desk) -> None:
    sent_daily(desk, 15, who="peaches")
    (code,) = (row["code"] for row in desk.get("/reports/sent", "peaches").get_json()["items"])
    http = desk.app.test_client()
    found = {
        who: http.get(f"/api/v1/reports/sent/{code}/changes", headers=desk.people[who]).status_code
        for who in ("county", "office", "peaches", "other", "firm")
    }
    assert found == {"county": 200, "office": 200, "peaches": 200, "other": 404, "firm": 403}


def test_every_file_of_the_next_report_names_it(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    printed: list[Grid] = []
    drawn = Paper.grid_of

    def grid_of(paper: Paper, grid: Grid) -> None:
        printed.append(grid)
        drawn(paper, grid)

    monkeypatch.setattr(Paper, "grid_of", grid_of)
    sent_daily(desk, 15, 16)
    desk.go(evening(17))
    late_sale(desk)
    sent_daily(desk, 17)
    for address in ("/reports/periodic?every=day&on=2025-07-17", "/reports/sent/day-2025-07-17-140829-v1"):
        assert net(section(desk.get(address).get_json(), "adjustments")["rows"]) == [(FIRST, 75_530, 79_510)]
        book = CalamineWorkbook.from_filelike(io.BytesIO(desk.get(address, accept=XLSX_TYPE).data))
        rows = book.get_sheet_by_name("对已报送数字的调整").to_python()
        assert rows[:2] == [
            ["报表", "表", "指标", "原报数", "现在数", "调整"],
            ["日报 2025-07-15", "总览", "销售额（净）（元）", 755.3, 795.1, 39.8],
        ]
        lines = desk.get(address, accept="text/csv").data.decode("utf-8-sig").splitlines()
        assert "日报 2025-07-15,总览,销售额（净）（元）,755.30,795.10,39.80" in lines
        printed.clear()
        assert desk.get(address, accept=PDF_TYPE).data[:5] == b"%PDF-"
        assert (printed[-1].title, printed[-1].rows[0]) == (
            "对已报送数字的调整", ["日报 2025-07-15", "总览", "销售额（净）（元）", "755.30", "795.10", "39.80"],
        )  # fmt: skip


def test_what_a_figure_is_now_is_what_the_rows_behind_it_add_up_to(desk: Desk) -> None:
    sent_daily(desk, 15, 16)
    late_sale(desk)
    items = desk.get(f"/reports/sent/{FIRST}/changes").get_json()["items"]
    explained = 0
    for row in items:
        section_code, key, path = row["section"], row["key"], row["figure"].split(":", 2)[2]
        asked = figure_at(section_code, path, key)
        assert asked is not None, row
        assert desk.why("day", asked) == row["now_value"], row
        explained += 1
    assert explained == 13


def test_a_report_of_days_that_are_not_over_is_called_changed_only_afterwards(desk: Desk) -> None:
    assert desk.send("month", "2025-07-15").status_code == 201
    late_sale(desk)
    (head,) = desk.get("/reports/sent").get_json()["items"]
    assert (head["changed"], changed(desk)) == (None, {})
    desk.go(datetime(2025, 8, 1, 2, 0, tzinfo=UTC))
    assert changed(desk) == {"month-2025-07-01-140829-v1": 13}


def test_only_reports_of_days_that_were_marked_are_looked_at_again(desk: Desk) -> None:
    sent_daily(desk, 14, 15, 16)
    desk.clock.put(evening(17))
    late_sale(desk)
    looked_at = desk.sql(
        "SELECT array_agg(first_on ORDER BY first_on) AS days FROM sent_checks JOIN sent_reports ON sent_id = id"
        " WHERE checked_at = :now", now=desk.clock.now(),
    )  # fmt: skip
    assert [str(day) for day in looked_at.days] == ["2025-07-15"]


def test_reading_a_report_costs_the_same_however_many_were_sent_and_changed(desk: Desk) -> None:
    def cost() -> int:
        desk.report("day", "2025-07-20")
        with statements() as seen:
            desk.report("day", "2025-07-20")
        return len(seen)

    sent_daily(desk, 15)
    before = cost()
    sent_daily(desk, 16, 17, 18)
    late_sale(desk)
    assert (len(named(desk, 20)) > 0, cost()) == (True, before)


def test_who_sends_a_report_does_not_wait_for_the_job(desk: Desk) -> None:
    sent_daily(desk, 15, 16)
    desk.go(evening(17))
    with transaction() as session:
        Season(session, A_DAY_IN_JULY, "PL001").paid(quantity=1)
    for rollup in Rollup:
        with transaction() as session:
            rollups.refresh(session, rollup)
    assert named(desk, 17) == []
    frozen = desk.get(f"/reports/sent/{desk.send('day', '2025-07-17').get_json()['code']}").get_json()
    assert net(section(frozen, "adjustments")["rows"]) == [(FIRST, 75_530, 79_510)]
    desk.check()
    assert (named(desk, 18), changed(desk)) == ([], {})


def test_a_night_finds_what_no_mark_tells(desk: Desk) -> None:
    sent_daily(desk, 15, 16)
    with transaction() as session:
        session.execute(text("UPDATE firms SET village_id = (SELECT min(id) FROM villages) WHERE code = 'F01'"))
    desk.refresh()
    assert changed(desk) == {}
    with transaction() as session:
        assert adjustments.look_again(session, now=desk.clock.now()) == 2
    desk.check()
    moved = {row["section"] for row in named(desk, 17)}
    assert (moved, list(changed(desk))) == ({"townships"}, [FIRST])


def rows_of(query: str) -> list[tuple[Any, ...]]:
    with db.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def manager(desk: Desk) -> Actor:
    """The county's."""
    [(party_id,)] = rows_of("SELECT id FROM parties WHERE kind = 'county'")
    return Actor(desk.ids["county"], (Grant(Role.MANAGER, party_id, PartyKind.COUNTY),))


@pytest.mark.parametrize("guarded", [True, False], ids=["one sender", "the control"])
def test_two_reports_that_are_sent_at_once_name_it_once(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, *, guarded: bool
) -> None:
    sent_daily(desk, 15)
    desk.go(evening(17))
    late_sale(desk)
    both = Barrier(2)
    reported = sent._reported

    def together(*asked: Any, **named: Any) -> Any:
        found = reported(*asked, **named)
        with suppress(BrokenBarrierError):
            both.wait(timeout=2)
        return found

    monkeypatch.setattr(sent, "_reported", together)
    if not guarded:
        monkeypatch.setattr(sent, "one_sender", lambda *_: None)
    actor = manager(desk)

    def sends(day: int) -> Any:
        return lambda session: sent.send_report(
            session, actor, sent.Every.DAY, evening(day).date(), None, now=desk.clock.now()
        )

    assert at_once(desk.app, [sends(16), sends(17)]) == ["", ""]
    bodies = [json.loads(row[0]) for row in rows_of("SELECT body FROM sent_reports WHERE first_on > '2025-07-15'")]
    naming = sum(bool(net(section(body, "adjustments")["rows"])) for body in bodies)
    assert naming == (1 if guarded else 2)


@pytest.mark.parametrize("guarded", [True, False], ids=["looked at once", "the control"])
def test_a_refresh_that_a_sender_cannot_see_is_looked_at_when_both_are_done(desk: Desk, *, guarded: bool) -> None:
    """The mark for its day was taken before the report was there for anybody to see."""
    sent_daily(desk, 14)
    desk.go(evening(15))
    with transaction() as session:
        Season(session, A_DAY_IN_JULY, "PL001").paid(quantity=1)
    with transaction() as session:
        sent.send_report(session, manager(desk), sent.Every.DAY, evening(15).date(), None, now=desk.clock.now())
        with Session(db.engine) as job:
            assert rollups.refresh(job, Rollup.SALES).marks > 0
            job.commit()
            assert adjustments.check_next(job, now=desk.clock.now()) == 0
            job.commit()
    assert rows_of("SELECT count(*) FROM dirty_keys WHERE rollup = 'sent_reports'") == [(0,)]
    if not guarded:
        with transaction() as session:
            session.execute(text("UPDATE sent_checks SET waiting_since = NULL, checked_at = now()"))
    desk.check()
    desk.go(evening(16))
    assert (FIRST in changed(desk)) is guarded


def migrated(desk: Desk, step: Any, revision: str) -> None:
    release()
    with_migrations(desk.app)
    step(directory=str(FOLDER), revision=revision)
    db.engine.dispose()


def test_a_report_that_named_figures_of_the_head_alone_told_those(desk: Desk) -> None:
    sent_daily(desk, 15)
    desk.go(evening(16))
    late_sale(desk)
    migrated(desk, downgrade, "0065")
    told = {"key": "net_fen", "name": "销售额（净）（元）", "measure": "fen", "report": FIRST, "sent_value": 75_530,
            "now_value": 79_510, "change_value": 3_980}  # fmt: skip
    # Reports of then told how many households were assisted, which none tells any more.
    assisted = told | {"key": "assisted", "name": "其中帮扶户", "measure": "count", "sent_value": 3, "now_value": 4}
    body = json.dumps({"sections": [{"code": "summary", "rows": [], "columns": [], "title": "总览"},
                                    {"code": "adjustments", "rows": [told, assisted]}]}).encode()  # fmt: skip
    with transaction() as session:
        session.execute(
            text(
                "INSERT INTO sent_reports (code, party_id, every, first_on, last_on, version, sent_at, confirmed_by_id,"
                " body, body_sha256) SELECT 'day-2025-07-16-140829-v1', party_id, every, '2025-07-16', '2025-07-16', 1,"
                " sent_at, confirmed_by_id, :body, sha256(:body) FROM sent_reports"
            ),
            {"body": body},
        )
    migrated(desk, upgrade, "head")
    desk.check()
    assert net(named(desk, 17)) == []
    of_the_first = [row for row in named(desk, 17) if row["report"] == FIRST]
    assert {row["figure"] for row in of_the_first if row["section"] == "summary"} == {
        f"summary:{name}:period_value" for name in ("weight_g", "orders", "paid_fen")
    }
    # Its own row is read as one of the head, and kept where it is sent again.
    (kept,) = net(named(desk, 16))
    assert kept == (FIRST, 75_530, 79_510)
    assert not any("assisted" in row["figure"] for day in (16, 17) for row in named(desk, day))


def test_what_was_named_before_there_were_checks_is_not_named_again(desk: Desk) -> None:
    sent_daily(desk, 15)
    desk.go(evening(16))
    late_sale(desk)
    sent_daily(desk, 16)
    told = rows_of("SELECT code, told, named_in_id FROM sent_checks JOIN sent_reports ON sent_id = id ORDER BY 1")
    assert [(code, len(figures)) for code, figures, _ in told] == [(FIRST, 13), ("day-2025-07-16-140829-v1", 0)]
    migrated(desk, downgrade, "0065")
    migrated(desk, upgrade, "head")
    again = rows_of("SELECT code, told, named_in_id FROM sent_checks JOIN sent_reports ON sent_id = id ORDER BY 1")
    assert again == told
    desk.check()
    assert (named(desk, 17), changed(desk)) == ([], {})


def test_where_other_classes_of_cadres_are_put_together_their_rows_do_not_compare() -> None:
    def told(*rows: tuple[str, str]) -> dict[str, Figure]:
        figures = [Figure(code, "", key, "period_orders", "", "count", 1) for code, key in rows]
        return {figure.path: figure for figure in figures}

    channel, low, other = ("channels", "cadre"), ("cadres", "1"), ("cadres", "other")
    assert comparable(told(channel, low), told(channel, low)) == [told(channel, low)] * 2
    assert comparable(told(channel, low), told(channel, other)) == [told(channel)] * 2
