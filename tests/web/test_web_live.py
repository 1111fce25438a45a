"""The shelf of a live session on a phone: session price, what is left of its own stock, its cap; ordered as ever."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from shop.kit.db import db, release, transaction
from shop.live.actions import end_session
from shop.reports.books import check_books
from tests.factories.statements import statements
from tests.web.conftest import Store, read
from tests.web.test_web_guest import TO, confirm, orders, pays, placed, rows

PEACH = "PL001"
SHELF = "/live/LIVE-1"
ON_SHELF = f"/p/{PEACH}?live=LIVE-1"
ORDER = f"/p/{PEACH}/order?quantity=2&live=LIVE-1"


def ends(store: Store) -> None:
    with transaction() as session:
        end_session(session, "LIVE-1", actor_id=None, now=store.clock.now())


def test_a_session_on_air_shows_its_price_beside_the_usual_one_and_what_is_left_of_its_own_stock(store: Store) -> None:
    page = read(store.app.test_client().get(SHELF))
    assert "鲜桃专场（示例） 直播中" in page.text
    assert "¥ 30.00 /箱 ¥6.00/斤 日常价 ¥39.80 仅剩 20 箱" in page.text
    assert ON_SHELF in page.links
    assert "直播间运营：助农直播间（示例） · 主播身份已核验" in page.text


def test_a_product_opened_from_the_shelf_keeps_the_session_price_until_it_is_ordered(store: Store) -> None:
    client = store.app.test_client()
    page = read(client.get(ON_SHELF))
    assert "¥ 30.00 /箱" in page.text
    assert "余 20 箱" in page.text
    assert page.forms[0].fields["live"] == "LIVE-1"
    form = read(client.get(ORDER)).forms[0]
    assert form.fields["live"] == "LIVE-1"
    second = read(client.post(form.action, data=form.fields | TO))
    assert "¥ 60.00" in second.text
    assert confirm(client, second.forms[0]).status_code == 303
    assert rows("SELECT channel_kind, total_fen, code FROM orders JOIN occasions ON occasions.id = occasion_id") == [
        ("livestream", 6000, "LIVE-1")
    ]
    assert "余 18 箱" in read(client.get(ON_SHELF)).text
    assert "余 20 箱" not in read(client.get(f"/p/{PEACH}")).text


def test_a_live_order_of_a_guest_is_paid_sent_received_and_settled_with_the_hosts_share(store: Store) -> None:
    client = store.app.test_client()
    number = placed(client, ORDER)
    pays(store, client, number)
    store.dispatch(number)
    button = next(form for form in read(client.get(f"/o/{number}")).forms if form.action.endswith("/receipt"))
    assert client.post(button.action, data=button.fields).status_code == 303
    store.work()
    shares = dict(rows("SELECT kind, sum(amount_fen)::int FROM settlement_shares GROUP BY kind"))
    assert shares == {"firm": 5520, "host": 480}
    assert check_books(db.session(), now=store.clock.now()) == []
    release()


def test_a_cap_is_said_and_kept(store: Store) -> None:
    rows("UPDATE offers SET per_buyer_cap = 3 RETURNING id")
    client = store.app.test_client()
    assert "每人限购 3 箱" in read(client.get(SHELF)).text
    assert "每人限购 3 箱" in read(client.get(ON_SHELF)).text
    form = read(client.get(ORDER)).forms[0]
    assert "限购 3 箱" in read(client.post(form.action, data=form.fields | TO | {"quantity": "4"}), 409).text
    assert orders() == []


def test_what_speaks_now_stands_first(store: Store) -> None:
    with transaction() as session:
        session.execute(
            text(
                "INSERT INTO offers (occasion_id, product_id, price_fen, set_aside_g)"
                " SELECT occasion_id, (SELECT id FROM products WHERE sku = 'PL003'), 2500, 0 FROM offers LIMIT 1"
            )
        )
        session.execute(
            text(
                "INSERT INTO shelf_items (occasion_id, product_id, position)"
                " SELECT occasion_id, product_id, 2 FROM offers WHERE price_fen = 2500"
            )
        )
    client = store.app.test_client()

    def shown() -> list[str]:
        return [link for link in read(client.get(SHELF)).links if link.startswith("/p/")]

    assert shown() == [ON_SHELF, "/p/PL003?live=LIVE-1"]
    rows("UPDATE live_sessions SET pinned_product_id = (SELECT id FROM products WHERE sku = 'PL003') RETURNING id")
    assert shown() == ["/p/PL003?live=LIVE-1", ON_SHELF]
    assert "正在讲解" in read(client.get(SHELF)).text


def test_after_the_end_the_shelf_leads_to_the_shop_and_the_session_price_is_gone(store: Store) -> None:
    client = store.app.test_client()
    form = read(client.get(ORDER)).forms[0]
    second = read(client.post(form.action, data=form.fields | TO)).forms[0]
    ends(store)
    page = read(client.get(SHELF))
    assert "这场直播已经结束" in page.text
    assert "30.00" not in page.text
    assert f"/p/{PEACH}" in page.links
    assert "这一场现在没有开卖" in read(client.get(ON_SHELF)).text
    read(confirm(client, second), 409)
    assert orders() == []


@pytest.mark.parametrize(("status", "code"), [("planned", 404), ("reviewed", 200)])
def test_a_session_is_announced_when_it_was_reviewed_and_not_before(store: Store, status: str, code: int) -> None:
    rows(f"UPDATE live_sessions SET status = '{status}', started_at = NULL RETURNING id")
    rows("UPDATE occasions SET status = 'planned' WHERE code = 'LIVE-1' RETURNING id")
    page = read(store.app.test_client().get(SHELF), code)
    assert ("7月15日 10:00 开播" in page.text) == (code == 200)
    assert "直播中" not in page.text


@pytest.mark.parametrize("path", ["/live/NONE", "/live/A001", f"/p/{PEACH}?live=A001", f"/p/{PEACH}?live=NONE"])
def test_what_is_no_session_of_consumers_has_no_shelf(store: Store, path: str) -> None:
    read(store.app.test_client().get(path), 404)


def test_a_shelf_costs_four_statements_whatever_lies_on_it(store: Store) -> None:
    client = store.app.test_client()
    client.get(SHELF)
    with statements() as seen:
        client.get(SHELF)
    assert len(seen) <= 4, seen


def test_an_unpaid_live_order_tells_how_long_its_stock_is_held(store: Store) -> None:
    rows("UPDATE occasions SET hold_s = 300 WHERE code = 'LIVE-1' RETURNING id")
    client = store.app.test_client()
    form = read(client.get(ORDER)).forms[0]
    assert "留货 5 分钟" in read(client.post(form.action, data=form.fields | TO)).text
    number = placed(client, ORDER)
    assert "请在 10:05 前付款" in read(client.get(f"/o/{number}")).text
    assert store.clock.now() + timedelta(minutes=5) == rows("SELECT expires_at FROM orders")[0].expires_at
