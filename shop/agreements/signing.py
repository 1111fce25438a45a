"""From a draft to a signed agreement, its amendments, its end. Terms are versions; who signs, signs a document's hash.

Each action that writes locks the agreement first, so that two signatures or proposals come one after the other.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from shop.agreements.actions import stands_g
from shop.agreements.errors import (
    AmendmentRefused,
    DaysPassed,
    DocumentNotCurrent,
    FirstDayPast,
    NotABulkBuyer,
    NotOnSale,
    NotRenewable,
    NotTheSellers,
    SignedTooLate,
    VersionSame,
    VersionStale,
)
from shop.agreements.models import (
    RUNNING,
    SIGNERS,
    UNSIGNED,
    Agreement,
    AgreementLine,
    AgreementSignature,
    AgreementStatus,
    AgreementVersion,
    CallOff,
    CallOffStatus,
    DueWeight,
    Side,
)
from shop.agreements.schedule import readable, schedule_of
from shop.agreements.states import AGREEMENT_LIFE, STATE_ZH, not_running
from shop.agreements.terms import (
    NOTHING_KEPT,
    Kept,
    LineTerms,
    Terms,
    committed_g,
    document,
    document_hash,
    must_be_meant,
    of_line,
    put_on,
    put_on_line,
    read,
    spread,
)
from shop.catalog.models import Firm, FirmStatus, Product, ProductStatus
from shop.channels.actions import move_occasion
from shop.channels.buyers import AGREEMENT_PARTNER
from shop.channels.errors import CodeTaken, NoCampaign
from shop.channels.models import Occasion, OccasionKind, OccasionStatus, Partner
from shop.channels.reference import selling
from shop.kit.clock import at_beijing, beijing_day
from shop.kit.money import kilograms
from shop.kit.reference import current_version
from shop.kit.states import advance, record


@dataclass(frozen=True)
class Hand:
    """Who does something: for which side, which person, when, in whose words."""

    side: Side
    person_id: int | None
    now: datetime

    def facts(self, **more: object) -> dict[str, object]:
        """What the history keeps of who it was, whatever roles the person has later, and of what else."""
        return {"side": self.side.value, **more}


def campaign_on(session: Session, day: date) -> int:
    """The id of the campaign that runs on the first day of an agreement. Raises NoCampaign."""
    campaign_id = selling(session, current_version(session)).campaign_on(day)
    if campaign_id is None:
        raise NoCampaign(day=str(day))
    return campaign_id


def draft(
    session: Session, code: str, partner: Partner, firm: Firm, campaign_id: int, terms: Terms, *, by: Hand,
    renews: Agreement | None = None, note: str | None = None, on_paper: bool = False,
) -> Agreement:  # fmt: skip
    """A draft with its first version, and its occasion, planned.

    `on_paper`: it was signed on paper, whatever is on sale. Raises CodeTaken, NotABulkBuyer, NotTheSellers, NotOnSale,
    TermsRefused, NotRenewable, ValueError for a schedule that is not well written.
    """
    readable(terms.schedule, (line.schedule for line in terms.lines))
    if session.scalar(select(Occasion.id).where(Occasion.code == code)):
        raise CodeTaken(taken=code)
    if partner.kind is not AGREEMENT_PARTNER:
        raise NotABulkBuyer(partner=partner.code)
    products = _promised_products(session, firm.id, terms)
    if not on_paper:
        _on_sale(firm, products.values())
    must_be_meant(terms, products)
    if renews is not None:
        _may_renew(session, renews, partner.id, firm.id, terms.starts_on)
    occasion = Occasion(
        code=code, kind=OccasionKind.AGREEMENT, status=OccasionStatus.PLANNED, campaign_id=campaign_id,
        partner_id=partner.id, partner_kind=partner.kind, title_zh=f"采购协议 {code}",
        starts_at=at_beijing(terms.starts_on), ends_at=_end_of(terms), commission_bp=0,
    )  # fmt: skip
    session.add(occasion)
    session.flush()
    agreement = Agreement(
        code=code, status=AgreementStatus.DRAFT, occasion_id=occasion.id, occasion_kind=occasion.kind,
        partner_id=partner.id, partner_kind=partner.kind, firm_id=firm.id, signed_on=None,
        renews_id=renews.id if renews else None,
    )  # fmt: skip
    put_on(agreement, terms)
    session.add(agreement)
    session.flush()
    record(
        session, agreement, "draft", person_id=by.person_id, now=by.now, to_state=AgreementStatus.DRAFT,
        facts=by.facts(), reason=note,
    )  # fmt: skip
    _add_version(session, agreement, terms, partner.code, firm.code, by=by, note=note)
    return agreement


def propose(
    session: Session, agreement: Agreement, terms: Terms, *, by: Hand, note: str | None = None,
    made_from: int | None = None,
) -> None:  # fmt: skip
    """Put other terms: the next version of a draft, or an amendment. The caller holds the agreement's lock.

    `made_from`: the number of the version that was read. A draft goes with its first day to the campaign of that day.
    Raises AgreementNotRunning, VersionStale, NotTheSellers, NotOnSale for a product that is not on the agreement yet,
    TermsRefused, VersionSame, ValueError for a schedule that is not well written; for an amendment AmendmentRefused,
    DaysPassed, for a draft NoCampaign, NotRenewable.
    """
    if agreement.status is not AgreementStatus.DRAFT and agreement.status not in RUNNING:
        raise not_running(agreement, "amend")
    if made_from is not None and (latest := youngest(session, agreement).number) != made_from:
        raise VersionStale(agreement=agreement.code, number=latest, made_from=made_from)
    readable(terms.schedule, (line.schedule for line in terms.lines))
    products = _promised_products(session, agreement.firm_id, terms)
    partner, firm = session.get_one(Partner, agreement.partner_id), session.get_one(Firm, agreement.firm_id)
    known = _lines(session, agreement)
    _on_sale(firm, [product for product in products.values() if product.id not in known])
    if agreement.status in RUNNING:
        _amendable(session, agreement, terms, products, beijing_day(by.now))
    else:
        must_be_meant(terms, products)
        _still_begins(session, agreement, terms.starts_on)
        advance(
            session, agreement, AGREEMENT_LIFE, "propose", person_id=by.person_id, now=by.now, facts=by.facts(),
            reason=note,
        )  # fmt: skip
        put_on(agreement, terms)
    _add_version(session, agreement, terms, partner.code, firm.code, by=by, note=note)


def sign(
    session: Session, agreement: Agreement, number: int, signed_hash: str, *, by: Hand, on_paper: date | None = None,
    since: date | None = None,
) -> bool:  # fmt: skip
    """One side signs the youngest version; True when it is in force by that. Signing twice is signing once.

    `on_paper`: the day of a signature on paper that the county records; `since`: as in `record_signed`. The caller
    holds the agreement's lock.
    Nothing is due before both have signed: a draft whose first day is past is signed on paper only. Locks the agreement
    that a draft renews. Raises DocumentNotCurrent, AgreementNotRunning; of a draft FirstDayPast, NotOnSale, NoCampaign,
    NotRenewable; of an amendment, by what was called or fell due meanwhile, AmendmentRefused, TermsRefused, DaysPassed.
    """
    version = youngest(session, agreement)
    if (version.number, version.document_hash) != (number, signed_hash):
        raise DocumentNotCurrent(agreement=agreement.code, number=version.number, document_hash=version.document_hash)
    if version.id == agreement.version_id:
        return False
    if agreement.status is not AgreementStatus.DRAFT and agreement.status not in RUNNING:
        raise not_running(agreement, "sign")
    if agreement.status is AgreementStatus.DRAFT and on_paper is None:
        if agreement.starts_on < beijing_day(by.now):
            raise FirstDayPast(agreement=agreement.code, starts_on=str(agreement.starts_on))
        products = _promised_products(session, agreement.firm_id, read(version.terms))
        _on_sale(session.get_one(Firm, agreement.firm_id), products.values())
        _still_begins(session, agreement, agreement.starts_on)
    session.execute(
        insert(AgreementSignature)
        .values(
            version_id=version.id, side=by.side, document_hash=version.document_hash, person_id=by.person_id,
            signed_at=by.now, on_paper=on_paper is not None,
        )
        .on_conflict_do_nothing()
    )  # fmt: skip
    signed = session.scalar(select(func.count()).where(AgreementSignature.version_id == version.id))
    if signed != len(SIGNERS):
        return False
    hand = by if on_paper is None else replace(by, side=Side.COUNTY)
    today = beijing_day(by.now)
    _put_in_force(session, agreement, version, on_paper or today, hand, since=min(since or today, today))
    return True


def record_signed(
    session: Session, code: str, partner: Partner, firm: Firm, campaign_id: int, terms: Terms, *, signed_on: date,
    actor_id: int | None, now: datetime, since: date | None = None,
) -> Agreement:  # fmt: skip
    """What both sides signed on paper, as the county records or imports it: version 1, in force.

    `since`: what fell due before it was kept on paper, what falls due from it on is kept here; None: from today on.
    Raises SignedTooLate for a day after today or the last day of the term, and as `draft`.
    """
    latest = min(beijing_day(now), terms.ends_on)
    if signed_on > latest:
        raise SignedTooLate(signed_on=str(signed_on), latest=str(latest))
    county = Hand(Side.COUNTY, actor_id, now)
    agreement = draft(session, code, partner, firm, campaign_id, terms, by=county, on_paper=True)
    version = youngest(session, agreement)
    for side in SIGNERS:
        by = replace(county, side=side)
        sign(session, agreement, version.number, version.document_hash, by=by, on_paper=signed_on, since=since)
    return agreement


def youngest(session: Session, agreement: Agreement) -> AgreementVersion:
    """The version that was proposed last. Raises DocumentNotCurrent when there is none (recorded without one)."""
    version = session.scalar(
        select(AgreementVersion)
        .where(AgreementVersion.agreement_id == agreement.id)
        .order_by(AgreementVersion.number.desc())
        .limit(1)
    )
    if version is None:
        raise DocumentNotCurrent(agreement=agreement.code, number=0, document_hash="-")
    return version


def end(session: Session, agreement: Agreement, event: str, *, actor_id: int | None, now: datetime, reason: str | None,
        facts: dict[str, object] | None = None) -> None:  # fmt: skip
    """Withdraw a draft; terminate, fulfil or fall short of a running agreement. Raises MoveRefusedError.

    `facts`: what the history keeps of it, of somebody's word his side (`Hand.facts`). Its occasion closes: nothing is
    called any more, and nothing falls due after this day. The caller holds the agreement's lock. What waits for the
    firm's word is cancelled by `orders.calls.terminate`.
    """
    advance(session, agreement, AGREEMENT_LIFE, event, person_id=actor_id, now=now, reason=reason, facts=facts)
    agreement.ended_on = beijing_day(now)
    occasion = session.get_one(Occasion, agreement.occasion_id)
    move_occasion(session, occasion, "close", actor_id=actor_id, now=now)
    session.flush()
    _renewed(session, agreement, actor_id, now)


def _promised_products(session: Session, firm_id: int, terms: Terms) -> Mapping[str, Product]:
    """The products of the terms by SKU. Raises NotTheSellers for one of another firm or of nobody."""
    skus = [line.sku for line in terms.lines]
    found = {
        product.sku: product
        for product in session.scalars(select(Product).where(Product.sku.in_(skus), Product.firm_id == firm_id))
    }
    for sku in skus:
        if sku not in found:
            raise NotTheSellers(sku=sku)
    return found


def _on_sale(firm: Firm, products: Iterable[Product]) -> None:
    """Raise NotOnSale for a product whose calls would be refused: not listed, or of a firm that is not admitted."""
    for product in products:
        if product.status is not ProductStatus.LISTED or firm.status is not FirmStatus.ADMITTED:
            raise NotOnSale(sku=product.sku)


def _add_version(
    session: Session, agreement: Agreement, terms: Terms, partner: str, firm: str, *, by: Hand, note: str | None
) -> None:
    """The next version. Raises VersionSame for the text of the one that it would follow."""
    kept = document(terms, agreement=agreement.code, partner=partner, firm=firm)
    own = select(AgreementVersion.number, AgreementVersion.document_hash)
    before = session.execute(
        own.where(AgreementVersion.agreement_id == agreement.id).order_by(AgreementVersion.number.desc()).limit(1)
    ).first()
    hash_ = document_hash(kept)
    if before is not None and before.document_hash == hash_:
        raise VersionSame(agreement=agreement.code, number=before.number)
    session.add(
        AgreementVersion(
            agreement_id=agreement.id, number=before.number + 1 if before else 1, terms=kept, document_hash=hash_,
            proposed_by=by.side, proposed_by_id=by.person_id, proposed_at=by.now, note=note,
        )
    )  # fmt: skip
    session.flush()


def _end_of(terms: Terms) -> datetime:
    return at_beijing(terms.ends_on + timedelta(days=1))


def _put_in_force(
    session: Session, agreement: Agreement, version: AgreementVersion, day: date, by: Hand, *, since: date
) -> None:
    """Both have signed: the terms of the version become the agreement's, its lines and what is due when."""
    terms = read(version.terms)
    products = _promised_products(session, agreement.firm_id, terms)
    first = agreement.status is AgreementStatus.DRAFT
    kept: Mapping[str, Kept] = {}
    if not first:
        terms, kept = _amendable(session, agreement, terms, products, day)
        products = _promised_products(session, agreement.firm_id, terms)
    put_on(agreement, terms)
    agreement.version_id = version.id
    occasion = session.get_one(Occasion, agreement.occasion_id)
    facts = by.facts(version=version.number, document_hash=version.document_hash)
    if first:
        agreement.signed_on = day
        occasion.starts_at = at_beijing(terms.starts_on)
        advance(session, agreement, AGREEMENT_LIFE, "sign", person_id=by.person_id, now=by.now, facts=facts)
        move_occasion(session, occasion, "open", actor_id=by.person_id, now=by.now)
    else:
        # The calls may be changed later; what the contract of this version says of them stays.
        ahead = {sku: stays.called_ahead for sku, stays in kept.items() if stays.called_ahead}
        if ahead:
            told = {sku: {str(on): grams for on, grams in days.items()} for sku, days in ahead.items()}
            facts["called_ahead"] = told
        advance(session, agreement, AGREEMENT_LIFE, "amend", person_id=by.person_id, now=by.now, facts=facts)
    occasion.ends_at = _end_of(terms)
    session.flush()
    _write_lines(session, agreement, version, terms, products, kept, since)
    if first and agreement.renews_id is not None:
        _renewed(session, _renewed_by(session, agreement), by.person_id, by.now)


def _write_lines(
    session: Session, agreement: Agreement, version: AgreementVersion, terms: Terms, products: Mapping[str, Product],
    kept: Mapping[str, Kept], since: date,
) -> None:  # fmt: skip
    """The promises, and what falls due when: of an amendment beside what is `kept`.

    What fell due before `since` was called on paper: it has no days here.
    """
    lines = _lines(session, agreement)
    for promise in terms.lines:
        product, stays = products[promise.sku], kept.get(promise.sku, NOTHING_KEPT)
        line = lines.get(product.id)
        due = stays.with_rest(spread(product, promise, terms, stays))
        if line is None:
            line = AgreementLine(agreement_id=agreement.id, product_id=product.id)
            line.on_paper_g = sum(grams for day, grams in due.items() if day < since) if not kept else 0
            session.add(line)
        put_on_line(line, promise)
        line.version_id = version.id
        session.flush()
        if stays.until is not None:
            session.execute(
                update(DueWeight).where(DueWeight.line_id == line.id, DueWeight.due_on > stays.until).values(weight_g=0)
            )
        written = [
            {"line_id": line.id, "due_on": day, "weight_g": grams}
            for day, grams in due.items()
            if stays.until is not None or day >= since
        ]
        if written:
            rows = insert(DueWeight).values(written)
            session.execute(
                rows.on_conflict_do_update(
                    index_elements=[DueWeight.line_id, DueWeight.due_on], set_={"weight_g": rows.excluded.weight_g}
                )
            )
    session.flush()


def _lines(session: Session, agreement: Agreement) -> dict[int, AgreementLine]:
    rows = session.scalars(select(AgreementLine).where(AgreementLine.agreement_id == agreement.id))
    return {line.product_id: line for line in rows}


def kept_by(session: Session, agreement: Agreement, day: date) -> dict[str, Kept]:
    """What an amendment of a running agreement leaves as it is when it is in force from `day` on, by SKU."""
    of_line = (
        select(Product.sku, AgreementLine.id, AgreementLine.on_paper_g)
        .join(Product, Product.id == AgreementLine.product_id)
        .where(AgreementLine.agreement_id == agreement.id)
    )
    lines = {line_id: (sku, on_paper_g) for sku, line_id, on_paper_g in session.execute(of_line)}
    days: dict[int, dict[date, int]] = {line_id: {} for line_id in lines}
    fell_due = select(DueWeight.line_id, DueWeight.due_on, DueWeight.weight_g).where(
        DueWeight.line_id.in_(lines), DueWeight.due_on <= day
    )
    for line_id, on, grams in session.execute(fell_due):
        days[line_id][on] = grams
    called = select(CallOff.line_id, CallOff.schedule_day, CallOff.weight_g, CallOff.status).where(
        CallOff.line_id.in_(lines), CallOff.schedule_day > day
    )
    for line_id, ahead, grams, status in session.execute(called):
        assert ahead is not None, "it is later than a day"  # noqa: S101
        days[line_id][ahead] = 0 if status is CallOffStatus.CANCELLED else grams
    return {sku: Kept(day, days[line_id], on_paper_g) for line_id, (sku, on_paper_g) in lines.items()}


def _amendable(
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
    renewal = _renewal_of(session, agreement)
    if renewal is not None and terms.ends_on >= renewal.starts_on:
        latest = renewal.starts_on - timedelta(days=1)
        raise refused(
            "ends_on", "结束日期", f"晚于 {latest}（续签的 {renewal.code} 自次日起）",
            f"{latest} or earlier: {renewal.code} renews it from the next day on",
        )  # fmt: skip
    lines = _lines(session, agreement)
    kept = kept_by(session, agreement, day)
    dropped = _dropped(session, lines, products)
    whole = replace(terms, lines=terms.lines + dropped)
    skus = {product.id: sku for sku, product in products.items()} | {
        product_id: line.sku for product_id, line in zip(_missing(lines, products), dropped, strict=True)
    }
    promised = {line.sku: line.committed_g for line in whole.lines}
    for product_id, line in lines.items():
        sku = skus[product_id]
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


def _still_begins(session: Session, agreement: Agreement, starts_on: date) -> None:
    """A draft may begin on that day: a campaign runs then, which is its own from now on, and what it renews is over.

    Locks the agreement that it renews. Raises NoCampaign, NotRenewable.
    """
    session.get_one(Occasion, agreement.occasion_id).campaign_id = campaign_on(session, starts_on)
    if agreement.renews_id is not None:
        _may_renew(session, _renewed_by(session, agreement), agreement.partner_id, agreement.firm_id, starts_on)


def _renewed_by(session: Session, agreement: Agreement) -> Agreement:
    """The agreement that this one renews, locked, so that of two renewals signed at once one is the first."""
    return session.execute(select(Agreement).where(Agreement.id == agreement.renews_id).with_for_update()).scalar_one()


def _may_renew(session: Session, old: Agreement, partner_id: int, firm_id: int, starts_on: date) -> None:
    """Raise NotRenewable where an agreement of these sides from that day on cannot take the place of the old one."""
    barred: tuple[str, str] | None = None
    renewal = _renewal_of(session, old)
    if (old.partner_id, old.firm_id) != (partner_id, firm_id):
        barred = "双方与原协议不同", "its sides are others"
    elif old.status in (*UNSIGNED, AgreementStatus.RENEWED):
        barred = f"原协议{STATE_ZH[old.status]}", f"it is in state {old.status}"
    elif renewal is not None:
        barred = f"已由 {renewal.code} 续签", f"{renewal.code} renews it"
    elif starts_on <= old.ends_on and old.status in RUNNING:
        barred = f"原协议到 {old.ends_on} 才期满，续签须从次日起", f"it runs until {old.ends_on}"
    if barred is not None:
        raise NotRenewable(agreement=old.code, reason_zh=barred[0], reason_en=barred[1])


def _renewal_of(session: Session, old: Agreement) -> Agreement | None:
    """The signed agreement that renews this one, while it has not ended itself."""
    renews = select(Agreement).where(Agreement.renews_id == old.id, Agreement.status.in_(RUNNING))
    return session.scalar(renews.limit(1))


def _renewed(session: Session, old: Agreement, actor_id: int | None, now: datetime) -> None:
    """The old agreement has ended and one that renews it is signed: both must be so, in whatever order."""
    if not AGREEMENT_LIFE.allows(old.status, "renew"):
        return
    follower = session.scalar(
        select(Agreement.code).where(Agreement.renews_id == old.id, Agreement.status.not_in(UNSIGNED)).limit(1)
    )
    if follower is not None:
        advance(session, old, AGREEMENT_LIFE, "renew", person_id=actor_id, now=now, facts={"renewed_by": follower})
