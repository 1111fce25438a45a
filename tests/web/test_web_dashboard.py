"""The managers' pages: who gets in, what they show, and that a real browser draws it."""

import html
import json
import re
import subprocess
from datetime import date
from decimal import Decimal
from pathlib import Path
from urllib.parse import quote

import pytest
from flask import Flask
from sqlalchemy import text

from shop.access.models import Role
from shop.income.months import close_month
from shop.kit.clock import WalkingClock
from shop.kit.db import transaction
from shop.kit.tables import read_table
from tests.factories.access import PASSWORD, person
from tests.factories.statements import statements
from tests.web.browser import WIDTH, phone
from tests.web.conftest import AFTER_THE_YEAR, CHANGLE, CHROMIUM, Pages, rollups_made, served


def rows_of(page: str, table: int = 0) -> list[list[str]]:
    """The cells of each row of the body of a table of the page."""
    body = re.findall(r"<tbody>(.*?)</tbody>", page, re.DOTALL)[table]
    return [cells_of(row) for row in re.findall(r"<tr>(.*?)</tr>", body, re.DOTALL)]


def cells_of(row: str) -> list[str]:
    return [html.unescape(re.sub(r"<[^>]+>", "", cell)) for cell in re.findall(r"<td[^>]*>(.*?)</td>", row, re.DOTALL)]


def heads_of(page: str, table: int = 0) -> list[str]:
    """What the columns of a table of the page are called."""
    head = re.findall(r"<thead>(.*?)</thead>", page, re.DOTALL)[table]
    return [re.sub(r"<[^>]+>", "", cell) for cell in re.findall(r"<th[^>]*>(.*?)</th>", head, re.DOTALL)]


def total_of(page: str) -> list[str]:
    foot = re.search(r"<tfoot>(.*?)</tfoot>", page, re.DOTALL)
    assert foot
    return cells_of(foot[1])


def fen(shown: str) -> int:
    return int(shown.replace(",", "").replace(".", ""))


def test_who_is_not_signed_in_is_led_to_the_form_and_back(pages: Pages) -> None:
    browser = pages.browser()
    answer = browser.get("/reports/agreements?as_of=2025-07-31")
    assert answer.status_code == 303
    form = browser.get(answer.headers["Location"])
    there = html.unescape(re.search(r'name="next" value="([^"]*)"', form.text)[1])  # type: ignore[index]
    assert there == "/reports/agreements?as_of=2025-07-31"
    answer = browser.post("/sign-in", data={"login": "office", "password": PASSWORD, "next": there})
    assert (answer.status_code, answer.headers["Location"]) == (303, there)
    assert browser.get(there).status_code == 200


@pytest.mark.parametrize(
    "elsewhere", ["https://evil.example/", "//evil.example", "/\\evil.example", "reports", "/a\nb"]
)
def test_signing_in_leads_to_no_other_site(pages: Pages, elsewhere: str) -> None:
    answer = pages.browser().post("/sign-in", data={"login": "f01", "password": PASSWORD, "next": elsewhere})
    assert answer.headers["Location"] == "/reports/income"


def test_a_wrong_password_sets_no_cookie_and_says_nothing_more(pages: Pages) -> None:
    told = []
    for login in ("changle", "nobody-by-that-name"):
        answer = pages.browser().post("/sign-in", data={"login": login, "password": "wrong"})
        assert (answer.status_code, "Set-Cookie" in answer.headers) == (401, False)
        told.append(answer.text)
    assert told[0] == told[1]


def test_t54_no_script_and_no_other_site_gets_the_cookie(pages: Pages) -> None:
    answer = pages.browser().post("/sign-in", data={"login": "changle", "password": PASSWORD})
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Max-Age=43200" in cookie


@pytest.mark.parametrize("headers", [{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}])
@pytest.mark.parametrize("address", ["/sign-in", "/sign-out"])
def test_t54_a_form_of_another_site_is_refused(pages: Pages, headers: dict[str, str], address: str) -> None:
    browser = pages.browser("office")
    answer = browser.post(address, data={"login": "office", "password": PASSWORD}, headers=headers)
    assert (answer.status_code, "Set-Cookie" in answer.headers) == (403, False)
    assert browser.get("/reports").status_code == 200


def test_signing_out_ends_the_token_and_not_the_cookie_alone(pages: Pages) -> None:
    browser = pages.browser("office")
    cookie = browser.get_cookie("signed_in")
    assert cookie is not None
    assert browser.post("/sign-out").status_code == 303
    other = pages.browser()
    other.set_cookie("signed_in", cookie.value)
    assert other.get("/reports").status_code == 303


def test_a_household_is_told_that_the_page_is_not_for_it(pages: Pages) -> None:
    assert "没有权限" in pages.page("family", "/reports", 403)


def test_pages_of_figures_are_kept_by_nobody_on_the_way(pages: Pages) -> None:
    answer = pages.browser("office").get("/reports")
    assert answer.headers["Cache-Control"] == "no-store"


def test_all_nine_townships_stand_on_the_page_and_add_up(pages: Pages) -> None:
    page = pages.page("office", "/reports?year=2025&by=township")
    rows = rows_of(page)
    assert len(rows) == 9
    assert "其中帮扶户" not in heads_of(page)  # of a year that is open no row may tell of them
    for column in range(1, 12):
        assert sum(Decimal(row[column].replace(",", "")) for row in rows) == Decimal(
            total_of(page)[column].replace(",", "")
        )
    assert (rows[1][0], total_of(page)[0]) == ("常乐镇", "合计")


def test_of_a_closed_year_the_page_says_how_many_households_are_assisted(county: Flask, clock: WalkingClock) -> None:
    clock.put(AFTER_THE_YEAR)
    with transaction() as session:
        for month in range(1, 13):
            close_month(session, date(2025, month, 1), actor_id=None, now=clock.now())
        office = session.execute(text("SELECT id FROM parties WHERE kind = 'county'")).scalar_one()
    rollups_made(clock)
    person(county, (Role.OPERATOR, office), login="office")
    page = Pages(county).page("office", "/reports?year=2025&by=township")
    assert heads_of(page)[2] == "其中帮扶户"
    assert sum(int(row[2]) for row in rows_of(page)) == int(total_of(page)[2]) == 66


def test_by_month_a_row_is_called_by_its_month_alone(pages: Pages) -> None:
    page = pages.page("office", f"/reports/agreements?by=month&as_of={AFTER_THE_YEAR:%Y-%m-%d}")
    assert heads_of(page)[:2] == ["月份", "协议数"]


@pytest.mark.parametrize(
    "address",
    ["income.csv?from=2025-12&to=2025-01", "income.xlsx?year=2025&by=foo", "periodic.csv?on=abc", "income.pdf?x=1"],
)
def test_no_file_is_made_of_filters_that_make_no_sense(pages: Pages, address: str) -> None:
    assert pages.browser("office").get(f"/reports/{address}").status_code == 422


@pytest.mark.parametrize(("place", "name"), [(CHANGLE, "常乐镇"), ("140829101200", "常乐镇葛赵村")])
def test_a_file_of_a_place_is_called_by_its_name_and_says_whose_area_it_is(pages: Pages, place: str, name: str) -> None:
    answer = pages.browser("office").get(f"/reports/income.csv?year=2025&by=village&place={place}")
    assert quote(f"农户增收 按村 2025 年 {name}.csv") in answer.headers["Content-Disposition"]
    lines = answer.text.splitlines()
    assert f"区域,{name}" in lines
    assert ("其中帮扶户" in lines[1], "带动农户" in lines[1]) == (False, True)
    assert f"按村：{name} 2025 年" in pages.page("office", f"/reports?year=2025&by=village&place={place}")


def test_a_week_whose_base_begins_before_the_first_month_on_record_has_none(pages: Pages) -> None:
    def of(on: str) -> list[str]:
        lines = pages.browser("office").get(f"/reports/periodic.csv?every=week&on={on}").text.splitlines()
        head = next(n for n, line in enumerate(lines) if line.startswith("农户（按农户所在地）"))
        return lines[lines.index("", head) - 1].split(",")

    assert of("2025-12-31")[0] == of("2026-01-14")[0] == "合计"
    assert float(of("2025-12-31")[-2]) > 0
    assert (of("2025-12-31")[-1], of("2026-01-14")[-1]) == ("无基数", "-100.00")


def test_an_agreement_of_the_report_leads_to_its_page_for_who_has_it_on_his_desk(pages: Pages) -> None:
    address = f"/reports/agreements?as_of={AFTER_THE_YEAR:%Y-%m-%d}"
    code = rows_of(pages.page("f01", address))[0][0]
    link = f'<a href="/desk/agreements/{code}">{code}</a>'
    assert [link in pages.page(who, address) for who in ("f01", "office", "changle")] == [True, True, False]
    assert pages.browser("f01").get(f"/desk/agreements/{code}").status_code == 200


def test_a_page_without_filters_shows_the_latest_year_that_has_figures(pages: Pages) -> None:
    assert "按乡镇：2025 年" in pages.page("office", "/reports")


def test_a_township_manager_sees_his_township_and_no_other(pages: Pages) -> None:
    page = pages.page("changle", "/reports?year=2025")
    assert [row[0] for row in rows_of(page)] == ["常乐镇"]
    other = pages.page("changle", "/reports?year=2025&place=140829106&by=village")
    assert rows_of(other) == [["没有记录"]]


def test_one_walks_from_the_county_to_a_village_to_a_household_to_its_slips(pages: Pages) -> None:
    browser, address = pages.browser("office"), "/reports?year=2025"
    sums = []
    for _ in range(3):
        page = browser.get(address).text
        sums.append(total_of(page)[-3])
        links = re.findall(r'<tbody>.*?<a href="([^"]+)"', page, re.DOTALL)
        address = html.unescape(links[0])
    assert "农户-" in page
    first = rows_of(page)[0]
    why = re.search(r'href="(/reports/income/why[^"]+)">' + re.escape(first[-3]) + "<", page)
    assert why
    found = browser.get(html.unescape(why[1])).text
    assert sum(fen(row[-1]) for row in rows_of(found)) == fen(first[-3])
    assert fen(sums[0]) > fen(sums[1]) > fen(sums[2])


def test_every_figure_of_the_page_leads_to_rows_with_the_same_sum(pages: Pages) -> None:
    browser = pages.browser("office")
    page = browser.get(f"/reports?year=2025&place={CHANGLE}&by=village").text
    links = re.findall(r'<td class="n"><a href="(/reports/income/why[^"]+)">([^<]+)</a>', page)
    assert len(links) > 30
    for address, shown in links[:9]:
        found = browser.get(html.unescape(address)).text
        assert f"<b>{shown}</b>" in found, (address, shown)


def test_signed_and_kept_stand_apart_on_the_page(pages: Pages) -> None:
    page = pages.page("office", "/reports/agreements?as_of=2025-07-31")
    assert rows_of(page)[0] == [
        "A001", "运城市区连锁超市乙（示例）", "1", "9,700", "55,872.00", "2,238.462", "20", "20", "19", "1", "109.44",
        "0.85%", "2,219.462",
    ]  # fmt: skip
    assert "967,317.00" in page


def test_filters_that_make_no_sense_are_named_and_the_page_still_stands(pages: Pages) -> None:
    for address in ("/reports?year=1", "/reports?year=2025&by=%00", "/reports/agreements?as_of=x", "/reports?no=1"):
        assert "筛选条件有误" in pages.page("office", address)


def test_a_firm_sees_its_own_figures_and_nobody_elses_gain(pages: Pages) -> None:
    page = pages.page("f01", "/reports?year=2025&by=firm")
    assert [row[0] for row in rows_of(page)] == ["F01"]
    assert "只向县、乡镇提供" in page


@pytest.mark.parametrize(
    ("address", "most"), [("/reports?year=2025", 32), ("/reports/agreements", 8), ("/reports/income/why?year=2025", 7)]
)
def test_a_page_costs_a_bounded_number_of_statements(pages: Pages, address: str, most: int) -> None:
    browser = pages.browser("office")
    with statements() as seen:
        assert browser.get(address).status_code == 200
    assert len(seen) <= most, len(seen)


def test_every_figure_of_an_agreement_leads_to_what_it_is_made_of(pages: Pages) -> None:
    browser = pages.browser("office")
    page = browser.get("/reports/agreements?as_of=2025-07-31").text
    links = re.findall(r'<td class="n"><a href="(/reports/agreements/why[^"]+)">([^<]+)</a>', page)
    numbers = re.findall(r'<td class="n">', page.partition("</thead>")[2])
    assert len(links) == len(numbers) > 20
    accepted = [(address, value) for address, value in links if "figure=accepted_g" in address and value != "0"]
    for address, value in accepted:
        found = browser.get(html.unescape(address)).text
        assert f"合计 <b>{value}</b>" in found
        assert re.search(r"<td>\d{6}-\d{8}</td>", found)
    assert {value for _, value in accepted} == {"19"}
    (rate, value), *_ = [(address, value) for address, value in links if "figure=rate_bp" in address and value != "—"]
    said = browser.get(html.unescape(rate)).text
    assert f"得 <b>{value}</b>。验收与应交各自相加，相除即为该数字。" in said
    assert "相加即为该数字" not in said


def test_a_report_is_shown_sent_once_and_shown_as_it_was_sent(pages: Pages) -> None:
    browser = pages.browser("office")
    address = "/reports/periodic?every=month&on=2025-07-15"
    page = browser.get(address).text
    assert "月报 2025年7月" in page
    assert "未报送" in page
    sent = browser.post("/reports/sent", data={"every": "month", "on": "2025-07-15", "note": ""})
    assert (sent.status_code, sent.headers["Location"]) == (303, "/reports/sent/month-2025-07-01-140829-v1")
    frozen = browser.get(sent.headers["Location"]).text
    assert "第 1 版" in frozen
    assert rows_of(frozen, 2) == rows_of(page, 2)
    again = browser.post("/reports/sent", data={"every": "month", "on": "2025-07-15", "note": "再报"})
    assert (again.status_code, "数字没有变化" in again.text) == (409, True)
    assert pages.browser("changle").get("/reports/sent/month-2025-07-01-140829-v1").status_code == 404


def test_a_figure_of_a_report_leads_to_its_rows_and_their_sum_is_the_figure(pages: Pages) -> None:
    page = pages.page("office", "/reports/periodic?every=month&on=2025-07-15")
    links = re.findall(r'<a href="(/reports/periodic/why[^"]+)">([^<]+)</a>', page)
    cash = next((html.unescape(href), shown) for href, shown in links if "figure=cash_fen" in href)
    net = next((html.unescape(href), shown) for href, shown in links if "section=channels" in href and shown != "0.00")
    for href, shown in (cash, net):
        why = pages.page("office", href)
        assert f"<b>{shown}</b> 元" in why
        assert "下列各笔相加即为该数字" in why
    assert pages.browser("office").get("/reports/periodic/why?section=sessions&figure=cash_fen").status_code == 404


def test_each_section_of_a_report_has_figures_whose_pages_open_and_say_what_is_explained(pages: Pages) -> None:
    page = pages.page("office", "/reports/periodic?every=month&on=2025-07-15")
    links = [html.unescape(href) for href in re.findall(r'<a href="(/reports/periodic/why[^"]+)">', page)]
    by_section = {re.search(r"section=(\w+)", href)[1]: href for href in links if "key=" in href}  # type: ignore[index]
    assert {"channels", "townships", "firms", "products_by_weight", "households", "receivables"} <= set(by_section)
    for section, href in by_section.items():
        assert "下列各笔相加即为该数字" in pages.page("office", href), section
    owed = pages.page("office", by_section["receivables"])
    assert re.search(r"应收，\d{4}-\d\d-\d\d 的余额", owed)
    assert "运城市区连锁超市乙（示例）（" in owed
    assert re.search(r"合计 <b>[1-9][\d,]*\.\d\d</b> 元", owed)


def test_by_channel_only_what_a_channel_has_stands_in_page_and_file(pages: Pages) -> None:
    told = ["名称", "触达农户", "触达农户的销售（元）"]
    assert heads_of(pages.page("office", "/reports?year=2025&by=channel")) == told
    file = pages.browser("office").get("/reports/income.csv?year=2025&by=channel").text
    assert ",".join(told) in file.splitlines()


def test_by_channel_the_total_counts_the_households_that_its_rows_count(pages: Pages) -> None:
    page = pages.page("office", "/reports/income?by=channel&year=2025")
    reached = [int(row[1].replace(",", "")) for row in rows_of(page)]
    total = int(total_of(page)[1].replace(",", ""))
    assert max(reached) <= total <= sum(reached)
    assert not re.search(r"measure=cost", page)
    # The cards above are of all that was received, whatever the table is cut by.
    cards = [re.findall(r'<section class="cards">.*?</section>', one, re.DOTALL) for one in (
        page, pages.page("office", "/reports/income?by=township&year=2025"))]  # fmt: skip
    assert cards[0] == cards[1]


def test_what_an_address_does_not_explain_is_refused_and_no_other_figure_shown(pages: Pages) -> None:
    browser = pages.browser("office")
    for address in (
        "income/why?by=channel&year=2025&measure=cost", "agreements/why?figure=no", "periodic/why?every=month&on=x",
    ):  # fmt: skip
        answer = browser.get(f"/reports/{address}", headers={"Accept": "text/html"})
        assert (answer.status_code, "相加即为该数字" in answer.text) == (422, False)


def test_who_sees_nothing_of_a_row_is_not_told_its_name(pages: Pages) -> None:
    address = "/reports/agreements/why?as_of=2025-07-31&by=buyer&key=B05&figure=signed_g"
    assert "太原连锁超市戊" not in pages.page("f01", address)
    assert "（B05）" in pages.page("office", address)


def test_of_wrong_filters_those_that_make_sense_stay(pages: Pages) -> None:
    page = pages.page("office", f"/reports/income?by=firm&place={CHANGLE}&from=2025-12&to=2025-01")
    assert "筛选条件有误" in page
    assert "按企业：常乐镇 2025 年" in page
    assert f'name="place" value="{CHANGLE}"' in page
    assert "按企业：2025 年" in pages.page("office", "/reports/income?by=firm")


def test_who_is_refused_stays_signed_in(pages: Pages) -> None:
    browser = pages.browser("office")
    answer = browser.post("/reports/sent", data={"every": "day", "on": "2030-01-01", "note": ""})
    assert (answer.status_code, "退出" in answer.text) == (409, True)


def test_a_report_is_printed_and_one_that_was_sent_always_the_same(pages: Pages) -> None:
    browser = pages.browser("office")
    paper = browser.get("/reports/periodic.pdf?every=month&on=2025-07-15")
    assert (paper.status_code, paper.content_type, paper.data[:5]) == (200, "application/pdf", b"%PDF-")
    browser.post("/reports/sent", data={"every": "month", "on": "2025-07-15", "note": "印"})
    code = re.findall(r"/reports/sent/(month-2025-07-01-140829-v[0-9]+)", browser.get("/reports/periodic").text)[0]
    first, second = (browser.get(f"/reports/sent/{code}.pdf") for _ in range(2))
    assert first.data == second.data
    assert quote("月报 2025年7月 平陆县 第1版.pdf") in first.headers["Content-Disposition"]
    assert code.endswith("-v1")
    book = browser.get(f"/reports/sent/{code}.xlsx")
    assert book.data[:2] == b"PK"
    assert "确认人" in browser.get(f"/reports/sent/{code}.csv").text


@pytest.mark.parametrize("kind", ["xlsx", "csv"])
def test_the_file_beside_a_report_is_that_report(pages: Pages, kind: str) -> None:
    answer = pages.browser("office").get(f"/reports/periodic.{kind}?every=month&on=2025-07-15")
    assert answer.status_code == 200
    assert f".{kind}" in answer.headers["Content-Disposition"]
    cells = [cell for _, row in read_table(answer.data) for cell in row]
    assert "月报 2025年7月" in cells


@pytest.mark.parametrize(
    ("address", "column", "rows"),
    [
        ("/reports/income?year=2025&by=household", "现金合计（元）", 240),
        ("/reports/agreements?by=firm", "履约金额（元）", 12),
    ],
)
def test_the_file_beside_a_table_holds_all_its_rows_and_its_total(
    pages: Pages, address: str, column: str, rows: int
) -> None:
    page = pages.page("office", address)
    link = re.search(r'<a class="file" href="([^"]+)">Excel</a>', page)
    assert link
    head, *body, total = [
        cells for _, cells in read_table(pages.browser("office").get(html.unescape(link[1])).data) if len(cells) > 2
    ]
    place = head.index(column)
    amounts = [Decimal(row[place]) for row in body]
    assert (len(body), sum(amounts)) == (rows, Decimal(total[place]))
    assert total_of(page)[place] == f"{sum(amounts):,.2f}" != "0.00"


def test_the_file_of_income_holds_the_gain_and_whose_area_it_is(pages: Pages) -> None:
    answer = pages.browser("office").get("/reports/income.csv?year=2025")
    rows = [cells for _, cells in read_table(answer.data)]
    assert ["户均增收", "-16067.97"] in [cells[:2] for cells in rows]
    assert ["工资性收入", "492160.00"] in [cells[:2] for cells in rows]
    assert ["区域", "平陆县"] in [cells[:2] for cells in rows]
    part = pages.browser("office").get("/reports/income.csv?from=2025-01&to=2025-06").get_data(as_text=True)
    assert "无基数：上年只有全年基数，不与不满一年的期间比较" in part


def test_a_chart_stacks_what_is_net_and_sets_gross_sales_beside_it(pages: Pages) -> None:
    drawn = [
        json.loads(html.unescape(one))
        for one in re.findall(r'data-chart="([^"]+)"', pages.page("office", "/reports?year=2025"))
    ]
    assert len(drawn) == 2
    for chart in drawn:
        assert [one["name"] for one in chart["series"] if one["stacked"]] == [
            "工资性收入", "经营净收入", "财产性收入", "转移性收入",
        ]  # fmt: skip
        assert [one["name"] for one in chart["series"] if not one["stacked"]] == [
            "未核成本毛额（另列，不与净收入相加）"
        ]


def test_t54_a_report_is_sent_from_our_page_only(pages: Pages) -> None:
    answer = pages.browser("office").post(
        "/reports/sent", data={"every": "day", "on": "2025-07-14"}, headers={"Origin": "https://evil.example"}
    )
    assert answer.status_code == 403


@pytest.mark.parametrize("chromium", CHROMIUM[:1])
def test_an_agreement_fits_a_phone_and_a_sheet_of_paper(pages: Pages, chromium: str) -> None:
    sheet = round((210 - 2 * 12) / 25.4 * 96)  # A4 between its margins, in CSS pixels
    with served(pages.app, pages.token("office")) as home, phone(chromium) as screen:
        screen.open(f"{home}/desk/agreements/A001")
        assert screen.run("document.documentElement.scrollWidth") == WIDTH
        screen.ask("Emulation.setEmulatedMedia", media="print")
        screen.ask("Emulation.setDeviceMetricsOverride", width=sheet, height=1_000, deviceScaleFactor=1, mobile=False)
        assert screen.run("document.documentElement.scrollWidth") == sheet
        widest = screen.run("Math.max(...[...document.querySelectorAll('table')].map(t => t.scrollWidth))")
        assert widest <= sheet
        assert screen.run("Math.min(...[...document.querySelectorAll('td.words')].map(t => t.clientWidth))") >= 80


@pytest.mark.parametrize("chromium", CHROMIUM[:1])
@pytest.mark.parametrize(
    ("address", "charts"), [("/reports?year=2025", 2), ("/reports/agreements?as_of=2025-12-31", 2)]
)
def test_a_real_browser_draws_every_chart(
    pages: Pages, chromium: str, address: str, charts: int, tmp_path: Path
) -> None:
    with served(pages.app, pages.token("office")) as home:
        drawn = subprocess.run(
            [chromium, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}",
             "--window-size=1600,1400", "--virtual-time-budget=4000", "--dump-dom", home + address],
            capture_output=True, text=True, timeout=90, check=True,
        )  # fmt: skip
    assert len(re.findall(r'data-drawn="[1-9]"', drawn.stdout)) == charts
    assert drawn.stdout.count("<canvas") == charts
