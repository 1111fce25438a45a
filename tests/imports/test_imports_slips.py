"""Slips written without a line: a CSV or XLSX file, all or nothing, each slip counted once; wages, rents, subsidies."""

import io
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from shop.kit.clock import WalkingClock
from shop.kit.db import transaction
from shop.kit.tables import Sheet, write_csv, write_xlsx
from tests.factories.agreements import line, recorded
from tests.factories.office import Office, count_all, good_books, scalars

HEADER = ["单号", "日期", "农户", "商品", "毛重kg", "扣重kg", "等级", "基价分每kg", "签字人"]
DAY = date(2026, 7, 15)


@pytest.fixture
def office(county: Flask, clock: WalkingClock) -> Any:
    with good_books(county, clock, date(2026, 7, 20)) as office:
        yield office


def growers() -> list[str]:
    return [
        row[0]
        for row in scalars(
            "SELECT households.code FROM memberships JOIN households ON households.id = household_id"
            " JOIN firms ON firms.id = firm_id WHERE firms.code = 'F01' ORDER BY 1 LIMIT 2"
        )
    ]


def slips() -> list[list[object]]:
    first, second = growers()
    return [
        ["D95001", DAY, first, "PL001", 52.5, 1.5, "特级", 481, "户主（示例）"],
        ["D95002", DAY, second, "PL001", 10, "", "等外", 481, "户主（示例）"],
    ]


def csv_of(rows: list[list[object]]) -> bytes:
    return "\n".join(",".join(str(cell) for cell in row) for row in [HEADER, *rows]).encode()


def xlsx_of(rows: list[list[object]]) -> bytes:
    cells = [[Decimal(str(cell)) if isinstance(cell, float) else cell for cell in row] for row in rows]
    return write_xlsx(Sheet("交售单", HEADER, cells))  # type: ignore[arg-type]


def send(office: Office, data: bytes, name: str = "slips.csv", query: str = "firm=F01", firm: str = "F01") -> Any:
    return office.app.test_client().post(
        f"/api/v1/delivery-batches?{query}", data={"slips": (io.BytesIO(data), name)}, headers=office.firms[firm],
        content_type="multipart/form-data",
    )  # fmt: skip


@pytest.mark.parametrize("name", ["交售.csv", "交售.xlsx"])
def test_a_batch_is_paid_by_net_weight_and_grade_and_sent_again_it_changes_nothing(office: Office, name: str) -> None:
    data = csv_of(slips()) if name.endswith("csv") else xlsx_of(slips())
    preview = send(office, data, name, "firm=F01&dry_run=true").json
    assert scalars("SELECT count(*) FROM delivery_batches") == [(0,)]
    taken = send(office, data, name).json
    # 4.81 x 115 % = 5.5315 -> 5.53 yuan/kg x 51 kg; 4.81 x 60 % = 2.886 -> 2.89 x 10 kg
    assert (taken["new"], taken["unchanged"], taken["weight_g"], taken["amount_fen"]) == (2, 0, 61_000, 28_203 + 2_890)
    assert preview == taken | {"dry_run": True}
    assert scalars(
        "SELECT code, weight_g, deduction_g, price_fen_per_kg, factor_bp, amount_fen, signer FROM deliveries"
        " WHERE batch_id IS NOT NULL ORDER BY code"
    ) == [
        ("D95001", 51_000, 1_500, 553, 11_500, 28_203, "户主（示例）"),
        ("D95002", 10_000, 0, 289, 6_000, 2_890, "户主（示例）"),
    ]
    again = send(office, data, name).json
    assert (again["new"], again["unchanged"], again["amount_fen"]) == (0, 2, 0)
    assert scalars(
        "SELECT count(*), sum(amount_fen) FROM income_entries WHERE source_type = 'deliveries' AND month = '2026-07-01'"
    ) == [(2, 31_093)]


def test_t37_a_slip_counts_once_in_one_file_in_two_and_with_blanks_or_full_width_digits(office: Office) -> None:
    first, second = slips()
    another = send(office, csv_of([first, ["Ｄ９５００１", *first[1:4], 60, *first[5:]]]))
    assert another.status_code == 422
    assert [(row["line"], row["column"]) for row in another.json["rows"]] == [(3, "单号")]
    twice = send(office, csv_of([first, ["Ｄ９５００１", *first[1:]]])).json
    assert (twice["new"], twice["weight_g"]) == (1, 51_000)
    # Excel in Chinese writes days into a CSV in its own way.
    mixed = send(office, csv_of([["ｄ９５００１", "2026/7/15", *first[2:]], second])).json
    assert (mixed["new"], mixed["unchanged"]) == (1, 1)
    other = send(office, csv_of([[*first[:4], 99, *first[5:]]]))
    assert other.json["rows"][0]["column"] == "单号"
    assert scalars("SELECT count(*) FROM income_entries WHERE month = '2026-07-01'") == [(2,)]


@pytest.mark.parametrize(
    ("column", "cell"),
    [
        ("日期", "2026-07-21"), ("日期", "20260715"), ("日期", "2026/2/30"), ("日期", "15/7/2026"),
        ("农户", "农户-9999"), ("商品", "PL004"), ("商品", "PL999"),
        ("毛重kg", "0"), ("毛重kg", "1.2345"), ("毛重kg", ""),
        ("扣重kg", "52.5"), ("等级", "甲"), ("基价分每kg", "0"), ("签字人", ""),
        ("基价分每kg", "10000001"),
        ("签字人", "=1+1"), ("签字人", "13800000000"), ("单号", "D 9；"),
    ],
)  # fmt: skip
def test_a_bad_cell_is_named_by_line_and_column_and_nothing_of_the_file_is_kept(
    office: Office, column: str, cell: str
) -> None:
    good, bad = slips()
    bad[HEADER.index(column)] = cell
    refused = send(office, csv_of([good, bad]))
    assert refused.status_code == 422
    assert {(row["line"], row["column"]) for row in refused.json["rows"]} == {(3, column)}
    assert scalars("SELECT count(*) FROM deliveries WHERE code LIKE 'D95%'") == [(0,)]


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_a_file_is_read_as_people_write_it_where_its_meaning_is_certain(office: Office, kind: str) -> None:
    first, second = growers()
    header = ["备注", *reversed(HEADER), "", ""]
    rows = [
        ["", "户主（示例） ", "４８１", "特级", "1.5", "1,052.355", "PL001", first, "2026年7月15日", "D95001", "", ""],
        ["雨天", "户主（示例）", "481", "等外", "", "１０", " PL001", second, "2026/7/15", " D95002", "", ""],
        [""] * 12,
    ]  # fmt: skip
    data = write_xlsx(Sheet("交售单", header, rows)) if kind == "xlsx" else write_csv(header, rows)
    taken = send(office, data, f"slips.{kind}").json
    assert (taken["new"], taken["weight_g"]) == (2, 1_050_855 + 10_000)
    assert scalars(
        "SELECT code, weight_g, deduction_g, delivered_on FROM deliveries WHERE batch_id IS NOT NULL ORDER BY code"
    ) == [("D95001", 1_050_855, 1_500, DAY), ("D95002", 10_000, 0, DAY)]


def test_bad_rows_are_named_in_their_order_whatever_is_wrong_with_them(office: Office) -> None:
    rows = slips()[:2] * 2
    for n, row in enumerate(rows):
        rows[n] = [f"D9300{n}", *row[1:]]
    rows[0][5], rows[1][1], rows[2][0], rows[3][2] = rows[0][4], "2099-07-01", "D95001", "农户-9999"
    found = [row["line"] for row in send(office, csv_of(rows), "a.csv").json["rows"]]
    assert found == sorted(found)
    assert {2, 3, 5} <= set(found)


def test_a_header_without_rows_and_a_phone_among_the_remarks_are_refused(office: Office) -> None:
    rows = send(office, csv_of([])).json["rows"]
    assert [(row["line"], row["reason"]) for row in rows] == [(1, "只有表头，没有数据行")]
    data = write_csv([*HEADER, "备注"], [[*map(str, slips()[0]), "13800000000"]])
    assert [(row["line"], row["column"]) for row in send(office, data).json["rows"]] == [(2, "备注")]
    assert scalars("SELECT count(*) FROM delivery_batches") == [(0,)]


def test_a_slip_that_was_voided_since_is_named_when_it_is_sent_again(office: Office) -> None:
    data = csv_of(slips())
    assert send(office, data).json["voided"] == []
    void = {"weight_g": 0, "price_fen_per_kg": 553, "reason": "重复登记"}
    office.post("/deliveries/D95001/corrections", void, office.firms["F01"])
    again = send(office, data).json
    assert (again["new"], again["unchanged"], again["voided"]) == (0, 2, ["D95001"])


def test_a_file_sent_again_is_unchanged_whatever_was_agreed_since_and_only_its_new_rows_are_judged(
    office: Office,
) -> None:
    assert send(office, csv_of(slips())).json["new"] == 2
    with transaction() as session:  # signed on paper before, recorded afterwards
        recorded(session, line(farm_gate_floor_fen_per_kg=482), starts_on=date(2026, 7, 1), ends_on=date(2026, 9, 16))
    again = send(office, csv_of(slips())).json
    assert (again["new"], again["unchanged"]) == (0, 2)
    low, high = ["D95003", *slips()[1][1:7], 470, slips()[1][8]], ["D95003", *slips()[1][1:7], 482, slips()[1][8]]
    refused = send(office, csv_of([*slips(), low])).json["rows"]
    assert [(row["line"], row["column"]) for row in refused] == [(4, "基价分每kg")]
    taken = send(office, csv_of([*slips(), high])).json
    assert (taken["new"], taken["unchanged"]) == (1, 2)
    with transaction() as session:
        session.execute(text("UPDATE products SET farm_gate_fen_per_kg = NULL WHERE sku = 'PL001'"))
    again = send(office, csv_of([*slips(), high])).json
    assert (again["new"], again["unchanged"]) == (0, 3)
    refused = send(office, csv_of([["D95001", *slips()[1][1:]]])).json["rows"]
    assert sorted(row["column"] for row in refused) == ["单号", "商品"]


def test_a_slip_of_a_file_is_worth_no_more_than_is_ever_paid_at_once(office: Office) -> None:
    good, bad = slips()
    bad[HEADER.index("毛重kg")], bad[HEADER.index("基价分每kg")] = 10_000, 10_000_000
    [row] = send(office, csv_of([good, bad])).json["rows"]
    assert (row["line"], row["column"]) == (3, "基价分每kg")
    assert scalars("SELECT count(*) FROM delivery_batches") == [(0,)]


def test_the_number_of_a_void_slip_is_refused_with_the_next_one_that_is_free(office: Office) -> None:
    rows = slips()
    assert send(office, csv_of(rows)).json["new"] == 2
    void = {"weight_g": 0, "price_fen_per_kg": 553, "reason": "登记错户"}
    office.post("/deliveries/D95001/corrections", void, office.firms["F01"])
    other = [rows[0][0], *rows[1][1:]]
    refused = send(office, csv_of([other, ["D95001-2", *rows[0][1:]]]))
    [told] = refused.json["rows"]
    assert (told["line"], told["column"]) == (2, "单号")
    assert "该单号已登记，但已作废，重新登记请用 D95001-3" in str(told)
    assert send(office, csv_of([["D95001-2", *other[1:]]])).json["new"] == 1
    slip = {"code": "D95001", "household": growers()[0], "sku": "PL001", "delivered_on": str(DAY), "weight_g": 1_000,
            "grade": "特级", "base_price_fen_per_kg": 500}  # fmt: skip
    single = office.post("/deliveries", slip, office.firms["F01"], 409)
    assert single["detail"] == "交售单 D95001 已登记过，但已作废，重新登记请用 D95001-3。"
    office.post("/deliveries", slip | {"code": "D95001-3"}, office.firms["F01"])
    stands = office.post("/deliveries", slip | {"code": "D95002"}, office.firms["F01"], 409)
    assert stands["detail"] == "交售单 D95002 已登记过，另一张交售单请用它自己的编号。"


def test_another_firm_is_not_told_that_a_slip_is_void(office: Office) -> None:
    assert send(office, csv_of(slips())).json["new"] == 2
    void = {"weight_g": 0, "price_fen_per_kg": 553, "reason": "登记错户"}
    office.post("/deliveries/D95001/corrections", void, office.firms["F01"])
    [(sku, household, day)] = scalars(
        "SELECT sku, households.code, delivered_on FROM deliveries JOIN products ON products.id = product_id"
        " JOIN households ON households.id = household_id JOIN firms ON firms.id = deliveries.firm_id"
        " WHERE firms.code = 'F02' ORDER BY deliveries.id LIMIT 1"
    )
    slip = {"code": "D95001", "household": household, "sku": sku, "delivered_on": str(day), "weight_g": 1_000,
            "grade": "一级", "price_fen_per_kg": 5_000}  # fmt: skip
    refused = office.post("/deliveries", slip, office.firms["F02"], 409)
    assert refused["detail"] == "交售单 D95001 已登记过，另一张交售单请用它自己的编号。"
    row = ["D95001", day, household, sku, 10, "", "一级", 5_000, "户主（示例）"]
    told = send(office, csv_of([row]), query="firm=F02", firm="F02").json["rows"]
    assert "该单号已登记，内容不同" in str(told)


def test_a_file_that_is_none_and_another_firm_s_are_refused(office: Office) -> None:
    assert send(office, b"x", "slips.txt").status_code == 422
    assert send(office, b"PK\x03\x04", "slips.xlsx").json["rows"][0]["line"] == 0
    assert send(office, csv_of(slips()), query="firm=F01", firm="F02").status_code == 404
    theirs = send(office, csv_of(slips()), query="firm=F02", firm="F02")
    assert {row["column"] for row in theirs.json["rows"]} == {"农户", "商品"}
    assert scalars("SELECT count(*) FROM delivery_batches") == [(0,)]


def test_a_firm_s_own_factor_goes_before_the_county_s_from_its_day_on(office: Office) -> None:
    ours = office.firms["F01"]
    body = {"firm": "F01", "grade": "特级", "valid_from": "2026-07-16", "factor_bp": 12_000}
    office.post("/grade-factors", body, ours)
    office.post("/grade-factors", body, ours, 409)
    office.post("/grade-factors", {key: value for key, value in body.items() if key != "firm"}, ours, 403)
    office.post("/grade-factors", body, office.firms["F02"], 404)
    prices = []
    for n, day in enumerate(("2026-07-15", "2026-07-16")):
        slip = {"code": f"D9600{n}", "household": growers()[0], "sku": "PL001", "delivered_on": day,
                "weight_g": 1_000, "grade": "特级", "base_price_fen_per_kg": 500}  # fmt: skip
        prices.append(office.post("/deliveries", slip, ours)["price_fen_per_kg"])
    assert prices == [575, 600]
    both = slip | {"code": "D96009", "price_fen_per_kg": 1}
    office.post("/deliveries", both, ours, 422)
    assert len(office.get("/grade-factors", ours)["items"]) == 4
    assert office.get("/grade-factors?firm=F01", ours)["items"] == [body]
    assert office.get("/grade-factors?firm=F01", office.firms["F02"])["items"] == []


def test_the_code_of_a_void_payment_is_refused_with_the_next_one_that_is_free(office: Office) -> None:
    ours, void = office.firms["F01"], {"amount_fen": 0, "reason": "登记错户"}
    body = {"code": "W-1", "household": growers()[0], "kind": "wage", "paid_on": "2026-07-10", "amount_fen": 26_000,
            "firm": "F01", "source": None}  # fmt: skip
    office.post("/household-payments", body, ours)
    stands = office.post("/household-payments", body, ours, 409)
    assert stands["detail"] == "支付单 W-1 已登记过，另一笔支付请用它自己的编号。"
    office.post("/household-payments/W-1/corrections", void, ours)
    again = office.post("/household-payments", body, ours, 409)
    assert again["detail"] == "支付单 W-1 已登记过，但已作废，重新登记请用 W-1-2。"
    office.post("/household-payments", body | {"code": "W-1-2"}, ours)
    assert office.post("/household-payments", body, ours, 409)["detail"].endswith("重新登记请用 W-1-3。")
    subsidy = body | {"kind": "subsidy", "firm": None, "source": "补贴（示例）"}
    assert office.post("/household-payments", subsidy, status=409)["detail"].endswith("请用它自己的编号。")


def test_a_subsidy_is_transfer_income_out_of_public_money_and_stands_in_no_firm_s_figures(office: Office) -> None:
    household = growers()[0]
    body = {"code": "BT-1", "household": household, "kind": "subsidy", "paid_on": "2026-07-10", "amount_fen": 60_000,
            "source": "耕地地力保护补贴（示例）"}  # fmt: skip
    office.post("/household-payments", body, office.firms["F01"], 403)
    office.post("/household-payments", body | {"source": None}, status=422)
    office.post("/household-payments", body | {"firm": "F01"}, status=422)
    office.post("/household-payments", body)
    assert office.post("/household-payments", body, status=409)["type"].endswith("payment-code-taken")
    wage = body | {"code": "W-1", "kind": "wage", "firm": "F01", "amount_fen": 26_000}
    office.post("/household-payments", wage, office.firms["F02"], 404)
    office.post("/household-payments", wage, office.firms["F01"])
    told = office.get(f"/households/{household}/statement?month=2026-07")
    assert [(row["kind"], row["category"], row["amount_fen"]) for row in told["by_kind"]] == [
        ("subsidy", "transfer", 60_000), ("wage", "wage", 26_000),
    ]  # fmt: skip
    assert {entry["kind"]: entry["firm_name_zh"] for entry in told["entries"]}["subsidy"] is None
    count_all()
    report = office.get("/reports/income?from=2026-07&to=2026-07&by=firm")
    assert {row["key"]: row["cash_fen"] for row in report["items"]} == {"-": 60_000, "F01": 26_000}
    # It is received, and reaches nobody.
    assert {row["key"]: row["households"] for row in report["items"]} == {"-": 0, "F01": 1}
    assert report["total"]["categories"]["transfer_fen"] == 60_000
    own = office.get("/reports/income?from=2026-07&to=2026-07&by=firm", office.firms["F01"])
    assert own["total"]["cash_fen"] == 26_000
    why = office.get("/reports/income/explain?from=2026-07&to=2026-07&by=firm&key=-")
    assert [(row["source_code"], row["amount_fen"]) for row in why["items"]] == [("BT-1", 60_000)]
