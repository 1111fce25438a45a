"""An agreement lives any life that people and the calendar give it, and a model that counts by hand never disagrees.

A state machine over the real actions on the real database: calls, cancellations, changes, runs of the schedule on any
day, forward and back, and amendments that both sign. The model knows the rules of docs/agreements.md and nothing else.
"""

import os
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date, timedelta

import pytest
from flask import Flask
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import select
from sqlalchemy.orm import Session

from shop.agreements import actions
from shop.agreements.errors import AmendmentRefused, BelowMinimum, NotScheduled, OutsideTerm, PromiseExceeded
from shop.agreements.models import Agreement, AgreementLine, CallOff, CallOffStatus, DueWeight
from shop.catalog.actions import product_by_sku
from shop.kit.clock import at_beijing
from shop.kit.db import db
from shop.kit.errors import DomainError, MoveRefusedError
from shop.reports.books import CHECKS, run_checks
from tests.factories.agreements import amended, line, recorded, terms
from tests.factories.world import NOW, TODAY, build

LAST = date(2025, 9, 16)
LEAST_G = 4_000
#: `make model-agreements` asks for 2,000.
EXAMPLES = int(os.environ.get("MODEL_EXAMPLES", "20"))
PROOFS = [check for check in CHECKS if check.code in ("I19", "I19-due", "I19-terms", "I20", "I20-floor")]


@dataclass
class Called:
    """What the model knows of a call-off."""

    grams: int
    due_on: date
    schedule_day: date | None
    status: CallOffStatus


def tuesdays(first: date) -> list[date]:
    """The days of the schedule from `first` to the last."""
    days = [TODAY + timedelta(days=7 * week) for week in range(10)]
    return [day for day in days if day >= first] or [LAST]


def shared(grams: int, days: list[date]) -> dict[date, int]:
    """Grams over days, the odd ones on the first days: counted by hand."""
    each, odd = divmod(grams, len(days))
    return {day: each + (place < odd) for place, day in enumerate(days)}


class Promises(RuleBasedStateMachine):
    """Everything that may happen to one agreement."""

    market: Flask

    @initialize()
    def begin(self) -> None:
        self.stack = ExitStack()
        self.stack.enter_context(self.market.app_context())
        connection = self.stack.enter_context(db.engine.connect())
        outer = connection.begin()
        self.stack.callback(outer.rollback)
        self.session = self.stack.enter_context(Session(bind=connection, join_transaction_mode="create_savepoint"))
        recorded(self.session, line(minimum_date_g=LEAST_G, minimum_g=0))
        self.product = product_by_sku(self.session, "PL001")
        self.today = TODAY
        self.committed = 100_000
        self.due = shared(self.committed, tuesdays(TODAY))
        self.calls: dict[int, Called] = {}

    def teardown(self) -> None:
        if hasattr(self, "stack"):
            with self.stack:
                assert run_checks(self.session.connection(), PROOFS, now=NOW) == []

    def live(self) -> int:
        return sum(call.grams for call in self.calls.values() if call.status is not CallOffStatus.CANCELLED)

    def refused(self, why: type[DomainError], *act: object) -> None:
        """The act is refused for this reason; its savepoint takes back whatever it had begun."""
        with pytest.raises(why), self.session.begin_nested():
            act[0](*act[1:])  # type: ignore[operator]

    def call(self, grams: int, day: date, schedule_day: date | None) -> CallOff:
        return actions.call_off(
            self.session, "A50", self.product, grams, day, schedule_day=schedule_day, actor_id=None,
            now=at_beijing(self.today, 9),
        )  # fmt: skip

    def keep(self, made: CallOff) -> None:
        self.calls[made.id] = Called(made.weight_g, made.due_on, made.schedule_day, made.status)

    @rule(grams=st.integers(1, 60_000), ahead=st.integers(-3, 70), to_the_gram=st.sampled_from([None, None, 0, 1]))
    def buyer_calls(self, grams: int, ahead: int, to_the_gram: int | None) -> None:
        """So many grams, or exactly what is left, or one more."""
        if to_the_gram is not None:
            grams = self.committed - self.live() + to_the_gram or 1
        day = self.today + timedelta(days=ahead)
        if not TODAY <= day <= LAST:
            self.refused(OutsideTerm, self.call, grams, day, None)
        elif grams > self.committed - self.live():
            self.refused(PromiseExceeded, self.call, grams, day, None)
        else:
            self.keep(self.call(grams, day, None))

    @rule(grams=st.integers(1, 15_000), week=st.integers(0, 10))
    def buyer_brings_forward(self, grams: int, week: int) -> None:
        wanted = TODAY + timedelta(days=7 * week)
        asked = self.due.get(wanted, 0)
        left = self.committed - self.live()
        day = min(max(self.today, TODAY), LAST)
        if not asked or grams > asked or wanted in {call.schedule_day for call in self.calls.values()}:
            self.refused(NotScheduled, self.call, grams, day, wanted)
        elif grams < min(LEAST_G, left, asked):
            self.refused(BelowMinimum, self.call, grams, day, wanted)
        elif grams > left:
            self.refused(PromiseExceeded, self.call, grams, day, wanted)
        else:
            self.keep(self.call(grams, day, wanted))

    @rule(days=st.sampled_from([-40, -9, -1, 0, 1, 7, 7, 8, 8, 15, 33]), twice=st.booleans())
    def the_schedule_runs(self, days: int, twice: bool) -> None:
        """On the same day, the next, a week later, after a long outage, or after a jump of the clock either way."""
        self.today = min(max(self.today + timedelta(days=days), TODAY), LAST)
        known = {call.schedule_day for call in self.calls.values()}
        expected = []
        left = self.committed - self.live()
        for day in sorted(self.due):
            if day <= self.today and day not in known and min(self.due[day], left):
                expected.append((day, min(self.due[day], left)))
                left -= min(self.due[day], left)
        made = []
        for _ in range(1 + twice):
            for due in actions.due_calls(self.session, self.today):
                if due.agreement_code == "A50":
                    now = at_beijing(self.today, 6)
                    made.append(actions.call_scheduled(self.session, due, self.product, self.today, now=now))
        real = [call for call in made if call is not None]
        assert [(call.schedule_day, call.weight_g) for call in real] == expected
        for call in real:
            assert call.due_on == self.today
            self.keep(call)

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
        if not self.today <= day <= LAST:
            why: type[DomainError] | None = OutsideTerm
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

    @rule(committed=st.integers(4_000, 180_000))
    def both_amend(self, committed: int) -> None:
        # The helper signs at NOW, which is the first day: what is due later is spread anew.
        fell_due = self.due.get(TODAY, 0)
        asked = terms(line(committed_g=committed, minimum_g=0, minimum_date_g=LEAST_G))
        if committed < max(self.live(), fell_due):
            self.refused(AmendmentRefused, amended, self.session, "A50", asked)
            return
        amended(self.session, "A50", asked)
        self.committed = committed
        later = shared(committed - fell_due, tuesdays(TODAY + timedelta(days=1))) if committed > fell_due else {}
        self.due = {TODAY: fell_due, **later}

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
        assert self.live() <= self.committed
        line_id = select(AgreementLine.id).join(Agreement).where(Agreement.code == "A50").scalar_subquery()
        due = self.session.execute(select(DueWeight.due_on, DueWeight.weight_g).where(DueWeight.line_id == line_id))
        assert {day: grams for day, grams in due if grams} == {day: grams for day, grams in self.due.items() if grams}


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
