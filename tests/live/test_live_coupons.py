"""Coupons: dated, within a budget, once for each buyer; who promised the discount pays it, to the fen."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, text

from shop.access.actions import ensure_party
from shop.access.models import PartyKind
from shop.catalog.models import Firm
from shop.catalog.reference import catalog
from shop.channels.models import Coupon, CouponPayer, Occasion, Partner
from shop.channels.reference import selling
from shop.income.actions import grant_refund
from shop.kit.clock import WalkingClock
from shop.kit.db import db, release, transaction
from shop.kit.errors import DomainError
from shop.kit.reference import current_version
from shop.ledger.models import Account, AccountKind, Posting
from shop.live import actions, settle
from shop.live.actions import Change
from shop.live.coupons import Promise, promise_coupon
from shop.live.errors import CouponPayerUnknown, SessionOver
from shop.live.models import LiveSession
from shop.orders import coupons
from shop.orders.actions import cancel, expire_unpaid
from shop.orders.errors import CouponNotForThis, CouponSpent, CouponUsed
from shop.orders.locks import lines_of, locked_order_by_id
from shop.orders.models import CouponUse, Order
from shop.orders.place import Asked, Request, place_order
from shop.payments.actions import refund_excess
from shop.reports import rollups
from shop.reports.books import CHECKS, check_books, run_checks
from shop.reports.models import Rollup
from shop.settlement.models import Settlement, Share
from shop.stock.models import Pool
from tests.factories.access import party
from tests.factories.sales import NECTARINE, Season, ready

#: 3,000 fen a pack, commission 800 bp: what `ready` plans.
PRICE, BP = 3_000, 800


@pytest.fixture
def live(season: Season) -> Season:
    """The shared market, undone at the end, with coupons of 500 fen from 5,000 fen on, each paid by somebody else."""
    firm = season.session.get_one(Firm, season.product.firm_id)
    for code, payer, by in (("H5", "host", None), ("F5", "firm", firm.code), ("P5", "platform", "SHOP")):
        promise(season, code, CouponPayer(payer), by)
    return season


def promise(season: Season, code: str, payer: CouponPayer, by: str | None, budget: int = 50_000) -> Coupon:
    return promise_coupon(
        season.session, "LIVE-1",
        Promise(code, payer, by, 500, 5_000, budget, season.now, season.now + timedelta(hours=2)),
        actor_id=None, now=season.now,
    )  # fmt: skip


def order(season: Season, coupon: str | None, quantity: int = 2, buyer: str = "C-1") -> Order:
    """An order of the session that waits for its payment."""
    season.session.flush()
    version = current_version(season.session)
    asked = [Asked(season.sku, quantity)]
    placed = place_order(
        season.session,
        Request(
            asked, ensure_party(season.session, PartyKind.CUSTOMER, buyer, "顾客（示例）"), partner="HOST",
            occasion="LIVE-1", coupon=coupon,
        ),
        goods=catalog(season.session, version), selling=selling(season.session, version), actor_id=None, now=season.now,
    )  # fmt: skip
    return locked_order_by_id(season.session, placed.order_id)


def shares(season: Season, of: Order) -> dict[str, int]:
    rows = season.session.execute(
        select(Share.kind, Share.amount_fen)
        .join(Settlement, Settlement.id == Share.settlement_id)
        .where(Settlement.order_id == of.id)
        .order_by(Share.id)
    )
    found: dict[str, int] = {}
    for kind, fen in rows:
        found[kind.value] = found.get(kind.value, 0) + fen
    return found


def spent(season: Season, code: str) -> int:
    season.session.flush()
    return season.session.execute(select(Coupon.spent_fen).where(Coupon.code == code)).scalar_one()


@pytest.mark.parametrize(
    ("coupon", "expected"),
    [
        (None, {"firm": 5_520, "host": 480}),
        # The buyer paid 5,500: the host has 8 % of it, 440. Whoever promised the 500 adds them to the firm's part.
        ("H5", {"firm": 5_560, "host": 440, "coupon": -500}),
        ("P5", {"firm": 5_560, "host": 440, "coupon": -500}),
        ("F5", {"firm": 5_060, "host": 440}),
    ],
)
def test_who_promised_the_discount_pays_it_to_the_fen(
    live: Season, coupon: str | None, expected: dict[str, int]
) -> None:
    placed = order(live, coupon)
    off = 500 if coupon else 0
    assert (placed.goods_fen, placed.discount_fen, placed.total_fen) == (6_000, off, 6_000 - off)
    live.settled(live.pays(placed))
    assert placed.paid_fen == 6_000 - off
    assert shares(live, placed) == expected
    assert sum(expected.values()) == 6_000 - off


def test_what_host_and_shop_promised_stands_in_the_books_as_owed_by_them(live: Season) -> None:
    for coupon in ("H5", "P5"):
        live.settled(live.pays(order(live, coupon)))
    owed = live.session.execute(
        select(Partner.code, Posting.amount_fen)
        .join(Account, Account.id == Posting.account_id)
        .join(Partner, Partner.party_id == Account.party_id)
        .where(Account.kind == AccountKind.PLEDGED)
        .order_by(Partner.code)
    ).all()
    assert [tuple(row) for row in owed] == [("HOST", 500), ("SHOP", 500)]


def test_a_refund_after_settlement_takes_the_discount_back_in_proportion(live: Season) -> None:
    placed = live.settled(live.pays(order(live, "H5")))
    grant_refund(live.session, placed, 2_750, "坏果", line_ids=None, actor_id=None, now=live.now)
    assert shares(live, placed) == {"firm": 2_780, "host": 220, "coupon": -250}
    grant_refund(live.session, placed, 2_750, "坏果", line_ids=None, actor_id=None, now=live.now)
    assert shares(live, placed) == {"firm": 0, "host": 0, "coupon": 0}


def test_what_is_refused_is_refunded_at_what_was_paid_for_it(live: Season) -> None:
    placed = live.pays(order(live, "H5"))
    (line,) = lines_of(live.session, placed.id)
    live.settled(placed, refused_g=line.weight_g // 2)
    assert (placed.paid_fen, placed.refunded_fen) == (5_500, 2_750)
    assert shares(live, placed) == {"firm": 2_780, "host": 220, "coupon": -250}


def test_a_discount_is_shared_over_the_lines_by_amount_and_adds_up(season: Season) -> None:
    occasion = promise(season, "H5", CouponPayer.HOST, None).occasion_id
    taken = coupons.discount_of(
        season.session, "H5", occasion_id=occasion, firm_id=1, amounts=[3_000, 2_999, 1], now=season.now
    )
    assert (taken.by_line, sum(taken.by_line)) == ((250, 250, 0), 500)


@pytest.mark.parametrize("way", ["cancel", "expire"])
def test_an_order_that_comes_to_nothing_gives_the_coupon_back(live: Season, way: str) -> None:
    placed = order(live, "H5")
    assert spent(live, "H5") == 500
    with pytest.raises(CouponUsed), live.session.begin_nested():
        order(live, "H5")
    if way == "cancel":
        cancel(live.session, placed, actor_id=None, now=live.now)
    else:
        assert expire_unpaid(live.session, now=live.now + timedelta(hours=1)) == 1
    assert spent(live, "H5") == 0
    assert order(live, "H5").discount_fen == 500


def test_a_budget_is_never_exceeded_and_the_refused_order_leaves_nothing(live: Season) -> None:
    promise(live, "ONE", CouponPayer.HOST, None, budget=999)
    order(live, "ONE", buyer="C-1")
    before = live.session.scalar(select(Pool.available_g).where(Pool.product_id == live.product.id).order_by(Pool.id))
    with pytest.raises(CouponSpent), live.session.begin_nested():
        order(live, "ONE", buyer="C-2")
    live.session.expire_all()
    after = live.session.scalar(select(Pool.available_g).where(Pool.product_id == live.product.id).order_by(Pool.id))
    assert (spent(live, "ONE"), after) == (500, before)


@pytest.mark.parametrize(
    ("coupon", "quantity", "later"),
    [("H5", 1, timedelta(0)), ("NONE", 2, timedelta(0)), ("H5", 2, timedelta(hours=2))],
    ids=["below its sum", "unknown", "after its last instant"],
)
def test_a_coupon_that_does_not_fit_refuses_the_order(
    live: Season, coupon: str, quantity: int, later: timedelta
) -> None:
    live.now += later
    with pytest.raises(CouponNotForThis), live.session.begin_nested():
        order(live, coupon, quantity)


def test_a_coupon_of_another_firm_or_of_no_occasion_does_not_fit(live: Season) -> None:
    other = live.session.scalars(select(Firm).where(Firm.id != live.product.firm_id)).first()
    assert other is not None
    with pytest.raises(CouponPayerUnknown):
        promise(live, "X", CouponPayer.FIRM, other.code)
    with pytest.raises(CouponPayerUnknown):
        promise(live, "X", CouponPayer.PLATFORM, "HOST")
    with pytest.raises(CouponNotForThis):
        coupons.discount_of(live.session, "H5", occasion_id=None, firm_id=1, amounts=[6_000], now=live.now)
    occasion = live.session.scalar(select(Occasion.id).where(Occasion.code == "LIVE-1"))
    with pytest.raises(CouponNotForThis):
        coupons.discount_of(live.session, "F5", occasion_id=occasion, firm_id=other.id, amounts=[6_000], now=live.now)


def test_a_session_that_has_ended_promises_nothing_more(live: Season) -> None:
    actions.end_session(live.session, "LIVE-1", actor_id=None, now=live.now)
    with pytest.raises(SessionOver):
        promise(live, "LATE", CouponPayer.HOST, None)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE coupons SET discount_fen = 400",
        "UPDATE coupons SET budget_fen = budget_fen + 1",
        "UPDATE coupons SET payer_party_id = payer_party_id + 1",
        "UPDATE coupon_uses SET discount_fen = 1",
        "DELETE FROM coupon_uses",
        "DELETE FROM coupons",
    ],
)
def test_what_was_promised_and_used_is_never_edited(live: Season, change: str) -> None:
    order(live, "H5")
    with pytest.raises(Exception, match="never edited"), live.session.begin_nested():
        live.session.execute(text(change))


def test_a_statement_says_commission_slot_fees_and_what_was_promised(live: Season) -> None:
    with_coupon = live.settled(live.pays(order(live, "H5", buyer="C-1")))
    live.settled(live.pays(order(live, None, 3, buyer="C-2")))
    order(live, None, 1, buyer="C-3")
    grant_refund(live.session, with_coupon, 1_100, "坏果", line_ids=None, actor_id=None, now=live.now)
    live.session.execute(text("UPDATE shelf_items SET slot_fee_fen = 20000 WHERE occasion_id ="
                              " (SELECT id FROM occasions WHERE code = 'LIVE-1')"))  # fmt: skip
    actions.end_session(live.session, "LIVE-1", actor_id=None, now=live.now)
    assert settle.settle_ended(live.session, now=live.now) == 0
    assert told(live)["slot_fees_fen"] == 0
    live.session.execute(text("UPDATE orders SET expires_at = :past WHERE status = 'placed'"), {"past": live.now})
    expire_unpaid(live.session, now=live.now + timedelta(seconds=1))
    assert [settle.settle_ended(live.session, now=live.now) for _ in range(2)] == [1, 0]
    statement = told(live)
    # 5,500 - 1,100 and 9,000 were kept: 8 % of 4,400 is 352, of 9,000 720. The coupon stands for four fifths.
    assert (statement["base_fen"], statement["commission_fen"], statement["taken_back_fen"]) == (13_400, 1_072, 88)
    assert (statement["slot_fees_fen"], statement["coupons_promised_fen"]) == (20_000, 400)
    assert statement["due_fen"] == 1_072 + 20_000 - 400
    (product,) = statement["products"]
    assert (product["packs"], product["paid_fen"], product["refunded_fen"]) == (5, 14_500, 1_100)
    assert product["commission_fen"] == statement["commission_fen"]
    assert statement["coupons"] == [{"code": "H5", "payer": "host", "used_fen": 500}]
    host = live.session.execute(
        select(Posting.amount_fen)
        .join(Account, Account.id == Posting.account_id)
        .where(Account.kind == AccountKind.HOST)
    ).scalars()
    assert -sum(host) == 21_072


def told(season: Season) -> dict[str, Any]:
    found, occasion = season.session.execute(
        select(LiveSession, Occasion)
        .join(Occasion, Occasion.id == LiveSession.occasion_id)
        .where(Occasion.code == "LIVE-1")
    ).one()
    return settle.statement(season.session, occasion, found)


def test_a_session_that_never_went_on_air_owes_no_slot_fee(season: Season) -> None:
    host = season.session.execute(select(Partner).where(Partner.code == "HOST")).scalar_one()
    campaign = season.session.execute(select(Occasion.campaign_id).where(Occasion.code == "LIVE-1")).scalar_one()
    item = actions.Item(season.product.id, season.sku, PRICE, 5_000, slot_fee_fen=20_000)
    actions.plan_session(
        season.session, "IDLE", campaign, host, "未开播（示例）", season.now, season.now + timedelta(hours=1), [item],
        actions.About("直播间（示例）"), commission_bp=BP, actor_id=None, now=season.now,
    )  # fmt: skip
    late = season.now + timedelta(hours=5)
    assert actions.end_overdue(season.session, now=late) >= 1
    assert settle.settle_ended(season.session, now=late) >= 1
    pledged = season.session.scalars(select(Account.id).where(Account.kind == AccountKind.PLEDGED)).all()
    assert pledged == []


# -- at the same moment, with real commits ------------------------------------------------------------------------


@pytest.fixture
def shop(county: Flask, clock: WalkingClock) -> Flask:
    with transaction() as session:
        season = ready(session, clock.now())
        promise(season, "H5", CouponPayer.HOST, None, budget=50_000)
        promise(season, "TIGHT", CouponPayer.HOST, None, budget=1_500)
        county.extensions["sku"] = season.sku
        grams = 60 * season.product.net_weight_g
        season.made(NECTARINE, 500_000)
        actions.change_item(
            session, "LIVE-1", season.product.id, season.sku, Change(top_up_g=grams), actor_id=None, now=clock.now()
        )
    return county


def buy(app: Flask, buyer: int, coupon: str) -> str:
    now = app.extensions["clock"].now()
    with app.app_context():
        try:
            with transaction() as session:
                version = current_version(session)
                place_order(
                    session,
                    Request([Asked(app.extensions["sku"], 2)], buyer, partner="HOST", occasion="LIVE-1", coupon=coupon),
                    goods=catalog(session, version), selling=selling(session, version), actor_id=None, now=now,
                )  # fmt: skip
        except DomainError as refusal:
            return f"{refusal.status} {refusal.code}"
        return "sold"


def at_once(tasks: list[Callable[[], str]], threads: int) -> list[str]:
    start = Barrier(threads)

    def worker(mine: list[Callable[[], str]]) -> list[str]:
        start.wait()
        return [task() for task in mine]

    with ThreadPoolExecutor(threads) as pool:
        return [a for answers in pool.map(worker, [tasks[n::threads] for n in range(threads)]) for a in answers]


def test_t17_a_coupon_used_fifty_times_at_once_counts_once(shop: Flask) -> None:
    buyer = party(shop, PartyKind.CUSTOMER)
    answers = at_once([lambda: buy(shop, buyer, "H5")] * 50, threads=10)
    assert (answers.count("sold"), answers.count("409 coupon-used")) == (1, 49)
    assert db.session.scalar(select(Coupon.spent_fen).where(Coupon.code == "H5")) == 500
    release()


def test_buyers_at_once_never_spend_more_than_the_budget(shop: Flask) -> None:
    buyers = [party(shop, PartyKind.CUSTOMER) for _ in range(10)]
    answers = at_once([lambda buyer=buyer: buy(shop, buyer, "TIGHT") for buyer in buyers], threads=10)
    assert (answers.count("sold"), answers.count("409 coupon-spent")) == (3, 7)
    assert db.session.scalar(select(Coupon.spent_fen).where(Coupon.code == "TIGHT")) == 1_500
    release()


def test_the_control_without_the_guard_spends_beyond_the_budget_and_counts_twice(
    shop: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What guard and index are for: without them and the CHECK behind, the two tests above would see this."""
    with transaction() as session:
        session.execute(text("ALTER TABLE coupons DROP CONSTRAINT ck_coupons_within_budget"))
        session.execute(text("DROP INDEX uq_coupon_uses_once"))
    careless = str(coupons._TAKE).replace(" AND spent_fen + discount_fen <= budget_fen", "")
    careless = careless.replace("ON CONFLICT (coupon_id, buyer_party_id) WHERE released_at IS NULL DO NOTHING", "")
    assert careless != str(coupons._TAKE)
    monkeypatch.setattr(coupons, "_TAKE", text(careless))
    buyer = party(shop, PartyKind.CUSTOMER)
    assert at_once([lambda: buy(shop, buyer, "TIGHT")] * 6, threads=6) == ["sold"] * 6
    assert db.session.scalar(select(Coupon.spent_fen).where(Coupon.code == "TIGHT")) == 3_000
    release()


def test_coupons_leave_the_books_right(county: Flask, clock: WalkingClock) -> None:
    with transaction() as session:
        live = ready(session, clock.now())
        firm = session.get_one(Firm, live.product.firm_id)
        for code, payer, by in (("H5", "host", None), ("F5", "firm", firm.code), ("P5", "platform", "SHOP")):
            promise(live, code, CouponPayer(payer), by)
        session.execute(text("UPDATE shelf_items SET slot_fee_fen = 20000"))
        for coupon in ("H5", "F5", "P5"):
            live.refunded(live.settled(live.pays(order(live, coupon)), refused_g=700), 333)
        live.tell_refunds()
        cancel(session, live.pays(order(live, "H5", buyer="C-2")), actor_id=None, now=live.now)
        order(live, "H5", buyer="C-3")
        expire_unpaid(session, now=live.now + timedelta(hours=1))
        actions.end_session(session, "LIVE-1", actor_id=None, now=live.now)
        assert settle.settle_ended(session, now=live.now) == 1
        session.execute(text("UPDATE outbox SET sent_at = :now, done_at = :now"), {"now": clock.now()})
    for rollup in Rollup:
        with transaction() as session:
            rollups.refresh(session, rollup)
    with transaction() as session:
        for number in session.scalars(select(Order.id).where(Order.paid_fen > Order.refunded_fen)):
            refund_excess(session, number, now=clock.now())
        Season(session, clock.now(), "").tell_refunds()
    assert [str(found) for found in check_books(db.session(), now=clock.now())] == []
    total = db.session.execute(text("SELECT sum(net_fen), sum(firm_fen + host_fen + platform_fen + coupon_fen)"
                                    " FROM sales_rollup")).one()  # fmt: skip
    assert total[0] == total[1] > 0
    release()


@pytest.mark.parametrize(
    "fault",
    [
        "UPDATE coupons SET spent_fen = spent_fen + 1",
        "UPDATE coupon_uses SET released_at = now()",
        "UPDATE order_lines SET discount_fen = discount_fen + 1 WHERE discount_fen > 0",
        "UPDATE orders SET discount_fen = 0 WHERE discount_fen > 0",
    ],
)
def test_check_books_finds_a_coupon_that_does_not_add_up(shop: Flask, fault: str) -> None:
    buyer = party(shop, PartyKind.CUSTOMER)
    assert buy(shop, buyer, "H5") == "sold"
    (check,) = [check for check in CHECKS if check.code == "L3"]
    with db.engine.connect() as connection, connection.begin() as work:
        assert run_checks(connection, [check], now=shop.extensions["clock"].now()) == []
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        for table, name in (("orders", "total_adds_up"), ("order_lines", "discount_within_line")):
            connection.execute(text(f"ALTER TABLE {table} DROP CONSTRAINT ck_{table}_{name}"))
        assert connection.execute(text(fault)).rowcount > 0
        assert run_checks(connection, [check], now=shop.extensions["clock"].now()) != []
        work.rollback()


def test_a_use_is_of_one_order_and_names_its_buyer(live: Season) -> None:
    placed = order(live, "P5")
    use = live.session.get_one(CouponUse, placed.id)
    assert (use.buyer_party_id, use.discount_fen, use.released_at) == (placed.buyer_party_id, 500, None)
