"""Who orders without an account: a browser with a signed cookie, and a buyer known by a keyed hash of the phone.

The cookie holds a random name and the numbers of the orders this browser placed or followed; nothing personal. A form
carries a ticket signed for that browser, so another site cannot send it, and sent twice it takes effect once.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from flask import Request, Response, current_app
from sqlalchemy import select
from sqlalchemy.orm import Session

from shop.access.actions import ensure_party
from shop.access.guard import Actor, Grant, Role
from shop.access.models import Party, PartyKind
from shop.kit.seal import seal, unseal
from shop.web.errors import FormExpired, FromElsewhere

COOKIE = "guest"
COOKIE_LIFE = timedelta(days=90)
#: Orders that a browser remembers; the oldest are forgotten and can be followed again by number and phone.
MOST_ORDERS = 20
#: How long a form may stay open before the buyer must confirm it again.
TICKET_LIFE = timedelta(hours=2)


@dataclass(frozen=True)
class Guest:
    """A browser: a random name, and the orders it may see, youngest last."""

    name: str
    orders: tuple[str, ...] = ()

    def sees(self, number: str) -> "Guest":
        """The same browser, which from now on may see this order too."""
        others = tuple(known for known in self.orders if known != number)
        return replace(self, orders=(*others, number)[-MOST_ORDERS:])


@dataclass(frozen=True)
class Ticket:
    """What a form was made for: a one-time word, and the total in fen that the buyer was shown."""

    nonce: str
    total_fen: int


def _secret() -> str:
    return str(current_app.config["SECRET_KEY"])


def guest_of(request: Request) -> Guest | None:
    """The browser that speaks, if it was here before."""
    found = unseal(_secret(), COOKIE, request.cookies.get(COOKIE, ""))
    return Guest(str(found["name"]), tuple(found["orders"])) if found else None


def new_guest() -> Guest:
    """A browser that was not here before."""
    return Guest(secrets.token_urlsafe(16))


def remember(response: Response, guest: Guest, *, secure: bool) -> Response:
    """Give the browser its cookie: not for scripts, not for other sites, over TLS only where there is TLS."""
    sealed = seal(_secret(), COOKIE, {"name": guest.name, "orders": guest.orders})
    response.set_cookie(COOKIE, sealed, max_age=COOKIE_LIFE, httponly=True, samesite="Lax", secure=secure)
    return response


def ticket(guest: Guest, purpose: str, *, total_fen: int = 0, now: datetime) -> str:
    """A word for a form: good for this browser and this purpose, for two hours, once."""
    nonce = secrets.token_urlsafe(12)
    return seal(_secret(), _for(guest, purpose), {"nonce": nonce, "fen": total_fen, "at": int(now.timestamp())})


def opened(sealed: str, guest: Guest, purpose: str, *, now: datetime) -> Ticket:
    """The ticket of a form that came back. Raises FromElsewhere, FormExpired."""
    found = unseal(_secret(), _for(guest, purpose), sealed)
    if found is None:
        raise FromElsewhere
    if now.timestamp() - found["at"] > TICKET_LIFE.total_seconds():
        raise FormExpired
    return Ticket(found["nonce"], found["fen"])


def _for(guest: Guest, purpose: str) -> str:
    return f"ticket\n{guest.name}\n{purpose}"


def from_our_page(request: Request) -> Guest:
    """The browser that sent a form from a page of ours. Raises FromElsewhere (T54)."""
    site = request.headers.get("Sec-Fetch-Site")
    origin = request.headers.get("Origin")
    elsewhere = site not in (None, "same-origin") or (origin is not None and urlsplit(origin).netloc != request.host)
    guest = guest_of(request)
    if elsewhere or guest is None:
        raise FromElsewhere
    return guest


def guest_party(session: Session, phone: str) -> int:
    """The buyer behind a phone: the same for all his orders, and the phone cannot be read from it.

    Locks him, so that two orders of one phone come one after the other.
    """
    code = hmac.new(_secret().encode(), f"buyer\n{phone}".encode(), hashlib.sha256).hexdigest()[:32]
    party_id = ensure_party(session, PartyKind.CUSTOMER, f"guest-{code}", "散客")
    session.execute(select(Party.id).where(Party.id == party_id).with_for_update(key_share=True))
    return party_id


def buyer(party_id: int) -> Actor:
    """Somebody without an account who acts for the buyer of an order that he may see."""
    return Actor(None, (Grant(Role.CUSTOMER, party_id, PartyKind.CUSTOMER),))
