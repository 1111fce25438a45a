"""Who may do what, and which rows he sees: decided here and nowhere else.

Deny by default: a view without `allow` is refused at start-up (`assert_guarded`). A missing object and a foreign one
are never told apart.
"""

import functools
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from flask import Flask, g, request
from sqlalchemy import ColumnElement, false, or_, true
from sqlalchemy.orm import InstrumentedAttribute
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import Unauthorized

from shop.access.models import PartyKind, Role
from shop.kit.db import db
from shop.kit.direct import Direct
from shop.kit.errors import ForbiddenError, NotFoundError
from shop.kit.http import now
from shop.kit.idempotency import Answered, key_of_request
from shop.kit.reference import recent_version

__all__ = [
    "ALL",
    "EVERYONE",
    "SIGNED_IN",
    "Actor",
    "Grant",
    "Owned",
    "Owner",
    "Role",
    "admitted",
    "allow",
    "current_actor",
    "may_see",
    "must_own",
    "recognised",
    "reference_version",
    "scope",
]


class Audience(Enum):
    """Who may call a view without having a certain role."""

    EVERYONE = "everyone"
    SIGNED_IN = "signed_in"


class All(Enum):
    """No limit on rows."""

    ALL = "all"


EVERYONE = Audience.EVERYONE
SIGNED_IN = Audience.SIGNED_IN
ALL = All.ALL


@dataclass(frozen=True)
class Grant:
    """A role for a party."""

    role: Role
    party_id: int
    party_kind: PartyKind


@dataclass(frozen=True)
class Actor:
    """Who speaks in this request: nobody in particular, or a person with grants."""

    person_id: int | None
    grants: tuple[Grant, ...] = ()

    def has(self, *roles: Role) -> bool:
        """Whether any grant is one of `roles`."""
        return any(grant.role in roles for grant in self.grants)

    def parties(self, *roles: Role) -> tuple[int, ...]:
        """Ids of the parties he acts for in these roles."""
        return tuple(grant.party_id for grant in self.grants if grant.role in roles)

    def only(self, roles: frozenset[Role]) -> "Actor":
        """The same person with no grant but those in `roles`."""
        return Actor(self.person_id, tuple(grant for grant in self.grants if grant.role in roles))

    @property
    def sees_county(self) -> bool:
        """Operator, or a manager of the county itself."""
        return any(grant.party_kind is PartyKind.COUNTY for grant in self.grants)


ANYBODY = Actor(person_id=None)

#: One statement answers who speaks, what for, which version of the reference data is current, and what was answered to
#: this key before.
_WHO = Direct(
    """
    SELECT people.id, reference_version.version,
           (SELECT json_agg(json_build_array(grants.role, grants.party_id, grants.party_kind) ORDER BY grants.id)
            FROM grants WHERE grants.person_id = people.id),
           kept.fingerprint, kept.status, kept.content_type, kept.location, kept.body
    FROM reference_version LEFT JOIN access_tokens
      ON access_tokens.token_hash = :hash AND access_tokens.revoked_at IS NULL AND access_tokens.expires_at > :now
    LEFT JOIN people ON people.id = access_tokens.person_id AND people.disabled_at IS NULL
    LEFT JOIN idempotency_keys AS kept ON kept.principal = 'person:' || people.id AND kept.key = :key
    """
)


def token_hash(token: str) -> bytes:
    """What is kept of a token."""
    return hashlib.sha256(token.encode()).digest()


def _authenticate(key: str | None) -> Actor:
    """The actor of this request. Raises 401 for a token that is no longer, or never was, good."""
    g.pop("reference_version", None)  # an app context may be older than the request, in scripts and tests
    header = request.headers.get("Authorization", "")
    if not header:
        return ANYBODY
    kind, _, token = header.partition(" ")
    if kind.lower() != "bearer" or not token:
        raise _unauthorized()
    return recognised(token, key)


def recognised(token: str, key: str | None = None) -> Actor:
    """The actor who holds `token`, whichever door it came in by. Raises 401 for one that is not good.

    `key`: the Idempotency-Key of the request; what it was answered before is then known without a statement more.
    """
    g.token_hash = token_hash(token)
    ((person_id, version, grants, *kept),) = _WHO.alone(db.engine, {"hash": g.token_hash, "now": now(), "key": key})
    g.reference_version = version
    if person_id is None:
        raise _unauthorized()
    if key is not None:
        g.answered = Answered(*kept) if kept[0] is not None else None
    return Actor(
        person_id=person_id,
        grants=tuple(Grant(Role(role), party, PartyKind(kind)) for role, party, kind in grants or ()),
    )


def _unauthorized() -> Unauthorized:
    return Unauthorized(www_authenticate=WWWAuthenticate("bearer"))


def reference_version() -> int:
    """The version of the reference data: known from signing in, else asked for (at most one statement)."""
    if not hasattr(g, "reference_version"):
        g.reference_version = recent_version(db.engine)
    return int(g.reference_version)


def current_actor() -> Actor:
    """The actor that `allow` found for this request."""
    actor: Actor = g.actor
    return actor


def admitted(actor: Actor, roles: frozenset[Role]) -> Actor:
    """The actor with his grants in `roles` alone. Raises ForbiddenError when he has none."""
    actor = actor.only(roles)
    if not actor.grants:
        raise ForbiddenError
    return actor


def allow(*audience: Role | Audience) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Let these roles call the view: 401 without a sign-in, 403 for another role.

    `EVERYONE` needs no sign-in (but a bad token is still refused), `SIGNED_IN` no role. Where roles are named, the
    actor has only his grants in them: who is a customer and a host sees no payment of an order he only advertised.
    """
    roles = frozenset(role for role in audience if isinstance(role, Role))
    by_role = len(roles) == len(audience)

    def guard(view: Callable[..., Any]) -> Callable[..., Any]:
        takes_key = getattr(view, "is_idempotent", False)

        @functools.wraps(view)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            actor = _authenticate(key_of_request() if takes_key else None)
            g.principal = None if actor.person_id is None else f"person:{actor.person_id}"
            if EVERYONE not in audience and actor.person_id is None:
                raise _unauthorized()
            g.actor = admitted(actor, roles) if by_role else actor
            return view(*args, **kwargs)

        wrapper.allowed_roles = frozenset(audience)  # type: ignore[attr-defined]
        return wrapper

    return guard


#: Whose a row is: a column with a party id. Whose one object is: a party id. Or nobody in particular: ALL.
Owner = ColumnElement[Any] | InstrumentedAttribute[Any] | All
Owned = int | All | None


def scope(actor: Actor, owners: Mapping[Role, Owner]) -> ColumnElement[bool]:
    """The rows `actor` sees: for each of his roles, those whose owner column is one of his parties, or ALL.

    A county manager counts as ALL wherever managers are named; a township manager by the column given.
    """
    visible: list[ColumnElement[bool]] = []
    for role, owner in owners.items():
        if not actor.has(role):
            continue
        if owner is ALL or (role is Role.MANAGER and actor.sees_county):
            return true()
        visible.append(owner.in_(actor.parties(role)))
    return or_(*visible) if visible else false()


def may_see(actor: Actor, owners: Mapping[Role, Owned]) -> bool:
    """Whether one object, whose owners are given by role, belongs to `actor`."""
    return any(
        actor.has(role)
        and (owner is ALL or (role is Role.MANAGER and actor.sees_county) or owner in actor.parties(role))
        for role, owner in owners.items()
    )


def must_own(actor: Actor, owners: Mapping[Role, Owned], what: str) -> None:
    """Raise NotFoundError unless the object belongs to `actor`: foreign looks like missing."""
    if not may_see(actor, owners):
        raise NotFoundError(what=what)


def assert_guarded(app: Flask) -> None:
    """Refuse to start with an API route that says nothing about who may call it."""
    for rule in app.url_map.iter_rules():
        if not rule.rule.startswith("/api/v1/") or rule.endpoint.startswith("api-docs"):
            continue
        if not hasattr(app.view_functions[rule.endpoint], "allowed_roles"):
            raise RuntimeError(f"{rule.endpoint} does not say who may call it: use access.guard.allow")
