"""The terms of an agreement as one value: what a version says, as a document that can be hashed and read back."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import date, timedelta
from typing import Any

from shop.agreements.errors import NeverDue, TermsRefused
from shop.agreements.models import Agreement, AgreementLine, PriceRule
from shop.agreements.schedule import due_days, due_weights, parse, schedule_of
from shop.catalog.models import Product
from shop.catalog.season import sellable
from shop.kit.money import kilograms, price_of, yuan
from shop.kit.schemas import MAX_FEN

#: The usual grades (domain rule): parts of the price of 一级, in basis points.
SPECIAL_BP, SECOND_BP, OFF_BP = 11_500, 8_500, 6_000


@dataclass(frozen=True)
class LineTerms:
    """What is promised of one product. Weights in grams, prices in fen per kg, rates in basis points.

    `schedule`: its own; None: that of the agreement. `per_date_g`: where the weight is given for each day (in an
    amendment for each that is left), `committed_g` follows of it; it stands in the document only.
    """

    sku: str
    committed_g: int
    floor_fen_per_kg: int
    price_rule: PriceRule
    margin_bp: int = 0
    minimum_g: int = 0
    minimum_date_g: int = 0
    farm_gate_floor_fen_per_kg: int = 0
    special_bp: int = SPECIAL_BP
    second_bp: int = SECOND_BP
    off_bp: int = OFF_BP
    quote_source: str = ""
    schedule: str | None = None
    per_date_g: int | None = None


#: What a line of the document says and a row of `agreement_lines` does not keep.
_IN_DOCUMENT_ONLY = ("sku", "per_date_g")


@dataclass(frozen=True)
class Terms:
    """All terms of an agreement but its two sides. Both days of the term are included."""

    starts_on: date
    ends_on: date
    schedule: str
    deposit_bp: int
    penalty_bp: int
    buyer_penalty_bp: int
    tolerance_bp: int
    payment_term_days: int
    lines: tuple[LineTerms, ...]


@dataclass(frozen=True)
class Kept:
    """What an amendment leaves of a line as it is; of a first version nothing.

    `days`: of the schedule, what fell due up to `until`, and of later days that were called already what is called for
    them (0 where that was cancelled): nobody calls these again. `on_paper_g`: what fell due before the record.
    `uncalled`: the days up to `until` that nobody called yet, which bind nobody; `released`: grams that fall due on
    such a day no more, those of a day that was missed all.
    """

    until: date | None = None
    days: Mapping[date, int] = field(default_factory=dict)
    on_paper_g: int = 0
    uncalled: frozenset[date] = frozenset()
    released: Mapping[date, int] = field(default_factory=dict)

    @property
    def weight_g(self) -> int:
        """All that is kept."""
        return self.on_paper_g + sum(self.days.values())

    @property
    def called_ahead(self) -> dict[date, int]:
        """The days after `until` that were called already."""
        return {day: grams for day, grams in self.days.items() if self.until is not None and day > self.until}

    def within(self, committed_g: int) -> "Kept":
        """The same where so much is promised in all: days that nobody called give way, the youngest first."""
        days, released = dict(self.days), dict(self.released)
        for day in sorted(self.uncalled, reverse=True):
            less = min(days[day], max(self.on_paper_g + sum(days.values()) - committed_g, 0))
            if less:
                days[day] -= less
                released[day] = less
        return replace(self, days=days, released=released)

    def with_rest(self, rest: Mapping[date, int]) -> dict[date, int]:
        """What is due when: the days that are kept, and the rest beside them or on top."""
        return {day: self.days.get(day, 0) + rest.get(day, 0) for day in self.days.keys() | rest.keys()}


NOTHING_KEPT = Kept()


def document(terms: Terms, *, agreement: str, partner: str, firm: str) -> dict[str, object]:
    """The terms as plain values, with the codes of agreement, buyer and firm: what is kept and hashed."""
    body = asdict(terms)
    body["starts_on"], body["ends_on"] = terms.starts_on.isoformat(), terms.ends_on.isoformat()
    body["lines"] = [{**asdict(line), "price_rule": line.price_rule.value} for line in terms.lines]
    for line in body["lines"]:
        if line["per_date_g"] is None:
            del line["per_date_g"]
    return {"agreement": agreement, "partner": partner, "firm": firm, **body}


def document_hash(kept: dict[str, object]) -> str:
    """SHA-256 in hexadecimal of a document: UTF-8 JSON, keys sorted, no blanks."""
    text = json.dumps(kept, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def read(kept: dict[str, Any]) -> Terms:
    """The terms of a kept document."""
    body = {name: value for name, value in kept.items() if name not in ("agreement", "partner", "firm")}
    body["starts_on"], body["ends_on"] = date.fromisoformat(body["starts_on"]), date.fromisoformat(body["ends_on"])
    body["lines"] = tuple(LineTerms(**{**line, "price_rule": PriceRule(line["price_rule"])}) for line in body["lines"])
    return Terms(**body)


def deliverable(product: Product) -> Callable[[date], bool]:
    """Whether a day lies in the product's harvest window, prolonged by its shelf life."""

    def on(day: date) -> bool:
        return sellable(product.harvest_start_month, product.harvest_end_month, product.shelf_life_days, day)

    return on


def _left(product: Product, first: date, kept: Kept) -> tuple[date, Callable[[date], bool]]:
    """From which day on, and on which days, something of a line may still fall due: later than what is kept, beside it.

    Where no day is left, `schedule.due_days` names the last.
    """
    if kept.until is not None:
        first = max(first, kept.until + timedelta(days=1))
    can_come = deliverable(product)
    return first, lambda day: day not in kept.days and can_come(day)


def committed_g(
    product: Product, schedule: str, first: date, last: date, per_date_g: int, kept: Kept = NOTHING_KEPT
) -> int:
    """Grams over the whole term when so much is promised for each day of the schedule that is left."""
    since, is_left = _left(product, first, kept)
    return kept.weight_g + per_date_g * len(due_days(parse(schedule), since, last, is_left))


def spread(product: Product, line: LineTerms, terms: Terms, kept: Kept = NOTHING_KEPT) -> dict[date, int]:
    """What of a line falls due when, besides what is kept: the rest over the days that are left."""
    rest_g = line.committed_g - kept.weight_g
    if rest_g <= 0:
        return {}
    since, is_left = _left(product, terms.starts_on, kept)
    schedule = parse(schedule_of(line.schedule, terms.schedule))
    return due_weights(schedule, since, terms.ends_on, rest_g, is_left)


def must_be_meant(terms: Terms, products: Mapping[str, Product], kept: Mapping[str, Kept] | None = None) -> None:
    """Refuse what nobody can mean; of an amendment the days that are left are looked at.

    Raises TermsRefused; NeverDue for a line of which nothing could ever be called.
    """
    for place, line in enumerate(terms.lines):
        stays = (kept or {}).get(line.sku, NOTHING_KEPT)
        _fits(place, line, terms)
        if price_of(line.committed_g, line.floor_fen_per_kg) > MAX_FEN:
            most = yuan(MAX_FEN)
            bound = f"worth {most} yuan at most, at the floor price"
            raise _refused(place, line.sku, "committed_g", "约定总量", f"使价值（按保底价）超过 {most} 元", bound)
        if line.minimum_g > line.committed_g:
            whole = kilograms(line.committed_g)
            bound = f"{whole} kg at most, what is committed"
            raise _refused(place, line.sku, "minimum_g", "最低采购总量", f"超过约定总量 {whole} 公斤", bound)
        rest = spread(products[line.sku], line, terms, stays)
        if rest and not stays.weight_g and not any(map(deliverable(products[line.sku]), rest)):
            raise NeverDue(sku=line.sku, starts_on=str(terms.starts_on), ends_on=str(terms.ends_on))
        asked = rest or stays.days
        most_g = max(asked.values(), default=line.committed_g)
        if line.minimum_date_g > most_g:
            most = kilograms(most_g)
            bound = f"{most} kg at most, what a day of the schedule asks for"
            raise _refused(place, line.sku, "minimum_date_g", "每期最低采购量", f"超过排期每期的 {most} 公斤", bound)


def _fits(place: int, line: LineTerms, terms: Terms) -> None:
    """A single delivery is in the term, households are promised no more than the floor price. Raises TermsRefused."""
    once = parse(schedule_of(line.schedule, terms.schedule)).on
    if once is not None and not terms.starts_on <= once <= terms.ends_on:
        bound_zh = f"在 {terms.starts_on} 至 {terms.ends_on} 以外"
        bound = f"on a day from {terms.starts_on} to {terms.ends_on}"
        raise _refused(place, line.sku, "schedule", "交货排期", bound_zh, bound)
    if line.farm_gate_floor_fen_per_kg > line.floor_fen_per_kg:
        most = yuan(line.floor_fen_per_kg)
        bound_zh, bound = f"高于保底价 {most} 元", f"{most} yuan at most, the floor price"
        raise _refused(place, line.sku, "farm_gate_floor_fen_per_kg", "农户保底收购价", bound_zh, bound)


def _refused(place: int, sku: str, term: str, term_zh: str, bound_zh: str, bound_en: str) -> TermsRefused:
    """A term of a line is refused, with its place in the request, to be raised."""
    pointer = f"/lines/{place}/{term}"
    return TermsRefused(sku=sku, term=term, term_zh=term_zh, bound_zh=bound_zh, bound_en=bound_en, pointer=pointer)


def put_on(agreement: Agreement, terms: Terms) -> None:
    """Write the terms on the agreement's own row."""
    for name in asdict(terms):
        if name != "lines":
            setattr(agreement, name, getattr(terms, name))


def of_line(sku: str, line: AgreementLine) -> LineTerms:
    """The terms that stand on a line."""
    names = [name for name in LineTerms.__dataclass_fields__ if name not in _IN_DOCUMENT_ONLY]
    return LineTerms(sku, **{name: getattr(line, name) for name in names})


def put_on_line(line: AgreementLine, terms: LineTerms) -> None:
    """Write the terms of a product on its line."""
    for name in asdict(terms):
        if name not in _IN_DOCUMENT_ONLY:
            setattr(line, name, getattr(terms, name))
