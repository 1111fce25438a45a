"""One lot traced to its buyers, one sale to its growers, recalls: over HTTP, each role as far as it may see."""

import pytest
from sqlalchemy import select, text

from shop.access.models import Role
from shop.farmers.models import Household
from shop.kit.db import db, release
from shop.kit.tables import read_table
from shop.places.models import Township
from shop.reports.books import check_books
from shop.stock.recalls import take_recalled
from tests.factories.access import headers_of, person
from tests.factories.tables import contents
from tests.journeys.conftest import PEACH, Stage


@pytest.fixture
def sold(stage: Stage) -> tuple[Stage, str, str, str]:
    """A lot, an order of a consumer that is on its way, and one that waits."""
    lot = stage.get("firm", "/lots")["items"][0]["code"]
    recipient = {"name": "张三丰", "phone": "13800005678", "address": "运城市（示例）"}
    numbers = []
    for packs in (2, 3):
        order = stage.post(
            "customer", "/orders",
            {"partner": "S1", "recipient": recipient, "lines": [{"sku": PEACH, "quantity": packs}]},
        )  # fmt: skip
        stage.press_pay(order["number"], "customer")
        numbers.append(order["number"])
    stage.post("firm", f"/orders/{numbers[0]}/dispatches", {"carrier_zh": "顺丰", "tracking_number": "SF1"})
    return stage, lot, numbers[0], numbers[1]


def free(sku: str = PEACH) -> int:
    query = text(
        "SELECT sum(available_g) FROM pools JOIN products ON products.id = product_id WHERE sku = :sku"
    ).bindparams(sku=sku)
    grams = int(db.session.execute(query).scalar_one())
    release()
    return grams


def test_a_lot_is_traced_to_its_slips_and_to_its_buyers_who_are_masked(sold: tuple[Stage, str, str, str]) -> None:
    stage, lot, sent, waiting = sold
    trace = stage.get("firm", f"/lots/{lot}/trace")
    assert len(trace["slips"]) == len(trace["deliveries"]) == 10
    assert sum(slip["weight_g"] for slip in trace["slips"]) == trace["received_g"]
    assert {slip["household"][:3] for slip in trace["slips"]} == {"农户-"}
    assert trace["orders"] == [{"state": "on_the_way", "orders": 1, "weight_g": 5_000}]
    assert trace["received_g"] == trace["dispatched_g"] + trace["left_g"]
    (row,) = stage.get("firm", f"/lots/{lot}/orders")["items"]
    assert (row["order"], row["state"], row["lot"], row["buyer"], row["phone"]) == (
        sent, "on_the_way", lot, "张**", "138****5678"
    )  # fmt: skip
    (held,) = stage.get("operator", f"/lots/{lot}/orders?whether=waiting")["items"]
    assert (held["order"], held["weight_g"], held["short_g"]) == (waiting, 7_500, 0)
    stage.post("customer", f"/orders/{sent}/acceptance", status=200)
    assert stage.get("firm", f"/lots/{lot}/trace")["orders"][0]["state"] == "received"


def test_a_buyer_traces_his_order_to_villages_and_the_firm_to_households(sold: tuple[Stage, str, str, str]) -> None:
    stage, lot, sent, _ = sold
    stage.post("customer", f"/orders/{sent}/acceptance", status=200)
    stage.work()
    ((of_lot,),) = [line["lots"] for line in stage.get("customer", f"/orders/{sent}/trace")["lines"]]
    assert (of_lot["lot"], of_lot["weight_g"], of_lot["certificate_number"]) == (lot, 5_000, "HGZ-1")
    assert of_lot["villages"] != []
    assert (of_lot["slips"], of_lot["reached"]) == (None, None)
    ((known,),) = [line["lots"] for line in stage.get("firm", f"/orders/{sent}/trace")["lines"]]
    assert len(known["slips"]) == 10
    assert sum(row["amount_fen"] for row in known["reached"]) == 2 * 3_980
    stage.get("unit", f"/orders/{sent}/trace", status=404)


def test_a_household_traces_its_slip_to_lots_and_channels_and_no_other_household_does(
    sold: tuple[Stage, str, str, str],
) -> None:
    stage, lot, sent, _ = sold
    stage.post("customer", f"/orders/{sent}/acceptance", status=200)
    stage.work()
    slip = stage.get("firm", f"/lots/{lot}")["deliveries"][0]
    other = next(
        one["household"] for one in stage.get("firm", f"/lots/{lot}")["deliveries"]
        if one["household"] != slip["household"]
    )  # fmt: skip
    for name, code in (("grower", slip["household"]), ("stranger", other)):
        party = db.session.execute(select(Household.party_id).where(Household.code == code)).scalar_one()
        release()
        stage.people[name] = headers_of(stage.app, person(stage.app, (Role.HOUSEHOLD, party)))
    trace = stage.get("grower", f"/deliveries/{slip['code']}/trace")
    assert [(one["lot"], one["kind"], one["recalled"]) for one in trace["lots"]] == [(lot, "delivered", False)]
    assert trace["gross_g"] - trace["deduction_g"] == trace["weight_g"] == slip["weight_g"]
    assert [row["channel"] for row in trace["sales_reached"]] == ["platform"]
    assert "张" not in str(trace)
    stage.get("stranger", f"/deliveries/{slip['code']}/trace", status=404)


def test_a_township_sees_the_households_of_its_own_and_no_code_of_another(sold: tuple[Stage, str, str, str]) -> None:
    stage, lot, _, _ = sold
    slips = stage.get("operator", f"/lots/{lot}/trace")["slips"]
    for township in db.session.scalars(select(Township)).all():
        stage.people[township.code] = headers_of(stage.app, person(stage.app, (Role.MANAGER, township.party_id)))
    seen = []
    for code in [code for code in stage.people if code.isdigit()]:
        answer = stage.app.test_client().get(f"/api/v1/lots/{lot}/trace", headers=stage.people[code])
        if answer.status_code == 200:
            seen.append(answer.get_json()["slips"])
    (theirs,) = seen
    home = {slip["township_zh"] for slip in theirs if slip["household"]}
    assert len(home) <= 1
    assert [slip["household"] is not None for slip in theirs] == [slip["township_zh"] in home for slip in slips]


def test_a_recalled_lot_is_neither_sold_nor_sent_and_its_buyers_and_orders_know(
    sold: tuple[Stage, str, str, str],
) -> None:
    stage, lot, sent, waiting = sold
    recall = stage.post("operator", f"/lots/{lot}/recalls", {"reason": "农残抽检不合格（示例）"})
    assert (recall["lot"], recall["by_county"], recall["lifted_at"]) == (lot, True, None)
    assert free() == 0
    shown = stage.get("customer", f"/orders/{sent}")["recalls"]
    assert [(one["lot"], one["weight_g"], one["reason"]) for one in shown] == [(lot, 5_000, "农残抽检不合格（示例）")]
    assert stage.get("customer", f"/orders/{waiting}")["recalls"] == []
    refused = stage.post("firm", f"/orders/{waiting}/dispatches", {}, status=409)
    assert refused["type"].endswith("not-enough-stock")
    stage.post(
        "customer", "/orders",
        {"partner": "S1", "recipient": {"name": "李", "phone": "13800000000", "address": "运城市（示例）"},
         "lines": [{"sku": PEACH, "quantity": 1}]}, status=409,
    )  # fmt: skip
    (held,) = stage.get("firm", f"/lots/{lot}/orders?whether=waiting")["items"]
    assert (held["order"], held["short_g"]) == (waiting, 7_500)
    made = {"sku": PEACH, "sources": [{"lot": lot, "weight_g": 1_000}], "certificate_number": "HGZ-2"}
    assert stage.post("firm", "/remade-lots", made, status=409)["type"].endswith("lot-is-recalled")
    stage.post("customer", f"/orders/{waiting}/cancellation", status=200)
    assert free() == 7_500
    assert take_recalled(db.session(), now=stage.clock.now()) == 7_500
    db.session.commit()
    release()
    assert free() == 0
    trace = stage.get("firm", f"/lots/{lot}/trace")
    assert (trace["left_g"], trace["losses"]) == (
        0, [{"reason": recall["code"], "weight_g": trace["received_g"] - 5_000}]
    )  # fmt: skip
    db.session.execute(text("UPDATE outbox SET sent_at = now(), done_at = now()"))
    db.session.commit()
    assert [str(wrong) for wrong in check_books(db.session(), now=stage.clock.now()) if "I23" not in str(wrong)] == []


def test_a_recall_names_its_orders_in_a_file_dispatched_and_waiting_apart(sold: tuple[Stage, str, str, str]) -> None:
    stage, lot, sent, waiting = sold
    stage.post("firm", f"/lots/{lot}/recalls", {"reason": "抽检不合格（示例）"})
    rows: dict[str, list[list[str]]] = {}
    for kind in ("text/csv", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"):
        answer = stage.app.test_client().get(
            f"/api/v1/lots/{lot}/orders", headers=stage.people["firm"] | {"Accept": kind}
        )
        assert answer.status_code == 200
        rows[kind] = [cells for _, cells in read_table(answer.data)]
    head, *body = rows["text/csv"]
    assert head[:5] == ["状态", "订单", "渠道", "买方", "电话"]
    assert [(row[0], row[1], row[3], row[4]) for row in body] == [
        ("待发货", waiting, "张**", "138****5678"), ("在途", sent, "张**", "138****5678")
    ]  # fmt: skip
    assert [row[:7] for row in rows[kind]] == [row[:7] for row in rows["text/csv"]]


def test_a_recall_takes_along_what_was_made_of_the_lot_and_lifting_it_gives_all_back(
    sold: tuple[Stage, str, str, str],
) -> None:
    stage, lot, _, waiting = sold
    made = {"sku": PEACH, "sources": [{"lot": lot, "weight_g": 4_000, "lost_g": 100}], "certificate_number": "HGZ-2"}
    packed = stage.post("firm", "/remade-lots", made)
    assert (packed["received_g"], [part["lot"] for part in packed["made_of"]]) == (3_900, [lot])
    before = free()
    code = stage.post("firm", f"/lots/{lot}/recalls", {"reason": "抽检不合格（示例）"})["code"]
    assert stage.get("firm", f"/lots/{packed['code']}")["recalled"] is True
    stage.post("firm", f"/lots/{lot}/recalls", {"reason": "再次召回"}, status=409)
    again = stage.post("operator", f"/lots/{packed['code']}/recalls", {"reason": "另案（示例）"})["code"]
    stage.post("firm", f"/recalls/{again}/lifting", {"reason": "复检合格"}, status=403)
    stage.post("firm", f"/recalls/{code}/lifting", {"reason": "复检合格"}, status=200)
    assert stage.get("firm", f"/lots/{packed['code']}")["recalled"] is True
    assert stage.get("firm", f"/lots/{packed['code']}")["left_g"] == 0
    stage.post("operator", f"/recalls/{again}/lifting", {"reason": "复检合格"}, status=200)
    assert free() == before
    assert stage.get("firm", f"/lots/{packed['code']}")["left_g"] == 3_900
    kept = contents(stage.app)
    stage.post("firm", f"/recalls/{code}/lifting", {"reason": "复检合格"}, status=409)
    assert contents(stage.app) == kept
    assert stage.get("firm", "/recalls?standing=true")["items"] == []
    stage.post("firm", f"/orders/{waiting}/dispatches", {})
