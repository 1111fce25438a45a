"""The way of a yuan from a marketplace's files to a household's statement, over HTTP; the books are proved after it."""

from sqlalchemy import text

from shop.kit.db import db, release
from shop.reports.books import check_books
from tests.factories.shopfiles import ORDERS, PAYOUTS, REFUNDS, done, paid_out, refunded, sheet, sold
from tests.journeys.conftest import PEACH, Stage

SHOP = "/marketplaces/S1"


def set_up(stage: Stage) -> None:
    answer = stage.app.test_client().put(
        f"/api/v1{SHOP}", json={"template": "douyin"}, headers=stage.people["operator"]
    )
    assert answer.status_code == 200, answer.text
    stage.post("operator", f"{SHOP}/items", {"shop_sku": "TAO-2", "sku": PEACH, "packs": 2})


def test_what_a_douyin_shop_sold_reaches_the_growers(stage: Stage) -> None:
    set_up(stage)
    # A refund is told before its order, and the orders in two exports that overlap.
    early = sheet(REFUNDS, [refunded("AS1", "6902", "9.60")], "gbk")
    assert stage.upload("operator", f"{SHOP}/imports?kind=refunds", early)["new"] == 1
    first = sheet(ORDERS, [sold("6901", "TAO-2", yuan="79.60"), sold("6902", PEACH)], "gbk")
    assert stage.upload("operator", f"{SHOP}/imports?kind=orders&dry_run=true", first)["new"] == 2
    assert stage.get("operator", f"{SHOP}/orders")["items"] == []
    assert stage.upload("operator", f"{SHOP}/imports?kind=orders", first)["new"] == 2
    stage.work()
    second = sheet(
        ORDERS, [done("6901", "TAO-2", yuan="79.60"), done("6902", PEACH), sold("6903", PEACH, state="已关闭")]
    )
    taken = stage.upload("operator", f"{SHOP}/imports?kind=orders", second)
    assert (taken["new"], taken["changed"]) == (1, 2)
    stage.work()
    lines = stage.get("operator", f"{SHOP}/orders")["items"]
    assert [(line["number"], line["status"], line["due_on"]) for line in lines] == [
        ("6903", None, None),
        ("6902", "settled", "2025-07-19"),
        ("6901", "settled", "2025-07-19"),
    ]
    # 79.60 + 39.80 - 9.60, of which the shop has its dated fee of 2 %.
    rows = [row for line in lines[1:] for row in stage.get("operator", f"/settlements?order={line['order']}")["items"]]
    found: dict[str, int] = {}
    for row in rows:
        found[row["kind"]] = found.get(row["kind"], 0) + row["amount_fen"]
    assert found == {"firm": 7801 + 2960, "platform": 159 + 60}
    households = dict(
        db.session.execute(
            text(
                "SELECT code, sum(amount_fen) FROM sales_reach JOIN households ON households.id = household_id"
                " GROUP BY code"
            )
        ).all()
    )
    release()
    assert sum(households.values()) == 7960 + 3980 - 960
    code, fen = next(iter(households.items()))
    statement = stage.get("operator", f"/households/{code}/statement?month=2025-07")
    assert {row["channel"]: row["amount_fen"] for row in statement["sales_reached"]} == {"platform": fen}
    money = [paid_out("D1", "6901", "78.01", fee="-1.59"), paid_out("D2", "6902", "29.40", fee="-0.80")]
    paid = stage.upload("operator", f"{SHOP}/imports?kind=payouts", sheet(PAYOUTS, money))
    assert (paid["new"], paid["changed"]) == (2, 0)
    (differs,) = stage.get("operator", f"{SHOP}/differences")["items"]
    assert (differs["number"], differs["why"], differs["difference_fen"]) == ("6902", "fee", -20)
    both = stage.get("operator", f"{SHOP}/reconciliation?day=2025-07-31")
    assert (both["expected_fen"], both["received_fen"], both["difference_fen"]) == (10_761, 10_741, -20)
    refused = stage.post(
        "firm", f"/orders/{lines[1]['order']}/refunds", {"amount_fen": 100, "reason": "坏果包赔"}, status=409
    )
    assert refused["type"].endswith("refund-by-marketplace")
    assert check_books(db.session(), now=stage.clock.now()) == []
    release()
