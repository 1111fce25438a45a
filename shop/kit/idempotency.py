"""A request twice is a request once: key, fingerprint and stored answer, in the transaction of the effect.

After the IETF draft "The Idempotency-Key HTTP Header Field": no key 400; the same key with another request 422; the
same request again replays the stored answer.

The key is written last, with the answer, in the transaction of the effect: a key is kept exactly when its effect is.
Of two repeats at once one writes the key; the other waits for it there, is undone, and replays. One that is refused
before it comes so far looks for the key once more: was it refused for what its twin did, it gets its twin's answer.
"""

import functools
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import Response, g, make_response, request
from sqlalchemy import CheckConstraint, Index, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import Unauthorized

from shop.kit.db import Model, db, transaction
from shop.kit.direct import Direct
from shop.kit.errors import DomainError
from shop.kit.http import now
from shop.kit.types import Instant, Small


class IdempotencyKey(Model):
    """One key of one principal, and the answer: in the transaction of the effect, so a row is never half done."""

    __tablename__ = "idempotency_keys"
    __table_args__ = (
        CheckConstraint("length(key) BETWEEN 1 AND 255", name="key_length"),
        Index(None, "created_at"),
    )

    principal: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    fingerprint: Mapped[bytes] = mapped_column(LargeBinary(32))
    created_at: Mapped[Instant]
    status: Mapped[Small | None]
    content_type: Mapped[str | None]
    location: Mapped[str | None]
    body: Mapped[bytes | None] = mapped_column(LargeBinary)


class KeyMissing(DomainError):
    """The request needs an Idempotency-Key of 1 to 255 printable ASCII characters."""

    code = "idempotency-key-missing"
    status = 400
    title_zh, title_en = "缺少幂等键", "Idempotency key missing"
    zh = "请求头须带 Idempotency-Key：1 至 255 个可见 ASCII 字符。"
    en = "Send an Idempotency-Key header: 1 to 255 printable ASCII characters."


class KeyReused(DomainError):
    """The same key came with another request."""

    code = "idempotency-key-reused"
    status = 422
    title_zh, title_en = "幂等键已用于另一请求", "Idempotency key reused"
    zh = "此 Idempotency-Key 已用于另一请求，请换一个。"
    en = "This Idempotency-Key was used for another request."


@dataclass(frozen=True)
class Answered:
    """What was answered to a key, and to which request."""

    fingerprint: bytes
    status: int
    content_type: str
    location: str | None
    body: bytes


class _KeyTaken(Exception):
    """A repeat at the same time was faster."""


_ANSWERED = Direct(
    "SELECT fingerprint, status, content_type, location, body FROM idempotency_keys"
    " WHERE principal = :principal AND key = :key"
)
_KEEP = Direct(
    "INSERT INTO idempotency_keys (principal, key, fingerprint, created_at, status, content_type, location, body)"
    " VALUES (:principal, :key, :print, :now, :status, :type, :location, :body) ON CONFLICT DO NOTHING RETURNING status"
)


def key_of_request() -> str | None:
    """The Idempotency-Key; None when there is none, or not a proper one."""
    key = request.headers.get("Idempotency-Key", "")
    proper = key and len(key) <= 255 and key.isascii() and key.isprintable() and key == key.strip()
    return key if proper else None


def _fingerprint() -> bytes:
    """SHA-256 of what is asked: the same JSON written in another way is the same request."""
    body = (
        json.dumps(request.get_json(), sort_keys=True, separators=(",", ":")).encode()
        if request.is_json and request.content_length
        else request.get_data()
    )
    return hashlib.sha256(f"{request.method} {request.full_path}\n".encode() + body).digest()


def idempotent(view: Callable[..., Any]) -> Callable[..., Any]:
    """Run a writing view at most once for each key of the signed-in person. Stands below `allow`, above the rest.

    Opens the one transaction of the request, so the view opens none and uses `db.session`. One statement: the storing
    of the answer; whether the key was answered before, `allow` has read already. A refused request keeps no key: it may
    be sent again with the same one. Raises KeyMissing, KeyReused; 401 without a person, whatever `allow` says.
    """

    @functools.wraps(view)
    def wrapper(*args: Any, **kwargs: Any) -> Response:
        if g.principal is None:
            raise Unauthorized(www_authenticate=WWWAuthenticate("bearer"))
        key = key_of_request()
        if key is None:
            raise KeyMissing
        return _once(g.principal, key, _fingerprint(), lambda: make_response(view(*args, **kwargs)), g.answered)

    wrapper.is_idempotent = True  # type: ignore[attr-defined]
    return wrapper


def once(principal: str, key: str, asked: bytes, make: Callable[[], Response]) -> Response:
    """The answer that `make` gives to the first request with `key`; a repeat gets the stored one, for pages' forms.

    `asked` is what was asked, in bytes. Opens the transaction in which `make` runs. Raises KeyReused for another
    request.
    """
    return _once(principal, key, hashlib.sha256(asked).digest(), make, _answered(principal, key))


def _answered(principal: str, key: str) -> Answered | None:
    found = _ANSWERED.alone(db.engine, {"principal": principal, "key": key})
    return Answered(*found[0]) if found else None


def _once(principal: str, key: str, digest: bytes, make: Callable[[], Response], answered: Answered | None) -> Response:
    if answered is not None:
        return _replay(answered, digest)
    try:
        with transaction() as session:
            response = make()
            session.flush()
            kept = _KEEP.run(
                session,
                {
                    "principal": principal,
                    "key": key,
                    "print": digest,
                    "now": now(),
                    "status": response.status_code,
                    "type": response.content_type,
                    "location": response.headers.get("Location"),
                    "body": response.get_data(),
                },
            )
            if not kept:
                raise _KeyTaken
            return response
    except Exception:
        answered = _answered(principal, key)
        if answered is None:
            raise
        return _replay(answered, digest)


def _replay(answered: Answered, digest: bytes) -> Response:
    if answered.fingerprint != digest:
        raise KeyReused
    response = Response(answered.body, answered.status, content_type=answered.content_type)
    if answered.location:
        response.headers["Location"] = answered.location
    response.headers["Idempotency-Replayed"] = "true"
    return response
