"""A pre-sale on the product page: its day, its packs, an order before the harvest, money back when it is late."""

from datetime import timedelta

from shop.catalog.actions import product_by_sku
from shop.kit.clock import beijing_day
from shop.kit.db import transaction
from shop.orders.presales import end_overdue
from shop.stock.presales import open_presale
from tests.web.conftest import Store, read
from tests.web.test_web_guest import PEACH, confirm, orders, pays, second_screen


def opened(store: Store, packs: int) -> str:
    day = beijing_day(store.clock.now())
    with transaction() as session:
        presale = open_presale(
            session, product_by_sku(session, PEACH), packs, day, day + timedelta(days=10), day + timedelta(days=20),
            actor_id=None, now=store.clock.now(),
        )  # fmt: skip
        return presale.code


def test_a_guest_orders_a_harvest_to_come_and_has_his_money_back_when_it_is_late(store: Store) -> None:
    client, code = store.app.test_client(), opened(store, 3)
    page = client.get(f"/p/{PEACH}")
    assert "预售 8 月 4 日前发货" in read(page).text
    assert "余 3 箱" in read(page).text
    assert len(page.data) < 20_000
    (form,) = [form for form in read(page).forms if form.fields.get("presale") == code]
    path = f"{form.action}?presale={code}&quantity=1"
    look = second_screen(client, path)
    assert look.fields["presale"] == code
    assert confirm(client, look).status_code == 303
    number = orders()[-1].number
    assert "余 1 箱" in read(client.get(f"/p/{PEACH}")).text
    pays(store, client, number)
    assert "预售：08月04日前发货" in read(client.get(f"/o/{number}")).text
    with transaction() as session:
        late = beijing_day(store.clock.now()) + timedelta(days=21)
        assert end_overdue(session, late, now=store.clock.now()) == 1
    store.work()
    shown = read(client.get(f"/o/{number}")).text
    assert "已取消" in shown
    assert "已退回原支付账户 ¥79.60" in shown


def test_when_the_cap_is_reached_the_page_offers_no_more(store: Store) -> None:
    client, code = store.app.test_client(), opened(store, 2)
    assert confirm(client, second_screen(client, f"/p/{PEACH}/order?presale={code}&quantity=2")).status_code == 303
    assert "预售" not in read(client.get(f"/p/{PEACH}")).text
    before = orders()
    answer = client.get(f"/p/{PEACH}/order?presale=NONE&quantity=1")
    assert (answer.status_code, orders()) == (404, before)
