"""The county's own files: what they add up to, and that a second import adds nothing."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from shop.agreements.models import Agreement, AgreementLine, AgreementStatus, DueWeight
from shop.catalog.models import Firm, FirmStatus, PriceTier, Product, ProductStatus
from shop.channels.models import Partner, PartnerKind
from shop.farmers.models import Delivery, Household
from shop.imports.files import Count, ImportResult, import_directory
from shop.income.models import BaselineIncome, HouseholdPayment, IncomeEntry, PaymentKind, SurplusPlan, SurplusShare
from shop.kit.clock import WalkingClock
from shop.kit.db import db
from shop.kit.states import History
from shop.places.models import PlaceAlias, Township, TownshipKind, Village
from tests.conftest import fresh_app

PINGLU = Path(__file__).resolve().parents[2] / "data" / "pinglu"
NEW_YEAR = datetime(2025, 1, 1, tzinfo=UTC)
ROWS = {
    "townships.csv": 10, "villages.csv": 138, "firms.csv": 18, "products.csv": 79, "restrictions.csv": 3,
    "certificates.csv": 23, "buyers.csv": 24, "agreements.csv": 20, "households.csv": 240, "deliveries.csv": 2000,
    "household_payments.csv": 443, "firm_surplus.csv": 14, "baseline_income.csv": 240,
}  # fmt: skip


@pytest.fixture(scope="module")
def imported(urls: tuple[str, str], county_template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """The county, imported once for all tests that only look."""
    with fresh_app(urls, county_template, tmp_path_factory.mktemp("county"), WalkingClock(NEW_YEAR)) as app:
        yield app


@pytest.fixture
def county(imported: Flask) -> Iterator[Session]:
    """A session in the imported county; what a test does is undone."""
    with imported.app_context(), Session(db.engine) as session:
        yield session


def imported_again(session: Session) -> ImportResult:
    return import_directory(PINGLU, session=session, now=NEW_YEAR)


def test_agreements_are_kept_here_from_the_import_on_or_since_the_day_that_it_says(session: Session) -> None:
    """A year late: without another day what the schedules asked for in that year was kept on paper."""
    late = datetime(2026, 1, 1, tzinfo=UTC)
    whole = func.sum(AgreementLine.on_paper_g), func.sum(AgreementLine.committed_g)
    due = select(func.sum(DueWeight.weight_g)).where(DueWeight.due_on < date(2026, 1, 1))
    sums = []
    for since in (None, date(2025, 1, 1)):
        with session.begin_nested() as undone:
            assert import_directory(PINGLU, session=session, now=late, since=since).errors == []
            on_paper, committed = session.execute(select(*whole)).one()
            assert on_paper + session.scalar(select(func.sum(DueWeight.weight_g))) == committed
            sums.append((on_paper, session.scalar(due) or 0))
            undone.rollback()
    assert sums == [(sums[1][1], 0), (0, sums[0][0])]
    assert sums[0][0] > 0


def total(session: Session, amount: object, *where: object) -> int:
    return int(session.scalar(select(func.sum(amount)).where(*where)) or 0)  # type: ignore[arg-type]


def test_every_row_is_imported_and_every_fact_booked(session: Session) -> None:
    result = import_directory(PINGLU, session=session, now=NEW_YEAR)
    assert result.errors == []
    assert result.counts == {file: Count(rows, 0) for file, rows in ROWS.items()}
    members_with_surplus = session.scalar(select(func.count()).where(SurplusShare.patronage_fen > 0))
    assert result.booked["sale"] == 2000
    assert (result.booked["wage"], result.booked["land_rent"]) == (393, 50)
    assert result.booked["patronage"] == members_with_surplus
    assert session.scalar(select(func.count(IncomeEntry.id))) == sum(result.booked.values())


def test_a_second_import_changes_nothing(county: Session) -> None:
    tables = [row[0] for row in county.execute(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'"))]

    def contents() -> dict[str, str]:
        hashed = "SELECT md5(coalesce(string_agg(t::text, '' ORDER BY t::text), '')) FROM {} t"
        return {table: str(county.execute(text(hashed.format(table))).scalar()) for table in tables}

    before = contents()
    again = imported_again(county)
    assert again.errors == []
    assert again.counts == {file: Count(0, rows) for file, rows in ROWS.items()}
    assert set(again.booked.values()) == {0}
    assert contents() == before


def test_deliveries_add_up_to_the_figures_of_the_readme(county: Session) -> None:
    assert total(county, Delivery.weight_g) == 663_083_500
    assert total(county, Delivery.amount_fen) == 343_658_951
    assisted = select(Household.id).where(Household.is_assisted)
    assert total(county, Delivery.amount_fen, Delivery.household_id.in_(assisted)) == 94_644_140


def test_deliveries_add_up_in_each_of_the_nine_townships(county: Session) -> None:
    rows = county.execute(
        select(Township.code, func.sum(Delivery.amount_fen))
        .join(Village, Village.township_id == Township.id)
        .join(Household, Household.village_id == Village.id)
        .join(Delivery, Delivery.household_id == Household.id)
        .group_by(Township.code)
    )
    assert {code: int(fen) for code, fen in rows} == {
        "140829100": 61_381_664, "140829101": 41_298_485, "140829102": 36_909_474, "140829103": 19_119_610,
        "140829104": 38_131_713, "140829105": 39_091_156, "140829106": 41_852_027, "140829107": 42_915_482,
        "140829201": 22_959_340,
    }  # fmt: skip


def test_the_income_entries_of_produce_are_the_deliveries_to_the_fen(county: Session) -> None:
    rows = county.execute(select(IncomeEntry.kind, func.sum(IncomeEntry.amount_fen)).group_by(IncomeEntry.kind))
    by_kind = {kind.value: int(fen) for kind, fen in rows}
    assert by_kind["sale"] == 343_658_951
    assert by_kind["wage"] == 49_216_000
    assert by_kind["land_rent"] == 6_193_722
    assert by_kind["patronage"] == total(county, SurplusPlan.patronage_fen)
    assert by_kind["dividend"] == total(county, SurplusPlan.dividend_fen)


def test_payments_and_the_baseline_add_up_to_the_figures_of_the_readme(county: Session) -> None:
    assert total(county, HouseholdPayment.amount_fen, HouseholdPayment.kind == PaymentKind.WAGE) == 49_216_000
    assert total(county, HouseholdPayment.amount_fen, HouseholdPayment.kind == PaymentKind.LAND_RENT) == 6_193_722
    assert total(county, BaselineIncome.total_fen) == 1_008_205_560
    assert total(county, Household.persons) == 805


def plan_of(session: Session, firm: str) -> SurplusPlan:
    return session.execute(
        select(SurplusPlan).join(Firm, Firm.id == SurplusPlan.firm_id).where(Firm.code == firm)
    ).scalar_one()


def test_the_surplus_of_f03_comes_out_as_worked_in_the_readme(county: Session) -> None:
    plan = plan_of(county, "F03")
    assert plan.surplus_fen - plan.prior_loss_fen == 1_490_920
    assert (plan.reserve_fen, plan.distributable_fen) == (149_092, 1_341_828)
    assert (plan.patronage_fen, plan.dividend_fen) == (872_189, 469_639)
    shares = {
        code: (patronage, dividend)
        for code, patronage, dividend in county.execute(
            select(Household.code, SurplusShare.patronage_fen, SurplusShare.dividend_fen)
            .join(Household, Household.id == SurplusShare.household_id)
            .where(SurplusShare.plan_id == plan.id)
        )
    }
    assert shares["农户-0003"] == (113_988, 57_942)
    assert shares["农户-0037"] == (107_384, 48_794)
    assert sum(patronage + dividend for patronage, dividend in shares.values()) == 1_341_828


def test_the_surplus_of_f02_comes_out_as_worked_and_f05_has_nothing_to_share(county: Session) -> None:
    plan = plan_of(county, "F02")
    assert (plan.reserve_fen, plan.distributable_fen) == (177_089, 1_593_799)
    assert (plan.patronage_fen, plan.dividend_fen) == (1_115_660, 478_139)
    empty = plan_of(county, "F05")
    assert (empty.reserve_fen, empty.distributable_fen) == (0, 0)
    assert county.scalar(select(func.count()).where(SurplusShare.plan_id == empty.id)) == 0


def test_there_are_nine_townships_and_133_villages_and_the_misprints_mean_four_of_them(county: Session) -> None:
    real = Township.kind != TownshipKind.COMMUNITY_AREA
    assert county.scalar(select(func.count(Township.id)).where(real)) == 9
    assert county.scalar(select(func.count(Village.id)).where(Village.kind == "village")) == 133
    rows = county.execute(
        select(PlaceAlias.alias, Township.name_zh, Village.short_zh)
        .outerjoin(Township, Township.id == PlaceAlias.township_id)
        .outerjoin(Village, Village.id == PlaceAlias.village_id)
    )
    assert {alias: town or village for alias, town, village in rows} == {
        "邵官镇": "部官镇", "姜人洞镇": "圣人涧镇", "凤口村": "风口村", "常乐镇村": "常乐村",
    }  # fmt: skip


def test_firms_come_admitted_and_products_listed_with_the_way_there_in_their_history(county: Session) -> None:
    assert {firm.status for firm in county.scalars(select(Firm))} == {FirmStatus.ADMITTED}
    assert {product.status for product in county.scalars(select(Product))} == {ProductStatus.LISTED}
    events = county.execute(
        select(History.entity_type, History.event, func.count())
        .where(History.entity_type.in_(["firms", "products"]))
        .group_by(History.entity_type, History.event)
    )
    assert {(entity, event): count for entity, event, count in events} == {
        ("firms", "apply"): 18, ("firms", "admit"): 18, ("products", "draft"): 79, ("products", "submit"): 79,
        ("products", "approve"): 79, ("products", "restrict"): 3,
    }  # fmt: skip


def test_medicinal_materials_are_no_food_and_a_claimed_mark_is_only_claimed(county: Session) -> None:
    not_food = county.scalars(select(Product.sku).where(Product.is_food.is_(False)).order_by(Product.sku)).all()
    assert not_food == ["PL058", "PL059", "PL060"]
    claimed = county.scalars(select(Product.sku).where(Product.gi_claimed)).all()
    assert len(claimed) == 2
    held = "SELECT count(*) FROM certificates WHERE kind = 'gi_mark'"
    assert county.execute(text(held)).scalar() == 0


def test_prices_come_as_one_list_from_the_first_day_of_the_year(county: Session) -> None:
    rows = county.execute(
        select(PriceTier.valid_from, PriceTier.valid_until, PriceTier.min_quantity, PriceTier.price_fen)
        .join(Product, Product.id == PriceTier.product_id)
        .where(Product.sku == "PL001")
        .order_by(PriceTier.min_quantity)
    )
    first = date(2025, 1, 1)
    assert [tuple(row) for row in rows] == [
        (first, None, 1, 3980), (first, None, 10, 3780), (first, None, 50, 3580), (first, None, 200, 3380),
    ]  # fmt: skip


def test_a_unit_that_signed_an_agreement_is_partner_twice_and_one_party(county: Session) -> None:
    partners = {partner.code: partner for partner in county.scalars(select(Partner))}
    assert {code for code in partners if code.endswith("-E")} == {"B12-E", "B13-E", "B14-E", "B16-E", "B18-E", "B21-E"}
    assert partners["B12"].kind is PartnerKind.UNIT
    assert partners["B12-E"].kind is PartnerKind.ENTERPRISE
    assert partners["B12"].party_id == partners["B12-E"].party_id
    assert partners["B01"].kind is PartnerKind.ENTERPRISE
    assert len(partners) == 24 + 6


def test_agreements_come_signed_and_their_schedules_ask_for_exactly_what_is_promised(county: Session) -> None:
    assert {agreement.status for agreement in county.scalars(select(Agreement))} == {AgreementStatus.SIGNED}
    # On the first day of the term, or today where that is still to come.
    assert set(county.scalars(select(Agreement.signed_on))) == {NEW_YEAR.date()}
    rows = county.execute(
        select(Agreement.code, AgreementLine.committed_g, func.sum(DueWeight.weight_g))
        .join(AgreementLine, AgreementLine.agreement_id == Agreement.id)
        .join(DueWeight, DueWeight.line_id == AgreementLine.id)
        .group_by(Agreement.code, AgreementLine.committed_g)
    )
    promised = {code: (committed, due) for code, committed, due in rows}
    assert len(promised) == 20
    assert promised["A001"] == (9_700_000, 9_700_000)
    assert all(committed == due for committed, due in promised.values())


def test_the_books_balance_after_the_import(county: Session) -> None:
    county.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))
    assert county.execute(text("SELECT sum(amount_fen) FROM postings")).scalar() == 0
