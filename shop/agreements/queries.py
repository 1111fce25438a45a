"""Reading agreements, each side its own: one statement for agreements, one for all their lines."""

from collections import defaultdict
from datetime import date
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, Select, func, select, text
from sqlalchemy.orm import Session, aliased

from shop.access.guard import ALL, Actor, Owner, Role, scope
from shop.access.models import Person
from shop.agreements.contract import Amends, Contract, Plan, Signed
from shop.agreements.errors import NoSuchVersion
from shop.agreements.models import (
    FALLS_DUE,
    RUNNING,
    SIGNERS,
    UNSIGNED,
    Agreement,
    AgreementLine,
    AgreementPaper,
    AgreementReminder,
    AgreementSignature,
    AgreementStatus,
    AgreementVersion,
    CallOff,
    CallOffStatus,
    DueWeight,
    ForceMajeure,
    MarketQuote,
    QuoteFileTaken,
    Side,
)
from shop.agreements.states import DECISIONS, EVENTS_ZH
from shop.agreements.terms import Kept, Terms, read, spread
from shop.catalog.models import Firm, Product
from shop.channels.models import Partner
from shop.kit.clock import beijing_day
from shop.kit.db import columns_of
from shop.kit.errors import NotFoundError
from shop.kit.money import price_of
from shop.kit.states import History, history_of
from shop.places.models import Township, Village

READERS = (Role.OPERATOR, Role.MANAGER, Role.FIRM_STAFF, Role.BUYER)

AnySelect: TypeAlias = Select[*tuple[Any, ...]]

#: Whose an agreement is: the buyer's, the firm's, and for a manager the township's where the firm is.
OWNERS: dict[Role, Owner] = {
    Role.OPERATOR: ALL,
    Role.MANAGER: Township.party_id,
    Role.FIRM_STAFF: Firm.party_id,
    Role.BUYER: Partner.party_id,
}

#: Its two sides and the county: who reads the papers of an agreement, and the names of those who signed it.
PARTIES = (Role.OPERATOR, Role.FIRM_STAFF, Role.BUYER)
_PARTIES = {role: OWNERS[role] for role in PARTIES}

_LINE_TERMS = (
    "margin_bp", "minimum_g", "minimum_date_g", "farm_gate_floor_fen_per_kg", "special_bp", "second_bp", "off_bp",
    "quote_source", "schedule",
)  # fmt: skip


def visible(query: AnySelect, actor: Actor) -> AnySelect:
    """Restrict a query about agreements to those that concern `actor`."""
    return (
        query.select_from(Agreement)
        .join(Partner, Partner.id == Agreement.partner_id)
        .join(Firm, Firm.id == Agreement.firm_id)
        .join(Village, Village.id == Firm.village_id)
        .join(Township, Township.id == Village.township_id)
        .where(scope(actor, OWNERS))
    )


def seen(session: Session, actor: Actor, code: str) -> Agreement:
    """The agreement, if `actor` sees it. Raises NotFoundError for a missing and for a foreign one alike."""
    found = session.scalar(visible(select(Agreement), actor).where(Agreement.code == code))
    if found is None:
        raise NotFoundError(what=code)
    return found


def of_a_party(actor: Actor) -> ColumnElement[bool]:
    """Of the agreements that `actor` sees, those of which he is a side or the county: not what he only manages."""
    return scope(actor, _PARTIES)


def agreements(
    session: Session, actor: Actor, *wanted: ColumnElement[bool], limit: int, day: date
) -> list[dict[str, Any]]:
    """Up to `limit` agreements that `actor` sees, newest first; due counts up to `day`."""
    before, after = aliased(Agreement), aliased(Agreement)
    renews = select(before.code).where(before.id == Agreement.renews_id).correlate(Agreement).scalar_subquery()
    renewed_by = (
        select(after.code)
        .where(
            after.renews_id == Agreement.id,
            after.status.not_in(UNSIGNED),
            # One that was terminated renewed what it made `renewed` before; else it renews nothing.
            (after.status != AgreementStatus.TERMINATED) | (Agreement.status == AgreementStatus.RENEWED),
        )
        .order_by(after.status == AgreementStatus.TERMINATED, after.id.desc())
        .limit(1)
        .correlate(Agreement)
        .scalar_subquery()
    )
    rows = session.execute(
        visible(select(Agreement, Partner.code, Partner.name_zh, Firm.code, Firm.name_zh, renews, renewed_by), actor)
        .where(*wanted)
        .order_by(Agreement.id.desc())
        .limit(limit)
    ).all()
    lines = _lines(session, [row[0].id for row in rows], day)
    return [
        columns_of(agreement)
        | {
            "status": agreement.status.value,
            "partner": partner,
            "partner_name_zh": partner_name,
            "firm": firm,
            "firm_name_zh": firm_name,
            "renews": old,
            "renewed_by": new,
            "lines": lines[agreement.id],
            "signed_fen": sum(line["signed_fen"] for line in lines[agreement.id]),
        }
        for agreement, partner, partner_name, firm, firm_name, old, new in rows
    ]


def agreement(session: Session, actor: Actor, code: str, day: date) -> dict[str, Any]:
    """One agreement with its call-offs and its history. Raises NotFoundError for a missing and for a foreign one."""
    found = agreements(session, actor, Agreement.code == code, limit=1, day=day)
    if not found:
        raise NotFoundError(what=code)
    id_ = found[0]["id"]
    return found[0] | {"call_offs": _call_offs(session, id_), "history": _history(session, id_)}


def _history(session: Session, agreement_id: int) -> list[dict[str, Any]]:
    """What happened to an agreement, the oldest first: for which side somebody spoke, and why; no person.

    No side: what the calendar did, or what was written before sides were kept.
    """
    return [
        {
            "at": one.at, "event": one.event, "event_zh": EVENTS_ZH[one.event], "side": (one.facts or {}).get("side"),
            "status": one.to_state, "reason": one.reason,
        }
        for one in history_of(session, Agreement.__tablename__, [agreement_id])
    ]  # fmt: skip


def _lines(session: Session, agreement_ids: list[int], day: date) -> dict[int, list[dict[str, Any]]]:
    due = (
        select(func.coalesce(func.sum(DueWeight.weight_g), 0))
        .where(DueWeight.line_id == AgreementLine.id, DueWeight.due_on <= day, text(FALLS_DUE))
        .scalar_subquery()
    )
    of_line = CallOff.line_id == AgreementLine.id
    called = (
        select(func.coalesce(func.sum(CallOff.weight_g), 0))
        .where(of_line, CallOff.status != CallOffStatus.CANCELLED)
        .scalar_subquery()
    )
    stands = select(func.coalesce(func.sum(CallOff.stands_g), 0)).where(of_line).scalar_subquery()
    rows = session.execute(
        select(AgreementLine, Product.sku, Product.name_zh, due, called, stands)
        .join(Agreement, Agreement.id == AgreementLine.agreement_id)
        .join(Product, Product.id == AgreementLine.product_id)
        .where(AgreementLine.agreement_id.in_(agreement_ids))
        .order_by(AgreementLine.id)
    )
    lines: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for line, sku, name_zh, due_g, called_g, stands_g in rows:
        lines[line.agreement_id].append(
            {
                "sku": sku,
                "name_zh": name_zh,
                "price_rule": line.price_rule.value,
                "floor_fen_per_kg": line.floor_fen_per_kg,
                **{name: getattr(line, name) for name in _LINE_TERMS},
                "committed_g": line.committed_g,
                "on_paper_g": line.on_paper_g,
                "signed_fen": price_of(line.committed_g, line.floor_fen_per_kg),
                "due_g": int(due_g),
                "called_g": int(called_g),
                "left_g": line.here_g - int(stands_g),
            }
        )
    return lines


def _call_offs(session: Session, agreement_id: int) -> list[dict[str, Any]]:
    rows = session.execute(
        select(CallOff, Product.sku, AgreementVersion.number)
        .join(AgreementLine, AgreementLine.id == CallOff.line_id)
        .join(Product, Product.id == AgreementLine.product_id)
        .outerjoin(AgreementVersion, AgreementVersion.id == CallOff.version_id)
        .where(CallOff.agreement_id == agreement_id)
        .order_by(CallOff.due_on, CallOff.id)
    )
    return [
        {
            "id": call.id,
            "sku": sku,
            "status": call.status.value,
            "due_on": call.due_on,
            "weight_g": call.weight_g,
            "price_fen_per_kg": call.price_fen_per_kg,
            "stands_g": call.stands_g,
            "again_g": call.again_g,
            "schedule_day": call.schedule_day,
            "cancelled_by": call.cancelled_by and call.cancelled_by.value,
            "version": version,
        }
        for call, sku, version in rows
    ]


def versions(session: Session, actor: Actor, code: str) -> list[dict[str, Any]]:
    """All versions of an agreement that `actor` sees, the youngest first. Raises NotFoundError as `agreement`.

    Who signed is named to its sides and the county. Of a signature on paper the day is known, not hour nor person.
    """
    wanted = select(Agreement.id, Agreement.version_id, Agreement.signed_on, of_a_party(actor).label("named"))
    found = session.execute(visible(wanted, actor).where(Agreement.code == code)).first()
    if found is None:
        raise NotFoundError(what=code)
    rows = session.execute(
        select(AgreementVersion, AgreementSignature, Person.name_zh)
        .outerjoin(AgreementSignature, AgreementSignature.version_id == AgreementVersion.id)
        .outerjoin(Person, Person.id == AgreementSignature.person_id)
        .where(AgreementVersion.agreement_id == found.id)
        .order_by(AgreementVersion.number.desc(), AgreementSignature.signed_at, AgreementSignature.side)
    )
    shown: dict[int, dict[str, Any]] = {}
    for version, signature, name_zh in rows:
        one = shown.setdefault(
            version.id,
            {
                "number": version.number,
                "document_hash": version.document_hash,
                "proposed_by": version.proposed_by.value,
                "proposed_at": version.proposed_at,
                "note": version.note,
                "in_force": version.id == found.version_id,
                "terms": version.terms,
                "signatures": [],
            },
        )
        if signature is not None:
            here = not signature.on_paper
            one["signatures"].append(
                {
                    "side": signature.side.value,
                    "signed_on": beijing_day(signature.signed_at) if here else found.signed_on,
                    "signed_at": signature.signed_at if here else None,
                    "on_paper": signature.on_paper,
                    "person_name_zh": name_zh if here and found.named else None,
                }
            )
    return list(shown.values())


def reminders(session: Session, actor: Actor) -> list[dict[str, Any]]:
    """Reminders of running agreements that `actor` sees, the nearest end first, at most a hundred."""
    query = visible(
        select(
            Agreement.code.label("agreement"), Partner.name_zh.label("partner_name_zh"),
            Firm.name_zh.label("firm_name_zh"), AgreementReminder.ends_on, AgreementReminder.days_before,
            AgreementReminder.reminded_at,
        ),
        actor,
    )  # fmt: skip
    rows = session.execute(
        query.join(AgreementReminder, AgreementReminder.agreement_id == Agreement.id)
        .where(Agreement.status.in_(RUNNING), AgreementReminder.ends_on == Agreement.ends_on)
        .order_by(AgreementReminder.ends_on, AgreementReminder.days_before, Agreement.id)
        .limit(100)
    )
    return [dict(row) for row in rows.mappings()]


def quotes(
    session: Session, *wanted: ColumnElement[bool], limit: int, before: int | None = None
) -> list[dict[str, Any]]:
    """Market quotes and their corrections, the last recorded first."""
    query = select(MarketQuote, Product.sku).join(Product, Product.id == MarketQuote.product_id).where(*wanted)
    if before is not None:
        query = query.where(MarketQuote.id < before)
    rows = session.execute(query.order_by(MarketQuote.id.desc()).limit(limit))
    return [columns_of(quote) | {"sku": sku, "grade": quote.grade.value} for quote, sku in rows]


def quote_files(session: Session, *, limit: int, before: int | None = None) -> list[dict[str, Any]]:
    """Files that the job took in from the inbox, the last first, with the rows that it left out."""
    query = select(QuoteFileTaken) if before is None else select(QuoteFileTaken).where(QuoteFileTaken.id < before)
    rows = session.scalars(query.order_by(QuoteFileTaken.id.desc()).limit(limit))
    return [columns_of(file) for file in rows]


def majeures(session: Session, agreement_id: int) -> list[dict[str, Any]]:
    """Notices of force majeure with the code of the proof, what the county decided and why, the oldest first."""
    rows = session.execute(
        select(ForceMajeure, AgreementPaper.code)
        .outerjoin(AgreementPaper, AgreementPaper.id == ForceMajeure.paper_id)
        .where(ForceMajeure.agreement_id == agreement_id)
        .order_by(ForceMajeure.number)
    ).all()
    notices = [told.id for told, _ in rows]
    words = {one.entity_id: one for one in history_of(session, ForceMajeure.__tablename__, notices, *DECISIONS)}
    return [columns_of(told) | {"paper": code} | decided_in(words.get(told.id)) for told, code in rows]


def decided_in(word: History | None) -> dict[str, Any]:
    """When and why something was decided, as its history has it; nothing yet of what is open."""
    return {"decided_at": word and word.at, "decision_reason": word and word.reason}


def contract(session: Session, actor: Actor, code: str, number: int | None) -> Contract:
    """What the contract of a version says: of the one in force, else of the youngest, or of `number`.

    Raises NotFoundError for an agreement that `actor` does not see, NoSuchVersion for a version that is not there.
    """
    shown = versions(session, actor, code)
    wanted = [one for one in shown if (one["number"] == number if number else one["in_force"])] or (
        [] if number else shown
    )
    if not wanted:
        raise NoSuchVersion(agreement=code, number=number or 0)
    version = wanted[0]
    names = session.execute(
        select(Partner.name_zh, Firm.name_zh)
        .select_from(Agreement)
        .join(Partner, Partner.id == Agreement.partner_id)
        .join(Firm, Firm.id == Agreement.firm_id)
        .where(Agreement.code == code)
    ).one()
    terms = read(version["terms"])
    # Both have signed what is in force or was: the youngest of these before it is what an amendment replaces.
    replaced = next((one for one in shown if one["number"] < version["number"] and _by_both(one)), None)
    since = max(signed["signed_on"] for signed in version["signatures"]) if _by_both(version) else None
    products = {
        product.sku: product
        for product in session.scalars(select(Product).where(Product.sku.in_([line.sku for line in terms.lines])))
    }
    return Contract(
        code=code, number=version["number"], partner_zh=names[0], firm_zh=names[1],
        products_zh={sku: product.name_zh for sku, product in products.items()}, terms=terms,
        document_hash=version["document_hash"], proposed_at=version["proposed_at"],
        signatures=[
            Signed(Side(signed["side"]), signed["signed_on"], signed["signed_at"], signed["person_name_zh"])
            for signed in version["signatures"]
        ],
        plans=_plans(session, code, version["number"], terms, products, replaced is not None, since),
        amends=Amends(replaced["number"], replaced["document_hash"], version["note"], since) if replaced else None,
    )  # fmt: skip


def _by_both(version: dict[str, Any]) -> bool:
    return len(version["signatures"]) == len(SIGNERS)


def _plans(
    session: Session, code: str, number: int, terms: Terms, products: dict[str, Product], amends: bool,
    since: date | None,
) -> dict[str, Plan]:  # fmt: skip
    """What of each line is due when, as `signing` writes it: of an amendment what follows the day `since` it holds."""
    if not amends:
        return {line.sku: Plan(spread(products[line.sku], line, terms)) for line in terms.lines}
    if since is None:
        return {line.sku: Plan(None, per_date_g=line.per_date_g) for line in terms.lines}
    kept = _kept_since(session, code, number, since)
    plans = {}
    for line in terms.lines:
        stays = kept.get(line.sku, Kept(since))
        ahead = stays.called_ahead
        days = spread(products[line.sku], line, terms, stays)
        plans[line.sku] = Plan(days, since, stays.weight_g - sum(ahead.values()), ahead)
    return plans


def _kept_since(session: Session, code: str, number: int, since: date) -> dict[str, Kept]:
    """What an amendment kept when it came into force, by SKU: what fell due stays, of what was called it was noted."""
    amended: Any = session.scalars(
        select(History.facts)
        .join(Agreement, Agreement.id == History.entity_id)
        .where(Agreement.code == code, History.entity_type == Agreement.__tablename__, History.event == "amend")
        .where(History.facts["version"].as_integer() >= number)
        .order_by(History.id)
    ).all()
    ahead = amended[0].get("called_ahead", {})
    rows = session.execute(
        select(Product.sku, AgreementLine.on_paper_g, DueWeight.due_on, DueWeight.weight_g)
        .join(AgreementLine, AgreementLine.product_id == Product.id)
        .join(Agreement, Agreement.id == AgreementLine.agreement_id)
        .outerjoin(DueWeight, (DueWeight.line_id == AgreementLine.id) & (DueWeight.due_on <= since))
        .where(Agreement.code == code)
    )
    days: dict[str, dict[date, int]] = {}
    on_paper = {}
    for sku, on_paper_g, day, grams in rows:
        on_paper[sku] = on_paper_g
        days.setdefault(sku, {}).update({day: grams} if day is not None else {})
    for later in amended[1:]:  # what these took off days that nobody had called
        for sku, released in later.get("released", {}).items():
            for on in [on for on in released if date.fromisoformat(on) <= since]:
                days[sku][date.fromisoformat(on)] += released[on]
    for sku, called in ahead.items():
        days[sku].update({date.fromisoformat(day): grams for day, grams in called.items()})
    return {sku: Kept(since, days[sku], on_paper[sku]) for sku in days}
