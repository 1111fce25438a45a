"""A request twice is a request once: key, fingerprint and stored answer, in the transaction of the effect.

After the IETF draft "The Idempotency-Key HTTP Header Field": no key 400; the same key with another request 422; the
same request again replays the stored answer. A concurrent repeat waits for the first one's commit and then replays.
"""

import functools
import hashlib
import json
from collections.abc import Callable
from typing import Any

from flask import Response, g, make_response, request
from sqlalchemy import CheckConstraint, Index, LargeBinary, text
from sqlalchemy.orm import Mapped, Session, mapped_column
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import Unauthorized

from shop.kit.db import Model, transaction
from shop.kit.errors import DomainError
from shop.kit.http import now
from shop.kit.types import Instant, Small


class IdempotencyKey(Model):
    """One key of one principal. `status` and `body` are stored before the commit, so a row never stays half done."""

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


_CLAIM = text(
    "INSERT INTO idempotency_keys (principal, key, fingerprint, created_at) VALUES (:principal, :key, :print, :now)"
    " ON CONFLICT DO NOTHING RETURNING 1"
)
_STORED = text(
    "SELECT fingerprint, status, content_type, location, body FROM idempotency_keys"
    " WHERE principal = :principal AND key = :key"
)
_STORE = text(
    "UPDATE idempotency_keys SET status = :status, content_type = :type, location = :location, body = :body"
    " WHERE principal = :principal AND key = :key"
)


def _key_of_request() -> str:
    key = request.headers.get("Idempotency-Key", "")
    if not key or len(key) > 255 or not key.isascii() or not key.isprintable() or key != key.strip():
        raise KeyMissing
    return key


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

    Opens the one transaction of the request, so the view opens none and uses `db.session`. Two statements: the claim,
    and the storing of the answer. A refused request rolls its claim back: it may be sent again with the same key.
    A concurrent repeat waits at the claim (at most `lock_timeout`) and then replays. Raises KeyMissing, KeyReused; 401
    without a person, whatever `allow` says.
    """

    @functools.wraps(view)
    def wrapper(*args: Any, **kwargs: Any) -> Response:
        if g.principal is None:
            raise Unauthorized(www_authenticate=WWWAuthenticate("bearer"))
        claim = {"principal": g.principal, "key": _key_of_request()}
        digest = _fingerprint()
        with transaction() as session:
            return _once(session, claim, digest, lambda: make_response(view(*args, **kwargs)))

    wrapper.is_idempotent = True  # type: ignore[attr-defined]
    return wrapper


def once(session: Session, principal: str, key: str, asked: bytes, make: Callable[[], Response]) -> Response:
    """The answer that `make` gives to the first request with `key`; a repeat gets the stored one, for pages' forms.

    `asked` is what was asked, in bytes. The caller opened the transaction. Raises KeyReused for another request.
    """
    return _once(session, {"principal": principal, "key": key}, hashlib.sha256(asked).digest(), make)


def _once(session: Session, claim: dict[str, str], digest: bytes, make: Callable[[], Response]) -> Response:
    claimed = session.execute(_CLAIM, claim | {"print": digest, "now": now()}).first()
    if claimed is None:
        return _replay(session, claim, digest)
    response = make()
    session.flush()
    session.execute(
        _STORE,
        claim
        | {
            "status": response.status_code,
            "type": response.content_type,
            "location": response.headers.get("Location"),
            "body": response.get_data(),
        },
    )
    return response


def _replay(session: Session, claim: dict[str, str], digest: bytes) -> Response:
    stored = session.execute(_STORED, claim).one()
    if bytes(stored.fingerprint) != digest:
        raise KeyReused
    response = Response(bytes(stored.body), stored.status, content_type=stored.content_type)
    if stored.location:
        response.headers["Location"] = stored.location
    response.headers["Idempotency-Replayed"] = "true"
    return response
