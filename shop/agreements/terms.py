"""The terms of an agreement as one value: what a version says, as a document that can be hashed and read back."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from shop.agreements.errors import TermsRefused
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

    `schedule`: its own; None: that of the agreement.
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


def document(terms: Terms, *, agreement: str, partner: str, firm: str) -> dict[str, object]:
    """The terms as plain values, with the codes of agreement, buyer and firm: what is kept and hashed."""
    body = asdict(terms)
    body["starts_on"], body["ends_on"] = terms.starts_on.isoformat(), terms.ends_on.isoformat()
    body["lines"] = [{**asdict(line), "price_rule": line.price_rule.value} for line in terms.lines]
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


def committed_g(product: Product, schedule: str, first: date, last: date, per_date_g: int) -> int:
    """Grams over the whole term when so much is promised for each day of the schedule."""
    return per_date_g * len(due_days(parse(schedule), first, last, deliverable(product)))


def spread(product: Product, line: LineTerms, terms: Terms, first: date, weight_g: int) -> dict[date, int]:
    """What of a line is due when: grams over its days from `first` to the last day of the term."""
    schedule = parse(schedule_of(line.schedule, terms.schedule))
    return due_weights(schedule, first, terms.ends_on, weight_g, deliverable(product))


def must_be_meant(terms: Terms, products: Mapping[str, Product]) -> None:
    """Refuse what nobody can mean. Raises TermsRefused."""
    for line in terms.lines:
        if price_of(line.committed_g, line.floor_fen_per_kg) > MAX_FEN:
            most = yuan(MAX_FEN)
            raise TermsRefused(
                sku=line.sku, term="committed_g", term_zh="约定总量", bound_zh=f"使价值（按保底价）超过 {most} 元",
                bound_en=f"worth {most} yuan at most, at the floor price",
            )  # fmt: skip
        most_g = max(spread(products[line.sku], line, terms, terms.starts_on, line.committed_g).values())
        if line.minimum_date_g > most_g:
            raise TermsRefused(
                sku=line.sku, term="minimum_date_g", term_zh="每期最低采购量",
                bound_zh=f"超过排期每期的 {kilograms(most_g)} 公斤",
                bound_en=f"{kilograms(most_g)} kg at most, what a day of the schedule asks for",
            )  # fmt: skip


def put_on(agreement: Agreement, terms: Terms) -> None:
    """Write the terms on the agreement's own row."""
    for name in asdict(terms):
        if name != "lines":
            setattr(agreement, name, getattr(terms, name))


def of_line(sku: str, line: AgreementLine) -> LineTerms:
    """The terms that stand on a line."""
    names = [name for name in LineTerms.__dataclass_fields__ if name != "sku"]
    return LineTerms(sku, **{name: getattr(line, name) for name in names})


def put_on_line(line: AgreementLine, terms: LineTerms) -> None:
    """Write the terms of a product on its line."""
    for name in asdict(terms):
        if name != "sku":
            setattr(line, name, getattr(terms, name))
