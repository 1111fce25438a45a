"""Publishing income figures, and re-stating them openly: a version stays as it was, the next one says what changed.

Only closed months are published. What they said as statements never changes; what may change afterwards is what counts
for whom (records of one family merged), or a rule of this report.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from shop.access.guard import Actor, Grant
from shop.access.models import PartyKind, Role
from shop.income.models import ClosedMonth
from shop.income.months import next_month
from shop.kit.dirty import DirtyKey
from shop.kit.errors import NotFoundError
from shop.reports.errors import (
    FiguresNotReady,
    NothingToRestate,
    PeriodNotClosed,
    RestatementNeedsReason,
    TooFewHouseholds,
)
from shop.reports.income_report import IncomeBy, Months, income_report
from shop.reports.kinds import households_by_kind, untold_kinds, without_kinds
from shop.reports.models import Publication, Rollup
from shop.reports.told import FEW, Counts, untold

#: The county as a whole: what is published is nobody's view in particular.
_COUNTY = Actor(None, (Grant(Role.OPERATOR, 0, PartyKind.COUNTY),))
#: Rollups that the figures are read from.
_READ = (Rollup.INCOME, Rollup.REACH, Rollup.COSTS)
#: Not published: it would tell of single households, or differs by reader and moment.
_UNTOLD = frozenset({"assisted_households", "name"})
#: Sums of facts, which move with the household that they are of.
_CARRIED = ("cash_fen", "weight_g", "sales_reached_fen")
_ROWS = 100
_ALONE = text("SELECT pg_advisory_xact_lock(hashtext('shop.publications'))")


def publish(
    session: Session, months: Months, reason: str | None, *, actor_id: int | None, now: datetime
) -> Publication:
    """Publish the figures of closed months by township, or re-state them as the next version.

    Publications wait for one another. Raises PeriodNotClosed, FiguresNotReady, TooFewHouseholds,
    RestatementNeedsReason, NothingToRestate.
    """
    session.execute(_ALONE)
    closed = session.scalar(select(func.max(ClosedMonth.month)))
    if closed is None or closed < months.last:
        raise PeriodNotClosed(last=f"{months.last:%Y-%m}")
    waiting = session.scalar(
        select(func.count()).where(
            DirtyKey.rollup.in_([rollup.value for rollup in _READ]), DirtyKey.on_day.between(months.first, months.last)
        )
    )
    if waiting:
        raise FiguresNotReady(waiting=waiting)
    versions = _versions(session, months)
    before = versions[0] if versions else None
    figures = _figures(session, months, versions)
    if before is not None and before.figures == figures:
        raise NothingToRestate(version=before.version)
    if before is not None and reason is None:
        raise RestatementNeedsReason(version=before.version)
    made = Publication(
        first_month=months.first, last_month=months.last, version=before.version + 1 if before else 1,
        figures=figures, reason=reason if before else None, published_by_id=actor_id, published_at=now,
    )  # fmt: skip
    session.add(made)
    session.flush()
    return made


def _versions(session: Session, months: Months) -> Sequence[Publication]:
    """What was published of the period, the last version first."""
    return session.scalars(
        select(Publication)
        .where(Publication.first_month == months.first, Publication.last_month == months.last)
        .order_by(Publication.version.desc())
    ).all()


def _figures(session: Session, months: Months, versions: Sequence[Publication]) -> dict[str, object]:
    told = _report(session, months)
    hidden = _changed(told, versions)
    others, counts = _overlapping(session, months), []
    parts = _parts(months, others)
    for part in parts:
        of_part = told if part == months else _report(session, part)
        people = {row["key"]: _behind(row) for row in of_part["items"]}
        # A part that was published by itself, before this rule, is known already.
        if part not in others and 0 < _behind(of_part["total"]) < FEW:
            raise TooFewHouseholds(
                first=f"{part.first:%Y-%m}", last=f"{part.last:%Y-%m}", households=of_part["total"]["households"],
                least=FEW,
            )  # fmt: skip
        counts.append(people)
        hidden |= untold(Counts(people))
    for each in counts:
        hidden = untold(Counts(each), also=hidden)
    kinds = _untold_kinds(session, months, parts, hidden)
    return {
        "total": without_kinds(_told(told["total"]), kinds["total"]),
        "townships": [
            _of_township(row, withheld=row["key"] in hidden, kinds=kinds["townships"]) for row in told["items"]
        ],
        "withheld_kinds": {of: sorted(names) for of, names in kinds.items()},
    }


def _untold_kinds(
    session: Session, months: Months, parts: Sequence[Months], hidden: set[str]
) -> dict[str, set[str]]:  # fmt: skip
    """The kinds that the total and the townships do not tell; townships that are withheld stand as one row.

    What a publication of the same months withheld stays withheld, so that two together tell no more than one.
    """
    before: dict[str, set[str]] = {"total": set(), "townships": set()}
    overlap = (Publication.first_month <= months.last, Publication.last_month >= months.first)
    for figures in session.scalars(select(Publication.figures).where(*overlap)):
        withheld: Any = figures.get("withheld_kinds", {})
        for of, names in withheld.items():
            before[of].update(names)
    totals, rows = [], []
    for part in parts:
        counts = households_by_kind(session, part)
        together = {True: Counter[str](), False: Counter[str]()}
        for code, of_kinds in counts.items():
            together[code in hidden].update(of_kinds)
        totals.append(together[True] + together[False])
        rows += [together[True], *(of_kinds for code, of_kinds in counts.items() if code not in hidden)]
    in_total = untold_kinds(totals, before["total"])
    return {"total": in_total, "townships": untold_kinds(rows, before["townships"] | in_total)}


def _report(session: Session, months: Months) -> dict[str, Any]:
    return income_report(session, _COUNTY, IncomeBy.TOWNSHIP, months, "zh", limit=_ROWS, after=None)


def _overlapping(session: Session, months: Months) -> list[Months]:
    """Other published periods that have months of this one."""
    rows = session.execute(
        select(Publication.first_month, Publication.last_month)
        .where(Publication.first_month <= months.last, Publication.last_month >= months.first)
        .distinct()
    )
    return [other for first, last in rows if (other := Months(first, last)) != months]


def _parts(months: Months, others: Sequence[Months]) -> list[Months]:
    """The spans into which the period and the others cut one another.

    What is left of one publication less others is one or several of them.
    """
    cuts = sorted({cut for each in (months, *others) for cut in (each.first, next_month(each.last))})
    return [Months(first, (end - timedelta(days=1)).replace(day=1)) for first, end in pairwise(cuts)]


def _behind(row: dict[str, Any]) -> int:
    """Households behind figures; sales that reached some that were paid nothing are of one at least."""
    return int(row["households"] or any(row[figure] for figure in _CARRIED))


def _changed(told: dict[str, Any], versions: Sequence[Publication]) -> set[str]:
    """Townships whose sums are others than the last version said that told them: the difference is of who moved."""
    before: dict[str, dict[str, Any]] = {}
    for version in reversed(versions):
        rows: Any = version.figures["townships"]
        before |= {row["key"]: row for row in rows if not row["withheld"]}
    return {
        row["key"]
        for row in told["items"]
        if any(before.get(row["key"], {}).get(figure) not in (None, row[figure]) for figure in _CARRIED)
    }


def _of_township(row: dict[str, Any], *, withheld: bool, kinds: set[str]) -> dict[str, Any]:
    """A township's figures but those of `kinds`; `withheld`, only how many households they are of.

    Sums would tell of single ones.
    """
    if withheld:
        return {"key": row["key"], "name": row["name"], "households": row["households"], "withheld": True}
    return without_kinds(_told(row), kinds) | {"name": row["name"], "withheld": False}


def _told(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in _UNTOLD}


def publications(session: Session, *, limit: int, before_id: int | None) -> list[dict[str, Any]]:
    """Every version of every period, newest first, without its figures. One statement."""
    query = select(Publication).order_by(Publication.id.desc()).limit(limit)
    if before_id is not None:
        query = query.where(Publication.id < before_id)
    return [head(found) for found in session.scalars(query)]


def publication(session: Session, first: date, last: date, version: int | None) -> dict[str, Any]:
    """One version with its figures, and what it changed of the version before. Raises NotFoundError."""
    versions = {
        found.version: found
        for found in session.scalars(
            select(Publication).where(Publication.first_month == first, Publication.last_month == last)
        )
    }
    wanted = version or max(versions, default=0)
    if wanted not in versions:
        raise NotFoundError(what=f"{first:%Y-%m}..{last:%Y-%m}")
    found, earlier = versions[wanted], versions.get(wanted - 1)
    changes = _all_changes(earlier.figures, found.figures) if earlier else []
    return head(found) | {"latest_version": max(versions), "figures": found.figures, "changes": changes}


def head(found: Publication) -> dict[str, Any]:
    """A version without its figures."""
    return {
        "id": found.id, "from": found.first_month, "to": found.last_month, "version": found.version,
        "reason": found.reason, "published_at": found.published_at,
    }  # fmt: skip


def _all_changes(before: Any, after: Any) -> list[dict[str, Any]]:
    """Each figure of the total, then of each township, that both versions tell and that is another one now."""
    rows = {row["key"]: row for row in before["townships"]}
    pairs = [(None, before["total"], after["total"])]
    pairs += [(row["key"], rows.get(row["key"], {}), row) for row in after["townships"]]
    return [{"township": key, **change} for key, old, new in pairs for change in _changes(old, new)]


def _changes(before: Any, after: Any, path: str = "") -> list[dict[str, Any]]:
    """Each whole number in both that is another one now."""
    found: list[dict[str, Any]] = []
    for name in sorted(set(before) & set(after)):
        old, new = before[name], after[name]
        if isinstance(old, dict) and isinstance(new, dict):
            found += _changes(old, new, f"{path}{name}.")
        elif old != new and type(old) is type(new) is int:
            found.append({"figure": f"{path}{name}", "before": old, "after": new})
    return found
