"""A live session over HTTP: planned, reviewed, on air, sold with a coupon, ended, settled; the books are proved."""

from datetime import timedelta

from sqlalchemy import text

from shop.kit.db import db, release, transaction
from shop.live import figures
from shop.live.actions import end_overdue
from shop.live.settle import settle_ended
from shop.orders.actions import expire_unpaid
from shop.reports.books import check_books
from tests.journeys.conftest import PEACH, Stage

#: Ten packs are 25 kg.
SESSION = {
    "code": "LIVE-2", "partner": "H1", "title_zh": "鲜桃秒杀（示例）", "starts_at": "2025-07-15T09:00:00+08:00",
    "ends_at": "2025-07-15T12:00:00+08:00", "commission_bp": 500, "hold_s": 300, "operator_zh": "助农直播间（示例）",
    "agency_zh": "示例经纪公司（示例）", "platform_zh": "抖音",
    "offers": [{"sku": PEACH, "price_fen": 3_500, "set_aside_g": 25_000, "per_buyer_cap": 5, "slot_fee_fen": 10_000}],
}  # fmt: skip
COUPON = {
    "code": "JIAN5", "payer": "host", "discount_fen": 500, "min_goods_fen": 5_000, "budget_fen": 5_000,
    "valid_from": "2025-07-15T09:00:00+08:00", "valid_until": "2025-07-15T12:00:00+08:00",
}  # fmt: skip


def order(stage: Stage, quantity: int, status: int = 201, **more: str) -> dict[str, object]:
    body = {"partner": "H1", "occasion": "LIVE-2", "lines": [{"sku": PEACH, "quantity": quantity}], **more}
    answer: dict[str, object] = stage.post("customer", "/orders", body, status)
    return answer


def left(stage: Stage) -> int:
    """Packs that can still be taken, as the host reads them; figures are believed for a second, so they are dropped."""
    figures._ready._values.clear()
    return int(stage.get("host", "/sessions/LIVE-2/figures")["items"][0]["units_left"])


def test_a_session_from_its_plan_to_what_its_host_is_paid(stage: Stage) -> None:
    stage.post("host", "/sessions", SESSION)
    verified = {"host_verified_on": "2025-07-01", "host_age": 28}
    stage.post("operator", "/sessions/LIVE-2/review", verified, status=200)
    stage.post("host", "/sessions/LIVE-2/coupons", COUPON)
    firm_pays = COUPON | {"code": "FIRM5", "payer": "firm", "payer_code": "F01"}
    stage.post("host", "/sessions/LIVE-2/coupons", firm_pays, status=403)
    stage.post("host", "/sessions/LIVE-2/opening", status=200)
    assert left(stage) == 10

    bought = order(stage, 2, coupon="JIAN5")
    assert bought["total_fen"] == 6_500
    refused = order(stage, 2, status=409, coupon="JIAN5")
    assert str(refused["type"]).endswith("#coupon-used")
    assert left(stage) == 8
    stage.press_pay(str(bought["number"]), "customer")

    order(stage, 3)
    assert str(order(stage, 1, status=409)["type"]).endswith("#per-buyer-cap")
    stage.clock.walk(timedelta(seconds=301))
    with transaction() as session:
        assert expire_unpaid(session, now=stage.clock.now()) == 1
    assert left(stage) == 8

    stage.post("host", "/sessions/LIVE-2/shelf-changes", {"sku": PEACH, "price_fen": 3_000, "top_up_g": 5_000}, 200)
    assert left(stage) == 10
    cheaper = order(stage, 1)
    assert cheaper["total_fen"] == 3_000
    stage.press_pay(str(cheaper["number"]), "customer")
    stage.clock.put(stage.clock.now().replace(hour=4, minute=1))  # a minute after its end in Beijing
    with transaction() as session:
        assert end_overdue(session, now=stage.clock.now()) == 2  # and LIVE-1, which nobody took on air
    assert stage.get("host", "/sessions/LIVE-2")["status"] == "ended"

    for bill in (bought, cheaper):
        stage.post("firm", f"/orders/{bill['number']}/dispatches")
        stage.post("customer", f"/orders/{bill['number']}/acceptance", status=200)
    stage.work()
    with transaction() as session:
        assert settle_ended(session, now=stage.clock.now()) == 2
    statement = stage.get("host", "/sessions/LIVE-2/statement")
    # 5 % of 6,500 and of 3,000; the slot fee; less what he promised.
    assert (statement["base_fen"], statement["commission_fen"]) == (9_500, 475)
    assert (statement["slot_fees_fen"], statement["coupons_promised_fen"]) == (10_000, 500)
    assert statement["due_fen"] == 9_975

    with transaction() as session:
        session.execute(text("UPDATE outbox SET sent_at = :now, done_at = :now"), {"now": stage.clock.now()})
    assert [str(found) for found in check_books(db.session(), now=stage.clock.now())] == []
    release()
