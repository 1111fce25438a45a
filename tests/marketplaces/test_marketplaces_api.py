"""Shops on marketplaces over HTTP: setting up, previewing, taking files, and what no file may do (T65)."""

import hashlib
import io
import time
import zipfile
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from shop.access.models import Role
from shop.kit.clock import WalkingClock
from shop.kit.db import transaction
from shop.kit.tables import MAX_UNPACKED, Sheet, write_xlsx
from shop.marketplaces.connectors import MAX_ROWS
from shop.marketplaces.profiles import templates
from tests.factories.access import signed_in
from tests.factories.sales import ready
from tests.factories.shopfiles import ORDERS, done, sheet, sold
from tests.factories.statements import statements
from tests.factories.tables import contents

SHOP = "/api/v1/marketplaces/SHOP"
PEACH = "PL001"


@pytest.fixture
def operator(county: Flask, clock: WalkingClock) -> dict[str, str]:
    """An operator of a county with a lot of peaches and one Douyin shop."""
    with transaction() as session:
        ready(session, clock.now())
    headers = signed_in(county, Role.OPERATOR)
    answer = county.test_client().put(SHOP, json={"template": "douyin"}, headers=headers)
    assert answer.status_code == 200, answer.text
    assert (answer.get_json()["receipt_days"], answer.get_json()["settle_days"]) == (10, 4)
    return headers


def sent(
    app: Flask, headers: dict[str, str], data: bytes, *, kind: str = "orders", more: str = "", file: str = "导出.csv"
) -> TestResponse:
    return app.test_client().post(
        f"{SHOP}/imports?kind={kind}{more}", data={"file": (io.BytesIO(data), file)}, headers=headers,
        content_type="multipart/form-data",
    )  # fmt: skip


def test_a_file_is_previewed_taken_and_taken_again_without_a_change(county: Flask, operator: dict[str, str]) -> None:
    data = sheet(ORDERS, [done("6901", PEACH), sold("6902", PEACH), sold("6903", PEACH, state="待支付", paid="")])
    before = contents(county)
    preview = sent(county, operator, data, more="&dry_run=true")
    told = {"kind": "orders", "facts": 2, "new": 2, "changed": 0, "passed_over": 1}
    assert preview.get_json() == told | {"dry_run": True}
    assert contents(county) == before
    assert sent(county, operator, data).get_json() == told | {"dry_run": False}
    after = contents(county)
    assert sent(county, operator, data).get_json() == told | {"dry_run": False, "new": 0}
    again = contents(county)
    files = county.test_client().get(f"{SHOP}/imports", headers=operator).get_json()["items"]
    assert [(row["kind"], row["file"], row["facts"], row["new"]) for row in files] == [
        ("orders", "导出.csv", 2, 0),
        ("orders", "导出.csv", 2, 2),
    ]
    assert {row["sha256"] for row in files} == {hashlib.sha256(data).hexdigest()}
    assert [name for name in after if after[name] != again[name]] == ["marketplace_imports"]


def test_lines_are_listed_with_our_orders(county: Flask, operator: dict[str, str]) -> None:
    sent(county, operator, sheet(ORDERS, [sold("6901", PEACH), sold("6902", PEACH, state="已关闭")]))
    listed = county.test_client().get(f"{SHOP}/orders", headers=operator).get_json()["items"]
    assert [(row["number"], row["status"], row["held_up"]) for row in listed] == [
        ("6902", None, None),
        ("6901", "placed", None),
    ]
    found = county.test_client().get(f"{SHOP}/orders?number=6901", headers=operator).get_json()["items"]
    assert [row["sku"] for row in found] == [PEACH]
    shown = county.test_client().get(SHOP, headers=operator).get_json()
    assert (shown["orders"], shown["behind"], shown["items"]) == (2, 1, 0)


def test_a_sku_is_mapped_and_keeps_its_meaning_once_it_was_sold(county: Flask, operator: dict[str, str]) -> None:
    put: Any = county.test_client().post
    item = {"shop_sku": "桃-10斤", "sku": PEACH, "packs": 2}
    assert put(f"{SHOP}/items", json=item, headers=operator).status_code == 201
    assert put(f"{SHOP}/items", json=item | {"packs": 3}, headers=operator).status_code == 201
    assert sent(county, operator, sheet(ORDERS, [sold("6901", "桃-10斤")])).status_code == 200
    refused = put(f"{SHOP}/items", json=item, headers=operator)
    assert (refused.status_code, refused.get_json()["type"].rpartition("#")[2]) == (409, "marketplace-item-taken")
    listed = county.test_client().get(f"{SHOP}/items", headers=operator).get_json()["items"]
    assert [(row["shop_sku"], row["packs"]) for row in listed] == [("桃-10斤", 3)]


def refused_rows(answer: TestResponse) -> list[tuple[int, str, str]]:
    assert answer.status_code == 422, answer.text
    return [(row["line"], row["column"], row["reason"]) for row in answer.get_json()["rows"]]


GOOD = sheet(ORDERS, [sold("6901", PEACH), sold("6902", PEACH)], "utf-8")
LINES = GOOD.split(b"\r\n")

BAD_FILES: dict[str, tuple[bytes, list[tuple[int, str, str]]]] = {
    "nothing": (b"", [(1, "主订单编号", "is missing")]),
    "quote": (LINES[0] + b"\r\n" + LINES[1] + b'\r\n"6902', [(3, "", "is not CSV: a quote is not closed")]),
    "nul": (GOOD + b"\x00", [(0, "", "is not a text file")]),
    "neither": (GOOD + b"\xff\xff\xff", [(4, "", "is neither UTF-8 nor GBK")]),
    "short": (LINES[0] + b"\r\n6901,1\r\n" + LINES[2], [(2, "", "has 2 cells, not 15")]),
    "header twice": (GOOD.replace("达人优惠".encode(), "平台优惠".encode()), [(1, "平台优惠", "comes twice")]),
    "header missing": (GOOD.replace("商家编码".encode(), "编码".encode()), [(1, "商家编码", "is missing")]),
    "formula": (GOOD.replace(b"39.80", b"=1+1", 1), [(2, "订单应付金额", "must be yuan with at most two decimals")]),
    "unseen": (
        GOOD.replace(b"PL001", "PL\u202e001".encode(), 1),
        [(2, "商家编码", "holds a line break or an unseen character")],
    ),
}


@pytest.mark.parametrize("name", sorted(BAD_FILES))
def test_t65_a_bad_file_is_refused_by_line_and_nothing_is_taken(
    county: Flask, operator: dict[str, str], name: str
) -> None:
    data, expected = BAD_FILES[name]
    before = contents(county)
    found = refused_rows(sent(county, operator | {"Accept-Language": "en"}, data))
    assert expected[0] in [(line, column, reason) for line, column, reason in found]
    assert contents(county) == before


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "gb18030"])
def test_t65_every_encoding_that_shops_export_reads_the_same(
    county: Flask, operator: dict[str, str], encoding: str
) -> None:
    data = sheet(ORDERS, [sold("6901", PEACH, packs=2)], encoding)
    assert sent(county, operator, data).get_json()["new"] == 1


def test_a_workbook_reads_as_the_same_table_would(county: Flask, operator: dict[str, str]) -> None:
    book = write_xlsx(Sheet("订单", ORDERS, [done("6901", PEACH, packs=2, yuan="79.60")]))
    assert sent(county, operator, book, file="订单.xlsx").get_json()["new"] == 1
    assert sent(county, operator, sheet(ORDERS, [done("6901", PEACH, packs=2, yuan="79.60")])).get_json()["new"] == 0


def test_t65_a_number_that_a_workbook_has_cut_is_refused(county: Flask, operator: dict[str, str]) -> None:
    row: list[Any] = list(sold("6901", PEACH))
    row[0] = 6901234567890123456
    found = refused_rows(sent(county, operator | {"Accept-Language": "en"}, write_xlsx(Sheet("订单", ORDERS, [row]))))
    assert [(line, column) for line, column, _ in found] == [(2, "主订单编号")]
    assert "scientific notation" in found[0][2]


def test_t65_a_workbook_that_is_a_bomb_is_refused(county: Flask, operator: dict[str, str]) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as bomb:
        bomb.writestr("xl/worksheets/sheet1.xml", b" " * (MAX_UNPACKED + 1))
    before = contents(county)
    found = refused_rows(sent(county, operator | {"Accept-Language": "en"}, packed.getvalue(), file="a.xlsx"))
    assert found == [(0, "", "the workbook is too large when unpacked")]
    assert contents(county) == before


def test_t65_a_path_in_the_file_name_is_only_a_name(county: Flask, operator: dict[str, str]) -> None:
    answer = sent(county, operator, sheet(ORDERS, [sold("6901", "NO")]), file="../../etc/passwd")
    assert answer.get_json()["rows"][0]["file"] == "../../etc/passwd"


def test_t65_a_million_rows_are_refused_at_the_first_too_many(county: Flask, operator: dict[str, str]) -> None:
    row = ",".join(sold("6901", PEACH)).encode() + b"\r\n"
    many = LINES[0] + b"\r\n" + row * (19 * 1024 * 1024 // len(row))
    began = time.monotonic()
    # Written by hand: the test client would put so large a body on disk and leave it open.
    body = b'--X\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n' + many + b"\r\n--X--\r\n"
    answer = county.test_client().post(
        f"{SHOP}/imports?kind=orders", data=body, headers=operator | {"Accept-Language": "en"},
        content_type="multipart/form-data; boundary=X",
    )  # fmt: skip
    found = refused_rows(answer)
    assert found == [(MAX_ROWS + 2, "", f"more than {MAX_ROWS} rows; export in parts")]
    assert time.monotonic() - began < 30


def test_only_one_file_comes_at_a_time(county: Flask, operator: dict[str, str]) -> None:
    none = county.test_client().post(
        f"{SHOP}/imports?kind=orders", data={}, headers=operator, content_type="multipart/form-data"
    )
    assert none.status_code == 422


def test_known_rows_cost_the_same_few_statements_however_many_they_are(county: Flask, operator: dict[str, str]) -> None:
    counts = []
    for many in (2, 20):
        data = sheet(ORDERS, [sold(f"69{number:03}", PEACH) for number in range(many)])
        assert sent(county, operator, data).status_code == 200
        with statements() as seen:
            assert sent(county, operator, data).get_json()["new"] == 0
        counts.append(len(seen))
    assert counts[0] == counts[1] <= 20, counts


WRONG_PROFILES: dict[str, dict[str, Any]] = {
    "no orders": {"code": "x", "name_zh": "某平台"},
    "no state": {"orders": {"columns": {"number": "a"}}},
    "a strange member": {"script": "x"},
    "days": {"settle_days": -1},
    "a strange meaning": {"states": {"好": "great"}},
}


@pytest.mark.parametrize("name", sorted(WRONG_PROFILES))
def test_a_profile_that_cannot_be_used_is_refused(county: Flask, operator: dict[str, str], name: str) -> None:
    wrong = WRONG_PROFILES[name]
    good = templates()["832"]
    profile = wrong if name == "no orders" else good | wrong
    if "states" in wrong:
        profile = good | {"orders": good["orders"] | wrong}
    before = contents(county)
    answer = county.test_client().put(SHOP, json={"profile": profile}, headers=operator)
    assert answer.status_code == 422, answer.text
    assert contents(county) == before


@pytest.mark.parametrize("code", sorted(templates()))
def test_every_profile_that_ships_can_be_used(county: Flask, operator: dict[str, str], code: str) -> None:
    answer = county.test_client().put(SHOP, json={"template": code, "settle_days": 9}, headers=operator)
    assert (answer.status_code, answer.get_json()["settle_days"]) == (200, 9)


def test_a_partner_that_is_no_shop_has_no_files(county: Flask, operator: dict[str, str]) -> None:
    refused = county.test_client().put("/api/v1/marketplaces/HOST", json={"template": "douyin"}, headers=operator)
    assert refused.get_json()["type"].rpartition("#")[2] == "not-a-marketplace"
    missing = county.test_client().get("/api/v1/marketplaces/HOST", headers=operator)
    assert missing.get_json()["type"].rpartition("#")[2] == "marketplace-not-set-up"
