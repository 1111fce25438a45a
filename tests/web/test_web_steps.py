"""The links to the periods before and after: where they lead, what they keep, and that none leads into the future."""

import html
import re
from datetime import date
from typing import Any

import pytest

from shop.reports.income_report import Months
from shop.reports.periods import Every
from shop.web.steps import Step, month_ends_beside, months_beside, periods_beside, years_beside
from tests.web.conftest import Pages

TODAY = date(2026, 3, 1)


def asked(steps: list[Step]) -> dict[str, str]:
    return {step.rel: step.name for step in steps}


def kept(query: dict[str, Any]) -> str:
    return repr(query)


@pytest.mark.parametrize(
    ("every", "on", "said"),
    [
        (Every.DAY, date(2026, 3, 1), {"prev": "日报 2026-02-28"}),
        (Every.DAY, date(2026, 2, 28), {"prev": "日报 2026-02-27", "next": "日报 2026-03-01"}),
        (Every.TEN_DAYS, date(2025, 3, 5), {"prev": "旬报 2025年2月下旬", "next": "旬报 2025年3月中旬"}),
        (Every.TEN_DAYS, date(2025, 2, 28), {"prev": "旬报 2025年2月中旬", "next": "旬报 2025年3月上旬"}),
        (Every.WEEK, date(2026, 1, 1),
         {"prev": "周报 2025-12-22 至 2025-12-28", "next": "周报 2026-01-05 至 2026-01-11"}),
        (Every.MONTH, date(2025, 12, 31), {"prev": "月报 2025年11月", "next": "月报 2026年1月"}),
        (Every.MONTH, date(2026, 3, 1), {"prev": "月报 2026年2月"}),
        (Every.MONTH, date(2000, 1, 1), {"next": "月报 2000年2月"}),
    ],
)  # fmt: skip
def test_a_periodic_report_leads_to_those_beside_it(every: Every, on: date, said: dict[str, str]) -> None:
    assert asked(periods_beside({"every": every, "on": on}, every, on, TODAY, kept)) == said


@pytest.mark.parametrize("every", Every)
def test_going_on_and_back_leads_to_the_same_report(every: Every) -> None:
    def on_of(day: date, rel: str) -> date:
        steps = periods_beside({}, every, day, TODAY, lambda query: str(query["on"]))
        return date.fromisoformat(next(step.href for step in steps if step.rel == rel))

    day = date(2025, 1, 15)
    for _ in range(40):
        day = on_of(day, "prev")
    for _ in range(40):
        day = on_of(day, "next")
    assert asked(periods_beside({}, every, day, TODAY, kept)) == asked(
        periods_beside({}, every, date(2025, 1, 15), TODAY, kept)
    )


@pytest.mark.parametrize(
    ("first", "last", "said"),
    [
        (date(2025, 1, 1), date(2025, 12, 1), {"prev": "2024 年", "next": "2026 年"}),
        (date(2025, 1, 1), date(2025, 1, 1), {"prev": "2024-12", "next": "2025-02"}),
        (date(2025, 11, 1), date(2026, 1, 1), {"prev": "2025-08 至 2025-10", "next": "2026-02 至 2026-04"}),
        (date(2026, 3, 1), date(2026, 3, 1), {"prev": "2026-02"}),
        (date(2000, 1, 1), date(2000, 12, 1), {"next": "2001 年"}),
    ],
)
def test_months_lead_to_as_many_before_and_after(first: date, last: date, said: dict[str, str]) -> None:
    assert asked(months_beside({"year": None}, Months(first, last), TODAY, kept)) == said


@pytest.mark.parametrize(
    ("day", "said"),
    [
        (date(2025, 7, 31), {"prev": "截至 2025-06-30", "next": "截至 2025-08-31"}),
        (date(2025, 7, 15), {"prev": "截至 2025-06-30", "next": "截至 2025-07-31"}),
        (date(2026, 2, 28), {"prev": "截至 2026-01-31", "next": "截至 2026-03-01"}),
        (date(2026, 3, 1), {"prev": "截至 2026-02-28"}),
    ],
)
def test_agreements_lead_to_ends_of_months_and_not_beyond_today(day: date, said: dict[str, str]) -> None:
    assert asked(month_ends_beside({}, day, TODAY, kept)) == said


def test_years_lead_to_years() -> None:
    assert asked(years_beside({}, 2025, TODAY, kept)) == {"prev": "2024 年", "next": "2026 年"}
    assert asked(years_beside({}, 2026, TODAY, kept)) == {"prev": "2025 年"}


@pytest.mark.parametrize(
    ("address", "before"),
    [
        ("/reports/income?by=firm&place=140829101&from=2025-06&to=2025-07",
         "/reports/income?by=firm&from=2025-04&to=2025-05&place=140829101"),
        ("/reports/income?by=household&year=2025&after=x", "/reports/income?by=household&year=2024"),
        ("/reports/agreements?by=buyer&as_of=2025-07-31", "/reports/agreements?by=buyer&as_of=2025-06-30"),
        ("/reports/periodic?every=week&on=2025-07-15", "/reports/periodic?every=week&on=2025-07-13"),
        ("/reports/collectives?year=2025", "/reports/collectives?year=2024"),
    ],
)  # fmt: skip
def test_all_other_filters_stay_and_the_page_before_leads_back(pages: Pages, address: str, before: str) -> None:
    page = pages.page("office", address)
    found = re.search(r'<a rel="prev" href="([^"]+)">', page)
    assert found
    assert sorted_filters(html.unescape(found[1])) == sorted_filters(before)
    assert re.search(r'<a rel="next" href="([^"]+)">', pages.page("office", before))


def sorted_filters(address: str) -> tuple[str, list[str]]:
    path, _, filters = address.partition("?")
    return path, sorted(filters.split("&"))
