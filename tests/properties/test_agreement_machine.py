"""An agreement lives any life that people and the calendar give it, and a model that counts by hand never disagrees.

A state machine over the real actions on the real database, of two products, each by the agreement's schedule or by its
own, signed on paper before it was recorded or on that day: calls, cancellations, changes, runs of the schedule on any
day, forward and back, amendments that both sign, by a whole or by a weight for each day; market
quotes, said again only as corrections, by which days are priced; goods that come in parts, of which the firm takes some
off, and are taken by grade, acceptances reversed by the county, invoices paid; force majeure, recognised or not; ends
and reopenings, penalties proposed, claimed or waived, the deposit taken instead. The model (`agreement_model`) knows
the rules of docs/agreements.md and nothing else.
"""

import os
from calendar import monthrange
from collections.abc import Callable, Container, Sequence
from contextlib import ExitStack
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any, TypeVar

import pytest
from flask import Flask
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from shop.agreements import actions, majeure, quotes, signing
from shop.agreements.errors import (
    AgreementNotRunning,
    AmendmentRefused,
    BelowMinimum,
    DueDayPast,
    MajeureTold,
    NeverDue,
    NoProof,
    NoSuchNotice,
    NotScheduled,
    OutsideTerm,
    PromiseExceeded,
    QuoteAhead,
    QuoteExists,
    QuoteMissing,
    QuoteSame,
    TermsRefused,
    VersionSame,
)
from shop.agreements.models import (
    Agreement,
    AgreementLine,
    AgreementStatus,
    CallOff,
    DueWeight,
    MajeureStatus,
    MarketQuote,
    MissedDay,
    PaperKind,
    PriceRule,
    Side,
)
from shop.agreements.papers import Sent, add_paper
from shop.agreements.signing import Hand
from shop.agreements.terms import LineTerms
from shop.catalog.actions import firm_by_code, product_by_sku
from shop.catalog.errors import OutOfSeason
from shop.catalog.models import Product
from shop.catalog.reference import catalog
from shop.channels.actions import partner_by_code
from shop.channels.reference import selling
from shop.farmers.models import Grade
from shop.income.actions import settle_and_reach
from shop.income.reversals import reverse
from shop.kit.clock import at_beijing
from shop.kit.db import db, transaction
from shop.kit.errors import DomainError, MoveRefusedError
from shop.kit.reference import current_version
from shop.ledger.models import Journal
from shop.orders import breach, cuts, reopening
from shop.orders.actions import Verdict, accept, approve, cancel, dispatch
from shop.orders.calls import change_call, close_ended, terminate
from shop.orders.errors import (
    AcceptanceDoesNotFit,
    AcceptancePaid,
    AcceptanceSame,
    AlreadyOnTheWay,
    CutBeyondOrder,
    DispatchBeyondOrder,
    GradeNotTaken,
    NoSuchPenalty,
    NotCutHere,
    NothingAccepted,
    NothingWouldBeLeft,
    NotYoursToDecide,
    OutcomeStands,
    PenaltyOutdated,
    PenaltyStands,
    PromiseCalledAgain,
    ReopeningBarred,
    ReopenTooLate,
    RestNotLate,
    StillToInspect,
    TakenAlready,
)
from shop.orders.locks import locked_order_by_id
from shop.orders.models import GradedAcceptance, Order, OrderLine, OrderStatus, PenaltyStatus
from shop.orders.place import Called as Asked
from shop.orders.place import place_call_off
from shop.orders.receipt import accept_for_buyer
from shop.orders.scheduled import place_due
from shop.payments import deposits
from shop.payments.actions import record_bank_transfer
from shop.payments.errors import DepositStillBound, DepositUsedUp, NothingToPay
from shop.reports.agreement_facts import KEPT_FACTS, OF_A_PAST_DAY, facts
from shop.reports.books import CHECKS, Violation, run_checks
from shop.settlement.models import Settlement
from shop.stock.actions import open_lot
from tests.factories.agreements import line, recorded, second_product, terms
from tests.factories.scans import pdf
from tests.factories.world import NOW, TODAY, build
from tests.properties.agreement_model import (
    ACCEPTED,
    JUDGED,
    ON_THE_WAY,
    REOPENED_WITHIN,
    TAKEN,
    Called,
    Life,
    Notice,
    Pricing,
    Promise,
    Quoted,
    Said,
    shared,
    worth,
)

LAST = date(2025, 9, 16)
#: `make model-agreements` asks for 2,000.
EXAMPLES = int(os.environ.get("MODEL_EXAMPLES", "12"))
PROOFS = [check for check in CHECKS if check.rollup is None and check.code[:3] in ("I10", "I19", "I20", "I30")]
SKUS = ("PL001", "PL009")
#: The last day on which each can still come: the second is picked until August and keeps five days.
COMES_UNTIL = {"PL001": date.max, "PL009": date(2025, 9, 5)}
FLOORS = {"PL001": 500, "PL009": 333}
A, S, P = AgreementStatus, OrderStatus, PenaltyStatus
which_product = st.sampled_from(SKUS)
sides = st.sampled_from([Side.BUYER, Side.FIRM])
seldom, often = st.sampled_from([False, False, False, True]), st.sampled_from([True, True, True, False])
#: Of the agreement; and of a line, None: the agreement's.
schedules = st.one_of(
    st.lists(st.integers(1, 7), min_size=1, max_size=3, unique=True).map(
        lambda days: "weekly:" + ",".join(map(str, days))
    ),
    st.lists(st.integers(1, 31), min_size=1, max_size=3, unique=True).map(
        lambda days: "monthly:" + ",".join(map(str, days))
    ),
    st.sampled_from(["monthly:31", "monthly:29,30,31", "once:2025-08-31", "daily"]),
)
of_lines = st.tuples(*(st.none() | schedules for _ in SKUS))
SOURCES = ("新发地（示例）", "农批市场（示例）")
prices = st.integers(250, 900)
pricings = st.sampled_from(
    [
        Pricing(),
        Pricing(PriceRule.FLOOR_OR_MARKET),
        Pricing(PriceRule.FLOOR_OR_MARKET, 0, SOURCES[1]),
        Pricing(PriceRule.MARKET_PLUS, 333),
        Pricing(PriceRule.MARKET_PLUS, 1_250, SOURCES[0]),
    ]
)
#: Of a line: tenths of the whole that the buyer commits to, grams that he does on each day, factors of 二级 and 等外,
#: fen above the usual floor, how a day is priced.
commitments = st.tuples(
    *(
        st.tuples(
            st.sampled_from([10, 10, 10, 9, 6, 3, 0]),
            st.sampled_from([4_000, 2_500, 0]),
            st.sampled_from([8_500, 7_777]),
            st.sampled_from([6_000, 0]),
            st.sampled_from([0, 0, 117, -50]),
            pricings,
        )
        for _ in SKUS
    )
)
#: Of the agreement, in basis points: what is tolerated, the rate of the firm, that of the buyer; then days to pay.
rates = st.tuples(
    st.sampled_from([500, 0, 333, 2_000]), st.sampled_from([500, 2_999]), st.sampled_from([800, 0, 1_111]),
    st.sampled_from([30, 30, 0, 60]),
)  # fmt: skip
#: Hundredths of what was sent that are accepted, and tenths of that by grade: 特级, 二级, 等外, the rest 一级.
verdicts = st.tuples(
    st.sampled_from([100, 100, 97, 90, 50, 33, 0, 101]),
    st.none() | st.tuples(st.integers(0, 3), st.integers(0, 4), st.integers(0, 3)),
)
Line = tuple[int, int, int, int, int, Pricing]
Judged = tuple[int, tuple[int, int, int] | None]


def named_by(written: str) -> set[date]:
    """Every day that a schedule names in the months of the term and before it: counted by hand, month by month."""
    kind, _, rest = written.partition(":")
    if kind == "once":
        return {date.fromisoformat(rest)}
    if kind == "monthly":
        asked = {int(day) for day in rest.split(",")}
        return {date(2025, month, min(day, monthrange(2025, month)[1])) for month in (6, 7, 8, 9) for day in asked}
    week = {int(day) for day in rest.split(",")} if rest else set(range(1, 8))
    monday = date(2025, 6, 2)
    return {monday + timedelta(days=7 * number + day - 1) for number in range(16) for day in week}


def scheduled(sku: str, written: str, first: date, called: Container[date] = ()) -> list[date]:
    """The days of a schedule from `first` to the last on which the product can come and that nobody called; where there
    are none, the last.
    """
    last = min(LAST, COMES_UNTIL[sku])
    return sorted(day for day in named_by(written) if first <= day <= last and day not in called) or [LAST]


def promised(sku: str, committed: int, asked: Line, share: Sequence[int]) -> Promise:
    tenths, least, second, off, above, pricing = asked
    factors = {Grade.SPECIAL: 11_500, Grade.FIRST: 10_000, Grade.SECOND: second, Grade.OFF: off}
    tolerance_bp, of_firm, of_buyer, term_days = share
    rates_ = {Side.FIRM: of_firm, Side.BUYER: of_buyer}
    return Promise(
        committed, committed * tenths // 10, least, FLOORS[sku] + above, factors, pricing, tolerance_bp, rates_,
        term_days,
    )  # fmt: skip


#: What may happen, with the strategies of how.
ACTS: dict[str, st.SearchStrategy[dict[str, Any]]] = {}
#: How often each happens while the agreement runs, and when it has ended: then it is mostly reckoned and made up.
WEIGHTS = {
    "the_schedule_runs": (5, 1), "buyer_calls": (4, 1), "buyer_brings_forward": (2, 1), "somebody_decides": (3, 1),
    "buyer_changes": (2, 1), "a_source_quotes": (5, 1), "both_amend": (1, 1), "firm_sends_part": (1, 1),
    "a_side_cuts": (2, 1), "the_rest_is_closed": (1, 1), "goods_come": (7, 3), "county_reverses": (3, 4),
    "county_accepts_for_the_buyer": (1, 1),
    "buyer_pays": (2, 2),
    "a_side_tells_of_force_majeure": (3, 4), "county_decides_a_notice": (1, 1), "county_terminates": (1, 1),
    "the_term_ends": (2, 1), "a_side_asks_to_reopen": (1, 8), "penalties_are_proposed": (2, 3),
    "a_side_decides_a_penalty": (1, 3), "a_side_takes_the_deposit": (1, 2),
}  # fmt: skip
WHILE_IT_RUNS, WHEN_ENDED = (
    [name for name, weights in WEIGHTS.items() for _ in range(weights[place])] for place in (0, 1)
)

Way = TypeVar("Way", bound=Callable[..., None])


def act(**how: st.SearchStrategy[Any]) -> Callable[[Way], Way]:
    """Mark a method as something that may happen."""

    def mark(method: Way) -> Way:
        ACTS[method.__name__] = st.fixed_dictionaries(how)
        return method

    return mark


def goods_are_ready(session: Session) -> None:
    """More of both products than can be promised, which lasts."""
    second_product(session, SKUS[1])
    firm = firm_by_code(session, "F01")
    for sku in SKUS:
        product = product_by_sku(session, sku)
        product.shelf_life_days = 365
        session.flush()
        open_lot(
            session, firm, product, harvested_on=TODAY, certificate_number="HGZ-1", made_g=1_000_000, actor_id=None,
            now=NOW,
        )  # fmt: skip
    product.harvest_start_month, product.harvest_end_month, product.shelf_life_days = 6, 8, 5


def tenths_left(call: Called, tenths: int) -> tuple[int, int]:
    """Grams that are still to be sent of a call-off, and so many tenths of them; eleven are one gram too many."""
    left = call.to_send_g - call.sent_g
    return left, max(left * min(tenths, 10) // 10, 1) + (tenths > 10)


@cache
def report(day: date) -> Any:
    """The agreements report of a day as a statement, line by line, from the facts themselves."""
    made = facts(day, KEPT_FACTS, OF_A_PAST_DAY)
    return (
        select(made.c.line_id, *(func.sum(made.c[name]).label(name) for name in OF_A_PAST_DAY))
        .join(AgreementLine, AgreementLine.id == made.c.line_id)
        .join(Agreement, Agreement.id == AgreementLine.agreement_id)
        .where(Agreement.code == "A50", made.c.day.is_not(None))
        .group_by(made.c.line_id)
    )


class Promises(RuleBasedStateMachine):
    """Everything that may happen to one agreement."""

    market: Flask
    #: What the small world, which no actions made, does not prove.
    flaws: Sequence[Violation]

    @initialize(
        schedule=st.just("weekly:2") | schedules, own=of_lines, commits=commitments, share=rates,
        paid=st.sampled_from([10, 10, 0, 8]), began=st.sampled_from([0, 0, 9, 40]),
        first=st.just(()) | st.tuples(*(st.integers(5_000, 40_000) for _ in SKUS)),
        told=st.just(()) | st.tuples(*(prices for _ in SKUS)), unwanted=st.booleans(),
    )  # fmt: skip
    def begin(
        self, schedule: str, own: Sequence[str | None], commits: Sequence[Line], share: Sequence[int], paid: int,
        began: int, first: Sequence[int], told: Sequence[int], unwanted: bool,
    ) -> None:  # fmt: skip
        self.stack = ExitStack()
        self.stack.enter_context(self.market.app_context())
        connection = self.stack.enter_context(db.engine.connect())
        outer = connection.begin()
        self.stack.callback(outer.rollback)
        self.session = self.stack.enter_context(Session(bind=connection, join_transaction_mode="create_savepoint"))
        self.today, self.since, self.moments = TODAY, TODAY, 0
        self.first = TODAY - timedelta(days=began)
        self.compared: object = None
        self.papers: dict[Side, str] = {}
        asked = [promised(sku, 100_000, said, share) for sku, said in zip(SKUS, commits, strict=True)]
        for sku, promise, written in zip(SKUS, asked, own, strict=True):
            whole = shared(100_000, scheduled(sku, written or schedule, self.first))
            promise.due = {day: grams for day, grams in whole.items() if day >= TODAY}
            promise.on_paper = 100_000 - sum(promise.due.values())
            promise.least = min(promise.least, max(whole.values()))
        said = self.written(share) | {"schedule": schedule, "starts_on": self.first}
        recorded(self.session, *self.lines(asked, own), **said)
        self.text = terms(*self.lines(asked, own), **said)
        self.model = Life(LAST, dict(zip(SKUS, asked, strict=True)), COMES_UNTIL)
        self.model.agree(TODAY)
        self.skus = dict(
            self.session.execute(
                select(AgreementLine.id, Product.sku)
                .join(Product, Product.id == AgreementLine.product_id)
                .join(Agreement, Agreement.id == AgreementLine.agreement_id)
                .where(Agreement.code == "A50")
            ).all()
        )
        version = current_version(self.session)
        self.goods, self.selling = catalog(self.session, version), selling(self.session, version)
        if paid:
            came = self.deposit_due() * paid // 10
            deposits.receive(self.session, self.agreement(), came, "YH-0", by=self.hand(Side.BUYER))
            self.model.deposit_left = self.model.deposit_got = came
            self.model.status = A.DEPOSIT_PAID if paid == 10 else A.SIGNED
        for sku, fen in zip(SKUS, told, strict=False):
            self.a_source_quotes(sku, 0, SOURCES[0], "", Grade.FIRST, fen, False)
        for sku, grams in zip(SKUS, first, strict=False):
            self.buyer_calls(sku, grams, 1, None)
        if unwanted:
            self.the_schedule_runs(8, False)
        for known, call in self.model.calls.items():
            if unwanted:
                self.cancelled(known, call, Side.BUYER)

    def deposit_due(self) -> int:
        """Ten percent of what the promises are worth, rounded down."""
        return sum(worth(promise.committed, promise.floor_fen) for promise in self.model.promises.values()) // 10

    def lines(
        self, asked: Sequence[Promise], own: Sequence[str | None], by_date: Sequence[int | None] = (None, None)
    ) -> list[LineTerms]:
        return [
            line(
                sku=sku, committed_g=promise.committed, minimum_date_g=promise.least, minimum_g=promise.minimum,
                floor_fen_per_kg=promise.floor_fen, second_bp=promise.factors[Grade.SECOND],
                off_bp=promise.factors[Grade.OFF], schedule=written, price_rule=promise.pricing.rule,
                margin_bp=promise.pricing.margin_bp, quote_source=promise.pricing.source, per_date_g=each,
            )
            for sku, promise, written, each in zip(SKUS, asked, own, by_date, strict=True)
        ]  # fmt: skip

    def written(self, share: Sequence[int]) -> dict[str, object]:
        names = ("tolerance_bp", "penalty_bp", "buyer_penalty_bp", "payment_term_days")
        return dict(zip(names, share, strict=True))

    def agreement(self) -> Agreement:
        return actions.agreement_by_code(self.session, "A50", lock=True)

    def product(self, sku: str) -> Product:
        return product_by_sku(self.session, sku)

    def now(self) -> datetime:
        """A moment of today, later than all before it that were today."""
        self.moments += 1
        return at_beijing(self.today, 9) + timedelta(seconds=self.moments)

    def hand(self, side: Side) -> Hand:
        return Hand(side, None, self.now())

    def clock_is_right(self, least: date = TODAY) -> None:
        """No clock tells an earlier day than that of the last end or reopening: jumps back are for the schedule."""
        self.today = max(self.today, self.since, least)
        self.since = self.today

    @rule(data=st.data())
    def something_happens(self, data: st.DataObject) -> None:
        what = data.draw(st.sampled_from(WHILE_IT_RUNS if self.model.runs else WHEN_ENDED))
        getattr(self, what)(**data.draw(ACTS[what]))

    def teardown(self) -> None:
        if hasattr(self, "stack"):
            with self.stack:
                self.agree()
                found = run_checks(self.session.connection(), PROOFS, now=NOW)
                assert [one for one in found if one not in self.flaws] == []

    def refused(self, why: type[DomainError], *act: object) -> None:
        """The act is refused for this reason; its savepoint takes back whatever it had begun."""
        with pytest.raises(why), self.session.begin_nested():
            act[0](*act[1:])  # type: ignore[operator]

    def one(self, which: int, *states: OrderStatus) -> tuple[int, Called] | None:
        """One of the calls whose orders are in these states, or where there are none of all."""
        calls = self.model.calls
        found = sorted(known for known, call in calls.items() if call.order in states) or sorted(calls)
        return (found[which % len(found)], calls[found[which % len(found)]]) if found else None

    def order(self, call_off_id: int) -> Order:
        order_id = self.session.execute(select(Order.id).where(Order.call_off_id == call_off_id)).scalar_one()
        return locked_order_by_id(self.session, order_id)

    def call(self, sku: str, grams: int, day: date, schedule_day: date | None) -> CallOff:
        now = self.now()
        made = actions.call_off(
            self.session, "A50", self.product(sku), grams, day, schedule_day=schedule_day, actor_id=None, now=now
        )
        place_call_off(
            self.session, Asked(made.id, "A50", sku, made.weight_g, made.price_fen_per_kg),
            partner_by_code(self.session, "B01").party_id, goods=self.goods, selling=self.selling, actor_id=None,
            now=now,
        )  # fmt: skip
        return made

    def keep(self, sku: str, made: CallOff) -> None:
        price = self.model.price(sku, min(made.due_on, self.today))
        again = self.model.again(sku, made.weight_g, made.schedule_day is not None)
        self.model.calls[made.id] = Called(
            sku, made.weight_g, made.due_on, made.schedule_day, price, self.model.promises[sku], again_g=again
        )
        self.model.status = A.EXECUTING

    @act(
        sku=which_product, grams=st.integers(1, 60_000), ahead=st.integers(-2, 30),
        to_the_gram=st.sampled_from([None, None, 0, 1]),
    )  # fmt: skip
    def buyer_calls(self, sku: str, grams: int, ahead: int, to_the_gram: int | None) -> None:
        """So many grams, or exactly what is left, or one more."""
        if to_the_gram is not None:
            grams = self.model.left(sku) + to_the_gram or 1
        day = self.today + timedelta(days=ahead)
        if not self.model.runs:
            self.refused(AgreementNotRunning, self.call, sku, grams, day, None)
        elif not self.first <= day <= LAST:
            self.refused(OutsideTerm, self.call, sku, grams, day, None)
        elif day < self.today:
            self.refused(DueDayPast, self.call, sku, grams, day, None)
        elif day > COMES_UNTIL[sku]:
            self.refused(OutOfSeason, self.call, sku, grams, day, None)
        elif grams > self.model.left(sku):
            self.refused(PromiseExceeded, self.call, sku, grams, day, None)
        else:
            self.keep(sku, self.call(sku, grams, day, None))

    @act(sku=which_product, grams=st.integers(1, 15_000), whole=st.booleans(), place=st.integers(0, 70))
    def buyer_brings_forward(self, sku: str, grams: int, whole: bool, place: int) -> None:
        """What a day of either product's schedule asks for, or any grams of it; or of a day of no schedule at all."""
        model, line_ = self.model, self.model.promises[sku]
        named = sorted({day for promise in model.promises.values() for day in promise.due} | {LAST})
        wanted = named[place % len(named)] if place < 60 else TODAY + timedelta(days=place - 60)
        asked = line_.due.get(wanted, 0)
        if whole and asked:
            grams = asked
        left, day = model.left(sku), self.today
        why: type[DomainError] | None = None
        if not model.runs:
            why = AgreementNotRunning
        elif day > LAST:
            why = OutsideTerm
        elif day > COMES_UNTIL[sku]:
            why = OutOfSeason
        elif not asked or grams > asked or wanted in model.known(sku):
            why = NotScheduled
        elif grams < min(line_.least, left, asked):
            why = BelowMinimum
        elif grams > left:
            why = PromiseExceeded
        if why is None:
            self.keep(sku, self.call(sku, grams, day, wanted))
        else:
            self.refused(why, self.call, sku, grams, day, wanted)

    @act(days=st.sampled_from([-40, -9, -1, 0, 1, 7, 7, 8, 8, 15, 33]), twice=st.booleans())
    def the_schedule_runs(self, days: int, twice: bool) -> None:
        """On the same day, the next, a week later, after a long outage, or after a jump of the clock either way."""
        day = max(self.today + timedelta(days=days), TODAY)
        self.today = min(day, max(self.today, LAST))
        expected, in_vain = [], []
        for sku in SKUS if self.today <= LAST else ():
            if self.today > COMES_UNTIL[sku]:
                missed = sum(day <= self.today for day in self.model.uncalled(sku)) if self.model.left(sku) else 0
                in_vain += [("A50", sku, OutOfSeason.code)] * missed
            else:
                asked = self.model.asked(sku)
                expected += [(day, sku, grams) for day, grams in asked.items() if day <= self.today]
        for _ in range(1 + twice):
            found = place_due(self.session, self.today, now=self.now())
            refused = [(agreement, sku, why.code) for agreement, sku, why in found.refused]
            assert sorted(refused) == sorted(in_vain)
        made = self.session.execute(
            select(Product.sku, CallOff)
            .join(AgreementLine, AgreementLine.id == CallOff.line_id)
            .join(Product, Product.id == AgreementLine.product_id)
            .join(Agreement, Agreement.id == CallOff.agreement_id)
            .where(Agreement.code == "A50", CallOff.id.not_in(list(self.model.calls)))
        ).all()
        assert sorted((call.schedule_day, sku, call.weight_g) for sku, call in made) == sorted(expected)
        for sku, call in sorted(made, key=lambda one: one[1].schedule_day):
            assert call.due_on == self.today
            self.keep(sku, call)

    @act(
        which=st.integers(0, 30), event=st.sampled_from(["confirm", "cancel", "cancel"]),
        by=st.sampled_from([Side.BUYER, Side.BUYER, Side.FIRM, None]),
    )  # fmt: skip
    def somebody_decides(self, which: int, event: str, by: Side | None) -> None:
        """The firm confirms; or one side cancels, or the county."""
        found = self.one(which)
        if found is None:
            return
        known, call = found
        if event == "cancel" and call.order in (S.PARTLY_DISPATCHED, S.DISPATCHED):
            self.refused(AlreadyOnTheWay, self.decide, known, event, by)
        elif call.order is not S.PLACED and not (event == "cancel" and call.order is S.CONFIRMED):
            self.refused(MoveRefusedError, self.decide, known, event, by)
        elif event == "cancel":
            self.cancelled(known, call, by)
        else:
            self.decide(known, event, by)
            call.order = S.CONFIRMED

    def cancelled(self, known: int, call: Called, by: Side | None) -> None:
        """What the firm is late with is its breach, whoever cancels it."""
        self.decide(known, "cancel", by)
        call.order, call.cancelled_by = S.CANCELLED, Side.FIRM if call.due_on < self.today else by

    def decide(self, call_off_id: int, event: str, by: Side | None) -> None:
        if event == "confirm":
            approve(self.session, self.order(call_off_id), actor_id=None, now=self.now())
        else:
            cancel(self.session, self.order(call_off_id), actor_id=None, now=self.now(), by=by)

    @act(which=st.integers(0, 30), part_=st.integers(1, 12), ahead=st.none() | st.integers(-2, 30))
    def buyer_changes(self, which: int, part_: int, ahead: int | None) -> None:
        """Moved to a day from today on, or only reduced: then price and terms stay, whatever was said since."""
        found = self.one(which, S.PLACED)
        if found is None:
            return
        known, call = found
        grams = max(call.grams * part_ // 10, 1)
        day = call.due_on if ahead is None else self.today + timedelta(days=ahead)
        agreed = self.model.promises[call.sku] if day != call.due_on else call.under
        why: type[DomainError] | None = None
        if not self.model.runs:
            why = AgreementNotRunning
        elif not self.first <= day <= LAST:
            why = OutsideTerm
        elif day < self.today:
            why = DueDayPast
        elif day > COMES_UNTIL[call.sku]:
            why = OutOfSeason
        elif grams > call.grams:
            why = PromiseExceeded
        elif call.schedule_day is not None and grams < min(agreed.least, call.grams):
            why = BelowMinimum
        elif call.order is not S.PLACED:
            why = MoveRefusedError
        if why is not None:
            self.refused(why, self.change, known, day, grams)
            return
        self.change(known, day, grams)
        if day != call.due_on:
            call.fen_per_kg, call.under = self.model.price(call.sku, min(day, self.today)), agreed
        call.grams, call.due_on, call.again_g = grams, day, min(call.again_g, grams)

    def change(self, call_off_id: int, day: date, grams: int) -> None:
        change_call(self.session, self.order(call_off_id), due_on=day, weight_g=grams, actor_id=None, now=self.now())

    @act(
        committed=st.tuples(*(st.integers(4_000, 180_000) for _ in SKUS)), schedule=schedules, own=of_lines,
        commits=commitments, share=rates,
        by_date=st.tuples(*(st.sampled_from([None, None, 700, 5_000, 12_345]) for _ in SKUS)),
    )  # fmt: skip
    def both_amend(
        self, committed: Sequence[int], schedule: str, own: Sequence[str | None], commits: Sequence[Line],
        share: Sequence[int], by_date: Sequence[int | None],
    ) -> None:  # fmt: skip
        """Other weights by other schedules on other terms, signed today: what is due later is spread anew.

        Days that were called keep what is called for them; by a weight for each day the whole follows.
        """
        model = self.model
        kept = {sku: model.kept_by(sku, self.today) for sku in SKUS}
        stays = {sku: model.promises[sku].on_paper + sum(kept[sku].values()) for sku in SKUS}
        after = {
            sku: scheduled(sku, written or schedule, self.today + timedelta(days=1), kept[sku])
            for sku, written in zip(SKUS, own, strict=True)
        }
        whole = {
            sku: grams if each is None else stays[sku] + each * len(after[sku])
            for sku, grams, each in zip(SKUS, committed, by_date, strict=True)
        }
        for sku in SKUS:
            kept[sku] = model.kept_within(sku, self.today, whole[sku] - model.promises[sku].on_paper)
            stays[sku] = model.promises[sku].on_paper + sum(kept[sku].values())
        asked = {sku: promised(sku, whole[sku], of, share) for sku, of in zip(SKUS, commits, strict=True)}
        wanted = terms(
            *self.lines(list(asked.values()), own, by_date), **self.written(share), schedule=schedule,
            starts_on=self.first,
        )  # fmt: skip
        least = {sku: max(model.promises[sku].on_paper + model.live(sku), stays[sku]) for sku in SKUS}
        rest = {sku: shared(whole[sku] - stays[sku], after[sku]) if whole[sku] > stays[sku] else {} for sku in SKUS}
        most = {sku: max((rest[sku] or kept[sku]).values(), default=whole[sku]) for sku in SKUS}
        never = {sku: rest[sku] and not stays[sku] and min(after[sku]) > COMES_UNTIL[sku] for sku in SKUS}
        unmeant = [
            NeverDue if never[sku] else TermsRefused for sku in SKUS if never[sku] or asked[sku].least > most[sku]
        ]
        if not model.runs:
            self.refused(AgreementNotRunning, self.amend, wanted)
        elif self.today > LAST or any(
            whole[sku] < least[sku] or (self.today == LAST and whole[sku] > least[sku]) for sku in SKUS
        ):
            self.refused(AmendmentRefused, self.amend, wanted)
        elif unmeant:
            self.refused(unmeant[0], self.amend, wanted)
        elif wanted == self.text:
            self.refused(VersionSame, self.amend, wanted)
        else:
            lacking = self.deposit_due() > model.deposit_got
            self.amend(wanted)
            self.text = wanted
            for sku in SKUS:
                of = asked[sku]
                of.on_paper = model.promises[sku].on_paper
                of.due = kept[sku] | {day: kept[sku].get(day, 0) + grams for day, grams in rest[sku].items()}
            model.promises = asked
            model.agree(self.today)
            if lacking and model.deposit_got >= self.deposit_due() and model.deposit_got and model.status is A.SIGNED:
                model.status = A.DEPOSIT_PAID

    def amend(self, wanted: object) -> None:
        agreement, buyer = self.agreement(), self.hand(Side.BUYER)
        signing.propose(self.session, agreement, wanted, by=buyer)  # type: ignore[arg-type]
        version = signing.youngest(self.session, agreement)
        for by in (buyer, self.hand(Side.FIRM)):
            deposits.sign(self.session, agreement, version.number, version.document_hash, by=by)

    @act(
        sku=which_product, back=st.sampled_from([0, 0, 0, 1, 2, 7, 8, -1]), source=st.sampled_from(SOURCES),
        market=st.sampled_from(["", "", "城北"]), grade=st.sampled_from([Grade.FIRST] * 4 + [Grade.SECOND]),
        fen=prices, again=seldom,
    )  # fmt: skip
    def a_source_quotes(
        self, sku: str, back: int, source: str, market: str, grade: Grade, fen: int, again: bool
    ) -> None:
        """The price of a day, of today as a rule; what was said of it before is only corrected, with a reason."""
        of = Quoted(sku, self.today - timedelta(days=back), source, market, grade)
        said = [quoted for quoted in self.model.quotes if quoted.sku == sku]
        of = said[-1] if again and said and back else of
        known = of in self.model.quotes
        why: type[DomainError] | None = None
        if of.day > self.today:
            why = QuoteAhead
        elif known is not again:
            why = QuoteExists if known else QuoteMissing
        elif known and self.model.quotes[of][-1] == fen:
            why = QuoteSame
        if why is not None:
            self.refused(why, self.quote, of, fen, again)
        else:
            self.quote(of, fen, again)
            self.model.quotes.setdefault(of, []).append(fen)

    def quote(self, of: Quoted, fen: int, again: bool) -> None:
        said = quotes.Quoted(self.product(of.sku).id, of.day, of.source, of.market, fen, of.grade)
        quotes.record_quote(self.session, said, actor_id=None, now=self.now(), correction="听错" if again else None)

    # -- goods, acceptances, money -------------------------------------------------------------------------------------

    @act(which=st.integers(0, 30), steps=st.sampled_from([4, 4, 4, 3, 2, 1]), verdict=verdicts)
    def goods_come(self, which: int, steps: int, verdict: Judged) -> None:
        """The next steps of a good life: confirmed, sent, accepted, settled; refused when what is said does not fit."""
        found = self.one(which, *ON_THE_WAY)
        if found is not None:
            known, call = found
            self.go_on(known, call, steps, self.said(call, verdict))

    def go_on(self, known: int, call: Called, steps: int, said: Said) -> None:
        for _ in range(steps):
            match call.order:
                case S.PLACED:
                    self.decide(known, "confirm", None)
                    call.order = S.CONFIRMED
                case S.CONFIRMED | S.PARTLY_DISPATCHED:
                    self.send(known, None)
                    call.send(call.to_send_g - call.sent_g)
                case S.DISPATCHED:
                    if not self.accepted(known, call, said):
                        return
                case S.ACCEPTED:
                    settle_and_reach(self.session, self.order(known).id, now=self.now())
                    call.order = S.SETTLED
                    call.settled.append(call.owed_fen)

    def send(self, call_off_id: int, weights: dict[str, int] | None) -> None:
        order, now = self.order(call_off_id), self.now()
        dispatch(self.session, order, weights, carrier_zh=None, tracking_number=None, actor_id=None, now=now)
        call = self.model.calls[call_off_id]
        call.sent_on = max(call.sent_on, self.today)

    def confirmed(self, which: int, at_once: bool) -> tuple[int, Called] | None:
        """One of the calls that wait to be sent; where they wait for the firm, it confirms as a rule."""
        found = self.one(which, S.PLACED, S.CONFIRMED, S.PARTLY_DISPATCHED)
        if found is not None and found[1].order is S.PLACED and at_once:
            self.go_on(*found, 1, Said(0, None))
        return found

    @act(which=st.integers(0, 30), tenths=st.integers(1, 11), at_once=often)
    def firm_sends_part(self, which: int, tenths: int, at_once: bool) -> None:
        """Some of what it has confirmed, or more than it has to send."""
        found = self.confirmed(which, at_once)
        if found is None:
            return
        known, call = found
        left, grams = tenths_left(call, tenths)
        if call.order not in (S.CONFIRMED, S.PARTLY_DISPATCHED):
            self.refused(MoveRefusedError, self.send, known, {call.sku: grams})
        elif grams > left:
            self.refused(DispatchBeyondOrder, self.send, known, {call.sku: grams})
        else:
            self.send(known, {call.sku: grams})
            call.send(grams)

    @act(
        which=st.integers(0, 30), tenths=st.sampled_from([1, 3, 5, 9, 10, 11]),
        by=st.sampled_from([Side.FIRM, Side.FIRM, Side.BUYER]), at_once=often,
    )  # fmt: skip
    def a_side_cuts(self, which: int, tenths: int, by: Side, at_once: bool) -> None:
        """The firm takes off some or all of what it has not sent, and is behind with it; the buyer does not."""
        found = self.confirmed(which, at_once)
        if found is None:
            return
        known, call = found
        left, grams = tenths_left(call, tenths)
        why: type[DomainError] | None = None
        if call.order not in (S.CONFIRMED, S.PARTLY_DISPATCHED):
            why = MoveRefusedError
        elif by is Side.BUYER:
            why = NotCutHere
        elif grams > left:
            why = CutBeyondOrder
        elif grams == call.to_send_g:
            why = NothingWouldBeLeft
        if why is not None:
            self.refused(why, self.take_off, known, call.sku, grams, by)
            return
        self.take_off(known, call.sku, grams, by)
        call.cut_g += grams
        if call.sent_g:
            call.send(0)

    def take_off(self, call_off_id: int, sku: str, grams: int, by: Side) -> None:
        cuts.cut(
            self.session, self.order(call_off_id), [cuts.Less(sku, weight_g=grams)], by=by, reason="不够",
            goods=self.goods, actor_id=None, now=self.now(),
        )  # fmt: skip

    @act(which=st.integers(0, 30), by=st.sampled_from([Side.BUYER, Side.COUNTY]), later=st.sampled_from([0, 1, 1, 4]))
    def the_rest_is_closed(self, which: int, by: Side, later: int) -> None:
        """Of what came in part the buyer or the county waits no longer, once its day has passed."""
        found = self.one(which, S.PARTLY_DISPATCHED)
        if found is None:
            return
        known, call = found
        self.clock_is_right(min(call.due_on + timedelta(days=later), LAST + timedelta(days=9)) if later else TODAY)
        if call.order is not S.PARTLY_DISPATCHED:
            self.refused(MoveRefusedError, self.close, known, by)
        elif self.today <= call.due_on:
            self.refused(RestNotLate, self.close, known, by)
        else:
            self.close(known, by)
            call.cut_g = call.grams - call.sent_g
            call.send(0)

    def close(self, call_off_id: int, by: Side) -> None:
        cuts.close_rest(
            self.session, self.order(call_off_id), by=by, reason="不再等", goods=self.goods, actor_id=None,
            now=self.now(),
        )  # fmt: skip

    def said(self, call: Called, verdict: Judged) -> Said:
        hundredths, tenths = verdict
        grams = call.to_send_g * hundredths // 100 + (hundredths > 100)
        if tenths is None:
            return Said(grams, None)
        special, second, off = (grams * tenth // 10 for tenth in tenths)
        first = grams - special - second - off
        return Said(grams, {Grade.SPECIAL: special, Grade.FIRST: first, Grade.SECOND: second, Grade.OFF: off})

    def verdict(self, said: Said) -> Verdict:
        return Verdict(said.grams, "压伤", said.grades)

    def accepted(self, known: int, call: Called, said: Said) -> bool:
        """Whether the buyer's word was taken."""
        read = call.read(said, call.under.factors)
        if said.grams > call.sent_g:
            self.refused(AcceptanceDoesNotFit, self.accept, known, call, said)
        elif read is None:
            self.refused(GradeNotTaken, self.accept, known, call, said)
        else:
            self.accept(known, call, said)
            call.order, call.got_g, call.invoice_due = (
                S.ACCEPTED,
                said.grams,
                self.today + timedelta(days=call.under.term_days),
            )
            call.owed_fen, call.rows = read
            return True
        return False

    def accept(self, known: int, call: Called, said: Said) -> None:
        accept(self.session, self.order(known), {call.sku: self.verdict(said)}, actor_id=None, now=self.now())

    @act(which=st.integers(0, 30), waited=st.sampled_from([0, 9, 10, 10, 12]))
    def county_accepts_for_the_buyer(self, which: int, waited: int) -> None:
        """Who says nothing for ten days after the goods were sent, and their day, has accepted them whole, as 一级."""
        found = self.one(which, S.DISPATCHED)
        if found is None:
            return
        known, call = found
        waits, since = call.order is S.DISPATCHED, max(call.sent_on, call.due_on)
        self.clock_is_right(min(since + timedelta(days=waited), LAST + timedelta(days=9)) if waits else TODAY)
        if not waits:
            self.refused(MoveRefusedError, self.accept_silently, known)
        elif self.today < since + timedelta(days=10):
            self.refused(StillToInspect, self.accept_silently, known)
        else:
            said = Said(call.sent_g, None)
            read = call.read(said, call.under.factors)
            assert read is not None
            self.accept_silently(known)
            call.order, call.got_g, call.invoice_due = (
                S.ACCEPTED,
                said.grams,
                since + timedelta(days=10 + call.under.term_days),
            )
            call.owed_fen, call.rows = read

    def accept_silently(self, known: int) -> None:
        accept_for_buyer(self.session, self.order(known), "多次提醒没有答复", actor_id=None, now=self.now())

    @act(which=st.integers(0, 30), verdict=verdicts, of_accepted=st.sampled_from([True, True, True, False]))
    def county_reverses(self, which: int, verdict: Judged, of_accepted: bool) -> None:
        """An acceptance that was keyed wrong: counter-entries, then what should have been said; or why not."""
        found = self.one(which, *(ACCEPTED if of_accepted else ()))
        if found is None:
            return
        known, call = found
        said, model = self.said(call, verdict), self.model
        if call.rows and said.grades is None:
            said = Said(said.grams, {Grade.FIRST: said.grams})
        booked = call.booked
        agreed = call.under.factors | {grade: row.factor_bp for grade, row in booked.items()}
        read = call.read(said, agreed)
        why: type[DomainError] | None = None
        if call.order not in ACCEPTED:
            why = NothingAccepted
        elif any(one.as_of > call.due_on for one in model.taken(Side.FIRM)):
            why = PenaltyStands
        elif said.grams > call.sent_g:
            why = AcceptanceDoesNotFit
        elif read is None:
            why = GradeNotTaken
        elif (call.got_g, {grade: row.grams for grade, row in booked.items()}) == (said.grams, said.by_grade):
            why = AcceptanceSame
        elif read[0] < call.paid_fen:
            why = AcceptancePaid
        elif said.grams - call.got_g > model.left(call.sku):
            why = PromiseCalledAgain
        elif model.status in JUDGED:
            before, was = model.kept, call.got_g
            call.got_g = said.grams
            why = None if model.kept is before else OutcomeStands
            call.got_g = was
        if why is not None:
            self.refused(why, self.reverse, known, said)
            return
        assert read is not None
        self.reverse(known, said)
        if call.order is S.SETTLED:
            call.settled += [-call.owed_fen] * (call.owed_fen > 0) + [read[0]]
        call.got_g, call.owed_fen = said.grams, read[0]
        call.rows += [row.undone for row in booked.values()] + read[1]

    def reverse(self, known: int, said: Said) -> None:
        reverse(self.session, self.order(known), self.verdict(said), "填错", actor_id=None, now=self.now())

    @act(which=st.integers(0, 30), tenths=st.sampled_from([10, 10, 3, 11]))
    def buyer_pays(self, which: int, tenths: int) -> None:
        """An invoice, in whole or in part; more than is owed is not taken."""
        found = self.one(which, S.SETTLED)
        if found is None:
            return
        known, call = found
        fen = (call.owed_fen - call.paid_fen) * tenths // 10 + (tenths > 10)
        if call.order is S.SETTLED and tenths <= 10 and fen:
            self.pay(known, fen)
            call.paid_fen += fen
        else:
            self.refused(NothingToPay, self.pay, known, fen)

    def pay(self, known: int, fen: int) -> None:
        now = self.now()
        record_bank_transfer(self.session, self.order(known), fen, f"YH-{self.moments}", actor_id=None, now=now)

    # -- force majeure -------------------------------------------------------------------------------------------------

    @act(
        side=sides, which=st.integers(0, 30), since=st.sampled_from([0, 0, -1, -14, -63]),
        days=st.sampled_from([0, 6, 28, 63, 63]), within=often, proof=often,
        event=st.sampled_from(["recognise", "recognise", "reject", None]),
    )  # fmt: skip
    def a_side_tells_of_force_majeure(
        self, side: Side, which: int, since: int, days: int, within: bool, proof: bool, event: str | None
    ) -> None:
        """In some days about one for which something was called, by a paper of its own or, in vain, of the other's.

        Days out of the term, or none, are refused, and what was told before and not rejected. A side that is behind,
        the buyer first, has more reason to tell. As a rule the county decides at once.
        """
        behind = [one for _, one, *_ in self.model.breaches(LAST + timedelta(days=1))]
        side = min(behind) if behind and which % 3 else side
        calls = self.model.calls.values()
        called = sorted({call.due_on for call in calls} | {call.schedule_day or LAST for call in calls}) or [LAST]
        first = called[which % len(called)] + timedelta(days=since)
        last = first + timedelta(days=days)
        first, last = (max(first, TODAY), min(last, LAST)) if within else (first, last - timedelta(days=7))
        other = Side.FIRM if side is Side.BUYER else Side.BUYER
        paper = self.paper(side if proof else other)
        if not self.first <= first <= last <= LAST:
            self.refused(OutsideTerm, self.tell, side, first, last, paper)
        elif not proof:
            self.refused(NoProof, self.tell, side, first, last, paper)
        elif any(one.says(side, first, last) for one in self.model.notices):
            self.refused(MajeureTold, self.tell, side, first, last, paper)
        else:
            self.tell(side, first, last, paper)
            self.model.notices.append(Notice(side, first, last))
            if event:
                self.county_decides_a_notice(1, event)

    def paper(self, side: Side) -> str:
        """The code of a side's proof, kept when it is first needed."""
        if side not in self.papers:
            sent = Sent(PaperKind.MAJEURE_PROOF, "灾情证明（示例）", pdf())
            self.papers[side] = add_paper(self.session, self.agreement(), sent, by=self.hand(side)).code
        return self.papers[side]

    def tell(self, side: Side, first: date, last: date, paper: str) -> None:
        majeure.tell(self.session, self.agreement(), majeure.Event(first, last, "冰雹", paper), by=self.hand(side))

    @act(which=st.integers(0, 30), event=st.sampled_from(["recognise", "recognise", "reject"]))
    def county_decides_a_notice(self, which: int, event: str) -> None:
        """The youngest that waits, or another that was decided, the other way; in vain so again, or one nobody told."""
        notices = self.model.notices
        waits = [number for number, one in enumerate(notices, 1) if one.status is MajeureStatus.TOLD]
        number = waits[-1] if waits and which % 4 else which % (len(notices) + 1) + 1
        decided = MajeureStatus.RECOGNISED if event == "recognise" else MajeureStatus.REJECTED
        if number > len(notices):
            self.refused(NoSuchNotice, self.decide_notice, number, event)
        elif notices[number - 1].status is decided:
            self.refused(MoveRefusedError, self.decide_notice, number, event)
        else:
            self.decide_notice(number, event)
            notices[number - 1].status = decided

    def decide_notice(self, number: int, event: str) -> None:
        now = self.now()
        majeure.decide(self.session, self.agreement(), number, event, actor_id=None, now=now, reason="核实")

    # -- ends, reopenings, penalties -----------------------------------------------------------------------------------

    @act()
    def county_terminates(self) -> None:
        self.clock_is_right()
        if not self.model.runs:
            self.refused(MoveRefusedError, self.terminate)
            return
        self.terminate()
        for call in self.model.calls.values():
            if call.order is S.PLACED:
                call.order, call.cancelled_by = S.CANCELLED, Side.FIRM if call.due_on < self.today else None
        self.model.end(A.TERMINATED, self.today)

    def terminate(self) -> None:
        terminate(self.session, self.agreement(), "解除", actor_id=None, now=self.now())

    @act(days=st.sampled_from([0, 1, 1, 1, 20]), how=st.sampled_from(["as it is", "kept", "kept", *Side]))
    def the_term_ends(self, days: int, how: str) -> None:
        """It is judged some days after the last one, unless something is on its way; on the last day not yet.

        Before that all that is left may be called and taken, or what is on its way cancelled by one side or the county.
        """
        if how == "kept" and self.model.runs and self.today <= LAST:
            for sku in SKUS:
                self.buyer_calls(sku, 1, 0, 0)
        self.clock_is_right(LAST + timedelta(days=days))
        model = self.model
        for known, call in model.calls.items():
            if how == "kept" and call.order in ON_THE_WAY:
                self.go_on(known, call, 4, Said(call.to_send_g, None))
            elif how in tuple(Side) and call.order in (S.PLACED, S.CONFIRMED):
                self.cancelled(known, call, None if how == Side.COUNTY else Side(how))
        waits = any(call.order in ON_THE_WAY for call in model.calls.values())
        judged = model.runs and self.today > LAST and not waits
        assert close_ended(self.session, self.today, now=self.now()) == judged
        if judged:
            model.end(A.FULFILLED if model.kept else A.SHORT, self.today)

    @act(side=sides, late=st.sampled_from([0] * 7 + [8, 30, 31]))
    def a_side_asks_to_reopen(self, side: Side, late: int) -> None:
        """Or consents to what the other asked, at once or so many days after the end."""
        model = self.model
        self.clock_is_right(min((model.ended_on or TODAY) + timedelta(days=late), LAST + timedelta(days=60)))
        why: type[DomainError] | None = None
        if model.ended_on is None or model.runs:
            why = MoveRefusedError
        elif self.today > model.ended_on + REOPENED_WITHIN:
            why = ReopenTooLate
        elif any(one.status in TAKEN for one in model.proposals):
            why = ReopeningBarred
        if why is not None:
            self.refused(why, self.reopen, side)
            return
        again = model.asked_by not in (None, side)
        assert self.reopen(side) is again
        if again:
            model.reopen(self.today)
        else:
            model.asked_by = model.asked_by or side

    def reopen(self, side: Side) -> bool:
        return reopening.reopen(self.session, self.agreement(), "误登记", by=self.hand(side))

    @act(back=st.sampled_from([0, 0, 0, 1, 7]))
    def penalties_are_proposed(self, back: int) -> None:
        """By what stands today, or stands now of an earlier day: told to both, and booked nowhere."""
        self.clock_is_right()
        day, before = max(self.today - timedelta(days=back), TODAY), self.journals()
        made = breach.propose_penalties(self.session, self.agreement(), day, actor_id=None, now=self.now())
        assert [one.number for one in made] == self.model.propose(day)
        assert self.journals() == before

    @act(which=st.integers(0, 30), event=st.sampled_from(["claim", "claim", "waive", "withdraw"]), own=seldom)
    def a_side_decides_a_penalty(self, which: int, event: str, own: bool) -> None:
        """The side that was let down, or in vain the other. Where nothing was proposed yet, something is first."""
        number, side = self.proposal(which, own)
        before, why = self.journals(), self.why_not_decided(number, side, event)
        if why is not None:
            self.refused(why, self.decide_penalty, number, side, event)
        else:
            self.decide_penalty(number, side, event)
            after = {"claim": P.CLAIMED, "waive": P.WAIVED, "withdraw": P.WITHDRAWN}
            self.model.proposals[number - 1].status = after[event]
        assert self.journals() == before

    def proposal(self, which: int, own: bool) -> tuple[int, Side]:
        """The number of a proposal, seldom of none, and the side that it favours, or its `own`."""
        known = self.model.proposals
        if which and not known:
            self.penalties_are_proposed(0)
        number = which % len(known) + 1 if which and known else len(known) + 1
        favoured = Side.BUYER if number <= len(known) and known[number - 1].side is Side.FIRM else Side.FIRM
        other = Side.FIRM if favoured is Side.BUYER else Side.BUYER
        return number, other if own else favoured

    def why_not_decided(self, number: int, side: Side, event: str) -> type[DomainError] | None:
        if number > len(self.model.proposals):
            return NoSuchPenalty
        proposal = self.model.proposals[number - 1]
        if proposal.side is side:
            return NotYoursToDecide
        takes = event in ("claim", "take_deposit")
        for one in self.model.taken(proposal.side):
            last = one.status is P.DEPOSIT_TAKEN or event == "take_deposit" or one.as_of >= proposal.as_of
            if one is not proposal and takes and last:
                return TakenAlready
        if proposal.status is not (P.CLAIMED if event == "withdraw" else P.PROPOSED):
            return MoveRefusedError
        grams, fen = self.model.owed(proposal.side, proposal.as_of)
        outdated = takes and (grams < proposal.grams or fen < proposal.fen)
        return PenaltyOutdated if outdated else None

    def decide_penalty(self, number: int, side: Side, event: str) -> None:
        breach.decide(self.session, self.agreement(), number, event, by=self.hand(side), reason="协商")

    @act(which=st.integers(0, 30), own=seldom)
    def a_side_takes_the_deposit(self, which: int, own: bool) -> None:
        """Instead of what is proposed: the firm keeps it, the buyer has it back double; not what exceeds the terms."""
        number, side = self.proposal(which, own)
        bound = min(self.model.deposit_left, self.deposit_due())
        why: type[DomainError] | None = None
        if self.model.runs:
            why = DepositStillBound
        elif not bound:
            why = DepositUsedUp
        else:
            why = self.why_not_decided(number, side, "take_deposit")
        if why is not None:
            self.refused(why, self.take_deposit, number, side)
            return
        self.take_deposit(number, side)
        self.model.proposals[number - 1].status = P.DEPOSIT_TAKEN
        self.model.deposit_left -= bound if side is Side.FIRM else self.model.deposit_left
        assert deposits.standing(self.session, self.agreement()).left_fen == self.model.deposit_left

    def take_deposit(self, number: int, side: Side) -> None:
        hand, agreement = self.hand(side), self.agreement()
        if side is Side.FIRM:
            deposits.forfeit(self.session, agreement, number, by=hand, reason="买方违约")
        else:
            deposits.give_back(self.session, agreement, f"YH-{self.moments}", by=hand, penalty=number)

    def journals(self) -> int:
        return self.session.execute(select(func.count()).select_from(Journal)).scalar_one()

    # -- what the service answers ------------------------------------------------------------------------------------

    @invariant()
    def the_books_agree_with_the_model(self) -> None:
        """Wherever something changed: what is refused or idle is taken back or nothing, and looked at with the next."""
        if hasattr(self, "model") and self.compared != (known := (self.today, repr(self.model))):
            self.agree()
            self.compared = known

    def agree(self) -> None:
        self.session.flush()
        self.quotes_agree()
        self.calls_agree()
        self.schedules_agree()
        self.figures_agree()
        self.ends_and_penalties_agree()

    def quotes_agree(self) -> None:
        """All that was ever said of a price stands, in its order, and each correction has its reason."""
        kept = MarketQuote
        rows = self.session.execute(
            select(
                Product.sku, kept.quoted_on, kept.source, kept.market, kept.grade, kept.position, kept.fen_per_kg,
                kept.reason,
            )
            .join(Product, Product.id == kept.product_id)
            .where(kept.source.in_(SOURCES))
        )  # fmt: skip
        assert {tuple(row) for row in rows} == {
            (of.sku, of.day, of.source, of.market, of.grade, place, fen, "听错" if place > 1 else None)
            for of, said in self.model.quotes.items()
            for place, fen in enumerate(said, 1)
        }

    def calls_agree(self) -> None:
        calls, session = self.model.calls, self.session
        rows = session.execute(
            select(
                CallOff.id, CallOff.weight_g, CallOff.stands_g, CallOff.again_g, CallOff.due_on, CallOff.status,
                CallOff.cancelled_by,
                CallOff.price_fen_per_kg, Order.status, OrderLine.price_fen, OrderLine.amount_fen,
                OrderLine.cancelled_g, OrderLine.cancelled_fen, OrderLine.dispatched_g, OrderLine.accepted_g,
                OrderLine.accepted_fen, Order.paid_fen, Order.due_on,
            )
            .join(Order, Order.call_off_id == CallOff.id)
            .join(OrderLine, OrderLine.order_id == Order.id)
            .where(CallOff.id.in_(list(calls)))
        )  # fmt: skip
        assert {known: tuple(row) for known, *row in rows} == {
            known: (
                call.grams, call.of_promise_g, call.again_g, call.due_on, call.status, call.cancelled_by,
                call.fen_per_kg, call.order, call.fen_per_kg, worth(call.grams, call.fen_per_kg), call.cut_g,
                worth(call.grams, call.fen_per_kg) - worth(call.to_send_g, call.fen_per_kg), call.sent_g,
                *((call.got_g, call.owed_fen) if call.order in ACCEPTED else (None, None)),
                call.paid_fen, call.invoice_due,
            )
            for known, call in calls.items()
        }  # fmt: skip
        if not any(call.order in ACCEPTED for call in calls.values()):
            return
        of = GradedAcceptance
        graded = session.execute(
            select(Order.call_off_id, of.grade, of.factor_bp, of.weight_g, of.amount_fen)
            .join(OrderLine, OrderLine.id == of.order_line_id)
            .join(Order, Order.id == OrderLine.order_id)
        )
        assert sorted(map(tuple, graded)) == sorted(
            (known, row.grade, row.factor_bp, row.grams, row.fen) for known, call in calls.items() for row in call.rows
        )
        shares = session.execute(
            select(Order.call_off_id, Settlement.net_fen)
            .join(Order, Order.id == Settlement.order_id)
            .order_by(Order.call_off_id, Settlement.id)
        )
        assert list(map(tuple, shares)) == [
            (known, fen) for known, call in sorted(calls.items()) for fen in call.settled
        ]

    def schedules_agree(self) -> None:
        """What is due when, and which days were missed while the agreement was closed."""
        of = DueWeight
        rows = self.session.execute(
            select(of.line_id, of.due_on, of.weight_g, MissedDay.line_id.is_not(None))
            .outerjoin(MissedDay, (MissedDay.line_id == of.line_id) & (MissedDay.due_on == of.due_on))
            .where(of.line_id.in_(list(self.skus)), (of.weight_g > 0) | MissedDay.line_id.is_not(None))
        )
        spread = [(self.skus[line_id], *rest) for line_id, *rest in rows]
        for sku, promise in self.model.promises.items():
            here = promise.committed - promise.on_paper
            assert 0 <= self.model.live(sku) <= here == sum(promise.due.values())
            due = {day: grams for of, day, grams, _ in spread if of == sku and grams}
            assert due == {day: grams for day, grams in promise.due.items() if grams}
        assert {(sku, day) for sku, day, _, missed in spread if missed} == self.model.missed

    def figures_agree(self) -> None:
        """The report of today and of a past day, line by line; what it says of stock the model does not know."""
        for day in {self.today, TODAY + (self.today - TODAY) // 2}:
            rows = self.session.execute(report(day)).mappings()
            found = {self.skus[row["line_id"]]: {name: int(row[name]) for name in OF_A_PAST_DAY} for row in rows}
            assert found == {sku: self.model.figures(sku, day) for sku in SKUS}

    def ends_and_penalties_agree(self) -> None:
        """What each side would be behind with the day after the last, what was proposed, where the agreement stands."""
        after = LAST + timedelta(days=1)
        ((known, status),) = self.session.execute(
            select(Agreement.id, Agreement.status).where(Agreement.code == "A50")
        ).all()
        assert status is self.model.status
        found = breach.behind(self.session, after, [known])
        breaches = [(self.skus[one.line_id], one.side, one.shortfall_g, one.penalty_fen) for one in found]
        assert sorted(breaches) == sorted(self.model.breaches(after))
        proposed = breach.proposals(self.session, known)
        assert [(one.side, one.as_of, one.shortfall_g, one.penalty_fen, one.status) for one in proposed] == [
            (one.side, one.as_of, one.grams, one.fen, one.status) for one in self.model.proposals
        ]


@pytest.mark.timeout(7_200)
def test_g05_any_life_of_an_agreement_is_the_one_that_the_model_counts(committed: Flask) -> None:
    build(committed)
    with transaction() as session:
        goods_are_ready(session)
    with db.engine.connect() as connection:
        known = run_checks(connection, PROOFS, now=NOW)

    class Here(Promises):
        market = committed
        flaws = known

    bounds = settings(
        max_examples=EXAMPLES, stateful_step_count=30, deadline=None, database=None, derandomize=EXAMPLES < 100,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    run_state_machine_as_test(Here, settings=bounds)
