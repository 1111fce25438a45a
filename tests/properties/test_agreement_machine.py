"""An agreement lives any life that people and the calendar give it, and a model that counts by hand never disagrees.

A state machine over the real actions on the real database: calls, cancellations, changes, runs of the schedule on any
day, forward and back, and amendments that both sign, of two products, each by the agreement's schedule or by its own.
The model knows the rules of docs/agreements.md and nothing else.
"""

import os
from calendar import monthrange
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import date, timedelta

import pytest
from flask import Flask
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import select
from sqlalchemy.orm import Session

from shop.agreements import actions
from shop.agreements.errors import (
    AmendmentRefused,
    BelowMinimum,
    DueDayPast,
    NotScheduled,
    OutsideTerm,
    PromiseExceeded,
)
from shop.agreements.models import Agreement, AgreementLine, CallOff, CallOffStatus, DueWeight
from shop.agreements.terms import LineTerms
from shop.catalog.actions import product_by_sku
from shop.catalog.models import Product
from shop.kit.clock import at_beijing
from shop.kit.db import db
from shop.kit.errors import DomainError, MoveRefusedError
from shop.reports.books import CHECKS, run_checks
from tests.factories.agreements import amended, line, recorded, second_product, terms
from tests.factories.world import NOW, TODAY, build

LAST = date(2025, 9, 16)
LEAST_G = 4_000
#: `make model-agreements` asks for 2,000.
EXAMPLES = int(os.environ.get("MODEL_EXAMPLES", "20"))
PROOFS = [check for check in CHECKS if check.code in ("I19", "I19-due", "I19-terms", "I20", "I20-floor")]
SKUS = ("PL001", "PL009")
which_product = st.sampled_from(SKUS)
#: Of the agreement; and of a line, None: the agreement's.
schedules = st.one_of(
    st.just("daily"),
    st.lists(st.integers(1, 7), min_size=1, unique=True).map(lambda days: "weekly:" + ",".join(map(str, days))),
    st.lists(st.integers(1, 31), min_size=1, max_size=3, unique=True).map(
        lambda days: "monthly:" + ",".join(map(str, days))
    ),
    st.sampled_from(["monthly:31", "monthly:29,30,31", "once:2025-08-31"]),
)
of_lines = st.tuples(*(st.none() | schedules for _ in SKUS))


@dataclass
class Called:
    """What the model knows of a call-off."""

    sku: str
    grams: int
    due_on: date
    schedule_day: date | None
    status: CallOffStatus


@dataclass
class Promise:
    """What the model knows of a line."""

    committed: int
    due: dict[date, int] = field(default_factory=dict)


def named_by(written: str) -> set[date]:
    """Every day that a schedule names in the months of the term and before it: counted by hand, month by month."""
    kind, _, rest = written.partition(":")
    if kind == "once":
        return {date.fromisoformat(rest)}
    if kind == "monthly":
        asked = {int(day) for day in rest.split(",")}
        return {date(2025, month, min(day, monthrange(2025, month)[1])) for month in (7, 8, 9) for day in asked}
    week = {int(day) for day in rest.split(",")} if rest else set(range(1, 8))
    monday = date(2025, 7, 14)
    return {monday + timedelta(days=7 * number + day - 1) for number in range(10) for day in week}


def scheduled(written: str, first: date) -> list[date]:
    """The days of a schedule from `first` to the last; where there are none, the last."""
    return sorted(day for day in named_by(written) if first <= day <= LAST) or [LAST]


def shared(grams: int, days: list[date]) -> dict[date, int]:
    """Grams over days, the odd ones on the first days: counted by hand."""
    each, odd = divmod(grams, len(days))
    return {day: each + (place < odd) for place, day in enumerate(days)}


class Promises(RuleBasedStateMachine):
    """Everything that may happen to one agreement."""

    market: Flask

    @initialize(schedule=st.just("weekly:2") | schedules, own=of_lines)
    def begin(self, schedule: str, own: Sequence[str | None]) -> None:
        self.stack = ExitStack()
        self.stack.enter_context(self.market.app_context())
        connection = self.stack.enter_context(db.engine.connect())
        outer = connection.begin()
        self.stack.callback(outer.rollback)
        self.session = self.stack.enter_context(Session(bind=connection, join_transaction_mode="create_savepoint"))
        second_product(self.session, SKUS[1])
        promised = dict.fromkeys(SKUS, 100_000)
        recorded(self.session, *self.lines(promised, own), schedule=schedule)
        self.today = TODAY
        self.promises = {
            sku: Promise(100_000, shared(100_000, scheduled(written or schedule, TODAY)))
            for sku, written in zip(SKUS, own, strict=True)
        }
        self.calls: dict[int, Called] = {}

    def lines(self, promised: dict[str, int], own: Sequence[str | None]) -> list[LineTerms]:
        return [
            line(sku=sku, committed_g=promised[sku], minimum_date_g=LEAST_G, minimum_g=0, schedule=written)
            for sku, written in zip(SKUS, own, strict=True)
        ]

    def product(self, sku: str) -> Product:
        return product_by_sku(self.session, sku)

    def teardown(self) -> None:
        if hasattr(self, "stack"):
            with self.stack:
                assert run_checks(self.session.connection(), PROOFS, now=NOW) == []

    def live(self, sku: str) -> int:
        return sum(
            call.grams for call in self.calls.values() if call.sku == sku and call.status is not CallOffStatus.CANCELLED
        )

    def left(self, sku: str) -> int:
        return self.promises[sku].committed - self.live(sku)

    def known(self, sku: str) -> set[date | None]:
        """Days of the schedule that were called."""
        return {call.schedule_day for call in self.calls.values() if call.sku == sku}

    def refused(self, why: type[DomainError], *act: object) -> None:
        """The act is refused for this reason; its savepoint takes back whatever it had begun."""
        with pytest.raises(why), self.session.begin_nested():
            act[0](*act[1:])  # type: ignore[operator]

    def call(self, sku: str, grams: int, day: date, schedule_day: date | None) -> CallOff:
        return actions.call_off(
            self.session, "A50", self.product(sku), grams, day, schedule_day=schedule_day, actor_id=None,
            now=at_beijing(self.today, 9),
        )  # fmt: skip

    def keep(self, sku: str, made: CallOff) -> None:
        self.calls[made.id] = Called(sku, made.weight_g, made.due_on, made.schedule_day, made.status)

    @rule(
        sku=which_product, grams=st.integers(1, 60_000), ahead=st.integers(-3, 70),
        to_the_gram=st.sampled_from([None, None, 0, 1]),
    )  # fmt: skip
    def buyer_calls(self, sku: str, grams: int, ahead: int, to_the_gram: int | None) -> None:
        """So many grams, or exactly what is left, or one more."""
        if to_the_gram is not None:
            grams = self.left(sku) + to_the_gram or 1
        day = self.today + timedelta(days=ahead)
        if not TODAY <= day <= LAST:
            self.refused(OutsideTerm, self.call, sku, grams, day, None)
        elif day < self.today:
            self.refused(DueDayPast, self.call, sku, grams, day, None)
        elif grams > self.left(sku):
            self.refused(PromiseExceeded, self.call, sku, grams, day, None)
        else:
            self.keep(sku, self.call(sku, grams, day, None))

    @rule(sku=which_product, grams=st.integers(1, 15_000), whole=st.booleans(), place=st.integers(0, 70))
    def buyer_brings_forward(self, sku: str, grams: int, whole: bool, place: int) -> None:
        """What a day of either product's schedule asks for, or any grams of it; or of a day of no schedule at all."""
        named = sorted({day for promise in self.promises.values() for day in promise.due} | {LAST})
        wanted = named[place] if place < len(named) else TODAY + timedelta(days=place)
        asked = self.promises[sku].due.get(wanted, 0)
        if whole and asked:
            grams = asked
        left = self.left(sku)
        day = min(max(self.today, TODAY), LAST)
        if not asked or grams > asked or wanted in self.known(sku):
            self.refused(NotScheduled, self.call, sku, grams, day, wanted)
        elif grams < min(LEAST_G, left, asked):
            self.refused(BelowMinimum, self.call, sku, grams, day, wanted)
        elif grams > left:
            self.refused(PromiseExceeded, self.call, sku, grams, day, wanted)
        else:
            self.keep(sku, self.call(sku, grams, day, wanted))

    @rule(days=st.sampled_from([-40, -9, -1, 0, 1, 7, 7, 8, 8, 15, 33]), twice=st.booleans())
    def the_schedule_runs(self, days: int, twice: bool) -> None:
        """On the same day, the next, a week later, after a long outage, or after a jump of the clock either way."""
        self.today = min(max(self.today + timedelta(days=days), TODAY), LAST)
        expected = []
        for sku, promise in self.promises.items():
            left = self.left(sku)
            for day in sorted(promise.due):
                grams = min(promise.due[day], left)
                if day <= self.today and day not in self.known(sku) and grams:
                    expected.append((day, sku, grams))
                    left -= grams
        made = []
        for _ in range(1 + twice):
            for due in actions.due_calls(self.session, self.today):
                if due.agreement_code == "A50":
                    now = at_beijing(self.today, 6)
                    call = actions.call_scheduled(self.session, due, self.product(due.sku), self.today, now=now)
                    made.append((due.sku, call))
        real = [(sku, call) for sku, call in made if call is not None]
        assert [(call.schedule_day, sku, call.weight_g) for sku, call in real] == sorted(expected)
        for sku, call in real:
            assert call.due_on == self.today
            self.keep(sku, call)

    @rule(which=st.integers(0, 30), event=st.sampled_from(["confirm", "cancel", "cancel"]))
    def somebody_decides(self, which: int, event: str) -> None:
        if not self.calls:
            return
        known = sorted(self.calls)[which % len(self.calls)]
        call = self.calls[known]
        open_ = call.status is CallOffStatus.REQUESTED
        if not (open_ or (event == "cancel" and call.status is CallOffStatus.CONFIRMED)):
            self.refused(MoveRefusedError, self.decide, known, event)
            return
        self.decide(known, event)
        call.status = CallOffStatus.CONFIRMED if event == "confirm" else CallOffStatus.CANCELLED

    def decide(self, call_off_id: int, event: str) -> None:
        actions.move_call_off(self.session, call_off_id, event, actor_id=None, now=NOW)

    @rule(which=st.integers(0, 30), part=st.integers(1, 12), ahead=st.integers(-2, 30))
    def buyer_changes(self, which: int, part: int, ahead: int) -> None:
        if not self.calls:
            return
        known = sorted(self.calls)[which % len(self.calls)]
        call = self.calls[known]
        grams, day = max(call.grams * part // 10, 1), self.today + timedelta(days=ahead)
        if not TODAY <= day <= LAST:
            why: type[DomainError] | None = OutsideTerm
        elif day < self.today:
            why = DueDayPast
        elif grams > call.grams:
            why = PromiseExceeded
        elif call.schedule_day is not None and grams < min(LEAST_G, call.grams):
            why = BelowMinimum
        else:
            why = None if call.status is CallOffStatus.REQUESTED else MoveRefusedError
        if why is not None:
            self.refused(why, self.change, known, day, grams)
            return
        self.change(known, day, grams)
        call.grams, call.due_on = grams, day

    def change(self, call_off_id: int, day: date, grams: int) -> None:
        now = at_beijing(self.today, 9)
        actions.change_call_off(self.session, call_off_id, due_on=day, weight_g=grams, actor_id=None, now=now)

    @rule(committed=st.tuples(*(st.integers(4_000, 180_000) for _ in SKUS)), schedule=schedules, own=of_lines)
    def both_amend(self, committed: Sequence[int], schedule: str, own: Sequence[str | None]) -> None:
        """Other weights by other schedules, signed at NOW, the first day: what is due later is spread anew."""
        promised = dict(zip(SKUS, committed, strict=True))
        asked = terms(*self.lines(promised, own), schedule=schedule)
        fell_due = {sku: promise.due.get(TODAY, 0) for sku, promise in self.promises.items()}
        if any(promised[sku] < max(self.live(sku), fell_due[sku]) for sku in SKUS):
            self.refused(AmendmentRefused, amended, self.session, "A50", asked)
            return
        amended(self.session, "A50", asked)
        for sku, written in zip(SKUS, own, strict=True):
            rest = promised[sku] - fell_due[sku]
            later = shared(rest, scheduled(written or schedule, TODAY + timedelta(days=1))) if rest else {}
            self.promises[sku] = Promise(promised[sku], {TODAY: fell_due[sku], **later})

    @invariant()
    def the_books_agree_with_the_model(self) -> None:
        if not hasattr(self, "calls"):
            return
        self.session.flush()
        wanted = {known: (call.grams, call.due_on, call.status) for known, call in self.calls.items()}
        rows = self.session.execute(
            select(CallOff.id, CallOff.weight_g, CallOff.due_on, CallOff.status).where(
                CallOff.id.in_(list(wanted) or [0])
            )
        )
        assert {row.id: (row.weight_g, row.due_on, row.status) for row in rows} == wanted
        spread = self.session.execute(
            select(Product.sku, DueWeight.due_on, DueWeight.weight_g)
            .join(AgreementLine, AgreementLine.id == DueWeight.line_id)
            .join(Product, Product.id == AgreementLine.product_id)
            .join(Agreement, Agreement.id == AgreementLine.agreement_id)
            .where(Agreement.code == "A50", DueWeight.weight_g > 0)
        )
        due = {(sku, day): grams for sku, day, grams in spread}
        for sku, promise in self.promises.items():
            assert 0 <= self.live(sku) <= promise.committed == sum(promise.due.values())
        assert due == {
            (sku, day): grams for sku, promise in self.promises.items() for day, grams in promise.due.items() if grams
        }


@pytest.mark.timeout(7_200)
def test_g05_any_life_of_an_agreement_is_the_one_that_the_model_counts(committed: Flask) -> None:
    build(committed)

    class Here(Promises):
        market = committed

    bounds = settings(
        max_examples=EXAMPLES, stateful_step_count=30, deadline=None, database=None, derandomize=EXAMPLES < 100,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    run_state_machine_as_test(Here, settings=bounds)
