"""Very many at once: exactly what was set aside is sold, what is not paid is on sale again, caps hold; with control."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.orm import Session

from shop.access.models import PartyKind
from shop.catalog.actions import product_by_sku
from shop.catalog.reference import catalog
from shop.channels.models import Partner
from shop.channels.reference import selling
from shop.kit.clock import WalkingClock
from shop.kit.db import db, release, transaction
from shop.kit.errors import DomainError
from shop.kit.reference import current_version
from shop.live import actions
from shop.live.actions import About, Item, Verification
from shop.orders import place
from shop.orders.actions import expire_unpaid
from shop.orders.place import Asked, Request, place_order
from tests.factories.access import party
from tests.factories.sales import NECTARINE, ready
from tests.factories.statements import statements

UNITS = 30


@pytest.fixture
def shop(county: Flask, clock: WalkingClock) -> Flask:
    """A session on air: 30 packs of one product and plenty of another, unpaid orders hold for two minutes."""
    now = clock.now()
    with transaction() as session:
        season = ready(session, now)
        season.made(NECTARINE, 500_000)
        actions.end_session(session, "LIVE-1", actor_id=None, now=now)
        host = session.execute(text("SELECT partner_id, campaign_id FROM occasions WHERE code = 'LIVE-1'")).one()
        shelf = [
            Item(_product(session, sku), sku, 3_000, grams, per_buyer_cap=cap)
            for sku, grams, cap in (
                (season.sku, season.product.net_weight_g * UNITS, None),
                (NECTARINE, 400_000, 2),
            )
        ]
        actions.plan_session(
            session, "BURST", host.campaign_id, session.get_one(Partner, host.partner_id), "秒杀（示例）", now,
            now + timedelta(hours=2), shelf, About("直播间（示例）"), commission_bp=500, hold_s=120, actor_id=None,
            now=now,
        )  # fmt: skip
        actions.review(session, "BURST", Verification(now.date(), 20), actor_id=None, now=now)
        actions.go_live(session, "BURST", actor_id=None, now=now)
        county.extensions["sku"] = season.sku
    return county


def _product(session: Session, sku: str) -> int:
    return product_by_sku(session, sku).id


def buy(app: Flask, sku: str, buyer: int, quantity: int = 1) -> str:
    """One order in a transaction of its own: `sold`, or the code of the refusal."""
    now = app.extensions["clock"].now()
    with app.app_context():
        try:
            with transaction() as session:
                version = current_version(session)
                place_order(
                    session, Request([Asked(sku, quantity)], buyer, partner="HOST", occasion="BURST"),
                    goods=catalog(session, version), selling=selling(session, version), actor_id=None, now=now,
                )  # fmt: skip
        except DomainError as refusal:
            return refusal.code
        return "sold"


def at_once(tasks: list[Callable[[], str]], threads: int = 8) -> list[str]:
    start = Barrier(threads)

    def worker(mine: list[Callable[[], str]]) -> list[str]:
        start.wait()
        return [task() for task in mine]

    with ThreadPoolExecutor(threads) as pool:
        done = pool.map(worker, [tasks[n::threads] for n in range(threads)])
        return [answer for answers in done for answer in answers]


def pool_of(sku: str) -> tuple[int, int]:
    row = db.session.execute(
        text(
            "SELECT available_g / net_weight_g, reserved_g / net_weight_g FROM pools"
            " JOIN occasions ON occasions.id = occasion_id AND code = 'BURST'"
            " JOIN products ON products.id = product_id AND sku = :sku"
        ),
        {"sku": sku},
    ).one()
    release()
    return row[0], row[1]


def test_a_burst_sells_exactly_what_was_set_aside_and_refuses_the_others(shop: Flask) -> None:
    sku = shop.extensions["sku"]
    buyer = party(shop, PartyKind.CUSTOMER)
    answers = at_once([lambda: buy(shop, sku, buyer)] * (UNITS * 4))
    assert (answers.count("sold"), answers.count("not-enough-stock")) == (UNITS, UNITS * 3)
    assert pool_of(sku) == (0, UNITS)
    assert pool_of(NECTARINE)[1] == 0


def test_what_is_not_paid_is_on_sale_again_while_the_session_is_live(shop: Flask, clock: WalkingClock) -> None:
    sku = shop.extensions["sku"]
    buyer = party(shop, PartyKind.CUSTOMER)
    assert {buy(shop, sku, buyer) for _ in range(UNITS)} == {"sold"}
    assert buy(shop, sku, buyer) == "not-enough-stock"
    clock.walk(timedelta(seconds=121))
    with statements() as seen, transaction() as session:
        assert expire_unpaid(session, now=clock.now()) == UNITS
    assert len(seen) <= 6, seen
    assert pool_of(sku) == (UNITS, 0)
    assert buy(shop, sku, buyer) == "sold"
    told = db.session.execute(
        text("SELECT count(*) FROM history WHERE entity_type = 'orders' AND event = 'expire' AND from_state = 'placed'")
    ).scalar_one()
    assert told == UNITS
    with transaction() as session:
        assert expire_unpaid(session, now=clock.now()) == 0


def test_orders_that_expire_while_others_are_placed_lose_no_gram(shop: Flask, clock: WalkingClock) -> None:
    """The sweep and the buyers want the same pool: nobody dies, and what is held is what stands."""
    sku = shop.extensions["sku"]
    buyer = party(shop, PartyKind.CUSTOMER)
    for _ in range(UNITS):
        buy(shop, sku, buyer)
    clock.walk(timedelta(seconds=121))

    def sweep() -> str:
        with shop.app_context(), transaction() as session:
            return f"swept {expire_unpaid(session, now=clock.now(), limit=7)}"

    tasks: list[Callable[[], str]] = [lambda: buy(shop, sku, buyer), sweep, lambda: buy(shop, sku, buyer)] * 16
    answers = at_once(tasks)
    assert {answer.split()[0] for answer in answers} <= {"sold", "not-enough-stock", "swept"}
    left, held = pool_of(sku)
    standing = db.session.execute(text("SELECT count(*) FROM orders WHERE status = 'placed'")).scalar_one()
    assert (left + held, held) == (UNITS, standing)


def test_two_orders_at_once_do_not_get_round_the_cap_of_a_buyer(shop: Flask) -> None:
    buyers = [party(shop, PartyKind.CUSTOMER) for _ in range(4)]
    answers = at_once([lambda buyer=buyer: buy(shop, NECTARINE, buyer) for buyer in buyers for _ in range(6)])
    assert (answers.count("sold"), answers.count("per-buyer-cap")) == (8, 16)


def test_the_control_without_the_lock_lets_two_orders_round_the_cap(
    shop: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the advisory lock is for: without it the test above proves nothing."""
    meet = Barrier(2)

    def slow(session: object, *rest: object) -> None:
        keep(session, *rest)  # type: ignore[arg-type]
        meet.wait(timeout=10)

    keep = place._keep_caps
    monkeypatch.setattr(place, "_ONE_ORDER_AT_A_TIME", text("SELECT CAST(:buyer AS text)"))
    monkeypatch.setattr(place, "_keep_caps", slow)
    buyer = party(shop, PartyKind.CUSTOMER)
    answers = at_once([lambda: buy(shop, NECTARINE, buyer, 2)] * 2, threads=2)
    assert answers == ["sold", "sold"]
