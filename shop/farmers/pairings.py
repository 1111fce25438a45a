"""Who is paired with which village or household (结对帮扶), from which day to which, both included."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session

from shop.access.guard import ALL, Actor, Role, scope
from shop.access.models import Party
from shop.farmers.errors import AlreadyPaired, NotAHelper, NotPaired
from shop.farmers.models import HELPERS, Household, Pairing
from shop.kit.errors import NotFoundError
from shop.kit.states import record
from shop.places.models import Township, Village


@dataclass(frozen=True)
class Helped:
    """A village or a household: one of the two."""

    code: str
    village_id: int | None = None
    household_id: int | None = None

    @property
    def is_this(self) -> ColumnElement[bool]:
        """Rows about it."""
        if self.village_id is None:
            return Pairing.household_id == self.household_id
        return Pairing.village_id == self.village_id


def locked_helper(session: Session, code: str) -> Party:
    """The cadre or buying unit of a code, locked. Raises NotFoundError, NotAHelper."""
    party = session.scalar(
        select(Party)
        .where(Party.code == code)
        .order_by(Party.kind.in_(HELPERS).desc(), Party.kind)
        .limit(1)
        .with_for_update(key_share=True)
    )
    if party is None:
        raise NotFoundError(what=code)
    if party.kind not in HELPERS:
        raise NotAHelper(helper=code)
    return party


def helped(session: Session, village: str | None, household: str | None) -> Helped:
    """Whom a pairing is with. Raises NotFoundError."""
    if village is not None:
        found = session.scalar(select(Village.id).where(Village.code == village))
        if found is not None:
            return Helped(village, village_id=found)
    else:
        found = session.scalar(select(Household.id).where(Household.code == household))
        if found is not None:
            return Helped(str(household), household_id=found)
    raise NotFoundError(what=village or household)


def stands_on(day: date) -> ColumnElement[bool]:
    """Pairings that stand on a day."""
    return and_(Pairing.starts_on <= day, or_(Pairing.ends_on.is_(None), Pairing.ends_on >= day))


def pair(
    session: Session, helper: Party, whom: Helped, starts_on: date, *, actor_id: int | None, now: datetime
) -> Pairing:
    """Pair from a day on. The caller holds the helper's lock. Raises AlreadyPaired for a day that is paired already."""
    known = select(Pairing.id).where(
        Pairing.helper_id == helper.id, whom.is_this, or_(Pairing.ends_on.is_(None), Pairing.ends_on >= starts_on)
    )
    if session.scalar(known.limit(1)):
        raise AlreadyPaired(helper=helper.code, whom=whom.code)
    made = Pairing(
        helper_id=helper.id, helper_kind=helper.kind, village_id=whom.village_id, household_id=whom.household_id,
        starts_on=starts_on, ends_on=None, recorded_by_id=actor_id, recorded_at=now,
    )  # fmt: skip
    session.add(made)
    session.flush()
    return made


def end_pairing(
    session: Session, helper: Party, whom: Helped, ends_on: date, reason: str, *, actor_id: int | None, now: datetime
) -> Pairing:
    """End the pairing that runs; `ends_on` is its last day. The caller holds the helper's lock. Raises NotPaired."""
    running = session.scalar(
        select(Pairing).where(
            Pairing.helper_id == helper.id, whom.is_this, Pairing.ends_on.is_(None), Pairing.starts_on <= ends_on
        )
    )
    if running is None:
        raise NotPaired(helper=helper.code, whom=whom.code)
    running.ends_on = ends_on
    record(session, running, "end", person_id=actor_id, now=now, reason=reason)
    session.flush()
    return running


def pairings(session: Session, actor: Actor, *wanted: ColumnElement[bool], limit: int) -> list[dict[str, Any]]:
    """Pairings that the reader sees, newest first: the county all, a township its own, helpers theirs. One statement.

    Nothing of it says whether a household is assisted: that is seen on need alone.
    """
    rows = session.execute(
        select(
            Pairing.id, Party.code.label("helper"), Party.name_zh.label("helper_zh"), Village.code.label("village"),
            Village.short_zh.label("village_zh"), Household.code.label("household"), Pairing.starts_on, Pairing.ends_on,
        )
        .join(Party, Party.id == Pairing.helper_id)
        .outerjoin(Household, Household.id == Pairing.household_id)
        .join(Village, Village.id == func.coalesce(Pairing.village_id, Household.village_id))
        .join(Township, Township.id == Village.township_id)
        .where(
            scope(
                actor,
                {
                    Role.OPERATOR: ALL,
                    Role.MANAGER: Township.party_id,
                    Role.CADRE: Pairing.helper_id,
                    Role.BUYER: Pairing.helper_id,
                },
            ),
            *wanted,
        )
        .order_by(Pairing.id.desc())
        .limit(limit)
    ).mappings()  # fmt: skip
    return [dict(row) for row in rows]
