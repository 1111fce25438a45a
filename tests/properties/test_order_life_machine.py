"""Orders live any life that people can give them: what the table of moves allows happens, everything else changes
nothing, and the books are right after every step.

A state machine over the real actions on the real database. It keeps a model of its own: the status that each order
should have and the fen that should have moved. Notices of the provider come in any order, late, and more than once.
"""

from collections.abc import Callable
from contextlib import ExitStack
from datetime import timedelta

import pytest
from flask import Flask
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import func, select, text, update

from shop.agreements.models import Side
from shop.income.actions import settle_and_reach
from shop.kit.errors import DomainError, MoveRefusedError
from shop.kit.jobs import Outbox
from shop.kit.states import History
from shop.orders.actions import Verdict, accept, approve, cancel, dispatch, expire_unpaid
from shop.orders.cuts import Less, cut
from shop.orders.errors import (
    AlreadyOnTheWay,
    CutBeyondOrder,
    DispatchBeyondOrder,
    NotApprovedByYou,
    NotCutHere,
    NothingWouldBeLeft,
)
from shop.orders.jobs import REFUND_EXCESS, SETTLE_ORDER
from shop.orders.locks import lines_of, locked_order_by_id
from shop.orders.models import Order, OrderStatus, PaymentTerms, PriceBasis
from shop.orders.place import HOLD_TIME
from shop.orders.states import ORDER_LIFE
from shop.payments.actions import record_bank_transfer, refund_excess, refundable, start_payment
from shop.payments.errors import NothingToPay, RefundBeyondPaid, RefundByBank
from shop.payments.models import SimulatedCharge
from shop.reports.books import CHECKS, Check, run_checks
from tests.conftest import A_DAY_IN_JULY
from tests.factories.sales import NECTARINE, Season, undone

S = OrderStatus

#: All checks but those of rollups (recounted by jobs that do not run here) and of what nobody here touches.
AT_LAST = [check for check in CHECKS if check.rollup is None and not check.code.startswith(("I21", "I22", "I31"))]
#: Of these, after each step, those that do not read the whole ledger.
ALWAYS = [check for check in AT_LAST if check.code.startswith(("I0", "I10", "I14", "I30", "S")) or check.code == "I13"]

#: What a step may change. Journals and postings are append-only: their number says it all.
WATCHED = (
    "orders", "order_lines", "dispatches", "picks", "pools", "reservations", "lots", "movements", "call_offs",
    "payments", "refunds", "refund_lines", "notifications", "simulated_charges", "settlements", "settlement_shares",
    "sales_reach", "outbox",
)  # fmt: skip
CONTENTS = text(
    "SELECT (SELECT count(*) FROM journals), (SELECT count(*) FROM postings), (SELECT max(id) FROM history), "
    + ", ".join(f"(SELECT md5(coalesce(string_agg(t::text, '' ORDER BY t::text), '')) FROM {t} t)" for t in WATCHED)
)
WAYS = ["SHOP", "CADRE", "HOST", "UNIT", "AGREEMENT", "TWO LINES"]

#: What may happen, by weight: orders mostly go on, so that walks come to the end of a life and beyond.
STEPS = ["goes_on"] * 9 + ["provider_tells", "refund", "transfer", "settle", "jobs_run", "dispatch"] * 2
STEPS += ["cut"] * 2 + ["place", "open_payment_page", "approve", "cancel", "accept", "time_passes"]


class Lives(RuleBasedStateMachine):
    """Everything that people, jobs and the provider may do to orders."""

    market: Flask

    @initialize()
    def begin(self) -> None:
        self.stack = ExitStack()
        self.stack.enter_context(self.market.app_context())
        self.season: Season = self.stack.enter_context(undone(self.market.extensions["sku"], A_DAY_IN_JULY))
        self.session = self.season.session
        self.expected: dict[int, OrderStatus] = {}
        self.unchanged = False
        for which in range(len(WAYS)):
            self.place(which, 1 + which % 3)

    @rule(step=st.sampled_from(STEPS), which=st.integers(0, 40), number=st.integers(1, 120))
    def something_happens(self, step: str, which: int, number: int) -> None:
        """`which` order (or charge) it happens to, `number`: how much."""
        getattr(self, step)(which, number)

    def goes_on(self, which: int, number: int) -> None:
        """The next step of a good life."""
        order = self.order(which)
        prepaid = order.payment_terms is PaymentTerms.IN_ADVANCE
        charges = select(SimulatedCharge.id).order_by(SimulatedCharge.id)
        page = self.session.scalar(select(SimulatedCharge.id).where(SimulatedCharge.out_number == f"P{order.number}"))
        match order.status:
            case S.PLACED if not prepaid:
                self.approve(which, number)
            case S.PLACED if page is None:
                self.open_payment_page(which, number)
            case S.PLACED if page is not None:
                self.provider_tells(self.session.scalars(charges).all().index(page), number)
            case S.CONFIRMED | S.PARTLY_DISPATCHED:
                self.dispatch(which, 10 if number > 50 else number)
            case S.DISPATCHED:
                self.accept(which, number)
            case S.ACCEPTED:
                self.settle(which, number)
            case S.SETTLED:
                self.refund(which, number) if prepaid else self.transfer(which, number)
            case S.CANCELLED | S.EXPIRED:
                self.place(which, number)

    def teardown(self) -> None:
        if hasattr(self, "stack"):
            with self.stack:
                self.prove(AT_LAST)

    def order(self, which: int) -> Order:
        ids = sorted(self.expected)
        return locked_order_by_id(self.session, ids[which % len(ids)])

    def contents(self) -> tuple[object, ...]:
        self.session.flush()
        return tuple(self.session.execute(CONTENTS).one())

    def refused(self, why: type[DomainError], act: Callable[[], object]) -> None:
        """`act` is refused for this reason, and has changed nothing before it was."""
        before = self.contents()
        with pytest.raises(why):
            act()
        assert self.contents() == before
        self.unchanged = True

    def move(self, order: Order, event: str, act: Callable[[], object]) -> None:
        """Do it: legal by the table, and then the order is in the table's state; else refused."""
        if ORDER_LIFE.allows(order.status, event):
            self.expected[order.id] = ORDER_LIFE.next(order.status, event)
            act()
        else:
            self.refused(MoveRefusedError, act)

    def place(self, which: int, number: int) -> None:
        season, way, quantity = self.season, WAYS[which % len(WAYS)], 1 + number % 4
        if way == "AGREEMENT":
            order = season.asked_for_by_agreement(quantity * 3_333)
        elif way == "UNIT":
            order = season.asked(way, quantity)
        elif way == "TWO LINES":
            order = season.several({season.sku: quantity, NECTARINE: 1})
        else:
            order = season.placed(way, quantity)
        assert order.status is S.PLACED
        self.expected[order.id] = S.PLACED

    def open_payment_page(self, which: int, _: int) -> None:
        order = self.order(which)

        def act() -> object:
            return start_payment(self.session, order, now=self.season.now)

        if order.payment_terms is PaymentTerms.IN_ADVANCE and order.status is S.PLACED:
            act()
        else:
            self.refused(NothingToPay, act)

    def provider_tells(self, which: int, _: int) -> None:
        """Of any charge it ever heard of, also one it told of before; also when the order is over."""
        txns = self.session.scalars(select(SimulatedCharge.txn).order_by(SimulatedCharge.id)).all()
        if not txns:
            return
        txn = txns[which % len(txns)]
        charge = self.session.execute(select(SimulatedCharge).where(SimulatedCharge.txn == txn)).scalar_one()
        number = charge.out_number.removeprefix("P")
        order = self.session.scalar(select(Order).where(Order.number == number)) if charge.kind == "pay" else None
        if order is not None and order.status is S.PLACED:
            self.expected[order.id] = S.CONFIRMED
        self.season.tell(txn)

    def approve(self, which: int, _: int) -> None:
        order = self.order(which)

        def act() -> None:
            approve(self.session, order, actor_id=None, now=self.season.now)

        if order.payment_terms is PaymentTerms.IN_ADVANCE:
            self.refused(NotApprovedByYou, act)
        else:
            self.move(order, "approve", act)

    def cancel(self, which: int, _: int) -> None:
        order = self.order(which)

        def act() -> None:
            cancel(self.session, order, actor_id=None, now=self.season.now)

        if order.status in (S.PARTLY_DISPATCHED, S.DISPATCHED):
            self.refused(AlreadyOnTheWay, act)
        else:
            self.move(order, "cancel", act)

    def dispatch(self, which: int, number: int) -> None:
        """So many tenths of what is left of the first line: 10 and the rest with it; beyond 10 is too much."""
        order, tenths = self.order(which), 1 + (number - 1) % 15
        first = lines_of(self.session, order.id)[0]
        sku = self.season.sku_of(first.product_id)
        left = first.standing_g - first.dispatched_g
        whole = tenths == 10 or left == 0
        weights = None if whole else {sku: left * tenths // 10}

        def act() -> object:
            return dispatch(
                self.session, order, weights, carrier_zh=None, tracking_number=None, actor_id=None, now=self.season.now
            )

        if tenths > 10 and not whole and ORDER_LIFE.allows(order.status, "dispatch"):
            self.refused(DispatchBeyondOrder, act)
        else:
            self.move(order, "dispatch" if whole else "dispatch_part", act)

    def cut(self, which: int, number: int) -> None:
        """One side takes a pack (or a kg) off the first line: refused when all would go, or it was sent."""
        order, by = self.order(which), Side.FIRM if number % 2 else Side.BUYER
        lines = lines_of(self.session, order.id)
        first = lines[0]
        by_kg = first.price_basis is PriceBasis.KG
        less = Less(self.season.sku_of(first.product_id), weight_g=1_000 if by_kg else first.unit_weight_g)
        grams, left = less.weight_g or 0, first.standing_g - first.dispatched_g

        def act() -> object:
            return cut(
                self.session, order, [less], by=by, reason="少要", goods=self.season.goods(), actor_id=None,
                now=self.season.now,
            )  # fmt: skip

        if not ORDER_LIFE.allows(order.status, "cut"):
            self.refused(MoveRefusedError, act)
        elif by_kg and by is Side.BUYER:
            self.refused(NotCutHere, act)
        elif grams > left:
            self.refused(CutBeyondOrder, act)
        elif grams == sum(line.standing_g for line in lines):
            self.refused(NothingWouldBeLeft, act)
        else:
            rest = sum(line.standing_g - line.dispatched_g for line in lines) - grams
            self.expected[order.id] = ORDER_LIFE.next(order.status, "cut" if rest else "cut_rest")
            act()

    def accept(self, which: int, number: int) -> None:
        order = self.order(which)
        first = lines_of(self.session, order.id)[0]
        taken = first.dispatched_g * min(number, 100) // 100
        verdicts = {self.season.sku_of(first.product_id): Verdict(taken, "压伤")}
        self.move(order, "accept", lambda: accept(self.session, order, verdicts, actor_id=None, now=self.season.now))

    def refund(self, which: int, number: int) -> None:
        order = self.order(which)
        fen = max(1, order.total_fen * number // 100)
        if order.payment_terms is PaymentTerms.ON_INVOICE:
            self.refused(RefundByBank, lambda: self.season.refunded(order, fen))
        elif fen > refundable(self.session, order):
            self.refused(RefundBeyondPaid, lambda: self.season.refunded(order, fen))
        else:
            self.season.refunded(order, fen)

    def settle(self, which: int, _: int) -> None:
        """The job comes for any order, in any state: nothing happens unless it was accepted."""
        order = self.order(which)
        if order.status is S.ACCEPTED:
            self.expected[order.id] = S.SETTLED
            accepted = sum(line.accepted_fen or 0 for line in lines_of(self.session, order.id))
            settlement = settle_and_reach(self.session, order.id, now=self.season.now)
            assert settlement is not None
            assert settlement.net_fen <= accepted, "what was refused goes back, and is shared with nobody"
        elif order.status is S.SETTLED:
            before = self.contents()
            assert settle_and_reach(self.session, order.id, now=self.season.now) is None
            assert self.contents() == before

    def transfer(self, which: int, _: int) -> None:
        order = self.order(which)
        reference = f"YH-{self.session.scalar(select(func.count()).select_from(History))}"

        def act() -> object:
            return record_bank_transfer(self.session, order, 100, reference, actor_id=None, now=self.season.now)

        owed = sum(line.accepted_fen or 0 for line in lines_of(self.session, order.id)) - order.paid_fen
        if order.payment_terms is PaymentTerms.ON_INVOICE and order.status is S.SETTLED and owed >= 100:
            act()
        else:
            self.refused(NothingToPay, act)

    def jobs_run(self, _: int, __: int) -> None:
        """Everything that was asked for is done, twice, as after a crash."""
        asked = self.session.execute(select(Outbox.job, Outbox.ids).where(Outbox.done_at.is_(None)).order_by(Outbox.id))
        for job, ids in [(row.job, row.ids) for row in asked.all()] * 2:
            if job == REFUND_EXCESS.name:
                refund_excess(self.session, ids[0], now=self.season.now)
            elif job == SETTLE_ORDER.name:
                if self.expected[ids[0]] is S.ACCEPTED:
                    self.expected[ids[0]] = S.SETTLED
                settle_and_reach(self.session, ids[0], now=self.season.now)
        self.session.execute(update(Outbox).values(sent_at=self.season.now, done_at=self.season.now))

    def time_passes(self, _: int, number: int) -> None:
        """The sweep expires whose hold has lapsed, and nobody else."""
        self.jobs_run(0, 0)
        self.season.now += timedelta(minutes=16 if number > 60 else 5)
        lapsed = [
            order_id
            for order_id, status in self.expected.items()
            if status is S.PLACED
            and (order := self.session.get_one(Order, order_id)).payment_terms is PaymentTerms.IN_ADVANCE
            and order.placed_at + HOLD_TIME < self.season.now
        ]
        assert expire_unpaid(self.session, now=self.season.now) == len(lapsed)
        self.expected |= dict.fromkeys(lapsed, S.EXPIRED)
        assert expire_unpaid(self.session, now=self.season.now) == 0
        self.jobs_run(0, 0)

    @invariant()
    def every_order_is_where_the_model_says(self) -> None:
        self.session.flush()
        found = self.session.execute(select(Order.id, Order.status)).all()
        assert dict(found) == self.expected

    @invariant()
    def the_books_are_right(self) -> None:
        if not self.unchanged:
            self.prove(ALWAYS)
        self.unchanged = False

    def prove(self, checks: list[Check]) -> None:
        self.session.flush()
        self.session.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))
        self.session.execute(text("SET CONSTRAINTS ALL DEFERRED"))
        found = run_checks(self.session.connection(), checks, now=self.season.now)
        assert [str(violation) for violation in found] == []


@pytest.fixture
def lives(market: Flask) -> type[Lives]:
    Lives.market = market
    return Lives


def test_g05_whatever_happens_to_orders_the_table_of_moves_and_the_books_hold(lives: type[Lives]) -> None:
    bounds = settings(max_examples=6, stateful_step_count=35, deadline=None, database=None, derandomize=True)
    run_state_machine_as_test(lives, settings=bounds)
