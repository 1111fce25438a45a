"""A request twice is a request once (T25, T26, T27, T28)."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from flask import Flask, jsonify
from flask_smorest import Blueprint
from sqlalchemy import func, select, text
from werkzeug.test import TestResponse

from shop.access.guard import EVERYONE, Role, allow
from shop.kit import idempotency
from shop.kit.db import db
from shop.kit.dirty import DirtyKey
from shop.kit.errors import MoveRefusedError
from shop.kit.idempotency import IdempotencyKey, idempotent
from shop.kit.schemas import StrictSchema, Whole
from tests.factories.access import signed_in
from tests.factories.statements import statements

URL = "/api/v1/probe/marks"


class Mark(StrictSchema):
    """A mark to make."""

    number = Whole(required=True, high=100)
    other = Whole()


@pytest.fixture
def probe(committed: Flask) -> Flask:
    room = Blueprint("probe", __name__, url_prefix="/api/v1/probe")

    @room.route("/marks", methods=["POST"])
    @allow(Role.OPERATOR)
    @idempotent
    @room.arguments(Mark)
    def mark(body: dict[str, int]) -> object:
        if body["number"] == 13:
            raise MoveRefusedError(state="unlucky", event="mark", state_zh="不走运", event_zh="记下")
        if (meet := committed.extensions.get("meet")) is not None:
            meet.wait(timeout=10)
        if body["number"] == 7:
            _only_one()
        made = DirtyKey(rollup="probe", a_id=body["number"])
        db.session.add(made)
        db.session.flush()
        return jsonify(id=made.id, number=made.a_id), 201, {"Location": f"{URL}/{made.id}"}

    @room.route("/other", methods=["POST"])
    @allow(Role.OPERATOR)
    @idempotent
    @room.arguments(Mark)
    def other(body: dict[str, int]) -> object:
        return jsonify(body), 200

    @room.route("/open", methods=["POST"])
    @allow(EVERYONE)
    @idempotent
    def unkeyed() -> object:
        return jsonify({}), 200

    committed.register_blueprint(room)
    return committed


def _only_one() -> None:
    """The seventh mark is there once: who comes second waits for the first one's commit and is refused."""
    db.session.execute(text("SELECT pg_advisory_xact_lock(7)"))
    if db.session.scalar(select(func.count()).select_from(DirtyKey).where(DirtyKey.rollup == "probe")):
        raise MoveRefusedError(state="taken", event="mark", state_zh="已占用", event_zh="记下")


@pytest.fixture
def both_at_work(probe: Flask) -> Barrier:
    """Two requests go on only when both are past the question whether their key was answered before."""
    probe.extensions["meet"] = Barrier(2)
    return probe.extensions["meet"]


def twice(probe: Flask, operator: dict[str, str], *bodies: dict[str, int]) -> list[TestResponse]:
    """These requests at once, with one key."""
    headers = operator | {"Idempotency-Key": "k1"}
    with ThreadPoolExecutor(len(bodies)) as pool:
        return list(pool.map(lambda body: probe.test_client().post(URL, json=body, headers=headers), bodies))


@pytest.fixture
def operator(probe: Flask) -> dict[str, str]:
    return signed_in(probe, Role.OPERATOR)


def marks() -> int:
    with db.engine.connect() as connection:
        return connection.execute(
            select(func.count()).select_from(DirtyKey).where(DirtyKey.rollup == "probe")
        ).scalar_one()


def keys() -> int:
    with db.engine.connect() as connection:
        return connection.execute(select(func.count()).select_from(IdempotencyKey)).scalar_one()


def test_the_same_request_again_replays_the_stored_answer(probe: Flask, operator: dict[str, str]) -> None:
    client = probe.test_client()
    first = client.post(URL, json={"number": 1}, headers=operator | {"Idempotency-Key": "k1"})
    again = client.post(URL, json={"number": 1}, headers=operator | {"Idempotency-Key": "k1"})
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.get_data() == again.get_data()
    assert first.headers["Location"] == again.headers["Location"]
    assert first.content_type == again.content_type
    assert ("Idempotency-Replayed" in first.headers, again.headers["Idempotency-Replayed"]) == (False, "true")
    assert marks() == 1


def test_the_same_json_written_otherwise_is_the_same_request(probe: Flask, operator: dict[str, str]) -> None:
    client = probe.test_client()
    headers = operator | {"Idempotency-Key": "k1", "Content-Type": "application/json"}
    first = client.post(URL, data=b'{"number":1,"other":2}', headers=headers)
    again = client.post(URL, data=b'{ "other": 2,\n "number": 1 }', headers=headers)
    assert (again.status_code, again.get_data()) == (201, first.get_data())
    assert marks() == 1


@pytest.mark.parametrize(("url", "body"), [(URL, {"number": 2}), ("/api/v1/probe/other", {"number": 1})])
def test_t27_a_key_of_another_request_is_refused(
    probe: Flask, operator: dict[str, str], url: str, body: dict[str, int]
) -> None:
    client = probe.test_client()
    client.post(URL, json={"number": 1}, headers=operator | {"Idempotency-Key": "k1"})
    refused = client.post(url, json=body, headers=operator | {"Idempotency-Key": "k1"})
    assert (refused.status_code, refused.get_json(force=True)["type"]) == (422, "/docs/errors#idempotency-key-reused")
    assert marks() == 1


def test_t27_a_key_belongs_to_the_person_who_sent_it(probe: Flask, operator: dict[str, str]) -> None:
    client = probe.test_client()
    colleague = signed_in(probe, Role.OPERATOR)
    first = client.post(URL, json={"number": 1}, headers=operator | {"Idempotency-Key": "k1"})
    other = client.post(URL, json={"number": 1}, headers=colleague | {"Idempotency-Key": "k1"})
    assert first.get_json()["id"] != other.get_json()["id"]
    assert marks() == 2


@pytest.mark.parametrize("key", [None, "", "x" * 256, "苹果".encode().decode("latin-1"), "a\tb", "\x7f"])
def test_t25_t27_a_request_without_a_proper_key_is_refused(
    probe: Flask, operator: dict[str, str], key: str | None
) -> None:
    headers = operator if key is None else operator | {"Idempotency-Key": key}
    refused = probe.test_client().post(URL, json={"number": 1}, headers=headers)
    assert (refused.status_code, refused.get_json(force=True)["type"]) == (400, "/docs/errors#idempotency-key-missing")
    assert (marks(), keys()) == (0, 0)


def test_the_longest_key_is_accepted(probe: Flask, operator: dict[str, str]) -> None:
    made = probe.test_client().post(URL, json={"number": 1}, headers=operator | {"Idempotency-Key": "x" * 255})
    assert made.status_code == 201


@pytest.mark.parametrize(("body", "status"), [({"number": 13}, 409), ({"number": "1"}, 422), ({}, 422)])
def test_a_refused_request_leaves_its_key_free(
    probe: Flask, operator: dict[str, str], body: dict[str, object], status: int
) -> None:
    client = probe.test_client()
    headers = operator | {"Idempotency-Key": "k1"}
    assert client.post(URL, json=body, headers=headers).status_code == status
    assert (marks(), keys()) == (0, 0)
    assert client.post(URL, json={"number": 1}, headers=headers).status_code == 201
    assert (marks(), keys()) == (1, 1)


def test_t28_the_answer_is_stored_in_the_transaction_of_the_effect(probe: Flask, operator: dict[str, str]) -> None:
    client = probe.test_client()
    client.post(URL, json={"number": 1}, headers=operator | {"Idempotency-Key": "k1"})
    with db.engine.connect() as connection:
        writers = connection.execute(
            text("SELECT DISTINCT xmin::text FROM dirty_keys WHERE rollup = 'probe'"
                 " UNION SELECT xmin::text FROM idempotency_keys")
        ).scalars().all()  # fmt: skip
    assert len(writers) == 1


def test_t26_fifty_parallel_repeats_have_one_effect(probe: Flask, operator: dict[str, str]) -> None:
    def send(_: int) -> tuple[int, bytes]:
        answer = probe.test_client().post(URL, json={"number": 1}, headers=operator | {"Idempotency-Key": "k1"})
        return answer.status_code, answer.get_data()

    with ThreadPoolExecutor(16) as pool:
        answers = Counter(pool.map(send, range(50)))
    assert marks() == 1
    assert len({body for status, body in answers if status == 201}) == 1
    assert {status for status, _ in answers} <= {201, 503}
    assert sum(count for (status, _), count in answers.items() if status == 201) >= 1


def test_a_key_costs_one_statement_more_and_a_repeat_none(probe: Flask, operator: dict[str, str]) -> None:
    client = probe.test_client()
    headers = operator | {"Idempotency-Key": "k1"}
    costs = []
    for _ in range(2):
        with statements() as seen:
            assert client.post(URL, json={"number": 1}, headers=headers).status_code == 201
        costs.append([" ".join(statement.split()[:3]) for statement in seen])
    who = "SELECT people.id, reference_version.version,"
    assert costs == [[who, "INSERT INTO dirty_keys", "INSERT INTO idempotency_keys"], [who]]


def test_t26_a_repeat_that_comes_while_the_first_is_at_work_is_undone_and_replays(
    probe: Flask, operator: dict[str, str], both_at_work: Barrier
) -> None:
    answers = twice(probe, operator, {"number": 1}, {"number": 1})
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].get_data() == answers[1].get_data()
    assert sorted("Idempotency-Replayed" in answer.headers for answer in answers) == [False, True]
    assert (marks(), keys()) == (1, 1)


def test_t27_of_two_requests_with_one_key_at_once_one_is_refused_and_changes_nothing(
    probe: Flask, operator: dict[str, str], both_at_work: Barrier
) -> None:
    answers = twice(probe, operator, {"number": 1}, {"number": 2})
    assert sorted(answer.status_code for answer in answers) == [201, 422]
    refused = next(answer for answer in answers if answer.status_code == 422)
    assert refused.get_json(force=True)["type"] == "/docs/errors#idempotency-key-reused"
    assert (marks(), keys()) == (1, 1)


def test_t26_a_repeat_that_is_refused_for_what_the_first_did_gets_the_answer_of_the_first(
    probe: Flask, operator: dict[str, str], both_at_work: Barrier
) -> None:
    """Of the only mark there is: the second waits for the first one's row, and would be told that it is taken."""
    answers = twice(probe, operator, {"number": 7}, {"number": 7})
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].get_data() == answers[1].get_data()
    assert (marks(), keys()) == (1, 1)


def test_the_control_without_the_second_look_refuses_the_repeat(
    probe: Flask, operator: dict[str, str], both_at_work: Barrier, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What looking again is for: without it the test above proves nothing."""
    monkeypatch.setattr(idempotency, "_answered", lambda *_: None)
    answers = twice(probe, operator, {"number": 7}, {"number": 7})
    assert sorted(answer.status_code for answer in answers) == [201, 409]


def test_a_stranger_cannot_use_keys_at_all(probe: Flask) -> None:
    refused = probe.test_client().post("/api/v1/probe/open", headers={"Idempotency-Key": "k1"})
    assert refused.status_code == 401
    assert keys() == 0
