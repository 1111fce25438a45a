"""Two who say at once what was paid of a penalty: never more than was claimed, and a number of the bank once."""

from collections.abc import Callable
from datetime import timedelta
from threading import Barrier

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from shop.agreements.actions import agreement_by_code
from shop.agreements.models import Side
from shop.agreements.signing import Hand
from shop.kit.db import db, transaction
from shop.ledger.actions import account
from shop.ledger.models import AccountKind
from shop.orders.breach import decide, propose_penalties
from shop.orders.models import PenaltyProposal
from shop.orders.scheduled import place_due
from shop.payments import penalties
from shop.payments.models import PenaltyPayment
from tests.factories.agreements import line, recorded
from tests.factories.threads import at_once
from tests.factories.world import NOW, TODAY, World, build

BUYER = Hand(Side.BUYER, None, NOW)
CLAIMED = 125


@pytest.fixture
def world(committed: Flask) -> World:
    """Agreements A50 and A51, of each a claimed penalty of the firm: 1.25 yuan."""
    built = build(committed)
    with transaction() as session:
        account(session, AccountKind.CLEARING)  # opened before, so that nobody waits for it
        for code in ("A50", "A51"):
            recorded(session, line(minimum_g=0), code=code)
        place_due(session, TODAY, now=NOW)
        for code in ("A50", "A51"):
            agreement = agreement_by_code(session, code, lock=True)
            [made] = propose_penalties(session, agreement, TODAY + timedelta(days=1), actor_id=None, now=NOW)
            decide(session, agreement, 1, "claim", by=BUYER, reason="未交货")
            assert made.penalty_fen == CLAIMED
    return built


def says(code: str, reference: str, fen: int, *, lock: bool = True) -> Callable[[Session], object]:
    def receive(session: Session) -> object:
        agreement = agreement_by_code(session, code, lock=lock)
        return penalties.receive(session, agreement, 1, fen, reference, TODAY, by=BUYER)

    return receive


def paid() -> int:
    total = db.session.scalar(select(func.sum(PenaltyPayment.amount_fen)))
    db.session.rollback()
    return int(total or 0)


def test_two_parts_at_once_are_never_more_than_was_claimed(world: World) -> None:
    found = at_once(world.app, [says("A50", "W1", 100), says("A50", "W2", 100)])
    assert (sorted(found), paid()) == (["", "penalty-beyond-claimed"], 100)


def test_a_number_of_the_bank_is_booked_once_whichever_agreement_it_is_said_of(world: World) -> None:
    found = at_once(world.app, [says("A50", "W1", 100), says("A51", "W1", 100)])
    assert (sorted(found), paid()) == (["", "transfer-booked"], 100)


def test_the_control_without_the_lock_of_the_agreement_more_is_paid_than_was_claimed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the lock is for: if this test fails, the ones above prove nothing."""
    read, asked = Barrier(2), penalties.paid_fen

    def slowly(session: Session, proposal: PenaltyProposal) -> int:
        found = asked(session, proposal)
        read.wait(timeout=10)
        return found

    monkeypatch.setattr(penalties, "paid_fen", slowly)
    found = at_once(world.app, [says("A50", "W1", 100, lock=False), says("A50", "W2", 100, lock=False)])
    assert (found, paid()) == (["", ""], 200)
