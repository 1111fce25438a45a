"""The built-in provider: keeps its own book, notifies later and signed, may notify twice or never, as real ones do."""

import base64
import hashlib
import hmac
import json
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from shop.kit.jobs import enqueue
from shop.payments.errors import NotFoundError, SignatureRefused
from shop.payments.jobs import NOTIFY
from shop.payments.models import SimulatedCharge

#: A notification is good for five minutes, either way.
WINDOW = timedelta(minutes=5)


def charge(session: Session, kind: str, out_number: str, amount_fen: int, *, now: datetime) -> SimulatedCharge:
    """Ask the provider for a payment or a refund; asking twice for one number asks once."""
    known = session.scalar(
        select(SimulatedCharge).where(SimulatedCharge.kind == kind, SimulatedCharge.out_number == out_number)
    )
    if known is not None:
        return known
    asked = SimulatedCharge(
        txn="SIM" + secrets.token_hex(12), kind=kind, out_number=out_number, amount_fen=amount_fen, created_at=now
    )
    session.add(asked)
    session.flush()
    return asked


def complete(session: Session, txn: str, *, now: datetime) -> SimulatedCharge:
    """The payer pressed the button (or the refund went through): done in the provider's book, notification to follow.

    Raises NotFoundError. Doing it twice does it once.
    """
    done = session.scalar(select(SimulatedCharge).where(SimulatedCharge.txn == txn).with_for_update())
    if done is None:
        raise NotFoundError(what=txn)
    if done.done_at is None:
        done.done_at = now
        session.flush()
        enqueue(session, NOTIFY, done.id, now=now)
    return done


@dataclass(frozen=True)
class Signed:
    """A notification on the wire."""

    body: bytes
    headers: dict[str, str]


def notification(done: SimulatedCharge, secret: str, *, now: datetime) -> Signed:
    """The signed message about a charge. Its event id is the charge's: sent again, it is the same event."""
    body = json.dumps(
        {
            "event_id": f"EV-{done.txn}",
            "kind": done.kind,
            "out_number": done.out_number,
            "txn": done.txn,
            "amount_fen": done.amount_fen,
            "currency": "CNY",
        }
    ).encode()
    timestamp, nonce = str(int(now.timestamp())), secrets.token_hex(8)
    return Signed(
        body,
        {
            "Content-Type": "application/json",
            "Pay-Timestamp": timestamp,
            "Pay-Nonce": nonce,
            "Pay-Signature": _signature(secret, timestamp, nonce, body),
        },
    )


def _signature(secret: str, timestamp: str, nonce: str, body: bytes) -> str:
    message = timestamp.encode() + b"\n" + nonce.encode() + b"\n" + body + b"\n"
    return base64.b64encode(hmac.new(secret.encode(), message, hashlib.sha256).digest()).decode()


def verify(body: bytes, timestamp: str, nonce: str, signature: str, secret: str, *, now: datetime) -> None:
    """Check the raw bytes and the five-minute window. Raises SignatureRefused."""
    try:
        age = int(now.timestamp()) - int(timestamp)
    except ValueError:
        raise SignatureRefused from None
    good = hmac.compare_digest(_signature(secret, timestamp, nonce, body).encode(), signature.encode())
    if not good or abs(age) > WINDOW.total_seconds():
        raise SignatureRefused
