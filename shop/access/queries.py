"""Reading people and their grants."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from shop.access import guard
from shop.access.guard import Actor
from shop.access.models import Grant, Party, Person


def acting(session: Session, person_id: int) -> Actor:
    """A person with the grants that he has now, for work done on his behalf later; none while he is disabled."""
    rows = session.execute(
        select(Grant.role, Grant.party_id, Grant.party_kind)
        .join(Person, Person.id == Grant.person_id)
        .where(Person.id == person_id, Person.disabled_at.is_(None))
        .order_by(Grant.id)
    )
    return Actor(person_id, tuple(guard.Grant(*row) for row in rows))


def me(session: Session, actor: Actor) -> dict[str, Any]:
    """Login, name and grants of the actor, in one statement."""
    rows = session.execute(
        select(
            Person.login,
            Person.name_zh,
            Grant.role,
            Grant.party_kind,
            Party.code.label("party_code"),
            Party.name_zh.label("party_name_zh"),
        )
        .outerjoin(Grant, Grant.person_id == Person.id)
        .outerjoin(Party, Party.id == Grant.party_id)
        .where(Person.id == actor.person_id)
        .order_by(Grant.id)
    ).all()
    return {
        "login": rows[0].login,
        "name_zh": rows[0].name_zh,
        "grants": [row for row in rows if row.role is not None],
    }
