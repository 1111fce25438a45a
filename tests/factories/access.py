"""People who are signed in, made by the real actions."""

from itertools import count

from flask import Flask

from shop.access import actions
from shop.access.models import ROLE_FITS, PartyKind, Role
from shop.kit.db import transaction

_numbers = count(1)

PASSWORD = "long enough to remember"


def person(app: Flask, *grants: tuple[Role, int], login: str | None = None) -> int:
    """Somebody with these (role, party id) grants."""
    now = app.extensions["clock"].now()
    with app.app_context(), transaction() as session:
        made = actions.create_person(
            session, login=login or f"person{next(_numbers)}", name_zh="某人（示例）", password=PASSWORD, now=now
        )
        for role, party_id in grants:
            actions.grant(session, made.id, party_id, role, now=now)
        return made.id


def party(app: Flask, kind: PartyKind, code: str | None = None) -> int:
    """A party of `kind`."""
    with app.app_context(), transaction() as session:
        return actions.ensure_party(session, kind, code or f"{kind}-{next(_numbers)}", "某方（示例）")


def headers_of(app: Flask, person_id: int) -> dict[str, str]:
    """The headers of a signed-in person."""
    with app.app_context(), transaction() as session:
        token = actions.issue_token(session, person_id, now=app.extensions["clock"].now())
    return {"Authorization": f"Bearer {token}"}


def signed_in(app: Flask, role: Role, party_id: int | None = None) -> dict[str, str]:
    """The headers of somebody new who acts for `party_id`, or for a new party that fits, in `role`."""
    owner = party(app, ROLE_FITS[role][0]) if party_id is None else party_id
    return headers_of(app, person(app, (role, owner)))
