"""The pages in a real Chromium on a phone of 360 x 740: they fit, they are light, a finger can hit what it means."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.factories.photos import photo
from tests.web.browser import WIDTH, Phone, installed, phone
from tests.web.conftest import Store

#: The least height of what is tapped, in CSS pixels.
FINGER = 44


@pytest.fixture(scope="module")
def screen() -> Iterator[Phone]:
    program = installed()
    assert program is not None
    with phone(program) as found:
        yield found


def too_small(screen: Phone) -> list[str]:
    """Links and fields that are visible and lower than a finger."""
    found: list[str] = screen.run(
        "[...document.querySelectorAll('a, button, summary, input:not([type=hidden]), textarea')]"
        ".filter(e => e.checkVisibility() && (e.closest('label') || e)"
        f".getBoundingClientRect().height < {FINGER}).map(e => e.outerHTML.slice(0, 80))"
    )
    return found


@pytest.mark.parametrize(
    "path", ["/shop", "/p/PL001", "/p/PL005", "/p/PL999", "/p/PL001/order?quantity=2", "/o", "/live/LIVE-1"]
)
def test_a_page_fits_a_phone_is_light_and_easy_to_tap(screen: Phone, site: str, path: str) -> None:
    screen.open(site + path)
    assert screen.run("document.documentElement.scrollWidth") == WIDTH
    assert sum(screen.loaded.values()) < 100_000
    assert {address.removeprefix(site) for address in screen.loaded} == {path, "/static/shop.css"}
    assert too_small(screen) == []


def test_a_finger_goes_from_the_shelf_to_a_product_and_back(screen: Phone, site: str) -> None:
    screen.open(f"{site}/shop")
    screen.tap(".cards a")
    assert screen.run("location.pathname") == "/p/PL001"
    assert "¥39.80/箱" in screen.text(".lead")
    screen.tap(".home")
    assert screen.run("location.pathname") == "/shop"


def test_what_cannot_be_had_now_is_folded_away_until_it_is_asked_for(screen: Phone, site: str) -> None:
    screen.open(f"{site}/shop")
    hidden = "document.querySelector('details .cards').checkVisibility()"
    assert screen.run(hidden) is False
    screen.tap("summary", leads=False)
    assert screen.run(hidden) is True


def test_a_guest_orders_with_a_finger_pays_receives_and_claims(
    screen: Phone, site: str, store: Store, tmp_path: Path
) -> None:
    screen.open(f"{site}/p/PL001")
    screen.type(".bar input", "2")
    screen.tap(".bar button")
    for field, words in (
        ("name", "张三（示例）"),
        ("phone", "12345"),
        ("address", "山西省运城市平陆县某街 1 号（示例）"),
    ):
        screen.type(f"[name={field}]", words)
    screen.tap("form .button")
    assert "请填写有效的手机号" in screen.text()
    screen.type("[name=phone]", "138 0000 0000")
    screen.tap("form .button")
    assert "应付\n¥79.60" in screen.text()
    assert screen.run("document.documentElement.scrollWidth") == WIDTH
    assert too_small(screen) == []
    screen.tap("form .button", leads=False)
    assert screen.run("document.querySelector('.agree input').validity.valueMissing") is True
    screen.tap(".agree", leads=False)
    screen.tap("form .button")
    assert screen.run("location.pathname").startswith("/simulated-pay/")
    screen.tap(".pay button")
    store.work()
    screen.tap(".back")
    assert "已付款，等待发货" in screen.text()
    assert too_small(screen) == []
    number = screen.run("location.pathname").rpartition("/")[2]
    store.dispatch(number)
    screen.open(f"{site}/o/{number}")
    screen.tap("form[action$=receipt] .button")
    screen.tap("a[href$=claim]")
    assert screen.run("document.documentElement.scrollWidth") == WIDTH
    assert too_small(screen) == []
    screen.tap("[value=crushed]", leads=False)
    screen.type("[name=amount]", "1")
    picture = tmp_path / "IMG_0001.jpg"
    picture.write_bytes(photo(where=True))
    screen.choose("[name=photo]", picture)
    screen.tap("form .button")
    assert "质量赔付 · 等待商家答复" in screen.text()
    assert "大桐蜜桃，压伤破损\n0.5 kg" in screen.text()
    assert too_small(screen) == []
