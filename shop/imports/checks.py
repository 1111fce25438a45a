"""What contradicts other rows, of the same upload or recorded before: references, harvest windows, one county.

A reference to a row that is itself in error is not reported again.
"""

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from typing import Any

from shop.agreements.schedule import ever_due, parse
from shop.catalog.models import CO_OPERATIVES
from shop.catalog.season import in_harvest, sellable
from shop.channels.buyers import feeds_people
from shop.farmers.models import Relation
from shop.imports import sheets
from shop.imports.table import Key, Problem, R, Read, RowError, Sheet
from shop.places import misprints
from shop.places.gazetteer import TOWNSHIPS_IN_COUNTY
from shop.places.models import TownshipKind


@dataclass
class Book:
    """All files of an upload, and what is recorded already."""

    read: dict[str, Read[Any]] = field(default_factory=dict)
    known: dict[str, dict[Key, Any]] = field(default_factory=dict)
    #: First and last days on which recorded households were of a firm, by household and firm.
    relations: dict[tuple[str, str], list[tuple[date, date]]] = field(default_factory=dict)
    #: Plans by which the firms of new members shared a surplus, by the firm's code.
    shared: dict[str, list[str]] = field(default_factory=dict)

    def rows(self, sheet: Sheet[R]) -> dict[Key, R]:
        """The good rows of the upload."""
        return self.read[sheet.file].rows if sheet.file in self.read else {}

    def recorded(self, sheet: Sheet[R]) -> dict[Key, R]:
        """The rows recorded before."""
        return self.known.get(sheet.file, {})

    def find(self, sheet: Sheet[R], *key: object) -> R | None:
        """A row, recorded before or in this upload."""
        return self.recorded(sheet).get(key) or self.rows(sheet).get(key)

    def mentions(self, sheet: Sheet[R], *key: object) -> bool:
        """Whether the upload has such a row, good or bad."""
        return sheet.file in self.read and key in self.read[sheet.file].lines

    def spells(self, household: sheets.HouseholdRow, firm_code: str) -> list[tuple[date, date]]:
        """When a household was of a firm; one that the upload brings is of its firm since ever."""
        if self.recorded(sheets.HOUSEHOLDS).get((household.code,)) is not None:
            return self.relations.get((household.code, firm_code), [])
        return [(date.min, date.max)] if household.firm_code == firm_code else []

    def new(self, sheet: Sheet[R]) -> list[R]:
        """The rows that the upload adds, in the order of the file."""
        return [row for key, row in self.rows(sheet).items() if key not in self.recorded(sheet)]


def contradictions(sheet: Sheet[Any], book: Book) -> Iterator[RowError]:
    """Every good row of a file against what is recorded under its key, and against the rows it refers to."""
    check = _CHECKS.get(sheet.file)
    for key, row in book.rows(sheet).items():
        line = book.read[sheet.file].lines[key]
        recorded = book.recorded(sheet).get(key)
        if recorded is not None:
            for name in sheet.differing(row, recorded):
                yield RowError(
                    sheet.file,
                    line,
                    name,
                    "与已登记的内容不同，导入只增不改",
                    "differs from what is recorded; an import never edits",
                )
        elif check is not None:
            for problem in check(row, book):
                yield RowError(sheet.file, line, *problem)


def _refer(book: Book, sheet: Sheet[R], column: str, code: str) -> Generator[Problem, None, R | None]:
    """The row that `code` refers to; says so when there is none."""
    found = book.find(sheet, code)
    if found is None and not book.mentions(sheet, code):
        yield column, f"没有 {code}", f"there is no {code}"
    return found


def _township(row: sheets.TownshipRow, book: Book) -> Iterator[Problem]:
    if row.name_zh in misprints.TOWNSHIPS:
        yield "name", "是误写的乡镇名", "is a misprinted name of a township"
    everyone = {**book.recorded(sheets.TOWNSHIPS), **book.rows(sheets.TOWNSHIPS)}.values()
    if any(other.name_zh == row.name_zh and other.code != row.code for other in everyone):
        yield "name", "与另一乡镇同名", "is the name of another township"
    counted = [other.code for other in everyone if other.kind is not TownshipKind.COMMUNITY_AREA]
    if row.code in counted[TOWNSHIPS_IN_COUNTY:]:
        yield "code", f"全县只有 {TOWNSHIPS_IN_COUNTY} 个乡镇", f"the county has {TOWNSHIPS_IN_COUNTY} townships"


def _product(row: sheets.ProductRow, book: Book) -> Iterator[Problem]:
    yield from _refer(book, sheets.FIRMS, "firm_code", row.firm_code)


def _of_product(row: sheets.RestrictionRow | sheets.CertificateRow, book: Book) -> Iterator[Problem]:
    yield from _refer(book, sheets.PRODUCTS, "sku", row.sku)


def _agreement(row: sheets.AgreementRow, book: Book) -> Iterator[Problem]:
    buyer = yield from _refer(book, sheets.BUYERS, "buyer_code", row.buyer_code)
    yield from _refer(book, sheets.FIRMS, "firm_code", row.firm_code)
    product = yield from _refer(book, sheets.PRODUCTS, "sku", row.sku)
    if product and product.firm_code != row.firm_code:
        yield "sku", "不是该企业的商品", "is not a product of this firm"
    if product and not _ever_due(row, product):
        yield "schedule", "期限内没有一天在产季", "names no day of the term in the season"
    if buyer and feeds_people(buyer.kind) and book.find(sheets.RESTRICTIONS, row.sku):
        yield "sku", "药材不得供应食堂", "is a medicinal material, which no canteen may buy"


def _ever_due(row: sheets.AgreementRow, product: sheets.ProductRow) -> bool:
    season = product.harvest_start_month, product.harvest_end_month, product.shelf_life_days
    return ever_due(parse(row.schedule), row.starts_on, row.ends_on, partial(sellable, *season))


def _household(row: sheets.HouseholdRow, book: Book) -> Iterator[Problem]:
    firm = yield from _refer(book, sheets.FIRMS, "firm_code", row.firm_code)
    member = row.relation is Relation.MEMBER
    if firm and member != (firm.kind in CO_OPERATIVES):
        yield (
            "relation",
            "合作社和集体的农户为社员，其他企业的为订单农户",
            "is member in co-operatives, contract elsewhere",
        )
    if member and (plans := book.shared.get(row.firm_code)):
        yield (
            "firm_code",
            f"该社已按盈余方案 {'、'.join(plans)} 分配，名册中的社员视同一直在社；请单独登记该农户并登记加入日期",
            f"shared a surplus by {', '.join(plans)}, and a member of the files was there since ever: record the"
            " household by itself and let it join on a day",
        )


def _related(book: Book, household_code: str, firm_code: str, day: date | None = None) -> Iterator[Problem]:
    """The household is or was one of the firm's; on the `day`, where one is given."""
    household = yield from _refer(book, sheets.HOUSEHOLDS, "household_code", household_code)
    yield from _refer(book, sheets.FIRMS, "firm_code", firm_code)
    if household is None:
        return
    spells = book.spells(household, firm_code)
    if not spells:
        yield "firm_code", "与该农户没有社员或订单关系", "is not the firm of this household"
    elif day is not None and not any(first <= day <= last for first, last in spells):
        yield "date", "该农户当日与该企业没有社员或订单关系", "is a day on which the household was not of this firm"


def _delivery(row: sheets.DeliveryRow, book: Book) -> Iterator[Problem]:
    yield from _related(book, row.household_code, row.firm_code, row.delivered_on)
    product = yield from _refer(book, sheets.PRODUCTS, "sku", row.sku)
    if product is None:
        return
    if product.firm_code != row.firm_code:
        yield "sku", "不是该企业的商品", "is not a product of this firm"
    if product.farm_gate_fen_per_kg is None:
        yield "sku", "该商品由企业自产，不收购", "is made by the firm, not delivered"
    if not in_harvest(product.harvest_start_month, product.harvest_end_month, row.delivered_on):
        yield "date", "不在采收月份内", "is not in the harvest months"


def _payment(row: sheets.PaymentRow, book: Book) -> Iterator[Problem]:
    yield from _related(book, row.household_code, row.firm_code)


def _surplus(row: sheets.SurplusRow, book: Book) -> Iterator[Problem]:
    firm = yield from _refer(book, sheets.FIRMS, "firm_code", row.firm_code)
    if firm and firm.kind not in CO_OPERATIVES:
        yield "firm_code", "只有合作社和集体分配盈余", "is no co-operative or collective"


def _baseline(row: sheets.BaselineRow, book: Book) -> Iterator[Problem]:
    yield from _refer(book, sheets.HOUSEHOLDS, "household_code", row.household_code)


_CHECKS: dict[str, Callable[[Any, Book], Iterator[Problem]]] = {
    sheets.TOWNSHIPS.file: _township,
    sheets.PRODUCTS.file: _product,
    sheets.RESTRICTIONS.file: _of_product,
    sheets.CERTIFICATES.file: _of_product,
    sheets.AGREEMENTS.file: _agreement,
    sheets.HOUSEHOLDS.file: _household,
    sheets.DELIVERIES.file: _delivery,
    sheets.PAYMENTS.file: _payment,
    sheets.SURPLUS.file: _surplus,
    sheets.BASELINES.file: _baseline,
}
