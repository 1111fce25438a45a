"""Any walk of joinings, departures, slips, surplus plans, their reversal, closings, mergings, against plain integers.

The model knows the rules of docs/income.md and nothing of the code. `make model-income` walks 2,000 times.
"""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from flask import Flask
from hypothesis import example, given
from hypothesis import strategies as st
from sqlalchemy import select, text

from shop.catalog.actions import apply_firm, draft_product
from shop.catalog.models import Category, Firm, FirmKind
from shop.farmers.actions import Slip, record_delivery
from shop.farmers.errors import NotOfThisFirm
from shop.farmers.models import Grade, Household, Membership, Relation
from shop.income import memberships, surplus
from shop.income.actions import book_events
from shop.income.corrections import correct_slip, locked_slip
from shop.income.errors import NothingToCorrect
from shop.income.models import SurplusPlan, SurplusShare
from shop.kit.clock import at_beijing
from shop.kit.errors import DomainError
from shop.ledger.models import Account, Journal, Posting
from tests.conftest import A_DAY_IN_JULY
from tests.factories.sales import Season, undone
from tests.properties.surplus_model import Cooperative, Plan, Refusal, Spell, Terms
from tests.properties.test_income_model import CLOSE, MERGE, UNMERGE, WALKS, Walk

BEGINS = date(2026, 3, 10)
DAYS = [
    date(2024, 6, 1), date(2024, 12, 30), date(2024, 12, 31), date(2025, 1, 1), date(2025, 7, 1), date(2025, 12, 30),
    date(2025, 12, 31), date(2026, 1, 1), date(2026, 3, 1), date(2027, 1, 1),
]  # fmt: skip
RECORDS = 3

WHO, DAY, PLAN = st.integers(0, RECORDS - 1), st.sampled_from(DAYS), st.integers(0, 9)
UNITS = st.sampled_from([0, 3, 40])
YEAR = st.sampled_from([2024, 2025])
TERMS = st.builds(
    Terms, st.sampled_from([100_000, 1_234_567, 50_000]), st.sampled_from([0, 50_001]), st.sampled_from([1_000, 0]),
    st.sampled_from([6_000, 6_667, 10_000, 7_000, 5_999]), st.sampled_from([1_000, 0]), st.sampled_from([0, 777]),
)  # fmt: skip
SHARE = st.tuples(st.just("share"), YEAR, TERMS)
REVERSE = st.tuples(st.just("reverse"), PLAN)
JOIN, LEAVE = st.tuples(st.just("join"), WHO, DAY, UNITS), st.tuples(st.just("leave"), WHO, DAY)
PUT_RIGHT = st.one_of(
    st.tuples(st.just("void_departure"), WHO),
    st.tuples(st.just("void_joining"), WHO),
    st.tuples(st.just("correct_joining"), WHO, st.none() | DAY, st.none() | UNITS),
)
STEP = st.one_of(
    JOIN, LEAVE, PUT_RIGHT, SHARE, REVERSE, CLOSE,
    st.tuples(st.just("sell"), WHO, st.sampled_from(DAYS[1:-1]), st.integers(50_000, 300_000), st.integers(100, 2_000)),
    st.tuples(st.just("void_slip"), st.integers(0, 20)),
    st.tuples(st.just("lay_open"), YEAR, TERMS),
    st.tuples(st.sampled_from(["approve", "book", "withdraw"]), PLAN),
    st.tuples(st.just("wait"), st.sampled_from([1, 15, 40])),
    st.one_of(MERGE, UNMERGE),
)  # fmt: skip


class MembersWalk(Walk):
    """The same steps in the shop and in the model of a co-operative of its own: one member since ever, two not yet."""

    model: Cooperative
    months = tuple(date(2024 + number // 12, number % 12 + 1, 1) for number in range(11, 32))

    def __init__(self, season: Season) -> None:
        self.season, self.session, self.steps, self.asked = season, season.session, 0, []
        self.model, self.slips = Cooperative(), []
        self.now, self.model.today = at_beijing(BEGINS, 12), BEGINS
        like = season.product
        village = self.session.get_one(Firm, like.firm_id).village_id
        self.firm = apply_firm(
            self.session, "F99", "合作社（示例）", FirmKind.COOPERATIVE, village, reserve_bp=None,
            member_return_bp=None, actor_id=None, now=self.now,
        )  # fmt: skip
        values: dict[str, object] = {
            "sku": "PL990", "name_zh": "桃（示例）", "name_en": "Peach", "category": Category(like.category),
            "spec_zh": "箱", "net_weight_g": 5_000, "unit_zh": "箱", "origin_village_id": village,
            "farm_gate_fen_per_kg": 500, "harvest_start_month": 1, "harvest_end_month": 12, "shelf_life_days": 9,
            "storage_zh": "常温", "is_fresh": True,
        }  # fmt: skip
        self.product = draft_product(self.session, self.firm, values, [], actor_id=None, now=self.now)
        query = select(Household).order_by(Household.code).limit(RECORDS)
        self.households = list(self.session.scalars(query))
        self.places = {household.id: at for at, household in enumerate(self.households)}
        self.session.add(
            Membership(
                household_id=self.households[0].id, firm_id=self.firm.id, relation=Relation.MEMBER, share_units=7
            )
        )
        self.session.flush()
        self.model.spells = {0: [Spell(None, None, 7)], **{who: [] for who in range(1, RECORDS)}}
        for entry in self.session.execute(
            text("SELECT household_id, kind, month, amount_fen FROM income_entries WHERE household_id = ANY(:ids)"),
            {"ids": list(self.places)},
        ):
            self.model.gross[self.places[entry.household_id], entry.month, entry.kind] += entry.amount_fen

    def tried(self, action: Callable[[], object], foretold: Refusal) -> None:
        """The shop refuses what the model does, and then nothing is changed."""
        refused: Refusal = None
        try:
            with self.session.begin_nested():
                action()
        except DomainError as error:
            refused = type(error)
        self.session.expire_all()
        assert refused is foretold

    def by(self) -> dict[str, Any]:
        return {"actor_id": None, "now": self.now}

    def wait(self, days: int) -> None:
        self.model.today += timedelta(days)
        self.now = at_beijing(self.model.today, 12)

    def at_firm(self, action: Callable[..., object], who: int, *told: object) -> Callable[[], object]:
        return lambda: action(self.session, self.firm, self.households[who], *told, **self.by())

    def join(self, who: int, day: date, units: int) -> None:
        self.tried(self.at_firm(memberships.join, who, day, units), self.model.joins(who, day, units))

    def leave(self, who: int, day: date) -> None:
        self.tried(self.at_firm(memberships.leave, who, day, "退出"), self.model.leaves(who, day))

    def void_departure(self, who: int) -> None:
        self.tried(self.at_firm(memberships.void_departure, who, "录错"), self.model.never_left(who))

    def void_joining(self, who: int) -> None:
        self.tried(self.at_firm(memberships.void_joining, who, "录错"), self.model.never_joined(who))

    def correct_joining(self, who: int, day: date | None, units: int | None) -> None:
        action = self.at_firm(memberships.correct_joining, who, day, units, "录错")
        self.tried(action, self.model.joined_otherwise(who, day, units))

    def sell(self, who: int, day: date, grams: int, price: int) -> None:
        code, fen = f"M{self.steps:05}", (grams * price + 500) // 1_000

        def delivers() -> None:
            slip = record_delivery(
                self.session, self.firm, self.households[who], self.product, Slip(code, day, grams, Grade.FIRST, price),
                **self.by(),
            )  # fmt: skip
            book_events(self.session, "deliveries", [slip.id], now=self.now)

        member = self.model.is_member(who, day)
        self.tried(delivers, None if member else NotOfThisFirm)
        if member:
            self.model.sells(who, day, grams, fen, code)
            self.slips.append((code, who, day, grams, fen))
            self.model.slips.append((who, day, fen))

    def void_slip(self, at: int) -> None:
        if not self.slips:
            return
        at %= len(self.slips)
        code, who, day, grams, fen = self.slips[at]
        self.tried(
            lambda: correct_slip(self.session, locked_slip(self.session, code), 0, 1, "重复", **self.by()),
            None if fen else NothingToCorrect,
        )
        if fen:
            self.model.sells(who, day, -grams, -fen, code)
            self.slips[at], self.model.slips[at] = (code, who, day, 0, 0), (who, day, 0)

    def lay_open(self, year: int, terms: Terms) -> None:
        asked = surplus.Terms(
            terms.surplus, terms.loss, terms.reserve_bp, terms.return_bp, share_value_fen=terms.value,
            aid_fen=terms.aid,
        )  # fmt: skip

        def lays_open() -> None:
            plan = surplus.draft_plan(self.session, self.firm, year, asked, **self.by())
            surplus.lay_open(self.session, plan, **self.by())

        self.tried(lays_open, self.model.lays_open(year, terms))

    def move(self, at: int, action: Callable[[SurplusPlan], object], foretold: Callable[[Plan], Refusal]) -> None:
        if self.model.plans:
            at %= len(self.model.plans)
            self.tried(lambda: action(self.plan(at)), foretold(self.model.plans[at]))

    def plan(self, at: int) -> SurplusPlan:
        """The plans as they were laid open, one after the other."""
        code = self.session.scalars(
            select(SurplusPlan.code).where(SurplusPlan.firm_id == self.firm.id).order_by(SurplusPlan.id)
        ).all()[at]
        return surplus.locked_plan(self.session, code)

    def approve(self, at: int) -> None:
        self.move(
            at, lambda plan: surplus.approve_plan(self.session, plan, self.model.today, "纪要（示例）", **self.by()),
            self.model.approves,
        )  # fmt: skip

    def book(self, at: int) -> None:
        self.move(at, lambda plan: surplus.book_approved(self.session, plan, **self.by()), self.model.books)

    def withdraw(self, at: int) -> None:
        self.move(at, lambda plan: surplus.withdraw_plan(self.session, plan, "撤回", **self.by()), self.model.withdraws)

    def reverse(self, at: int) -> None:
        self.move(
            at, lambda plan: surplus.reverse_plan(self.session, plan, "多写一个零", by_county=True, **self.by()),
            self.model.reverses,
        )  # fmt: skip

    def share(self, year: int, terms: Terms) -> None:
        """The whole way of a plan."""
        before = len(self.model.plans)
        self.lay_open(year, terms)
        if len(self.model.plans) > before:
            self.wait(15)
            self.approve(before)
            self.book(before)

    def check(self) -> None:
        """Statements as in every walk; then what each plan tells, and the reserve in the books."""
        super().check()
        for at, told in enumerate(self.model.plans):
            plan = self.plan(at)
            assert (plan.year, plan.status.value) == (told.year, told.status)
            assert (plan.reserve_fen, plan.patronage_fen, plan.dividend_fen) == told.terms.pools()
            shares = self.session.scalars(select(SurplusShare).where(SurplusShare.plan_id == plan.id))
            assert {
                self.places[of.household_id]: (of.account_fen, of.patronage_fen, of.dividend_fen, of.reserve_fen)
                for of in shares
            } == {who: (told.accounts[who], *part) for who, part in told.parts.items()}
        kept = (
            select(Posting.amount_fen).join(Account, Account.id == Posting.account_id)
            .join(Journal, Journal.id == Posting.journal_id)
            .where(Account.party_id == self.firm.party_id, Account.kind == "reserve")
        )  # fmt: skip
        assert -sum(self.session.scalars(kept)) == self.model.reserve()


def walked(market: Flask, steps: list[tuple[object, ...]]) -> None:
    with market.app_context(), undone(market.extensions["sku"], A_DAY_IN_JULY) as season:
        walk = MembersWalk(season)
        # Two members with a year each: what a walk does next meets a plan more often.
        for name, *told in [("join", 1, date(2024, 6, 1), 3), *SOLD, *steps]:
            walk.step(str(name), *told)
        walk.check()


SOLD: list[tuple[object, ...]] = [
    ("sell", 0, date(2024, 12, 30), 100_000, 500), ("sell", 1, date(2025, 7, 1), 70_000, 333),
    ("sell", 0, date(2025, 7, 1), 120_000, 401),
]  # fmt: skip


@pytest.mark.timeout(3_600)
@WALKS
@given(st.lists(STEP, min_size=1, max_size=14))
def test_any_walk_of_members_and_plans_says_what_the_model_says(market: Flask, steps: list[tuple[object, ...]]) -> None:
    walked(market, steps)


TWO_YEARS = Terms(1_234_567, 50_001, 1_000, 6_667, 1_000, 777)


@pytest.mark.timeout(3_600)
@WALKS
# An earlier year is shared after a later one, and again once that is reversed.
@example([
    ("share", 2025, TWO_YEARS), ("share", 2024, TWO_YEARS), ("reverse", 0), ("share", 2024, TWO_YEARS), ("reverse", 1),
    ("leave", 1, date(2025, 12, 30)), ("share", 2024, TWO_YEARS), ("share", 2025, TWO_YEARS), ("reverse", 2),
    ("void_departure", 1), ("reverse", 3), ("void_departure", 1), ("share", 2025, TWO_YEARS),
])  # fmt: skip
# An earlier year is booked while a later one is laid open: its reserve moves the accounts that were laid open.
@example([
    ("lay_open", 2024, TWO_YEARS), ("share", 2025, TWO_YEARS), ("approve", 0), ("reverse", 1), ("approve", 0),
    ("lay_open", 2025, TWO_YEARS), ("book", 0), ("wait", 15), ("approve", 2), ("withdraw", 2),
    ("share", 2025, TWO_YEARS),
])  # fmt: skip
# Records merged after a booking move everybody's part of the aid, and free nobody of the year that was shared.
@example([
    ("join", 2, date(2025, 7, 1), 40), ("share", 2025, TWO_YEARS), ("merge", 2, 1), ("leave", 0, date(2025, 12, 30)),
    ("void_joining", 2), ("correct_joining", 1, None, 40), ("unmerge", 2), ("leave", 0, date(2025, 12, 31)),
    ("close", 3), ("reverse", 0), ("void_joining", 2), ("share", 2025, TWO_YEARS),
])  # fmt: skip
@given(st.lists(st.one_of(SHARE, SHARE, REVERSE, JOIN, LEAVE, PUT_RIGHT, MERGE, CLOSE), min_size=8, max_size=16))
def test_plans_are_booked_and_reversed_among_joinings_and_departures_that_are_put_right(
    market: Flask, steps: list[tuple[object, ...]]
) -> None:
    walked(market, steps)
