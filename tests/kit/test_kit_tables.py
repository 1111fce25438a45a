"""Tables out and in: nothing runs, nothing is lost, nothing grows without bound."""

import io
import re
import time
import zipfile
from collections.abc import Callable
from datetime import date
from decimal import Decimal

import pytest
import xlsxwriter  # type: ignore[import-untyped]
from hypothesis import given
from hypothesis import strategies as st

from shop.kit.tables import MAX_UNPACKED, Sheet, TableRefused, read_table, write_csv, write_xlsx, yuan_cell

NASTY = [
    "=1+1",
    "+1",
    "-1",
    "@x",
    "\t=1",
    "\r=1",
    "＝1",
    "'=1",
    '"=1',
    "＠x",
    "http://x.example",
    "6901234567890123456",
]


def rows_of(data: bytes) -> list[list[str]]:
    return [row for _, row in read_table(data)]


def repacked(data: bytes, change: Callable[[str, bytes], bytes]) -> bytes:
    """The same workbook with parts changed."""
    packed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, change(name, old.read(name)))
    return packed.getvalue()


def test_t64_no_cell_of_a_workbook_is_a_formula_and_numbers_stay_numbers() -> None:
    data = write_xlsx(
        Sheet("表", ["文字", "数", "金额", "日期"], [[cell, 3, yuan_cell(1050), date(2025, 7, 1)] for cell in NASTY])
    )
    with zipfile.ZipFile(io.BytesIO(data)) as book:
        sheet = book.read("xl/worksheets/sheet1.xml")
    assert b"<f>" not in sheet
    assert b"hyperlink" not in sheet
    assert sheet.count(b"<v>3</v>") == sheet.count(b"<v>10.50</v>") == len(NASTY)
    read = rows_of(data)
    assert [row[1:] for row in read[1:]] == [["3", "10.5", "2025-07-01"]] * len(NASTY)
    assert [row[0].strip() for row in read[1:]] == [cell.strip() for cell in NASTY]


def test_a_number_is_shown_with_the_decimals_that_it_came_with() -> None:
    weight, share = Decimal(12_345).scaleb(-3), Decimal(8_512).scaleb(-2)
    data = write_xlsx(Sheet("表", ["金额", "重量", "比率"], [[yuan_cell(1050), weight, share]]))
    with zipfile.ZipFile(io.BytesIO(data)) as book:
        styles, sheet = book.read("xl/styles.xml").decode(), book.read("xl/worksheets/sheet1.xml").decode()
    codes = dict(re.findall(r'numFmtId="(\d+)" formatCode="([^"]+)"', styles)) | {"4": "#,##0.00"}
    cells = re.findall(r'<xf numFmtId="(\d+)"', styles.partition("<cellXfs")[2])
    shown = [codes[cells[int(style)]] for style in re.findall(r'<c r="[A-C]2" s="(\d+)"', sheet)]
    assert shown == ["#,##0.00", "#,##0.000", "#,##0.00"]


def test_a_number_shown_as_percent_is_read_as_it_is_shown() -> None:
    written = io.BytesIO()
    with xlsxwriter.Workbook(written) as book:
        page = book.add_worksheet()
        for column, (form, value) in enumerate([
            ("0%", 0.1), ("0.00%", 0.07), ('0.0%;[Red]-0.0%', -0.125), ("General", 0.1), ('0"%"', 5), (r"0\%", 5),
        ]):  # fmt: skip
            page.write_number(2, column + 3, value, book.add_format({"num_format": form}))
        page.write_string(2, 9, "0.1", book.add_format({"num_format": "0%"}))
    wanted = [(3, ["10%", "7%", "-12.5%", "0.1", "5", "5", "0.1"])]
    assert list(read_table(written.getvalue())) == wanted

    def bare(name: str, part: bytes) -> bytes:
        return re.sub(rb' r="[A-Z]*3"', b"", part) if name == "xl/worksheets/sheet1.xml" else part

    # Where a sheet does not say where its cells stand, they stand one after the other.
    assert [row[:3] for row in rows_of(repacked(written.getvalue(), bare))][-1] == wanted[0][1][:3]


@pytest.mark.parametrize("text", NASTY[:10])
def test_t64_no_cell_of_a_csv_begins_as_a_formula(text: str) -> None:
    (_, (cell, number)) = rows_of(write_csv(["文字", "数"], [[text, -5]]))
    assert cell.startswith("'")
    assert cell.endswith(text.strip()) or text in cell
    assert number == "-5"


def test_a_csv_opens_with_its_chinese_as_written() -> None:
    assert write_csv(["商品"], [["桃"], [None]]) == '\ufeff商品\r\n桃\r\n""\r\n'.encode()


@given(st.integers(-(10**12), 10**12))
def test_yuan_of_a_cell_are_the_fen_exactly(amount_fen: int) -> None:
    assert yuan_cell(amount_fen) * 100 == amount_fen
    assert isinstance(yuan_cell(amount_fen), Decimal)


def test_what_was_written_is_read_on_the_lines_where_it_stands() -> None:
    data = write_xlsx(Sheet("表", ["甲", "乙"], [["a", 1], ["b", 2]]))
    assert list(read_table(data)) == [(1, ["甲", "乙"]), (2, ["a", "1"]), (3, ["b", "2"])]


def test_a_number_that_a_spreadsheet_has_cut_shows_it() -> None:
    data = write_xlsx(Sheet("表", ["编号"], [[6901234567890123456], [123456789012345]]))
    assert rows_of(data)[1:] == [["6.90123456789012e+18"], ["123456789012345"]]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "gb18030"])
def test_csv_is_read_in_every_encoding_that_china_exports(encoding: str) -> None:
    assert rows_of("商品,数\r\n桃,1\r\n".encode(encoding)) == [["商品", "数"], ["桃", "1"]]


BOOK = write_xlsx(Sheet("表", ["甲"], [["a"]]))
BAD_BOOKS: dict[str, tuple[bytes, str]] = {
    "cut": (BOOK[: len(BOOK) // 2], "the workbook is damaged or of another kind"),
    "no workbook": (repacked(BOOK, lambda name, part: b"x"), "the workbook is damaged or of another kind"),
    "far cell": (
        repacked(BOOK, lambda name, part: part.replace(b'r="A2"', b'r="XFD1048576"')),
        "the sheet spans too many cells",
    ),
    "bomb": (
        repacked(BOOK, lambda name, part: part + b" " * (MAX_UNPACKED // 2) if name.endswith(".xml") else part),
        "the workbook is too large when unpacked",
    ),
    "entities": (
        repacked(BOOK, lambda name, part: b'<!DOCTYPE x [<!ENTITY a "aa">]>' + part if "sheet1" in name else part),
        "the workbook holds a document type",
    ),
}


@pytest.mark.parametrize("name", sorted(BAD_BOOKS))
def test_t65_a_workbook_that_means_no_good_is_refused_at_once(name: str) -> None:
    data, why = BAD_BOOKS[name]
    began = time.monotonic()
    with pytest.raises(TableRefused) as refused:
        rows_of(data)
    assert (refused.value.line, refused.value.en) == (0, why)
    assert time.monotonic() - began < 10


@given(st.binary(max_size=300))
def test_t65_any_bytes_are_rows_or_a_refusal(data: bytes) -> None:
    for start in (b"", b"PK\x03\x04"):
        try:
            assert all(isinstance(cell, str) for _, row in read_table(start + data) for cell in row)
        except TableRefused:
            continue


def columns_of(sheet: str) -> list[float]:
    return [float(width) for width in re.findall(r'<col min="\d+" max="\d+" width="([\d.]+)"', sheet)]


def test_a_workbook_prints_across_on_one_width_with_its_head_on_every_page() -> None:
    part = zipfile.ZipFile(io.BytesIO(write_xlsx(Sheet("表", ["甲", "乙"], [["a", 1]] * 200), Sheet("二", ["丙"], []))))
    for name in ("xl/worksheets/sheet1.xml", "xl/worksheets/sheet2.xml"):
        sheet = part.read(name).decode()
        assert re.search(r'<pageSetup paperSize="9" fitToHeight="0" orientation="landscape"', sheet)
        assert "<pageSetUpPr fitToPage=" in sheet
    names = part.read("xl/workbook.xml").decode()
    assert set(re.findall(r'_xlnm.Print_Titles"[^>]*>([^<]+)<', names)) == {"表!$1:$1", "二!$1:$1"}


def test_columns_are_as_wide_as_they_need_and_long_texts_are_wrapped() -> None:
    long = "更正原因很长" * 20
    header = ["金额", "原因", "很长很长很长很长很长的列名（元）", "日期", "空"]
    data = write_xlsx(
        Sheet("表", header, [[Decimal("1234567.89"), long, 1, date(2025, 7, 1), None], [None, "短", 22, None, None]])
    )
    part = zipfile.ZipFile(io.BytesIO(data))
    amount, reason, named, day, empty = columns_of(part.read("xl/worksheets/sheet1.xml").decode())
    assert 12 < amount < 15
    assert 42 < reason < 46
    assert 14 < named < 18
    assert 10 < day < 14
    assert 2 < empty < 6
    styles = part.read("xl/styles.xml").decode()
    assert len(re.findall(r'<alignment vertical="top" wrapText="1"/>', styles)) == 1
    assert rows_of(data)[1][1] == long


def test_a_text_with_few_columns_beside_it_has_the_paper() -> None:
    part = zipfile.ZipFile(io.BytesIO(write_xlsx(Sheet("封面", ["项目", "内容"], [["口径", "字" * 300]]))))
    name, said = columns_of(part.read("xl/worksheets/sheet1.xml").decode())
    assert name < 10
    assert 70 < said < 75
