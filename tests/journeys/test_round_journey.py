"""A buying round over HTTP: from the link to the household, and the goods in everybody's hands."""

from typing import Any

from sqlalchemy import text

from shop.kit.clock import at_beijing
from shop.kit.db import db, release, transaction
from shop.kit.tables import XLSX_TYPE, read_table
from shop.reports.books import check_books
from tasks.rounds import close_due
from tests.factories.statements import statements
from tests.journeys.conftest import DAY, PEACH, Stage

ROUND = {
    "partner": "B18", "title_zh": "鲜桃团购（示例）", "closes_at": "2025-07-18T18:00:00+08:00",
    "delivery_point_zh": "教学楼一楼（示例）", "contact_name_zh": "王组织（示例）", "contact_phone": "13800000000",
    "products": [{"sku": PEACH, "most_packs": 20}],
}  # fmt: skip


def ask(stage: Stage, method: str, path: str, body: dict[str, Any] | None = None, status: int = 200) -> Any:
    """Whoever has the link, without an account."""
    answer = stage.app.test_client().open(f"/api/v1{path}", method=method, json=body)
    assert answer.status_code == status, answer.get_data(as_text=True)
    return answer.json if status != 204 else None


def lines(packs: int) -> list[dict[str, Any]]:
    return [{"sku": PEACH, "quantity": packs}]


def test_colleagues_join_by_a_link_and_the_unit_orders_once_at_the_tier_of_all(stage: Stage) -> None:
    opened = stage.post("unit", "/rounds", ROUND)
    join = f"/joins/{opened['join_code']}"
    seen = ask(stage, "GET", join)
    assert (seen["people"], seen["products"][0]["price_fen"]) == (0, 3980)
    assert seen["products"][0]["next_tier"] == {"missing_packs": 10, "price_fen": 3780}
    secrets = [
        ask(stage, "POST", join, {"name_zh": f"同事{n}（示例）", "staff_number": f"N{n}", "lines": lines(n)}, 201)[
            "secret"
        ]
        for n in range(1, 6)
    ]
    by_phone = {"name_zh": "李同事（示例）", "phone": "139 0000 0000", "lines": lines(20)}
    joined = ask(stage, "POST", join, by_phone, 201)
    assert (joined["position"], joined["amount_fen"]) == (6, 20 * 3780)
    ask(stage, "POST", f"{join}/withdrawal", {"secret": secrets[0]}, 204)
    changed = ask(stage, "POST", f"{join}/change", {"secret": secrets[1], "lines": lines(18)})
    assert changed["items"][0]["asked"] == 18
    seen = stage.get("unit", f"/rounds/{opened['code']}")
    assert (seen["people"], seen["products"][0]["packs"], seen["amount_fen"]) == (5, 50, 50 * 3580)
    assert stage.get("operator", "/rounds")["items"][0]["people"] == 5
    who = stage.get("unit", f"/rounds/{opened['code']}/distribution")["people"]
    assert [(row["name_zh"], row["phone"], row["staff_number"]) for row in who[::4]] == [
        ("同事2（示例）", None, "N2"), ("李同事（示例）", "139****0000", None),
    ]  # fmt: skip

    closed = stage.post("unit", f"/rounds/{opened['code']}/closing", status=200)
    order = stage.get("unit", f"/orders/{closed['order']}")
    assert (order["channel"], order["occasion"], order["total_fen"]) == ("unit", opened["code"], 50 * 3580)
    ask(stage, "POST", join, by_phone | {"phone": "13900000001"}, 409)
    stage.post("unit", f"/orders/{closed['order']}/approval", status=200)
    stage.post("firm", f"/orders/{closed['order']}/dispatches")
    verdict = {"lines": [{"sku": PEACH, "accepted_g": 48 * 2_500, "refused_reason": "压伤两箱"}]}
    stage.post("unit", f"/orders/{closed['order']}/acceptance", verdict, status=200)
    stage.work()
    shared = stage.get("unit", f"/rounds/{opened['code']}/distribution")
    # 18, 3, 4, 5 and 20 packs were asked for; 48 of 50 came.
    assert [row["items"][0]["received"] for row in shared["people"]] == [17, 3, 4, 5, 19]
    assert (shared["accepted"], shared["amount_fen"], len(shared["boxes"])) == (True, 48 * 3580, 48)
    book = stage.app.test_client().get(
        f"/api/v1/rounds/{opened['code']}/distribution.xlsx", headers=stage.people["unit"]
    )
    assert (book.status_code, book.content_type) == (200, XLSX_TYPE)
    rows = [row for _, row in read_table(book.data)]
    assert rows[0][:8] == ["序号", "姓名", "手机号", "工号", "商品", "单位", "已订", "到货"]
    assert rows[1][1:10] == ["同事2（示例）", "", "N2", "大桐蜜桃", "箱", "18", "17", "35.8", "608.6"]
    assert rows[5][2] == "139****0000"
    assert len(rows) == 6
    stage.post("unit", f"/rounds/{opened['code']}/hand-outs", {"positions": [2, 3, 4, 5]}, status=200)
    finished = stage.post("unit", f"/rounds/{opened['code']}/hand-outs", {"positions": [6]}, status=200)
    assert (finished["status"], finished["status_zh"]) == ("finished", "已发完")
    mine = ask(stage, "POST", f"{join}/mine", {"secret": secrets[1]})
    assert mine["handed_at"] is not None
    settled = stage.get("unit", f"/orders/{closed['order']}")
    assert (settled["status"], settled["due_on"]) == ("settled", "2025-08-14")
    households = db.session.execute(text("SELECT sum(amount_fen) FROM sales_reach")).scalar_one()
    release()
    assert households == 48 * 3580
    assert check_books(db.session(), now=stage.clock.now()) == []
    release()


def test_a_round_is_read_with_the_same_few_statements_however_many_joined(stage: Stage) -> None:
    counts = []
    opened = stage.post("unit", "/rounds", ROUND)
    for n in range(1, 13):
        body = {"name_zh": f"同事{n}（示例）", "staff_number": f"N{n}", "lines": lines(1)}
        ask(stage, "POST", f"/joins/{opened['join_code']}", body, 201)
        if n in (1, 12):
            with statements() as seen:
                stage.get("unit", f"/rounds/{opened['code']}/distribution")
            counts.append(len(seen))
    assert counts[0] == counts[1] <= 8


def test_the_clock_closes_the_round_on_its_evening(stage: Stage) -> None:
    opened = stage.post("unit", "/rounds", ROUND | {"closes_at": "2025-07-15T18:00:00+08:00"})
    body = {"name_zh": "同事（示例）", "staff_number": "N1", "lines": lines(2)}
    ask(stage, "POST", f"/joins/{opened['join_code']}", body, 201)
    stage.clock.put(at_beijing(DAY, 18))
    with transaction() as session:
        assert close_due(session, now=stage.clock.now()) == 1
    assert stage.get("unit", f"/rounds/{opened['code']}")["status"] == "ordered"
