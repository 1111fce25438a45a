"""Long tables as files, made by a job: asked for, shown how far they are, fetched by their maker alone, then forgotten.

A table of few rows is answered at once (`Listed.is_long`); of many, somebody would wait and a web process with him.
"""

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import delete, select, text, update
from sqlalchemy.orm import Session, undefer

from shop.access.guard import Actor, Role
from shop.access.queries import acting
from shop.kit.clock import beijing_day
from shop.kit.db import one_moment
from shop.kit.errors import ForbiddenError, NotFoundError
from shop.kit.jobs import enqueue
from shop.kit.tables import CSV_TYPE, PDF_TYPE, XLSX_TYPE, Sheet
from shop.places.queries import place_zh
from shop.reports.agreement_report import AgreementsBy, agreements_report, not_ahead
from shop.reports.area import AGREEMENT_READERS, READERS, area_zh, sees_households
from shop.reports.columns import Column
from shop.reports.errors import FileNotReady, TooLongForPaper, TooManyFiles
from shop.reports.files import as_bytes
from shop.reports.gain import gain
from shop.reports.income_report import IncomeBy, Months, income_report, only_managers
from shop.reports.jobs import MAKE_EXPORT
from shop.reports.lists import (
    AGREEMENTS_BY_ZH,
    INCOME_BY_ZH,
    KEPT,
    OPEN,
    income_columns,
    sheets_of,
    span_zh,
    told_columns,
    whose,
)
from shop.reports.models import Exported, ExportFile, ReportExport

#: Rows that are answered at once: a workbook of them takes about a second.
LONG = 2_000
#: Rows of a file: more than a county has households.
MOST = 200_000
#: How long a file is kept, and after which time one that is not done counts as given up.
KEPT_FOR, GIVEN_UP_AFTER = timedelta(days=3), timedelta(hours=1)
#: Files that one person waits for at a time.
MOST_WAITING = 3
#: Rows between two words of progress.
STEP = 2_000
TYPES = {ExportFile.XLSX: XLSX_TYPE, ExportFile.CSV: CSV_TYPE, ExportFile.PDF: PDF_TYPE}
#: Rows that are printed at once, and at most: setting a page takes a second or more.
PAPER_AT_ONCE, MOST_ON_PAPER = 100, 2_000


@dataclass(frozen=True)
class Wanted:
    """Which table: the months and place of income, or agreements up to a day."""

    report: Exported
    by: IncomeBy | AgreementsBy
    first: date
    last: date
    place: str | None = None

    def kept(self) -> dict[str, object]:
        """As it stands in the row of an export."""
        return {"by": self.by.value, "first": str(self.first), "last": str(self.last), "place": self.place}

    def titled(self, session: Session) -> str:
        """What its file is called."""
        if isinstance(self.by, AgreementsBy):
            return f"采购协议 {AGREEMENTS_BY_ZH[self.by]} 截至 {self.last}"
        span, place = span_zh(Months(self.first, self.last)), place_zh(session, self.place).strip()
        return " ".join(filter(None, ("农户增收", INCOME_BY_ZH[self.by], span, place)))


def _wanted(export: ReportExport) -> Wanted:
    kept: dict[str, Any] = export.wanted
    by = IncomeBy(kept["by"]) if export.report is Exported.INCOME else AgreementsBy(kept["by"])
    first, last = (date.fromisoformat(kept[name]) for name in ("first", "last"))
    return Wanted(export.report, by, first, last, kept["place"])


@dataclass(frozen=True)
class Listed:
    """A table as it was read: title, columns, the report with its rows, whose area it is.

    `parts`: the columns as they fit on paper.
    """

    title: str
    columns: list[Column]
    report: dict[str, Any]
    area: str
    parts: list[list[Column]]

    @property
    def is_long(self) -> bool:
        """Whether there are more rows than were read."""
        return self.report["next"] is not None

    def pdf(self, told: Callable[[int], None] | None = None) -> bytes:
        """Its file on paper."""
        # Here, not above: the printer and its font are loaded when somebody prints.
        from shop.reports.printed import table_pdf

        rows = self.report["items"]
        return table_pdf(
            self.title, self.parts, self.report, rows if told is None else _counting(rows, told), self.area
        )

    def sheets(self, told: Callable[[int], None] | None = None) -> list[Sheet]:
        """The sheets of its file; `told` hears every so often how many rows are written."""
        rows = self.report["items"]
        written = rows if told is None else _counting(rows, told)
        return sheets_of(self.title, self.columns, self.report, written, self.area)


def _counting(rows: list[dict[str, Any]], told: Callable[[int], None]) -> Iterator[dict[str, Any]]:
    for number, row in enumerate(rows, 1):
        yield row
        if number % STEP == 0:
            told(number)


def _readers(wanted: Wanted) -> tuple[Role, ...]:
    """In which roles that table is read."""
    return AGREEMENT_READERS if isinstance(wanted.by, AgreementsBy) else READERS


def listed(session: Session, actor: Actor, wanted: Wanted, *, now: datetime, limit: int | None = None) -> Listed:
    """The table as this reader sees it now, `LONG` rows or `limit`. Raises ForbiddenError as the report does."""
    limit, readers = limit or LONG, _readers(wanted)
    area = place_zh(session, wanted.place) or area_zh(session, actor, readers)
    if isinstance(wanted.by, AgreementsBy):
        agreed = agreements_report(
            session, actor, wanted.by, wanted.last, "zh", today=beijing_day(now), limit=limit, after=None
        )
        named, still_open = whose(wanted.by), told_columns(OPEN, agreed)
        columns = [*named, *KEPT, *still_open]
        return Listed(wanted.titled(session), columns, agreed, area, [[*named, *KEPT], [*named, *still_open]])
    months = Months(wanted.first, wanted.last, wanted.place)
    found = income_report(session, actor, wanted.by, months, "zh", limit=limit, after=None)
    found["gain"] = gain(session, actor, months, "zh", now=now)
    columns = told_columns(income_columns(wanted.by, sees_households(actor)), found)
    return Listed(wanted.titled(session), columns, found, area, [columns])


def ask(session: Session, actor: Actor, wanted: Wanted, file: ExportFile, *, now: datetime) -> ReportExport:
    """Ask for a file. What he waits for already is not asked for again.

    Locks his other questions. Raises TooManyFiles, TooLongForPaper, DayAhead, and ForbiddenError where he may not read
    the table.
    """
    if not actor.has(*_readers(wanted)):
        raise ForbiddenError
    if isinstance(wanted.by, IncomeBy):
        only_managers(wanted.by, actor)
    else:
        not_ahead(wanted.last, beijing_day(now))
    if file is ExportFile.PDF and listed(session, actor, wanted, now=now, limit=MOST_ON_PAPER).is_long:
        raise TooLongForPaper(most=MOST_ON_PAPER)
    session.execute(text("SELECT pg_advisory_xact_lock(hashtext('shop.exports'), :who)"), {"who": actor.person_id})
    waiting = session.scalars(
        select(ReportExport).where(
            ReportExport.person_id == actor.person_id, ReportExport.done_at.is_(None),
            ReportExport.asked_at > now - GIVEN_UP_AFTER,
        )
    ).all()  # fmt: skip
    for one in waiting:
        if (one.report, one.file, one.wanted) == (wanted.report, file, wanted.kept()):
            return one
    if len(waiting) >= MOST_WAITING:
        raise TooManyFiles(most=MOST_WAITING)
    export = ReportExport(
        code=secrets.token_urlsafe(18), person_id=actor.person_id, report=wanted.report, file=file,
        wanted=wanted.kept(), title=wanted.titled(session), asked_at=now,
    )  # fmt: skip
    session.add(export)
    session.flush()
    enqueue(session, MAKE_EXPORT, export.id, now=now)
    return export


def gather(session: Session, export_id: int, *, now: datetime) -> tuple[Listed, ExportFile] | None:
    """Read what a file is made of, with the grants that its maker has now; None where nothing is to be made.

    Who may read no report any more gets no file: his question is taken away.
    """
    export = session.get(ReportExport, export_id)
    if export is None or export.done_at is not None:
        return None
    actor = acting(session, export.person_id).only(frozenset(_readers(_wanted(export))))
    if not actor.grants:
        session.delete(export)
        return None
    with one_moment() as reading:
        most = MOST_ON_PAPER if export.file is ExportFile.PDF else MOST
        found = listed(reading, actor, _wanted(export), now=now, limit=most)
    export.scope, export.rows_total = {"grants": _scope(actor)}, len(found.report["items"])
    return found, export.file


def at_once(file: ExportFile) -> int:
    """Rows of a file that is answered at once."""
    return PAPER_AT_ONCE if file is ExportFile.PDF else LONG


def written(found: Listed, file: ExportFile, told: Callable[[int], None] | None = None) -> bytes:
    """The file. Outside a transaction: writing may take a while."""
    return found.pdf(told) if file is ExportFile.PDF else as_bytes(TYPES[file], found.sheets(told))


def tell(session: Session, export_id: int, rows: int) -> None:
    """So many rows are written."""
    session.execute(update(ReportExport).where(ReportExport.id == export_id).values(rows_done=rows))


def finish(session: Session, export_id: int, body: bytes, *, now: datetime) -> None:
    """Keep the file. Made twice at once, the first one stays."""
    session.execute(
        update(ReportExport)
        .where(ReportExport.id == export_id, ReportExport.done_at.is_(None))
        .values(body=body, rows_done=ReportExport.rows_total, done_at=now, expires_at=now + KEPT_FOR)
    )


def _scope(actor: Actor) -> list[list[object]]:
    return sorted([grant.role.value, grant.party_id] for grant in actor.grants)


def status_of(session: Session, actor: Actor, code: str, *, now: datetime) -> dict[str, Any]:
    """How far his file is. Raises NotFoundError: anybody else's looks like missing."""
    found = _his(actor).where(ReportExport.code == code)
    return _shown(_one(session, found, code), now)


def exports_of(session: Session, actor: Actor, *, now: datetime, limit: int = 5) -> list[dict[str, Any]]:
    """His latest files that can be fetched, or will be. One statement."""
    found = _his(actor).where(ReportExport.asked_at > now - KEPT_FOR - GIVEN_UP_AFTER)
    shown = [_shown(one, now) for one in session.scalars(found.order_by(ReportExport.id.desc()).limit(limit))]
    return [one for one in shown if one["status"] != "expired"]


def fetched(session: Session, actor: Actor, code: str, *, now: datetime) -> tuple[ReportExport, bytes]:
    """His file. Raises FileNotReady, and NotFoundError where it is not his, expired, or of more than he sees now."""
    export = _one(session, _his(actor).where(ReportExport.code == code).options(undefer(ReportExport.body)), code)
    if export.body is None or export.expires_at is None:
        raise FileNotReady(done=export.rows_done)
    kept: dict[str, Any] = export.scope or {}
    if export.expires_at <= now or not all(grant in _scope(actor) for grant in kept["grants"]):
        raise NotFoundError(what=code)
    return export, export.body


def _his(actor: Actor) -> Any:
    return select(ReportExport).where(ReportExport.person_id == actor.person_id)


def _one(session: Session, query: Any, code: str) -> ReportExport:
    found: ReportExport | None = session.scalar(query)
    if found is None:
        raise NotFoundError(what=code)
    return found


def _shown(export: ReportExport, now: datetime) -> dict[str, Any]:
    if export.expires_at is not None:
        status = "ready" if export.expires_at > now else "expired"
    else:
        status = "making" if export.asked_at > now - GIVEN_UP_AFTER else "failed"
    return {
        "code": export.code, "report": export.report, "file": export.file, "title": export.title, "status": status,
        "asked_at": export.asked_at, "rows_done": export.rows_done, "rows_total": export.rows_total,
        "done_at": export.done_at, "expires_at": export.expires_at,
    }  # fmt: skip


def forget(session: Session, *, now: datetime) -> int:
    """Delete files whose time is over and questions that were given up on; returns how many."""
    over = (ReportExport.expires_at <= now) | (
        ReportExport.done_at.is_(None) & (ReportExport.asked_at <= now - KEPT_FOR)
    )
    return int(session.execute(delete(ReportExport).where(over)).rowcount)  # type: ignore[attr-defined]
