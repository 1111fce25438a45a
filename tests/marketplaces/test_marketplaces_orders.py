"""What a shop's order and refund files do to the books: each fact once, in any order, by the rules of everybody."""

import random
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, text

from shop.channels.models import ChannelKind
from shop.income.actions import grant_refund
from shop.ledger.actions import trial_balance
from shop.marketplaces.actions import map_item
from shop.marketplaces.follow import follow, follow_again
from shop.marketplaces.models import FactKind, MarketplaceOrder
from shop.marketplaces.reconciling import reconciliation
from shop.orders.locks import locked_order_by_id
from shop.orders.models import Order, OrderStatus
from shop.payments.errors import RefundByMarketplace
from shop.reports.books import run_checks
from shop.reports.checks import CHECKS
from shop.stock import asides
from tests.conftest import A_DAY_IN_JULY
from tests.factories.sales import NECTARINE, Season, undone
from tests.factories.shopfiles import ORDERS, SHAPES, Desk, desk, done, paid_out, refunded, sheet, sold


@pytest.fixture
def shop(season: Season) -> Desk:
    return desk(season)


def order_of(shop: Desk, number: str) -> Order:
    order_id = shop.season.session.scalar(select(MarketplaceOrder.order_id).where(MarketplaceOrder.number == number))
    assert order_id is not None
    return locked_order_by_id(shop.season.session, order_id)


def books(shop: Desk) -> dict[str, Any]:
    """What the files came to: money by account, stock, and each line's order by its number at the shop."""
    session = shop.season.session
    lines = session.execute(
        text(
            "SELECT m.number, m.line, status, paid_fen, orders.refunded_fen, dispatched_g, accepted_fen, placed_on,"
            " m.due_on FROM marketplace_orders AS m LEFT JOIN orders ON orders.id = m.order_id"
            " LEFT JOIN order_lines ON order_lines.order_id = orders.id ORDER BY m.number, m.line"
        )
    ).all()
    pools = session.execute(text("SELECT id, available_g, reserved_g, sold_g FROM pools ORDER BY id")).all()
    reach = session.execute(
        text("SELECT household_id, sum(amount_fen) FROM sales_reach GROUP BY household_id ORDER BY household_id")
    ).all()
    both = reconciliation(session, shop.shop, date(2025, 7, 19))
    return {"lines": lines, "pools": pools, "reach": reach, "ledger": trial_balance(session), "both": both}


def wrong(shop: Desk) -> list[str]:
    """What check-books says, but for rollups, which jobs of their own refresh."""
    shop.season.session.flush()
    checks = [check for check in CHECKS if check.rollup is None]
    return [str(found) for found in run_checks(shop.season.session.connection(), checks, now=shop.season.now)]


def test_a_file_is_taken_from_what_is_set_aside_for_the_channel_first_line_by_line(shop: Desk) -> None:
    season = shop.season
    pack, until = season.product.net_weight_g, season.now + timedelta(hours=1)
    asides.start(
        season.session, season.product, 3 * pack, until, channel=ChannelKind.PLATFORM, actor_id=None, now=season.now
    )
    shop.orders(*(sold(f"690{n}", season.sku, packs=packs) for n, packs in enumerate((2, 2, 1))))
    holds = season.session.execute(
        text(
            "SELECT number, kind, held_g FROM marketplace_orders JOIN order_lines USING (order_id)"
            " JOIN reservations ON reservation_id = coalesce(beside_id, reservations.id)"
            " JOIN pools ON pools.id = pool_id ORDER BY number, reservations.id"
        )
    ).all()
    assert [tuple(hold) for hold in holds] == [
        ("6900", "set_aside", 2 * pack), ("6901", "set_aside", pack), ("6901", "open", pack), ("6902", "open", pack),
    ]  # fmt: skip
    shop.orders(done("6901", season.sku, packs=2))
    assert wrong(shop) == []


def test_a_received_line_is_sold_from_stock_settled_with_the_shops_fee_and_reaches_households(shop: Desk) -> None:
    taken = shop.orders(done("6901", shop.season.sku, packs=2, yuan="70.00", subsidy="9.60"))
    assert (taken.new, taken.changed, taken.passed_over) == (1, 0, 0)
    order = order_of(shop, "6901")
    assert (order.status, order.paid_fen, order.placed_on) == (OrderStatus.SETTLED, 7960, date(2025, 7, 14))
    assert order.recipient is None
    shares = shop.season.session.execute(
        text("SELECT kind, amount_fen FROM settlement_shares JOIN settlements ON settlements.id = settlement_id"
             " WHERE order_id = :id ORDER BY kind"), {"id": order.id},
    ).all()  # fmt: skip
    assert shares == [("firm", 7801), ("platform", 159)]
    assert shop.season.session.scalar(text("SELECT sum(amount_fen) FROM sales_reach")) == 7960
    assert wrong(shop) == []


def test_an_amount_that_no_pack_price_could_make_is_kept_to_the_fen(shop: Desk) -> None:
    shop.orders(sold("6901", shop.season.sku, packs=3, yuan="100.00"))
    line = shop.season.session.execute(
        text("SELECT price_basis, quantity, price_fen, amount_fen FROM order_lines WHERE order_id = :id"),
        {"id": order_of(shop, "6901").id},
    ).one()
    assert line == ("line", 3, 10_000, 10_000)
    assert wrong(shop) == []


def test_a_later_file_brings_the_order_further_and_an_earlier_one_never_back(shop: Desk) -> None:
    sku = shop.season.sku
    for row, status in (
        (sold("6901", sku), OrderStatus.CONFIRMED),
        (sold("6901", sku, state="已发货", shipped="2025-07-14 15:00:00"), OrderStatus.DISPATCHED),
        (done("6901", sku), OrderStatus.SETTLED),
        (sold("6901", sku), OrderStatus.SETTLED),
    ):
        shop.orders(row)
        assert order_of(shop, "6901").status is status
    assert wrong(shop) == []


def test_due_is_receipt_plus_the_days_of_the_shop(shop: Desk) -> None:
    shop.orders(done("6901", shop.season.sku))
    assert shop.season.session.scalar(select(MarketplaceOrder.due_on)) == date(2025, 7, 19)


def test_what_was_not_paid_is_passed_over(shop: Desk) -> None:
    taken = shop.orders(
        sold("6901", shop.season.sku, state="待支付", paid=""), sold("6902", shop.season.sku, state="已关闭", paid="-")
    )
    assert (taken.facts, taken.new, taken.passed_over) == (0, 0, 2)
    assert shop.season.session.scalar(select(MarketplaceOrder.id)) is None


def test_a_line_cancelled_before_we_heard_of_it_takes_no_stock_also_when_an_older_file_comes_later(shop: Desk) -> None:
    before = books(shop)["pools"]
    shop.orders(sold("6901", shop.season.sku, state="已关闭"))
    shop.orders(sold("6901", shop.season.sku))
    row = shop.season.session.scalars(select(MarketplaceOrder)).one()
    assert (row.order_id, row.cancelled_at is not None) == (None, True)
    assert books(shop)["pools"] == before
    assert wrong(shop) == []


def test_a_cancelled_line_gives_stock_and_money_back(shop: Desk) -> None:
    before = books(shop)["pools"]
    shop.orders(sold("6901", shop.season.sku))
    assert books(shop)["pools"] != before
    shop.orders(sold("6901", shop.season.sku, state="已关闭"))
    order = order_of(shop, "6901")
    assert (order.status, order.paid_fen, order.refunded_fen) == (OrderStatus.CANCELLED, 3980, 3980)
    assert books(shop)["pools"] == before
    assert wrong(shop) == []


def test_what_was_sent_and_closed_is_refused_whole_and_shared_with_nobody(shop: Desk) -> None:
    shop.orders(sold("6901", shop.season.sku, state="已关闭", shipped="2025-07-14 15:00:00"))
    order = order_of(shop, "6901")
    assert (order.status, order.paid_fen, order.refunded_fen) == (OrderStatus.SETTLED, 3980, 3980)
    assert shop.season.session.scalar(text("SELECT coalesce(sum(amount_fen), 0) FROM sales_reach")) == 0
    assert wrong(shop) == []


@pytest.mark.parametrize("state", ["paid", "received"])
def test_a_partial_refund_counts_once_whenever_its_order_comes(shop: Desk, state: str) -> None:
    row = sold("6901", shop.season.sku) if state == "paid" else done("6901", shop.season.sku)
    shop.refunds(refunded("AS1", "6901", "10.00"))
    shop.orders(row)
    assert order_of(shop, "6901").refunded_fen == 1000
    shop.refunds(refunded("AS1", "6901", "10.00"), refunded("AS2", "6901", "5.00"))
    shop.refunds(refunded("AS3", "6901", "1.00", state="退款关闭"))
    assert order_of(shop, "6901").refunded_fen == 1500
    shop.orders(done("6901", shop.season.sku))
    order = order_of(shop, "6901")
    assert (order.status, order.paid_fen - order.refunded_fen) == (OrderStatus.SETTLED, 2480)
    assert wrong(shop) == []


def test_refunds_beyond_what_was_paid_give_back_no_more_than_that(shop: Desk) -> None:
    shop.orders(done("6901", shop.season.sku))
    shop.refunds(refunded("AS1", "6901", "30.00"), refunded("AS2", "6901", "30.00"))
    assert order_of(shop, "6901").refunded_fen == 3980
    assert wrong(shop) == []


def test_nobody_here_grants_a_refund_of_what_was_paid_there(shop: Desk) -> None:
    shop.orders(sold("6901", shop.season.sku))
    order = order_of(shop, "6901")
    before = books(shop)
    with pytest.raises(RefundByMarketplace):
        grant_refund(shop.season.session, order, 100, "坏果", line_ids=None, actor_id=1, now=shop.season.now)
    assert books(shop) == before


def test_a_sku_of_the_shop_stands_for_packs_of_a_product(shop: Desk) -> None:
    map_item(shop.season.session, shop.shop, "桃-10斤", shop.season.product, 2, actor_id=None, now=shop.season.now)
    shop.orders(sold("6901", "桃-10斤", packs=3, yuan="200.00"))
    row = shop.season.session.scalars(select(MarketplaceOrder)).one()
    assert (row.product_id, row.packs) == (shop.season.product.id, 6)


def test_rows_that_cannot_be_taken_are_all_named_and_nothing_is_sold(shop: Desk) -> None:
    sku = shop.season.sku
    rows = [
        sold("6901", sku),
        sold("6902", "NO-SUCH"),
        sold("6903", sku, yuan="1.234"),
        sold("6904", sku, state="飞走了"),
        sold("6.9E+18", sku, line="6905"),
        sold("6906", sku, packs=99_999),
        sold("6907", sku, paid="2026-01-01 00:00:00"),
        sold("6908", sku, yuan="0.00"),
    ]
    taken = shop.told(FactKind.ORDERS, sheet(ORDERS, rows))
    assert [(problem.line, problem.column) for problem in taken.problems] == [
        (3, "商家编码"), (4, "订单应付金额"), (5, "订单状态"), (6, "主订单编号"), (7, "商家编码"), (8, "支付完成时间"),
        (9, "订单应付金额"),
    ]  # fmt: skip
    assert taken.problems[0].zh == "店铺货号“NO-SUCH”没有对应的商品，请先做货号对照"
    assert "库存" in taken.problems[4].zh
    assert {problem.file for problem in taken.problems} == {"导出.csv"}


def test_a_line_told_again_with_another_amount_is_refused(shop: Desk) -> None:
    shop.orders(sold("6901", shop.season.sku))
    before = books(shop)
    taken = shop.told(FactKind.ORDERS, sheet(ORDERS, [sold("6901", shop.season.sku, yuan="38.80")]))
    assert [problem.line for problem in taken.problems] == [2]
    assert "39.80 元" in taken.problems[0].zh
    assert books(shop) == before


def lots_of(shop: Desk, change: str) -> None:
    shop.season.session.execute(
        text(f"UPDATE lots SET {change} WHERE product_id = :id"), {"id": shop.season.product.id}
    )


def test_what_holds_an_order_up_is_noted_and_tried_again(shop: Desk) -> None:
    session = shop.season.session
    shop.orders(sold("6901", shop.season.sku))
    lots_of(shop, "harvested_on = '2025-07-01', expires_on = '2025-07-02'")
    shop.orders(sold("6901", shop.season.sku, state="已发货", shipped="2025-07-14 15:00:00"))
    row = session.scalars(select(MarketplaceOrder)).one()
    assert (row.held_up, row.followed_at) == ("not-enough-stock", None)
    assert order_of(shop, "6901").status is OrderStatus.CONFIRMED
    lots_of(shop, "expires_on = '2025-08-01'")
    assert follow_again(session, now=shop.season.now) == 0
    later = shop.season.now.replace(hour=shop.season.now.hour + 1)
    assert (follow_again(session, now=later), follow_again(session, now=later)) == (1, 0)
    shop.work()
    session.refresh(row)
    assert (row.held_up, order_of(shop, "6901").status) == (None, OrderStatus.DISPATCHED)
    assert wrong(shop) == []


def test_following_twice_follows_once(shop: Desk) -> None:
    shop.orders(done("6901", shop.season.sku))
    before = books(shop)
    row = shop.season.session.scalars(select(MarketplaceOrder)).one()
    assert follow(shop.season.session, row.id, now=shop.season.now)
    shop.work()
    assert books(shop) == before


def files_of(shop_sku: str) -> dict[FactKind, list[tuple[str, ...]]]:
    """A month of a shop in small: every fate of a line, two lines of one order, refunds and money of all kinds."""
    orders = [
        sold("6901", shop_sku),
        sold("6902", shop_sku, state="已发货", shipped="2025-07-14 15:00:00"),
        done("6903", shop_sku, packs=2, yuan="77.77"),
        done("6904", shop_sku, line="6904-1", yuan="33.33"),
        done("6904", NECTARINE, line="6904-2", yuan="25.00", subsidy="1.01"),
        sold("6905", shop_sku, state="已关闭"),
        sold("6906", shop_sku, state="已关闭", shipped="2025-07-14 15:00:00"),
        sold("6907", shop_sku, state="待支付", paid=""),
    ]
    refunds = [
        refunded("AS1", "6903", "7.77"),
        refunded("AS2", "6904", "3.33", line="6904-1"),
        refunded("AS3", "6902", "1.00"),
        refunded("AS4", "6906", "39.80"),
        refunded("AS5", "6999", "5.00"),
    ]
    payouts = [
        paid_out("D1", "6903", "68.60", fee="-1.40"),
        paid_out("D2", "6904", "29.40", fee="-0.60", line="6904-1"),
        paid_out("D3", "6904", "20.00", fee="-6.01", line="6904-2"),
        paid_out("D4", "6904", "1.00", line="6904-2", way="出账"),
        paid_out("D5", "6999", "5.00"),
    ]
    return {FactKind.ORDERS: orders, FactKind.REFUNDS: refunds, FactKind.PAYOUTS: payouts}


@pytest.fixture(scope="module")
def once(market: Any) -> dict[str, Any]:
    """The books after the three files came once."""
    with market.app_context(), undone(market.extensions["sku"], A_DAY_IN_JULY) as season:
        shop = desk(season)
        for kind, rows in files_of(season.sku).items():
            shop.rows(kind, *rows)
        assert wrong(shop) == []
        return books(shop)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 2**32))
def test_the_same_files_three_times_split_and_shuffled_in_any_shape_give_the_same_books(
    market: Any, once: dict[str, Any], seed: int
) -> None:
    """T37's rule for shops: a fact counts once, however it comes: CSV in UTF-8 or GBK, or a workbook."""
    chance = random.Random(seed)
    with market.app_context(), undone(market.extensions["sku"], A_DAY_IN_JULY) as season:
        shop = desk(season)
        parts: list[tuple[FactKind, list[tuple[str, ...]]]] = []
        for _ in range(3):
            for kind, rows in files_of(season.sku).items():
                mixed = chance.sample(rows, len(rows))
                cut = chance.randint(0, len(mixed))
                parts += [(kind, mixed[:cut]), (kind, mixed[cut:])]
        chance.shuffle(parts)
        for kind, rows in parts:
            shop.rows(kind, *rows, shape=chance.choice(SHAPES))
        assert books(shop) == once
        assert wrong(shop) == []


def test_control_without_the_shops_own_numbers_a_second_file_sells_again(shop: Desk) -> None:
    shop.orders(done("6901", shop.season.sku))
    sold_g = books(shop)["pools"]
    shop.season.session.execute(text("UPDATE marketplace_orders SET number = 'X', line = 'X'"))
    shop.season.session.expire_all()
    shop.orders(done("6901", shop.season.sku))
    assert books(shop)["pools"] != sold_g
