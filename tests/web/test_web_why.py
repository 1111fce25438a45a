"""The pages behind a figure: names beside codes, pages both ways, and the file of all rows."""

import html
import re
from decimal import Decimal

import pytest
from flask.testing import FlaskClient

from shop.web import why
from tests.factories.statements import statements
from tests.web.browser import phone
from tests.web.conftest import CHROMIUM, Pages, served, sheet_of
from tests.web.test_web_dashboard import heads_of, rows_of

JULY = "periodic/why?every=month&on=2025-07-15"
#: A figure of each kind of rows: where they come from in one query, two, none, oldest first.
FIGURES = [
    "income/why?year=2025&by=township&measure=cash", "income/why?year=2025&measure=net_business",
    "income/why?year=2025&measure=gain", "income/why?year=2025&measure=sales_reached",
    "agreements/why?as_of=2025-07-31&figure=due_g", f"{JULY}&section=summary&figure=cash_fen",
    f"{JULY}&section=summary&figure=households",
]  # fmt: skip

#: Lists, of which every reader has several rows.
LISTS = [
    *(f"income?year=2025&by={by}" for by in ("household", "product", "month", "channel")),
    "agreements?as_of=2025-12-31&by=month",
]
TURNS = ("上一页", "下一页")


def turned(page: str, word: str) -> str | None:
    """Where the link of a page to the one before or after it leads."""
    found = re.search(rf'<a href="([^"]+)"[^>]*>{word}</a>', page)
    return html.unescape(found[1]) if found else None


def text_of(client: FlaskClient, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200, answer.text
    return answer.text


@pytest.mark.parametrize("figure", FIGURES)
def test_one_pages_forth_and_back_over_the_same_rows(pages: Pages, figure: str) -> None:
    paged_both_ways(pages.browser("office"), figure)


@pytest.mark.parametrize("listed", LISTS)
@pytest.mark.parametrize("reader", ["office", "changle", "f01"])
def test_lists_of_income_and_agreements_are_paged_forth_and_back(pages: Pages, reader: str, listed: str) -> None:
    paged_both_ways(pages.browser(reader), listed)


def test_a_list_is_paged_back_from_a_key_that_is_none_of_its_rows(pages: Pages) -> None:
    client = pages.browser("office")
    page = text_of(client, "/reports/income?year=2025&by=product&limit=2&after=PL0020")
    keys = [found[1] for found in (re.search(r"after=([^&]+)", turned(page, word) or "") for word in TURNS) if found]
    assert keys == ["-", "PL004"]
    assert [row[0] for row in listed_in(text_of(client, turned(page, "上一页") or ""))] == ["PL001", "PL002"]


def listed_in(page: str) -> list[list[str]]:
    """The rows of the table that is paged: that of the figures, not that of the gain."""
    heads = [heads_of(page, table) for table in range(page.count("<thead>"))]
    return rows_of(page, next((place for place, head in enumerate(heads) if "名称" in head), 0))


def paged_both_ways(client: FlaskClient, address: str) -> None:
    """The pages of a table are its rows, forth and back."""
    whole = listed_in(text_of(client, f"/reports/{address}&limit=100"))
    size = max(1, len(whole) // 4)
    forth, link = [], f"/reports/{address}&limit={size}"
    for _ in range(4):
        page = text_of(client, link)
        forth.append(listed_in(page))
        link = turned(page, "下一页") or ""
        if not link:
            break
    assert len(forth) > 2
    assert [row for rows in forth for row in rows] == whole[: sum(map(len, forth))]
    back = [listed_in(page)]
    while link := turned(page, "上一页") or "":
        page = text_of(client, link)
        back.append(listed_in(page))
    assert back == forth[::-1]


def test_a_first_page_has_none_before_it_and_a_last_one_none_after(pages: Pages) -> None:
    page = pages.page("office", "/reports/agreements/why?as_of=2025-07-31&figure=accepted_g")
    assert (turned(page, "上一页"), turned(page, "下一页")) == (None, None)


def test_firm_and_product_are_called_by_name_and_code_and_a_household_by_code_and_village(pages: Pages) -> None:
    page = pages.page("office", "/reports/income/why?year=2025&by=firm&key=F01&kind=sale")
    row = dict(zip(heads_of(page), rows_of(page)[0], strict=True))
    assert re.fullmatch(r".+（F01）", row["企业"])
    assert re.fullmatch(r".+（PL\d+）", row["商品"])
    assert re.fullmatch(r"农户-\d{4}", row["农户"])
    assert re.fullmatch(r".+[镇乡].+", row["村"])


def test_a_buyer_is_called_by_name_and_code(pages: Pages) -> None:
    page = pages.page("office", "/reports/agreements/why?as_of=2025-07-31&figure=accepted_g")
    assert re.fullmatch(r".+（B\d+）", dict(zip(heads_of(page), rows_of(page)[0], strict=True))["采购方"])


def test_names_cost_one_statement_however_many_rows_there_are(pages: Pages) -> None:
    client, spent = pages.browser("office"), []
    for limit in (1, 100):
        with statements() as seen:
            text_of(client, f"/reports/income/why?year=2025&limit={limit}")
        spent.append(len(seen))
    assert spent[0] == spent[1]


@pytest.mark.parametrize("kind", ["xlsx", "csv"])
@pytest.mark.parametrize("figure", FIGURES)
def test_the_file_holds_all_rows_of_the_figure_and_says_what_they_are(pages: Pages, figure: str, kind: str) -> None:
    client = pages.browser("office")
    page = text_of(client, f"/reports/{figure}&limit=1")
    address = next(href for href in re.findall(r'class="file" href="([^"]+)"', page) if f"/why.{kind}?" in href)
    answer = client.get(html.unescape(address))
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")
    head, *rows = sheet_of(answer.data, "明细")
    end = next(place for place, row in enumerate(rows) if row[0] == "合计")
    count = int(re.search(r"共 <b>([\d,]+)</b> 笔", page)[1].replace(",", ""))  # type: ignore[index]
    assert end == count
    counted = re.search(r"合计 <b>([\d.,-]+)</b>", page)
    assert counted
    assert Decimal(rows[end][-1]) == Decimal(counted[1].replace(",", ""))
    assert sum(Decimal(row[-1]) for row in rows[:end]) == Decimal(rows[end][-1])
    assert "农户" in head or "协议" in head


def test_a_file_of_csv_says_whose_area_it_is_and_until_when(pages: Pages) -> None:
    told = pages.browser("changle").get("/reports/income/why.csv?year=2025&by=township&key=140829101").text
    assert "区域,常乐镇" in told
    assert re.search(r"截止时间,2026-03-01 \d\d:\d\d（北京时间）", told)
    assert "所属,常乐镇（140829101）" in told


def test_a_kind_stays_a_filter_of_the_file(pages: Pages) -> None:
    page = pages.page("office", "/reports/income/why?year=2025&kind=wage")
    address = next(href for href in re.findall(r'class="file" href="([^"]+)"', page) if "/why.csv?" in href)
    told = pages.browser("office").get(html.unescape(address)).text
    assert "工资" in told
    assert "交售" not in told


def test_more_rows_than_a_file_holds_are_refused_and_said(pages: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(why, "MOST_ROWS", 3)
    told = pages.page("office", "/reports/income/why.csv?year=2025", 422)
    assert "超过一个文件的 3 行" in told


def test_a_file_of_another_township_has_no_rows(pages: Pages) -> None:
    told = pages.browser("changle").get("/reports/income/why.csv?year=2025&by=township&key=140829100").text
    assert "行数,0 笔" in told
    assert "农户-" not in told


#: Cells of words that take more than four lines.
NARROW = """
[...document.querySelectorAll("td")].filter((cell) => {
  const text = document.createRange();
  text.selectNodeContents(cell);
  return new Set([...text.getClientRects()].map((line) => Math.round(line.top))).size > 4;
}).map((cell) => cell.innerText)
"""


@pytest.mark.parametrize("chromium", CHROMIUM)
def test_names_have_room_on_a_phone_and_whose_row_it_is_stays_in_view(pages: Pages, chromium: str) -> None:
    with served(pages.app, pages.token("office")) as home, phone(chromium) as screen:
        for address in ("/reports/periodic/why?every=month&on=2025-07-15&section=summary&figure=net_fen",
                        "/reports/income/why?year=2025", "/desk/agreements"):  # fmt: skip
            screen.open(home + address)
            assert screen.run("document.querySelectorAll('td').length") > 5, address
            assert screen.run(NARROW) == [], address
        screen.open(f"{home}/reports/periodic?every=month&on=2025-07-15")
        screen.run("document.querySelectorAll('.table > div')[1].scrollTo(400, 0)")
        first = "document.querySelectorAll('.table > div')[1].querySelector('tbody td')"
        assert screen.run(f"{first}.getBoundingClientRect().left") >= 0
        assert screen.run("document.querySelectorAll('.table > div')[1].scrollLeft") == 400


#: Heads of numbers of which a line is one character alone.
TORN = """
[...document.querySelectorAll("thead th.n")].filter((head) => {
  const lines = [], text = document.createRange();
  for (const node of head.childNodes) for (let at = 0; at < (node.length || 0); at += 1) {
    text.setStart(node, at); text.setEnd(node, at + 1);
    const top = Math.round(text.getBoundingClientRect().top);
    if (!lines.length || lines.at(-1).top !== top) lines.push({top, said: ""});
    lines.at(-1).said += node.data[at];
  }
  return lines.length > 1 && lines.some((line) => line.said.length === 1);
}).map((head) => head.innerText)
"""


@pytest.mark.parametrize("chromium", CHROMIUM)
@pytest.mark.parametrize("width", [360, 1440])
def test_no_head_of_a_column_is_torn_after_one_character(pages: Pages, chromium: str, width: int) -> None:
    with served(pages.app, pages.token("office")) as home, phone(chromium) as screen:
        for address in ("/reports/periodic?every=month&on=2025-07-15", "/reports?year=2025"):
            screen.open(home + address)
            screen.ask("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
            assert screen.run("document.querySelectorAll('th.n').length") > 10, address
            assert screen.run(TORN) == [], address
