"""Managers' pages on paper: the tables, few sheets, heads on every one, no row in two."""

import base64
import re

import pytest

from tests.web.browser import Phone, phone
from tests.web.conftest import CHROMIUM, Pages, served

#: A4 across between its margins, in CSS pixels.
WIDE = round((297 - 2 * 9) / 25.4 * 96)
SAID = """
(() => {
  const style = (selector, name) => [...new Set([...document.querySelectorAll(selector)].map((e) => getComputedStyle(e)[name]))];
  return {
    charts: style(".charts", "display"), heads: style("thead", "display"), rows: style("tr", "breakInside"),
    wide: Math.max(...[...document.querySelectorAll(".table table")].map((t) => t.scrollWidth)),
    shown: [...document.querySelectorAll("header, nav, form label, form button, .file")].filter((e) => e.checkVisibility()).length,
  };
})()
"""  # noqa: E501


def sheets(screen: Phone) -> int:
    """Sheets of paper that the page takes."""
    printed = screen.ask("Page.printToPDF", preferCSSPageSize=True)["data"]
    return len(re.findall(rb"/Type /Page\b(?!s)", base64.b64decode(printed)))


@pytest.mark.parametrize("chromium", CHROMIUM)
def test_the_pages_print_their_tables_on_few_sheets(pages: Pages, chromium: str) -> None:
    with served(pages.app, pages.token("office")) as home, phone(chromium) as screen:
        for address, most in (
            ("/reports/agreements?as_of=2025-12-31", 2), ("/reports?year=2025", 1),
            ("/reports/income/why?year=2025&limit=50", 2),
        ):  # fmt: skip
            screen.open(home + address)
            assert 1 <= sheets(screen) <= most, address
            screen.ask("Emulation.setEmulatedMedia", media="print")
            screen.ask("Emulation.setDeviceMetricsOverride", width=WIDE, height=800, deviceScaleFactor=1, mobile=False)
            said = screen.run(SAID)
            assert said["heads"] == ["table-header-group"], address
            assert said["rows"] == ["avoid"], address
            assert said["charts"] in ([], ["none"]), address
            assert said["wide"] <= WIDE, address
            assert said["shown"] == 0, address
            screen.ask("Emulation.setEmulatedMedia", media="")
            assert screen.run(SAID)["shown"] > 0, address
