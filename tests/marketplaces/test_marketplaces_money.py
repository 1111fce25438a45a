"""What a shop pays out: booked once, set beside what our ledger expects, and every fen of difference named."""

from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from shop.channels.actions import partner_by_code, set_fee
from shop.ledger.actions import account, balance
from shop.ledger.models import AccountKind
from shop.marketplaces.models import FactKind
from shop.marketplaces.reconciling import Why, differences, reconciliation
from tests.factories.sales import Season
from tests.factories.shopfiles import PAYOUTS, Desk, desk, done, paid_out, refunded, sheet, sold
from tests.factories.statements import statements
from tests.marketplaces.test_marketplaces_orders import order_of, wrong

TODAY = date(2025, 7, 15)
#: Received on 15 July, due after four days.
DUE = date(2025, 7, 19)


@pytest.fixture
def shop(season: Season) -> Desk:
    return desk(season)


def listed(shop: Desk, day: date = DUE, why: Why | None = None) -> list[tuple[str, str, int]]:
    rows = differences(shop.season.session, shop.shop, day, limit=50, before_key=None, why=why)
    return [(row["number"], row["why"], row["difference_fen"]) for row in rows]


def sums(shop: Desk, day: date = DUE) -> dict[str, Any]:
    found = reconciliation(shop.season.session, shop.shop, day)
    assert found["expected_fen"] == found["paid_fen"] - found["refunded_fen"] - found["fee_fen"]
    assert found["received_fen"] == found["expected_fen"] + found["difference_fen"]
    return found


def owed(shop: Desk) -> tuple[int, int]:
    """What the ledger says the shop owes us, and what we owe it for its fee."""
    session = shop.season.session
    party = partner_by_code(session, "SHOP").party_id
    kinds = (AccountKind.MARKETPLACE, AccountKind.PLATFORM)
    return tuple(balance(session, account(session, kind, party)) for kind in kinds)  # type: ignore[return-value]


def test_a_payout_is_booked_once_and_leaves_what_the_shop_keeps(shop: Desk) -> None:
    shop.orders(done("6901", shop.season.sku))
    assert owed(shop) == (3980, -80)
    assert shop.payouts(paid_out("D1", "6901", "39.00", fee="-0.80")).new == 1
    assert shop.payouts(paid_out("D1", "6901", "39.00", fee="-0.80")).new == 0
    assert owed(shop) == (80, -80)
    assert (listed(shop), sums(shop)["difference_fen"]) == ([], 0)
    assert wrong(shop) == []


def test_a_reference_told_again_with_another_amount_is_refused(shop: Desk) -> None:
    shop.orders(done("6901", shop.season.sku))
    shop.payouts(paid_out("D1", "6901", "39.00"))
    taken = shop.told(FactKind.PAYOUTS, sheet(PAYOUTS, [paid_out("D1", "6901", "38.00")]))
    assert [(problem.line, problem.column) for problem in taken.problems] == [(2, "动账流水号")]
    assert owed(shop) == (80, -80)


def test_what_is_due_and_did_not_arrive_is_overdue_on_the_day_and_not_before(shop: Desk) -> None:
    shop.orders(done("6901", shop.season.sku))
    assert listed(shop, DUE - timedelta(days=1)) == []
    assert listed(shop) == [("6901", "overdue", -3900)]
    assert [row["why"] for row in sums(shop, TODAY)["by_reason"]] == ["not_due"]


def test_what_was_sent_counts_as_received_after_the_shops_days_and_is_then_due(shop: Desk) -> None:
    shop.orders(sold("6901", shop.season.sku, state="已发货", shipped="2025-07-14 23:59:00"))
    assert listed(shop, date(2025, 7, 27)) == []
    assert listed(shop, date(2025, 7, 28)) == [("6901", "overdue", -3980)]


def test_another_fee_than_the_table_says_is_named_to_the_fen(shop: Desk) -> None:
    shop.orders(done("6901", shop.season.sku))
    shop.payouts(paid_out("D1", "6901", "38.60", fee="-1.20"))
    assert listed(shop) == [("6901", "fee", -40)]
    assert sums(shop)["difference_fen"] == -40


def test_the_fee_is_that_of_the_day_and_category_of_the_sale(shop: Desk) -> None:
    session, partner = shop.season.session, partner_by_code(shop.season.session, "SHOP")
    category = shop.season.product.category
    set_fee(session, partner, 100, date(2025, 7, 14), category=category, actor_id=None, now=shop.season.now)
    set_fee(session, partner, 500, date(2025, 7, 15), category=category, actor_id=None, now=shop.season.now)
    shop.orders(
        done("6901", shop.season.sku, yuan="100.00", paid="2025-07-13 09:00:00"),
        done("6902", shop.season.sku, yuan="100.00"),
        done("6903", shop.season.sku, yuan="100.00", paid="2025-07-15 00:00:00"),
    )
    assert owed(shop) == (30_000, -200 - 100 - 500)


def test_money_that_was_taken_back_goes_out_again(shop: Desk) -> None:
    shop.orders(done("6901", shop.season.sku))
    shop.payouts(paid_out("D1", "6901", "39.00", fee="-0.80"))
    shop.refunds(refunded("AS1", "6901", "10.00"))
    assert listed(shop) == [("6901", "amount", 980)]
    shop.payouts(paid_out("D2", "6901", "9.80", way="出账"))
    assert (listed(shop), owed(shop)) == ([], (60, -60))
    assert wrong(shop) == []


@pytest.mark.parametrize("first", ["payouts", "orders"])
def test_money_of_a_line_nobody_told_of_is_listed_until_somebody_does(shop: Desk, first: str) -> None:
    if first == "orders":
        shop.orders(sold("6901", shop.season.sku))
    shop.payouts(paid_out("D1", "6901", "39.00", fee="-0.80"))
    expected = ("6901", "unknown_order", 3900) if first == "payouts" else ("6901", "not_settled", -80)
    assert listed(shop) == [expected]
    shop.orders(done("6901", shop.season.sku))
    assert order_of(shop, "6901").paid_fen == 3980
    assert listed(shop) == []
    assert wrong(shop) == []


def test_refunds_beyond_what_was_paid_are_listed(shop: Desk) -> None:
    shop.orders(done("6901", shop.season.sku))
    shop.refunds(refunded("AS1", "6901", "30.00"), refunded("AS2", "6901", "30.00"))
    assert listed(shop) == [("6901", "refund", 0)]


def test_money_of_no_order_is_passed_over(shop: Desk) -> None:
    taken = shop.payouts(paid_out("D1", "-", "-500.00"))
    assert (taken.new, taken.passed_over) == (0, 1)
    assert owed(shop) == (0, 0)


def test_differences_come_in_pages_by_reason_and_cost_one_statement(shop: Desk) -> None:
    shop.orders(*(done(f"69{number}", shop.season.sku) for number in range(10, 15)))
    shop.payouts(paid_out("D1", "6910", "38.60", fee="-1.20"), paid_out("D2", "6999", "1.00"))
    session = shop.season.session
    seen: list[str] = []
    before: int | None = None
    while True:
        with statements() as sent:
            page = differences(session, shop.shop, DUE, limit=2, before_key=before, why=None)
        assert len(sent) == 1
        if not page:
            break
        seen += [row["number"] for row in page]
        before = page[-1]["id"]
    assert sorted(seen) == ["6910", "6911", "6912", "6913", "6914", "6999"]
    assert listed(shop, why=Why.FEE) == [("6910", "fee", -40)]
    assert sums(shop)["lines"] == 6
    assert session.scalar(text("SELECT count(*) FROM marketplace_payouts")) == 2
