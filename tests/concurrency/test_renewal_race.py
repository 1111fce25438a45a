"""Two renewals of one agreement signed at once, by real threads: the first bars the other."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from shop.agreements import renewing, signing
from shop.agreements.actions import agreement_by_code
from shop.agreements.errors import NotRenewable
from shop.agreements.models import Agreement
from shop.kit.db import transaction
from tests.factories.agreements import BUYER, FIRM, drafted, recorded, sign_by, terms
from tests.factories.world import TODAY, World, build


@pytest.fixture
def world(committed: Flask) -> World:
    """Agreement A50, and two drafts that renew it, each signed by the buyer."""
    built = build(committed)
    with transaction() as session:
        old = recorded(session, ends_on=TODAY.replace(day=29))
        for code in ("A51", "A52"):
            drafted(session, terms(starts_on=TODAY.replace(day=30)), code, renews=old)
            sign_by(session, code, BUYER)
    return built


def signed_at_once(world: World) -> list[bool]:
    start = Barrier(2)

    def sign(code: str) -> bool:
        with world.app.app_context():
            start.wait(timeout=10)
            try:
                with transaction() as session:
                    return sign_by(session, code, FIRM)
            except NotRenewable:
                return False

    with ThreadPoolExecutor(2) as threads:
        return sorted(threads.map(sign, ("A51", "A52")))


def test_of_two_renewals_signed_at_once_one_is_in_force(world: World) -> None:
    assert signed_at_once(world) == [False, True]


def test_the_control_without_the_lock_both_are_in_force(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the lock of the old agreement is for: if this test fails, the one above proves nothing."""
    read, asked = Barrier(2), renewing.renewal_of

    def slowly(session: Session, old: Agreement) -> Agreement | None:
        found = asked(session, old)
        read.wait(timeout=10)
        return found

    for place in (renewing, signing):
        monkeypatch.setattr(place, "renewed_by", lambda session, _: agreement_by_code(session, "A50"))
    monkeypatch.setattr(renewing, "renewal_of", slowly)
    assert signed_at_once(world) == [True, True]
