"""Statements that go to libpq directly: values arrive as they were; what goes wrong is what SQLAlchemy would raise."""

import time
from contextlib import suppress
from datetime import UTC, date, datetime

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, OperationalError

from shop.kit.db import db, one_moment, transaction
from shop.kit.direct import Direct, prepared, together

TEXTS = st.none() | st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)))
WHOLES = st.none() | st.integers(-(2**63), 2**63 - 1)
_ECHO = Direct(
    "SELECT CAST(:whole AS bigint), CAST(:words AS text), CAST(:raw AS bytea), to_json(CAST(:wholes AS bigint[])),"
    " to_json(CAST(:texts AS text[])), CAST(CAST(:day AS date) AS text),"
    " CAST(extract(epoch FROM CAST(:at AS timestamptz)) * 1000000 AS bigint), CAST(:words AS text) IS NULL,"
    " CAST((CAST(:days AS date[]))[1] AS text)"
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    whole=WHOLES, words=TEXTS, raw=st.none() | st.binary(), wholes=st.lists(WHOLES), texts=st.lists(TEXTS),
    day=st.dates(date(1900, 1, 1), date(2999, 1, 1)),
    at=st.datetimes(timezones=st.just(UTC)),
)  # fmt: skip
def test_values_arrive_as_they_were_sent(
    shared_app: Flask, whole: int | None, words: str | None, raw: bytes | None, wholes: list[int | None],
    texts: list[str | None], day: date, at: datetime,
) -> None:  # fmt: skip
    values = {"whole": whole, "words": words, "raw": raw, "wholes": wholes, "texts": texts, "day": day, "at": at,
              "days": [day]}  # fmt: skip
    with shared_app.app_context():
        (row,) = _ECHO.alone(db.engine, values)
    microseconds = (at - datetime(1970, 1, 1, tzinfo=UTC)) // (datetime.resolution)
    assert row == (whole, words, raw, wholes, texts, day.isoformat(), microseconds, words is None,
                   day.isoformat())  # fmt: skip


def test_it_sees_and_shares_the_transaction_of_the_session(committed: Flask) -> None:
    count = Direct("SELECT count(*) FROM dirty_keys WHERE rollup = 'direct'")
    mark = Direct("INSERT INTO dirty_keys (rollup, a_id) VALUES ('direct', :number)")
    session = db.session()
    session.execute(text("INSERT INTO dirty_keys (rollup, a_id) VALUES ('direct', 1)"))
    assert mark.run(session, {"number": 2}) == []
    assert count.run(session, {}) == [(2,)]
    assert count.alone(db.engine, {}) == [(0,)]
    session.rollback()
    assert count.alone(db.engine, {}) == [(0,)]
    with transaction() as session:
        mark.run(session, {"number": 3})
    assert count.alone(db.engine, {}) == [(1,)]


def test_it_begins_a_transaction_as_the_session_would(committed: Flask) -> None:
    how = Direct("SELECT current_setting('transaction_isolation'), current_setting('transaction_read_only')")
    with one_moment() as session:
        assert how.run(session, {}) == [("repeatable read", "on")]
    with transaction() as session:
        assert how.run(session, {}) == [("read committed", "off")]


def test_what_the_database_refuses_is_raised_as_by_sqlalchemy_and_names_no_value(committed: Flask) -> None:
    mark = Direct("INSERT INTO idempotency_keys (principal, key, fingerprint, created_at) VALUES (:who, '', '', now())")
    with pytest.raises(IntegrityError) as refused, transaction() as session:
        mark.run(session, {"who": "13800000000"})
    assert refused.value.orig is not None
    assert refused.value.orig.sqlstate == "23514"  # type: ignore[attr-defined]
    assert "13800000000" not in str(refused.value.params)
    with pytest.raises(DataError), transaction() as session:
        mark.run(session, {"who": "a\0b"})
    with transaction() as session:  # the connection is whole
        assert Direct("SELECT 1").run(session, {}) == [(1,)]


def test_a_cut_connection_is_replaced_for_a_read_and_told_in_a_transaction(committed: Flask) -> None:
    one = Direct("SELECT 1")
    cut = text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
               " AND datname = current_database()")  # fmt: skip

    def cut_all() -> None:
        with db.engine.connect() as connection:
            connection.execute(cut)
            connection.detach()

    assert one.alone(db.engine, {}) == [(1,)]
    cut_all()
    assert one.alone(db.engine, {}) == [(1,)]
    session = db.session()
    assert one.run(session, {}) == [(1,)]
    cut_all()
    with pytest.raises(OperationalError):
        one.run(session, {})
    session.rollback()
    with transaction() as session:
        assert one.run(session, {}) == [(1,)]


_TWICE = Direct("SELECT 2 * CAST(:number AS bigint), pg_backend_pid()")
_WRONG = Direct("SELECT 1 / CAST(:number AS bigint)")
_HOW = Direct("SELECT current_setting('transaction_isolation'), pg_current_xact_id()::text")


def test_what_is_asked_together_is_one_transaction_and_may_be_read_in_any_order(committed: Flask) -> None:
    with one_moment() as session:
        for _ in range(2):  # prepared the first time, known the second
            with together(session) as asked:
                four, how, six = (
                    asked.ask(statement, {"number": number})
                    for statement, number in ((_TWICE, 2), (_HOW, 0), (_TWICE, 3))
                )
                assert [rows[0][0] for rows in (six(), four(), six())] == [6, 4, 6]
                ((isolation, transaction_id),) = how()
                assert isolation == "repeatable read"
            assert _HOW.run(session, {}) == [("repeatable read", transaction_id)]


@pytest.mark.parametrize("once", [True, False])
def test_statements_that_are_planned_once_are_so_from_their_first_run(committed: Flask, once: bool) -> None:
    """Without it the server plans the first five runs each for its values."""
    plans = text("SELECT generic_plans, custom_plans FROM pg_prepared_statements WHERE statement = :statement")
    ours = Direct(f"SELECT id FROM parties WHERE code = CAST(:code AS varchar) -- {once}")
    with one_moment() as session:
        for code in ("A", "B", "C"):
            with together(session, planned_once=once) as asked:
                asked.ask(ours, {"code": code})
        found = session.execute(plans, {"statement": ours.sql.replace(":code", "$1")}).one()
        assert tuple(found) == ((3, 0) if once else (0, 3))
        assert session.execute(text("SHOW plan_cache_mode")).scalar() == "auto"


def test_the_server_works_while_python_does(committed: Flask) -> None:
    clock = Direct("SELECT clock_timestamp()")
    with together(db.session()) as asked:
        first = asked.ask(clock, {})
        time.sleep(0.3)
        second = asked.ask(clock, {})
        ((early,),), ((late,),) = first(), second()
    assert (late - early).total_seconds() > 0.25  # it ran before anybody read it


def test_what_nobody_reads_is_left_and_the_connection_is_whole(committed: Flask) -> None:
    never = Direct("SELECT generate_series(1, CAST(:number AS bigint))")
    session = db.session()
    with suppress(ZeroDivisionError), together(session) as asked:
        asked.ask(never, {"number": 100_000})
        asked.ask(_TWICE, {"number": 1})
        raise ZeroDivisionError
    assert len(never.run(session, {"number": 3})) == 3  # it is known by now, and not prepared twice
    assert session.execute(text("SELECT 1")).scalar() == 1


def test_after_one_that_fails_nothing_is_run_and_the_error_is_that_of_sqlalchemy(committed: Flask) -> None:
    mark = Direct("INSERT INTO dirty_keys (rollup, a_id) VALUES ('together', :number)")

    def together_with_a_wrong_one() -> None:
        with transaction() as session, together(session) as asked:
            asked.ask(mark, {"number": 1})
            wrong, later = asked.ask(_WRONG, {"number": 0}), asked.ask(mark, {"number": 2})
            with pytest.raises(DBAPIError):
                later()
            wrong()

    with pytest.raises(DBAPIError) as refused:
        together_with_a_wrong_one()
    assert refused.value.orig is not None
    assert refused.value.orig.sqlstate == "22012"  # type: ignore[attr-defined]
    with transaction() as session:  # the connection is whole, and nothing was written
        assert session.execute(text("SELECT count(*) FROM dirty_keys WHERE rollup = 'together'")).scalar() == 0
        mark.run(session, {"number": 3})
        assert _WRONG.run(session, {"number": 1}) == [(1,)]


def test_a_connection_that_is_cut_in_between_is_told_and_replaced(committed: Flask) -> None:
    session = db.session()
    with pytest.raises(OperationalError), together(session) as asked:
        asked.ask(Direct("SELECT pg_terminate_backend(pg_backend_pid())"), {})()
    session.rollback()
    assert _TWICE.run(session, {"number": 4})[0][0] == 8


def test_a_statement_that_is_written_as_needed_is_prepared_once(committed: Flask) -> None:
    with transaction() as session:
        for number in (1, 2):
            sql = "SELECT 7 * CAST(:number AS bigint)"  # written anew each time
            with together(session) as asked:
                assert asked.ask(prepared(sql), {"number": number})() == [(7 * number,)]
            assert prepared(sql).run(session, {"number": number}) == [(7 * number,)]
        known = "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE 'SELECT 7 *%'"
        assert session.execute(text(known)).scalar() == 1


def test_much_may_be_asked_and_answered_at_once(committed: Flask) -> None:
    much = Direct("SELECT number, repeat('x', 100) FROM unnest(CAST(:numbers AS bigint[])) AS number")
    numbers = list(range(10**6, 10**6 + 150_000))
    with together(db.session()) as asked:
        answers = [asked.ask(much, {"numbers": numbers}) for _ in range(3)]
        assert [len(rows()) for rows in answers] == [len(numbers)] * 3


def test_the_session_is_not_asked_while_statements_are_sent_together(committed: Flask) -> None:
    session = db.session()
    with together(session) as asked:
        rows = asked.ask(_TWICE, {"number": 1})
        with pytest.raises(RuntimeError, match="sent together"):
            session.execute(text("SELECT 1"))
        assert rows()[0][0] == 2
    assert session.execute(text("SELECT 1")).scalar() == 1


def test_a_connection_that_was_cut_before_is_told_as_lost(committed: Flask) -> None:
    session = db.session()
    pid = session.execute(text("SELECT pg_backend_pid()")).scalar()
    with db.engine.connect() as other:
        other.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})

    def ask() -> None:
        with together(session) as asked:
            asked.ask(_TWICE, {"number": 1})()

    with pytest.raises(OperationalError) as lost:
        ask()
    assert lost.value.connection_invalidated
    session.rollback()
    assert _TWICE.run(session, {"number": 4})[0][0] == 8
