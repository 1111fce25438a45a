"""Jobs about payments."""

import urllib.request
from datetime import datetime

from flask import current_app
from sqlalchemy import text
from sqlalchemy.orm import Session

from shop.kit.db import transaction
from shop.orders.jobs import REFUND_EXCESS
from shop.payments import actions, simulated, sweeps
from shop.payments.jobs import NOTIFY, NOTIFY_AGAIN
from shop.payments.models import SimulatedCharge
from tasks.registry import Kind, runs

_SECONDS = 5
_PATH = "/api/v1/payments/notifications/simulated"


@runs(REFUND_EXCESS, Kind.JOB)
def refund_excess(session: Session, order_id: int, *, now: datetime) -> None:
    """What was paid beyond what is owed goes back."""
    actions.refund_excess(session, order_id, now=now)


@runs(NOTIFY, Kind.ERRAND)
def notify(charge_id: int, *, now: datetime) -> None:
    """The simulated provider posts its signed notice to our own address, as a real one would from outside.

    Nothing is open in the database meanwhile. Raises OSError when the address does not answer 2xx: tried again.
    """
    settings = current_app.extensions["settings"]
    with transaction() as session:
        charge = session.get_one(SimulatedCharge, charge_id)
        signed = simulated.notification(charge, settings.payment_secret, now=now)
    # Where the shop answers to certain names only, it is called by one of them.
    named = {"Host": settings.trusted_hosts[0]} if settings.trusted_hosts else {}
    request = urllib.request.Request(  # noqa: S310
        f"{settings.base_url}{_PATH}", data=signed.body, headers=signed.headers | named
    )
    with urllib.request.urlopen(request, timeout=_SECONDS):  # noqa: S310  our own address, from the settings
        pass
    with transaction() as session:
        session.execute(
            text("UPDATE simulated_charges SET notified_at = :now WHERE id = :id"), {"now": now, "id": charge_id}
        )


@runs(NOTIFY_AGAIN, Kind.SWEEP)
def notify_again(session: Session, *, now: datetime) -> int:
    """Charges of which nobody told us are told again."""
    return sweeps.notify_again(session, now=now)
