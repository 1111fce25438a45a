"""The operator's page of the jobs: what it says of each, what is in red, and for whom it is."""

import re
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from shop.access.models import Role
from shop.kit import outbox
from shop.kit.clock import WalkingClock
from shop.kit.db import transaction
from shop.kit.jobs import Outbox, all_jobs
from shop.reports import parts, rollups, runs
from shop.reports.models import PartWork, Rollup
from shop.web.jobs import JOBS_ZH, ROLLUPS_ZH, STATES_ZH, took_zh
from tests.factories.access import person
from tests.web.test_web_dashboard import rows_of
from tests.web.test_web_exports import browser


@pytest.fixture
def office(county: Flask) -> FlaskClient:
    with transaction() as session:
        parties = dict(session.execute(text("SELECT kind, min(id) FROM parties GROUP BY kind")).all())
    person(county, (Role.OPERATOR, parties["county"]), login="office")
    person(county, (Role.MANAGER, parties["county"]), login="manager")
    return browser(county, "office")


def told(client: FlaskClient) -> str:
    answer = client.get("/reports/jobs")
    assert answer.status_code == 200, answer.text
    return answer.text


def state_of(page: str, job: str) -> list[str]:
    """The row of a job in the last table: its name, state, last success, duration, rows, what waits, since when."""
    return next(row for row in rows_of(page, -1) if row[0].endswith(job))


def do_all(clock: WalkingClock) -> None:
    done: object = True
    while done:
        with transaction() as session:
            done = parts.do_next(session, now=clock.now())


def test_every_job_and_every_rollup_has_its_name() -> None:
    assert sorted(JOBS_ZH) == all_jobs()
    assert set(ROLLUPS_ZH) == set(Rollup)


def test_the_page_is_for_the_county_office_alone(county: Flask, office: FlaskClient) -> None:
    manager = browser(county, "manager")
    assert manager.get("/reports/jobs").status_code == 403
    assert 'href="/reports/jobs"' in office.get("/reports").text
    assert 'href="/reports/jobs"' not in manager.get("/reports").text


def test_a_job_shows_its_last_success_how_long_it_took_and_how_much_it_did(
    office: FlaskClient, clock: WalkingClock
) -> None:
    assert state_of(told(office), "reports.refresh_sales")[1:5] == ["还没有运行", "—", "—", "—"]
    with transaction() as session:
        runs.touch(session, "reports.refresh_sales", rows=1234, now=clock.now(), seconds=1.25)
    name, state, at, took, rows, *_ = state_of(told(office), "reports.refresh_sales")
    assert (name, state, took, rows) == ("汇总销售reports.refresh_sales", STATES_ZH["done"], "1.2 秒", "1,234")
    assert at == "2025-07-15 10:00"


def test_what_a_run_says_of_itself_is_chinese_first(office: FlaskClient, clock: WalkingClock) -> None:
    said = {
        "stock.retire_expired": "ok",
        "orders.call_off_due": "2 项未能下单 · 2 refused: XY-1",
        "demo.season": "played",
    }
    with transaction() as session:
        for job, outcome in said.items():
            run = runs.claim(session, job, "2025-07-15", now=clock.now())
            assert run is not None
            runs.close(session, run, rows=1, outcome=outcome, now=clock.now())
    page = told(office)
    assert [state_of(page, job)[8] for job in said] == ["已办完", said["orders.call_off_due"], "已演完"]


def test_what_was_given_up_stands_first_and_in_red(office: FlaskClient, clock: WalkingClock) -> None:
    with transaction() as session:
        waiting, dead = (Outbox(job=job, ids=[1], created_at=clock.now()) for job in
                         ("payments.notify", "stock.take_recalled"))  # fmt: skip
        session.add_all([waiting, dead])
        session.flush()
        outbox.give_up(session, dead.id, error="KeyError", now=clock.now())
    page = told(office)
    first, second = rows_of(page, -1)[:2]
    assert rows_of(page, -2) == [
        [
            str(dead.id),
            "收回召回的货stock.take_recalled",
            "1",
            "KeyError",
            "2025-07-15 10:00",
            "2025-07-15 10:00",
            "重新办理",
        ]
    ]
    assert (first[0], first[1], first[7]) == ("收回召回的货stock.take_recalled", "已放弃，须人工处理", "1")
    assert (second[0], second[1], second[5]) == ("通知收付款payments.notify", "等待中", "1")
    assert '<b class="alarm">已放弃，须人工处理</b>' in page
    assert re.search(r'须人工处理</h2><p><b class="alarm">1</b>', page)


def test_what_was_given_up_is_taken_up_by_a_button_of_the_office_alone(
    county: Flask, office: FlaskClient, clock: WalkingClock
) -> None:
    with transaction() as session:
        dead = Outbox(job="payments.notify", ids=[1], created_at=clock.now(), dead_at=clock.now(), attempts=6)
        session.add(dead)
        session.flush()
        retry = f"/reports/jobs/given-up/{dead.id}/retry"
    assert f'action="{retry}"' in told(office)
    assert browser(county, "manager").post(retry).status_code == 403
    assert office.post(retry, headers={"Origin": "https://elsewhere.example"}).status_code == 403
    assert state_of(told(office), "payments.notify")[7] == "1"
    for _ in range(2):
        assert office.post(retry).headers["Location"] == "/reports/jobs"
    assert office.post(f"/reports/jobs/given-up/{10**20 - 1}/retry").status_code == 404
    page = told(office)
    assert state_of(page, "payments.notify")[1:2] == ["等待中"]
    assert "已放弃的任务" not in page
    with transaction() as session:
        who = session.execute(text("SELECT login FROM history JOIN people ON people.id = person_id"
                                   " WHERE entity_type = 'outbox'")).scalars().all()  # fmt: skip
    assert who == ["office"]


def test_what_fails_or_is_late_is_in_red(office: FlaskClient, clock: WalkingClock) -> None:
    now = clock.now()
    with transaction() as session:
        runs.touch(session, "stock.take_recalled", rows=0, now=now, due_by=now - timedelta(minutes=2))
        runs.fail(session, "reports.refresh_sales", error="IntegrityError", now=now)
    page = told(office)
    failing, late = rows_of(page, -1)[:2]
    assert failing[0:2] == ["汇总销售reports.refresh_sales", "失败"]
    assert failing[-1] == "失败 1 次，最近 2025-07-15 10:00（IntegrityError）"
    assert (late[1], late[-1]) == ("逾期未运行", "已逾期 2 分 0 秒")
    assert '<b class="alarm">失败</b>' in page
    assert '<b class="alarm">逾期未运行</b>' in page
    assert re.search(r'失败或逾期</h2><p><b class="alarm">2</b>', page)


def test_the_proof_shows_how_far_it_is_and_the_first_difference_in_red(
    office: FlaskClient, clock: WalkingClock
) -> None:
    with transaction() as session:
        rollups.rebuild(session, Rollup.INCOME)
        asked = parts.ask(session, Rollup.INCOME, PartWork.PROVE, parts.parts_of(session, Rollup.INCOME),
                          now=clock.now())  # fmt: skip
    page = told(office)
    assert f'<progress value="0" max="{asked}"' in page
    assert "未核对完" in page
    do_all(clock)
    page = told(office)
    assert rows_of(page)[0][:4] == ["农户收入", "核对", "", f"{asked} / {asked}"]
    assert "<b>一致</b>" in page
    assert 'role="alert"' not in page
    with transaction() as session:
        session.execute(text("UPDATE income_rollup SET amount_fen = amount_fen + 1"))
        parts.ask(session, Rollup.INCOME, PartWork.PROVE, parts.parts_of(session, Rollup.INCOME), now=clock.now())
    do_all(clock)
    page = told(office)
    assert '<b class="alarm">有差异</b>' in page
    assert re.search(r'role="alert">农户收入核对发现 \d+ 处差异，首处：<code>income_rollup ', page)
    assert '<b class="alarm">' in rows_markup(page, "核对")
    assert rows_of(page)[1][1] == "重算"


def rows_markup(page: str, work: str) -> str:
    """The markup of the first row of that work."""
    return next(row for row in re.findall(r"<tr>(.*?)</tr>", page, re.DOTALL) if f"<td>{work}</td>" in row)


def test_the_page_looks_again_by_itself_until_it_is_told_to_rest(office: FlaskClient) -> None:
    again = '<meta http-equiv="refresh" content="30">'
    assert again in told(office)
    resting = office.get("/reports/jobs?still=1").text
    assert again not in resting
    assert 'href="/reports/jobs">继续刷新' in resting


@pytest.mark.parametrize(
    ("milliseconds", "said"),
    [
        (None, "—"),
        (0, "0 毫秒"),
        (999, "999 毫秒"),
        (1000, "1.0 秒"),
        (59_950, "59.9 秒"),
        (61_950, "1 分 1 秒"),
        (3_600_000, "1 小时 0 分"),
    ],
)
def test_a_duration_is_said_in_milliseconds_or_seconds(milliseconds: int | None, said: str) -> None:
    assert took_zh(milliseconds) == said


def test_a_long_outcome_is_told_whole_and_broken_into_lines(office: FlaskClient, clock: WalkingClock) -> None:
    said = "2 项全部未能下单 · all 2 refused：A50 PL001：商品 PL001 目前不出售（not-for-sale）"
    for job, outcome in (("orders.call_off_due", said), ("orders.close_agreements", "ok")):
        with transaction() as session:
            run = runs.claim(session, job, "2025-07-15", now=clock.now())
            assert run is not None
            runs.close(session, run, rows=0, outcome=outcome, now=clock.now())
    page = told(office)
    assert f'<td class="words">{said}</td>' in page
    assert "<td>已办完</td>" in page
