"""Words that a browser keeps for us and cannot change: readable, signed for one purpose."""

import base64
import binascii
import hashlib
import hmac
import json
from typing import Any


def seal(secret: str, purpose: str, payload: object) -> str:
    """`payload` as text for a cookie or a form, with a mark that nobody can make without `secret`."""
    body = base64.urlsafe_b64encode(json.dumps(payload, separators=(",", ":")).encode()).decode().rstrip("=")
    return f"{body}.{_mark(secret, purpose, body)}"


def unseal(secret: str, purpose: str, sealed: str) -> Any:
    """What was sealed, or None when it is not ours or was made for another purpose."""
    body, _, mark = sealed.partition(".")
    if not hmac.compare_digest(_mark(secret, purpose, body).encode(), mark.encode("utf-8", "replace")):
        return None
    try:
        return json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    except (ValueError, binascii.Error):
        return None


def _mark(secret: str, purpose: str, body: str) -> str:
    return hmac.new(secret.encode(), f"{purpose}\n{body}".encode("utf-8", "replace"), hashlib.sha256).hexdigest()
