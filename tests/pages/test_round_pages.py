"""The pages of a buying round: what a colleague with a phone sees and does, without an account or a script."""

import re
from html.parser import HTMLParser

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, text
from werkzeug.test import TestResponse

from shop.kit.clock import WalkingClock, at_beijing
from shop.kit.db import db, release, transaction
from shop.rounds.models import EntryLine, RoundEntry
from tests.factories.world import TODAY, build

LINK = "/r/jn2"
MINE = f"{LINK}/mine"
FORM = {"name_zh": "李同事（示例）", "phone": "13900000000", "staff_number": "", "packs-PL001": "2"}


class Page(HTMLParser):
    """Inputs by name, addresses that are loaded, and the words."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.inputs: dict[str, str] = {}
        self.loads: list[str] = []
        self.words = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "input":
            self.inputs[given.get("name") or ""] = given.get("value") or ""
        if tag in ("script", "img", "iframe"):
            self.loads.append(given.get("src") or tag)
        if tag == "link" and given.get("href") != "data:,":  # an empty icon is not loaded from anywhere
            self.loads.append(given.get("href") or "")

    def handle_data(self, data: str) -> None:
        self.words += data


@pytest.fixture
def hand(committed: Flask) -> FlaskClient:
    build(committed)
    return browser(committed)


def browser(app: Flask) -> FlaskClient:
    """A client that names the page its forms come from, as browsers do."""
    client = app.test_client()
    client.environ_base["HTTP_ORIGIN"] = "http://localhost"
    return client


def page(answer: TestResponse, status: int = 200) -> Page:
    assert answer.status_code == status, answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    return Page(answer.text)


def packs() -> list[int]:
    found = list(db.session.scalars(select(EntryLine.quantity).order_by(EntryLine.entry_id)))
    release()
    return found


def joined(hand: FlaskClient, **form: str) -> TestResponse:
    secret = page(hand.get(LINK)).inputs["secret"]
    return hand.post(LINK, data=FORM | {"secret": secret} | form)


def test_the_page_shows_price_bounds_and_closing_time_and_loads_nothing_from_elsewhere(hand: FlaskClient) -> None:
    answer = hand.get(LINK)
    seen = page(answer)
    for words in ("团购1（示例）", "7月20日（周日）18:00", "已有 1 人报名", "¥29.01", "¥5.80/斤", "1–5 箱", "自愿参加"):
        assert words in seen.words
    assert "同事1" not in answer.text
    assert [load for load in seen.loads if not load.startswith("/static/")] == []
    with hand.get("/static/shop.css") as css:
        assert len(answer.data) + len(css.data) < 100_000


def test_a_colleague_joins_changes_and_withdraws_on_his_phone(hand: FlaskClient) -> None:
    answer = joined(hand)
    assert (answer.status_code, answer.headers["Location"]) == (303, MINE)
    cookie = answer.headers["Set-Cookie"]
    assert all(part in cookie for part in ("HttpOnly", f"Path={LINK}", "SameSite=Lax"))
    mine = page(hand.get(MINE))
    assert "苹果1（示例） × 2 箱" in mine.words
    assert "139****0000" in mine.words
    assert "13900000000" not in mine.words
    assert re.search(r"修改码 ?[2-9a-z]{4}-", mine.words)
    assert hand.post(MINE, data={"wish": "change", "packs-PL001": "5"}).status_code == 303
    assert packs() == [1, 1, 5]
    assert "已退出" in page(hand.post(MINE, data={"wish": "withdraw"})).words
    assert packs() == [1, 1]
    assert "查看我的报名" in page(hand.get(MINE)).words


def test_a_double_tap_joins_once(hand: FlaskClient) -> None:
    secret = page(hand.get(LINK)).inputs["secret"]
    for _ in range(2):
        assert hand.post(LINK, data=FORM | {"secret": secret}).status_code == 303
    assert packs() == [1, 1, 2]


def test_another_phone_gets_in_by_the_code_alone(hand: FlaskClient, committed: Flask) -> None:
    joined(hand)
    shown = re.search(r"(?:[2-9a-z]{4}-){3}[2-9a-z]{4}", page(hand.get(MINE)).words)
    assert shown
    other = browser(committed)
    assert "× 2 箱" not in page(other.get(MINE)).words
    wrong = page(other.post(MINE, data={"wish": "open", "secret": "aaaa-aaaa-aaaa-aaaa"}), 422)
    assert "修改码不对" in wrong.words
    assert other.post(MINE, data={"wish": "open", "secret": shown[0].replace("-", " ").upper()}).status_code == 303
    assert "× 2 箱" in page(other.get(MINE)).words


@pytest.mark.parametrize(
    ("form", "status", "words"),
    [
        ({"name_zh": ""}, 422, "请填写姓名"),
        ({"phone": ""}, 422, "请填写手机号或工号"),
        ({"phone": "12345"}, 422, "请填写有效的手机号"),
        ({"packs-PL001": ""}, 422, "请至少选一样"),
        ({"packs-PL001": "1.5"}, 422, "数量填整数"),
        ({"packs-PL001": "-1"}, 422, "数量填整数"),
        ({"packs-PL001": "9"}, 422, "每人 1 至 5 箱"),
        ({"packs-PL002": "1"}, 422, "没有商品 PL002"),
        ({"name_zh": "a\x00b"}, 422, "请填写姓名"),
        ({"phone": "", "staff_number": "N1"}, 409, "已经报名"),
    ],
)
def test_what_does_not_fit_is_said_in_chinese_and_what_was_typed_stays(
    hand: FlaskClient, form: dict[str, str], status: int, words: str
) -> None:
    answer = page(joined(hand, **form), status)
    assert words in answer.words
    assert answer.inputs["packs-PL001"] == (FORM | form)["packs-PL001"]
    assert packs() == [1, 1]


def test_after_the_closing_time_the_page_has_no_form_and_an_old_form_is_refused(
    hand: FlaskClient, clock: WalkingClock
) -> None:
    secret = page(hand.get(LINK)).inputs["secret"]
    clock.put(at_beijing(TODAY.replace(day=20), 18))
    assert page(hand.get(LINK)).inputs == {}
    assert "已于 2025-07-20 18:00 截止" in page(hand.post(LINK, data=FORM | {"secret": secret}), 409).words
    assert packs() == [1, 1]


@pytest.mark.parametrize("link", ["/r/zzzzzz", "/r/%00", "/r/join", "/r/zzzzzz/mine", "/r/%E5%9B%A2/mine"])
def test_a_link_that_leads_nowhere_is_a_kind_page(hand: FlaskClient, link: str) -> None:
    for answer in (hand.get(link), hand.post(link, data=FORM | {"secret": "abcd-efgh-jkmn-pqrs"})):
        assert "没有这个团购" in page(answer, 404).words


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "", "http://localhost.evil.example"])
def test_t54_a_form_of_another_site_is_refused(hand: FlaskClient, origin: str) -> None:
    joined(hand)
    for path, form in ((LINK, FORM | {"secret": "abcd-efgh-jkmn-pqrt"}), (MINE, {"wish": "withdraw"})):
        assert hand.post(path, data=form, headers={"Origin": origin}).status_code == 403
    assert packs() == [1, 1, 2]


def test_what_somebody_calls_himself_is_text_and_never_markup(hand: FlaskClient) -> None:
    joined(hand, name_zh="<script>alert(1)</script>")
    answer = hand.get(MINE)
    assert "&lt;script&gt;" in answer.text
    assert page(answer).loads == ["/static/shop.css"]
    with transaction() as session:
        session.execute(text("UPDATE rounds SET title_zh = '<img src=x>'"))
    assert page(hand.get(LINK)).loads == ["/static/shop.css"]
    assert db.session.scalars(select(RoundEntry.name_zh).order_by(RoundEntry.id.desc())).first() is not None
    release()
