"""What an amendment of a running agreement leaves as it is, and whether it can be."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from shop.agreements.actions import stands_g
from shop.agreements.errors import AmendmentRefused, DaysPassed
from shop.agreements.models import Agreement, AgreementLine, CallOff, CallOffStatus, DueWeight, MissedDay
from shop.agreements.renewing import renewal_of
from shop.agreements.schedule import schedule_of
from shop.agreements.terms import Kept, LineTerms, Terms, committed_g, must_be_meant, of_line
from shop.catalog.models import Product
from shop.kit.money import kilograms


def lines_of(session: Session, agreement: Agreement) -> dict[int, AgreementLine]:
    """The lines of an agreement by product."""
    rows = session.scalars(select(AgreementLine).where(AgreementLine.agreement_id == agreement.id))
    return {line.product_id: line for line in rows}


def kept_by(session: Session, agreement: Agreement, day: date) -> dict[str, Kept]:
    """What an amendment of a running agreement leaves as it is when it is in force from `day` on, by SKU.

    Days that were missed while it was closed, and that nobody called since, leave nothing: their weight is spread anew.
    """
    of_line = (
        select(Product.sku, AgreementLine.id, AgreementLine.on_paper_g)
        .join(Product, Product.id == AgreementLine.product_id)
        .where(AgreementLine.agreement_id == agreement.id)
    )
    lines = {line_id: (sku, on_paper_g) for sku, line_id, on_paper_g in session.execute(of_line)}
    days: dict[int, dict[date, int]] = {line_id: {} for line_id in lines}
    uncalled: dict[int, set[date]] = {line_id: set() for line_id in lines}
    released: dict[int, dict[date, int]] = {line_id: {} for line_id in lines}
    fell_due = (
        select(DueWeight.line_id, DueWeight.due_on, DueWeight.weight_g, CallOff.id, MissedDay.reopening_id)
        .outerjoin(CallOff, (CallOff.line_id == DueWeight.line_id) & (CallOff.schedule_day == DueWeight.due_on))
        .outerjoin(MissedDay, (MissedDay.line_id == DueWeight.line_id) & (MissedDay.due_on == DueWeight.due_on))
        .where(DueWeight.line_id.in_(lines), DueWeight.due_on <= day)
    )
    for line_id, on, grams, call_off_id, missed in session.execute(fell_due):
        days[line_id][on] = grams
        if call_off_id is None and missed is not None and grams:
            days[line_id][on], released[line_id][on] = 0, grams
        elif call_off_id is None:
            uncalled[line_id].add(on)
    called = select(CallOff.line_id, CallOff.schedule_day, CallOff.weight_g, CallOff.status).where(
        CallOff.line_id.in_(lines), CallOff.schedule_day > day
    )
    for line_id, ahead, grams, status in session.execute(called):
        assert ahead is not None, "it is later than a day"  # noqa: S101
        days[line_id][ahead] = 0 if status is CallOffStatus.CANCELLED else grams
    return {
        sku: Kept(day, days[line_id], on_paper_g, frozenset(uncalled[line_id]), released[line_id])
        for line_id, (sku, on_paper_g) in lines.items()
    }


def amendable(
    session: Session, agreement: Agreement, terms: Terms, products: Mapping[str, Product], day: date
) -> tuple[Terms, dict[str, Kept]]:
    """The terms of an amendment in force from `day` on, with the products it no longer names at 0 g, and what it keeps.

    Raises AmendmentRefused, DaysPassed, TermsRefused.
    """

    def refused(term: str, term_zh: str, bound_zh: str, bound_en: str) -> AmendmentRefused:
        return AmendmentRefused(
            agreement=agreement.code, term=term, term_zh=term_zh, bound_zh=bound_zh, bound_en=bound_en
        )

    if terms.starts_on != agreement.starts_on:
        raise refused("starts_on", "开始日期", "改变", f"{agreement.starts_on}")
    last_called = session.scalar(
        select(func.max(CallOff.due_on)).where(
            CallOff.agreement_id == agreement.id, CallOff.status != CallOffStatus.CANCELLED
        )
    )
    earliest = max(day, last_called or day)
    if terms.ends_on < earliest:
        raise refused("ends_on", "结束日期", f"早于 {earliest}", f"{earliest} or later")
    renewal = renewal_of(session, agreement)
    if renewal is not None and terms.ends_on >= renewal.starts_on:
        latest = renewal.starts_on - timedelta(days=1)
        raise refused(
            "ends_on", "结束日期", f"晚于 {latest}（续签的 {renewal.code} 自次日起）",
            f"{latest} or earlier: {renewal.code} renews it from the next day on",
        )  # fmt: skip
    lines = lines_of(session, agreement)
    kept = kept_by(session, agreement, day)
    dropped = _dropped(session, lines, products)
    whole = replace(terms, lines=terms.lines + dropped)
    skus = {product.id: sku for sku, product in products.items()} | {
        product_id: line.sku for product_id, line in zip(_missing(lines, products), dropped, strict=True)
    }
    promised = {line.sku: line.committed_g for line in whole.lines}
    for product_id, line in lines.items():
        sku = skus[product_id]
        kept[sku] = kept[sku].within(promised[sku])
        least = max(line.on_paper_g + stands_g(session, line.id), kept[sku].weight_g)
        if promised[sku] < least:
            bound = kilograms(least)
            raise refused(f"{sku} committed_g", f"{sku} 的约定总量", f"少于 {bound} 公斤", f"{bound} kg or more")
        nothing_left = terms.ends_on <= day and promised[sku] > least
        if nothing_left:
            bound = str(day + timedelta(days=1))
            raise refused("ends_on", "结束日期", f"早于 {bound}", f"{bound} or later")
    kept = {sku: kept.get(sku, Kept(day)) for sku in promised}
    for promise in terms.lines:
        if promise.per_date_g is not None:
            schedule = schedule_of(promise.schedule, terms.schedule)
            whole_g = committed_g(
                products[promise.sku], schedule, terms.starts_on, terms.ends_on, promise.per_date_g, kept[promise.sku]
            )
            if promise.committed_g != whole_g:
                raise DaysPassed(
                    agreement=agreement.code, sku=promise.sku, per_date_g=promise.per_date_g, whole_g=whole_g,
                    committed_g=promise.committed_g,
                )  # fmt: skip
    must_be_meant(terms, products, kept)
    return whole, kept


def _missing(lines: Mapping[int, AgreementLine], products: Mapping[str, Product]) -> list[int]:
    """Products on the agreement that the new terms do not name, by rising id."""
    return sorted(set(lines) - {product.id for product in products.values()})


def _dropped(
    session: Session, lines: Mapping[int, AgreementLine], products: Mapping[str, Product]
) -> tuple[LineTerms, ...]:
    missing = _missing(lines, products)
    found: Sequence[Product] = session.scalars(
        select(Product).where(Product.id.in_(missing)).order_by(Product.id)
    ).all()
    return tuple(replace(of_line(product.sku, lines[product.id]), committed_g=0, minimum_g=0, minimum_date_g=0)
                 for product in found)  # fmt: skip
