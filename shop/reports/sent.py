"""Reports that were sent: frozen bytes in versions. What changed since stands in the next report, as an adjustment."""

import hashlib
import json
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from shop.access.guard import ALL, Actor, Owner, must_own, scope
from shop.access.models import Party, PartyKind, Person, Role
from shop.kit.clock import beijing_day
from shop.kit.db import one_moment
from shop.kit.errors import ForbiddenError, NotFoundError
from shop.reports.area import area_zh
from shop.reports.columns import BY_ROW, Column
from shop.reports.errors import PeriodNotBegun, ReportNeedsReason, ReportUnchanged
from shop.reports.models import SentReport
from shop.reports.periodic import SUMMARY, counted, periodic, totals
from shop.reports.periods import Every, before, period_of, spans_of, title_zh

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
    """The report as it is now, and for an office what changed since the report before was sent."""
    report = periodic(session, actor, every, on, now=now) | {"area": area_zh(session, actor)}
    if any(grant.role in SENDERS for grant in actor.grants):
        report["sections"].append(_adjustments(session, office_of(actor), every, on, now=now))
    return report


def send_report(
    session: Session, actor: Actor, every: Every, on: date, note: str | None, *, now: datetime
) -> dict[str, Any]:
    """Freeze the report of the period around `on` as the next version, confirmed by the actor. No lock.

    Two at once cannot take the same version (unique). Raises PeriodNotBegun, ReportUnchanged, ReportNeedsReason.
    """
    office = office_of(actor)
    period = period_of(every, on)
    if period.first > beijing_day(now):
        raise PeriodNotBegun(first=str(period.first))
    last = session.execute(
        select(SentReport)
        .where(SentReport.party_id == office.party_id, SentReport.every == every, SentReport.first_on == period.first)
        .order_by(SentReport.version.desc())
        .limit(1)
    ).scalar()
    with one_moment() as reading:
        report = current_report(reading, office.actor, every, on, now=now)
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
    session.add(
        SentReport(
            code=code, party_id=office.party_id, every=every, first_on=period.first, last_on=period.last,
            version=version, note=note, sent_at=now, confirmed_by_id=actor.person_id, body=body,
            body_sha256=hashlib.sha256(body).digest(),
        )
    )  # fmt: skip
    session.flush()
    return show_sent(session, actor, code)


_HEAD = (
    SentReport.id, SentReport.code, SentReport.every, SentReport.first_on, SentReport.last_on, SentReport.version,
    SentReport.note, SentReport.sent_at, SentReport.body_sha256, SentReport.party_id,
    Party.name_zh.label("area"), Person.name_zh.label("confirmed_by"),
)  # fmt: skip


def list_sent(session: Session, actor: Actor, *, limit: int, before_id: int | None) -> list[dict[str, Any]]:
    """Reports that the actor's office sent, the latest first, `limit` + 1 of them; the county sees all."""
    query = _heads().where(scope(actor, _OWNER)).order_by(SentReport.id.desc()).limit(limit + 1)
    if before_id is not None:
        query = query.where(SentReport.id < before_id)
    return [_shown(row) for row in session.execute(query).mappings()]


def show_sent(session: Session, actor: Actor, code: str) -> dict[str, Any]:
    """One sent report without its figures. Raises NotFoundError."""
    row = session.execute(_heads().where(SentReport.code == code)).mappings().one_or_none()
    if row is None:
        raise NotFoundError(what=code)
    must_own(actor, {Role.OPERATOR: ALL, Role.MANAGER: row["party_id"]}, code)
    return _shown(row)


def body_of(session: Session, actor: Actor, code: str) -> bytes:
    """The bytes of a sent report, as they were sent. Raises NotFoundError."""
    show_sent(session, actor, code)
    return session.execute(select(SentReport.body).where(SentReport.code == code)).scalar_one()


def _heads() -> Any:
    return (
        select(*_HEAD)
        .join(Party, Party.id == SentReport.party_id)
        .join(Person, Person.id == SentReport.confirmed_by_id)
    )


def _shown(row: Any) -> dict[str, Any]:
    period = period_of(row["every"], row["first_on"])
    return dict(row) | {"sha256": row["body_sha256"].hex(), "title": title_zh(row["every"], period)}


def _plain(content: object) -> bytes:
    """JSON in one form: days and instants as ISO text, Chinese as it is written."""
    return json.dumps(
        content, ensure_ascii=False, separators=(",", ":"), default=lambda value: value.isoformat()
    ).encode()


def _adjustments(session: Session, office: Office, every: Every, on: date, *, now: datetime) -> dict[str, Any]:
    """What the report before said of its period, what the books say now, and the difference, where there is one."""
    period = before(every, period_of(every, on))
    body = session.execute(
        select(SentReport.body, SentReport.code)
        .where(SentReport.party_id == office.party_id, SentReport.every == every, SentReport.first_on == period.first)
        .order_by(SentReport.version.desc())
        .limit(1)
    ).one_or_none()
    rows = []
    if body is not None:
        sent = {row["key"]: row for row in json.loads(body.body)["sections"][0]["rows"]}
        spans = spans_of(every, period.first, today=beijing_day(now))
        current = totals(office.actor, counted(session, office.actor, spans))
        for name, (title, unit) in SUMMARY.items():
            said, holds = sent[name]["period_value"], current[f"period_{name}"]
            if said != holds:
                rows.append({
                    "key": name, "name": Column(title, name, unit).head(), "measure": unit, "report": body.code,
                    "sent_value": said, "now_value": holds,
                    "change_value": None if said is None or holds is None else holds - said,
                })  # fmt: skip
    columns = [
        Column("指标", "name"), Column("报表", "report"), Column("报送数", "sent_value", BY_ROW),
        Column("现在数", "now_value", BY_ROW), Column("调整", "change_value", BY_ROW),
    ]  # fmt: skip
    return {
        "code": "adjustments",
        "title": "对上期已报送数字的调整",
        "columns": [{"title": column.title, "path": column.path, "measure": column.unit} for column in columns],
        "rows": rows,
        "total": None,
    }
