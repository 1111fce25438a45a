"""Very many at once: exactly what was set aside is sold, what is not paid is on sale again, caps hold; with control."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.orm import Session

from shop.access.models import PartyKind, Role
from shop.catalog.actions import product_by_sku
from shop.catalog.reference import catalog
from shop.channels.models import Partner
from shop.channels.reference import selling
from shop.kit import moment
from shop.kit.clock import WalkingClock
from shop.kit.db import db, release, transaction
from shop.kit.errors import DomainError
from shop.kit.reference import current_version
from shop.live import actions
from shop.live.actions import About, Item, Verification
from shop.orders import place
from shop.orders.actions import expire_unpaid
from shop.orders.place import Asked, Request, place_order
from shop.stock.errors import NotEnoughStock
from tests.factories.access import headers_of, party, person
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


def order(app: Flask, buyer: int, *asked: Asked) -> None:
    """One order in a transaction of its own."""
    now = app.extensions["clock"].now()
    with app.app_context(), transaction() as session:
        version = current_version(session)
        place_order(
            session, Request(asked, buyer, partner="HOST", occasion="BURST"), goods=catalog(session, version),
            selling=selling(session, version), actor_id=None, now=now,
        )  # fmt: skip


def buy(app: Flask, sku: str, buyer: int, quantity: int = 1) -> str:
    """`sold`, or the code of the refusal."""
    try:
        order(app, buyer, Asked(sku, quantity))
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
            " JOIN occasions ON occasions.id = occasion_id AND occasions.code = 'BURST'"
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


def refused(app: Flask, buyer: int, *asked: Asked) -> list[dict[str, object]]:
    """What such an order is short of."""
    with pytest.raises(NotEnoughStock) as refusal:
        order(app, buyer, *asked)
    return refusal.value.short


def sold_out(app: Flask, buyer: int) -> tuple[str, int]:
    """The first product is sold to the last pack: its sku, and grams of a pack."""
    sku = app.extensions["sku"]
    assert {buy(app, sku, buyer) for _ in range(UNITS)} == {"sold"}
    weight_g = db.session.execute(text("SELECT net_weight_g FROM products WHERE sku = :sku"), {"sku": sku}).scalar_one()
    release()
    return sku, weight_g


def come_back(sku: str, weight_g: int) -> None:
    """Another process gives a pack back."""
    with db.engine.begin() as other:
        other.execute(
            text("UPDATE pools SET available_g = available_g + :w, reserved_g = reserved_g - :w WHERE occasion_id ="
                 " (SELECT id FROM occasions WHERE code = 'BURST')"
                 " AND product_id = (SELECT id FROM products WHERE sku = :sku)"),
            {"w": weight_g, "sku": sku},
        )  # fmt: skip


def test_who_comes_a_moment_after_a_refusal_is_told_the_same_without_asking_the_row(
    shop: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moment, "TRUST_S", 60)
    buyer = party(shop, PartyKind.CUSTOMER)
    sku, weight_g = sold_out(shop, buyer)
    told = [{"sku": sku, "asked_g": 2 * weight_g, "left_g": 0}]
    costs = []
    for _ in range(3):
        with statements() as seen:
            assert refused(shop, buyer, Asked(sku, 2)) == told
        costs.append(sum("pools" in statement for statement in seen))
    assert costs == [2, 0, 0]
    come_back(sku, weight_g)
    assert refused(shop, buyer, Asked(sku, 1)) == [{"sku": sku, "asked_g": weight_g, "left_g": 0}]
    monkeypatch.setattr(moment, "TRUST_S", 0.1)
    time.sleep(0.2)
    assert buy(shop, sku, buyer) == "sold"
    assert pool_of(sku) == (0, UNITS)


def test_the_control_that_believes_nothing_asks_the_row_each_time(shop: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moment, "TRUST_S", 0)
    buyer = party(shop, PartyKind.CUSTOMER)
    sku, weight_g = sold_out(shop, buyer)
    for _ in range(2):
        with statements() as seen:
            refused(shop, buyer, Asked(sku, 1))
        assert sum("pools" in statement for statement in seen) == 2
    come_back(sku, weight_g)
    assert buy(shop, sku, buyer) == "sold"


def test_a_refusal_names_what_is_short_and_not_what_was_taken_beside_it(shop: Flask) -> None:
    buyer = party(shop, PartyKind.CUSTOMER)
    sku, weight_g = sold_out(shop, buyer)
    left = pool_of(NECTARINE)
    for _ in range(2):
        assert refused(shop, buyer, Asked(NECTARINE, 2), Asked(sku, 1)) == [
            {"sku": sku, "asked_g": weight_g, "left_g": 0}
        ]
    assert pool_of(NECTARINE) == left
    assert buy(shop, NECTARINE, buyer) == "sold"


def test_a_repeat_of_an_order_that_was_sold_gets_its_answer_though_all_is_sold_out(
    shop: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moment, "TRUST_S", 60)
    come_back(*sold_out(shop, party(shop, PartyKind.CUSTOMER)))
    sku = shop.extensions["sku"]
    headers = headers_of(shop, person(shop, (Role.CUSTOMER, party(shop, PartyKind.CUSTOMER))))
    body = {"partner": "HOST", "occasion": "BURST", "lines": [{"sku": sku, "quantity": 1}]}

    def ask(key: str) -> tuple[int, bytes]:
        answer = shop.test_client().post("/api/v1/orders", json=body, headers=headers | {"Idempotency-Key": key})
        return answer.status_code, answer.get_data()

    first = ask("one")
    assert (first[0], ask("two")[0], ask("three")[0]) == (201, 409, 409)
    with statements() as seen:
        assert ask("one") == first
    assert len(seen) == 1
    with statements() as seen:
        assert ask("four")[0] == 409
    assert len(seen) == 2, "who speaks, and whether the key was answered meanwhile"
    assert pool_of(sku) == (0, UNITS)


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
