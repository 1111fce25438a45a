"""Bank transfers against invoices: what came in is booked once, never more than is owed."""

import pytest
from sqlalchemy import func, select

from shop.kit.clock import beijing_day
from shop.ledger.actions import account, balance
from shop.ledger.models import AccountKind
from shop.orders.models import Order
from shop.payments.actions import owed_fen, record_bank_transfer
from shop.payments.errors import NothingToPay, PaymentBeyondOwed, TransferBooked
from shop.payments.models import Payment, PaymentStatus, Provider
from shop.reports.books import CHECKS, run_checks
from tests.conftest import A_DAY_IN_JULY as NOW
from tests.factories.sales import Season, agreement_of


def transfer(season: Season, order: Order, fen: int, reference: str = "YH-1") -> Payment:
    return record_bank_transfer(season.session, order, fen, reference, actor_id=None, now=NOW)


def booked(season: Season) -> tuple[int, int]:
    """Number of payments and fen in the till."""
    number = season.session.execute(select(func.count()).select_from(Payment)).scalar_one()
    return number, balance(season.session, account(season.session, AccountKind.CLEARING))


def receivable(season: Season, order: Order) -> int:
    return balance(season.session, account(season.session, AccountKind.RECEIVABLE, order.buyer_party_id))


def test_an_invoice_is_paid_in_parts_until_nothing_is_owed(season: Season) -> None:
    order = season.settled(season.approved("UNIT", 5), refused_g=2_500)
    assert (order.total_fen, owed_fen(season.session, order)) == (19_900, 15_920)
    assert receivable(season, order) == 15_920
    first = transfer(season, order, 10_000)
    assert (first.provider, first.status, first.amount_fen) == (Provider.BANK_TRANSFER, PaymentStatus.SUCCEEDED, 10_000)
    assert (owed_fen(season.session, order), receivable(season, order)) == (5_920, 5_920)
    transfer(season, order, 5_920, "YH-2")
    assert (owed_fen(season.session, order), receivable(season, order), order.paid_fen) == (0, 0, 15_920)
    assert booked(season) == (2, 15_920)
    season.session.flush()
    assert [
        str(found) for found in run_checks(season.session.connection(), CHECKS, now=NOW) if found.check.rollup is None
    ] == []


def test_more_than_is_owed_and_nothing_at_all_are_refused(season: Season) -> None:
    order = season.settled(season.approved("UNIT", 5))
    for fen in (0, -1):
        with pytest.raises(NothingToPay):
            transfer(season, order, fen)
    with pytest.raises(PaymentBeyondOwed) as more:
        transfer(season, order, 19_901)
    assert more.value.sentence("zh") == f"订单 {order.number} 还欠 199.00 元，这笔是 199.01 元。"
    assert booked(season) == (0, 0)
    transfer(season, order, 19_900)
    for fen in (1, 0):
        with pytest.raises(NothingToPay):
            transfer(season, order, fen, "YH-2")
    assert booked(season) == (1, 19_900)


def test_a_transfer_is_booked_once_whichever_invoice_it_is_put_to(season: Season) -> None:
    order, other = (season.settled(season.approved("UNIT", 5)) for _ in range(2))
    transfer(season, order, 1_000)
    for again in (order, other):
        with pytest.raises(TransferBooked):
            transfer(season, again, 500)
    assert booked(season) == (1, 1_000)
    assert (order.paid_fen, other.paid_fen) == (1_000, 0)


def test_a_prepaid_order_and_an_invoice_that_is_not_settled_take_no_transfer(season: Season) -> None:
    prepaid, asked, approved, accepted = (
        season.settled(season.paid()),
        season.asked("UNIT", 5),
        season.approved("UNIT", 5),
        season.accepted(season.approved("UNIT", 5)),
    )
    before = booked(season)
    for order in (prepaid, asked, approved, accepted):
        with pytest.raises(NothingToPay):
            transfer(season, order, 100)
    assert booked(season) == before


def test_a_call_off_is_owed_by_its_agreement_s_buyer_within_its_term(season: Season) -> None:
    order = season.settled(season.called(agreement_of(season), 20_000), refused_g=1_000)
    assert (order.total_fen, owed_fen(season.session, order)) == (11_520, 10_944)  # 19 of 20 kg at 576
    assert receivable(season, order) == 10_944
    assert order.due_on is not None
    assert 0 < (order.due_on - beijing_day(NOW)).days <= 60
    transfer(season, order, 10_944)
    assert receivable(season, order) == 0
