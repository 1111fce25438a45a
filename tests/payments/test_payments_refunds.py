"""Giving money back: never more than was paid, to the payment it came from, shared over the lines to the fen."""

from collections.abc import Iterator
from itertools import count

import pytest
from flask import Flask
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from shop.access.models import Party, PartyKind, Role
from shop.catalog.models import Firm
from shop.kit.db import db, release, transaction
from shop.ledger.models import Account, Journal, Posting
from shop.orders.actions import Verdict, accept, cancel, dispatch
from shop.orders.locks import lines_of
from shop.orders.models import Order, OrderLine, OrderStatus
from shop.payments.actions import refund_excess, refundable, refunded_by_line, request_refund
from shop.payments.errors import RefundBeyondPaid, RefundByBank
from shop.payments.models import Payment, Refund, RefundLine, RefundStatus
from shop.reports.books import CHECKS, run_checks
from tests.conftest import A_DAY_IN_JULY
from tests.factories.access import headers_of, person
from tests.factories.sales import NECTARINE, Season, ready, undone
from tests.factories.tables import contents

MONEY = [check for check in CHECKS if check.code.startswith(("I07", "I08", "I09", "I1"))]
keys = count(1)


@pytest.fixture(autouse=True)
def money_is_right_afterwards(season: Season) -> Iterator[None]:
    yield
    assert_money_is_right(season)


def assert_money_is_right(season: Season) -> None:
    season.session.flush()
    assert [str(found) for found in run_checks(season.session.connection(), MONEY, now=season.now)] == []


def legs(season: Season, refund: Refund) -> list[tuple[str, str, int]]:
    rows = season.session.execute(
        select(Journal.kind, Account.kind, Posting.amount_fen)
        .join(Posting, Posting.journal_id == Journal.id)
        .join(Account, Account.id == Posting.account_id)
        .where(Journal.source_type == "refunds", Journal.source_id == refund.id)
        .order_by(Posting.id)
    )
    return [(kind, of.value, fen) for kind, of, fen in rows]


def parts(season: Season, refund: Refund) -> list[int]:
    """Fen of the refund on each line of its order, by position."""
    given_back = dict(
        season.session.execute(
            select(RefundLine.order_line_id, RefundLine.amount_fen).where(RefundLine.refund_id == refund.id)
        ).all()
    )
    return [given_back.get(line.id, 0) for line in lines_of(season.session, refund.order_id)]


def test_a_refund_before_settlement_comes_out_of_the_advances_and_then_out_of_the_till(season: Season) -> None:
    order = season.paid()
    refund = season.refunded(order, 500)
    assert (refund.status, refund.amount_fen, order.refunded_fen) == (RefundStatus.PENDING, 500, 0)
    assert legs(season, refund) == [("refund", "advances", 500), ("refund", "refunds_due", -500)]
    season.tell_refunds()
    season.session.refresh(order)
    assert (refund.status, order.refunded_fen) == (RefundStatus.SUCCEEDED, 500)
    assert legs(season, refund)[2:] == [("paid_back", "refunds_due", 500), ("paid_back", "clearing", -500)]
    paid_by = season.session.get_one(Payment, refund.payment_id)
    assert paid_by.order_id == order.id


def test_t29_all_that_was_paid_can_go_back_and_not_one_fen_more(season: Season) -> None:
    order = season.paid()
    season.refunded(order, order.total_fen - 1)
    with pytest.raises(RefundBeyondPaid) as refused:
        season.refunded(order, 2)
    assert refused.value.facts == {"left_fen": 1, "asked_fen": 2}
    assert season.session.scalar(select(func.count()).where(Refund.order_id == order.id)) == 1
    season.refunded(order, 1)
    with pytest.raises(RefundBeyondPaid):
        season.refunded(order, 1)
    season.tell_refunds()
    season.session.refresh(order)
    assert order.refunded_fen == order.paid_fen == order.total_fen
    assert refundable(season.session, order) == 0


def test_t29_an_order_that_was_not_paid_gives_nothing_back(season: Season) -> None:
    order = season.placed()
    with pytest.raises(RefundBeyondPaid) as refused:
        season.refunded(order, 1)
    assert refused.value.facts == {"left_fen": 0, "asked_fen": 1}


@pytest.mark.parametrize("settled", [False, True])
def test_an_invoice_is_not_refunded_through_a_provider_that_never_had_its_money(season: Season, settled: bool) -> None:
    order = season.approved("UNIT", 5)
    if settled:
        season.settled(order)
    with pytest.raises(RefundByBank):
        season.refunded(order, 100)
    assert season.session.scalar(select(func.count()).where(Refund.order_id == order.id)) == 0


def test_a_refund_of_named_lines_stays_within_them(season: Season) -> None:
    order = season.pays(season.several({season.sku: 1, NECTARINE: 2}))
    first, second = lines_of(season.session, order.id)
    given_back = request_refund(
        season.session, order, first.amount_fen, "坏果", line_ids=[first.id], actor_id=None, now=season.now
    )
    assert parts(season, given_back) == [first.amount_fen, 0]
    with pytest.raises(RefundBeyondPaid) as refused:
        request_refund(season.session, order, 1, "坏果", line_ids=[first.id], actor_id=None, now=season.now)
    assert refused.value.facts == {"left_fen": 0, "asked_fen": 1}
    rest = season.refunded(order, 100)
    assert parts(season, rest) == [0, 100]
    assert refunded_by_line(season.session, order.id) == {first.id: first.amount_fen, second.id: 100}


def test_t18_a_refund_of_several_lines_follows_what_is_left_of_them_to_the_fen(season: Season) -> None:
    order = season.pays(season.several({season.sku: 1, NECTARINE: 2}))
    assert [line.amount_fen for line in lines_of(season.session, order.id)] == [3_980, 5_960]
    assert [parts(season, season.refunded(order, 1_001)) for _ in range(3)] == [[401, 600], [401, 600], [401, 600]]
    season.tell_refunds()
    assert [line.refunded_fen for line in lines_of(season.session, order.id)] == [1_203, 1_800]


@settings(max_examples=7, deadline=None, database=None)
@given(st.lists(st.tuples(st.integers(1, 12_000), st.sampled_from([None, 0, 1])), min_size=1, max_size=6))
def test_whatever_refunds_are_asked_for_those_that_fit_are_granted_and_the_others_change_nothing(
    market: Flask, asked: list[tuple[int, int | None]]
) -> None:
    with market.app_context(), undone(market.extensions["sku"], A_DAY_IN_JULY) as season:
        order = season.pays(season.several({season.sku: 1, NECTARINE: 2}))
        lines = lines_of(season.session, order.id)
        left = [line.amount_fen for line in lines]
        for fen, which in asked:
            ids = None if which is None else [lines[which].id]
            most = sum(left) if which is None else left[which]
            if fen > most:
                with pytest.raises(RefundBeyondPaid) as refused:
                    request_refund(season.session, order, fen, "坏果", line_ids=ids, actor_id=None, now=season.now)
                assert refused.value.facts["left_fen"] == most
            else:
                refund = request_refund(season.session, order, fen, "坏果", line_ids=ids, actor_id=None, now=season.now)
                back = parts(season, refund)
                assert sum(back) == fen
                left = [before - part for before, part in zip(left, back, strict=True)]
            assert min(left) >= 0
            assert refundable(season.session, order) == sum(left)
        season.tell_refunds()
        season.session.refresh(order)
        assert order.refunded_fen == order.total_fen - sum(left)
        assert_money_is_right(season)


def test_t18_what_is_refused_at_acceptance_goes_back_line_by_line_and_once(season: Season) -> None:
    order = season.pays(season.several({season.sku: 1, NECTARINE: 2}))
    dispatch(season.session, order, None, carrier_zh=None, tracking_number=None, actor_id=None, now=season.now)
    verdicts = {season.sku: Verdict(1_667, "压伤"), NECTARINE: Verdict(4_000, "过熟")}
    accept(season.session, order, verdicts, actor_id=None, now=season.now)
    owed = [line.accepted_fen for line in lines_of(season.session, order.id)]
    assert owed == [2_654, 4_768]  # 3980 x 1667/2500 = 2653.86; 5960 x 4000/5000
    refund_excess(season.session, order.id, now=season.now)
    assert refund_excess(season.session, order.id, now=season.now) is None
    season.tell_refunds()
    season.session.refresh(order)
    assert order.refunded_fen == 9_940 - 2_654 - 4_768
    assert [line.refunded_fen for line in lines_of(season.session, order.id)] == [1_326, 1_192]


def test_what_was_given_back_before_counts_towards_what_was_refused(season: Season) -> None:
    order = season.paid(quantity=1)
    season.refunded(order, 500)
    season.accepted(order, refused_g=500)  # a fifth of 3980 = 796
    refund = refund_excess(season.session, order.id, now=season.now)
    assert refund is not None
    assert refund.amount_fen == 796 - 500


def test_a_good_order_has_no_excess(season: Season) -> None:
    order = season.accepted(season.paid())
    assert refund_excess(season.session, order.id, now=season.now) is None
    invoice = season.accepted(season.approved("UNIT", 5), refused_g=1_000)
    assert refund_excess(season.session, invoice.id, now=season.now) is None


def test_a_cancelled_order_gives_back_what_it_had_not_given_back_yet(season: Season) -> None:
    order = season.paid()
    season.refunded(order, 960)
    cancel(season.session, order, actor_id=None, now=season.now)
    refund = refund_excess(season.session, order.id, now=season.now)
    assert refund is not None
    assert refund.amount_fen == order.total_fen - 960
    season.tell_refunds()
    season.session.refresh(order)
    assert (order.status, order.refunded_fen) == (OrderStatus.CANCELLED, order.total_fen)


def refund_over_http(app: Flask, number: str, body: dict[str, object], headers: dict[str, str]) -> int:
    key = {"Idempotency-Key": f"refund-{next(keys)}"}
    answer = app.test_client().post(f"/api/v1/orders/{number}/refunds", json=body, headers=headers | key)
    return answer.status_code


def clerk(app: Flask, firm: str) -> dict[str, str]:
    party_id = db.session.execute(select(Firm.party_id).where(Firm.code == firm)).scalar_one()
    release()
    return headers_of(app, person(app, (Role.FIRM_STAFF, party_id)))


def test_t29_t30_a_refund_is_the_selling_firms_to_grant_and_has_a_positive_amount(county: Flask) -> None:
    with transaction() as session:
        order = ready(session, A_DAY_IN_JULY).paid()
        number, total_fen, firm_id = order.number, order.total_fen, order.firm_id
        own = session.get_one(Firm, firm_id).code
        other = session.execute(select(Firm.code).where(Firm.id != firm_id).order_by(Firm.id).limit(1)).scalar_one()
        buyer = session.execute(
            select(Party.id).where(Party.id == order.buyer_party_id, Party.kind == PartyKind.CUSTOMER)
        ).scalar_one()
    ours, foreign = clerk(county, own), clerk(county, other)
    customer = headers_of(county, person(county, (Role.CUSTOMER, buyer)))
    before = contents(county) | {"idempotency_keys": ""}
    body: dict[str, object] = {"amount_fen": 100, "reason": "坏果包赔"}
    assert refund_over_http(county, number, body, foreign) == 404
    assert refund_over_http(county, "999999-00000000", body, ours) == 404
    assert refund_over_http(county, number, body, customer) == 403
    for amount in (0, -1, 1.5, "100", None):
        assert refund_over_http(county, number, body | {"amount_fen": amount}, ours) == 422
    assert refund_over_http(county, number, body | {"account": "6222"}, ours) == 422
    assert refund_over_http(county, number, body | {"amount_fen": total_fen + 1}, ours) == 409
    assert refund_over_http(county, number, body | {"skus": ["PL079"]}, ours) == 404
    assert contents(county) | {"idempotency_keys": ""} == before
    assert refund_over_http(county, number, body, ours) == 201
    granted = db.session.execute(
        select(Refund.amount_fen).join(Order, Order.id == Refund.order_id).where(Order.number == number)
    ).scalars()
    assert list(granted) == [100]
    per_line = db.session.scalars(
        select(RefundLine.amount_fen).join(OrderLine, OrderLine.id == RefundLine.order_line_id)
    )
    assert sum(per_line) == 100
    release()
