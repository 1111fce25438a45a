"""From a draft to a signed agreement, its amendments, its end. Terms are versions; who signs, signs a document's hash.

Each action that writes locks the agreement first, so that two signatures or proposals come one after the other.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from shop.agreements.amending import amendable, lines_of
from shop.agreements.errors import (
    DocumentNotCurrent,
    FirstDayPast,
    NotABulkBuyer,
    NotOnSale,
    NotTheSellers,
    SignedTooLate,
    VersionSame,
    VersionStale,
)
from shop.agreements.models import (
    RUNNING,
    SIGNERS,
    Agreement,
    AgreementLine,
    AgreementSignature,
    AgreementStatus,
    AgreementVersion,
    DueWeight,
    Side,
)
from shop.agreements.renewing import may_renew, renewed, renewed_by, still_begins
from shop.agreements.schedule import readable
from shop.agreements.states import AGREEMENT_LIFE, not_running
from shop.agreements.terms import (
    NOTHING_KEPT,
    Kept,
    Terms,
    document,
    document_hash,
    must_be_meant,
    put_on,
    put_on_line,
    read,
    spread,
)
from shop.catalog.models import Firm, FirmStatus, Product, ProductStatus
from shop.channels.actions import move_occasion
from shop.channels.buyers import AGREEMENT_PARTNER
from shop.channels.errors import CodeTaken
from shop.channels.models import Occasion, OccasionKind, OccasionStatus, Partner
from shop.kit.clock import at_beijing, beijing_day
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
        may_renew(session, renews, partner.id, firm.id, terms.starts_on)
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
    known = lines_of(session, agreement)
    _on_sale(firm, [product for product in products.values() if product.id not in known])
    if agreement.status in RUNNING:
        amendable(session, agreement, terms, products, beijing_day(by.now))
    else:
        must_be_meant(terms, products)
        still_begins(session, agreement, terms.starts_on)
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
    holds the agreement's lock. Nothing is due before both have signed: a draft whose first day is past is signed on
    paper only. Locks the agreement that a draft renews. Raises DocumentNotCurrent, AgreementNotRunning; of a draft
    FirstDayPast, NotOnSale, NeverDue where the season was moved, NoCampaign, NotRenewable; of an amendment, by what was
    called or fell due meanwhile, AmendmentRefused, TermsRefused, DaysPassed.
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
        must_be_meant(read(version.terms), products)
        still_begins(session, agreement, agreement.starts_on)
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
    renewed(session, agreement, actor_id, now)


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
        terms, kept = amendable(session, agreement, terms, products, day)
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
        # Nor of what had fallen due when an earlier version came into force.
        released = {sku: stays.released for sku, stays in kept.items() if stays.released}
        if released:
            facts["released"] = {sku: {str(on): grams for on, grams in days.items()} for sku, days in released.items()}
        advance(session, agreement, AGREEMENT_LIFE, "amend", person_id=by.person_id, now=by.now, facts=facts)
    occasion.ends_at = _end_of(terms)
    session.flush()
    _write_lines(session, agreement, version, terms, products, kept, since)
    if first and agreement.renews_id is not None:
        renewed(session, renewed_by(session, agreement), by.person_id, by.now)


def _write_lines(
    session: Session, agreement: Agreement, version: AgreementVersion, terms: Terms, products: Mapping[str, Product],
    kept: Mapping[str, Kept], since: date,
) -> None:  # fmt: skip
    """The promises, and what falls due when: of an amendment beside what is `kept`.

    What fell due before `since` was called on paper: it has no days here.
    """
    lines = lines_of(session, agreement)
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
