"""The files of a county, column by column. A row holds parsed values: fen, grams, basis points, codes of places.

`problems()` says what contradicts within a row; what contradicts other rows is in `checks.py`.
"""
# ruff: noqa: RUF009  `column()` declares a dataclass field: called once, on purpose

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from shop.agreements.models import PriceRule
from shop.agreements.schedule import parse
from shop.catalog.models import CO_OPERATIVES, Category, FirmKind, PaperKind
from shop.channels.buyers import BuyerKind
from shop.farmers.models import Grade, Relation
from shop.imports import cells
from shop.imports.table import Problem, Row, Sheet, column
from shop.income.models import PaymentKind
from shop.kit.money import price_of, yuan
from shop.kit.schemas import MAX_FEN
from shop.places.gazetteer import COUNTY_CODE
from shop.places.models import TownshipKind, VillageKind

#: Members get at least 60 % of the distributable surplus by their transactions (co-operative law, art. 44).
LAWFUL_RETURN_PERCENT = 60
#: A deposit above 20 % of the contract has no effect as a deposit (Civil Code, art. 586).
LAWFUL_DEPOSIT_PERCENT = 20
#: Courts cut penalties above about 30 %.
HIGHEST_PENALTY_PERCENT = 30
#: Public bodies and large enterprises pay small ones within 60 days at most (State Council Decree 802).
LONGEST_TERM_DAYS = 60


@dataclass(frozen=True)
class TownshipRow(Row):
    """A township, or the area of the urban communities."""

    code: str = column(cells.digits(9), key=True)
    name_zh: str = column(cells.text(), header="name")
    kind: TownshipKind = column(cells.one_of(TownshipKind))

    def problems(self) -> Iterator[Problem]:
        """It lies in the county."""
        if not self.code.startswith(COUNTY_CODE):
            yield "code", f"不是本县代码（{COUNTY_CODE}）", f"is not of this county ({COUNTY_CODE})"


@dataclass(frozen=True)
class VillageRow(Row):
    """A village or an urban community."""

    code: str = column(cells.digits(12), key=True)
    name_zh: str = column(cells.text(), header="name")
    township_code: str = column(place="township")
    short_zh: str = column(cells.text(), header="short_name")
    kind: VillageKind = column(cells.one_of(VillageKind))

    def problems(self) -> Iterator[Problem]:
        """Its code begins with its township's."""
        if not self.code.startswith(self.township_code):
            yield "township_code", "村代码与乡镇代码不符", "does not agree with the village's code"


@dataclass(frozen=True)
class FirmRow(Row):
    """A seller; shares of surplus in basis points where it is a co-operative or collective."""

    code: str = column(cells.code, key=True)
    name_zh: str = column(cells.text())
    kind: FirmKind = column(cells.one_of(FirmKind))
    township_code: str = column(place="township")
    village_code: str = column(place="village")
    member_return_bp: int | None = column(
        cells.blank_or(cells.percent(LAWFUL_RETURN_PERCENT, 100)), header="member_return_pct"
    )
    reserve_bp: int | None = column(cells.blank_or(cells.percent(0, 100)), header="reserve_pct")

    def problems(self) -> Iterator[Problem]:
        """Only co-operatives share a surplus, and they must say how; the village lies in the township."""
        shares = self.kind in CO_OPERATIVES
        for name, value in (("member_return_pct", self.member_return_bp), ("reserve_pct", self.reserve_bp)):
            if shares != (value is not None):
                yield (
                    name,
                    "合作社和集体必填，其他企业须留空",
                    "is for co-operatives and collectives, and for them only",
                )
        if not self.village_code.startswith(self.township_code):
            yield "village_code", "该村不在所填乡镇", "is a village of another township"


@dataclass(frozen=True)
class ProductRow(Row):
    """A SKU: one pack of one firm. `bulk_tiers`: (from packs, fen per pack)."""

    sku: str = column(cells.code, key=True)
    name_zh: str = column(cells.text())
    name_en: str = column(cells.text())
    category: Category = column(cells.one_of(Category))
    firm_code: str = column(cells.code)
    origin_village_code: str = column(place="village")
    spec_zh: str = column(cells.text())
    net_weight_g: int = column(cells.whole(1, 1_000_000))
    unit_zh: str = column(cells.text(8), header="unit")
    retail_price_fen: int = column(cells.fen_above_zero)
    bulk_tiers: tuple[tuple[int, int], ...] = column(cells.tiers)
    farm_gate_fen_per_kg: int | None = column(cells.blank_or(cells.fen_above_zero), header="farm_gate_price_fen_per_kg")
    harvest_start_month: int = column(cells.whole(1, 12))
    harvest_end_month: int = column(cells.whole(1, 12))
    shelf_life_days: int = column(cells.whole(1, 3_650))
    storage_zh: str = column(cells.text(), header="storage")
    is_fresh: bool = column(cells.yes_no)
    certification: frozenset[str] = column(cells.papers)
    evidence: str = column(cells.text(), compare=False)

    def problems(self) -> Iterator[Problem]:
        """Buying more is cheaper, from the first tier on."""
        if self.bulk_tiers and self.bulk_tiers[0][1] >= self.retail_price_fen:
            yield "bulk_tiers", "阶梯价须低于零售价", "must be below the retail price"


@dataclass(frozen=True)
class RestrictionRow(Row):
    """A product that may be sold to some buyers only: medicinal materials are no food."""

    sku: str = column(cells.code, key=True)
    restriction: str = column(cells.text(40))
    reason: str = column(cells.text(400), compare=False)

    def problems(self) -> Iterator[Problem]:
        """The one restriction there is."""
        if self.restriction != MEDICINAL_MATERIAL:
            yield "restriction", f"须为 {MEDICINAL_MATERIAL}", f"must be {MEDICINAL_MATERIAL}"


MEDICINAL_MATERIAL = "medicinal_material"


@dataclass(frozen=True)
class CertificateRow(Row):
    """A licence or mark of a product that the county has seen on `verified_on`; empty: only claimed."""

    sku: str = column(cells.code, key=True)
    kind: PaperKind = column(cells.one_of(PaperKind), key=True)
    number: str = column(cells.code, key=True)
    issued_on: date = column(cells.day)
    expires_on: date = column(cells.day)
    verified_on: date | None = column(cells.blank_or(cells.day))

    def problems(self) -> Iterator[Problem]:
        """It ends after it began, and was seen after it was issued."""
        if self.expires_on < self.issued_on:
            yield "expires_on", "早于发证日期", "is before the day of issue"
        if self.verified_on is not None and self.verified_on < self.issued_on:
            yield "verified_on", "早于发证日期", "is before the day of issue"


@dataclass(frozen=True)
class BuyerRow(Row):
    """A supermarket, enterprise, unit, school, hospital or wholesaler, and its payment term in days."""

    code: str = column(cells.code, key=True)
    name_zh: str = column(cells.text())
    kind: BuyerKind = column(cells.one_of(BuyerKind))
    region: str = column(cells.text())
    payment_term_days: int = column(cells.whole(0, LONGEST_TERM_DAYS))


@dataclass(frozen=True)
class AgreementRow(Row):
    """A signed purchase agreement about one product, in grams over the whole term."""

    code: str = column(cells.code, key=True)
    buyer_code: str = column(cells.code)
    firm_code: str = column(cells.code)
    sku: str = column(cells.code)
    starts_on: date = column(cells.day, header="start")
    ends_on: date = column(cells.day, header="end")
    committed_g: int = column(cells.kg, header="committed_kg")
    floor_fen_per_kg: int = column(cells.fen_per_kg, header="floor_price_fen_per_kg")
    price_rule: tuple[PriceRule, int] = column(cells.price_rule)
    deposit_bp: int = column(cells.percent(0, LAWFUL_DEPOSIT_PERCENT), header="deposit_pct")
    penalty_bp: int = column(cells.percent(0, HIGHEST_PENALTY_PERCENT), header="penalty_pct")
    schedule: str = column(cells.schedule)

    def problems(self) -> Iterator[Problem]:
        """The term ends after it began, a single delivery lies in it, it is worth no more than an amount may be."""
        if self.ends_on < self.starts_on:
            yield "end", "早于开始日期", "is before the start"
        once = parse(self.schedule).on
        if once is not None and not self.starts_on <= once <= self.ends_on:
            yield "schedule", "单次交货日不在期限内", "names a single delivery outside the term"
        if price_of(self.committed_g, self.floor_fen_per_kg) > MAX_FEN:
            yield "committed_kg", f"价值超过 {yuan(MAX_FEN)} 元", f"is worth more than {yuan(MAX_FEN)} yuan"


@dataclass(frozen=True)
class HouseholdRow(Row):
    """A household by pseudonym, its relation to one firm, its land in tenths of a mu."""

    code: str = column(cells.code, key=True)
    village_code: str = column(place="village")
    firm_code: str = column(cells.code)
    relation: Relation = column(cells.one_of(Relation))
    share_units: int = column(cells.whole(0, 1_000_000))
    land_mu_tenths: int = column(cells.mu, header="land_mu")
    leased_out_mu_tenths: int = column(cells.mu, header="land_leased_out_mu")
    persons: int = column(cells.whole(1, 30))
    is_assisted: bool = column(cells.yes_no)

    def problems(self) -> Iterator[Problem]:
        """It leases out its own land, and only members hold shares."""
        if self.leased_out_mu_tenths > self.land_mu_tenths:
            yield "land_leased_out_mu", "多于承包地面积", "is more than the land it has"
        if self.relation is Relation.CONTRACT and self.share_units:
            yield "share_units", "订单农户没有股份", "must be 0 for a contract grower"


@dataclass(frozen=True)
class DeliveryRow(Row):
    """A delivery slip."""

    code: str = column(cells.code, key=True)
    delivered_on: date = column(cells.day, header="date")
    household_code: str = column(cells.code)
    firm_code: str = column(cells.code)
    sku: str = column(cells.code)
    weight_g: int = column(cells.kg, header="kg")
    grade: Grade = column(cells.one_of(Grade))
    price_fen_per_kg: int = column(cells.fen_per_kg)
    amount_fen: int = column(cells.fen)

    def problems(self) -> Iterator[Problem]:
        """The amount is weight times price, half up."""
        due_fen = price_of(self.weight_g, self.price_fen_per_kg)
        if not due_fen:
            yield "amount_fen", "重量×单价不足一分", "is nothing: kg x price is less than half a fen"
        elif self.amount_fen != due_fen:
            yield "amount_fen", f"应为 {due_fen}（重量×单价，四舍五入）", f"must be {due_fen} (kg x price, half up)"


@dataclass(frozen=True)
class PaymentRow(Row):
    """A wage or land rent paid to a household."""

    code: str = column(cells.code, key=True)
    paid_on: date = column(cells.day, header="date")
    household_code: str = column(cells.code)
    firm_code: str = column(cells.code)
    kind: PaymentKind = column(cells.one_of(PaymentKind))
    amount_fen: int = column(cells.fen_above_zero)


@dataclass(frozen=True)
class SurplusRow(Row):
    """A co-operative's surplus of a year and how its members' meeting shares it."""

    firm_code: str = column(cells.code, key=True)
    year: int = column(cells.whole(2000, 2100), key=True)
    surplus_fen: int = column(cells.fen)
    prior_loss_fen: int = column(cells.fen)
    reserve_bp: int = column(cells.percent(0, 100), header="reserve_pct")
    member_return_bp: int = column(cells.percent(LAWFUL_RETURN_PERCENT, 100), header="member_return_pct")


@dataclass(frozen=True)
class BaselineRow(Row):
    """A household's net income of an earlier year, by the four kinds of the statistics office."""

    household_code: str = column(cells.code, key=True)
    year: int = column(cells.whole(2000, 2100), key=True)
    wage_fen: int = column(cells.fen)
    business_net_fen: int = column(cells.fen)
    property_net_fen: int = column(cells.fen)
    transfer_net_fen: int = column(cells.fen)
    total_fen: int = column(cells.fen)

    def problems(self) -> Iterator[Problem]:
        """The total is the sum."""
        added_fen = self.wage_fen + self.business_net_fen + self.property_net_fen + self.transfer_net_fen
        if self.total_fen != added_fen:
            yield "total_fen", f"应为四项之和 {added_fen}", f"must be the sum of the four, {added_fen}"


TOWNSHIPS = Sheet("townships.csv", TownshipRow)
VILLAGES = Sheet("villages.csv", VillageRow)
FIRMS = Sheet("firms.csv", FirmRow)
PRODUCTS = Sheet("products.csv", ProductRow)
RESTRICTIONS = Sheet("restrictions.csv", RestrictionRow)
CERTIFICATES = Sheet("certificates.csv", CertificateRow)
BUYERS = Sheet("buyers.csv", BuyerRow)
AGREEMENTS = Sheet("agreements.csv", AgreementRow)
HOUSEHOLDS = Sheet("households.csv", HouseholdRow)
DELIVERIES = Sheet("deliveries.csv", DeliveryRow)
PAYMENTS = Sheet("household_payments.csv", PaymentRow)
SURPLUS = Sheet("firm_surplus.csv", SurplusRow)
BASELINES = Sheet("baseline_income.csv", BaselineRow)

#: All files, in the order in which they refer to one another.
ALL: tuple[Sheet[Any], ...] = (
    TOWNSHIPS, VILLAGES, FIRMS, PRODUCTS, RESTRICTIONS, CERTIFICATES, BUYERS, AGREEMENTS, HOUSEHOLDS, DELIVERIES,
    PAYMENTS, SURPLUS, BASELINES,
)  # fmt: skip
