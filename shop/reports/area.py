"""Whose figures a reader sees: the county, his township, or his firm; decided by `access.guard`."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from shop.access.guard import ALL, Actor, scope
from shop.access.models import Role
from shop.catalog.models import Firm
from shop.places.models import Township, Village
from shop.reports.models import JobRun
from shop.reports.runs import LATEST

#: Who reads reports.
READERS = (Role.OPERATOR, Role.MANAGER, Role.FIRM_STAFF)


def area(actor: Actor) -> ColumnElement[bool]:
    """Criterion on `Township` and `Firm`: which township a row counts in is up to the report that joins it."""
    return scope(actor, {Role.OPERATOR: ALL, Role.MANAGER: Township.party_id, Role.FIRM_STAFF: Firm.party_id})


def township_area(actor: Actor) -> ColumnElement[bool]:
    """Criterion on `Township` alone, for what is counted over whole households: nothing for firms."""
    return scope(actor, {Role.OPERATOR: ALL, Role.MANAGER: Township.party_id})


def firms_of(actor: Actor) -> ColumnElement[Any] | None:
    """The ids of his firms as one array, for a look at an index by firm before anything is joined; None for all."""
    if actor.sees_county:
        return None
    ids = select(Firm.id).join(Village, Village.id == Firm.village_id)
    ids = ids.join(Township, Township.id == Village.township_id).where(area(actor)).correlate(None)
    return func.array(ids.scalar_subquery())


def sees_households(actor: Actor) -> bool:
    """Whether he may see what households have altogether: managers may, a firm knows only what it paid itself."""
    return actor.has(Role.OPERATOR, Role.MANAGER)


def as_of(session: Session, *jobs: str) -> datetime | None:
    """The cut-off of figures from several rollups: the oldest of their last refreshes; None if one was never made."""
    done = session.execute(
        select(JobRun.finished_at).where(JobRun.job.in_(jobs), JobRun.period == LATEST).order_by(JobRun.finished_at)
    ).scalars()
    times = list(done)
    return times[0] if len(times) == len(jobs) else None
