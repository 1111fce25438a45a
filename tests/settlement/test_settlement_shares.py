"""Settling: firm, host and platform get exactly what was paid and not given back, once, in one balanced journal."""

from fractions import Fraction

import pytest
from flask import Flask
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, text
from sqlalchemy.exc import IntegrityError

from shop.access.guard import Actor, Grant
from shop.access.models import PartyKind, Role
from shop.catalog.models import Firm
from shop.channels.actions import set_fee
from shop.channels.models import Partner
from shop.income.actions import grant_refund, settle_and_reach, take_back
from shop.ledger.models import Account, Journal, Posting
from shop.orders.actions import cancel, dispatch
from shop.orders.models import Order, OrderStatus, PaymentTerms
from shop.payments.actions import request_refund
from shop.payments.errors import RefundBeyondPaid
from shop.payments.models import Refund
from shop.reports.books import CHECKS, run_checks
from shop.settlement.actions import adjust_for_refund, settle_order
from shop.settlement.models import Settlement, Share, ShareKind
from shop.settlement.queries import shares as statement
from tests.conftest import A_DAY_IN_JULY as NOW
from tests.factories.sales import NECTARINE, Season, agreement_of, undone

#: Basis points that the partner of each channel gets; the season's shop pays 200, its host 800.
PARTNER_BP = {"SHOP": 200, "CADRE": 0, "HOST": 800, "UNIT": 0, "AGREEMENT": 0}
PART = {"SHOP": ShareKind.PLATFORM, "HOST": ShareKind.HOST}
BOOKS = [check for check in CHECKS if check.code.startswith(("I0", "I1", "I25", "I30", "S"))]


def sold(season: Season, way: str, quantity: int = 2) -> Order:
    """A confirmed order through each of the five channels."""
    if way == "AGREEMENT":
        return season.called(agreement_of(season), 7_777 * quantity)
    return season.approved(way, quantity) if way == "UNIT" else season.paid(way, quantity)


def shares(season: Season, order: Order) -> dict[ShareKind, int]:
    """What each has got of the order by now."""
    rows = season.session.execute(
        select(Share.kind, func.sum(Share.amount_fen))
        .join(Settlement, Settlement.id == Share.settlement_id)
        .where(Settlement.order_id == order.id)
        .group_by(Share.kind)
    )
    return {kind: int(fen) for kind, fen in rows}


def journal(season: Season, settlement: Settlement) -> list[tuple[str, int]]:
    rows = season.session.execute(
        select(Account.kind, Posting.amount_fen)
        .join(Posting, Posting.account_id == Account.id)
        .where(Posting.journal_id == settlement.journal_id)
        .order_by(Posting.id)
    )
    return [(kind.value, fen) for kind, fen in rows]


def books(season: Season) -> list[str]:
    season.session.flush()
    return [str(found) for found in run_checks(season.session.connection(), BOOKS, now=season.now)]


def net(order: Order) -> int:
    return order.paid_fen - order.refunded_fen


@pytest.mark.parametrize(
    ("way", "expected"),
    [
        ("SHOP", {ShareKind.FIRM: 7_801, ShareKind.PLATFORM: 159}),  # 2 x 3980, fee 2 % = 159.2
        ("CADRE", {ShareKind.FIRM: 7_960}),
        ("HOST", {ShareKind.FIRM: 5_520, ShareKind.HOST: 480}),  # 2 x 3000, commission 8 %
        ("UNIT", {ShareKind.FIRM: 7_960}),
        ("AGREEMENT", {ShareKind.FIRM: 8_959}),  # 15.554 kg at 576 fen = 8959.1
    ],
)
def test_each_channel_shares_the_whole_amount(season: Season, way: str, expected: dict[ShareKind, int]) -> None:
    order = season.settled(sold(season, way))
    assert order.status is OrderStatus.SETTLED
    assert shares(season, order) == expected
    assert sum(expected.values()) == order.total_fen
    assert books(season) == []


@pytest.mark.parametrize(
    ("way", "expected"),
    [
        ("SHOP", [("firm", -7_801), ("platform", -159), ("advances", 7_960)]),
        ("HOST", [("firm", -5_520), ("host", -480), ("advances", 6_000)]),
        ("UNIT", [("firm", -7_960), ("receivable", 7_960)]),
    ],
)
def test_a_settlement_is_one_balanced_journal(season: Season, way: str, expected: list[tuple[str, int]]) -> None:
    order = season.accepted(sold(season, way))
    settlement = settle_order(season.session, order.id, now=season.now)
    assert settlement is not None
    assert journal(season, settlement) == expected
    assert sum(fen for _, fen in expected) == 0
    booked = season.session.get_one(Journal, settlement.journal_id)
    assert (booked.source_type, booked.source_id, booked.kind) == ("orders", order.id, "settlement")


@pytest.mark.parametrize("way", PARTNER_BP)
def test_settling_twice_settles_once(season: Season, way: str) -> None:
    order = season.settled(sold(season, way))
    before = (shares(season, order), season.session.scalar(select(func.count()).select_from(Posting)))
    assert settle_order(season.session, order.id, now=season.now) is None
    assert settle_and_reach(season.session, order.id, now=season.now) is None
    assert (shares(season, order), season.session.scalar(select(func.count()).select_from(Posting))) == before
    assert season.session.scalar(select(func.count()).where(Settlement.order_id == order.id)) == 1


def test_the_database_itself_refuses_a_second_settlement_of_an_order(season: Season) -> None:
    order = season.settled(season.paid())
    again = Settlement(order_id=order.id, net_fen=1, settled_at=NOW, month=NOW.date().replace(day=1))
    with pytest.raises(IntegrityError, match="uq_settlements_order_first"), season.session.begin_nested():
        season.session.add(again)
    with pytest.raises(IntegrityError, match="append-only"), season.session.begin_nested():
        season.session.execute(text("UPDATE settlement_shares SET amount_fen = 0"))


@pytest.mark.parametrize("state", ["placed", "confirmed", "dispatched", "cancelled"])
def test_only_an_accepted_order_is_settled(season: Season, state: str) -> None:
    order = season.placed() if state == "placed" else season.paid()
    if state == "dispatched":
        dispatch(season.session, order, None, carrier_zh=None, tracking_number=None, actor_id=None, now=season.now)
    elif state == "cancelled":
        cancel(season.session, order, actor_id=None, now=season.now)
    assert settle_order(season.session, order.id, now=season.now) is None
    assert order.status.value == state
    assert shares(season, order) == {}


def test_what_was_given_back_before_settlement_is_shared_with_nobody(season: Season) -> None:
    order = season.paid("HOST")
    season.refunded(order, 1_000)
    season.settled(order)
    assert shares(season, order) == {ShareKind.FIRM: 4_600, ShareKind.HOST: 400}
    refund_id = season.session.execute(select(Refund.id).where(Refund.order_id == order.id)).scalar_one()
    assert adjust_for_refund(season.session, refund_id, now=season.now) is None
    assert books(season) == []


def test_an_order_that_was_given_back_whole_is_settled_at_nothing(season: Season) -> None:
    order = season.paid("HOST")
    season.refunded(order, order.total_fen)
    season.accepted(order)
    settlement = settle_and_reach(season.session, order.id, now=season.now)
    assert settlement is not None
    assert (settlement.net_fen, settlement.journal_id, order.status) == (0, None, OrderStatus.SETTLED)
    season.tell_refunds()
    assert books(season) == []


@pytest.mark.parametrize(
    ("way", "change"),
    [
        ("SHOP", [("firm", 980), ("platform", 20), ("refunds_due", -1_000)]),
        ("HOST", [("firm", 920), ("host", 80), ("refunds_due", -1_000)]),
        ("CADRE", [("firm", 1_000), ("refunds_due", -1_000)]),
    ],
)
def test_t31_t47_a_refund_after_settlement_is_a_negative_settlement_of_its_own(
    season: Season, way: str, change: list[tuple[str, int]]
) -> None:
    order = season.settled(sold(season, way))
    first = season.session.execute(select(Settlement).where(Settlement.order_id == order.id)).scalar_one()
    whole = (first.net_fen, journal(season, first))
    refund = season.refunded(order, 1_000)
    back = season.session.execute(select(Settlement).where(Settlement.refund_id == refund.id)).scalar_one()
    assert (back.net_fen, journal(season, back)) == (-1_000, change)
    assert (first.net_fen, journal(season, first)) == whole, "what was settled stays as it was"
    assert take_back(season.session, refund.id, now=season.now) is None
    season.tell_refunds()
    season.session.refresh(order)
    assert sum(shares(season, order).values()) == net(order) == order.total_fen - 1_000
    assert books(season) == []


@settings(max_examples=7, deadline=None, database=None)
@given(
    st.sampled_from(["SHOP", "CADRE", "HOST"]),
    st.integers(1, 3),
    st.lists(st.integers(1, 4_000), max_size=3),
    st.lists(st.integers(1, 4_000), max_size=4),
    st.integers(0, 2_500),
)
def test_whatever_is_refused_and_refunded_before_and_after_the_shares_are_what_remains(
    market: Flask, way: str, quantity: int, before: list[int], after: list[int], refused_g: int
) -> None:
    with market.app_context(), undone(market.extensions["sku"], NOW) as season:
        order = sold(season, way, quantity)
        left = order.total_fen
        for fen in before:
            if fen <= left:
                season.refunded(order, fen)
                left -= fen
        season.settled(order, refused_g)
        season.session.refresh(order)
        left = net(order)
        for fen in after:
            if fen <= left:
                season.refunded(order, fen)
                left -= fen
        season.tell_refunds()
        season.session.refresh(order)
        assert net(order) == left
        got = shares(season, order)
        assert sum(got.values()) == left
        partner = got.get(PART.get(way, ShareKind.CARRIER), 0)
        # One line, so what remains is shared as if it had been settled just now: to the nearest fen.
        assert abs(partner - Fraction(left * PARTNER_BP[way], 10_000)) <= Fraction(1, 2)
        assert min(got.values(), default=0) >= 0
        assert books(season) == []


def test_two_lines_are_shared_line_by_line(season: Season) -> None:
    partner = season.session.execute(select(Partner).where(Partner.code == "SHOP")).scalar_one()
    set_fee(season.session, partner, 999, NOW.date(), actor_id=None, now=NOW)
    order = season.pays(season.several({season.sku: 1, NECTARINE: 1}))
    season.settled(order)
    # 9.99 % of 3980 = 397.602, of 2980 = 297.702
    assert shares(season, order) == {ShareKind.FIRM: 6_264, ShareKind.PLATFORM: 398 + 298}
    season.refunded(order, 3_000)  # 1716 and 1284: what remains is 2264 and 1696
    assert shares(season, order) == {ShareKind.FIRM: 3_565, ShareKind.PLATFORM: 226 + 169}
    season.tell_refunds()
    assert books(season) == []


def test_the_rate_is_that_of_the_day_of_the_order(season: Season) -> None:
    partner = season.session.execute(select(Partner).where(Partner.code == "SHOP")).scalar_one()
    order = season.paid()
    set_fee(season.session, partner, 400, NOW.date().replace(day=16), actor_id=None, now=NOW)
    season.settled(order)
    assert shares(season, order) == {ShareKind.FIRM: 7_801, ShareKind.PLATFORM: 159}


def test_several_refunds_granted_before_anything_is_taken_back_leave_the_total_right(season: Season) -> None:
    order = season.settled(season.paid("HOST"))
    refunds = [request_refund(season.session, order, fen, "坏果", actor_id=None, now=season.now) for fen in (7, 13, 1)]
    for refund in refunds:
        take_back(season.session, refund.id, now=season.now)
    assert sum(shares(season, order).values()) == order.total_fen - 21
    assert shares(season, order)[ShareKind.HOST] == 478  # 8 % of 5979 = 478.32
    season.tell_refunds()
    assert books(season) == []


def test_t29_a_refund_after_settlement_stays_within_what_is_left(season: Season) -> None:
    order = season.settled(season.paid("HOST"))
    season.refunded(order, 6_000)
    got = shares(season, order)
    with pytest.raises(RefundBeyondPaid):
        grant_refund(season.session, order, 1, "坏果", line_ids=None, actor_id=None, now=season.now)
    assert shares(season, order) == got == {ShareKind.FIRM: 0, ShareKind.HOST: 0}


def test_an_invoice_is_settled_at_the_accepted_amount(season: Season) -> None:
    order = season.settled(season.approved("UNIT", 5), refused_g=2_500)
    assert (order.payment_terms, order.total_fen) == (PaymentTerms.ON_INVOICE, 19_900)
    assert shares(season, order) == {ShareKind.FIRM: 15_920}
    assert books(season) == []


def test_firm_and_host_read_their_own_shares_and_the_operator_all(season: Season) -> None:
    order = season.settled(season.paid("HOST"))
    season.refunded(order, 1_000)
    firm = season.session.execute(select(Firm.party_id).where(Firm.id == order.firm_id)).scalar_one()
    host = season.session.execute(select(Partner.party_id).where(Partner.id == order.partner_id)).scalar_one()

    def read(role: Role, kind: PartyKind, party_id: int) -> list[tuple[str, int, bool]]:
        actor = Actor(1, (Grant(role, party_id, kind),))
        rows = statement(season.session, actor, limit=10, number=order.number)
        return [(row["kind"], row["amount_fen"], row["takes_back"]) for row in rows]

    assert read(Role.FIRM_STAFF, PartyKind.FIRM, firm) == [("firm", -920, True), ("firm", 5_520, False)]
    assert read(Role.HOST, PartyKind.HOST, host) == [("host", -80, True), ("host", 480, False)]
    assert read(Role.HOST, PartyKind.HOST, firm + host) == []
    assert len(read(Role.OPERATOR, PartyKind.COUNTY, 0)) == 4
