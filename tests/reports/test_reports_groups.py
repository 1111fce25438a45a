"""Income by group of households: by the days each was in it, a family once, who is assisted told in no row."""

from datetime import UTC, date, datetime

import pytest
from flask import Flask
from sqlalchemy import select, text

from shop.access.guard import Actor, Grant
from shop.access.models import PartyKind, Role
from shop.catalog.models import Firm
from shop.farmers.families import locked_households, merge
from shop.farmers.models import Delivery, Household, HouseholdGroup
from shop.farmers.ties import add_group, tie, untie
from shop.income.models import IncomeEntry
from shop.kit.clock import WalkingClock
from shop.kit.db import db, transaction
from shop.kit.errors import ForbiddenError
from shop.reports import rollups
from shop.reports.explain import Measure, explain_income
from shop.reports.income_report import IncomeBy, Months, income_report
from shop.reports.models import Rollup

OPERATOR = Actor(None, (Grant(Role.OPERATOR, 0, PartyKind.COUNTY),))
NOW = datetime(2026, 3, 1, tzinfo=UTC)
SPAN = Months(date(2025, 5, 1), date(2025, 7, 1))


@pytest.fixture
def groups(county: Flask, clock: WalkingClock) -> list[str]:
    """Group G1: three households since May, one of which left in June; group G2: one of them since July."""
    now = clock.now()
    with transaction() as session:
        made = [add_group(session, f"G{n}", f"{n}组（示例）", actor_id=None, now=now) for n in (1, 2)]
        codes = list(
            session.scalars(
                select(Household.code)
                .join(Delivery, Delivery.household_id == Household.id)
                .where(Delivery.delivered_on.between(date(2025, 7, 1), date(2025, 7, 15)))
                .group_by(Household.code)
                .order_by(Household.code)
                .limit(3)
            )
        )
        homes = locked_households(session, *codes)
        for home in homes:
            tie(session, home, made[0], date(2025, 5, 20), actor_id=None, now=now)
        untie(session, homes[2], made[0], date(2025, 6, 30), "迁出", actor_id=None, now=now)
        tie(session, homes[0], made[1], date(2025, 7, 2), actor_id=None, now=now)
        for rollup in (Rollup.INCOME, Rollup.REACH, Rollup.COSTS):
            rollups.rebuild(session, rollup)
    return codes


def report(months: Months = SPAN) -> dict[str, tuple[int, int, int | None]]:
    """(cash, households, assisted) by group."""
    found = income_report(db.session(), OPERATOR, IncomeBy.GROUP, months, "zh", limit=100, after=None)
    return {row["key"]: (row["cash_fen"], row["households"], row["assisted_households"]) for row in found["items"]}


def received(codes: list[str], first: date, last: date) -> int:
    """Fen of the entries of households in months, by an independent sum over the facts."""
    rows = db.session.execute(
        select(IncomeEntry.amount_fen, IncomeEntry.month)
        .join(Household, Household.id == IncomeEntry.household_id)
        .where(Household.code.in_(codes))
    )
    return sum(fen for fen, month in rows if first <= month <= last)


def test_a_household_counts_in_a_group_for_the_months_in_which_it_was_in_it(groups: list[str]) -> None:
    stayed, left = groups[:2], groups[2:]
    may, june, july = (date(2025, month, 1) for month in (5, 6, 7))
    found = report()
    assert found["G1"][0] == received(stayed, may, july) + received(left, may, june)
    assert found["G2"][:2] == (received(groups[:1], july, july), 1)
    assert report(Months(july, july))["G1"][:2] == (received(stayed, july, july), 2)
    assert "G2" not in report(Months(may, june))


def test_groups_share_households_so_none_says_how_many_are_assisted(groups: list[str]) -> None:
    with transaction() as session:
        session.execute(
            text("INSERT INTO closed_months (month, closed_at, households, entries, amount_fen)"
                 " VALUES ('2025-12-01', now(), 0, 0, 0)")
        )  # fmt: skip
    found = report(Months(date(2025, 1, 1), date(2025, 12, 1)))
    assert set(found) >= {"G1", "G2"}
    assert {assisted for _, _, assisted in found.values()} == {None}


def test_two_records_of_a_family_in_one_group_count_once(groups: list[str], clock: WalkingClock) -> None:
    before = report()["G1"]
    with transaction() as session:
        one, other = locked_households(session, groups[0], groups[1])
        merge(session, one, other, "同一户", actor_id=None, now=clock.now())
    after = report()["G1"]
    assert after[0] == before[0]
    assert after[1] == before[1] - 1


def test_the_rows_behind_a_group_add_up_to_its_figure(groups: list[str]) -> None:
    for code, (fen, households, _) in report().items():
        why = explain_income(
            db.session(),
            OPERATOR,
            IncomeBy.GROUP,
            code,
            SPAN,
            Measure.CASH,
            None,
            None,
            now=NOW,
            limit=1_000,
            before_id=None,
        )
        assert (why["total_fen"], why["households"]) == (fen, households)
        assert sum(row["amount_fen"] for row in why["items"]) == fen


def test_no_firm_reads_who_is_in_which_group(groups: list[str]) -> None:
    firm = db.session.execute(select(Firm.party_id).limit(1)).scalar_one()
    staff = Actor(None, (Grant(Role.FIRM_STAFF, firm, PartyKind.FIRM),))
    with pytest.raises(ForbiddenError):
        income_report(db.session(), staff, IncomeBy.GROUP, SPAN, "zh", limit=9, after=None)
    with pytest.raises(ForbiddenError):
        explain_income(
            db.session(), staff, IncomeBy.GROUP, "G1", SPAN, Measure.CASH, None, None, now=NOW, limit=9, before_id=None
        )
    assert db.session.scalar(select(HouseholdGroup.id).where(HouseholdGroup.code == "G1")) is not None
