"""A guest orders in two screens, pays and follows: by the real actions, once for a double tap, from our pages only."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from shop.kit.db import db, release, transaction
from shop.reports.books import check_books
from shop.web import buying, following
from tests.factories.statements import statements
from tests.factories.tables import contents
from tests.web.conftest import Form, Reader, Store, read

PEACH = "PL001"
#: Version, key, buyer (3), his open orders, the order, its lock, payment (3), history, answer.
MOST_STATEMENTS = 13
TO = {
    "quantity": "2",
    "name": "张三（示例）",
    "phone": "138 0000 0000",
    "address": "山西省运城市平陆县某街 1 号（示例）",
}


def first_screen(client: FlaskClient, path: str = f"/p/{PEACH}/order?quantity=2") -> Form:
    return read(client.get(path)).forms[0]


def second_screen(client: FlaskClient, path: str = f"/p/{PEACH}/order?quantity=2", **changed: str) -> Form:
    """Name, phone and address are given; what the browser now holds for the confirming button."""
    form = first_screen(client, path)
    return read(client.post(form.action, data=form.fields | TO | changed)).forms[0]


def confirm(client: FlaskClient, form: Form, **headers: str) -> TestResponse:
    return client.post(form.action, data=form.fields, headers=headers)


def rows(sql: str, **values: Any) -> list[Any]:
    with transaction() as session:
        return list(session.execute(text(sql), values).all())


def orders() -> list[Any]:
    return rows("SELECT number, status, total_fen, channel_kind, recipient FROM orders ORDER BY id")


def placed(client: FlaskClient, path: str = f"/p/{PEACH}/order?quantity=2") -> str:
    """The number of an order that this browser placed."""
    assert confirm(client, second_screen(client, path)).status_code == 303
    return str(orders()[-1].number)


def pays(store: Store, client: FlaskClient, number: str) -> None:
    """The buyer pays on the provider's page, and its signed notice comes."""
    button = next(form for form in read(client.get(f"/o/{number}")).forms if form.action.endswith("/payment"))
    to = client.post(button.action, data=button.fields).headers["Location"]
    assert to.startswith("/simulated-pay/")
    assert client.post(to).status_code == 200
    store.work()


def test_two_screens_place_a_real_order_and_lead_to_the_payment_page(store: Store) -> None:
    client = store.app.test_client()
    answer = confirm(client, second_screen(client))
    assert answer.status_code == 303
    (order,) = orders()
    assert (order.status, order.total_fen, order.channel_kind) == ("placed", 7960, "platform")
    assert order.recipient == {"name": "张三（示例）", "phone": "+8613800000000", "address": TO["address"]}
    page = read(client.get(answer.headers["Location"]))
    assert "¥79.60" in page.text
    assert order.number in page.text


def test_the_second_screen_shows_what_is_bought_and_whereto_and_places_nothing(store: Store) -> None:
    client = store.app.test_client()
    form = first_screen(client)
    before = contents(store.app)
    page = read(client.post(form.action, data=form.fields | TO))
    assert "2 箱 × ¥39.80" in page.text
    assert "共 5 kg" in page.text
    assert "¥ 79.60" in page.text
    assert "张三（示例） 13800000000" in page.text
    assert "不适用七日无理由退货" in page.text
    assert contents(store.app) == before


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("phone", "12345", "请填写有效的手机号。"),
        ("phone", "", "长度须为 1 至 20。"),
        ("name", " ", "长度须为 1 至 40。"),
        ("name", "张\u202e三", "含有不允许的控制字符。"),
        ("address", "", "长度须为 1 至 200。"),
        ("quantity", "0", "须在 1 至 10000 之间。"),
        ("quantity", "1.5", "须是整数。"),
        ("quantity", "２", "须是整数。"),
    ],
)
def test_a_field_that_does_not_fit_is_named_and_nothing_typed_is_lost(
    store: Store, field: str, value: str, said: str
) -> None:
    client = store.app.test_client()
    form = first_screen(client)
    page = read(client.post(form.action, data=form.fields | TO | {field: value}), 422)
    assert said in page.text
    others = {name: text for name, text in TO.items() if name not in (field, "quantity")}
    assert {name: page.forms[0].fields[name] for name in others} == others
    assert orders() == []


def test_an_order_of_a_guest_costs_a_bounded_number_of_statements(store: Store) -> None:
    client = store.app.test_client()
    placed(client)
    form = second_screen(client)
    with statements() as seen:
        assert confirm(client, form).status_code == 303
    assert len(seen) <= MOST_STATEMENTS, seen


def test_a_double_tap_is_one_order_and_both_taps_lead_to_its_payment(store: Store) -> None:
    client = store.app.test_client()
    form = second_screen(client)
    first, second = confirm(client, form), confirm(client, form)
    assert first.headers["Location"] == second.headers["Location"]
    assert len(orders()) == 1


def test_t26_ten_taps_at_once_are_one_order(store: Store) -> None:
    client = store.app.test_client()
    form = second_screen(client)
    cookie = client.get_cookie("guest")
    assert cookie is not None

    def tap(_: int) -> TestResponse:
        browser = store.app.test_client()
        browser.set_cookie("guest", cookie.value)
        return confirm(browser, form)

    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(tap, range(10)))
    assert {answer.status_code for answer in answers} == {303}
    assert len({answer.headers["Location"] for answer in answers}) == 1
    assert len(orders()) == 1


def test_two_tickets_are_two_orders(store: Store) -> None:
    """The control of the double tap: it is the ticket that makes two requests one."""
    client = store.app.test_client()
    forms = [second_screen(client), second_screen(client)]
    assert len({confirm(client, form).headers["Location"] for form in forms}) == 2
    assert len(orders()) == 2


@pytest.mark.parametrize(
    "headers", [{"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}]
)
def test_t54_a_form_that_another_site_sends_is_refused(store: Store, headers: dict[str, str]) -> None:
    client = store.app.test_client()
    form = second_screen(client)
    before = contents(store.app)
    read(client.post(form.action, data=form.fields, headers=headers), 403)
    assert contents(store.app) == before
    good = {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}
    assert client.post(form.action, data=form.fields, headers=good).status_code == 303


def test_t54_a_ticket_of_another_browser_or_another_order_is_refused(store: Store) -> None:
    mine, other = store.app.test_client(), store.app.test_client()
    form, foreign = second_screen(mine), second_screen(other)
    before = contents(store.app)
    for fields in (
        form.fields | {"ticket": foreign.fields["ticket"]},
        form.fields | {"ticket": form.fields["ticket"][:-1] + ("1" if form.fields["ticket"].endswith("0") else "0")},
        form.fields | {"ticket": "x"},
        form.fields | {"quantity": "9"},
    ):
        read(mine.post(form.action, data=fields), 403)
    assert contents(store.app) == before


def test_a_browser_without_a_cookie_is_told_so(store: Store) -> None:
    form = second_screen(store.app.test_client())
    assert "请先允许" in read(confirm(store.app.test_client(), form), 403).text
    assert orders() == []


def test_t14_a_price_that_is_sent_along_is_refused(store: Store) -> None:
    client = store.app.test_client()
    form = second_screen(client)
    before = contents(store.app)
    for name in ("price_fen", "total_fen", "discount_fen"):
        read(client.post(form.action, data=form.fields | {name: "1"}), 409)
    assert contents(store.app) == before


def test_t15_a_price_that_changed_meanwhile_is_shown_and_confirmed_again(store: Store) -> None:
    client = store.app.test_client()
    form = second_screen(client)
    rows("UPDATE price_tiers SET price_fen = 4200 WHERE price_fen = 3980 RETURNING id")
    page = read(confirm(client, form), 409)
    assert "价格或页面已更新" in page.text
    assert "¥ 84.00" in page.text
    assert orders() == []
    assert confirm(client, page.forms[0]).status_code == 303
    assert orders()[0].total_fen == 8400


def test_a_ticket_lasts_two_hours_and_then_is_given_anew(store: Store) -> None:
    client = store.app.test_client()
    form = second_screen(client)
    store.clock.walk(timedelta(hours=2, seconds=1))
    page = read(confirm(client, form), 409)
    assert orders() == []
    assert confirm(client, page.forms[0]).status_code == 303


def test_fresh_produce_is_not_ordered_before_the_buyer_knows_that_it_is_not_returned(store: Store) -> None:
    client = store.app.test_client()
    form = second_screen(client)
    del form.fields["agreed"]
    page = read(confirm(client, form), 409)
    assert "请先勾选" in page.text
    assert orders() == []
    assert confirm(client, page.forms[0]).status_code == 303
    assert rows("SELECT event FROM history WHERE entity_type = 'orders' ORDER BY id") == [
        ("place",),
        ("no_return_agreed",),
    ]


def test_when_somebody_was_faster_the_page_says_how_many_packs_are_left(store: Store) -> None:
    client = store.app.test_client()
    form = second_screen(client)
    rows("UPDATE pools SET available_g = 2500, withdrawn_g = withdrawn_g + available_g - 2500 RETURNING id")
    page = read(confirm(client, form), 409)
    assert "只剩 1 箱了" in page.text
    assert f"/p/{PEACH}/order?quantity=1" in page.links
    assert orders() == []


def test_what_cannot_be_had_cannot_be_ordered_by_its_address_either(store: Store) -> None:
    client = store.app.test_client()
    read(client.get("/p/PL999/order?quantity=1"), 404)
    form = first_screen(client)
    assert "刚刚售完" in read(client.post("/p/PL005/order", data=form.fields | TO), 409).text
    store.clock.walk(timedelta(days=120))
    assert "不在产季" in read(client.get(f"/p/{PEACH}/order?quantity=1"), 409).text
    assert "不在产季" in read(client.post(form.action, data=form.fields | TO), 409).text


def test_t21_a_buyer_holds_stock_for_three_unpaid_orders_at_most(store: Store) -> None:
    client = store.app.test_client()
    for _ in range(buying.MOST_UNPAID):
        placed(client)
    before = contents(store.app)
    fresh = store.app.test_client()
    page = read(confirm(fresh, second_screen(fresh)), 429)
    assert "请先付款" in page.text
    assert contents(store.app) == before
    pays(store, client, orders()[0].number)
    assert confirm(fresh, second_screen(fresh)).status_code == 303


def at_once(store: Store, many: int) -> list[int]:
    """Statuses of orders of one phone that several browsers confirm together."""
    forms = [(client, second_screen(client)) for client in (store.app.test_client() for _ in range(many))]
    with ThreadPoolExecutor(many) as pool:
        return sorted(answer.status_code for answer in pool.map(lambda pair: confirm(*pair), forms))


def test_t21_orders_of_one_buyer_at_once_are_counted_one_by_one(store: Store) -> None:
    assert at_once(store, 6) == [303] * buying.MOST_UNPAID + [429] * 3
    assert len(orders()) == buying.MOST_UNPAID


def test_t21_the_control_without_the_buyers_lock_holds_more(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    pays(store, client := store.app.test_client(), placed(client))
    known = Barrier(6)

    def unlocked(session: Session, phone: str) -> int:
        known.wait(10)
        return int(session.execute(text("SELECT buyer_party_id FROM orders LIMIT 1")).scalar_one())

    monkeypatch.setattr(buying, "guest_party", unlocked)
    assert at_once(store, 6).count(303) > buying.MOST_UNPAID


def test_t21_a_phone_orders_ten_times_in_a_quarter_of_an_hour_at_most(store: Store) -> None:
    client = store.app.test_client()
    form = second_screen(client)
    statuses = [confirm(client, form).status_code for _ in range(buying.PER_PHONE.amount + 1)]
    assert statuses == [303] * buying.PER_PHONE.amount + [429]


def test_all_orders_of_a_phone_have_one_buyer_and_the_buyer_does_not_tell_the_phone(store: Store) -> None:
    for phone in ("13800000000", "+86 138-0000-0000", "13900000000"):
        client = store.app.test_client()
        assert confirm(client, second_screen(client, phone=phone)).status_code == 303
    found = rows(
        "SELECT buyer_party_id, code, name_zh FROM orders JOIN parties ON parties.id = buyer_party_id"
        " ORDER BY orders.id"
    )
    assert found[0] == found[1] != found[2]
    assert not any("138" in row.code and "0000" in row.code for row in found)
    assert {row.name_zh for row in found} == {"散客"}


def test_a_guest_follows_from_another_phone_by_number_and_phone(store: Store) -> None:
    number = placed(store.app.test_client())
    other = store.app.test_client()
    asked = other.get(f"/o/{number}")
    assert (asked.status_code, asked.headers["Location"]) == (302, f"/o?number={number}")
    form = read(other.get(f"/o?number={number}")).forms[0]
    assert form.fields["number"] == number
    found = other.post("/o", data=form.fields | {"phone": "138-0000-0000"})
    assert (found.status_code, found.headers["Location"]) == (303, f"/o/{number}")
    page = read(other.get(f"/o/{number}"))
    assert "待付款" in page.text
    assert "大桐蜜桃 × 2 箱" in page.text
    assert "张** 138****0000" in page.text
    assert TO["address"] not in page.text


def test_t58_a_wrong_phone_and_a_wrong_number_read_alike(store: Store) -> None:
    number = placed(store.app.test_client())
    client = store.app.test_client()
    form = read(client.get("/o")).forms[0]
    said = {
        read(client.post("/o", data=form.fields | fields), 404).text
        for fields in (
            {"number": number, "phone": "13900000000"},
            {"number": "250715-99999999", "phone": "13800000000"},
            {"number": number, "phone": "garbage"},
        )
    }
    assert len(said) == 1


def test_following_is_tried_ten_times_for_an_order_in_a_quarter_of_an_hour(store: Store) -> None:
    number = placed(store.app.test_client())
    client = store.app.test_client()
    form = read(client.get("/o")).forms[0]
    wrong, right = form.fields | {"number": number, "phone": "13900000000"}, {"number": number, "phone": "13800000000"}
    for _ in range(following.PER_ORDER.amount):
        read(client.post("/o", data=wrong), 404)
    late = client.post("/o", data=form.fields | right)
    assert late.status_code == 429
    assert "查询次数过多" in Reader(late.get_data(as_text=True)).text


def test_a_forged_cookie_shows_no_order(store: Store) -> None:
    number = placed(store.app.test_client())
    client = store.app.test_client()
    client.get("/o")
    known = client.get_cookie("guest")
    assert known is not None
    for forged in ("", "x", known.value.partition(".")[0], known.value[:-1] + "0", f"eyJ9.{number}"):
        client.set_cookie("guest", forged)
        assert client.get(f"/o/{number}").status_code == 302


def test_t53_the_cookie_is_not_for_scripts_nor_for_other_sites_and_holds_nothing_personal(store: Store) -> None:
    client = store.app.test_client()
    placed(client)
    cookie = client.get_cookie("guest")
    assert cookie is not None
    assert (cookie.http_only, cookie.same_site) == (True, "Lax")
    assert "13800000000" not in cookie.decoded_value
    secure = store.app.test_client().get(f"/p/{PEACH}/order", base_url="https://localhost")
    assert "; Secure" in secure.headers["Set-Cookie"]


def test_pages_of_a_person_are_kept_by_nobody(store: Store) -> None:
    client = store.app.test_client()
    number = placed(client)
    for path in (f"/p/{PEACH}/order", "/o", f"/o/{number}"):
        assert client.get(path).headers["Cache-Control"] == "no-store"


def test_the_whole_way_of_a_guest_from_the_page_to_the_settlement(store: Store) -> None:
    client = store.app.test_client()
    number = placed(client)
    pays(store, client, number)
    assert "已付款，等待发货" in read(client.get(f"/o/{number}")).text
    store.dispatch(number)
    page = read(client.get(f"/o/{number}"))
    assert "已发货，请查收" in page.text
    assert "顺丰冷链 SF1" in page.text
    button = next(form for form in page.forms if form.action.endswith("/receipt"))
    for _ in range(2):
        assert client.post(button.action, data=button.fields).headers["Location"] == f"/o/{number}"
    store.work()
    assert "已完成" in read(client.get(f"/o/{number}")).text
    assert rows("SELECT status FROM orders") == [("settled",)]
    assert rows("SELECT sum(amount_fen) FROM settlement_shares") == [(7960,)]
    assert check_books(db.session(), now=store.clock.now()) == []
    release()


def test_a_guest_who_cancels_gets_his_money_back(store: Store) -> None:
    client = store.app.test_client()
    number = placed(client)
    pays(store, client, number)
    button = next(form for form in read(client.get(f"/o/{number}")).forms if form.action.endswith("/cancellation"))
    assert client.post(button.action, data=button.fields).status_code == 303
    store.work()
    page = read(client.get(f"/o/{number}"))
    assert "已取消" in page.text
    assert "已退回原支付账户 ¥79.60" in page.text
    assert page.forms == []
    assert check_books(db.session(), now=store.clock.now()) == []
    release()


def test_t48_a_button_of_an_order_works_for_its_own_browser_and_its_own_verb_only(store: Store) -> None:
    mine, other = store.app.test_client(), store.app.test_client()
    number = placed(mine)
    button = next(form for form in read(mine.get(f"/o/{number}")).forms if form.action.endswith("/cancellation"))
    first_screen(other)
    before = contents(store.app)
    read(other.post(button.action, data=button.fields), 404)
    read(mine.post(f"/o/{number}/payment", data=button.fields), 403)
    read(mine.post(button.action, data=button.fields | {"reason": "x"}), 409)
    read(mine.post(button.action, data=button.fields, headers={"Origin": "https://evil.example"}), 403)
    assert contents(store.app) == before
