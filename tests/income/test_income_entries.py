"""What a household received: an entry for each slip, wage, rent and share, once; a correction is a counter entry."""

from datetime import date

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import IntegrityError

from shop.access.guard import Actor, Grant
from shop.access.models import PartyKind, Role
from shop.farmers.models import Delivery, Household
from shop.income.actions import book_events, book_pending
from shop.income.corrections import correct_slip, locked_slip
from shop.income.errors import NothingToCorrect
from shop.income.models import BaselineIncome, HouseholdPayment, IncomeEntry, IncomeKind
from shop.income.queries import deliveries, statement
from shop.kit.errors import NotFoundError
from shop.ledger.actions import account, balance
from shop.ledger.models import AccountKind
from tests.factories.sales import Season

OPERATOR = Actor(1, (Grant(Role.OPERATOR, 0, PartyKind.COUNTY),))
YEAR = (date(2025, 1, 1), date(2025, 12, 1))


def party_of(season: Season, code: str) -> int:
    return season.session.execute(select(Household.party_id).where(Household.code == code)).scalar_one()


def owed(season: Season, code: str) -> int:
    """Fen that the ledger owes a household."""
    return -balance(season.session, account(season.session, AccountKind.HOUSEHOLD, party_of(season, code)))


def a_slip(season: Season) -> Delivery:
    return season.session.execute(
        select(Delivery).where(Delivery.delivered_on == date(2025, 7, 15)).order_by(Delivery.id).limit(1)
    ).scalar_one()


def sums(season: Season, sql: str) -> list[tuple[object, ...]]:
    return [tuple(row) for row in season.session.execute(text(sql))]


@pytest.mark.parametrize(
    ("kind", "source", "fen"),
    [
        (IncomeKind.SALE, "deliveries", 343_658_951),
        (IncomeKind.WAGE, "household_payments WHERE kind = 'wage'", 49_216_000),
        (IncomeKind.LAND_RENT, "household_payments WHERE kind = 'land_rent'", 6_193_722),
    ],
)
def test_g11_every_event_of_the_county_s_data_is_an_entry_of_its_own(
    season: Season, kind: IncomeKind, source: str, fen: int
) -> None:
    [facts] = sums(season, f"SELECT count(*), sum(amount_fen) FROM {source}")
    [entries] = sums(season, f"SELECT count(*), sum(amount_fen) FROM income_entries WHERE kind = '{kind.value}'")
    assert entries == facts
    assert entries[1] == fen


def test_booking_again_books_nothing_and_a_new_event_books_itself(season: Season) -> None:
    assert set(book_pending(season.session, now=season.now).values()) == {0}
    slip = a_slip(season)
    household = season.session.get_one(Household, slip.household_id)
    before = owed(season, household.code)
    wage = HouseholdPayment(
        code="W9999", household_id=household.id, firm_id=slip.firm_id, kind="wage", paid_on=date(2025, 7, 14),
        amount_fen=12_345, recorded_at=season.now,
    )  # fmt: skip
    season.session.add(wage)
    season.session.flush()
    assert book_events(season.session, "household_payments", [wage.id], now=season.now) == 1
    assert book_events(season.session, "household_payments", [wage.id], now=season.now) == 0
    assert {kind: n for kind, n in book_pending(season.session, now=season.now).items() if n} == {}
    assert owed(season, household.code) == before + 12_345
    [entry] = season.session.scalars(
        select(IncomeEntry).where(IncomeEntry.source_type == "household_payments", IncomeEntry.source_id == wage.id)
    )
    assert (entry.kind.value, entry.category.value, entry.amount_fen) == ("wage", "wage", 12_345)
    assert (entry.earned_on, entry.month) == (date(2025, 7, 14), date(2025, 7, 1))


def test_t36_a_corrected_slip_stays_and_a_counter_entry_names_it(season: Season) -> None:
    slip = a_slip(season)
    household = season.session.get_one(Household, slip.household_id)
    was, before = (slip.weight_g, slip.price_fen_per_kg, slip.amount_fen), owed(season, household.code)
    [first] = season.session.scalars(
        select(IncomeEntry).where(IncomeEntry.source_type == "deliveries", IncomeEntry.source_id == slip.id)
    )
    [made] = correct_slip(
        season.session, locked_slip(season.session, slip.code), 0, slip.price_fen_per_kg, "重复登记", actor_id=None,
        now=season.now,
    )  # fmt: skip
    season.session.refresh(slip)
    assert (slip.weight_g, slip.price_fen_per_kg, slip.amount_fen) == was
    [counter] = season.session.scalars(select(IncomeEntry).where(IncomeEntry.corrects_id == first.id))
    assert (counter.amount_fen, counter.weight_g) == (-first.amount_fen, -first.weight_g)
    assert (counter.source_type, counter.source_id) == ("delivery_corrections", made.id)
    assert owed(season, household.code) == before - was[2]
    with pytest.raises(NothingToCorrect):
        correct_slip(season.session, slip, 0, slip.price_fen_per_kg, "又一次", actor_id=None, now=season.now)
    assert owed(season, household.code) == before - was[2]


@pytest.mark.parametrize("change", ["UPDATE income_entries SET amount_fen = 1", "DELETE FROM income_entries"])
def test_t36_an_entry_is_never_changed_or_deleted(season: Season, change: str) -> None:
    with pytest.raises(IntegrityError, match="append-only"), season.session.begin_nested():
        season.session.execute(text(change))


def test_a_statement_is_its_entries_and_shows_sales_beside_them_never_in_them(season: Season) -> None:
    slip = a_slip(season)
    code = season.session.get_one(Household, slip.household_id).code
    plain = statement(season.session, OPERATOR, code, *YEAR)
    facts = season.session.execute(
        select(IncomeEntry.kind, func.sum(IncomeEntry.amount_fen))
        .where(IncomeEntry.household_id == slip.household_id, IncomeEntry.month.between(*YEAR))
        .group_by(IncomeEntry.kind)
    ).all()
    assert {row["kind"]: row["amount_fen"] for row in plain["by_kind"]} == {kind.value: int(fen) for kind, fen in facts}
    assert (
        plain["received_fen"] == sum(entry["amount_fen"] for entry in plain["entries"]) == sum(int(f) for _, f in facts)
    )
    season.settled(season.paid("HOST"))
    sold = statement(season.session, OPERATOR, code, *YEAR)
    assert (sold["received_fen"], sold["entries"]) == (plain["received_fen"], plain["entries"])


def test_the_sales_that_a_household_reached_stand_by_channel_and_add_up_over_households(season: Season) -> None:
    for way in ("SHOP", "HOST", "CADRE"):
        season.settled(season.paid(way))
    season.settled(season.approved("UNIT", 2))
    households = season.session.scalars(
        text("SELECT DISTINCT households.code FROM sales_reach JOIN households ON households.id = household_id")
    ).all()
    total: dict[str, int] = {}
    for code in households:
        told = statement(season.session, OPERATOR, code, date(2025, 7, 1), date(2025, 7, 1))
        for row in told["sales_reached"]:
            total[row["channel"]] = total.get(row["channel"], 0) + row["amount_fen"]
    assert total == {"platform": 7_960, "livestream": 6_000, "cadre": 7_960, "unit": 7_960}


def test_t48_a_statement_is_there_for_the_household_its_managers_and_the_operator_alone(season: Season) -> None:
    mine, other = "农户-0001", "农户-0002"
    own = Actor(1, (Grant(Role.HOUSEHOLD, party_of(season, mine), PartyKind.HOUSEHOLD),))
    assert statement(season.session, own, mine, *YEAR)["household"] == mine
    firm = Actor(1, (Grant(Role.FIRM_STAFF, party_of(season, mine), PartyKind.FIRM),))
    for actor, code in ((own, other), (own, "农户-9999"), (firm, mine), (Actor(None), mine)):
        with pytest.raises(NotFoundError) as refused:
            statement(season.session, actor, code, *YEAR)
        assert refused.value.facts == {"what": code}


def test_slips_are_listed_newest_first_and_only_to_whom_they_concern(season: Season) -> None:
    code = season.session.get_one(Household, a_slip(season).household_id).code
    own = Actor(1, (Grant(Role.HOUSEHOLD, party_of(season, code), PartyKind.HOUSEHOLD),))
    every = deliveries(season.session, own, limit=1_000)
    assert {slip["household"] for slip in every} == {code}
    assert [slip["id"] for slip in every] == sorted((slip["id"] for slip in every), reverse=True)
    assert every == deliveries(season.session, OPERATOR, limit=1_000, household=code)
    page = deliveries(season.session, own, limit=2)
    assert page + deliveries(season.session, own, limit=1_000, before_id=page[-1]["id"]) == every
    assert deliveries(season.session, Actor(None), limit=10) == []
    in_lots = season.session.execute(text("SELECT count(*) FROM lot_deliveries")).scalar_one()
    assert len(deliveries(season.session, OPERATOR, limit=3_000, unlotted=True)) == 2_000 - in_lots


def test_the_list_shows_a_corrected_slip_as_written_and_as_it_stands(season: Season) -> None:
    slip = a_slip(season)
    code = season.session.get_one(Household, slip.household_id).code
    own = Actor(1, (Grant(Role.HOUSEHOLD, party_of(season, code), PartyKind.HOUSEHOLD),))

    def told() -> tuple[object, ...]:
        [row] = [row for row in deliveries(season.session, own, limit=1_000) if row["code"] == slip.code]
        assert (row["weight_g"], row["amount_fen"]) == (slip.weight_g, slip.amount_fen)
        return row["standing_weight_g"], row["standing_amount_fen"], row["void"], row["corrected_because"]

    assert told() == (slip.weight_g, slip.amount_fen, False, None)
    for weight_g, why in ((10_000, "多记一位"), (0, "重复登记")):
        price = slip.price_fen_per_kg
        correct_slip(season.session, slip, weight_g, price, why, actor_id=None, now=season.now)
        assert told() == (weight_g, weight_g // 1_000 * price, not weight_g, why)


def test_the_year_before_is_kept_by_category_and_adds_up(season: Season) -> None:
    total, parts = season.session.execute(
        select(
            func.sum(BaselineIncome.total_fen),
            func.sum(
                BaselineIncome.wage_fen + BaselineIncome.business_net_fen + BaselineIncome.property_net_fen
                + BaselineIncome.transfer_net_fen
            ),
        )
    ).one()  # fmt: skip
    assert total == parts == 1_008_205_560
