"""Tables of income entries, payments to households, baselines, surplus plans and sales reached."""

from datetime import date
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    Computed,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from shop.kit.db import Model, one_of
from shop.kit.types import Bp, Code, Fen, Grams, Id, Instant, Prose, Ref, Small


class IncomeKind(StrEnum):
    """What an entry is. Category of the statistics office in `CATEGORY_OF`."""

    SALE = "sale"  # produce delivered, gross of costs
    PATRONAGE = "patronage"  # 交易量返还
    WAGE = "wage"
    LAND_RENT = "land_rent"
    DIVIDEND = "dividend"  # 按股分红
    SUBSIDY = "subsidy"


class Category(StrEnum):
    """The four kinds of disposable income (National Bureau of Statistics)."""

    WAGE = "wage"
    BUSINESS = "business"
    PROPERTY = "property"
    TRANSFER = "transfer"


CATEGORY_OF: dict[IncomeKind, Category] = {
    IncomeKind.SALE: Category.BUSINESS,
    IncomeKind.PATRONAGE: Category.BUSINESS,
    IncomeKind.WAGE: Category.WAGE,
    IncomeKind.LAND_RENT: Category.PROPERTY,
    IncomeKind.DIVIDEND: Category.PROPERTY,
    IncomeKind.SUBSIDY: Category.TRANSFER,
}


class PaymentKind(StrEnum):
    """Payments to a household other than for produce."""

    WAGE = "wage"
    LAND_RENT = "land_rent"
    SUBSIDY = "subsidy"


class HouseholdPayment(Model):
    """A wage or a land rent that a firm paid to a household, or a subsidy out of public money, which no firm paid.

    `source`: under which programme a subsidy is paid, or the list a payment stands in.
    """

    __tablename__ = "household_payments"
    __table_args__ = (
        one_of("kind", PaymentKind),
        CheckConstraint("amount_fen > 0", name="pays_something"),
        CheckConstraint("(kind = 'subsidy') = (firm_id IS NULL)", name="firms_pay_no_subsidy"),
        CheckConstraint("kind <> 'subsidy' OR source IS NOT NULL", name="subsidy_has_a_source"),
    )

    id: Mapped[Id]
    code: Mapped[Code] = mapped_column(unique=True)
    household_id: Mapped[Ref] = mapped_column(ForeignKey("households.id"))
    firm_id: Mapped[Ref | None] = mapped_column(ForeignKey("firms.id"))
    kind: Mapped[PaymentKind]
    paid_on: Mapped[date]
    amount_fen: Mapped[Fen]
    source: Mapped[Prose | None]
    recorded_at: Mapped[Instant]


class _Correction:
    """What a record should have said and what that changes, in fen; zero = it was void. Append-only, the last holds."""

    id: Mapped[Id]
    position: Mapped[Small]
    amount_fen: Mapped[Fen]
    change_fen: Mapped[Fen]
    reason: Mapped[Prose]
    recorded_by_id: Mapped[Ref | None]
    recorded_at: Mapped[Instant]


def _corrects(column: str) -> tuple[Any, ...]:
    """Corrections of the record in `column` follow on each other, and each changes something."""
    return (
        UniqueConstraint(column, "position"),
        CheckConstraint("position > 0", name="position_counted"),
        CheckConstraint("amount_fen >= 0", name="not_negative"),
        CheckConstraint("change_fen <> 0", name="changes_something"),
    )


class PaymentCorrection(_Correction, Model):
    """What a wage, rent or subsidy should have said. The payment stays as it was."""

    __tablename__ = "payment_corrections"
    __table_args__ = _corrects("payment_id")

    payment_id: Mapped[Ref] = mapped_column(ForeignKey("household_payments.id"))


class BaselineIncome(Model):
    """A household's net income of a whole year before, by category."""

    __tablename__ = "baseline_incomes"
    __table_args__ = (
        CheckConstraint(
            "total_fen = wage_fen + business_net_fen + property_net_fen + transfer_net_fen", name="total_adds_up"
        ),
        CheckConstraint("year BETWEEN 2000 AND 2100", name="year_in_range"),
    )

    household_id: Mapped[Ref] = mapped_column(ForeignKey("households.id"), primary_key=True)
    year: Mapped[Small] = mapped_column(primary_key=True)
    wage_fen: Mapped[Fen]
    business_net_fen: Mapped[Fen]
    property_net_fen: Mapped[Fen]
    transfer_net_fen: Mapped[Fen]
    total_fen: Mapped[Fen]


class PlanStatus(StrEnum):
    """Where a surplus plan stands. Only a booked one is income."""

    DRAFT = "draft"
    OPEN = "open"  # laid open to the members
    APPROVED = "approved"  # by the members' meeting
    BOOKED = "booked"
    WITHDRAWN = "withdrawn"
    REVERSED = "reversed"  # booked, and taken back


#: Beside a plan that is one of these its year has another one.
UNDONE = (PlanStatus.WITHDRAWN, PlanStatus.REVERSED)


class SurplusPlan(Model):
    """A co-operative's sharing of one year's surplus (Farmers' Professional Co-operatives Law, arts 42 to 44).

    Losses first, then the reserve, then at least 60 % by members' transactions, the rest by capital accounts. A year
    has one plan that is neither withdrawn nor reversed. `historical`: came with the county's files, shared before this
    system was there. `share_value_fen`: what one capital share was paid in with; zero = accounts are compared by shares
    alone. `aid_fen`: state aid and gifts in the fund, which art. 44 counts to all members' accounts in equal parts.
    """

    __tablename__ = "surplus_plans"
    __table_args__ = (
        one_of("status", PlanStatus),
        Index(
            "uq_surplus_plans_standing",
            "firm_id",
            "year",
            unique=True,
            postgresql_where=text("status NOT IN ('withdrawn', 'reversed')"),
        ),
        CheckConstraint("surplus_fen >= 0 AND prior_loss_fen >= 0", name="inputs_not_negative"),
        CheckConstraint("share_value_fen >= 0 AND aid_fen >= 0", name="accounts_not_negative"),
        CheckConstraint("return_bp BETWEEN 6000 AND 10000", name="return_lawful"),
        CheckConstraint("reserve_bp BETWEEN 0 AND 10000", name="reserve_in_range"),
        CheckConstraint("distributable_fen = patronage_fen + dividend_fen", name="pools_add_up"),
        CheckConstraint("patronage_fen * 10000 >= distributable_fen * 6000", name="patronage_floor"),
        CheckConstraint(
            "historical OR status NOT IN ('approved', 'booked', 'reversed') OR (met_on >= laid_open_on + 15) IS TRUE",
            name="laid_open_long_enough",
        ),
        CheckConstraint("status <> 'open' OR laid_open_on IS NOT NULL", name="open_since_a_day"),
        CheckConstraint("(status IN ('booked', 'reversed')) = (booked_on IS NOT NULL)", name="booked_on_a_day"),
    )

    id: Mapped[Id]
    code: Mapped[Code] = mapped_column(unique=True)
    firm_id: Mapped[Ref] = mapped_column(ForeignKey("firms.id"))
    year: Mapped[Small]
    status: Mapped[PlanStatus]
    historical: Mapped[bool]
    surplus_fen: Mapped[Fen]
    prior_loss_fen: Mapped[Fen]
    reserve_bp: Mapped[Bp]
    return_bp: Mapped[Bp]
    share_value_fen: Mapped[Fen]
    aid_fen: Mapped[Fen]
    reserve_fen: Mapped[Fen]
    distributable_fen: Mapped[Fen]
    patronage_fen: Mapped[Fen]
    dividend_fen: Mapped[Fen]
    laid_open_on: Mapped[date | None]
    met_on: Mapped[date | None]
    minutes: Mapped[Prose | None]
    booked_on: Mapped[date | None]
    recorded_at: Mapped[Instant]


class SurplusShare(Model):
    """A member household's part of a plan, fixed when the plan is laid open; the reserve is credited to its account."""

    __tablename__ = "surplus_shares"
    __table_args__ = (
        UniqueConstraint("plan_id", "household_id"),
        CheckConstraint("patronage_fen >= 0 AND dividend_fen >= 0 AND reserve_fen >= 0", name="not_negative"),
    )

    id: Mapped[Id]
    plan_id: Mapped[Ref] = mapped_column(ForeignKey("surplus_plans.id"))
    household_id: Mapped[Ref] = mapped_column(ForeignKey("households.id"))
    delivered_fen: Mapped[Fen]
    account_fen: Mapped[Fen]
    patronage_fen: Mapped[Fen]
    dividend_fen: Mapped[Fen]
    reserve_fen: Mapped[Fen]


class SurplusObjection(Model):
    """What a member said against a plan that was laid open. Append-only."""

    __tablename__ = "surplus_objections"
    __table_args__ = (UniqueConstraint("plan_id", "position"),)

    id: Mapped[Id]
    plan_id: Mapped[Ref] = mapped_column(ForeignKey("surplus_plans.id"))
    household_id: Mapped[Ref] = mapped_column(ForeignKey("households.id"))
    position: Mapped[Small]
    words: Mapped[Prose]
    raised_on: Mapped[date]
    recorded_by_id: Mapped[Ref | None]
    recorded_at: Mapped[Instant]


class SurplusAnswer(Model):
    """What the co-operative answered to an objection, once. Append-only."""

    __tablename__ = "surplus_answers"

    objection_id: Mapped[Ref] = mapped_column(ForeignKey("surplus_objections.id"), primary_key=True)
    words: Mapped[Prose]
    recorded_by_id: Mapped[Ref | None]
    recorded_at: Mapped[Instant]


class GuaranteeContract(Model):
    """保底收益+二次分红: land put in for a guaranteed amount a year, and a part of the profit on top.

    A debt of the firm whatever the year brought; `second_bp` of what may be distributed, by land. Whole years, both
    included, as they were signed: see `GuaranteeEnding`. `document`: where the signed contract is kept.
    """

    __tablename__ = "guarantee_contracts"
    __table_args__ = (
        CheckConstraint("guaranteed_fen_per_mu > 0", name="guarantees_something"),
        CheckConstraint("second_bp BETWEEN 0 AND 10000", name="second_in_range"),
        CheckConstraint("from_year BETWEEN 2000 AND to_year AND to_year <= 2100", name="years_in_range"),
        Index(None, "firm_id"),
    )

    id: Mapped[Id]
    code: Mapped[Code] = mapped_column(unique=True)
    firm_id: Mapped[Ref] = mapped_column(ForeignKey("firms.id"))
    guaranteed_fen_per_mu: Mapped[Fen]
    second_bp: Mapped[Bp]
    from_year: Mapped[Small]
    to_year: Mapped[Small]
    signed_on: Mapped[date]
    document: Mapped[Prose]
    recorded_at: Mapped[Instant]


class GuaranteeLand(Model):
    """A household's land in a contract, in tenths of a mu. Append-only: other land is another contract."""

    __tablename__ = "guarantee_lands"
    __table_args__ = (CheckConstraint("mu_tenths > 0", name="has_land"), Index(None, "household_id"))

    contract_id: Mapped[Ref] = mapped_column(ForeignKey("guarantee_contracts.id"), primary_key=True)
    household_id: Mapped[Ref] = mapped_column(ForeignKey("households.id"), primary_key=True)
    mu_tenths: Mapped[int]


class GuaranteeKind(StrEnum):
    """What a contract pays: the guarantee, and the part of the profit on top of it."""

    GUARANTEED = "guaranteed"
    SECOND = "second"


#: What each is for the household: property income, for the land that it put in.
GUARANTEED_AS: dict[GuaranteeKind, IncomeKind] = {
    GuaranteeKind.GUARANTEED: IncomeKind.LAND_RENT,
    GuaranteeKind.SECOND: IncomeKind.DIVIDEND,
}


class GuaranteePayment(Model):
    """What a contract paid to a household for a year, once of each kind: what was void is paid anew. Append-only.

    `position`: which payment of that year and kind. The next one is paid after the one before, which it `follows`, was
    made void, and at no other time.
    """

    __tablename__ = "guarantee_payments"
    __table_args__ = (
        one_of("kind", GuaranteeKind),
        UniqueConstraint(
            "contract_id", "household_id", "year", "kind", "position", name="uq_guarantee_payments_position"
        ),
        ForeignKeyConstraint(
            ["contract_id", "household_id"], ["guarantee_lands.contract_id", "guarantee_lands.household_id"]
        ),
        ForeignKeyConstraint(
            ["contract_id", "year", "kind", "follows"],
            [f"guarantee_voids.{column}" for column in ("contract_id", "year", "kind", "position")],
        ),
        CheckConstraint("amount_fen > 0", name="pays_something"),
        CheckConstraint("position > 0", name="position_counted"),
    )

    id: Mapped[Id]
    contract_id: Mapped[Ref] = mapped_column(ForeignKey("guarantee_contracts.id"))
    household_id: Mapped[Ref] = mapped_column(ForeignKey("households.id"))
    year: Mapped[Small]
    kind: Mapped[GuaranteeKind]
    position: Mapped[Small] = mapped_column(server_default="1")
    follows: Mapped[Small | None] = mapped_column(Computed("nullif(position, 1) - 1", persisted=True))
    distributable_fen: Mapped[Fen]
    amount_fen: Mapped[Fen]
    paid_on: Mapped[date]
    recorded_at: Mapped[Instant]


class GuaranteeVoid(Model):
    """A payment of a contract and year, to all its households, that should not have been. It stays. Append-only.

    An entry takes back what each household had: its source is this table and the id of the household's payment.
    """

    __tablename__ = "guarantee_voids"
    __table_args__ = (one_of("kind", GuaranteeKind), CheckConstraint("position > 0", name="position_counted"))

    contract_id: Mapped[Ref] = mapped_column(ForeignKey("guarantee_contracts.id"), primary_key=True)
    year: Mapped[Small] = mapped_column(primary_key=True)
    kind: Mapped[GuaranteeKind] = mapped_column(primary_key=True)
    position: Mapped[Small] = mapped_column(primary_key=True)
    reason: Mapped[Prose]
    by_county: Mapped[bool]
    recorded_by_id: Mapped[Ref | None]
    recorded_at: Mapped[Instant]


class GuaranteeEnding(Model):
    """Until when a contract really runs: both sides ended it early, or it was void. Append-only, the last one holds.

    `last_year`: years after it are neither owed nor hold land; zero = the contract was keyed wrong and is void, for
    good. `document`: where the paper is kept by which both sides agreed on the end.
    """

    __tablename__ = "guarantee_endings"
    __table_args__ = (
        CheckConstraint("position > 0", name="position_counted"),
        CheckConstraint("last_year = 0 OR last_year BETWEEN 1999 AND 2100", name="year_in_range"),
        CheckConstraint("(last_year = 0) = (document IS NULL)", name="void_or_agreed"),
    )

    contract_id: Mapped[Ref] = mapped_column(ForeignKey("guarantee_contracts.id"), primary_key=True)
    position: Mapped[Small] = mapped_column(primary_key=True)
    last_year: Mapped[Small]
    document: Mapped[Prose | None]
    reason: Mapped[Prose]
    by_county: Mapped[bool]
    recorded_by_id: Mapped[Ref | None]
    recorded_at: Mapped[Instant]


#: The day on which an entry counts, in SQL: the one it was earned on, or the first of the month that took it late.
COUNTED_ON = "greatest(earned_on, month)"


class IncomeEntry(Model):
    """One event of a household's income. Append-only; a correction is a new entry that names the one it corrects."""

    __tablename__ = "income_entries"
    __table_args__ = (
        one_of("kind", IncomeKind),
        one_of("category", Category),
        UniqueConstraint("source_type", "source_id", "kind"),
        CheckConstraint("extract(day FROM month) = 1", name="month_first_day"),
        CheckConstraint("amount_fen <> 0", name="amount_not_zero"),
        CheckConstraint("(kind = 'subsidy') = (firm_id IS NULL)", name="firms_pay_no_subsidy"),
        # All that the rollup reads of an entry stands in the index: a key's entries lie in one page of it.
        Index(
            None,
            "month",
            "household_id",
            postgresql_include=["firm_id", "product_id", "kind", "weight_g", "amount_fen"],
        ),
        Index(None, "household_id", "earned_on"),
        # The corrections of an entry; the entries that correct nothing, nearly all, do not stand in it.
        Index(None, "corrects_id", postgresql_where=text("corrects_id IS NOT NULL")),
        # The days of `income_days`, counted from the index alone.
        Index(
            "ix_income_entries_counted",
            text(COUNTED_ON),
            "firm_id",
            postgresql_include=["month", "household_id", "amount_fen", "earned_on"],
        ),
    )

    id: Mapped[Id]
    household_id: Mapped[Ref] = mapped_column(ForeignKey("households.id"))
    firm_id: Mapped[Ref | None] = mapped_column(ForeignKey("firms.id"))
    product_id: Mapped[Ref | None] = mapped_column(ForeignKey("products.id"))
    kind: Mapped[IncomeKind]
    category: Mapped[Category]
    earned_on: Mapped[date]
    month: Mapped[date]
    weight_g: Mapped[Grams]
    amount_fen: Mapped[Fen]
    source_type: Mapped[Code]
    source_id: Mapped[Ref]
    journal_id: Mapped[Ref] = mapped_column(ForeignKey("journals.id"))
    corrects_id: Mapped[Ref | None] = mapped_column(ForeignKey("income_entries.id"))


class CostBasis(StrEnum):
    """What a rate is for."""

    KG = "kg"
    MU = "mu"


class CostRate(Model):
    """What growing a product costs, from a day on: fen a kg delivered, or fen a mu and year. Append-only.

    `source`: the survey or document that says so. `replaces_id`: the void rate of the same day in whose place it
    stands: a day has one rate at a time.
    """

    __tablename__ = "cost_rates"
    __table_args__ = (
        one_of("basis", CostBasis),
        UniqueConstraint("product_id", "basis", "valid_from", "replaces_id", postgresql_nulls_not_distinct=True),
        CheckConstraint("rate_fen > 0", name="costs_something"),
    )

    id: Mapped[Id]
    product_id: Mapped[Ref] = mapped_column(ForeignKey("products.id"))
    basis: Mapped[CostBasis]
    rate_fen: Mapped[Fen]
    valid_from: Mapped[date]
    source: Mapped[Prose]
    replaces_id: Mapped[Ref | None] = mapped_column(ForeignKey("cost_rate_voids.rate_id", use_alter=True))
    recorded_by_id: Mapped[Ref | None]
    recorded_at: Mapped[Instant]


class CostRateVoid(Model):
    """A cost rate that was keyed wrong, and why: it stays as it was and counts nothing, for good. Append-only."""

    __tablename__ = "cost_rate_voids"

    rate_id: Mapped[Ref] = mapped_column(ForeignKey("cost_rates.id"), primary_key=True)
    reason: Mapped[Prose]
    recorded_by_id: Mapped[Ref | None]
    recorded_at: Mapped[Instant]


class CostKind(StrEnum):
    """What a recorded cost is, as the survey of households asks."""

    AREA = "area"  # all costs of a product, by its area
    MATERIALS = "materials"
    HIRED_LABOUR = "hired_labour"
    MACHINERY = "machinery"
    DEPRECIATION = "depreciation"
    PRODUCTION_TAX = "production_tax"
    OTHER = "other"


class CostRecord(Model):
    """What a household spent in a year: entered, or its area times a rate; it goes before rates a kg. Append-only.

    Without a product it is a cost of the whole holding (depreciation, tax) and takes no rate's place.
    """

    __tablename__ = "cost_records"
    __table_args__ = (
        one_of("kind", CostKind),
        CheckConstraint("amount_fen > 0", name="costs_something"),
        CheckConstraint(
            "(kind = 'area') = (rate_id IS NOT NULL) AND (kind = 'area') = (mu_tenths IS NOT NULL)"
            " AND (kind <> 'area' OR product_id IS NOT NULL)",
            name="area_by_rate",
        ),
        CheckConstraint("extract(year FROM incurred_on) = year", name="in_its_year"),
        Index(None, "household_id", "product_id", "year"),
    )

    id: Mapped[Id]
    code: Mapped[Code] = mapped_column(unique=True)
    household_id: Mapped[Ref] = mapped_column(ForeignKey("households.id"))
    product_id: Mapped[Ref | None] = mapped_column(ForeignKey("products.id"))
    kind: Mapped[CostKind]
    year: Mapped[Small]
    incurred_on: Mapped[date]
    mu_tenths: Mapped[int | None]
    rate_id: Mapped[Ref | None] = mapped_column(ForeignKey("cost_rates.id"))
    amount_fen: Mapped[Fen]
    source: Mapped[Prose]
    recorded_by_id: Mapped[Ref | None]
    recorded_at: Mapped[Instant]


class CostCorrection(_Correction, Model):
    """What a cost record should have said. The record stays as it was.

    An area has no other amount than its rate times its mu: it is voided and recorded anew.
    """

    __tablename__ = "cost_corrections"
    __table_args__ = _corrects("record_id")

    record_id: Mapped[Ref] = mapped_column(ForeignKey("cost_records.id"))


class CostLine(Model):
    """One event of a household's costs. Append-only. Net business income = what is covered - costs.

    Of a sale: its rate times its weight, or zero where a record of the year tells the costs; `covers_fen` is the sale
    whose costs are known by it. When the last record of the year is void, a sale's next line uncovers it, and the one
    after that may cover it anew: the lines of a sale are counted by `position`, from 0. Of a record or the correction
    of one: its amount. What a record takes the place of is taken back by a line that names it (`corrects_id`).
    """

    __tablename__ = "cost_lines"
    __table_args__ = (
        CheckConstraint("num_nonnulls(income_entry_id, record_id, correction_id, corrects_id) = 1", name="one_origin"),
        CheckConstraint("covers_fen = 0 OR income_entry_id IS NOT NULL", name="covers_a_sale"),
        CheckConstraint("extract(day FROM month) = 1", name="month_first_day"),
        UniqueConstraint("income_entry_id", "position"),
        UniqueConstraint("record_id"),
        UniqueConstraint("correction_id"),
        UniqueConstraint("corrects_id"),
        Index(None, "month", "household_id"),
        Index(None, "household_id", "product_id"),
    )

    id: Mapped[Id]
    household_id: Mapped[Ref] = mapped_column(ForeignKey("households.id"))
    firm_id: Mapped[Ref | None] = mapped_column(ForeignKey("firms.id"))
    product_id: Mapped[Ref | None] = mapped_column(ForeignKey("products.id"))
    incurred_on: Mapped[date]
    month: Mapped[date]
    amount_fen: Mapped[Fen]
    covers_fen: Mapped[Fen]
    income_entry_id: Mapped[Ref | None] = mapped_column(ForeignKey("income_entries.id"))
    position: Mapped[Small] = mapped_column(server_default="0")
    rate_id: Mapped[Ref | None] = mapped_column(ForeignKey("cost_rates.id"))
    record_id: Mapped[Ref | None] = mapped_column(ForeignKey("cost_records.id"))
    correction_id: Mapped[Ref | None] = mapped_column(ForeignKey("cost_corrections.id"))
    corrects_id: Mapped[Ref | None] = mapped_column(ForeignKey("cost_lines.id"))


class ClosedMonth(Model):
    """A month whose statements were made. It and every month before it take no entry any more."""

    __tablename__ = "closed_months"
    __table_args__ = (CheckConstraint("extract(day FROM month) = 1", name="month_first_day"),)

    month: Mapped[date] = mapped_column(primary_key=True)
    closed_at: Mapped[Instant]
    closed_by_id: Mapped[Ref | None]
    households: Mapped[int]
    entries: Mapped[int]
    amount_fen: Mapped[Fen]


class MonthlyStatement(Model):
    """What a record of a household was told for a closed month, by category of the statistics office. Append-only."""

    __tablename__ = "monthly_statements"

    month: Mapped[date] = mapped_column(ForeignKey("closed_months.month"), primary_key=True)
    household_id: Mapped[Ref] = mapped_column(ForeignKey("households.id"), primary_key=True)
    entries: Mapped[int]
    wage_fen: Mapped[Fen]
    business_gross_fen: Mapped[Fen]
    property_fen: Mapped[Fen]
    transfer_fen: Mapped[Fen]


class ClosedFamily(Model):
    """For whom a record counted when a month was closed: its statement stays so, whatever is merged or undone later.

    Append-only. A record without a row counted for itself.
    """

    __tablename__ = "closed_families"
    __table_args__ = (
        CheckConstraint("household_id <> counts_for_id", name="two_records"),
        Index(None, "counts_for_id"),
    )

    month: Mapped[date] = mapped_column(ForeignKey("closed_months.month"), primary_key=True)
    household_id: Mapped[Ref] = mapped_column(ForeignKey("households.id"), primary_key=True)
    counts_for_id: Mapped[Ref] = mapped_column(ForeignKey("households.id"))


class SalesReach(Model):
    """What part of a settled line reached which household: by lot picked, in the lot by value delivered.

    Adds up exactly to the goods part of the settlement for lots made of deliveries. Never income: shown beside it.
    """

    __tablename__ = "sales_reach"
    __table_args__ = (
        UniqueConstraint("settlement_id", "order_line_id", "lot_id", "household_id"),
        Index(None, "month", "household_id"),
        Index(None, "order_line_id"),
    )

    id: Mapped[Id]
    settlement_id: Mapped[Ref] = mapped_column(ForeignKey("settlements.id"))
    order_line_id: Mapped[Ref] = mapped_column(ForeignKey("order_lines.id"))
    lot_id: Mapped[Ref] = mapped_column(ForeignKey("lots.id"))
    household_id: Mapped[Ref] = mapped_column(ForeignKey("households.id"))
    firm_id: Mapped[Ref] = mapped_column(ForeignKey("firms.id"))
    product_id: Mapped[Ref] = mapped_column(ForeignKey("products.id"))
    channel_id: Mapped[Ref] = mapped_column(ForeignKey("channels.id"))
    month: Mapped[date]
    weight_g: Mapped[Grams]
    amount_fen: Mapped[Fen]
    recorded_at: Mapped[Instant]
