"""A draft from a workbook: the same as by the form, or every bad cell named and nothing written."""

from collections.abc import Sequence
from io import BytesIO
from typing import Any

import pytest
from flask import Flask
from python_calamine import CalamineWorkbook
from xlsxwriter import Workbook  # type: ignore[import-untyped]

from shop.agreements.draft_files import HELP_SHEET, LINES, LINES_SHEET, TERMS, TERMS_SHEET
from shop.catalog.actions import product_by_sku
from shop.catalog.models import ProductStatus
from shop.kit.db import transaction
from shop.kit.tables import Cell, Sheet, write_xlsx
from tests.factories.tables import contents
from tests.factories.world import World, build

URL = "/api/v1/agreements/drafts"
FORM = {
    "code": "A92", "partner": "B01", "firm": "F01", "starts_on": "2025-07-16", "ends_on": "2025-12-31",
    "schedule": "weekly:1", "payment_term_days": 30, "deposit_bp": 1_000, "penalty_bp": 500, "tolerance_bp": 250,
    "note": "首稿",
    "lines": [
        {"sku": "PL001", "per_date_g": 20_500, "minimum_date_g": 10_000, "floor_fen_per_kg": 540,
         "price_rule": "MARKET_PLUS", "margin_bp": 500, "farm_gate_floor_fen_per_kg": 305, "off_bp": 0,
         "quote_source": "甲（示例）", "schedule": "monthly:15,31"},
    ],
}  # fmt: skip
HEAD = ["A92", "B01", "F01", "2025-07-16", "2025-12-31", "weekly:1", "30", "10", "5%", "", "2.5", "", "首稿"]
PEACH = ["PL001", "", "20.5", "", "10", "5.40", "行情加成", "5", "3.05", "", "", "0", "甲（示例）", "monthly:15,31"]


@pytest.fixture
def world(committed: Flask) -> World:
    return build(committed)


def book(heads: Sequence[Sequence[Cell]], lines: Sequence[Sequence[Cell]]) -> bytes:
    return write_xlsx(
        Sheet(TERMS_SHEET, [column.header for column in TERMS], heads),
        Sheet(LINES_SHEET, [column.header for column in LINES], lines),
    )


def changed(row: Sequence[str], cells: dict[int, str]) -> list[Cell]:
    return [cells.get(number, cell) for number, cell in enumerate(row)]


def send(world: World, data: bytes, who: str = "buyer", language: str = "zh") -> Any:
    return world.app.test_client().post(
        f"{URL}/imports", data={"file": (BytesIO(data), "协议.xlsx")},
        headers=world.headers[who] | {"Accept-Language": language}, content_type="multipart/form-data",
    )  # fmt: skip


def cells_refused(world: World, data: bytes, who: str = "buyer") -> list[tuple[str, int, str]]:
    before = contents(world.app)
    answer = send(world, data, who)
    assert (answer.status_code, answer.get_json()["type"].rpartition("#")[2]) == (422, "draft-refused"), answer.text
    assert contents(world.app) == before
    rows = answer.get_json()["rows"]
    assert answer.get_json()["errors_total"] == len(rows)
    return [(row["sheet"], row["line"], row["column"]) for row in rows]


@pytest.mark.parametrize("who", ["buyer", "firm_staff", "operator"])
def test_a_filled_workbook_gives_the_draft_of_the_form(world: World, who: str) -> None:
    [by_file] = send(world, book([HEAD], [PEACH]), who).get_json()["items"]
    by_form = world.app.test_client().post(URL, json=FORM | {"code": "A93"}, headers=world.headers[who])
    [asked] = by_form.get_json()["items"]
    assert by_file["terms"] == asked["terms"] | {"agreement": "A92"}
    same = ("number", "proposed_by", "note", "in_force", "signatures")
    assert [by_file[name] for name in same] == [asked[name] for name in same]
    before = contents(world.app)
    again = send(world, book([HEAD], [PEACH]), who)
    assert (again.status_code, again.get_json()["type"].rpartition("#")[2]) == (409, "code-taken")
    assert contents(world.app) == before


def test_the_template_has_the_headers_and_says_what_may_stand_in_each_column(world: World) -> None:
    answer = world.app.test_client().get(f"{URL}/template.xlsx", headers=world.headers["firm_staff"])
    assert answer.status_code == 200
    found = CalamineWorkbook.from_filelike(BytesIO(answer.data))
    assert found.sheet_names == [TERMS_SHEET, LINES_SHEET, HELP_SHEET]
    told = found.get_sheet_by_name(HELP_SHEET).to_python()[1:]
    assert [row[:2] for row in told] == [
        [title, header]
        for title in (TERMS_SHEET, LINES_SHEET)
        for header in found.get_sheet_by_name(title).to_python()[0]
    ]
    assert cells_refused(world, answer.data) == [(LINES_SHEET, 0, ""), (TERMS_SHEET, 0, "")]


@pytest.mark.parametrize("number", range(len(TERMS)))
def test_every_bad_cell_of_the_terms_is_named(world: World, number: int) -> None:
    bad = {0: "A 92", 1: "无此买方", 2: "F99", 3: "16.7.2025", 4: "2025-07-15", 5: "fortnightly", 6: "61", 7: "20.01",
           8: "31", 9: "1.234", 10: "多", 11: "A404", 12: "长" * 501}  # fmt: skip
    data = book([changed(HEAD, {number: bad[number]})], [PEACH])
    named = cells_refused(world, data)
    assert (TERMS_SHEET, 2, TERMS[number].header) in named
    # A firm that does not exist has no such product either.
    assert len(named) == (2 if number == 2 else 1)


@pytest.mark.parametrize("number", range(len(LINES)))
def test_every_bad_cell_of_the_products_is_named(world: World, number: int) -> None:
    bad = {0: "PL999", 1: "5", 2: "0", 3: "-1", 4: "20.501", 5: "5.401", 6: "随便", 7: "101", 8: "三元", 9: "99",
           10: "100.5", 11: "1e2", 12: "长" * 121, 13: "monthly:32"}  # fmt: skip
    named = cells_refused(world, book([HEAD], [changed(PEACH, {number: bad[number]})]))
    assert named == [(LINES_SHEET, 2, LINES[number].header)]


def test_a_cell_of_percent_says_what_it_shows(world: World) -> None:
    """0.1 shown as 10 % is 10 %, in a workbook of any program."""
    written = BytesIO()
    with Workbook(written) as filled:
        percent = filled.add_format({"num_format": "0.0%"})
        for title, columns, row in ((TERMS_SHEET, TERMS, HEAD), (LINES_SHEET, LINES, PEACH)):
            page = filled.add_worksheet(title)
            page.write_row(0, 0, [column.header for column in columns])
            page.write_row(1, 0, row)
        for place, share in ((7, 0.1), (8, 0.055), (10, 0.025)):
            filled.get_worksheet_by_name(TERMS_SHEET).write_number(1, place, share, percent)
    answer = send(world, written.getvalue())
    assert answer.status_code == 201, answer.text
    told = answer.get_json()["items"][0]["terms"]
    assert (told["deposit_bp"], told["penalty_bp"], told["tolerance_bp"]) == (1_000, 550, 250)


def test_what_the_draft_refuses_of_a_line_is_named_by_its_cell(world: World) -> None:
    dear = changed(PEACH, {2: "9000000", 5: "100000"})
    assert cells_refused(world, book([HEAD], [dear])) == [(LINES_SHEET, 2, "每次量（kg）")]
    least = changed(PEACH, {1: "100", 2: "", 4: "50"})
    assert cells_refused(world, book([HEAD], [least])) == [(LINES_SHEET, 2, "买方每次最低量（kg）")]
    beyond = changed(PEACH, {3: "100000"})
    assert cells_refused(world, book([HEAD], [beyond])) == [(LINES_SHEET, 2, "买方最低总量（kg）")]
    with transaction() as session:
        product_by_sku(session, "PL001").status = ProductStatus.WITHDRAWN
    assert cells_refused(world, book([HEAD], [PEACH])) == [(LINES_SHEET, 2, "商品编码")]


def test_a_single_delivery_outside_the_term_is_named_by_its_cell(world: World) -> None:
    late = "once:2099-01-01"
    assert cells_refused(world, book([changed(HEAD, {5: late})], [PEACH])) == [(TERMS_SHEET, 2, TERMS[5].header)]
    assert cells_refused(world, book([HEAD], [changed(PEACH, {13: late})])) == [(LINES_SHEET, 2, LINES[13].header)]


def test_a_schedule_that_could_never_be_called_is_named_by_its_cell(world: World) -> None:
    with transaction() as session:
        product = product_by_sku(session, "PL001")
        product.harvest_start_month, product.harvest_end_month, product.shelf_life_days = 7, 8, 7
    never = changed(PEACH, {13: "once:2025-12-20"})
    assert cells_refused(world, book([HEAD], [never])) == [(LINES_SHEET, 2, LINES[13].header)]


def test_all_bad_cells_are_named_at_once_in_the_readers_language(world: World) -> None:
    data = book([changed(HEAD, {6: "", 8: "31"})], [PEACH, changed(PEACH, {5: "0"})])
    assert cells_refused(world, data) == [
        (LINES_SHEET, 3, "保底价（元/kg）"), (LINES_SHEET, 3, "商品编码"), (TERMS_SHEET, 2, "付款期限（天）"),
        (TERMS_SHEET, 2, "企业违约金（%）"),
    ]  # fmt: skip
    told = {lang: send(world, data, language=lang).get_json()["rows"][1]["reason"] for lang in ("zh", "en")}
    assert told["zh"] == "重复：须填供方的商品编码，每种商品一行"
    assert told["en"].startswith("twice")


def test_what_only_the_shop_knows_is_named_by_its_cell_and_what_is_anothers_is_as_if_it_were_not(world: World) -> None:
    assert cells_refused(world, book([changed(HEAD, {1: "B02"})], [PEACH])) == [(TERMS_SHEET, 2, "买方编码")]
    early = changed(HEAD, {3: "2001-01-01", 4: "2001-12-31"})
    assert cells_refused(world, book([early], [PEACH])) == [(TERMS_SHEET, 2, "首日")]
    foreign, missing = (send(world, book([changed(HEAD, {1: code})], [PEACH])).get_json() for code in ("B02", "B99"))
    assert [str(answer["rows"]).replace("B02", "B99") for answer in (foreign, missing)] == [str(missing["rows"])] * 2
    # A02 is of the other buyer and the other firm.
    foreign, missing = (send(world, book([changed(HEAD, {11: code})], [PEACH])).get_json() for code in ("A02", "A99"))
    assert [str(answer["rows"]).replace("A02", "A99") for answer in (foreign, missing)] == [str(missing["rows"])] * 2
    assert "续签的协议" in str(missing["rows"])


@pytest.mark.parametrize(
    ("data", "named"),
    [
        (b"not a workbook", ("", 0, "")),
        (write_xlsx(Sheet(TERMS_SHEET, ["协议编号"], [])), ("", 0, "")),
        (write_xlsx(Sheet(TERMS_SHEET, [column.header for column in TERMS], [HEAD]), Sheet(LINES_SHEET, ["商品"], [])),
         (LINES_SHEET, 1, "")),
        (book([HEAD, HEAD], [PEACH]), (TERMS_SHEET, 0, "")),
        (book([HEAD], [PEACH] * 51), (LINES_SHEET, 0, "")),
    ],
)  # fmt: skip
def test_another_file_is_refused_with_what_is_missing(world: World, data: bytes, named: tuple[str, int, str]) -> None:
    assert cells_refused(world, data) == [named]


@pytest.mark.parametrize(
    ("who", "own", "other", "theirs"), [("buyer", "partner", "firm", "B02"), ("firm_staff", "firm", "partner", "F02")]
)
def test_t48_a_form_for_somebody_else_answers_as_if_he_were_not_there(
    world: World, who: str, own: str, other: str, theirs: str
) -> None:
    """Whatever else it names, so that a code that is not there cannot be told from one that is."""
    client = world.app.test_client()
    for else_named in ("F01" if other == "firm" else "B01", "NOBODY"):
        foreign, missing = (
            client.post(URL, json=FORM | {own: code, other: else_named}, headers=world.headers[who])
            for code in (theirs, "NOT-THERE")
        )
        assert foreign.status_code == missing.status_code == 404
        said = [answer.get_json() | {"request_id": ""} for answer in (foreign, missing)]
        assert str(said[0]).replace(theirs, "X") == str(said[1]).replace("NOT-THERE", "X")
