"""The surplus of the county's own co-operatives, as their law shares it: the worked figures of the data, to the fen."""

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import IntegrityError

from shop.access.models import Party
from shop.catalog.models import Firm
from shop.farmers.models import Household
from shop.income.actions import book_pending
from shop.income.models import IncomeEntry, IncomeKind, SurplusPlan, SurplusShare
from shop.ledger.actions import account, balance
from shop.ledger.models import AccountKind
from tests.factories.sales import Season


def plan(season: Season, firm: str) -> SurplusPlan:
    return season.session.execute(
        select(SurplusPlan).join(Firm, Firm.id == SurplusPlan.firm_id).where(Firm.code == firm)
    ).scalar_one()


def part(season: Season, plan_id: int, household: str) -> tuple[int, int]:
    row = season.session.execute(
        select(SurplusShare.patronage_fen, SurplusShare.dividend_fen)
        .join(Household, Household.id == SurplusShare.household_id)
        .where(SurplusShare.plan_id == plan_id, Household.code == household)
    ).one()
    return row[0], row[1]


@pytest.mark.parametrize(
    ("firm", "surplus", "loss", "reserve", "to_share", "by_transactions", "by_shares"),
    [
        ("F03", 1_840_920, 350_000, 149_092, 1_341_828, 872_189, 469_639),
        ("F02", 1_770_888, 0, 177_089, 1_593_799, 1_115_660, 478_139),
        ("F05", 0, 0, 0, 0, 0, 0),
    ],
)
def test_a_plan_comes_to_the_worked_figures(
    season: Season,
    firm: str,
    surplus: int,
    loss: int,
    reserve: int,
    to_share: int,
    by_transactions: int,
    by_shares: int,
) -> None:
    made = plan(season, firm)
    assert (made.surplus_fen, made.prior_loss_fen, made.reserve_fen) == (surplus, loss, reserve)
    assert (made.distributable_fen, made.patronage_fen, made.dividend_fen) == (to_share, by_transactions, by_shares)
    patronage, dividend = season.session.execute(
        select(
            func.coalesce(func.sum(SurplusShare.patronage_fen), 0),
            func.coalesce(func.sum(SurplusShare.dividend_fen), 0),
        ).where(SurplusShare.plan_id == made.id)
    ).one()
    assert (patronage, dividend) == (by_transactions, by_shares)


def test_a_member_gets_his_worked_part_and_it_is_his_income(season: Season) -> None:
    made = plan(season, "F03")
    assert part(season, made.id, "农户-0003") == (113_988, 57_942)
    assert part(season, made.id, "农户-0037") == (107_384, 48_794)
    income = season.session.execute(
        select(IncomeEntry.kind, IncomeEntry.category, IncomeEntry.amount_fen)
        .join(Household, Household.id == IncomeEntry.household_id)
        .where(Household.code == "农户-0003", IncomeEntry.source_type == "surplus_shares")
        .order_by(IncomeEntry.amount_fen)
    )
    assert [(kind.value, category.value, fen) for kind, category, fen in income] == [
        ("dividend", "property", 57_942), ("patronage", "business", 113_988),
    ]  # fmt: skip


def test_contract_growers_are_no_members_and_get_nothing(season: Season) -> None:
    got = season.session.scalar(
        text(
            "SELECT count(*) FROM surplus_shares JOIN surplus_plans ON surplus_plans.id = plan_id"
            " JOIN memberships USING (household_id, firm_id) WHERE relation <> 'member'"
        )
    )
    assert got == 0
    assert season.session.execute(select(func.count()).select_from(SurplusShare)).scalar_one() > 0


def test_the_reserve_is_booked_once_for_each_co_operative(season: Season) -> None:
    made = plan(season, "F03")
    party_id = season.session.execute(select(Firm.party_id).where(Firm.id == made.firm_id)).scalar_one()
    assert season.session.get_one(Party, party_id).code == "F03"
    reserve = account(season.session, AccountKind.RESERVE, party_id)
    assert balance(season.session, reserve) == -149_092
    assert set(book_pending(season.session, now=season.now).values()) == {0}
    assert balance(season.session, reserve) == -149_092


def test_what_a_firm_spends_is_what_its_households_and_its_reserve_got(season: Season) -> None:
    spent, got = season.session.execute(
        text(
            "SELECT sum(amount_fen) FILTER (WHERE kind = 'firm_costs'),"
            " -sum(amount_fen) FILTER (WHERE kind IN ('household', 'reserve'))"
            " FROM postings JOIN accounts ON accounts.id = account_id"
        )
    ).one()
    assert spent == got
    by_kind = dict(
        season.session.execute(
            select(IncomeEntry.kind, func.sum(IncomeEntry.amount_fen)).group_by(IncomeEntry.kind)
        ).all()
    )
    assert by_kind[IncomeKind.SALE] == 343_658_951
    assert by_kind[IncomeKind.WAGE] == 49_216_000
    assert by_kind[IncomeKind.LAND_RENT] == 6_193_722
    reserves = season.session.scalar(select(func.sum(SurplusPlan.reserve_fen)))
    assert got == sum(by_kind.values()) + int(reserves or 0)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ("return_bp = 5999", "return_lawful"),
        ("patronage_fen = patronage_fen - 100000, dividend_fen = dividend_fen + 100000", "patronage_floor"),
        ("dividend_fen = dividend_fen + 1", "pools_add_up"),
        ("prior_loss_fen = -1", "inputs_not_negative"),
    ],
)
def test_the_database_itself_refuses_a_plan_against_the_law(season: Season, change: str, why: str) -> None:
    made = plan(season, "F01")  # returns exactly the 60 % of the law
    with pytest.raises(IntegrityError, match=why), season.session.begin_nested():
        season.session.execute(text(f"UPDATE surplus_plans SET {change} WHERE id = :id"), {"id": made.id})
