"""What collectives earned in a year: every village, at zero if need be; joint income once in the total."""

from typing import Any

from sqlalchemy import ColumnElement, func, or_, select, tuple_
from sqlalchemy.orm import Session, aliased

from shop.access.guard import ALL, Actor, Role, scope
from shop.collectives.models import (
    CollectiveIncome,
    CollectiveKind,
    CollectivePart,
    CollectiveTier,
    VillagePairing,
    VillagePairingVoid,
)
from shop.kit.db import columns_of
from shop.kit.errors import NotFoundError
from shop.places.models import Township, Village, VillageKind

_KINDS = tuple(kind.value for kind in CollectiveKind)


def tiers_of(session: Session, year: int) -> list[CollectiveTier]:
    """The tiers that hold in a year, the lowest first."""
    latest = (
        select(CollectiveTier.from_year, CollectiveTier.version)
        .where(CollectiveTier.from_year <= year)
        .order_by(CollectiveTier.from_year.desc(), CollectiveTier.version.desc())
        .limit(1)
    )
    return list(
        session.scalars(
            select(CollectiveTier)
            .where(tuple_(CollectiveTier.from_year, CollectiveTier.version).in_(latest))
            .order_by(CollectiveTier.floor_fen.nulls_first())
        )
    )


def tiers_set(session: Session, *, limit: int, before_id: int | None) -> list[dict[str, Any]]:
    """Every tier that was set, newest first, also those that were replaced, and why."""
    query = select(CollectiveTier).order_by(CollectiveTier.id.desc()).limit(limit)
    if before_id is not None:
        query = query.where(CollectiveTier.id < before_id)
    return [columns_of(tier) for tier in session.scalars(query)]


def latest_year(session: Session, actor: Actor) -> int | None:
    """The last year in which a village of the reader's area earned something; None when none did yet."""
    day = session.scalar(
        select(func.max(CollectiveIncome.received_on))
        .join(CollectivePart, CollectivePart.event_id == CollectiveIncome.id)
        .join(Village, Village.id == CollectivePart.village_id)
        .join(Township, Township.id == Village.township_id)
        .where(_mine(actor))
    )
    return day.year if day else None


def _mine(actor: Actor) -> ColumnElement[bool]:
    """The villages of the reader's area, by their townships."""
    return scope(actor, {Role.OPERATOR: ALL, Role.MANAGER: Township.party_id})


def yearly(
    session: Session, actor: Actor, year: int, *, township: str | None, limit: int, after: str | None, language: str,
    village: str | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Villages of the reader's area by code, at most `limit` + 1 of them, and the total and tiers of all of them.

    Net = income - cost without subsidies, which stand apart. Two statements for any number of villages.
    """
    own = [Village.kind == VillageKind.VILLAGE, _mine(actor)] + ([Township.code == township] if township else [])
    own += [Village.code == village] if village else []
    earned = (
        select(
            CollectivePart.village_id, CollectiveIncome.kind, func.sum(CollectivePart.income_fen).label("income"),
            func.sum(CollectivePart.cost_fen).label("cost"),
        )
        .join(CollectiveIncome, CollectiveIncome.id == CollectivePart.event_id)
        .where(func.extract("year", CollectiveIncome.received_on) == year)
        .group_by(CollectivePart.village_id, CollectiveIncome.kind)
        .subquery()
    )  # fmt: skip
    rows = session.execute(
        select(
            Village.code, Village.short_zh, Township.code.label("township"), Township.name_zh, earned.c.kind,
            earned.c.income, earned.c.cost,
        )
        .join(Township, Township.id == Village.township_id)
        .outerjoin(earned, earned.c.village_id == Village.id)
        .where(*own)
        .order_by(Village.code)
    )  # fmt: skip
    tiers = tiers_of(session, year)
    villages: dict[str, dict[str, Any]] = {}
    for code, name, of, of_name, kind, income, cost in rows:
        row = villages.setdefault(
            code,
            {"village": code, "name_zh": name, "township": of, "township_zh": of_name,
             "income": dict.fromkeys(_KINDS, 0), "cost_fen": 0},
        )  # fmt: skip
        if kind is not None:
            row["income"][kind.value] += int(income)
            row["cost_fen"] += int(cost)
    for row in villages.values():
        subsidy = row["income"][CollectiveKind.SUBSIDY.value]
        row["net_fen"] = sum(row["income"].values()) - subsidy - row["cost_fen"]
        row["subsidy_fen"] = subsidy
        tier = _tier(tiers, row["net_fen"])
        row["tier"] = None if tier is None else tier.name_zh if language == "zh" else tier.name_en
    shown = [row for code, row in villages.items() if after is None or code > after][: limit + 1]
    return {
        "year": year,
        "items": shown[:limit],
        "next": shown[limit - 1]["village"] if len(shown) > limit else None,
        "tiers": [
            {
                "name": tier.name_zh if language == "zh" else tier.name_en, "floor_fen": tier.floor_fen,
                "villages": sum(1 for row in villages.values() if _tier(tiers, row["net_fen"]) is tier),
            }
            for tier in tiers
        ],
        "total": {
            "villages": len(villages),
            "net_fen": sum(row["net_fen"] for row in villages.values()),
            "subsidy_fen": sum(row["subsidy_fen"] for row in villages.values()),
        },
    }  # fmt: skip


def village_year(
    session: Session, actor: Actor, code: str, year: int, *, limit: int, before_id: int | None, language: str
) -> dict[str, Any]:
    """One village's year, and `limit` + 1 of the events that make it, newest first, each with this village's part.

    Raises NotFoundError, also for a village of somebody else's area.
    """
    told = yearly(session, actor, year, township=None, limit=1, after=None, language=language, village=code)
    if not told["items"]:
        raise NotFoundError(what=code)
    reversed_ = aliased(CollectiveIncome)
    query = (
        select(
            CollectiveIncome.id, CollectiveIncome.code, VillagePairing.code.label("pairing"),
            VillagePairing.project_zh, CollectiveIncome.kind, CollectiveIncome.received_on, CollectivePart.income_fen,
            CollectivePart.cost_fen, CollectiveIncome.source, reversed_.code.label("reverses"),
        )
        .join(CollectivePart, CollectivePart.event_id == CollectiveIncome.id)
        .join(Village, Village.id == CollectivePart.village_id)
        .outerjoin(VillagePairing, VillagePairing.id == CollectiveIncome.pairing_id)
        .outerjoin(reversed_, reversed_.id == CollectiveIncome.reverses_id)
        .where(Village.code == code, func.extract("year", CollectiveIncome.received_on) == year)
        .order_by(CollectiveIncome.id.desc())
        .limit(limit + 1)
    )  # fmt: skip
    if before_id is not None:
        query = query.where(CollectiveIncome.id < before_id)
    return {"year": year, **told["items"][0], "items": [dict(row) for row in session.execute(query).mappings()]}


def village_pairings(session: Session, actor: Actor, *, limit: int, before_id: int | None) -> list[dict[str, Any]]:
    """Joint projects of the reader's area, newest first: those with a village of it, the strong or the weak one."""
    strong, weak = aliased(Village), aliased(Village)
    mine = select(Village.id).join(Township, Township.id == Village.township_id).where(_mine(actor))
    query = (
        select(VillagePairing, strong.code, weak.code, VillagePairingVoid.reason)
        .join(strong, strong.id == VillagePairing.strong_id)
        .join(weak, weak.id == VillagePairing.weak_id)
        .outerjoin(VillagePairingVoid, VillagePairingVoid.pairing_id == VillagePairing.id)
        .where(or_(strong.id.in_(mine), weak.id.in_(mine)))
        .order_by(VillagePairing.id.desc())
        .limit(limit)
    )
    if before_id is not None:
        query = query.where(VillagePairing.id < before_id)
    return [
        columns_of(pairing) | {"strong": strong_code, "weak": weak_code, "void_reason": reason}
        for pairing, strong_code, weak_code, reason in session.execute(query)
    ]


def _tier(tiers: list[CollectiveTier], net_fen: int) -> CollectiveTier | None:
    """The highest tier whose floor is reached; a floor of None is that of everybody."""
    reached = [tier for tier in tiers if tier.floor_fen is None or net_fen >= tier.floor_fen]
    return reached[-1] if reached else None


def event_told(session: Session, event: CollectiveIncome) -> dict[str, Any]:
    """An event and its parts by village."""
    parts = session.execute(
        select(Village.code, CollectivePart.income_fen, CollectivePart.cost_fen)
        .join(Village, Village.id == CollectivePart.village_id)
        .where(CollectivePart.event_id == event.id)
        .order_by(Village.code)
    )
    pairing = session.get(VillagePairing, event.pairing_id) if event.pairing_id else None
    return {
        "code": event.code, "pairing": pairing.code if pairing else None, "kind": event.kind.value,
        "received_on": event.received_on, "income_fen": event.income_fen, "cost_fen": event.cost_fen,
        "parts": [{"village": code, "income_fen": income, "cost_fen": cost} for code, income, cost in parts],
    }  # fmt: skip
