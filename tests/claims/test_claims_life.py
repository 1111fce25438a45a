"""A claim from the buyer's photo to the refund: who, until when, how much, worth what, decided by whom, once."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError

from shop.channels.models import CouponPayer
from shop.claims import errors
from shop.claims.actions import Told, accept, answer, raise_claim, reject, withdraw
from shop.claims.models import Claim, ClaimReason, ClaimStatus
from shop.claims.rules import ANSWER_TIME, CLAIM_PERIOD, worth
from shop.kit.states import History
from shop.orders.locks import lines_of
from shop.orders.models import Order
from shop.payments.models import Refund, RefundLine
from tests.factories.claims import answered, claimed, granted
from tests.factories.sales import Season, agreement_of
from tests.live.test_live_coupons import order as with_coupon
from tests.live.test_live_coupons import promise


def told(season: Season, **more: object) -> Told:
    return Told(season.sku, ClaimReason.CRUSHED, "IMG_7", **(more or {"packs": 1}))  # type: ignore[arg-type]


def received(season: Season, partner: str = "SHOP", quantity: int = 2) -> Order:
    return season.settled(season.paid(partner, quantity))


def refunds(season: Season, order: Order) -> list[int]:
    return list(
        season.session.scalars(select(Refund.amount_fen).where(Refund.order_id == order.id).order_by(Refund.id))
    )


def later(season: Season, step: timedelta) -> Season:
    return Season(season.session, season.now + step, season.sku)


@pytest.mark.parametrize("partner", ["SHOP", "CADRE", "HOST"])
def test_who_bought_for_himself_claims_and_what_is_accepted_goes_back_to_his_payment(
    season: Season, partner: str
) -> None:
    order = received(season, partner)
    (line,) = lines_of(season.session, order.id)
    claim = granted(season, order, line.weight_g // 10)
    assert claim.status is ClaimStatus.ACCEPTED
    assert claim.amount_fen == (line.amount_fen + 5) // 10
    assert refunds(season, order) == [claim.amount_fen]
    assert season.session.scalars(select(RefundLine.order_line_id)).all() == [line.id]
    season.tell_refunds()
    season.session.refresh(order)
    assert order.refunded_fen == claim.amount_fen


def test_a_claim_before_the_settlement_is_paid_out_of_the_advances(season: Season) -> None:
    order = season.accepted(season.paid())
    claim = granted(season, order, 500)
    legs = season.session.execute(
        text(
            "SELECT accounts.kind, amount_fen FROM postings JOIN accounts ON accounts.id = account_id"
            " JOIN journals ON journals.id = journal_id WHERE source_type = 'refunds' AND source_id = :id ORDER BY 1"
        ),
        {"id": claim.refund_id},
    ).all()
    assert legs == [("advances", claim.amount_fen), ("refunds_due", -(claim.amount_fen or 0))]


def test_who_pays_on_invoice_refuses_at_acceptance_and_does_not_claim(season: Season) -> None:
    for order in (
        season.accepted(season.approved("UNIT")),
        season.accepted(season.called(agreement_of(season), 20_000)),
    ):
        with pytest.raises(errors.NotClaimable):
            raise_claim(season.session, order, told(season), actor_id=None, now=season.now)


def test_what_was_not_received_cannot_be_claimed(season: Season) -> None:
    for order in (season.placed(), season.paid()):
        with pytest.raises(errors.NotReceived):
            raise_claim(season.session, order, told(season), actor_id=None, now=season.now)


def test_the_claim_period_ends_48_hours_after_the_receipt(season: Season) -> None:
    first, second = received(season), received(season)
    assert claimed(later(season, CLAIM_PERIOD), first, 500).status is ClaimStatus.OPEN
    with pytest.raises(errors.ClaimTooLate):
        claimed(later(season, CLAIM_PERIOD + timedelta(seconds=1)), second, 500)
    assert timedelta(hours=48) == CLAIM_PERIOD


def test_no_more_is_claimed_than_was_accepted(season: Season) -> None:
    order = season.settled(season.paid(), refused_g=700)
    (line,) = lines_of(season.session, order.id)
    whole = line.weight_g - 700
    with pytest.raises(errors.ClaimBeyondReceived) as refused:
        claimed(season, order, whole + 1)
    assert refused.value.facts == {"sku": season.sku, "left_g": whole, "asked_g": whole + 1}
    with pytest.raises(errors.ClaimBeyondReceived):
        raise_claim(season.session, order, told(season, packs=2), actor_id=None, now=season.now)
    assert claimed(season, order, whole).damaged_g == whole


def test_packs_are_claimed_by_their_weight(season: Season) -> None:
    order = received(season)
    claim = raise_claim(season.session, order, told(season, packs=2), actor_id=None, now=season.now)
    assert claim.damaged_g == lines_of(season.session, order.id)[0].weight_g


def test_a_product_that_was_not_ordered_is_not_found(season: Season) -> None:
    with pytest.raises(errors.NotFoundError):
        raise_claim(
            season.session, received(season), Told("PL999", ClaimReason.OTHER, "IMG", packs=1), actor_id=None,
            now=season.now,
        )  # fmt: skip


def test_one_claim_of_a_product_is_open_at_a_time(season: Season) -> None:
    order = received(season)
    first = claimed(season, order, 100)
    with pytest.raises(errors.ClaimOpen):
        claimed(season, order, 100)
    withdraw(season.session, first.number, actor_id=None, now=season.now)
    second = claimed(season, order, 100)
    assert second.number == f"Q{order.number}-2"


def test_the_firm_answers_once(season: Season) -> None:
    claim = answered(season, received(season), 500, agrees=False)
    assert (claim.status, claim.firm_agrees) == (ClaimStatus.ANSWERED, False)
    with pytest.raises(errors.MoveRefusedError):
        answer(season.session, claim.number, agrees=True, words="改主意", actor_id=None, now=season.now)
    assert claim.firm_agrees is False


@pytest.mark.parametrize("event", ["accept", "reject"])
def test_the_county_decides_after_the_answer_or_when_its_time_is_over(season: Season, event: str) -> None:
    claim = claimed(season, received(season), 500)

    def decide(now: Season) -> Claim:
        if event == "accept":
            return accept(now.session, claim.number, granted_g=None, words="可", actor_id=None, now=now.now)
        return reject(now.session, claim.number, words="否", actor_id=None, now=now.now)

    with pytest.raises(errors.AnswerAwaited):
        decide(later(season, ANSWER_TIME - timedelta(seconds=1)))
    assert claim.status is ClaimStatus.OPEN
    assert decide(later(season, ANSWER_TIME)).status.value == f"{event}ed"


def test_a_decision_is_final(season: Season) -> None:
    order = received(season)
    claim = granted(season, order, 500)
    for again in (
        lambda: accept(season.session, claim.number, granted_g=None, words="再", actor_id=None, now=season.now),
        lambda: reject(season.session, claim.number, words="再", actor_id=None, now=season.now),
        lambda: withdraw(season.session, claim.number, actor_id=None, now=season.now),
    ):
        with pytest.raises(errors.MoveRefusedError):
            again()
    assert refunds(season, order) == [claim.amount_fen]


def test_a_rejected_claim_pays_nothing_and_says_why(season: Season) -> None:
    order = received(season)
    claim = answered(season, order, 500, agrees=False)
    reject(season.session, claim.number, words="照片不是本单商品", actor_id=None, now=season.now)
    assert (claim.status, claim.decision) == (ClaimStatus.REJECTED, "照片不是本单商品")
    assert refunds(season, order) == []


def test_the_county_may_find_less_weight_right_and_never_more(season: Season) -> None:
    order = received(season)
    (line,) = lines_of(season.session, order.id)
    claim = answered(season, order, 1_000)
    with pytest.raises(errors.ClaimBeyondReceived):
        accept(season.session, claim.number, granted_g=1_001, words="可", actor_id=None, now=season.now)
    accept(season.session, claim.number, granted_g=400, words="可", actor_id=None, now=season.now)
    assert claim.amount_fen == worth(line.amount_fen, line.weight_g, 400)


def test_above_30_percent_of_the_weight_the_whole_line_goes_back(season: Season) -> None:
    order = received(season)
    (line,) = lines_of(season.session, order.id)
    limit = line.weight_g * 3 // 10
    assert worth(line.amount_fen, line.weight_g, limit) < line.amount_fen
    assert granted(season, order, limit + 1).amount_fen == line.amount_fen


def test_two_small_claims_are_worth_what_one_would_be(season: Season) -> None:
    split, whole = received(season), received(season)
    granted(season, split, 700)
    granted(season, split, 501)
    one = granted(season, whole, 1_201)
    assert sum(refunds(season, split)) == one.amount_fen


def test_what_went_back_in_another_way_is_not_paid_twice(season: Season) -> None:
    order = received(season)
    season.refunded(order, order.total_fen - 100)
    assert granted(season, order, 4_000).amount_fen == 100
    with pytest.raises(errors.NothingLeft):
        granted(season, order, 500)


def test_what_a_coupon_took_off_is_not_paid_back(season: Season) -> None:
    promise(season, "H5", CouponPayer.HOST, None)
    order = season.settled(season.pays(with_coupon(season, "H5")))
    (line,) = lines_of(season.session, order.id)
    assert (line.amount_fen, order.paid_fen) == (6_000, 5_500)
    assert granted(season, order, line.weight_g // 10).amount_fen == 550
    assert granted(season, order, line.weight_g // 2).amount_fen == 4_950
    assert refunds(season, order) == [550, 4_950]


def test_what_was_refused_at_the_door_is_not_paid_again(season: Season) -> None:
    order = season.settled(season.paid(), refused_g=1_000)
    (line,) = lines_of(season.session, order.id)
    assert line.accepted_fen is not None
    assert granted(season, order, 4_000).amount_fen == line.accepted_fen


def test_every_step_stands_in_the_history(season: Season) -> None:
    claim = granted(season, received(season), 500)
    steps = season.session.execute(
        select(History.event, History.from_state, History.to_state)
        .where(History.entity_type == "claims", History.entity_id == claim.id)
        .order_by(History.id)
    ).all()
    assert steps == [("claim", None, "open"), ("answer", "open", "answered"), ("accept", "answered", "accepted")]


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE claims SET damaged_g = damaged_g + 1",
        "UPDATE claims SET photo_reference = 'another'",
        "UPDATE claims SET firm_agrees = NOT firm_agrees",
        "UPDATE claims SET told = 'something else'",
        "DELETE FROM claims",
    ],
)
def test_what_was_told_and_answered_never_changes(season: Season, change: str) -> None:
    answered(season, received(season), 500)
    with pytest.raises(IntegrityError, match="stays as it was told"):
        season.session.execute(text(change))


def test_a_decided_claim_never_changes(season: Season) -> None:
    granted(season, received(season), 500)
    with pytest.raises(IntegrityError, match="stays as it was told"):
        season.session.execute(text("UPDATE claims SET decision = 'x'"))


@given(
    line_fen=st.integers(1, 10_000_000), accepted_g=st.integers(1, 1_000_000), parts=st.lists(st.integers(1, 10_000))
)
def test_worth_grows_with_the_weight_and_never_passes_the_line(
    line_fen: int, accepted_g: int, parts: list[int]
) -> None:
    weights = sorted({min(part, accepted_g) for part in parts} | {accepted_g})
    values = [worth(line_fen, accepted_g, weight) for weight in weights]
    assert values == sorted(values)
    assert values[-1] == line_fen
    assert min(values) >= 0
