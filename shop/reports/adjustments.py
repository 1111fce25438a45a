"""What reports that were sent told of their periods and is no longer so: found by a job, named once, in the next one.

The latest version of each period is compared, figure by figure, with what the books say of that period now. A figure
that is otherwise stands in the next report of the kind that the office sends (对已报送数字的调整); what that one said
counts as told from then on. Whoever refreshes a rollup marks its days for it (`Plan.reported`), so that the job looks
at the reports of those days only, and a reader at what it found. Who sends a report looks himself at what is marked.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, cast, delete, exists, false, func, or_, select, text, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session, defer

from shop.access.guard import Actor, Grant
from shop.access.models import Party, PartyKind, Role
from shop.channels.models import PartnerKind
from shop.kit.clock import beijing_day
from shop.kit.dirty import DirtyKey
from shop.reports.columns import BY_ROW, Column
from shop.reports.models import SENT_REPORTS, SentCheck, SentReport
from shop.reports.periodic import SESSION_FIGURES, SPANS_ZH, SUMMARY, whole_tables
from shop.reports.periods import Every, Span, period_of, spans_of, title_zh

#: The sections that are compared: they list all of their rows. An order never changes its firm, its goods or where it
#: came from, so what changes in the others changes one of these.
COMPARED = (
    "summary", "channels", "townships", "households",
    *(f"{kind.value}_partners" for kind in PartnerKind if kind is not PartnerKind.CADRE), "cadres", "sessions",
)  # fmt: skip
#: Reports that the job checks in one transaction: a report that is sent meanwhile waits for so many at most.
BATCH = 10
#: Every night all reports of so many days are checked again: what no mark tells, such as a firm that moved.
NIGHTLY_DAYS = 400

_OF_PERIOD, _CADRES = "period_", "cadres"
#: A figure of the head that earlier reports told: how many households were assisted.
TOLD_NO_MORE = ("summary", "assisted")
#: The order of figures in a section.
_ORDER = [*SUMMARY, *(name for name in SESSION_FIGURES if name not in SUMMARY)]


@dataclass(frozen=True)
class Figure:
    """A figure of a period: where it stands in the report, what it is called, its unit, its value (None: not told)."""

    section: str
    table: str
    key: str
    column: str
    name: str
    measure: str
    value: int | None

    @property
    def path(self) -> str:
        """Its name among all figures of a report."""
        return f"{self.section}:{self.key}:{self.column}"


class Adjusted(NamedTuple):
    """What a report names of those before it. `before`: what its own last version named. `newest`: none is later."""

    rows: list[dict[str, Any]]
    before: list[dict[str, Any]]
    newest: bool


def figures_of(sections: Iterable[dict[str, Any]]) -> dict[str, Figure]:
    """The figures of the period in the sections that are compared, by path.

    `TOLD_NO_MORE` is left out, and the same by township: the difference would tell of single households.
    """
    found = {}
    for section in sections:
        if section["code"] not in COMPARED:
            continue
        columns = [
            Column(one["title"].removeprefix(SPANS_ZH["period"]), one["path"], one["measure"])
            for one in section["columns"]
            if _is_compared(section["code"], one["path"])
        ]
        for row in section["rows"]:
            if (section["code"], row["key"]) == TOLD_NO_MORE:
                continue
            for column in columns:
                name = row["name"] if column.unit == BY_ROW else f"{row['name']}：{column.head()}"
                figure = Figure(
                    section["code"], section["title"], row["key"], column.path, name, column.unit_in(row),
                    row[column.path],
                )  # fmt: skip
                found[figure.path] = figure
    return found


def _is_compared(section: str, column: str) -> bool:
    if section == "sessions":
        return column in SESSION_FIGURES
    return column.startswith(_OF_PERIOD) and (section, column) != ("households", f"{_OF_PERIOD}assisted")


def adjusted(
    session: Session, actor: Actor, party_id: int, every: Every, period: Span, *, now: datetime, exact: bool
) -> Adjusted:
    """What the report of `period` names of earlier ones of its office and kind.

    The newest one names; one of an earlier period keeps what it named. `exact`: reports that wait for the job are
    checked here; else what the job found last is told.
    """
    of_kind = (SentReport.party_id == party_id, SentReport.every == every)
    own = session.scalar(
        select(SentReport.body)
        .where(*of_kind, SentReport.first_on == period.first)
        .order_by(SentReport.version.desc())
        .limit(1)
    )
    before = _named(own) if own is not None else []
    if session.scalar(select(exists().where(*of_kind, SentReport.first_on > period.first))):
        return Adjusted(before, before, newest=False)
    wanted = [SentCheck.changes != [], SentReport.code.in_({row["report"] for row in before})]
    query = (
        select(SentReport, SentCheck, _waits().label("waits"))
        .join(SentCheck, SentCheck.sent_id == SentReport.id)
        .where(*of_kind, SentReport.first_on < period.first, or_(*wanted, _waits() if exact else false()))
        .options(defer(SentReport.body))
    )
    rows = []
    for sent, check, waits in session.execute(query):
        found = _differences(session, actor, sent, check.told, now=now) if exact and waits else check.changes
        told_here = {row["figure"]: row for row in before if row["report"] == sent.code}
        changes = {row["figure"]: row for row in found}
        for path, row in {**told_here, **changes}.items():
            # Told by this report's own version: still the figure to be adjusted is the one told before it.
            before_it = told_here.get(path, row)["sent_value"]
            if row["now_value"] != before_it:
                rows.append(_row(sent, row, before_it))
    return Adjusted(sorted(rows, key=_place), before, newest=True)


def section_of(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """What is named as a section of a report."""
    columns = [
        Column("报表", "title"), Column("表", "table"), Column("指标", "name"), Column("原报数", "sent_value", BY_ROW),
        Column("现在数", "now_value", BY_ROW), Column("调整", "change_value", BY_ROW),
    ]  # fmt: skip
    return {
        "code": "adjustments",
        "title": "对已报送数字的调整",
        "columns": [{"title": column.title, "path": column.path, "measure": column.unit} for column in columns],
        "rows": rows,
        "total": None,
    }


def one_sender(session: Session, party_id: int, every: Every) -> None:
    """Reports of one office and kind are sent one after the other: what one names, the next one knows as told."""
    session.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended(:whose, 0))"), {"whose": f"send {party_id} {every.value}"}
    )


def begin(session: Session, sent: SentReport, replaced: SentReport | None, made: Adjusted, *, now: datetime) -> None:
    """Follow a report that is sent from now on, instead of the version before; what it named is told.

    Called by who holds `one_sender`. Locks the checks of the reports that it names, in the order of their ids.
    """
    if replaced is not None:
        session.execute(delete(SentCheck).where(SentCheck.sent_id == replaced.id))
    # The job looks at it once, too: a refresh that was under way has no mark for a report that it could not see.
    session.add(SentCheck(sent_id=sent.id, told={}, changes=[], waiting_since=now))
    if not made.newest:
        return
    told: dict[str, dict[str, Any]] = {}
    for row, value in [*((row, "sent_value") for row in made.before), *((row, "now_value") for row in made.rows)]:
        told.setdefault(row["report"], {})[row["figure"]] = row[value]
    naming = {row["report"] for row in made.rows}
    followed = (
        select(SentReport.id, SentReport.code)
        .join(SentCheck, SentCheck.sent_id == SentReport.id)
        .where(SentReport.code.in_(told))
        .order_by(SentReport.id)
    )
    for sent_id, code in session.execute(followed).all():
        named = {"named_in_id": sent.id} if code in naming else {}
        session.execute(
            update(SentCheck)
            .where(SentCheck.sent_id == sent_id)
            .values(
                told=SentCheck.told.op("||")(cast(told[code], JSONB)), changes=[], waiting_since=now,
                **named,
            )
        )  # fmt: skip


def check_next(session: Session, *, now: datetime) -> int:
    """Check up to `BATCH` reports that wait, those whose days were marked among them; how many. One worker at a time.

    It waits for no row: a check that a sender holds waits again as soon as it is committed.
    """
    alone = session.scalar(text("SELECT pg_try_advisory_xact_lock(hashtext('shop.sent_checks'))"))
    if not alone:
        return 0
    marked = delete(DirtyKey).where(DirtyKey.rollup == SENT_REPORTS).returning(DirtyKey.on_day)
    if days := list({day for day in session.scalars(marked) if day is not None}):
        of_days = func.unnest(days).column_valued("day")
        _wait(session, exists(select(of_days).where(of_days.between(SentReport.first_on, SentReport.last_on))), now)
    waiting = (
        select(SentReport, SentCheck, Party.kind)
        .join(SentCheck, SentCheck.sent_id == SentReport.id)
        .join(Party, Party.id == SentReport.party_id)
        .where(SentCheck.waiting_since.is_not(None))
        .order_by(SentCheck.waiting_since, SentCheck.sent_id)
        .limit(BATCH)
        .with_for_update(of=SentCheck, skip_locked=True)
    )
    found = session.execute(waiting).all()
    for sent, check, kind in found:
        check.changes = _differences(session, _office(sent.party_id, kind), sent, check.told, now=now)
        check.checked_at, check.waiting_since = now, None
    return len(found)


def look_again(session: Session, *, now: datetime) -> int:
    """Have the job check all reports of the last `NIGHTLY_DAYS` days; how many."""
    return _wait(session, SentReport.first_on > beijing_day(now) - timedelta(days=NIGHTLY_DAYS), now)


def _wait(session: Session, which: ColumnElement[bool], now: datetime) -> int:
    rows = (
        select(SentCheck.sent_id)
        .join(SentReport, SentReport.id == SentCheck.sent_id)
        .where(SentCheck.waiting_since.is_(None), which)
        .with_for_update(of=SentCheck, skip_locked=True)
    )
    ids = session.scalars(rows).all()
    session.execute(update(SentCheck).where(SentCheck.sent_id.in_(ids)).values(waiting_since=now))
    return len(ids)


def _waits() -> ColumnElement[bool]:
    marked = exists().where(
        DirtyKey.rollup == SENT_REPORTS, DirtyKey.on_day.between(SentReport.first_on, SentReport.last_on)
    )
    return or_(SentCheck.waiting_since.is_not(None), marked)


def compared(session: Session, sent: SentReport, *, now: datetime) -> list[dict[str, Any]]:
    """Figures of a sent report that are otherwise now, or were told otherwise since (`told_value`: the last word)."""
    told = _told_last(session, sent)
    kind = session.execute(select(Party.kind).where(Party.id == sent.party_id)).scalar_one()
    rows = []
    for figure, sent_value, now_value in _both(session, _office(sent.party_id, kind), sent, now=now):
        told_value = told.get(figure.path, sent_value)
        if not sent_value == told_value == now_value:
            rows.append(_shown(figure, sent_value, now_value) | {"told_value": told_value})
    return sorted(rows, key=_rank)


def _told_last(session: Session, sent: SentReport) -> dict[str, Any]:
    """What was told of the period of a sent report since: by a later version, by reports that named a change."""
    followed = (
        select(SentReport, SentCheck.told)
        .join(SentCheck, SentCheck.sent_id == SentReport.id)
        .where(
            SentReport.party_id == sent.party_id, SentReport.every == sent.every, SentReport.first_on == sent.first_on
        )
    )
    found = session.execute(followed).one_or_none()
    if found is None:
        return {}
    latest, told = found
    if latest.id == sent.id:
        return dict(told)
    figures = figures_of(json.loads(latest.body)["sections"])
    return {path: figure.value for path, figure in figures.items()} | told


def _differences(
    session: Session, actor: Actor, sent: SentReport, told: Mapping[str, Any], *, now: datetime
) -> list[dict[str, Any]]:
    """The figures of a sent report that are otherwise now than they were told last."""
    rows = []
    for figure, sent_value, now_value in _both(session, actor, sent, now=now):
        last = told.get(figure.path, sent_value)
        if last != now_value:
            rows.append(_shown(figure, last, now_value))
    return rows


def _both(
    session: Session, actor: Actor, sent: SentReport, *, now: datetime
) -> Iterator[tuple[Figure, int | None, int | None]]:
    """Each figure with what the report says, and what the books say now."""
    told = figures_of(json.loads(sent.body)["sections"])
    spans = spans_of(sent.every, sent.first_on, today=beijing_day(now))
    said, holds = comparable(told, figures_of(whole_tables(session, actor, spans)))
    for path, figure in {**said, **holds}.items():
        yield figure, _value(said, path), _value(holds, path)


def comparable(said: Mapping[str, Figure], holds: Mapping[str, Figure]) -> list[Mapping[str, Figure]]:
    """Both without the rows of cadres where other classes are put together in one than in the other.

    What they brought altogether stands by channel, and compares.
    """
    rows = [{figure.key for figure in found.values() if figure.section == _CADRES} for found in (said, holds)]
    if rows[0] == rows[1]:
        return [said, holds]
    return [{path: one for path, one in found.items() if one.section != _CADRES} for found in (said, holds)]


def _value(figures: Mapping[str, Figure], path: str) -> int | None:
    """A row that a report has not is one in which nothing was counted."""
    return figures[path].value if path in figures else 0


def _shown(figure: Figure, before: int | None, now_value: int | None) -> dict[str, Any]:
    return {
        "section": figure.section, "table": figure.table, "key": figure.key, "figure": figure.path,
        "name": figure.name, "measure": figure.measure, "sent_value": before, "now_value": now_value,
        "change_value": _change(before, now_value),
    }  # fmt: skip


def _row(sent: SentReport, change: dict[str, Any], before: int | None) -> dict[str, Any]:
    """A change as the next report names it."""
    told = {"sent_value": before, "change_value": _change(before, change["now_value"])}
    title = title_zh(sent.every, period_of(sent.every, sent.first_on))
    return change | told | {"report": sent.code, "title": title, "on": str(sent.first_on)}


def _change(before: int | None, now_value: int | None) -> int | None:
    return None if before is None or now_value is None else now_value - before


def _rank(row: dict[str, Any]) -> tuple[int, int, str, int]:
    """The order of figures: of the report's sections, and in them by key."""
    section, key, column = row["figure"].split(":", 2)
    if section == "summary":
        return COMPARED.index(section), _ORDER.index(key), "", 0
    return COMPARED.index(section), 0, key, _ORDER.index(column.removeprefix(_OF_PERIOD))


def _place(row: dict[str, Any]) -> tuple[Any, ...]:
    return (row["on"], *_rank(row))


def _named(body: bytes) -> list[dict[str, Any]]:
    """What a sent report names that is told still. One from before there were more tables names figures of its head."""
    (section,) = (one for one in json.loads(body)["sections"] if one["code"] == "adjustments")
    head = {"section": "summary", "table": "总览"}
    return [
        {"title": row["report"], **head, "figure": f"summary:{row['key']}:{_OF_PERIOD}value"} | row
        for row in section["rows"]
        if (row.get("section", "summary"), row["key"]) != TOLD_NO_MORE
    ]


def _office(party_id: int, kind: PartyKind) -> Actor:
    """Who reads what a report of that county or township tells."""
    return Actor(None, (Grant(Role.MANAGER, party_id, kind),))
