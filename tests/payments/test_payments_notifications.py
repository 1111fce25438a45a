"""The provider's door: what is signed and fits the books takes effect once, everything else changes nothing.

Over HTTP, with real commits. Each test sells to somebody of its own; the books are proved after each.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select, update

from shop.kit.clock import WalkingClock
from shop.kit.db import db, release, transaction
from shop.kit.errors import DomainError
from shop.kit.jobs import Outbox
from shop.kit.states import History
from shop.ledger.models import Account, Journal, Posting
from shop.orders.actions import cancel, expire_unpaid
from shop.orders.jobs import REFUND_EXCESS
from shop.orders.locks import locked_order, locked_order_by_id
from shop.orders.models import Order, OrderStatus
from shop.orders.place import HOLD_TIME
from shop.payments.actions import refund_excess, start_payment
from shop.payments.errors import NothingToPay
from shop.payments.jobs import NOTIFY
from shop.payments.models import Notification, Payment, PaymentStatus, Refund, SimulatedCharge
from shop.payments.simulated import Signed, complete, notification
from shop.payments.sweeps import PATIENCE, notify_again
from shop.reports.books import CHECKS, run_checks
from tests.conftest import A_DAY_IN_JULY, fresh_app
from tests.factories.sales import Season, ready
from tests.factories.tables import contents

DOOR = "/api/v1/payments/notifications/simulated"


@dataclass
class Till:
    """The shop, its clock and the secret it shares with the provider."""

    app: Flask
    clock: WalkingClock
    sku: str

    @property
    def secret(self) -> str:
        return str(self.app.extensions["settings"].payment_secret)

    def placed(self, quantity: int = 2) -> tuple[str, str]:
        """A new order and the provider's transaction of its payment page."""
        with transaction() as session:
            order = Season(session, self.clock.now(), self.sku).placed(quantity=quantity)
            payment = start_payment(session, order, now=self.clock.now())
            return order.number, str(payment.pay_url).rpartition("/")[2]

    def notice(self, txn: str) -> Signed:
        """The provider has done it: its notice, not delivered yet."""
        with transaction() as session:
            return notification(complete(session, txn, now=self.clock.now()), self.secret, now=self.clock.now())

    def deliver(self, notice: Signed) -> tuple[int, Any]:
        answer = self.app.test_client().post(DOOR, data=notice.body, headers=notice.headers)
        return answer.status_code, answer.json

    def signed(self, body: bytes) -> Signed:
        """Any body, signed as the documentation of the provider says."""
        stamp, nonce = str(int(self.clock.now().timestamp())), "nonce"
        message = b"%s\n%s\n%s\n" % (stamp.encode(), nonce.encode(), body)
        mark = base64.b64encode(hmac.new(self.secret.encode(), message, hashlib.sha256).digest()).decode()
        headers = {
            "Content-Type": "application/json", "Pay-Timestamp": stamp, "Pay-Nonce": nonce, "Pay-Signature": mark,
        }  # fmt: skip
        return Signed(body, headers)

    def told(self, txn: str, /, **changes: object) -> Signed:
        """The genuine notice about `txn` with some members changed, and signed."""
        event = json.loads(self.notice(txn).body) | changes
        return self.signed(json.dumps({name: value for name, value in event.items() if value is not None}).encode())

    def order(self, number: str) -> Order:
        order = db.session.execute(
            select(Order).where(Order.number == number).execution_options(populate_existing=True)
        ).scalar_one()
        db.session.expunge(order)
        release()
        return order


def legs(number: str) -> list[tuple[str, str, int]]:
    """(kind of journal, kind of account, fen) of all that was booked about payments and refunds of an order."""
    order_id = select(Order.id).where(Order.number == number).scalar_subquery()
    ours = (Journal.source_type == "payments") & Journal.source_id.in_(
        select(Payment.id).where(Payment.order_id == order_id)
    ) | (Journal.source_type == "refunds") & Journal.source_id.in_(select(Refund.id).where(Refund.order_id == order_id))
    rows = db.session.execute(
        select(Journal.kind, Account.kind, Posting.amount_fen)
        .join(Posting, Posting.journal_id == Journal.id)
        .join(Account, Account.id == Posting.account_id)
        .where(ours)
        .order_by(Posting.id)
    ).all()
    release()
    return [(kind, of.value, fen) for kind, of, fen in rows]


def counted(table: type[Any], *where: Any) -> int:
    found = db.session.execute(select(func.count()).select_from(table).where(*where)).scalar_one()
    release()
    return int(found)


@pytest.fixture(scope="module")
def open_till(urls: tuple[str, str], county_template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Till]:
    clock = WalkingClock(A_DAY_IN_JULY)
    with fresh_app(urls, county_template, tmp_path_factory.mktemp("till"), clock) as app:
        with transaction() as session:
            sku = ready(session, clock.now()).sku
        yield Till(app, clock, sku)


@pytest.fixture
def till(open_till: Till) -> Iterator[Till]:
    open_till.clock.put(A_DAY_IN_JULY)
    yield open_till
    release()
    checks = [check for check in CHECKS if check.code.startswith(("I0", "I1", "I30"))]
    with db.engine.connect() as connection:
        assert [str(found) for found in run_checks(connection, checks, now=A_DAY_IN_JULY)] == []


def test_a_signed_notice_confirms_the_order_and_books_the_money(till: Till) -> None:
    number, txn = till.placed()
    assert till.deliver(till.notice(txn)) == (200, {"code": "SUCCESS"})
    order = till.order(number)
    assert (order.status, order.paid_fen, order.expires_at) == (OrderStatus.CONFIRMED, order.total_fen, None)
    assert order.confirmed_at == till.clock.now()
    assert legs(number) == [("payment", "clearing", order.total_fen), ("payment", "advances", -order.total_fen)]
    payment = db.session.execute(select(Payment).where(Payment.order_id == order.id)).scalar_one()
    assert (payment.status, payment.provider_txn) == (PaymentStatus.SUCCEEDED, txn)


def other_secret(notice: Signed) -> Signed:
    charge = SimulatedCharge(kind="pay", **{k: v for k, v in json.loads(notice.body).items() if k in {"txn"}})
    charge.out_number, charge.amount_fen = "P1", 1
    forged = notification(charge, "a secret of somebody else", now=A_DAY_IN_JULY)
    return Signed(notice.body, notice.headers | {"Pay-Signature": forged.headers["Pay-Signature"]})


FORGERIES = {
    "no signature": lambda n: replace(n, headers={k: v for k, v in n.headers.items() if k != "Pay-Signature"}),
    "an empty signature": lambda n: replace(n, headers=n.headers | {"Pay-Signature": ""}),
    "a probe": lambda n: replace(n, headers=n.headers | {"Pay-Signature": "WECHATPAY/SIGNTEST/abc"}),
    "a signature with letters beyond ASCII": lambda n: replace(n, headers=n.headers | {"Pay-Signature": "é"}),
    "another secret": other_secret,
    "no timestamp": lambda n: replace(n, headers={k: v for k, v in n.headers.items() if k != "Pay-Timestamp"}),
    "a timestamp that is none": lambda n: replace(n, headers=n.headers | {"Pay-Timestamp": "now"}),
    "another timestamp": lambda n: replace(
        n, headers=n.headers | {"Pay-Timestamp": str(int(n.headers["Pay-Timestamp"]) + 1)}
    ),
    "another nonce": lambda n: replace(n, headers=n.headers | {"Pay-Nonce": "0" * 16}),
    "no nonce": lambda n: replace(n, headers={k: v for k, v in n.headers.items() if k != "Pay-Nonce"}),
    "another amount": lambda n: replace(n, body=n.body.replace(b'"amount_fen": ', b'"amount_fen": 1')),
    "the same written another way": lambda n: replace(n, body=json.dumps(json.loads(n.body), indent=1).encode()),
}


@pytest.mark.parametrize("how", FORGERIES)
def test_t38_t40_a_notice_that_the_provider_did_not_sign_so_is_refused_and_changes_nothing(
    till: Till, how: str
) -> None:
    number, txn = till.placed()
    genuine = till.notice(txn)
    before = contents(till.app)
    status, problem = till.deliver(FORGERIES[how](genuine))  # type: ignore[no-untyped-call]
    assert (status, problem["type"]) == (401, "/docs/errors#signature-refused")
    assert contents(till.app) == before
    assert till.deliver(genuine)[0] == 200
    assert till.order(number).status is OrderStatus.CONFIRMED


def test_t40_a_byte_order_mark_is_no_json(till: Till) -> None:
    _, txn = till.placed()
    genuine = till.notice(txn)
    before = contents(till.app)
    assert till.deliver(replace(genuine, body=b"\xef\xbb\xbf" + genuine.body))[0] == 400
    assert contents(till.app) == before


@pytest.mark.parametrize(("late", "status"), [(300, 200), (301, 401), (600, 401), (-300, 200), (-301, 401)])
def test_t39_a_notice_is_good_for_five_minutes_either_way(till: Till, late: int, status: int) -> None:
    number, txn = till.placed()
    notice = till.notice(txn)
    till.clock.walk(timedelta(seconds=late))
    before = contents(till.app)
    assert till.deliver(notice)[0] == status
    assert (contents(till.app) == before) == (status == 401)
    assert (till.order(number).status is OrderStatus.CONFIRMED) == (status == 200)


def test_t39_a_replayed_notice_takes_effect_once(till: Till) -> None:
    number, txn = till.placed()
    notice = till.notice(txn)
    assert till.deliver(notice)[0] == 200
    before = contents(till.app)
    for _ in range(5):
        assert till.deliver(notice) == (200, {"code": "SUCCESS"})
    assert till.deliver(till.notice(txn))[0] == 200  # told again later, with a fresh signature
    assert contents(till.app) == before
    assert till.order(number).paid_fen == till.order(number).total_fen


def test_t39_a_notice_that_comes_eight_times_at_once_takes_effect_once(till: Till) -> None:
    number, txn = till.placed()
    notice, start = till.notice(txn), Barrier(8)

    def deliver(_: int) -> int:
        start.wait()
        return till.deliver(notice)[0]

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(deliver, range(8))) == [200] * 8
    assert till.order(number).paid_fen == till.order(number).total_fen
    assert len(legs(number)) == 2
    assert counted(Notification, Notification.event_id == f"EV-{txn}") == 1


def test_t39_a_success_that_is_told_as_another_event_takes_effect_once(till: Till) -> None:
    number, txn = till.placed()
    assert till.deliver(till.notice(txn))[0] == 200
    assert till.deliver(till.told(txn, event_id="EV-again"))[0] == 200
    order = till.order(number)
    assert (order.paid_fen, order.status) == (order.total_fen, OrderStatus.CONFIRMED)
    assert len(legs(number)) == 2
    payment_id = select(Payment.id).where(Payment.number == f"P{number}").scalar_subquery()
    assert counted(History, History.entity_type == "payments", History.entity_id == payment_id) == 1
    assert counted(Outbox, Outbox.job == REFUND_EXCESS.name, Outbox.ids == [order.id]) == 0


def test_t40_another_transaction_for_a_payment_that_succeeded_is_refused(till: Till) -> None:
    number, txn = till.placed()
    assert till.deliver(till.notice(txn))[0] == 200
    before = contents(till.app)
    status, problem = till.deliver(till.told(txn, event_id="EV-other", txn="SIM-other"))
    assert (status, problem["why"]) == (409, "txn")
    assert contents(till.app) == before
    assert till.order(number).paid_fen == till.order(number).total_fen


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"amount_fen": 1}, "amount"),
        ({"amount_fen": -7_960}, "amount"),
        ({"currency": "USD"}, "currency"),
        ({"out_number": "P999999-00000000"}, "number"),
        ({"kind": "chargeback"}, "kind"),
        ({"kind": "refund"}, "number"),
        ({"amount_fen": None}, "shape"),
        ({"amount_fen": "7960"}, "shape"),
        ({"amount_fen": 7_960.0}, "shape"),
        ({"amount_fen": True}, "shape"),
        ({"event_id": None}, "shape"),
        ({"txn": 5}, "shape"),
        ({"currency": None}, "shape"),
    ],
)
def test_t40_a_signed_notice_that_does_not_fit_our_books_changes_nothing(
    till: Till, changes: dict[str, object], why: str
) -> None:
    number, txn = till.placed()
    notice = till.told(txn, **changes)
    before = contents(till.app)
    status, problem = till.deliver(notice)
    assert (status, problem["type"], problem["why"]) == (409, "/docs/errors#notification-refused", why)
    assert contents(till.app) == before
    assert till.order(number).status is OrderStatus.PLACED
    assert till.deliver(till.notice(txn))[0] == 200, "the genuine one still counts"


def test_t22_money_that_comes_after_the_hold_ran_out_is_booked_and_goes_back(till: Till) -> None:
    number, txn = till.placed()
    notice = till.notice(txn)
    with transaction() as session:
        assert expire_unpaid(session, now=till.clock.now() + HOLD_TIME + timedelta(seconds=1)) >= 1
    assert till.deliver(notice)[0] == 200
    order = till.order(number)
    assert (order.status, order.paid_fen, order.refunded_fen) == (OrderStatus.EXPIRED, order.total_fen, 0)
    assert counted(Outbox, Outbox.job == REFUND_EXCESS.name, Outbox.ids == [order.id]) == 1
    goes_back(till, number)
    assert till.order(number).status is OrderStatus.EXPIRED


def goes_back(till: Till, number: str) -> None:
    """The job gives everything back, also when it runs twice, and the provider tells of it."""
    order = till.order(number)
    with transaction() as session:
        refund = refund_excess(session, order.id, now=till.clock.now())
        assert refund is not None
        assert refund.amount_fen == order.total_fen
        out_number = refund.number
    with transaction() as session:
        assert refund_excess(session, order.id, now=till.clock.now()) is None
    txn = db.session.execute(select(SimulatedCharge.txn).where(SimulatedCharge.out_number == out_number)).scalar_one()
    release()
    for _ in range(2):
        assert till.deliver(till.notice(txn))[0] == 200
    assert till.deliver(till.told(txn, event_id=f"EV-again-{txn}"))[0] == 200
    order = till.order(number)
    assert (order.paid_fen, order.refunded_fen) == (order.total_fen, order.total_fen)
    fen = order.total_fen
    assert legs(number) == [
        ("payment", "clearing", fen), ("payment", "advances", -fen), ("refund", "advances", fen),
        ("refund", "refunds_due", -fen), ("paid_back", "refunds_due", fen), ("paid_back", "clearing", -fen),
    ]  # fmt: skip


def test_t22_money_for_a_cancelled_order_is_booked_and_goes_back(till: Till) -> None:
    number, txn = till.placed()
    with transaction() as session:
        cancel(session, locked_order(session, number), actor_id=None, now=till.clock.now())
    assert till.deliver(till.notice(txn))[0] == 200
    assert till.order(number).status is OrderStatus.CANCELLED
    goes_back(till, number)


def test_t23_cancelling_while_the_notice_is_in_flight_ends_cancelled_and_refunded_either_way(till: Till) -> None:
    for _ in range(8):
        number, txn = till.placed(quantity=1)
        notice, start = till.notice(txn), Barrier(2)

        def pay(notice: Signed = notice, start: Barrier = start) -> int:
            start.wait()
            return till.deliver(notice)[0]

        def call_off(number: str = number, start: Barrier = start) -> int:
            with till.app.app_context():
                start.wait()
                with transaction() as session:
                    cancel(session, locked_order(session, number), actor_id=None, now=till.clock.now())
            return 0

        with ThreadPoolExecutor(2) as threads:
            paid, cancelled = threads.submit(pay), threads.submit(call_off)
            assert (paid.result(), cancelled.result()) == (200, 0)
        order = till.order(number)
        assert (order.status, order.paid_fen) == (OrderStatus.CANCELLED, order.total_fen)
        assert counted(Outbox, Outbox.job == REFUND_EXCESS.name, Outbox.ids == [order.id]) == 1
        goes_back(till, number)


def test_t42_a_notice_that_never_came_is_asked_for_again_when_its_time_is_over(till: Till) -> None:
    _, txn = till.placed()
    till.notice(txn)
    charge_id = db.session.execute(select(SimulatedCharge.id).where(SimulatedCharge.txn == txn)).scalar_one()
    release()
    with transaction() as session:
        session.execute(update(Outbox).values(sent_at=till.clock.now(), done_at=till.clock.now()))
    asked = (Outbox.job == NOTIFY.name, Outbox.ids == [charge_id], Outbox.done_at.is_(None))
    with transaction() as session:
        notify_again(session, now=till.clock.now() + PATIENCE)
    assert counted(Outbox, *asked) == 0
    with transaction() as session:
        notify_again(session, now=till.clock.now() + PATIENCE + timedelta(seconds=1))
    assert counted(Outbox, *asked) == 1
    with transaction() as session:
        notify_again(session, now=till.clock.now() + PATIENCE + timedelta(seconds=2))
    assert counted(Outbox, *asked) == 1


def test_asking_for_the_payment_page_again_gives_the_same_page(till: Till) -> None:
    number, txn = till.placed()
    with transaction() as session:
        again = start_payment(session, locked_order(session, number), now=till.clock.now())
        assert again.pay_url == f"/simulated-pay/{txn}"
    order = till.order(number)
    assert counted(Payment, Payment.order_id == order.id) == 1
    assert counted(SimulatedCharge, SimulatedCharge.out_number == f"P{number}") == 1


@pytest.mark.parametrize("state", ["paid", "cancelled", "on invoice"])
def test_t22_an_order_that_waits_for_no_money_has_no_payment_page(till: Till, state: str) -> None:
    now = till.clock.now()
    with transaction() as session:
        season = Season(session, now, till.sku)
        order = season.approved("UNIT") if state == "on invoice" else season.placed()
        if state == "paid":
            season.pays(order)
        elif state == "cancelled":
            cancel(session, order, actor_id=None, now=now)
        order_id = order.id
    before = contents(till.app)
    with pytest.raises(NothingToPay), transaction() as session:
        start_payment(session, locked_order_by_id(session, order_id), now=now)
    assert contents(till.app) == before


def test_pressing_the_button_twice_tells_once(till: Till) -> None:
    _, txn = till.placed()
    first, second = till.notice(txn), till.notice(txn)
    assert first.body == second.body
    charge = db.session.execute(select(SimulatedCharge).where(SimulatedCharge.txn == txn)).scalar_one()
    assert counted(Outbox, Outbox.job == NOTIFY.name, Outbox.ids == [charge.id]) == 1


def test_a_provider_does_not_know_a_foreign_transaction(till: Till) -> None:
    before = contents(till.app)
    with pytest.raises(DomainError, match="SIM-unknown"), transaction() as session:
        complete(session, "SIM-unknown", now=till.clock.now())
    assert contents(till.app) == before
