"""A buyer asks, a firm offers, the buyer accepts exactly once: a bulk order or a draft agreement, never two."""

from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from shop.agreements.models import Agreement, AgreementStatus, AgreementVersion, Side
from shop.agreements.signing import Hand
from shop.catalog.reference import catalog
from shop.channels.reference import selling
from shop.inquiries import actions
from shop.inquiries.models import Inquiry
from shop.kit.clock import WalkingClock, at_beijing
from shop.kit.db import db, release
from shop.kit.reference import current_version
from shop.orders.models import Order
from tests.factories.tables import contents
from tests.factories.threads import at_once
from tests.factories.world import NOW, TODAY, World, build

OFFER = {"valid_until": "2025-07-18", "prices": [{"sku": "PL001", "price_fen": 3_300}]}
PACKS = {"partner": "U01", "firm": "F01", "starts_on": "2025-07-20", "lines": [{"sku": "PL001", "quantity": 4}]}
GRAMS = {
    "partner": "B01", "firm": "F01", "starts_on": "2025-07-22", "ends_on": "2025-08-31", "schedule": "weekly:2",
    "lines": [{"sku": "PL001", "weight_g": 60_000, "schedule": "daily"}],
}  # fmt: skip


@pytest.fixture
def world(committed: Flask) -> World:
    return build(committed)


def post(world: World, actor: str, path: str, body: dict[str, Any] | None = None, key: str = "1") -> Any:
    headers = world.headers[actor] | {"Idempotency-Key": f"{path}{key}"}
    return world.app.test_client().post(f"/api/v1/inquiries{path}", json=body or {}, headers=headers)


def offered(world: World, asked: dict[str, Any], **terms: Any) -> str:
    """Asked and offered: the code."""
    answer = post(world, "buyer", "", asked, key=str(asked["partner"]))
    assert answer.status_code == 201, answer.text
    code = str(answer.get_json()["code"])
    answer = post(world, "firm_staff", f"/{code}/offer", OFFER | terms)
    assert (answer.status_code, answer.get_json()["status"]) == (200, "offered"), answer.text
    return code


def refused(world: World, answer: Any, status: int, kind: str, before: object) -> None:
    assert (answer.status_code, answer.get_json()["type"].rpartition("#")[2]) == (status, kind), answer.text
    assert contents(world.app) == before


def test_a_unit_s_accepted_offer_is_one_bulk_order_at_the_offered_prices(world: World) -> None:
    code = offered(world, PACKS)
    answer = post(world, "buyer", f"/{code}/acceptance")
    assert answer.status_code == 200, answer.text
    told = answer.get_json()
    assert (told["status"], told["agreement"]) == ("accepted", None)
    again = post(world, "buyer", f"/{code}/acceptance")
    assert (again.get_json(), again.headers["Idempotency-Replayed"]) == (told, "true")
    order = world.app.test_client().get(f"/api/v1/orders/{told['order']}", headers=world.headers["buyer"]).get_json()
    assert (order["status"], order["total_fen"], order["lines"][0]["price_fen"]) == ("placed", 13_200, 3_300)
    before = contents(world.app)
    refused(world, post(world, "buyer", f"/{code}/acceptance", key="2"), 409, "move-refused", before)


def test_an_enterprise_s_accepted_offer_is_a_draft_agreement_with_one_version(world: World) -> None:
    code = offered(world, GRAMS, deposit_bp=1_000, penalty_bp=500, payment_term_days=45)
    told = post(world, "buyer", f"/{code}/acceptance").get_json()
    assert (told["status"], told["agreement"], told["order"]) == ("accepted", code, None)
    agreement = db.session.scalars(select(Agreement).where(Agreement.code == code)).one()
    assert (agreement.status, agreement.deposit_bp, agreement.schedule) == (AgreementStatus.DRAFT, 1_000, "weekly:2")
    assert (agreement.penalty_bp, agreement.buyer_penalty_bp) == (500, 500)
    [version] = db.session.scalars(select(AgreementVersion).where(AgreementVersion.agreement_id == agreement.id)).all()
    [line] = version.terms["lines"]  # type: ignore[misc]
    assert (version.number, version.proposed_by) == (1, Side.BUYER)
    assert (line["floor_fen_per_kg"], line["committed_g"], line["price_rule"]) == (3_300, 60_000, "FIXED")  # type: ignore[index]
    assert line["schedule"] == told["lines"][0]["schedule"] == "daily"  # type: ignore[index]
    packs = PACKS | {"lines": [{"sku": "PL001", "quantity": 4, "schedule": "daily"}]}
    assert post(world, "buyer", "", packs, key="2").status_code == 422
    late = GRAMS | {"schedule": "once:2025-09-01"}
    assert "/schedule" in post(world, "buyer", "", late, key="3").get_data(as_text=True)


def test_an_offer_is_accepted_until_the_end_of_its_last_day_and_then_no_more(
    committed: Flask, clock: WalkingClock
) -> None:
    clock.put(at_beijing(TODAY, 20))
    world = build(committed)
    code, other = offered(world, PACKS, valid_until=str(TODAY)), offered(world, GRAMS, valid_until=str(TODAY))
    clock.put(at_beijing(TODAY, 23, 59))
    assert post(world, "buyer", f"/{other}/acceptance").status_code == 200
    clock.put(at_beijing(TODAY + timedelta(days=1)))
    before = contents(world.app)
    refused(world, post(world, "buyer", f"/{code}/acceptance"), 409, "offer-expired", before)
    shown = world.app.test_client().get(f"/api/v1/inquiries/{code}", headers=world.headers["buyer"]).get_json()
    assert (shown["status"], shown["expired"]) == ("offered", True)
    better = OFFER | {"prices": [{"sku": "PL001", "price_fen": 3_200}]}
    assert post(world, "firm_staff", f"/{code}/offer", better, key="2").status_code == 200
    told = post(world, "buyer", f"/{code}/acceptance", key="3").get_json()
    assert (told["status"], told["lines"][0]["price_fen"]) == ("accepted", 3_200)


@pytest.mark.parametrize(
    ("offer", "status", "kind"),
    [
        (OFFER | {"prices": [{"sku": "PL002", "price_fen": 1}]}, 422, "offer-incomplete"),
        (OFFER | {"prices": [*OFFER["prices"], {"sku": "PL002", "price_fen": 1}]}, 422, "offer-incomplete"),  # type: ignore[misc]
        (OFFER | {"prices": [*OFFER["prices"], {"sku": "PL001", "price_fen": 1}]}, 422, "invalid"),  # type: ignore[misc]
        (OFFER | {"valid_until": "2025-07-14"}, 409, "offer-expired"),
    ],
)
def test_an_offer_that_does_not_fit_changes_nothing(
    world: World, offer: dict[str, Any], status: int, kind: str
) -> None:
    code = offered(world, PACKS)
    before = contents(world.app)
    refused(world, post(world, "firm_staff", f"/{code}/offer", offer, key="2"), status, kind, before)


@pytest.mark.parametrize(
    "asked",
    [
        PACKS | {"lines": [{"sku": "PL001", "weight_g": 1_000}]},
        GRAMS | {"lines": [{"sku": "PL001", "quantity": 1}]},
        PACKS | {"lines": [{"sku": "PL001", "quantity": 1}] * 2},
        PACKS | {"firm": "F02"},
    ],
)
def test_units_ask_for_packs_enterprises_for_grams_and_each_of_the_firm_s_own(
    world: World, asked: dict[str, Any]
) -> None:
    before = contents(world.app)
    refused(world, post(world, "buyer", "", asked), 422, "inquiry-does-not-fit", before)


def test_what_was_withdrawn_or_declined_is_accepted_no_more(world: World) -> None:
    for actor, event, asked in (("buyer", "withdraw", PACKS), ("firm_staff", "decline", GRAMS)):
        code = offered(world, asked)
        other = "firm_staff" if actor == "buyer" else "buyer"
        assert post(world, other, f"/{code}/ending", {"event": event, "reason": "x"}).status_code == 403
        assert post(world, actor, f"/{code}/ending", {"event": event, "reason": "另行采购"}, key="2").status_code == 200
        before = contents(world.app)
        refused(world, post(world, "buyer", f"/{code}/acceptance"), 409, "move-refused", before)


def accepting(code: str) -> Any:
    def accept(session: Session) -> object:
        version = current_version(session)
        inquiry = actions.locked_inquiry(session, code)
        by = Hand(Side.BUYER, None, NOW)
        return actions.accept(
            session, inquiry, goods=catalog(session, version), selling=selling(session, version), by=by
        )

    return accept


def orders() -> int:
    count = db.session.scalar(select(func.count()).select_from(Order).where(Order.note.like("报价 %")))
    release()
    return int(count or 0)


def test_of_acceptances_at_once_one_wins(world: World) -> None:
    code = offered(world, PACKS)
    assert sorted(at_once(world.app, [accepting(code)] * 8)) == ["", *["move-refused"] * 7]
    assert orders() == 1


def test_the_control_without_the_lock_an_offer_becomes_two_orders(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the lock is for: if this test fails, the race above proves nothing."""
    code = offered(world, PACKS)

    def unlocked(session: Session, asked: str) -> Inquiry:
        return session.scalars(select(Inquiry).where(Inquiry.code == asked)).one()

    monkeypatch.setattr(actions, "locked_inquiry", unlocked)
    read = Barrier(2)
    ordered = actions._ordered

    def slowly(*args: Any) -> Any:
        read.wait(timeout=10)
        return ordered(*args)

    monkeypatch.setattr(actions, "_ordered", slowly)
    answers = at_once(world.app, [accepting(code)] * 2)
    assert answers == ["", ""]
    assert orders() == 2
