"""A guest uses a coupon of a live session: he sees what it takes off before he confirms; the law of coupons holds."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text

from shop.channels.models import CouponPayer
from shop.kit.db import db, release, transaction
from shop.live.coupons import Promise, promise_coupon
from shop.orders import coupons
from shop.reports.books import check_books
from tests.factories.tables import contents
from tests.web.conftest import Form, Store, read
from tests.web.test_web_guest import TO, confirm, orders, pays, rows

PEACH = "PL001"
ORDER = f"/p/{PEACH}/order?quantity=2&live=LIVE-1"


def promise(store: Store, code: str = "JIAN5", budget: int = 50_000, until: datetime | None = None) -> None:
    """5 yuan off from 50 yuan of goods on, paid by the host; two packs of the session cost 60."""
    now = store.clock.now()
    with transaction() as session:
        promise_coupon(
            session, "LIVE-1",
            Promise(code, CouponPayer.HOST, None, 500, 5_000, budget, now, until or now + timedelta(hours=1)),
            actor_id=None, now=now,
        )  # fmt: skip


@pytest.fixture
def live(store: Store) -> Store:
    promise(store)
    return store


def filled_in(client: FlaskClient, coupon: str, path: str = ORDER, **changed: str) -> tuple[str, dict[str, str]]:
    form = read(client.get(path)).forms[0]
    return form.action, form.fields | TO | {"coupon": coupon} | changed


def looked_at(client: FlaskClient, coupon: str, **changed: str) -> Form:
    """The confirming button of the second screen."""
    action, fields = filled_in(client, coupon, **changed)
    return read(client.post(action, data=fields)).forms[0]


def facts() -> Any:
    return rows("SELECT goods_fen, discount_fen, total_fen FROM orders ORDER BY id")


def spent(code: str = "JIAN5") -> int:
    return int(rows("SELECT spent_fen FROM coupons WHERE code = :code", code=code)[0][0])


def test_the_second_screen_shows_what_the_coupon_takes_off_and_the_order_costs_that(live: Store) -> None:
    client = live.app.test_client()
    before = contents(live.app)
    action, fields = filled_in(client, " JIAN5 ")
    page = read(client.post(action, data=fields))
    assert "商品合计 ¥60.00 优惠券 JIAN5 −¥5.00 应付 ¥ 55.00" in page.text
    assert contents(live.app) == before
    answer = confirm(client, page.forms[0])
    assert answer.status_code == 303
    assert facts() == [(6_000, 500, 5_500)]
    assert "¥55.00" in read(client.get(answer.headers["Location"])).text
    assert "优惠券 −¥5.00" in read(client.get(f"/o/{orders()[0].number}")).text


def test_paid_sent_received_and_settled_the_host_bears_what_he_promised(live: Store) -> None:
    client = live.app.test_client()
    assert confirm(client, looked_at(client, "JIAN5")).status_code == 303
    number = str(orders()[0].number)
    pays(live, client, number)
    live.dispatch(number)
    button = next(form for form in read(client.get(f"/o/{number}")).forms if form.action.endswith("/receipt"))
    client.post(button.action, data=button.fields)
    live.work()
    shares = dict(rows("SELECT kind, sum(amount_fen)::int FROM settlement_shares GROUP BY kind"))
    assert shares == {"firm": 5_560, "host": 440, "coupon": -500}
    assert check_books(db.session(), now=live.clock.now()) == []
    release()


def test_the_field_and_the_coupons_stand_where_they_are_good_and_nowhere_else(live: Store) -> None:
    client = live.app.test_client()
    for path in (ORDER, "/live/LIVE-1", f"/p/{PEACH}?live=LIVE-1"):
        assert "满 50 元减 5 元" in read(client.get(path)).text, path
    assert "coupon" in read(client.get(ORDER)).forms[0].fields
    assert "coupon" not in read(client.get(f"/p/{PEACH}/order?quantity=2")).forms[0].fields
    live.clock.walk(timedelta(hours=1))
    for path in (ORDER, "/live/LIVE-1", f"/p/{PEACH}?live=LIVE-1"):
        assert "JIAN5" not in read(client.get(path)).text, path


@pytest.mark.parametrize("empty", ["", "  "])
def test_a_field_that_is_left_empty_is_no_coupon(live: Store, empty: str) -> None:
    client = live.app.test_client()
    assert confirm(client, looked_at(client, empty)).status_code == 303
    assert facts() == [(6_000, 0, 6_000)]


@pytest.mark.parametrize(
    ("coupon", "quantity", "said"),
    [
        ("NONE", "2", "优惠券 NONE：本场没有这张券。"),
        ("JIAN5", "1", "优惠券 JIAN5：满 50 元、在有效期内才能用。"),
        ("TIGHT", "2", "优惠券 TIGHT 已用完。"),
        ("<b>", "2", "只能用字母、数字、汉字、- 和 _。"),
    ],
)
def test_a_coupon_that_does_not_fit_is_said_beside_its_field_and_nothing_typed_is_lost(
    live: Store, coupon: str, quantity: str, said: str
) -> None:
    promise(live, "TIGHT", budget=499)
    client = live.app.test_client()
    before = contents(live.app)
    action, fields = filled_in(client, coupon, quantity=quantity)
    page = read(client.post(action, data=fields), 422)
    assert said in page.text
    kept = page.forms[0].fields
    assert (kept["coupon"], kept["name"], kept["address"]) == (coupon, TO["name"], TO["address"])
    assert (kept["live"], "¥ 30.00 /箱" in page.text) == ("LIVE-1", True)
    assert contents(live.app) == before


def test_a_session_coupon_takes_nothing_off_in_the_shop(live: Store) -> None:
    client = live.app.test_client()
    action, fields = filled_in(client, "JIAN5", f"/p/{PEACH}/order?quantity=2")
    assert "本场没有这张券" in read(client.post(action, data=fields), 422).text
    assert orders() == []


def test_t14_a_coupon_put_into_the_second_form_is_refused(live: Store) -> None:
    client = live.app.test_client()
    form = looked_at(client, "")
    before = contents(live.app)
    read(client.post(form.action, data=form.fields | {"coupon": "JIAN5"}), 403)
    assert contents(live.app) == before


def test_a_buyer_who_used_it_before_is_shown_the_price_without_it_and_confirms_again(live: Store) -> None:
    first, second = live.app.test_client(), live.app.test_client()
    assert confirm(first, looked_at(first, "JIAN5")).status_code == 303
    form = looked_at(second, "JIAN5")
    before = contents(live.app)
    page = read(confirm(second, form), 409)
    assert "优惠券 JIAN5 每人限用一次。以下是不用券的价格。" in page.text
    assert "应付 ¥ 60.00" in page.text
    assert contents(live.app) == before
    assert confirm(second, page.forms[0]).status_code == 303
    assert facts() == [(6_000, 500, 5_500), (6_000, 0, 6_000)]
    assert spent() == 500


def test_a_coupon_whose_last_instant_passed_before_the_button_takes_nothing_off(live: Store) -> None:
    client = live.app.test_client()
    form = looked_at(client, "JIAN5")
    live.clock.walk(timedelta(hours=1))
    page = read(confirm(client, form), 409)
    assert "应付 ¥ 60.00" in page.text
    assert (orders(), spent()) == ([], 0)


def test_an_unpaid_order_that_lapses_gives_the_coupon_back_to_the_guest(live: Store) -> None:
    client = live.app.test_client()
    confirm(client, looked_at(client, "JIAN5"))
    button = next(
        form for form in read(client.get(f"/o/{orders()[0].number}")).forms if form.action.endswith("/cancellation")
    )
    client.post(button.action, data=button.fields)
    assert spent() == 0
    assert confirm(client, looked_at(client, "JIAN5")).status_code == 303
    assert spent() == 500


def at_once(live: Store, many: int, coupon: str, phone: str | None = None) -> list[int]:
    """Statuses of orders with a coupon that several browsers confirm together, of one phone or each his own."""
    pairs = []
    for number in range(many):
        client = live.app.test_client()
        pairs.append((client, looked_at(client, coupon, phone=phone or f"138000000{number:02}")))
    with ThreadPoolExecutor(many) as pool:
        return sorted(answer.status_code for answer in pool.map(lambda pair: confirm(*pair), pairs))


def test_t17_guests_with_one_phone_at_once_use_a_coupon_once(live: Store) -> None:
    assert at_once(live, 6, "JIAN5", "13800000000") == [303] + [409] * 5
    assert (facts(), spent()) == ([(6_000, 500, 5_500)], 500)


def test_t17_guests_at_once_never_spend_more_than_the_budget(live: Store) -> None:
    promise(live, "TIGHT", budget=1_499)
    assert at_once(live, 6, "TIGHT") == [303] * 2 + [409] * 4
    assert (len(orders()), spent("TIGHT")) == (2, 1_000)


def test_t17_the_control_without_the_guards_spends_it_several_times(
    live: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    promise(live, "TIGHT", budget=999)
    with transaction() as session:
        session.execute(text("ALTER TABLE coupons DROP CONSTRAINT ck_coupons_within_budget"))
    careless = str(coupons._TAKE).replace(" AND spent_fen + discount_fen <= budget_fen", "")
    assert careless != str(coupons._TAKE)
    monkeypatch.setattr(coupons, "_TAKE", text(careless))
    assert at_once(live, 6, "TIGHT") == [303] * 6
    assert spent("TIGHT") == 3_000
