"""An agreement terminated by the county while its buyer calls and its firm confirms, by real threads."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event, select
from sqlalchemy.orm import Session

from shop.agreements import actions
from shop.agreements.models import Agreement, AgreementStatus, CallOff, CallOffStatus
from shop.kit.db import _locked_is_anew, db, release
from shop.orders.models import Order, OrderStatus
from tests.factories.agreements import once_called
from tests.factories.world import World

TERMINATED = {"event": "terminate", "reason": "供方停产"}


@pytest.fixture
def world(committed: Flask) -> World:
    """Agreement A50, of which a call-off waits for the firm."""
    return once_called(committed)


def post(world: World, actor: str, path: str, body: dict[str, Any] | None, key: str) -> Callable[[], int]:
    headers = world.headers[actor] | {"Idempotency-Key": key}
    return lambda: world.app.test_client().post(f"/api/v1{path}", json=body, headers=headers).status_code


def calls(world: World, number: int) -> Callable[[], int]:
    asked = {"sku": "PL001", "weight_g": 5_000, "due_on": "2025-07-18"}
    return post(world, "buyer", "/agreements/A50/call-offs", asked, f"call {number}")


def together(tasks: list[Callable[[], int]]) -> list[int]:
    """The status of each answer, all asked at once."""
    start = Barrier(len(tasks))

    def run(task: Callable[[], int]) -> int:
        start.wait()
        return task()

    with ThreadPoolExecutor(len(tasks)) as threads:
        return list(threads.map(run, tasks))


def ended(world: World) -> tuple[AgreementStatus, Counter[OrderStatus], Counter[CallOffStatus]]:
    with world.app.app_context():
        of, status = db.session.execute(select(Agreement.id, Agreement.status).where(Agreement.code == "A50")).one()
        called = Counter(db.session.scalars(select(CallOff.status).where(CallOff.agreement_id == of)))
        orders = Counter(db.session.scalars(select(Order.status).join(CallOff).where(CallOff.agreement_id == of)))
        release()
    return status, orders, called


def test_whoever_calls_or_confirms_while_the_agreement_is_terminated_is_in_time_or_refused(world: World) -> None:
    number = db.session.scalars(select(Order.number).join(CallOff).join(Agreement).where(Agreement.code == "A50")).one()
    release()
    end = post(world, "operator", "/agreements/A50/ending", TERMINATED, "end")
    confirm = post(world, "firm_staff", f"/orders/{number}/approval", None, "confirm")
    *ends, confirmed = together([*(calls(world, nth) for nth in range(4)), end, end, confirm])[4:]
    assert sorted(ends) == [200, 409]
    status, orders, called = ended(world)
    assert status is AgreementStatus.TERMINATED
    assert orders[OrderStatus.PLACED] == called[CallOffStatus.REQUESTED] == 0
    assert orders[OrderStatus.CONFIRMED] == called[CallOffStatus.CONFIRMED] == (confirmed == 200)
    assert calls(world, 9)() == 409


def _between(world: World, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A call that has read the agreement when it is terminated, and asks for its lock only after."""
    read, done = Barrier(2), Barrier(2)
    locked = actions.agreement_by_code

    def slowly(session: Session, code: str, *, lock: bool = False) -> Agreement:
        if lock:
            read.wait(timeout=10)
            done.wait(timeout=10)
        return locked(session, code, lock=lock)

    monkeypatch.setattr(actions, "agreement_by_code", slowly)
    end = post(world, "operator", "/agreements/A50/ending", TERMINATED, "end")

    def ends() -> int:
        read.wait(timeout=10)
        status = end()
        done.wait(timeout=10)
        return status

    return together([calls(world, 1), ends])


def test_a_call_that_read_the_agreement_before_it_was_terminated_is_refused(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _between(world, monkeypatch) == [409, 200]
    status, orders, called = ended(world)
    assert status is AgreementStatus.TERMINATED
    assert orders[OrderStatus.PLACED] == called[CallOffStatus.REQUESTED] == 0


def test_the_control_that_believes_what_it_read_before_the_lock_calls_under_a_terminated_agreement(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What reading anew is for: if this test fails, the ones above prove nothing."""
    event.remove(Session, "do_orm_execute", _locked_is_anew)
    try:
        assert _between(world, monkeypatch) == [201, 200]
    finally:
        event.listen(Session, "do_orm_execute", _locked_is_anew)
    _, orders, called = ended(world)
    assert orders[OrderStatus.PLACED] == called[CallOffStatus.REQUESTED] == 1
