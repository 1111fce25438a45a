"""The checklist of a firm: what is needed to sell and where, what it showed, who found what. See docs/orders.md."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from shop.access.models import Person
from shop.catalog.errors import NotFoundError, NothingToCheck
from shop.catalog.models import Firm, FirmItem, Requirement, RequirementScope
from shop.kit.states import record


@dataclass(frozen=True)
class Need:
    """An item that a firm needs in a channel (None = in all) from a day on, and how long it has it.

    `held_until` None with `held`: for good.
    """

    name_zh: str
    channel_kind: str | None
    required_from: date
    held: bool
    held_until: date | None

    def missing(self, channel: str | None, day: date) -> bool:
        """Whether the item stops a sale on `day` in this channel; None asks for what stops all of them."""
        if self.channel_kind not in (None, channel) or day < self.required_from:
            return False
        return not self.held or (self.held_until is not None and self.held_until < day)


def needs_by_firm(session: Session) -> dict[int, tuple[Need, ...]]:
    """What each firm needs, by its id. Two statements, one while nothing is needed."""
    scopes = session.execute(
        select(RequirementScope, Requirement.name_zh)
        .join(Requirement, Requirement.id == RequirementScope.requirement_id)
        .order_by(Requirement.id, RequirementScope.id)
    ).all()
    if not scopes:
        return {}
    found: dict[tuple[int, int], tuple[bool, date | None]] = {
        (firm_id, requirement_id): (bool(accepted), expires_on)
        for firm_id, requirement_id, accepted, expires_on in session.execute(
            select(FirmItem.firm_id, FirmItem.requirement_id, FirmItem.accepted, FirmItem.expires_on)
            .where(FirmItem.checked_at.is_not(None))
            .order_by(FirmItem.checked_at, FirmItem.id)  # the last finding of an item counts
        )
    }
    return {
        firm_id: tuple(
            Need(name_zh, of.channel_kind, of.required_from, *found.get((firm_id, of.requirement_id), (False, None)))
            for of, name_zh in scopes
        )
        for firm_id in session.scalars(select(Firm.id))
    }


def requirement_by_code(session: Session, code: str) -> Requirement:
    """The item. Raises NotFoundError."""
    found = session.scalar(select(Requirement).where(Requirement.code == code))
    if found is None:
        raise NotFoundError(what=code)
    return found


def set_scopes(
    session: Session, item: Requirement, scopes: Sequence[tuple[str | None, date]], *, actor_id: int | None,
    now: datetime,
) -> None:  # fmt: skip
    """Where the item is needed from now on. Raises NotFoundError for a channel that there is not, or one twice."""
    session.execute(delete(RequirementScope).where(RequirementScope.requirement_id == item.id))
    for channel, day in scopes:
        try:
            with session.begin_nested():
                session.add(RequirementScope(requirement_id=item.id, channel_kind=channel, required_from=day))
        except IntegrityError:
            raise NotFoundError(what=channel or "all") from None
    facts: dict[str, object] = {"scopes": [[channel, str(day)] for channel, day in scopes]}
    record(session, item, "scopes", person_id=actor_id, now=now, facts=facts)
    session.flush()


def submit_item(
    session: Session, firm: Firm, item: Requirement, told: str, expires_on: date | None, *, actor_id: int | None,
    now: datetime,
) -> None:  # fmt: skip
    """The firm shows what it has; it counts when an office has looked at it. Of a masked item four digits are kept."""
    if item.masked:
        told = re.sub(r"[0-9](?=(?:[^0-9]*[0-9]){4})", "*", told)
    session.add(
        FirmItem(firm_id=firm.id, requirement_id=item.id, told=told, expires_on=expires_on, submitted_at=now)
    )  # fmt: skip
    record(session, firm, "submit_item", person_id=actor_id, now=now, facts={"item": item.code})
    session.flush()


def check_item(
    session: Session, firm: Firm, item: Requirement, *, accepted: bool, office_zh: str, reason: str | None,
    actor_id: int | None, now: datetime,
) -> None:  # fmt: skip
    """An office accepts or rejects what the firm showed last. One that was found before is found anew: a row more.

    The caller holds the firm's lock. Raises NothingToCheck where the firm showed nothing.
    """
    of_it = (FirmItem.firm_id == firm.id, FirmItem.requirement_id == item.id)
    last = session.scalar(select(FirmItem).where(*of_it).order_by(FirmItem.id.desc()).limit(1))
    if last is None:
        raise NothingToCheck(item_zh=item.name_zh)
    if last.checked_at is not None:
        last = FirmItem(
            firm_id=firm.id, requirement_id=item.id, told=last.told, expires_on=last.expires_on,
            submitted_at=last.submitted_at,
        )  # fmt: skip
        session.add(last)
    last.checked_at, last.checked_by_id, last.office_zh = now, actor_id, office_zh
    last.accepted, last.reason = accepted, reason
    facts: dict[str, object] = {"item": item.code, "accepted": accepted, "office_zh": office_zh}
    record(session, firm, "check_item", person_id=actor_id, now=now, facts=facts, reason=reason)
    session.flush()


def requirements(session: Session) -> list[dict[str, Any]]:
    """All items, and where each is needed."""
    scopes: dict[int, list[dict[str, object]]] = {}
    for of in session.scalars(select(RequirementScope).order_by(RequirementScope.id)):
        scopes.setdefault(of.requirement_id, []).append({"channel": of.channel_kind, "required_from": of.required_from})
    return [
        {"code": item.code, "name_zh": item.name_zh, "name_en": item.name_en, "scopes": scopes.get(item.id, [])}
        for item in session.scalars(select(Requirement).order_by(Requirement.id))
    ]


def _says(item: dict[str, Any], last: FirmItem | None, held: FirmItem | None, day: date) -> tuple[str, str]:
    """The state of an item in a word, and a sentence for the firm."""
    name, needed = item["name_zh"], [of for of in item["scopes"] if of["required_from"] <= day]
    good = held is not None and held.accepted and (held.expires_on is None or day <= held.expires_on)
    if good:
        return "held", f"{name}：此前已准入，推定具备，尚未逐项核验" if held and held.implied else f"{name}：已通过"
    if last is not None and last.checked_at is None:
        return "submitted", f"{name}：已提交，等待核验"
    if last is not None and not last.accepted:
        return "rejected", f"{name}：未通过，{last.reason}"
    if last is not None:
        return "expired", f"{name}：已过期，请重新提交"
    return ("missing", f"{name}：缺少，请提交") if needed else ("not_needed", f"{name}：目前不要求")


def checklist(session: Session, firm: Firm, day: date) -> list[dict[str, Any]]:
    """Each item of a firm: where it is needed, what was shown, who found what and when, and what is missing."""
    by_item: dict[str, list[tuple[FirmItem, str | None]]] = {}
    rows = session.execute(
        select(FirmItem, Requirement.code, Person.name_zh)
        .join(Requirement, Requirement.id == FirmItem.requirement_id)
        .outerjoin(Person, Person.id == FirmItem.checked_by_id)
        .where(FirmItem.firm_id == firm.id)
        .order_by(FirmItem.id)
    )
    for row, code, checker in rows:
        by_item.setdefault(code, []).append((row, checker))
    found = []
    for item in requirements(session):
        shown = by_item.get(item["code"], [])
        last = shown[-1][0] if shown else None
        checked = [row for row, _ in shown if row.checked_at is not None]
        held = max(checked, key=lambda row: (row.checked_at, row.id)) if checked else None
        state, says_zh = _says(item, last, held, day)
        needed = any(of["required_from"] <= day for of in item["scopes"])
        tried = [
            {
                "told": row.told, "expires_on": row.expires_on, "submitted_at": row.submitted_at,
                "checked_at": row.checked_at, "checked_by": checker, "office_zh": row.office_zh,
                "accepted": row.accepted, "reason": row.reason, "implied": row.implied,
            }
            for row, checker in shown
        ]  # fmt: skip
        found.append(item | {"state": state, "says_zh": says_zh, "stops": needed and state != "held", "shown": tried})
    return found
