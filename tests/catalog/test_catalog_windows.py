"""Days on which a product is shown and ordered, apart from its harvest; reminders before its papers expire."""

from datetime import date, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from shop.access.models import Role
from shop.catalog import reminders
from shop.catalog.actions import add_certificate, product_by_sku, set_windows, verify_certificate
from shop.catalog.models import Certificate, Firm, PaperKind
from shop.kit.clock import WalkingClock, at_beijing, beijing_day
from shop.kit.db import db, transaction
from shop.orders.errors import NotForSale, OrderingClosed
from shop.orders.models import Order
from shop.orders.place import Asked
from tests.factories.access import signed_in
from tests.factories.sales import Season

PEACH, LICENCE = "PL001", PaperKind.FOOD_PRODUCTION_LICENCE
NONE: dict[str, date | None] = dict.fromkeys(("published_from", "published_until", "orders_from", "orders_until"))


def windows(season: Season, **days: date) -> None:
    set_windows(season.session, season.product, NONE | days, actor_id=None, now=season.now)


@pytest.mark.parametrize(("first", "last", "taken"), [(0, 0, True), (0, None, True), (None, 0, True), (1, None, False),
                                                     (None, -1, False), (1, 2, False), (-2, -1, False)])  # fmt: skip
def test_orders_are_taken_in_their_window_whatever_the_harvest(
    season: Season, first: int | None, last: int | None, taken: bool
) -> None:
    day = beijing_day(season.now)
    bounds = {"orders_from": first, "orders_until": last}
    windows(season, **{name: day + timedelta(days=by) for name, by in bounds.items() if by is not None})
    before = season.session.scalars(select(Order.id)).all()
    if taken:
        season.placed("SHOP", 1)
        return
    with pytest.raises(OrderingClosed):
        season.placed("SHOP", 1)
    assert season.session.scalars(select(Order.id)).all() == before


def test_what_is_not_published_is_not_for_sale(season: Season) -> None:
    windows(season, published_from=beijing_day(season.now) + timedelta(days=1))
    with pytest.raises(NotForSale):
        season.ask("SHOP", [Asked(season.sku, 1)], season.customer())
    season.now += timedelta(days=1)
    season.placed("SHOP", 1)


def test_a_firm_sets_the_days_and_everybody_reads_them(county: Flask, clock: WalkingClock) -> None:
    client = county.test_client()
    party = db.session.execute(select(Firm.party_id).where(Firm.code == "F01")).scalar_one()
    staff = dict(signed_in(county, Role.FIRM_STAFF, party))
    path = f"/api/v1/products/{PEACH}"

    def put(**days: str) -> Any:
        return client.put(f"{path}/windows", json=NONE | days, headers=staff)

    assert put(orders_from="2025-07-20", orders_until="2025-07-19").status_code == 422
    assert put(orders_from="2025-07-20", orders_until="2025-08-10").status_code == 200
    shown = client.get(path).get_json()
    assert (shown["order_days"], shown["takes_orders"], shown["in_season"]) == (
        ["2025-07-20", "2025-08-10"],
        False,
        True,
    )
    page = client.get(f"/p/{PEACH}").get_data(as_text=True)
    assert "<dt>下单</dt><dd>7 月 20 日起至 8 月 10 日</dd>" in page
    clock.put(at_beijing(date(2025, 7, 20), 9))
    assert client.get(path).get_json()["takes_orders"] is True
    staff |= signed_in(county, Role.FIRM_STAFF, party)  # five days later the first token is no longer good
    assert put(published_until="2025-07-19").status_code == 200
    assert client.get(path).status_code == 404
    assert client.get(f"/p/{PEACH}").status_code == 404
    assert PEACH not in client.get("/shop").get_data(as_text=True)
    assert client.get(path, headers=staff).status_code == 200


def paper(session: Session, number: str, expires_on: date, *, seen: bool = True) -> Certificate:
    now = at_beijing(date(2025, 1, 2), 9)
    made = add_certificate(
        session, product_by_sku(session, PEACH), LICENCE, number, date(2024, 1, 1), expires_on, actor_id=None, now=now
    )
    if seen:
        verify_certificate(session, made, actor_id=None, now=now)
    return made


def told(session: Session) -> list[tuple[str, int]]:
    return [
        (number, days)
        for number, days in session.execute(
            text(
                "SELECT number, days_before FROM certificate_reminders JOIN certificates ON certificates.id ="
                " certificate_id WHERE number LIKE 'T-%' ORDER BY reminded_at, days_before DESC"
            )
        )
    ]


def test_firm_and_county_are_reminded_three_times_and_never_twice(season: Season) -> None:
    session, last = season.session, date(2025, 12, 31)
    paper(session, "T-1", last)
    paper(session, "T-2", last, seen=False)
    for before in (61, 60, 60, 59, 30, 30, 7, 1, 0):
        day = last - timedelta(days=before)
        reminders.find_expiring(session, day, now=at_beijing(day, 7))
    assert told(session) == [("T-1", 60), ("T-1", 30), ("T-1", 7)]
    reminders.find_expiring(session, last + timedelta(days=1), now=at_beijing(last, 8))
    assert len(told(session)) == 3


def test_a_reminder_missed_for_long_is_left_out_and_a_renewed_paper_is_left_alone(season: Season) -> None:
    session, last = season.session, date(2025, 12, 31)
    paper(session, "T-1", last)
    day = last - timedelta(days=5)
    reminders.find_expiring(session, day, now=at_beijing(day, 7))
    assert told(session) == [("T-1", 7)]
    paper(session, "T-3", date(2026, 1, 20))
    paper(session, "T-4", date(2030, 1, 1))
    reminders.find_expiring(session, day, now=at_beijing(day, 8))
    assert told(session) == [("T-1", 7)]


def test_a_firm_reads_its_own_reminders_and_the_county_all_until_it_is_renewed(
    county: Flask, clock: WalkingClock
) -> None:
    with transaction() as session:
        paper(session, "T-1", date(2025, 7, 30))
        reminders.find_expiring(session, date(2025, 7, 15), now=clock.now())
    own, other = (
        db.session.execute(select(Firm.party_id).where(Firm.code == code)).scalar_one() for code in ("F01", "F02")
    )
    readers = [signed_in(county, Role.FIRM_STAFF, own), signed_in(county, Role.OPERATOR)]
    stranger = signed_in(county, Role.FIRM_STAFF, other)

    def numbers(headers: dict[str, str]) -> list[str]:
        rows = county.test_client().get("/api/v1/certificate-reminders", headers=headers).get_json()["items"]
        return [row["number"] for row in rows if row["number"].startswith("T-")]

    assert [numbers(headers) for headers in readers] == [["T-1"], ["T-1"]]
    assert numbers(stranger) == []
    with transaction() as session:
        paper(session, "T-4", date(2030, 1, 1))
    assert [numbers(headers) for headers in readers] == [[], []]
