"""Pages for everybody: names of tables and fields, a way past the menu, languages, focus that is seen, contrast."""

import json
import re
from decimal import Decimal
from html.parser import HTMLParser

import pytest

from tests.web.browser import Phone, phone
from tests.web.conftest import CHROMIUM, Pages, served

STAFF = [
    "/reports?year=2025", "/reports/income?year=2025&by=household", "/reports/agreements?as_of=2025-12-31",
    "/reports/periodic?every=month&on=2025-07-15", "/reports/campaigns", "/reports/collectives?year=2025",
    "/reports/jobs", "/reports/income/why?year=2025", "/reports/agreements/why?as_of=2025-07-31&figure=due_g",
    "/reports/periodic/why?every=month&on=2025-07-15&section=channels&figure=net_fen", "/desk/agreements",
    "/desk/agreements/A001", "/desk/quotes", "/desk/agreements/none",
]  # fmt: skip
OPEN = ["/", "/sign-in", "/shop", "/o"]
#: Tags without an end.
ALONE = {"meta", "link", "input", "br", "img", "hr"}


class Checked(HTMLParser):
    """What of a page somebody who does not see it, or uses no mouse, would miss."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.missing: list[str] = []
        self.lang = ""
        self.tables = self.fields = 0
        self._open: list[tuple[str, dict[str, str | None]]] = []
        self.first_link: str | None = None
        self.ids: set[str] = set()
        self.headings = 0
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        of = dict(attrs)
        above = [name for name, _ in self._open]
        if self._open and self._open[-1][0] == "table" and not self._open[-1][1].get("named"):
            if tag != "caption":
                self.missing.append(f"a caption at {self.getpos()}")
            self._open[-1][1]["named"] = "yes"
        self.ids.add(of.get("id") or "")
        match tag:
            case "html":
                self.lang = of.get("lang") or ""
            case "table":
                self.tables += 1
            case "th" if of.get("scope") not in ("col", "row"):
                self.missing.append(f"a scope at {self.getpos()}")
            case "h1":
                self.headings += 1
            case "input" | "select" | "textarea" if of.get("type") != "hidden":
                self.fields += 1
                if "label" not in above and not of.get("aria-label"):
                    self.missing.append(f"a label of {of.get('name')}")
            case "img" if "alt" not in of:
                self.missing.append(f"words for a picture at {self.getpos()}")
            case "nav" if not of.get("aria-label"):
                self.missing.append(f"a name of the menu at {self.getpos()}")
            case "a" if self.first_link is None:
                self.first_link = of.get("href")
        if of.get("role") in ("img", "region") and not of.get("aria-label"):
            self.missing.append(f"a name at {self.getpos()}")
        if tag not in ALONE:
            self._open.append((tag, of))

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        tag, of = self._open[-1] if self._open else ("", {})
        if tag == "small" and re.fullmatch(r"[A-Z][A-Za-z ]{3,}", data.strip()) and of.get("lang") != "en":
            self.missing.append(f"the language of {data}")


@pytest.mark.parametrize("address", [*STAFF, *OPEN])
def test_a_page_names_its_tables_fields_and_pictures(pages: Pages, address: str) -> None:
    found = Checked(pages.browser("office").get(address).get_data(as_text=True))
    if address in STAFF:
        assert found.missing == []
        assert (found.first_link, "main" in found.ids) == ("#main", True)
    assert [what for what in found.missing if not what.startswith("a name of the menu")] == []
    assert (found.lang, found.headings) == ("zh-CN", 1)


def test_the_check_finds_what_is_missing() -> None:
    bare = (
        "<html><nav></nav><table><thead><tr><th>x</th></tr></thead></table><input name=q><img src=x><small>Jobs</small>"
    )
    found = Checked(bare)
    assert [what.split(" at ")[0] for what in found.missing] == [
        "a name of the menu", "a caption", "a scope", "a label of q", "words for a picture", "the language of Jobs",
    ]  # fmt: skip
    assert (found.lang, found.headings, found.first_link) == ("", 0, None)


def test_a_chart_has_its_numbers_in_a_table(pages: Pages) -> None:
    page = pages.page("office", "/reports?year=2025")
    charts = re.findall(r"<figure>.*?</figure>", page, re.DOTALL)
    assert len(charts) == 2
    for chart in charts:
        drawn = json.loads(re.search(r'data-chart="([^"]+)"', chart)[1].replace("&#34;", '"'))  # type: ignore[index]
        rows = re.findall(r'<tr><th scope="row">(.*?)</th>(.*?)</tr>', chart)
        assert [label for label, _ in rows] == drawn["labels"]
        for place, (_, cells) in enumerate(rows):
            told = [Decimal(one.replace(",", "")) for one in re.findall(r'<td class="n">([^<]+)</td>', cells)]
            exact = [Decimal(one["values"][place]) / drawn["scale"] for one in drawn["series"]]
            assert told == [value.quantize(Decimal("0.01")) for value in exact]


#: Text whose colour stands out too little from what lies behind it: 4.5 to 1, or 3 to 1 where it is large (WCAG 1.4.3).
FAINT = """
(() => {
  const rgb = (text) => { const [r, g, b, a = 1] = text.match(/[\\d.]+/g).map(Number); return {r, g, b, a}; };
  const light = ({r, g, b}) => { const [x, y, z] = [r, g, b].map((v) => v / 255)
    .map((v) => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * x + 0.7152 * y + 0.0722 * z; };
  const over = (top, below) => ({ r: top.r * top.a + below.r * (1 - top.a), g: top.g * top.a + below.g * (1 - top.a),
    b: top.b * top.a + below.b * (1 - top.a), a: 1 });
  const behind = (element) => {
    for (let one = element, tops = []; ; one = one.parentElement) {
      if (!one) return tops.reduceRight((below, top) => over(top, below), {r: 255, g: 255, b: 255, a: 1});
      const style = getComputedStyle(one);
      if (style.backgroundImage !== "none") return null;
      const colour = rgb(style.backgroundColor);
      if (colour.a === 1) return tops.reduceRight((below, top) => over(top, below), colour);
      if (colour.a > 0) tops.push(colour);
    }
  };
  const found = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const element = walk.currentNode.parentElement, said = walk.currentNode.data.trim();
    if (!said || !element.checkVisibility() || ["SCRIPT", "STYLE"].includes(element.tagName)) continue;
    const ground = behind(element);
    if (!ground) continue;
    const style = getComputedStyle(element), size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    const [high, low] = [light(over(rgb(style.color), ground)), light(ground)].sort((x, y) => y - x);
    const ratio = (high + 0.05) / (low + 0.05);
    if (ratio < (large ? 3 : 4.5)) found.push(`${said.slice(0, 20)} ${ratio.toFixed(2)}`);
  }
  return found;
})()
"""


def tab(screen: Phone) -> None:
    for kind in ("rawKeyDown", "keyUp"):
        screen.ask("Input.dispatchKeyEvent", type=kind, key="Tab", code="Tab", windowsVirtualKeyCode=9)


@pytest.mark.parametrize("chromium", CHROMIUM)
def test_text_stands_out_and_the_focus_is_seen(pages: Pages, chromium: str) -> None:
    with served(pages.app, pages.token("office")) as home, phone(chromium) as screen:
        screen.ask("Emulation.setDeviceMetricsOverride", width=1440, height=900, deviceScaleFactor=1, mobile=False)
        for address in [*STAFF, "/", "/shop"]:
            screen.open(home + address)
            assert screen.run(FAINT) == [], address
        screen.run("document.body.style.color = '#bbb'; document.body.style.background = '#fff'")
        assert screen.run(FAINT)  # the measure measures
        for address in STAFF:
            screen.open(home + address)
            tab(screen)
            seen = "(e => [e.textContent, e.getBoundingClientRect().left >= 0, getComputedStyle(e).outlineStyle])"
            assert screen.run(f"{seen}(document.activeElement)") == ["跳到正文", True, "solid"], address
            tab(screen)
            assert screen.run(f"{seen}(document.activeElement)")[1:] == [True, "solid"], address
