"""A cast for the journeys: everybody signs in and speaks HTTP; only the provider's messenger and the clock are ours."""

import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import count
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, text
from werkzeug.test import TestResponse

from shop.access.models import Party, PartyKind, Role
from shop.agreements.jobs import REMIND_END
from shop.agreements.reminders import remind_end
from shop.catalog.actions import product_by_sku
from shop.channels.actions import register_partner, set_fee
from shop.channels.models import Campaign, PartnerKind
from shop.farmers.models import Delivery
from shop.income.actions import settle_and_reach
from shop.kit.clock import WalkingClock, at_beijing
from shop.kit.db import db, release, transaction
from shop.kit.jobs import Outbox
from shop.live.actions import About, Item, Verification, plan_session, review
from shop.marketplaces.follow import follow
from shop.marketplaces.jobs import FOLLOW
from shop.orders.jobs import RECEIVE_OVERDUE, REFUND_EXCESS, SETTLE_ORDER
from shop.orders.receipt import receive_overdue
from shop.payments import simulated
from shop.payments.actions import refund_excess
from shop.payments.jobs import NOTIFY
from shop.payments.models import SimulatedCharge
from tests.factories.access import headers_of, person

DAY = date(2025, 7, 15)
#: 大桐蜜桃, 2.5 kg a pack: 3980 fen, from 10 packs 3780, from 50 packs 3580.
PEACH = "PL001"


@dataclass
class Stage:
    """The county in the peach season, and everybody in it."""

    app: Flask
    clock: WalkingClock
    people: dict[str, dict[str, str]] = field(default_factory=dict)
    ids: dict[str, int] = field(default_factory=dict)
    keys: Iterator[int] = field(default_factory=lambda: count(1))

    def later(self, passed: timedelta) -> None:
        """Time passes; whoever was signed in signs in again."""
        self.clock.walk(passed)
        self.people |= {who: headers_of(self.app, person_id) for who, person_id in self.ids.items()}

    def post(self, who: str, path: str, body: dict[str, Any] | None = None, status: int = 201) -> Any:
        """POST as `who` with a fresh Idempotency-Key; fails unless the answer has `status`."""
        headers = self.people[who] | {"Idempotency-Key": f"journey-{next(self.keys)}"}
        return self._json(self.app.test_client().post(f"/api/v1{path}", json=body or {}, headers=headers), status)

    def get(self, who: str, path: str, status: int = 200) -> Any:
        """GET as `who`."""
        return self._json(self.app.test_client().get(f"/api/v1{path}", headers=self.people[who]), status)

    def upload(self, who: str, path: str, data: bytes, status: int = 200) -> Any:
        """POST one file as `who`."""
        answer = self.app.test_client().post(
            f"/api/v1{path}", data={"file": (io.BytesIO(data), "导出.csv")}, headers=self.people[who],
            content_type="multipart/form-data",
        )  # fmt: skip
        return self._json(answer, status)

    def _json(self, answer: TestResponse, status: int) -> Any:
        assert answer.status_code == status, answer.get_data(as_text=True)
        return answer.json

    def press_pay(self, order: str, who: str) -> None:
        """Open the payment page and press the button; the notification comes by the outbox."""
        page = self.post(who, f"/orders/{order}/payments")
        pressed = self.app.test_client().post(page["pay_url"])
        assert pressed.status_code == 200
        self.work()

    def work(self) -> None:
        """Do what the outbox asks for; notifications go through the real door, over HTTP, signed."""
        secret = self.app.extensions["settings"].payment_secret
        while True:
            rows = db.session.execute(
                select(Outbox.id, Outbox.job, Outbox.ids).where(Outbox.done_at.is_(None)).order_by(Outbox.id)
            ).all()
            release()
            if not rows:
                return
            for row in rows:
                if row.job == NOTIFY.name:
                    charge = db.session.get_one(SimulatedCharge, row.ids[0])
                    signed = simulated.notification(charge, secret, now=self.clock.now())
                    release()
                    door = "/api/v1/payments/notifications/simulated"
                    taken = self.app.test_client().post(door, data=signed.body, headers=signed.headers)
                    assert taken.status_code == 200, taken.get_data(as_text=True)
                with transaction() as session:
                    if row.job == SETTLE_ORDER.name:
                        settle_and_reach(session, row.ids[0], now=self.clock.now())
                    elif row.job == FOLLOW.name:
                        assert follow(session, row.ids[0], now=self.clock.now())
                    elif row.job == RECEIVE_OVERDUE.name:
                        receive_overdue(session, row.ids[0], now=self.clock.now())
                    elif row.job == REMIND_END.name:
                        remind_end(session, *row.ids, now=self.clock.now())
                    elif row.job == REFUND_EXCESS.name:
                        refund_excess(session, row.ids[0], now=self.clock.now())
                    session.execute(
                        text("UPDATE outbox SET done_at = :now WHERE id = :id"),
                        {"now": self.clock.now(), "id": row.id},
                    )


@pytest.fixture
def stage(county: Flask, clock: WalkingClock) -> Stage:
    """Shops, cadres, hosts and people are signed up; firm F01 has a lot of peaches from several households."""
    now = clock.now()
    with transaction() as session:
        campaign = session.execute(select(Campaign.id)).scalar_one()
        roles = {
            "customer": (Role.CUSTOMER, PartyKind.CUSTOMER, "C1"),
            "host": (Role.HOST, PartyKind.HOST, "H1"),
            "cadre": (Role.CADRE, PartyKind.CADRE, "G1"),
            "unit": (Role.BUYER, PartyKind.BUYER, "B18"),
            "market": (Role.BUYER, PartyKind.BUYER, "B02"),
            "firm": (Role.FIRM_STAFF, PartyKind.FIRM, "F01"),
            "operator": (Role.OPERATOR, PartyKind.COUNTY, "140829"),
        }
        parties = {}
        for who, (_, kind, code) in roles.items():
            known = session.scalar(select(Party.id).where(Party.kind == kind, Party.code == code))
            if known is None:
                party = Party(kind=kind, code=code, name_zh="某方（示例）")
                session.add(party)
                session.flush()
                known = party.id
            parties[who] = known
        shop_party = Party(kind=PartyKind.SHOP, code="S1", name_zh="自营店（示例）")
        session.add(shop_party)
        session.flush()
        shop = register_partner(
            session, PartnerKind.SHOP, "S1", shop_party.id, "自营店（示例）", actor_id=None, now=now
        )
        set_fee(session, shop, 200, date(2025, 1, 1), actor_id=None, now=now)
        register_partner(session, PartnerKind.CADRE, "G1", parties["cadre"], "干部（示例）", actor_id=None, now=now)
        host = register_partner(
            session, PartnerKind.HOST, "H1", parties["host"], "主播（示例）", actor_id=None, now=now
        )
        product = product_by_sku(session, PEACH)
        plan_session(
            session, "LIVE-1", campaign, host, "鲜桃专场（示例）", at_beijing(DAY, 9), at_beijing(DAY, 12),
            [Item(product.id, PEACH, 3500, 100_000, per_buyer_cap=5)], About("助农直播间（示例）"), commission_bp=500,
            actor_id=None, now=now,
        )  # fmt: skip
        review(session, "LIVE-1", Verification(DAY, 30), actor_id=None, now=now)
        slips = session.scalars(
            select(Delivery.code).where(Delivery.product_id == product.id).order_by(Delivery.code).limit(10)
        ).all()
    stage = Stage(county, clock)
    stage.ids = {who: person(county, (role, parties[who])) for who, (role, _, _) in roles.items()}
    stage.later(timedelta())
    stage.post(
        "firm", "/lots",
        {"sku": PEACH, "harvested_on": "2025-07-14", "certificate_number": "HGZ-1", "deliveries": list(slips)},
    )  # fmt: skip
    return stage
