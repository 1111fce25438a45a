"""T19 and T24: what is not for sale is not sold, and no step of an order's life is taken twice or left out."""

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from shop.access.models import PartyKind, Role
from shop.kit.clock import WalkingClock
from shop.kit.db import db, release, transaction
from tests.factories.access import headers_of, party, person
from tests.factories.sales import ready


class Counter:
    """A shop counter: a customer, and the staff of the firm whose peaches are for sale."""

    def __init__(self, app: Flask, clock: WalkingClock) -> None:
        self.app, self.keys = app, 0
        with transaction() as session:
            season = ready(session, clock.now())
            self.sku, firm_id = season.sku, season.product.firm_id
        firm = one("SELECT party_id FROM firms WHERE id = :id", id=firm_id)
        self.customer = headers_of(app, person(app, (Role.CUSTOMER, party(app, PartyKind.CUSTOMER))))
        self.clerk = headers_of(app, person(app, (Role.FIRM_STAFF, firm)))

    def post(self, path: str, body: dict[str, Any] | None, headers: dict[str, str]) -> Any:
        self.keys += 1
        sent = headers | {"Idempotency-Key": f"counter-{self.keys}"}
        return self.app.test_client().post(f"/api/v1{path}", json=body or {}, headers=sent)

    def order(self, sku: str, **way: str) -> Any:
        body = {"partner": "SHOP", "lines": [{"sku": sku, "quantity": 1}]} | way
        return self.post("/orders", body, self.customer)

    def confirmed(self) -> str:
        """The number of a paid order."""
        number: str = self.order(self.sku).get_json()["number"]
        page = self.post(f"/orders/{number}/payments", None, self.customer).get_json()["pay_url"]
        assert self.app.test_client().post(page).status_code == 200
        with transaction() as session:
            session.execute(text("SELECT 1"))
        self.tell()
        return number

    def tell(self) -> None:
        """The provider's notice arrives."""
        from shop.payments import simulated
        from shop.payments.models import SimulatedCharge

        secret = self.app.extensions["settings"].payment_secret
        charge = db.session.get_one(SimulatedCharge, one("SELECT max(id) FROM simulated_charges"))
        signed = simulated.notification(charge, secret, now=self.app.extensions["clock"].now())
        release()
        door = "/api/v1/payments/notifications/simulated"
        assert self.app.test_client().post(door, data=signed.body, headers=signed.headers).status_code == 200

    def books(self) -> tuple[object, ...]:
        """What must not change when a step is refused."""
        return tuple(
            one(f"SELECT md5(string_agg(t::text, '|' ORDER BY id)) FROM {table} AS t")
            for table in ("orders", "order_lines", "pools", "reservations", "history", "postings", "movements")
        )


def one(sql: str, **bound: object) -> Any:
    found = db.session.execute(text(sql), bound).scalar()
    release()
    return found


@pytest.fixture
def counter(county: Flask, clock: WalkingClock) -> Counter:
    return Counter(county, clock)


def test_t19_what_is_not_for_sale_now_is_not_sold(counter: Counter) -> None:
    with transaction() as session:
        session.execute(text("UPDATE products SET status = 'withdrawn' WHERE sku = 'PL002'"))
    asparagus = one(
        "SELECT sku FROM products WHERE is_fresh AND status = 'listed' AND harvest_start_month >= 9"
        " AND harvest_end_month BETWEEN harvest_start_month AND 12 AND shelf_life_days < 60 ORDER BY sku LIMIT 1"
    )
    before = counter.books()
    answers = {
        "withdrawn": counter.order("PL002"),
        "off season": counter.order(asparagus),
        "unknown": counter.order("PL999"),
        "not in the session": counter.order("PL003", partner="HOST", occasion="LIVE-1"),
        "of another session": counter.order(counter.sku, partner="HOST", occasion="LIVE-9"),
    }
    assert {what: answer.status_code for what, answer in answers.items()} == {
        "withdrawn": 409, "off season": 409, "unknown": 409, "not in the session": 409, "of another session": 404,
    }  # fmt: skip
    assert counter.books() == before


def test_t19_a_basket_of_two_firms_is_refused_whole(counter: Counter) -> None:
    other = one(
        "SELECT sku FROM products WHERE NOT is_fresh AND status = 'listed' AND firm_id <>"
        " (SELECT firm_id FROM products WHERE sku = :sku) ORDER BY sku LIMIT 1",
        sku=counter.sku,
    )
    lines = [{"sku": counter.sku, "quantity": 1}, {"sku": other, "quantity": 1}]
    before = counter.books()
    answer = counter.post("/orders", {"partner": "SHOP", "lines": lines}, counter.customer)
    assert (answer.status_code, counter.books()) == (409, before)


#: Steps after which `again` is refused: what was done, who asks, what for.
TWICE = {
    "cancelled, cancelled again": (["cancellation"], "cancellation"),
    "cancelled, then sent": (["cancellation"], "dispatches"),
    "sent, sent again": (["dispatches"], "dispatches"),
    "sent, then cancelled": (["dispatches"], "cancellation"),
    "accepted before it was sent": ([], "acceptance"),
    "accepted, accepted again": (["dispatches", "acceptance"], "acceptance"),
    "accepted, then cancelled": (["dispatches", "acceptance"], "cancellation"),
    "approved, where nobody approves": ([], "approval"),
}
WHO = {"cancellation": "customer", "dispatches": "clerk", "acceptance": "customer", "approval": "clerk"}
BODIES: dict[str, dict[str, Any]] = {"cancellation": {"reason": "不要了"}}


@pytest.mark.parametrize(("steps", "again"), TWICE.values(), ids=TWICE.keys())
def test_t24_no_step_is_taken_twice_or_left_out(counter: Counter, steps: list[str], again: str) -> None:
    number = counter.confirmed()

    def take(step: str) -> Any:
        return counter.post(f"/orders/{number}/{step}", BODIES.get(step), getattr(counter, WHO[step]))

    for step in steps:
        assert take(step).status_code in (200, 201), step
    before = counter.books()
    answer = take(again)
    assert (answer.status_code, counter.books()) == (409, before), answer.text


def test_t24_an_unpaid_order_is_not_sent(counter: Counter) -> None:
    number = counter.order(counter.sku).get_json()["number"]
    before = counter.books()
    assert counter.post(f"/orders/{number}/dispatches", None, counter.clerk).status_code == 409
    assert counter.books() == before
