"""Double entry: a journal balances, an event is booked once, nothing booked is ever changed (I11, I12, I15)."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from threading import Barrier, Thread

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from shop.access.actions import ensure_party
from shop.access.models import PartyKind
from shop.kit.db import db, transaction
from shop.ledger.actions import account, balance, post, trial_balance
from shop.ledger.models import Account, AccountKind, Journal, Posting

NOW = datetime(2025, 7, 15, 2, tzinfo=UTC)
KINDS = [AccountKind.CLEARING, AccountKind.ADVANCES, AccountKind.REFUNDS_DUE]


def check_now(session: Session) -> None:
    """Let the checks that wait for the commit speak now."""
    session.flush()
    session.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))
    session.execute(text("SET CONSTRAINTS ALL DEFERRED"))


def booked(session: Session, *legs: int, source_id: int = 1) -> int:
    """A journal whose legs are `legs` fen on clearing, advances, refunds due, in turn."""
    accounts = [account(session, KINDS[i % 3]) for i in range(len(legs))]
    return post(session, "tests", source_id, "test", list(zip(accounts, legs, strict=True)), booked_at=NOW)


def written(session: Session, legs: tuple[int, ...]) -> None:
    """A journal past the action, as somebody who does not know it might write it."""
    journal = Journal(source_type="tests", source_id=1, kind="by_hand", booked_at=NOW, month=date(2025, 7, 1))
    session.add(journal)
    session.flush()
    for i, fen in enumerate(legs):
        session.add(Posting(journal_id=journal.id, account_id=account(session, KINDS[i % 3]), amount_fen=fen))
    check_now(session)


def rows(session: Session) -> tuple[int, int]:
    return (
        session.execute(select(func.count()).select_from(Journal)).scalar_one(),
        session.execute(select(func.count()).select_from(Posting)).scalar_one(),
    )


def test_a_balanced_journal_moves_its_accounts(session: Session) -> None:
    booked(session, 500, -300, -200)
    check_now(session)
    assert [balance(session, account(session, kind)) for kind in KINDS] == [500, -300, -200]
    assert trial_balance(session) == [
        (AccountKind.ADVANCES, -300), (AccountKind.CLEARING, 500), (AccountKind.REFUNDS_DUE, -200),
    ]  # fmt: skip


def test_an_account_without_postings_has_a_balance_of_zero(session: Session) -> None:
    assert balance(session, account(session, AccountKind.CLEARING)) == 0
    assert trial_balance(session) == []


@pytest.mark.parametrize("legs", [(1, -2), (500, -300, -199), (7,), (1, 1), ()])
def test_the_database_refuses_a_journal_that_does_not_balance(session: Session, legs: tuple[int, ...]) -> None:
    with pytest.raises(IntegrityError, match="does not balance"), session.begin_nested():
        written(session, legs)
    assert rows(session) == (0, 0)


def test_an_unbalanced_journal_is_refused_at_the_commit_of_whoever_posts_it(committed: Flask) -> None:
    with pytest.raises(IntegrityError, match="does not balance"), transaction() as session:
        booked(session, 500, -499)
    assert rows(db.session()) == (0, 0)


def test_a_leg_added_to_an_old_journal_is_refused(committed: Flask) -> None:
    with transaction() as session:
        journal_id = booked(session, 500, -500)
    with pytest.raises(IntegrityError, match="does not balance"), transaction() as session:
        session.add(Posting(journal_id=journal_id, account_id=account(session, KINDS[0]), amount_fen=1))
    assert rows(db.session()) == (1, 2)


def test_a_posting_of_nothing_is_left_out_by_the_action_and_refused_by_the_database(session: Session) -> None:
    booked(session, 5, -5, 0)
    assert rows(session) == (1, 2)
    with pytest.raises(IntegrityError, match="amount_not_zero"), session.begin_nested():
        written(session, (5, -5, 0))


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE postings SET amount_fen = amount_fen * 2",
        "UPDATE postings SET account_id = account_id",
        "DELETE FROM postings",
        "UPDATE journals SET memo = 'x'",
        "DELETE FROM journals",
    ],
)
def test_what_is_posted_is_never_changed_or_deleted(session: Session, change: str) -> None:
    booked(session, 500, -500)
    check_now(session)
    with pytest.raises(IntegrityError, match="append-only"), session.begin_nested():
        session.execute(text(change))
    assert rows(session) == (1, 2)
    assert balance(session, account(session, KINDS[0])) == 500


def test_posting_the_same_event_again_finds_the_first_journal(session: Session) -> None:
    first = booked(session, 500, -500)
    assert booked(session, 700, -700) == first
    assert booked(session, 700, -700, source_id=2) != first
    assert balance(session, account(session, KINDS[0])) == 1_200


def test_an_account_is_opened_once_for_each_kind_and_party(session: Session) -> None:
    party_id = ensure_party(session, PartyKind.HOST, "H-1", "某方（示例）")
    assert account(session, AccountKind.HOST, party_id) == account(session, AccountKind.HOST, party_id)
    assert account(session, AccountKind.HOST, party_id) != account(session, AccountKind.FIRM, party_id)
    assert account(session, KINDS[0]) == account(session, KINDS[0])
    assert session.execute(select(func.count()).select_from(Account)).scalar_one() == 3


@pytest.mark.parametrize(
    ("booked_at", "month"),
    [
        (datetime(2025, 7, 31, 15, 59, 59, tzinfo=UTC), date(2025, 7, 1)),
        (datetime(2025, 7, 31, 16, 0, tzinfo=UTC), date(2025, 8, 1)),
        (datetime(2025, 12, 31, 16, 0, tzinfo=UTC), date(2026, 1, 1)),
    ],
)
def test_a_journal_belongs_to_the_month_in_beijing(session: Session, booked_at: datetime, month: date) -> None:
    legs = [(account(session, KINDS[0]), 1), (account(session, KINDS[1]), -1)]
    journal_id = post(session, "tests", 1, "test", legs, booked_at=booked_at)
    assert session.get_one(Journal, journal_id).month == month


@settings(max_examples=30, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(st.integers(-(10**9), 10**9), min_size=1, max_size=5), min_size=1, max_size=6))
def test_whatever_is_posted_the_whole_ledger_sums_to_zero(session: Session, journals: list[list[int]]) -> None:
    with session.begin_nested() as undone:
        for number, legs in enumerate(journals):
            if any(legs):
                booked(session, *legs, -sum(legs), source_id=number)
        check_now(session)
        assert sum(fen for _, fen in trial_balance(session)) == 0
        undone.rollback()


def at_once(app: Flask, task: Callable[[Session], object]) -> None:
    """Run `task` twice in threads and transactions of their own that start together."""
    start, failed = Barrier(2), []

    def run() -> None:
        with app.app_context():
            start.wait()
            try:
                with transaction() as session:
                    task(session)
            except Exception as error:  # noqa: BLE001  whatever happens in a thread is told to the test
                failed.append(error)

    threads = [Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []


def test_two_who_post_one_event_at_once_post_it_once(committed: Flask) -> None:
    with transaction() as session:
        booked(session, 1, -1)  # the accounts are there
    for number in range(2, 7):
        at_once(committed, lambda session, number=number: booked(session, 500, -500, source_id=number))  # type: ignore[misc]
    assert rows(db.session()) == (6, 12)


def test_two_who_open_one_account_at_once_open_one(committed: Flask) -> None:
    at_once(committed, lambda session: account(session, AccountKind.CLEARING))
    assert db.session.execute(select(func.count()).select_from(Account)).scalar_one() == 1
