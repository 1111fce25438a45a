"""The checklist of a firm: shown, found, told in Chinese; what is missing stops the sale where it is needed alone."""

from datetime import date, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError

from shop.access.models import Role
from shop.catalog.admission import check_item, requirement_by_code, set_scopes, submit_item
from shop.catalog.models import Firm
from shop.kit.clock import WalkingClock, beijing_day
from shop.kit.db import db, transaction
from shop.orders.errors import FirmLacksItems, NotForSale
from shop.orders.models import Order
from tests.factories.access import signed_in
from tests.factories.sales import Season, ready
from tests.factories.tables import contents

ORIGIN = "origin_proof"


def needed(season: Season, *channels: str | None, item: str = ORIGIN, days: int = 0) -> None:
    day = beijing_day(season.now) + timedelta(days=days)
    found = requirement_by_code(season.session, item)
    set_scopes(season.session, found, [(channel, day) for channel in channels], actor_id=None, now=season.now)


def firm_of(season: Season) -> Firm:
    return season.session.get_one(Firm, season.product.firm_id)


def shows(season: Season, *, accepted: bool, until: date | None = None) -> None:
    item, firm = requirement_by_code(season.session, ORIGIN), firm_of(season)
    submit_item(season.session, firm, item, "CD-1", until, actor_id=None, now=season.now)
    check_item(
        season.session, firm, item, accepted=accepted, office_zh="县农业农村局", reason=None if accepted else "看不清",
        actor_id=None, now=season.now,
    )  # fmt: skip


def test_a_missing_item_stops_the_sale_in_its_channel_and_nowhere_else(season: Season) -> None:
    needed(season, "unit", days=1)
    season.asked("UNIT", 1)  # needed from tomorrow on
    needed(season, "unit")
    orders = season.session.scalars(select(Order.id)).all()
    with pytest.raises(FirmLacksItems, match="产地证明"):
        season.asked("UNIT", 1)
    assert season.session.scalars(select(Order.id)).all() == orders
    season.placed("SHOP", 1)
    shows(season, accepted=False)
    with pytest.raises(FirmLacksItems):
        season.asked("UNIT", 1)
    shows(season, accepted=True, until=beijing_day(season.now))
    season.asked("UNIT", 1)
    season.now += timedelta(days=1)  # expired
    with pytest.raises(FirmLacksItems):
        season.asked("UNIT", 1)
    shows(season, accepted=True)
    season.asked("UNIT", 1)


def test_what_all_channels_need_takes_goods_off_the_pages(season: Season) -> None:
    needed(season, None)
    assert not season.goods().by_sku[season.sku].published(beijing_day(season.now))
    for ask in (lambda: season.placed("SHOP", 1), lambda: season.asked("UNIT", 1)):
        with pytest.raises((FirmLacksItems, NotForSale)):
            ask()
    shows(season, accepted=True)
    assert season.goods().by_sku[season.sku].published(beijing_day(season.now))
    season.placed("SHOP", 1)


def test_a_firm_shows_an_office_finds_and_the_firm_is_told(county: Flask, clock: WalkingClock) -> None:
    client = county.test_client()
    with transaction() as session:
        ready(session, clock.now())
        parties = dict(session.execute(select(Firm.code, Firm.party_id)).all())
    staff, rival = (signed_in(county, Role.FIRM_STAFF, parties[code]) for code in ("F01", "F02"))
    operator = signed_in(county, Role.OPERATOR)
    path = "/api/v1/firms/F01/checklist"

    def item(code: str) -> dict[str, Any]:
        items = client.get(path, headers=staff).get_json()["items"]
        found: dict[str, Any] = next(of for of in items if of["code"] == code)
        return found

    def finds(code: str, **more: Any) -> Any:
        body = {"requirement": code, "office_zh": "县农业农村局"} | more
        return client.post(f"{path}/findings", json=body, headers=operator)

    assert (item("bank_account")["state"], item("bank_account")["stops"]) == ("not_needed", False)
    scopes = {"scopes": [{"channel": None, "required_from": "2025-07-15"}]}
    put = client.put("/api/v1/firm-requirements/bank_account/scopes", json=scopes, headers=operator)
    assert put.status_code == 200
    told = item("bank_account")
    assert (told["state"], told["says_zh"], told["stops"]) == ("missing", "对公账户核验：缺少，请提交", True)
    assert client.get("/p/PL001").status_code == 404
    assert finds("bank_account", accepted=True).get_json()["type"].endswith("#nothing-to-check")

    shown = {"requirement": "bank_account", "told": "农信社 6228 4801 2345 6789"}
    assert client.post(path, json=shown, headers=rival).status_code == 404
    assert client.get(path, headers=rival).status_code == 404
    assert client.post(path, json=shown, headers=staff).status_code == 201
    assert item("bank_account")["says_zh"] == "对公账户核验：已提交，等待核验"
    assert item("bank_account")["shown"][0]["told"] == "农信社 **** **** **** 6789"
    assert finds("bank_account", accepted=False).status_code == 422
    assert finds("bank_account", accepted=False, reason="户名不符").status_code == 200
    assert item("bank_account")["says_zh"] == "对公账户核验：未通过，户名不符"
    assert client.get("/p/PL001").status_code == 404
    client.post(path, json=shown, headers=staff)
    assert finds("bank_account", accepted=True).status_code == 200
    told = item("bank_account")
    assert (told["state"], told["stops"]) == ("held", False)
    assert [(of["accepted"], of["office_zh"], of["reason"]) for of in told["shown"]] == [
        (False, "县农业农村局", "户名不符"), (True, "县农业农村局", None),
    ]  # fmt: skip
    assert datetime.fromisoformat(told["shown"][1]["checked_at"]) == clock.now()
    assert client.get("/p/PL001").status_code == 200
    assert finds("bank_account", accepted=False, reason="账户已注销").status_code == 200  # found anew
    assert client.get("/p/PL001").status_code == 404

    before = contents(county)
    wrong = {"scopes": [{"channel": "market", "required_from": "2025-07-15"}]}
    assert client.put("/api/v1/firm-requirements/contact/scopes", json=wrong, headers=operator).status_code == 404
    assert contents(county) == before
    with pytest.raises(IntegrityError), transaction() as session:
        session.execute(text("UPDATE firm_items SET accepted = false, reason = NULL"))
    db.session.rollback()
