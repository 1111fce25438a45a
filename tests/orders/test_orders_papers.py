"""What an order relied on when it was placed stays answerable: later verification and revocation do not reach back."""

from datetime import date, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from shop.access.models import Role
from shop.catalog.actions import add_certificate, certificate_of, product_by_sku, verify_certificate
from shop.catalog.models import PaperKind, RequiredPaper
from shop.kit.clock import WalkingClock
from shop.kit.db import transaction
from tests.factories.access import signed_in
from tests.factories.sales import ready
from tests.factories.tables import contents

PEACH, MARK, LICENCE = "PL001", PaperKind.GI_MARK, PaperKind.FOOD_PRODUCTION_LICENCE


def paper(number: str, kind: PaperKind, clock: WalkingClock, *, seen: bool) -> None:
    with transaction() as session:
        product = product_by_sku(session, PEACH)
        made = certificate_of(session, product, kind, number) or add_certificate(
            session, product, kind, number, date(2025, 1, 1), date(2026, 12, 31), actor_id=None, now=clock.now()
        )
        if seen:
            verify_certificate(session, made, actor_id=None, now=clock.now())


def test_an_order_shows_the_papers_of_its_own_moment(county: Flask, clock: WalkingClock) -> None:
    client = county.test_client()
    paper("SC-1", LICENCE, clock, seen=True)
    paper("GI-1", MARK, clock, seen=False)
    with transaction() as session:
        season = ready(session, clock.now())
        session.add(RequiredPaper(product_id=product_by_sku(session, PEACH).id, kind=LICENCE))
    clock.put(clock.now() + timedelta(minutes=1))

    def placed() -> str:
        with transaction() as session:
            return ready_again(session).placed("SHOP", 1).number

    def ready_again(session: Any) -> Any:
        season.session, season.now = session, clock.now()
        return season

    operator = signed_in(county, Role.OPERATOR)

    def then(number: str) -> list[tuple[str, bool]]:
        items = client.get(f"/api/v1/orders/{number}/papers", headers=operator).get_json()["items"]
        return [(item["number"], item["revoked_at"] is not None) for item in items]

    def revoke(number: str, kind: PaperKind) -> Any:
        body = {"kind": kind.value, "number": number, "reason": "发证机关已注销（示例）"}
        return client.post(f"/api/v1/products/{PEACH}/certificates/revocation", json=body, headers=operator)

    first = placed()
    assert then(first) == [("SC-1", False)]
    clock.put(clock.now() + timedelta(minutes=1))
    paper("GI-1", MARK, clock, seen=True)  # seen on the same day, after the order
    assert then(first) == [("SC-1", False)]
    clock.put(clock.now() + timedelta(minutes=1))
    second = placed()
    assert then(second) == [("SC-1", False), ("GI-1", False)]

    clock.put(clock.now() + timedelta(minutes=1))
    assert revoke("GI-1", MARK).status_code == 200
    assert revoke("GI-1", MARK).status_code == 200
    third = placed()
    assert (then(second), then(third)) == ([("SC-1", False), ("GI-1", True)], [("SC-1", False)])
    assert "GI-1" not in client.get(f"/p/{PEACH}").get_data(as_text=True)
    assert client.get(f"/p/{PEACH}").status_code == 200

    clock.put(clock.now() + timedelta(minutes=1))
    assert revoke("SC-1", LICENCE).status_code == 200  # a licence that is needed stops the sale at once
    page = client.get(f"/p/{PEACH}").get_data(as_text=True)
    assert "食品生产许可证" in page
    assert "/order" not in page
    assert then(third) == [("SC-1", True)]

    before = contents(county)
    body = {"kind": MARK.value, "number": "GI-1"}
    again = client.post(f"/api/v1/products/{PEACH}/certificates/verification", json=body, headers=operator)
    assert (again.status_code, again.get_json()["type"].rpartition("#")[2]) == (409, "certificate-revoked")
    paper_never = revoke("NONE", MARK)
    assert paper_never.status_code == 404
    assert contents(county) == before


@pytest.mark.parametrize("change", ["verified_at = verified_at - interval '1 year'", "verified_at = NULL",
                                    "expires_on = '2030-01-01'", "number = 'SC-2'"])  # fmt: skip
def test_what_was_verified_of_a_paper_cannot_be_rewritten(county: Flask, clock: WalkingClock, change: str) -> None:
    paper("SC-1", LICENCE, clock, seen=True)
    with pytest.raises(DBAPIError, match="does not change"), transaction() as session:
        session.execute(text(f"UPDATE certificates SET {change} WHERE number = 'SC-1'"))
