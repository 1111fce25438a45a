"""The pages of sent reports: what changed since is shown, leads to its rows, and is sent anew from there."""

import html
import re
import time

import pytest
from flask import Flask
from flask.testing import FlaskClient

from shop.kit.clock import WalkingClock
from tests.reports.test_reports_adjustments import FIRST, evening, sent_daily
from tests.reports.test_reports_periodic import Desk, late_sale, opened
from tests.web.test_web_dashboard import rows_of

TOLD = "已报送后有变动"


@pytest.fixture
def desk(county: Flask, clock: WalkingClock) -> Desk:
    return opened(county, clock)


def browser(desk: Desk, who: str) -> FlaskClient:
    client = desk.app.test_client()
    client.set_cookie("signed_in", desk.people[who]["Authorization"].removeprefix("Bearer "))
    return client


def read(client: FlaskClient, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200, answer.text
    return answer.text


def test_what_changed_is_shown_with_its_rows_and_sent_anew(desk: Desk) -> None:
    sent_daily(desk, 15, 16)
    desk.go(evening(17))
    county = browser(desk, "county")
    frozen = read(county, f"/reports/sent/{FIRST}")
    assert "报送的数字与现在一致" in frozen
    assert TOLD not in frozen + read(county, "/reports/periodic?every=day&on=2025-07-17")

    late_sale(desk)
    for day in (15, 17):
        page = read(county, f"/reports/periodic?every=day&on=2025-07-{day}")
        assert f"{TOLD}：13 个数字" in page
        assert f'href="/reports/sent/{FIRST}#changes"' in page
        assert ("本期报表已报送（第 1 版），之后有 13 个数字变动" in page) is (day == 15)
    *_, named = [row for row in rows_of(page, -1) if row[2] == "销售额（净）（元）"]
    assert named == ["日报 2025-07-15", "总览", "销售额（净）（元）", "755.30", "795.10", "39.80"]
    assert re.search(rf'<td><a href="/reports/sent/{FIRST}">日报 2025-07-15</a></td>', page)

    frozen = read(county, f"/reports/sent/{FIRST}")
    assert rows_of(frozen, -1)[0] == ["总览", "销售额（净）（元）", "755.30", "755.30", "795.10", "39.80"]
    why = re.search(r'<a href="([^"]+)">795.10</a>', frozen)
    assert why
    assert "<b>795.10</b> 元" in read(county, html.unescape(why[1]))

    form = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', frozen.partition("报送新版本")[2]))
    again = county.post("/reports/sent", data=form | {"note": "补记一单"})
    assert (again.status_code, again.headers["Location"]) == (303, f"/reports/sent/{FIRST[:-1]}2")
    desk.check()
    old = read(county, f"/reports/sent/{FIRST}")
    assert "本期已有新版本" in old
    # What was told last of each of its figures is what the new version says, which is how it is now.
    told = [[html.unescape(re.sub(r"<[^>]+>", "", cell)) for cell in re.findall(r"<td[^>]*>(.*?)</td>", row)]
            for row in re.findall(r"<tr>(.*?)</tr>", old.partition("最近告知数")[2], re.DOTALL)]  # fmt: skip
    assert told
    assert [row[3] for row in told if len(row) == 6] == [row[4] for row in told if len(row) == 6]
    current = read(county, "/reports/periodic?every=day&on=2025-07-15")
    assert "未报送" not in current
    assert "已报送第 2 版；本表是现在的数字" in current
    assert TOLD not in read(county, "/reports/periodic?every=day&on=2025-07-17")


def test_what_a_later_report_named_leads_to_that_report(desk: Desk) -> None:
    sent_daily(desk, 15, 16)
    late_sale(desk)
    sent_daily(desk, 17)
    county = browser(desk, "county")
    for address in (f"/reports/sent/{FIRST}", "/reports/periodic?every=day&on=2025-07-18"):
        page = read(county, address)
        assert '<a href="/reports/sent/day-2025-07-17-140829-v1">day-2025-07-17-140829-v1</a> 中说明' in page
        assert TOLD not in page


def test_the_county_sees_what_a_township_told_and_leaves_it_to_send_it_anew(desk: Desk) -> None:
    sent_daily(desk, 15, who="peaches")
    desk.go(evening(16))
    late_sale(desk)
    code = "day-2025-07-15-140829106-v1"
    pages = {who: read(browser(desk, who), f"/reports/sent/{code}") for who in ("peaches", "county", "office")}
    assert {who: "报送新版本" in page.partition("</table>")[2] for who, page in pages.items()} == {
        "peaches": True, "county": False, "office": False,
    }  # fmt: skip
    assert all(TOLD in page for page in pages.values())
    assert f"{TOLD}：13 个数字" in read(browser(desk, "office"), "/reports/periodic")
    assert browser(desk, "other").get(f"/reports/sent/{code}").status_code == 404
    assert TOLD not in read(browser(desk, "other"), "/reports/periodic")
    assert TOLD not in read(browser(desk, "firm"), "/reports/periodic")


@pytest.mark.parametrize("kind", ["xlsx", "csv", "pdf"])
def test_a_sent_report_makes_the_same_bytes_whenever_it_is_fetched(desk: Desk, kind: str) -> None:
    sent_daily(desk, 15)
    county = browser(desk, "county")
    first = county.get(f"/reports/sent/{FIRST}.{kind}")
    assert first.status_code == 200
    # A workbook tells when it was made, to the second.
    time.sleep(1.1)
    assert county.get(f"/reports/sent/{FIRST}.{kind}").data == first.data
