"""Any walk of slips, corrections, rates, costs, wages, guarantees, closings, mergings, against a model in integers.

The model knows the rules of docs/income.md and nothing of the code. `make model-income` walks 2,000 times.
"""

import os
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any, TypeAlias

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, text

from shop.access.guard import Actor, Grant
from shop.access.models import PartyKind, Role
from shop.catalog.models import Firm
from shop.farmers.actions import Slip, record_delivery
from shop.farmers.errors import HasMergedRecords, MergedAlready, NotMerged, SlipWorthNothing
from shop.farmers.families import merge, unmerge
from shop.farmers.models import Delivery, Grade, Household
from shop.income.actions import book_events
from shop.income.corrections import correct_slip, locked_slip
from shop.income.costs import Spent, correct_cost, count_by_rate, count_family, record_cost, set_rate, void_rate
from shop.income.endings import void_payment
from shop.income.errors import (
    GuaranteeUnpaid,
    MonthNotOver,
    NoRateOfDay,
    NothingToCorrect,
    RateTaken,
    RecordStands,
    SecondShareStands,
)
from shop.income.guarantees import Promise, locked_contract, pay_guaranteed, pay_second, sign_contract
from shop.income.models import CostBasis, CostKind, GuaranteeContract, GuaranteeKind, PaymentKind
from shop.income.months import close_month, next_month
from shop.income.payments import Paid, correct_payment, locked_payment, record_payment
from shop.income.queries import statement
from shop.kit.clock import at_beijing, month_of
from shop.kit.errors import DomainError
from shop.reports import rollups
from shop.reports.models import Rollup
from tests.conftest import A_DAY_IN_JULY
from tests.factories.sales import Season, undone
from tests.properties.income_model import FEN_PER_MU, LANDS, SECOND_BP, Model

EXAMPLES = int(os.environ.get("MODEL_EXAMPLES", "10"))
OPERATOR = Actor(None, (Grant(Role.OPERATOR, 0, PartyKind.COUNTY),))
DAYS = [date(2025, 7, day) for day in (1, 8, 14, 15)]
MONTHS = [date(2025, number, 1) for number in range(1, 13)]
PAID_ON = [date(2025, 2, 3), date(2025, 6, 30), date(2025, 7, 15)]
#: What may happen before the job that a rate asked for has been there.
MEANWHILE = {"rate", "unrate", "deliver", "correct", "close"}
#: Statements by household and month.
Told: TypeAlias = dict[tuple[int, date], dict[str, Any]]

WHO, FEN, PAID = st.integers(0, 2), st.integers(1, 5_000_000), st.sampled_from(PAID_ON)
CLOSE = st.tuples(st.just("close"), st.integers(1, 3))
MERGE, UNMERGE = st.tuples(st.just("merge"), WHO, WHO), st.tuples(st.just("unmerge"), WHO)
DELIVER = st.tuples(st.just("deliver"), WHO, st.sampled_from(DAYS), st.integers(1, 300_000), st.integers(1, 2_000))
SINCE = st.sampled_from([date(2025, 1, 1), *DAYS])
RATE, UNRATE = st.tuples(st.just("rate"), SINCE, st.integers(1, 900)), st.tuples(st.just("unrate"), SINCE)
JOBS = st.tuples(st.just("jobs"))
CORRECT = st.tuples(st.just("correct"), st.integers(0, 30), st.integers(0, 300_000), st.integers(1, 2_000))
STEP = st.one_of(
    DELIVER, RATE, UNRATE, CLOSE, MERGE, UNMERGE, CORRECT,
    st.tuples(st.just("spend"), WHO, PAID, FEN),
    st.tuples(st.just("pay"), WHO, st.sampled_from([PaymentKind.WAGE, PaymentKind.SUBSIDY]), PAID, FEN),
    st.tuples(st.just("correct_payment"), st.integers(0, 30), st.integers(0, 5_000_000)),
    st.tuples(st.just("correct_cost"), st.integers(0, 30), st.sampled_from([0, 0, 1, 5_000_000])),
    st.tuples(st.just("guarantee"), st.integers(2024, 2025), PAID),
    st.tuples(st.just("share"), st.integers(2024, 2025), PAID, st.integers(-2, 5_000_000)),
    st.tuples(st.just("void"), st.integers(0, 30)),
)  # fmt: skip


def refusal(action: Callable[[], object]) -> type[DomainError] | None:
    """Why the shop refuses; None when it does not."""
    try:
        action()
    except DomainError as refused:
        return type(refused)
    return None


class Walk:
    """The same steps in the shop and in the model."""

    #: Of which statements are looked at.
    months: Sequence[date] = MONTHS

    def __init__(self, season: Season) -> None:
        self.season, self.session, self.now = season, season.session, season.now
        self.firm = self.session.get_one(Firm, season.product.firm_id)
        query = select(Household).where(
            Household.id.in_(
                select(Delivery.household_id).where(Delivery.product_id == season.product.id).distinct().limit(3)
            )
        )
        self.households = list(self.session.scalars(query.order_by(Household.id)))
        self.places = {household.id: at for at, household in enumerate(self.households)}
        self.slips: list[tuple[str, int, date, int, int]] = []  # code, who, day, grams, fen as it stands
        self.paid: list[tuple[str, int, PaymentKind, date, int]] = []  # code, who, kind, day, fen as it stands
        self.spent: list[tuple[str, int, date, int]] = []  # code, who, day, fen as it stands
        self.model, self.steps = Model(), 0
        self.asked: list[int] = []  # ids of rates whose job has not been there yet
        for entry in self.session.execute(
            text("SELECT household_id, kind, month, earned_on, weight_g, amount_fen, product_id,"
                 " coalesce(corrects_id, id) AS slip FROM income_entries"
                 " WHERE household_id = ANY(:ids) ORDER BY id"), {"ids": list(self.places)}
        ):  # fmt: skip
            who = self.places[entry.household_id]
            if entry.kind == "sale" and entry.product_id == season.product.id:
                self.model.sells(who, entry.earned_on, entry.weight_g, entry.amount_fen, str(entry.slip))
            else:
                self.model.gross[who, entry.month, entry.kind] += entry.amount_fen

    def step(self, name: str, *told: object) -> None:
        self.steps += 1
        if name not in MEANWHILE:
            self.jobs()
        getattr(self, name)(*told)

    def deliver(self, who: int, day: date, grams: int, price: int) -> None:
        code, fen = f"M{self.steps:05}", (grams * price * 2 + 1_000) // 2_000
        try:
            slip = record_delivery(
                self.session, self.firm, self.households[who], self.season.product,
                Slip(code, day, grams, Grade.FIRST, price), actor_id=None, now=self.now,
            )  # fmt: skip
        except SlipWorthNothing:
            assert fen == 0
            return
        book_events(self.session, "deliveries", [slip.id], now=self.now)
        self.model.sells(who, day, grams, fen, code)
        self.slips.append((code, who, day, grams, fen))

    def correct(self, at: int, grams: int, price: int) -> None:
        if not self.slips:
            return
        at %= len(self.slips)
        code, who, day, was_g, was_fen = self.slips[at]
        fen = (grams * price * 2 + 1_000) // 2_000
        try:
            correct_slip(
                self.session, locked_slip(self.session, code), grams, price, "过磅误读", actor_id=None, now=self.now
            )
        except NothingToCorrect:
            assert (grams, fen) == (was_g, was_fen)
            return
        except SlipWorthNothing:
            assert grams
            assert not fen
            return
        if fen == was_fen:  # no entry is of nothing: taken back, then booked anew
            self.model.sells(who, day, -was_g, -was_fen, code)
            self.model.sells(who, day, grams, fen, code)
        else:
            self.model.sells(who, day, grams - was_g, fen - was_fen, code)
        self.slips[at] = (code, who, day, grams, fen)

    def rate(self, since: date, fen: int) -> None:
        try:
            made = set_rate(
                self.session, self.season.product, CostBasis.KG, fen, since, "调查（示例）", actor_id=None, now=self.now
            )
        except RateTaken:
            assert since in self.model.rates
            return
        self.model.rates[since] = fen
        self.asked.append(made.id)

    def unrate(self, since: date) -> None:
        """The rate of a day is void."""
        try:
            void, _ = void_rate(
                self.session, self.season.product, CostBasis.KG, since, "录错", actor_id=None, now=self.now
            )
        except NoRateOfDay:
            assert since not in self.model.rates
            return
        del self.model.rates[since]
        self.asked.append(void.id)

    def jobs(self) -> None:
        """What the jobs do that rates asked for."""
        for rate_id in self.asked:
            count_by_rate(self.session, rate_id)
        self.asked = []
        self.model.rates_changed()

    def spend(self, who: int, day: date, fen: int) -> None:
        record_cost(
            self.session, self.households[who], self.season.product,
            Spent(f"C{self.steps:05}", CostKind.MATERIALS, day, "调查（示例）", amount_fen=fen), actor_id=None,
            now=self.now,
        )  # fmt: skip
        self.model.spends(who, day, fen)
        self.spent.append((f"C{self.steps:05}", who, day, fen))

    def correct_cost(self, at: int, fen: int) -> None:
        if not self.spent:
            return
        at %= len(self.spent)
        code, who, day, was_fen = self.spent[at]
        try:
            correct_cost(self.session, code, fen, "多写一个零", actor_id=None, now=self.now)
        except RecordStands:
            assert fen == was_fen
            return
        self.spent[at] = (code, who, day, fen)
        self.model.costs[who, self.model.month(day)] += fen - was_fen
        if any(left for _, whose, _, left in self.spent if whose == who):
            self.model.recorded.add(who)
        else:
            self.model.recorded.discard(who)
        self.model.settles(who)

    def pay(self, who: int, kind: PaymentKind, day: date, fen: int) -> None:
        firm = None if kind is PaymentKind.SUBSIDY else self.firm
        paid = Paid(f"P{self.steps:05}", kind, day, fen, "名单（示例）")
        record_payment(self.session, firm, self.households[who], paid, actor_id=None, now=self.now)
        self.model.gross[who, self.model.month(day), kind.value] += fen
        self.paid.append((paid.code, who, kind, day, fen))

    def correct_payment(self, at: int, fen: int) -> None:
        if not self.paid:
            return
        at %= len(self.paid)
        code, who, kind, day, was_fen = self.paid[at]
        try:
            payment = locked_payment(self.session, code)
            correct_payment(self.session, payment, fen, "多写一个零", actor_id=None, now=self.now)
        except RecordStands:
            assert fen == was_fen
            return
        self.model.gross[who, self.model.month(day), kind.value] += fen - was_fen
        self.paid[at] = (code, who, kind, day, fen)

    def contract(self) -> GuaranteeContract:
        """The contract by which all households put in land, signed when it is first asked for."""
        if not self.session.scalar(select(GuaranteeContract.id).where(GuaranteeContract.code == "BD-M")):
            promise = Promise(FEN_PER_MU, SECOND_BP, 2024, 2025, date(2024, 1, 10), "合同（示例）")
            lands = {household.code: LANDS[who] for who, household in enumerate(self.households)}
            sign_contract(self.session, self.firm, "BD-M", promise, lands, actor_id=None, now=self.now)
        return locked_contract(self.session, "BD-M")

    def guarantee(self, year: int, day: date) -> None:
        refused = refusal(
            lambda: pay_guaranteed(self.session, self.contract(), year, actor_id=None, now=at_beijing(day, 12))
        )
        assert refused is self.model.refusal(year, "guaranteed", day)
        if refused is None:
            self.model.guarantees(year, "guaranteed", day, [(tenths * FEN_PER_MU + 5) // 10 for tenths in LANDS])

    def share(self, year: int, day: date, profit: int) -> None:
        refused = refusal(
            lambda: pay_second(self.session, self.contract(), year, profit, actor_id=None, now=at_beijing(day, 12))
        )
        assert refused is self.model.refusal(year, "second", day, profit)
        if refused is not None:
            return
        pool, whole = (profit * SECOND_BP + 5_000) // 10_000, sum(LANDS)
        parts = [pool * tenths // whole for tenths in LANDS]
        first = sorted(range(3), key=lambda who: (-(pool * LANDS[who] % whole), self.households[who].code))
        for who in first[: pool - sum(parts)]:
            parts[who] += 1
        self.model.guarantees(year, "second", day, parts)

    def void(self, at: int) -> None:
        """One of the payments that stand, or a guarantee of a year that has none."""
        contract, stands = self.contract(), self.model.guaranteed
        missing = [(year, "guaranteed") for year in (2024, 2025) if (year, "guaranteed") not in stands]
        choices = [*stands, *missing]
        year, kind = choices[at % len(choices)]
        refused = refusal(
            lambda: void_payment(
                self.session, contract, year, GuaranteeKind(kind), "误付", by_county=True, actor_id=None, now=self.now
            )
        )
        if (year, kind) not in stands:
            assert refused is GuaranteeUnpaid
        elif kind == "guaranteed" and (year, "second") in stands:
            assert refused is SecondShareStands
        else:
            assert refused is None
            self.model.takes_back(year, kind)

    def close(self, months: int) -> None:
        """So many, in their order."""
        for _ in range(months):
            first = max(self.model.open_from, self.months[0])
            refused = refusal(lambda month=first: close_month(self.session, month, actor_id=None, now=self.now))
            assert refused is (MonthNotOver if first >= month_of(self.now.date()) else None)
            if refused is None:
                self.model.told[first] = dict(self.model.family)
                self.model.open_from = next_month(first)

    def merge(self, who: int, into: int) -> None:
        try:
            merge(self.session, self.households[who], self.households[into], "同一户", actor_id=None, now=self.now)
        except (MergedAlready, HasMergedRecords):
            return
        self.model.family[who] = into
        self.settle(into)

    def settle(self, who: int) -> None:
        """What the job does that a merging asks for."""
        count_family(self.session, self.households[who].id)
        self.model.settles(who)

    def unmerge(self, who: int) -> None:
        try:
            unmerge(self.session, self.households[who], "核实", actor_id=None, now=self.now)
        except NotMerged:
            assert who not in self.model.family
            return
        into = self.model.family.pop(who)
        for each in (who, into):
            self.settle(each)

    def check(self) -> None:
        """Every statement of every month is what the model says; the rollups are what their facts say."""
        self.jobs()
        told = {
            (at, month): statement(self.session, OPERATOR, household.code, month, month)
            for at, household in enumerate(self.households) for month in self.months
        }  # fmt: skip
        self.check_months(told)
        self.check_together(told)
        for rollup in (Rollup.INCOME, Rollup.COSTS):
            while rollups.refresh(self.session, rollup).marks:
                pass
            assert rollups.compare(self.session, rollup) == []

    def check_months(self, statements: Told) -> None:
        for at, household in enumerate(self.households):
            for month in self.months:
                family = self.model.told.get(month, self.model.family)
                own = {who for who in range(len(self.households)) if family.get(who, who) == at}
                told = statements[at, month]
                gross: dict[str, int] = defaultdict(int)
                for (who, of, kind), fen in self.model.gross.items():
                    if who in own and of == month:
                        gross[kind] += fen
                assert told["received_fen"] == sum(gross.values()), (household.code, month)
                cost = sum(self.model.costs[who, month] for who in own)
                landed = {
                    sold: sum(self.model.covered[who, month, sold] for who in own)
                    for sold in {of for _, _, of in self.model.covered}
                }
                covered = sum(landed.values()) + gross["patronage"]
                left = gross["sale"] - landed.get(month, 0)
                assert told["business"] == {
                    "gross_fen": gross["sale"] + gross["patronage"], "covered_fen": covered, "cost_fen": cost,
                    "net_fen": covered - cost,
                    "uncovered_gross_fen": left,
                }, (household.code, month)  # fmt: skip

    def check_together(self, statements: Told) -> None:
        """All statements of a household up to a closed month, or of all months, add up to what its records had then.

        Whatever was merged and undone in between, nothing is lost and nothing doubled.
        """
        for last in (*sorted(self.model.told), self.months[-1]):
            family = self.model.told.get(last, self.model.family)
            for at, household in enumerate(self.households):
                own = {who for who in range(len(self.households)) if family.get(who, who) == at}
                found: Counter[str] = Counter()
                for month in self.months:
                    if month <= last:
                        found.update(told_in(statements[at, month]))
                assert found == self.model.together(own, last) | {
                    "sales_reached_fen": sum(self.reached(who, last) for who in own)
                }, (household.code, last)  # fmt: skip

    def reached(self, who: int, last: date) -> int:
        """Sales that reached a record up to a month: no step of a walk sells anything."""
        asked = {"of": self.households[who].id, "last": last}
        sql = "SELECT coalesce(sum(amount_fen), 0) FROM sales_reach WHERE household_id = :of AND month <= :last"
        return int(self.session.execute(text(sql), asked).scalar_one())


def told_in(told: dict[str, Any]) -> Counter[str]:
    """What a statement tells of its month and what it moves, together."""
    found = Counter(
        received_fen=told["received_fen"], covered_fen=told["business"]["covered_fen"],
        cost_fen=told["business"]["cost_fen"], net_fen=told["business"]["net_fen"],
        sales_reached_fen=sum(row["amount_fen"] for row in told["sales_reached"]),
    )  # fmt: skip
    for line in told["moved"]:
        found.update({name: line[name] for name in found})
    assert told["moved_fen"] == sum(line["received_fen"] for line in told["moved"])
    return found


WALKS = settings(
    max_examples=EXAMPLES, deadline=None, database=None, derandomize=EXAMPLES < 100,
    suppress_health_check=list(HealthCheck),
)  # fmt: skip


@pytest.mark.timeout(3_600)
@WALKS
@given(st.lists(STEP, min_size=1, max_size=14))
def test_any_walk_of_income_says_in_every_statement_what_the_model_says(
    market: Flask, steps: list[tuple[object, ...]]
) -> None:
    walked(market, steps)


@pytest.mark.timeout(3_600)
@WALKS
@given(st.lists(st.one_of(CLOSE, MERGE, UNMERGE, DELIVER, RATE), min_size=4, max_size=12))
def test_months_are_closed_between_mergings_and_what_undoes_them(
    market: Flask, steps: list[tuple[object, ...]]
) -> None:
    walked(market, steps)


@pytest.mark.timeout(3_600)
@WALKS
@given(st.lists(st.one_of(DELIVER, CORRECT, RATE, UNRATE, JOBS, CLOSE), min_size=4, max_size=14))
def test_sales_cost_the_rate_of_their_day_whenever_rates_are_entered_or_void_and_counted(
    market: Flask, steps: list[tuple[object, ...]]
) -> None:
    walked(market, steps)


def walked(market: Flask, steps: list[tuple[object, ...]]) -> None:
    with market.app_context(), undone(market.extensions["sku"], A_DAY_IN_JULY) as season:
        walk = Walk(season)
        for name, *told in steps:
            walk.step(str(name), *told)
        walk.check()
