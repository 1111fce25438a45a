"""Calling off: never beyond the promise, never outside the term, whoever asks at the same time (T34, T35)."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from shop.agreements import actions
from shop.agreements.errors import AgreementNotRunning, OutsideTerm, ProductNotPromised, PromiseExceeded
from shop.agreements.models import Agreement, AgreementLine, CallOff, CallOffStatus, DueWeight, PriceRule
from shop.catalog.actions import product_by_sku
from shop.kit.db import db, transaction
from shop.kit.errors import DomainError
from tests.factories.agreements import line, recorded
from tests.factories.tables import contents
from tests.factories.world import NOW, TODAY, World, build

#: Agreement A01 of the world: 1 t promised from 1 July to 1 December, 10 kg called already.
COMMITTED_G, CALLED_G = 1_000_000, 10_000
LEFT_G = COMMITTED_G - CALLED_G


@pytest.fixture
def world(committed: Flask) -> World:
    return build(committed)


def call(session: Session, weight_g: int, due_on: date = TODAY, code: str = "A01", sku: str = "PL001") -> CallOff:
    return actions.call_off(
        session, code, product_by_sku(session, sku), weight_g, due_on, scheduled=False, actor_id=None, now=NOW
    )


def refused(world: World, error: type[DomainError], *args: object, **kwargs: object) -> DomainError:
    before = contents(world.app)
    with pytest.raises(error) as caught, transaction() as session:
        call(session, *args, **kwargs)  # type: ignore[arg-type]
    assert contents(world.app) == before
    return caught.value


def called() -> int:
    return int(
        db.session.scalar(
            select(func.sum(CallOff.weight_g))
            .join(Agreement, Agreement.id == CallOff.agreement_id)
            .where(Agreement.code == "A01", CallOff.status != CallOffStatus.CANCELLED)
        )
        or 0
    )


def test_t34_one_call_beyond_the_promise_is_refused_and_the_exact_rest_is_not(world: World) -> None:
    error = refused(world, PromiseExceeded, LEFT_G + 1)
    assert error.facts == {"agreement": "A01", "left_g": LEFT_G, "asked_g": LEFT_G + 1}
    with transaction() as session:
        call(session, LEFT_G)
    assert called() == COMMITTED_G
    refused(world, PromiseExceeded, 1)


def test_t34_many_calls_add_up(world: World) -> None:
    for _ in range(3):
        with transaction() as session:
            call(session, 330_000)
    assert called() == COMMITTED_G
    refused(world, PromiseExceeded, 1)


def test_t34_fifty_at_once_reach_the_limit_and_not_one_gram_more(world: World) -> None:
    def ask(_: int) -> bool:
        with world.app.app_context():
            try:
                with transaction() as session:
                    call(session, 50_000)
            except PromiseExceeded:
                return False
            return True

    with ThreadPoolExecutor(5) as threads:
        answers = list(threads.map(ask, range(50)))
    assert answers.count(True) == LEFT_G // 50_000 == 19
    assert called() == CALLED_G + 19 * 50_000


def test_a_cancelled_call_gives_its_grams_back_once(world: World) -> None:
    with transaction() as session:
        made = call(session, LEFT_G).id
    with transaction() as session:
        actions.move_call_off(session, made, "cancel", actor_id=None, now=NOW)
    with pytest.raises(DomainError), transaction() as session:
        actions.move_call_off(session, made, "cancel", actor_id=None, now=NOW)
    assert called() == CALLED_G


@pytest.mark.parametrize("day", [date(2025, 6, 30), date(2025, 12, 2)])
def test_t35_before_the_first_and_after_the_last_day_is_refused(world: World, day: date) -> None:
    refused(world, OutsideTerm, 1_000, day)


@pytest.mark.parametrize("day", [date(2025, 7, 1), date(2025, 12, 1)])
def test_t35_the_first_and_the_last_day_belong_to_the_term(world: World, day: date) -> None:
    with transaction() as session:
        assert call(session, 1_000, day).due_on == day


def test_t35_a_terminated_agreement_is_not_called_off(world: World) -> None:
    with transaction() as session:
        agreement = actions.agreement_by_code(session, "A01", lock=True)
        actions.advance(session, agreement, actions.AGREEMENT_LIFE, "terminate", person_id=None, now=NOW)
    refused(world, AgreementNotRunning, 1_000)


def test_a_product_that_was_not_promised_is_refused(world: World) -> None:
    refused(world, ProductNotPromised, 1_000, sku="PL002")


def test_t35_the_agreement_of_another_buyer_is_not_there(world: World) -> None:
    before = contents(world.app)
    answer = world.app.test_client().post(
        "/api/v1/agreements/A02/call-offs",
        json={"sku": "PL002", "weight_g": 1_000, "due_on": "2025-07-17"},
        headers=world.headers["buyer"] | {"Idempotency-Key": "foreign"},
    )
    assert answer.status_code == 404
    assert contents(world.app) == before


def test_a_price_is_fixed_when_called_and_no_later_quote_moves_it(world: World) -> None:
    with transaction() as session:
        recorded(session, line(price_rule=PriceRule.FLOOR_OR_MARKET))
        product_id = product_by_sku(session, "PL001").id
        actions.record_quote(session, product_id, TODAY, "甲市场（示例）", 640, now=NOW)
        first = call(session, 1_000, code="A50")
        actions.record_quote(session, product_id, TODAY, "乙市场（示例）", 900, now=NOW)
        assert first.price_fen_per_kg == 640
    with pytest.raises(actions.QuoteExists), transaction() as session:
        actions.record_quote(session, product_id, TODAY, "甲市场（示例）", 1, now=NOW)


def test_the_schedule_calls_once_for_a_line_and_a_day_whatever_is_run_again(world: World) -> None:
    with transaction() as session:
        promised = session.scalars(select(AgreementLine).join(Agreement).where(Agreement.code == "A01")).one()
        session.add(DueWeight(line_id=promised.id, due_on=TODAY, weight_g=5_000))
    with transaction() as session:
        (due,) = actions.due_calls(session, TODAY)
        assert (due.agreement_code, due.sku, due.weight_g) == ("A01", "PL001", 5_000)
        actions.call_off(
            session, due.agreement_code, product_by_sku(session, due.sku), due.weight_g, TODAY, scheduled=True,
            actor_id=None, now=NOW,
        )  # fmt: skip
    assert actions.due_calls(db.session(), TODAY) == []
