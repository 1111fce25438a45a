"""Recording what collectives earned. Rules and sources: docs/income.md."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session, aliased

from shop.collectives.errors import (
    CollectiveCodeTaken,
    EarnedInTheFuture,
    NotAVillage,
    OutsideAgreement,
    PairingEarned,
    PairingIsVoid,
    ReversedAlready,
    TiersNotSet,
    TiersOfThePast,
    TiersTaken,
)
from shop.collectives.models import (
    CollectiveIncome,
    CollectiveKind,
    CollectivePart,
    CollectiveTier,
    VillagePairing,
    VillagePairingVoid,
)
from shop.collectives.queries import tiers_of
from shop.kit.clock import beijing_day
from shop.kit.errors import NotFoundError
from shop.kit.money import BP_WHOLE, split
from shop.kit.types import MAX_CODE
from shop.places.models import Village, VillageKind


@dataclass(frozen=True)
class Earned:
    """One event: the paper's code, kind, day, what came in and what it cost (fen), and where it stands."""

    code: str
    kind: CollectiveKind
    received_on: date
    income_fen: int
    cost_fen: int
    source: str


@dataclass(frozen=True)
class Agreed:
    """What two villages agreed: the project, the strong one's part in basis points, the days, the paper."""

    project_zh: str
    strong_bp: int
    starts_on: date
    ends_on: date
    document: str


def village_by_code(session: Session, code: str) -> Village:
    """The village; urban communities are none. Raises NotFoundError."""
    village = session.scalar(select(Village).where(Village.code == code, Village.kind == VillageKind.VILLAGE))
    if village is None:
        raise NotFoundError(what=code)
    return village


def pair_villages(
    session: Session, code: str, strong: Village, weak: Village, agreed: Agreed, *, actor_id: int | None, now: datetime
) -> VillagePairing:
    """Record an agreement of two villages. Raises CollectiveCodeTaken, NotAVillage."""
    if strong.id == weak.id:
        raise NotAVillage(named=f"{strong.code}, {weak.code}")
    if session.scalar(select(VillagePairing.id).where(VillagePairing.code == code)):
        raise CollectiveCodeTaken(taken=code)
    pairing = VillagePairing(
        code=code, strong_id=strong.id, weak_id=weak.id, project_zh=agreed.project_zh, strong_bp=agreed.strong_bp,
        starts_on=agreed.starts_on, ends_on=agreed.ends_on, document=agreed.document, recorded_by_id=actor_id,
        recorded_at=now,
    )  # fmt: skip
    session.add(pairing)
    session.flush()
    return pairing


def record_income(
    session: Session, of: Village | VillagePairing, earned: Earned, *, actor_id: int | None, now: datetime
) -> CollectiveIncome:
    """Record what a village earned, or a joint project: then each village has its part by agreement, to the fen.

    Locks the pairing. Raises CollectiveCodeTaken, EarnedInTheFuture, OutsideAgreement, PairingIsVoid.
    """
    if earned.received_on > beijing_day(now):
        raise EarnedInTheFuture(day=str(earned.received_on))
    if session.scalar(select(CollectiveIncome.id).where(CollectiveIncome.code == earned.code)):
        raise CollectiveCodeTaken(taken=earned.code)
    if isinstance(of, VillagePairing) and not of.starts_on <= earned.received_on <= of.ends_on:
        raise OutsideAgreement(day=str(earned.received_on), pairing=of.code)
    if isinstance(of, VillagePairing):
        _must_stand(session, of)
    event = CollectiveIncome(
        code=earned.code, pairing_id=of.id if isinstance(of, VillagePairing) else None, kind=earned.kind,
        received_on=earned.received_on, income_fen=earned.income_fen, cost_fen=earned.cost_fen, source=earned.source,
        recorded_by_id=actor_id, recorded_at=now,
    )  # fmt: skip
    session.add(event)
    session.flush()
    if isinstance(of, VillagePairing):
        weights = [of.strong_bp, BP_WHOLE - of.strong_bp]
        villages = [of.strong_id, of.weak_id]
    else:
        weights, villages = [1], [of.id]
    parts = zip(villages, split(earned.income_fen, weights), split(earned.cost_fen, weights), strict=True)
    session.add_all(
        CollectivePart(event_id=event.id, village_id=village_id, income_fen=income, cost_fen=cost)
        for village_id, income, cost in parts
    )
    session.flush()
    return event


def void_pairing(
    session: Session, pairing: VillagePairing, reason: str, *, actor_id: int | None, now: datetime
) -> None:
    """Say that an agreement was keyed wrong: it stays readable and earns nothing, for good. Locks it.

    What it shared is reversed first, for the county to see whose figures move. Raises PairingIsVoid, PairingEarned.
    """
    _must_stand(session, pairing)
    mirror = aliased(CollectiveIncome)
    standing = session.scalars(
        select(CollectiveIncome.code)
        .outerjoin(mirror, mirror.reverses_id == CollectiveIncome.id)
        .where(
            CollectiveIncome.pairing_id == pairing.id, CollectiveIncome.reverses_id.is_(None), mirror.id.is_(None)
        )
        .order_by(CollectiveIncome.id)
    ).all()  # fmt: skip
    if standing:
        raise PairingEarned(pairing=pairing.code, events=", ".join(standing))
    session.add(VillagePairingVoid(pairing_id=pairing.id, reason=reason, recorded_by_id=actor_id, recorded_at=now))
    session.flush()


def _must_stand(session: Session, pairing: VillagePairing) -> None:
    session.execute(select(VillagePairing.id).where(VillagePairing.id == pairing.id).with_for_update())
    if session.get(VillagePairingVoid, pairing.id) is not None:
        raise PairingIsVoid(pairing=pairing.code)


def reverse_income(
    session: Session, code: str, reason: str, *, actor_id: int | None, now: datetime
) -> CollectiveIncome:
    """Take an event back by its mirror image, on the same day. Raises NotFoundError, ReversedAlready."""
    event = session.scalar(select(CollectiveIncome).where(CollectiveIncome.code == code).with_for_update())
    if event is None:
        raise NotFoundError(what=code)
    taken_back = session.scalar(select(CollectiveIncome.id).where(CollectiveIncome.reverses_id == event.id))
    if event.reverses_id is not None or taken_back is not None:
        raise ReversedAlready(event=code)
    mirror = _mirror(session, event, reason, actor_id, now)
    parts = session.scalars(select(CollectivePart).where(CollectivePart.event_id == event.id)).all()
    session.add_all(
        CollectivePart(
            event_id=mirror.id, village_id=part.village_id, income_fen=-part.income_fen, cost_fen=-part.cost_fen
        )
        for part in parts
    )
    session.flush()
    return mirror


def _mirror(
    session: Session, event: CollectiveIncome, reason: str, actor_id: int | None, now: datetime
) -> CollectiveIncome:
    """What takes the event back, under its code with -R, or the first of -R2, -R3, … that no paper has.

    A code that somebody takes at the same time is known once he commits: the insert waits for him and tries the next.
    """
    values = {
        "pairing_id": event.pairing_id, "kind": event.kind, "received_on": event.received_on,
        "income_fen": -event.income_fen, "cost_fen": -event.cost_fen, "source": reason, "reverses_id": event.id,
        "recorded_by_id": actor_id, "recorded_at": now,
    }  # fmt: skip
    number, mirror = 0, None
    while mirror is None:
        number += 1
        suffix = f"-R{number}" if number > 1 else "-R"
        code = event.code[-(MAX_CODE - len(suffix)) :] + suffix
        made = insert(CollectiveIncome).values(code=code, **values).on_conflict_do_nothing(index_elements=["code"])
        mirror = session.scalar(made.returning(CollectiveIncome))
    return mirror


def set_tiers(
    session: Session, from_year: int, tiers: Sequence[tuple[int | None, str, str]], reason: str | None = None, *,
    actor_id: int | None, now: datetime,
) -> None:  # fmt: skip
    """Set the tiers (floor in fen, None = the lowest; Chinese and English name) from a year on; with a reason anew.

    A past year in which tiers hold keeps them, so that no report that is out tells another tier than it told. What was
    set before stays as a version of its year. Raises TiersTaken, TiersOfThePast, TiersNotSet.
    """
    current = beijing_day(now).year
    if from_year < current and tiers_of(session, from_year):
        raise TiersOfThePast(year=from_year, current=current)
    last = session.scalar(select(func.max(CollectiveTier.version)).where(CollectiveTier.from_year == from_year))
    if last is not None and reason is None:
        raise TiersTaken(year=from_year)
    if last is None and reason is not None:
        raise TiersNotSet(year=from_year)
    session.add_all(
        CollectiveTier(
            from_year=from_year, version=(last or 0) + 1, reason=reason, floor_fen=floor, name_zh=zh, name_en=en,
            recorded_by_id=actor_id, recorded_at=now,
        )
        for floor, zh, en in tiers
    )  # fmt: skip
    session.flush()
