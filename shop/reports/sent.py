"""Reports that were sent: frozen bytes in versions. What changed since stands in the next one (`adjustments`)."""

import hashlib
import json
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from shop.access.guard import ALL, Actor, Owner, must_own, scope
from shop.access.models import Party, PartyKind, Person, Role
from shop.kit.clock import beijing_day
from shop.kit.db import one_moment
from shop.kit.errors import ForbiddenError, NotFoundError
from shop.reports.adjustments import Adjusted, adjusted, begin, compared, one_sender, section_of
from shop.reports.area import area_zh
from shop.reports.errors import PeriodNotBegun, ReportNeedsReason, ReportUnchanged
from shop.reports.models import SentCheck, SentReport
from shop.reports.periodic import periodic
from shop.reports.periods import Every, period_of, title_zh

#: Who sends reports: a firm reads its own and sends none.
SENDERS = (Role.OPERATOR, Role.MANAGER)

_OWNER: dict[Role, Owner] = {Role.OPERATOR: ALL, Role.MANAGER: SentReport.party_id}


@dataclass(frozen=True)
class Office:
    """For whom a report is sent: the county or one township, and the actor as its manager alone."""

    actor: Actor
    party_id: int


def office_of(actor: Actor) -> Office:
    """The county if he acts for it, else his first township. Raises ForbiddenError for anybody else."""
    grants = [grant for grant in actor.grants if grant.role in SENDERS]
    grants.sort(key=lambda grant: grant.party_kind is not PartyKind.COUNTY)
    if not grants:
        raise ForbiddenError
    return Office(Actor(actor.person_id, (grants[0],)), grants[0].party_id)


def current_report(session: Session, actor: Actor, every: Every, on: date, *, now: datetime) -> dict[str, Any]:
    """The report as it is now; for an office with what is no longer so of those that it sent, and its own as `sent`."""
    report, _ = _reported(session, actor, every, on, now=now, exact=False)
    return report | {"sent": sent_of(session, actor, every, on, now=now) if actor.has(*SENDERS) else None}


def send_report(
    session: Session, actor: Actor, every: Every, on: date, note: str | None, *, now: datetime
) -> dict[str, Any]:
    """Freeze the report of the period around `on` as the next version, confirmed by the actor.

    What it names of earlier reports is told from then on. Reports of one office and kind are sent one after the other
    (advisory lock); then the checks of the reports that it names are locked. Raises PeriodNotBegun, ReportUnchanged,
    ReportNeedsReason.
    """
    office = office_of(actor)
    period = period_of(every, on)
    if period.first > beijing_day(now):
        raise PeriodNotBegun(first=str(period.first))
    one_sender(session, office.party_id, every)
    last = session.execute(
        select(SentReport)
        .where(SentReport.party_id == office.party_id, SentReport.every == every, SentReport.first_on == period.first)
        .order_by(SentReport.version.desc())
        .limit(1)
    ).scalar()
    with one_moment() as reading:
        report, named = _reported(reading, office.actor, every, on, now=now, exact=True)
    sections = json.loads(_plain(report["sections"]))
    if last is not None and json.loads(last.body)["sections"] == sections:
        raise ReportUnchanged(report=last.code)
    if last is not None and not note:
        raise ReportNeedsReason(report=last.code)
    party, person = (
        session.execute(select(Party.code, Party.name_zh).where(Party.id == office.party_id)).one(),
        session.execute(select(Person.name_zh).where(Person.id == actor.person_id)).scalar_one(),
    )
    version = 1 if last is None else last.version + 1
    code = f"{every.value}-{period.first}-{party.code}-v{version}"
    body = _plain(
        report | {"code": code, "version": version, "note": note, "area": party.name_zh, "confirmed_by": person}
    )
    sent = SentReport(
        code=code, party_id=office.party_id, every=every, first_on=period.first, last_on=period.last,
        version=version, note=note, sent_at=now, confirmed_by_id=actor.person_id, body=body,
        body_sha256=hashlib.sha256(body).digest(),
    )  # fmt: skip
    session.add(sent)
    session.flush()
    begin(session, sent, last, named, now=now)
    session.flush()
    return show_sent(session, actor, code, now=now)


def _reported(
    session: Session, actor: Actor, every: Every, on: date, *, now: datetime, exact: bool
) -> tuple[dict[str, Any], Adjusted]:
    """A report as it is now, and what it names of those that were sent before."""
    report = periodic(session, actor, every, on, now=now) | {"area": area_zh(session, actor)}
    if not actor.has(*SENDERS):
        return report, Adjusted([], [], newest=False)
    office, period = office_of(actor), period_of(every, on)
    named = adjusted(session, office.actor, office.party_id, every, period, now=now, exact=exact)
    report["sections"].append(section_of(named.rows))
    return report, named


_NAMING = aliased(SentReport)
_HEAD = (
    SentReport.id, SentReport.code, SentReport.every, SentReport.first_on, SentReport.last_on, SentReport.version,
    SentReport.note, SentReport.sent_at, SentReport.body_sha256, SentReport.party_id,
    Party.name_zh.label("area"), Person.name_zh.label("confirmed_by"), SentCheck.sent_id.label("followed"),
    SentCheck.checked_at, func.jsonb_array_length(SentCheck.changes).label("changes"), _NAMING.code.label("named_in"),
)  # fmt: skip


def list_sent(
    session: Session, actor: Actor, *, now: datetime, limit: int, before_id: int | None, changed: bool = False
) -> list[dict[str, Any]]:
    """Reports that the actor's office sent, the latest first, `limit` + 1 of them; the county sees all.

    `changed`: only those that are over and tell a figure that is otherwise now and that no report has named.
    """
    query = _heads().where(scope(actor, _OWNER)).order_by(SentReport.id.desc()).limit(limit + 1)
    if before_id is not None:
        query = query.where(SentReport.id < before_id)
    if changed:
        query = query.where(SentCheck.changes != [], SentReport.last_on < beijing_day(now))
    return [_shown(row, now) for row in session.execute(query).mappings()]


def sent_of(session: Session, actor: Actor, every: Every, on: date, *, now: datetime) -> dict[str, Any] | None:
    """The latest version of the period around `on` that the actor's own office sent, without its figures."""
    query = _heads().where(
        SentReport.party_id == office_of(actor).party_id, SentReport.every == every,
        SentReport.first_on == period_of(every, on).first, SentCheck.sent_id.is_not(None),
    )  # fmt: skip
    row = session.execute(query).mappings().one_or_none()
    return None if row is None else _shown(row, now)


def show_sent(session: Session, actor: Actor, code: str, *, now: datetime) -> dict[str, Any]:
    """One sent report without its figures. Raises NotFoundError."""
    row = session.execute(_heads().where(SentReport.code == code)).mappings().one_or_none()
    if row is None:
        raise NotFoundError(what=code)
    must_own(actor, {Role.OPERATOR: ALL, Role.MANAGER: row["party_id"]}, code)
    return _shown(row, now)


def changes_of(session: Session, actor: Actor, code: str, *, now: datetime) -> dict[str, Any]:
    """One sent report with each figure that is otherwise now, whoever was told. Raises NotFoundError."""
    head = show_sent(session, actor, code, now=now)
    sent = session.execute(select(SentReport).where(SentReport.code == code)).scalar_one()
    return head | {"items": compared(session, sent, now=now)}


def body_of(session: Session, actor: Actor, code: str) -> bytes:
    """The bytes of a sent report, as they were sent. Raises NotFoundError."""
    party_id = session.scalar(select(SentReport.party_id).where(SentReport.code == code))
    if party_id is None:
        raise NotFoundError(what=code)
    must_own(actor, {Role.OPERATOR: ALL, Role.MANAGER: party_id}, code)
    return session.execute(select(SentReport.body).where(SentReport.code == code)).scalar_one()


def _heads() -> Any:
    return (
        select(*_HEAD)
        .join(Party, Party.id == SentReport.party_id)
        .join(Person, Person.id == SentReport.confirmed_by_id)
        .outerjoin(SentCheck, SentCheck.sent_id == SentReport.id)
        .outerjoin(_NAMING, _NAMING.id == SentCheck.named_in_id)
    )


def _shown(row: Any, now: datetime) -> dict[str, Any]:
    """`changed`: how many figures are otherwise now and unnamed; None for an older version, or before it is over."""
    every, followed = row["every"], row["followed"] is not None
    told = followed and row["last_on"] < beijing_day(now)
    return dict(row) | {
        "sha256": row["body_sha256"].hex(), "title": title_zh(every, period_of(every, row["first_on"])),
        "latest": followed, "changed": row["changes"] if told else None,
    }  # fmt: skip


def _plain(content: object) -> bytes:
    """JSON in one form: days and instants as ISO text, Chinese as it is written."""
    return json.dumps(
        content, ensure_ascii=False, separators=(",", ":"), default=lambda value: value.isoformat()
    ).encode()
